"""Counting into bins: bincount, histograms of one and more dimensions; and linear interpolation between samples.

A histogram finds the bin of each sample among the edges by halving, and adds up its weight there; the last bin holds its right
edge. The number of bins of equal width must be static.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integer, sequence
from functrans.core.dtypes import is_float, is_integer
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.creation import linspace
from functrans.numpy.indexing import getitem
from functrans.numpy.joining import concatenate, diff
from functrans.numpy.manipulation import ravel
from functrans.numpy.places import concrete_values
from functrans.numpy.reductions import max as greatest_of
from functrans.numpy.reductions import min as least_of
from functrans.numpy.reductions import sum as total
from functrans.numpy.sorting import argsort, searchsorted
from functrans.numpy.ufuncs import add, divide, mod, multiply, subtract
from functrans.numpy.util import asarray_internal, check_arraylike, default_float, promote_inexact
from functrans.primitives.arithmetic import max_p, min_p
from functrans.primitives.indexing import ScatterDimensionNumbers, scatter_add
from functrans.primitives.logic import and_p, eq_p, ge_p, gt_p, le_p, lt_p, ne_p
from functrans.primitives.movement import full, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape

__all__ = ["bincount", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd", "interp"]

_POINTS = ScatterDimensionNumbers((), (0,), (0,))


def _added_up(places: Any, weights: Any, length: int) -> Any:
    """The sums of the weights at each place from 0 to `length`; what is outside is dropped."""
    n = typeof(places).shape[0]
    return scatter_add(full((length,), typeof(weights).dtype.type(0)), reshape(places, (n, 1)), weights, _POINTS, mode="drop")


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Any:
    """How often each of 0, 1, 2, ... occurs among integers, or the sum of their weights.

    Args:
        x: a vector of integers; negative ones count as 0; without `length` a concrete one.
        weights: a vector as long.
        minlength: the least length of the result.
        length: its static length; greater integers are dropped.

    Returns:
        int64 counts, or sums in the dtype of the weights.

    Raises:
        TypeError: if `x` are no integers.
        ValueError: if `x` is no vector, or `minlength` is negative.
        ConcretizationTypeError: for a traced `x` without `length`.

    >>> bincount(np.array([1, 3, 1]))
    Array([0, 2, 0, 1], dtype=int64)
    """
    check_arraylike("bincount", x)
    x = asarray_internal(x)
    if not is_integer(x.dtype):
        raise TypeError(f"bincount: x must be integers; got {typeof(x)}, at {describe(user_source())}.")
    if x.ndim != 1:
        raise ValueError(f"bincount: x must be a vector; got {typeof(x)}, at {describe(user_source())}.")
    if integer(minlength, "minlength") < 0:
        raise ValueError(f"bincount: 'minlength' must not be negative; got {minlength}, at {describe(user_source())}.")
    if length is None:
        values = concrete_values("bincount", x, "Give bincount a static length=n. ")
        length = max(integer(minlength, "minlength"), int(values.max()) + 1 if values.size else 0)
    else:
        length = max(integer(length, "length"), integer(minlength, "minlength"))
    weights = full(x.shape, np.int64(1)) if weights is None else asarray_internal(weights)
    if typeof(weights).shape != x.shape:
        raise ValueError(f"bincount: weights must have the shape of x; got {typeof(weights)} for {typeof(x)}, at "
                         f"{describe(user_source())}.")
    return _added_up(max_p.bind(convert_element_type(x, np.int64), np.int64(0)), weights, length)


# -- histograms -------------------------------------------------------------------------------------------------------

def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins that `histogram` would use.

    Args:
        a: the samples.
        bins: the static number of bins of equal width, or a vector of rising edges, which is returned.
        range: the first and the last edge; the least and the greatest sample unless given. A range of no width is widened by 1/2
            at either end.
        weights: accepted, and ignored.

    Raises:
        TypeError: if `bins` is the name of a rule: there are none.

    >>> histogram_bin_edges(np.array([0.0, 1.0, 4.0]), bins=2)
    Array([0., 2., 4.], dtype=float64)
    """
    if isinstance(bins, str):
        raise TypeError(f"histogram_bin_edges: rules for bins are not supported; got bins={bins!r}, at {describe(user_source())}. Give a "
                        "number of bins, or their edges.")
    check_arraylike("histogram_bin_edges", a, bins)
    a = ravel(a)
    bins_array = asarray_internal(bins)
    dtype = typeof(a).dtype if is_float(typeof(a).dtype) else default_float()
    if bins_array.ndim == 1:
        return convert_element_type(bins_array, dtype)
    count = integer(bins, "bins")
    if count < 1:
        raise ValueError(f"histogram_bin_edges: bins must be at least 1; got {count}, at {describe(user_source())}.")
    low, high = _range(convert_element_type(a, dtype), range)
    return linspace(low, high, count + 1, dtype=dtype)


