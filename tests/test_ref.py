"""Mutable arrays: eager, compiled, differentiated and mapped; and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, ref
from functrans.errors import UnexpectedTracerError


def f(x: Any) -> Any:
    """``(x, x*x, 0) + x``, summed: ``4*x + x*x``, whose derivative is ``4 + 2*x``."""
    out = ft.new_ref(fnp.zeros(3))
    out[0] = x
    out[1] = x * x
    out[...] += out[0]
    return ft.freeze(out).sum()


@pytest.mark.parametrize("way", [lambda g: g, ft.jit])
def test_transformations(way: Any) -> None:
    assert way(f)(2.0) == 12.0 and way(ft.grad(f))(2.0) == 8.0
    np.testing.assert_array_equal(way(ft.vmap(f))(np.arange(3.0)), [0, 5, 12])
    np.testing.assert_array_equal(way(ft.vmap(ft.grad(f)))(np.arange(3.0)), [4, 6, 8])
    assert way(ft.grad(ft.grad(f)))(2.0) == 2.0 and way(lambda x: ft.jvp(f, (x,), (1.0,))[1])(2.0) == 8.0


def test_inside_loops() -> None:
    def step(c: Any, x: Any) -> Any:
        r = ft.new_ref(c)
        r[0] += x
        return r[...], r[0]

    carry, ys = ft.jit(lambda c: lax.scan(step, c, np.arange(4.0)))(np.zeros(2))
    np.testing.assert_array_equal(carry, [6, 0])
    np.testing.assert_array_equal(ys, [0, 1, 3, 6])


def test_eager_mutation() -> None:
    source = np.arange(6).reshape(2, 3)
    r = ft.new_ref(source)
    before = r[...]
    r[1, ::2] = [10, 12]
    r[0] = 7
    r[np.array([True, False]), 1] = np.int64(-1)
    np.testing.assert_array_equal(r[...], [[7, -1, 7], [10, 4, 12]])
    np.testing.assert_array_equal(before, np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(source, before)
    assert (r.shape, r.dtype, r.ndim, r.size, len(r)) == ((2, 3), np.int64, 2, 6, 2)
    assert repr(ft.new_ref(np.arange(2.0))) == "Ref([0. 1.], dtype=float64)"
    ref.addupdate(r, (0, np.array([1, 1])), 3)
    assert ref.swap(r, (0, 1), 9) == 5 and ref.get(r, (0, 1)) == 9
    ref.set(r, None, fnp.zeros((2, 3), int))
    assert not r[...].any()


def test_empty_and_frozen() -> None:
    r = ft.empty_ref(ft.ShapeDtypeStruct((2,), "float32"))
    assert r.dtype == np.float32
    np.testing.assert_array_equal(r[...], [0, 0])
    ft.free_ref(r)
    s = ft.new_ref(1.0)
    assert ft.freeze(s) == 1.0
    for dead in (r, s):
        for use in (lambda d: d[...], ft.freeze, ft.free_ref, lambda d: d.__setitem__(..., 0.0)):
            with pytest.raises(ValueError, match=r"made at .*test_ref.* was used after it was frozen or freed, at .*test_ref"):
                use(dead)


def test_a_reference_stays_where_it_was_made() -> None:
    outer = ft.new_ref(np.zeros(2))

    def g(x: Any) -> Any:
        outer[0] = x
        return x

    with pytest.raises(UnexpectedTracerError, match=r"made at .*test_ref.* in another function .* at .*test_ref.*ref\[\.\.\.\]"):
        ft.make_jaxpr(g)(1.0)
    with pytest.raises(UnexpectedTracerError, match=r"a value that grad .* differentiates, at .*test_ref.*stop_gradient"):
        ft.grad(g)(1.0)
    with pytest.raises(UnexpectedTracerError, match=r"under vmap.*at .*test_ref"):
        ft.vmap(g)(np.arange(2.0))
    with pytest.raises(UnexpectedTracerError, match=r"ends its life in another function.*at .*test_ref"):
        ft.jit(lambda: ft.freeze(outer))()
    kept: list[Any] = []
    ft.jit(lambda x: (kept.append(ft.new_ref(x)), x)[1])(1.0)
    with pytest.raises(UnexpectedTracerError, match="made at"):
        kept[0][...]
    np.testing.assert_array_equal(outer[...], [0, 0])


@pytest.mark.parametrize(("call", "error", "pattern"), [
    (lambda: ft.new_ref("x"), TypeError, "new_ref takes an array or a number; got 'x'"),
    (lambda: ft.new_ref(ft.new_ref(1.0)), TypeError, "new_ref takes an array or a number"),
    (lambda: ft.empty_ref(3), TypeError, "an object with a shape and a dtype; got 3"),
    (lambda: ft.freeze(np.ones(2)), TypeError, "freeze takes a Ref; got array"),
    (lambda: ft.new_ref(np.zeros(2)).__setitem__(0, np.float32(1)), ValueError, r"takes values of its dtype; got f32\[\]"),
    (lambda: ft.new_ref(np.zeros(2, int)).__setitem__(0, 1.5), ValueError, "takes values of its dtype"),
    (lambda: ft.new_ref(np.zeros(2)).__setitem__(0, "x"), TypeError, "a Ref takes arrays and numbers; got 'x'"),
    (lambda: ft.new_ref(np.zeros(2)).__setitem__(5, 1.0), IndexError, "index 5 is out of bounds"),
    (lambda: fnp.sin(ft.new_ref(np.zeros(2))), TypeError, r"a Ref is no array.*ref\[\.\.\.\]"),
    (lambda: np.asarray(ft.new_ref(np.zeros(2))), TypeError, "a Ref is no array"),
    (lambda: ft.grad(lambda r: r[...])(ft.new_ref(0.0)), TypeError, "argument r must be an array"),
    (lambda: ft.jit(lambda r: r)(ft.new_ref(0.0)), TypeError, r"must return arrays or numbers; .* is Ref"),
    (lambda: ft.jit(lambda r: r[...]).lower(ft.new_ref(0.0)), TypeError, "use no Ref from outside"),
    (lambda: (lambda r: ft.jit(lambda a, b: a[...] + b[...])(r, r))(ft.new_ref(0.0)), ValueError, "a Ref is given to it twice"),
    (lambda: (lambda r: ft.jit(lambda a: a[...] + r[...])(r))(ft.new_ref(0.0)), ValueError, "a Ref is given to it twice"),
    (lambda: ft.jit(lambda r, x: x)(ft.new_ref(0.0), "x"), TypeError, "argument x must be an array"),
    (lambda: ft.jit(ft.new_ref)(1.0), TypeError, "must return arrays or numbers"),
])
def test_bad_calls(call: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern) as info:
        call()
    assert "test_ref.py" in str(info.value)


# -- references from outside ---------------------------------------------------------------------------------------------

def count(r: Any) -> None:
    r[0] += 1.0


def repeated(n: int, f: Any) -> None:
    for _ in range(n):
        f()


LOOPS: dict[str, Any] = {
    "scan": lambda r, n: lax.scan(lambda c, x: (count(r), (c + x, r[0]))[1], 0.0, np.arange(float(n)))[1],
    "map": lambda r, n: lax.map(lambda x: (count(r), r[0])[1], np.arange(float(n))),
    "fori": lambda r, n: lax.fori_loop(0, n, lambda i, c: (count(r), c + r[0])[1], 0.0),
    "while": lambda r, n: lax.while_loop(lambda i: i < n, lambda i: (count(r), i + 1)[1], 0),
    "condition": lambda r, n: lax.while_loop(lambda i: r[0] < 1.0 + n, lambda i: (count(r), i + 1)[1], 0),
    "python": lambda r, n: repeated(n, lambda: count(r)),
    "nested": lambda r, n: lax.fori_loop(0, n, lambda i, c: lax.cond(i >= 0, lambda: (count(r), c)[1], lambda: c), 0.0),
    "checkpoint": lambda r, n: repeated(n, lambda: ft.checkpoint(lambda x: (count(r), x)[1])(1.0)),
    "switch": lambda r, n: repeated(n, lambda: lax.switch(1, [lambda: None, lambda: count(r), lambda: None])),
    "jit": lambda r, n: repeated(n, lambda: ft.jit(count)(r)),
}


@pytest.mark.parametrize("way", ["eager", "closed over", "argument", "made inside", "disable_jit"])
@pytest.mark.parametrize("name", LOOPS)
def test_bodies_change_references(name: str, way: str) -> None:
    loop, r = LOOPS[name], ft.new_ref(np.array([1.0, 5.0]))
    if way == "made inside":
        def program(start: Any) -> Any:
            inner = ft.new_ref(start)
            loop(inner, 4)
            return inner[...]
        np.testing.assert_array_equal(ft.jit(program)(r[...]), [5, 5])
        assert ft.jit(ft.grad(lambda s: program(s)[0] * 3.0))(r[...])[0] == 3.0
        return
    if way == "eager":
        loop(r, 4)
    elif way == "disable_jit":
        with ft.disable_jit():
            loop(r, 4)
    elif way == "closed over":
        ft.jit(lambda: loop(r, 4))()
    else:
        ft.jit(loop, static_argnums=1)(r, 4)
    np.testing.assert_array_equal(r[...], [5, 5])


def test_results_beside_references() -> None:
    r = ft.new_ref(0.0)
    carry, ys = lax.scan(lambda c, x: (r.__setitem__(..., r[...] + x), (c * 2, r[...]))[1], 1.0, np.arange(1.0, 4.0))
    assert carry == 8.0 and r[...] == 6.0
    np.testing.assert_array_equal(ys, [1, 3, 6])
    assert lax.fori_loop(2, 5, lambda i, c: (r.__setitem__(..., i), {"n": c["n"] + i})[1], {"n": 0})["n"] == 9 and r[...] == 4.0
    assert lax.cond(r[...] > 3, lambda x: (r.__setitem__(..., x), x + 1)[1], lambda x: x, 2.0) == 3.0 and r[...] == 2.0
    assert lax.cond(r[...] > 3, lambda x: (r.__setitem__(..., x), x + 1)[1], lambda x: x, 7.0) == 7.0 and r[...] == 2.0


def test_a_jitted_function_sees_the_value_of_each_call() -> None:
    r, traces = ft.new_ref(1.0), []

    @ft.jit
    def read(x: Any) -> Any:
        traces.append(1)
        return x + r[...]

    assert read(1.0) == 2.0
    count_so_far = len(traces)
    r[...] = 10.0
    assert read(1.0) == 11.0 and len(traces) == count_so_far
    other = ft.new_ref(np.arange(3.0))
    scaled = ft.jit(lambda q, k, s=1: (q.__setitem__(0, k * r[...] * s), q[...].sum())[1], static_argnames="s")
    assert scaled(other, 2.0) == 23.0 and scaled(other, k=1.0, s=3) == 33.0 and other[0] == 30.0
    positive = ft.jit(lambda q: q.__setitem__(..., -1.0) if q[...] > 0 else q.__setitem__(..., 1.0))  # a guard asks for the value
    positive(r)
    assert r[...] == -1.0
    positive(r)
    assert r[...] == 1.0


def test_references_are_constants_to_derivatives() -> None:
    r = ft.new_ref(3.0)

    def g(x: Any) -> Any:
        y = x * x * r[...]
        r[...] = ft.stop_gradient(y)
        return y

    for way in (lambda h: h, ft.jit, ft.checkpoint):
        r[...] = 3.0
        assert ft.grad(way(g))(2.0) == 12.0 and r[...] == 12.0  # d(3 x^2) = 6 x
        assert ft.jit(ft.grad(way(g)))(1.0) == 24.0 and r[...] == 12.0
        assert ft.jvp(way(g), (1.0,), (1.0,))[1] == 24.0
    np.testing.assert_array_equal(ft.vmap(lambda x: x * r[...])(np.arange(2.0)), [0, 12])

    def powers(x: Any) -> Any:
        p = ft.new_ref(x)
        lax.fori_loop(0, 3, lambda i, c: p.__setitem__(..., p[...] * x), None)
        return p[...]  # x ** 4

    for way in (lambda h: h, ft.jit):
        assert way(ft.grad(powers))(2.0) == 32.0 and way(ft.grad(ft.grad(powers)))(2.0) == 48.0
        np.testing.assert_array_equal(way(ft.vmap(ft.grad(powers)))(np.arange(3.0)), [0, 4, 32])


def test_an_update_in_a_loop_is_in_place() -> None:
    """A million turns that each write one element of a large array end soon."""
    r = ft.new_ref(np.zeros(100_000))
    ft.jit(lambda: lax.fori_loop(0, 1_000_000, lambda i, c: r.__setitem__(i % 100_000, i), None))()
    np.testing.assert_array_equal(r[:3], [900_000, 900_001, 900_002])
