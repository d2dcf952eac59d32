"""The incomplete beta function and its derivatives by the shapes against mpmath, over all their ranges and at their edges."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.special

from functrans import lax
from functrans.calls.jitted import jit
from functrans.primitives import special_beta as S
from functrans.test_util import check_grads
from functrans.transforms.api import grad, hessian, jvp
from functrans.transforms.vmap import vmap

INF, NAN = math.inf, math.nan


def relative(got, want):
    return float(abs(mpmath.mpf(float(got)) - want) / abs(want))


def beta_reference(a, b, x):
    with mpmath.workdps(30):
        a, b, x = (mpmath.mpf(float(v)) for v in (a, b, x))
        if b * x > a * (1 - x):
            return 1 - lower_beta(b, a, 1 - x)
        return lower_beta(a, b, x)


def lower_beta(a, b, x):
    """The continued fraction DLMF 8.17.22, by Lentz's method."""
    size = a * mpmath.log(x) + b * mpmath.log1p(-x) - mpmath.log(a)
    size -= mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)
    c, d = mpmath.mpf(1), 1 / (1 - (a + b) * x / (a + 1))
    total, change, m = d, mpmath.mpf(2), 0
    while abs(change - 1) > mpmath.eps * 100:
        m += 1
        n = a + 2 * m
        for k in (m * (b - m) * x / ((n - 1) * n), -(a + m) * (a + b + m) * x / (n * (n + 1))):
            c, d = 1 + k / c, 1 / (1 + k * d)
            change = c * d
            total *= change
    return mpmath.exp(size) * total


BETA_SHAPES = [1e-3, 0.05, 0.9, 1.0, 3.0, 20.0, 1e3, 1e5]


def beta_points():
    for a, b in itertools.product(BETA_SHAPES, BETA_SHAPES):
        mean = a / (a + b)
        deviation = math.sqrt(a * b / (a + b + 1)) / (a + b)
        for x in {*(mean + s * deviation for s in (-5.0, -0.5, 0.0, 1.0, 4.0)), mean / 3, 0.1, 0.86}:
            if 1e-9 < x < 1 - 1e-6:
                yield a, b, x


def test_beta_accuracy():
    points = list(beta_points())
    results = np.asarray(lax.betainc(*np.array(points).T))
    assert len(points) > 200
    for (a, b, x), got in zip(points, results, strict=True):
        want = beta_reference(a, b, x)
        # The rounding of x and 1 - x, in standard deviations, and that of the exponents.
        units = math.sqrt(min(a, b)) + exponents(a, b, x)
        if want > 1e-290:
            assert relative(got, want) < 5e-15 + 4e-16 * units, (a, b, x, float(want))


def exponents(a, b, x):
    """By how many units in the last place of 1 the exponents of x**a (1 - x)**b / B(a, b) are off."""
    mean = a / (a + b)
    return 1 + a * abs(math.log(x / mean)) + b * abs(math.log1p(-x) - math.log1p(-mean))


def lower_slopes(a, b, x):
    """dI/da and dI/db by the power series x**a y**b / (a B) sum (a + b)_k / (a + 1)_k x**k, its terms differentiated."""
    y = 1 - x
    size = mpmath.exp(a * mpmath.log(x) + b * mpmath.log(y)) / (a * mpmath.beta(a, b))
    by_a = mpmath.log(x) - mpmath.digamma(a + 1) + mpmath.digamma(a + b)
    by_b = mpmath.log(y) - mpmath.digamma(b) + mpmath.digamma(a + b)
    term, slope_a, slope_b, k = mpmath.mpf(1), by_a, by_b, 0
    ratio = 2
    while ratio >= 1 or term * by_b > mpmath.mpf(10) ** -22 * (1 - ratio) * min(-slope_a, slope_b):
        by_a, by_b = by_a + 1 / (a + b + k) - 1 / (a + k + 1), by_b + 1 / (a + b + k)
        ratio = x * (a + b + k) / (a + k + 1)
        term, k = term * ratio, k + 1
        slope_a, slope_b = slope_a + term * by_a, slope_b + term * by_b
    return size * slope_a, size * slope_b


