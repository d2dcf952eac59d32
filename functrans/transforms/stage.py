"""Staging: from a function of flat arrays to a jaxpr.

Every operation under a `StagingTrace` becomes an equation, on constants too, so that a constant array is built inside the
program and not while tracing. Arrays and outer tracers that the function closes over become `constvars`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from functrans.config import options
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.check import check_jaxpr
from functrans.core.conversion import Conversion
from functrans.core.interpret import run_eqn
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.leaks import ended
from functrans.core.source import user_source
from functrans.core.trace import EvalTrace, Primitive, Trace, Tracer, current_trace, escaped, leaked, running, typeof

__all__ = ["Recorder", "StagingTrace", "StagingTracer", "stage", "staged_constant"]


class Recorder(Protocol):
    """Answers questions about values while a function is staged (`functrans.calls.guards`)."""

    @property
    def answered(self) -> bool:
        """Whether what was staged depends on an answer."""

    def begin(self, trace: StagingTrace, inputs: Sequence[Var]) -> None:
        """Staging starts."""

    def ask(self, tracer: StagingTracer, conversion: Conversion) -> Any:
        """The Python value of `tracer` under `conversion`."""

    def end(self) -> None:
        """Staging is over: let go of the values."""


class StagingTracer(Tracer):
    """A variable of the jaxpr being recorded."""

    __slots__ = ("variable",)

    def __init__(self, trace: StagingTrace, variable: Var) -> None:
        self._trace = trace
        self._made_at = None
        self.aval = variable.aval
        self.variable = variable

    def describe(self) -> str:
        self._made_at = self._trace.sources.get(self.variable)  # type: ignore[attr-defined]
        return Tracer.describe(self)

    def asked(self, conversion: Conversion) -> Any:
        trace: StagingTrace = self._trace  # type: ignore[assignment]
        if not trace.alive:
            raise leaked(self)
        return None if trace.recorder is None else trace.recorder.ask(self, conversion)

    def why_unknown(self) -> str:
        trace: StagingTrace = self._trace  # type: ignore[assignment]
        return trace.why or (f"Its value is not known: {trace.name} traces the function once for all values, by shapes and dtypes alone.")


class StagingTrace(Trace):
    """Records equations. `name` is what messages call the transformation that stages; `why`, the reason why values are unknown."""

    __slots__ = ("_consts", "_held", "eqns", "name", "recorder", "sources", "why")

    def __init__(self, parent: Trace, name: str = "jit", recorder: Recorder | None = None, why: str = "") -> None:
        super().__init__(parent)
        self.recorder = recorder
        self.why = why
        self.name = name  # type: ignore[misc]
        self.eqns: list[Eqn] = []
        self.sources: dict[Var, Any] = {}
        self._consts: dict[int, Var] = {}
        self._held: list[Any] = []  # the constants, in the order of their variables; also keeps their ids alive

    def atom(self, x: Any) -> Var | Literal:
        """The operand that stands for `x` in an equation."""
        if type(x) is StagingTracer and x._trace is self:
            return x.variable
        kind = type(x)
        if kind is float or kind is int or kind is bool or kind is complex:
            return Literal(x, typeof(x))
        if isinstance(x, Tracer):
            if not x._trace.alive or not self.is_inside(x._trace):
                raise escaped(x)
            return self._const(x)
        aval = typeof(x)
        if not aval.shape:
            value = x._value if kind is Array else np.asarray(x)
            scalar = value.item() if aval.weak_type else aval.dtype.type(value[()])
            return Literal(scalar, aval)
        return self._const(x)

    def _const(self, x: Any) -> Var:
        var = self._consts.get(id(x))
        if var is None:
            held = x
            if isinstance(x, np.ndarray) and (x.flags.writeable or not x.dtype.isnative):
                held = Array(np.array(x, dtype=typeof(x).dtype))  # later writes by the owner must not change the program
                self._held.append(x)
            var = self._consts[id(x)] = Var(typeof(x))
            self._held.append((var, held))
            if held is not x:
                self._held.append(x)
        return var

    def consts(self) -> tuple[list[Var], list[Any]]:
        """The closed-over values and their variables."""
        pairs = [h for h in self._held if type(h) is tuple]
        return [v for v, _ in pairs], [c for _, c in pairs]

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        if not self.alive:
            raise leaked(next(x for x in args if isinstance(x, Tracer)))
        atoms = [self.atom(x) for x in args]
        avals = primitive.rule("abstract")(*[a.aval for a in atoms], **params)
        source = user_source()
        if primitive.multiple_results:
            outs = [Var(a) for a in avals]
            self.eqns.append(Eqn(primitive, atoms, outs, params, source))
            return [StagingTracer(self, v) for v in outs]
        out = Var(avals)
        self.eqns.append(Eqn(primitive, atoms, [out], params, source))
        self.sources[out] = source
        return StagingTracer(self, out)


def stage(
    fun: Callable[..., Sequence[Any]], in_avals: Sequence[ShapedArray], name: str = "jit", recorder: Recorder | None = None, why: str = "",
) -> ClosedJaxpr:
    """The jaxpr of ``fun(*flat_args) -> flat_results`` at the given avals.

    Values of outer traces that `fun` closes over come back among the consts, as the tracers they are. Questions about values go
    to `recorder`; without one they are refused, and the message says `why`.
    """
    trace = StagingTrace(current_trace(), name, recorder, why)
    inputs = [Var(a) for a in in_avals]
    if recorder is not None:
        recorder.begin(trace, inputs)
    try:
        with running(trace):
            outs = fun(*[StagingTracer(trace, v) for v in inputs])
        atoms = [trace.atom(x) for x in outs]
        del outs
    finally:
        trace.close()
        trace.recorder = None
        if recorder is not None:
            recorder.end()
    ended(trace)
    constvars, consts = trace.consts()
    jaxpr = Jaxpr(tuple(constvars), tuple(inputs), tuple(trace.eqns), tuple(atoms))
    if options().check:
        check_jaxpr(jaxpr)
    return ClosedJaxpr(jaxpr, tuple(consts))


def staged_constant(tracer: StagingTracer) -> Any:
    """The value of a staged expression of literals alone, such as ``zeros_like(x)``; None for any other."""
    eqns = tracer._trace.eqns  # type: ignore[attr-defined]
    wanted, found = {tracer.variable}, []
    for eqn in reversed(eqns):
        if not wanted.isdisjoint(eqn.outvars):
            found.append(eqn)
            wanted = wanted.difference(eqn.outvars) | {a for a in eqn.invars if type(a) is Var}
    if wanted:
        return None
    env: dict[Var, Any] = {}
    with running(EvalTrace(None)):
        for eqn in reversed(found):
            operands = [a.operand if type(a) is Literal else env[a] for a in eqn.invars]
            env.update(run_eqn(eqn, operands))
    return env[tracer.variable]
