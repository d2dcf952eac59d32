"""`functrans.scipy.interpolate`: interpolation on a grid.

An interval of each axis is found by bisection, and the values at its corners are weighed by the distances to them; derivatives by
the sample points, the values and the points of the grid are those of this weighing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.util import promote_inexact

__all__ = ["RegularGridInterpolator"]

_METHODS = ("linear", "nearest")


def _error(what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"RegularGridInterpolator: {what}, at {describe(user_source())}.")


class RegularGridInterpolator:
    """A function of points that interpolates values on a rectangular grid, whose axes need not be equally spaced.

    Args:
        points: for each axis of the grid a vector of coordinates, ascending or descending.
        values: the values on the grid; axes after those of the grid are axes of the result.
        method: "linear" or "nearest".
        bounds_error: whether points outside the grid are an error; must be False, since the values of points may be unknown.
        fill_value: the value outside the grid, None to extrapolate from the nearest interval.

    Raises:
        ValueError: for another method, or axes that do not fit.
        NotImplementedError: for ``bounds_error=True``.

    >>> f = RegularGridInterpolator((np.array([0.0, 1.0, 3.0]),), np.array([0.0, 10.0, 30.0]))
    >>> f(np.array([0.5, 2.0, 4.0]))
    Array([ 5., 20., nan], dtype=float64)
    """

    def __init__(
        self, points: Sequence[Any], values: Any, method: str = "linear", bounds_error: bool = False, fill_value: Any = np.nan,
    ) -> None:
        if bounds_error:
            raise _error("bounds_error is not supported, since the values of points may be unknown while a program is traced",
                         NotImplementedError)
        self.method = _known(method)
        self.bounds_error = False
        self.fill_value = fill_value
        (values,) = promote_inexact(fnp.asarray(values))
        shape = typeof(values).shape
        if len(points) > len(shape):
            raise _error(f"there are {len(points)} axes of points, but values has {len(shape)} dimensions")
        grid = []
        for i, p in enumerate(points):
            (p,) = promote_inexact(fnp.asarray(p))
            if typeof(p).ndim != 1:
                raise _error(f"the points of axis {i} must be a vector; got shape {typeof(p).shape}")
            if typeof(p).shape[0] != shape[i]:
                raise _error(f"there are {typeof(p).shape[0]} points but {shape[i]} values along axis {i}")
            if not isinstance(p, Tracer):
                steps = np.diff(np.asarray(p))
                if not (np.all(steps > 0) or np.all(steps < 0)):
                    raise _error(f"the points of axis {i} must be strictly ascending or descending")
                if np.all(steps < 0) and steps.size:
                    p, values = fnp.flip(p), fnp.flip(values, i)
            grid.append(p)
        self.grid = tuple(grid)
        self.values = values

    def __call__(self, xi: Any, method: str | None = None) -> Any:
        """The interpolated values.

        Args:
            xi: the points: ``[..., d]`` for a grid of d axes, or a tuple of d arrays that broadcast; ``[...]`` for d = 1 too.
            method: in place of the one given at first.

        Returns:
            an array of the shape of the points, and the further axes of the values, in their common dtype.

        Raises:
            ValueError: for another method, or points of another dimension.
        """
        method = self.method if method is None else _known(method)
        rank = len(self.grid)
        columns = self._columns(xi)
        shape = typeof(columns[0]).shape
        corners, outside = [], []
        for x, p in zip(columns, self.grid, strict=True):
            corners.append(_corners(x, p, method))
            outside.append((x < p[0]) | (x > p[-1]))
        extra = typeof(self.values).ndim - rank
        # The grid's dtype says how exactly places are found; the result's is that of the values and the points.
        dtype = promote_inexact(self.values, columns[0])[1].dtype
        out: Any = None
        for corner in product(*corners):
            value = self.values[tuple(i for i, _ in corner)]
            for _, weight in corner:
                value = value if weight is None else value * weight.reshape(shape + (1,) * extra).astype(dtype)
            out = value if out is None else out + value
        unknown = [fnp.isnan(x) for x in columns]
        for there, fill in [(o, self.fill_value) for o in outside] + [(u, np.nan) for u in unknown]:
            if fill is not None:
                out = fnp.where(there.reshape(shape + (1,) * extra), fill, out)
        return out.astype(dtype)

    def _columns(self, xi: Any) -> list[Any]:
        rank = len(self.grid)
        if isinstance(xi, tuple):
            columns = list(fnp.broadcast_arrays(*promote_inexact(*map(fnp.asarray, xi))))
            if len(columns) == rank:
                return columns
            raise _error(f"the points have {len(columns)} coordinates, but the grid has {rank} axes")
        (xi,) = promote_inexact(fnp.asarray(xi))
        if rank == 1 and typeof(xi).ndim < 2:
            return [xi]
        if typeof(xi).ndim == 0 or typeof(xi).shape[-1] != rank:
            raise _error(f"the points have {typeof(xi).shape[-1] if typeof(xi).ndim else 1} coordinates, but the grid has {rank} axes")
        return [xi[..., i] for i in range(rank)]


def _known(method: str) -> str:
    if not among(method, _METHODS):
        raise _error(f"method must be one of {list(_METHODS)}; got {method!r}")
    return method


def _corners(x: Any, points: Any, method: str) -> list[tuple[Any, Any]]:
    """(index, weight) of the ends of the interval that holds x, or is the nearest; the weight is None for 1."""
    n = typeof(points).shape[0]
    if n == 1:
        return [(fnp.zeros(typeof(x).shape, np.int64), None)]
    low = fnp.clip(fnp.searchsorted(points, x) - 1, 0, n - 2)
    share = (x - points[low]) / (points[low + 1] - points[low])
    if method == "nearest":
        return [(fnp.where(share <= 0.5, low, low + 1), None)]
    return [(low, 1 - share), (low + 1, share)]
