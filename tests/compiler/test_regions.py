"""Loops and branches as compiled: what shares memory, what leaves a loop, what happens in place.

Each program stands beside what it means in NumPy, and runs as native code and in the interpreter of the kernel IR.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.compiler.driver import compile_jaxpr
from functrans.compiler.engine import link
from functrans.compiler.memory import stack_buffers
from functrans.core.dtypes import float0
from functrans.kernel import Loop
from functrans.kernel_interpret import run


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def check(fun: Callable[..., Any], want: Any, *args: Any) -> Any:
    """Compare the compiled and the interpreted program with `want`; return the executable."""
    args = tuple(np.asarray(a) for a in args)
    executable = compile_jaxpr(ft.make_jaxpr(fun)(*args))
    wanted = ft.tree.leaves(want)
    for got, w in zip(executable(list(args)), wanted, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-12, atol=1e-12)
    computed = run(executable.stages.program, args)
    for (kind, which), w in zip(executable.plan, wanted, strict=True):
        if kind == "out":
            np.testing.assert_allclose(computed[which], w, rtol=1e-12, atol=1e-12)
    return executable


SIZES = pytest.mark.parametrize("size", [3, 100])  # carries that are copied, and carries that change places


# -- carries --------------------------------------------------------------------------------------------------------------

@SIZES
def test_a_next_value_that_is_the_same_on_every_turn(size: int) -> None:
    """It cannot be stored before the loop and then change places with the carry: the second turn would bring the start back."""
    w, c = np.arange(1.0, size + 1), np.zeros(size)

    def f(w: Any, c: Any) -> Any:
        return lax.scan(lambda c, _: (fnp.exp(-w), fnp.sum(c)), c, None, length=5)

    check(f, (np.exp(-w), np.array([0.0, *[np.exp(-w).sum()] * 4])), w, c)
    check(lambda w, c: lax.scan(lambda c, _: (w, fnp.sum(c)), c, None, length=4), (w, np.array([0.0, *[w.sum()] * 3])), w, c)
    check(lambda w, c: lax.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, w), (0, c)), (4, w), w, c)


@SIZES
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_carries_that_permute_repeat_and_share_a_start(size: int, turns: int) -> None:
    x, y = rng().normal(size=(2, size))

    def body(carry: Any, _: Any) -> Any:
        a, b, c, d = carry
        return (b, c, a, a), (a[0], d[-1])

    (a, b, c, d), rows = (x, y, x, x), []
    for _ in range(turns):
        rows.append((a[0], d[-1]))
        a, b, c, d = b, c, a, a
    ys = np.array(rows).reshape(turns, 2)
    check(lambda x, y: lax.scan(body, (x, y, x, x), None, length=turns), ((a, b, c, d), (ys[:, 0], ys[:, 1])), x, y)


@SIZES
def test_a_carry_is_also_a_result_and_a_result_also_what_was_read(size: int) -> None:
    x, xs = rng().normal(size=size), rng().normal(size=(4, size))

    def body(c: Any, v: Any) -> Any:
        new = c * 0.5 + v
        return new, (new, c, v, new[0])

    c, rows = x, []
    for v in xs:
        old, c = c, c * 0.5 + v
        rows.append((c, old, v, c[0]))
    check(lambda x, xs: lax.scan(body, x, xs), (c, tuple(np.stack(col) for col in zip(*rows, strict=True))), x, xs)


@pytest.mark.parametrize("dtype", ["float16", "complex64", "complex128", "int8", "bool"])
def test_carries_of_every_kind(dtype: str) -> None:
    x = np.arange(300).astype(dtype)

    def body(i: Any, c: Any) -> Any:
        return c.at[i].set(c[i + 1])[::-1]

    want = x.copy()
    for i in range(5):
        want[i] = want[i + 1]
        want = want[::-1].copy()
    check(lambda x: lax.fori_loop(0, 5, body, x), want, x)


def test_integers_wrap() -> None:
    with np.errstate(over="ignore"):
        small = np.cumprod(np.full(20, 3, np.int8), dtype=np.int8)
    check(lambda x: lax.scan(lambda c, v: (c * v, c * v), np.int8(1), x)[1], small, np.full(20, 3, np.int8))
    big = np.int64(2**62)
    check(lambda x: lax.fori_loop(0, 3, lambda i, c: c + x, x), np.int64(0), big)  # 4 * 2**62


# -- updates in place -----------------------------------------------------------------------------------------------------

def test_windows_of_windows_follow_a_renamed_buffer() -> None:
    """The carry is updated in place, then read by a scan of scans over it."""
    x = rng().normal(size=(4, 5, 7))

    def total(c: Any) -> Any:
        return lax.scan(lambda s, m: (lax.scan(lambda t, r: (t + fnp.sum(fnp.sin(r)), None), s, m)[0], None), 0.0, c)[0]

    def after(c: Any, i: Any) -> Any:
        c = c.at[i].set(1.0)
        return c, total(c)

    c, rows = x.copy(), []
    for i in range(3):
        c[i] = 1.0
        rows.append(np.sin(c).sum())
    check(lambda x: lax.scan(after, x, np.arange(3)), (c, np.array(rows)), x)

    def before(c: Any, i: Any) -> Any:
        s = fnp.sin(c)
        return s.at[i].set(total(s)), None

    c = x.copy()
    for i in range(3):
        c = np.sin(c)
        c[i] = np.sin(c).sum()
    check(lambda x: lax.scan(before, x, np.arange(3))[0], c, x)


def test_what_is_read_after_an_update_is_not_overwritten() -> None:
    x = rng().normal(size=100)

    def body(c: Any, i: Any) -> Any:
        new = c.at[i].set(c[i + 1] * 2.0)
        newer = new.at[i + 1].add(c[i])  # needs the old carry still
        return newer, (c[i], new[i + 1])

    c, rows = x.copy(), []
    for i in range(6):
        new = c.copy()
        new[i] = c[i + 1] * 2.0
        newer = new.copy()
        newer[i + 1] += c[i]
        rows.append((c[i], new[i + 1]))
        c = newer
    cols = np.array(rows).T
    check(lambda x: lax.scan(body, x, np.arange(6)), (c, (cols[0], cols[1])), x)


def test_updates_in_an_inner_loop_and_in_branches() -> None:
    x = np.arange(120.0).reshape(10, 12)

    def inner(j: Any, c: Any) -> Any:
        return lax.cond(c[j, 0] > 50.0, lambda: c.at[j, 0].add(-1.0), lambda: c.at[j].set(c[j + 1]))

    def outer(c: Any, i: Any) -> Any:
        d = lax.fori_loop(0, 3, lambda j, d: inner(i + j, d), c)
        d = lax.dynamic_update_slice(d, d[:2, :3], (i, i))
        return d, d[i].sum()

    c, rows = x.copy(), []
    for i in range(5):
        for j in range(i, i + 3):
            if c[j, 0] > 50.0:
                c[j, 0] -= 1.0
            else:
                c[j] = c[j + 1]
        c[i:i + 2, i:i + 3] = c[:2, :3].copy()
        rows.append(c[i].sum())
    check(lambda x: lax.scan(outer, x, np.arange(5)), (c, np.array(rows)), x)


def test_a_scan_over_what_it_updates() -> None:
    """The rows read are those from before the loop."""
    x = rng().normal(size=(6, 20))

    def f(x: Any) -> Any:
        def turn(c: Any, _: Any) -> Any:
            return lax.scan(lambda d, r: (d.at[2].add(r), d[2, 0]), c, c)

        return lax.scan(turn, x, None, length=3)

    c, rows = x.copy(), []
    for _ in range(3):
        old, row = c.copy(), []
        for r in old:
            row.append(c[2, 0])
            c[2] += r
        rows.append(row)
    check(f, (c, np.array(rows)), x)


# -- what leaves a loop, and what lies where -------------------------------------------------------------------------------

def test_constants_of_calls_inside_a_body() -> None:
    """Inlining a call may bring constants into the body, and equations that depend on them alone leave the loop."""
    table = np.arange(70.0)
    called = ft.jit(lambda x: fnp.sum(fnp.exp(-fnp.asarray(table))) * x)

    def body(s: Any) -> Any:
        return s[0] + 1, lax.scan(lambda c, v: (called(c) + v, None), s[1], np.arange(3.0))[0]

    c = 0.5
    for _ in range(2):
        for v in range(3):
            c = np.exp(-table).sum() * c + v
    assert float(ft.jit(lambda x: lax.while_loop(lambda s: s[0] < 2, body, (0, x))[1])(0.5)) == pytest.approx(c, rel=1e-12)


def test_rows_stored_backwards() -> None:
    """LLVM's passes cannot be trusted with them in registers: they stay in memory."""
    x = np.arange(4.0)

    def f(x: Any) -> Any:
        def turn(s: Any, v: Any) -> Any:
            ys = lax.scan(lambda c, u: (c, fnp.stack([u * v, u])), s, x[:2], reverse=True)[1]
            return s + 1, fnp.sum(ys, axis=0) * 1.0 + ys[0]

        return lax.scan(turn, 0, x, reverse=True)[1]

    want = np.array([[2 * x[0] * v + x[1] * v, 2 * x[0] + x[1]] for v in x])
    executable = check(f, want, x)
    (loop,) = [s for s in executable.stages.program.steps if isinstance(s, Loop)]
    inner = next(s for s in loop.body if isinstance(s, Loop))
    backward = {b.source.parent for s in inner.body for b in _written_windows(s) if b.source.step < 0 and b.elements > 1}
    assert backward and backward.isdisjoint(b for found in stack_buffers(executable.stages.program.steps).values() for b in found)


