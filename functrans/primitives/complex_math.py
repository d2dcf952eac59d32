"""Complex arithmetic and elementary functions as programs over real kernel operations.

Each function takes a kernel `Builder` and complex expressions, and returns one. Division is Smith's (as NumPy's);
absolute values and square roots are scaled against overflow and underflow. Special values follow C99 annex G as far
as NumPy does.

References: Smith, "Algorithm 116: Complex division", CACM 5 (1962); Kahan, "Branch cuts for complex elementary
functions" (1987); Hull, Fairgrieve and Tang, "Implementing the complex arcsine and arccosine functions using exception
handling", ACM TOMS 23 (1997).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "complex_abs", "complex_acos", "complex_acosh", "complex_asin", "complex_asinh", "complex_atan", "complex_atanh",
    "complex_cos", "complex_cosh", "complex_div", "complex_exp", "complex_exp2", "complex_expm1", "complex_log", "complex_log1p",
    "complex_logistic", "complex_mul", "complex_pow", "complex_rsqrt", "complex_sign", "complex_sin", "complex_sinh",
    "complex_sqrt", "complex_tan", "complex_tanh",
]


def _finite_scale(b: Any, x: Any) -> tuple[Any, Any]:
    """Factors (s, 1 / sqrt(s)), powers of two, that bring the parts of `x` where squares neither overflow nor
    vanish."""
    elem = x.re.dtype
    info = np.finfo(elem)
    top = b.op("max", b.op("abs", x.re), b.op("abs", x.im))
    up = 2.0 ** (2 * info.nmant + 4)
    high, low = (
        b.op("gt", top, b.const(float(info.max) / 8, elem)),
        b.op("lt", top, b.const(float(info.tiny) * up, elem)),
    )
    one = b.const(1, elem)
    scale = b.op("select", high, b.const(1 / 16, elem), b.op("select", low, b.const(up, elem), one))
    back = b.op("select", high, b.const(4, elem), b.op("select", low, b.const(2.0 ** -(info.nmant + 2), elem), one))
    return scale, back


def complex_abs(b: Any, x: Any) -> Any:
    """hypot of the parts, through the ratio of the smaller to the larger; inf where either part is infinite."""
    op, elem = b.op, x.re.dtype
    re, im = op("abs", x.re), op("abs", x.im)
    large, small = op("max", re, im), op("min", re, im)
    zero, inf = b.const(0, elem), b.const(np.inf, elem)
    ratio = op("select", op("eq", large, zero), zero, op("div", small, large))
    size = op("mul", large, op("sqrt", op("add", b.const(1, elem), op("mul", ratio, ratio))))
    return op("select", op("or", op("eq", re, inf), op("eq", im, inf)), inf, size)


def complex_sign(b: Any, x: Any) -> Any:
    """x / abs(x), 0 at 0."""
    op = b.op
    size = complex_abs(b, x)
    at_zero = op("eq", size, b.const(0, x.re.dtype))
    return b.complex(*(op("select", at_zero, p, op("div", p, size)) for p in (x.re, x.im)))


def complex_mul(b: Any, x: Any, y: Any) -> Any:
    op = b.op
    re = op("sub", op("mul", x.re, y.re), op("mul", x.im, y.im))
    return b.complex(re, op("add", op("mul", x.re, y.im), op("mul", x.im, y.re)))


def complex_div(b: Any, x: Any, y: Any) -> Any:
    """Smith's quotient, in the operation order of NumPy."""
    op = b.op
    by_re = op("ge", op("abs", y.re), op("abs", y.im))
    large, small = op("select", by_re, y.re, y.im), op("select", by_re, y.im, y.re)
    first, second = op("select", by_re, x.re, x.im), op("select", by_re, x.im, x.re)
    zero, one = b.const(0, x.re.dtype), b.const(1, x.re.dtype)
    ratio = op("div", small, large)
    scale = op("div", one, op("add", large, op("mul", small, ratio)))
    re = op("mul", op("add", first, op("mul", second, ratio)), scale)
    im = op("mul", op("sub", second, op("mul", first, ratio)), scale)  # of the other branch, the negative
    im = op("select", by_re, im, op("neg", im))
    at_zero = op("and", op("eq", y.re, zero), op("eq", y.im, zero))
    size = op("abs", y.re)
    return b.complex(op("select", at_zero, op("div", x.re, size), re), op("select", at_zero, op("div", x.im, size), im))


