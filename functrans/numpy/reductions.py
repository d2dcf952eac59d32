"""Reductions: sums, products, extrema, truth, moments, positions of extrema, and their variants that skip nan.

All take ``axis`` (an int, several, or None for all) and ``keepdims``; most ``where`` (a mask of the elements that count) and
``initial``. Sums and products of small integers and booleans are 64-bit; half precision is summed in single. Means of integers
are default floats. The tangent of an extremum is shared among the elements that attain it.

Variances are sums of squared deviations from the mean; the gradient of `std` is 0, not nan, where all elements are equal.

Extrema of complex numbers are lexicographic: by real parts, then by imaginary ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod as _product
from typing import Any

import numpy as np

from functrans.arguments import flag
from functrans.core.dtypes import is_inexact, is_unsigned
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.predicates import isnan
from functrans.numpy.util import (
    as_operand,
    asarray_internal,
    canonical_axes,
    check_arraylike,
    check_no_out,
    default_float,
    inexact_dtype,
    promote_args,
    promote_shapes,
    requested_dtype,
)
from functrans.primitives.arithmetic import div_p, max_p, min_p, select_n_p, sqrt_p, square_p, sub_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.logic import and_p, eq_p, ne_p, or_p
from functrans.primitives.parts import conj_p, real_p
from functrans.primitives.reduction import (
    argmax_p,
    argmin_p,
    greatest,
    least,
    reduce_and_p,
    reduce_max_p,
    reduce_min_p,
    reduce_or_p,
    reduce_prod_p,
)
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum_p, reshape
from functrans.util import canonicalize_axis

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "max", "mean", "min", "nanargmax", "nanargmin",
    "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "prod", "ptp", "std", "sum", "var",
]

_BOOL, _INT = np.dtype(bool), np.dtype(np.int64)


def _keep(x: Any, shape: tuple[int, ...], axes: Sequence[int]) -> Any:
    """A reduced array with its axes put back at size 1."""
    return reshape(x, [1 if d in axes else s for d, s in enumerate(shape)])


def _reduced(
    name: str, prim: Primitive, a: Any, axis: Any, dtype: np.dtype | None, keepdims: bool, initial: Any, where: Any,
    identity: Callable[[np.dtype], Any] | None, combine: Primitive,
) -> Any:
    """The common path: convert, mask, reduce, combine with `initial`, keep axes."""
    aval = typeof(a)
    axes = canonical_axes(axis, aval.ndim)
    wanted = dtype or aval.dtype
    work = working_dtype(wanted) if prim in (reduce_sum_p, reduce_prod_p) else wanted
    x = convert_element_type(a, work)
    if where is not None:
        if identity is None:
            raise ValueError(f"{name}: where= needs initial=, the result where nothing is selected, at {describe(user_source())}.")
        x = choose_where(where, x, identity(work), name)
        if typeof(x).shape != aval.shape:
            if typeof(x).ndim != aval.ndim:
                raise ValueError(f"{name}: where= of shape {np.shape(where)} has more axes than the array, {aval}, at "
                                 f"{describe(user_source())}.")
            aval = aval.update(shape=typeof(x).shape)
    out = prim.bind(x, axes=axes) if axes else asarray_internal(x)
    if initial is not None:
        check_arraylike(name, initial)
        if typeof(initial).shape:
            raise ValueError(f"{name}: initial= must be a scalar, got {typeof(initial)}, at {describe(user_source())}.")
        out = combine.bind(out, convert_element_type(initial, work))
    out = convert_element_type(out, wanted)
    return _keep(out, aval.shape, axes) if flag(keepdims, "keepdims") else out


def _operand(name: str, a: Any, out: Any = None) -> Any:
    check_no_out(name, out)
    check_arraylike(name, a)
    return asarray_internal(as_operand(a))


def _total_dtype(dtype: np.dtype, promote_integers: bool) -> np.dtype:
    """That of sums and products: integers narrower than 64 bits are widened."""
    if not promote_integers or is_inexact(dtype):
        return _INT if dtype.kind == "b" else dtype
    return np.dtype(np.uint64) if is_unsigned(dtype) else _INT


# -- sums and products ------------------------------------------------------------------------------------------------

def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None,
        promote_integers: bool = True) -> Any:
    """The sum over `axis`; 0 over empty axes.

    Raises:
        numpy.exceptions.AxisError: if an axis is out of range.

    >>> sum(np.array([[1, 2], [3, 4]], "int32"), axis=0)
    Array([4, 6], dtype=int64)
    """
    a = _operand("sum", a, out)
    wanted = requested_dtype(dtype) or _total_dtype(typeof(a).dtype, promote_integers)
    return _reduced("sum", reduce_sum_p, a, axis, wanted, keepdims, initial, where, lambda d: d.type(0), add_p)


def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None,
         promote_integers: bool = True) -> Any:
    """The product over `axis`; 1 over empty axes.

    >>> prod(np.array([[1, 2], [3, 4]]), axis=1)
    Array([ 2, 12], dtype=int64)
    """
    a = _operand("prod", a, out)
    wanted = requested_dtype(dtype) or _total_dtype(typeof(a).dtype, promote_integers)
    return _reduced("prod", reduce_prod_p, a, axis, wanted, keepdims, initial, where, lambda d: d.type(1), mul_p)


# -- extrema ----------------------------------------------------------------------------------------------------------

def _extremum(name: str, prim: Primitive, combine: Primitive, end: Callable[[np.dtype], Any], a: Any, axis: Any, keepdims: bool,
              initial: Any, where: Any) -> Any:
    aval = typeof(a)
    axes = canonical_axes(axis, aval.ndim)
    if initial is None and any_zero(aval.shape[d] for d in axes):
        raise ValueError(f"{name}: an empty axis has no extremum (shape {aval.shape}, axis {axis}), at {describe(user_source())}. Give "
                         "initial=.")
    if where is not None and initial is None:
        raise ValueError(f"{name}: where= needs initial=, the result where nothing is selected, at {describe(user_source())}.")
    return _reduced(name, prim, a, axis, None, keepdims, initial, where, end, combine)


def any_zero(sizes: Any) -> bool:
    """Whether a size is 0."""
    return 0 in tuple(sizes)


def max(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:
    """The greatest element over `axis`; nan if there is one. Complex numbers compare lexicographically.

    Raises:
        ValueError: over an empty axis without `initial`; for `where` without `initial`.

    >>> max(np.array([[1, 5], [7, 2]]), axis=1)
    Array([5, 7], dtype=int64)
    """
    return _extremum("max", reduce_max_p, max_p, least, _operand("max", a, out), axis, keepdims, initial, where)


def min(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:
    """The least element over `axis`; nan if there is one. Complex numbers compare lexicographically.

    >>> min(np.array([[1, 5], [7, 2]]), axis=1)
    Array([1, 2], dtype=int64)
    """
    return _extremum("min", reduce_min_p, min_p, greatest, _operand("min", a, out), axis, keepdims, initial, where)


amax, amin = max, min


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """The greatest element less the least.

    >>> ptp(np.array([3, 8, 5]))
    Array(5, dtype=int64)
    """
    a = _operand("ptp", a, out)
    return sub_p.bind(max(a, axis, keepdims=keepdims), min(a, axis, keepdims=keepdims))


# -- truth ------------------------------------------------------------------------------------------------------------

def _truth(x: Any) -> Any:
    aval = typeof(x)
    return x if aval.dtype == _BOOL else ne_p.bind(x, aval.dtype.type(0))


def any(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = None) -> Any:
    """Whether an element is true (nonzero); False over empty axes.

    >>> any(np.array([[0, 2], [0, 0]]), axis=1)
    Array([ True, False], dtype=bool)
    """
    a = _truth(_operand("any", a, out))
    return _reduced("any", reduce_or_p, a, axis, None, keepdims, None, where, lambda d: np.False_, or_p)


def all(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = None) -> Any:
    """Whether every element is true (nonzero); True over empty axes.

    >>> all(np.array([[1, 2], [0, 1]]), axis=1)
    Array([ True, False], dtype=bool)
    """
    a = _truth(_operand("all", a, out))
    return _reduced("all", reduce_and_p, a, axis, None, keepdims, None, where, lambda d: np.True_, and_p)


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The number of nonzero elements.

    >>> count_nonzero(np.array([0, 2, 3]))
    Array(2, dtype=int64)
    """
    return sum(_truth(_operand("count_nonzero", a)), axis, _INT, keepdims=keepdims)


