"""Code for loops and branches: each outermost one is a function, with everything inside it.

Small temporaries lie on the function's stack and small nests are written out in place, unrolled; LLVM's scalar passes then
keep the state of a loop in registers. Larger kernels and contractions are called. Nothing is allocated on a turn and no
Python runs, but every few milliseconds a loop lets other threads have the interpreter and asks whether Ctrl-C was pressed:
the function then returns true with the exception set, and its callers return at once. So it is when a Python callback raises:
compiled code hands it the addresses of its operands and results, and the callable itself stands in the frame. Callbacks with an
effect do not run once a check has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from functrans.compiler.flat import Flat, flatten_nest
from functrans.compiler.nest import emit_nest_inline
from functrans.compiler.small_product import emit_small_product, is_small
from functrans.compiler.storage import memory_elem
from functrans.compiler.text import I1, I8, I32, I64, PTR, Function, Ty, Val
from functrans.kernel import Branch, Buffer, Callback, Contract, Library, Loop, Nest, Sort, Step, Steps

__all__ = ["Call", "Control", "element_bytes", "is_empty"]

UNROLL = 512
"""Scalar operations up to which a nest inside a loop is written out in place."""
UNROLLED_FLAGS = 16
"""Checks up to which a callback looks at each by itself whether it has failed."""
PATIENCE = 1 << 21
"""Scalar operations between two looks for Ctrl-C: some milliseconds at most."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a compiled function on elements of buffers (None: the scratch area) and sizes.

    A call of a control function takes the frame instead, and tells whether it was interrupted.
    """

    name: str
    pointers: Sequence[tuple[Buffer | None, int, str]] = ()
    sizes: Sequence[int] = ()
    control: bool = False


class Kernels(Protocol):
    """What control code needs of the module's generator."""

    vector_bits: int

    def calls(self, step: Nest | Contract | Sort | Library) -> list[Call]:
        """The calls that a step becomes."""
    def base(self, buffer: Buffer | None) -> tuple[int, int]:
        """The frame's slot of a buffer, and the bytes from there to its first element."""
    def callback_slot(self, step: Callback) -> int:
        """The frame's slot of the Python object that a callback calls."""


def element_bytes(elem: str) -> int:
    """The size of an element of a kernel dtype."""
    return Ty(memory_elem(elem)).bits // 8


def is_empty(step: Nest) -> bool:
    """Whether a nest does nothing: reductions over nothing still store."""
    return not prod(step.axes[:len(step.axes) - step.reduce]) or (not step.reduce and prod(step.axes) == 0)


