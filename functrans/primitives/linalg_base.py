"""What the primitives of linear algebra share: checks of shapes, batching over leading axes, and the matrix vocabulary that
derivative rules are written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.trace import Primitive, typeof
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, neg_p, select_n_p, sub_p
from functrans.primitives.base import operand_error
from functrans.primitives.contraction import batch_matmul
from functrans.primitives.logic import ge
from functrans.primitives.movement import broadcasted_iota
from functrans.primitives.parts import conj_p, real_p
from functrans.primitives.structural import broadcast_in_dim, moved_to_front, reduce_sum, transpose

__all__ = [
    "add", "adjoint", "batched_over_leading", "check_floats", "check_matrices", "check_square", "diagonal_of", "eye",
    "hermitian_of_lower", "matmul", "matrix_transpose", "minus", "negative", "no_transpose", "phi", "real_of",
    "real_scaled", "safe_reciprocal", "times", "tril", "triu", "zero_tangents",
]

no_transpose = {"transpose": "it is not linear; its derivative is made of products and triangular solves"}


# -- checks -----------------------------------------------------------------------------------------------------------

def check_floats(name: str, *avals: ShapedArray) -> None:
    """Refuse what LAPACK has no routines for."""
    if any(a.dtype.name not in ("float32", "float64", "complex64", "complex128") for a in avals):
        raise operand_error(name, "matrices of float32, float64, complex64 or complex128 are needed; convert them first.", *avals)


def check_matrices(name: str, x: ShapedArray) -> None:
    check_floats(name, x)
    if x.ndim < 2:
        raise operand_error(name, "an array of at least two axes is needed, matrices in the last two.", x)


def check_square(name: str, x: ShapedArray) -> None:
    check_matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise operand_error(name, "square matrices in the last two axes are needed.", x)


# -- batching ---------------------------------------------------------------------------------------------------------

def batched_over_leading(prim: Callable[[], Primitive]) -> Callable[..., Any]:
    """The batch rule of a primitive that works on the last axes and repeats over all leading ones."""

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, Any]:
        moved = [moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True)]
        out = prim().bind(*moved, **params)
        return (out, [0] * len(out)) if prim().multiple_results else (out, 0)

    return batch


def zero_tangents(outs: Sequence[Any]) -> list[Any]:
    return [Zero(tangent_aval(typeof(y))) for y in outs]


# -- the matrix vocabulary ----------------------------------------------------------------------------------------------

def matrix_transpose(x: Any) -> Any:
    n = typeof(x).ndim
    return transpose(x, (*range(n - 2), n - 1, n - 2))


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    y = matrix_transpose(x)
    return conj_p.bind(y, input_dtype=typeof(x).dtype) if typeof(x).dtype.kind == "c" else y


def matmul(x: Any, y: Any, *more: Any) -> Any:
    """The product of matrices with equal leading axes, from left to right."""
    out = batch_matmul(x, y)
    for z in more:
        out = batch_matmul(out, z)
    return out


def add(x: Any, y: Any) -> Any:
    return add_p.bind(x, y)


def minus(x: Any, y: Any) -> Any:
    return sub_p.bind(x, y)


def times(x: Any, y: Any) -> Any:
    return mul_p.bind(x, y)


def _lower(shape: tuple[int, ...], k: int) -> Any:
    """Where the column is at most the row plus `k`."""
    rows, columns = (broadcasted_iota(np.int32, shape[-2:], d) for d in (0, 1))
    mask = ge(add_p.bind(rows, np.int32(k)) if k else rows, columns)
    return broadcast_in_dim(mask, shape, (len(shape) - 2, len(shape) - 1))


def _zeros_like(x: Any) -> Any:
    aval = typeof(x)
    return broadcast_in_dim(aval.dtype.type(0), aval.shape, ())


def tril(x: Any, k: int = 0) -> Any:
    """`x` without what lies above diagonal `k`."""
    return select_n_p.bind(_lower(typeof(x).shape, k), _zeros_like(x), x)


def triu(x: Any, k: int = 0) -> Any:
    """`x` without what lies below diagonal `k`."""
    return select_n_p.bind(_lower(typeof(x).shape, k - 1), x, _zeros_like(x))


def eye(shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Identity matrices in the last two axes of `shape`."""
    ones = broadcast_in_dim(dtype.type(1), shape, ())
    return tril(triu(ones))


def diagonal_of(x: Any) -> Any:
    """The diagonals of square matrices, as vectors."""
    return reduce_sum(tril(triu(x)), [typeof(x).ndim - 2])


def real_scaled(x: Any, factor: float) -> Any:
    """`x` times a constant."""
    return mul_p.bind(x, typeof(x).dtype.type(factor))


def phi(x: Any) -> Any:
    """The lower triangle with half the diagonal: the inverse of ``p -> p + adjoint(p)`` for Hermitian sums."""
    return add(tril(x, -1), real_scaled(tril(triu(x)), 0.5))


def hermitian_of_lower(x: Any) -> Any:
    """The Hermitian matrix whose lower triangle is that of `x`; imaginary parts on the diagonal do not count."""
    half = phi(x)
    return add(half, adjoint(half))


def safe_reciprocal(x: Any) -> Any:
    """1/x, and 0 where x is 0."""
    one, zero = (typeof(x).dtype.type(v) for v in (1, 0))
    flat = eq_p.bind(x, zero)
    return select_n_p.bind(flat, div_p.bind(one, select_n_p.bind(flat, x, _ones_like(x))), _zeros_like(x))


def _ones_like(x: Any) -> Any:
    aval = typeof(x)
    return broadcast_in_dim(aval.dtype.type(1), aval.shape, ())


def real_of(x: Any) -> Any:
    """The real part (itself where real)."""
    return real_p.bind(x) if typeof(x).dtype.kind == "c" else x


def negative(x: Any) -> Any:
    return neg_p.bind(x)
