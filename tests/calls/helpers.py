"""What tests of calls have in common: ways to run, derivatives to take, nestings, and what every rule must withstand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import functrans as ft

COMPILE = {"eager": lambda f: f, "jit": ft.jit}
wrappers = pytest.mark.parametrize("wrap", COMPILE.values(), ids=COMPILE)

DERIVATIVES = {  # of functions of two scalars
    "value": lambda f: f,
    "jvp": lambda f: lambda *a: ft.jvp(f, a, (1.0, -2.0)),
    "vjp": lambda f: lambda *a: ft.vjp(f, *a)[1](2.0),
    "linearize": lambda f: lambda *a: ft.linearize(f, *a)[1](1.0, -2.0),
    "grad-grad": lambda f: ft.grad(lambda *a: sum(ft.grad(f, (0, 1))(*a)), (0, 1)),
    "hessian": lambda f: ft.hessian(f, (0, 1)),
    "jacrev-jacfwd": lambda f: ft.jacrev(ft.jacfwd(f, (0, 1)), (0, 1)),
}


def refuses(call: Callable[[], Any], kind: type[Exception], *parts: str) -> None:
    """`call` raises an error of the kind, whose message has all the parts."""
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value), f"{part!r} is not in: {caught.value}"


def agree(got: Any, wanted: Any, rtol: float = 1e-12, atol: float = 1e-13) -> None:
    """Two pytrees have as many leaves, with equal values."""
    got, wanted = ft.tree_util.tree_leaves(got), ft.tree_util.tree_leaves(wanted)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


# -- nestings of functions with rules ---------------------------------------------------------------------------------------------

orders = pytest.mark.parametrize("order", sorted(set(itertools.permutations(["jit", "vmap", "grad", "jit"]))), ids="-".join)


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of a function of one number, by forward mode."""
    return lambda x: ft.jvp(f, (x,), (1.0,))[1]


def nested(order: Sequence[str], g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The elementwise derivative of `g` over a vector, with jit, vmap and grad applied in the given order."""
    batched = False
    for name in order:
        match name:
            case "jit":
                g = ft.jit(g)
            case "vmap":
                g, batched = ft.vmap(g), True
            case "grad":
                g = ft.grad((lambda h: lambda x: h(x).sum())(g) if batched else g)
    return g


def check_inner_derivatives(times: Callable[[Any], Callable[[Any], Any]]) -> None:
    """``times(c)`` is x -> c x whose rule says 10 c: d/dc [c d/dx times(c)(x)] = d/dc 10 c^2, in any mixture of modes."""
    for outer, inner in itertools.product([ft.grad, forward], repeat=2):
        for wrap in COMPILE.values():
            g = wrap(lambda c, inner=inner: c * inner(times(c))(2.0))
            np.testing.assert_allclose(outer(g)(3.0), 60.0)


def check_perturbations(identity: Callable[[Any], Any]) -> None:
    """An identity with a rule confuses no perturbations (Siskind & Pearlmutter, 2008)."""
    for outer, inner in itertools.product([ft.grad, forward], repeat=2):
        sum_inside = outer(lambda x, inner=inner: x * inner(lambda y: identity(x) + y)(1.0))
        product_inside = outer(lambda x, inner=inner: x * inner(lambda y: identity(x * y))(2.0))
        assert float(sum_inside(1.0)) == 1.0
        assert float(product_inside(3.0)) == 6.0
