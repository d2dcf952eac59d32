"""The table of tests: one row for each primitive (see `tests.properties.rows.Row`), all that a new one needs.

References are NumPy's and SciPy's functions, Python's integers, or naive loops; none is our own evaluation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from hypothesis import strategies as st
from scipy import special as sp

from functrans.primitives.rounding import RoundingMethod
from tests.properties.array_rows import ARRAY_ROWS
from tests.properties.contraction_rows import CONTRACTION_ROWS
from tests.properties.derivative_rows import DERIVATIVE_ROWS
from tests.properties.fft_rows import FFT_ROWS
from tests.properties.indexing_rows import INDEXING_ROWS
from tests.properties.linalg_rows import LINALG_ROWS
from tests.properties.rows import DISTINCT, Case, Operand, Row, elementwise, smooth
from tests.properties.rows import PRIMITIVES as P
from tests.properties.sequence_rows import SEQUENCE_ROWS
from tests.properties.special_rows import SPECIAL_ROWS

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
    exponent = np.maximum(exponent, np.finfo(x.dtype).minexp + 1)  # denormals have the spacing of the least normal
    fraction = np.ldexp(x, -exponent)
    y = np.ldexp(np.rint(np.ldexp(fraction, bits + 1)), exponent - bits - 1)
    top = np.longdouble(2) ** (2 ** (min(exponent_bits, np.finfo(x.dtype).nexp) - 1))
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


def joined(re: np.ndarray, im: np.ndarray) -> np.ndarray:
    """A complex array of its parts; ``re + 1j * im`` would make nan of infinities."""
    out = np.empty(np.shape(re), np.result_type(re, np.complex64))
    out.real, out.imag = re, im
    return out


def expm1(x: np.ndarray) -> np.ndarray:
    """e**x - 1; complex by real parts that do not cancel."""
    if x.dtype.kind != "c":
        return np.asarray(np.expm1(x))
    half = np.sin(x.imag / 2)
    re = np.expm1(x.real) * np.cos(x.imag) - 2 * half * half
    return joined(re, np.exp(x.real) * np.sin(x.imag))


def log1p(x: np.ndarray) -> np.ndarray:
    """log(1 + x); complex by real parts that do not cancel."""
    if x.dtype.kind != "c":
        return np.asarray(np.log1p(x))
    re, im = x.real, x.imag
    near = np.log1p(re * (2 + re) + im * im) / 2
    return joined(np.where(np.abs(x) < 0.5, near, np.log(np.hypot(1 + re, im))), np.arctan2(im, 1 + re))


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), by the exponential that does not overflow."""
    right = x.real >= 0
    e = np.exp(np.where(right, -x, x))
    return np.where(np.isnan(x), x, np.where(right, 1, e) / (1 + e))


def erfc(x: np.ndarray) -> np.ndarray:
    """By mpmath: SciPy's loses digits where the result is small."""

    def precise(v: Any) -> Any:
        return np.longdouble(mpmath.nstr(mpmath.erfc(float(v)), 24)) if abs(v) < 100 else np.longdouble(1 - np.sign(v))

    return np.asarray(np.frompyfunc(precise, 1, 1)(x), np.longdouble)


def lgamma(x: np.ndarray) -> np.ndarray:
    """SciPy's, but of small values mpmath's: near the zeros SciPy's loses digits, all in the end."""
    rough = np.asarray(sp.gammaln(x.astype(np.float64)))
    precise = np.frompyfunc(lambda v: np.longdouble(mpmath.nstr(mpmath.loggamma(float(v)).real, 24)), 1, 1)
    out = rough.astype(np.longdouble)
    out[np.abs(rough) < 0.5] = precise(x[np.abs(rough) < 0.5])
    return out


def complex_condition(condition: Reference) -> Reference:
    """The scale of errors of complex functions that go through exp and log: the result times its condition."""

    def scale(*xs: np.ndarray) -> Any:
        if xs[0].dtype.kind != "c":
            return 0
        return condition(*(x.astype(np.clongdouble) for x in xs))

    return scale


