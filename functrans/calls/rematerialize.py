"""The derivative of a jaxpr in two parts: a forward pass that keeps little, and a linear pass that computes the rest again.

`linearize_jaxpr` gives a primal jaxpr, whose last results are the *residuals*, the coefficients of the linear jaxpr. Keeping
them is what costs memory. Here a policy says which values of the primal jaxpr may be kept; walking backwards from the residuals,
everything else is taken over into the linear part, until only arguments and kept values are left to ask for::

    y = sin(cos(x)), nothing saved

    forward:  c = cos x; y = sin c                    results: y
    linear:   x' = barrier x                          operands: x, x_dot
              c = cos x'; s = sin x'; r = cos c       computed again (r and s are the residuals)
              y_dot = -(x_dot * s) * r

The linear part is linear in the tangents alone, so transposition computes the residuals first and then runs backwards. The barrier
keeps the compiler from finding that `c` was computed before, and from keeping it therefore.

References: Griewank & Walther, *Evaluating Derivatives*, ch. 12; Chen et al., "Training deep nets with sublinear memory cost" (2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from functrans.calls.checkpoint_policies import Policy, SaveExceptNames, saves
from functrans.calls.jit import jit_p
from functrans.compiler.simplify import inline_calls
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Var
from functrans.primitives.markers import name_p, optimization_barrier_p
from functrans.transforms.effects import repeatable
from functrans.transforms.prune import has_effect
from functrans.transforms.rewrite import linearize_jaxpr, memoized
from functrans.transforms.stage import Recorder, stage
from functrans.util import safe_zip

__all__ = ["Split", "live_residuals", "split_by_policy"]

Mask = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A linearized jaxpr under a policy.

    Attributes:
        forward: ``inputs -> (results, saved values)``.
        linear: ``(inputs at the positions `kept`, saved values, active tangents) -> tangents of the active results``.
        kept: the inputs that the linear part needs.
        out_active: the results whose tangents are not zero.
    """

    forward: ClosedJaxpr
    linear: ClosedJaxpr
    kept: tuple[int, ...]
    out_active: Mask


@memoized
def split_by_policy(
    closed: ClosedJaxpr, active: Mask, policy: Policy | None, prevent_cse: bool, recorder: Recorder | None = None,
) -> Split:
    """Linearize `closed` in its `active` inputs, and keep what `policy` lets be kept (nothing, where it is None)."""
    n = len(closed.out_avals)
    primal, linear, used, out_active = live_residuals(closed, active, recorder)
    if policy is not None:
        primal = inline_calls(primal, lambda eqn: eqn.primitive is jit_p and len(_decisions(eqn, policy)) > 1)
    jaxpr = primal.jaxpr
    residuals = [a for a, is_used in safe_zip(jaxpr.outvars[n:], used) if is_used]
    saveable = set() if policy is None else _saveable(jaxpr, policy)
    known = {*jaxpr.constvars, *jaxpr.invars, *saveable}
    again, needed = _needed_eqns(jaxpr.eqns, residuals, known)
    saved = [v for eqn in jaxpr.eqns for v in eqn.outvars if v in saveable and v in needed]
    kept = tuple(i for i, v in enumerate(jaxpr.invars) if v in needed)
    again = tuple(map(repeatable, again))
    recompute = Jaxpr(jaxpr.constvars, (*(jaxpr.invars[i] for i in kept), *saved), again, tuple(residuals))
    forward = _with_saved(primal, n, saved) if saved else closed
    return Split(forward, _recomputing(recompute, primal.consts, linear, prevent_cse), kept, out_active)


