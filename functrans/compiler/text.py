"""LLVM IR written as text: a typed builder for one function body.

Text is an order of magnitude cheaper to make than an object tree of instructions, and the assembler checks it anyway.
A `Val` is an SSA name or a constant with its type; a `Function` appends instructions and hands out names. A type is an
element (``double``, ``i64``, ``ptr`` ...) and a width: the same emitter serves scalars (width 1) and vectors.

>>> f = Function("axpy", [Ty("double", 8), Ty("double", 8)], Ty("double", 8))
>>> f.ret(f.fma(f.const(f.params[0].ty, 2.0), *f.params))
>>> print(f.text().splitlines()[0])
define internal <8 x double> @axpy(<8 x double> %p0, <8 x double> %p1) {
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

__all__ = ["F16", "F32", "F64", "I1", "I8", "I32", "I64", "PTR", "Function", "Ty", "Val"]

_BITS = {"double": 64, "float": 32, "half": 16, "i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "ptr": 64}


@dataclass(frozen=True, slots=True)
class Ty:
    """An LLVM first-class type: `width` lanes of `elem`."""

    elem: str
    width: int = 1

    def __str__(self) -> str:
        return _type_text(self.elem, self.width)

    @property
    def bits(self) -> int:
        """Bits of one lane."""
        return _BITS[self.elem]

    @property
    def is_float(self) -> bool:
        return self.elem in ("double", "float", "half")

    def like(self, elem: str) -> Ty:
        """The same number of lanes of another element."""
        return Ty(elem, self.width)

    def scalar(self) -> Ty:
        return Ty(self.elem)

    def suffix(self) -> str:
        """The overload suffix of intrinsic names: ``v8f64``, ``f32``, ``i64``."""
        return _suffix(self.elem, self.width)


@cache
def _type_text(elem: str, width: int) -> str:
    return elem if width == 1 else f"<{width} x {elem}>"


@cache
def _suffix(elem: str, width: int) -> str:
    short = {"double": "f64", "float": "f32", "half": "f16", "ptr": "p0"}.get(elem, elem)
    return short if width == 1 else f"v{width}{short}"


F16, F32, F64 = Ty("half"), Ty("float"), Ty("double")
I1, I8, I32, I64, PTR = Ty("i1"), Ty("i8"), Ty("i32"), Ty("i64"), Ty("ptr")


@dataclass(frozen=True, slots=True)
class Val:
    """An SSA value or constant: the text that refers to it, and its type."""

    ref: str
    ty: Ty

    def __str__(self) -> str:
        return f"{self.ty} {self.ref}"


def float_text(elem: str, x: float) -> str:
    """The exact LLVM spelling of a floating constant (rounded to `elem` first). Not cached: to a cache -0.0 is 0.0."""
    if elem == "half":
        return f"0xH{struct.unpack('<H', struct.pack('<e', x))[0]:04X}"
    if elem == "float":
        with_f32 = struct.unpack("<f", struct.pack("<f", x))[0] if abs(x) < 3.5e38 else x
        x = with_f32
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


class Function:
    """Builds the text of one function. Instructions of equal text are not merged: callers do their own CSE."""

    def __init__(
        self, name: str, params: Sequence[Ty], result: Ty | None = None, *,
        linkage: str = "internal", attributes: str = "", param_attributes: Sequence[str] | None = None,
    ) -> None:
        self.name, self.result = name, result
        self.params = [Val(f"%p{i}", ty) for i, ty in enumerate(params)]
        self.declarations: dict[str, str] = {}
        self._lines: list[str] = []
        self._prologue: list[str] = []
        self._next = 0
        self._linkage, self._attributes = linkage, attributes
        self._param_attributes = list(param_attributes) if param_attributes else [""] * len(self.params)
        self.block = "entry"

    # -- structure ----------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The whole function, entry block first."""
        params = ", ".join(
            f"{p.ty} {a + ' ' if a else ''}{p.ref}" for p, a in zip(self.params, self._param_attributes, strict=True))
        head = f"define {self._linkage} {self.result or 'void'} @{self.name}({params})"
        return "\n".join([f"{head} {self._attributes}".rstrip() + " {", "entry:", *self._prologue, *self._lines, "}"])

    def fresh(self, hint: str = "v") -> str:
        self._next += 1
        return f"{hint}{self._next}"

    def emit(self, ty: Ty, instruction: str) -> Val:
        """Append ``%name = instruction`` and return it as a value of type `ty`."""
        self._next += 1
        ref = f"%v{self._next}"
        self._lines.append(f"  {ref} = {instruction}")
        return Val(ref, ty)

    def early(self, ty: Ty, instruction: str) -> Val:
        """An instruction at the start of the function, whatever block is being written: stack slots, fixed addresses."""
        self._next += 1
        ref = f"%v{self._next}"
        self._prologue.append(f"  {ref} = {instruction}")
        return Val(ref, ty)

    def variable(self, first: Val) -> Val:
        """A place on the stack that holds `first` when the function starts."""
        place = self.early(PTR, f"alloca {first.ty}, align 8")
        self._prologue.append(f"  store {first}, ptr {place.ref}, align 8")
        return place

    def do(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + instruction)

    def label(self, name: str) -> None:
        """Start the block `name` (the previous one must have ended in a branch)."""
        self._lines.append(f"{name}:")
        self.block = name

    def br(self, target: str) -> None:
        self.do(f"br label %{target}")

    def cond_br(self, cond: Val, then: str, other: str) -> None:
        self.do(f"br i1 {cond.ref}, label %{then}, label %{other}")

    def ret(self, value: Val | None = None) -> None:
        self.do(f"ret {value}" if value else "ret void")

    def phi(self, ty: Ty, incoming: Iterable[tuple[Val, str]]) -> Val:
        arms = ", ".join(f"[ {v.ref}, %{b} ]" for v, b in incoming)
        return self.emit(ty, f"phi {ty} {arms}")

    def phi_open(self, ty: Ty, first: Val, first_block: str) -> tuple[Val, int]:
        """A phi whose back edge is not known yet; close it with `phi_close`."""
        value = self.emit(ty, "")
        self._lines[-1] = f"  {value.ref} = phi {ty} [ {first.ref}, %{first_block} ]"
        return value, len(self._lines) - 1

    def phi_close(self, slot: int, value: Val, block: str) -> None:
        self._lines[slot] += f", [ {value.ref}, %{block} ]"

    def loop(self, hint: str, start: Val, end: Val, step: Val) -> tuple[Val, Callable[[], None]]:
        """Open ``for i in range(start, end, step)``, known to run at least once; call the second result to close it."""
        before, head, done = self.block, self.fresh(hint), self.fresh(f"{hint}_end")
        self.br(head)
        self.label(head)
        i, slot = self.phi_open(start.ty, start, before)

        def close() -> None:
            following = self.add(i, step)
            self.phi_close(slot, following, self.block)
            self.cond_br(self.icmp("slt", following, end), head, done)
            self.label(done)

        return i, close

    # -- constants ----------------------------------------------------------------------------------------------

    def const(self, ty: Ty, x: float | int | bool) -> Val:
        """The constant `x` in every lane."""
        match ty.elem:
            case "double" | "float" | "half":
                one = float_text(ty.elem, float(x))
            case "i1":
                one = "true" if x else "false"
            case _:
                bits = ty.bits
                one = str(((int(x) + (1 << (bits - 1))) & ((1 << bits) - 1)) - (1 << (bits - 1)))
        return Val(one if ty.width == 1 else f"splat ({ty.elem} {one})", ty)

    def lanes(self, ty: Ty, xs: Sequence[float | int]) -> Val:
        """A vector constant, lane by lane."""
        return Val("<" + ", ".join(str(self.const(ty.scalar(), x)) for x in xs) + ">", ty)

    # -- arithmetic ---------------------------------------------------------------------------------------------

    def binary(self, opcode: str, a: Val, b: Val) -> Val:
        """`opcode` may carry flags: ``"fadd reassoc"``."""
        return self.emit(a.ty, f"{opcode} {a.ty} {a.ref}, {b.ref}")

    def fadd(self, a: Val, b: Val) -> Val: return self.binary("fadd", a, b)
    def fsub(self, a: Val, b: Val) -> Val: return self.binary("fsub", a, b)
    def fmul(self, a: Val, b: Val) -> Val: return self.binary("fmul", a, b)
    def fdiv(self, a: Val, b: Val) -> Val: return self.binary("fdiv", a, b)
    def add(self, a: Val, b: Val) -> Val: return self.binary("add", a, b)
    def sub(self, a: Val, b: Val) -> Val: return self.binary("sub", a, b)
    def mul(self, a: Val, b: Val) -> Val: return self.binary("mul", a, b)
    def and_(self, a: Val, b: Val) -> Val: return self.binary("and", a, b)
    def or_(self, a: Val, b: Val) -> Val: return self.binary("or", a, b)
    def xor(self, a: Val, b: Val) -> Val: return self.binary("xor", a, b)
    def shl(self, a: Val, b: Val) -> Val: return self.binary("shl", a, b)
    def lshr(self, a: Val, b: Val) -> Val: return self.binary("lshr", a, b)
    def ashr(self, a: Val, b: Val) -> Val: return self.binary("ashr", a, b)

    def not_(self, a: Val) -> Val:
        return self.xor(a, self.const(a.ty, -1 if a.ty.elem != "i1" else 1))

    def fneg(self, a: Val) -> Val:
        return self.emit(a.ty, f"fneg {a.ty} {a.ref}")

    def fma(self, a: Val, b: Val, c: Val) -> Val:
        """a*b + c, rounded once."""
        return self.call(f"llvm.fma.{a.ty.suffix()}", a.ty, a, b, c)

    def multiply_add(self, a: Val, b: Val, c: Val) -> Val:
        """a*b + c, rounded once where the target has an instruction for it; `fma` is a library call a lane where it has none."""
        return self.call(f"llvm.fmuladd.{a.ty.suffix()}", a.ty, a, b, c)

    def icmp(self, predicate: str, a: Val, b: Val) -> Val:
        return self.emit(a.ty.like("i1"), f"icmp {predicate} {a.ty} {a.ref}, {b.ref}")

    def fcmp(self, predicate: str, a: Val, b: Val) -> Val:
        return self.emit(a.ty.like("i1"), f"fcmp {predicate} {a.ty} {a.ref}, {b.ref}")

    def select(self, cond: Val, then: Val, other: Val) -> Val:
        return self.emit(then.ty, f"select {cond}, {then}, {other}")

    def cast(self, opcode: str, a: Val, elem: str) -> Val:
        """``bitcast``, ``fpext``, ``fptrunc``, ``sext``, ``zext``, ``trunc``, ``sitofp``, ... to `elem`, lanes kept."""
        to = a.ty.like(elem)
        return self.emit(to, f"{opcode} {a} to {to}")

    def call(self, name: str, result: Ty, *args: Val) -> Val:
        """Call a function; intrinsics (``llvm.*``) are declared on the way."""
        if name.startswith("llvm."):
            self.declare(name, result, [a.ty for a in args])
        return self.emit(result, f"call {result} @{name}({', '.join(map(str, args))})")

    def call_void(self, name: str, *args: Val) -> None:
        if name.startswith("llvm."):
            self.declare(name, None, [a.ty for a in args])
        self.do(f"call void @{name}({', '.join(map(str, args))})")

    def declare(self, name: str, result: Ty | None, params: Sequence[Ty]) -> None:
        """Note a declaration for the module (merged by name)."""
        self.declarations[name] = f"declare {result or 'void'} @{name}({', '.join(map(str, params))})"

    # -- memory and lanes ---------------------------------------------------------------------------------------

    def gep(self, elem: str, base: Val, index: Val) -> Val:
        """The address of element `index` (i64) of an array of `elem` at `base`."""
        return self.emit(PTR, f"getelementptr {elem}, ptr {base.ref}, i64 {index.ref}")

    def load(self, ty: Ty, address: Val, align: int = 1) -> Val:
        return self.emit(ty, f"load {ty}, ptr {address.ref}, align {align}")

    def store(self, value: Val, address: Val, align: int = 1) -> None:
        self.do(f"store {value}, ptr {address.ref}, align {align}")

    def splat(self, a: Val, width: int) -> Val:
        """A scalar in every lane."""
        if width == 1 or a.ty.width == width:
            return a
        ty = Ty(a.ty.elem, width)
        if not a.ref.startswith("%"):
            return Val(f"splat ({a.ty.elem} {a.ref})", ty)
        one = self.emit(ty, f"insertelement {ty} poison, {a}, i64 0")
        return self.shuffle(one, None, [0] * width)

    def insert(self, vector: Val, a: Val, lane: int) -> Val:
        return self.emit(vector.ty, f"insertelement {vector}, {a}, i64 {lane}")

    def extract(self, vector: Val, lane: int) -> Val:
        return self.emit(vector.ty.scalar(), f"extractelement {vector}, i64 {lane}")

    def shuffle(self, a: Val, b: Val | None, mask: Sequence[int]) -> Val:
        mask_text = ", ".join(f"i32 {m}" for m in mask)
        second = b.ref if b else "poison"
        return self.emit(
            Ty(a.ty.elem, len(mask)), f"shufflevector {a}, {a.ty} {second}, <{len(mask)} x i32> <{mask_text}>")
