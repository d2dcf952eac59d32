"""dot_general against einsum, its rules against differences, dot products and loops."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.core.aval import Linear
from functrans.core.trace import typeof
from functrans.primitives import contraction as c
from tests.primitives.test_movement import FEW, check_aval, check_batch, check_jvp, check_transpose, sample, seeds

DTYPES = ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", "complex128"]


@st.composite
def dimension_numbers(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], Any]:
    """Shapes of two operands and numbers that fit: groups of axes, shuffled on each side."""
    sizes = st.integers(0, 3) if draw(st.booleans()) else st.integers(1, 3)
    groups = [draw(st.lists(sizes, max_size=2)) for _ in range(4)]  # batch, contract, free of x, free of y
    batch, contract, x_free, y_free = groups

    def side(free: list[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        axes = [*batch, *contract, *free]
        order = draw(st.permutations(range(len(axes))))
        place = {a: i for i, a in enumerate(order)}
        nb, nc = len(batch), len(contract)
        return (tuple(axes[a] for a in order), tuple(place[a] for a in range(nb)), tuple(place[nb + a] for a in range(nc)))

    x_shape, x_batch, x_contract = side(x_free)
    y_shape, y_batch, y_contract = side(y_free)
    return x_shape, y_shape, ((x_contract, y_contract), (x_batch, y_batch))


def einsum(text: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`numpy.einsum` of two operands, but where the result is empty.

    There NumPy 2.4 still adds one product to the first element, which the one byte allocated for the result cannot
    hold: of a dtype of 32 bytes it overwrites the heap.
    """
    names, out = text.split("->")
    sizes = dict(zip(names.replace(",", ""), (*x.shape, *y.shape), strict=True))
    shape = tuple(sizes[name] for name in out)
    return np.asarray(np.einsum(text, x, y)) if all(shape) else np.empty(shape, np.result_type(x, y))


def contracted(x: np.ndarray, y: np.ndarray, numbers: Any, dtype: Any) -> np.ndarray:
    (xc, yc), (xb, yb) = numbers
    letters = iter(string.ascii_letters)
    xs, ys = [next(letters) for _ in x.shape], [next(letters) for _ in y.shape]
    for i, j in (*zip(xc, yc, strict=True), *zip(xb, yb, strict=True)):
        ys[j] = xs[i]
    free = [s for i, s in enumerate(xs) if i not in (*xc, *xb)] + [s for i, s in enumerate(ys) if i not in (*yc, *yb)]
    out = [xs[i] for i in xb] + free
    return einsum(f"{''.join(xs)},{''.join(ys)}->{''.join(out)}", x.astype(dtype), y.astype(dtype))


def params(numbers: Any, preferred: Any = None) -> dict[str, Any]:
    return {"dimension_numbers": numbers, "precision": None, "preferred_element_type": preferred and np.dtype(preferred)}


@FEW
@given(dimension_numbers(), seeds, st.sampled_from(DTYPES))
def test_values(drawn: Any, seed: int, dtype: str) -> None:
    x_shape, y_shape, numbers = drawn
    rng = np.random.default_rng(seed)
    x, y = sample(rng, x_shape, dtype), sample(rng, y_shape, dtype)
    wide = "float32" if dtype == "float16" else "int64" if dtype == "bool" else dtype
    expected = contracted(x, y, numbers, wide).astype(dtype)
    tol = {"float16": 2e-3, "float32": 1e-5, "complex64": 1e-5}.get(dtype, 1e-12)
    np.testing.assert_allclose(check_aval(c.dot_general_p, x, y, **params(numbers)), expected, rtol=tol, atol=tol)


@FEW
@given(dimension_numbers(), seeds, st.sampled_from(["float64", "complex128"]))
def test_derivatives(drawn: Any, seed: int, dtype: str) -> None:
    x_shape, y_shape, numbers = drawn
    rng = np.random.default_rng(seed)
    args = [sample(rng, x_shape, dtype), sample(rng, y_shape, dtype)]
    for active in ([0], [1], [0, 1]):
        check_jvp(c.dot_general_p, args, active, rng, **params(numbers))
    for active in ([0], [1]):
        check_transpose(c.dot_general_p, args, active, rng, **params(numbers))


