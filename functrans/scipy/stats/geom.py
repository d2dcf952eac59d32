"""The geometric distribution, the number of trials up to the first success: mass ``p (1 - p)**(k - 1)`` at k = 1, 2, ...; ``0 < p <= 1``.

Operands, dtypes and errors as `functrans.scipy.stats` says.
"""

from __future__ import annotations

from typing import Any

from functrans.numpy.elementary import log
from functrans.scipy.stats.families import Lattice
from functrans.scipy.stats.logarithms import log_power1m

__all__ = ["logpmf", "pmf"]

_FAMILY = Lattice("geom", lambda p: (p > 0) & (p <= 1), lower=1.0)
_logpmf, _pmf = _FAMILY.masses(lambda k, p: log(p) + log_power1m(p, k - 1))


def logpmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """The logarithm of the mass at k.

    >>> print(f"{logpmf(2, 0.5):.6f}", logpmf(0, 0.5))
    -1.386294 -inf
    """
    return _logpmf(k, p, loc)


def pmf(k: Any, p: Any, loc: Any = 0) -> Any:
    """The mass at k.

    >>> print(f"{pmf(2, 0.5):.6f}", pmf(0, 0.5))
    0.250000 0.0
    """
    return _pmf(k, p, loc)
