"""lu: LU decompositions with partial pivoting (LAPACK's getrf), and pivots as permutations.

Rows are exchanged step by step (``pivots``: row i with row pivots[i]); what becomes of ``arange(m)`` is ``permutation``, so that
``l @ u == x[permutation]``. A singular matrix has a decomposition like any other, with a zero on the diagonal of u.

Derivative. With p x = l u and ``d = l^-1 (p x_dot) u^-1``: ``l_dot = l strictly_lower(d)``, ``u_dot = upper(d) u``. A factor that is not
square is extended by an identity (after de Hoog, Anderssen & Lukas, "Differentiation of matrix functionals using triangular
factorization", 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from functrans import lapack
from functrans.arguments import integer
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_integer
from functrans.core.trace import Primitive, typeof
from functrans.lapack import Slot
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.builders import add_p
from functrans.primitives.indexing import gather
from functrans.primitives.linalg_base import (
    add,
    batched_over_leading,
    check_matrices,
    eye,
    matmul,
    no_transpose,
    tril,
    triu,
    zero_tangents,
)
from functrans.primitives.linalg_solve import triangular_solve
from functrans.primitives.matrix_program import batch_of, filled, matrix_rules, turned
from functrans.primitives.movement import pad, slice
from functrans.primitives.structural import broadcast_in_dim, reshape
from functrans.primitives.windows import GatherDimensionNumbers

__all__ = ["lu", "lu_p", "lu_pivots_to_permutation", "lu_pivots_to_permutation_p", "permuted_rows"]

_INT = np.dtype(np.int32)


# -- lu ---------------------------------------------------------------------------------------------------------------

def _lu_abstract(x: ShapedArray) -> list[ShapedArray]:
    check_matrices("lu", x)
    *batch, m, n = x.shape
    return [x.strong(), ShapedArray((*batch, min(m, n)), _INT), ShapedArray((*batch, m), _INT)]


def _lu_program(b: Any, x: Any) -> list[Any]:
    *leading, m, n = x.shape
    k, batch, integer = min(m, n), tuple(leading), lapack.integer()
    if 0 in x.shape:
        rows = b.broadcast(b.iota(_INT, (m,), 0), (*batch, m), (len(batch),))
        return [x, filled(b, (*batch, k), 0, _INT), rows]
    call = lapack.call("getrf", x.dtype, m, n, Slot(0, m * n), m, Slot(1, k), Slot(2, 1))
    factors, pivots, _ = b.library(call, batch_of(x), (), [turned(b, x)], [(integer, (*batch, k)), (integer, batch)])
    permutation = _permutation_program(b, pivots, m, 1)
    return [turned(b, factors), b.convert(b.op("sub", pivots, b.const(1, integer)), _INT), permutation]


def _lu_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    outs = lu_p.bind(x)
    dots = zero_tangents(outs)
    if type(x_dot) is Zero or 0 in typeof(x).shape:
        return outs, dots
    factors, _, permutation = outs
    *batch, m, n = typeof(x).shape
    k, dtype = min(m, n), typeof(x).dtype
    none = [(0, 0, 0)] * len(batch)
    lower, upper = tril(factors, -1), triu(factors)
    left = _top_left(lower, k, k) if m == n else pad(_top_left(lower, m, k), dtype.type(0), [*none, (0, 0, 0), (0, m - k, 0)])
    left = add(left, eye((*batch, m, m), dtype))
    right = _top_left(upper, k, n)
    if n > k:
        corner = pad(eye((*batch, n - k, n - k), dtype), dtype.type(0), [*none, (k, 0, 0), (k, 0, 0)])
        right = add(pad(right, dtype.type(0), [*none, (0, n - k, 0), (0, 0, 0)]), corner)
    moved = permuted_rows(x_dot, permutation)
    inner = triangular_solve(left, moved, left_side=True, lower=True, unit_diagonal=True)
    inner = triangular_solve(right, inner, left_side=False, lower=False)
    dots[0] = add(matmul(left, tril(inner, -1)), matmul(triu(inner), right))
    return outs, dots


def _top_left(x: Any, rows: int, columns: int) -> Any:
    shape = typeof(x).shape
    return slice(x, [0] * len(shape), (*shape[:-2], rows, columns))


def permuted_rows(x: Any, permutation: Any) -> Any:
    """``x[..., permutation, :]`` for each matrix its own permutation."""
    *batch, m, n = typeof(x).shape
    if 0 in typeof(x).shape:
        return x
    count = prod(batch)
    places = reshape(permutation, (count, m))
    if count > 1:
        places = add_p.bind(places, _starts(count, m))
    numbers = GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
    rows = gather(reshape(x, (count * m, n)), reshape(places, (count * m, 1)), numbers, (1, n), mode="promise_in_bounds")
    return reshape(rows, (*batch, m, n))


def _starts(count: int, m: int) -> Any:
    """The number of the first row of each of `count` matrices, for each of its rows."""
    return broadcast_in_dim(np.arange(0, count * m, m, dtype=_INT), (count, m), (0,))


lu_p: Primitive = primitive("lu", **matrix_rules(_lu_program, _lu_abstract), abstract=_lu_abstract, jvp=_lu_jvp,
                 batch=batched_over_leading(lambda: lu_p), multiple_results=True, reasons=dict(no_transpose))


def lu(x: Any) -> tuple[Any, Any, Any]:
    """The LU decomposition with partial pivoting, ``l @ u == x[permutation]``.

    Args:
        x: floating or complex matrices, of shape ``[..., m, n]``.

    Returns:
        (lu, pivots, permutation): l (without its unit diagonal) and u in one array of the shape of `x`; int32 ``[..., min(m, n)]``, the
        row each row was exchanged with in turn; and int32 ``[..., m]``, where the rows come from.

    Raises:
        TypeError: unless `x` holds floating matrices.

    >>> lu(np.array([[0.0, 2.0], [4.0, 8.0]]))
    (Array([[4., 8.],
            [0., 2.]], dtype=float64), Array([1, 1], dtype=int32), Array([1, 0], dtype=int32))
    """
    factors, pivots, permutation = lu_p.bind(x)
    return factors, pivots, permutation


# -- pivots -----------------------------------------------------------------------------------------------------------

def _permutation_program(b: Any, pivots: Any, size: int, first: int) -> Any:
    """Rows 0, 1, ... exchanged as `pivots` (LAPACK's integers, counted from `first`) say: laswp on a vector of row numbers."""
    batch, k = pivots.shape[:-1], pivots.shape[-1]
    rows = b.broadcast(b.iota(np.dtype(np.float64), (size,), 0), (*batch, size), (len(batch),))
    if first == 0:
        pivots = b.op("add", pivots, b.const(1, pivots.dtype))
    call = lapack.call("laswp", np.dtype(np.float64), 1, Slot(1, size), size, 1, k, Slot(0, k), 1)
    (moved,) = b.library(call, prod(batch), [pivots], [rows], [])
    return b.convert(moved, _INT)


def _pivots_abstract(pivots: ShapedArray, *, permutation_size: int) -> ShapedArray:
    if not is_integer(pivots.dtype) or pivots.ndim < 1 or pivots.shape[-1] > permutation_size:
        raise operand_error("lu_pivots_to_permutation", f"integers with at most permutation_size={permutation_size} along the last axis "
                            "are needed.", pivots)
    return ShapedArray((*pivots.shape[:-1], permutation_size), _INT)


def _pivots_program(b: Any, pivots: Any, *, permutation_size: int) -> Any:
    if 0 in pivots.shape:
        shape = (*pivots.shape[:-1], permutation_size)
        return b.broadcast(b.iota(_INT, (permutation_size,), 0), shape, (len(shape) - 1,))
    integer = lapack.integer()
    wide = b.convert(pivots, integer)
    last = b.const(permutation_size - 1, integer)
    inside = b.op("min", b.op("max", wide, b.const(0, integer)), last)
    return _permutation_program(b, inside, permutation_size, 0)


def _pivots_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
    out = lu_pivots_to_permutation_p.bind(*primals, **params)
    return out, Zero(tangent_aval(typeof(out)))


lu_pivots_to_permutation_p: Primitive = primitive(
    "lu_pivots_to_permutation", **matrix_rules(_pivots_program, _pivots_abstract), abstract=_pivots_abstract, jvp=_pivots_jvp,
    batch=batched_over_leading(lambda: lu_pivots_to_permutation_p), reasons={"transpose": "integers have no derivative"})


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Any:
    """What becomes of ``arange(permutation_size)`` when row i is exchanged with row pivots[i], for i = 0, 1, ...

    Args:
        pivots: integers of shape ``[..., k]``; those that name no row are clipped.
        permutation_size: the number of rows, at least k.

    Returns:
        int32 of shape ``[..., permutation_size]``.

    >>> lu_pivots_to_permutation(np.array([2, 2, 2]), 3)
    Array([2, 0, 1], dtype=int32)
    """
    return lu_pivots_to_permutation_p.bind(pivots, permutation_size=integer(permutation_size, "permutation_size"))