# -- moments ----------------------------------------------------------------------------------------------------------

def _count(a: Any, axis: Any, keepdims: bool, where: Any, dtype: np.dtype) -> Any:
    """The number of elements that count, a constant unless there is a mask."""
    shape = typeof(a).shape
    axes = canonical_axes(axis, len(shape))
    if where is None:
        return dtype.type(_product(shape[d] for d in axes))
    mask = choose_where(where, np.True_, np.False_)
    full_mask, _ = promote_shapes("mean", mask, broadcast_in_dim(np.False_, shape, ()))
    if typeof(full_mask).shape != shape:
        full_mask = broadcast_in_dim(full_mask, shape, ())
    return sum(full_mask, axis, dtype, keepdims=keepdims)


def _mean_dtypes(a: Any, dtype: Any) -> tuple[np.dtype, np.dtype]:
    """The dtype of the result, and that of the computation."""
    wanted = requested_dtype(dtype) or inexact_dtype(typeof(a).dtype)
    return wanted, working_dtype(wanted)


def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = None) -> Any:
    """The arithmetic mean over `axis`; nan over empty axes.

    >>> mean(np.array([[1, 2], [3, 4]]), axis=0)
    Array([2., 3.], dtype=float64)
    """
    a = _operand("mean", a, out)
    wanted, work = _mean_dtypes(a, dtype)
    x = convert_element_type(a, work)
    total = sum(x, axis, work, keepdims=keepdims, where=where)
    return convert_element_type(div_p.bind(total, _count(a, axis, keepdims, where, work)), wanted)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False) -> Any:
    """The mean, weighted by `weights` (of the shape of `a`, or of its axes `axis`); with `returned` also their sum.

    Raises:
        ValueError: if the shape of the weights fits neither.

    >>> average(np.array([1.0, 2.0]), weights=np.array([3.0, 1.0]))
    Array(1.25, dtype=float64)
    """
    a = _operand("average", a)
    shape = typeof(a).shape
    axes = canonical_axes(axis, len(shape))
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        total = _count(a, axis, keepdims, None, typeof(result).dtype)
    else:
        weights = asarray_internal(as_operand(weights))
        x, w = promote_args(a, weights)
        dtype = inexact_dtype(typeof(x).dtype)
        x, w = convert_element_type(x, dtype), convert_element_type(w, dtype)
        wshape = typeof(w).shape
        if wshape != shape:
            if axis is None or wshape != tuple(shape[d] for d in axes):
                raise ValueError(f"average: weights of shape {wshape} fit neither the array, {shape}, nor its axes {axis}, at "
                                 f"{describe(user_source())}.")
            w = broadcast_in_dim(w, shape, axes)
        total = sum(w, axis, keepdims=keepdims)
        result = div_p.bind(sum(mul_p.bind(x, w), axis, keepdims=keepdims), total)
    if not returned:
        return result
    total = asarray_internal(total)
    return result, broadcast_in_dim(total, typeof(result).shape, ()) if not typeof(total).shape else total


