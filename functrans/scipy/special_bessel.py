"""Bessel functions and spherical harmonics. Real arguments; integers become the default float.

bessel_jn: Miller's backward recurrence where the order goes beyond the argument; for larger arguments the forward one, from Hankel's
asymptotic series of orders 0 and 1. The recurrences are written for ``J_k(z) k! (2 / z)**k``, which neither overflows nor divides
by z. sph_harm_y: recurrence in the degree of normalized associated Legendre functions. DLMF chapters 10 and 14.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.calls.fori_loop import fori_loop
from functrans.calls.jitted import jit
from functrans.calls.scan_api import scan
from functrans.core.dtypes import is_integer
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.choice import where
from functrans.numpy.creation import zeros
from functrans.numpy.elementary import cos, exp, sin
from functrans.numpy.joining import concatenate
from functrans.numpy.ufuncs import absolute, sqrt
from functrans.numpy.util import as_operand, asarray_internal, broadcast_arrays_internal, check_arraylike
from functrans.primitives.parts import complex as complex_of
from functrans.primitives.special import bessel_i0e_p, bessel_i1e_p
from functrans.primitives.structural import convert_element_type
from functrans.scipy.special_operands import real_operands, static_integer, with_derivatives

__all__ = ["bessel_jn", "i0", "i0e", "i1", "i1e", "sph_harm_y"]


# -- modified Bessel functions ----------------------------------------------------------------------------------------

def i0e(x: Any) -> Any:
    """``exp(-|x|) * i0(x)``.

    >>> i0e(np.array([0.0, 1000.0]))
    Array([1.        , 0.01261724], dtype=float64)
    """
    return bessel_i0e_p.bind(*real_operands("i0e", x))


def i1e(x: Any) -> Any:
    """``exp(-|x|) * i1(x)``.

    >>> i1e(np.array([0.0, 1000.0]))
    Array([0.        , 0.01261093], dtype=float64)
    """
    return bessel_i1e_p.bind(*real_operands("i1e", x))


def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0.

    >>> i0(np.array([0.0, 1.0]))
    Array([1.        , 1.26606588], dtype=float64)
    """
    return _i0(*real_operands("i0", x))


