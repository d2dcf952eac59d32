"""`functrans.scipy.sparse.linalg` against direct solutions and SciPy, compiled against eager, derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse.linalg as sl

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy.sparse import linalg
from functrans.test_util import check_grads

rng = np.random.default_rng(2)
N = 12
METHODS = [linalg.cg, linalg.gmres, linalg.bicgstab]


def matrix(method, dtype: str = "float64") -> np.ndarray:
    a = rng.standard_normal((N, N)) + (1j * rng.standard_normal((N, N)) if dtype.startswith("c") else 0)
    return (a @ a.conj().T + N * np.eye(N) if method is linalg.cg else a + 6 * np.eye(N)).astype(dtype)


def vector(dtype: str = "float64") -> np.ndarray:
    return (rng.standard_normal(N) + (1j * rng.standard_normal(N) if dtype.startswith("c") else 0)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
@pytest.mark.parametrize("method", METHODS)
def test_solutions(method, dtype: str) -> None:
    a, b = matrix(method, dtype), vector(dtype)
    tol = 1e-4 if dtype in ("float32", "complex64") else 1e-10
    want = np.linalg.solve(a, b)
    diagonal = 1 / np.diag(a)
    ways = ((lambda x: a @ x, np.diag(diagonal)), (a, None), (a, lambda x: x * diagonal))
    for given, m in ways if dtype == "float64" else ways[:1]:
        x, info = method(given, b, tol=tol, M=m)
        assert x.dtype == b.dtype and int(info) == 0
        assert np.linalg.norm(a @ np.asarray(x) - b) <= 20 * tol * np.linalg.norm(b)
        np.testing.assert_allclose(np.asarray(x), want, rtol=30 * tol, atol=30 * tol)
    x, info = method(a, b, x0=want, tol=10 * tol)
    np.testing.assert_array_equal(np.asarray(x), want)


def test_iterates_are_those_of_scipy() -> None:
    a, b = matrix(linalg.cg), vector()
    for k in (1, 4):
        want, info = sl.cg(a, b, rtol=1e-12, maxiter=k)
        x, count = linalg.cg(a, b, tol=1e-12, maxiter=k)
        np.testing.assert_allclose(np.asarray(x), want, rtol=1e-10)
        assert int(count) == info == k
        g = matrix(linalg.gmres)
        want, _ = sl.bicgstab(g, b, rtol=1e-12, maxiter=k)
        np.testing.assert_allclose(np.asarray(linalg.bicgstab(g, b, tol=1e-12, maxiter=k)[0]), want, rtol=1e-8)
        want, _ = sl.gmres(g, b, rtol=1e-12, restart=4, maxiter=k)
        x, count = linalg.gmres(g, b, tol=1e-12, restart=4, maxiter=k, solve_method="incremental")
        np.testing.assert_allclose(np.asarray(x), want, rtol=1e-8)
        assert int(count) == 4 * k


@pytest.mark.parametrize("method", METHODS)
def test_pytrees_and_dtypes(method) -> None:
    def product(t):
        return {"p": 3 * t["p"] + t["q"][0, 0], "q": 2 * t["q"] + fnp.zeros((2, 1)).at[0, 0].set(fnp.sum(t["p"]))}

    b = {"p": np.ones(2), "q": np.array([[1.0], [3.0]])}
    x, info = method(product, b, tol=1e-12)
    assert int(info) == 0
    for got, want in zip(ft.tree.leaves(product(x)), ft.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-10)
    for rhs in ([0, 1, 2, 3], np.zeros(4)):
        np.testing.assert_allclose(np.asarray(method(2 * np.eye(4), fnp.asarray(rhs))[0]), np.asarray(rhs) / 2)
    assert method(np.eye(3) * 1j if method is not linalg.cg else np.eye(3) + 0j, np.ones(3))[0].dtype == np.complex128
    mixed = method(lambda t: (2 * t[0], 4 * t[1]), (np.ones(2, np.float32), np.ones(2)))[0]
    assert [x.dtype for x in mixed] == ["float32", "float64"]


def test_a_singular_matrix_and_a_closed_space() -> None:
    a = np.diag([1.0, 2.0, 3.0, 0.0])
    x, info = linalg.gmres(a, np.array([1.0, 1.0, 1.0, 0.0]), tol=1e-12)
    np.testing.assert_allclose(np.asarray(x), [1, 1 / 2, 1 / 3, 0], atol=1e-12)
    assert int(info) == 0
    for method in METHODS:
        x, info = method(np.diag([2.0, 2.0, 2.0, 1.0]), np.ones(4), tol=1e-13)
        np.testing.assert_allclose(np.asarray(x), [0.5, 0.5, 0.5, 1], rtol=1e-12)
    assert int(linalg.gmres(matrix(linalg.gmres), vector(), tol=0.0, restart=3)[1]) > 0  # ends though it cannot be exact
    x, info = linalg.bicgstab(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([1.0, 0.0]), tol=1e-12)
    assert int(info) < 0  # the method breaks down on a rotation


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_number_is_no_success(method) -> None:
    one_nan = np.eye(3)
    one_nan[1, 1] = np.nan
    infinite = np.array([1.0, np.inf, 0.0])
    for a, b in [(np.eye(3) * np.nan, np.ones(3)), (one_nan, np.ones(3)), (np.eye(3), np.ones(3) * np.nan), (np.eye(3), infinite),
                 (lambda x: x * fnp.nan, np.ones(3))]:
        x, info = method(a, b)
        assert int(info) != 0 and np.isnan(np.asarray(x)).all()
    x, info = method(np.eye(3), np.ones(3), M=lambda x: x * np.nan)
    assert int(info) != 0 and np.isnan(np.asarray(x)).all()


@pytest.mark.parametrize("method", METHODS)
def test_no_iteration_is_no_success_unless_the_start_is_the_solution(method) -> None:
    x, info = method(2 * np.eye(3), np.ones(3), maxiter=0)
    assert int(info) == 1 and x.tolist() == [0, 0, 0]
    x, info = method(2 * np.eye(3), np.ones(3), x0=np.full(3, 0.5), maxiter=0)
    assert int(info) == 0 and x.tolist() == [0.5, 0.5, 0.5]
    x, info = method(2 * np.eye(3), np.zeros(3), maxiter=0)
    assert int(info) == 0 and x.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("method", METHODS)
def test_derivatives(method, dtype: str) -> None:
    a, b = matrix(method, dtype), vector(dtype)

    def solve(a, b, m=None):
        return method((a + fnp.conj(a).T) / 2 if method is linalg.cg else a, b, tol=1e-13, M=m)[0]

    check_grads(ft.jit(solve), (a, b), order=1)
    near = np.linalg.inv(a) + 0.01 * rng.standard_normal((N, N))
    if method is linalg.cg:
        check_grads(ft.jit(lambda b: solve(a, b)), (b,), order=2)
    elif dtype == "float64":
        check_grads(ft.jit(lambda b: solve(a, b, lambda x: near @ x)), (b,), order=1, modes=["rev"])


@pytest.mark.parametrize("method", METHODS)
def test_transformations(method) -> None:
    a, b = matrix(method), vector()

    def solve(a, b):
        return method(a, b, tol=1e-12)[0]

    np.testing.assert_allclose(np.asarray(ft.jit(solve)(a, b)), np.asarray(solve(a, b)), rtol=1e-12)
    sides, systems = rng.standard_normal((3, N)), np.stack([a, 2 * a, a.T])
    np.testing.assert_allclose(np.asarray(ft.vmap(solve, (None, 0))(a, sides)), np.linalg.solve(a, sides.T).T, rtol=1e-8, atol=1e-10)
    want = np.linalg.solve(systems, sides[..., None])[..., 0]
    np.testing.assert_allclose(np.asarray(ft.vmap(solve)(systems, sides)), want, rtol=1e-8, atol=1e-10)
    got = ft.jit(ft.vmap(ft.grad(lambda b: fnp.sum(solve(a, b) ** 2))))(sides)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(np.asarray(got), 2 * sides @ (inverse.T @ inverse), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("arguments", "kind", "words"), [
    ((np.ones((3, 4)), np.ones(4)), ValueError, r"A must be a square matrix, or a function; got shape \(3, 4\)"),
    ((3.0, np.ones(4)), TypeError, "A must be a function or a square matrix; got 3.0"),
    ((lambda x: {"a": x}, np.ones(4)), TypeError, "the result of A must have the structure of b"),
    ((lambda x: x[:2], np.ones(4)), TypeError, r"must have the shapes of b, \[\(4,\)\]; it has \[\(2,\)\]"),
    ((np.eye(3), np.ones(4)), ValueError, r"b must be an array of 3 rows, for the matrix A of shape \(3, 3\); got shape \(4,\)"),
    ((np.eye(3), {"a": np.ones(3)}), ValueError, r"got a pytree of shapes \[\(3,\)\]"),
    ((np.eye(4), np.ones(4), np.ones(3)), ValueError, "x0 must have the shapes of b"),
])
def test_bad_input(method, arguments, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        method(*arguments)
    assert method.__name__ in str(error.value) and "test_sparse_linalg.py" in str(error.value)


def test_bad_options() -> None:
    with pytest.raises(ValueError, match="solve_method must be"):
        linalg.gmres(np.eye(2), np.ones(2), solve_method="quick")
    with pytest.raises(ValueError, match="restart must be positive"):
        linalg.gmres(np.eye(2), np.ones(2), restart=0)
