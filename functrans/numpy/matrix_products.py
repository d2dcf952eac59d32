"""Products of matrices, in the strict forms of `functrans.numpy.linalg`.

`multi_dot` finds the cheapest order by dynamic programming (Cormen et al., "Introduction to Algorithms", 15.2); `matrix_power`
squares repeatedly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import functrans.numpy.contraction as contraction
from functrans.arguments import integer
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.creation import eye
from functrans.numpy.manipulation import broadcast_to
from functrans.numpy.solvers import inv
from functrans.numpy.util import asarray_internal, check_arraylike, promote_args
from functrans.util import canonicalize_axis

__all__ = ["cross", "diagonal", "matmul", "matrix_power", "multi_dot", "outer", "tensordot", "trace", "vecdot"]


def matmul(x1: Any, x2: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The matrix product; see `functrans.numpy.matmul`.

    >>> import numpy as np
    >>> matmul(np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    return contraction.matmul(x1, x2, precision=precision, preferred_element_type=preferred_element_type)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products over pairs of axes; see `functrans.numpy.tensordot`.

    >>> import numpy as np
    >>> tensordot(np.ones((2, 3)), np.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    return contraction.tensordot(x1, x2, axes, precision=precision, preferred_element_type=preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The sum of ``conj(x1) * x2`` over an axis; see `functrans.numpy.vecdot`.

    >>> import numpy as np
    >>> vecdot(np.ones((2, 3)), np.ones((2, 3)))
    Array([3., 3.], dtype=float64)
    """
    return contraction.vecdot(x1, x2, axis=axis, precision=precision, preferred_element_type=preferred_element_type)


def outer(x1: Any, x2: Any, /) -> Any:
    """All products of elements of two vectors.

    Raises:
        ValueError: if they are not vectors.

    >>> import numpy as np
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

    >>> import numpy as np
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

    >>> import numpy as np
    >>> diagonal(np.ones((5, 2, 3))).shape
    (5, 2)
    """
    return contraction.diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of the matrices in the last two axes.

    >>> import numpy as np
    >>> trace(np.ones((5, 2, 2)))
    Array([2., 2., 2., 2., 2.], dtype=float64)
    """
    return contraction.trace(x, offset, -2, -1, dtype)


def matrix_power(a: Any, n: int) -> Any:
    """The product of `n` copies of each square matrix in the last two axes; the identity for n = 0, of inverses for negative n.

    Raises:
        TypeError: unless the matrices are square.

    >>> import numpy as np
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
    n = integer(n, "n")
    if n < 0:
        a, n = inv(a), -n
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

    >>> import numpy as np
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
