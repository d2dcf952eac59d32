"""Decompositions of matrices under the names of NumPy, on the primitives of linear algebra."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functrans.arguments import among
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import asarray_internal, check_arraylike, promote_inexact
from functrans.primitives import linalg_eigh
from functrans.primitives.linalg_base import add, adjoint, real_scaled, triu
from functrans.primitives.linalg_eig import eig_p
from functrans.primitives.linalg_eigh import eigh_p, svd_p
from functrans.primitives.linalg_qr import geqrf_p, qr_p
from functrans.primitives.linalg_solve import cholesky_p
from functrans.primitives.structural import transpose

__all__ = ["EigResult", "EighResult", "QRResult", "SVDResult", "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "matrices",
           "qr", "square_matrices", "svd", "svdvals"]


class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors of Hermitian matrices."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors of square matrices."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangle."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Singular vectors and values, ``U @ diag(S) @ Vh``."""

    U: Any
    S: Any
    Vh: Any


# -- operands ---------------------------------------------------------------------------------------------------------

def matrices(name: str, a: Any) -> Any:
    """`a` in a dtype that decompositions take.

    Raises:
        ValueError: for fewer than two axes.
        TypeError: for float16, which LAPACK does not know.

    >>> matrices("svd", np.eye(2, dtype=int)).dtype
    dtype('float64')
    """
    check_arraylike(f"linalg.{name}", a)
    (x,) = promote_inexact(asarray_internal(a))
    aval = typeof(x)
    if working_dtype(aval.dtype) == np.float32 != aval.dtype:
        raise TypeError(f"linalg.{name}: {aval.dtype} is not supported, at {describe(user_source())}. Convert to float32 first.")
    if aval.ndim < 2:
        raise ValueError(f"linalg.{name}: an array of at least two axes is needed, matrices in the last two; got shape {aval.shape}, at "
                         f"{describe(user_source())}.")
    return x


def square_matrices(name: str, a: Any) -> Any:
    """As `matrices`, square ones.

    Raises:
        ValueError: for other shapes.

    >>> square_matrices("inv", np.eye(2)).shape
    (2, 2)
    """
    x = matrices(name, a)
    shape = typeof(x).shape
    if shape[-1] != shape[-2]:
        raise ValueError(f"linalg.{name}: square matrices in the last two axes are needed; got shape {shape}, at "
                         f"{describe(user_source())}.")
    return x


def _symmetrized(x: Any) -> Any:
    return real_scaled(add(x, adjoint(x)), 0.5)


# -- decompositions ---------------------------------------------------------------------------------------------------

def cholesky(a: Any, *, upper: bool = False, symmetrize_input: bool = True) -> Any:
    """The lower triangular l with ``a = l @ l^H``, or the upper triangular u with ``a = u^H @ u``.

    Args:
        a: Hermitian positive definite matrices ``[..., n, n]``.
        upper: which factor.
        symmetrize_input: whether ``(a + a^H) / 2`` is factorised; otherwise the lower triangle of `a` alone counts (the upper
            one for ``upper=True``).

    Returns:
        Matrices like `a`; of matrices that are not positive definite, the triangle is nan.

    Raises:
        ValueError: unless the matrices are square.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)
    """
    x = square_matrices("cholesky", a)
    if symmetrize_input:
        x = _symmetrized(x)
    elif upper:
        x = adjoint(x)
    factor = cholesky_p.bind(x)
    return adjoint(factor) if upper else factor


def qr(a: Any, mode: str = "reduced") -> Any:
    """The QR decomposition ``a = q @ r``.

    Args:
        a: matrices ``[..., m, n]``.
        mode: "reduced" (q has ``min(m, n)`` columns), "complete" (q is square), "r" (r alone), or "raw" (LAPACK's reflections,
            transposed, and their factors).

    Returns:
        ``QRResult(Q, R)``, or r, or (h, tau).

    Raises:
        ValueError: for another mode.
        NotImplementedError: on differentiation of "complete" for more rows than columns, and of "raw".

    >>> qr(np.array([[3.0], [4.0]])).R
    Array([[-5.]], dtype=float64)
    """
    x = matrices("qr", a)
    if among(mode, ("raw",)):
        factors, taus = geqrf_p.bind(x)
        n = typeof(factors).ndim
        return transpose(factors, (*range(n - 2), n - 1, n - 2)), taus
    if not among(mode, ("reduced", "complete", "r", "full")):
        raise ValueError(f"linalg.qr: unknown mode {mode!r}; use 'reduced', 'complete', 'r' or 'raw', at {describe(user_source())}.")
    q, r = qr_p.bind(x, pivoting=False, full_matrices=mode in ("complete", "full"))
    return r if mode == "r" else QRResult(q, triu(r))


