"""Medians, percentiles and quantiles, with and without nan.

The elements along the axes are sorted, and the q-quantile of n of them is at position ``q * (n - 1)``; between two positions the
method decides. Where nan is to count, one nan makes the quantile nan; where it is to be skipped, n is the number of others, and
nan is last after a sort. With weights the quantile is the first element at which the running weight reaches q of the total.

Reference: Hyndman and Fan, *Sample Quantiles in Statistical Packages*, The American Statistician 50 (1996).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans.arguments import among, flag
from functrans.core.dtypes import is_float
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.choice import choose_where
from functrans.numpy.manipulation import broadcast_to
from functrans.numpy.predicates import isnan
from functrans.numpy.util import (
    asarray_internal,
    canonical_axes,
    check_arraylike,
    check_no_out,
    inexact_dtype,
)
from functrans.primitives import arithmetic as ops
from functrans.primitives.cumulative import cumsum_p
from functrans.primitives.indexing import take_along
from functrans.primitives.logic import or_p
from functrans.primitives.movement import slice_in_dim
from functrans.primitives.sort import sort_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, reduce_sum, reshape, transpose

__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile"]

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf")


def _lines(a: Any, axes: tuple[int, ...]) -> Any:
    """The axes flattened to a last one."""
    shape = typeof(a).shape
    kept = [d for d in range(len(shape)) if d not in axes]
    return reshape(transpose(a, (*kept, *axes)), (*(shape[d] for d in kept), prod(shape[d] for d in axes)))


def _chosen(rows: Any, index: Any) -> Any:
    """``rows[..., index[k, ...]]`` at ``[k, ...]``."""
    return move_axis(take_along(rows, move_axis(index, 0, typeof(index).ndim - 1), typeof(rows).ndim - 1), typeof(rows).ndim - 1, 0)


def _quantile(name: str, a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: bool, weights: Any, skip_nan: bool,
              percent: bool = False) -> Any:
    check_no_out(name, out)
    check_arraylike(name, a, q)
    if not among(method, _METHODS):
        raise ValueError(f"{name}: method must be one of {list(_METHODS)}; got {method!r}, at {describe(user_source())}.")
    if weights is not None and method != "inverted_cdf":
        raise NotImplementedError(f"{name}: only the method 'inverted_cdf' supports weights, not {method!r}, at {describe(user_source())}.")
    a, q = asarray_internal(a), asarray_internal(q)
    if a.dtype.kind == "c":
        raise ValueError(f"{name}: complex numbers have no quantiles; got {typeof(a)}, at {describe(user_source())}.")
    dtype = inexact_dtype(np.result_type(a.dtype, q.dtype) if is_float(q.dtype) and not q.weak_type and not is_float(a.dtype) else a.dtype)
    if q.ndim > 1:
        raise ValueError(f"{name}: q must be a number or a vector; got {typeof(q)}, at {describe(user_source())}.")
    _check_range(name, q, percent)
    q = _as_share(q) if percent else q
    axes = canonical_axes(axis, a.ndim)
    shape = a.shape
    rows = _lines(convert_element_type(a, dtype), axes)
    wide = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)  # positions count elements
    fractions = reshape(convert_element_type(q, wide), (q.size,))
    out = _of_rows(name, rows, fractions, wide, method, _weight_rows(name, weights, a, axes, wide), skip_nan)
    keep = flag(keepdims, "keepdims")
    kept = [1 if d in axes else n for d, n in enumerate(shape) if keep or d not in axes]
    return reshape(convert_element_type(out, dtype), (*q.shape, *kept))


def _check_range(name: str, q: Any, percent: bool) -> None:
    values = q.concrete() if isinstance(q, Tracer) else q
    if values is None or isinstance(values, Tracer):
        return
    if not ((np.asarray(values) >= 0) & (np.asarray(values) <= (100 if percent else 1))).all():
        what = "Percentiles must be in the range [0, 100]" if percent else "Quantiles must be in the range [0, 1]"
        raise ValueError(f"{name}: {what}, at {describe(user_source())}.")


def _weight_rows(name: str, weights: Any, a: Any, axes: tuple[int, ...], wide: np.dtype) -> Any:
    if weights is None:
        return None
    check_arraylike(name, weights)
    w = asarray_internal(weights)
    if w.shape != a.shape:
        if w.ndim != 1 or len(axes) != 1 or w.shape[0] != a.shape[axes[0]]:
            raise ValueError(f"{name}: weights must have the shape of a, or be a vector along its axis; got {typeof(w)} for {typeof(a)}, "
                             f"at {describe(user_source())}.")
        w = broadcast_to(reshape(w, [n if d in axes else 1 for d, n in enumerate(a.shape)]), a.shape)
    return _lines(convert_element_type(w, wide), axes)


def _of_rows(name: str, rows: Any, q: Any, wide: np.dtype, method: str, weights: Any, skip_nan: bool) -> Any:
    """The quantiles of rows, those of each q along a new first axis."""
    rank, n = typeof(rows).ndim, typeof(rows).shape[-1]
    outer = typeof(rows).shape[:-1]
    count = typeof(q).shape[0]
    if n == 0:
        return broadcast_in_dim(typeof(rows).dtype.type(np.nan), (count, *outer), ())
    missing = isnan(rows)
    shape = (count, *outer)

    def each_q(x: Any) -> Any:
        return broadcast_in_dim(x, shape, (0,))

    def each_row(x: Any) -> Any:
        return broadcast_in_dim(x, shape, range(1, rank))

    if weights is not None:
        return _weighted(rows, missing, weights, each_q(q), each_row, skip_nan)
    (rows,) = sort_p.bind(rows, dimension=rank - 1, is_stable=True, num_keys=1)
    absent = reduce_sum(convert_element_type(missing, wide), (rank - 1,))
    present = each_row(ops.sub(wide.type(n), absent) if skip_nan else broadcast_in_dim(wide.type(n), outer, ()))
    last = ops.max(ops.sub(present, wide.type(1)), wide.type(0))
    by_count = method == "inverted_cdf"
    position = ops.sub(ops.ceil(ops.mul(each_q(q), present)), wide.type(1)) if by_count else ops.mul(each_q(q), last)
    position = ops.clamp(wide.type(0), position, last)
    low, high = ops.floor(position), ops.ceil(position)
    if method in ("lower", "inverted_cdf"):
        high = low
    elif method == "higher":
        low = high
    elif method == "nearest":
        low = high = ops.round(position, ops.RoundingMethod.TO_NEAREST_EVEN)
    below = _chosen(rows, convert_element_type(low, np.int64))
    if method in ("linear", "midpoint"):
        above = _chosen(rows, convert_element_type(high, np.int64))
        share = ops.sub(position, low) if method == "linear" else ops.mul(ops.sub(high, low), wide.type(0.5))
        out = _between(below, above, convert_element_type(share, typeof(rows).dtype))
    else:
        out = below
    bad = ops.eq_p.bind(present, wide.type(0)) if skip_nan else each_row(ops.gt_p.bind(absent, wide.type(0)))
    return choose_where(bad, typeof(rows).dtype.type(np.nan), out)


def _between(low: Any, high: Any, share: Any) -> Any:
    """low + share * (high - low), and exactly low where share is 0 or both are equal (infinite ones too)."""
    dtype = typeof(low).dtype
    same = ops.eq_p.bind(low, high)
    gap = choose_where(same, dtype.type(0), ops.sub(high, low))
    return ops.add(low, choose_where(ops.eq_p.bind(share, dtype.type(0)), dtype.type(0), ops.mul(share, gap)))


def _weighted(rows: Any, missing: Any, weights: Any, q: Any, each_row: Any, skip_nan: bool) -> Any:
    rank = typeof(rows).ndim
    wide = typeof(weights).dtype
    if skip_nan:
        weights = choose_where(missing, wide.type(0), weights)
    rows, weights = sort_p.bind(rows, weights, dimension=rank - 1, is_stable=True, num_keys=1)
    running = cumsum_p.bind(weights, axis=rank - 1, reverse=False)
    n = typeof(rows).shape[-1]
    total = reshape(slice_in_dim(running, n - 1, n, axis=rank - 1), typeof(rows).shape[:-1])
    goal = ops.mul(q, each_row(total))
    wall = (*typeof(goal).shape, n)
    short = ops.lt_p.bind(broadcast_in_dim(running, wall, range(1, rank + 1)), broadcast_in_dim(goal, wall, range(rank)))
    # Elements of no weight at the start are no quantiles.
    empty = ops.eq_p.bind(broadcast_in_dim(running, wall, range(1, rank + 1)), wide.type(0))
    index = reduce_sum(convert_element_type(or_p.bind(short, empty), np.int64), (rank,))
    out = _chosen(rows, ops.min(index, np.int64(n - 1)))
    count = reduce_sum(convert_element_type(missing, wide), (rank - 1,))
    bad = each_row(ops.eq_p.bind(total, wide.type(0)) if skip_nan else ops.gt_p.bind(count, wide.type(0)))
    return choose_where(bad, typeof(rows).dtype.type(np.nan), out)


def _as_share(q: Any) -> Any:
    if is_float(q.dtype):
        return ops.div(q, q.dtype.type(100))
    return ops.div(convert_element_type(q, inexact_dtype(q.dtype), True), 100.0)


def quantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
             keepdims: bool = False, *, weights: Any = None) -> Any:
    """The `q`-quantiles along axes: the value below which a share `q` of the elements lies. nan where an element is nan.

    Args:
        a: real numbers; integers count as default floats.
        q: one share, or a vector of them, between 0 and 1.
        axis: one axis, several, or None for all.
        out: must be None.
        overwrite_input: accepted, and ignored.
        method: between two elements: "linear", "lower", "higher", "midpoint", "nearest", or "inverted_cdf".
        keepdims: whether the axes stay, with size 1.
        weights: of the elements, for the method "inverted_cdf": of the shape of `a`, or a vector along the axis.

    Returns:
        An array of the shape of `q`, then of `a` without the axes.

    Raises:
        ValueError: for another method, or a `q` that is known and out of range.

    >>> quantile(np.arange(5.0), np.array([0.0, 0.3, 1.0]))
    Array([0. , 1.2, 4. ], dtype=float64)
    """
    return _quantile("quantile", a, q, axis, out, method, keepdims, weights, False)


def nanquantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
                keepdims: bool = False, *, weights: Any = None) -> Any:
    """As `quantile`, of the elements that are not nan; nan where all are.

    >>> nanquantile(np.array([1.0, np.nan, 3.0]), 0.5)
    Array(2., dtype=float64)
    """
    return _quantile("nanquantile", a, q, axis, out, method, keepdims, weights, True)


def percentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
               keepdims: bool = False, *, weights: Any = None) -> Any:
    """As `quantile`, with `q` in percent.

    >>> percentile(np.array([1.0, 2.0, 3.0]), 50)
    Array(2., dtype=float64)
    """
    return _quantile("percentile", a, q, axis, out, method, keepdims, weights, False, percent=True)


def nanpercentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
                  keepdims: bool = False, *, weights: Any = None) -> Any:
    """As `nanquantile`, with `q` in percent.

    >>> nanpercentile(np.array([1.0, np.nan, 3.0]), 100)
    Array(3., dtype=float64)
    """
    return _quantile("nanpercentile", a, q, axis, out, method, keepdims, weights, True, percent=True)


def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element along axes, or the mean of the two middle ones; nan where an element is nan.

    >>> median(np.array([[1, 5, 2], [8, 9, 7]]), axis=1)
    Array([2., 8.], dtype=float64)
    """
    return _quantile("median", a, 0.5, axis, out, "midpoint", keepdims, None, False)


def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """As `median`, of the elements that are not nan; nan where all are.

    >>> nanmedian(np.array([1.0, np.nan, 3.0, 5.0]))
    Array(3., dtype=float64)
    """
    return _quantile("nanmedian", a, 0.5, axis, out, "midpoint", keepdims, None, True)
