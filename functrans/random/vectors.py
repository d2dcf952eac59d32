"""Signs, balls and matrices of normal numbers: distributions made of several of the others."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.numpy as fnp
from functrans.random.arguments import Shape, checked_shape, concrete_int, float_dtype, joined_shape
from functrans.random.bits import split_key
from functrans.random.continuous import exponentials
from functrans.random.discrete import signs
from functrans.random.gamma import generalized_normals
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import check_key, typed
from functrans.random.normal import maxwells

__all__ = ["ball", "double_sided_maxwell"]


@jitted("d", "shape", "dtype")
def _ball(key: Any, p: Any, d: int, shape: Shape, dtype: np.dtype) -> Any:
    keys = split_key(typed(key))
    g = generalized_normals(keys[0], p, (*shape, d), dtype)
    radius = (fnp.sum(fnp.abs(g) ** p, axis=-1) + exponentials(keys[1], shape, dtype)) ** (1 / p)
    return g / radius[..., None]


def ball(key: Any, d: int, p: Any = 2, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Points of the unit ball of the p-norm in `d` dimensions, evenly distributed: an array of shape (*shape, d).

    F. Barthe, O. Guédon, S. Mendelson, A. Naor, "A probabilistic approach to the geometry of the l_p^n-ball" (2005).

    >>> from functrans.random import key
    >>> ball(key(0), 3, shape=(5,)).shape
    (5, 3)
    """
    check_key("ball", key)
    shape = checked_shape("ball", shape)
    return _ball(key, p, d=concrete_int("ball", "the dimension d", d), shape=shape, dtype=float_dtype("ball", dtype))


@sampler
def _double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Shape, dtype: np.dtype) -> Any:
    keys = split_key(typed(key))
    return signs(keys[1], shape, dtype) * maxwells(keys[0], shape, dtype) * scale + loc


def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None) -> Any:
    """``loc + scale * x`` of numbers x whose absolute values have Maxwell's distribution.

    The result has shape ``shape + s``, where s is the shape that `loc` and `scale` broadcast to; an empty `shape` counts as s.

    >>> from functrans.random import key
    >>> double_sided_maxwell(key(0), 0.0, 2.0, (3,)).shape
    (3,)
    """
    check_key("double_sided_maxwell", key)
    params = joined_shape("double_sided_maxwell", None, loc, scale)
    whole = (checked_shape("double_sided_maxwell", shape) or params) + params
    return _double_sided_maxwell(key, loc, scale, shape=whole, dtype=float_dtype("double_sided_maxwell", dtype))
