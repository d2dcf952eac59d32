"""Threefry-2x32 against its authors' known answers and a plain definition; the fused multiply-add against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import functrans as ft
from functrans.primitives.fma import fma_p
from functrans.primitives.threefry import threefry2x32_p

# kat_vectors of the Random123 library, threefry2x32 with 20 rounds: counter, key, block.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN)
def test_known_answers(counter, key, block):
    words = [np.uint32(w) for w in (*key, *counter)]
    want = block[0] << 32 | block[1]
    assert int(threefry2x32_p.bind(*words)) == want
    assert int(ft.jit(threefry2x32_p.bind)(*words)) == want


def test_other_operands_are_refused():
    with pytest.raises(TypeError, match="two words of the key and two of the counter, all uint32"):
        threefry2x32_p.abstract(*map(ft.typeof, [np.uint32(1)] * 3 + [np.uint64(1)]))


def exact(x, y, z):
    """The float nearest to x * y + z."""
    total = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    dtype = type(x)
    near = (
        dtype(float(total))
        if abs(total) < Fraction(float(np.finfo(dtype).max))
        else dtype(np.inf) * np.sign(float(total > 0) - 0.5)
    )
    candidates = [near, np.nextafter(near, dtype(-np.inf)), np.nextafter(near, dtype(np.inf))]
    finite = [c for c in candidates if np.isfinite(c)]
    least = min(abs(Fraction(float(c)) - total) for c in finite)
    ties = [c for c in finite if abs(Fraction(float(c)) - total) == least]
    even = [c for c in ties if c.view(f"int{8 * c.itemsize}") % 2 == 0]
    return (even if len(ties) > 1 else ties)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_rounds_once(dtype):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 4000)).astype(dtype)
    near = (-x * y * (1 + rng.integers(-3, 4, 4000) * np.finfo(dtype).eps)).astype(dtype)  # cancels
    scaled = (rng.normal(size=4000) * 2.0 ** rng.integers(-60, 60, 4000)).astype(dtype)
    z = np.where(rng.integers(0, 2, 4000), near, scaled)
    want = np.array([exact(*v) for v in zip(x, y, z, strict=True)])
    np.testing.assert_array_equal(fma_p.bind(x, y, z), want)
    np.testing.assert_array_equal(ft.jit(fma_p.bind)(x, y, z), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fma_at_the_ends_of_the_range(dtype):
    info = np.finfo(dtype)
    big, tiny, least = info.max, info.tiny, info.smallest_subnormal
    x = np.array([big, big, tiny, least, tiny, 1, 0, -0.0, np.inf, np.inf, big], dtype)
    y = np.array([2, -2, tiny, 0.5, 0.5, least, 5, 5, 0, 1, 0.5], dtype)
    z = np.array([-big, 0, tiny, least, least, -least, -0.0, -0.0, 1, -np.inf, big], dtype)
    want = np.array([big, -np.inf, tiny, least * 2, tiny / 2 + least, 0, 0, -0.0, np.nan, np.nan, np.inf], dtype)
    for got in (fma_p.bind(x, y, z), ft.jit(fma_p.bind)(x, y, z)):
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got)[:8], np.signbit(want)[:8])


def test_fma_refuses_half_precision():
    with pytest.raises(TypeError, match="three operands of float32 or float64"):
        fma_p.abstract(*map(ft.typeof, [np.float16(1)] * 3))
