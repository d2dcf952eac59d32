"""Running sums and products along an axis, and what rests on them: nan-skipping ones, trapezoid sums, phases unwrapped.

Sums and products keep the dtype of their operand (booleans become int64) unless `dtype` says otherwise.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.dtypes import canonical, is_float, is_inexact, is_integer, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.joining import concatenate, diff
from functrans.numpy.manipulation import ravel
from functrans.numpy.predicates import equal, greater, isnan, less, logical_and
from functrans.numpy.reductions import sum as total
from functrans.numpy.ufuncs import absolute, add, floor_divide, mod, multiply, negative, subtract
from functrans.numpy.util import asarray_internal, check_arraylike, check_no_out, promote_args_numeric, promote_inexact, requested_dtype
from functrans.primitives import arithmetic as ops
from functrans.primitives.cumulative import cumprod_p, cumsum_p
from functrans.primitives.movement import full, slice_in_dim
from functrans.primitives.structural import convert_element_type, move_axis
from functrans.util import canonicalize_axis

__all__ = ["cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "nancumprod", "nancumsum", "trapezoid", "unwrap"]


def _running(name: str, prim: Primitive, a: Any, axis: int | None, dtype: Any, out: Any, nan: float | None = None) -> Any:
    check_no_out(name, out)
    check_arraylike(name, a)
    a = ravel(a) if axis is None else asarray_internal(a)
    axis = canonicalize_axis(0 if axis is None else integer(axis, "axis"), a.ndim)
    if nan is not None and is_inexact(a.dtype):
        a = choose_where(isnan(a), a.dtype.type(nan), a)
    wanted = requested_dtype(dtype) or a.dtype
    work = np.dtype(np.int64) if wanted.kind == "b" else wanted
    result = prim.bind(convert_element_type(a, work), axis=axis, reverse=False)
    return convert_element_type(result, canonical(bool)) if dtype is not None and wanted.kind == "b" else result


def cumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sums along an axis, of the flattened array where it is None.

    >>> cumsum(np.array([[1, 2], [3, 4]]), axis=1)
    Array([[1, 3],
           [3, 7]], dtype=int64)
    """
    return _running("cumsum", cumsum_p, a, axis, dtype, out)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """Running products along an axis, of the flattened array where it is None.

    >>> cumprod(np.array([1.0, 2.0, 3.0]))
    Array([1., 2., 6.], dtype=float64)
    """
    return _running("cumprod", cumprod_p, a, axis, dtype, out)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `cumsum`, with nan counted as 0.

    >>> nancumsum(np.array([1.0, np.nan, 2.0]))
    Array([1., 1., 3.], dtype=float64)
    """
    return _running("nancumsum", cumsum_p, a, axis, dtype, out, 0)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
    """As `cumprod`, with nan counted as 1.

    >>> nancumprod(np.array([2.0, np.nan, 3.0]))
    Array([2., 2., 6.], dtype=float64)
    """
    return _running("nancumprod", cumprod_p, a, axis, dtype, out, 1)


def _cumulative(name: str, prim: Primitive, x: Any, axis: int | None, dtype: Any, include_initial: bool, initial: int) -> Any:
    check_arraylike(name, x)
    x = asarray_internal(x)
    if not x.ndim:
        raise ValueError(f"{name}: the input must be non-scalar to take a cumulative result, however a scalar value or scalar array was "
                         f"given, at {describe(user_source())}.")
    if axis is None:
        if x.ndim > 1:
            raise ValueError(f"{name}: the input array has rank {x.ndim}, however axis was not set to an explicit value. The axis argument "
                             f"is only optional for one-dimensional arrays, at {describe(user_source())}.")
        axis = 0
    axis = canonicalize_axis(axis, x.ndim)
    if dtype is None and is_integer(x.dtype):
        dtype = np.int64 if kind_of(x.dtype) == "i" else np.uint64
    out = _running(name, prim, x, axis, dtype, None)
    if not include_initial:
        return out
    return concatenate([full((*x.shape[:axis], 1, *x.shape[axis + 1:]), out.dtype.type(initial)), out], axis)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sums along an axis, which may be left out for vectors; with 0 before them if `include_initial`.

    Integers are summed in 64 bits.

    Raises:
        ValueError: for arrays of rank 0, and for arrays of several axes where none is named.

    >>> cumulative_sum(np.array([1, 2, 3]), include_initial=True)
    Array([0, 1, 3, 6], dtype=int64)
    """
    return _cumulative("cumulative_sum", cumsum_p, x, axis, dtype, include_initial, 0)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running products along an axis, which may be left out for vectors; with 1 before them if `include_initial`.

    >>> cumulative_prod(np.array([2, 3]), include_initial=True)
    Array([1, 2, 6], dtype=int64)
    """
    return _cumulative("cumulative_prod", cumprod_p, x, axis, dtype, include_initial, 1)


def _check_steps(steps: tuple[int, ...], shape: tuple[int, ...], differences: bool) -> None:
    """The error of distances that do not fit the pairs of neighbours, in the words of the argument that they come from."""
    pairs = (*shape[:-1], max(shape[-1] - 1, 0))
    if all(s in (1, p) or p == 1 for s, p in zip(steps[::-1], pairs[::-1], strict=False)):
        return
    what, wanted, got = ("x", shape, (*steps[:-1], steps[-1] + 1)) if differences else ("dx", pairs, steps)
    raise ValueError(f"trapezoid: {what} must be {'' if differences else 'a number, or '}as long as the axis of y, {wanted[-1]}, and "
                     f"otherwise of a shape that broadcasts with {wanted[:-1]}; with the axis last its shape is {got}, at "
                     f"{describe(user_source())}.")


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples along an axis, by trapezoids.

    Args:
        y: the samples.
        x: where they were taken: a vector along the axis, or an array of the shape of `y`; `dx` apart where it is None.
        dx: the distance of neighbours.
        axis: the axis.

    >>> trapezoid(np.array([1.0, 2.0, 3.0]))
    Array(4., dtype=float64)
    """
    check_arraylike("trapezoid", y, *(() if x is None else (x,)), dx)
    y, *rest = promote_inexact(y, *((dx,) if x is None else (x,)))
    y = asarray_internal(y)
    axis = canonicalize_axis(axis, y.ndim)
    y = move_axis(y, axis, y.ndim - 1)
    (steps,) = rest
    if x is not None:
        if not typeof(steps).ndim:
            raise ValueError(f"trapezoid: x must be an array, not a number, at {describe(user_source())}. Give a distance as dx.")
        steps = diff(steps if typeof(steps).ndim == 1 else move_axis(steps, axis, typeof(steps).ndim - 1))
    n = typeof(y).shape[-1]
    last = typeof(y).ndim - 1
    _check_steps(typeof(steps).shape, typeof(y).shape, x is not None)
    pairs = ops.add(slice_in_dim(y, min(1, n), n, axis=last), slice_in_dim(y, 0, max(n - 1, 0), axis=last))
    return multiply(total(multiply(steps, pairs), axis=-1), 0.5)


