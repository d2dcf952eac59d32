"""The wrapped Cauchy distribution of angles in [0, 2 pi]: density ``(1 - c**2) / (2 pi (1 + c**2 - 2 c cos(x)))``; ``0 < c < 1``.

The denominator is ``(1 - c)**2 + 4 c sin(x / 2)**2``, a sum of positive terms. Operands, dtypes and errors as `functrans.scipy.stats`
says. K. V. Mardia, P. E. Jupp, "Directional Statistics" (2000).
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.elementary import log, log1p, sin
from functrans.scipy.stats.families import Continuous

__all__ = ["logpdf", "pdf"]


def _log_density(y: Any, c: Any) -> Any:
    half, rest = sin(y / 2), 1 - c
    return log(rest) + log1p(c) - math.log(2 * math.pi) - log(rest * rest + 4 * c * (half * half))


_FAMILY = Continuous("wrapcauchy", lower=0.0, upper=2 * math.pi, valid=lambda c: (c > 0) & (c < 1))
_logpdf, _pdf = _FAMILY.densities(_log_density)


def logpdf(x: Any, c: Any) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0, 0.5):.6f}", logpdf(-1.0, 0.5))
    -0.739265 -inf
    """
    return _logpdf(x, c, 0, 1)


def pdf(x: Any, c: Any) -> Any:
    """The density.

    >>> print(f"{pdf(0.0, 0.5):.6f}")
    0.477465
    """
    return _pdf(x, c, 0, 1)
