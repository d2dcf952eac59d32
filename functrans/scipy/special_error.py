"""Error functions, Dawson's and Fresnel's integrals, the normal distribution's functions, Owen's T.

Real arguments (`wofz` stands in `special_complex`); integers become the default float. The primitives state their accuracy: a few units
in the last place, in tails too. DLMF chapter 7; D. B. Owen, "Tables for computing bivariate normal probabilities" (1956).
"""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401 - the doctests use it

from functrans.core.source import describe, user_source
from functrans.primitives.special import erf_inv_p
from functrans.primitives.special_exponential import fresnel_c_p, fresnel_s_p
from functrans.primitives.special_normal import dawsn_p, erfcx_p, log_ndtr_p, ndtr_p, ndtri_p
from functrans.primitives.special_tails import owens_t_p
from functrans.primitives.transcendental import erf_p, erfc_p
from functrans.scipy.special_operands import real_operands

__all__ = ["dawsn", "erf", "erfc", "erfcx", "erfinv", "fresnel", "log_ndtr", "ndtr", "ndtri", "owens_t"]


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


def erfcx(x: Any) -> Any:
    """``exp(x**2) * erfc(x)``, within 2 units in the last place in float64; inf where it overflows, left of -26.6.

    >>> erfcx(np.array([0.0, 1e10]))
    Array([1.00000000e+00, 5.64189584e-11], dtype=float64)
    """
    return erfcx_p.bind(*real_operands("erfcx", x))


def erfinv(x: Any) -> Any:
    """The y with ``erf(y) == x``; inf and -inf at 1 and -1, nan outside.

    >>> erfinv(np.array([0.0, 0.5]))
    Array([0.        , 0.47693628], dtype=float64)
    """
    return erf_inv_p.bind(*real_operands("erfinv", x))


def dawsn(x: Any) -> Any:
    """Dawson's integral ``exp(-x**2)`` times that of ``exp(t**2)`` from 0 to `x`, within 3 units in the last place in float64.

    >>> dawsn(np.array([0.0, 1.0]))
    Array([0.        , 0.53807951], dtype=float64)
    """
    return dawsn_p.bind(*real_operands("dawsn", x))


def fresnel(x: Any) -> tuple[Any, Any]:
    """Fresnel's integrals (S, C) of ``sin(pi t**2 / 2)`` and ``cos(pi t**2 / 2)`` from 0 to `x`, within 3 units in the last place.

    >>> fresnel(np.array([1.0]))
    (Array([0.43825915], dtype=float64), Array([0.7798934], dtype=float64))
    """
    (x,) = real_operands("fresnel", x)
    return fresnel_s_p.bind(x), fresnel_c_p.bind(x)


def ndtr(x: Any) -> Any:
    """The distribution function of the normal distribution, within 3 units in the last place in float64, in the left tail too.

    >>> ndtr(np.array([0.0, 1.0]))
    Array([0.5       , 0.84134475], dtype=float64)
    """
    return ndtr_p.bind(*real_operands("ndtr", x))


def ndtri(p: Any) -> Any:
    """The quantile of the normal distribution at `p`, the inverse of `ndtr`; nan outside [0, 1].

    >>> ndtri(np.array([0.5, 0.975]))
    Array([0.        , 1.95996398], dtype=float64)
    """
    return ndtri_p.bind(*real_operands("ndtri", p))


def log_ndtr(x: Any, series_order: int = 3) -> Any:
    """The logarithm of `ndtr`, accurate where that underflows.

    Args:
        x: real.
        series_order: a Python integer, 0 or more, for compatibility: the result is accurate whatever it is.

    Raises:
        TypeError: if `series_order` is no Python integer.
        ValueError: if it is negative.

    >>> log_ndtr(np.array([0.0, -100.0]))
    Array([-6.93147181e-01, -5.00552421e+03], dtype=float64)
    """
    if not isinstance(series_order, int):
        raise TypeError(f"log_ndtr: series_order must be a Python integer, not {series_order!r}, at {describe(user_source())}.")
    if series_order < 0:
        raise ValueError(f"log_ndtr: series_order must not be negative; got {series_order}, at {describe(user_source())}.")
    return log_ndtr_p.bind(*real_operands("log_ndtr", x))


def owens_t(h: Any, a: Any) -> Any:
    """Owen's T: the probability of X > h and 0 < Y < a X for independent normal X and Y. Arguments broadcast.

    Within 4 units in the last place in float64; differentiable in both.

    >>> owens_t(1.0, np.array([0.0, 2.0]))
    Array([0.        , 0.07846819], dtype=float64)
    """
    return owens_t_p.bind(*real_operands("owens_t", h, a))
