"""Calls whose results are stored in ``reference.npz``: what the reference library gives for them.

Each is ``(r, key, array) -> result`` of a random module `r`, a key, and `array`, which makes arrays of the default float. The
number is how many units in the last place a floating result may be off: the elementary functions of the two libraries
round differently, and log1p of the reference in float64 is off by up to 32 units about -0.4. 0 is equality.
"""

from __future__ import annotations

import numpy as np

__all__ = ["CASES", "KEYS"]

KEYS = (0, 42, -7, 2**33 + 5)
"""Seeds."""

EXACT = {
    "key_data": lambda r, k, a: r.key_data(k),
    "split": lambda r, k, a: r.key_data(r.split(k)),
    "split_shape": lambda r, k, a: r.key_data(r.split(k, (2, 3))),
    "fold_in": lambda r, k, a: r.key_data(r.fold_in(k, 7)),
    "fold_in_large": lambda r, k, a: r.key_data(r.fold_in(k, 2**32 - 1)),
    "split_of_split": lambda r, k, a: r.key_data(r.split(r.split(k, 3)[2], 2)),
    "bits": lambda r, k, a: r.bits(k, (3, 4)),
    "bits8": lambda r, k, a: r.bits(k, (9,), "uint8"),
    "bits16": lambda r, k, a: r.bits(k, (9,), "uint16"),
    "bits32": lambda r, k, a: r.bits(k, (2, 1, 5), "uint32"),
    "uniform": lambda r, k, a: r.uniform(k, (3, 4)),
    "uniform_scalar": lambda r, k, a: r.uniform(k),
    "uniform_bounds": lambda r, k, a: r.uniform(k, (40,), minval=-2.3, maxval=3.7),
    "uniform_arrays": lambda r, k, a: r.uniform(k, (5, 3), None, a([0.1, -3.3, 7.7]), a([[9.9]])),
    "uniform_float32": lambda r, k, a: r.uniform(k, (40,), "float32", 0.1, 0.7),
    "uniform_float16": lambda r, k, a: r.uniform(k, (40,), "float16"),
    "uniform_empty": lambda r, k, a: r.uniform(k, (0, 3)),
    "randint": lambda r, k, a: r.randint(k, (20,), 0, 10),
    "randint_negative": lambda r, k, a: r.randint(k, (20,), -1000, 1000),
    "randint_arrays": lambda r, k, a: r.randint(
        k, (4, 3), np.array([0, -5, 7], "int32"), np.array([[9], [3], [8], [100]], "int32")
    ),
    "randint_empty_range": lambda r, k, a: r.randint(k, (5,), 3, 3),
    "randint_int8": lambda r, k, a: r.randint(k, (20,), -128, 128, "int8"),
    "randint_uint8": lambda r, k, a: r.randint(k, (20,), 0, 256, "uint8"),
    "randint_int16": lambda r, k, a: r.randint(k, (20,), -40000, 40000, "int16"),
    "randint_int32": lambda r, k, a: r.randint(k, (20,), -7, 2**31 - 1, "int32"),
    "randint_uint32": lambda r, k, a: r.randint(k, (20,), 5, 2**31 - 1, "uint32"),
    "bernoulli": lambda r, k, a: r.bernoulli(k, 0.3, (20,)),
    "bernoulli_high": lambda r, k, a: r.bernoulli(k, a([0.3, 0.9, 0.01]), (7, 3), mode="high"),
    "rademacher": lambda r, k, a: r.rademacher(k, (20,)),
    "rademacher_float": lambda r, k, a: r.rademacher(k, (20,), "float32"),
    "geometric": lambda r, k, a: r.geometric(k, a([0.5, 0.01, 1.0]), (6, 3)),
    "poisson": lambda r, k, a: r.poisson(k, a([0.0, 0.5, 3.0, 9.9, 20.0, 1000.0, -1.0]), (5, 7)),
    "poisson_int32": lambda r, k, a: r.poisson(k, 50.0, (20,), "int32"),
    "binomial": lambda r, k, a: r.binomial(k, a([10, 1000, 20, 1e5, 0, -1]), a([0.3, 0.3, 0.9, 0.7, 0.5, 0.5]), (4, 6)),
    "binomial_undefined": lambda r, k, a: r.binomial(k, a([10, 10, 10, np.inf]), a([np.nan, 1.5, -0.5, 0.5])),
    "multinomial": lambda r, k, a: r.multinomial(k, a([10.0, 500.0]), a([0.2, 0.3, 0.5]), shape=(2, 3)),
    "categorical": lambda r, k, a: r.categorical(k, a([0.1, 2.0, -1.0, 0.5]), shape=(20,)),
    "categorical_axis": lambda r, k, a: r.categorical(
        k, a(np.arange(24.0)).reshape(2, 3, 4) / 5, axis=1, shape=(3, 2, 4)
    ),
    "categorical_high": lambda r, k, a: r.categorical(k, a([0.1, 2.0, -1.0, 0.5]), shape=(20,), mode="high"),
    "choice": lambda r, k, a: r.choice(k, 10, (3, 4)),
    "choice_array": lambda r, k, a: r.choice(k, a(np.arange(12.0)).reshape(3, 4), (2, 2), axis=1),
    "choice_weighted": lambda r, k, a: r.choice(k, 5, (20,), p=a([0.1, 0.2, 0.3, 0.2, 0.2])),
    "choice_at_most_once": lambda r, k, a: r.choice(k, 10, (2, 3), replace=False),
    "choice_array_at_most_once": lambda r, k, a: r.choice(
        k, a(np.arange(12.0)).reshape(3, 4), (3,), replace=False, axis=1
    ),
    "choice_weighted_at_most_once": lambda r, k, a: r.choice(k, 5, (3,), replace=False, p=a([0.1, 0.2, 0.3, 0.2, 0.2])),
    "categorical_at_most_once": lambda r, k, a: r.categorical(
        k, a(np.arange(24.0)).reshape(2, 3, 4), axis=1, shape=(2, 2, 4), replace=False
    ),
    "permutation": lambda r, k, a: r.permutation(k, 20),
    "permutation_long": lambda r, k, a: r.permutation(k, 3000)[:50],
    "permutation_rows": lambda r, k, a: r.permutation(k, a(np.arange(24.0)).reshape(6, 4)),
    "permutation_columns": lambda r, k, a: r.permutation(k, a(np.arange(24.0)).reshape(4, 6), axis=-1),
    "permutation_independent": lambda r, k, a: r.permutation(k, a(np.arange(24.0)).reshape(4, 6), 1, independent=True),
    "choice_one": lambda r, k, a: r.choice(k, a([2.0, 3.0, 5.0])),
}
CLOSE = {
    "uniform_float16_bounds": (lambda r, k, a: r.uniform(k, (40,), "float16", -2.3, 3.7), 0),
    "normal": (lambda r, k, a: r.normal(k, (50,)), 32),
    "normal_float32": (lambda r, k, a: r.normal(k, (50,), "float32"), 4),
    "normal_float16": (lambda r, k, a: r.normal(k, (50,), "float16"), 1),
    "normal_complex": (lambda r, k, a: r.normal(k, (20,), "complex64"), 4),
    "truncated_normal": (lambda r, k, a: r.truncated_normal(k, a([-1.0, 0.5, -9.0]), 2.0, (10, 3)), 16),
    "lognormal": (lambda r, k, a: r.lognormal(k, 0.5, (20,)), 8),
    "maxwell": (lambda r, k, a: r.maxwell(k, (20,)), 32),
    "double_sided_maxwell": (lambda r, k, a: r.double_sided_maxwell(k, a([1.0, 2.0]), 2.0, (10,)), 128),
    "wald": (lambda r, k, a: r.wald(k, a([0.5, 2.0]), (10, 2)), 64),
    "exponential": (lambda r, k, a: r.exponential(k, (20,)), 64),
    "laplace": (lambda r, k, a: r.laplace(k, (20,)), 128),
    "logistic": (lambda r, k, a: r.logistic(k, (20,)), 64),
    "cauchy": (lambda r, k, a: r.cauchy(k, (20,)), 8),
    "gumbel": (lambda r, k, a: r.gumbel(k, (20,)), 32),
    "gumbel_high": (lambda r, k, a: r.gumbel(k, (20,), mode="high"), 128),
    "gumbel_highest": (lambda r, k, a: r.gumbel(k, (20,), "float32", mode="highest"), 4),
    "pareto": (lambda r, k, a: r.pareto(k, a([1.5, 3.0]), (10, 2)), 8),
    "rayleigh": (lambda r, k, a: r.rayleigh(k, a([1.5, 3.0]), (10, 2)), 4),
    "weibull_min": (lambda r, k, a: r.weibull_min(k, 2.0, a([1.5, 3.0]), (10, 2)), 8),
    "triangular": (lambda r, k, a: r.triangular(k, a([-1.0, 0.0]), 1.0, 3.0, (10, 2)), 8),
    "gamma": (lambda r, k, a: r.gamma(k, a([0.01, 0.5, 1.0, 2.5, 100.0]), (8, 5)), 64),
    "gamma_float32": (lambda r, k, a: r.gamma(k, np.float32(2.5), (20,), "float32"), 16),
    "loggamma": (lambda r, k, a: r.loggamma(k, a([0.01, 0.5, 1.0, 2.5, 100.0]), (8, 5)), 128),
    "beta": (lambda r, k, a: r.beta(k, a([0.1, 2.0]), 3.0, (10, 2)), 64),
    "dirichlet": (lambda r, k, a: r.dirichlet(k, a([0.1, 2.0, 3.0]), (5,)), 1024),
    "chisquare": (lambda r, k, a: r.chisquare(k, a([0.5, 4.0]), (10, 2)), 256),
    "f": (lambda r, k, a: r.f(k, 4.0, 7.0, (20,)), 64),
    "t": (lambda r, k, a: r.t(k, a([0.5, 4.0]), (10, 2)), 64),
    "generalized_normal": (lambda r, k, a: r.generalized_normal(k, 3.0, (20,)), 32),
    "ball": (lambda r, k, a: r.ball(k, 3, shape=(5,)), 32),
    "ball_1": (lambda r, k, a: r.ball(k, 2, 1.0, (5,)), 32),
}
COVARIANCE = [[2.0, 0.5, 0.1], [0.5, 1.0, 0.0], [0.1, 0.0, 3.0]]
for _method in ("cholesky", "eigh", "svd"):
    CLOSE[f"multivariate_normal_{_method}"] = (
        lambda r, k, a, method=_method: r.multivariate_normal(
            k, a([1.0, 2.0, 3.0]), a(COVARIANCE), (7,), method=method
        ),
        1024,
    )
CLOSE |= {
    "orthogonal": (lambda r, k, a: r.orthogonal(k, 3), 128),
    "orthogonal_wide": (lambda r, k, a: r.orthogonal(k, 2, (2,), m=4), 128),
    "orthogonal_tall": (lambda r, k, a: r.orthogonal(k, 4, m=2, dtype="float32"), 128),
}
CASES = {name: (case, 0) for name, case in EXACT.items()} | CLOSE
