"""The Poisson distribution: mass ``mu**k exp(-mu) / k!`` at k = 0, 1, ...; ``mu >= 0``.

The distribution function at k is the upper incomplete gamma function of ``k + 1`` and mu. The entropy is the sum of its terms where
mu is below 40 (those from k = 128 on are below rounding), and an asymptotic series from there on, whose coefficients follow from
Stirling's series of ``log(k!)`` and the central moments; its first omitted term is below 1e-16. Operands, dtypes and errors as
`functrans.scipy.stats` says. DLMF 8.2, 5.11; R. J. Evans, J. Boersma, N. M. Blachman, A. A. Jagers, "The Entropy of a Poisson
Distribution" (1988).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, log
from functrans.numpy.reductions import sum as sum_
from functrans.scipy.special import gammaincc, gammaln
from functrans.scipy.special_stirling import SMALLEST, poisson_terms
from functrans.scipy.stats.families import Lattice, compiled
from functrans.scipy.stats.logarithms import log_power

__all__ = ["cdf", "entropy", "logpmf", "pmf"]


def _log_mass(k: Any, mu: Any) -> Any:
    """Of large k by terms that do not cancel, as the logarithms would."""
    large = (k >= SMALLEST) & (mu > 0)
    by_terms = poisson_terms(where(large, k, SMALLEST), where(large, mu, SMALLEST))
    k, mu = where(large, 0.0, k), where(large, 1.0, mu)
    return where(large, by_terms, log_power(mu, k) - mu - gammaln(k + 1))


_FAMILY = Lattice("poisson", lambda mu: mu >= 0)
_logpmf, _pmf = _FAMILY.masses(_log_mass)
_cdf = _FAMILY.cumulative(lambda k, mu: gammaincc(k + 1, mu))

_LARGE, _TERMS = 40.0, 128
_SERIES = (-1 / 12, -1 / 24, -19 / 360, -9 / 80, -863 / 2520, -1375 / 1008, -33953 / 5040, -57281 / 1440, -3250433 / 11880,
           -378351 / 176, -13695779093 / 720720, -24466579093 / 131040, -132282840127 / 65520)
"""Coefficients of ``mu**-1, mu**-2, ...``."""


def _entropy_series(mu: Any) -> Any:
    total: Any = 0.0
    for c in reversed(_SERIES):
        total = (total + c) / mu
    return 0.5 * log(mu) + (0.5 * math.log(2 * math.pi * math.e) + total)


def _entropy_sum(mu: Any) -> Any:
    k = np.arange(_TERMS)
    factorials = np.array([math.lgamma(n + 1) for n in k])
    dtype = typeof(mu).dtype
    mu = mu[..., None]
    logarithm = k.astype(dtype) * log(mu) - mu - factorials.astype(dtype)
    nothing = logarithm < -80
    logarithm = where(nothing, -1, logarithm)
    return -sum_(where(nothing, 0, exp(logarithm) * logarithm), -1)


def _entropy_of(mu: Any, loc: Any) -> Any:
    small, large = (mu > 0) & (mu < _LARGE), mu >= _LARGE
    by_sum = _entropy_sum(where(small, mu, 1.0))
    by_series = _entropy_series(where(large, mu, _LARGE))
    out = where(small, by_sum, where(large, by_series, where(mu == 0, 0, math.nan)))
    return where(loc == loc, out, math.nan)


_entropy = compiled("poisson.entropy", _entropy_of)


def logpmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(logpmf(1, 1.0), logpmf(-1, 1.0), logpmf(0.5, 1.0))
    -1.0 -inf -inf
    """
    return _logpmf(k, mu, loc)


def pmf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(1, 1.0):.6f}", pmf(-1, 1.0))
    0.367879 0.0
    """
    return _pmf(k, mu, loc)


def cdf(k: Any, mu: Any, loc: Any = 0) -> Any:
    """The distribution function at any real k.

    >>> print(f"{cdf(1.5, 1.0):.6f}")
    0.735759
    """
    return _cdf(k, mu, loc)


def entropy(mu: Any, loc: Any = 0) -> Any:
    """The entropy in nats, the sum of ``-pmf log(pmf)``; `loc` does not change it.

    >>> print(entropy(0.0), f"{entropy(1.0):.6f} {entropy(100.0):.6f}")
    0.0 1.304842 3.720686
    """
    return _entropy(mu, loc)
