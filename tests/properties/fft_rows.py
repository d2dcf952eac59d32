"""Rows of the Fourier transform: the reference is the defining sum, in a wider type."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from functrans.primitives.fft import FftType
from tests.properties.rows import PRIMITIVES as P
from tests.properties.rows import Case, Operand, Row, values

LENGTHS = [1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 17, 30, 34]
"""Every butterfly, and lengths with a large prime factor."""


def dft(x: np.ndarray, axis: int, sign: int) -> np.ndarray:
    n = x.shape[axis]
    jk = np.outer(np.arange(n), np.arange(n)) % n
    angle = 2 * np.pi * jk.astype(np.longdouble) / n
    w = (np.cos(angle) + sign * 1j * np.sin(angle)).astype(np.clongdouble)
    return np.moveaxis(np.tensordot(w, x.astype(np.clongdouble), axes=(1, axis)), 0, axis)


def reference(x: np.ndarray, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> np.ndarray:
    inverse = fft_type in (FftType.IFFT, FftType.IRFFT)
    axes = range(x.ndim - len(fft_lengths), x.ndim)
    for axis, n in zip(axes, fft_lengths, strict=True):
        if axis == x.ndim - 1 and fft_type is FftType.IRFFT:
            tail = np.conj(x[..., 1:(n + 1) // 2][..., ::-1])
            x = np.concatenate([x, tail], -1)
            x[..., 0] = x[..., 0].real
            if n % 2 == 0:
                x[..., n // 2] = x[..., n // 2].real
        x = dft(x, axis, 1 if inverse else -1) / (n if inverse else 1)
    if fft_type is FftType.IRFFT:
        return x.real
    return x[..., :fft_lengths[-1] // 2 + 1] if fft_type is FftType.RFFT else x


def scale(x: np.ndarray, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> Any:
    """Errors are relative to the size of the whole transform."""
    finite = np.where(np.isfinite(x), np.abs(x), 0)
    total = finite.sum(axis=tuple(range(x.ndim - len(fft_lengths), x.ndim)), keepdims=True)
    return total / (np.prod(fft_lengths) / 2 if fft_type in (FftType.IFFT, FftType.IRFFT) else 1)


def cases(*kinds: FftType) -> Any:
    @st.composite
    def draw_case(draw: Any) -> Case:
        kind = draw(st.sampled_from(kinds))
        rank = draw(st.sampled_from([1, 1, 1, 2, 3]))
        lengths = tuple(draw(st.sampled_from(LENGTHS if rank == 1 else LENGTHS[:5])) for _ in range(rank))
        if kind is FftType.IRFFT and lengths[-1] == 1:
            lengths = (*lengths[:-1], 2)
        held = (*lengths[:-1], lengths[-1] // 2 + 1) if kind is FftType.IRFFT else lengths
        lead = draw(st.sampled_from([(), (2,), (0,), (3, 2)]))
        # Finite values alone: how an infinity spreads depends on the order of additions.
        return Case((Operand((*lead, *held), sample=values),), {"fft_type": kind, "fft_lengths": lengths})

    return lambda dtype: draw_case()


SINGLE = tuple(np.dtype(t) for t in ("float32", "float64"))

FFT_ROWS = [
    Row(P["fft"], cases(FftType.FFT, FftType.IFFT, FftType.IRFFT), kinds="c", reference=reference, active=(0,), ulps=8, complex_ulps=8,
        eager_ulps=8, complex_eager_ulps=8, scale=scale),
    Row(P["fft"], cases(FftType.RFFT), kinds="f", dtypes=SINGLE, reference=reference, active=(0,), ulps=8, complex_ulps=8, eager_ulps=8,
        complex_eager_ulps=8, scale=scale, name="fft (real)"),
]
