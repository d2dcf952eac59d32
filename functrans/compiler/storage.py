"""How elements lie in memory and in registers: what a load decodes, a store encodes, and an operation rounds to.

Most kernel dtypes are the same in both. A boolean is a byte in memory and a bit in a register. The formats of
`functrans.core.low_precision` are codes of one or two bytes in memory; in a register a float of them is the LLVM ``float`` of equal
value, an integer an ``i8``. So an operation computes in single precision (or in bytes), and its result is rounded to the format: what a
register holds is always a number of the format. All of it is branchless integer arithmetic on any number of lanes.

bfloat16 is the upper half of a float32, rounded by adding half of a last place (and one less where the last kept bit is 0: ties to even)
before the cut. For the other floats the same is done with fewer bits; below the least normal number one last place has a fixed size, and
adding and subtracting a number of which it is the last place rounds to it.
"""

from __future__ import annotations

import struct

from functrans.compiler.text import Function, Val
from functrans.core.low_precision import FORMATS, Format

__all__ = ["ELEMENTS", "decode", "encode", "is_float_name", "memory_elem", "rounded", "wrapped"]

ELEMENTS = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "i8", "uint16": "i16", "uint32": "i32",
    "uint64": "i64", "float16": "half", "float32": "float", "float64": "double",
} | {name: "float" if form.kind == "f" else "i8" for name, form in FORMATS.items()}
"""The LLVM element of each kernel dtype, in registers."""

_IN_MEMORY = ELEMENTS | {"bool": "i8"} | {name: f"i{8 * form.bytes}" for name, form in FORMATS.items()}
_INFINITY, _QUIET = 0x7F800000, 0x00400000


def memory_elem(dtype: str) -> str:
    """The LLVM element of a kernel dtype, in memory."""
    return _IN_MEMORY[dtype]


def is_float_name(dtype: str) -> bool:
    """Whether a kernel dtype is a floating one."""
    return ELEMENTS[dtype] in ("half", "float", "double")


def decode(f: Function, raw: Val, dtype: str) -> Val:
    """What has been loaded, as a register holds it."""
    if dtype == "bool":
        return f.cast("trunc", raw, "i1")
    form = FORMATS.get(dtype)
    if form is None:
        return raw
    if form.kind != "f":
        return wrapped(f, raw, form)
    wide = f.cast("zext", raw, "i32")
    if form.name == "bfloat16":
        return f.cast("bitcast", f.shl(wide, f.const(wide.ty, 16)), "float")
    return f.cast("bitcast", _expanded(f, wide, form), "float")


def encode(f: Function, value: Val, dtype: str) -> Val:
    """The contents of a register, as they are stored."""
    if dtype == "bool":
        return f.cast("zext", value, "i8")
    form = FORMATS.get(dtype)
    if form is None:
        return value
    if form.kind != "f":
        return f.and_(value, f.const(value.ty, (1 << form.bits) - 1))
    bits = f.cast("bitcast", value, "i32")
    if form.name == "bfloat16":
        return f.cast("trunc", f.lshr(bits, f.const(bits.ty, 16)), "i16")
    return f.cast("trunc", _code(f, value, bits, form), "i8")


def wrapped(f: Function, value: Val, form: Format) -> Val:
    """The integer of the format that agrees with an ``i8`` in its low bits."""
    if form.kind == "u":
        return f.and_(value, f.const(value.ty, (1 << form.bits) - 1))
    unused = f.const(value.ty, 8 - form.bits)
    return f.ashr(f.shl(value, unused), unused)


def rounded(f: Function, value: Val, form: Format) -> Val:
    """The number of a floating format nearest to a ``float``, ties to even; what is too large, and nan, as `specials` says."""
    bits = f.cast("bitcast", value, "i32")
    if form.name == "bfloat16":
        kept = _cut(f, bits, 16)
        nan = f.or_(_sign(f, bits), f.const(bits.ty, _INFINITY | _QUIET))
        return f.cast("bitcast", f.select(f.fcmp("uno", value, value), nan, kept), "float")
    ty, sign = bits.ty, _sign(f, bits)
    magnitude = f.and_(bits, f.const(ty, 0x7FFFFFFF))
    size = f.cast("bitcast", magnitude, "float")
    coarse = f.const(size.ty, 2.0 ** (form.least_exponent - form.mantissa + 23))
    fixed = f.cast("bitcast", f.fsub(f.fadd(size, coarse), coarse), "i32")
    is_small = f.fcmp("olt", size, f.const(size.ty, 2.0 ** form.least_exponent))
    kept = f.select(is_small, fixed, _cut(f, magnitude, 23 - form.mantissa))
    if form.specials == "exponent":
        # As in ml_dtypes and the reference, ties go up, and the least number (subnormal as a float32) is that of nothing above it.
        least, normal = f.const(size.ty, 2.0 ** form.least_exponent), f.const(ty, 1 << 23)
        cut = f.and_(f.add(magnitude, f.const(ty, 1 << 22)), f.const(ty, -(1 << 23)))
        cut = f.select(f.icmp("ult", cut, normal), normal, cut)
        kept = f.select(f.fcmp("ole", size, least), f.cast("bitcast", least, "i32"), cut)
    nan = f.const(ty, _INFINITY | _QUIET)
    most = f.const(ty, _float_bits(form.largest))
    beyond = {"ieee": f.const(ty, _INFINITY), "finite": most}.get(form.specials, nan)
    kept = f.select(f.icmp("ugt", kept, most), beyond, kept)
    is_nan = f.fcmp("uno", value, value)
    match form.specials:
        case "finite":
            sign = f.select(is_nan, f.xor(sign, f.const(ty, -(1 << 31))), sign)
            kept = f.select(is_nan, f.const(ty, 0), kept)
        case "exponent":
            kept = f.select(f.fcmp("ugt", value, f.const(value.ty, 0)), f.select(is_nan, nan, kept), nan)
            sign = f.const(ty, 0)
        case "fnuz":
            kept = f.select(is_nan, nan, kept)
            sign = f.select(f.icmp("eq", kept, f.const(ty, 0)), kept, sign)
        case _:
            kept = f.select(is_nan, nan, kept)
    return f.cast("bitcast", f.or_(kept, sign), "float")


