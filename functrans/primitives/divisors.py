"""The greatest common divisor of integers.

Compiled it is Euclid's algorithm without a loop: ``(a, b)`` becomes ``(b, a mod b)`` while b is not 0, in as many steps as the
worst case needs, two consecutive Fibonacci numbers of the type (Lame's theorem; Knuth, *The Art of Computer Programming*,
volume 2, section 4.5.3).

Known limits: of two signed integers of which neither is greater in size than the least one, the result may be that one itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.dtypes import is_unsigned, kind_of
from functrans.core.low_precision import working_dtype
from functrans.primitives.builders import nary

__all__ = ["gcd_p"]


def _steps(bits: int) -> int:
    """How many divisions two integers of so many bits take at most."""
    a, b, count = 1, 1, 0
    while b < 1 << bits:
        a, b, count = b, a + b, count + 1
    return count


def _gcd_lower(b: Any, x: Any, y: Any) -> Any:
    dtype = x.dtype
    bits = 8 * dtype.itemsize
    unsigned = dtype if is_unsigned(dtype) else np.dtype(f"uint{bits}")
    if kind_of(dtype) == "i":
        x, y = (b.bitcast(b.op("abs", v), unsigned) for v in (x, y))
    zero = b.const(0, unsigned)
    for _ in range(_steps(bits)):
        done = b.op("eq", y, zero)
        x, y = b.op("select", done, x, y), b.op("select", done, zero, b.op("irem", x, y))
    return b.bitcast(x, dtype)


def _gcd(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    work = working_dtype(x.dtype)
    return np.asarray(np.gcd(x.astype(work, copy=False), y.astype(work, copy=False))).astype(x.dtype, copy=False)


gcd_p = nary("gcd", _gcd, kinds="iu", lower=_gcd_lower, why_no_derivative="its operands are integers")
