"""sin, cos and tan for the vector maths, right for every finite argument.

|x| <= 1e12: n = round(2x/pi), r = |x| - n pi/2 with pi/2 in three parts. Under FMA the first difference is exact; the
second is a TwoSum (cancellation there can leave less than the product subtracted), and the rest is kept as a tail.
Beyond, if any lane is that large, a branch calls a cold helper of the module, lane by lane: Payne and Hanek's
reduction in integers, the 53 bits of the significand times a 192-bit window of 2/pi. The helper's definition and its
table travel in `Function.declarations`, which a module merges by name. float32 is reduced in float64.

Reference: M. Payne and R. Hanek, SIGNUM Newsletter 18 (1983).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from functrans.compiler.text import F64, Ty
from functrans.compiler.vecmath_core import table
from functrans.compiler.vecmath_expr import Expr, layout, poly, select

__all__ = ["TRIG"]

_PIO2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_LIMIT = 1e12

# floor(2/pi 2^1216); its bits from the top are those of the fraction of 2/pi.
_TWO_OVER_PI_BITS = 1216
_TWO_OVER_PI = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73e"
    "e88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b7"
    "4f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab", 16)


@cache
def _scalar_helper() -> str:
    """The module-level table and scalar Payne-Hanek routine.

    With x = m 2^e, bits of 2/pi weighing 4 or more in the product add whole turns: the window starts below them. The
    top 128 bits of m times the window are two of the quadrant and 126 of the fraction; no double comes nearer than
    about 2^-62 to a multiple of pi/2, so 64 significant ones remain.
    """
    words = 21  # 19 of the table, and zeros above it that the window reaches for the smallest arguments
    table_text = ", ".join(f"i64 {((_TWO_OVER_PI >> (64 * i)) & (2**64 - 1))}" for i in range(words))
    return f"""@ft_two_over_pi = internal constant [{words} x i64] [{table_text}]
