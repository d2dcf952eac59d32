"""The compiler from end to end: a jaxpr in, an `Executable` out.

::

    simplify   jaxpr -> jaxpr      calls inlined, equal equations merged, dead ones dropped
    fuse       jaxpr -> program    loop nests over buffers (kernel IR)
    generate   program -> LLVM IR  kernels deduplicated, memory planned
    link       LLVM IR -> address

Each stage's result can be looked at: `Stages` keeps them for `jit(f).lower(...)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.compiler.codegen import Module, generate
from functrans.compiler.engine import HostCall, Linked, assembly, host_layout, host_target, link
from functrans.compiler.lower import lower_jaxpr
from functrans.compiler.simplify import simplify
from functrans.config import options
from functrans.core.array import Array
from functrans.core.check import check_jaxpr
from functrans.core.dtypes import float0
from functrans.core.jaxpr import ClosedJaxpr, Literal
from functrans.kernel import Program
from functrans.kernel_verify import verify

__all__ = ["Executable", "Stages", "compile_jaxpr"]


@dataclass(frozen=True, slots=True)
class Stages:
    """What each pass made of a jaxpr. The jaxpr itself is not here: code is kept as long as its jaxpr lives, and no longer."""

    simplified: ClosedJaxpr
    program: Program
    module: Module

    def assembly(self) -> str:
        """The host's assembly."""
        return assembly(self.module.text, self.module.controls)


def compile_jaxpr(closed: ClosedJaxpr) -> Executable:
    """Compile a jaxpr whose constants are concrete arrays."""
    checking = options().check
    simplified = simplify(closed)
    if checking:
        check_jaxpr(simplified.jaxpr)
    program = lower_jaxpr(simplified)
    if checking:
        verify(program)
    module = generate(program, host_target(), host_layout())
    linked = link(module.text, module.entry, module.controls, module.routines)
    return Executable(Stages(simplified, program, module), linked)


class Executable:
    """Compiled code with what a call needs around it: output buffers, an arena, the checks.

    ``executable(values)`` takes one contiguous ndarray of the right type for each input and returns ndarrays. `fill` is the
    part of it that leaves buffers and errors to the caller: `buffers` are the shapes and dtypes of the computed outputs, and
    `plan` says where each result of the jaxpr is found (``("out", number)`` of a buffer, ``("in", number)`` of an input, or
    ``("const", array)``).
    """

    __slots__ = ("_arena_bytes", "_arenas", "_call", "_callables", "_checks", "_consts", "_linked", "_simple", "buffers", "plan", "stages")

    def __init__(self, stages: Stages, linked: Linked) -> None:
        self.stages = stages
        self._linked = linked
        self._call = linked.call
        program = stages.program
        self._consts = tuple(np.ascontiguousarray(c.source, dtype=c.dtype) for c in program.consts)
        self.buffers = tuple((b.shape, b.dtype) for b in program.outputs)
        self._checks = program.checks
        self.plan = _output_plan(stages.simplified)
        self._simple = self.plan == [("out", i) for i in range(len(self.buffers))]
        self._callables = tuple(map(HostCall, stages.module.callbacks))
        self._arena_bytes = stages.module.arena_bytes
        self._arenas: list[np.ndarray] = []  # list.pop and append are atomic: a pool without a lock

    def __call__(self, values: list[np.ndarray]) -> list[np.ndarray]:
        outputs = [np.empty(shape, dtype) for shape, dtype in self.buffers]
        failed = self.fill(values, outputs)
        if failed is not None:
            raise IndexError(failed)
        return outputs if self._simple else self.results(self.plan, values, outputs)

    def fill(self, values: list[np.ndarray], outputs: list[np.ndarray]) -> str | None:
        """Run on `values` into `outputs`; the message of the first check that failed, if one did."""
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = np.empty(self._arena_bytes + 128, np.uint8)
            arena = arena[-arena.ctypes.data % 64:]
        flags = np.zeros(len(self._checks), np.bool_) if self._checks else arena
        self._call((*values, *self._consts, *outputs, flags, arena, *self._callables))
        self._arenas.append(arena)
        return self._checks[int(flags.argmax())] if self._checks and flags.any() else None

    @staticmethod
    def results(plan: list[tuple[str, Any]], values: list[np.ndarray], outputs: list[np.ndarray]) -> list[np.ndarray]:
        """What `plan` names, given the inputs and the computed outputs."""
        return [outputs[which] if kind == "out" else _frozen(values[which]) if kind == "in" else which for kind, which in plan]


def _frozen(value: np.ndarray) -> np.ndarray:
    """`value`, or a copy where its owner could still change it: results are immutable, and callers' arrays are not."""
    return value.copy() if value.flags.writeable else value


def _output_plan(closed: ClosedJaxpr) -> list[tuple[str, Any]]:
    """For each output, where it comes from: a computed buffer, an input as it is, or a constant."""
    jaxpr = closed.jaxpr
    inputs = {v: i for i, v in enumerate(jaxpr.invars)}
    consts = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    computed: dict[Any, int] = {}
    plan: list[tuple[str, Any]] = []
    for a in jaxpr.outvars:
        if type(a) is Literal:
            plan.append(("const", _frozen(np.asarray(a.value, a.aval.dtype))))
        elif a.aval.dtype == float0:  # float0 arrays differ in nothing but shape
            plan.append(("const", _frozen(np.zeros(a.aval.shape, a.aval.dtype))))
        elif a in inputs:
            plan.append(("in", inputs[a]))
        elif a in consts:
            c = consts[a]
            plan.append(("const", _frozen(c._value if type(c) is Array else np.asarray(c))))
        else:
            plan.append(("out", computed.setdefault(a, len(computed))))
    return plan
