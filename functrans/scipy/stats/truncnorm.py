"""The normal distribution cut off to ``a <= y <= b`` with ``y = (x - loc) / scale``; ``a < b``, each possibly infinite.

a and b are bounds of y, not of x. All follows from the logarithm of the normal distribution's mass of an interval. An interval right
of 0 is mirrored; left of 0 the mass is the difference of two tails, taken in the logarithmic domain; an interval around 0 is the sum of
two error functions. Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate
Distributions" 1 (1994), 13.10.

Known limits: the mass of an interval that does not hold 0 has the relative error of rounding divided by the relative change of the
tail's mass over the interval, as where it is very short.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.nn.activations import log1mexp
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp
from functrans.scipy.special import erf, log_ndtr, ndtr
from functrans.scipy.stats.families import Continuous
from functrans.scipy.stats.logarithms import log_probability

__all__ = ["cdf", "logcdf", "logpdf", "logsf", "pdf", "sf"]

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


def _log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the standard normal mass of [a, b]."""
    right, around = a > 0, (a <= 0) & (b > 0)
    return where(around, _log_mass_around(where(around, a, -1), where(around, b, 1)),
                 _log_mass_left(where(right, -b, where(around, -2, a)), where(right, -a, where(around, -1, b))))


def _log_mass_around(a: Any, b: Any) -> Any:
    mass = 0.5 * (erf(b * math.sqrt(0.5)) + erf(a * -math.sqrt(0.5)))
    return log_probability(mass < 0.5, mass, ndtr(a) + ndtr(-b))


def _log_mass_left(a: Any, b: Any) -> Any:
    whole = log_ndtr(b)
    # The derivative at a = -inf is 0, though that of log_ndtr is not; so is the mass's where b == a.
    missing, empty = a == -math.inf, a >= b
    gap = where(missing | empty, 1, whole - log_ndtr(where(missing, -1, a)))
    return where(missing, whole, where(empty, -math.inf, whole + log1mexp(gap)))


def _log_density(y: Any, a: Any, b: Any) -> Any:
    return -0.5 * (y * y) - _LOG_ROOT - _log_mass(a, b)


def _log_left(y: Any, a: Any, b: Any) -> Any:
    return _log_mass(a, y) - _log_mass(a, b)


def _log_right(y: Any, a: Any, b: Any) -> Any:
    return _log_mass(y, b) - _log_mass(a, b)


def _log_of_most(p: Any, complement: Any) -> Any:
    """The logarithm `p` of a probability, from that of its complement where the probability is nearly 1."""
    most = p > -0.1
    return where(most, log1mexp(where(most, -complement, 1)), p)


_FAMILY = Continuous("truncnorm", lower=lambda a, b: a, upper=lambda a, b: b, valid=lambda a, b: a < b)
_logpdf, _pdf = _FAMILY.densities(_log_density)
_cdf = _FAMILY.function("cdf", lambda y, a, b: exp(_log_left(y, a, b)))
_sf = _FAMILY.function("sf", lambda y, a, b: exp(_log_right(y, a, b)))
_logcdf = _FAMILY.function("logcdf", lambda y, a, b: _log_of_most(_log_left(y, a, b), _log_right(y, a, b)))
_logsf = _FAMILY.function("logsf", lambda y, a, b: _log_of_most(_log_right(y, a, b), _log_left(y, a, b)))


def logpdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0, -1.0, 1.0):.6f} {logpdf(31.0, 30.0, 31.0):.6f}", logpdf(2.0, -1.0, 1.0))
    -0.537223 -27.097695 -inf
    """
    return _logpdf(x, a, b, loc, scale)


def pdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density.

    >>> print(f"{pdf(0.0, -1.0, 1.0):.6f}", pdf(2.0, -1.0, 1.0))
    0.584369 0.0
    """
    return _pdf(x, a, b, loc, scale)


def cdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The distribution function.

    >>> print(f"{cdf(0.0, -1.0, 1.0):.6f} {cdf(0.0, -1.0, 2.0):.6f}")
    0.500000 0.416989
    """
    return _cdf(x, a, b, loc, scale)


def logcdf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the distribution function.

    >>> print(f"{logcdf(30.0, 29.0, 31.0):.6g}")
    -1.4915e-13
    """
    return _logcdf(x, a, b, loc, scale)


def sf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The survival function.

    >>> print(f"{sf(30.0, 29.0, 31.0):.6g}")
    1.4915e-13
    """
    return _sf(x, a, b, loc, scale)


def logsf(x: Any, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the survival function.

    >>> print(f"{logsf(30.0, 29.0, 31.0):.6f}")
    -29.533824
    """
    return _logsf(x, a, b, loc, scale)
