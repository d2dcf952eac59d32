"""Counts, by rejection: Poisson, binomial and multinomial numbers.

Small means: waiting times are added up until they pass the mean (Poisson: D. E. Knuth, TAOCP 3.4.1; binomial: sums of
geometric ones, Devroye 1986, X.4). Large means: transformed rejection with a squeeze. All elements take part in every
turn of a loop, each turn with keys of its own, until the last has been accepted.

W. Hörmann, "The transformed rejection method for generating Poisson random variables" (1993), algorithm PTRS; "The generation
of binomial random variates" (1993), algorithm BTRS.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.low_precision import iinfo
from functrans.core.trace import typeof
from functrans.numpy.util import promote_inexact
from functrans.primitives.fma import fma_p
from functrans.random.arguments import Shape, checked_shape, float_dtype, int_dtype, joined_shape, shape_of
from functrans.random.bits import split_key
from functrans.random.jitted import sampler
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.uniform import unit

__all__ = ["binomial", "multinomial", "poisson"]

_SINGLE = np.dtype(np.float32)


# -- Poisson ----------------------------------------------------------------------------------------------------------

def _knuth(key: KeyArray, mean: Any, shape: Shape, limit: int) -> Any:
    """How many uniform numbers can be multiplied before the product falls below ``exp(-mean)``."""
    def going(carry: Any) -> Any:
        turn, _, _, log_product = carry
        return fnp.any(log_product > -mean) & (turn < limit)

    def body(carry: Any) -> Any:
        turn, count, key, log_product = carry
        keys = split_key(key)
        count = fnp.where(log_product > -mean, count + 1, count)
        return turn + 1, count, keys[0], log_product + fnp.log(unit(keys[1], shape, _SINGLE))

    start = (np.int64(0), fnp.zeros(shape, np.int64), key, fnp.zeros(shape, _SINGLE))
    return lax.while_loop(going, body, start)[1] - 1


# Lanczos's series for the gamma function with g = 7 and nine terms (P. Godfrey, 2001), the first of which is 1 in float32.
_LANCZOS = (
    676.520368121885098567, -1259.13921672240287047, 771.323428777653078848, -176.615029162140599065, 12.5073432786869048144,
    -0.138571095265720116895, 9.98436957801957085956e-6, 1.50563273514931155834e-7,
)


def _fused(x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` in float32, rounded once."""
    return fma_p.bind(*(_SINGLE.type(v) if type(v) is float else v for v in (x, y, z)))


def _log_factorial(k: Any) -> Any:
    """``log k!`` in float32, by Lanczos's series.

    For large means the test of acceptance takes the difference of numbers so large that their roundings decide it, so
    they must be those of this formula.
    """
    total: Any = 1.0
    for i, c in enumerate(_LANCZOS):
        total = _SINGLE.type(c) / (k + (i + 1.0)) + total
    log_t = fnp.log1p(k * _SINGLE.type(1 / 7.5)) + math.log(7.5)
    return _fused((k + 0.5) - (k + 7.5) / log_t, log_t, math.log(2 * math.pi) / 2) + fnp.log(total)


def _ptrs(key: KeyArray, mean: Any, shape: Shape, limit: int) -> Any:
    log_mean = fnp.log(mean)
    b = _fused(2.53, fnp.sqrt(mean), 0.931)
    a = _fused(0.02483, b, -0.059)
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2)

    def going(carry: Any) -> Any:
        turn, _, accepted, _ = carry
        return fnp.any(~accepted) & (turn < limit)

    def body(carry: Any) -> Any:
        turn, out, accepted, key = carry
        keys = split_key(key, 3)
        u, v = unit(keys[1], shape, _SINGLE) - 0.5, unit(keys[2], shape, _SINGLE)
        distance = 0.5 - fnp.abs(u)
        k = fnp.floor(_fused(2 * a / distance + b, u, mean) + 0.43)
        height = fnp.log(v * inverse_alpha / (a / (distance * distance) + b))
        density = _fused(k, log_mean, -mean) - _log_factorial(k)
        outside = (k < 0) | ((distance < 0.013) & (v > distance))
        accept = ((distance >= 0.07) & (v <= squeeze)) | (~outside & (height <= density))
        return turn + 1, fnp.where(accept, k, out), accepted | accept, keys[0]

    start = (np.int64(0), fnp.full(shape, -1, _SINGLE), fnp.zeros(shape, bool), key)
    return lax.while_loop(going, body, start)[1]


