"""The table of tests: one row for each primitive (see `tests.properties.rows.Row`). A row is all that a new primitive needs.

References are NumPy's and SciPy's functions, Python's integers, or naive loops; none is our own evaluation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special as sp

from functrans.primitives import arithmetic as a
from functrans.primitives import logic, structural
from functrans.primitives import special as s
from functrans.primitives import transcendental as t
from tests.properties.rows import Case, Operand, Row, elementwise, smooth
from tests.properties.array_rows import ARRAY_ROWS

__all__ = ["ROWS"]

Reference = Callable[..., Any]


# -- references -------------------------------------------------------------------------------------------------------

def integers(f: Callable[..., int]) -> Reference:
    """A function of Python integers (and the width of the type) over arrays, its results wrapped into the type."""

    def reference(*xs: np.ndarray) -> np.ndarray:
        dtype = xs[0].dtype
        bits = 8 * dtype.itemsize
        out = np.frompyfunc(lambda *ints: f(*ints, bits) % 2**bits, len(xs), 1)(*(x.astype(object) for x in xs))
        return np.asarray(out).astype(f"uint{bits}").astype(dtype)

    return reference


def quotient(x: int, y: int, bits: int) -> int:
    if y == 0:
        return -1
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def remainder(x: int, y: int, bits: int) -> int:
    return x if y == 0 else x - y * quotient(x, y, bits)


def by_kind(real: Reference, whole: Reference) -> Reference:
    """One reference for integers, another for the rest."""
    return lambda *xs, **params: (whole if xs[0].dtype.kind in "iu" else real)(*xs, **params)


def shift(f: Callable[[int, int], int], beyond: Callable[[int], int], logical: bool = False) -> Reference:
    return integers(lambda x, n, bits: f(x % 2**bits if logical else x, n) if 0 <= n < bits else beyond(x))


def arithmetic_right(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """A shift of the bits read as signed, whatever the type."""
    signed = f"int{8 * x.dtype.itemsize}"
    shifted = integers(lambda x, n, bits: x >> (n if 0 <= n < bits else bits - 1))
    return np.asarray(shifted(x.astype(signed), n.astype(signed))).astype(x.dtype)


def parts(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), {4: np.complex64, 8: np.complex128}[x.dtype.itemsize])
    out.real, out.imag = x, y
    return out


def chosen(which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    return np.choose(np.clip(which.astype(int), 0, len(cases) - 1), cases)


def to_precision(x: np.ndarray, *, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    """Rounding of the fraction that `frexp` gives, then of the exponent."""
    bits = min(mantissa_bits, np.finfo(x.dtype).nmant)
    fraction, exponent = np.frexp(x)
    y = np.ldexp(np.rint(np.ldexp(fraction, bits + 1)), exponent - bits - 1)
    top = 2.0 ** (2 ** (min(exponent_bits, np.finfo(x.dtype).nexp) - 1))
    y = np.where(np.abs(y.astype(np.longdouble)) >= top, np.copysign(np.inf, x), y)
    if exponent_bits < np.finfo(x.dtype).nexp:
        y = np.where(np.abs(y) < 4 / top, np.copysign(0, x), y)
    return np.where(np.isnan(x), x, y).astype(x.dtype)


def sign(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "c":
        return np.where(x == 0, x, np.sign(x))
    return np.where(x == 0, x, x / np.where(x == 0, 1, np.abs(x)))


def in_double(f: Reference) -> Reference:
    """A SciPy function, which knows nothing wider than float64."""
    return lambda *xs: f(*(x.astype(np.float64) for x in xs))


def expm1(x: np.ndarray) -> np.ndarray:
    """e**x - 1; complex by real parts that do not cancel."""
    if x.dtype.kind != "c":
        return np.asarray(np.expm1(x))
    half = np.sin(x.imag / 2)
    re = np.expm1(x.real) * np.cos(x.imag) - 2 * half * half
    return np.asarray(re + 1j * (np.exp(x.real) * np.sin(x.imag)))


def log1p(x: np.ndarray) -> np.ndarray:
    """log(1 + x); complex by real parts that do not cancel."""
    if x.dtype.kind != "c":
        return np.asarray(np.log1p(x))
    re, im = x.real, x.imag
    near = np.log1p(re * (2 + re) + im * im) / 2
    return np.asarray(np.where(np.abs(x) < 0.5, near, np.log(np.hypot(1 + re, im))) + 1j * np.arctan2(im, 1 + re))


# -- rows of elementwise primitives -----------------------------------------------------------------------------------

STEPS = smooth(0.6, 0.9)  # away from whole and half numbers
UNIT = smooth(0.1, 0.8)
POSITIVE = smooth(0.3, 2.5, signed=False)


def point(prim: Any, arity: int, reference: Reference, params: Any = None, **fields: Any) -> Row:
    """A row of an elementwise primitive."""
    return Row(prim, elementwise(arity, params), reference=reference, elementwise=True, **fields)


def function(prim: Any, reference: Reference, domain: Any = None, kinds: str = "fc", ulps: float = 4, eager_ulps: float = 4,
             arity: int = 1, active: tuple[int, ...] = (0,), analytic: bool = True) -> Row:
    """A row of a transcendental function: compiled and eager values are both within `ulps`."""
    return point(prim, arity, reference, kinds=kinds, ulps=ulps, eager_ulps=eager_ulps, active=active,
                 analytic=analytic and "c" in kinds, smooth=domain or smooth())


def one_of(name: str, *choices: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(choices).map(lambda value: {name: value})


def select_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    def build(case: Case, count: int) -> Case:
        which, *rest = case.operands
        selector = Operand(which.shape, "bool" if count < 3 else "int32",
                           None if count < 3 else lambda rng, shape, dtype: np.asarray(rng.integers(-1, 5, shape)).astype(dtype))
        return Case((selector, *rest[:count]))

    return st.builds(build, elementwise(4)(dtype), st.integers(1, 3))


def pow_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    def build(case: Case, whole: str) -> Case:
        x, y = case.operands
        if not whole:
            return case
        return Case((x, Operand(y.shape, whole, lambda rng, shape, dtype: np.asarray(rng.integers(-3 if whole[0] == "i" else 0, 4, shape))
                                .astype(dtype))))

    return st.builds(build, elementwise(2)(dtype), st.sampled_from(["", "", "int8", "int32", "int64", "uint64"]))


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.power(x, y.astype(x.dtype)))


def conj_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    return elementwise(1)(dtype).map(lambda c: Case(c.operands, {"input_dtype": dtype}))


BOTH = (0, 1)
ARITHMETIC = [
    point(a.add_p, 2, np.add, active=BOTH, analytic=True),
    point(a.sub_p, 2, np.subtract, kinds="iufc", active=BOTH, analytic=True),
    point(a.mul_p, 2, np.multiply, active=BOTH, analytic=True, ulps=0),
    point(a.neg_p, 1, np.negative, kinds="iufc", active=(0,), analytic=True),
    point(a.div_p, 2, by_kind(np.divide, integers(quotient)), kinds="iufc", active=BOTH, analytic=True),
    point(a.rem_p, 2, by_kind(np.fmod, integers(remainder)), kinds="iuf", active=BOTH, smooth=smooth(0.3, 5.0)),
    point(a.mulhi_p, 2, integers(lambda x, y, bits: x * y >> bits), kinds="iu"),
    point(a.abs_p, 1, np.abs, kinds="iufc", active=(0,), ulps=2, eager_ulps=2),
    point(a.sign_p, 1, sign, kinds="iufc", active=(0,), ulps=2, eager_ulps=3),
    point(a.max_p, 2, np.maximum, active=BOTH),
    point(a.min_p, 2, np.minimum, active=BOTH),
    point(a.clamp_p, 3, lambda low, x, high: np.clip(x, low, high), kinds="biuf", active=(0, 1, 2)),
    Row(a.select_n_p, select_cases, reference=chosen, active=(1, 2, 3), elementwise=True, analytic=True),
    Row(a.pow_p, pow_cases, kinds="fc", reference=power, active=BOTH, ulps=4, eager_ulps=8, smooth=POSITIVE, analytic=True, elementwise=True),
    point(a.integer_pow_p, 1, lambda x, *, y: np.power(x, y if x.dtype.kind in "iu" else x.dtype.type(y)), one_of("y", 0, 1, 2, 3, 5, 8),
          kinds="iufc", active=(0,), ulps=8, eager_ulps=16, analytic=True),
    point(a.integer_pow_p, 1, lambda x, *, y: 1 / np.power(x, x.dtype.type(-y)), one_of("y", -1, -2, -3, -6),
          kinds="fc", active=(0,), ulps=8, eager_ulps=16, analytic=True, name="integer_pow_negative"),
    point(a.square_p, 1, np.square, kinds="iufc", active=(0,), analytic=True, ulps=2),
    function(a.sqrt_p, np.sqrt, POSITIVE),
    function(a.rsqrt_p, lambda x: 1 / np.sqrt(x), POSITIVE),
    function(a.cbrt_p, np.cbrt, kinds="f"),
    function(a.log_p, np.log, POSITIVE),
    Row(a.complex_p, elementwise(2), reference=parts, dtypes=(np.dtype("float32"), np.dtype("float64")), active=BOTH, elementwise=True),
    point(a.real_p, 1, np.real, kinds="c", active=(0,)),
    point(a.imag_p, 1, np.imag, kinds="c", active=(0,)),
    Row(a.conj_p, conj_cases, kinds="fc", reference=lambda x, *, input_dtype: np.conj(x) + np.complex64(0), active=(0,), elementwise=True),
    point(a.floor_p, 1, np.floor, kinds="f", smooth=STEPS),
    point(a.ceil_p, 1, np.ceil, kinds="f", smooth=STEPS),
    point(a.is_finite_p, 1, np.isfinite, kinds="f"),
    point(a.nextafter_p, 2, np.nextafter, kinds="f"),
    point(a.round_p, 1, lambda x, *, rounding_method: np.copysign(np.floor(np.abs(x.astype(np.longdouble)) + 0.5), x),
          one_of("rounding_method", a.RoundingMethod.AWAY_FROM_ZERO), kinds="f", smooth=STEPS, name="round_away"),
    point(a.round_p, 1, lambda x, *, rounding_method: np.rint(x), one_of("rounding_method", a.RoundingMethod.TO_NEAREST_EVEN),
          kinds="f", smooth=STEPS, name="round_even"),
    point(a.reduce_precision_p, 1, to_precision,
          st.sampled_from([(8, 7), (5, 10), (5, 2), (4, 3), (11, 52), (8, 23), (3, 0)]).map(
              lambda bits: {"exponent_bits": bits[0], "mantissa_bits": bits[1]}), kinds="f"),
    point(a.stop_gradient_p, 1, lambda x: x),
]
LOGIC = [
    *(point(getattr(logic, f"{name}_p"), 2, f) for name, f in (("eq", np.equal), ("ne", np.not_equal))),
    *(point(getattr(logic, f"{name}_p"), 2, f, kinds="biuf") for name, f in (
        ("lt", np.less), ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal))),
    *(point(getattr(logic, f"{name}_p"), 2, f, kinds="biu") for name, f in (
        ("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor))),
    point(logic.not_p, 1, np.invert, kinds="biu"),
    point(logic.shift_left_p, 2, shift(operator.lshift, lambda x: 0), kinds="iu"),
    point(logic.shift_right_logical_p, 2, shift(operator.rshift, lambda x: 0, logical=True), kinds="iu"),
    point(logic.shift_right_arithmetic_p, 2, arithmetic_right, kinds="iu"),
    point(logic.population_count_p, 1, integers(lambda x, bits: (x % 2**bits).bit_count()), kinds="iu"),
    point(logic.clz_p, 1, integers(lambda x, bits: bits - (x % 2**bits).bit_length()), kinds="iu"),
]
TRANSCENDENTAL = [
    function(t.exp_p, np.exp), function(t.exp2_p, lambda x: np.exp2(x) if x.dtype.kind != "c" else np.exp(x * np.log(np.longdouble(2)))),
    function(t.expm1_p, expm1), function(t.log1p_p, log1p, UNIT),
    function(t.sin_p, np.sin), function(t.cos_p, np.cos), function(t.tan_p, np.tan, UNIT),
    function(t.sinh_p, np.sinh), function(t.cosh_p, np.cosh), function(t.tanh_p, np.tanh),
    function(t.asin_p, np.arcsin, UNIT), function(t.acos_p, np.arccos, UNIT), function(t.atan_p, np.arctan),
    function(t.asinh_p, np.arcsinh), function(t.acosh_p, np.arccosh, smooth(1.3, 3.0, signed=False)), function(t.atanh_p, np.arctanh, UNIT),
    function(t.logistic_p, lambda x: 1 / (1 + np.exp(-x))),
    function(t.erf_p, in_double(sp.erf), kinds="f"), function(t.erfc_p, in_double(sp.erfc), kinds="f", eager_ulps=16),
    function(t.atan2_p, np.arctan2, kinds="f", arity=2, active=BOTH),
]
