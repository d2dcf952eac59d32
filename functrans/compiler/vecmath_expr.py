"""Expressions over LLVM text: operators on vector values, so that vector maths reads as formulas.

An `Expr` pairs a value with the function it is emitted into; a Python number beside it becomes a constant of its type.
Nothing is contracted or reassociated: ``a * b + c`` rounds twice, ``a.fma(b, c)`` once.

>>> f = Function("twice", [Ty("float", 4)], Ty("float", 4))
>>> f.ret((Expr(f, f.params[0]) * 2.0).v)
>>> print(f.text().splitlines()[2].strip())
%v1 = fmul <4 x float> %p0, splat (float 0x4000000000000000)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from functrans.compiler.text import Function, Ty, Val

__all__ = ["Expr", "Layout", "layout", "poly", "pow2", "select"]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the emitters need to know of a binary floating format."""

    elem: str
    int_elem: str
    mantissa: int  # stored bits
    bias: int
    min_normal: float
    rescue: int  # 2**rescue lifts every denormal into the normal range (a multiple of three, for the cube root)
    index: int  # column of the constants tables

    @property
    def magic(self) -> float:
        """Adding it rounds to an integer, left in the low bits."""
        return 1.5 * 2.0**self.mantissa

    def bits(self, x: float) -> int:
        """The bit pattern of `x` in this format."""
        if self.elem == "double":
            return int(struct.unpack("<q", struct.pack("<d", x))[0])
        return int(struct.unpack("<i", struct.pack("<f", x))[0])


_LAYOUTS = {
    "double": Layout("double", "i64", 52, 1023, 2.0**-1022, 54, 0),
    "float": Layout("float", "i32", 23, 127, 2.0**-126, 24, 1),
}


