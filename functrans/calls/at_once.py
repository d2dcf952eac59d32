"""Products of a loop that can be taken for all steps at once.

A step that multiplies one row by a matrix reads the whole matrix for it; the rows of all steps together are one matrix product,
which reads it a few times only. A product with a constant matrix can leave the loop

- *before* it, where the row comes from the loop's stacked inputs alone (``x @ w`` of a recurrent network), and
- *after* it, where stacked results alone depend on it (``y = h @ v + b``): the loop then stacks the row ``h`` instead.

Either costs a stack, of the products or of the rows, so its size is bounded. Every sum is taken in the order it has in the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from functrans.calls.hoist import invariants, is_cheap
from functrans.core.aval import ShapedArray
from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Var, subjaxprs
from functrans.primitives.contraction import dot_general_p
from functrans.transforms.prune import has_effect, live_eqns
from functrans.transforms.rewrite import batch_jaxpr, memoized
from functrans.util import split_list

__all__ = ["AtOnce", "products_at_once"]

_MOST_ROWS = 4
"""A product of more rows than these in one step uses the matrix well enough as it is."""
_LEAST_SUM, _LEAST_COLUMNS = 8, 4
"""A smaller product costs no more than a stack of it."""
_MOST_BYTES = 1 << 25
"""What one more stack may take."""


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A loop in three parts.

    Attributes:
        before: ``(consts, xs) -> stacks``, of all steps.
        body: ``(consts, carry, x, slices of the stacks) -> (carry, emitted)``.
        after: ``(consts, stacks of what is emitted) -> ys``, of all steps.
    """

    before: ClosedJaxpr
    body: ClosedJaxpr
    after: ClosedJaxpr


@memoized
def products_at_once(closed: ClosedJaxpr, num_consts: int, num_carry: int, length: int) -> AtOnce | None:
    """The parts of a loop over ``(consts, carry, x) -> (carry, y)``, or None where no product can leave it."""
    jaxpr = closed.jaxpr
    consts, carry, xs = split_list(jaxpr.invars, [num_consts, num_carry])
    carry_out, ys = split_list(jaxpr.outvars, [num_carry])
    fixed = invariants(jaxpr, num_consts)

    early = _early(jaxpr.eqns, fixed, xs, length)
    kept, needed = live_eqns([e for e in jaxpr.eqns if not any(v in early for v in e.outvars)], jaxpr.outvars)
    early = [v for v in early if v in needed]
    late = _late(kept, fixed, carry_out, ys, length)
    if not early and not late:
        return None

    def part(invars: Sequence[Var], eqns: Sequence[Eqn], outvars: Sequence[Atom]) -> ClosedJaxpr:
        return ClosedJaxpr(Jaxpr(jaxpr.constvars, (*consts, *invars), tuple(eqns), tuple(outvars)), closed.consts)

    def for_all(step: ClosedJaxpr) -> ClosedJaxpr:
        dims = (*(None,) * num_consts, *(0,) * (len(step.in_avals) - num_consts))
        made: ClosedJaxpr = batch_jaxpr(step, length, None, dims, (True,) * len(step.out_avals))[0]
        return made

    emitted = tuple(dict.fromkeys([*(y for i, y in enumerate(ys) if i not in late), *(late[i].row for i in sorted(late))]))
    received = {a: a if type(a) is Var and a not in fixed else Var(a.aval.strong()) for a in emitted}
    chains = {e for chain in late.values() for e in chain.eqns}
    constant = [e for e in jaxpr.eqns if e in chains or all(v in fixed for v in e.outvars)]
    results = [y if i in late else received[y] for i, y in enumerate(ys)]
    return AtOnce(
        for_all(part(xs, live_eqns(jaxpr.eqns, early, keep_effects=False)[0], early)),
        part((*carry, *xs, *early), live_eqns(kept, (*carry_out, *emitted))[0], (*carry_out, *emitted)),
        for_all(part(list(received.values()), live_eqns(constant, results, keep_effects=False)[0], results)),
    )


def _row_operand(eqn: Eqn, fixed: set[Var]) -> Var | None:
    """The operand that changes from step to step, if the equation multiplies a few rows by a constant matrix."""
    if eqn.primitive is not dot_general_p:
        return None
    changing = [(i, a) for i, a in enumerate(eqn.invars) if type(a) is Var and a not in fixed]
    if len(changing) != 1:
        return None
    ((i, row),) = changing
    contract, batch = eqn.params["dimension_numbers"]

    def free(j: int) -> int:
        return prod(n for d, n in enumerate(eqn.invars[j].aval.shape) if d not in (*contract[j], *batch[j]))

    summed = prod(row.aval.shape[d] for d in contract[i])
    return row if free(i) <= _MOST_ROWS and free(1 - i) >= _LEAST_COLUMNS and summed >= _LEAST_SUM else None


def _affordable(aval: ShapedArray, length: int) -> bool:
    return length * aval.size * aval.dtype.itemsize <= _MOST_BYTES


def _early(eqns: Sequence[Eqn], fixed: set[Var], xs: Sequence[Var], length: int) -> list[Var]:
    """The products of rows that are stacked inputs, or views of such."""
    known, early = {*xs}, []
    for eqn in eqns:
        row = _row_operand(eqn, fixed)
        if row in known and _affordable(eqn.outvars[0].aval, length):
            early.append(eqn.outvars[0])
            known.update(eqn.outvars)
        elif is_cheap(eqn) and any(a in known for a in eqn.invars) and all(a in known or a in fixed for a in _variables(eqn)):
            known.update(eqn.outvars)
    return early


@dataclass(frozen=True, slots=True)
class _Chain:
    """What makes a stacked result of a row: a product, and then equations that need nothing else of the step."""

    row: Var
    eqns: tuple[Eqn, ...]


def _late(eqns: Sequence[Eqn], fixed: set[Var], carry_out: Sequence[Atom], ys: Sequence[Atom], length: int) -> dict[int, _Chain]:
    """The stacked results that a product, which serves nothing else, makes of a row; by position."""
    definitions = {v: e for e in eqns for v in e.outvars}

    def chain(y: Atom) -> _Chain | None:
        found: list[Eqn] = []
        while type(y) is Var and (eqn := definitions.get(y)) is not None:
            found.append(eqn)
            row = _row_operand(eqn, fixed)
            if row is not None:
                return _Chain(row, tuple(found)) if _affordable(row.aval, length) else None
            changing = {a for a in _variables(eqn) if a not in fixed}
            if len(changing) != 1 or eqn.primitive.multiple_results or any(subjaxprs(eqn.params)) or has_effect(eqn):
                return None
            (y,) = changing
        return None

    late = {i: c for i, y in enumerate(ys) if (c := chain(y)) is not None}
    while True:
        wanted = [*carry_out, *(y for i, y in enumerate(ys) if i not in late), *(c.row for c in late.values())]
        _, needed = live_eqns(eqns, wanted)
        left = {i: c for i, c in late.items() if not any(v in needed for v in c.eqns[-1].outvars)}
        if len(left) == len(late):
            return late
        late = left


def _variables(eqn: Eqn) -> list[Var]:
    return [a for a in eqn.invars if type(a) is Var]
