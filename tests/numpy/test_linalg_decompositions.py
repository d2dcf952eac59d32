"""Decompositions and systems of `functrans.numpy.linalg` and `functrans.lax.linalg`: NumPy's values, what singular and other bad
matrices give, derivatives, transformations, compiled loops."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import numpy as fnp
from functrans.compiler.lower import lower_jaxpr
from functrans.compiler.simplify import simplify
from functrans.kernel_interpret import run
from functrans.kernel_verify import verify
from functrans.lax import linalg as lax_linalg
from functrans.numpy import linalg

rng = np.random.default_rng(11)
DTYPES = ["float32", "float64", "complex64", "complex128"]


def random(*shape: int, dtype: str = "float64") -> np.ndarray:
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.startswith("c") else x).astype(dtype)


def definite(*shape: int, dtype: str = "float64") -> np.ndarray:
    x = random(*shape, shape[-1], dtype=dtype)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + shape[-1] * np.eye(shape[-1])).astype(dtype)


def near(got, want, dtype: str = "float64", tol: float = 1e-9) -> None:
    tol = 3e-3 if dtype in ("float32", "complex64") else tol
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=tol, atol=tol)


def difference(f, x: np.ndarray, v: np.ndarray, h: float = 1e-6) -> np.ndarray:
    return (np.asarray(f(x + h * v)) - np.asarray(f(x - h * v))) / (2 * h)


def leaves(out) -> list:
    return list(out) if isinstance(out, tuple) else [out]


ONE = {
    "cholesky": (definite, np.linalg.cholesky),
    "inv": (definite, np.linalg.inv),
    "det": (definite, np.linalg.det),
    "slogdet": (definite, np.linalg.slogdet),
    "eigvalsh": (definite, np.linalg.eigvalsh),
    "svdvals": (definite, np.linalg.svdvals),
    "pinv": (definite, np.linalg.pinv),
    "cond": (definite, np.linalg.cond),
    "matrix_rank": (definite, np.linalg.matrix_rank),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ONE)
def test_values_eager_and_compiled(name: str, dtype: str) -> None:
    sample, reference = ONE[name]
    for shape in ((1,), (2,), (3,), (5,), (12,), (3, 4), (2, 2, 9), (70,)):
        x = sample(*shape, dtype=dtype)
        if name == "det":
            x = (x / (1.5 * shape[-1])).astype(dtype)
        scale = np.abs(np.linalg.det(x)).max() if name == "det" else 1
        for f in (getattr(linalg, name), ft.jit(getattr(linalg, name))):
            for got, want in zip(leaves(f(x)), leaves(reference(x)), strict=True):
                assert np.asarray(got).shape == np.asarray(want).shape
                near(np.asarray(got) / scale, want / scale, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_decompositions_rebuild(dtype: str) -> None:
    for shape in ((4, 4), (3, 6), (6, 3), (2, 5, 4), (1, 1)):
        x = random(*shape, dtype=dtype)
        q, r = map(np.asarray, linalg.qr(x))
        near(q @ r, x, dtype)
        near(np.conj(np.swapaxes(q, -1, -2)) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], q.shape[-1], q.shape[-1])), dtype)
        q, r = map(np.asarray, linalg.qr(x, mode="complete"))
        assert q.shape[-1] == q.shape[-2]
        near(q @ r, x, dtype)
        near(linalg.qr(x, mode="r"), np.linalg.qr(x, mode="r"), dtype)
        for got, want in zip(linalg.qr(x, mode="raw"), np.linalg.qr(x, mode="raw"), strict=True):
            near(got, want, dtype)
        u, s, vh = map(np.asarray, linalg.svd(x, full_matrices=False))
        near(u * s[..., None, :] @ vh, x, dtype)
        assert linalg.svd(x).U.shape == np.linalg.svd(x)[0].shape
    x = random(3, 4, 4, dtype=dtype)
    w, v = map(np.asarray, linalg.eig(x))
    near(x @ v, v * w[:, None, :], dtype)
    near(np.sort_complex(np.asarray(linalg.eigvals(x))), np.sort_complex(w), dtype)
    h = x + np.conj(np.swapaxes(x, -1, -2))
    w, v = map(np.asarray, linalg.eigh(h))
    near(v * w[:, None, :] @ np.conj(np.swapaxes(v, -1, -2)), h, dtype)
    for uplo in ("L", "U"):
        near(linalg.eigvalsh(x, uplo, symmetrize_input=False), np.linalg.eigvalsh(x, uplo), dtype)
    vl = np.asarray(lax_linalg.eig(x)[1])
    near(np.conj(np.swapaxes(vl, -1, -2)) @ x, np.asarray(lax_linalg.eig(x)[0])[..., None] * np.conj(np.swapaxes(vl, -1, -2)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_systems(dtype: str) -> None:
    a, b = random(3, 4, 4, dtype=dtype) + 4 * np.eye(4, dtype=dtype), random(3, 4, 2, dtype=dtype)
    near(linalg.solve(a, b), np.linalg.solve(a, b), dtype)
    near(linalg.solve(a[0], b[0, :, 0]), np.linalg.solve(a[0], b[0, :, 0]), dtype)
    near(linalg.solve(a, b[0]), np.linalg.solve(a, np.broadcast_to(b[0], b.shape)), dtype)
    near(linalg.solve(a[0], b), np.linalg.solve(np.broadcast_to(a[0], a.shape), b), dtype)
    for m, n in ((6, 3), (3, 6), (4, 4)):
        x, y = random(m, n, dtype=dtype), random(m, 2, dtype=dtype)
        for rhs in (y, y[:, 0]):
            got, want = linalg.lstsq(x, rhs, numpy_resid=True), np.linalg.lstsq(x, rhs, rcond=None)
            for g, w in zip(got, want, strict=True):
                near(g, np.atleast_1d(w) if np.ndim(g) else w, dtype)
    low = random(5, 2, dtype=dtype) @ random(2, 4, dtype=dtype)
    assert int(linalg.matrix_rank(low)) == 2
    near(linalg.pinv(low, 1e-3), np.linalg.pinv(low, 1e-3), dtype)
    near(linalg.tensorsolve(np.eye(6).reshape(6, 2, 3) * 2, np.ones(6)), np.full((2, 3), 0.5))
    t = random(2, 3, 6)
    near(linalg.tensorinv(t), np.linalg.tensorinv(t), tol=1e-7)


def test_empty_matrices() -> None:
    none = np.zeros((0, 0))
    for name in ("cholesky", "inv", "det", "slogdet", "eigvalsh", "eigh", "eigvals", "eig", "qr", "svd", "svdvals", "pinv", "matrix_rank"):
        reference = getattr(np.linalg, name)
        for x in (none, np.zeros((2, 0, 0)), np.zeros((0, 3, 3))):
            if name == "matrix_rank" and not x.shape[-1]:
                continue  # NumPy's fails
            for f in (getattr(linalg, name), ft.jit(getattr(linalg, name))):
                for got, want in zip(leaves(f(x)), leaves(reference(x)), strict=True):
                    np.testing.assert_array_equal(got, want)
    assert int(linalg.matrix_rank(none)) == 0
    assert linalg.solve(none, np.zeros((0, 3))).shape == (0, 3)
    assert linalg.svd(np.zeros((0, 3))).Vh.shape == (3, 3)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("n", [2, 12])
def test_bad_matrices_give_nan(n: int, compiled: bool) -> None:
    """One bad matrix of a batch does not spoil the others."""

    def run_on(f, x):
        return [np.asarray(y) for y in leaves((ft.jit(f) if compiled else f)(x))]

    good = definite(n)
    (factor,) = run_on(linalg.cholesky, np.stack([good, -good, good]))
    assert np.isnan(factor[1][np.tril_indices(n)]).all()
    np.testing.assert_array_equal(factor[1][np.triu_indices(n, 1)], 0)
    near(factor[[0, 2]], np.stack([np.linalg.cholesky(good)] * 2))
    for value in (np.nan, np.inf):
        bad = good.copy()
        bad[0, 0] = value
        for f in (linalg.eigh, linalg.eig, linalg.svd, lax_linalg.schur):
            for y in run_on(f, np.stack([bad, good])):
                assert np.isnan(y[0]).all()
                assert np.isfinite(y[1]).all()


def test_singular_matrices() -> None:
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    for f in (linalg.inv, ft.jit(linalg.inv)):
        assert not np.isfinite(np.asarray(f(x))).any()
    assert linalg.det(x) == 0
    zero = np.zeros((4, 4))
    assert [float(y) for y in linalg.slogdet(zero)] == [0.0, -np.inf]
    assert linalg.cond(x) > 1e15
    assert linalg.cond(zero, 1) == np.inf
    factors, pivots, permutation = lax_linalg.lu(zero)
    np.testing.assert_array_equal(factors, zero)
    np.testing.assert_array_equal(pivots, np.arange(4))
    np.testing.assert_array_equal(permutation, np.arange(4))


# -- derivatives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_det_of_any_rank(rank: int) -> None:
    """The determinant is a polynomial: all its derivatives exist, whatever the rank."""
    x = random(4, rank) @ random(rank, 4)
    v = random(4, 4)
    gradient = ft.grad(linalg.det)
    near(np.sum(np.asarray(gradient(x)) * v), difference(linalg.det, x, v), tol=1e-7)
    _, second = ft.jvp(gradient, (x,), (v,))
    near(second, difference(gradient, x, v), tol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_derivatives_in_both_modes(dtype: str) -> None:
    a, b = definite(4, dtype=dtype) + random(4, 4, dtype=dtype) / 4, random(4, 2, dtype=dtype)
    tall = random(5, 3, dtype=dtype)
    cases = [
        (linalg.inv, a), (lambda x: linalg.solve(x, b), a), (lambda y: linalg.solve(a, y), b), (linalg.det, a), (linalg.pinv, tall),
        (lambda x: linalg.slogdet(x)[1], a), (linalg.cholesky, a), (lambda x: linalg.norm(x, 2), tall),
        (lambda x: linalg.norm(x, "nuc"), tall),
        (linalg.cond, a), (lambda x: linalg.lstsq(x, tall[:, 0])[0], tall), (linalg.eigvalsh, a), (linalg.eigvals, a),
        (lambda x: linalg.matrix_power(x, -2), a), (lambda x: linalg.qr(x).R, tall), (lambda x: linalg.qr(x.T).R, tall),
        (lambda x: lax_linalg.cholesky_update(linalg.cholesky(x).T, x[0]), definite(3)),
        (lambda x: lax_linalg.qdwh(x)[1], tall),
    ]
    for number, (f, x) in enumerate(cases):
        v = random(*x.shape, dtype=x.dtype.name)
        y, dot = ft.jvp(f, (x,), (v,))
        np.testing.assert_allclose(dot, difference(f, x, v), rtol=1e-6, atol=1e-6, err_msg=f"case {number}")
        ct = random(*np.shape(y), dtype=np.asarray(y).dtype.name)
        (bar,) = ft.vjp(f, x)[1](ct)
        np.testing.assert_allclose(np.sum(np.asarray(bar) * v).real, np.sum(ct * np.asarray(dot)).real, rtol=1e-8, err_msg=f"case {number}")
        compiled = ft.jit(lambda x, v, f=f: ft.jvp(f, (x,), (v,))[1])(x, v)
        np.testing.assert_allclose(compiled, dot, rtol=1e-8, atol=1e-9, err_msg=f"case {number}")
    hessian = ft.jacfwd(ft.grad(lambda x: linalg.slogdet(x)[1]))
    if dtype == "float64":
        inverse = np.linalg.inv(a)
        near(hessian(a), -np.einsum("jk,li->ijkl", inverse, inverse), tol=1e-8)


def test_equal_eigenvalues() -> None:
    """Where eigenvalues or singular values are equal, functions that do not depend on the choice of vectors stay finite."""
    x = np.diag([1.0, 1.0, 2.0])
    near(ft.grad(lambda x: fnp.sum(linalg.eigvalsh(x) ** 2))(x), 2 * x)
    near(ft.grad(lambda x: fnp.sum(linalg.eigh(x).eigenvalues ** 3))(x), 3 * x @ x)
    near(ft.grad(lambda x: fnp.sum(linalg.svdvals(x)))(np.eye(3)), np.eye(3))

    def projector(x):
        v = linalg.eigh(x).eigenvectors[:, 2]
        return fnp.outer(v, v)

    v = random(3, 3)
    near(ft.jvp(projector, (x,), (v,))[1], difference(projector, x, v), tol=1e-6)
    rebuilt = ft.jvp(lambda x: (lambda u, s, vh: u * s @ vh)(*linalg.svd(x)), (np.eye(3),), (v,))[1]
    assert np.isfinite(np.asarray(rebuilt)).all()


def test_no_derivative_where_it_is_not_unique() -> None:
    with pytest.raises(NotImplementedError, match="full_matrices=False"):
        ft.jvp(lambda x: linalg.svd(x).U, (np.ones((3, 2)),), (np.ones((3, 2)),))
    with pytest.raises(NotImplementedError, match="mode='reduced'"):
        ft.jvp(lambda x: linalg.qr(x, "complete").Q, (np.ones((3, 2)),), (np.ones((3, 2)),))


# -- transformations and loops ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_vmap_is_a_loop(dtype: str) -> None:
    a, b = definite(3, 4, dtype=dtype), random(3, 4, 2, dtype=dtype)
    for f, in_axes in ((linalg.solve, (0, 0)), (linalg.solve, (None, 0)), (linalg.solve, (0, None))):
        for g in (ft.vmap(f, in_axes), ft.jit(ft.vmap(f, in_axes))):
            got = g(a[0] if in_axes[0] is None else a, b[0] if in_axes[1] is None else b)
            near(got, [np.linalg.solve(a[0 if in_axes[0] is None else i], b[0 if in_axes[1] is None else i]) for i in range(3)])
    for f in (linalg.cholesky, linalg.inv, linalg.det, linalg.eigvalsh, linalg.svdvals, linalg.pinv):
        near(ft.vmap(f, 1)(np.swapaxes(a, 0, 1)), np.stack([np.asarray(f(x)) for x in a]))
    triangle = np.tril(a[0])
    for left in (True, False):
        rhs = b if left else np.swapaxes(b, -1, -2)
        got = ft.vmap(lambda y, left=left: lax_linalg.triangular_solve(triangle, y, left_side=left, lower=True))(rhs)
        near(got, np.linalg.solve(triangle, rhs) if left else rhs @ np.linalg.inv(triangle))


@pytest.mark.parametrize("n", [3, 12])
def test_inside_compiled_loops(n: int) -> None:
    """Small matrices are written out, larger ones call the library: both on every turn."""
    a = definite(n)

    def step(c, s):
        factor = linalg.cholesky(c + s * fnp.eye(n))
        return factor @ factor.T / 2 + linalg.inv(c), linalg.slogdet(c)[1] + linalg.eigvalsh(c)[0]

    def total(a):
        c, ys = ft.lax.scan(step, a, fnp.arange(4.0))
        return fnp.sum(c) + fnp.sum(ys)

    def plain(a):
        total = 0.0
        for s in range(4):
            total += np.linalg.slogdet(a)[1] + np.linalg.eigvalsh(a)[0]
            factor = np.linalg.cholesky(a + s * np.eye(n))
            a = factor @ factor.T / 2 + np.linalg.inv(a)
        return total + a.sum()

    near(ft.jit(total)(a), plain(a))
    near(ft.jit(ft.grad(total))(a), ft.grad(total)(a))
    v = random(n, n)
    v = v + v.T
    near(np.sum(np.asarray(ft.grad(total)(a)) * v), difference(plain, a, v), tol=1e-5)


@pytest.mark.parametrize("n", [3, 9])
def test_programs_mean_what_they_compile_to(n: int) -> None:
    """The interpreter of the kernel IR gives what the compiled code gives."""
    a = definite(2, n)

    def f(a):
        factor = linalg.cholesky(a)
        return factor, linalg.solve(a, factor), linalg.eigvalsh(a)

    program = lower_jaxpr(simplify(ft.make_jaxpr(f)(a)))
    verify(program)
    for got, want in zip(run(program, [a]), ft.jit(f)(a), strict=True):
        near(got, want)


def test_numpy_functions_on_traced_arrays() -> None:
    a, b = definite(3), random(3)
    near(ft.grad(lambda a: np.linalg.solve(a, b).sum())(a), ft.grad(lambda a: fnp.sum(linalg.solve(a, b)))(a))
    near(ft.jit(np.linalg.cholesky)(a), np.linalg.cholesky(a))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: linalg.inv(np.ones((2, 3))), ValueError, "square matrices"),
    (lambda: linalg.svd(np.ones(3)), ValueError, "two axes"),
    (lambda: linalg.solve(np.eye(2), np.ones(3)), ValueError, "as many rows"),
    (lambda: linalg.cholesky(np.eye(2, dtype="float16")), TypeError, "float16"),
    (lambda: linalg.qr(np.eye(2), mode="x"), ValueError, "unknown mode 'x'"),
    (lambda: linalg.eigh(np.eye(2), UPLO="X"), ValueError, "UPLO"),
    (lambda: linalg.slogdet(np.eye(2), method="x"), ValueError, "unknown method"),
    (lambda: linalg.lstsq(np.eye(2), np.ones(3)), ValueError, "as many rows"),
    (lambda: lax_linalg.cholesky(np.eye(2, dtype=int)), TypeError, "float32, float64"),
    (lambda: lax_linalg.triangular_solve(np.eye(2), np.ones((3, 3)), left_side=True), TypeError, "second to last axis"),
    (lambda: lax_linalg.eigh(np.eye(3), subset_by_index=(1, 9)), ValueError, "subset_by_index"),
])
def test_bad_input(call, error, message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "test_linalg_decompositions.py" in str(caught.value)


# -- functrans.lax.linalg -----------------------------------------------------------------------------------------------


def test_lax_functions() -> None:
    r, w = np.triu(random(4, 4)) + 4 * np.eye(4), random(4)
    updated = np.asarray(lax_linalg.cholesky_update(r, w))
    near(updated.T @ updated, r.T @ r + np.outer(w, w))
    assert (np.diag(updated) > 0).all()
    a = random(5, 3)
    c = random(5, 5)
    near(lax_linalg.symmetric_product(a, c, alpha=2.0, beta=3.0), 2 * a @ a.T + 3 * c)
    u, h, _, converged = lax_linalg.qdwh(a)
    near(np.asarray(u) @ np.asarray(h), a)
    assert converged
    factors, taus = lax_linalg.geqrf(a)
    q = np.linalg.qr(a, "complete")[0]
    for left, transpose in ((True, False), (True, True), (False, False), (False, True)):
        x = random(5, 2) if left else random(2, 5)
        op = q.T if transpose else q
        near(lax_linalg.ormqr(factors, taus, x, left=left, transpose=transpose), op @ x if left else x @ op)
    s = definite(5)
    v, w = lax_linalg.eigh(s, subset_by_index=(1, 3))
    near(w, np.linalg.eigvalsh(s)[1:3])
    near(s @ np.asarray(v), np.asarray(v) * np.asarray(w))
    near(lax_linalg.svd(a, full_matrices=False, subset_by_index=(0, 2))[1], np.linalg.svdvals(a)[:2])
