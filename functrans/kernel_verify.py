"""The verifier of the kernel IR: every access in bounds, every operand of the right type, every temporary written before
it is read. Runs after fusion under `config.check`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from functrans.errors import FunctransRuntimeError
from functrans.kernel import (
    COMBINE,
    COMPARISONS,
    REDUCE_STATES,
    Access,
    Buffer,
    Contract,
    Nest,
    Node,
    Program,
    Reduce,
    Store,
    node_accesses,
)
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
    for number, step in enumerate(program.steps):
        try:
            if isinstance(step, Contract):
                _contract(step, known)
            else:
                _nest(step, known)
        except KernelError as error:
            raise KernelError(f"step {number}, {step}: {error}") from None
    missing = [b for b in program.outputs if b not in known and prod(b.shape)]
    if missing:
        raise KernelError(f"outputs {missing} are never written")


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
