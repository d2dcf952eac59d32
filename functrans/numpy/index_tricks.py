"""Functions that read and write by index, and builders of indices: take, put, choose, argwhere, ix_ and their relatives.

`take_along_axis` and `put_along_axis` are one gather and one scatter with batching axes. Functions whose result size depends on
values (`argwhere`, `flatnonzero`, `extract`, `compress`) need concrete values, or a static ``size``. Indices out of bounds raise
IndexError unless `mode` allows them: "clip" takes the nearest element (negative ones the first), "wrap" counts on from the other
end, "fill" gives `fill_value`, "drop" writes nothing.

Known limits: `unravel_index` of traced indices clips those out of bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import among, brief, integer, integers, sequence
from functrans.core.array import Array
from functrans.core.dtypes import is_inexact, is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.index_plan import ERROR, index_mode, wrapped_indices
from functrans.numpy.indexing import IndexUpdateRef, getitem, read
from functrans.numpy.joining import stack
from functrans.numpy.manipulation import broadcast_to, concrete_integers, ravel
from functrans.numpy.places import concrete_values, places_of
from functrans.numpy.predicates import not_equal
from functrans.numpy.running import cumsum
from functrans.numpy.ufuncs import add, floor_divide, mod, multiply, subtract
from functrans.numpy.util import asarray_internal, broadcast_arrays_internal, cast, check_arraylike, check_no_out
from functrans.primitives import arithmetic as ops
from functrans.primitives.indexing import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    gather_p,
    scatter_p,
)
from functrans.primitives.movement import full
from functrans.primitives.structural import reshape
from functrans.util import canonicalize_axis

__all__ = [
    "argwhere", "choose", "compress", "diag_indices", "diag_indices_from", "extract", "fill_diagonal", "flatnonzero",
    "ix_", "mask_indices", "place", "put", "put_along_axis", "ravel_multi_index",
    "take", "take_along_axis", "tril_indices", "tril_indices_from", "triu_indices", "triu_indices_from", "unravel_index",
]


def _integers(name: str, x: Any) -> Any:
    check_arraylike(name, x)
    if not is_integer(typeof(x).dtype):
        raise TypeError(f"{name}: indices must be integers; got {typeof(x)}, at {describe(user_source())}.")
    return x if isinstance(x, Tracer) else to_numpy(x)


# -- reading ----------------------------------------------------------------------------------------------------------

def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str | None = None, unique_indices: bool = False,
         indices_are_sorted: bool = False, fill_value: Any = None) -> Any:
    """The elements (slices) of `a` at `indices` along an axis, or of the flattened array where it is None.

    Args:
        a: an array.
        indices: integers of any shape, which takes the place of the axis.
        axis: the axis.
        mode: None raises IndexError for indices out of bounds; "clip", "wrap" and "fill" allow them.
        unique_indices, indices_are_sorted: promises.
        fill_value: for "fill"; by default nan, or an extreme integer.

    >>> take(np.array([1.0, 2.0, 3.0]), np.array([[0, 2]]))
    Array([[1., 3.]], dtype=float64)
    """
    check_arraylike("take", a)
    check_no_out("take", out)
    a = ravel(a) if axis is None else asarray_internal(a)
    axis = canonicalize_axis(0 if axis is None else axis, a.ndim)
    index = _integers("take", indices)
    if among(mode, ("wrap",)) and a.shape[axis]:
        index, mode = mod(index, a.shape[axis]), "promise_in_bounds"
    if among(mode, ("raise",)):
        mode = None
    index = asarray_internal(index)
    if mode is None:
        return getitem(a, (*(slice(None),) * axis, index))
    return read(a, (*(slice(None),) * axis, index), mode=index_mode(mode), indices_are_sorted=indices_are_sorted,
                unique_indices=unique_indices, fill_value=fill_value, wrap=mode != "clip")


def _aligned(name: str, arr: Any, indices: Any, axis: int) -> tuple[Any, Any]:
    """`arr` and `indices` with equal sizes but for `axis`."""
    x, i = typeof(arr).shape, np.shape(indices)
    if len(x) != len(i):
        raise ValueError(f"{name}: indices must have as many axes as the array; got shapes {i} and {x}, at {describe(user_source())}.")
    try:
        common = np.broadcast_shapes(x[:axis] + x[axis + 1:], i[:axis] + i[axis + 1:])
    except ValueError:
        raise ValueError(f"{name}: shapes {x} and {i} do not broadcast outside of axis {axis}, at {describe(user_source())}.") from None
    arr = broadcast_to(arr, (*common[:axis], x[axis], *common[axis:]))
    shape = (*common[:axis], i[axis], *common[axis:])
    return arr, np.broadcast_to(indices, shape) if isinstance(indices, np.ndarray) else broadcast_to(indices, shape)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1, mode: str | GatherScatterMode | None = None,
                    fill_value: Any = None) -> Any:
    """For each line along `axis` the elements at its own `indices`.

    Args:
        arr: an array; flattened where `axis` is None.
        indices: integers with as many axes; the sizes outside `axis` broadcast.
        axis: the axis.
        mode: None raises IndexError for indices out of bounds; "clip" and "fill" allow them.
        fill_value: for "fill".

    >>> take_along_axis(np.array([[3, 1], [2, 4]]), np.array([[1], [0]]), axis=1)
    Array([[1],
           [2]], dtype=int64)
    """
    check_arraylike("take_along_axis", arr)
    arr = ravel(arr) if axis is None else asarray_internal(arr)
    axis = canonicalize_axis(0 if axis is None else axis, arr.ndim)
    n = arr.shape[axis]
    gather_mode = index_mode(mode)
    arr, indices = _aligned("take_along_axis", arr, _integers("take_along_axis", indices), axis)
    shape = np.shape(indices)
    if not all(shape) or not n:
        if all(shape) and gather_mode is ERROR:
            raise IndexError(f"take_along_axis: axis {axis} of size 0 has no elements, at {describe(user_source())}.")
        fill = fill_value if fill_value is not None else np.nan if is_inexact(arr.dtype) else 0
        return full(shape, arr.dtype.type(fill))
    index, safe = wrapped_indices(indices, n, axis, gather_mode)
    others = tuple(d for d in range(arr.ndim) if d != axis)
    numbers = GatherDimensionNumbers((), (axis,), (axis,), others, others)
    return gather_p.bind(arr, _as_vectors(index), dimension_numbers=numbers, slice_sizes=(1,) * arr.ndim, indices_are_sorted=False,
                         unique_indices=False, mode=GatherScatterMode.PROMISE_IN_BOUNDS if safe else gather_mode,
                         fill_value=None if fill_value is None else np.asarray(fill_value).item())


def _as_vectors(index: Any) -> Any:
    return index[..., None] if isinstance(index, np.ndarray) else reshape(index, (*typeof(index).shape, 1))


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """For each element of `a` the element of ``choices[a]`` at the same place; all broadcast.

    Args:
        a: integers.
        choices: a sequence of arrays, or an array along whose first axis they lie.
        mode: "raise", "clip" or "wrap", for indices out of bounds.

    >>> choose(np.array([1, 0]), [np.array([10, 20]), np.array([30, 40])])
    Array([30, 20], dtype=int64)
    """
    check_no_out("choose", out)
    a = asarray_internal(_integers("choose", a))
    cases = list(choices) if isinstance(choices, (list, tuple)) else [getitem(choices, i) for i in range(typeof(choices).shape[0])]
    check_arraylike("choose", *cases)
    a, *cases = broadcast_arrays_internal(a, *cases)
    if among(mode, ("wrap",)):
        a = mod(a, len(cases))
    elif among(mode, ("clip",)):
        a = ops.min_p.bind(ops.max_p.bind(a, a.dtype.type(0)), a.dtype.type(len(cases) - 1))
    elif not among(mode, ("raise",)):
        raise ValueError(f"choose: mode must be 'raise', 'clip' or 'wrap'; got {mode!r}, at {describe(user_source())}.")
    whole = stack(cases)
    index = reshape(a, (1, *a.shape))
    if mode == "raise" and not isinstance(index, Tracer) and (to_numpy(index) < 0).any():
        raise ValueError(f"choose: invalid entry {to_numpy(index).min()} in choice array, at {describe(user_source())}.")
    return getitem(take_along_axis(whole, index, 0), 0)


# -- writing ----------------------------------------------------------------------------------------------------------

def _not_in_place(name: str, inplace: bool) -> None:
    if inplace:
        raise ValueError(f"{name}: arrays are immutable; pass inplace=False and use the returned array, at {describe(user_source())}.")


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None, inplace: bool = True, *, mode: str | None = None) -> Any:
    """A copy of `arr` in which, for each line along `axis`, the elements at its own `indices` are set; see `take_along_axis`.

    Raises:
        ValueError: unless ``inplace=False``.

    >>> put_along_axis(np.zeros((2, 2)), np.array([[1], [0]]), 5.0, axis=1, inplace=False)
    Array([[0., 5.],
           [5., 0.]], dtype=float64)
    """
    _not_in_place("put_along_axis", inplace)
    check_arraylike("put_along_axis", arr, values)
    if axis is None:
        flat = put_along_axis(ravel(arr), indices, values, 0, False, mode=mode)
        return reshape(flat, typeof(arr).shape)
    arr = asarray_internal(arr)
    axis = canonicalize_axis(axis, arr.ndim)
    scatter_mode = index_mode(mode)
    whole, indices = _aligned("put_along_axis", arr, _integers("put_along_axis", indices), axis)
    if typeof(whole).shape != arr.shape:
        raise ValueError(f"put_along_axis: indices of shape {np.shape(indices)} do not fit into an array of shape {arr.shape}, at "
                         f"{describe(user_source())}.")
    shape = np.shape(indices)
    values = broadcast_to(cast(values, arr.dtype), shape)
    if not all(shape):
        return arr
    index, safe = wrapped_indices(indices, arr.shape[axis], axis, scatter_mode)
    others = tuple(d for d in range(arr.ndim) if d != axis)
    numbers = ScatterDimensionNumbers((), (axis,), (axis,), others, others)
    return scatter_p.bind(arr, _as_vectors(index), values, dimension_numbers=numbers, indices_are_sorted=False, unique_indices=False,
                          mode=GatherScatterMode.PROMISE_IN_BOUNDS if safe else scatter_mode)


def put(a: Any, ind: Any, v: Any, mode: str | None = None, *, inplace: bool = True) -> Any:
    """A copy of `a` with the elements at flat indices set to `v`, which is repeated as often as needed.

    Raises:
        ValueError: unless ``inplace=False``.

    >>> put(np.zeros((2, 2)), np.array([0, 3]), np.array([5.0, 6.0]), inplace=False)
    Array([[5., 0.],
           [0., 6.]], dtype=float64)
    """
    _not_in_place("put", inplace)
    check_arraylike("put", a, v)
    a, index = asarray_internal(a), ravel(_integers("put", ind))
    count, v = typeof(index).size, ravel(v)
    if not count or not typeof(v).size:
        return a
    if among(mode, ("wrap",)):
        index, mode = mod(index, a.size), "promise_in_bounds"
    values = getitem(asarray_internal(v), np.arange(count) % typeof(v).size)
    out = IndexUpdateRef(ravel(a), index).set(values, mode=mode, wrap_negative_indices=mode != "clip")
    return reshape(out, a.shape)


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Any:
    """A copy of `arr` with the elements where `mask` holds set to `vals` in order, repeated as often as needed.

    Raises:
        ValueError: unless ``inplace=False``, if `mask` and `arr` differ in size, or if there are no `vals`.

    >>> place(np.zeros(4), np.array([True, False, True, True]), np.array([1.0, 2.0]), inplace=False)
    Array([1., 0., 2., 1.], dtype=float64)
    """
    _not_in_place("place", inplace)
    check_arraylike("place", arr, mask, vals)
    a, chosen, values = asarray_internal(arr), ravel(mask), asarray_internal(ravel(vals))
    count = typeof(values).size
    if typeof(chosen).size != a.size:
        raise ValueError(f"place: mask and arr must have one size; got shapes {typeof(mask).shape} and {a.shape}, at "
                         f"{describe(user_source())}.")
    if not a.size:
        return a
    if not count:
        raise ValueError(f"place: vals must hold a value; got an empty array, at {describe(user_source())}.")
    chosen = not_equal(chosen, 0)
    turn = mod(subtract(cumsum(chosen), 1), count)
    return reshape(choose_where(chosen, cast(getitem(values, turn), a.dtype), ravel(a)), a.shape)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Any:
    """A copy of `a` with its main diagonal set to `val` (repeated if an array).

    Args:
        a: an array of at least two axes, all of one size if there are more than two.
        val: a number or an array.
        wrap: whether the diagonal of a tall matrix starts anew below its end.

    Raises:
        ValueError: unless ``inplace=False``, or if the sizes do not fit.

    >>> fill_diagonal(np.zeros((2, 2)), 1.0, inplace=False)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    _not_in_place("fill_diagonal", inplace)
    check_arraylike("fill_diagonal", a, val)
    a = asarray_internal(a)
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) != 1):
        raise ValueError(f"fill_diagonal: a matrix, or an array with axes of one size, is needed; got shape {a.shape}, at "
                         f"{describe(user_source())}.")
    end = a.size
    if a.ndim == 2:
        step = a.shape[1] + 1
        end = a.size if wrap else min(a.size, a.shape[1] * a.shape[1])
    else:
        step = 1 + sum(a.shape[0] ** k for k in range(1, a.ndim))
    count = len(range(0, end, step))
    val = ravel(val)
    size = typeof(val).size
    values = val if size in (1, count) else getitem(asarray_internal(val), np.arange(count) % size)
    return reshape(IndexUpdateRef(ravel(a), slice(0, end, step)).set(values), a.shape)


