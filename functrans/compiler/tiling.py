"""Which register tile computes a sum of products best.

A *product* is a nest ``c[p...] = sum over r... of a[p..., r...] * b[p..., r...]`` in which the operands have a stride, often 0, along
every axis: matrix products, convolutions and their gradients. Its *tile* is a block of the parallel axes whose sums stay in vector
registers while the reduce axes run; each vector of an operand that is loaded serves all points of the tile that need it. One
axis is the *vector axis*: a parallel one (best where the results are contiguous), or a reduce axis along which the lanes hold partial
sums that are added up at the end. Short reduce axes may be *unrolled*, so that they lie in the tile too: where a convolution's windows
overlap, neighbouring results then share loads, since their addresses are equal.

`plan` enumerates tiles and takes the cheapest by a model that counts multiply-adds, loads and registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from functrans.compiler.flat import Flat, FlatReduce, access_of

__all__ = ["Plan", "Product", "plan", "recognise"]

_BITS = {"float32": 32, "float64": 64}
MAX_BODY = 160
"""Multiply-adds written out in one tile, to bound the time to compile it."""
MAX_BLOCK = 28
"""The largest block of a row axis."""
MASKS = 512
"""Bits of the vectors of processors that mask lanes in memory at no cost."""
LINE = 64
"""Elements that two places are apart where they are counted as two, against tiles that reach far at once for nothing."""
NEAR = 1 << 19
"""Bytes that a core's own cache holds."""
WHOLE = 4
"""Vectors up to which a vector axis that is summed over is written out whole."""


@dataclass(frozen=True, slots=True)
class Product:
    """Sizes of the axes (the last `reduce` are summed over), the strides of both operands and of the result, in elements."""

    axes: tuple[int, ...]
    reduce: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    c: tuple[int, ...]
    elem: str

    @property
    def parallel(self) -> int:
        return len(self.axes) - self.reduce


@dataclass(frozen=True, slots=True)
class Plan:
    """A tile: `vectors` vectors of `width` lanes along axis `vector`, and the `blocks` of the other axes.

    Where the axis is shorter than `width`, the lanes beyond its end are masked. A block of a parallel axis is a part of the tile;
    that of a reduce axis is 1 (a loop) or its size (unrolled).
    """

    vector: int
    width: int
    vectors: int
    blocks: tuple[int, ...]


def recognise(flat: Flat) -> tuple[Product, tuple[int, int, int]] | None:
    """The product that a nest is, if it is one with work for a tile, and its parameters for c, a and b.

    Each operand must be used again along a parallel axis: what is read once only, as in a product of a matrix and a vector, gains
    nothing from a tile.
    """
    if flat.serial or not flat.reduce or len(flat.body) != 1 or len(flat.instrs) != 3 or 0 in flat.axes:
        return None
    (s,) = flat.body
    x, y, product = flat.instrs
    if not isinstance(s, FlatReduce) or s.op != "add" or s.elems[0] not in _BITS or (x.op, y.op, product.op) != ("load", "load", "mul"):
        return None
    if x.args or y.args or sorted(product.args) != [0, 1]:
        return None
    (a_param, a), (b_param, b) = access_of(x), access_of(y)
    found = Product(flat.axes, flat.reduce, a, b, s.strides[0], s.elems[0])
    reused = [any(n > 1 and not strides[i] for i, n in enumerate(flat.axes[:found.parallel])) for strides in (a, b)]
    overlapping = [_overlaps(found, strides) for strides in (a, b)]
    if not (reused[0] or overlapping[0]) or not (reused[1] or overlapping[1]):
        return None
    return found, (s.params[0], a_param, b_param)


def _overlaps(product: Product, strides: Sequence[int]) -> bool:
    """Whether windows overlap: a parallel axis moves by as much as a reduce axis does."""
    parallel = {s for s in strides[:product.parallel] if s}
    return any(s in parallel for s in strides[product.parallel:])


# -- the model ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Frame:
    """What the plans share that differ only in the blocks of their row axes."""

    vector: int
    width: int
    vectors: int
    unrolled: tuple[int, ...]


@cache
def plan(product: Product, vector_bits: int, registers: int) -> Plan | None:
    """The cheapest tile on a target of `registers` vector registers of `vector_bits` bits; None where no axis can be a vector."""
    best, cost = None, np.inf
    for frame in _frames(product, vector_bits, registers):
        rows, blocks = _row_blocks(product, frame, registers)
        costs = _costs(product, frame, rows, blocks, registers)
        if costs.size and costs.min() < cost:
            cost, chosen = costs.min(), blocks[:, costs.argmin()]
            best = _plan(product, frame, dict(zip(rows, map(int, chosen), strict=True)))
    return best


def _plan(product: Product, frame: _Frame, rows: dict[int, int]) -> Plan:
    blocks = [product.axes[i] if i in frame.unrolled else rows.get(i, 1) for i in range(len(product.axes))]
    blocks[frame.vector] = min(product.axes[frame.vector], frame.width * frame.vectors)
    return Plan(frame.vector, frame.width, frame.vectors, tuple(blocks))


