"""`ds`: slices whose start may be traced, as indices. ``x[ds(i, 3)]`` is ``x[i:i + 3]`` for an `i` that is known only at run time.

The size is static, so that the shape of the result is. Unlike those of Python's slices, bounds are checked.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.tree_util import register_dataclass

__all__ = ["Slice", "ds"]


@dataclass(frozen=True, slots=True)
class Slice:
    """``size`` elements from ``start`` on, every ``stride``-th. Made by `ds`."""

    start: Any
    size: int
    stride: int = 1


register_dataclass(Slice, ["start"], ["size", "stride"])


def _static(what: str, x: Any) -> int:
    try:
        return operator.index(x)
    except TypeError:
        raise TypeError(f"ds: the {what} must be an int; got {x!r} of type {type(x).__name__}, at {describe(user_source())}. Only the "
                        "start may be a traced value.") from None


def ds(start: Any, size: int | None = None, stride: int | None = None) -> slice | Slice:
    """An index: `size` elements from `start` on.

    Args:
        start: an int or a traced integer scalar; without `size` it is the size, and the start is 0; None is all of the axis.
        size: how many elements, an int.
        stride: the distance between them, a positive int; 1 by default.

    Raises:
        TypeError: if `size` or `stride` is no int, or `start` no integer scalar.
        ValueError: if `size` is negative or `stride` not positive.

    >>> from functrans.numpy import arange
    >>> arange(10)[ds(2, 3)]
    Array([2, 3, 4], dtype=int64)
    >>> arange(10)[ds(1, 3, 2)]
    Array([1, 3, 5], dtype=int64)
    """
    if start is None and size is None and stride is None:
        return slice(None)
    begin, count = (0, start) if size is None else (0 if start is None else start, size)
    count, step = _static("size", count), 1 if stride is None else _static("stride", stride)
    if count < 0 or step < 1:
        raise ValueError(f"ds: the size must not be negative and the stride must be positive; got size {count} and stride {step}, at "
                         f"{describe(user_source())}.")
    if not is_array_like(begin) or typeof(begin).shape or not is_integer(typeof(begin).dtype):
        raise TypeError(f"ds: the start must be an integer scalar; got {begin!r} of type {type(begin).__name__}, at "
                        f"{describe(user_source())}.")
    return Slice(begin, count, step)
