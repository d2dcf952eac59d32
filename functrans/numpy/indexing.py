"""Indexing: ``x[index]`` with all of NumPy's meaning, and ``x.at[index]`` for changed copies.

`functrans.numpy.index_plan` says what an index means. Reading: the static part becomes at most one slice, one rev and one reshape,
all of them views; index arrays and traced integers
become one gather. Writing: a block without index arrays is one dynamic_update_slice (set) or one scatter of one window; anything
else is one scatter, in which strided slices count as index arrays. Evaluation outside all transformations hands the index to NumPy.

Negative indices count from the end. An index out of bounds raises IndexError, static or traced, unless ``mode`` allows it.

Known limits: a boolean mask must be concrete, except in ``x.at[mask]`` with updates that do not vary along the mask. Bounds of
slices must be concrete.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.dtypes import is_discrete, is_inexact, kind_of, promote
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.numpy.index_plan import BASIC_PARTS, ERROR, Entry, Plan, index_mode, index_vectors, parse_index
from functrans.numpy.ufuncs import divide, power
from functrans.numpy.util import asarray_internal, cast, check_arraylike, evaluating
from functrans.primitives import arithmetic as ops
from functrans.primitives.dynamic_slice import dynamic_update_slice_p
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
from functrans.primitives.movement import full, rev
from functrans.primitives.movement import slice as lax_slice
from functrans.primitives.structural import broadcast_in_dim, reshape

__all__ = ["IndexUpdateHelper", "IndexUpdateRef", "getitem", "read"]


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
    return read(x, index)


def _plain(p: Any) -> Any:
    """A part of an index as NumPy sees it."""
    return p._value if type(p) is Array else int(p) if isinstance(p, np.integer) else p


def _numpy_takes(p: Any) -> bool:
    """Whether NumPy gives a part of an index the meaning it has here: it wraps unsigned integers beyond int64 to negative ones."""
    if type(p) in BASIC_PARTS:
        return True
    if type(p) is not np.ndarray or not is_discrete(p.dtype):
        return False
    return p.dtype != np.uint64 or int(p.max(initial=0)) <= _LARGEST


_LARGEST = np.iinfo(np.int64).max


def _evaluated(x: Array, index: Any) -> Array | None:
    """NumPy's answer, None where it has none: the general path raises the error, with the user's line."""
    kind = type(index)
    basic = kind in BASIC_PARTS
    if not basic:
        parts = index if kind is tuple else (index,)
        basic = all([type(p) in BASIC_PARTS for p in parts])
        if not basic:
            parts = tuple([_plain(p) for p in parts])
            if not all([_numpy_takes(p) for p in parts]):
                return None
        index = parts
    elif index is not Ellipsis:
        index = (index, Ellipsis)
    try:
        out = x._value[index]
        if type(out) is not np.ndarray:  # a tuple of integers for all axes
            out = x._value[(*index, Ellipsis)] if basic else np.asarray(out)
    except (IndexError, OverflowError):
        return None
    return Array(out, x._weak)


def read(x: Any, index: Any, *, mode: GatherScatterMode = ERROR, indices_are_sorted: bool = False, unique_indices: bool = False,
             fill_value: Any = None, wrap: bool = True) -> Any:
    """The general path: see the module docstring."""
    x = asarray_internal(x)
    plan = parse_index(typeof(x).shape, index, mode, wrap)
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


def _nothing_to_gather(x: Any, plan: Plan, shape: tuple[int, ...], fill_value: Any) -> Any:
    aval = typeof(x)
    if all(shape) and plan.mode is ERROR:
        axis = next(e.axis for e in plan.entries if e.kind == "array")
        raise IndexError(f"an axis of size 0 cannot be indexed (axis {axis} among others), at {describe(user_source())}.")
    fill = fill_value if fill_value is not None else np.nan if is_inexact(aval.dtype) else 0
    return full(shape, aval.dtype.type(fill))


def _static_part(x: Any, entries: Sequence[Entry]) -> Any:
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


def _sizes_after_static(x: Any, entries: Sequence[Entry]) -> list[int]:
    shape = typeof(x).shape
    return [shape[e.axis] if e.axis >= 0 else 1 for e in entries]


# -- writing ----------------------------------------------------------------------------------------------------------

def _update_in_dtype(x: Any, y: Any) -> Any:
    """The updates in the dtype of `x`, with a warning where that loses more than digits."""
    check_arraylike("x.at[...] update", y)
    aval, given = typeof(x), typeof(y)
    joined = promote(aval.dtype, aval.weak_type, given.dtype, given.weak_type)[0]
    order = "biufc"
    if order.index(kind_of(joined).replace("u", "i")) > order.index(kind_of(aval.dtype).replace("u", "i")):
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
    plan = parse_index(x.shape, index, index_mode(mode), wrap)
    shape = plan.result_shape()
    y = _spread_update(y, shape)
    if not all(shape):
        return x
    if any(e.kind == "array" and x.shape[e.axis] == 0 for e in plan.entries):
        if plan.mode is ERROR:
            raise IndexError(f"an axis of size 0 cannot be indexed, at {describe(user_source())}.")
        return x
    return _scattered(x, plan, y, op, sorted_, unique)


def _updated_now(x: Array, index: Any, y: np.ndarray, op: str) -> Array | None:
    """NumPy's answer, None where it has none, or another than the primitives."""
    if x._value.dtype.kind == "c" and op in ("min", "max"):
        return None
    parts = tuple([_plain(p) for p in (index if type(index) is tuple else (index,))])
    if not all([_numpy_takes(p) for p in parts]):
        return None
    out = np.array(x._value)
    ufunc = _SCATTERS[op][1]
    try:
        with np.errstate(all="ignore"):
            if ufunc is None:
                out[parts] = y
            elif all([type(p) in BASIC_PARTS for p in parts]):
                out[parts] = ufunc(out[parts], y)
            else:
                ufunc.at(out, parts, y)
    except (IndexError, OverflowError, ValueError):
        return None
    return Array(out)


