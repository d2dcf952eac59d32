"""`functrans.numpy.linalg`: norms, products of matrices and their relatives.

The 2-norm is the root of a sum of squares; where it is 0 its derivative is taken to be 0 (the subgradient of least norm), not nan.
The other p-norms do the same. `multi_dot` finds the cheapest order by dynamic programming (Cormen et al., "Introduction to
Algorithms", 15.2); `matrix_power` squares repeatedly.

Known limits: norms that need singular values (2, -2 and "nuc" of matrices) and negative powers are refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy import contraction
from functrans.numpy.creation import eye
from functrans.numpy.manipulation import broadcast_to, matrix_transpose
from functrans.numpy.reductions import _safe_root, _squared_size
from functrans.numpy.reductions import max as array_max
from functrans.numpy.reductions import min as array_min
from functrans.numpy.reductions import sum as array_sum
from functrans.numpy.util import asarray_internal, canonical_axes, check_arraylike, promote_args, promote_inexact
from functrans.primitives.arithmetic import abs_p, eq_p, ne_p, pow_p, select_n_p
from functrans.primitives.structural import convert_element_type, reshape
from functrans.util import canonicalize_axis

__all__ = [
    "cross", "diagonal", "matmul", "matrix_norm", "matrix_power", "matrix_transpose", "multi_dot", "norm", "outer", "tensordot", "trace",
    "vecdot", "vector_norm",
]


# -- norms ------------------------------------------------------------------------------------------------------------

def norm(x: Any, ord: int | float | str | None = None, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Any:
    """The norm of vectors or matrices.

    Args:
        x: an array; integers are converted to floats.
        ord: for vectors: None or 2 (Euclidean), any p, inf, -inf, or 0 (how many are not zero). For matrices: None or "fro", 1, -1
            (sums of columns), inf, -inf (sums of rows).
        axis: the axis of the vectors, or the two axes of the matrices; None means all of a vector or a matrix, or with ``ord=None``
            of any array, flattened.
        keepdims: whether the axes stay, with size 1.

    Returns:
        A real array without the axes. Its derivative where the norm is 0 is 0.

    Raises:
        ValueError: for an unknown `ord`, or axes that do not fit.
        NotImplementedError: for 2, -2 and "nuc" of matrices.

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
        return array_max(abs_p.bind(x), axis=axes, keepdims=keepdims)
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
        raise NotImplementedError(f"norm: order {ord!r} of a matrix needs its singular values, which are not available here, at "
                                  f"{describe(user_source())}. Use ord='fro', 1 or inf.")
    ends: dict[Any, tuple[int, int, Callable[..., Any]]] = {
        1: (row, column, array_max), -1: (row, column, array_min), np.inf: (column, row, array_max), -np.inf: (column, row, array_min)}
    if ord not in ends:
        raise ValueError(f"norm: invalid order {ord!r} for matrices; use 'fro', 1, -1, inf or -inf, at {describe(user_source())}.")
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


# -- products ---------------------------------------------------------------------------------------------------------

