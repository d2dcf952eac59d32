"""Simplification of jaxprs: calls are inlined, dead code goes, equal equations merge, exact algebra is applied.

Only identities that hold in IEEE arithmetic for every value are used: ``x*1``, ``x/1``, ``x-0``, ``x**1``, double
negation, conversions to the same dtype, transposes that cancel, reshapes of reshapes. (``x+0`` is not one: it turns -0.0
into 0.0.) Sums of pads that do not overlap are joined (see `functrans.compiler.disjoint`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.compiler.disjoint import join_disjoint_pads
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var, subjaxprs
from functrans.transforms.prune import has_effect

__all__ = ["inline_calls", "simplify"]


def simplify(closed: ClosedJaxpr) -> ClosedJaxpr:
    """The passes, in order."""
    closed = inline_calls(closed)
    closed = simplify_inner(closed)
    closed = forget_weakness(closed)
    closed = merge_equal(closed)
    return remove_dead(join_disjoint_pads(closed))


def simplify_inner(closed: ClosedJaxpr) -> ClosedJaxpr:
    """The jaxprs of loops and branches, simplified."""
    def simpler(value: Any) -> Any:
        if isinstance(value, ClosedJaxpr):
            return simplify(value)
        if isinstance(value, tuple) and any(isinstance(v, ClosedJaxpr) for v in value):
            return tuple(map(simpler, value))
        return value

    if not any(True for e in closed.eqns for _ in subjaxprs(e.params)):
        return closed
    eqns = [e.replace(params={k: simpler(v) for k, v in e.params.items()}) for e in closed.eqns]
    jaxpr = closed.jaxpr
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), jaxpr.outvars), closed.consts)


def inline_calls(closed: ClosedJaxpr, which: Callable[[Eqn], bool] = lambda eqn: True) -> ClosedJaxpr:
    """Replace calls (nested `jit`, functions with custom derivatives), or `which` of them, by the equations of what they call."""
    def callee(eqn: Eqn) -> ClosedJaxpr | None:
        rule = eqn.primitive.inline
        return None if rule is None or not which(eqn) else rule(*[a.aval for a in eqn.invars], **eqn.params)

    if not any(e.primitive.inline for e in closed.eqns):
        return closed
    constvars, consts = list(closed.jaxpr.constvars), list(closed.consts)
    eqns: list[Eqn] = []
    env: dict[Any, Atom] = {}

    def resolve(a: Atom) -> Atom:
        return env.get(a, a) if type(a) is Var else a

    def walk(jaxpr: Jaxpr) -> None:
        for eqn in jaxpr.eqns:
            invars = [resolve(a) for a in eqn.invars]
            inner = callee(eqn)
            if inner is None:
                outvars = [Var(v.aval) for v in eqn.outvars]
                env.update(zip(eqn.outvars, outvars, strict=True))
                eqns.append(eqn.replace(invars=invars, outvars=outvars))
                continue
            env.update(zip(inner.jaxpr.invars, invars, strict=True))
            for v, c in zip(inner.jaxpr.constvars, inner.consts, strict=True):
                fresh = Var(v.aval)
                constvars.append(fresh)
                consts.append(c)
                env[v] = fresh
            walk(inner.jaxpr)
            env.update(zip(eqn.outvars, [resolve(a) for a in inner.jaxpr.outvars], strict=True))

    walk(closed.jaxpr)
    outvars = tuple(resolve(a) for a in closed.jaxpr.outvars)
    return ClosedJaxpr(Jaxpr(tuple(constvars), closed.jaxpr.invars, tuple(eqns), outvars), tuple(consts))


def forget_weakness(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Every aval strong: weakness steers promotion while tracing and means nothing after, and would keep equal values apart."""
    env: dict[Any, Atom] = {}

    def strong(a: Atom) -> Atom:
        if type(a) is Literal:
            return Literal(a.aval.dtype.type(a.value), a.aval.strong()) if a.aval.weak_type else a
        found = env.get(a)
        if found is None:
            found = env[a] = Var(a.aval.strong()) if a.aval.weak_type else a
        return found

    def bound(variables: Sequence[Var]) -> tuple[Var, ...]:
        return tuple(v for v in map(strong, variables) if type(v) is Var)

    jaxpr = closed.jaxpr
    constvars, invars = bound(jaxpr.constvars), bound(jaxpr.invars)
    eqns = []
    for eqn in jaxpr.eqns:
        params = {**eqn.params, "weak_type": False} if eqn.params.get("weak_type") else eqn.params
        eqns.append(Eqn(eqn.primitive, [strong(a) for a in eqn.invars], bound(eqn.outvars), params, eqn.source))
    return ClosedJaxpr(Jaxpr(constvars, invars, tuple(eqns), tuple(map(strong, jaxpr.outvars))), closed.consts)