# -- places of values -------------------------------------------------------------------------------------------------

def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The flat indices of the elements that are not zero; `size` and `fill_value` as in `nonzero`.

    >>> flatnonzero(np.array([[0, 3], [4, 0]]))
    Array([1, 2], dtype=int64)
    """
    check_arraylike("flatnonzero", a)
    return places_of("flatnonzero", ravel(a), size, fill_value)[0]


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The indices of the elements that are not zero, as rows; `size` and `fill_value` as in `nonzero`.

    >>> argwhere(np.array([[0, 3], [4, 0]]))
    Array([[0, 1],
           [1, 0]], dtype=int64)
    """
    check_arraylike("argwhere", a)
    if not typeof(a).shape:
        (found,) = places_of("argwhere", ravel(a), size, fill_value)
        return Array(np.zeros((found.shape[0], 0), np.int64))
    return stack(list(places_of("argwhere", a, size, fill_value)), axis=1)


def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None, *, size: int | None = None, fill_value: Any = 0) -> Any:
    """The slices along an axis (elements of the flattened array) for which `condition` holds.

    Without a static `size`, to which the result is cut or filled with `fill_value`, the condition must be concrete.

    >>> compress(np.array([False, True]), np.array([[1, 2], [3, 4]]), axis=0)
    Array([[3, 4]], dtype=int64)
    """
    check_no_out("compress", out)
    check_arraylike("compress", a)
    mask = np.asarray(condition) if isinstance(condition, (list, tuple)) else condition
    check_arraylike("compress", mask)
    if typeof(mask).ndim != 1:
        raise ValueError(f"compress: condition must be one-dimensional; got shape {typeof(mask).shape}, at {describe(user_source())}.")
    return _taken("compress", mask, a, axis, size, fill_value)


