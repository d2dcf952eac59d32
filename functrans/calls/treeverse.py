"""Checkpointed loops: reverse mode in the memory of a few carries.

Reverse mode through n steps wants the carry before each step, last step first. Kept are only the carries before each of ``k1``
*segments*; a segment is run again when its turn comes, and keeps then the carries before ``k2`` segments of its own, and so on, down
to single steps, which are run again with what their derivative needs. With d levels, ``k1 * k2 * ... * kd >= n`` steps are reversed
with ``k1 + k2 + ... + kd`` carries alive and each step run d times more. So d = 1 keeps all carries, d = 2 about ``2 sqrt(n)``, and
d = log2(n) keeps ``2 log2(n)``: memory and recomputation both grow as the logarithm of the length. Segments have the length that the
levels inside of them reverse exactly; what is left at the end of n steps is cut into smaller ones. In the picture, n = 9 and d = 2::

    forward              0--------3--------6-------->      carries kept: 0 3 6
    backward, segment 3                    6--7--8  <      run again from 6; then reversed step by step: 8 7 6
    backward, segment 2           3--4--5  <               run again from 3
    backward, segment 1  0--1--2  <

This is the treeverse idea (Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
differentiation", 1992) with equal segments on each level, which makes each level one loop whose body is checkpointed, so that all
transformations apply and the program's size does not depend on n. The optimal, binomial schedule (Griewank & Walther, "Algorithm 799:
revolve", 2000) reverses ``C(s + d, d)`` steps with s carries, against about ``(s / d) ** d`` here: same law, smaller constant;
`CheckpointPlan.binomial_length` tells it for comparison.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isqrt, prod
from typing import Any

from functrans.calls.checkpoint import checkpoint_p
from functrans.calls.scan import bind_scan
from functrans.core.aval import ShapedArray
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.movement import concatenate, slice_in_dim
from functrans.primitives.structural import reshape
from functrans.transforms.stage import stage
from functrans.util import safe_zip, split_list

__all__ = ["CheckpointPlan", "checkpoint_table", "checkpointed_loop", "planned"]


# -- plans ----------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """How a loop is cut: `widths` are the numbers of segments on each level.

    >>> CheckpointPlan(9, (3, 3))
    CheckpointPlan(length=9, widths=(3, 3))
    >>> CheckpointPlan(9, (3, 3)).live_carries, CheckpointPlan(9, (3, 3)).extra_steps
    (6, 18)
    """

    length: int
    widths: tuple[int, ...]

    @property
    def live_carries(self) -> int:
        """The most carries that are kept at any time."""
        return _live(self.length, self.widths)

    @property
    def extra_steps(self) -> int:
        """How many steps run again on the way back, the last time of each with what its derivative needs: ``length * levels``, and
        less where the length is no product, since what ends a segment need not be run to find the carries inside."""
        return _again(self.length, self.widths) - _kept_steps(self.length, self.widths)

    @property
    def binomial_length(self) -> int:
        """How many steps the optimal schedule reverses with as many carries, each step run as often."""
        return comb(self.live_carries + len(self.widths) - 1, len(self.widths))


def _live(length: int, widths: tuple[int, ...]) -> int:
    if len(widths) == 1:
        return length
    size, full, rest = _cut(length, widths)
    if not full:
        return _live(rest, widths[1:])
    inside = full + _live(size, widths[1:])
    return max(inside, full + 1 + _live(rest, widths[1:])) if rest else inside


def _again(length: int, widths: tuple[int, ...]) -> int:
    """The steps run to reverse a segment of which only the start is kept."""
    if len(widths) == 1:
        return 2 * length
    size, full, rest = _cut(length, widths)
    if not full:
        return _again(rest, widths[1:])
    return _kept_steps(length, widths) + full * _again(size, widths[1:]) + (_again(rest, widths[1:]) if rest else 0)


def _kept_steps(length: int, widths: tuple[int, ...]) -> int:
    """The steps run to find the carries that are kept on the first level."""
    if len(widths) == 1:
        return length
    _, full, rest = _cut(length, widths)
    return length - rest if full else _kept_steps(rest, widths[1:])


def _cut(length: int, widths: tuple[int, ...]) -> tuple[int, int, int]:
    """The size of the segments of the first level, how many are full, and the size of what is left."""
    size = prod(widths[1:])
    return size, *divmod(length, size)


def _plan(length: int, depth: int) -> CheckpointPlan:
    """The plan of `depth` levels, as even as may be."""
    widths, left = [], length
    for level in range(depth, 0, -1):
        width = next(k for k in range(max(1, int(left ** (1 / level)) - 1), left + 1) if k ** level >= left)
        widths.append(width)
        left = -(-left // width)
    return CheckpointPlan(length, tuple(widths))


def _plans(length: int) -> list[CheckpointPlan]:
    """Plans of growing depth, as long as a level more saves carries."""
    plans = [CheckpointPlan(length, (length,))]
    for depth in range(2, max(length, 1).bit_length() + 1):
        plan = _plan(length, depth)
        if plan.live_carries < plans[-1].live_carries:
            plans.append(plan)
    return plans


def planned(name: str, checkpoint: Any, length: int) -> CheckpointPlan:
    """The plan that an argument `checkpoint` asks for: the fewest levels that keep no more carries.

    Raises:
        TypeError: if it is neither a bool, ``"auto"`` nor an int.
        ValueError: if it is smaller than any plan's.
    """
    if checkpoint is True or checkpoint == "auto":
        return _plan(length, 2) if isqrt(length) > 1 else CheckpointPlan(length, (length,))
    if isinstance(checkpoint, bool) or not hasattr(checkpoint, "__index__"):
        raise TypeError(f"{name}: checkpoint must be True, \"auto\" or the number of carries to keep; got {checkpoint!r} of type "
                        f"{type(checkpoint).__name__}, at {describe(user_source())}.")
    plans, most = _plans(length), operator.index(checkpoint)
    found = next((p for p in plans if p.live_carries <= most), None)
    if found is None:
        best = plans[-1]
        raise ValueError(
            f"{name}: checkpoint={most} carries are too few for {length} steps, at {describe(user_source())}. A loop is cut into segments, "
            "these into segments of their own, and so on, and the carry before each segment of the levels that are open is kept: the "
            f"fewest are {best.live_carries}, with {len(best.widths)} level(s) of {', '.join(map(str, best.widths))} segments. "
            f"Give at least {best.live_carries}, or \"auto\".")
    return found


def checkpoint_table(length: int) -> list[CheckpointPlan]:
    """What `checkpoint` of a scan of `length` steps can choose from: less memory for more steps.

    >>> for plan in checkpoint_table(1000):
    ...     print(plan.live_carries, "carries,", plan.extra_steps, "extra steps, widths", *plan.widths)
    1000 carries, 1000 extra steps, widths 1000
    63 carries, 2000 extra steps, widths 32 32
    30 carries, 3000 extra steps, widths 10 10 10
    22 carries, 3990 extra steps, widths 6 6 6 5
    19 carries, 4952 extra steps, widths 4 4 4 4 4
    """
    return _plans(length)


# -- loops ----------------------------------------------------------------------------------------------------------------

def checkpointed_loop(
    widths: tuple[int, ...], closed: ClosedJaxpr, consts: Sequence[Any], init: Sequence[Any], xs: Sequence[Any], *, length: int,
    reverse: bool, unroll: int,
) -> list[Any]:
    """The results of a scan, as nested scans with checkpointed bodies: ``(carry, ys)`` in one list."""
    if len(widths) == 1 or length == 0:
        carry, ys = bind_scan(_checkpointed(closed), consts, init, xs, length=length, reverse=reverse, unroll=unroll)
        return [*carry, *ys]
    size, full, rest = _cut(length, widths)
    if not full:
        return checkpointed_loop(widths[1:], closed, consts, init, xs, length=length, reverse=reverse, unroll=unroll)
    segment = _segment(closed, len(consts), len(init), size, widths[1:], reverse, unroll)

    def run_segments(carry: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        parts = [reshape(slice_in_dim(x, 0, full * size), (full, size, *typeof(x).shape[1:])) for x in xs]
        carry, ys = bind_scan(_checkpointed(segment), consts, carry, parts, length=full, reverse=reverse, unroll=1)
        return carry, [reshape(y, (full * size, *typeof(y).shape[2:])) for y in ys]

    def run_tail(carry: Sequence[Any]) -> list[list[Any]]:
        tail = _segment(closed, len(consts), len(init), rest, widths[1:], reverse, unroll)
        return split_list(_called(tail, [*consts, *carry, *(slice_in_dim(x, full * size, length) for x in xs)], True), [len(init)])

    if not rest:
        carry, ys = run_segments(init)
        return [*carry, *ys]
    if reverse:
        carry, last = run_tail(init)
        carry, first = run_segments(carry)
    else:
        carry, first = run_segments(init)
        carry, last = run_tail(carry)
    return [*carry, *(concatenate(pair, 0) for pair in safe_zip(first, last))]


def _segment(
    closed: ClosedJaxpr, num_consts: int, num_carry: int, length: int, widths: tuple[int, ...], reverse: bool, unroll: int,
) -> ClosedJaxpr:
    """The checkpointed loop of some steps as a jaxpr ``(consts, carry, xs) -> (carry, ys)``."""
    def fun(*args: Any) -> list[Any]:
        consts, init, xs = split_list(args, [num_consts, num_carry])
        return checkpointed_loop(widths, closed, consts, init, xs, length=length, reverse=reverse, unroll=unroll)

    fixed, each = closed.in_avals[:num_consts + num_carry], closed.in_avals[num_consts + num_carry:]
    return stage(fun, [*fixed, *(a.update(shape=(length, *a.shape)) for a in each)], "scan")


def _checkpointed(closed: ClosedJaxpr) -> ClosedJaxpr:
    """The body of a loop: its forward pass is in one loop and what computes it again in another, so nothing could be merged."""
    avals: list[ShapedArray] = closed.in_avals
    return stage(lambda *args: _called(closed, args, False), avals, "scan")


def _called(closed: ClosedJaxpr, args: Sequence[Any], prevent_cse: bool) -> list[Any]:
    return list(checkpoint_p.bind(*args, jaxpr=closed, prevent_cse=prevent_cse, policy=None, differentiated=False))
