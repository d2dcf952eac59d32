"""Making arrays: from data, filled, ranges, and the small matrices.

Evaluated, functions make contiguous arrays. Under a transformation they bind primitives (broadcasts and iotas), so that
``zeros((10**4, 10**4))`` inside `jit` is one equation and never stored. Arrays are immutable, so "copy" only ever means that the
caller's own NumPy array is copied.

Known limits: sizes and the bounds of `arange` must be known numbers; layouts (``order=``) other than C are ignored.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import among, integer, integers
from functrans.core.array import Array
from functrans.core.dtypes import canonical, is_integer, kind_of, result_type
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, to_numpy, typeof
from functrans.numpy.util import (
    as_operand,
    asarray_internal,
    broadcast_arrays_internal,
    check_arraylike,
    check_device,
    default_float,
    evaluating,
    promote_inexact,
    promote_shapes,
    requested_dtype,
)
from functrans.primitives.arithmetic import div_p, pow_p, select_n_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import eq_p, ge_p
from functrans.primitives.movement import broadcasted_iota, concatenate, expand_dims, pad, slice_in_dim
from functrans.primitives.rounding import floor_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, reshape

__all__ = [
    "arange", "array", "asarray", "astype", "copy", "diag", "diagflat", "empty", "empty_like", "eye", "full", "full_like",
    "geomspace", "identity", "indices", "linspace", "logspace", "meshgrid", "ones", "ones_like", "tri", "tril", "triu",
    "zeros", "zeros_like",
]


# -- from data --------------------------------------------------------------------------------------------------------

def array(object: Any, dtype: Any = None, copy: bool = True, order: str | None = "K", ndmin: int = 0, *, device: Any = None,
          out_sharding: Any = None) -> Any:
    """An array of numbers, nested lists (whose leaves may be traced), or any array (copied, in native byte order).

    Without `dtype` the leaves promote together; a lone Python scalar stays weak.

    Raises:
        TypeError: for dtypes no array can have (objects, strings).
        ValueError: for ragged lists.

    >>> array([[1, 2], [3, 4.5]])
    Array([[1. , 2. ],
           [3. , 4.5]], dtype=float64)
    """
    check_device("array", device)
    wanted = requested_dtype(dtype)
    if isinstance(object, (list, tuple)):
        out = _from_nested(object, wanted)
    elif type(object) is Array or isinstance(object, Tracer):
        out = object if wanted is None else convert_element_type(object, wanted)
    elif type(object) in (int, float, complex) and wanted is None:
        out = asarray_internal(object)
    elif type(object) in (bool, int, float, complex):
        out = Array(np.asarray(object, wanted))
    elif hasattr(object, "__jax_array__"):
        return array(object.__jax_array__(), dtype, copy, order, ndmin)
    else:
        value = to_numpy(object)
        out = Array(np.array(value, order="C")) if wanted is None or wanted == value.dtype else convert_element_type(value, wanted)
    missing = ndmin - typeof(out).ndim
    return expand_dims(out, range(missing)) if missing > 0 else out


def _leaves(nested: Any, found: list[Any]) -> list[Any]:
    for x in nested:
        if type(x) is list or type(x) is tuple:
            _leaves(x, found)
        else:
            found.append(x)
    return found


def _from_nested(nested: Any, dtype: np.dtype | None) -> Any:
    leaves = _leaves(nested, [])
    kinds = set(map(type, leaves))
    if not kinds:
        return Array(np.array(nested, dtype or default_float()))
    if kinds <= {bool, int, float, complex}:
        try:
            return Array(np.array(nested, dtype or result_type(*kinds)[0]))
        except ValueError as error:  # lists of different lengths
            raise ValueError(f"array: {error} At {describe(user_source())}.") from None
    leaves = [_leaf(x) for x in leaves]
    dtype = dtype or result_type(*leaves)[0]
    return _stack(nested, dtype)


def _leaf(x: Any) -> Any:
    if x is None or isinstance(x, (str, bytes, dict, set)):
        raise TypeError(f"array: a {type(x).__name__} is not a number: {x!r}, at {describe(user_source())}.")
    return x if type(x) is Array or isinstance(x, Tracer) else as_operand(x)


def _has_tracer(nested: Any) -> bool:
    return any(_has_tracer(x) if isinstance(x, (list, tuple)) else isinstance(x, Tracer) for x in nested)


def _stack(nested: Any, dtype: np.dtype) -> Any:
    if not isinstance(nested, (list, tuple)):
        return convert_element_type(_leaf(nested), dtype)
    if not _has_tracer(nested):
        return Array(np.array(_concrete(nested), dtype))
    parts = [_stack(x, dtype) for x in nested]
    shapes = [typeof(p).shape for p in parts]
    if len(set(shapes)) != 1:
        raise ValueError(f"array: the items of a list must have equal shapes, got {', '.join(map(str, shapes))}, at "
                         f"{describe(user_source())}. Broadcast them first.")
    return concatenate([reshape(p, (1, *shapes[0])) for p in parts], 0)


def _concrete(nested: Any) -> Any:
    return [_concrete(x) if isinstance(x, (list, tuple)) else to_numpy(x) for x in nested]


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None, device: Any = None,
            out_sharding: Any = None) -> Any:
    """`a` as an array; the same object where nothing needs to change.

    Args:
        a: what `array` takes.
        dtype: None for that of `a`.
        copy: True and None copy the NumPy arrays of the caller, who may change them later; False shares their memory, and the
            caller promises not to write to it any more.

    Raises:
        ValueError: if ``copy=False`` and a copy is needed: for lists and numbers, and for another dtype.

    >>> asarray(np.arange(3), dtype=float)
    Array([0., 1., 2.], dtype=float64)
    """
    check_device("asarray", device)
    return array(a, dtype, order=order) if copy is not False else _shared(a, requested_dtype(dtype))


def _shared(a: Any, dtype: np.dtype | None) -> Any:
    """The array `a` as it lies in memory."""
    kept = isinstance(a, (np.ndarray, Array, Tracer)) and (dtype is None or typeof(a).dtype == dtype)
    if not kept or (isinstance(a, np.ndarray) and not a.dtype.isnative):
        wanted = "" if dtype is None else f" of dtype {dtype}"
        raise ValueError(f"asarray: an array{wanted} of a {type(a).__name__} needs a copy, and copy=False forbids it, at "
                         f"{describe(user_source())}. Leave copy out.")
    return Array(a.view(np.ndarray)) if isinstance(a, np.ndarray) else a


def copy(a: Any, order: str | None = None) -> Any:
    """`a` as an array (arrays are immutable, so a copy is the array itself).

    >>> copy(np.arange(3))
    Array([0, 1, 2], dtype=int64)
    """
    check_arraylike("copy", a)
    return array(a)


def astype(x: Any, dtype: Any, /, *, copy: bool = False, device: Any = None) -> Any:
    """`x` in another dtype. Floats to integers truncate and saturate; complex to real keeps the real part.

    >>> astype(np.array([1.7, -2.2]), "int32")
    Array([ 1, -2], dtype=int32)
    """
    check_device("astype", device)
    check_arraylike("astype", x)
    x = asarray_internal(x)
    return x if dtype is None else convert_element_type(x, canonical(dtype))


# -- filled -----------------------------------------------------------------------------------------------------------

def _shape(name: str, shape: Any) -> tuple[int, ...]:
    sizes = integers(shape, "shape")
    if any(s < 0 for s in sizes):
        raise ValueError(f"{name}: sizes must not be negative, got shape {sizes}, at {describe(user_source())}.")
    return sizes


def _filled(name: str, shape: Any, value: complex, dtype: np.dtype) -> Any:
    sizes = _shape(name, shape)
    if evaluating():
        return Array(np.zeros(sizes, dtype) if value == 0 == dtype.type(0) else np.full(sizes, value, dtype))
    return broadcast_in_dim(dtype.type(value), sizes, ()) if sizes else asarray_internal(dtype.type(value))


def zeros(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Zeros, of the default float unless `dtype` is given.

    >>> zeros((2,), "int32")
    Array([0, 0], dtype=int32)
    """
    check_device("zeros", device)
    return _filled("zeros", shape, 0, requested_dtype(dtype) or default_float())


