"""Arithmetic: sums, products, quotients, powers, roots, rounding, choice, and the parts of complex numbers.

Integer division truncates towards zero; x / 0 is -1 (all ones), x rem 0 is x, and the one overflow, MIN / -1, is MIN:
as in XLA. Minima and maxima propagate nan; where the operands tie, each gets half of the tangent. Complex minima and
maxima compare lexicographically. Transposition does not conjugate.

Reference: https://openxla.org/xla/operation_semantics.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_float, is_inexact, is_integer, real_dtype
from functrans.core.low_precision import working_dtype
from functrans.core.trace import Primitive, Tracer, typeof
from functrans.primitives.base import literal, operand_error, primitive
from functrans.primitives.builders import (
    add_p,
    check_kinds,
    elementwise_batch,
    join_shape,
    mul_p,
    nary,
    sum_tangents,
    to_shape,
    unary,
    unbroadcast,
)
from functrans.primitives.complex_math import (
    complex_abs,
    complex_div,
    complex_log,
    complex_mul,
    complex_pow,
    complex_rsqrt,
    complex_sign,
    complex_sqrt,
)
from functrans.primitives.logic import apply, checked, eq_p, ge_p, gt_p, le_p, lt_p, ne_p, promoted
from functrans.primitives.parts import (
    complex,
    complex_p,
    conj,
    conj_p,
    imag,
    imag_p,
    neg,
    neg_p,
    real,
    real_p,
)
from functrans.primitives.rounding import (
    RoundingMethod,
    ceil,
    ceil_p,
    floor,
    floor_p,
    is_finite,
    is_finite_p,
    nextafter,
    nextafter_p,
    reduce_precision,
    reduce_precision_p,
    round,
    round_p,
)
from functrans.primitives.scalar_program import NumPyBuilder, Parts
from functrans.primitives.structural import convert_element_type
from functrans.scalar_ops import SCALAR_OPS

__all__ = [
    "RoundingMethod", "abs", "abs_p", "add", "add_p", "cbrt", "cbrt_p", "ceil", "ceil_p", "clamp", "clamp_p",
    "complex", "complex_p", "conj", "conj_p", "div", "div_p", "eq_p", "floor", "floor_p", "ge_p", "gt_p", "imag",
    "imag_p", "integer_pow", "integer_pow_p", "is_finite", "is_finite_p", "le_p", "lt_p", "max", "max_p", "min",
    "min_p", "mul", "mul_p", "mulhi", "mulhi_p", "ne_p", "neg", "neg_p", "nextafter", "nextafter_p", "pow", "pow_p",
    "real", "real_p", "reciprocal", "reduce_precision", "reduce_precision_p", "rem", "rem_p", "round", "round_p",
    "rsqrt", "rsqrt_p", "select", "select_n", "select_n_p", "sign", "sign_p", "sqrt", "sqrt_p", "square", "square_p",
    "sub", "sub_p",
]


def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _div(x: Any, y: Any) -> Any:
    return div_p.bind(x, y)


def _add(x: Any, y: Any) -> Any:
    return add_p.bind(x, y)


def _sub(x: Any, y: Any) -> Any:
    return sub_p.bind(x, y)


def _neg(x: Any) -> Any:
    return neg_p.bind(x)


def _c(x: Any, value: float) -> Any:
    """The constant `value` in the dtype of `x`."""
    return literal(x, value)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return select_n_p.bind(condition, y, x)


def _real_or(real_op: str, complex_program: Any) -> Any:
    """Lower to one scalar operation, or to a program for complex operands."""
    return lambda b, *xs: complex_program(b, *xs) if xs[0].is_complex else b.op(real_op, *xs)


# -- sums, products, quotients ----------------------------------------------------------------------------------------

def _sub_transpose(ct: Any, x: Any, y: Any) -> list[Any]:
    return [unbroadcast(ct, x) if isinstance(x, Linear) else None, unbroadcast(_neg(ct), y) if isinstance(y, Linear) else None]


def _sub_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        return b.complex(b.op("sub", x.re, y.re), b.op("sub", x.im, y.im))
    return b.op("sub", x, y)


sub_p = nary("sub", SCALAR_OPS["sub"], lambda t, z, x, y: t, lambda t, z, x, y: _neg(t), kinds="iufc", lower=_sub_lower,
             transpose=_sub_transpose)
def _div_by_denominator(t: Any, z: Any, x: Any, y: Any) -> Any:
    """z = x / y: z' = -z y' / y, and for a reciprocal -z^2 y', which divides no more and needs nothing but z."""
    return _neg(_mul(t, _mul(z, z) if _is_one(x) else _div(z, y)))


