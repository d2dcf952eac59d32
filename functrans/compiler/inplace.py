"""Updates in place: a scatter starts with a copy of its operand, which goes where nobody needs the operand any more.

In the body of a loop, the next value of a carry that is a chain of partial updates ends in a buffer whose first write is a
copy of the previous one, and so on back to the carry itself. If no step after a copy reads the copied buffer (steps that do, and
that need nothing of what comes between, go before it), the copy is dropped and the two buffers become one: the update then costs what
it writes, not the whole array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from functrans.compiler.views import contiguous_strides
from functrans.kernel import (
    Access,
    Branch,
    Buffer,
    Callback,
    Contract,
    Library,
    Loop,
    Nest,
    Node,
    Reduce,
    Sort,
    Step,
    Steps,
    Store,
    map_leaves,
    reads,
    writes,
)

__all__ = ["copied_buffer", "renamed", "update_in_place"]


def update_in_place(body: Sequence[Step], carries: dict[Buffer, Buffer]) -> tuple[list[Step], set[Buffer]]:
    """`body` without copies that can go; `carries` maps the buffer of each next value to the carry it is the next value of.

    Returns the steps and the next values that are now written into the carry itself.
    """
    steps = list(body)
    done: set[Buffer] = set()
    fixed = set(carries) | set(carries.values())
    for following, now in carries.items():
        while True:
            at = _first_write(steps, following)
            source = None if at is None else copied_buffer(steps[at], following)
            if at is None or source is None:
                break
            steps, at = _reading_first(steps, at, source)
            if not _free_after(source, steps[at + 1:]):
                break
            if source is now:
                steps = [*steps[:at], *renamed(steps[at + 1:], {following: now})]
                done.add(following)
                break
            if source.role != "temp" or source in fixed or _first_write(steps, source) is None:
                break
            steps = [*renamed(steps[:at], {source: following}), *steps[at + 1:]]
    return steps, done


def _first_write(steps: Sequence[Step], buffer: Buffer) -> int | None:
    return next((i for i, s in enumerate(steps) if buffer in writes(s)), None)


def _reading_first(steps: list[Step], at: int, buffer: Buffer) -> tuple[list[Step], int]:
    """`steps` with those that read `buffer` after step `at` brought before it, where that changes nothing; and where `at` is then."""
    before, kept = steps[:at], [steps[at]]
    for step in steps[at + 1:]:
        needs, makes = reads(step), writes(step)
        if buffer in needs and all(makes.isdisjoint(reads(k) | writes(k)) and needs.isdisjoint(writes(k)) for k in kept):
            before.append(step)
        else:
            kept.append(step)
    return [*before, *kept], len(before)


def _free_after(buffer: Buffer, steps: Sequence[Step]) -> bool:
    return not any(buffer in reads(s) or buffer in writes(s) for s in steps)


def copied_buffer(step: Step, target: Buffer) -> Buffer | None:
    """The buffer of which `step` makes `target` a plain copy, or None."""
    if not isinstance(step, Nest) or step.serial or step.reduce:
        return None
    unit = 2 if target.dtype.kind == "c" else 1
    strides = contiguous_strides(step.axes, unit)
    source: Buffer | None = None
    if step.axes != target.shape or len(step.body) != unit:
        return None
    for part, s in enumerate(step.body):
        if not isinstance(s, Store) or s.access != Access(target, part, strides) or s.node.op != "load" or s.node.args:
            return None
        access = s.node.attr
        if access.offset != part or access.strides != strides or (source is not None and access.buffer is not source):
            return None
        source = access.buffer
    if source is None or source.dtype != target.dtype or source.elements != target.elements:
        return None
    return source


def renamed(steps: Sequence[Step], names: dict[Buffer, Buffer]) -> Steps:
    """`steps` with buffers replaced."""
    return tuple(_renamed(s, names) for s in steps)


def _renamed(step: Step, names: dict[Buffer, Buffer]) -> Step:
    if names.keys().isdisjoint(reads(step) | writes(step)):
        return step

    def name(buffer: Buffer) -> Buffer:
        if buffer.role == "window" and buffer not in names:
            parent = name(buffer.source.parent)  # which may be a window itself
            if parent is not buffer.source.parent:
                moved = Buffer(buffer.dtype, buffer.shape, "window")
                moved.source = replace(buffer.source, parent=parent)
                names[buffer] = moved
        return names.get(buffer, buffer)

    def access(a: Access) -> Access:
        return Access(name(a.buffer), a.offset, a.strides)

    match step:
        case Contract():
            return replace(step, a=access(step.a), b=access(step.b), c=access(step.c))
        case Sort():
            return replace(step, order=name(step.order), keys=tuple(map(name, step.keys)))
        case Library():
            parts = (step.inputs, step.updates, step.outputs, step.scratch)
            return Library(step.call, step.batch, *(tuple(map(name, part)) for part in parts))
        case Loop():
            before, condition, body, after = (renamed(p, names) for p in step.parts)
            return Loop(name(step.counter), step.count, body, before, after, condition, step.predicate and name(step.predicate),
                        tuple((name(a), name(b)) for a, b in step.swaps))
        case Branch():
            return Branch(name(step.index), tuple(renamed(p, names) for p in step.branches))
        case Callback():
            return replace(step, inputs=tuple(map(name, step.inputs)), outputs=tuple(map(name, step.outputs)))
    memo: dict[int, Node] = {}

    def leaf(node: Node) -> Node:
        return Node("load", node.args, node.dtype, access(node.attr)) if node.op == "load" else node

    def of(node: Node) -> Node:
        return map_leaves(node, leaf, memo)

    statements: list[Store | Reduce] = []
    for s in step.body:
        if isinstance(s, Reduce):
            statements.append(Reduce(s.op, tuple(map(of, s.nodes)), tuple(map(access, s.accesses))))
        else:
            statements.append(Store(access(s.access), of(s.node), s.dynamic and of(s.dynamic), s.combine, s.mask and of(s.mask)))
    return replace(step, body=tuple(statements))
