"""Small list helpers used everywhere: strict zip and map, unzipping, splitting, merging, axes.

Each returns a list (never a lazy iterator), so that lengths are checked at the call and not at the first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex, TypeVar

import numpy as np

from functrans.arguments import integer
from functrans.source import describe, user_source

__all__ = [
    "canonicalize_axis", "merge_lists", "partition_list", "safe_map", "safe_zip", "split_list", "tuple_delete",
    "tuple_insert", "unzip2", "unzip3",
]  # fmt: skip

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")


def safe_zip(*xs: Iterable[Any]) -> list[tuple[Any, ...]]:
    """`zip` as a list; ValueError where the lengths differ.

    >>> safe_zip([1, 2], "ab")
    [(1, 'a'), (2, 'b')]
    """
    return list(zip(*xs, strict=True))


def safe_map(f: Callable[..., T], *xs: Iterable[Any]) -> list[T]:
    """`map` as a list; ValueError where the lengths differ.

    >>> safe_map(max, [1, 5], [3, 4])
    [3, 5]
    """
    if not xs:
        raise TypeError("safe_map needs at least one sequence after the function")
    if len(xs) == 1:
        return list(map(f, xs[0]))
    return [f(*args) for args in zip(*xs, strict=True)]


def unzip2(pairs: Iterable[tuple[T1, T2]]) -> tuple[list[T1], list[T2]]:
    """A list of pairs as a pair of lists (two empty ones for no pairs).

    >>> unzip2([(1, "a"), (2, "b")])
    ([1, 2], ['a', 'b'])
    """
    firsts: list[T1] = []
    seconds: list[T2] = []
    for first, second in pairs:
        firsts.append(first)
        seconds.append(second)
    return firsts, seconds


def unzip3(triples: Iterable[tuple[T1, T2, T3]]) -> tuple[list[T1], list[T2], list[T3]]:
    """A list of triples as three lists.

    >>> unzip3([(1, "a", None), (2, "b", None)])
    ([1, 2], ['a', 'b'], [None, None])
    """
    firsts: list[T1] = []
    seconds: list[T2] = []
    thirds: list[T3] = []
    for first, second, third in triples:
        firsts.append(first)
        seconds.append(second)
        thirds.append(third)
    return firsts, seconds, thirds


def split_list(xs: Sequence[T], sizes: Sequence[int]) -> list[list[T]]:
    """Consecutive pieces of the given sizes and, last, the remainder: `len(sizes) + 1` lists.

    >>> split_list([1, 2, 3, 4, 5], [2, 1])
    [[1, 2], [3], [4, 5]]
    """
    total = sum(sizes)
    if any(size < 0 for size in sizes) or total > len(xs):
        raise ValueError(f"cannot split a list of length {len(xs)} into pieces of sizes {list(sizes)}")
    pieces: list[list[T]] = []
    start = 0
    for size in sizes:
        pieces.append(list(xs[start : start + size]))
        start += size
    pieces.append(list(xs[start:]))
    return pieces


def partition_list(mask: Sequence[bool], xs: Sequence[T]) -> tuple[list[T], list[T]]:
    """The items where the mask is false, and those where it is true, each in order.

    >>> partition_list([True, False, True], "abc")
    (['b'], ['a', 'c'])
    """
    falses: list[T] = []
    trues: list[T] = []
    for flag, x in zip(mask, xs, strict=True):
        (trues if flag else falses).append(x)
    return falses, trues


def merge_lists(mask: Sequence[bool], falses: Sequence[T1], trues: Sequence[T2]) -> list[T1 | T2]:
    """The inverse of `partition_list`; ValueError where the counts do not fit the mask.

    >>> merge_lists([True, False, True], ["b"], ["a", "c"])
    ['a', 'b', 'c']
    """
    wanted = sum(map(bool, mask))
    if len(trues) != wanted or len(falses) != len(mask) - wanted:
        raise ValueError(
            f"merge_lists: the mask has {len(mask) - wanted} false and {wanted} true entries, "
            f"but {len(falses)} and {len(trues)} items were given"
        )
    false_items, true_items = iter(falses), iter(trues)
    return [next(true_items) if flag else next(false_items) for flag in mask]


def canonicalize_axis(axis: SupportsIndex, ndim: int) -> int:
    """The axis in `[0, ndim)` that `axis` in `[-ndim, ndim)` names; NumPy's AxisError outside, TypeError for a float.

    The error's message begins with the user's line.


    >>> canonicalize_axis(-1, 3)
    2
    """
    index = axis if type(axis) is int else integer(axis, "axis")
    if not -ndim <= index < ndim:
        raise np.exceptions.AxisError(index, ndim, f"at {describe(user_source())}")
    return index + ndim if index < 0 else index


def tuple_insert(xs: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """`xs` with `value` standing at `index`, `0 <= index <= len(xs)`.

    >>> tuple_insert((2, 3), 1, 7)
    (2, 7, 3)
    """
    if not 0 <= index <= len(xs):
        raise IndexError(f"tuple_insert: index {index} is outside [0, {len(xs)}] for the tuple {xs}")
    return (*xs[:index], value, *xs[index:])


def tuple_delete(xs: tuple[T, ...], index: int) -> tuple[T, ...]:
    """`xs` without the item at `index`, `0 <= index < len(xs)`.

    >>> tuple_delete((2, 7, 3), 1)
    (2, 3)
    """
    if not 0 <= index < len(xs):
        raise IndexError(f"tuple_delete: index {index} is outside [0, {len(xs)}) for the tuple {xs}")
    return xs[:index] + xs[index + 1 :]
