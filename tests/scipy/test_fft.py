"""`functrans.scipy.fft` against SciPy, compiled against eager, derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft as sf

import functrans as ft
from functrans.scipy import fft
from functrans.test_util import check_grads, check_vmap

rng = np.random.default_rng(3)
TYPES = [1, 2, 3, 4]


def same(got, want: np.ndarray) -> None:
    got = np.asarray(got)
    assert got.dtype == want.dtype
    single = got.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(got, want, rtol=1e-4 if single else 1e-9, atol=3e-5 if single else 1e-11)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64", "int64"])
@pytest.mark.parametrize("kind", TYPES)
def test_values(kind: int, dtype: str) -> None:
    for shape in ((4, 3), (7, 8), (2, 9), (5, 1)):
        x = rng.standard_normal(shape) * 3
        x = (x + 1j * rng.standard_normal(shape) if dtype.startswith("c") else x).astype(dtype)
        for norm in (None, "backward", "ortho", "forward"):
            for name, arguments in [("dct", {}), ("dct", {"n": 5}), ("dct", {"n": 9, "axis": 0}), ("dctn", {}), ("dctn", {"s": (5, 4)}),
                                    ("dctn", {"s": (3,), "axes": (0,)}), ("dctn", {"axes": 0}), ("dctn", {"s": 6})]:
                if kind == 1 and shape[1] == 1 and arguments in ({}, {"axes": (1,)}):
                    continue  # this type needs two elements
                for way in (name, "i" + name):
                    same(getattr(fft, way)(x, kind, norm=norm, **arguments), getattr(sf, way)(x, kind, norm=norm, **arguments))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("n", [8, 9])
def test_transformations(n: int, kind: int) -> None:
    x = rng.standard_normal((3, n))
    for call in (lambda x: fft.dctn(x, kind, norm="ortho"), lambda x: fft.idct(x, kind)):
        same(ft.jit(call)(x), np.asarray(call(x)))
        check_grads(call, (x,), order=2)
        check_vmap(call, (x,))
    matrix = np.asarray(ft.jacrev(lambda x: fft.dct(x, kind, norm="ortho"))(x[0]))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(n), atol=1e-12)


def test_bad_input() -> None:
    x = np.ones((3, 1))
    for call, kind, words in [
        (lambda: fft.dct(x, 5), NotImplementedError, "type must be 1, 2, 3 or 4; got 5"),
        (lambda: fft.dct(x, 9), ValueError, "type must be 1, 2, 3 or 4; got 9"),
        (lambda: fft.dct(x, norm="loud"), ValueError, "norm must be"),
        (lambda: fft.dct(x, n=0), ValueError, "an element at least; got 0 along axis 1"),
        (lambda: fft.dct(x, 1), ValueError, "two elements at least"),
        (lambda: fft.idctn(x, s=(2, 2), axes=(0,)), ValueError, "2 lengths are given for 1 axes"),
        (lambda: fft.dctn(x, s=(2, 2, 2)), ValueError, "3 lengths are given for 2 axes"),
        (lambda: fft.dctn(x, axes=(0, -2)), ValueError, "axes must be distinct"),
        (lambda: fft.dct(x, axis=2), np.exceptions.AxisError, "axis 2"),
    ]:
        with pytest.raises(kind, match=words):
            call()