def matmul(x1: Any, x2: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The matrix product; see `functrans.numpy.matmul`.

    >>> matmul(np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    return contraction.matmul(x1, x2, precision=precision, preferred_element_type=preferred_element_type)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products over pairs of axes; see `functrans.numpy.tensordot`.

    >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    return contraction.tensordot(x1, x2, axes, precision=precision, preferred_element_type=preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The sum of ``conj(x1) * x2`` over an axis; see `functrans.numpy.vecdot`.

    >>> vecdot(np.ones((2, 3)), np.ones((2, 3)))
    Array([3., 3.], dtype=float64)
    """
    return contraction.vecdot(x1, x2, axis=axis, precision=precision, preferred_element_type=preferred_element_type)


def outer(x1: Any, x2: Any, /) -> Any:
    """All products of elements of two vectors.

    Raises:
        ValueError: if they are not vectors.

    >>> outer(np.array([1, 2]), np.array([3, 4])).shape
    (2, 2)
    """
    check_arraylike("outer", x1, x2)
    if typeof(x1).ndim != 1 or typeof(x2).ndim != 1:
        raise ValueError(f"outer: vectors are needed; got shapes {typeof(x1).shape} and {typeof(x2).shape}, at "
                         f"{describe(user_source())}.")
    return contraction.outer(x1, x2)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The cross product of vectors of 3 elements along an axis.

    Raises:
        ValueError: for vectors of another length.

    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    Array([0., 0., 1.], dtype=float64)
    """
    check_arraylike("cross", x1, x2)
    if any(typeof(x).shape[canonicalize_axis(axis, typeof(x).ndim)] != 3 for x in (x1, x2)):
        raise ValueError(f"cross: vectors of 3 elements along axis {axis} are needed; got shapes {typeof(x1).shape} and "
                         f"{typeof(x2).shape}, at {describe(user_source())}.")
    return contraction.cross(x1, x2, axis=axis)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of the matrices in the last two axes; see `functrans.numpy.diagonal`.

    >>> diagonal(np.ones((5, 2, 3))).shape
    (5, 2)
    """
    return contraction.diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of the matrices in the last two axes.

    >>> trace(np.ones((5, 2, 2)))
    Array([2., 2., 2., 2., 2.], dtype=float64)
    """
    return contraction.trace(x, offset, -2, -1, dtype)


def matrix_power(a: Any, n: int) -> Any:
    """The product of `n` copies of each square matrix in the last two axes; the identity for n = 0.

    Raises:
        TypeError: unless the matrices are square.
        NotImplementedError: for a negative `n`.

    >>> matrix_power(np.array([[1, 1], [0, 1]]), 5)
    Array([[1, 5],
           [0, 1]], dtype=int64)
    """
    check_arraylike("matrix_power", a)
    a = asarray_internal(a)
    shape = typeof(a).shape
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise TypeError(f"matrix_power: square matrices in the last two axes are needed; got shape {shape}, at "
                        f"{describe(user_source())}.")
    n = operator.index(n)
    if n < 0:
        raise NotImplementedError(f"matrix_power: the power must not be negative; got {n}, at {describe(user_source())}. Invert the "
                                  "matrix first.")
    if n == 0:
        return broadcast_to(eye(shape[-1], dtype=a.dtype), shape)
    out = None
    while True:
        if n & 1:
            out = a if out is None else contraction.matmul(out, a)
        n >>= 1
        if not n:
            return out
        a = contraction.matmul(a, a)


def multi_dot(arrays: Sequence[Any], *, precision: Any = None) -> Any:
    """The product of several matrices in the cheapest order; the first and the last may be vectors.

    Raises:
        ValueError: for fewer than two arrays, or other ranks.

    >>> multi_dot([np.ones((2, 3)), np.ones((3, 4)), np.ones(4)])
    Array([12., 12.], dtype=float64)
    """
    arrays = list(arrays)
    check_arraylike("multi_dot", *arrays)
    if len(arrays) < 2:
        raise ValueError(f"multi_dot: at least two arrays are needed; got {len(arrays)}, at {describe(user_source())}.")
    arrays = promote_args(*arrays)
    shapes = [typeof(x).shape for x in arrays]
    if any(len(s) != 2 for s in shapes[1:-1]) or any(len(shapes[i]) not in (1, 2) for i in (0, -1)):
        raise ValueError(f"multi_dot: matrices are needed, of which the first and the last may be vectors; got {shapes}, at "
                         f"{describe(user_source())}.")
    first, last = shapes[0], shapes[-1]
    sizes = [first[0] if len(first) == 2 else 1, first[-1], *(s[-1] for s in shapes[1:-1]), last[1] if len(last) == 2 else 1]
    if len(arrays) == 2:
        return contraction.dot(*arrays, precision=precision)
    cuts = _cheapest_cuts(sizes)

    def product(i: int, j: int) -> Any:
        if i == j:
            return arrays[i]
        k = cuts[i, j]
        return contraction.dot(product(i, k), product(k + 1, j), precision=precision)

    return product(0, len(arrays) - 1)


def _cheapest_cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run (i, j) of matrices, of shapes ``(sizes[i], sizes[i + 1])``, where to cut it into two products."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cuts[i, j] = min(options)
    return cuts
