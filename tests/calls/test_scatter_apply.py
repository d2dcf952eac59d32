"""`lax.scatter_apply`: a function applied to named elements, as often as they are named."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

FLAT = lax.ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
ROWS = lax.ScatterDimensionNumbers((1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))


@pytest.mark.parametrize("way", [lambda f: f, ft.jit])
def test_values(way) -> None:  # type: ignore[no-untyped-def]
    def f(x, i):  # type: ignore[no-untyped-def]
        return lax.scatter_apply(x, i, lambda v: 2 * v + 1, FLAT, update_shape=i.shape[:1])

    np.testing.assert_array_equal(way(f)(np.arange(4.0), np.array([[1], [1], [3]])), [0, 7, 2, 7])
    np.testing.assert_array_equal(way(f)(np.arange(4), np.array([[1], [9], [1], [1]])), [0, 15, 2, 3])
    np.testing.assert_array_equal(way(f)(np.arange(4.0), np.zeros((0, 1), int)), np.arange(4))


def test_windows_and_unique_indices() -> None:
    x = np.arange(6.0).reshape(3, 2)
    want = x.copy()
    want[[2, 0]] = np.sin(want[[2, 0]])
    for unique in (True, False):
        got = lax.scatter_apply(x, np.array([[2], [0]]), fnp.sin, ROWS, update_shape=(2, 2), unique_indices=unique)
        np.testing.assert_allclose(got, want, rtol=1e-15)


def test_derivatives() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        return lax.scatter_apply(x, np.array([[1], [1], [2]]), fnp.sin, FLAT, update_shape=(3,)).sum()

    x = np.array([0.3, 0.4, 0.5])
    want = [1.0, np.cos(np.sin(0.4)) * np.cos(0.4), np.cos(0.5)]
    np.testing.assert_allclose(ft.grad(f)(x), want, rtol=1e-14)
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(f)))(np.stack([x, x])), [want, want], rtol=1e-14)


def test_bad_calls() -> None:
    with pytest.raises(TypeError, match=r"func must be callable; got 3, at .*test_scatter_apply"):
        lax.scatter_apply(np.ones(2), np.array([[0]]), 3, FLAT, update_shape=(1,))
    with pytest.raises(TypeError, match=r"func must return a scalar for a scalar; <lambda> returns shape \(2,\), at .*test_scatter_apply"):
        lax.scatter_apply(np.ones(2), np.array([[0]]), lambda v: fnp.stack([v, v]), FLAT, update_shape=(1,))