def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *, where: Any = None,
        correction: float | None = None, mean: Any = None) -> Any:
    """The variance: the mean squared distance from the mean, over ``count - ddof``; real for complex arrays.

    >>> var(np.array([1.0, 2.0, 3.0, 4.0]), ddof=1)
    Array(1.66666667, dtype=float64)
    """
    a = _operand("var", a, out)
    ddof = ddof if correction is None else correction
    wanted, work = _mean_dtypes(a, dtype)
    x = convert_element_type(a, work)
    centre = _mean(x, axis, keepdims=True, where=where) if mean is None else convert_element_type(as_operand(mean), work)
    squares = _squared_size(sub_p.bind(*promote_shapes("var", x, centre)))
    real = typeof(squares).dtype
    total = sum(squares, axis, real, keepdims=keepdims, where=where)
    count = _count(a, axis, keepdims, where, real)
    out = div_p.bind(total, _positive_part(sub_p.bind(asarray_internal(count), real.type(ddof))))
    return convert_element_type(out, wanted if wanted.kind != "c" else real)


_mean = mean


def _positive_part(count: Any) -> Any:
    """Counts below zero divide as zero does, as in NumPy."""
    return max_p.bind(count, typeof(count).dtype.type(0))


def _squared_size(x: Any) -> Any:
    """|x|**2 without a root, so that its derivative at 0 is 0."""
    dtype = typeof(x).dtype
    return real_p.bind(mul_p.bind(x, conj_p.bind(x, input_dtype=dtype))) if dtype.kind == "c" else square_p.bind(x)


