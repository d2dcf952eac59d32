"""Code for one nest: explicit vectors along one axis, scalar loops over the others.

One axis is the *vector axis*: where it is parallel each lane computes its own element; where it is a reduce axis the
lanes hold partial results that are combined at the end. A size that is not a multiple of the width needs no second loop:
the last vector starts at ``n - width`` and overlaps the one before, recomputing the same elements (a reduction masks
them out). Each instruction is placed in the outermost loop in which its operands are known.

Sums over long vector axes are cascaded in blocks (Higham, *Accuracy and Stability of Numerical Algorithms*, section 4.2),
which keeps the error growth at that of the block count.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

from functrans.compiler.flat import Flat, FlatReduce, FlatStore, Instr
from functrans.compiler.scalar import combine, emit_op, identity
from functrans.compiler.storage import ELEMENTS, decode, encode, is_float_name, memory_elem
from functrans.compiler.text import I64, PTR, Function, Ty, Val

__all__ = ["cover", "emit_nest", "emit_nest_inline"]

_BLOCK = 128  # vectors summed before the partial sum moves up a level


def emit_nest(flat: Flat, name: str, vector_bits: int) -> Function:
    """The function ``void @name(ptr...)`` of a nest: one pointer for each parameter of `flat`."""
    attributes = ["" if flat.serial else "noalias" if w else "noalias readonly" for w in flat.written]
    f = Function(name, [PTR] * len(flat.elems), attributes="noinline nounwind", param_attributes=attributes)
    _Emitter(f, flat, f.params, vector_bits, unrolled=False).run()
    f.ret()
    return f


def emit_nest_inline(f: Function, flat: Flat, pointers: Sequence[Val], vector_bits: int) -> None:
    """The code of a small nest at the present place of `f`, all loops unrolled.

    Indices are then constants and vectors do not overlap, so that arrays on the stack can become registers: 10 elements are a
    vector of 8 and one of 2.
    """
    _Emitter(f, flat, pointers, vector_bits, unrolled=True).run()


def cover(n: int, widest: int) -> list[tuple[int, int]]:
    """Vectors that cover n elements once each, as (start, width): `widest` while it fits, then narrower powers of two.

    >>> cover(11, 4)
    [(0, 4), (4, 4), (8, 2), (10, 1)]
    """
    found, start, width = [], 0, widest
    while start < n:
        while width > n - start:
            width //= 2
        found.append((start, width))
        start += width
    return found


class _Emitter:
    def __init__(self, f: Function, flat: Flat, pointers: Sequence[Val], vector_bits: int, unrolled: bool) -> None:
        self.f, self.flat, self.pointers, self.unrolled = f, flat, pointers, unrolled
        self.axes = list(flat.axes)
        self.parallel = len(flat.axes) - flat.reduce
        self.vector_axis, self.widest = self._choose_vector(vector_bits)
        self.width = self.widest  # of the vectors at the present place: the last ones of an unrolled axis are narrower
        self.order = self._loop_order()
        self.position = {axis: i + 1 for i, axis in enumerate(self.order)}
        self.axis_sets = self._dependencies()
        self.depths = [max((self.position[a] for a in axes), default=0) for axes in self.axis_sets]
        self.values: dict[int, Val] = {}
        self.indices: dict[int, Val] = {}

    # -- planning -----------------------------------------------------------------------------------------------

    def _dependencies(self) -> list[frozenset[int]]:
        """For each instruction the axes it depends on."""
        found: list[frozenset[int]] = []
        for i in self.flat.instrs:
            axes: frozenset[int] = frozenset().union(*(found[a] for a in i.args)) if i.args else frozenset()
            if i.op in ("load", "index"):
                axes |= {a for a, s in enumerate(i.attr[1]) if s}  # type: ignore[index]
            found.append(axes)
        if self.flat.serial:
            # Every instruction of a serial nest stays inside all loops: loads must see earlier iterations' stores.
            found = [frozenset(range(len(self.axes))) if i.op == "load" and self.flat.written[i.attr[0]] else axes  # type: ignore[index]
                     for i, axes in zip(self.flat.instrs, found, strict=True)]
        return found

    def _unit_score(self, axis: int) -> int:
        """How well memory lies along `axis`: unit strides count for it, others against it."""
        score = 0
        for i in self.flat.instrs:
            if i.op == "load":
                s = i.attr[1][axis]  # type: ignore[index]
                score += 2 if s == 1 else 0 if s == 0 else -1 if s == -1 else -2
        for s in self.flat.body:
            for strides in (s.strides if isinstance(s, FlatReduce) else [s.strides]):
                score += 3 if strides[axis] == 1 else 0 if axis >= self.parallel else -4
        return score

    def _choose_vector(self, vector_bits: int) -> tuple[int, int]:
        flat = self.flat
        if not self.axes:
            return -1, 1
        if flat.serial:
            return self._choose_serial(vector_bits)
        candidates = [a for a in range(len(self.axes)) if self.axes[a] >= 2]
        if not candidates:  # every axis is empty: only the identities of reductions are stored
            return 0, 1
        axis = max(candidates, key=lambda a: (self._unit_score(a), self.axes[a] >= 8, a))
        is_arg = any(isinstance(s, FlatReduce) and s.op in ("argmin", "argmax", "cmul") for s in flat.body)
        base = max(1, vector_bits // self._widest_bits())
        work = len(flat.instrs)
        unroll = 1 if is_arg or work > 48 or self.unrolled else 2 if work > 16 else 4
        limit = base * unroll
        if axis >= self.parallel and unroll < 4 and not is_arg and not self.unrolled:
            limit = base * 2
        n = self.axes[axis]
        while limit > n or (limit > base and n < 2 * limit) or (self._one_width(axis) and n % limit):
            limit //= 2
        return axis, max(limit, 1)

    def _one_width(self, axis: int) -> bool:
        """Whether an unrolled axis must be cut into vectors of one width: partial results go through it more than once."""
        return self.unrolled and axis >= self.parallel and self.flat.reduce > 1

    def _choose_serial(self, vector_bits: int) -> tuple[int, int]:
        """A scatter runs in order; within one window along the last axis its elements are distinct. What a running sum reads
        must have been written by an earlier vector."""
        axis = len(self.axes) - 1
        n, width = self.axes[axis], max(1, vector_bits // self._widest_bits())
        sets: list[set[int]] = []
        for i in self.flat.instrs:
            axes: set[int] = set().union(*(sets[a] for a in i.args)) if i.args else set()
            if i.op in ("load", "index"):
                axes |= {a for a, s in enumerate(i.attr[1]) if s}  # type: ignore[index]
            sets.append(axes)
        for s in self.flat.body:
            assert isinstance(s, FlatStore)
            if s.strides[axis] != 1 or any(axis in sets[x] for x in (s.dynamic, s.mask) if x is not None):
                return axis, 1
        while width > 1 and (n % width or 0 < self.flat.lag < width):
            width //= 2
        return axis, width

    def _widest_bits(self) -> int:
        bits = [_lane_bits(i.dtype) for i in self.flat.instrs if i.op not in ("const", "index")]
        return max(bits + [_lane_bits(e) for e in self.flat.elems])

    def _loop_order(self) -> list[int]:
        """Outermost first: parallel axes, the vector axis last among its kind, reduce axes innermost."""
        parallel = [a for a in range(self.parallel) if a != self.vector_axis]
        reduce = [a for a in range(self.parallel, len(self.axes)) if a != self.vector_axis]
        if self.vector_axis < 0:
            return []
        if self.flat.serial:
            return list(range(len(self.axes)))
        if self.vector_axis < self.parallel:
            return [*parallel, self.vector_axis, *reduce]
        return [*parallel, *reduce, self.vector_axis]

    # -- structure ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        self._place(0)
        self._level(0)

    def _level(self, depth: int) -> None:
        """Everything inside the first `depth` loops."""
        if depth == len(self.order) or self.order[depth] >= self.parallel:
            if isinstance(self.flat.body[0], FlatReduce):
                self._reduce(depth)
            elif depth == len(self.order):
                self._stores([s for s in self.flat.body if isinstance(s, FlatStore)])
            return
        self._loop(self.order[depth], lambda: self._inside(depth + 1, lambda: self._level(depth + 1)))

    def _inside(self, depth: int, body: Callable[[], None]) -> None:
        saved = dict(self.values)
        self._place(depth)
        body()
        self.values = saved

    def _loop(self, axis: int, body: Callable[[], None]) -> None:
        """A loop without carried values."""
        def nothing_carried(_: list[Val]) -> list[Val]:
            body()
            return []

        self._carried_loop(axis, [], nothing_carried)

    def _carried_loop(
        self, axis: int, carried: list[Val], body: Callable[[list[Val]], list[Val]], start: Val | None = None, end: Val | None = None,
    ) -> list[Val]:
        """``for index in range(start, end, step)`` with values carried from one iteration to the next."""
        f, n = self.f, self.axes[axis]
        step = self.widest if axis == self.vector_axis else 1
        start = start or f.const(I64, 0)
        if end is None and n <= step:
            self.indices[axis] = start
            return body(carried)
        if self.unrolled and end is None:
            for k, width in cover(n, self.widest if axis == self.vector_axis else 1):
                self.indices[axis] = f.const(I64, k)
                if axis == self.vector_axis:
                    self.width = width
                carried = body(carried)
            return carried
        before, head, done = f.block, f.fresh("loop"), f.fresh("done")
        f.br(head)
        f.label(head)
        i, slot = f.phi_open(I64, start, before)
        phis = [f.phi_open(c.ty, c, before) for c in carried]
        index = i
        if n % step:
            last = f.const(I64, n - step)
            index = f.select(f.icmp("slt", i, last), i, last)
        self.indices[axis] = index
        self._raw_index = i
        out = body([p for p, _ in phis])
        following = f.add(i, f.const(I64, step))
        f.phi_close(slot, following, f.block)
        for (_, s), v in zip(phis, out, strict=True):
            f.phi_close(s, v, f.block)
        f.cond_br(f.icmp("slt", following, end or f.const(I64, n)), head, done)
        f.label(done)
        return out

    def _place(self, depth: int) -> None:
        """Emit the instructions that become computable inside loop `depth`."""
        for number, instr in enumerate(self.flat.instrs):
            if self.depths[number] == depth:
                self.values[number] = self._instr(number, instr)

    # -- instructions -------------------------------------------------------------------------------------------

    def _lanes(self, number: int, value: Val, varying: bool) -> Val:
        return self.f.splat(value, self.width) if varying and value.ty.width == 1 and self.width > 1 else value

    def _instr(self, number: int, instr: Instr) -> Val:
        f, varying = self.f, self.vector_axis in self.axis_sets[number] and self.width > 1
        match instr.op:
            case "const":
                return f.const(Ty(ELEMENTS[instr.dtype]), _parse_const(str(instr.attr)))
            case "index":
                offset, steps = cast(Any, instr.attr)
                return self._index(offset, steps, varying)
            case "load":
                param, strides = cast(Any, instr.attr)
                dynamic = self.values[instr.args[0]] if instr.args else None
                return self._load(param, strides, instr.dtype, dynamic, varying)
        args = [self._lanes(a, self.values[a], varying) for a in instr.args]
        operand = self.flat.instrs[instr.args[1 if instr.op == "select" else 0]].dtype
        return emit_op(f, instr.op, instr.dtype, operand, args)

    def _index(self, offset: int, strides: Sequence[int], varying: bool) -> Val:
        f = self.f
        total = self._offset(strides)
        total = f.const(I64, offset) if total is None else f.add(total, f.const(I64, offset)) if offset else total
        if not varying:
            return total
        step = strides[self.vector_axis]
        return f.add(f.splat(total, self.width), f.lanes(Ty("i64", self.width), [step * k for k in range(self.width)]))

    def _offset(self, strides: Sequence[int]) -> Val | None:
        """``sum(stride * index)`` over the loops around, None where it is 0."""
        f, total, known = self.f, None, 0
        for axis, s in enumerate(strides):
            if s:
                index = self.indices[axis]
                if not index.ref.startswith("%"):
                    known += s * int(index.ref)
                    continue
                term = index if s == 1 else f.mul(index, f.const(I64, s))
                total = term if total is None else f.add(total, term)
        if known:
            total = f.const(I64, known) if total is None else f.add(total, f.const(I64, known))
        return total

    def _address(self, param: int, strides: Sequence[int], dynamic: Val | None) -> Val:
        f, elem = self.f, memory_elem(self.flat.elems[param])
        offset = self._offset(strides)
        if dynamic is not None:
            offset = dynamic if offset is None else f.add(offset, dynamic)
        return self.pointers[param] if offset is None else f.gep(elem, self.pointers[param], offset)

    def _load(self, param: int, strides: Sequence[int], dtype: str, dynamic: Val | None, varying: bool) -> Val:
        f, elem = self.f, memory_elem(dtype)
        step = strides[self.vector_axis] if varying else 0
        if dynamic is not None and dynamic.ty.width > 1:
            value = self._gather(elem, self._address(param, strides, None), dynamic, step)
        else:
            address = self._address(param, strides, dynamic)
            if step == 0:
                value = f.load(Ty(elem), address)
            elif step == 1:
                value = f.load(Ty(elem, self.width), address)
            elif step == 2 and elem in ("float", "double"):
                # Two vectors that overlap by one element, so that nothing beyond the last one is read.
                w = self.width
                low, high = f.load(Ty(elem, w), address), f.load(Ty(elem, w), f.gep(elem, address, f.const(I64, w - 1)))
                value = f.shuffle(low, high, [k if k < w else k + 1 for k in range(0, 2 * w, 2)])
            elif step == -1:
                first = f.gep(elem, address, f.const(I64, 1 - self.width))
                value = f.shuffle(f.load(Ty(elem, self.width), first), None, list(range(self.width - 1, -1, -1)))
            else:
                value = self._gather(elem, address, None, step)
        return decode(f, value, dtype)

    def _gather(self, elem: str, base: Val, offsets: Val | None, step: int) -> Val:
        """Lane by lane: the code generator has no faster way on most targets."""
        f, w = self.f, self.width
        out = Val("poison", Ty(elem, w))
        for lane in range(w):
            if offsets is None:
                address = base if lane == 0 else f.gep(elem, base, f.const(I64, lane * step))
            else:
                offset = f.extract(offsets, lane)
                if step and lane:
                    offset = f.add(offset, f.const(I64, lane * step))
                address = f.gep(elem, base, offset)
            out = f.insert(out, f.load(Ty(elem), address), lane)
        return out

    # -- statements ---------------------------------------------------------------------------------------------

    def _stores(self, body: list[FlatStore]) -> None:
        """The stores in order; those that write the parts of the same groups of neighbouring elements are one."""
        k = 0
        while k < len(body):
            count = self._interleaved(body[k:])
            if count > 1:
                self._store_together(body[k:k + count])
            else:
                self._store(body[k])
            k += count

    def _interleaved(self, body: list[FlatStore]) -> int:
        """How many of the first stores write neighbouring elements, and nothing between what the next lane writes: 2, 4, 8 or else 1."""
        first = body[0]
        count = first.strides[self.vector_axis] if self.width > 1 and not self.flat.serial else 1
        if count not in (2, 4, 8) or len(body) < count or first.elem not in ("float32", "float64"):
            return 1
        follows = all(self.flat.neighbours[x.param] == y.param and x.strides == y.strides
                      for x, y in itertools.pairwise(body[:count]))
        return count if follows else 1

    def _store_together(self, body: list[FlatStore]) -> None:
        """Neighbouring elements, lane by lane: real and imaginary parts in turn, for two stores."""
        f, w = self.f, self.width
        address = self._address(body[0].param, body[0].strides, None)
        for i, vector in enumerate(self._zipped([[self._lanes(s.value, self.values[s.value], True)] for s in body])):
            f.store(vector, f.gep(memory_elem(body[0].elem), address, f.const(I64, i * w)) if i else address)

    def _zipped(self, rows: list[list[Val]]) -> list[Val]:
        """The first elements of all rows, then the second ones, and so on; a row is a list of vectors."""
        f, w = self.f, self.width
        while len(rows) > 1:
            half = len(rows) // 2
            pairs = [[k // 2 + k % 2 * w + part * w // 2 for k in range(w)] for part in (0, 1)]
            rows = [[f.shuffle(x, y, lanes) for x, y in zip(a, b, strict=True) for lanes in pairs]
                    for a, b in zip(rows[:half], rows[half:], strict=True)]
        return rows[0]

    def _store(self, s: FlatStore) -> None:
        f = self.f
        varying = self.width > 1
        value = self._lanes(s.value, self.values[s.value], varying)
        dynamic = None if s.dynamic is None else self.values[s.dynamic]
        address = self._address(s.param, s.strides, dynamic)
        after = None
        if s.mask is not None:
            inside, after = f.fresh("write"), f.fresh("next")
            f.cond_br(self.values[s.mask], inside, after)
            f.label(inside)
        if s.combine != "set":
            kept = decode(f, f.load(Ty(memory_elem(s.elem), value.ty.width), address), s.elem)
            value = emit_op(f, s.combine, s.elem, s.elem, [kept, value])
        self._put(value, s.elem, address, s.strides[self.vector_axis] if varying else 0)
        if after is not None:
            f.br(after)
            f.label(after)

    def _put(self, value: Val, dtype: str, address: Val, step: int) -> None:
        f, elem = self.f, memory_elem(dtype)
        value = encode(f, value, dtype)
        if value.ty.width == 1 or step == 1:
            f.store(value, address)
        elif step == -1:
            flipped = f.shuffle(value, None, list(range(self.width - 1, -1, -1)))
            f.store(flipped, f.gep(elem, address, f.const(I64, 1 - self.width)))
        else:
            for lane in range(self.width):
                target = f.gep(elem, address, f.const(I64, lane * step))
                f.store(f.extract(value, lane), target)

    def _reduce(self, depth: int) -> None:
        """The reduce loops inside the first `depth` ones, and the stores of their result."""
        (s,) = self.flat.body
        assert isinstance(s, FlatReduce)
        f = self.f
        dtypes = [self.flat.instrs[v].dtype for v in s.values]
        if self.vector_axis >= self.parallel:
            self.width = self.widest
        lanes = self.width if self.vector_axis >= 0 else 1
        neutral = identity(s.op, dtypes[0])
        start = [f.const(Ty(ELEMENTS[d], lanes), x) for d, x in zip(dtypes, neutral, strict=True)]
        empty = prod(self.axes[self.parallel:]) == 0
        states = start if empty else self._reduce_level(depth, s, dtypes[0], start)
        if self.vector_axis >= self.parallel:
            states = self._narrowed(s.op, dtypes[0], states, 1)
        across = lanes > 1 and self.vector_axis < self.parallel
        for state, param, strides, elem in zip(states, s.params, s.strides, s.elems, strict=True):
            self._put(state, elem, self._address(param, strides, None), strides[self.vector_axis] if across else 0)

    def _reduce_level(self, depth: int, s: FlatReduce, dtype: str, states: list[Val]) -> list[Val]:
        if depth == len(self.order):
            values = [self._lanes(v, self.values[v], self.width > 1) for v in s.values]
            return combine(self.f, s.op, dtype, states, self._masked(s.op, dtype, values))
        axis = self.order[depth]

        def body(carried: list[Val]) -> list[Val]:
            carried = self._narrowed(s.op, dtype, carried, self.width)
            saved = dict(self.values)
            self._place(depth + 1)
            out = self._reduce_level(depth + 1, s, dtype, carried)
            self.values = saved
            return out

        block = _BLOCK * self.width
        if axis == self.vector_axis and s.op == "add" and is_float_name(dtype) and self.axes[axis] > 2 * block:
            return self._cascade(axis, states, body, block, s, dtype)
        return self._carried_loop(axis, states, body)

    def _cascade(self, axis: int, states: list[Val], body: Callable[[list[Val]], list[Val]], block: int, s: FlatReduce,
                 dtype: str) -> list[Val]:
        """Sum blocks separately, then add up the blocks; blocks of many vectors are cascaded in turn."""
        f, n = self.f, self.axes[axis]
        outer = block
        while outer * _BLOCK * 2 < n:
            outer *= _BLOCK
        return self._blocks(axis, states, body, outer, block, s, dtype, f.const(I64, 0), f.const(I64, n))

    def _blocks(self, axis: int, states: list[Val], body: Callable[[list[Val]], list[Val]], size: int, smallest: int, s: FlatReduce,
                dtype: str, start: Val, end: Val) -> list[Val]:
        f = self.f
        if size < smallest:
            return self._carried_loop(axis, states, body, start, end)
        before, head, done = f.block, f.fresh("block"), f.fresh("done")
        f.br(head)
        f.label(head)
        first, slot = f.phi_open(I64, start, before)
        phis = [f.phi_open(c.ty, c, before) for c in states]
        following = f.add(first, f.const(I64, size))
        last = f.select(f.icmp("slt", following, end), following, end)
        zero = [f.const(c.ty, x) for c, x in zip(states, identity(s.op, dtype), strict=True)]
        inner = self._blocks(axis, zero, body, size // _BLOCK, smallest, s, dtype, first, last)
        out = combine(f, s.op, dtype, [p for p, _ in phis], inner)
        f.phi_close(slot, following, f.block)
        for (_, at), v in zip(phis, out, strict=True):
            f.phi_close(at, v, f.block)
        f.cond_br(f.icmp("slt", following, end), head, done)
        f.label(done)
        return out

    def _masked(self, op: str, dtype: str, values: list[Val]) -> list[Val]:
        """Lanes that the overlapping last vector of a reduce axis repeats, replaced by the neutral state."""
        axis, f = self.vector_axis, self.f
        if axis < self.parallel or self.unrolled or self.axes[axis] % self.width == 0 or op in ("min", "max", "and", "or"):
            return values
        repeated = f.sub(self._raw_index, self.indices[axis])
        lane = f.lanes(Ty("i64", self.width), list(range(self.width)))
        fresh = f.icmp("sge", lane, f.splat(repeated, self.width))
        return [f.select(fresh, v, f.const(v.ty, x)) for v, x in zip(values, identity(op, dtype), strict=True)]

    def _narrowed(self, op: str, dtype: str, states: list[Val], width: int) -> list[Val]:
        """Combine the lanes pairwise, halving their number until it is `width`."""
        f, lanes = self.f, states[0].ty.width
        while lanes > max(width, 2):
            lanes //= 2
            low = [f.shuffle(s, None, list(range(lanes))) for s in states]
            high = [f.shuffle(s, None, list(range(lanes, 2 * lanes))) for s in states]
            states = combine(f, op, dtype, low, high)
        if lanes > width:
            states = combine(f, op, dtype, [f.extract(s, 0) for s in states], [f.extract(s, 1) for s in states])
        return states


def _lane_bits(dtype: str) -> int:
    """The bits of a lane: in memory or in a register, whichever is more."""
    return max(Ty(memory_elem(dtype)).bits, Ty(ELEMENTS[dtype]).bits)


def _parse_const(text: str) -> float | int | bool:
    """The number that `repr` wrote."""
    if text in ("True", "False"):
        return text == "True"
    if text.lstrip("-").isdigit():
        return int(text)
    return float(text)
