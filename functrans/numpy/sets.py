"""Distinct elements, and arrays as sets: unique and its forms, union, intersection, difference, membership.

How many distinct elements there are depends on values. So the arrays must be concrete, or a static ``size`` be given: what is more
is cut, what is less is filled. With a size everything is a sort, a comparison of neighbours and a scatter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functrans.arguments import among, integer
from functrans.core.array import Array
from functrans.core.dtypes import is_inexact
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import broadcast_to, ravel
from functrans.numpy.places import concrete_values
from functrans.numpy.predicates import equal
from functrans.numpy.sorting import searchsorted, sort
from functrans.numpy.util import asarray_internal, cast, check_arraylike, promote_args
from functrans.primitives.arithmetic import lt_p, min_p, sub_p
from functrans.primitives.cumulative import cumsum_p
from functrans.primitives.indexing import ScatterDimensionNumbers, gather_p, scatter, scatter_add
from functrans.primitives.logic import and_p, eq_p, ne_p, not_p, or_p
from functrans.primitives.movement import broadcasted_iota, concatenate_p, full, iota, slice_in_dim
from functrans.primitives.reduction import reduce_or_p
from functrans.primitives.sort import sort_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, reshape
from functrans.primitives.windows import GatherDimensionNumbers, GatherScatterMode
from functrans.util import canonicalize_axis

__all__ = [
    "intersect1d", "isin", "setdiff1d", "setxor1d", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
]

_POINTS = ScatterDimensionNumbers((), (0,), (0,))


class UniqueAllResult(NamedTuple):
    """Distinct values, their first places, the place of each element among them, and how often each occurs."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """Distinct values, and how often each occurs."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """Distinct values, and the place of each element among them."""

    values: Any
    inverse_indices: Any


def _size(name: str, size: int | None) -> int | None:
    if size is None:
        return None
    if integer(size, "size") < 0:
        raise ValueError(f"{name}: size={size} is negative, at {describe(user_source())}.")
    return integer(size, "size")


def _rows_taken(rows: Any, index: Any) -> Any:
    """The rows (along the first axis) at indices known to be in bounds."""
    shape = typeof(rows).shape
    numbers = GatherDimensionNumbers(tuple(range(1, len(shape))), (0,), (0,))
    return gather_p.bind(rows, reshape(index, (*typeof(index).shape, 1)), dimension_numbers=numbers, slice_sizes=(1, *shape[1:]),
                         indices_are_sorted=False, unique_indices=False, mode=GatherScatterMode.PROMISE_IN_BOUNDS, fill_value=None)


class _Runs:
    """The rows of a matrix in order: `order` sorts them, `first` marks where a new value begins."""

    def __init__(self, rows: Any, equal_nan: bool) -> None:
        n, width = typeof(rows).shape
        columns = [reshape(slice_in_dim(rows, j, j + 1, axis=1), (n,)) for j in range(width)]
        *_, self.order = sort_p.bind(*columns, iota(np.int64, n), dimension=0, is_stable=True, num_keys=width)
        self.rows = _rows_taken(rows, self.order)
        before, after = slice_in_dim(self.rows, 0, n - 1), slice_in_dim(self.rows, 1, n)
        differ = ne_p.bind(before, after)
        if equal_nan and is_inexact(typeof(rows).dtype):
            differ = and_p.bind(differ, not_p.bind(and_p.bind(ne_p.bind(before, before), ne_p.bind(after, after))))
        self.first = concatenate_p.bind(full((1,), np.True_), reduce_or_p.bind(differ, axes=(1,)), dimension=0)
        self.number = sub_p.bind(cumsum_p.bind(convert_element_type(self.first, np.int64), axis=0, reverse=False), np.int64(1))


def _unique_of_size(name: str, rows: Any, size: int, fill_value: Any, equal_nan: bool) -> tuple[Any, Any, Any, Any]:
    """(values, indices, inverse, counts) of the rows of a matrix, `size` of them."""
    n, width = typeof(rows).shape
    dtype = typeof(rows).dtype
    if not n or not width:
        if size and not n and fill_value is None:
            raise ValueError(f"{name}: an empty array has nothing to fill size={size} with, at {describe(user_source())}. Give a "
                             "fill_value=.")
        values = broadcast_to(cast(0 if fill_value is None else fill_value, dtype), (size, width))
        return values, full((size,), np.int64(0)), full((n,), np.int64(0)), full((size,), np.int64(0))
    runs = _Runs(rows, equal_nan)
    target = reshape(choose_where(runs.first, runs.number, np.int64(size)), (n, 1))  # what is not first is dropped
    places = scatter(full((size,), np.int64(0)), target, iota(np.int64, n), _POINTS, mode="drop")
    total = slice_in_dim(runs.number, n - 1, n)
    there = lt_p.bind(iota(np.int64, size), broadcast_in_dim(total, (size,), (0,)))
    there = or_p.bind(there, eq_p.bind(iota(np.int64, size), broadcast_in_dim(total, (size,), (0,))))
    values = _rows_taken(runs.rows, places)
    fill = slice_in_dim(values, 0, 1) if fill_value is None and size else fill_value
    if size:
        spread = broadcast_in_dim(there, (size, width), (0,))
        values = choose_where(spread, values, broadcast_to(cast(fill, dtype) if fill_value is not None else fill, (size, width)))
    firsts = _rows_taken(reshape(runs.order, (n, 1)), places)
    indices = reshape(firsts, (size,))
    if size:
        indices = choose_where(there, indices, broadcast_in_dim(slice_in_dim(indices, 0, 1), (size,), (0,)))
    inverse = scatter(full((n,), np.int64(0)), reshape(runs.order, (n, 1)), runs.number, _POINTS, unique_indices=True)
    counts = scatter_add(full((size,), np.int64(0)), reshape(runs.number, (n, 1)), full((n,), np.int64(1)), _POINTS, mode="drop")
    return values, indices, inverse, counts


def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None, *,
           equal_nan: bool = True, size: int | None = None, fill_value: Any = None, sorted: bool = True) -> Any:
    """The distinct elements of an array in rising order, or its distinct slices along an axis.

    Args:
        ar: an array; without `size` a concrete one.
        return_index: whether to return the place of the first of each, too.
        return_inverse: whether to return, for each element, the place of its value in the result, too.
        return_counts: whether to return how often each occurs, too.
        axis: the axis, or None for the elements of the flattened array.
        equal_nan: whether all nan are one value.
        size: the static number of values: more are cut, fewer filled.
        fill_value: what they are filled with; the least value unless given. Counts of filled places are 0.
        sorted: accepted; the result is always sorted.

    Raises:
        ConcretizationTypeError: for traced values without `size`.

    >>> unique(np.array([3, 1, 3]), return_counts=True)
    (Array([1, 3], dtype=int64), Array([1, 2], dtype=int64))
    >>> unique(np.array([3, 1, 3]), size=3, fill_value=0)
    Array([1, 3, 0], dtype=int64)
    """
    check_arraylike("unique", ar)
    ar, size = asarray_internal(ar), _size("unique", size)
    axis = None if axis is None else canonicalize_axis(axis, typeof(ar).ndim)
    if size is None:
        values = concrete_values("unique", ar, "Give unique a static size=n (and a fill_value=). ")
        wide = values.astype(working_dtype(values.dtype), copy=False)  # which NumPy knows how to sort
        found = np.unique(wide, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=equal_nan)
        out = [Array(found[0].astype(values.dtype)), *(Array(np.array(x)) for x in found[1:])]
        if axis is None:
            out[2] = Array(np.asarray(found[2]).reshape(ar.shape))
        else:
            out[2] = Array(np.asarray(found[2]).reshape(-1))
    else:
        out = list(_unique_along(ar, axis, size, fill_value, equal_nan))
    kept = [out[0], *(x for x, wanted in zip(out[1:], (return_index, return_inverse, return_counts), strict=True) if wanted)]
    return tuple(kept) if len(kept) > 1 else kept[0]


def _unique_along(ar: Any, axis: int | None, size: int, fill_value: Any, equal_nan: bool) -> tuple[Any, Any, Any, Any]:
    if axis is None:
        values, indices, inverse, counts = _unique_of_size("unique", reshape(ar, (ar.size, 1)), size, fill_value, equal_nan)
        return reshape(values, (size,)), indices, reshape(inverse, ar.shape), counts
    axis = canonicalize_axis(axis, ar.ndim)
    moved = move_axis(ar, axis, 0)
    n, rest = typeof(moved).shape[0], typeof(moved).shape[1:]
    rows = reshape(moved, (n, int(np.prod(rest, dtype=int))))
    values, indices, inverse, counts = _unique_of_size("unique", rows, size, fill_value, equal_nan)
    return move_axis(reshape(values, (size, *rest)), 0, axis), indices, inverse, counts


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAllResult:
    """Distinct values, their first places, the inverse and the counts; each nan is a value of its own. See `unique`.

    >>> unique_all(np.array([3, 1, 3])).indices
    Array([1, 0], dtype=int64)
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCountsResult:
    """Distinct values and their counts; each nan is a value of its own. See `unique`.

    >>> unique_counts(np.array([3, 1, 3])).counts
    Array([1, 2], dtype=int64)
    """
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverseResult:
    """Distinct values and the place of each element among them; each nan is a value of its own. See `unique`.

    >>> unique_inverse(np.array([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)
    """
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """Distinct values; each nan is a value of its own. See `unique`.

    >>> unique_values(np.array([3, 1, 3]))
    Array([1, 3], dtype=int64)
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# -- two sets ---------------------------------------------------------------------------------------------------------

def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, method: str = "auto") -> Any:
    """Whether each element occurs among `test_elements` (does not, if `invert`); nan never does.

    Args:
        element, test_elements: arrays of any shapes.
        assume_unique: accepted; nothing here needs it.
        method: "auto", "sort" or "binary_search" search a sorted copy, "compare_all" compares every pair.

    Raises:
        ValueError: for another method.

    >>> isin(np.array([1, 2, 3]), np.array([3, 1]))
    Array([ True, False,  True], dtype=bool)
    """
    if not among(method, ("auto", "sort", "binary_search", "compare_all")):
        raise ValueError(f"isin: method={method!r} is not implemented; options are 'compare_all', 'binary_search', 'sort', and 'auto', at "
                         f"{describe(user_source())}.")
    check_arraylike("isin", element, test_elements)
    x, tests = promote_args(asarray_internal(element), ravel(test_elements))
    shape, n = typeof(x).shape, typeof(tests).size
    if not n:
        found = full(shape, np.False_)
    elif method == "compare_all":
        wide = (*shape, n)
        pairs = eq_p.bind(broadcast_in_dim(x, wide, range(len(shape))), broadcast_in_dim(tests, wide, (len(shape),)))
        found = reduce_or_p.bind(pairs, axes=(len(shape),))
    else:
        ordered = sort(tests)
        place = min_p.bind(searchsorted(ordered, x), np.int64(n - 1))
        found = equal(_rows_taken(ordered, place), x)
    return not_p.bind(found) if invert else found


def _vectors(name: str, ar1: Any, ar2: Any) -> tuple[Any, Any]:
    check_arraylike(name, ar1, ar2)
    a, b = promote_args(ravel(ar1), ravel(ar2))
    return asarray_internal(a), asarray_internal(b)


def _needs_values(name: str, *xs: Any) -> Any:
    return [concrete_values(name, x, f"Give {name} a static size=n (and a fill_value=). ") for x in xs]


def _kept(values: Any, keep: Any, size: int, fill: Any) -> Any:
    """The first `size` elements of a vector that are to be kept, then `fill`."""
    n = typeof(values).shape[0]
    number = sub_p.bind(cumsum_p.bind(convert_element_type(keep, np.int64), axis=0, reverse=False), np.int64(1))
    target = reshape(choose_where(keep, number, np.int64(size)), (n, 1))
    return scatter(broadcast_to(fill, (size,)), target, values, _POINTS, mode="drop")


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The distinct elements of both arrays, in rising order.

    Args:
        ar1, ar2: arrays; without `size` concrete ones.
        size: the static number of values: more are cut, fewer filled.
        fill_value: what they are filled with; the least value unless given.

    >>> union1d(np.array([3, 1]), np.array([2, 1]))
    Array([1, 2, 3], dtype=int64)
    """
    a, b = _vectors("union1d", ar1, ar2)
    if size is None:
        return Array(np.union1d(*_needs_values("union1d", a, b)))
    return unique(concatenate([a, b]), size=size, fill_value=fill_value)


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The distinct elements of `ar1` that are not in `ar2`, in rising order (in their own if `assume_unique`).

    Args:
        size: the static number of values: more are cut, fewer filled.
        fill_value: what they are filled with; 0 unless given.

    >>> setdiff1d(np.array([3, 1, 2, 3]), np.array([1]))
    Array([2, 3], dtype=int64)
    """
    check_arraylike("setdiff1d", ar1, ar2)
    a, b = ravel(ar1), ravel(ar2)  # the result has the dtype of the first
    length = _size("setdiff1d", size)
    if length is None:
        x, y = _needs_values("setdiff1d", a, b)
        return Array(np.setdiff1d(x, y, assume_unique=assume_unique))
    fill = cast(0 if fill_value is None else fill_value, a.dtype)
    if not a.size:
        return broadcast_to(fill, (length,))
    if not assume_unique:
        runs = _Runs(reshape(a, (a.size, 1)), True)
        a, first = reshape(runs.rows, (a.size,)), runs.first
        return _kept(a, and_p.bind(first, isin(a, b, invert=True)), length, fill)
    return _kept(a, isin(a, b, invert=True), length, fill)


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The distinct elements that are in one of the arrays only, in rising order.

    Args:
        size: the static number of values: more are cut, fewer filled.
        fill_value: what they are filled with; the least of the values unless given.

    >>> setxor1d(np.array([3, 1]), np.array([2, 1]))
    Array([2, 3], dtype=int64)
    """
    a, b = _vectors("setxor1d", ar1, ar2)
    length = _size("setxor1d", size)
    if length is None:
        x, y = _needs_values("setxor1d", a, b)
        return Array(np.setxor1d(x, y, assume_unique=assume_unique))
    both = concatenate([a, b])
    n = typeof(both).shape[0]
    if not n:
        return broadcast_to(cast(0 if fill_value is None else fill_value, both.dtype), (length,))
    runs = _Runs(reshape(both, (n, 1)), True)
    values = reshape(runs.rows, (n,))
    keep = and_p.bind(runs.first, ne_p.bind(isin(values, a), isin(values, b)))
    if is_inexact(typeof(values).dtype):  # nan is in neither by comparison
        alone = and_p.bind(ne_p.bind(values, values), runs.first)
        keep = or_p.bind(keep, alone)
    return _filled_with_first(_kept(values, keep, length, cast(0, both.dtype)), keep, length, fill_value)


