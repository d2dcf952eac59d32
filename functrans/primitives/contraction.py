"""dot_general: sums of products over any pairs of axes, with any batch axes.

``dimension_numbers = ((lhs_contract, rhs_contract), (lhs_batch, rhs_batch))``. The result has the batch axes, then the other axes
of the left operand, then those of the right (https://openxla.org/xla/operation_semantics#dotgeneral). It is bilinear: its
tangent is the sum of two contractions, and each transpose is a contraction again, followed by a permutation of axes. A batched
operand adds a batch axis (both batched) or an axis of its own (one batched), never a loop.

Evaluation permutes and reshapes to one `numpy.matmul`, which is BLAS for floating and complex dtypes. float16 is accumulated
in float32 and rounded once; integers wrap around; the product of booleans is "and", their sum "or".

Known limits: `precision` is accepted and changes nothing, since sums are always carried in full precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import integers, sequence
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import canonical, is_inexact, promote
from functrans.core.low_precision import working_dtype
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import add_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.movement import as_dtype_of, checked
from functrans.primitives.structural import convert_element_type, inverse_permutation, real_part_of, transpose

__all__ = ["DotDimensionNumbers", "batch_matmul", "compute_dtype", "dot", "dot_general", "dot_general_p"]

DotDimensionNumbers = tuple[tuple[tuple[int, ...], tuple[int, ...]], tuple[tuple[int, ...], tuple[int, ...]]]


def _rest(ndim: int, *taken: Sequence[int]) -> tuple[int, ...]:
    used = {d for dims in taken for d in dims}
    return tuple(d for d in range(ndim) if d not in used)


@cache
def compute_dtype(dtype: np.dtype, out: np.dtype) -> np.dtype:
    """The dtype in which products are made and summed."""
    return promote(working_dtype(dtype), False, working_dtype(out), False)[0]


def _impl(x: np.ndarray, y: np.ndarray, *, dimension_numbers: DotDimensionNumbers, precision: Any,
          preferred_element_type: np.dtype | None) -> np.ndarray:
    out_dtype = preferred_element_type or x.dtype
    compute = compute_dtype(x.dtype, out_dtype)
    if compute != x.dtype:
        x, y = x.astype(compute), y.astype(compute)
    out = np.asarray(_contract(x, y, *dimension_numbers))
    return out if out.dtype == out_dtype else out.astype(out_dtype)


def _contract(x: np.ndarray, y: np.ndarray, contract: Any, batch: Any) -> np.ndarray:
    (x_contract, y_contract), (x_batch, y_batch) = contract, batch
    if not x_batch and len(x_contract) == 1 and x.ndim <= 2 and y.ndim <= 2:
        left = x.T if x.ndim == 2 and x_contract[0] == 0 else x
        right = y.T if y.ndim == 2 and y_contract[0] == 1 else y
        return np.dot(left, right)
    x_free, y_free = _rest(x.ndim, x_contract, x_batch), _rest(y.ndim, y_contract, y_batch)
    shape = tuple(x.shape[d] for d in x_batch)
    rows, columns = tuple(x.shape[d] for d in x_free), tuple(y.shape[d] for d in y_free)
    b, m, n, k = prod(shape), prod(rows), prod(columns), prod(x.shape[d] for d in x_contract)
    left = x.transpose((*x_batch, *x_free, *x_contract)).reshape(b, m, k)
    right = y.transpose((*y_batch, *y_contract, *y_free)).reshape(b, k, n)
    if k == 1:  # nothing to sum: -0.0 stays what it is
        return (left * right).reshape(shape + rows + columns)
    out = np.matmul(left[0], right[0]) if b == 1 else np.matmul(left, right)
    return out.reshape(shape + rows + columns)


def _abstract(x: ShapedArray, y: ShapedArray, *, dimension_numbers: DotDimensionNumbers, precision: Any,
              preferred_element_type: np.dtype | None) -> ShapedArray:
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    if x.dtype != y.dtype:
        raise operand_error("dot_general", "operands must have equal dtypes; convert them first.", x, y)
    for which, aval, contract, batch in (("left", x, x_contract, x_batch), ("right", y, y_contract, y_batch)):
        used = (*contract, *batch)
        if len(set(used)) != len(used) or any(not 0 <= d < aval.ndim for d in used):
            raise operand_error("dot_general", f"the contracting axes {contract} and batch axes {batch} of the {which} operand "
                                "must be distinct axes of it.", x, y)
    for kind, x_dims, y_dims in (("contracting", x_contract, y_contract), ("batch", x_batch, y_batch)):
        sizes = [tuple(a.shape[d] for d in dims) for a, dims in ((x, x_dims), (y, y_dims))]
        if sizes[0] != sizes[1]:
            raise operand_error("dot_general", f"the {kind} axes {x_dims} and {y_dims} must have equal sizes, and have {sizes[0]} "
                                f"and {sizes[1]}.", x, y)
    dtype = preferred_element_type or x.dtype
    if x.dtype.kind == "c" and dtype.kind != "c":
        raise operand_error("dot_general", f"preferred_element_type {dtype} cannot hold complex products.", x, y)
    shape = (*(x.shape[d] for d in (*x_batch, *_rest(x.ndim, x_contract, x_batch))),
             *(y.shape[d] for d in _rest(y.ndim, y_contract, y_batch)))
    return ShapedArray(shape, dtype, x.weak_type and y.weak_type and dtype == x.dtype)


def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    (x, y), (x_dot, y_dot) = primals, tangents
    z = dot_general_p.bind(x, y, **params)
    z_aval = tangent_aval(typeof(z))
    terms = [] if not is_inexact(z_aval.dtype) else [
        dot_general_p.bind(*pair, **params) for t, pair in ((x_dot, (x_dot, y)), (y_dot, (x, y_dot))) if type(t) is not Zero]
    if not terms:
        return z, Zero(z_aval)
    return z, terms[0] if len(terms) == 1 else add_p.bind(*terms)


def _left_transpose(ct: Any, x: Linear, y: Any, dims: DotDimensionNumbers, precision: Any, swapped: bool) -> Any:
    """The cotangent of the left operand; `swapped` when the axes of `y` come before its own in the result."""
    (x_contract, y_contract), (x_batch, y_batch) = dims
    y_aval = typeof(y)
    x_free, y_free = _rest(x.aval.ndim, x_contract, x_batch), _rest(y_aval.ndim, y_contract, y_batch)
    first = len(x_batch) + (0 if swapped else len(x_free))
    ct_dims = ((tuple(range(first, first + len(y_free))), y_free), (tuple(range(len(x_batch))), y_batch))
    ct_dtype = typeof(ct).dtype
    dtype = ct_dtype if ct_dtype == y_aval.dtype else compute_dtype(ct_dtype, y_aval.dtype)
    x_bar = dot_general_p.bind(
        convert_element_type(ct, dtype), convert_element_type(y, dtype), dimension_numbers=ct_dims, precision=precision,
        preferred_element_type=None)
    # The product has the axes (batch, own free axes, y's contracted axes in their order in y).
    contracted = [x_contract[i] for i in sorted(range(len(y_contract)), key=y_contract.__getitem__)]
    x_bar = transpose(x_bar, inverse_permutation((*x_batch, *x_free, *contracted)))
    return convert_element_type(real_part_of(x_bar, x), x.aval.dtype)


def _transpose(ct: Any, x: Any, y: Any, *, dimension_numbers: DotDimensionNumbers, precision: Any,
               preferred_element_type: np.dtype | None) -> list[Any]:
    if isinstance(x, Linear):
        return [_left_transpose(ct, x, y, dimension_numbers, precision, False), None]
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers
    return [None, _left_transpose(ct, y, x, ((y_contract, x_contract), (y_batch, x_batch)), precision, True)]


def _batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, dimension_numbers: DotDimensionNumbers,
           **params: Any) -> tuple[Any, int]:
    (x, y), (x_dim, y_dim) = args, dims
    (x_contract, y_contract), (x_batch, y_batch) = dimension_numbers

    def shifted(axes: tuple[int, ...], dim: int | None) -> tuple[int, ...]:
        return axes if dim is None else tuple(d + (d >= dim) for d in axes)

    xc, xb, yc, yb = shifted(x_contract, x_dim), shifted(x_batch, x_dim), shifted(y_contract, y_dim), shifted(y_batch, y_dim)
    if x_dim is not None and y_dim is not None:
        xb, yb, out_dim = (x_dim, *xb), (y_dim, *yb), 0
    elif x_dim is not None:
        out_dim = len(xb) + sum(d < x_dim for d in _rest(typeof(x).ndim, xc, xb))
    else:
        assert y_dim is not None
        before = len(_rest(typeof(x).ndim, xc, xb))
        out_dim = len(xb) + before + sum(d < y_dim for d in _rest(typeof(y).ndim, yc, yb))
    return dot_general_p.bind(x, y, dimension_numbers=((xc, yc), (xb, yb)), **params), out_dim


def _lower(b: Any, x: Any, y: Any, *, dimension_numbers: DotDimensionNumbers, precision: Any,
           preferred_element_type: np.dtype | None) -> Any:
    contract, batch = dimension_numbers
    out_dtype = preferred_element_type or x.dtype
    compute = compute_dtype(x.dtype, out_dtype)
    out = b.contract(b.convert(x, compute), b.convert(y, compute), contract, batch, compute)
    return b.convert(out, out_dtype)


dot_general_p = primitive(
    "dot_general", impl=checked(_abstract, _impl), abstract=_abstract, jvp=_jvp, transpose=_transpose, batch=_batch, lower=_lower)


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None, preferred_element_type: Any = None,
) -> Any:
    """Sums of products over the contracting axes, for each index of the batch axes.

    Args:
        lhs, rhs: arrays of one dtype.
        dimension_numbers: ``((lhs_contract, rhs_contract), (lhs_batch, rhs_batch))``, sequences of axes (negative ones count
            from the end); paired axes have equal sizes.
        precision: accepted and ignored; sums are always carried in full precision.
        preferred_element_type: the dtype of the result and of the sums.

    Returns:
        An array with the axes (batch, rest of lhs, rest of rhs).

    Raises:
        TypeError: if dtypes, axes or sizes do not fit.

    >>> x, y = np.arange(6.0).reshape(1, 2, 3), np.ones((1, 3))
    >>> dot_general(x, y, (((2,), (1,)), ((0,), (0,))))
    Array([[ 3., 12.]], dtype=float64)
    """
    (x_contract, y_contract), (x_batch, y_batch) = (
        sequence(pair, "every part of dimension_numbers", 2) for pair in sequence(dimension_numbers, "dimension_numbers", 2))
    m, n = typeof(lhs).ndim, typeof(rhs).ndim

    def axes(dims: Any, ndim: int) -> tuple[int, ...]:
        return tuple(d + ndim if d < 0 else d for d in integers(dims, "dimension_numbers"))

    dims = ((axes(x_contract, m), axes(y_contract, n)), (axes(x_batch, m), axes(y_batch, n)))
    preferred = None if preferred_element_type is None else canonical(preferred_element_type)
    if isinstance(precision, list):
        precision = tuple(precision)
    return dot_general_p.bind(as_dtype_of(rhs, lhs), as_dtype_of(lhs, rhs), dimension_numbers=dims, precision=precision,
                              preferred_element_type=preferred)


def dot(lhs: Any, rhs: Any, *, dimension_numbers: Any = None, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Vector-vector, vector-matrix, matrix-vector or matrix-matrix products (`dot_general` where `dimension_numbers` is given).

    Raises:
        TypeError: for other ranks, or sizes that do not fit.

    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    Array(11., dtype=float64)
    """
    if dimension_numbers is None:
        x, y = typeof(lhs), typeof(rhs)
        if not (1 <= x.ndim <= 2 and 1 <= y.ndim <= 2) or x.shape[-1] != y.shape[0]:
            raise operand_error("dot", "vectors or matrices are needed, the last axis of the left as long as the first of the right.",
                                x, y)
        dimension_numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return dot_general(lhs, rhs, dimension_numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Products of the matrices in the last two axes, for equal leading axes.

    >>> batch_matmul(np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape
    (2, 3, 5)
    """
    x, y = typeof(lhs), typeof(rhs)
    if x.ndim < 2 or x.ndim != y.ndim:
        raise operand_error("batch_matmul", "operands must have equal rank, at least 2.", x, y)
    leading = tuple(range(x.ndim - 2))
    return dot_general(lhs, rhs, (((x.ndim - 1,), (x.ndim - 2,)), (leading, leading)), precision)
