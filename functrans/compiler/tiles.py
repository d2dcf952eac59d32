"""Code for sums of products by register tiles: `tiling` says which tile, this writes it.

All sizes and strides are constants of the function. Around the tile run loops over the blocks of the parallel axes, in the nest's
order; the last block of an axis that it does not divide is pulled back to end at the border, and computes some results again. Within
the tile run loops over the reduce axes that are not unrolled, with the sums in registers. What is written out in the innermost body is
ordered so that the operand with more distinct addresses streams by, each load followed by all its multiply-adds, while the other
stays in registers.

Where the lanes lie along a reduce axis, its last vector is pulled back too, and the lanes that were counted before are set to zero in
both operands (so that infinities do no harm); the sums of the lanes of several results are taken together, by a tree of
shuffles that leaves neighbouring results in neighbouring lanes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from functrans.compiler.text import I64, PTR, Function, Ty, Val
from functrans.compiler.tiling import Plan, Product

__all__ = ["emit_product"]

_ELEMS = {"float32": "float", "float64": "double"}


@dataclass(frozen=True, slots=True)
class _Load:
    """Elements at a constant distance from where a body reads an operand: a vector, or one for all lanes.

    Lanes before `first` and from `end` on are zero.
    """

    offset: int
    is_vector: bool
    first: int
    end: int


BLOCK = 256
"""Turns of a loop after which sums start anew, to be added at the end: errors grow with the number of blocks, not of products
(Higham, *Accuracy and Stability of Numerical Algorithms*, section 4.2)."""

_Body = Callable[[list[Val], Val, Val], list[Val]]
_Item = tuple[int, tuple[_Load, _Load]]
"""A multiply-add: the number of its sum, and its operands."""


def emit_product(product: Product, plan: Plan, name: str, registers: int) -> Function:
    """The function ``void @name(ptr c, ptr a, ptr b)`` for a target of `registers` vector registers."""
    f = Function(name, [PTR] * 3, attributes="noinline nounwind", param_attributes=["noalias", "noalias readonly", "noalias readonly"])
    _Emitter(f, product, plan, registers).run()
    f.ret()
    return f


class _Emitter:
    def __init__(self, f: Function, product: Product, plan: Plan, registers: int) -> None:
        self.f, self.product, self.plan, self.registers = f, product, plan, registers
        self.elem = _ELEMS[product.elem]
        self.ty = Ty(self.elem, plan.width)
        self.summed = plan.vector >= product.parallel
        self.rows = [i for i in range(product.parallel) if i != plan.vector and plan.blocks[i] > 1]
        reduce = [i for i in range(product.parallel, len(product.axes)) if i != plan.vector]
        self.unrolled = [i for i in reduce if plan.blocks[i] > 1]
        self.loops = [i for i in reduce if plan.blocks[i] == 1 and product.axes[i] > 1]
        self.kept_lanes = min(plan.width, plan.blocks[plan.vector])
        self.points = list(itertools.product(*(range(plan.blocks[i]) for i in self.rows)))
        self.steps = list(itertools.product(*(range(plan.blocks[i]) for i in self.unrolled)))

    def run(self) -> None:
        self._blocks(0, self.f.params)

    # -- loops over blocks ----------------------------------------------------------------------------------------------

    def _blocks(self, axis: int, pointers: Sequence[Val]) -> None:
        """The loops over the blocks of parallel axes from `axis` on, and the tile inside."""
        f, product = self.f, self.product
        if axis == product.parallel:
            self._tile(*pointers)
            return
        n, block = product.axes[axis], self.plan.blocks[axis]
        if n <= block:
            self._blocks(axis + 1, pointers)
            return
        i, close = f.loop("block", f.const(I64, 0), f.const(I64, n), f.const(I64, block))
        if n % block:
            i = f.call("llvm.smin.i64", I64, i, f.const(I64, n - block))
        self._blocks(axis + 1, [self._moved(p, i, s[axis]) for p, s in zip(pointers, (product.c, product.a, product.b), strict=True)])
        close()

    def _moved(self, pointer: Val, i: Val, stride: int) -> Val:
        f = self.f
        return f.gep(self.elem, pointer, f.mul(i, f.const(I64, stride)) if stride != 1 else i) if stride else pointer

    # -- one tile -------------------------------------------------------------------------------------------------------

    def _tile(self, c: Val, a: Val, b: Val) -> None:
        count = len(self.points) * (1 if self.summed else len(self._kept_offsets()))
        sums = [self.f.const(self.ty, 0.0)] * count
        sums = self._reduce(0, sums, a, b)
        if self.summed:
            self._store_sums(sums, c)
        else:
            self._store_vectors(sums, c)

    def _kept_offsets(self) -> list[int]:
        """The first element of each vector along a vector axis that is kept; the last ends at the block's end, if it can."""
        size, width = self.plan.blocks[self.plan.vector], self.plan.width
        return [*range(0, size - width, width), max(size - width, 0)]

    def _reduce(self, depth: int, sums: list[Val], a: Val, b: Val) -> list[Val]:
        """The sums after the loops over reduce axes from number `depth` on."""
        if depth < len(self.loops):
            axis = self.loops[depth]
            return self._loop(axis, self.product.axes[axis], 1, sums, a, b, lambda s, p, q: self._reduce(depth + 1, s, p, q))
        if not self.summed:
            return self._body(sums, a, b, [(o, 0, self.kept_lanes) for o in self._kept_offsets()])
        vector, width = self.plan.vector, self.plan.width
        n, block = self.product.axes[vector], self.plan.blocks[vector]
        if n <= block:
            return self._body(sums, a, b, _summed_chunks(0, n, width))
        turns = n // block
        sums = self._loop(vector, turns, block, sums, a, b, lambda s, p, q: self._body(s, p, q, _summed_chunks(0, block, width)))
        return self._body(sums, a, b, _summed_chunks(turns * block, n, width))

    def _loop(self, axis: int, turns: int, step: int, sums: list[Val], a: Val, b: Val, body: _Body) -> list[Val]:
        """`turns` turns of `body`, which starts `step` elements of the axis further on each; many of them are summed in blocks."""
        f = self.f
        if turns <= 2 * BLOCK:
            return self._turns(axis, f.const(I64, turns), f.const(I64, 1), step, sums, a, b, lambda s, p, q, _: body(s, p, q))

        def block(totals: list[Val], p: Val, q: Val, left: Val) -> list[Val]:
            count = f.call("llvm.smin.i64", I64, left, f.const(I64, BLOCK))
            zeros = [f.const(self.ty, 0.0)] * len(totals)
            part = self._turns(axis, count, f.const(I64, 1), step, zeros, p, q, lambda s, p, q, _: body(s, p, q))
            return [f.fadd(x, y) for x, y in zip(totals, part, strict=True)]

        return self._turns(axis, f.const(I64, turns), f.const(I64, BLOCK), step * BLOCK, sums, a, b, block)

    def _turns(self, axis: int, turns: Val, each: Val, step: int, sums: list[Val], a: Val, b: Val,
               body: Callable[[list[Val], Val, Val, Val], list[Val]]) -> list[Val]:
        """`body` as often as `each` fits into `turns`, rounded up; it is told how many turns are left."""
        f, product = self.f, self.product
        before, head, done = f.block, f.fresh("sum"), f.fresh("summed")
        f.br(head)
        f.label(head)
        left, left_slot = f.phi_open(I64, turns, before)
        places = [f.phi_open(PTR, p, before) for p in (a, b)]
        carried = [f.phi_open(self.ty, s, before) for s in sums]
        results = body([v for v, _ in carried], places[0][0], places[1][0], left)
        for (p, slot), strides in zip(places, (product.a, product.b), strict=True):
            f.phi_close(slot, self._moved(p, f.const(I64, step), strides[axis]), f.block)
        for (_, slot), v in zip(carried, results, strict=True):
            f.phi_close(slot, v, f.block)
        following = f.sub(left, each)
        f.phi_close(left_slot, following, f.block)
        f.cond_br(f.icmp("sgt", following, f.const(I64, 0)), head, done)
        f.label(done)
        return results

    # -- the innermost body ---------------------------------------------------------------------------------------------

    def _body(self, sums: list[Val], a: Val, b: Val, chunks: list[tuple[int, int, int]]) -> list[Val]:
        """All multiply-adds of the unrolled axes; `chunks` are the vectors as (element, first and end of the lanes that count)."""
        groups: list[list[_Item]] = []  # of each step
        for step in self.steps:
            group: list[_Item] = []
            for j, (offset, first, end) in enumerate(chunks):
                for i, point in enumerate(self.points):
                    number = i if self.summed else i * len(chunks) + j
                    x, y = (self._address(s, point, step, offset, first, end) for s in (self.product.a, self.product.b))
                    group.append((number, (x, y)))
            groups.append(group)
        whole = [each for group in groups for each in group]
        if self._fits(whole, len(sums)):
            groups = [whole]
        sums = list(sums)
        for group in groups:
            self._multiply_add(group, sums, a, b)
        return sums

    def _address(self, strides: Sequence[int], point: Sequence[int], step: Sequence[int], offset: int, first: int, end: int) -> _Load:
        axes = zip((*self.rows, *self.unrolled), (*point, *step), strict=True)
        at = sum(strides[axis] * k for axis, k in axes) + offset * strides[self.plan.vector]
        return _Load(at, strides[self.plan.vector] != 0, first, end)

    def _fits(self, items: list[_Item], sums: int) -> bool:
        return sums + min(len({loads[k] for _, loads in items}) for k in (0, 1)) + 2 <= self.registers

    def _multiply_add(self, group: list[_Item], sums: list[Val], a: Val, b: Val) -> None:
        f = self.f
        distinct = [len({loads[k] for _, loads in group}) for k in (0, 1)]
        streaming = 0 if distinct[0] > distinct[1] else 1
        order: dict[_Load, int] = {}
        for _, loads in group:
            order.setdefault(loads[streaming], len(order))
        loaded: dict[tuple[int, _Load], Val] = {}
        for number, loads in sorted(group, key=lambda item: order[item[1][streaming]]):
            for k, base in enumerate((a, b)):
                if (k, loads[k]) not in loaded:
                    loaded[k, loads[k]] = self._read(base, loads[k])
            sums[number] = f.multiply_add(loaded[0, loads[0]], loaded[1, loads[1]], sums[number])

    def _read(self, base: Val, load: _Load) -> Val:
        f = self.f
        address = f.gep(self.elem, base, f.const(I64, load.offset)) if load.offset else base
        zero, width = f.const(self.ty, 0.0), self.ty.width
        counts = [load.first <= lane < load.end for lane in range(width)]
        if not load.is_vector:
            value = f.splat(f.load(self.ty.scalar(), address), width)
        elif load.end < width:  # what lies behind may not be ours to read
            mask = f.lanes(Ty("i1", width), counts)
            return f.call(f"llvm.masked.load.{self.ty.suffix()}.p0", self.ty, address, f.const(Ty("i32"), self.ty.bits // 8), mask, zero)
        else:
            value = f.load(self.ty, address)
        if self.summed and not all(counts):  # both operands, or an infinity would meet a zero
            value = f.select(f.lanes(Ty("i1", width), counts), value, zero)
        return value

    # -- results --------------------------------------------------------------------------------------------------------

    def _result_offsets(self) -> list[int]:
        return [sum(self.product.c[axis] * k for axis, k in zip(self.rows, point, strict=True)) for point in self.points]

    def _store_vectors(self, sums: list[Val], c: Val) -> None:
        f, vectors, offsets = self.f, self._kept_offsets(), self._result_offsets()
        for number, value in enumerate(sums):
            point, j = divmod(number, len(vectors))
            step = self.product.c[self.plan.vector]
            offset = offsets[point] + vectors[j] * step
            if step == 1:
                self._put(value, f.gep(self.elem, c, f.const(I64, offset)) if offset else c)
                continue
            for lane in range(self.kept_lanes):
                f.store(f.extract(value, lane), f.gep(self.elem, c, f.const(I64, offset + lane * step)))

    def _put(self, value: Val, address: Val) -> None:
        f, width = self.f, self.plan.width
        if self.kept_lanes == width:
            f.store(value, address)
            return
        mask = f.lanes(Ty("i1", width), [lane < self.kept_lanes for lane in range(width)])
        f.call_void(f"llvm.masked.store.{self.ty.suffix()}.p0", value, address, f.const(Ty("i32"), self.ty.bits // 8), mask)

    def _store_sums(self, sums: list[Val], c: Val) -> None:
        offsets = self._result_offsets()
        for start in range(0, len(sums), self.ty.width):
            part = sums[start:start + self.ty.width]
            self._scatter(_lane_sums(self.f, part), offsets[start:start + len(part)], c)

    def _scatter(self, value: Val, offsets: Sequence[int], c: Val) -> None:
        """Store the first lanes of `value` at `offsets`, neighbours together."""
        f, lane = self.f, 0
        while lane < len(offsets):
            run = 1
            while lane + run < len(offsets) and offsets[lane + run] == offsets[lane] + run:
                run += 1
            run = 1 << (run.bit_length() - 1)
            address = f.gep(self.elem, c, f.const(I64, offsets[lane]))
            if run == 1:
                f.store(f.extract(value, lane) if value.ty.width > 1 else value, address)
            else:
                f.store(value if run == value.ty.width else f.shuffle(value, None, range(lane, lane + run)), address)
            lane += run


def _summed_chunks(start: int, end: int, width: int) -> list[tuple[int, int, int]]:
    """The vectors from `start` to `end` as (element, first and end of the lanes that count).

    The last one is pulled back to the end, unless that would be before the first element.
    """
    full = [(at, 0, width) for at in range(start, end - width + 1, width)]
    rest = (end - start) % width
    if not rest:
        return full
    return [*full, (end - width, width - rest, width) if end >= width else (start, 0, rest)]


def _lane_sums(f: Function, vectors: Sequence[Val]) -> Val:
    """A vector whose lane i is the sum of the lanes of vector i; of as many lanes as the next power of two."""
    width = vectors[0].ty.width
    level = [*vectors, *[vectors[-1]] * ((1 << (len(vectors) - 1).bit_length()) - len(vectors))]
    groups, size = 1, width  # each vector of the level holds `groups` runs of `size` lanes whose sums belong together
    while size > 1:
        half = size // 2
        low = [g * size + k for g in range(groups) for k in range(half)]
        if len(level) > 1:
            both = [*low, *(width + k for k in low)]
            level = [f.fadd(f.shuffle(x, y, both), f.shuffle(x, y, [k + half for k in both]))
                     for x, y in zip(level[::2], level[1::2], strict=True)]
            groups *= 2
        elif len(low) > 1:
            level = [f.fadd(f.shuffle(level[0], None, low), f.shuffle(level[0], None, [k + half for k in low]))]
        else:
            level = [f.fadd(f.extract(level[0], 0), f.extract(level[0], 1))]
        size = half
    return level[0]
