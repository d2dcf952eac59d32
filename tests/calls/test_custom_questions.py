"""Python branches in the rules of custom functions: followed wherever a value exists, whoever differentiates, batches or compiles."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.core.jaxpr import ClosedJaxpr
from functrans.errors import ConcretizationTypeError, TracerBoolConversionError
from tests.calls.test_guards import Counted

HERE = "test_custom_questions.py"


def forward_asks():
    """x^2 whose derivative is said to be 3x where x > 0 and 10x elsewhere, by rules that branch."""
    f = ft.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, (3 * x if x > 0 else 10 * x,)), lambda r, ct: (r[0] * ct,))
    return f


def backward_asks():
    f = ft.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, ct: (3 * x * ct if x > 0 else 10 * x * ct,))
    return f


def tangent_asks():
    f = ft.custom_jvp(lambda x: x * x)
    f.defjvp(lambda p, t: (f(*p), 3 * p[0] * t[0] if p[0] > 0 else 10 * p[0] * t[0]))
    return f


RULES = {"forward": forward_asks, "backward": backward_asks, "tangent": tangent_asks}
rules = pytest.mark.parametrize("make", RULES.values(), ids=RULES)

FIRST = {
    "grad": ft.grad,
    "grad(jit)": lambda f: ft.grad(ft.jit(f)),
    "jit(grad)": lambda f: ft.jit(ft.grad(f)),
    "jit(grad(jit))": lambda f: ft.jit(ft.grad(ft.jit(f))),
    "grad(jit(jit))": lambda f: ft.grad(ft.jit(lambda x: ft.jit(f)(x))),
    "jvp(jit)": lambda f: lambda x: ft.jvp(ft.jit(f), (x,), (1.0,))[1],
    "jit(jvp(jit))": lambda f: ft.jit(lambda x: ft.jvp(ft.jit(f), (x,), (1.0,))[1]),
    "grad(checkpoint)": lambda f: ft.grad(ft.checkpoint(f)),
    "jit(grad(checkpoint))": lambda f: ft.jit(ft.grad(ft.checkpoint(f))),
    "grad(jit(checkpoint))": lambda f: ft.grad(ft.jit(ft.checkpoint(f))),
    "grad(checkpoint(jit))": lambda f: ft.grad(ft.checkpoint(ft.jit(f))),
    "grad(vmap(jit)), unbatched": lambda f: ft.grad(lambda x: ft.vmap(lambda y: ft.jit(f)(x) * y)(np.ones(3)).sum() / 3),
    "vmap(grad(jit)), unbatched": lambda f: lambda x: ft.vmap(lambda y: ft.grad(ft.jit(f))(x) * y)(np.ones(3))[1],
}


@rules
@pytest.mark.parametrize("derive", FIRST.values(), ids=FIRST)
def test_first_derivatives(derive, make):
    d = derive(make())
    for x in (2.0, -2.0, 0.5):
        assert float(d(x)) == (3 * x if x > 0 else 10 * x)


SECOND = {
    "grad(grad(jit))": lambda f: ft.grad(ft.grad(ft.jit(f))),
    "jit(grad(grad(jit)))": lambda f: ft.jit(ft.grad(ft.grad(ft.jit(f)))),
    "grad(jit(grad(jit)))": lambda f: ft.grad(ft.jit(ft.grad(ft.jit(f)))),
    "jacfwd(grad(jit))": lambda f: ft.jacfwd(ft.grad(ft.jit(f))),
    "hessian(jit)": lambda f: ft.hessian(ft.jit(f)),
}


@rules
@pytest.mark.parametrize("derive", SECOND.values(), ids=SECOND)
def test_second_derivatives_differentiate_the_rule(derive, make):
    d = derive(make())
    for x in (2.0, -2.0):
        assert float(d(x)) == (3.0 if x > 0 else 10.0)


def test_each_path_of_a_rule_is_traced_once():
    back = Counted(lambda x, ct: (3 * x * ct if x > 0 else 10 * x * ct,))
    f = ft.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), back)
    d = ft.grad(ft.jit(f))
    d(1.0)
    d(-1.0)
    before = back.runs
    for x in (2.0, -2.0, 3.0, -3.0):
        assert float(d(x)) == (3 * x if x > 0 else 10 * x)
    assert back.runs == before


def test_a_rule_may_loop_until_a_value_is_small():
    """The implicit derivative of the root y of y^2 = x by Newton's method in the backward rule: dy/dx = 1/(2 y)."""
    root = ft.custom_vjp(fnp.sqrt)

    def back(y, ct):
        z = ct * 1.0
        while abs(2 * y * z - ct) > 1e-12:
            z = z - (2 * y * z - ct) / (2 * y)
        return (z,)

    root.defvjp(lambda x: (fnp.sqrt(x), fnp.sqrt(x)), back)
    for d in (ft.grad(ft.jit(root)), ft.jit(ft.grad(ft.jit(root)))):
        for x in (4.0, 9.0):
            np.testing.assert_allclose(d(x), 0.5 / np.sqrt(x), rtol=1e-12)


