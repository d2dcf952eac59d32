"""Code generation: a program becomes one LLVM module.

Each distinct kernel is one function, however many steps use it; the steps become calls in program order, cut into parts of
bounded length so that the code generator's time stays linear. The entry point takes one argument, a Python tuple of
ndarrays (inputs, constants, outputs, flags, arena), and reads the data pointers out of it: no marshalling in Python. The callables
of callbacks follow the arrays; their slots of the frame hold the objects themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from functrans import lapack
from functrans.compiler.control import Call, Control, element_bytes, is_empty
from functrans.compiler.flat import Flat, FlatStore, access_of, flatten_nest
from functrans.compiler.gemm import Tile, choose_tile, emit_gemm, scratch_elements, wants_packing
from functrans.compiler.library import emit_library
from functrans.compiler.memory import plan_memory, stack_buffers
from functrans.compiler.nest import emit_nest
from functrans.compiler.sort import emit_sort, sort_scratch
from functrans.compiler.text import I1, I64, PTR, Function, Val
from functrans.compiler.tiles import emit_product
from functrans.compiler.tiling import plan, recognise
from functrans.compiler.transpose import emit_transpose
from functrans.kernel import Branch, Buffer, Callback, Contract, Library, Loop, Nest, Program, Sort

__all__ = ["Layout", "Module", "Target", "generate"]

CALLS_PER_PART = 256
UNROLLED_SLOTS = 64


@dataclass(frozen=True, slots=True)
class Target:
    """What code generation needs to know of the processor."""

    vector_bits: int
    registers: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where CPython and NumPy keep what the entry point reads, in bytes."""

    tuple_items: int
    array_data: int


