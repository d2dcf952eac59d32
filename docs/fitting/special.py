"""Fit the polynomials of `functrans.primitives.special_fits` in multiple precision.

Each piece interpolates a smooth function at Chebyshev points of an interval, to the degree at which the coefficients fall below
1e-17 of the largest; rewritten in powers of t in [-1, 1], the interval mapped linearly onto it. Run it to print the tables, with
the mapping (middle, 1 / half width) and the coefficients, the highest power first:

    python docs/fitting/special.py               # all
    python docs/fitting/special.py EIN CI_SMALL  # some

Sources of the functions and of where to cut: DLMF 6 and 7; W. J. Cody and H. C. Thacher, "Chebyshev approximations for the exponential
integral Ei(x)" (1969), whose form with the zero taken out serves Ei and Ci; M. M. Shepherd and J. G. Laframboise, "Chebyshev
approximation of (1 + 2x) exp(x**2) erfc(x)" (1981). Needs mpmath (not a dependency of the package).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise

import mpmath as mp

__all__ = ["FITS", "fit"]

mp.mp.dps = 60
Fun = Callable[[mp.mpf], mp.mpf]


def fit(f: Fun, low: float, high: float, most: int = 48) -> tuple[float, float, tuple[float, ...]]:
    """(middle, 1 / half width, coefficients) of the interpolant of `f` on [low, high], the highest power first."""
    middle, half = (mp.mpf(low) + mp.mpf(high)) / 2, (mp.mpf(high) - mp.mpf(low)) / 2
    angles = [mp.pi * (k + mp.mpf(1) / 2) / most for k in range(most)]
    values = [f(middle + half * mp.cos(a)) for a in angles]
    series = [mp.fsum(v * mp.cos(j * a) for v, a in zip(values, angles, strict=True)) * 2 / most for j in range(most)]
    series[0] /= 2
    largest = max(map(abs, series))
    degree = max(j for j, c in enumerate(series) if abs(c) > largest * mp.mpf("1e-17"))
    before, now = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    powers = [mp.mpf(0)] * (degree + 1)
    powers[0] += series[0]
    for c in series[1:degree + 1]:
        for i, p in enumerate(now):
            powers[i] += c * p
        following = [mp.mpf(0), *(2 * p for p in now)]
        for i, p in enumerate(before):
            following[i] -= p
        before, now = now, following
    return float(middle), float(1 / half), tuple(float(p) for p in reversed(powers))


# -- the functions ----------------------------------------------------------------------------------------------------

def _erfcx(t: mp.mpf) -> mp.mpf:
    x = 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _dawson(x: mp.mpf) -> mp.mpf:
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


EI_ROOT = mp.findroot(mp.ei, mp.mpf("0.3725"))
CI_ROOT = mp.findroot(mp.ci, mp.mpf("0.6165"))


def _without_root(f: Fun, root: mp.mpf) -> Fun:
    """(f(x) - log(x / root)) / (x - root)."""
    return lambda x: (f(x) - mp.log(x / root)) / (x - root)


def _sici_parts(x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    rest, ci = mp.pi / 2 - mp.si(x), mp.ci(x)
    return rest * mp.cos(x) + ci * mp.sin(x), rest * mp.sin(x) - ci * mp.cos(x)


def _fresnel_parts(x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    s, c = mp.mpf(1) / 2 - mp.fresnels(x), mp.mpf(1) / 2 - mp.fresnelc(x)
    angle = mp.pi * x * x / 2
    return s * mp.cos(angle) - c * mp.sin(angle), s * mp.sin(angle) + c * mp.cos(angle)


def _at_reciprocal(f: Fun, power: int, limit: float) -> Fun:
    """f as a function of x**-power."""
    return lambda s: f(s ** (-mp.mpf(1) / power)) if s else mp.mpf(limit)


def _over(f: Fun, limit: float) -> Fun:
    """f(x) / x, by its limit at 0."""
    return lambda x: f(x) / x if x else mp.mpf(limit)


def _root_of(f: Fun, power: int) -> Fun:
    """f as a function of x**power."""
    return lambda s: f(mp.root(s, power))


FITS: dict[str, tuple[Fun, list[float]]] = {
    "ERFCX_SMALL": (lambda x: mp.exp(x * x) * mp.erfc(x), [0, 1]),
    "ERFCX_LARGE": (_erfcx, [-0.6, 1]),
    "DAWSON_SMALL": (_root_of(_over(_dawson, 1), 2), [0, 1, 4]),
    "DAWSON_MIDDLE": (lambda x: x * _dawson(x), [2, 3, 4, 6]),
    "DAWSON_LARGE": (_at_reciprocal(lambda x: x * _dawson(x), 2, 0.5), [0, 1 / 36]),
    "EIN": (_over(lambda x: mp.e1(x) + mp.log(x) + mp.euler, 1), [0, 1]),
    "EXP1_MIDDLE": (lambda x: x * mp.exp(x) * mp.e1(x), [1, 2, 4, 8]),
    "EXP1_LARGE": (_at_reciprocal(lambda x: x * mp.exp(x) * mp.e1(x), 1, 1), [0, 1 / 16, 1 / 8]),
    "EI_SMALL": (_without_root(mp.ei, EI_ROOT), [0, 3, 6]),
    "EI_MIDDLE": (lambda x: x * mp.exp(-x) * mp.ei(x), [6, 12, 20]),
    "EI_LARGE": (_at_reciprocal(lambda x: x * mp.exp(-x) * mp.ei(x), 1, 1), [0, 1 / 40, 1 / 20]),
    "SI_SMALL": (_root_of(_over(mp.si, 1), 2), [0, 16]),
    "CI_SMALL": (_without_root(mp.ci, CI_ROOT), [0, 2]),
    "SICI_F": (_at_reciprocal(lambda x: x * _sici_parts(x)[0], 2, 1), [0, 1 / 64, 1 / 16, 1 / 4]),
    "SICI_G": (_at_reciprocal(lambda x: x * x * _sici_parts(x)[1], 2, 1), [0, 1 / 64, 1 / 16, 1 / 4]),
    "FRESNEL_S": (_root_of(lambda x: mp.fresnels(x) / x**3 if x else mp.pi / 6, 4), [0, 6.5536]),
    "FRESNEL_C": (_root_of(_over(mp.fresnelc, 1), 4), [0, 6.5536]),
    "FRESNEL_F": (_at_reciprocal(lambda x: mp.pi * x * _fresnel_parts(x)[0], 4, 1), [0, 0.0256, 1 / 6.5536]),
    "FRESNEL_G": (_at_reciprocal(lambda x: mp.pi**2 * x**3 * _fresnel_parts(x)[1], 4, 1), [0, 0.0256, 1 / 6.5536]),
}
"""Each function with the ends of its pieces."""


def main() -> None:
    wanted = sys.argv[1:] or list(FITS)
    for name in wanted:
        f, ends = FITS[name]
        print(f"{name} = (")
        for low, high in pairwise(ends):
            middle, scale, powers = fit(f, low, high)
            print(f"    ({middle!r}, {scale!r}, (")
            line = "       "
            for p in powers:
                if len(line) + len(repr(p)) > 136:
                    print(line)
                    line = "       "
                line += f" {p!r},"
            print(f"{line}\n    )),")
        print(")")
    for name, root in (("EI_ROOT", EI_ROOT), ("CI_ROOT", CI_ROOT)):
        if sys.argv[1:] == []:
            print(f"{name} = ({float(root)!r}, {float(root - float(root))!r})")


if __name__ == "__main__":
    main()
