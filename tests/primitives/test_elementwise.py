"""Elementwise primitives: values against NumPy, SciPy and mpmath, edge cases, dtypes, derivatives, lowering."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.special

from functrans import grad, jit, make_jaxpr, vmap
from functrans.compiler.lower import lower_jaxpr
from functrans.core.aval import Linear, ShapedArray, Zero
from functrans.kernel_interpret import run
from functrans.primitives import arithmetic as A
from functrans.primitives import complex_math as cm
from functrans.primitives import logic as L
from functrans.primitives import special as S
from functrans.primitives import special_tables as tables
from functrans.primitives import transcendental as T
from functrans.primitives.scalar_program import NumPyBuilder, Parts
from functrans.primitives.stop_gradient import stop_gradient_p
from functrans.scalar_ops import SCALAR_OPS
from functrans.test_util import check_grads

INTS = ["int8", "int16", "int32", "int64"]
UINTS = ["uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
INF, NAN = np.inf, np.nan


def same(got, want, dtype=None):
    """Equal values (nan to nan, signed zeros told apart) and dtype."""
    got = np.asarray(got)
    want = np.asarray(want, dtype or got.dtype)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    if got.dtype.kind == "f":
        live = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got)[live], np.signbit(want)[live])


def tangent(prim, primals, tangents, **params):
    y, y_dot = prim.jvp(primals, tangents, **params)
    same(y, np.asarray(prim.bind(*primals, **params)))
    return np.asarray(y_dot)


def interpreted(fn, *xs):
    """`fn` lowered to a kernel program and interpreted."""
    closed = make_jaxpr(fn)(*xs)
    return run(lower_jaxpr(closed), [np.asarray(x) for x in xs])[0]


# -- integers ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", INTS)
def test_signed_division_edges(dtype):
    low = np.iinfo(dtype).min
    x = np.array([7, -7, 7, -7, 5, 0, low, low, low], dtype)
    y = np.array([2, 2, -2, -2, 0, 0, -1, 0, low], dtype)
    same(A.div(x, y), [3, -3, -3, 3, -1, -1, low, -1, 1], dtype)
    same(A.rem(x, y), [1, -1, 1, -1, 5, 0, 0, low, 0], dtype)
    same(interpreted(A.div, x, y), A.div(x, y))
    same(interpreted(A.rem, x, y), A.rem(x, y))


@pytest.mark.parametrize("dtype", UINTS)
def test_unsigned_division_edges(dtype):
    high = np.iinfo(dtype).max
    x, y = np.array([7, 5, high], dtype), np.array([2, 0, high], dtype)
    same(A.div(x, y), [3, high, 1], dtype)
    same(A.rem(x, y), [1, 5, 0], dtype)


@pytest.mark.parametrize("dtype", INTS + UINTS)
def test_shifts_past_the_width(dtype):
    bits = 8 * np.dtype(dtype).itemsize
    x = np.array([-1 if dtype in INTS else np.iinfo(dtype).max] * 4).astype(dtype)
    n = np.array([0, 1, bits - 1, bits], dtype)
    ones = (1 << bits) - 1
    unsigned = f"uint{bits}"
    left = np.asarray(L.shift_left(x, n))
    same(left.view(unsigned), np.array([ones, ones - 1, 1 << (bits - 1), 0], unsigned))
    same(np.asarray(L.shift_right_logical(x, n)).view(unsigned), np.array([ones, ones >> 1, 1, 0], unsigned))
    same(np.asarray(L.shift_right_arithmetic(x, n)).view(unsigned), np.array([ones] * 4, unsigned))
    for f in (L.shift_left, L.shift_right_logical, L.shift_right_arithmetic):
        same(interpreted(f, x, n), f(x, n))


def test_negative_shift_amounts_count_as_too_large():
    x, n = np.array([-8, 8], "int32"), np.array([-1, -5], "int32")
    same(L.shift_left(x, n), [0, 0], "int32")
    same(L.shift_right_logical(x, n), [0, 0], "int32")
    same(L.shift_right_arithmetic(x, n), [-1, 0], "int32")


@pytest.mark.parametrize("dtype", INTS + UINTS)
def test_bit_counts_and_high_product(dtype):
    info, bits = np.iinfo(dtype), 8 * np.dtype(dtype).itemsize
    x = np.array([0, 1, 2, 100, info.max, info.min], dtype)
    patterns = [int(v) & ((1 << bits) - 1) for v in x]
    same(L.population_count(x), [p.bit_count() for p in patterns], dtype)
    same(L.clz(x), [bits - p.bit_length() for p in patterns], dtype)
    a, b = (v.ravel() for v in np.meshgrid(x, x))
    same(A.mulhi(a, b), [(int(p) * int(q)) >> bits for p, q in zip(a, b, strict=True)], dtype)


def test_logic_on_booleans_and_integers():
    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    same(L.bitwise_and(p, q), p & q, bool)
    same(L.bitwise_xor(p, q), p ^ q, bool)
    same(L.bitwise_not(p), ~p, bool)
    same(L.bitwise_or(np.uint8(5), np.uint8(8)), 13, "uint8")
    with pytest.raises(TypeError, match="accepts bool"):
        L.bitwise_and(1.0, 2.0)


# -- comparisons ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["bool", *INTS, *UINTS, *FLOATS])
def test_comparisons(dtype):
    x, y = np.array([0, 1, 1, 0], dtype), np.array([0, 1, 0, 1], dtype)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        same(getattr(L, name)(x, y), SCALAR_OPS[name](x, y), bool)


def test_comparisons_of_nan_and_complex():
    same(L.eq(NAN, NAN), False, bool)
    same(L.ne(NAN, NAN), True, bool)
    z = np.array([1 + 2j, 1 + 3j])
    same(L.eq(z, 1 + 2j), [True, False], bool)
    same(interpreted(L.ne, z, z[::-1].copy()), [True, True], bool)
    with pytest.raises(TypeError, match="lt: accepts"):
        L.lt(z, z)


# -- bitcast ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("source", "target"), [
    ("float32", "int32"), ("float64", "uint64"), ("float64", "float32"), ("int64", "uint8"), ("float16", "int8"),
    ("int32", "int32"), ("complex64", "complex64"),
])
def test_bitcast_to_equal_and_narrower(source, target):
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(source)
    got = L.bitcast_convert_type(x, target)
    n = np.dtype(source).itemsize // np.dtype(target).itemsize
    want = x.view(target).reshape((2, 3, n) if n > 1 else (2, 3))
    same(np.asarray(got).tobytes(), want.tobytes())
    assert got.shape == want.shape and got.dtype == want.dtype
    assert interpreted(lambda v: L.bitcast_convert_type(v, target), x).tobytes() == x.tobytes()
    back = L.bitcast_convert_type(got, source)
    assert np.asarray(back).tobytes() == x.tobytes() and back.shape == x.shape
    assert interpreted(lambda v: L.bitcast_convert_type(v, source), np.asarray(got)).tobytes() == x.tobytes()


def test_bitcast_refusals_and_batching():
    with pytest.raises(TypeError, match="last axis must have size 2"):
        L.bitcast_convert_type(np.zeros((2, 3), "int32"), "int64")
    with pytest.raises(TypeError, match="complex"):
        L.bitcast_convert_type(np.zeros(2, "complex64"), "float64")
    x = np.arange(6, dtype="int32").reshape(2, 3)
    out, dim = L.bitcast_convert_type_p.batch(3, (x,), (1,), new_dtype=np.dtype("int64"))
    assert dim == 0
    same(out, np.ascontiguousarray(x.T).view("int64")[:, 0])


# -- promotion of scalars ---------------------------------------------------------------------------------------------

def test_python_scalars_adapt_and_strong_types_must_agree():
    x = np.ones(3, "float32")
    same(A.add(x, 2.0), [3, 3, 3], "float32")
    same(A.mul(2, np.arange(3, dtype="uint8")), [0, 2, 4], "uint8")
    assert A.add(1, 2.5).weak_type
    for other in (np.float64(1), np.ones(3, "int32")):
        with pytest.raises(TypeError, match="equal dtypes"):
            A.add(x, other)
    with pytest.raises(TypeError, match="higher kind"):
        A.add(np.arange(3), 2.5)
    with pytest.raises(OverflowError):
        A.add(np.zeros(2, "int8"), 300)
    with pytest.raises(TypeError, match="equal shapes"):
        A.add(np.ones(3), np.ones(2))


# -- sign, extrema, choice --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", FLOATS)
def test_sign_and_extrema_on_special_values(dtype):
    x = np.array([-0.0, 0.0, -3, INF, -INF, NAN], dtype)
    same(A.sign(x), np.array([-0.0, 0.0, -1, 1, -1, NAN], dtype))
    same(A.max(np.array([NAN, 1, 2], dtype), np.array([1, NAN, 3], dtype)), np.array([NAN, NAN, 3], dtype))
    same(A.clamp(0, x[1:], 2), np.array([0, 0, 2, 0, NAN], dtype))


def test_complex_extrema_compare_lexicographically():
    x, y = np.array([1 + 5j, 2 + 1j, 1 + 1j, NAN + 0j]), np.array([2 + 0j, 2 + 3j, 1 + 0j, 1 + 0j])
    same(np.asarray(A.max(x, y))[:3], [2, 2 + 3j, 1 + 1j], "complex128")
    assert np.isnan(np.asarray(A.max(x, y))[3])
    for f in (A.max, A.min):
        np.testing.assert_array_equal(interpreted(f, x[:3], y[:3]), np.asarray(f(x, y))[:3])


def test_ties_share_the_tangent():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    one, none = np.ones(3), Zero(ShapedArray((3,), np.dtype("float64")))
    same(tangent(A.max_p, (x, y), (one, none)), [0, 0.5, 1])
    same(tangent(A.max_p, (x, y), (one, one)), [1, 1, 1])
    same(tangent(A.min_p, (x, y), (none, one)), [0, 0.5, 1])
    low, high = np.float64(1), np.float64(2)
    scalar = Zero(ShapedArray((), np.dtype("float64")))
    same(tangent(A.clamp_p, (low, np.array([0.5, 1.0, 1.5, 3.0]), high), (scalar, np.ones(4), scalar)), [0, 0, 1, 0])


def test_select_n():
    cases = [np.full(4, v) for v in (10.0, 20.0, 30.0)]
    which = np.array([0, 1, 2, 7], "int32")
    same(A.select_n(which, *cases), [10, 20, 30, 30])
    same(A.select_n(np.bool_(True), *cases[:2]), [20] * 4)
    same(interpreted(A.select_n, which, *cases), [10, 20, 30, 30])
    z = cases[0] * 1j
    same(interpreted(A.select_n, which < 1, z, -z), np.asarray(A.select_n(which < 1, z, -z)))
    bars = A.select_n_p.transpose(np.ones(4), which, *(Linear(ShapedArray((4,), np.dtype("float64"))) for _ in cases))
    assert bars[0] is None
    same(bars[1], [1, 0, 0, 0])
    same(bars[3], [0, 0, 1, 1])
    for bad, match in [((np.float64(1), 1.0, 2.0), "bool or int32"), ((True, 1.0, 2.0, 3.0), "at most two")]:
        with pytest.raises(TypeError, match=match):
            A.select_n(*bad)


# -- powers and roots -------------------------------------------------------------------------------------------------

def test_pow_accepts_integer_exponents_of_any_dtype():
    x = np.array([-2.0, 0.0, 3.0], "float32")
    same(A.pow(x, np.array([3, 0, -1], "int32")), [-8, 1, np.float32(1) / 3], "float32")
    same(A.pow(x, 2), [4, 0, 9], "float32")
    same(interpreted(A.pow, x, np.array([3, 0, -1])), [-8, 1, np.float32(1) / 3], "float32")
    with pytest.raises(TypeError, match="base"):
        A.pow(np.arange(3), 2)


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0, 3])
def test_derivatives_of_pow_at_zero_are_finite(y):
    first = grad(lambda x: A.pow(x, y))
    assert float(first(0.0)) == (1.0 if y == 1 else 0.0)
    assert float(grad(first)(0.0)) == (2.0 if y == 2 else 0.0)


def test_mixed_derivative_of_pow_at_exponent_zero():
    """d/dy d/dx x**y = x**(y - 1) (1 + y log x): 1/x at y = 0."""
    assert float(grad(lambda y: grad(lambda x: A.pow(x, y))(3.0))(0.0)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5, 13])
def test_integer_pow_to_any_order(n):
    def f(x):
        return A.integer_pow(x, n)
    want, x = 1.0, 1.5
    for order in range(4):
        assert float(f(x)) == pytest.approx(want * x ** (n - order), rel=1e-14)
        want *= n - order
        f = grad(f)
    for dtype in (*FLOATS, *COMPLEX):
        v = np.array([0.5, -1.25, 2.0]).astype(dtype)
        same(interpreted(lambda u: A.integer_pow(u, n), v), A.integer_pow(v, n))


def test_integer_pow_of_integers():
    same(A.integer_pow(np.array([-3, 2], "int8"), 3), [-27, 8], "int8")
    with pytest.raises(TypeError, match="negative power"):
        A.integer_pow(np.array([2]), -1)


def test_roots():
    x = np.array([0.0, 4.0, 2.0, INF])
    same(A.sqrt(x), np.sqrt(x))
    same(A.rsqrt(x), [INF, 0.5, 1 / np.sqrt(2), 0])
    same(A.cbrt(np.array([-8.0, 27.0])), [-2, 3])
    assert np.isposinf(tangent(A.sqrt_p, (np.float64(0),), (np.float64(1),)))


# -- complex ----------------------------------------------------------------------------------------------------------

def test_parts_and_their_transposes():
    z, real = np.array([1 + 2j]), Linear(ShapedArray((1,), np.dtype("float64")))
    cplx = Linear(ShapedArray((1,), np.dtype("complex128")))
    same(A.real(z), [1.0])
    same(A.imag(z), [2.0])
    same(A.conj(np.array([1.0], "float32")), [1], "complex64")
    same(A.complex(np.float32(1), 2.0), 1 + 2j, "complex64")
    ct = np.array([3 + 4j])
    assert [complex(np.asarray(b)[0]) for b in A.complex_p.transpose(ct, real, real)] == [3, -4]
    assert complex(np.asarray(A.real_p.transpose(ct.real, cplx)[0])[0]) == 3
    assert complex(np.asarray(A.imag_p.transpose(ct.real, cplx)[0])[0]) == -3j
    assert complex(np.asarray(A.conj_p.transpose(ct, cplx, input_dtype=z.dtype)[0])[0]) == 3 - 4j
    with pytest.raises(TypeError, match="accepts complex"):
        A.real(1.0)


COMPLEX_FUNCTIONS = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "sqrt": np.sqrt, "sign": np.sign, "abs": np.abs,
}


def run_parts(name, *zs):
    with np.errstate(all="ignore"):
        parts = getattr(cm, f"complex_{name}")(NumPyBuilder(), *(Parts(z.real, z.imag) for z in zs))
    if not isinstance(parts, Parts):
        return parts
    out = np.empty(zs[0].shape, zs[0].dtype)
    out.real, out.imag = parts.re, parts.im
    return out


@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("name", COMPLEX_FUNCTIONS)
def test_complex_programs(name, dtype):
    rng = np.random.default_rng(3)
    size = 10.0 ** rng.uniform(-6, 1, (2, 400))
    z = (rng.normal(size=400) * size[0] + 1j * rng.normal(size=400) * size[1]).astype(dtype)
    want = COMPLEX_FUNCTIONS[name](z.astype("complex128"))
    got = run_parts(name, z)
    eps = np.finfo(dtype).eps
    with np.errstate(all="ignore"):
        assert np.nanmax(np.abs(got - want) / np.abs(want)) < 6 * eps


def test_complex_programs_on_cuts_and_at_the_ends_of_the_range():
    ends = np.array([0.0, -0.0, 1, -1, 2, -2, 1e300, -1e300, 1e-300, 1e-310])
    z = np.array([complex(a, b) for a in ends for b in ends])
    with np.errstate(all="ignore"):
        for name in set(COMPLEX_FUNCTIONS) - {"expm1", "sign", "abs"}:
            got, want = run_parts(name, z), COMPLEX_FUNCTIONS[name](z)
            for g, w in ((got.real, want.real), (got.imag, want.imag)):
                clear = np.isfinite(w)
                np.testing.assert_allclose(g[clear], w[clear], rtol=1e-13, atol=1e-320, err_msg=name)
                np.testing.assert_array_equal(np.isinf(g), np.isinf(w), err_msg=name)
        same(run_parts("div", z, np.roll(z, 7)).real, (z / np.roll(z, 7)).real)


def test_complex_pow_log1p_logistic():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 50)) + 1j * rng.normal(size=(2, 50))
    np.testing.assert_allclose(run_parts("pow", x, y), x**y, rtol=1e-13)
    small = x * 1e-9
    with mpmath.workdps(40):
        want = [complex(mpmath.log(1 + mpmath.mpc(complex(v)))) for v in small]
    np.testing.assert_allclose(np.asarray(T.log1p(small)), want, rtol=1e-15)
    np.testing.assert_allclose(np.asarray(T.logistic(x)), 1 / (1 + np.exp(-x)), rtol=1e-14)
    same(np.asarray(T.logistic(np.array([-800 + 0j, 800 + 0j]))).real, [0.0, 1.0])
    same(A.pow(np.array([0j, 2j]), 0), [1, 1], "complex128")


# -- rounding ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", FLOATS)
def test_rounding(dtype):
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.49, NAN, INF, -0.0], dtype)
    same(A.round(x), np.array([1, 2, 3, -1, -2, 0, NAN, INF, -0.0], dtype))
    same(A.round(x, A.RoundingMethod.TO_NEAREST_EVEN), np.array([0, 2, 2, -0.0, -2, 0, NAN, INF, -0.0], dtype))
    same(A.floor(x), np.floor(x))
    same(A.ceil(x), np.ceil(x))
    same(A.is_finite(x), np.isfinite(x), bool)
    same(A.nextafter(x[:2], x[1:3]), np.nextafter(x[:2], x[1:3]))
    same(A.round(np.nextafter(np.dtype(dtype).type(0.5), np.dtype(dtype).type(0))), np.dtype(dtype).type(0))


def test_reduce_precision():
    """bfloat16 and float16 formats; values by ml_dtypes' and NumPy's conversions."""
    x = np.array([1.01, 1e-45, 3.4e38, -1.00390625, NAN, INF, 65519.0, 65520.0, 6e-8, 6.2e-5], "float32")
    same(
        A.reduce_precision(x, 8, 7),
        np.array([1.0078125, 0, INF, -1, NAN, INF, 65536, 65536, 6.0070306e-08, 6.198883e-05], "float32"),
    )
    same(np.asarray(A.reduce_precision(x, 5, 10))[5:8], np.array([INF, 65504, INF], "float32"))
    same(np.asarray(A.reduce_precision(x, 5, 10))[8:], np.array([0, 6.198883e-05], "float32"))
    same(A.reduce_precision(x, 8, 23), x)
    for dtype in FLOATS:
        v = np.random.default_rng(0).normal(size=20).astype(dtype)
        same(interpreted(lambda u: A.reduce_precision(u, 4, 3), v), A.reduce_precision(v, 4, 3))


# -- dtypes of results ------------------------------------------------------------------------------------------------

UNARY = [
    *(getattr(A, f"{n}_p") for n in ["abs", "sign", "neg", "sqrt", "rsqrt", "cbrt", "square", "floor", "ceil"]),
    *(getattr(T, n) for n in T.__all__ if n.endswith("_p") and n != "atan2_p"),
    *(getattr(S, n) for n in S.__all__ if n.endswith("_p") and n not in ("zeta_p", "zeta_slope_p", "polygamma_p")),
]


@pytest.mark.parametrize("prim", UNARY, ids=lambda p: p.name)
def test_eager_dtype_is_the_abstract_one_and_lowering_agrees(prim):
    for dtype in (*FLOATS, *COMPLEX):
        for shape in ((), (4,), (0,)):
            x = np.full(shape, 0.3, dtype) if shape != (4,) else np.array([0.1, 0.25, 0.5, 0.75], dtype)
            if prim is T.acosh_p:
                x = x + np.dtype(dtype).type(1)
            try:
                aval = prim.abstract(ShapedArray(shape, np.dtype(dtype)))
            except TypeError:
                assert dtype in COMPLEX
                continue
            out = np.asarray(prim.bind(x))
            assert (out.shape, out.dtype) == (aval.shape, aval.dtype)
            if shape == (4,):
                np.testing.assert_allclose(
                    interpreted(prim.bind, x), out, rtol=4 * np.finfo(dtype).eps, err_msg=f"{prim} {dtype}")


# -- derivatives ------------------------------------------------------------------------------------------------------

POINTS = {"acosh": [1.2, 2.0, 5.0], "acosh_c": [1.2 + 0.4j, -1 + 1j]}


@pytest.mark.parametrize("prim", [p for p in UNARY if p.name not in ("floor", "ceil", "sign")], ids=lambda p: p.name)
def test_derivatives_by_finite_differences(prim):
    x = np.array(POINTS.get(prim.name, [0.15, 0.4, 0.83, -0.0 + 0.62]))
    h = 1e-5
    def f(v):
        return np.asarray(prim.bind(v))
    numeric = (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
    np.testing.assert_allclose(tangent(prim, (x,), (np.ones_like(x),)), numeric, rtol=2e-9)


@pytest.mark.parametrize("prim", [p for p in UNARY if "c" in getattr(p, "name", "") or p.name in COMPLEX_FUNCTIONS],
                         ids=lambda p: p.name)
def test_complex_derivatives(prim):
    x = np.array([0.3 + 0.4j, -0.7 + 0.2j, 1.2 - 0.5j])
    try:
        prim.abstract(ShapedArray((3,), x.dtype))
    except TypeError as error:
        assert "accepts" in str(error)
        return
    t, h = np.array([1.0 + 0.5j, -0.3j, 2.0 + 0j]), 1e-5
    def f(v):
        return np.asarray(prim.bind(v))
    numeric = (8 * (f(x + h * t) - f(x - h * t)) - (f(x + 2 * h * t) - f(x - 2 * h * t))) / (12 * h)
    np.testing.assert_allclose(tangent(prim, (x,), (t,)), numeric, rtol=1e-8, atol=1e-10)


BINARY = {
    "add": A.add_p, "sub": A.sub_p, "mul": A.mul_p, "div": A.div_p, "rem": A.rem_p, "pow": A.pow_p, "max": A.max_p,
    "min": A.min_p, "atan2": T.atan2_p, "complex": A.complex_p,
}


@pytest.mark.parametrize("name", BINARY)
def test_partials_by_finite_differences(name):
    prim, h = BINARY[name], 1e-6
    x, y = np.array([5.3, 1.7, 0.4]), np.array([2.1, 0.6, 1.9])
    zero, f = Zero(ShapedArray((3,), np.dtype("float64"))), (lambda *v: np.asarray(prim.bind(*v)))
    one = np.ones(3)
    np.testing.assert_allclose(
        tangent(prim, (x, y), (one, zero)), (f(x + h, y) - f(x - h, y)) / (2 * h), rtol=1e-7, atol=1e-9
    )
    np.testing.assert_allclose(
        tangent(prim, (x, y), (zero, one)), (f(x, y + h) - f(x, y - h)) / (2 * h), rtol=1e-7, atol=1e-9
    )
    assert type(prim.jvp((x, y), (zero, zero))[1]) is Zero


def test_derivatives_that_are_zero_or_refused():
    one = np.ones(1)
    assert float(tangent(A.abs_p, (np.zeros(1),), (one,))[0]) == 0.0
    for prim in (A.floor_p, A.ceil_p, A.sign_p, stop_gradient_p):
        assert type(prim.jvp((one,), (one,))[1]) is Zero
    with pytest.raises(NotImplementedError, match="stop_gradient"):
        S.polygamma_p.jvp((one, one), (one, one))
    zero = Zero(ShapedArray((1,), np.dtype("float64")))
    np.testing.assert_allclose(tangent(S.zeta_p, (one * 2, one * 1.5), (zero, one)), -2 * scipy.special.zeta(3, 1.5))
    np.testing.assert_allclose(tangent(S.polygamma_p, (one, one * 1.5), (zero, one)), scipy.special.polygamma(2, 1.5))
    same(tangent(S.bessel_i1e_p, (np.zeros(1),), (one,)), [0.5])


# -- special functions ------------------------------------------------------------------------------------------------

def ulps(got, want):
    """The largest error in units of the last place of the exact values."""
    exact = [mpmath.mpf(w) for w in want]
    return max(
        float(abs(mpmath.mpf(float(g)) - w) / mpmath.mpf(float(np.spacing(abs(float(w))))))
        for g, w in zip(got, exact, strict=True)
    )


ACCURACY = {  # primitive: reference, intervals, bound in ULP
    "lgamma": (S.lgamma_p, lambda x: mpmath.re(mpmath.loggamma(x)), [(1e-8, 0.5), (0.5, 2.5), (2.5, 8), (8, 1e4)], 6),
    "digamma": (S.digamma_p, mpmath.digamma, [(1e-8, 1), (1, 2), (2, 10), (10, 1e4)], 4),
    "bessel_i0e": (S.bessel_i0e_p, lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x), [(-30, 30)], 5),
    "bessel_i1e": (S.bessel_i1e_p, lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x), [(-30, 30)], 8),
    "erf_inv": (S.erf_inv_p, mpmath.erfinv, [(-1, 1), (1 - 1e-6, 1)], 8),
    "erf": (T.erf_p, mpmath.erf, [(-3, 3)], 2),
    "erfc": (T.erfc_p, mpmath.erfc, [(-3, 25)], 2),
}


@pytest.mark.parametrize("name", ACCURACY)
def test_accuracy_in_ulps(name):
    prim, reference, intervals, bound = ACCURACY[name]
    rng = np.random.default_rng(11)
    with mpmath.workdps(40):
        for low, high in intervals:
            x = rng.uniform(low, high, 60)
            assert ulps(np.asarray(prim.bind(x)), [reference(mpmath.mpf(float(v))) for v in x]) < bound
            single = x.astype("float32")
            single = single[np.abs(single) < 1] if name == "erf_inv" else single
            got = np.asarray(prim.bind(single))
            assert got.dtype == np.float32
            want = np.array([float(reference(mpmath.mpf(float(v)))) for v in single])
            np.testing.assert_allclose(got, want, rtol=1.3e-7, atol=1e-45)


def test_polygamma_far_left_of_zero():
    x = np.array([-9.01, -9.5, -10.3, -12.999, -50.5, -1000.25, -1e6 - 0.5])
    with mpmath.workdps(40):
        for n in (1, 2, 3, 7):
            want = [float(mpmath.psi(n, mpmath.mpf(v))) for v in x]
            np.testing.assert_allclose(np.asarray(S.polygamma(float(n), x)), want, rtol=5e-15)
    np.testing.assert_array_equal(np.asarray(S.polygamma(1.0, np.array([-10.0, -11.0]))), [np.inf, np.inf])


def test_zeta_and_polygamma():
    q = np.random.default_rng(2).uniform(0.1, 30, 100)
    for s in (1.1, 2.0, 3.5, 10.0):
        np.testing.assert_allclose(np.asarray(S.zeta(s, q)), scipy.special.zeta(s, q), rtol=4e-15)
    for n in (0, 1, 2, 5, 12):
        np.testing.assert_allclose(
            np.asarray(S.polygamma(float(n), q)), scipy.special.polygamma(n, q), rtol=1e-13, atol=1e-15
        )
    np.testing.assert_allclose(float(S.zeta(2.0, -1.5)), scipy.special.zeta(2, -1.5), rtol=1e-14)
    same(S.zeta(np.array([1.0, 0.5, 2.0]), np.array([2.0, 2.0, 0.0])), [INF, NAN, INF])
    same(S.polygamma(np.array([-1.0, 0.5]), np.array([1.0, 1.0])), [NAN, NAN])


def test_slopes_of_zeta():
    """By the exponent against mpmath, relative to the sizes of the terms, which change sign where q is below 1."""
    rng = np.random.default_rng(3)
    x, q = 1 + np.exp(rng.uniform(-4, 3, 40)), np.exp(rng.uniform(-3, 3, 40))
    for order in (1, 2, 3):
        for at, start, got in zip(x, q, np.asarray(S.zeta_slope_p.bind(x, q, order=order)), strict=True):
            with mpmath.workdps(30):
                want = mpmath.zeta(mpmath.mpf(at), mpmath.mpf(start), order)
                size = abs(mpmath.zeta(mpmath.mpf(at), mpmath.mpf(start) + 1, order)) + abs(math.log(start)) ** order * start**-at
                assert abs(mpmath.mpf(float(got)) - want) < 2e-15 * size, (order, at, start)
    edges = np.array([1.0, 0.5, 2.0, 2.0, 2.0, INF, INF, 1e300, NAN]), np.array([2.0, 2.0, 0.0, -1.5, INF, 2.0, 0.5, 2.0, 1.0])
    same(S.zeta_slope_p.bind(*edges, order=1), [-INF, NAN, NAN, NAN, 0, 0, INF, 0, NAN])
    check_grads(S.zeta, (np.array([1.7, 3.0]), np.array([0.4, 2.0])), order=2, rtol=1e-5, atol=1e-6)
    both = jit(vmap(grad(S.zeta, (0, 1))))(x, q)
    np.testing.assert_allclose(both[0], S.zeta_slope_p.bind(x, q, order=1), rtol=1e-13)


def test_special_functions_at_special_values():
    same(S.lgamma(np.array([0, -1, 1, 2, INF, -INF, NAN])), [INF, INF, 0, 0, INF, INF, NAN])
    same(S.digamma(np.array([0, -2, INF, NAN])), [NAN, NAN, INF, NAN])
    same(S.erf_inv(np.array([1, -1, 1.5, NAN, 0])), [INF, -INF, NAN, NAN, 0])
    same(S.bessel_i1e(np.array([0, INF, NAN])), [0, 0, NAN])
    same(S.bessel_i0e(np.array([0.0, INF, NAN])), [1, 0, NAN])
    x = np.array([-0.5, -1.5, -20.25])
    np.testing.assert_allclose(np.asarray(S.lgamma(x)), scipy.special.gammaln(x), rtol=1e-14)
    np.testing.assert_allclose(np.asarray(S.digamma(x)), scipy.special.digamma(x), rtol=1e-13)


def chebyshev(f, half_width, n, nodes=80):
    """The first Chebyshev coefficients of `f` on [-half_width, half_width]."""
    angles = [mpmath.pi * (k + mpmath.mpf(1) / 2) / nodes for k in range(nodes)]
    values = [f(half_width * mpmath.cos(a)) for a in angles]
    c = [2 * mpmath.fsum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True)) / nodes for j in range(n)]
    return [c[0] / 2, *c[1:]]


def test_tables_are_what_they_say():
    with mpmath.workdps(40):
        def scaled(n, x):
            return mpmath.exp(-x) * mpmath.besseli(n, x)
        want = {
            "I0E_SMALL": lambda y: scaled(0, 2 * y + 4), "I1E_SMALL": lambda y: scaled(1, 2 * y + 4) / (2 * y + 4),
            "I0E_LARGE": lambda y: scaled(0, 32 / (y + 2)) * mpmath.sqrt(32 / (y + 2)),
            "I1E_LARGE": lambda y: scaled(1, 32 / (y + 2)) * mpmath.sqrt(32 / (y + 2)),
        }
        for name, f in want.items():
            table = getattr(tables, name)
            np.testing.assert_allclose(table, [float(c) for c in chebyshev(f, 2, len(table))], rtol=1e-12, atol=1e-19)
        root = mpmath.findroot(mpmath.digamma, 1.46)
        assert abs(mpmath.mpf(tables.DIGAMMA_ROOT[0]) + mpmath.mpf(tables.DIGAMMA_ROOT[1]) - root) < 1e-31
        for t in (-0.5, -0.3, 0.1, 0.45):
            t = mpmath.mpf(t)
            assert abs(mpmath.polyval(tables.LGAMMA[::-1], t, asc=True) / (mpmath.loggamma(2 + t) / t) - 1) < 3e-16
            x = t + mpmath.mpf(1.5)
            assert abs(mpmath.polyval(tables.DIGAMMA[::-1], t, asc=True) / (mpmath.digamma(x) / (x - root)) - 1) < 3e-16
        bernoulli = [mpmath.bernoulli(2 * k) for k in range(1, 13)]
        assert list(tables.STIRLING[::-1]) == [
            float(b / (2 * k * (2 * k - 1))) for k, b in enumerate(bernoulli[:10], 1)
        ]
        assert list(tables.DIGAMMA_TAIL[::-1]) == [float(b / (2 * k)) for k, b in enumerate(bernoulli[:10], 1)]
        assert list(tables.ZETA_TAIL) == [float(b / mpmath.factorial(2 * k)) for k, b in enumerate(bernoulli, 1)]


def test_scalar_ops_have_exact_dtypes():
    unary_float = [
        "abs",
        "sign",
        "neg",
        "floor",
        "ceil",
        "trunc",
        "round_even",
        "round_away",
        "sqrt",
        "rsqrt",
        "cbrt",
        "exp",
        "log",
        "sin",
        "tanh",
        "logistic",
        "erf",
        "erfc",
    ]
    for dtype in FLOATS:
        x = np.array([0.25, 0.5], dtype)
        for name in unary_float:
            assert np.asarray(SCALAR_OPS[name](x)).dtype == dtype, name
        for name in ("add", "sub", "mul", "div", "rem", "min", "max", "pow", "copysign", "nextafter", "atan2"):
            assert np.asarray(SCALAR_OPS[name](x, x)).dtype == dtype, name
