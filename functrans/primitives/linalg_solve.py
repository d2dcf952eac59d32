"""cholesky and triangular_solve: what positive definite and triangular systems are solved with.

Both are LAPACK's or BLAS's (potrf, trsm), which see a row-major matrix as its transpose: the lower Cholesky factor of a row-major
matrix is the transpose of the upper one that Fortran finds in the same memory, and ``op(a) x = b`` is solved as ``x^T op(a)^T = b^T``;
nothing is moved. Compiled, small real matrices are written out instead (`functrans.primitives.matrix_small`).

Derivatives. With ``a = l l^H`` and phi the lower triangle with half the diagonal, ``l_dot = l phi(l^-1 a_dot l^-H)`` (Murray,
"Differentiation of the Cholesky decomposition", 2016). The solution of a triangular system is linear in the right-hand side;
``x_dot = op(a)^-1 (b_dot - op(a_dot) x)`` (Giles, "Collected matrix derivative results", 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans import lapack
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.trace import Primitive, typeof
from functrans.lapack import Number, Slot
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.linalg_base import (
    add,
    adjoint,
    batched_over_leading,
    check_floats,
    check_square,
    hermitian_of_lower,
    matmul,
    matrix_transpose,
    minus,
    negative,
    no_transpose,
    phi,
    real_scaled,
    tril,
    triu,
)
from functrans.primitives.matrix_program import batch_of, conjugate, matrix_rules, nan_unless, succeeded, triangle
from functrans.primitives.matrix_small import is_small, small_cholesky, small_solve
from functrans.primitives.parts import conj_p
from functrans.primitives.structural import move_axis, moved_to_front, reshape

__all__ = ["cholesky", "cholesky_p", "triangular_solve", "triangular_solve_p"]


# -- cholesky ---------------------------------------------------------------------------------------------------------

def _cholesky_abstract(x: ShapedArray) -> ShapedArray:
    check_square("cholesky", x)
    return x.strong()


def _cholesky_program(b: Any, x: Any) -> Any:
    if 0 in x.shape:
        return x
    if is_small(b, x):
        return small_cholesky(b, x)
    n = x.shape[-1]
    call = lapack.call("potrf", x.dtype, "U", n, Slot(0, n * n), n, Slot(1, 1))
    factor, info = b.library(call, batch_of(x), (), [x], [(lapack.integer(), x.shape[:-2])])
    return triangle(b, nan_unless(b, succeeded(b, info), factor), True)


def _cholesky_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    factor = cholesky_p.bind(x)
    if type(x_dot) is Zero:
        return factor, Zero(tangent_aval(typeof(factor)))
    half = triangular_solve(factor, hermitian_of_lower(x_dot), left_side=False, lower=True, transpose_a=True, conjugate_a=True)
    inner = triangular_solve(factor, half, left_side=True, lower=True)
    return factor, matmul(factor, phi(inner))


cholesky_p: Primitive = primitive("cholesky", **matrix_rules(_cholesky_program, _cholesky_abstract), abstract=_cholesky_abstract,
                       jvp=_cholesky_jvp, batch=batched_over_leading(lambda: cholesky_p), reasons=dict(no_transpose))


def cholesky(a: Any, *, symmetrize_input: bool = True) -> Any:
    """The lower triangular l with ``a = l @ l^H``, for Hermitian positive definite matrices in the last two axes.

    Args:
        a: floating or complex, of shape ``[..., n, n]``.
        symmetrize_input: whether ``(a + a^H) / 2`` is factorised; otherwise the lower triangle of `a` alone counts.

    Returns:
        An array like `a`; where a matrix is not positive definite, its lower triangle is nan.

    Raises:
        TypeError: unless the matrices are square and floating.

    >>> import numpy as np
    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    Array([[2., 0.],
           [1., 2.]], dtype=float64)
    """
    check_square("cholesky", typeof(a))
    if symmetrize_input:
        a = real_scaled(add(a, adjoint(a)), 0.5)
    return cholesky_p.bind(a)


# -- triangular_solve -------------------------------------------------------------------------------------------------

def _solve_abstract(a: ShapedArray, b: ShapedArray, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
                    unit_diagonal: bool) -> ShapedArray:
    check_square("triangular_solve", a)
    check_floats("triangular_solve", b)
    if a.dtype != b.dtype:
        raise operand_error("triangular_solve", "operands must have equal dtypes; convert them first.", a, b)
    if b.ndim != a.ndim or b.shape[:-2] != a.shape[:-2] or b.shape[-2 if left_side else -1] != a.shape[-1]:
        side = "second to last axis" if left_side else "last axis"
        raise operand_error("triangular_solve", f"leading axes must be equal, and the {side} of b as long as the matrices are wide.",
                            a, b)
    return b.strong()


def _solve_program(b: Any, a: Any, rhs: Any, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
                   unit_diagonal: bool) -> Any:
    if 0 in rhs.shape:
        return rhs
    if is_small(b, a):
        return small_solve(b, a, rhs, left_side=left_side, lower=lower, transpose_a=transpose_a, unit_diagonal=unit_diagonal)
    if conjugate_a and not transpose_a:
        a, conjugate_a = conjugate(b, a), False
    n = a.shape[-1]
    rows, columns = rhs.shape[-2:]
    operation = "N" if not transpose_a else "C" if conjugate_a and a.is_complex else "T"
    call = lapack.call(
        "trsm", rhs.dtype, "R" if left_side else "L", "U" if lower else "L", operation, "U" if unit_diagonal else "N",
        columns, rows, Number(1.0, rhs.dtype.name), Slot(0, n * n), n, Slot(1, rows * columns), columns)
    return b.library(call, batch_of(rhs), [a], [rhs], [])[0]


def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[Any, Any]:
    (a, b), (a_dot, b_dot) = primals, tangents
    x = triangular_solve_p.bind(a, b, **params)
    rhs = None if type(b_dot) is Zero else b_dot
    if type(a_dot) is not Zero:
        k = 1 if params["unit_diagonal"] else 0
        moved = _operation(tril(a_dot, -k) if params["lower"] else triu(a_dot, k), params)
        product = matmul(moved, x) if params["left_side"] else matmul(x, moved)
        rhs = negative(product) if rhs is None else minus(rhs, product)
    if rhs is None:
        return x, Zero(tangent_aval(typeof(x)))
    return x, triangular_solve_p.bind(a, rhs, **params)


def _operation(a: Any, params: dict[str, Any]) -> Any:
    """``op(a)``."""
    if params["conjugate_a"] and typeof(a).dtype.kind == "c":
        a = conj_p.bind(a, input_dtype=typeof(a).dtype)
    return matrix_transpose(a) if params["transpose_a"] else a


def _solve_transpose(ct: Any, a: Any, b: Any, *, transpose_a: bool, **params: Any) -> list[Any]:
    assert isinstance(b, Linear) and not isinstance(a, Linear), "a triangular solve is linear in its right-hand side"
    return [None, triangular_solve_p.bind(a, ct, transpose_a=not transpose_a, **params)]


def _solve_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, left_side: bool, **params: Any) -> tuple[Any, int]:
    (a, b), (a_dim, b_dim) = args, dims
    if a_dim is not None or b_dim is None:
        moved = (moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True))
        return triangular_solve_p.bind(*moved, left_side=left_side, **params), 0
    # One matrix for many right-hand sides: they are more columns (or rows) of one.
    n = typeof(a).ndim
    at = n if left_side else n - 2
    moved_b = move_axis(b, b_dim, at)
    shape = typeof(moved_b).shape
    joined = reshape(moved_b, (*shape[:n - 1], shape[n - 1] * size) if left_side else (*shape[:n - 2], size * shape[n - 1], shape[n]))
    out = triangular_solve_p.bind(a, joined, left_side=left_side, **params)
    return reshape(out, shape), at


triangular_solve_p: Primitive = primitive(
    "triangular_solve", **matrix_rules(_solve_program, _solve_abstract), abstract=_solve_abstract, jvp=_solve_jvp,
    transpose=_solve_transpose, batch=_solve_batch)


def triangular_solve(
    a: Any, b: Any, *, left_side: bool = False, lower: bool = False, transpose_a: bool = False, conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    """The solution x of ``op(a) x = b`` (`left_side`) or ``x op(a) = b``, for triangular matrices in the last two axes.

    Args:
        a: of shape ``[..., n, n]``; only the triangle that `lower` names is read.
        b: of the same dtype and leading axes, ``[..., n, k]`` with `left_side`, else ``[..., k, n]``; or without k.
        lower: which triangle.
        transpose_a, conjugate_a: op: whether `a` is transposed, and conjugated.
        unit_diagonal: whether the diagonal is taken to be 1 and not read.

    Returns:
        x, of the shape of `b`. A zero on the diagonal gives inf or nan.

    Raises:
        TypeError: if dtypes or shapes do not fit.

    >>> import numpy as np
    >>> a = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> triangular_solve(a, np.array([[2.0], [9.0]]), left_side=True, lower=True)
    Array([[1.],
           [2.]], dtype=float64)
    """
    shape = typeof(b).shape
    vector = len(shape) == typeof(a).ndim - 1
    if vector:
        b = reshape(b, (*shape, 1) if left_side else (*shape[:-1], 1, *shape[-1:]))
    conjugate_a = conjugate_a and typeof(a).dtype.kind == "c"
    out = triangular_solve_p.bind(a, b, left_side=left_side, lower=lower, transpose_a=transpose_a, conjugate_a=conjugate_a,
                                  unit_diagonal=unit_diagonal)
    return reshape(out, shape) if vector else out
