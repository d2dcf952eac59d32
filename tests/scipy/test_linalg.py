"""`functrans.scipy.linalg` against SciPy, compiled against eager, derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg as sl

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy import linalg

rng = np.random.default_rng(7)
DTYPES = ["float32", "float64", "complex64", "complex128"]


def random(*shape: int, dtype: str = "float64") -> np.ndarray:
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.startswith("c") else x).astype(dtype)


def definite(n: int, dtype: str = "float64") -> np.ndarray:
    x = random(n, n, dtype=dtype)
    return (x @ x.conj().T + n * np.eye(n)).astype(dtype)


def near(got, want, dtype: str = "float64", tol: float = 1e-9) -> None:
    tol = 2e-3 if np.dtype(dtype).itemsize in (4, 8) and dtype in ("float32", "complex64") else tol
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=tol, atol=tol)


def difference(f, x: np.ndarray, v: np.ndarray, h: float = 1e-6) -> np.ndarray:
    return (np.asarray(f(x + h * v)) - np.asarray(f(x - h * v))) / (2 * h)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_and_solves(lower: bool, dtype: str) -> None:
    a, b = definite(5, dtype), random(5, 2, dtype=dtype)
    near(linalg.cholesky(a, lower), sl.cholesky(a, lower), dtype)
    for rhs in (b, b[:, 0]):
        near(linalg.cho_solve(linalg.cho_factor(a, lower), rhs), np.linalg.solve(a, rhs), dtype)
        near(ft.jit(lambda a, b: linalg.solve(a, b, lower=lower, assume_a="pos"))(a, rhs), np.linalg.solve(a, rhs), dtype)
        near(linalg.solve(a, rhs), np.linalg.solve(a, rhs), dtype)
        t = np.tril(a) if lower else np.triu(a)
        for trans in (0, 1, 2, "N", "T", "C"):
            for unit in (False, True):
                near(linalg.solve_triangular(t, rhs, trans, lower, unit), sl.solve_triangular(t, rhs, trans, lower, unit), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lu(dtype: str) -> None:
    for shape in ((4, 4), (3, 5), (5, 3)):
        a = random(*shape, dtype=dtype)
        for got, want in zip(linalg.lu(a), sl.lu(a), strict=True):
            near(got, want, dtype)
        near(linalg.lu(a, permute_l=True)[0], sl.lu(a, permute_l=True)[0], dtype)
    a, b = random(4, 4, dtype=dtype), random(4, 3, dtype=dtype)
    factors = linalg.lu_factor(a)
    near(factors[0], sl.lu_factor(a)[0], dtype)
    np.testing.assert_array_equal(factors[1], sl.lu_factor(a)[1])
    for trans in (0, 1, 2):
        for rhs in (b, b[:, 0]):
            near(linalg.lu_solve(factors, rhs, trans), sl.lu_solve(sl.lu_factor(a), rhs, trans), dtype, 1e-8)
    stack = np.stack([a, a.T])
    near(linalg.lu_solve(linalg.lu_factor(stack), np.stack([b, b])), np.linalg.solve(stack, np.stack([b, b])), dtype)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_qr(dtype: str) -> None:
    for shape in ((4, 4), (3, 5), (5, 3)):
        a = random(*shape, dtype=dtype)
        for mode in ("full", "economic", "r"):
            for pivoting in (False, True):
                got, want = linalg.qr(a, mode=mode, pivoting=pivoting), sl.qr(a, mode=mode, pivoting=pivoting)
                for g, w in zip(got, want, strict=True):
                    near(g, w)
        k = min(shape)
        near(linalg.qr_multiply(a, random(2, shape[0]))[1], sl.qr(a, mode="economic")[1])
        c = random(k, 2, dtype=dtype)
        if shape[0] >= shape[1]:
            near(linalg.qr_multiply(a, c, "left")[0], sl.qr_multiply(a, c, "left")[0])


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_eigenvalues(dtype: str) -> None:
    a, b = definite(4, dtype), definite(4, dtype)
    for lower in (True, False):
        near(linalg.eigh(a, lower=lower, eigvals_only=True), sl.eigh(a, lower=lower, eigvals_only=True))
        for kind in (1, 2, 3):
            w, v = map(np.asarray, linalg.eigh(a, b, lower=lower, type=kind))
            near(w, sl.eigh(a, b, lower=lower, type=kind, eigvals_only=True))
            left, right = {1: (a @ v, b @ v), 2: (a @ b @ v, v), 3: (b @ a @ v, v)}[kind]
            near(left, right * w)
    d, e = rng.standard_normal(6), rng.standard_normal(5)
    near(linalg.eigh_tridiagonal(d, e, eigvals_only=True), sl.eigh_tridiagonal(d, e, eigvals_only=True))
    got = linalg.eigh_tridiagonal(d, e, eigvals_only=True, select="i", select_range=(1, 3))
    near(got, sl.eigh_tridiagonal(d, e, eigvals_only=True, select="i", select_range=(1, 3)))
    a = random(5, 5, dtype=dtype)
    for got, want in zip(linalg.hessenberg(a, calc_q=True), sl.hessenberg(a, calc_q=True), strict=True):
        near(got, want)
    for output in ("real", "complex"):
        t, z = map(np.asarray, linalg.schur(a, output))
        near(z @ t @ z.conj().T, a)
        near(z @ z.conj().T, np.eye(5))
    assert not np.tril(t, -1).any()
    if dtype == "float64":
        t, z = map(np.asarray, linalg.rsf2csf(*linalg.schur(a)))
        near(z @ t @ z.conj().T, a)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_singular_values(dtype: str) -> None:
    for shape in ((4, 4), (5, 3), (3, 5)):
        a = random(*shape, dtype=dtype)
        near(linalg.svd(a, compute_uv=False), sl.svd(a, compute_uv=False))
        for side in ("left", "right"):
            for got, want in zip(linalg.polar(a, side), sl.polar(a, side), strict=True):
                near(got, want)
    near(linalg.det(a @ a.conj().T), sl.det(a @ a.conj().T))
    near(linalg.inv(a @ a.conj().T), sl.inv(a @ a.conj().T))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-9, 0.1, 1.0, 30.0])
def test_expm(dtype: str, size: float) -> None:
    a = (random(4, 4, dtype=dtype) * size / 4).astype(dtype)
    want = sl.expm(a.astype("complex128"))
    got = np.asarray(linalg.expm(a))
    assert got.dtype == dtype
    eps = np.finfo(dtype).eps
    assert np.abs(got - want).max() <= 1e3 * eps * max(1, size) * np.abs(want).max()
    upper = np.triu(a)
    want = sl.expm(upper)
    near(linalg.expm(upper, upper_triangular=True) / np.abs(want).max(), want / np.abs(want).max(), dtype, 1e-8)


def test_expm_of_batches_and_limits() -> None:
    a = np.stack([random(3, 3), 20 * random(3, 3), np.zeros((3, 3))])
    for got, x in zip(np.asarray(linalg.expm(a)), a, strict=True):
        np.testing.assert_allclose(got, sl.expm(x), rtol=1e-8, atol=1e-9 * np.abs(sl.expm(x)).max())
    np.testing.assert_allclose(ft.vmap(linalg.expm)(a), linalg.expm(a), rtol=1e-12)
    assert np.isnan(np.asarray(linalg.expm(1e9 * np.eye(2)))).all()
    assert linalg.expm(np.zeros((0, 0))).shape == (0, 0)


@pytest.mark.parametrize("size", [0.3, 20.0])
def test_expm_derivatives(size: float) -> None:
    a, e = size * random(3, 3) / 3, random(3, 3)
    value, derivative = linalg.expm_frechet(a, e)
    want = sl.expm_frechet(a, e)
    scale = np.abs(want[1]).max()
    np.testing.assert_allclose(value, want[0], rtol=1e-9, atol=1e-10 * scale)
    np.testing.assert_allclose(derivative, want[1], rtol=1e-8, atol=1e-9 * scale)
    ct = random(3, 3)
    (bar,) = ft.vjp(linalg.expm, a)[1](ct)
    np.testing.assert_allclose(np.sum(np.asarray(bar) * e), np.sum(ct * want[1]), rtol=1e-8)
    np.testing.assert_allclose(ft.jit(ft.grad(lambda x: fnp.sum(linalg.expm(x) * ct)))(a), bar, rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_sylvester(dtype: str) -> None:
    a, b, c = definite(4, dtype), definite(3, dtype), random(4, 3, dtype=dtype)
    a = a + random(4, 4, dtype=dtype) / 3
    x = linalg.solve_sylvester(a, b, c)
    assert np.asarray(x).dtype == dtype
    near(x, sl.solve_sylvester(a, b, c))
    for i, (arg, v) in enumerate(((a, random(4, 4, dtype=dtype)), (b, random(3, 3, dtype=dtype)), (c, random(4, 3, dtype=dtype)))):
        def f(y, i=i):
            return linalg.solve_sylvester(*[y if j == i else z for j, z in enumerate((a, b, c))])

        _, dot = ft.jvp(f, (arg,), (v,))
        near(dot, difference(f, arg, v), tol=1e-6)
        ct = random(4, 3, dtype=dtype)
        (bar,) = ft.vjp(f, arg)[1](ct)
        near(np.sum(np.asarray(bar) * v).real, np.sum(ct * np.asarray(dot)).real)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_sqrtm(dtype: str) -> None:
    a = definite(4, dtype) + random(4, 4, dtype=dtype)
    x = np.asarray(linalg.sqrtm(a))
    near(x, sl.sqrtm(a), tol=1e-8)
    near(x @ x, a)
    v = random(4, 4, dtype=dtype)
    _, dot = ft.jvp(linalg.sqrtm, (a,), (v,))
    near(dot, difference(linalg.sqrtm, a, v), tol=1e-6)
    ct = random(4, 4, dtype="complex128")
    (bar,) = ft.vjp(linalg.sqrtm, a)[1](ct)
    near(np.sum(np.asarray(bar) * v).real, np.sum(ct * np.asarray(dot)).real)

    def tangent(y):
        return ft.jvp(linalg.sqrtm, (y,), (v,))[1]

    near(ft.jvp(tangent, (a,), (v,))[1], difference(tangent, a, v), tol=1e-5)


def test_sqrtm_of_singular_matrices() -> None:
    """Eigenvalues 0 have a root where they are no Jordan block; the nilpotent matrix has none."""
    mixed = np.array([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    for root in (np.zeros((3, 3)), np.diag([2.0, 0.0, 0.0]), np.diag([0.0, 3.0, 0.0]), mixed):
        near(linalg.sqrtm(root @ root), root)
        near(ft.jit(linalg.sqrtm)(root @ root), root)
    assert np.isnan(np.asarray(linalg.sqrtm(np.array([[0.0, 1.0], [0.0, 0.0]])))).any()


@pytest.mark.parametrize(("call", "words"), [
    (lambda: linalg.polar(np.ones(3)), "polar: an array of at least two axes"),
    (lambda: linalg.cho_factor(np.ones(3)), "cho_factor: an array of at least two axes"),
    (lambda: linalg.cho_factor(np.ones((2, 3))), "cho_factor: square matrices"),
    (lambda: linalg.rsf2csf(np.ones(3), np.ones(3)), "rsf2csf: an array of at least two axes"),
    (lambda: linalg.rsf2csf(np.eye(3), np.eye(2)), "rsf2csf: T and Z must have one shape"),
    (lambda: linalg.eigh_tridiagonal(np.ones(3), np.ones(3)), "eigh_tridiagonal: d must be a vector, and e one that is shorter by 1"),
    (lambda: linalg.qr_multiply(np.eye(3), np.ones(5)), r"qr_multiply: c must have 3 columns .* got shape \(5,\)"),
    (lambda: linalg.qr_multiply(np.eye(3), np.ones((5, 2)), "left"), r"qr_multiply: c must have 3 rows .* got shape \(5, 2\)"),
])
def test_errors_name_the_function_that_was_called(call, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        call()
    assert "test_linalg.py" in str(error.value)


def test_funm() -> None:
    a = random(4, 4)
    near(linalg.funm(a, fnp.exp), sl.expm(a), tol=1e-7)
    value, error = linalg.funm(a, fnp.exp, disp=False)
    near(value, sl.expm(a), tol=1e-7)
    assert 0 < float(error) < 1e-6


# -- matrices of known form -----------------------------------------------------------------------------------------------


def test_matrices_of_arrays() -> None:
    c, r = random(4), random(3)
    for name, args in [
        ("toeplitz", (c,)), ("toeplitz", (c, r)), ("toeplitz", (c + 1j,)), ("hankel", (c,)), ("hankel", (c, r)), ("circulant", (c,)),
        ("companion", (c,)), ("fiedler", (c,)), ("leslie", (c, r)), ("block_diag", (c, random(2, 3), random(1, 1))),
        *(("fiedler_companion", (random(n),)) for n in range(2, 9)),
        *(("convolution_matrix", (c, n, mode)) for n in (1, 3, 4, 6) for mode in ("full", "same", "valid")),
    ]:
        np.testing.assert_allclose(getattr(linalg, name)(*args), getattr(sl, name)(*args), err_msg=f"{name}{args}")
    np.testing.assert_array_equal(linalg.toeplitz(np.stack([c, -c]))[1], sl.toeplitz(-c))
    np.testing.assert_array_equal(ft.grad(lambda c: fnp.sum(linalg.circulant(c) ** 2))(c), 8 * c)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_matrices_of_a_size(n: int) -> None:
    for name, args in [("hilbert", ()), ("invhilbert", ()), ("helmert", ()), ("helmert", (True,)), ("dft", ()),
                       ("dft", ("sqrtn",)), ("dft", ("n",)),
                       *((f, (kind,)) for f in ("pascal", "invpascal") for kind in ("symmetric", "lower", "upper"))]:
        np.testing.assert_allclose(getattr(linalg, name)(n, *args), getattr(sl, name)(n, *args), atol=1e-12, err_msg=f"{name}{args}")
    if n & (n - 1) == 0:
        np.testing.assert_array_equal(linalg.hadamard(n), sl.hadamard(n))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: linalg.solve(np.eye(2), np.ones(2), assume_a="tri"), "assume_a"),
    (lambda: linalg.solve_triangular(np.eye(2), np.ones(3)), "as many rows"),
    (lambda: linalg.solve_triangular(np.eye(2), np.ones(2), trans="X"), "trans"),
    (lambda: linalg.expm(np.ones((2, 3))), "square"),
    (lambda: linalg.hadamard(6), "power of two"),
    (lambda: linalg.qr(np.eye(2), mode="raw"), "unknown mode"),
    (lambda: linalg.polar(np.eye(2), "both"), "side"),
    (lambda: linalg.leslie(np.ones(2), np.ones(2)), "one element more"),
])
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "test_linalg.py" in str(caught.value)
