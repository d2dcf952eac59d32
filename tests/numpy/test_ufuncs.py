"""Elementwise functions against NumPy: values, dtypes by the lattice of promotion, special values, derivatives at odd points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.transforms.api import grad

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.7, 1e-300, -1e300, np.inf, -np.inf, np.nan])
UNARY = [
    "negative", "positive", "absolute", "fabs", "sign", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin",
    "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "square", "sqrt",
    "cbrt", "reciprocal", "floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite", "signbit", "logical_not", "sinc",
    "deg2rad", "rad2deg", "real", "imag", "conj", "angle", "nan_to_num", "spacing", "fix", "isneginf", "isposinf",
    "iscomplex", "isreal",
]
BINARY = [
    "add", "subtract", "multiply", "divide", "mod", "fmod", "power", "float_power", "arctan2", "hypot", "maximum",
    "minimum", "fmax", "fmin", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
    "logical_or", "logical_xor", "copysign", "nextafter", "heaviside", "logaddexp", "logaddexp2", "isclose",
]
SHAPES = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)


def same(ours: Any, theirs: Any, rtol: float = 1e-13) -> None:
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_unary_special_values(name: str, dtype: str) -> None:
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
        expected = getattr(np, name)(x)
        got = getattr(fnp, name)(x)
    if name in ("tan", "sin", "cos", "sinc", "deg2rad", "rad2deg"):
        x = x[:-5]
        expected, got = expected[: len(x)], got[: len(x)]
    assert got.dtype == expected.dtype
    same(got, expected, 1e-13 if dtype == "float64" else 2e-6)


@pytest.mark.parametrize("name", BINARY)
def test_binary_special_values(name: str) -> None:
    x, y = SPECIAL[:, None], SPECIAL[None, :]
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
    got = np.asarray(getattr(fnp, name)(x, y))
    if name == "heaviside":
        expected = np.where(np.isnan(x), np.nan, expected)
    assert got.dtype == expected.dtype
    same(got, expected, 1e-12)


@settings(max_examples=30, deadline=None)
@given(SHAPES, st.sampled_from(["add", "divide", "maximum", "less", "arctan2", "logaddexp"]), st.randoms(use_true_random=False))
def test_broadcasting(shapes: Any, name: str, random: Any) -> None:
    rng = np.random.default_rng(random.randrange(2**32))
    x, y = (rng.normal(size=s) for s in shapes.input_shapes)
    got = getattr(fnp, name)(x, y)
    expected = getattr(np, name)(x, y)
    assert got.shape == expected.shape == shapes.result_shape
    same(got, expected)


@pytest.mark.parametrize(("a", "b", "expected"), [
    ("int32", "float32", "float32"), ("int64", "float16", "float16"), ("uint8", "int8", "int16"), ("uint32", "int32", "int64"),
    ("bool", "uint8", "uint8"), ("complex64", "float64", "complex128"), ("float32", "float64", "float64"),
])
def test_promotion_of_arrays(a: str, b: str, expected: str) -> None:
    assert fnp.add(np.ones(2, a), np.ones(2, b)).dtype == expected
    assert fnp.multiply(np.ones(2, b), np.ones(2, a)).dtype == expected


@pytest.mark.parametrize(("dtype", "scalar", "expected", "weak"), [
    ("float32", 2.0, "float32", False), ("float16", 7, "float16", False), ("int8", 3, "int8", False), ("int32", 2.0, "float64", True),
    ("float32", 1j, "complex64", False), ("bool", 2, "int64", True), ("float32", True, "float32", False),
])
def test_promotion_of_python_scalars(dtype: str, scalar: Any, expected: str, weak: bool) -> None:
    for out in (fnp.add(np.ones(2, dtype), scalar), fnp.add(scalar, fnp.ones(2, dtype))):
        assert out.dtype == expected
        assert out.weak_type is weak


def test_large_scalars_do_not_take_the_quick_path_wrongly() -> None:
    assert fnp.add(fnp.ones(1, "float16"), 1e10)[0] == np.inf
    assert fnp.add(fnp.zeros(1, "int64"), 2**40)[0] == 2**40
    with pytest.raises(OverflowError):
        fnp.add(fnp.zeros(1, "int8"), 300)
    with pytest.raises(OverflowError):
        fnp.add(fnp.zeros(1, "uint8"), -1)


def test_integer_division_has_the_reference_results() -> None:
    x, y = np.array([7, -7, 5, 0, -128], "int8"), np.array([2, 2, 0, 0, -1], "int8")
    assert fnp.floor_divide(x, y).tolist() == [3, -4, -2, -1, -128]
    assert fnp.mod(x, y).tolist() == [1, 1, 0, 0, 0]
    assert fnp.fmod(x, y).tolist() == [1, -1, 0, 0, 0]
    assert fnp.power(x, np.abs(y)).tolist() == [49, 49, 1, 1, -128]


def test_float_floor_division() -> None:
    x = np.array([1.0, -1.0, 0.0, 5.5, -5.5, np.inf, 3.0])
    y = np.array([0.0, 0.0, 0.0, 2.0, 2.0, 2.0, np.inf])
    same(fnp.floor_divide(x, y), [np.inf, -np.inf, np.nan, 2, -3, np.nan, 0])
    same(fnp.mod(x, y), [np.nan, np.nan, np.nan, 1.5, 0.5, np.nan, 3])


@settings(max_examples=50, deadline=None)
@given(st.integers(-100, 100), st.integers(-100, 100).filter(bool))
def test_divmod_is_pythons(x: int, y: int) -> None:
    assert tuple(map(int, fnp.divmod(x, y))) == divmod(x, y)
    assert tuple(map(float, fnp.divmod(float(x), float(y)))) == divmod(float(x), float(y))


def test_shifts() -> None:
    assert fnp.left_shift(np.array([7, -7], "int8"), np.array([2, 9], "int8")).tolist() == [28, 0]
    assert fnp.right_shift(np.array([-128, 200 - 256], "int8"), np.array([9, 1], "int8")).tolist() == [-1, -28]
    assert fnp.right_shift(np.array([200], "uint8"), 1).tolist() == [100]


@pytest.mark.parametrize("x", [0.0, 1.0, -0.3, 5e-324, 1e-310, 1.7e308, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_frexp_and_ldexp(x: float, dtype: str) -> None:
    with np.errstate(all="ignore"):
        x = np.array(x).astype(dtype)[()]
    mantissa, exponent = fnp.frexp(x)
    expected = np.frexp(x)
    same(mantissa, expected[0])
    assert mantissa.dtype == dtype
    if np.isfinite(x):
        assert int(exponent) == int(expected[1])
        same(fnp.ldexp(mantissa, exponent), x)


@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["eager", "jit"])
@pytest.mark.parametrize("exponents", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_ldexp_of_any_exponent(dtype: str, exponents: str, wrap: Any) -> None:
    """NumPy's for exponents that its int32 holds; those beyond are as good as infinite."""
    every = [0, 1, -1, 17, 25, -25, 40, 100, -100, 149, -149, 277, -277, -1023, -1074, -1075, 2000, -2000, 2098, -2098, 2200, 4000,
             -4000, 2**31, 2**32, 2**32 + 1, -(2**32), 2**63 - 1, -(2**63), 2**63, 2**64 - 1]
    low, high = (0, 1) if exponents == "bool" else (np.iinfo(exponents).min, np.iinfo(exponents).max)
    e = np.array([n for n in every if low <= n <= high], exponents)
    info = np.finfo(dtype)
    x = np.array([0.0, -0.0, 1.0, -1.5, 3e-5, info.max, info.tiny, -info.smallest_subnormal, np.inf, np.nan], dtype)[:, None]
    got = np.asarray(wrap(fnp.ldexp)(x, e))
    with np.errstate(all="ignore"):
        want = np.ldexp(x, np.array([max(-9999, min(9999, int(n))) for n in e], np.int32))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["eager", "jit"])
