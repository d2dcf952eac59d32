"""Guards under other transformations, in nested jits and in threads."""

from __future__ import annotations

import functools
import math
import threading

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.config import config
from tests.calls.test_guards import Counted, newton, sign_branch

HERE = "test_guards_transformed.py"


# -- transformations ----------------------------------------------------------------------------------------------------------

def cubed_or_squared(x):
    return x * x * x if x > 1.0 else -x * x


NESTINGS = {
    "grad(jit)": lambda f: ft.grad(ft.jit(f)),
    "jit(grad)": lambda f: ft.jit(ft.grad(f)),
    "jit(grad(jit))": lambda f: ft.jit(ft.grad(ft.jit(f))),
    "jacfwd(jit)": lambda f: ft.jacfwd(ft.jit(f)),
    "jit(jacfwd(jit))": lambda f: ft.jit(ft.jacfwd(ft.jit(f))),
    "jit(jit(grad(jit)))": lambda f: ft.jit(ft.jit(ft.grad(ft.jit(f)))),
    "value_and_grad(jit)": lambda f: lambda x: ft.value_and_grad(ft.jit(f))(x)[1],
    "vjp(jit)": lambda f: lambda x: ft.vjp(ft.jit(f), x)[1](1.0)[0],
    "jvp(jit)": lambda f: lambda x: ft.jvp(ft.jit(f), (x,), (1.0,))[1],
    "linearize(jit)": lambda f: lambda x: ft.linearize(ft.jit(f), x)[1](1.0),
}


@pytest.mark.parametrize("nesting", NESTINGS)
def test_first_derivatives(nesting):
    d = NESTINGS[nesting](cubed_or_squared)
    for x in (2.0, 0.5, 3.0, -1.0, 2.0):
        assert float(d(x)) == pytest.approx(3 * x * x if x > 1 else -2 * x)


SECOND = {
    "grad(grad(jit))": lambda f: ft.grad(ft.grad(ft.jit(f))),
    "jit(grad(grad))": lambda f: ft.jit(ft.grad(ft.grad(f))),
    "grad(jit(grad(jit)))": lambda f: ft.grad(ft.jit(ft.grad(ft.jit(f)))),
    "jit(grad(jit(grad(jit))))": lambda f: ft.jit(ft.grad(ft.jit(ft.grad(ft.jit(f))))),
    "hessian(jit)": lambda f: ft.hessian(ft.jit(f)),
    "jit(hessian(jit))": lambda f: ft.jit(ft.hessian(ft.jit(f))),
    "jacfwd(grad(jit))": lambda f: ft.jacfwd(ft.grad(ft.jit(f))),
}


@pytest.mark.parametrize("nesting", SECOND)
def test_second_derivatives(nesting):
    d = SECOND[nesting](cubed_or_squared)
    for x in (2.0, 0.5, 3.0, -1.0):
        assert float(d(x)) == pytest.approx(6 * x if x > 1 else -2.0)


def test_the_derivative_of_a_loop():
    want = lambda x: 0.5 / math.sqrt(x)  # noqa: E731
    for d in (ft.grad(ft.jit(newton)), ft.jit(ft.grad(newton)), ft.jit(ft.grad(ft.jit(newton)))):
        for x in (2.0, 2e4, 0.1):
            assert float(d(x)) == pytest.approx(want(x), rel=1e-6)


def test_differentiation_traces_a_path_once():
    counted = Counted(cubed_or_squared)
    d = ft.grad(ft.jit(counted))
    for x in (2.0, 3.0, 0.5, 0.25, 4.0):
        d(x)
    assert counted.runs == 2


def test_closing_over_what_is_differentiated():
    def loss(w):
        @ft.jit
        def step(x):
            return w * w * x if x > 0 and w > 1.0 else w * x

        return step(2.0)

    for d in (ft.grad(loss), ft.jit(ft.grad(loss)), ft.jacfwd(loss)):
        assert float(d(3.0)) == 12.0
        assert float(d(0.5)) == 2.0
    assert float(ft.jit(loss)(3.0)) == 18.0
    assert float(ft.jit(loss)(0.5)) == 1.0


def test_vmap_with_an_unbatched_predicate():
    f = lambda x, flag: fnp.sin(x) if flag > 0 else -x  # noqa: E731
    x = np.linspace(0.0, 1.0, 4)
    for mapped in (ft.vmap(ft.jit(f), in_axes=(0, None)), ft.jit(ft.vmap(f, in_axes=(0, None))),
                   ft.jit(ft.vmap(ft.jit(f), in_axes=(0, None)))):
        np.testing.assert_allclose(mapped(x, 1), np.sin(x), rtol=1e-15)
        np.testing.assert_array_equal(mapped(x, -1), -x)


def test_vmap_compiles_each_path_of_unbatched_values_once():
    counted = Counted(lambda x, flag: fnp.sin(x) if flag > 0 else -x)
    mapped = ft.vmap(ft.jit(counted), in_axes=(0, None))
    x = np.linspace(0.0, 1.0, 4)
    for flag in (1.0, -1.0, 2.0, -2.0, 3.0):
        np.testing.assert_allclose(mapped(x, flag), np.sin(x) if flag > 0 else -x, rtol=1e-15)
    assert counted.runs == 2


