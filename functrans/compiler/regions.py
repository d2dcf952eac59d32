"""Lowering of what is inside control flow: loops and branches become steps that contain steps.

A *region* is the straight-line inside of a loop or a branch. A loop carry lives in one buffer, `now`, that each turn reads;
the next value is stored elsewhere and brought over when the turn ends: small carries are copied (the copies vanish when the
code generator keeps them in registers), large ones change places with the buffer of the next value. A carry that a turn
updates in part (`x.at[i].set(v)`, `dynamic_update_slice`) is updated in place: the scatter's copy of its operand is dropped
where nobody reads the old value afterwards (`InPlace`).

The slices of what a `scan` runs over, and of what it stacks, are *windows*: buffers that lie inside another and move with
the loop's counter. They cost an addition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from functrans.compiler.convolve import Convolutions
from functrans.compiler.fuse import CHEAP, LARGE, Group
from functrans.compiler.inplace import update_in_place
from functrans.compiler.library import library_step
from functrans.compiler.views import contiguous_strides
from functrans.core.array import Array
from functrans.core.dtypes import float0
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Literal, Var
from functrans.core.source import describe
from functrans.kernel import (
    Access,
    ArrayType,
    Branch,
    Buffer,
    Callback,
    Contract,
    Expr,
    Loop,
    Nest,
    Program,
    Sort,
    Step,
    Steps,
    Store,
    Window,
    reads,
    writes,
)
from functrans.lapack import Call

__all__ = ["Lowering"]

SMALL = 512
"""Bytes up to which a loop carry is copied from turn to turn rather than swapped."""


class Lowering(Convolutions):
    """A `Fuser` that lowers whole jaxprs, and regions within them."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._made: set[Buffer] = set()
        self._constants: dict[int, Buffer] = {}

    def evaluate(self, jaxpr: Jaxpr, env: dict[Any, Expr]) -> list[Expr]:
        """The results of a jaxpr's equations, each lowered by its rule. `env` has the inputs and constants."""
        uses = use_counts(jaxpr)

        def value(a: Var | Literal) -> Expr:
            return self.const(a.value, a.aval.dtype) if isinstance(a, Literal) else env[a]

        outer = self.site
        for eqn in jaxpr.eqns:
            if eqn.source is not None:
                self.site = describe(eqn.source)
            out = eqn.primitive.rule("lower")(self, *map(value, eqn.invars), **eqn.params)
            outs = out if eqn.primitive.multiple_results else [out]
            for v, x in zip(eqn.outvars, outs, strict=True):
                n = uses.get(v, 0)
                if n:
                    env[v] = self.stored(x) if (n > 1 and x.weight > CHEAP) or x.weight > LARGE else x
        self.site = outer
        return [value(a) for a in jaxpr.outvars]

    def apply(self, closed: ClosedJaxpr, args: Sequence[Expr]) -> list[Expr]:
        """The results of a closed jaxpr on `args`."""
        env: dict[Any, Expr] = dict(zip(closed.jaxpr.invars, args, strict=True))
        env.update(zip(closed.jaxpr.constvars, map(self.constant, closed.consts), strict=True))
        return self.evaluate(closed.jaxpr, env)

    def constant(self, value: Any) -> Expr:
        """An array as a constant of the program."""
        array = value._value if type(value) is Array else np.asarray(value)
        if array.dtype == float0:
            return self.broadcast(self.const(False, np.bool_), array.shape, ())
        known = self._constants.get(id(array))
        if known is not None:
            return self.load(known)
        buffer = Buffer(array.dtype, array.shape, "const", len(self.program.consts))
        buffer.source = array
        self.program.consts.append(buffer)
        self._constants[id(array)] = buffer  # which holds the array, so that its id stays its own
        return self.load(buffer)

    # -- regions ------------------------------------------------------------------------------------------------

    @contextmanager
    def region(self) -> Iterator[list[Step]]:
        """Collect steps apart; what is pending outside is stored first, what is pending inside at the end."""
        self.close_all()
        steps: list[Step] = []
        groups: dict[tuple[int, ...], Group] = {}
        saved = self.steps, self._open, self._group_of, self._made
        self.steps, self._open, self._group_of, self._made = steps, groups, {}, set()
        try:
            yield steps
            self.close_all()
        finally:
            self.steps, self._open, self._group_of, self._made = saved

    def temp(self, dtype: np.dtype, shape: tuple[int, ...]) -> Buffer:
        buffer = super().temp(dtype, shape)
        self._made.add(buffer)
        return buffer

    def assign(self, buffer: Buffer, x: Expr) -> None:
        """Store `x` into a buffer of its shape."""
        self._add_to_group(buffer, x)

    def settled(self, x: Expr) -> Expr:
        """`x` as something that costs nothing to evaluate on every turn: loads, constants, indices."""
        free = all(n.op in ("load", "const", "index") and not n.args for n in x.nodes)
        return x if free else self.stored(x)

    def _fresh(self, x: Expr, taken: set[Buffer]) -> Buffer:
        """A temporary of this region that holds `x` and nothing else's result."""
        buffer = self.whole_buffer(x)
        if buffer is None or buffer not in self._made or buffer in taken or buffer.role != "temp":
            buffer = self.temp(x.dtype, x.shape)
            self.assign(buffer, x)
        buffer.shape = x.shape
        taken.add(buffer)
        return buffer

    # -- library routines ---------------------------------------------------------------------------------------

    def library(self, call: Call, batch: int, inputs: Sequence[Expr], updates: Sequence[Expr],
                outputs: Sequence[tuple[np.dtype, tuple[int, ...]]]) -> list[Expr]:
        step = library_step(self, call, batch, inputs, updates, outputs)
        for buffer in (*step.inputs, *step.updates):
            self._close_for(buffer)
        self.steps.append(step)
        return [self.load(b) for b in (*step.updates, *step.outputs)]

    def assemble(self, parts: Sequence[Expr]) -> Expr:
        shape, size = parts[0].shape, prod(parts[0].shape)
        out = self.temp(parts[0].dtype, (len(parts), *shape))
        strides = contiguous_strides(shape)
        stores = tuple(Store(Access(out, i * size, strides), part.nodes[0]) for i, part in enumerate(parts))
        self._emit(Nest(shape, 0, stores))
        return self.load(out)

    # -- branches -----------------------------------------------------------------------------------------------

    def branch(self, index: Expr, branches: Sequence[ClosedJaxpr], operands: Sequence[Expr]) -> list[Expr]:
        chosen = self.temp(np.dtype("int32"), ())
        self.assign(chosen, index)
        outs = [self.temp(a.dtype, a.shape) for a in branches[0].out_avals]
        regions: list[Steps] = []
        for closed in branches:
            with self.region() as steps:
                for buffer, x in zip(outs, self.apply(closed, operands), strict=True):
                    self.assign(buffer, x)
            regions.append(tuple(steps))
        self.steps.append(Branch(chosen, tuple(regions)))
        return [self.load(b) for b in outs]

    # -- callbacks ----------------------------------------------------------------------------------------------

    def callback(self, function: Callable[[list[np.ndarray]], Sequence[np.ndarray]], args: Sequence[Expr],
                 out_types: Sequence[ArrayType], effectful: bool) -> list[Expr]:
        inputs = []
        for x in args:
            buffer = self.whole_buffer(self.stored(x))
            assert buffer is not None
            inputs.append(buffer)
        self.close_all()
        outs = [self.temp(dtype, shape) for shape, dtype in out_types]
        in_types = tuple((x.shape, x.dtype) for x in args)
        self.steps.append(Callback(function, tuple(inputs), tuple(outs), in_types, tuple(out_types), effectful,
                                   self.program.flags if effectful else None))
        return [self.load(b) for b in outs]

    # -- loops --------------------------------------------------------------------------------------------------

    def scan(self, jaxpr: ClosedJaxpr, consts: Sequence[Expr], init: Sequence[Expr], xs: Sequence[Expr], length: int,
             reverse: bool) -> list[Expr]:
        n = len(init)
        stacks = [self.temp(a.dtype, (length, *a.shape)) for a in jaxpr.out_avals[n:]]
        if length == 0:
            return [*init, *map(self.load, stacks)]
        consts = [self.settled(c) for c in consts]
        rows = [self._rows(x) for x in xs]
        carries = _Carries(self, init)
        counter = self.temp(np.dtype("int64"), ())
        first, sign = (length - 1, -1) if reverse else (0, 1)

        def window(parent: Buffer, dtype: np.dtype, shape: tuple[int, ...], offset: int, step: int) -> Buffer:
            buffer = Buffer(dtype, shape, "window")
            buffer.source = Window(parent, counter, offset + first * step, sign * step)
            return buffer

        with self.region() as body:
            slices = [self.load(window(parent, x.dtype, x.shape[1:], offset, step))
                      for x, (parent, offset, step) in zip(xs, rows, strict=True)]
            outs = self.apply(jaxpr, [*consts, *carries.values(), *slices])
            carries.advance(outs[:n])
            for x, stack in zip(outs[n:], stacks, strict=True):
                step = prod(x.shape) * len(x.nodes)
                self.assign(window(stack, x.dtype, x.shape, 0, step), x)
        self.steps.append(carries.loop(counter, length, body))
        return [*carries.results(), *map(self.load, stacks)]

    def while_loop(self, condition: ClosedJaxpr, body: ClosedJaxpr, condition_consts: Sequence[Expr], body_consts: Sequence[Expr],
                   init: Sequence[Expr]) -> list[Expr]:
        condition_consts = [self.settled(c) for c in condition_consts]
        body_consts = [self.settled(c) for c in body_consts]
        carries = _Carries(self, init)
        counter = self.temp(np.dtype("int64"), ())
        predicate = self.temp(np.dtype("bool"), ())
        with self.region() as test:
            (holds,) = self.apply(condition, [*condition_consts, *carries.values()])
            self.assign(predicate, holds)
        with self.region() as steps:
            carries.advance(self.apply(body, [*body_consts, *carries.values()]))
        self.steps.append(carries.loop(counter, None, steps, test, predicate))
        return carries.results()

    def repeat(self, n: Expr, body: ClosedJaxpr, consts: Sequence[Expr], init: Sequence[Expr]) -> list[Expr]:
        consts, n = [self.settled(c) for c in consts], self.settled(n)
        carries = _Carries(self, init)
        counter = self.temp(np.dtype("int64"), ())
        predicate = self.temp(np.dtype("bool"), ())
        with self.region() as test:
            self.assign(predicate, self.op("lt", self.load(counter), n))
        with self.region() as steps:
            carries.advance(self.apply(body, [*consts, *carries.values()]))
        self.steps.append(carries.loop(counter, None, steps, test, predicate))
        return carries.results()

    def blocks(self, x: Expr, rows: int, body: Callable[[Expr], Expr]) -> Expr:
        count = x.shape[0] // rows
        if count <= 1:
            return body(x)
        parent = self.whole_buffer(self.stored(x))
        assert parent is not None
        counter = self.temp(np.dtype("int64"), ())
        inside = Buffer(x.dtype, (rows, *x.shape[1:]), "window")
        inside.source = Window(parent, counter, 0, inside.elements)
        with self.region() as steps:
            block = body(self.load(inside))
            made = self._fresh(block, set())
        # What the last step stores goes where it belongs.
        out = self.temp(block.dtype, (x.shape[0], *block.shape[1:]))
        made.role, made.source = "window", Window(out, counter, 0, made.elements)
        self.program.temps.remove(made)
        self.steps.append(Loop(counter, count, tuple(steps)))
        return self.load(out)

    def _rows(self, x: Expr) -> tuple[Buffer, int, int]:
        """Where the rows of `x` along its first axis lie, each contiguous: a buffer, an offset and a step."""
        unit = len(x.nodes)
        found = self._plain_rows(x, unit)
        if found is None:
            buffer = self.temp(x.dtype, x.shape)
            self.assign(buffer, x)
            found = buffer, 0, prod(x.shape[1:]) * unit
        return found

    def _plain_rows(self, x: Expr, unit: int) -> tuple[Buffer, int, int] | None:
        node = x.nodes[0]
        if node.op != "load" or node.args or node.attr.buffer.dtype != x.dtype:
            return None
        access = node.attr
        inner = zip(access.strides[1:], contiguous_strides(x.shape[1:], unit), x.shape[1:], strict=True)
        if any(s != c for s, c, n in inner if n != 1):
            return None
        if unit == 2 and (x.nodes[1].op != "load" or x.nodes[1].args or x.nodes[1].attr.offset != access.offset + 1):
            return None
        return access.buffer, access.offset, access.strides[0]


