"""Slices whose place is computed: read one window of an array, or write one.

The start of the window is clamped so that the window is inside (XLA's semantics). Both are linear in what they move, and their
transposes are one another. In a batch where the starts differ they are a gather and a scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import flag, integer, integers
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_integer, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import add_p, lt_p, select_n_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.indexing import GatherDimensionNumbers, GatherScatterMode, ScatterDimensionNumbers, gather_p, scatter_p
from functrans.primitives.movement import as_dtype_of, checked, clamped_start, concatenate_p, expand_dims, index_in_dim, squeeze
from functrans.primitives.structural import (
    broadcast_in_dim,
    convert_element_type,
    instantiate,
    move_axis,
    moved_to_front,
    reshape,
    zeros,
)
from functrans.util import canonicalize_axis

__all__ = [
    "dynamic_index_in_dim", "dynamic_slice", "dynamic_slice_in_dim", "dynamic_slice_p", "dynamic_update_index_in_dim",
    "dynamic_update_slice", "dynamic_update_slice_in_dim", "dynamic_update_slice_p",
]

# -- dynamic slices ---------------------------------------------------------------------------------------------------

def _starts(starts: Sequence[np.ndarray], shape: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
    return [min(max(int(s), 0), n - k) for s, n, k in zip(starts, shape, sizes, strict=True)]


def _check_dynamic(name: str, x: ShapedArray, sizes: tuple[int, ...], starts: Sequence[ShapedArray]) -> None:
    if len(starts) != x.ndim or any(s.shape or not is_integer(s.dtype) for s in starts):
        raise operand_error(name, f"start indices must be {x.ndim} integer scalars, one for each axis.", x, *starts)
    if len(sizes) != x.ndim or any(not 0 <= k <= n for k, n in zip(sizes, x.shape, strict=True)):
        raise operand_error(name, f"the slice {sizes} must fit into the operand, axis by axis.", x)


def _places(b: Any, shape: tuple[int, ...], sizes: tuple[int, ...], starts: Sequence[Any]) -> list[Any]:
    """For each axis the index, at every point of the slice, into the whole."""
    return [b.op("add", b.iota(np.dtype("int64"), sizes, axis), clamped_start(b, start, n - k))
            for axis, (start, n, k) in enumerate(zip(starts, shape, sizes, strict=True))]


def _dynamic_slice_impl(x: np.ndarray, *starts: np.ndarray, slice_sizes: tuple[int, ...]) -> np.ndarray:
    return x[tuple(slice(s, s + k) for s, k in zip(_starts(starts, x.shape, slice_sizes), slice_sizes, strict=True))].copy()


def _dynamic_slice_abstract(x: ShapedArray, *starts: ShapedArray, slice_sizes: tuple[int, ...]) -> ShapedArray:
    _check_dynamic("dynamic_slice", x, slice_sizes, starts)
    return x.update(shape=slice_sizes)


def _dynamic_slice_jvp(primals: Any, tangents: Any, *, slice_sizes: tuple[int, ...]) -> tuple[Any, Any]:
    x, *starts = primals
    y = dynamic_slice_p.bind(x, *starts, slice_sizes=slice_sizes)
    if type(tangents[0]) is Zero:
        return y, Zero(tangent_aval(typeof(y)))
    return y, dynamic_slice_p.bind(tangents[0], *starts, slice_sizes=slice_sizes)


def _dynamic_slice_transpose(ct: Any, x: Any, *starts: Any, slice_sizes: tuple[int, ...]) -> list[Any]:
    out = dynamic_update_slice_p.bind(zeros(x.aval.strong()), ct, *starts)
    return [out, *(None for _ in starts)]


def _dynamic_slice_lower(b: Any, x: Any, *starts: Any, slice_sizes: tuple[int, ...]) -> Any:
    return b.take(x, _places(b, x.shape, slice_sizes, starts)) if x.shape else x


dynamic_slice_p = primitive(
    "dynamic_slice", impl=checked(_dynamic_slice_abstract, _dynamic_slice_impl), abstract=_dynamic_slice_abstract, jvp=_dynamic_slice_jvp,
    transpose=_dynamic_slice_transpose, lower=_dynamic_slice_lower,
)


def _dynamic_update_impl(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    out = x.copy()
    places = _starts(starts, x.shape, update.shape)
    out[tuple(slice(s, s + k) for s, k in zip(places, update.shape, strict=True))] = update
    return out


def _dynamic_update_abstract(x: ShapedArray, update: ShapedArray, *starts: ShapedArray) -> ShapedArray:
    if x.dtype != update.dtype:
        raise operand_error("dynamic_update_slice", "the operand and the update must have equal dtypes.", x, update)
    _check_dynamic("dynamic_update_slice", x, update.shape, starts)
    return x.update(weak_type=x.weak_type and update.weak_type)


def _dynamic_update_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    x, update, *starts = primals
    y = dynamic_update_slice_p.bind(x, update, *starts)
    if type(tangents[0]) is Zero and type(tangents[1]) is Zero:
        return y, Zero(tangent_aval(typeof(y)))
    return y, dynamic_update_slice_p.bind(instantiate(tangents[0]), instantiate(tangents[1]), *starts)


def _dynamic_update_transpose(ct: Any, x: Any, update: Any, *starts: Any) -> list[Any]:
    x_bar = update_bar = None
    aval = update.aval if isinstance(update, Linear) else typeof(update)
    if isinstance(x, Linear):
        x_bar = dynamic_update_slice_p.bind(ct, zeros(ShapedArray(aval.shape, typeof(ct).dtype)), *starts)
    if isinstance(update, Linear):
        update_bar = dynamic_slice_p.bind(ct, *starts, slice_sizes=aval.shape)
    return [x_bar, update_bar, *(None for _ in starts)]


def _dynamic_update_lower(b: Any, x: Any, update: Any, *starts: Any) -> Any:
    return b.scatter(x, _places(b, x.shape, update.shape, starts), update, "set", None) if x.shape else update


dynamic_update_slice_p = primitive(
    "dynamic_update_slice", impl=checked(_dynamic_update_abstract, _dynamic_update_impl), abstract=_dynamic_update_abstract,
    jvp=_dynamic_update_jvp,
    transpose=_dynamic_update_transpose, lower=_dynamic_update_lower,
)


def _from_end(index: Any, size: int) -> Any:
    """A start index with negative values counted from the end."""
    if isinstance(index, (int, np.integer)):
        return np.int64(index + size) if index < 0 else np.asarray(index)[()]
    aval = typeof(index)
    if kind_of(aval.dtype) != "i":
        return index
    index = convert_element_type(index, np.int64)  # index + size may not fit a narrower type
    return select_n_p.bind(lt_p.bind(index, np.int64(0)), index, add_p.bind(index, np.int64(size)))


def _start_list(operand: Any, start_indices: Any) -> list[Any]:
    shape = typeof(operand).shape
    if not isinstance(start_indices, (tuple, list)):
        n = typeof(start_indices).shape
        if len(n) != 1:
            raise TypeError(f"start indices must be a sequence of scalars or an array of one axis; got {typeof(start_indices)}, at "
                            f"{describe(user_source())}.")
        start_indices = [index_in_dim(start_indices, i, keepdims=False) for i in range(n[0])]
    if len(start_indices) != len(shape):
        raise TypeError(f"{len(shape)} start indices are needed, one for each axis of the shape {shape}; got {len(start_indices)}, at "
                        f"{describe(user_source())}.")
    return [_from_end(i, n) for i, n in zip(start_indices, shape, strict=True)]


def dynamic_slice(operand: Any, start_indices: Any, slice_sizes: Sequence[int]) -> Any:
    """The slice of static sizes at computed starts.

    `start_indices` is a sequence of integer scalars or an integer array of one axis; negative ones count from the end. A start
    from which the slice would reach outside is clamped, so that the slice is always inside.

    >>> dynamic_slice(np.arange(5), [3], [3])
    Array([2, 3, 4], dtype=int64)
    """
    return dynamic_slice_p.bind(operand, *_start_list(operand, start_indices), slice_sizes=integers(slice_sizes, "slice_sizes"))


def dynamic_update_slice(operand: Any, update: Any, start_indices: Any) -> Any:
    """A copy of `operand` in which `update` stands at computed starts, clamped as in `dynamic_slice`.

    >>> dynamic_update_slice(np.zeros(4), np.ones(2), [3])
    Array([0., 0., 1., 1.], dtype=float64)
    """
    return dynamic_update_slice_p.bind(operand, as_dtype_of(operand, update), *_start_list(operand, start_indices))


def _starts_on(operand: Any, start: Any, axis: int) -> tuple[list[Any], int]:
    n = typeof(operand).ndim
    axis = canonicalize_axis(axis, n)
    starts: list[Any] = [0] * n
    starts[axis] = start
    return starts, axis


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> Any:
    """`dynamic_slice` along one axis, all of the others."""
    starts, axis = _starts_on(operand, start_index, axis)
    sizes = list(typeof(operand).shape)
    sizes[axis] = integer(slice_size, "slice_size")
    return dynamic_slice(operand, starts, sizes)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Any:
    """The slice of size 1 at a computed index of `axis` (clamped); without `keepdims` the axis vanishes."""
    out = dynamic_slice_in_dim(operand, index, 1, axis)
    return out if flag(keepdims, "keepdims") else squeeze(out, (axis,))


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int) -> Any:
    """`dynamic_update_slice` along one axis, from 0 along the others."""
    return dynamic_update_slice(operand, update, _starts_on(operand, start_index, axis)[0])


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int) -> Any:
    """A copy of `operand` with the slice at `index` of `axis` replaced; `update` may lack that axis."""
    n = typeof(operand).ndim
    axis = canonicalize_axis(axis, n)
    if typeof(update).ndim != n:
        update = expand_dims(update, (axis,))
    return dynamic_update_slice_in_dim(operand, update, index, axis)


# -- batching of dynamic slices ---------------------------------------------------------------------------------------
# Starts that differ from one batch element to the next place one window each: a gather or a scatter along a batching axis.

def _start_vectors(size: int, starts: Sequence[Any], dims: Sequence[int | None]) -> Any:
    columns = [reshape(convert_element_type(s if d is not None else broadcast_in_dim(s, (size,), ()), np.int64), (size, 1))
               for s, d in zip(starts, dims, strict=True)]
    return concatenate_p.bind(*columns, dimension=1)


def _window_numbers(n: int) -> GatherDimensionNumbers:
    axes = tuple(range(1, n + 1))
    return GatherDimensionNumbers(axes, (), axes, (0,), (0,))


def _dynamic_slice_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, slice_sizes: tuple[int, ...]) -> tuple[Any, int]:
    (x, *starts), (x_dim, *start_dims) = args, dims
    if all(d is None for d in start_dims):
        return dynamic_slice_p.bind(move_axis(x, x_dim or 0, 0), np.int64(0), *starts, slice_sizes=(size, *slice_sizes)), 0
    x = moved_to_front(size, x, x_dim)
    out = gather_p.bind(x, _start_vectors(size, starts, start_dims), dimension_numbers=_window_numbers(len(slice_sizes)),
                        slice_sizes=(min(1, size), *slice_sizes), indices_are_sorted=True, unique_indices=True, mode=GatherScatterMode.CLIP,
                        fill_value=None)
    return out, 0


def _dynamic_update_batch(size: int, args: Sequence[Any], dims: Sequence[int | None]) -> tuple[Any, int]:
    (x, update, *starts), (x_dim, u_dim, *start_dims) = args, dims
    x, update = moved_to_front(size, x, x_dim), moved_to_front(size, update, u_dim)
    if all(d is None for d in start_dims):
        return dynamic_update_slice_p.bind(x, update, np.int64(0), *starts), 0
    numbers = ScatterDimensionNumbers(*_window_numbers(len(starts)))
    return scatter_p.bind(x, _start_vectors(size, starts, start_dims), update, dimension_numbers=numbers, indices_are_sorted=True,
                          unique_indices=True, mode=GatherScatterMode.CLIP), 0


dynamic_slice_p.batch = _dynamic_slice_batch
dynamic_update_slice_p.batch = _dynamic_update_batch
