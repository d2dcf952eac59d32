"""Sizes, axes and counts that are arguments of a jitted function: each value is a guard, and a path of its own."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

V = np.arange(12.0)
M = V.reshape(3, 4)

# functions of an array and an integer, 1 or 2
SIZED = {
    "reshape": (V, lambda x, n: x.reshape(n, -1)),
    "reshape to a tuple": (V, lambda x, n: fnp.reshape(x, (n, 12 // n))),
    "resize": (V, lambda x, n: fnp.resize(x, (n, 2))),
    "broadcast_to": (V, lambda x, n: fnp.broadcast_to(x, (n, 12))),
    "tile": (V, lambda x, n: fnp.tile(x, (n, 1))),
    "tile by one": (V, lambda x, n: fnp.tile(x, n)),
    "repeat": (V, lambda x, n: fnp.repeat(x, n)),
    "split": (V, lambda x, n: fnp.split(x, n)[0]),
    "array_split": (M, lambda x, n: fnp.array_split(x, n)[0]),
    "unravel_index": (V, lambda x, n: fnp.unravel_index(2, (n, 12 // n))),
    "zeros": (V, lambda x, n: fnp.zeros((n, 2)) + x[0]),
    "slice": (V, lambda x, n: x[n:2 * n]),
    "sum": (M, lambda x, n: x.sum(n - 1)),
    "lax.reshape": (V, lambda x, n: lax.reshape(x, (n, 12 // n))),
    "lax.transpose": (M, lambda x, n: lax.transpose(x, (n - 1, 2 - n))),
    "lax.broadcast_in_dim": (M, lambda x, n: lax.broadcast_in_dim(x, (n, 3, 4), (1, 2))),
    "lax.reduce": (M, lambda x, n: lax.reduce(x, 0.0, lax.add, (n - 1,))),
    "scan length": (V, lambda x, n: lax.scan(lambda c, _: (c * 2, None), x, None, length=n)[0]),
    "scan unroll": (V, lambda x, n: lax.scan(lambda c, _: (c * 2, None), x, None, length=4, unroll=n)[0]),
    "scan checkpoint": (V, lambda x, n: lax.scan(lambda c, _: (c * 2, None), x, None, length=4, checkpoint=n + 3)[0]),
    "map batch_size": (M, lambda x, n: lax.map(lambda r: r * 2, x, batch_size=n)),
}


@pytest.mark.parametrize("x,f", SIZED.values(), ids=SIZED)
def test_sizes_are_guards(x, f):
    jitted = ft.jit(f)
    for n in (2, 1, 2, np.int32(1)):
        for got, want in zip(ft.tree_util.tree_leaves(jitted(x, n)), ft.tree_util.tree_leaves(f(fnp.asarray(x), int(n))), strict=True):
            np.testing.assert_array_equal(got, want)


def test_counts_may_be_arrays():
    repeated = ft.jit(lambda x, n: fnp.repeat(x, n))
    for n in ([1, 2, 0], [0, 0, 3]):
        np.testing.assert_array_equal(repeated(V[:3], np.array(n)), np.repeat(V[:3], n))
    with pytest.raises(TypeError, match="repeat: repeats must be integers; got dtype float64"):
        repeated(V[:3], np.ones(3))
