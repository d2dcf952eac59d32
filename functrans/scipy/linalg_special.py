"""Matrices of known form: Toeplitz, Hankel, companion, Pascal and others, under SciPy's names.

Those made of an argument are gathers and concatenations, so that derivatives pass through; those made of a size are constants.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans.arguments import among, integer
from functrans.config import options
from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import asarray_internal, promote_args, promote_inexact

__all__ = ["block_diag", "circulant", "companion", "convolution_matrix", "dft", "fiedler", "fiedler_companion", "hadamard", "hankel",
           "helmert", "hilbert", "invhilbert", "invpascal", "leslie", "pascal", "toeplitz"]


def _vector(name: str, x: Any, least: int = 0) -> Any:
    x = asarray_internal(x)
    if typeof(x).ndim != 1 or typeof(x).size < least:
        raise ValueError(f"{name}: a vector of at least {least} elements is needed; got shape {typeof(x).shape}, at "
                         f"{describe(user_source())}.")
    return x


# -- of arrays --------------------------------------------------------------------------------------------------------

def block_diag(*arrs: Any) -> Any:
    """Matrices along the diagonal of a larger one, zeros elsewhere.

    Args:
        arrs: arrays of at most two axes; vectors are rows.

    Raises:
        ValueError: for more axes.

    >>> block_diag(np.ones((1, 2)), np.array([[3.0]]))
    Array([[1., 1., 0.],
           [0., 0., 3.]], dtype=float64)
    """
    parts = promote_args(*(map(asarray_internal, arrs) if arrs else (fnp.zeros((1, 0)),)))
    if any(typeof(x).ndim > 2 for x in parts):
        raise ValueError(f"block_diag: arrays of at most two axes are needed; got shapes {[typeof(x).shape for x in parts]}, at "
                         f"{describe(user_source())}.")
    parts = [fnp.atleast_2d(x) for x in parts]
    width, before, rows = sum(x.shape[1] for x in parts), 0, []
    for x in parts:
        rows.append(fnp.pad(x, ((0, 0), (before, width - before - x.shape[1]))))
        before += x.shape[1]
    return fnp.concatenate(rows)


def toeplitz(c: Any, r: Any = None) -> Any:
    """Matrices with constant diagonals.

    Args:
        c: the first column ``[..., m]``.
        r: the first row ``[..., n]``, whose first element does not count; by default the conjugate of `c`.

    Returns:
        ``[..., m, n]``.

    >>> toeplitz(np.array([1.0, 2.0]), np.array([1.0, 3.0, 4.0]))
    Array([[1., 3., 4.],
           [2., 1., 3.]], dtype=float64)
    """
    c = fnp.atleast_1d(asarray_internal(c))
    r = fnp.conj(c) if r is None else fnp.atleast_1d(asarray_internal(r))
    c, r = promote_args(c, r)
    batch = np.broadcast_shapes(typeof(c).shape[:-1], typeof(r).shape[:-1])
    m, n = typeof(c).shape[-1], typeof(r).shape[-1]
    c, r = fnp.broadcast_to(c, (*batch, m)), fnp.broadcast_to(r, (*batch, n))
    line = fnp.concatenate([fnp.flip(c, -1), r[..., 1:]], axis=-1)
    return line[..., np.arange(m - 1, -1, -1)[:, None] + np.arange(n)]


def hankel(c: Any, r: Any = None) -> Any:
    """The matrix with constant antidiagonals, first column `c` and last row `r` (its first element does not count; zeros by default).

    >>> hankel(np.array([1.0, 2.0]), np.array([0.0, 3.0, 4.0]))
    Array([[1., 2., 3.],
           [2., 3., 4.]], dtype=float64)
    """
    c = fnp.ravel(asarray_internal(c))
    r = fnp.zeros_like(c) if r is None else fnp.ravel(asarray_internal(r))
    c, r = promote_args(c, r)
    line = fnp.concatenate([c, r[1:]])
    return line[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


def circulant(c: Any) -> Any:
    """The matrices whose columns are `c`, each moved down by one more: ``[..., n]`` gives ``[..., n, n]``.

    >>> circulant(np.array([1, 2, 3]))
    Array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]], dtype=int64)
    """
    c = fnp.atleast_1d(asarray_internal(c))
    at = np.arange(typeof(c).shape[-1])
    return c[..., (at[:, None] - at) % max(len(at), 1)]


def companion(a: Any) -> Any:
    """The companion matrix of the polynomial with coefficients `a`, the highest power first.

    Raises:
        ValueError: for fewer than two coefficients.

    >>> companion(np.array([1.0, -3.0, 2.0]))
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float64)
    """
    (a,) = promote_inexact(_vector("companion", a, 2))
    n = typeof(a).shape[0] - 1
    return fnp.concatenate([(-a[1:] / a[0])[None], fnp.eye(n - 1, n, dtype=a.dtype)])


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The Toeplitz matrix whose product with a vector of `n` elements is its convolution with `a`.

    Args:
        a: a vector of m elements.
        mode: "full", "same" or "valid", as in `convolve`.

    Raises:
        ValueError: for another mode, an empty `a` or an `n` that is not positive.

    >>> convolution_matrix(np.array([1, 2]), 2)
    Array([[1, 0],
           [2, 1],
           [0, 2]], dtype=int64)
    """
    a = _vector("convolution_matrix", a, 1)
    n = integer(n, "n")
    if n <= 0 or not among(mode, ("full", "same", "valid")):
        raise ValueError(f"convolution_matrix: n={n} must be positive, and mode {mode!r} one of 'full', 'same' and 'valid', at "
                         f"{describe(user_source())}.")
    m = typeof(a).shape[0]
    whole = toeplitz(fnp.pad(a, (0, n - 1)), fnp.concatenate([a[:1], fnp.zeros(n - 1, a.dtype)]))
    cut = 0 if mode == "full" else (min(m, n) - 1) // 2 if mode == "same" else min(m, n) - 1
    rows = m + n - 1 if mode == "full" else max(m, n) if mode == "same" else max(m, n) - min(m, n) + 1
    return whole[cut:cut + rows]


