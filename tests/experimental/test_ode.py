"""`functrans.experimental.ode.odeint` against exact solutions and SciPy, its derivatives against exact ones."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate

import functrans as ft
from functrans import numpy as fnp
from functrans.experimental import ode
from functrans.experimental.ode import odeint
from functrans.test_util import check_grads

TIMES = np.array([0.0, 0.5, 2.0])


def decay(y, t, a):
    return -a * y ** 2


def decayed(y0, t, a):
    """The solution of ``y' = -a y^2``."""
    return 1 / (1 / y0 + a * t)


def predators(y, t, a):
    return fnp.stack([a[0] * y[0] - a[1] * y[0] * y[1], -a[2] * y[1] + a[3] * y[0] * y[1] + 0.1 * fnp.sin(t)])


# -- values -----------------------------------------------------------------------------------------------------------

def test_a_solution_of_scipy() -> None:
    a, y0, ts = np.array([1.1, 0.4, 0.4, 0.1]), np.array([10.0, 5.0]), np.linspace(0, 10, 11)
    want = scipy.integrate.solve_ivp(lambda t, y: np.asarray(predators(y, t, a)), (0, 10), y0, t_eval=ts, rtol=1e-11, atol=1e-11).y.T
    np.testing.assert_allclose(np.asarray(odeint(predators, y0, ts, a)), want, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(ft.jit(lambda y0: odeint(predators, y0, ts, a, rtol=1e-11, atol=1e-11))(y0)), want, rtol=1e-9)
    np.testing.assert_allclose(np.asarray(ft.jit(lambda y0: odeint(predators, y0, ts, a, hmax=0.01))(y0)), want, rtol=1e-8)


def test_the_interpolant_has_the_order_of_the_method() -> None:
    def f(y, t):
        return fnp.cos(t) * y

    errors = []
    for h in (0.4, 0.2, 0.1):
        y0 = np.array([np.exp(np.sin(0.3))])
        _, _, _, dense = ode._step(f, y0, f(y0, 0.3), np.float64(0.3), np.float64(h))
        at = np.linspace(0, 1, 9)
        got = [float(ode._interpolated(dense, fnp.asarray(s))[0]) for s in at]
        errors.append(np.max(np.abs(got - np.exp(np.sin(0.3 + h * at)))))
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 4.5)


