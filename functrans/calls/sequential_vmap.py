"""`sequential_vmap`: a function that is called in turn for each example of a batch, in place of once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.calls.custom_vmap import custom_vmap
from functrans.calls.scan_api import map as map_over
from functrans.tree_util import tree_flatten, tree_map, tree_unflatten
from functrans.util import merge_lists, partition_list

__all__ = ["sequential_vmap"]


def sequential_vmap(f: Callable[..., Any]) -> custom_vmap:
    """`f`, which `vmap` does not batch but calls for one example after the other, in a loop (`lax.map`).

    Each example then follows its own branches and stops its own loops, and memory is that of one example. Values and derivatives are
    those of `f`.

    Args:
        f: a function of arrays and pytrees of arrays.

    Returns:
        a `custom_vmap` function with the signature of `f`.

    Raises:
        TypeError: if `f` is not callable; from a call, if an argument is not an array.

    >>> import functrans as ft
    >>> @sequential_vmap
    ... def steps(x):
    ...     return ft.lax.while_loop(lambda s: s[0] < 100.0, lambda s: (s[0] * 2.0, s[1] + 1), (x, 0))[1]
    >>> print(ft.vmap(steps)(ft.numpy.array([1.0, 30.0, 200.0])))
    [7 2 0]
    """
    g = custom_vmap(f)

    def rule(axis_size: int, in_batched: Any, *args: Any) -> tuple[Any, Any]:
        leaves, tree = tree_flatten(args)
        mask = tree_flatten(tuple(in_batched))[0]
        fixed, mapped = partition_list(mask, leaves)

        def one(rows: Any) -> Any:
            return g(*tree_unflatten(tree, merge_lists(mask, fixed, rows)))

        out = map_over(one, mapped)
        return out, tree_map(lambda _: True, out)

    g.def_vmap(rule)
    return g
