"""What an index means: one parse into entries, for reading and writing alike.

An index is parsed once into entries, one for each axis it names (an integer, a slice, an index array) or makes (None, a scalar
boolean). NumPy's rule says where the axes of index arrays go: in place of the first one if all stand side by side (integers count
among them), else first (https://numpy.org/doc/stable/user/basics.indexing.html#combining-advanced-and-basic-indexing).

Known limits: boolean masks and the bounds of slices must be concrete. The error for a traced negative index out of bounds shows it
after the size of the axis has been added, and 2**63 - 1 in place of traced unsigned ones beyond.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.core.dtypes import is_discrete, is_unsigned
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.errors import TracerIntegerConversionError, boolean_index_error
from functrans.numpy.slices import Slice
from functrans.primitives import arithmetic as ops
from functrans.primitives.indexing import GatherScatterMode
from functrans.primitives.logic import lt_p
from functrans.primitives.movement import concatenate_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape

__all__ = ["BASIC_PARTS", "Entry", "Plan", "index_mode", "index_vectors", "parse_index", "wrapped_indices"]

BASIC_PARTS = frozenset({int, slice, type(None), type(Ellipsis)})
"""The types of the parts of an index that need no arrays."""

ERROR, PROMISE = GatherScatterMode.ERROR, GatherScatterMode.PROMISE_IN_BOUNDS
_INT64 = np.dtype(np.int64)


class Entry(NamedTuple):
    """One part of an index. `kind` is "int", "slice", "array" (traced integers too), "none", "flag" or "gap" (an empty ``...``)."""

    kind: str
    axis: int = -1
    value: Any = None
    """int: its value; slice: ``(start, step, length)``; array, flag: the index array."""


class Plan(NamedTuple):
    """A parsed index: its entries, the common shape of its arrays, and where the axes of that shape go in the result."""

    entries: list[Entry]
    place_shape: tuple[int, ...]
    place_at: int
    mode: GatherScatterMode

    def result_shape(self) -> tuple[int, ...]:
        sizes = [1 if e.kind == "none" else e.value[2] for e in self.entries if e.kind in ("none", "slice")]
        return (*sizes[:self.place_at], *self.place_shape, *sizes[self.place_at:])


def index_mode(mode: Any) -> GatherScatterMode:
    return ERROR if mode is None else GatherScatterMode.from_any(mode)


def _out_of_bounds(index: Any, axis: int, size: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for axis {axis} with size {size}, at {describe(user_source())}. "
                      'Use x.at[index].get(mode="clip") or mode="fill" to read it, x.at[index].set(value, mode="drop") to skip it.')


def wrapped_indices(index: Any, size: int, axis: int, mode: GatherScatterMode = ERROR, wrap: bool = True) -> tuple[Any, bool]:
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
        if not safe and mode is ERROR:
            raise _out_of_bounds(index[~inside].flat[0], axis, size)
        return out, safe
    dtype = typeof(index).dtype
    if is_unsigned(dtype):
        if dtype == np.uint64:
            index = ops.min_p.bind(index, np.uint64(np.iinfo(_INT64).max))  # as far out of bounds, and no conversion wraps
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
    if kind in BASIC_PARTS:
        return i
    if kind is Slice:
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
    if not is_discrete(aval.dtype):
        raise TypeError(f"an index must have integer or boolean type; got {aval}, at {describe(user_source())}. "
                        'Convert it first: index.astype("int64").')
    if aval.dtype.kind == "b":
        value = _concrete(i)
        if value is None:
            raise boolean_index_error(i.describe(), describe(user_source()))
        return value
    if isinstance(i, Tracer):
        return i
    value = to_numpy(i)
    return value if value.ndim else int(value)


def _as_number(e: Any) -> Any:
    return to_numpy(e) if hasattr(e, "dtype") else [_as_number(d) for d in e] if isinstance(e, (list, tuple)) else e


def _slice_entry(s: slice, axis: int, size: int) -> Entry:
    try:
        start, stop, step = s.indices(size)
    except TracerIntegerConversionError as error:
        raise IndexError(f"the bounds of a slice must be static integers; got {s} for axis {axis}, at {describe(user_source())}. "
                         "Use functrans.lax.dynamic_slice_in_dim(x, start, size, axis), whose start may be traced.") from error
    return Entry("slice", axis, (start, step, len(range(start, stop, step))))


def _dynamic_slice_entry(s: Slice, axis: int, size: int, mode: GatherScatterMode, wrap: bool) -> tuple[Entry, bool]:
    """The entry of a `ds`, and whether it is known to be in bounds: a slice if it is, else the array of its indices."""
    start = _concrete(s.start)
    if start is None:
        first, _ = wrapped_indices(s.start, size, axis, mode, wrap)
        return Entry("array", axis, ops.add_p.bind(first, np.arange(s.size) * s.stride)), False
    begin = int(start) + size if wrap and start < 0 else int(start)
    if s.size and begin >= 0 and begin + (s.size - 1) * s.stride < size:
        return Entry("slice", axis, (begin, s.stride, s.size)), True
    return Entry("array", axis, wrapped_indices(begin + np.arange(s.size) * s.stride, size, axis, mode, False)[0]), not s.size


def parse_index(shape: tuple[int, ...], index: Any, mode: GatherScatterMode, wrap: bool = True) -> Plan:
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
    entries: list[Entry] = []
    axis, safe, sliced = 0, True, -1
    for p in parts:
        if p is None:
            entries.append(Entry("none"))
        elif p is Ellipsis:
            rest = len(shape) - used
            entries += [Entry("slice", a, (0, 1, shape[a])) for a in range(axis, axis + rest)] or [Entry("gap")]
            axis += rest
        elif type(p) is int:
            size = shape[axis]
            if not -size <= p < size if wrap else not 0 <= p < size:
                if mode is ERROR:
                    raise _out_of_bounds(p, axis, size)
                safe = False
                # One beyond either end stands for all that are further, which int64 may not hold.
                beyond = min(max(p + size if p < 0 and wrap else p, -1), size)
                entries.append(Entry("array", axis, np.asarray(beyond, _INT64)))
            else:
                entries.append(Entry("int", axis, p + size if p < 0 else p))
            axis += 1
        elif isinstance(p, slice):
            entries.append(_slice_entry(p, axis, shape[axis]))
            axis += 1
        elif isinstance(p, Slice):
            entry, known = _dynamic_slice_entry(p, axis, shape[axis], mode, wrap)
            safe = safe and known
            if entry.kind == "array":
                sliced = len(entries)
            entries.append(entry)
            axis += 1
        elif isinstance(p, np.ndarray) and p.dtype == bool:
            if p.ndim == 0:
                entries.append(Entry("flag", -1, np.zeros(int(p), _INT64)))
            for d, (found, n) in enumerate(zip(p.nonzero() if p.ndim else (), p.shape, strict=True)):
                if n != shape[axis + d]:
                    raise IndexError(f"boolean index did not match indexed array along axis {axis + d}; size of axis is "
                                     f"{shape[axis + d]} but size of corresponding boolean axis is {n}, at {describe(user_source())}.")
                entries.append(Entry("array", axis + d, found))
            axis += p.ndim
        else:
            value, known = wrapped_indices(p, shape[axis], axis, mode, wrap)
            safe = safe and known
            entries.append(Entry("array", axis, value))
            axis += 1
    return _placed(entries, PROMISE if safe else mode, sliced)


def _placed(entries: list[Entry], mode: GatherScatterMode, sliced: int = -1) -> Plan:
    """Find the common shape of the index arrays and NumPy's place for it; `sliced` is the entry of a `ds`, whose axis stays in place."""
    if sliced >= 0:
        if sum(e.kind in ("array", "flag") for e in entries) > 1:
            raise TypeError(f"a ds(...) with a start that is not known stands beside an index array or another ds, at "
                            f"{describe(user_source())}. Index in two steps: x[ds(i, n)][:, j].")
        return Plan(entries, np.shape(entries[sliced].value), sum(e.kind in ("slice", "none") for e in entries[:sliced]), mode)
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
    return Plan(entries, place_shape, place_at, mode)


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