def _written_windows(step: Any) -> list[Any]:
    return [s.access.buffer for s in getattr(step, "body", ()) if hasattr(s, "access") and s.access.buffer.role == "window"]


def test_code_that_a_pass_breaks_is_compiled_as_written() -> None:
    """Two halves of a place on the stack, the upper stored first: scalar replacement of LLVM 22.1 uses the lower too early."""
    text = """
define i1 @broken(ptr %p) noinline nounwind {
  %a = alloca [4 x double], align 64
  %items = getelementptr i8, ptr %p, i64 ITEMS
  %object = load ptr, ptr %items
  %field = getelementptr i8, ptr %object, i64 DATA
  %data = load ptr, ptr %field
  %upper = getelementptr double, ptr %a, i64 2
  %x = load double, ptr %data
  %i = insertelement <2 x double> poison, double %x, i64 0
  %j = shufflevector <2 x double> %i, <2 x double> poison, <2 x i32> zeroinitializer
  store <2 x double> %j, ptr %upper, align 1
  %next = getelementptr double, ptr %data, i64 1
  %y = load double, ptr %next
  %k = insertelement <2 x double> poison, double %y, i64 0
  %l = shufflevector <2 x double> %k, <2 x double> poison, <2 x i32> zeroinitializer
  store <2 x double> %l, ptr %a, align 1
  %v = load <4 x double>, ptr %a, align 1
  store <4 x double> %v, ptr %data, align 1
  ret i1 false
}
"""
    data = np.array([1.0, 2.0, 3.0, 4.0])
    text = text.replace("ITEMS", str(tuple.__basicsize__)).replace("DATA", str(object.__basicsize__))
    linked = link(text, "broken", ["broken"])
    linked.call((data,))
    np.testing.assert_array_equal(data, [2.0, 2.0, 1.0, 1.0])


