"""What each scalar operation of the kernel IR means: one NumPy function for each name, with the exact result dtype.

The primitives evaluate with these functions, the interpreter of the kernel IR too, and generated code is tested
against them. Operands are real, have equal dtypes and broadcast; comparisons and `is_finite` give booleans,
everything else the dtype of its operands. Nothing is undefined: integer division by zero gives all ones (-1 where
signed), its remainder the dividend, ``MIN / -1`` wraps to ``MIN``; shifts by the width or more (negative amounts
count as such) give 0, or the sign.

Half precision and narrower floats are computed in single and rounded once, integers narrower than a byte in bytes.
erf and erfc are the C library's (`math`), element by element: slow, but within 1 ULP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from functrans.core.dtypes import is_float, is_integer, is_unsigned, kind_of
from functrans.core.low_precision import KIND_OF_TYPE, low_precision_format, working_dtype

__all__ = ["SCALAR_OPS"]

Op = Callable[..., Any]


def _working(f: Callable[..., Any]) -> Op:
    """`f` computed in the working dtype of its operands and rounded (or, of integers, cut) once."""

    def op(*xs: Any) -> Any:
        dtype = np.result_type(xs[0])
        work = working_dtype(dtype)
        if work is dtype:
            return np.asarray(f(*xs))
        out = np.asarray(f(*(np.asarray(x).astype(work) for x in xs)))
        return out if out.dtype == np.bool_ else out.astype(dtype)

    return op


def _narrow_working(f: Callable[..., Any]) -> Op:
    """As `_working`, where NumPy's own half-precision loop is right."""
    slow = _working(f)

    def op(*xs: Any) -> Any:
        return slow(*xs) if np.result_type(xs[0]).type in KIND_OF_TYPE else f(*xs)

    return op


def _on_codes(f: Callable[..., Any], unused: int = 0) -> Op:
    """`f` of unsigned bytes for integers narrower than a byte; from its result, `unused` times the number of bits that are not theirs."""

    def op(*xs: Any) -> Any:
        form = low_precision_format(np.result_type(xs[0]))
        if form is None:
            return f(*xs)
        code = np.asarray(xs[0]).astype(np.int8).view(np.uint8) & np.uint8((1 << form.bits) - 1)
        rest = [np.asarray(x).astype(np.int8).view(np.uint8) for x in xs[1:]]
        return (f(code, *rest) - np.uint8(unused * (8 - form.bits))).astype(np.result_type(xs[0]))

    return op


def _div(x: Any, y: Any) -> Any:
    """The quotient; of integers, truncated."""
    return _idiv(x, y) if is_integer(np.result_type(x)) else np.asarray(np.divide(x, y))


