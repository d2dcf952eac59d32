"""Products against NumPy, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp

rng = np.random.default_rng(0)
PAIRS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
         ((1, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((5, 1, 2, 3), (1, 6, 3, 4)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)),
         ((0, 2, 3), (3, 4)), ((2, 0), (0, 3))]


def draw(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype == "complex128" else x * 5).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128", "int32"])
@pytest.mark.parametrize("shapes", PAIRS)
def test_matmul_and_dot(shapes, dtype: str) -> None:
    a, b = (draw(s, dtype) for s in shapes)
    for ours, theirs in ((fnp.matmul, np.matmul), (fnp.dot, np.dot)):
        got = ours(a, b)
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_allclose(got, theirs(a, b), rtol=1e-12, atol=1e-13)


def test_matmul_refuses() -> None:
    with pytest.raises(ValueError, match="at least one axis"):
        fnp.matmul(2.0, np.ones(3))
    with pytest.raises(TypeError, match=r"matmul: .* Got shapes \(2, 3\) and \(2, 3\)"):
        fnp.matmul(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="incompatible shapes for broadcasting"):
        fnp.matmul(np.ones((2, 4, 3)), np.ones((3, 3, 3)))
    with pytest.raises(TypeError, match="list at position 0"):
        fnp.dot([1.0], np.ones(1))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_relatives(dtype: str) -> None:
    a, b, m, n = draw((4, 3), dtype), draw((4, 3), dtype), draw((4, 3, 2), dtype), draw((5, 1, 3), dtype)
    np.testing.assert_allclose(fnp.vdot(a, b), np.vdot(a, b))
    np.testing.assert_allclose(fnp.vecdot(a, b), np.vecdot(a, b))
    np.testing.assert_allclose(fnp.vecdot(a, b, axis=0), np.vecdot(a, b, axis=0))
    np.testing.assert_allclose(fnp.vecdot(n, a), np.vecdot(n, a))
    np.testing.assert_allclose(fnp.vecmat(a, m), np.vecmat(a, m))
    np.testing.assert_allclose(fnp.matvec(np.swapaxes(m, -1, -2), a), np.matvec(np.swapaxes(m, -1, -2), a))
    np.testing.assert_allclose(fnp.inner(a, b), np.inner(a, b))
    np.testing.assert_allclose(fnp.inner(2.0, b), np.inner(2.0, b))
    np.testing.assert_allclose(fnp.outer(a, b), np.outer(a, b))
    np.testing.assert_allclose(fnp.kron(a, m), np.kron(a, m))
    for axes in (1, 2, 0, ([0, 1], [1, 0]), (-1, 0)):
        x, y = draw((3, 3), dtype), draw((3, 3), dtype)
        np.testing.assert_allclose(fnp.tensordot(x, y, axes), np.tensordot(x, y, axes))
    np.testing.assert_allclose(fnp.cross(a, b), np.cross(a, b))
    np.testing.assert_allclose(fnp.cross(a.T, b.T, axisa=0, axisb=0, axisc=0), np.cross(a.T, b.T, axisa=0, axisb=0, axisc=0))


def test_cross_of_two_components() -> None:
    np.testing.assert_allclose(fnp.cross(np.array([1.0, 2.0]), np.array([3.0, 5.0])), -1.0)
    np.testing.assert_allclose(fnp.cross(np.array([1.0, 2.0]), np.array([3.0, 5.0, 7.0])), [14.0, -7.0, -1.0])


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (4, 3, 2)])
@pytest.mark.parametrize("offset", [0, 1, -1, 3, -4, 9])
def test_diagonal_and_trace(shape, offset: int) -> None:
    x = draw(shape)
    np.testing.assert_array_equal(fnp.diagonal(x, offset), np.diagonal(x, offset))
    np.testing.assert_array_equal(fnp.diagonal(x, offset, -1, 0), np.diagonal(x, offset, -1, 0))
    np.testing.assert_allclose(fnp.trace(x, offset), np.trace(x, offset))
    np.testing.assert_allclose(ft.grad(lambda v: fnp.sum(fnp.trace(v, offset)))(x),
                               np.broadcast_to(np.eye(*shape[:2], k=offset).reshape(*shape[:2], *(1,) * (len(shape) - 2)), shape))


def test_dtypes() -> None:
    a = np.ones((2, 2), "float32")
    assert fnp.matmul(a, np.ones((2, 2), "int64")).dtype == np.float32
    assert fnp.dot(a, a, preferred_element_type="float64").dtype == np.float64
    assert fnp.dot(2, a).dtype == np.float32
    assert fnp.trace(np.ones((2, 2), "int8")).dtype == np.int64
    assert fnp.trace(np.ones((2, 2), "int8"), dtype="int8").dtype == np.int8


@pytest.mark.parametrize("shapes", [s for s in PAIRS if 0 not in s[0]])
def test_matmul_gradient_is_transposed_product(shapes) -> None:
    a, b = draw(shapes[0]), draw(shapes[1])
    weights = draw(np.matmul(a, b).shape)
    g = ft.grad(lambda x: fnp.sum(fnp.matmul(x, b) * weights))(a)
    v = draw(shapes[0])
    np.testing.assert_allclose(np.sum(np.asarray(g) * v), np.sum(np.matmul(v, b) * weights), rtol=1e-10)
    np.testing.assert_allclose(ft.vmap(fnp.matmul, (0, None))(np.stack([a, v]), b)[1], np.matmul(v, b))
    np.testing.assert_allclose(ft.jit(fnp.matmul)(a, b), np.matmul(a, b), rtol=1e-12)
