"""Reductions against NumPy, their derivatives to second order, ties, nan, empty axes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.calls.jitted import jit
from functrans.core.aval import Zero, tangent_aval
from functrans.core.trace import typeof
from functrans.primitives import reduction as r
from functrans.primitives.parts import imag, real
from functrans.transforms.api import grad
from tests.primitives.test_movement import FEW, check_aval, check_batch, check_jvp, sample, seeds

NUMPY = {
    r.reduce_prod_p: np.prod, r.reduce_max_p: np.max, r.reduce_min_p: np.min, r.reduce_and_p: np.bitwise_and.reduce,
    r.reduce_or_p: np.bitwise_or.reduce, r.reduce_xor_p: np.bitwise_xor.reduce,
}
KINDS = {
    r.reduce_prod_p: ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", "complex128"],
    r.reduce_max_p: ["bool", "int8", "uint64", "float16", "float32", "float64"],
    r.reduce_min_p: ["bool", "int8", "uint64", "float16", "float32", "float64"],
    r.reduce_and_p: ["bool", "int8", "uint64"], r.reduce_or_p: ["bool", "int8", "uint64"], r.reduce_xor_p: ["bool", "int8", "uint64"],
}
REDUCERS = pytest.mark.parametrize("prim", list(NUMPY), ids=str)


@st.composite
def reductions(draw: Any, low: int = 1) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(low, 4), min_size=1, max_size=3)))
    return shape, tuple(draw(st.permutations(sorted(draw(st.sets(st.integers(0, len(shape) - 1)))))))


@REDUCERS
@FEW
@given(reductions(), seeds, st.data())
def test_values_and_batching(prim: Any, drawn: Any, seed: int, data: Any) -> None:
    shape, axes = drawn
    rng = np.random.default_rng(seed)
    x = sample(rng, shape, data.draw(st.sampled_from(KINDS[prim])))
    options = {"dtype": np.float32 if x.dtype == np.float16 else x.dtype} if prim is r.reduce_prod_p else {}
    expected = np.asarray(NUMPY[prim](x, axis=axes, **options)).astype(x.dtype)
    np.testing.assert_allclose(check_aval(prim, x, axes=axes), expected, rtol=1e-6)
    dim = data.draw(st.integers(0, len(shape)))
    check_batch(prim, [sample(rng, (*shape[:dim], 2, *shape[dim:]), "bool")], [dim], 2, axes=axes)


@REDUCERS
def test_no_axes_leave_the_caller_s_array_alone(prim: Any) -> None:
    x = np.array([1, 2], "int8")
    assert np.asarray(prim.bind(x, axes=())).tolist() == [1, 2] and x.flags.writeable


@pytest.mark.parametrize("prim", [r.reduce_prod_p, r.reduce_max_p, r.reduce_min_p], ids=str)
@FEW
@given(reductions(), seeds)
def test_tangents(prim: Any, drawn: Any, seed: int) -> None:
    shape, axes = drawn
    rng = np.random.default_rng(seed)
    x = rng.permutation(int(np.prod(shape))).reshape(shape).astype("float64")
    x = x if prim is not r.reduce_prod_p else x / 7 - 0.5
    check_jvp(prim, [x], [0], rng, tol=1e-5, axes=axes)


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 1, 4)])
def test_prod_derivatives_where_elements_are_zero(zeros: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    n = 5
    x, u, v = rng.normal(size=(3, n))
    x[list(zeros)] = 0.0

    def others(*gone: int) -> float:
        return float(np.prod([x[i] for i in range(n) if i not in gone]))

    _, y_dot = r.reduce_prod_p.jvp([x], [u], axes=(0,))
    np.testing.assert_allclose(y_dot, sum(u[i] * others(i) for i in range(n)), rtol=1e-12, atol=1e-15)
    # The second derivative: a difference of tangents, which are polynomials of degree 4 in the step.
    h = 1e-4
    ahead, behind = (float(np.asarray(r.reduce_prod_p.jvp([x + s * v], [u], axes=(0,))[1])) for s in (h, -h))
    second = sum(u[i] * v[j] * others(i, j) for i in range(n) for j in range(n) if i != j)
    np.testing.assert_allclose((ahead - behind) / (2 * h), second, rtol=1e-6, atol=1e-7)


def test_prod_tangent_of_complex_and_odd_sizes() -> None:
    rng = np.random.default_rng(2)
    for shape, axes in [((7,), (0,)), ((3, 2, 5), (2, 0)), ((1,), (0,)), ((2, 3), ())]:
        check_jvp(r.reduce_prod_p, [sample(rng, shape, "complex128")], [0], rng, axes=axes)


def test_ties_share_the_tangent() -> None:
    # jax.jvp of lax.reduce_max and lax.reduce_min gives these values.
    x, x_dot = np.array([[3.0, 3.0, 1.0], [2.0, 1.0, 1.0]]), np.array([[1.0, 3.0, 9.0], [5.0, 7.0, 8.0]])
    assert np.asarray(r.reduce_max_p.jvp([x], [x_dot], axes=(1,))[1]).tolist() == [2.0, 5.0]
    assert np.asarray(r.reduce_min_p.jvp([x], [x_dot], axes=(1,))[1]).tolist() == [9.0, 7.5]
    x_dot[0, 2] = np.inf  # a tangent that is not selected does not reach the result
    assert np.asarray(r.reduce_max_p.jvp([x], [x_dot], axes=(1,))[1]).tolist() == [2.0, 5.0]


def test_empty_axes() -> None:
    f, i, u, b = np.zeros((2, 0), "float32"), np.zeros((2, 0), "int8"), np.zeros((2, 0), "uint8"), np.zeros((2, 0), bool)
    cases = [
        (r.reduce_max, [-np.inf, -128, 0, False]), (r.reduce_min, [np.inf, 127, 255, True]), (r.reduce_prod, [1, 1, 1, True]),
    ]
    for function, expected in cases:
        for x, value in zip((f, i, u, b), expected, strict=True):
            out = function(x, (1,))
            assert out.dtype == x.dtype and np.asarray(out).tolist() == [value] * 2
    for function, expected in [(r.reduce_and, [-1, 255, True]), (r.reduce_or, [0, 0, False]), (r.reduce_xor, [0, 0, False])]:
        for x, value in zip((i, u, b), expected, strict=True):
            assert np.asarray(function(x, (-1,))).tolist() == [value] * 2
    y, y_dot = r.reduce_max_p.jvp([f], [f], axes=(1,))
    assert type(y_dot) is Zero and y_dot.aval == tangent_aval(typeof(y))
    with pytest.raises(TypeError, match=r"an empty axis \(1\) has no extremum"):
        r.argmax(f, 1)
    assert r.argmax(f, 0).shape == (0,)


def test_nan_wins() -> None:
    x = np.array([1.0, np.nan, 3.0, np.nan])
    assert np.isnan(r.reduce_max(x, (0,))) and np.isnan(r.reduce_min(x, (0,)))
    assert int(r.argmax(x, 0)) == 1 and int(r.argmin(x, 0)) == 1


NAN = float("nan")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("line", "greatest", "least"), [
    ([1 + 2j, 1 + 3j, 9j, 1 + 3j], 1, 2),
    ([0j, complex(0, -np.inf), complex(1, -np.inf)], 2, 1),  # the padding of a masked reduction must not be mistaken for these
    ([complex(-np.inf, -np.inf)] * 2, 0, 0),
    ([complex(0.0, -0.0), complex(-0.0, 0.0)], 0, 0),
    ([7, complex(1, NAN), complex(NAN, 5)], 1, 1),
    ([complex(NAN, 5), complex(1, NAN), 7], 0, 0),
])
def test_complex_extrema_are_lexicographic(line: list[complex], greatest: int, least: int, compiled: bool) -> None:
    # numpy.argmax and numpy.argmin of these lists; the extremum is the element there, bit for bit.
    for dtype in ("complex64", "complex128"):
        x = np.array([line, line[::-1]], dtype)[::-1]
        for find, reduce, at in ((r.argmax, r.reduce_max, greatest), (r.argmin, r.reduce_min, least)):
            assert at == getattr(np, find.__name__)(x[1])
            positions, extrema = (jit(f)(x) if compiled else f(x) for f in (partial(find, axis=1), partial(reduce, axes=(1,))))
            assert positions.dtype == np.int64 and int(positions[1]) == at
            assert extrema.dtype == x.dtype and np.asarray(extrema)[1].tobytes() == x[1, at].tobytes()


def test_complex_extrema_over_several_axes_and_their_ties() -> None:
    x = np.array([[3, 3 + 1j, 1], [3 + 1j, 0, 2]])
    assert complex(r.reduce_max(x, (1, 0))) == 3 + 1j and complex(r.reduce_min(x, (0, 1))) == 0
    # jax.grad of lambda x: x.max().real and .imag gives these values.
    for f in (grad, lambda f: jit(grad(f))):
        np.testing.assert_array_equal(f(lambda x: real(r.reduce_max(x, (0, 1))))(x), [[0, 0.5, 0], [0.5, 0, 0]])
        np.testing.assert_array_equal(f(lambda x: imag(r.reduce_max(x, (0, 1))))(x), [[0, -0.5j, 0], [-0.5j, 0, 0]])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@FEW
@given(reductions(), seeds, st.data())
def test_arg_reductions(name: str, drawn: Any, seed: int, data: Any) -> None:
    shape, _ = drawn
    rng = np.random.default_rng(seed)
    prim = getattr(r, f"{name}_p")
    axis = data.draw(st.integers(0, len(shape) - 1))
    dtype = np.dtype(data.draw(st.sampled_from(["int8", "int64", "uint32"])))
    x = sample(rng, shape, data.draw(st.sampled_from(["bool", "int8", "uint64", "float16", "float64"])))
    out = check_aval(prim, x, axes=(axis,), index_dtype=dtype)
    np.testing.assert_array_equal(out, getattr(np, name)(x, axis))
    dim = data.draw(st.integers(0, len(shape)))
    check_batch(prim, [sample(rng, (*shape[:dim], 3, *shape[dim:]), "int8")], [dim], 3, axes=(axis,), index_dtype=dtype)
    y, y_dot = prim.jvp([x], [x], axes=(axis,), index_dtype=dtype)
    assert type(y_dot) is Zero and y_dot.aval == tangent_aval(typeof(y))


def test_refusals() -> None:
    with pytest.raises(TypeError, match="reduce_and: accepts"):
        r.reduce_and(np.zeros(2), (0,))
    with pytest.raises(TypeError, match="distinct axes"):
        r.reduce_prod(np.zeros((2, 2)), (0, -2))
    with pytest.raises(TypeError, match="cannot count the 300 elements"):
        r.argmax(np.zeros(300), 0, "uint8")
    with pytest.raises(NotImplementedError, match="not linear"):
        r.reduce_prod_p.rule("transpose")