def ones(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Ones, of the default float unless `dtype` is given.

    >>> ones(2)
    Array([1., 1.], dtype=float64)
    """
    check_device("ones", device)
    return _filled("ones", shape, 1, requested_dtype(dtype) or default_float())


def empty(shape: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Zeros: memory of undefined content would make results depend on chance.

    >>> empty(2)
    Array([0., 0.], dtype=float64)
    """
    check_device("empty", device)
    return _filled("empty", shape, 0, requested_dtype(dtype) or default_float())


def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """`fill_value`, broadcast to `shape`, in its own dtype unless `dtype` is given.

    Raises:
        ValueError: if `fill_value` does not broadcast to `shape`.

    >>> full((2,), 7)
    Array([7, 7], dtype=int64, weak_type=True)
    """
    check_device("full", device)
    sizes = _shape("full", shape)
    value = array(fill_value, dtype)
    inner = typeof(value).shape
    if inner != sizes:
        if len(inner) > len(sizes) or any(n not in (1, m) for n, m in zip(inner[::-1], sizes[::-1], strict=False)):
            raise ValueError(f"full: a fill value of shape {inner} does not broadcast to the shape {sizes}, at {describe(user_source())}.")
        value = broadcast_in_dim(value, sizes, range(len(sizes) - len(inner), len(sizes)))
    return Array(np.array(value._value), value._weak) if type(value) is Array and evaluating() else value


def _like(name: str, a: Any, shape: Any, dtype: Any, value: Any) -> Any:
    check_arraylike(name, a)
    aval = typeof(a)
    sizes = aval.shape if shape is None else _shape(name, shape)
    out = full(sizes, value, requested_dtype(dtype) or aval.dtype)
    return convert_element_type(out, aval.dtype, True) if dtype is None and aval.weak_type else out


def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Zeros of the shape and dtype of `a` unless given.

    >>> zeros_like(np.ones(2, "float32"))
    Array([0., 0.], dtype=float32)
    """
    check_device("zeros_like", device)
    return _like("zeros_like", a, shape, dtype, 0)


def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """Ones of the shape and dtype of `a` unless given.

    >>> ones_like(np.zeros(2, "float32"))
    Array([1., 1.], dtype=float32)
    """
    check_device("ones_like", device)
    return _like("ones_like", a, shape, dtype, 1)


def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """As `zeros_like`.

    >>> empty_like(np.ones(2))
    Array([0., 0.], dtype=float64)
    """
    check_device("empty_like", device)
    return _like("empty_like", prototype, shape, dtype, 0)


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """`fill_value` in the shape and dtype of `a` unless given.

    >>> full_like(np.zeros(2, "int32"), 2.7)
    Array([2, 2], dtype=int32)
    """
    check_device("full_like", device)
    return _like("full_like", a, shape, dtype, fill_value)


# -- ranges -----------------------------------------------------------------------------------------------------------

def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None, out_sharding: Any = None) -> Any:
    """``start, start + step, ...`` below (or, for negative steps, above) `stop`; with one argument, from 0.

    Raises:
        ConcretizationTypeError: if a bound is traced and has no known value.

    >>> arange(1, 7, 2)
    Array([1, 3, 5], dtype=int64)
    """
    check_device("arange", device)
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    given = [x for x in (start, stop, step) if x is not None]
    check_arraylike("arange", *given)
    wanted = requested_dtype(dtype) or result_type(*given)[0]
    bounds = [_number(x) for x in (start, stop, step)]
    first, last, delta = bounds
    if delta == 0:
        raise ZeroDivisionError(f"arange: step must not be 0, at {describe(user_source())}.")
    if evaluating():
        return Array(np.arange(first, last, delta).astype(wanted))
    size = max(0, math.ceil((last - first) / delta))
    work = np.dtype(np.int64) if all(isinstance(b, int) for b in bounds) else np.dtype(np.float64)
    if kind_of(work) == "i" and first == 0 and delta == 1:
        return broadcasted_iota(wanted, (size,), 0)
    steps = mul_p.bind(broadcasted_iota(work, (size,), 0), work.type((first + delta) - first))
    return convert_element_type(add_p.bind(steps, work.type(first)), wanted)


def _number(x: Any) -> Any:
    """A known scalar as a Python int or float."""
    aval = typeof(x)
    if aval.shape:
        raise TypeError(f"arange: bounds are scalars, got {aval}, at {describe(user_source())}.")
    if aval.dtype.kind == "c":
        raise TypeError(f"arange: bounds are real numbers, got {aval}, at {describe(user_source())}.")
    return operator.index(x) if is_integer(aval.dtype) else int(x) if aval.dtype.kind == "b" else float(x)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
             *, device: Any = None) -> Any:
    """`num` evenly spaced values from `start` to `stop` along a new axis; differentiable in both.

    Returns:
        The array; with `retstep` also the step.

    >>> linspace(0, 1, 5)
    Array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float64)
    """
    check_device("linspace", device)
    num = integer(num, "num")
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}, at {describe(user_source())}.")
    check_arraylike("linspace", start, stop)
    wanted = requested_dtype(dtype)
    lo, hi = promote_inexact(as_operand(start), as_operand(stop))
    lo, hi = broadcast_arrays_internal(*(convert_element_type(x, typeof(x).dtype, False) for x in (lo, hi)))
    aval = typeof(lo)
    work = aval.dtype
    div = num - 1 if endpoint else num
    shape = (num, *aval.shape)
    real = np.empty(0, work).real.dtype
    ramp = broadcasted_iota(real, (num,), 0)
    fraction = div_p.bind(ramp, real.type(max(div, 1)))
    fraction = broadcast_in_dim(convert_element_type(fraction, work), shape, (0,))
    lo_all, hi_all = (broadcast_in_dim(x, shape, range(1, len(shape))) for x in (lo, hi))
    out = add_p.bind(mul_p.bind(lo_all, sub_p.bind(work.type(1), fraction)), mul_p.bind(hi_all, fraction))
    if endpoint and num > 1:
        last = broadcast_in_dim(eq_p.bind(broadcasted_iota(np.int64, (num,), 0), np.int64(num - 1)), shape, (0,))
        out = select_n_p.bind(last, out, hi_all)
    out = _whole(out, wanted) if wanted is not None else out
    axis = integer(axis, "axis")
    out = move_axis(out, 0, axis % len(shape)) if axis else out
    if not retstep:
        return out
    step = div_p.bind(sub_p.bind(hi, lo), work.type(div)) if div > 0 else full(aval.shape, np.nan, work)
    return out, step


def _whole(x: Any, dtype: np.dtype) -> Any:
    """Conversion; to integers by the floor, as NumPy's linspace does."""
    return convert_element_type(floor_p.bind(x) if is_integer(dtype) else x, dtype)


