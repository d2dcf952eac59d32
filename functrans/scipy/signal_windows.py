"""Windows of spectral analysis by name: weights of samples that fall off to both ends.

A window is a function of t in [-1, 1] at equally spaced points: for spectra the first n of n + 1 points that include both ends, so
that the window goes on periodically. Formulas: F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier
transform", Proc. IEEE 66 (1978); A. H. Nuttall, "Some windows with very good sidelobe behavior" (1981); of the flat top, G. D'Antona
and A. Ferrero, *Digital Signal Processing for Measurement Systems* (2006).

All numbers are static: windows are made by NumPy while a program is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.source import describe, user_source

__all__ = ["window_of"]

Points = Any  # a vector


def _cosines(*coefficients: float) -> Callable[[Points], Points]:
    """``a0 + a1 cos(pi t) + a2 cos(2 pi t) + ...``: the centre is t = 0."""
    return lambda t: sum((a * np.cos(k * np.pi * t) for k, a in enumerate(coefficients)), np.zeros_like(t))


def _parzen(t: Points) -> Points:
    # The ends of this window stand half a step outside of the points.
    n = len(t)
    x = np.abs(t) * (n - 1) / n
    return np.where(x <= (n - 1) / 4 / (n / 2), 1 - 6 * x ** 2 * (1 - x), 2 * (1 - x) ** 3)


def _bohman(t: Points) -> Points:
    x = np.abs(t)
    inside = (1 - x) * np.cos(np.pi * x) + np.sin(np.pi * x) / np.pi
    return np.where(x < 1, inside, 0.0)


def _triang(t: Points) -> Points:
    # Zero stands one step outside of the points where their number is odd, half a step where it is even.
    n = len(t)
    return 1 - np.abs(t) * (n - 1) / (n + n % 2)


def _tukey(t: Points, alpha: float = 0.5) -> Points:
    alpha = min(alpha, 1.0)
    if alpha <= 0:
        return np.ones_like(t)
    edge = np.clip((np.abs(t) - (1 - alpha)) / alpha, 0, None)
    return 0.5 * (1 + np.cos(np.pi * edge))


def _steps(t: Points) -> Points:
    """The distances from the centre, in points."""
    return t * (len(t) - 1) / 2


_PLAIN: dict[str, Callable[[Points], Points]] = {
    "barthann": lambda t: 0.62 - 0.48 * np.abs(t) / 2 + 0.38 * np.cos(np.pi * t),
    "bartlett": lambda t: 1 - np.abs(t),
    "blackman": _cosines(0.42, 0.5, 0.08),
    "blackmanharris": _cosines(0.35875, 0.48829, 0.14128, 0.01168),
    "bohman": _bohman,
    "boxcar": np.ones_like,
    "cosine": lambda t: np.cos(np.pi / 2 * t * (len(t) - 1) / len(t)),
    "flattop": _cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "hamming": _cosines(0.54, 0.46),
    "hann": _cosines(0.5, 0.5),
    "lanczos": np.sinc,
    "nuttall": _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "parzen": _parzen,
    "triang": _triang,
    "tukey": _tukey,
    "exponential": lambda t: np.exp(-np.abs(_steps(t))),
}
_WITH_NUMBERS: dict[str, Callable[..., Points]] = {
    "exponential": lambda t, center=None, tau=1.0: np.exp(-np.abs(_steps(t) if center is None else np.arange(len(t)) - center) / tau),
    "gaussian": lambda t, std: np.exp(-0.5 * (_steps(t) / std) ** 2),
    "general cosine": lambda t, coefficients: _cosines(*(abs(a) for a in coefficients))(t),
    "general gaussian": lambda t, power, sig: np.exp(-0.5 * np.abs(_steps(t) / sig) ** (2 * power)),
    "general hamming": lambda t, alpha: _cosines(alpha, 1 - alpha)(t),
    "kaiser": lambda t, beta: np.i0(beta * np.sqrt(np.clip(1 - t ** 2, 0, 1))) / np.i0(beta),
    "tukey": _tukey,
}
_SYNONYMS = {
    "bart": "bartlett", "blk": "blackman", "blackharr": "blackmanharris", "bkh": "blackmanharris",
    "bman": "bohman", "bmn": "bohman", "box": "boxcar", "ones": "boxcar", "rect": "boxcar", "rectangular": "boxcar", "brt": "bartlett",
    "brthan": "barthann", "bth": "barthann", "flat": "flattop", "flt": "flattop",
    "gauss": "gaussian", "gss": "gaussian", "ggs": "general gaussian", "general_cosine": "general cosine",
    "general_gaussian": "general gaussian", "general_hamming": "general hamming", "gen_gauss": "general gaussian", "halfcosine": "cosine",
    "ham": "hamming", "hamm": "hamming", "han": "hann", "kai": "kaiser", "ksr": "kaiser", "nut": "nuttall",
    "nutl": "nuttall", "par": "parzen", "parz": "parzen", "poisson": "exponential", "sinc": "lanczos", "tri": "triang",
    "triangle": "triang", "tuk": "tukey",
}


def window_of(name: str, window: Any, n: int) -> np.ndarray:
    """The periodic window of `n` points that a name, a number, a tuple ``(name, number, ...)`` or a vector stands for.

    Args:
        name: what messages call the function.
        window: a name such as "hann", a tuple such as ``("kaiser", 8.6)``, or a number, the beta of a Kaiser window.
        n: the number of points.

    Raises:
        ValueError: for an unknown name, or numbers that do not fit it.

    >>> window_of("stft", "hann", 4)
    array([0. , 0.5, 1. , 0.5])
    """
    if isinstance(window, (int, float)):
        window = ("kaiser", window)
    spelled, numbers = (window, ()) if isinstance(window, str) else (window[0], tuple(window[1:]))
    known = _SYNONYMS.get(spelled, spelled)
    shape = (_WITH_NUMBERS if numbers else _PLAIN).get(known)
    if shape is None:
        wants = known in _WITH_NUMBERS or known in _PLAIN
        why = "takes other parameters" if wants else f"is unknown; the names are {', '.join(sorted({*_PLAIN, *_WITH_NUMBERS}))}"
        raise ValueError(f"{name}: the window {window!r} {why}, at {describe(user_source())}. Any other window can be given as a vector.")
    return _periodic(shape, numbers, n)


def _periodic(shape: Callable[..., Points], numbers: Sequence[Any], n: int) -> np.ndarray:
    if n <= 1:
        return np.ones(n)
    return np.asarray(shape(np.linspace(-1, 1, n + 1), *numbers)[:-1])
