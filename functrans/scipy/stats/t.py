"""Student's t distribution of `df` degrees of freedom: density ``(1 + y**2 / df)**(-(df + 1) / 2) / (sqrt(df) B(df / 2, 1 / 2))``
with ``y = (x - loc) / scale``; ``df > 0``, and the normal distribution where df is inf.

Operands, dtypes and errors as `functrans.scipy.stats` says. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 2
(1995), chapter 28.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.numpy.choice import where
from functrans.numpy.elementary import log
from functrans.numpy.ufuncs import sqrt
from functrans.scipy.special import betaln
from functrans.scipy.stats.families import Continuous
from functrans.scipy.stats.logarithms import log1p_square

__all__ = ["logpdf", "pdf"]


def _log_density(y: Any, df: Any) -> Any:
    normal = df == math.inf
    n = where(normal, 1.0, df)
    student = -0.5 * (n + 1) * log1p_square(y / sqrt(n)) - 0.5 * log(n) - betaln(n / 2, 0.5)
    return where(normal, -0.5 * (y * y) - 0.5 * math.log(2 * math.pi), student)


_FAMILY = Continuous("t", valid=lambda df: df > 0)
_logpdf, _pdf = _FAMILY.densities(_log_density)


def logpdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density.

    >>> print(f"{logpdf(0.0, 1.0):.6f}")
    -1.144730
    """
    return _logpdf(x, df, loc, scale)


def pdf(x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density.

    >>> print(f"{pdf(0.0, 1.0):.6f}")
    0.318310
    """
    return _pdf(x, df, loc, scale)
