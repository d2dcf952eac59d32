"""Collectives and jit, the primitives that have no row in the table of tests: properties over drawn shapes and named axes.

A collective is stated by what it does to the whole batch, in NumPy. Named axes are nested in both orders, one of them may be
unnamed, and jit stands inside, between and outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans import lax
from functrans import numpy as fnp

SIZE, J = 3, 2  # the sizes of the axes "i" and "j"
PERM = [(0, 1), (1, 2)]


@dataclass(frozen=True)
class Collective:
    """`fun` maps one example; `reference` the stacked examples, the named axis first (nobody else's axis is touched)."""

    name: str
    fun: Callable[[Any, Any], Any]
    reference: Callable[[np.ndarray], np.ndarray]
    linear: bool = True
    rows: tuple[int, ...] = ()
    """Leading axes that an example must have."""

    def __repr__(self) -> str:
        return self.name


def everywhere(x: np.ndarray, size: int) -> np.ndarray:
    return np.broadcast_to(x, (size, *x.shape))


def moved(x: np.ndarray) -> np.ndarray:
    out = np.zeros_like(x)
    for source, target in PERM:
        out[target] = x[source]
    return out


COLLECTIVES = [
    Collective("psum", lax.psum, lambda x: everywhere(x.sum(0), SIZE)),
    Collective("pmean", lax.pmean, lambda x: everywhere(x.mean(0), SIZE)),
    Collective("pmax", lax.pmax, lambda x: everywhere(x.max(0), SIZE), linear=False),
    Collective("pmin", lax.pmin, lambda x: everywhere(x.min(0), SIZE), linear=False),
    Collective("ppermute", lambda x, a: lax.ppermute(x, a, PERM), moved),
    Collective("all_gather", lax.all_gather, lambda x: everywhere(x, SIZE)),
    Collective("all_gather_last", lambda x, a: lax.all_gather(x, a, axis=1), lambda x: everywhere(np.moveaxis(x, 0, 1), SIZE), rows=(2,)),
    Collective("all_gather_tiled", lambda x, a: lax.all_gather(x, a, tiled=True), lambda x: everywhere(np.concatenate(list(x)), SIZE),
               rows=(2,)),
    Collective("psum_scatter", lax.psum_scatter, lambda x: x.sum(0), rows=(SIZE,)),
    Collective("psum_scatter_tiled", lambda x, a: lax.psum_scatter(x, a, tiled=True),
               lambda x: x.sum(0).reshape(SIZE, 2, *x.shape[2:]), rows=(2 * SIZE,)),
    Collective("weighted", lambda x, a: x * (1.0 + lax.axis_index(a)) / lax.axis_size(a),
               lambda x: x * ((1.0 + np.arange(SIZE)) / SIZE).reshape(SIZE, *[1] * (x.ndim - 1))),
]
EACH = pytest.mark.parametrize("case", COLLECTIVES, ids=str)
LINEAR = pytest.mark.parametrize("case", [c for c in COLLECTIVES if c.linear], ids=str)
SHAPES = st.lists(st.integers(1, 4), max_size=2).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)


def examples(case: Collective, shape: tuple[int, ...], seed: int, *batch: int, count: int = 1) -> Any:
    drawn = [np.random.default_rng(seed + k).normal(size=(*batch, *case.rows, *shape)) for k in range(count)]
    return drawn[0] if count == 1 else drawn


def placements(f: Callable[[Any], Any], over: Callable[[Any], Any]) -> list[Callable[[Any], Any]]:
    """`over` of `f`, with jit nowhere, inside, outside, and both."""
    return [over(f), over(ft.jit(f)), ft.jit(over(f)), ft.jit(over(ft.jit(f)))]


@EACH
@given(SHAPES, SEEDS)
def test_values(case: Collective, shape: tuple[int, ...], seed: int) -> None:
    x = examples(case, shape, seed, SIZE)
    for f in placements(lambda v: case.fun(v, "i"), lambda f: ft.vmap(f, axis_name="i")):
        np.testing.assert_allclose(np.asarray(f(x)), case.reference(x), rtol=1e-14)
    for axis in range(x.ndim):
        got = ft.vmap(lambda v: case.fun(v, "i"), axis, axis_name="i")(np.moveaxis(x, 0, axis))
        np.testing.assert_allclose(np.asarray(got), case.reference(x), rtol=1e-14)


