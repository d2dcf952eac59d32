"""Lowering of products: which become fused reductions, which register tiles, and what is copied first.

Vectors and narrow matrices are reductions like any other, fused with their operands. Larger products of floats are `Contract`
steps, on operands as they lie in memory where the tiles can read them so. Complex products are real ones of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from functrans.compiler.fuse import CHEAP, Fuser
from functrans.compiler.views import broadcast_expr, contiguous_strides, reshape_strides, transpose_expr
from functrans.core.low_precision import working_dtype
from functrans.kernel import Access, Contract, Expr, real_name

__all__ = ["Contractions"]


class Contractions(Fuser):
    """A `Fuser` that also lowers products."""

    def contract(self, a: Expr, b: Expr, contract: Sequence[Sequence[int]], batch: Sequence[Sequence[int]], dtype: np.dtype) -> Expr:
        (ca, cb), (ba, bb) = contract, batch
        fa = [d for d in range(len(a.shape)) if d not in ca and d not in ba]
        fb = [d for d in range(len(b.shape)) if d not in cb and d not in bb]
        batch_shape = tuple(a.shape[d] for d in ba)
        a_free, b_free = tuple(a.shape[d] for d in fa), tuple(b.shape[d] for d in fb)
        shape = batch_shape + a_free + b_free
        sizes = (prod(batch_shape), prod(a_free), prod(b_free), prod(a.shape[d] for d in ca))
        a = transpose_expr(a, (*ba, *fa, *ca))
        b = transpose_expr(b, (*bb, *cb, *fb))
        if a.is_complex or b.is_complex:
            return self._complex_contract(a, b, len(ba), len(ca), shape, dtype)
        work = working_dtype(dtype)
        if work != dtype and not (0 in sizes or _prefers_nest(*sizes[1:])):
            a, b = (x if x.dtype == work else self.stored(self.convert(x, work)) for x in (a, b))
            return self.convert(self._contract_tiles(a, b, batch_shape, sizes, shape), dtype)
        if dtype not in (np.float32, np.float64) or a.dtype != dtype or b.dtype != dtype or 0 in sizes or _prefers_nest(*sizes[1:]):
            return self._contract_nest(a, b, len(ba), len(fa), len(ca), shape, dtype)
        return self._contract_tiles(a, b, batch_shape, sizes, shape)

    def _contract_nest(self, a: Expr, b: Expr, nb: int, na: int, nc: int, shape: tuple[int, ...], dtype: np.dtype) -> Expr:
        """A product as a reduction, fused with its operands."""
        if a.weight > CHEAP:
            a = self.stored(a)
        if b.weight > CHEAP:
            b = self.stored(b)
        nf = len(b.shape) - nb - nc
        full = (*a.shape[:nb + na], *b.shape[nb + nc:], *a.shape[nb + na:])
        a_dims = (*range(nb + na), *range(nb + na + nf, nb + na + nf + nc))
        b_dims = (*range(nb), *range(nb + na + nf, nb + na + nf + nc), *range(nb + na, nb + na + nf))
        wide = working_dtype(dtype)
        x = broadcast_expr(self.convert(a, wide), full, a_dims)
        b_transposed = broadcast_by(self.convert(b, wide), full, b_dims)
        product = self.op("and" if wide == np.bool_ else "mul", x, b_transposed)
        if prod(full[len(shape):]) == 1:  # nothing to sum: an outer product is elementwise
            return self.convert(self.reshape(product, shape), dtype)
        summed = self.reduce("or" if wide == np.bool_ else "add", product, range(len(shape), len(full)))
        return self.convert(summed, dtype)

    def _complex_contract(self, a: Expr, b: Expr, nb: int, nc: int, shape: tuple[int, ...], dtype: np.dtype) -> Expr:
        real = np.dtype(real_name(dtype))
        parts_a = [self.stored(self.convert(p, real)) for p in ((a.re, a.im) if a.is_complex else (a,))]
        parts_b = [self.stored(self.convert(p, real)) for p in ((b.re, b.im) if b.is_complex else (b,))]
        dims_a = (tuple(range(len(a.shape) - nc, len(a.shape))), tuple(range(nb)))
        dims_b = (tuple(range(nb, nb + nc)), tuple(range(nb)))

        def product(i: int, j: int) -> Expr | None:
            if i >= len(parts_a) or j >= len(parts_b):
                return None
            return self.contract(parts_a[i], parts_b[j], (dims_a[0], dims_b[0]), (dims_a[1], dims_b[1]), real)

        def joined(op: str, x: Expr | None, y: Expr | None) -> Expr:
            if x is None and y is None:
                return broadcast_expr(self.const(0, real), shape, ())
            if x is None or y is None:
                only = x or y
                assert only is not None
                return only
            return self.op(op, x, y)

        rr, ii = product(0, 0), product(1, 1)
        assert rr is not None
        re = rr if ii is None else self.op("sub", rr, ii)
        return self.complex(re, joined("add", product(0, 1), product(1, 0)))

    def _contract_tiles(self, a: Expr, b: Expr, batch: tuple[int, ...], sizes: tuple[int, int, int, int], shape: tuple[int, ...]) -> Expr:
        """A product by register tiles, on operands as they lie in memory where the tiles can read them so."""
        _, m, n, k = sizes
        a_access, b_access = self._matrix(a, len(batch), m, k), self._matrix(b, len(batch), k, n)
        if a_access is not None and b_access is not None and b_access.strides[-1] != 1 and a_access.strides[-2] == 1:
            swapped_b = Access(a_access.buffer, a_access.offset, (*a_access.strides[:-2], a_access.strides[-1], 1))
            swapped_a = Access(b_access.buffer, b_access.offset, (*b_access.strides[:-2], b_access.strides[-1], b_access.strides[-2]))
            out = self.temp(a.dtype, (*batch, n, m))
            c = Access(out, 0, contiguous_strides((*batch, n, m)))
            self._emit_contract(Contract(c, swapped_a, swapped_b, batch, n, m, k, a.nodes[0].dtype))
            flipped = transpose_expr(self.load(out), (*range(len(batch)), len(batch) + 1, len(batch)))
            return self.reshape(flipped, shape)
        if a_access is None:
            a_access = self._matrix(self.stored(a), len(batch), m, k)
        if b_access is None or b_access.strides[-1] != 1:
            b_access = self._matrix(self.stored(b, fresh=True), len(batch), k, n)
        assert a_access is not None and b_access is not None
        out = self.temp(a.dtype, (*batch, m, n))
        c = Access(out, 0, contiguous_strides((*batch, m, n)))
        self._emit_contract(Contract(c, a_access, b_access, batch, m, n, k, a.nodes[0].dtype))
        return self.reshape(self.load(out), shape)

    def _matrix(self, x: Expr, batch: int, rows: int, cols: int) -> Access | None:
        """The access of `x` as (batch..., rows, cols), where it is a plain load that strides can describe."""
        node = x.nodes[0]
        if node.op != "load" or node.args:
            return None
        access: Access = node.attr
        target = (*x.shape[:batch], rows, cols)
        strides = reshape_strides(x.shape, access.strides, target)
        if strides is None or 0 in target:
            return None
        fixed = list(strides)
        if cols == 1:
            fixed[-1] = 1
        return Access(access.buffer, access.offset, tuple(fixed))

    def _emit_contract(self, step: Contract) -> None:
        for access in (step.a, step.b):
            self._close_for(access.buffer)
        self.steps.append(step)



def broadcast_by(x: Expr, shape: tuple[int, ...], dims: Sequence[int]) -> Expr:
    """`broadcast_expr` whose `dims` may be in any order."""
    order = sorted(range(len(dims)), key=lambda i: dims[i])
    return broadcast_expr(transpose_expr(x, order), shape, [dims[i] for i in order])


def _prefers_nest(m: int, n: int, k: int) -> bool:
    """Whether a product is better as a fused reduction: vectors, and matrices too narrow for a register tile."""
    return k <= 1 or n <= 1 or m == 0 or (n < 4 and m < 4) or (m == 1 and n < 8)
