"""The binomial distribution, the number of successes in n trials: mass ``C(n, k) p**k (1 - p)**(n - k)`` at k = 0, ..., n.

n is whole and not negative, ``0 <= p <= 1``. Operands, dtypes and errors as `functrans.scipy.stats` says. DLMF 26.3.
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log1p
from functrans.numpy.ufuncs import floor, minimum
from functrans.scipy.special import betaln
from functrans.scipy.special_stirling import SMALLEST, binomial_terms
from functrans.scipy.stats.families import Lattice
from functrans.scipy.stats.logarithms import log_power, log_power1m

__all__ = ["logpmf", "pmf"]


def is_count(n: Any) -> Any:
    """Whether `n` is whole and not negative.

    >>> bool(is_count(3.0)), bool(is_count(2.5))
    (True, False)
    """
    return (n >= 0) & (floor(n) == n)


def log_binomial(n: Any, k: Any) -> Any:
    """The logarithm of the binomial coefficient, ``1 / ((n + 1) B(n - k + 1, k + 1))``.

    >>> print(f"{log_binomial(4.0, 2.0):.6f}")
    1.791759
    """
    return -log1p(n) - betaln(n - k + 1, k + 1)


def _log_mass(k: Any, n: Any, p: Any) -> Any:
    """Of many successes and failures by terms that do not cancel, as the logarithms would."""
    large = (minimum(k, n - k) >= SMALLEST) & (p > 0) & (p < 1)
    a, b, q = where(large, k, SMALLEST), where(large, n - k, SMALLEST), where(large, p, 0.5)
    by_terms = binomial_terms(a, b, q, 1 - q)
    k, n, p = where(large, 0.0, k), where(large, 0.0, n), where(large, 0.5, p)
    return where(large, by_terms, log_binomial(n, k) + log_power(p, k) + log_power1m(p, n - k))


_FAMILY = Lattice("binom", lambda n, p: is_count(n) & (p >= 0) & (p <= 1), upper=lambda n, p: n)
_logpmf, _pmf = _FAMILY.masses(_log_mass)


def logpmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(f"{logpmf(2, 4, 0.5):.6f}", logpmf(5, 4, 0.5))
    -0.980829 -inf
    """
    return _logpmf(k, n, p, loc)


def pmf(k: Any, n: Any, p: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(2, 4, 0.5):.6f}", pmf(5, 4, 0.5))
    0.375000 0.0
    """
    return _pmf(k, n, p, loc)
