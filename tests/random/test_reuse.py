"""`debug_key_reuse`: a typed key that is used twice is an error, and what is no use is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import random
from functrans.errors import KeyReuseError

USES: list[Callable[[Any], Any]] = [
    random.normal, random.split, lambda k: random.categorical(k, np.zeros(3)), lambda k: random.permutation(k, 3),
    lambda k: random.gamma(k, 2.0), lambda k: random.randint(k, (2,), 0, 5),
]


@pytest.mark.parametrize("first", USES)
@pytest.mark.parametrize("second", USES[:3])
def test_a_key_is_used_once(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> None:
    key = random.key(0)
    first(key)
    second(key)  # nobody looks
    with ft.debug_key_reuse():
        key = random.key(0)
        first(key)
        with pytest.raises(KeyReuseError, match=r"was given a key that was used before.*Split it first.*at .*test_reuse"):
            second(key)


def test_what_is_no_use() -> None:
    with ft.debug_key_reuse():
        key = random.key(0)
        subkeys = [random.fold_in(key, i) for i in range(3)]
        random.key_data(key), random.key_impl(key)
        values = [random.normal(k) for k in subkeys]
        assert random.normal(random.clone(key)) == random.normal(key)
        key, subkey = random.split(random.key(1))
        random.normal(subkey), random.uniform(key)
        raw = random.PRNGKey(0)
        assert random.normal(raw) == random.normal(raw)
    assert len(set(map(float, values))) == 3


def test_parts_count_each_for_itself() -> None:
    with ft.debug_key_reuse():
        keys = random.split(random.key(0), 6)
        random.normal(keys[0]), random.normal(keys[1])
        for again in (lambda: keys[1], lambda: keys[:2][1], lambda: keys.reshape(2, 3)[0, 1], lambda: keys.reshape(2, 3).T[1, 0],
                      lambda: list(keys)[1]):
            with pytest.raises(KeyReuseError):
                random.normal(again())
        for key in keys[2:]:
            random.normal(key)
        with pytest.raises(KeyReuseError):
            random.normal(keys[-1])


@pytest.mark.parametrize("transform", [ft.jit, ft.vmap, lambda f: ft.grad(lambda x, k: f(k) * x, argnums=0)])
def test_inside_transformations(transform: Any) -> None:
    def f(key: Any) -> Any:
        return random.normal(key) + random.uniform(key)

    def args() -> Any:
        if transform is ft.vmap:
            return (random.split(random.key(0), 3),)
        return (random.key(0),) if transform is ft.jit else (1.0, random.key(0))

    transform(f)(*args())
    with ft.debug_key_reuse(), pytest.raises(KeyReuseError, match="test_reuse"):
        transform(f)(*args())
