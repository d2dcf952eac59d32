"""`lax.rng_bit_generator` against facts of XLA's Threefry, compiled, and continued."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functrans import lax
from functrans.calls.jitted import jit
from functrans.transforms.vmap import vmap

STATE = np.array([1, 2, 3, 4], np.uint32)
CARRIED = np.array([1, 2, 2**32 - 1, 4], np.uint32)


@pytest.mark.parametrize(("state", "shape", "dtype", "after", "bits"), [
    (STATE, (5,), "uint32", [1, 2, 6, 4], [1576285164, 2249660814, 740599976, 2425682526, 2436392515]),
    (STATE, (1,), "uint32", [1, 2, 4, 4], [1576285164]),
    (STATE, (3,), "uint64", [1, 2, 6, 4], [9662219624799024108, 10418227120389269672, 6433701140276733507]),
    (STATE, (5,), "uint8", [1, 2, 6, 4], [236, 142, 168, 94, 67]),
    (CARRIED, (6,), "uint32", [1, 2, 2, 5], [1659226264, 1696293625, 2593290630, 1369596596, 1606051822, 2624171580]),
    (CARRIED, (3, 2), "uint32", [1, 2, 2, 5], [[1659226264, 1696293625], [2593290630, 1369596596], [1606051822, 2624171580]]),
    (STATE, (0, 2), "uint32", [1, 2, 3, 4], []),
])
def test_bits_are_those_of_xla(state: np.ndarray, shape: tuple[int, ...], dtype: str, after: list[int], bits: list[Any]) -> None:
    for call in (lax.rng_bit_generator, jit(lax.rng_bit_generator, static_argnums=(1, 2))):
        next_state, got = call(state, shape, np.dtype(dtype))
        assert next_state.tolist() == after and next_state.dtype == np.uint32
        assert got.tolist() == bits and got.dtype == dtype and got.shape == shape
    wide = lax.rng_bit_generator(state.view(np.uint64), shape, np.dtype(dtype), lax.RandomAlgorithm.RNG_THREE_FRY)
    assert np.asarray(wide[0]).view(np.uint32).tolist() == after and wide[1].tolist() == bits


def test_states_continue_and_map() -> None:
    whole = lax.rng_bit_generator(STATE, (8,))[1]
    state, first = lax.rng_bit_generator(STATE, (4,))
    assert [*first.tolist(), *lax.rng_bit_generator(state, (4,))[1].tolist()] == whole.tolist()
    mapped = vmap(lambda s: lax.rng_bit_generator(s, (4,))[1])(np.stack([STATE, CARRIED]))
    assert mapped.tolist() == [lax.rng_bit_generator(s, (4,))[1].tolist() for s in (STATE, CARRIED)]


@pytest.mark.parametrize(("change", "kind", "words"), [
    ({"key": np.array([1, 2], np.uint32)}, TypeError, "key must be four uint32 or two uint64"),
    ({"dtype": np.int32}, TypeError, "dtype must be uint8, uint16, uint32 or uint64; got int32"),
    ({"algorithm": lax.RandomAlgorithm.RNG_PHILOX}, NotImplementedError, "algorithm must be RNG_DEFAULT or RNG_THREE_FRY"),
])
def test_bad_input(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"rng_bit_generator: {words}.*test_random_words"):
        lax.rng_bit_generator(**{"key": STATE, "shape": (2,), **change})
