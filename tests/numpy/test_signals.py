"""Convolutions, covariances and windows against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import numpy as fnp
from tests.numpy.checks import agrees, close, differentiates

RNG = np.random.default_rng(10)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (6, 4), (4, 6), (5, 5), (1, 1), (200, 90)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.complex128])
def test_convolve_and_correlate(mode: Any, sizes: Any, dtype: Any) -> None:
    a, v = (RNG.integers(-5, 5, n).astype(dtype) for n in sizes)
    if dtype is np.complex128:
        a, v = a + 1j * a[::-1], v - 2j
    agrees(lambda a, v: fnp.convolve(a, v, mode), lambda a, v: np.convolve(a, v, mode), a, v)
    agrees(lambda a, v: fnp.correlate(a, v, mode), lambda a, v: np.correlate(a, v, mode), a, v)


def test_derivatives_of_convolutions() -> None:
    differentiates(fnp.convolve, RNG.normal(size=6), RNG.normal(size=3))
    differentiates(lambda a, v: fnp.correlate(a, v, "same"), RNG.normal(size=100), RNG.normal(size=70))


def test_errors_of_convolutions() -> None:
    with pytest.raises(ValueError, match="mode must be one of"):
        fnp.convolve(np.ones(3), np.ones(2), "most")
    with pytest.raises(ValueError, match="only supports 1-dimensional inputs"):
        fnp.convolve(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="cannot be empty"):
        fnp.correlate(np.ones(0), np.ones(2))


M = RNG.normal(size=(3, 8))
F, AW = RNG.integers(1, 4, 8), RNG.random(8)
OPTIONS: list[dict[str, Any]] = [
    {}, {"bias": True}, {"ddof": 2}, {"fweights": F}, {"aweights": AW}, {"fweights": F, "aweights": AW, "ddof": 0},
    {"fweights": F, "aweights": AW}, {"aweights": AW, "bias": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_cov(options: Any) -> None:
    agrees(lambda m: fnp.cov(m, **options), lambda m: np.cov(m, **options), M)
    agrees(lambda m: fnp.cov(m.T, rowvar=False, **options), lambda m: np.cov(m.T, rowvar=False, **options), M)
    close(fnp.cov(M[0], M[1:], **options), np.cov(M[0], M[1:], **options))
    close(fnp.cov(M[0], **options), np.asarray(np.cov(M[0], **options)))
    close(fnp.cov(M + 1j * M[::-1], **options), np.cov(M + 1j * M[::-1], **options))


def test_corrcoef() -> None:
    agrees(fnp.corrcoef, np.corrcoef, M)
    close(fnp.corrcoef(M[0], M[1]), np.corrcoef(M[0], M[1]))
    close(fnp.corrcoef(M[0]), np.asarray(np.corrcoef(M[0])))
    differentiates(fnp.cov, M)
    differentiates(lambda m: fnp.corrcoef(m)[0], M)


def test_errors_of_covariances() -> None:
    with pytest.raises(ValueError, match="more than 2 dimensions"):
        fnp.cov(np.ones((2, 2, 2)))
    with pytest.raises(TypeError, match="fweights must be integers"):
        fnp.cov(M, fweights=AW)
    with pytest.raises(ValueError, match="one for each of the 8 observations"):
        fnp.cov(M, aweights=AW[:3])
    with pytest.raises(ValueError, match="ddof must be integer"):
        fnp.cov(M, ddof=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, 1, 2, 5, 8])
def test_windows(n: int) -> None:
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        close(getattr(fnp, name)(n), np.asarray(getattr(np, name)(n), np.float64))
    close(fnp.kaiser(n, 3.5), np.asarray(np.kaiser(n, 3.5), np.float64))
    if n > 1:
        differentiates(lambda beta: fnp.kaiser(n, beta), np.array(2.5))
