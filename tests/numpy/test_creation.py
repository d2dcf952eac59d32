"""Making arrays: values and dtypes against NumPy, weak scalars, traced leaves, and what staging records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans
from functrans import numpy as fnp
from functrans.config import config
from functrans.core.array import Array
from functrans.transforms.api import grad


def check(got: Any, expected: Any) -> None:
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("data", [1, 2.5, True, [1, 2], [1, 2.5], [[True], [False]], [], [[]], (1j, 2), [np.float32(1), 2.0], range(3)])
def test_array_from_python(data: Any) -> None:
    expected = np.array(data, "float32") if isinstance(data, list) and data and isinstance(data[0], np.float32) else np.array(data)
    check(fnp.array(data), expected)


def test_weakness_follows_the_reference() -> None:
    assert fnp.array(1.0).weak_type and fnp.asarray(1).weak_type
    assert not fnp.array([1.0]).weak_type and not fnp.asarray(1.0, dtype=float).weak_type and not fnp.float32(1.0).weak_type
    assert fnp.zeros_like(1.0).weak_type and fnp.full((2,), 1.0).weak_type


def test_foreign_layouts_are_copied() -> None:
    big = np.arange(6, dtype=">f8").reshape(2, 3)
    got = fnp.array(big)
    check(got, np.arange(6.0).reshape(2, 3))
    source = np.arange(10.0)
    view = fnp.array(source[::3])
    source[0] = 99
    assert view.tolist() == [0, 3, 6, 9]
    assert not np.asarray(view).flags.writeable
    assert fnp.array(np.asfortranarray(np.eye(3)[:, ::-1])).tolist() == np.eye(3)[:, ::-1].tolist()


def test_nested_lists_with_traced_leaves() -> None:
    assert grad(lambda x: (fnp.array([[x, 2.0], [1, x * x]]) * np.array([[1.0, 1.0], [1.0, 10.0]])).sum())(3.0) == 61.0
    check(fnp.array([fnp.ones(2), [2, 3]]), np.array([[1.0, 1], [2, 3]]))


def test_refusals() -> None:
    with pytest.raises(TypeError, match="str"):
        fnp.array(["a"])
    with pytest.raises(TypeError, match="not supported"):
        fnp.array(np.array([object()]))
    with pytest.raises(ValueError):
        fnp.array([[1], [1, 2]])
    with pytest.raises(ValueError, match="negative"):
        fnp.zeros((2, -1))
    with pytest.raises(ZeroDivisionError):
        fnp.arange(0, 3, 0)


@pytest.mark.parametrize("dtype", [None, "float32", "int8", "bool", "complex64", int, fnp.float16])
def test_filled(dtype: Any) -> None:
    plain = np.dtype(dtype) if dtype is not None else np.dtype(float)
    check(fnp.zeros((2, 3), dtype), np.zeros((2, 3), plain))
    check(fnp.ones(3, dtype), np.ones(3, plain))
    check(fnp.full((2, 2), 1, dtype or float), np.full((2, 2), 1, plain))
    check(fnp.eye(3, 4, 1, dtype), np.eye(3, 4, 1, plain))
    check(fnp.tri(3, 4, -1, dtype), np.tri(3, 4, -1, plain))


def test_filled_like() -> None:
    x = np.ones((2, 3), "float32")
    check(fnp.zeros_like(x), np.zeros_like(x))
    check(fnp.full_like(x, 7, dtype="int32"), np.full_like(x, 7, dtype="int32"))
    check(fnp.ones_like(x, shape=(4,)), np.ones_like(x, shape=(4,)))
    check(fnp.full((2, 3), np.arange(3)), np.full((2, 3), np.arange(3)))


@settings(max_examples=60, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-4, 4).filter(bool))
def test_arange_of_integers(start: int, stop: int, step: int) -> None:
    check(fnp.arange(start, stop, step), np.arange(start, stop, step))


@pytest.mark.parametrize("args", [(5,), (2.5,), (0.5, 3.1, 0.3), (3, 0.2, -0.7), (0, 1, 0.1)])
def test_arange_evaluated_and_staged(args: tuple[float, ...]) -> None:
    check(fnp.arange(*args), np.arange(*args))
    staged = functrans.make_jaxpr(lambda: fnp.arange(*args))()
    assert staged.out_avals[0].shape == np.arange(*args).shape
    assert not staged.consts


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 7), st.booleans(), st.sampled_from([np.float64(1.0), np.array([1.0, 4.0])]), st.sampled_from([0, -1]))
def test_linspace(num: int, endpoint: bool, start: Any, axis: int) -> None:
    stop = np.float64(3.0)
    check(fnp.linspace(start, stop, num, endpoint, axis=axis), np.linspace(start, stop, num, endpoint, axis=axis))


def test_linspace_details() -> None:
    values, step = fnp.linspace(0, 1, 5, retstep=True)
    assert step == 0.25 and values[-1] == 1.0
    check(fnp.linspace(0, 10, 4, dtype=int), np.linspace(0, 10, 4, dtype=int))
    np.testing.assert_allclose(grad(lambda a: fnp.linspace(a, 2.0, 5).sum())(1.0), 2.5)
    np.testing.assert_allclose(grad(lambda b: fnp.linspace(0.0, b, 5).sum())(1.0), 2.5)
    check(fnp.logspace(0, 3, 4), np.logspace(0, 3, 4))
    check(fnp.geomspace(1, 1000, 4), np.geomspace(1, 1000, 4))


@pytest.mark.parametrize("k", [-4, -1, 0, 2, 5])
def test_triangles_and_diagonals(k: int) -> None:
    m = np.arange(12.0).reshape(3, 4)
    check(fnp.tril(m, k), np.tril(m, k))
    check(fnp.triu(m, k), np.triu(m, k))
    check(fnp.diag(m, k), np.diag(m, k))
    check(fnp.diag(np.arange(1.0, 4), k), np.diag(np.arange(1.0, 4), k))
    check(fnp.diagflat(m[:2, :2], k), np.diagflat(m[:2, :2], k))


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("sparse", [False, True])
def test_grids(indexing: Any, sparse: bool) -> None:
    vectors = [np.arange(2), np.arange(3.0), np.arange(4)]
    for got, expected in zip(fnp.meshgrid(*vectors, indexing=indexing, sparse=sparse),
                             np.meshgrid(*vectors, indexing=indexing, sparse=sparse), strict=True):
        check(got, expected)
    check(fnp.indices((2, 3)), np.indices((2, 3)))


def test_staging_never_materialises() -> None:
    jaxpr = functrans.make_jaxpr(lambda: (fnp.zeros((10**6, 10**6)), fnp.eye(10**6), fnp.arange(10**12)))()
    assert not jaxpr.consts


def test_default_float() -> None:
    with config(default_float="float32"):
        assert fnp.zeros(2).dtype == fnp.linspace(0, 1, 3).dtype == fnp.array([1.0]).dtype == fnp.sin(np.arange(2)).dtype == "float32"
    assert fnp.zeros(2).dtype == "float64"


def test_scalar_types_and_questions() -> None:
    assert fnp.float32 == np.float32 and fnp.float32 == np.dtype("float32") and np.dtype(fnp.int8) == np.int8
    assert fnp.float32(2).dtype == "float32" and isinstance(fnp.int32(3), Array)
    assert fnp.result_type(np.float32(1), 2.0) == "float32" and fnp.promote_types("int32", "float16") == "float16"
    assert fnp.issubdtype(fnp.float16, fnp.floating) and not fnp.issubdtype("int8", fnp.inexact)
    assert fnp.isdtype(fnp.uint8, ("unsigned integer", "bool")) and fnp.can_cast("int8", "int32")
    assert fnp.shape(np.ones((2, 3))) == (2, 3) and fnp.ndim(3.0) == 0 and fnp.size(np.ones((2, 3)), -1) == 3
    assert fnp.finfo(fnp.float32).eps == np.finfo("float32").eps and fnp.iinfo(fnp.int8).max == 127
