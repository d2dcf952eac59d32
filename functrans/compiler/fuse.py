"""Fusion: from equations to kernels.

Each value is an `Expr`: a scalar program over loads. An elementwise equation extends the expression; a movement of data
changes strides; nothing runs. A value is *stored* when its expression is too large to repeat and has several users,
or when somebody needs it in memory (a contraction, a reduction's consumer, an output). Stored values of one shape are
gathered in an open *group*, which becomes one nest with several stores; a group is closed as soon as anyone else reads
from it. So an expensive value is computed once, and the number of kernels and the time to find them are linear in the
program's size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.compiler.views import (
    broadcast_expr,
    contiguous_strides,
    map_strides,
    reshape_expr,
    reverse_expr,
    slice_expr,
    transpose_expr,
)
from functrans.core.dtypes import float0
from functrans.core.low_precision import working_dtype
from functrans.kernel import (
    COMPARISONS,
    Access,
    Buffer,
    Expr,
    Nest,
    Node,
    Program,
    Reduce,
    Sort,
    Store,
    affine_index,
    const,
    map_leaves,
    node_accesses,
    real_name,
)

__all__ = ["CHEAP", "LARGE", "Fuser", "split_affine"]

CHEAP = 3
"""Expressions up to this weight are repeated in each user rather than stored."""
LARGE = 400
"""Expressions beyond this weight are stored even for one user, so that kernels stay of bounded size."""
MAX_STORES = 24
"""Stores in one nest: beyond it a group is closed, to bound the kernel's parameters and registers."""

_BOOL_OPS = frozenset((*COMPARISONS, "is_finite"))


class Group:
    """Stores over one shape that will be one nest."""

    __slots__ = ("buffers", "shape", "stores")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.stores: list[tuple[Access, Node]] = []
        self.buffers: set[Buffer] = set()


