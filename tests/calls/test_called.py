"""Functions that do not take what a construct calls them with: the error names both, and the repair; errors inside pass untouched."""

from __future__ import annotations

import re

import numpy as np
import pytest

import functrans as ft
from functrans import lax

HERE = "test_called.py"


def rules(forward=lambda x: (x, x), backward=lambda r, ct: (ct,)):
    f = ft.custom_vjp(lambda x: x)
    f.defvjp(forward, backward)
    return f


def with_jvp(rule, **options):
    f = ft.custom_jvp(lambda *args: args[-1], **options)
    f.defjvp(rule)
    return f


def with_vmap(rule):
    f = ft.custom_batching.custom_vmap(lambda x: x)
    f.def_vmap(rule)
    return f


# each call, and what its message says: the construct and function, the call, the signature, the types, the repair
MISFITS = {
    "while_loop body": (
        lambda: lax.while_loop(lambda c: c[0] < 3, lambda i, x: (i + 1, x), (0, 1.0)),
        ("while_loop: body_fun <lambda> at", "called with 1 argument, (carry)", "(i, x): missing a required argument: 'x'",
         "carry is (i64[], f64[])", "Give it 1 parameter. carry is one argument: take it apart inside, as in a, b = carry")),
    "while_loop condition": (
        lambda: lax.while_loop(lambda i, x: i < 3, lambda c: (c[0] + 1, c[1]), (0, 1.0)),
        ("while_loop: cond_fun", "called with 1 argument, (carry)", "(i, x)", "Give it 1 parameter")),
    "fori_loop": (
        lambda: lax.fori_loop(0, 3, lambda c: c + 1, 0),
        ("fori_loop: body_fun", "called with 2 arguments, (i, carry)", "(c): too many positional arguments", "Give it 2 parameters")),
    "scan": (
        lambda: lax.scan(lambda c: (c, None), {"a": np.ones(3)}, np.arange(3.0)),
        ("scan: the body", "called with 2 arguments, (carry, x)", "carry is {'a': f64[3]}; x is f64[]", "Give it 2 parameters")),
    "cond": (
        lambda: lax.cond(True, lambda: 1.0, lambda x: x, 2.0),
        ("cond: true_fun", "called with 1 argument, (operand 0)", "(): too many positional arguments", "operand 0 is f64[]")),
    "cond without operands": (
        lambda: lax.cond(True, lambda x: x, lambda: 2.0),
        ("cond: true_fun", "called with no arguments, ()", "missing a required argument: 'x'", "Give it no parameters")),
    "switch": (
        lambda: lax.switch(1, [lambda x: x, lambda x, y: x], 2.0),
        ("switch: branch 1", "called with 1 argument", "missing a required argument: 'y'")),
    "switch of one": (
        lambda: lax.switch(0, [lambda x, y: x], 2.0),
        ("switch: branch 0", "called with 1 argument", "missing a required argument: 'y'")),
    "map": (
        lambda: lax.map(lambda a, b: a, (np.ones(3), np.ones(3))),
        ("map: the function", "called with 1 argument, (x)", "x is (f64[], f64[])",
         "x is one argument: take it apart inside, as in a, b = x")),
    "map in batches": (
        lambda: lax.map(lambda a, b: a, np.ones(3), batch_size=2),
        ("map: the function", "called with 1 argument, (x)", "missing a required argument: 'b'")),
    "associative_scan": (
        lambda: lax.associative_scan(lambda a: a, np.ones(3)),
        ("associative_scan: fn", "called with 2 arguments, (a, b)", "(a): too many positional arguments")),
    "reduce": (
        lambda: lax.reduce(np.ones(3), 0.0, lambda a: a, (0,)),
        ("reduce: the computation", "called with 2 arguments, (accumulated, element)")),
    "custom_root f": (
        lambda: lax.custom_root(lambda: 1.0, 1.0, lambda f, x: x, lambda g, y: y),
        ("custom_root: f", "called with 1 argument, (x)")),
    "custom_root solve": (
        lambda: lax.custom_root(lambda x: x - 1, 1.0, lambda f: f, lambda g, y: y),
        ("custom_root: solve", "called with 2 arguments, (f, guess)", "f is the function <lambda>; guess is f64[]")),
    "custom_root tangent_solve": (
        lambda: lax.custom_root(lambda x: x - 1, 1.0, lambda f, x: x, lambda y: y),
        ("custom_root: tangent_solve", "called with 2 arguments, (g, y)")),
    "custom_linear_solve": (
        lambda: lax.custom_linear_solve(lambda x: 2 * x, 1.0, lambda b: b / 2),
        ("custom_linear_solve: solve", "called with 2 arguments, (matvec, b)")),
    "custom_vjp forward": (
        lambda: ft.grad(rules(forward=lambda: (1.0, None)))(1.0),
        ("custom_vjp of <lambda>: the forward rule", "called with 1 argument, (argument)", "argument is f64[]")),
    "custom_vjp backward": (
        lambda: ft.grad(rules(backward=lambda r: (r,)))(1.0),
        ("custom_vjp of <lambda>: the backward rule", "called with 2 arguments, (residuals, cotangent)")),
    "custom_jvp": (
        lambda: ft.grad(with_jvp(lambda x, y: (x, y), nondiff_argnums=(0,)), 1)(2.0, 1.0),
        ("custom_jvp of <lambda>: the rule", "called with 3 arguments, (argument in nondiff_argnums, primals, tangents)")),
    "pure_callback": (
        lambda: ft.jit(lambda x: ft.pure_callback(lambda: 1.0, ft.ShapeDtypeStruct((), float), x))(1.0),
        ("pure_callback: the callback", "called with 1 argument, (argument)", "argument is f64[]")),
    "debug.callback": (
        lambda: ft.debug.callback(lambda x, y: None, 1.0, z=2.0),
        ("debug.callback: the callback", "called with 2 arguments, (argument, z=)", "z= is f64[]")),
    "custom_vmap": (
        lambda: ft.jit(ft.vmap(with_vmap(lambda x: (x, True))))(np.ones(2)),
        ("custom_vmap of <lambda>: the rule", "called with 3 arguments, (axis_size, in_batched, argument)")),
}


