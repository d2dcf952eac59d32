"""Decompositions and systems of equations under SciPy's names and with its conventions."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, sequence
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy import linalg
from functrans.numpy.decompositions import matrices, square_matrices
from functrans.numpy.solvers import broadcast_batch
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.primitives import linalg_eig, linalg_qr
from functrans.primitives.linalg_base import adjoint
from functrans.primitives.linalg_lu import lu_p, lu_pivots_to_permutation
from functrans.primitives.linalg_solve import cholesky_p, triangular_solve

__all__ = ["cho_factor", "cho_solve", "cholesky", "det", "eigh", "eigh_tridiagonal", "hessenberg", "inv", "lu", "lu_factor", "lu_solve",
           "polar", "qr", "qr_multiply", "rsf2csf", "schur", "solve", "solve_triangular", "svd"]


# -- Cholesky ---------------------------------------------------------------------------------------------------------

def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The upper triangular u with ``a = u^H @ u``, or with `lower` the l with ``a = l @ l^H``.

    Args:
        a: Hermitian positive definite matrices ``[..., n, n]``; ``(a + a^H) / 2`` is factorised.

    Returns:
        The factor, zeros elsewhere; nan where a matrix is not positive definite.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 1.],
           [0., 2.]], dtype=float64)
    """
    return linalg.cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """A Cholesky factor for `cho_solve`: (the factor, `lower`).

    >>> cho_factor(np.eye(1) * 4)
    (Array([[2.]], dtype=float64), False)
    """
    return cholesky(square_matrices("cho_factor", a), lower=lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The solution of ``a @ x = b``, given the Cholesky factor of a.

    Args:
        c_and_lower: what `cho_factor` gives.
        b: ``[n]`` or ``[..., n, k]``.

    >>> cho_solve(cho_factor(np.eye(2) * 4), np.array([4.0, 8.0]))
    Array([1., 2.], dtype=float64)
    """
    factor, lower = sequence(c_and_lower, "c_and_lower", 2)
    half = solve_triangular(factor, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(factor, half, trans=2 if lower else 0, lower=lower)


# -- systems ----------------------------------------------------------------------------------------------------------

def _system(name: str, a: Any, b: Any) -> tuple[Any, Any, bool]:
    """A square matrix and right-hand sides in columns, of one dtype and equal leading axes; whether b was a vector."""
    a, b = promote_inexact(asarray_internal(a), asarray_internal(b))
    a = square_matrices(name, a)
    shape = typeof(b).shape
    vector = len(shape) == 1
    if not shape or shape[0 if vector else -2] != typeof(a).shape[-1]:
        raise ValueError(f"{name}: b must have as many rows as a; got shapes {typeof(a).shape} and {shape}, at {describe(user_source())}.")
    a, b = broadcast_batch(name, a, b[:, None] if vector else b)
    return a, b, vector


def solve_triangular(a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False, overwrite_b: bool = False,
                     debug: Any = None, check_finite: bool = True) -> Any:
    """The solution of ``op(a) @ x = b`` for triangular a.

    Args:
        a: ``[..., n, n]``; one triangle is read.
        b: ``[n]`` or ``[..., n, k]``.
        trans: op: 0 or "N" (nothing), 1 or "T" (the transpose), 2 or "C" (the conjugate transpose).
        lower: which triangle.
        unit_diagonal: whether the diagonal is taken to be 1.

    Raises:
        ValueError: for another `trans`, or shapes that do not fit.

    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 9.0]), lower=True)
    Array([1., 2.], dtype=float64)
    """
    if not among(trans, (0, 1, 2, "N", "T", "C")):
        raise ValueError(f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', not {trans!r}, at {describe(user_source())}.")
    a, b, vector = _system("solve_triangular", a, b)
    x = triangular_solve(a, b, left_side=True, lower=bool(lower), transpose_a=trans not in (0, "N"), conjugate_a=trans in (2, "C"),
                         unit_diagonal=bool(unit_diagonal))
    return x[..., 0] if vector else x


def solve(a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False, debug: bool = False,
          check_finite: bool = True, assume_a: str = "gen") -> Any:
    """The solution of ``a @ x = b``.

    Args:
        a: square matrices ``[..., n, n]``.
        b: ``[n]`` or ``[..., n, k]``.
        lower: of which triangle a positive definite matrix is made, with ``assume_a="pos"``.
        assume_a: "gen", "sym", "her" (an LU decomposition for all three) or "pos" (a Cholesky decomposition).

    Raises:
        ValueError: for another `assume_a`, or shapes that do not fit.

    >>> solve(np.array([[4.0, 0.0], [0.0, 2.0]]), np.array([4.0, 4.0]), assume_a="pos")
    Array([1., 2.], dtype=float64)
    """
    if assume_a not in ("gen", "sym", "her", "pos"):
        raise ValueError(f"solve: assume_a must be 'gen', 'sym', 'her' or 'pos', not {assume_a!r}, at {describe(user_source())}.")
    if assume_a != "pos":
        return linalg.solve(a, b)
    a, b, vector = _system("solve", a, b)
    x = cho_solve((cholesky_p.bind(a if lower else adjoint(a)), True), b)
    return x[..., 0] if vector else x


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The inverses of square matrices; see `functrans.numpy.linalg.inv`.

    >>> inv(np.eye(1) * 4)
    Array([[0.25]], dtype=float64)
    """
    return linalg.inv(a)


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinants of square matrices; see `functrans.numpy.linalg.det`.

    >>> det(np.array([[1.0, 2.0], [3.0, 4.0]]))
    Array(-2., dtype=float64)
    """
    return linalg.det(a)


# -- LU ---------------------------------------------------------------------------------------------------------------

def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """An LU decomposition for `lu_solve`: both factors in one array ``[..., m, n]``, and int32 pivots.

    >>> lu_factor(np.array([[0.0, 2.0], [4.0, 8.0]]))
    (Array([[4., 8.],
            [0., 2.]], dtype=float64), Array([1, 1], dtype=int32))
    """
    factors, pivots, _ = lu_p.bind(matrices("lu_factor", a))
    return factors, pivots


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The solution of ``op(a) @ x = b``, given the LU decomposition of a.

    Args:
        lu_and_piv: what `lu_factor` gives, for one square matrix or a batch.
        b: ``[n]`` or ``[..., n, k]``.
        trans: op: 0 (nothing), 1 (the transpose), 2 (the conjugate transpose).

    Raises:
        ValueError: for another `trans`, or shapes that do not fit.

    >>> lu_solve(lu_factor(np.array([[0.0, 2.0], [4.0, 8.0]])), np.array([2.0, 12.0]))
    Array([1., 1.], dtype=float64)
    """
    factors, pivots = sequence(lu_and_piv, "lu_and_piv", 2)
    if not among(trans, (0, 1, 2)):
        raise ValueError(f"lu_solve: trans must be 0, 1 or 2, not {trans!r}, at {describe(user_source())}.")
    factors, rhs, vector = _system("lu_solve", factors, b)
    shape = typeof(factors).shape
    pivots = fnp.broadcast_to(asarray_internal(pivots), shape[:-1])
    order = lu_pivots_to_permutation(pivots, shape[-1])[..., None]
    rows = fnp.broadcast_to(fnp.arange(shape[-1], dtype=np.int32), shape[:-1])
    if trans == 0:
        x = fnp.take_along_axis(rhs, fnp.broadcast_to(order, typeof(rhs).shape), axis=-2)
        x = triangular_solve(factors, x, left_side=True, lower=True, unit_diagonal=True)
        x = triangular_solve(factors, x, left_side=True, lower=False)
    else:
        flags = {"left_side": True, "transpose_a": True, "conjugate_a": trans == 2}
        x = triangular_solve(factors, rhs, lower=False, **flags)
        x = triangular_solve(factors, x, lower=True, unit_diagonal=True, **flags)
        back = fnp.matmul((order == rows[..., None, :]).astype(np.int32).swapaxes(-1, -2), rows[..., None])
        x = fnp.take_along_axis(x, fnp.broadcast_to(back, typeof(x).shape), axis=-2)
    return x[..., 0] if vector else x