def _frames(product: Product, vector_bits: int, registers: int) -> Iterator[_Frame]:
    lanes = vector_bits // _BITS[product.elem]
    for vector in _vector_axes(product):
        n = product.axes[vector]
        masked = {1 << (n - 1).bit_length()} if vector_bits >= MASKS else set()
        for width in sorted({w for w in (lanes, lanes // 2, lanes // 4) if 1 < w <= n or w in masked}, reverse=True):
            chunks = -(-n // width)
            kept = range(1, min(chunks, registers // 4) + 1)
            counts = kept if vector < product.parallel else [chunks if chunks <= WHOLE else 1]
            yield from (_Frame(vector, width, vectors, u) for u in _unrolled(product, vector) for vectors in counts)


def _vector_axes(product: Product) -> list[int]:
    """The axes along which lanes can lie: the operands are contiguous or constant there."""
    found = []
    for i, n in enumerate(product.axes):
        strides = {product.a[i], product.b[i]}
        if n > 1 and strides in ({1}, {0, 1}):
            found.append(i)
    return found


def _unrolled(product: Product, vector: int) -> list[tuple[int, ...]]:
    """Sets of reduce axes that a tile may unroll: runs of short ones."""
    short = [i for i in range(product.parallel, len(product.axes)) if i != vector and product.axes[i] <= 8]
    runs = [tuple(short[i:j]) for i in range(len(short)) for j in range(i + 1, len(short) + 1)]
    return [(), *(run for run in runs if prod(product.axes[i] for i in run) <= MAX_BODY // 4)]


def _row_blocks(product: Product, frame: _Frame, registers: int) -> tuple[list[int], np.ndarray]:
    """The row axes, and of each tile a column with their blocks."""
    rows = [i for i in range(product.parallel)
            if i != frame.vector and product.axes[i] > 1 and _is_row(product, i, frame.unrolled)][-4:]
    grid = np.meshgrid(*(_blocks(product.axes[i]) for i in rows), indexing="ij")
    blocks = np.stack([g.ravel() for g in grid]) if rows else np.ones((0, 1), np.int64)
    points = blocks.prod(0)
    summed = frame.vector >= product.parallel
    steps = prod(product.axes[i] for i in frame.unrolled) * (frame.vectors if summed else 1)
    sums = points * (1 if summed else frame.vectors)
    fits = (sums <= registers - 3) & (sums * steps <= max(MAX_BODY, 4 * steps)) & ((blocks > 1).sum(0) <= 3)
    return rows, blocks[:, fits]


def _is_row(product: Product, axis: int, unrolled: Sequence[int]) -> bool:
    """Whether points of a tile along `axis` share loads."""
    return any(not strides[axis] or any(strides[u] == strides[axis] for u in unrolled) for strides in (product.a, product.b))


@cache
def _blocks(n: int) -> list[int]:
    """Sizes of a block of an axis: all small ones, and what divides it."""
    return [k for k in range(1, min(n, MAX_BLOCK) + 1) if k == n or k <= 4 or k in (6, 8) or n % k == 0]


def _distinct(strides: Sequence[int], blocks: Sequence[tuple[int, Any]]) -> Any:
    """How many addresses boxes of points have in an operand: axes of equal strides overlap."""
    reach: dict[int, Any] = {}
    for axis, n in blocks:
        step = strides[axis]
        if step:
            reach[step] = reach.get(step, 0) + n - 1
    return prod(k + 1 for k in reach.values())


def _costs(product: Product, frame: _Frame, rows: Sequence[int], blocks: np.ndarray, registers: int) -> np.ndarray:
    """A model of the cycles: two multiply-adds each, a latency of four, two loads (one of an unaligned vector), four instructions."""
    summed, parallel = frame.vector >= product.parallel, product.parallel
    block = min(product.axes[frame.vector], frame.width * frame.vectors)
    chunks = -(-block // frame.width)
    per_row, times = (1, chunks) if summed else (chunks, 1)
    times *= prod(product.axes[i] for i in frame.unrolled)
    own = list(zip(rows, blocks, strict=True))
    box = [*own, *((i, product.axes[i]) for i in frame.unrolled)]
    sums = blocks.prod(0) * per_row
    by_step, by_box, fills = [], [], []
    for strides in (product.a, product.b):
        is_vector = strides[frame.vector] != 0
        by_step.append(_distinct(strides, own) * (per_row if is_vector else 1))
        by_box.append(_distinct(strides, box) * (chunks if is_vector or summed else 1))
        fills.append(1.0 if is_vector else 0.5)
    shared = sums + np.minimum(*by_box) + 2 <= registers
    possible = shared | (sums + np.minimum(*by_step) + 2 <= registers)
    counts = [np.where(shared, whole, step * times) for whole, step in zip(by_box, by_step, strict=True)]
    fmas = sums * times
    far = [(i, n) for i, n in box if i != frame.vector]
    lines = sum(_distinct([s if abs(s) >= LINE else 0 for s in strides], far) for strides in (product.a, product.b))
    body = np.maximum(np.maximum(fmas / 2, counts[0] * fills[0] + counts[1] * fills[1]),
                      np.maximum((fmas + counts[0] + counts[1]) / 4, 4.0 * times)) + 1 + 0.25 * lines
    turns = 1 if not summed else -(-product.axes[frame.vector] // block)
    turns *= prod(n for i, n in enumerate(product.axes) if i >= parallel and i != frame.vector and i not in frame.unrolled)
    tiles = 1 if summed else -(-product.axes[frame.vector] // block)
    tiles *= prod(n for i, n in enumerate(product.axes[:parallel]) if i != frame.vector and i not in rows)
    for i, n in own:
        tiles = tiles * -(-product.axes[i] // n)
    store = 5 if summed else 1 if product.c[frame.vector] == 1 else 1.5 * frame.width
    costs = tiles * (turns * body + 6 + sums * store)
    # What is read before a loop over the innermost axis starts again is read again from the cache, if it fits.
    blocks_of = dict(own) | {frame.vector: block, parallel - 1: product.axes[parallel - 1]}
    extents = [(i, n if i >= parallel else blocks_of.get(i, 1)) for i, n in enumerate(product.axes)]
    reach = (_distinct(product.a, extents) + _distinct(product.b, extents)) * (_BITS[product.elem] // 8)
    return np.where(possible, costs * (1 + 0.1 * np.minimum(reach / NEAR, 4.0)), np.inf)
