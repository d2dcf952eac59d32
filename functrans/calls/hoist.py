"""Loop-invariant code: a body is split into what depends on the loop's constants alone, evaluated once, and the rest.

Views (and other equations that cost nothing, such as constants) are not worth an array of their own: they stay in the body, and
are repeated outside where what is hoisted needs them. Example: of ::

    w x -> a = exp w; b = transpose a; c = dot b x; c          (w is constant)

the outer part is ``w -> exp w``, the inner one ``w a x -> b = transpose a; c = dot b x; c``.
"""

from __future__ import annotations

from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var, subjaxprs
from functrans.transforms.prune import has_effect, live_eqns
from functrans.transforms.rewrite import memoized
from functrans.util import safe_zip

__all__ = ["hoist_invariant", "invariants", "is_cheap"]


def _stays(eqn: Eqn) -> bool:
    """Whether the equation must be run where and as often as it stands: for its effect, or since it calls Python, which may raise
    where a loop that makes no turn would not."""
    return has_effect(eqn) or eqn.primitive.name == "pure_callback" or any(_stays(e) for c in subjaxprs(eqn.params) for e in c.eqns)


def is_cheap(eqn: Eqn) -> bool:
    """Whether the equation is as well computed again as stored: a view, a conversion, or a constant."""
    if eqn.primitive.multiple_results or any(subjaxprs(eqn.params)) or has_effect(eqn):
        return False
    return eqn.primitive.view or eqn.primitive.name == "convert_element_type" or all(type(a) is Literal for a in eqn.invars)


def invariants(jaxpr: Jaxpr, num_consts: int) -> set[Var]:
    """The variables that depend on constants and the first `num_consts` inputs alone. What has an effect has it on every turn."""
    found = {*jaxpr.constvars, *jaxpr.invars[:num_consts]}
    for eqn in jaxpr.eqns:
        if all(type(a) is Literal or a in found for a in eqn.invars) and not _stays(eqn):
            found.update(eqn.outvars)
    return found


@memoized
def hoist_invariant(closed: ClosedJaxpr, num_consts: int) -> tuple[ClosedJaxpr, ClosedJaxpr]:
    """``consts -> hoisted`` and ``(consts, hoisted, rest) -> results`` of a jaxpr ``(consts, rest) -> results``.

    Variables keep their identity, so that one of `closed` is found again in the parts.
    """
    jaxpr = closed.jaxpr
    fixed = invariants(jaxpr, num_consts)
    before = [e for e in jaxpr.eqns if e.outvars and all(v in fixed for v in e.outvars)]
    hoistable = {v for e in before if not is_cheap(e) for v in e.outvars}
    inside, needed = live_eqns([e for e in jaxpr.eqns if not any(v in hoistable for v in e.outvars)], jaxpr.outvars)
    hoisted = tuple(v for e in before for v in e.outvars if v in hoistable and v in needed)
    outside, needed_outside = live_eqns(before, hoisted)
    consts, rest = jaxpr.invars[:num_consts], jaxpr.invars[num_consts:]

    def part(invars: tuple[Var, ...], eqns: list[Eqn], outvars: tuple[Atom, ...], needed: set[Var]) -> ClosedJaxpr:
        own = [(v, c) for v, c in safe_zip(jaxpr.constvars, closed.consts) if v in needed]
        return ClosedJaxpr(Jaxpr(tuple(v for v, _ in own), invars, tuple(eqns), outvars), tuple(c for _, c in own))

    return part(consts, outside, hoisted, needed_outside), part((*consts, *hoisted, *rest), inside, jaxpr.outvars, needed)
