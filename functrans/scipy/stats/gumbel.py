"""Standard forms of the Gumbel distribution with the distribution function ``exp(-exp(-y))``.

`gumbel_r` scales and shifts them; `gumbel_l` takes their mirror image. Left of -30 the distribution function is 0 to every float, and
``exp(-y)`` grows past all floats: there probabilities are taken at -30. Right of 30 the survival function is ``exp(-y) (1 - exp(-y) / 2)``
to rounding. Johnson, Kotz, Balakrishnan, "Continuous Univariate Distributions" 2 (1995), chapter 22.
"""

from __future__ import annotations

from typing import Any

from functrans.nn.activations import log1mexp
from functrans.numpy.choice import clip, where
from functrans.numpy.elementary import exp, expm1, log, log1p
from functrans.numpy.ufuncs import maximum

__all__ = ["cdf", "isf", "logcdf", "logpdf", "logpdf_near", "logsf", "ppf", "sf"]

_FAR = 30.0


def logpdf(y: Any) -> Any:
    """The logarithm of the density, ``-y - exp(-y)``."""
    return -y - exp(-y)


def logpdf_near(y: Any) -> Any:
    """The logarithm of the density where the density is not 0."""
    return logpdf(maximum(y, -_FAR))


def cdf(y: Any) -> Any:
    """The distribution function, ``exp(-exp(-y))``."""
    return exp(-exp(-maximum(y, -_FAR)))


def sf(y: Any) -> Any:
    """The survival function."""
    return -expm1(-exp(-maximum(y, -_FAR)))


def logcdf(y: Any) -> Any:
    """The logarithm of the distribution function."""
    return -exp(-y)


def logsf(y: Any) -> Any:
    """The logarithm of the survival function."""
    far = y > _FAR
    tail = where(far, y, _FAR)
    return where(far, -tail - exp(-tail) / 2, log1mexp(exp(-clip(y, -_FAR, _FAR))))


def ppf(q: Any) -> Any:
    """The quantile function."""
    return -log(-log(q))


def isf(q: Any) -> Any:
    """The inverse of the survival function."""
    return -log(-log1p(-q))
