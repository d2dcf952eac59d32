"""Linearization and transposition: reverse mode is derived, never stated.

`linearize` runs a function once: primals are computed by the parent trace (eagerly, or as equations when staging), and
tangents are recorded as a *linear program* of equations whose coefficients are the residuals. The jvp rules serve: they
run under a `TangentTrace`, which passes what does not depend on a tangent to the parent and records what does.

`transpose` runs the linear program backwards: the cotangent of every variable is the sum, over its uses, of what the
using equation's `transpose` rule gives. Example: for ``y = sin(x) * x`` the recorded program is::

    a = mul x_dot cos(x)      residuals: cos(x), x, sin(x)
    b = mul a x
    c = mul sin(x) x_dot
    d = add b c

and backwards, from d_bar: b_bar = c_bar = d_bar; x_bar = sin(x)*c_bar; a_bar = b_bar*x; x_bar += a_bar*cos(x).

References: Frostig et al., "Decomposing reverse-mode automatic differentiation" (2021); Radul et al., "You only
linearize once" (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.check import check_linear
from functrans.core.dtypes import is_inexact
from functrans.core.interpret import run_eqn
from functrans.core.jaxpr import Atom, Eqn, Jaxpr, Literal, Var
from functrans.core.leaks import ended
from functrans.core.source import interpreter
from functrans.core.trace import Primitive, Trace, Tracer, current_trace, leaked, running, to_numpy, typeof
from functrans.primitives.builders import add_p
from functrans.transforms.jvp import JVPTracer
from functrans.util import safe_zip

__all__ = [
    "LinearProgram", "LinearTracer", "LinearizeTrace", "LinearizeTracer", "Residual", "TangentTrace", "check_linear_program",
    "evaluate_linear", "linearize_flat", "record_linear", "transpose_jaxpr", "transpose_linear",
]


class LinearTracer(Tracer):
    """A tangent: a variable of the linear program being recorded."""

    __slots__ = ("variable",)

    def __init__(self, trace: Trace, variable: Var) -> None:
        self._trace = trace
        self._made_at = None
        self.aval = variable.aval
        self.variable = variable

    def _unknown(self, what: str, error: type[Exception]) -> str:
        refusal = self._trace.refusal if isinstance(self._trace, TangentTrace) else None
        return super()._unknown(what, error) if refusal is None else refusal(what)


class TangentTrace(Trace):
    """Records what depends on a tangent; leaves the rest to the parent.

    `refusal` gives the message where Python asks for the value of what depends on one; by default that of any tracer.
    """

    __slots__ = ("eqns", "refusal")
    name = "linearize"

    def __init__(self, parent: Trace | None, refusal: Callable[[str], str] | None = None) -> None:
        super().__init__(parent)
        self.eqns: list[Eqn] = []
        self.refusal = refusal

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        for x in args:
            if type(x) is LinearTracer and x._trace is self:
                break
        else:
            return self.parent.process(primitive, args, params)  # type: ignore[union-attr]
        operands: list[Any] = []
        avals = []
        for x in args:
            if type(x) is LinearTracer and x._trace is self:
                operands.append(x.variable)
                avals.append(x.aval)
            else:
                operands.append(Residual(_frozen(x)))
                avals.append(typeof(x))
        out = primitive.rule("abstract")(*avals, **params)
        if primitive.multiple_results:
            outs = [Var(a) for a in out]
            self.eqns.append(Eqn(primitive, operands, outs, params))
            return [LinearTracer(self, v) for v in outs]
        var = Var(out)
        self.eqns.append(Eqn(primitive, operands, [var], params))
        return LinearTracer(self, var)


class Residual:
    """A known operand of a linear equation: a value of the parent trace."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Place(Residual):
    """A residual that is given later: its `value` is a position among those that are."""

    __slots__ = ()


def _frozen(x: Any) -> Any:
    """A residual that later writes by the array's owner cannot change."""
    return Array(x.copy()) if type(x) is np.ndarray and x.flags.writeable else x


class LinearizeTracer(JVPTracer):
    """A primal with the linear variable of its tangent (or a symbolic zero)."""

    __slots__ = ()


class LinearizeTrace(Trace):
    """One application of linearization."""

    __slots__ = ("tangent_trace",)
    name = "grad (or vjp, linearize)"

    def __init__(self, parent: Trace | None) -> None:
        super().__init__(parent)
        self.tangent_trace = TangentTrace(parent)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals: list[Any] = []
        tangents: list[Any] = []
        active = False
        for x in args:
            if type(x) is LinearizeTracer and x._trace is self:
                primals.append(x.primal)
                tangents.append(x.tangent)
                active = active or type(x.tangent) is not Zero
            else:
                if not self.alive and isinstance(x, LinearizeTracer):
                    raise leaked(x)
                primals.append(x)
                tangents.append(None)
        if not active:
            return self.parent.process(primitive, primals, params)  # type: ignore[union-attr]
        for i, t in enumerate(tangents):
            if t is None:
                tangents[i] = Zero(tangent_aval(typeof(primals[i])))
        if primitive.linearize is not None:
            out, out_dot = primitive.linearize(self.tangent_trace, primals, tangents, **params)
        else:
            with running(self.tangent_trace):
                out, out_dot = primitive.rule("jvp")(primals, tangents, **params)
        if primitive.multiple_results:
            return [LinearizeTracer(self, y, t) for y, t in safe_zip(out, out_dot)]
        return LinearizeTracer(self, out, out_dot)


