"""Every public function: values, compiled, mapped and derivatives, all driven by the rows of the table.

The functions run operation by operation here (`disable_jit`), so that nothing is compiled but the programs of `test_compiled`, each of
which holds many functions: a compilation has a price of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.core.trace import to_numpy
from functrans.test_util import check_jvp, check_vjp
from functrans.tree_util import tree_leaves
from tests.names.rows import Name
from tests.names.table import ROWS

ROOT = Path(__file__).resolve().parents[2]
PROGRAM_SIZE = 25
"""How many calls are compiled as one program."""
REFUSALS = (TypeError, ValueError, NotImplementedError)

Case = tuple[Name, str]
CASES: list[Case] = [(row, dtype) for row in ROWS for dtype in row.dtypes]
LARGE = ("random", "scipy.special", "scipy.stats")
"""Namespaces whose functions are long programs; these are compiled for the widest dtype alone."""
COMPILED = [(row, dtype) for row, dtype in CASES if not row.native and (dtype == row.dtypes[-1] or not row.path.startswith(LARGE))]
PROGRAMS = [COMPILED[i:i + PROGRAM_SIZE] for i in range(0, len(COMPILED), PROGRAM_SIZE)]
DERIVED = [case for case in CASES if case[1] in ("float64", "complex128") and case[0].operands]


def which(case: Case) -> str:
    return f"{case[0]}-{case[1]}"


def arrays(tree: Any) -> list[np.ndarray]:
    return [to_numpy(x) for x in tree_leaves(tree)]


def tolerance(row: Name, dtypes: Sequence[np.dtype]) -> float:
    narrow = any(d.kind in "fc" and d.itemsize // (1 + (d.kind == "c")) < 8 for d in dtypes)
    return max(2e-6, 4 * row.tol**0.5) if narrow else row.tol


def compare(row: Name, args: list[np.ndarray], got: Any, want: Any, what: str) -> None:
    """Equal numbers of results, shapes and kinds of dtypes; floating values to the row's tolerance, others exactly."""
    got, want = arrays(got), arrays(want)
    assert len(got) == len(want), f"{what}: {len(got)} results, not {len(want)}"
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and g.dtype.kind == w.dtype.kind, f"{what}: {g.dtype}{g.shape}, not {w.dtype}{w.shape}"
        if w.dtype.kind in "fc":
            tol = tolerance(row, [g.dtype, *(a.dtype for a in args)])
            finite = np.abs(w[np.isfinite(w)])
            np.testing.assert_allclose(g, w, rtol=tol, atol=tol * max(1.0, finite.max(initial=0.0)), err_msg=what)
        else:
            np.testing.assert_array_equal(g, w, err_msg=what)


@cache
def evaluated(row: Name, dtype: str) -> Any:
    with ft.disable_jit(not row.loops):
        return row.fun(*row.sample(dtype))


@pytest.mark.parametrize("case", [case for case in CASES if not isinstance(case[0].reference, str)], ids=which)
def test_values(case: Case) -> None:
    row, dtype = case
    args = row.sample(dtype)
    got, want = evaluated(row, dtype), row.expected(*args)
    compare(row, args, got, want, str(row))
    for g, w in zip(arrays(got), arrays(want), strict=True):
        if dtype in ("float64", "complex128"):
            assert g.dtype == w.dtype, f"{row}: {g.dtype}, not {w.dtype}"
        elif dtype == "float32" and g.dtype.kind in "fc" and row.operands and not row.widens:
            assert g.dtype in ("float32", "complex64"), f"{row}: {g.dtype} of float32"


@pytest.mark.parametrize("row", [row for row in ROWS if row.operands and not row.batch], ids=str)
def test_mapped(row: Name) -> None:
    """The function mapped over a stack of samples gives the stack of its results."""
    samples = [row.sample(row.dtypes[-1], number) for number in range(3)]
    with ft.disable_jit(not row.loops):
        looped = [arrays(row.fun(*args)) for args in samples]
        mapped = ft.vmap(row.fun)(*(np.stack(parts) for parts in zip(*samples, strict=True)))
    compare(row, samples[0], mapped, [np.stack(parts) for parts in zip(*looped, strict=True)], f"{row}, mapped")


