"""Functions by pieces, divisors, trimmed zeros, bits, arrays from elsewhere, and how arrays are printed."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from functrans.calls.jitted import jit
from functrans.errors import ConcretizationTypeError, TracerArrayConversionError
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(13)
X = np.array([-2.0, -0.5, 0.3, 2.0])


def test_piecewise() -> None:
    def ours(x: Any) -> Any:
        return fnp.piecewise(x, [x < -1, x > 1], [lambda v: -v, 7, lambda v, k=1: v * k])

    agrees(ours, lambda x: np.piecewise(x, [x < -1, x > 1], [lambda v: -v, 7, lambda v: v]), X)
    close(fnp.piecewise(X, [X > 0], [lambda v, k: v * k], k=3), np.piecewise(X, [X > 0], [lambda v, k: v * k], k=3))
    close(fnp.piecewise(X, np.array([X < 0, X > -1]), [1.0, 2.0]), np.piecewise(X, np.array([X < 0, X > -1]), [1.0, 2.0]))
    differentiates(ours, X)
    with pytest.raises(ValueError, match="either 1 or 2 functions are expected; got 3"):
        fnp.piecewise(X, [X > 0], [1, 2, 3])


def test_apply_over_axes() -> None:
    x = RNG.normal(size=(2, 3, 4))
    agrees(lambda x: fnp.apply_over_axes(fnp.sum, x, (0, -1)), lambda x: np.apply_over_axes(np.sum, x, (0, -1)), x)
    agrees(lambda x: fnp.apply_over_axes(fnp.cumsum, x, 1), lambda x: np.apply_over_axes(np.cumsum, x, 1), x)
    with pytest.raises(ValueError, match="array of the correct shape"):
        fnp.apply_over_axes(lambda x, axis: x[0, 0], x, 0)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64", "int64"])
def test_divisors_and_multiples(dtype: str) -> None:
    top = 11 if dtype[-1] == "8" else 10**4
    a, b = RNG.integers(0 if dtype[0] == "u" else -top, top, (2, 50)).astype(dtype)
    a[:3], b[1:4] = 0, 0
    agrees(fnp.gcd, np.gcd, a, b)
    agrees(fnp.lcm, np.lcm, a, b)


def test_gcd_takes_all_its_steps() -> None:
    """Neighbouring Fibonacci numbers need the most divisions."""
    fibonacci = [1, 1]
    while fibonacci[-1] + fibonacci[-2] < 2**63:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    a, b = np.array(fibonacci[1:]), np.array(fibonacci[:-1])
    close(jit(fnp.gcd)(7 * (a // 7), 7 * (b // 7)), np.gcd(7 * (a // 7), 7 * (b // 7)))
    close(jit(fnp.gcd)(a, b), np.ones(len(a), int))
    with pytest.raises(ValueError, match="Arguments to gcd must be integers"):
        fnp.gcd(1.0, 2)


@pytest.mark.parametrize("trim", ["f", "b", "fb"])
def test_trim_zeros(trim: Any) -> None:
    for x in (np.array([0, 0, 1, 0, 2, 0]), np.array([1, 2]), np.zeros(3), np.zeros(0)):
        close(fnp.trim_zeros(x, trim), np.trim_zeros(x, trim))
    m = np.zeros((4, 5))
    m[1, 2:4] = 1
    close(fnp.trim_zeros(m, trim), np.trim_zeros(m, trim))
    close(fnp.trim_zeros(m, trim, 1), np.trim_zeros(m, trim, 1))
    with pytest.raises(ConcretizationTypeError):
        jit(fnp.trim_zeros)(m)
    with pytest.raises(ValueError, match="unexpected character"):
        fnp.trim_zeros(m, "x")


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_bits(order: Any, axis: Any) -> None:
    bits = RNG.integers(0, 2, (3, 11))
    agrees(lambda a: fnp.packbits(a, axis, order), lambda a: np.packbits(a, axis, order), bits)
    agrees(lambda a: fnp.packbits(a, axis, order), lambda a: np.packbits(a, axis, order), bits.astype(bool))
    octets = RNG.integers(0, 256, (2, 3)).astype(np.uint8)
    for count in (None, 5, 60, -3):
        agrees(lambda a, n=count: fnp.unpackbits(a, axis, n, order), lambda a, n=count: np.unpackbits(a, axis, n, order), octets)
    with pytest.raises(TypeError, match="integer or boolean"):
        fnp.packbits(X)
    with pytest.raises(TypeError, match="unsigned byte"):
        fnp.unpackbits(bits)
    with pytest.raises(ValueError, match="'little' or 'big'"):
        fnp.packbits(bits, bitorder="middle")


def test_arrays_from_elsewhere() -> None:
    source = np.arange(3.0)
    got = fnp.from_dlpack(source)
    close(got, np.arange(3.0))
    assert fnp.from_dlpack(got) is got and isinstance(got, fnp.ndarray)
    close(fnp.frombuffer(np.arange(4, dtype="int16").tobytes(), "int16", 2, 2), np.array([1, 2], "int16"))
    close(fnp.fromstring("1.5 2", sep=" "), np.array([1.5, 2.0]))
    close(fnp.fromfunction(lambda i, j: 10 * i + j, (2, 3)), np.fromfunction(lambda i, j: 10 * i + j, (2, 3)))
    assert fnp.fromfunction(lambda i: i, (3,), dtype=int).dtype == np.int64
    for name in ("fromfile", "fromiter"):
        with pytest.raises(NotImplementedError, match=rf"{name} is not pure.*asarray\(numpy.{name}"):
            getattr(fnp, name)("x")
    with pytest.raises(ValueError, match="one device"):
        fnp.from_dlpack(source, device="gpu")


def test_files(tmp_path: pathlib.Path) -> None:
    x = fnp.asarray(X)
    fnp.save(tmp_path / "x.npy", x)
    loaded = fnp.load(tmp_path / "x.npy")
    assert isinstance(loaded, fnp.ndarray)
    close(loaded, X)
    fnp.savez(tmp_path / "xs.npz", x, twice=2 * x)
    archive = fnp.load(tmp_path / "xs.npz")
    close(archive["arr_0"], X)
    close(archive["twice"], 2 * X)
    with pytest.raises(TracerArrayConversionError, match="has no value to store"):
        jit(lambda x: fnp.save(tmp_path / "y.npy", x))(x)


def test_printing() -> None:
    x = fnp.asarray(np.array([1 / 3, 2.0]))
    with fnp.printoptions(precision=2):
        assert str(x) == "[0.33 2.  ]" and fnp.array_str(x) == "[0.33 2.  ]" and fnp.get_printoptions()["precision"] == 2
    assert fnp.array_repr(x) == np.array_repr(np.asarray(x))
    before = fnp.get_printoptions()["precision"]
    try:
        fnp.set_printoptions(precision=3)
        assert str(x) == "[0.333 2.   ]"
    finally:
        fnp.set_printoptions(precision=before)
    assert fnp.iterable(x) and not fnp.iterable(3)
    assert fnp.bool(3) and fnp.bool is fnp.bool_ and issubclass(fnp.ComplexWarning, Warning)