def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0) -> Any:
    """``base`` to the powers of `linspace`.

    >>> logspace(0, 2, 3)
    Array([  1.,  10., 100.], dtype=float64)
    """
    powers = linspace(start, stop, num, endpoint, axis=axis)
    b, p = promote_shapes("logspace", *promote_inexact(as_operand(base), powers))
    out = pow_p.bind(b, p)
    return out if dtype is None else convert_element_type(out, canonical(dtype))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """`num` values in geometric progression from `start` to `stop`, which must have one sign.

    >>> geomspace(1, 100, 3)
    Array([  1.,  10., 100.], dtype=float64)
    """
    check_arraylike("geomspace", start, stop)
    lo, hi = promote_inexact(as_operand(start), as_operand(stop))
    lo, hi = promote_shapes("geomspace", *(convert_element_type(x, typeof(x).dtype, False) for x in (lo, hi)))
    fraction = linspace(0.0, 1.0, num, endpoint, dtype=np.empty(0, typeof(lo).dtype).real.dtype)
    lo, hi = broadcast_arrays_internal(lo, hi)
    shape = (num, *typeof(lo).shape)
    fraction = broadcast_in_dim(convert_element_type(fraction, typeof(lo).dtype), shape, (0,))
    lo_all, hi_all = (broadcast_in_dim(x, shape, range(1, len(shape))) for x in (lo, hi))
    out = mul_p.bind(lo_all, pow_p.bind(div_p.bind(hi_all, lo_all), fraction))
    if endpoint and num > 1:
        last = broadcast_in_dim(eq_p.bind(broadcasted_iota(np.int64, (num,), 0), np.int64(num - 1)), shape, (0,))
        out = select_n_p.bind(last, out, hi_all)
    out = out if dtype is None else convert_element_type(out, canonical(dtype))
    axis = integer(axis, "axis")
    return move_axis(out, 0, axis % len(shape)) if axis else out