# -- rows of elementwise primitives -----------------------------------------------------------------------------------

STEPS = smooth(0.6, 0.9)  # away from whole and half numbers
UNIT = smooth(0.1, 0.8)
POSITIVE = smooth(0.3, 2.5, signed=False)


def point(prim: Any, arity: int, reference: Reference, params: Any = None, **fields: Any) -> Row:
    """A row of an elementwise primitive."""
    return Row(prim, elementwise(arity, params), reference=reference, elementwise=True, **fields)


def function(
    prim: Any,
    reference: Reference,
    domain: Any = None,
    kinds: str = "fc",
    ulps: float = 4,
    eager_ulps: float = 4,
    arity: int = 1,
    active: tuple[int, ...] = (0,),
    analytic: bool = True,
    scale: Any = None,
) -> Row:
    """A row of a transcendental function: compiled and eager values are both within `ulps`.

    NumPy and the C library promise 4 of the real functions. A complex one is composed of two of them and of some sums
    and products, which have half an ulp each: twice as many.
    """
    return point(
        prim,
        arity,
        reference,
        kinds=kinds,
        ulps=ulps,
        eager_ulps=eager_ulps,
        complex_ulps=2 * ulps,
        complex_eager_ulps=2 * eager_ulps,
        active=active,
        analytic=analytic and "c" in kinds,
        smooth=domain or smooth(),
        scale=scale,
    )


def one_of(name: str, *choices: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(choices).map(lambda value: {name: value})


def select_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    def build(case: Case, count: int) -> Case:
        which, *rest = case.operands
        selector = Operand(
            which.shape,
            "bool" if count < 3 else "int32",
            None if count < 3 else lambda rng, shape, dtype: np.asarray(rng.integers(-1, 5, shape)).astype(dtype),
        )
        return Case((selector, *rest[:count]))

    return st.builds(build, elementwise(4)(dtype), st.integers(1, 3))


def masked_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    """With the mask true everywhere, where the primitive is the identity; `tests/calls/test_cond.py` looks at the rest."""
    def build(case: Case) -> Case:
        (x,) = case.operands
        return Case((Operand(x.shape, "bool", lambda rng, shape, dtype: np.ones(shape, dtype)), x))

    return st.builds(build, elementwise(1)(dtype))


def pow_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    def build(case: Case, whole: str) -> Case:
        x, y = case.operands
        if not whole:
            return case
        return Case(
            (
                x,
                Operand(
                    y.shape,
                    whole,
                    lambda rng, shape, dtype: np.asarray(rng.integers(-3 if whole[0] == "i" else 0, 4, shape)).astype(
                        dtype
                    ),
                ),
            )
        )

    return st.builds(build, elementwise(2)(dtype), st.sampled_from(["", "", "int8", "int32", "int64", "uint64"]))


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.power(x, y.astype(x.dtype)))


def conj_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    return elementwise(1)(dtype).map(lambda c: Case(c.operands, {"input_dtype": dtype}))


BOTH = (0, 1)
SINGLE_AND_DOUBLE = (np.dtype("float32"), np.dtype("float64"))


