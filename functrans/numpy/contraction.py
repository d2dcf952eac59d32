"""Products of arrays: dot, matmul and their relatives, traces and diagonals.

All sums of products are one `dot_general` each. In `matmul` an axis of size 1 against one of size n is not repeated: the axis is
left to the operand that has it, so that a stack of matrices times one matrix is a single product of matrices. A diagonal is a
strided slice of the matrix flattened, which is a view; there is no mask.

`precision` is accepted and changes nothing: sums are always carried in full precision. `preferred_element_type` is the dtype
of the sums and of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.indexing import getitem
from functrans.numpy.ufuncs import conj, multiply
from functrans.numpy.util import asarray_internal, broadcast_shapes_internal, check_arraylike, check_no_out, promote_args
from functrans.primitives.arithmetic import mul_p, sub_p
from functrans.primitives.contraction import dot_general_p
from functrans.primitives.movement import concatenate_p, expand_dims
from functrans.primitives.movement import pad as lax_pad
from functrans.primitives.movement import slice as lax_slice
from functrans.primitives.structural import convert_element_type, move_axis, reduce_sum, reshape, transpose
from functrans.util import canonicalize_axis

__all__ = [
    "cross", "diagonal", "dot", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "trace", "vdot", "vecdot",
    "vecmat",
]


def contract(a: Any, b: Any, a_contract: Sequence[int], b_contract: Sequence[int], a_batch: Sequence[int] = (),
             b_batch: Sequence[int] = (), precision: Any = None, preferred_element_type: Any = None) -> Any:
    """`dot_general` of operands of one dtype, with plain non-negative axes.

    >>> contract(np.ones((2, 3)), np.ones((3, 4)), (1,), (0,)).shape
    (2, 4)
    """
    numbers = ((tuple(a_contract), tuple(b_contract)), (tuple(a_batch), tuple(b_batch)))
    preferred = None if preferred_element_type is None else canonical(preferred_element_type)
    if isinstance(precision, list):
        precision = tuple(precision)
    return dot_general_p.bind(a, b, dimension_numbers=numbers, precision=precision, preferred_element_type=preferred)


def _as_preferred(x: Any, preferred_element_type: Any) -> Any:
    return x if preferred_element_type is None else convert_element_type(x, canonical(preferred_element_type))


def _mismatch(name: str, why: str, a: ShapedArray, b: ShapedArray) -> TypeError:
    return TypeError(f"{name}: {why} Got shapes {a.shape} and {b.shape}, at {describe(user_source())}.")


def dot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The dot product: sums over the last axis of `a` and the last but one of `b` (its only one, if it is a vector).

    Shapes ``(..., k)`` and ``(k,)`` give ``(...)``; ``(..., k)`` and ``(___, k, n)`` give ``(..., ___, n)``; a scalar multiplies.

    Raises:
        TypeError: if the contracted sizes differ.

    >>> dot(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    Array([3., 7.], dtype=float64)
    """
    check_arraylike("dot", a, b)
    a, b = promote_args(a, b)
    x, y = typeof(a), typeof(b)
    if not x.ndim or not y.ndim:
        return _as_preferred(mul_p.bind(a, b), preferred_element_type)
    axis = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[axis]:
        raise _mismatch("dot", f"the last axis of a must be as long as axis {axis} of b.", x, y)
    return contract(a, b, (x.ndim - 1,), (axis,), (), (), precision, preferred_element_type)


