"""The beta-binomial distribution, a `binom` of n trials whose probability is a beta variable of shapes a and b.

The mass is ``C(n, k) B(k + a, n - k + b) / B(a, b)`` at k = 0, ..., n; n is whole and not negative, ``a, b > 0``. Operands, dtypes and
errors as `functrans.scipy.stats` says. N. L. Johnson, A. W. Kemp, S. Kotz, "Univariate Discrete Distributions" (2005), 6.2.
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log
from functrans.numpy.ufuncs import minimum
from functrans.scipy.special import betaln
from functrans.scipy.special_stirling import SMALLEST, binomial_terms
from functrans.scipy.stats.binom import is_count, log_binomial
from functrans.scipy.stats.families import Lattice

__all__ = ["logpmf", "pmf"]

def _log_mass(k: Any, n: Any, a: Any, b: Any) -> Any:
    """Of large counts and shapes by the terms of three binomial masses of one p, whose powers cancel."""
    large = minimum(minimum(k, n - k), minimum(a, b)) >= SMALLEST
    i, j, c, d = (where(large, v, SMALLEST) for v in (k, n - k, a, b))
    above, below = c + i, d + j
    p, q = above / (above + below), below / (above + below)
    masses = binomial_terms(i, j, p, q) + binomial_terms(c, d, p, q) - binomial_terms(above, below, p, q)
    by_terms = masses + log(c / above) + log(d / below) + log((above + below) / (c + d))
    k, n, a, b = where(large, 0.0, k), where(large, 0.0, n), where(large, 1.0, a), where(large, 1.0, b)
    return where(large, by_terms, log_binomial(n, k) + betaln(k + a, n - k + b) - betaln(a, b))


_FAMILY = Lattice("betabinom", lambda n, a, b: is_count(n) & (a > 0) & (b > 0), upper=lambda n, a, b: n)
_logpmf, _pmf = _FAMILY.masses(_log_mass)


def logpmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(f"{logpmf(2, 4, 1.0, 1.0):.6f}", logpmf(5, 4, 1.0, 1.0))
    -1.609438 -inf
    """
    return _logpmf(k, n, a, b, loc)


def pmf(k: Any, n: Any, a: Any, b: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(2, 4, 1.0, 1.0):.6f}", pmf(5, 4, 1.0, 1.0))
    0.200000 0.0
    """
    return _pmf(k, n, a, b, loc)
