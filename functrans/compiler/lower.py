"""From a jaxpr to a program: each equation's `lower` rule in turn, outputs stored, stores that nobody reads dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functrans.compiler.regions import Lowering
from functrans.core.dtypes import float0
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Var
from functrans.kernel import (
    Access,
    Branch,
    Buffer,
    Callback,
    Contract,
    Expr,
    Library,
    Loop,
    Nest,
    Program,
    Reduce,
    Sort,
    Step,
    Steps,
    Store,
    has_effect,
    reads,
    writes,
)

__all__ = ["lower_jaxpr", "prune"]


def lower_jaxpr(closed: ClosedJaxpr) -> Program:
    """The program of a jaxpr whose equations all have `lower` rules; inputs and outputs in the jaxpr's order.

    Outputs that are inputs, literals, of dtype float0 or repeats of one another are left to the caller: `Program.outputs` has one buffer
    for each distinct computed output variable, in order of first occurrence.
    """
    jaxpr = closed.jaxpr
    program = Program([], [])
    program.flags = Buffer(np.dtype(bool), (0,), "output", -1)
    lowering = Lowering(program)
    env: dict[Any, Expr] = {}
    for i, v in enumerate(jaxpr.invars):
        buffer = Buffer(v.aval.dtype, v.aval.shape, "input", i)
        program.inputs.append(buffer)
        no_elements = v.aval.dtype == float0
        env[v] = lowering.broadcast(lowering.const(False, np.bool_), v.aval.shape, ()) if no_elements else lowering.load(buffer)
    env.update(zip(jaxpr.constvars, map(lowering.constant, closed.consts), strict=True))
    lowering.evaluate(jaxpr, env)
    _store_outputs(jaxpr, program, lowering, env)
    prune(program)
    return program


def _store_outputs(jaxpr: Jaxpr, program: Program, fuser: Lowering, env: dict[Any, Expr]) -> None:
    inputs = set(jaxpr.invars) | set(jaxpr.constvars)
    for v in dict.fromkeys(a for a in jaxpr.outvars if type(a) is Var and a not in inputs and a.aval.dtype != float0):
        x = env[v]
        buffer = fuser.whole_buffer(x)
        if buffer is None or buffer.role != "temp":
            buffer = fuser.temp(x.dtype, x.shape)
            fuser._add_to_group(buffer, x)
        buffer.role = "output"
        buffer.shape = x.shape  # the same elements, where the result is a reshape of what was stored
        buffer.slot = len(program.outputs)
        program.outputs.append(buffer)
    fuser.close_all()
    assert program.flags is not None
    program.flags.shape = (len(program.checks),)


def prune(program: Program) -> None:
    """Drop stores into temps that nobody reads, and the steps this leaves empty."""
    program.steps = list(_pruned(program.steps, set()))


def _pruned(steps: Sequence[Step], read: set[Buffer]) -> Steps:
    """`steps` without dead stores; `read` are the buffers read after them, and grows by those that they read."""
    kept: list[Step] = []
    for step in reversed(steps):
        match step:
            case Nest():
                body = tuple(s for s in step.body if any(_lasting(a.buffer, read) for a in written(s)))
                if not body:
                    continue
                step = step if len(body) == len(step.body) else Nest(step.axes, step.reduce, body, step.serial)
            case Contract():
                if not _lasting(step.c.buffer, read):
                    continue
            case Sort():
                if not _lasting(step.order, read):
                    continue
            case Library():
                if not any(_lasting(b, read) for b in (*step.updates, *step.outputs)):
                    continue
            case Branch():
                step = Branch(step.index, tuple(_pruned(part, set(read)) for part in step.branches))
                if not any(step.branches):
                    continue
            case Loop():
                if not has_effect(step) and not any(_lasting(b, read) for b in writes(step)):
                    continue
                inside = read | reads(step)  # what a turn writes, the next one may read
                before, condition, inner, after = (_pruned(part, set(inside)) for part in step.parts)
                step = replace(step, before=before, condition=condition, body=inner, after=after)
            case Callback():
                if not has_effect(step) and not any(_lasting(b, read) for b in step.outputs):
                    continue
        read |= reads(step)
        kept.append(step)
    return tuple(kept[::-1])


def _lasting(buffer: Buffer, read: set[Buffer]) -> bool:
    """Whether what is stored into `buffer` is seen by anyone."""
    while buffer.role == "window":
        buffer = buffer.source.parent
    return buffer.role != "temp" or buffer in read


def written(statement: Store | Reduce) -> tuple[Access, ...]:
    """The accesses a statement writes."""
    return statement.accesses if isinstance(statement, Reduce) else (statement.access,)
