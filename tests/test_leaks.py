"""Options that look over a program's shoulder: leaked tracers, tracing anew, live arrays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.errors import UnexpectedTracerError

KEPT: dict[str, Any] = {}
LIST: list[Any] = []


@pytest.mark.parametrize("transform", [ft.jit, ft.grad, ft.vmap, lambda f: lambda x: ft.jvp(f, (x,), (x,)), ft.make_jaxpr],
                         ids=["jit", "grad", "vmap", "jvp", "make_jaxpr"])
def test_leaks_are_found_when_the_transformation_ends(transform: Any) -> None:
    def leaky(x: Any) -> Any:
        KEPT["x"] = fnp.sin(x)
        return x * 1.0

    x = np.ones(2) if transform is ft.vmap else 1.0
    try:
        transform(leaky)(x)  # nobody looks
        with ft.checking_leaks(), pytest.raises(UnexpectedTracerError, match=r"traced .* of .*has leaked.*the entry 'x' of a dictionary"):
            transform(leaky)(x)
    finally:
        KEPT.clear()


def test_leaks_are_found_inside_other_transformations() -> None:
    def body(c: Any, x: Any) -> Any:
        LIST.append(c)
        return c + x, None

    try:
        with ft.check_tracer_leaks(), pytest.raises(UnexpectedTracerError, match=r"of scan.* has leaked.*type list"):
            ft.jit(lambda x: lax.scan(body, x, np.arange(3.0)))(1.0)
    finally:
        LIST.clear()


@pytest.fixture
def small_heap() -> Iterator[None]:
    """What exists already is hidden from the search, which goes through all objects at the end of each trace."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@pytest.mark.usefixtures("small_heap")
def test_honest_programs_pass() -> None:
    class Model:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, w: Any, x: Any) -> Any:
            self.calls += 1
            return lax.scan(lambda c, v: (fnp.tanh(c @ w) + v, c.sum()), x, np.ones((3, 2)))[1].sum(), {"aux": x * 2}

    model = Model()
    w, x = np.eye(2), np.ones(2)
    with ft.checking_leaks():
        (_, aux), slope = ft.jit(ft.value_and_grad(model, has_aux=True))(w, x)
        again = ft.vmap(ft.grad(lambda w, x: model(w, x)[0]), (None, 0))(w, np.stack([x, x]))
        ft.linearize(fnp.sin, 1.0)[1](2.0)
        ft.jacrev(ft.checkpoint(lambda x: fnp.sin(x)))(x)
        if ft.jit(lambda x: x * 2 if x > 0 else x)(1.0) != 2.0:
            raise AssertionError
    np.testing.assert_allclose(again[0], slope)
    np.testing.assert_array_equal(aux["aux"], 2 * x)


def test_no_tracing() -> None:
    f = ft.jit(lambda x: x + 1)
    assert f(1.0) == 2.0
    with ft.no_tracing():
        assert f(2.0) == 3.0
        with pytest.raises(RuntimeError, match=r"jit of <lambda> would be traced for f64\[3\], and no_tracing is set, at .*test_leaks"):
            f(np.ones(3))
    assert f(np.ones(3)).shape == (3,)


def test_live_arrays() -> None:
    before = len(ft.live_arrays())
    held = [fnp.arange(3) + i for i in range(5)]
    assert sum(any(x is y for y in held) for x in ft.live_arrays("cpu")) == 5
    del held
    assert len(ft.live_arrays()) <= before + 1
    with pytest.raises(ValueError, match=r"one device, 'cpu'; got device='tpu', at .*test_leaks"):
        ft.live_arrays("tpu")
