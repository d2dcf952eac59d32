"""Rows of `functrans.numpy`: reductions, running sums, orders, sets, histograms, products, polynomials and signals."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import numpy as fnp
from tests.names.rows import ANY, COMPLEX, FLOAT, NUMBER, REAL, Name, R, Z, distinct, each, fixed

__all__ = ["REDUCTIONS"]

X = R(3, 4)
V = R(5)
ORDERED = distinct(3, 4)
HOLED = fixed([[0.5, np.nan, 2.0, -1.0], [1.5, 0.25, np.nan, 3.0], [-2.0, 1.0, 0.75, np.nan]])
SIZE = "the size of the result depends on the values"
UNSIZED = {"native": SIZE, "batch": SIZE}
REPEATED = (Z(8, high=3),)
TWO_SETS = (Z(6, high=4), Z(5, low=2, high=6))
POLYNOMIALS = (R(4, low=0.5), R(3, low=0.5))


def whole_and_axis(f: Any, x: Any) -> list[Any]:
    return [f(x), f(x, axis=0), f(x, axis=-1, keepdims=True)]


def ours(f: Any) -> bool:
    return getattr(f, "__module__", "").startswith("functrans")


def filled(f: Any, *args: Any) -> Any:
    """A set of static size, filled with its last element as ours is asked to be, and NumPy's by hand."""
    if ours(f):
        return f(*args, size=9, fill_value=-7)
    found = f(*args)
    return np.concatenate([found, np.full(9 - len(found), -7)])


def unique_filled(f: Any, x: Any) -> Any:
    """What `unique` gives with all of its results, of static size: absent values have the least one's place and count 0."""
    options = {"return_index": True, "return_inverse": True, "return_counts": True}
    if ours(f):
        return f(x, size=9, fill_value=-7, **options)
    values, index, inverse, counts = f(x, **options)
    n = 9 - len(values)
    return np.pad(values, (0, n), constant_values=-7), np.pad(index, (0, n), constant_values=index[0]), inverse, np.pad(counts, (0, n))


def padded_division(x: Any, y: Any) -> Any:
    """NumPy's quotient and remainder, the latter as long as the dividend."""
    quotient, rest = np.polydiv(x, y)
    return quotient, np.pad(rest, (len(x) - len(rest), 0))


def counted(f: Any) -> Any:
    """NumPy's histogram with counts that are integers."""

    def histogram(*args: Any, **options: Any) -> Any:
        counts, *rest = f(*args, **options)
        return counts.astype(int), *rest

    return histogram


def split_at_second(f: Any, x: Any) -> Any:
    """A partition with each part sorted: their order is open."""
    y = f(x, 2, axis=1)
    return [np.sort(y[:, :2]), y[:, 2], np.sort(y[:, 3:])]


def slices(f: Any, x: Any) -> Any:
    return f(lambda row: row * row.sum(), 0, x)