class Control:
    """Writes the function ``i1 @name(ptr frame)`` of a loop, branch or callback."""

    def __init__(self, kernels: Kernels, name: str, stack: Sequence[Buffer]) -> None:
        self.kernels = kernels
        self.f = Function(name, [PTR], I1, attributes="noinline nounwind")
        self.bases: dict[int, Val] = {}
        self.counters: dict[Buffer, Val] = {}
        self.places: dict[Buffer, Val] = {}
        self.depth = 0
        for b in stack:
            self.places[b] = self.f.early(PTR, f"alloca [{b.elements} x {memory_elem(b.elem)}], align 64")

    def run(self, step: Step) -> Function:
        f = self.f
        self.step(step)
        f.ret(f.const(I1, False))
        f.label("abort")
        f.ret(f.const(I1, True))
        return f

    # -- addresses ----------------------------------------------------------------------------------------------

    def pointer(self, buffer: Buffer | None, offset: int, elem: str) -> Val:
        """The address of element `offset` of a buffer."""
        f = self.f
        if buffer is not None and buffer.role == "window":
            window = buffer.source
            moved = f.mul(self.counters[window.counter], f.const(I64, window.step)) if window.step != 1 else self.counters[window.counter]
            return f.gep(memory_elem(elem), self.pointer(window.parent, window.offset + offset, elem), moved)
        found = self.places.get(buffer) if buffer is not None else None
        if found is None:
            slot, start = self.kernels.base(buffer)
            base = self.bases.get(slot)
            if base is None:
                at = f.early(PTR, f"getelementptr ptr, ptr %p0, i64 {slot}")
                base = self.bases[slot] = f.early(PTR, f"load ptr, ptr {at.ref}, align 8")
            found = f.gep("i8", base, f.const(I64, start)) if start else base
        return f.gep(memory_elem(elem), found, f.const(I64, offset)) if offset else found

    # -- steps --------------------------------------------------------------------------------------------------

    def steps(self, steps: Steps) -> None:
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        match step:
            case Nest() if is_empty(step):
                pass
            case Nest() | Contract() | Sort() | Library():
                self.plain(step)
            case Loop():
                self.loop(step)
            case Branch():
                self.branch(step)
            case Callback():
                self.callback(step)

    def plain(self, step: Nest | Contract | Sort | Library) -> None:
        if isinstance(step, Nest):
            flat, params = flatten_nest(step)
            if _unrollable(flat):
                emit_nest_inline(self.f, flat, [self.pointer(b, o, b.elem) for b, o in params], self.kernels.vector_bits)
                return
        if isinstance(step, Contract) and is_small(step, self.kernels.vector_bits):
            operands = [self.pointer(access.buffer, access.offset, step.elem) for access in (step.c, step.a, step.b)]
            emit_small_product(self.f, step, operands, self.kernels.vector_bits)
            return
        for call in self.kernels.calls(step):
            pointers = [self.pointer(b, o, e) for b, o, e in call.pointers]
            self.f.call_void(call.name, *pointers, *[self.f.const(I64, s) for s in call.sizes])

    def branch(self, step: Branch) -> None:
        f = self.f
        index = f.load(I32, self.pointer(step.index, 0, "int32"), 4)
        labels = [f.fresh("case") for _ in step.branches]
        done = f.fresh("joined")
        arms = " ".join(f"i32 {i}, label %{label}" for i, label in enumerate(labels[:-1]))
        f.do(f"switch {index}, label %{labels[-1]} [ {arms} ]")
        for label, part in zip(labels, step.branches, strict=True):
            f.label(label)
            self.steps(part)
            f.br(done)
        f.label(done)

    def callback(self, step: Callback) -> None:
        """Call the Python object of the step with the address of an array of addresses: of its inputs, then of its outputs."""
        f = self.f
        if step.failed is not None and step.failed.elements:
            self.leave_if_any(step.failed)
        buffers = (*step.inputs, *step.outputs)
        places = f.early(PTR, f"alloca [{max(1, len(buffers))} x ptr], align 8")
        for i, b in enumerate(buffers):
            f.store(self.pointer(b, 0, b.elem), f.gep("ptr", places, f.const(I64, i)), 8)
        function = f.load(PTR, f.gep("ptr", f.params[0], f.const(I64, self.kernels.callback_slot(step))), 8)
        # The calls of one argument that are not variadic: vararg calls need a convention that differs between platforms.
        f.declare("PyLong_FromVoidPtr", PTR, [PTR])
        f.declare("PyObject_CallOneArg", PTR, [PTR, PTR])
        f.declare("Py_DecRef", None, [PTR])
        address = f.call("PyLong_FromVoidPtr", PTR, places)
        self.leave_if_null(address)
        result = f.call("PyObject_CallOneArg", PTR, function, address)
        f.call_void("Py_DecRef", address)
        self.leave_if_null(result)
        f.call_void("Py_DecRef", result)

    def leave_if_any(self, flags: Buffer) -> None:
        """Return at once where a check has failed: the program has an error here, and what comes after it must not happen."""
        f = self.f
        first, failed, go = self.pointer(flags, 0, "bool"), f.const(I64, 0), f.fresh("go")
        if flags.elements <= UNROLLED_FLAGS:
            for i in range(flags.elements):
                failed = f.or_(failed, f.cast("zext", f.load(I8, f.gep("i8", first, f.const(I64, i)), 1), "i64"))
        else:
            f.declare("memchr", PTR, [PTR, I32, I64])
            found = f.call("memchr", PTR, first, f.const(I32, 1), f.const(I64, flags.elements))
            failed = f.cast("ptrtoint", found, "i64")
        f.cond_br(f.icmp("ne", failed, f.const(I64, 0)), "abort", go)
        f.label(go)

    def leave_if_null(self, result: Val) -> None:
        """Return at once where Python has raised: the exception stays set, and is raised again by whoever called us."""
        f = self.f
        go = f.fresh("go")
        f.cond_br(f.icmp("eq", result, Val("null", PTR)), "abort", go)
        f.label(go)

    def loop(self, step: Loop) -> None:
        f = self.f
        self.steps(step.before)
        home = [self.pointer(b, 0, b.elem) for pair in step.swaps for b in pair]
        entry, head, done = f.block, f.fresh("turn"), f.fresh("done")
        f.br(head)
        f.label(head)
        i, i_slot = f.phi_open(I64, f.const(I64, 0), entry)
        phis = [f.phi_open(PTR, p, entry) for p in home]
        places = [p for p, _ in phis]
        for b, p in zip((b for pair in step.swaps for b in pair), places, strict=True):
            self.places[b] = p
        self.counters[step.counter] = i
        f.store(i, self.pointer(step.counter, 0, "int64"), 8)
        if step.predicate is not None:
            self.steps(step.condition)
            holds = f.cast("trunc", f.load(Ty("i8"), self.pointer(step.predicate, 0, "bool")), "i1")
            inside = f.fresh("body")
            f.cond_br(holds, inside, done)
            f.label(inside)
        self.depth += 1
        self.steps(step.body)
        self.depth -= 1
        self.look_around(i, step)
        following = f.add(i, f.const(I64, 1))
        f.phi_close(i_slot, following, f.block)
        swapped = [places[k ^ 1] for k in range(len(places))]
        for (_, slot), p in zip(phis, swapped, strict=True):
            f.phi_close(slot, p, f.block)
        if step.predicate is None:
            assert step.count is not None
            f.cond_br(f.icmp("slt", following, f.const(I64, step.count)), head, done)
        else:
            f.br(head)
        f.label(done)
        final = swapped if step.predicate is None else places
        for (now, _), at, start in zip(step.swaps, final[::2], home[::2], strict=True):
            self.bring_home(now, at, start)
        for b, p in zip((b for pair in step.swaps for b in pair), home, strict=True):
            self.places[b] = p
        self.steps(step.after)

    def bring_home(self, buffer: Buffer, at: Val, home: Val) -> None:
        """Copy a carry that ended in the place of its partner."""
        f = self.f
        copy, after = f.fresh("copy"), f.fresh("home")
        f.cond_br(f.icmp("eq", at, home), after, copy)
        f.label(copy)
        f.call_void("llvm.memcpy.p0.p0.i64", home, at, f.const(I64, buffer.nbytes), f.const(I1, False))
        f.br(after)
        f.label(after)

    def look_around(self, i: Val, step: Loop) -> None:
        f = self.f
        every = 1 << max(0, min(20, (PATIENCE // max(1, _work(step.body) + _work(step.condition))).bit_length() - 1))
        if step.count is not None and step.count < every:
            return
        look, go = f.fresh("look"), f.fresh("go")
        if step.count is None and self.depth:  # it may be entered often for few turns each: count on from one time to the next
            place = f.variable(f.const(I64, 0))
            i = f.load(I64, place, 8)
            f.store(f.add(i, f.const(I64, 1)), place, 8)
        phase = f.and_(i, f.const(I64, every - 1))
        f.cond_br(f.icmp("eq", phase, f.const(I64, every - 1)), look, go)
        f.label(look)
        f.declare("PyEval_SaveThread", PTR, [])
        f.declare("PyEval_RestoreThread", None, [PTR])
        f.declare("PyErr_CheckSignals", I32, [])
        f.call_void("PyEval_RestoreThread", f.call("PyEval_SaveThread", PTR))  # whoever waits for the interpreter has a turn
        pressed = f.icmp("ne", f.call("PyErr_CheckSignals", I32), f.const(I32, 0))
        f.cond_br(pressed, "abort", go)
        f.label(go)


def _unrollable(flat: Flat) -> bool:
    operations = sum(1 for i in flat.instrs if i.op != "const") + len(flat.body)
    return prod(flat.axes) * operations <= UNROLL


def _work(steps: Steps) -> int:
    """About how many scalar operations `steps` take; loops of unknown length look for themselves."""
    total = 0
    for step in steps:
        match step:
            case Nest():
                total += prod(step.axes) * sum(n.weight + 1 for s in step.body for n in (s.nodes if hasattr(s, "nodes") else (s.node,)))
            case Contract():
                total += prod(step.batch) * step.m * step.n * step.k // 8
            case Sort():
                total += step.rows * step.n * 3 * sum(k.dtype.itemsize for k in step.keys)
            case Library():
                total += 16 * sum(b.elements for b in step.operands)
            case Loop():
                turns = 1 if step.count is None else step.count
                total += sum(map(_work, (step.before, step.after))) + turns * (_work(step.body) + _work(step.condition))
            case Branch():
                total += max(map(_work, step.branches))
            case Callback():
                total += 1000
    return total


