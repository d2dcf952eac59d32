"""L-BFGS and the line searches: convergence, the Wolfe conditions, the two-loop recursion against dense BFGS."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import optim


def rosenbrock(x: Any) -> Any:
    return fnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def minimise(f: Any, x: Any, steps: int, solver: Any, wrap: Any = ft.jit) -> tuple[Any, Any]:
    value_and_grad = optim.value_and_grad_from_state(f)

    def step(x: Any, state: Any) -> Any:
        value, gradient = value_and_grad(x, state=state)
        updates, state = solver.update(gradient, state, x, value=value, grad=gradient, value_fn=f)
        return optim.apply_updates(x, updates), state

    step, state = wrap(step), solver.init(x)
    for _ in range(steps):
        x, state = step(x, state)
    return x, state


@pytest.mark.parametrize("wrap", [ft.jit, lambda f: f], ids=["jit", "eager"])
def test_rosenbrock(wrap: Any) -> None:
    x, state = minimise(rosenbrock, np.array([-1.2, 1.0, -1.2, 1.0]), 45, optim.lbfgs(), wrap)
    np.testing.assert_allclose(x, 1, atol=1e-6)
    np.testing.assert_allclose(state[-1].value, rosenbrock(x), atol=1e-20)
    np.testing.assert_allclose(state[-1].grad, ft.grad(rosenbrock)(x), atol=1e-12)


def test_pytrees_and_single_precision() -> None:
    def f(p: Any) -> Any:
        return fnp.sum((p["a"] - 1) ** 2) + 5 * fnp.sum((p["b"] + 2) ** 2) + fnp.sum(p["a"]) * fnp.sum(p["b"]) / 10

    start = {"a": np.zeros(2, "float32"), "b": np.zeros((2, 1), "float32")}
    found, _ = minimise(f, start, 15, optim.lbfgs())
    assert found["a"].dtype == "float32" and found["b"].shape == (2, 1)
    for leaf in ft.tree.leaves(ft.grad(f)(found)):
        np.testing.assert_allclose(leaf, 0, atol=1e-5)


def test_two_loops_give_dense_bfgs() -> None:
    rng = np.random.default_rng(0)
    n, memory = 5, 4
    root = rng.normal(size=(n, n))
    hessian = root @ root.T + np.eye(n)
    tx = optim.scale_by_lbfgs(memory)
    points = rng.normal(size=(memory + 1, n))
    state = tx.init(points[0])
    for p in points:
        direction, state = tx.update(hessian @ p, state, p)
    # the inverse Hessian update of Nocedal and Wright, equation 6.17, from the scale of the newest pair
    pairs = [(b - a, hessian @ (b - a)) for a, b in pairwise(points)]
    s, y = pairs[-1]
    inverse = np.eye(n) * (s @ y) / (y @ y)
    for s, y in pairs:
        v = np.eye(n) - np.outer(y, s) / (s @ y)
        inverse = v.T @ inverse @ v + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(direction, inverse @ hessian @ points[-1], rtol=1e-10)
    np.testing.assert_allclose(inverse @ y, s, rtol=1e-9)


def test_the_first_direction_is_at_most_one_long() -> None:
    tx = optim.scale_by_lbfgs()
    for g, expected in (([3.0, 4.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
        np.testing.assert_allclose(tx.update(np.array(g), tx.init(np.zeros(2)), np.zeros(2))[0], expected)


def test_a_pair_without_curvature_changes_nothing() -> None:
    tx, g = optim.scale_by_lbfgs(3), np.array([0.3, 0.4])
    state = tx.init(np.zeros(2))
    for x in (np.zeros(2), np.ones(2)):  # the gradient is the same at both: s.y = 0
        direction, state = tx.update(g, state, x)
    np.testing.assert_allclose(direction, g)


FUNCTIONS = {
    "parabola": (lambda t: (t - 3.0) ** 2, 0.0),
    "long": (lambda t: fnp.log(1 + fnp.exp(-t)) + 1e-3 * t, 0.0),
    "oscillating": (lambda t: fnp.sin(5 * t) + 0.3 * t ** 2, 0.2),
    "steep": (lambda t: fnp.exp(4 * t) - 60 * t, -1.0),
    "out of the domain": (lambda t: -fnp.log(1 - t) - 4 * t, 0.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_zoom_finds_a_strong_wolfe_point(name: str, scale: float) -> None:
    f, start = FUNCTIONS[name]
    value, slope = ft.value_and_grad(f)(start)
    search = optim.scale_by_zoom_linesearch(50, curv_rtol=0.1, approx_dec_rtol=None)
    direction = -scale * np.sign(slope)
    updates, state = search.update(direction, search.init(start), start, value=value, grad=slope, value_fn=f)
    new_value, new_slope = ft.value_and_grad(f)(start + updates)
    t, initial = float(state.learning_rate), float(slope * direction)
    assert t > 0 and new_value <= value + 1e-4 * t * initial
    assert abs(new_slope * direction) <= 0.1 * abs(initial)
    np.testing.assert_allclose([state.value, state.grad], [new_value, new_slope], rtol=1e-12)
    np.testing.assert_array_equal(state.info[1:], 0)


def test_zoom_is_bounded() -> None:
    search = optim.scale_by_zoom_linesearch(30, max_learning_rate=1.5)
    updates, state = search.update(1.0, search.init(0.0), 0.0, value=0.0, grad=-1.0, value_fn=lambda x: -x)
    np.testing.assert_allclose([updates, state.learning_rate], 1.5)


def test_backtracking_takes_the_first_step_that_decreases_enough() -> None:
    search = optim.scale_by_backtracking_linesearch(20, slope_rtol=0.25, decrease_factor=0.5, increase_factor=2.0, max_learning_rate=8.0)
    f = lambda x: x ** 2  # noqa: E731
    # from x = 1 along -2: phi(t) = (1 - 2 t)^2 <= 1 - 0.25 * 4 t, that is t <= 0.75: of 2, 1, 0.5 the last
    updates, state = search.update(-2.0, search.init(1.0), 1.0, value=1.0, grad=2.0, value_fn=f)
    np.testing.assert_allclose([updates, state.learning_rate, state.value, state.info.num_linesearch_steps], [-1.0, 0.5, 0.0, 2])
    assert state.grad is None


@pytest.mark.parametrize("wrap", [ft.jit, lambda f: f], ids=["jit", "eager"])
def test_backtracking_with_stored_gradients(wrap: Any) -> None:
    solver = optim.chain(optim.sgd(1.0), optim.scale_by_backtracking_linesearch(15, store_grad=True))
    x, state = minimise(lambda x: fnp.sum(x ** 2 * np.array([1.0, 3.0])), np.array([1.0, 2.0]), 25, solver, wrap)
    np.testing.assert_allclose(x, 0, atol=1e-2)
    np.testing.assert_allclose(state[-1].grad, 2 * x * np.array([1.0, 3.0]), atol=1e-12)


def test_extra_arguments_reach_the_objective() -> None:
    def f(x: Any, target: Any) -> Any:
        return fnp.sum((x - target) ** 2)

    solver, x, target = optim.lbfgs(), np.zeros(2), np.array([1.0, 2.0])
    state = solver.init(x)
    for _ in range(3):
        value, gradient = optim.value_and_grad_from_state(f)(x, target=target, state=state)
        updates, state = solver.update(gradient, state, x, value=value, grad=gradient, value_fn=f, target=target)
        x = optim.apply_updates(x, updates)
    np.testing.assert_allclose(x, target, atol=1e-8)


def test_missing_arguments_are_named() -> None:
    solver, x = optim.lbfgs(), np.zeros(2)
    with pytest.raises(ValueError, match=r"scale_by_zoom_linesearch needs value and value_fn: call update.*test_lbfgs"):
        solver.update(x, solver.init(x), x, grad=x)
    with pytest.raises(ValueError, match=r"needs one line search with a gradient in the state; found 0.*test_lbfgs"):
        optim.value_and_grad_from_state(rosenbrock)(x, state=optim.adam(0.1).init(x))
    with pytest.raises(ValueError, match="must be 'keep' or 'one'; got 'two'"):
        optim.scale_by_zoom_linesearch(3, initial_guess_strategy="two")
