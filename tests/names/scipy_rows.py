"""Rows of `functrans.scipy.special`, `stats`, `signal`, `fft`, `ndimage`, `integrate`, `interpolate`, `optimize` and `sparse.linalg`.

The distributions and their parameters are those of `tests.scipy.test_stats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.integrate
import scipy.interpolate
import scipy.ndimage
import scipy.signal
import scipy.special as sp
import scipy.stats as ss

from tests.names.rows import COMPLEX, NUMBER, Name, Operand, R, Z, definite, distinct, each, fixed
from tests.scipy.test_stats import ROWS as DISTRIBUTIONS

__all__ = ["SCIPY_ROWS"]

X = distinct(3, 4)
UNIT = R(3, 4, low=0.05, high=0.95)
POSITIVE = R(3, 4, low=0.3, high=4.0)
PAIR = (POSITIVE, POSITIVE)
CLOSE = 1e-11
SIGNAL = R(3, 32)
SPECTRAL = {"tol": CLOSE, "widens": True}


def special(names: str, *operands: Operand, **options: Any) -> list[Name]:
    return each("scipy.special", names, *operands, **({"tol": CLOSE} | options))


def harmonics(f: Any, theta: Any, phi: Any) -> Any:
    return f(np.array([2, 3, 3, 1]), np.array([0, 1, -2, 1]), theta, phi)


SPECIAL = (
    *special("erf erfc erfcx dawsn expit log_ndtr ndtr i0 i0e i1 i1e", X),
    *special("logit ndtri entr", UNIT),
    Name("scipy.special.erfinv", (R(3, 4, low=-0.95, high=0.95),), tol=CLOSE),
    *special("fresnel sici", POSITIVE),
    *special("exp1 expi spence gamma gammaln digamma", POSITIVE),
    *special("gammasgn", X),
    Name("scipy.special.factorial", (POSITIVE,), tol=CLOSE),
    *special("beta betaln kl_div rel_entr xlogy xlog1py boxcox boxcox1p poch owens_t", *PAIR),
    *special("gammainc gammaincc", *PAIR),
    Name("scipy.special.betainc", (POSITIVE, POSITIVE, UNIT), tol=CLOSE),
    Name("scipy.special.comb", (R(3, low=4, high=6), R(3, low=1, high=3)), tol=CLOSE),
    Name("scipy.special.expn", (fixed(np.array([1, 2, 4])), R(3, low=0.3, high=4)), tol=CLOSE),
    Name("scipy.special.polygamma", (fixed(np.array([1, 2, 3])), R(3, low=0.3, high=4)), tol=CLOSE),
    Name("scipy.special.zeta", (R(4, low=1.5, high=4), R(4, low=0.5, high=3)), tol=CLOSE),
    Name("scipy.special.multigammaln", (R(4, low=2, high=4),), lambda f, a: f(a, 3), tol=CLOSE),
    Name("scipy.special.bernoulli", (), lambda f: f(6)),
    Name("scipy.special.bessel_jn", (POSITIVE,), lambda f, x: f(x, v=3), lambda x, v: np.stack([sp.jv(n, x) for n in range(v + 1)]),
         tol=CLOSE),
    Name("scipy.special.hyp1f1", (POSITIVE, POSITIVE, R(3, 4)), tol=1e-10),
    Name("scipy.special.hyp2f1", (POSITIVE, POSITIVE, POSITIVE, R(3, 4, low=-0.8, high=0.8)), tol=1e-10),
    Name("scipy.special.loggamma", (POSITIVE,), dtypes=COMPLEX, tol=CLOSE),
    Name("scipy.special.wofz", (POSITIVE,), reference=lambda x: sp.wofz(x + 0j), dtypes=COMPLEX, tol=CLOSE),
    Name("scipy.special.sph_harm_y", (R(4, low=0.2, high=3), R(4)), harmonics, tol=CLOSE),
    Name("scipy.special.softmax", (X,), lambda f, x: [f(x), f(x, axis=1)]),
    Name("scipy.special.log_softmax", (X,), lambda f, x: [f(x), f(x, axis=1)]),
    Name("scipy.special.logsumexp", (X, R(4, low=0.5)), lambda f, x, b: [f(x), f(x, axis=0, b=1 + b * b)]),
)

DISCRETE = {"bernoulli", "binom", "nbinom", "geom", "poisson", "betabinom"}
"""Distributions whose `fixed` arguments are whole numbers."""


def distributions() -> Iterator[Name]:
    """Every method of every distribution, at the points of its own tests."""
    for row in DISTRIBUTIONS:
        for method in f"{row.methods} {row.quantiles}".split():
            by_quantile = method in row.quantiles.split()
            values: list[Any] = [[0.1, 0.4, 0.9] if by_quantile else row.points[:3], *row.params]
            whole = row.fixed if row.name in DISCRETE and not by_quantile else ()
            operands = [fixed(np.asarray(v, "int64" if i in whole else float)) for i, v in enumerate(values)]
            yield Name(f"scipy.stats.{row.name}.{method}", tuple(operands), reference=getattr(getattr(ss, row.name), method), tol=CLOSE,
                       slope_tol=1e-4)


def density(f: Any, data: Any, points: Any) -> Any:
    return f(data)(points)


def of_kde(method: str) -> Any:
    return lambda f, data, *args: getattr(f(data), method)(*args)


SIMPLEX = fixed([0.2, 0.3, 0.5])
MATRIX = definite(3)
STATS = (
    *distributions(),
    Name("scipy.stats.poisson.entropy", (R(3, low=0.5, high=4),), reference=ss.poisson.entropy, tol=1e-9),
    *(Name(f"scipy.stats.dirichlet.{name}", (R(3, low=0.5, high=3),), lambda f, a: f(np.array([0.2, 0.3, 0.5]).astype(a.dtype), a),
           getattr(ss.dirichlet, name), tol=CLOSE) for name in ("pdf", "logpdf")),
    *(Name(f"scipy.stats.multinomial.{name}", (fixed(np.array([1, 2, 3])), SIMPLEX), lambda f, k, p: f(k, 6, p),
           getattr(ss.multinomial, name), tol=CLOSE) for name in ("pmf", "logpmf")),
    *(Name(f"scipy.stats.multivariate_normal.{name}", (R(3), R(3), MATRIX), reference=getattr(ss.multivariate_normal, name), tol=CLOSE)
      for name in ("pdf", "logpdf")),
    Name("scipy.stats.gaussian_kde", (R(2, 9), R(2, 4)), density, ss.gaussian_kde, tol=CLOSE),
    Name("scipy.stats.mode", (Z(4, 5, high=2),), lambda f, x: [*f(x), *f(x, axis=None)], ss.mode, dtypes=("int64",)),
    Name("scipy.stats.rankdata", (Z(4, 5, high=2),), lambda f, x: [f(x), 1.0 * f(x, "min", axis=1)], ss.rankdata, dtypes=("int64",)),
    Name("scipy.stats.sem", (R(4, 5),), lambda f, x: [f(x), f(x, axis=None, ddof=0)], ss.sem),
)


def modes(f: Any, x: Any, y: Any) -> list[Any]:
    return [f(x, y, mode) for mode in ("full", "same", "valid")]


def spectral(f: Any, *xs: Any) -> Any:
    return [*f(*xs, fs=2.0, nperseg=8)]


def resynthesized(f: Any, x: Any) -> Any:
    """A signal from the transform of it that SciPy defines."""
    frames = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(x, 8)[::4] if type(x) is np.ndarray else windows(x))
    return [*f(np.swapaxes(frames, -1, -2), nperseg=8)][1]


def windows(x: Any) -> Any:
    return x[np.arange(7)[:, None] * 4 + np.arange(8)]


SIGNALS = (
    *each("scipy.signal", "convolve correlate", R(7), R(3), call=modes, dtypes=NUMBER, tol=CLOSE),
    *each("scipy.signal", "convolve2d correlate2d", R(5, 6), R(2, 3), call=modes, dtypes=NUMBER, tol=CLOSE),
    Name("scipy.signal.fftconvolve", (R(7), R(3)), modes, dtypes=COMPLEX, tol=CLOSE),
    Name("scipy.signal.detrend", (R(3, 8),), lambda f, x: [f(x), f(x, axis=0, type="constant")], tol=CLOSE),
    Name("scipy.signal.welch", (SIGNAL,), spectral, **SPECTRAL),
    Name("scipy.signal.csd", (SIGNAL, SIGNAL), spectral, **SPECTRAL),
    Name("scipy.signal.stft", (SIGNAL,), spectral, **SPECTRAL),
    Name("scipy.signal.istft", (R(32),), resynthesized, **SPECTRAL),
    *each("scipy.fft", "dct idct", R(3, 6), call=lambda f, x: [f(x), f(x, n=4, axis=0), f(x, norm="ortho")], tol=CLOSE),
    *each("scipy.fft", "dctn idctn", R(3, 6), call=lambda f, x: [f(x), f(x, norm="ortho")], tol=CLOSE),
    Name("scipy.ndimage.map_coordinates", (R(5, 6), R(2, 7, low=0.2, high=3.8)),
         lambda f, x, c: [f(x, c, order=1), f(x, c, order=1, mode="nearest")], scipy.ndimage.map_coordinates, tol=CLOSE),
    Name("scipy.integrate.trapezoid", (R(3, 5), distinct(5)), lambda f, y, x: [f(y), f(y, x)], scipy.integrate.trapezoid),
    Name("scipy.interpolate.RegularGridInterpolator", (R(4, 3), R(6, 2, low=0.1, high=1.9)),
         lambda f, v, x: f((np.array([0.0, 0.7, 1.1, 2.0]), np.array([0.0, 1.2, 2.0])), v)(x),
         scipy.interpolate.RegularGridInterpolator, widens=True),
)


def least(f: Any, target: Any) -> Any:
    """Where a strictly convex function is least: at the solution of ``x + x**3 = target``."""
    if not getattr(f, "__module__", "").startswith("functrans"):
        return f(target)
    return f(lambda x, t: np.sum(x * x / 2 + x**4 / 4 - t * x), 0 * target, (target,), method="BFGS", tol=1e-10).x


def cubic(x: np.ndarray) -> np.ndarray:
    w = np.cbrt(x / 2 + np.sqrt(x * x / 4 + 1 / 27))
    return np.asarray(w - 1 / (3 * w))


def solved(f: Any, a: Any, b: Any) -> Any:
    return f(a, b, tol=1e-12)[0]


SOLVERS = (
    Name("scipy.optimize.minimize", (R(3),), least, cubic, tol=1e-7, slope_tol=1e-4, dtypes=("float64",), loops=True),
    *each("scipy.sparse.linalg", "cg bicgstab gmres", definite(4), R(4), call=solved,
          reference=lambda a, b, tol: (np.linalg.solve(a, b), 0), tol=1e-9, dtypes=("float64",), loops=True),
)

SCIPY_ROWS = (*SPECIAL, *STATS, *SIGNALS, *SOLVERS)
