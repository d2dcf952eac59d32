"""qr, and the Householder reflections it is made of (LAPACK's geqrf, geqp3, orgqr).

Derivative (thin, or square, or wide). For ``x = q r`` and ``c = q^H x_dot r1^-1``, r1 the leading square of r, the skew-Hermitian
``w = q^H q_dot`` takes the strictly lower part of c, and on the diagonal its imaginary part, which keeps the diagonal of r real:
``r_dot = q^H x_dot - w r`` and ``q_dot = (x1_dot - q r1_dot) r1^-1`` (Walter & Lehmann, "Algorithmic differentiation of linear algebra
functions", 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import lapack
from functrans.core.aval import ShapedArray, Zero
from functrans.core.dtypes import real_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.lapack import LWORK, WORK, Scratch, Slot
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.linalg_base import (
    add,
    adjoint,
    batched_over_leading,
    check_matrices,
    matmul,
    minus,
    no_transpose,
    real_of,
    tril,
    triu,
    zero_tangents,
)
from functrans.primitives.linalg_lu import permuted_rows
from functrans.primitives.linalg_solve import triangular_solve
from functrans.primitives.matrix_program import (
    batch_of,
    choose,
    eye_mask,
    filled,
    matrix_rules,
    triangle,
    turned,
)
from functrans.primitives.movement import slice
from functrans.primitives.structural import convert_element_type, transpose

__all__ = ["geqrf", "geqrf_p", "householder_product", "householder_product_p", "qr", "qr_p"]

_INT = np.dtype(np.int32)


# -- programs ---------------------------------------------------------------------------------------------------------

def _factored(b: Any, x: Any, pivoting: bool) -> tuple[Any, Any, Any]:
    """(reflections and r, column-major; tau; LAPACK's column pivots or None) of matrices that are not empty."""
    *leading, m, n = x.shape
    k, batch, integer = min(m, n), tuple(leading), lapack.integer()
    taus, info = (x.dtype, (*batch, k)), (integer, batch)
    if not pivoting:
        call = lapack.call("geqrf", x.dtype, m, n, Slot(0, m * n), m, Slot(1, k), WORK, LWORK, Slot(2, 1))
        factors, tau, _ = b.library(call, batch_of(x), (), [turned(b, x)], [taus, info])
        return factors, tau, None
    real = (Scratch(real_dtype(x.dtype).name, 2 * n),) if x.is_complex else ()
    call = lapack.call("geqp3", x.dtype, m, n, Slot(0, m * n), m, Slot(1, n), Slot(2, k), WORK, LWORK, *real, Slot(3, 1))
    free = filled(b, (*batch, n), 0, integer)
    factors, pivots, tau, _ = b.library(call, batch_of(x), (), [turned(b, x), free], [taus, info])
    return factors, tau, b.convert(b.op("sub", pivots, b.const(1, integer)), _INT)


def _reflections(b: Any, factors: Any, tau: Any, columns: int) -> Any:
    """The first `columns` columns, column-major, of the product of the reflections that `factors` (column-major) holds."""
    *leading, n, m = factors.shape
    k, batch = tau.shape[-1], tuple(leading)
    zeros = [0] * len(batch)
    ones = [1] * (len(batch) + 2)
    kept = b.slice(factors, [*zeros, 0, 0], [*batch, min(n, columns), m], ones)
    if columns > n:
        kept = b.concatenate([kept, filled(b, (*batch, columns - n, m), 0, factors.dtype)], len(batch))
    name = "ungqr" if factors.is_complex else "orgqr"
    call = lapack.call(name, factors.dtype, m, columns, k, Slot(1, m * columns), m, Slot(0, k), WORK, LWORK, Slot(2, 1))
    return b.library(call, batch_of(factors), [tau], [kept], [(lapack.integer(), batch)])[0]


def _identity(b: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    return choose(b, eye_mask(b, shape), b.const(1, dtype), b.const(0, dtype))


# -- qr ---------------------------------------------------------------------------------------------------------------

def _qr_abstract(x: ShapedArray, *, pivoting: bool, full_matrices: bool) -> list[ShapedArray]:
    check_matrices("qr", x)
    *batch, m, n = x.shape
    k = m if full_matrices else min(m, n)
    outs = [ShapedArray((*batch, m, k), x.dtype), ShapedArray((*batch, k, n), x.dtype)]
    return [*outs, ShapedArray((*batch, n), _INT)] if pivoting else outs


def _qr_program(b: Any, x: Any, *, pivoting: bool, full_matrices: bool) -> list[Any]:
    *leading, m, n = x.shape
    batch, k = tuple(leading), m if full_matrices else min(m, n)
    if 0 in x.shape:
        order = b.broadcast(b.iota(_INT, (n,), 0), (*batch, n), (len(batch),))
        return [_identity(b, (*batch, m, k), x.dtype), filled(b, (*batch, k, n), 0, x.dtype), *([order] if pivoting else ())]
    factors, tau, order = _factored(b, x, pivoting)
    upper = triangle(b, turned(b, factors), False)
    r = b.slice(upper, [0] * len(x.shape), (*batch, k, n), [1] * len(x.shape)) if k < m else upper
    q = turned(b, _reflections(b, factors, tau, k))
    return [q, r, *([order] if pivoting else ())]


def _qr_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, pivoting: bool, full_matrices: bool) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    outs = qr_p.bind(x, pivoting=pivoting, full_matrices=full_matrices)
    dots = zero_tangents(outs)
    *_, m, n = typeof(x).shape
    if type(x_dot) is Zero or 0 in typeof(x).shape:
        return outs, dots
    if full_matrices and m > n:
        raise NotImplementedError(f"qr: the derivative of the full decomposition of {m} x {n} matrices is not unique, at "
                                  f"{describe(user_source())}. Use full_matrices=False (mode='reduced').")
    q, r = outs[:2]
    if pivoting:
        x_dot = matrix_columns(x_dot, outs[2])
    k = min(m, n)
    first, square = _columns(x_dot, k), _columns(r, k)
    scaled = triangular_solve(square, first, left_side=False, lower=False)
    inner = matmul(adjoint(q), scaled)
    below = tril(inner, -1)
    skew = minus(below, adjoint(below))
    if typeof(x).dtype.kind == "c":
        diagonal = tril(triu(inner))
        skew = add(skew, minus(diagonal, convert_element_type(real_of(diagonal), typeof(x).dtype)))
    dots[0] = add(matmul(q, minus(skew, inner)), scaled)
    dots[1] = triu(minus(matmul(adjoint(q), x_dot), matmul(skew, r)))
    return outs, dots


def _columns(x: Any, count: int) -> Any:
    """The first columns."""
    shape = typeof(x).shape
    return slice(x, [0] * len(shape), (*shape[:-1], count))


def matrix_columns(x: Any, order: Any) -> Any:
    """``x[..., :, order]``, for each matrix its own order."""
    n = typeof(x).ndim
    turn = (*range(n - 2), n - 1, n - 2)
    return transpose(permuted_rows(transpose(x, turn), order), turn)


qr_p: Primitive = primitive("qr", **matrix_rules(_qr_program, _qr_abstract), abstract=_qr_abstract, jvp=_qr_jvp,
                 batch=batched_over_leading(lambda: qr_p), multiple_results=True, reasons=dict(no_transpose))


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None) -> Any:
    """The QR decomposition ``x = q @ r``: orthonormal columns, times an upper triangle.

    Args:
        x: floating or complex matrices ``[..., m, n]``.
        pivoting: whether columns are exchanged, greatest remainder first: ``x[:, p] = q @ r``.
        full_matrices: whether q is m x m; otherwise it has ``min(m, n)`` columns.
        use_magma: accepted and ignored.

    Returns:
        (q, r), or (q, r, p) with int32 p of shape ``[..., n]``.

    Raises:
        TypeError: unless `x` holds floating matrices.
        NotImplementedError: on differentiation of a full decomposition of more rows than columns.

    >>> q, r = qr(np.array([[3.0], [4.0]]), full_matrices=False)
    >>> r
    Array([[-5.]], dtype=float64)
    """
    return tuple(qr_p.bind(x, pivoting=pivoting, full_matrices=full_matrices))