@EACH
@given(SHAPES, SEEDS, st.sampled_from([None, "j"]))
def test_nested_axes(case: Collective, shape: tuple[int, ...], seed: int, other: str | None) -> None:
    """Over "i" inside or outside another vmap, named or not: each slice of the other axis by itself."""
    x = examples(case, shape, seed, J, SIZE)
    want = np.stack([case.reference(part) for part in x])
    for f in placements(lambda v: case.fun(v, "i"), lambda f: ft.vmap(ft.vmap(f, axis_name="i"), axis_name=other)):
        np.testing.assert_allclose(np.asarray(f(x)), want, rtol=1e-14)
    for f in placements(lambda v: case.fun(v, "i"), lambda f: ft.vmap(ft.vmap(f, 0, 0, axis_name=other), 1, 1, axis_name="i")):
        np.testing.assert_allclose(np.asarray(f(x)), want, rtol=1e-14)


@given(SHAPES, SEEDS)
def test_reductions_over_both_axes_and_shadowed_names(shape: tuple[int, ...], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(J, SIZE, *shape))
    for collective, reduce in ((lax.psum, np.sum), (lax.pmean, np.mean), (lax.pmax, np.max), (lax.pmin, np.min)):
        want = np.broadcast_to(reduce(x, axis=(0, 1)), x.shape)
        for names in (("i", "j"), ("j", "i")):
            nested = placements(lambda v, c=collective, names=names: c(v, names),
                                lambda f: ft.vmap(ft.vmap(f, axis_name="i"), axis_name="j"))
            for f in nested:
                np.testing.assert_allclose(np.asarray(f(x)), want, rtol=1e-13, atol=1e-15)
    index = ft.vmap(ft.vmap(lambda v: lax.axis_index(("j", "i")) + 0 * v.sum().astype(int), axis_name="i"), axis_name="j")(x)
    np.testing.assert_array_equal(index, np.arange(J * SIZE).reshape(J, SIZE))
    # The innermost axis of a name is the one that counts.
    inner = ft.vmap(ft.vmap(lambda v: lax.psum(v, "i"), axis_name="i"), axis_name="i")(x)
    np.testing.assert_allclose(np.asarray(inner), np.broadcast_to(x.sum(1, keepdims=True), x.shape), rtol=1e-14)


@LINEAR
@given(SHAPES, SEEDS)
def test_jvp_and_linearize(case: Collective, shape: tuple[int, ...], seed: int) -> None:
    """The tangent of a linear map is the map of the tangent, outside the vmap and inside it."""
    x, x_dot = examples(case, shape, seed, SIZE, count=2)

    def over(f: Any) -> Any:
        return ft.vmap(f, axis_name="i")

    for f in placements(lambda v: case.fun(v, "i"), over):
        np.testing.assert_allclose(np.asarray(ft.jvp(f, (x,), (x_dot,))[1]), case.reference(x_dot), rtol=1e-13)
        np.testing.assert_allclose(np.asarray(ft.linearize(f, x)[1](x_dot)), case.reference(x_dot), rtol=1e-13)
    inside = ft.vmap(lambda v, t: ft.jvp(lambda w: case.fun(fnp.sin(w), "i"), (v,), (t,))[1], axis_name="i")
    for f in (inside, ft.jit(inside)):
        np.testing.assert_allclose(np.asarray(f(x, x_dot)), case.reference(np.cos(x) * x_dot), rtol=1e-12, atol=1e-15)


