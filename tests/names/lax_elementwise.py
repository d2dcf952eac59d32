"""Rows of `functrans.lax`: functions of each element. Their references are NumPy's, SciPy's and mpmath's functions of other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import scipy.special as sp

from tests.names.rows import ANY, COMPLEX, INTEGER, NUMBER, REAL, Name, Operand, R, Z, distinct, fixed

__all__ = ["LAX_ELEMENTWISE"]

X = R(3, 4)
UNIT = R(3, 4, low=-0.95, high=0.95)
POSITIVE = R(3, 4, low=0.2, high=3.0)
BITS = R(3, 4, low=0, high=99)
PAIR = (X, R(3, 4, low=0.5, high=3.0))
ORDERED = (distinct(3, 4), distinct(3, 4))


def matched(references: dict[str, Callable[..., Any]], *operands: Operand, **options: Any) -> list[Name]:
    """A row for each name, with the function that gives its values."""
    return [Name(f"lax.{name}", operands, reference=reference, **options) for name, reference in references.items()]


def away_from_zero(x: np.ndarray) -> np.ndarray:
    return np.copysign(np.floor(np.abs(x) + x.dtype.type(0.5)), x)


def precise(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A function of mpmath, for each element."""
    each = np.frompyfunc(lambda *xs: float(f(*map(float, xs))), f.__code__.co_argcount, 1)
    return lambda *xs: np.asarray(each(*xs)).astype(np.result_type(*xs))


