"""Keys of both forms: what they look like, what may be done with them, what is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import functrans as ft
from functrans import lax, random
from functrans import numpy as fnp
from functrans.core.dtypes import prng_key
from functrans.random.keys import KeyArray


def words(keys):
    return np.asarray(random.key_data(keys))


def test_a_typed_key():
    key = random.key(0)
    assert repr(key) == "Array((), dtype=key<fry>) overlaying:\n[0 0]"
    assert (key.shape, key.ndim, key.size, key.itemsize, key.nbytes) == ((), 0, 1, 8, 8)
    assert (
        key.dtype == random.key_dtype()
        and str(key.dtype) == "key<fry>"
        and hash(key.dtype) == hash(random.key_dtype("threefry2x32"))
    )
    assert random.key_impl(key) == random.key_impl(random.PRNGKey(0)) == "threefry2x32"
    assert random.key(0, dtype=key.dtype) == key
    np.testing.assert_array_equal(words(random.clone(key)), words(key))


def test_the_dtype_of_keys_is_of_no_numeric_kind():
    dtype = random.key(0).dtype
    assert fnp.issubdtype(dtype, prng_key)
    assert not fnp.issubdtype(dtype, fnp.floating) and not fnp.issubdtype("float32", prng_key)


@pytest.mark.parametrize(
    ("seed", "want"),
    [
        (0, (0, 0)),
        (42, (0, 42)),
        (-1, (2**32 - 1, 2**32 - 1)),
        (2**40 + 5, (256, 5)),
        (-(2**35), (4294967288, 0)),
        (np.uint32(7), (0, 7)),
        (True, (0, 1)),
        (np.int8(-1), (0, 2**32 - 1)),
        (np.uint64(2**63), (2**31, 0)),
    ],
)
def test_seeds(seed, want):
    np.testing.assert_array_equal(random.PRNGKey(seed), np.array(want, "uint32"))
    np.testing.assert_array_equal(words(ft.jit(random.key)(seed)), np.array(want, "uint32"))


def test_seeds_have_32_bits_where_floats_have():
    with ft.default_float("float32"):
        for seed, want in ((-1, (0, 2**32 - 1)), (2**40 + 5, (0, 5))):
            np.testing.assert_array_equal(random.PRNGKey(seed), np.array(want, "uint32"))


def test_indexing_shapes_and_iteration():
    keys = random.split(random.key(5), (2, 3))
    data = words(keys)
    assert len(keys) == 2 and keys.shape == (2, 3) and data.shape == (2, 3, 2)
    for changed, want in (
        (keys[1, 2], data[1, 2]),
        (keys[:, 1:], data[:, 1:]),
        (keys[np.array([1, 0])], data[[1, 0]]),
        (keys.ravel(), data.reshape(6, 2)),
        (keys.flatten(), data.reshape(6, 2)),
        (keys.reshape(3, 2), data.reshape(3, 2, 2)),
        (keys.T, data.transpose(1, 0, 2)),
        (keys.reshape((1, 6)).squeeze(0), data.reshape(6, 2)),
        (keys.swapaxes(0, 1), data.transpose(1, 0, 2)),
        (keys.take(np.array([2]), 1), data[:, [2]]),
        (keys.copy().block_until_ready(), data),
        (next(iter(keys)), data[0]),
    ):
        np.testing.assert_array_equal(words(changed), want)
    first, _ = random.split(random.key(5))
    np.testing.assert_array_equal(words(first), words(random.split(random.key(5)))[0])
    np.testing.assert_array_equal(keys == keys[0], [[True] * 3, [False] * 3])
    np.testing.assert_array_equal(keys != keys[0], [[False] * 3, [True] * 3])
    assert (keys == 3) is False


def test_copies():
    key = random.split(random.key(5))
    for other in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickle.dumps(key))):
        assert bool((other == key).all())


def test_wrapping():
    data = np.arange(12, dtype="uint32").reshape(2, 3, 2)
    keys = random.wrap_key_data(data)
    np.testing.assert_array_equal(words(keys), data)
    data[:] = 0  # the caller's array; the keys keep their words
    np.testing.assert_array_equal(words(keys), np.arange(12).reshape(2, 3, 2))
    assert random.wrap_key_data(np.arange(2, dtype="uint32")) == random.wrap_key_data(fnp.arange(2, dtype="uint32"))


# -- transformations --------------------------------------------------------------------------------------------------


def test_keys_pass_through_jit_vmap_scan_and_cond():
    key = random.key(9)
    keys = random.split(key, 4)
    assert isinstance(ft.jit(lambda k: k)(key), KeyArray)
    np.testing.assert_array_equal(words(ft.jit(random.split)(key)), words(random.split(key)))
    np.testing.assert_array_equal(words(ft.vmap(random.split)(keys)), np.stack([words(random.split(k)) for k in keys]))
    np.testing.assert_array_equal(
        words(ft.vmap(random.split, out_axes=1)(keys)), words(ft.vmap(random.split)(keys)).swapaxes(0, 1)
    )
    grid = keys.reshape(2, 2)
    np.testing.assert_array_equal(
        ft.vmap(ft.vmap(random.bits), in_axes=-1)(grid), np.array([[random.bits(k) for k in row] for row in grid.T])
    )

    def step(carry, x):
        carry, sub = random.split(carry)
        return carry, (random.bits(sub), random.bits(x))

    last, (drawn, of_x) = lax.scan(step, key, keys)
    for i in range(4):
        key, sub = random.split(key)
        assert int(drawn[i]) == int(random.bits(sub)) and int(of_x[i]) == int(random.bits(keys[i]))
    assert bool(last == key)
    chosen = ft.jit(lambda p, a, b: lax.cond(p, lambda: a, lambda: b))(True, keys[0], keys[1])
    assert bool(chosen == keys[0])
    looped = lax.fori_loop(0, 3, lambda i, k: random.fold_in(k, i), key)
    assert bool(looped == random.fold_in(random.fold_in(random.fold_in(key, 0), 1), 2))


def test_keys_in_trees():
    state = {"key": random.key(1), "x": fnp.ones(3)}
    out = ft.jit(lambda s: {"key": random.split(s["key"])[0], "x": s["x"] + random.normal(s["key"], (3,))})(state)
    np.testing.assert_array_equal(words(out["key"]), words(random.split(random.key(1)))[0])
    stacked = ft.tree.map(lambda *xs: fnp.stack(xs), random.key(1), random.key(2))
    np.testing.assert_array_equal(words(stacked), [[0, 1], [0, 2]])
    assert ft.eval_shape(lambda: random.split(random.key(1), 3)).shape == (3,)


def test_older_keys_pass_through_transformations():
    key = random.PRNGKey(9)
    keys = random.split(key, 4)
    np.testing.assert_array_equal(ft.vmap(random.split)(keys), np.stack([random.split(k) for k in keys]))
    np.testing.assert_array_equal(ft.jit(random.fold_in)(key, 3), random.fold_in(key, 3))
    np.testing.assert_array_equal(
        ft.vmap(random.fold_in, (None, 0))(key, fnp.arange(3)), [random.fold_in(key, i) for i in range(3)]
    )
    np.testing.assert_array_equal(ft.vmap(random.PRNGKey)(fnp.arange(3)), [[0, 0], [0, 1], [0, 2]])
    typed = random.wrap_key_data(keys)
    np.testing.assert_array_equal(random.normal(keys[1], (3,)), random.normal(typed[1], (3,)))
    assert int(random.bits(np.asarray(key))) == int(random.bits(key))


# -- errors -----------------------------------------------------------------------------------------------------------

KEY = random.key(0)
REFUSED = {
    "a key as a seed": (lambda: random.key(KEY), TypeError, "key accepts a scalar seed, but was given a PRNG key"),
    "seeds": (
        lambda: random.PRNGKey(np.arange(2)),
        TypeError,
        r"PRNGKey accepts a scalar seed, but was given an array of shape \(2,\) != \(\)",
    ),
    "a list of seeds": (lambda: random.key([1, 2]), TypeError, "scalar seed, but was given an array"),
    "a float seed": (lambda: random.key(1.5), TypeError, "PRNG key seed must be an integer; got 1.5"),
    "a large seed": (lambda: random.key(2**64), OverflowError, "18446744073709551616"),
    "an unknown generator": (lambda: random.key(0, impl="rbg"), ValueError, "unrecognized PRNG implementation 'rbg'"),
    "no generator": (
        lambda: random.key(0, impl=3),
        TypeError,
        "unrecognized type <class 'int'> for specifying a PRNG implementation",
    ),
    "two generators": (
        lambda: random.key(0, impl="threefry2x32", dtype=KEY.dtype),
        ValueError,
        "cannot specify both `impl` and `dtype`",
    ),
    "a number as a key": (
        lambda: random.normal(3.0),
        TypeError,
        "invalid key data: expected a key made by functrans.random.key",
    ),
    "a name as a key": (lambda: random.normal("a"), TypeError, "got 'a' of type str"),
    "floats as a key": (lambda: random.normal(np.zeros(2)), TypeError, "expected dtype uint32; got float64"),
    "three words": (
        lambda: random.wrap_key_data(np.zeros(3, "uint32")),
        TypeError,
        r"expected a shape that ends with \(2,\); got shape=\(3,\)",
    ),
    "several keys": (
        lambda: random.normal(random.split(KEY)),
        ValueError,
        r"normal accepts a single key, but was given a key array of shape \(2,\) != \(\). Use functrans.vmap for batching",
    ),
    "several older keys": (
        lambda: random.split(random.split(random.PRNGKey(0))),
        ValueError,
        "split accepts a single key",
    ),
    "an array to fold in": (lambda: random.fold_in(KEY, np.arange(2)), TypeError, "fold_in accepts a scalar"),
    "a negative number to fold in": (lambda: random.fold_in(KEY, -1), OverflowError, "-1 is out of bounds for uint32"),
    "a fraction of keys": (lambda: random.split(KEY, 2.5), TypeError, "concrete values of integer type, got 2.5"),
    "fewer than no keys": (lambda: random.split(KEY, -1), ValueError, "negative"),
    "the length of one key": (lambda: len(KEY), TypeError, r"len\(\) of a key array of shape \(\)"),
    "iteration over one key": (lambda: list(KEY), TypeError, "iteration over a key array of shape"),
    "the truth of a key": (lambda: bool(KEY), TypeError, "no truth value"),
    "a key as an array": (
        lambda: np.asarray(KEY),
        TypeError,
        "cannot be converted to a NumPy array. functrans.random.key_data",
    ),
    "a key in a sum": (lambda: KEY + 1, TypeError, "unsupported operand"),
    "a key in a set": (lambda: {KEY}, TypeError, "unhashable"),
    "vmap over one key": (lambda: ft.vmap(random.bits)(KEY), ValueError, "rank|axis|axes|dimension"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_messages_name_the_line():
    with pytest.raises(TypeError, match=r"test_keys.py:\d+"):
        random.normal(3.0)
