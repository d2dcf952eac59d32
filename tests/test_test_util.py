"""The checkers find what is wrong, at any order and in any leaf, and pass what is right."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import test_util

X = np.array([0.3, -1.2, 2.0])


def wrong_rule(order: int) -> Any:
    """The sine, whose derivative of the given order is 1 % too large."""

    @ft.custom_jvp
    def f(x: Any) -> Any:
        return fnp.sin(x)

    @f.defjvp
    def f_jvp(primals: Any, tangents: Any) -> Any:
        (x,), (x_dot,) = primals, tangents
        return f(x), (1.01 * fnp.cos(x) if order == 1 else wrong_cosine(x)) * x_dot

    @ft.custom_jvp
    def wrong_cosine(x: Any) -> Any:
        return fnp.cos(x)

    wrong_cosine.defjvps(lambda x_dot, y, x: -1.01 * fnp.sin(x) * x_dot)
    return f


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_wrong_rule_is_found_at_its_order(mode: str) -> None:
    with pytest.raises(AssertionError, match=rf"^{'JVP' if mode == 'fwd' else 'VJP'}: the .* finite difference"):
        test_util.check_grads(wrong_rule(1), (X,), 1, modes=[mode])
    f = wrong_rule(2)
    test_util.check_grads(f, (X,), 1, modes=[mode])
    with pytest.raises(AssertionError, match=r"of (JVP|VJP): .*differ.*test_test_util"):
        test_util.check_grads(f, (X,), 2, modes=[mode])


def test_right_functions_pass() -> None:
    test_util.check_grads(lambda p, n: {"a": fnp.tanh(p["x"]) * n, "b": [p["y"] ** 3, n]}, ({"x": X, "y": np.float64(0.7)}, 3), order=2)
    test_util.check_grads(lambda z: fnp.abs(fnp.exp(z)) * z, (np.array([0.3 + 0.4j, -1j]),), order=2)
    test_util.check_grads(lambda x: fnp.sin(x) * x, (X.astype("float32"),), order=2, eps=1e-2)
    test_util.check_grads(lambda x: fnp.sum(x ** 4), (X,), order=3)


def test_a_vjp_of_the_wrong_argument() -> None:
    f = fnp.multiply
    swapped = lambda x, y: (f(x, y), lambda ct: (ct * x, ct * y))  # noqa: E731
    with pytest.raises(AssertionError, match="here: the VJP's and the finite difference's inner product"):
        test_util.check_vjp(f, swapped, (2.0, 3.0), err_msg="here")
    test_util.check_vjp(f, partial(ft.vjp, f), (2.0, 3.0))


def test_a_jvp_with_a_wrong_value() -> None:
    with pytest.raises(AssertionError, match="the value of f_jvp and f"):
        test_util.check_jvp(fnp.sin, lambda p, t: (fnp.cos(*p), fnp.cos(*p) * t[0]), (0.5,))
    with pytest.raises(AssertionError, match="structures"):
        test_util.check_jvp(fnp.sin, lambda p, t: ([fnp.sin(*p)], [fnp.cos(*p) * t[0]]), (0.5,))


def test_check_vmap_and_check_jit() -> None:
    test_util.check_vmap(lambda x, n: {"s": fnp.sum(x["u"]) * n, "x": x["u"] + x["v"]}, ({"u": X, "v": 2.0}, 3))
    test_util.check_jit(lambda x: fnp.sin(x) / x, (X,))
    calls = []

    def counted(x: Any) -> Any:
        calls.append(None)
        return x * len(calls)

    with pytest.raises(AssertionError, match=r"compiled and eager results: .*differ at element"):
        test_util.check_jit(counted, (X,))
    calls.clear()
    with pytest.raises(AssertionError, match=r"mapped \(axis 0\) and looped results"):
        test_util.check_vmap(counted, (X,))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: test_util.check_grads(fnp.sin, X, 1), TypeError, r"args must be the tuple of arguments; got ndarray, at .*test_test_util"),
    (lambda: test_util.check_grads(fnp.sin, (X,), 0), ValueError, "order must be 1 or more; got 0"),
    (lambda: test_util.check_grads(fnp.sin, (X,), 1, modes="forward"), ValueError, "modes must be 'fwd', 'rev' or both; got 'forward'"),
    (lambda: test_util.check_jvp(fnp.sin, partial(ft.jvp, fnp.sin), ("x",)), TypeError, "arguments must be arrays or numbers; got 'x'"),
])
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
