"""Optimizers against stored facts of Optax, closed forms of first steps, and what every one must do: jit, scan, vmap, dtypes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, optim
from tests.optim.problems import OPTIMIZERS, SCHEDULES, START, loss

FACTS = json.loads(Path(__file__).with_name("facts.json").read_text())


def step_of(tx: Any, f: Any = loss) -> Any:
    def step(params: Any, state: Any) -> Any:
        updates, state = tx.update(ft.grad(f)(params), state, params)
        return optim.apply_updates(params, updates), state

    return step


def flat(params: Any) -> np.ndarray:
    return np.concatenate([np.asarray(params["x"]).ravel(), np.asarray(params["w"]).ravel()])


def test_every_fact_is_tested() -> None:
    assert set(FACTS["trajectories"]) == set(OPTIMIZERS)
    assert set(FACTS["schedules"]) == set(SCHEDULES)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_trajectories(name: str) -> None:
    tx = OPTIMIZERS[name]
    params, state, found = START, tx.init(START), []
    for i in range(9):
        params, state = step_of(tx)(params, state)
        if i in (0, 1, 8):
            found.append(flat(params))
    # Optax takes schedules in single precision
    np.testing.assert_allclose(found, FACTS["trajectories"][name], rtol=1e-10,
                               atol=1e-6 if "schedule" in name or name == "inject" else 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_jit_and_scan_agree_with_eager(name: str) -> None:
    tx = OPTIMIZERS[name]
    params, state = START, tx.init(START)
    for _ in range(3):
        params, state = step_of(tx)(params, state)
    start = ft.tree.map(fnp.asarray, START)
    (scanned, scanned_state), _ = ft.jit(lambda p, s: lax.scan(lambda c, _: (step_of(tx)(*c), None), (p, s), None, length=3))(
        start, tx.init(start))
    np.testing.assert_allclose(flat(scanned), flat(params), rtol=1e-9)
    ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), scanned_state, state)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes_of_parameters_are_kept(name: str, dtype: str) -> None:
    tx = OPTIMIZERS[name]
    params = ft.tree.map(lambda p: p.astype(dtype), START)
    state = tx.init(params)
    for _ in range(2):
        gradients = ft.grad(loss)(params)
        assert {x.dtype for x in ft.tree.leaves(gradients)} == {np.dtype(dtype)}
        updates, state = tx.update(gradients, state, params)
        assert {x.dtype for x in ft.tree.leaves(updates)} == {np.dtype(dtype)}
        params = optim.apply_updates(params, updates)
    before = tx.init(params)
    assert [x.dtype for x in ft.tree.leaves(state)] == [x.dtype for x in ft.tree.leaves(before)]


@pytest.mark.parametrize("name", ["adam", "rmsprop centered", "adagrad", "amsgrad", "adabelief", "adamax", "adadelta"])
def test_second_moments_of_complex_gradients_are_real(name: str) -> None:
    tx = OPTIMIZERS[name]
    z = np.array([1 + 2j, -0.5j])
    state = tx.init(z)
    for _ in range(2):
        updates, state = tx.update(ft.tree.map(np.conj, z), state, z)
    assert updates.dtype == "complex128"
    # the phase of the update is that of minus the gradient, since both steps have the same gradient
    np.testing.assert_allclose(np.angle(np.asarray(updates) / -np.conj(z)), 0, atol=1e-12)
    assert any(x.dtype == "float64" for x in ft.tree.leaves(state))


def test_vmap_over_learning_rates() -> None:
    def run(rate: Any) -> Any:
        tx = optim.adam(rate)
        params, state = START, tx.init(START)
        for _ in range(3):
            params, state = step_of(tx)(params, state)
        return params["x"]

    rates = np.array([0.01, 0.1])
    np.testing.assert_allclose(ft.vmap(run)(rates), [run(r) for r in rates], rtol=1e-12)


def test_the_derivative_by_the_learning_rate() -> None:
    def final(rate: Any) -> Any:
        tx = optim.sgd(rate, momentum=0.5)
        x, state = 1.0, tx.init(1.0)
        for _ in range(2):
            updates, state = tx.update(x, state)
            x = optim.apply_updates(x, updates)
        return x

    # x2 = (1 - r) - r ((1 - r) + 0.5) = 1 - 2.5 r + r**2
    np.testing.assert_allclose(final(0.1), 1 - 0.25 + 0.01)
    np.testing.assert_allclose(ft.grad(final)(0.1), -2.5 + 0.2)


# -- closed forms of first steps ------------------------------------------------------------------------------------------

G = np.array([0.5, -2.0, 0.0])
FIRST = {
    "adam": (optim.adam(0.1, eps=0.25), -0.1 * G / (abs(G) + 0.25)),
    "adamax": (optim.adamax(0.1, eps=0.25), -0.1 * G / (abs(G) + 0.25)),
    "adagrad": (optim.adagrad(0.1, 0.3, 0.0), -0.1 * G / np.sqrt(0.3 + G**2)),
    "rmsprop": (optim.rmsprop(0.1, 0.75, 0.5), -0.1 * G / np.sqrt(0.25 * G**2 + 0.5)),
    "sgd": (optim.sgd(0.1), -0.1 * G),
    "nesterov": (optim.sgd(0.1, 0.9, True), -0.19 * G),
    "lion": (optim.lion(0.1, weight_decay=0.5), -0.1 * (np.sign(G) + 0.5)),
    "adamw": (optim.adamw(0.1, eps=0.25, weight_decay=0.5), -0.1 * (G / (abs(G) + 0.25) + 0.5)),
    "adadelta": (optim.adadelta(1.0, 0.5, 0.01), -G * np.sqrt(0.01 / (0.5 * G**2 + 0.01))),
    "adabelief": (optim.adabelief(0.1, eps=0.25, eps_root=0.0), -0.1 * G / (0.9 * abs(G) + 0.25)),
    "lamb": (optim.lamb(0.1, eps=0.25), -0.1 * G / (abs(G) + 0.25) * np.sqrt(3) / np.linalg.norm(G / (abs(G) + 0.25))),
    "clip": (optim.clip(1.0), np.array([0.5, -1.0, 0.0])),
    "global norm": (optim.clip_by_global_norm(1.0), G / np.linalg.norm(G)),
    "small norm": (optim.clip_by_global_norm(5.0), G),
}


@pytest.mark.parametrize("name", FIRST)
def test_first_steps(name: str) -> None:
    tx, expected = FIRST[name]
    params = np.ones(3)
    np.testing.assert_allclose(tx.update(G, tx.init(params), params)[0], expected, rtol=1e-13)


def test_zero_gradients_of_zero_parameters_change_nothing() -> None:
    zeros = np.zeros(3)
    for tx in (optim.adam(0.1), optim.lamb(0.1), optim.adagrad(0.1, 0.0), optim.rmsprop(0.1), optim.clip_by_global_norm(1.0)):
        np.testing.assert_array_equal(tx.update(zeros, tx.init(zeros), zeros)[0], 0)


# -- schedules ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    schedule = SCHEDULES[name]
    np.testing.assert_allclose([schedule(i) for i in range(12)], FACTS["schedules"][name], rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(ft.jit(ft.vmap(schedule))(np.arange(12, dtype="int32")), FACTS["schedules"][name], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: optim.linear_schedule(0.0, 1.0, 0), "polynomial_schedule: transition_steps must be positive; got 0"),
    (lambda: optim.cosine_decay_schedule(0.0, -3), "decay_steps must be positive; got -3"),
    (lambda: optim.exponential_decay(1.0, 5, 0.0), "decay_rate must not be 0"),
    (lambda: optim.warmup_cosine_decay_schedule(0.0, 1.0, 5, 5), "decay_steps - warmup_steps must be positive"),
    (lambda: optim.join_schedules([optim.constant_schedule(1.0)], [3]), "1 schedules need 0 boundaries; got 1"),
    (lambda: optim.piecewise_interpolate_schedule("cubic", 1.0), "must be 'linear' or 'cosine'; got 'cubic'"),
])
def test_bad_schedules(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message + ".*test_optimizers"):
        make()