def _is_one(x: Any) -> bool:
    """Whether `x` is the number 1, known while tracing."""
    return not isinstance(x, Tracer) and not np.ndim(x) and bool(x == 1)


def _div_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        return complex_div(b, x, y)
    return b.op("div" if is_float(x.dtype) else "idiv", x, y)


div_p = nary(
    "div", SCALAR_OPS["div"], lambda t, z, x, y: _div(t, y), _div_by_denominator, kinds="iufc", lower=_div_lower,
    transpose=lambda ct, x, y: [unbroadcast(_div(ct, y), x) if isinstance(x, Linear) else None, None],
)


def _truncated(q: Any) -> Any:
    return _mul(sign_p.bind(q), floor_p.bind(abs_p.bind(q)))


rem_p = nary(
    "rem",
    SCALAR_OPS["rem"],
    lambda t, z, x, y: t,
    lambda t, z, x, y: _neg(_mul(t, _truncated(_div(x, y)))),
    kinds="iuf",
    lower=lambda b, x, y: b.op("rem" if is_float(x.dtype) else "irem", x, y),
)
mulhi_p = nary("mulhi", SCALAR_OPS["mulhi"], kinds="iu", why_no_derivative="its operands are integers")


# -- size and sign ----------------------------------------------------------------------------------------------------

def _abs_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    y = abs_p.bind(x)
    if type(x_dot) is Zero or not is_inexact(typeof(x).dtype):
        return y, Zero(tangent_aval(typeof(y)))
    s = sign_p.bind(x)
    if typeof(x).dtype.kind == "c":
        return y, real_p.bind(_mul(x_dot, conj_p.bind(s, input_dtype=typeof(x).dtype)))
    return y, _mul(x_dot, s)


abs_p = nary("abs", SCALAR_OPS["abs"], kinds="iufc", result=real_dtype, lower=_real_or("abs", complex_abs),
             why_no_derivative="it is not linear")
abs_p.jvp = _abs_jvp


def _sign_tangent(t: Any, y: Any, x: Any) -> Any:
    """Of complex x / |x|: the part of the tangent across the direction of x, over |x|."""
    size = abs_p.bind(x)
    size = _where(eq_p.bind(size, _c(size, 0)), _c(size, 1), size)
    turned = _mul(t, conj_p.bind(y, input_dtype=typeof(y).dtype))
    across = complex_p.bind(_c(size, 0), _div(imag_p.bind(turned), size))
    return _mul(across, y)


def _sign_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    y = sign_p.bind(x)
    if type(x_dot) is Zero or typeof(x).dtype.kind != "c":
        return y, Zero(tangent_aval(typeof(y)))
    return y, _sign_tangent(x_dot, y, x)


