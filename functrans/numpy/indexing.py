"""Indexing: ``x[index]`` with all of NumPy's meaning, and ``x.at[index]`` for changed copies.

An index is parsed once into entries, one for each axis it names (an integer, a slice, an index array) or makes (None, a scalar
boolean); NumPy's rule says where the axes of index arrays go: in place of the first one if all stand side by side (integers count
among them), else first (https://numpy.org/doc/stable/user/basics.indexing.html#combining-advanced-and-basic-indexing).

Reading: the static part becomes at most one slice, one rev and one reshape, all of them views; index arrays and traced integers
become one gather. Writing: a block without index arrays is one dynamic_update_slice (set) or one scatter of one window; anything
else is one scatter, in which strided slices count as index arrays. Evaluation outside all transformations hands the index to NumPy.

Negative indices count from the end. An index out of bounds raises IndexError, static or traced, unless ``mode`` allows it.

Known limits: a boolean mask must be concrete, except in ``x.at[mask]`` with updates that do not vary along the mask. Bounds of
slices must be concrete.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.core.array import Array
from functrans.core.dtypes import promote
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.errors import NonConcreteBooleanIndexError, TracerIntegerConversionError
from functrans.numpy.util import asarray_internal, cast, check_arraylike, evaluating
from functrans.primitives import arithmetic as ops
from functrans.primitives.indexing import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    gather_p,
    scatter_add_p,
    scatter_max_p,
    scatter_min_p,
    scatter_mul_p,
    scatter_p,
)
from functrans.primitives.logic import lt_p
from functrans.primitives.dynamic_slice import dynamic_update_slice_p
from functrans.primitives.movement import concatenate_p, full, rev
from functrans.primitives.movement import slice as lax_slice
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape

__all__ = ["IndexUpdateHelper", "IndexUpdateRef", "getitem", "wrapped_indices"]

_BASIC = frozenset({int, slice, type(None), type(Ellipsis)})
_ERROR, _PROMISE = GatherScatterMode.ERROR, GatherScatterMode.PROMISE_IN_BOUNDS
_INT64 = np.dtype(np.int64)


# -- parsing ----------------------------------------------------------------------------------------------------------

class _Entry(NamedTuple):
    """One part of an index. `kind` is "int", "slice", "array" (traced integers too), "none", "flag" or "gap" (an empty ``...``)."""

    kind: str
    axis: int = -1
    value: Any = None
    """int: its value; slice: ``(start, step, length)``; array, flag: the index array."""


class _Plan(NamedTuple):
    """A parsed index: its entries, the common shape of its arrays, and where the axes of that shape go in the result."""

    entries: list[_Entry]
    place_shape: tuple[int, ...]
    place_at: int
    mode: GatherScatterMode

    def result_shape(self) -> tuple[int, ...]:
        sizes = [1 if e.kind == "none" else e.value[2] for e in self.entries if e.kind in ("none", "slice")]
        return (*sizes[:self.place_at], *self.place_shape, *sizes[self.place_at:])


def _mode(mode: Any) -> GatherScatterMode:
    return _ERROR if mode is None else GatherScatterMode.from_any(mode)


def _out_of_bounds(index: Any, axis: int, size: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for axis {axis} with size {size}, at {describe(user_source())}. "
                      'Use x.at[index].get(mode="clip") or mode="fill" to read it, x.at[index].set(value, mode="drop") to skip it.')


def wrapped_indices(index: Any, size: int, axis: int, mode: GatherScatterMode = _ERROR, wrap: bool = True) -> tuple[Any, bool]:
    """Integer indices as int64 with negative ones counted from the end, and whether they are known to be in bounds.

    Raises:
        IndexError: for concrete indices out of bounds, in mode ERROR.

    >>> wrapped_indices(np.array([-1, 0]), 3, 0)
    (array([2, 0]), True)
    """
    if isinstance(index, np.ndarray):
        raw = np.minimum(index, size).astype(_INT64) if index.dtype == np.uint64 else index.astype(_INT64)
        out = np.where(raw < 0, raw + size, raw) if wrap else raw
        inside = (out >= 0) & (out < size)
        safe = bool(inside.all())
        if not safe and mode is _ERROR:
            raise _out_of_bounds(index[~inside].flat[0], axis, size)
        return out, safe
    dtype = typeof(index).dtype
    if dtype.kind == "u":
        if dtype == np.uint64:
            index = ops.min_p.bind(index, np.uint64(size))
        return convert_element_type(index, _INT64), False
    index = convert_element_type(index, _INT64)
    if not wrap:
        return index, False
    return ops.select_n_p.bind(lt_p.bind(index, np.int64(0)), index, ops.add_p.bind(index, np.int64(size))), False


def _concrete(x: Any) -> np.ndarray | None:
    """The value of `x` as an ndarray, None where there is none."""
    if isinstance(x, Tracer):
        x = x.concrete()
        if x is None or isinstance(x, Tracer):
            return None
    return to_numpy(x)


def _component(i: Any) -> Any:
    """A part of an index as int, slice, None, Ellipsis, an ndarray, or a traced integer array.

    Raises:
        TypeError: for other types and dtypes.
        NonConcreteBooleanIndexError: for traced booleans.
    """
    kind = type(i)
    if kind in _BASIC:
        return i
    if kind is bool:
        return np.asarray(i)
    if isinstance(i, (list, tuple)):
        i = np.asarray([_as_number(e) for e in i]) if len(i) else np.zeros(0, _INT64)
    if isinstance(i, str):
        raise TypeError(f"arrays have no fields: x[{i!r}], at {describe(user_source())}. Index with integers, slices or arrays.")
    if not hasattr(i, "dtype"):
        try:
            return operator.index(i)
        except TypeError:
            raise TypeError(f"an index must be made of integers, slices, None, Ellipsis and integer or boolean arrays; got "
                            f"{type(i).__name__} {i!r}, at {describe(user_source())}.") from None
    aval = typeof(i)
    if aval.dtype.kind not in "biu":
        raise TypeError(f"an index must have integer or boolean type; got {aval}, at {describe(user_source())}. "
                        'Convert it first: index.astype("int64").')
    if aval.dtype.kind == "b":
        value = _concrete(i)
        if value is None:
            raise NonConcreteBooleanIndexError(
                f"{i.describe()} was used as a boolean index, so the shape of the result would depend on its values, at "
                f"{describe(user_source())}. Use functrans.numpy.where(mask, x, fill) in place of x[mask], or "
                "functrans.numpy.where(mask, value, x) in place of x.at[mask].set(value).")
        return value
    if isinstance(i, Tracer):
        return i
    value = to_numpy(i)
    return value if value.ndim else int(value)


def _as_number(e: Any) -> Any:
    return to_numpy(e) if hasattr(e, "dtype") else [_as_number(d) for d in e] if isinstance(e, (list, tuple)) else e


def _slice_entry(s: slice, axis: int, size: int) -> _Entry:
    try:
        start, stop, step = s.indices(size)
    except TracerIntegerConversionError as error:
        raise IndexError(f"the bounds of a slice must be static integers; got {s} for axis {axis}, at {describe(user_source())}. "
                         "Use functrans.lax.dynamic_slice_in_dim(x, start, size, axis), whose start may be traced.") from error
    return _Entry("slice", axis, (start, step, len(range(start, stop, step))))


def _parse(shape: tuple[int, ...], index: Any, mode: GatherScatterMode, wrap: bool = True) -> _Plan:
    """The plan of an index into an array of `shape`."""
    if isinstance(index, list):
        raise TypeError(f"a list is not an index: x[{index!r}], at {describe(user_source())}. Use x[functrans.numpy.array({index!r})] "
                        "to pick elements, or a tuple to index several axes.")
    parts = [_component(i) for i in (index if isinstance(index, tuple) else (index,))]
    used = sum(p.ndim if isinstance(p, np.ndarray) and p.dtype == bool else p is not None and p is not Ellipsis for p in parts)
    dots = sum(p is Ellipsis for p in parts)
    if dots > 1:
        raise IndexError(f"an index can have only one ellipsis ('...'); got {dots}, at {describe(user_source())}.")
    if used > len(shape):
        raise IndexError(f"too many indices for array: the array has {len(shape)} axes (shape {shape}), but {used} were indexed, at "
                         f"{describe(user_source())}.")
    if not dots:
        parts.append(Ellipsis)
    entries: list[_Entry] = []
    axis, safe = 0, True
    for p in parts:
        if p is None:
            entries.append(_Entry("none"))
        elif p is Ellipsis:
            rest = len(shape) - used
            entries += [_Entry("slice", a, (0, 1, shape[a])) for a in range(axis, axis + rest)] or [_Entry("gap")]
            axis += rest
        elif type(p) is int:
            size = shape[axis]
            if not -size <= p < size if wrap else not 0 <= p < size:
                if mode is _ERROR:
                    raise _out_of_bounds(p, axis, size)
                safe = False
                entries.append(_Entry("array", axis, np.asarray(p + size if p < 0 and wrap else p)))
            else:
                entries.append(_Entry("int", axis, p + size if p < 0 else p))
            axis += 1
        elif isinstance(p, slice):
            entries.append(_slice_entry(p, axis, shape[axis]))
            axis += 1
        elif isinstance(p, np.ndarray) and p.dtype == bool:
            if p.ndim == 0:
                entries.append(_Entry("flag", -1, np.zeros(int(p), _INT64)))
            for d, (found, n) in enumerate(zip(p.nonzero() if p.ndim else (), p.shape, strict=True)):
                if n != shape[axis + d]:
                    raise IndexError(f"boolean index did not match indexed array along axis {axis + d}; size of axis is "
                                     f"{shape[axis + d]} but size of corresponding boolean axis is {n}, at {describe(user_source())}.")
                entries.append(_Entry("array", axis + d, found))
            axis += p.ndim
        else:
            value, known = wrapped_indices(p, shape[axis], axis, mode, wrap)
            safe = safe and known
            entries.append(_Entry("array", axis, value))
            axis += 1
    return _placed(entries, _PROMISE if safe else mode)


def _placed(entries: list[_Entry], mode: GatherScatterMode) -> _Plan:
    """Find the common shape of the index arrays and NumPy's place for it."""
    shapes = [np.shape(e.value) for e in entries if e.kind in ("array", "flag")]
    try:
        place_shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise IndexError("shape mismatch: indexing arrays could not be broadcast together with shapes "
                         f"{' '.join(map(str, shapes))}, at {describe(user_source())}.") from None
    place_at = 0
    if any(shapes):  # otherwise there are scalars only, and no axes to place
        advanced = [i for i, e in enumerate(entries) if e.kind in ("array", "flag", "int")]
        first, last = advanced[0], advanced[-1]
        if last - first + 1 == len(advanced):
            place_at = sum(e.kind in ("slice", "none") for e in entries[:first])
    return _Plan(entries, place_shape, place_at, mode)


