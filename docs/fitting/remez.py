"""Fit the polynomials of `functrans.compiler.vecmath` by the Remez exchange algorithm, in multiple precision.

Each table minimises the largest weighted error |w(x) (g(x) - P(x))| over an interval; coefficients are then rounded to
the element type from the lowest up, the remaining ones being fitted anew after each rounding (so that the rounding of
a leading coefficient is absorbed by those after it). Run it to print the tables, lowest power first, with the weighted
error reached:

    python docs/fitting/remez.py            # all tables
    python docs/fitting/remez.py SIN LOG    # some

Reference: J.-M. Muller, Elementary Functions, 3rd ed., chapter 3. Needs mpmath (not a dependency of the package).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp

__all__ = ["FITS", "Fit", "fit", "remez"]

mp.mp.dps = 45
Fun = Callable[[mp.mpf], mp.mpf]


def remez(xs: list[mp.mpf], g: list[mp.mpf], w: list[mp.mpf], powers: list[int], start: list[mp.mpf]) -> tuple[
        list[mp.mpf], mp.mpf]:
    """Coefficients of `powers` with the least maximum of |w (g - P)| over the grid `xs`, and that maximum."""
    n = len(powers)
    index = [min(range(len(xs)), key=lambda i: abs(xs[i] - s)) for s in start]
    coefs: list[mp.mpf] = []
    worst = mp.mpf(0)
    for _ in range(30):
        rows = mp.matrix(n + 1, n + 1)
        rhs = mp.matrix(n + 1, 1)
        for row, i in enumerate(index):
            for col, p in enumerate(powers):
                rows[row, col] = w[i] * xs[i] ** p
            rows[row, n] = (-1) ** row
            rhs[row] = w[i] * g[i]
        solution = mp.lu_solve(rows, rhs)
        coefs, level = [solution[i] for i in range(n)], abs(solution[n])
        errors = []
        for x, gx, wx in zip(xs, g, w, strict=True):
            value = mp.mpf(0)
            for c in reversed(coefs):
                value = value * x + c
            errors.append(wx * (gx - value * x ** powers[0]))
        runs: list[int] = []
        for i, e in enumerate(errors):
            if runs and (errors[runs[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > n + 1:
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
        worst = max(abs(e) for e in errors)
        if len(runs) < n + 1 or worst <= level * mp.mpf("1.001"):
            break
        index = runs
    return coefs, worst


def _rounded(x: mp.mpf, elem: str) -> mp.mpf:
    if elem == "double":
        return mp.mpf(float(x))
    return mp.mpf(struct.unpack("<f", struct.pack("<f", float(x)))[0])


@dataclass(frozen=True)
class Fit:
    """One polynomial: `g` on [low, high] under weight `w`, with the count of coefficients for each element type."""

    g: Fun
    low: float
    high: float
    w: Fun
    double: int
    float: int


def fit(spec: Fit, elem: str, points: int = 600) -> tuple[list[float], float]:
    """The rounded coefficients of `spec` for "double" or "float", lowest power first, and the unrounded error."""
    n = spec.double if elem == "double" else spec.float
    low, high = mp.mpf(spec.low), mp.mpf(spec.high)
    mid, half = (low + high) / 2, (high - low) / 2
    xs = sorted(mid + half * mp.cos(mp.pi * (i + mp.mpf("0.5")) / points) for i in range(points))
    xs = [x for x in xs if abs(x) > 1e-12]
    g, w = [spec.g(x) for x in xs], [spec.w(x) for x in xs]
    out: list[float] = []
    first_error = mp.mpf(0)
    # Powers from k > 0 up are a Chebyshev system on one side of zero only; elsewhere plain rounding must do.
    for k in range(n if spec.low == 0 else 1):
        m = n - k
        start = sorted(mid + half * mp.cos(mp.pi * i / m) for i in range(m + 1))
        coefs, error = remez(xs, g, w, list(range(k, n)), start)
        first_error = first_error if k else error
        c = _rounded(coefs[0], elem)
        out.append(float(c))
        g = [gx - c * x ** k for gx, x in zip(g, xs, strict=True)]
        if spec.low != 0:
            out = [float(_rounded(c, elem)) for c in coefs]
    return out, float(first_error)


def _root(f: Fun) -> Fun:
    return lambda z: f(mp.sqrt(z))


def _erfcx(a: mp.mpf) -> mp.mpf:
    return mp.exp(a * a) * mp.erfc(a)


ERFC_CENTRE = 4
_LN2 = mp.log(2)
_Q = float(mp.pi ** 2 / 16 * mp.mpf("1.0001"))
_S = float((mp.sqrt(2) - 1) ** 4 * mp.mpf("1.001"))
_TAN8 = float((mp.sqrt(2) - 1) ** 2 * mp.mpf("1.0001"))


def _erfc_g(t: mp.mpf) -> mp.mpf:
    a = ERFC_CENTRE * (1 + t) / (1 - t)
    return (1 + 2 * a) * _erfcx(a)


def _erfc_t(a: float) -> float:
    return (a - ERFC_CENTRE) / (a + ERFC_CENTRE)


FITS: dict[str, Fit] = {
    # e^r = 1 + (r + r^2 P(r))
    "EXP": Fit(lambda r: (mp.expm1(r) - r) / r**2, -0.34664, 0.34664, lambda r: abs(r), 10, 5),
    # log((1+s)/(1-s)) = 2s + s z P(z), z = s^2 (s below 3 - 2 sqrt 2)
    "LOG": Fit(_root(lambda s: (2 * mp.atanh(s) / s - 2) / s**2), 0.0, _S, lambda z: z, 7, 3),
    # the same less its first term 2/3 s^3: P(z) = (log(..)/s - 2 - 2/3 z)/z^2, for pow
    "LOG_TAIL": Fit(_root(lambda s: (2 * mp.atanh(s) / s - 2 - 2 * s**2 / 3) / s**4), 0.0, _S, lambda z: z**2, 8, 0),
    # both at the accuracy that a float32 pow computed in float64 wants
    "LOG_SHORT": Fit(_root(lambda s: (2 * mp.atanh(s) / s - 2) / s**2), 0.0, _S, lambda z: z, 5, 0),
    "EXP_SHORT": Fit(lambda r: (mp.expm1(r) - r) / r**2, -0.34664, 0.34664, lambda r: abs(r), 6, 0),
    # sin r = r + r z P(z); cos r = 1 - z/2 + z^2 P(z)
    "SIN": Fit(_root(lambda r: (mp.sin(r) / r - 1) / r**2), 0.0, _Q, lambda z: z, 6, 3),
    "COS": Fit(_root(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4), 0.0, _Q, lambda z: z**2, 6, 3),
    "TANH": Fit(_root(lambda x: (mp.tanh(x) / x - 1) / x**2), 0.0, 0.3026, lambda z: z, 10, 5),
    "SINH": Fit(_root(lambda x: (mp.sinh(x) / x - 1) / x**2), 0.0, 1.0, lambda z: z, 7, 3),
    "ASIN": Fit(_root(lambda x: (mp.asin(x) / x - 1) / x**2), 0.0, 0.25, lambda z: z, 12, 5),
    "ATAN": Fit(_root(lambda x: (mp.atan(x) / x - 1) / x**2), 0.0, _TAN8, lambda z: z, 11, 5),
    # m^(-1/3), a first guess
    "CBRT": Fit(lambda m: 1 / mp.cbrt(m), 1.0, 2.0, mp.cbrt, 5, 4),
    # erf x = x + x P(z) below 1; 1 - exp(-P(x)) above; erfc a = exp(-a^2) P(t) / (1 + 2a)
    "ERF": Fit(_root(lambda x: mp.erf(x) / x - 1), 0.0, 1.0, lambda z: mp.mpf(1), 12, 7),
    "ERF_TAIL": Fit(lambda x: -mp.log(mp.erfc(x)), 1.0, 6.0, mp.erfc, 18, 7),
    "ERFC_TAIL": Fit(_erfc_g, _erfc_t(0.5), _erfc_t(28.0), lambda t: mp.mpf(1), 22, 11),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or FITS:
        for elem in ("double", "float"):
            if not (FITS[name].double if elem == "double" else FITS[name].float):
                continue
            coefs, error = fit(FITS[name], elem)
            print(f"# {name} {elem}: weighted error {error:.2e} = 2^{mp.nstr(mp.log(error, 2), 4)}")
            print(f"{name}_{'F64' if elem == 'double' else 'F32'} = (")
            for c in coefs:
                print(f"    {c!r},")
            print(")", flush=True)
