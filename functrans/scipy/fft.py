"""`functrans.scipy.fft`: discrete cosine transforms of types 1 to 4, along one axis or several.

With ``n`` elements the sums, not normalised, are (M. J. Narasimha and A. M. Peterson, "On the computation of the discrete cosine
transform", 1978; J. Makhoul, "A fast cosine transform in one and two dimensions", 1980)::

    type 1    y[k] = x[0] + (-1)^k x[n-1] + 2 sum_{0<j<n-1} x[j] cos(pi j k / (n - 1))
    type 2    y[k] = 2 sum_j x[j] cos(pi k (2 j + 1) / (2 n))
    type 3    y[k] = x[0] + 2 sum_{j>0} x[j] cos(pi j (2 k + 1) / (2 n))
    type 4    y[k] = 2 sum_j x[j] cos(pi (2 j + 1)(2 k + 1) / (4 n))

Types 2 and 3 are one real Fourier transform of n elements: the even elements forwards, then the odd ones backwards. Type 1 is that of
the even continuation, and type 4 a complex transform of twice the length. All are linear: derivatives exist everywhere. Complex
arrays are transformed as their real and imaginary parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, integer, integers
from functrans.core.low_precision import working_dtype
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy import fft
from functrans.numpy.util import promote_inexact
from functrans.util import canonicalize_axis

__all__ = ["dct", "dctn", "idct", "idctn"]

_INVERSE_TYPE = {1: 1, 2: 3, 3: 2, 4: 4}
_INVERSE_NORM = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _error(name: str, what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"{name}: {what}, at {describe(user_source())}.")


# -- the sums, along the last axis ------------------------------------------------------------------------------------

def _phases(exponents: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """``exp(-i pi exponents)`` in the complex dtype of the real `dtype`."""
    return np.exp(-1j * np.pi * exponents).astype(np.result_type(dtype, np.complex64))


def _type1(x: Any) -> Any:
    n = typeof(x).shape[-1]
    return fnp.real(fft.rfft(fnp.concatenate([x, fnp.flip(x[..., 1:n - 1], -1)], axis=-1)))


def _type2(x: Any) -> Any:
    n = typeof(x).shape[-1]
    if n == 1:
        return 2 * x
    half = n // 2 + 1
    spectrum = fft.rfft(fnp.concatenate([x[..., ::2], fnp.flip(x[..., 1::2], -1)], axis=-1))
    turned = 2 * spectrum * _phases(np.arange(half) / (2 * n), typeof(x).dtype)
    # The upper half of the cosine sums are the sine sums of the lower one.
    return fnp.concatenate([fnp.real(turned), -fnp.flip(fnp.imag(turned[..., 1:n - half + 1]), -1)], axis=-1)


def _type3(x: Any) -> Any:
    n = typeof(x).shape[-1]
    if n == 1:
        return x
    half = n // 2 + 1
    upper = fnp.concatenate([fnp.zeros_like(x[..., :1]), fnp.flip(x[..., n - half + 1:], -1)], axis=-1)
    spectrum = fnp.asarray(x[..., :half] - 1j * upper) * np.conj(_phases(np.arange(half) / (2 * n), typeof(x).dtype))
    y = fft.irfft(spectrum, n) * n
    middle = (n + 1) // 2
    # Forwards at the even places, backwards at the odd ones.
    odd = fnp.pad(fnp.flip(y[..., middle:], -1), [(0, 0)] * (typeof(x).ndim - 1) + [(0, n % 2)])
    return fnp.stack([y[..., :middle], odd], axis=-1).reshape((*typeof(x).shape[:-1], 2 * middle))[..., :n]


def _type4(x: Any) -> Any:
    n = typeof(x).shape[-1]
    dtype = typeof(x).dtype
    turned = x * _phases(np.arange(n) / (2 * n), dtype)
    return 2 * fnp.real(fft.fft(turned, 2 * n)[..., :n] * _phases((2 * np.arange(n) + 1) / (4 * n), dtype))


_SUMS = {1: _type1, 2: _type2, 3: _type3, 4: _type4}


def _edges(n: int, first: float, last: float, dtype: np.dtype) -> np.ndarray:
    weights = np.ones(n, dtype)
    weights[0] *= first
    weights[-1] *= last
    return weights


def _normalised(x: Any, kind: int, norm: str | None) -> Any:
    """The transform of real numbers along the last axis. Orthogonal ones weigh the first (and last) elements by square roots of 2."""
    n, dtype = typeof(x).shape[-1], typeof(x).dtype
    length = 2 * (n - 1) if kind == 1 else 2 * n
    root = sqrt(2)
    if norm == "ortho" and kind in (1, 3):
        x = x * _edges(n, root, root if kind == 1 else 1, dtype)
    y = _SUMS[kind](x)
    if norm == "ortho" and kind in (1, 2):
        y = y * _edges(n, 1 / root, 1 / root if kind == 1 else 1, dtype)
    return y * {None: 1.0, "backward": 1.0, "ortho": 1 / sqrt(length), "forward": 1 / length}[norm]


# -- arguments --------------------------------------------------------------------------------------------------------

def _fitted(x: Any, axis: int, n: int) -> Any:
    """`x` cut or padded with zeros to `n` elements along an axis."""
    have = typeof(x).shape[axis]
    if n <= have:
        return x[(slice(None),) * axis + (slice(0, n),)]
    return fnp.pad(x, [(0, n - have if d == axis else 0) for d in range(typeof(x).ndim)])


def _transformed(name: str, x: Any, kind: int, sizes: Sequence[int | None], axes: Sequence[int], norm: str | None, inverse: bool) -> Any:
    if not among(kind, _SUMS):
        raise _error(name, f"type must be 1, 2, 3 or 4; got {kind!r}", NotImplementedError if kind in range(5, 9) else ValueError)
    if not among(norm, _INVERSE_NORM):
        raise _error(name, f"norm must be None, 'backward', 'ortho' or 'forward'; got {norm!r}")
    if inverse:
        kind, norm = _INVERSE_TYPE[kind], _INVERSE_NORM[norm]
    (x,) = promote_inexact(x)
    if working_dtype(typeof(x).dtype) == np.float32:
        x = x.astype(np.float32)
    for axis, size in zip(axes, sizes, strict=True):
        n = typeof(x).shape[axis] if size is None else integer(size, "size")
        if n < (2 if kind == 1 else 1):
            raise _error(name, f"a transform of type {kind} needs {'two elements' if kind == 1 else 'an element'} at least; got {n} along "
                               f"axis {axis}")
        x = fnp.moveaxis(_fitted(x, axis, n), axis, -1)
        if typeof(x).dtype.kind == "c":
            x = _normalised(fnp.real(x), kind, norm) + 1j * _normalised(fnp.imag(x), kind, norm)
        else:
            x = _normalised(x, kind, norm)
        x = fnp.moveaxis(x, -1, axis)
    return x


def _one(name: str, x: Any, kind: int, n: int | None, axis: int, norm: str | None, inverse: bool) -> Any:
    x = fnp.asarray(x)
    return _transformed(name, x, kind, [n], [canonicalize_axis(axis, typeof(x).ndim)], norm, inverse)


def _many(name: str, x: Any, kind: int, s: Any, axes: Any, norm: str | None, inverse: bool) -> Any:
    x = fnp.asarray(x)
    rank = typeof(x).ndim
    sizes = None if s is None else integers(s, "s")
    if axes is None:
        chosen = list(range(rank)) if sizes is None else list(range(rank - len(sizes), rank))
    else:
        chosen = [canonicalize_axis(d, rank) for d in integers(axes, "axes")]
    if sizes is not None and (len(sizes) != len(chosen) or len(sizes) > rank):
        raise _error(name, f"{len(sizes)} lengths are given for {min(len(chosen), rank)} axes")
    if len(set(chosen)) != len(chosen):
        raise _error(name, f"axes must be distinct; got {axes!r}")
    return _transformed(name, x, kind, [None] * len(chosen) if sizes is None else sizes, chosen, norm, inverse)


# -- the functions ----------------------------------------------------------------------------------------------------

def dct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The discrete cosine transform along an axis.

    Args:
        x: an array.
        type: 1, 2, 3 or 4 (see the module).
        n: to how many elements `x` is cut or padded with zeros.
        axis: the axis.
        norm: None or "backward" for the sums as they stand, "forward" divides them by 2 n (2 (n - 1) for type 1), "ortho" makes the
            transform orthogonal.

    Returns:
        an array of the shape of `x`, with n elements along the axis.

    Raises:
        ValueError: for another type or norm, or too few elements.

    >>> dct(np.array([1.0, 2.0, 3.0])).round(6)
    Array([12.      , -3.464102,  0.      ], dtype=float64)
    """
    return _one("dct", x, type, n, axis, norm, False)


def idct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `dct` with the same arguments.

    >>> idct(dct(np.array([1.0, 2.0, 3.0]))).round(6)
    Array([1., 2., 3.], dtype=float64)
    """
    return _one("idct", x, type, n, axis, norm, True)


def dctn(x: Any, type: int = 2, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The discrete cosine transform along several axes, one after the other.

    Args:
        x: an array.
        type, norm: as for `dct`.
        s: the numbers of elements along the axes.
        axes: the axes: all, or as many of the last ones as `s` has lengths.

    Raises:
        ValueError: for another type or norm, too few elements, or lengths and axes that do not fit.

    >>> dctn(np.ones((2, 2)))
    Array([[16.,  0.],
           [ 0.,  0.]], dtype=float64)
    """
    return _many("dctn", x, type, s, axes, norm, False)


def idctn(x: Any, type: int = 2, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The inverse of `dctn` with the same arguments.

    >>> idctn(dctn(np.ones((2, 2)))).round(6)
    Array([[1., 1.],
           [1., 1.]], dtype=float64)
    """
    return _many("idctn", x, type, s, axes, norm, True)
