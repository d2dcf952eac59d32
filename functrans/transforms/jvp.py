"""Forward mode: every value carries its tangent.

``jvp(f)(x, x_dot)`` evaluates ``f`` on tracers that pair a primal with a tangent; each primitive's `jvp` rule says how
pairs map to pairs (Griewank & Walther, *Evaluating Derivatives*, ch. 3). Tangents that are known to be zero stay
symbolic and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.aval import Zero, tangent_aval
from functrans.core.conversion import Conversion
from functrans.core.dtypes import is_inexact
from functrans.core.leaks import ended
from functrans.core.source import Source, describe, user_source
from functrans.core.trace import Primitive, Trace, Tracer, current_trace, running, typeof
from functrans.errors import ConcretizationTypeError
from functrans.util import safe_zip

__all__ = ["JVPTrace", "JVPTracer", "jvp_flat", "number_error"]


class JVPTracer(Tracer):
    """A primal with its tangent. Its value is that of the primal, where the primal has one."""

    __slots__ = ("primal", "tangent")

    def __init__(self, trace: Trace, primal: Any, tangent: Any) -> None:
        self._trace = trace
        self.aval = typeof(primal)
        self.primal = primal
        self.tangent = tangent

    @property
    def behind(self) -> Any:
        return self.primal

    def asked(self, conversion: Conversion) -> Any:
        """As for any tracer, save that a Python number is given only where that cuts off no derivative."""
        if conversion.cuts and is_inexact(self.aval.dtype):
            raise number_error(conversion.what, self.describe(), user_source())
        return Tracer.asked(self, conversion)


def number_error(what: str, tracer: str, source: Source) -> ConcretizationTypeError:
    """The error for a Python number asked of a value that is being differentiated."""
    return ConcretizationTypeError(
        f"{what} was asked of {tracer}, at {describe(source)}. A Python number has no derivative, and the result "
        "would silently lack it. Use functrans.numpy in place of math; where the value is meant as a constant, take "
        "functrans.stop_gradient(x) first. Comparisons (x > 0) work as they are.")


class JVPTrace(Trace):
    """One application of forward mode."""

    __slots__ = ()
    name = "jvp"

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        parent = self.parent
        assert parent is not None
        primals, tangents, active = [], [], False
        for x in args:
            if type(x) is JVPTracer and x._trace is self:
                primals.append(x.primal)
                tangents.append(x.tangent)
                active = active or type(x.tangent) is not Zero
            else:
                primals.append(x)
                tangents.append(None)
        if not active:
            return parent.process(primitive, primals, params)
        tangents = [Zero(tangent_aval(typeof(p))) if t is None else t for p, t in safe_zip(primals, tangents)]
        with running(parent):
            out, out_dot = primitive.rule("jvp")(primals, tangents, **params)
        if primitive.multiple_results:
            return [JVPTracer(self, y, t) for y, t in safe_zip(out, out_dot)]
        return JVPTracer(self, out, out_dot)


def jvp_flat(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Push `tangents` (arrays or `Zero`) through ``fun(*primals) -> flat results``."""
    trace = JVPTrace(current_trace())
    try:
        pushed = _pushed(trace, fun, primals, tangents)
    finally:
        trace.close()
    ended(trace)
    return pushed


def _pushed(trace: JVPTrace, fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    with running(trace):
        outs = fun(*[JVPTracer(trace, p, t) for p, t in safe_zip(primals, tangents)])
    ys, y_dots = [], []
    for y in outs:
        if type(y) is JVPTracer and y._trace is trace:
            ys.append(y.primal)
            y_dots.append(y.tangent)
        else:
            ys.append(y)
            y_dots.append(Zero(tangent_aval(typeof(y))))
    return ys, y_dots
