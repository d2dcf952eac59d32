"""Batches of control flow that differs along the batch and has effects: each element runs by itself, in order.

Where the elements of a batch take different ways, a `cond` computes both branches for all and a loop runs until the last element
has ended. Values can be selected afterwards; a print cannot be undone. With an effect inside, the batch is therefore a `scan` over
its elements, and each does what it would do alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.calls.closed import with_leading_inputs
from functrans.calls.scan import bind_scan
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.primitives.structural import move_axis
from functrans.transforms.batching import asks_for
from functrans.transforms.effects import is_effectful
from functrans.transforms.rewrite import memoized
from functrans.transforms.stage import stage
from functrans.util import merge_lists, partition_list, safe_zip

__all__ = ["has_effects", "one_by_one"]


@memoized
def has_effects(closed: ClosedJaxpr) -> bool:
    """Whether running a jaxpr does something besides computing its results."""
    return any(map(is_effectful, closed.eqns))


def one_by_one(
    primitive: Primitive, size: int, args: Sequence[Any], dims: Sequence[int | None], params: dict[str, Any],
) -> tuple[list[Any], list[int | None]]:
    """The `batch` rule of a call with several results, as a loop over the elements of the batch.

    Raises:
        NotImplementedError: if the call has a collective over the batch.
    """
    if asks_for(getattr(size, "name", None), params):
        raise NotImplementedError(
            f"{primitive} under vmap: elements of the batch take different ways, with an effect (a print, a callback) in one of them, so "
            "that they run one by one; and a collective over the batch needs all at once. Take the collective out of the functions, or "
            f"the effect, at {describe(user_source())}.")
    mapped = tuple(d is not None for d in dims)
    consts, _ = partition_list(mapped, args)
    rows = [move_axis(x, d, 0) for x, d in safe_zip(args, dims) if d is not None]
    fixed, varying = [typeof(x) for x in consts], [a.update(shape=a.shape[1:]) for a in map(typeof, rows)]

    def element(*operands: Any) -> list[Any]:
        return list(primitive.bind(*merge_lists(mapped, operands[:len(fixed)], operands[len(fixed):]), **params))

    body = stage(element, [*fixed, *varying], f"vmap of {primitive}")
    _, outs = bind_scan(with_leading_inputs(body), [*body.consts, *consts], [], rows, length=int(size), reverse=False, unroll=1)
    return outs, [0] * len(outs)
