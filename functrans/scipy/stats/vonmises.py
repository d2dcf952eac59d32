"""The von Mises distribution of angles: density ``exp(kappa cos(x)) / (2 pi I_0(kappa))``, for every x; ``kappa >= 0``.

With the scaled Bessel function ``exp(-kappa) I_0(kappa)`` and ``cos(x) - 1 = -2 sin(x / 2)**2`` nothing overflows or cancels.
Operands, dtypes and errors as `functrans.scipy.stats` says. K. V. Mardia, P. E. Jupp, "Directional Statistics" (2000).
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.elementary import log, sin
from functrans.scipy.special import i0e
from functrans.scipy.stats.families import Continuous

__all__ = ["logpdf", "pdf"]


def _log_density(y: Any, kappa: Any) -> Any:
    half = sin(y / 2)
    return -2 * kappa * (half * half) - log(i0e(kappa)) - math.log(2 * math.pi)


_FAMILY = Continuous("vonmises", valid=lambda kappa: kappa >= 0)
_logpdf, _pdf = _FAMILY.densities(_log_density)


def logpdf(x: Any, kappa: Any) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0, 2.0):.6f}")
    -0.661871
    """
    return _logpdf(x, kappa, 0, 1)


def pdf(x: Any, kappa: Any) -> Any:
    """The density.

    >>> print(f"{pdf(1.0, 0.0):.6f}")
    0.159155
    """
    return _pdf(x, kappa, 0, 1)
