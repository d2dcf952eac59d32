"""Error functions and the normal distribution's. Real arguments; integers become the default float. DLMF chapter 7."""

from __future__ import annotations

import math
from typing import Any

import numpy as np  # noqa: F401 - the doctests use it

from functrans.calls.jitted import jit
from functrans.numpy.choice import where
from functrans.numpy.elementary import log, log1p
from functrans.primitives.special import erf_inv_p
from functrans.primitives.transcendental import erf_p, erfc_p
from functrans.scipy.special_operands import real_operands

__all__ = ["erf", "erfc", "erfinv", "log_ndtr", "ndtr", "ndtri"]


def erf(x: Any) -> Any:
    """The error function: the integral of ``2 / sqrt(pi) * exp(-t**2)`` from 0 to `x`.

    >>> erf(np.array([0.0, 0.5]))
    Array([0.        , 0.52049988], dtype=float64)
    """
    return erf_p.bind(*real_operands("erf", x))


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, accurate where it is small too.

    >>> erfc(np.array([0.0, 5.0]))
    Array([1.00000000e+00, 1.53745979e-12], dtype=float64)
    """
    return erfc_p.bind(*real_operands("erfc", x))


def erfinv(x: Any) -> Any:
    """The y with ``erf(y) == x``; inf and -inf at 1 and -1, nan outside.

    >>> erfinv(np.array([0.0, 0.5]))
    Array([0.        , 0.47693628], dtype=float64)
    """
    return erf_inv_p.bind(*real_operands("erfinv", x))


def ndtr(x: Any) -> Any:
    """The distribution function of the normal distribution, ``erfc(-x / sqrt(2)) / 2``.

    >>> ndtr(np.array([0.0, 1.0]))
    Array([0.5       , 0.84134475], dtype=float64)
    """
    return _ndtr(*real_operands("ndtr", x))


@jit
def _ndtr(x: Any) -> Any:
    return 0.5 * erfc_p.bind(x * -math.sqrt(0.5))


def ndtri(p: Any) -> Any:
    """The quantile of the normal distribution at `p`, the inverse of `ndtr`; nan outside [0, 1].

    >>> ndtri(np.array([0.5, 0.975]))
    Array([0.        , 1.95996398], dtype=float64)
    """
    return _ndtri(*real_operands("ndtri", p))


@jit
def _ndtri(p: Any) -> Any:
    return math.sqrt(2) * erf_inv_p.bind(2 * p - 1)


def log_ndtr(x: Any, series_order: int = 3) -> Any:
    """The logarithm of `ndtr`, accurate where that underflows.

    Args:
        x: real.
        series_order: accepted for compatibility; the result is accurate to rounding whatever it is.

    >>> log_ndtr(np.array([0.0, -100.0]))
    Array([-6.93147181e-01, -5.00552421e+03], dtype=float64)
    """
    return _log_ndtr(*real_operands("log_ndtr", x))


@jit
def _log_ndtr(x: Any) -> Any:
    far = x < -20
    y = where(far, x, -20)
    r = 1 / (y * y)
    series = log1p(-r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r * (1 - 9 * r * (1 - 11 * r))))))
    tail = -0.5 * (y * y) - log(-y) - 0.5 * math.log(2 * math.pi) + series
    high = x > 0
    upper = log1p(-_ndtr(-where(high, x, 1)))
    return where(far, tail, where(high, upper, log(_ndtr(where(far | high, -1, x)))))