def _range(a: Any, range: Any) -> tuple[Any, Any]:
    dtype = typeof(a).dtype
    if range is not None:
        low, high = (convert_element_type(asarray_internal(end), dtype) for end in sequence(range, "range", 2))
    elif not typeof(a).size:
        low, high = dtype.type(0), dtype.type(1)
    else:
        low, high = least_of(a), greatest_of(a)
    flat = eq_p.bind(low, high)
    half = dtype.type(0.5)
    return choose_where(flat, subtract(low, half), low), choose_where(flat, add(high, half), high)


def _bin_of(edges: Any, x: Any) -> Any:
    """The number of the bin of each sample; samples outside have that of none."""
    n = typeof(edges).shape[0]
    last = getitem(edges, n - 1)
    place = searchsorted(edges, x, "right")
    on_last = eq_p.bind(x, broadcast_in_dim(last, typeof(x).shape, ()))
    place = subtract(choose_where(on_last, np.int64(n - 1), place), 1)
    inside = and_p.bind(and_p.bind(ge_p.bind(place, np.int64(0)), lt_p.bind(place, np.int64(n - 1))), eq_p.bind(x, x))
    return choose_where(inside, place, np.int64(n - 1))


def histogram(a: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: bool | None = None) -> tuple[Any, Any]:
    """How many samples (or what weight of them) each bin holds, and the edges of the bins.

    Args:
        a: the samples; those outside all bins are not counted.
        bins, range: see `histogram_bin_edges`.
        weights: of the samples, of the shape of `a`.
        density: whether to divide by the total and by the widths, so that the integral is 1.

    Raises:
        ValueError: if the weights have another shape.

    >>> histogram(np.array([1.0, 2.0, 2.0, 5.0]), bins=2)
    (Array([3, 1], dtype=int64), Array([1., 3., 5.], dtype=float64))
    """
    check_arraylike("histogram", a, *(() if weights is None else (weights,)))
    edges = histogram_bin_edges(a, bins, range)
    a = asarray_internal(a)
    if weights is not None and typeof(weights).shape != a.shape:
        raise ValueError(f"histogram: weights should have the same shape as a; got {typeof(weights)} for {typeof(a)}, at "
                         f"{describe(user_source())}.")
    samples = convert_element_type(ravel(a), typeof(edges).dtype)
    amounts = full(samples.shape, np.int64(1)) if weights is None else ravel(weights)
    counts = _added_up(_bin_of(edges, samples), amounts, typeof(edges).shape[0] - 1)
    if density:
        counts = divide(divide(convert_element_type(counts, typeof(edges).dtype), diff(edges)), total(counts))
    return counts, edges


