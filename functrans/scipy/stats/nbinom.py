"""The negative binomial distribution, the number of failures before the n-th success.

The mass is ``gamma(k + n) / (k! gamma(n)) p**n (1 - p)**k`` at k = 0, 1, ...; ``n > 0`` may be fractional, ``0 < p <= 1``. Operands,
dtypes and errors as `functrans.scipy.stats` says. N. L. Johnson, A. W. Kemp, S. Kotz, "Univariate Discrete Distributions" (2005), 5.1.
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log
from functrans.numpy.ufuncs import minimum
from functrans.scipy.special import betaln
from functrans.scipy.special_stirling import SMALLEST, binomial_terms
from functrans.scipy.stats.families import Lattice
from functrans.scipy.stats.logarithms import log_power1m

__all__ = ["logpmf", "pmf"]


def _log_mass(k: Any, n: Any, p: Any) -> Any:
    """Of many successes and failures by terms that do not cancel, as the logarithms would."""
    large = (minimum(k, n) >= SMALLEST) & (p < 1)
    a, b, q = where(large, n, SMALLEST), where(large, k, SMALLEST), where(large, p, 0.5)
    by_terms = binomial_terms(a, b, q, 1 - q) + log(a / (a + b))
    k, n, p = where(large, 0.0, k), where(large, 1.0, n), where(large, 0.5, p)
    return where(large, by_terms, n * log(p) + log_power1m(p, k) - log(k + n) - betaln(k + 1, n))


_FAMILY = Lattice("nbinom", lambda n, p: (n > 0) & (p > 0) & (p <= 1))
_logpmf, _pmf = _FAMILY.masses(_log_mass)


def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(f"{logpmf(1, 2, 0.5):.6f}", logpmf(-1, 2, 0.5))
    -1.386294 -inf
    """
    return _logpmf(k, n, p, loc)


def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(1, 2, 0.5):.6f}", pmf(-1, 2, 0.5))
    0.250000 0.0
    """
    return _pmf(k, n, p, loc)
