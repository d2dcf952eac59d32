"""Promotion, broadcasting and checks of operands, shared by every module of `functrans.numpy`.

Promotion follows the lattice of `functrans.core.dtypes`: Python scalars are weak and take the dtype of the array they
meet. Functions that need floating operands take integers and booleans to the default float. N-ary primitives mix rank-0
operands with any shape, so that only operands of rank 1 or more are ever broadcast.

Known limits: Python integers that fit no 64-bit integer are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import among
from functrans.config import options
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical, is_inexact, kind_of, promote, python_scalar_dtype, scalar_in
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Tracer, current_trace, is_array_like, to_numpy, typeof
from functrans.primitives.structural import broadcast_in_dim, convert_element_type
from functrans.util import canonicalize_axis

__all__ = [
    "as_operand", "asarray_internal", "binary_inexact", "binary_numeric", "binary_operands", "broadcast_arrays_internal",
    "broadcast_shapes_internal", "canonical_axes", "cast", "check_arraylike", "check_device", "check_no_out", "constant_like",
    "default_float", "evaluating", "inexact_dtype", "promote_args", "promote_args_numeric", "promote_inexact",
    "promote_shapes", "requested_dtype", "to_dtype", "unary_inexact", "unary_operand",
]

_PYTHON_SCALARS = frozenset({int, float, complex})
_BOOL = np.dtype(bool)


def evaluating() -> bool:
    """Whether operations run at once in NumPy: no transformation is at work."""
    return type(current_trace()) is EvalTrace


def default_float() -> np.dtype:
    """The dtype of floats that nothing else determines: ``config.default_float``."""
    return options().default_float


# -- checks -----------------------------------------------------------------------------------------------------------

def check_arraylike(name: str, *args: Any) -> None:
    """Refuse arguments that are not arrays or numbers.

    Raises:
        TypeError: naming the function, the position and the type. Lists and tuples are refused too: converting them is
            slow and hides mistakes.

    >>> check_arraylike("sum", np.ones(3), 2.0)
    """
    for position, x in enumerate(args):
        if type(x) is Array or is_array_like(x) or (hasattr(x, "shape") and hasattr(x, "dtype")) or hasattr(x, "__jax_array__"):
            continue
        repair = (f" Convert it first: {name}(functrans.numpy.asarray(x))." if isinstance(x, (list, tuple))
                  else " Pass an array or a number.")
        raise TypeError(f"{name} requires ndarray or scalar arguments, got {type(x).__name__} at position {position}, "
                        f"at {describe(user_source())}.{repair}")


def check_no_out(name: str, out: Any) -> None:
    """Refuse ``out=``: arrays are immutable.

    Raises:
        NotImplementedError: if `out` is given.
    """
    if out is not None:
        raise NotImplementedError(f"{name}: out= is not supported, since arrays are immutable, at {describe(user_source())}. Use the "
                                  "returned array.")


def check_device(name: str, device: Any) -> None:
    """Refuse devices other than the CPU.

    Raises:
        ValueError: naming the function and the device.

    >>> check_device("zeros", "cpu")
    """
    if device is not None and not among(device, ("cpu",)):
        raise ValueError(f"{name}: there is one device, 'cpu'; got device={device!r}, at {describe(user_source())}. Leave it out.")


def as_operand(x: Any) -> Any:
    """An operand primitives accept: objects with ``__jax_array__`` or ``__array__`` are converted.

    >>> as_operand(2.0)
    2.0
    """
    if is_array_like(x):
        return x
    convert = getattr(x, "__jax_array__", None)
    return convert() if convert is not None else Array(np.array(to_numpy(x)))


def asarray_internal(x: Any) -> Any:
    """A number or an array as an Array or tracer; Python scalars stay weak.

    >>> asarray_internal(2)
    Array(2, dtype=int64, weak_type=True)
    """
    if type(x) is Array or isinstance(x, Tracer):
        return x
    x = as_operand(x)
    if type(x) is Array or isinstance(x, Tracer):
        return x
    value = to_numpy(x)
    return Array(np.array(value) if value is x else value, type(x) in _PYTHON_SCALARS)


# -- dtypes -----------------------------------------------------------------------------------------------------------

def cast(x: Any, dtype: np.dtype, weak: bool = False) -> Any:
    """`x` in `dtype`. Python scalars become NumPy scalars, so that nothing is recorded for them.

    Raises:
        OverflowError: if a Python int does not fit an integer `dtype`.

    >>> cast(2, np.dtype("float32"))
    np.float32(2.0)
    """
    kind = type(x)
    if not weak and (kind is int or kind is float or kind is complex or kind is bool) and (kind is not complex or dtype.kind == "c"):
        with np.errstate(all="ignore"):
            return scalar_in(x, dtype)
    return convert_element_type(x, dtype, weak)


def inexact_dtype(dtype: np.dtype) -> np.dtype:
    """`dtype` itself where floating or complex, else the default float.

    >>> inexact_dtype(np.dtype("int32"))
    dtype('float64')
    """
    return dtype if is_inexact(dtype) else options().default_float


def constant_like(x: Any, value: complex) -> Any:
    """The constant `value` in the dtype of `x`, weak where `x` is.

    >>> constant_like(np.float32(2), 1)
    np.float32(1.0)
    """
    aval = typeof(x)
    constant = aval.dtype.type(value)
    if aval.weak_type:
        scalar = constant.item()
        if python_scalar_dtype(type(scalar)) == aval.dtype:
            return scalar
    return constant


def _joined(avals: Sequence[ShapedArray]) -> tuple[np.dtype, bool]:
    first = avals[0]
    dtype, weak = first.dtype, first.weak_type
    for a in avals[1:]:
        if a.dtype is not dtype or a.weak_type is not weak:
            dtype, weak = promote(dtype, weak, a.dtype, a.weak_type)
    return dtype, weak


def to_dtype(args: Sequence[Any], avals: Sequence[ShapedArray], dtype: np.dtype, weak: bool) -> list[Any]:
    """The operands in one dtype; those that have it are untouched."""
    return [x if a.dtype == dtype and (weak or type(x) not in _PYTHON_SCALARS) else cast(x, dtype, weak)
            for x, a in zip(args, avals, strict=True)]


def promote_args(*args: Any) -> list[Any]:
    """The arguments in their common dtype, by the lattice with weak Python scalars.

    Raises:
        OverflowError: if a Python int does not fit the dtype.

    >>> promote_args(np.float32(1), 2)
    [np.float32(1.0), np.float32(2.0)]
    """
    avals = [typeof(x) for x in args]
    dtype, weak = _joined(avals)
    return to_dtype(args, avals, dtype, weak)


def promote_args_numeric(*args: Any) -> list[Any]:
    """As `promote_args`; booleans become int64.

    >>> promote_args_numeric(True, True)
    [np.int64(1), np.int64(1)]
    """
    avals = [typeof(x) for x in args]
    dtype, weak = _joined(avals)
    return to_dtype(args, avals, np.dtype(np.int64) if dtype == _BOOL else dtype, weak)


def promote_inexact(*args: Any) -> list[Any]:
    """The arguments in their common floating or complex dtype; integers and booleans become the default float.

    >>> promote_inexact(np.int32(3))
    [Array(3., dtype=float64)]
    """
    avals = [typeof(x) for x in args]
    dtype, weak = _joined(avals)
    return to_dtype(args, avals, inexact_dtype(dtype), weak)


# -- shapes -----------------------------------------------------------------------------------------------------------

def broadcast_shapes_internal(name: str, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape of NumPy's broadcasting.

    Raises:
        ValueError: naming `name` and the shapes, if they do not broadcast.

    >>> broadcast_shapes_internal("add", [(3, 1), (4,)])
    (3, 4)
    """
    rank = max(map(len, shapes))
    out = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if size == 1 or size == out[i]:
                continue
            if out[i] != 1:
                listed = ", ".join(map(str, shapes))
                raise ValueError(f"{name} got incompatible shapes for broadcasting: {listed}, at {describe(user_source())}. "
                                 "Sizes of aligned axes (counted from the last) must be equal or 1.")
            out[i] = size
    return tuple(out)


