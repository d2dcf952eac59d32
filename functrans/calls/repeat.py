"""`repeat`: a body applied a computed number of times, the primitive behind `fori_loop` and the tangents of `while_loop`.

``repeat[jaxpr, num_consts] n *consts *carry`` applies ``carry = jaxpr(consts, carry)`` n times; n is an int64 scalar, and
below 0 counts as 0.

Its tangent map is a `repeat` again, of the body ``(carry, carry_dot) -> (carry, carry_dot)``. Nothing is stored between the two:
the residuals are n, the constants and the initial carry. Its transpose is in `while_reverse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.calls.bodies import (
    INT64,
    batch_body,
    chosen,
    filled_tangents,
    jvp_body,
    live_start,
    tangent_body,
)
from functrans.calls.closed import run_call
from functrans.calls.hoist import hoist_invariant
from functrans.calls.one_by_one import has_effects, one_by_one
from functrans.core.aval import ShapedArray
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.trace import running
from functrans.primitives.base import primitive
from functrans.primitives.builders import add_p
from functrans.primitives.logic import lt_p
from functrans.primitives.reduction import reduce_max
from functrans.primitives.structural import move_axis, moved_to_front
from functrans.transforms.rewrite import Mask, memoized
from functrans.transforms.stage import stage
from functrans.transforms.symbolic_zeros import active_mask, with_zeros
from functrans.util import safe_zip, split_list

__all__ = ["check_operands", "repeat_p", "repeat_tangents"]


def check_operands(name: str, given: Sequence[ShapedArray], taken: Sequence[ShapedArray]) -> None:
    """Refuse operands of types that the jaxpr does not take."""
    if len(given) != len(taken) or not all(a.same_type(b) for a, b in safe_zip(given, taken)):
        raise TypeError(f"{name}: the operands are {list(given)}, and the jaxpr takes {list(taken)}.")


def _impl(*values: np.ndarray, **params: Any) -> list[np.ndarray]:
    return run_call(repeat_p, values, params)


def _lower(b: Any, n: Any, *operands: Any, jaxpr: ClosedJaxpr, num_consts: int) -> list[Any]:
    consts, init = split_list(operands, [num_consts])
    outer, body = hoist_invariant(jaxpr, num_consts)
    return list(b.repeat(n, body, [*consts, *b.apply(outer, consts)], init))


def _abstract(n: ShapedArray, *avals: ShapedArray, jaxpr: ClosedJaxpr, num_consts: int) -> list[ShapedArray]:
    if n != INT64:
        raise TypeError(f"repeat: the number of turns must be an int64 scalar; got {n}.")
    check_operands("repeat", avals, jaxpr.in_avals)
    check_operands("repeat", jaxpr.out_avals, jaxpr.in_avals[num_consts:])
    return jaxpr.out_avals


repeat_p = primitive("repeat", impl=_impl, abstract=_abstract, lower=_lower, multiple_results=True)


# -- derivatives ----------------------------------------------------------------------------------------------------------

def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, num_consts: int) -> tuple[list[Any], list[Any]]:
    (n, *primals), (_, *tangents) = primals, tangents
    (consts, init), (const_dots, init_dots) = split_list(primals, [num_consts]), split_list(tangents, [num_consts])
    body = jvp_body(jaxpr, num_consts, active_mask(const_dots), active_mask(init_dots))
    dots = filled_tangents(active_mask(const_dots), const_dots)
    outs = repeat_p.bind(n, *body.consts, *consts, *dots, *init, *filled_tangents(body.mask, init_dots), jaxpr=body.jaxpr,
                         num_consts=len(body.consts) + len(consts) + len(dots))
    return outs[:len(init)], with_zeros(outs[len(init):], body.mask, outs[:len(init)])


def repeat_tangents(
    n: Any, consts: Sequence[Any], const_dots: Sequence[Any], init: Sequence[Any], init_dots: Sequence[Any], jaxpr: ClosedJaxpr,
) -> tuple[Mask, list[Any]]:
    """The tangents of the carry after n turns, those that are not zero, and which these are: one linear equation."""
    body = tangent_body(jaxpr, len(consts), active_mask(const_dots), active_mask(init_dots))
    dots = filled_tangents(active_mask(const_dots), const_dots)
    outs = repeat_p.bind(n, *body.consts, *consts, *dots, *init, *filled_tangents(body.mask, init_dots), jaxpr=body.jaxpr,
                         num_consts=len(body.consts) + len(consts) + len(dots))
    return body.mask, outs[len(init):]


def _linearize(
    trace: Any, primals: Sequence[Any], tangents: Sequence[Any], *, jaxpr: ClosedJaxpr, num_consts: int,
) -> tuple[list[Any], list[Any]]:
    with running(trace.parent):
        ys = repeat_p.bind(*primals, jaxpr=jaxpr, num_consts=num_consts)
    (n, *primals), (_, *tangents) = primals, tangents
    (consts, init), (const_dots, init_dots) = split_list(primals, [num_consts]), split_list(tangents, [num_consts])
    with running(trace):
        mask, dots = repeat_tangents(n, consts, const_dots, init, init_dots, jaxpr)
    return ys, with_zeros(dots, mask, ys)


# -- batches --------------------------------------------------------------------------------------------------------------

def _batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, jaxpr: ClosedJaxpr, num_consts: int,
) -> tuple[list[Any], list[int | None]]:
    if dims[0] is not None and has_effects(jaxpr):
        return one_by_one(repeat_p, size, args, dims, {"jaxpr": jaxpr, "num_consts": num_consts})
    (n, *args), (n_dim, *dims) = args, dims
    (consts, init), (const_dims, init_dims) = split_list(args, [num_consts]), split_list(dims, [num_consts])
    batched = tuple(d is not None or n_dim is not None for d in init_dims)
    body = batch_body(jaxpr, num_consts, int(size), getattr(size, "name", None), tuple(const_dims), batched)
    init = [moved_to_front(size, x, d) if m else x for m, x, d in safe_zip(body.mask, init, init_dims)]
    consts = [*body.consts, *consts]
    if n_dim is None:
        outs = repeat_p.bind(n, *consts, *init, jaxpr=body.jaxpr, num_consts=len(consts))
    else:
        outs = _ragged(int(size), move_axis(n, n_dim, 0), consts, init, body.jaxpr)
    return outs, [0 if m else None for m in body.mask]


def _ragged(size: int, n: Any, consts: Sequence[Any], init: Sequence[Any], body: ClosedJaxpr) -> list[Any]:
    """A batched body applied n[k] times to element k: max(n) turns, in which ended elements repeat their last turn."""
    some = lt_p.bind(np.int64(0), n)
    turns = reduce_max(n, (0,)) if size else np.int64(0)
    operands = [n, *consts, np.int64(0), *live_start(some, init), *init]
    outs = repeat_p.bind(turns, *operands, jaxpr=_ragged_body(body, size, len(consts)), num_consts=1 + len(consts))
    return chosen(some, outs[1 + len(init):], init)


@memoized
def _ragged_body(body: ClosedJaxpr, size: int, num_consts: int) -> ClosedJaxpr:
    """``(n, consts, turn, states, results) -> (turn, states, results)``."""
    consts, carry = split_list(body.in_avals, [num_consts])

    def fun(n: Any, *args: Any) -> list[Any]:
        c, (turn,), states, _ = split_list(args, [num_consts, 1, len(carry)])
        results = eval_jaxpr(body.jaxpr, body.consts, *c, *states)
        turn = add_p.bind(turn, np.int64(1))
        return [turn, *chosen(lt_p.bind(turn, n), results, states), *results]

    return stage(fun, [INT64.update(shape=(size,)), *consts, INT64, *carry, *carry], "vmap of a loop")


repeat_p.jvp, repeat_p.linearize, repeat_p.batch = _jvp, _linearize, _batch