def _taken(name: str, mask: Any, a: Any, axis: int | None, size: int | None, fill_value: Any) -> Any:
    """The slices of `a` at the places where a vector `mask` is true."""
    if size is None:
        return take(a, places_of(name, mask, None, None)[0], axis)
    beyond = max(typeof(mask).size, typeof(a).size)
    return take(a, places_of(name, mask, size, beyond)[0], axis, mode="fill", fill_value=fill_value)


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Any:
    """The elements of `arr` where `condition` holds, in row-major order.

    Without a static `size`, to which the result is cut or filled with `fill_value`, the condition must be concrete.

    >>> extract(np.array([True, False, True]), np.array([1, 2, 3]))
    Array([1, 3], dtype=int64)
    """
    check_arraylike("extract", arr)
    check_arraylike("extract", condition)
    return _taken("extract", ravel(condition), arr, None, size, fill_value)


# -- arithmetic of indices --------------------------------------------------------------------------------------------

def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """The index along each axis that a flat, row-major index means in an array of `shape`.

    Raises:
        ValueError: for concrete indices out of bounds; traced ones are clipped.

    >>> unravel_index(np.array([1, 5]), (2, 3))
    (Array([0, 1], dtype=int64), Array([1, 2], dtype=int64))
    """
    sizes = integers(shape, "shape")
    index = _integers("unravel_index", indices)
    total = prod(sizes)
    if isinstance(index, np.ndarray):
        wrapped = np.where(index < 0, index + total, index)
        if ((wrapped < 0) | (wrapped >= total)).any():
            raise ValueError(f"unravel_index: an index is out of bounds for an array of shape {sizes}, at {describe(user_source())}.")
        index = wrapped
    else:
        index, _ = wrapped_indices(index, total, 0)
        index = ops.min_p.bind(ops.max_p.bind(index, np.int64(0)), np.int64(total - 1))
    out = []
    for n in reversed(sizes):
        out.append(asarray_internal(mod(index, n)))
        index = floor_divide(index, n)
    return tuple(reversed(out))