def test_branches_inside_loops_inside_branches() -> None:
    x = rng().normal(size=(3, 40))

    def f(n: Any, x: Any) -> Any:
        def turn(i: Any, c: Any) -> Any:
            return lax.switch(i % 3, [lambda: (c[0] + x, c[1]), lambda: (fnp.sin(c[0]) * 2.0, c[0]),
                                      lambda: lax.fori_loop(0, i, lambda j, d: (d[1], d[0] * 0.5), c)])

        return lax.cond(n > 2, lambda: lax.fori_loop(0, n, turn, (x, x)), lambda: (x, -x))

    def meant(n: int) -> Any:
        a, b = (x, x) if n > 2 else (x, -x)
        for i in range(n if n > 2 else 0):
            if i % 3 == 0:
                a = a + x
            elif i % 3 == 1:
                a, b = np.sin(a) * 2.0, a
            else:
                for _ in range(i):
                    a, b = b, a * 0.5
        return a, b

    for n in (0, 1, 3, 6, 9):
        check(f, meant(n), np.int64(n), x)


# -- size -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("of", ["value", "grad"])
def test_the_code_does_not_grow_with_the_number_of_turns(of: str) -> None:
    def f(w: Any, xs: Any) -> Any:
        return lax.scan(lambda h, x: (fnp.tanh(w @ h + x), h[0]), fnp.zeros(8), xs)[0].sum()

    fun = f if of == "value" else ft.grad(f, (0, 1))
    sizes, instructions = [], []
    for n in (10, 10_000):
        text = compile_jaxpr(ft.make_jaxpr(fun)(np.ones((8, 8)), np.ones((n, 8)))).stages.module.text
        sizes.append(len(text))
        instructions.append(text.count("\n"))
    assert abs(sizes[1] - sizes[0]) < 0.05 * sizes[0]  # numbers have more digits, and a long loop looks for Ctrl-C
    assert abs(instructions[1] - instructions[0]) <= 16


