"""Comparisons, logic, bits, and the parts of floating numbers.

Comparisons and predicates give booleans and have no derivative. Complex numbers compare for equality by parts, in order
lexicographically. Shifts by the width or more give 0 (or the sign).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical, kind_of
from functrans.core.low_precision import finfo, working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import (
    binary_inexact,
    binary_operands,
    check_arraylike,
    constant_like,
    promote_inexact,
    promote_shapes,
    unary_inexact,
    unary_operand,
)
from functrans.primitives.arithmetic import abs_p, min_p, select_n_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import (
    and_p,
    bitcast_convert_type_p,
    eq_p,
    ge_p,
    gt_p,
    le_p,
    lt_p,
    ne_p,
    not_p,
    or_p,
    population_count_p,
    shift_left_p,
    shift_right_arithmetic_p,
    shift_right_logical_p,
    xor_p,
)
from functrans.primitives.movement import full_like
from functrans.primitives.parts import imag_p, neg_p, real_p
from functrans.primitives.rounding import is_finite_p, nextafter_p
from functrans.primitives.structural import convert_element_type

__all__ = [
    "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "copysign", "equal", "frexp", "greater", "greater_equal", "heaviside", "invert", "iscomplex", "iscomplexobj",
    "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "isrealobj", "ldexp", "left_shift", "less", "less_equal",
    "logical_and", "logical_not", "logical_or", "logical_xor", "nextafter", "not_equal", "right_shift", "signbit", "spacing",
]

_c = constant_like
_BOOL = np.dtype(bool)
_FLOAT_BITS = {"bfloat16": (7, 8, "int16"), "float16": (10, 5, "int16"), "float32": (23, 8, "int32"), "float64": (52, 11, "int64")}


def _where(condition: Any, x: Any, y: Any) -> Any:
    return select_n_p.bind(condition, y, x)


def _kind(x: Any) -> str:
    return kind_of(typeof(x).dtype)


# -- comparisons ------------------------------------------------------------------------------------------------------

def equal(x: Any, y: Any, /) -> Any:
    """``x == y``.

    >>> equal(np.array([1, 2]), 2)
    Array([False,  True], dtype=bool)
    """
    return eq_p.bind(*binary_operands("equal", x, y))


def not_equal(x: Any, y: Any, /) -> Any:
    """``x != y``.

    >>> not_equal(np.array([1, 2]), 2)
    Array([ True, False], dtype=bool)
    """
    return ne_p.bind(*binary_operands("not_equal", x, y))


def _ordered(name: str, prim: Any, x: Any, y: Any) -> Any:
    x, y = binary_operands(name, x, y)
    if _kind(x) != "c":
        return prim.bind(x, y)
    rx, ry = real_p.bind(x), real_p.bind(y)
    return _where(eq_p.bind(rx, ry), prim.bind(imag_p.bind(x), imag_p.bind(y)), prim.bind(rx, ry))


def less(x: Any, y: Any, /) -> Any:
    """``x < y``.

    >>> less(np.array([1, 2]), 2)
    Array([ True, False], dtype=bool)
    """
    return _ordered("less", lt_p, x, y)


def less_equal(x: Any, y: Any, /) -> Any:
    """``x <= y``.

    >>> less_equal(np.array([1, 2, 3]), 2)
    Array([ True,  True, False], dtype=bool)
    """
    return _ordered("less_equal", le_p, x, y)


def greater(x: Any, y: Any, /) -> Any:
    """``x > y``.

    >>> greater(np.array([2, 3]), 2)
    Array([False,  True], dtype=bool)
    """
    return _ordered("greater", gt_p, x, y)


def greater_equal(x: Any, y: Any, /) -> Any:
    """``x >= y``.

    >>> greater_equal(np.array([1, 2]), 2)
    Array([False,  True], dtype=bool)
    """
    return _ordered("greater_equal", ge_p, x, y)


# -- logic ------------------------------------------------------------------------------------------------------------

def _truth(name: str, x: Any) -> Any:
    x = unary_operand(name, x)
    aval = typeof(x)
    return x if aval.dtype == _BOOL else ne_p.bind(x, _c(x, 0))


def _logical(name: str, prim: Any, x: Any, y: Any) -> Any:
    check_arraylike(name, x, y)
    return prim.bind(*promote_shapes(name, _truth(name, x), _truth(name, y)))


def logical_and(x: Any, y: Any, /) -> Any:
    """Whether both are true (nonzero).

    >>> logical_and(np.array([0, 2]), True)
    Array([False,  True], dtype=bool)
    """
    return _logical("logical_and", and_p, x, y)


def logical_or(x: Any, y: Any, /) -> Any:
    """Whether at least one is true (nonzero).

    >>> logical_or(np.array([0, 2]), False)
    Array([False,  True], dtype=bool)
    """
    return _logical("logical_or", or_p, x, y)


def logical_xor(x: Any, y: Any, /) -> Any:
    """Whether exactly one is true (nonzero).

    >>> logical_xor(np.array([0, 2]), True)
    Array([ True, False], dtype=bool)
    """
    return _logical("logical_xor", xor_p, x, y)


def logical_not(x: Any, /) -> Any:
    """Whether `x` is false (zero).

    >>> logical_not(np.array([0, 2]))
    Array([ True, False], dtype=bool)
    """
    return not_p.bind(_truth("logical_not", x))


# -- bits -------------------------------------------------------------------------------------------------------------

def bitwise_and(x: Any, y: Any, /) -> Any:
    """``x & y`` of integers or booleans.

    >>> bitwise_and(np.array([6, 5]), 3)
    Array([2, 1], dtype=int64)
    """
    return _bitwise("bitwise_and", and_p, x, y)


def bitwise_or(x: Any, y: Any, /) -> Any:
    """``x | y`` of integers or booleans.

    >>> bitwise_or(np.array([6, 5]), 3)
    Array([7, 7], dtype=int64)
    """
    return _bitwise("bitwise_or", or_p, x, y)


def bitwise_xor(x: Any, y: Any, /) -> Any:
    """``x ^ y`` of integers or booleans.

    >>> bitwise_xor(np.array([6, 5]), 3)
    Array([5, 6], dtype=int64)
    """
    return _bitwise("bitwise_xor", xor_p, x, y)


def bitwise_not(x: Any, /) -> Any:
    """``~x`` of integers or booleans.

    >>> bitwise_not(np.array([0, 5]))
    Array([-1, -6], dtype=int64)
    """
    x = unary_operand("bitwise_not", x)
    _refuse_inexact("bitwise_not", x)
    return not_p.bind(x)


invert = bitwise_invert = bitwise_not


def left_shift(x: Any, y: Any, /) -> Any:
    """``x << y`` of integers; 0 for shifts by the width or more.

    >>> left_shift(np.array([1, 3]), 2)
    Array([ 4, 12], dtype=int64)
    """
    return shift_left_p.bind(*_integers("left_shift", x, y))


def right_shift(x1: Any, x2: Any, /) -> Any:
    """``x >> y`` of integers: arithmetic for signed dtypes, logical for unsigned.

    >>> right_shift(np.array([-8, 8]), 2)
    Array([-2,  2], dtype=int64)
    """
    x, y = _integers("right_shift", x1, x2)
    return (shift_right_logical_p if _kind(x) == "u" else shift_right_arithmetic_p).bind(x, y)


def _refuse_inexact(name: str, *xs: Any) -> None:
    if any(_kind(x) in "fc" for x in xs):
        listed = ", ".join(str(typeof(x)) for x in xs)
        raise TypeError(f"{name} takes integers or booleans, got {listed}, at {describe(user_source())}. Convert with astype, or view "
                        "the bits with functrans.lax.bitcast_convert_type.")


def _bitwise(name: str, prim: Any, x: Any, y: Any) -> Any:
    x, y = binary_operands(name, x, y)
    _refuse_inexact(name, x, y)
    return prim.bind(x, y)


def _integers(name: str, x: Any, y: Any) -> Any:
    x, y = binary_operands(name, x, y)
    _refuse_inexact(name, x, y)
    if _kind(x) != "b":
        return x, y
    return tuple(convert_element_type(v, np.dtype(np.int64)) for v in (x, y))


bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


def bitwise_count(x: Any, /) -> Any:
    """The number of ones among the bits of ``|x|``, as uint8.

    >>> bitwise_count(np.array([7, -8]))
    Array([3, 1], dtype=uint8)
    """
    x = unary_operand("bitwise_count", x)
    _refuse_inexact("bitwise_count", x)
    if _kind(x) == "b":
        return convert_element_type(x, np.dtype(np.uint8))
    return convert_element_type(population_count_p.bind(abs_p.bind(x)), np.dtype(np.uint8))


# -- nan, infinity, sign ----------------------------------------------------------------------------------------------

def _all_false(x: Any) -> Any:
    return full_like(x, False, dtype=_BOOL)


def isnan(x: Any, /) -> Any:
    """Whether each element is nan (either part, of complex numbers).

    >>> isnan(np.array([1.0, np.nan]))
    Array([False,  True], dtype=bool)
    """
    x = unary_operand("isnan", x)
    return ne_p.bind(x, x) if _kind(x) in "fc" else _all_false(x)


def isfinite(x: Any, /) -> Any:
    """Whether each element is neither infinite nor nan.

    >>> isfinite(np.array([1.0, np.inf, np.nan]))
    Array([ True, False, False], dtype=bool)
    """
    x = unary_operand("isfinite", x)
    kind = _kind(x)
    if kind == "c":
        return and_p.bind(is_finite_p.bind(real_p.bind(x)), is_finite_p.bind(imag_p.bind(x)))
    return is_finite_p.bind(x) if kind == "f" else full_like(x, True, dtype=_BOOL)


def isinf(x: Any, /) -> Any:
    """Whether each element is infinite (either part, of complex numbers).

    >>> isinf(np.array([1.0, -np.inf, np.nan]))
    Array([False,  True, False], dtype=bool)
    """
    x = unary_operand("isinf", x)
    kind = _kind(x)
    if kind == "c":
        return or_p.bind(isinf(real_p.bind(x)), isinf(imag_p.bind(x)))
    return eq_p.bind(abs_p.bind(x), _c(x, np.inf)) if kind == "f" else _all_false(x)


def isposinf(x: Any, /, out: Any = None) -> Any:
    """Whether each real element is plus infinity.

    >>> isposinf(np.array([np.inf, -np.inf]))
    Array([ True, False], dtype=bool)
    """
    return _is_infinity("isposinf", x, np.inf)


def isneginf(x: Any, /, out: Any = None) -> Any:
    """Whether each real element is minus infinity.

    >>> isneginf(np.array([np.inf, -np.inf]))
    Array([False,  True], dtype=bool)
    """
    return _is_infinity("isneginf", x, -np.inf)


def _is_infinity(name: str, x: Any, infinity: float) -> Any:
    x = unary_operand(name, x)
    if _kind(x) == "c":
        raise ValueError(f"{name} is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) or imag(x).")
    return eq_p.bind(x, _c(x, infinity)) if _kind(x) == "f" else _all_false(x)


def signbit(x: Any, /) -> Any:
    """Whether the sign bit is set (so of -0.0 too).

    >>> signbit(np.array([-0.0, 0.0, -2.0]))
    Array([ True, False,  True], dtype=bool)
    """
    x = unary_operand("signbit", x)
    aval = typeof(x)
    if aval.dtype.kind == "c":
        raise ValueError(f"signbit is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) or imag(x).")
    if kind_of(aval.dtype) in "bu":
        return _all_false(x)
    bits = x if kind_of(aval.dtype) == "i" else _bits(x, aval)
    return lt_p.bind(bits, _c(bits, 0))


def _in_bytes(aval: ShapedArray) -> bool:
    """Whether floats take a byte each, of which some formats leave bits free: what looks at their fields looks at single precision."""
    return aval.dtype.itemsize == 1


def _bits(x: Any, aval: ShapedArray) -> Any:
    if _in_bytes(aval):
        return _bits(convert_element_type(x, working_dtype(aval.dtype)), aval.update(dtype=working_dtype(aval.dtype)))
    return bitcast_convert_type_p.bind(x, new_dtype=np.dtype(_FLOAT_BITS[aval.dtype.name][2]))


def copysign(x1: Any, x2: Any, /) -> Any:
    """The size of `x1` with the sign of `x2`.

    >>> copysign(np.array([1.0, -2.0]), -0.0)
    Array([-1., -2.], dtype=float64)
    """
    x1, x2 = binary_inexact("copysign", x1, x2)
    if _kind(x1) == "c":
        raise TypeError(f"copysign is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x).")
    size = abs_p.bind(x1)
    return _where(signbit(x2), neg_p.bind(size), size)


def nextafter(x: Any, y: Any, /) -> Any:
    """The next number of the dtype after `x` in the direction of `y`.

    >>> nextafter(np.float32(1), 2) - 1
    Array(1.1920929e-07, dtype=float32)
    """
    x, y = binary_inexact("nextafter", x, y)
    if _kind(x) == "c":
        raise TypeError(f"nextafter is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x).")
    return nextafter_p.bind(x, y)


def spacing(x: Any, /) -> Any:
    """The distance to the next number of the dtype, away from zero, with the sign of `x`.

    >>> spacing(np.array([1.0, -1.0]))
    Array([ 2.22044605e-16, -2.22044605e-16], dtype=float64)
    """
    x = unary_inexact("spacing", x)
    if _kind(x) == "c":
        raise ValueError(f"spacing is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) or imag(x).")
    size = abs_p.bind(x)
    step = sub_p.bind(nextafter_p.bind(size, _c(x, np.inf)), size)
    step = _where(is_finite_p.bind(size), step, _c(x, np.nan))
    return _where(lt_p.bind(x, _c(x, 0)), neg_p.bind(step), step)


def heaviside(x1: Any, x2: Any, /) -> Any:
    """0 below zero, 1 above, `x2` at zero; nan stays.

    >>> heaviside(np.array([-1.0, 0.0, 1.0]), 0.5)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    x, y = binary_inexact("heaviside", x1, x2)
    if _kind(x) == "c":
        raise TypeError(f"heaviside is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x).")
    zero, one = _c(x, 0), _c(x, 1)
    return _where(lt_p.bind(x, zero), zero, _where(gt_p.bind(x, zero), one, _where(ne_p.bind(x, x), x, y)))