def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The LU decomposition ``a = p @ l @ u``.

    Args:
        a: ``[..., m, n]``.
        permute_l: whether ``p @ l`` is returned in the place of p and l.

    Returns:
        (p, l, u) or (p @ l, u): a permutation matrix, a lower triangle with ones on the diagonal, an upper one.

    >>> p, l, u = lu(np.array([[0.0, 2.0], [4.0, 8.0]]))
    >>> p
    Array([[0., 1.],
           [1., 0.]], dtype=float64)
    """
    x = matrices("lu", a)
    factors, _, permutation = lu_p.bind(x)
    *_, m, n = typeof(x).shape
    k = min(m, n)
    lower = fnp.tril(factors[..., :k], -1) + fnp.eye(m, k, dtype=factors.dtype)
    upper = fnp.triu(factors)[..., :k, :]
    real = np.empty(0, factors.dtype).real.dtype
    p = (permutation[..., None, :] == fnp.arange(m, dtype=np.int32)[:, None]).astype(real)
    return (fnp.matmul(p.astype(factors.dtype), lower), upper) if permute_l else (p, lower, upper)


# -- QR ---------------------------------------------------------------------------------------------------------------

def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False, check_finite: bool = True) -> Any:
    """The QR decomposition ``a = q @ r``, or with `pivoting` ``a[:, p] = q @ r``.

    Args:
        a: ``[..., m, n]``.
        mode: "full" (q is square), "economic" (q has ``min(m, n)`` columns), "r" (r alone).
        pivoting: whether columns are exchanged.

    Returns:
        (q, r) or (r,), with p at the end where pivoting.

    Raises:
        ValueError: for another mode.

    >>> qr(np.array([[3.0], [4.0]]), mode="r")
    (Array([[-5.],
            [ 0.]], dtype=float64),)
    """
    if not among(mode, ("full", "economic", "r")):
        raise ValueError(f"qr: unknown mode {mode!r}; use 'full', 'economic' or 'r', at {describe(user_source())}.")
    out = linalg_qr.qr(matrices("qr", a), pivoting=bool(pivoting), full_matrices=mode != "economic")
    return tuple(out[1:]) if mode == "r" else tuple(out)


def qr_multiply(a: Any, c: Any, mode: str = "right", pivoting: bool = False, conjugate: bool = False, overwrite_a: bool = False,
                overwrite_c: bool = False) -> Any:
    """The r of a QR decomposition, and the product of its q (of ``min(m, n)`` columns) with `c`.

    Args:
        a: ``[m, n]``.
        c: a vector or matrix.
        mode: "left" for ``q @ c``, "right" for ``c @ q``.
        pivoting: whether columns are exchanged.
        conjugate: whether q is conjugated.

    Returns:
        (product, r), with the column order at the end where pivoting.

    Raises:
        ValueError: for another mode.

    >>> qr_multiply(np.array([[3.0], [4.0]]), np.array([3.0, 4.0]))[0]
    Array([-5.], dtype=float64)
    """
    if not among(mode, ("left", "right")):
        raise ValueError(f"qr_multiply: mode must be 'left' or 'right', not {mode!r}, at {describe(user_source())}.")
    q, *rest = linalg_qr.qr(matrices("qr_multiply", a), pivoting=bool(pivoting), full_matrices=False)
    q = fnp.conj(q) if conjugate and q.dtype.kind == "c" else q
    c = asarray_internal(c)
    shape, (rows, columns) = typeof(c).shape, typeof(q).shape[-2:]
    need, axis = (columns, shape[-2:-1] or shape) if mode == "left" else (rows, shape[-1:])
    if axis != (need,):
        raise ValueError(f"qr_multiply: c must have {need} {'rows' if mode == 'left' else 'columns'} to be multiplied by q from the other "
                         f"side; got shape {shape}, at {describe(user_source())}.")
    return (fnp.matmul(q, c) if mode == "left" else fnp.matmul(c, q), *rest)


# -- eigenvalues ------------------------------------------------------------------------------------------------------

def eigh(a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
         turbo: bool = True, eigvals: None = None, type: int = 1, check_finite: bool = True) -> Any:
    """Eigenvalues and eigenvectors of Hermitian matrices, or of pairs of them.

    Args:
        a: ``[..., n, n]``; the triangle that `lower` names counts.
        b: positive definite, for the generalised problem; it is reduced by its Cholesky factor.
        lower: which triangle.
        eigvals_only: whether eigenvalues alone are wanted.
        turbo, eigvals: accepted for compatibility; `eigvals` must be None.
        type: 1 for ``a v = w b v``, 2 for ``a b v = w v``, 3 for ``b a v = w v``.

    Returns:
        (w, v), or w: ascending eigenvalues, and eigenvectors in columns.

    Raises:
        NotImplementedError: for a range of eigenvalues.
        ValueError: for another type.

    >>> eigh(np.array([[2.0, 1.0], [1.0, 2.0]]), eigvals_only=True)
    Array([1., 3.], dtype=float64)
    """
    if eigvals is not None:
        raise NotImplementedError(f"eigh: a range of eigenvalues is not supported; slice the result, at {describe(user_source())}.")
    if type not in (1, 2, 3):
        raise ValueError(f"eigh: type must be 1, 2 or 3, not {type!r}, at {describe(user_source())}.")
    uplo = "L" if lower else "U"
    if b is None:
        w, v = linalg.eigh(a, UPLO=uplo, symmetrize_input=False)
        return w if eigvals_only else (w, v)
    a, b = promote_inexact(asarray_internal(a), asarray_internal(b))
    x, y = square_matrices("eigh", a), square_matrices("eigh", b)
    part = fnp.tril if lower else fnp.triu
    x = part(x) + adjoint(part(x, -1 if lower else 1))
    factor = cholesky_p.bind(y if lower else adjoint(y))
    flags = {"lower": True, "transpose_a": True, "conjugate_a": True}
    if type == 1:
        half = triangular_solve(factor, x, left_side=True, lower=True)
        inner = triangular_solve(factor, half, left_side=False, **flags)
    else:
        inner = fnp.matmul(fnp.matmul(adjoint(factor), x), factor)
    w, v = linalg.eigh(inner)
    if eigvals_only:
        return w
    if type == 3:
        return w, fnp.matmul(factor, v)
    return w, triangular_solve(factor, v, left_side=True, **flags)


def eigh_tridiagonal(d: Any, e: Any, *, eigvals_only: bool = False, select: str = "a", select_range: tuple[float, float] | None = None,
                     tol: float | None = None, key: Any = None) -> Any:
    """Eigenvalues and eigenvectors of Hermitian tridiagonal matrices, by way of the full matrix.

    Args:
        d: the real diagonal ``[n]``.
        e: the diagonal below it, ``[n - 1]``.
        eigvals_only: whether eigenvalues alone are wanted.
        select: "a" for all, "i" for those with indices in `select_range` (ends included).
        tol, key: accepted and ignored.

    Raises:
        NotImplementedError: for ``select="v"``, whose result has no static shape.

    >>> eigh_tridiagonal(np.array([2.0, 2.0]), np.array([1.0]), eigvals_only=True)
    Array([1., 3.], dtype=float64)
    """
    if select not in ("a", "i"):
        raise NotImplementedError(f"eigh_tridiagonal: select={select!r} is not supported; use 'a' or 'i', at {describe(user_source())}.")
    d, e = promote_inexact(asarray_internal(d), asarray_internal(e))
    if typeof(d).ndim != 1 or typeof(e).shape != (typeof(d).shape[0] - 1,):
        raise ValueError(f"eigh_tridiagonal: d must be a vector, and e one that is shorter by 1; got shapes {typeof(d).shape} and "
                         f"{typeof(e).shape}, at {describe(user_source())}.")
    w, v = linalg.eigh(fnp.diag(d) + fnp.diag(e, -1), UPLO="L", symmetrize_input=False)
    if select == "i":
        if select_range is None:
            raise ValueError(f"eigh_tridiagonal: select='i' needs select_range, at {describe(user_source())}.")
        low, high = map(int, select_range)
        w, v = w[low:high + 1], v[:, low:high + 1]
    return w if eigvals_only else (w, v)


def hessenberg(a: Any, *, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The Hessenberg form ``h = q^H @ a @ q``, zero below the first subdiagonal.

    Args:
        a: ``[..., n, n]``.
        calc_q: whether q is wanted.

    Returns:
        h, or (h, q).

    >>> hessenberg(np.array([[1.0, 2.0], [3.0, 4.0]]))
    Array([[1., 2.],
           [3., 4.]], dtype=float64)
    """
    x = square_matrices("hessenberg", a)
    factors, taus = linalg_eig.hessenberg(x)
    h = fnp.triu(factors, -1)
    if not calc_q:
        return h
    n = typeof(x).shape[-1]
    q = fnp.broadcast_to(fnp.eye(n, dtype=x.dtype), typeof(x).shape)
    if n > 1:
        q = q.at[..., 1:, 1:].set(linalg_qr.householder_product(factors[..., 1:, :-1], taus))
    return h, q