def _sign_impl(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.asarray(SCALAR_OPS["sign"](x))
    size = np.abs(x)
    out = np.empty_like(x)
    for part, whole in ((out.real, x.real), (out.imag, x.imag)):  # a complex quotient would make nan of 0 / inf
        part[...] = np.where(size == 0, whole, whole / np.where(size == 0, 1, size))
    return out


sign_p = nary("sign", _sign_impl, kinds="iufc", lower=_real_or("sign", complex_sign),
              why_no_derivative="it is not linear")
sign_p.jvp = _sign_jvp


# -- extrema, clamp, select -------------------------------------------------------------------------------------------

def _extremum_tangent(t: Any, z: Any, x: Any, y: Any) -> Any:
    """The tangent of operand `x` where it is the extremum `z`, half of it where `y` ties."""
    share = _where(eq_p.bind(y, z), _c(z, 0.5), _c(z, 1))
    return _mul(t, _where(eq_p.bind(x, z), share, _c(z, 0)))


def _extremum_lower(name: str, compare: str) -> Any:
    def lower(b: Any, x: Any, y: Any) -> Any:
        if not x.is_complex:
            return b.op(name, x, y)
        op = b.op
        # Of equal numbers (zeros of either sign) NumPy takes the first.
        above = op({"gt": "ge", "lt": "le"}[compare], x.im, y.im)
        inner = op("select", op("eq", x.re, y.re), above, op(compare, x.re, y.re))
        is_nan = op("or", op("ne", x.re, x.re), op("ne", x.im, x.im))
        y_nan = op("or", op("ne", y.re, y.re), op("ne", y.im, y.im))
        first = op("or", is_nan, op("and", inner, op("not", y_nan)))
        return b.complex(op("select", first, x.re, y.re), op("select", first, x.im, y.im))

    return lower


max_p = nary(
    "max",
    SCALAR_OPS["max"],
    _extremum_tangent,
    lambda t, z, x, y: _extremum_tangent(t, z, y, x),
    kinds="biufc",
    lower=_extremum_lower("max", "gt"),
)
min_p = nary(
    "min",
    SCALAR_OPS["min"],
    _extremum_tangent,
    lambda t, z, x, y: _extremum_tangent(t, z, y, x),
    kinds="biufc",
    lower=_extremum_lower("min", "lt"),
)


def _masked(condition: Any, t: Any) -> Any:
    return _where(condition, t, _c(t, 0))


clamp_p = nary(
    "clamp", lambda low, x, high: SCALAR_OPS["min"](SCALAR_OPS["max"](x, low), high),
    # Where low > high the result is high, so that low counts for nothing there.
    lambda t, z, low, x, high: _masked(_both(gt_p.bind(low, x), le_p.bind(low, high)), t),
    lambda t, z, low, x, high: _masked(_both(gt_p.bind(x, low), lt_p.bind(x, high)), t),
    lambda t, z, low, x, high: _masked(lt_p.bind(high, max_p.bind(x, low)), t),
    kinds="biuf", lower=lambda b, low, x, high: b.op("min", b.op("max", x, low), high),
)


def _both(p: Any, q: Any) -> Any:
    return mul_p.bind(p, q)  # of booleans: and


def _select_abstract(which: ShapedArray, *cases: ShapedArray) -> ShapedArray:
    if not cases:
        raise operand_error("select_n", "at least one case is needed.", which)
    if which.dtype != np.bool_ and which.dtype != np.int32:
        raise operand_error("select_n", "the selector must be bool or int32.", which, *cases)
    if which.dtype == np.bool_ and len(cases) > 2:
        raise operand_error(
            "select_n", f"a bool selector chooses between at most two cases, not {len(cases)}.", which, *cases
        )
    if any(c.dtype != cases[0].dtype for c in cases):
        raise operand_error("select_n", "cases must have equal dtypes; convert them first.", which, *cases)
    shape = join_shape("select_n", (which, *cases))
    return ShapedArray(shape, cases[0].dtype, all(c.weak_type for c in cases))


def _select_impl(which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    out = cases[0]
    for i, case in enumerate(cases[1:], 1):
        out = np.where(which if which.dtype == np.bool_ else which >= i, case, out)
    shape = join_shape("select_n", [typeof(x) for x in (which, *cases)])
    return np.array(np.broadcast_to(out, shape))


def _select_lower(b: Any, which: Any, *cases: Any) -> Any:
    out = cases[0]
    for i, case in enumerate(cases[1:], 1):
        on = which if which.dtype == np.bool_ else b.op("ge", which, b.const(i, which.dtype))
        if case.is_complex:
            out = b.complex(b.op("select", on, case.re, out.re), b.op("select", on, case.im, out.im))
        else:
            out = b.op("select", on, case, out)
    return out if out.shape or not which.shape else b.broadcast(out, which.shape, ())


def _select_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    which, *cases = primals
    y = select_n_p.bind(which, *cases)
    live = [t for t in tangents[1:] if type(t) is not Zero]
    if not live:
        return y, Zero(tangent_aval(typeof(y)))
    zero = _c(live[0], 0)
    return y, to_shape(select_n_p.bind(which, *(zero if type(t) is Zero else t for t in tangents[1:])), typeof(y).shape)


def _select_transpose(ct: Any, which: Any, *cases: Any) -> list[Any]:
    zero, n = _c(ct, 0), len(cases)
    return [None] + [
        unbroadcast(select_n_p.bind(which, *(ct if j == i else zero for j in range(n))) if n > 1 else ct, c)
        if isinstance(c, Linear) else None for i, c in enumerate(cases)]


select_n_p = primitive(
    "select_n", impl=_select_impl, abstract=_select_abstract, jvp=_select_jvp, transpose=_select_transpose, lower=_select_lower,
)
select_n_p.batch = elementwise_batch(select_n_p)


# -- powers and roots -------------------------------------------------------------------------------------------------

def _pow_abstract(x: ShapedArray, y: ShapedArray) -> ShapedArray:
    check_kinds("pow", "fc", x, y)
    if not is_integer(y.dtype) and y.dtype != x.dtype:
        raise operand_error(
            "pow", "the exponent must be an integer or of the dtype of the base; convert one first.", x, y
        )
    return ShapedArray(join_shape("pow", (x, y)), x.dtype, x.weak_type and (y.weak_type or is_integer(y.dtype)))


def _pow_impl(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    y = y.astype(x.dtype)
    if is_float(x.dtype):
        return SCALAR_OPS["pow"](x, y)
    # C leaves complex powers of infinities and nan open, and NumPy's differ from one exponent to the next.
    parts = complex_pow(NumPyBuilder(), Parts(x.real, x.imag), Parts(y.real, y.imag))
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), x.dtype)
    out.real, out.imag = parts.re, parts.im
    return out


def _pow_lower(b: Any, x: Any, y: Any) -> Any:
    if x.is_complex:
        if not y.is_complex:
            y = b.complex(b.convert(y, x.re.dtype), b.const(0, x.re.dtype))
        return complex_pow(b, x, y)
    return b.op("pow", x, y if y.dtype == x.dtype else b.convert(y, x.dtype))


def _pow_tangent_x(t: Any, z: Any, x: Any, y: Any) -> Any:
    """y x**(y - 1). At 0**0 the exponent is held at 0, so that this and every further derivative is finite (0)."""
    y = convert_element_type(y, typeof(x).dtype)  # before the subtraction, which an integer type may not hold
    corner = _both(eq_p.bind(x, _c(x, 0)), eq_p.bind(y, _c(y, 0)))
    lowered = _sub(_where(corner, _c(y, 1), y), _c(y, 1))
    return _mul(t, _mul(y, pow_p.bind(x, lowered)))


def _pow_tangent_y(t: Any, z: Any, x: Any, y: Any) -> Any:
    """x**y log x, with 0 for the logarithm at x = 0."""
    return _mul(t, _mul(log_p.bind(_where(eq_p.bind(x, _c(x, 0)), _c(x, 1), x)), z))


def _pow_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (x, y), (x_dot, y_dot) = primals, tangents
    z = pow_p.bind(x, y)
    terms = [] if type(x_dot) is Zero else [_pow_tangent_x(x_dot, z, x, y)]
    if type(y_dot) is not Zero and is_inexact(typeof(y).dtype):
        terms.append(_pow_tangent_y(y_dot, z, x, y))
    return z, sum_tangents(z, terms, _add)


pow_p = primitive("pow", impl=_pow_impl, abstract=_pow_abstract, jvp=_pow_jvp, lower=_pow_lower,
                  reasons={"transpose": "it is not linear; its derivative is made of products"})
pow_p.batch = elementwise_batch(pow_p)


def _power_chain(x: Any, n: int, one: Any, multiply: Any) -> Any:
    """x**n by repeated squaring, for n >= 0."""
    out = None
    while n:
        if n & 1:
            out = x if out is None else multiply(out, x)
        n >>= 1
        if n:
            x = multiply(x, x)
    return one if out is None else out


def _integer_pow_abstract(x: ShapedArray, *, y: int) -> ShapedArray:
    check_kinds("integer_pow", "iufc", x)
    if y < 0 and is_integer(x.dtype):
        raise operand_error(
            "integer_pow", f"integers cannot be raised to the negative power {y}; convert to a float dtype.", x
        )
    return x


def _integer_pow_impl(x: np.ndarray, *, y: int) -> np.ndarray:
    _integer_pow_abstract(typeof(x), y=y)  # NumPy would cast the infinities of negative powers
    wide = x.astype(working_dtype(x.dtype), copy=False)
    one = np.ones_like(wide)
    out = _power_chain(wide, builtins.abs(y), one, np.multiply)
    return np.asarray(np.divide(one, out) if y < 0 else out).astype(x.dtype)


def _integer_pow_lower(b: Any, x: Any, *, y: int) -> Any:
    elem = x.re.dtype
    if y == 0:
        one, zero = (b.broadcast(b.const(v, elem), x.shape, ()) for v in (1, 0))
        return b.complex(one, zero) if x.is_complex else one
    if x.is_complex:
        one = b.complex(b.const(1, elem), b.const(0, elem))
        out = _power_chain(x, builtins.abs(y), one, lambda p, q: complex_mul(b, p, q))
        return complex_div(b, one, out) if y < 0 else out
    wide = b.convert(x, working_dtype(x.dtype))
    out = _power_chain(wide, builtins.abs(y), None, lambda p, q: b.op("mul", p, q))
    out = b.op("div", b.const(1, wide.dtype), out) if y < 0 else out
    return b.convert(out, x.dtype)


def _integer_pow_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, y: int) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    z = integer_pow_p.bind(x, y=y)
    if type(x_dot) is Zero or y == 0 or not is_inexact(typeof(x).dtype):
        return z, Zero(tangent_aval(typeof(z)))
    return z, x_dot if y == 1 else _mul(x_dot, _mul(_c(x, y), integer_pow_p.bind(x, y=y - 1)))


