"""`while_loop`: a body applied to a carry as long as a condition holds.

The equation ``while[cond_jaxpr, body_jaxpr, cond_nconsts, body_nconsts] *cond_consts *body_consts *init`` has the meaning::

    carry = init
    while cond_jaxpr(cond_consts, carry):
        carry = body_jaxpr(body_consts, carry)

What the two functions close over becomes their constants. Forward derivatives are a `while` whose carry has the tangents too. For
reverse mode the loop counts its turns, and its tangent map is a `repeat` of the tangent body that many times, a linear equation
whose residuals are the constants, the initial carry and the count; `while_reverse` transposes it. A condition that differs along
a batch makes a loop that runs until the last element has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.calls.agreement import trace_carry
from functrans.calls.bodies import (
    INT64,
    batch_body,
    chosen,
    counting,
    filled_tangents,
    ignoring,
    jvp_body,
    live_start,
)
from functrans.calls.called import called_by, code_line
from functrans.calls.closed import run_call, trace_closed, with_leading_inputs
from functrans.calls.hoist import hoist_invariant
from functrans.calls.one_by_one import has_effects, one_by_one
from functrans.calls.refs import Ref, carrying, restored, threaded, values_of
from functrans.calls.repeat import check_operands, repeat_tangents
from functrans.core.aval import ShapedArray, tangent_aval
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import running, typeof
from functrans.primitives.base import primitive
from functrans.primitives.logic import and_p
from functrans.primitives.reduction import reduce_or_p
from functrans.primitives.structural import moved_to_front
from functrans.transforms.flatten import arg_paths, check_arrays, fun_name, wraps
from functrans.transforms.rewrite import batch_jaxpr, memoized
from functrans.transforms.stage import stage
from functrans.transforms.symbolic_zeros import active_mask, with_zeros
from functrans.tree_util import tree_flatten, tree_unflatten
from functrans.util import safe_zip, split_list

__all__ = ["while_loop", "while_p"]

_BOOL = ShapedArray((), np.dtype(bool))


# -- the primitive --------------------------------------------------------------------------------------------------------

def _impl(*values: np.ndarray, **params: Any) -> list[np.ndarray]:
    return run_call(while_p, values, params)


def _lower(b: Any, *operands: Any, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int, body_nconsts: int) -> list[Any]:
    cond_consts, body_consts, init = split_list(operands, [cond_nconsts, body_nconsts])
    outer, body = hoist_invariant(body_jaxpr, body_nconsts)
    return list(b.while_loop(cond_jaxpr, body, cond_consts, [*body_consts, *b.apply(outer, body_consts)], init))


def _abstract(
    *avals: ShapedArray, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int, body_nconsts: int,
) -> list[ShapedArray]:
    cond_consts, body_consts, carry = split_list(avals, [cond_nconsts, body_nconsts])
    check_operands("while", [*cond_consts, *carry], cond_jaxpr.in_avals)
    check_operands("while", [*body_consts, *carry], body_jaxpr.in_avals)
    check_operands("while", body_jaxpr.out_avals, body_jaxpr.in_avals[body_nconsts:])
    if cond_jaxpr.out_avals != [_BOOL]:
        raise TypeError(f"while: the condition must be a bool scalar; it is {cond_jaxpr.out_avals}.")
    return body_jaxpr.out_avals


while_p = primitive("while", impl=_impl, abstract=_abstract, lower=_lower, multiple_results=True)


def _bind(cond: ClosedJaxpr, cond_consts: Sequence[Any], body: ClosedJaxpr, body_consts: Sequence[Any], init: Sequence[Any]) -> list[Any]:
    return list(while_p.bind(*cond_consts, *body_consts, *init, cond_jaxpr=cond, body_jaxpr=body, cond_nconsts=len(cond_consts),
                             body_nconsts=len(body_consts)))


# -- derivatives ----------------------------------------------------------------------------------------------------------

def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int,
    body_nconsts: int,
) -> tuple[list[Any], list[Any]]:
    cond_consts, consts, init = split_list(primals, [cond_nconsts, body_nconsts])
    _, const_dots, init_dots = split_list(tangents, [cond_nconsts, body_nconsts])
    body = jvp_body(body_jaxpr, body_nconsts, active_mask(const_dots), active_mask(init_dots))
    cond = ignoring(cond_jaxpr, *(tangent_aval(a) for a, m in safe_zip(body_jaxpr.out_avals, body.mask) if m))
    body_consts = [*body.consts, *consts, *filled_tangents(active_mask(const_dots), const_dots)]
    outs = _bind(cond, cond_consts, body.jaxpr, body_consts, [*init, *filled_tangents(body.mask, init_dots)])
    return outs[:len(init)], with_zeros(outs[len(init):], body.mask, outs[:len(init)])


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int,
    body_nconsts: int,
) -> tuple[list[Any], list[Any]]:
    cond_consts, consts, init = split_list(primals, [cond_nconsts, body_nconsts])
    _, const_dots, init_dots = split_list(tangents, [cond_nconsts, body_nconsts])
    with running(trace.parent):
        *ys, n = _bind(ignoring(cond_jaxpr, INT64), cond_consts, counting(body_jaxpr), consts, [*init, np.int64(0)])
    with running(trace):
        mask, dots = repeat_tangents(n, consts, const_dots, init, init_dots, body_jaxpr)
    return ys, with_zeros(dots, mask, ys)


# -- batches --------------------------------------------------------------------------------------------------------------

def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, cond_jaxpr: ClosedJaxpr, body_jaxpr: ClosedJaxpr, cond_nconsts: int,
    body_nconsts: int,
) -> tuple[list[Any], list[int | None]]:
    cond_consts, consts, init = split_list(args, [cond_nconsts, body_nconsts])
    cond_dims, const_dims, init_dims = map(tuple, split_list(dims, [cond_nconsts, body_nconsts]))
    n, name = int(size), getattr(size, "name", None)
    mask = batch_body(body_jaxpr, body_nconsts, n, name, const_dims, tuple(d is not None for d in init_dims)).mask
    cond, (cond_dim,) = batch_jaxpr(cond_jaxpr, n, name, (*cond_dims, *(0 if m else None for m in mask)))
    ragged = cond_dim is not None
    if ragged and (has_effects(cond_jaxpr) or has_effects(body_jaxpr)):
        params = {"cond_jaxpr": cond_jaxpr, "body_jaxpr": body_jaxpr, "cond_nconsts": cond_nconsts, "body_nconsts": body_nconsts}
        return one_by_one(while_p, size, args, dims, params)
    if ragged:
        mask = (True,) * len(mask)
        cond, _ = batch_jaxpr(cond_jaxpr, n, name, (*cond_dims, *(0 for _ in mask)), (True,))
    body = batch_body(body_jaxpr, body_nconsts, n, name, const_dims, mask)
    init = [moved_to_front(size, x, d) if m else x for m, x, d in safe_zip(mask, init, init_dims)]
    cond_consts, consts = [*cond.consts, *cond_consts], [*body.consts, *consts]
    outs = (_ragged if ragged else _bind)(with_leading_inputs(cond) if cond.consts else cond, cond_consts, body.jaxpr, consts, init)
    return outs, [0 if m else None for m in mask]


def _ragged(cond: ClosedJaxpr, cond_consts: Sequence[Any], body: ClosedJaxpr, consts: Sequence[Any], init: Sequence[Any]) -> list[Any]:
    """A batched loop whose elements end at different turns; those that have ended repeat their last turn."""
    (live,) = eval_jaxpr(cond.jaxpr, cond.consts, *cond_consts, *init)
    test, turn = _ragged_loop(cond, body, len(cond_consts), len(consts))
    outs = _bind(test, [], turn, [*cond_consts, *consts], [live, *live_start(live, init), *init])
    return chosen(live, outs[1 + len(init):], init)


@memoized
def _ragged_loop(cond: ClosedJaxpr, body: ClosedJaxpr, cond_nconsts: int, body_nconsts: int) -> tuple[ClosedJaxpr, ClosedJaxpr]:
    """The condition and body of a loop with the carry ``(live, states, results)``."""
    carry = body.out_avals

    def test(live: Any, *_: Any) -> list[Any]:
        return [reduce_or_p.bind(live, axes=(0,))]

    def turn(*args: Any) -> list[Any]:
        cond_consts, consts, (live,), states, _ = split_list(args, [cond_nconsts, body_nconsts, 1, len(carry)])
        results = eval_jaxpr(body.jaxpr, body.consts, *consts, *states)
        (going,) = eval_jaxpr(cond.jaxpr, cond.consts, *cond_consts, *results)
        live = and_p.bind(live, going)
        return [live, *chosen(live, results, states), *results]

    avals = [*cond.out_avals, *carry, *carry]
    consts = [*cond.in_avals[:cond_nconsts], *body.in_avals[:body_nconsts]]
    return stage(test, avals, "vmap of while_loop"), stage(turn, [*consts, *avals], "vmap of while_loop")


while_p.jvp, while_p.linearize, while_p.batch = _jvp, _linearize, _batch


# -- the function ---------------------------------------------------------------------------------------------------------

def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
    """``body_fun`` applied to a carry, starting from `init_val`, as long as ``cond_fun(carry)`` holds.

    Both functions are traced once. They may close over arrays, and are differentiated by them too. The carry keeps its structure,
    shapes and dtypes; a Python number in `init_val` takes the dtype that the body gives it.

    Both modes of differentiation work. Reverse mode stores a bounded number of carries (the option `loop_snapshots`) and computes
    the others again: nothing is stored or computed twice up to that many turns, and beyond it the cost grows with the logarithm
    of the number of turns (binomial checkpointing). Under `vmap` with a condition that differs along the batch the loop runs
    until the last element has ended; the results are those of each element's own loop.

    Args:
        cond_fun: a function of the carry that returns a boolean scalar.
        body_fun: a function of the carry that returns the next carry.
        init_val: the initial carry, a pytree of arrays.

    Returns:
        the carry on which the condition fails.

    Raises:
        TypeError: if a function is not callable, the condition is not a boolean scalar, or the body changes the carry's
            structure or types; the message names the leaf.

    >>> print(while_loop(lambda x: x < 100.0, lambda x: x * x, 2.0))
    256.0
    """
    for what, fun in (("cond_fun", cond_fun), ("body_fun", body_fun)):
        if not callable(fun):
            raise TypeError(f"while_loop: {what} must be callable; got {fun!r}, at {describe(user_source())}.")
    cond_fun, body_fun = (called_by("while_loop", what, fun, ["carry"]) for what, fun in (("cond_fun", cond_fun), ("body_fun", body_fun)))

    def run(held: tuple[Ref, ...]) -> Any:
        if not held:
            return _loop(cond_fun, body_fun, init_val, held)
        test, turn = threaded(held, cond_fun), threaded(held, body_fun)
        cond, body = wraps(cond_fun)(lambda carry: test(*carry)[1]), wraps(body_fun)(lambda carry: turn(*carry))
        values, out = _loop(cond, body, (values_of(held), init_val), held)
        restored(held, values)
        return out

    return carrying(run)


def _loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, held: Sequence[Ref]) -> Any:
    init, carry_tree = tree_flatten(init_val)
    in_tree = tree_flatten(((init_val,), {}))[1]
    check_arrays(init, [init_val], body_fun, "while_loop")
    body, init = trace_carry(body_fun, in_tree, [], init, carry_tree, arg_paths([init_val], body_fun), "while_loop", held=held)
    cond = trace_closed(cond_fun, in_tree, [typeof(x) for x in init], f"while_loop of {fun_name(cond_fun)}", held)
    if cond.out_tree.num_nodes != 1 or cond.jaxpr.out_avals != [_BOOL]:
        got = cond.jaxpr.out_avals[0] if cond.out_tree.num_nodes == 1 and cond.jaxpr.out_avals else f"the structure {cond.out_tree}"
        raise TypeError(f"while_loop: cond_fun must return a boolean scalar; {code_line(cond_fun)} returns {got}, at "
                        f"{describe(user_source())}. Return a comparison, reduced with .any() or .all() where it is of an array.")
    return tree_unflatten(carry_tree, _bind(cond.jaxpr, cond.consts, body.jaxpr, body.consts, init))
