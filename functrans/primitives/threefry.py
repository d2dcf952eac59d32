"""Random bits: Threefry-2x32 with 20 rounds, a counter-based generator.

A keyed bijection of 64-bit blocks: each counter gives a block of its own, without state, so that any part of a random
array can be computed by itself, in any order. The block is two 32-bit words; the result is one 64-bit word, the first of
them above the second.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.trace import Primitive
from functrans.primitives.base import operand_error
from functrans.primitives.builders import nary
from functrans.primitives.scalar_program import NumPyBuilder

__all__ = ["threefry2x32_p"]

_WORD, _BLOCK = np.dtype(np.uint32), np.dtype(np.uint64)
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
"""Mixed into the third key word; it keeps a zero key from being a fixed point of the schedule."""


def _rotated(b: Any, x: Any, n: int) -> Any:
    return b.op("or", b.op("shl", x, b.const(n, _WORD)), b.op("shr_logical", x, b.const(32 - n, _WORD)))


def _block(b: Any, k0: Any, k1: Any, x0: Any, x1: Any) -> Any:
    """Five times four rounds of add, rotate and xor; a key is injected before the first and after each four."""
    keys = (k0, k1, b.op("xor", b.op("xor", k0, k1), b.const(_PARITY, _WORD)))
    x0, x1 = b.op("add", x0, k0), b.op("add", x1, k1)
    for turn in range(1, 6):
        for n in _ROTATIONS[(turn - 1) % 2]:
            x0 = b.op("add", x0, x1)
            x1 = b.op("xor", _rotated(b, x1, n), x0)
        x0 = b.op("add", x0, keys[turn % 3])
        x1 = b.op("add", x1, b.op("add", keys[(turn + 1) % 3], b.const(turn, _WORD)))
    high = b.op("shl", b.convert(x0, _BLOCK), b.const(32, _BLOCK))
    return b.op("or", high, b.convert(x1, _BLOCK))


def _impl(*words: np.ndarray) -> np.ndarray:
    return np.asarray(_block(NumPyBuilder(), *words))


threefry2x32_p: Primitive = nary(
    "threefry2x32", _impl, kinds="u", result=lambda _: _BLOCK, lower=_block, why_no_derivative="its result has no derivative")
"""``threefry2x32 k0 k1 x0 x1``: the block of the counter (x0, x1) under the key (k0, k1), all uint32, as uint64."""

_joined = threefry2x32_p.rule("abstract")


def _abstract(*avals: ShapedArray) -> ShapedArray:
    if len(avals) != 4 or any(a.dtype != _WORD for a in avals):
        raise operand_error("threefry2x32", "it takes two words of the key and two of the counter, all uint32.", *avals)
    out: ShapedArray = _joined(*avals)
    return out


threefry2x32_p.abstract = _abstract
