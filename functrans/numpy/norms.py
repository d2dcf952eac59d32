"""Norms, and what rests on singular values: condition numbers and ranks.

The 2-norm is the root of a sum of squares; where it is 0 its derivative is taken to be 0 (the subgradient of least norm), not nan.
The other p-norms do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.decompositions import eigvalsh, svdvals
from functrans.numpy.manipulation import moveaxis
from functrans.numpy.reductions import _safe_root, _squared_size
from functrans.numpy.reductions import max as array_max
from functrans.numpy.reductions import min as array_min
from functrans.numpy.reductions import sum as array_sum
from functrans.numpy.solvers import inv
from functrans.numpy.util import asarray_internal, canonical_axes, check_arraylike, promote_inexact
from functrans.primitives.arithmetic import abs_p, div_p, eq_p, gt_p, mul_p, ne_p, pow_p, select_n_p
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape
from functrans.util import canonicalize_axis

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]


def norm(x: Any, ord: int | float | str | None = None, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    """The norm of vectors or matrices.

    Args:
        x: an array; integers are converted to floats.
        ord: for vectors: None or 2 (Euclidean), any p, inf, -inf, or 0 (how many are not zero). For matrices: None or "fro", 1, -1
            (sums of columns), inf, -inf (sums of rows), 2, -2 (greatest, least singular value), "nuc" (their sum).
        axis: the axis of the vectors, or the two axes of the matrices; None means all of a vector or a matrix, or with ``ord=None``
            of any array, flattened.
        keepdims: whether the axes stay, with size 1.

    Returns:
        A real array without the axes. Its derivative where the norm is 0 is 0.

    Raises:
        ValueError: for an unknown `ord`, or axes that do not fit.

    >>> norm(np.array([3.0, 4.0]))
    Array(5., dtype=float64)
    >>> norm(np.array([[1.0, -2.0], [3.0, 4.0]]), 1)
    Array(6., dtype=float64)
    """
    check_arraylike("norm", x)
    (x,) = promote_inexact(asarray_internal(x))
    n = typeof(x).ndim
    if axis is None:
        if ord is not None and n not in (1, 2):
            raise ValueError(f"norm: improper number of axes: ord={ord!r} of an array of shape {typeof(x).shape} needs axis= to name "
                             f"one or two axes, at {describe(user_source())}.")
        axes: tuple[int, ...] = tuple(range(n))
        if ord is None:
            return _power_norm(x, 2, axes, keepdims)
    else:
        given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(canonicalize_axis(a, n) for a in given)
        canonical_axes(given, n)  # refuses repeated axes
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ValueError(f"norm: improper number of axes: {axis}; one (vectors) or two (matrices) are needed, at {describe(user_source())}.")


def _greatest(sizes: Any, axis: int | tuple[int, ...], keepdims: bool = False) -> Any:
    """The greatest of sizes, none of which is negative: 0 where there are none."""
    shape = typeof(sizes).shape
    empty = any(shape[a] == 0 for a in (axis if isinstance(axis, tuple) else (axis,)))
    return array_max(sizes, axis=axis, keepdims=keepdims, initial=0 if empty else None)


def _power_norm(x: Any, p: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The p-th root of a sum of p-th powers."""
    if p == 2:
        return _safe_root(array_sum(_squared_size(x), axis=axes, keepdims=keepdims))
    size = abs_p.bind(x)
    dtype = typeof(size).dtype
    total = array_sum(pow_p.bind(size, dtype.type(p)), axis=axes, keepdims=keepdims)
    if p < 0:
        return pow_p.bind(total, dtype.type(1 / p))
    # At 0 the root has no derivative: take it elsewhere, and put 0 in its place.
    flat = eq_p.bind(total, dtype.type(0))
    root = pow_p.bind(select_n_p.bind(flat, total, dtype.type(1)), dtype.type(1 / p))
    return select_n_p.bind(flat, root, dtype.type(0))


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(ord, str) or not isinstance(ord, (int, float, np.number)):
        raise ValueError(f"norm: invalid order {ord!r} for vectors; use a number, inf or -inf, at {describe(user_source())}.")
    if ord == np.inf:
        return _greatest(abs_p.bind(x), axes, keepdims)
    if ord == -np.inf:
        return array_min(abs_p.bind(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        aval = typeof(x)
        counted = convert_element_type(ne_p.bind(x, aval.dtype.type(0)), np.empty(0, aval.dtype).real.dtype)
        return array_sum(counted, axis=axes, keepdims=keepdims)
    if ord == 1:
        return array_sum(abs_p.bind(x), axis=axes, keepdims=keepdims)
    return _power_norm(x, float(ord), axes, keepdims)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    row, column = axes
    if ord in ("fro", "f"):
        return _power_norm(x, 2, axes, keepdims)
    if ord in (2, -2, "nuc"):
        s = svdvals(moveaxis(x, (row, column), (-2, -1)))
        folds: dict[Any, Callable[..., Any]] = {2: _greatest, -2: array_min, "nuc": array_sum}
        out = folds[ord](s, axis=-1)
        return reshape(out, [1 if i in axes else n for i, n in enumerate(typeof(x).shape)]) if keepdims else out
    ends: dict[Any, tuple[int, int, Callable[..., Any]]] = {
        1: (row, column, _greatest), -1: (row, column, array_min), np.inf: (column, row, _greatest), -np.inf: (column, row, array_min)}
    if ord not in ends:
        raise ValueError(f"norm: invalid order {ord!r} for matrices; use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, at "
                         f"{describe(user_source())}.")
    summed, other, extremum = ends[ord]
    sums = array_sum(abs_p.bind(x), axis=summed, keepdims=True)
    out = extremum(sums, axis=other, keepdims=True)
    return out if keepdims else reshape(out, [n for i, n in enumerate(typeof(out).shape) if i not in axes])


def vector_norm(x: Any, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: int | float = 2) -> Any:
    """The norm of vectors that lie along one axis or several (all where `axis` is None); see `norm`.

    >>> vector_norm(np.array([[3.0, 0.0], [0.0, 4.0]]))
    Array(5., dtype=float64)
    """
    check_arraylike("vector_norm", x)
    (x,) = promote_inexact(asarray_internal(x))
    return _vector_norm(x, ord, canonical_axes(axis, typeof(x).ndim), keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: int | float | str = "fro") -> Any:
    """The norm of the matrices in the last two axes; see `norm`.

    >>> matrix_norm(np.ones((5, 2, 2)))
    Array([2., 2., 2., 2., 2.], dtype=float64)
    """
    check_arraylike("matrix_norm", x)
    (x,) = promote_inexact(asarray_internal(x))
    n = typeof(x).ndim
    if n < 2:
        raise ValueError(f"matrix_norm: an array of at least two axes is needed; got shape {typeof(x).shape}, at "
                         f"{describe(user_source())}.")
    return _matrix_norm(x, ord, (n - 2, n - 1), keepdims)


# -- condition and rank -----------------------------------------------------------------------------------------------

def cond(x: Any, p: Any = None) -> Any:
    """The condition number of the matrices in the last two axes: ``norm(x, p) * norm(inv(x), p)``.

    Args:
        x: matrices; square, unless `p` is None, 2 or -2.
        p: None or 2 (the ratio of the greatest to the least singular value), -2 (its inverse), or an order of `norm`.

    Returns:
        A real array; inf for singular matrices.

    Raises:
        ValueError: for an empty matrix, or an unknown `p`.

    >>> cond(np.array([[4.0, 0.0], [0.0, 2.0]]))
    Array(2., dtype=float64)
    """
    check_arraylike("cond", x)
    (x,) = promote_inexact(asarray_internal(x))
    shape = typeof(x).shape
    if len(shape) < 2 or 0 in shape[-2:]:
        raise ValueError(f"cond: matrices that are not empty are needed; got shape {shape}, at {describe(user_source())}.")
    if p in (None, 2, -2):
        s = svdvals(x)
        greatest, least = array_max(s, axis=-1), array_min(s, axis=-1)
        return div_p.bind(least, greatest) if p == -2 else div_p.bind(greatest, least)
    rows, columns = len(shape) - 2, len(shape) - 1
    ratio = mul_p.bind(_matrix_norm(x, p, (rows, columns), False), _matrix_norm(inv(x), p, (rows, columns), False))
    broken = ne_p.bind(ratio, ratio)
    sound = array_sum(convert_element_type(ne_p.bind(x, x), np.dtype(np.int64)), axis=(rows, columns))
    singular = select_n_p.bind(eq_p.bind(sound, np.int64(0)), broadcast_in_dim(np.bool_(False), shape[:-2], ()), broken)
    return select_n_p.bind(singular, ratio, broadcast_in_dim(typeof(ratio).dtype.type(np.inf), shape[:-2], ()))


def matrix_rank(M: Any, rtol: Any = None, *, hermitian: bool = False, tol: Any = None) -> Any:
    """How many singular values of the matrices in the last two axes are greater than ``rtol`` times the greatest.

    Args:
        M: matrices; of an array of fewer axes, whether it is not all zero.
        rtol: a number or one for each matrix; by default the greater of rows and columns times the machine precision.
        hermitian: whether the matrices are Hermitian, so that eigenvalues serve.
        tol: an older name of `rtol`, relative too.

    Returns:
        An int64 array.

    >>> matrix_rank(np.ones((2, 3)))
    Array(1, dtype=int64)
    """
    check_arraylike("matrix_rank", M)
    (x,) = promote_inexact(asarray_internal(M))
    aval = typeof(x)
    rtol = tol if rtol is None else rtol
    if aval.ndim < 2:
        return array_max(convert_element_type(ne_p.bind(x, aval.dtype.type(0)), np.dtype(np.int64)), initial=0)
    s = abs_p.bind(eigvalsh(x)) if hermitian else svdvals(x)
    shape, dtype = typeof(s).shape, typeof(s).dtype
    if rtol is None:
        rtol = max(aval.shape[-2:]) * np.finfo(dtype).eps
    limits = mul_p.bind(array_max(s, axis=-1, keepdims=True, initial=0), _column(rtol, dtype, shape))
    bound = broadcast_in_dim(reshape(limits, shape[:-1]), shape, range(len(shape) - 1))
    return array_sum(convert_element_type(gt_p.bind(s, bound), np.dtype(np.int64)), axis=-1)


def _column(rtol: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Any:
    """Tolerances in the shape ``[..., 1]``."""
    value = convert_element_type(asarray_internal(rtol), dtype)
    given = typeof(value).shape
    column = (*shape[:-1], 1)
    return broadcast_in_dim(value, column, range(len(column) - 1 - len(given), len(column) - 1))
