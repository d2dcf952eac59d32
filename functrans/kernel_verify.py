"""The verifier of the kernel IR: every access in bounds, every operand of the right type, every temporary written before
it is read. Runs after fusion under `config.check`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from functrans.core.dtypes import is_unsigned
from functrans.errors import FunctransRuntimeError
from functrans.kernel import (
    COMBINE,
    COMPARISONS,
    REDUCE_STATES,
    Access,
    Branch,
    Buffer,
    Callback,
    Contract,
    Library,
    Loop,
    Nest,
    Node,
    Program,
    Reduce,
    Sort,
    Step,
    Store,
    node_accesses,
    reads,
    writes,
)
from functrans.lapack import Slot
from functrans.scalar_ops import SCALAR_OPS

__all__ = ["KernelError", "verify"]


class KernelError(FunctransRuntimeError):
    """A malformed kernel program: a defect of the compiler, not of the user's code."""


def verify(program: Program) -> None:
    """Check a program.

    Raises:
        KernelError: naming the step and what is wrong with it.
    """
    known: set[Buffer] = {*program.inputs, *program.consts}
    if program.flags is not None:
        known.add(program.flags)
    _steps(program.steps, known)
    missing = [b for b in program.outputs if b not in known and 0 not in b.shape]
    if missing:
        raise KernelError(f"outputs {missing} are never written")


def _steps(steps: Sequence[Step], known: set[Buffer]) -> None:
    """Check steps in order; `known` are the buffers written before, and grows."""
    for number, step in enumerate(steps):
        try:
            match step:
                case Contract():
                    _contract(step, known)
                case Sort():
                    _sort(step, known)
                case Library():
                    _library(step, known)
                case Nest():
                    _nest(step, known)
                case Loop():
                    _loop(step, known)
                case Branch():
                    _branch(step, known)
                case Callback():
                    _callback(step, known)
        except KernelError as error:
            raise KernelError(f"step {number}, {step}: {error}") from None


def _loop(step: Loop, known: set[Buffer]) -> None:
    if (step.count is None) != (step.predicate is not None) or (step.count is not None and step.count < 1):
        raise KernelError("a loop has either a positive count or a condition")
    known.add(step.counter)
    _windows(step, known)
    _steps(step.before, known)
    known.update(partner for _, partner in step.swaps)
    _steps(step.condition, known)
    if step.predicate is not None and step.predicate not in known:
        raise KernelError("the predicate is never written")
    _steps(step.body, known)
    for now, partner in step.swaps:
        if now.dtype != partner.dtype or now.elements != partner.elements:
            raise KernelError(f"{now} and {partner} cannot change places")
    _steps(step.after, known)


def _windows(step: Loop, known: set[Buffer]) -> None:
    """Every window of the loop lies in its parent on every turn, and what is stacked counts as written."""
    for b in {b for part in step.parts for inner in part for b in reads(inner) | writes(inner) if b.role == "window"}:
        window = b.source
        if window.counter is not step.counter:
            continue
        ends = (window.offset, window.offset + window.step * ((step.count or 1) - 1))
        if b.elements and (min(ends) < 0 or max(ends) + b.elements > window.parent.elements):
            raise KernelError(f"the window {window} leaves its parent")
        known |= {b, window.parent}


def _branch(step: Branch, known: set[Buffer]) -> None:
    if step.index not in known or step.index.dtype != "int32":
        raise KernelError("the index of a branch must be a written int32 scalar")
    outcomes = []
    for part in step.branches:
        outcomes.append(set(known))
        _steps(part, outcomes[-1])
    known |= set.intersection(*outcomes)


def _callback(step: Callback, known: set[Buffer]) -> None:
    for buffers, types in ((step.inputs, step.in_types), (step.outputs, step.out_types)):
        if len(buffers) != len(types):
            raise KernelError(f"{len(types)} types for {len(buffers)} buffers")
        for b, (shape, dtype) in zip(buffers, types, strict=True):
            if b.dtype != dtype or prod(b.shape) != prod(shape):
                raise KernelError(f"{b} is not an array of {dtype.name}{list(shape)}")
    for b in step.inputs:
        if b not in known and b.elements:
            raise KernelError(f"{b} is read before it is written")
    if step.failed is not None and (step.failed not in known or step.failed.dtype != np.bool_):
        raise KernelError("what keeps a callback from running must be written bools")
    known.update(step.outputs)


def _in_bounds(access: Access, sizes: Sequence[int]) -> None:
    if len(access.strides) != len(sizes):
        raise KernelError(f"{access} has {len(access.strides)} strides for {len(sizes)} axes")
    if 0 in sizes:
        return
    low = access.offset + sum(min(0, s * (n - 1)) for s, n in zip(access.strides, sizes, strict=True))
    high = access.offset + sum(max(0, s * (n - 1)) for s, n in zip(access.strides, sizes, strict=True))
    if low < 0 or high >= access.buffer.elements:
        raise KernelError(f"{access} reaches elements {low} to {high} of {access.buffer.elements}")


