"""Rows of `functrans.scipy.linalg` and `functrans.lax.linalg`. Of decompositions they compare what is determined."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from functrans.scipy import linalg as scipy_linalg
from tests.names.numpy_modules import adjoint, of_hermitian, of_svd
from tests.names.rows import COMPLEX, FLOAT, NUMBER, Name, R, definite, distinct, each, fixed, invertible

__all__ = ["SCIPY_LINALG"]

A = invertible(3)
S = definite(3)
TALL = R(4, 3)
ROUGH = 1e-10
BOTH = {"dtypes": COMPLEX, "tol": ROUGH}
NO_RULE = "it has no derivative rule"


def triangle(x: Any, lower: bool = False) -> Any:
    return np.tril(x) if lower else np.triu(x)


def of_qr(f: Any, x: Any) -> list[Any]:
    q, r = f(x)
    return [q @ r, adjoint(r) @ r, q @ adjoint(q)]


def of_lu(f: Any, x: Any) -> list[Any]:
    p, lower, upper = f(x)
    return [p @ lower @ upper, lower, upper]


def of_hessenberg(f: Any, x: Any) -> list[Any]:
    h, q = f(x, calc_q=True)
    return [q @ h @ adjoint(q), q @ adjoint(q), np.abs(np.tril(h, -1))]


def of_schur(f: Any, x: Any) -> list[Any]:
    t, z = f(x)
    return [z @ t @ adjoint(z), np.sum(np.diagonal(t)), z @ adjoint(z)]


def with_factors(f: Any, a: Any, b: Any) -> Any:
    module = sl if f is sl.lu_solve else scipy_linalg
    return f(module.lu_factor(a), b)


def of_multiply(f: Any, x: Any, c: Any) -> list[Any]:
    y, r = f(x, c)
    return [np.abs(y), adjoint(r) @ r]


def of_rsf(f: Any, x: Any) -> list[Any]:
    t, z = f(np.triu(x), np.eye(3).astype(x.dtype))
    return [np.diagonal(t), z @ t @ adjoint(z)]


SCIPY = (
    *each("scipy.linalg", "inv det", A, **BOTH),
    Name("scipy.linalg.cholesky", (S,), lambda f, x: [f(x), f(x, lower=True)], **BOTH),
    Name("scipy.linalg.cho_factor", (S,), lambda f, x: triangle(f(x)[0]), **BOTH),
    Name("scipy.linalg.cho_solve", (S, R(3, 2)), lambda f, a, b: f((np.linalg.cholesky(a + adjoint(a)), True), b), **BOTH),
    Name("scipy.linalg.solve", (S, R(3, 2)), lambda f, a, b: [f(a, b), f(a, b, assume_a="pos")], **BOTH),
    Name("scipy.linalg.solve_triangular", (A, R(3, 2)), lambda f, a, b: [f(a, b), f(a, b, trans="T", lower=True)], **BOTH),
    Name("scipy.linalg.lu", (A,), of_lu, **BOTH),
    Name("scipy.linalg.lu_factor", (A,), lambda f, x: [*f(x)], lambda x: [sl.lu_factor(x)[0], sl.lu_factor(x)[1].astype("int32")], **BOTH),
    Name("scipy.linalg.lu_solve", (A, R(3, 2)), with_factors, **BOTH),
    Name("scipy.linalg.qr", (R(3, 3),), of_qr, **BOTH),
    Name("scipy.linalg.qr_multiply", (R(3, 3), R(2, 3)), of_multiply, **BOTH),
    Name("scipy.linalg.eigh", (S,), of_hermitian, **BOTH),
    Name("scipy.linalg.eigh_tridiagonal", (distinct(4), R(3, low=0.2, high=1)), lambda f, d, e: f(d, e, eigvals_only=True), tol=ROUGH),
    Name("scipy.linalg.svd", (TALL,), of_svd, **BOTH),
    Name("scipy.linalg.polar", (TALL,), lambda f, x: [*f(x)], **BOTH),
    Name("scipy.linalg.hessenberg", (R(4, 4),), of_hessenberg, **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("scipy.linalg.schur", (R(3, 3),), of_schur, **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("scipy.linalg.rsf2csf", (A,), of_rsf, **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("scipy.linalg.expm", (R(3, 3),), **BOTH),
    Name("scipy.linalg.expm_frechet", (R(3, 3), R(3, 3)), lambda f, a, e: [*f(a, e)], **BOTH),
    Name("scipy.linalg.solve_sylvester", (A, A, R(3, 3)), **BOTH),
    Name("scipy.linalg.sqrtm", (S,), lambda f, x: 0j + f(x), **BOTH),
    Name("scipy.linalg.funm", (S,), lambda f, x: 0j + f(x, np.sin), **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("scipy.linalg.block_diag", (R(2, 2), R(1, 3)), dtypes=NUMBER),
    *each("scipy.linalg", "toeplitz hankel", R(3), R(4), dtypes=NUMBER),
    *each("scipy.linalg", "circulant fiedler", distinct(4), dtypes=FLOAT),
    *each("scipy.linalg", "companion fiedler_companion", R(4, low=0.5), dtypes=COMPLEX),
    Name("scipy.linalg.convolution_matrix", (R(4),), lambda f, x: [f(x, 3), f(x, 5, "same"), f(x, 3, "valid")], dtypes=NUMBER),
    Name("scipy.linalg.leslie", (R(4), R(3)), dtypes=FLOAT),
    Name("scipy.linalg.dft", (), lambda f: [f(4), f(3, "sqrtn")]),
    Name("scipy.linalg.hadamard", (), lambda f: [f(4), f(2)]),
    Name("scipy.linalg.helmert", (), lambda f: [f(4), f(3, full=True)]),
    *each("scipy.linalg", "hilbert invhilbert pascal invpascal", call=lambda f: [1.0 * f(4), 1.0 * f(3)]),
)


def solved_tridiagonal(dl: Any, d: Any, du: Any, b: Any) -> Any:
    return np.linalg.solve(np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1), b)


def reflected(f: Any, x: Any) -> list[Any]:
    """q and r from a packed decomposition: their product, and how far q is from orthogonal."""
    a, _ = f(x)
    r = np.triu(a[..., :3, :])
    return [adjoint(r) @ r]


def reflections(a: Any, taus: Any) -> Any:
    """The product of the reflections ``1 - tau v v^*``, whose vectors stand below the diagonal of a."""
    q = np.eye(len(a))
    for j, tau in enumerate(taus):
        v = np.tril(a, -1)[:, j] + np.eye(len(a))[j]
        q = q @ (np.eye(len(a)) - tau * np.outer(v, v.conj()))
    return q.astype(a.dtype)


def of_tridiagonal(f: Any, x: Any) -> list[Any]:
    """What orthogonal similarity keeps: the trace and the sum of squares."""
    _, d, e, _ = f(x)
    return [np.sum(d), np.sum(d * d) + 2 * np.sum(np.abs(e) ** 2)]


def of_eig(f: Any, x: Any) -> list[Any]:
    w, v = f(x, compute_left_eigenvectors=False, enable_eigvec_derivs=True)
    return [np.sum(w), np.sum(w * w), (v * w) @ np.linalg.inv(v)]


def eig_sums(x: Any, **options: Any) -> Any:
    w, v = np.linalg.eig(x)
    return w + 0j, v + 0j


LAX = (
    Name("lax.linalg.cholesky", (S,), reference=np.linalg.cholesky, **BOTH),
    Name("lax.linalg.cholesky_update", (S, R(3)), lambda f, a, w: f(np.linalg.cholesky(a + a.T).T, w),
         lambda r, w: np.linalg.cholesky(r.T @ r + np.outer(w, w)).T, tol=ROUGH),
    Name("lax.linalg.eig", (A,), of_eig, eig_sums, **BOTH),
    Name("lax.linalg.eigh", (S,), lambda f, x: of_hermitian(lambda y: f(y)[::-1], x), lambda x: np.linalg.eigh(x)[::-1], **BOTH),
    Name("lax.linalg.svd", (TALL,), of_svd, np.linalg.svd, **BOTH),
    Name("lax.linalg.qr", (R(3, 3),), of_qr, np.linalg.qr, **BOTH),
    Name("lax.linalg.qdwh", (TALL,), lambda f, x: [*f(x)[:2]], sl.polar, **BOTH),
    Name("lax.linalg.geqrf", (TALL,), reflected, lambda x: (sl.qr(x, mode="r")[0], None), **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("lax.linalg.schur", (R(3, 3),), of_schur, sl.schur, **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("lax.linalg.triangular_solve", (A, R(3, 2)), lambda f, a, b: f(a, b, left_side=True, lower=True),
         lambda a, b, **options: sl.solve_triangular(a, b, lower=True), **BOTH),
    Name("lax.linalg.tridiagonal_solve", (R(4), R(4, low=5, high=7), R(4), R(4, 2)), reference=solved_tridiagonal, tol=ROUGH),
    Name("lax.linalg.symmetric_product", (TALL, R(4, 4)), lambda f, a, c: f(a, c, alpha=0.5, beta=2.0),
         lambda a, c, alpha, beta: alpha * a @ a.T + beta * c),
    Name("lax.linalg.lu_pivots_to_permutation", (fixed(np.array([2, 1, 3, 3], "int32")),), lambda f, p: f(p, 4),
         lambda p, n: np.array([2, 1, 3, 0], "int32")),
)

HOUSEHOLDER = (R(4, 3), R(2))
LAX += (
    Name("lax.linalg.lu", (A,), lambda f, x: [*f(x)][:2], lambda x: [sl.lu_factor(x)[0], sl.lu_factor(x)[1].astype("int32")], **BOTH),
    Name("lax.linalg.hessenberg", (R(4, 4),), lambda f, x: [np.diagonal(f(x)[0]), np.abs(np.diagonal(f(x)[0], -1))],
         lambda x: (sl.hessenberg(x), None), **BOTH, forward=NO_RULE, reverse=NO_RULE),
    Name("lax.linalg.tridiagonal", (S,), of_tridiagonal, lambda x: (x, np.diagonal(x).real, np.tril(x, -1), None), **BOTH,
         forward=NO_RULE, reverse=NO_RULE),
    Name("lax.linalg.householder_product", HOUSEHOLDER, lambda f, a, taus: f(a, taus)[:, :2], reflections, **BOTH, forward=NO_RULE,
         reverse=NO_RULE),
    Name("lax.linalg.ormqr", (*HOUSEHOLDER, R(4, 2)), lambda f, a, taus, c: f(a, taus, c),
         lambda a, taus, c: reflections(a, taus) @ c, tol=ROUGH, forward=NO_RULE, reverse=NO_RULE),
)

SCIPY_LINALG = (*SCIPY, *LAX)
