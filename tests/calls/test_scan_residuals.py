"""What a scan keeps for its derivative: as few stacked arrays as the derivative can be computed from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax

X = np.linspace(0.3, 1.2, 5)

# The body of a loop, and how many arrays are stacked for its derivative.
BODIES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "linear": (lambda c: 2 * c, 0),
    "square": (lambda c: c * c, 1),  # c
    "sin": (fnp.sin, 1),  # cos c
    "exp": (lambda c: fnp.exp(-c), 1),  # its value
    "tanh": (fnp.tanh, 1),  # its value: 1 - y^2 is computed from it
    "logistic curve": (lambda c: 1 / (1 + fnp.exp(-c)), 2),  # exp -c and the value, whose square is its slope
    "sum of squares of two": (lambda c: fnp.sin(c) ** 2 + c * c, 3),  # sin c, cos c and c
    "product of what is kept": (lambda c: fnp.sin(c) * fnp.exp(-c) * c, 4),  # sin c, cos c, exp -c and c
    "a choice": (lambda c: fnp.where(c > 0.5, fnp.sin(c), c * c), 2),  # cos c and c: the condition is computed from c
    "a long chain": (lambda c: fnp.sin(((c * c + c) * c - 3 * c) * (c * c)), 2),  # c and the cosine
}


@pytest.mark.parametrize("name", BODIES)
def test_stacked_arrays(name: str) -> None:
    body, count = BODIES[name]

    def chain(x: Any) -> Any:
        return fnp.sum(lax.scan(lambda c, _: (body(c), None), x, None, length=4)[0])

    loops = [e for e in ft.make_jaxpr(ft.grad(chain))(X).eqns if e.primitive.name == "scan"]
    assert len(loops[0].outvars) - 1 == count

    def unrolled(x: Any) -> Any:
        for _ in range(4):
            x = body(x)
        return fnp.sum(x)

    np.testing.assert_allclose(ft.jit(ft.grad(chain))(X), ft.grad(unrolled)(X), rtol=1e-12)
    np.testing.assert_allclose(ft.hessian(chain)(X), ft.hessian(unrolled)(X), rtol=1e-11, atol=1e-13)