def threefry(k0: int, k1: int, x0: int, x1: int) -> int:
    """Threefry-2x32 with 20 rounds as its authors define it, on Python integers (Salmon et al. 2011, section 3.3)."""
    keys, modulus = (k0, k1, 0x1BD11BDA ^ k0 ^ k1), 2**32
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    for i in range(20):
        if i % 4 == 0:
            x0, x1 = (x0 + keys[i // 4 % 3]) % modulus, (x1 + keys[(i // 4 + 1) % 3] + i // 4) % modulus
        x0, n = (x0 + x1) % modulus, rotations[i % 8]
        x1 = (x1 << n | x1 >> (32 - n)) % modulus ^ x0
    return (x0 + keys[2]) % modulus << 32 | (x1 + keys[0] + 5) % modulus


ARITHMETIC = [
    point(P["add"], 2, np.add, active=BOTH, analytic=True),
    point(P["sub"], 2, np.subtract, kinds="iufc", active=BOTH, analytic=True),
    point(P["mul"], 2, np.multiply, active=BOTH, analytic=True, complex_ulps=2),
    point(P["neg"], 1, np.negative, kinds="iufc", active=(0,), analytic=True),
    point(
        P["div"], 2, by_kind(np.divide, integers(quotient)), kinds="iufc", active=BOTH, analytic=True, complex_ulps=4
    ),
    point(
        P["rem"],
        2,
        by_kind(np.fmod, integers(remainder)),
        kinds="iuf",
        active=BOTH,
        smooth=(smooth(2.3, 2.9), smooth(1.0, 1.1)),
    ),
    point(P["mulhi"], 2, integers(lambda x, y, bits: x * y >> bits), kinds="iu"),
    point(P["abs"], 1, np.abs, kinds="iufc", active=(0,), ulps=2, eager_ulps=2),
    point(P["sign"], 1, sign, kinds="iufc", active=(0,), ulps=2, eager_ulps=3),
    point(P["max"], 2, np.maximum, active=BOTH, smooth=DISTINCT),
    point(P["min"], 2, np.minimum, active=BOTH, smooth=DISTINCT),
    point(P["clamp"], 3, lambda low, x, high: np.clip(x, low, high), kinds="biuf", active=(0, 1, 2), smooth=DISTINCT),
    Row(P["select_n"], select_cases, reference=chosen, active=(1, 2, 3), elementwise=True, analytic=True),
    Row(
        P["pow"],
        pow_cases,
        kinds="fc",
        reference=power,
        active=BOTH,
        ulps=4,
        eager_ulps=8,
        smooth=POSITIVE,
        analytic=True,
        elementwise=True,
        scale=complex_condition(lambda x, y: np.abs(np.power(x, y)) * (1 + np.abs(y * np.log(x)))),
    ),
    point(
        P["integer_pow"],
        1,
        lambda x, *, y: np.power(x, y if x.dtype.kind in "iu" else x.dtype.type(y)),
        one_of("y", 0, 1, 2, 3, 5, 8),
        kinds="iufc",
        active=(0,),
        ulps=8,
        eager_ulps=16,
        analytic=True,
    ),
    point(
        P["integer_pow"],
        1,
        lambda x, *, y: 1 / np.power(x, x.dtype.type(-y)),
        one_of("y", -1, -2, -3, -6),
        kinds="fc",
        smooth=smooth(0.4, 1.8),  # the derivative 6 x**-7 does not overflow in half precision
        active=(0,),
        ulps=8,
        eager_ulps=16,
        analytic=True,
        name="integer_pow_negative",
    ),
    point(P["square"], 1, np.square, kinds="iufc", active=(0,), analytic=True, ulps=2),
    point(
        P["fma"],
        3,
        lambda x, y, z: x * y + z,
        dtypes=SINGLE_AND_DOUBLE,
        active=(0, 1, 2),
        eager_ulps=1,
        scale=lambda x, y, z: np.abs(x * y) + np.abs(z),
    ),
    function(P["sqrt"], np.sqrt, POSITIVE),
    function(P["rsqrt"], lambda x: 1 / np.sqrt(x), POSITIVE),
    function(P["cbrt"], np.cbrt, kinds="f"),
    function(P["log"], np.log, POSITIVE),
    Row(
        P["complex"],
        elementwise(2),
        reference=parts,
        dtypes=(np.dtype("float32"), np.dtype("float64")),
        active=BOTH,
        elementwise=True,
    ),
    point(P["real"], 1, np.real, kinds="c", active=(0,)),
    point(P["imag"], 1, np.imag, kinds="c", active=(0,)),
    Row(
        P["conj"],
        conj_cases,
        kinds="fc",
        reference=lambda x, *, input_dtype: np.conj(x) + np.complex64(0),
        active=(0,),
        elementwise=True,
    ),
    point(P["floor"], 1, np.floor, kinds="f", smooth=STEPS),
    point(P["ceil"], 1, np.ceil, kinds="f", smooth=STEPS),
    point(P["is_finite"], 1, np.isfinite, kinds="f"),
    point(P["nextafter"], 2, np.nextafter, kinds="f", active=(0, 1)),
    point(
        P["round"],
        1,
        lambda x, *, rounding_method: np.copysign(np.floor(np.abs(x.astype(np.longdouble)) + 0.5), x),
        one_of("rounding_method", RoundingMethod.AWAY_FROM_ZERO),
        kinds="f",
        smooth=STEPS,
        name="round_away",
    ),
    point(
        P["round"],
        1,
        lambda x, *, rounding_method: np.rint(x),
        one_of("rounding_method", RoundingMethod.TO_NEAREST_EVEN),
        kinds="f",
        smooth=STEPS,
        name="round_even",
    ),
    point(
        P["reduce_precision"],
        1,
        to_precision,
        st.sampled_from([(8, 7), (5, 10), (5, 2), (4, 3), (11, 52), (8, 23), (3, 0)]).map(
            lambda bits: {"exponent_bits": bits[0], "mantissa_bits": bits[1]}
        ),
        kinds="f",
        straight=True,
    ),
    point(P["stop_gradient"], 1, lambda x: x),
    Row(P["differentiable_where"], masked_cases, reference=lambda mask, x: x, active=(1,), analytic=True),
    point(P["name"], 1, lambda x, *, name: x, st.just({"name": "x"}), active=(0,), analytic=True),
    point(P["optimization_barrier"], 1, lambda x: x, active=(0,), analytic=True),
]
LOGIC = [
    *(point(P[name], 2, f) for name, f in (("eq", np.equal), ("ne", np.not_equal))),
    *(
        point(P[name], 2, f, kinds="biuf")
        for name, f in (("lt", np.less), ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal))
    ),
    *(
        point(P[name], 2, f, kinds="biu")
        for name, f in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor))
    ),
    point(P["not"], 1, np.invert, kinds="biu"),
    point(P["shift_left"], 2, shift(operator.lshift, lambda x: 0), kinds="iu"),
    point(P["shift_right_logical"], 2, shift(operator.rshift, lambda x: 0, logical=True), kinds="iu"),
    point(P["shift_right_arithmetic"], 2, arithmetic_right, kinds="iu"),
    point(P["population_count"], 1, integers(lambda x, bits: (x % 2**bits).bit_count()), kinds="iu"),
    point(P["gcd"], 2, np.gcd, kinds="iu"),
    point(P["clz"], 1, integers(lambda x, bits: bits - (x % 2**bits).bit_length()), kinds="iu"),
    point(
        P["threefry2x32"],
        4,
        lambda *words: np.asarray(np.frompyfunc(threefry, 4, 1)(*(w.astype(object) for w in words))).astype(np.uint64),
        dtypes=(np.dtype("uint32"),),
    ),
]
TRANSCENDENTAL = [
    function(P["exp"], np.exp),
    function(
        P["exp2"],
        lambda x: np.exp2(x) if x.dtype.kind != "c" else np.exp(x * np.log(np.longdouble(2))),
        scale=complex_condition(lambda x: np.abs(np.exp2(x.real) * x.imag)),  # the angle im log 2 is rounded
    ),
    function(P["expm1"], expm1),
    function(P["log1p"], log1p, UNIT),
    function(P["sin"], np.sin),
    function(P["cos"], np.cos),
    function(P["tan"], np.tan, UNIT),
    function(P["sinh"], np.sinh),
    function(P["cosh"], np.cosh),
    function(P["tanh"], np.tanh),
    function(P["asin"], np.arcsin, UNIT),
    function(P["acos"], np.arccos, UNIT),
    function(P["atan"], np.arctan),
    function(P["asinh"], np.arcsinh),
    function(P["acosh"], np.arccosh, smooth(1.3, 3.0, signed=False)),
    function(P["atanh"], np.arctanh, UNIT),
    function(
        P["logistic"],
        logistic,
        scale=complex_condition(
            lambda x: np.abs(1 + x) * np.abs(1 / (1 + np.exp(-x))) * (1 + np.abs(1 / (1 + np.exp(-x))))
        ),
    ),
    function(P["erf"], in_double(sp.erf), kinds="f"),
    function(P["erfc"], erfc, kinds="f"),
    function(P["atan2"], np.arctan2, kinds="f", arity=2, active=BOTH),
]


