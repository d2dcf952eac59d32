"""Windows: the dimension numbers of gather and scatter, and where in the operand each point of a window lies.

For each axis of the operand, the index of the element that belongs to a point of the result is a sum of a start, constant along
the offset axes, and an iota along one axis. Everything gather and scatter do is written on that.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_integer
from functrans.core.pretty import register_param_type
from functrans.core.source import describe, user_source
from functrans.primitives.base import operand_error
from functrans.primitives.movement import clamped_start

__all__ = [
    "CLIP", "ERROR", "FILL", "GatherDimensionNumbers", "GatherScatterMode", "ScatterDimensionNumbers", "as_gather",
    "as_scatter", "batched_numbers", "check_numbers", "flat_places", "lowered_places", "offset_axes", "place_axes",
    "spread_mask", "window_sizes", "window_starts",
]


@register_param_type
class GatherScatterMode(enum.Enum):
    """What happens to windows that are not wholly inside the operand."""

    CLIP = enum.auto()
    FILL_OR_DROP = enum.auto()
    PROMISE_IN_BOUNDS = enum.auto()
    ERROR = enum.auto()

    @staticmethod
    def from_any(mode: str | GatherScatterMode | None) -> GatherScatterMode:
        """The mode a string names (``"clip"``, ``"fill"``, ``"drop"``, ``"promise_in_bounds"``, ``"error"``); None fills or drops."""
        if isinstance(mode, GatherScatterMode):
            return mode
        found = MODES.get(mode) if mode is None or isinstance(mode, str) else None
        if found is None:
            raise ValueError(f"unknown mode {mode!r}; use one of {', '.join(repr(m) for m in MODES if m)}, at "
                             f"{describe(user_source())}.")
        return found


MODES = {None: GatherScatterMode.FILL_OR_DROP, "fill": GatherScatterMode.FILL_OR_DROP, "drop": GatherScatterMode.FILL_OR_DROP,
          "clip": GatherScatterMode.CLIP, "promise_in_bounds": GatherScatterMode.PROMISE_IN_BOUNDS, "error": GatherScatterMode.ERROR}
FILL, ERROR, CLIP = GatherScatterMode.FILL_OR_DROP, GatherScatterMode.ERROR, GatherScatterMode.CLIP


@register_param_type
class GatherDimensionNumbers(NamedTuple):
    """Which axes are what, in a gather (XLA's names)."""

    offset_dims: tuple[int, ...]
    collapsed_slice_dims: tuple[int, ...]
    start_index_map: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    start_indices_batching_dims: tuple[int, ...] = ()


@register_param_type
class ScatterDimensionNumbers(NamedTuple):
    """Which axes are what, in a scatter (XLA's names)."""

    update_window_dims: tuple[int, ...]
    inserted_window_dims: tuple[int, ...]
    scatter_dims_to_operand_dims: tuple[int, ...]
    operand_batching_dims: tuple[int, ...] = ()
    scatter_indices_batching_dims: tuple[int, ...] = ()


def as_gather(d: ScatterDimensionNumbers) -> GatherDimensionNumbers:
    """The gather that reads where a scatter writes: the fields correspond one to one."""
    return GatherDimensionNumbers(*d)


def as_scatter(d: GatherDimensionNumbers) -> ScatterDimensionNumbers:
    return ScatterDimensionNumbers(*d)


# -- geometry, shared by gather and scatter ---------------------------------------------------------------------------

def check_numbers(name: str, x: ShapedArray, indices: ShapedArray, d: GatherDimensionNumbers, sizes: tuple[int, ...], rank: int) -> None:
    """Refuse dimension numbers that do not fit. `sizes`: the window; `rank`: that of the result or the updates."""

    def refuse(why: str) -> None:
        raise operand_error(name, f"{why} dimension_numbers={d}, window sizes {sizes}.", x, indices)

    def axes(what: str, dims: tuple[int, ...], n: int, ordered: bool) -> None:
        if len(set(dims)) != len(dims) or any(not 0 <= a < n for a in dims) or (ordered and list(dims) != sorted(dims)):
            refuse(f"{what} {dims} must be distinct axes below {n}{', in increasing order' if ordered else ''}.")

    if not is_integer(indices.dtype) or not indices.ndim:
        refuse("the indices must be integers, with the index vectors along their last axis.")
    axes("offset (window) dims", d.offset_dims, rank, True)
    axes("collapsed (inserted) dims", d.collapsed_slice_dims, x.ndim, True)
    axes("operand_batching_dims", d.operand_batching_dims, x.ndim, True)
    axes("start_index_map (scatter_dims_to_operand_dims)", d.start_index_map, x.ndim, False)
    axes("indices' batching dims", d.start_indices_batching_dims, indices.ndim - 1, False)
    dropped = {*d.collapsed_slice_dims, *d.operand_batching_dims}
    if len(dropped) != len(d.collapsed_slice_dims) + len(d.operand_batching_dims) or set(d.start_index_map) & set(d.operand_batching_dims):
        refuse("a batching axis must not be collapsed, inserted or indexed.")
    if len(d.offset_dims) + len(dropped) != x.ndim or len(sizes) != x.ndim:
        refuse("each axis of the operand must be an offset, a collapsed or a batching axis, and have a window size.")
    if len(d.start_index_map) != indices.shape[-1]:
        refuse(f"index vectors of length {indices.shape[-1]} need as many entries in start_index_map.")
    if rank != len(d.offset_dims) + indices.ndim - 1:
        refuse(f"the updates must have rank {len(d.offset_dims) + indices.ndim - 1}.")
    if any(not 0 <= k <= n or (a in dropped and k > 1) for a, (k, n) in enumerate(zip(sizes, x.shape, strict=True))):
        refuse("windows must fit into the operand, with size 1 along collapsed and batching axes.")
    for a, i in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
        if x.shape[a] != indices.shape[i]:
            refuse(f"batching axes must have equal sizes; axis {a} of the operand and {i} of the indices do not.")


def offset_axes(d: GatherDimensionNumbers, ndim: int) -> dict[int, int]:
    """For each axis of the operand that the window keeps, the axis of the result it lies along."""
    kept = [a for a in range(ndim) if a not in d.collapsed_slice_dims and a not in d.operand_batching_dims]
    return dict(zip(kept, d.offset_dims, strict=True))


def place_axes(d: GatherDimensionNumbers, rank: int) -> list[int]:
    """The axes of the result that index vectors lie along, in the order of the indices' axes."""
    return [a for a in range(rank) if a not in d.offset_dims]


def window_sizes(d: GatherDimensionNumbers, x: ShapedArray, updates_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The window sizes that the shape of the updates of a scatter implies."""
    offsets = offset_axes(d, x.ndim)
    return tuple(updates_shape[offsets[a]] if a in offsets else min(1, n) for a, n in enumerate(x.shape))


def window_starts(x_shape: tuple[int, ...], indices: np.ndarray, d: GatherDimensionNumbers, sizes: tuple[int, ...],
            mode: GatherScatterMode) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Clamped starts (int64, of the indices' shape but for the last axis), and where windows are inside (None: everywhere)."""
    starts, inside = [], None
    for k, a in enumerate(d.start_index_map):
        raw, limit = indices[..., k], x_shape[a] - sizes[a]
        good = (raw >= 0) & (raw <= limit)
        if good.all():
            starts.append(raw.astype(np.int64))
            continue
        if mode is ERROR:
            value = raw[~good].flat[0]
            what = "index" if sizes[a] == 1 else f"start of a window of {sizes[a]} elements"
            raise IndexError(f"{what} {value} is out of bounds for axis {a} with size {x_shape[a]}, at {describe(user_source())}. "
                             'Pass mode="clip", "fill" (to read) or "drop" (to write) to allow it.')
        inside = good if inside is None else inside & good
        # Clamp before converting: a uint64 beyond int64 would turn negative.
        starts.append(np.where(good, raw, np.where(raw < 0, 0, limit)).astype(np.int64))
    return starts, inside if mode is FILL else None


def flat_places(x_shape: tuple[int, ...], starts: list[np.ndarray], d: GatherDimensionNumbers, out_shape: tuple[int, ...]) -> np.ndarray:
    """The row-major position in the operand of each point of the result."""
    rank = len(out_shape)
    places, offsets = place_axes(d, rank), offset_axes(d, len(x_shape))
    strides = [1] * len(x_shape)
    for a in range(len(x_shape) - 2, -1, -1):
        strides[a] = strides[a + 1] * x_shape[a + 1]

    def line(axis: int, stride: int) -> np.ndarray:
        return (np.arange(out_shape[axis]) * stride).reshape([-1 if i == axis else 1 for i in range(rank)])

    place_shape = [out_shape[i] if i in places else 1 for i in range(rank)]
    total = np.zeros(place_shape, np.int64)
    for a, start in zip(d.start_index_map, starts, strict=True):
        total = total + start.reshape(place_shape) * strides[a]
    for a, i in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
        total = total + line(places[i], strides[a])
    for a, axis in offsets.items():
        total = total + line(axis, strides[a])
    return np.broadcast_to(total, out_shape)


def spread_mask(mask: np.ndarray, d: GatherDimensionNumbers, out_shape: tuple[int, ...]) -> np.ndarray:
    """A mask over the index vectors as one over the result."""
    places = place_axes(d, len(out_shape))
    return np.broadcast_to(mask.reshape([n if i in places else 1 for i, n in enumerate(out_shape)]), out_shape)


def lowered_places(b: Any, x_shape: tuple[int, ...], indices: Any, d: GatherDimensionNumbers, sizes: tuple[int, ...],
             out_shape: tuple[int, ...], mode: GatherScatterMode) -> tuple[list[Any], Any]:
    """In a lower rule: the index Expr of each axis over the result, and the mask of windows inside (None: everywhere)."""
    i64 = np.dtype(np.int64)
    places, offsets = place_axes(d, len(out_shape)), offset_axes(d, len(x_shape))
    place_shape = indices.shape[:-1]
    index: list[Any] = [None] * len(x_shape)
    inside = None
    for a, axis in offsets.items():
        index[a] = b.iota(i64, out_shape, axis)
    for a, i in zip(d.operand_batching_dims, d.start_indices_batching_dims, strict=True):
        index[a] = b.iota(i64, out_shape, places[i])
    for k, a in enumerate(d.start_index_map):
        lo, hi = (*(0 for _ in place_shape), k), (*place_shape, k + 1)
        raw = b.reshape(b.slice(indices, lo, hi, (1,) * len(hi)), place_shape)
        limit = x_shape[a] - sizes[a]
        start = clamped_start(b, raw, limit)
        if mode in (FILL, ERROR):
            unsigned = raw.dtype == np.uint64
            good = b.op("le", raw, b.const(limit, np.uint64)) if unsigned else b.op("eq", b.convert(raw, i64), start)
            if mode is ERROR:
                what = "an index" if sizes[a] == 1 else f"the start of a window of {sizes[a]} elements"
                b.check(b.op("not", good), f"{what} is out of bounds for axis {a} with size {x_shape[a]}")
            else:
                inside = good if inside is None else b.op("and", inside, good)
        start = b.broadcast(start, out_shape, places)
        index[a] = start if index[a] is None else b.op("add", index[a], start)
    index = [b.broadcast(b.const(0, i64), out_shape, ()) if e is None else e for e in index]
    return index, None if inside is None else b.broadcast(inside, out_shape, places)


def batched_numbers(d: GatherDimensionNumbers, x_batched: bool, indices_batched: bool) -> GatherDimensionNumbers:
    """Dimension numbers after a leading batch axis on the result and on those operands that are batched."""

    def up(dims: tuple[int, ...], by: bool = True) -> tuple[int, ...]:
        return tuple(a + by for a in dims)

    offset = up(d.offset_dims)
    operand_batching = up(d.operand_batching_dims, x_batched)
    indices_batching = up(d.start_indices_batching_dims, indices_batched)
    if x_batched and indices_batched:
        operand_batching, indices_batching = (0, *operand_batching), (0, *indices_batching)
    elif x_batched:
        offset = (0, *offset)
    return GatherDimensionNumbers(offset, up(d.collapsed_slice_dims, x_batched), up(d.start_index_map, x_batched),
                                  operand_batching, indices_batching)
