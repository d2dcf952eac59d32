"""The transpose of a linear function of one example, as that of a batch: the cotangents of what examples share are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functrans.calls.open_call import batch_again
from functrans.core.aval import ShapedArray, Zero
from functrans.primitives.structural import move_axis, moved_to_front, reduce_sum
from functrans.transforms.batching import BatchTrace
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.util import safe_zip

__all__ = ["BatchedBack"]

Back = Callable[[Sequence[Any], Sequence[Any]], list[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class BatchedBack:
    """A backward rule on batched residuals and cotangents."""

    trace: BatchTrace
    back: Back
    in_avals: list[ShapedArray]
    in_dims: Sequence[int | None]
    residual_dims: list[int | None]
    out_dims: list[int | None]

    def __call__(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        n = len(residuals)
        active = active_mask(cts)
        zeros = [ct if type(ct) is not Zero or d is None else Zero(_without_axis(ct.aval, d)) for ct, d in safe_zip(cts, self.out_dims)]
        reached: list[bool] = []

        def flat(*args: Any) -> list[Any]:
            given = iter(args[n:])
            bars = self.back(args[:n], [next(given) if a else z for a, z in safe_zip(active, zeros)])
            reached[:] = active_mask(bars)
            return explicit(bars)

        dims = [*self.residual_dims, *(d for d, a in safe_zip(self.out_dims, active) if a)]
        values, found = batch_again(self.trace, flat, [*residuals, *(ct for ct, a in safe_zip(cts, active) if a)], dims)
        bars = iter(zip(values, found, strict=True))
        return [self._placed(*next(bars), want) if r else Zero(aval)
                for r, aval, want in safe_zip(reached, self.in_avals, self.in_dims)]

    def _placed(self, bar: Any, dim: int | None, want: int | None) -> Any:
        """A cotangent as the argument is batched; one that all examples share has the sum of theirs."""
        size = int(self.trace.axis)
        if want is not None:
            return move_axis(moved_to_front(size, bar, dim), 0, want)
        if dim is None and all(d is None for d in self.out_dims):
            return bar
        return reduce_sum(moved_to_front(size, bar, dim), (0,))


def _without_axis(aval: ShapedArray, dim: int) -> ShapedArray:
    return aval.update(shape=(*aval.shape[:dim], *aval.shape[dim + 1:]))
