"""`debug_nans` and `debug_infs`: the first operation that makes such a number is named, with the user's line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

X = np.array([4.0, -1.0])


def loss(x: Any) -> Any:
    return fnp.sum(fnp.sqrt(x) * 2)  # the line of the square root


LINE = rf"nan in the result f64\[(1,)?2\] of sqrt; its operands have none, at .*test_watch\.py:{loss.__code__.co_firstlineno + 1} \(loss\)"
CALLS: dict[str, Callable[[Any], Any]] = {
    "eager": loss,
    "jit": ft.jit(loss),
    "nested jit": ft.jit(lambda x: ft.jit(loss)(x) + 1),
    "grad": ft.grad(loss),
    "jit of grad": ft.jit(ft.grad(loss)),
    "grad of jit": ft.grad(ft.jit(loss)),
    "jvp": lambda x: ft.jvp(loss, (x,), (x,)),
    "vmap": lambda x: ft.vmap(loss)(fnp.asarray(x)[None]),
    "jit of scan": ft.jit(lambda x: lax.scan(lambda c, _: (c + loss(x), None), 0.0, None, length=2)[0]),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_operation_is_named(name: str) -> None:
    with ft.debug_nans(), pytest.raises(FloatingPointError, match=LINE):
        CALLS[name](X)
    with np.errstate(all="ignore"):
        CALLS[name](X)  # without the option nothing is raised
    with ft.debug_nans():
        CALLS[name](np.abs(X))
    with ft.debug_infs():
        CALLS[name](X)


def test_the_backward_pass_is_watched() -> None:
    def root(x: Any) -> Any:
        return fnp.sum(fnp.sqrt(x) * fnp.zeros(2))

    for derivative in (ft.grad(root), ft.jit(ft.grad(root)), ft.grad(ft.jit(root))):
        with ft.debug_nans(), pytest.raises(FloatingPointError, match=r"nan in the result .* at .*test_watch\.py"):
            derivative(np.zeros(2))


def test_infinities() -> None:
    for call in (lambda x: 1 / x, ft.jit(lambda x: 1 / x)):
        with ft.debug_infs(), pytest.raises(FloatingPointError, match=r"an infinity in the result f64\[2\] of div; its operands have none"):
            call(fnp.zeros(2))
        with ft.debug_nans():
            assert np.isinf(np.asarray(call(fnp.zeros(2)))).all()


def test_what_a_compiled_function_masks_is_no_result() -> None:
    masked = ft.jit(lambda x: fnp.where(x > 0, fnp.sqrt(x), 0.0))
    with ft.debug_nans(), ft.debug_infs():
        np.testing.assert_array_equal(masked(X), [2.0, 0.0])


def test_operands_that_have_it_already() -> None:
    with ft.debug_nans(), pytest.raises(FloatingPointError, match=r"of exp; its operands have nan already, at .*test_watch"):
        fnp.exp(np.array([np.nan]))
    with ft.debug_nans():
        assert not np.asarray(fnp.isnan(np.array([1.0]))).any()


def test_a_loop_that_python_does_not_run_is_named_as_a_whole() -> None:
    def loop(x: Any) -> Any:
        return lax.fori_loop(0, 3, lambda i, c: fnp.sqrt(c - 1), x)

    for call in (loop, ft.jit(loop)):
        with ft.debug_nans(), pytest.raises(FloatingPointError, match=r"nan in the result f64\[2\] of .*test_watch"):
            call(X)
