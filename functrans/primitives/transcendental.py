"""Exponentials, logarithms, trigonometric and hyperbolic functions, their inverses, and the error function.

Real operands evaluate by NumPy and lower to one scalar operation each; complex ones lower to the programs of
`complex_math`, and evaluate by NumPy where NumPy is accurate. Its complex log1p is not, near 0, and its expm1 and
the product with log 2 in exp2 make nan of infinities, so those run the program itself. Branch cuts are C99's.
Derivatives are the table of calculus, those of tanh, logistic, tan, exp and erf_inv in terms of the result.

Reference: DLMF chapter 4 (https://dlmf.nist.gov/4) and 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.core.trace import Primitive
from functrans.primitives import complex_math as cm
from functrans.primitives.arithmetic import add_p, div_p, log_p, mul_p, neg_p, rsqrt_p, sub_p
from functrans.primitives.base import literal
from functrans.primitives.builders import nary, unary
from functrans.primitives.logic import apply
from functrans.primitives.scalar_program import NumPyBuilder, Parts
from functrans.scalar_ops import SCALAR_OPS

__all__ = [
    "acos", "acos_p", "acosh", "acosh_p", "asin", "asin_p", "asinh", "asinh_p", "atan", "atan2", "atan2_p", "atan_p",
    "atanh", "atanh_p", "cos", "cos_p", "cosh", "cosh_p", "erf", "erf_p", "erfc", "erfc_p", "exp", "exp2", "exp2_p",
    "exp_p", "expm1", "expm1_p", "log", "log1p", "log1p_p", "log_p", "logistic", "logistic_p", "sin", "sin_p", "sinh",
    "sinh_p", "tan", "tan_p", "tanh", "tanh_p",
]


def _mul(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _c(x: Any, value: float) -> Any:
    return literal(x, value)


def _plus(x: Any, value: float) -> Any:
    return add_p.bind(x, _c(x, value))


def _minus(value: float, x: Any) -> Any:
    return sub_p.bind(_c(x, value), x)


def _neg(x: Any) -> Any:
    return neg_p.bind(x)


def _inverse(x: Any) -> Any:
    return div_p.bind(_c(x, 1), x)


def _gaussian(x: Any) -> Any:
    """exp(-x**2)."""
    return exp_p.bind(_neg(_mul(x, x)))


def _on_parts(program: Callable[..., Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A complex program evaluated on arrays."""

    def impl(x: np.ndarray) -> np.ndarray:
        parts = program(NumPyBuilder(), Parts(x.real, x.imag))
        out = np.empty(x.shape, x.dtype)
        out.real, out.imag = parts.re, parts.im
        return out

    return impl


def _function(name: str, derivative: Callable[..., Any], program: Any = None, on_complex: Any = None) -> Primitive:
    """A function of real operands, and of complex ones where `program` is given."""
    real = SCALAR_OPS[name]
    if program is None:
        return unary(name, real, derivative, kinds="f")
    impl = real if on_complex is None else lambda x: on_complex(x) if x.dtype.kind == "c" else real(x)
    return unary(name, impl, derivative, lower=lambda b, x: program(b, x) if x.is_complex else b.op(name, x))


exp_p = _function("exp", lambda x, y: y, cm.complex_exp)
exp2_p = _function(
    "exp2",
    lambda x, y: _mul(y, _c(x, math.log(2))),
    cm.complex_exp2,
    _on_parts(cm.complex_exp2),
)
expm1_p = _function("expm1", lambda x, y: _plus(y, 1), cm.complex_expm1, _on_parts(cm.complex_expm1))
log1p_p = _function("log1p", lambda x, y: _inverse(_plus(x, 1)), cm.complex_log1p, _on_parts(cm.complex_log1p))
sin_p = _function("sin", lambda x, y: cos_p.bind(x), cm.complex_sin)
cos_p: Primitive = _function("cos", lambda x, y: _neg(sin_p.bind(x)), cm.complex_cos)
tan_p = _function("tan", lambda x, y: _plus(_mul(y, y), 1), cm.complex_tan)
sinh_p = _function("sinh", lambda x, y: cosh_p.bind(x), cm.complex_sinh)
cosh_p: Primitive = _function("cosh", lambda x, y: sinh_p.bind(x), cm.complex_cosh)
tanh_p = _function("tanh", lambda x, y: _mul(_minus(1, y), _plus(y, 1)), cm.complex_tanh)
asin_p = _function("asin", lambda x, y: rsqrt_p.bind(_mul(_minus(1, x), _plus(x, 1))), cm.complex_asin)
acos_p = _function("acos", lambda x, y: _neg(rsqrt_p.bind(_mul(_minus(1, x), _plus(x, 1)))), cm.complex_acos)
atan_p = _function("atan", lambda x, y: _inverse(_plus(_mul(x, x), 1)), cm.complex_atan)
asinh_p = _function("asinh", lambda x, y: rsqrt_p.bind(_plus(_mul(x, x), 1)), cm.complex_asinh)
acosh_p = _function("acosh", lambda x, y: _mul(rsqrt_p.bind(_plus(x, -1)), rsqrt_p.bind(_plus(x, 1))), cm.complex_acosh)
atanh_p = _function("atanh", lambda x, y: _inverse(_mul(_minus(1, x), _plus(x, 1))), cm.complex_atanh)
logistic_p = _function(
    "logistic", lambda x, y: _mul(y, _minus(1, y)), cm.complex_logistic, _on_parts(cm.complex_logistic)
)
erf_p = _function("erf", lambda x, y: _mul(_c(x, 2 / math.sqrt(math.pi)), _gaussian(x)))
erfc_p = _function("erfc", lambda x, y: _mul(_c(x, -2 / math.sqrt(math.pi)), _gaussian(x)))