def complex_sqrt(b: Any, x: Any) -> Any:
    """The root with non-negative real part, after scaling."""
    op, elem = b.op, x.re.dtype
    zero, half, inf = b.const(0, elem), b.const(0.5, elem), b.const(np.inf, elem)
    scale, back = _finite_scale(b, x)
    re, im = op("mul", x.re, scale), op("mul", x.im, scale)
    size = complex_abs(b, b.complex(re, im))
    main = op("sqrt", op("mul", half, op("add", op("abs", re), size)))
    other = op("select", op("eq", main, zero), zero, op("div", op("mul", half, op("abs", im)), main))
    main, other = op("mul", main, back), op("mul", other, back)
    right = op("ge", x.re, zero)
    out_re, out_im = op("select", right, main, other), op("copysign", op("select", right, other, main), x.im)
    nan_re, nan_im = op("ne", x.re, x.re), op("ne", x.im, x.im)
    either = op("or", nan_re, nan_im)
    nan = b.const(np.nan, elem)
    plus, minus = op("eq", x.re, inf), op("eq", x.re, b.const(-np.inf, elem))
    out_re, out_im = op("select", either, nan, out_re), op("select", either, nan, out_im)
    out_re = op("select", plus, inf, op("select", minus, op("select", nan_im, nan, zero), out_re))
    out_im = op("select", plus, op("select", nan_im, nan, op("copysign", zero, x.im)),
                op("select", minus, op("copysign", inf, x.im), out_im))
    tall = op("eq", op("abs", x.im), inf)
    return b.complex(op("select", tall, inf, out_re), op("select", tall, x.im, out_im))


def complex_rsqrt(b: Any, x: Any) -> Any:
    one = b.complex(b.const(1, x.re.dtype), b.const(0, x.re.dtype))
    return complex_div(b, one, complex_sqrt(b, x))


def complex_exp(b: Any, x: Any) -> Any:
    """exp(re) (cos(im) + i sin(im))."""
    return _polar(b, "exp", float(np.log(np.finfo(x.re.dtype).max)), x, x.im)


def complex_exp2(b: Any, x: Any) -> Any:
    """exp2(re) and the angle im log 2: rounding ``re log 2`` would cost as many digits as `re` has before the point."""
    angle = b.op("mul", x.im, b.const(float(np.log(2)), x.re.dtype))
    return _polar(b, "exp2", float(np.finfo(x.re.dtype).maxexp), x, angle)


def _polar(b: Any, power: str, limit: float, x: Any, angle: Any) -> Any:
    """power(re) (cos(angle) + i sin(angle)); near `limit`, where it overflows, the power is applied in two halves."""
    op, elem = b.op, x.re.dtype
    zero = b.const(0, elem)
    half = op(power, op("mul", b.const(0.5, elem), x.re))
    near = op("lt", x.re, b.const(limit - 1, elem))
    size = op(power, x.re)
    cos, sin = op("cos", angle), op("sin", angle)

    def scaled(p: Any) -> Any:
        return op("select", near, op("mul", size, p), op("mul", op("mul", half, p), half))

    real_line = op("eq", x.im, zero)
    sunk = op("eq", x.re, b.const(-np.inf, elem))
    out_re, out_im = scaled(cos), scaled(sin)
    lost = op("and", sunk, op("not", op("is_finite", x.im)))  # exp(-inf + i inf) is 0
    re = op("select", real_line, size, op("select", lost, zero, out_re))
    im = op("select", real_line, x.im, op("select", lost, zero, out_im))
    blown = op("and", op("eq", x.re, b.const(np.inf, elem)), op("not", op("is_finite", x.im)))
    return b.complex(op("select", blown, b.const(np.inf, elem), re), im)


