"""chain, masks, partition, injected hyperparameters, norms: structure and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import optim

PARAMS = {"layer": {"w": np.array([1.0, 2.0]), "b": np.array(3.0)}, "out": np.array([4.0])}
ONES = ft.tree.map(np.ones_like, PARAMS)


def test_chain_state_is_the_tuple_of_states() -> None:
    tx = optim.chain(optim.trace(0.5), optim.scale(2.0))
    state = tx.init(PARAMS)
    assert isinstance(state[0], optim.TraceState) and state[1] == optim.EmptyState()
    with pytest.raises(ValueError, match=r"chain of 2 transformations was given a state that is not theirs.*test_transformations"):
        tx.update(ONES, state[0], PARAMS)
    with pytest.raises(TypeError, match=r"chain takes gradient transformations; got 0.1 of type float.*test_transformations"):
        optim.chain(0.1)  # type: ignore[arg-type]


def test_named_chain() -> None:
    tx = optim.named_chain(("slow", optim.trace(0.5)), ("scaled", optim.scale(-1.0)))
    updates, state = tx.update(ONES, tx.init(PARAMS), PARAMS)
    assert set(state) == {"slow", "scaled"} and isinstance(state["slow"], optim.TraceState)
    np.testing.assert_array_equal(updates["layer"]["w"], -1)
    with pytest.raises(ValueError, match="names must differ"):
        optim.named_chain(("a", optim.scale(1.0)), ("a", optim.scale(1.0)))


def test_masks_may_be_prefixes_and_functions() -> None:
    for mask in ({"layer": True, "out": False}, lambda tree: {"layer": {"w": True, "b": True}, "out": False}):
        tx = optim.masked(optim.trace(0.5), mask)
        state = tx.init(PARAMS)
        assert [x.shape for x in ft.tree.leaves(state)] == [(), (2,)]  # nothing is kept for what is masked
        for _ in range(2):
            updates, state = tx.update(ONES, state, PARAMS)
        np.testing.assert_array_equal(updates["layer"]["w"], 1.5)
        np.testing.assert_array_equal(updates["out"], 1.0)


def test_partition_by_a_function_of_the_parameters() -> None:
    def labels(params: Any) -> Any:
        return ft.tree.map(lambda p: "matrix" if p.ndim else "number", params)

    tx = optim.partition({"matrix": optim.scale(2.0), "number": optim.set_to_zero()}, labels)
    updates, _ = ft.jit(tx.update)(ONES, tx.init(PARAMS), PARAMS)
    np.testing.assert_array_equal(updates["layer"]["w"], 2.0)
    np.testing.assert_array_equal(updates["layer"]["b"], 0.0)
    with pytest.raises(ValueError, match=r"label 'number' has no transformation; there are \['matrix'\].*test_transformations"):
        optim.partition({"matrix": optim.scale(2.0)}, labels).init(PARAMS)


def test_injected_hyperparameters_can_be_changed_and_scheduled() -> None:
    tx = optim.inject_hyperparams(optim.sgd)(learning_rate=optim.linear_schedule(0.0, 1.0, 2), momentum=0.5)
    state = tx.init(PARAMS)
    assert float(state.hyperparams["momentum"]) == 0.5
    seen = []
    for _ in range(3):
        updates, state = ft.jit(tx.update)(ONES, state, PARAMS)
        seen.append(float(updates["out"][0]))
    np.testing.assert_allclose(seen, [0.0, -0.5 * 1.5, -1.0 * 1.75])
    state.hyperparams["momentum"] = 0.0
    np.testing.assert_allclose(tx.update(ONES, state, PARAMS)[0]["out"], -1.0)
    with pytest.raises(ValueError, match=r"\['rate'\] are not arguments of sgd"):
        optim.inject_hyperparams(optim.sgd, static_args="rate")


def test_rules_that_need_parameters_say_so() -> None:
    for tx in (optim.adamw(0.1), optim.lamb(0.1), optim.lbfgs()):
        with pytest.raises(ValueError, match=r"needs the parameters: call update\(updates, state, params\), at .*test_transformations"):
            tx.update(ONES, tx.init(PARAMS))


def test_global_norm_and_averages() -> None:
    tree = {"a": np.array([3.0, 0.0]), "b": np.array(4j)}
    np.testing.assert_allclose(optim.global_norm(tree), 5.0)
    np.testing.assert_allclose(optim.incremental_update(PARAMS, ft.tree.map(np.zeros_like, PARAMS), 0.25)["out"], 1.0)


def test_apply_updates_keeps_dtypes_and_none() -> None:
    out = optim.apply_updates({"a": np.float32(1), "b": None}, {"a": np.float64(2), "b": None})
    assert out["a"].dtype == "float32" and float(out["a"]) == 3.0 and out["b"] is None


def test_weight_decay_by_a_schedule() -> None:
    tx = optim.add_decayed_weights(optim.linear_schedule(0.0, 1.0, 2))
    state = tx.init(PARAMS)
    for expected in (1.0, 1 + 0.5 * 4, 1 + 4):
        updates, state = tx.update(ONES, state, PARAMS)
        np.testing.assert_allclose(updates["out"], expected)


def test_momentum_may_have_a_dtype_of_its_own() -> None:
    tx = optim.adam(0.1, mu_dtype="float16")
    state = tx.init(np.ones(2, "float32"))
    assert state[0].mu.dtype == "float16" and state[0].nu.dtype == "float32"
    updates, state = tx.update(np.ones(2, "float32"), state)
    assert state[0].mu.dtype == "float16"
    np.testing.assert_allclose(updates, -0.1, rtol=1e-3)