class _Carries:
    """The carries of one loop: where each is now, and how it gets its next value."""

    def __init__(self, lowering: Lowering, init: Sequence[Expr]) -> None:
        self._lowering = lowering
        self._small = [prod(x.shape) * x.dtype.itemsize <= SMALL for x in init]
        self._now = [lowering.temp(x.dtype, x.shape) for x in init]
        # A small carry is private to the loop, so that it can live in registers; its result is copied out at the end.
        self._final = [lowering.temp(x.dtype, x.shape) if small else now
                       for x, small, now in zip(init, self._small, self._now, strict=True)]
        self._next: list[Buffer | None] = []
        for buffer, x, small in zip(self._now, init, self._small, strict=True):
            if not small:  # a step of its own, which goes where the loop may take over the buffer of `x`
                lowering._store_into(buffer, x, [0] * len(x.shape), [1] * len(x.shape))
        with lowering.region() as before:
            for buffer, x, small in zip(self._now, init, self._small, strict=True):
                if small:
                    lowering.assign(buffer, x)
        self._before = tuple(before)

    def values(self) -> list[Expr]:
        return [self._lowering.load(b) for b in self._now]

    def results(self) -> list[Expr]:
        return [self._lowering.load(b) for b in self._final]

    def advance(self, outs: Sequence[Expr]) -> None:
        """Note, inside the body, the next values; those that do not change need nothing."""
        taken: set[Buffer] = set()
        for now, x in zip(self._now, outs, strict=True):
            same = self._lowering.whole_buffer(x) is now and x.shape == now.shape
            self._next.append(None if same else self._lowering._fresh(x, taken))

    def loop(self, counter: Buffer, count: int | None, body: Sequence[Step], condition: Sequence[Step] = (),
             predicate: Buffer | None = None) -> Loop:
        lowering = self._lowering
        moving = {counter, *(now for now, n in zip(self._now, self._next, strict=True) if n is not None)}
        # The next value of a large carry changes places with the carry: the one stored before the loop would be gone after a turn.
        moving.update(n for n, small in zip(self._next, self._small, strict=True) if n is not None and not small)
        body, invariant = without_invariant(body, condition, moving)
        body, in_place = update_in_place(body, {n: now for now, n in zip(self._now, self._next, strict=True) if n is not None})
        moved = [(now, n, small) for now, n, small in zip(self._now, self._next, self._small, strict=True)
                 if n is not None and n not in in_place]
        with lowering.region() as back:
            for now, n, small in moved:
                if small:
                    lowering.assign(now, lowering.load(n))
        with lowering.region() as after:
            for now, final in zip(self._now, self._final, strict=True):
                if now is not final:
                    lowering.assign(final, lowering.load(now))
        swaps = tuple((now, n) for now, n, small in moved if not small)
        return Loop(counter, count, (*body, *back), (*self._before, *invariant), tuple(after), tuple(condition), predicate, swaps)


