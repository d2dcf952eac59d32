"""Arrays joined and cut: concatenate, stack, split, append, insert, delete, diff and their relatives.

Everything becomes slice, concatenate and reshape, which are views in compiled code; insert and delete gather the elements in an
order worked out beforehand.

Known limits: places to delete and insert must be concrete; `gradient` has first-order ends only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from functrans.arguments import integer, integers
from functrans.core.dtypes import canonical, is_inexact, result_type
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.indexing import getitem
from functrans.numpy.manipulation import atleast_1d, atleast_2d, atleast_3d, broadcast_to, concrete_integers, ravel
from functrans.numpy.util import asarray_internal, cast, check_arraylike, check_no_out, default_float, promote_args
from functrans.primitives import arithmetic as ops
from functrans.primitives.movement import concatenate_p
from functrans.primitives.movement import slice_in_dim as lax_slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, reshape
from functrans.util import canonicalize_axis

__all__ = [
    "append", "array_split", "block", "column_stack", "concat", "concatenate", "delete", "diff", "dsplit", "dstack", "ediff1d",
    "gradient", "hsplit", "hstack", "insert", "resize", "split", "stack", "unstack", "vsplit", "vstack",
]


# -- joining ----------------------------------------------------------------------------------------------------------

def _as_list(name: str, arrays: Any) -> list[Any]:
    """The arrays of a sequence, or those along the first axis of an array."""
    if isinstance(arrays, (list, tuple)):
        out = list(arrays)
    else:
        check_arraylike(name, arrays)
        if not typeof(arrays).shape:
            raise TypeError(f"{name}: a sequence of arrays is needed; got a scalar {typeof(arrays)}, at {describe(user_source())}.")
        out = [getitem(arrays, i) for i in range(typeof(arrays).shape[0])]
    if not out:
        raise ValueError(f"{name}: need at least one array; got none, at {describe(user_source())}.")
    check_arraylike(name, *out)
    return out


def _promoted(arrays: Sequence[Any], dtype: Any) -> list[Any]:
    if dtype is None:
        return promote_args(*arrays)
    target = canonical(dtype)
    return [cast(x, target) for x in arrays]


def concatenate(arrays: Any, axis: int | None = 0, dtype: Any = None) -> Any:
    """The arrays one after another along an axis they have.

    Args:
        arrays: a sequence of arrays with equal shapes but for `axis`, or an array (whose first axis vanishes).
        axis: the axis; None flattens first.
        dtype: that of the result; by default the promoted one.

    Raises:
        ValueError: for no arrays, or scalars.
        TypeError: if the other sizes differ.

    >>> concatenate([np.array([1, 2]), np.array([3.5])])
    Array([1. , 2. , 3.5], dtype=float64)
    """
    xs = _promoted(_as_list("concatenate", arrays), dtype)
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    if any(not typeof(x).shape for x in xs):
        raise ValueError(f"concatenate: zero-dimensional arrays cannot be concatenated, at {describe(user_source())}. Use stack.")
    axis = canonicalize_axis(axis, typeof(xs[0]).ndim)
    return asarray_internal(xs[0]) if len(xs) == 1 else concatenate_p.bind(*xs, dimension=axis)


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """`concatenate` (the Array API's name).

    >>> concat([np.array([1]), np.array([2])])
    Array([1, 2], dtype=int64)
    """
    return concatenate(arrays, axis)


def stack(arrays: Any, axis: int = 0, out: Any = None, dtype: Any = None) -> Any:
    """Arrays of one shape side by side along a new axis.

    Raises:
        ValueError: if the shapes differ.

    >>> stack([np.array([1, 2]), np.array([3, 4])], axis=1)
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    check_no_out("stack", out)
    if not isinstance(arrays, (list, tuple)):
        check_arraylike("stack", arrays)
        whole = arrays if dtype is None else convert_element_type(arrays, dtype)
        return move_axis(asarray_internal(whole), 0, canonicalize_axis(axis, typeof(whole).ndim))
    xs = _promoted(_as_list("stack", arrays), dtype)
    shape = typeof(xs[0]).shape
    if any(typeof(x).shape != shape for x in xs):
        raise ValueError(f"stack: all input arrays must have the same shape; got {[typeof(x).shape for x in xs]}, at "
                         f"{describe(user_source())}.")
    axis = canonicalize_axis(axis, len(shape) + 1)
    grown = (*shape[:axis], 1, *shape[axis:])
    xs = [reshape(x, grown) for x in xs]
    return xs[0] if len(xs) == 1 else concatenate_p.bind(*xs, dimension=axis)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, which they lack.

    >>> unstack(np.array([[1, 2], [3, 4]]), axis=1)
    (Array([1, 3], dtype=int64), Array([2, 4], dtype=int64))
    """
    check_arraylike("unstack", x)
    shape = typeof(x).shape
    if not shape:
        raise ValueError(f"unstack requires arrays with rank > 0, however a scalar array was passed, at {describe(user_source())}.")
    axis = canonicalize_axis(axis, len(shape))
    return tuple(getitem(x, (*(slice(None),) * axis, i)) for i in range(shape[axis]))


def vstack(tup: Any, dtype: Any = None) -> Any:
    """The arrays, with at least two axes, joined along the first.

    >>> vstack([np.array([1, 2]), np.array([3, 4])]).shape
    (2, 2)
    """
    return concatenate([atleast_2d(x) for x in _as_list("vstack", tup)], 0, dtype)


def hstack(tup: Any, dtype: Any = None) -> Any:
    """The arrays joined along the second axis (vectors: along their only one).

    >>> hstack([np.array([1, 2]), np.array([3])])
    Array([1, 2, 3], dtype=int64)
    """
    xs = [atleast_1d(x) for x in _as_list("hstack", tup)]
    return concatenate(xs, 0 if typeof(xs[0]).ndim == 1 else 1, dtype)


def dstack(tup: Any, dtype: Any = None) -> Any:
    """The arrays, with at least three axes, joined along the third.

    >>> dstack([np.array([1, 2]), np.array([3, 4])]).shape
    (1, 2, 2)
    """
    return concatenate([atleast_3d(x) for x in _as_list("dstack", tup)], 2, dtype)


def column_stack(tup: Any) -> Any:
    """Vectors as columns, and matrices as they are, joined along the second axis.

    >>> column_stack([np.array([1, 2]), np.array([3, 4])])
    Array([[1, 3],
           [2, 4]], dtype=int64)
    """
    xs = [asarray_internal(x) for x in _as_list("column_stack", tup)]
    return concatenate([x if x.ndim > 1 else reshape(x, (x.size, 1)) for x in xs], 1)


def block(arrays: Any) -> Any:
    """An array put together from nested lists of blocks: the innermost lists join along the last axis, and so outwards.

    Raises:
        ValueError: if the lists are nested unevenly or empty.

    >>> block([[np.ones((1, 1)), np.zeros((1, 2))], [np.zeros((2, 1)), np.ones((2, 2))]]).shape
    (3, 3)
    """
    depth = _depth(arrays)

    def rank_of(x: Any) -> int:
        return max(map(rank_of, x)) if isinstance(x, list) else typeof(x).ndim

    rank = max(depth, rank_of(arrays))

    def joined(x: Any, level: int) -> Any:
        if isinstance(x, list):
            return concatenate([joined(e, level - 1) for e in x], rank - level)
        check_arraylike("block", x)
        x = asarray_internal(x)
        return reshape(x, (1,) * (rank - x.ndim) + x.shape)

    return joined(arrays, depth)


def _depth(x: Any) -> int:
    if isinstance(x, tuple):
        raise TypeError(f"block: use lists, not tuples, to nest blocks; got {x!r}, at {describe(user_source())}.")
    if not isinstance(x, list):
        return 0
    depths = {_depth(e) for e in x}
    if len(depths) != 1:
        raise ValueError(f"block: lists must not be empty and must be nested to one depth; found depths {sorted(depths)}, at "
                         f"{describe(user_source())}.")
    return depths.pop() + 1


def _along(x: Any, start: int, stop: int, axis: int) -> Any:
    return lax_slice_in_dim(x, start, stop, axis=axis)


# -- cutting ----------------------------------------------------------------------------------------------------------

def _pieces(x: Any, bounds: Sequence[int], axis: int) -> list[Any]:
    return [lax_slice_in_dim(x, lo, max(lo, hi), axis=axis) for lo, hi in pairwise(bounds)]


def _split(name: str, ary: Any, indices_or_sections: Any, axis: int, even: bool) -> list[Any]:
    check_arraylike(name, ary)
    ary = asarray_internal(ary)
    axis = canonicalize_axis(axis, ary.ndim)
    n = ary.shape[axis]
    places = concrete_integers(name, "indices_or_sections", indices_or_sections)
    if places.ndim:
        inner = [int(i) for i in places]
        bounds = [0, *(min(max(i + n if i < 0 else i, 0), n) for i in inner), n]
        return _pieces(ary, bounds, axis)
    k = int(places)
    if k < 1 or (even and n % k):
        raise ValueError(f"{name}: an axis of size {n} cannot be split into {k} {'equal ' if even else ''}pieces, at "
                         f"{describe(user_source())}.{' Use array_split for pieces of unequal size.' if even and k > 0 else ''}")
    small, larger = divmod(n, k)
    sizes = [small + 1] * larger + [small] * (k - larger)
    return _pieces(ary, np.cumsum([0, *sizes]).tolist(), axis)


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Pieces of `ary` along an axis: so many equal ones, or cut before the given indices.

    Raises:
        ValueError: if the axis does not divide into so many.

    >>> split(np.arange(5), [2])
    [Array([0, 1], dtype=int64), Array([2, 3, 4], dtype=int64)]
    """
    return _split("split", ary, indices_or_sections, axis, True)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """As `split`; the first pieces are one longer where the axis does not divide.

    >>> [x.shape for x in array_split(np.arange(5), 2)]
    [(3,), (2,)]
    """
    return _split("array_split", ary, indices_or_sections, axis, False)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the first axis."""
    return _split("vsplit", ary, indices_or_sections, 0, True)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the second axis (vectors: along their only one)."""
    return _split("hsplit", ary, indices_or_sections, 0 if typeof(ary).ndim == 1 else 1, True)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`split` along the third axis."""
    return _split("dsplit", ary, indices_or_sections, 2, True)


# -- elements added and removed ---------------------------------------------------------------------------------------

def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """`values` after `arr` along an axis; both flattened where it is None.

    >>> append(np.array([1, 2]), 3)
    Array([1, 2, 3], dtype=int64)
    """
    return concatenate([ravel(arr), ravel(values)] if axis is None else [arr, values], 0 if axis is None else axis)


def _axis_or_flat(arr: Any, axis: int | None) -> tuple[Any, int]:
    if axis is None:
        return ravel(arr), 0
    arr = asarray_internal(arr)
    return arr, canonicalize_axis(axis, typeof(arr).ndim)


def _places(name: str, obj: Any, n: int) -> Any:
    return np.arange(*obj.indices(n)) if isinstance(obj, slice) else concrete_integers(name, "obj", obj)


def delete(arr: Any, obj: Any, axis: int | None = None, *, assume_unique_indices: bool = False) -> Any:
    """`arr` without the elements at `obj` along an axis (of the flattened array where it is None).

    Args:
        arr: an array.
        obj: a slice, an integer or integers, or a boolean mask of the axis; concrete.
        axis: the axis.
        assume_unique_indices: accepted; nothing here needs it.

    Raises:
        IndexError: if an index is out of bounds.

    >>> delete(np.arange(5), np.array([0, -1]))
    Array([1, 2, 3], dtype=int64)
    """
    check_arraylike("delete", arr)
    arr, axis = _axis_or_flat(arr, axis)
    n = arr.shape[axis]
    kept = np.delete(np.arange(n), _places("delete", obj, n))
    return getitem(arr, (*(slice(None),) * axis, kept))


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """`arr` with `values` inserted before the places `obj` along an axis (of the flattened array where it is None).

    Args:
        arr: an array.
        obj: a slice, an integer or integers; concrete. Places refer to `arr` before anything is inserted.
        values: what is inserted, in the dtype of `arr`; broadcasts.
        axis: the axis.

    Raises:
        IndexError: if a place is out of bounds.

    >>> insert(np.array([1, 2, 3]), np.array([0, 3]), 9)
    Array([9, 1, 2, 3, 9], dtype=int64)
    """
    check_arraylike("insert", arr, values)
    arr, axis = _axis_or_flat(arr, axis)
    n, places = arr.shape[axis], _places("insert", obj, arr.shape[axis])
    if places.dtype == bool:
        places = np.flatnonzero(places)
    values = convert_element_type(asarray_internal(values), arr.dtype)
    own = typeof(values).shape
    values = reshape(values, (1,) * (arr.ndim - len(own)) + own)
    if not places.ndim:
        values = move_axis(values, 0, axis)
    count = typeof(values).shape[axis] if places.size == 1 else places.size
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1:])
    where = places.reshape(-1)[0] if places.size == 1 else places
    order = np.insert(np.arange(n), where, np.arange(n, n + count))
    both = concatenate_p.bind(arr, broadcast_to(values, shape), dimension=axis)
    return getitem(both, (*(slice(None),) * axis, order))


def resize(a: Any, new_shape: Any) -> Any:
    """The elements of `a`, repeated from the start as often as needed, in another shape.

    >>> resize(np.array([1, 2, 3]), (2, 2))
    Array([[1, 2],
           [3, 1]], dtype=int64)
    """
    check_arraylike("resize", a)
    shape = integers(new_shape, "new_shape")
    if any(d < 0 for d in shape):
        raise ValueError(f"resize: all elements of new_shape must be non-negative; got {new_shape}, at {describe(user_source())}.")
    flat = ravel(a)
    need, have = int(np.prod(shape)), typeof(flat).size
    if not need or not have:
        return broadcast_in_dim(flat.dtype.type(0), shape, ())
    times = -(-need // have)
    if times > 1:
        flat = reshape(broadcast_in_dim(flat, (times, have), (1,)), (times * have,))
    return reshape(_along(flat, 0, need, 0), shape)


# -- differences ------------------------------------------------------------------------------------------------------

def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The `n`-th difference along an axis, which becomes `n` shorter; of booleans, whether neighbours differ.

    Args:
        a: an array.
        n: how often differences are taken.
        axis: the axis.
        prepend, append: values put before and after `a` first; scalars are repeated.

    >>> diff(np.array([1, 4, 9]), prepend=0)
    Array([1, 3, 5], dtype=int64)
    """
    check_arraylike("diff", a)
    a = asarray_internal(a)
    n = integer(n, "n")
    if n < 0 or not a.ndim:
        raise ValueError(f"diff: n must not be negative and a must have an axis; got n={n}, shape {a.shape}, at "
                         f"{describe(user_source())}.")
    axis = canonicalize_axis(axis, a.ndim)

    def end(value: Any) -> Any:
        check_arraylike("diff", value)
        return value if typeof(value).shape else broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1:]))

    parts = [*([] if prepend is None else [end(prepend)]), a, *([] if append is None else [end(append)])]
    a = concatenate(parts, axis) if len(parts) > 1 else a
    combine = ops.ne_p if a.dtype == bool else ops.sub_p
    for _ in range(n):
        size = a.shape[axis]
        a = combine.bind(_along(a, min(1, size), size, axis), _along(a, 0, max(size - 1, 0), axis))
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the flattened array, between `to_begin` and `to_end`.

    >>> ediff1d(np.array([1, 2, 4]), to_begin=0)
    Array([0, 1, 2], dtype=int64)
    """
    check_arraylike("ediff1d", ary)
    middle = diff(ravel(ary))
    parts = [*([] if to_begin is None else [ravel(to_begin)]), middle, *([] if to_end is None else [ravel(to_end)])]
    return concatenate([convert_element_type(p, middle.dtype) for p in parts]) if len(parts) > 1 else middle


def gradient(f: Any, *varargs: Any, axis: int | Sequence[int] | None = None, edge_order: int | None = None) -> Any:
    """The slope of samples along axes: central differences inside, one-sided ones at the ends.

    Args:
        f: samples.
        varargs: the spacing: none (1), a number, one number or array of coordinates for each axis.
        axis: the axes (all by default).
        edge_order: 1 or None.

    Returns:
        An array for one axis, a list of arrays for several.

    Raises:
        ValueError: if an axis has fewer than two samples, or the spacings do not fit.

    >>> gradient(np.array([1.0, 4.0, 9.0, 16.0]))
    Array([3., 4., 6., 7.], dtype=float64)
    """
    check_arraylike("gradient", f, *varargs)
    if edge_order not in (None, 1):
        raise NotImplementedError(f"gradient: edge_order must be 1; got {edge_order}, at {describe(user_source())}.")
    dtype = result_type(f, *varargs)[0]
    f = convert_element_type(asarray_internal(f), dtype if is_inexact(dtype) else default_float())
    axes = range(f.ndim) if axis is None else [canonicalize_axis(d, f.ndim) for d in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise ValueError(f"gradient: {len(spacings)} spacings do not fit {len(axes)} axes; give none, one, or one for each axis, at "
                         f"{describe(user_source())}.")
    out = [_slope(f, h, d) for h, d in zip(spacings, axes, strict=True)]
    return out[0] if len(out) == 1 else out


def _slope(f: Any, h: Any, axis: int) -> Any:
    n = f.shape[axis]
    if n < 2:
        raise ValueError(f"gradient: axis {axis} has {n} samples, and at least two are needed, at {describe(user_source())}.")
    d = diff(f, axis=axis)
    steps = diff(convert_element_type(h, f.dtype)) if typeof(h).shape else None
    if steps is None:
        slopes = ops.div_p.bind(d, cast(h, f.dtype))
        inner = ops.mul_p.bind(ops.add_p.bind(_along(slopes, 0, n - 2, axis), _along(slopes, 1, n - 1, axis)), f.dtype.type(0.5))
    else:
        if typeof(h).shape != (n,):
            raise ValueError(f"gradient: {typeof(h).shape} coordinates do not fit axis {axis} of size {n}, at "
                             f"{describe(user_source())}.")
        widths = broadcast_in_dim(steps, d.shape, (axis,))
        slopes = ops.div_p.bind(d, widths)
        left, right = _along(widths, 0, n - 2, axis), _along(widths, 1, n - 1, axis)
        # The slope of the parabola through three points: each one-sided slope weighs as the other step.
        before, after = _along(slopes, 0, n - 2, axis), _along(slopes, 1, n - 1, axis)
        inner = ops.div_p.bind(ops.add_p.bind(ops.mul_p.bind(right, before), ops.mul_p.bind(left, after)), ops.add_p.bind(left, right))
    return concatenate_p.bind(_along(slopes, 0, 1, axis), inner, _along(slopes, n - 2, n - 1, axis), dimension=axis)