def away_from_poles(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.asarray(rng.uniform(0.3, 6.0, shape)).astype(dtype)


def left_of_zero(x: np.ndarray, derivative: np.ndarray) -> np.ndarray:
    """The scale of errors near the zeros of gamma functions left of 0, where only an absolute error is promised."""
    return np.where(x < 0, np.abs(x * derivative) + 1, 0)


def zeta_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    """The series needs x > 1 and, to be compared with SciPy's, q > 0."""

    def build(case: Case) -> Case:
        x, q = case.operands
        return Case(
            (
                Operand(x.shape, None, smooth(1.2, 9.0, signed=False)),
                Operand(q.shape, None, smooth(0.3, 9.0, signed=False)),
            )
        )

    return elementwise(2)(dtype).map(build)


def polygamma_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    """Orders are whole numbers."""

    def build(case: Case) -> Case:
        n, x = case.operands
        order = Operand(n.shape, None, lambda rng, shape, dtype: np.asarray(rng.integers(0, 5, shape)).astype(dtype))
        # The derivative n! / x**(n + 1) does not overflow in half precision.
        low = 0.7 if dtype == np.float16 else 0.3
        return Case((order, Operand(x.shape, None, smooth(low, 9.0, signed=False))))

    return elementwise(2)(dtype).map(build)


SPECIAL = [
    function(
        P["lgamma"],
        lgamma,
        away_from_poles,
        kinds="f",
        eager_ulps=16,
        scale=lambda x: left_of_zero(x, sp.digamma(x.astype(np.float64))),
    ),
    function(
        P["digamma"],
        in_double(sp.digamma),
        away_from_poles,
        kinds="f",
        eager_ulps=16,
        scale=lambda x: left_of_zero(x, sp.zeta(2.0, x.astype(np.float64))),
    ),
    function(P["bessel_i0e"], in_double(sp.i0e), kinds="f", eager_ulps=8),
    function(P["bessel_i1e"], in_double(sp.i1e), kinds="f", eager_ulps=8),
    # Two polynomials of degree 7, of like signs, and SciPy's own: an ulp for each of the products that count.
    function(P["erf_inv"], in_double(sp.erfinv), UNIT, kinds="f", eager_ulps=12),
    # 1 - x**2 cancels near -1 and 1: a rounding error of x**2, 2**-24, changes the logarithm of numbers as small as 2**-23.
    point(
        P["erf_inv_giles"],
        1,
        in_double(sp.erfinv),
        dtypes=SINGLE_AND_DOUBLE,
        active=(0,),
        smooth=UNIT,
        ulps=64,
        eager_ulps=300,
    ),
    Row(
        P["zeta"],
        zeta_cases,
        kinds="f",
        reference=in_double(sp.zeta),
        active=(0, 1),
        ulps=16,
        eager_ulps=32,
        elementwise=True,
    ),
    Row(
        P["polygamma"],
        polygamma_cases,
        kinds="f",
        reference=in_double(lambda n, x: sp.polygamma(np.asarray(n).astype(int), x)),
        active=(1,),
        ulps=32,
        eager_ulps=64,
        elementwise=True,
    ),
]


# -- incomplete gamma and beta ----------------------------------------------------------------------------------------


def positive_cases(*ends: tuple[float, float]) -> Callable[[np.dtype], st.SearchStrategy[Case]]:
    """Operands between the given ends."""

    def build(case: Case) -> Case:
        return Case(
            tuple(Operand(o.shape, None, smooth(*e, signed=False)) for o, e in zip(case.operands, ends, strict=True))
        )

    return lambda dtype: elementwise(len(ends))(dtype).map(build)


def gamma_slopes(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dP/da and dP/dx, from P(a, x) = x**a exp(-x) (1 / gamma(a + 1) + x / gamma(a + 2) + ...), term by term."""

    def extended(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        def each(v: Any) -> np.longdouble:
            with mpmath.workdps(30):
                return np.longdouble(mpmath.nstr(f(mpmath.mpf(float(v)) + 1), 24))

        return lambda v: np.asarray(np.frompyfunc(each, 1, 1)(v)).astype(np.longdouble)

    a, x = np.broadcast_arrays(a.astype(np.longdouble), x.astype(np.longdouble))
    term = np.exp(a * np.log(x) - x) * extended(mpmath.rgamma)(a)
    slope = np.log(x) - extended(mpmath.digamma)(a)
    density, total = term * a / x, term * slope
    for k in range(1, 120):
        term, slope = term * x / (a + k), slope - 1 / (a + k)
        total = total + term * slope
    return total, density


def gamma_size(result: Reference) -> Reference:
    """The scale of rounding errors: the result times the size of the exponents in x**a exp(-x) / gamma(a + 1)."""

    def scale(a: np.ndarray, x: np.ndarray) -> np.ndarray:
        a, x = a.astype(np.float64), x.astype(np.float64)
        return np.abs(result(a, x)) * (1 + np.abs(x - a) + a * np.abs(np.log(x / a)))

    return scale


def beta_size(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The scale of rounding errors: the result times the size of the exponents in x**a (1 - x)**b / B(a, b)."""
    a, b, x = a.astype(np.float64), b.astype(np.float64), x.astype(np.float64)
    mean = a / (a + b)
    exponents = a * np.abs(np.log(x / mean)) + b * np.abs(np.log1p(-x) - np.log1p(-mean))
    return np.asarray(sp.betainc(a, b, x) * (1 + exponents))


GAMMA = positive_cases((0.3, 12.0), (0.2, 16.0))
INTEGRALS = [
    Row(
        P["igamma"],
        GAMMA,
        kinds="f",
        reference=in_double(sp.gammainc),
        active=(1,),
        ulps=32,
        eager_ulps=32,
        elementwise=True,
        scale=gamma_size(sp.gammainc),
    ),
    Row(
        P["igammac"],
        GAMMA,
        kinds="f",
        reference=in_double(sp.gammaincc),
        active=(1,),
        ulps=32,
        eager_ulps=32,
        elementwise=True,
        scale=gamma_size(sp.gammaincc),
    ),
    Row(
        P["igamma_grad_a"],
        GAMMA,
        kinds="f",
        reference=lambda a, x: gamma_slopes(a, x)[0],
        active=(1,),
        ulps=32,
        eager_ulps=32,
        elementwise=True,
        scale=gamma_size(lambda a, x: np.exp(a * np.log(x) - x - sp.gammaln(a + 1)) * (1 + np.abs(np.log(x / a)) + 1 / a)),
    ),
    Row(
        P["random_gamma_grad"],
        positive_cases((0.3, 12.0), (0.2, 4.0)),  # farther right the terms of the reference cancel
        kinds="f",
        reference=lambda a, x: -np.divide(*gamma_slopes(a, x)),
        active=(1,),
        ulps=32,
        eager_ulps=32,
        elementwise=True,
    ),
    Row(
        P["regularized_incomplete_beta"],
        positive_cases((0.3, 12.0), (0.3, 12.0), (0.05, 0.95)),
        kinds="f",
        reference=in_double(sp.betainc),
        active=(2,),
        ulps=32,
        eager_ulps=32,
        elementwise=True,
        scale=beta_size,
    ),
]

ROWS = [
    *ARITHMETIC, *LOGIC, *TRANSCENDENTAL, *SPECIAL, *INTEGRALS, *ARRAY_ROWS, *SEQUENCE_ROWS, *CONTRACTION_ROWS, *INDEXING_ROWS, *FFT_ROWS,
    *LINALG_ROWS, *SPECIAL_ROWS, *DERIVATIVE_ROWS,
]