def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, weights: Any = None,
                density: bool | None = None) -> tuple[Any, Any, Any]:
    """The histogram of points of a plane, and the edges along both axes.

    Args:
        x, y: the coordinates, vectors of one length.
        bins: a number or a vector of edges for both axes, or a pair of such.
        range: a pair of ranges.
        weights, density: see `histogram`.

    >>> histogram2d(np.array([0.0, 1.0]), np.array([0.0, 1.0]), bins=2)[0]
    Array([[1, 0],
           [0, 1]], dtype=int64)
    """
    check_arraylike("histogram2d", x, y)
    pair = (isinstance(bins, (list, tuple)) and len(bins) == 2) or (hasattr(bins, "shape") and typeof(bins).shape == (2,))
    sample = [asarray_internal(x), asarray_internal(y)]
    counts, edges = histogramdd(_columns(sample), bins if pair else [bins, bins], range, weights, density)
    return counts, edges[0], edges[1]


def _columns(xs: Sequence[Any]) -> Any:
    xs = promote_inexact(*xs)
    return concatenate([reshape(x, (typeof(x).size, 1)) for x in xs], 1)


def histogramdd(sample: Any, bins: Any = 10, range: Any = None, weights: Any = None,
                density: bool | None = None) -> tuple[Any, list[Any]]:
    """The histogram of points of a space, and the edges along each axis.

    Args:
        sample: one point a row, or a list of the vectors of their coordinates.
        bins: a number for all axes, or a sequence of one number or vector of edges for each.
        range: a sequence of one range (or None) for each axis.
        weights: of the points, a vector.
        density: whether to divide by the total and by the volumes of the bins.

    Raises:
        ValueError: if `bins` or `range` has not one entry for each axis, or the weights are not one for each point.

    >>> histogramdd(np.array([[0.0, 0.0], [1.0, 1.0]]), bins=2)[0]
    Array([[1, 0],
           [0, 1]], dtype=int64)
    """
    if isinstance(sample, (list, tuple)):
        sample = _columns([asarray_internal(s) for s in sample])
    check_arraylike("histogramdd", sample)
    (sample,) = promote_inexact(asarray_internal(sample))
    if typeof(sample).ndim != 2:
        raise ValueError(f"histogramdd: the points must be the rows of a matrix; got {typeof(sample)}, at {describe(user_source())}.")
    n, dims = typeof(sample).shape
    each = list(bins) if isinstance(bins, (list, tuple)) or np.ndim(bins) else [bins] * dims
    ranges = [None] * dims if range is None else list(range)
    if len(each) != dims or len(ranges) != dims:
        raise ValueError(f"histogramdd: bins and range need one entry for each of the {dims} axes; got {len(each)} and {len(ranges)}, at "
                         f"{describe(user_source())}.")
    amounts = full((n,), np.int64(1)) if weights is None else asarray_internal(weights)
    if typeof(amounts).shape != (n,):
        raise ValueError(f"histogramdd: weights should be one for each of the {n} points; got {typeof(amounts)}, at "
                         f"{describe(user_source())}.")
    place: Any = full((n,), np.int64(0))
    inside: Any = full((n,), np.True_)
    edges, sizes = [], []
    for d, (b, r) in enumerate(zip(each, ranges, strict=True)):
        column = reshape(slice_in_dim(sample, d, d + 1, axis=1), (n,))
        edges.append(histogram_bin_edges(column, b if np.ndim(b) else integer(b, "b"), r))
        sizes.append(typeof(edges[-1]).shape[0] - 1)
        bin_ = _bin_of(edges[-1], convert_element_type(column, typeof(edges[-1]).dtype))
        inside = and_p.bind(inside, ne_p.bind(bin_, np.int64(sizes[-1])))
        place = add(multiply(place, sizes[-1]), bin_)
    size = int(np.prod(sizes, dtype=int))
    counts = reshape(_added_up(choose_where(inside, place, np.int64(size)), amounts, size), sizes)
    if density:
        counts = divide(convert_element_type(counts, typeof(sample).dtype), total(counts))
        for d, e in enumerate(edges):
            counts = divide(counts, reshape(diff(e), [sizes[d] if k == d else 1 for k in _axes(dims)]))
    return counts, edges


