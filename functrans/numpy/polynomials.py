"""Polynomials as vectors of coefficients, that of the highest power first.

Values by Horner's rule; products are convolutions; a quotient is found one coefficient at a time; least squares by the singular
values of the Vandermonde matrix. Roots are the eigenvalues of the companion matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.numpy.linalg as linalg
from functrans.arguments import integer
from functrans.core.dtypes import is_integer, kind_of
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.contraction import matmul, outer
from functrans.numpy.indexing import getitem
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import atleast_1d, broadcast_to, ravel, transpose
from functrans.numpy.places import concrete_values
from functrans.numpy.reductions import sum as total
from functrans.numpy.signals import convolve
from functrans.numpy.ufuncs import add, divide, multiply, negative, sqrt, square, subtract
from functrans.numpy.util import asarray_internal, check_arraylike, promote_args, promote_args_numeric, promote_inexact
from functrans.primitives.cumulative import cumprod_p
from functrans.primitives.movement import full, pad, slice_in_dim
from functrans.primitives.structural import broadcast_in_dim, convert_element_type, reshape

__all__ = ["poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "polyval", "roots", "vander"]


def _vector(name: str, p: Any) -> Any:
    check_arraylike(name, p)
    p = atleast_1d(asarray_internal(p))
    if typeof(p).ndim != 1:
        raise ValueError(f"{name}: coefficients must be a vector; got {typeof(p)}, at {describe(user_source())}.")
    return p


def _order(name: str, m: Any) -> int:
    order: int = integer(m, "m")
    if order < 0:
        raise ValueError(f"{name}: the order must not be negative; got {m}, at {describe(user_source())}.")
    return order


def polyval(p: Any, x: Any, *, unroll: int = 16) -> Any:
    """The value of a polynomial at each element of `x`.

    Args:
        p: the coefficients, a vector, that of the highest power first; or an array of polynomials, along whose first axis they lie.
        x: where to evaluate.
        unroll: accepted; the steps are always written out.

    >>> polyval(np.array([1.0, 0.0, 2.0]), np.array([3.0, 4.0]))
    Array([11., 18.], dtype=float64)
    """
    check_arraylike("polyval", p, x)
    p, x = promote_args_numeric(p, x)
    p = atleast_1d(asarray_internal(p))
    shape = np.broadcast_shapes(typeof(x).shape, typeof(p).shape[1:])
    y: Any = broadcast_to(full((), typeof(x).dtype.type(0)), shape)
    for i in range(typeof(p).shape[0]):
        y = add(multiply(y, x), getitem(p, i))
    return y


def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials.

    >>> polyadd(np.array([1, 2]), np.array([3, 4, 5]))
    Array([3, 5, 7], dtype=int64)
    """
    return add(*_aligned("polyadd", a1, a2))


