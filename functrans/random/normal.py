"""The normal distribution and what is made of normal numbers.

A normal number is the quantile of a uniform one in (-1, 1): ``sqrt(2) erf_inv(u)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.dtypes import real_dtype
from functrans.core.trace import typeof
from functrans.primitives.erf_inv_giles import erf_inv_giles_p
from functrans.random.arguments import Shape, check_params, checked_shape, float_dtype, joined_shape
from functrans.random.bits import split_key
from functrans.random.jitted import sampler
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.uniform import between, unit

__all__ = ["lognormal", "maxwell", "maxwells", "normal", "normals", "truncated_normal", "wald"]


def normals(key: KeyArray, shape: Shape, dtype: np.dtype) -> Any:
    """Normal numbers, as part of a larger program. Those of a complex dtype have parts of variance 1/2."""
    if dtype.kind == "c":
        re, im = (normals(split_key(key)[i], shape, real_dtype(dtype)) for i in range(2))
        return lax.complex(re, im) / dtype.type(math.sqrt(2))
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    return dtype.type(math.sqrt(2)) * _quantile(between(key, shape, dtype, low, dtype.type(1)))


def _quantile(u: Any) -> Any:
    """The inverse error function; that of half precision is computed in single."""
    dtype = typeof(u).dtype
    wide = np.promote_types(dtype, np.float32)
    return lax.convert_element_type(erf_inv_giles_p.bind(lax.convert_element_type(u, wide)), dtype)


@sampler
def _normal(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return normals(typed(key), shape, dtype)


@sampler
def _truncated(key: Any, lower: Any, upper: Any, shape: Shape, dtype: np.dtype) -> Any:
    root = dtype.type(math.sqrt(2))
    lower, upper = (fnp.broadcast_to(lax.convert_element_type(x, dtype), shape) for x in (lower, upper))
    u = between(typed(key), shape, dtype, lax.erf(lower / root), lax.erf(upper / root))
    inside = [lax.nextafter(lax.stop_gradient(x), fnp.full(shape, end, dtype)) for x, end in ((lower, math.inf), (upper, -math.inf))]
    return fnp.clip(root * _quantile(u), *inside)


@sampler
def _lognormal(key: Any, sigma: Any, shape: Shape, dtype: np.dtype) -> Any:
    return fnp.exp(normals(typed(key), shape, dtype) * lax.convert_element_type(sigma, dtype))


def maxwells(key: KeyArray, shape: Shape, dtype: np.dtype) -> Any:
    """Maxwell numbers, as part of a larger program."""
    return fnp.sqrt(fnp.sum(fnp.square(normals(key, (*shape, 3), dtype)), axis=-1))


@sampler
def _maxwell(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return maxwells(typed(key), shape, dtype)


@sampler
def _wald(key: Any, mean: Any, shape: Shape, dtype: np.dtype) -> Any:
    """By J. R. Michael, W. R. Schucany, R. W. Haas (1976): one of the two roots of a quadratic in a squared normal."""
    keys = split_key(typed(key))
    mean = fnp.broadcast_to(lax.convert_element_type(mean, dtype), shape)
    y = fnp.square(normals(keys[0], shape, dtype))
    square = fnp.square(mean)
    x = mean + square * y / 2 - mean / 2 * fnp.sqrt(4 * mean * y + square * fnp.square(y))
    return fnp.where(unit(keys[1], shape, dtype) <= mean / (mean + x), x, square / x)


def normal(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the standard normal distribution; of a complex dtype, with independent parts of variance 1/2.

    >>> from functrans.random import key
    >>> print(normal(key(0), (2,), "float32"))
    [1.6226422 2.0252647]
    """
    check_key("normal", key)
    return _normal(key, shape=checked_shape("normal", shape), dtype=float_dtype("normal", dtype, "fc"))


def truncated_normal(
    key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None,
) -> Any:
    """Standard normal numbers given that they are between `lower` and `upper`, which broadcast to `shape`.

    >>> from functrans.random import key
    >>> print(truncated_normal(key(0), -1.0, 1.0, (2,), "float32"))
    [0.8618594 0.9412883]
    """
    check_key("truncated_normal", key)
    dtype = float_dtype("truncated_normal", dtype)
    return _truncated(key, lower, upper, shape=joined_shape("truncated_normal", shape, lower, upper), dtype=dtype)


def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """The exponential of normal numbers of standard deviation `sigma`, which broadcasts to `shape`.

    >>> from functrans.random import key
    >>> lognormal(key(0), 0.5, (3,)).shape
    (3,)
    """
    check_key("lognormal", key)
    dtype = float_dtype("lognormal", dtype, "fc")
    shape = joined_shape("lognormal", shape, sigma)
    check_params("lognormal", dtype, sigma)
    return _lognormal(key, sigma, shape=shape, dtype=dtype)


def maxwell(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """The lengths of vectors of three standard normal numbers.

    >>> from functrans.random import key
    >>> maxwell(key(0), (3,)).shape
    (3,)
    """
    check_key("maxwell", key)
    return _maxwell(key, shape=checked_shape("maxwell", shape), dtype=float_dtype("maxwell", dtype))


def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Wald's (the inverse Gaussian) distribution of the given mean and shape 1; `mean` broadcasts to `shape`.

    >>> from functrans.random import key
    >>> wald(key(0), 2.0, (3,)).shape
    (3,)
    """
    check_key("wald", key)
    dtype = float_dtype("wald", dtype)
    shape = joined_shape("wald", shape, mean)
    check_params("wald", dtype, mean)
    return _wald(key, mean, shape=shape, dtype=dtype)