integer_pow_p: Primitive = primitive(
    "integer_pow", impl=_integer_pow_impl, abstract=_integer_pow_abstract, jvp=_integer_pow_jvp, lower=_integer_pow_lower,
    batch=lambda size, args, dims, *, y: (integer_pow_p.bind(*args, y=y), dims[0]),
    reasons={"transpose": "it is not linear; its derivative is made of products"},
)
square_p = unary("square", lambda x: SCALAR_OPS["mul"](x, x), lambda x, y: _mul(_c(x, 2), x), kinds="iufc",
                 lower=lambda b, x: complex_mul(b, x, x) if x.is_complex else b.op("mul", x, x))
sqrt_p = unary("sqrt", SCALAR_OPS["sqrt"], lambda x, y: _div(_c(x, 0.5), y), lower=_real_or("sqrt", complex_sqrt))
rsqrt_p = unary("rsqrt", SCALAR_OPS["rsqrt"], lambda x, y: _mul(_c(x, -0.5), _div(y, x)), lower=_real_or("rsqrt", complex_rsqrt))
cbrt_p = unary("cbrt", SCALAR_OPS["cbrt"], lambda x, y: _mul(_c(x, 1 / 3), integer_pow_p.bind(y, y=-2)), kinds="f")
# The logarithm stands here because the derivative of pow needs it.
log_p = unary("log", SCALAR_OPS["log"], lambda x, y: _div(_c(x, 1), x), lower=_real_or("log", complex_log))


