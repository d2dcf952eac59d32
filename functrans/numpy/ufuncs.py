"""Elementwise arithmetic, rounding, extrema and complex parts.

Operands broadcast and promote by the lattice of dtypes. Division by zero never raises: floats give inf or nan; integers the
reference library's results (``floor_divide(x, 0)`` is -1 less the correction for signs, ``mod(x, 0)`` is 0). Python floor
semantic: the remainder has the sign of the divisor.

Known limits: `maximum` and `minimum` of complex numbers compare lexicographically; an integer base with an *array* of
exponents uses the low six bits of each exponent, enough for every result that fits 64 bits; negative ones have no meaning.
"""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.dtypes import is_discrete, kind_of
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.util import (
    asarray_internal,
    binary_inexact,
    binary_numeric,
    binary_operands,
    check_no_out,
    constant_like,
    default_float,
    promote_args_numeric,
    promote_shapes,
    unary_inexact,
    unary_operand,
)
from functrans.primitives.arithmetic import (
    abs_p,
    cbrt_p,
    div_p,
    integer_pow_p,
    max_p,
    min_p,
    pow_p,
    rem_p,
    select_n_p,
    sign_p,
    sqrt_p,
    square_p,
    sub_p,
)
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import (
    and_p,
    eq_p,
    lt_p,
    ne_p,
    shift_right_logical_p,
)
from functrans.primitives.movement import full_like
from functrans.primitives.parts import complex_p, conj_p, imag_p, neg_p, real_p
from functrans.primitives.rounding import RoundingMethod, ceil_p, floor_p, round_p
from functrans.primitives.structural import convert_element_type

__all__ = [
    "abs", "absolute", "add", "around", "cbrt", "ceil", "conj", "conjugate", "divide", "divmod", "fabs", "fix", "float_power",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "imag", "maximum", "minimum", "mod", "modf", "multiply", "negative",
    "positive", "pow", "power", "real", "reciprocal", "remainder", "rint", "round", "sign", "sqrt", "square", "subtract",
    "true_divide", "trunc",
]


def _where(condition: Any, x: Any, y: Any) -> Any:
    return select_n_p.bind(condition, y, x)


def _kind(x: Any) -> str:
    return kind_of(typeof(x).dtype)


def _real_only(name: str, *xs: Any) -> None:
    if any(_kind(x) == "c" for x in xs):
        raise TypeError(f"{name} is not defined for complex numbers, at {describe(user_source())}. Apply it to real(x) and imag(x), or "
                        "to abs(x).")


# -- arithmetic -------------------------------------------------------------------------------------------------------

def add(x: Any, y: Any, /) -> Any:
    """``x + y``; of booleans, or.

    >>> add(np.array([1, 2], "int32"), 0.5)
    Array([1.5, 2.5], dtype=float64, weak_type=True)
    """
    return add_p.bind(*binary_operands("add", x, y))


def subtract(x: Any, y: Any, /) -> Any:
    """``x - y``.

    Raises:
        TypeError: for booleans, as in NumPy.

    >>> subtract(np.array([1.0, 2.0]), np.array([[1.0], [2.0]])).shape
    (2, 2)
    """
    x, y = binary_operands("subtract", x, y)
    if _kind(x) == "b":
        raise TypeError(f"subtract is not defined for booleans, at {describe(user_source())}. Use logical_xor (^), or convert with "
                        "astype(int).")
    return sub_p.bind(x, y)


def multiply(x: Any, y: Any, /) -> Any:
    """``x * y``; of booleans, and.

    >>> multiply(np.array([1.0, 2.0], "float32"), 3)
    Array([3., 6.], dtype=float32)
    """
    return mul_p.bind(*binary_operands("multiply", x, y))


def divide(x: Any, y: Any, /) -> Any:
    """``x / y``, floating or complex: integers are converted first.

    >>> divide(np.array([1, 2]), 4)
    Array([0.25, 0.5 ], dtype=float64)
    """
    return div_p.bind(*binary_inexact("divide", x, y))


true_divide = divide


def floor_divide(x: Any, y: Any, /) -> Any:
    """``x // y``: the quotient rounded towards minus infinity.

    Raises:
        TypeError: for complex numbers.

    >>> floor_divide(np.array([7, -7]), 2)
    Array([ 3, -4], dtype=int64)
    """
    x, y = binary_numeric("floor_divide", x, y)
    _real_only("floor_divide", x, y)
    kind = _kind(x)
    if kind == "f":
        return _float_divmod(x, y)[0]
    quotient = div_p.bind(x, y)
    if kind == "u":
        return quotient
    inexact = ne_p.bind(rem_p.bind(x, y), constant_like(x, 0))
    below = and_p.bind(ne_p.bind(sign_p.bind(x), sign_p.bind(y)), inexact)
    return _where(below, sub_p.bind(quotient, constant_like(x, 1)), quotient)


