"""`scan_p`: a loop of a known number of steps, with all its rules.

The equation ``scan[jaxpr, length, ...] consts init xs`` carries the body ``(consts, carry, x) -> (carry, y)``; the result is
the last carry and the stacked y. Every transformation of a scan is a scan of the transformed body:

- *jvp*: tangents of the carry join the carry. Which carries have one is a fixpoint: a tangent that enters in one step may reach
  others in the next.
- *linearize*: the primal scan stacks what its derivative needs (see `functrans.calls.scan_residuals`); the linear scan reads it.
- *transpose*: the linear scan runs backwards. Cotangents of the carry are the carry, cotangents of ys are read, those of xs
  stacked; those of consts are sums over the steps, which are accumulated or taken after the loop (`functrans.calls.deferred`).
- *vmap*: the carries that differ along the batch, a fixpoint again, get a batch axis.

Known limits: a carry that passes through the body unchanged is treated as a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.calls.at_once import products_at_once
from functrans.calls.closed import run_call, with_leading_inputs
from functrans.calls.deferred import Sum, split_sum, total
from functrans.calls.hoist import hoist_invariant
from functrans.calls.lift import lift_products
from functrans.calls.scan_residuals import linearized_body
from functrans.config import options
from functrans.core.aval import Linear, ShapedArray, Zero
from functrans.core.check import check_jaxpr
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Var
from functrans.core.trace import running
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.builders import add_p
from functrans.primitives.structural import instantiate, move_axis, moved_to_front, zeros
from functrans.transforms.prune import live_eqns
from functrans.transforms.rewrite import Mask, batch_jaxpr, jvp_jaxpr, memoized, transposed_jaxpr
from functrans.transforms.symbolic_zeros import active_mask, explicit, with_zeros
from functrans.util import merge_lists, partition_list, safe_zip, split_list

__all__ = ["bind_scan", "scan_p"]


# -- evaluation -----------------------------------------------------------------------------------------------------------

def _abstract(
    *avals: ShapedArray, jaxpr: ClosedJaxpr, length: int, reverse: bool, num_consts: int, num_carry: int, unroll: int,
) -> list[ShapedArray]:
    expected = jaxpr.in_avals
    fixed = num_consts + num_carry
    if len(avals) != len(expected):
        raise operand_error("scan", f"the body takes {len(expected)} operands.", *avals)
    for i, (given, inner) in enumerate(safe_zip(avals, expected)):
        wanted = inner if i < fixed else inner.update(shape=(length, *inner.shape))
        if not given.same_type(wanted):
            raise operand_error("scan", f"operand {i} must be {wanted}.", *avals)
    outs = jaxpr.out_avals
    for i, (before, after) in enumerate(safe_zip(expected[num_consts:fixed], outs[:num_carry])):
        if not before.same_type(after):
            raise operand_error("scan", f"carry {i} is {before} before a step and {after} after it.", *avals)
    return [*outs[:num_carry], *(a.update(shape=(length, *a.shape)) for a in outs[num_carry:])]


def _impl(*values: np.ndarray, **params: Any) -> list[np.ndarray]:
    return run_call(scan_p, values, params)


def _lower(b: Any, *operands: Any, jaxpr: ClosedJaxpr, length: int, reverse: bool, num_consts: int, num_carry: int,
           unroll: int) -> list[Any]:
    consts, init, xs = split_list(operands, [num_consts, num_carry])
    outer, body = hoist_invariant(jaxpr, num_consts)
    consts = [*consts, *b.apply(outer, consts)]
    parts = products_at_once(body, len(consts), num_carry, length)
    if parts is None:
        return list(b.scan(body, consts, init, xs, length, reverse))
    stacks = b.apply(parts.before, [*consts, *xs])
    outs = b.scan(parts.body, consts, init, [*xs, *stacks], length, reverse)
    return [*outs[:num_carry], *b.apply(parts.after, [*consts, *outs[num_carry:]])]


def _dce(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    """The loop without carries and stacked results that serve nobody."""
    params = eqn.params
    closed, n, m = params["jaxpr"], params["num_consts"], params["num_carry"]
    jaxpr = closed.jaxpr
    consts, carry, xs = split_list(jaxpr.invars, [n, m])
    carry_out, ys = split_list(jaxpr.outvars, [m])
    of_carry, kept_ys = tuple(used[:m]), _some(ys, used[m:])
    while True:  # a carry is used if its end is, or if it enters one that is
        eqns, needed = live_eqns(jaxpr.eqns, (*_some(carry_out, of_carry), *kept_ys))
        grown = _joined(of_carry, [v in needed for v in carry])
        if grown == of_carry:
            break
        of_carry = grown
    masks = [v in needed for v in consts], of_carry, [v in needed for v in xs]
    inner = Jaxpr((), (*_some(consts, masks[0]), *_some(carry, of_carry), *_some(xs, masks[2])), tuple(eqns),
                  (*_some(carry_out, of_carry), *kept_ys))
    body = ClosedJaxpr(Jaxpr(jaxpr.constvars, inner.invars, inner.eqns, inner.outvars), closed.consts)
    return eqn.replace(
        invars=[a for part, mask in safe_zip(split_list(eqn.invars, [n, m]), masks) for a in _some(part, mask)],
        outvars=[*_some(eqn.outvars[:m], of_carry), *_some(eqn.outvars[m:], used[m:])],
        params={**params, "jaxpr": body, "num_consts": sum(masks[0]), "num_carry": sum(of_carry)})


scan_p = primitive("scan", impl=_impl, abstract=_abstract, lower=_lower, dce=_dce, multiple_results=True)


# -- binding --------------------------------------------------------------------------------------------------------------

@memoized
def _opened(closed: ClosedJaxpr) -> ClosedJaxpr:
    return with_leading_inputs(closed)


@dataclass(frozen=True, slots=True)
class _Simplified:
    """A body without what needs no loop: carries that never change are constants, results that are inputs or that another result
    equals are not stacked, dead code and unused operands are gone."""

    body: ClosedJaxpr
    fixed: Mask
    used_consts: Mask  # of (consts, fixed carries)
    used_xs: Mask
    places: tuple[tuple[str, int], ...]  # where each stacked result is found: ("x" | "y", position)


@memoized
def _simplified(closed: ClosedJaxpr, num_consts: int, num_carry: int) -> _Simplified:
    jaxpr = closed.jaxpr
    consts, carry, xs = split_list(jaxpr.invars, [num_consts, num_carry])
    carry_out, ys = split_list(jaxpr.outvars, [num_carry])
    fixed = tuple(v is w for v, w in safe_zip(carry, carry_out))
    (moving, still), (moving_out, _) = partition_list(fixed, carry), partition_list(fixed, carry_out)
    places: dict[Any, tuple[str, int]] = {x: ("x", i) for i, x in enumerate(xs)}
    kept: list[Any] = []
    for y in ys:
        if y not in places:
            places[y] = ("y", len(kept))
            kept.append(y)
    outvars = (*moving_out, *kept)
    eqns, needed = live_eqns(jaxpr.eqns, outvars)
    used_consts, used_xs = tuple(v in needed for v in (*consts, *still)), tuple(v in needed for v in xs)
    invars = (*_some([*consts, *still], used_consts), *moving, *_some(xs, used_xs))
    return _Simplified(ClosedJaxpr(Jaxpr((), invars, tuple(eqns), outvars), ()), fixed, used_consts, used_xs,
                       tuple(places[y] for y in ys))


def _bound(closed: ClosedJaxpr, consts: Sequence[Any], init: Sequence[Any], xs: Sequence[Any], **loop: Any) -> list[Any]:
    outs: list[Any] = scan_p.bind(*consts, *init, *xs, jaxpr=closed, num_consts=len(consts), num_carry=len(init), **loop)
    return outs


def bind_scan(
    closed: ClosedJaxpr, consts: Sequence[Any], init: Sequence[Any], xs: Sequence[Any], *, run: Callable[..., list[Any]] = _bound,
    **loop: Any,
) -> tuple[list[Any], list[Any]]:
    """Scan with the body `closed`, of ``(consts, carry, x)``: the last carry and the stacked results.

    Constants of `closed` become operands, and what needs no loop is taken out of it. `loop` is `length`, `reverse` and `unroll`;
    ``run(closed, consts, init, xs, **loop)`` makes the loop itself.
    """
    if closed.consts:
        closed, consts = _opened(closed), [*closed.consts, *consts]
    if options().check:
        check_jaxpr(closed)
    made = _simplified(closed, len(consts), len(init))
    moving, still = partition_list(made.fixed, init)
    consts = _some([*consts, *still], made.used_consts)
    outs = run(made.body, consts, moving, _some(xs, made.used_xs), **loop)
    stacks = {"x": xs, "y": outs[len(moving):]}
    return merge_lists(made.fixed, outs[:len(moving)], still), [stacks[kind][i] for kind, i in made.places]


def _some(items: Sequence[Any], mask: Sequence[bool]) -> list[Any]:
    return [x for x, m in safe_zip(items, mask) if m]


def _joined(a: Sequence[bool], b: Sequence[bool]) -> Mask:
    return tuple(x or y for x, y in safe_zip(a, b))


# -- jvp ------------------------------------------------------------------------------------------------------------------

@memoized
def _jvp_body(closed: ClosedJaxpr, active: Mask, num_consts: int, num_carry: int) -> tuple[ClosedJaxpr, Mask, Mask]:
    """``(consts, const tangents, carry, carry tangents, x, x tangents) -> (carry, carry tangents, y, y tangents)``, and which
    carries and which ys have tangents."""
    sizes = [num_consts, num_carry]
    of_consts, of_carry, of_xs = map(tuple, split_list(active, sizes))
    num_ys = len(closed.jaxpr.outvars) - num_carry
    while True:
        made, out_active = jvp_jaxpr(closed, (*of_consts, *of_carry, *of_xs), (*of_carry, *(False,) * num_ys))
        grown = _joined(of_carry, out_active[:num_carry])
        if grown == of_carry:
            break
        of_carry = grown
    jaxpr = made.jaxpr
    primals, tangents = jaxpr.invars[:len(active)], jaxpr.invars[len(active):]
    c, h, x = split_list(primals, sizes)
    c_dot, h_dot, x_dot = split_list(tangents, [sum(of_consts), sum(of_carry)])
    h_out, y, h_out_dot, y_dot = split_list(jaxpr.outvars, [num_carry, num_ys, sum(of_carry)])
    invars = (*c, *c_dot, *h, *h_dot, *x, *x_dot)
    ordered = Jaxpr(jaxpr.constvars, invars, jaxpr.eqns, (*h_out, *h_out_dot, *y, *y_dot))
    return ClosedJaxpr(ordered, made.consts), of_carry, out_active[num_carry:]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, num_consts: int, num_carry: int,
         **loop: Any) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)
    body, of_carry, of_ys = _jvp_body(jaxpr, active, num_consts, num_carry)
    c, h, x = split_list(primals, [num_consts, num_carry])
    c_dot, h_dot, x_dot = split_list(tangents, [num_consts, num_carry])
    starts = [instantiate(t) for t in _some(h_dot, of_carry)]
    carry, ys = bind_scan(body, [*c, *explicit(c_dot)], [*h, *starts], [*x, *explicit(x_dot)], **loop)
    n = len(of_ys)
    outs = [*carry[:num_carry], *ys[:n]]
    return outs, with_zeros([*carry[num_carry:], *ys[n:]], (*of_carry, *of_ys), outs)


# -- linearize ------------------------------------------------------------------------------------------------------------

def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, num_consts: int, num_carry: int, length: int,
    **loop: Any,
) -> tuple[list[Any], list[Any]]:
    active = active_mask(tangents)
    made = linearized_body(jaxpr, active, num_consts, num_carry, length > 0)
    c, h, x = split_list(primals, [num_consts, num_carry])
    c_dot, h_dot, x_dot = split_list(tangents, [num_consts, num_carry])
    c = [*made.primal_consts, *c]
    with running(trace.parent):
        hoisted = eval_jaxpr(made.outer.jaxpr, (), *c)
        carry, stacks = bind_scan(made.primal, [*c, *hoisted], h, x, length=length, **loop)
    outs = [*carry, *stacks[:made.num_ys]]
    known = {"const": [*c, *hoisted], "x": x, "y": stacks}
    fixed = [*made.linear_consts, *(known[kind][i] for kind, i in made.fixed)]
    varying = [known[kind][i] for kind, i in made.varying]
    with running(trace):
        linear_consts = [*fixed, *explicit(c_dot)]
        linear_hoisted = eval_jaxpr(made.linear_outer.jaxpr, (), *linear_consts)
        starts = [instantiate(t) for t in _some(h_dot, made.of_carry)]
        h_dots, y_dots = bind_scan(
            made.linear, [*linear_consts, *linear_hoisted], starts, [*varying, *explicit(x_dot)], length=length, **loop)
    return outs, with_zeros([*h_dots, *y_dots], (*made.of_carry, *made.of_ys), outs)


# -- transpose ------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Backward:
    """The transposed body ``(consts, (sums, carry cotangents), (known x, y cotangents)) -> (sums, carry cotangents), (products, x
    cotangents)`` and how its results are put together."""

    body: ClosedJaxpr
    consts: tuple[Any, ...]  # leading constants of the body
    of_carry: Mask
    reached_consts: Mask
    reached_xs: Mask
    sums: tuple[Sum, ...]  # one for each const that is reached
    sum_avals: tuple[ShapedArray, ...]
    emitted: tuple[Var, ...]  # operands of products that are results of the loop
    stacked: tuple[Var, ...]  # and the inputs of the loop among which the others are


@memoized
def _transposed_body(
    closed: ClosedJaxpr, linear: Mask, num_consts: int, num_carry: int, of_carry: Mask, of_ys: Mask,
) -> _Backward:
    lin_consts, _, lin_xs = split_list(linear, [num_consts, num_carry])
    n_bars = sum(lin_consts)
    while True:
        zero = tuple(not a for a in (*of_carry, *of_ys))
        force = (*(False,) * n_bars, *of_carry, *(False,) * sum(lin_xs))
        made, reached = transposed_jaxpr(closed, linear, zero, force)
        grown = _joined(of_carry, reached[n_bars:n_bars + num_carry])
        if grown == of_carry:
            break
        of_carry = grown
    jaxpr = made.jaxpr
    n_fixed, n_read = num_consts - n_bars, len(lin_xs) - sum(lin_xs)
    known, read, carry_cts, y_cts = split_list(jaxpr.invars, [n_fixed, n_read, sum(of_carry)])
    fixed = (*jaxpr.constvars, *known)
    reached_consts, reached_xs = reached[:n_bars], reached[n_bars + num_carry:]
    bars, carry_out, x_bars = split_list(jaxpr.outvars, [sum(reached_consts), sum(of_carry)])
    stacked = (*read, *y_cts)
    eqns = lift_products(jaxpr.eqns, bars)
    sums = tuple(split_sum(eqns, a, set(stacked), set(fixed)) for a in bars)
    if not any(s.products for s in sums):
        eqns, sums = jaxpr.eqns, tuple(split_sum(jaxpr.eqns, a, set(stacked), set(fixed)) for a in bars)
    emitted = tuple(dict.fromkeys(v for s in sums for p in s.products for v in (p.lhs, p.rhs) if v not in stacked))
    rests = [r.atom for s in sums for r in s.rests]
    before = [Var(a.aval.strong()) for a in rests]
    added = [Eqn(add_p, [t, a], [Var(t.aval)], {}) for t, a in safe_zip(before, rests)]
    outs = (*(e.outvars[0] for e in added), *carry_out, *emitted, *x_bars)
    kept, _ = live_eqns((*eqns, *added), outs, keep_effects=False)
    body = ClosedJaxpr(Jaxpr((), (*fixed, *before, *carry_cts, *stacked), tuple(kept), outs), ())
    return _Backward(body, made.consts, of_carry, reached_consts, reached_xs, sums, tuple(v.aval for v in before), emitted, stacked)


def _transpose(cts: Sequence[Any], *operands: Any, jaxpr: ClosedJaxpr, num_consts: int, num_carry: int, length: int, reverse: bool,
               unroll: int) -> list[Any]:
    given = tuple(isinstance(x, Linear) for x in operands)
    lin_consts, lin_carry, lin_xs = split_list(given, [num_consts, num_carry])
    moving = _linear_carries(jaxpr, given, num_consts, num_carry)
    c, h, x = split_list(operands, [num_consts, num_carry])
    loop: dict[str, Any] = {"length": length, "reverse": reverse, "unroll": unroll}
    known_c, known_x = _some(c, [not m for m in lin_consts]), _some(x, [not m for m in lin_xs])
    if not all(moving):  # counters and the like are run first, and read backwards with the xs
        if any(_some(lin_carry, [not m for m in moving])):
            raise AssertionError("a carry with a linear start is linear")
        forward, jaxpr = _known_carries_apart(jaxpr, given, num_consts, moving)
        still = _some(h, [not m for m in moving])
        _, states = bind_scan(forward, known_c, still, known_x, **loop)
        known_x = [*states, *known_x]
        x, lin_xs = [*states, *x], [*([False] * len(states)), *lin_xs]
    h, cts_h, cts_y = _some(h, moving), _some(cts[:num_carry], moving), cts[num_carry:]
    linear = (*lin_consts, *([True] * len(h)), *lin_xs)
    back = _transposed_body(jaxpr, linear, num_consts, len(h), tuple(type(ct) is not Zero for ct in cts_h),
                            tuple(type(ct) is not Zero for ct in cts_y))
    stacked = [*known_x, *explicit(cts_y)]
    starts = [*map(zeros, back.sum_avals), *(instantiate(ct) for ct in _some(cts_h, back.of_carry))]
    carry, ys = bind_scan(back.body, [*back.consts, *known_c], starts, stacked, length=length, reverse=not reverse, unroll=unroll)
    stacks = dict(safe_zip((*back.stacked, *back.emitted), [*stacked, *ys[:len(back.emitted)]]))
    sums = iter(carry[:len(back.sum_avals)])
    c_bars = iter(_merged(back.reached_consts, [total(s, stacks.__getitem__, [next(sums) for _ in s.rests]) for s in back.sums]))
    h_bars = iter(_merged(back.of_carry, carry[len(back.sum_avals):]))
    x_bars = iter(_merged(back.reached_xs, ys[len(back.emitted):]))
    by_carry = [next(h_bars) if m else None for m in moving]
    return [*(next(c_bars) if m else None for m in lin_consts), *(b if m else None for b, m in safe_zip(by_carry, lin_carry)),
            *(next(x_bars) if m else None for m in lin_xs[len(lin_xs) - (len(operands) - num_consts - num_carry):])]


def _merged(mask: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    return merge_lists(mask, [None] * (len(mask) - len(values)), values)


@memoized
def _linear_carries(closed: ClosedJaxpr, linear: Mask, num_consts: int, num_carry: int) -> Mask:
    """The carries that depend on a linear operand, on some step."""
    of_carry = linear[num_consts:num_consts + num_carry]
    jaxpr = closed.jaxpr
    while True:
        mask = (*linear[:num_consts], *of_carry, *linear[num_consts + num_carry:])
        found = {v for v, m in safe_zip(jaxpr.invars, mask) if m}
        for eqn in jaxpr.eqns:
            if any(type(a) is Var and a in found for a in eqn.invars):
                found.update(eqn.outvars)
        grown = _joined(of_carry, [type(a) is Var and a in found for a in jaxpr.outvars[:num_carry]])
        if grown == of_carry:
            return of_carry
        of_carry = grown


@memoized
def _known_carries_apart(closed: ClosedJaxpr, linear: Mask, num_consts: int, moving: Mask) -> tuple[ClosedJaxpr, ClosedJaxpr]:
    """The loop of the carries that are not linear, ``(known consts, carry, known xs) -> (carry, the carry before the step)``, and
    the body in which they are leading xs."""
    jaxpr, n = closed.jaxpr, len(moving)
    c, h, x = split_list(jaxpr.invars, [num_consts, n])
    lin_consts, _, lin_xs = split_list(linear, [num_consts, n])
    still, linear_carry = partition_list(moving, h)
    still_out, linear_out = partition_list(moving, jaxpr.outvars[:n])
    eqns, _ = live_eqns(jaxpr.eqns, still_out, keep_effects=False)
    known = (*partition_list(lin_consts, c)[0], *still, *partition_list(lin_xs, x)[0])
    forward = Jaxpr((), known, tuple(eqns), (*still_out, *still))
    rest = Jaxpr((), (*c, *linear_carry, *still, *x), jaxpr.eqns, (*linear_out, *jaxpr.outvars[n:]))
    return ClosedJaxpr(forward, ()), ClosedJaxpr(rest, ())


# -- batch ----------------------------------------------------------------------------------------------------------------

def _batch(size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, num_consts: int, num_carry: int,
           **loop: Any) -> tuple[list[Any], list[int | None]]:
    c, h, x = split_list(args, [num_consts, num_carry])
    c_dims, h_dims, x_dims = split_list(dims, [num_consts, num_carry])
    x = [move_axis(v, 0, 1) if d == 0 else v for v, d in safe_zip(x, x_dims)]  # axis 0 is that of the steps
    step_dims = tuple(d if d is None else max(d - 1, 0) for d in x_dims)
    num_ys = len(jaxpr.jaxpr.outvars) - num_carry
    of_carry = tuple(d is not None for d in h_dims)
    while True:
        in_dims = (*c_dims, *(0 if b else None for b in of_carry), *step_dims)
        made, out_dims = batch_jaxpr(jaxpr, int(size), getattr(size, "name", None), in_dims, (*of_carry, *(False,) * num_ys))
        grown = _joined(of_carry, [d is not None for d in out_dims[:num_carry]])
        if grown == of_carry:
            break
        of_carry = grown
    h = [moved_to_front(size, v, d) if b else v for v, d, b in safe_zip(h, h_dims, of_carry)]
    carry, ys = bind_scan(made, c, h, x, **loop)
    return [*carry, *ys], [*(0 if b else None for b in of_carry), *(d if d is None else d + 1 for d in out_dims[num_carry:])]


scan_p.jvp, scan_p.linearize, scan_p.transpose, scan_p.batch = _jvp, _linearize, _transpose, _batch