class Fuser:
    """The `Builder` that primitives lower through; collects the steps of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.steps = program.steps
        self._open: dict[tuple[int, ...], Group] = {}
        self._group_of: dict[Buffer, Group] = {}
        self._tables: dict[tuple[float, ...], Buffer] = {}
        self.site = "an unknown line"

    # -- elementwise --------------------------------------------------------------------------------------------

    def op(self, name: str, *xs: Expr, dtype: Any = None) -> Expr:
        shape = next((x.shape for x in xs if x.shape), ())
        nodes = []
        for x in xs:
            assert len(x.nodes) == 1, f"{name}: complex operands are lowered part by part"
            if x.shape != shape and not x.shape:
                x = broadcast_expr(x, shape, ())
            nodes.append(x.nodes[0])
        operand = nodes[1] if name == "select" else nodes[0]
        out = "bool" if name in _BOOL_OPS else (real_name(np.dtype(dtype)) if dtype is not None else operand.dtype)
        return Expr(shape, np.dtype(out), (Node(name, tuple(nodes), out),))

    def const(self, value: Any, dtype: Any) -> Expr:
        dtype = np.dtype(dtype)
        if dtype == float0:
            return self.const(False, np.bool_)
        if dtype.kind == "c":
            return self.complex(self.const(complex(value).real, real_name(dtype)), self.const(complex(value).imag, real_name(dtype)))
        return Expr((), dtype, (const(value, dtype.name),))

    def table(self, values: tuple[float, ...]) -> Expr:
        if values not in self._tables:
            buffer = Buffer(np.dtype("float64"), (len(values),), "const", len(self.program.consts))
            buffer.source = np.array(values)
            self.program.consts.append(buffer)
            self._tables[values] = buffer
        return self.load(self._tables[values])

    def complex(self, re: Expr, im: Expr) -> Expr:
        shape = re.shape or im.shape
        re, im = (x if x.shape == shape else broadcast_expr(x, shape, ()) for x in (re, im))
        dtype = np.dtype("complex64" if re.dtype == np.float32 else "complex128")
        return Expr(shape, dtype, (re.nodes[0], im.nodes[0]))

    def convert(self, x: Expr, dtype: np.dtype) -> Expr:
        if dtype == x.dtype:
            return x
        if dtype.kind == "c":
            part = np.dtype(real_name(dtype))
            im = self.convert(x.im, part) if x.is_complex else self.const(0, part)
            return self.complex(self.convert(x.re, part), im)
        if x.is_complex and dtype.kind == "b":
            return self.op("or", self.convert(x.re, dtype), self.convert(x.im, dtype))
        if x.re.dtype == dtype:
            return x.re
        return Expr(x.shape, dtype, (Node("convert", (x.nodes[0],), dtype.name),))

    def bitcast(self, x: Expr, dtype: np.dtype) -> Expr:
        if dtype == x.dtype:
            return x
        return Expr(x.shape, dtype, (Node("bitcast", (x.nodes[0],), dtype.name),))

    def iota(self, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> Expr:
        index = affine_index(0, [int(i == dimension) for i in range(len(shape))])
        return self.convert(Expr(shape, np.dtype("int64"), (index,)), dtype)

    # -- movement -----------------------------------------------------------------------------------------------

    def reshape(self, x: Expr, shape: tuple[int, ...]) -> Expr:
        view = reshape_expr(x, shape)
        if view is None:
            view = reshape_expr(self.stored(x), shape)
            assert view is not None, "a contiguous array has every reshape as a view"
        return view

    def transpose(self, x: Expr, permutation: Sequence[int]) -> Expr:
        return transpose_expr(x, permutation)

    def broadcast(self, x: Expr, shape: tuple[int, ...], dims: Sequence[int]) -> Expr:
        size = prod(x.shape)
        if x.weight > CHEAP and size > 1 and prod(shape) > size:
            x = self.stored(x)  # repeating the elements must not repeat the work
        return broadcast_expr(x, shape, dims)

    def slice(self, x: Expr, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]) -> Expr:
        return slice_expr(x, starts, limits, strides)

    def reverse(self, x: Expr, dims: Sequence[int]) -> Expr:
        return reverse_expr(x, dims)

    def concatenate(self, xs: Sequence[Expr], dimension: int) -> Expr:
        shape = list(xs[0].shape)
        shape[dimension] = sum(x.shape[dimension] for x in xs)
        out = self.temp(xs[0].dtype, tuple(shape))
        start = 0
        for x in xs:
            corner = [start if d == dimension else 0 for d in range(len(shape))]
            self._store_into(out, x, corner, [1] * len(shape))
            start += x.shape[dimension]
        return self.load(out)

    def stack(self, groups: Sequence[Sequence[Expr]], axis: int) -> list[Expr]:
        shape = groups[0][0].shape
        stores: list[Store] = []
        outs: list[Buffer] = []
        for xs in groups:
            out = self.temp(xs[0].dtype, (*shape[:axis], len(xs), *shape[axis:]))
            strides = contiguous_strides(out.shape, len(xs[0].nodes))
            kept = strides[:axis] + strides[axis + 1:]
            for k, x in enumerate(xs):
                nodes = (x if x.shape == shape else broadcast_expr(x, shape, ())).nodes
                stores += [Store(Access(out, k * strides[axis] + part, kept), node) for part, node in enumerate(nodes)]
            outs.append(out)
        if prod(shape):
            self._emit(Nest(shape, 0, tuple(stores)))
        return [self.load(out) for out in outs]

    def pad(self, x: Expr, value: Expr, config: Sequence[tuple[int, int, int]]) -> Expr:
        shape = tuple(lo + hi + n + max(n - 1, 0) * inner for n, (lo, hi, inner) in zip(x.shape, config, strict=True))
        out = self.temp(x.dtype, shape)
        self._store_into(out, broadcast_expr(value, shape, ()), [0] * len(shape), [1] * len(shape))
        starts, limits, corner, steps = [], [], [], []
        for n, (lo, _, inner), size in zip(x.shape, config, shape, strict=True):
            step = inner + 1
            first = max(0, -(lo // step))  # elements that a negative low padding removes
            last = min(n, (size - 1 - lo) // step + 1) if size > 0 else 0
            starts.append(min(first, max(last, 0)))
            limits.append(max(last, starts[-1]))
            corner.append(lo + starts[-1] * step)
            steps.append(step)
        inside = slice_expr(x, starts, limits, [1] * len(shape))
        if prod(inside.shape):
            self._store_into(out, inside, corner, steps)
        return self.load(out)

    def take(self, x: Expr, indices: Sequence[Expr], shape: tuple[int, ...] | None = None) -> Expr:
        x = self.stored(x)
        if shape is None:
            shape = next((i.shape for i in indices if i.shape), ())
        affine, offset, dynamic = [0] * len(shape), 0, None
        for index, stride in zip(indices, contiguous_strides(x.shape), strict=True):
            if index.shape != shape:
                index = broadcast_expr(index, shape, ())
            o, s, rest = split_affine(index.nodes[0], len(shape))
            offset += o * stride
            affine = [a + b * stride for a, b in zip(affine, s, strict=True)]
            if rest is not None:
                term = rest if stride == 1 else Node("mul", (rest, const(stride, "int64")), "int64")
                dynamic = term if dynamic is None else Node("add", (dynamic, term), "int64")
        unit = 2 if x.is_complex else 1
        if dynamic is not None and unit == 2:
            dynamic = Node("mul", (dynamic, const(2, "int64")), "int64")
        nodes = []
        for part, node in enumerate(x.nodes):
            base: Access = node.attr
            access = Access(base.buffer, base.offset - part + offset * unit + part, tuple(a * unit for a in affine))
            nodes.append(Node("load", () if dynamic is None else (dynamic,), node.dtype, access))
        return Expr(shape, x.dtype, tuple(nodes))

    def scatter(self, x: Expr, indices: Sequence[Expr], updates: Expr, combine: str, mask: Expr | None) -> Expr:
        operand = self.whole_buffer(x)
        if operand is not None:  # what it takes of the operand is read before the copy, which may then be left out (`inplace`)
            updates, *indices = (self._read_now(e, operand) for e in (updates, *indices))
            mask = mask and self._read_now(mask, operand)
        out = self.temp(x.dtype, x.shape)
        self._store_into(out, x, [0] * len(x.shape), [1] * len(x.shape))
        if not prod(updates.shape):
            return self.load(out)
        updates = self.stored(updates) if updates.weight > CHEAP else updates
        shape = updates.shape
        where = self.take(self.load(out), indices, shape)
        if mask is not None and mask.shape != shape:
            mask = broadcast_expr(mask, shape, ())
        mask_node = None if mask is None else mask.nodes[0]
        nodes = updates.nodes
        if combine == "mul" and x.is_complex:
            # Both parts of a product need both old parts: a point's values are all read before any is stored.
            combine, nodes = "set", _complex_product(where.nodes, nodes)
        stores = []
        for target, node in zip(where.nodes, nodes, strict=True):
            stores.append(Store(target.attr, node, target.args[0] if target.args else None, combine, mask_node))
        self._emit(Nest(shape, 0, tuple(stores), serial=True))
        return self.load(out)

    def sort_order(self, keys: Sequence[Expr]) -> Expr:
        shape = keys[0].shape
        out = self.temp(np.dtype("int64"), shape)
        if prod(shape):
            buffers = [self.whole_buffer(self.stored(k)) for k in keys]
            for buffer in buffers:
                assert buffer is not None, "what has been stored is a whole buffer"
                self._close_for(buffer)
            self.steps.append(Sort(out, tuple(b for b in buffers if b is not None), prod(shape[:-1]), shape[-1]))
        return self.load(out)

    def accumulate(self, xs: Sequence[Expr], axis: int, reverse: bool, step: Callable[..., Expr]) -> Expr:
        shape, n = xs[-1].shape, xs[-1].shape[axis]
        out = self.temp(xs[-1].dtype, shape)
        if not prod(shape):
            return self.load(out)
        whole, *xs = (reverse_expr(x, (axis,)) if reverse else x for x in (self.load(out), *xs))

        def along(x: Expr, start: int, stop: int) -> Expr:
            return slice_expr(x, [start if d == axis else 0 for d in range(len(shape))],
                              [stop if d == axis else k for d, k in enumerate(shape)], [1] * len(shape))

        def store(place: Expr, value: Expr) -> None:
            stores = tuple(Store(p.attr, v) for p, v in zip(place.nodes, value.nodes, strict=True))
            self._emit(Nest(place.shape, 0, stores, serial=True))

        store(along(whole, 0, 1), along(xs[-1], 0, 1))
        if n > 1:
            store(along(whole, 1, n), step(along(whole, 0, n - 1), *(along(x, 1, n) for x in xs)))
        return self.load(out)

    def _read_now(self, x: Expr, buffer: Buffer) -> Expr:
        """`x`, computed before the next step if it reads `buffer`."""
        if all(load.attr.buffer is not buffer for load in node_accesses(x.nodes)):
            return x
        out = self.temp(x.dtype, x.shape)
        self._store_into(out, x, [0] * len(x.shape), [1] * len(x.shape))
        return self.load(out)

    def check(self, bad: Expr, message: str) -> None:
        flags = self.program.flags
        assert flags is not None
        any_bad = self.reduce("or", bad, range(len(bad.shape)))
        access = Access(flags, len(self.program.checks), ())
        before = Node("load", (), "bool", access)  # in a loop every turn counts
        self._emit(Nest((), 0, (Store(access, Node("or", (before, any_bad.nodes[0]), "bool")),)))
        self.program.checks.append(f"{message}, at {self.site}")

    # -- reduction and contraction ------------------------------------------------------------------------------

    def reduce(self, op: str, x: Expr, axes: Sequence[int]) -> Expr:
        axes = sorted(axes)
        kept = [d for d in range(len(x.shape)) if d not in axes]
        shape = tuple(x.shape[d] for d in kept)
        if x.is_complex and op == "add":
            return self.complex(self.reduce("add", x.re, axes), self.reduce("add", x.im, axes))
        work = working_dtype(x.dtype)
        if work != x.dtype and op in ("add", "mul"):
            return self.convert(self.reduce(op, self.convert(x, work), axes), x.dtype)
        if x.dtype == np.bool_ and op in ("add", "max", "mul", "min"):
            op = "or" if op in ("add", "max") else "and"
        if all(x.shape[d] == 1 for d in axes):
            return map_strides(x, shape, lambda offset, strides: (offset, tuple(strides[d] for d in kept)))
        inner = transpose_expr(x, (*kept, *axes))
        out = self.temp(x.dtype, shape)
        unit = 2 if x.is_complex else 1
        strides = contiguous_strides(shape, unit) + (0,) * len(axes)
        accesses = tuple(Access(out, part, strides) for part in range(len(x.nodes)))
        self._emit(Nest(inner.shape, len(axes), (Reduce("cmul" if x.is_complex else op, inner.nodes, accesses),)))
        return self.load(out)

    def arg_reduce(self, op: str, x: Expr, axis: int, dtype: np.dtype) -> Expr:
        kept = [d for d in range(len(x.shape)) if d != axis]
        shape = tuple(x.shape[d] for d in kept)
        inner = transpose_expr(x, (*kept, axis))
        index = affine_index(0, (*([0] * len(kept)), 1))
        best, where = self.temp(x.dtype, shape), self.temp(np.dtype("int64"), shape)
        strides = (*contiguous_strides(shape), 0)
        accesses = (Access(best, 0, strides), Access(where, 0, strides))
        self._emit(Nest(inner.shape, 1, (Reduce(op, (inner.nodes[0], index), accesses),)))
        return self.convert(self.load(where), dtype)

    # -- storage ------------------------------------------------------------------------------------------------

    def temp(self, dtype: np.dtype, shape: tuple[int, ...]) -> Buffer:
        buffer = Buffer(np.dtype(bool) if dtype == float0 else dtype, shape, "temp", len(self.program.temps))
        self.program.temps.append(buffer)
        return buffer

    def load(self, buffer: Buffer) -> Expr:
        """The whole of a buffer."""
        unit = 2 if buffer.dtype.kind == "c" else 1
        strides = contiguous_strides(buffer.shape, unit)
        nodes = tuple(Node("load", (), buffer.elem, Access(buffer, part, strides)) for part in range(unit))
        return Expr(buffer.shape, buffer.dtype, nodes)

    def whole_buffer(self, x: Expr) -> Buffer | None:
        """The buffer that `x` is, element for element, or None."""
        node = x.nodes[0]
        if node.op != "load" or node.args:
            return None
        access: Access = node.attr
        buffer = access.buffer
        unit = len(x.nodes)
        if buffer.dtype != x.dtype or access.offset or prod(x.shape) != prod(buffer.shape):
            return None
        dense = [(s, n) for s, n in zip(access.strides, x.shape, strict=True) if n != 1]
        want = [(s, n) for s, n in zip(contiguous_strides(x.shape, unit), x.shape, strict=True) if n != 1]
        if dense != want:
            return None
        if unit == 2:
            other = x.nodes[1]
            if other.op != "load" or other.args or other.attr != Access(buffer, 1, access.strides):
                return None
        return buffer

    def stored(self, x: Expr, fresh: bool = False) -> Expr:
        """`x` as a load of a contiguous buffer; a new one if it is not that already (or if `fresh`, where strides differ)."""
        buffer = self.whole_buffer(x)
        if buffer is None:
            buffer = self.temp(x.dtype, x.shape)
            self._add_to_group(buffer, x)
            return self.load(buffer)
        return self.reshape_load(buffer, x.shape)

    def reshape_load(self, buffer: Buffer, shape: tuple[int, ...]) -> Expr:
        whole = self.load(buffer)
        if buffer.shape == shape:
            return whole
        view = reshape_expr(whole, shape)
        assert view is not None
        return view

    def _add_to_group(self, buffer: Buffer, x: Expr) -> None:
        group = self._open.get(x.shape)
        if group is not None and (len(group.stores) >= MAX_STORES or not self._may_join(group, x)):
            self._close(group)
            group = None
        for load in node_accesses(x.nodes):
            other = self._group_of.get(load.attr.buffer)
            if other is not None and other is not group:
                self._close(other)
        if group is None:
            group = self._open[x.shape] = Group(x.shape)
        unit = len(x.nodes)
        strides = contiguous_strides(x.shape, unit)
        for part, node in enumerate(x.nodes):
            group.stores.append((Access(buffer, part, strides), node))
        group.buffers.add(buffer)
        self._group_of[buffer] = group

    def _may_join(self, group: Group, x: Expr) -> bool:
        """Whether every load from the group itself is of the element being computed, so that it can be forwarded."""
        for load in node_accesses(x.nodes):
            access: Access = load.attr
            if access.buffer in group.buffers:
                unit = 2 if access.buffer.dtype.kind == "c" else 1
                if load.args or access.offset >= unit or access.strides != contiguous_strides(group.shape, unit):
                    return False
        return True

    def _store_into(self, out: Buffer, x: Expr, corner: Sequence[int], steps: Sequence[int]) -> None:
        """A nest that stores `x` into a strided box of `out`."""
        if not prod(x.shape):
            return
        unit = len(x.nodes)
        strides = contiguous_strides(out.shape, unit)
        offset = sum(c * s for c, s in zip(corner, strides, strict=True))
        target = tuple(s * t for s, t in zip(strides, steps, strict=True))
        stores = tuple(Store(Access(out, offset + part, target), node) for part, node in enumerate(x.nodes))
        self._emit(Nest(x.shape, 0, stores))

    def _emit(self, nest: Nest) -> None:
        for s in nest.body:
            nodes = s.nodes if isinstance(s, Reduce) else tuple(n for n in (s.node, s.dynamic, s.mask) if n is not None)
            for load in node_accesses(nodes):
                self._close_for(load.attr.buffer)
        self.steps.append(nest)

    def _close_for(self, buffer: Buffer) -> None:
        group = self._group_of.get(buffer)
        if group is not None:
            self._close(group)

    def _close(self, group: Group) -> None:
        """Turn a group into a nest; loads of its own stores become the stored nodes."""
        del self._open[group.shape]
        stored: dict[tuple[Buffer, int], Node] = {}
        memo: dict[int, Node] = {}

        def forward(node: Node) -> Node:
            if node.op == "load":
                return stored.get((node.attr.buffer, node.attr.offset), node) if node.attr.buffer in group.buffers else node
            return node

        body = []
        for access, node in group.stores:
            new = map_leaves(node, forward, memo)
            stored[access.buffer, access.offset] = new
            body.append(Store(access, new))
        for buffer in group.buffers:
            del self._group_of[buffer]
        self.steps.append(Nest(group.shape, 0, tuple(body)))

    def close_all(self) -> None:
        for group in list(self._open.values()):
            if self._open.get(group.shape) is group:
                self._close(group)


def split_affine(node: Node, rank: int) -> tuple[int, tuple[int, ...], Node | None]:
    """An int64 node as (offset, strides, remainder): the parts that are affine in the iteration point, and the rest."""
    match node.op:
        case "const":
            return int(node.attr), (0,) * rank, None
        case "index":
            return node.attr[0], node.attr[1], None
        case "add" | "sub":
            sign = 1 if node.op == "add" else -1
            o1, s1, r1 = split_affine(node.args[0], rank)
            o2, s2, r2 = split_affine(node.args[1], rank)
            strides = tuple(a + sign * b for a, b in zip(s1, s2, strict=True))
            if r2 is None:
                rest = r1
            elif r1 is None:
                rest = r2 if sign > 0 else Node("neg", (r2,), "int64")
            else:
                rest = Node(node.op, (r1, r2), "int64")
            return o1 + sign * o2, strides, rest
        case _:
            return 0, (0,) * rank, node


def _complex_product(x: Sequence[Node], y: Sequence[Node]) -> tuple[Node, Node]:
    (a, b), (c, d) = x, y

    def op(name: str, p: Node, q: Node) -> Node:
        return Node(name, (p, q), a.dtype)

    return op("sub", op("mul", a, c), op("mul", b, d)), op("add", op("mul", a, d), op("mul", b, c))
