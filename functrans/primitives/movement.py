"""Movement of data: slice, pad, concatenate, reverse, iota.

All but iota are linear in what they move, and their transposes are one another: the transpose of a slice is a pad, that of a
pad a slice, that of a concatenation its pieces. Semantics, names and params are
those of XLA (https://openxla.org/xla/operation_semantics): a pad may have negative edges, which crop, and interior
padding, which puts values between neighbours.

Slices whose start is computed are in `functrans.primitives.dynamic_slice`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import brief, flag, integer, integers, sequence
from functrans.core.array import Array
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import canonical, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.primitives.arithmetic import select_n_p
from functrans.primitives.base import linear, operand_error, primitive
from functrans.primitives.structural import (
    broadcast_in_dim,
    convert_element_type,
    instantiate,
    moved_to_front,
    reduce_sum,
    reshape,
    zeros,
)
from functrans.util import canonicalize_axis, tuple_insert

__all__ = [
    "broadcast", "broadcast_to_rank", "broadcasted_iota", "checked", "clamped_start", "collapse", "concatenate", "concatenate_p",
    "expand_dims", "full", "full_like",
    "index_in_dim", "iota", "iota_p", "pad", "pad_p", "rev", "rev_p", "slice", "slice_in_dim", "slice_p", "split",
    "squeeze", "validate", "zeros_like",
]

_slice: Any = slice  # the built-in, which the public function below shadows


@lru_cache(maxsize=4096)
def validate(abstract: Callable[..., Any], operands: tuple[Any, ...], params: tuple[Any, ...]) -> None:
    """Ask the aval rule about operands of these shapes and dtypes; what it has accepted once is remembered."""
    abstract(*(ShapedArray(shape, dtype) for shape, dtype in operands), **dict(params))


def check_static(params: dict[str, Any]) -> None:
    """Refuse params without a hash, such as arrays.

    Raises:
        TypeError: naming the first.
    """
    for what, x in params.items():
        try:
            hash(x)
        except TypeError:
            raise TypeError(f"{what} must be a static value, which can be hashed; got {brief(x)}, at {describe(user_source())}.") from None


def checked(abstract: Callable[..., Any], impl: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`impl` after the aval rule has accepted the operands: evaluation alone does not ask it, and NumPy clips and promotes
    where these primitives refuse. What has been accepted once is remembered."""

    def evaluate(*xs: np.ndarray, **params: Any) -> np.ndarray:
        try:
            validate(abstract, tuple([(x.shape, x.dtype) for x in xs]), tuple(params.items()))
        except TypeError:
            check_static(params)
            raise
        return impl(*xs, **params)

    return evaluate


# -- slice ------------------------------------------------------------------------------------------------------------

def _slice_impl(x: np.ndarray, *, start_indices: tuple[int, ...], limit_indices: tuple[int, ...],
                strides: tuple[int, ...] | None) -> np.ndarray:
    steps = strides or (1,) * x.ndim
    return x[tuple(map(_slice, start_indices, limit_indices, steps))]


