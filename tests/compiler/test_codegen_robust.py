"""Compiled code at its edges: sizes around vector widths, odd layouts, every integer, special values, long sums, threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans.calls.jitted import jit
from functrans.transforms.tracing import make_jaxpr

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
REALS = ("float16", "float32", "float64", *INTEGERS)
SIZES = (*range(0, 20), 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 1000)
RNG = np.random.default_rng(22)


def drawn(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype).kind
    return RNG.integers(0 if kind == "u" else -5, 6, size=shape).astype(dtype) if kind in "iub" else RNG.normal(size=shape).astype(dtype)


# -- sizes --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "float16"])
def test_sizes_around_vector_widths(dtype: str, check: Any) -> None:
    def fun(x: Any) -> Any:
        y = lax.bitwise_xor(x, lax.rev(x, (0,))) if dtype == "bool" else lax.add(lax.mul(x, x), lax.rev(x, (0,)))
        return y, lax.slice(lax.rev(y, (0,)), (0,), (y.shape[0],), (3,))

    for n in SIZES:
        check(fun, drawn((n,), dtype), tolerance=0)


@pytest.mark.parametrize("n", SIZES)
def test_reductions_around_vector_widths(n: int, check: Any) -> None:
    def fun(x: Any, k: Any) -> Any:
        found = [lax.reduce_sum(x, [1]), lax.reduce_sum(x, [0]), lax.reduce_sum(k, [0, 1]), lax.reduce_xor(k, [1]), lax.reduce_min(x, [1]),
                 lax.reduce_max(k, [0]), lax.reduce_prod(lax.add(lax.mul(x, 1e-3), 1.0), [1])]
        if n:
            found += [lax.argmax(x, 1, np.int32), lax.argmin(x, 0, np.int64), lax.argmin(k, 1, np.int32)]
        return tuple(found)

    check(fun, drawn((3, n), "float64"), drawn((3, n), "int32"))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (1, 1, 1), (0, 3), (3, 0), (2, 0, 4), (1, 7, 1)])
def test_shapes_without_extent(shape: tuple[int, ...], check: Any) -> None:
    axes = list(range(len(shape)))
    for dtype in ("float64", "complex128", "int32", "bool"):
        x = drawn(shape, dtype) if dtype != "complex128" else drawn(shape, "float64") * (1 + 1j)
        if dtype == "bool":
            check(lambda x, axes=axes: (lax.bitwise_not(x), lax.reduce_or(x, axes), lax.reduce_and(x, axes)), x)
        else:
            check(lambda x, axes=axes: (lax.neg(x), lax.reduce_sum(x, axes), lax.reduce_prod(x, axes), lax.transpose(x, axes[::-1])), x)


@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (1, 9, 4), (9, 1, 4), (3, 3, 50), (4, 4, 0), (5, 4, 1), (17, 33, 65), (64, 3, 2)])
def test_products_around_tile_sizes(m: int, n: int, k: int, check: Any) -> None:
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-5), ("int32", 0.0)):
        check(lax.dot, drawn((m, k), dtype), drawn((k, n), dtype), tolerance=max(tolerance * (k + 1), 0))


# -- layouts ------------------------------------------------------------------------------------------------------------

BASE = RNG.normal(size=(12, 10))


def misaligned(x: np.ndarray) -> np.ndarray:
    raw = np.empty(x.nbytes + 1, np.uint8)[1:]
    view = raw.view(x.dtype).reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


def read_only(x: np.ndarray) -> np.ndarray:
    y = x.copy()
    y.flags.writeable = False
    return y


LAYOUTS: dict[str, Callable[[], np.ndarray]] = {
    "transposed": lambda: BASE.T, "reversed": lambda: BASE[::-1, ::-1], "strided": lambda: BASE[::3, 1::2],
    "fortran": lambda: np.asfortranarray(BASE), "broadcast": lambda: np.broadcast_to(BASE[0], (5, 10)),
    "big-endian": lambda: BASE.astype(">f8"), "misaligned": lambda: misaligned(BASE), "read-only": lambda: read_only(BASE),
    "record field": lambda: np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i1"), ("b", "f8")])["b"],
    "big-endian misaligned": lambda: misaligned(BASE.astype(">f8")),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_arguments(name: str) -> None:
    x = LAYOUTS[name]()
    before = x.copy()
    axes = list(range(x.ndim))
    y, total = jit(lambda x: (lax.add(lax.mul(x, 2.0), 1.0), lax.reduce_sum(x, axes)))(x)
    np.testing.assert_array_equal(np.asarray(y), x * 2.0 + 1.0)
    np.testing.assert_allclose(float(total), float(np.sum(x)), rtol=1e-13)
    np.testing.assert_array_equal(x, before)
    assert np.asarray(y).dtype == np.float64 and np.asarray(y).dtype.isnative


def test_results_are_not_the_callers_arrays() -> None:
    """A function that returns its argument or an array it closes over: results are immutable, the caller's arrays stay his."""
    x, table = np.arange(3.0), np.arange(4.0)
    same, other, minus = jit(lambda x: (x, table, lax.neg(x)))(x)
    x[0] = table[0] = 100.0
    np.testing.assert_array_equal(np.asarray(same), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(np.asarray(other), [0.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.asarray(minus), [-0.0, -1.0, -2.0])


def test_results_of_one_call_survive_the_next() -> None:
    f = jit(lambda x: (lax.neg(x), lax.dot(x, x)))
    first = [np.asarray(v) for v in f(np.eye(8))]
    kept = [v.copy() for v in first]
    f(np.full((8, 8), 7.0))
    for v, k in zip(first, kept, strict=True):
        np.testing.assert_array_equal(v, k)


# -- integers -------------------------------------------------------------------------------------------------------------

def edges(dtype: str) -> np.ndarray:
    info = np.iinfo(dtype)
    small = [0, 1, 2, 3, 7, info.max, info.max - 1, info.min, info.min + 1]
    return np.array(small if info.min == 0 else [*small, -1, -2, -7], dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_and_wrapping(dtype: str, check: Any) -> None:
    """Every pair of edge values, division by zero and MIN / -1 among them."""
    x, y = (v.reshape(-1) for v in np.meshgrid(edges(dtype), edges(dtype)))
    check(lambda x, y: (lax.div(x, y), lax.rem(x, y), lax.mul(x, y), lax.add(x, y), lax.sub(x, y), lax.neg(x), lax.abs(x), lax.sign(x)),
          x, y, tolerance=0)
    check(lambda x, y: (lax.max(x, y), lax.min(x, y), lax.lt(x, y), lax.ge(x, y), lax.eq(x, y), lax.ne(x, y)), x, y, tolerance=0)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_and_bits(dtype: str, check: Any) -> None:
    """Shifts by negative amounts and by the width or more."""
    width = 8 * np.dtype(dtype).itemsize
    signed = np.dtype(dtype).kind == "i"
    amounts = np.array([0, 1, width - 1, width, width + 1, 100, *([-1, -width] if signed else [])], dtype)
    x, n = (v.reshape(-1) for v in np.meshgrid(edges(dtype), amounts))
    check(lambda x, n: (lax.shift_left(x, n), lax.shift_right_logical(x, n), lax.shift_right_arithmetic(x, n)), x, n, tolerance=0)
    check(lambda x: (lax.population_count(x), lax.clz(x), lax.bitwise_not(x)), x, tolerance=0)


@pytest.mark.parametrize("source", [*REALS, "bool"])
@pytest.mark.parametrize("target", [*REALS, "bool", "complex64", "complex128"])
def test_conversions(source: str, target: str, check: Any) -> None:
    """Out of range, between neighbours, halves: each conversion rounds once and saturates."""
    x = np.array([0, 1, 3, 100, 255, 7.7, 65504, 65519.999, 65520, 2049, 2051, 1.00048828125000022,
        5.9604644775390625e-8, 2.98e-8, 1e-300, -1,
                  -300, 1e10, 1e30, -1e30, np.nan, np.inf, -np.inf, 2.0**31, 2.0**63, 2.0**64, 1e-8, -0.0, -0.7, 6.1e-5])
    with np.errstate(all="ignore"):
        x = np.concatenate([x.astype(source), edges(source)]) if source in INTEGERS else x.astype(source)
    check(lambda x: lax.convert_element_type(x, target), x, tolerance=0)


def test_doubles_round_to_half_once(check: Any) -> None:
    """Random doubles near every half: by way of float32 some of them would be rounded twice."""
    halves = np.arange(0, 0x7C00, 7, dtype=np.uint16).view(np.float16).astype(np.float64)
    following = (np.arange(0, 0x7C00, 7, dtype=np.uint16) + np.uint16(1)).view(np.float16).astype(np.float64)
    middle = np.where(np.isfinite(following), (halves + following) / 2, halves)
    x = np.concatenate([middle, np.nextafter(middle, np.inf), np.nextafter(middle, 0)])
    with np.errstate(over="ignore"):
        check(lambda x: lax.convert_element_type(x, np.float16), np.concatenate([x, -x]), tolerance=0)


def test_both_zeros_as_constants(check: Any) -> None:
    """In either order: whatever keeps constants must tell 0.0 from -0.0."""
    check(lambda x: (lax.mul(x, 0.0), lax.mul(x, -0.0), lax.add(x, 0.0), lax.add(x, -0.0)), np.array([0.0, -0.0, 1.0, -1.0]), tolerance=0)
    check(lambda x: (lax.add(x, -0.0), lax.add(x, 0.0)), np.array([0.0, -0.0], np.float32), tolerance=0)


# -- special values -------------------------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 5e-324, -2.5, 0.5, 1e308, 2.5])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_special_floats(dtype: str, check: Any) -> None:
    with np.errstate(all="ignore"):
        x, y = (v.reshape(-1).astype(dtype) for v in np.meshgrid(SPECIAL, SPECIAL))
    check(lambda x, y: (lax.add(x, y), lax.mul(x, y), lax.div(x, y), lax.sub(x, y), lax.max(x, y), lax.min(x, y),
        lax.rem(x, y)), x, y, tolerance=0)
    check(lambda x, y: (lax.lt(x, y), lax.le(x, y), lax.eq(x, y), lax.ne(x, y), lax.gt(x, y), lax.nextafter(x, y)), x, y, tolerance=0)
    check(lambda x: (lax.neg(x), lax.abs(x), lax.sign(x), lax.floor(x), lax.ceil(x), lax.round(x), lax.sqrt(x),
        lax.is_finite(x)), x, tolerance=0)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 16, 31, 64, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "bool"])
def test_arg_reductions_take_the_first(n: int, dtype: str, check: Any) -> None:
    """Ties go to the lowest index wherever they lie in a vector; the first nan wins."""
    for x in (np.zeros(n, dtype), drawn((n,), dtype), np.arange(n)[::-1].astype(dtype)):
        check(lambda x: (lax.argmax(x, 0, np.int32), lax.argmin(x, 0, np.int64)), x)
    if dtype.startswith("float"):
        for at in {0, n // 2, n - 1}:
            x = drawn((n,), dtype)
            x[at:] = np.nan
            check(lambda x: (lax.argmax(x, 0, np.int32), lax.argmin(x, 0, np.int32), lax.reduce_max(x, [0]), lax.reduce_min(x, [0])), x)
        check(lambda x: (lax.argmax(x, 0, np.int32), lax.argmin(x, 0, np.int32)), np.full(n, -np.inf, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [100_000, 1_000_003])
def test_long_sums_are_cascaded(n: int, dtype: str) -> None:
    """Against the exact sum: the error stays near that of pairwise summation, far below n eps."""
    x = RNG.uniform(0, 1, size=n).astype(dtype)
    exact = math.fsum(x.tolist())
    eps = float(np.finfo(dtype).eps)
    got = float(jit(lambda x: lax.reduce_sum(x, [0]))(x))
    assert abs(got - exact) <= 20 * eps * exact
    rows = float(np.asarray(jit(lambda x: lax.reduce_sum(x, [1]))(np.stack([x, x])))[1])
    assert abs(rows - exact) <= 20 * eps * exact


# -- many at once ---------------------------------------------------------------------------------------------------------

def test_one_function_from_four_threads() -> None:
    """Temporaries are each call's own: matrices, stored values and reductions at once, first calls included."""
    def fun(x: Any) -> Any:
        h = lax.dot(x, x)
        e = lax.sqrt(lax.add(lax.mul(h, h), 1.0))
        return lax.reduce_sum(lax.div(h, lax.broadcast_in_dim(lax.reduce_sum(e, [1]), (40, 40), (0,))), [0])

    f = jit(fun)
    inputs = [np.random.default_rng(i).normal(size=(40, 40)) for i in range(4)]
    wants = [np.asarray(fun(x)) for x in inputs]
    barrier = threading.Barrier(4)
    wrong: list[str] = []

    def work(i: int) -> None:
        barrier.wait()
        for _ in range(100):
            got = np.asarray(f(inputs[i]))
            if not np.allclose(got, wants[i], rtol=1e-11, atol=1e-12):
                wrong.append(f"thread {i}: off by {np.abs(got - wants[i]).max()}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_call_after_an_index_error() -> None:
    """A failed check leaves the function usable."""
    numbers = lax.GatherDimensionNumbers((), (0,), (0,))
    f = jit(lambda x, i: lax.gather(lax.mul(x, 2.0), i, numbers, (1,), mode="error"))
    x = np.arange(4.0)
    for _ in range(3):
        with pytest.raises(IndexError):
            f(x, np.array([[4]]))
        np.testing.assert_array_equal(np.asarray(f(x, np.array([[3], [0]]))), [6.0, 0.0])


def test_arguments_that_share_memory(check: Any) -> None:
    x = np.arange(20.0)
    f = jit(lambda a, b: (lax.add(a, b), lax.mul(lax.rev(a, (0,)), b)))
    for got, want in zip(f(x[:10], x[5:15]), (x[:10] + x[5:15], x[:10][::-1] * x[5:15]), strict=True):
        np.testing.assert_array_equal(np.asarray(got), want)
    assert len(make_jaxpr(lambda a, b: lax.add(a, b))(x, x).in_avals) == 2


@pytest.mark.parametrize("dtype", ["int32", "uint32"])
def test_division_of_32_bit_vectors_is_exact(dtype: str) -> None:
    """Quotients are computed in double precision: next to multiples of the divisor they are nearest to being rounded over."""
    info, rng = np.iinfo(dtype), np.random.default_rng(3)
    edges = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, 2**16 - 1, 2**16, 2**16 + 1]
    y = np.concatenate([rng.integers(info.min, info.max, 500), rng.integers(1, 2000, 500), np.repeat(edges, len(edges))])
    times = rng.integers(0, np.maximum(info.max // np.maximum(np.abs(y), 1), 1))
    whole = np.concatenate([times[:1000] * y[:1000], np.tile(edges, len(edges))])
    for step in (-1, 0, 1):
        x = np.clip(whole + step, info.min, info.max)
        xs, ys = x.astype(dtype), y.astype(dtype)
        q = [(abs(a) // abs(b)) * (1 if a * b >= 0 else -1) if b else -1 for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        r = [a - b * c if b else a for a, b, c in zip(x.tolist(), y.tolist(), q, strict=True)]
        np.testing.assert_array_equal(jit(lax.div)(xs, ys), np.array(q, np.int64).astype(dtype))
        np.testing.assert_array_equal(jit(lax.rem)(xs, ys), np.array(r, np.int64).astype(dtype))