# -- reading ----------------------------------------------------------------------------------------------------------

def getitem(x: Any, index: Any) -> Any:
    """``x[index]``, as NumPy defines it.

    Args:
        x: an array.
        index: integers and integer arrays (traced ones too), slices, ``...``, None, concrete boolean arrays, or a tuple of these.

    Raises:
        IndexError: if an index is out of bounds, or does not fit the shape.
        TypeError: if the index is a list, or of another type.
        NonConcreteBooleanIndexError: for a traced boolean mask.

    >>> x = asarray_internal(np.arange(12).reshape(3, 4))
    >>> getitem(x, (-1, slice(None, None, 2)))
    Array([ 8, 10], dtype=int64)
    >>> getitem(x, (np.array([0, 2]), np.array([1, -1])))
    Array([ 1, 11], dtype=int64)
    """
    if type(x) is Array and evaluating():
        found = _evaluated(x, index)
        if found is not None:
            return found
    return _getitem(x, index)


def _evaluated(x: Array, index: Any) -> Array | None:
    """NumPy's answer, None where it has none: the general path raises the error, with the user's line."""
    kind = type(index)
    basic = kind in _BASIC
    if not basic:
        parts = index if kind is tuple else (index,)
        basic = all([type(p) in _BASIC for p in parts])
        if not basic:
            parts = tuple([p._value if type(p) is Array else p for p in parts])
            if any([type(p) not in _BASIC and not (type(p) is np.ndarray and p.dtype.kind in "biu") for p in parts]):
                return None
        index = parts
    elif index is not Ellipsis:
        index = (index, Ellipsis)
    try:
        out = x._value[index]
        if type(out) is not np.ndarray:  # a tuple of integers for all axes
            out = x._value[(*index, Ellipsis)] if basic else np.asarray(out)
    except IndexError:
        return None
    return Array(out, x._weak)


