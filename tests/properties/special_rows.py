"""Rows of the special functions that stand in files of their own: the normal distribution's, exponential integrals and the like.

References are SciPy's functions, which know nothing wider than float64 and are themselves some units in the last place off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import special as sp

from tests.properties.rows import PRIMITIVES as P
from tests.properties.rows import Case, Operand, Row, elementwise, smooth

__all__ = ["SPECIAL_ROWS"]

Reference = Callable[..., Any]
ULPS = 16.0


def in_double(f: Reference) -> Reference:
    return lambda *xs: f(*(x.astype(np.float64) for x in xs))


def amplitude(power: int) -> Callable[[np.ndarray], np.ndarray]:
    """A power of 1 / |x|: what a function oscillates by, or how much SciPy's angle of x**2 is off."""
    return lambda x: 1 / np.maximum(np.abs(x.astype(np.float64)), 1) ** power


def function(
    name: str, reference: Reference, low: float = 0.2, high: float = 1.8, signed: bool = True, scale: Any = None,
) -> Row:
    """A row of a real function of one argument, differentiated between `low` and `high`."""
    return Row(
        P[name], elementwise(1), kinds="f", reference=in_double(reference), active=(0,), ulps=4, eager_ulps=ULPS,
        smooth=smooth(low, high, signed), elementwise=True, scale=scale)


def cases(*samples: Any) -> Callable[[np.dtype], st.SearchStrategy[Case]]:
    """Operands by a sampler each."""

    def build(case: Case) -> Case:
        return Case(tuple(Operand(o.shape, None, s) for o, s in zip(case.operands, samples, strict=True)))

    return lambda dtype: elementwise(len(samples))(dtype).map(build)


def orders(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.asarray(rng.integers(0, 6, shape)).astype(dtype)


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """SciPy's, which rounds its argument's square root of 2; right of 0 by the tail."""
    return np.where(x > 0, np.log1p(-sp.ndtr(-np.maximum(x, 0))), sp.log_ndtr(x))


def squares(x: np.ndarray) -> np.ndarray:
    """SciPy's functions have the rounding of the argument of erfc in them, which its derivative multiplies by x**2."""
    return (1 + x.astype(np.float64) ** 2) * sp.ndtr(x.astype(np.float64))


def fall(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return (1 + np.abs(x)) * np.abs(sp.gamma(x)) * (1 + np.abs(sp.psi(x)))


def beta_terms(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The logarithms that SciPy takes the difference of."""
    return sum(np.abs(sp.gammaln(v.astype(np.float64))) + 1 for v in (a, b, a + b))


SPECIAL_ROWS = [
    function("erfcx", sp.erfcx, scale=lambda x: (1 + x.astype(np.float64) ** 2) * sp.erfcx(x.astype(np.float64))),
    function("dawsn", sp.dawsn, scale=lambda x: 32 * np.abs(sp.dawsn(x.astype(np.float64)))),  # SciPy promises 1e-13
    function("ndtr", sp.ndtr, scale=squares),
    function("log_ndtr", log_ndtr, scale=lambda x: (1 + x.astype(np.float64) ** 2) * np.abs(log_ndtr(x.astype(np.float64)))),
    function("ndtri", sp.ndtri, 0.1, 0.9, signed=False),
    function("expi", sp.expi, 0.5, 2.5),
    function("exp1", sp.exp1, 0.3, 2.5, signed=False),
    function("sine_integral", lambda x: sp.sici(x)[0]),
    function("cosine_integral", lambda x: sp.sici(x)[1], 0.5, 2.5, scale=amplitude(1)),
    function("fresnel_s", lambda x: sp.fresnel(x)[0], scale=amplitude(-1)),
    function("fresnel_c", lambda x: sp.fresnel(x)[1], scale=amplitude(-1)),
    function("spence", sp.spence, 0.3, 3.0, signed=False),
    function("gamma", sp.gamma, 0.5, 4.0, signed=False, scale=fall),
    Row(
        P["log_beta"], cases(smooth(0.3, 9.0, signed=False), smooth(0.3, 9.0, signed=False)), kinds="f", reference=in_double(sp.betaln),
        active=(0, 1), ulps=8, eager_ulps=ULPS, elementwise=True, scale=beta_terms),
    Row(
        P["expn"], cases(orders, smooth(0.3, 6.0, signed=False)), kinds="f", reference=in_double(sp.expn), active=(1,), ulps=8,
        eager_ulps=ULPS, elementwise=True),
    Row(
        P["owens_t"], cases(smooth(0.1, 3.0), smooth(0.1, 3.0)), kinds="f", reference=in_double(sp.owens_t), active=(0, 1), ulps=8,
        eager_ulps=4 * ULPS, elementwise=True),
]
