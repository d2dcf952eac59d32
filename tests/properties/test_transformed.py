"""Every row of the table: `vmap` equals a loop, of the primitive and of its gradient, for all mapped axes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.core.trace import typeof
from functrans.transforms.api import vjp
from functrans.transforms.vmap import vmap
from tests.properties.rows import Row, assert_close, draw_case
from tests.properties.test_derivatives import normal
from tests.table import ROWS

MAPPED = pytest.mark.parametrize("row", [row for row in ROWS if row.prim.name != "iota"], ids=str)
DOUBLE, COMPLEX = np.dtype("float64"), np.dtype("complex128")


def axes_choices(data: Any, ranks: list[int]) -> list[tuple[int | None, ...]]:
    """None, the first and the last axis for each operand, in all combinations; of many a dozen."""
    every = [c for c in itertools.product(*({None, 0, n} for n in ranks)) if any(d is not None for d in c)]
    every.sort(key=str)
    return every if len(every) <= 12 else data.draw(st.permutations(every))[:12]


def stacked(samples: list[list[np.ndarray]], dims: tuple[int | None, ...]) -> list[np.ndarray]:
    """Operands of a batch of calls: those with a dim along that axis, of the others the first call's."""
    return [xs[0] if d is None else np.stack(xs, d) for xs, d in zip(zip(*samples, strict=True), dims, strict=True)]


def one(args: list[np.ndarray], dims: tuple[int | None, ...], i: int) -> list[np.ndarray]:
    return [x if d is None else np.take(x, i, d) for x, d in zip(args, dims, strict=True)]


@MAPPED
@given(st.data())
def test_vmap_equals_a_loop(row: Row, data: Any) -> None:
    dtype = data.draw(st.sampled_from(row.accepted))
    case, rng = draw_case(data, row, dtype)
    size = data.draw(st.integers(1, 3))
    samples = [case.args(rng, dtype) for _ in range(size)]

    def fun(*xs: Any) -> Any:
        return row.bind(*xs, **case.params)

    for dims in axes_choices(data, [len(o.shape) for o in case.operands]):
        args = stacked(samples, dims)
        loop = np.stack([np.asarray(fun(*one(args, dims, i))) for i in range(size)])
        scale = np.stack(
            [np.broadcast_to(row.scaled(one(args, dims, i), case.params), loop.shape[1:]) for i in range(size)]
        )
        out_axis = data.draw(st.sampled_from([0, loop.ndim - 1]))
        got = vmap(fun, dims, out_axis)(*args)
        assert typeof(got).dtype == loop.dtype
        assert_close(
            np.moveaxis(np.asarray(got), out_axis, 0),
            loop,
            row.tolerance(args),
            scale,
            f"vmap of {row}, in_axes={dims}, {case}",
        )


@pytest.mark.parametrize("row", [row for row in ROWS if row.active], ids=str)
@given(st.data())
def test_vmap_of_gradients_equals_a_loop(row: Row, data: Any) -> None:
    dtype = next(d for d in (DOUBLE, COMPLEX) if d in row.accepted)
    case, rng = draw_case(data, row, dtype)
    size = data.draw(st.integers(1, 3))
    samples = [case.args(rng, dtype, row.smooth) for _ in range(size)]
    y = np.asarray(row.bind(*samples[0], **case.params))
    if y.dtype.kind not in "fc":
        return
    ct = normal(rng, y)

    def gradients(*xs: Any) -> Any:
        active = [i for i in row.active if i < len(xs) and typeof(xs[i]).dtype == dtype]

        def fun(*chosen: Any) -> Any:
            operands = list(xs)
            for i, x in zip(active, chosen, strict=True):
                operands[i] = x
            return row.bind(*operands, **case.params)

        return vjp(fun, *(xs[i] for i in active))[1](ct)

    for dims in axes_choices(data, [len(o.shape) for o in case.operands])[:6]:
        args = stacked(samples, dims)
        loops = [gradients(*one(args, dims, i)) for i in range(size)]
        for got, *each in zip(vmap(gradients, dims)(*args), *loops, strict=True):
            want = np.stack([np.asarray(e) for e in each])
            np.testing.assert_allclose(
                np.asarray(got), want, rtol=1e-10, atol=1e-11 * np.max(np.abs(want), initial=1.0)
            )