def by_width(f: Callable[[int, int], int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of the bits of an integer and of their number."""

    def reference(x: np.ndarray) -> np.ndarray:
        width = 8 * x.dtype.itemsize
        return np.asarray(np.frompyfunc(lambda v: f(int(v) % 2**width, width), 1, 1)(x)).astype(x.dtype)

    return reference


def high_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((x.astype(object) * y.astype(object)) >> (8 * x.dtype.itemsize)).astype(x.dtype)


def gamma_slope(a: Any, x: Any) -> Any:
    """The derivative by a of the regularized lower incomplete gamma function."""
    with mpmath.workdps(30):
        return mpmath.diff(lambda s: mpmath.gammainc(s, 0, x, regularized=True), a)


def sample_slope(a: Any, x: Any) -> Any:
    """How a quantile x of the gamma distribution moves with a: the implicit derivative of its distribution function."""
    with mpmath.workdps(30):
        return -gamma_slope(a, x) / (mpmath.exp(-x) * mpmath.mpf(x) ** (a - 1) / mpmath.gamma(a))


def in_bits(x: np.ndarray, mantissa: int) -> np.ndarray:
    """Rounded to that many bits after the first; halves to even."""
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.rint(np.ldexp(fraction, mantissa + 1)), exponent - mantissa - 1)


LAX_ELEMENTWISE = (
    # -- elementary functions
    *matched({"sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "atan": np.arctan,
              "asinh": np.arcsinh, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "logistic": lambda x: 1 / (1 + np.exp(-x))},
             X, dtypes=COMPLEX),
    *matched({"asin": np.arcsin, "acos": np.arccos, "atanh": np.arctanh}, UNIT, dtypes=COMPLEX),
    *matched({"log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x)}, POSITIVE, dtypes=COMPLEX),
    Name("lax.acosh", (R(3, 4, low=1.2, high=4.0),), reference=np.arccosh, dtypes=COMPLEX),
    Name("lax.cbrt", (distinct(3, 4),), reference=np.cbrt),
    Name("lax.atan2", (X, POSITIVE), reference=np.arctan2),
    # -- special functions
    *matched({"erf": sp.erf, "erfc": sp.erfc}, X),
    Name("lax.erf_inv", (UNIT,), reference=sp.erfinv),
    *matched({"bessel_i0e": sp.i0e, "bessel_i1e": sp.i1e}, distinct(3, 4)),
    *matched({"lgamma": sp.gammaln, "digamma": sp.digamma}, POSITIVE, tol=1e-11),
    *matched({"igamma": sp.gammainc, "igammac": sp.gammaincc}, POSITIVE, POSITIVE, tol=1e-11),
    Name("lax.igamma_grad_a", (POSITIVE, POSITIVE), reference=precise(gamma_slope), tol=1e-11, held={0: "a"}),
    Name("lax.random_gamma_grad", (POSITIVE, POSITIVE), reference=precise(sample_slope), tol=1e-11, held={0: "a"}),
    Name("lax.betainc", (POSITIVE, POSITIVE, R(3, 4, low=0.1, high=0.9)), reference=sp.betainc, tol=1e-11),
    Name("lax.polygamma", (fixed([1.0, 2.0, 3.0, 1.0]), R(4, low=0.5, high=3)), reference=sp.polygamma, tol=1e-11, held={0: "m"}),
    Name("lax.zeta", (R(4, low=1.5, high=4), R(4, low=0.5, high=3)), reference=sp.zeta, tol=1e-11),
    # -- arithmetic
    *matched({"add": np.add, "sub": np.subtract, "mul": np.multiply}, X, X, dtypes=NUMBER),
    Name("lax.div", PAIR, reference=np.divide, dtypes=COMPLEX),
    Name("lax.rem", (R(3, 4, low=-9.3, high=9.7), R(3, 4, low=1.1, high=3)), reference=np.fmod, dtypes=REAL),
    Name("lax.pow", (R(3, 4, low=1, high=3), X), reference=np.power, dtypes=COMPLEX),
    Name("lax.integer_pow", (PAIR[1],), lambda f, x: [f(x, 3), f(x, 0)], np.power, dtypes=NUMBER),
    *matched({"neg": np.negative, "square": np.square}, X, dtypes=NUMBER),
    Name("lax.reciprocal", (POSITIVE,), reference=np.reciprocal, dtypes=COMPLEX),
    Name("lax.abs", (distinct(3, 4),), reference=np.abs, dtypes=NUMBER),
    Name("lax.sign", (distinct(3, 4),), reference=np.sign, dtypes=REAL),
    *matched({"max": np.maximum, "min": np.minimum}, *ORDERED, dtypes=REAL),
    Name("lax.clamp", (R(), distinct(3, 4), R(low=3, high=4)), reference=lambda a, x, b: np.clip(x, a, b), dtypes=REAL),
    Name("lax.mulhi", (R(3, 4, low=-2**31, high=2**31 - 1), R(3, 4, low=-2**31, high=2**31 - 1)), reference=high_product,
         dtypes=("int32",)),
    # -- rounding, and the forms of floating numbers
    *matched({"floor": np.floor, "ceil": np.ceil, "round": away_from_zero}, R(3, 4, low=-5, high=5)),
    Name("lax.is_finite", (fixed([0.5, np.nan, np.inf, -np.inf]),), reference=np.isfinite),
    Name("lax.nextafter", (X, R(3, 4)), reference=np.nextafter),
    Name("lax.reduce_precision", (X,), lambda f, x: f(x, 8, 45), lambda x, e, m: in_bits(x, m)),
    Name("lax.complex", (X, X), reference=lambda x, y: (x + 1j * y).astype(np.result_type(x, np.complex64))),
    *matched({"real": np.real, "imag": np.imag}, X, dtypes=("complex64", "complex128")),
    Name("lax.conj", (X,), reference=lambda x: np.conj(x).astype(np.result_type(x, np.complex64)), dtypes=COMPLEX),
    # -- comparisons and bits
    *matched({"eq": np.equal, "ne": np.not_equal}, Z(3, 4), Z(3, 4), dtypes=("int64",)),
    *matched({"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}, X, X, dtypes=("bool", *REAL)),
    *matched({"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor}, BITS, BITS,
             dtypes=("bool", *INTEGER)),
    Name("lax.bitwise_not", (BITS,), reference=np.invert, dtypes=("bool", *INTEGER)),
    *matched({"shift_left": np.left_shift, "shift_right_arithmetic": np.right_shift, "shift_right_logical": np.right_shift}, BITS,
             R(3, 4, low=0, high=3), dtypes=("int32",)),
    *matched({"population_count": by_width(lambda v, n: v.bit_count()), "clz": by_width(lambda v, n: n - v.bit_length())},
             R(3, 4, low=-99, high=99), dtypes=INTEGER),
    # -- choices
    Name("lax.select", (Z(3, 4, high=1, dtype="bool"), X, X), reference=np.where, dtypes=ANY),
    Name("lax.select_n", (Z(3, 4, high=2, dtype="int32"), X, X, X), reference=lambda i, *xs: np.choose(i, xs), dtypes=ANY),
    # -- the identity, with a meaning of its own
    Name("lax.optimization_barrier", (X,), reference=lambda x: x, dtypes=ANY),
)

