"""Booleans, signs, categories and the number of trials, from one uniform number each."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.arguments import among
from functrans.core.dtypes import canonical, is_float
from functrans.core.low_precision import finfo
from functrans.core.trace import typeof
from functrans.numpy.util import default_float, promote_inexact
from functrans.random.arguments import Shape, checked_shape, default_int, int_dtype, joined_shape, refuse
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.uniform import unit

__all__ = ["bernoulli", "geometric", "rademacher", "signs"]


@jitted("shape", "mode")
def _bernoulli(key: Any, p: Any, shape: Shape, mode: str) -> Any:
    dtype = typeof(p).dtype
    if mode == "low":
        return unit(typed(key), shape, dtype) < p
    u = unit(typed(key), (2, *shape), dtype)
    return u[1] * dtype.type(2.0 ** -finfo(dtype).nmant) < p - u[0]


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low", *, out_sharding: Any = None) -> Any:
    """Booleans that are true with probability `p`, which broadcasts to `shape`.

    `mode` "high" spends two uniform numbers on each, so that tiny probabilities are exact too.

    Raises:
        TypeError: where `p` is not floating. ValueError: for another mode.

    >>> from functrans.random import key
    >>> print(bernoulli(key(0), 0.5, (4,)))
    [ True  True False False]
    """
    if not among(mode, ("high", "low")):
        refuse(ValueError, f"bernoulli: got mode={mode!r}, expected 'high' or 'low'")
    check_key("bernoulli", key)
    shape = joined_shape("bernoulli", shape, p)
    dtype = typeof(fnp.asarray(p)).dtype
    if not is_float(dtype):
        refuse(TypeError, f"bernoulli probability `p` must have a floating dtype, got {dtype}")
    return _bernoulli(key, p, shape=shape, mode=mode)


def signs(key: KeyArray, shape: Shape, dtype: np.dtype) -> Any:
    """-1 or 1, as part of a larger program."""
    heads = unit(key, shape, default_float()) < 0.5
    return lax.convert_element_type(fnp.where(heads, 1, -1), dtype)


@sampler
def _rademacher(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return signs(typed(key), shape, dtype)


def rademacher(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """-1 or 1, equally likely: integers unless `dtype` says otherwise.

    >>> from functrans.random import key
    >>> print(rademacher(key(0), (4,)))
    [ 1  1 -1 -1]
    """
    check_key("rademacher", key)
    found = default_int() if dtype is None or dtype is int else canonical(dtype)
    return _rademacher(key, shape=checked_shape("rademacher", shape), dtype=found)


@sampler
def _geometric(key: Any, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    (p,) = promote_inexact(p)
    u = unit(typed(key), shape, typeof(p).dtype)
    trials = fnp.floor(fnp.log(fnp.where(u == 0, 1, u)) / fnp.log1p(-p)) + 1
    return lax.convert_element_type(trials, dtype)


def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """The number of trials up to the first success, 1 or more, where each succeeds with probability `p`.

    `p` broadcasts to `shape`.

    >>> from functrans.random import key
    >>> geometric(key(0), 0.5, (4,)).dtype
    dtype('int64')
    """
    check_key("geometric", key)
    dtype = int_dtype("geometric", dtype)
    return _geometric(key, p, shape=joined_shape("geometric", shape, p), dtype=dtype)
