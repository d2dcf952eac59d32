"""Exponential, sine and cosine integrals and the dilogarithm. Real arguments; integers become the default float. DLMF 6, 8.19, 25.12."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401 - the doctests use it

from functrans.primitives.special_exponential import cosine_integral_p, exp1_p, expi_p, sine_integral_p, spence_p
from functrans.primitives.special_tails import expn_p
from functrans.scipy.special_operands import real_operands

__all__ = ["exp1", "expi", "expn", "sici", "spence"]


def expi(x: Any) -> Any:
    """The exponential integral Ei, the principal value of the integral of ``exp(t) / t`` from -inf to `x`; -inf at 0.

    Within 4 units in the last place in float64, at its zero (0.3725...) too.

    >>> expi(np.array([-1.0, 1.0]))
    Array([-0.21938393,  1.89511782], dtype=float64)
    """
    return expi_p.bind(*real_operands("expi", x))


def exp1(x: Any) -> Any:
    """The exponential integral E_1, the integral of ``exp(-t) / t`` from `x` to inf; nan left of 0.

    Within 3 units in the last place in float64.

    >>> exp1(np.array([0.0, 1.0]))
    Array([       inf, 0.21938393], dtype=float64)
    """
    return exp1_p.bind(*real_operands("exp1", x))


def expn(n: Any, x: Any) -> Any:
    """The generalized exponential integral E_n, the integral of ``exp(-x t) / t**n`` from 1 to inf. Arguments broadcast.

    Args:
        n: whole numbers, 0 or more; nan for others. The derivative with respect to it does not exist.
        x: real; nan left of 0.

    Within 7 units in the last place in float64.

    >>> expn(2, np.array([0.0, 1.0]))
    Array([1.        , 0.14849551], dtype=float64)
    """
    return expn_p.bind(*real_operands("expn", n, x))


def sici(x: Any) -> tuple[Any, Any]:
    """The sine and cosine integrals: (Si, Ci) of ``sin(t) / t`` from 0 to `x`, of ``-cos(t) / t`` from |x| to inf.

    Within 3 units in the last place in float64; of Ci, at its zeros but the first, an absolute error of 1e-16.

    >>> sici(np.array([1.0]))
    (Array([0.94608307], dtype=float64), Array([0.33740392], dtype=float64))
    """
    (x,) = real_operands("sici", x)
    return sine_integral_p.bind(x), cosine_integral_p.bind(x)


def spence(x: Any) -> Any:
    """Spence's integral of ``log(t) / (1 - t)`` from 1 to `x`, the dilogarithm of ``1 - x``; nan left of 0 and at inf.

    Within 3 units in the last place in float64.

    >>> spence(np.array([0.0, 1.0]))
    Array([1.64493407, 0.        ], dtype=float64)
    """
    return spence_p.bind(*real_operands("spence", x))
