"""Short-time Fourier transforms, spectral densities by Welch's method, and removal of trends.

A signal is cut into overlapping segments, each of which loses its trend, is multiplied by a window and transformed. The short-time
transform is these spectra; Welch's estimate of a spectral density is the mean of their squares (P. D. Welch, "The use of fast Fourier
transform for the estimation of power spectra", 1967); a cross spectrum is the mean of their products. The inverse transform adds the
overlapping segments, windowed again, and divides by the sum of squared windows (D. Griffin and J. Lim, "Signal estimation from modified
short-time Fourier transform", 1984).

What a segment loses as its trend is its projection on the polynomials of degree 0 or 1, piece by piece.

All sizes, windows and frequencies' numbers are static; data and the sampling frequency may be traced.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, integer
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy import fft
from functrans.numpy.util import default_float, promote_inexact
from functrans.primitives.sliding import overlap_add_p, sliding_windows
from functrans.scipy.signal_windows import window_of
from functrans.util import canonicalize_axis

__all__ = ["csd", "detrend", "istft", "stft", "welch"]

Trend = Callable[[Any], Any] | str | bool


def _error(name: str, what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"{name}: {what}, at {describe(user_source())}.")


def _warn(name: str, what: str) -> None:
    warnings.warn(f"{name}: {what}, at {describe(user_source())}.", UserWarning, stacklevel=2)


def _one_array(x: Any) -> Any:
    return promote_inexact(fnp.asarray(x))[0]


# -- trends -----------------------------------------------------------------------------------------------------------

def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: None = None) -> Any:
    """An array without its trend along an axis.

    Args:
        data: the array.
        axis: the axis.
        type: "linear" for the line of least squares, "constant" for the mean.
        bp: where the line may break: an index or a sequence of them, static. Each piece has its own line.
        overwrite_data: must be None; nothing is overwritten.

    Returns:
        an array of the shape of `data`, floating or complex.

    Raises:
        ValueError: for another type, or an index that is not in the array.
        NotImplementedError: if `overwrite_data` is given.

    >>> detrend(np.array([1.0, 3.0, 5.0, 8.0])).round(6)
    Array([ 0.2, -0.1, -0.4,  0.3], dtype=float64)
    """
    if overwrite_data is not None:
        raise _error("detrend", "overwrite_data is not supported, since arrays are immutable", NotImplementedError)
    x = _one_array(data)
    return _without_trend("detrend", x, canonicalize_axis(axis, typeof(x).ndim), type, bp)


def _without_trend(name: str, x: Any, axis: int, kind: str, bp: Any = 0) -> Any:
    if kind in ("constant", "c"):
        return x - fnp.mean(x, axis=axis, keepdims=True)
    if not among(kind, ("linear", "l")):
        raise _error(name, f"the type of trend must be 'linear' or 'constant'; got {kind!r}")
    n = typeof(x).shape[axis]
    if isinstance(bp, Tracer):
        raise _error(name, f"bp must be known while the program is traced; got {bp.describe()}", TypeError)
    breaks = np.unique(np.concatenate([[0], np.ravel(bp).astype(int), [n]]))
    if breaks[0] < 0 or breaks[-1] > n:
        raise _error(name, f"bp must be non-negative and at most {n}, the length of the data; got {bp!r}")
    y = fnp.moveaxis(x, axis, -1)
    pieces = [_minus_line(y[..., i:j]) for i, j in pairwise(breaks)]
    return fnp.moveaxis(fnp.concatenate(pieces, axis=-1) if len(pieces) > 1 else pieces[0], -1, axis)


def _minus_line(x: Any) -> Any:
    """`x` minus its projection on an orthonormal basis of the lines."""
    n = typeof(x).shape[-1]
    lines = np.stack([np.ones(n), np.linspace(-1, 1, n)], axis=1)[:, :min(n, 2)]
    basis = np.linalg.qr(lines)[0].astype(typeof(x).dtype)
    return x - (x @ basis) @ basis.T


def _trend_remover(name: str, trend: Trend) -> Callable[[Any], Any]:
    if not trend:
        return lambda x: x
    if callable(trend):
        return trend
    return lambda x: _without_trend(name, x, typeof(x).ndim - 1, str(trend))


# -- segments ---------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Cut:
    """How a signal is cut: segments of `size` elements, `step` apart, transformed in `length` elements."""

    window: Any
    size: int
    step: int
    length: int

    @property
    def overlap(self) -> int:
        return self.size - self.step


def _integer(name: str, what: str, value: Any) -> int:
    try:
        return integer(value, "value") if not isinstance(value, float) else int(value)
    except TypeError:
        raise _error(name, f"{what} must be an integer; got {value!r}", TypeError) from None


def _window(name: str, window: Any, size: int | None, longest: int | None, default: int) -> tuple[Any, int]:
    """The window and its number of points: `longest` is that of the signal."""
    if isinstance(window, (str, tuple)):
        n = default if size is None else size
        if longest is not None and n > longest:
            _warn(name, f"nperseg = {n} is greater than the length of the signal, {longest}, which is used in its place")
            n = longest
        return window_of(name, window, n), n
    window = window if isinstance(window, Tracer) else np.asarray(window)
    shape = window.shape
    if len(shape) != 1:
        raise _error(name, f"the window must be a name, a tuple or a vector; got shape {shape}")
    if longest is not None and longest < shape[0]:
        raise _error(name, f"the window has {shape[0]} elements, more than the signal, which has {longest}")
    if size is not None and size != shape[0]:
        raise _error(name, f"nperseg is {size}, but the window has {shape[0]} elements")
    return window, shape[0]


def _cut(name: str, window: Any, nperseg: Any, noverlap: Any, nfft: Any, longest: int | None, default: int = 256) -> _Cut:
    size = None if nperseg is None else _integer(name, "nperseg", nperseg)
    if size is not None and size < 1:
        raise _error(name, f"nperseg must be positive; got {nperseg}")
    weights, size = _window(name, window, size, longest, default)
    length = size if nfft is None else _integer(name, "nfft", nfft)
    if length < size:
        raise _error(name, f"nfft must be at least nperseg; got {length} and {size}")
    overlap = size // 2 if noverlap is None else _integer(name, "noverlap", noverlap)
    if not 0 <= overlap < size:
        raise _error(name, f"noverlap must be less than nperseg, and not negative; got {overlap} and {size}")
    return _Cut(weights, size, size - overlap, length)


def _spectra(x: Any, cut: _Cut, remove_trend: Callable[[Any], Any], onesided: bool) -> Any:
    """The spectra of the segments of the last axis: ``[..., segment, frequency]``."""
    segments = remove_trend(sliding_windows(x, (cut.size,), (cut.step,), (1,)))
    windowed = segments * cut.window.astype(typeof(segments).dtype)
    return (fft.rfft if onesided else fft.fft)(windowed, cut.length)


def _frequencies(cut: _Cut, fs: Any, onesided: bool) -> Any:
    return (fft.rfftfreq if onesided else fft.fftfreq)(cut.length) * fs


def _is_onesided(name: str, wanted: bool, *xs: Any) -> bool:
    if wanted and any(typeof(x).dtype.kind == "c" for x in xs):
        _warn(name, "the signal is complex, so all frequencies are returned: return_onesided=False")
        return False
    return bool(wanted)


# -- spectral densities -----------------------------------------------------------------------------------------------

def welch(
    x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None, noverlap: int | None = None, nfft: int | None = None,
    detrend: Trend = "constant", return_onesided: bool = True, scaling: str = "density", axis: int = -1, average: str = "mean",
) -> tuple[Any, Any]:
    """The power spectral density of a signal, by Welch's method.

    Args:
        x: the signal; other axes are batches.
        fs: the sampling frequency.
        window: a name, a tuple ``(name, number, ...)``, or a vector of weights.
        nperseg: the length of the segments: 256, or that of the window.
        noverlap: by how much segments overlap: by half of their length.
        nfft: the length of the transforms, that of the segments or more.
        detrend: the trend that segments lose: "constant", "linear", a function of the segments along the last axis, or False.
        return_onesided: whether frequencies below zero are left out, and their power counted with those above. Not for complex signals.
        scaling: "density" (power per frequency) or "spectrum" (power).
        axis: the axis of time.
        average: over segments, "mean" or "median" (without its bias).

    Returns:
        (frequencies, densities).

    Raises:
        ValueError: for sizes or names that do not fit.

    >>> f, density = welch(np.cos(np.pi / 4 * np.arange(64)), nperseg=16)
    >>> float(f[np.argmax(density)])
    0.125
    """
    return _densities("welch", x, None, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average)


def csd(
    x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None, noverlap: int | None = None,
    nfft: int | None = None, detrend: Trend = "constant", return_onesided: bool = True, scaling: str = "density", axis: int = -1,
    average: str = "mean",
) -> tuple[Any, Any]:
    """The cross power spectral density of two signals, by Welch's method: the mean of ``conj(X) Y``.

    Args:
        x, y: the signals, None as `y` for `x` itself; the shorter one goes on with zeros, and other axes broadcast.
        fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average: as for `welch`.

    Returns:
        (frequencies, complex densities; real ones where `y` is None or `x`).

    Raises:
        ValueError: for sizes or names that do not fit.

    >>> csd(np.ones(8), np.arange(8.0), nperseg=8, detrend=False)[1].real[:2].round(3)
    Array([21.333, 10.667], dtype=float64)
    """
    return _densities("csd", x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average)


def _densities(
    name: str, x: Any, y: Any, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any, trend: Trend, onesided: bool, scaling: str,
    axis: int, average: str,
) -> tuple[Any, Any]:
    for what, value, known in (("scaling", scaling, ("density", "spectrum")), ("average", average, ("mean", "median"))):
        if value not in known:
            raise _error(name, f"{what} must be one of {list(known)}; got {value!r}")
    signals = _signals(name, x, y, axis)
    n = typeof(signals[0]).shape[-1]
    if any(not typeof(s).size for s in signals):
        shape = np.broadcast_shapes(*(typeof(s).shape for s in signals))
        empty = fnp.moveaxis(fnp.zeros(shape, typeof(signals[0]).dtype), -1, axis)
        return empty, empty
    cut = _cut(name, window, nperseg, noverlap, nfft, n)
    onesided = _is_onesided(name, onesided, *signals)
    spectra = [_spectra(s, cut, _trend_remover(name, trend), onesided) for s in signals]
    powers = fnp.square(fnp.abs(spectra[0])) if len(spectra) == 1 else fnp.conj(spectra[0]) * spectra[1]
    total = fs * (cut.window * cut.window).sum() if scaling == "density" else cut.window.sum() ** 2
    powers = (powers / total).astype(typeof(powers).dtype)
    if onesided:
        # Each frequency stands for its negative one too, but 0 and, of an even length, the last.
        twice = np.full(typeof(powers).shape[-1], 2.0)
        twice[0] = 1
        if cut.length % 2 == 0:
            twice[-1] = 1
        powers = powers * twice.astype(typeof(fnp.real(powers)).dtype)
    return _frequencies(cut, fs, onesided), fnp.moveaxis(_averaged(powers, average), -1, axis)


def _signals(name: str, x: Any, y: Any, axis: int) -> list[Any]:
    """One signal or two, of one length, along their last axes."""
    if y is None or y is x:
        x = _one_array(x)
        return [fnp.moveaxis(x, canonicalize_axis(axis, typeof(x).ndim), -1)]
    pair = promote_inexact(fnp.asarray(x), fnp.asarray(y))
    pair = [fnp.moveaxis(s, canonicalize_axis(axis, typeof(s).ndim), -1) for s in pair]
    outer = [typeof(s).shape[:-1] for s in pair]
    try:
        np.broadcast_shapes(*outer)
    except ValueError:
        raise _error(name, f"x and y cannot be broadcast together: their shapes without the axis of time are {outer[0]} and {outer[1]}") \
            from None
    n = max(typeof(s).shape[-1] for s in pair)
    return [fnp.pad(s, [(0, 0)] * (typeof(s).ndim - 1) + [(0, n - typeof(s).shape[-1])]) for s in pair]


def _averaged(powers: Any, average: str) -> Any:
    """Over the segments, the last axis but one."""
    n = typeof(powers).shape[-2]
    if average == "mean":
        return fnp.mean(powers, axis=-2)
    # The median of n exponentially distributed numbers over their mean: B. Allen et al., "FINDCHIRP" (2012), appendix B.
    even = 2.0 * np.arange(1, (n - 1) // 2 + 1)
    bias = 1 + float(np.sum(1 / (even + 1) - 1 / even))
    if typeof(powers).dtype.kind == "c":
        middle = fnp.median(fnp.real(powers), axis=-2) + 1j * fnp.median(fnp.imag(powers), axis=-2)
    else:
        middle = fnp.median(powers, axis=-2)
    return middle / bias


# -- short-time transforms --------------------------------------------------------------------------------------------

def _extended(name: str, x: Any, boundary: str | None, count: int) -> Any:
    """`x` with `count` elements more on both sides of its last axis."""
    modes = {"even": "reflect", "odd": "odd", "constant": "edge", "zeros": "constant"}
    if boundary is None:
        return x
    if not among(boundary, modes):
        raise _error(name, f"boundary must be one of {[*modes, None]}; got {boundary!r}")
    n = typeof(x).shape[-1]
    if boundary in ("even", "odd") and count > n - 1:
        raise _error(name, f"a signal of {n} elements cannot be extended by {count} of its elements; boundary 'zeros' or 'constant' can")
    pads = [(0, 0)] * (typeof(x).ndim - 1) + [(count, count)]
    if boundary != "odd":
        return fnp.pad(x, pads, mode=modes[boundary])
    low, high = x[..., :1], x[..., -1:]
    return fnp.concatenate([2 * low - fnp.flip(x[..., 1:count + 1], -1), x, 2 * high - fnp.flip(x[..., n - 1 - count:n - 1], -1)], axis=-1)


def stft(
    x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int = 256, noverlap: int | None = None, nfft: int | None = None,
    detrend: Trend = False, return_onesided: bool = True, boundary: str | None = "zeros", padded: bool = True, axis: int = -1,
) -> tuple[Any, Any, Any]:
    """The short-time Fourier transform of a signal.

    Args:
        x: the signal; other axes are batches.
        fs, window, nperseg, noverlap, nfft, detrend, return_onesided, axis: as for `welch`.
        boundary: what half a segment before and after the signal is filled with: "zeros", "constant" (the last value), "even" or "odd"
            (mirror images), or None, to begin with a whole segment of the signal.
        padded: whether zeros complete the last segment; without them, what does not fill a segment is left out.

    Returns:
        (frequencies, times of the middles of the segments, spectra): these have frequencies in the place of the axis, and times last.
        They are divided by the sum of the window.

    Raises:
        ValueError: for sizes or names that do not fit.

    >>> f, t, z = stft(np.cos(np.pi / 2 * np.arange(16)), nperseg=8)
    >>> t
    Array([ 0.,  4.,  8., 12., 16.], dtype=float64)
    >>> np.abs(z[:, 2]).round(3)
    Array([0.  , 0.25, 0.5 , 0.25, 0.  ], dtype=float64)
    """
    name = "stft"
    x = _one_array(x)
    axis = canonicalize_axis(axis, typeof(x).ndim)
    x = fnp.moveaxis(x, axis, -1)
    n = typeof(x).shape[-1]
    if not typeof(x).size:
        empty = fnp.moveaxis(x, -1, axis)
        return empty, empty, empty
    cut = _cut(name, window, nperseg, noverlap, nfft, n)
    x = _extended(name, x, boundary, cut.size // 2)
    if padded:
        missing = -(typeof(x).shape[-1] - cut.size) % cut.step % cut.size
        x = fnp.pad(x, [(0, 0)] * (typeof(x).ndim - 1) + [(0, missing)])
    onesided = _is_onesided(name, return_onesided, x)
    spectra = _spectra(x, cut, _trend_remover(name, detrend), onesided)
    spectra = (spectra / abs(cut.window.sum())).astype(typeof(spectra).dtype)
    first = cut.size / 2 if boundary is None else 0
    times = (first + cut.step * fnp.arange(typeof(spectra).shape[-2], dtype=default_float())) / fs
    return _frequencies(cut, fs, onesided), times, fnp.moveaxis(spectra, -1, axis)


def istft(
    Zxx: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None, noverlap: int | None = None, nfft: int | None = None,
    input_onesided: bool = True, boundary: bool = True, time_axis: int = -1, freq_axis: int = -2,
) -> tuple[Any, Any]:
    """The signal of a short-time Fourier transform: the one of least squares, where no signal has that transform.

    Args:
        Zxx: the spectra, with an axis of frequencies and one of times.
        fs, window, nperseg, noverlap, nfft: those of `stft`; nperseg is by default what the number of frequencies tells.
        input_onesided: whether there are no frequencies below zero.
        boundary: whether the signal was extended by half a segment at both ends.
        time_axis, freq_axis: the axes.

    Returns:
        (times, signal), the time in the place of its axis.

    Raises:
        ValueError: for sizes, names or axes that do not fit.

    >>> x = np.arange(8.0)
    >>> istft(stft(x, nperseg=4)[2], nperseg=4)[1].round(6)
    Array([0., 1., 2., 3., 4., 5., 6., 7.], dtype=float64)
    """
    name = "istft"
    z = _one_array(Zxx)
    rank = typeof(z).ndim
    if rank < 2:
        raise _error(name, f"Zxx must have at least 2 dimensions; got shape {typeof(z).shape}")
    at, of = canonicalize_axis(time_axis, rank), canonicalize_axis(freq_axis, rank)
    if at == of:
        raise _error(name, f"time_axis and freq_axis must differ; both are axis {at}")
    z = fnp.moveaxis(z, (at, of), (-2, -1))
    segments, bins = typeof(z).shape[-2:]
    implied = 2 * (bins - 1) if input_onesided else bins
    size = implied if nperseg is None else _integer(name, "nperseg", nperseg)
    if nfft is None:
        nfft = size if input_onesided and size == implied + 1 else implied  # one more: the length is odd
    cut = _cut(name, window, size, noverlap, nfft, None)
    pieces = (fft.irfft if input_onesided else fft.ifft)(z, cut.length)[..., :cut.size]
    length = cut.size + (segments - 1) * cut.step
    squares = _sum_of_squares(cut, segments, length)
    weights = (cut.window * cut.window.sum()).astype(typeof(fnp.real(pieces)).dtype)
    x = overlap_add_p.bind(pieces * weights, sizes=(length,), strides=(cut.step,), dilation=(1,))
    half = cut.size // 2
    keep = slice(half, length - half) if boundary else slice(0, length)
    squares = squares[keep]
    if isinstance(squares, np.ndarray) and np.any(squares <= 1e-10):
        _warn(name, "the windows vanish somewhere together, so the signal is not determined there; it is 0")
    x = (x[..., keep] / fnp.where(squares > 1e-10, squares, 1)).astype(typeof(pieces).dtype)
    times = fnp.arange(typeof(x).shape[-1], dtype=default_float()) / fs
    return times, fnp.moveaxis(x, -1, at - (of < at))


def _sum_of_squares(cut: _Cut, segments: int, length: int) -> Any:
    """The squares of the overlapping windows, added: by NumPy, where the window is static."""
    if isinstance(cut.window, Tracer):
        each = fnp.broadcast_to(fnp.square(cut.window), (segments, cut.size))
        return overlap_add_p.bind(each, sizes=(length,), strides=(cut.step,), dilation=(1,))
    out = np.zeros(length)
    for i in range(0, segments * cut.step, cut.step):
        out[i:i + cut.size] += cut.window ** 2
    return out