def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1.

    >>> i1(np.array([0.0, 1.0]))
    Array([0.       , 0.5651591], dtype=float64)
    """
    return _i1(*real_operands("i1", x))


def _unscaled(scaled: Any, x: Any) -> Any:
    """``exp(|x|)`` times the scaled function, in float64; by the root of the exponential twice: it overflows first."""
    wide = convert_element_type(x, np.dtype(np.float64))
    root = exp(0.5 * absolute(wide))
    return convert_element_type(scaled.bind(wide) * root * root, typeof(x).dtype, typeof(x).weak_type)


@with_derivatives(lambda t, z, x: t * i1(x))
def _i0(x: Any) -> Any:
    return _unscaled(bessel_i0e_p, x)


@with_derivatives(lambda t, z, x: t * (i0(x) - where(x == 0, 0.5, z / where(x == 0, 1, x))))
def _i1(x: Any) -> Any:
    return _unscaled(bessel_i1e_p, x)


# -- Bessel functions of the first kind -------------------------------------------------------------------------------

_HANKEL_FROM = 25.0
"""From here the asymptotic series of orders 0 and 1 is exact to rounding."""


def bessel_jn(z: Any, *, v: int, n_iter: int = 50) -> Any:
    """The Bessel functions of the first kind of the orders 0, 1, ..., `v`.

    Args:
        z: real, of any shape.
        v: the largest order, a Python integer, 0 or more.
        n_iter: up to which argument the backward recurrence serves, at least 25; the work grows with it.

    Returns:
        ``[v + 1, *z.shape]``, in float64 with an absolute error of some 1e-15, and small where a result is small as ``|z| < v``.

    Raises:
        TypeError: for complex `z`, or if `v` or `n_iter` is traced or not whole.
        ValueError: if `v` is negative or `n_iter` not positive.

    >>> bessel_jn(np.array([0.0, 1.0]), v=1)
    Array([[1.        , 0.76519769],
           [0.        , 0.44005059]], dtype=float64)
    """
    (z,) = real_operands("bessel_jn", z)
    orders, iterations = static_integer("bessel_jn", "v", v), static_integer("bessel_jn", "n_iter", n_iter, 1)
    limit = max(orders, iterations, math.ceil(_HANKEL_FROM))
    return _bessel_jn(z, v=orders, limit=limit)


def _bessel_jn_of(z: Any, *, v: int, limit: int) -> Any:
    dtype = typeof(z).dtype
    z = convert_element_type(z, np.dtype(np.float64))
    far = absolute(z) > limit
    near = _backward(where(far, 1.0, z), v, limit)
    return convert_element_type(where(far, _forward(where(far, z, _HANKEL_FROM), v), near), dtype)


_bessel_jn = jit(_bessel_jn_of, static_argnames=("v", "limit"))


def _backward(z: Any, v: int, limit: int) -> Any:
    """Orders 0 to v for |z| <= limit, v <= limit; normalized by 1 = J_0 + 2 J_2 + 2 J_4 + ..."""
    half = 0.5 * z
    square = half * half
    start = 2 * ((limit + 30 + int(6 * limit ** (1 / 3))) // 2)

    def down(k: Any, above: Any, now: Any, total: Any) -> tuple[Any, Any, Any]:
        """From orders k + 1 and k to k and k - 1; `total` is the sum of the orders from k on, less its first factor."""
        below = now - square / (k * (k + 1.0)) * above
        weight = where(k % 2 == 1, where(k == 1, 1.0, 2.0), 0.0)  # of order k - 1
        return now, below, weight * below + half / k * total

    def step(i: Any, carry: Any) -> Any:
        return down(start - i, *carry)

    def record(carry: Any, k: Any) -> Any:
        after = down(k, *carry)
        return after, after[1]

    one = 0 * z + 1
    carry = fori_loop(0, start - v, step, (0 * z, one, 2 * one))  # orders v + 1 and v
    first = carry[1]
    carry, rest = scan(record, carry, np.arange(v, 0, -1))
    scaled = concatenate([first[None], rest])[::-1]

    def powers(power: Any, k: Any) -> Any:
        power = power * (half / k)
        return power, power

    _, factors = scan(powers, one, np.arange(1, v + 1))
    return scaled * concatenate([one[None], factors]) / carry[2]


def _hankel_sums(z: Any, order: int) -> tuple[Any, Any]:
    """P and Q of J = sqrt(2 / (pi z)) (P cos(w) - Q sin(w)), w = z - order pi / 2 - pi / 4 (DLMF 10.17.3)."""
    term: Any = 1.0
    sums: list[Any] = [1.0, 0.0]
    for k in range(1, 25):
        term = term * ((4 * order * order - (2 * k - 1) ** 2) / (8 * k)) / z
        sums[k % 2] = sums[k % 2] + (term if k % 4 in (0, 1) else -term)
    return sums[0], sums[1]


def _forward(z: Any, v: int) -> Any:
    """Orders 0 to v for |z| >= 25, stable where v <= |z|."""
    size = absolute(z)
    scale = 1 / sqrt(math.pi * size)
    c, s = cos(size), sin(size)
    # The phases are multiples of an eighth of a turn: sums and differences of c and s.
    p, q = _hankel_sums(size, 0)
    zeroth = scale * (p * (c + s) - q * (s - c))
    p, q = _hankel_sums(size, 1)
    first = scale * (p * (s - c) + q * (c + s))
    first = where(z < 0, -first, first)

    def record(carry: Any, k: Any) -> Any:
        below, now = carry
        return (now, 2 * k / z * now - below), now

    _, rest = scan(record, (zeroth, first), np.arange(1, v + 1))
    return concatenate([zeroth[None], rest])


# -- spherical harmonics ----------------------------------------------------------------------------------------------

def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, diff_n: int | None = None, n_max: int | None = None) -> Any:
    """Spherical harmonics of degree `n` and order `m`, orthonormal, with the Condon-Shortley phase.

    Args:
        n: whole numbers, 0 or more.
        m: whole numbers; the result is 0 where ``|m| > n``.
        theta: the polar angle, from 0 at the pole to pi.
        phi: the azimuth.
        diff_n: must be None; differentiate with `functrans.jvp`.
        n_max: the largest degree, a Python integer, by default that of `n`; where `n` is above it, the result is nan.

    Returns:
        a complex array of the shape that the arguments broadcast to.

    Raises:
        TypeError: if `n` or `m` is not of an integer dtype, or an angle is complex.
        ValueError: if `n` is traced and `n_max` not given.
        NotImplementedError: if `diff_n` is given.

    >>> sph_harm_y(np.array([0, 1]), np.array([0, 1]), np.array([0.5]), np.array([0.0]))
    Array([ 0.28209479+0.j, -0.16563872-0.j], dtype=complex128)
    """
    if diff_n is not None:
        raise NotImplementedError(f"sph_harm_y: diff_n={diff_n!r} is not supported, at {describe(user_source())}. Differentiate with "
                                  "functrans.jvp or functrans.jacfwd in theta and phi.")
    check_arraylike("sph_harm_y", n, m, theta, phi)
    degree, order = (asarray_internal(as_operand(x)) for x in (n, m))
    for name, x in (("n", degree), ("m", order)):
        if not is_integer(typeof(x).dtype):
            raise TypeError(f"sph_harm_y: {name} must be of an integer dtype; got {typeof(x)}, at {describe(user_source())}.")
    theta, phi = real_operands("sph_harm_y", theta, phi)
    if n_max is None:
        known = degree.concrete() if isinstance(degree, Tracer) else degree
        if known is None or isinstance(known, Tracer):
            raise ValueError(f"sph_harm_y: n is traced, so its largest value is not known, at {describe(user_source())}. Give n_max, a "
                             "Python integer.")
        n_max = int(np.max(np.asarray(known), initial=0))
    return _sph_harm_y(*broadcast_arrays_internal(degree, order, theta, phi), n_max=static_integer("sph_harm_y", "n_max", n_max))


def _sph_harm_y_of(n: Any, m: Any, theta: Any, phi: Any, *, n_max: int) -> Any:
    dtype = typeof(theta).dtype
    theta, phi, n, m = (convert_element_type(x, np.dtype(np.float64)) for x in (theta, phi, n, m))
    size = absolute(m)
    x, y = cos(theta), sin(theta)

    def step(k: Any, carry: Any) -> Any:
        """From degrees k - 2 and k - 1 to k; up to the order, the functions are those of degree and order k."""
        below, now = carry
        k = k + 0.0
        sectoral = -sqrt((2 * k + 1) / (2 * k)) * y * now
        beyond = (k > size) & (k <= n)
        square = where(beyond, size * size, 0)
        ahead = sqrt((4 * k * k - 1) / (k * k - square))
        gap = (k - 1) * (k - 1) - square
        behind = sqrt(where(gap > 0, gap, 0) / (4 * (k - 1) * (k - 1) - 1))
        climbed = ahead * (x * now - behind * below)
        return where(beyond, now, where(k <= size, 0, below)), where(k <= size, sectoral, where(beyond, climbed, now))

    start = (zeros(typeof(x).shape, np.float64), 0 * x + math.sqrt(0.25 / math.pi))
    _, value = fori_loop(1, n_max + 1, step, start)
    odd = absolute(m) % 2 == 1
    value = where((m < 0) & odd, -value, value)
    value = where(size > n, 0, where((n < 0) | (n > n_max), np.nan, value))
    out = complex_of(value * cos(m * phi), value * sin(m * phi))
    return convert_element_type(out, np.result_type(dtype, np.complex64))


_sph_harm_y = jit(_sph_harm_y_of, static_argnames="n_max")
