"""`functrans.lax.linalg`: matrix decompositions, as strict about dtypes and shapes as `functrans.lax`.

The decompositions are LAPACK's, eager and compiled. Matrices are the last two axes; leading axes are batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.dtypes import is_float
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import neg, select_n_p
from functrans.primitives.base import operand_error
from functrans.primitives.linalg_base import add, adjoint, matmul, matrix_transpose, times, tril, triu
from functrans.primitives.linalg_eig import eig as eig
from functrans.primitives.linalg_eig import eig_p as eig_p
from functrans.primitives.linalg_eig import hessenberg as hessenberg
from functrans.primitives.linalg_eig import hessenberg_p as hessenberg_p
from functrans.primitives.linalg_eig import schur as schur
from functrans.primitives.linalg_eig import schur_p as schur_p
from functrans.primitives.linalg_eigh import eigh as eigh
from functrans.primitives.linalg_eigh import eigh_p as eigh_p
from functrans.primitives.linalg_eigh import svd as svd
from functrans.primitives.linalg_eigh import svd_p as svd_p
from functrans.primitives.linalg_lu import lu as lu
from functrans.primitives.linalg_lu import lu_p as lu_p
from functrans.primitives.linalg_lu import lu_pivots_to_permutation as lu_pivots_to_permutation
from functrans.primitives.linalg_lu import lu_pivots_to_permutation_p as lu_pivots_to_permutation_p
from functrans.primitives.linalg_qr import geqrf as geqrf
from functrans.primitives.linalg_qr import geqrf_p as geqrf_p
from functrans.primitives.linalg_qr import householder_product as householder_product
from functrans.primitives.linalg_qr import householder_product_p as householder_product_p
from functrans.primitives.linalg_qr import qr as qr
from functrans.primitives.linalg_qr import qr_p as qr_p
from functrans.primitives.linalg_solve import cholesky as cholesky
from functrans.primitives.linalg_solve import cholesky_p as cholesky_p
from functrans.primitives.linalg_solve import triangular_solve as triangular_solve
from functrans.primitives.linalg_solve import triangular_solve_p as triangular_solve_p
from functrans.primitives.linalg_tridiagonal import tridiagonal as tridiagonal
from functrans.primitives.linalg_tridiagonal import tridiagonal_p as tridiagonal_p
from functrans.primitives.linalg_tridiagonal import tridiagonal_solve as tridiagonal_solve
from functrans.primitives.linalg_tridiagonal import tridiagonal_solve_p as tridiagonal_solve_p
from functrans.primitives.logic import lt
from functrans.primitives.movement import concatenate, pad, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape


def cholesky_update(r_matrix: Any, w_vector: Any) -> Any:
    """The upper triangular factor of ``r^T r + w w^T``, given the upper triangular factor r.

    It is the triangle of a QR decomposition of r with w below it, its diagonal made positive.

    Args:
        r_matrix: real floating, ``[..., n, n]``, upper triangular.
        w_vector: of the same dtype, ``[..., n]``.

    Raises:
        TypeError: if shapes or dtypes do not fit.

    >>> cholesky_update(np.eye(2), np.array([0.0, np.sqrt(3.0)])).round(12)
    Array([[1., 0.],
           [0., 2.]], dtype=float64)
    """
    r, w = typeof(r_matrix), typeof(w_vector)
    if r.ndim < 2 or r.shape[-1] != r.shape[-2] or w.shape != r.shape[:-1] or w.dtype != r.dtype or not is_float(r.dtype):
        raise operand_error("cholesky_update", "a real triangular matrix and a vector of its dtype and width are needed.", r, w)
    rows = concatenate([r_matrix, reshape(w_vector, (*w.shape[:-1], 1, w.shape[-1]))], r.ndim - 2)
    factor = qr(rows, full_matrices=False)[1]
    diagonal = tril(triu(factor))
    ones = broadcast_in_dim(r.dtype.type(1), r.shape, ())
    signs = select_n_p.bind(lt(diagonal, r.dtype.type(0)), tril(triu(ones)), neg(ones))
    return matmul(signs, factor)


def symmetric_product(a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0, symmetrize_output: bool = False) -> Any:
    """``alpha * a @ a^T + beta * c``.

    Args:
        a_matrix: ``[..., m, k]``.
        c_matrix: ``[..., m, m]``, symmetric, of the same dtype.
        symmetrize_output: accepted; all of the result is always computed.

    >>> symmetric_product(np.array([[1.0], [2.0]]), np.zeros((2, 2)))
    Array([[1., 2.],
           [2., 4.]], dtype=float64)
    """
    a, c = typeof(a_matrix), typeof(c_matrix)
    if a.ndim < 2 or c.shape != (*a.shape[:-1], a.shape[-2]) or a.dtype != c.dtype:
        raise operand_error("symmetric_product", "matrices [..., m, k] and [..., m, m] of one dtype are needed.", a, c)
    product = times(matmul(a_matrix, matrix_transpose(a_matrix)), a.dtype.type(alpha))
    return add(product, times(c_matrix, a.dtype.type(beta)))


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Any:
    """``op(q) @ c`` or ``c @ op(q)`` for the square q of the reflections that `geqrf` leaves in `a` and `taus`.

    Args:
        a: ``[..., m, k]``, Householder vectors below the diagonal.
        taus: ``[..., k]`` or fewer.
        c: ``[..., m, n]`` with `left`, else ``[..., n, m]``.
        transpose: whether op is the conjugate transpose.

    >>> a, taus = geqrf(np.array([[3.0], [4.0]]))
    >>> ormqr(a, taus, np.array([[5.0], [0.0]]))
    Array([[-3.],
           [-4.]], dtype=float64)
    """
    *batch, m, k = typeof(a).shape
    if k > m:
        a = slice_in_dim(a, 0, m, axis=-1)
    elif k < m:
        a = pad(a, typeof(a).dtype.type(0), [*([(0, 0, 0)] * len(batch)), (0, 0, 0), (0, m - k, 0)])
    q = householder_product(a, taus)
    q = adjoint(q) if transpose else q
    return matmul(q, c) if left else matmul(c, q)


def qdwh(x: Any, *, is_hermitian: bool = False, max_iterations: int | None = None, eps: float | None = None,
         dynamic_shape: tuple[int, int] | None = None) -> tuple[Any, Any, Any, Any]:
    """The polar decomposition ``x = u @ h``: orthonormal columns times a positive semidefinite Hermitian matrix.

    It is made from a singular value decomposition, at once; the arguments that steer an iteration are accepted and ignored.

    Args:
        x: floating or complex, ``[..., m, n]`` with m at least n.

    Returns:
        (u, h, 0, True): the factors, the number of iterations and whether they converged.

    Raises:
        TypeError: for more columns than rows.

    >>> u, h, _, _ = qdwh(np.array([[0.0, -2.0], [3.0, 0.0]]))
    >>> h.round(12)
    Array([[3., 0.],
           [0., 2.]], dtype=float64)
    """
    aval = typeof(x)
    if aval.ndim < 2 or aval.shape[-2] < aval.shape[-1]:
        raise operand_error("qdwh", "matrices with at least as many rows as columns are needed.", aval)
    left, s, vt = svd(x, full_matrices=False)
    u = matmul(left, vt)
    n = aval.ndim
    scaled = times(vt, convert_element_type(broadcast_in_dim(s, typeof(vt).shape, (*range(n - 2), n - 2)), aval.dtype))
    h = matmul(adjoint(vt), scaled)
    return u, times(add(h, adjoint(h)), aval.dtype.type(0.5)), np.int32(0), np.bool_(True)

