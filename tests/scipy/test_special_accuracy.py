"""The accuracy that docstrings of `functrans.scipy.special` state, against mpmath; the tables of polynomials computed anew."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special as sp

import functrans as ft
from functrans.primitives import special_fits, special_tables
from functrans.scipy import special

rng = np.random.default_rng(5)


def spread(low: float, high: float, n: int = 60) -> np.ndarray:
    """Numbers of all sizes between the ends."""
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def both(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, -x])


def exact(f: Callable[..., Any], *args: np.ndarray, digits: int = 40) -> list[Any]:
    with mp.workdps(digits):
        return [f(*(mp.mpmathify(complex(v) if np.iscomplexobj(v) else float(v)) for v in row)) for row in zip(*args, strict=True)]


def ulps(got: Any, want: list[Any], floor: Any = 0.0) -> float:
    """The largest error in units in the last place of the true value, or of `floor` where that is larger."""
    size = np.maximum(np.abs([float(w) for w in want]), floor)
    with mp.workdps(40):
        gaps = np.array([float(abs(mp.mpf(float(g)) - w)) for g, w in zip(np.asarray(got), want, strict=True)])
    return float(np.max(gaps / np.spacing(size)))


def normal(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_normal(x: Any) -> Any:
    return mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2) if x > 0 else mp.log(normal(x))


def quantile(p: Any) -> Any:
    if p > 1e-12:
        return mp.sqrt(2) * mp.erfinv(2 * p - 1)
    return mp.findroot(lambda x: log_normal(x) - mp.log(p), -mp.sqrt(-2 * mp.log(p)) * 0.98)


ONE_ARGUMENT = {
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), np.concatenate([spread(1e-5, 1e6), -spread(1e-5, 26)]), 2),
    "dawsn": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), both(spread(1e-5, 1e3)), 3),
    "ndtr": (normal, np.concatenate([spread(1e-5, 10), -spread(1e-5, 37)]), 3),
    "log_ndtr": (log_normal, np.concatenate([spread(1e-5, 37), -spread(1e-5, 1e3)]), 4),
    "ndtri": (quantile, np.concatenate([spread(1e-300, 1e-13, 10), spread(1e-10, 0.5), 1 - spread(1e-10, 0.5)]), 4),
    "expi": (mp.ei, np.concatenate([spread(1e-5, 700), -spread(1e-5, 700), 0.37250741078136663 + both(spread(1e-12, 1e-2, 20))]), 4),
    "exp1": (mp.e1, spread(1e-5, 700), 3),
    "spence": (lambda x: mp.re(mp.polylog(2, 1 - x)), np.concatenate([spread(1e-5, 1e5), 1 + both(spread(1e-8, 0.1))]), 3),
    "gamma": (mp.gamma, np.concatenate([spread(1e-5, 171), -rng.uniform(0, 170, 60), -spread(1e-5, 1)]), 5),
    "i0": (lambda x: mp.besseli(0, x), spread(1e-5, 712), 6),
    "i1": (lambda x: mp.besseli(1, x), spread(1e-5, 712), 6),
}


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_one_argument(name: str) -> None:
    f, x, limit = ONE_ARGUMENT[name]
    want = exact(f, x)
    assert ulps(getattr(special, name)(x), want) <= limit
    assert ulps(ft.jit(getattr(special, name))(x), want) <= limit
    single = x[(np.abs(x) < 30) & (np.abs(x) > 1e-4)].astype(np.float32)
    got = getattr(special, name)(single)
    with np.errstate(over="ignore"):
        want = np.array([float(w) for w in exact(f, single)]).astype(np.float32)
    np.testing.assert_array_max_ulp(np.asarray(got), want, 1)


def test_oscillating_integrals() -> None:
    x = both(spread(1e-5, 1e4))
    si, ci = special.sici(x)
    assert ulps(si, exact(mp.si, x)) <= 2
    assert ulps(ci, exact(lambda x: mp.ci(abs(x)), x), 1 / np.maximum(np.abs(x), 1)) <= 3
    near = 0.6165054856207162 + both(spread(1e-12, 1e-2, 20))
    assert ulps(special.sici(near)[1], exact(mp.ci, near)) <= 3
    s, c = special.fresnel(x)
    assert ulps(s, exact(mp.fresnels, x, digits=60)) <= 3
    assert ulps(c, exact(mp.fresnelc, x, digits=60)) <= 3
    np.testing.assert_array_equal(special.fresnel(np.array([np.inf, -1e300])), [[0.5, -0.5], [0.5, -0.5]])


def test_exponential_integrals_of_orders() -> None:
    n, x = rng.integers(1, 60, 150), spread(1e-4, 300, 150)
    assert ulps(special.expn(n, x), exact(mp.expint, n, x, digits=150)) <= 7
    got = special.expn(np.array([0, 0, 1, 2, 3.0, 2.5, -1]), np.array([0.0, 1, 0, 0, np.inf, 1, 1]))
    np.testing.assert_allclose(got, [np.inf, np.exp(-1), np.inf, 1, 0, np.nan, np.nan])
    assert float(ft.grad(special.expn, 1)(0, 0.5)) == pytest.approx(-np.exp(-0.5) * (2 + 4))


def owen(h: Any, a: Any) -> Any:
    ends = [0.0, *sorted(v for v in (0.3, 0.6, 1, 2, 4, 8, *(mp.mpf(k) / abs(h) for k in (1, 2, 3, 4, 6, 8, 10, 13))) if v < a
                         and v * abs(h) < 13.5)]
    ends += [a] if a * abs(h) < 13.5 else []
    return mp.exp(-h * h / 2) / (2 * mp.pi) * mp.quad(lambda x: mp.exp(-h * h * x * x / 2) / (1 + x * x), ends)


def test_owens_t() -> None:
    h, a = both(spread(1e-3, 30, 25)), np.concatenate([spread(1e-3, 1, 25), spread(1, 30, 25)])
    assert ulps(special.owens_t(h, a), exact(owen, h, a, digits=25)) <= 4


def test_beta_and_combinations() -> None:
    a, b = spread(1e-5, 1e6), spread(1e-5, 1e6)
    assert ulps(special.betaln(a, b), exact(lambda a, b: mp.log(mp.beta(a, b)), a, b), 1) <= 6
    a, b = spread(1e-3, 80), spread(1e-3, 80)
    assert ulps(special.beta(a, b), exact(mp.beta, a, b)) <= 14
    n, k = np.array([5, 52, 50, 200, 40, 0, 3]), np.array([2, 5, 20, 4, 38, 0, 4])
    np.testing.assert_array_equal(special.comb(n, k), [float(math.comb(i, j)) for i, j in zip(n, k, strict=True)])
    want = [float(math.comb(i + j - 1, j)) if i else float(j == 0) for i, j in zip(n, k, strict=True)]
    np.testing.assert_allclose(special.comb(n, k, repetition=True), want, rtol=1e-14)
    np.testing.assert_allclose(special.comb(100, 50), float(math.comb(100, 50)), rtol=3e-15)
    np.testing.assert_array_equal(special.comb(np.array([-1.0, 3.0]), np.array([1.0, -1.0])), [0, 0])
    np.testing.assert_array_equal(special.factorial(np.arange(18)), [float(mp.factorial(k)) for k in range(18)])
    np.testing.assert_array_equal(special.bernoulli(60), [-0.5 if k == 1 else float(mp.bernoulli(k)) for k in range(61)])
    assert special.bernoulli(0).shape == (1,) and np.isinf(special.bernoulli(300)[-1])
    z, m = np.array([1.0, -2, -2, 0, 3, -2.5, -2, 5.5, 200, 7]), np.array([2, 1, 3, 0, 2.5, 2, 2.5, -3, 10.5, -8])
    np.testing.assert_allclose(special.poch(z, m), sp.poch(z, m), rtol=2e-13)  # SciPy is 1.2e-13 off at (200, 10.5)


def test_poch_far_out() -> None:
    """Of large arguments, of whole m beyond the product, and left of 0."""
    z, m = np.array([1e5, 1e6, 1e5 + 0.1, 1e15, 30.5, 1e4]), np.array([-0.5, 0.5, -0.3, 2.7, 40.25, 55.0])
    z, m = np.concatenate([z, spread(10, 1e12, 60)]), np.concatenate([m, rng.uniform(-5, 20, 60)])
    rising = exact(lambda z, m: mp.gammaprod([z + m], [z]), z, m)
    assert relative(special.poch(z, m), rising) < 2e-14
    z, m = np.array([-2.0, 0, -30, -80, -2.5, -1e5 - 0.25, -1e6 - 0.125]), np.array([-30.0, -30, -30, 31, -30, 0.5, -21])
    want = exact(lambda z, m: mp.gammaprod([z + m], [z]), z, m)
    assert relative(special.poch(z, m), want) < 1e-13
    assert special.poch(-40.0, 50.0) == 0 and special.poch(3.0, -30.0) == np.inf


def test_zeta() -> None:
    x = np.array([-20.3, -8.7, -7, -2, -1, -0.5, 0, 0.3, 0.99, 1.01, 2, 30])
    want = [float(mp.zeta(v)) for v in x]
    np.testing.assert_allclose(special.zeta(x), want, rtol=1e-14, atol=1e-16)
    assert np.isinf(special.zeta(1.0))
    x = np.concatenate([both(spread(1e-320, 0.5, 40)), rng.uniform(-0.6, 2, 40), -rng.uniform(0.5, 20, 40)])
    assert relative(special.zeta(x), exact(mp.zeta, x)) < 1e-14
    x = -rng.uniform(20, 258, 40)
    assert relative(special.zeta(x), exact(mp.zeta, x)) < 1e-12
    narrow = np.concatenate([both(np.float32([1e-40, 1e-8, 0.016527636, 0.4])), np.float32([1 + 2**-23, 1 - 2**-24, -50.5, -7.3])])
    got = special.zeta(narrow)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.float32([float(mp.zeta(mp.mpf(float(v)))) for v in narrow]), rtol=1.2e-7)
    np.testing.assert_array_equal(special.zeta(np.array([-2, -700, -1e10, -701, -703])), [0, 0, 0, -np.inf, np.inf])
    assert not np.isfinite(ft.grad(special.zeta)(1.0)) and np.isinf(ft.grad(special.zeta)(-700.0))
    for v in (-258.0, -4.0, -1.7, -0.3, 0.0, 0.7, 1.6):
        np.testing.assert_allclose(ft.grad(special.zeta)(v), float(mp.diff(mp.zeta, v)), rtol=1e-13 if v > -10 else 1e-12)
    with mp.workdps(40):
        stieltjes = [float((-1) ** n * mp.stieltjes(n) / mp.factorial(n)) for n in range(20)]
    assert (*stieltjes[::-1], 1.0) == special_tables.ZETA_CENTRE
    slopes = ft.grad(special.zeta, (0, 1))(2.5, 1.7)
    np.testing.assert_allclose(slopes, [float(mp.zeta(2.5, 1.7, 1)), -2.5 * float(mp.zeta(3.5, 1.7))], rtol=1e-12)


# -- complex ----------------------------------------------------------------------------------------------------------

def test_wofz() -> None:
    z = np.concatenate([both(spread(1e-3, 50)) + 1j * spread(1e-6, 50, 120), both(spread(1e-3, 6, 20)) - 1j * spread(1e-6, 5, 40)])
    want = exact(lambda z: mp.exp(-z * z) * mp.erfc(-1j * z), z, digits=60)
    size = np.abs(np.array([complex(w) for w in want]))
    below = z.imag < 0
    size = np.maximum(size, np.abs(np.exp(-np.where(below, z * z, 700))))
    gaps = np.abs([complex(mp.mpc(complex(g)) - w) for g, w in zip(np.asarray(special.wofz(z)), want, strict=True)])
    assert (gaps / size).max() < 3e-15
    upper = z.imag > 0
    re = np.array([float(w.real) for w in want])
    np.testing.assert_allclose(special.wofz(z).real[upper], re[upper], rtol=5e-14)
    edges = np.array([0, 1e300, 1e200j, complex(np.inf, 0), complex(0, np.inf), 27, 1e5 + 1e-5j, 2])
    np.testing.assert_allclose(special.wofz(edges), sp.wofz(edges), rtol=1e-14)
    assert special.wofz(np.float32(1)).dtype == np.complex64
    assert np.isnan(special.wofz(np.nan))
    slope = -2 * (1 + 1j) * sp.wofz(1 + 1j) + 2j / np.sqrt(np.pi)
    np.testing.assert_allclose(ft.grad(special.wofz, holomorphic=True)(1 + 1j), slope, rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(special.wofz)(z), special.wofz(z), rtol=1e-14)


def test_complex_loggamma() -> None:
    z = both(spread(1e-3, 60)) + 1j * rng.choice([-1, 1], 120) * spread(1e-4, 60, 120)
    want = np.array([complex(w) for w in exact(mp.loggamma, z)])
    np.testing.assert_array_less(np.abs(np.asarray(special.loggamma(z)) - want) / np.maximum(np.abs(want), 1), 1e-14)
    cut = np.array([complex(-2.5, 0.0), complex(-2.5, -0.0), complex(-0.5, 1e-300), 1, 2])
    np.testing.assert_allclose(special.loggamma(cut), sp.loggamma(cut), rtol=1e-14, atol=1e-16)
    assert np.isnan(special.loggamma(np.array([-1 + 0j, 0j]))).all()
    near = z[np.abs(z) < 20]
    np.testing.assert_allclose(special.gamma(near), sp.gamma(near), rtol=1e-12)
    for point in (1.5 + 0.3j, -1.5 + 0.3j, 20 - 30j):
        slope = ft.grad(special.loggamma, holomorphic=True)(point)
        np.testing.assert_allclose(slope, sp.psi(point), rtol=1e-13)
    assert special.loggamma(np.complex64(2 + 1j)).dtype == np.complex64
    np.testing.assert_array_equal(special.loggamma(np.array([-0.5, -1.0])), [np.nan, np.nan])


# -- Bessel, Legendre, hypergeometric ---------------------------------------------------------------------------------

def test_bessel_jn() -> None:
    z = np.concatenate([[0, 1e-8, -1e-3, 24.9, 25.1, 49.9, 50.1, 1e4], rng.uniform(-120, 120, 30)])
    got = np.asarray(special.bessel_jn(z, v=60))
    want = np.array([exact(lambda x, k=k: mp.besselj(k, x), z) for k in range(61)], float)
    assert np.abs(got - want).max() < 1e-15
    beyond = (np.abs(z) < np.arange(61)[:, None]) & (np.abs(want) > 1e-290)
    assert np.max(np.abs(got / np.where(beyond, want, 1) - 1)[beyond]) < 1e-14
    slopes = ft.jacfwd(lambda z: special.bessel_jn(z, v=2))(1.5)
    np.testing.assert_allclose(slopes, [sp.jvp(k, 1.5) for k in range(3)], rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.grad(lambda z: special.bessel_jn(z, v=3)[3]))(70.0), sp.jvp(3, 70.0), rtol=1e-12)
    assert special.bessel_jn(np.zeros((0, 2)), v=3).shape == (4, 0, 2)
    assert special.bessel_jn(np.float32(1), v=0).dtype == np.float32


def test_spherical_harmonics() -> None:
    n, m = rng.integers(0, 40, 200), rng.integers(-41, 42, 200)
    theta, phi = rng.uniform(0, np.pi, 200), rng.uniform(0, 7, 200)
    np.testing.assert_allclose(special.sph_harm_y(n, m, theta, phi), sp.sph_harm_y(n, m, theta, phi), atol=1e-14)
    traced = ft.jit(lambda n, t: special.sph_harm_y(n, 1, t, 0.4, n_max=5))(np.array([3, 6]), 0.3)
    np.testing.assert_allclose(traced[0], sp.sph_harm_y(3, 1, 0.3, 0.4), rtol=1e-14)
    assert np.isnan(traced[1])
    slope = ft.grad(lambda t: special.sph_harm_y(3, 1, t, 0.4).real)
    for t in (0.0, 0.3):  # at the pole too
        np.testing.assert_allclose(slope(t), sp.sph_harm_y(3, 1, t, 0.4, diff_n=1)[1][0].real, rtol=1e-13)


def relative(got: Any, want: list[Any]) -> float:
    with mp.workdps(40):
        return max(float(abs(mp.mpf(float(g)) / w - 1)) for g, w in zip(np.asarray(got), want, strict=True))


def test_hyp1f1() -> None:
    for low, high, limit in ((0.1, 20, 60), (-30, 30, 50), (0.1, 20, 600)):
        a, b, x = rng.uniform(low, high, 40), rng.uniform(low, high, 40), rng.uniform(-limit, limit, 40)
        assert relative(special.hyp1f1(a, b, x), exact(mp.hyp1f1, a, b, x)) < (1e-14 if limit < 100 else 1e-13)
    points = [(1.5, -2, 3, np.inf), (-2, -3, 3, 4.5), (-3, -2, 3, np.inf), (1, 2, np.inf, np.inf), (1, 2, -np.inf, 0), (-2, -2, 1, 2.5),
              (1, 2, 800, np.inf), (1, np.nan, 1, np.nan), (3, 2, 0, 1)]
    for *args, want in points:
        np.testing.assert_allclose(special.hyp1f1(*args), want, rtol=1e-14)
    slopes = ft.grad(special.hyp1f1, (0, 1, 2))(-2.0, 2.4, -3.5)  # a polynomial, whose derivative in a is none
    np.testing.assert_allclose(slopes, [float(mp.diff(mp.hyp1f1, (-2, 2.4, -3.5), n)) for n in np.eye(3, dtype=int).tolist()], rtol=1e-12)


def test_hyp2f1() -> None:
    left, near = -spread(1e-2, 1e8, 40), 1 - spread(1e-10, 0.2, 40)
    for x in (rng.uniform(-1, 1, 40), left, near):
        a, b, c = rng.uniform(0.1, 6, 40), rng.uniform(0.1, 6, 40), rng.uniform(0.1, 10, 40)
        assert relative(special.hyp2f1(a, b, c, x), exact(mp.hyp2f1, a, b, c, x)) < 1e-13
    a, b, c = (rng.integers(1, 6, 40) for _ in range(3))  # the differences of which are whole: no exception here
    assert relative(special.hyp2f1(a, b, c, near), exact(mp.hyp2f1, a, b, c, near)) < 1e-13
    a, b, c, x = (*rng.uniform(-10, 10, (3, 40)), rng.uniform(-3, 0.9, 40))
    assert relative(special.hyp2f1(a, b, c, x), exact(mp.hyp2f1, a, b, c, x)) < 1e-11
    points = [(1, 2, 3, 2, np.inf), (1, 2, 3, 1, np.inf), (1, 2, 4, 1, 3), (-2, 2, 3, 5, 41 / 6), (1, 2, -3, 0.5, np.inf),
              (-2, 2, -3, 0.5, 23 / 12), (-3, 2, -2, 0.5, np.inf), (0.5, 1, 2, 0, 1), (1, 2, 3, np.nan, np.nan),
              (2, 2, 2, 2, 1), (3, 0.5, 0.5, 1.5, -8), (0.5, 3, 0.5, 1.5, -8), (0.5, 2, 2, 2, np.inf), (-1.5, 2, 2, 3, np.inf),
              (2, 3, 3, np.inf, 0), (2, 3, 3, 1, np.inf)]
    for *args, want in points:
        np.testing.assert_allclose(special.hyp2f1(*args), want, rtol=1e-14)
    assert ft.grad(special.hyp2f1, 3)(2.0, 2.0, 2.0, 2.0) == -2  # of (1 - x)**-2
    slopes = ft.jit(ft.grad(special.hyp2f1, (0, 1, 2, 3)))(1.3, -2.0, 3.5, 0.9)
    want = [float(mp.diff(mp.hyp2f1, (1.3, -2, 3.5, 0.9), n)) for n in np.eye(4, dtype=int).tolist()]
    np.testing.assert_allclose(slopes, want, rtol=1e-11)


# -- limits that derivatives have ---------------------------------------------------------------------------------------

def test_derivatives_at_limits() -> None:
    grad = ft.grad
    assert float(grad(special.boxcox, 1)(2.0, 0.0)) == pytest.approx(np.log(2) ** 2 / 2, rel=1e-14)
    assert float(grad(grad(special.boxcox, 1), 1)(2.0, 0.0)) == pytest.approx(np.log(2) ** 3 / 3, rel=1e-14)
    assert float(grad(special.i1)(0.0)) == 0.5
    assert float(grad(special.spence)(1.0)) == -1.0
    assert float(grad(grad(special.spence))(1.0)) == pytest.approx(0.5)
    assert float(grad(lambda x: special.sici(x)[0])(0.0)) == 1.0
    assert float(grad(special.xlogy, 1)(0.0, 0.0)) != float(grad(special.xlogy, 1)(0.0, 1.0))  # 0 / 0 is not known, 0 / 1 is 0
    assert float(grad(special.log_ndtr)(-1e4)) == pytest.approx(1e4, rel=1e-7)
    assert float(grad(special.kl_div)(1.0 + 1e-9, 1.0)) == pytest.approx(1e-9, rel=1e-6)
    assert float(special.kl_div(1.0 + 1e-9, 1.0)) == pytest.approx(5e-19, rel=1e-6)
    assert float(special.rel_entr(1.0 + 2**-40, 1.0)) == pytest.approx(2**-40, rel=1e-11)
    assert float(special.logit(0.5 + 2**-50)) == 2**-48


def test_tables_are_what_the_script_fits() -> None:
    path = Path(__file__).parents[2] / "docs" / "fitting" / "special.py"
    spec = importlib.util.spec_from_file_location("fitting_special", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    with mp.workdps(60):
        spec.loader.exec_module(script)
        for name, (f, ends) in script.FITS.items():
            pieces = tuple(script.fit(f, low, high) for low, high in pairwise(ends))
            assert pieces == getattr(special_fits, name), name
        for name in ("EI_ROOT", "CI_ROOT"):
            root = getattr(script, name)
            assert getattr(special_fits, name) == (float(root), float(root - float(root)))
