"""Distributions on the line whose numbers are quantiles of uniform numbers, and the like.

Each is a formula in one uniform number (L. Devroye, "Non-Uniform Random Variate Generation", 1986, ch. II.2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.arguments import among
from functrans.core.low_precision import finfo
from functrans.random.arguments import Shape, check_params, checked_shape, float_dtype, joined_shape, refuse
from functrans.random.bits import random_bits
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.uniform import between, unit

__all__ = [
    "cauchy", "exponential", "exponentials", "gumbel", "gumbels", "laplace", "logistic", "pareto", "rayleigh", "triangular",
    "weibull_min",
]


def exponentials(key: KeyArray, shape: Shape, dtype: np.dtype) -> Any:
    """Numbers of the exponential distribution, as part of a larger program."""
    return -fnp.log1p(-unit(key, shape, dtype))


@sampler
def _exponential(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return exponentials(typed(key), shape, dtype)


@sampler
def _cauchy(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    u = between(typed(key), shape, dtype, finfo(dtype).eps, dtype.type(1))
    return fnp.tan(dtype.type(math.pi) * (u - dtype.type(0.5)))


@sampler
def _laplace(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    u = between(typed(key), shape, dtype, dtype.type(-1) + finfo(dtype).epsneg, dtype.type(1))
    return fnp.sign(u) * fnp.log1p(-fnp.abs(u))


@sampler
def _logistic(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    u = between(typed(key), shape, dtype, finfo(dtype).tiny, dtype.type(1))
    return fnp.log(u) - fnp.log1p(-u)


@sampler
def _pareto(key: Any, b: Any, shape: Shape, dtype: np.dtype) -> Any:
    return fnp.exp(exponentials(typed(key), shape, dtype) / lax.convert_element_type(b, dtype))


@sampler
def _rayleigh(key: Any, scale: Any, shape: Shape, dtype: np.dtype) -> Any:
    return lax.convert_element_type(scale, dtype) * fnp.sqrt(fnp.log(unit(typed(key), shape, dtype)) * dtype.type(-2))


@sampler
def _triangular(key: Any, left: Any, mode: Any, right: Any, shape: Shape, dtype: np.dtype) -> Any:
    left, mode, right = (lax.convert_element_type(x, dtype) for x in (left, mode, right))
    u = unit(typed(key), shape, dtype)
    rising = left + fnp.sqrt(u * (right - left) * (mode - left))
    falling = right - fnp.sqrt((1 - u) * (right - left) * (right - mode))
    return fnp.where(u < (mode - left) / (right - left), rising, falling)


@sampler
def _weibull_min(key: Any, scale: Any, concentration: Any, shape: Shape, dtype: np.dtype) -> Any:
    return fnp.power(exponentials(typed(key), shape, dtype), 1.0 / concentration) * scale


# -- Gumbel -----------------------------------------------------------------------------------------------------------

def gumbels(key: KeyArray, shape: Shape, dtype: np.dtype, mode: str) -> Any:
    """Numbers of Gumbel's distribution, ``-log(-log(u))``, as part of a larger program."""
    info = finfo(dtype)
    if mode == "highest" and dtype == np.float32:
        return _fine_gumbels(key, shape)
    if mode != "low":
        u = unit(key, (2, *shape), dtype)
        small = u[0] + dtype.type(2.0**-info.nmant) * u[1] + info.tiny
        return -fnp.log(-fnp.log1p(-fnp.where(u[0] >= 0.5, u[0], small)))
    return -fnp.log(-fnp.log(between(key, shape, dtype, info.tiny, dtype.type(1))))


def _fine_gumbels(key: KeyArray, shape: Shape) -> Any:
    """Of 64 bits each: the distance of the number u to the nearer of 0 and 1 is truncated to 24 significant bits."""
    words = lax.convert_element_type(random_bits(key, np.dtype(np.uint32), (2, *shape)), np.dtype(np.uint64))
    number = words[0] << np.uint64(32) | words[1]
    low = number < np.uint64(1 << 63)
    distance = fnp.where(low, number, ~number + np.uint64(1))
    zeros = lax.clz(distance)
    significand = lax.convert_element_type(distance << zeros >> np.uint64(40), np.dtype(np.float32))
    exponent = lax.convert_element_type(zeros, np.dtype(np.float32)) + np.float32(24)
    x = fnp.where(distance == np.uint64(0), np.float32(2.0**-65), significand * fnp.exp2(-exponent))
    return -fnp.log(fnp.where(low, -fnp.log1p(-x), -fnp.log(x)))