def _float_divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """The floored quotient and its remainder, as CPython's float_divmod has them."""
    remainder = rem_p.bind(x, y)
    exact = _where(eq_p.bind(y, constant_like(y, 0)), x, sub_p.bind(x, remainder))
    quotient = div_p.bind(exact, y)
    below = and_p.bind(ne_p.bind(remainder, constant_like(y, 0)), ne_p.bind(sign_p.bind(y), sign_p.bind(remainder)))
    quotient = _where(below, sub_p.bind(quotient, constant_like(y, 1)), quotient)
    rounded = round_p.bind(quotient, rounding_method=RoundingMethod.AWAY_FROM_ZERO)
    return rounded, _where(below, add_p.bind(remainder, y), remainder)


def remainder(x: Any, y: Any, /) -> Any:
    """``x % y``, with the sign of `y`; of integers ``x % 0`` is 0, of floats nan.

    >>> remainder(np.array([7.0, -7.0]), 4.0)
    Array([3., 1.], dtype=float64)
    """
    x, y = binary_numeric("remainder", x, y)
    _real_only("remainder", x, y)
    zero = constant_like(y, 0)
    if _kind(y) != "f":
        y = _where(eq_p.bind(y, zero), constant_like(y, 1), y)
    r = rem_p.bind(x, y)
    opposite = ne_p.bind(lt_p.bind(r, zero), lt_p.bind(y, zero))
    return _where(and_p.bind(opposite, ne_p.bind(r, zero)), add_p.bind(r, y), r)


mod = remainder


def fmod(x: Any, y: Any, /) -> Any:
    """The remainder of C, with the sign of `x`; of integers ``fmod(x, 0)`` is 0.

    >>> fmod(np.array([7.0, -7.0]), 4.0)
    Array([ 3., -3.], dtype=float64)
    """
    x, y = binary_numeric("fmod", x, y)
    _real_only("fmod", x, y)
    if _kind(y) != "f":
        y = _where(eq_p.bind(y, constant_like(y, 0)), constant_like(y, 1), y)
    return rem_p.bind(x, y)


def divmod(x: Any, y: Any, /) -> tuple[Any, Any]:
    """``(x // y, x % y)``.

    >>> divmod(-7, 4)
    (Array(-2, dtype=int64, weak_type=True), Array(1, dtype=int64, weak_type=True))
    """
    x, y = binary_numeric("divmod", x, y)
    _real_only("divmod", x, y)
    return _float_divmod(x, y) if _kind(x) == "f" else (floor_divide(x, y), remainder(x, y))


def power(x: Any, y: Any, /) -> Any:
    """``x ** y``. A known integer exponent means multiplications, exact and differentiable at 0.

    Raises:
        TypeError: for an integer base with a known negative exponent; convert the base to a float.

    >>> power(np.array([1.0, 2.0, 3.0]), 2)
    Array([1., 4., 9.], dtype=float64)
    """
    x, y = unary_operand("power", x), unary_operand("power", y)
    if not isinstance(y, Tracer) and not typeof(y).shape and _kind(y) in "iu":
        exponent = operator.index(y)
        strong_integers = _kind(x) in "biu" and not typeof(y).weak_type
        x = promote_args_numeric(x, y)[0] if strong_integers else promote_args_numeric(x)[0]
        return square_p.bind(x) if exponent == 2 else integer_pow_p.bind(x, y=exponent)
    if _kind(x) in "fc" and _kind(y) in "iu":
        return pow_p.bind(*promote_shapes("power", x, y))
    x, y = binary_numeric("power", x, y)
    return _integer_power(x, y) if _kind(x) in "iu" else pow_p.bind(x, y)


pow = power


def _integer_power(x: Any, y: Any) -> Any:
    """Repeated squaring over the six low bits of the exponents."""
    zero, one = constant_like(x, 0), constant_like(x, 1)
    out = _where(and_p.bind(eq_p.bind(x, zero), ne_p.bind(y, zero)), zero, one)
    for _ in range(6):
        out = _where(ne_p.bind(and_p.bind(y, one), zero), mul_p.bind(out, x), out)
        x, y = mul_p.bind(x, x), shift_right_logical_p.bind(y, one)
    return out