def frexp(x: Any, /) -> tuple[Any, Any]:
    """The mantissa in ``[0.5, 1)`` (with sign) and the exponent (int32) of each number: ``x = m * 2**e``.

    >>> frexp(np.array([8.0, -0.3]))
    (Array([ 0.5, -0.6], dtype=float64), Array([ 4, -1], dtype=int32))
    """
    x = unary_inexact("frexp", x)
    aval = typeof(x)
    if aval.dtype.kind == "c":
        raise TypeError(f"frexp is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x).")
    if _in_bytes(aval):
        mantissa, power = frexp(convert_element_type(x, working_dtype(aval.dtype)))
        return convert_element_type(mantissa, aval.dtype), power
    mantissa_bits, exponent_bits, _ = _FLOAT_BITS[aval.dtype.name]
    bias, mask = (1 << (exponent_bits - 1)) - 2, (1 << exponent_bits) - 1
    # Denormals are scaled up first, so that the exponent field tells all.
    tiny = lt_p.bind(abs_p.bind(x), _c(x, float(finfo(aval.dtype).tiny)))
    scaled = _where(tiny, mul_p.bind(x, _c(x, 2.0**mantissa_bits)), x)
    bits = _bits(scaled, aval)
    field = and_p.bind(shift_right_logical_p.bind(bits, _c(bits, mantissa_bits)), _c(bits, mask))
    exponent = sub_p.bind(field, _c(bits, bias))
    exponent = _where(tiny, sub_p.bind(exponent, _c(bits, mantissa_bits)), exponent)
    special = or_p.bind(eq_p.bind(x, _c(x, 0)), not_p.bind(is_finite_p.bind(x)))
    exponent = _where(special, _c(bits, 0), exponent)
    factor = _where(special, _c(x, 1), _power_of_two(neg_p.bind(exponent), scaled, aval, tiny, mantissa_bits))
    return mul_p.bind(_where(special, x, scaled), factor), convert_element_type(exponent, np.dtype(np.int32))