def without_invariant(body: Sequence[Step], condition: Sequence[Step], moving: set[Buffer]) -> tuple[list[Step], list[Step]]:
    """The body of a loop without the steps that do the same on every turn, such as a matrix brought into another order; and these.

    `moving` are buffers that change between turns.
    """
    varying: dict[Buffer, int] = dict.fromkeys(moving, 2)
    for step in (*body, *condition):
        for b in writes(step):
            varying[b] = varying.get(b, 0) + 1
    kept: list[Step] = []
    invariant: list[Step] = []
    for step in body:
        outs = writes(step)
        fixed = isinstance(step, (Nest, Contract, Sort)) and all(
            b.role != "window" and varying.get(b, 0) == 0 for b in reads(step)) and all(
            b.role == "temp" and varying[b] == 1 for b in outs)
        (invariant if fixed else kept).append(step)
        if fixed:
            for b in outs:
                varying[b] = 0
    return kept, invariant


def use_counts(jaxpr: Jaxpr) -> dict[Any, int]:
    """How often each variable is used, outputs included."""
    uses: dict[Any, int] = {}
    for eqn in jaxpr.eqns:
        for a in eqn.invars:
            if type(a) is Var:
                uses[a] = uses.get(a, 0) + 1
    for a in jaxpr.outvars:
        if type(a) is Var:
            uses[a] = uses.get(a, 0) + 1
    return uses
