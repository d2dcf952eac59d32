"""Evaluation of a jaxpr under the current trace: the one interpreter that every transformation of a jaxpr uses.

Whoever runs equations in an order or with operands of its own does so by `run_eqn`, which keeps the user's lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.source import interpreter
from functrans.util import safe_zip

__all__ = ["eval_jaxpr", "jaxpr_as_fun", "last_uses", "run_eqn"]


@interpreter
def run_eqn(eqn: Eqn, operands: Sequence[Any]) -> Iterable[tuple[Var, Any]]:
    """Bind one equation to operands under the current trace: its variables, each with its value."""
    out = eqn.primitive.bind(*operands, **eqn.params)
    return zip(eqn.outvars, out, strict=True) if eqn.primitive.multiple_results else ((eqn.outvars[0], out),)


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
        env.update(run_eqn(eqn, operands))
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
