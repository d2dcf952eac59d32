"""Rounding and the representation of floats: to whole numbers, to neighbours, to narrower formats.

All are piecewise constant (no derivative) but `reduce_precision`, which passes tangents on, rounded alike.
"""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.aval import ShapedArray
from functrans.core.low_precision import finfo, working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive
from functrans.primitives.base import linear
from functrans.primitives.builders import check_kinds, nary, unary
from functrans.primitives.logic import apply
from functrans.primitives.scalar_program import NumPyBuilder
from functrans.scalar_ops import SCALAR_OPS

__all__ = [
    "RoundingMethod", "ceil", "ceil_p", "floor", "floor_p", "is_finite", "is_finite_p", "nextafter", "nextafter_p",
    "reduce_precision", "reduce_precision_p", "round", "round_p",
]


class RoundingMethod(enum.IntEnum):
    """How `round` treats halves."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


_STEP = "it is piecewise constant"
floor_p = unary("floor", SCALAR_OPS["floor"], kinds="f", why_no_derivative=_STEP)
ceil_p = unary("ceil", SCALAR_OPS["ceil"], kinds="f", why_no_derivative=_STEP)
is_finite_p = unary(
    "is_finite", SCALAR_OPS["is_finite"], kinds="f", result=lambda _: np.dtype(bool), why_no_derivative=_STEP
)
# the step to the next number is as small as a rounding error, which derivatives do not see
nextafter_p = nary("nextafter", SCALAR_OPS["nextafter"], lambda t, y, x1, x2: t, None, kinds="f")
_ROUND_OPS = ("round_away", "round_even")
round_p = unary("round", lambda x, *, rounding_method: SCALAR_OPS[_ROUND_OPS[rounding_method]](x), kinds="f",
                lower=lambda b, x, *, rounding_method: b.op(_ROUND_OPS[rounding_method], x), why_no_derivative=_STEP)


def _reduce_precision_lower(b: Any, x: Any, *, exponent_bits: int, mantissa_bits: int) -> Any:
    """Round the significand to nearest even in the bit pattern, then send exponents out of range to inf or zero."""
    if x.dtype.itemsize == 1:
        rounded = _reduce_precision_lower(b, b.convert(x, working_dtype(x.dtype)), exponent_bits=exponent_bits, mantissa_bits=mantissa_bits)
        return b.convert(rounded, x.dtype)
    info, op = finfo(x.dtype), b.op
    width = 8 * x.dtype.itemsize
    unsigned = np.dtype(f"uint{width}")
    bits = b.bitcast(x, unsigned)
    drop = max(info.nmant - mantissa_bits, 0)
    if drop:
        last = op("and", op("shr_logical", bits, b.const(drop, unsigned)), b.const(1, unsigned))
        bits = op("add", bits, op("add", last, b.const((1 << (drop - 1)) - 1, unsigned)))
        bits = op("and", bits, b.const((1 << width) - (1 << drop), unsigned))
    sign = op("and", bits, b.const(1 << (width - 1), unsigned))
    field = op("shr_logical", op("xor", bits, sign), b.const(info.nmant, unsigned))
    bias, reach = (1 << (info.nexp - 1)) - 1, (1 << (exponent_bits - 1)) - 1
    if exponent_bits < info.nexp:
        infinite = op("or", sign, b.const(((1 << info.nexp) - 1) << info.nmant, unsigned))
        bits = op("select", op("gt", field, b.const(bias + reach, unsigned)), infinite, bits)
        bits = op("select", op("le", field, b.const(bias - reach, unsigned)), sign, bits)
    return op("select", op("ne", x, x), x, b.bitcast(bits, x.dtype))


def _reduce_precision_abstract(x: ShapedArray, *, exponent_bits: int, mantissa_bits: int) -> ShapedArray:
    check_kinds("reduce_precision", "f", x)
    if exponent_bits < 1 or mantissa_bits < 0:
        raise ValueError(f"reduce_precision: exponent_bits must be at least 1 and mantissa_bits at least 0; got {exponent_bits} and "
                         f"{mantissa_bits}, at {describe(user_source())}.")
    return x


reduce_precision_p: Primitive = linear(
    "reduce_precision",
    impl=lambda x, **bits: np.asarray(_reduce_precision_lower(NumPyBuilder(), x, **bits)),
    abstract=_reduce_precision_abstract,
    transpose=lambda ct, x, **bits: reduce_precision_p.bind(ct, **bits),
    batch=lambda size, x, dim, **bits: (reduce_precision_p.bind(x, **bits), dim),
    lower=_reduce_precision_lower,
)


def floor(x: Any) -> Any:
    """The largest whole number not above `x`."""
    return apply(floor_p, x)


def ceil(x: Any) -> Any:
    """The smallest whole number not below `x`."""
    return apply(ceil_p, x)


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Any:
    """The nearest whole number; halves go away from zero, or to even ones by ``RoundingMethod.TO_NEAREST_EVEN``.

    >>> round(np.array([0.5, 2.5]), RoundingMethod.TO_NEAREST_EVEN)
    Array([0., 2.], dtype=float64)
    """
    return apply(round_p, x, rounding_method=RoundingMethod(rounding_method))


def is_finite(x: Any) -> Any:
    """Whether each element is neither infinite nor nan."""
    return apply(is_finite_p, x)


def nextafter(x1: Any, x2: Any) -> Any:
    """The next number of the dtype after `x1` in the direction of `x2`."""
    return apply(nextafter_p, x1, x2)


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Any:
    """`operand` rounded to a float format of that many bits, in its own dtype. Denormals of the format become zero.

    >>> reduce_precision(np.float32(1.01), 8, 7)
    Array(1.0078125, dtype=float32)
    """
    return apply(
        reduce_precision_p,
        operand,
        exponent_bits=integer(exponent_bits, "exponent_bits"),
        mantissa_bits=integer(mantissa_bits, "mantissa_bits"),
    )