def _masked_update(x: Any, mask: Any, y: Any, op: str) -> Any:
    if x.shape[:mask.ndim] != mask.shape:
        raise IndexError(f"a boolean index of shape {mask.shape} does not fit an array of shape {x.shape}, at {describe(user_source())}.")
    y = _spread_update(y, x.shape)
    value = y if op == "set" else _MASKED[op].bind(x, y)
    return ops.select_n_p.bind(broadcast_in_dim(mask, x.shape, range(mask.ndim)), x, value)


def _scattered(x: Any, plan: Plan, y: Any, op: str, sorted_: bool, unique: bool) -> Any:
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
    once = prod(plan.place_shape) <= 1  # then no element is indexed twice: strided slices never meet one another
    return prim.bind(x, index_vectors(components, place_shape), y, dimension_numbers=numbers, indices_are_sorted=sorted_ or static,
                     unique_indices=unique or once, mode=plan.mode)


def _set_block(x: Any, entries: Sequence[Entry], y: Any) -> Any:
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
    ``indices_are_sorted`` are promises; derivatives of `multiply`, `divide` and `power` by the values need the first,
    unless the index is made of integers, traced or not, and slices, which name no element twice. ``wrap_negative_indices=False``
    makes negative indices out of bounds. Of several updates to one element, `set` keeps the last; the others combine all.

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
        return read(self.array, self.index, mode=index_mode(mode), indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
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
        """A copy with ``x[index] / values`` there; integers become floats, as in division."""
        return divide(self.array, self._factors(values, mode, indices_are_sorted, unique_indices, wrap_negative_indices))

    def power(self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
              wrap_negative_indices: bool = True) -> Any:
        """A copy with ``x[index] **= values``."""
        return power(self.array, self._factors(values, mode, indices_are_sorted, unique_indices, wrap_negative_indices))

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


