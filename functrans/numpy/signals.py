"""Convolution and correlation of vectors, covariance matrices, and windows.

A convolution with few numbers is a sum of shifted copies of the longer vector; with more of them it is the product of its windows,
gathered as a matrix, and the shorter vector reversed. Windows are sampled cosines, lines and Bessel functions; their number of
points is static.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.arguments import among, integer
from functrans.core.array import Array
from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.contraction import matmul
from functrans.numpy.creation import diag
from functrans.numpy.elementary import i0
from functrans.numpy.indexing import getitem
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import atleast_2d, expand_dims, flip, transpose
from functrans.numpy.reductions import average
from functrans.numpy.reductions import sum as total
from functrans.numpy.ufuncs import conjugate, divide, imag, multiply, real, sqrt, subtract
from functrans.numpy.util import asarray_internal, check_arraylike, default_float, promote_args, promote_inexact, requested_dtype
from functrans.primitives.arithmetic import clamp, complex_p, max_p
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.contraction import dot_general
from functrans.primitives.movement import pad, slice_in_dim
from functrans.primitives.structural import convert_element_type, reshape

__all__ = ["bartlett", "blackman", "convolve", "corrcoef", "correlate", "cov", "hamming", "hanning", "kaiser"]


SHIFTS = 64
"""The length of the shorter vector up to which a convolution is a sum of shifted copies."""


# -- convolution ------------------------------------------------------------------------------------------------------

def _convolved(name: str, a: Any, v: Any, mode: str, preferred_element_type: Any) -> Any:
    if not among(mode, ("full", "same", "valid")):
        raise ValueError(f"{name}: mode must be one of ['full', 'same', 'valid']; got {mode!r}, at {describe(user_source())}.")
    if typeof(a).ndim != 1 or typeof(v).ndim != 1:
        raise ValueError(f"{name}() only supports 1-dimensional inputs; got {typeof(a)} and {typeof(v)}, at {describe(user_source())}.")
    if not typeof(a).size or not typeof(v).size:
        raise ValueError(f"{name}: inputs cannot be empty; got {typeof(a)} and {typeof(v)}, at {describe(user_source())}.")
    if preferred_element_type is not None:
        a, v = (convert_element_type(x, requested_dtype(preferred_element_type)) for x in (a, v))
    if typeof(a).size < typeof(v).size:
        a, v = v, a
    n, m = typeof(a).shape[0], typeof(v).shape[0]
    before = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    dtype = typeof(a).dtype
    padded = pad(a, dtype.type(0), ((before, length - 1 + m - before - n, 0),))
    if m > SHIFTS:
        windows = getitem(padded, np.arange(length)[:, None] + np.arange(m))
        return dot_general(windows, flip(v), (((1,), (0,)), ((), ())))
    out: Any = None
    for j in range(m):
        term = mul_p.bind(slice_in_dim(padded, j, j + length), reshape(slice_in_dim(v, m - 1 - j, m - j), ()))
        out = term if out is None else add_p.bind(out, term)
    return out


def convolve(a: Any, v: Any, mode: str = "full", *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The convolution of two vectors: ``c[k] = sum_i a[i] * v[k - i]``.

    Args:
        a, v: vectors, not empty.
        mode: "full" for all sums, "same" for the middle ones, as many as the longer vector has elements, "valid" for those of
            which no term is missing.
        precision: accepted; products are exact to the dtype.
        preferred_element_type: the dtype of the products.

    Raises:
        ValueError: for another mode, or other shapes.

    >>> convolve(np.array([1, 2, 3]), np.array([1, 1]))
    Array([1, 3, 5, 3], dtype=int64)
    """
    check_arraylike("convolve", a, v)
    a, v = promote_args(asarray_internal(a), asarray_internal(v))
    return _convolved("convolve", a, v, mode, preferred_element_type)


