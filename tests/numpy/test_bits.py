"""`view` and `byteswap` against NumPy's, and where arrays are."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp

DTYPES = ["int8", "uint16", "int32", "float32", "uint64", "float64", "complex64", "complex128", "float16"]


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_view_is_numpys(source: str, target: str) -> None:
    x = (np.arange(48).reshape(3, 16) * 7 + 1).astype(source)
    expected = x.view(target)
    for got in (fnp.asarray(x).view(target), ft.jit(lambda x: x.view(target))(x)):
        assert got.dtype == target and got.shape == expected.shape
        assert np.asarray(got).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_byteswap_is_numpys(dtype: str) -> None:
    x = np.arange(1, 7).reshape(2, 3).astype(dtype)
    assert np.asarray(fnp.asarray(x).byteswap()).tobytes() == x.byteswap().tobytes()


def test_booleans_empty_arrays_and_numbers() -> None:
    flags = fnp.array([True, False])
    np.testing.assert_array_equal(flags.view("int8"), [1, 0])
    np.testing.assert_array_equal(fnp.array([3, 0], "uint8").view(bool), [True, False])
    assert fnp.zeros((2, 0), "int32").view("int8").shape == (2, 0)
    assert fnp.float32(1).view("int32") == 1065353216
    np.testing.assert_array_equal(ft.vmap(lambda x: x.view("int16"))(np.arange(4, dtype="int32")[:, None]),
                                  np.arange(4, dtype="int32")[:, None].view("int16"))


def test_errors_name_the_line() -> None:
    with pytest.raises(ValueError, match=r"holds no whole number of int64, at .*test_bits"):
        fnp.arange(3).astype("int32").view("int64")
    with pytest.raises(ValueError, match=r"an array of rank 0 keeps the size of its element.*test_bits"):
        fnp.float32(1).view("int8")
    with pytest.raises(ValueError, match=r"there is one device, 'cpu'; got device='gpu', at .*test_bits"):
        fnp.ones(2).to_device("gpu")


def test_where_arrays_are() -> None:
    x = fnp.ones(2)
    assert x.device == "cpu" and x.devices() == {"cpu"} and x.to_device("cpu") is x and x.clone() is x
    assert ft.jit(lambda x: x * (x.device == "cpu"))(2.0) == 2.0