def test_a_rule_that_swallows_everything_is_still_asked_for_a_value():
    f = ft.custom_vjp(lambda x: x * x)

    def back(x, ct):
        try:
            positive = bool(x > 0)
        except:  # noqa: E722 - what is tested
            positive = False
        return (3 * x * ct if positive else 10 * x * ct,)

    f.defvjp(lambda x: (x * x, x), back)
    assert float(ft.grad(ft.jit(f))(2.0)) == 6.0


@rules
def test_a_batched_value_is_refused_with_the_line(make):
    for mapped in (ft.vmap(ft.grad(ft.jit(make()))), ft.jit(ft.vmap(ft.grad(ft.jit(make()))))):
        with pytest.raises(TracerBoolConversionError, match=rf"(?s){HERE}.*differs along the axis that vmap maps over.*where"):
            mapped(np.array([1.0, -1.0]))


@rules
@pytest.mark.parametrize("within", [
    lambda f: lambda x: lax.scan(lambda c, _: (f(c), None), x, None, length=2)[0],
    lambda f: lambda x: lax.cond(x > -9.0, f, f, x),
    lambda f: lambda x: lax.fori_loop(0, 2, lambda i, c: f(c), x),
], ids=["scan", "cond", "fori_loop"])
def test_where_no_value_exists_the_error_names_line_and_repair(within, make):
    for d in (ft.grad(within(make())), ft.grad(ft.jit(within(make())))):
        with pytest.raises(TracerBoolConversionError, match=rf"(?s){HERE}.*Its value is not known.*lax.cond"):
            d(2.0)


def test_linearize_applies_rules_that_ask():
    for make in (forward_asks, tangent_asks):
        for x in (2.0, -2.0):
            assert float(ft.linearize(ft.jit(make()), x)[1](1.0)) == (3 * x if x > 0 else 10 * x)


def test_linearize_of_a_backward_rule_that_asks_is_refused_with_the_line():
    """Applied forwards, the linear program is compiled as it is, for all residuals."""
    with pytest.raises(TracerBoolConversionError, match=rf"(?s){HERE}.*Its value is not known.*lax.cond"):
        ft.linearize(ft.jit(backward_asks()), 2.0)[1](1.0)


def test_a_number_of_a_rule_cuts_no_derivative_unseen():
    f = ft.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, ct: (2 * float(x) * ct,))
    assert float(ft.grad(ft.jit(f))(3.0)) == 6.0
    with pytest.raises(ConcretizationTypeError, match="A Python number has no derivative"):
        ft.grad(ft.grad(ft.jit(f)))(3.0)


def test_a_custom_vmap_rule_may_ask_unbatched_values():
    @ft.custom_batching.custom_vmap
    def f(x, flag):
        return x * flag

    @f.def_vmap
    def rule(axis_size, in_batched, x, flag):
        return (x * 100.0 if flag > 0 else x * flag), True

    mapped = ft.vmap(ft.jit(f), in_axes=(0, None))
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(mapped(x, 2.0), x * 100.0)
    np.testing.assert_array_equal(mapped(x, -2.0), x * -2.0)


def test_what_follows_the_paths_of_a_rule_dies_with_the_function():
    d = ft.jit(backward_asks())
    for x in (2.0, -2.0):
        ft.grad(d)(x)
    (paths,) = d._cache.values()
    kept = weakref.ref(paths.recent.closed)
    assert isinstance(kept(), ClosedJaxpr)
    del d, paths
    gc.collect()
    assert kept() is None