def fiedler(a: Any) -> Any:
    """The matrix of ``abs(a[i] - a[j])``.

    >>> fiedler(np.array([1.0, 4.0]))
    Array([[0., 3.],
           [3., 0.]], dtype=float64)
    """
    a = _vector("fiedler", fnp.atleast_1d(asarray_internal(a)))
    return fnp.abs(a[:, None] - a)


def fiedler_companion(a: Any) -> Any:
    """The pentadiagonal companion matrix of the polynomial with coefficients `a`, the highest power first (Fiedler, 2003).

    >>> fiedler_companion(np.array([1.0, -3.0, 2.0]))
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float64)
    """
    (a,) = promote_inexact(_vector("fiedler_companion", a))
    n = typeof(a).shape[0] - 1
    if n <= 1:
        return fnp.zeros((0, 0), a.dtype) if n < 1 else -a[1:, None] / a[0]
    a = a / a[0]
    c = fnp.zeros((n, n), a.dtype)
    even, odd = np.arange(0, n, 2), np.arange(0, n - 2, 2)
    c = c.at[even[even + 1 < n], even[even + 1 < n] + 1].set(-a[even[even + 1 < n] + 2])
    c = c.at[even[even > 0], even[even > 0] - 1].set(-a[even[even > 0] + 1])
    c = c.at[odd, odd + 2].set(1)
    c = c.at[odd + 3, odd + 1].set(1) if n > 3 and (odd + 3 < n).all() else c.at[(odd + 3)[odd + 3 < n], (odd + 1)[odd + 3 < n]].set(1)
    return c.at[0, 0].set(-a[1]).at[1, 0].set(1)


def leslie(f: Any, s: Any) -> Any:
    """The Leslie matrix of fecundities `f` (its first row) and survivals `s` (below the diagonal).

    Raises:
        ValueError: unless `f` has one element more than `s`, and `s` at least one.

    >>> leslie(np.array([0.1, 2.0]), np.array([0.5]))
    Array([[0.1, 2. ],
           [0.5, 0. ]], dtype=float64)
    """
    f, s = promote_inexact(_vector("leslie", f, 2), _vector("leslie", s, 1))
    if typeof(f).shape[0] != typeof(s).shape[0] + 1:
        raise ValueError(f"leslie: f must have one element more than s; got {typeof(f).shape[0]} and {typeof(s).shape[0]}, at "
                         f"{describe(user_source())}.")
    below = fnp.concatenate([fnp.diag(s), fnp.zeros((typeof(s).shape[0], 1), s.dtype)], axis=1)
    return fnp.concatenate([f[None], below])


# -- of a size --------------------------------------------------------------------------------------------------------

def _constant(x: np.ndarray) -> Any:
    return fnp.asarray(x.astype(options().default_float))


def _size(n: Any) -> int:
    """The size of a square matrix."""
    n = integer(n, "n")
    if n < 0:
        raise ValueError(f"n={n}: the size of a matrix must not be negative, at {describe(user_source())}.")
    return n


