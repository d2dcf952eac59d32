"""Rows of the derivatives of special functions by their parameters: the incomplete beta function's by its shapes, zeta's by its exponent.

References are series in extended precision; digammas and gammas in them are mpmath's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from hypothesis import strategies as st
from scipy import special as sp

from tests.properties.rows import PRIMITIVES as P
from tests.properties.rows import Case, Operand, Row, elementwise, smooth

__all__ = ["DERIVATIVE_ROWS"]


def between(*ends: tuple[float, float]) -> Callable[[np.dtype], st.SearchStrategy[Case]]:
    """Operands between the given ends."""

    def build(case: Case) -> Case:
        return Case(tuple(Operand(o.shape, None, smooth(*e, signed=False)) for o, e in zip(case.operands, ends, strict=True)))

    return lambda dtype: elementwise(len(ends))(dtype).map(build)


def rough(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """SciPy's function of the same name as mpmath's: for the sizes of terms."""
    named = {mpmath.loggamma: sp.gammaln, mpmath.digamma: sp.digamma, trigamma: lambda v: sp.zeta(2.0, v)}
    return np.asarray(named[f](x.astype(np.float64)))


def trigamma(x: Any) -> Any:
    return mpmath.psi(1, x)


def extended(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """mpmath's function in extended precision."""
    each = np.frompyfunc(lambda v: np.longdouble(mpmath.nstr(f(mpmath.mpf(str(v))), 24)), 1, 1)
    return np.asarray(each(x)).astype(np.longdouble)


def beta_series(
    a: np.ndarray, b: np.ndarray, x: np.ndarray, shapes: str, exact: Callable[..., np.ndarray] = extended,
) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of I_x(a, b) by one or two shapes, and the sum of the sizes of its terms; nan for extreme operands.

    I = x**a y**b / (a B(a, b)) (1 + x (a + b) / (a + 1) + ...) left of the mean, with y = 1 - x; else from I = 1 - I_y(b, a).
    """
    a, b, x = (v.astype(np.longdouble) for v in np.broadcast_arrays(a, b, x))
    usual = (a > 1e-3) & (a < 1e3) & (b > 1e-3) & (b < 1e3) & (x > 1e-3) & (x < 0.999)
    a, b, x = np.where(usual, a, 1), np.where(usual, b, 1), np.where(usual, x, 0.5)
    swap = b * x > a * (1 - x)
    a, b, x = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, 1 - x, x)
    flags = [swap if shape == "b" else ~swap for shape in shapes]
    n = a + b
    size = np.exp(a * np.log(x) + b * np.log1p(-x) + exact(mpmath.loggamma, n) - exact(mpmath.loggamma, a + 1)
                  - exact(mpmath.loggamma, b))
    by_a, by_b = (np.log(v) + exact(mpmath.digamma, n) - exact(mpmath.digamma, w) for v, w in ((x, a + 1), (1 - x, b)))
    first, second, last = (exact(trigamma, v) for v in (n, a + 1, b))
    term, total, sizes = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
    for k in range(1500):
        scores = [np.where(flag, by_a, by_b) for flag in flags]
        factor = np.prod(scores, 0)
        if len(flags) == 2:
            u, v = flags
            factor = factor + np.where(u & v, first - second, np.where(u | v, first, first - last))
        total, sizes = total + term * factor, sizes + term * np.abs(factor)
        by_a, by_b = by_a + 1 / (n + k) - 1 / (a + k + 1), by_b + 1 / (n + k)
        first, second = first - 1 / (n + k) ** 2, second - 1 / (a + k + 1) ** 2
        term = term * (x * (n + k) / (a + k + 1))
        if k > 20 and (term < 1e-20).all():
            break
    return np.where(usual, np.where(swap, -size * total, size * total), np.nan), np.where(usual, size * sizes, np.nan)


def exponents(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By how many units in the last place of 1 the exponents in x**a (1 - x)**b / B(a, b) may be off."""
    a, b, x = (v.astype(np.float64) for v in (a, b, x))
    mean = a / (a + b)
    return 1 + a * np.abs(np.log(x / mean)) + b * np.abs(np.log1p(-x) - np.log1p(-mean))


def beta_row(shapes: str) -> Row:
    return Row(
        P[f"betainc_grad_{shapes}"], between((0.3, 9.0), (0.3, 9.0), (0.05, 0.95)), kinds="f",
        reference=lambda a, b, x: beta_series(a, b, x, shapes)[0], active=(2,), ulps=32, eager_ulps=64, elementwise=True,
        scale=lambda a, b, x: beta_series(a, b, x, shapes, rough)[1] * exponents(a, b, x))


def zeta_sizes(x: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of zeta by x and the sum of the sizes of its terms, of which one may be positive; nan for extreme operands."""

    def rest(u: float, v: float) -> float:
        with mpmath.workdps(25):
            return float(mpmath.zeta(mpmath.mpf(u), mpmath.mpf(v) + 1, 1))

    x, q = (v.astype(np.float64) for v in np.broadcast_arrays(x, q))
    usual = (x > 1) & (x < 100) & (q > 1e-3) & (q < 1e3)
    x, q = np.where(usual, x, 2), np.where(usual, q, 1)
    first, others = -np.log(q) * q**-x, np.asarray(np.frompyfunc(rest, 2, 1)(x, q)).astype(np.float64)
    return np.where(usual, first + others, np.nan), np.where(usual, np.abs(first) + np.abs(others), np.nan)


def zeta_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    return between((1.2, 9.0), (0.3, 9.0))(dtype).map(lambda case: Case(case.operands, {"order": 1}))


DERIVATIVE_ROWS = [
    *map(beta_row, ("a", "b", "aa", "ab", "bb")),
    Row(
        P["zeta_slope"], zeta_cases, kinds="f", reference=lambda x, q, *, order: zeta_sizes(x, q)[0], active=(0, 1), ulps=16,
        eager_ulps=32, elementwise=True, scale=lambda x, q, *, order: zeta_sizes(x, q)[1]),
]
