"""Reverse mode of loops whose number of turns is computed: binomial checkpointing in bounded memory.

The transpose of `repeat` walks the turns backwards. Turn k needs the known part of the carry before turn k, which the forward
loop has not kept. A stack of S snapshots (static; the option `loop_snapshots`, less for large carries) is filled on the way
forward, and carries between snapshots are computed again from the last one before them. Where snapshots are placed is Griewank and
Walther's optimal schedule ("Algorithm 799: revolve", 2000): with s snapshots and each turn run at most r times forward,
beta(s, r) = C(s + r, r) turns can be reversed; of l turns, with beta(s, r - 1) < l <= beta(s, r), the next snapshot is taken
``max(l - beta(s - 1, r), beta(s, r - 2))`` turns on. Up to S + 1 turns each is run forward once; S = 64 and r = 3 serve 47 905.

The state of the walk, for S = 3 and 6 turns (``[k]`` a snapshot of the carry before turn k)::

    [0]             l = 6, s = 3, r = 2: one turn on, store
    [0] [1]         l = 5, s = 2, r = 2: two turns on, store
    [0] [1] [3]     no free slot: run 3 and 4, reverse 5; run 3, reverse 4; reverse 3 and drop its snapshot
    [0] [1]         l = 2, one turn on is the one to reverse: run 1, reverse 2; reverse 1 and drop its snapshot
    [0]             reverse 0

The walk is itself a `repeat` of ordinary equations (`while`, dynamic slices), so it is differentiated, batched and compiled as any
program is. A body without a known carry needs no snapshots: its transpose is a `repeat` of the transposed body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.calls.bodies import INT64, counting, ignoring
from functrans.calls.fori_loop import fori_loop
from functrans.calls.repeat import repeat_p
from functrans.calls.while_loop import while_loop, while_p
from functrans.config import options
from functrans.core.aval import Linear, ShapedArray, tangent_aval
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import Atom, ClosedJaxpr, Jaxpr, Var
from functrans.primitives.arithmetic import div_p, max_p, sub_p
from functrans.primitives.arithmetic import select as choose
from functrans.primitives.builders import add_p, mul_p
from functrans.primitives.dynamic_slice import dynamic_index_in_dim, dynamic_update_index_in_dim
from functrans.primitives.logic import bitwise_and, eq, gt, lt
from functrans.primitives.structural import instantiate, zeros
from functrans.transforms.rewrite import Mask, memoized, transposed_jaxpr
from functrans.transforms.stage import stage
from functrans.util import partition_list, safe_zip, split_list

__all__ = ["next_snapshot"]

MEMORY = 1 << 28  # bytes that the snapshots of one loop may take, unless two take more


# -- what a body does with its linear operands ----------------------------------------------------------------------------

def _reached(jaxpr: Jaxpr, linear: Sequence[bool]) -> Mask:
    """Which results depend on the inputs in the mask."""
    found = {v for v, is_linear in safe_zip(jaxpr.invars, linear) if is_linear}
    for eqn in jaxpr.eqns:
        if any(type(a) is Var and a in found for a in eqn.invars):
            found.update(eqn.outvars)
    return tuple(type(a) is Var and a in found for a in jaxpr.outvars)


def _pruned(jaxpr: Jaxpr, invars: Sequence[Var], outvars: Sequence[Atom]) -> ClosedJaxpr:
    """The part of `jaxpr` that gives `outvars`, as a program of `invars`."""
    needed = {a for a in outvars if type(a) is Var}
    eqns = []
    for eqn in reversed(jaxpr.eqns):
        if any(v in needed for v in eqn.outvars):
            eqns.append(eqn)
            needed.update(a for a in eqn.invars if type(a) is Var)
    return ClosedJaxpr(Jaxpr((), tuple(invars), tuple(reversed(eqns)), tuple(outvars)), ())


class _Parts:
    """A body cut in two: what is known, and what is linear.

    ``known(known consts, known carry) -> known carry`` and
    ``back(known consts, known carry, cotangents of the linear carry) -> cotangents of the linear consts and carry``.
    """

    __slots__ = ("back", "carry_mask", "const_mask", "known")

    def __init__(self, body: ClosedJaxpr, num_consts: int, consts: Mask, carry: Mask) -> None:
        jaxpr = body.jaxpr
        while True:
            grown = tuple(a or b for a, b in safe_zip(carry, _reached(jaxpr, (*consts, *carry))))
            if grown == carry:
                break
            carry = grown
        self.const_mask, self.carry_mask = consts, carry
        known, _ = partition_list((*consts, *carry), jaxpr.invars)
        known_outs, linear_outs = partition_list(carry, jaxpr.outvars)
        self.known = _pruned(jaxpr, known, known_outs)
        linear = _pruned(jaxpr, jaxpr.invars, linear_outs)
        self.back, _ = transposed_jaxpr(linear, (*consts, *carry), (False,) * len(linear_outs), True)


@memoized
def _parts(body: ClosedJaxpr, num_consts: int, consts: Mask, carry: Mask) -> _Parts:
    return _Parts(body, num_consts, consts, carry)


# -- the schedule ---------------------------------------------------------------------------------------------------------

def _int(value: int) -> Any:
    return np.int64(value)


def next_snapshot(turns: Any, snapshots: Any) -> Any:
    """How many turns on from the last snapshot the next one is taken, so that `turns` turns cost the fewest forward ones.

    `snapshots` counts the last one and the free slots, and is 2 or more; at least two turns are left.

    >>> print(next_snapshot(np.int64(6), np.int64(3)), next_snapshot(np.int64(5), np.int64(2)))
    1 2
    """
    def more(state: Any) -> Any:
        return lt(state[3], turns)

    def step(state: Any) -> Any:
        r, _, b, c = state  # c = beta(s, r), b = beta(s, r - 1)
        r = add_p.bind(r, _int(1))
        return r, b, c, div_p.bind(mul_p.bind(c, add_p.bind(snapshots, r)), r)

    start = (_int(1), _int(0), _int(1), add_p.bind(snapshots, _int(1)))
    _, a, b, c = while_loop(more, step, start)
    ahead = sub_p.bind(turns, sub_p.bind(c, b))  # beta(s - 1, r) = beta(s, r) - beta(s, r - 1)
    return max_p.bind(max_p.bind(ahead, a), _int(1))


# -- the walk back --------------------------------------------------------------------------------------------------------

def _slots(carry: Sequence[ShapedArray], wanted: int) -> int:
    """How many snapshots are kept."""
    size = sum(a.size * a.dtype.itemsize for a in carry)
    return max(min(wanted, MEMORY // max(size, 1)), min(wanted, 2))


@memoized
def _walk_back(body: ClosedJaxpr, num_consts: int, consts: Mask, carry: Mask, wanted: int) -> ClosedJaxpr:
    """``(n, known consts, known carry, cotangents of the linear carry) -> cotangents of the linear consts and carry``."""
    parts = _parts(body, num_consts, consts, carry)
    const_avals, carry_avals = split_list(body.in_avals, [num_consts])
    known_consts, linear_consts = partition_list(parts.const_mask, const_avals)
    known, linear = partition_list(parts.carry_mask, carry_avals)
    slots = _slots(known, wanted)

    def fun(n: Any, *args: Any) -> list[Any]:
        c, start, cts = split_list(args, [len(known_consts), len(known)])
        empty = [zeros(ShapedArray((slots, *a.shape), a.dtype)) for a in known]
        stacks = [dynamic_update_index_in_dim(s, x, _int(0), 0) for s, x in safe_zip(empty, start)]
        places = zeros(INT64.update(shape=(slots,)))
        bars = [zeros(tangent_aval(a)) for a in linear_consts]

        def run(turns: Any, stacks: Any, top: Any) -> list[Any]:
            held = [dynamic_index_in_dim(s, top, 0, keepdims=False) for s in stacks]
            return list(repeat_p.bind(turns, *c, *held, jaxpr=parts.known, num_consts=len(c)))

        def reverse(k: Any, state: Any) -> Any:
            top, places, stacks, bars, cts = state
            end = sub_p.bind(n, k)

            def last(top: Any, places: Any) -> Any:
                """How many turns lie between the last snapshot and the turn to be reversed."""
                place = dynamic_index_in_dim(places, top, 0, keepdims=False)
                return sub_p.bind(sub_p.bind(end, place), _int(1))

            def stores(state: Any) -> Any:
                top, places, _ = state
                return bitwise_and(lt(top, _int(slots - 1)), gt(last(top, places), _int(1)))

            def store(state: Any) -> Any:
                top, places, stacks = state
                ahead = next_snapshot(add_p.bind(last(top, places), _int(1)), sub_p.bind(_int(slots), top))
                up, held = add_p.bind(top, _int(1)), run(ahead, stacks, top)
                place = add_p.bind(dynamic_index_in_dim(places, top, 0, keepdims=False), ahead)
                stacks = [dynamic_update_index_in_dim(s, x, up, 0) for s, x in safe_zip(stacks, held)]
                return up, dynamic_update_index_in_dim(places, place, up, 0), stacks

            top, places, stacks = while_loop(stores, store, (top, places, stacks))
            left = last(top, places)
            outs = eval_jaxpr(parts.back.jaxpr, parts.back.consts, *c, *run(left, stacks, top), *cts)
            grown = [add_p.bind(b, o) for b, o in zip(bars, outs[:len(bars)], strict=True)]
            return choose(eq(left, _int(0)), sub_p.bind(top, _int(1)), top), places, stacks, grown, outs[len(bars):]

        *_, bars, cts = fori_loop(_int(0), n, reverse, (_int(0), places, stacks, bars, cts))
        return [*bars, *cts]

    return stage(fun, [INT64, *known_consts, *known, *map(tangent_aval, linear)], "grad of a loop")


@memoized
def _back_body(body: ClosedJaxpr, num_consts: int, consts: Mask, carry: Mask) -> ClosedJaxpr:
    """The transposed body as a body: ``(known consts, cotangents) -> cotangents``, of the linear consts and carry."""
    parts = _parts(body, num_consts, consts, carry)
    n_known, n_bars = len(consts) - sum(consts), sum(consts)

    def fun(*args: Any) -> list[Any]:
        c, bars, cts = split_list(args, [n_known, n_bars])
        outs = eval_jaxpr(parts.back.jaxpr, parts.back.consts, *c, *cts)
        return [*(add_p.bind(b, o) for b, o in zip(bars, outs[:n_bars], strict=True)), *outs[n_bars:]]

    known, linear = partition_list(consts, body.in_avals[:num_consts])
    return stage(fun, [*known, *map(tangent_aval, (*linear, *body.out_avals))], "grad of a loop")


def _transpose(cts: Sequence[Any], n: Any, *operands: Any, jaxpr: ClosedJaxpr, num_consts: int) -> list[Any]:
    consts, init = split_list(operands, [num_consts])
    const_mask, init_mask = (tuple(isinstance(x, Linear) for x in xs) for xs in (consts, init))
    parts = _parts(jaxpr, num_consts, const_mask, init_mask)
    given = [instantiate(ct) for m, ct in safe_zip(parts.carry_mask, cts) if m]
    c, _ = partition_list(const_mask, consts)
    known, _ = partition_list(parts.carry_mask, init)
    if known:
        walk = _walk_back(jaxpr, num_consts, const_mask, init_mask, options().loop_snapshots)
        outs = eval_jaxpr(walk.jaxpr, walk.consts, n, *c, *known, *given)
    else:
        back = _back_body(jaxpr, num_consts, const_mask, init_mask)
        bars = [zeros(tangent_aval(x.aval)) for x in consts if isinstance(x, Linear)]
        outs = repeat_p.bind(n, *c, *bars, *given, jaxpr=back, num_consts=len(c))
    results = iter(outs)
    bars = [next(results) if m else None for m in const_mask]
    carry_bars = [next(results) if m else None for m in parts.carry_mask]
    return [None, *bars, *(bar if isinstance(x, Linear) else None for x, bar in safe_zip(init, carry_bars))]


def _while_transpose(
    cts: Sequence[Any], *operands: Any, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int, body_nconsts: int,
) -> list[Any]:
    """The known part runs once to count the turns; with their number the loop is a `repeat`."""
    cond_consts, consts, init = split_list(operands, [cond_nconsts, body_nconsts])
    const_mask, init_mask = (tuple(isinstance(x, Linear) for x in xs) for xs in (consts, init))
    parts = _parts(body_jaxpr, body_nconsts, const_mask, init_mask)
    test, turn = _counted_loop(cond_jaxpr, cond_nconsts, parts)
    c, _ = partition_list(const_mask, consts)
    known, _ = partition_list(parts.carry_mask, init)
    *_, n = while_p.bind(*cond_consts, *c, *known, _int(0), cond_jaxpr=test, body_jaxpr=turn, cond_nconsts=cond_nconsts,
                         body_nconsts=len(c))
    _, *bars = _transpose(cts, n, *consts, *init, jaxpr=body_jaxpr, num_consts=body_nconsts)
    return [*(None for _ in cond_consts), *bars]


@memoized
def _counted_loop(cond_jaxpr: ClosedJaxpr, cond_nconsts: int, parts: _Parts) -> tuple[ClosedJaxpr, ClosedJaxpr]:
    """The condition and body of the known part of a loop, with a counter of turns."""
    jaxpr = cond_jaxpr.jaxpr
    consts, carry = split_list(jaxpr.invars, [cond_nconsts])
    known, _ = partition_list(parts.carry_mask, carry)
    return ignoring(_pruned(jaxpr, [*consts, *known], jaxpr.outvars), INT64), counting(parts.known)


repeat_p.transpose, while_p.transpose = _transpose, _while_transpose