def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, *, where: Any = None,
        correction: float | None = None, mean: Any = None) -> Any:
    """The standard deviation, the root of `var`; its derivative is 0 where the variance is.

    >>> std(np.array([1.0, 3.0]))
    Array(1., dtype=float64)
    """
    return _safe_root(var(a, axis, dtype, out, ddof, keepdims, where=where, correction=correction, mean=mean))


def _safe_root(x: Any) -> Any:
    zero, one = typeof(x).dtype.type(0), typeof(x).dtype.type(1)
    flat = eq_p.bind(x, zero)
    return select_n_p.bind(flat, sqrt_p.bind(select_n_p.bind(flat, x, one)), zero)


# -- positions --------------------------------------------------------------------------------------------------------

def _position(name: str, prim: Primitive, a: Any, axis: int | None, keepdims: bool | None) -> Any:
    shape = typeof(a).shape
    if axis is None:
        x = reshape(a, (typeof(a).size,))
        place = 0
    else:
        x, place = a, canonicalize_axis(axis, len(shape))
    if typeof(x).shape[place] == 0:
        raise ValueError(f"{name}: attempt to get {name} of an empty axis (shape {shape}, axis {axis}), at {describe(user_source())}.")
    out = prim.bind(x, axes=(place,), index_dtype=_INT)
    return _keep(out, shape, range(len(shape)) if axis is None else (place,)) if flag(keepdims, "keepdims") else out


