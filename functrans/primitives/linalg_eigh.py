"""eigh and svd: eigenvalues of Hermitian matrices and singular values (LAPACK's syevd and heevd, gesdd).

Derivatives. For ``a = v diag(w) v^H`` and ``c = v^H a_dot v``: ``w_dot = diag(c)`` and ``v_dot = v (f * c)`` with
``f[i, j] = 1 / (w[j] - w[i])``; for ``a = u diag(s) vt`` likewise with ``f[i, j] = 1 / (s[j]^2 - s[i]^2)`` (Giles, "Collected matrix
derivative results", 2008; Townsend, "Differentiating the singular value decomposition", 2016). Where two values are equal f is 0:
the vectors have no derivative there, and functions that do not depend on the choice of vectors stay finite. Eigenvectors of
complex matrices are free up to a phase; their tangents are those of vectors whose phase does not turn (``v^H v_dot`` has a zero
diagonal).
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
from functrans.lapack import IWORK, LIWORK, LRWORK, LWORK, RWORK, WORK, Scratch, Slot
from functrans.primitives.base import primitive
from functrans.primitives.linalg_base import (
    add,
    adjoint,
    batched_over_leading,
    check_matrices,
    check_square,
    diagonal_of,
    hermitian_of_lower,
    matmul,
    minus,
    no_transpose,
    real_of,
    real_scaled,
    safe_reciprocal,
    times,
    zero_tangents,
)
from functrans.primitives.matrix_program import (
    batch_of,
    choose,
    eye_mask,
    filled,
    finite,
    matrix_rules,
    nan_unless,
    spread,
    succeeded,
    triangle,
    turned,
)
from functrans.primitives.movement import slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type

__all__ = ["eigh", "eigh_p", "svd", "svd_p"]


# -- shared -----------------------------------------------------------------------------------------------------------

def guarded(b: Any, x: Any) -> tuple[Any, Any]:
    """(which matrices are finite, `x` with zeros for those that are not): some routines do not return from infinities."""
    ok = finite(b, x)
    return ok, choose(b, spread(b, ok, x.shape), x, b.const(0, x.dtype))


def identity_program(b: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    return choose(b, eye_mask(b, shape), b.const(1, dtype), b.const(0, dtype))


def across(w: Any, shape: tuple[int, ...], columns: bool) -> Any:
    """The vectors `w` as rows (varying over `columns`) or as columns of matrices of `shape`, complex where these should be."""
    n = len(shape)
    return broadcast_in_dim(w, shape, (*range(n - 2), n - 1 if columns else n - 2))


def like(x: Any, other: Any) -> Any:
    """`x`, real, in the dtype of `other`."""
    return convert_element_type(x, typeof(other).dtype)


# -- eigh -------------------------------------------------------------------------------------------------------------

def _eigh_abstract(x: ShapedArray, *, lower: bool, vectors: bool) -> list[ShapedArray]:
    check_square("eigh", x)
    values = ShapedArray(x.shape[:-1], real_dtype(x.dtype))
    return [x.strong(), values] if vectors else [values]


def _eigh_program(b: Any, x: Any, *, lower: bool, vectors: bool) -> list[Any]:
    batch, n, real = x.shape[:-2], x.shape[-1], real_dtype(x.dtype)
    if 0 in x.shape:
        values = filled(b, (*batch, n), 0, real)
        return [x, values] if vectors else [values]
    ok, safe = guarded(b, triangle(b, x, lower))
    name, more = ("heevd", (RWORK, LRWORK)) if x.is_complex else ("syevd", ())
    call = lapack.call(name, x.dtype, "V" if vectors else "N", "L" if lower else "U", n, Slot(0, n * n), n, Slot(1, n), WORK, LWORK, *more,
                       IWORK, LIWORK, Slot(2, 1))
    v, w, info = b.library(call, batch_of(x), (), [turned(b, safe)], [(real, (*batch, n)), (lapack.integer(), batch)])
    ok = b.op("and", ok, succeeded(b, info))
    w = nan_unless(b, ok, w)
    return [nan_unless(b, ok, turned(b, v)), w] if vectors else [w]


def _eigh_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, lower: bool, vectors: bool) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    if type(x_dot) is Zero:
        outs = eigh_p.bind(x, lower=lower, vectors=vectors)
        return outs, zero_tangents(outs)
    v, w = eigh_p.bind(x, lower=lower, vectors=True)
    inner = matmul(adjoint(v), hermitian_of_lower(x_dot if lower else adjoint(x_dot)), v)
    w_dot = real_of(diagonal_of(inner))
    if not vectors:
        return [w], [w_dot]
    shape = typeof(v).shape
    factors = safe_reciprocal(minus(across(w, shape, True), across(w, shape, False)))
    return [v, w], [matmul(v, times(like(factors, inner), inner)), w_dot]


eigh_p: Primitive = primitive("eigh", **matrix_rules(_eigh_program, _eigh_abstract), abstract=_eigh_abstract, jvp=_eigh_jvp,
                   batch=batched_over_leading(lambda: eigh_p), multiple_results=True, reasons=dict(no_transpose))


def eigh(x: Any, *, lower: bool = True, symmetrize_input: bool = True, sort_eigenvalues: bool = True,
         subset_by_index: tuple[int, int] | None = None, implementation: Any = None) -> tuple[Any, Any]:
    """Eigenvectors and eigenvalues of Hermitian matrices.

    Args:
        x: floating or complex, of shape ``[..., n, n]``.
        lower: which triangle counts where the input is not symmetrized.
        symmetrize_input: whether ``(x + x^H) / 2`` is decomposed.
        sort_eigenvalues: accepted; they always ascend.
        subset_by_index: the range (start, end) of eigenvalues wanted, by index.
        implementation: accepted and ignored; LAPACK's divide and conquer serves.

    Returns:
        (v, w): eigenvectors ``[..., n, k]`` in the columns, real eigenvalues ``[..., k]``; nan for matrices that are not finite.

    Raises:
        TypeError: unless the matrices are square and floating.

    >>> v, w = eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> w
    Array([1., 3.], dtype=float64)
    """
    check_square("eigh", typeof(x))
    if symmetrize_input:
        x = real_scaled(add(x, adjoint(x)), 0.5)
    v, w = eigh_p.bind(x, lower=bool(lower), vectors=True)
    if subset_by_index is not None:
        start, end = _subset("eigh", subset_by_index, typeof(w).shape[-1])
        v, w = slice_in_dim(v, start, end, axis=-1), slice_in_dim(w, start, end, axis=-1)
    return v, w


def _subset(name: str, subset: tuple[int, int], n: int) -> tuple[int, int]:
    start, end = subset
    if not 0 <= start < end <= n:
        raise ValueError(f"{name}: subset_by_index=({start}, {end}) must be a range within (0, {n}), at {describe(user_source())}.")
    return start, end


# -- svd --------------------------------------------------------------------------------------------------------------

def _svd_abstract(x: ShapedArray, *, full_matrices: bool, compute_uv: bool) -> list[ShapedArray]:
    check_matrices("svd", x)
    *batch, m, n = x.shape
    k = min(m, n)
    values = ShapedArray((*batch, k), real_dtype(x.dtype))
    if not compute_uv:
        return [values]
    left, right = (m, n) if full_matrices else (k, k)
    return [values, ShapedArray((*batch, m, left), x.dtype), ShapedArray((*batch, right, n), x.dtype)]


def _svd_program(b: Any, x: Any, *, full_matrices: bool, compute_uv: bool) -> list[Any]:
    *leading, m, n = x.shape
    batch, k, real = tuple(leading), min(m, n), real_dtype(x.dtype)
    left, right = (m, n) if full_matrices else (k, k)
    if 0 in x.shape:
        values = filled(b, (*batch, k), 0, real)
        vectors = [identity_program(b, (*batch, m, left), x.dtype), identity_program(b, (*batch, right, n), x.dtype)]
        return [values, *vectors] if compute_uv else [values]
    ok, safe = guarded(b, x)
    job = "N" if not compute_uv else "A" if full_matrices else "S"
    outputs = [(lapack.integer(), batch), (real, (*batch, k))]
    if compute_uv:
        outputs += [(x.dtype, (*batch, left, m)), (x.dtype, (*batch, n, right))]
        places: tuple[Any, ...] = (Slot(3, m * left), m, Slot(4, n * right), right)
    else:
        places = (Scratch(x.dtype.name, 1), 1, Scratch(x.dtype.name, 1), 1)
    wide = max(m, n)
    rwork = (Scratch(real.name, max(7 * k, 5 * k * k + 5 * k, 2 * wide * k + 2 * k * k + k)),) if x.is_complex else ()
    call = lapack.call("gesdd", x.dtype, job, m, n, Slot(0, m * n), m, Slot(2, k), *places, WORK, LWORK, *rwork,
                       Scratch(lapack.integer().name, 8 * k), Slot(1, 1))
    _, info, s, *uv = b.library(call, batch_of(x), (), [turned(b, safe)], outputs)
    ok = b.op("and", ok, succeeded(b, info))
    return [nan_unless(b, ok, s), *(nan_unless(b, ok, turned(b, y)) for y in uv)]


def _svd_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool, compute_uv: bool) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    *batch, m, n = typeof(x).shape
    if type(x_dot) is Zero or 0 in typeof(x).shape:
        outs = svd_p.bind(x, full_matrices=full_matrices, compute_uv=compute_uv)
        return outs, zero_tangents(outs)
    if compute_uv and full_matrices and m != n:
        raise NotImplementedError(f"svd: the derivative of the full decomposition of {m} x {n} matrices is not unique, at "
                                  f"{describe(user_source())}. Use full_matrices=False.")
    s, u, vt = svd_p.bind(x, full_matrices=False, compute_uv=True)
    uh, v = adjoint(u), adjoint(vt)
    inner = matmul(uh, x_dot, v)
    s_dot = real_of(diagonal_of(inner))
    if not compute_uv:
        return [s], [s_dot]
    k = min(m, n)
    shape = (*batch, k, k)
    columns, rows = across(s, shape, True), across(s, shape, False)
    factors = like(safe_reciprocal(times(add(columns, rows), minus(columns, rows))), inner)
    scaled, raised = times(inner, like(columns, inner)), times(like(rows, inner), inner)
    u_dot = matmul(u, times(factors, add(scaled, adjoint(scaled))))
    v_dot = matmul(v, times(factors, add(raised, adjoint(raised))))
    inverse = safe_reciprocal(s)
    if typeof(x).dtype.kind == "c":  # the phases: split evenly they would cancel; u takes them
        turn = times(real_scaled(minus(inner, adjoint(inner)), 0.5), like(across(inverse, shape, True), inner))
        u_dot = add(u_dot, matmul(u, times(_identity_like(turn), turn)))
    if m > n:
        outside = matmul(x_dot, v)
        outside = minus(outside, matmul(u, matmul(uh, outside)))
        u_dot = add(u_dot, times(outside, like(across(inverse, (*batch, m, k), True), outside)))
    if n > m:
        outside = matmul(adjoint(x_dot), u)
        outside = minus(outside, matmul(v, matmul(vt, outside)))
        v_dot = add(v_dot, times(outside, like(across(inverse, (*batch, n, k), True), outside)))
    return [s, u, vt], [s_dot, u_dot, adjoint(v_dot)]


def _identity_like(x: Any) -> Any:
    shape, dtype = typeof(x).shape, typeof(x).dtype
    return broadcast_in_dim(np.eye(shape[-1], dtype=dtype), shape, (len(shape) - 2, len(shape) - 1))


svd_p: Primitive = primitive("svd", **matrix_rules(_svd_program, _svd_abstract), abstract=_svd_abstract, jvp=_svd_jvp,
                  batch=batched_over_leading(lambda: svd_p), multiple_results=True, reasons=dict(no_transpose))


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True, subset_by_index: tuple[int, int] | None = None,
        algorithm: Any = None) -> Any:
    """The singular value decomposition ``x = u @ diag(s) @ vt``.

    Args:
        x: floating or complex matrices ``[..., m, n]``.
        full_matrices: whether u and vt are square; otherwise they have ``min(m, n)`` columns and rows.
        compute_uv: whether u and vt are wanted.
        subset_by_index: the range (start, end) of singular values wanted, by index; not with `full_matrices`.
        algorithm: accepted and ignored; LAPACK's divide and conquer serves.

    Returns:
        (u, s, vt), or s alone; s is real and descends. nan for matrices that are not finite.

    Raises:
        TypeError: unless `x` holds floating matrices.
        NotImplementedError: on differentiation of a full decomposition of matrices that are not square.

    >>> svd(np.array([[3.0, 0.0], [0.0, -2.0]]), compute_uv=False)
    Array([3., 2.], dtype=float64)
    """
    check_matrices("svd", typeof(x))
    full = bool(full_matrices) and bool(compute_uv)
    s, *uv = svd_p.bind(x, full_matrices=full, compute_uv=bool(compute_uv))
    if subset_by_index is not None:
        if full and subset_by_index != (0, typeof(s).shape[-1]):
            raise ValueError(f"svd: subset_by_index does not go with full_matrices=True, at {describe(user_source())}.")
        start, end = _subset("svd", subset_by_index, typeof(s).shape[-1])
        s = slice_in_dim(s, start, end, axis=-1)
        uv = [slice_in_dim(y, start, end, axis=axis) for y, axis in zip(uv, (-1, -2), strict=False)]
    return (uv[0], s, uv[1]) if uv else s