def complex_log(b: Any, x: Any) -> Any:
    """log|x| + i arg x: the logarithm through log1p around the unit circle, and after scaling elsewhere.

    log1p(|x|**2 - 1) / 2 loses less than the logarithm of a rounded absolute value wherever |x| is of the order of 1.
    """
    op, elem = b.op, x.re.dtype
    one, half = b.const(1, elem), b.const(0.5, elem)
    scale, back = _finite_scale(b, x)
    size = complex_abs(b, b.complex(op("mul", x.re, scale), op("mul", x.im, scale)))
    far = op("add", op("log", size), op("mul", b.const(2, elem), op("log", back)))
    re, im = op("abs", x.re), op("abs", x.im)
    large, small = op("max", re, im), op("min", re, im)
    near_value = op(
        "mul",
        half,
        op("log1p", op("add", op("mul", op("sub", large, one), op("add", large, one)), op("mul", small, small))),
    )
    near = op("and", op("gt", large, half), op("lt", large, b.const(4, elem)))
    return b.complex(op("select", near, near_value, far), op("atan2", x.im, x.re))


def complex_pow(b: Any, x: Any, y: Any) -> Any:
    """exp(y log x); x**0 is 1, x**1 is x, and 0**y is 0 where re y > 0."""
    op, elem = b.op, x.re.dtype
    zero, one = b.const(0, elem), b.const(1, elem)
    out = complex_exp(b, complex_mul(b, y, complex_log(b, x)))
    base_zero = op("and", op("eq", x.re, zero), op("eq", x.im, zero))
    vanishes = op("and", base_zero, op("gt", y.re, zero))
    power_zero = op("and", op("eq", y.re, zero), op("eq", y.im, zero))
    re, im = op("select", vanishes, zero, out.re), op("select", vanishes, zero, out.im)
    power_one = op("and", op("eq", y.re, one), op("eq", y.im, zero))
    re, im = op("select", power_one, x.re, re), op("select", power_one, x.im, im)
    return b.complex(op("select", power_zero, one, re), op("select", power_zero, zero, im))


def complex_expm1(b: Any, x: Any) -> Any:
    """expm1(re) cos(im) - 2 sin(im / 2)**2, and the imaginary part of exp: no cancellation near 0 on either axis."""
    op, elem = b.op, x.re.dtype
    half_sin = op("sin", op("mul", b.const(0.5, elem), x.im))
    drop = op("mul", b.const(2, elem), op("mul", half_sin, half_sin))
    near = op("sub", op("mul", op("expm1", x.re), op("cos", x.im)), drop)
    whole = complex_exp(b, x)
    small = op("lt", op("abs", x.re), b.const(8, elem))  # beyond, the 1 hardly counts
    return b.complex(op("select", small, near, op("sub", whole.re, b.const(1, elem))), whole.im)


def complex_log1p(b: Any, x: Any) -> Any:
    """log(1 + x): through log1p(re (2 + re) + im**2) / 2 where x is small, for it does not round 1 + x."""
    op, elem = b.op, x.re.dtype
    one, half, four = b.const(1, elem), b.const(0.5, elem), b.const(4, elem)
    shifted = b.complex(op("add", one, x.re), x.im)
    whole = complex_log(b, shifted)
    square = op("add", op("mul", x.re, op("add", b.const(2, elem), x.re)), op("mul", x.im, x.im))
    # Left of -1/2 the sum 1 + re is exact, and the square might be all but -1.
    small = op("and", op("gt", x.re, op("neg", half)), op("lt", op("max", x.re, op("abs", x.im)), four))
    return b.complex(op("select", small, op("mul", half, op("log1p", square)), whole.re), whole.im)