@dataclass(frozen=True, slots=True)
class Module:
    """The text of a module, its entry point, what a call must provide, the functions of loops and branches, and the library
    routines it calls.

    `callbacks` are the steps whose callables a call passes after its arrays, in this order.
    """

    text: str
    entry: str
    arena_bytes: int
    kernels: int
    controls: tuple[str, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    routines: tuple[str, ...] = ()


_ELEM_BYTES = {"float": 4, "double": 8}
_FLOAT_ELEMS = {"float32": "float", "float64": "double"}


class _Generator:
    def __init__(self, program: Program, target: Target, layout: Layout) -> None:
        self.program, self.target, self.layout = program, target, layout
        self.vector_bits = target.vector_bits
        self.functions: dict[str, Function] = {}
        self.controls: list[Function] = []
        self.kernels: dict[Flat, str] = {}
        self.tiles: dict[tuple[Tile, bool], str] = {}
        self.routines: dict[tuple[lapack.Call, int], str] = {}
        self.stack = stack_buffers(program.steps)
        self.offsets, self.arena = plan_memory(program, {b for buffers in self.stack.values() for b in buffers})
        self.scratch = 0
        self.slots: dict[Buffer, int] = {}
        for b in (*program.inputs, *program.consts, *program.outputs):
            self.slots[b] = len(self.slots)
        assert program.flags is not None
        self.slots[program.flags] = len(self.slots)
        self.arena_slot = len(self.slots)
        self.callbacks: dict[Callback, int] = {}

    # -- steps --------------------------------------------------------------------------------------------------

    def top_level(self) -> list[Call]:
        """The calls of the whole program, in order."""
        found: list[Call] = []
        for i, step in enumerate(self.program.steps):
            if isinstance(step, (Loop, Branch, Callback)):
                name = f"control{len(self.controls)}"
                self.controls.append(Control(self, name, self.stack.get(i, ())).run(step))
                found.append(Call(name, control=True))
            elif not isinstance(step, Nest) or not is_empty(step):
                found += self.calls(step)
        return found

    def calls(self, step: Nest | Contract | Sort | Library) -> list[Call]:
        """The calls that a step becomes."""
        if isinstance(step, Contract):
            return [self.contract(step)]
        if isinstance(step, Sort):
            return [self.sort(step, key, refine=i > 0) for i, key in enumerate(reversed(step.keys))]
        if isinstance(step, Library):
            return [self.library(step)]
        flat, params = flatten_nest(step)
        transposition = self.transposition(flat, params)
        if transposition is not None:
            return [transposition]
        product = self.product(flat, params)
        if product is not None:
            return [product]
        name = self.kernels.get(flat)
        if name is None:
            name = self.kernels[flat] = f"kernel{len(self.kernels)}"
            self.functions[name] = emit_nest(flat, name, self.target.vector_bits)
        return [Call(name, [(b, offset, b.elem) for b, offset in params])]

    def transposition(self, flat: Flat, params: list[tuple[Buffer, int]]) -> Call | None:
        """Recognise a plain transposed copy of matrices of some size and give it to the blocked kernel."""
        if not 2 <= len(flat.axes) <= 4 or len(flat.body) != 1 or len(flat.instrs) != 1 or flat.serial or flat.reduce:
            return None
        if flat.instrs[0].op != "load" or flat.instrs[0].args:
            return None
        (store,) = flat.body
        load_param, load = access_of(flat.instrs[0])
        if not isinstance(store, FlatStore) or load_param == store.param:
            return None
        out, elem = store.strides, flat.elems[0]
        if elem not in _FLOAT_ELEMS or out.count(1) != 1 or load.count(1) != 1:
            return None
        row, col = out.index(1), load.index(1)  # the input's rows are numbered along `row`, and run along `col`
        rows, cols = flat.axes[row], flat.axes[col]
        if min(rows, cols) < 8 or load[row] < cols or out[col] < rows:
            return None
        name_elem = _FLOAT_ELEMS[elem]
        function = emit_transpose(name_elem, 8 if name_elem == "double" else 16 if self.target.vector_bits >= 512 else 8)
        self.functions.setdefault(function.name, function)
        outer = [axis for axis in range(len(flat.axes)) if axis not in (row, col)]
        name = self.looped(function.name, name_elem, [flat.axes[axis] for axis in outer],
                           [[strides[axis] for axis in outer] for strides in (out, load)], 2, 4)
        (ob, oo), (ib, io) = params[store.param], params[load_param]
        return Call(name, [(ob, oo, elem), (ib, io, elem)], [rows, cols, load[row], out[col]])

    def product(self, flat: Flat, params: list[tuple[Buffer, int]]) -> Call | None:
        """Recognise a sum of products that a register tile computes."""
        found = recognise(flat)
        chosen = plan(found[0], self.target.vector_bits, self.target.registers) if found is not None else None
        if found is None or chosen is None:
            return None
        name = self.kernels.get(flat)
        if name is None:
            name = self.kernels[flat] = f"kernel{len(self.kernels)}"
            self.functions[name] = emit_product(found[0], chosen, name, self.target.registers)
        return Call(name, [(*params[p], found[0].elem) for p in found[1]])

    def contract(self, step: Contract) -> Call:
        elem = _FLOAT_ELEMS[step.elem]
        tile = choose_tile(elem, step.m, step.n, step.k, self.target.vector_bits, self.target.registers)
        packed = wants_packing(tile, step.m, step.n, step.k)
        entry = self.gemm(tile, packed)
        self.scratch = max(self.scratch, scratch_elements(tile, step.k, packed) * _ELEM_BYTES[elem])
        nb = len(step.batch)
        sizes = [step.m, step.n, step.k, step.c.strides[nb], step.a.strides[nb], step.a.strides[nb + 1], step.b.strides[nb]]
        name = self.looped(entry, elem, step.batch, [access.strides[:nb] for access in (step.c, step.a, step.b)], 4, 7)
        pointers = [(a.buffer, a.offset, step.elem) for a in (step.c, step.a, step.b)]
        return Call(name, [*pointers, (None, 0, step.elem)], sizes)

    def bound(self) -> tuple[str, ...]:
        """The library's routines that the module calls."""
        calls = [call for call, _ in self.routines]
        threads = lapack.thread_control() if any(call.is_short for call in calls) else ()
        return (*dict.fromkeys(call.routine for call in calls), *threads)

    def sort(self, step: Sort, key: Buffer, refine: bool) -> Call:
        """One stable sort by `key`, of the order so far if `refine`: from the last key to the first, they sort by all."""
        function = emit_sort(key.dtype.itemsize)
        self.functions.setdefault(function.name, function)
        self.scratch = max(self.scratch, sort_scratch(key.dtype.itemsize, step.n))
        pointers = [(step.order, 0, "int64"), (key, 0, key.elem), (None, 0, "uint8")]
        return Call(function.name, pointers, [step.rows, step.n, int(refine)])

    def library(self, step: Library) -> Call:
        key = (step.call, step.batch)
        name = self.routines.get(key)
        if name is None:
            name = self.routines[key] = f"library{len(self.routines)}"
            self.functions[name] = emit_library(step, name)
        return Call(name, [(b, 0, b.elem) for b in (*step.operands, *step.scratch)])

    def gemm(self, tile: Tile, packed: bool) -> str:
        name = self.tiles.get((tile, packed))
        if name is None:
            functions = emit_gemm(tile, packed)
            self.functions.update((f.name, f) for f in functions)
            name = self.tiles[tile, packed] = functions[0].name
        return name

    def looped(self, entry: str, elem: str, axes: Sequence[int], strides: Sequence[Sequence[int]], pointers: int, sizes: int) -> str:
        """The name of a function that calls `entry` at every point of `axes`, its first pointers moved by `strides`."""
        if prod(axes) == 1:
            return entry
        key = "_".join(map(str, (*axes, *(s for each in strides for s in each)))).replace("-", "m")
        name = f"batch_{entry}_{key}"
        if name in self.functions:
            return name
        f = Function(name, [PTR] * pointers + [I64] * sizes, attributes="noinline nounwind")

        def level(axis: int, moved: Sequence[Val]) -> None:
            if axis == len(axes):
                f.call_void(entry, *moved, *f.params[len(moved):])
                return
            i, close = f.loop("loop", f.const(I64, 0), f.const(I64, axes[axis]), f.const(I64, 1))
            level(axis + 1, [f.gep(elem, p, f.mul(i, f.const(I64, each[axis]))) if each[axis] else p
                             for p, each in zip(moved, strides, strict=True)])
            close()

        level(0, f.params[:len(strides)])
        f.ret()
        self.functions[name] = f
        return name

    # -- the calls ----------------------------------------------------------------------------------------------

    def base(self, buffer: Buffer | None) -> tuple[int, int]:
        """The frame's slot of a buffer, and the bytes from there to its first element."""
        if buffer is None:
            return self.arena_slot, self.arena
        if buffer.role == "temp":
            return self.arena_slot, self.offsets[buffer]
        return self.slots[buffer], 0

    def callback_slot(self, step: Callback) -> int:
        """The frame's slot of the Python object that a callback calls."""
        return self.arena_slot + 1 + self.callbacks.setdefault(step, len(self.callbacks))

    def pointer(self, f: Function, frame: Val, buffer: Buffer | None, offset: int, elem: str) -> Val:
        """The address of element `offset` of a buffer; None is the scratch area behind the temporaries."""
        slot, start = self.base(buffer)
        base = f.load(PTR, f.gep("ptr", frame, f.const(I64, slot)), 8)
        at = start + offset * element_bytes(elem)
        return f.gep("i8", base, f.const(I64, at)) if at else base

    def parts(self, calls: Sequence[Call]) -> list[Function]:
        """The calls in order, in functions of bounded length, then the entry point. An interrupted call ends them all."""
        made: list[Function] = []
        for i in range(0, len(calls), CALLS_PER_PART):
            f = Function(f"part{len(made)}", [PTR], I1, attributes="noinline nounwind")
            for call in calls[i:i + CALLS_PER_PART]:
                if call.control:
                    _call_or_leave(f, call.name, f.params[0])
                    continue
                args = [self.pointer(f, f.params[0], b, o, e) for b, o, e in call.pointers]
                f.call_void(call.name, *args, *[f.const(I64, s) for s in call.sizes])
            f.ret(f.const(I1, False))
            f.label("leave")
            f.ret(f.const(I1, True))
            made.append(f)
        entry = Function("functrans_main", [PTR], I1, linkage="dso_local", attributes="nounwind")
        arrays = self.arena_slot + 1
        count = arrays + len(self.callbacks)
        frame = entry.emit(PTR, f"alloca [{count} x ptr], align 8")
        self.read_slots(entry, frame, range(arrays), data=True)
        self.read_slots(entry, frame, range(arrays, count), data=False)
        for f in made:
            _call_or_leave(entry, f.name, frame)
        entry.ret(entry.const(I1, False))
        entry.label("leave")
        entry.ret(entry.const(I1, True))
        return [*made, entry]

    def read_slots(self, entry: Function, frame: Val, slots: range, data: bool) -> None:
        """The items of the call's tuple, or their `data` pointers, into the frame."""
        if len(slots) <= UNROLLED_SLOTS:
            for slot in slots:
                self.read_slot(entry, frame, entry.const(I64, slot), data)
            return
        # a loop: instruction selection is quadratic in the length of a block
        before, head, done = entry.block, entry.fresh("loop"), entry.fresh("done")
        entry.br(head)
        entry.label(head)
        at, phi = entry.phi_open(I64, entry.const(I64, slots.start), before)
        self.read_slot(entry, frame, at, data)
        following = entry.add(at, entry.const(I64, 1))
        entry.phi_close(phi, following, entry.block)
        entry.cond_br(entry.icmp("slt", following, entry.const(I64, slots.stop)), head, done)
        entry.label(done)

    def read_slot(self, entry: Function, frame: Val, slot: Val, data: bool) -> None:
        """One item of the call's tuple, or the `data` pointer of an array, into the frame."""
        items = entry.gep("i8", entry.params[0], entry.const(I64, self.layout.tuple_items))
        item = entry.load(PTR, entry.gep("ptr", items, slot), 8)
        if data:
            item = entry.load(PTR, entry.gep("i8", item, entry.const(I64, self.layout.array_data)), 8)
        entry.store(item, entry.gep("ptr", frame, slot), 8)


def _call_or_leave(f: Function, name: str, frame: Val) -> None:
    """Call a function that may be interrupted; if it was, leave."""
    go = f.fresh("go")
    f.cond_br(f.call(name, I1, frame), "leave", go)
    f.label(go)


def generate(program: Program, target: Target, layout: Layout) -> Module:
    """The module of a program."""
    generator = _Generator(program, target, layout)
    entry = generator.parts(generator.top_level())
    functions = [*generator.functions.values(), *generator.controls, *entry]
    declarations: dict[str, str] = {}
    for f in functions:
        declarations.update(f.declarations)
    defined = {f.name for f in functions}
    text = "\n".join([
        *(d for name, d in declarations.items() if name not in defined), *(f.text() for f in functions), ""])
    return Module(text, "functrans_main", generator.arena + generator.scratch, len(generator.kernels),
                  tuple(f.name for f in generator.controls), tuple(generator.callbacks), generator.bound())
