"""Smaller jaxprs: without the results nobody wants, the equations that served only them, and the inputs left over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Var, subjaxprs
from functrans.primitives.windows import GatherScatterMode

__all__ = ["has_effect", "live_eqns", "pruned"]


def has_effect(eqn: Eqn) -> bool:
    """Whether running `eqn` matters though nobody uses its results: an error is part of a program's meaning, as is a print."""
    return (eqn.primitive.effectful or eqn.params.get("mode") is GatherScatterMode.ERROR
            or any(has_effect(e) for inner in subjaxprs(eqn.params) for e in inner.eqns))


def live_eqns(eqns: Sequence[Eqn], wanted: Sequence[Any], keep_effects: bool = True) -> tuple[list[Eqn], set[Any]]:
    """The equations that serve the `wanted` atoms (or, with `keep_effects`, have an effect), and every variable they need."""
    needed = {a for a in wanted if type(a) is Var}
    kept = []
    for eqn in reversed(eqns):
        if any(v in needed for v in eqn.outvars) or (keep_effects and has_effect(eqn)):
            kept.append(eqn)
            needed.update(a for a in eqn.invars if type(a) is Var)
    return kept[::-1], needed


def pruned(closed: ClosedJaxpr, wanted: Sequence[bool], keep_effects: bool = True) -> tuple[ClosedJaxpr, tuple[bool, ...]]:
    """`closed` with the `wanted` results alone and the inputs these need, and which inputs those are."""
    jaxpr = closed.jaxpr
    outvars = tuple(a for a, w in zip(jaxpr.outvars, wanted, strict=True) if w)
    eqns, needed = live_eqns(jaxpr.eqns, outvars, keep_effects)
    used = tuple(v in needed for v in jaxpr.invars)
    pairs = [(v, c) for v, c in zip(jaxpr.constvars, closed.consts, strict=True) if v in needed]
    invars = tuple(v for v, u in zip(jaxpr.invars, used, strict=True) if u)
    return ClosedJaxpr(Jaxpr(tuple(v for v, _ in pairs), invars, tuple(eqns), outvars), tuple(c for _, c in pairs)), used