# -- public functions -------------------------------------------------------------------------------------------------

def add(x: Any, y: Any) -> Any:
    """``x + y`` elementwise; operands of equal shape and dtype, or scalars. Of booleans: or.

    >>> add(np.array([1.0, 2.0], "float32"), 2)
    Array([3., 4.], dtype=float32)
    """
    return apply(add_p, x, y)


def sub(x: Any, y: Any) -> Any:
    """``x - y`` elementwise; operands of equal shape and dtype, or scalars."""
    return apply(sub_p, x, y)


def mul(x: Any, y: Any) -> Any:
    """``x * y`` elementwise; operands of equal shape and dtype, or scalars. Of booleans: and."""
    return apply(mul_p, x, y)


def div(x: Any, y: Any) -> Any:
    """``x / y`` elementwise; of integers the quotient truncated towards zero, with ``x / 0 == -1``.

    >>> div(np.array([7, -7, 1]), np.array([2, 2, 0]))
    Array([ 3, -3, -1], dtype=int64)
    """
    return apply(div_p, x, y)


def rem(x: Any, y: Any) -> Any:
    """The remainder of the truncated quotient, with the sign of `x` (C's fmod); of integers ``rem(x, 0) == x``.

    >>> rem(np.array([7, -7]), 4)
    Array([ 3, -3], dtype=int64)
    """
    return apply(rem_p, x, y)