def _getitem(x: Any, index: Any, *, mode: GatherScatterMode = _ERROR, indices_are_sorted: bool = False, unique_indices: bool = False,
             fill_value: Any = None, wrap: bool = True) -> Any:
    """The general path: see the module docstring."""
    x = asarray_internal(x)
    plan = _parse(typeof(x).shape, index, mode, wrap)
    x = _static_part(x, plan.entries)
    entries = [e for e in plan.entries if e.kind in ("slice", "none", "array")]
    # An axis for each of these, in order: an index array has not been applied yet.
    sizes = [1 if e.kind == "none" else e.value[2] if e.kind == "slice" else n
             for e, n in zip(entries, _sizes_after_static(x, entries), strict=True)]
    x = reshape(x, sizes)
    if not any(e.kind in ("array", "flag") for e in plan.entries):
        return x
    indexed = [(a, e.value) for a, e in enumerate(entries) if e.kind == "array"]
    shape, rank = plan.result_shape(), len(plan.place_shape)
    if not all(shape) or any(sizes[a] == 0 for a, _ in indexed):
        return _nothing_to_gather(x, plan, shape, fill_value)
    places = range(plan.place_at, plan.place_at + rank)
    collapsed = tuple(a for a, _ in indexed)
    numbers = GatherDimensionNumbers(tuple(i for i in range(len(shape)) if i not in places), collapsed, collapsed)
    return gather_p.bind(
        x, index_vectors([v for _, v in indexed], plan.place_shape), dimension_numbers=numbers,
        slice_sizes=tuple(1 if a in collapsed else n for a, n in enumerate(sizes)), indices_are_sorted=indices_are_sorted,
        unique_indices=unique_indices, mode=plan.mode,
        fill_value=None if fill_value is None else np.asarray(fill_value).item())