def _power_of_two(exponent: Any, x: Any, aval: ShapedArray, tiny: Any, mantissa_bits: int) -> Any:
    """2**exponent for the scaled mantissa: where x was a denormal that was scaled up, the scale is taken back."""
    exponent = _where(tiny, sub_p.bind(exponent, _c(exponent, mantissa_bits)), exponent)
    return _exact_exp2(exponent, aval)


def _exact_exp2(exponent: Any, aval: ShapedArray) -> Any:
    """2**exponent for integer exponents of normal range, by placing the exponent field."""
    mantissa_bits, exponent_bits, name = _FLOAT_BITS[aval.dtype.name]
    bias = (1 << (exponent_bits - 1)) - 1
    exponent = convert_element_type(exponent, np.dtype(name))
    half = shift_right_arithmetic_p.bind(exponent, _c(exponent, 1))
    parts = []
    for part in (half, sub_p.bind(exponent, half)):  # two factors: the exponent may pass the largest by one
        field = shift_left_p.bind(add_p.bind(part, _c(part, bias)), _c(part, mantissa_bits))
        parts.append(bitcast_convert_type_p.bind(field, new_dtype=aval.dtype))
    return mul_p.bind(*parts)


def ldexp(x1: Any, x2: Any, /) -> Any:
    """``x1 * 2**x2`` for integers `x2` of any size, correctly rounded; 0 or an infinity where the result is out of range.

    Raises:
        ValueError: if `x2` is not an integer array, or `x1` is complex.

    >>> ldexp(np.array([0.5, 3.0]), np.array([2, -1]))
    Array([2. , 1.5], dtype=float64)
    >>> ldexp(np.array([1.0, 1.0]), np.array([2**40, -(2**40)]))
    Array([inf,  0.], dtype=float64)
    """
    check_arraylike("ldexp", x1, x2)
    if _kind(x1) == "c" or _kind(x2) in "fc":
        raise ValueError(f"ldexp takes real numbers and integer exponents, got {typeof(x1)} and {typeof(x2)}, at "
                         f"{describe(user_source())}.")
    (x,) = promote_inexact(x1)
    if _in_bytes(typeof(x)):
        dtype = typeof(x).dtype
        return convert_element_type(ldexp(convert_element_type(x, working_dtype(dtype)), x2), dtype)
    if typeof(x2).dtype == np.uint64:
        x2 = min_p.bind(x2, np.uint64(_FAR))  # before the conversion, which would wrap
    exponent = _clamped(convert_element_type(x2, np.dtype(np.int64)), _FAR)
    x, exponent = promote_shapes("ldexp", x, exponent)
    aval = typeof(x)
    mantissa, own = frexp(x)
    total = add_p.bind(exponent, convert_element_type(own, np.dtype(np.int64)))
    # The mantissa is at least a half, so that its product with the first power is a normal number, and only the second rounds.
    limit = int(finfo(aval.dtype).maxexp) - 3
    first = _clamped(total, limit)
    second = _clamped(sub_p.bind(total, first), limit)
    return mul_p.bind(mul_p.bind(mantissa, _exact_exp2(first, aval)), _exact_exp2(second, aval))


