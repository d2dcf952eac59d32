"""`associative_scan` gives the prefixes a loop gives, `reduce` what `functools.reduce` gives."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

MODES = ["eager", "jit"]
RUN = {"eager": lambda f: f, "jit": ft.jit}
each_mode = pytest.mark.parametrize("run", [RUN[m] for m in MODES], ids=MODES)


def affine(a: Any, b: Any) -> Any:
    """Composition of x -> m x + c, which does not commute."""
    return {"m": a["m"] * b["m"], "c": a["c"] * b["m"] + b["c"]}


@each_mode
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
def test_prefixes(n: int, reverse: bool, run: Any) -> None:
    r = np.random.default_rng(n)
    elems = {"m": r.normal(size=n), "c": r.normal(size=n)}
    out = run(lambda e: lax.associative_scan(affine, e, reverse=reverse))(elems)
    items = [{k: v[i] for k, v in elems.items()} for i in range(n)]
    if reverse:
        items.reverse()
    wanted = [functools.reduce(affine, items[:i + 1]) for i in range(n)]
    if reverse:
        wanted.reverse()
    for k in elems:
        np.testing.assert_allclose(out[k], [w[k] for w in wanted], rtol=1e-12)


@each_mode
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_axes(axis: int, run: Any) -> None:
    x = np.random.default_rng(0).normal(size=(3, 5, 4))
    np.testing.assert_allclose(run(lambda x: lax.associative_scan(fnp.add, x, axis=axis))(x), np.cumsum(x, axis), rtol=1e-12)


def test_booleans_and_weak_types() -> None:
    x = np.array([False, True, False, True, True])
    np.testing.assert_array_equal(lax.associative_scan(fnp.logical_xor, x), np.logical_xor.accumulate(x))
    np.testing.assert_array_equal(lax.associative_scan(lambda a, b: a + b, np.arange(6), reverse=True), [15, 15, 14, 12, 9, 5])


def test_the_function_need_not_commute_and_may_subtract() -> None:
    # not associative: the tree of combinations is that of the reference library
    np.testing.assert_array_equal(lax.associative_scan(lambda a, b: a - b, np.arange(7), reverse=True), [-1, -1, -2, 0, -3, 1, 6])


@each_mode
def test_derivatives_and_batches_of_prefixes(run: Any) -> None:
    r = np.random.default_rng(1)
    x, ct = r.uniform(0.5, 2, size=7), r.normal(size=7)
    f = lambda x: fnp.sum(ct * lax.associative_scan(fnp.multiply, x))  # noqa: E731
    prefixes = np.cumprod(x)
    wanted = np.array([(ct * prefixes)[j:].sum() / x[j] for j in range(7)])
    np.testing.assert_allclose(run(ft.grad(f))(x), wanted)
    np.testing.assert_allclose(ft.jvp(f, (x,), (ct,))[1], wanted @ ct)
    xs = r.normal(size=(2, 7))
    np.testing.assert_allclose(run(ft.vmap(lambda x: lax.associative_scan(fnp.add, x)))(xs), np.cumsum(xs, 1))


# -- reduce ----------------------------------------------------------------------------------------------------------------

@each_mode
@pytest.mark.parametrize(("op", "numpy", "init"), [
    (lax.add, np.add, 0), (lax.add, np.add, 10), (lax.mul, np.multiply, 1), (lax.mul, np.multiply, -2), (lax.max, np.maximum, 3),
    (lax.min, np.minimum, 3), (lambda a, b: b + a, np.add, 1), (lax.bitwise_and, np.bitwise_and, -1), (lax.bitwise_and, np.bitwise_and, 6),
    (lax.bitwise_or, np.bitwise_or, 0), (lax.bitwise_xor, np.bitwise_xor, 9),
])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (-1,), ()])
def test_monoids(op: Any, numpy: Any, init: int, axes: tuple[int, ...], run: Any) -> None:
    x = np.arange(1, 7).reshape(2, 3)
    out = run(lambda x: lax.reduce(x, init, op, axes))(x)
    np.testing.assert_array_equal(out, numpy(numpy.reduce(x, axis=axes), init) if axes else numpy(x, init))
    assert out.dtype == x.dtype


def test_monoids_are_primitives() -> None:
    closed = ft.make_jaxpr(lambda x: lax.reduce(x, -np.inf, lax.max, (0,)))(np.ones((2, 3)))
    assert [e.primitive for e in closed.eqns] == [lax.reduce_max_p]


@pytest.mark.parametrize("axes", [(0,), (2,), (0, 2), (2, 0), (0, 1, 2)])
def test_any_computation(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    op = lambda a, b: fnp.hypot(a, b)  # noqa: E731
    np.testing.assert_allclose(lax.reduce(x, 0.5, op, axes), np.sqrt(np.sum(x ** 2, axes) + 0.25), rtol=1e-12)
    g = ft.grad(lambda x: fnp.sum(lax.reduce(x, 0.5, op, axes)))(x)
    np.testing.assert_allclose(g, x / np.expand_dims(np.sqrt(np.sum(x ** 2, axes) + 0.25), axes), rtol=1e-12)
    batched = ft.vmap(lambda x: lax.reduce(x, 0.5, op, axes))(np.stack([x, 2 * x]))
    np.testing.assert_allclose(batched[1], np.sqrt(np.sum(4 * x ** 2, axes) + 0.25), rtol=1e-12)


def test_several_operands_are_folded_together() -> None:
    x = np.array([[3.0, 1.0, 2.0], [1.0, 5.0, 5.0]])
    i = np.broadcast_to(np.arange(3), (2, 3))

    def larger(a: Any, b: Any) -> Any:
        take = b["x"] > a["x"]
        return {"x": fnp.where(take, b["x"], a["x"]), "i": fnp.where(take, b["i"], a["i"])}

    out = lax.reduce({"x": x, "i": i}, {"x": -np.inf, "i": -1}, larger, (1,))
    np.testing.assert_array_equal(out["i"], x.argmax(1))
    np.testing.assert_array_equal(out["x"], x.max(1))


def test_a_sequence_of_operations_is_taken_in_order() -> None:
    np.testing.assert_array_equal(lax.reduce(np.arange(6).reshape(2, 3), 0, lambda a, b: a * b + 1, (0,)), [4, 5, 6])


def test_empty_axes_give_the_initial_value() -> None:
    np.testing.assert_array_equal(lax.reduce(np.ones((0, 2)), 7.0, lambda a, b: a * 2 + b, (0,)), [7.0, 7.0])


# -- errors ----------------------------------------------------------------------------------------------------------------

ONES = np.ones((2, 3))


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: lax.associative_scan(3, ONES), TypeError, "associative_scan takes a function of two elements; got 3 of type int"),
    (lambda: lax.associative_scan(fnp.add, 1.0), ValueError, "axis 0 is asked of elems, which has shape ()"),
    (lambda: lax.associative_scan(affine, {"m": ONES, "c": np.ones(3)}), ValueError,
     "elems['c'] has size 3 along axis 0; elems['m'] has size 2 along axis 0."),
    (lambda: lax.associative_scan(lambda a, b: (a, b), ONES), TypeError, "the function must return what its arguments are built like"),
    (lambda: lax.associative_scan(lambda a, b: (a + b).sum(), ONES), TypeError, "result is f64[] for arguments of f64[1,3]"),
    (lambda: lax.associative_scan(lambda a, b: a / b, np.arange(4)), TypeError, "result is f64[2] for arguments of i64[2]"),
    (lambda: lax.reduce(ONES, 0.0, None, (0,)), TypeError, "the computation must be a function of two scalars; got None"),
    (lambda: lax.reduce(ONES, np.int32(1), lax.add, (0,)), TypeError,
     "the initial value must have the operand's dtype; got i32[] for f64[2,3]"),
    (lambda: lax.reduce(np.arange(3), 1.5, lax.add, (0,)), TypeError,
     "the initial value must have the operand's dtype; got f64*[] for i64[3]"),
    (lambda: lax.reduce(ONES, np.zeros(2), lax.add, (0,)), ValueError, "initial values must be scalars; got f64[2]"),
    (lambda: lax.reduce(ONES, 0.0, lax.add, (0, 5)), ValueError, "dimensions (0, 5) must be distinct axes of f64[2,3]"),
    (lambda: lax.reduce(ONES, 0.0, lax.add, (1, -1)), ValueError, "dimensions (1, -1) must be distinct axes of f64[2,3]"),
    (lambda: lax.reduce((ONES, np.ones(3)), (0.0, 0.0), lambda a, b: a, (0,)), ValueError,
     "operands must have one shape; got f64[2,3], f64[3]"),
    (lambda: lax.reduce((ONES,), 0.0, lax.add, (0,)), ValueError, "init_values must be built like operands"),
    (lambda: lax.reduce((), (), lax.add, (0,)), ValueError, "there is no operand"),
])
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
    assert "test_folds.py:" in str(caught.value)
