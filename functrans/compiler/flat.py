"""Nests in canonical form: the key by which equal kernels are recognised, and what code is generated from.

Axes of size 1 go, neighbouring axes that every access walks as one are merged, common subexpressions are numbered once,
buffers become parameters (each distinct buffer and offset one pointer). Two nests that differ only in which buffers they
touch have equal `Flat` forms and share one compiled function: 150 equal steps of an unrolled loop compile once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from functrans.kernel import Access, Buffer, Nest, Node, Reduce, Store, postorder

__all__ = ["Flat", "FlatReduce", "FlatStore", "Instr", "access_of", "flatten_nest"]

Strides = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Instr:
    """One scalar operation: operands are numbers of earlier instructions.

    ``load``: `attr` is (parameter, strides); its operand, if any, a dynamic offset. ``index``: (offset, strides).
    ``const``: the value's text, so that 0.0 and -0.0 differ.
    """

    op: str
    dtype: str
    args: tuple[int, ...]
    attr: object = None


def access_of(load: Instr) -> tuple[int, Strides]:
    """The parameter and the strides of a load."""
    assert isinstance(load.attr, tuple)
    param, strides = load.attr
    return param, strides


@dataclass(frozen=True, slots=True)
class FlatStore:
    param: int
    strides: Strides
    elem: str
    value: int
    dynamic: int | None
    combine: str
    mask: int | None


@dataclass(frozen=True, slots=True)
class FlatReduce:
    op: str
    values: tuple[int, ...]
    params: tuple[int, ...]
    strides: tuple[Strides, ...]
    elems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flat:
    """A nest without names: sizes of the axes (parallel first, then `reduce` many), instructions, statements.

    ``neighbours[i]`` is the parameter that lies one element beyond parameter i in the same buffer, where there is one: the
    imaginary parts of complex numbers.
    `lag`: where a serial nest reads what it has written before, how many elements away that is; else 0.
    """

    axes: tuple[int, ...]
    reduce: int
    serial: bool
    instrs: tuple[Instr, ...]
    body: tuple[FlatStore | FlatReduce, ...]
    elems: tuple[str, ...]
    written: tuple[bool, ...]
    neighbours: tuple[int | None, ...]
    lag: int = 0


class _Flattener:
    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = axes
        self.instrs: list[Instr] = []
        self.numbers: dict[Instr, int] = {}
        self.done: dict[int, int] = {}
        self.params: dict[tuple[Buffer, int], int] = {}
        self.written: set[int] = set()

    def param(self, access: Access) -> int:
        return self.params.setdefault((access.buffer, access.offset), len(self.params))

    def node(self, node: Node) -> int:
        for each in postorder(node, self.done):
            attr: object = each.attr
            if each.op == "load":
                attr = (self.param(each.attr), each.attr.strides)
            elif each.op == "const":
                attr = repr(each.attr)
            instr = Instr(each.op, each.dtype, tuple(self.done[id(a)] for a in each.args), attr)
            number = self.numbers.get(instr)
            if number is None:
                number = self.numbers[instr] = len(self.instrs)
                self.instrs.append(instr)
            self.done[id(each)] = number
        return self.done[id(node)]

    def statement(self, s: Store | Reduce) -> FlatStore | FlatReduce:
        if isinstance(s, Reduce):
            values = tuple(self.node(n) for n in s.nodes)
            params = tuple(self.param(a) for a in s.accesses)
            self.written.update(params)
            return FlatReduce(s.op, values, params, tuple(a.strides for a in s.accesses), tuple(a.buffer.elem for a in s.accesses))
        value = self.node(s.node)
        dynamic = None if s.dynamic is None else self.node(s.dynamic)
        mask = None if s.mask is None else self.node(s.mask)
        param = self.param(s.access)
        self.written.add(param)
        return FlatStore(param, s.access.strides, s.access.buffer.elem, value, dynamic, s.combine, mask)


def flatten_nest(nest: Nest) -> tuple[Flat, list[tuple[Buffer, int]]]:
    """The canonical form of a nest, and the (buffer, offset) that each of its parameters stands for."""
    flattener = _Flattener(nest.axes)
    body = [flattener.statement(s) for s in nest.body]
    groups = _merged(nest.axes, nest.reduce, _all_strides(flattener.instrs, body))
    sizes = tuple(size for size, _, _ in groups)
    picks = tuple(last for _, last, _ in groups)

    def pick(strides: Strides) -> Strides:
        return tuple(strides[p] for p in picks)

    instrs = tuple(
        Instr(i.op, i.dtype, i.args, (i.attr[0], pick(i.attr[1]))) if i.op in ("load", "index") else i  # type: ignore[index]
        for i in flattener.instrs)
    flat_body = tuple(
        FlatReduce(s.op, s.values, s.params, tuple(map(pick, s.strides)), s.elems) if isinstance(s, FlatReduce)
        else FlatStore(s.param, pick(s.strides), s.elem, s.value, s.dynamic, s.combine, s.mask)
        for s in body)
    params = list(flattener.params)
    flat = Flat(sizes, sum(is_reduce for _, _, is_reduce in groups), nest.serial, instrs, flat_body,
                tuple(b.elem for b, _ in params), tuple(i in flattener.written for i in range(len(params))),
                tuple(flattener.params.get((b, offset + 1)) for b, offset in params),
                _lag(params, flattener.written) if nest.serial else 0)
    return flat, params


def _lag(params: Sequence[tuple[Buffer, int]], written: set[int]) -> int:
    """The least distance between two parameters that lie in one buffer and of which one is written and the other is not."""
    return min((abs(offset - params[w][1]) for w in written for i, (buffer, offset) in enumerate(params)
                if i not in written and buffer is params[w][0]), default=0)


def _all_strides(instrs: Sequence[Instr], body: Sequence[FlatStore | FlatReduce]) -> list[Strides]:
    found = [i.attr[1] for i in instrs if i.op in ("load", "index")]  # type: ignore[index]
    for s in body:
        found.extend(s.strides if isinstance(s, FlatReduce) else [s.strides])
    return found


def _merged(axes: Sequence[int], reduce: int, strides: Sequence[Strides]) -> list[tuple[int, int, bool]]:
    """Axes as (size, representative, is_reduce), after dropping units and merging neighbours walked as one."""
    parallel = len(axes) - reduce
    out: list[tuple[int, int, bool]] = []
    for axis, size in enumerate(axes):
        if size == 1:
            continue
        is_reduce = axis >= parallel
        if out:
            before, last, kind = out[-1]
            if kind == is_reduce and all(s[last] == s[axis] * size for s in strides):
                out[-1] = (before * size, axis, kind)
                continue
        out.append((size, axis, is_reduce))
    return out
