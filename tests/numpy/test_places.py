"""nonzero and its kin: NumPy's answers; with a static size the same under jit and vmap; errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans import numpy as fnp
from functrans.errors import ConcretizationTypeError

HERE = "test_places.py"
X = np.array([[0, 3, 0], [4, 0, 5]])


def expected(x: np.ndarray, size: int, fills: tuple[Any, ...]) -> list[np.ndarray]:
    """NumPy's places, cut or filled."""
    return [np.concatenate([f[:size], np.full(max(0, size - len(f)), v)]).astype(np.int64)
            for f, v in zip(np.nonzero(x), fills, strict=True)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.sampled_from([1, 15, 16, 17, 300]), st.sampled_from([0, 1, 5, 40, 400]),
       st.sampled_from(["bool", "int8", "float32", "complex128"]), st.integers(0, 99))
def test_static_sizes(shape: list[int], last: int, size: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = [*shape[:-1], last]
    x = (rng.integers(0, 3, shape) * rng.choice([0, 1], shape)).astype(dtype)
    fills = tuple(range(-1, len(shape) - 1))
    want = expected(x, size, fills)
    for f in (lambda x: fnp.nonzero(x, size=size, fill_value=fills), lambda x: fnp.where(x, size=size, fill_value=fills)):
        for wrap in (lambda f: f, ft.jit):
            for got, w in zip(wrap(f)(x), want, strict=True):
                assert got.dtype == np.int64
                np.testing.assert_array_equal(np.asarray(got), w)
    rows = ft.jit(lambda x: fnp.argwhere(x, size=size, fill_value=fills))(x)
    np.testing.assert_array_equal(np.asarray(rows), np.stack(want, 1))
    (flat,) = expected(x.ravel(), size, (-7,))
    np.testing.assert_array_equal(np.asarray(ft.jit(lambda x: fnp.flatnonzero(x, size=size, fill_value=-7))(x)), flat)


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_under_vmap(wrap: Any) -> None:
    x = np.random.default_rng(0).integers(0, 2, (5, 40))
    got = wrap(ft.vmap(lambda v: fnp.nonzero(v, size=25, fill_value=-9)[0]))(x)
    np.testing.assert_array_equal(np.asarray(got), np.stack([expected(v, 25, (-9,))[0] for v in x]))


@pytest.mark.parametrize("wrap", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_fill_values(wrap: Any) -> None:
    # jax.numpy.nonzero of X with size=5 gives these: no fill value is 0, a float makes the indices floats.
    for fill, column in ((None, [0, 1, 1, 0, 0]), (7, [0, 1, 1, 7, 7]), (-1, [0, 1, 1, -1, -1]), (2.5, [0.0, 1.0, 1.0, 2.5, 2.5])):
        got = wrap(lambda x, fill=fill: fnp.nonzero(x, size=5, fill_value=fill)[0])(X)
        assert got.tolist() == column and got.dtype == np.asarray(column).dtype
    traced = wrap(lambda x, fill: fnp.nonzero(x, size=4, fill_value=fill)[1])(X, 6)
    assert traced.tolist() == [1, 0, 2, 6]
    assert wrap(lambda x: fnp.nonzero(x[:0], size=2, fill_value=9)[0])(X).tolist() == [9, 9]
    assert wrap(lambda x: fnp.argwhere(x, size=2))(5).shape == (2, 0)
    assert wrap(lambda x: fnp.extract(x > 3, x, size=3, fill_value=-2))(X).tolist() == [4, 5, -2]
    assert wrap(lambda x: fnp.compress(x[0] > 0, x, axis=1, size=2))(X).tolist() == [[3, 0], [0, 0]]


def test_gathering_at_the_places_is_differentiable() -> None:
    x = np.array([1.0, -2.0, 3.0, -4.0])

    def positive(v: Any) -> Any:
        places = fnp.nonzero(v > 0, size=3, fill_value=4)[0]
        return (v.at[places].get(mode="fill", fill_value=0.0) ** 2).sum()

    for f in (ft.grad(positive), ft.jit(ft.grad(positive))):
        assert f(x).tolist() == [2.0, 0.0, 6.0, 0.0]


def test_errors() -> None:
    for f in (fnp.nonzero, fnp.argwhere, fnp.flatnonzero, fnp.where, lambda x: fnp.extract(x, x), lambda x: fnp.compress(x[0], x)):
        for transform in (ft.jit, ft.vmap):
            with pytest.raises(ConcretizationTypeError, match=r"size=n") as caught:
                transform(f)(X if transform is ft.jit else X[None])
            assert HERE in str(caught.value)
    for call, text in (
        (lambda: fnp.nonzero(X, size=-1), "size=-1 is negative"),
        (lambda: fnp.nonzero(5, size=2), "rank 0"),
        (lambda: fnp.nonzero(X, size=5, fill_value=(1, 2, 3)), "each of the 2 axes"),
        (lambda: fnp.nonzero(X, size=5, fill_value=np.array([1, 2])), "each of the 2 axes"),
        (lambda: fnp.where(X, 1, 2, size=5), "not with x and y"),
        (lambda: fnp.where(X, 1), "both x and y"),
    ):
        with pytest.raises(ValueError, match=re.escape(text)) as refused:
            call()
        assert HERE in str(refused.value)


def test_place() -> None:
    x, mask = np.arange(5.0), np.array([True, False, True, True, False])
    got = ft.jit(lambda x, m: fnp.place(x, m, np.array([7.0, 8.0]), inplace=False))(x, mask)
    assert got.tolist() == [7, 1, 8, 7, 4]
    with pytest.raises(ValueError, match=r"place: mask and arr must have one size; got shapes \(5,\) and \(4,\), at .*test_places"):
        fnp.place(np.ones(4), mask, 1.0, inplace=False)
    with pytest.raises(ValueError, match=r"place: vals must hold a value; got an empty array, at .*test_places"):
        fnp.place(x, mask, np.ones(0), inplace=False)
