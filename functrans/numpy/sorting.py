"""Sorting and searching: sort, argsort, lexsort, partitions, searchsorted, digitize.

Everything is stable and puts nan last; complex numbers compare by real parts, then by imaginary ones. A partition is a full sort,
which is one of the partitions. `searchsorted` halves the interval of each value until it is empty,
in so many steps as the length has bits, all values together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.arguments import among, integer
from functrans.core.array import Array
from functrans.core.dtypes import canonical, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.indexing import getitem
from functrans.numpy.manipulation import flip, ravel
from functrans.numpy.util import asarray_internal, check_arraylike, evaluating, promote_args
from functrans.primitives.arithmetic import add_p, div_p, select_n_p, sub_p
from functrans.primitives.indexing import gather_p
from functrans.primitives.logic import and_p, eq_p, le_p, lt_p, ne_p, not_p, or_p
from functrans.primitives.movement import broadcasted_iota, full
from functrans.primitives.parts import imag_p, real_p
from functrans.primitives.sort import sort_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum, reshape
from functrans.primitives.windows import GatherDimensionNumbers, GatherScatterMode
from functrans.util import canonicalize_axis

__all__ = ["argpartition", "argsort", "digitize", "lexsort", "partition", "searchsorted", "sort", "sort_complex"]

_METHODS = ("scan", "scan_unrolled", "sort", "compare_all")


def _line(name: str, a: Any, axis: int | None) -> tuple[Any, int]:
    """The array (flattened where `axis` is None) and the axis."""
    check_arraylike(name, a)
    if axis is None:
        return ravel(a), 0
    a = asarray_internal(a)
    return a, canonicalize_axis(integer(axis, "axis"), a.ndim)


def _no_kind(name: str, kind: Any, order: Any) -> None:
    if kind is not None:
        raise TypeError(f"{name}: kind={kind!r} is not supported, at {describe(user_source())}. Every sort is stable; leave it out.")
    if order is not None:
        raise TypeError(f"{name}: order= is for structured arrays, which there are none of, at {describe(user_source())}. Leave it out.")


def sort(a: Any, axis: int | None = -1, *, kind: None = None, order: None = None, stable: bool = True, descending: bool = False) -> Any:
    """`a` sorted along an axis (flattened where it is None), nan last; from the greatest on if `descending`, nan then first.

    Args:
        a: an array.
        axis: the axis, or None.
        kind, order: must be None.
        stable: accepted; every sort is stable.
        descending: whether to begin with the greatest.

    Raises:
        numpy.exceptions.AxisError: if there is no such axis.
        TypeError: if `kind` or `order` is given.

    >>> sort(np.array([[3, 1], [2, 0]]), axis=0)
    Array([[2, 0],
           [3, 1]], dtype=int64)
    """
    _no_kind("sort", kind, order)
    a, axis = _line("sort", a, axis)
    (out,) = sort_p.bind(a, dimension=axis, is_stable=bool(stable), num_keys=1)
    return flip(out, axis) if descending else out


def argsort(a: Any, axis: int | None = -1, *, kind: None = None, order: None = None, stable: bool = True, descending: bool = False,
            dtype: Any = None) -> Any:
    """The indices that sort `a` along an axis (flattened where it is None); equal elements keep their order. See `sort`.

    Args:
        dtype: of the indices, int64 unless given.

    >>> argsort(np.array([3.0, 1.0, 2.0, 1.0]))
    Array([1, 3, 2, 0], dtype=int64)
    >>> argsort(np.array([3.0, 1.0, 2.0, 1.0]), descending=True)
    Array([0, 2, 1, 3], dtype=int64)
    """
    _no_kind("argsort", kind, order)
    a, axis = _line("argsort", a, axis)
    places = broadcasted_iota(np.dtype(np.int64) if dtype is None else canonical(dtype), a.shape, axis)
    if descending:  # read backwards twice, so that equal elements keep their order
        a, places = flip(a, axis), flip(places, axis)
    out = sort_p.bind(a, places, dimension=axis, is_stable=bool(stable), num_keys=1)[1]
    return flip(out, axis) if descending else out


def lexsort(keys: Any, axis: int = -1) -> Any:
    """The indices that sort by several keys along an axis: by the last one, of equals by the one before it, and so on.

    Args:
        keys: a sequence of arrays of one shape, or an array along whose first axis they lie.
        axis: an axis of the keys.

    Raises:
        TypeError: if there are no keys.
        ValueError: if their shapes differ.

    >>> lexsort((np.array([1, 2, 1]), np.array([3, 3, 1])))
    Array([2, 0, 1], dtype=int64)
    """
    xs = [asarray_internal(k) for k in (keys if isinstance(keys, (tuple, list)) else list(asarray_internal(keys)))]
    if not xs:
        raise TypeError(f"lexsort: need sequence of keys with len > 0 in lexsort, at {describe(user_source())}.")
    shape = typeof(xs[0]).shape
    if any(typeof(x).shape != shape for x in xs):
        raise ValueError(f"lexsort: all keys need to be the same shape; got {[typeof(x).shape for x in xs]}, at {describe(user_source())}.")
    if not shape:
        return full((), np.int64(0))
    axis = canonicalize_axis(axis, len(shape))
    return sort_p.bind(*xs[::-1], broadcasted_iota(np.int64, shape, axis), dimension=axis, is_stable=True, num_keys=len(xs))[-1]


def _kth(name: str, a: Any, kth: int, axis: int) -> None:
    """Check the arguments of a partition."""
    a, axis = _line(name, a, axis)
    n, kth = a.shape[axis], integer(kth, "kth")
    if not -n <= kth < n:
        raise ValueError(f"{name}: kth(={kth}) out of bounds ({n}), at {describe(user_source())}.")


def partition(a: Any, kth: int, axis: int = -1) -> Any:
    """`a` with the element that a sort would put at `kth` in that place, none greater before it and none less after it.

    Raises:
        ValueError: if `kth` is outside the axis.

    >>> int(partition(np.array([3, 1, 2, 5, 4]), 2)[2])
    3
    """
    _kth("partition", a, kth, axis)
    return sort(a, axis)


def argpartition(a: Any, kth: int, axis: int = -1) -> Any:
    """The indices by which `partition` orders `a`.

    >>> int(argpartition(np.array([3, 1, 2, 5, 4]), 2)[2])
    0
    """
    _kth("argpartition", a, kth, axis)
    return argsort(a, axis)


def sort_complex(a: Any) -> Any:
    """`a` sorted along its last axis, as complex numbers.

    >>> sort_complex(np.array([3, 1]))
    Array([1.+0.j, 3.+0.j], dtype=complex128)
    """
    out = sort(a)
    return convert_element_type(out, np.result_type(typeof(out).dtype, np.complex64))


# -- searching --------------------------------------------------------------------------------------------------------

def _less(x: Any, y: Any, or_equal: bool) -> Any:
    """Whether x comes before y in a sorted array (or at the same place): nan comes last."""
    kind = kind_of(typeof(x).dtype)
    if kind == "c":
        first = _less(real_p.bind(x), real_p.bind(y), False)
        level = not_p.bind(or_p.bind(first, _less(real_p.bind(y), real_p.bind(x), False)))
        return or_p.bind(first, and_p.bind(level, _less(imag_p.bind(x), imag_p.bind(y), or_equal)))
    plain = (le_p if or_equal else lt_p).bind(x, y)
    if kind != "f":
        return plain
    last = ne_p.bind(y, y)
    return or_p.bind(plain, last if or_equal else and_p.bind(last, eq_p.bind(x, x)))


def searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None, *, method: str = "scan") -> Any:
    """Where each of `v` belongs in sorted `a`: before the elements equal to it, or after them for side "right".

    Args:
        a: a sorted vector.
        v: values, of any shape.
        side: "left" or "right".
        sorter: indices that sort `a`, where it is not sorted.
        method: accepted: "scan", "scan_unrolled", "sort" or "compare_all" ("compare_all" compares every pair; the others halve).

    Returns:
        int64 indices of the shape of `v`.

    Raises:
        ValueError: if `side` or `method` is none of these, or `a` is no vector.

    >>> searchsorted(np.array([1, 2, 2, 3]), np.array([0, 2, 9]), side="right")
    Array([0, 3, 4], dtype=int64)
    """
    if not among(side, ("left", "right")):
        raise ValueError(f"searchsorted: {side!r} is an invalid value for side; use 'left' or 'right', at {describe(user_source())}.")
    if not among(method, _METHODS):
        raise ValueError(f"searchsorted: invalid argument method={method!r}; expected one of {list(_METHODS)}, at "
                         f"{describe(user_source())}.")
    check_arraylike("searchsorted", a, v)
    a = asarray_internal(a)
    if sorter is not None:
        a = getitem(a, sorter)
    if a.ndim != 1:
        raise ValueError(f"searchsorted: a must be a vector; got {typeof(a)}, at {describe(user_source())}.")
    a, v = promote_args(a, asarray_internal(v))
    n, shape = typeof(a).shape[0], typeof(v).shape
    right = side == "right"
    if method == "compare_all":
        rows = broadcast_in_dim(a, (*shape, n), (len(shape),))
        before = _less(rows, broadcast_in_dim(v, (*shape, n), range(len(shape))), right)
        return reduce_sum(convert_element_type(before, np.int64), (len(shape),))
    if evaluating() and type(a) is Array and a.dtype.kind != "c":
        return Array(np.asarray(a._value.searchsorted(np.asarray(v), side), np.int64))
    low, high = full(shape, np.int64(0)), full(shape, np.int64(n))
    for _ in range(n.bit_length()):
        middle = div_p.bind(add_p.bind(low, high), np.int64(2))
        beyond = _less(_elements(a, middle), v, right)
        open_ = lt_p.bind(low, high)
        low = select_n_p.bind(and_p.bind(open_, beyond), low, add_p.bind(middle, np.int64(1)))
        high = select_n_p.bind(or_p.bind(beyond, not_p.bind(open_)), middle, high)
    return low


def _elements(a: Any, index: Any) -> Any:
    """The elements of a vector at indices, those past the end read as its last."""
    places = reshape(index, (*typeof(index).shape, 1))
    return gather_p.bind(a, places, dimension_numbers=GatherDimensionNumbers((), (0,), (0,)), slice_sizes=(1,), indices_are_sorted=False,
                         unique_indices=False, mode=GatherScatterMode.CLIP, fill_value=None)


def digitize(x: Any, bins: Any, right: bool = False, *, method: str | None = None) -> Any:
    """Which bin each element is in: ``i`` where ``bins[i - 1] <= x < bins[i]`` (``bins[i - 1] < x <= bins[i]`` if `right`),
    and with falling bins where ``bins[i - 1] > x >= bins[i]`` (``bins[i - 1] >= x > bins[i]``).

    Args:
        x: real numbers.
        bins: the edges, rising or falling.
        right: whether bins hold their right edge.
        method: that of `searchsorted`.

    Raises:
        ValueError: if `bins` is no vector.

    >>> digitize(np.array([0.5, 1.0, 7.0]), np.array([0.0, 1.0, 2.0]))
    Array([1, 2, 3], dtype=int64)
    """
    check_arraylike("digitize", x, bins)
    bins = asarray_internal(bins)
    if bins.ndim != 1:
        raise ValueError(f"digitize: bins must be a vector; got {typeof(bins)}, at {describe(user_source())}.")
    n = bins.shape[0]
    if n == 0:
        return full(typeof(x).shape, np.int64(0))
    how = "scan" if method is None else method
    side = "left" if right else "right"
    rising = searchsorted(bins, x, side, method=how)
    falling = sub_p.bind(np.int64(n), searchsorted(flip(bins), x, side, method=how))
    return choose_where(_less(getitem(bins, n - 1), getitem(bins, 0), False), falling, rising)
