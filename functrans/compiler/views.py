"""Views: movement of data as a change of offsets and strides on the leaves of an expression.

A view of an expression is the same scalar program with other strides at its leaves. A reshape of a leaf may not be
expressible by strides (a transposed matrix flattened); then `reshape_node` gives None and the caller stores the value
first, after which its one leaf is contiguous and any reshape is free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from functrans.kernel import Access, Expr, Node, map_leaves

__all__ = [
    "broadcast_expr", "contiguous_strides", "map_strides", "reshape_expr", "reshape_strides", "reverse_expr", "slice_expr",
    "transpose_expr",
]

Strides = tuple[int, ...]


def contiguous_strides(shape: Sequence[int], unit: int = 1) -> Strides:
    """Row-major strides; `unit` is the stride of the last axis (2 for the parts of complex arrays)."""
    strides, step = [0] * len(shape), unit
    for i in range(len(shape) - 1, -1, -1):
        strides[i] = step
        step *= shape[i]
    return tuple(strides)


def map_strides(expr: Expr, shape: tuple[int, ...], change: Callable[[int, Strides], tuple[int, Strides]]) -> Expr:
    """`expr` over another `shape`, each leaf's (offset, strides) replaced by `change` of them."""

    def leaf(node: Node) -> Node:
        if node.op == "load":
            access: Access = node.attr
            offset, strides = change(access.offset, access.strides)
            return Node("load", node.args, node.dtype, Access(access.buffer, offset, strides))
        return Node("index", (), node.dtype, change(*node.attr))

    memo: dict[int, Node] = {}
    return Expr(shape, expr.dtype, tuple(map_leaves(n, leaf, memo) for n in expr.nodes))


def transpose_expr(x: Expr, permutation: Sequence[int]) -> Expr:
    return map_strides(x, tuple(x.shape[p] for p in permutation), lambda o, s: (o, tuple(s[p] for p in permutation)))


def broadcast_expr(x: Expr, shape: tuple[int, ...], dims: Sequence[int]) -> Expr:
    stretched = [n == 1 for n in x.shape]

    def change(offset: int, strides: Strides) -> tuple[int, Strides]:
        new = [0] * len(shape)
        for i, d in enumerate(dims):
            new[d] = 0 if stretched[i] else strides[i]
        return offset, tuple(new)

    return map_strides(x, shape, change)


def slice_expr(x: Expr, starts: Sequence[int], limits: Sequence[int], steps: Sequence[int]) -> Expr:
    shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, limits, steps, strict=True))

    def change(offset: int, strides: Strides) -> tuple[int, Strides]:
        start = offset + sum(a * s for a, s in zip(starts, strides, strict=True))
        return start, tuple(s * step for s, step in zip(strides, steps, strict=True))

    return map_strides(x, shape, change)


def reverse_expr(x: Expr, dims: Sequence[int]) -> Expr:
    def change(offset: int, strides: Strides) -> tuple[int, Strides]:
        new = list(strides)
        for d in dims:
            offset += (x.shape[d] - 1) * strides[d]
            new[d] = -strides[d]
        return offset, tuple(new)

    return map_strides(x, x.shape, change)


def reshape_strides(old: Sequence[int], strides: Sequence[int], new: Sequence[int]) -> Strides | None:
    """The strides that view the same elements in shape `new`, or None where strides cannot say it.

    >>> reshape_strides((2, 3, 4), (12, 4, 1), (6, 4))
    (4, 1)
    >>> reshape_strides((2, 3), (1, 2), (6,)) is None
    True
    """
    if 0 in old:
        return contiguous_strides(new)
    kept = [(n, s) for n, s in zip(old, strides, strict=True) if n != 1]
    out = [0] * len(new)
    i = j = 0
    while i < len(kept) or j < len(new):
        if j < len(new) and new[j] == 1:
            j += 1
            continue
        i0, j0 = i, j
        have, want = kept[i][0], new[j]
        i, j = i + 1, j + 1
        while have != want:
            if have < want:
                have *= kept[i][0]
                i += 1
            else:
                want *= new[j]
                j += 1
        for t in range(i0, i - 1):
            if kept[t][1] != kept[t + 1][0] * kept[t + 1][1]:
                return None
        step = kept[i - 1][1]
        for t in range(j - 1, j0 - 1, -1):
            out[t] = step
            step *= new[t]
    return tuple(out)


class _NotAView(Exception):
    """A leaf whose strides cannot express the reshape."""


def reshape_expr(x: Expr, shape: tuple[int, ...]) -> Expr | None:
    """`x` reshaped as a view, or None where some leaf cannot be."""

    def change(offset: int, strides: Strides) -> tuple[int, Strides]:
        new = reshape_strides(x.shape, strides, shape)
        if new is None:
            raise _NotAView
        return offset, new

    try:
        return map_strides(x, shape, change)
    except _NotAView:
        return None
