"""Arrays put together and taken apart: stack, unstack, tile, and small helpers of shapes and dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integers, sequence
from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.indexing import GatherDimensionNumbers, gather
from functrans.primitives.movement import concatenate, expand_dims, full, index_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape
from functrans.util import canonicalize_axis

__all__ = ["broadcast_like", "broadcast_shapes", "dtype", "empty", "index_take", "stack", "tile", "unstack"]


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape to which shapes broadcast, sizes 1 stretching.

    Raises:
        ValueError: if they do not.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    try:
        return np.broadcast_shapes(*(integers(s, "every shape") for s in shapes))
    except ValueError:
        listed = ", ".join(map(str, shapes))
        raise ValueError(f"Incompatible shapes for broadcasting: {listed}, at {describe(user_source())}. Sizes of aligned axes (counted "
                         "from the last) must be equal or 1.") from None


def dtype(x: Any) -> np.dtype:
    """The dtype of an array, a number or a dtype.

    >>> dtype(np.float32(1))
    dtype('float32')
    """
    return canonical(x) if isinstance(x, (type, str, np.dtype)) else typeof(x).dtype


def empty(shape: int | Sequence[int], dtype: Any) -> Any:
    """An array whose elements nobody should read: zeros.

    >>> empty((2,), "float32").shape
    (2,)
    """
    sizes = integers(shape, "shape")
    return full(sizes, 0, canonical(dtype))


def broadcast_like(arr: Any, like_arr: Any) -> Any:
    """`arr` broadcast to the shape of `like_arr`.

    Raises:
        ValueError: if it does not broadcast to that.

    >>> broadcast_like(np.arange(3), np.zeros((2, 3))).shape
    (2, 3)
    """
    shape, target = typeof(arr).shape, typeof(like_arr).shape
    if len(shape) > len(target) or broadcast_shapes(shape, target) != target:
        raise ValueError(f"broadcast_like: {typeof(arr)} does not broadcast to shape {target}, at {describe(user_source())}.")
    return broadcast_in_dim(arr, target, range(len(target) - len(shape), len(target)))


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis.

    >>> stack([np.array([1, 2]), np.array([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    xs = list(operands)
    if not xs:
        raise ValueError(f"stack: at least one array is needed, at {describe(user_source())}.")
    if any(typeof(x).shape != typeof(xs[0]).shape for x in xs):
        raise ValueError(f"stack: all arrays must have one shape; got {', '.join(str(typeof(x)) for x in xs)}, at "
                         f"{describe(user_source())}.")
    axis = canonicalize_axis(axis, typeof(xs[0]).ndim + 1)
    return concatenate([expand_dims(x, (axis,)) for x in xs], axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, without it.

    >>> unstack(np.array([[1, 2], [3, 4]]), axis=1)
    (Array([1, 3], dtype=int64), Array([2, 4], dtype=int64))
    """
    axis = canonicalize_axis(axis, typeof(x).ndim)
    return tuple(index_in_dim(x, i, axis, keepdims=False) for i in range(typeof(x).shape[axis]))


def tile(operand: Any, reps: Sequence[int]) -> Any:
    """An array repeated so many times along each of its axes.

    Raises:
        TypeError: unless there is one number for each axis.

    >>> tile(np.array([1, 2]), (2,))
    Array([1, 2, 1, 2], dtype=int64)
    """
    shape, times = typeof(operand).shape, integers(reps, "reps")
    if len(times) != len(shape) or any(t < 0 for t in times):
        raise TypeError(f"tile: reps must be one number, not negative, for each axis; got {times} for {typeof(operand)}, at "
                        f"{describe(user_source())}.")
    paired = [n for pair in zip(times, shape, strict=True) for n in pair]
    spread = broadcast_in_dim(operand, paired, range(1, 2 * len(shape), 2))
    return reshape(spread, [t * n for t, n in zip(times, shape, strict=True)])


def index_take(src: Any, idxs: Any, axes: Sequence[int]) -> Any:
    """The elements (slices) of `src` at places along several axes: one vector of indices for each of `axes`, which clip.

    The slices lie along a new first axis.

    >>> index_take(np.arange(6).reshape(2, 3), np.array([[0, 1], [2, 0]]), (0, 1))
    Array([2, 3], dtype=int64)
    """
    shape, axes = typeof(src).shape, tuple(canonicalize_axis(a, typeof(src).ndim) for a in sequence(axes, "axes"))
    rows = [convert_element_type(reshape(i, (typeof(i).size, 1)), np.int64) for i in unstack(idxs)]
    if len(rows) != len(axes):
        raise TypeError(f"index_take: there must be one vector of indices for each of the axes {axes}; got {typeof(idxs)}, at "
                        f"{describe(user_source())}.")
    numbers = GatherDimensionNumbers(tuple(range(1, 1 + len(shape) - len(axes))), tuple(sorted(axes)), axes)
    sizes = [1 if d in axes else n for d, n in enumerate(shape)]
    return gather(src, concatenate(rows, 1), numbers, sizes, mode="clip")
