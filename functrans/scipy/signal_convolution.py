"""Convolution and correlation of arrays of any rank, in one or two dimensions with boundaries, directly or by Fourier transforms.

A direct convolution is `lax.conv_general_dilated` of the first array with the second one reversed, padded on both sides by one less than
the second's size; a correlation is a convolution with the conjugate of the second array reversed. By Fourier transforms a convolution is
a product of spectra, of lengths without large prime factors.

``mode`` says which part is kept: "full" all of it, "same" the middle, of the size of the first array, and "valid" what does not touch
the padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, prod
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, integers
from functrans.core.dtypes import is_inexact
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy import fft
from functrans.numpy.util import promote_args, promote_inexact
from functrans.primitives.convolution import conv_general_dilated
from functrans.util import canonicalize_axis

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve"]

MODES = ("full", "same", "valid")
_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}
_DIRECT = 20.0
"""How many products of a direct convolution cost as much as one element and binary digit of length in the transforms."""


def _error(name: str, what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"{name}: {what}, at {describe(user_source())}.")


# -- what all have in common ------------------------------------------------------------------------------------------

def _operands(name: str, in1: Any, in2: Any, mode: str, rank: int | None = None) -> list[Any]:
    if not among(mode, MODES):
        raise _error(name, f"mode must be one of {list(MODES)}; got {mode!r}")
    a, v = promote_args(fnp.asarray(in1), fnp.asarray(in2))
    if rank is not None and not (typeof(a).ndim == typeof(v).ndim == rank):
        raise _error(name, f"in1 and in2 must be {rank}-dimensional; got shapes {typeof(a).shape} and {typeof(v).shape}")
    if typeof(a).ndim != typeof(v).ndim:
        raise _error(name, f"in1 and in2 must have the same number of dimensions; got shapes {typeof(a).shape} and {typeof(v).shape}")
    return [a, v]


def _not_empty(name: str, a: Any, v: Any) -> None:
    if not typeof(a).size or not typeof(v).size:
        raise _error(name, f"in1 and in2 must not be empty; got shapes {typeof(a).shape} and {typeof(v).shape}")


def _check_valid(name: str, n: Sequence[int], m: Sequence[int]) -> bool:
    """Whether the second array is the larger one; for "valid" one of them must be it along every axis."""
    if all(i >= j for i, j in zip(n, m, strict=True)):
        return False
    if all(i <= j for i, j in zip(n, m, strict=True)):
        return True
    raise _error(name, f"for mode 'valid' one input must be at least as large as the other in every dimension; got shapes {tuple(n)} and "
                       f"{tuple(m)}")


def _start_and_size(n: int, m: int, mode: str) -> tuple[int, int]:
    """Where in the full convolution of `n` and `m` elements the part of `mode` starts, and its size."""
    if mode == "full":
        return 0, n + m - 1
    return ((m - 1) // 2, n) if mode == "same" else (min(n, m) - 1, abs(n - m) + 1)


def _conj_reversed(v: Any) -> Any:
    return fnp.conj(fnp.flip(v))


def _direct(a: Any, v: Any, pads: Sequence[tuple[int, int]]) -> Any:
    """The sums of products of windows of the padded `a` with `v` reversed."""
    dtype = typeof(a).dtype
    whole = dtype.kind == "b"
    a, v = (x.astype(np.int64) for x in (a, v)) if whole else (a, v)
    out = conv_general_dilated(a[None, None], fnp.flip(v)[None, None], (1,) * len(pads), list(pads))[0, 0]
    return (out != 0) if whole else out


def _full_part(name: str, a: Any, v: Any, mode: str) -> Any:
    """A direct convolution with zeros beyond the boundaries."""
    n, m = typeof(a).shape, typeof(v).shape
    if mode == "valid" and _check_valid(name, n, m):
        a, v, n, m = v, a, m, n
    pads = []
    for i, j in zip(n, m, strict=True):
        start, size = _start_and_size(i, j, mode)
        pads.append((j - 1 - start, start + size - i))
    return _direct(a, v, pads) if pads else a * v


def _by_fourier_is_faster(a: Any, v: Any, mode: str) -> bool:
    if not is_inexact(typeof(a).dtype):
        return False
    n, m = typeof(a).shape, typeof(v).shape
    places = prod(_start_and_size(i, j, mode)[1] for i, j in zip(n, m, strict=True))
    full = prod(i + j - 1 for i, j in zip(n, m, strict=True))
    return places * min(prod(n), prod(m)) > _DIRECT * full * log2(max(full, 2))


# -- any number of dimensions -----------------------------------------------------------------------------------------

def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto", precision: Any = None) -> Any:
    """The convolution of two arrays: ``out[k] = sum_i in1[i] * in2[k - i]``, with i and k of as many indices as the arrays have axes.

    Args:
        in1, in2: arrays of one rank.
        mode: "full" for all sums, "same" for the middle ones, as many as `in1` has elements, "valid" for those without zeros from
            beyond the boundaries.
        method: "direct", "fft", or "auto" for what is faster. Integers are always summed directly.
        precision: accepted; products are exact to the dtype.

    Returns:
        an array in the common dtype.

    Raises:
        ValueError: for another mode or method, ranks that differ, empty arrays, or, with "valid", arrays neither of which contains
            the other.

    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    Array([0. , 1. , 2.5, 4. , 1.5], dtype=float64)
    """
    a, v = _operands("convolve", in1, in2, mode)
    return _convolved("convolve", a, v, mode, method)


def _convolved(name: str, a: Any, v: Any, mode: str, method: str) -> Any:
    if not among(method, ("auto", "direct", "fft")):
        raise _error(name, f"method must be 'auto', 'direct' or 'fft'; got {method!r}")
    _not_empty(name, a, v)
    if method == "auto" and _by_fourier_is_faster(a, v, mode):
        method = "fft"
    if method == "fft":
        dtype = typeof(a).dtype
        a, v = promote_inexact(a, v)
        out = _spectral(name, a, v, mode, tuple(range(typeof(a).ndim)))
        return out if is_inexact(dtype) else fnp.round(out).astype(dtype)
    return _full_part(name, a, v, mode)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto", precision: Any = None) -> Any:
    """The correlation of two arrays: ``out[k] = sum_i in1[i + k] * conj(in2[i])``; its first element has k = 1 - (size of in2).

    Arguments, results and errors are those of `convolve`.

    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5]))
    Array([0.5, 2. , 3.5, 3. , 0. ], dtype=float64)
    """
    a, v = _operands("correlate", in1, in2, mode)
    return _convolved("correlate", a, _conj_reversed(v), mode, method)


# -- by Fourier transforms --------------------------------------------------------------------------------------------

def fast_length(n: int) -> int:
    """The least length from `n` on whose prime factors are 2, 3 and 5."""
    best = 1 << max(n - 1, 0).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            rest = -(-n // three)
            best = min(best, three << (rest - 1).bit_length())
            three *= 3
        five *= 5
    return best


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Sequence[int] | int | None = None) -> Any:
    """The convolution of two arrays along some axes, by Fourier transforms.

    Args:
        in1, in2: arrays of one rank, whose shapes broadcast along the other axes.
        mode: which part of the convolution, as for `convolve`.
        axes: the axes of the convolution, None for all of them.

    Returns:
        a floating or complex array; empty where an argument is.

    Raises:
        ValueError: for another mode, or shapes that do not fit.

    >>> fftconvolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5])).round(6)
    Array([1. , 2.5, 4. , 1.5], dtype=float64)
    """
    a, v = promote_inexact(*_operands("fftconvolve", in1, in2, mode))
    rank = typeof(a).ndim
    given = range(rank) if axes is None else integers(axes, "axes")
    chosen = tuple(canonicalize_axis(d, rank) for d in given)
    if len(set(chosen)) != len(chosen):
        raise _error("fftconvolve", f"axes must be distinct; got {axes!r}")
    n, m = typeof(a).shape, typeof(v).shape
    unlike = [d for d in range(rank) if d not in chosen and n[d] != m[d] and 1 not in (n[d], m[d])]
    if unlike:
        raise _error("fftconvolve", f"shapes {n} and {m} must agree along the axes that are not convolved; they differ along {unlike}")
    if not typeof(a).size or not typeof(v).size:
        return fnp.zeros(0, typeof(a).dtype)
    return _spectral("fftconvolve", a, v, mode, chosen)


def _spectral(name: str, a: Any, v: Any, mode: str, axes: tuple[int, ...]) -> Any:
    n, m = typeof(a).shape, typeof(v).shape
    axes = tuple(d for d in axes if n[d] != 1 and m[d] != 1)
    if mode == "valid":
        _check_valid(name, [n[d] for d in axes], [m[d] for d in axes])
    if not axes:
        out = a * v
    else:
        lengths = [fast_length(n[d] + m[d] - 1) for d in axes]
        forward, inverse = (fft.fftn, fft.ifftn) if typeof(a).dtype.kind == "c" else (fft.rfftn, fft.irfftn)
        out = inverse(forward(a, lengths, axes) * forward(v, lengths, axes), lengths, axes)
    # Along the other axes a convolution is a product with one number, or is not asked for.
    parts = [_start_and_size(n[d], m[d], mode) if d in axes else (0, max(n[d], m[d])) for d in range(len(n))]
    index = tuple(slice(start, start + size) for start, size in parts)
    out = out[index]
    return _first_only(out, n, m, axes, mode).astype(typeof(a).dtype)


def _first_only(out: Any, n: Sequence[int], m: Sequence[int], axes: tuple[int, ...], mode: str) -> Any:
    """Mode "same" keeps as many elements as the first array has, also along an axis of which it has one."""
    if mode != "same":
        return out
    return out[tuple(slice((m[d] - 1) // 2, (m[d] - 1) // 2 + 1) if n[d] == 1 and m[d] > 1 and d not in axes else slice(None)
                     for d in range(len(n)))]


# -- two dimensions, with boundaries ----------------------------------------------------------------------------------

def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0, precision: Any = None) -> Any:
    """The convolution of two matrices, as if `in1` went on beyond its boundaries.

    Args:
        in1, in2: matrices.
        mode: which part of the convolution, as for `convolve`.
        boundary: how `in1` goes on: "fill" with `fillvalue`, "wrap" periodically, "symm" mirrored at its edges.
        fillvalue: a number.
        precision: accepted; products are exact to the dtype.

    Raises:
        ValueError: for other modes or boundaries, or what are not matrices; for "valid", matrices neither of which contains the other.

    >>> convolve2d(np.eye(2), np.ones((2, 2)), mode="same")
    Array([[1., 1.],
           [1., 2.]], dtype=float64)
    >>> convolve2d(np.eye(2), np.ones((2, 2)), mode="same", boundary="wrap")
    Array([[2., 2.],
           [2., 2.]], dtype=float64)
    """
    a, v = _operands("convolve2d", in1, in2, mode, rank=2)
    return _bounded("convolve2d", a, v, mode, boundary, fillvalue, 1)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0, precision: Any = None) -> Any:
    """The correlation of two matrices, as if `in1` went on beyond its boundaries.

    Arguments and errors are those of `convolve2d`; the sums are those of `correlate`, except that with "valid" and a larger `in2` complex
    sums are conjugate to them, and that with an `in2` of even size "same" starts one element later.

    >>> correlate2d(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]), mode="valid")
    Array([[5.]], dtype=float64)
    """
    a, v = _operands("correlate2d", in1, in2, mode, rank=2)
    if mode == "valid" and _check_valid("correlate2d", typeof(a).shape, typeof(v).shape):
        return fnp.flip(_bounded("correlate2d", v, _conj_reversed(a), mode, boundary, fillvalue, 0))
    return _bounded("correlate2d", a, _conj_reversed(v), mode, boundary, fillvalue, 0)


def _bounded(name: str, a: Any, v: Any, mode: str, boundary: str, fillvalue: Any, rounding: int) -> Any:
    if not among(boundary, _BOUNDARIES):
        raise _error(name, f"boundary must be one of {list(_BOUNDARIES)}; got {boundary!r}")
    _not_empty(name, a, v)
    if typeof(fnp.asarray(fillvalue)).shape:
        raise _error(name, f"fillvalue must be a number; got shape {typeof(fnp.asarray(fillvalue)).shape}")
    n, m = typeof(a).shape, typeof(v).shape
    if mode == "valid":
        return _full_part(name, a, v, mode)
    pads = []
    for i, j in zip(n, m, strict=True):
        start, size = _start_and_size(i, j, mode)
        start = (j - rounding) // 2 if mode == "same" else start
        pads.append((j - 1 - start, start + size - i))
    if boundary == "fill" and isinstance(fillvalue, (int, float)) and fillvalue == 0:
        return _direct(a, v, pads)
    more = {"constant_values": fillvalue} if boundary == "fill" else {}
    return _direct(fnp.pad(a, pads, mode=_BOUNDARIES[boundary], **more), v, [(0, 0), (0, 0)])
