"""Python questions inside the functions of loops, branches and solvers about values that these close over."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.ad_checkpoint import saved_residuals
from functrans.errors import TracerBoolConversionError
from tests.calls.test_guards import Counted

HERE = "test_questions_closed_over.py"


def doubled_or_tripled(c, n):
    return c * 2 if n > 1 else c * 3


inner = ft.jit(doubled_or_tripled)

# functions of (x, n) that apply `doubled_or_tripled` twice
CONSTRUCTS = {
    "scan": lambda x, n: lax.scan(lambda c, _: (doubled_or_tripled(c, n), None), x, None, length=2)[0],
    "fori_loop": lambda x, n: lax.fori_loop(0, 2, lambda i, c: doubled_or_tripled(c, n), x),
    "while_loop": lambda x, n: lax.while_loop(lambda c: c[0] < 2 if n > -9 else c[0] < 0, lambda c: (c[0] + 1, doubled_or_tripled(c[1], n)),
                                              (0, x))[1],
    "cond": lambda x, n: lax.cond(x > 0, lambda y: doubled_or_tripled(doubled_or_tripled(y, n), n), lambda y: y, x),
    "switch": lambda x, n: lax.switch(1, [lambda y: y, lambda y: doubled_or_tripled(doubled_or_tripled(y, n), n)], x),
    "map": lambda x, n: lax.map(lambda y: doubled_or_tripled(doubled_or_tripled(y, n), n), fnp.stack([x, x]))[0],
    "scan in cond": lambda x, n: lax.cond(x > 0, lambda y: lax.scan(lambda c, _: (doubled_or_tripled(c, n), None), y, None, length=2)[0],
                                          lambda y: y, x),
    "cond in scan": lambda x, n: lax.scan(lambda c, _: (lax.cond(c > 0, lambda y: doubled_or_tripled(y, n), lambda y: y, c), None), x, None,
                                          length=2)[0],
    "jit in scan": lambda x, n: lax.scan(lambda c, _: (inner(c, n), None), x, None, length=2)[0],
    "checkpoint in scan": lambda x, n: lax.scan(lambda c, _: (ft.checkpoint(lambda c: doubled_or_tripled(c, n))(c), None), x, None,
                                                length=2)[0],
    "range": lambda x, n: lax.fori_loop(0, 2, lambda i, c: functools.reduce(lambda a, _: a * 2, range(int(n)), c * (1 if n > 1 else 3))
                                        / (1 if n < 1 else 2.0 ** (int(n) - 1)), x),
    "custom_linear_solve": lambda x, n: lax.custom_linear_solve(
        lambda y: y / doubled_or_tripled(doubled_or_tripled(1.0, n), n), x, lambda f, b: b / f(1.0), symmetric=True),
}
WAYS = {
    "eager": lambda f, n: f(1.0, n),
    "jit": lambda f, n: ft.jit(f)(1.0, n),
    "grad": lambda f, n: ft.grad(f)(1.0, n),
    "jit(grad)": lambda f, n: ft.jit(ft.grad(f))(1.0, n),
    "grad(jit)": lambda f, n: ft.grad(ft.jit(f))(1.0, n),
    "vmap": lambda f, n: ft.vmap(f, (0, None))(np.ones(2), n)[1],
    "vmap(jit)": lambda f, n: ft.vmap(ft.jit(f), (0, None))(np.ones(2), n)[1],
    "jit(vmap(grad))": lambda f, n: ft.jit(ft.vmap(ft.grad(f), (0, None)))(np.ones(2), n)[1],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("construct", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_what_is_closed_over_may_be_asked(construct, way):
    for n, want in ((0.0, 9.0), (2.0, 4.0)):
        assert float(way(construct, fnp.asarray(n))) == want


def test_each_path_is_traced_once():
    counted = Counted(CONSTRUCTS["scan"])
    f = ft.jit(counted)
    assert [float(f(1.0, n)) for n in (0.0, 2.0, 0.5, 3.0)] == [9.0, 4.0, 9.0, 4.0]
    assert counted.runs == 2


def test_a_rule_of_custom_gradient_may_ask():
    f = ft.custom_gradient(lambda x: (x * x, lambda ct: (ct * (3.0 if x > 0 else 7.0),)))
    for d in (ft.grad(f), ft.jit(ft.grad(f)), ft.grad(ft.jit(f)), ft.jit(ft.grad(ft.jit(f))), ft.grad(ft.checkpoint(f))):
        assert [float(d(1.0)), float(d(-1.0))] == [3.0, 7.0]


def test_the_computation_of_reduce_may_ask():
    def f(x, n):
        return lax.reduce(x, 0.0, lambda a, b: a + b if n > 1 else a + 2 * b, (0,))

    for way in (f, ft.jit(f)):
        assert [float(way(np.arange(4.0), fnp.asarray(n))) for n in (2.0, 0.0)] == [6.0, 12.0]


def test_what_differs_from_turn_to_turn_is_refused():
    def mixed(x, n):
        return lax.fori_loop(0, 2, lambda i, c: c * 2 if c > n else c, x)

    for call in (mixed, ft.jit(mixed), ft.grad(mixed)):
        with pytest.raises(TracerBoolConversionError, match=rf"(?s){HERE}.*fori_loop of <lambda> traces the function once.*lax.cond"):
            call(1.0, 0.5)


def test_what_differs_along_a_batch_is_refused():
    with pytest.raises(TracerBoolConversionError, match=rf"(?s){HERE}.*differs along the axis that vmap maps over"):
        ft.vmap(CONSTRUCTS["scan"])(np.ones(2), np.array([0.0, 2.0]))


def test_strict_jit_refuses_them_too():
    with pytest.raises(TracerBoolConversionError, match="strict=True"):
        ft.jit(CONSTRUCTS["scan"], strict=True)(1.0, 2.0)


def test_saved_residuals_follow_the_path_of_the_arguments():
    f = ft.checkpoint(lambda x: fnp.sin(x) if x > 0 else x * 2.0)
    assert [str(a) for a, _ in saved_residuals(f, 1.0)] == ["f64*[]"]
    assert saved_residuals(f, -1.0) == []
