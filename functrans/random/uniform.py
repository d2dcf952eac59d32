"""Uniform numbers: floats between bounds, and integers.

A float in [0, 1) is made of random bits as the significand of a number in [1, 2), less 1: equally spaced, 2**-52 apart in
float64, so that 1 is never reached and 0 is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.dtypes import is_integer
from functrans.core.low_precision import finfo, iinfo
from functrans.core.trace import typeof
from functrans.primitives.fma import fma_p
from functrans.random.arguments import Shape, checked_shape, float_dtype, int_dtype
from functrans.random.bits import random_bits, split_key
from functrans.random.jitted import sampler
from functrans.random.keys import KeyArray, check_key, typed

__all__ = ["between", "integers", "randint", "uniform", "unit"]


def unit(key: KeyArray, shape: Shape, dtype: np.dtype) -> Any:
    """Floats in [0, 1), as part of a larger program."""
    info = finfo(dtype)
    word = np.dtype(f"uint{8 * dtype.itemsize}")
    drawn = np.dtype(np.uint8) if info.nmant < 8 else word  # a byte is enough for a short significand
    random = lax.convert_element_type(random_bits(key, drawn, shape), word)
    significand = lax.shift_right_logical(random, word.type(8 * drawn.itemsize - info.nmant))
    one = np.ones((), dtype).view(word)[()]
    return lax.bitcast_convert_type(lax.bitwise_or(significand, one), dtype) - dtype.type(1)


def between(key: KeyArray, shape: Shape, dtype: np.dtype, low: Any, high: Any) -> Any:
    """Floats in [low, high), as part of a larger program. The product is not rounded before it is added."""
    low, high = (fnp.broadcast_to(b, shape) if typeof(b).shape else b for b in (low, high))
    floats = unit(key, shape, dtype)
    if dtype.itemsize < 4:
        return lax.max(low, floats * (high - low) + low)
    return lax.max(low, fma_p.bind(floats, high - low, low))


def integers(key: KeyArray, shape: Shape, dtype: np.dtype, low: Any, high: Any) -> Any:
    """Integers from `low` to `high` - 1, as part of a larger program.

    Two words for each, taken modulo the span, so that its values are equally likely but for some 2**-64 of `dtype`'s range.
    """
    word = np.dtype(f"uint{8 * dtype.itemsize}")
    beyond = high > _clipped(np.array(iinfo(dtype).max, dtype), typeof(high).dtype)
    low, high = _clipped(low, dtype), _clipped(high, dtype)
    span = lax.convert_element_type(high - low, word)
    span = fnp.where(high <= low, word.type(1), span)
    span = fnp.where(beyond & (high > low), span + word.type(1), span)
    upper, lower = (random_bits(k, word, shape) for k in _pair(key))
    shift = lax.rem(fnp.broadcast_to(word.type(1 << (4 * dtype.itemsize)), typeof(span).shape), span)
    span, shift = (fnp.broadcast_to(x, shape) for x in (span, lax.rem(shift * shift, span)))
    offset = lax.rem(lax.rem(upper, span) * shift + lax.rem(lower, span), span)
    return low + lax.convert_element_type(offset, dtype)


def _pair(key: KeyArray) -> tuple[KeyArray, KeyArray]:
    keys = split_key(key)
    return keys[0], keys[1]


def _clipped(x: Any, dtype: np.dtype) -> Any:
    """Integers in another dtype; those that it does not hold become its nearest."""
    given, wanted = iinfo(typeof(x).dtype), iinfo(dtype)
    kind = given.dtype.type
    return lax.convert_element_type(fnp.clip(x, kind(max(given.min, wanted.min)), kind(min(given.max, wanted.max))), dtype)


@sampler
def _uniform(key: Any, low: Any, high: Any, shape: Shape, dtype: np.dtype) -> Any:
    return between(typed(key), shape, dtype, lax.convert_element_type(low, dtype), lax.convert_element_type(high, dtype))


@sampler
def _unit(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return unit(typed(key), shape, dtype)


@sampler
def _randint(key: Any, low: Any, high: Any, shape: Shape, dtype: np.dtype) -> Any:
    low, high = (x if is_integer(typeof(x).dtype) else lax.convert_element_type(x, np.dtype(np.int64)) for x in (low, high))
    if dtype.itemsize >= 4:
        return integers(typed(key), shape, dtype, low, high)
    info, wide = iinfo(dtype), np.dtype(np.int32)
    low = fnp.clip(lax.convert_element_type(low, wide), int(info.min), int(info.max))
    high = fnp.clip(lax.convert_element_type(high, wide), int(info.min), int(info.max) + 1)
    return lax.convert_element_type(integers(typed(key), shape, wide, low, high), dtype)


def uniform(
    key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0, *, out_sharding: Any = None,
) -> Any:
    """Floats in [minval, maxval), all equally likely. `minval` and `maxval` broadcast to `shape`.

    Differentiable in both bounds.

    >>> from functrans.random import key
    >>> print(uniform(key(0), (2,), "float32"))
    [0.947667  0.9785799]
    """
    check_key("uniform", key)
    dtype = float_dtype("uniform", dtype)
    shape = checked_shape("uniform", shape, minval, maxval)
    if type(minval) in (int, float) and type(maxval) in (int, float) and (minval, maxval) == (0, 1):
        return _unit(key, shape=shape, dtype=dtype)
    return _uniform(key, minval, maxval, shape=shape, dtype=dtype)


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Integers from `minval` up to, and without, `maxval`, all equally likely; int64 unless `dtype` says otherwise.

    The bounds broadcast to `shape`; where ``maxval <= minval`` the result is `minval`. A `maxval` one above the greatest
    value of `dtype` includes that value.

    >>> from functrans.random import key
    >>> print(randint(key(0), (5,), 0, 10))
    [5 1 5 7 3]
    """
    check_key("randint", key)
    return _randint(key, minval, maxval, shape=checked_shape("randint", shape, minval, maxval),
                    dtype=int_dtype("randint", dtype, TypeError))
