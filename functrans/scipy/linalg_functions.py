"""Functions of matrices: exponential, square root, any function; and the Sylvester equation.

The exponential is a Padé approximant of order 13 with scaling and squaring (Higham, "The scaling and squaring method for the matrix
exponential revisited", 2005). Square roots and other functions go through the complex Schur form, ``a = z t z^H``: the square root of
a triangle column by column (Björck & Hammarling, "A Schur method for the square root of a matrix", 1983), other functions by Parlett's
recurrence, diagonal by diagonal. The derivative of the square root x solves ``x x_dot + x_dot x = a_dot``; that of a Sylvester
equation is that of any linear system.

Known limits: `funm` has no derivative, and loses accuracy where eigenvalues are close.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.calls.custom_jvp import custom_jvp
from functrans.calls.fori_loop import fori_loop
from functrans.calls.implicit import custom_linear_solve
from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy import linalg
from functrans.numpy.decompositions import square_matrices
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.primitives.linalg_base import adjoint
from functrans.primitives.linalg_eig import schur
from functrans.primitives.linalg_solve import triangular_solve
from functrans.scipy.linalg_decompositions import solve_triangular
from functrans.transforms.api import jvp

__all__ = ["expm", "expm_frechet", "funm", "solve_sylvester", "sqrtm"]

# -- exponential ------------------------------------------------------------------------------------------------------

_PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
         33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)
_THETA = 5.371920351148152
"""The 1-norm up to which the approximant is accurate in double precision."""


def expm(A: Any, *, upper_triangular: bool = False, max_squarings: int = 16) -> Any:
    """The exponential of square matrices.

    Args:
        A: ``[..., n, n]``.
        upper_triangular: whether the matrices are upper triangular, which saves a decomposition.
        max_squarings: matrices that need more squarings (of a 1-norm beyond ``5.37 * 2**max_squarings``) give nan.

    Returns:
        Matrices like `A`.

    Raises:
        ValueError: unless the matrices are square.

    >>> expm(np.zeros((2, 2)))
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """
    return _expm(square_matrices("expm", A), bool(upper_triangular), int(max_squarings))


def _exponential(a: Any, upper_triangular: bool, max_squarings: int) -> Any:
    shape, dtype = typeof(a).shape, typeof(a).dtype
    if 0 in shape:
        return a
    norms = linalg.norm(a, 1, axis=(-2, -1))
    # The number of squarings is a choice, not part of what is differentiated: it is made of integers.
    count = fnp.maximum(0, fnp.ceil(fnp.log2(fnp.maximum(norms, 1e-30) / _THETA))).astype(np.int32)
    scale = fnp.exp2(-fnp.minimum(count, max_squarings).astype(norms.dtype)).astype(dtype)
    x = a * scale[..., None, None]
    one = fnp.eye(shape[-1], dtype=dtype)
    b = [dtype.type(c) for c in _PADE]
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    start = solve_triangular(even - odd, even + odd) if upper_triangular else linalg.solve(even - odd, even + odd)
    turns = fnp.minimum(fnp.max(count), max_squarings)
    out = fori_loop(0, turns, lambda i, y: fnp.where((i < count)[..., None, None], y @ y, y), start)
    return fnp.where((count > max_squarings)[..., None, None], fnp.nan, out).astype(dtype)


_expm = jit(_exponential, static_argnums=(1, 2))


def expm_frechet(A: Any, E: Any, *, method: str | None = None, compute_expm: bool = True) -> Any:
    """The exponential of A and its derivative in the direction E.

    Args:
        A, E: square matrices of one shape.
        method: accepted and ignored; the derivative is that of `expm`.
        compute_expm: whether the exponential is returned too.

    Returns:
        (exponential, derivative), or the derivative.

    Raises:
        ValueError: unless both are square matrices of one shape.

    >>> expm_frechet(np.zeros((1, 1)), np.ones((1, 1)), compute_expm=False)
    Array([[1.]], dtype=float64)
    """
    a, e = promote_inexact(asarray_internal(A), asarray_internal(E))
    a, e = square_matrices("expm_frechet", a), square_matrices("expm_frechet", e)
    if typeof(a).shape != typeof(e).shape:
        raise ValueError(f"expm_frechet: A and E must have one shape; got {typeof(a).shape} and {typeof(e).shape}, at "
                         f"{describe(user_source())}.")
    value, derivative = jvp(expm, (a,), (e,))
    return (value, derivative) if compute_expm else derivative


# -- Sylvester --------------------------------------------------------------------------------------------------------

def solve_sylvester(A: Any, B: Any, C: Any, *, method: str = "schur", tol: float = 1e-8) -> Any:
    """The solution X of ``A @ X + X @ B = C``.

    Args:
        A: ``[m, m]``.
        B: ``[n, n]``.
        C: ``[m, n]``.
        method, tol: accepted and ignored; complex Schur forms of A and B are used.

    Returns:
        ``[m, n]``, real where all are; inf or nan where A and -B have an eigenvalue in common.

    Raises:
        ValueError: if shapes do not fit.

    >>> solve_sylvester(np.eye(1), np.eye(1), np.array([[4.0]]))
    Array([[2.]], dtype=float64)
    """
    a, b, c = promote_inexact(*map(asarray_internal, (A, B, C)))
    a, b = square_matrices("solve_sylvester", a), square_matrices("solve_sylvester", b)
    if typeof(c).shape != (typeof(a).shape[-1], typeof(b).shape[-1]):
        raise ValueError(f"solve_sylvester: C must be {typeof(a).shape[-1]} x {typeof(b).shape[-1]}; got shape {typeof(c).shape}, at "
                         f"{describe(user_source())}.")
    return _sylvester(a, b, c)


def _equation(a: Any, b: Any, c: Any) -> Any:
    return custom_linear_solve(lambda x: a @ x + x @ b, c, lambda _, rhs: _by_schur(a, b, rhs), lambda _, rhs: _by_schur(a.T, b.T, rhs))


_sylvester = jit(_equation)


def _by_schur(a: Any, b: Any, c: Any) -> Any:
    """With ``a = u t u^H`` and ``b = v s v^H``: ``t y + y s = u^H c v`` column by column, each a triangular system."""
    dtype = np.result_type(typeof(a).dtype, np.complex64)
    m, n = typeof(c).shape
    if 0 in (m, n):
        return c
    t, u = schur(a.astype(dtype))
    s, v = schur(b.astype(dtype))
    rhs = adjoint(u) @ c.astype(dtype) @ v
    one = fnp.eye(m, dtype=dtype)

    def column(j: Any, y: Any) -> Any:
        # The columns of y from j on are still 0.
        rest = rhs[:, j] - y @ s[:, j]
        solved = triangular_solve(t + s[j, j] * one, rest, left_side=True, lower=False)
        return y.at[:, j].set(solved)

    x = u @ fori_loop(0, n, column, fnp.zeros((m, n), dtype)) @ adjoint(v)
    return x if typeof(c).dtype.kind == "c" else fnp.real(x)


# -- square root ------------------------------------------------------------------------------------------------------

def sqrtm(A: Any, blocksize: int = 1) -> Any:
    """The principal square root of a square matrix.

    Args:
        A: ``[n, n]``.
        blocksize: accepted for compatibility; must be 1.

    Returns:
        A complex matrix x with ``x @ x = A``, its eigenvalues in the right half plane; nan or inf where there is none.

    Raises:
        NotImplementedError: for another `blocksize`.

    >>> sqrtm(np.array([[4.0, 0.0], [0.0, 9.0]])).real
    Array([[2., 0.],
           [0., 3.]], dtype=float64)
    """
    if blocksize > 1:
        raise NotImplementedError(f"sqrtm: blocksize must be 1, not {blocksize}, at {describe(user_source())}.")
    x = square_matrices("sqrtm", A)
    return _square_root(x.astype(np.result_type(typeof(x).dtype, np.complex64)))


def _root_by_schur(a: Any) -> Any:
    n = typeof(a).shape[-1]
    if not n:
        return a
    t, z = schur(a)
    rows = fnp.arange(n)
    one = fnp.eye(n, dtype=a.dtype)

    def column(j: Any, r: Any) -> Any:
        # Above the diagonal ``(r + r[j, j]) r[:, j] = t[:, j]``; rows from j on are those of an identity, with 0 on the right.
        pivot = fnp.sqrt(t[j, j])
        above = rows < j
        inside = above[:, None] & above[None, :]
        matrix = fnp.where(inside, r + pivot * one, one)
        # Two eigenvalues 0 leave the equation ``0 y = b`` for their entry: y = 0 solves it if b is 0, and otherwise there is no root.
        free = fnp.diagonal(matrix) == 0
        solved = triangular_solve(matrix + fnp.diag(free.astype(a.dtype)), fnp.where(above, t[:, j], 0), left_side=True, lower=False)
        solved = fnp.where(free & (solved != 0), fnp.nan, solved)
        return r.at[:, j].set(fnp.where(rows == j, pivot, solved))

    return z @ fori_loop(0, n, column, fnp.zeros_like(t)) @ adjoint(z)


@custom_jvp
def _differentiable_root(a: Any) -> Any:
    return _root_by_schur(a)


@_differentiable_root.defjvp
def _root_jvp(primals: Any, tangents: Any) -> Any:
    (a,), (a_dot,) = primals, tangents
    x = _differentiable_root(a)
    return x, _equation(x, x, a_dot)


_square_root = jit(_differentiable_root)


# -- any function -----------------------------------------------------------------------------------------------------

def funm(A: Any, func: Callable[[Any], Any], disp: bool = True) -> Any:
    """A function of a square matrix, by Parlett's recurrence.

    Args:
        A: ``[n, n]``.
        func: the function, which takes and returns an array of complex numbers, elementwise.
        disp: whether the result alone is returned.

    Returns:
        The complex matrix, or with ``disp=False`` (matrix, an estimate of its relative error).

    >>> funm(np.array([[1.0, 0.0], [0.0, 2.0]]), lambda x: x * x).real
    Array([[1., 0.],
           [0., 4.]], dtype=float64)
    """
    a = square_matrices("funm", A)
    dtype = np.result_type(typeof(a).dtype, np.complex64)
    n = typeof(a).shape[-1]
    t, z = schur(a.astype(dtype))
    diagonal = fnp.diagonal(t)
    eps = np.finfo(dtype).eps
    gaps = diagonal[:, None] - diagonal[None, :]
    rows, columns = fnp.arange(n)[:, None], fnp.arange(n)[None, :]
    divisor = fnp.where(fnp.abs(gaps) < eps, eps, gaps)

    def band(p: Any, f: Any) -> Any:
        # f commutes with t; with the diagonals below p known, that gives diagonal p.
        known = f @ t - t @ f
        return fnp.where(columns - rows == p, known / divisor, f)

    start = fnp.diag(func(diagonal).astype(dtype))
    f = fori_loop(1, n, band, start) if n > 1 else start
    out = z @ f @ adjoint(z)
    if disp:
        return out
    least = fnp.min(fnp.where(columns > rows, fnp.abs(gaps), fnp.inf), initial=fnp.inf) if n > 1 else fnp.inf
    strict = linalg.norm(fnp.triu(t, 1), 1)
    error = fnp.minimum(1.0, fnp.maximum(eps, eps / fnp.where(least == 0, eps, least) * strict))
    return out, error