def test_comparisons_of_integers_with_floats_are_in_the_common_float(wrap: Any) -> None:
    # jax.numpy.equal gives these too; numpy.equal compares in float64.
    whole, single = np.array([2**24 + 1, 2**24 + 2]), np.full(2, 2**24, "float32")
    assert wrap(fnp.equal)(whole, single).tolist() == [True, False]
    assert wrap(fnp.greater)(whole, single.astype("float64")).tolist() == [True, True]
    assert wrap(fnp.equal)(np.array([2**53 + 1]), np.array([2.0**53])).tolist() == [True]
    # Exact: the integer is brought to the other side's dtype, or both to float64.
    assert wrap(lambda w, s: w == s.astype("int64"))(whole, single).tolist() == [False, False]


def test_ldexp_derivative() -> None:
    for x in (1.5, 0.0, 5e-324, -1e300):
        assert float(grad(lambda v: fnp.ldexp(v, 3))(x)) == 8.0


@pytest.mark.parametrize("call", [
    lambda: fnp.floor(1j), lambda: fnp.cbrt(1j), lambda: fnp.negative(np.True_), lambda: fnp.subtract(np.True_, np.False_),
    lambda: fnp.bitwise_and(1.0, 2.0), lambda: fnp.right_shift(1.0, 2), lambda: fnp.heaviside(1j, 0.0), lambda: fnp.power(2, -1),
])
def test_undefined_dtypes_are_type_errors(call: Any) -> None:
    with pytest.raises(TypeError):
        call()


