"""Products are lifted out of the calls that hide them: so that a loop may sum them after its end.

The transposed body of a checkpointed or jitted step is one call, ``w_bar, h_bar = call a b``, and the outer product that
`functrans.calls.deferred` looks for stands inside. Lifting takes the last equations before a result (products, sums and linear views)
out of the call, which returns their operands instead::

    call[a b -> p = cos a; w = outer p b; h = dot p a; (w, h)]      becomes      p, h = call[...] a b;  w = outer p b

The rest of the call stays shut: what it computes again it still computes again. A call that holds a loop is left as it is, since its
own sum has many terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var, subjaxprs
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.contraction import dot_general_p
from functrans.primitives.markers import optimization_barrier_p
from functrans.transforms.prune import live_eqns

__all__ = ["LINEAR_VIEWS", "lift_products"]

LINEAR_VIEWS = frozenset({"transpose", "reshape", "broadcast_in_dim", "rev", "convert_element_type"})


def lift_products(eqns: Sequence[Eqn], atoms: Sequence[Atom]) -> tuple[Eqn, ...]:
    """The equations with the products behind `atoms` outside of the calls that make them. Variables keep their identity."""
    out = list(eqns)
    for a in atoms:
        _lift(out, a)
    return tuple(out)


def _lift(eqns: list[Eqn], a: Atom) -> None:
    """Open what computes `a`, through sums and views."""
    at = next((i for i, e in enumerate(eqns) if a in e.outvars), None) if type(a) is Var else None
    if at is None:
        return
    eqn = eqns[at]
    if eqn.primitive is add_p or eqn.primitive.name in LINEAR_VIEWS:
        for operand in eqn.invars:
            _lift(eqns, operand)
    elif _is_call(eqn) and not _has_loop(eqn.params["jaxpr"]):
        opened = _opened(eqn, next(k for k, v in enumerate(eqn.outvars) if v is a))
        if opened is not None:
            eqns[at:at + 1] = opened


def _is_call(eqn: Eqn) -> bool:
    """Whether the equation runs the jaxpr it carries, and no more: `jit` and `checkpoint`."""
    return eqn.primitive.inline is not None and "jaxpr" in eqn.params


def _has_loop(closed: ClosedJaxpr) -> bool:
    return any(not _is_call(e) or _has_loop(inner) for e in closed.eqns for inner in subjaxprs(e.params))


def _opened(eqn: Eqn, k: int) -> list[Eqn] | None:
    """The call without its result `k`, and the equations that compute it from other results and the operands."""
    closed: ClosedJaxpr = eqn.params["jaxpr"]
    jaxpr = closed.jaxpr
    wanted = jaxpr.outvars[k]
    inner = lift_products(jaxpr.eqns, [wanted])
    definitions = {v: e for e in inner for v in e.outvars}
    moved = _last_eqns(wanted, definitions)
    if not moved:
        return None
    # Every variable on the boundary of what is moved, as it is called outside.
    outside: dict[Any, Atom] = dict(zip(jaxpr.invars, eqn.invars, strict=True))
    for e in inner:
        if e.primitive is optimization_barrier_p:  # an identity, and nothing is computed again outside
            outside.update((y, outside[x]) for x, y in zip(e.invars, e.outvars, strict=True) if type(x) is Var and x in outside)
    made = {v for e in moved for v in e.outvars}
    boundary = dict.fromkeys(x for e in moved for x in e.invars if type(x) is Var and x not in made and x not in outside)
    extra = {v: Var(v.aval) for v in boundary}
    keep = [i for i in range(len(eqn.outvars)) if i != k]
    outvars = (*(jaxpr.outvars[i] for i in keep), *boundary)
    kept, _ = live_eqns(inner, outvars)
    body = ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(kept), outvars), closed.consts)
    call = eqn.replace(outvars=[*(eqn.outvars[i] for i in keep), *extra.values()], params={**eqn.params, "jaxpr": body})
    outside.update(extra)
    lifted = []
    for e in moved:
        results = [eqn.outvars[k] if v is wanted else Var(v.aval) for v in e.outvars]
        lifted.append(e.replace(invars=[x if type(x) is Literal else outside[x] for x in e.invars], outvars=results))
        outside.update(zip(e.outvars, results, strict=True))
    return [call, *lifted]


def _last_eqns(a: Atom, definitions: dict[Any, Eqn]) -> list[Eqn]:
    """The equations of the sums, views and products that `a` ends with, in order."""
    found: dict[Eqn, None] = {}

    def visit(a: Atom, factor: bool) -> None:
        eqn = definitions.get(a) if type(a) is Var else None
        if eqn is None or eqn in found:
            return
        if eqn.primitive.name in LINEAR_VIEWS or (eqn.primitive is add_p and not factor):
            for x in eqn.invars:
                visit(x, factor)
        elif eqn.primitive is mul_p and not factor:
            for x in eqn.invars:
                visit(x, True)
        elif eqn.primitive is not dot_general_p or factor:
            return
        found[eqn] = None

    visit(a, False)
    return list(found)