def float_power(x: Any, y: Any, /) -> Any:
    """``x ** y`` in floating or complex numbers.

    >>> float_power(2, -1)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return pow_p.bind(*binary_inexact("float_power", x, y))


def negative(x: Any, /) -> Any:
    """``-x``.

    Raises:
        TypeError: for booleans; use `logical_not`.

    >>> negative(np.array([1.0, -2.0]))
    Array([-1.,  2.], dtype=float64)
    """
    x = unary_operand("negative", x)
    if _kind(x) == "b":
        raise TypeError(f"negative is not defined for booleans, at {describe(user_source())}. Use logical_not (~), or convert with "
                        "astype(int).")
    return neg_p.bind(x)


def positive(x: Any, /) -> Any:
    """`x` itself.

    >>> positive(np.array([1, -2]))
    Array([ 1, -2], dtype=int64)
    """
    return _unchanged(unary_operand("positive", x))


_unchanged = asarray_internal


def absolute(x: Any, /) -> Any:
    """``|x|``; the modulus of complex numbers, in the real dtype. The derivative at 0 is 0.

    >>> absolute(np.array([-1.5, 2.0]))
    Array([1.5, 2. ], dtype=float64)
    """
    x = unary_operand("absolute", x)
    return _unchanged(x) if _kind(x) == "b" else abs_p.bind(x)


abs = absolute


def fabs(x: Any, /) -> Any:
    """``|x|`` of real numbers, as floats.

    >>> fabs(np.array([-1, 2]))
    Array([1., 2.], dtype=float64)
    """
    x = unary_inexact("fabs", x)
    _real_only("fabs", x)
    return abs_p.bind(x)


def sign(x: Any, /) -> Any:
    """-1, 0 or 1; nan stays; ``x / |x|`` of complex numbers.

    >>> sign(np.array([-3.0, 0.0, 2.0]))
    Array([-1.,  0.,  1.], dtype=float64)
    """
    x = unary_operand("sign", x)
    if _kind(x) == "b":
        raise TypeError(f"sign is not defined for booleans, at {describe(user_source())}. Convert with astype(int).")
    return sign_p.bind(x)


def square(x: Any, /) -> Any:
    """``x * x``.

    >>> square(np.array([1, -3]))
    Array([1, 9], dtype=int64)
    """
    return square_p.bind(promote_args_numeric(unary_operand("square", x))[0])


def sqrt(x: Any, /) -> Any:
    """The square root; nan below zero. The derivative at 0 is inf.

    >>> sqrt(np.array([4, 9]))
    Array([2., 3.], dtype=float64)
    """
    return sqrt_p.bind(unary_inexact("sqrt", x))


def cbrt(x: Any, /) -> Any:
    """The real cube root, of either sign.

    >>> cbrt(-8.0)
    Array(-2., dtype=float64, weak_type=True)
    """
    x = unary_inexact("cbrt", x)
    _real_only("cbrt", x)
    return cbrt_p.bind(x)


def reciprocal(x: Any, /) -> Any:
    """``1 / x``, floating or complex.

    >>> reciprocal(np.array([2, 4]))
    Array([0.5 , 0.25], dtype=float64)
    """
    return integer_pow_p.bind(unary_inexact("reciprocal", x), y=-1)


# -- rounding ---------------------------------------------------------------------------------------------------------

def floor(x: Any, /) -> Any:
    """The largest whole number not above `x`; integers and booleans are unchanged.

    >>> floor(np.array([1.5, -1.5]))
    Array([ 1., -2.], dtype=float64)
    """
    x = unary_operand("floor", x)
    _real_only("floor", x)
    return _unchanged(x) if _kind(x) in "biu" else floor_p.bind(x)


def ceil(x: Any, /) -> Any:
    """The smallest whole number not below `x`; integers and booleans are unchanged.

    >>> ceil(np.array([1.5, -1.5]))
    Array([ 2., -1.], dtype=float64)
    """
    x = unary_operand("ceil", x)
    _real_only("ceil", x)
    return _unchanged(x) if _kind(x) in "biu" else ceil_p.bind(x)


def trunc(x: Any) -> Any:
    """The whole part of `x`, towards zero; integers and booleans are unchanged.

    >>> trunc(np.array([1.5, -1.5]))
    Array([ 1., -1.], dtype=float64)
    """
    x = unary_operand("trunc", x)
    if _kind(x) in "biu":
        return _unchanged(x)
    _real_only("trunc", x)
    return _where(lt_p.bind(x, constant_like(x, 0)), ceil_p.bind(x), floor_p.bind(x))


def fix(x: Any, out: Any = None) -> Any:
    """As `trunc`.

    >>> fix(np.array([1.5, -1.5]))
    Array([ 1., -1.], dtype=float64)
    """
    check_no_out("fix", out)
    return trunc(x)


def rint(x: Any, /) -> Any:
    """The nearest whole number, halves to even; integers become floats; complex numbers by parts.

    >>> rint(np.array([0.5, 1.5, 2.5]))
    Array([0., 2., 2.], dtype=float64)
    """
    x = unary_operand("rint", x)
    kind = _kind(x)
    if kind in "biu":
        return convert_element_type(x, default_float())
    if kind == "c":
        return complex_p.bind(rint(real_p.bind(x)), rint(imag_p.bind(x)))
    return round_p.bind(x, rounding_method=RoundingMethod.TO_NEAREST_EVEN)


def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """`a` rounded to `decimals` places, halves to even.

    Raises:
        NotImplementedError: for integers with negative `decimals`.

    >>> round(np.array([1.25, -1.27]), 1)
    Array([ 1.2, -1.3], dtype=float64)
    """
    check_no_out("round", out)
    a, decimals = unary_operand("round", a), integer(decimals, "decimals")
    aval = typeof(a)
    if is_discrete(aval.dtype):
        if decimals < 0:
            raise NotImplementedError(f"round: decimals={decimals} is not supported for {aval.dtype}; convert to a float dtype first, "
                                      f"at {describe(user_source())}.")
        return _unchanged(a)
    if decimals == 0:
        return rint(a)
    wide = convert_element_type(a, working_dtype(aval.dtype))
    scale = constant_like(wide, 10.0 ** builtins.abs(decimals))
    up, down = (mul_p, div_p) if decimals > 0 else (div_p, mul_p)
    out = down.bind(rint(up.bind(wide, scale)), scale)
    return convert_element_type(out, aval.dtype, aval.weak_type)


around = round


def modf(x: Any, /, out: Any = None) -> tuple[Any, Any]:
    """The fractional and the whole part, both with the sign of `x`.

    >>> modf(2.5)
    (Array(0.5, dtype=float64, weak_type=True), Array(2., dtype=float64, weak_type=True))
    """
    check_no_out("modf", out)
    x = unary_inexact("modf", x)
    whole = trunc(x)
    infinite = eq_p.bind(abs_p.bind(x), constant_like(x, np.inf))
    return _where(infinite, mul_p.bind(sign_p.bind(x), constant_like(x, 0)), sub_p.bind(x, whole)), whole


# -- extrema ----------------------------------------------------------------------------------------------------------

def maximum(x: Any, y: Any, /) -> Any:
    """The larger of each pair; nan where either is. Where they tie, each gets half of the tangent.

    >>> maximum(np.array([1.0, np.nan]), 2.0)
    Array([ 2., nan], dtype=float64)
    """
    return max_p.bind(*binary_operands("maximum", x, y))


def minimum(x: Any, y: Any, /) -> Any:
    """The smaller of each pair; nan where either is. Where they tie, each gets half of the tangent.

    >>> minimum(np.array([1.0, np.nan]), 2.0)
    Array([ 1., nan], dtype=float64)
    """
    return min_p.bind(*binary_operands("minimum", x, y))


def fmax(x1: Any, x2: Any) -> Any:
    """The larger of each pair; a nan yields to the other.

    >>> fmax(np.array([1.0, np.nan]), 2.0)
    Array([2., 2.], dtype=float64)
    """
    return _non_nan_extremum("fmax", max_p, x1, x2)


def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of each pair; a nan yields to the other.

    >>> fmin(np.array([1.0, np.nan]), 2.0)
    Array([1., 2.], dtype=float64)
    """
    return _non_nan_extremum("fmin", min_p, x1, x2)


