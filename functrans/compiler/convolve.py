"""Lowering of convolutions: which axis becomes vectors, what is copied first, and the sums of products that register tiles compute.

A convolution becomes nests ``out[...] = sum of x[...] * k[...]`` on operands in memory; `tiling` finds their tiles. What is decided
here is the order of axes in memory, since lanes need neighbouring elements:

* along the last spatial axis of the result, where the windows move by one element;
* along that axis of the windows, for kernels larger than the result: the gradient of a kernel is such a convolution;
* along the output features, with the operand read element by element in whatever order: any stride will do;
* along the input features, summed over.

Where the operands lie so already they are read where they are. Otherwise the smaller one, the kernel, is copied; the operand itself
only where it must be padded, in one pass with what computes it. Nothing is copied once for each window.

An operand spread by a dilation d is not filled with zeros: the results fall into d classes along the axis, and each class is a plain
convolution of the operand by every d-th element of the kernel. Long sums are taken in parts that stay in cache and added afterwards,
which also keeps rounding errors small.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from functrans.compiler.contract import Contractions
from functrans.compiler.views import broadcast_expr, contiguous_strides, transpose_expr
from functrans.kernel import Access, Buffer, Expr, Nest, Node, Reduce, Store
from functrans.primitives.convolve import ResidueClass, margins_of, places_of, residue_classes

__all__ = ["Convolutions"]

Sizes = tuple[int, ...]

SHORT = 8
"""Places along an axis below which lanes are better along the features."""
FEWEST = 4
"""Features that are worth lanes."""
PANEL = 128
"""Bytes of a row of a panel."""
OFTEN = 64
"""Uses of each element of a kernel that pay for a copy of it."""
PART = 2048
"""Products after which a long sum starts anew."""
CACHE = 1 << 18
"""Bytes of operands that a part of a long sum may read."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The orders in memory of operand, kernel and result, and the axes of operand and kernel that must be contiguous (or None).

    A large kernel lies in panels of `panel` output features each, so that what one tile reads of it is contiguous.
    """

    x: Sizes
    k: Sizes
    out: Sizes
    x_unit: int | None
    k_unit: int | None
    panel: int = 1 << 62


class Convolutions(Contractions):
    """`Contractions` that also lowers convolutions."""

    def convolve(self, x: Expr, k: Expr, *, strides: Sizes, padding: Sequence[tuple[int, int]], x_dilation: Sizes, k_dilation: Sizes,
                 orders: tuple[Sizes, Sizes, Sizes]) -> Expr:
        (g, b, _, *sizes), (_, o, _, *window) = x.shape, k.shape
        places = [places_of(*each) for each in zip(sizes, window, strides, padding, x_dilation, k_dilation, strict=True)]
        shape = (g, b, o, *places)
        if 0 in shape or 0 in k.shape:
            return broadcast_expr(self.const(0, x.dtype), shape, ())
        low = [lo for lo, _ in padding]
        classes = [residue_classes(*each) for each in zip(window, places, strides, low, x_dilation, k_dilation, strict=True)]
        moves = [c[0].stride for c in classes], [c[0].dilation for c in classes]
        layout = _panelled(k, prod((b, *places)), _layout(x.shape, k.shape, shape, orders, *moves))
        margins = [margins_of(n, each) for n, each in zip(sizes, classes, strict=True)]
        x_access, k_access = self._operand(x, layout, margins), self._kernel(k, layout)
        out = self.temp(x.dtype, tuple(shape[axis] for axis in layout.out))
        place = Access(out, 0, _by_axis(layout.out, contiguous_strides(out.shape)))
        for chosen in itertools.product(*classes):
            self._sum(x_access, k_access, place, (g, b, o, k.shape[2]), chosen, layout)
        return transpose_expr(self.load(out), np.argsort(layout.out).tolist())

    def _operand(self, x: Expr, layout: _Layout, margins: Sequence[tuple[int, int]]) -> Access:
        """The padded operand in memory; the strides in the order of its axes, the offset that of its first own element."""
        if not any(map(any, margins)):
            return self._in_memory(x, layout.x, layout.x_unit)
        config = [(0, 0, 0), (0, 0, 0), (0, 0, 0), *((lo, hi, 0) for lo, hi in margins)]
        padded = self.pad(transpose_expr(x, layout.x), self.const(0, x.dtype), [config[axis] for axis in layout.x])
        buffer: Buffer = padded.nodes[0].attr.buffer
        strides = _by_axis(layout.x, contiguous_strides(buffer.shape))
        return Access(buffer, sum(lo * s for (lo, _), s in zip(margins, strides[3:], strict=True)), strides)

    def _kernel(self, k: Expr, layout: _Layout) -> Access:
        """The kernel in memory; the last of the strides is that from one panel to the next."""
        if layout.panel >= k.shape[1]:
            access = self._in_memory(k, layout.k, layout.k_unit)
            return Access(access.buffer, access.offset, (*access.strides, 0))
        split = self.reshape(k, (k.shape[0], k.shape[1] // layout.panel, layout.panel, *k.shape[2:]))
        order = (1, *(axis + (axis > 0) for axis in layout.k if axis != 1), 2)
        node = self.stored(transpose_expr(split, order), fresh=True).nodes[0]
        strides = _by_axis(order, node.attr.strides)
        return Access(node.attr.buffer, node.attr.offset, (strides[0], *strides[2:], strides[1]))

    def _in_memory(self, x: Expr, order: Sizes, unit: int | None) -> Access:
        """`x` where it lies if its elements are neighbours along axis `unit`, else a copy in `order`."""
        node = x.nodes[0]
        if node.op != "load" or node.args or not (unit is None or x.shape[unit] == 1 or node.attr.strides[unit] == 1):
            node = self.stored(transpose_expr(x, order), fresh=True).nodes[0]
            return Access(node.attr.buffer, node.attr.offset, _by_axis(order, node.attr.strides))
        found: Access = node.attr
        return found

    def _sum(self, x: Access, k: Access, out: Access, sizes: tuple[int, int, int, int], classes: Sequence[ResidueClass],
             layout: _Layout) -> None:
        """The results of one class along each axis."""
        g, b, o, i = sizes
        target = Access(out.buffer, out.offset + sum(c.first * s for c, s in zip(classes, out.strides[3:], strict=True)),
                        (*out.strides[:3], *(c.step * s for c, s in zip(classes, out.strides[3:], strict=True))))
        counts = tuple(c.count for c in classes)
        if any(c.window == 0 for c in classes):  # no element of the kernel meets one of the operand
            zero = broadcast_expr(self.const(0, out.buffer.dtype), (g, b, o, *counts), ())
            self._emit(Nest((g, b, o, *counts), 0, (Store(target, zero.nodes[0]),)))
            return
        x = Access(x.buffer, x.offset + sum(c.start * s for c, s in zip(classes, x.strides[3:], strict=True)), x.strides)
        k = Access(k.buffer, k.offset + sum(c.tap * s for c, s in zip(classes, k.strides[3:-1], strict=True)), k.strides)
        # Each axis as its size and the strides of operand, kernel and result.
        panel = min(o, layout.panel)
        kept = {
            0: _Axis(g, x.strides[0], k.strides[0], out.strides[0]),
            1: _Axis(b, x.strides[1], 0, out.strides[1]),
            2: _Axis(panel, 0, k.strides[1], out.strides[2]),
            **{3 + d: _Axis(c.count, c.stride * x.strides[3 + d], 0, target.strides[3 + d]) for d, c in enumerate(classes)},
        }
        summed = {
            2: _Axis(i, x.strides[2], k.strides[2], 0),
            **{3 + d: _Axis(c.window, c.dilation * x.strides[3 + d], c.tap_step * k.strides[3 + d], 0) for d, c in enumerate(classes)},
        }
        parallel = [_Axis(o // panel, 0, k.strides[-1], panel * out.strides[2]), *(kept[axis] for axis in layout.out)]
        reduce = [summed[axis] for axis in layout.k if axis >= 2]
        each = (b * prod(counts) + o * prod(c.window for c in classes)) * out.buffer.dtype.itemsize
        part = _part(i, prod(c.window for c in classes), prod(counts), each)
        if part == i:
            self._emit(_products(x, k, target, parallel, reduce))
            return
        # Parts of the sum over the features, each in its turn, and then the sum of the parts.
        results = self.temp(out.buffer.dtype, (i // part, *(axis.size for axis in parallel)))
        steps = contiguous_strides(results.shape)
        whole = _Axis(i // part, part * x.strides[2], part * k.strides[2], steps[0])
        within = [replace(axis, out=step) for axis, step in zip(parallel, steps[1:], strict=True)]
        reduce = [replace(axis, size=part) if axis is summed[2] else axis for axis in reduce]
        self._emit(_products(x, k, Access(results, 0, ()), [whole, *within], reduce))
        total = transpose_expr(self.load(results), (*range(1, len(results.shape)), 0))
        place = Access(target.buffer, target.offset, (*(axis.out for axis in parallel), 0))
        self._emit(Nest(total.shape, 1, (Reduce("add", total.nodes, (place,)),)))


@dataclass(frozen=True, slots=True)
class _Axis:
    """The size of an axis, and its strides in the operand, the kernel and the result."""

    size: int
    x: int
    k: int
    out: int


def _products(x: Access, k: Access, out: Access, parallel: Sequence[_Axis], reduce: Sequence[_Axis]) -> Nest:
    """The sums of products over the `reduce` axes."""
    axes, elem = (*parallel, *reduce), out.buffer.elem
    times, plus = ("and", "or") if elem == "bool" else ("mul", "add")
    a = Node("load", (), elem, Access(x.buffer, x.offset, tuple(axis.x for axis in axes)))
    b = Node("load", (), elem, Access(k.buffer, k.offset, tuple(axis.k for axis in axes)))
    place = Access(out.buffer, out.offset, tuple(axis.out for axis in axes))
    return Nest(tuple(axis.size for axis in axes), len(reduce), (Reduce(plus, (Node(times, (a, b), elem),), (place,)),))


def _by_axis(order: Sequence[int], values: Sequence[int]) -> Sizes:
    """`values`, given in `order`, in the order of the axes."""
    return tuple(values[i] for i in np.argsort(order))


def _last(order: Sizes, axis: int) -> Sizes:
    return (*(d for d in order if d != axis), axis)


def _layout(x: Sizes, k: Sizes, out: Sizes, orders: tuple[Sizes, Sizes, Sizes], strides: Sequence[int],
            dilations: Sequence[int]) -> _Layout:
    """Where the lanes of the sums will lie (see the module's docstring), and the orders of memory that this takes."""
    x_order, k_order, out_order = orders
    o = out[2]
    inner = next((axis for axis in reversed(out_order) if out[axis] > 1), 2)
    x_inner = next((axis for axis in reversed(x_order) if x[axis] > 1), 2)
    features = _Layout(x_order, _last(k_order, 1), _last(out_order, 2), None, 1)
    summed = _Layout(_last(x_order, 2), _last(k_order, 2), out_order, 2, 2)
    if inner == 0:
        return _Layout(x_order, k_order, out_order, 0, 0)
    if inner == 2 and o >= FEWEST:
        return features
    if x_inner >= 3 and k[x_inner] >= max(SHORT, out[x_inner]) and dilations[x_inner - 3] == 1:
        return _Layout(x_order, _last(k_order, x_inner), out_order, x_inner, x_inner)
    if inner >= 3 and strides[inner - 3] == 1 and x_inner != 2 and (out[inner] >= SHORT or o < SHORT):
        return _Layout(_last(x_order, inner), k_order, out_order, inner, None)
    if o >= SHORT or (o >= FEWEST and k[2] < FEWEST):
        return features
    return summed if k[2] >= FEWEST else _Layout(x_order, k_order, out_order, None, None)


def _panelled(k: Expr, uses: int, layout: _Layout) -> _Layout:
    """`layout` with panels where the kernel is large and each element is used often."""
    panel = PANEL // k.dtype.itemsize
    is_large = prod(k.shape) * k.dtype.itemsize > CACHE and uses >= OFTEN
    return replace(layout, panel=panel) if layout.k_unit == 1 and is_large and k.shape[1] % panel == 0 else layout


def _part(features: int, window: int, places: int, nbytes: int) -> int:
    """How many features to sum over at once: all, unless the sum is much longer than there are places, as for the gradient of a kernel.

    `nbytes` are those of the operands for one feature.
    """
    if window <= places or features * window <= PART:
        return features
    most = max(1, min(PART // window, CACHE // nbytes))
    return next(n for n in range(most, 0, -1) if features % n == 0)
