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

    for transform in (ft.jit, ft.grad, ft.make_jaxpr):
        with pytest.raises(UnexpectedTracerError, match=r"made at .*test_ref.* in another function .* at .*test_ref.*ref\[\.\.\.\]"):
            transform(g)(1.0)

    def loop(x: Any) -> Any:
        r = ft.new_ref(x)
        return lax.fori_loop(0, 3, lambda i, c: c + r[...], 0.0)

    with pytest.raises(UnexpectedTracerError, match="a loop or branch"):
        ft.jit(loop)(1.0)
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
    (lambda: ft.jit(lambda r: r[...])(ft.new_ref(np.zeros(2))), TypeError, "argument r must be an array"),
    (lambda: ft.jit(ft.new_ref)(1.0), TypeError, "must return arrays or numbers"),
])
def test_bad_calls(call: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern) as info:
        call()
    assert "test_ref.py" in str(info.value)