@pytest.mark.parametrize("cases", PROGRAMS, ids=lambda cases: f"{which(cases[0])}..{which(cases[-1])}")
def test_compiled(cases: list[Case]) -> None:
    """Compiled is as evaluated, and calls no Python."""

    def program(samples: list[list[Any]]) -> list[Any]:
        results = []
        for (row, dtype), args in zip(cases, samples, strict=True):
            try:
                results.append(arrays_of(row, args))
            except Exception as error:
                error.add_note(f"while {row} of {dtype} was traced")
                raise
        return results

    samples = [row.sample(dtype) for row, dtype in cases]
    lowered = ft.jit(program).lower(samples)
    assert not re.search(r"^ *callback ", lowered.as_text("kernels"), re.MULTILINE)
    for (row, dtype), args, got in zip(cases, samples, lowered.compile()(samples), strict=True):
        compare(row, args, got, evaluated(row, dtype), f"{row} of {dtype}, compiled")


def arrays_of(row: Name, args: list[Any]) -> list[Any]:
    return tree_leaves(row.fun(*args))


@pytest.mark.parametrize("row", [row for row in ROWS if row.native], ids=str)
def test_what_cannot_be_compiled_is_refused(row: Name) -> None:
    with pytest.raises(REFUSALS, match=r"tests.names"):
        ft.jit(row.fun)(*row.sample(row.dtypes[-1]))


@pytest.mark.parametrize("row", [row for row in ROWS if row.batch], ids=str)
def test_what_cannot_be_mapped_is_refused(row: Name) -> None:
    args = [np.stack([a, a]) for a in row.sample(row.dtypes[-1])]
    with pytest.raises(REFUSALS), ft.disable_jit(not row.loops):
        ft.vmap(row.fun)(*args)


@pytest.mark.parametrize("case", DERIVED, ids=which)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives(case: Case, mode: str) -> None:
    """Those of floating results by floating operands are what finite differences say; what has none refuses."""
    row, dtype = case
    args = row.sample(dtype)
    tol = row.slope_tol
    with ft.disable_jit(not row.loops):
        if getattr(row, mode):
            with pytest.raises(REFUSALS):
                transformed(row.fun, args, mode)
            return
        fun, free = without(row, args)
        if row.slopes:
            assert all(np.isfinite(x).all() for x in arrays(transformed(fun, free, mode)) if x.dtype != ft.float0)
        elif mode == "forward":
            check_jvp(fun, partial(ft.jvp, fun), free, tol, tol)
        else:
            check_vjp(fun, partial(ft.vjp, fun), free, tol, tol)


@pytest.mark.parametrize("case", [case for case in DERIVED if case[0].held], ids=which)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives_that_are_missing_are_refused(case: Case, mode: str) -> None:
    row, dtype = case
    for place in row.held:
        args = row.sample(dtype)

        def by_one(x: Any, place: int = place, args: list[Any] = args) -> Any:
            return row.fun(*args[:place], x, *args[place + 1:])

        with ft.disable_jit(not row.loops), pytest.raises(NotImplementedError, match="derivative"):
            transformed(by_one, [args[place]], mode)


def without(row: Name, args: list[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
    """The function of the operands that are not held, and these."""

    def fun(*free: Any) -> list[Any]:
        rest = iter(free)
        return tree_leaves(row.fun(*(a if i in row.held else next(rest) for i, a in enumerate(args))))

    return fun, [a for i, a in enumerate(args) if i not in row.held]


def transformed(f: Any, args: list[np.ndarray], mode: str) -> Any:
    """The derivative along ones, computed to the end."""
    ones = [np.ones_like(a) if a.dtype.kind in "fc" else np.zeros(a.shape, ft.float0) for a in args]
    if mode == "forward":
        return ft.jvp(f, tuple(args), tuple(ones))
    value, pullback = ft.vjp(f, *args)
    return pullback(ft.tree.map(lambda y: np.ones_like(y) if y.dtype.kind in "fc" else np.zeros(y.shape, ft.float0), value))
