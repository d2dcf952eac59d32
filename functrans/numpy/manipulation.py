"""Changes of shape and order: reshape, transpose, broadcast, flip, roll, repeat and their relatives.

Nearly all are views: one or two of reshape, transpose, broadcast_in_dim, slice and rev, which compiled code turns into index maps.
A roll by a traced shift is a dynamic slice of the array laid twice; a repeat by an array of counts is a gather.

Known limits: `order` is "C" or "F". Arrays of counts in `repeat` must be concrete.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import integer, integers, sequence
from functrans.core.conversion import LIST
from functrans.core.dtypes import is_discrete
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.errors import ConcretizationTypeError
from functrans.numpy.indexing import getitem
from functrans.numpy.util import (
    asarray_internal,
    broadcast_arrays_internal,
    broadcast_shapes_internal,
    canonical_axes,
    check_arraylike,
)
from functrans.primitives import arithmetic as ops
from functrans.primitives.dynamic_slice import dynamic_slice
from functrans.primitives.movement import concatenate_p, rev
from functrans.primitives.movement import slice_in_dim as lax_slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis
from functrans.primitives.structural import reshape as lax_reshape
from functrans.primitives.structural import transpose as lax_transpose
from functrans.util import canonicalize_axis

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_shapes", "broadcast_to", "expand_dims",
    "flip", "fliplr", "flipud", "matrix_transpose", "moveaxis", "permute_dims", "ravel", "repeat", "reshape", "roll", "rollaxis",
    "rot90", "squeeze", "swapaxes", "tile", "transpose",
]


def concrete_integers(name: str, what: str, x: Any) -> np.ndarray:
    """The value of an integer argument that decides a shape or is otherwise needed at once; under `jit` a guard.

    Raises:
        ConcretizationTypeError: if it is traced and has no value.
        TypeError: if it is not made of integers or booleans.

    >>> concrete_integers("repeat", "repeats", [1, 2])
    array([1, 2])
    """
    if isinstance(x, Tracer) and x.dtype.kind in "biu":
        known = x.asked(LIST)
        if known is None:
            raise ConcretizationTypeError(
                f"{name}: {what} must be concrete, and is {x.describe()}, at {describe(user_source())}. Compute it outside the "
                "transformed function, or make it static (static_argnums or static_argnames of jit).")
        x = np.array(known, x.dtype).reshape(x.shape)
    elif isinstance(x, Tracer):
        raise TypeError(f"{name}: {what} must be integers; got dtype {x.dtype}, at {describe(user_source())}.")
    value = np.asarray(x) if isinstance(x, (list, tuple)) else to_numpy(x)
    if not is_discrete(value.dtype) and value.size:
        raise TypeError(f"{name}: {what} must be integers; got dtype {value.dtype}, at {describe(user_source())}.")
    return value if is_discrete(value.dtype) else value.astype(np.int64)


# -- reshape ----------------------------------------------------------------------------------------------------------

def _completed(shape: tuple[int, ...], size: int, old: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with its -1 replaced."""
    unknown = sum(d == -1 for d in shape)
    known = prod(d for d in shape if d != -1)
    if unknown > 1 or any(d < -1 for d in shape):
        raise ValueError(f"reshape: a shape may have one -1 and no other negative size; got {shape}, at {describe(user_source())}.")
    if unknown and known and size % known == 0:
        return tuple(size // known if d == -1 else d for d in shape)
    if unknown or known != size:
        raise TypeError(f"cannot reshape array of shape {old} (size {size}) into shape {shape} (size {known if not unknown else '?'}), "
                        f"at {describe(user_source())}.")
    return shape


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """`a` with another shape of as many elements; one size may be -1, and follows from the others.

    Args:
        a: an array.
        shape: an int or a sequence of ints.
        order: "C" (the last axis varies fastest) or "F" (the first does).
        copy: accepted; arrays are immutable, so that it makes no difference.

    Raises:
        TypeError: if the sizes do not fit.

    >>> reshape(np.arange(6), (2, -1), order="F")
    Array([[0, 2, 4],
           [1, 3, 5]], dtype=int64)
    """
    check_arraylike("reshape", a)
    a = asarray_internal(a)
    old = typeof(a)
    sizes = _completed(integers(shape, "shape"), old.size, old.shape)
    if order == "C":
        return lax_reshape(a, sizes)
    if order == "F":
        flat = lax_transpose(a, range(old.ndim)[::-1])
        return lax_transpose(lax_reshape(flat, sizes[::-1]), range(len(sizes))[::-1])
    raise NotImplementedError(f"reshape: order must be 'C' or 'F'; got {order!r}, at {describe(user_source())}. Arrays have no memory "
                              "order of their own.")


def ravel(a: Any, order: str = "C", *, out_sharding: None = None) -> Any:
    """`a` as one axis.

    >>> ravel(np.array([[1, 2], [3, 4]]), order="F")
    Array([1, 3, 2, 4], dtype=int64)
    """
    check_arraylike("ravel", a)
    if order == "K":
        raise NotImplementedError("ravel: order='K' is not supported; arrays have no memory order of their own, at "
                                  f"{describe(user_source())}. Use 'C' or 'F'.")
    return reshape(a, (-1,) if typeof(a).size else (0,), order)


def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Any:
    """`a` without axes of size 1: all of them, or those that `axis` names.

    Raises:
        ValueError: if a named axis has another size.

    >>> squeeze(np.ones((1, 3, 1)), axis=-1).shape
    (1, 3)
    """
    check_arraylike("squeeze", a)
    a = asarray_internal(a)
    shape = typeof(a).shape
    axes = tuple(i for i, n in enumerate(shape) if n == 1) if axis is None else canonical_axes(axis, len(shape))
    if any(shape[i] != 1 for i in axes):
        raise ValueError(f"squeeze: cannot select an axis to squeeze out which has size not equal to one: axis {axis} of shape {shape}, "
                         f"at {describe(user_source())}.")
    return lax_reshape(a, [n for i, n in enumerate(shape) if i not in axes])


def expand_dims(a: Any, axis: int | Sequence[int]) -> Any:
    """`a` with new axes of size 1, at the places `axis` in the result.

    >>> expand_dims(np.ones(3), (0, -1)).shape
    (1, 3, 1)
    """
    check_arraylike("expand_dims", a)
    a = asarray_internal(a)
    shape = typeof(a).shape
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(shape) + len(axes)
    new = canonical_axes(tuple(axes), rank)
    old = iter(shape)
    return lax_reshape(a, [1 if i in new else next(old) for i in range(rank)])


def _at_least(name: str, arrays: tuple[Any, ...], widen: Any) -> Any:
    check_arraylike(name, *arrays)
    out = [lax_reshape(asarray_internal(x), widen(typeof(x).shape)) for x in arrays]
    return out[0] if len(out) == 1 else out


def atleast_1d(*arys: Any) -> Any:
    """The arrays with at least one axis: scalars become ``(1,)``. One argument gives an array, several a list.

    >>> atleast_1d(2.0).shape
    (1,)
    """
    return _at_least("atleast_1d", arys, lambda s: s or (1,))


def atleast_2d(*arys: Any) -> Any:
    """The arrays with at least two axes: new ones come first.

    >>> atleast_2d(np.ones(3)).shape
    (1, 3)
    """
    return _at_least("atleast_2d", arys, lambda s: (1,) * (2 - len(s)) + s)


def atleast_3d(*arys: Any) -> Any:
    """The arrays with at least three axes: ``(n,)`` becomes ``(1, n, 1)`` and ``(m, n)`` becomes ``(m, n, 1)``.

    >>> atleast_3d(np.ones(3)).shape
    (1, 3, 1)
    """
    return _at_least("atleast_3d", arys, lambda s: {0: (1, 1, 1), 1: (1, *s, 1), 2: (*s, 1)}.get(len(s), s))


# -- order of axes ----------------------------------------------------------------------------------------------------

def transpose(a: Any, axes: Sequence[int] | None = None) -> Any:
    """`a` with its axes permuted, by default reversed: axis ``i`` of the result is axis ``axes[i]`` of `a`.

    Raises:
        ValueError: if `axes` is not a permutation.

    >>> transpose(np.ones((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    check_arraylike("transpose", a)
    a = asarray_internal(a)
    n = typeof(a).ndim
    if axes is None:
        return lax_transpose(a, range(n)[::-1])
    order = [canonicalize_axis(i, n) for i in sequence(axes, "axes")]
    if sorted(order) != list(range(n)):
        raise ValueError(f"transpose: axes {tuple(axes)} are not a permutation of the {n} axes, at {describe(user_source())}.")
    return lax_transpose(a, order)


def permute_dims(a: Any, /, axes: Sequence[int]) -> Any:
    """`transpose` with explicit axes (the Array API's name).

    >>> permute_dims(np.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return transpose(a, axes)


class RankError(ValueError, AttributeError):
    """An array has too few axes: a ValueError, and for ``hasattr(x, "mT")`` an attribute that is not there."""


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged.

    Raises:
        ValueError: for an array of fewer than two axes.

    >>> matrix_transpose(np.ones((5, 2, 3))).shape
    (5, 3, 2)
    """
    check_arraylike("matrix_transpose", x)
    if typeof(x).ndim < 2:
        raise RankError(f"matrix_transpose: x must be at least two-dimensional; got shape {typeof(x).shape}, at "
                         f"{describe(user_source())}.")
    return swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged.

    >>> swapaxes(np.ones((2, 3, 4)), 0, -1).shape
    (4, 3, 2)
    """
    check_arraylike("swapaxes", a)
    a = asarray_internal(a)
    n = typeof(a).ndim
    order = list(range(n))
    i, j = canonicalize_axis(axis1, n), canonicalize_axis(axis2, n)
    order[i], order[j] = j, i
    return lax_transpose(a, order)


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places; the rest keep their order.

    Raises:
        ValueError: if `source` and `destination` differ in length or name an axis twice.

    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    check_arraylike("moveaxis", a)
    a = asarray_internal(a)
    n = typeof(a).ndim
    sources, targets = ([canonicalize_axis(i, n) for i in (v if isinstance(v, (tuple, list)) else (v,))] for v in (source, destination))
    if len(sources) != len(targets) or len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise ValueError(f"moveaxis: source {source} and destination {destination} must be equally many distinct axes, at "
                         f"{describe(user_source())}.")
    order = [i for i in range(n) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return lax_transpose(a, order)


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved back until it stands before axis `start`. `moveaxis` is easier to read.

    >>> rollaxis(np.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    check_arraylike("rollaxis", a)
    n = typeof(a).ndim
    axis = canonicalize_axis(axis, n)
    start = canonicalize_axis(start, n + 1) if start >= 0 else canonicalize_axis(start, n)
    return move_axis(asarray_internal(a), axis, start - (axis < start))


# -- broadcast --------------------------------------------------------------------------------------------------------

def broadcast_to(array: Any, shape: Any, *, out_sharding: None = None) -> Any:
    """`array` repeated to `shape`: sizes, aligned from the last, must be equal or 1.

    Raises:
        ValueError: if the shapes do not fit.

    >>> broadcast_to(np.array([1, 2]), (2, 2))
    Array([[1, 2],
           [1, 2]], dtype=int64)
    """
    check_arraylike("broadcast_to", array)
    array = asarray_internal(array)
    old, sizes = typeof(array).shape, integers(shape, "shape")
    if len(old) > len(sizes) or any(n not in (1, m) for n, m in zip(old[::-1], sizes[::-1], strict=False)):
        raise ValueError(f"Incompatible shapes for broadcasting: {old} and requested shape {sizes}, at {describe(user_source())}.")
    return broadcast_in_dim(array, sizes, range(len(sizes) - len(old), len(sizes)))


def broadcast_arrays(*args: Any) -> list[Any]:
    """The arrays repeated to their common shape.

    >>> [x.shape for x in broadcast_arrays(np.ones((2, 1)), np.ones(3))]
    [(2, 3), (2, 3)]
    """
    check_arraylike("broadcast_arrays", *args)
    return broadcast_arrays_internal(*map(asarray_internal, args)) if args else []


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        ValueError: if there is none.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return broadcast_shapes_internal("broadcast_shapes", [integers(s, "s") for s in shapes]) if shapes else ()


# -- order of elements ------------------------------------------------------------------------------------------------

def flip(m: Any, axis: int | Sequence[int] | None = None) -> Any:
    """The order of elements reversed along `axis` (by default along all axes).

    >>> flip(np.array([[1, 2], [3, 4]]), 0)
    Array([[3, 4],
           [1, 2]], dtype=int64)
    """
    check_arraylike("flip", m)
    m = asarray_internal(m)
    return rev(m, canonical_axes(axis, typeof(m).ndim))


def flipud(m: Any) -> Any:
    """`flip` along the first axis."""
    return flip(m, 0)


def fliplr(m: Any) -> Any:
    """`flip` along the second axis."""
    return flip(m, 1)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """The plane of two axes turned by `k` quarters, from the first axis towards the second.

    >>> rot90(np.array([[1, 2], [3, 4]]))
    Array([[2, 4],
           [1, 3]], dtype=int64)
    """
    check_arraylike("rot90", m)
    m = asarray_internal(m)
    n = typeof(m).ndim
    first, second = (canonicalize_axis(a, n) for a in sequence(axes, "axes", 2))
    if first == second:
        raise ValueError(f"rot90: axes must be different; got {axes}, at {describe(user_source())}.")
    k = integer(k, "k") % 4
    if k == 2:
        return rev(m, (first, second))
    if k == 1:
        return swapaxes(rev(m, (second,)), first, second)
    return rev(swapaxes(m, first, second), (second,)) if k else m


def roll(a: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Elements shifted along axes; those that leave at one end come in at the other.

    Args:
        a: an array.
        shift: an integer or one for each axis; may be traced.
        axis: the axes; None rolls the flattened array.

    >>> roll(np.arange(5), 2)
    Array([3, 4, 0, 1, 2], dtype=int64)
    """
    check_arraylike("roll", a)
    a = asarray_internal(a)
    if axis is None:
        return lax_reshape(roll(ravel(a), shift, 0), typeof(a).shape)
    axes = integers(axis, "axis")
    if isinstance(shift, (tuple, list)):
        shifts = list(shift)
    elif typeof(shift).shape:
        shifts = [getitem(shift, i) for i in range(typeof(shift).shape[0])]
    else:
        shifts = [shift]
    if len(shifts) == 1 or len(axes) == 1:  # the one is meant for all
        count = max(len(shifts), len(axes))
        shifts, axes = shifts * (count // len(shifts)), axes * (count // len(axes))
    if len(shifts) != len(axes):
        raise ValueError(f"roll: {len(shifts)} shifts do not fit {len(axes)} axes; give one for all or one for each, at "
                         f"{describe(user_source())}.")
    for s, d in zip(shifts, axes, strict=True):
        a = _rolled(a, s, canonicalize_axis(d, typeof(a).ndim))
    return a


def _rolled(a: Any, shift: Any, axis: int) -> Any:
    shape = typeof(a).shape
    n = shape[axis]
    if not n:
        return a
    if isinstance(shift, Tracer):
        start = ops.sub_p.bind(np.int64(0), ops.rem_p.bind(convert_element_type(shift, np.int64), np.int64(n)))
        start = ops.rem_p.bind(ops.add_p.bind(start, np.int64(n)), np.int64(n))
        twice = concatenate_p.bind(a, a, dimension=axis)
        return dynamic_slice(twice, [start if d == axis else 0 for d in range(len(shape))], shape)
    k = int(concrete_integers("roll", "shift", shift)) % n
    if not k:
        return a
    return concatenate_p.bind(lax_slice_in_dim(a, n - k, n, axis=axis), lax_slice_in_dim(a, 0, n - k, axis=axis), dimension=axis)


# -- repetition -------------------------------------------------------------------------------------------------------

def tile(A: Any, reps: Any) -> Any:
    """`A` laid out side by side, ``reps[i]`` times along axis i (aligned from the last).

    >>> tile(np.array([1, 2]), (2, 2))
    Array([[1, 2, 1, 2],
           [1, 2, 1, 2]], dtype=int64)
    """
    check_arraylike("tile", A)
    A = asarray_internal(A)
    counts = integers(reps, "reps")
    shape = typeof(A).shape
    rank = max(len(counts), len(shape))
    counts, shape = (1,) * (rank - len(counts)) + counts, (1,) * (rank - len(shape)) + shape
    pairs = [n for count, size in zip(counts, shape, strict=True) for n in (count, size)]
    spread = broadcast_in_dim(lax_reshape(A, shape), pairs, range(1, 2 * rank, 2))
    return lax_reshape(spread, [count * size for count, size in zip(counts, shape, strict=True)])


def repeat(a: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None, out_sharding: None = None) -> Any:
    """Each element of an axis repeated in place.

    Args:
        a: an array.
        repeats: how often: an integer, or one for each element of the axis; must be concrete.
        axis: the axis; None flattens first.
        total_repeat_length: the size of the result: what is longer is cut, what is shorter filled with the last element.

    Raises:
        ConcretizationTypeError: for traced `repeats`.
        ValueError: for negative counts, or another number of counts than elements.

    >>> repeat(np.array([1, 2]), np.array([1, 3]))
    Array([1, 2, 2, 2], dtype=int64)
    """
    check_arraylike("repeat", a)
    a = ravel(a) if axis is None else asarray_internal(a)
    shape = typeof(a).shape
    if not shape:
        a, shape = lax_reshape(a, (1,)), (1,)
    axis = canonicalize_axis(0 if axis is None else axis, len(shape))
    n = shape[axis]
    counts = concrete_integers("repeat", "repeats", repeats)
    if counts.ndim > 1 or counts.size not in (1, n) or (counts < 0).any():
        raise ValueError(f"repeat: repeats must be one non-negative integer, or one for each of the {n} elements of axis {axis}; got "
                         f"{counts.tolist()}, at {describe(user_source())}.")
    if counts.size == 1 and total_repeat_length is None:
        k = int(counts.reshape(()))
        spread = broadcast_in_dim(a, (*shape[:axis + 1], k, *shape[axis + 1:]), [d + (d > axis) for d in range(len(shape))])
        return lax_reshape(spread, (*shape[:axis], n * k, *shape[axis + 1:]))
    index = np.repeat(np.arange(n), counts)
    if total_repeat_length is not None:
        index = np.concatenate([index, np.full(max(0, total_repeat_length - len(index)), n - 1)])[:total_repeat_length]
    return getitem(a, (*(slice(None),) * axis, index))