def eigh(a: Any, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices.

    Args:
        a: ``[..., n, n]``.
        UPLO: "L" or "U", the triangle that counts where the input is not symmetrized.
        symmetrize_input: whether ``(a + a^H) / 2`` is decomposed.

    Returns:
        ``EighResult(eigenvalues, eigenvectors)``: real ``[..., n]``, and ``[..., n, n]`` with the vectors in its columns.

    Raises:
        ValueError: unless the matrices are square, and UPLO is "L" or "U".

    >>> eigh(np.array([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    Array([1., 3.], dtype=float64)
    """
    x, lower = _hermitian("eigh", a, UPLO, symmetrize_input)
    v, w = eigh_p.bind(x, lower=lower, vectors=True)
    return EighResult(w, v)


def _hermitian(name: str, a: Any, uplo: str | None, symmetrize: bool) -> tuple[Any, bool]:
    if uplo not in (None, "L", "U", "l", "u"):
        raise ValueError(f"linalg.{name}: UPLO must be 'L' or 'U', not {uplo!r}, at {describe(user_source())}.")
    x = square_matrices(name, a)
    return _symmetrized(x) if symmetrize else x, uplo not in ("U", "u")


def eigvalsh(a: Any, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Any:
    """The eigenvalues of Hermitian matrices, ascending; see `eigh`.

    >>> eigvalsh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    Array([1., 3.], dtype=float64)
    """
    x, lower = _hermitian("eigvalsh", a, UPLO, symmetrize_input)
    return eigh_p.bind(x, lower=lower, vectors=False)[0]


def eig(a: Any) -> EigResult:
    """Eigenvalues and right eigenvectors of square matrices, always complex.

    Args:
        a: ``[..., n, n]``.

    Returns:
        ``EigResult(eigenvalues, eigenvectors)``: ``[..., n]``, and ``[..., n, n]`` with vectors of length 1 in its columns.

    Raises:
        ValueError: unless the matrices are square.

    >>> eig(np.array([[0.0, -1.0], [1.0, 0.0]])).eigenvalues
    Array([0.+1.j, 0.-1.j], dtype=complex128)
    """
    w, v = eig_p.bind(square_matrices("eig", a), left=False, right=True)
    return EigResult(w, v)


def eigvals(a: Any) -> Any:
    """The eigenvalues of square matrices, always complex; see `eig`.

    >>> eigvals(np.array([[1.0, 2.0], [0.0, 3.0]]))
    Array([1.+0.j, 3.+0.j], dtype=complex128)
    """
    return eig_p.bind(square_matrices("eigvals", a), left=False, right=False)[0]


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False,
        subset_by_index: tuple[int, int] | None = None) -> Any:
    """The singular value decomposition ``a = U @ diag(S) @ Vh``.

    Args:
        a: matrices ``[..., m, n]``.
        full_matrices: whether U and Vh are square; otherwise they have ``min(m, n)`` columns and rows.
        compute_uv: whether they are wanted.
        hermitian: whether the matrices are taken to be Hermitian: ``(a + a^H) / 2`` is decomposed.
        subset_by_index: the range (start, end) of singular values wanted; not with ``full_matrices``.

    Returns:
        ``SVDResult(U, S, Vh)``, or S alone; S is real and descends.

    Raises:
        ValueError: if arguments do not fit.
        NotImplementedError: on differentiation of the full decomposition of matrices that are not square.

    >>> svd(np.array([[3.0, 0.0], [0.0, -2.0]])).S
    Array([3., 2.], dtype=float64)
    """
    x = _symmetrized(square_matrices("svd", a)) if hermitian else matrices("svd", a)
    out = linalg_eigh.svd(x, full_matrices=full_matrices, compute_uv=compute_uv, subset_by_index=subset_by_index)
    return SVDResult(*out) if compute_uv else out


def svdvals(x: Any, /) -> Any:
    """The singular values of the matrices in the last two axes, descending; see `svd`.

    >>> svdvals(np.array([[3.0, 0.0], [0.0, -2.0]]))
    Array([3., 2.], dtype=float64)
    """
    return svd_p.bind(matrices("svdvals", x), full_matrices=False, compute_uv=False)[0]
