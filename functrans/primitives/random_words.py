"""Random bits from a state that the caller keeps: Threefry-2x32 on successive counters, as XLA's RngBitGenerator
(https://openxla.org/xla/operation_semantics#rngbitgenerator) counts them.

The state is a key of two words and a counter of two, the lower one first. A block is two words; 64-bit numbers take a block each, with
its first word the lower half, others a word each.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import prod
from typing import Any

import numpy as np

from functrans.arguments import integers
from functrans.core.dtypes import canonical, is_unsigned
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import add
from functrans.primitives.assembly import stack
from functrans.primitives.logic import bitwise_or, shift_left, shift_right_logical
from functrans.primitives.movement import iota, slice_in_dim
from functrans.primitives.structural import convert_element_type, reshape
from functrans.primitives.threefry import threefry2x32_p

__all__ = ["RandomAlgorithm", "rng_bit_generator"]

_WORD, _BLOCK = np.dtype(np.uint32), np.dtype(np.uint64)
_SHIFT = np.uint64(32)


class RandomAlgorithm(Enum):
    """Generators of random bits; the default is `RNG_THREE_FRY`, and there is no other here."""

    RNG_DEFAULT = 0
    RNG_THREE_FRY = 1
    RNG_PHILOX = 2


def _error(what: str, kind: type[Exception]) -> Exception:
    return kind(f"rng_bit_generator: {what}, at {describe(user_source())}.")


def _halves(x: Any) -> tuple[Any, Any]:
    """The lower and the upper words of blocks."""
    return convert_element_type(x, _WORD), convert_element_type(shift_right_logical(x, np.full(typeof(x).shape, _SHIFT)), _WORD)


def _joined(low: Any, high: Any) -> Any:
    shift = np.full(typeof(high).shape, _SHIFT)
    return bitwise_or(convert_element_type(low, _BLOCK), shift_left(convert_element_type(high, _BLOCK), shift))


def _state(key: Any) -> tuple[Any, Any, Any]:
    """The two words of the key, and the counter."""
    aval = typeof(key)
    if (aval.shape, aval.dtype) == ((4,), _WORD):
        k0, k1, low, high = (reshape(slice_in_dim(key, i, i + 1), ()) for i in range(4))
        return k0, k1, _joined(low, high)
    if (aval.shape, aval.dtype) == ((2,), _BLOCK):
        whole, counter = (reshape(slice_in_dim(key, i, i + 1), ()) for i in range(2))
        return *_halves(whole), counter
    raise _error(f"key must be four uint32 or two uint64, the state; got {aval}. functrans.random is for keys of its own", TypeError)


def rng_bit_generator(key: Any, shape: Sequence[int], dtype: Any = np.uint32, algorithm: RandomAlgorithm = RandomAlgorithm.RNG_DEFAULT, *,
                      out_sharding: None = None) -> tuple[Any, Any]:
    """Random bits, and the state that gives the next ones.

    Args:
        key: the state, ``uint32[4]`` or ``uint64[2]``.
        shape: of the result, which is filled in row-major order.
        dtype: uint8, uint16, uint32 or uint64. The narrow ones are the lowest bits of what uint32 would be.
        algorithm: `RandomAlgorithm.RNG_DEFAULT` or `RNG_THREE_FRY`.
        out_sharding: accepted and ignored.

    Returns:
        (the next state, like `key`; the bits). Those of uint32 and uint64 vectors are XLA's by `RNG_THREE_FRY`.

    Raises:
        TypeError: for other states or dtypes.
        NotImplementedError: for another algorithm.

    >>> state, bits = rng_bit_generator(np.array([1, 2, 3, 4], np.uint32), (3,))
    >>> bits
    Array([1576285164, 2249660814,  740599976], dtype=uint32)
    >>> state
    Array([1, 2, 5, 4], dtype=uint32)
    """
    wanted, sizes = canonical(dtype), integers(shape, "shape")
    if not is_unsigned(wanted):
        raise _error(f"dtype must be uint8, uint16, uint32 or uint64; got {wanted}", TypeError)
    if algorithm not in (RandomAlgorithm.RNG_DEFAULT, RandomAlgorithm.RNG_THREE_FRY):
        raise _error(f"algorithm must be RNG_DEFAULT or RNG_THREE_FRY; got {algorithm}", NotImplementedError)
    k0, k1, counter = _state(key)
    size = prod(sizes)
    blocks = size if wanted == _BLOCK else -(-size // 2)
    first, second = _halves(threefry2x32_p.bind(k0, k1, *_halves(add(iota(_BLOCK, blocks), counter))))[::-1]
    if wanted == _BLOCK:
        bits = _joined(first, second)
    else:
        words = slice_in_dim(reshape(stack([first, second], 1), (2 * blocks,)), 0, size)
        bits = convert_element_type(words, wanted)
    after = add(counter, np.uint64(blocks))
    state = stack([k0, k1, *_halves(after)]) if typeof(key).dtype == _WORD else stack([_joined(k0, k1), after])
    return state, reshape(bits, sizes)