def ravel_multi_index(multi_index: Sequence[Any], dims: Sequence[int], mode: str = "raise", order: str = "C") -> Any:
    """The flat index that one index along each axis means in an array of shape `dims`; the inverse of `unravel_index`.

    Args:
        multi_index: integer arrays, one for each axis.
        dims: the shape.
        mode: "raise" (concrete indices only), "clip" or "wrap".
        order: "C" or "F".

    >>> ravel_multi_index((np.array([0, 1]), np.array([1, 2])), (2, 3))
    Array([1, 5], dtype=int64)
    """
    sizes = integers(dims, "dims")
    multi_index = sequence(multi_index, "multi_index")
    if len(sizes) != len(multi_index):
        raise ValueError(f"ravel_multi_index: {len(multi_index)} indices do not fit {len(sizes)} axes, at {describe(user_source())}.")
    parts: list[Any] = []
    for i, n in zip(multi_index, sizes, strict=True):
        i = np.asarray(i) if isinstance(i, (list, tuple)) else _integers("ravel_multi_index", i)
        if among(mode, ("raise",)):
            i = concrete_integers("ravel_multi_index", 'multi_index in mode "raise"', i)
            if ((i < 0) | (i >= n)).any():
                raise ValueError(f"ravel_multi_index: invalid entry in coordinates array for dims {sizes}, at {describe(user_source())}.")
        elif among(mode, ("wrap",)):
            i = mod(i, n)
        elif among(mode, ("clip",)):
            i = np.clip(i, 0, n - 1) if isinstance(i, np.ndarray) else ops.min(ops.max(i, 0), n - 1)
        else:
            raise ValueError(f"ravel_multi_index: mode must be 'raise', 'clip' or 'wrap'; got {mode!r}, at {describe(user_source())}.")
        parts.append(i)
    if not among(order, ("C", "F")):
        raise ValueError(f"ravel_multi_index: order must be 'C' or 'F'; got {order!r}, at {describe(user_source())}.")
    pairs = list(zip(parts, sizes, strict=True))
    total: Any = np.int64(0)
    for i, n in pairs if order == "C" else reversed(pairs):
        total = add(multiply(total, n), i)
    return asarray_internal(total)