def _slice_abstract(x: ShapedArray, *, start_indices: tuple[int, ...], limit_indices: tuple[int, ...],
                    strides: tuple[int, ...] | None) -> ShapedArray:
    steps = strides or (1,) * x.ndim
    if not len(start_indices) == len(limit_indices) == len(steps) == x.ndim:
        raise operand_error("slice", f"start_indices {start_indices}, limit_indices {limit_indices} and strides {strides} need "
                            f"one entry for each of the {x.ndim} axes.", x)
    shape = []
    for axis, (start, limit, step, size) in enumerate(zip(start_indices, limit_indices, steps, x.shape, strict=True)):
        if not 0 <= start <= limit <= size or step < 1:
            raise operand_error("slice", f"along axis {axis} of size {size}, start {start} and limit {limit} must satisfy "
                                f"0 <= start <= limit <= size, and the stride {step} must be positive.", x)
        shape.append(-((start - limit) // step))
    return x.update(shape=tuple(shape))


def _slice_transpose(ct: Any, x: ShapedArray, *, start_indices: tuple[int, ...], limit_indices: tuple[int, ...],
                     strides: tuple[int, ...] | None) -> Any:
    config = []
    for start, step, n, size in zip(start_indices, strides or (1,) * x.ndim, typeof(ct).shape, x.shape, strict=True):
        end = start + (1 + (n - 1) * step if n else 0)
        config.append((start, size - end, step - 1))
    return pad_p.bind(ct, x.dtype.type(0), padding_config=tuple(config))


def _slice_batch(size: int, x: Any, dim: int, *, start_indices: tuple[int, ...], limit_indices: tuple[int, ...],
                 strides: tuple[int, ...] | None) -> tuple[Any, int]:
    out = slice_p.bind(x, start_indices=tuple_insert(start_indices, dim, 0), limit_indices=tuple_insert(limit_indices, dim, size),
                       strides=None if strides is None else tuple_insert(strides, dim, 1))
    return out, dim


slice_p = linear(
    "slice", view=True, impl=checked(_slice_abstract, _slice_impl), abstract=_slice_abstract, transpose=_slice_transpose,
    batch=_slice_batch,
    lower=lambda b, x, *, start_indices, limit_indices, strides: b.slice(
        x, start_indices, limit_indices, strides or (1,) * len(x.shape)),
)


def slice(operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None = None) -> Any:
    """The elements from `start_indices` up to and without `limit_indices`, every `strides`-th along each axis.

    Raises:
        TypeError: unless ``0 <= start <= limit <= size`` along each axis and strides are positive.

    >>> slice(np.arange(10), (2,), (9,), (3,))
    Array([2, 5, 8], dtype=int64)
    """
    starts, limits = _ints(start_indices), _ints(limit_indices)
    steps = None if strides is None else _ints(strides)
    if steps is not None and all(s == 1 for s in steps):
        steps = None
    if steps is None and limits == typeof(operand).shape and not any(starts) and len(starts) == len(limits):
        return operand
    return slice_p.bind(operand, start_indices=starts, limit_indices=limits, strides=steps)


def _ints(xs: Any) -> tuple[int, ...]:
    return tuple(integer(x, "an index") for x in sequence(xs, "the indices"))


def slice_in_dim(operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0) -> Any:
    """A slice along one axis; None and negative indices as in ``x[start:limit:stride]``, without clipping.

    >>> slice_in_dim(np.arange(6), 1, -1, stride=2)
    Array([1, 3], dtype=int64)
    """
    shape = typeof(operand).shape
    axis = canonicalize_axis(axis, len(shape))
    size = shape[axis]
    start = 0 if start_index is None else integer(start_index, "start_index")
    limit = size if limit_index is None else integer(limit_index, "limit_index")
    starts, limits, steps = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis] = start + size if start < 0 else start
    limits[axis] = limit + size if limit < 0 else limit
    steps[axis] = integer(stride, "stride")
    return slice(operand, starts, limits, steps)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """The slice of size 1 at a static `index` of `axis`; without `keepdims` the axis vanishes.

    Raises:
        IndexError: if the index is outside the axis.

    >>> index_in_dim(np.arange(6).reshape(2, 3), -1, axis=1, keepdims=False)
    Array([2, 5], dtype=int64)
    """
    shape = typeof(operand).shape
    axis = canonicalize_axis(axis, len(shape))
    index, size = integer(index, "index"), shape[axis]
    if not -size <= index < size:
        raise IndexError(f"index_in_dim: index {index} is out of bounds for axis {axis} of size {size}, at {describe(user_source())}.")
    index %= size
    out = slice_in_dim(operand, index, index + 1, axis=axis)
    return out if flag(keepdims, "keepdims") else squeeze(out, (axis,))


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Consecutive pieces of the given `sizes` along `axis`; the sizes must add up to that of the axis.

    >>> split(np.arange(5), (2, 3))
    [Array([0, 1], dtype=int64), Array([2, 3, 4], dtype=int64)]
    """
    aval = typeof(operand)
    axis, sizes = canonicalize_axis(axis, aval.ndim), _ints(sizes)
    if any(s < 0 for s in sizes) or sum(sizes) != aval.shape[axis]:
        raise ValueError(f"split: sizes {sizes} must be non-negative and add up to {aval.shape[axis]}, the size of axis {axis}, at "
                         f"{describe(user_source())}.")
    pieces, start = [], 0
    for size in sizes:
        pieces.append(slice_in_dim(operand, start, start + size, axis=axis))
        start += size
    return pieces


# -- pad --------------------------------------------------------------------------------------------------------------

PaddingConfig = tuple[tuple[int, int, int], ...]


def _pad_impl(x: np.ndarray, value: np.ndarray, *, padding_config: PaddingConfig) -> np.ndarray:
    shape = _padded_shape(x.shape, padding_config)
    out = np.full(shape, value, x.dtype)
    source, target = [], []
    for n, size, (lo, _, interior) in zip(x.shape, shape, padding_config, strict=True):
        step = interior + 1
        first = max(0, -(lo // step))  # the least i with lo + i * step >= 0
        stop = min(n, (size - 1 - lo) // step + 1)
        if first >= stop:
            return out
        source.append(_slice(first, stop))
        target.append(_slice(lo + first * step, lo + (stop - 1) * step + 1, step))
    out[tuple(target)] = x[tuple(source)]
    return out


def _padded_shape(shape: tuple[int, ...], config: PaddingConfig) -> tuple[int, ...]:
    return tuple(lo + hi + (n + (n - 1) * interior if n else 0) for n, (lo, hi, interior) in zip(shape, config, strict=True))


def _pad_abstract(x: ShapedArray, value: ShapedArray, *, padding_config: PaddingConfig) -> ShapedArray:
    if value.shape or value.dtype != x.dtype:
        raise operand_error("pad", "the padding value must be a scalar of the operand's dtype.", x, value)
    if len(padding_config) != x.ndim or any(interior < 0 for _, _, interior in padding_config):
        raise operand_error("pad", f"padding_config {padding_config} needs (low, high, interior) for each of the {x.ndim} axes, "
                            "with interior not negative.", x)
    shape = _padded_shape(x.shape, padding_config)
    if any(d < 0 for d in shape):
        raise operand_error("pad", f"padding_config {padding_config} crops more than there is: it would give shape {shape}.", x)
    return x.update(shape=shape, weak_type=x.weak_type and value.weak_type)


def _pad_jvp(primals: Any, tangents: Any, *, padding_config: PaddingConfig) -> tuple[Any, Any]:
    y = pad_p.bind(*primals, padding_config=padding_config)
    if all(type(t) is Zero for t in tangents):
        return y, Zero(tangent_aval(typeof(y)))
    x_dot, value_dot = map(instantiate, tangents)
    return y, pad_p.bind(x_dot, value_dot, padding_config=padding_config)


def _is_padding(shape: tuple[int, ...], config: PaddingConfig) -> Any:
    """A mask of the result of a pad: true where the padding value stands."""
    return pad_p.bind(full(shape, False, np.bool_), np.True_, padding_config=config)


def _pad_transpose(ct: Any, x: Any, value: Any, *, padding_config: PaddingConfig) -> list[Any]:
    x_bar = value_bar = None
    aval = typeof(ct)
    zero = aval.dtype.type(0)
    if isinstance(x, Linear):
        whole = pad_p.bind(ct, zero, padding_config=tuple((-lo, -hi, 0) for lo, hi, _ in padding_config))
        shape = typeof(whole).shape
        x_bar = slice(whole, (0,) * len(shape), shape, [interior + 1 for _, _, interior in padding_config])
    if isinstance(value, Linear):
        # A masked sum, not the difference of two sums: that would cancel where the operand outweighs the padding.
        shape = x.aval.shape if isinstance(x, Linear) else typeof(x).shape
        masked = select_n_p.bind(_is_padding(shape, padding_config), zeros(aval), ct)
        value_bar = reduce_sum(masked, range(aval.ndim))
    return [x_bar, value_bar]


def _pad_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, padding_config: PaddingConfig) -> tuple[Any, int]:
    (x, value), (x_dim, value_dim) = args, dims
    if value_dim is None:
        assert x_dim is not None
        return pad_p.bind(x, value, padding_config=tuple_insert(padding_config, x_dim, (0, 0, 0))), x_dim
    x = moved_to_front(size, x, x_dim)
    config = ((0, 0, 0), *padding_config)
    aval = typeof(x)
    padded = pad_p.bind(x, aval.dtype.type(0), padding_config=config)
    spread = broadcast_in_dim(value, typeof(padded).shape, (0,))
    return select_n_p.bind(_is_padding(aval.shape, config), padded, spread), 0


pad_p = primitive(
    "pad", impl=checked(_pad_abstract, _pad_impl), abstract=_pad_abstract, jvp=_pad_jvp, transpose=_pad_transpose, batch=_pad_batch,
    lower=lambda b, x, value, *, padding_config: b.pad(x, value, padding_config),
)


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """`operand` with `padding_value` before, after and between its elements.

    ``padding_config`` has (low, high, interior) for each axis; negative low or high crop.

    Raises:
        TypeError: if the config does not fit the rank, or crops more than there is, or the dtypes differ.

    >>> pad(np.array([1, 2, 3]), 0, [(2, -1, 1)])
    Array([0, 0, 1, 0, 2, 0], dtype=int64)
    """
    config = tuple(integers(sequence(entry, "every entry of padding_config", 3), "padding_config")
                   for entry in sequence(padding_config, "padding_config"))
    return pad_p.bind(operand, as_dtype_of(operand, padding_value), padding_config=config)


def as_dtype_of(operand: Any, value: Any) -> Any:
    """A weak scalar in the dtype of `operand`; others as they are."""
    aval = typeof(value)
    dtype = typeof(operand).dtype
    return convert_element_type(value, dtype) if aval.weak_type and aval.dtype != dtype else value


def clamped_start(b: Any, start: Any, limit: int) -> Any:
    """In a lower rule: an integer Expr as int64, clamped to ``[0, limit]``."""
    if start.dtype == np.uint64:  # beyond int64 it would turn negative and clamp to the wrong end
        start = b.op("min", start, b.const(limit, np.uint64))
    start = b.convert(start, np.dtype("int64"))
    return b.op("min", b.op("max", start, b.const(0, np.int64)), b.const(limit, np.int64))


# -- concatenate ------------------------------------------------------------------------------------------------------

def _concatenate_impl(*xs: np.ndarray, dimension: int) -> np.ndarray:
    return np.concatenate(xs, dimension)


def _concatenate_abstract(*xs: ShapedArray, dimension: int) -> ShapedArray:
    if not xs:
        raise ValueError(f"concatenate needs at least one operand; it got none, at {describe(user_source())}.")
    first = xs[0]
    if not 0 <= dimension < first.ndim:
        raise operand_error("concatenate", f"dimension {dimension} is not an axis of the operands.", *xs)

    def others(x: ShapedArray) -> tuple[int, ...]:
        return x.shape[:dimension] + x.shape[dimension + 1:]

    if any(x.dtype != first.dtype or x.ndim != first.ndim or others(x) != others(first) for x in xs):
        raise operand_error("concatenate", f"operands must have equal dtypes, and equal shapes but for axis {dimension}.", *xs)
    shape = list(first.shape)
    shape[dimension] = sum(x.shape[dimension] for x in xs)
    return ShapedArray(tuple(shape), first.dtype, all(x.weak_type for x in xs))


def _concatenate_jvp(primals: Any, tangents: Any, *, dimension: int) -> tuple[Any, Any]:
    y = concatenate_p.bind(*primals, dimension=dimension)
    if all(type(t) is Zero for t in tangents):
        return y, Zero(tangent_aval(typeof(y)))
    return y, concatenate_p.bind(*map(instantiate, tangents), dimension=dimension)


def _concatenate_transpose(ct: Any, *xs: Any, dimension: int) -> list[Any]:
    out: list[Any] = []
    start = 0
    for x in xs:
        size = (x.aval if isinstance(x, Linear) else typeof(x)).shape[dimension]
        out.append(slice_in_dim(ct, start, start + size, axis=dimension) if isinstance(x, Linear) else None)
        start += size
    return out


def _concatenate_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, dimension: int) -> tuple[Any, int]:
    moved = [moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True)]
    return concatenate_p.bind(*moved, dimension=dimension + 1), 0


concatenate_p = primitive(
    "concatenate", impl=checked(_concatenate_abstract, _concatenate_impl), abstract=_concatenate_abstract, jvp=_concatenate_jvp,
    transpose=_concatenate_transpose, batch=_concatenate_batch,
    lower=lambda b, *xs, dimension: b.concatenate(xs, dimension),
)


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """The operands one after another along an existing axis.

    Raises:
        TypeError: if dtypes differ, or shapes differ elsewhere than along `dimension`.

    >>> concatenate([np.zeros(2), np.ones(1)], 0)
    Array([0., 0., 1.], dtype=float64)
    """
    operands = list(sequence(operands, "operands"))
    if not operands:
        raise ValueError(f"concatenate needs at least one operand; it got none, at {describe(user_source())}.")
    dimension = canonicalize_axis(dimension, typeof(operands[0]).ndim)
    return operands[0] if len(operands) == 1 else concatenate_p.bind(*operands, dimension=dimension)


# -- rev --------------------------------------------------------------------------------------------------------------

def _rev_abstract(x: ShapedArray, *, dimensions: tuple[int, ...]) -> ShapedArray:
    if len(set(dimensions)) != len(dimensions) or any(not 0 <= d < x.ndim for d in dimensions):
        raise operand_error("rev", f"dimensions {dimensions} must be distinct axes of the operand.", x)
    return x


rev_p: Primitive = linear(
    "rev", view=True,
    impl=checked(_rev_abstract, lambda x, *, dimensions: np.flip(x, dimensions)),
    abstract=_rev_abstract,
    transpose=lambda ct, x, *, dimensions: rev_p.bind(ct, dimensions=dimensions),
    batch=lambda size, x, dim, *, dimensions: (rev_p.bind(x, dimensions=tuple(d + (d >= dim) for d in dimensions)), dim),
    lower=lambda b, x, *, dimensions: b.reverse(x, dimensions),
)


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """`operand` with the order of elements reversed along `dimensions`.

    >>> rev(np.arange(3), (0,))
    Array([2, 1, 0], dtype=int64)
    """
    dims = tuple(canonicalize_axis(d, typeof(operand).ndim) for d in sequence(dimensions, "dimensions"))
    return rev_p.bind(operand, dimensions=dims) if dims else operand


# -- iota and constants -----------------------------------------------------------------------------------------------

def _iota_impl(*, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> np.ndarray:
    aligned = [1] * len(shape)
    aligned[dimension] = shape[dimension]
    line = np.arange(shape[dimension], dtype=np.int64).astype(dtype)
    return np.broadcast_to(line.reshape(aligned), shape)


def _iota_abstract(*, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> ShapedArray:
    if not 0 <= dimension < len(shape) or any(d < 0 for d in shape):
        raise TypeError(f"iota: dimension {dimension} must be an axis of the shape {shape}, whose sizes must not be negative, at "
                        f"{describe(user_source())}.")
    if kind_of(dtype) not in "iufc":
        raise TypeError(f"iota: dtype {dtype} cannot count; use an integer, floating or complex dtype, at {describe(user_source())}.")
    return ShapedArray(shape, dtype)


def _iota_jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    y = iota_p.bind(**params)
    return y, Zero(tangent_aval(typeof(y)))


def _iota_lower(b: Any, *, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> Any:
    if dtype.kind != "c":
        return b.iota(dtype, shape, dimension)
    re = b.iota(np.empty(0, dtype).real.dtype, shape, dimension)
    return b.complex(re, b.op("sub", re, re))


iota_p = primitive(
    "iota", impl=checked(_iota_abstract, _iota_impl), abstract=_iota_abstract, jvp=_iota_jvp, lower=_iota_lower,
    reasons={"transpose": "it has no operands", "batch": "it has no operands to be batched"},
)


def iota(dtype: Any, size: int) -> Any:
    """``0, 1, ..., size - 1`` in `dtype`.

    >>> iota("int32", 3)
    Array([0, 1, 2], dtype=int32)
    """
    return broadcasted_iota(dtype, (size,), 0)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """An array of `shape` whose elements are their own index along `dimension`.

    >>> broadcasted_iota("int32", (2, 3), 1)
    Array([[0, 1, 2],
           [0, 1, 2]], dtype=int32)
    """
    shape = _ints(shape)
    return iota_p.bind(dtype=canonical(dtype), shape=shape, dimension=canonicalize_axis(dimension, len(shape)))


def full(shape: Sequence[int], fill_value: Any, dtype: Any = None) -> Any:
    """An array of `shape` filled with a scalar, in `dtype` (by default the scalar's).

    >>> full((2,), 7, "float32")
    Array([7., 7.], dtype=float32)
    """
    if typeof(fill_value).shape:
        raise TypeError(f"full: the fill value must be a scalar; got {typeof(fill_value)}, at {describe(user_source())}.")
    value, sizes = _in_dtype(fill_value, dtype), _ints(shape)
    if not sizes and isinstance(value, (bool, int, float, complex, np.generic)):
        aval = typeof(value)
        return Array(np.asarray(value, aval.dtype), aval.weak_type)
    return broadcast_in_dim(value, sizes, ())


def _in_dtype(value: Any, dtype: Any) -> Any:
    """A scalar in `dtype`; Python numbers become NumPy scalars, so that constants in rules record no conversion."""
    if dtype is None:
        return value
    dtype = canonical(dtype)
    if isinstance(value, (bool, int, float, complex)) and (kind_of(dtype) in "fcb" or isinstance(value, int)):
        return np.asarray(value).astype(dtype)[()] if dtype.kind in "cb" or not isinstance(value, complex) else dtype.type(value.real)
    return convert_element_type(value, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Sequence[int] | None = None) -> Any:
    """An array with the shape and dtype of `x` (unless given) filled with a scalar.

    >>> full_like(np.zeros(2, "int8"), 3)
    Array([3, 3], dtype=int8)
    """
    aval = typeof(x)
    return full(aval.shape if shape is None else shape, fill_value, aval.dtype if dtype is None else dtype)


def zeros_like(x: Any) -> Any:
    """Zeros with the shape and dtype of `x`."""
    return zeros(typeof(x).strong())


# -- changes of shape -------------------------------------------------------------------------------------------------

def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` without the axes `dimensions`, which must have size 1.

    Raises:
        ValueError: if one of them has another size or is named twice.
    """
    shape = typeof(array).shape
    dims = [canonicalize_axis(d, len(shape)) for d in sequence(dimensions, "dimensions")]
    if len(set(dims)) != len(dims) or any(shape[d] != 1 for d in dims):
        raise ValueError(f"squeeze: dimensions {tuple(dimensions)} must be distinct axes of size 1 of the shape {shape}, at "
                         f"{describe(user_source())}.")
    return reshape(array, [s for i, s in enumerate(shape) if i not in dims])


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """`array` with new axes of size 1 that stand at `dimensions` of the result."""
    shape = typeof(array).shape
    dimensions = sequence(dimensions, "dimensions")
    rank = len(shape) + len(dimensions)
    dims = {canonicalize_axis(d, rank) for d in dimensions}
    if len(shape) + len(dims) != rank:
        raise ValueError(f"expand_dims: dimensions {tuple(dimensions)} name an axis twice, at {describe(user_source())}.")
    old = iter(shape)
    return reshape(array, [1 if i in dims else next(old) for i in range(rank)])


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """`operand` with the axes from `start_dimension` up to and without `stop_dimension` flattened into one.

    >>> collapse(np.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    shape = typeof(operand).shape
    start_dimension = integer(start_dimension, "start_dimension")
    stop_dimension = None if stop_dimension is None else integer(stop_dimension, "stop_dimension")
    start, stop, _ = _slice(start_dimension, stop_dimension).indices(len(shape))
    if stop < start:
        raise ValueError(f"collapse: stop_dimension {stop_dimension} lies before start_dimension {start_dimension} in {shape}, at "
                         f"{describe(user_source())}.")
    return reshape(operand, (*shape[:start], prod(shape[start:stop]), *shape[stop:]))


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """`operand` repeated along new leading axes of the given sizes."""
    sizes, shape = _ints(sizes), typeof(operand).shape
    return broadcast_in_dim(operand, sizes + shape, range(len(sizes), len(sizes) + len(shape)))


def broadcast_to_rank(x: Any, rank: int) -> Any:
    """`x` with leading axes of size 1 up to `rank`."""
    shape = typeof(x).shape
    return reshape(x, (1,) * (integer(rank, "rank") - len(shape)) + shape)