def _idiv(x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    one, minus = x.dtype.type(1), np.array(-1).astype(x.dtype)
    by_zero = y == 0
    if is_unsigned(x.dtype):
        return np.where(by_zero, minus, x // np.where(by_zero, one, y))
    by_minus = y == minus
    safe = np.where(by_zero | by_minus, one, y)
    q = (x - np.fmod(x, safe)) // safe
    return np.where(by_zero, minus, np.where(by_minus, np.negative(x), q))


def _irem(x: Any, y: Any) -> Any:
    x, y = np.asarray(x), np.asarray(y)
    one = x.dtype.type(1)
    trivial = (y == 0) | (y == np.array(-1).astype(x.dtype)) if kind_of(x.dtype) == "i" else y == 0
    return np.where(y == 0, x, np.fmod(x, np.where(trivial, one, y)))


def _rem(x: Any, y: Any) -> Any:
    """C's fmod; of integers, the remainder with the sign of the dividend."""
    return _irem(x, y) if is_integer(np.result_type(x)) else np.asarray(np.fmod(x, y))


def _neg(x: Any) -> Any:
    return np.asarray(np.negative(x))


def _sign(x: Any) -> Any:
    """-1, 0 or 1; zeros keep their sign, nan stays."""
    s = np.asarray(np.sign(x))
    return np.where(s == 0, x, s) if is_float(s.dtype) else s


def _round_away(x: Any) -> Any:
    t = np.asarray(np.trunc(x))
    step = np.copysign(t.dtype.type(1), x)
    return np.where(np.abs(np.subtract(x, t)) >= 0.5, t + step, t)


def _shl(x: Any, n: Any) -> Any:
    x, inside, n = _shift_operands(x, n)
    return np.where(inside, np.left_shift(x, n), x.dtype.type(0))


def _shr_logical(x: Any, n: Any) -> Any:
    x, inside, n = _shift_operands(x, n)
    unsigned = _unsigned(x.dtype)
    return np.where(inside, np.right_shift(x.view(unsigned), n.view(unsigned)).view(x.dtype), x.dtype.type(0))


def _shr_arithmetic(x: Any, n: Any) -> Any:
    x, inside, n = _shift_operands(x, n)
    signed = np.dtype(f"int{8 * x.dtype.itemsize}")
    n = np.where(inside, n, x.dtype.type(8 * x.dtype.itemsize - 1))
    return np.right_shift(x.view(signed), n.view(signed)).view(x.dtype)


def _shift_operands(x: Any, n: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, n = np.asarray(x), np.asarray(n)
    inside = (n >= 0) & (n < 8 * x.dtype.itemsize)
    return x, inside, np.where(inside, n, n.dtype.type(0))


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"uint{8 * dtype.itemsize}")


def _popcount(x: Any) -> Any:
    x = np.asarray(x)
    return np.asarray(np.bitwise_count(x.view(_unsigned(x.dtype)))).astype(x.dtype)


def _clz(x: Any) -> Any:
    """Smear the leading one to the right, then count the zeros."""
    x = np.asarray(x)
    unsigned = _unsigned(x.dtype)
    v, bits = x.view(unsigned), 8 * x.dtype.itemsize
    shift = 1
    while shift < bits:
        v = v | (v >> unsigned.type(shift))
        shift *= 2
    return (bits - np.asarray(np.bitwise_count(v))).astype(x.dtype)


def _mulhi(x: Any, y: Any) -> Any:
    """The upper half of the double-width product."""
    x, y = np.asarray(x), np.asarray(y)
    bits = 8 * x.dtype.itemsize
    if bits < 64:
        wide = np.int64 if kind_of(x.dtype) == "i" else np.uint64
        return ((x.astype(wide) * y.astype(wide)) >> wide(bits)).astype(x.dtype)
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b = x.view(np.uint64), y.view(np.uint64)
    a0, a1, b0, b1 = a & mask, a >> half, b & mask, b >> half
    middle = a1 * b0 + ((a0 * b0) >> half)
    high = a1 * b1 + (middle >> half) + (((middle & mask) + a0 * b1) >> half)
    if kind_of(x.dtype) == "i":  # two's complement: a negative operand counted 2**64 times the other too much
        high = high - np.where(x < 0, b, np.uint64(0)) - np.where(y < 0, a, np.uint64(0))
    return np.asarray(high).view(x.dtype)


def _rsqrt(x: Any) -> Any:
    return np.asarray(np.divide(np.result_type(x).type(1), np.sqrt(x)))


def _elementwise(f: Callable[[float], float]) -> Op:
    """A function of Python floats, over arrays of any float dtype."""
    loop = np.frompyfunc(f, 1, 1)

    def op(x: Any) -> Any:
        x = np.asarray(x)
        return np.asarray(loop(x.astype(np.float64))).astype(working_dtype(x.dtype)).astype(x.dtype)

    return op


def _logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)); below zero as e / (1 + e), which keeps small results exact and never overflows."""
    x = np.asarray(x)
    e = np.exp(-np.abs(x))
    one = x.dtype.type(1)
    return np.where(x >= 0, one, e) / (one + e)


def _nextafter(x: Any, y: Any) -> np.ndarray:
    """C's: of equal numbers the second, which NumPy's half-precision loop does not heed for zeros."""
    return np.where(np.equal(x, y), y, np.nextafter(x, y))


def _fma(x: Any, y: Any, z: Any) -> np.ndarray:
    """``x * y + z`` rounded once; float32 and float64.

    The product is split into a rounded part and its error, the sums are too, and what is left over is rounded to odd, so
    that the last sum rounds as the exact one would (S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded
    sums: proved algorithms using rounding to odd", 2008). Numbers of extreme size go by way of fractions.
    """
    x, y, z = np.broadcast_arrays(x, y, z)
    if x.dtype == np.float32:
        product, addend = np.multiply(x, y, dtype=np.float64), z.astype(np.float64)  # the product is exact
        return np.asarray(_odd_sum(product, addend), np.float32)
    product = np.asarray(x * y)
    error = _product_error(x, y, product)
    high, low = _two_sum(z, error)
    total, rest = _two_sum(product, high)
    out = np.asarray(total + _odd_sum(low, rest))
    far = (np.abs(product) < _TINY) | ~(np.maximum.reduce(np.abs([x, y, z, product])) < _HUGE)
    plain = (x == 0) | (y == 0) | ~np.isfinite(x) | ~np.isfinite(y) | ~np.isfinite(z)
    out = np.where(far, product + z, out)
    exact = far & ~plain
    if exact.any():
        out[exact] = [_exact_fma(*v) for v in zip(x[exact].tolist(), y[exact].tolist(), z[exact].tolist(), strict=True)]
    return out


_TINY, _HUGE = 2.0**-900, 2.0**900


def _two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """The rounded sum and its error (Knuth)."""
    s = x + y
    part = s - x
    return s, (x - (s - part)) + (y - part)


def _product_error(x: Any, y: Any, product: Any) -> Any:
    """``x * y - product``, exactly (Dekker)."""
    def halves(v: Any) -> tuple[Any, Any]:
        spread = v * 134217729.0
        high = spread - (spread - v)
        return high, v - high

    (x1, x0), (y1, y0) = halves(x), halves(y)
    return ((x1 * y1 - product) + x1 * y0 + x0 * y1) + x0 * y0


def _odd_sum(x: Any, y: Any) -> np.ndarray:
    """The sum of two doubles rounded to odd: where it is not exact, the neighbour with the odd last bit."""
    s, error = _two_sum(x, y)
    s = np.asarray(s)
    bits = s.view(np.int64)
    even = (error != 0) & np.isfinite(error) & (bits & 1 == 0)
    step = np.where((error > 0) == (s > 0), 1, -1)
    return np.asarray(bits + np.where(even, step, 0)).view(np.float64)


def _exact_fma(x: float, y: float, z: float) -> float:
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return x * y + z  # the sign of the zero
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _select(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


_OPS: dict[str, Op] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _narrow_working(_div),
    "idiv": _narrow_working(_idiv),
    "irem": _narrow_working(_irem),
    "rem": _narrow_working(_rem),
    "neg": _narrow_working(_neg),
    "abs": _narrow_working(np.absolute),
    "sign": _narrow_working(_sign),
    "min": _working(np.minimum),  # NumPy's half-precision loop keeps the first of two equal zeros, all others the second
    "max": _working(np.maximum),
    "pow": _working(np.power),
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": _narrow_working(np.bitwise_and),
    "or": _narrow_working(np.bitwise_or),
    "xor": _narrow_working(np.bitwise_xor),
    "not": _narrow_working(np.invert),
    "shl": _narrow_working(_shl),
    "shr_logical": _on_codes(_shr_logical),
    "shr_arithmetic": _narrow_working(_shr_arithmetic),
    "popcount": _on_codes(_popcount),
    "clz": _on_codes(_clz, unused=1),
    "select": _select,
    "floor": _narrow_working(np.floor),
    "ceil": _narrow_working(np.ceil),
    "trunc": _narrow_working(np.trunc),
    "round_even": _narrow_working(np.rint),
    "round_away": _narrow_working(_round_away),
    "is_finite": np.isfinite,
    "copysign": _narrow_working(np.copysign),
    "mulhi": _narrow_working(_mulhi),
    "nextafter": _nextafter,
    "fma": _fma,
    "sqrt": _working(np.sqrt),
    "rsqrt": _working(_rsqrt),
    "cbrt": _working(np.cbrt),
    "logistic": _working(_logistic),
    "erf": _elementwise(math.erf),
    "erfc": _elementwise(math.erfc),
}
_BY_NUMPY: dict[str, Op] = {
    name: _working(getattr(np, numpy_name))
    for name, numpy_name in {
        "exp": "exp",
        "exp2": "exp2",
        "expm1": "expm1",
        "log": "log",
        "log2": "log2",
        "log10": "log10",
        "log1p": "log1p",
        "sin": "sin",
        "cos": "cos",
        "tan": "tan",
        "sinh": "sinh",
        "cosh": "cosh",
        "tanh": "tanh",
        "asin": "arcsin",
        "acos": "arccos",
        "atan": "arctan",
        "asinh": "arcsinh",
        "acosh": "arccosh",
        "atanh": "arctanh",
        "atan2": "arctan2",
    }.items()
}
SCALAR_OPS: dict[str, Op] = _OPS | _BY_NUMPY
"""The operation of each name; the keys are all the names `Builder.op` takes."""