@LINEAR
@given(SHAPES, SEEDS)
def test_transpose(case: Collective, shape: tuple[int, ...], seed: int) -> None:
    """<ct, L x> is <L^T ct, x>, for the whole batch; and reverse mode inside the vmap gives the same as outside."""
    x = examples(case, shape, seed, SIZE)
    want = case.reference(x)
    ct = np.random.default_rng(seed + 1).normal(size=want.shape)
    scale = np.sum(np.abs(ct * want)) + 1.0
    for f in placements(lambda v: case.fun(v, "i"), lambda f: ft.vmap(f, axis_name="i")):
        (bar,) = ft.vjp(f, x)[1](ct)
        assert abs(np.sum(np.asarray(bar) * x) - np.sum(ct * want)) <= 1e-13 * scale
    outside = np.asarray(ft.vjp(ft.vmap(lambda v: case.fun(v, "i"), axis_name="i"), x)[1](ct)[0])
    inside = ft.vmap(lambda v, c: ft.vjp(lambda w: case.fun(w, "i"), v)[1](c)[0], axis_name="i")
    for g in (inside, ft.jit(inside)):
        np.testing.assert_allclose(np.asarray(g(x, ct)), outside, rtol=1e-13, atol=1e-14)


# -- jit as a primitive -------------------------------------------------------------------------------------------------------


def smooth_pair(x: Any, y: Any) -> Any:
    return {"a": fnp.sin(x) * y + x[..., ::-1], "b": (x * y).sum()}


def constant_result(x: Any, y: Any) -> Any:
    return {"a": x * 1.0, "b": fnp.asarray(2.0)}


def unused_operand(x: Any, y: Any) -> Any:
    return {"a": fnp.exp(y), "b": y[0]}


FUNCTIONS = pytest.mark.parametrize("fun", [smooth_pair, constant_result, unused_operand], ids=lambda f: f.__name__)
BOTH = st.tuples(st.integers(1, 5), SEEDS)


def same(got: Any, want: Any) -> None:
    assert ft.tree.structure(got) == ft.tree.structure(want)
    for g, w in zip(ft.tree.leaves(got), ft.tree.leaves(want), strict=True):
        assert g.dtype == w.dtype
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-13, atol=1e-14)


@FUNCTIONS
@given(BOTH)
def test_jit_inside_transformations(fun: Any, drawn: tuple[int, int]) -> None:
    n, seed = drawn
    x, y, u, v = np.random.default_rng(seed).normal(size=(4, n))
    inner = ft.jit(fun)
    ct = {"a": u, "b": 2.0}
    for wrap in (lambda f: f, ft.jit):
        same(wrap(lambda *a: ft.jvp(inner, a[:2], a[2:]))(x, y, u, v), ft.jvp(fun, (x, y), (u, v)))
        same(wrap(lambda *a: ft.linearize(inner, *a[:2])[1](*a[2:]))(x, y, u, v), ft.jvp(fun, (x, y), (u, v))[1])
        same(wrap(lambda x, y: ft.vjp(inner, x, y)[1](ct))(x, y), ft.vjp(fun, x, y)[1](ct))
        pairs = np.stack([x, u]), np.stack([y, v])
        for axes in ((0, 0), (0, None), (None, 0)):
            args = [p if d == 0 else p[0] for p, d in zip(pairs, axes, strict=True)]
            same(wrap(ft.vmap(inner, axes))(*args), ft.vmap(fun, axes)(*args))

    def energy(f: Any) -> Any:
        return lambda x, y: f(x, y)["b"] + (f(x, y)["a"] ** 2).sum()

    same(ft.hessian(energy(inner), (0, 1))(x, y), ft.hessian(energy(fun), (0, 1))(x, y))
    same(ft.vmap(ft.grad(energy(inner)))(*pairs), ft.vmap(ft.grad(energy(fun)))(*pairs))


@given(BOTH)
def test_transpose_of_jit(drawn: tuple[int, int]) -> None:
    n, seed = drawn
    x, ct = np.random.default_rng(seed).normal(size=(2, n))
    scale = np.arange(1.0, n + 1)
    linear = ft.jit(lambda v: (v * scale)[::-1])
    for transposed in (ft.linear_transpose(linear, x), ft.jit(ft.linear_transpose(linear, x))):
        np.testing.assert_allclose(np.asarray(transposed(ct)[0]), ct[::-1] * scale, rtol=1e-15)
