"""Logarithms with the limits that entropies, likelihoods and power transforms need; sigmoids.

Each is compiled, and states its derivative, so that a limit such as ``0 * log(0) == 0`` gives no nan in a gradient.
Relative errors are a few units in the last place, also where an argument is near the zero of the result.

References: DLMF 4.6 (logarithms); G. E. P. Box, D. R. Cox, "An analysis of transformations" (1964).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.core.trace import typeof
from functrans.nn.logsumexp import logsumexp as logsumexp
from functrans.nn.normalize import log_softmax as _log_softmax
from functrans.nn.normalize import softmax as _softmax
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, expm1, log, log1p
from functrans.numpy.ufuncs import absolute
from functrans.primitives.special_tables import LOG1P_REST
from functrans.primitives.transcendental import logistic_p
from functrans.scipy.special_operands import inexact_operands, real_operands, with_derivatives

__all__ = [
    "boxcox", "boxcox1p", "entr", "expit", "kl_div", "log_softmax", "logit", "logsumexp", "rel_entr", "softmax", "xlog1py", "xlogy",
]


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


# -- x log y ----------------------------------------------------------------------------------------------------------

def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, and 0 where `x` is 0 and `y` is not nan. Real or complex; arguments broadcast.

    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    Array([0., 0.], dtype=float64)
    """
    return _xlogy(*inexact_operands("xlogy", x, y))


