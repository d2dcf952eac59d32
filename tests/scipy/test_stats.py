"""`functrans.scipy.stats` against SciPy: one row for a distribution, each property for all its methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.stats as ss

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy import stats

Args = tuple[Any, ...]
DENSITY, TAILS, LOG_TAILS = "logpdf pdf", "cdf sf", "logcdf logsf"


@dataclass(frozen=True, slots=True)
class Row:
    """A distribution: methods of a point and of a probability, points, the other parameters, and of which there are no derivatives."""

    name: str
    methods: str
    points: list[float]
    params: Args
    quantiles: str = ""
    fixed: tuple[int, ...] = ()
    """Positions of arguments that are whole numbers or without derivative, the point being 0."""


PLANE = [-3.0, -0.4, 0.3, 1.1, 5.0]
RIGHT = [1.4, 2.0, 3.7, 9.0]
COUNTS = [0.0, 1.0, 2.0, 5.0]
LOC, SCALE = 0.75, 1.25
ROWS = [
    Row("norm", f"{DENSITY} {TAILS} {LOG_TAILS}", PLANE, (LOC, SCALE), "ppf isf"),
    Row("cauchy", f"{DENSITY} {TAILS} {LOG_TAILS}", PLANE, (LOC, SCALE), "ppf isf"),
    Row("laplace", f"{DENSITY} cdf", PLANE, (LOC, SCALE)),
    Row("logistic", f"{DENSITY} {TAILS}", PLANE, (LOC, SCALE), "ppf isf"),
    Row("gumbel_r", f"{DENSITY} {TAILS} {LOG_TAILS}", PLANE, (LOC, SCALE), "ppf"),
    Row("gumbel_l", f"{DENSITY} {TAILS} {LOG_TAILS}", PLANE, (LOC, SCALE), "ppf"),
    Row("expon", f"{DENSITY} {TAILS} {LOG_TAILS}", RIGHT, (LOC, SCALE), "ppf"),
    Row("uniform", f"{DENSITY} cdf", [0.8, 1.5, 1.9], (LOC, SCALE), "ppf"),
    Row("pareto", f"{DENSITY} {TAILS} {LOG_TAILS}", [2.5, 3.0, 9.0], (2.5, LOC, SCALE), "ppf"),
    Row("gamma", f"{DENSITY} {TAILS} {LOG_TAILS}", RIGHT, (2.2, LOC, SCALE)),
    Row("chi2", f"{DENSITY} {TAILS} {LOG_TAILS}", RIGHT, (3.1, LOC, SCALE)),
    Row("beta", f"{DENSITY} {TAILS} {LOG_TAILS}", [0.9, 1.2, 1.9], (2.2, 0.8, LOC, SCALE)),
    Row("t", DENSITY, PLANE, (3.3, LOC, SCALE)),
    Row("truncnorm", f"{DENSITY} {TAILS} {LOG_TAILS}", [-0.1, 0.3, 1.1, 2.8], (-1.5, 2.0, LOC, SCALE)),
    Row("gennorm", f"{DENSITY} cdf", PLANE, (1.7,)),
    Row("vonmises", DENSITY, PLANE, (2.3,)),
    Row("wrapcauchy", DENSITY, [0.1, 2.0, 5.0], (0.4,)),
    Row("bernoulli", "logpmf pmf cdf", [0.0, 1.0], (0.3,), "ppf", fixed=(0,)),
    Row("binom", "logpmf pmf", COUNTS, (7, 0.3), fixed=(0, 1)),
    Row("nbinom", "logpmf pmf", COUNTS, (2.5, 0.3), fixed=(0,)),
    Row("geom", "logpmf pmf", [1.0, 2.0, 5.0], (0.3,), fixed=(0,)),
    Row("poisson", "logpmf pmf cdf", COUNTS, (2.4,), fixed=(0,)),
    Row("betabinom", "logpmf pmf", COUNTS, (7, 0.6, 2.1), fixed=(0, 1)),
]


@dataclass(frozen=True, slots=True)
class Case:
    """One method with its arguments in float64."""

    row: Row
    method: str
    args: Args

    @property
    def ours(self) -> Callable[..., Any]:
        return getattr(getattr(stats, self.row.name), self.method)

    def reference(self, *args: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return getattr(getattr(ss, self.row.name), self.method)(*args)

    @property
    def smooth(self) -> list[int]:
        """Positions of arguments with derivatives."""
        return [i for i in range(len(self.args)) if i not in self.row.fixed]


def cases() -> Iterator[Any]:
    for row in ROWS:
        for method in row.methods.split():
            yield pytest.param(Case(row, method, (np.array(row.points), *row.params)), id=f"{row.name}.{method}")
        for method in row.quantiles.split():
            yield pytest.param(Case(row, method, (np.array([0.03, 0.4, 0.9]), *row.params)), id=f"{row.name}.{method}")


every_case = pytest.mark.parametrize("case", list(cases()))


def in_dtype(args: Args, dtype: str) -> Args:
    return tuple(np.asarray(a).astype(dtype) for a in args)


@every_case
def test_values(case: Case) -> None:
    """In both widths, not compiled."""
    narrow = in_dtype(case.args, "float32")
    with ft.disable_jit():
        np.testing.assert_allclose(case.ours(*case.args), case.reference(*case.args), rtol=2e-12, atol=1e-15)
        got = case.ours(*narrow)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, case.reference(*(a.astype(float) for a in narrow)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_compiled(row: Row) -> None:
    """All methods of a point in one compiled function, against the same not compiled; and the first one as users call it."""
    methods = [getattr(getattr(stats, row.name), m) for m in row.methods.split()]
    args = (np.array(row.points), *row.params)
    compiled = ft.jit(lambda *args: [method(*args) for method in methods])(*args)
    with ft.disable_jit():
        eager = [method(*args) for method in methods]
    np.testing.assert_allclose(compiled, eager, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(methods[0](*args), eager[0], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("row", [row for row in ROWS if row.quantiles], ids=[row.name for row in ROWS if row.quantiles])
def test_compiled_quantiles(row: Row) -> None:
    """As `test_compiled`, of probabilities and of what is none."""
    methods = [getattr(getattr(stats, row.name), m) for m in row.quantiles.split()]
    args = (np.array([-0.5, 0.0, 1e-9, 0.4, 0.999, 1.0]), *row.params)
    compiled = ft.jit(lambda *args: [method(*args) for method in methods])(*args)
    with ft.disable_jit():
        eager = [method(*args) for method in methods]
    np.testing.assert_allclose(compiled, eager, rtol=1e-13, atol=1e-16)


def difference(f: Callable[[float], np.ndarray], x: float, h: float) -> np.ndarray:
    """The derivative by central differences, extrapolated once."""
    coarse, fine = ((f(x + k) - f(x - k)) / (2 * k) for k in (h, h / 2))
    return (4 * fine - coarse) / 3


@every_case
def test_gradients(case: Case) -> None:
    """Derivatives of the sum over the points, by reverse mode, against differences of SciPy's values; compiled for one method a row."""
    smooth = case.smooth
    if not smooth:
        pytest.skip("a step function of its arguments")
    with ft.disable_jit(case.method != case.row.methods.split()[0]):
        got = ft.grad(lambda *args: fnp.sum(case.ours(*args)), argnums=smooth)(*in_dtype(case.args, "float64"))
    for i, slope in zip(smooth, got, strict=True):
        def along(shift: float, i: int = i) -> np.ndarray:
            return case.reference(*(a + shift if k == i else a for k, a in enumerate(case.args)))

        want = difference(along, 0.0, 2e-4 if case.method in ("ppf", "isf") else 1e-3)
        np.testing.assert_allclose(slope, want if i == 0 else want.sum(), rtol=1e-6, atol=1e-8)