def schur(a: Any, output: str = "real") -> tuple[Any, Any]:
    """The Schur decomposition ``a = z @ t @ z^H``.

    Args:
        a: ``[..., n, n]``.
        output: "real" (of real matrices, t has 2 x 2 blocks on its diagonal) or "complex".

    Returns:
        (t, z).

    Raises:
        ValueError: for another output.

    >>> schur(np.array([[1.0, 2.0], [0.0, 3.0]]))[0]
    Array([[1., 2.],
           [0., 3.]], dtype=float64)
    """
    if not among(output, ("real", "complex")):
        raise ValueError(f"schur: output must be 'real' or 'complex', not {output!r}, at {describe(user_source())}.")
    x = square_matrices("schur", a)
    t, z = linalg_eig.schur(x + 0j if output == "complex" else x)
    return t, z


def rsf2csf(T: Any, Z: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """A complex Schur decomposition from a real one.

    >>> t, z = rsf2csf(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2))
    >>> np.abs(np.diag(t))
    Array([1., 1.], dtype=float64)
    """
    t, z = square_matrices("rsf2csf", T), square_matrices("rsf2csf", Z)
    if typeof(t).shape != typeof(z).shape:
        raise ValueError(f"rsf2csf: T and Z must have one shape; got {typeof(t).shape} and {typeof(z).shape}, at "
                         f"{describe(user_source())}.")
    t, q = schur(t, "complex")
    return t, fnp.matmul(z, q)


# -- singular values --------------------------------------------------------------------------------------------------

def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False, check_finite: bool = True,
        lapack_driver: str = "gesdd") -> Any:
    """The singular value decomposition, (u, s, vh) or s; see `functrans.numpy.linalg.svd`.

    >>> svd(np.array([[3.0, 0.0], [0.0, -2.0]]), compute_uv=False)
    Array([3., 2.], dtype=float64)
    """
    out = linalg.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(out) if compute_uv else out


def polar(a: Any, side: str = "right", *, method: str = "qdwh", eps: float | None = None, max_iterations: int | None = None) -> Any:
    """The polar decomposition ``a = u @ p`` (`side` "right") or ``a = p @ u`` ("left"), from singular values.

    Args:
        a: ``[m, n]``.
        method, eps, max_iterations: accepted and ignored.

    Returns:
        (u, p): orthonormal columns or rows; Hermitian and positive semidefinite.

    Raises:
        ValueError: for another side.

    >>> polar(np.array([[0.0, -2.0], [3.0, 0.0]]))[1].round(12)
    Array([[3., 0.],
           [0., 2.]], dtype=float64)
    """
    if not among(side, ("left", "right")):
        raise ValueError(f"polar: side must be 'left' or 'right', not {side!r}, at {describe(user_source())}.")
    left, s, vh = linalg.svd(matrices("polar", a), full_matrices=False)
    if side == "right":
        return fnp.matmul(left, vh), fnp.matmul(adjoint(vh) * s[..., None, :], vh)
    return fnp.matmul(left, vh), fnp.matmul(left * s[..., None, :], adjoint(left))
