"""Vector maths against mpmath: a table of functions with domains and ULP bounds, at width 8 and width 1."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functrans.compiler.text import I64, PTR, Function, Ty
from functrans.compiler.vecmath import MATH, emit_math

ELEMS = {"double": np.dtype(np.float64), "float": np.dtype(np.float32), "half": np.dtype(np.float16)}
Fun = Callable[..., None]


def module_text(name: str, elem: str, width: int) -> str:
    """A module with ``k(in, in2, out, n)`` that applies `name` to n elements, n a multiple of `width`."""
    arity = 2 if name in ("pow", "atan2") else 1
    ty = Ty(elem, width)
    f = Function("k", [PTR, PTR, PTR, I64], linkage="")
    f.br("loop")
    f.label("loop")
    i, slot = f.phi_open(I64, f.const(I64, 0), "entry")
    y = emit_math(f, name, *(f.load(ty, f.gep(elem, p, i)) for p in f.params[:arity]))
    f.store(y, f.gep(elem, f.params[2], i))
    after = f.add(i, f.const(I64, width))
    f.phi_close(slot, after, f.block)
    f.cond_br(f.icmp("slt", after, f.params[3]), "loop", "exit")
    f.label("exit")
    f.ret()
    return "\n".join([*f.declarations.values(), f.text()])


@cache
def target() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1)


@cache
def compiled(name: str, elem: str, width: int) -> tuple[Fun, llvm.ExecutionEngine]:
    """The native loop, with its engine: the code lives only as long."""
    module = llvm.parse_assembly(module_text(name, elem, width))
    module.verify()
    engine = llvm.create_mcjit_compiler(module, target())
    engine.finalize_object()
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    return ctypes.CFUNCTYPE(None, pointer, pointer, pointer, integer)(engine.get_function_address("k")), engine


def run(name: str, *args: np.ndarray, width: int = 8) -> np.ndarray:
    """The compiled function on arrays of any length (padded by their last element)."""
    dtype = args[0].dtype
    elem = next(e for e, d in ELEMS.items() if d == dtype)
    n = len(args[0])
    padded = [np.concatenate([a, np.full(-n % width, a[-1])]).astype(dtype) for a in args]
    out = np.empty_like(padded[0])
    compiled(name, elem, width)[0](padded[0].ctypes.data, padded[-1].ctypes.data, out.ctypes.data, len(out))
    return out[:n]


def ulp_errors(got: np.ndarray, exact: list[mp.mpf]) -> np.ndarray:
    """The error of each finite result in units of the last place of the exact value (an infinity when overflowed)."""
    info = np.finfo(got.dtype)
    top = mp.mpf(float(info.max)) * (1 + mp.mpf(2) ** -(info.nmant + 2))
    low = int(info.minexp) - int(info.nmant)
    out = np.zeros(len(got))
    for i, (y, e) in enumerate(zip(got, exact, strict=True)):
        if abs(e) >= top or not np.isfinite(y):
            same = np.isinf(y) and (y > 0) == (e > 0) and abs(e) >= mp.mpf(float(info.max)) * (1 - mp.mpf(2) ** -50)
            out[i] = 0.0 if same else math.inf
            continue
        exponent = int(mp.floor(mp.log(abs(e), 2))) if e else low
        unit = mp.mpf(2) ** max(exponent - int(info.nmant), low)
        out[i] = float(abs(mp.mpf(float(y)) - e) / unit)
    return out


def bits_between(rng: np.random.Generator, n: int, dtype: np.dtype, low: float, high: float) -> np.ndarray:
    """Samples of [low, high], dense in every binade: uniform over bit patterns, 0 <= low."""
    ints = np.int64 if dtype == np.float64 else np.int32
    ends = np.array([low, high], dtype).view(ints)
    return rng.integers(int(ends[0]), int(ends[1]), n, endpoint=True).astype(ints).view(dtype)


@dataclass(frozen=True)
class Row:
    """One function: exact value, least and greatest argument, whole bound in ULP, intervals of denser sampling."""

    exact: Callable[..., mp.mpf]
    low: float
    high: float
    bound: float
    dense: tuple[tuple[float, float], ...] = ()
    second: tuple[float, float] | None = None


INF = math.inf
TABLE: dict[str, Row] = {
    "exp": Row(mp.exp, -INF, INF, 2, ((-1, 1), (-745, 709), (-104, 88))),
    "log": Row(mp.log, 0, INF, 2, ((0.5, 2),)),
    "tanh": Row(mp.tanh, -INF, INF, 2, ((-1, 1), (-20, 20))),
    "logistic": Row(lambda x: 1 / (1 + mp.exp(-x)), -INF, INF, 2, ((-1, 1), (-40, 40), (-745, 0))),
    "sin": Row(mp.sin, -INF, INF, 2, ((-10, 10), (-1e6, 1e6), (-1e13, 1e13))),
    "cos": Row(mp.cos, -INF, INF, 2, ((-10, 10), (-1e6, 1e6), (-1e13, 1e13))),
    "sqrt": Row(mp.sqrt, 0, INF, 0.5001),
    "rsqrt": Row(lambda x: 1 / mp.sqrt(x), 0, INF, 2),
    "pow": Row(mp.power, 0, INF, 2, ((0.5, 2), (0.9, 1.1)), (-1e3, 1e3)),
    "log1p": Row(mp.log1p, -1, INF, 2, ((-0.9, 1), (-1e-3, 1e-3))),
    "expm1": Row(mp.expm1, -INF, INF, 2, ((-1, 1), (-40, 709), (-20, 88))),
    "exp2": Row(lambda x: mp.power(2, x), -INF, INF, 4, ((-1, 1), (-1074, 1023), (-149, 127))),
    "log2": Row(lambda x: mp.log(x) / mp.log(2), 0, INF, 4, ((0.5, 2),)),
    "log10": Row(mp.log10, 0, INF, 4, ((0.5, 2),)),
    "tan": Row(mp.tan, -INF, INF, 4, ((-10, 10), (-1e6, 1e6), (-1e13, 1e13))),
    "sinh": Row(mp.sinh, -INF, INF, 4, ((-2, 2), (-710, 710), (-89, 89))),
    "cosh": Row(mp.cosh, -INF, INF, 4, ((-2, 2), (-710, 710), (-89, 89))),
    "asin": Row(mp.asin, -1, 1, 4, ((-1, 1),)),
    "acos": Row(mp.acos, -1, 1, 4, ((-1, 1), (0.9, 1))),
    "atan": Row(mp.atan, -INF, INF, 4, ((-5, 5),)),
    "asinh": Row(mp.asinh, -INF, INF, 4, ((-2, 2), (-100, 100))),
    "acosh": Row(mp.acosh, 1, INF, 4, ((1, 1.1), (1, 100))),
    "atanh": Row(mp.atanh, -1, 1, 4, ((-1, 1), (-0.1, 0.1))),
    "atan2": Row(mp.atan2, -INF, INF, 4, ((-2, 2),), (-2, 2)),
    "cbrt": Row(lambda x: mp.cbrt(abs(x)) * mp.sign(x), -INF, INF, 4, ((-8, 8),)),
    "erf": Row(mp.erf, -INF, INF, 2, ((-1.5, 1.5), (-6, 6))),
    "erfc": Row(mp.erfc, -INF, INF, 4, ((-1.5, 1.5), (-6, 6), (0, 27), (0, 10))),
}


def samples(row: Row, dtype: np.dtype, n: int, seed: int = 0) -> list[np.ndarray]:
    """Arguments of `row`: every binade of its domain, the dense intervals, and the neighbours of all their ends."""
    rng = np.random.default_rng(seed)
    top = float(np.finfo(dtype).max)
    low, high = max(row.low, -top), min(row.high, top)
    parts = [bits_between(rng, n, dtype, max(low, 0.0), high)]
    if low < 0:
        parts.append(-bits_between(rng, n, dtype, 0.0, -low))
    ends = [low, high, 0.0, 1.0, 0.5, 0.55, 1e12, 709.7, 88.7]
    for a, b in row.dense:
        parts.append(rng.uniform(a, b, n).astype(dtype))
        ends += [a, b]
    near = np.array(ends, np.float64).astype(dtype)
    with np.errstate(over="ignore"):
        parts += [near, np.nextafter(near, dtype.type(-INF)), np.nextafter(near, dtype.type(INF))]
    x = np.concatenate(parts)
    x = x[(x >= low) & (x <= high) & np.isfinite(x) & (x != 0)]
    if row.second is None:
        return [x]
    y = np.where(rng.random(len(x)) < 0.5, rng.uniform(*row.second, len(x)), rng.uniform(-3, 3, len(x))).astype(dtype)
    wide = bits_between(rng, len(x), dtype, 0.0, top) * rng.choice([-1, 1], len(x)).astype(dtype)
    return [x, np.where(rng.random(len(x)) < 0.3, wide, y)]


def measure(name: str, elem: str, n: int, width: int = 8, seed: int = 0) -> tuple[float, tuple[float, ...]]:
    """The greatest ULP error of `name` over some multiple of `n` samples, and where it is."""
    row, dtype = TABLE[name], ELEMS[elem]
    args = samples(row, dtype, n, seed)
    got = run(name, *args, width=width)
    with mp.workprec(140):
        if name == "pow":  # mpmath would build numbers of astronomical exponents
            logs = [mp.mpf(float(b)) * mp.log(mp.mpf(float(a))) for a, b in zip(*args, strict=True)]
            exact = [mp.exp(max(min(v, mp.mpf(800)), mp.mpf(-800))) for v in logs]
        elif name in ("exp", "expm1", "logistic", "exp2", "sinh", "cosh", "tanh", "erf", "erfc"):
            exact = [row.exact(mp.mpf(max(min(float(v), 1100.0), -1100.0))) for v in args[0]]
        else:
            exact = [row.exact(*(mp.mpf(float(v)) for v in vs)) for vs in zip(*args, strict=True)]
        errors = ulp_errors(got, exact)
    worst = int(np.argmax(errors))
    return float(errors[worst]), tuple(float(a[worst]) for a in args)


def test_table_covers_all_functions() -> None:
    assert set(TABLE) == set(MATH)


@pytest.mark.parametrize("elem", ["double", "float"])
@pytest.mark.parametrize("name", TABLE)
def test_accuracy(name: str, elem: str) -> None:
    error, where = measure(name, elem, 250)
    assert error <= TABLE[name].bound, where


@pytest.mark.parametrize("elem", ["double", "float"])
@pytest.mark.parametrize("name", TABLE)
def test_every_width_gives_the_same(name: str, elem: str) -> None:
    args = samples(TABLE[name], ELEMS[elem], 20)
    narrow = run(name, *args, width=1)
    for width in (2, 8, 16):
        np.testing.assert_array_equal(run(name, *args, width=width), narrow)


def test_half_goes_through_float() -> None:
    x = np.linspace(-8, 8, 999).astype(np.float16)
    np.testing.assert_array_equal(run("tanh", x), run("tanh", x.astype(np.float32)).astype(np.float16))


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


NUMPY: dict[str, Callable[..., np.ndarray]] = {
    **{n: getattr(np, n) for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh",
                                   "cosh", "tanh", "sqrt", "cbrt")},
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power, "logistic": _logistic, "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc),
}
TINY = {"double": 5e-324, "float": 1e-45}


def specials(elem: str) -> np.ndarray:
    """Zeros, infinities, NaN, denormals, ones, ends of the range, small integers and halves: both signs."""
    info = np.finfo(ELEMS[elem])
    half = [0.0, INF, math.nan, TINY[elem], 7 * TINY[elem], float(info.smallest_normal), float(info.max), 1.0, 2.0, 3.0,
            0.5, 1.5, 1 - float(info.epsneg), 1 + float(info.eps), 1e-30, 1e30, 2.0**53,
            2.0**53 - 1, 2.0**24, 2.0**23 + 1]
    return np.array([s * v for v in half for s in (1, -1)], ELEMS[elem])


def assert_same_special(name: str, got: np.ndarray, want: np.ndarray, *args: np.ndarray) -> None:
    """Equal NaN, infinities and signs (of zeros too); the rest close to a few units."""
    want = want.astype(got.dtype)
    for g, w, *a in zip(got, want, *args, strict=True):
        where = f"{name}{tuple(map(float, a))}: got {g!r}, NumPy has {w!r}"
        if np.isnan(w):
            assert np.isnan(g), where
        elif w == 0 or np.isinf(w):
            assert g == w and np.signbit(g) == np.signbit(w), where
        else:
            below = np.nextafter(np.abs(w), w.dtype.type(0))  # no overflow at the greatest number
            assert abs(float(g) - float(w)) <= 6 * float(np.abs(w) - below), where


@pytest.mark.parametrize("elem", ["double", "float"])
@pytest.mark.parametrize("name", TABLE)
def test_special_values(name: str, elem: str) -> None:
    x = specials(elem)
    args = [a.ravel() for a in np.meshgrid(x, x)] if name in ("pow", "atan2") else [x]
    with np.errstate(all="ignore"):
        # float64 references: NumPy's float32 loops flush or round some denormal results differently.
        want = NUMPY[name](*(a.astype(np.float64) for a in args)).astype(ELEMS[elem])
    assert_same_special(name, run(name, *args), want, *args)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TABLE)), st.lists(st.floats(), min_size=1, max_size=9), st.floats(), st.data())
def test_any_bits_agree_with_numpy(name: str, xs: list[float], y: float, data: st.DataObject) -> None:
    x = np.array(xs)
    args = [x, np.full_like(x, y)] if name in ("pow", "atan2") else [x]
    if name == "logistic":
        args = [np.where(x < -700, -1.0, x)]  # the naive reference overflows there
    with np.errstate(all="ignore"):
        want = NUMPY[name](*args)
    assert_same_special(name, run(name, *args, width=data.draw(st.sampled_from([1, 8]))), want, *args)


@given(st.integers(-1022, 1023))
@settings(max_examples=50, deadline=None)
def test_powers_of_two_are_exact(k: int) -> None:
    x = np.array([2.0**k])
    assert run("log2", x)[0] == k
    assert run("exp2", np.array([float(k)]))[0] == x[0]
    assert run("pow", np.array([2.0]), np.array([float(k)]))[0] == x[0]


def test_round_arguments_give_round_results() -> None:
    tens = np.array([10.0**k for k in range(23)])
    np.testing.assert_array_equal(run("log10", tens), np.arange(23.0))
    np.testing.assert_array_equal(run("cbrt", np.arange(99.0) ** 3), np.arange(99.0))
    np.testing.assert_array_equal(run("pow", np.arange(1.0, 99.0), np.full(98, 2.0)), np.arange(1.0, 99.0) ** 2)
    for name in ("cos", "exp", "cosh", "erfc", "exp2"):
        assert run(name, np.array([0.0]))[0] == 1.0


def test_huge_arguments_in_some_lanes_only() -> None:
    x = np.array([1.0, 1e300, -2.0, INF, 6381956970095103 * 2.0**797, -1e22, 3e12, 0.5])
    with mp.workprec(140):
        exact = [mp.sin(mp.mpf(float(v))) for v in x if np.isfinite(v)]
    got = run("sin", x)
    assert np.isnan(got[3])
    assert ulp_errors(got[np.isfinite(x)], exact).max() < 1


@pytest.mark.parametrize("elem", ["double", "float"])
@pytest.mark.parametrize("name", TABLE)
def test_no_library_calls(name: str, elem: str) -> None:
    target()
    machine = llvm.Target.from_default_triple().create_target_machine(  # the small code model names its callees
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, codemodel="small")
    for width in (1, 8):
        assembly = machine.emit_assembly(llvm.parse_assembly(module_text(name, elem, width)))
        calls = {line.split()[-1] for line in assembly.splitlines() if line.strip().startswith(("call", "bl\t"))}
        assert all("ft_rem_pio2" in c for c in calls), calls


def test_errors_name_the_cause() -> None:
    f = Function("k", [Ty("double"), Ty("float"), I64])
    with pytest.raises(KeyError, match="no vector maths for 'gamma'"):
        emit_math(f, "gamma", f.params[0])
    with pytest.raises(ValueError, match=r"pow takes 2 argument\(s\), got 1"):
        emit_math(f, "pow", f.params[0])
    with pytest.raises(ValueError, match="differ in type"):
        emit_math(f, "pow", f.params[0], f.params[1])
    with pytest.raises(ValueError, match="double or float"):
        emit_math(f, "exp", f.params[2])