def _sign(f: Function, bits: Val) -> Val:
    return f.and_(bits, f.const(bits.ty, -(1 << 31)))


def _cut(f: Function, bits: Val, count: int) -> Val:
    """`bits` without the last `count`, rounded to nearest even."""
    def c(x: int) -> Val:
        return f.const(bits.ty, x)

    last = f.and_(f.lshr(bits, c(count)), c(1))
    return f.and_(f.add(bits, f.add(last, c((1 << (count - 1)) - 1))), c(-(1 << count)))


def _expanded(f: Function, code: Val, form: Format) -> Val:
    """The bits of the float32 that a code (in an ``i32``) means."""
    ty, top = code.ty, (1 << form.exponent) - 1

    def c(x: int) -> Val:
        return f.const(ty, x)

    nan = c(_INFINITY | _QUIET)
    if form.specials == "exponent":
        plain = f.select(f.icmp("eq", code, c(0)), c(_float_bits(2.0 ** -127)), f.shl(code, c(23)))
        return f.select(f.icmp("eq", code, c(255)), nan, plain)
    magnitude = f.and_(code, c((1 << (form.bits - 1)) - 1))
    sign = f.shl(f.and_(code, c(1 << (form.bits - 1))), c(32 - form.bits))
    shifted = f.shl(magnitude, c(23 - form.mantissa))
    normal = f.add(shifted, c((127 - form.bias) << 23))
    steps = f.cast("sitofp", magnitude, "float")
    below = f.cast("bitcast", f.fmul(steps, f.const(steps.ty, 2.0 ** (form.least_exponent - form.mantissa))), "i32")
    plain = f.select(f.icmp("ult", magnitude, c(1 << form.mantissa)), below, normal)
    match form.specials:
        case "ieee":
            plain = f.select(f.icmp("uge", magnitude, c(top << form.mantissa)), f.or_(shifted, c(_INFINITY)), plain)
        case "fn":
            plain = f.select(f.icmp("eq", magnitude, c((1 << (form.bits - 1)) - 1)), nan, plain)
        case "fnuz":
            plain = f.select(f.icmp("eq", f.and_(code, c((1 << form.bits) - 1)), c(1 << (form.bits - 1))), nan, plain)
    return f.or_(plain, sign)


def _code(f: Function, value: Val, bits: Val, form: Format) -> Val:
    """The code (in an ``i32``) of a float that is a number of the format, or one of its specials."""
    ty, top = bits.ty, (1 << form.exponent) - 1

    def c(x: int) -> Val:
        return f.const(ty, x)

    magnitude = f.and_(bits, c(0x7FFFFFFF))
    if form.specials == "exponent":
        return f.select(f.icmp("ugt", magnitude, c(_INFINITY)), c(255), f.lshr(magnitude, c(23)))
    size = f.cast("bitcast", magnitude, "float")
    shifted = f.lshr(magnitude, c(23 - form.mantissa))
    normal = f.sub(shifted, c((127 - form.bias) << form.mantissa))
    is_small = f.fcmp("olt", size, f.const(size.ty, 2.0 ** form.least_exponent))
    steps = f.fmul(size, f.const(size.ty, 2.0 ** (form.mantissa - form.least_exponent)))
    below = f.cast("fptosi", f.select(is_small, steps, f.const(size.ty, 0)), "i32")
    plain = f.select(is_small, below, normal)
    sign = f.lshr(_sign(f, bits), c(32 - form.bits))
    match form.specials:
        case "ieee":
            special = f.or_(c(top << form.mantissa), f.and_(shifted, c((1 << form.mantissa) - 1)))
            plain = f.select(f.icmp("uge", magnitude, c(_INFINITY)), special, plain)
        case "fn":
            plain = f.select(f.icmp("ugt", magnitude, c(_INFINITY)), c((1 << (form.bits - 1)) - 1), plain)
        case "fnuz":
            is_nan = f.icmp("ugt", magnitude, c(_INFINITY))
            return f.select(is_nan, c(1 << (form.bits - 1)), f.or_(plain, sign))
    return f.or_(plain, sign)


def _float_bits(x: float) -> int:
    """The bits of a float32."""
    return int(struct.unpack("<I", struct.pack("<f", x))[0])