def argmax(a: Any, axis: int | None = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The index of the first greatest element (of the first nan) along `axis`, or in the flattened array.

    Raises:
        ValueError: if the axis is empty.

    >>> argmax(np.array([[1, 5], [7, 2]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return _position("argmax", argmax_p, _operand("argmax", a, out), axis, keepdims)


def argmin(a: Any, axis: int | None = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The index of the first least element (of the first nan) along `axis`, or in the flattened array.

    >>> argmin(np.array([[1, 5], [7, 2]]))
    Array(0, dtype=int64)
    """
    return _position("argmin", argmin_p, _operand("argmin", a, out), axis, keepdims)


# -- without nan ------------------------------------------------------------------------------------------------------

def _without_nan(x: Any, value: Callable[[np.dtype], Any]) -> Any:
    dtype = typeof(x).dtype
    return select_n_p.bind(ne_p.bind(x, x), x, value(dtype)) if is_inexact(dtype) else x


def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
           where: Any = None) -> Any:
    """The sum over `axis`, nan counting as 0.

    >>> nansum(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    a = _operand("nansum", a, out)
    return sum(_without_nan(a, lambda d: d.type(0)), axis, dtype, None, keepdims, initial, where)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
            where: Any = None) -> Any:
    """The product over `axis`, nan counting as 1.

    >>> nanprod(np.array([2.0, np.nan]))
    Array(2., dtype=float64)
    """
    a = _operand("nanprod", a, out)
    return prod(_without_nan(a, lambda d: d.type(1)), axis, dtype, None, keepdims, initial, where)


def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, where: Any = None) -> Any:
    """The mean of the elements that are not nan; nan where there are none.

    >>> nanmean(np.array([1.0, np.nan, 3.0]))
    Array(2., dtype=float64)
    """
    a = _operand("nanmean", a, out)
    return mean(a, axis, dtype, None, keepdims, where=_valid(a, where))


def _valid(a: Any, where: Any) -> Any:
    mask = ne_p.bind(isnan(a), np.True_)
    return mask if where is None else and_p.bind(*promote_shapes("where", mask, _truth(as_operand(where))))


def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False,
           where: Any = None) -> Any:
    """The variance of the elements that are not nan; nan where they are no more than `ddof`.

    >>> nanvar(np.array([1.0, np.nan, 3.0]))
    Array(1., dtype=float64)
    """
    a = _operand("nanvar", a, out)
    valid = _valid(a, where)
    clean = _without_nan(a, lambda d: d.type(0))
    out = var(clean, axis, dtype, None, ddof, keepdims, where=valid)
    count = _count(clean, axis, keepdims, valid, np.dtype(default_float()))
    return select_n_p.bind(_enough(count, ddof), typeof(out).dtype.type(np.nan), out)


def _enough(count: Any, ddof: float) -> Any:
    dtype = typeof(count).dtype
    return ne_p.bind(_positive_part(sub_p.bind(count, dtype.type(ddof))), dtype.type(0))


def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False,
           where: Any = None) -> Any:
    """The standard deviation of the elements that are not nan.

    >>> nanstd(np.array([1.0, np.nan, 3.0]))
    Array(1., dtype=float64)
    """
    return _safe_root(nanvar(a, axis, dtype, out, ddof, keepdims, where))


def _nan_extremum(name: str, extremum: Callable[..., Any], end: Callable[[np.dtype], Any], a: Any, axis: Any, keepdims: bool,
                  initial: Any, where: Any) -> Any:
    """The extremum of what is not nan; nan where nothing else is."""
    value = extremum(_without_nan(a, end), axis, None, keepdims, initial, where)
    if not is_inexact(typeof(a).dtype) or initial is not None:
        return value
    hopeless = all(isnan(a), axis, keepdims=keepdims)
    return select_n_p.bind(hopeless, value, typeof(value).dtype.type(np.nan))


def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:
    """The greatest element that is not nan; nan where there is none.

    >>> nanmax(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    return _nan_extremum("nanmax", max, least, _operand("nanmax", a, out), axis, keepdims, initial, where)


def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None, where: Any = None) -> Any:
    """The least element that is not nan; nan where there is none.

    >>> nanmin(np.array([1.0, np.nan]))
    Array(1., dtype=float64)
    """
    return _nan_extremum("nanmin", min, greatest, _operand("nanmin", a, out), axis, keepdims, initial, where)


def _nan_position(name: str, position: Callable[..., Any], end: Callable[[np.dtype], Any], a: Any, axis: int | None,
                  keepdims: bool | None) -> Any:
    """-1 where everything is nan: compiled code cannot raise."""
    out = position(_without_nan(a, end), axis, None, keepdims)
    if not is_inexact(typeof(a).dtype):
        return out
    hopeless = all(isnan(a), axis, keepdims=bool(keepdims))
    return select_n_p.bind(hopeless, out, np.int64(-1))


def nanargmax(a: Any, axis: int | None = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The index of the first greatest element that is not nan; -1 where there is none.

    >>> nanargmax(np.array([1.0, np.nan, 3.0]))
    Array(2, dtype=int64)
    """
    return _nan_position("nanargmax", argmax, least, _operand("nanargmax", a, out), axis, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The index of the first least element that is not nan; -1 where there is none.

    >>> nanargmin(np.array([np.nan, 2.0, 3.0]))
    Array(1, dtype=int64)
    """
    return _nan_position("nanargmin", argmin, greatest, _operand("nanargmin", a, out), axis, keepdims)
