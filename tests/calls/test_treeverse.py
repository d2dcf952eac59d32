"""Checkpointed loops have the values and derivatives of plain ones, and keep and run what their plan says."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.calls.treeverse import CheckpointPlan, checkpoint_table, planned
from functrans.core.jaxpr import subjaxprs


def close(a: Any, b: Any) -> None:
    for x, y in zip(ft.tree.leaves(a), ft.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)


def rnn(checkpoint: Any, reverse: bool = False) -> Any:
    def loss(w: Any, h: Any, xs: Any) -> Any:
        def body(carry: Any, x: Any) -> Any:
            h, i, w = carry
            h = fnp.tanh(w @ h + x) * (1.0 + 0.1 * i)
            return (h, i + 1, w), (h[0] * x, x)

        (h, _, _), (ys, _) = lax.scan(body, (h, 0, w), xs, reverse=reverse, checkpoint=checkpoint)
        return fnp.sum(ys ** 2) + fnp.sum(h)

    return loss


def arguments(n: int) -> tuple[Any, ...]:
    r = np.random.default_rng(n)
    return r.normal(size=(3, 3)), r.normal(size=3), r.normal(size=(n, 3))


@pytest.mark.parametrize("run", [lambda f: f, ft.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("n", "checkpoint"), [(1, True), (2, 2), (10, True), (10, 10), (10, 7), (13, 8), (11, "auto")])
def test_values_and_derivatives(n: int, checkpoint: Any, reverse: bool, run: Any) -> None:
    args = arguments(n)
    f, g = rnn(checkpoint, reverse), rnn(None, reverse)
    close(run(f)(*args), g(*args))
    close(run(ft.grad(f, (0, 1, 2)))(*args), ft.grad(g, (0, 1, 2))(*args))
    close(run(lambda *a: ft.jvp(f, a, args))(*args), ft.jvp(g, args, args))
    close(run(ft.hessian(f, 1))(*args), ft.hessian(g, 1)(*args))
    batch = tuple(np.stack([a, a * 0.5]) for a in args)
    close(run(ft.vmap(ft.grad(f)))(*batch), ft.vmap(ft.grad(g))(*batch))


def runs(jaxpr: Any, names: set[str]) -> int:
    """How often the named primitives run."""
    total = 0
    for eqn in jaxpr.eqns:
        total += eqn.primitive.name in names
        total += eqn.params.get("length", 1) * sum(runs(c, names) for c in subjaxprs(eqn.params))
    return total


def kept(jaxpr: Any) -> int:
    """The most numbers that loops stack at a time: those of this level, and of one loop inside."""
    here = sum(prod(v.aval.shape) for e in jaxpr.eqns if e.primitive is lax.scan_p for v in e.outvars[e.params["num_carry"]:])
    return here + max((kept(c) for e in jaxpr.eqns for c in subjaxprs(e.params)), default=0)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 100, 1000])
def test_what_is_kept_and_run_is_what_the_plan_says(n: int) -> None:
    for plan in checkpoint_table(n):
        f = lambda c: lax.scan(lambda c, _: (fnp.sin(c), None), c, None, length=n, checkpoint=plan.live_carries)[0]  # noqa: B023, E731
        closed = ft.make_jaxpr(ft.grad(f))(1.0)
        assert runs(closed, {"sin", "cos"}) == n + plan.extra_steps
        assert kept(closed) <= plan.live_carries
    assert checkpoint_table(n)[0].live_carries == n


def test_plans_cover_the_length_and_obey_the_binomial_bound() -> None:
    for n in (*range(1, 70), 1000, 4096, 100_000):
        table = checkpoint_table(n)
        assert [p.live_carries for p in table] == sorted({p.live_carries for p in table}, reverse=True)
        for plan in table:
            assert prod(plan.widths) >= n  # segments of segments ... of single steps
            assert plan.binomial_length >= n  # Griewank & Walther 2000: no schedule does better
            assert planned("scan", plan.live_carries, n) == plan
    assert checkpoint_table(100_000)[-1].live_carries <= 3 * np.log2(100_000)


def test_programs_of_many_levels_stay_small() -> None:
    """What is left at the end of a level is cut by the levels inside: the program grows as their number squared."""
    def size(jaxpr: Any) -> int:
        return sum(1 + sum(map(size, subjaxprs(e.params))) for e in jaxpr.eqns)

    def program(n: int, kept: int) -> int:
        return size(ft.make_jaxpr(ft.grad(lambda c: lax.scan(lambda c, _: (fnp.sin(c), None), c, None, length=n, checkpoint=kept)[0]))(1.0))

    fewest = checkpoint_table(100_000)[-1]
    assert len(fewest.widths) == 10 and program(100_000, fewest.live_carries) < 10 ** 2 * program(100_000, 100_000)


def test_a_plan_by_hand() -> None:
    plan = CheckpointPlan(10, (3, 4))  # segments of 4, 4 and 2
    # in the full segments 2 + 4 carries; in the last one 2 + 1 (its own start) + 2
    assert (plan.live_carries, plan.extra_steps) == (6, 20)


def test_without_derivatives_a_checkpointed_loop_is_plain() -> None:
    carry, ys = lax.scan(lambda c, x: (c + x, c), 0.0, np.arange(5.0), checkpoint=True)
    assert float(carry) == 10.0
    np.testing.assert_array_equal(ys, [0, 0, 1, 3, 6])
    carry, ys = lax.scan(lambda c, x: (c + x, c), 0.0, np.zeros(0), checkpoint=True)
    assert float(carry) == 0.0 and ys.shape == (0,)


@pytest.mark.parametrize(("checkpoint", "error", "text"), [
    ("all", TypeError, "scan of <lambda>: checkpoint must be True, \"auto\" or the number of carries to keep; got 'all' of type str"),
    (2.5, TypeError, "got 2.5 of type float"),
    (3, ValueError, "scan of <lambda>: checkpoint=3 carries are too few for 100 steps"),
    # 4 * 3 * 3 * 3 = 108 >= 100 steps; 4 + 3 + 3 + 3 = 13 would be kept by 108, one less by 100
    (3, ValueError, "A loop is cut into segments, these into segments of their own, and so on, and the carry before each segment of the "
     "levels that are open is kept: the fewest are 12, with 4 level(s) of 4, 3, 3, 3 segments. Give at least 12, or \"auto\"."),
])
def test_errors(checkpoint: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        lax.scan(lambda c, x: (c, x), 0.0, np.ones(100), checkpoint=checkpoint)
    assert text in str(caught.value) and "test_treeverse.py:" in str(caught.value)


@pytest.mark.parametrize("checkpoint", [True, 139, 50])
def test_memory_of_a_long_gradient(checkpoint: int) -> None:
    """Scratch memory is about that of the carries that are kept, and the gradient is that of the plain loop."""
    n, size = 100_000, 64
    h, w = np.random.default_rng(0).normal(size=size), np.eye(size)[::-1] * 0.999

    def gradient(kept: Any) -> Any:
        return ft.jit(ft.grad(lambda h: lax.scan(lambda h, _: (fnp.tanh(w @ h), None), h, None, length=n, checkpoint=kept)[0].sum()))

    carries = planned("scan", checkpoint, n).live_carries
    plain, less = gradient(False), gradient(checkpoint)
    arena = {f: f.lower(h)._executable.stages.module.arena_bytes / h.nbytes for f in (plain, less)}
    assert arena[plain] > n and arena[less] < 2.2 * carries
    np.testing.assert_allclose(less(h), plain(h), rtol=1e-9, atol=1e-300)