def _stretch(x: Any, shape: tuple[int, ...], target: tuple[int, ...]) -> Any:
    return x if shape == target else broadcast_in_dim(x, target, range(len(target) - len(shape), len(target)))


def promote_shapes(name: str, *args: Any) -> list[Any]:
    """The arguments broadcast to their common shape, except that rank-0 ones stay as they are.

    Raises:
        ValueError: if the shapes do not broadcast.

    >>> [np.shape(x) for x in promote_shapes("add", np.ones((3, 1)), np.ones(4), 2.0)]
    [(3, 4), (3, 4), ()]
    """
    shapes = [typeof(x).shape for x in args]
    distinct = {s for s in shapes if s}
    if len(distinct) <= 1:
        return list(args)
    target = broadcast_shapes_internal(name, shapes)
    return [_stretch(x, s, target) if s else x for x, s in zip(args, shapes, strict=True)]


def broadcast_arrays_internal(*args: Any) -> list[Any]:
    """The arguments broadcast to their common shape, rank-0 ones too.

    Raises:
        ValueError: if the shapes do not broadcast.
    """
    shapes = [typeof(x).shape for x in args]
    target = broadcast_shapes_internal("broadcast_arrays", shapes)
    return [_stretch(x, s, target) for x, s in zip(args, shapes, strict=True)]