def _nothing_to_gather(x: Any, plan: _Plan, shape: tuple[int, ...], fill_value: Any) -> Any:
    aval = typeof(x)
    if all(shape) and plan.mode is _ERROR:
        axis = next(e.axis for e in plan.entries if e.kind == "array")
        raise IndexError(f"an axis of size 0 cannot be indexed (axis {axis} among others), at {describe(user_source())}.")
    fill = fill_value if fill_value is not None else np.nan if aval.dtype.kind in "fc" else 0
    return full(shape, aval.dtype.type(fill))


def _static_part(x: Any, entries: Sequence[_Entry]) -> Any:
    """`x` with slices and static integers applied; integers leave an axis of size 1."""
    shape = typeof(x).shape
    starts, limits, steps = [0] * len(shape), list(shape), [1] * len(shape)
    reversed_axes = []
    for e in entries:
        if e.kind == "int":
            starts[e.axis], limits[e.axis] = e.value, e.value + 1
        elif e.kind == "slice":
            start, step, length = e.value
            if not length:
                starts[e.axis] = limits[e.axis] = 0
                continue
            last = start + (length - 1) * step
            starts[e.axis], limits[e.axis] = min(start, last), max(start, last) + 1
            steps[e.axis] = abs(step) if length > 1 else 1
            if step < 0 and length > 1:
                reversed_axes.append(e.axis)
    return rev(lax_slice(x, starts, limits, steps), reversed_axes)


def _sizes_after_static(x: Any, entries: Sequence[_Entry]) -> list[int]:
    shape = typeof(x).shape
    return [shape[e.axis] if e.axis >= 0 else 1 for e in entries]


