"""Every code and every rounding of the low-precision formats: compiled conversions against ml_dtypes, which knows nothing of ours."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.core.dtypes import kind_of
from functrans.core.low_precision import DTYPES, FORMATS

FLOATS = [d for n, d in DTYPES.items() if FORMATS[n].kind == "f"]
INTEGERS = [d for n, d in DTYPES.items() if FORMATS[n].kind != "f"]
EACH_FLOAT = pytest.mark.parametrize("dtype", FLOATS, ids=str)
EACH_INTEGER = pytest.mark.parametrize("dtype", INTEGERS, ids=str)


def codes(dtype: np.dtype) -> np.ndarray:
    """Every code of a format, as an array of it."""
    count = 1 << FORMATS[dtype.name].bits
    return np.arange(count).astype(f"u{dtype.itemsize}").view(dtype)


def raw(x: object) -> np.ndarray:
    x = np.ascontiguousarray(np.asarray(x))
    return x.view(f"u{x.dtype.itemsize}")


def dense() -> np.ndarray:
    """float32 numbers of every sign and exponent: each upper half with the lower halves around a tie of bfloat16, and random ones."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    lower = [upper + np.uint32(n) for n in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)]
    return np.concatenate([*lower, np.random.default_rng(0).integers(0, 1 << 32, 1 << 17, dtype=np.uint32)]).view(np.float32)


def around_ties(dtype: np.dtype) -> np.ndarray:
    """The numbers of a format, the middles between neighbours, and the float32 numbers beside those."""
    finite = np.unique(codes(dtype).astype(np.float32))
    finite = finite[np.isfinite(finite)]
    middles = ((finite[1:].astype(np.float64) + finite[:-1]) / 2).astype(np.float32)
    with np.errstate(all="ignore"):
        points = np.concatenate([finite, middles, finite[-1:] * np.float32(1.5), finite[:1] * np.float32(1.5)])
        return np.concatenate([points, np.nextafter(points, np.float32(np.inf)), np.nextafter(points, -np.float32(np.inf))])


def test_the_formats_are_those_of_ml_dtypes() -> None:
    assert set(DTYPES) == set(FORMATS), "ml_dtypes lacks a dtype, or has it under another name"
    for name, form in FORMATS.items():
        if form.kind == "f":
            info = ml_dtypes.finfo(name)
            stated = (info.bits, info.nexp, info.nmant, float(info.max), info.minexp)
            assert (form.bits, form.exponent, form.mantissa, form.largest, form.least_exponent) == stated
        else:
            assert form.bits == ml_dtypes.iinfo(name).bits
        assert kind_of(DTYPES[name]) == form.kind


@EACH_FLOAT
def test_compiled_rounding_is_that_of_ml_dtypes(dtype: np.dtype) -> None:
    for x in (dense(), around_ties(dtype)):
        with np.errstate(all="ignore"):
            want = x.astype(dtype)
        got = ft.jit(lambda v: v.astype(dtype))(x)
        assert typeof_is(got, dtype)
        np.testing.assert_array_equal(raw(got), raw(want))
        # What is not quite a tie in double precision is one in single, through which ml_dtypes goes.
        with np.errstate(all="ignore"):
            double = x.astype(np.float64) * (1 + 1e-12)
            want = double.astype(dtype)
        np.testing.assert_array_equal(raw(ft.jit(lambda v: v.astype(dtype))(double)), raw(want))


def typeof_is(x: object, dtype: np.dtype) -> bool:
    return ft.typeof(x).dtype == dtype


@EACH_FLOAT
def test_every_code_is_read_and_written_again(dtype: np.dtype) -> None:
    every = codes(dtype)
    whole_bytes = FORMATS[dtype.name].bits >= 8
    read, moved, bits = ft.jit(lambda v: (v.astype("float32"), v[::-1], v.view(f"u{dtype.itemsize}") if whole_bytes else 0))(every)
    want = every.astype(np.float32)
    np.testing.assert_array_equal(np.asarray(read), want)
    np.testing.assert_array_equal(np.signbit(read)[want == 0], np.signbit(want)[want == 0])
    np.testing.assert_array_equal(raw(moved), raw(every)[::-1])  # a copy keeps even what a nan carries
    if whole_bytes:
        np.testing.assert_array_equal(np.asarray(bits), raw(every))


@EACH_INTEGER
def test_narrow_integers_are_read_written_and_wrapped(dtype: np.dtype) -> None:
    every, whole = codes(dtype), np.arange(-300, 300)
    read, moved, wrapped = ft.jit(lambda v, w: (v.astype("int32"), v[::-1], w.astype(dtype)))(every, whole)
    np.testing.assert_array_equal(np.asarray(read), every.astype(np.int32))
    np.testing.assert_array_equal(raw(moved), raw(every)[::-1])
    np.testing.assert_array_equal(raw(wrapped), raw(whole.astype(dtype)))


