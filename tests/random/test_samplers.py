"""Samplers by mathematics: distribution functions, derivatives, transformations; and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats as st

import functrans as ft
from functrans import numpy as fnp
from functrans import random

KEY = random.key(20)
N = 20_000

# Each against the distribution function of SciPy; a right sampler fails with probability 1e-6.
CONTINUOUS = {
    "uniform": (lambda k, n: random.uniform(k, n, minval=-1.0, maxval=3.0), st.uniform(-1, 4)),
    "normal": (lambda k, n: random.normal(k, n), st.norm()),
    "normal_float32": (lambda k, n: random.normal(k, n, "float32"), st.norm()),
    "truncated_normal": (lambda k, n: random.truncated_normal(k, -0.5, 2.0, n), st.truncnorm(-0.5, 2.0)),
    "lognormal": (lambda k, n: random.lognormal(k, 0.5, n), st.lognorm(0.5)),
    "maxwell": (lambda k, n: random.maxwell(k, n), st.maxwell()),
    "double_sided_maxwell": (lambda k, n: abs(random.double_sided_maxwell(k, 1.0, 2.0, n) - 1.0), st.maxwell(scale=2)),
    "wald": (lambda k, n: random.wald(k, 2.0, n), st.invgauss(2.0)),
    "exponential": (lambda k, n: random.exponential(k, n), st.expon()),
    "laplace": (lambda k, n: random.laplace(k, n), st.laplace()),
    "logistic": (lambda k, n: random.logistic(k, n), st.logistic()),
    "cauchy": (lambda k, n: random.cauchy(k, n), st.cauchy()),
    "gumbel": (lambda k, n: random.gumbel(k, n), st.gumbel_r()),
    "gumbel_high": (lambda k, n: random.gumbel(k, n, mode="high"), st.gumbel_r()),
    "gumbel_highest": (lambda k, n: random.gumbel(k, n, "float32", mode="highest"), st.gumbel_r()),
    "pareto": (lambda k, n: random.pareto(k, 3.0, n), st.pareto(3)),
    "rayleigh": (lambda k, n: random.rayleigh(k, 2.0, n), st.rayleigh(scale=2)),
    "weibull_min": (lambda k, n: random.weibull_min(k, 2.0, 1.5, n), st.weibull_min(1.5, scale=2)),
    "triangular": (lambda k, n: random.triangular(k, -1.0, 0.0, 3.0, n), st.triang(0.25, -1, 4)),
    "gamma": (lambda k, n: random.gamma(k, 2.5, n), st.gamma(2.5)),
    "gamma_small": (lambda k, n: random.gamma(k, 0.3, n), st.gamma(0.3)),
    "loggamma": (lambda k, n: random.loggamma(k, 0.7, n), st.loggamma(0.7)),
    "beta": (lambda k, n: random.beta(k, 0.5, 2.0, n), st.beta(0.5, 2)),
    "dirichlet": (lambda k, n: random.dirichlet(k, np.array([0.5, 1.0, 1.0]), n)[:, 0], st.beta(0.5, 2)),
    "chisquare": (lambda k, n: random.chisquare(k, 3.0, n), st.chi2(3)),
    "f": (lambda k, n: random.f(k, 4.0, 7.0, n), st.f(4, 7)),
    "t": (lambda k, n: random.t(k, 3.0, n), st.t(3)),
    "generalized_normal": (lambda k, n: random.generalized_normal(k, 3.0, n), st.gennorm(3)),
    "ball": (lambda k, n: fnp.sum(random.ball(k, 3, shape=n) ** 2, -1) ** 1.5, st.uniform()),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution_function(name):
    sample, law = CONTINUOUS[name]
    assert st.kstest(np.asarray(sample(KEY, (N,)), "float64"), law.cdf).pvalue > 1e-6


DISCRETE = {
    "randint": (lambda k, n: random.randint(k, n, -2, 5), st.randint(-2, 5)),
    "randint_uint8": (lambda k, n: random.randint(k, n, 0, 7, "uint8"), st.randint(0, 7)),
    "bits": (lambda k, n: random.bits(k, n, "uint8") // 32, st.randint(0, 8)),
    "bernoulli": (lambda k, n: random.bernoulli(k, 0.3, n), st.bernoulli(0.3)),
    "bernoulli_high": (lambda k, n: random.bernoulli(k, 0.3, n, mode="high"), st.bernoulli(0.3)),
    "rademacher": (lambda k, n: (random.rademacher(k, n) + 1) // 2, st.bernoulli(0.5)),
    "geometric": (lambda k, n: random.geometric(k, 0.4, n), st.geom(0.4)),
    "poisson": (lambda k, n: random.poisson(k, 3.0, n), st.poisson(3)),
    "poisson_large": (lambda k, n: random.poisson(k, 30.0, n), st.poisson(30)),
    "binomial": (lambda k, n: random.binomial(k, 10, 0.3, n), st.binom(10, 0.3)),
    "binomial_large": (lambda k, n: random.binomial(k, 100, 0.7, n), st.binom(100, 0.7)),
    "multinomial": (
        lambda k, n: random.multinomial(k, 10.0, np.array([0.2, 0.3, 0.5]), shape=(*n, 3))[:, 1],
        st.binom(10, 0.3),
    ),
    "categorical": (lambda k, n: random.categorical(k, np.log([0.2, 0.8]), shape=n), st.bernoulli(0.8)),
    "choice": (lambda k, n: random.choice(k, 6, n), st.randint(0, 6)),
    "choice_weighted": (lambda k, n: random.choice(k, 2, n, p=np.array([0.2, 0.8])), st.bernoulli(0.8)),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_frequencies(name):
    sample, law = DISCRETE[name]
    drawn = np.asarray(sample(KEY, (N,))).astype(int)
    low, high = int(law.ppf(1e-3)), int(law.ppf(1 - 1e-3))
    values = np.arange(low, high + 1)
    counts = np.array([np.sum(drawn == v) for v in values])
    expected = N * law.pmf(values)
    counts, expected = (np.append(x, N - x.sum()) for x in (counts, expected))
    rest = expected[-1] > 1
    if not rest:
        assert counts[-1] <= 12
        counts, expected = counts[:-1], expected[:-1] * (counts[:-1].sum() / expected[:-1].sum())
    assert st.chisquare(counts, expected * (counts.sum() / expected.sum())).pvalue > 1e-6


def test_independence_of_elements_and_keys():
    keys = random.split(KEY, 3)
    draws = [np.asarray(random.normal(k, (N,))) for k in keys]
    draws += [draws[0][:-1], draws[0][1:]]
    for i, x in enumerate(draws[:3]):
        for y in draws[:i]:
            assert abs(np.corrcoef(x, y)[0, 1]) < 5 / math.sqrt(N)
    assert abs(np.corrcoef(*draws[3:])[0, 1]) < 5 / math.sqrt(N)


# -- transformations --------------------------------------------------------------------------------------------------

SHAPED = {
    "uniform": lambda k, a: random.uniform(k, (), None, 0.0, a),
    "normal": lambda k, a: a * random.normal(k),
    "randint": lambda k, a: random.randint(k, (2,), 0, 10),
    "exponential": lambda k, a: random.exponential(k, (3,)),
    "gamma": lambda k, a: random.gamma(k, a),
    "gamma_many": lambda k, a: random.gamma(k, a, (2, 3)),
    "loggamma": lambda k, a: random.loggamma(k, a),
    "beta": lambda k, a: random.beta(k, a, 2.0),
    "dirichlet": lambda k, a: random.dirichlet(k, fnp.stack([a, a + 1])),
    "t": lambda k, a: random.t(k, a, (2,)),
    "poisson": lambda k, a: random.poisson(k, 10 * a, (2,)),
    "binomial": lambda k, a: random.binomial(k, fnp.floor(30 * a), 0.4, (2,)),
    "multinomial": lambda k, a: random.multinomial(k, fnp.floor(30 * a), np.array([0.3, 0.7])),
    "truncated_normal": lambda k, a: random.truncated_normal(k, -a, a),
    "categorical": lambda k, a: random.categorical(k, fnp.stack([a, 2 * a])),
    "choice": lambda k, a: random.choice(k, 5, (2,)),
    "ball": lambda k, a: random.ball(k, 2, a, (2,)),
}


@pytest.mark.parametrize("name", SHAPED)
def test_vmap_and_jit_change_nothing(name):
    f = SHAPED[name]
    keys, a = random.split(KEY, 4), fnp.array([0.4, 1.0, 2.5, 6.0])
    each = np.stack([f(keys[i], a[i]) for i in range(4)])
    np.testing.assert_allclose(ft.vmap(f)(keys, a), each, rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.vmap(f))(keys, a), each, rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(f, (None, 0))(keys[0], a), np.stack([f(keys[0], x) for x in a]), rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(f, (0, None))(keys, a[1]), np.stack([f(k, a[1]) for k in keys]), rtol=1e-13)


def test_jit_follows_python_integers():
    assert ft.jit(lambda d, n: random.ball(KEY, d, shape=(n,)))(3, 2).shape == (2, 3)


def test_samplers_without_jit_give_the_same():
    for name in ("uniform", "normal", "gamma", "poisson", "randint", "categorical"):
        f = SHAPED[name]
        with ft.disable_jit():
            plain = np.asarray(f(KEY, 2.0))
        np.testing.assert_allclose(f(KEY, 2.0), plain, rtol=1e-12)


# -- derivatives ------------------------------------------------------------------------------------------------------


def test_location_and_scale():
    u = float(random.uniform(KEY))
    low, high = ft.grad(lambda low, high: random.uniform(KEY, (), None, low, high), (0, 1))(1.0, 4.0)
    np.testing.assert_allclose([low, high], [1 - u, u], rtol=1e-12)
    sigma = 0.5
    np.testing.assert_allclose(
        ft.grad(lambda s: random.lognormal(KEY, s))(sigma),
        float(random.normal(KEY)) * float(random.lognormal(KEY, sigma)),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        ft.grad(lambda s: random.rayleigh(KEY, s))(2.0), float(random.rayleigh(KEY, 1.0)), rtol=1e-12
    )


def quantile_slope(cdf, pdf, x, a):
    """The derivative of a quantile with respect to the parameter, at a fixed probability."""
    h = 1e-5
    return -(cdf(x, a + h) - cdf(x, a - h)) / (2 * h) / pdf(x, a)


@pytest.mark.parametrize("a", [0.3, 1.0, 2.5, 40.0])
def test_gamma_has_the_implicit_derivative(a):
    x = float(random.gamma(KEY, a))
    want = quantile_slope(lambda x, a: scipy.special.gammainc(a, x), st.gamma.pdf, x, a)
    np.testing.assert_allclose(ft.grad(lambda a: random.gamma(KEY, a))(a), want, rtol=1e-5)
    np.testing.assert_allclose(ft.jit(ft.grad(lambda a: random.loggamma(KEY, a)))(a), want / x, rtol=1e-5)
    np.testing.assert_allclose(ft.jvp(lambda a: random.gamma(KEY, a), (a,), (2.0,))[1], 2 * want, rtol=1e-5)


def test_the_mean_of_derivatives_is_the_derivative_of_the_mean():
    slope = ft.grad(lambda a: fnp.mean(random.beta(KEY, a, 2.0, (N,))))(3.0)
    assert abs(float(slope) - 2 / 25) < 0.005  # of a / (a + 2)
    slope = ft.grad(lambda a: fnp.mean(random.dirichlet(KEY, fnp.stack([a, 3.0]), (N,))[:, 0]))(2.0)
    assert abs(float(slope) - 3 / 25) < 0.005
    slope = ft.grad(lambda df: fnp.mean(random.chisquare(KEY, df, (N,))))(4.0)
    assert abs(float(slope) - 1) < 0.05
    batched = ft.vmap(ft.grad(lambda a: fnp.mean(random.gamma(KEY, a, (100,)))))(fnp.array([1.0, 2.0]))
    np.testing.assert_allclose(
        batched, [ft.grad(lambda a: fnp.mean(random.gamma(KEY, a, (100,))))(a) for a in (1.0, 2.0)], rtol=1e-12
    )


# -- special values ---------------------------------------------------------------------------------------------------


def test_ends_of_the_range():
    assert random.randint(KEY, (2000,), 0, 256, "uint8").max() == 255
    assert random.randint(KEY, (5,), 7, 3).tolist() == [7] * 5
    assert bool((random.truncated_normal(KEY, 1.0, 1.0 + 1e-9, (100,)) > 1).all())
    u = random.uniform(KEY, (N,), "float16")
    assert float(u.min()) >= 0 and float(u.max()) < 1
    assert np.isfinite(np.asarray(random.loggamma(KEY, 1e-5, (100,)))).all()
    assert random.normal(KEY, (0, 3)).shape == (0, 3) and random.gamma(KEY, 1.0, (0,)).shape == (0,)
    assert random.poisson(KEY, 1.0, (0,)).shape == (0,)
    assert bool((random.binomial(KEY, 10, 1.0, (5,)) == 10).all()) and bool(
        (random.binomial(KEY, 10, 0.0, (5,)) == 0).all()
    )


def test_dtypes():
    for name in ("uniform", "normal", "exponential", "gumbel", "cauchy", "laplace", "logistic", "maxwell"):
        for dtype in ("float16", "float32", "float64"):
            assert getattr(random, name)(KEY, (2,), dtype).dtype == dtype
        assert getattr(random, name)(KEY, (2,)).dtype == "float64"
        with ft.default_float("float32"):
            assert getattr(random, name)(KEY, (2,)).dtype == "float32"
    assert random.normal(KEY, (2,), "complex64").dtype == "complex64"
    assert random.randint(KEY, (2,), 0, 5).dtype == "int64" and random.bits(KEY).dtype == "uint64"
    with ft.default_float("float32"):
        assert random.randint(KEY, (2,), 0, 5).dtype == "int32" and random.bits(KEY).dtype == "uint32"


REFUSED = {
    "a fractional shape": (
        lambda: random.normal(KEY, (2.0,)),
        TypeError,
        r"normal: shapes must be 1D sequences of concrete .* got \(2.0,\)",
    ),
    "a negative shape": (lambda: random.normal(KEY, (-1,)), ValueError, "normal: shapes must not have negative sizes"),
    "an integer normal": (
        lambda: random.normal(KEY, (3,), int),
        ValueError,
        "dtype argument to `normal` must be a float or complex dtype, got int64",
    ),
    "an integer uniform": (
        lambda: random.uniform(KEY, (3,), int),
        ValueError,
        "dtype argument to `uniform` must be a float dtype, got int64",
    ),
    "float integers": (
        lambda: random.randint(KEY, (3,), 0, 10, float),
        TypeError,
        "`randint` must be an int dtype, got float64",
    ),
    "signed bits": (
        lambda: random.bits(KEY, (3,), "int32"),
        ValueError,
        "`bits` must be an unsigned int dtype, got int32",
    ),
    "bounds of another shape": (
        lambda: random.randint(KEY, (3,), 0, np.arange(2)),
        ValueError,
        r"incompatible shapes for broadcasting: \(3,\), \(\), \(2,\)",
    ),
    "parameters larger than the shape": (
        lambda: random.gamma(KEY, np.ones((2, 3)), (3,)),
        ValueError,
        r"result of broadcasting .* got result \(2, 3\) for shape argument \(3,\)",
    ),
    "an integer probability": (
        lambda: random.bernoulli(KEY, 1),
        TypeError,
        "bernoulli probability `p` must have a floating dtype, got int64",
    ),
    "an unknown mode": (
        lambda: random.bernoulli(KEY, 0.5, mode="x"),
        ValueError,
        "got mode='x', expected 'high' or 'low'",
    ),
    "an unknown precision": (
        lambda: random.gumbel(KEY, mode="x"),
        ValueError,
        "mode must be 'low', 'high' or 'highest', got 'x'",
    ),
    "parameters that lose digits": (
        lambda: random.beta(KEY, np.ones(3), 2.0, dtype="float32"),
        ValueError,
        "beta, cannot safely cast argument of type float64 to float32",
    ),
    "a scalar for a vector": (lambda: random.dirichlet(KEY, 1.0), ValueError, "dirichlet requires alpha.ndim >= 1"),
    "a number for a shape": (lambda: random.choice(KEY, 5, 6), TypeError, "must be a sequence, got 6"),
    "weights of another size": (
        lambda: random.choice(KEY, 5, (2,), p=np.ones(3)),
        ValueError,
        r"p has shape \(3,\) and a.shape\[axis\] is 5",
    ),
    "nothing to choose from": (lambda: random.choice(KEY, 0, (2,)), ValueError, "a must be greater than 0"),
    "more than there are": (
        lambda: random.choice(KEY, 5, (6,), replace=False),
        ValueError,
        r"larger sample \(size 6\) than population \(size 5\)",
    ),
    "logits of another shape": (
        lambda: random.categorical(KEY, np.zeros((3, 4)), shape=(2,)),
        ValueError,
        "broadcasting",
    ),
    "integer logits": (lambda: random.categorical(KEY, np.arange(3)), TypeError, "logits must be floating, got int64"),
    "a fractional dimension": (lambda: random.ball(KEY, 2.5), TypeError, "the dimension d must be an integer, got 2.5"),
    "a traced dimension": (
        lambda: ft.jit(lambda d: random.ball(KEY, d), strict=True)(3),
        TypeError,
        "needs an integer|an integer",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_chosen_places_are_narrow_where_floats_are() -> None:
    logits = np.log(np.array([0.2, 0.3, 0.5]))
    draws = {
        "categorical": lambda k: random.categorical(k, logits, shape=(4,)),
        "categorical, none twice": lambda k: random.categorical(k, logits, shape=(2,), replace=False),
        "permutation": lambda k: random.permutation(k, 5),
        "choice": lambda k: random.choice(k, 5, (3,), replace=False),
    }
    for name, draw in draws.items():
        wide = draw(random.key(0))
        assert wide.dtype == np.int64, name
        with ft.default_float("float32"):
            narrow = draw(random.key(0))
        assert narrow.dtype == np.int32, name
        if "permutation" in name:
            np.testing.assert_array_equal(narrow, wide)