def index_vectors(components: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Index arrays that broadcast to `shape`, as vectors along a new last axis: an ndarray if all are."""
    if all(isinstance(c, np.ndarray) for c in components):
        out = np.empty((*shape, len(components)), _INT64)
        for k, c in enumerate(components):
            out[..., k] = c
        return out
    columns = []
    for c in components:
        own = np.shape(c)
        columns.append(reshape(broadcast_in_dim(c, shape, range(len(shape) - len(own), len(shape))), (*shape, 1)))
    return columns[0] if len(columns) == 1 else concatenate_p.bind(*columns, dimension=len(shape))


# -- writing ----------------------------------------------------------------------------------------------------------

def _update_in_dtype(x: Any, y: Any) -> Any:
    """The updates in the dtype of `x`, with a warning where that loses more than digits."""
    check_arraylike("x.at[...] update", y)
    aval, given = typeof(x), typeof(y)
    joined = promote(aval.dtype, aval.weak_type, given.dtype, given.weak_type)[0]
    order = "biufc"
    if order.index(joined.kind.replace("u", "i")) > order.index(aval.dtype.kind.replace("u", "i")):
        warnings.warn(f"updates of dtype {given.dtype} are converted to {aval.dtype}, that of the array, which loses information. "
                      "Convert one of them first.", FutureWarning, stacklevel=4)
    return cast(y, aval.dtype) if given.dtype != aval.dtype or given.weak_type else y


def _spread_update(y: Any, shape: tuple[int, ...]) -> Any:
    """The updates broadcast to `shape`; leading axes of size 1 may be too many, as in NumPy's assignment."""
    own = typeof(y).shape
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    if len(own) > len(shape) or any(n not in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False)):
        raise ValueError(f"x.at[...]: updates of shape {typeof(y).shape} do not broadcast to the indexed shape {shape}, at "
                         f"{describe(user_source())}.")
    return broadcast_in_dim(reshape(y, own), shape, range(len(shape) - len(own), len(shape)))


_SCATTERS: dict[str, tuple[Any, np.ufunc | None]] = {
    "set": (scatter_p, None), "add": (scatter_add_p, np.add), "mul": (scatter_mul_p, np.multiply),
    "min": (scatter_min_p, np.minimum), "max": (scatter_max_p, np.maximum)}
_MASKED = {"add": ops.add_p, "mul": ops.mul_p, "min": ops.min_p, "max": ops.max_p}


def _updated(x: Any, index: Any, y: Any, op: str, mode: Any, sorted_: bool, unique: bool, wrap: bool) -> Any:
    """A copy of `x` with `y` combined into ``x[index]``."""
    y = _update_in_dtype(x, y)
    if mode is None and evaluating() and type(x) is Array and not isinstance(y, Tracer) and wrap:
        found = _updated_now(x, index, to_numpy(y), op)
        if found is not None:
            return found
    if isinstance(index, Tracer) and index.dtype == bool and index.concrete() is None and typeof(y).ndim <= x.ndim - index.ndim:
        return _masked_update(x, index, y, op)
    plan = _parse(x.shape, index, _mode(mode), wrap)
    shape = plan.result_shape()
    y = _spread_update(y, shape)
    if not all(shape):
        return x
    if any(e.kind == "array" and x.shape[e.axis] == 0 for e in plan.entries):
        if plan.mode is _ERROR:
            raise IndexError(f"an axis of size 0 cannot be indexed, at {describe(user_source())}.")
        return x
    return _scattered(x, plan, y, op, sorted_, unique)


def _updated_now(x: Array, index: Any, y: np.ndarray, op: str) -> Array | None:
    """NumPy's answer, None where it has none."""
    parts = tuple([p._value if type(p) is Array else p for p in (index if type(index) is tuple else (index,))])
    if any([type(p) not in _BASIC and not (type(p) is np.ndarray and p.dtype.kind in "biu") for p in parts]):
        return None
    out = np.array(x._value)
    ufunc = _SCATTERS[op][1]
    try:
        with np.errstate(all="ignore"):
            if ufunc is None:
                out[parts] = y
            elif all([type(p) in _BASIC for p in parts]):
                out[parts] = ufunc(out[parts], y)
            else:
                ufunc.at(out, parts, y)
    except (IndexError, ValueError):
        return None
    return Array(out)


