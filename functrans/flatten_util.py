"""`ravel_pytree`: a pytree of arrays as one vector, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import ravel, reshape
from functrans.numpy.ufuncs import real
from functrans.numpy.util import as_operand, asarray_internal, check_arraylike, promote_args
from functrans.primitives.structural import convert_element_type
from functrans.tree_util import tree_flatten, tree_unflatten

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves of `pytree` as one vector, and the function that makes such a pytree of a vector.

    Args:
        pytree: a pytree of arrays and numbers. Leaves of several dtypes are promoted to their common dtype.

    Returns:
        the pair (vector, function). The function takes a vector of the same size, and gives leaves of the shapes and dtypes of
        `pytree`; where all leaves have one dtype, the vector must have it too.

    Raises:
        TypeError: if a leaf is not an array, or (from the function) the dtype differs.
        ValueError: (from the function) if the shape differs.

    >>> flat, restore = ravel_pytree({"a": np.ones(2), "b": [np.array([[3.0]])]})
    >>> flat
    Array([1., 1., 3.], dtype=float64)
    >>> restore(flat + 1)
    {'a': Array([2., 2.], dtype=float64), 'b': [Array([[4.]], dtype=float64)]}
    """
    leaves, tree = tree_flatten(pytree)
    if not leaves:
        return asarray_internal(np.zeros(0, canonical(float))), lambda flat: tree_unflatten(tree, [])
    check_arraylike("ravel_pytree", *leaves)
    operands = [as_operand(x) for x in leaves]
    avals = [typeof(x) for x in operands]
    flat = concatenate([ravel(x) for x in promote_args(*operands)])
    total, dtype = typeof(flat).shape, typeof(flat).dtype
    mixed = any(a.dtype != dtype for a in avals)
    bounds = list(pairwise(accumulate((math.prod(a.shape) for a in avals), initial=0)))

    def unravel(flat: Any) -> Any:
        got = typeof(as_operand(flat))
        if got.shape != total:
            raise ValueError(f"the unravel function of ravel_pytree takes a vector of shape {total}; got shape {got.shape}, at "
                             f"{describe(user_source())}.")
        if not mixed and got.dtype != dtype:
            raise TypeError(f"the unravel function of ravel_pytree takes dtype {dtype}, that of the leaves; got {got.dtype}, at "
                            f"{describe(user_source())}. Convert the vector with astype({str(dtype)!r}).")
        flat = asarray_internal(as_operand(flat))
        return tree_unflatten(tree, [_as_leaf(reshape(flat[i:j], a.shape), a.dtype) for a, (i, j) in zip(avals, bounds, strict=True)])

    return flat, unravel


def _as_leaf(x: Any, dtype: np.dtype) -> Any:
    """`x` in the dtype of the leaf; the imaginary part is dropped where the leaf is real, as that of a conversion would be."""
    if typeof(x).dtype == dtype:
        return x
    return convert_element_type(real(x) if typeof(x).dtype.kind == "c" and dtype.kind != "c" else x, dtype)