def merge_equal(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Common subexpressions and exact algebra in one pass over the equations."""
    env: dict[Any, Atom] = {}
    made: dict[Any, list[Var]] = {}
    definition: dict[Var, Eqn] = {}
    eqns: list[Eqn] = []
    for eqn in closed.eqns:
        invars = [env.get(a, a) if type(a) is Var else a for a in eqn.invars]
        same = _identity(eqn, invars, definition)
        if same is not None:
            env[eqn.outvars[0]] = same
            continue
        key = (eqn.primitive, tuple(map(_atom_key, invars)), _params_key(eqn.params))
        separate = eqn.primitive.effectful or eqn.primitive.name == "optimization_barrier"  # what a barrier is for
        outs = None if separate else made.get(key)
        if outs is not None:
            env.update(zip(eqn.outvars, outs, strict=True))
            continue
        made[key] = eqn.outvars
        kept = eqn if invars == eqn.invars else eqn.replace(invars=invars)
        for v in eqn.outvars:
            definition[v] = kept
        eqns.append(kept)
    outvars = tuple(env.get(a, a) if type(a) is Var else a for a in closed.jaxpr.outvars)
    jaxpr = closed.jaxpr
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), outvars), closed.consts)


def _atom_key(a: Atom) -> Any:
    # repr tells 0.0 from -0.0 and keeps nan equal to itself.
    return (repr(a.value), a.aval) if isinstance(a, Literal) else a


def _params_key(params: dict[str, Any]) -> Any:
    # As for atoms: a fill value of 0.0 is not one of -0.0.
    return tuple((k, repr(v)) if isinstance(v, (float, complex)) else (k, v) for k, v in params.items())


def _is_literal(a: Atom, value: float) -> bool:
    return type(a) is Literal and bool(np.all(np.asarray(a.value) == value))


def _same_type(a: Atom, out: Var) -> bool:
    return type(a) is Var and a.aval.same_type(out.aval)


def _identity(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
    """The operand that the equation equals for every value, if there is one."""
    rule = _IDENTITIES.get(eqn.primitive.name)
    found = None if rule is None else rule(eqn, invars, definition)
    return found if found is not None and _same_type(found, eqn.outvars[0]) else None


def _times_one(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
    x, y = invars
    if eqn.outvars[0].aval.dtype.kind == "c":
        return None  # (inf + 0i) (1 + 0i) is inf + nan i
    return x if _is_literal(_filling(y, definition), 1) else y if _is_literal(_filling(x, definition), 1) else None


def _filling(a: Atom, definition: dict[Var, Eqn]) -> Atom:
    """What every element of `a` is, where it is known to be one value; else `a`."""
    made = definition.get(a) if type(a) is Var else None
    return made.invars[0] if made is not None and made.primitive.name == "broadcast_in_dim" else a


def _outer_with_one(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
    """A product that pairs no axes: where one operand is a scalar it is a product of elements."""
    paired = any(axes for pair in eqn.params["dimension_numbers"] for axes in pair)
    return None if paired else _times_one(eqn, invars, definition)


def _right_unit(unit: float) -> Callable[..., Atom | None]:
    def rule(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
        if not _is_literal(invars[1], unit) or _negative_zero(invars[1]) or (unit and eqn.outvars[0].aval.dtype.kind == "c"):
            return None
        return invars[0]

    return rule


def _negative_zero(a: Atom) -> bool:
    return type(a) is Literal and bool(np.signbit(np.real(np.asarray(a.value)))) and not a.value


def _operand_of_same(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
    """f(f(x)) = x."""
    inner = definition.get(invars[0]) if type(invars[0]) is Var else None
    return inner.invars[0] if inner is not None and inner.primitive is eqn.primitive else None


def _cancelled_transpose(eqn: Eqn, invars: list[Atom], definition: dict[Var, Eqn]) -> Atom | None:
    inner = definition.get(invars[0]) if type(invars[0]) is Var else None
    if inner is None or inner.primitive is not eqn.primitive:
        return None
    outer, first = eqn.params["permutation"], inner.params["permutation"]
    return inner.invars[0] if all(first[p] == i for i, p in enumerate(outer)) else None


_IDENTITIES: dict[str, Callable[..., Atom | None]] = {
    "mul": _times_one, "dot_general": _outer_with_one, "div": _right_unit(1), "sub": _right_unit(0), "neg": _operand_of_same,
    "transpose": _cancelled_transpose, "reshape": lambda eqn, invars, _: invars[0],
    "broadcast_in_dim": lambda eqn, invars, _: invars[0],
    "convert_element_type": lambda eqn, invars, _: invars[0],
    "name": lambda eqn, invars, _: invars[0], "differentiable_where": lambda eqn, invars, _: invars[1],
}


def remove_dead(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Drop equations nobody needs, and constants likewise. What has an effect stays."""
    jaxpr = closed.jaxpr
    needed: set[Any] = {a for a in jaxpr.outvars if type(a) is Var}
    kept = []
    for eqn in reversed(jaxpr.eqns):
        used = [v in needed for v in eqn.outvars]
        if not any(used) and not has_effect(eqn):
            continue
        if eqn.primitive.dce is not None and not all(used):
            eqn = eqn.primitive.dce(eqn, used)
        kept.append(eqn)
        needed.update(a for a in eqn.invars if type(a) is Var)
    pairs = [(v, c) for v, c in zip(jaxpr.constvars, closed.consts, strict=True) if v in needed]
    out = Jaxpr(tuple(v for v, _ in pairs), jaxpr.invars, tuple(kept[::-1]), jaxpr.outvars)
    return ClosedJaxpr(out, tuple(c for _, c in pairs))