@sampler
def _poisson(key: Any, lam: Any, shape: Shape, dtype: np.dtype) -> Any:
    mean = fnp.broadcast_to(lax.convert_element_type(lam, _SINGLE), shape)
    small = fnp.isnan(mean) | (mean < 10)
    limit = int(iinfo(dtype).max)
    few = _knuth(typed(key), fnp.where(small, mean, 0), shape, limit)
    many = _ptrs(typed(key), fnp.where(small, 1e5, mean), shape, limit)
    out = fnp.where(small, lax.convert_element_type(few, dtype), lax.convert_element_type(many, dtype))
    return fnp.where(mean == 0, 0, out)


def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the Poisson distribution of mean `lam`, which broadcasts to `shape`; -1 where `lam` is negative or nan.

    Integers; `lam` is rounded to float32.

    >>> from functrans.random import key
    >>> poisson(key(0), np.array([0.0, 3.0, 500.0])).shape
    (3,)
    """
    check_key("poisson", key)
    dtype = int_dtype("poisson", dtype)
    shape = shape_of(lam) if shape is None else joined_shape("poisson", shape, lam)
    return _poisson(key, lam, shape=shape, dtype=dtype)


# -- binomial ---------------------------------------------------------------------------------------------------------

def _inversion(key: KeyArray, count: Any, log_failure: Any, shape: Shape) -> Any:
    """How many geometric numbers sum up to no more than `count`."""
    dtype = typeof(count).dtype

    def going(carry: Any) -> Any:
        return fnp.any(carry[1] <= count)

    def body(carry: Any) -> Any:
        number, total, key = carry
        keys = split_key(key)
        number = fnp.where(total <= count, number + 1, number)
        return number, total + fnp.ceil(fnp.log(unit(keys[0], shape, dtype)) / log_failure), keys[1]

    return lax.while_loop(going, body, (fnp.zeros(shape, dtype), fnp.zeros(shape, dtype), key))[0] - 1


_STIRLING = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211, 0.0138761288230707,
    0.0118967099458917, 0.010411265261972, 0.00925546218271273, 0.00833056343336287,
)


def _stirling_tail(k: Any) -> Any:
    """``log k! - ((k + 1/2) log(k + 1) - (k + 1) + log(2 pi) / 2)``: a table up to 9, then its series."""
    low = fnp.clip(k, 0.0, 9.0)
    square = (low + 1) * (low + 1)
    series = (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (low + 1)
    place = lax.convert_element_type(fnp.floor(low), np.dtype(np.int32))
    return fnp.where(k <= 9, fnp.asarray(_STIRLING, typeof(k).dtype).at[place].get(mode="clip"), series)


def _btrs(key: KeyArray, count: Any, p: Any, shape: Shape) -> Any:
    dtype = typeof(p).dtype
    spread = fnp.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = count * p + 0.5
    squeeze = 0.92 - 4.2 / b
    odds = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * spread
    mode = fnp.floor((count + 1) * p)

    def going(carry: Any) -> Any:
        return fnp.any(~carry[1])

    def body(carry: Any) -> Any:
        out, accepted, key = carry
        keys = split_key(key, 3)
        u, v = unit(keys[1], shape, dtype) - 0.5, unit(keys[2], shape, dtype)
        distance = 0.5 - fnp.abs(u)
        k = fnp.floor((2 * a / distance + b) * u + centre)
        height = fnp.log(v * alpha / (a / (distance * distance) + b))
        density = (
            (mode + 0.5) * fnp.log((mode + 1) / (odds * (count - mode + 1)))
            + (count + 1) * fnp.log((count - mode + 1) / (count - k + 1))
            + (k + 0.5) * fnp.log(odds * (count - k + 1) / (k + 1))
            + _stirling_tail(mode) + _stirling_tail(count - mode) - _stirling_tail(k) - _stirling_tail(count - k))
        outside = (k < 0) | (k > count)
        accept = ((distance >= 0.07) & (v <= squeeze)) | (~outside & (height <= density))
        return fnp.where(accept, k, out), accepted | accept, keys[0]

    return lax.while_loop(going, body, (fnp.full(shape, -1, dtype), fnp.zeros(shape, bool), key))[0]


def _binomials(key: KeyArray, count: Any, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    """Binomial numbers, as part of a larger program. Where p is above 1/2 the failures are counted."""
    (p,) = promote_inexact(p)
    wide = typeof(p).dtype
    count, p = (fnp.broadcast_to(lax.convert_element_type(x, wide), shape) for x in (count, p))
    rare = p < 0.5
    q = fnp.where(rare, p, 1.0 - p)
    uncountable = fnp.isnan(count) | (count < 0)
    endless = fnp.isinf(count)
    unlikely = fnp.isnan(q) | (q < 0)
    undefined = fnp.isnan(q)
    q = fnp.where(unlikely, 0.01, q)
    few = uncountable | (count * q <= 10)
    count = fnp.floor(count)
    summed = _inversion(key, fnp.where(few, count, 0), fnp.log1p(-q), shape)
    rejected = _btrs(key, fnp.where(few, 1e4, count), fnp.where(few, 0.5, q), shape)
    out = lax.convert_element_type(fnp.where(few, summed, rejected), dtype)
    out = fnp.where(unlikely | uncountable, np.nan, out)
    out = fnp.where(endless & ~unlikely & ~uncountable, np.inf, out)
    return fnp.where(rare | uncountable | undefined | endless, out, lax.convert_element_type(count, dtype) - out)


@sampler
def _binomial(key: Any, n: Any, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    return _binomials(typed(key), n, p, shape, dtype)


def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Any:
    """The number of successes in `n` trials that each succeed with probability `p`; both broadcast to `shape`.

    Whole numbers in a floating dtype; nan where `n` is negative or `p` outside [0, 1].

    >>> from functrans.random import key
    >>> binomial(key(0), 10, np.array([0.0, 0.5, 1.0])).shape
    (3,)
    """
    check_key("binomial", key)
    dtype = float_dtype("binomial", dtype)
    return _binomial(key, n, p, shape=joined_shape("binomial", shape, n, p), dtype=dtype)


# -- multinomial ------------------------------------------------------------------------------------------------------

@sampler
def _multinomial(key: Any, n: Any, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    n, p = fnp.broadcast_to(n, shape[:-1]), fnp.moveaxis(fnp.broadcast_to(p, shape), -1, 0)
    left = lax.cumsum(p, 0, reverse=True)
    ratios = p / fnp.where(left == 0, 1, left)

    def step(remainder: Any, x: Any) -> Any:
        ratio, key = x
        count = _binomials(key, remainder, fnp.clip(ratio, 0, 1), shape[:-1], typeof(remainder).dtype)
        return remainder - count, count

    counts = lax.scan(step, n, (ratios, split_key(typed(key), shape[-1])))[1]
    return lax.convert_element_type(fnp.moveaxis(counts, 0, -1), dtype)


def multinomial(key: Any, n: Any, p: Any, *, shape: Any = None, dtype: Any = None, unroll: int | bool = 1) -> Any:
    """How often each of several outcomes occurs in `n` trials; the last axis of `p` holds their probabilities.

    `shape` is that of the result, by default that of `p`; `n` broadcasts to it without the last axis. Whole numbers in a
    floating dtype. `unroll` is accepted and has no effect.

    >>> from functrans.random import key
    >>> print(multinomial(key(0), 10, np.array([0.25, 0.75])).sum())
    10.0
    """
    check_key("multinomial", key)
    n, p = promote_inexact(n, p)
    shape = checked_shape("multinomial", shape_of(p) if shape is None else shape, p)
    return _multinomial(key, n, p, shape=shape, dtype=float_dtype("multinomial", dtype))
