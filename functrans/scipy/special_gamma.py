"""The gamma function and its relatives: logarithms, derivatives, beta, incomplete ratios, factorials, zeta.

Real arguments (`gamma` and `loggamma` take complex ones too); integers become the default float. DLMF chapters 5, 8, 25, 26.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.config import options
from functrans.numpy.choice import where
from functrans.numpy.creation import asarray
from functrans.numpy.elementary import exp
from functrans.numpy.ufuncs import floor
from functrans.numpy.util import constant_like
from functrans.primitives.special import digamma_p, lgamma_p, polygamma_p, zeta_p
from functrans.primitives.special_integrals import igamma_p, igammac_p, regularized_incomplete_beta_p
from functrans.scipy.special_operands import real_operands, static_integer, with_derivatives

__all__ = [
    "bernoulli", "beta", "betainc", "betaln", "comb", "digamma", "factorial", "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn",
    "multigammaln", "poch", "polygamma", "zeta",
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


@with_derivatives(lambda t, z, x: t * (z * digamma_p.bind(x)))
def _gamma(x: Any) -> Any:
    return _gammasgn(x) * exp(lgamma_p.bind(x))


def gamma(x: Any) -> Any:
    """The gamma function; inf at 0, -inf at -0.0, nan at -1, -2, ...

    >>> gamma(np.array([0.5, 5.0]))
    Array([ 1.77245385, 24.        ], dtype=float64)
    """
    return _gamma(*real_operands("gamma", x))


def digamma(x: Any) -> Any:
    """The derivative of `gammaln`; nan at 0, -1, -2, ...

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
    """The logarithm of the absolute value of `beta`. Arguments broadcast.

    >>> betaln(2, 3)
    Array(-2.48490665, dtype=float64, weak_type=True)
    """
    return _betaln(*real_operands("betaln", a, b))


@jit
def _betaln(a: Any, b: Any) -> Any:
    return lgamma_p.bind(a) + lgamma_p.bind(b) - lgamma_p.bind(a + b)


def beta(a: Any, b: Any) -> Any:
    """The beta function ``gamma(a) * gamma(b) / gamma(a + b)``. Arguments broadcast.

    >>> beta(2.0, 3.0)
    Array(0.08333333, dtype=float64, weak_type=True)
    """
    return _beta(*real_operands("beta", a, b))


@jit
def _beta(a: Any, b: Any) -> Any:
    return _gammasgn(a) * _gammasgn(b) * _gammasgn(a + b) * exp(_betaln(a, b))


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function: the distribution function of a beta variable of shapes `a` and `b`.

    nan where a shape is negative or `x` outside [0, 1]. Arguments broadcast.

    >>> betainc(2, 3, np.array([0.0, 0.5, 1.0]))
    Array([0.    , 0.6875, 1.    ], dtype=float64)
    """
    return regularized_incomplete_beta_p.bind(*real_operands("betainc", a, b, x))


# -- factorials -------------------------------------------------------------------------------------------------------

def factorial(n: Any, exact: bool = False) -> Any:
    """``gamma(n + 1)``; 0 where `n` is negative.

    Raises:
        NotImplementedError: if `exact`, which asks for Python integers; use `math.factorial`.

    >>> factorial(np.array([0, 5]))
    Array([  1., 120.], dtype=float64)
    """
    if exact:
        raise NotImplementedError("factorial: exact=True gives Python integers, which are not array elements; use math.factorial.")
    return _factorial(*real_operands("factorial", n))


@jit
def _factorial(n: Any) -> Any:
    return where(n < 0, 0, _gamma(where(n < 0, 0, n) + 1))


def poch(z: Any, m: Any) -> Any:
    """Pochhammer's symbol, the rising factorial ``gamma(z + m) / gamma(z)``. Arguments broadcast.

    >>> poch(2.0, np.array([0.0, 3.0]))
    Array([ 1., 24.], dtype=float64)
    """
    return _poch(*real_operands("poch", z, m))


@jit
def _poch(z: Any, m: Any) -> Any:
    return _gammasgn(z) * _gammasgn(z + m) * exp(lgamma_p.bind(z + m) - lgamma_p.bind(z))


def comb(N: Any, k: Any, *, repetition: bool = False) -> Any:
    """The number of ways to choose `k` of `N` things, each once, or with `repetition` any number of times. Arguments broadcast.

    0 where `k` is negative, `N` is negative, or (without repetition) `k` is above `N`.

    >>> comb(5, np.array([2, 6]))
    Array([10.,  0.], dtype=float64)
    """
    n, k = real_operands("comb", N, k)
    if repetition:
        return where((n == 0) & (k == 0), 1, _comb(n + k - 1, k))
    return _comb(n, k)


@jit
def _comb(n: Any, k: Any) -> Any:
    outside = (k < 0) | (n < 0) | (k > n)
    n, k = where(outside, 0, n), where(outside, 0, k)
    return where(outside, 0, exp(lgamma_p.bind(n + 1) - lgamma_p.bind(k + 1) - lgamma_p.bind(n - k + 1)))


# -- zeta -------------------------------------------------------------------------------------------------------------

def zeta(x: Any, q: Any = None) -> Any:
    """Hurwitz's zeta function, the sum of ``(q + k)**-x`` over k >= 0; Riemann's, that of q = 1, unless `q` is given.

    >>> zeta(2.0, 1.0)
    Array(1.64493407, dtype=float64, weak_type=True)
    """
    return zeta_p.bind(*real_operands("zeta", x, 1.0 if q is None else q))


def bernoulli(n: Any) -> Any:
    """The Bernoulli numbers B_0, ..., B_n, with ``B_1 == -1/2``, each rounded once.

    Args:
        n: a Python integer, 0 or more.

    Raises:
        TypeError: if `n` is traced or not whole.
        ValueError: if `n` is negative.

    >>> bernoulli(4)
    Array([ 1.        , -0.5       ,  0.16666667,  0.        , -0.03333333], dtype=float64)
    """
    count = static_integer("bernoulli", "n", n)
    return asarray(np.array(_bernoulli_numbers(count)).astype(options().default_float))


def _bernoulli_numbers(n: int) -> list[float]:
    """Exactly, by the tangent numbers (Knuth and Buckholtz, 1967)."""
    half = n // 2
    tangent = [0, 1] + [0] * half
    for k in range(2, half + 1):
        tangent[k] = (k - 1) * tangent[k - 1]
    for k in range(2, half + 1):
        for j in range(k, half + 1):
            tangent[j] = (j - k) * tangent[j - 1] + (j - k + 2) * tangent[j]
    out = [1.0, -0.5][:n + 1] + [0.0] * (n - 1)
    for k in range(1, half + 1):
        size = Fraction(2 * k * tangent[k], 4**k * (4**k - 1))
        out[2 * k] = (-1) ** (k + 1) * (float(size) if size < 2**1024 else math.inf)
    return out
