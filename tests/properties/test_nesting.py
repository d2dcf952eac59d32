"""Nested control flow, drawn at random: the library's constructs do what Python's loops and branches do.

In value (eager, compiled, and as the interpreter of the kernel IR has it), in derivatives of both modes and two orders, and batched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
import functrans.numpy as fnp
from functrans.compiler.driver import compile_jaxpr
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify
from tests.properties.nesting import Program, grown

EXAMPLES = settings.default.max_examples
ALL = ("float64", "float64", "float32", "int32", "int64", "bool", "complex128")
DOUBLE = ("float64", "int64", "bool", "complex128")
SMOOTH = ("float64", "int64", "bool")


def programs(dtypes: Sequence[str]) -> st.SearchStrategy[Program]:
    return st.builds(lambda seed, steps: grown(seed, steps, dtypes), st.integers(0, 2**31), st.integers(1, 6))


def close(got: Any, want: Any, tol: float, what: str) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape and got.dtype == want.dtype, f"{what}: {got.dtype}{got.shape} for {want.dtype}{want.shape}"
    if want.dtype.kind in "fc":
        np.testing.assert_allclose(got, want, rtol=tol, atol=tol, err_msg=what)
    else:
        np.testing.assert_array_equal(got, want, err_msg=what)


@settings(max_examples=6 * EXAMPLES)
@given(programs(ALL))
def test_value(p: Program) -> None:
    want = p.python(*p.inputs)
    tol = 1e-3 if p.uses("float32") or any(x.dtype == np.float32 for x in p.inputs) else 1e-9
    executable = compile_jaxpr(ft.make_jaxpr(p)(*p.inputs))
    verify(executable.stages.program)
    for i, (got, w) in enumerate(zip(executable(list(p.inputs)), want, strict=True)):
        close(got, w, tol, f"compiled result {i}")
    computed = run(executable.stages.program, p.inputs)
    for i, ((kind, which), w) in enumerate(zip(executable.plan, want, strict=True)):
        if kind == "out":
            close(computed[which], w, tol, f"interpreted result {i}")
    for i, (got, w) in enumerate(zip(p(*p.inputs), want, strict=True)):
        close(got, w, tol, f"eager result {i}")


def scalar(fun: Callable[..., Any], inputs: Sequence[np.ndarray], moving: Sequence[int]) -> Callable[..., Any]:
    """A number that depends smoothly on the floating results, as a function of the inputs at `moving`."""
    def total(*xs: Any) -> Any:
        args = list(inputs)
        for i, x in zip(moving, xs, strict=True):
            args[i] = x
        ys = [y for y in fun(*args) if y.dtype.kind == "f" and y.size]
        return sum((fnp.mean(fnp.sin(y)) for y in ys), start=0.0 * fnp.sum(xs[0]))

    return total


@settings(max_examples=max(4, EXAMPLES // 2))
@given(programs(SMOOTH))
def test_derivatives(p: Program) -> None:
    moving = [i for i, x in enumerate(p.inputs) if x.dtype.kind == "f"]
    xs = tuple(p.inputs[i] for i in moving)
    which = tuple(range(len(xs)))
    rng = np.random.default_rng(0)
    dots = tuple(rng.normal(size=x.shape) for x in xs)
    f, g = scalar(p, p.inputs, moving), scalar(p.python, p.inputs, moving)

    def gradient(h: Any) -> Any:
        return ft.grad(h, which)

    def along(h: Any) -> Any:
        return lambda *xs: sum(fnp.sum(a * d) for a, d in zip(gradient(h)(*xs), dots, strict=True))

    def check(what: str, fun: Any, want: Any, tol: float, runs: Sequence[Any] = (lambda h: h, ft.jit)) -> None:
        for h in runs:
            for i, (a, b) in enumerate(zip(ft.tree.leaves(h(fun)(*xs)), ft.tree.leaves(want), strict=True)):
                close(a, b, tol, f"{what} {i}")

    check("grad", gradient(f), gradient(g)(*xs), 1e-8)
    if not p.uses("custom_vjp"):  # which has no forward mode
        check("jvp", lambda *xs: ft.jvp(f, xs, dots), ft.jvp(g, xs, dots), 1e-8)
    second = ft.jvp(gradient(g), xs, dots)[1]
    check("jvp of grad", lambda *xs: ft.jvp(gradient(f), xs, dots)[1], second, 1e-6, [ft.jit])
    check("grad of grad", gradient(along(f)), second, 1e-6, [ft.jit])


@settings(max_examples=2 * EXAMPLES)
@given(programs(DOUBLE))
def test_batches(p: Program) -> None:
    """vmap over all inputs, and over every other one, against a loop of calls."""
    def varied(x: np.ndarray, k: int) -> np.ndarray:
        return x if k == 0 else ~x if x.dtype == bool else np.asarray(x * 0.5 if x.dtype.kind in "fc" else x + k).astype(x.dtype)

    rows = [[varied(x, k) for x in p.inputs] for k in range(3)]
    every: tuple[int | None, ...] = (0,) * len(p.inputs)
    other = tuple(0 if i % 2 == 0 else None for i in range(len(p.inputs)))
    for axes, runs in ((every, (lambda f: f, ft.jit)), (other, (ft.jit,))):
        each = [p.python(*[r if a == 0 else x for r, a, x in zip(row, axes, p.inputs, strict=True)]) for row in rows]
        args = [np.stack(column) if a == 0 else x for column, a, x in zip(zip(*rows, strict=True), axes, p.inputs, strict=True)]
        for h in runs:
            for i, got in enumerate(h(ft.vmap(p, axes))(*args)):
                close(got, np.stack([np.asarray(e[i]) for e in each]), 1e-8, f"result {i} over {axes}")