_FAR = 10000  # beyond the range of every float dtype, from the least denormal to the greatest number


def _clamped(n: Any, limit: int) -> Any:
    low, high = _c(n, -limit), _c(n, limit)
    return _where(lt_p.bind(n, low), low, _where(gt_p.bind(n, high), high, n))


# -- kinds of numbers -------------------------------------------------------------------------------------------------

def iscomplex(x: Any) -> Any:
    """Whether the imaginary part is nonzero.

    >>> iscomplex(np.array([1 + 0j, 1j]))
    Array([False,  True], dtype=bool)
    """
    x = unary_operand("iscomplex", x)
    if _kind(x) != "c":
        return _all_false(x)
    part = imag_p.bind(x)
    return ne_p.bind(part, _c(part, 0))


def isreal(x: Any) -> Any:
    """Whether the imaginary part is zero.

    >>> isreal(np.array([1 + 0j, 1j]))
    Array([ True, False], dtype=bool)
    """
    return not_p.bind(iscomplex(x))


def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex.

    >>> iscomplexobj(np.array([1 + 0j]))
    True
    """
    return canonical(getattr(x, "dtype", None) or np.asarray(x).dtype).kind == "c"


def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex.

    >>> isrealobj(np.array([1.0]))
    True
    """
    return not iscomplexobj(x)