def unwrap(p: Any, discont: Any = None, axis: int = -1, period: Any = 2 * pi) -> Any:
    """Phases without jumps: differences of neighbours greater than half a period change by whole periods.

    Args:
        p: phases.
        discont: differences up to this stay; half a period unless given (and never less).
        axis: the axis along which neighbours lie.
        period: the size of the range that phases wrap in.

    >>> unwrap(np.array([0.0, 3.0, 6.0, 2.0]), period=7)
    Array([0., 3., 6., 9.], dtype=float64)
    """
    check_arraylike("unwrap", p, period)
    p, period = promote_args_numeric(p, period)
    if kind_of(typeof(p).dtype) not in "iuf":
        raise ValueError(f"unwrap: real numbers are needed; got {typeof(p)}, at {describe(user_source())}.")
    p = asarray_internal(p)
    axis = canonicalize_axis(axis, p.ndim)
    if not p.shape[axis]:
        return p
    steps = diff(p, axis=axis)
    if is_float(p.dtype):
        half: Any = multiply(period, 0.5)
        ambiguous: Any = np.True_
    else:
        half = floor_divide(period, 2)
        ambiguous = equal(mod(period, 2), 0)
    wrapped = subtract(mod(add(steps, half), period), half)
    # A step of just half a period keeps its sign.
    upward = logical_and(logical_and(equal(wrapped, negative(half)), greater(steps, 0)), ambiguous)
    change = subtract(choose_where(upward, half, wrapped), steps)
    change = choose_where(less(absolute(steps), half if discont is None else discont), p.dtype.type(0), change)
    first = slice_in_dim(p, 0, 1, axis=axis)
    rest = add(slice_in_dim(p, 1, p.shape[axis], axis=axis), cumsum(change, axis))
    return concatenate([first, rest], axis)
