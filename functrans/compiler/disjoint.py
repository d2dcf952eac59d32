"""Sums of pads that do not overlap become one concatenation.

The cotangent of ``x[:n], x[n:2*n], ...`` is a sum of arrays that are zero but for one piece each: as many whole arrays are written
and read as there are pieces. Side by side the pieces are written once. A piece x becomes ``x + 0``, which is what adding the zeros of
the other pads makes of it (it turns -0.0 into 0.0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from functrans.core.jaxpr import Atom, ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.primitives.builders import add_p
from functrans.primitives.movement import concatenate_p, pad_p
from functrans.primitives.structural import broadcast_in_dim_p

__all__ = ["join_disjoint_pads"]


def join_disjoint_pads(closed: ClosedJaxpr) -> ClosedJaxpr:
    """The jaxpr with each largest tree of additions over disjoint pads of zeros replaced. Dead equations are left behind."""
    jaxpr = closed.jaxpr
    if sum(e.primitive is pad_p for e in jaxpr.eqns) < 2:
        return closed
    definitions = {e.outvars[0]: e for e in jaxpr.eqns if e.primitive is pad_p or e.primitive is add_p}
    uses: Counter[Atom] = Counter(a for e in jaxpr.eqns for a in e.invars if type(a) is Var)
    uses.update(a for a in jaxpr.outvars if type(a) is Var)
    pads: dict[Atom, list[Eqn] | None] = {}  # the pads that a sum consists of, None where it has other terms
    for v, eqn in definitions.items():
        pads[v] = [eqn] if eqn.primitive is pad_p else _terms([pads.get(a) for a in eqn.invars])
    inner = {a for v, eqn in definitions.items() if eqn.primitive is add_p and pads[v] for a in eqn.invars if uses[a] == 1}
    eqns: list[Eqn] = []
    for eqn in jaxpr.eqns:
        found = pads[eqn.outvars[0]] if eqn.primitive is add_p and eqn.outvars[0] not in inner else None
        joined = _joined(found, eqn) if found else None
        eqns.extend([eqn] if joined is None else joined)
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, jaxpr.invars, tuple(eqns), jaxpr.outvars), closed.consts)


def _terms(operands: list[list[Eqn] | None]) -> list[Eqn] | None:
    return None if any(o is None for o in operands) else [e for o in operands if o for e in o]


def _extent(eqn: Eqn) -> tuple[int, int, int] | None:
    """The axis, start and stop of what a pad of zeros pads along one axis."""
    fill, config = eqn.invars[1], eqn.params["padding_config"]
    padded = [d for d, c in enumerate(config) if c != (0, 0, 0)]
    if type(fill) is not Literal or fill.value != 0 or len(padded) != 1:
        return None
    (axis,) = padded
    lo, hi, interior = config[axis]
    return (axis, lo, lo + eqn.invars[0].aval.shape[axis]) if min(lo, hi) >= 0 and interior == 0 else None


def _joined(pads: list[Eqn], eqn: Eqn) -> list[Eqn] | None:
    """The equations of the concatenation, the last of which defines what `eqn` does; None where pads overlap or axes differ."""
    out = eqn.outvars[0]
    extents = [_extent(p) for p in pads]
    if any(e is None for e in extents) or len({e[0] for e in extents if e}) != 1:
        return None
    spans = sorted(((e[1], e[2], p.invars[0]) for p, e in zip(pads, extents, strict=True) if e), key=lambda span: span[:2])
    if any(stop > start for (_, stop, _), (start, _, _) in pairwise(spans)):
        return None
    axis = extents[0][0] if extents[0] else 0
    return list(_concatenation(spans, axis, out, eqn))


def _concatenation(spans: list[tuple[int, int, Atom]], axis: int, out: Var, eqn: Eqn) -> Iterator[Eqn]:
    shape, zero = out.aval.shape, Literal(out.aval.dtype.type(0), out.aval.update(shape=(), weak_type=False))
    pieces: list[Var] = []

    def piece(n: int) -> Var:
        pieces.append(Var(out.aval.update(shape=(*shape[:axis], n, *shape[axis + 1:]), weak_type=False)))
        return pieces[-1]

    def gap(n: int) -> Iterator[Eqn]:
        if n:
            v = piece(n)
            yield Eqn(broadcast_in_dim_p, [zero], [v], {"shape": v.aval.shape, "broadcast_dimensions": ()}, eqn.source)

    at = 0
    for start, stop, x in spans:
        yield from gap(start - at)
        yield Eqn(add_p, [x, zero], [piece(stop - start)], {}, eqn.source)
        at = stop
    yield from gap(shape[axis] - at)
    yield Eqn(concatenate_p, pieces, [out], {"dimension": axis}, eqn.source)