def _over_square(p: Any, x: Any, y: Any) -> Any:
    """p / (x**2 + y**2)."""
    return div_p.bind(p, add_p.bind(_mul(x, x), _mul(y, y)))


atan2_p = nary("atan2", SCALAR_OPS["atan2"], lambda t, z, x, y: _mul(t, _over_square(y, x, y)),
               lambda t, z, x, y: _neg(_mul(t, _over_square(x, x, y))), kinds="f")


# -- public functions -------------------------------------------------------------------------------------------------

def exp(x: Any) -> Any:
    """e to the power `x`.

    >>> exp(np.array([0.0, 1.0]))
    Array([1.        , 2.71828183], dtype=float64)
    """
    return apply(exp_p, x)


def exp2(x: Any) -> Any:
    """2 to the power `x`."""
    return apply(exp2_p, x)


def expm1(x: Any) -> Any:
    """``exp(x) - 1``, accurate near 0."""
    return apply(expm1_p, x)


def log(x: Any) -> Any:
    """The natural logarithm; -inf at 0, nan below."""
    return apply(log_p, x)


def log1p(x: Any) -> Any:
    """``log(1 + x)``, accurate near 0.

    >>> log1p(np.float64(1e-20))
    Array(1.e-20, dtype=float64)
    """
    return apply(log1p_p, x)


def sin(x: Any) -> Any:
    """The sine of an angle in radians."""
    return apply(sin_p, x)


def cos(x: Any) -> Any:
    """The cosine of an angle in radians."""
    return apply(cos_p, x)


def tan(x: Any) -> Any:
    """The tangent of an angle in radians."""
    return apply(tan_p, x)


def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return apply(sinh_p, x)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return apply(cosh_p, x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return apply(tanh_p, x)


def asin(x: Any) -> Any:
    """The angle in [-pi/2, pi/2] whose sine is `x`; nan outside [-1, 1]."""
    return apply(asin_p, x)


def acos(x: Any) -> Any:
    """The angle in [0, pi] whose cosine is `x`; nan outside [-1, 1]."""
    return apply(acos_p, x)


def atan(x: Any) -> Any:
    """The angle in [-pi/2, pi/2] whose tangent is `x`."""
    return apply(atan_p, x)


def asinh(x: Any) -> Any:
    """The inverse hyperbolic sine."""
    return apply(asinh_p, x)


def acosh(x: Any) -> Any:
    """The non-negative inverse hyperbolic cosine; nan below 1."""
    return apply(acosh_p, x)


def atanh(x: Any) -> Any:
    """The inverse hyperbolic tangent; nan outside [-1, 1]."""
    return apply(atanh_p, x)


def logistic(x: Any) -> Any:
    """``1 / (1 + exp(-x))``; does not overflow.

    >>> logistic(np.array([0.0, 800.0]))
    Array([0.5, 1. ], dtype=float64)
    """
    return apply(logistic_p, x)


def erf(x: Any) -> Any:
    """The error function: the integral of ``2 / sqrt(pi) * exp(-t**2)`` from 0 to `x`. Real operands only.

    >>> erf(np.float32(0.5))
    Array(0.5204999, dtype=float32)
    """
    return apply(erf_p, x)


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, accurate for large `x`. Real operands only."""
    return apply(erfc_p, x)


def atan2(x: Any, y: Any) -> Any:
    """The angle of the point with ordinate `x` and abscissa `y`, in [-pi, pi]; NumPy's ``arctan2(x, y)``.

    >>> atan2(np.array([1.0]), -1.0)
    Array([2.35619449], dtype=float64)
    """
    return apply(atan2_p, x, y)