def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The matrix product ``a @ b``; leading axes broadcast.

    Shapes ``(..., m, k)`` and ``(..., k, n)`` give ``(..., m, n)``; a vector on the left is a row, on the right a column, whose axis
    vanishes from the result.

    Raises:
        ValueError: for scalars.
        TypeError: if the contracted sizes differ.

    >>> matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    """
    check_arraylike("matmul", a, b)
    a, b = promote_args(a, b)
    x, y = typeof(a), typeof(b)
    m, n = x.ndim, y.ndim
    if not m or not n:
        raise ValueError(f"matmul: operands need at least one axis; got shapes {x.shape} and {y.shape}, at "
                         f"{describe(user_source())}. Use multiply for scalars.")
    b_axis = max(n - 2, 0)
    if x.shape[-1] != y.shape[b_axis]:
        raise _mismatch("matmul", f"the last axis of a must be as long as axis {b_axis - n} of b.", x, y)
    if m <= 2 and n <= 2:
        return contract(a, b, (m - 1,), (b_axis,), (), (), precision, preferred_element_type)
    return _batched_product("matmul", a, b, max(m - 2, 0), max(n - 2, 0), (m - 1,), (b_axis,), precision, preferred_element_type)


def _batched_product(name: str, a: Any, b: Any, a_lead: int, b_lead: int, a_contract: Sequence[int], b_contract: Sequence[int],
                     precision: Any, preferred_element_type: Any) -> Any:
    """The contraction of trailing axes, while the first `a_lead` and `b_lead` axes broadcast against each other."""
    x, y = typeof(a).shape, typeof(b).shape
    lead = broadcast_shapes_internal(name, [x[:a_lead], y[:b_lead]])
    rank = len(lead)
    a_at, b_at = rank - a_lead, rank - b_lead  # where the leading axes of each begin in the common ones
    a_drop, b_drop, a_batch, b_batch = [], [], [], []
    labels_a, labels_b, labels = [], [], []
    for d in range(rank):
        i, j = d - a_at, d - b_at
        if i >= 0 and j >= 0 and x[i] == y[j]:
            a_batch.append(i)
            b_batch.append(j)
            labels.append(d)
        elif j < 0 or (i >= 0 and y[j] == 1):
            labels_a.append(d)
            if j >= 0:
                b_drop.append(j)
        else:
            labels_b.append(d)
            if i >= 0:
                a_drop.append(i)
    a, a_axes = _without(a, a_drop)
    b, b_axes = _without(b, b_drop)
    rows = len(x) - a_lead - len(a_contract)
    columns = len(y) - b_lead - len(b_contract)
    out = contract(a, b, [a_axes[i] for i in a_contract], [b_axes[i] for i in b_contract], [a_axes[i] for i in a_batch],
                   [b_axes[i] for i in b_batch], precision, preferred_element_type)
    labels += labels_a + list(range(rank, rank + rows)) + labels_b + list(range(rank + rows, rank + rows + columns))
    return transpose(out, sorted(range(len(labels)), key=labels.__getitem__))


def _without(x: Any, dropped: Sequence[int]) -> tuple[Any, dict[int, int]]:
    """`x` without axes of size 1, and where the others are now."""
    shape = typeof(x).shape
    kept = [i for i in range(len(shape)) if i not in dropped]
    return reshape(x, [shape[i] for i in kept]), {old: new for new, old in enumerate(kept)}


def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The sum of ``conj(a) * b`` over all elements, both flattened.

    >>> vdot(np.array([1j, 2.0]), np.array([1j, 1.0]))
    Array(3.+0.j, dtype=complex128)
    """
    check_arraylike("vdot", a, b)
    a = conj(a) if typeof(a).dtype.kind == "c" else a
    x, y = typeof(a), typeof(b)
    if x.size != y.size:
        raise _mismatch("vdot", "operands must have as many elements.", x, y)
    return dot(reshape(a, (x.size,)), reshape(b, (y.size,)), precision=precision, preferred_element_type=preferred_element_type)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The sum of ``conj(x1) * x2`` over one axis; the others broadcast.

    Raises:
        TypeError: if the sizes of the axis differ.

    >>> vecdot(np.ones((4, 3)), np.array([1.0, 2.0, 3.0]))
    Array([6., 6., 6., 6.], dtype=float64)
    """
    check_arraylike("vecdot", x1, x2)
    x1, x2 = (_to_last(x, axis) for x in promote_args(x1, x2))
    x, y = typeof(x1), typeof(x2)
    if not x.ndim or not y.ndim or x.shape[-1] != y.shape[-1]:
        raise _mismatch("vecdot", f"axis {axis} must have one size in both.", x, y)
    x1 = conj(x1) if x.dtype.kind == "c" else x1
    return _batched_product("vecdot", x1, x2, x.ndim - 1, y.ndim - 1, (x.ndim - 1,), (y.ndim - 1,), precision, preferred_element_type)


def _to_last(x: Any, axis: int) -> Any:
    n = typeof(x).ndim
    return move_axis(x, canonicalize_axis(axis, n), n - 1)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices ``(..., m, n)`` times vectors ``(..., n)``: ``(..., m)``.

    >>> matvec(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    Array([[1., 2.],
           [3., 4.]], dtype=float64)
    """
    check_arraylike("matvec", x1, x2)
    x1, x2 = promote_args(x1, x2)
    x, y = typeof(x1), typeof(x2)
    if x.ndim < 2 or not y.ndim or x.shape[-1] != y.shape[-1]:
        raise _mismatch("matvec", "matrices (..., m, n) and vectors (..., n) are needed.", x, y)
    return _batched_product("matvec", x1, x2, x.ndim - 2, y.ndim - 1, (x.ndim - 1,), (y.ndim - 1,), None, None)


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Vectors ``(..., n)``, conjugated, times matrices ``(..., n, m)``: ``(..., m)``.

    >>> vecmat(np.array([1.0, 2.0]), np.ones((5, 2, 3))).shape
    (5, 3)
    """
    check_arraylike("vecmat", x1, x2)
    x1, x2 = promote_args(x1, x2)
    x, y = typeof(x1), typeof(x2)
    if y.ndim < 2 or not x.ndim or x.shape[-1] != y.shape[-2]:
        raise _mismatch("vecmat", "vectors (..., n) and matrices (..., n, m) are needed.", x, y)
    x1 = conj(x1) if x.dtype.kind == "c" else x1
    return _batched_product("vecmat", x1, x2, x.ndim - 1, y.ndim - 2, (x.ndim - 1,), (y.ndim - 2,), None, None)


def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products over the last axes: ``(..., k)`` and ``(___, k)`` give ``(..., ___)``; a scalar multiplies.

    >>> inner(np.ones((2, 3)), np.ones((4, 3))).shape
    (2, 4)
    """
    check_arraylike("inner", a, b)
    a, b = promote_args(a, b)
    x, y = typeof(a), typeof(b)
    if not x.ndim or not y.ndim:
        return _as_preferred(mul_p.bind(a, b), preferred_element_type)
    if x.shape[-1] != y.shape[-1]:
        raise _mismatch("inner", "the last axes must have one size.", x, y)
    return contract(a, b, (x.ndim - 1,), (y.ndim - 1,), (), (), precision, preferred_element_type)