def _masked_update(x: Any, mask: Any, y: Any, op: str) -> Any:
    if x.shape[:mask.ndim] != mask.shape:
        raise IndexError(f"a boolean index of shape {mask.shape} does not fit an array of shape {x.shape}, at {describe(user_source())}.")
    y = _spread_update(y, x.shape)
    value = y if op == "set" else _MASKED[op].bind(x, y)
    return ops.select_n_p.bind(broadcast_in_dim(mask, x.shape, range(mask.ndim)), x, value)


def _scattered(x: Any, plan: _Plan, y: Any, op: str, sorted_: bool, unique: bool) -> Any:
    prim = _SCATTERS[op][0]
    entries = plan.entries
    static = not any(e.kind in ("array", "flag") for e in entries)
    strided = {e.axis for e in entries if e.kind == "slice" and e.value[1] != 1 and e.value[2] > 1}
    if static and not strided and op == "set":
        return _set_block(x, entries, y)
    # The axes of the result, in order: "place" axes hold index vectors, "window" axes lie along the operand, None axes vanish.
    axes: list[tuple[str, int, int]] = []
    for e in entries:
        if e.kind == "none":
            axes.append(("none", -1, 1))
        elif e.kind == "slice":
            axes.append(("strided" if e.axis in strided else "window", e.axis, e.value[2]))
    axes[plan.place_at:plan.place_at] = [("place", d, n) for d, n in enumerate(plan.place_shape)]
    axes = [a for a in axes if a[0] != "none"]
    y = reshape(y, [n for _, _, n in axes])
    places = [a for a in axes if a[0] != "window"]
    place_shape = tuple(n for _, _, n in places)
    where = {("place", d): i for i, (kind, d, _) in enumerate(places) if kind == "place"}
    lines = {a: i for i, (kind, a, _) in enumerate(places) if kind == "strided"}
    components: list[Any] = []
    target: list[int] = []
    inserted: list[int] = []
    for e in entries:
        if e.kind == "array":
            own = np.shape(e.value)
            aligned = [1] * len(place_shape)
            for i, n in enumerate(own, len(plan.place_shape) - len(own)):
                aligned[where["place", i]] = n
            components.append(e.value.reshape(aligned) if isinstance(e.value, np.ndarray) else reshape(e.value, aligned))
        elif e.kind == "int":
            components.append(np.full((1,) * len(place_shape), e.value))
        elif e.kind == "slice" and e.axis in strided:
            start, step, length = e.value
            components.append((start + step * np.arange(length)).reshape(
                [length if i == lines[e.axis] else 1 for i in range(len(places))]))
        elif e.kind == "slice" and e.value[2] != x.shape[e.axis]:
            components.append(np.full((1,) * len(place_shape), e.value[0]))
            target.append(e.axis)
            continue
        else:
            continue
        target.append(e.axis)
        inserted.append(e.axis)
    numbers = ScatterDimensionNumbers(tuple(i for i, a in enumerate(axes) if a[0] == "window"), tuple(inserted), tuple(target))
    return prim.bind(x, index_vectors(components, place_shape), y, dimension_numbers=numbers, indices_are_sorted=sorted_ or static,
                     unique_indices=unique or static, mode=plan.mode)


def _set_block(x: Any, entries: Sequence[_Entry], y: Any) -> Any:
    starts, sizes = [0] * x.ndim, [1] * x.ndim
    for e in entries:
        if e.kind == "int":
            starts[e.axis] = e.value
        elif e.kind == "slice":
            starts[e.axis], sizes[e.axis] = e.value[0], e.value[2]
    y = reshape(y, sizes)
    return asarray_internal(y) if tuple(sizes) == x.shape else dynamic_update_slice_p.bind(x, y, *map(np.int64, starts))