@FEW
@given(dimension_numbers(), seeds, st.data())
def test_batching(drawn: Any, seed: int, data: Any) -> None:
    x_shape, y_shape, numbers = drawn
    rng = np.random.default_rng(seed)
    x_dim, y_dim = (data.draw(st.none() | st.integers(0, len(s))) for s in (x_shape, y_shape))
    if x_dim is None and y_dim is None:
        x_dim = 0
    args = [sample(rng, s if d is None else (*s[:d], 2, *s[d:])) for s, d in ((x_shape, x_dim), (y_shape, y_dim))]
    check_batch(c.dot_general_p, args, [x_dim, y_dim], 2, **params(numbers))


@pytest.mark.parametrize("dims", [(0, 0), (1, 3), (3, 0), (2, None), (None, 1)])
def test_batching_beside_a_batch_axis(dims: Any) -> None:
    rng = np.random.default_rng(0)
    numbers = (((2,), (0,)), ((0,), (1,)))
    args = [sample(rng, s if d is None else (*s[:d], 2, *s[d:])) for s, d in (((3, 4, 5), dims[0]), ((5, 3, 6), dims[1]))]
    check_batch(c.dot_general_p, args, list(dims), 2, **params(numbers))


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 0), (0, 4))])
def test_dot(shapes: Any) -> None:
    rng = np.random.default_rng(0)
    x, y = (sample(rng, s) for s in shapes)
    np.testing.assert_allclose(c.dot(x, y), x @ y, rtol=1e-14)


def test_result_dtypes() -> None:
    x = np.full((1, 300), 100, "int8")
    numbers = (((1,), (1,)), ((), ()))
    assert np.asarray(c.dot_general(x, x, numbers)).tolist() == [[(100 * 100 * 300 + 128) % 256 - 128]]  # wraps around
    wide = c.dot_general(x, x, numbers, preferred_element_type="int32")
    assert wide.dtype == "int32" and np.asarray(wide).tolist() == [[3_000_000]]
    half = np.full((1, 4096), 1, "float16")
    assert np.asarray(c.dot_general(half, half, numbers)).tolist() == [[4096.0]]  # a float16 sum would stop at 2048
    assert c.dot_general(half, half, numbers, preferred_element_type="float32").dtype == "float32"
    mask = np.ones((1, 256), bool)
    assert np.asarray(c.dot_general(mask, mask, numbers)).tolist() == [[True]]
    assert typeof(c.dot(np.ones(2, "float32"), np.ones(2, "float32"), preferred_element_type="float64")).dtype == "float64"


def test_transpose_returns_the_operand_s_dtype() -> None:
    x, y = np.ones((2, 3), "float16"), np.ones((3, 4), "float16")
    p = params((((1,), (0,)), ((), ())), "float32")
    x_bar, none = c.dot_general_p.transpose(np.ones((2, 4), "float32"), Linear(typeof(x)), y, **p)
    assert x_bar.dtype == "float16" and none is None and np.asarray(x_bar).tolist() == [[4.0] * 3] * 2


def test_batch_matmul() -> None:
    rng = np.random.default_rng(0)
    x, y = sample(rng, (2, 5, 3, 4)), sample(rng, (2, 5, 4, 6))
    np.testing.assert_allclose(c.batch_matmul(x, y), x @ y, rtol=1e-13)
    with pytest.raises(TypeError, match="equal rank"):
        c.batch_matmul(x, y[0])


def test_refusals() -> None:
    x = np.zeros((2, 3))
    with pytest.raises(TypeError, match=r"the contracting axes \(1,\) and \(0,\) must have equal sizes, and have \(3,\) and \(2,\)"):
        c.dot_general(x, x, (((1,), (0,)), ((), ())))
    with pytest.raises(TypeError, match="must be distinct axes"):
        c.dot_general(x, x, (((1,), (1,)), ((1,), (1,))))
    with pytest.raises(TypeError, match="equal dtypes"):
        c.dot_general(x, x.astype("float32"), (((1,), (1,)), ((), ())))
    with pytest.raises(TypeError, match="vectors or matrices"):
        c.dot(x, x)
    with pytest.raises(TypeError, match="cannot hold complex"):
        c.dot(x.astype(complex), x.T.astype(complex), preferred_element_type="float64")
