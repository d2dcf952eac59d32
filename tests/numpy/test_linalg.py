"""Norms and products of matrices against NumPy, and derivatives where the norm is 0."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp
from functrans.numpy import linalg

rng = np.random.default_rng(2)


@pytest.mark.parametrize("dtype", ["float64", "complex128", "int64"])
@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, 0.5, -1, -2, np.inf, -np.inf])
def test_vector_norms(ord, dtype: str) -> None:
    x = (rng.standard_normal((4, 5)) * 9).astype(dtype) + (1j if dtype == "complex128" else 20 if dtype == "int64" else 0)
    np.testing.assert_allclose(linalg.norm(x[0], ord), np.linalg.norm(x[0], ord))
    for keepdims in (False, True):
        got = linalg.norm(x, ord, axis=0, keepdims=keepdims)
        want = np.linalg.norm(x, ord, axis=0, keepdims=keepdims)
        assert got.shape == want.shape
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, want)
    if ord is not None:
        np.testing.assert_allclose(linalg.vector_norm(x, ord=ord), np.linalg.vector_norm(x, ord=ord))
        np.testing.assert_allclose(linalg.vector_norm(x, ord=ord, axis=(0, 1), keepdims=True),
                                   np.linalg.vector_norm(x, ord=ord, axis=(0, 1), keepdims=True))


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrix_norms(ord) -> None:
    x = rng.standard_normal((3, 4, 5))
    np.testing.assert_allclose(linalg.norm(x[0], ord), np.linalg.norm(x[0], ord))
    for axis in ((0, 1), (2, 0), (-1, -2)):
        for keepdims in (False, True):
            np.testing.assert_allclose(linalg.norm(x, ord, axis, keepdims), np.linalg.norm(x, ord, axis, keepdims))
    if ord is not None:
        np.testing.assert_allclose(linalg.matrix_norm(x, ord=ord), np.linalg.matrix_norm(x, ord=ord))
    np.testing.assert_allclose(linalg.norm(x), np.linalg.norm(x))


def test_norm_refuses() -> None:
    with pytest.raises(ValueError, match="invalid order 3"):
        linalg.norm(np.eye(2), 3)
    with pytest.raises(ValueError, match="improper number of axes"):
        linalg.norm(np.ones((2, 2, 2)), 1)
    with pytest.raises(ValueError, match="invalid order 'fro'"):
        linalg.norm(np.ones(2), "fro")


@pytest.mark.parametrize("ord", [None, 2, 3, 4.5])
def test_derivative_at_zero_is_zero(ord) -> None:
    g = ft.grad(lambda x: linalg.norm(x, ord))
    np.testing.assert_array_equal(g(np.zeros(3)), np.zeros(3))
    x = np.array([3.0, -4.0, 0.5])
    p = 2 if ord is None else ord
    np.testing.assert_allclose(g(x), np.sign(x) * abs(x) ** (p - 1) / np.linalg.norm(x, ord) ** (p - 1))
    np.testing.assert_array_equal(ft.grad(lambda x: fnp.sum(linalg.norm(x, ord, axis=1)))(np.stack([x, x * 0]))[1], np.zeros(3))


def test_products() -> None:
    x, y = rng.standard_normal((2, 3, 3)), rng.standard_normal((2, 3, 3))
    for n in (0, 1, 2, 3, 7, -1, -3):
        np.testing.assert_allclose(linalg.matrix_power(x, n), np.linalg.matrix_power(x, n), rtol=1e-9, atol=1e-11)
    for shapes in ([(2, 3), (3, 4)], [(10, 30), (30, 5), (5, 60)], [(3,), (3, 4), (4, 5), (5,)], [(2, 9), (9, 1), (1, 9), (9, 2)]):
        xs = [rng.standard_normal(s) for s in shapes]
        np.testing.assert_allclose(linalg.multi_dot(xs), np.linalg.multi_dot(xs), rtol=1e-10)
    for name in ("matmul", "vecdot", "cross", "tensordot"):
        np.testing.assert_allclose(getattr(linalg, name)(x[0], y[0]), getattr(np.linalg, name)(x[0], y[0]))
    np.testing.assert_allclose(linalg.outer(x[0, 0], y[0, 0]), np.linalg.outer(x[0, 0], y[0, 0]))
    np.testing.assert_allclose(linalg.trace(x, offset=1), np.linalg.trace(x, offset=1))
    np.testing.assert_allclose(linalg.diagonal(x, offset=-1), np.linalg.diagonal(x, offset=-1))
    np.testing.assert_allclose(linalg.matrix_transpose(x), np.linalg.matrix_transpose(x))


def test_cheapest_order() -> None:
    jaxpr = str(ft.make_jaxpr(lambda *xs: linalg.multi_dot(xs))(np.ones((2, 900)), np.ones((900, 1)), np.ones((1, 900)), np.ones((900, 2))))
    assert "900,900" not in jaxpr