# -- operands of elementwise functions --------------------------------------------------------------------------------

def _fits(x: Any, y: Any) -> bool:
    """Whether two Arrays can meet in a primitive as they are."""
    if type(x) is not Array or type(y) is not Array or x._weak or y._weak:
        return False
    a, b = x._value, y._value
    return a.dtype is b.dtype and (a.shape == b.shape or not a.shape or not b.shape)


_KINDS_TAKING = {float: "fc", int: "iufc"}


def _with_scalar(x: Any, y: Any, kinds: str = "iufc") -> tuple[Any, Any] | None:
    """The quick path for an Array and a modest Python number that takes its dtype, in either order; None if it does not apply."""
    swapped = type(x) is not Array
    array, scalar = (y, x) if swapped else (x, y)
    taking = _KINDS_TAKING.get(type(scalar))
    if taking is None or type(array) is not Array or array._weak:
        return None
    dtype = array._value.dtype
    if kind_of(dtype) not in taking or kind_of(dtype) not in kinds or not -_MODEST < scalar < _MODEST:
        return None
    constant = scalar_in(scalar, dtype)
    return (constant, array) if swapped else (array, constant)


_MODEST = 3e4  # fits every float dtype; integers out of range still raise


def _pair(name: str, x: Any, y: Any, numeric: bool, inexact: bool) -> list[Any]:
    check_arraylike(name, x, y)
    args = [as_operand(x), as_operand(y)]
    promoted = promote_inexact(*args) if inexact else promote_args_numeric(*args) if numeric else promote_args(*args)
    return promote_shapes(name, *promoted)


def binary_operands(name: str, x: Any, y: Any) -> Sequence[Any]:
    """Two operands checked, in their common dtype, broadcast.

    >>> binary_operands("add", 1, np.float32(2))
    [np.float32(1.0), np.float32(2.0)]
    """
    if _fits(x, y):
        return x, y
    return _with_scalar(x, y) or _pair(name, x, y, False, False)


def binary_numeric(name: str, x: Any, y: Any) -> Sequence[Any]:
    """As `binary_operands`; booleans become int64."""
    return (x, y) if _fits(x, y) and x._value.dtype is not _BOOL else _pair(name, x, y, True, False)


def binary_inexact(name: str, x: Any, y: Any) -> Sequence[Any]:
    """As `binary_operands`; integers and booleans become floats."""
    if _fits(x, y) and is_inexact(x._value.dtype):
        return x, y
    return _with_scalar(x, y, "fc") or _pair(name, x, y, False, True)


def unary_operand(name: str, x: Any) -> Any:
    """An operand checked."""
    if type(x) is Array or isinstance(x, Tracer):
        return x
    check_arraylike(name, x)
    return as_operand(x)


def unary_inexact(name: str, x: Any) -> Any:
    """An operand checked and in a floating or complex dtype.

    >>> unary_inexact("sin", np.int32(3))
    Array(3., dtype=float64)
    """
    if type(x) is Array and is_inexact(x._value.dtype):
        return x
    return promote_inexact(unary_operand(name, x))[0]


def canonical_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that `axis` (an int, a sequence, or None for all) names, in increasing order.

    Raises:
        numpy.exceptions.AxisError: if an axis is out of range.
        ValueError: if an axis is named twice.

    >>> canonical_axes((-1, 0), 3)
    (0, 2)
    """
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        return (canonicalize_axis(axis, ndim),)
    axes = sorted(canonicalize_axis(a, ndim) for a in axis)
    if len(set(axes)) != len(axes):
        raise ValueError(f"duplicate value in 'axis': {tuple(axis)} names an axis of an array of rank {ndim} twice, at "
                         f"{describe(user_source())}.")
    return tuple(axes)


def requested_dtype(dtype: Any) -> np.dtype | None:
    """The dtype a ``dtype=`` argument means, or None."""
    return None if dtype is None else canonical(dtype)