def slope_reference(a, b, x):
    with mpmath.workdps(40):
        a, b, x = (mpmath.mpf(float(v)) for v in (a, b, x))
        if b * x > a * (1 - x):
            by_b, by_a = lower_slopes(b, a, 1 - x)
            return -by_a, -by_b
        return lower_slopes(a, b, x)


@pytest.mark.parametrize(("a", "b", "x"), [(2.5, 1.5, 0.3), (0.05, 0.7, 0.9)])
def test_reference_is_the_difference_quotient(a, b, x):
    with mpmath.workdps(40):
        want = [mpmath.diff(lambda *v: mpmath.betainc(*v, 0, x, regularized=True), (a, b), order) for order in ((1, 0), (0, 1))]
        for got, w in zip(slope_reference(a, b, x), want, strict=True):
            assert relative(got, w) < 1e-14


def slope_points():
    for a, b in itertools.product([1e-6, 0.05, 0.7, 1.0, 3.0, 40.0, 1e3], repeat=2):
        mean = a / (a + b)
        deviation = math.sqrt(a * b / (a + b + 1)) / (a + b)
        for x in {*(mean + s * deviation for s in (-3.0, 0.1, 2.0)), mean / 3, 0.1, 0.86}:
            side = x if x <= mean else 1 - x
            if 1e-9 < side < 0.95:  # the reference needs some 50 / (1 - side) terms
                yield a, b, x


def test_accuracy_of_the_slopes():
    points = list(slope_points())
    columns = np.array(points).T
    slopes = np.asarray(lax_slopes(*columns)).T
    assert len(points) > 150
    for point, got in zip(points, slopes, strict=True):
        for g, w in zip(got, slope_reference(*point), strict=True):
            if abs(w) > 1e-280:
                assert relative(g, w) < 4e-15 + 4e-16 * exponents(*point), (*point, float(w))


def lax_slopes(a, b, x):
    return [np.asarray(f(a, b, x)) for f in (S.betainc_grad_a, S.betainc_grad_b)]


def test_slopes_of_powers():
    """I_x(a, 1) is x**a, and I_x(1, b) is 1 - (1 - x)**b."""
    x = np.array([1e-70, 1e-20, 1e-5, 0.3, 0.9999999, 1 - 1e-16])
    for shape in (0.3, 3.7):
        np.testing.assert_allclose(lax_slopes(shape, 1.0, x)[0], x**shape * np.log(x), rtol=1e-12)
        np.testing.assert_allclose(lax_slopes(1.0, shape, x)[1], -((1 - x) ** shape) * np.log1p(-x), rtol=1e-12)


def test_slopes_of_extreme_shapes():
    """I_x(a, b) is b / (a + b) where both vanish; where both are large, normal with the variance 1 / (8 a)."""
    by_a, by_b = lax_slopes(1e-250, 3e-250, 0.4)
    assert by_a == pytest.approx(-3e250 / 16, rel=1e-12) and by_b == pytest.approx(1e250 / 16, rel=1e-12)
    for a in (1e8, 1e16, 1e300):
        want = 0.25 / a * math.sqrt(4 * a / math.pi)
        np.testing.assert_allclose(lax_slopes(a, a, 0.5), [-want, want], rtol=1e-8)


def test_edges():
    shapes = [0.0, 1e-10, 0.5, 2.0, 100.0, INF, NAN, -1.0, -INF]
    a, b, x = (v.ravel() for v in np.meshgrid(shapes, shapes, [0.0, 1e-300, 0.3, 0.9, 1.0, 1.5, -0.5, NAN, INF]))
    np.testing.assert_allclose(np.asarray(lax.betainc(a, b, x)), scipy.special.betainc(a, b, x), rtol=1e-12)


def test_edges_of_the_slopes():
    """They vanish where the function is constant; nan outside the domain and where their own shape is 0."""
    a = np.array([2.0, 2.0, INF, 2.0, 2.0, 0.0, INF, -1.0, 1.0, 1.0, NAN, 1.0])
    b = np.array([3.0, 3.0, 3.0, INF, 0.0, 2.0, INF, 1.0, -1.0, 1.0, 1.0, 1.0])
    x = np.array([0.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.5, 0.5, NAN])
    by_a, by_b = lax_slopes(a, b, x)
    np.testing.assert_array_equal(by_a, [0, 0, 0, 0, 0, *[NAN] * 7])
    np.testing.assert_array_equal(by_b, [0, 0, 0, 0, NAN, 0, *[NAN] * 6])


