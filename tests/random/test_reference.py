"""Every sampler gives the numbers of the reference library, with floats of 64 bits and of 32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random
from tests.random.cases import CASES, KEYS

REFERENCE = np.load(Path(__file__).with_name("reference.npz"))
MODES = {"x64": "float64", "x32": "float32"}


def compare(got: Any, want: np.ndarray, ulps: int) -> None:
    got = np.asarray(got)
    assert got.shape == want.shape
    assert got.dtype == want.dtype or (got.dtype == np.int64 and want.dtype == np.int32)  # argmax gives int64 here
    if not ulps:
        np.testing.assert_array_equal(got, want)
        return
    eps = np.finfo(want.dtype).eps
    np.testing.assert_allclose(got, want, rtol=ulps * eps, atol=ulps * eps * 1e-3)


@pytest.mark.parametrize("seed", KEYS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_equals_reference(name: str, mode: str, seed: int) -> None:
    case, ulps = CASES[name]
    with ft.default_float(MODES[mode]):
        got = case(random, random.key(seed), lambda x: np.asarray(x, MODES[mode]))
        compare(got, REFERENCE[f"{mode}/{seed}/{name}"], ulps)


@pytest.mark.parametrize("name", CASES)
def test_older_keys_give_the_same(name: str) -> None:
    case, _ = CASES[name]
    new, old = (case(random, make(3), np.asarray) for make in (random.key, random.PRNGKey))
    np.testing.assert_array_equal(new, old)


def test_the_reference_is_of_a_known_version() -> None:
    assert str(REFERENCE["version"]).startswith("0.10.")
