"""Points, vectors and matrices: distributions made of several of the others."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.numpy as fnp
from functrans.arguments import among
from functrans.core.trace import typeof
from functrans.numpy.util import promote_inexact
from functrans.random.arguments import Shape, checked_shape, concrete_int, float_dtype, joined_shape, refuse, shape_of
from functrans.random.bits import split_key
from functrans.random.continuous import exponentials
from functrans.random.discrete import signs
from functrans.random.gamma import generalized_normals
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import check_key, typed
from functrans.random.normal import maxwells, normals

__all__ = ["ball", "double_sided_maxwell", "multivariate_normal", "orthogonal"]


@jitted("d", "shape", "dtype")
def _ball(key: Any, p: Any, d: int, shape: Shape, dtype: np.dtype) -> Any:
    keys = split_key(typed(key))
    g = generalized_normals(keys[0], p, (*shape, d), dtype)
    radius = (fnp.sum(fnp.abs(g) ** p, axis=-1) + exponentials(keys[1], shape, dtype)) ** (1 / p)
    return g / radius[..., None]


def ball(key: Any, d: int, p: Any = 2, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Points of the unit ball of the p-norm in `d` dimensions, evenly distributed: an array of shape (*shape, d).

    F. Barthe, O. Guédon, S. Mendelson, A. Naor, "A probabilistic approach to the geometry of the l_p^n-ball" (2005).

    >>> from functrans.random import key
    >>> ball(key(0), 3, shape=(5,)).shape
    (5, 3)
    """
    check_key("ball", key)
    shape = checked_shape("ball", shape)
    return _ball(key, p, d=concrete_int("ball", "the dimension d", d), shape=shape, dtype=float_dtype("ball", dtype))


@sampler
def _double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Shape, dtype: np.dtype) -> Any:
    keys = split_key(typed(key))
    return signs(keys[1], shape, dtype) * maxwells(keys[0], shape, dtype) * scale + loc


def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None) -> Any:
    """``loc + scale * x`` of numbers x whose absolute values have Maxwell's distribution.

    The result has shape ``shape + s``, where s is the shape that `loc` and `scale` broadcast to; an empty `shape` counts as s.

    >>> from functrans.random import key
    >>> double_sided_maxwell(key(0), 0.0, 2.0, (3,)).shape
    (3,)
    """
    check_key("double_sided_maxwell", key)
    params = joined_shape("double_sided_maxwell", None, loc, scale)
    whole = (checked_shape("double_sided_maxwell", shape) or params) + params
    return _double_sided_maxwell(key, loc, scale, shape=whole, dtype=float_dtype("double_sided_maxwell", dtype))


# -- normal vectors ---------------------------------------------------------------------------------------------------

def _factor(cov: Any, method: str) -> Any:
    """A matrix F with ``F F^T = cov``."""
    if method == "cholesky":
        return fnp.linalg.cholesky(cov)
    if method == "eigh":
        values, vectors = fnp.linalg.eigh(cov)
    else:
        vectors, values, _ = fnp.linalg.svd(cov)
    return vectors * fnp.sqrt(values[..., None, :])


@jitted("shape", "dtype", "method")
def _multivariate_normal(key: Any, mean: Any, cov: Any, shape: Shape, dtype: np.dtype, method: str) -> Any:
    x = normals(typed(key), (*shape, shape_of(mean)[-1]), dtype)
    return mean + fnp.einsum("...ij,...j->...i", _factor(cov, method), x)


def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None, method: str = "cholesky", *, out_sharding: Any = None,
) -> Any:
    """Normal vectors of the given mean and covariance: an array of shape (*shape, n).

    Args:
        mean: shape (..., n).
        cov: shape (..., n, n), symmetric and positive (semi-, unless the method is "cholesky") definite.
        shape: to which the leading axes of both broadcast; by default the shape that they broadcast to.
        method: the factorization of the covariance, "cholesky" (the fastest), "eigh" or "svd".

    Raises:
        ValueError: where the shapes do not fit, or the method is another.

    >>> from functrans.random import key
    >>> multivariate_normal(key(0), np.zeros(2), np.eye(2), (3,)).shape
    (3, 2)
    """
    check_key("multivariate_normal", key)
    if not among(method, ("svd", "eigh", "cholesky")):
        refuse(ValueError, f"multivariate_normal: method must be one of 'svd', 'eigh', 'cholesky', got {method!r}")
    mean, cov = promote_inexact(mean, cov)
    of_mean, of_cov = shape_of(mean), shape_of(cov)
    if not of_mean:
        refuse(ValueError, "multivariate_normal requires mean.ndim >= 1, got mean.ndim == 0")
    if of_cov[-2:] != 2 * of_mean[-1:]:
        refuse(ValueError, f"multivariate_normal requires cov.shape == (..., n, n) for n={of_mean[-1]}, but got cov.shape == {of_cov}")
    dtype = typeof(mean).dtype if dtype is None else float_dtype("multivariate_normal", dtype)
    rest = (np.broadcast_to(np.False_, s) for s in (of_mean[:-1], of_cov[:-2]))
    return _multivariate_normal(key, mean, cov, shape=joined_shape("multivariate_normal", shape, *rest), dtype=dtype, method=method)


@jitted("rows", "columns", "shape", "dtype")
def _orthogonal(key: Any, rows: int, columns: int, shape: Shape, dtype: np.dtype) -> Any:
    x = normals(typed(key), (*shape, max(rows, columns), min(rows, columns)), dtype)
    q, r = fnp.linalg.qr(x)
    q = q * fnp.expand_dims(fnp.sign(fnp.diagonal(r, axis1=-2, axis2=-1)), -2)
    return fnp.matrix_transpose(q) if rows < columns else q


def orthogonal(
    key: Any, n: int, shape: Any = (), dtype: Any = None, m: int | None = None, *, out_sharding: Any = None,
) -> Any:
    """Orthogonal matrices, evenly distributed (by Haar's measure): an array of shape (*shape, n, m).

    By default m is n; otherwise the rows or the columns, whichever are fewer, are orthonormal.

    F. Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    >>> from functrans.random import key
    >>> q = orthogonal(key(0), 3)
    >>> bool(fnp.allclose(q @ q.T, fnp.eye(3)))
    True
    """
    check_key("orthogonal", key)
    shape = checked_shape("orthogonal", shape)
    rows = concrete_int("orthogonal", "n", n)
    columns = rows if m is None else concrete_int("orthogonal", "m", m)
    return _orthogonal(key, rows=rows, columns=columns, shape=shape, dtype=float_dtype("orthogonal", dtype, "fc"))
