"""eig and schur: what general square matrices have (LAPACK's geev and gees), and their Hessenberg form (gehrd).

Derivative of eig. With right eigenvectors v, scaled to length 1 with a real largest element as LAPACK does, and
``c = v^-1 a_dot v``: ``w_dot = diag(c)``; ``v_dot = u - v diag(t)`` where ``u = v (f * c)``, ``f[i, j] = 1 / (w[j] - w[i])``, and t is what
keeps the scaling: its real part keeps the length, its imaginary part the largest element real. (Boeddeker et al., "On the
computation of complex-valued gradients", 2017, for w and u.) Where two eigenvalues are equal f is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import lapack
from functrans.core.aval import ShapedArray, Zero
from functrans.core.dtypes import complex_dtype, real_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.lapack import LWORK, WORK, Scratch, Slot
from functrans.primitives.arithmetic import abs_p, eq_p, select_n_p
from functrans.primitives.base import primitive
from functrans.primitives.linalg_base import (
    adjoint,
    batched_over_leading,
    check_square,
    diagonal_of,
    matmul,
    minus,
    no_transpose,
    real_of,
    safe_reciprocal,
    times,
    zero_tangents,
)
from functrans.primitives.linalg_eigh import across, guarded
from functrans.primitives.linalg_lu import lu, permuted_rows
from functrans.primitives.linalg_solve import triangular_solve
from functrans.primitives.matrix_program import batch_of, choose, filled, matrix_rules, nan_unless, succeeded, turned
from functrans.primitives.parts import complex_p, imag_p, real_p
from functrans.primitives.reduction import reduce_max
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reduce_sum

__all__ = ["eig", "eig_p", "hessenberg", "hessenberg_p", "schur", "schur_p", "solve_general"]


def _complex(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "c" else complex_dtype(dtype)


def solve_general(a: Any, b: Any) -> Any:
    """``a^-1 b`` for square matrices, by an LU decomposition."""
    factors, _, permutation = lu(a)
    y = triangular_solve(factors, permuted_rows(b, permutation), left_side=True, lower=True, unit_diagonal=True)
    return triangular_solve(factors, y, left_side=True, lower=False)


# -- eig --------------------------------------------------------------------------------------------------------------

def _eig_abstract(x: ShapedArray, *, left: bool, right: bool) -> list[ShapedArray]:
    check_square("eig", x)
    dtype = _complex(x.dtype)
    return [ShapedArray(x.shape[:-1], dtype)] + [ShapedArray(x.shape, dtype)] * (left + right)


def _eig_program(b: Any, x: Any, *, left: bool, right: bool) -> list[Any]:
    batch, n, wanted, dtype = x.shape[:-2], x.shape[-1], left + right, _complex(x.dtype)
    if 0 in x.shape:
        return [filled(b, (*batch, n), 0, dtype)] + [filled(b, x.shape, 0, dtype)] * wanted
    ok, safe = guarded(b, x)
    outputs = [(lapack.integer(), batch)] + [(x.dtype, (*batch, n))] * (1 if x.is_complex else 2)
    values = tuple(Slot(i, n) for i in range(2, len(outputs) + 1))
    places: list[Any] = []
    for asked in (left, right):
        places += [Slot(len(outputs) + 1, n * n), n] if asked else [Scratch(x.dtype.name, 1), 1]
        outputs += [(x.dtype, x.shape)] * asked
    rwork = (Scratch(real_dtype(x.dtype).name, 2 * n),) if x.is_complex else ()
    call = lapack.call("geev", x.dtype, "V" if left else "N", "V" if right else "N", n, Slot(0, n * n), n, *values, *places, WORK, LWORK,
                       *rwork, Slot(1, 1))
    _, info, *found = b.library(call, batch_of(x), (), [turned(b, safe)], outputs)
    ok = b.op("and", ok, succeeded(b, info))
    if x.is_complex:
        w, vectors = found[0], found[1:]
    else:
        w = b.complex(found[0], found[1])
        vectors = [_unpacked(b, v, found[1]) for v in found[2:]]
    return [nan_unless(b, ok, w), *(nan_unless(b, ok, turned(b, v)) for v in vectors)]


def _unpacked(b: Any, rows: Any, wi: Any) -> Any:
    """Complex eigenvectors (in rows) of real ones: rows j and j + 1 are the parts of a pair where wi[j] > 0 > wi[j + 1]."""
    batch, n = rows.shape[:-2], rows.shape[-1]
    at, zeros, ones = len(batch), [0] * len(batch), [1] * len(rows.shape)
    edge = filled(b, (*batch, 1, n), 0, rows.dtype)
    following = b.concatenate([b.slice(rows, [*zeros, 1, 0], [*batch, n, n], ones), edge], at)
    preceding = b.concatenate([edge, b.slice(rows, [*zeros, 0, 0], [*batch, n - 1, n], ones)], at)
    zero = b.const(0, rows.dtype)
    sign = b.broadcast(wi, rows.shape, range(at + 1))
    first, second = b.op("gt", sign, zero), b.op("lt", sign, zero)
    re = choose(b, second, preceding, rows)
    im = choose(b, first, following, choose(b, second, b.op("neg", rows), zero))
    return b.complex(re, im)


def _eig_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, left: bool, right: bool) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    if type(x_dot) is Zero:
        outs = eig_p.bind(x, left=left, right=right)
        return outs, zero_tangents(outs)
    if left:
        raise NotImplementedError(f"eig: left eigenvectors have no derivative here, at {describe(user_source())}. Take right ones "
                                  "of the conjugate transpose.")
    w, v = eig_p.bind(x, left=False, right=True)
    inner = solve_general(v, matmul(convert_element_type(x_dot, typeof(v).dtype), v))
    w_dot = diagonal_of(inner)
    if not right:
        return [w], [w_dot]
    shape = typeof(v).shape
    u = matmul(v, times(safe_reciprocal(minus(across(w, shape, True), across(w, shape, False))), inner))
    return [w, v], [w_dot, minus(u, times(v, across(_scaling(v, u), shape, True)))]


def _scaling(v: Any, u: Any) -> Any:
    """For each column, the complex t for which ``u - t v`` keeps the length of v and its (first) largest element real."""
    rows = typeof(v).ndim - 2
    length = real_of(diagonal_of(matmul(adjoint(v), u)))
    size = abs_p.bind(v)
    largest = eq_p.bind(size, across(reduce_max(size, (rows,)), typeof(v).shape, True))
    zeros = broadcast_in_dim(typeof(size).dtype.type(0), typeof(size).shape, ())
    turn = reduce_sum(select_n_p.bind(largest, zeros, imag_p.bind(u)), (rows,))
    pivot = reduce_sum(select_n_p.bind(largest, zeros, real_p.bind(v)), (rows,))
    return complex_p.bind(length, times(turn, safe_reciprocal(pivot)))


eig_p: Primitive = primitive("eig", **matrix_rules(_eig_program, _eig_abstract), abstract=_eig_abstract, jvp=_eig_jvp,
                  batch=batched_over_leading(lambda: eig_p), multiple_results=True, reasons=dict(no_transpose))


def eig(x: Any, *, compute_left_eigenvectors: bool = True, compute_right_eigenvectors: bool = True, enable_eigvec_derivs: bool = False,
        implementation: Any = None, use_magma: bool | None = None) -> list[Any]:
    """Eigenvalues and eigenvectors of square matrices.

    Args:
        x: floating or complex, of shape ``[..., n, n]``.
        compute_left_eigenvectors, compute_right_eigenvectors: which vectors are wanted.
        enable_eigvec_derivs, implementation, use_magma: accepted and ignored; right eigenvectors can always be differentiated.

    Returns:
        [w], [w, vl], [w, vr] or [w, vl, vr], all complex: eigenvalues ``[..., n]``, vectors ``[..., n, n]`` in the columns; nan for
        matrices that are not finite.

    Raises:
        TypeError: unless the matrices are square and floating.
        NotImplementedError: on differentiation of left eigenvectors.

    >>> eig(np.array([[0.0, -1.0], [1.0, 0.0]]), compute_left_eigenvectors=False)[0]
    Array([0.+1.j, 0.-1.j], dtype=complex128)
    """
    out: list[Any] = eig_p.bind(x, left=bool(compute_left_eigenvectors), right=bool(compute_right_eigenvectors))
    return out


# -- schur ------------------------------------------------------------------------------------------------------------

_REASON = "it depends on the order in which eigenvalues are found, which is not differentiable; differentiate eig or eigh"


def _schur_abstract(x: ShapedArray, *, vectors: bool) -> list[ShapedArray]:
    check_square("schur", x)
    return [x.strong()] * (1 + vectors)


def _schur_program(b: Any, x: Any, *, vectors: bool) -> list[Any]:
    batch, n = x.shape[:-2], x.shape[-1]
    if 0 in x.shape:
        return [x] * (1 + vectors)
    ok, safe = guarded(b, x)
    integer = lapack.integer()
    values = (Scratch(x.dtype.name, n),) * (1 if x.is_complex else 2)
    place = (Slot(2, n * n), n) if vectors else (Scratch(x.dtype.name, 1), 1)
    rwork = (Scratch(real_dtype(x.dtype).name, n),) if x.is_complex else ()
    unused = Scratch(integer.name, n)  # the function that selects, and marks for it: without a wish for order they are not read
    call = lapack.call("gees", x.dtype, "V" if vectors else "N", "N", unused, n, Slot(0, n * n), n, Scratch(integer.name, 1), *values,
                       *place, WORK, LWORK, *rwork, unused, Slot(1, 1))
    t, info, *found = b.library(call, batch_of(x), (), [turned(b, safe)], [(integer, batch)] + [(x.dtype, x.shape)] * vectors)
    ok = b.op("and", ok, succeeded(b, info))
    return [nan_unless(b, ok, turned(b, y)) for y in (t, *found)]


schur_p: Primitive = primitive("schur", **matrix_rules(_schur_program, _schur_abstract), abstract=_schur_abstract,
                    batch=batched_over_leading(lambda: schur_p), multiple_results=True,
                    reasons={"jvp": _REASON, "transpose": "it is not linear"})


def schur(x: Any, *, compute_schur_vectors: bool = True, sort_eig_vals: bool = False, select_callable: Any = None) -> Any:
    """The Schur decomposition ``x = q @ t @ q^H``: t is upper triangular, for real matrices with 2 x 2 blocks on the diagonal.

    Args:
        x: floating or complex, of shape ``[..., n, n]``.
        compute_schur_vectors: whether q is wanted.
        sort_eig_vals, select_callable: eigenvalues in a wanted order; not available.

    Returns:
        (t, q), or t in a tuple of its own; nan for matrices that are not finite.

    Raises:
        NotImplementedError: where an order is wanted.

    >>> t, q = schur(np.array([[1.0, 2.0], [0.0, 3.0]]))
    >>> t
    Array([[1., 2.],
           [0., 3.]], dtype=float64)
    """
    if sort_eig_vals or select_callable is not None:
        raise NotImplementedError(f"schur: eigenvalues cannot be put into an order, at {describe(user_source())}. Leave "
                                  "sort_eig_vals=False.")
    return tuple(schur_p.bind(x, vectors=bool(compute_schur_vectors)))


# -- hessenberg -------------------------------------------------------------------------------------------------------

def _hessenberg_abstract(x: ShapedArray) -> list[ShapedArray]:
    check_square("hessenberg", x)
    return [x.strong(), ShapedArray((*x.shape[:-2], max(x.shape[-1] - 1, 0)), x.dtype)]


def _hessenberg_program(b: Any, x: Any) -> list[Any]:
    batch, n = x.shape[:-2], x.shape[-1]
    if 0 in x.shape or n == 1:
        return [x, filled(b, (*batch, max(n - 1, 0)), 0, x.dtype)]
    call = lapack.call("gehrd", x.dtype, n, 1, n, Slot(0, n * n), n, Slot(1, n - 1), WORK, LWORK, Slot(2, 1))
    factors, taus, _ = b.library(call, batch_of(x), (), [turned(b, x)], [(x.dtype, (*batch, n - 1)), (lapack.integer(), batch)])
    return [turned(b, factors), taus]


hessenberg_p: Primitive = primitive("hessenberg", **matrix_rules(_hessenberg_program, _hessenberg_abstract), abstract=_hessenberg_abstract,
                         batch=batched_over_leading(lambda: hessenberg_p), multiple_results=True,
                         reasons={"jvp": "it has no derivative rule; differentiate eig or eigh", "transpose": "it is not linear"})


def hessenberg(a: Any) -> tuple[Any, Any]:
    """The Hessenberg form ``h = q^H a q``, zero below the first subdiagonal, as LAPACK leaves it.

    Args:
        a: floating or complex, of shape ``[..., n, n]``.

    Returns:
        (factors, taus): h on and above the first subdiagonal, the vectors of the Householder reflections that make q below it; and
        their factors, ``[..., n - 1]`` (see `householder_product`).

    >>> factors, taus = hessenberg(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> taus
    Array([0.], dtype=float64)
    """
    factors, taus = hessenberg_p.bind(a)
    return factors, taus