class LinearProgram:
    """The recorded tangent map: ``outs`` from ``ins`` by ``eqns``; an out may be a `Zero`."""

    __slots__ = ("eqns", "ins", "outs")

    def __init__(self, ins: list[Var], eqns: list[Eqn], outs: list[Any]) -> None:
        self.ins, self.eqns, self.outs = ins, eqns, outs

    def opened(self, is_data: Callable[[Any], bool] = lambda value: True) -> tuple[LinearProgram, list[Any]]:
        """The program with places in place of its residuals, and their values: what it does, and what it knows.

        The values are then data, which a traced function may return, and the rest is code; `is_data` says which values to take out.
        """
        values: list[Any] = []
        places: dict[int, int] = {}

        def place(a: Any) -> Any:
            if type(a) is not Residual or not is_data(a.value):
                return a
            if id(a.value) not in places:
                places[id(a.value)] = len(values)
                values.append(a.value)
            return _Place(places[id(a.value)])

        eqns = [eqn.replace(invars=[place(a) for a in eqn.invars]) for eqn in self.eqns]
        return LinearProgram(self.ins, eqns, self.outs), values

    def closed(self, values: Sequence[Any]) -> LinearProgram:
        """An `opened` program with values for its residuals."""
        eqns = [eqn.replace(invars=[Residual(values[a.value]) if isinstance(a, _Place) else a for a in eqn.invars]) for eqn in self.eqns]
        return LinearProgram(self.ins, eqns, self.outs)

    def towards(self, wanted: Sequence[bool]) -> LinearProgram:
        """The program as a function of the `wanted` inputs alone, the others being zero; it keeps all its inputs."""
        if all(wanted):
            return self
        reached = {v for v, w in safe_zip(self.ins, wanted) if w}
        eqns = []
        for eqn in self.eqns:
            if any(type(a) is Var and a in reached for a in eqn.invars):
                eqns.append(eqn)
                reached.update(eqn.outvars)
        return LinearProgram(self.ins, eqns, [y if type(y) is Zero or y in reached else Zero(y.aval) for y in self.outs])


def linearize_flat(
    fun: Callable[..., Any], primals: Sequence[Any], active: Sequence[bool] | None = None,
) -> tuple[list[Any], LinearProgram]:
    """Run ``fun(*primals) -> flat results`` and record its tangent map at the point.

    `active` says which primals have tangents (all with inexact dtypes by default); the program takes one tangent for
    each active primal.
    """
    trace = LinearizeTrace(current_trace())
    try:
        recorded = _recorded(trace, fun, primals, active)
    finally:
        trace.close()
        trace.tangent_trace.close()
    ended(trace)
    return recorded


def _recorded(
    trace: LinearizeTrace, fun: Callable[..., Any], primals: Sequence[Any], active: Sequence[bool] | None,
) -> tuple[list[Any], LinearProgram]:
    tangent_trace = trace.tangent_trace
    tracers, ins = [], []
    for i, p in enumerate(primals):
        aval = typeof(p)
        t_aval = tangent_aval(aval)
        if is_inexact(aval.dtype) if active is None else active[i]:
            var = Var(t_aval)
            ins.append(var)
            tracers.append(LinearizeTracer(trace, p, LinearTracer(tangent_trace, var)))
        else:
            tracers.append(LinearizeTracer(trace, p, Zero(t_aval)))
    with running(trace):
        outs = fun(*tracers)
    ys: list[Any] = []
    y_dots: list[Any] = []
    for y in outs:
        if type(y) is LinearizeTracer and y._trace is trace:
            ys.append(y.primal)
            t = y.tangent  # one that is no variable depends on no tangent: a linear function's value at 0
            y_dots.append(t.variable if type(t) is LinearTracer and t._trace is tangent_trace else Zero(tangent_aval(typeof(y.primal))))
        else:
            ys.append(y)
            y_dots.append(Zero(tangent_aval(typeof(y))))
    return ys, LinearProgram(ins, tangent_trace.eqns, y_dots)


