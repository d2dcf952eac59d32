"""Transformations of loop bodies, jaxprs ``(consts, carry) -> carry``.

The carry has the same form on every turn. So a leaf that gets a tangent (a batch axis) on any turn has one on all of them: the
set of such leaves grows until the body adds none, and those that begin without get zeros (copies). Each function returns the
new body with the constants that it needs before all other operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.calls.agreement import conformed
from functrans.calls.closed import with_leading_inputs
from functrans.core.aval import ShapedArray, tangent_aval
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr, Eqn, Jaxpr, Literal, Var
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import select_n_p
from functrans.primitives.builders import add_p
from functrans.primitives.dynamic_slice import dynamic_index_in_dim
from functrans.primitives.reduction import argmax
from functrans.primitives.structural import broadcast_in_dim, instantiate
from functrans.transforms.effects import without_effects
from functrans.transforms.rewrite import Mask, batch_jaxpr, jvp_jaxpr, linearize_jaxpr, memoized
from functrans.transforms.stage import stage
from functrans.util import safe_zip, split_list

__all__ = [
    "INT64", "Body", "batch_body", "chosen", "counting", "filled_tangents", "ignoring", "jvp_body", "live_start",
    "tangent_body",
]

INT64 = ShapedArray((), np.dtype(np.int64))


@dataclass(frozen=True, slots=True)
class Body:
    """A transformed body: `jaxpr` takes `consts`, then its other constants, then its carry, of which `mask` tells the
    leaves that have a tangent or a batch axis."""

    jaxpr: ClosedJaxpr
    consts: tuple[Any, ...]
    mask: Mask


def _grown(mask: Mask, outs: Callable[[Mask], Sequence[bool]]) -> Mask:
    """The least mask that has `mask` and is kept by the body."""
    while True:
        larger = tuple(a or b for a, b in safe_zip(mask, outs(mask)))
        if larger == mask:
            return mask
        mask = larger


def _closed(made: ClosedJaxpr, avals: Sequence[ShapedArray], mask: Mask) -> Body:
    return Body(with_leading_inputs(conformed(made, avals)), made.consts, mask)


# -- tangents -------------------------------------------------------------------------------------------------------------

def filled_tangents(mask: Mask, tangents: Sequence[Any]) -> list[Any]:
    """The tangents in `mask`, as arrays."""
    return [instantiate(t) for m, t in safe_zip(mask, tangents) if m]


def _active_avals(mask: Mask, avals: Sequence[ShapedArray]) -> list[ShapedArray]:
    return [tangent_aval(a) for m, a in safe_zip(mask, avals) if m]


@memoized
def jvp_body(body: ClosedJaxpr, num_consts: int, consts_active: Mask, carry_active: Mask) -> Body:
    """``(consts, tangents of consts, carry, tangents of carry) -> (carry, tangents of carry)``."""
    mask = _grown(carry_active, lambda m: jvp_jaxpr(body, (*consts_active, *m))[1])
    made, _ = jvp_jaxpr(body, (*consts_active, *mask), mask)
    jaxpr, (consts, carry) = made.jaxpr, split_list(body.in_avals, [num_consts])
    c, x, c_dots, x_dots = split_list(jaxpr.invars, [len(consts), len(carry), sum(consts_active)])
    made = ClosedJaxpr(Jaxpr(jaxpr.constvars, (*c, *c_dots, *x, *x_dots), jaxpr.eqns, jaxpr.outvars), made.consts)
    return _closed(made, [*carry, *_active_avals(mask, carry)], mask)


@memoized
def tangent_body(body: ClosedJaxpr, num_consts: int, consts_active: Mask, carry_active: Mask) -> Body:
    """`jvp_body` in two parts, so that it can be transposed: equations without a tangent, then linear ones."""
    mask = _grown(carry_active, lambda m: linearize_jaxpr(body, (*consts_active, *m))[2])
    primal, linear, _ = linearize_jaxpr(body, (*consts_active, *mask), mask)
    primal = without_effects(primal)  # the turns are run again
    consts, carry = split_list(body.in_avals, [num_consts])
    const_dots, carry_dots = _active_avals(consts_active, consts), _active_avals(mask, carry)

    def fun(*args: Any) -> list[Any]:
        c, c_dots, x, x_dots = split_list(args, [len(consts), len(const_dots), len(carry)])
        outs = eval_jaxpr(primal.jaxpr, primal.consts, *c, *x)
        y_dots = eval_jaxpr(linear.jaxpr, linear.consts, *outs[len(carry):], *c_dots, *x_dots)
        return [*outs[:len(carry)], *y_dots]

    made = stage(fun, [*consts, *const_dots, *carry, *carry_dots], "grad of a loop")
    return _closed(made, [*carry, *carry_dots], mask)


# -- batches --------------------------------------------------------------------------------------------------------------

@memoized
def batch_body(
    body: ClosedJaxpr, num_consts: int, size: int, axis_name: Any, const_dims: tuple[int | None, ...], batched: Mask,
) -> Body:
    """The body on batched operands; the batch axis of carry leaves in the mask comes first."""
    def dims(mask: Mask) -> tuple[int | None, ...]:
        return (*const_dims, *(0 if m else None for m in mask))

    mask = _grown(batched, lambda m: [d is not None for d in batch_jaxpr(body, size, axis_name, dims(m))[1]])
    made, _ = batch_jaxpr(body, size, axis_name, dims(mask), mask)
    carry = body.in_avals[num_consts:]
    return _closed(made, [a.update(shape=(size, *a.shape)) if m else a for m, a in safe_zip(mask, carry)], mask)


# Loops whose elements end at different turns. An element that has ended must not change, and the body must not run on a state
# on which it was never meant to run (an index past the end, an inner loop that would not end). So an ended element repeats its
# last turn: the loop carries what the body is applied to apart from what it returned, and only the former is held back.

def chosen(condition: Any, on_true: Sequence[Any], on_false: Sequence[Any]) -> list[Any]:
    """Elementwise choice along the first axis, by a bool vector."""
    return [select_n_p.bind(broadcast_in_dim(condition, typeof(y).shape, (0,)), n, y) for y, n in safe_zip(on_true, on_false)]


def live_start(live: Any, init: Sequence[Any]) -> list[Any]:
    """The states on which the first turn runs: an element that makes no turn runs on the state of one that does."""
    if not typeof(live).size:
        return list(init)
    first = argmax(live, 0)
    states = [broadcast_in_dim(dynamic_index_in_dim(x, first, 0, keepdims=False), typeof(x).shape, range(1, typeof(x).ndim)) for x in init]
    return chosen(live, init, states)


# -- additions to the carry -----------------------------------------------------------------------------------------------

@memoized
def ignoring(closed: ClosedJaxpr, *avals: ShapedArray) -> ClosedJaxpr:
    """`closed` with further operands at the end that it does not use."""
    jaxpr = closed.jaxpr
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, (*jaxpr.invars, *map(Var, avals)), jaxpr.eqns, jaxpr.outvars), closed.consts)


@memoized
def counting(body: ClosedJaxpr) -> ClosedJaxpr:
    """The body with a counter of turns as the last leaf of its carry."""
    jaxpr, before, after = body.jaxpr, Var(INT64), Var(INT64)
    eqn = Eqn(add_p, [before, Literal(np.int64(1), INT64)], [after], {})
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, (*jaxpr.invars, before), (*jaxpr.eqns, eqn), (*jaxpr.outvars, after)), body.consts)
