"""Faddeeva's function and the logarithm of the gamma function, on the complex plane.

Both are compiled and computed in double precision; their derivatives are closed forms or follow from their own operations.

wofz: trapezoidal and midpoint sums of ``w(z) = i z / pi int exp(-t**2) / (z**2 - t**2) dt`` with 12 nodes, less the contribution
of the pole (M. Al Azah, S. N. Chandler-Wilde, "Computation of the complex error function using modified trapezoidal rules", 2021), in
the first quadrant; elsewhere by symmetry (DLMF 7.4). loggamma: Stirling's series, below |Im z| = 7 and Re z = 7 after a shift, Taylor's
series about 2, reflection left of 1/2 (D. E. G. Hare, "Computing the principal branch of log-Gamma", 1997; DLMF 5.4 to 5.11).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import cos, cosh, exp, log, log1p, sin, sinh
from functrans.numpy.predicates import signbit
from functrans.numpy.ufuncs import absolute, floor, imag, real
from functrans.numpy.ufuncs import round as round_
from functrans.primitives.parts import complex as complex_of
from functrans.primitives.special import digamma_p, lgamma_p
from functrans.primitives.special_tables import STIRLING
from functrans.primitives.structural import convert_element_type
from functrans.scipy.special_operands import inexact_operands, with_derivatives

__all__ = ["loggamma", "wofz"]


def _in_double(x: Any) -> Any:
    """A complex operand in complex128."""
    return convert_element_type(x, np.dtype(np.complex128))


# -- Faddeeva's function ----------------------------------------------------------------------------------------------

_NODES = 12
_STEP = math.sqrt(math.pi / _NODES)


def wofz(z: Any) -> Any:
    """Faddeeva's function ``exp(-z**2) * erfc(-i z)``. Real or complex; the result is complex.

    In complex128 the relative error is below 2e-15 in the upper half plane, of each part below 3e-14; in the lower one, where zeros
    stand, it is relative to ``exp(-z**2)``.

    >>> wofz(np.array([1.0, 1j]))
    Array([0.36787944+0.60715771j, 0.42758358+0.j        ], dtype=complex128)
    """
    (z,) = inexact_operands("wofz", z)
    dtype = np.result_type(typeof(z).dtype, np.complex64)
    return convert_element_type(_wofz(convert_element_type(z, dtype)), dtype)


@with_derivatives(lambda t, w, z: t * (2j / math.sqrt(math.pi) - 2 * z * w))
def _wofz(z: Any) -> Any:
    dtype = typeof(z).dtype
    z = _in_double(z)
    x, y = real(z), imag(z)
    re, im = _quadrant(absolute(x), absolute(y))
    im = where(x == 0, 0, where(signbit(x) ^ signbit(y), -im, im))  # w(-conj z) is conj w(z)
    below = y < 0
    # w(z) = 2 exp(-z**2) - w(-z)
    u, v = where(below, x, 0), where(below, y, 0)
    growth, angle = exp((v - u) * (v + u)), 2 * u * v
    finite = absolute(angle) < np.inf
    angle = where(finite, angle, 0)
    s = sin(angle)
    mirrored = 2 * growth * cos(angle) - re, where(s == 0, 0, -2 * growth * s) - im
    out = complex_of(where(below, mirrored[0], re), where(below, mirrored[1], im))
    return convert_element_type(out, dtype)


def _quadrant(x: Any, y: Any) -> tuple[Any, Any]:
    """w(x + i y) for x, y >= 0."""
    far = (x > 1e8) | (y > 1e8)
    inf = (x == np.inf) | (y == np.inf)
    a, b = where(far, 1, x), where(far, 1, y)
    near_node = absolute(a / _STEP - floor(a / _STEP) - 0.5) <= 0.25
    free = b >= math.pi / _STEP
    midpoint = (b >= a) & free | ~(near_node & (b < a))
    # The sum over the nodes, of which the rule's first has weight 1/2 if it is 0.
    u, v = (a - b) * (a + b), 2 * a * b
    top, bottom = 0.0, 0.0
    for k in range(_NODES):
        square = where(midpoint, ((k + 0.5) * _STEP) ** 2, (k * _STEP) ** 2)
        weight = where(midpoint, math.exp(-((k + 0.5) * _STEP) ** 2), math.exp(-(k * _STEP) ** 2) * (0.5 if k == 0 else 1))
        d = u - square
        share = weight / (d * d + v * v)
        top, bottom = top + share * d, bottom - share * v
    scale = 2 * _STEP / math.pi
    re, im = -scale * (a * bottom + b * top), scale * (a * top - b * bottom)
    # The pole: 2 exp(-z**2) / (1 +- exp(-2 pi i z / step)).
    counts = ~((b >= a) & free) & (a < 30) & (b < 12)
    p, q = where(counts, a, 0), where(counts, b, 0)
    growth, angle = 2 * exp((q - p) * (q + p)), 2 * p * q
    turns = p / _STEP
    turns = (turns - round_(turns)) * (2 * math.pi)
    sign = where(midpoint, 1.0, -1.0)
    size = sign * exp(q * (2 * math.pi / _STEP))
    c, d = 1 + size * cos(turns), -size * sin(turns)
    over = where(counts, growth, 0) / where(counts, c * c + d * d, 1)
    re = re + over * (cos(angle) * c - sin(angle) * d)
    im = im - over * (sin(angle) * c + cos(angle) * d)
    # i / (sqrt(pi) z), of a number scaled against overflow.
    larger = where(inf, 1, where(far, where(x > y, x, y), 1))
    f, g = x / larger, y / larger
    size = where(far & ~inf, f * f + g * g, 1) * larger * math.sqrt(math.pi)
    re, im = where(far, where(inf, 0, g / size), re), where(far, where(inf, 0, f / size), im)
    unknown = (x != x) | (y != y)
    return where(unknown, np.nan, re), where(unknown, np.nan, im)


# -- the logarithm of the gamma function ------------------------------------------------------------------------------

_LARGE = 7.0
_EULER = 0.5772156649015329
_ZETA_LESS_ONE = (
    0.6449340668482264, 0.20205690315959424, 0.08232323371113814, 0.03692775514336999, 0.017343061984449237, 0.008349277381922926,
    0.0040773561979443596, 0.002008392826082117, 0.000994575127817976, 0.0004941886041194277, 0.00024608655330804474,
    0.00012271334757851804, 6.124813505881122e-05, 3.058823630697205e-05, 1.5282259408611054e-05, 7.637197637855309e-06,
    3.8172932650404334e-06, 1.908212716505986e-06, 9.53962033811706e-07, 4.769329868814509e-07, 2.384505026764572e-07,
    1.1921992593144637e-07, 5.960818905137444e-08, 2.980350344294891e-08, 1.4901554878932188e-08, 7.450711825285339e-09,
    3.725334041249084e-09, 1.862659804174882e-09, 9.313274595967869e-10, 4.656628416199737e-10,
)
"""zeta(k) - 1 for k = 2, 3, ..."""


def loggamma(x: Any) -> Any:
    """The principal branch of the logarithm of the gamma function; cut along the negative axis, where real numbers give nan.

    Real or complex. Errors in complex128 are below 1e-14, absolute or relative, whichever is larger.

    >>> loggamma(np.array([0.5, 1.0 + 1.0j]))
    Array([ 0.57236494+0.j        , -0.6509232 -0.30164032j], dtype=complex128)
    """
    (x,) = inexact_operands("loggamma", x)
    return _complex_loggamma(x) if typeof(x).dtype.kind == "c" else _real_loggamma(x)


@with_derivatives(lambda t, y, x: t * where(x > 0, digamma_p.bind(x), np.nan))
def _real_loggamma(x: Any) -> Any:
    return where(x < 0, np.nan, lgamma_p.bind(x))


def _polynomial(x: Any, coefficients: Any) -> Any:
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


def _about_two(t: Any) -> Any:
    """loggamma(2 + t) for |t| <= 1/2: (1 - gamma) t + sum of (zeta(k) - 1) (-t)**k / k."""
    series = [c / k * (-1) ** k for k, c in enumerate(_ZETA_LESS_ONE, 2)]
    return t * (t * _polynomial(t, series[::-1]) + (1 - _EULER))


def _stirling(z: Any) -> Any:
    r = 1 / z
    return (z - 0.5) * log(z) - z + (0.5 * math.log(2 * math.pi) + r * _polynomial(r * r, STIRLING))


def _right_loggamma(z: Any) -> Any:
    """For Re z >= 1/2, or |Im z| >= 7."""
    shifted = (real(z) < _LARGE) & (absolute(imag(z)) < _LARGE)
    two, one = absolute(z - 2) <= 0.5, absolute(z - 1) <= 0.5
    taylor = _about_two(where(two, z - 2, where(one, z - 1, 0))) - where(one & ~two, log1p(where(one, z - 1, 0)), 0)
    low = where(shifted, z, 1)
    # The arguments of two factors add up to less than pi: the logarithm of their product is the sum of theirs.
    shift = sum(log((low + k) * (low + k + 1)) for k in range(0, 6, 2)) + log(low + 6)
    large = _stirling(where(shifted, z + 7, z)) - where(shifted, shift, 0)
    return where(two | one, taylor, large)


@jit
def _complex_loggamma(z: Any) -> Any:
    dtype = typeof(z).dtype
    z = _in_double(z)
    x, y = real(z), imag(z)
    left = (x < 0.5) & (absolute(y) < _LARGE)
    direct = _right_loggamma(where(left, 1 - z, z))
    # log sin(pi z), reduced by whole turns, and the turns of the branch.
    a, b = where(left, x, 0.5), where(left, y, 0)
    r = a - round_(a)
    odd = round_(a) - 2 * floor(round_(a) / 2) != 0
    sine = complex_of(sin(math.pi * r) * cosh(math.pi * b), cos(math.pi * r) * sinh(math.pi * b))
    sine = where(odd, -sine, sine)
    branch = 2 * math.pi * floor(0.5 * a + 0.25)
    turns = complex_of(0 * branch + math.log(math.pi), where(signbit(b), -branch, branch))
    pole = (y == 0) & (x <= 0) & (floor(x) == x)
    mirrored = turns - log(where(pole, 1, sine)) - direct
    out = where(pole, complex(np.nan, np.nan), where(left, mirrored, direct))
    return convert_element_type(out, dtype)