def test_narrow_floats_are_rounded_doubles():
    a, b, x = np.array([0.3, 2.0, 30.0]), np.array([4.0, 0.7, 25.0]), np.array([0.1, 0.7, 0.6])
    for dtype in ("float16", "float32"):
        low = [v.astype(dtype) for v in (a, b, x)]
        for narrow, wide in zip(lax_slopes(*low), lax_slopes(*(v.astype(float) for v in low)), strict=True):
            np.testing.assert_array_equal(narrow, wide.astype(dtype))


ARGUMENTS = tuple(np.array(v) for v in ([0.4, 2.5, 9.0], [3.0, 0.8, 11.0], [0.2, 0.7, 0.4]))


def test_gradients_in_all_arguments():
    check_grads(lax.betainc, ARGUMENTS, order=2, modes=("fwd", "rev"), rtol=1e-6, atol=1e-8)
    for by in (S.betainc_grad_a, S.betainc_grad_b):
        check_grads(lambda x, by=by: by(*ARGUMENTS[:2], x), ARGUMENTS[2:], order=2, modes=("fwd", "rev"), rtol=1e-6, atol=1e-8)


def test_jit_and_vmap_of_gradients():
    each = grad(lax.betainc, (0, 1, 2))
    one_by_one = np.array([[float(g) for g in each(*point)] for point in zip(*ARGUMENTS, strict=True)]).T
    for f in (vmap(each), jit(vmap(each))):
        np.testing.assert_allclose(np.asarray(f(*ARGUMENTS)), one_by_one, rtol=1e-12)
    for g, point in zip(one_by_one[:2].T, zip(*ARGUMENTS, strict=True), strict=True):
        np.testing.assert_allclose(g, [float(w) for w in slope_reference(*point)], rtol=1e-13)


def test_derivatives_at_the_ends():
    """Densities of shape 1 are finite where the logarithm is not."""
    assert float(grad(lax.betainc, 2)(1.0, 3.0, 0.0)) == pytest.approx(3.0, rel=1e-14)
    assert float(grad(lax.betainc, 2)(3.0, 1.0, 1.0)) == pytest.approx(3.0, rel=1e-14)
    assert float(grad(S.betainc_grad_a, 2)(2.0, 3.0, 0.0)) == 0.0
    assert float(grad(S.betainc_grad_b, 2)(3.0, 2.0, 1.0)) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "x"), [(2.5, 1.5, 0.3), (2.5, 1.5, 0.8), (0.05, 0.7, 0.9), (0.05, 0.7, 0.05), (1.2, 0.001, 0.99), (30.0, 4.0, 0.7)])
def test_second_derivatives_by_the_shapes(a, b, x):
    """In the corners, beside them, and on both sides of the mean."""
    got = np.asarray(jit(hessian(lambda v: lax.betainc(v[0], v[1], x)))(np.array([a, b])))
    with mpmath.workdps(40):
        for order, g in (((2, 0), got[0, 0]), ((1, 1), got[0, 1]), ((1, 1), got[1, 0]), ((0, 2), got[1, 1])):
            assert relative(g, mpmath.diff(lambda *v: mpmath.betainc(*v, 0, x, regularized=True), (a, b), order)) < 1e-13


@pytest.mark.parametrize("prim", [S.betainc_grad_aa_p, S.betainc_grad_ab_p, S.betainc_grad_bb_p])
def test_third_derivatives(prim):
    """They exist by x, and are refused by the shapes."""
    args = tuple(map(np.float64, (2.0, 3.0, 0.4)))
    check_grads(lambda x: prim.bind(*args[:2], x), args[2:], order=1, rtol=1e-6, atol=1e-8)
    for place, operand in enumerate("ab"):
        def by_one(v, place=place):
            return prim.bind(*args[:place], v, *args[place + 1:])

        with pytest.raises(NotImplementedError, match=rf"{prim.name}: .* with respect to the shape {operand} .*closed form.*stop_gradient"):
            jvp(by_one, (args[place],), (np.float64(1.0),))