def test_error_messages() -> None:
    with pytest.raises(TypeError, match=r"maximum requires ndarray or scalar arguments, got list at position 1.*asarray"):
        fnp.maximum(1.0, [2.0])
    with pytest.raises(ValueError, match=r"add got incompatible shapes for broadcasting: \(3,\), \(4,\)"):
        fnp.add(np.ones(3), np.ones(4))
    with pytest.raises(NotImplementedError, match="out="):
        fnp.round(np.ones(2), out=np.ones(2))


def test_derivatives_where_formulas_are_singular() -> None:
    assert grad(lambda x: fnp.hypot(x, 0.0))(0.0) == 0.0
    same(grad(grad(lambda y: fnp.hypot(2.0, y)))(0.0), 0.5)
    same(grad(grad(lambda x: fnp.logaddexp(x, 1.0)))(1.0), 0.25)
    assert grad(lambda x: fnp.logaddexp(x, -np.inf))(-np.inf) in (0.5, 1.0)
    same(grad(grad(fnp.sinc))(0.0), -np.pi**2 / 3, 1e-12)
    assert grad(lambda x: fnp.power(x, 2))(0.0) == 0.0
    assert grad(lambda x: fnp.maximum(x, 1.0))(1.0) == 0.5
    assert grad(lambda x: fnp.where(x > 0, fnp.sqrt(fnp.where(x > 0, x, 1.0)), 0.0))(0.0) == 0.0


def test_hypot_scales() -> None:
    same(fnp.hypot(3e300, 4e300), 5e300)
    same(fnp.hypot(3e-320, 0.0), 3e-320)
    assert fnp.hypot(np.inf, np.nan) == np.inf


def test_round_and_complex_parts() -> None:
    x = np.array([1.25, -2.675, 0.5, 1.5])
    same(fnp.round(x, 1), np.round(x, 1))
    z = np.array([1 + 2j, -0.5j, 3])
    for name in ("real", "imag", "conj", "angle", "absolute", "exp", "log", "sqrt", "square", "sin", "reciprocal"):
        same(getattr(fnp, name)(z), getattr(np, name)(z))
    assert fnp.iscomplexobj(fnp.array(z)) and not fnp.iscomplexobj(1.0)


def test_choices() -> None:
    x = np.arange(5.0)
    same(fnp.where(x > 2, x, -1), np.where(x > 2, x, -1))
    same(fnp.select([x < 1, x < 3], [x, 10 * x], -1), np.select([x < 1, x < 3], [x, 10 * x], -1))
    same(fnp.clip(x, 1, 3), np.clip(x, 1, 3))
    assert fnp.where(np.array([0, 2, 3]), size=3, fill_value=-1)[0].tolist() == [1, 2, -1]
    with pytest.raises(ValueError, match="both"):
        fnp.where(x > 2, x)


def test_equality_of_arrays() -> None:
    x = np.array([1.0, np.nan])
    assert not fnp.array_equal(x, x) and fnp.array_equal(x, x, equal_nan=True)
    assert fnp.array_equiv(np.ones((2, 3)), np.ones(3)) and not fnp.array_equiv(np.ones(2), np.ones(3))
    assert fnp.allclose(x, x, equal_nan=True) and not fnp.allclose(x, x)
