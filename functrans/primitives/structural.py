"""The linear primitives every rule leans on: reshape, transpose, broadcast, convert, sum.

They come first because derivatives and batching of all others are written with them. Each is linear, and their
transposes are one another: broadcast and sum, reshape and reshape, transpose and its inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integers, sequence
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import canonical, float0, is_complex, is_float, is_inexact, is_integer, real_dtype
from functrans.core.low_precision import iinfo, working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.primitives.base import linear, operand_error, primitive
from functrans.util import canonicalize_axis

__all__ = [
    "broadcast_in_dim", "broadcast_in_dim_p", "convert_element_type", "convert_element_type_p", "instantiate", "materialize",
    "move_axis", "moved_to_front", "reduce_sum", "reduce_sum_p", "reshape", "reshape_p", "transpose", "transpose_p", "zeros",
]


# -- reshape ----------------------------------------------------------------------------------------------------------

def _reshape_abstract(x: ShapedArray, *, new_sizes: tuple[int, ...]) -> ShapedArray:
    out = x.update(shape=new_sizes)
    if out.size != x.size or any(d < 0 for d in new_sizes):
        raise operand_error("reshape", f"cannot reshape {x.size} elements into shape {new_sizes} of {out.size} elements.", x)
    return out


def _reshape_batch(size: int, x: Any, dim: int, *, new_sizes: tuple[int, ...]) -> tuple[Any, int]:
    return reshape_p.bind(move_axis(x, dim, 0), new_sizes=(size, *new_sizes)), 0


reshape_p: Primitive = linear(
    "reshape", view=True,
    impl=lambda x, *, new_sizes: x.reshape(new_sizes),
    abstract=_reshape_abstract,
    transpose=lambda ct, x, **_: reshape_p.bind(ct, new_sizes=x.shape),
    batch=_reshape_batch,
    lower=lambda b, x, *, new_sizes: b.reshape(x, new_sizes),
)


def reshape(x: Any, new_sizes: Sequence[int]) -> Any:
    """`x` with another shape of as many elements, in row-major order."""
    new_sizes = integers(new_sizes, "new_sizes")
    return x if typeof(x).shape == new_sizes else reshape_p.bind(x, new_sizes=new_sizes)


# -- transpose --------------------------------------------------------------------------------------------------------

def _transpose_abstract(x: ShapedArray, *, permutation: tuple[int, ...]) -> ShapedArray:
    if sorted(permutation) != list(range(x.ndim)):
        raise operand_error("transpose", f"permutation {permutation} is not a permutation of the {x.ndim} axes.", x)
    return x.update(shape=tuple(x.shape[p] for p in permutation))


def _transpose_batch(size: int, x: Any, dim: int, *, permutation: tuple[int, ...]) -> tuple[Any, int]:
    shifted = tuple(p + (p >= dim) for p in permutation)
    return transpose_p.bind(x, permutation=(dim, *shifted)), 0


def inverse_permutation(permutation: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `permutation`."""
    inverse = [0] * len(permutation)
    for i, p in enumerate(permutation):
        inverse[p] = i
    return tuple(inverse)


transpose_p: Primitive = linear(
    "transpose", view=True,
    impl=lambda x, *, permutation: x.transpose(permutation),
    abstract=_transpose_abstract,
    transpose=lambda ct, x, *, permutation: transpose_p.bind(ct, permutation=inverse_permutation(permutation)),
    batch=_transpose_batch,
    lower=lambda b, x, *, permutation: b.transpose(x, permutation),
)


def transpose(x: Any, permutation: Sequence[int]) -> Any:
    """`x` with its axes permuted: axis ``i`` of the result is axis ``permutation[i]`` of `x`."""
    permutation = integers(permutation, "permutation")
    return x if permutation == tuple(range(len(permutation))) else transpose_p.bind(x, permutation=permutation)


def move_axis(x: Any, source: int, target: int) -> Any:
    """`x` with one axis moved."""
    if source == target:
        return x
    n = len(typeof(x).shape)
    order = [i for i in range(n) if i != source]
    order.insert(target, source)
    return transpose(x, order)


def moved_to_front(size: int, x: Any, dim: int | None) -> Any:
    """A batched operand with its batch axis first; an unbatched one is repeated."""
    if dim is not None:
        return move_axis(x, dim, 0)
    shape = typeof(x).shape
    return broadcast_in_dim(x, (size, *shape), range(1, len(shape) + 1))