def test_vmap_and_plain_calls_share_paths():
    counted = Counted(lambda x, n: sum((x**i for i in range(n)), x * 0.0))
    f = ft.jit(counted)
    mapped = ft.vmap(f, in_axes=(0, None))
    x = np.linspace(-1.0, 1.0, 5)
    for n in (3, 1, 3, 1):
        np.testing.assert_allclose(mapped(x, n), sum((x**i for i in range(n)), x * 0.0), rtol=1e-14)
        assert float(f(2.0, n)) == 2.0**n - 1.0
    assert counted.runs == 4  # the plain calls have weak numbers: another signature
    assert float(f(x[0], 3)) == 1.0
    assert counted.runs == 4


def nested_question(x, y):
    if y > 0:
        return x if x > 0 else -x
    return x * y


def test_a_branch_on_a_batched_value_is_refused_only_where_it_is_reached():
    f = ft.jit(nested_question)
    x = np.array([1.0, -2.0])
    assert float(f(x[0], 1.0)) == 1.0  # a path that asks about x is known before
    mapped = ft.vmap(f, in_axes=(0, None))
    np.testing.assert_array_equal(mapped(x, -3.0), x * -3.0)
    with pytest.raises(ft.errors.TracerBoolConversionError, match=rf"(?s){HERE}.*differs along the axis that vmap maps over.*where"):
        mapped(x, 3.0)
    np.testing.assert_array_equal(mapped(x, -2.0), x * -2.0)


def test_derivatives_around_and_inside_vmap_with_an_unbatched_question():
    f = ft.jit(nested_question)
    x = np.array([1.0, -2.0])
    np.testing.assert_array_equal(ft.vmap(ft.grad(f, 1), in_axes=(0, None))(x, -3.0), x)
    assert float(ft.grad(lambda y: ft.vmap(f, in_axes=(0, None))(x, y).sum())(-3.0)) == -1.0
    assert float(ft.jit(ft.grad(lambda y: ft.vmap(f, in_axes=(0, None))(x, y).sum()))(-3.0)) == -1.0


def test_constants_given_to_inner_calls_may_take_any_number_of_paths():
    inner = ft.jit(lambda x, n: x + float(n) if n % 2 else x * 1.0)
    outer = ft.jit(lambda x: functools.reduce(inner, range(40), x))
    assert float(outer(1.5)) == 1.5 + sum(range(1, 40, 2))


def test_vmap_of_inlined_calls_gives_arrays():
    f = ft.jit(lambda x, n: (x.shape, n.dtype, x * 2, 1)[2:] if n > 0 else (x, 0))
    doubled, one = ft.vmap(f, in_axes=(0, None))(np.ones(3), 1)
    np.testing.assert_array_equal(doubled, [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(one, [1, 1, 1])


# -- nested jit ---------------------------------------------------------------------------------------------------------------

def test_an_inner_function_asks_the_outer_call():
    inner = ft.jit(sign_branch)
    outer = ft.jit(lambda x: inner(x) + inner(-x))
    for x in (4.0, -4.0, 9.0):
        assert float(outer(x)) == float(sign_branch(fnp.asarray(x)) + sign_branch(fnp.asarray(-x)))


def test_an_inner_function_that_asks_nothing_is_one_equation():
    inner = ft.jit(lambda x: x * 2.0)
    jaxpr = ft.jit(lambda x: inner(x) if x > 0 else x).lower(1.0).as_text("jaxpr")
    assert "jit[" in jaxpr


def test_that_it_asks_is_remembered():
    counted = Counted(sign_branch)
    inner = ft.jit(counted)
    ft.jit(lambda x: inner(x) + inner(x + 1.0) + inner(x + 2.0))(1.0)
    assert counted.runs == 4  # one attempt to trace it alone, and three calls


def test_a_bare_except_does_not_hide_a_question():
    @ft.jit
    def inner(x):
        try:
            positive = bool(x > 0)
        except:  # noqa: E722 - what is tested
            positive = False
        return x if positive else -x

    outer = ft.jit(lambda x: inner(x * 1.0))
    assert float(outer(2.0)) == 2.0
    assert float(outer(-2.0)) == 2.0


def test_an_inner_call_on_constants_takes_its_own_path():
    inner = ft.jit(sign_branch)
    outer = ft.jit(lambda x: x + inner(4.0) + inner(-3.0))
    assert float(outer(1.0)) == -6.0
    assert "sqrt" in str(ft.make_jaxpr(lambda x: x + inner(4.0))(1.0))


def test_recursion_of_a_jitted_function():
    @ft.jit
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert [int(fibonacci(n)) for n in range(8)] == [0, 1, 1, 2, 3, 5, 8, 13]


def test_disable_jit():
    with ft.disable_jit():
        assert float(ft.jit(sign_branch)(4.0)) == 2.0


# -- threads ------------------------------------------------------------------------------------------------------------------

def test_threads_trace_and_run_at_once():
    f = ft.jit(newton)
    start = threading.Barrier(6)
    wrong: list[object] = []

    def work(k):
        start.wait()
        with config(check=True):
            for x in (2.0 * 100.0**k, 2.0, 2e6, 3.0 * 10.0**k):
                got = float(f(x))
                if abs(got - math.sqrt(x)) > 1e-9 * math.sqrt(x):
                    wrong.append((x, got))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    for paths in f._cache.values():
        assert paths.count == len(leaves(paths._root))


def leaves(node):
    return [node] if not hasattr(node, "branches") else [p for b in node.branches.values() for p in leaves(b)]
