"""The gamma function and its relatives: logarithm, derivatives, beta, incomplete ratios, zeta.

Real arguments (`gamma` takes complex ones too); integers become the default float. DLMF chapters 5, 8, 25.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.calls.cond import cond
from functrans.calls.jitted import jit
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, log, sin
from functrans.numpy.joining import stack
from functrans.numpy.reductions import prod
from functrans.numpy.ufuncs import absolute, floor, maximum, minimum
from functrans.numpy.ufuncs import round as round_
from functrans.numpy.util import broadcast_arrays_internal, constant_like
from functrans.primitives.special import digamma_p, lgamma_p, polygamma_p, zeta_p
from functrans.primitives.special_beta import regularized_incomplete_beta_p
from functrans.primitives.special_gamma import gamma_p, log_beta_p
from functrans.primitives.special_integrals import igamma_p, igammac_p
from functrans.primitives.special_tables import ZETA_CENTRE
from functrans.primitives.structural import convert_element_type
from functrans.scipy.special_complex import loggamma
from functrans.scipy.special_operands import inexact_operands, real_operands, static_integer, with_derivatives

__all__ = [
    "beta", "betainc", "betaln", "digamma", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn", "multigammaln", "polygamma", "zeta",
]


# -- gamma ------------------------------------------------------------------------------------------------------------

def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function; inf at 0, -1, -2, ... and at the infinities.

    >>> gammaln(np.array([1, 5]))
    Array([0.        , 3.17805383], dtype=float64)
    """
    return lgamma_p.bind(*real_operands("gammaln", x))


def gammasgn(x: Any) -> Any:
    """The sign of the gamma function: 1 or -1 (also at 0.0 and -0.0), nan at -1, -2, ... and at -inf.

    >>> gammasgn(np.array([-0.5, -1.0, 2.0]))
    Array([-1., nan,  1.], dtype=float64)
    """
    return _gammasgn(*real_operands("gammasgn", x))


@jit
def _gammasgn(x: Any) -> Any:
    down = floor(x)
    odd = floor(down / 2) * 2 != down
    one = constant_like(x, 1)
    signs = where((x > 0) | ((x == 0) & (1 / x > 0)), one, where((x == 0) | odd, -one, one))
    return where((x != x) | ((x < 0) & (down == x)), np.nan, signs)


def gamma(x: Any) -> Any:
    """The gamma function; inf at 0, -inf at -0.0, nan at -1, -2, ... Real or complex.

    Within 5 units in the last place in float64; of complex numbers, as accurate as `loggamma`. Factorials up to 17! are exact.

    >>> gamma(np.array([0.5, 5.0]))
    Array([ 1.77245385, 24.        ], dtype=float64)
    """
    (x,) = inexact_operands("gamma", x)
    return exp(loggamma(x)) if typeof(x).dtype.kind == "c" else gamma_p.bind(x)


def digamma(x: Any) -> Any:
    """The derivative of `gammaln`; nan at 0, -1, -2, ... (at the zeros too, where SciPy gives -inf and inf by their sign).

    >>> digamma(1.0)
    Array(-0.57721566, dtype=float64, weak_type=True)
    """
    return digamma_p.bind(*real_operands("digamma", x))


def polygamma(n: Any, x: Any) -> Any:
    """The derivative of order `n` of `digamma` at `x`; nan where `n` is negative or not whole. Arguments broadcast.

    >>> polygamma(1, np.array([1.0, 2.0]))
    Array([1.64493407, 0.64493407], dtype=float64)
    """
    return polygamma_p.bind(*real_operands("polygamma", n, x))


