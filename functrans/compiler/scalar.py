"""Code for the scalar operations of the kernel IR: one emitter for each, on any number of lanes.

Integer division by zero, shifts past the width and conversions out of range have the meanings that the interpreter of the
kernel IR gives them; no LLVM undefined behaviour is reachable. Operands narrower than single precision are computed in single, and
integers narrower than a byte in bytes; each result is rounded, or cut, to the dtype (see `functrans.compiler.storage`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from functrans.compiler.storage import ELEMENTS, decode, encode, is_float_name, memory_elem, rounded, wrapped
from functrans.compiler.text import Function, Ty, Val
from functrans.compiler.vecmath import MATH, emit_math
from functrans.core.low_precision import FORMATS, Format, ends_of

__all__ = ["combine", "emit_op", "identity"]

Emit = Callable[..., Val]


def emit_op(f: Function, op: str, dtype: str, operand: str, args: list[Val]) -> Val:
    """The value of ``op(*args)``; `operand` is the kernel dtype of the operands, `dtype` that of the result."""
    if op not in _ANY_FLOAT and operand == "float16":
        wide = [f.cast("fpext", a, "float") if a.ty.elem == "half" else a for a in args]
        out = emit_op(f, op, dtype if dtype == "bool" else "float32", "float32", wide)
        return f.cast("fptrunc", out, "half") if dtype == "float16" else out
    form = FORMATS.get(operand)
    if form is not None and op not in ("select", "convert", "bitcast"):
        return _emit_narrow(f, op, dtype, form, args)
    if op in MATH:
        return emit_math(f, op, *args)
    if op == "convert":
        return convert(f, args[0], operand, dtype)
    if op == "bitcast":
        return bitcast(f, args[0], operand, dtype)
    table = _FLOAT if is_float_name(operand) else _BOOL if operand == "bool" else _UNSIGNED if operand[0] == "u" else _SIGNED
    emit = table.get(op) or _COMMON.get(op)
    if emit is None:
        raise NotImplementedError(f"no code for the scalar operation {op} on {operand}")
    return emit(f, *args)


def _emit_narrow(f: Function, op: str, dtype: str, form: Format, args: list[Val]) -> Val:
    """An operation on a format whose registers are wider than its numbers."""
    if form.kind == "f":
        if op == "nextafter":
            return _narrow_neighbour(f, form, *args)
        out = emit_op(f, op, dtype if dtype == "bool" else "float32", "float32", args)
        exact = op in _SIGN_OPS and form.specials in ("ieee", "fn", "finite")
        return out if dtype == "bool" or exact else rounded(f, out, form)
    if op in _ON_CODES:
        args = [encode(f, args[0], form.name), *args[1:]]
    out = emit_op(f, op, dtype if dtype == "bool" else f"{form.name.rstrip('0123456789')}8", f"{form.name.rstrip('0123456789')}8", args)
    if op == "clz":
        out = f.sub(out, f.const(out.ty, 8 - form.bits))
    return out if dtype == "bool" else wrapped(f, out, form)


_SIGN_OPS = ("neg", "abs", "copysign")
"""What needs no rounding where every number has its negative."""
_ON_CODES = ("shr_logical", "popcount", "clz")
"""Operations on the bits of an integer, among which those of its register that it has not are 0."""


def _narrow_neighbour(f: Function, form: Format, a: Val, b: Val) -> Val:
    """The next number of a format after `a` towards `b`: the code of a larger magnitude is larger by one."""
    code = f.cast("zext", encode(f, a, form.name), "i32")
    ty = code.ty

    def c(x: int) -> Val:
        return f.const(ty, x)

    up = f.fcmp("olt", a, b)
    if form.specials == "exponent":
        stepped = f.add(code, f.select(up, c(1), c(-1)))
    else:
        sign = c(1 << (form.bits - 1))
        at_zero = f.fcmp("oeq", a, f.const(a.ty, 0))
        is_negative = f.icmp("ne", f.and_(code, sign), c(0))
        stepped = f.add(code, f.select(f.xor(up, is_negative), c(1), c(-1)))
        if form.specials == "fnuz":  # the code of minus zero is taken
            stepped = f.select(f.icmp("eq", stepped, sign), c(0), stepped)
        stepped = f.select(at_zero, f.select(up, c(1), f.or_(sign, c(1))), stepped)
    found = decode(f, f.cast("trunc", stepped, memory_elem(form.name)), form.name)
    return f.select(f.fcmp("uno", a, b), rounded(f, f.fadd(a, b), form), f.select(f.fcmp("oeq", a, b), b, found))


# -- shared ---------------------------------------------------------------------------------------------------------------

def _intrinsic(name: str) -> Emit:
    return lambda f, a, *rest: f.call(f"llvm.{name}.{a.ty.suffix()}", a.ty, a, *rest)


def _binary(opcode: str) -> Emit:
    return lambda f, a, b: f.binary(opcode, a, b)


def _compare(kind: str, predicate: str) -> Emit:
    if kind == "fcmp":
        return lambda f, a, b: f.fcmp(predicate, a, b)
    return lambda f, a, b: f.icmp(predicate, a, b)


def _zero(f: Function, a: Val) -> Val:
    return f.const(a.ty, 0)


_COMMON: dict[str, Emit] = {"select": lambda f, c, a, b: f.select(c, a, b)}
_ANY_FLOAT = ("select", "neg", "abs", "copysign", "convert", "bitcast", "nextafter")

# -- floats ---------------------------------------------------------------------------------------------------------------


def _float_sign(f: Function, a: Val) -> Val:
    one = f.call(f"llvm.copysign.{a.ty.suffix()}", a.ty, f.const(a.ty, 1.0), a)
    return f.select(f.fcmp("one", a, _zero(f, a)), one, a)  # zeros and nans are their own sign


def _float_extremum(predicate: str) -> Emit:
    def emit(f: Function, a: Val, b: Val) -> Val:
        # An ordered comparison is false on nan: a nan in a is kept by the first test, one in b by the second.
        better = f.or_(f.fcmp(predicate, a, b), f.fcmp("uno", a, a))
        return f.select(better, a, b)

    return emit


def _is_finite(f: Function, a: Val) -> Val:
    magnitude = f.call(f"llvm.fabs.{a.ty.suffix()}", a.ty, a)
    return f.fcmp("one", magnitude, f.const(a.ty, float("inf")))


def _round_away(f: Function, a: Val) -> Val:
    """Halves away from zero: truncate and step where the (exact) fraction is at least a half."""
    t = f.call(f"llvm.trunc.{a.ty.suffix()}", a.ty, a)
    fraction = f.call(f"llvm.fabs.{a.ty.suffix()}", a.ty, f.fsub(a, t))
    step = f.call(f"llvm.copysign.{a.ty.suffix()}", a.ty, f.const(a.ty, 1.0), a)
    up = f.fcmp("oge", fraction, f.const(a.ty, 0.5))
    return f.select(up, f.fadd(t, step), t)


def _nextafter(f: Function, a: Val, b: Val) -> Val:
    """The neighbour of a towards b, by stepping the bit pattern."""
    bits = {"half": "i16", "float": "i32", "double": "i64"}[a.ty.elem]
    ty = a.ty.like(bits)
    i = f.cast("bitcast", a, bits)
    sign = f.const(ty, -(1 << (ty.bits - 1)))
    zero_f, zero_i, one = _zero(f, a), f.const(ty, 0), f.const(ty, 1)
    at_zero = f.fcmp("oeq", a, zero_f)
    tiny = f.or_(f.and_(f.cast("bitcast", b, bits), sign), one)
    grows = f.icmp("eq", f.select(f.fcmp("olt", a, b), one, zero_i), f.select(f.icmp("sge", i, zero_i), one, zero_i))
    stepped = f.add(i, f.select(grows, one, f.const(ty, -1)))
    out = f.cast("bitcast", f.select(at_zero, tiny, stepped), a.ty.elem)
    nan = f.fcmp("uno", a, b)
    return f.select(nan, f.fadd(a, b), f.select(f.fcmp("oeq", a, b), b, out))


def _float_rem(f: Function, a: Val, b: Val) -> Val:
    """C's fmod, lane by lane through LLVM's frem (a library call: it is exact, and rare in kernels)."""
    return f.binary("frem", a, b)


_FLOAT: dict[str, Emit] = {
    "add": _binary("fadd"), "sub": _binary("fsub"), "mul": _binary("fmul"), "div": _binary("fdiv"), "rem": _float_rem,
    "neg": lambda f, a: f.fneg(a), "abs": _intrinsic("fabs"), "sign": _float_sign,
    "min": _float_extremum("olt"), "max": _float_extremum("ogt"),
    "floor": _intrinsic("floor"), "ceil": _intrinsic("ceil"), "trunc": _intrinsic("trunc"),
    "round_even": _intrinsic("roundeven"), "round_away": _round_away, "copysign": _intrinsic("copysign"),
    "is_finite": _is_finite, "nextafter": _nextafter, "fma": lambda f, a, b, c: f.fma(a, b, c),
    "eq": _compare("fcmp", "oeq"), "ne": _compare("fcmp", "une"), "lt": _compare("fcmp", "olt"),
    "le": _compare("fcmp", "ole"), "gt": _compare("fcmp", "ogt"), "ge": _compare("fcmp", "oge"),
}

# -- integers and booleans ------------------------------------------------------------------------------------------------


def _quotient(f: Function, a: Val, b: Val, sign: str) -> Val:
    """`a` divided by `b`, which is not 0, truncated; `sign` is ``s`` or ``u``.

    Processors divide no vectors of integers. In double precision the quotient of 32-bit numbers is exact after truncation:
    it is a multiple of 1 / b, so that it is whole or at least 1 / b below a whole number, and the rounding error is far less.
    """
    if a.ty.width == 1 or a.ty.bits != 32:
        return f.binary(f"{sign}div", a, b)
    x, y = (f.cast(f"{sign}itofp", v, "double") for v in (a, b))
    return f.cast(f"fpto{sign}i", f.binary("fdiv", x, y), "i32")


def _remainder(f: Function, a: Val, b: Val, sign: str) -> Val:
    if a.ty.width == 1 or a.ty.bits != 32:
        return f.binary(f"{sign}rem", a, b)
    return f.sub(a, f.binary("mul", _quotient(f, a, b, sign), b))


def _div_signed(f: Function, a: Val, b: Val) -> Val:
    """Truncated quotient; x/0 is -1, and the one overflow (MIN/-1) wraps to MIN."""
    zero, minus = f.const(a.ty, 0), f.const(a.ty, -1)
    by_zero, by_minus = f.icmp("eq", b, zero), f.icmp("eq", b, minus)
    safe = f.select(f.or_(by_zero, by_minus), f.const(a.ty, 1), b)
    q = _quotient(f, a, safe, "s")
    return f.select(by_zero, minus, f.select(by_minus, f.sub(zero, a), q))


def _rem_signed(f: Function, a: Val, b: Val) -> Val:
    """Remainder with the sign of the dividend; x rem 0 is x."""
    zero = f.const(a.ty, 0)
    by_zero = f.icmp("eq", b, zero)
    trivial = f.or_(by_zero, f.icmp("eq", b, f.const(a.ty, -1)))
    r = _remainder(f, a, f.select(trivial, f.const(a.ty, 1), b), "s")
    return f.select(by_zero, a, r)


def _div_unsigned(f: Function, a: Val, b: Val) -> Val:
    by_zero = f.icmp("eq", b, f.const(a.ty, 0))
    return f.select(by_zero, f.const(a.ty, -1), _quotient(f, a, f.select(by_zero, f.const(a.ty, 1), b), "u"))


def _rem_unsigned(f: Function, a: Val, b: Val) -> Val:
    by_zero = f.icmp("eq", b, f.const(a.ty, 0))
    return f.select(by_zero, a, _remainder(f, a, f.select(by_zero, f.const(a.ty, 1), b), "u"))


def _shift(opcode: str) -> Emit:
    def emit(f: Function, a: Val, n: Val) -> Val:
        inside = f.icmp("ult", n, f.const(a.ty, a.ty.bits))  # unsigned: negative amounts count as too large
        if opcode == "ashr":
            return f.ashr(a, f.select(inside, n, f.const(a.ty, a.ty.bits - 1)))
        return f.select(inside, f.binary(opcode, a, f.select(inside, n, f.const(a.ty, 0))), f.const(a.ty, 0))

    return emit


def _sign_signed(f: Function, a: Val) -> Val:
    zero = f.const(a.ty, 0)
    positive = f.select(f.icmp("sgt", a, zero), f.const(a.ty, 1), zero)
    return f.select(f.icmp("slt", a, zero), f.const(a.ty, -1), positive)


def _sign_unsigned(f: Function, a: Val) -> Val:
    zero = f.const(a.ty, 0)
    return f.select(f.icmp("eq", a, zero), zero, f.const(a.ty, 1))


def _mulhi(extend: str) -> Emit:
    def emit(f: Function, a: Val, b: Val) -> Val:
        wide = f"i{2 * a.ty.bits}"
        ty = f"<{a.ty.width} x {wide}>" if a.ty.width > 1 else wide
        parts = [f.emit(a.ty, f"{extend} {v} to {ty}").ref for v in (a, b)]
        product = f.emit(a.ty, f"mul {ty} {parts[0]}, {parts[1]}").ref
        count = f"splat ({wide} {a.ty.bits})" if a.ty.width > 1 else str(a.ty.bits)
        high = f.emit(a.ty, f"lshr {ty} {product}, {count}").ref
        return f.emit(a.ty, f"trunc {ty} {high} to {a.ty}")

    return emit


def _clz(f: Function, a: Val) -> Val:
    args = f"{a.ty} {a.ref}, i1 false"
    name = f"llvm.ctlz.{a.ty.suffix()}"
    f.declarations[name] = f"declare {a.ty} @{name}({a.ty}, i1)"
    return f.emit(a.ty, f"call {a.ty} @{name}({args})")


def _abs_signed(f: Function, a: Val) -> Val:
    return f.select(f.icmp("slt", a, f.const(a.ty, 0)), f.sub(f.const(a.ty, 0), a), a)


_INTEGER: dict[str, Emit] = {
    "add": _binary("add"), "sub": _binary("sub"), "mul": _binary("mul"),
    "and": _binary("and"), "or": _binary("or"), "xor": _binary("xor"), "not": lambda f, a: f.not_(a),
    "neg": lambda f, a: f.sub(f.const(a.ty, 0), a), "shl": _shift("shl"), "shr_logical": _shift("lshr"),
    "shr_arithmetic": _shift("ashr"), "popcount": _intrinsic("ctpop"), "clz": _clz,
    "eq": _compare("icmp", "eq"), "ne": _compare("icmp", "ne"),
}
_SIGNED: dict[str, Emit] = _INTEGER | {
    "idiv": _div_signed, "irem": _rem_signed, "div": _div_signed, "rem": _rem_signed, "sign": _sign_signed, "abs": _abs_signed,
    "min": _intrinsic("smin"), "max": _intrinsic("smax"), "mulhi": _mulhi("sext"),
    "lt": _compare("icmp", "slt"), "le": _compare("icmp", "sle"), "gt": _compare("icmp", "sgt"), "ge": _compare("icmp", "sge"),
}
_UNSIGNED: dict[str, Emit] = _INTEGER | {
    "idiv": _div_unsigned, "irem": _rem_unsigned, "div": _div_unsigned, "rem": _rem_unsigned, "sign": _sign_unsigned,
    "abs": lambda f, a: a, "min": _intrinsic("umin"), "max": _intrinsic("umax"), "mulhi": _mulhi("zext"),
    "lt": _compare("icmp", "ult"), "le": _compare("icmp", "ule"), "gt": _compare("icmp", "ugt"), "ge": _compare("icmp", "uge"),
}
_BOOL: dict[str, Emit] = {
    "add": _binary("or"), "mul": _binary("and"), "and": _binary("and"), "or": _binary("or"), "xor": _binary("xor"),
    "not": lambda f, a: f.not_(a), "min": _binary("and"), "max": _binary("or"), "eq": lambda f, a, b: f.not_(f.xor(a, b)),
    "ne": _binary("xor"), "lt": lambda f, a, b: f.and_(f.not_(a), b), "le": lambda f, a, b: f.or_(f.not_(a), b),
    "gt": lambda f, a, b: f.and_(a, f.not_(b)), "ge": lambda f, a, b: f.or_(a, f.not_(b)),
}


# -- conversion -----------------------------------------------------------------------------------------------------------

def convert(f: Function, a: Val, source: str, target: str) -> Val:
    """`a` from one kernel dtype to another: floats to integers saturate (nan to 0), integers wrap, non-zero is true."""
    if source == target:
        return a
    if source in FORMATS:
        return convert(f, a, _register_dtype(FORMATS[source]), target)
    if target in FORMATS:
        return _narrowed(f, a, source, FORMATS[target])
    elem, from_float, to_float = ELEMENTS[target], is_float_name(source), is_float_name(target)
    if target == "bool":
        zero = f.const(a.ty, 0)
        return f.fcmp("une", a, zero) if from_float else f.icmp("ne", a, zero)
    if source == "bool":
        return f.cast("uitofp" if to_float else "zext", a, elem)
    if source == "float64" and target == "float16":
        return f.cast("fptrunc", _to_odd_single(f, a), "half")
    if from_float and to_float:
        return f.cast("fpext" if Ty(elem).bits > a.ty.bits else "fptrunc", a, elem)
    if from_float:
        to = a.ty.like(elem)
        kind = "fptoui" if target[0] == "u" else "fptosi"
        return f.call(f"llvm.{kind}.sat.{to.suffix()}.{a.ty.suffix()}", to, a)
    if to_float:
        return f.cast("uitofp" if source[0] == "u" else "sitofp", a, elem)
    if Ty(elem).bits == a.ty.bits:
        return a
    if Ty(elem).bits < a.ty.bits:
        return f.cast("trunc", a, elem)
    return f.cast("zext" if source[0] == "u" else "sext", a, elem)


def _register_dtype(form: Format) -> str:
    """The kernel dtype that registers of a format hold."""
    return "float32" if form.kind == "f" else "uint8" if form.kind == "u" else "int8"


def _narrowed(f: Function, a: Val, source: str, form: Format) -> Val:
    """`a` in a format: rounded to a floating one; to an integer one floats saturate, and integers wrap."""
    out = convert(f, a, source, _register_dtype(form))
    if form.kind == "f":
        return rounded(f, out, form)
    if is_float_name(source):
        low, high = (0, (1 << form.bits) - 1) if form.kind == "u" else (-(1 << (form.bits - 1)), (1 << (form.bits - 1)) - 1)
        table = _UNSIGNED if form.kind == "u" else _SIGNED
        return table["min"](f, table["max"](f, out, f.const(out.ty, low)), f.const(out.ty, high))
    return wrapped(f, out, form)


def bitcast(f: Function, a: Val, source: str, target: str) -> Val:
    """The bits of `a` as those of another kernel dtype of the same size."""
    if source in FORMATS or target in FORMATS:
        a, elem = encode(f, a, source), memory_elem(target)
        return decode(f, a if a.ty.elem == elem else f.cast("bitcast", a, elem), target)
    return a if a.ty.elem == ELEMENTS[target] else f.cast("bitcast", a, ELEMENTS[target])


def _to_odd_single(f: Function, a: Val) -> Val:
    """A double as a float rounded to odd: towards zero, the last bit set where inexact. Rounding that to half is rounding once.

    LLVM's own conversion is a call into a library that is not always there.
    """
    single = f.cast("fptrunc", a, "float")
    back = f.cast("fpext", single, "double")
    bits = f.cast("bitcast", single, "i32")
    one, zero = f.const(bits.ty, 1), f.const(bits.ty, 0)
    name = f"llvm.fabs.{a.ty.suffix()}"
    grew = f.fcmp("ogt", f.call(name, a.ty, back), f.call(name, a.ty, a))
    truncated = f.sub(bits, f.select(grew, one, zero))
    odd = f.or_(truncated, f.select(f.fcmp("one", back, a), one, zero))
    return f.cast("bitcast", odd, "float")


# -- reductions -----------------------------------------------------------------------------------------------------------

def identity(op: str, dtype: str) -> tuple[float | int, ...]:
    """The neutral states of a reduction."""
    least, most = (end.item() for end in ends_of(np.dtype(dtype)))
    return {
        "add": (0,), "mul": (1,), "min": (most,), "max": (least,), "and": (-1 if dtype != "bool" else 1,),
        "or": (0,), "xor": (0,), "cmul": (1, 0), "argmin": (most, (1 << 63) - 1), "argmax": (least, (1 << 63) - 1),
    }[op]


def combine(f: Function, op: str, dtype: str, a: list[Val], b: list[Val]) -> list[Val]:
    """The states of a reduction after taking in `b`."""
    if op == "cmul":
        re = f.fsub(f.fmul(a[0], b[0]), f.fmul(a[1], b[1]))
        return [re, f.fadd(f.fmul(a[0], b[1]), f.fmul(a[1], b[0]))]
    if op in ("argmin", "argmax"):
        return _combine_arg(f, op, dtype, a, b)
    return [emit_op(f, op, dtype, dtype, [a[0], b[0]])]


def _combine_arg(f: Function, op: str, dtype: str, a: list[Val], b: list[Val]) -> list[Val]:
    """The better of two (value, index) states: nan beats numbers, then the extremum, then the lower index."""
    compare = "lt" if op == "argmin" else "gt"
    better = emit_op(f, compare, "bool", dtype, [b[0], a[0]])
    equal = emit_op(f, "eq", "bool", dtype, [b[0], a[0]])
    if is_float_name(dtype):
        a_nan, b_nan = f.fcmp("uno", a[0], a[0]), f.fcmp("uno", b[0], b[0])
        better = f.and_(f.or_(better, b_nan), f.not_(a_nan))
        equal = f.or_(equal, f.and_(a_nan, b_nan))
    earlier = f.and_(equal, f.icmp("slt", b[1], a[1]))
    take = f.or_(better, earlier)
    return [f.select(take, b[0], a[0]), f.select(take, b[1], a[1])]