@every_case
def test_vmap_equals_loop(case: Case) -> None:
    """Mapped over the points and over a shape parameter or the location, not compiled."""
    n = len(case.args[0])
    shapes = np.linspace(1.0, 1.1, n) * case.args[1] if isinstance(case.args[1], float) else np.full(n, case.args[1])
    rest = case.args[2:]
    with ft.disable_jit():
        got = ft.vmap(lambda x, a: case.ours(x, a, *rest))(case.args[0], shapes)
    want = [case.reference(x, a, *rest) for x, a in zip(case.args[0], shapes, strict=True)]
    np.testing.assert_allclose(got, want, rtol=2e-12, atol=1e-15)


LIMITS = {
    "logpdf": (-np.inf, -np.inf), "pdf": (0, 0), "logpmf": (-np.inf, -np.inf), "pmf": (0, 0),
    "cdf": (0, 1), "sf": (1, 0), "logcdf": (-np.inf, 0), "logsf": (0, -np.inf),
}


def edges(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Points outside and on the edges of the support, or of the unit interval; the values there."""
    rest = case.args[1:]
    if case.method in ("ppf", "isf"):
        points = np.array([-0.1, 0.0, 1.0, 1.1])
        want = case.reference(points, *rest)
        # SciPy's quantile at 0 of a lattice is one less than its least point
        return points, np.where(points == 0, 0, want) if case.row.name == "bernoulli" else want
    support = getattr(ss, case.row.name).support(*rest)
    points = np.array([-200.0, 0.5, *(v for v in support if np.isfinite(v)), 200.0])
    want = case.reference(points, *rest)
    return np.array([-np.inf, *points, np.inf]), np.array([LIMITS[case.method][0], *want, LIMITS[case.method][1]])


@every_case
def test_edges(case: Case) -> None:
    """Outside and on the edges: SciPy's values, limits at the infinities, derivatives that are no nan."""
    points, want = edges(case)
    rest = case.args[1:]
    with ft.disable_jit():
        np.testing.assert_allclose(case.ours(points, *rest), want, rtol=1e-11, atol=1e-300)
        if case.method not in ("ppf", "isf"):
            args = in_dtype((points, *rest), "float64")
            for slope in ft.grad(lambda *args: fnp.sum(case.ours(*args)), argnums=case.smooth)(*args):
                assert not np.isnan(slope).any()


@every_case
def test_invalid(case: Case) -> None:
    """nan of nan, and of parameters out of range."""
    point = case.args[0][0]
    with ft.disable_jit():
        assert np.isnan(case.ours(np.nan, *case.args[1:]))
        for i in range(1, len(case.args)):
            for bad in (np.nan, -1.0, 0.0):
                args = (point, *(bad if k == i else a for k, a in enumerate(case.args) if k))
                assert np.isnan(case.ours(*args)) == np.isnan(case.reference(*args)), (i, bad)


@every_case
def test_derivatives_are_nan_where_values_are(case: Case) -> None:
    """And nowhere else: a nan beside them does not spread."""
    rest = tuple(map(float, case.args[1:]))
    bad = [np.nan, -0.1, 1.1] if case.method in ("ppf", "isf") else [np.nan]
    x = np.array([*bad, case.args[0][0]], np.float64)
    with ft.disable_jit():
        slopes = ft.grad(lambda x: fnp.sum(case.ours(x, *rest)))(x)
    np.testing.assert_array_equal(np.isnan(slopes), [True] * len(bad) + [False])


INFINITE_SLOPES = {
    "norm.logpdf": (np.inf, -np.inf), "norm.logcdf": (np.inf, 0), "norm.logsf": (0, -np.inf), "logistic.logpdf": (1, -1),
    "laplace.logpdf": (1, -1), "expon.logpdf": (0, -1), "expon.logsf": (0, -1), "gumbel_r.logpdf": (np.inf, -1),
    "gumbel_r.logcdf": (np.inf, 0), "gumbel_r.logsf": (0, -1), "gumbel_l.logpdf": (1, -np.inf), "gumbel_l.logcdf": (1, 0),
    "gumbel_l.logsf": (0, -np.inf), "cauchy.logpdf": (0, 0),
}


@pytest.mark.parametrize("name", INFINITE_SLOPES)
def test_limits_of_derivatives(name: str) -> None:
    distribution, method = name.split(".")
    f = getattr(getattr(stats, distribution), method)
    x = np.array([-np.inf, 0.5, np.inf])
    with ft.disable_jit():
        slopes = ft.grad(lambda x: fnp.sum(f(x, 0.25, 2.0)))(x)
        np.testing.assert_array_equal(slopes[::2], np.array(INFINITE_SLOPES[name]) / 2)
        np.testing.assert_allclose(slopes[1], ft.grad(f)(0.5, 0.25, 2.0))
        np.testing.assert_array_equal(ft.jvp(f, (x, 0.25, 2.0), (np.ones(3), 0.0, 0.0))[1], slopes)
    assert float(ft.grad(stats.gamma.logpdf)(np.inf, 2.0)) == float(ft.grad(stats.gamma.logsf)(np.inf, 2.0)) == -1
    assert float(ft.grad(stats.chi2.logpdf)(np.inf, 2.0)) == -0.5


@every_case
def test_promotion_and_shapes(case: Case) -> None:
    """Integers, lists, empty arrays, broadcasting; shapes that do not fit and complex numbers are refused with the method's name."""
    whole, rest = np.array([1, 2]), case.args[1:]
    with ft.disable_jit():
        np.testing.assert_allclose(case.ours(whole, *rest), case.reference(whole, *rest), rtol=1e-12)
        assert case.ours(whole.astype("int32"), *in_dtype(rest, "float32")).dtype == np.float32
        assert case.ours(list(case.args[0]), *rest).shape == case.args[0].shape
        assert case.ours(np.zeros((0, 3)), *rest).shape == (0, 3)
        assert case.ours(np.ones((2, 1)), np.ones(3), *rest[1:]).shape == (2, 3)
    with pytest.raises(ValueError, match=rf"{case.row.name}\.{case.method} got incompatible shapes.*test_stats"):
        case.ours(np.ones(2), np.ones(3), *rest[1:])
    with pytest.raises(ValueError, match=rf"{case.row.name}\.{case.method} is defined for real numbers.*test_stats"):
        case.ours(1j, *rest)


def test_modules() -> None:
    """Each distribution is a module of its methods."""
    for row in ROWS:
        module = getattr(stats, row.name)
        assert isinstance(module, ModuleType)
        assert set(f"{row.methods} {row.quantiles}".split()) <= set(module.__all__)
