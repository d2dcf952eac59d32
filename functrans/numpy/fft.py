"""`functrans.numpy.fft`: discrete Fourier transforms of any length, with NumPy's names and norms.

All rest on the primitive `fft` over trailing axes: an axis is moved last, cut or padded with zeros to the wanted length, and
moved back. Derivatives exist everywhere, since the transforms are linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import among, integer, sequence
from functrans.config import options
from functrans.core.dtypes import canonical
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.creation import arange
from functrans.numpy.manipulation import roll
from functrans.numpy.util import asarray_internal, canonical_axes, check_arraylike, check_device, promote_inexact
from functrans.primitives.arithmetic import conj, mul_p
from functrans.primitives.fft import FftType, fft_p
from functrans.primitives.movement import pad
from functrans.primitives.structural import convert_element_type, move_axis, transpose_p
from functrans.util import canonicalize_axis

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2", "irfftn",
    "rfft", "rfft2", "rfftfreq", "rfftn",
]

_NORMS = {None: 0, "backward": 0, "ortho": 1, "forward": 2}


# -- what all have in common ------------------------------------------------------------------------------------------------

def _operand(name: str, a: Any, real: bool) -> Any:
    check_arraylike(f"fft.{name}", a)
    (a,) = promote_inexact(asarray_internal(a))
    dtype = typeof(a).dtype
    if real:
        if dtype.kind == "c":
            raise ValueError(f"fft.{name} takes a real array; got dtype {dtype}, at {describe(user_source())}. Pass its .real part.")
        return convert_element_type(a, np.dtype("float32")) if working_dtype(dtype) == np.float32 else a
    return a if dtype.kind == "c" else convert_element_type(a, np.dtype("complex64" if dtype.itemsize <= 4 else "complex128"))


def _fitted(a: Any, axis: int, size: int) -> Any:
    """`a` cut or padded with zeros to `size` elements along an axis."""
    have = typeof(a).shape[axis]
    if have == size:
        return a
    config = [(0, size - have if d == axis else 0, 0) for d in range(typeof(a).ndim)]
    return pad(a, typeof(a).dtype.type(0), config)


def _length(name: str, n: Any) -> int:
    n = integer(n, "n")
    if n < 1:
        raise ValueError(f"fft.{name}: the length must be at least 1; got {n}, at {describe(user_source())}.")
    return n


def _scaled(name: str, y: Any, norm: str | None, count: int, inverse: bool) -> Any:
    """`y`, unscaled forwards and divided by `count` backwards, under another norm."""
    if not among(norm, _NORMS):
        raise ValueError(f"fft.{name}: norm must be None, 'backward', 'ortho' or 'forward'; got {norm!r}, at {describe(user_source())}.")
    power = _NORMS[norm] / 2
    factor = float(count) ** (power if inverse else -power)
    return y if factor == 1 else mul_p.bind(y, typeof(y).dtype.type(factor))


def _transform(name: str, kind: FftType, a: Any, lengths: Sequence[Any] | None, axes: tuple[int, ...], norm: str | None) -> Any:
    """Transform `a` along `axes`, the last of which is that of the half spectrum."""
    a = _operand(name, a, kind is FftType.RFFT)
    shape = typeof(a).shape
    inverse = kind in (FftType.IFFT, FftType.IRFFT)
    sizes = [shape[d] for d in axes]
    if kind is FftType.IRFFT and sizes:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if lengths is not None:
        sizes = [size if n is None else n for size, n in zip(sizes, lengths, strict=True)]
    sizes = [_length(name, n) for n in sizes]
    for d, n in zip(axes, sizes, strict=True):
        a = _fitted(a, d, n // 2 + 1 if kind is FftType.IRFFT and d == axes[-1] else n)
    if not axes:
        return a
    rest = tuple(d for d in range(len(shape)) if d not in axes)
    moved = _permuted(a, (*rest, *axes))
    for part in _groups(kind, tuple(sizes)):
        moved = part(moved)
    back = np.argsort((*rest, *axes))
    return _scaled(name, _permuted(moved, tuple(int(i) for i in back)), norm, prod(sizes), inverse)


def _groups(kind: FftType, sizes: tuple[int, ...]) -> list[Callable[[Any], Any]]:
    """The transform of the trailing axes, at most three of them at a time as the reference's primitive has it."""
    if len(sizes) <= 3:
        return [lambda x: fft_p.bind(x, fft_type=kind, fft_lengths=sizes)]
    inverse = kind in (FftType.IFFT, FftType.IRFFT)
    whole = FftType.IFFT if inverse else FftType.FFT
    k = len(sizes)

    def leading(x: Any) -> Any:
        for d in range(k - 1):
            end = typeof(x).ndim - 1
            at = end - k + 1 + d
            x = move_axis(fft_p.bind(move_axis(x, at, end), fft_type=whole, fft_lengths=(sizes[d],)), end, at)
        return x

    def last(x: Any) -> Any:
        return fft_p.bind(x, fft_type=kind, fft_lengths=(sizes[-1],))

    return [leading, last] if inverse else [last, leading]


def _permuted(a: Any, order: tuple[int, ...]) -> Any:
    from_order = list(order)
    if from_order == sorted(from_order):
        return a
    return transpose_p.bind(a, permutation=order)


def _one(name: str, kind: FftType, a: Any, n: int | None, axis: int, norm: str | None) -> Any:
    axis = canonicalize_axis(axis, typeof(asarray_internal(a)).ndim)
    return _transform(name, kind, a, None if n is None else (n,), (axis,), norm)


