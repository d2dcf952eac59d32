"""Bessel functions. Real arguments; integers become the default float. DLMF chapter 10."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401 - the doctests use it

from functrans.numpy.choice import where
from functrans.numpy.elementary import exp
from functrans.numpy.ufuncs import absolute
from functrans.primitives.special import bessel_i0e_p, bessel_i1e_p
from functrans.scipy.special_operands import real_operands, with_derivatives

__all__ = ["i0", "i0e", "i1", "i1e"]


def i0e(x: Any) -> Any:
    """``exp(-|x|) * i0(x)``.

    >>> i0e(np.array([0.0, 1000.0]))
    Array([1.        , 0.01261724], dtype=float64)
    """
    return bessel_i0e_p.bind(*real_operands("i0e", x))


def i1e(x: Any) -> Any:
    """``exp(-|x|) * i1(x)``.

    >>> i1e(np.array([0.0, 1000.0]))
    Array([0.        , 0.01261093], dtype=float64)
    """
    return bessel_i1e_p.bind(*real_operands("i1e", x))


def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0.

    >>> i0(np.array([0.0, 1.0]))
    Array([1.        , 1.26606588], dtype=float64)
    """
    return _i0(*real_operands("i0", x))


def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1.

    >>> i1(np.array([0.0, 1.0]))
    Array([0.       , 0.5651591], dtype=float64)
    """
    return _i1(*real_operands("i1", x))


def _unscaled(y: Any, x: Any) -> Any:
    """``y * exp(|x|)``, by the root of the exponential twice: it overflows first."""
    root = exp(0.5 * absolute(x))
    return y * root * root


@with_derivatives(lambda t, z, x: t * i1(x))
def _i0(x: Any) -> Any:
    return _unscaled(bessel_i0e_p.bind(x), x)


@with_derivatives(lambda t, z, x: t * (i0(x) - where(x == 0, 0.5, z / where(x == 0, 1, x))))
def _i1(x: Any) -> Any:
    return _unscaled(bessel_i1e_p.bind(x), x)
