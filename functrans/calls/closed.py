"""From the functions a user gives to a control-flow construct to jaxprs without constants.

A body may close over arrays and over tracers of outer transformations. They become leading operands of the call, so that the
jaxpr is closed, may be shared and cached, and its derivative reaches what was closed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.calls.jit import compiled, with_leading_inputs
from functrans.calls.questions import QuestionsPassedOn
from functrans.calls.refs import Frame, Ref, RefsFound
from functrans.core.aval import ShapedArray
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Var, subjaxprs
from functrans.core.trace import EvalTrace, Primitive, running
from functrans.transforms.flatten import FlatFun, fun_name
from functrans.transforms.stage import Recorder, stage
from functrans.tree_util import PyTreeDef

__all__ = ["Closure", "interpret", "run_call", "trace_closed", "with_leading_inputs"]


@dataclass(frozen=True, slots=True)
class Closure:
    """A traced function: `jaxpr` takes `consts` first and then the leaves of the arguments."""

    jaxpr: ClosedJaxpr
    consts: tuple[Any, ...]
    out_tree: PyTreeDef


def trace_closed(
    fun: Callable[..., Any], in_tree: PyTreeDef, in_avals: Sequence[ShapedArray], name: str, held: Sequence[Ref] | None = None,
    recorder: Recorder | None = None,
) -> Closure:
    """Trace ``fun(*args)``; `in_tree` is the structure of ``(args, {})`` and `name` what messages call the construct.

    `held` are the references whose values the construct carries in and out; None where it cannot carry any. `recorder` answers
    questions about values; without it those are answered that depend on what the function closes over.

    Raises:
        RefsFound: if `fun` writes to others, of an outer trace.
    """
    flat_fun = FlatFun(fun, in_tree, False, name.removesuffix(f" of {fun_name(fun)}"))
    frame = Frame()
    recorder = recorder or QuestionsPassedOn([None] * len(in_avals))
    closed = stage(flat_fun if held is None else frame.around(flat_fun), in_avals, name, recorder)
    if found := [r for r in frame.written if r not in (held or ())]:
        raise RefsFound(found)
    return Closure(with_leading_inputs(closed), closed.consts, flat_fun.out_tree)


# -- evaluation -----------------------------------------------------------------------------------------------------------

_EVALUATION = EvalTrace(None)


def interpret(closed: ClosedJaxpr, values: Sequence[Any]) -> list[Any]:
    """Evaluate a jaxpr on arrays, operation by operation, whatever trace is current."""
    with running(_EVALUATION):
        return eval_jaxpr(closed.jaxpr, closed.consts, *values)


_kept: dict[str, ClosedJaxpr] = {}
_KEEP = 512


def run_call(primitive: Primitive, values: Sequence[np.ndarray], params: dict[str, Any]) -> list[np.ndarray]:
    """Evaluate one call on arrays by compiling it: the `impl` of control flow.

    An eager ``scan(f, ...)`` in a loop traces `f` anew each time, so code is found again by the printed jaxpr, which says all
    there is to say of a jaxpr without constants.
    """
    invars = [Var(ShapedArray(v.shape, v.dtype)) for v in values]
    avals = primitive.rule("abstract")(*[v.aval for v in invars], **params)
    outvars = [Var(a) for a in avals]
    jaxpr = Jaxpr((), tuple(invars), (Eqn(primitive, invars, outvars, params),), tuple(outvars))
    closed = ClosedJaxpr(jaxpr, ())
    if not _has_consts(params):
        text = str(closed)
        if "<" not in text:  # the mark of a param that has no notation, such as a function
            closed = _kept.setdefault(text, closed)
            if len(_kept) > _KEEP:
                del _kept[next(iter(_kept))]
    out: list[np.ndarray] = compiled(closed)([np.require(v, requirements="C") for v in values])
    return out


def _has_consts(params: dict[str, Any]) -> bool:
    """Whether some jaxpr inside carries constants, whose values its text does not show."""
    return any(c.consts or any(_has_consts(e.params) for e in c.eqns) for c in subjaxprs(params))