# -- float0 ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", ["vmap", "scan", "carry", "cond", "argument"])
def test_tangents_of_integers_pass_through_compiled_code(where: str) -> None:
    g = ft.grad(lambda x, n: x * n, (0, 1), allow_int=True)
    xs, ns = np.arange(3.0), np.arange(3)
    fun, args, shape = {
        "vmap": (ft.vmap(g), (xs, ns), (3,)),
        "scan": (lambda x, n: lax.scan(lambda c, i: (c, g(c, i)[1]), x, n)[::-1], (2.0, ns), (3,)),
        "carry": (lambda x, n: lax.scan(lambda c, i: ((c[0] + 1, g(x, i)[1]), None), (0, g(x, n)[1]), ns)[0], (2.0, 3), ()),
        "cond": (lambda x, n: lax.cond(n > 0, lambda: g(x, n), lambda: g(x, n + 1)), (1.0, 2), ()),
        "argument": (lambda z: (1.0, fnp.reshape(z, (3, 1))), (np.zeros((3,), float0),), (3, 1)),
    }[where]
    for f in (fun, ft.jit(fun)):
        found = [y for y in ft.tree.leaves(f(*args)) if getattr(y, "dtype", None) == float0]
        assert [y.shape for y in found] == [shape]


# -- the cost of an update -------------------------------------------------------------------------------------------------

UPDATES: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda c, i: (c.at[i].set(1.0), None),
    "from the carry": lambda c, i: (c.at[i].set(fnp.sin(c[i]) + c[i + 1]), None),
    "add": lambda c, i: (c.at[i + 1].add(c[i] * 0.5), None),
    "multiply": lambda c, i: (c.at[i].multiply(c[0]), None),
    "at a computed place": lambda c, i: (c.at[c[i].astype(int) % 7].set(3.0), None),
    "old value as a result": lambda c, i: (c.at[i].set(1.0), c[i]),
    "two updates": lambda c, i: (c.at[i].set(c[i + 1]).at[i + 1].set(c[i]), c[0]),
    "slice": lambda c, i: (lax.dynamic_update_slice(c, lax.dynamic_slice(c, (i + 3,), (4,)) * 2.0, (i,)), None),
}


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_costs_what_it_writes(name: str) -> None:
    """No step of the loop runs over the whole carry, and the values are those of the steps one by one."""
    body = UPDATES[name]
    x = rng().normal(size=300)
    c, rows = fnp.asarray(x), []
    for i in range(5):
        c, y = body(c, i)
        rows.append(y)
    want = (c,) if rows[0] is None else (c, np.array(rows))
    executable = check(lambda x: lax.scan(body, x, np.arange(5)), want, x)
    (loop,) = [s for s in executable.stages.program.steps if isinstance(s, Loop)]
    assert not loop.swaps and all(np.prod(s.axes) <= 4 for s in loop.body)