def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of an element of `a` and one of `b`: shape ``(a.size, b.size)``.

    >>> outer(np.array([1, 2]), np.array([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    check_arraylike("outer", a, b)
    check_no_out("outer", out)
    return multiply(reshape(a, (typeof(a).size, 1)), reshape(b, (1, typeof(b).size)))


def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products over pairs of axes.

    Args:
        a, b: arrays.
        axes: an int n (the last n axes of `a` with the first n of `b`), or a pair of axes or of sequences of axes.

    Returns:
        An array with the other axes of `a`, then those of `b`.

    Raises:
        TypeError: if paired sizes differ.

    >>> tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5))).shape
    (2, 5)
    """
    check_arraylike("tensordot", a, b)
    a, b = promote_args(a, b)
    x, y = typeof(a), typeof(b)
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise TypeError(f"tensordot: axes must be an integer or a pair of axes; got {axes!r}, at {describe(user_source())}.")
        a_axes, b_axes = ([canonicalize_axis(d, n) for d in (side if isinstance(side, (tuple, list)) else (side,))]
                          for side, n in zip(axes, (x.ndim, y.ndim), strict=True))
    else:
        n = integer(axes, "axes")
        if not 0 <= n <= min(x.ndim, y.ndim):
            raise _mismatch("tensordot", f"axes={n} must lie between 0 and the smaller rank.", x, y)
        a_axes, b_axes = list(range(x.ndim - n, x.ndim)), list(range(n))
    if [x.shape[d] for d in a_axes] != [y.shape[d] for d in b_axes]:
        raise _mismatch("tensordot", f"the axes {a_axes} of a and {b_axes} of b must have equal sizes.", x, y)
    return contract(a, b, a_axes, b_axes, (), (), precision, preferred_element_type)


def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: each element of `a` times all of `b`.

    >>> kron(np.array([1, 10]), np.array([1, 2]))
    Array([ 1,  2, 10, 20], dtype=int64)
    """
    check_arraylike("kron", a, b)
    a, b = promote_args(a, b)
    x, y = typeof(a).shape, typeof(b).shape
    rank = max(len(x), len(y))
    x, y = (1,) * (rank - len(x)) + x, (1,) * (rank - len(y)) + y
    left = reshape(a, [n for d in x for n in (d, 1)])
    right = reshape(b, [n for d in y for n in (1, d)])
    return reshape(multiply(left, right), [m * n for m, n in zip(x, y, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors of 3 (or 2) elements along an axis; other axes broadcast.

    Two vectors of 2 elements give the third component alone, without the axis.

    Raises:
        ValueError: for vectors of another length.

    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    Array([0., 0., 1.], dtype=float64)
    """
    check_arraylike("cross", a, b)
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promote_args(a, b)
    a, b = _to_last(a, axisa), _to_last(b, axisb)
    m, n = typeof(a).shape[-1], typeof(b).shape[-1]
    if m not in (2, 3) or n not in (2, 3):
        raise ValueError(f"cross: vectors of 2 or 3 elements are needed; got lengths {m} and {n}, at {describe(user_source())}.")

    def part(x: Any, k: int) -> Any:
        return getitem(x, (..., k))

    def minor(i: int, j: int) -> Any:
        left, right = multiply(part(a, i), part(b, j)), multiply(part(a, j), part(b, i))
        return sub_p.bind(left, right)

    if m == n == 2:
        return minor(0, 1)
    a, b = (x if typeof(x).shape[-1] == 3 else _with_zero(x) for x in (a, b))
    parts = [minor(1, 2), minor(2, 0), minor(0, 1)]
    rank = typeof(parts[0]).ndim
    out = concatenate_p.bind(*(expand_dims(p, (rank,)) for p in parts), dimension=rank)
    return move_axis(out, rank, canonicalize_axis(axisc, rank + 1))


def _with_zero(x: Any) -> Any:
    aval = typeof(x)
    return lax_pad(x, aval.dtype.type(0), [(0, int(d == aval.ndim - 1), 0) for d in range(aval.ndim)])


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of matrices along `axis1` and `axis2`: the other axes, then the diagonal.

    Element k of the diagonal is ``a[k, k + offset]`` (``a[k - offset, k]`` for a negative offset).

    Raises:
        ValueError: if `a` has fewer than two axes, or the axes are equal.

    >>> diagonal(np.arange(9).reshape(3, 3), 1)
    Array([1, 5], dtype=int64)
    """
    check_arraylike("diagonal", a)
    a = asarray_internal(a)
    n = typeof(a).ndim
    if n < 2:
        raise ValueError(f"diagonal: an array of at least two axes is needed; got shape {typeof(a).shape}, at "
                         f"{describe(user_source())}.")
    axis1, axis2, offset = canonicalize_axis(axis1, n), canonicalize_axis(axis2, n), integer(offset, "offset")
    if axis1 == axis2:
        raise ValueError(f"diagonal: axis1 and axis2 must differ; both are {axis1}, at {describe(user_source())}.")
    others = [d for d in range(n) if d not in (axis1, axis2)]
    a = transpose(a, (*others, axis1, axis2))
    *lead, rows, columns = typeof(a).shape
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    # Row-major, the diagonal is every (columns + 1)-th element: a reshape and a strided slice, both of them views.
    start = max(offset, 0) + columns * max(-offset, 0)
    flat = reshape(a, (*lead, rows * columns))
    stop = start + (length - 1) * (columns + 1) + 1 if length else start
    if not length:
        start = stop = 0
    k = len(lead)
    return lax_slice(flat, (*(0,) * k, start), (*lead, stop), (*(1,) * k, columns + 1))


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum along a diagonal; see `diagonal`. Booleans and small integers are summed in 64 bits.

    >>> trace(np.arange(9).reshape(3, 3))
    Array(12, dtype=int64)
    """
    check_arraylike("trace", a)
    check_no_out("trace", out)
    d = diagonal(a, offset, axis1, axis2)
    aval = typeof(d)
    if dtype is None:
        wide = {"b": np.int64, "i": np.int64, "u": np.uint64}.get(kind_of(aval.dtype))
        target = aval.dtype if wide is None else np.dtype(wide)
    else:
        target = canonical(dtype)
    return reduce_sum(convert_element_type(d, target), (-1,))