def correlate(a: Any, v: Any, mode: str = "valid", *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """The correlation of two vectors: ``c[k] = sum_i a[i + k] * conj(v[i])``. See `convolve`.

    >>> correlate(np.array([1, 2, 3]), np.array([0, 1, 2]), mode="full")
    Array([2, 5, 8, 3, 0], dtype=int64)
    """
    check_arraylike("correlate", a, v)
    a, v = promote_args(asarray_internal(a), asarray_internal(v))
    n, m = typeof(a).size, typeof(v).size
    reversed_ = conjugate(flip(v)) if typeof(v).ndim == 1 else v
    if n < m and typeof(a).ndim == 1 and mode == "same":
        # The middle of the sums is not the same from both ends: count from that of the longer vector.
        return flip(conjugate(_convolved("correlate", v, conjugate(flip(a)), mode, preferred_element_type)))
    return _convolved("correlate", a, reversed_, mode, preferred_element_type)


# -- covariance -------------------------------------------------------------------------------------------------------

def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
        aweights: Any = None, dtype: Any = None) -> Any:
    """The covariance matrix of variables.

    Args:
        m: the observations: a vector of one variable, or a matrix with one variable a row (a column, if not `rowvar`).
        y: more variables, of the same form.
        rowvar: whether rows are variables.
        bias: whether to divide by the number of observations, instead of one less.
        ddof: what to take from that number, instead.
        fweights: how often each observation occurred: a vector of integers.
        aweights: the weight of each observation: a vector.
        dtype: that of the result.

    Raises:
        ValueError: for arrays of more than two axes, or weights that are not one for each observation.
        TypeError: if `fweights` are no integers.

    >>> cov(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float64)
    """
    check_arraylike("cov", m, *(() if y is None else (y,)))
    if ddof is not None and not isinstance(ddof, int):
        raise ValueError(f"cov: ddof must be integer; got {ddof!r}, at {describe(user_source())}.")
    parts = promote_inexact(m) if y is None else promote_inexact(m, y)
    if any(typeof(p).ndim > 2 for p in parts):
        raise ValueError(f"cov: m and y have more than 2 dimensions: {', '.join(str(typeof(p)) for p in parts)}, at "
                         f"{describe(user_source())}.")
    rows = []
    for p in parts:
        p = atleast_2d(p)
        rows.append(p if rowvar or typeof(p).shape[0] == 1 else transpose(p))
    x = concatenate(rows, 0) if len(rows) > 1 else rows[0]
    if dtype is not None:
        x = convert_element_type(x, requested_dtype(dtype))
    n = typeof(x).shape[1]
    if not typeof(x).size:
        return Array(np.full((typeof(x).shape[0],) * 2, np.nan, typeof(x).dtype))
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = _observation_weights(fweights, aweights, n)
    if w is None:
        mean = average(x, axis=1, keepdims=True)
        count: Any = n - ddof
    else:
        mean, weight_sum = average(x, axis=1, weights=w, returned=True, keepdims=True)
        weight_sum = reshape(getitem(weight_sum, (0, 0)), ())
        lost: Any = ddof
        if aweights is not None:
            lost = divide(multiply(ddof, total(multiply(w, aweights))), weight_sum)
        count = subtract(weight_sum, lost) if ddof else weight_sum
    x = subtract(x, mean)
    other = conjugate(x if w is None else multiply(x, w))
    out = divide(matmul(x, transpose(other)), max(count, 0) if isinstance(count, int) else max_p.bind(count, typeof(count).dtype.type(0)))
    return reshape(out, ()) if typeof(out).shape == (1, 1) else out


def _observation_weights(fweights: Any, aweights: Any, n: int) -> Any:
    out = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        check_arraylike("cov", w)
        w = asarray_internal(w)
        if w.shape != (n,):
            raise ValueError(f"cov: {name} must be one for each of the {n} observations; got {typeof(w)}, at {describe(user_source())}.")
        if name == "fweights" and not is_integer(w.dtype):
            raise TypeError(f"cov: fweights must be integers; got {typeof(w)}, at {describe(user_source())}.")
        out = w if out is None else multiply(out, w)
    return out


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, dtype: Any = None) -> Any:
    """The matrix of correlation coefficients of variables: their covariances over their standard deviations. See `cov`.

    >>> corrcoef(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float64)
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not typeof(c).shape:
        return divide(c, c)
    deviation = sqrt(real(diag(c)))
    c = divide(divide(c, expand_dims(deviation, 1)), expand_dims(deviation, 0))
    one = typeof(real(c)).dtype.type(1)
    if typeof(c).dtype.kind == "c":
        return complex_p.bind(clamp(-one, real(c), one), clamp(-one, imag(c), one))
    return clamp(-one, c, one)


# -- windows ----------------------------------------------------------------------------------------------------------

def _window(name: str, M: int, shape: Callable[[np.ndarray], np.ndarray]) -> Any:
    """`shape` of the points 0, 1, ..., M - 1, as shares of a turn."""
    n = integer(M, "M")
    dtype = default_float()
    if n < 2:
        return Array(np.ones(max(n, 0), dtype))
    return Array(np.asarray(shape(np.arange(n) / (n - 1)), dtype))


def bartlett(M: int) -> Any:
    """The triangular window of `M` points, 0 at its ends.

    >>> bartlett(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float64)
    """
    return _window("bartlett", M, lambda t: 1 - np.abs(2 * t - 1))


def blackman(M: int) -> Any:
    """The Blackman window of `M` points: 0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t).

    >>> round(float(blackman(5)[2]), 12)
    1.0
    """
    return _window("blackman", M, lambda t: 0.42 - 0.5 * np.cos(2 * np.pi * t) + 0.08 * np.cos(4 * np.pi * t))


def hamming(M: int) -> Any:
    """The Hamming window of `M` points: 0.54 - 0.46 cos(2 pi t).

    >>> hamming(3)
    Array([0.08, 1.  , 0.08], dtype=float64)
    """
    return _window("hamming", M, lambda t: 0.54 - 0.46 * np.cos(2 * np.pi * t))


def hanning(M: int) -> Any:
    """The von Hann window of `M` points: 0.5 - 0.5 cos(2 pi t).

    >>> hanning(5)
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float64)
    """
    return _window("hanning", M, lambda t: 0.5 - 0.5 * np.cos(2 * np.pi * t))


def kaiser(M: int, beta: Any) -> Any:
    """The Kaiser window of `M` points: i0(beta sqrt(1 - (2 t - 1)^2)) / i0(beta).

    >>> kaiser(3, 0.0)
    Array([1., 1., 1.], dtype=float64)
    """
    check_arraylike("kaiser", beta)
    n = integer(M, "M")
    if n < 2:
        return _window("kaiser", M, lambda t: t)
    t = np.arange(n) / (n - 1)
    (beta,) = promote_inexact(beta)
    height = np.asarray(np.sqrt(1 - (2 * t - 1) ** 2), typeof(beta).dtype)
    return divide(i0(multiply(beta, height)), i0(beta))
