"""The multivariate normal distribution of a mean and a covariance.

With the Cholesky factor l of the covariance and the solution z of ``l @ z = x - mean``, the logarithm of the density is
``-(z @ z + n log(2 pi)) / 2 - sum(log(diag(l)))``. G. H. Golub, C. F. Van Loan, "Matrix Computations" (2013), 4.2.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.contraction import diagonal
from functrans.numpy.elementary import exp, log
from functrans.numpy.manipulation import broadcast_to, moveaxis
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.util import asarray_internal, broadcast_shapes_internal, promote_inexact
from functrans.scipy.linalg import cholesky, solve_triangular
from functrans.scipy.stats import norm
from functrans.scipy.stats.families import refuse_complex

__all__ = ["logpdf", "pdf"]


def whiten(factor: Any, difference: Any) -> Any:
    """The solutions z of ``factor @ z = difference`` for lower triangles ``[..., n, n]`` and vectors ``[..., n]``, broadcast.

    >>> import numpy as np
    >>> whiten(np.array([[2.0]]), np.array([[4.0], [6.0]]))
    Array([[2.],
           [3.]], dtype=float64)
    """
    shape = typeof(difference).shape
    if typeof(factor).ndim == 2:
        columns = moveaxis(difference, -1, 0).reshape(shape[-1], math.prod(shape[:-1]))
        solved = solve_triangular(factor, columns, lower=True)
        return moveaxis(solved.reshape(shape[-1], *shape[:-1]), 0, -1)
    batch = broadcast_shapes_internal("multivariate_normal", [typeof(factor).shape[:-2], shape[:-1]])
    factor = broadcast_to(factor, (*batch, shape[-1], shape[-1]))
    return solve_triangular(factor, broadcast_to(difference, (*batch, shape[-1]))[..., None], lower=True)[..., 0]


@jit
def _log_density(x: Any, mean: Any, cov: Any) -> Any:
    difference = x - mean
    n = typeof(difference).shape[-1]
    if not typeof(cov).shape:
        return -0.5 * sum_(difference * difference, -1) / cov - 0.5 * n * (math.log(2 * math.pi) + log(cov))
    factor = cholesky(cov, lower=True)
    z = whiten(factor, difference)
    return -0.5 * (sum_(z * z, -1) + n * math.log(2 * math.pi)) - sum_(log(diagonal(factor, axis1=-2, axis2=-1)), -1)


def _dispatch(name: str, x: Any, mean: Any, cov: Any) -> Any:
    x, mean, cov = promote_inexact(asarray_internal(x), asarray_internal(mean), asarray_internal(cov))
    refuse_complex(name, x, mean, cov)
    points, center, spread = (typeof(v).shape for v in (x, mean, cov))
    if not center and not spread:
        return norm.logpdf(x, mean, cov ** 0.5)
    size = center[-1] if center else spread[-1]
    if spread and (len(spread) < 2 or spread[-2:] != (size, size)):
        raise ValueError(f"{name}: cov must be a number or have shape (..., {size}, {size}), as the mean of shape {center} has {size} "
                         f"coordinates; got shape {spread}, at {describe(user_source())}. For variances alone pass diag(cov).")
    if not points or points[-1] not in (1, size):
        raise ValueError(f"{name}: the last axis of x must have size {size}; got shape {points}, at {describe(user_source())}.")
    broadcast_shapes_internal(name, [points[:-1], center[:-1], spread[:-2]])
    return _log_density(x, mean, cov)


def logpdf(x: Any, mean: Any, cov: Any, allow_singular: None = None) -> Any:
    """The logarithm of the density.

    Args:
        x: points ``[..., n]``.
        mean: ``[..., n]``, or a number (then each element of x is a point, unless cov is a matrix).
        cov: positive definite matrices ``[..., n, n]``, or a number that multiplies the identity. Leading axes broadcast.
        allow_singular: not supported: None or False.

    Returns:
        ``[...]``; nan where a covariance is not positive definite.

    Raises:
        NotImplementedError: for `allow_singular`.
        ValueError: for shapes that do not fit, and for complex numbers.

    >>> import numpy as np
    >>> print(f"{logpdf(np.zeros(2), np.zeros(2), np.eye(2)):.6f}")
    -1.837877
    """
    if allow_singular:
        raise NotImplementedError(f"multivariate_normal.logpdf: allow_singular is not supported, at {describe(user_source())}. A singular "
                                  "covariance has no density; leave out dependent coordinates.")
    return _dispatch("multivariate_normal.logpdf", x, mean, cov)


def pdf(x: Any, mean: Any, cov: Any) -> Any:
    """The density; arguments and errors as of `logpdf`.

    >>> import numpy as np
    >>> print(f"{pdf(np.zeros(2), np.zeros(2), np.eye(2)):.6f}")
    0.159155
    """
    return exp(_dispatch("multivariate_normal.pdf", x, mean, cov))
