"""Products that leave a loop: the results are those of the Python loop, and the loop holds no product that it need not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from tests.calls.test_scan import close, loop

RNG = np.random.default_rng(0)
U, W, V, B = (RNG.standard_normal(shape) * 0.3 for shape in ((8, 8), (9, 8), (8, 5), (5,)))
XS, H = RNG.standard_normal((6, 9)), RNG.standard_normal(8)


def _input_product(scan: Any, u: Any, w: Any, xs: Any) -> Any:
    return scan(lambda h, x: (fnp.tanh(h @ u + x @ w), None), H, xs)[0]


def _result_product(scan: Any, u: Any, v: Any, xs: Any) -> Any:
    return scan(lambda h, x: (fnp.tanh(h @ u + x[:8]), fnp.exp(h @ v + B)), H, xs)


def _both(scan: Any, u: Any, w: Any, v: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = fnp.tanh(h @ u + x.reshape(1, 9) @ w)[0]
        return h, (h @ v, h, 2.0)

    return scan(step, H, xs)


def _used_twice(scan: Any, u: Any, xs: Any) -> Any:
    """The product is a result, and makes the next carry."""
    def step(h: Any, x: Any) -> Any:
        y = h @ u
        return y + x[:8], y

    return scan(step, H, xs)


def _row_of_inputs(scan: Any, w: Any, xs: Any) -> Any:
    """Nothing is left of the step but the sum of what is made before."""
    return scan(lambda h, x: (h + x @ w, x @ w), H, xs)


def _two_layers(scan: Any, w: Any, u: Any, xs: Any) -> Any:
    return scan(lambda h, x: (fnp.sin(h) + x @ w @ u, h), H, xs)


CASES = {
    # the program, its arguments, and the products that stay in the loop
    "before": (_input_product, (U, W, XS), 1),
    "after": (_result_product, (U, V, XS), 1),
    "both": (_both, (U, W, V, XS), 1),
    "used twice": (_used_twice, (U, XS), 1),
    "inputs alone": (_row_of_inputs, (W, XS), 0),
    "two products": (_two_layers, (W, U, XS), 0),
}
each_case = pytest.mark.parametrize(("f", "args", "inside"), CASES.values(), ids=CASES)


def _products_in_loops(kernels: str) -> int:
    """How many products stand in loops: steps of a loop's body are indented."""
    return sum(line.startswith(" ") and line.strip().startswith("contract") for line in kernels.splitlines())


@each_case
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_values_and_derivatives_are_the_loop_s(f: Any, args: Any, inside: int, reverse: bool) -> None:
    def of(construct: Any) -> Any:
        return lambda *xs: f(lambda *scanned: construct(*scanned, reverse=reverse), *xs)

    def total(g: Any) -> Any:
        return lambda *xs: sum(fnp.sum(fnp.sin(leaf)) for leaf in ft.tree.leaves(g(*xs)))

    numbers = tuple(range(len(args)))
    close(ft.jit(of(lax.scan))(*args), of(loop)(*args))
    close(ft.jit(ft.grad(total(of(lax.scan)), numbers))(*args), ft.grad(total(of(loop)), numbers)(*args))
    batch = tuple(np.stack([x, 0.5 * x, -x]) for x in args)
    close(ft.jit(ft.vmap(of(lax.scan)))(*batch), ft.vmap(of(loop))(*batch))


@each_case
def test_products_leave_the_loop(f: Any, args: Any, inside: int) -> None:
    kernels = ft.jit(lambda *xs: f(lax.scan, *xs)).lower(*args).as_text("kernels")
    assert _products_in_loops(kernels) == inside


def test_a_stack_that_would_be_large_is_not_made() -> None:
    """The products of 100,000 steps of 100 columns are 80 MB."""
    w, xs = np.ones((8, 100)), np.ones((100_000, 8))
    kernels = ft.jit(lambda w, xs: lax.scan(lambda h, x: (h * 0.5 + x @ w, None), fnp.zeros(100), xs)[0]).lower(w, xs).as_text("kernels")
    assert _products_in_loops(kernels) == 1


def test_wide_steps_keep_their_product() -> None:
    """A step of many rows uses the matrix well enough."""
    kernels = ft.jit(lambda w, xs: lax.scan(lambda h, x: (h * 0.5 + x @ w, None), fnp.zeros((16, 8)), xs)[0]).lower(
        W, np.ones((6, 16, 9))).as_text("kernels")
    assert _products_in_loops(kernels) == 1
