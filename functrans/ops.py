"""Reductions over segments: elements of one segment are combined, wherever they stand.

``out[segment_ids[i]] op= data[i]``, from the operation's neutral element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.errors import ConcretizationTypeError
from functrans.lax import ScatterDimensionNumbers, scatter_add, scatter_max, scatter_min, scatter_mul
from functrans.numpy.choice import where
from functrans.numpy.creation import full
from functrans.numpy.manipulation import expand_dims, reshape
from functrans.numpy.reductions import max as max_
from functrans.numpy.reductions import min as min_
from functrans.numpy.reductions import prod as prod_
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.util import as_operand, asarray_internal, check_arraylike
from functrans.primitives.reduction import greatest, least

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Any:
    """The sums of the rows of each segment; 0 for a segment without rows.

    Args:
        data: an array whose rows (along the first axis) are combined.
        segment_ids: integers, one for each row, of which equal ones make a segment. Negative ones are dropped.
        num_segments: the number of segments, ``max(segment_ids) + 1`` unless given. Rows of later segments are dropped.
        indices_are_sorted: a promise, which is not needed here.
        unique_indices: the promise that no two rows share a segment.
        bucket_size: combine this many rows at a time, and then the results: smaller rounding errors of long sums.
        mode: what happens to segments out of range (`lax.GatherScatterMode`); they are dropped unless it says otherwise.
        out_sharding: accepted for compatibility.

    Returns:
        an array of shape ``(num_segments, *data.shape[1:])`` and the dtype of `data`.

    Raises:
        ValueError: if there is not one integer for each row, or `num_segments` is negative.
        ConcretizationTypeError: if `num_segments` is left out where the values of `segment_ids` are not known.

    >>> segment_sum(np.arange(5), np.array([0, 0, 1, 1, 2]))
    Array([1, 5, 4], dtype=int64)
    """
    return _segments("segment_sum", scatter_add, sum_, lambda d: d.type(0), data, segment_ids, num_segments, unique_indices, bucket_size,
                     mode)


def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Any:
    """The products of the rows of each segment; 1 for a segment without rows. Arguments as of `segment_sum`.

    Derivatives by `data` need `unique_indices`.

    >>> segment_prod(np.arange(5), np.array([0, 0, 1, 1, 2]))
    Array([0, 6, 4], dtype=int64)
    """
    return _segments("segment_prod", scatter_mul, prod_, lambda d: d.type(1), data, segment_ids, num_segments, unique_indices, bucket_size,
                     mode)


def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Any:
    """The greatest elements of each segment; -inf, or the least integer, for a segment without rows. Arguments as of `segment_sum`.

    >>> segment_max(np.arange(5), np.array([0, 0, 1, 1, 2]))
    Array([1, 3, 4], dtype=int64)
    """
    return _segments("segment_max", scatter_max, max_, least, data, segment_ids, num_segments, unique_indices, bucket_size, mode)


def segment_min(
    data: Any, segment_ids: Any, num_segments: int | None = None, indices_are_sorted: bool = False, unique_indices: bool = False,
    bucket_size: int | None = None, mode: Any = None, out_sharding: Any = None,
) -> Any:
    """The least elements of each segment; inf, or the greatest integer, for a segment without rows. Arguments as of `segment_sum`.

    >>> segment_min(np.arange(5), np.array([0, 0, 1, 1, 2]))
    Array([0, 2, 4], dtype=int64)
    """
    return _segments("segment_min", scatter_min, min_, greatest, data, segment_ids, num_segments, unique_indices, bucket_size, mode)


def _segments(
    name: str, scatter: Callable[..., Any], reduce: Callable[..., Any], neutral: Callable[[np.dtype], Any], data: Any, segment_ids: Any,
    num_segments: int | None, unique: bool, bucket_size: int | None, mode: Any,
) -> Any:
    check_arraylike(name, data, segment_ids)
    data, ids = asarray_internal(as_operand(data)), asarray_internal(as_operand(segment_ids))
    rows, kind = typeof(data).shape[:1], typeof(ids)
    if not is_integer(kind.dtype) or kind.shape != rows or not rows:
        raise ValueError(f"{name}: segment_ids must be one integer for each row of data; got {kind} for data {typeof(data)}, at "
                         f"{describe(user_source())}.")
    size = _known_size(name, ids) if num_segments is None else int(num_segments)
    if size < 0:
        raise ValueError(f"{name}: num_segments must be 0 or more; got {size}, at {describe(user_source())}.")
    if bucket_size is not None and bucket_size < 1:
        raise ValueError(f"{name}: bucket_size must be 1 or more; got {bucket_size}, at {describe(user_source())}.")
    aval = typeof(data)
    numbers = ScatterDimensionNumbers(tuple(range(1, aval.ndim)), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))

    def combined(places: Any, count: int) -> Any:
        out = full((count, *aval.shape[1:]), neutral(aval.dtype), aval.dtype)
        return scatter(out, expand_dims(places, -1), data, numbers, unique_indices=unique, mode=mode)

    if bucket_size is None:
        return combined(ids, size)
    # segment s of bucket b is segment b * size + s of all, and the buckets are combined last
    buckets = max(-(-rows[0] // bucket_size), 1)
    inside = (ids >= 0) & (ids < size)
    out = combined(where(inside, ids + size * (np.arange(rows[0]) // bucket_size), -1), buckets * size)
    return reduce(reshape(out, (buckets, size, *aval.shape[1:])), axis=0).astype(aval.dtype)


def _known_size(name: str, ids: Any) -> int:
    value = ids.concrete() if isinstance(ids, Tracer) else ids
    if value is None:
        raise ConcretizationTypeError(f"{name}: the number of segments is the greatest of segment_ids plus 1, and their values are not "
                                      f"known while tracing, at {describe(user_source())}. Give num_segments, a static number.")
    array = to_numpy(value)
    return int(array.max()) + 1 if array.size else 0