def record_linear(
    fun: Callable[..., Any], in_avals: Sequence[ShapedArray], refusal: Callable[[str], str] | None = None,
) -> LinearProgram:
    """The program of ``fun(*args) -> flat results``, a function that is linear: what it computes of anything else runs at once.

    A result may be `Zero`. One that does not depend on the arguments is the value of a linear function at 0, and so is zero.
    `refusal` is the message where it asks for the value of an argument, as ``if x > 0`` does.
    """
    trace = TangentTrace(current_trace(), refusal)
    tracers = [LinearTracer(trace, Var(a)) for a in in_avals]
    try:
        with running(trace):
            outs = fun(*tracers)
    finally:
        trace.close()
    ends = [y.variable if type(y) is LinearTracer and y._trace is trace else y if type(y) is Zero else Zero(typeof(y)) for y in outs]
    return LinearProgram([t.variable for t in tracers], trace.eqns, ends)


def check_linear_program(program: LinearProgram) -> None:
    """Raise unless every equation is linear in what it takes of the program's inputs, and has a transpose.

    Raises:
        JaxprTypeError: names the primitive and the equation.
    """
    residuals: dict[int, Var] = {}

    def atom(a: Any) -> Atom:
        if type(a) is not Residual:
            return a
        aval = typeof(a.value)
        if aval.shape or isinstance(a.value, Tracer):
            return residuals.setdefault(id(a), Var(aval))
        return Literal(to_numpy(a.value)[()], aval)

    eqns = tuple(eqn.replace(invars=[atom(a) for a in eqn.invars]) for eqn in program.eqns)
    ends = tuple(y for y in program.outs if type(y) is Var)
    check_linear(Jaxpr(tuple(residuals.values()), tuple(program.ins), eqns, ends), [True] * len(program.ins))


def evaluate_linear(program: LinearProgram, tangents: Sequence[Any]) -> list[Any]:
    """Push tangents forward: results are arrays or `Zero`."""
    env: dict[Any, Any] = dict(safe_zip(program.ins, tangents))
    for eqn in program.eqns:
        env.update(run_eqn(eqn, [a.value if isinstance(a, Residual) else env[a] for a in eqn.invars]))
    return [y if type(y) is Zero else env[y] for y in program.outs]


def transpose_linear(program: LinearProgram, cotangents: Sequence[Any]) -> list[Any]:
    """Pull cotangents (arrays or `Zero`) back: one for each input of the program, `Zero` where nothing reaches it."""
    bars: dict[Var, Any] = {}
    for y, ct in safe_zip(program.outs, cotangents):
        if type(y) is Var and type(ct) is not Zero:
            bars[y] = _accumulate(bars.get(y), ct)
    for eqn in reversed(program.eqns):
        _transpose_eqn(eqn, bars)
    return [bars[v] if v in bars else Zero(v.aval) for v in program.ins]


@interpreter
def _transpose_eqn(eqn: Eqn, bars: dict[Var, Any]) -> None:
    cts = [bars.pop(v, None) for v in eqn.outvars]
    if all(ct is None for ct in cts):
        return
    operands = [a.value if isinstance(a, Residual) else Linear(a.aval) for a in eqn.invars]
    if eqn.primitive.multiple_results:
        full = [Zero(v.aval) if ct is None else ct for v, ct in zip(eqn.outvars, cts, strict=True)]
        backs = eqn.primitive.rule("transpose")(full, *operands, **eqn.params)
    else:
        backs = eqn.primitive.rule("transpose")(cts[0], *operands, **eqn.params)
    for a, back in zip(eqn.invars, backs, strict=True):
        if type(a) is Var and back is not None and type(back) is not Zero:
            bars[a] = _accumulate(bars.get(a), back)


def _accumulate(total: Any, ct: Any) -> Any:
    return ct if total is None else add_p.bind(total, ct)


def transpose_jaxpr(jaxpr: Jaxpr, consts: Sequence[Any], linear: Sequence[bool], args: Sequence[Any],
                    cotangents: Sequence[Any]) -> list[Any]:
    """Transpose a jaxpr that is linear in some inputs: known operands are computed first, then the rest runs backwards.

    `args` has values for the inputs that are not `linear`; the result has a cotangent (or `Zero`) for those that are.
    """
    program, env = LinearProgram([], [], []), {}
    known: dict[Any, Any] = dict(safe_zip(jaxpr.constvars, consts))
    values = iter(args)
    for v, is_linear in safe_zip(jaxpr.invars, linear):
        if is_linear:
            program.ins.append(v)
            env[v] = True
        else:
            known[v] = next(values)

    def value(a: Any) -> Any:
        return known[a] if type(a) is Var else a.operand

    for eqn in jaxpr.eqns:
        if any(type(a) is Var and a in env for a in eqn.invars):
            operands = [a if type(a) is Var and a in env else Residual(value(a)) for a in eqn.invars]
            program.eqns.append(eqn.replace(invars=operands))
            env.update(dict.fromkeys(eqn.outvars, True))
        else:
            known.update(run_eqn(eqn, list(map(value, eqn.invars))))
    program.outs = [a if type(a) is Var and a in env else Zero(a.aval) for a in jaxpr.outvars]
    return transpose_linear(program, cotangents)