def _contract(step: Contract, known: set[Buffer]) -> None:
    for access, rows, cols in ((step.a, step.m, step.k), (step.b, step.k, step.n), (step.c, step.m, step.n)):
        _in_bounds(access, (*step.batch, rows, cols))
        if access.buffer.elem != step.elem:
            raise KernelError(f"{access} holds {access.buffer.elem}, not {step.elem}")
    for access in (step.b, step.c):
        if access.strides[-1] != 1:
            raise KernelError(f"{access} must have column stride 1")
    for access in (step.a, step.b):
        if access.buffer not in known:
            raise KernelError(f"{access.buffer} is read before it is written")
    known.add(step.c.buffer)


def _sort(step: Sort, known: set[Buffer]) -> None:
    size = step.rows * step.n
    if step.order.dtype != "int64" or step.order.elements != size or size == 0:
        raise KernelError(f"{step.order} cannot hold the order of {step.rows} rows of {step.n}")
    for key in step.keys:
        if key not in known:
            raise KernelError(f"{key} is read before it is written")
        if not is_unsigned(key.dtype) or key.elements != size:
            raise KernelError(f"{key} is not {size} unsigned integers")
    known.add(step.order)


def _library(step: Library, known: set[Buffer]) -> None:
    for b in (*step.inputs, *step.updates):
        if b not in known:
            raise KernelError(f"{b} is read before it is written")
    for a in step.call.args:
        if isinstance(a, Slot) and a.step * (step.batch - 1) >= prod(step.operands[a.operand].shape):
            raise KernelError(f"{a} leaves {step.operands[a.operand]}")
    needed = [(s.dtype, s.size) for s in step.call.scratch]
    if [(b.dtype.name, b.elements) for b in step.scratch] != [(d, n * (2 if d.startswith("c") else 1)) for d, n in needed]:
        raise KernelError(f"the workspaces {step.scratch} are not {needed}")
    known.update(step.outputs)


def _nest(nest: Nest, known: set[Buffer]) -> None:
    parallel = len(nest.axes) - nest.reduce
    for s in nest.body:
        nodes = s.nodes if isinstance(s, Reduce) else tuple(n for n in (s.node, s.dynamic, s.mask) if n is not None)
        for node in nodes:
            _types(node)
        for load in node_accesses(nodes):
            if load.attr.buffer not in known and load.attr.buffer.elements:
                raise KernelError(f"{load.attr.buffer} is read before it is written")
            if not load.args:
                _in_bounds(load.attr, nest.axes)
            if load.dtype != load.attr.buffer.elem:
                raise KernelError(f"a load of {load.attr.buffer} is typed {load.dtype}")
    for s in nest.body:
        if isinstance(s, Reduce):
            _reduce(s, nest, parallel)
            known.update(a.buffer for a in s.accesses)
        else:
            _store(s, nest, known)
            known.add(s.access.buffer)


def _reduce(s: Reduce, nest: Nest, parallel: int) -> None:
    if REDUCE_STATES.get(s.op) != len(s.nodes) or len(s.accesses) != len(s.nodes):
        raise KernelError(f"reduce {s.op} has {len(s.nodes)} states and {len(s.accesses)} results")
    for access, node in zip(s.accesses, s.nodes, strict=True):
        if any(access.strides[parallel:]):
            raise KernelError(f"{access} moves along a reduce axis")
        _in_bounds(access, (*nest.axes[:parallel], *([1] * nest.reduce)))
        if access.buffer.elem != node.dtype:
            raise KernelError(f"{node.dtype} is stored into {access.buffer}")


def _store(s: Store, nest: Nest, known: set[Buffer]) -> None:
    if s.combine not in COMBINE:
        raise KernelError(f"unknown combination {s.combine!r}")
    if s.combine != "set" and not nest.serial:
        raise KernelError("a combining store needs a serial nest")
    if s.combine != "set" and s.access.buffer not in known:
        raise KernelError(f"{s.access.buffer} is combined with before it is written")
    if s.dynamic is not None and s.dynamic.dtype != "int64":
        raise KernelError(f"a dynamic offset of type {s.dynamic.dtype}")
    if s.node.dtype != s.access.buffer.elem:
        raise KernelError(f"{s.node.dtype} is stored into {s.access.buffer}")
    if s.dynamic is None:
        _in_bounds(s.access, nest.axes)
    if s.mask is not None and s.mask.dtype != "bool":
        raise KernelError(f"a mask of type {s.mask.dtype}")


def _types(root: Node) -> None:
    """Operands of one operation have one type; comparisons give bool; selects choose by bool."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.extend(node.args)
        kinds = [a.dtype for a in node.args]
        match node.op:
            case "load":
                if kinds and kinds != ["int64"]:
                    raise KernelError(f"a dynamic offset of type {kinds}")
            case "select":
                if kinds[0] != "bool" or kinds[1] != kinds[2] or node.dtype != kinds[1]:
                    raise KernelError(f"select of {kinds}")
            case "convert" | "bitcast" | "const" | "index":
                pass
            case _:
                if node.op not in SCALAR_OPS:
                    raise KernelError(f"unknown operation {node.op!r}")
                if len(set(kinds)) != 1:
                    raise KernelError(f"{node.op} of operands {kinds}")
                if node.dtype != ("bool" if node.op in COMPARISONS or node.op == "is_finite" else kinds[0]):
                    raise KernelError(f"{node.op} gives {node.dtype} of operands {kinds}")
