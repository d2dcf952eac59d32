"""Complex functions at points where a formula that is right on paper loses digits, against mpmath."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from functrans import jit
from functrans.primitives import transcendental as T

POINTS = [
    # Rounding re log 2 loses as many digits as re has before the point.
    (T.exp2, lambda z: mpmath.mpf(2) ** z, 1020.8106987625756 - 0.01652645539367386j),
    (T.exp2, lambda z: mpmath.mpf(2) ** z, -900.3 + 0.5j),
    # exp(z) - 1 subtracts two numbers that are both near 2.
    (T.expm1, mpmath.expm1, 1.0966263 + 0.008554569j),
    # 1 + z rounds, and so does its absolute value.
    (T.log1p, mpmath.log1p, 0.5996936773903733 + 0.012174449310378579j),
    (T.log1p, mpmath.log1p, 0.5375958983705534 + 0.0015589991176752382j),
]


@pytest.mark.parametrize(("function", "exact", "z"), POINTS)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("compiled", [False, True])
def test_digits_are_kept(function: Any, exact: Any, z: complex, dtype: str, compiled: bool) -> None:
    if dtype == "complex64" and abs(z.real) > 100:
        z = complex(z.real / 8, z.imag)
    x = np.array([z], dtype)
    got = np.asarray((jit(function) if compiled else function)(x))
    with mpmath.workdps(40):
        want = exact(mpmath.mpc(complex(x[0])))
        error = float(abs(mpmath.mpc(complex(got[0])) - want) / abs(want))
    # Two real functions of NumPy's at up to 1.5 units each in single precision, and the roundings between.
    assert error <= 2 * np.finfo(dtype).eps