# -- broadcast --------------------------------------------------------------------------------------------------------

def _broadcast_impl(x: np.ndarray, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]) -> np.ndarray:
    aligned = [1] * len(shape)
    for size, d in zip(x.shape, broadcast_dimensions, strict=True):
        aligned[d] = size
    return np.broadcast_to(x.reshape(aligned), shape)


def _broadcast_abstract(x: ShapedArray, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]) -> ShapedArray:
    dims = broadcast_dimensions
    if len(dims) != x.ndim or list(dims) != sorted(set(dims)) or any(not 0 <= d < len(shape) for d in dims):
        raise operand_error("broadcast_in_dim", f"broadcast_dimensions {dims} must name, in increasing order, one axis of "
                            f"{shape} for each axis of the operand.", x)
    if any(size not in (1, shape[d]) for size, d in zip(x.shape, dims, strict=True)):
        raise operand_error("broadcast_in_dim", f"axes of size other than 1 must agree with shape {shape} along {dims}.", x)
    return x.update(shape=shape)


def _broadcast_transpose(ct: Any, x: ShapedArray, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...]) -> Any:
    kept = {d for size, d in zip(x.shape, broadcast_dimensions, strict=True) if size == shape[d]}
    summed = reduce_sum(ct, tuple(d for d in range(len(shape)) if d not in kept))
    return reshape(summed, x.shape)


def _broadcast_batch(
    size: int, x: Any, dim: int, *, shape: tuple[int, ...], broadcast_dimensions: tuple[int, ...],
) -> tuple[Any, int]:
    dims = (0, *(d + 1 for d in broadcast_dimensions))
    return broadcast_in_dim_p.bind(move_axis(x, dim, 0), shape=(size, *shape), broadcast_dimensions=dims), 0


broadcast_in_dim_p = linear(
    "broadcast_in_dim", view=True,
    impl=_broadcast_impl, abstract=_broadcast_abstract, transpose=_broadcast_transpose, batch=_broadcast_batch,
    lower=lambda b, x, *, shape, broadcast_dimensions: b.broadcast(x, shape, broadcast_dimensions),
)