# -- matrices and grids -----------------------------------------------------------------------------------------------

def _band(name: str, prim: Any, n: int, m: int, k: int) -> Any:
    """Where ``column - row`` relates to `k` as `prim` says."""
    n, m = _shape(name, (n, m))
    rows, columns = (broadcasted_iota(np.int64, (n, m), d) for d in (0, 1))
    return prim.bind(add_p.bind(rows, np.int64(integer(k, "k"))), columns)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None, *, device: Any = None) -> Any:
    """An N by M matrix with ones on the `k`-th diagonal.

    >>> eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    check_device("eye", device)
    return convert_element_type(_band("eye", eq_p, N, N if M is None else M, k), requested_dtype(dtype) or default_float())


def identity(n: int, dtype: Any = None) -> Any:
    """The n by n identity.

    >>> identity(2, int)
    Array([[1, 0],
           [0, 1]], dtype=int64)
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """An N by M matrix with ones at and below the `k`-th diagonal.

    >>> tri(2, dtype=int)
    Array([[1, 0],
           [1, 1]], dtype=int64)
    """
    return convert_element_type(_band("tri", ge_p, N, N if M is None else M, k), requested_dtype(dtype) or default_float())


def _triangle(name: str, m: Any, k: int, lower: bool) -> Any:
    check_arraylike(name, m)
    m = asarray_internal(m)
    aval = typeof(m)
    if aval.ndim < 2:
        raise ValueError(f"{name}: the array must have at least 2 axes, got {aval}, at {describe(user_source())}.")
    (rows, columns), k = aval.shape[-2:], integer(k, "k")
    mask = _band(name, ge_p, rows, columns, k if lower else k - 1)
    mask = broadcast_in_dim(mask, aval.shape, (aval.ndim - 2, aval.ndim - 1))
    zero = aval.dtype.type(0)
    return select_n_p.bind(mask, zero, m) if lower else select_n_p.bind(mask, m, zero)