def _non_nan_extremum(name: str, prim: Any, x: Any, y: Any) -> Any:
    x, y = binary_operands(name, x, y)
    if _kind(x) not in "fc":
        return prim.bind(x, y)
    # Replacing nan before the extremum is taken keeps nan out of the derivative.
    left = _where(ne_p.bind(x, x), y, x)
    right = _where(ne_p.bind(y, y), x, y)
    return prim.bind(left, right)


# -- complex parts ----------------------------------------------------------------------------------------------------

def conjugate(x: Any, /) -> Any:
    """The complex conjugate; real arrays are unchanged.

    >>> conjugate(np.array([1 + 2j]))
    Array([1.-2.j], dtype=complex128)
    """
    x = unary_operand("conjugate", x)
    aval = typeof(x)
    return conj_p.bind(x, input_dtype=aval.dtype) if aval.dtype.kind == "c" else _unchanged(x)


conj = conjugate


def real(val: Any, /) -> Any:
    """The real part; real arrays are unchanged.

    >>> real(np.array([1 + 2j]))
    Array([1.], dtype=float64)
    """
    val = unary_operand("real", val)
    return real_p.bind(val) if _kind(val) == "c" else _unchanged(val)


def imag(val: Any, /) -> Any:
    """The imaginary part; of real arrays, zeros of their dtype.

    >>> imag(np.array([1 + 2j]))
    Array([2.], dtype=float64)
    """
    val = unary_operand("imag", val)
    return imag_p.bind(val) if _kind(val) == "c" else full_like(val, 0)
