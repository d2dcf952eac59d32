"""Systems of equations by their LU factors, determinants, pseudo-inverses.

Derivatives. ``lu_solve`` takes the matrix together with its factors and differentiates the equation ``a x = b``, not the factorisation:
``x_dot = a^-1 (b_dot - a_dot x)`` with the same factors. The determinant is a polynomial, so its derivative exists for singular
matrices too: ``tr(adj(a) a_dot)``, with the adjugate from a singular value decomposition; and so does that of the adjugate.
``log |det|`` has the derivative ``tr(a^-1 a_dot)``. The pseudo-inverse has, where the rank does not change (Golub & Pereyra, "The
differentiation of pseudo-inverses", 1973)::

    p_dot = -p a_dot p + p p^H a_dot^H (1 - a p) + (1 - p a) a_dot^H p^H p
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import lapack
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import real_dtype
from functrans.core.trace import Primitive, typeof
from functrans.lapack import Slot
from functrans.primitives.arithmetic import select_n_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.complex_math import complex_mul
from functrans.primitives.linalg_base import (
    add,
    adjoint,
    batched_over_leading,
    check_floats,
    check_matrices,
    check_square,
    diagonal_of,
    eye,
    matmul,
    matrix_transpose,
    minus,
    negative,
    no_transpose,
    real_of,
    times,
    tril,
    triu,
    zero_tangents,
)
from functrans.primitives.linalg_eigh import _svd_program, svd_p
from functrans.primitives.linalg_lu import lu
from functrans.primitives.matrix_program import batch_of, choose, conjugate, eye_mask, filled, matrix_rules, spread, turned
from functrans.primitives.parts import complex_p, imag_p
from functrans.primitives.reduction import reduce_prod
from functrans.primitives.stop_gradient import stop_gradient
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, move_axis, moved_to_front, reduce_sum, reshape

__all__ = ["adjugate_p", "det_p", "lu_solve_p", "pinv_p", "slogdet_p", "solve"]


# -- lu_solve ---------------------------------------------------------------------------------------------------------

def _solve_abstract(a: ShapedArray, factors: ShapedArray, pivots: ShapedArray, b: ShapedArray, *, transpose_a: bool) -> ShapedArray:
    check_square("lu_solve", a)
    check_floats("lu_solve", b)
    if a.dtype != b.dtype or factors.dtype != a.dtype or factors.shape != a.shape or pivots.shape != a.shape[:-1]:
        raise operand_error("lu_solve", "matrices, their LU factors and pivots, and a right-hand side of the same dtype are needed.",
                            a, factors, pivots, b)
    if b.ndim != a.ndim or b.shape[:-1] != a.shape[:-1]:
        raise operand_error("lu_solve", "the right-hand side must have as many rows as the matrices, and equal leading axes.", a, b)
    return b.strong()


def _solve_program(b: Any, a: Any, factors: Any, pivots: Any, rhs: Any, *, transpose_a: bool) -> Any:
    if 0 in rhs.shape:
        return rhs
    n, k = rhs.shape[-2:]
    integer = lapack.integer()
    counted = b.op("add", b.convert(pivots, integer), b.const(1, integer))
    call = lapack.call("getrs", rhs.dtype, "T" if transpose_a else "N", n, k, Slot(0, n * n), n, Slot(1, n), Slot(2, n * k), n, Slot(3, 1))
    x, _ = b.library(call, batch_of(rhs), [turned(b, factors), counted], [turned(b, rhs)], [(integer, rhs.shape[:-2])])
    return turned(b, x)


def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, transpose_a: bool) -> tuple[Any, Any]:
    a, factors, pivots, b = primals
    a_dot, b_dot = tangents[0], tangents[3]
    x = lu_solve_p.bind(a, factors, pivots, b, transpose_a=transpose_a)
    rhs = None if type(b_dot) is Zero else b_dot
    if type(a_dot) is not Zero:
        moved = matmul(matrix_transpose(a_dot) if transpose_a else a_dot, x)
        rhs = negative(moved) if rhs is None else minus(rhs, moved)
    if rhs is None:
        return x, Zero(tangent_aval(typeof(x)))
    return x, lu_solve_p.bind(a, factors, pivots, rhs, transpose_a=transpose_a)


def _solve_transpose(ct: Any, a: Any, factors: Any, pivots: Any, b: Any, *, transpose_a: bool) -> list[Any]:
    assert isinstance(b, Linear), "a solve is linear in its right-hand side"
    return [None, None, None, lu_solve_p.bind(a, factors, pivots, ct, transpose_a=not transpose_a)]


def _solve_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int]:
    *matrix, b = args
    *matrix_dims, b_dim = dims
    if b_dim is None or any(d is not None for d in matrix_dims):
        return lu_solve_p.bind(*(moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True)), **params), 0
    # One matrix for many right-hand sides: they are more columns of one.
    moved = move_axis(b, b_dim, typeof(b).ndim - 1)
    shape = typeof(moved).shape
    out = lu_solve_p.bind(*matrix, reshape(moved, (*shape[:-2], shape[-2] * size)), **params)
    return reshape(out, shape), len(shape) - 1


lu_solve_p: Primitive = primitive("lu_solve", **matrix_rules(_solve_program, _solve_abstract), abstract=_solve_abstract, jvp=_solve_jvp,
                       transpose=_solve_transpose, batch=_solve_batch)


def solve(a: Any, b: Any) -> Any:
    """The solution of ``a x = b`` for square matrices, with equal leading axes; inf and nan where a is singular.

    >>> solve(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[4.0], [3.0]]))
    Array([[3.],
           [2.]], dtype=float64)
    """
    factors, pivots, _ = lu(stop_gradient(a))
    return lu_solve_p.bind(a, factors, pivots, b, transpose_a=False)


# -- determinants -------------------------------------------------------------------------------------------------------

def _pivots_of(b: Any, x: Any) -> tuple[Any, Any]:
    """(the diagonal of u, whether the rows are exchanged oddly) of an LU decomposition."""
    batch, n, integer = x.shape[:-2], x.shape[-1], lapack.integer()
    call = lapack.call("getrf", x.dtype, n, n, Slot(0, n * n), n, Slot(1, n), Slot(2, 1))
    factors, pivots, _ = b.library(call, batch_of(x), (), [turned(b, x)], [(integer, (*batch, n)), (integer, batch)])
    line = b.reshape(factors, (*batch, n * n))
    at = len(batch)
    diagonal = b.slice(line, [0] * (at + 1), [*batch, n * n], [*([1] * at), n + 1])
    own = b.op("add", b.iota(integer, (*batch, n), at), b.const(1, integer))
    return diagonal, b.reduce("xor", b.op("ne", pivots, own), (at,))


def _det_abstract(x: ShapedArray) -> ShapedArray:
    check_square("det", x)
    return ShapedArray(x.shape[:-2], x.dtype)


def _det_program(b: Any, x: Any) -> Any:
    batch = x.shape[:-2]
    if 0 in x.shape:
        return filled(b, batch, 1, x.dtype)
    diagonal, odd = _pivots_of(b, x)
    product = b.reduce("mul", diagonal, (len(batch),))
    if x.is_complex:
        return b.complex(*(b.op("select", odd, b.op("neg", part), part) for part in (product.re, product.im)))
    return b.op("select", odd, b.op("neg", product), product)


def _det_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (x,), (x_dot,) = primals, tangents
    out = det_p.bind(x)
    if type(x_dot) is Zero or typeof(x).shape[-1] == 0:
        return out, Zero(tangent_aval(typeof(out)))
    return out, _trace(matmul(adjugate_p.bind(x), x_dot))


def _trace(x: Any) -> Any:
    return reduce_sum(diagonal_of(x), [typeof(x).ndim - 2])


det_p: Primitive = primitive("det", **matrix_rules(_det_program, _det_abstract), abstract=_det_abstract, jvp=_det_jvp,
                  batch=batched_over_leading(lambda: det_p), reasons=dict(no_transpose))


def _adjugate_abstract(x: ShapedArray) -> ShapedArray:
    check_square("adjugate", x)
    return x.strong()


def _adjugate_program(b: Any, x: Any) -> Any:
    """``det(u vt) v diag(products of all other s) u^H`` from a singular value decomposition: exact for every rank."""
    if 0 in x.shape:
        return x
    at = len(x.shape) - 2
    s, u, vt = _svd_program(b, x, full_matrices=False, compute_uv=True)
    others = choose(b, eye_mask(b, x.shape), b.const(1, s.dtype), b.broadcast(s, x.shape, (*range(at), at + 1)))
    rest = b.broadcast(b.reduce("mul", others, (at + 1,)), x.shape, (*range(at), at + 1))
    scaled = b.complex(b.op("mul", u.re, rest), b.op("mul", u.im, rest)) if u.is_complex else b.op("mul", u, rest)
    axes = tuple(range(at))
    product = b.contract(conjugate(b, vt), conjugate(b, scaled), ((at,), (at + 1,)), (axes, axes), x.dtype)
    one, other = _det_program(b, u), _det_program(b, vt)
    if not x.is_complex:
        return b.op("mul", product, spread(b, b.op("mul", one, other), x.shape))
    return complex_mul(b, product, spread(b, complex_mul(b, one, other), x.shape))


def _adjugate_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """In the basis of the singular vectors adj is that of a diagonal matrix: of m near ``diag(s)`` it changes by ``-m[i, j]`` times the
    product of all s but i and j, on the diagonal by the sum of ``m[j, j]`` times these products."""
    (x,), (x_dot,) = primals, tangents
    out = adjugate_p.bind(x)
    n = typeof(x).shape[-1]
    if type(x_dot) is Zero or 0 in typeof(x).shape:
        return out, Zero(tangent_aval(typeof(out)))
    s, u, vt = svd_p.bind(x, full_matrices=False, compute_uv=True)
    uh, v = adjoint(u), adjoint(vt)
    inner = matmul(uh, x_dot, v)
    shape, at = typeof(inner).shape, typeof(inner).ndim - 2
    cube = (*shape, n)
    index = np.arange(n)
    left_out = (index == index[:, None, None]) | (index == index[None, :, None])
    factors = select_n_p.bind(broadcast_in_dim(left_out, cube, range(at, at + 3)), broadcast_in_dim(s, cube, (*range(at), at + 2)),
                              broadcast_in_dim(typeof(s).dtype.type(1), cube, ()))
    products = convert_element_type(reduce_prod(factors, (at + 2,)), typeof(x).dtype)
    diagonal = tril(triu(inner))
    apart = minus(times(diagonal, products), times(inner, products))
    others = times(broadcast_in_dim(diagonal_of(inner), shape, (*range(at), at + 1)), products)
    identity = eye(shape, typeof(x).dtype)
    sums = reduce_sum(minus(others, times(others, identity)), [at + 1])
    change = add(apart, times(broadcast_in_dim(sums, shape, range(at + 1)), identity))
    unit = broadcast_in_dim(times(det_p.bind(u), det_p.bind(vt)), shape, range(at))
    return out, times(matmul(v, change, uh), unit)


adjugate_p: Primitive = primitive("adjugate", **matrix_rules(_adjugate_program, _adjugate_abstract), abstract=_adjugate_abstract,
                                   jvp=_adjugate_jvp, batch=batched_over_leading(lambda: adjugate_p), reasons=dict(no_transpose))


def _slogdet_abstract(x: ShapedArray) -> list[ShapedArray]:
    check_square("slogdet", x)
    return [ShapedArray(x.shape[:-2], x.dtype), ShapedArray(x.shape[:-2], real_dtype(x.dtype))]


def _slogdet_program(b: Any, x: Any) -> list[Any]:
    batch, real = x.shape[:-2], real_dtype(x.dtype)
    if 0 in x.shape:
        return [filled(b, batch, 1, x.dtype), filled(b, batch, 0, real)]
    diagonal, odd = _pivots_of(b, x)
    axis = (len(batch),)
    if not x.is_complex:
        sign = b.reduce("mul", b.op("sign", diagonal), axis)
        size = b.op("abs", diagonal)
        return [b.op("select", odd, b.op("neg", sign), sign), b.reduce("add", b.op("log", size), axis)]
    # Scaled by the larger part, so that no square overflows.
    great = b.op("max", b.op("abs", diagonal.re), b.op("abs", diagonal.im))
    flat = b.op("eq", great, b.const(0, real))
    scale = b.op("select", flat, b.const(1, real), great)
    re, im = b.op("div", diagonal.re, scale), b.op("div", diagonal.im, scale)
    size = b.op("sqrt", b.op("add", b.op("mul", re, re), b.op("mul", im, im)))
    unit = b.op("select", flat, b.const(1, real), size)
    sign = b.reduce("mul", b.complex(b.op("div", re, unit), b.op("div", im, unit)), axis)
    logs = b.op("add", b.op("log", great), b.op("log", unit))
    turned_sign = b.complex(*(b.op("select", odd, b.op("neg", part), part) for part in (sign.re, sign.im)))
    return [turned_sign, b.reduce("add", logs, axis)]


def _slogdet_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    (x,), (x_dot,) = primals, tangents
    outs = slogdet_p.bind(x)
    dots = zero_tangents(outs)
    if type(x_dot) is Zero or typeof(x).shape[-1] == 0:
        return outs, dots
    change = _trace(solve(x, x_dot))
    dots[1] = real_of(change)
    if typeof(x).dtype.kind == "c":
        im = imag_p.bind(change)
        dots[0] = times(outs[0], complex_p.bind(typeof(im).dtype.type(0), im))
    return outs, dots


slogdet_p: Primitive = primitive("slogdet", **matrix_rules(_slogdet_program, _slogdet_abstract), abstract=_slogdet_abstract,
                                  jvp=_slogdet_jvp, batch=batched_over_leading(lambda: slogdet_p),
                                  multiple_results=True, reasons=dict(no_transpose))


# -- pseudo-inverses ------------------------------------------------------------------------------------------------------

def _pinv_abstract(x: ShapedArray, rtol: ShapedArray) -> ShapedArray:
    check_matrices("pinv", x)
    if rtol.shape != x.shape[:-2] or rtol.dtype != real_dtype(x.dtype):
        raise operand_error("pinv", "one real relative tolerance for each matrix is needed.", x, rtol)
    return x.update(shape=(*x.shape[:-2], x.shape[-1], x.shape[-2])).strong()


def _pinv_program(b: Any, x: Any, rtol: Any) -> Any:
    *leading, m, n = x.shape
    batch, k = tuple(leading), min(m, n)
    if 0 in x.shape:
        return filled(b, (*batch, n, m), 0, x.dtype)
    s, u, vt = _svd_program(b, x, full_matrices=False, compute_uv=True)
    at, real = len(batch), s.dtype
    largest = b.reshape(b.slice(s, [0] * (at + 1), (*batch, 1), [1] * (at + 1)), batch)
    limit = b.broadcast(b.op("mul", largest, rtol), (*batch, k), range(at))
    small = b.op("le", s, limit)
    inverse = b.op("select", small, b.const(0, real), b.op("div", b.const(1, real), b.op("select", small, b.const(1, real), s)))
    factor = b.broadcast(inverse, (*batch, m, k), (*range(at), at + 1))
    scaled = b.complex(b.op("mul", u.re, factor), b.op("mul", u.im, factor)) if u.is_complex else b.op("mul", u, factor)
    axes = tuple(range(at))
    return b.contract(conjugate(b, vt), conjugate(b, scaled), ((at,), (at + 1,)), (axes, axes), x.dtype)


def _pinv_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    (a, rtol), (a_dot, _) = primals, tangents
    p = pinv_p.bind(a, rtol)
    if type(a_dot) is Zero:
        return p, Zero(tangent_aval(typeof(p)))
    *batch, m, n = typeof(a).shape
    dtype = typeof(a).dtype
    adjoint_dot, ph = adjoint(a_dot), adjoint(p)
    left, right = minus(eye((*batch, m, m), dtype), matmul(a, p)), minus(eye((*batch, n, n), dtype), matmul(p, a))
    first = matmul(matmul(p, ph), adjoint_dot, left)
    second = matmul(matmul(right, adjoint_dot), matmul(ph, p))
    return p, minus(add(first, second), matmul(matmul(p, a_dot), p))


pinv_p: Primitive = primitive("pinv", **matrix_rules(_pinv_program, _pinv_abstract), abstract=_pinv_abstract, jvp=_pinv_jvp,
                   batch=batched_over_leading(lambda: pinv_p), reasons=dict(no_transpose))
