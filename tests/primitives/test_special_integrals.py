"""The incomplete gamma functions against mpmath, over all their ranges and at their edges."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special

from functrans import lax
from functrans.calls.jitted import jit
from functrans.primitives import special_integrals as S
from functrans.primitives import special_tables as tables
from functrans.transforms.api import grad, jvp

INF, NAN = math.inf, math.nan
SHAPES = [1e-3, 0.03, 0.4, 0.999, 1.0, 1.001, 2.5, 7.9, 8.0, 12.0, 300.0, 1e4, 1e6]
SPREAD = (-5.0, -2.0, -0.5, -0.01, 0.0, 0.3, 1.0, 4.0)


def relative(got, want):
    return float(abs(mpmath.mpf(float(got)) - want) / abs(want))


def gamma_reference(a, x):
    """P, Q, dP/da, and a dP/dx / x by the series of P with its terms differentiated (all digits carried)."""
    lost = min((x - a) ** 2 / a, x - a) if x > a else 0  # digits that 1 - P loses
    with mpmath.workdps(40 + int(lost)):
        a, x = mpmath.mpf(float(a)), mpmath.mpf(float(x))
        size = mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a + 1))
        slope = mpmath.log(x) - mpmath.digamma(a + 1)
        term, total, derivative, k = mpmath.mpf(1), mpmath.mpf(1), slope, 0
        while term > mpmath.eps * total:
            k += 1
            term *= x / (a + k)
            slope -= 1 / (a + k)
            total += term
            derivative += term * slope
        return size * total, 1 - size * total, size * derivative, size * a / x


def gamma_points():
    for a in SHAPES:
        for x in {*(a + s * math.sqrt(a) for s in SPREAD), a / 30, 0.02, 0.9, 1.0, 1.1}:
            if x > 0 and abs(x - a) < 40 * math.sqrt(a) + 40:
                yield a, x


def test_gamma_accuracy():
    points = list(gamma_points())
    columns = np.array(points).T
    results = [np.asarray(f(*columns)) for f in (lax.igamma, lax.igammac, lax.igamma_grad_a, lax.random_gamma_grad)]
    assert len(points) > 100
    for (a, x), *got in zip(points, *results, strict=True):
        p, q, slope, density = gamma_reference(a, x)
        # A unit in the last place of x or of the exponents moves the tails by this much.
        exponents = 1 + abs(x - a) + a * abs(math.log(x / a))
        for g, w, units in zip(got, (p, q, slope, -slope / density), (exponents, exponents, exponents, 10), strict=True):
            if abs(w) > 1e-290:
                assert relative(g, w) < 3e-15 + 3e-16 * units, (a, x, float(w))


def test_well_conditioned_gamma_to_rounding():
    rng = np.random.default_rng(4)
    a = 10 ** rng.uniform(-3, 1, 200)
    x = a * rng.uniform(0.2, 3, 200)
    lower, upper = np.asarray(lax.igamma(a, x)), np.asarray(lax.igammac(a, x))
    for shape, at, p, q in zip(a, x, lower, upper, strict=True):
        want_p, want_q, *_ = gamma_reference(shape, at)
        assert relative(p, want_p) < 5e-15 and relative(q, want_q) < 1e-14


def test_against_normal_limit():
    """P(a, a) = 1/2 + 1 / (3 sqrt(2 pi a)) + O(a**-1.5), also where a + 1 is a."""
    a = np.array([1e8, 1e12, 1e16, 1e20])
    np.testing.assert_allclose(np.asarray(lax.igamma(a, a)), 0.5 + 1 / (3 * np.sqrt(2 * np.pi * a)), rtol=1e-12)


def test_edges_are_scipys():
    values = [0.0, -0.0, 1e-300, 0.5, 1.0, 2.0, 100.0, 1e10, INF, NAN, -1.0, -INF]
    a, x = (v.ravel() for v in np.meshgrid(values, values))
    np.testing.assert_allclose(np.asarray(lax.igamma(a, x)), scipy.special.gammainc(a, x), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(lax.igammac(a, x)), scipy.special.gammaincc(a, x), rtol=1e-13)


def test_edges_of_the_slopes():
    """dP/da vanishes where P is 0 or 1; nan outside the domain and at a = 0."""
    a = np.array([2.0, 2.0, INF, 0.0, -1.0, 1.0, NAN, 1.0])
    x = np.array([0.0, INF, 1.0, 1.0, 1.0, -1.0, 1.0, NAN])
    np.testing.assert_array_equal(np.asarray(lax.igamma_grad_a(a, x)), [0, 0, 0, *[NAN] * 5])
    np.testing.assert_array_equal(np.asarray(lax.random_gamma_grad(a, x)), [0, INF, *[NAN] * 6])


def test_no_warnings_and_large_arrays():
    """Evaluation goes by blocks; the result does not depend on them."""
    a = np.tile([0.5, 3.0, 40.0, NAN, 0.0], 3000).reshape(3, 5000)
    got = np.asarray(lax.igamma(a, 2.0))
    np.testing.assert_array_equal(got, np.tile(np.asarray(lax.igamma(a[0, :5], 2.0)), 3000).reshape(3, 5000))


def test_half_and_single_are_rounded_doubles():
    a, x = np.array([0.3, 2.0, 30.0]), np.array([0.1, 3.0, 25.0])
    for dtype in ("float16", "float32"):
        low = [v.astype(dtype) for v in (a, x)]
        got = np.asarray(lax.igammac(*low))
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, scipy.special.gammaincc(*(v.astype(float) for v in low)).astype(dtype))


def test_derivatives_in_the_shape():
    a, x = 2.5, 1.75
    want = float(mpmath.diff(lambda s: mpmath.gammainc(s, 0, x, regularized=True), a))
    np.testing.assert_allclose(float(grad(lax.igamma)(a, x)), want, rtol=1e-13)
    np.testing.assert_allclose(float(jit(grad(lax.igammac))(a, x)), -want, rtol=1e-13)
    density = math.exp(-x) * x ** (a - 1) / math.gamma(a)
    np.testing.assert_allclose(float(lax.random_gamma_grad(a, x)), -want / density, rtol=1e-13)


def test_derivatives_at_the_end():
    """The density of shape 1 is finite where the logarithm is not."""
    assert float(grad(lax.igamma, 1)(1.0, 0.0)) == 1.0


@pytest.mark.parametrize("prim", [S.igamma_grad_a_p, S.random_gamma_grad_p])
def test_missing_derivatives_are_refused(prim):
    args = np.float64(2.0), np.float64(1.0)
    with pytest.raises(NotImplementedError, match=r"with respect to the shape a .*stop_gradient"):
        jvp(prim.bind, args, (np.float64(1.0), np.float64(1.0)))


def test_tables_are_what_they_say():
    assert list(tables.EXPM1_REST[::-1]) == [1 / math.factorial(k) for k in range(2, 15)]
    assert list(tables.LOG1P_REST[::-1]) == [1 / (2 * k + 3) for k in range(11)]
    n = len(tables.LEGENDRE_NODES)
    with mpmath.workdps(40):
        for node, weight in zip(tables.LEGENDRE_NODES, tables.LEGENDRE_WEIGHTS, strict=True):
            x = mpmath.findroot(lambda t: mpmath.legendre(n, t), 2 * mpmath.mpf(node) - 1)
            slope = n * mpmath.legendre(n - 1, x) / (1 - x * x)
            assert float((1 + x) / 2) == node
            assert float(1 / ((1 - x * x) * slope * slope)) == weight