def layout(ty: Ty) -> Layout:
    """The layout of `ty`; `ValueError` for other than double and float."""
    if ty.elem not in _LAYOUTS:
        raise ValueError(f"vector maths takes double or float lanes, not {ty}: convert first (fpext, sitofp)")
    return _LAYOUTS[ty.elem]


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """A value with operators; integers use the logical right shift."""

    f: Function
    v: Val

    def lift(self, x: Expr | float) -> Val:
        """`x` as a value of this type."""
        return x.v if isinstance(x, Expr) else self.f.const(self.v.ty, x)

    def constant(self, x: float) -> Expr:
        """The number `x` as an expression of this type."""
        return Expr(self.f, self.f.const(self.v.ty, x))

    def _op(self, float_op: str, int_op: str, a: Val, b: Val) -> Expr:
        return Expr(self.f, self.f.binary(float_op if self.v.ty.is_float else int_op, a, b))

    def __add__(self, o: Expr | float) -> Expr:
        return self._op("fadd", "add", self.v, self.lift(o))

    def __radd__(self, o: float) -> Expr:
        return self._op("fadd", "add", self.lift(o), self.v)

    def __sub__(self, o: Expr | float) -> Expr:
        return self._op("fsub", "sub", self.v, self.lift(o))

    def __rsub__(self, o: float) -> Expr:
        return self._op("fsub", "sub", self.lift(o), self.v)

    def __mul__(self, o: Expr | float) -> Expr:
        return self._op("fmul", "mul", self.v, self.lift(o))

    def __rmul__(self, o: float) -> Expr:
        return self._op("fmul", "mul", self.lift(o), self.v)

    def __truediv__(self, o: Expr | float) -> Expr:
        return Expr(self.f, self.f.fdiv(self.v, self.lift(o)))

    def __rtruediv__(self, o: float) -> Expr:
        return Expr(self.f, self.f.fdiv(self.lift(o), self.v))

    def __neg__(self) -> Expr:
        return Expr(self.f, self.f.fneg(self.v))

    def __and__(self, o: Expr | int) -> Expr:
        return Expr(self.f, self.f.and_(self.v, self.lift(o)))

    def __or__(self, o: Expr | int) -> Expr:
        return Expr(self.f, self.f.or_(self.v, self.lift(o)))

    def __xor__(self, o: Expr | int) -> Expr:
        return Expr(self.f, self.f.xor(self.v, self.lift(o)))

    def __invert__(self) -> Expr:
        return Expr(self.f, self.f.not_(self.v))

    def __lshift__(self, n: int) -> Expr:
        return Expr(self.f, self.f.shl(self.v, self.lift(n)))

    def __rshift__(self, n: int) -> Expr:
        return Expr(self.f, self.f.lshr(self.v, self.lift(n)))

    def asr(self, n: int) -> Expr:
        """Arithmetic right shift."""
        return Expr(self.f, self.f.ashr(self.v, self.lift(n)))

    # Ordered comparisons: false on NaN.
    def __lt__(self, o: Expr | float) -> Expr:
        return self.cmp("lt", o)

    def __gt__(self, o: Expr | float) -> Expr:
        return self.cmp("gt", o)

    def __le__(self, o: Expr | float) -> Expr:
        return self.cmp("le", o)

    def __ge__(self, o: Expr | float) -> Expr:
        return self.cmp("ge", o)

    def eq(self, o: Expr | float) -> Expr:
        """Lane-wise equality (``==`` keeps Python's meaning)."""
        return self.cmp("eq", o)

    def cmp(self, predicate: str, o: Expr | float) -> Expr:
        """Comparison by suffix: ``lt`` becomes ``fcmp olt`` or ``icmp slt``."""
        if self.v.ty.is_float:
            return Expr(self.f, self.f.fcmp("une" if predicate == "ne" else "o" + predicate, self.v, self.lift(o)))
        signed = predicate if predicate in ("eq", "ne") else "s" + predicate
        return Expr(self.f, self.f.icmp(signed, self.v, self.lift(o)))

    def fma(self, b: Expr | float, c: Expr | float) -> Expr:
        """self*b + c, rounded once."""
        return Expr(self.f, self.f.fma(self.v, self.lift(b), self.lift(c)))

    def cast(self, opcode: str, elem: str) -> Expr:
        return Expr(self.f, self.f.cast(opcode, self.v, elem))

    def bits(self) -> Expr:
        """The bit pattern, as an integer of the same size."""
        return self.cast("bitcast", layout(self.v.ty).int_elem)

    def as_float(self, elem: str) -> Expr:
        """Integer bits seen as `elem`."""
        return self.cast("bitcast", elem)

    def intrinsic(self, name: str, *others: Expr) -> Expr:
        """``llvm.<name>`` of this and others of its type."""
        ty = self.v.ty
        return Expr(self.f, self.f.call(f"llvm.{name}.{ty.suffix()}", ty, self.v, *(o.v for o in others)))

    def abs(self) -> Expr:
        return self.intrinsic("fabs")

    def sqrt(self) -> Expr:
        return self.intrinsic("sqrt")

    def trunc(self) -> Expr:
        return self.intrinsic("trunc")

    def copysign(self, sign: Expr) -> Expr:
        return self.intrinsic("copysign", sign)

    def clamp(self, low: float | None = None, high: float | None = None) -> Expr:
        """Limit to [low, high]; NaN stays NaN."""
        x = self
        if high is not None:
            x = select(x > high, high, x)
        if low is not None:
            x = select(x < low, low, x)
        return x


def select(cond: Expr, then: Expr | float, other: Expr | float) -> Expr:
    """Lane-wise choice; at least one arm must be an `Expr`."""
    typed = then if isinstance(then, Expr) else other
    if not isinstance(typed, Expr):
        raise TypeError("select needs an Expr in one arm to know its type; wrap a number with Expr.constant")
    return Expr(cond.f, cond.f.select(cond.v, typed.lift(then), typed.lift(other)))


def poly(z: Expr, coefs: Sequence[float]) -> Expr:
    """The polynomial with `coefs` (lowest power first) at `z`: Horner; long ones in two chains, for latency."""
    if len(coefs) < 9:
        return _horner(z, coefs)
    w = z * z
    return _horner(w, coefs[1::2]).fma(z, _horner(w, coefs[::2]))


def _horner(z: Expr, coefs: Sequence[float]) -> Expr:
    acc: Expr | float = coefs[-1]
    for c in reversed(coefs[:-1]):
        acc = acc.fma(z, c) if isinstance(acc, Expr) else z.fma(acc, c)
    if not isinstance(acc, Expr):
        raise ValueError("a polynomial needs at least two coefficients; use the constant itself")
    return acc


def pow2(k: Expr, elem: str) -> Expr:
    """2**k for an integer `k` in the range of normal numbers of `elem`."""
    at = layout(Ty(elem))
    return ((k << at.mantissa) + at.bits(1.0)).as_float(elem)
