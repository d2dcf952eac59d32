"""Products of small matrices inside a loop, written out: rows of the right operand are vectors in registers.

A row of the result is a sum of rows of the right operand, each times an element of the left one. Few such sums at a time would
wait for one another's multiply-adds, so each is cut into several that run side by side and are added at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod

from functrans.compiler.nest import cover
from functrans.compiler.storage import ELEMENTS
from functrans.compiler.text import I64, Function, Ty, Val
from functrans.kernel import Access, Contract

__all__ = ["emit_small_product", "is_small"]

LIMIT = 128
"""Multiply-adds of vectors up to which a product is written out."""
CHAINS = 8
"""Sums that keep the multipliers busy: their latency times how many start in a cycle."""


def is_small(step: Contract, vector_bits: int) -> bool:
    """Whether a product is written out where it stands, and not called."""
    return prod(step.batch) * step.m * step.k * len(_pieces(step, vector_bits)) <= LIMIT


def _pieces(step: Contract, vector_bits: int) -> list[tuple[int, int]]:
    return cover(step.n, vector_bits // Ty(ELEMENTS[step.elem]).bits)


def emit_small_product(f: Function, step: Contract, pointers: Sequence[Val], vector_bits: int) -> None:
    """The code of a product at the present place of `f`; `pointers` are those of the result and of the operands."""
    pieces = _pieces(step, vector_bits)
    chains = max(1, min(step.k // 2, CHAINS // (step.m * len(pieces))))
    for batch in itertools.product(*map(range, step.batch)):
        _Product(f, step, pointers, batch).rows(pieces, chains)


class _Product:
    def __init__(self, f: Function, step: Contract, pointers: Sequence[Val], batch: tuple[int, ...]) -> None:
        self.f, self.step, self.batch = f, step, batch
        self.elem = ELEMENTS[step.elem]
        self.c, self.a, self.b = zip((step.c, step.a, step.b), pointers, strict=True)

    def place(self, operand: tuple[Access, Val], *index: int) -> Val:
        """The address of an element of a matrix."""
        access, pointer = operand
        offset = sum(i * s for i, s in zip((*self.batch, *index), access.strides, strict=True))
        return self.f.gep(self.elem, pointer, self.f.const(I64, offset)) if offset else pointer

    def rows(self, pieces: Sequence[tuple[int, int]], chains: int) -> None:
        f, step = self.f, self.step
        sums: dict[tuple[int, int, int], Val] = {}
        for k in range(step.k):
            right = [f.load(Ty(self.elem, width), self.place(self.b, k, start)) for start, width in pieces]
            for i in range(step.m):
                left = f.load(Ty(self.elem), self.place(self.a, i, k))
                for j, y in enumerate(right):
                    at, x = (i, j, k % chains), f.splat(left, y.ty.width)
                    sums[at] = f.multiply_add(x, y, sums[at]) if at in sums else f.fmul(x, y)
        for i in range(step.m):
            for j, (start, _) in enumerate(pieces):
                parts = [sums[i, j, chain] for chain in range(chains)]
                while len(parts) > 1:
                    parts = [f.fadd(x, y) for x, y in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) & ~1:]
                f.store(parts[0], self.place(self.c, i, start))