@with_derivatives(lambda t, z, x, y: t * log(y), lambda t, z, x, y: t * x / y)
def _xlogy(x: Any, y: Any) -> Any:
    nothing = (x == 0) & (y == y)
    return where(nothing, 0, x * log(where(nothing, 1, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """``x * log1p(y)``, and 0 where `x` is 0 and `y` is not nan. Real or complex; arguments broadcast.

    >>> xlog1py(np.array([0.0, 2.0]), np.array([-1.0, 0.0]))
    Array([0., 0.], dtype=float64)
    """
    return _xlog1py(*inexact_operands("xlog1py", x, y))


@with_derivatives(lambda t, z, x, y: t * log1p(y), lambda t, z, x, y: t * x / (1 + y))
def _xlog1py(x: Any, y: Any) -> Any:
    nothing = (x == 0) & (y == y)
    return where(nothing, 0, x * log1p(where(nothing, 0, y)))


# -- entropies --------------------------------------------------------------------------------------------------------

def entr(x: Any) -> Any:
    """``-x * log(x)``; 0 at 0, -inf below. Real.

    >>> entr(np.array([-1.0, 0.0, 1.0]))
    Array([-inf,   0.,   0.], dtype=float64)
    """
    return _entr(*real_operands("entr", x))


@with_derivatives(lambda t, z, x: -t * (log(x) + 1))
def _entr(x: Any) -> Any:
    inside = x > 0
    return where(inside, 0 - x * log(where(inside, x, 1)), where(x == 0, 0, where(x < 0, -np.inf, np.nan)))


def _log_ratio(p: Any, q: Any) -> Any:
    """log(p / q) of positive numbers: where they are close, by their difference, which is exact."""
    near = (p < 2 * q) & (q < 2 * p)
    return where(near, log1p(where(near, (p - q) / q, 0)), log(p) - log(q))


def rel_entr(p: Any, q: Any) -> Any:
    """``p * log(p / q)``; 0 where `p` is 0 and `q` is not negative, inf elsewhere outside of p > 0, q > 0. Real; arguments broadcast.

    >>> rel_entr(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0]))
    Array([ 0.,  0., inf], dtype=float64)
    """
    return _rel_entr(*real_operands("rel_entr", p, q))


def _at_limits(p: Any, q: Any, inside: Any, at_zero: Any) -> Any:
    out = where((p > 0) & (q > 0), inside, where((p == 0) & (q >= 0), at_zero, np.inf))
    return where((p != p) | (q != q), np.nan, out)


def _inner(p: Any, q: Any) -> tuple[Any, Any]:
    inside = (p > 0) & (q > 0)
    return where(inside, p, 1), where(inside, q, 1)


@with_derivatives(lambda t, z, p, q: t * (_log_ratio(p, q) + 1), lambda t, z, p, q: -t * (p / q))
def _rel_entr(p: Any, q: Any) -> Any:
    x, y = _inner(p, q)
    return _at_limits(p, q, x * _log_ratio(x, y), 0)


def kl_div(p: Any, q: Any) -> Any:
    """``p * log(p / q) - p + q``; `q` where `p` is 0 and `q` is not negative, inf elsewhere outside of p > 0, q > 0.

    Real; arguments broadcast. Near ``p == q`` it is computed from the difference, without cancellation.

    >>> kl_div(np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0]))
    Array([ 1.,  0., inf], dtype=float64)
    """
    return _kl_div(*real_operands("kl_div", p, q))


@with_derivatives(lambda t, z, p, q: t * _log_ratio(p, q), lambda t, z, p, q: t * ((q - p) / q))
def _kl_div(p: Any, q: Any) -> Any:
    x, y = _inner(p, q)
    near = (x < 2 * y) & (y < 2 * x)
    r = where(near, (x - y) / (x + y), 0)
    # log(x / y) == 2 atanh(r); what is linear in r cancels with x - y but for their product.
    close = r * (x - y) + 2 * x * (r * r * r * _polynomial(r * r, LOG1P_REST))
    return _at_limits(p, q, where(near, close, x * (log(x) - log(y)) - x + y), q)


# -- power transforms -------------------------------------------------------------------------------------------------

def boxcox(x: Any, lmbda: Any) -> Any:
    """The Box-Cox transform ``(x**lmbda - 1) / lmbda``, the logarithm where `lmbda` is 0. Real; arguments broadcast.

    Differentiable in both, at ``lmbda == 0`` too. nan for negative `x`.

    >>> boxcox(np.array([1.0, 4.0]), 0.5)
    Array([0., 2.], dtype=float64)
    """
    return _boxcox(*real_operands("boxcox", x, lmbda))


def boxcox1p(x: Any, lmbda: Any) -> Any:
    """The Box-Cox transform of ``1 + x``, accurate for small `x`.

    >>> boxcox1p(np.array([0.0, 3.0]), 0.5)
    Array([0., 2.], dtype=float64)
    """
    return _boxcox1p(*real_operands("boxcox1p", x, lmbda))


@jit
def _boxcox(x: Any, lmbda: Any) -> Any:
    return _stretched(log(x), lmbda)


@jit
def _boxcox1p(x: Any, lmbda: Any) -> Any:
    return _stretched(log1p(x), lmbda)


@with_derivatives(lambda t, z, u, s: t * exp(s * u), lambda t, z, u, s: t * (u * u * _slope(s * u)))
def _stretched(u: Any, s: Any) -> Any:
    """expm1(s u) / s, and its limit u where s is 0 or s u vanishes."""
    flat = absolute(s) < 1e-19
    return where(flat, u, expm1(s * u) / where(flat, 1, s))


_SLOPE = tuple((k + 1) / math.factorial(k + 2) for k in range(15, -1, -1))


def _slope(z: Any) -> Any:
    """(z exp(z) - expm1(z)) / z**2."""
    near = absolute(z) < 0.5
    small, large = where(near, z, 0), where(near, 1, z)
    return where(near, _polynomial(small, _SLOPE), (large * exp(large) - expm1(large)) / (large * large))


# -- sigmoids ---------------------------------------------------------------------------------------------------------

def expit(x: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-x))``. Real or complex.

    >>> expit(np.array([0.0, 800.0]))
    Array([0.5, 1. ], dtype=float64)
    """
    return logistic_p.bind(*inexact_operands("expit", x))


def logit(x: Any) -> Any:
    """``log(x / (1 - x))``, the inverse of `expit`. Real (nan outside [0, 1]) or complex.

    >>> logit(np.array([0.0, 0.5, 1.0]))
    Array([-inf,   0.,  inf], dtype=float64)
    """
    return _logit(*inexact_operands("logit", x))


@with_derivatives(lambda t, z, x: t / (x * (1 - x)))
def _logit(x: Any) -> Any:
    if typeof(x).dtype.kind == "c":
        return log(x / (1 - x))
    near = (x > 0.3) & (x < 0.65)
    s = where(near, 2 * x - 1, 0)
    return where(near, log1p(s) - log1p(-s), log(x / (1 - x)))


def softmax(x: Any, /, *, axis: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` over `axis` (one or several; None for all).

    >>> softmax(np.array([0.0, 0.0]))
    Array([0.5, 0.5], dtype=float64)
    """
    return _softmax(x, axis=axis)


def log_softmax(x: Any, /, *, axis: Any = None) -> Any:
    """The logarithm of `softmax`: ``x - logsumexp(x)`` over `axis` (one or several; None for all).

    >>> log_softmax(np.array([1000.0, 1000.0]))
    Array([-0.69314718, -0.69314718], dtype=float64)
    """
    return _log_softmax(x, axis=axis)
