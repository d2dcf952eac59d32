"""Bits as bytes, and bytes as bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.dtypes import is_discrete
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.manipulation import ravel
from functrans.numpy.util import asarray_internal, check_arraylike
from functrans.primitives.arithmetic import select_n_p
from functrans.primitives.logic import and_p, ne_p, shift_right_logical_p
from functrans.primitives.movement import pad, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, reduce_sum, reshape
from functrans.util import canonicalize_axis

__all__ = ["packbits", "unpackbits"]


def _places(name: str, bitorder: str) -> np.ndarray:
    if bitorder not in ("little", "big"):
        raise ValueError(f"{name}: 'order' must be either 'little' or 'big'; got {bitorder!r}, at {describe(user_source())}.")
    return np.arange(8, dtype=np.uint8) if bitorder == "little" else np.arange(7, -1, -1, dtype=np.uint8)


def _last_axis(a: Any, axis: int | None) -> tuple[Any, int]:
    a = ravel(a) if axis is None else asarray_internal(a)
    axis = canonicalize_axis(0 if axis is None else axis, typeof(a).ndim)
    return move_axis(a, axis, typeof(a).ndim - 1), axis


def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Any:
    """Elements along an axis (of the flattened array where it is None) packed eight to a byte: 1 for those that are not zero.

    Args:
        a: integers or booleans; missing ones at the end count as 0.
        axis: the axis.
        bitorder: whether the first element is the greatest bit ("big") or the least ("little").

    Raises:
        TypeError: for other dtypes.
        ValueError: for another order.

    >>> packbits(np.array([1, 0, 0, 0, 0, 0, 1, 1, 1]))
    Array([131, 128], dtype=uint8)
    """
    check_arraylike("packbits", a)
    if not is_discrete(typeof(a).dtype):
        raise TypeError(f"packbits: expected an input array of integer or boolean data type; got {typeof(a)}, at "
                        f"{describe(user_source())}.")
    places = _places("packbits", bitorder)
    a, axis = _last_axis(a, axis)
    *outer, n = typeof(a).shape
    bits = a if typeof(a).dtype == bool else ne_p.bind(a, typeof(a).dtype.type(0))
    count = -(-n // 8)
    bits = pad(bits, np.False_, (*((0, 0, 0) for _ in outer), (0, 8 * count - n, 0)))
    bits = reshape(bits, (*outer, count, 8))
    values = broadcast_in_dim(np.left_shift(np.uint8(1), places), typeof(bits).shape, (len(outer) + 1,))
    packed = reduce_sum(select_n_p.bind(bits, np.uint8(0), values), (len(outer) + 1,))
    return move_axis(packed, len(outer), axis)


def unpackbits(a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Any:
    """The bits of bytes along an axis (of the flattened array where it is None), eight elements 0 or 1 for each.

    Args:
        a: uint8.
        axis: the axis.
        count: how many bits to keep: more are zeros, a negative number takes so many from the end.
        bitorder: whether the greatest bit comes first ("big") or the least ("little").

    Raises:
        TypeError: for other dtypes.
        ValueError: for another order.

    >>> unpackbits(np.array([131], "uint8"))
    Array([1, 0, 0, 0, 0, 0, 1, 1], dtype=uint8)
    """
    check_arraylike("unpackbits", a)
    if typeof(a).dtype != np.uint8:
        raise TypeError(f"unpackbits: expected an input array of unsigned byte data type; got {typeof(a)}, at "
                        f"{describe(user_source())}.")
    places = _places("unpackbits", bitorder)
    a, axis = _last_axis(a, axis)
    *outer, n = typeof(a).shape
    shape = (*outer, n, 8)
    spread = broadcast_in_dim(a, shape, range(len(outer) + 1))
    moved = shift_right_logical_p.bind(spread, broadcast_in_dim(places, shape, (len(outer) + 1,)))
    bits = reshape(and_p.bind(moved, np.uint8(1)), (*outer, 8 * n))
    if count is not None:
        length = integer(count, "count") if count >= 0 else max(8 * n + integer(count, "count"), 0)
        bits = slice_in_dim(bits, 0, min(length, 8 * n), axis=len(outer))
        bits = pad(bits, np.uint8(0), (*((0, 0, 0) for _ in outer), (0, max(length - 8 * n, 0), 0)))
    return move_axis(convert_element_type(bits, np.uint8), len(outer), axis)