def tril(m: Any, k: int = 0) -> Any:
    """`m` with zeros above the `k`-th diagonal of its last two axes.

    >>> tril(np.ones((2, 2)))
    Array([[1., 0.],
           [1., 1.]], dtype=float64)
    """
    return _triangle("tril", m, k, True)


def triu(m: Any, k: int = 0) -> Any:
    """`m` with zeros below the `k`-th diagonal of its last two axes.

    >>> triu(np.ones((2, 2)))
    Array([[1., 1.],
           [0., 1.]], dtype=float64)
    """
    return _triangle("triu", m, k, False)


def diag(v: Any, k: int = 0) -> Any:
    """The `k`-th diagonal of a matrix, or the square matrix with that diagonal.

    Raises:
        ValueError: unless `v` has 1 or 2 axes.

    >>> diag(np.array([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    check_arraylike("diag", v)
    v, k = asarray_internal(v), integer(k, "k")
    aval = typeof(v)
    if aval.ndim == 1:
        n = aval.shape[0] + abs(k)
        zero = aval.dtype.type(0)
        spread = pad(v, zero, ((max(k, 0), max(-k, 0), 0),))
        # Column j of the result is the j-th element of the padded vector on the diagonal, zero elsewhere.
        return select_n_p.bind(_band("diag", eq_p, n, n, k), zero, broadcast_in_dim(spread, (n, n), (1,)))
    if aval.ndim != 2:
        raise ValueError(f"diag: the array must have 1 or 2 axes, got {aval}, at {describe(user_source())}. Use diagonal for more.")
    rows, columns = aval.shape
    length = max(0, min(rows, columns - k) if k >= 0 else min(rows + k, columns))
    if not length:
        return zeros((0,), aval.dtype)
    first = k if k >= 0 else -k * columns
    step = columns + 1
    return slice_in_dim(reshape(v, (rows * columns,)), first, first + (length - 1) * step + 1, step)


def diagflat(v: Any, k: int = 0) -> Any:
    """The square matrix with the elements of `v`, in order, on its `k`-th diagonal.

    >>> diagflat(np.array([[1, 2]]))
    Array([[1, 0],
           [0, 2]], dtype=int64)
    """
    check_arraylike("diagflat", v)
    return diag(reshape(asarray_internal(v), (typeof(v).size,)), k)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> list[Any]:
    """Coordinate arrays from coordinate vectors; "xy" swaps the first two axes, "ij" does not.

    >>> [g.shape for g in meshgrid(np.arange(2), np.arange(3))]
    [(3, 2), (3, 2)]
    """
    if not among(indexing, ("xy", "ij")):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}, at {describe(user_source())}.")
    check_arraylike("meshgrid", *xi)
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) >= 2:
        axes[0], axes[1] = 1, 0
    vectors = [reshape(asarray_internal(x), (typeof(x).size,)) for x in xi]
    shape = [0] * len(xi)
    for axis, v in zip(axes, vectors, strict=True):
        shape[axis] = typeof(v).size
    return [broadcast_in_dim(v, [s if d == axis or not sparse else 1 for d, s in enumerate(shape)], (axis,))
            for axis, v in zip(axes, vectors, strict=True)]


def indices(dimensions: Sequence[int], dtype: Any = None, sparse: bool = False) -> Any:
    """The index of every point of a grid: an array of shape ``(rank, *dimensions)``, or with `sparse` a tuple.

    >>> indices((2, 2))[1].tolist()
    [[0, 1], [0, 1]]
    """
    shape = _shape("indices", dimensions)
    wanted = requested_dtype(dtype) or np.dtype(np.int64)
    if sparse:
        return tuple(broadcasted_iota(wanted, [s if d == axis else 1 for d, s in enumerate(shape)], axis) for axis in range(len(shape)))
    if not shape:
        return zeros((0,), wanted)
    return concatenate([reshape(broadcasted_iota(wanted, shape, axis), (1, *shape)) for axis in range(len(shape))], 0)