@pytest.mark.parametrize("call,words", MISFITS.values(), ids=MISFITS)
def test_a_misfit_is_explained(call, words):
    with pytest.raises(TypeError) as caught:
        call()
    message = str(caught.value)
    assert re.search(rf", at \S*{HERE}:\d+", message), message
    for word in words:
        assert word in message


def test_type_errors_inside_a_function_pass_untouched():
    for inside in (lambda i, c: len(3), lambda i, c: (lambda q: q)()):
        with pytest.raises(TypeError) as caught:
            lax.fori_loop(0, 3, inside, 0)
        assert "fori_loop" not in str(caught.value)


def test_defaults_and_decorated_functions_fit():
    assert int(lax.fori_loop(0, 3, lambda i, c, step=2: c + step, 0)) == 6
    assert int(lax.fori_loop(0, 3, ft.jit(lambda i, c: c + i), 0)) == 3

    def wrapper(*args):
        return sum(args)

    wrapper.__wrapped__ = lambda x: x  # a signature that is not what can be called
    assert int(lax.fori_loop(0, 3, wrapper, 0)) == 3


def test_messages_about_carries_say_what_they_see():
    with pytest.raises(TypeError, match=r"a dict of \('a',\) and the carry it returns has a dict of \('b',\)"):
        lax.fori_loop(0, 3, lambda i, c: {"b": c["a"]}, {"a": 1.0})
    with pytest.raises(TypeError, match=r"scan of <lambda>: the body must return a pair .*; it returned an array of type f64"):
        lax.scan(lambda c, x: c, 1.0, np.arange(3.0))
    with pytest.raises(TypeError, match="fori_loop of <lambda>: the function must return arrays"):
        lax.fori_loop(0, 3, lambda i, c: "a", 1.0)
