"""What the primal loop of a scan keeps for its derivative: as little as the linear loop can be computed from.

The coefficients of the linear body are variables of the primal one. Of these

- constants and inputs of the loop are passed on as they are, and what depends on constants alone is computed once
  (`functrans.calls.hoist`);
- views and conversions are computed again from what they show, where that is not larger, and a few sums and products from
  what is kept anyway: that takes less time than writing them to memory and reading them back;
- what the loop returns anyway is read from the results;
- the rest is stacked.

The linear body is split likewise: the part that depends on tangents of constants alone runs once, so that the loop backwards
sums one cotangent of its result.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from functrans.calls.closed import with_leading_inputs
from functrans.calls.hoist import hoist_invariant, invariants, is_cheap
from functrans.calls.jit import jit_p
from functrans.compiler.simplify import inline_calls
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Var
from functrans.transforms.prune import live_eqns
from functrans.transforms.rewrite import Mask, linearize_jaxpr, memoized
from functrans.util import safe_zip, split_list

__all__ = ["LinearizedBody", "linearized_body"]

LIGHT = frozenset({"add", "sub", "mul", "neg", "square", "abs", "sign", "max", "min", "select_n", "and", "or", "not",
                   "eq", "ne", "lt", "le", "gt", "ge"})
LIGHT_EQNS = 4

Place = tuple[str, int]  # ("const" | "x" | "y", position)


@dataclass(frozen=True, slots=True)
class LinearizedBody:
    """The parts of a linearized scan.

    `outer` takes the constants (`primal_consts` first) to the hoisted values; `primal` is ``(consts, hoisted, carry, x) -> (carry, y,
    stacked residuals)``. `linear_outer` takes ``(linear_consts, fixed residuals, const tangents)`` to hoisted tangents, and `linear` is
    ``(all of these, carry tangents, varying residuals, x tangents) -> (carry tangents, y tangents)``. `fixed` and `varying` say
    where the residuals are found: among the constants and hoisted values, the xs, or the stacked results.
    """

    outer: ClosedJaxpr
    primal: ClosedJaxpr
    linear_outer: ClosedJaxpr
    linear: ClosedJaxpr
    primal_consts: tuple[Any, ...]
    linear_consts: tuple[Any, ...]
    fixed: tuple[Place, ...]
    varying: tuple[Place, ...]
    of_carry: Mask
    of_ys: Mask
    num_ys: int


@memoized
def linearized_body(closed: ClosedJaxpr, active: Mask, num_consts: int, num_carry: int, hoist: bool) -> LinearizedBody:
    """Linearize the body of a scan with tangents for the `active` operands; without `hoist` nothing is computed ahead of the loop."""
    of_consts, of_carry, of_xs = map(tuple, split_list(active, [num_consts, num_carry]))
    num_ys = len(closed.jaxpr.outvars) - num_carry
    while True:
        primal, linear, out_active = linearize_jaxpr(closed, (*of_consts, *of_carry, *of_xs), (*of_carry, *(False,) * num_ys))
        grown = tuple(a or b for a, b in safe_zip(of_carry, out_active[:num_carry]))
        if grown == of_carry:
            break
        of_carry = grown
    n_tangents = sum(of_consts) + sum(of_carry) + sum(of_xs)
    primal, linear = _inlined(primal), _inlined(linear)
    primal_consts, primal = primal.consts, with_leading_inputs(primal)
    n_fixed = num_consts + len(primal_consts)
    invars = primal.jaxpr.invars
    inputs = {v: ("const", i) for i, v in enumerate(invars[:n_fixed])} | {
        v: ("x", i) for i, v in enumerate(invars[n_fixed + num_carry:])}
    outs, residuals = split_list(primal.jaxpr.outvars, [num_carry + num_ys])
    merged = _with_residuals(linear.jaxpr, residuals, primal.jaxpr, set(inputs), invariants(primal.jaxpr, n_fixed) if hoist else set())
    n_residuals = len(merged.invars) - n_tangents
    bases, tangents = merged.invars[:n_residuals], merged.invars[n_residuals:]

    held = invariants(primal.jaxpr, n_fixed) if hoist else set(invars[:n_fixed])
    kept = [v for v in bases if v not in inputs and v not in held and v not in outs[num_carry:]]
    wanted = [v for v in bases if v in held and v not in inputs]
    eqns = primal.jaxpr.eqns
    body = ClosedJaxpr(Jaxpr((), invars, tuple(live_eqns(eqns, [*outs, *kept, *wanted])[0]), (*outs, *kept, *wanted)), ())
    outer, inner = hoist_invariant(body, n_fixed) if hoist else (ClosedJaxpr(Jaxpr((), invars[:n_fixed], (), ()), ()), body)
    inner = ClosedJaxpr(Jaxpr((), inner.jaxpr.invars, inner.eqns, (*outs, *kept)), ())
    places: dict[Any, Place] = {v: ("y", i) for i, v in reversed(list(enumerate((*outs[num_carry:], *kept))))}
    places |= inputs | {v: ("const", n_fixed + i) for i, v in enumerate(outer.jaxpr.outvars) if type(v) is Var}

    fixed = [v for v in bases if places[v][0] == "const"]
    varying = [v for v in bases if places[v][0] != "const"]
    c_dot, h_dot, x_dot = split_list(tangents, [sum(of_consts), sum(of_carry)])
    ordered = Jaxpr((), (*linear.jaxpr.constvars, *fixed, *c_dot, *h_dot, *varying, *x_dot), merged.eqns, merged.outvars)
    n_linear_fixed = len(linear.consts) + len(fixed) + len(c_dot)
    linear_body = ClosedJaxpr(ordered, ())
    if hoist:
        linear_outer, linear_inner = hoist_invariant(linear_body, n_linear_fixed)
    else:
        linear_outer, linear_inner = ClosedJaxpr(Jaxpr((), ordered.invars[:n_linear_fixed], (), ()), ()), linear_body
    return LinearizedBody(
        outer, inner, linear_outer, linear_inner, primal_consts, linear.consts, tuple(places[v] for v in fixed),
        tuple(places[v] for v in varying), of_carry, out_active[num_carry:], num_ys)


def _inlined(closed: ClosedJaxpr) -> ClosedJaxpr:
    """Without calls of jitted functions, which would hide what is an input, a view or invariant."""
    return inline_calls(closed, lambda eqn: eqn.primitive is jit_p)


def _with_residuals(linear: Jaxpr, residuals: Sequence[Atom], primal: Jaxpr, inputs: set[Var], fixed: set[Var]) -> Jaxpr:
    """The linear body, without dead code, as a function of ``(variables of the primal body, tangents)``: those it needs, cheap
    equations of the primal body computed again."""
    definitions = {v: e for e in primal.eqns for v in e.outvars}
    tangents = linear.invars[len(residuals):]
    env: dict[Any, Atom] = dict(safe_zip(linear.invars[:len(residuals)], residuals))

    def resolved(atoms: Sequence[Atom]) -> list[Atom]:
        return [env.get(a, a) if type(a) is Var else a for a in atoms]

    eqns = [e.replace(invars=resolved(e.invars)) for e in linear.eqns]
    outvars = resolved(linear.outvars)
    eqns, needed = live_eqns(eqns, outvars, keep_effects=False)
    again: dict[Eqn, None] = {}
    bases: dict[Var, None] = {}
    for a in residuals:
        if type(a) is Var and a in needed:
            base, path = _base(a, definitions, inputs, fixed)
            again.update(dict.fromkeys(path))
            bases.update(dict.fromkeys([] if base is None else [base]))
    free = inputs | {v for v in fixed if v in definitions and not is_cheap(definitions[v])}  # what no turn of the loop must store
    for v in list(bases)[::-1]:
        way = None if v in inputs or v in fixed else _from_rest(v, definitions, (bases.keys() - {v}) | free)
        if way is not None:
            again.update(dict.fromkeys(way))
            del bases[v]
            bases.update(dict.fromkeys(a for e in way for a in e.invars if type(a) is Var and a in free))
    first = [e for e in primal.eqns if e in again]
    return Jaxpr((), (*bases, *tangents), (*first, *eqns), tuple(outvars))


def _base(v: Var, definitions: dict[Any, Eqn], inputs: set[Var], fixed: set[Var]) -> tuple[Var | None, list[Eqn]]:
    """The variable to keep for `v` (None: it is a constant of the program), and the cheap equations that lead from it to `v`."""
    best: tuple[Var | None, list[Eqn]] = (v, [])
    path: list[Eqn] = []
    at = v
    while at not in inputs and (eqn := definitions.get(at)) is not None and is_cheap(eqn):
        path = [eqn, *path]
        operands = [a for a in eqn.invars if type(a) is Var]
        if not operands:
            return None, path
        at = operands[0]
        if at in inputs or at in fixed or _nbytes(at) <= _nbytes(v):
            best = (at, path)
    return best


def _from_rest(v: Var, definitions: dict[Any, Eqn], rest: Set[Var]) -> list[Eqn] | None:
    """At most `LIGHT_EQNS` sums and products that lead from the `rest` to `v`, or None."""
    found: dict[Eqn, None] = {}
    wanted = [v]
    while wanted:
        eqn = definitions.get(wanted.pop())
        if eqn is None or eqn.primitive.name not in LIGHT or len(found) == LIGHT_EQNS:
            return None
        found[eqn] = None
        wanted += [a for a in eqn.invars if type(a) is Var and a not in rest]
    return list(found)


def _nbytes(v: Var) -> int:
    return v.aval.size * v.aval.dtype.itemsize