def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials.

    >>> polysub(np.array([1, 2]), np.array([3, 4, 5]))
    Array([-3, -3, -3], dtype=int64)
    """
    return subtract(*_aligned("polysub", a1, a2))


def _aligned(name: str, a: Any, b: Any) -> list[Any]:
    """Both with leading zeros to one length."""
    a, b = promote_args(_vector(name, a), _vector(name, b))
    n = max(typeof(a).size, typeof(b).size)
    return [pad(x, typeof(x).dtype.type(0), ((n - typeof(x).size, 0, 0),)) for x in (a, b)]


def _trimmed(name: str, p: Any) -> Any:
    """Without leading zeros, but for one if there is nothing else."""
    values = concrete_values(name, p)
    found = np.flatnonzero(values)
    return getitem(p, slice(int(found[0]), None)) if found.size else getitem(p, slice(0, 0))


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Any:
    """The product of two polynomials.

    Args:
        trim_leading_zeros: whether to drop the leading zeros of both first, as NumPy does; they must then be concrete.

    >>> polymul(np.array([1, 1]), np.array([1, -1]))
    Array([ 1,  0, -1], dtype=int64)
    """
    a, b = (_vector("polymul", x) for x in (a1, a2))
    if trim_leading_zeros:
        a, b = (_trimmed("polymul", x) if np.any(concrete_values("polymul", x)) else full((1,), typeof(x).dtype.type(0)) for x in (a, b))
    return convolve(*promote_inexact(a, b)) if kind_of(typeof(a).dtype) == kind_of(typeof(b).dtype) == "b" else convolve(a, b)


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Any, Any]:
    """Quotient and remainder of two polynomials.

    Args:
        u, v: coefficients; the first of `v` must not be 0.
        trim_leading_zeros: whether to drop leading zeros of the remainder, as NumPy does; it must then be concrete.

    >>> polydiv(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0]))
    (Array([1., 1.], dtype=float64), Array([0., 0., 2.], dtype=float64))
    """
    u, v = promote_inexact(_vector("polydiv", u), _vector("polydiv", v))
    m, n = typeof(u).size - 1, typeof(v).size - 1
    scale = getitem(v, 0)
    quotient, rest = [], u
    for k in range(m - n + 1):
        factor = divide(getitem(rest, k), scale)
        quotient.append(reshape(factor, (1,)))
        taken = pad(multiply(factor, v), typeof(v).dtype.type(0), ((k, m - n - k, 0),))
        rest = subtract(rest, taken)
    q = concatenate(quotient) if quotient else full((1,), typeof(u).dtype.type(0))
    if trim_leading_zeros:
        values = concrete_values("polydiv", rest)
        large = np.flatnonzero(np.abs(values) > np.sqrt(finfo(values.dtype).eps))
        rest = getitem(rest, slice(int(large[0]) if large.size else len(values) - 1, None))
    return q, rest


def polyder(p: Any, m: int = 1) -> Any:
    """The `m`-th derivative of a polynomial.

    Raises:
        ValueError: if `m` is negative.

    >>> polyder(np.array([1.0, 2.0, 3.0]))
    Array([2., 2.], dtype=float64)
    """
    m = _order("polyder", m)
    (p,) = promote_args_numeric(_vector("polyder", p))
    if is_integer(typeof(p).dtype):
        (p,) = promote_inexact(p)
    n = typeof(p).size
    if m == 0:
        return p
    powers = np.arange(n - 1, -1, -1)
    factors = np.ones(n)
    for k in range(m):
        factors = factors * (powers - k)
    kept = max(n - m, 0)
    return multiply(slice_in_dim(p, 0, kept), factors[:kept].astype(typeof(p).dtype))


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The `m`-th integral of a polynomial.

    Args:
        p: the coefficients.
        m: how often to integrate.
        k: the constants of integration, first that of the first integral: a vector of `m`, or one number; 0 unless given.

    Raises:
        ValueError: if `m` is negative, or there are not `m` constants.

    >>> polyint(np.array([2.0, 2.0]))
    Array([1., 2., 0.], dtype=float64)
    """
    m = _order("polyint", m)
    k = 0 if k is None else k
    check_arraylike("polyint", k)
    p, k = promote_inexact(_vector("polyint", p), atleast_1d(asarray_internal(k)))
    if typeof(k).shape == (1,):
        k = broadcast_in_dim(k, (m,), (0,))
    if typeof(k).shape != (m,):
        raise ValueError(f"polyint: k must be a number or a vector of the {m} constants of integration; got {typeof(k)}, at "
                         f"{describe(user_source())}.")
    for j in range(m):
        n = typeof(p).size
        p = concatenate([divide(p, np.arange(n, 0, -1).astype(typeof(p).dtype)), slice_in_dim(k, j, j + 1)])
    return p


def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with the given zeros (or those of the characteristic polynomial of a square matrix).

    Raises:
        ValueError: for an array of another form.

    >>> poly(np.array([1.0, 2.0]))
    Array([ 1., -3.,  2.], dtype=float64)
    """
    check_arraylike("poly", seq_of_zeros)
    (zeros,) = promote_inexact(atleast_1d(asarray_internal(seq_of_zeros)))
    shape = typeof(zeros).shape
    if len(shape) == 2 and shape[0] == shape[1] and shape[0]:
        zeros = linalg.eigvals(zeros)
    if typeof(zeros).ndim != 1:
        raise ValueError(f"poly: the input must be a vector of zeros or a non-empty square matrix; got {shape}, at "
                         f"{describe(user_source())}.")
    out: Any = full((1,), typeof(zeros).dtype.type(1))
    for i in range(typeof(zeros).size):
        out = convolve(out, concatenate([full((1,), typeof(zeros).dtype.type(1)), reshape(negative(getitem(zeros, i)), (1,))]))
    return out


def roots(p: Any, *, strip_zeros: bool = True) -> Any:
    """The roots of a polynomial, complex: the eigenvalues of its companion matrix.

    Args:
        p: the coefficients.
        strip_zeros: whether to drop leading zeros, and count trailing ones as roots at 0; coefficients must then be concrete.

    >>> np.sort_complex(np.asarray(roots(np.array([1.0, -3.0, 2.0])))).real
    array([1., 2.])
    """
    (p,) = promote_inexact(_vector("roots", p))
    at_zero = 0
    if strip_zeros:
        found = np.flatnonzero(concrete_values("roots", p, "Or pass strip_zeros=False. "))
        at_zero = typeof(p).size - 1 - int(found[-1]) if found.size else 0
        p = getitem(p, slice(int(found[0]), int(found[-1]) + 1)) if found.size else getitem(p, slice(0, 0))
    n = typeof(p).size
    dtype = np.result_type(typeof(p).dtype, np.complex64)
    if n < 2:
        return full((at_zero,), dtype.type(0))
    top = divide(negative(slice_in_dim(p, 1, n)), getitem(p, 0))
    companion = concatenate([reshape(top, (1, n - 1)), np.eye(n - 2, n - 1, dtype=typeof(p).dtype)], 0)
    return concatenate([convert_element_type(linalg.eigvals(companion), dtype), full((at_zero,), dtype.type(0))])


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The Vandermonde matrix: the powers of each element of a vector in a row, falling unless `increasing`.

    Args:
        x: a vector.
        N: the number of columns; that of rows unless given.
        increasing: whether powers rise.

    Raises:
        ValueError: if `x` is no vector, or `N` is negative.

    >>> vander(np.array([1, 2, 3]), 3)
    Array([[1, 1, 1],
           [4, 2, 1],
           [9, 3, 1]], dtype=int64)
    """
    check_arraylike("vander", x)
    (x,) = promote_args_numeric(asarray_internal(x))
    x = asarray_internal(x)
    if x.ndim != 1:
        raise ValueError(f"vander: x must be one-dimensional; got {typeof(x)}, at {describe(user_source())}.")
    n, columns = x.size, _order("vander", x.size if N is None else N)
    if not columns or not n:
        return full((n, columns), x.dtype.type(0))
    factors = concatenate([full((n, 1), x.dtype.type(1)), broadcast_in_dim(x, (n, columns - 1), (0,))], 1)
    powers = cumprod_p.bind(factors, axis=1, reverse=False)
    return powers if increasing else getitem(powers, (slice(None), slice(None, None, -1)))


