"""The Dirichlet distribution of positive vectors of sum 1: density ``prod(x**(alpha - 1)) / B(alpha)``; ``alpha > 0``.

The coordinates are the first axis of x, as in SciPy; the last coordinate may be left out. Johnson, Kotz, Balakrishnan, "Continuous
Multivariate Distributions" 1 (2000), chapter 49.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp
from functrans.numpy.joining import concatenate
from functrans.numpy.reductions import all as all_
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import absolute
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.scipy.special import gammaln
from functrans.scipy.stats.families import refuse_complex
from functrans.scipy.stats.logarithms import log_power

__all__ = ["logpdf", "pdf"]

_TOLERANCE = 1e-6
"""By how much the sum of the coordinates may differ from 1."""


@jit
def _log_density(x: Any, alpha: Any) -> Any:
    count = typeof(alpha).shape[0]
    if typeof(x).shape[0] != count:
        x = concatenate([x, 1 - sum_(x, 0, keepdims=True)])
    alpha = alpha.reshape(alpha.shape + (1,) * (x.ndim - 1))
    inside = all_(x >= 0, 0) & (absolute(sum_(x, 0) - 1) <= _TOLERANCE)
    powers = log_power(where(inside, x, 1 / count), alpha - 1)
    out = where(inside, sum_(powers, 0) + gammaln(sum_(alpha)) - sum_(gammaln(alpha)), -math.inf)
    return where(all_(alpha > 0) & all_(x == x, 0), out, math.nan)


def _operands(name: str, x: Any, alpha: Any) -> list[Any]:
    x, alpha = promote_inexact(asarray_internal(x), asarray_internal(alpha))
    refuse_complex(name, x, alpha)
    shape, shapes = typeof(x).shape, typeof(alpha).shape
    if len(shapes) != 1 or not shapes[0]:
        raise ValueError(f"{name}: alpha must be a vector with an element or more; got shape {shapes}, at "
                         f"{describe(user_source())}. Use vmap for many of them.")
    if not shape or shape[0] not in (shapes[0], shapes[0] - 1):
        raise ValueError(f"{name}: the first axis of x must have the size of alpha, {shapes[0]}, or one less; got shape {shape}, at "
                         f"{describe(user_source())}.")
    return [x, alpha]


def logpdf(x: Any, alpha: Any) -> Any:
    """The logarithm of the density.

    Args:
        x: ``[n, ...]``, or ``[n - 1, ...]`` where the last coordinate is what lacks to 1.
        alpha: the positive parameters ``[n]``.

    Returns:
        ``[...]``; -inf where a coordinate is negative or the sum is not 1 (to 1e-6), nan where a parameter is not positive.

    Raises:
        ValueError: for other shapes, and for complex numbers.

    >>> print(f"{logpdf([0.25, 0.75], [1.0, 2.0]):.6f}", logpdf([0.25, 0.25], [1.0, 2.0]))
    0.405465 -inf
    """
    return _log_density(*_operands("dirichlet.logpdf", x, alpha))


def pdf(x: Any, alpha: Any) -> Any:
    """The density; arguments and errors as of `logpdf`.

    >>> print(f"{pdf([0.25], [1.0, 2.0]):.6f}", pdf([0.25, 0.25], [1.0, 2.0]))
    1.500000 0.0
    """
    return exp(_log_density(*_operands("dirichlet.pdf", x, alpha)))
