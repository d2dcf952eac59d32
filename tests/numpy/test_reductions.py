"""Reductions against NumPy over drawn shapes and axes; result dtypes; masks; derivatives at corners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad

NAMES = ["sum", "prod", "mean", "max", "min", "any", "all", "std", "var", "count_nonzero", "nansum", "nanmean", "nanmax", "nanvar", "ptp"]


@st.composite
def cases(draw: Any) -> tuple[np.ndarray, Any]:
    x = draw(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-4, 4, width=16)))
    axes = draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1), st.sets(st.integers(0, x.ndim - 1)).map(tuple)))
    return x, axes


@settings(max_examples=120, deadline=None)
@given(cases(), st.sampled_from(NAMES), st.booleans())
def test_reductions_are_numpys(case: Any, name: str, keepdims: bool) -> None:
    x, axis = case
    got = getattr(fnp, name)(x, axis=axis, keepdims=keepdims)
    expected = np.asarray(getattr(np, name)(x, axis=axis, keepdims=keepdims))
    assert got.shape == expected.shape and got.dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "results"), [
    ("sum", {"bool": "int64", "int8": "int64", "uint8": "uint64", "float16": "float16", "float32": "float32", "complex64": "complex64"}),
    ("prod", {"bool": "int64", "int32": "int64", "uint32": "uint64", "float32": "float32"}),
    ("mean", {"bool": "float64", "int32": "float64", "float16": "float16", "float32": "float32", "complex64": "complex64"}),
    ("var", {"int32": "float64", "float32": "float32", "complex64": "float32"}),
    ("max", {"bool": "bool", "int8": "int8", "float16": "float16"}),
    ("argmax", {"bool": "int64", "float32": "int64"}), ("any", {"complex64": "bool", "int8": "bool"}),
])
def test_result_dtypes(name: str, results: dict[str, str]) -> None:
    for dtype, expected in results.items():
        assert getattr(fnp, name)(np.ones(3, dtype)).dtype == expected


def test_requested_dtype_and_half_precision() -> None:
    assert fnp.sum(np.ones(3, "float32"), dtype="float64").dtype == "float64"
    assert fnp.sum(np.ones(3, "int8"), promote_integers=False).dtype == "int8"
    assert fnp.sum(np.full(5000, 1, "float16")) == 5000
    assert fnp.mean(np.full(60000, 2, "float16")) == 2


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "std", "var", "any", "all", "nansum"])
def test_where(name: str) -> None:
    x = np.arange(12.0).reshape(3, 4) / 7
    mask = np.array([True, False, True, True])
    got = getattr(fnp, name)(x, axis=1, where=mask)
    np.testing.assert_allclose(np.asarray(got), getattr(np, name)(x, axis=1, where=mask), rtol=1e-13)


def test_initial() -> None:
    x = np.arange(4)
    assert fnp.sum(x, initial=10) == 16 and fnp.prod(x[1:], initial=2) == 12
    assert fnp.max(x, initial=9) == 9 and fnp.min(np.ones(0), initial=3.0) == 3.0
    assert fnp.max(x, initial=-1, where=x < 2) == 1
    with pytest.raises(ValueError, match="initial"):
        fnp.max(x, where=x < 2)


def test_errors() -> None:
    x = np.ones((2, 3))
    with pytest.raises(np.exceptions.AxisError):
        fnp.sum(x, axis=2)
    with pytest.raises(ValueError, match="duplicate"):
        fnp.sum(x, axis=(0, -2))
    with pytest.raises(ValueError, match="empty"):
        fnp.max(np.ones((0, 3)), axis=0)
    with pytest.raises(ValueError, match="empty"):
        fnp.argmin(np.ones(0))
    with pytest.raises(TypeError, match="list"):
        fnp.sum([1, 2])


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, (3, 4), elements=st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf])), st.sampled_from([None, 0, 1, -1]),
       st.sampled_from(["argmax", "argmin"]), st.booleans())
def test_positions(x: np.ndarray, axis: int | None, name: str, keepdims: bool) -> None:
    got, expected = getattr(fnp, name)(x, axis, keepdims=keepdims), getattr(np, name)(x, axis, keepdims=keepdims)
    assert np.array_equal(np.asarray(got), expected)


def test_nan_variants() -> None:
    x = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    assert fnp.nanargmax(x, 1).tolist() == [2, -1]
    for name in ("nanmax", "nanmin", "nanmean", "nanvar", "nanstd"):
        got = np.asarray(getattr(fnp, name)(x, axis=1))
        np.testing.assert_allclose(got[0], getattr(np, name)(x[0]))
        assert np.isnan(got[1])
    assert fnp.nansum(x, axis=1).tolist() == [4.0, 0.0] and fnp.nanprod(x, axis=1).tolist() == [3.0, 1.0]


@pytest.mark.parametrize("name", ["max", "min", "ptp", "argmax", "argmin", "nanmax", "nanmin", "nanargmax", "nanargmin"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_complex_extrema_are_numpys(name: str, axis: int | None) -> None:
    x = np.array([[1 + 2j, 1 + 3j, 9j], [1 + 3j, 1 - 3j, -2]])
    if name.startswith("nan"):
        x[0, 1], x[1, 0] = complex(np.nan, 2), complex(2, np.nan)
        if name.startswith("nanarg"):  # numpy takes a part that is not nan for a number; both parts nan are nobody's
            x[0, 1] = x[1, 0] = complex(np.nan, np.nan)
    for f in (getattr(fnp, name), jit(getattr(fnp, name), static_argnames="axis")):
        np.testing.assert_array_equal(np.asarray(f(x, axis=axis)), getattr(np, name)(x, axis=axis))


def test_complex_extrema_under_a_mask_and_of_nan_alone() -> None:
    x = np.array([complex(-np.inf, -1), complex(-np.inf, -2), 3])
    mask = np.array([True, True, False])
    assert complex(fnp.max(x, where=mask, initial=complex(-np.inf, -9))) == complex(-np.inf, -1)
    assert fnp.nanargmax(np.full(2, complex(1, np.nan))).tolist() == -1 and np.isnan(fnp.nanmax(np.full(2, complex(1, np.nan))))


def test_average() -> None:
    x, w = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(np.asarray(fnp.average(x, 1, w)), np.average(x, 1, w))
    for got, expected in zip(fnp.average(x, 0, returned=True), np.average(x, 0, returned=True), strict=True):
        np.testing.assert_allclose(np.asarray(got), expected)
    with pytest.raises(ValueError, match="weights"):
        fnp.average(x, 0, w)


def test_ddof() -> None:
    x = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(fnp.var(x, ddof=1), np.var(x, ddof=1))
    np.testing.assert_allclose(fnp.std(x, correction=1), np.std(x, ddof=1))
    assert np.isnan(fnp.var(x[:1], ddof=1)) and fnp.var(x[:2], ddof=2) == np.inf
    np.testing.assert_allclose(fnp.var(x * 1j), np.var(x * 1j))


def test_derivatives() -> None:
    assert grad(fnp.std)(np.ones(3)).tolist() == [0, 0, 0]
    assert grad(fnp.var)(np.ones(1)).tolist() == [0]
    assert grad(fnp.max)(np.array([1.0, 3.0, 3.0])).tolist() == [0, 0.5, 0.5]
    assert grad(fnp.prod)(np.array([2.0, 0.0, 5.0])).tolist() == [0, 10, 0]
    assert grad(fnp.nanmean)(np.array([1.0, np.nan, 3.0])).tolist() == [0.5, 0, 0.5]
    np.testing.assert_allclose(grad(lambda x: fnp.mean(x * x))(np.arange(4.0)), np.arange(4.0) / 2)
