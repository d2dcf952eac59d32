"""Tridiagonal matrices: the reduction of Hermitian ones to them (LAPACK's sytrd and hetrd), and systems of equations (gtsv).

The solution of ``t x = b`` is linear in b; ``x_dot = t^-1 (b_dot - t_dot x)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans import lapack
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import real_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.lapack import LWORK, WORK, Slot
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.linalg_base import add, batched_over_leading, check_floats, check_square, minus, negative, times
from functrans.primitives.matrix_program import batch_of, filled, matrix_rules, nan_unless, succeeded, turned
from functrans.primitives.movement import pad, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, instantiate

__all__ = ["tridiagonal", "tridiagonal_p", "tridiagonal_solve", "tridiagonal_solve_p"]


# -- reduction --------------------------------------------------------------------------------------------------------

def _tridiagonal_abstract(x: ShapedArray, *, lower: bool) -> list[ShapedArray]:
    check_square("tridiagonal", x)
    batch, n, real = x.shape[:-2], x.shape[-1], real_dtype(x.dtype)
    short = (*batch, max(n - 1, 0))
    return [x.strong(), ShapedArray((*batch, n), real), ShapedArray(short, real), ShapedArray(short, x.dtype)]


def _tridiagonal_program(b: Any, x: Any, *, lower: bool) -> list[Any]:
    batch, n, real = x.shape[:-2], x.shape[-1], real_dtype(x.dtype)
    short = (*batch, max(n - 1, 0))
    if 0 in x.shape or n == 1:
        return [x, b.reshape(x.re, (*batch, n)), filled(b, short, 0, real), filled(b, short, 0, x.dtype)]
    call = lapack.call("hetrd" if x.is_complex else "sytrd", x.dtype, "L" if lower else "U", n, Slot(0, n * n), n, Slot(1, n),
                       Slot(2, n - 1), Slot(3, n - 1), WORK, LWORK, Slot(4, 1))
    outputs = [(real, (*batch, n)), (real, short), (x.dtype, short), (lapack.integer(), batch)]
    factors, d, e, taus, _ = b.library(call, batch_of(x), (), [turned(b, x)], outputs)
    return [turned(b, factors), d, e, taus]


tridiagonal_p: Primitive = primitive("tridiagonal", **matrix_rules(_tridiagonal_program, _tridiagonal_abstract),
                                     abstract=_tridiagonal_abstract, batch=batched_over_leading(lambda: tridiagonal_p),
                                     multiple_results=True, reasons={"jvp": "it has no derivative rule; differentiate eigh",
                                                                     "transpose": "it is not linear"})


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Any, Any, Any, Any]:
    """The reduction ``t = q^H a q`` of Hermitian matrices to real tridiagonal ones, as LAPACK leaves it.

    Args:
        a: floating or complex, of shape ``[..., n, n]``.
        lower: which triangle is read.

    Returns:
        (factors, d, e, taus): the Householder vectors that make q; the diagonal and the off-diagonal of t; the reflections' factors.

    >>> import numpy as np
    >>> factors, d, e, taus = tridiagonal(np.array([[2.0, 1.0], [1.0, 3.0]]))
    >>> d
    Array([2., 3.], dtype=float64)
    """
    factors, d, e, taus = tridiagonal_p.bind(a, lower=bool(lower))
    return factors, d, e, taus


# -- systems ----------------------------------------------------------------------------------------------------------

def _solve_abstract(dl: ShapedArray, d: ShapedArray, du: ShapedArray, b: ShapedArray) -> ShapedArray:
    check_floats("tridiagonal_solve", dl, d, du, b)
    if not (dl.shape == d.shape == du.shape == b.shape[:-1] and dl.dtype == d.dtype == du.dtype == b.dtype):
        raise operand_error("tridiagonal_solve", "three diagonals of one shape [..., n] and a right-hand side [..., n, k] of the same "
                            "dtype are needed.", dl, d, du, b)
    return b.strong()


def _solve_program(b: Any, dl: Any, d: Any, du: Any, rhs: Any) -> Any:
    if 0 in rhs.shape:
        return rhs
    *leading, n, k = rhs.shape
    batch = tuple(leading)
    zeros, ones = [0] * len(batch), [1] * (len(batch) + 1)
    # gtsv reads n - 1 elements beside the diagonal; a row of n is given, so that n = 1 has one too.
    order = [b.concatenate([b.slice(dl, [*zeros, 1], [*batch, n], ones), filled(b, (*batch, 1), 0, dl.dtype)], len(batch)), d, du]
    call = lapack.call("gtsv", rhs.dtype, n, k, Slot(0, n), Slot(1, n), Slot(2, n), Slot(3, n * k), n, Slot(4, 1))
    *_, x, info = b.library(call, batch_of(rhs), (), [*order, turned(b, rhs)], [(lapack.integer(), batch)])
    return nan_unless(b, succeeded(b, info), turned(b, x))


def _product(dl: Any, d: Any, du: Any, x: Any) -> Any:
    """The tridiagonal matrices times `x`."""
    shape = typeof(x).shape
    n, axis = shape[-2], len(shape) - 2
    zero, none = typeof(x).dtype.type(0), (0, 0, 0)
    config = [none] * axis

    def scaled(diagonal: Any, y: Any) -> Any:
        return times(broadcast_in_dim(diagonal, shape, range(axis + 1)), y)

    before = pad(slice_in_dim(x, 0, n - 1, axis=axis), zero, [*config, (1, 0, 0), none])
    behind = pad(slice_in_dim(x, 1, n, axis=axis), zero, [*config, (0, 1, 0), none])
    return add(add(scaled(dl, before), scaled(d, x)), scaled(du, behind))


def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    *diagonals, b = primals
    *diagonal_dots, b_dot = tangents
    x = tridiagonal_solve_p.bind(*diagonals, b)
    rhs = None if type(b_dot) is Zero else b_dot
    if any(type(t) is not Zero for t in diagonal_dots) and 0 not in typeof(x).shape:
        dl_dot, d_dot, du_dot = map(instantiate, diagonal_dots)
        product = _product(dl_dot, d_dot, du_dot, x)
        rhs = negative(product) if rhs is None else minus(rhs, product)
    if rhs is None:
        return x, Zero(tangent_aval(typeof(x)))
    return x, tridiagonal_solve_p.bind(*diagonals, rhs)


def _solve_transpose(ct: Any, dl: Any, d: Any, du: Any, b: Any) -> list[Any]:
    assert isinstance(b, Linear), "a tridiagonal solve is linear in its right-hand side"
    axis = typeof(d).ndim - 1
    n, zero = typeof(d).shape[-1], typeof(d).dtype.type(0)
    config = [(0, 0, 0)] * axis
    lower = pad(slice_in_dim(du, 0, max(n - 1, 0), axis=axis), zero, [*config, (min(n, 1), 0, 0)])
    upper = pad(slice_in_dim(dl, min(n, 1), n, axis=axis), zero, [*config, (0, min(n, 1), 0)])
    return [None, None, None, tridiagonal_solve_p.bind(lower, d, upper, ct)]


tridiagonal_solve_p: Primitive = primitive(
    "tridiagonal_solve", **matrix_rules(_solve_program, _solve_abstract), abstract=_solve_abstract, jvp=_solve_jvp,
    transpose=_solve_transpose, batch=batched_over_leading(lambda: tridiagonal_solve_p))


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Any:
    """The solution x of ``t x = b`` for tridiagonal matrices t.

    Args:
        dl: ``[..., n]``, what stands left of the diagonal in each row; ``dl[..., 0]`` is not read.
        d: ``[..., n]``, the diagonal.
        du: ``[..., n]``, what stands right of it; ``du[..., n - 1]`` is not read.
        b: ``[..., n, k]`` of the same dtype.
        perturb_singular: singular matrices solved as nearby ones; not available.

    Returns:
        ``[..., n, k]``; nan where t is singular.

    Raises:
        TypeError: if shapes or dtypes do not fit.
        NotImplementedError: if `perturb_singular` is asked for.

    >>> import numpy as np
    >>> d = np.array([2.0, 2.0])
    >>> tridiagonal_solve(np.ones(2), d, np.ones(2), np.array([[3.0], [3.0]]))
    Array([[1.],
           [1.]], dtype=float64)
    """
    if perturb_singular:
        raise NotImplementedError(f"tridiagonal_solve: perturb_singular=True is not available, at {describe(user_source())}.")
    return tridiagonal_solve_p.bind(dl, d, du, b)