def _filled_with_first(values: Any, keep: Any, size: int, fill_value: Any) -> Any:
    """Values of which there are as many as `keep` has True, the rest filled: with the first value unless told otherwise."""
    if not size:
        return values
    count = slice_in_dim(cumsum_p.bind(convert_element_type(keep, np.int64), axis=0, reverse=False), typeof(keep).shape[0] - 1, None)
    there = lt_p.bind(iota(np.int64, size), broadcast_in_dim(count, (size,), (0,)))
    fill = slice_in_dim(values, 0, 1) if fill_value is None else cast(fill_value, typeof(values).dtype)
    return choose_where(there, values, broadcast_to(fill, (size,)))


def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False, *, size: int | None = None,
                fill_value: Any = None) -> Any:
    """The distinct elements that are in both arrays, in rising order.

    Args:
        return_indices: whether to return the first places of the values in both arrays, too.
        size: the static number of values: more are cut, fewer filled.
        fill_value: what they are filled with; the least of the values unless given. Indices are filled with the arrays' sizes.

    >>> intersect1d(np.array([3, 1, 2]), np.array([2, 3]), return_indices=True)
    (Array([2, 3], dtype=int64), Array([2, 0], dtype=int64), Array([0, 1], dtype=int64))
    """
    a, b = _vectors("intersect1d", ar1, ar2)
    length = _size("intersect1d", size)
    if length is None:
        x, y = _needs_values("intersect1d", a, b)
        numpy_intersect: Any = np.intersect1d  # typed for literal flags only
        found = numpy_intersect(x, y, assume_unique=assume_unique, return_indices=return_indices)
        return tuple(map(Array, found)) if return_indices else Array(found)
    if not a.size or not b.size:
        values = broadcast_to(cast(0 if fill_value is None else fill_value, a.dtype), (length,))
        return (values, full((length,), np.int64(a.size)), full((length,), np.int64(b.size))) if return_indices else values
    runs = _Runs(reshape(a, (a.size, 1)), True)
    ordered = reshape(runs.rows, (a.size,))
    keep = and_p.bind(runs.first, isin(ordered, b))
    values = _filled_with_first(_kept(ordered, keep, length, cast(0, a.dtype)), keep, length, fill_value)
    if not return_indices:
        return values
    in_a = _kept(runs.order, keep, length, np.int64(a.size))
    *_, order = sort_p.bind(b, broadcasted_iota(np.int64, b.shape, 0), dimension=0, is_stable=True, num_keys=1)
    place = min_p.bind(searchsorted(_rows_taken(b, order), ordered), np.int64(b.size - 1))
    in_b = _kept(_rows_taken(order, place), keep, length, np.int64(b.size))
    return values, in_a, in_b