def live_residuals(
    closed: ClosedJaxpr, active: Mask, recorder: Recorder | None = None,
) -> tuple[ClosedJaxpr, ClosedJaxpr, Mask, Mask]:
    """`linearize_jaxpr` without what no result's tangent depends on: primal, linear, which residuals are used, active results.

    The primal jaxpr still returns all residuals; the linear one takes the used ones.
    """
    primal, linear, out_active = linearize_jaxpr(closed, active, recorder=recorder)
    count = len(primal.out_avals) - len(closed.out_avals)
    jaxpr = linear.jaxpr
    eqns, needed = _needed_eqns(jaxpr.eqns, jaxpr.outvars, {*jaxpr.constvars, *jaxpr.invars})
    used = tuple(v in needed for v in jaxpr.invars[:count])
    residuals = [v for v, is_used in safe_zip(jaxpr.invars[:count], used) if is_used]
    pruned = Jaxpr(jaxpr.constvars, (*residuals, *jaxpr.invars[count:]), eqns, jaxpr.outvars)
    return primal, ClosedJaxpr(pruned, linear.consts), used, out_active


def _saveable(jaxpr: Jaxpr, policy: Policy) -> set[Var]:
    """The variables whose equations the policy lets be saved."""
    def allowed(eqn: Eqn) -> bool:
        return _decisions(eqn, policy) == {True}

    refused: set[Atom] = set()
    if isinstance(policy, SaveExceptNames):  # else the value before it got its name would be saved in its stead
        refused = {a for eqn in jaxpr.eqns if eqn.primitive is name_p and not allowed(eqn) for a in eqn.invars}
    return {v for eqn in jaxpr.eqns if refused.isdisjoint(eqn.outvars) and allowed(eqn) for v in eqn.outvars}


def _decisions(eqn: Eqn, policy: Policy) -> set[bool]:
    """What the policy says of an equation; of the call of a jitted function, all that it says of the equations inside."""
    if eqn.primitive is jit_p:
        return set().union(*(_decisions(e, policy) for e in eqn.params["jaxpr"].eqns))
    return {saves(policy, eqn.primitive, [a.aval for a in eqn.invars], eqn.params)}


def _needed_eqns(eqns: Sequence[Eqn], wanted: Iterable[Atom], known: set[Var], effects: bool = False) -> tuple[tuple[Eqn, ...], set[Var]]:
    """The equations that compute `wanted` from `known` variables, in order, and all variables they and `wanted` mention.

    With `effects` those that may raise an error, or call Python for its effect, stay too.
    """
    needed = {a for a in wanted if type(a) is Var}
    kept = []
    for eqn in reversed(eqns):
        if any(v in needed and v not in known for v in eqn.outvars) or (effects and has_effect(eqn)):
            kept.append(eqn)
            needed.update(a for a in eqn.invars if type(a) is Var)
    return tuple(kept[::-1]), needed


def _with_saved(primal: ClosedJaxpr, n: int, saved: Sequence[Var]) -> ClosedJaxpr:
    """The primal jaxpr with the saved values for results after the first `n`."""
    jaxpr = primal.jaxpr
    outvars = (*jaxpr.outvars[:n], *saved)
    eqns, _ = _needed_eqns(jaxpr.eqns, outvars, {*jaxpr.constvars, *jaxpr.invars}, effects=True)
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, eqns, outvars), primal.consts)


def _recomputing(recompute: Jaxpr, consts: Sequence[Any], linear: ClosedJaxpr, prevent_cse: bool) -> ClosedJaxpr:
    """The linear jaxpr with `recompute`, which gives its residuals, before it."""
    count = len(recompute.invars)
    operands = {a for eqn in recompute.eqns for a in eqn.invars}

    def fun(*args: Any) -> list[Any]:
        values = [optimization_barrier_p.bind(x) if prevent_cse and v in operands else x
                  for v, x in safe_zip(recompute.invars, args[:count])]
        residuals = eval_jaxpr(recompute, consts, *values)
        return eval_jaxpr(linear.jaxpr, linear.consts, *residuals, *args[count:])

    tangents = linear.in_avals[len(recompute.outvars):]
    return stage(fun, [*recompute.in_avals, *tangents], "grad of checkpoint")