def abs(x: Any) -> Any:
    """The absolute value; of complex numbers the modulus, a real array. The derivative at 0 is 0."""
    return apply(abs_p, x)


def sign(x: Any) -> Any:
    """-1, 0 or 1 (zeros and nan stay); of complex numbers ``x / |x|``, 0 at 0."""
    return apply(sign_p, x)


def max(x: Any, y: Any) -> Any:
    """The larger, elementwise; nan where either is. Complex numbers compare lexicographically."""
    return apply(max_p, x, y)


def min(x: Any, y: Any) -> Any:
    """The smaller, elementwise; nan where either is. Complex numbers compare lexicographically."""
    return apply(min_p, x, y)


def clamp(min: Any, x: Any, max: Any) -> Any:
    """`x` held between `min` and `max`, each a scalar or of the shape of `x`.

    >>> clamp(0.0, np.array([-1.0, 0.5, 3.0]), 1.0)
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return apply(clamp_p, min, x, max)


def select_n(which: Any, *cases: Any) -> Any:
    """``cases[which]`` elementwise: `which` is bool (False takes the first case) or int32, of the shape of the cases
    or a scalar.

    Selectors out of range take the nearest case.

    >>> select_n(np.array([True, False]), np.array([1, 2]), np.array([10, 20]))
    Array([10,  2], dtype=int64)
    """
    return checked(select_n_p, which, *promoted("select_n", *cases))


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """`on_true` where the boolean `pred` holds, else `on_false`."""
    return select_n(pred, on_false, on_true)


def pow(x: Any, y: Any) -> Any:
    """``x ** y`` for a float or complex base; the exponent is of the same dtype or an integer.

    >>> pow(np.array([2.0, 3.0]), 2)
    Array([4., 9.], dtype=float64)
    """
    if is_integer(typeof(y).dtype):
        if not is_inexact(typeof(x).dtype):
            raise operand_error("pow", "the base must be floating or complex.", typeof(x), typeof(y))
        return checked(pow_p, x, y)
    return apply(pow_p, x, y)


def integer_pow(x: Any, y: int) -> Any:
    """``x ** y`` for a Python integer `y`, by multiplications.

    >>> integer_pow(np.array([2.0, 3.0]), -1)
    Array([0.5       , 0.33333333], dtype=float64)
    """
    return apply(integer_pow_p, x, y=integer(y, "y"))


def square(x: Any) -> Any:
    """``x * x`` elementwise."""
    return apply(square_p, x)


def sqrt(x: Any) -> Any:
    """The square root; nan below zero, the principal root of complex numbers. The derivative at 0 is inf."""
    return apply(sqrt_p, x)


def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)`` elementwise."""
    return apply(rsqrt_p, x)


def cbrt(x: Any) -> Any:
    """The real cube root, of any sign."""
    return apply(cbrt_p, x)


def reciprocal(x: Any) -> Any:
    """``1 / x`` elementwise, of floating or complex numbers."""
    return apply(integer_pow_p, x, y=-1)


def mulhi(x: Any, y: Any) -> Any:
    """The upper half of the double-width product of integers."""
    return apply(mulhi_p, x, y)