# -- Householder reflections --------------------------------------------------------------------------------------------

_REASON = "the reflections have no derivative of their own here; differentiate qr, which they make"


def _geqrf_abstract(x: ShapedArray) -> list[ShapedArray]:
    check_matrices("geqrf", x)
    return [x.strong(), ShapedArray((*x.shape[:-2], min(x.shape[-2:])), x.dtype)]


def _geqrf_program(b: Any, x: Any) -> list[Any]:
    if 0 in x.shape:
        return [x, filled(b, (*x.shape[:-2], min(x.shape[-2:])), 0, x.dtype)]
    factors, tau, _ = _factored(b, x, False)
    return [turned(b, factors), tau]


geqrf_p: Primitive = primitive("geqrf", **matrix_rules(_geqrf_program, _geqrf_abstract), abstract=_geqrf_abstract,
                    batch=batched_over_leading(lambda: geqrf_p), multiple_results=True,
                    reasons={"jvp": _REASON, "transpose": "it is not linear"})


def geqrf(x: Any) -> tuple[Any, Any]:
    """The QR decomposition as LAPACK leaves it: r in the upper triangle, Householder vectors below, and their factors.

    >>> factors, taus = geqrf(np.array([[3.0], [4.0]]))
    >>> taus
    Array([1.6], dtype=float64)
    """
    factors, taus = geqrf_p.bind(x)
    return factors, taus


def _product_abstract(a: ShapedArray, taus: ShapedArray) -> ShapedArray:
    check_matrices("householder_product", a)
    *batch, m, n = a.shape
    if a.dtype != taus.dtype or m < n or taus.ndim != a.ndim - 1 or list(taus.shape[:-1]) != batch or taus.shape[-1] > n:
        raise operand_error("householder_product", "matrices with at least as many rows as columns, and vectors of the same dtype with at "
                            "most as many factors as columns, are needed.", a, taus)
    return a.strong()


def _product_program(b: Any, a: Any, taus: Any) -> Any:
    if 0 in a.shape or not taus.shape[-1]:
        return _identity(b, a.shape, a.dtype)
    return turned(b, _reflections(b, turned(b, a), taus, a.shape[-1]))


householder_product_p: Primitive = primitive(
    "householder_product", **matrix_rules(_product_program, _product_abstract), abstract=_product_abstract,
    batch=batched_over_leading(lambda: householder_product_p), reasons={"jvp": _REASON, "transpose": "it is not linear"})


def householder_product(a: Any, taus: Any) -> Any:
    """The first columns of the product of Householder reflections ``1 - tau v v^H``, as `geqrf` gives them.

    Args:
        a: ``[..., m, n]``, the vectors v below the diagonal of each column (their first element, 1, is not stored).
        taus: ``[..., k]`` with k at most n.

    Returns:
        ``[..., m, n]``, orthonormal columns.

    >>> householder_product(*geqrf(np.array([[3.0], [4.0]])))
    Array([[-0.6],
           [-0.8]], dtype=float64)
    """
    return householder_product_p.bind(a, taus)

