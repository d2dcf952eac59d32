"""Summaries of samples: the most frequent value, ranks, the standard error of the mean.

Ranks and counts come from one sort of each lane: equal elements stand together, and running extrema of positions tell where each run
begins and ends. nan are equal to one another and come last.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from functrans.arguments import among, flag
from functrans.calls.jitted import jit
from functrans.core.dtypes import is_float
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import arange, full, zeros
from functrans.numpy.index_tricks import take_along_axis
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import expand_dims, moveaxis, ravel
from functrans.numpy.predicates import isnan
from functrans.numpy.reductions import any as any_
from functrans.numpy.reductions import argmax, nanstd, std
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.running import cumsum
from functrans.numpy.sorting import argsort, sort
from functrans.numpy.ufuncs import sqrt
from functrans.numpy.util import asarray_internal, default_float, promote_inexact
from functrans.primitives.cumulative import cummax, cummin
from functrans.util import canonicalize_axis

__all__ = ["ModeResult", "mode", "rankdata", "sem"]

_METHODS = ("average", "min", "max", "dense", "ordinal")


class ModeResult(NamedTuple):
    """The most frequent values and how often they occur."""

    mode: Any
    count: Any


def _check_policy(name: str, policy: str) -> None:
    if policy == "raise":
        raise NotImplementedError(f"{name}: nan_policy='raise' is not supported, since compiled code cannot look at values, at "
                                  f"{describe(user_source())}. Check with functrans.numpy.isnan before, or use 'propagate' or 'omit'.")
    if policy not in ("propagate", "omit"):
        raise ValueError(f"{name}: nan_policy must be 'propagate' or 'omit', not {policy!r}, at {describe(user_source())}.")


def _lane_axis(name: str, a: Any, axis: int | None) -> tuple[Any, int]:
    """`a` and the axis of its lanes; with axis None all elements in one lane."""
    a = asarray_internal(a)
    if axis is None:
        return ravel(a), 0
    return a, canonicalize_axis(axis, typeof(a).ndim)


# -- runs of equal elements -------------------------------------------------------------------------------------------

def _run_starts(ordered: Any) -> Any:
    """Whether each element of sorted lanes (the last axis, not empty) differs from the one before it."""
    after, before = ordered[..., 1:], ordered[..., :-1]
    changes = after != before
    if is_float(typeof(ordered).dtype):
        changes &= ~(isnan(after) & isnan(before))
    first = full((*typeof(ordered).shape[:-1], 1), True)
    return concatenate([first, changes], axis=-1)


def _first_of_run(starts: Any) -> Any:
    """The position at which the run of each element begins."""
    position = arange(typeof(starts).shape[-1])
    return cummax(where(starts, position, 0), typeof(starts).ndim - 1)


def _last_of_run(starts: Any) -> Any:
    """The position at which the run of each element ends."""
    size, axis = typeof(starts).shape[-1], typeof(starts).ndim - 1
    ends = concatenate([starts[..., 1:], full((*typeof(starts).shape[:-1], 1), True)], axis=-1)
    return cummin(where(ends, arange(size), size), axis, reverse=True)


# -- mode -------------------------------------------------------------------------------------------------------------

def mode(a: Any, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False) -> ModeResult:
    """The most frequent value along an axis, the least of several, and how often it occurs.

    Args:
        a: real numbers.
        axis: along which axis; None for all elements.
        nan_policy: "propagate" (nan is a value like others) or "omit" (nan do not count).
        keepdims: whether the axis stays, with size 1.

    Returns:
        ``ModeResult(mode, count)``, of the dtype of `a` and int64; of an empty axis, nan and 0 as floats.

    Raises:
        NotImplementedError: for ``nan_policy="raise"``.
        ValueError: for another `nan_policy`.

    >>> mode(np.array([3, 1, 3, 2, 1]))
    ModeResult(mode=Array(1, dtype=int64), count=Array(2, dtype=int64))
    """
    _check_policy("mode", nan_policy)
    rank = typeof(asarray_internal(a)).ndim
    lanes, at = (asarray_internal(a), 0) if rank == 0 else _lane_axis("mode", a, axis)
    lanes = ravel(lanes) if rank == 0 else moveaxis(lanes, at, -1)
    shape = typeof(lanes).shape
    if shape[-1]:
        value, count = _mode(lanes, omit=nan_policy == "omit")
    else:
        value, count = full(shape[:-1], math.nan, _float_of(lanes)), zeros(shape[:-1])
    if flag(keepdims, "keepdims"):
        axes = tuple(range(rank)) if axis is None else () if rank == 0 else (at,)
        value, count = expand_dims(value, axes), expand_dims(count, axes)
    return ModeResult(value, count)


def _float_of(x: Any) -> np.dtype:
    return typeof(promote_inexact(x)[0]).dtype


def _mode_of(lanes: Any, *, omit: bool) -> tuple[Any, Any]:
    ordered = sort(lanes, axis=-1)
    starts = _run_starts(ordered)
    count = arange(typeof(ordered).shape[-1]) - _first_of_run(starts) + 1
    if omit and is_float(typeof(ordered).dtype):
        count = where(isnan(ordered), 0, count)
        ordered = where(any_(count > 0, -1, keepdims=True), ordered, math.nan)
    best = argmax(count, axis=-1, keepdims=True)
    return take_along_axis(ordered, best, -1)[..., 0], take_along_axis(count, best, -1)[..., 0]


_mode = jit(_mode_of, static_argnames="omit")


# -- ranks ------------------------------------------------------------------------------------------------------------

def rankdata(a: Any, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate") -> Any:
    """Ranks from 1 on, in increasing order.

    Args:
        a: real numbers.
        method: what equal elements get: the "average", "min" or "max" of the ranks they hold; "dense": as "min", with no rank left out
            after them; "ordinal": each its own, in order of occurrence.
        axis: along which axis; None ranks all elements, as one vector.
        nan_policy: "propagate" (all ranks of a lane with a nan are nan) or "omit" (nan get the rank nan, others as if they were not).

    Returns:
        the ranks, of the default float dtype: of the shape of `a`, with axis None a vector.

    Raises:
        NotImplementedError: for ``nan_policy="raise"``.
        ValueError: for another `method` or `nan_policy`.

    >>> rankdata(np.array([30, 10, 10, 20]))
    Array([4. , 1.5, 1.5, 3. ], dtype=float64)
    """
    _check_policy("rankdata", nan_policy)
    if not among(method, _METHODS):
        raise ValueError(f"rankdata: method must be one of {', '.join(map(repr, _METHODS))}, not {method!r}, at {describe(user_source())}.")
    lanes, at = _lane_axis("rankdata", a, axis)
    lanes = moveaxis(lanes, at, -1)
    if 0 in typeof(lanes).shape:
        return zeros(typeof(lanes).shape if axis is None else typeof(asarray_internal(a)).shape)
    return moveaxis(_rankdata(lanes, method=method, omit=nan_policy == "omit", dtype=default_float()), -1, at)


def _ranks_in_order(ordered: Any, method: str) -> Any:
    """The ranks of the elements of sorted lanes."""
    if method == "ordinal":
        return arange(typeof(ordered).shape[-1]) + 1
    starts = _run_starts(ordered)
    if method == "dense":
        return cumsum(starts, axis=-1, dtype=np.dtype(np.int64))
    if method == "min":
        return _first_of_run(starts) + 1
    if method == "max":
        return _last_of_run(starts) + 1
    return (_first_of_run(starts) + _last_of_run(starts) + 2) / 2


def _rankdata_of(lanes: Any, *, method: str, omit: bool, dtype: np.dtype) -> Any:
    order = argsort(lanes, axis=-1)
    ranks = _ranks_in_order(take_along_axis(lanes, order, -1), method).astype(dtype)
    place = argsort(order, axis=-1)
    ranks = take_along_axis(ranks + zeros(typeof(lanes).shape, dtype), place, -1)
    if not is_float(typeof(lanes).dtype):
        return ranks
    return where(isnan(lanes) if omit else any_(isnan(lanes), -1, keepdims=True), math.nan, ranks)


_rankdata = jit(_rankdata_of, static_argnames=("method", "omit", "dtype"))


# -- standard error ---------------------------------------------------------------------------------------------------

def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    """The standard error of the mean, ``std(a, ddof) / sqrt(n)``.

    Args:
        a: numbers; integers become floats.
        axis: along which axis; None for all elements.
        ddof: what is taken from the number of elements in the variance's divisor.
        nan_policy: "propagate" (nan gives nan) or "omit" (nan do not count).
        keepdims: whether the axis stays, with size 1.

    Returns:
        the errors; nan where there are not more than `ddof` elements.

    Raises:
        NotImplementedError: for ``nan_policy="raise"``.
        ValueError: for another `nan_policy`.
        numpy.exceptions.AxisError: if `axis` is out of range.

    >>> print(sem(np.array([1.0, 3.0])))
    1.0
    """
    _check_policy("sem", nan_policy)
    (x,) = promote_inexact(asarray_internal(a))
    if nan_policy == "omit":
        count = sum_(~isnan(x), axis, keepdims=keepdims)
        return nanstd(x, axis, ddof=ddof, keepdims=keepdims) / sqrt(count.astype(_real_dtype(x)))
    shape = typeof(x).shape
    count = math.prod(shape) if axis is None else shape[canonicalize_axis(axis, len(shape))]
    return std(x, axis, ddof=ddof, keepdims=keepdims) / math.sqrt(count) if count else std(x, axis, ddof=ddof, keepdims=keepdims)


def _real_dtype(x: Any) -> np.dtype:
    return np.empty(0, typeof(x).dtype).real.dtype