# -- builders of indices ----------------------------------------------------------------------------------------------

def ix_(*args: Any) -> tuple[Any, ...]:
    """Vectors as an open mesh: ``x[ix_(rows, columns)]`` is the block of these rows and columns. Masks must be concrete.

    >>> [i.shape for i in ix_(np.array([0, 1]), np.array([0, 2, 3]))]
    [(2, 1), (1, 3)]
    """
    out = []
    for k, a in enumerate(args):
        a = np.asarray(a) if isinstance(a, (list, tuple)) else a
        check_arraylike("ix_", a)
        if typeof(a).ndim != 1:
            raise ValueError(f"ix_: one-dimensional arrays are needed; got shape {typeof(a).shape}, at {describe(user_source())}.")
        if typeof(a).dtype.kind == "b":
            a = np.flatnonzero(concrete_values("ix_", a))
        elif not typeof(a).size:
            a = np.zeros(0, np.int64)
        out.append(reshape(asarray_internal(a), [typeof(a).size if d == k else 1 for d in range(len(args))]))
    return tuple(out)


def _arrays(values: Sequence[np.ndarray]) -> tuple[Any, ...]:
    return tuple(Array(np.ascontiguousarray(v)) for v in values)


def diag_indices(n: int, ndim: int = 2) -> tuple[Any, ...]:
    """Indices of the main diagonal of an array with `ndim` axes of size `n`.

    >>> diag_indices(2)
    (Array([0, 1], dtype=int64), Array([0, 1], dtype=int64))
    """
    n, ndim = integer(n, "n"), integer(ndim, "ndim")
    if n < 0 or ndim < 0:
        raise ValueError(f"diag_indices: n and ndim must not be negative; got {n} and {ndim}, at {describe(user_source())}.")
    return _arrays([np.arange(n)] * ndim) if ndim else ()