def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The polynomial of a degree that fits samples best, in the sense of least squares.

    Args:
        x: where the samples were taken, a vector.
        y: the samples: a vector, or a matrix of one set of samples a column.
        deg: the degree.
        rcond: singular values of the scaled Vandermonde matrix below this share of the greatest count as 0.
        full: whether to return the residuals, the rank, the singular values and `rcond`, too.
        w: weights of the samples, which multiply the residuals.
        cov: whether to return the covariance matrix of the coefficients, too; "unscaled": without the variance of the residuals.

    Raises:
        ValueError: if `deg` is negative, or there are no samples.
        TypeError: if shapes do not fit.

    >>> fit = polyfit(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0, 7.0]), 1)
    >>> np.round(np.asarray(fit), 6)
    array([2., 1.])
    """
    check_arraylike("polyfit", x, y, *(() if w is None else (w,)))
    deg = integer(deg, "deg")
    x, y = promote_inexact(x, y)
    if deg < 0:
        raise ValueError(f"polyfit: expected deg >= 0; got {deg}, at {describe(user_source())}.")
    if typeof(x).ndim != 1 or typeof(y).ndim not in (1, 2) or typeof(x).shape[0] != typeof(y).shape[0]:
        raise TypeError(f"polyfit: x must be a vector, and y a vector or a matrix with as many rows; got {typeof(x)} and {typeof(y)}, at "
                        f"{describe(user_source())}.")
    n = typeof(x).shape[0]
    if not n:
        raise ValueError(f"polyfit: no samples were given, at {describe(user_source())}.")
    rcond = n * float(finfo(typeof(x).dtype).eps) if rcond is None else rcond
    lhs, rhs = vander(x, deg + 1), y
    if w is not None:
        (w,) = promote_inexact(w)
        if typeof(w).shape != (n,):
            raise TypeError(f"polyfit: w must be one weight for each of the {n} samples; got {typeof(w)}, at {describe(user_source())}.")
        w = convert_element_type(w, typeof(x).dtype)
        column = reshape(w, (n, 1))
        lhs, rhs = multiply(lhs, column), multiply(rhs, w if typeof(rhs).ndim == 1 else column)
    scale = sqrt(total(square(lhs), axis=0))
    c, residuals, rank, s = linalg.lstsq(divide(lhs, scale), rhs, rcond)
    c = transpose(divide(transpose(c), scale))
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    scaled = divide(lhs, scale)
    base = divide(linalg.inv(matmul(transpose(scaled), scaled)), outer(scale, scale))
    if cov == "unscaled":
        return c, base
    if n <= deg + 1:
        raise ValueError(f"polyfit: the number of data points must exceed the order plus one to scale the covariance matrix; got {n} "
                         f"points for degree {deg}, at {describe(user_source())}.")
    variance = divide(residuals, n - (deg + 1))
    if typeof(y).ndim == 1:
        return c, multiply(base, reshape(variance, ()))
    return c, multiply(reshape(base, (*typeof(base).shape, 1)), ravel(variance))