def dft(n: int, scale: str | None = None, *, dtype: Any = None) -> Any:
    """The matrix of the discrete Fourier transform, ``exp(-2j pi j k / n)``; divided by n or its root for `scale` "n" or "sqrtn".

    Raises:
        ValueError: for another scale.

    >>> dft(2).real.round(12)
    Array([[ 1.,  1.],
           [ 1., -1.]], dtype=float64)
    """
    n = _size(n)
    if not among(scale, (None, "sqrtn", "n")):
        raise ValueError(f"dft: scale must be None, 'sqrtn' or 'n', not {scale!r}, at {describe(user_source())}.")
    turns = np.outer(np.arange(n), np.arange(n)) % max(n, 1) / max(n, 1)
    x = np.exp(-2j * np.pi * turns) / {None: 1.0, "sqrtn": np.sqrt(n), "n": n}[scale]
    return fnp.asarray(x.astype(np.result_type(options().default_float, np.complex64) if dtype is None else canonical(dtype)))


def hadamard(n: int, dtype: Any = int) -> Any:
    """Sylvester's Hadamard matrix of size `n`, a power of two.

    Raises:
        ValueError: for another size.

    >>> hadamard(2)
    Array([[ 1,  1],
           [ 1, -1]], dtype=int64)
    """
    n = _size(n)
    if n < 1 or n & (n - 1):
        raise ValueError(f"hadamard: n={n} must be a power of two, at {describe(user_source())}.")
    odd = np.bitwise_count(np.arange(n)[:, None] & np.arange(n)) & 1
    return fnp.asarray((1 - 2 * odd.astype(np.int64)).astype(canonical(dtype)))


def helmert(n: int, full: bool = False) -> Any:
    """The Helmert matrix: orthonormal rows that sum to 0; with `full` a first row of equal elements.

    >>> (helmert(2) * np.sqrt(2.0)).round(12)
    Array([[ 1., -1.]], dtype=float64)
    """
    n = _size(n)
    i = np.arange(n)
    x = np.tril(np.ones((n, n)), -1) - np.diag(i)
    x[0] = 1
    x /= np.sqrt(np.concatenate([[n], i[1:] * (i[1:] + 1)]))[:, None]
    return _constant(x if full else x[1:])


def hilbert(n: int) -> Any:
    """The matrix of ``1 / (i + j + 1)``.

    >>> hilbert(2)
    Array([[1.        , 0.5       ],
           [0.5       , 0.33333333]], dtype=float64)
    """
    n = _size(n)
    return _constant(1 / (np.arange(n)[:, None] + np.arange(n) + 1.0))


def invhilbert(n: int) -> Any:
    """The inverse of the Hilbert matrix, whose elements are integers.

    >>> invhilbert(2)
    Array([[ 4., -6.],
           [-6., 12.]], dtype=float64)
    """
    n = _size(n)
    x = [[(-1) ** (i + j) * (i + j + 1) * comb(n + i, n - j - 1) * comb(n + j, n - i - 1) * comb(i + j, i) ** 2
          for j in range(n)] for i in range(n)]
    return _constant(np.array(x, object).reshape(n, n))


def pascal(n: int, kind: str | None = None) -> Any:
    """Pascal's matrix: ``comb(i + j, i)`` ("symmetric", the default), its "lower" factor ``comb(i, j)``, or its "upper" one.

    Raises:
        ValueError: for another kind.

    >>> pascal(3, "lower")
    Array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 2., 1.]], dtype=float64)
    """
    return _constant(_pascal("pascal", n, kind))


def _pascal(name: str, n: int, kind: str | None) -> np.ndarray:
    n = _size(n)
    if not among(kind, (None, "symmetric", "lower", "upper")):
        raise ValueError(f"{name}: kind must be 'symmetric', 'lower' or 'upper', not {kind!r}, at {describe(user_source())}.")
    lower = np.array([[comb(i, j) for j in range(n)] for i in range(n)], object).reshape(n, n)
    return lower if kind == "lower" else lower.T if kind == "upper" else lower @ lower.T


def invpascal(n: int, kind: str | None = None) -> Any:
    """The inverse of Pascal's matrix, whose elements are integers; see `pascal`.

    >>> invpascal(2)
    Array([[ 2., -1.],
           [-1.,  1.]], dtype=float64)
    """
    n = _size(n)
    signs = np.array([[(-1) ** (i + j) for j in range(n)] for i in range(n)], object).reshape(n, n)
    lower = signs * _pascal("invpascal", n, "lower")
    _pascal("invpascal", 0, kind)
    return _constant(lower if kind == "lower" else lower.T if kind == "upper" else lower.T @ lower)
