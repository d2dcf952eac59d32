"""`fft`: the discrete Fourier transform over trailing axes, with the reference's four types.

``FFT`` and ``IFFT`` take complex operands, ``RFFT`` real ones to half a spectrum of ``n // 2 + 1`` elements along the last axis,
``IRFFT`` half a spectrum back to n real numbers; the other axes of a real transform are complex. Inverse transforms have the
factor 1/n. All are linear. Cotangents are those of the bilinear form, as everywhere here: a complex transform is its own
transpose, that of ``RFFT`` is the real part of a complex transform of the zero-padded cotangent, that of ``IRFFT`` a conjugated
half spectrum in which the frequencies that stand for two count twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import integers
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_float, kind_of
from functrans.core.low_precision import working_dtype
from functrans.core.pretty import register_param_type
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import conj_p, mul_p, real_p
from functrans.primitives.base import linear, operand_error
from functrans.primitives.fft_stages import complex_transform, from_half_spectrum, half_spectrum
from functrans.primitives.movement import checked, pad_p
from functrans.primitives.structural import convert_element_type, move_axis

__all__ = ["FftType", "fft", "fft_p"]


@register_param_type
class FftType(IntEnum):
    """The kind of a transform."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


_NAMES = {t.name: t for t in FftType}
_TYPES: dict[str | int, FftType] = {key: t for t in FftType for key in (t.name, int(t))}


def _axes(ndim: int, lengths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(ndim - len(lengths), ndim))


def _impl(x: np.ndarray, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> np.ndarray:
    axes = _axes(x.ndim, fft_lengths)
    if 0 in x.shape or 0 in fft_lengths:
        aval = _abstract(ShapedArray(x.shape, x.dtype), fft_type=fft_type, fft_lengths=fft_lengths)
        return np.zeros(aval.shape, aval.dtype)
    match fft_type:
        case FftType.FFT:
            return np.fft.fftn(x, axes=axes)
        case FftType.IFFT:
            return np.fft.ifftn(x, axes=axes)
        case FftType.RFFT:
            return np.fft.rfftn(x, fft_lengths, axes)
    return np.fft.irfftn(x, fft_lengths, axes)


def _abstract(x: ShapedArray, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> ShapedArray:
    is_real = fft_type is FftType.RFFT
    if kind_of(x.dtype) != ("f" if is_real else "c") or working_dtype(x.dtype) != x.dtype:
        wanted = "float32 or float64" if is_real else "complex64 or complex128"
        raise operand_error("fft", f"{fft_type.name} takes an operand of dtype {wanted}; convert it first.", x)
    if not fft_lengths or len(fft_lengths) > x.ndim:
        raise operand_error("fft", f"{len(fft_lengths)} lengths need as many axes.", x)
    *lead, last = fft_lengths
    held = last // 2 + 1 if fft_type is FftType.IRFFT else last
    if x.shape[x.ndim - len(fft_lengths):] != (*lead, held):
        raise operand_error("fft", f"the trailing axes of a {fft_type.name} of lengths {fft_lengths} must be {(*lead, held)}.", x)
    shape = x.shape[:x.ndim - 1]
    match fft_type:
        case FftType.RFFT:
            return ShapedArray((*shape, last // 2 + 1), np.dtype("complex64" if x.dtype == np.float32 else "complex128"))
        case FftType.IRFFT:
            return ShapedArray((*shape, last), np.dtype("float32" if x.dtype == np.complex64 else "float64"))
    return x.strong()


def _transpose(ct: Any, x: ShapedArray, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> Any:
    *_, n = fft_lengths
    match fft_type:
        case FftType.RFFT:
            ndim, held = len(x.shape), n // 2 + 1
            config = tuple((0, n - held if a == ndim - 1 else 0, 0) for a in range(ndim))
            full = pad_p.bind(ct, typeof(ct).dtype.type(0), padding_config=config)
            return real_p.bind(fft_p.bind(full, fft_type=FftType.FFT, fft_lengths=fft_lengths))
        case FftType.IRFFT:
            spectrum = fft_p.bind(ct, fft_type=FftType.RFFT, fft_lengths=fft_lengths)
            weights = np.full(n // 2 + 1, 2.0)
            weights[0] = 1.0
            if n % 2 == 0:
                weights[-1] = 1.0
            weights /= max(prod(fft_lengths), 1)
            weights = np.broadcast_to(weights, typeof(spectrum).shape)
            return conj_p.bind(mul_p.bind(spectrum, weights.astype(typeof(spectrum).dtype)), input_dtype=x.dtype)
    return fft_p.bind(ct, fft_type=fft_type, fft_lengths=fft_lengths)


def _batch(size: int, x: Any, dim: int | None, **params: Any) -> tuple[Any, int]:
    return fft_p.bind(move_axis(x, dim or 0, 0), **params), 0


def _lower(b: Any, x: Any, *, fft_type: FftType, fft_lengths: tuple[int, ...]) -> Any:
    axes = _axes(len(x.shape), fft_lengths)
    lead = axes[:-1]
    match fft_type:
        case FftType.RFFT:
            half = half_spectrum(b, x)
            return complex_transform(b, half, lead, False) if lead else half
        case FftType.IRFFT:
            if lead:
                x = complex_transform(b, x, lead, True)
            return from_half_spectrum(b, x, fft_lengths[-1])
    return complex_transform(b, x, axes, fft_type is FftType.IFFT)


fft_p = linear("fft", impl=checked(_abstract, _impl), abstract=_abstract, transpose=_transpose, batch=_batch, lower=_lower)


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """The discrete Fourier transform of the trailing axes.

    Args:
        x: complex (real for ``RFFT``), of as many axes as there are lengths or more. A real operand of a complex transform is
            converted.
        fft_type: an `FftType` or its name.
        fft_lengths: the lengths of the transform along the trailing axes; for ``IRFFT`` those of the result.

    Raises:
        TypeError: if dtype or shape do not fit.
        ValueError: for an unknown type.

    >>> fft(np.array([1.0, 0.0, -1.0, 0.0]), FftType.RFFT, [4])
    Array([0.+0.j, 2.+0.j, 0.+0.j], dtype=complex128)
    """
    kind = _TYPES.get(fft_type) if isinstance(fft_type, (str, int)) else None
    if kind is None:
        raise ValueError(f"fft: the type must be one of {', '.join(_NAMES)}; got {fft_type!r}, at {describe(user_source())}.")
    dtype = typeof(x).dtype
    if kind is not FftType.RFFT and is_float(dtype):
        x = convert_element_type(x, np.dtype("complex64" if dtype.itemsize <= 4 else "complex128"))
    return fft_p.bind(x, fft_type=kind, fft_lengths=integers(fft_lengths, "fft_lengths"))
