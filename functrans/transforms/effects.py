"""Equations that are run for what they do, and programs without them.

An effectful equation (a print) happens as often as the program says. So a program that is run a second time to find a value
again, as in `checkpoint`, in reverse mode through a loop, or to answer a question of Python's, is run without its effects.
"""

from __future__ import annotations

from typing import Any

from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, subjaxprs
from functrans.core.source import describe
from functrans.errors import FunctransRuntimeError
from functrans.transforms.prune import live_eqns
from functrans.transforms.rewrite import memoized

__all__ = ["is_effectful", "repeatable", "without_effects"]


def is_effectful(eqn: Eqn) -> bool:
    """Whether running `eqn` does something besides computing its results."""
    return eqn.primitive.effectful or any(is_effectful(e) for inner in subjaxprs(eqn.params) for e in inner.eqns)


@memoized
def without_effects(closed: ClosedJaxpr) -> ClosedJaxpr:
    """`closed` without its effects: the same results.

    Raises:
        FunctransRuntimeError: if a result is that of an effectful equation, which cannot be had without running it.
    """
    if not any(map(is_effectful, closed.eqns)):
        return closed
    jaxpr = closed.jaxpr
    eqns, _ = live_eqns(jaxpr.eqns, jaxpr.outvars, keep_effects=False)
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(map(repeatable, eqns)), jaxpr.outvars), closed.consts)


def repeatable(eqn: Eqn) -> Eqn:
    """`eqn` without the effects inside it, to find its results again.

    Raises:
        FunctransRuntimeError: if it is effectful itself, or its results are those of an effectful equation inside.
    """
    if eqn.primitive.effectful:
        raise FunctransRuntimeError(
            f"the result of {eqn.primitive} at {describe(eqn.source)} is needed a second time, and it must not be called again. This "
            "happens where values are computed again: in functrans.checkpoint, in reverse mode through while_loop or a checkpointed "
            "scan, and where Python under jit asks for a value (an `if` on the result). Use functrans.pure_callback if calling it "
            "twice does no harm, or functrans.lax.cond in place of the `if`.")
    if not is_effectful(eqn):
        return eqn
    return eqn.replace(params={k: _quiet(v) for k, v in eqn.params.items()})


def _quiet(value: Any) -> Any:
    if isinstance(value, ClosedJaxpr):
        return without_effects(value)
    if isinstance(value, tuple) and any(isinstance(v, ClosedJaxpr) for v in value):
        return tuple(map(_quiet, value))
    return value