def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function of dimension `d`: the sum of ``gammaln(a - i / 2)`` for i < d, and a constant.

    Args:
        a: real.
        d: a positive Python integer.

    Raises:
        TypeError: if `d` is traced or not whole.
        ValueError: if `d` is not positive.

    >>> multigammaln(np.array([3.0]), 2)
    Array([1.55019499], dtype=float64)
    """
    (a,) = real_operands("multigammaln", a)
    return _multigammaln(a, d=static_integer("multigammaln", "d", d, 1))


def _multigammaln_of(a: Any, *, d: int) -> Any:
    total = lgamma_p.bind(a) + d * (d - 1) / 4 * math.log(math.pi)
    for i in range(1, d):
        total = total + lgamma_p.bind(a - i / 2)
    return total


_multigammaln = jit(_multigammaln_of, static_argnames="d")


def gammainc(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function: the distribution function of a gamma variable of shape `a`.

    nan where either is negative. Arguments broadcast; differentiable in both.

    >>> gammainc(2, np.array([0.0, 1.0]))
    Array([0.        , 0.26424112], dtype=float64)
    """
    return igamma_p.bind(*real_operands("gammainc", a, x))


def gammaincc(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function, ``1 - gammainc(a, x)``, accurate where it is small too.

    >>> gammaincc(2, np.array([0.0, 1.0]))
    Array([1.        , 0.73575888], dtype=float64)
    """
    return igammac_p.bind(*real_operands("gammaincc", a, x))


# -- beta -------------------------------------------------------------------------------------------------------------

def betaln(a: Any, b: Any) -> Any:
    """The logarithm of the absolute value of `beta`, without cancellation for large arguments. Arguments broadcast.

    >>> betaln(2, np.array([3.0, 1e20]))
    Array([ -2.48490665, -92.10340372], dtype=float64)
    """
    return _betaln(*real_operands("betaln", a, b))


def _whole_left(x: Any) -> Any:
    """Whether `gamma` has a pole."""
    return (x <= 0) & (floor(x) == x)


def _mirrored(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Where `a` is a pole and `b` whole and 1 or more, their beta function is (-1)**b that of 1 - a - b and b."""
    at_pole = _whole_left(a) & (b >= 1) & (floor(b) == b) & (1 - a - b > 0) & (absolute(a) < np.inf)
    odd = at_pole & (floor(b / 2) * 2 != b)
    one = constant_like(a, 1)
    return where(at_pole, 1 - a - b, a), b, where(odd, -one, one)


def _regular(a: Any, b: Any) -> tuple[Any, Any, Any]:
    a, b, first = _mirrored(a, b)
    b, a, second = _mirrored(b, a)
    return a, b, first * second


def _beta_slopes(scale: Any) -> tuple[Any, Any]:
    def slope(t: Any, z: Any, a: Any, b: Any) -> Any:
        return t * scale(z) * (digamma_p.bind(a) - digamma_p.bind(a + b))

    return slope, lambda t, z, a, b: slope(t, z, b, a)


@with_derivatives(*_beta_slopes(lambda z: 1))
def _betaln(a: Any, b: Any) -> Any:
    inside = (a > 0) & (b > 0)
    out = log_beta_p.bind(where(inside, a, 1), where(inside, b, 1))
    return cond(inside.all(), lambda out, *_: out, lambda out, a, b: where(inside, out, _betaln_left(a, b)), out, a, b)


def _betaln_left(a: Any, b: Any) -> Any:
    """`betaln` where an argument is not positive: many steps, which a branch spares the usual ones."""
    a, b, _ = _regular(a, b)
    inside = (a > 0) & (b > 0)
    pole = _whole_left(a) | _whole_left(b)
    logarithms = lgamma_p.bind(stack(broadcast_arrays_internal(a, b, a + b)))
    left = where(pole, np.inf, logarithms[0] + logarithms[1] - logarithms[2])
    return where(inside, log_beta_p.bind(where(inside, a, 1), where(inside, b, 1)), left)


def beta(a: Any, b: Any) -> Any:
    """The beta function ``gamma(a) * gamma(b) / gamma(a + b)``. Arguments broadcast.

    Within 8 units in the last place where none of these overflows, else the rounding of `betaln`'s result.

    >>> beta(2.0, 3.0)
    Array(0.08333333, dtype=float64)
    """
    return _beta(*real_operands("beta", a, b))


@with_derivatives(*_beta_slopes(lambda z: z))
def _beta(a: Any, b: Any) -> Any:
    a, b, sign = _regular(a, b)
    parts = stack(broadcast_arrays_internal(a, b, a + b))  # one evaluation in the compiled program
    values, signs = gamma_p.bind(parts), sign * prod(_gammasgn(parts), 0)
    top, bottom = values[0] * values[1], values[2]
    # The rounding of a + b counts by the slope of the logarithm of gamma, which is nearly log.
    n = a + b
    lost = (a - (n - (n - a))) + (b - (n - a))
    direct = top / bottom * (1 - lost * log(maximum(n, 1)))
    usable = (absolute(top) < np.inf) & (absolute(bottom) < np.inf) & (top != 0) & (bottom != 0)
    out = where(usable, sign * direct, signs * exp(_betaln(a, b)))
    out = where(_whole_left(a + b) & ~_whole_left(a) & ~_whole_left(b), 0, out)
    return where(_whole_left(a) | _whole_left(b), np.inf, out)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function: the distribution function of a beta variable of shapes `a` and `b`.

    nan where a shape is negative or `x` outside [0, 1]. Arguments broadcast; differentiable in all of them.

    >>> betainc(2, 3, np.array([0.0, 0.5, 1.0]))
    Array([0.    , 0.6875, 1.    ], dtype=float64)
    """
    return regularized_incomplete_beta_p.bind(*real_operands("betainc", a, b, x))


# -- zeta -------------------------------------------------------------------------------------------------------------

def zeta(x: Any, q: Any = None) -> Any:
    """Hurwitz's zeta function, the sum of ``(q + k)**-x`` over k >= 0; Riemann's, left of 1 too, unless `q` is given.

    nan for `x` below 1 where `q` is given, and for `q` of -10 and below. Differentiable in both. Riemann's is within some 1e-15 of the
    true value in float64 (some 1e-13 left of -100), and overflows with its sign left of -260.

    >>> zeta(np.array([2.0, -1.0]))
    Array([ 1.64493407, -0.08333333], dtype=float64)
    >>> zeta(2.0, 2.0)
    Array(0.64493407, dtype=float64, weak_type=True)
    """
    return _riemann(*real_operands("zeta", x)) if q is None else zeta_p.bind(*real_operands("zeta", x, q))


@jit
def _riemann(x: Any) -> Any:
    """In float64: the argument of a narrower dtype is exact there, but not 1 less it."""
    return convert_element_type(_wide_riemann(convert_element_type(x, np.dtype(np.float64))), typeof(x).dtype, typeof(x).weak_type)


def _wide_riemann(x: Any) -> Any:
    left, middle = x < -0.5, (x >= -0.5) & (x <= 2)
    s = where(middle, x - 1, -1)
    entire = constant_like(x, 0)
    for c in ZETA_CENTRE:
        entire = entire * s + c
    right = zeta_p.bind(where(left | middle, 2, x), constant_like(x, 1))
    return where(left, _reflected(where(left, x, -1)), where(middle, entire / s, right))


_LAST_ZERO = -258.0
"""Left of it the factor of the sine overflows."""


def _reflected(x: Any) -> Any:
    """Left of 0 by DLMF 25.4.1, ``2 (2 pi)**-n sin(pi x / 2) gamma(n) zeta(n)`` with n = 1 - x; nan at -inf.

    By the duplication of gamma (DLMF 5.5.5) ``gamma(n) (2 pi)**-n = g(n / 2) g(n / 2 + 1 / 2) / 2`` with ``g(h) = gamma(h) pi**-h``, so
    that nothing overflows before the result does.
    """
    turns = x / 2 - 2 * round_(x / 4)
    folded = where(absolute(turns) > 0.5, where(turns > 0, 1 - turns, -1 - turns), turns)
    beyond = (folded == 0) & (x < _LAST_ZERO)
    n = where(beyond, 2, minimum(1 - x, 400))
    half, upper = n / 2, n / 2 + 0.5
    size = gamma_p.bind(half) * math.pi ** -half * zeta_p.bind(n, constant_like(x, 1))
    rest = gamma_p.bind(upper) * math.pi ** -upper
    return sin(math.pi * folded) * where(beyond, np.finfo(np.float64).max, size * rest)
