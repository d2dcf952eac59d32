"""Initializers against stored numbers of JAX, the variances that they promise, and orthogonality."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random
from functrans.nn import initializers as init

FACTS = json.loads(Path(__file__).with_name("initializers.json").read_text())
KEY = random.key(42)
SCALED = ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"]
MADE: dict[str, Any] = {
    **{f"{n} {dtype}": getattr(init, n)()(KEY, (3, 4, 5), dtype) for n in SCALED for dtype in ("float32", "float64", "complex64")},
    **{f"{n} axes": getattr(init, n)(in_axis=0, out_axis=(1,), batch_axis=2)(KEY, (3, 4, 5), "float64") for n in SCALED},
    "normal": init.normal()(KEY, (3, 4)),
    "uniform": init.uniform()(KEY, (3, 4)),
    "truncated_normal": init.truncated_normal(0.5, lower=-1.0, upper=3.0)(KEY, (3, 4)),
    "fan_geo_avg": init.variance_scaling(2.0, "fan_geo_avg", "normal")(KEY, (3, 4, 5)),
    "orthogonal tall": init.orthogonal(2.0)(KEY, (5, 2)),
    "orthogonal wide": init.orthogonal()(KEY, (2, 4)),
    "orthogonal axis": init.orthogonal(1.5, 0)(KEY, (2, 3, 2)),
    "delta (4, 2, 3)": init.delta_orthogonal()(KEY, (4, 2, 3))[1],
    "delta (3, 2, 2, 2)": init.delta_orthogonal()(KEY, (3, 2, 2, 2))[1, 0],
    "delta axis": init.delta_orthogonal(2.0, 0)(KEY, (1, 2, 3)),
}


@pytest.mark.parametrize("name", [n for n in FACTS if n != "source"])
def test_stored_numbers(name: str) -> None:
    fact, made = FACTS[name], MADE[name]
    values = np.array(fact["values"])
    if made.dtype.kind == "c":
        values = values[:, 0] + 1j * values[:, 1]
    assert made.dtype == fact["dtype"]
    np.testing.assert_allclose(np.ravel(made)[:8], values, rtol=1e-6 if made.dtype.itemsize < 9 and made.dtype != "float64" else 1e-10)


def test_every_fact_is_tested() -> None:
    assert set(FACTS) - {"source"} == set(MADE)


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("mode", "n"), [("fan_in", 60), ("fan_out", 240), ("fan_avg", 150), ("fan_geo_avg", 120)])
def test_variances(distribution: str, dtype: str, mode: str, n: float) -> None:
    x = np.asarray(init.variance_scaling(3.0, mode, distribution)(KEY, (3, 20, 80), dtype))
    # the variance of an estimate from N numbers is at most 2 / N of its square; five deviations
    np.testing.assert_allclose(np.mean(abs(x) ** 2), 3.0 / n, rtol=5 * np.sqrt(2 / x.size))
    np.testing.assert_allclose(np.mean(x), 0, atol=5 * np.sqrt(3.0 / n / x.size))


def test_orthogonality() -> None:
    for dtype in ("float64", "complex128"):
        q = np.asarray(init.orthogonal()(KEY, (6, 4), dtype))
        np.testing.assert_allclose(q.conj().T @ q, np.eye(4), atol=1e-12)
    q = np.asarray(init.orthogonal(2.0, 0)(KEY, (6, 2, 2)))
    np.testing.assert_allclose(q.reshape(6, 4).T @ q.reshape(6, 4), 4 * np.eye(4), atol=1e-12)
    kernel = np.asarray(init.delta_orthogonal()(KEY, (3, 2, 2, 3)))
    np.testing.assert_allclose(kernel[1, 0] @ kernel[1, 0].T, np.eye(2), atol=1e-12)
    assert np.count_nonzero(kernel) == 6


def test_constants_and_default_dtypes() -> None:
    np.testing.assert_array_equal(init.constant(3.0)(KEY, (2, 2), "int32"), 3)
    assert init.zeros(KEY, (2,), "float32").dtype == "float32" and init.ones(KEY, (2,)).dtype == "float64"
    assert init.he_normal(dtype="float32")(KEY, (2, 3)).dtype == "float32"
    with ft.default_float("float32"):
        assert all(f(KEY, (2, 3)).dtype == "float32" for f in (init.he_normal(), init.normal(), init.orthogonal(), init.constant(1.0)))


def test_under_jit_and_vmap() -> None:
    keys = random.split(KEY, 3)
    batch = ft.jit(ft.vmap(lambda k: init.he_uniform()(k, (2, 3))))(keys)
    np.testing.assert_allclose(batch[1], init.he_uniform()(keys[1], (2, 3)), rtol=1e-12)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: init.variance_scaling(1.0, "fan", "normal"), "mode must be one of fan_in, fan_out, fan_avg, fan_geo_avg; got 'fan'"),
    (lambda: init.variance_scaling(1.0, "fan_in", "gauss"), "distribution must be one of .*; got 'gauss'"),
    (lambda: init.he_normal()(KEY, (3,)), r"weights of shape \(3,\) have no input and output axis"),
    (lambda: init.normal()(KEY, (3,), "int32"), "normal: dtype must be floating or complex; got int32"),
    (lambda: init.orthogonal()(KEY, (3,)), "orthogonal needs a shape of rank 2 or more"),
    (lambda: init.delta_orthogonal()(KEY, (3, 3)), "needs a shape of rank 3, 4 or 5"),
    (lambda: init.delta_orthogonal()(KEY, (3, 3, 2)), "no more inputs than outputs; got 3 and 2"),
])
def test_errors(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message + ".*test_initializers"):
        make()
