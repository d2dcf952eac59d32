"""`functrans.scipy.signal` against SciPy, compiled against eager, derivatives against differences."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import scipy.signal as ss

import functrans as ft
from functrans.scipy import signal
from functrans.scipy.signal_convolution import _by_fourier_is_faster, fast_length
from functrans.scipy.signal_windows import _PLAIN, _SYNONYMS, window_of
from functrans.test_util import check_grads, check_vmap

rng = np.random.default_rng(11)
DTYPES = ["float32", "float64", "complex64", "complex128", "int64"]
SHAPES = [((5,), (3,)), ((3,), (6,)), ((4,), (4,)), ((4, 5), (2, 3)), ((2, 2), (4, 3)), ((5, 1), (3, 1)), ((2, 3, 4), (2, 2, 2))]


def sample(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    x = rng.standard_normal(shape) * 5
    return (x + 1j * rng.standard_normal(shape) if dtype.startswith("c") else x).astype(dtype)


def same(got, want: np.ndarray) -> None:
    got = np.asarray(got)
    assert got.dtype == want.dtype
    single = got.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(got, want, rtol=1e-4 if single else 1e-9, atol=1e-4 if single else 1e-10)


# -- convolution ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_convolutions(name: str, dtype: str) -> None:
    for n, m in SHAPES:
        a, v = sample(n, dtype), sample(m, dtype)
        for mode in ("full", "same", "valid"):
            for method in ("auto", "direct", "fft"):
                same(getattr(signal, name)(a, v, mode, method), getattr(ss, name)(a, v, mode, method))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_convolutions_with_boundaries(name: str, dtype: str) -> None:
    for n, m in ((4, 5), (2, 3)), ((5, 4), (4, 2)), ((2, 2), (4, 3)):
        a, v = sample(n, dtype), sample(m, dtype)
        for mode in ("full", "same", "valid"):
            for boundary in ("fill", "wrap", "symm"):
                for fill in (0, 3):
                    same(getattr(signal, name)(a, v, mode, boundary, fill), getattr(ss, name)(a, v, mode, boundary, fill))


def test_fftconvolve_along_axes() -> None:
    for n, m, axes in [((4, 5), (4, 3), 1), ((4, 5), (1, 3), [1]), ((1, 5), (4, 3), [-1]), ((4, 1, 3), (4, 2, 3), (0,)),
                       ((1, 4), (3, 2), None), ((4, 1), (3, 3), [0, 1])]:
        for mode in ("full", "same", "valid"):
            a, v = sample(n), sample(m)
            same(signal.fftconvolve(a, v, mode, axes), ss.fftconvolve(a, v, mode, axes))
    assert signal.fftconvolve(np.zeros(0), np.ones(3)).shape == ss.fftconvolve(np.zeros(0), np.ones(3)).shape


def test_a_long_convolution_is_done_by_transforms() -> None:
    a, v = sample((3000,)), sample((900,))
    assert _by_fourier_is_faster(a, v, "full") and not _by_fourier_is_faster(a, v[:30], "full")
    assert not _by_fourier_is_faster(a.astype(int), v.astype(int), "full")
    same(signal.convolve(a, v), ss.convolve(a, v, method="direct"))
    assert [fast_length(n) for n in (1, 7, 11, 17, 97, 1025)] == [1, 8, 12, 18, 100, 1080]


@pytest.mark.parametrize("call", [
    partial(signal.convolve, mode="same"), partial(signal.convolve, method="fft"), partial(signal.correlate, mode="valid"),
    partial(signal.convolve2d, boundary="symm"), partial(signal.correlate2d, mode="same", boundary="wrap"),
    partial(signal.convolve2d, mode="same", fillvalue=2.0), signal.fftconvolve,
], ids=lambda f: getattr(f, "func", f).__name__ + "".join(f"-{k}={v}" for k, v in getattr(f, "keywords", {}).items()))
def test_transformed_convolutions(call) -> None:
    a, v = sample((4, 5)), sample((2, 3))
    same(ft.jit(call)(a, v), np.asarray(call(a, v)))
    check_grads(call, (a, v), order=2)
    check_vmap(call, (a, v))


def test_lists_and_booleans() -> None:
    same(signal.convolve([1, 2], [3, 4, 5]), ss.convolve([1, 2], [3, 4, 5]))
    same(signal.convolve(np.array([True, False]), np.array([True, True])), np.array([True, True, False]))


@pytest.mark.parametrize(("call", "words"), [
    (lambda: signal.convolve(np.ones(3), np.ones(2), "most"), "mode must be one of"),
    (lambda: signal.convolve(np.ones(3), np.ones(2), method="slow"), "method must be"),
    (lambda: signal.convolve(np.ones(3), np.ones((2, 2))), r"same number of dimensions; got shapes \(3,\) and \(2, 2\)"),
    (lambda: signal.correlate(np.ones(3), np.ones(0)), "must not be empty"),
    (lambda: signal.convolve(np.ones((3, 2)), np.ones((2, 3)), "valid"), "at least as large"),
    (lambda: signal.convolve2d(np.ones(3), np.ones(2)), "must be 2-dimensional"),
    (lambda: signal.convolve2d(np.ones((3, 3)), np.ones((2, 2)), boundary="torus"), "boundary must be one of"),
    (lambda: signal.correlate2d(np.ones((3, 3)), np.ones((2, 2)), fillvalue=np.ones(2)), "fillvalue must be a number"),
    (lambda: signal.fftconvolve(np.ones((3, 2)), np.ones((2, 4)), axes=[0]), r"differ along \[1\]"),
    (lambda: signal.fftconvolve(np.ones((3, 2)), np.ones((2, 4)), axes=[0, -2]), "axes must be distinct"),
])
def test_bad_convolutions(call, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "test_signal.py" in str(error.value)


# -- windows ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 2, 7, 32])
def test_windows(n: int) -> None:
    with_numbers = [3.5, ("kaiser", 8.6), ("gaussian", 3.0), ("general_gaussian", 1.5, 4.0), ("general_cosine", [0.5, 0.3, 0.2]),
                    ("general_hamming", 0.6), ("tukey", 0.3), ("tukey", 1.0), ("tukey", 0.0), ("exponential", None, 3.0),
                    ("exponential", 2.0, 3.0)]
    for window in [*_PLAIN, *_SYNONYMS, *with_numbers]:
        spelled = _SYNONYMS.get(window, window) if isinstance(window, str) else window
        if isinstance(window, str) and spelled in ("gaussian", "general gaussian", "general cosine", "general hamming", "kaiser"):
            with pytest.raises(ValueError, match="takes other parameters"):
                window_of("stft", window, n)
            continue
        np.testing.assert_allclose(window_of("stft", window, n), ss.get_window(window, n), rtol=1e-12, atol=1e-12, err_msg=str(window))


# -- spectra ----------------------------------------------------------------------------------------------------------

CUTS = [{"nperseg": 32}, {"nperseg": 31, "noverlap": 10, "nfft": 40}, {"nperseg": 20, "window": np.hanning(20)},
        {"nperseg": 24, "window": ("kaiser", 3.0), "return_onesided": False, "fs": 10.0}]


def all_same(got, want, first: int = 0) -> None:
    for g, w in zip(got[first:], want[first:], strict=True):
        np.testing.assert_allclose(np.asarray(g), w, rtol=1e-4 if w.dtype in (np.float32, np.complex64) else 1e-9,
                                   atol=1e-5 if w.dtype in (np.float32, np.complex64) else 1e-11)
    assert got[-1].dtype == want[-1].dtype


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_spectral_densities(dtype: str) -> None:
    x, y = sample((2, 150, 3), dtype), sample((2, 130, 3), dtype)
    for cut in [{}, *CUTS]:
        for more in ({}, {"scaling": "spectrum"}, {"detrend": "linear"}, {"detrend": False}, {"average": "median"},
                     {"detrend": lambda s: s - s[..., :1]}):
            all_same(signal.welch(x, axis=1, **cut, **more), ss.welch(x, axis=1, **cut, **more))
            all_same(signal.csd(x, y, axis=1, **cut, **more), ss.csd(x, y, axis=1, **cut, **more))
    all_same(signal.csd(x, None, axis=1), ss.csd(x, x, axis=1))
    assert signal.welch(np.zeros((2, 0)))[1].shape == ss.welch(np.zeros((2, 0)))[1].shape


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_short_time_transforms(dtype: str) -> None:
    x = sample((2, 150, 3), dtype)
    for cut in CUTS:
        onesided = cut.get("return_onesided", True) and not dtype.startswith("c")
        back = {k: v for k, v in cut.items() if k != "return_onesided"} | {"freq_axis": 1, "input_onesided": onesided}
        for boundary in (None, "zeros", "even", "odd", "constant"):
            for more in ({}, {"padded": False}, {"detrend": "constant"}):
                want = ss.stft(x, axis=1, boundary=boundary, **cut, **more)
                all_same(signal.stft(x, axis=1, boundary=boundary, **cut, **more), want)
        # The times that SciPy gives for a batch are as many as the batch has signals; those of one signal are right.
        all_same(signal.istft(want[2], **back), ss.istft(want[2], **back), first=1)
        one = want[2][0, :, 0]
        all_same(signal.istft(one, **back | {"freq_axis": 0}), ss.istft(one, **back | {"freq_axis": 0}))


def test_inverse_of_other_axes_and_lengths() -> None:
    z = sample((2, 9, 3, 7), "complex128")
    for arguments in ({"freq_axis": 1, "time_axis": 3, "nperseg": 16}, {"freq_axis": 3, "time_axis": 1}, {"freq_axis": 0, "time_axis": 2},
                      {"freq_axis": 3, "time_axis": 1, "nperseg": 13},
                      {"freq_axis": 3, "time_axis": 1, "nperseg": 8, "noverlap": 7, "boundary": False, "window": "hamming"}):
        all_same(signal.istft(z, **arguments), ss.istft(z, **arguments), first=1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64"])
def test_detrend(dtype: str) -> None:
    x = sample((3, 20, 2), dtype)
    for arguments in ({}, {"type": "constant"}, {"type": "l", "bp": [7, 12]}, {"bp": 5}, {"axis": 0}):
        arguments = {"axis": 1} | arguments
        want = ss.detrend(x, **arguments)
        np.testing.assert_allclose(np.asarray(signal.detrend(x, **arguments)), want, rtol=1e-5, atol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("call", [
    lambda x: signal.detrend(x, bp=4), lambda x: signal.stft(x, nperseg=6, boundary="odd")[2], lambda x: signal.welch(x, nperseg=6)[1],
    lambda x: signal.csd(x, 3 * x[::-1] + 1, nperseg=6, average="median")[1],
    lambda x: signal.istft(signal.stft(x, nperseg=4)[2] * 1j, nperseg=4)[1],
], ids=["detrend", "stft", "welch", "csd", "istft"])
def test_transformed_spectra(call) -> None:
    x = sample((2, 12))
    np.testing.assert_allclose(np.asarray(ft.jit(call)(x)), np.asarray(call(x)), rtol=1e-10, atol=1e-12)
    check_grads(call, (x,), order=1)
    check_vmap(call, (x,))


def test_a_traced_window_and_frequency() -> None:
    x, w = sample((40,)), np.hanning(12) + 0.1

    def density(w, fs):
        return signal.welch(x, fs, w)[1]

    np.testing.assert_allclose(np.asarray(ft.jit(density)(w, 5.0)), ss.welch(x, 5.0, w)[1], rtol=1e-10)
    check_grads(density, (w, 5.0), order=1)
    again = ft.jit(lambda w: signal.istft(signal.stft(x, window=w, nperseg=12)[2], window=w, nperseg=12)[1])(w)
    np.testing.assert_allclose(np.asarray(again)[:40], x, rtol=1e-10)


def test_warnings() -> None:
    with pytest.warns(UserWarning, match="nperseg = 256 is greater than the length of the signal, 100"):
        signal.welch(np.ones(100))
    with pytest.warns(UserWarning, match="complex"):
        signal.stft(np.ones(16) * 1j, nperseg=8)
    with pytest.warns(UserWarning, match="vanish"):
        signal.istft(np.ones((5, 3)) + 0j, nperseg=8, noverlap=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signal.istft(np.ones((5, 3)) + 0j, nperseg=8)


@pytest.mark.parametrize(("call", "words"), [
    (lambda x: signal.stft(x, nperseg=8, noverlap=8), "noverlap must be less"),
    (lambda x: signal.stft(x, nperseg=8, nfft=4), "nfft must be at least nperseg"),
    (lambda x: signal.stft(x, nperseg=0), "nperseg must be positive"),
    (lambda x: signal.stft(x, nperseg=8, boundary="moat"), "boundary must be one of"),
    (lambda x: signal.stft(x, window=np.ones(3)), "nperseg is 256, but the window has 3"),
    (lambda x: signal.welch(x, window=np.ones(300)), "more than the signal"),
    (lambda x: signal.welch(x, window=np.ones((3, 3))), "a name, a tuple or a vector"),
    (lambda x: signal.welch(x, nperseg=8, window="bay"), "'bay' is unknown; the names are barthann"),
    (lambda x: signal.welch(x, nperseg=8, scaling="mel"), "scaling must be one of"),
    (lambda x: signal.welch(x, nperseg=8, average="mode"), "average must be one of"),
    (lambda x: signal.welch(x, nperseg=8, detrend="parabola"), "the type of trend"),
    (lambda x: signal.csd(np.ones((2, 9)), np.ones((3, 9)), nperseg=8), "cannot be broadcast"),
    (lambda x: signal.detrend(x, type="parabola"), "the type of trend"),
    (lambda x: signal.detrend(x, bp=[101]), "bp must be non-negative"),
    (lambda x: signal.istft(x), "at least 2 dimensions"),
    (lambda x: signal.istft(np.ones((3, 4)), time_axis=0, freq_axis=0), "must differ"),
    (lambda x: signal.istft(np.ones((5, 4)), nperseg=30), "nfft must be at least nperseg"),
])
def test_bad_spectra(call, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        call(np.ones(100))
    assert "test_signal.py" in str(error.value)


def test_what_is_not_supported() -> None:
    with pytest.raises(NotImplementedError, match="overwrite_data"):
        signal.detrend(np.ones(3), overwrite_data=True)
    with pytest.raises(TypeError, match="bp must be known"):
        ft.jit(lambda b: signal.detrend(np.ones(9), bp=b))(3)
    with pytest.raises(TypeError, match="nperseg must be an integer"):
        signal.stft(np.ones(9), nperseg="long")
