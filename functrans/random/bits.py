"""Blocks and bits: what all samplers are made of, and the functions that make keys of keys.

Element i of an array (in row-major order) is made of the block whose counter is the 64-bit number i, so that every element
depends on its place alone. 64 random bits are the block; 32, 16 or 8 are the lower ones of its two words xor-ed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.core.dtypes import canonical, is_unsigned
from functrans.primitives.threefry import threefry2x32_p
from functrans.random.arguments import Shape, checked_shape, refuse, shape_of, short_ints, size_of
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import KeyArray, as_given, check_key, typed

__all__ = ["bits", "fold_in", "random_bits", "split", "split_key"]

_WORD, _BLOCK = np.dtype(np.uint32), np.dtype(np.uint64)


def _words(blocks: Any) -> tuple[Any, Any]:
    upper = lax.shift_right_logical(blocks, lax.full_like(blocks, 32))
    return lax.convert_element_type(upper, _WORD), lax.convert_element_type(blocks, _WORD)


def _blocks(key: KeyArray, shape: Shape) -> Any:
    """The blocks of the counters 0, 1, 2, ... in row-major order, uint64."""
    first, second = key._words
    size = size_of(shape)
    if size <= 1 << 32:
        return threefry2x32_p.bind(first, second, np.uint32(0), lax.reshape(lax.iota(_WORD, size), shape))
    upper, lower = _words(lax.reshape(lax.iota(_BLOCK, size), shape))
    return threefry2x32_p.bind(first, second, upper, lower)


def split_key(key: KeyArray, shape: Shape | int = 2) -> KeyArray:
    """Keys of the given shape, as part of a larger program."""
    return KeyArray(*_words(_blocks(key, (shape,) if isinstance(shape, int) else shape)))


def random_bits(key: KeyArray, dtype: np.dtype, shape: Shape) -> Any:
    """Unsigned integers with all their bits random, as part of a larger program."""
    blocks = _blocks(key, shape)
    if dtype == _BLOCK:
        return blocks
    upper, lower = _words(blocks)
    return lax.convert_element_type(lax.bitwise_xor(upper, lower), dtype)


@jitted("shape")
def _split(key: Any, shape: Shape) -> Any:
    return as_given(key, split_key(typed(key), shape))


@jitted()
def _fold_in(key: Any, data: Any) -> Any:
    first, second = typed(key)._words
    return as_given(key, KeyArray(*_words(threefry2x32_p.bind(first, second, np.uint32(0), data))))


@sampler
def _bits(key: Any, shape: Shape, dtype: np.dtype) -> Any:
    return random_bits(typed(key), dtype, shape)


def split(key: Any, num: int | tuple[int, ...] = 2) -> Any:
    """`num` keys from one (or an array of keys of shape `num`), all of them independent; do not use `key` again.

    The result has the form of `key`: typed keys of shape (num,), or a uint32 array of shape (num, 2).

    >>> from functrans.random import PRNGKey
    >>> split(PRNGKey(0))
    Array([[1797259609, 2579123966],
           [ 928981903, 3453687069]], dtype=uint32)
    """
    check_key("split", key)
    return _split(key, shape=checked_shape("split", num))


def fold_in(key: Any, data: Any) -> Any:
    """A key made of a key and an integer, which must fit uint32: keys for the steps of a loop, say.

    >>> from functrans.random import PRNGKey
    >>> fold_in(PRNGKey(0), 1)
    Array([ 928981903, 3453687069], dtype=uint32)
    """
    check_key("fold_in", key)
    if shape_of(data):
        refuse(TypeError, f"fold_in accepts a scalar, but was given an array of shape {shape_of(data)} != (). Use functrans.vmap for "
                          "batching")
    if type(data) is int and not 0 <= data < 1 << 32:
        refuse(OverflowError, f"fold_in: the Python integer {data} is out of bounds for uint32")
    return _fold_in(key, lax.convert_element_type(fnp.asarray(data), _WORD))


def bits(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Unsigned integers, each value equally likely: uint64 unless `dtype` says otherwise (uint32 where floats are float32).

    >>> from functrans.random import key
    >>> bits(key(0), (2,), "uint32")
    Array([4070199207, 4202968722], dtype=uint32)
    """
    check_key("bits", key)
    found = (_WORD if short_ints() else _BLOCK) if dtype is None else canonical(dtype)
    if not is_unsigned(found):
        refuse(ValueError, f"dtype argument to `bits` must be an unsigned int dtype, got {found}")
    return _bits(key, shape=checked_shape("bits", shape), dtype=found)
