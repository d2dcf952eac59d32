"""Small real matrices without a library: Cholesky factors and triangular solves written out, element by element.

A routine's call costs more than the arithmetic of an 8 x 8 matrix. Here every element is an expression over the whole batch, so that
the vectors of the processor run along the batch; many matrices are laid out with the batch innermost, in and out, and stay so from one
such program to the next. The order of operations is that of the unblocked algorithms (Golub & Van Loan, "Matrix Computations", 4.2
and 3.1); a column is scaled by the reciprocal of its pivot, as LAPACK does.
"""

from __future__ import annotations

from typing import Any

from functrans.primitives.matrix_program import ArrayBuilder

__all__ = ["is_small", "small_cholesky", "small_solve"]

LIMIT = 8
"""The greatest size that is written out."""


def is_small(b: Any, x: Any) -> bool:
    """Whether a program is compiled, for matrices small enough to be written out."""
    return not isinstance(b, ArrayBuilder) and not x.is_complex and x.shape[-1] <= LIMIT


def _batch_last(b: Any, x: Any) -> Any:
    """``[..., n, k]`` as ``[n, k, ...]`` in memory."""
    n = len(x.shape)
    moved = b.transpose(x, (n - 2, n - 1, *range(n - 2)))
    return b.stored(moved)


def _batch_first(b: Any, x: Any) -> Any:
    n = len(x.shape)
    return b.transpose(x, (*range(2, n), 0, 1))


def _element(b: Any, x: Any, *index: int) -> Any:
    """``x[index]``, all along the other axes."""
    taken, rest = len(index), x.shape[len(index):]
    part = b.slice(x, [*index, *([0] * len(rest))], [*(i + 1 for i in index), *rest], [1] * len(x.shape))
    return b.reshape(part, rest) if taken else part


def small_cholesky(b: Any, x: Any) -> Any:
    """The lower factors of the matrices whose lower triangles are in `x`; nan below the diagonal where there is none."""
    n, dtype = x.shape[-1], x.dtype
    a = _batch_last(b, x)
    one, zero, nan = b.const(1, dtype), b.const(0, dtype), b.const(float("nan"), dtype)
    rows: list[list[Any]] = [[] for _ in range(n)]
    sound = None
    for j in range(n):
        column = []
        for i in range(j, n):
            total = _element(b, a, i, j)
            for k in range(j):
                total = b.op("sub", total, b.op("mul", rows[i][k], rows[j][k]))
            column.append(total)
        positive = b.op("gt", column[0], zero)
        sound = positive if sound is None else b.op("and", sound, positive)
        pivot = b.op("sqrt", column[0])
        inverse = b.op("div", one, pivot)
        rows[j].append(pivot)
        for i in range(j + 1, n):
            rows[i].append(b.op("mul", column[i - j], inverse))
    above = b.broadcast(zero, a.shape[2:], ())
    factor = b.assemble([b.op("select", sound, rows[i][j], nan) if j <= i else above for i in range(n) for j in range(n)])
    return _batch_first(b, b.reshape(factor, a.shape))


def small_solve(b: Any, a: Any, rhs: Any, *, left_side: bool, lower: bool, transpose_a: bool, unit_diagonal: bool) -> Any:
    """The solution of ``op(a) x = rhs`` or ``x op(a) = rhs`` for real triangular matrices."""
    n, dtype = a.shape[-1], a.dtype
    rank = len(rhs.shape)
    across = (*range(rank - 2), rank - 1, rank - 2)
    # x op(a) = rhs is op(a)^T x^T = rhs^T.
    columns = rhs if left_side else b.transpose(rhs, across)
    turned = transpose_a == left_side
    matrix, known = _batch_last(b, a), _batch_last(b, columns)
    shape = known.shape[1:]

    def entry(i: int, j: int) -> Any:
        scalar = _element(b, matrix, *((j, i) if turned else (i, j)))
        return b.broadcast(scalar, shape, range(1, len(shape)))

    order = range(n) if lower != turned else range(n - 1, -1, -1)
    inverses = None
    if not unit_diagonal and shape[0] > 1:
        diagonal = b.assemble([b.op("div", b.const(1, dtype), _element(b, matrix, i, i)) for i in range(n)])
        inverses = [b.broadcast(_element(b, diagonal, i), shape, range(1, len(shape))) for i in range(n)]
    found: dict[int, Any] = {}
    for i in order:
        total = _element(b, known, i)
        for k, value in found.items():
            total = b.op("sub", total, b.op("mul", entry(i, k), value))
        if inverses is not None:
            total = b.op("mul", total, inverses[i])
        elif not unit_diagonal:
            total = b.op("div", total, entry(i, i))
        found[i] = total
    x = _batch_first(b, b.reshape(b.assemble([found[i] for i in range(n)]), known.shape))
    return x if left_side else b.transpose(x, across)