def _axes(dims: int) -> Sequence[int]:
    return tuple(np.arange(dims).tolist())  # `range` is a parameter's name here


# -- interpolation ----------------------------------------------------------------------------------------------------

def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The piecewise linear function through samples, evaluated.

    Args:
        x: where to evaluate.
        xp: where the samples were taken, a rising vector (any, if `period` is given).
        fp: the samples.
        left, right: the values outside; ``fp[0]`` and ``fp[-1]`` unless given, "extrapolate" continues the outermost lines.
        period: of the function, if it is periodic; `left` and `right` then have no meaning.

    Raises:
        ValueError: if `xp` and `fp` are not two vectors of one length, at least 1, or for another string.

    >>> interp(np.array([0.5, 3.0]), np.array([0.0, 1.0]), np.array([10.0, 20.0]))
    Array([15., 20.], dtype=float64)
    """
    check_arraylike("interp", x, xp, fp)
    for name, value in (("left", left), ("right", right)):
        if isinstance(value, str) and value != "extrapolate":
            raise ValueError(f"interp: the only valid string value of `{name}` is 'extrapolate', but got: {value!r}, at "
                             f"{describe(user_source())}.")
    if typeof(xp).shape != typeof(fp).shape or typeof(xp).ndim != 1 or not typeof(xp).size:
        raise ValueError(f"interp: xp and fp must be one-dimensional arrays of equal size, at least 1; got {typeof(xp)} and {typeof(fp)}, "
                         f"at {describe(user_source())}.")
    x, xp = promote_inexact(x, xp)
    (fp,) = promote_inexact(fp)
    if period is not None:
        left = right = None
        x, xp, fp = _periodic(x, xp, fp, period)
    n, shape = typeof(xp).shape[0], typeof(x).shape
    x = asarray_internal(x)
    first_x, last_x, first_f, last_f = (getitem(v, i) for v in (xp, fp) for i in (0, n - 1))

    def outside(end: Any, edge: Any) -> Any:
        return edge if end is None else end

    out: Any
    if n == 1:
        out = broadcast_in_dim(first_f, shape, ())
    else:
        i = min_p.bind(max_p.bind(subtract(searchsorted(xp, x, "right"), 1), np.int64(0)), np.int64(n - 2))
        x0, x1, f0, f1 = (getitem(v, at) for v in (xp, fp) for at in (i, add(i, 1)))
        step = subtract(x1, x0)
        flat = le_p.bind(step, np.spacing(finfo(typeof(step).dtype).eps))
        share = divide(subtract(x, x0), choose_where(flat, typeof(step).dtype.type(1), step))
        out = choose_where(flat, f0, add(f0, multiply(share, subtract(f1, f0))))
    if period is None:
        if not isinstance(left, str):
            out = choose_where(lt_p.bind(x, first_x), outside(left, first_f), out)
        if not isinstance(right, str):
            out = choose_where(gt_p.bind(x, last_x), outside(right, last_f), out)
    return out


def _periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """All coordinates within one period, in order, with a neighbour from the period before and after."""
    check_arraylike("interp", period)
    if typeof(period).shape or (isinstance(period, (int, float)) and period == 0):
        raise ValueError(f"interp: period must be a number that is not zero; got {period}, at {describe(user_source())}.")
    period = convert_element_type(asarray_internal(period), typeof(xp).dtype)
    size = choose_where(lt_p.bind(period, typeof(period).dtype.type(0)), subtract(typeof(period).dtype.type(0), period), period)
    x, xp = mod(x, size), mod(xp, size)
    order = argsort(xp)
    xp, fp = getitem(xp, order), getitem(fp, order)
    n = typeof(xp).shape[0]
    before, after = subtract(slice_in_dim(xp, n - 1, n), size), add(slice_in_dim(xp, 0, 1), size)
    return x, concatenate([before, xp, after]), concatenate([slice_in_dim(fp, n - 1, n), fp, slice_in_dim(fp, 0, 1)])
