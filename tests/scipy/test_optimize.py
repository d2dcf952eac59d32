"""`functrans.scipy.optimize` against SciPy and known minima, compiled against eager, derivatives against the implicit function theorem."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize as so

import functrans as ft
from functrans import numpy as fnp
from functrans.scipy import optimize
from functrans.scipy.wolfe import C1, C2, Point, search

LIMITED = "l-bfgs-experimental-do-not-rely-on-this"
METHODS = ["BFGS", LIMITED]


def rosenbrock(x):
    return fnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def himmelblau(p):
    return (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2


def matyas(p):
    return 0.26 * (p[0] ** 2 + p[1] ** 2) - 0.48 * p[0] * p[1]


def eggholder(p):
    return (-(p[1] + 47) * fnp.sin(fnp.sqrt(fnp.abs(p[0] / 2 + p[1] + 47)))
            - p[0] * fnp.sin(fnp.sqrt(fnp.abs(p[0] - (p[1] + 47)))))


def valley(x):
    return fnp.sum(fnp.log1p(fnp.exp(-x))) + 1e-3 * fnp.sum(x ** 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("fun", "start"), [
    (rosenbrock, [-1.2, 1.0]), (rosenbrock, [-1.0] * 10), (himmelblau, [1.0, 1.0]), (matyas, [5.0, -9.0]), (eggholder, [100.0, 100.0]),
    (valley, [-3.0, -1.0, 2.0]),
])
def test_minima(fun, start: list[float], method: str) -> None:
    want = so.minimize(lambda x: float(fun(x)), start, jac=lambda x: np.asarray(ft.grad(fun)(x)), method="BFGS", tol=1e-8)
    got = optimize.minimize(fun, start, method=method, tol=1e-8, options={} if method == "BFGS" else {"ftol": 0.0})
    assert got.success and got.status == 0
    np.testing.assert_allclose(np.asarray(got.x), want.x, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(float(got.fun), want.fun, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.asarray(got.jac), np.asarray(ft.grad(fun)(got.x)), atol=1e-12)
    assert np.max(np.abs(got.jac)) <= 1e-8
    assert int(got.nfev) == int(got.njev) >= int(got.nit) > 0
    assert int(got.nfev) <= 1.5 * want.nfev


def test_inverse_hessian_of_a_quadratic() -> None:
    a = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
    found = optimize.minimize(lambda x: x @ a @ x / 2 - fnp.sum(x), np.zeros(3), method="bfgs", tol=1e-12)
    np.testing.assert_allclose(np.asarray(found.x), np.linalg.solve(a, np.ones(3)), atol=1e-10)
    np.testing.assert_allclose(np.asarray(found.hess_inv), np.linalg.inv(a), atol=0.05)
    assert optimize.minimize(matyas, np.ones(2), method="L-BFGS").hess_inv is None


def test_float32_and_arguments() -> None:
    weights = np.float32(2), np.float32(0.5)
    found = optimize.minimize(lambda x, a, b: fnp.sum(a * (x - b) ** 2), np.zeros(3, np.float32), weights, method="BFGS")
    assert {str(v.dtype) for v in (found.x, found.fun, found.jac, found.hess_inv)} == {"float32"}
    np.testing.assert_allclose(np.asarray(found.x), 0.5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_statuses(method: str) -> None:
    stopped = optimize.minimize(rosenbrock, [-1.2, 1.0], method=method, options={"maxiter": 3})
    assert (int(stopped.status), int(stopped.nit), bool(stopped.success)) == (1, 3, False)
    assert float(stopped.fun) < float(rosenbrock(np.array([-1.2, 1.0])))
    assert int(optimize.minimize(rosenbrock, [1.0, 1.0], method=method, options={"maxiter": 0}).nit) == 0
    assert int(optimize.minimize(lambda x: fnp.log(x[0]), [-1.0], method=method).status) == -1
    exact = {} if method == "BFGS" else {"ftol": 0.0}
    kink = optimize.minimize(lambda x: fnp.sum(fnp.abs(x)), np.array([1.0, 2.5]), method=method, options=exact)
    assert int(kink.status) in (3, 5) and not kink.success
    assert int(optimize.minimize(rosenbrock, [-1.2, 1.0], method=method, options={"line_search_maxiter": 1}).status) in (0, 5)
    found = optimize.minimize(rosenbrock, [1.0, 1.0], method=method)
    assert found.success and int(found.nit) == 0
    two = optimize.minimize(rosenbrock, [-1.2, 1.0], method=method, options={"gtol": 1e-3, "norm": 2})
    assert np.linalg.norm(two.jac) <= 1e-3


def test_limits_of_limited_memory() -> None:
    assert int(optimize.minimize(rosenbrock, [-1.2, 1.0], method=LIMITED, options={"maxfun": 10}).nfev) in range(10, 31)
    coarse = optimize.minimize(rosenbrock, [-1.2, 1.0], method=LIMITED, options={"ftol": 0.5})
    fine = optimize.minimize(rosenbrock, [-1.2, 1.0], method=LIMITED, options={"maxcor": 3})
    assert int(coarse.nit) < int(fine.nit) and fine.success


def test_line_search_meets_the_conditions() -> None:
    for f in (lambda t: (t - 3) ** 2, lambda t: fnp.cos(3 * t + 1), lambda t: t ** 4 - 10 * t, lambda t: -t / (t * t + 2),
              lambda t: fnp.exp(t) - 5 * t):
        for first in (1e-3, 1.0, 50.0):
            value, slope = map(float, ft.value_and_grad(f)(0.0))

            def along(t, f=f):
                v, s = ft.value_and_grad(f)(t)
                return Point(t, v, s, s)

            found = search(along, Point(fnp.zeros(()), fnp.asarray(value), fnp.asarray(slope), fnp.asarray(slope)), fnp.asarray(first), 50)
            t, v, s, _ = map(float, found.point)
            assert found.done and v <= value + C1 * t * slope and abs(s) <= C2 * abs(slope)


def test_transformations() -> None:
    starts = np.random.default_rng(0).standard_normal((5, 2))

    def solve(x, method="BFGS"):
        return optimize.minimize(rosenbrock, x, method=method, tol=1e-7).x

    batched = np.asarray(ft.vmap(solve)(starts))
    np.testing.assert_allclose(batched, [np.asarray(solve(x)) for x in starts], rtol=1e-9)
    np.testing.assert_allclose(np.asarray(ft.jit(solve)(starts[0])), batched[0], rtol=1e-9)

    def argmin(a):
        return optimize.minimize(lambda x: fnp.sum((x - a) ** 2) + 0.1 * fnp.sum(x ** 4), np.ones(2), method="BFGS", tol=1e-11).x

    a = np.array([1.0, 2.0])
    x = np.asarray(argmin(a))
    want = np.diag(2 / (2 + 1.2 * x ** 2))  # by the implicit function theorem
    np.testing.assert_allclose(np.asarray(ft.jacrev(argmin)(a)), want, atol=1e-6)
    np.testing.assert_allclose(np.asarray(ft.jacfwd(argmin)(a)), want, atol=1e-6)


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: optimize.minimize(rosenbrock, np.ones(2), method="downhill"), ValueError, "method 'downhill' is not known"),
    (lambda: optimize.minimize(rosenbrock, np.ones((2, 2)), method="BFGS"), ValueError, r"x0 must be a vector; got shape \(2, 2\)"),
    (lambda: optimize.minimize(fnp.sum, np.ones(0), method="BFGS"), ValueError, "x0 must have at least one element"),
    (lambda: optimize.minimize(rosenbrock, np.ones(2) * 1j, method="BFGS"), TypeError, "x0 must be real"),
    (lambda: optimize.minimize(rosenbrock, np.ones(2), 3, method="BFGS"), TypeError, "args must be a tuple; got 3"),
    (lambda: optimize.minimize(rosenbrock, np.ones(2), method="BFGS", options={"disp": True}), TypeError, r"no options \['disp'\]"),
    (lambda: optimize.minimize(lambda x: x, np.ones(2), method="BFGS"), TypeError, "fun must return a real"),
])
def test_bad_input(call, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        call()
    assert "test_optimize.py" in str(error.value)
