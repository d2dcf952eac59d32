"""Vector maths of the compiler: elementary functions emitted as straight LLVM IR text, for any vector width.

`emit_math(f, name, *args)` appends the code of one function to `f`; `MATH` holds the emitters by name. All are
polynomials between an exact reduction and a reconstruction (methods: `vecmath_core`, `vecmath_trig`,
`vecmath_special`; coefficients: `vecmath_tables`, made by ``docs/fitting/remez.py``). No library is called: only
intrinsics that are instructions. NaN, infinities, signed zeros and denormals are as in C99 annex F and NumPy; denormals
are neither flushed nor taken for zero. Results do not depend on the width.

pow: log x as an unevaluated sum of two (float64), the product with y split likewise; float32 goes through float64.
logistic: with exp(-x) = 2^-n (1 + p), 2^n / (2^n + 1 + p). half is computed in float.

Greatest error found in ULP, maxima and not proven bounds: against mpmath on 12,000 to 72,000 arguments a function over
all binades and denser where it matters (`measure` of ``tests/compiler/test_vecmath.py`` with n = 12,000); sin, cos and
tan on huge neighbours of multiples of pi/2 besides; and a dozen of the float32 ones against float64 on 7 to 30 million:

    function   f64   f32    function   f64   f32    function   f64   f32
    exp       0.98  1.02    log1p     0.73  1.37    acos      1.11  1.08
    log       0.75  0.78    expm1     1.53  1.31    atan      1.40  1.74
    tanh      1.26  1.27    exp2      1.04  1.02    asinh     1.42  1.54
    logistic  1.47  1.70    log2      1.54  1.46    acosh     1.83  1.83
    sin       0.77  1.46    log10     1.60  1.92    atanh     1.80  1.78
    cos       0.75  1.46    tan       1.99  2.71    atan2     1.31  1.41
    sqrt      0.50  0.50    sinh      1.47  1.51    cbrt      0.50  0.50
    rsqrt     1.43  1.50    cosh      1.29  1.33    erf       1.05  1.08
    pow       1.11  0.50    asin      2.11  2.29    erfc      3.29  3.85

Known limits: the target must have FMA instructions (AVX2 class, NEON); elsewhere `llvm.fma` becomes a library call,
right but slow. Rounding mode to nearest, no trapping, no flush-to-zero mode. Huge sin, cos and tan arguments
(|x| > 1e12) take about 20 ns a lane.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from functrans.compiler.text import Function, Val
from functrans.compiler.vecmath_core import (
    LN2,
    exp_kernel,
    exp_reduce,
    log1p_core,
    log_kernel,
    log_split,
    scale2,
    split_normal,
    table,
)
from functrans.compiler.vecmath_expr import Expr, layout, poly, pow2, select
from functrans.compiler.vecmath_special import SPECIAL
from functrans.compiler.vecmath_tables import TABLES
from functrans.compiler.vecmath_trig import TRIG

__all__ = ["MATH", "emit_math"]

_INF, _NAN = math.inf, math.nan
_EXP_RANGE = ((-746.0, 710.0), (-104.5, 89.0))
_EXP2_RANGE = ((-1076.0, 1025.0), (-151.0, 129.0))
_LOG10_2 = ((0.3010299956639812, -2.8037281277851704e-18), (0.3010300099849701, -1.432098883924482e-08))


def _exp(x: Expr) -> Expr:
    r, k = exp_reduce(x.clamp(*_EXP_RANGE[layout(x.v.ty).index]))
    return scale2(exp_kernel(r) + 1.0, k)


def _exp2(x: Expr) -> Expr:
    at = layout(x.v.ty)
    x = x.clamp(*_EXP2_RANGE[at.index])
    t = x + at.magic
    r = (x - (t - at.magic)) * LN2[at.index][0]
    return scale2(exp_kernel(r) + 1.0, t.bits() - at.bits(at.magic))


def _expm1(x: Expr) -> Expr:
    at = layout(x.v.ty)
    r, k = exp_reduce(x.clamp((-40.0, -20.0)[at.index], _EXP_RANGE[at.index][1]))
    # 2^n p + (2^n - 1) with n = k - 1, doubled last: 2^k itself overflows at the top.
    s = pow2(k - 1, at.elem)
    # s r + (s - 1/2) is exact where the two cancel (k = 1): adding r to r^2 Q first would lose an ulp there.
    y = s.fma(r * r * poly(r, table(x, "EXP")), s.fma(r, s - 0.5)) * 2.0
    return select(x.abs() < 2.0 ** -(at.mantissa + 4), x, y)


def _log_special(x: Expr, y: Expr) -> Expr:
    """`y` where x is positive and finite; the limits and NaN of a logarithm elsewhere."""
    bad = select(x.eq(0.0), -_INF, select(x < 0.0, _NAN, x))
    return select((x > 0.0) & (x < _INF), y, bad)


def _log(x: Expr) -> Expr:
    k, m = log_split(x)
    return _log_special(x, log_kernel(k, m - 1.0))


def _log2(x: Expr) -> Expr:
    k, m = log_split(x)
    return _log_special(x, log_kernel(None, m - 1.0).fma(1.4426950408889634, k))


def _log10(x: Expr) -> Expr:
    k, m = log_split(x)
    head, tail = _LOG10_2[layout(x.v.ty).index]
    return _log_special(x, k.fma(head, log_kernel(None, m - 1.0).fma(0.4342944819032518, k * tail)))


def _log1p(x: Expr) -> Expr:
    u = x + 1.0
    b = u - 1.0
    y = log1p_core(u, (1.0 - (u - b)) + (x - b))
    y = select(x.abs() < 2.0 ** -(layout(x.v.ty).mantissa + 2), x, y)
    bad = select(x.eq(-1.0), -_INF, select(x < -1.0, _NAN, x))
    return select((x > -1.0) & (x < _INF), y, bad)


def _tanh(x: Expr) -> Expr:
    at = layout(x.v.ty)
    a = x.abs()
    z = a * a
    small = (a * z).fma(poly(z, table(x, "TANH")), a)
    r, k = exp_reduce(a.clamp(None, (20.0, 10.0)[at.index]) * 2.0)
    s = pow2(k, at.elem)
    large = 1.0 - 2.0 / s.fma(exp_kernel(r), s + 1.0)
    return select(a < 0.55, small, large).copysign(x)


def _logistic(x: Expr) -> Expr:
    # With exp(-x) = 2^-n (1 + p) and t = 2^n: t / (t + 1 + p). For very negative x, t is applied in two factors.
    at = layout(x.v.ty)
    r, k = exp_reduce(-x.clamp(_EXP_RANGE[at.index][0], (40.0, 20.0)[at.index]))
    n = 0 - k
    half = n.asr(1)
    first, second = pow2(half, at.elem), pow2(n - half, at.elem)
    t = first * second
    u = t + 1.0
    rest = t - (u - 1.0)  # not zero for small t only: with it the sum 1 + t + p rounds once
    return first / (u + (exp_kernel(r) + rest)) * second


def _sinh(x: Expr) -> Expr:
    a = x.abs()
    z = a * a
    small = (a * z).fma(poly(z, table(x, "SINH")), a)
    e, inverse = _half_exps(a)
    return select(a < 1.0, small, e - inverse).copysign(x)


def _cosh(x: Expr) -> Expr:
    e, inverse = _half_exps(x.abs())
    return e + inverse


def _half_exps(a: Expr) -> tuple[Expr, Expr]:
    """(e^a / 2, e^-a / 2) for a >= 0."""
    at = layout(a.v.ty)
    r, k = exp_reduce(a.clamp(None, (712.0, 91.0)[at.index]))
    w = exp_kernel(r) + 1.0
    # Beyond n = 60 the second is far below an ulp of the first: the clamp keeps its exponent in range.
    low = select(k > 60, 60, k)
    return scale2(w, k - 1), pow2(-1 - low, at.elem) / w


def _sqrt(x: Expr) -> Expr:
    return x.sqrt()


def _rsqrt(x: Expr) -> Expr:
    return 1.0 / x.sqrt()


def _log_dd(x: Expr) -> tuple[Expr, Expr]:
    """log x as an unevaluated sum with about 65 good bits; x positive and finite, float64."""
    k, m = log_split(x)
    f = m - 1.0
    g = m + 1.0
    g_low = m - (g - 1.0)
    inv = 1.0 / g
    s = f * inv
    s_low = ((-s).fma(g, f) - s * g_low) * inv
    z = s * s
    z_low = s.fma(s, -z) + (s + s) * s_low
    cube = s * z
    cube_low = s.fma(z, -cube) + s.fma(z_low, s_low * z)
    q = z * poly(z, TABLES["LOG_TAIL"][0])
    c = q + 2.0 / 3.0
    c_low = (2.0 / 3.0 - c) + q + 3.700743415417188e-17
    t = cube * c
    t_low = cube.fma(c, -t) + cube.fma(c_low, cube_low * c)
    twice = s + s
    h = twice + t
    low = (twice - h) + t + (s_low.fma(2.0, t_low))
    head = k * 0.6931471805598903  # 42 bits: the product is exact
    total = head + h
    return total, (head - total) + h + k.fma(5.497923018708371e-14, low)


def _pow_positive(a: Expr, y: Expr) -> Expr:
    """a**y for positive finite a and finite y."""
    y = y.clamp(-(2.0**70), 2.0**70)
    hi, lo = _log_dd(a)
    e = y * hi
    e_low = y.fma(hi, -e) + y * lo
    bounded = e.abs() < 800.0
    r, k = exp_reduce(e.clamp(-800.0, 800.0))
    return scale2(exp_kernel(r + select(bounded, e_low, 0.0)) + 1.0, k)


def _pow_short(a: Expr, y: Expr) -> Expr:
    """a**y for float32 arguments, in plain float64 arithmetic (all float32 denormals are normal there)."""
    a, y = a.cast("fpext", "double"), y.cast("fpext", "double")
    k, m, _ = split_normal(a)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    log = k.fma(LN2[0][0], (s * z).fma(poly(z, TABLES["LOG_SHORT"][0]), s + s))
    r, n = exp_reduce((y * log).clamp(-200.0, 200.0))
    return (pow2(n, "double") * (exp_kernel(r, "EXP_SHORT") + 1.0)).cast("fptrunc", "float")


def _pow(x: Expr, y: Expr) -> Expr:
    """C99 annex F special cases around `_pow_positive`."""
    at = layout(x.v.ty)
    a = x.abs()
    r = _pow_positive(a, y) if at.elem == "double" else _pow_short(a, y)
    extreme = a.eq(0.0) | a.eq(_INF) | y.abs().eq(_INF)
    limit = select((a > 1.0) ^ (y < 0.0), y.constant(_INF), 0.0)
    r = select(extreme, select(a.eq(1.0), 1.0, limit), r)
    half = y * 0.5
    integer = y.trunc().eq(y)
    odd = integer & half.trunc().cmp("ne", half)
    negative = x.bits() < 0
    r = select(negative & odd, -r, r)
    r = select((x < 0.0) & (a < _INF) & ~integer, _NAN, r)
    r = select(x.cmp("ne", x) | y.cmp("ne", y), x + y, r)
    return select(y.eq(0.0) | x.eq(1.0), 1.0, r)


_UNARY: dict[str, Callable[[Expr], Expr]] = {
    "exp": _exp, "exp2": _exp2, "expm1": _expm1, "log": _log, "log2": _log2, "log10": _log10, "log1p": _log1p,
    "tanh": _tanh, "sinh": _sinh, "cosh": _cosh, "logistic": _logistic, "sqrt": _sqrt, "rsqrt": _rsqrt,
}
_EMITTERS: dict[str, Callable[..., Expr]] = {**_UNARY, "pow": _pow, **TRIG, **SPECIAL}


def _entry(name: str, emitter: Callable[..., Expr]) -> Callable[..., Val]:
    arity = 2 if name in ("pow", "atan2") else 1

    def emit(f: Function, *args: Val) -> Val:
        if len(args) != arity:
            raise ValueError(f"{name} takes {arity} argument(s), got {len(args)}: pass exactly {arity}")
        if any(a.ty != args[0].ty for a in args):
            raise ValueError(f"the arguments of {name} differ in type ({', '.join(str(a.ty) for a in args)}): "
                             "convert them to one type first")
        if args[0].ty.elem == "half":
            wide = [Expr(f, f.cast("fpext", a, "float")) for a in args]
            return emitter(*wide).cast("fptrunc", "half").v
        return emitter(*(Expr(f, a) for a in args)).v

    return emit


MATH: dict[str, Callable[..., Val]] = {name: _entry(name, emitter) for name, emitter in _EMITTERS.items()}


def emit_math(f: Function, name: str, *args: Val) -> Val:
    """Emit the elementary function `name` of `args` into `f` and return its value.

    Arguments are double, float or half values of any width, all of one type (half is computed in float). The result has
    that type. sin, cos and tan open new basic blocks: `f.block` may differ afterwards. Raises `KeyError` for an unknown
    name and `ValueError` for a wrong number or type of arguments.

    >>> from functrans.compiler.text import Ty
    >>> f = Function("softer", [Ty("double", 4)], Ty("double", 4))
    >>> f.ret(emit_math(f, "rsqrt", f.params[0]))
    >>> print(f.text().splitlines()[2].strip())
    %v1 = call <4 x double> @llvm.sqrt.v4f64(<4 x double> %p0)
    """
    if name not in MATH:
        raise KeyError(f"no vector maths for {name!r}; known: {', '.join(sorted(MATH))}")
    return MATH[name](f, *args)
