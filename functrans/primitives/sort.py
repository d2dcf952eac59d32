"""Sorting, of several operands together, and the greatest elements.

Elements are ordered as numbers, with all nan equal, after everything else, and -0.0 equal to 0.0; complex numbers by their real
parts, then by their imaginary ones; with several keys, by the first in which they differ. Every sort is stable, so that results
are the same everywhere.

A compiled sort is the permutation that sorts unsigned integers ordered as the keys are, followed by a gather of each operand. The
tangents of all operands are gathered by the permutation that sorts the primals; where keys are equal that is one of the possible
one-sided derivatives.

Compiled: the bits of a float, read as an integer, grow with it where it is positive and fall where it is negative; so negative
numbers have all bits flipped and others the sign bit (Herf, *Radix Tricks*, 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.arguments import integer
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_float, is_integer, is_unsigned, kind_of
from functrans.core.low_precision import iinfo, working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.indexing import take_along
from functrans.primitives.movement import broadcasted_iota, rev, slice_in_dim
from functrans.primitives.structural import moved_to_front
from functrans.util import canonicalize_axis

__all__ = ["sort", "sort_key_val", "sort_p", "top_k"]


def _sort_impl(*xs: np.ndarray, dimension: int, is_stable: bool, num_keys: int) -> list[np.ndarray]:
    _sort_abstract(*(ShapedArray(x.shape, x.dtype) for x in xs), dimension=dimension, is_stable=is_stable, num_keys=num_keys)
    keys = [x.astype(working_dtype(x.dtype), copy=False) for x in xs[:num_keys]]
    if len(xs) == 1 and keys[0].dtype == xs[0].dtype and xs[0].dtype.kind != "c":
        (x,) = xs
        # Without zeros of both signs, elements that compare equal are equal, and the fastest sort will do.
        stable = is_stable and is_float(x.dtype) and bool((np.signbit(x) & (x == 0)).any())
        return [np.sort(x, axis=dimension, kind="stable" if stable else None)]
    keys = [part for x in keys for part in ((x.real, x.imag) if x.dtype.kind == "c" else (x,))]
    order = np.argsort(keys[0], axis=dimension, kind="stable") if len(keys) == 1 else np.lexsort(keys[::-1], axis=dimension)
    return [np.take_along_axis(x, order, dimension) for x in xs]


def _sort_abstract(*avals: ShapedArray, dimension: int, is_stable: bool, num_keys: int) -> list[ShapedArray]:
    if any(a.shape != avals[0].shape for a in avals):
        raise operand_error("sort", "operands must have equal shapes.", *avals)
    if not 0 <= dimension < avals[0].ndim:
        raise operand_error("sort", f"dimension {dimension} is not an axis of the operands.", *avals)
    if not 1 <= num_keys <= len(avals):
        raise operand_error("sort", f"num_keys must be between 1 and the number of operands; got {num_keys}.", *avals)
    return [a.strong() if a.weak_type else a for a in avals]


def _sort_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dimension: int, **params: Any) -> tuple[list[Any], list[Any]]:
    if all(type(t) is Zero for t in tangents):
        ys = sort_p.bind(*primals, dimension=dimension, **params)
        return ys, [Zero(tangent_aval(typeof(y))) for y in ys]
    places = broadcasted_iota(np.int64, typeof(primals[0]).shape, dimension)
    *ys, order = sort_p.bind(*primals, places, dimension=dimension, **params)
    return ys, [Zero(tangent_aval(typeof(y))) if type(t) is Zero else take_along(t, order, dimension)
                for y, t in zip(ys, tangents, strict=True)]


def _sort_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, dimension: int,
                **params: Any) -> tuple[list[Any], list[int]]:
    moved = [moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True)]
    return sort_p.bind(*moved, dimension=dimension + 1, **params), [0] * len(moved)


def _ordered_bits(b: Any, x: Any) -> Any:
    """Unsigned integers in the order of real `x`."""
    if x.dtype.itemsize == 1:  # narrow formats, whose codes do not all lie in their numbers' order
        x = b.convert(x, working_dtype(x.dtype))
    bits = 8 * x.dtype.itemsize
    unsigned = np.dtype(f"uint{bits}")
    top = b.const(1 << (bits - 1), unsigned)
    if x.dtype.kind == "b":
        return b.convert(x, np.dtype("uint8"))
    if is_unsigned(x.dtype):
        return x
    if kind_of(x.dtype) == "i":
        return b.op("xor", b.bitcast(x, unsigned), top)
    zero = b.const(0.0, x.dtype)
    x = b.op("select", b.op("ne", x, x), b.const(np.nan, x.dtype), b.op("select", b.op("eq", x, zero), zero, x))
    pattern = b.bitcast(x, unsigned)
    return b.op("select", b.op("ge", pattern, top), b.op("not", pattern), b.op("or", pattern, top))


def _sort_lower(b: Any, *xs: Any, dimension: int, is_stable: bool, num_keys: int) -> list[Any]:
    shape = xs[0].shape
    if 0 in shape:
        return list(xs)
    rank = len(shape)
    last = [d for d in range(rank) if d != dimension] + [dimension]
    keys = [_ordered_bits(b, b.transpose(part, last)) for x in xs[:num_keys] for part in ((x.re, x.im) if x.is_complex else (x,))]
    order = b.transpose(b.sort_order(keys), [*range(dimension), rank - 1, *range(dimension, rank - 1)])
    index = [order if d == dimension else b.iota(np.dtype(np.int64), shape, d) for d in range(rank)]
    return [b.convert(order, x.dtype) if _counts_along(x, dimension) else b.take(x, index) for x in xs]


def _counts_along(x: Any, dimension: int) -> bool:
    """Whether `x` is the index along `dimension`, so that the order itself is its sorted form."""
    node = x.nodes[0]
    while node.op == "convert" and is_integer(x.dtype) and iinfo(node.dtype).max >= x.shape[dimension] - 1:
        node = node.args[0]
    return bool(node.op == "index" and node.attr == (0, tuple(int(d == dimension) for d in range(len(x.shape)))))


sort_p = primitive(
    "sort", impl=_sort_impl, abstract=_sort_abstract, jvp=_sort_jvp, batch=_sort_batch, lower=_sort_lower, multiple_results=True,
    reasons={"transpose": "it is not linear; its derivative gathers by the permutation that sorts"})


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """An array, or several together, sorted along an axis.

    Args:
        operand: an array, or a sequence of arrays of one shape.
        dimension: the axis.
        is_stable: accepted; every sort is stable.
        num_keys: how many of the arrays, from the first, determine the order; the others follow.

    Returns:
        The sorted array, or the tuple of them.

    Raises:
        TypeError: if shapes differ, or there are no operands.
        ValueError: if `num_keys` is not between 1 and the number of arrays.

    >>> sort((np.array([3, 1, 3]), np.array([5.0, 6.0, 4.0])), num_keys=2)
    (Array([1, 3, 3], dtype=int64), Array([6., 4., 5.], dtype=float64))
    """
    several = isinstance(operand, (tuple, list))
    xs = tuple(operand) if several else (operand,)
    if not xs:
        raise TypeError(f"sort: at least one operand is needed, at {describe(user_source())}.")
    num_keys = integer(num_keys, "num_keys")
    if not 1 <= num_keys <= len(xs):
        raise ValueError(f"sort: num_keys must be between 1 and the number of operands; got num_keys={num_keys} and {len(xs)} operands, "
                         f"at {describe(user_source())}.")
    axis = canonicalize_axis(dimension, typeof(xs[0]).ndim)
    out = sort_p.bind(*xs, dimension=axis, is_stable=bool(is_stable), num_keys=num_keys)
    return tuple(out) if several else out[0]


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> tuple[Any, Any]:
    """`keys` sorted along an axis, and `values` in the same order.

    >>> sort_key_val(np.array([3, 1, 2]), np.array([10.0, 20.0, 30.0]))
    (Array([1, 2, 3], dtype=int64), Array([20., 30., 10.], dtype=float64))
    """
    out: tuple[Any, Any] = sort((keys, values), dimension, is_stable)
    return out


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Any, Any]:
    """The `k` greatest elements along an axis, in falling order, and their int32 indices; of equal ones the first comes first.

    nan counts as greater than all else.

    Raises:
        ValueError: if `k` is negative or greater than the axis.

    >>> top_k(np.array([1.0, 5.0, 2.0, 5.0]), 3)
    (Array([5., 5., 2.], dtype=float64), Array([1, 3, 2], dtype=int32))
    """
    aval = typeof(operand)
    if aval.dtype.kind == "c":
        raise operand_error("top_k", "complex numbers are not accepted.", aval)
    axis, k = canonicalize_axis(axis, aval.ndim), integer(k, "k")
    n = aval.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"top_k: k must be between 0 and {n}, the size of axis {axis}; got {k}, at {describe(user_source())}.")
    # Sorted backwards, equal elements have their last first; read backwards again, their first.
    places = broadcasted_iota(np.int32, aval.shape, axis)
    values, order = sort_p.bind(rev(operand, (axis,)), rev(places, (axis,)), dimension=axis, is_stable=True, num_keys=1)
    best, where = (rev(slice_in_dim(x, n - k, n, axis=axis), (axis,)) for x in (values, order))
    return best, where
