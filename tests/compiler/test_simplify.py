"""Simplification: what goes, what merges, and that no identity is used that IEEE arithmetic does not grant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans.numpy as fnp
from functrans import lax
from functrans.calls.jitted import jit
from functrans.compiler.simplify import inline_calls, simplify
from functrans.core.interpret import eval_jaxpr
from functrans.core.jaxpr import ClosedJaxpr
from functrans.transforms.api import grad
from functrans.transforms.tracing import make_jaxpr

X = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, 1.5]])
K = np.array([[3, -4, 0], [7, 1, 2]])
C = np.array([complex(np.inf, 0), complex(-0.0, 0.0), complex(1, np.nan)])


def names(fun: Callable[..., Any], *args: Any) -> list[str]:
    return [e.primitive.name for e in simplify(make_jaxpr(fun)(*args)).eqns]


def bits(x: Any) -> bytes:
    return np.where(np.isnan(x), np.nan, x).tobytes() if np.asarray(x).dtype.kind == "f" else np.asarray(x).tobytes()


def values(closed: ClosedJaxpr, *args: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        return [np.asarray(v) for v in eval_jaxpr(closed.jaxpr, closed.consts, *args)]


REMOVED: dict[str, tuple[Callable[..., Any], Any]] = {
    "x * 1": (lambda x: lax.mul(x, 1.0), X),
    "1 * x": (lambda x: lax.mul(1.0, x), X),
    "x / 1": (lambda x: lax.div(x, 1.0), X),
    "x - 0": (lambda x: lax.sub(x, 0.0), X),
    "k * 1": (lambda k: lax.mul(k, 1), K),
    "ones * x": (lambda x: lax.mul(lax.broadcast(1.0, (2, 3)), x), X),
    "product of 1 and x": (lambda x: lax.dot_general(1.0, x, (((), ()), ((), ()))), X),
    "product of x and 1": (lambda x: lax.dot_general(x, 1.0, (((), ()), ((), ()))), X),
    "k - 0": (lambda k: lax.sub(k, 0), K),
    "--x": (lambda x: lax.neg(lax.neg(x)), X),
    "transposed twice": (lambda x: lax.transpose(lax.transpose(x, (1, 0)), (1, 0)), X),
    "reshape to its own shape": (lambda x: lax.reshape(x, (2, 3)), X),
}
KEPT: dict[str, tuple[Callable[..., Any], Any]] = {
    "x + 0": (lambda x: lax.add(x, 0.0), X),
    "0 - x": (lambda x: lax.sub(0.0, x), X),
    "x - -0": (lambda x: lax.sub(x, -0.0), X),
    "x * 0": (lambda x: lax.mul(x, 0.0), X),
    "x - x": (lambda x: lax.sub(x, x), X),
    "x / x": (lambda x: lax.div(x, x), X),
    "1 / x": (lambda x: lax.div(1.0, x), X),
    "c * 1": (lambda c: lax.mul(c, np.complex128(1)), C),
    "c / 1": (lambda c: lax.div(c, np.complex128(1)), C),
    "there and back by a narrower dtype": (lambda x: lax.convert_element_type(lax.convert_element_type(x, np.float32), np.float64), X),
    "ones * x along paired axes": (lambda x: lax.dot_general(lax.broadcast(1.0, (2,)), x @ x.T, (((), ()), ((0,), (1,)))), X),
    "transposed round": (lambda x: lax.transpose(lax.transpose(lax.reshape(x, (1, 2, 3)), (1, 2, 0)), (1, 2, 0)), X),
}


@pytest.mark.parametrize("name", REMOVED)
def test_exact_identities_are_removed(name: str) -> None:
    fun, x = REMOVED[name]
    made = make_jaxpr(fun)(x)
    assert len(simplify(made).eqns) == 0
    assert bits(values(simplify(made), x)[0]) == bits(values(made, x)[0])


@pytest.mark.parametrize("name", KEPT)
def test_inexact_identities_are_not_used(name: str) -> None:
    fun, x = KEPT[name]
    made = make_jaxpr(fun)(x)
    assert len(simplify(made).eqns) == len(made.eqns)
    np.testing.assert_array_equal(values(simplify(made), x)[0], values(made, x)[0])


def test_a_broadcast_identity_keeps_its_shape() -> None:
    """x * ones has another shape than x: a scalar times one broadcast is not the scalar."""
    fun = lambda s: lax.mul(s, lax.full((3,), 1.0))  # noqa: E731
    np.testing.assert_array_equal(np.asarray(jit(fun)(2.0)), [2.0, 2.0, 2.0])


def test_equal_equations_merge() -> None:
    assert names(lambda x: lax.add(lax.sqrt(x), lax.sqrt(x)), X) == ["sqrt", "add"]
    assert names(lambda x: lax.add(lax.reduce_sum(x, [0]), lax.reduce_sum(lax.neg(lax.neg(x)), [0])), X) == ["reduce_sum", "add"]


def test_different_parameters_and_literals_do_not_merge() -> None:
    assert names(lambda x: (lax.reduce_sum(x, [0]), lax.reduce_sum(x, [1])), X).count("reduce_sum") == 2
    assert names(lambda x: (lax.add(x, 0.0), lax.add(x, -0.0)), X) == ["add", "add"]
    assert names(lambda x: (lax.convert_element_type(x, np.float32), lax.convert_element_type(x, np.int32)), X).count(
        "convert_element_type") == 2


def test_fill_values_that_differ_in_sign_do_not_merge() -> None:
    numbers = lax.GatherDimensionNumbers((), (0,), (0,))
    at = np.array([[9]])
    fun = lambda x: tuple(lax.gather(x, at, numbers, (1,), mode="fill", fill_value=v) for v in (0.0, -0.0))  # noqa: E731
    zero, minus = (np.asarray(v) for v in jit(fun)(X[0]))
    assert not np.signbit(zero).any() and np.signbit(minus).all()


def test_dead_equations_and_constants_go() -> None:
    unused = np.ones((2, 3))
    closed = simplify(make_jaxpr(lambda x: (lax.sqrt(x), lax.add(x, unused), lax.neg(x))[2])(X))
    assert [e.primitive.name for e in closed.eqns] == ["neg"] and not closed.consts


def test_calls_are_inlined_at_every_depth() -> None:
    inner = jit(lambda x: lax.mul(x, 2.0))
    middle = jit(lambda x: lax.add(inner(x), inner(lax.neg(x))))
    made = make_jaxpr(lambda x: middle(middle(x)))(X)
    assert "jit" in [e.primitive.name for e in made.eqns]
    flat = inline_calls(made)
    assert "jit" not in [e.primitive.name for e in flat.eqns]
    np.testing.assert_array_equal(values(flat, X)[0], values(made, X)[0])


def test_a_call_that_returns_its_argument_or_a_literal() -> None:
    inner = jit(lambda x: (x, 3.0, lax.neg(x)))
    closed = simplify(make_jaxpr(lambda x: inner(x))(X))
    assert [e.primitive.name for e in closed.eqns] == ["neg"]
    same, three, minus = values(closed, X)
    assert bits(same) == bits(X) and three == 3.0 and bits(minus) == bits(-X)


def test_constants_of_a_call_used_twice() -> None:
    table = np.arange(3.0)
    inner = jit(lambda x: lax.add(x, table))
    closed = simplify(make_jaxpr(lambda x: inner(inner(x)))(np.ones(3)))
    np.testing.assert_array_equal(values(closed, np.ones(3))[0], 1 + 2 * table)


def test_simplify_is_idempotent_and_deterministic() -> None:
    def fun(x: Any) -> Any:
        y = lax.mul(lax.neg(lax.neg(x)), 1.0)
        return lax.add(lax.sqrt(y), lax.sqrt(x)), lax.transpose(lax.transpose(y, (1, 0)), (1, 0))

    once = simplify(make_jaxpr(fun)(X))
    assert str(simplify(once)) == str(once) == str(simplify(make_jaxpr(fun)(X)))


def _split(x: Any) -> Any:
    return lax.sin(x[:2]), lax.cos(x[2:3]), lax.exp(x[4:])


SPLITS: dict[str, Callable[..., Any]] = {
    "of a vector": lambda x: sum(fnp.sum(y) for y in _split(x)),
    "of a second axis": lambda x: sum(fnp.sum(y.T) for y in _split(fnp.stack([x, x]).T)),
    "out of order": lambda x: sum(fnp.sum(y) for y in _split(x)[::-1]),
    "into all of it": lambda x: fnp.sum(lax.sin(x[:3]) * x[3:]),
}


@pytest.mark.parametrize("name", SPLITS)
def test_cotangents_of_disjoint_slices_are_joined(name: str) -> None:
    x = np.array([0.3, -0.0, 2.0, -1.0, 0.0, 5.0])
    closed = make_jaxpr(grad(SPLITS[name]))(x)
    simpler = simplify(closed)
    found = [e.primitive.name for e in simpler.eqns]
    assert "pad" not in found and found.count("concatenate") >= 1
    assert bits(values(simpler, x)[0]) == bits(values(closed, x)[0])


OVERLAPS: dict[str, Callable[..., Any]] = {
    "overlap": lambda x: fnp.sum(lax.sin(x[:3])) + fnp.sum(lax.cos(x[2:])),
    "axes differ": lambda x: fnp.sum(lax.sin(x.reshape(2, 3)[:1])) + fnp.sum(lax.cos(x.reshape(2, 3)[:, 1:])),
    "a stride": lambda x: fnp.sum(lax.sin(x[::2])) + fnp.sum(lax.cos(x[1::2])),
    "another term": lambda x: fnp.sum(lax.sin(x[:3])) + fnp.sum(x * x),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_other_sums_of_pads_stay(name: str) -> None:
    x = np.array([0.3, -0.0, 2.0, -1.0, 0.0, 5.0])
    closed = make_jaxpr(grad(OVERLAPS[name]))(x)
    simpler = simplify(closed)
    assert "pad" in [e.primitive.name for e in simpler.eqns]
    assert bits(values(simpler, x)[0]) == bits(values(closed, x)[0])


def test_a_sum_of_pads_that_is_wanted_itself_stays() -> None:
    def fun(x: Any) -> Any:
        both = lax.pad(x, 0.0, [(0, 2, 0)]) + lax.pad(x, 0.0, [(2, 0, 0)])
        return both, both + lax.pad(x, 0.0, [(1, 1, 0)])

    closed = make_jaxpr(fun)(np.array([-0.0, 3.0]))
    for got, want in zip(values(simplify(closed), np.array([-0.0, 3.0])), values(closed, np.array([-0.0, 3.0])), strict=True):
        assert bits(got) == bits(want)