class IndexUpdateHelper:
    """``x.at``: indexed, it gives changed copies of ``x``.

    >>> x = asarray_internal(np.zeros(3))
    >>> IndexUpdateHelper(x)[1].set(5.0)
    Array([0., 5., 0.], dtype=float64)
    """

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, index: Any) -> IndexUpdateRef:
        return IndexUpdateRef(asarray_internal(self.array), index)

    def __repr__(self) -> str:
        return f"IndexUpdateHelper({self.array!r})"


class IndexUpdateRef:
    """``x.at[index]``: the place; its methods give copies of ``x`` changed there.

    Common arguments: `mode` says what becomes of indices out of bounds: None or ``"error"`` raises IndexError, ``"drop"`` (``"fill"``
    for `get`) skips them, ``"clip"`` takes the nearest, ``"promise_in_bounds"`` does not look. ``unique_indices`` and
    ``indices_are_sorted`` are promises; derivatives of `multiply` need the first. ``wrap_negative_indices=False`` makes negative
    indices out of bounds. Of several updates to one element, `set` keeps the last; the others combine all.

    >>> x = asarray_internal(np.arange(3.0))
    >>> IndexUpdateRef(x, np.array([0, 0])).add(np.array([1.0, 2.0]))
    Array([3., 1., 2.], dtype=float64)
    """

    __slots__ = ("array", "index")

    def __init__(self, array: Any, index: Any) -> None:
        self.array = array
        self.index = index

    def __repr__(self) -> str:
        return f"IndexUpdateRef({self.array!r}, {self.index!r})"

    def get(self, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None, fill_value: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """``x[index]``; ``mode="fill"`` gives `fill_value` (by default nan, or an extreme integer) out of bounds.

        >>> IndexUpdateRef(asarray_internal(np.arange(3.0)), 7).get(mode="fill", fill_value=-1)
        Array(-1., dtype=float64)
        """
        if mode is None and fill_value is None and wrap_negative_indices:
            return getitem(self.array, self.index)
        if mode is None and fill_value is not None:
            mode = "fill"
        return _getitem(self.array, self.index, mode=_mode(mode), indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
                        fill_value=fill_value, wrap=wrap_negative_indices)

    def set(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] = values``."""
        return _updated(self.array, self.index, values, "set", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def add(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] += values``; repeated indices add up."""
        return _updated(self.array, self.index, values, "add", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def subtract(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
                 wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] -= values``."""
        values = ops.neg_p.bind(_update_in_dtype(self.array, values))
        return _updated(self.array, self.index, values, "add", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def multiply(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
                 wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] *= values``."""
        return _updated(self.array, self.index, values, "mul", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    mul = multiply

    def divide(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
               wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] /= values``; `x` must be floating or complex."""
        return ops.div_p.bind(self.array, self._factors(values, mode, indices_are_sorted, unique_indices, wrap_negative_indices))

    def power(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
              wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] **= values``."""
        return ops.pow(self.array, self._factors(values, mode, indices_are_sorted, unique_indices, wrap_negative_indices))

    def _factors(self, values: Any, mode: Any, sorted_: bool, unique: bool, wrap: bool) -> Any:
        aval = typeof(self.array)
        ones = full(aval.shape, aval.dtype.type(1))
        return _updated(ones, self.index, values, "mul", mode, sorted_, unique, wrap)

    def min(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] = minimum(x[index], values)``."""
        return _updated(self.array, self.index, values, "min", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def max(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
            wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] = maximum(x[index], values)``."""
        return _updated(self.array, self.index, values, "max", mode, indices_are_sorted, unique_indices, wrap_negative_indices)

    def apply(self, func: Callable[[Any], Any], *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
              wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] = func(x[index])``; `func` is applied once to an element however often it is indexed.

        >>> IndexUpdateRef(asarray_internal(np.arange(3.0)), slice(1, None)).apply(lambda v: ops.neg(v))
        Array([ 0., -1., -2.], dtype=float64)
        """
        read = "clip" if mode in ("drop", "fill") else mode
        values = self.get(indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=read,
                          wrap_negative_indices=wrap_negative_indices)
        return self.set(func(values), indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=mode,
                        wrap_negative_indices=wrap_negative_indices)


