"""`functrans.numpy.fft` against NumPy: every function, length, norm and axis; derivatives; all transformations."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 10))
Z = X + 1j * RNG.standard_normal((3, 4, 10))
LENGTHS = [1, 2, 3, 6, 9, 10, 11, 15, 32, 34, 61, 100, 257]


def close(got, want, tol=1e-13):
    got = np.asarray(got)
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=0, atol=tol * max(1, np.abs(want).max(initial=0)))


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_one_axis(name, norm, run):
    ours, theirs = getattr(fnp.fft, name), getattr(np.fft, name)
    x = X if name in ("rfft", "ihfft") else Z
    for axis in (-1, 0, 1):
        for n in (None, 1, 5, 12) if name not in ("irfft", "hfft") else (None, 2, 5, 12):
            close(run(lambda v, n=n, axis=axis: ours(v, n, axis, norm))(x), theirs(x, n, axis, norm))


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", ["fftn", "ifftn", "fft2", "ifft2", "rfftn", "irfftn", "rfft2", "irfft2"])
def test_several_axes(name, run):
    ours, theirs = getattr(fnp.fft, name), getattr(np.fft, name)
    x = X if name.startswith("rfft") else Z
    for axes in ((0, 1), (-1, 0), (2, 1)):
        for s in (None, (3, 6), (5, 2)):
            close(run(lambda v, s=s, axes=axes: ours(v, s, axes, "ortho"))(x), theirs(x, s, axes, "ortho"))
    if name.endswith("n"):
        close(run(ours)(x), theirs(x, axes=(0, 1, 2)))
        deep = np.stack([x, 2 * x])
        close(run(ours)(deep), theirs(deep, axes=(0, 1, 2, 3)))


@pytest.mark.parametrize("n", LENGTHS)
def test_every_length_compiled(n):
    for dtype, tol in ((np.complex128, 1e-14), (np.complex64, 2e-6)):
        x = (RNG.standard_normal((2, n)) + 1j * RNG.standard_normal((2, n))).astype(dtype)
        close(ft.jit(fnp.fft.fft)(x), np.fft.fft(x), tol)
        close(ft.jit(fnp.fft.ifft)(x), np.fft.ifft(x), tol)
        close(ft.jit(fnp.fft.rfft)(x.real.copy()), np.fft.rfft(x.real), tol)
        if n > 1:
            close(ft.jit(lambda v: fnp.fft.irfft(v, n))(x[:, :n // 2 + 1].copy()), np.fft.irfft(x[:, :n // 2 + 1], n), tol)


def test_accuracy_of_long_transforms():
    for n in (1 << 14, 10007, 3 * 5 * 7 * 11 * 13):
        x = RNG.standard_normal(n) + 1j * RNG.standard_normal(n)
        want = np.fft.fft(x.astype(np.clongdouble)).astype(np.complex128)
        error = np.linalg.norm(np.asarray(ft.jit(fnp.fft.fft)(x)) - want) / np.linalg.norm(want)
        assert error < 2e-15, (n, error)


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
def test_gradients(run):
    x, z, h = X[0, 0], Z[0, 0], Z[0, 0, :6]
    w = RNG.standard_normal(10)

    def real_pair(f, at):
        """The gradient of a real function of a complex vector as the reference has it: d/dre - i d/dim."""
        step = 1e-6
        out = np.empty(at.shape, complex)
        for k in range(at.size):
            e = np.zeros(at.shape)
            e[k] = step
            out[k] = (f(at + e) - f(at - e)) / (2 * step) - 1j * (f(at + 1j * e) - f(at - 1j * e)) / (2 * step)
        return out

    cases = [
        (lambda v: (abs(fnp.fft.fft(v)) ** 2 * w).sum(), lambda v: (abs(np.fft.fft(v)) ** 2 * w).sum(), z),
        (lambda v: (abs(fnp.fft.ifft(v)) ** 2 * w).sum(), lambda v: (abs(np.fft.ifft(v)) ** 2 * w).sum(), z),
        (lambda v: (fnp.fft.irfft(v) ** 3 * w).sum(), lambda v: (np.fft.irfft(v) ** 3 * w).sum(), h),
        (lambda v: (fnp.fft.irfft(v, 11)[:10] ** 3 * w).sum(), lambda v: (np.fft.irfft(v, 11)[:10] ** 3 * w).sum(), h),
    ]
    for ours, theirs, at in cases:
        np.testing.assert_allclose(run(ft.grad(ours))(at), real_pair(theirs, at), rtol=1e-5, atol=1e-7)

    def real_loss(v):
        return (abs(fnp.fft.rfft(v)) ** 2 * w[:6]).sum()

    exact = np.real(np.fft.fft(np.pad(2 * w[:6] * np.conj(np.fft.rfft(x)), (0, 4))))
    np.testing.assert_allclose(run(ft.grad(real_loss))(x), exact, rtol=1e-12)
    np.testing.assert_allclose(run(ft.hessian(real_loss))(x), ft.jacrev(ft.jacfwd(real_loss))(x), atol=1e-12)


def test_vmap_and_protocols():
    close(ft.jit(ft.vmap(fnp.fft.fft, in_axes=1, out_axes=1))(Z), np.fft.fft(Z))
    close(ft.vmap(lambda v: fnp.fft.irfft(v, 7))(Z), np.fft.irfft(Z, 7))
    close(ft.jit(lambda v: np.fft.rfft(v))(X), np.fft.rfft(X))
    close(ft.jit(lambda v: np.fft.fftshift(v, 1))(X), np.fft.fftshift(X, 1))
    assert float(ft.grad(lambda t: fnp.abs(np.fft.fft(t * np.ones(4))[0]))(2.0)) == 4.0


def test_helpers():
    for n in (1, 4, 7):
        np.testing.assert_allclose(fnp.fft.fftfreq(n, 0.3), np.fft.fftfreq(n, 0.3))
        np.testing.assert_allclose(fnp.fft.rfftfreq(n, 0.3), np.fft.rfftfreq(n, 0.3))
        np.testing.assert_array_equal(fnp.fft.fftshift(np.arange(n)), np.fft.fftshift(np.arange(n)))
        np.testing.assert_array_equal(fnp.fft.ifftshift(np.arange(n)), np.fft.ifftshift(np.arange(n)))
    np.testing.assert_array_equal(fnp.fft.ifftshift(X, (0, 2)), np.fft.ifftshift(X, (0, 2)))


def test_dtypes():
    assert fnp.fft.fft(np.ones(4, np.float32)).dtype == np.complex64
    assert fnp.fft.rfft(np.ones(4, np.float16)).dtype == np.complex64
    assert fnp.fft.fft(np.arange(4)).dtype == np.complex128
    assert fnp.fft.irfft(np.ones(3, np.complex64)).dtype == np.float32
    assert fnp.fft.fft(np.ones((0, 4))).shape == (0, 4)


def test_bad_input():
    with pytest.raises(ValueError, match=r"fft\.fft: the length must be at least 1; got 0, at .*test_fft\.py"):
        fnp.fft.fft(X, 0)
    with pytest.raises(ValueError, match=r"fft\.rfft takes a real array; got dtype complex128, at .*test_fft\.py.*Pass its \.real part"):
        fnp.fft.rfft(Z)
    with pytest.raises(ValueError, match="norm must be None, 'backward', 'ortho' or 'forward'; got 'no'"):
        fnp.fft.fft(X, norm="no")
    with pytest.raises(ValueError, match="2 lengths are given for 1 axes"):
        fnp.fft.fftn(X, (1, 2), (0,))
    with pytest.raises(TypeError, match="the trailing axes of a IRFFT of lengths"):
        ft.lax.fft(Z, "IRFFT", [10])
    with pytest.raises(ValueError, match="the type must be one of FFT, IFFT, RFFT, IRFFT"):
        ft.lax.fft(Z, "DCT", [10])