def _cosh_sinh(b: Any, x: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """(p cosh x, q sinh x), the exponential applied in two halves where it alone would overflow; 0 stays 0."""
    op, elem = b.op, x.dtype
    zero = b.const(0, elem)
    size = op("abs", x)
    far = op("gt", size, b.const(float(np.log(np.finfo(elem).max)) - 1, elem))
    e = op("exp", op("mul", b.const(0.5, elem), size))
    half_e = op("mul", b.const(0.5, elem), e)
    cosh = op("select", far, op("mul", op("mul", half_e, p), e), op("mul", p, op("cosh", x)))
    sinh = op("select", far, op("mul", op("mul", op("copysign", half_e, x), q), e), op("mul", q, op("sinh", x)))
    sinh = op(
        "select",
        op("eq", x, zero),
        op("select", op("eq", q, q), op("mul", x, op("sign", q)), x),
        op("select", op("eq", q, zero), op("mul", q, op("sign", x)), sinh),
    )
    return op("select", op("eq", p, zero), p, cosh), sinh


def complex_sin(b: Any, x: Any) -> Any:
    re, im = _cosh_sinh(b, x.im, b.op("sin", x.re), b.op("cos", x.re))
    return b.complex(re, im)


def complex_cos(b: Any, x: Any) -> Any:
    re, im = _cosh_sinh(b, x.im, b.op("cos", x.re), b.op("sin", x.re))
    return b.complex(re, b.op("neg", im))


def complex_sinh(b: Any, x: Any) -> Any:
    im, re = _cosh_sinh(b, x.re, b.op("sin", x.im), b.op("cos", x.im))
    return b.complex(re, im)


def complex_cosh(b: Any, x: Any) -> Any:
    re, im = _cosh_sinh(b, x.re, b.op("cos", x.im), b.op("sin", x.im))
    return b.complex(re, im)


def complex_tanh(b: Any, x: Any) -> Any:
    """Kahan's formula by tan(im) and sinh(re); far from the imaginary axis +-1 and an exponentially small height."""
    op, elem = b.op, x.re.dtype
    one, four = b.const(1, elem), b.const(4, elem)
    size = op("abs", x.re)
    far = op("gt", size, b.const(22 if elem == np.float64 else 10, elem))
    t, s = op("tan", x.im), op("sinh", op("select", far, one, x.re))
    s2 = op("mul", s, s)
    beta = op("add", one, op("mul", t, t))
    below = op("add", one, op("mul", beta, s2))
    near_re = op("div", op("mul", op("mul", beta, op("sqrt", op("add", one, s2))), s), below)
    wave = op("mul", op("sin", x.im), op("cos", x.im))
    wave = op("select", op("is_finite", x.im), wave, op("copysign", b.const(0, elem), x.im))
    far_im = op("mul", op("mul", four, wave), op("exp", op("mul", b.const(-2, elem), size)))
    return b.complex(
        op("select", far, op("copysign", one, x.re), near_re), op("select", far, far_im, op("div", t, below))
    )


def _rotated(b: Any, x: Any) -> Any:
    """i x."""
    return b.complex(b.op("neg", x.im), x.re)


def _rotated_back(b: Any, x: Any) -> Any:
    """-i x."""
    return b.complex(x.im, b.op("neg", x.re))


def complex_tan(b: Any, x: Any) -> Any:
    return _rotated_back(b, complex_tanh(b, _rotated(b, x)))


def complex_logistic(b: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), left of the imaginary axis as e / (1 + e) with e = exp(x): the exponential never overflows."""
    op, elem = b.op, x.re.dtype
    zero, one = b.const(0, elem), b.const(1, elem)
    right = op("ge", x.re, zero)
    turned = b.complex(op("neg", op("abs", x.re)), op("select", right, op("neg", x.im), x.im))
    e = complex_exp(b, turned)
    above = b.complex(op("select", right, one, e.re), op("select", right, zero, e.im))
    return complex_div(b, above, b.complex(op("add", one, e.re), e.im))


def _unit_roots(b: Any, x: Any) -> tuple[Any, Any]:
    """sqrt(1 - x) and sqrt(1 + x), the sign of a zero imaginary part kept: it tells the sides of the branch cuts."""
    one = b.const(1, x.re.dtype)
    minus = complex_sqrt(b, b.complex(b.op("sub", one, x.re), b.op("neg", x.im)))
    return minus, complex_sqrt(b, b.complex(b.op("add", one, x.re), x.im))


def _is_infinite(b: Any, x: Any) -> Any:
    inf = b.const(np.inf, x.re.dtype)
    return b.op("or", b.op("eq", b.op("abs", x.re), inf), b.op("eq", b.op("abs", x.im), inf))


def complex_asin(b: Any, x: Any) -> Any:
    """Kahan's formula: no cancellation on either side of the cuts."""
    op = b.op
    minus, plus = _unit_roots(b, x)
    re = op("atan2", x.re, op("sub", op("mul", minus.re, plus.re), op("mul", minus.im, plus.im)))
    im = op("asinh", op("sub", op("mul", minus.re, plus.im), op("mul", minus.im, plus.re)))
    out = _is_infinite(b, x)
    return b.complex(op("select", out, op("atan2", x.re, op("abs", x.im)), re),
                     op("select", out, op("copysign", b.const(np.inf, x.re.dtype), x.im), im))


def complex_acos(b: Any, x: Any) -> Any:
    """Kahan's formula."""
    op = b.op
    minus, plus = _unit_roots(b, x)
    re = op("mul", b.const(2, x.re.dtype), op("atan2", minus.re, plus.re))
    im = op("asinh", op("sub", op("mul", plus.re, minus.im), op("mul", plus.im, minus.re)))
    out = _is_infinite(b, x)
    return b.complex(op("select", out, op("atan2", op("abs", x.im), x.re), re),
                     op("select", out, op("copysign", b.const(np.inf, x.re.dtype), op("neg", x.im)), im))


def complex_acosh(b: Any, x: Any) -> Any:
    """Kahan's formula."""
    op, one = b.op, b.const(1, x.re.dtype)
    minus = complex_sqrt(b, b.complex(op("sub", x.re, one), x.im))
    plus = complex_sqrt(b, b.complex(op("add", x.re, one), x.im))
    re = op("asinh", op("add", op("mul", minus.re, plus.re), op("mul", minus.im, plus.im)))
    im = op("mul", b.const(2, x.re.dtype), op("atan2", minus.im, plus.re))
    out = _is_infinite(b, x)
    return b.complex(op("select", out, b.const(np.inf, x.re.dtype), re), op("select", out, op("atan2", x.im, x.re), im))


def complex_asinh(b: Any, x: Any) -> Any:
    return _rotated_back(b, complex_asin(b, _rotated(b, x)))


def complex_atanh(b: Any, x: Any) -> Any:
    """log1p(4 re / ((1 - re)**2 + im**2)) / 4, and half the angle of (1 - re)(1 + re) - im**2 + 2i im, for re >= 0;
    odd.

    Far out, where the squares would overflow, 1 / x and a right angle.
    """
    op, elem = b.op, x.re.dtype

    def c(value: float) -> Any:
        return b.const(value, elem)

    re, im = op("abs", x.re), op("abs", x.im)
    top = op("max", re, im)
    far = op("gt", top, c(float(np.sqrt(np.finfo(elem).max)) / 4))
    ratio_re, ratio_im = op("div", re, top), op("div", im, top)
    far_re = op(
        "div", op("div", ratio_re, op("add", op("mul", ratio_re, ratio_re), op("mul", ratio_im, ratio_im))), top
    )
    left = op("sub", c(1), re)
    square = op("add", op("mul", left, left), op("mul", im, im))
    near_re = op("mul", c(0.25), op("log1p", op("div", op("mul", c(4), re), square)))
    pole = op("mul", c(0.5), op("sub", c(float(np.log(2))), op("log", im)))  # on re = 1 the square may vanish
    near_re = op("select", op("and", op("eq", left, c(0)), op("lt", im, c(float(np.finfo(elem).eps)))), pole, near_re)
    height = op("sub", op("mul", left, op("add", c(1), re)), op("mul", im, im))
    near_im = op("mul", c(0.5), op("atan2", op("mul", c(2), im), height))
    tall = op("eq", im, c(np.inf))  # also beside a nan
    out_re = op("select", op("or", op("eq", top, c(np.inf)), tall), c(0), op("select", far, far_re, near_re))
    out_im = op("select", op("or", far, tall), c(np.pi / 2), near_im)
    return b.complex(op("copysign", out_re, x.re), op("copysign", out_im, x.im))


def complex_atan(b: Any, x: Any) -> Any:
    return _rotated_back(b, complex_atanh(b, _rotated(b, x)))