def broadcast_in_dim(x: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Any:
    """`x` repeated to `shape`; axis ``i`` of `x` becomes axis ``broadcast_dimensions[i]`` (sizes 1 stretch)."""
    shape, dims = integers(shape, "shape"), integers(broadcast_dimensions, "broadcast_dimensions")
    if typeof(x).shape == shape and dims == tuple(range(len(shape))):
        return x
    return broadcast_in_dim_p.bind(x, shape=shape, broadcast_dimensions=dims)


# -- sum --------------------------------------------------------------------------------------------------------------

def reduced_shape(name: str, x: ShapedArray, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without `axes`, which must be distinct and in range."""
    if len(set(axes)) != len(axes) or any(not 0 <= a < x.ndim for a in axes):
        raise operand_error(name, f"axes {axes} must be distinct axes of the operand.", x)
    return tuple(s for i, s in enumerate(x.shape) if i not in axes)


def reduction_batch(prim: Any, x: Any, dim: int, axes: tuple[int, ...], **params: Any) -> tuple[Any, int]:
    """Batching shared by all reductions: the axes after the batch axis shift by one."""
    out = prim.bind(x, axes=tuple(a + (a >= dim) for a in axes), **params)
    return out, dim - sum(a < dim for a in axes)


def _sum_transpose(ct: Any, x: ShapedArray, *, axes: tuple[int, ...]) -> Any:
    return broadcast_in_dim(ct, x.shape, [d for d in range(x.ndim) if d not in axes])


def _sum_impl(x: np.ndarray, *, axes: tuple[int, ...]) -> Any:
    if x.dtype == np.bool_:
        return np.any(x, axis=axes)
    work = working_dtype(x.dtype)
    if work is x.dtype:
        return np.sum(x, axis=axes, dtype=work)
    return np.sum(x.astype(work, copy=False), axis=axes, dtype=work).astype(x.dtype, copy=False)


reduce_sum_p: Primitive = linear(
    "reduce_sum",
    impl=_sum_impl,
    abstract=lambda x, *, axes: x.update(shape=reduced_shape("reduce_sum", x, axes)),
    transpose=_sum_transpose,
    batch=lambda size, x, dim, *, axes: reduction_batch(reduce_sum_p, x, dim, axes),
    lower=lambda b, x, *, axes: b.reduce("add", x, axes),
)


def reduce_sum(x: Any, axes: Sequence[int]) -> Any:
    """The sum over `axes`, which vanish."""
    n = len(typeof(x).shape)
    axes = tuple(canonicalize_axis(a, n) for a in sequence(axes, "axes"))
    return reduce_sum_p.bind(x, axes=axes) if axes else x


# -- conversion -------------------------------------------------------------------------------------------------------

def _convert_impl(x: np.ndarray, *, new_dtype: np.dtype, weak_type: bool) -> np.ndarray:
    if x.dtype.kind == "c" and new_dtype.kind not in "cb":
        x = x.real
    if is_float(x.dtype) and is_integer(new_dtype):
        return _saturate(x, new_dtype)
    return x.astype(working_dtype(x.dtype), copy=False).astype(new_dtype)


def _saturate(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats to integers: towards zero; values out of range go to the nearest end, nan to 0 (C leaves both undefined)."""
    info = iinfo(dtype)
    wide = x.astype(np.float64)
    top = float(info.max)  # may round up to a power of two, which is out of range
    inside = (wide > float(info.min) - 1) & (wide < top if float(info.max) != info.max else wide < top + 1)
    out = np.where(inside, wide, 0).astype(working_dtype(dtype))
    return np.where(inside, out, np.where(wide > 0, info.max, np.where(np.isnan(wide), 0, info.min))).astype(dtype)


def _convert_jvp(primals: Any, tangents: Any, *, new_dtype: np.dtype, weak_type: bool) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    y = convert_element_type_p.bind(x, new_dtype=new_dtype, weak_type=weak_type)
    if isinstance(x_dot, Zero) or not is_inexact(new_dtype):
        return y, Zero(tangent_aval(typeof(y)))
    return y, convert_element_type_p.bind(x_dot, new_dtype=new_dtype, weak_type=False)


def _convert_transpose(ct: Any, x: Any, *, new_dtype: np.dtype, weak_type: bool) -> list[Any]:
    return [convert_element_type(ct, x.aval.dtype)]


convert_element_type_p: Primitive = primitive(
    "convert_element_type",
    impl=_convert_impl,
    abstract=lambda x, *, new_dtype, weak_type: ShapedArray(x.shape, new_dtype, weak_type),
    jvp=_convert_jvp, transpose=_convert_transpose,
    batch=lambda size, args, dims, **params: (convert_element_type_p.bind(*args, **params), dims[0]),
    lower=lambda b, x, *, new_dtype, weak_type: b.convert(x, new_dtype),
)


def convert_element_type(x: Any, new_dtype: Any = None, weak_type: bool = False) -> Any:
    """`x` in another dtype. Complex to real keeps the real part; float to integer truncates and saturates (nan to 0).

    >>> convert_element_type(np.array([1.7, -2.5, 1e30]), "int32")
    Array([         1,         -2, 2147483647], dtype=int32)
    """
    aval = typeof(x)
    dtype = aval.dtype if new_dtype is None else canonical(new_dtype)
    if aval.dtype == dtype and aval.weak_type == weak_type:
        return x
    return convert_element_type_p.bind(x, new_dtype=dtype, weak_type=weak_type)


# -- constants --------------------------------------------------------------------------------------------------------

def zeros(aval: ShapedArray) -> Any:
    """Zeros of an aval, recorded as a broadcast while staging."""
    return broadcast_in_dim(aval.dtype.type(0), aval.shape, ())


def instantiate(tangent: Any) -> Any:
    """A tangent as an array: symbolic zeros become zeros."""
    return zeros(tangent.aval) if isinstance(tangent, Zero) else tangent


def materialize(tangent: Any) -> Any:
    """A tangent as users see it: float0 zeros for integers, arrays otherwise."""
    if isinstance(tangent, Zero) and tangent.aval.dtype == float0:
        return np.zeros(tangent.aval.shape, float0)
    return instantiate(tangent)


def real_part_of(ct: Any, like: Linear) -> Any:
    """A cotangent for a real operand of a complex operation is the real part."""
    aval = typeof(ct)
    if is_complex(aval.dtype) and not is_complex(like.aval.dtype):
        return convert_element_type(ct, real_dtype(aval.dtype))
    return ct


def mismatch(name: str, *avals: ShapedArray) -> TypeError:
    """The error for operands whose shapes or dtypes should be equal and are not."""
    return TypeError(f"{name}: operands must agree; got {', '.join(map(str, avals))}, at {describe(user_source())}.")