@pytest.mark.parametrize("dtype", [d for d in FLOATS if FORMATS[d.name].bits <= 8], ids=str)
def test_operations_on_every_pair_round_the_exact_result_once(dtype: np.dtype) -> None:
    """Sums and products of numbers of so few bits are exact in double precision; quotients are rounded to single before."""
    a, b = (x.ravel() for x in np.meshgrid(codes(dtype), codes(dtype)))
    with np.errstate(all="ignore"):
        u, v = a.astype(np.float32), b.astype(np.float32)
        want = [u + v, u - v, u * v, u / v, np.maximum(u, v)]

    def program(a: object, b: object) -> list[object]:
        return [a + b, a - b, a * b, a / b, fnp.maximum(a, b)]  # type: ignore[operator]

    for got in (program(fnp.array(a), fnp.array(b)), ft.jit(program)(a, b)):
        for g, w in zip(got, want, strict=True):
            with np.errstate(all="ignore"):
                rounded = w.astype(dtype).astype(np.float32)
            np.testing.assert_array_equal(np.asarray(g).astype(np.float32), rounded)


@EACH_FLOAT
def test_compiled_neighbours_are_those_of_ml_dtypes(dtype: np.dtype) -> None:
    every = codes(dtype)[:: 37 if dtype.itemsize == 2 else 1]
    a, b = (x.ravel() for x in np.meshgrid(every, every[:: max(1, len(every) // 64)]))
    with np.errstate(all="ignore"):
        want = np.nextafter(a, b)
    for got in (fnp.nextafter(a, b), ft.jit(fnp.nextafter)(a, b)):
        np.testing.assert_array_equal(np.asarray(got).astype(np.float32), want.astype(np.float32))


@EACH_INTEGER
def test_narrow_integers_have_the_arithmetic_of_their_width(dtype: np.dtype) -> None:
    a, b = (x.ravel() for x in np.meshgrid(codes(dtype), codes(dtype)))
    u, v = a.astype(np.int64), b.astype(np.int64)
    bits, mask = FORMATS[dtype.name].bits, (1 << FORMATS[dtype.name].bits) - 1
    safe = np.where(v == 0, 1, v)
    quotient = np.where(v == 0, -1, np.sign(u) * np.sign(v) * (np.abs(u) // np.abs(safe)))
    inside = (v >= 0) & (v < bits)
    shift = np.where(inside, v, 0)
    want = {
        "add": u + v, "sub": u - v, "mul": u * v, "div": quotient, "rem": np.where(v == 0, u, np.fmod(u, safe)), "max": np.maximum(u, v),
        "min": np.minimum(u, v), "bitwise_and": u & v, "bitwise_or": u | v, "bitwise_xor": u ^ v,
        "shift_left": np.where(inside, u << shift, 0), "shift_right_logical": np.where(inside, (u & mask) >> shift, 0),
        "shift_right_arithmetic": u >> np.where(inside, v, bits),
    }
    one = {"neg": -u, "abs": np.abs(u), "bitwise_not": ~u, "sign": np.sign(u), "population_count": np.bitwise_count(u & mask),
           "clz": bits - np.ceil(np.log2((u & mask) + 1)).astype(int)}

    def program(a: object, b: object) -> list[object]:
        return [getattr(ft.lax, f)(a, b) for f in want] + [getattr(ft.lax, f)(a) for f in one]

    for got in (program(fnp.array(a), fnp.array(b)), ft.jit(program)(a, b)):
        for name, g, w in zip([*want, *one], got, [*want.values(), *one.values()], strict=True):
            assert typeof_is(g, dtype), name
            np.testing.assert_array_equal(raw(g), raw(np.asarray(w).astype(dtype)), err_msg=name)


@EACH_INTEGER
def test_results_wrap_before_they_are_used(dtype: np.dtype) -> None:
    """In one kernel, where nothing is stored between: what a register holds is a number of the format."""
    a, b = (x.ravel() for x in np.meshgrid(codes(dtype), codes(dtype)))
    total = (a.astype(np.int64) + b.astype(np.int64)).astype(dtype).astype(np.int64)
    power = (a.astype(np.int64) * b.astype(np.int64)).astype(dtype).astype(np.int64)

    def program(a: object, b: object) -> tuple[object, ...]:
        return (a + b).astype("int32"), (a * b) < b, (a + b).astype("float32") / 2, -(a * b) >= a  # type: ignore[operator, attr-defined]

    negative = (-power).astype(dtype).astype(np.int64)
    want = total, power < b.astype(np.int64), total / 2, negative >= a.astype(np.int64)
    for f in (program, ft.jit(program)):
        for got, w in zip(f(fnp.array(a), fnp.array(b)), want, strict=True):
            np.testing.assert_array_equal(np.asarray(got), w)