REDUCTIONS = (
    # -- reductions
    *each("numpy", "sum prod mean", X, call=whole_and_axis, dtypes=NUMBER),
    *each("numpy", "std var", X, call=whole_and_axis, dtypes=NUMBER),
    *each("numpy", "max min amax amin", ORDERED, call=whole_and_axis, dtypes=REAL),
    Name("numpy.ptp", (ORDERED,), lambda f, x: [f(x), f(x, 0)], dtypes=REAL),
    *each("numpy", "any all", R(3, 4, low=0, high=1), call=whole_and_axis, dtypes=ANY),
    Name("numpy.count_nonzero", (R(3, 4, low=0, high=1),), lambda f, x: [f(x), f(x, axis=0)], dtypes=ANY),
    *each("numpy", "argmax argmin", ORDERED, call=lambda f, x: [f(x), f(x, 1), f(x, 0, keepdims=True)], dtypes=REAL),
    *each("numpy", "nansum nanprod nanmean nanstd nanvar nanmax nanmin", HOLED, call=whole_and_axis),
    *each("numpy", "nanargmax nanargmin", HOLED, call=lambda f, x: [f(x), f(x, 1)]),
    Name("numpy.average", (X, R(4, low=0.5)), lambda f, x, w: [f(x), f(x, 1, w)], dtypes=COMPLEX),
    *each("numpy", "median nanmedian", ORDERED, call=whole_and_axis),
    *each("numpy", "quantile nanquantile", ORDERED, fixed([0.3, 0.9]), call=lambda f, x, q: [f(x, q), f(x, 0.4, axis=1)]),
    *each("numpy", "percentile nanpercentile", ORDERED, fixed([30.0, 90.0]),
          call=lambda f, x, q: [f(x, q), f(x, 40, axis=1, method="lower")], slope_tol=1e-4),
    Name("numpy.apply_along_axis", (X,), slices, dtypes=NUMBER),
    Name("numpy.apply_over_axes", (R(2, 3, 4),), lambda f, x: f(fnp.sum if ours(f) else np.sum, x, (0, 2)), dtypes=NUMBER),
    # -- running
    *each("numpy", "cumsum cumprod", X, call=lambda f, x: [f(x), f(x, 1)], dtypes=NUMBER),
    *each("numpy", "cumulative_sum cumulative_prod", X, call=lambda f, x: f(x, axis=1, include_initial=True), dtypes=NUMBER),
    *each("numpy", "nancumsum nancumprod", HOLED, call=lambda f, x: [f(x), f(x, 0)]),
    Name("numpy.trapezoid", (X, distinct(4)), lambda f, y, x: [f(y), f(y, x), f(y, dx=0.5, axis=0)], dtypes=COMPLEX),
    # -- order
    *each("numpy", "sort argsort", ORDERED, call=lambda f, x: [f(x), f(x, 0)], dtypes=REAL),
    Name("numpy.sort_complex", (distinct(6),), dtypes=COMPLEX),
    Name("numpy.partition", (ORDERED,), split_at_second, dtypes=REAL),
    Name("numpy.argpartition", (ORDERED,), lambda f, x: np.take_along_axis(x, f(x, 2, axis=1), 1)[:, 2], dtypes=REAL),
    Name("numpy.lexsort", (R(6), Z(6, high=2)), lambda f, x, i: f((x, i))),
    *each("numpy", "searchsorted", fixed([-1.0, 0.5, 0.7, 2.0]), V, call=lambda f, x, v: [f(x, v), f(x, v, side="right")]),
    Name("numpy.digitize", (V, fixed([-1.0, 0.5, 0.7, 2.0])), lambda f, x, b: [f(x, b), f(x, b, right=True)]),
    # -- sets
    Name("numpy.isin", TWO_SETS, lambda f, x, y: [f(x, y), f(x, y, invert=True)]),
    Name("numpy.unique", REPEATED, lambda f, x: [f(x), *f(x, return_counts=True)], dtypes=("int64",), **UNSIZED),
    Name("numpy.unique", REPEATED, unique_filled, dtypes=("int64",), when="size="),
    *each("numpy", "unique_all unique_counts unique_inverse", *REPEATED, call=lambda f, x: [*f(x)], dtypes=("int64",), **UNSIZED),
    Name("numpy.unique_values", REPEATED, lambda f, x: np.sort(f(x)), dtypes=("int64",), **UNSIZED),
    *each("numpy", "union1d intersect1d setdiff1d setxor1d", *TWO_SETS, dtypes=("int64",), **UNSIZED),
    *each("numpy", "union1d intersect1d setdiff1d setxor1d", *TWO_SETS, call=filled, dtypes=("int64",), when="size="),
    # -- histograms
    Name("numpy.bincount", (Z(8, high=4),), lambda f, x: f(x, minlength=7), dtypes=("int64",), **UNSIZED),
    Name("numpy.bincount", (Z(8, high=4), R(8)), lambda f, x, w: f(x, w, length=5) if ours(f) else f(x, w, minlength=5), when="length="),
    Name("numpy.histogram", (R(9),), lambda f, x: [*f(x, 4, range=(-2, 2)), *f(x, np.array([-2.0, 0.0, 1.0, 2.0]), density=True)]),
    Name("numpy.histogram_bin_edges", (R(9),), lambda f, x: [f(x, 5), f(x, 3, range=(0, 1))]),
    Name("numpy.histogram2d", (R(9), R(9)), lambda f, x, y: f(x, y, 3, range=((-2, 2), (-2, 2))), counted(np.histogram2d)),
    Name("numpy.histogramdd", (R(9, 2),), lambda f, x: f(x, (2, 3), range=((-2, 2), (-2, 2))), counted(np.histogramdd)),
    Name("numpy.interp", (V, fixed([-1.0, 0.5, 0.7, 2.0]), R(4)), dtypes=FLOAT),
    # -- products
    Name("numpy.dot", (R(2, 3), R(3, 4)), dtypes=NUMBER),
    Name("numpy.matmul", (R(2, 2, 3), R(3, 4)), dtypes=NUMBER),
    Name("numpy.inner", (R(2, 3), R(4, 3)), dtypes=NUMBER),
    Name("numpy.outer", (R(2, 3), R(4)), dtypes=NUMBER),
    Name("numpy.vdot", (X, X), dtypes=NUMBER),
    Name("numpy.vecdot", (X, R(4)), dtypes=NUMBER),
    Name("numpy.matvec", (R(2, 3, 4), R(4)), dtypes=NUMBER),
    Name("numpy.vecmat", (R(3), R(2, 3, 4)), dtypes=NUMBER),
    Name("numpy.tensordot", (R(2, 3, 4), R(4, 3)), lambda f, x, y: [f(x, y, 1), f(x, y, ((1, 2), (1, 0)))], dtypes=NUMBER),
    Name("numpy.einsum", (R(2, 3, 4), R(4, 3)), lambda f, x, y: [f("aij,ji->a", x, y), f("...ij,jk", x, y)], dtypes=NUMBER),
    Name("numpy.kron", (R(2, 3), R(2, 2)), dtypes=NUMBER),
    Name("numpy.cross", (R(4, 3), R(3)), dtypes=NUMBER),
    Name("numpy.trace", (R(2, 3, 4),), lambda f, x: [f(x), f(x, 1, 1, 2)], dtypes=NUMBER),
    Name("numpy.diagonal", (R(2, 3, 4),), lambda f, x: [f(x), f(x, 1, 1, 2)], dtypes=ANY),
    # -- polynomials
    *each("numpy", "polyadd polysub polymul", *POLYNOMIALS, dtypes=NUMBER),
    Name("numpy.polydiv", POLYNOMIALS, lambda f, x, y: [*f(x, y)], padded_division, dtypes=COMPLEX),
    Name("numpy.polyval", (R(4), V), dtypes=NUMBER),
    *each("numpy", "polyder polyint", R(4), call=lambda f, x: f(x, 2), dtypes=COMPLEX),
    Name("numpy.polyfit", (distinct(7), R(7)), lambda f, x, y: f(x, y, 2), tol=1e-10),
    Name("numpy.poly", (R(3),), dtypes=COMPLEX),
    Name("numpy.roots", (fixed([2.0, -3.0, 1.5, 0.25]),), lambda f, x: np.sort(f(x)), native=SIZE, batch=SIZE),
    Name("numpy.roots", (fixed([2.0, -3.0, 1.5, 0.25]),), lambda f, x: np.sort(f(x, strip_zeros=False) if ours(f) else f(x)),
         when="strip_zeros=False"),
    # -- signals and statistics
    *each("numpy", "convolve correlate", R(6), R(3), call=lambda f, x, y: [f(x, y, mode) for mode in ("full", "same", "valid")],
          dtypes=NUMBER),
    Name("numpy.cov", (R(3, 6),), lambda f, x: [f(x), f(x, ddof=0)], dtypes=COMPLEX),
    Name("numpy.corrcoef", (R(3, 6),), dtypes=COMPLEX),
)