define internal {{double, double, i64}} @ft_rem_pio2(double %x) noinline {{
entry:
  %bits = bitcast double %x to i64
  %field = lshr i64 %bits, 52
  %e0 = sub i64 %field, 1075
  %low = icmp slt i64 %e0, -20
  %e1 = select i1 %low, i64 -20, i64 %e0
  %high = icmp sgt i64 %e1, 971
  %e = select i1 %high, i64 971, i64 %e1
  %frac = and i64 %bits, 4503599627370495
  %m = or i64 %frac, 4503599627370496
  %shift = sub i64 {_TWO_OVER_PI_BITS - 190}, %e
  %word = lshr i64 %shift, 6
  %rest = and i64 %shift, 63
  %at0 = getelementptr i64, ptr @ft_two_over_pi, i64 %word
  %at1 = getelementptr i64, ptr %at0, i64 1
  %at2 = getelementptr i64, ptr %at0, i64 2
  %at3 = getelementptr i64, ptr %at0, i64 3
  %word0 = load i64, ptr %at0
  %word1 = load i64, ptr %at1
  %word2 = load i64, ptr %at2
  %word3 = load i64, ptr %at3
  %w0 = call i64 @llvm.fshr.i64(i64 %word1, i64 %word0, i64 %rest)
  %w1 = call i64 @llvm.fshr.i64(i64 %word2, i64 %word1, i64 %rest)
  %w2 = call i64 @llvm.fshr.i64(i64 %word3, i64 %word2, i64 %rest)
  %m_wide = zext i64 %m to i128
  %w0_wide = zext i64 %w0 to i128
  %w1_wide = zext i64 %w1 to i128
  %p0 = mul i128 %w0_wide, %m_wide
  %p1 = mul i128 %w1_wide, %m_wide
  %p2 = mul i64 %w2, %m
  %carry = lshr i128 %p0, 64
  %p2_wide = zext i64 %p2 to i128
  %p2_high = shl i128 %p2_wide, 64
  %p01 = add i128 %p1, %carry
  %p = add i128 %p01, %p2_high
  %rounded = add i128 %p, {1 << 125}
  %q_wide = lshr i128 %rounded, 126
  %q = trunc i128 %q_wide to i64
  %f = shl i128 %p, 2
  %negative = icmp slt i128 %f, 0
  %minus = sub i128 0, %f
  %top = select i1 %negative, i128 %minus, i128 %f
  %zeros = call i128 @llvm.ctlz.i128(i128 %top, i1 false)
  %lz_wide = call i128 @llvm.umin.i128(i128 %zeros, i128 100)
  %norm = shl i128 %top, %lz_wide
  %a_wide = lshr i128 %norm, 75
  %a_int = trunc i128 %a_wide to i64
  %b_wide = lshr i128 %norm, 22
  %b_long = trunc i128 %b_wide to i64
  %b_int = and i64 %b_long, 9007199254740991
  %a0 = sitofp i64 %a_int to double
  %b0 = sitofp i64 %b_int to double
  %lz = trunc i128 %lz_wide to i64
  %exponent = sub i64 {1023 - 53}, %lz
  %scale_bits = shl i64 %exponent, 52
  %scale_abs = bitcast i64 %scale_bits to double
  %scale_neg = fneg double %scale_abs
  %scale = select i1 %negative, double %scale_neg, double %scale_abs
  %a = fmul double %a0, %scale
  %b1 = fmul double %b0, %scale
  %b = fmul double %b1, 0x3CA0000000000000
  %r = fmul double %a, {_hex(_PIO2[0])}
  %r_neg = fneg double %r
  %t1 = call double @llvm.fma.f64(double %a, double {_hex(_PIO2[0])}, double %r_neg)
  %t2 = call double @llvm.fma.f64(double %a, double {_hex(_PIO2[1])}, double %t1)
  %lo = call double @llvm.fma.f64(double %b, double {_hex(_PIO2[0])}, double %t2)
  %o1 = insertvalue {{double, double, i64}} poison, double %r, 0
  %o2 = insertvalue {{double, double, i64}} %o1, double %lo, 1
  %o3 = insertvalue {{double, double, i64}} %o2, i64 %q, 2
  ret {{double, double, i64}} %o3
}}"""


def _hex(x: float) -> str:
    return f"0x{layout(F64).bits(x) & (2**64 - 1):016X}"


@cache
def _vector_helper(width: int) -> str:
    """A loop of the scalar routine over the lanes of a vector."""
    d, i = Ty("double", width), Ty("i64", width)
    result = f"{{{d}, {d}, {i}}}"
    return f"""define internal {result} @ft_rem_pio2_{d.suffix()}({d} %x) noinline {{
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %k1, %loop ]
  %r0 = phi {d} [ zeroinitializer, %entry ], [ %r1, %loop ]
  %l0 = phi {d} [ zeroinitializer, %entry ], [ %l1, %loop ]
  %q0 = phi {i} [ zeroinitializer, %entry ], [ %q1, %loop ]
  %x0 = extractelement {d} %x, i64 %k
  %o = call {{double, double, i64}} @ft_rem_pio2(double %x0)
  %r = extractvalue {{double, double, i64}} %o, 0
  %l = extractvalue {{double, double, i64}} %o, 1
  %q = extractvalue {{double, double, i64}} %o, 2
  %r1 = insertelement {d} %r0, double %r, i64 %k
  %l1 = insertelement {d} %l0, double %l, i64 %k
  %q1 = insertelement {i} %q0, i64 %q, i64 %k
  %k1 = add i64 %k, 1
  %more = icmp ult i64 %k1, {width}
  br i1 %more, label %loop, label %done
done:
  %o1 = insertvalue {result} poison, {d} %r1, 0
  %o2 = insertvalue {result} %o1, {d} %l1, 1
  %o3 = insertvalue {result} %o2, {i} %q1, 2
  ret {result} %o3
}}"""


def _reduce(a: Expr, tail: bool) -> tuple[Expr, Expr | None, Expr]:
    """(r, low, q): a = r + low + q pi/2, for float64 a >= 0; `low` is None (and r rounded once) without `tail`."""
    f, at = a.f, layout(a.v.ty)
    t = a.fma(2 / math.pi, at.magic)
    n = t - at.magic
    q = t.bits()
    r = n.fma(-_PIO2[0], a)
    low: Expr | None = None
    if tail:
        p = n * _PIO2[1]
        p_low = n.fma(_PIO2[1], -p)
        total = r - p
        back = total - r
        error = (r - (total - back)) - (p + back)
        low = n.fma(-_PIO2[2], error - p_low)
        r = total
    else:
        r = n.fma(-_PIO2[1], r)
    huge = (a > _LIMIT) & (a < math.inf)
    width = a.v.ty.width
    any_lane = huge.v if width == 1 else f.call(f"llvm.vector.reduce.or.v{width}i1", Ty("i1"), huge.v)
    fast, slow, done = f.block, f.fresh("huge"), f.fresh("reduced")
    f.cond_br(any_lane, slow, done)
    f.label(slow)
    r2, low2, q2 = _payne_hanek(a)
    r_slow, q_slow = select(huge, r2, r), select(huge, q2, q)
    low_slow = select(huge, low2, low) if low is not None else None
    f.br(done)
    f.label(done)
    r_out = Expr(f, f.phi(r.v.ty, [(r.v, fast), (r_slow.v, slow)]))
    q_out = Expr(f, f.phi(q.v.ty, [(q.v, fast), (q_slow.v, slow)]))
    if low is not None and low_slow is not None:
        low = Expr(f, f.phi(low.v.ty, [(low.v, fast), (low_slow.v, slow)]))
    return r_out, low, q_out


def _payne_hanek(a: Expr) -> tuple[Expr, Expr, Expr]:
    f, ty = a.f, a.v.ty
    f.declare("llvm.ctlz.i128", Ty("i128"), [Ty("i128"), Ty("i1")])
    f.declare("llvm.fshr.i64", Ty("i64"), [Ty("i64")] * 3)
    f.declare("llvm.umin.i128", Ty("i128"), [Ty("i128"), Ty("i128")])
    f.declare("llvm.fma.f64", F64, [F64, F64, F64])
    f.declarations["ft_rem_pio2"] = _scalar_helper()
    name = "ft_rem_pio2"
    if ty.width > 1:
        name = f"ft_rem_pio2_{ty.suffix()}"
        f.declarations[name] = _vector_helper(ty.width)
    ints = ty.like("i64")
    result = f"{{{ty}, {ty}, {ints}}}"
    out = f.emit(ty, f"call {result} @{name}({a.v})")
    parts = [f.emit(part, f"extractvalue {result} {out.ref}, {i}") for i, part in enumerate((ty, ty, ints))]
    return Expr(f, parts[0]), Expr(f, parts[1]), Expr(f, parts[2])


def _sin_cos(x: Expr) -> tuple[Expr, Expr, Expr]:
    """(sin r, cos r, q) of the reduced |x|, q in the integer type of x."""
    at = layout(x.v.ty)
    if at.elem == "double":
        r, low, q = _reduce(x.abs(), True)
    else:
        wide, low, q = _reduce(x.abs().cast("fpext", "double"), False)
        r, q = wide.cast("fptrunc", "float"), q.cast("trunc", "i32")
    z = r * r
    s, c = poly(z, table(x, "SIN")), poly(z, table(x, "COS"))
    half = z * 0.5
    w = 1.0 - half
    rest = (1.0 - w) - half
    if low is None:
        return (r * z).fma(s, r), w + (z * z).fma(c, rest), q
    # sin(r + low) = sin r + low (1 - z/2), cos(r + low) = cos r - r low
    return r + (r * z).fma(s, low - half * low), w + ((z * z).fma(c, rest) - r * low), q


def _signed(x: Expr, flips: Expr) -> Expr:
    """`x` with its sign flipped where the top bit of the integer `flips` is set."""
    at = layout(x.v.ty)
    top = -(1 << (x.v.ty.bits - 1))
    return (x.bits() ^ (flips & top)).as_float(at.elem)


def _shift_of(x: Expr) -> int:
    return x.v.ty.bits - 2


def _sin(x: Expr) -> Expr:
    s, c, q = _sin_cos(x)
    y = select((q & 1).eq(0), s, c)
    return _signed(y, (q << _shift_of(x)) ^ x.bits())


def _cos(x: Expr) -> Expr:
    s, c, q = _sin_cos(x)
    y = select((q & 1).eq(0), c, s)
    return _signed(y, (q + 1) << _shift_of(x))


def _tan(x: Expr) -> Expr:
    s, c, q = _sin_cos(x)
    even = (q & 1).eq(0)
    return _signed(select(even, s, c) / select(even, c, s), (q << (_shift_of(x) + 1)) ^ x.bits())


TRIG: dict[str, Callable[[Expr], Expr]] = {"sin": _sin, "cos": _cos, "tan": _tan}
