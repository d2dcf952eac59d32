"""Evaluation of a jaxpr under the current trace: the one interpreter that every transformation of a jaxpr uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Literal
from functrans.core.source import interpreter
from functrans.util import safe_zip

__all__ = ["eval_jaxpr", "jaxpr_as_fun"]


@interpreter
def eval_jaxpr(jaxpr: Jaxpr, consts: Sequence[Any], *args: Any) -> list[Any]:
    """Run `jaxpr`, binding each equation in turn. Values are dropped after their last use.

    Raises:
        ValueError: if the numbers of constants or arguments differ from the jaxpr's.
    """
    env: dict[Any, Any] = dict(safe_zip(jaxpr.constvars, consts))
    env.update(safe_zip(jaxpr.invars, args))
    last = last_uses(jaxpr)
    for i, eqn in enumerate(jaxpr.eqns):
        operands = [a.operand if type(a) is Literal else env[a] for a in eqn.invars]
        out = eqn.primitive.bind(*operands, **eqn.params)
        env.update(zip(eqn.outvars, out, strict=True) if eqn.primitive.multiple_results else ((eqn.outvars[0], out),))
        for v in last.get(i, ()):
            del env[v]
    return [a.operand if type(a) is Literal else env[a] for a in jaxpr.outvars]


def last_uses(jaxpr: Jaxpr) -> dict[int, list[Any]]:
    """For each equation, by position, the variables nobody needs after it."""
    seen = {a for a in jaxpr.outvars if type(a) is not Literal}
    last: dict[int, list[Any]] = {}
    for i in range(len(jaxpr.eqns) - 1, -1, -1):
        eqn = jaxpr.eqns[i]
        dying = []
        for a in (*eqn.outvars, *eqn.invars):
            if type(a) is not Literal and a not in seen:
                seen.add(a)
                dying.append(a)
        if dying:
            last[i] = dying
    return last


def jaxpr_as_fun(closed: ClosedJaxpr) -> Any:
    """`closed` as a Python function of flat arguments, returning a list."""
    return lambda *args: eval_jaxpr(closed.jaxpr, closed.consts, *args)