@jitted("shape", "dtype", "mode")
def _gumbel(key: Any, shape: Shape, dtype: np.dtype, mode: str) -> Any:
    return gumbels(typed(key), shape, dtype, mode)


def gumbel_mode(mode: str | None) -> str:
    """The mode asked for, by default "low"."""
    if mode is None:
        return "low"
    if not among(mode, ("highest", "high", "low")):
        refuse(ValueError, f"gumbel: mode must be 'low', 'high' or 'highest', got {mode!r}")
    return mode


def gumbel(key: Any, shape: Any = (), dtype: Any = None, mode: str | None = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the standard Gumbel distribution, of which the greatest of many exponential ones tends to.

    `mode` tells how many random bits the extreme values rest upon: ``"low"`` (the default) as many as the dtype has,
    ``"high"`` twice as many, ``"highest"`` in float32 with the full precision of the result.

    >>> from functrans.random import key
    >>> gumbel(key(0), (3,)).shape
    (3,)
    """
    check_key("gumbel", key)
    return _gumbel(key, shape=checked_shape("gumbel", shape), dtype=float_dtype("gumbel", dtype), mode=gumbel_mode(mode))


# -- public functions -------------------------------------------------------------------------------------------------

def exponential(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the exponential distribution of mean 1: ``-log(1 - u)``.

    >>> from functrans.random import key
    >>> exponential(key(0), (3,)).shape
    (3,)
    """
    check_key("exponential", key)
    return _exponential(key, shape=checked_shape("exponential", shape), dtype=float_dtype("exponential", dtype))


def cauchy(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the standard Cauchy distribution: ``tan(pi (u - 1/2))``.

    >>> from functrans.random import key
    >>> cauchy(key(0), (3,)).shape
    (3,)
    """
    check_key("cauchy", key)
    return _cauchy(key, shape=checked_shape("cauchy", shape), dtype=float_dtype("cauchy", dtype))


def laplace(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the standard Laplace distribution: exponential ones of both signs.

    >>> from functrans.random import key
    >>> laplace(key(0), (3,)).shape
    (3,)
    """
    check_key("laplace", key)
    return _laplace(key, shape=checked_shape("laplace", shape), dtype=float_dtype("laplace", dtype))


def logistic(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the standard logistic distribution: ``log(u / (1 - u))``.

    >>> from functrans.random import key
    >>> logistic(key(0), (3,)).shape
    (3,)
    """
    check_key("logistic", key)
    return _logistic(key, shape=checked_shape("logistic", shape), dtype=float_dtype("logistic", dtype))


def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the Pareto distribution of exponent `b`, which broadcasts to `shape`: ``u ** (-1 / b)``, 1 and above.

    >>> from functrans.random import key
    >>> pareto(key(0), np.array([1.0, 2.0]), (3, 2)).shape
    (3, 2)
    """
    check_key("pareto", key)
    dtype = float_dtype("pareto", dtype)
    shape = joined_shape("pareto", shape, b)
    check_params("pareto", dtype, b)
    return _pareto(key, b, shape=shape, dtype=dtype)


def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Lengths of vectors of two normal numbers of standard deviation `scale`, which broadcasts to `shape`.

    >>> from functrans.random import key
    >>> rayleigh(key(0), 2.0, (3,)).shape
    (3,)
    """
    check_key("rayleigh", key)
    dtype = float_dtype("rayleigh", dtype)
    shape = joined_shape("rayleigh", shape, scale)
    check_params("rayleigh", dtype, scale)
    return _rayleigh(key, scale, shape=shape, dtype=dtype)


def triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None,
) -> Any:
    """Numbers whose density rises linearly from `left` to `mode` and falls to `right`; all three broadcast to `shape`.

    >>> from functrans.random import key
    >>> triangular(key(0), 0.0, 1.0, 3.0, (3,)).shape
    (3,)
    """
    check_key("triangular", key)
    dtype = float_dtype("triangular", dtype)
    shape = joined_shape("triangular", shape, left, mode, right)
    check_params("triangular", dtype, left, mode, right)
    return _triangular(key, left, mode, right, shape=shape, dtype=dtype)


def weibull_min(key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of Weibull's distribution, ``scale * e ** (1 / concentration)`` of exponential numbers of shape `shape`.

    The parameters broadcast against them, and may enlarge the result.

    >>> from functrans.random import key
    >>> weibull_min(key(0), 1.0, 2.0, (3,)).shape
    (3,)
    """
    check_key("weibull_min", key)
    shape = checked_shape("weibull_min", shape)
    return _weibull_min(key, scale, concentration, shape=shape, dtype=float_dtype("weibull_min", dtype))
