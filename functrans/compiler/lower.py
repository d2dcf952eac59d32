"""From a jaxpr to a program: each equation's `lower` rule in turn, outputs stored, stores that nobody reads dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.compiler.fuse import CHEAP, LARGE, Fuser
from functrans.core.array import Array
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Literal, Var
from functrans.core.source import describe
from functrans.kernel import Access, Buffer, Contract, Expr, Nest, Program, Reduce, Store, node_accesses

__all__ = ["lower_jaxpr", "prune"]


def lower_jaxpr(closed: ClosedJaxpr) -> Program:
    """The program of a jaxpr whose equations all have `lower` rules; inputs and outputs in the jaxpr's order.

    Outputs that are inputs, literals or repeats of one another are left to the caller: `Program.outputs` has one buffer
    for each distinct computed output variable, in order of first occurrence.
    """
    jaxpr = closed.jaxpr
    program = Program([], [])
    program.flags = Buffer(np.dtype(bool), (0,), "output", -1)
    fuser = Fuser(program)
    env: dict[Any, Expr] = {}
    for i, v in enumerate(jaxpr.invars):
        buffer = Buffer(v.aval.dtype, v.aval.shape, "input", i)
        program.inputs.append(buffer)
        env[v] = fuser.load(buffer)
    for v, c in zip(jaxpr.constvars, closed.consts, strict=True):
        buffer = Buffer(v.aval.dtype, v.aval.shape, "const", len(program.consts))
        buffer.source = c._value if type(c) is Array else np.asarray(c)
        program.consts.append(buffer)
        env[v] = fuser.load(buffer)
    uses = use_counts(jaxpr)

    def value(a: Var | Literal) -> Expr:
        return env[a] if type(a) is Var else fuser.const(a.value, a.aval.dtype)

    for eqn in jaxpr.eqns:
        fuser.site = describe(eqn.source)
        out = eqn.primitive.rule("lower")(fuser, *map(value, eqn.invars), **eqn.params)
        outs = out if eqn.primitive.multiple_results else [out]
        for v, x in zip(eqn.outvars, outs, strict=True):
            n = uses.get(v, 0)
            if not n:
                continue
            if (n > 1 and x.weight > CHEAP) or x.weight > LARGE:
                x = fuser.stored(x)
            env[v] = x
    _store_outputs(jaxpr, program, fuser, env)
    prune(program)
    return program


def _store_outputs(jaxpr: Jaxpr, program: Program, fuser: Fuser, env: dict[Any, Expr]) -> None:
    inputs = set(jaxpr.invars) | set(jaxpr.constvars)
    for v in dict.fromkeys(a for a in jaxpr.outvars if type(a) is Var and a not in inputs):
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


def use_counts(jaxpr: Jaxpr) -> dict[Any, int]:
    """How often each variable is used, outputs included."""
    uses: dict[Any, int] = {}
    for eqn in jaxpr.eqns:
        for a in eqn.invars:
            if type(a) is Var:
                uses[a] = uses.get(a, 0) + 1
    for a in jaxpr.outvars:
        if type(a) is Var:
            uses[a] = uses.get(a, 0) + 1
    return uses


def prune(program: Program) -> None:
    """Drop stores into temps that nobody reads, and the steps this leaves empty."""
    read: set[Buffer] = set()
    kept: list[Any] = []
    for step in reversed(program.steps):
        if isinstance(step, Contract):
            if step.c.buffer.role == "temp" and step.c.buffer not in read:
                continue
            read |= {step.a.buffer, step.b.buffer}
            kept.append(step)
            continue
        body = tuple(s for s in step.body if any(a.buffer.role != "temp" or a.buffer in read for a in written(s)))
        if not body:
            continue
        step = step if len(body) == len(step.body) else Nest(step.axes, step.reduce, body, step.serial)
        for s in body:
            nodes = s.nodes if isinstance(s, Reduce) else tuple(n for n in (s.node, s.dynamic, s.mask) if n is not None)
            read |= {load.attr.buffer for load in node_accesses(nodes)}
        kept.append(step)
    program.steps = kept[::-1]


def written(statement: Store | Reduce) -> tuple[Access, ...]:
    """The accesses a statement writes."""
    return statement.accesses if isinstance(statement, Reduce) else (statement.access,)