def _many(name: str, kind: FftType, a: Any, s: Sequence[int] | None, axes: Sequence[int] | None, norm: str | None) -> Any:
    check_arraylike(f"fft.{name}", a)
    ndim = typeof(asarray_internal(a)).ndim
    s, axes = None if s is None else sequence(s, "s"), None if axes is None else sequence(axes, "axes")
    if axes is None:
        chosen = tuple(range(ndim)) if s is None else tuple(range(ndim - len(s), ndim))
    else:
        chosen = tuple(canonicalize_axis(d, ndim) for d in axes)
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"fft.{name}: the axes {tuple(axes or ())} must be distinct, at {describe(user_source())}.")
    if s is not None and len(s) != len(chosen):
        raise ValueError(f"fft.{name}: {len(s)} lengths are given for {len(chosen)} axes, at {describe(user_source())}.")
    return _transform(name, kind, a, s, chosen, norm)


# -- complex transforms -------------------------------------------------------------------------------------------------------

def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The transform ``y[k] = sum_j a[j] exp(-2 pi i j k / n)`` along an axis.

    Args:
        a: an array; real ones are converted.
        n: the length; `a` is cut or padded with zeros to it.
        axis: the axis.
        norm: "backward" (None), "ortho" or "forward": where the factor 1/n goes.

    Raises:
        ValueError: for a length below 1 or an unknown norm.

    >>> fft(np.array([1.0, 2.0, 3.0, 4.0])).real
    Array([10., -2., -2., -2.], dtype=float64)
    """
    return _one("fft", FftType.FFT, a, n, axis, norm)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft`."""
    return _one("ifft", FftType.IFFT, a, n, axis, norm)


def fftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """`fft` along several axes (all by default), to the lengths `s`."""
    return _many("fftn", FftType.FFT, a, s, axes, norm)


def ifftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The inverse of `fftn`."""
    return _many("ifftn", FftType.IFFT, a, s, axes, norm)


def fft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """`fft` along two axes."""
    return _many("fft2", FftType.FFT, a, s, axes, norm)


def ifft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `fft2`."""
    return _many("ifft2", FftType.IFFT, a, s, axes, norm)


# -- transforms of real arrays --------------------------------------------------------------------------------------------------

def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The first ``n // 2 + 1`` elements of the transform of a real array; the others are their conjugates.

    >>> rfft(np.array([1.0, 0.0, -1.0, 0.0])).real
    Array([0., 2., 0.], dtype=float64)
    """
    return _one("rfft", FftType.RFFT, a, n, axis, norm)


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `rfft`: real, of length n (``2 (m - 1)`` by default, for m elements of a spectrum)."""
    return _one("irfft", FftType.IRFFT, a, n, axis, norm)


def rfftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """`rfft` along the last of several axes, `fft` along the others."""
    return _many("rfftn", FftType.RFFT, a, s, axes, norm)


def irfftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The inverse of `rfftn`."""
    return _many("irfftn", FftType.IRFFT, a, s, axes, norm)


def rfft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """`rfftn` along two axes."""
    return _many("rfft2", FftType.RFFT, a, s, axes, norm)


def irfft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of `rfft2`."""
    return _many("irfft2", FftType.IRFFT, a, s, axes, norm)


_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The transform of a signal with a Hermitian spectrum's symmetry, given by its first half; real."""
    a = _operand("hfft", a, False)
    _scaled("hfft", np.ones(1), norm, 1, False)
    return _one("hfft", FftType.IRFFT, conj(a), n, axis, _OPPOSITE[norm])


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`."""
    _scaled("ihfft", np.ones(1), norm, 1, False)
    return conj(_one("ihfft", FftType.RFFT, a, n, axis, _OPPOSITE[norm]))


# -- frequencies ------------------------------------------------------------------------------------------------------------------

def _frequencies(name: str, n: Any, d: Any, dtype: Any, positive: bool) -> Any:
    n = _length(name, n)
    dtype = options().default_float if dtype is None else canonical(dtype)
    k = arange(n // 2 + 1, dtype=dtype) if positive else roll(arange(-(n // 2), n - n // 2, dtype=dtype), -(n // 2))
    return k / (n * d)


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of `fft` of n samples at a distance `d`, in cycles per unit of `d`.

    >>> fftfreq(4, 0.5)
    Array([ 0. ,  0.5, -1. , -0.5], dtype=float64)
    """
    check_device("fftfreq", device)
    return _frequencies("fftfreq", n, d, dtype, False)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of `rfft`.

    >>> rfftfreq(4)
    Array([0.  , 0.25, 0.5 ], dtype=float64)
    """
    check_device("rfftfreq", device)
    return _frequencies("rfftfreq", n, d, dtype, True)


def _shifted(name: str, x: Any, axes: Any, sign: int) -> Any:
    check_arraylike(f"fft.{name}", x)
    x = asarray_internal(x)
    shape = typeof(x).shape
    chosen = canonical_axes(axes, len(shape))
    return roll(x, tuple(sign * (shape[d] // 2) for d in chosen), chosen)


def fftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """The spectrum with frequency 0 in the middle.

    >>> fftshift(np.arange(4))
    Array([2, 3, 0, 1], dtype=int64)
    """
    return _shifted("fftshift", x, axes, 1)


def ifftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted("ifftshift", x, axes, -1)
