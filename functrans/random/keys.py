"""Keys: what every random function is a function of.

A key is two 32-bit words. `key` gives a typed key, an array of keys (`KeyArray`) with a shape and the dtype ``key<fry>``;
`PRNGKey` gives the older form, a uint32 array whose last axis holds the two words. Every function takes either, and
those that return keys return the form they were given.

A `KeyArray` is a pytree node whose two leaves are the arrays of first and of second words. Both have the shape of the key array,
so that `vmap`, `scan`, `cond` and `tree.map` see the axes that its indices see.

References: J. Claessen, M. Palka, "Splittable pseudorandom number generators using cryptographic hashing" (2013); Salmon et
al. (2011), as in `functrans.primitives.threefry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.arguments import among
from functrans.config import options
from functrans.core.dtypes import is_discrete, prng_key
from functrans.core.trace import is_array_like, typeof
from functrans.errors import KeyReuseError
from functrans.random.arguments import Shape, refuse, shape_of, short_ints, size_of
from functrans.tree_util import register_pytree_node

__all__ = [
    "IMPLEMENTATION", "KeyArray", "KeyType", "PRNGKey", "as_given", "check_key", "clone", "key", "key_data", "key_dtype", "key_impl",
    "typed", "wrap_key_data",
]

IMPLEMENTATION = "threefry2x32"
_WORD = np.dtype(np.uint32)


class KeyType:
    """The dtype of typed keys, ``key<fry>``."""

    __slots__ = ()
    name = "key<fry>"
    itemsize = 8
    kind = "V"
    type = prng_key

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyType)

    def __hash__(self) -> int:
        return hash(KeyType)


_KEY_TYPE = KeyType()


class KeyArray:
    """An array of random keys. Made by `key`, `split`, `fold_in` and `wrap_key_data`, not by calling this class.

    Indexing, iteration and changes of shape work as on other arrays; arithmetic does not exist. ``==`` compares keys.

    >>> keys = wrap_key_data(np.arange(6, dtype="uint32").reshape(3, 2))
    >>> keys.shape, keys[1:].shape, keys.dtype
    ((3,), (2,), key<fry>)
    """

    __slots__ = ("_used", "_words")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, first: Any, second: Any, used: np.ndarray | None = None) -> None:
        self._words = (first, second)
        self._used = used  # under the option debug_key_reuse: which keys were used; parts of an array share the memory of its mask

    @property
    def shape(self) -> Shape:
        return shape_of(self._words[0])

    @property
    def dtype(self) -> KeyType:
        return _KEY_TYPE

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return size_of(self.shape)

    @property
    def itemsize(self) -> int:
        return _KEY_TYPE.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    def _map(self, f: Callable[[Any, Any], Any]) -> KeyArray:
        """``f(namespace, words)`` of both arrays of words, and of the mask."""
        used = f(np, self._mask()) if options().debug_key_reuse else None
        first, second = self._words
        return KeyArray(f(fnp, first), f(fnp, second), used)

    def _mask(self) -> np.ndarray:
        if self._used is None:
            self._used = np.zeros(self.shape, bool)
        return self._used

    def use(self, name: str) -> None:
        """Note that the function `name` uses the keys up.

        Raises:
            KeyReuseError: if one of them was used before.
        """
        mask = self._mask()
        if mask.any():
            refuse(KeyReuseError, f"{name} was given a key that was used before, which gives the same numbers again. Split it first: key, "
                                  "subkey = functrans.random.split(key); or say that it is meant: functrans.random.clone(key)")
        mask[...] = True

    def __getitem__(self, index: Any) -> KeyArray:
        parts = index if isinstance(index, tuple) else (index,)
        used = None
        if options().debug_key_reuse and all(isinstance(p, (int, slice, type(None), type(Ellipsis))) for p in parts):
            used = self._mask()[index if Ellipsis in parts else (*parts, ...)]
        first, second = self._words
        return KeyArray(first[index], second[index], used)

    def __len__(self) -> int:
        if not self.shape:
            refuse(TypeError, "len() of a key array of shape (), which holds one key")
        return self.shape[0]

    def __iter__(self) -> Iterator[KeyArray]:
        if not self.shape:
            refuse(TypeError, "iteration over a key array of shape (), which holds one key; functrans.random.split(key, n) makes n keys")
        return iter([self[i] for i in range(len(self))] if options().debug_key_reuse
                    else [KeyArray(first, second) for first, second in zip(*self._words, strict=True)])

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, KeyArray):
            return NotImplemented
        (a, b), (c, d) = self._words, other._words
        return fnp.logical_and(fnp.equal(a, c), fnp.equal(b, d))

    def __ne__(self, other: object) -> Any:
        return fnp.logical_not(self == other) if isinstance(other, KeyArray) else NotImplemented

    def __bool__(self) -> bool:
        refuse(TypeError, "a key array has no truth value")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        refuse(TypeError, "a key array cannot be converted to a NumPy array. functrans.random.key_data(keys) gives its words, a uint32 "
                          "array")

    def reshape(self, *shape: Any) -> KeyArray:
        """The same keys in another shape."""
        return self._map(lambda xp, w: xp.reshape(w, shape[0] if len(shape) == 1 else shape))

    def ravel(self) -> KeyArray:
        """The keys as a vector."""
        return self.reshape(-1)

    flatten = ravel

    def squeeze(self, axis: Any = None) -> KeyArray:
        """Without axes of size 1."""
        return self._map(lambda xp, w: xp.squeeze(w, axis))

    def swapaxes(self, axis1: int, axis2: int) -> KeyArray:
        """With two axes exchanged."""
        return self._map(lambda xp, w: xp.swapaxes(w, axis1, axis2))

    def transpose(self, *axes: Any) -> KeyArray:
        """With the axes in another order, by default reversed."""
        return self._map(lambda xp, w: xp.transpose(w, (axes[0] if len(axes) == 1 else axes) or None))

    @property
    def T(self) -> KeyArray:
        return self.transpose()

    def take(self, indices: Any, axis: int | None = None) -> KeyArray:
        """The keys at `indices`."""
        return KeyArray(*(fnp.take(w, indices, axis) for w in self._words))

    def copy(self) -> KeyArray:
        """Itself: key arrays do not change."""
        return self

    def block_until_ready(self) -> KeyArray:
        """Itself: results here are always ready."""
        return self

    def __repr__(self) -> str:
        return f"Array({self.shape}, dtype={_KEY_TYPE}) overlaying:\n{key_data(self)}"


def _unflatten(_: None, words: Any) -> KeyArray:
    return KeyArray(*words)  # the words may be anything: transformations rebuild trees of avals, axes and flags


register_pytree_node(KeyArray, lambda keys: (keys._words, None), _unflatten)


# -- what functions are given -----------------------------------------------------------------------------------------

_LOOKING = frozenset({"clone", "fold_in", "key_data", "key_impl"})
"""Functions that a key may be given to any number of times."""


def check_key(name: str, key: Any, batched: bool = False) -> None:
    """Refuse what is not a key of either form, and, unless `batched`, what is more than one.

    Raises:
        TypeError: for anything else than a typed key or a uint32 array whose last axis has size 2.
        ValueError: for an array of keys.
    """
    shape = key.shape if isinstance(key, KeyArray) else _check_data(name, key)[:-1]
    if isinstance(key, KeyArray) and name not in _LOOKING and options().debug_key_reuse:
        key.use(name)
    if shape and not batched:
        refuse(ValueError, f"{name} accepts a single key, but was given a key array of shape {shape} != (). Use functrans.vmap for "
                           "batching")


def _check_data(name: str, data: Any) -> Shape:
    """The shape of key data, a uint32 array whose last axis has size 2."""
    if not hasattr(data, "shape") or not is_array_like(data):
        refuse(TypeError, f"{name}: invalid key data: expected a key made by functrans.random.key, or a uint32 array of shape (2,); got "
                          f"{data!r} of type {type(data).__name__}")
    aval = typeof(data)
    if aval.ndim < 1 or aval.shape[-1] != 2:
        refuse(TypeError, f"{name}: invalid key data: expected a shape that ends with (2,); got shape={aval.shape}")
    if aval.dtype != _WORD:
        refuse(TypeError, f"{name}: invalid key data: expected dtype uint32; got {aval.dtype}. functrans.random.key(seed) makes a key from "
                          "an integer")
    return aval.shape


def typed(key: Any) -> KeyArray:
    """A key of either form, already checked, as a `KeyArray`."""
    return key if isinstance(key, KeyArray) else KeyArray(key[..., 0], key[..., 1])


def as_given(key: Any, made: KeyArray) -> Any:
    """The keys `made` in the form of `key`."""
    return made if isinstance(key, KeyArray) else _stacked(made)


def _stacked(keys: KeyArray) -> Any:
    return fnp.stack(keys._words, axis=-1)


# -- making keys ------------------------------------------------------------------------------------------------------

def _check_impl(name: str, impl: Any, dtype: Any = None) -> None:
    if impl is not None and dtype is not None:
        refuse(ValueError, f"cannot specify both `impl` and `dtype` arguments to functrans.random.{name}")
    wanted = dtype if impl is None else impl
    if wanted is None or isinstance(wanted, KeyType) or among(wanted, (IMPLEMENTATION,)):
        return
    if isinstance(wanted, str):
        refuse(ValueError, f"unrecognized PRNG implementation {wanted!r}. There is one: {IMPLEMENTATION!r}")
    refuse(TypeError, f"unrecognized type {type(wanted)} for specifying a PRNG implementation; give {IMPLEMENTATION!r} or leave it out")


def _seeded(name: str, seed: Any) -> KeyArray:
    """The key of an integer seed: its upper and lower 32 bits."""
    if isinstance(seed, KeyArray):
        refuse(TypeError, f"{name} accepts a scalar seed, but was given a PRNG key")
    if shape_of(seed):
        refuse(TypeError, f"{name} accepts a scalar seed, but was given an array of shape {shape_of(seed)} != (). Use functrans.vmap for "
                          "batching")
    aval = typeof(seed)
    if not is_discrete(aval.dtype):
        refuse(TypeError, f"PRNG key seed must be an integer; got {seed!r}")
    if aval.dtype.itemsize == 8 and not short_ints():
        x = fnp.asarray(seed)
        upper = lax.convert_element_type(lax.shift_right_logical(x, lax.full_like(x, 32)), _WORD)
        return KeyArray(upper, lax.convert_element_type(x, _WORD))
    return KeyArray(fnp.zeros((), _WORD), lax.convert_element_type(fnp.asarray(seed), _WORD))


def key(seed: Any, *, impl: Any = None, dtype: Any = None) -> KeyArray:
    """A typed random key, of shape () and dtype ``key<fry>``.

    Args:
        seed: an integer of at most 64 bits (32 where ``config.default_float`` is float32; others are dropped).
        impl: the generator, ``"threefry2x32"``, the only one. `dtype` is another way to say it.

    Raises:
        TypeError: where the seed is not an integer scalar. ValueError: for another generator.

    >>> key_data(key(42))
    Array([ 0, 42], dtype=uint32)
    """
    _check_impl("key", impl, dtype)
    return _seeded("key", seed)


def PRNGKey(seed: Any, *, impl: Any = None) -> Any:
    """A random key in the older form, a uint32 array of shape (2,). Arguments and errors are those of `key`.

    >>> PRNGKey(42)
    Array([ 0, 42], dtype=uint32)
    """
    _check_impl("PRNGKey", impl)
    return _stacked(_seeded("PRNGKey", seed))


def wrap_key_data(key_bits_array: Any, *, impl: Any = None, dtype: Any = None) -> KeyArray:
    """The typed keys whose words are given: a uint32 array of shape (..., 2) gives keys of shape (...).

    >>> wrap_key_data(np.zeros((3, 2), "uint32")).shape
    (3,)
    """
    _check_impl("wrap_key_data", impl, dtype)
    _check_data("wrap_key_data", key_bits_array)
    return typed(key_bits_array if hasattr(key_bits_array, "aval") else fnp.asarray(key_bits_array))


def key_data(keys: Any) -> Any:
    """The words of keys, a uint32 array with one more axis, of size 2; keys in the older form are themselves."""
    check_key("key_data", keys, batched=True)
    return _stacked(keys) if isinstance(keys, KeyArray) else keys


def key_impl(keys: Any) -> str:
    """The name of the generator that keys are for: ``"threefry2x32"``."""
    check_key("key_impl", keys, batched=True)
    return IMPLEMENTATION


def key_dtype(impl: Any = None) -> KeyType:
    """The dtype of typed keys.

    >>> key_dtype()
    key<fry>
    """
    _check_impl("key_dtype", impl)
    return _KEY_TYPE


def clone(key: Any) -> Any:
    """The same key, to be used again on purpose."""
    check_key("clone", key, batched=True)
    return KeyArray(*key._words) if isinstance(key, KeyArray) else key