def test_pytrees_dtypes_and_directions() -> None:
    def f(state, t, k):
        return {"x": state["v"], "v": (-k * state["x"][0],)} if isinstance(state["v"], tuple) else {"x": state["v"], "v": -k * state["x"]}

    out = odeint(f, {"x": np.ones((2, 1)), "v": np.zeros((2, 1))}, [0, 1, 2], 4)
    np.testing.assert_allclose(np.asarray(out["x"])[:, 1, 0], np.cos([0, 2, 4]), atol=1e-6)
    assert out["v"].shape == (3, 2, 1)
    backwards = odeint(lambda y, t: y, 1, TIMES[::-1])
    np.testing.assert_allclose(np.asarray(backwards), np.exp([0, -1.5, -2]), rtol=1e-6)
    single = odeint(lambda y, t: -y, np.float32(1), TIMES, rtol=1e-5, atol=1e-5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(np.asarray(single), np.exp(-TIMES), rtol=1e-4)
    turning = odeint(lambda y, t: 1j * y, 1 + 0j, TIMES)
    np.testing.assert_allclose(np.asarray(turning), np.exp(1j * TIMES), rtol=1e-6)
    again = odeint(lambda y, t: -y, 1.0, np.array([0.0, 0.0, 1.0, 1.0]))
    np.testing.assert_allclose(np.asarray(again), np.exp([0, 0, -1, -1]), rtol=1e-6)
    assert odeint(lambda y, t: -y, 1.0, np.array([3.0])).shape == (1,)
    mixed = odeint(lambda y, t: (y[1], -y[0]), (np.float32(0), np.float64(1)), TIMES)
    assert [y.dtype for y in mixed] == ["float32", "float64"]


def test_solutions_that_end() -> None:
    runaway = np.asarray(odeint(lambda y, t: y ** 2, 1.0, np.array([0.0, 0.5, 2.0])))  # 1 / (1 - t)
    np.testing.assert_allclose(runaway[:2], [1, 2], rtol=1e-6)
    assert np.isnan(runaway[2])
    short = np.asarray(odeint(lambda y, t: -y, 1.0, np.array([0.0, 10.0]), mxstep=3))
    assert short[0] == 1 and np.isnan(short[1])


# -- derivatives ------------------------------------------------------------------------------------------------------

def _loss(solution):
    return lambda y0, ts, a: fnp.sum(solution(y0, ts, a) ** 2)


NUMERIC = _loss(lambda y0, ts, a: odeint(decay, y0, ts, a))
EXACT = _loss(lambda y0, ts, a: decayed(y0, ts - ts[0], a))
AT = (1.5, TIMES, 0.7)


@pytest.mark.parametrize("mode", [ft.jacrev, ft.jacfwd], ids=["reverse", "forward"])
def test_first_derivatives(mode) -> None:
    for got, want in zip(ft.jit(mode(NUMERIC, (0, 1, 2)))(*AT), mode(EXACT, (0, 1, 2))(*AT), strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-5, atol=1e-6)


def test_derivatives_outside_of_jit() -> None:
    np.testing.assert_allclose(float(ft.grad(NUMERIC, 2)(*AT)), float(ft.grad(EXACT, 2)(*AT)), rtol=1e-5)


@pytest.mark.parametrize("second", ["forward over reverse", "reverse over forward", "reverse over reverse"])
def test_second_derivatives(second: str) -> None:
    outer, inner = second.split(" over ")
    modes = {"forward": lambda f: lambda a: ft.jvp(f, (a,), (1.0,))[1], "reverse": ft.grad}

    def twice(f):
        return modes[outer](modes[inner](lambda a: f(1.5, TIMES[:2], a)))

    np.testing.assert_allclose(float(ft.jit(twice(NUMERIC))(0.7)), float(twice(EXACT)(0.7)), rtol=1e-5)


def test_closures_and_integers() -> None:
    def loss(a, k):
        return odeint(lambda y, t, n: -a * k["rate"] * y ** n, 1.5, TIMES, np.int64(2))[-1]

    def exact(a, k):
        return decayed(1.5, 2.0, a * k["rate"])

    for got, want in zip(ft.tree.leaves(ft.jit(ft.grad(loss, (0, 1)))(0.7, {"rate": 2.0})),
                         ft.tree.leaves(ft.grad(exact, (0, 1))(0.7, {"rate": 2.0})), strict=True):
        np.testing.assert_allclose(float(got), float(want), rtol=1e-5)


def test_derivatives_of_pytrees_and_complex_states() -> None:
    def states(state, t, a):
        return {"p": -a * state["q"], "q": fnp.stack([state["p"][1] * t, -state["p"][0]])}

    y0 = {"p": np.array([1.0, 0.5]), "q": np.array([0.2, -0.4])}
    a, ts = np.array([0.5, 1.5]), np.array([0.2, 1.0])
    check_grads(ft.jit(lambda y0, a: odeint(states, y0, ts, a, rtol=1e-10, atol=1e-10)), (y0, a), order=1)
    k = np.array([0.3 + 0.2j])
    check_grads(ft.jit(lambda y0, k: odeint(lambda y, t, k: k * y + t, y0, TIMES, k, rtol=1e-10, atol=1e-10)), (k + 1, k), order=1)


def test_batches() -> None:
    rates = np.array([0.2, 0.7, 3.0])

    def total(rates):
        return fnp.sum(ft.vmap(lambda a: NUMERIC(1.5, TIMES, a))(rates))

    want = [float(ft.grad(EXACT, 2)(1.5, TIMES, a)) for a in rates]
    np.testing.assert_allclose(np.asarray(ft.jit(ft.grad(total))(rates)), want, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(ft.jit(ft.vmap(ft.grad(NUMERIC, 2), (None, None, 0)))(1.5, TIMES, rates)), want, rtol=1e-5)
    ends = np.stack([TIMES, 2 * TIMES])
    np.testing.assert_allclose(np.asarray(ft.vmap(lambda ts: odeint(decay, 1.5, ts, 0.7))(ends)), decayed(1.5, ends, 0.7), rtol=1e-6)


# -- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda: odeint(lambda y, t: -y, 1.0, np.ones((2, 2))), ValueError, r"t must be a vector of real times, one at least; got f64\[2,2\]"),
    (lambda: odeint(lambda y, t: -y, 1.0, TIMES * 1j), ValueError, "t must be a vector of real times"),
    (lambda: odeint(lambda y, t: -y, 1.0, np.array([0.0, 2.0, 1.0])), ValueError, "the times must increase, or decrease"),
    (lambda: odeint(lambda y, t, a: -y, 1.0, TIMES, "rate"), TypeError, "args must be arrays or numbers.*'rate'"),
    (lambda: odeint(lambda y, t: (y, y), 1.0, TIMES), TypeError, "func must return the structure of y0"),
    (lambda: odeint(lambda y, t: fnp.stack([y, y]), 1.0, TIMES), TypeError, r"returns \(2,\) in place of \(\)"),
    (lambda: odeint(lambda y, t: 1j * y, 1.0, TIMES), TypeError, "make y0 complex"),
])
def test_bad_input(call, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as error:
        call()
    assert "test_ode.py" in str(error.value)