def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """Indices of the main diagonal of an array whose axes have one size."""
    shape = typeof(arr).shape
    if len(shape) < 2 or len(set(shape)) != 1:
        raise ValueError(f"diag_indices_from: at least two axes, all of one size, are needed; got shape {shape}, at "
                         f"{describe(user_source())}.")
    return diag_indices(shape[0], len(shape))


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Indices of the lower triangle of an ``(n, m)`` matrix, up to the `k`-th diagonal.

    >>> tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return _pair(np.tril_indices, n, k, m)


def _pair(indices: Callable[..., tuple[np.ndarray, ...]], n: Any, k: Any, m: Any) -> tuple[Any, Any]:
    rows, columns = _arrays(indices(integer(n, "n"), integer(k, "k"), None if m is None else integer(m, "m")))
    return rows, columns


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Any, Any]:
    """Indices of the upper triangle of an ``(n, m)`` matrix, from the `k`-th diagonal on.

    >>> triu_indices(2)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    return _pair(np.triu_indices, n, k, m)


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """`tril_indices` for the shape of a matrix."""
    rows, columns = sequence(typeof(arr).shape, "the shape of a matrix", 2)
    return tril_indices(rows, k, columns)


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, Any]:
    """`triu_indices` for the shape of a matrix."""
    rows, columns = sequence(typeof(arr).shape, "the shape of a matrix", 2)
    return triu_indices(rows, k, columns)


def mask_indices(n: int, mask_func: Any, k: int = 0, *, size: int | None = None) -> tuple[Any, ...]:
    """Where ``mask_func(ones((n, n)), k)`` is not zero.

    >>> mask_indices(2, lambda m, k: np.triu(m, k), 1)
    (Array([0], dtype=int64), Array([1], dtype=int64))
    """
    n = integer(n, "n")
    if not callable(mask_func):
        raise TypeError(f"mask_indices: mask_func must be a function; got {brief(mask_func)}, at {describe(user_source())}.")
    return places_of("mask_indices", mask_func(asarray_internal(np.ones((n, n))), k), size, None)
