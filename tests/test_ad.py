"""Where the cotangents of a pullback go: results, mutable arrays, or nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.ad import VJP, DidntWant, DontWant, GradRef, GradValue
from functrans.transforms import linearize


def product(x: Any, y: Any) -> Any:
    return fnp.sin(x) * y


def test_cotangents_go_where_they_are_sent() -> None:
    x, y, ct = np.arange(3.0), 2.0, np.array([1.0, 10.0, 100.0])
    _, f_vjp = ft.vjp(product, x, y)
    x_bar, y_bar = f_vjp(ct)
    np.testing.assert_allclose(x_bar, np.cos(x) * 2 * ct)
    total = ft.new_ref(np.full(3, 5.0))
    for turn in (1, 2):
        out = f_vjp.with_refs(total, GradValue())(ct)
        assert out[0] == GradRef() and out[1] == y_bar
        np.testing.assert_allclose(total[...], 5 + turn * np.asarray(x_bar))
    assert f_vjp.with_refs(DontWant(), DontWant())(ct) == (DidntWant(), DidntWant())
    kept, left = f_vjp.with_refs(GradValue, DontWant)(ct)
    np.testing.assert_array_equal(kept, x_bar)
    assert left == DidntWant()


def test_structures() -> None:
    _, f_vjp = ft.vjp(lambda d, n: (d["a"] * d["b"] * n).sum(), {"a": np.ones(2), "b": np.full(2, 3.0)}, 2)
    a = ft.new_ref(np.zeros(2))
    (out, n_bar) = f_vjp.with_refs({"a": a, "b": DontWant()}, GradValue())(1.0)
    assert out == {"a": GradRef(), "b": DidntWant()} and n_bar.dtype == ft.float0
    np.testing.assert_array_equal(a[...], [6, 6])
    both = ft.new_ref(np.zeros(2))
    f_vjp.with_refs({"a": both, "b": both}, DontWant())(1.0)
    np.testing.assert_array_equal(both[...], [8, 8])


@pytest.mark.parametrize("way", [lambda f: f, ft.jit])
def test_accumulation_in_a_loop(way: Any) -> None:
    """The gradient of a sum over batches, collected batch by batch."""
    batches = np.arange(12.0).reshape(4, 3)

    def loss(w: Any, x: Any) -> Any:
        return ((w * x) ** 2).sum()

    def gradient(w: Any) -> Any:
        total = ft.new_ref(fnp.zeros(3))

        def step(_: Any, x: Any) -> Any:
            value, f_vjp = ft.vjp(loss, w, x)
            f_vjp.with_refs(total, DontWant())(1.0)
            return None, value
        _, losses = ft.lax.scan(step, None, batches)
        return ft.freeze(total), losses.sum()

    w = np.array([1.0, 2.0, 3.0])
    total, value = way(gradient)(w)
    np.testing.assert_allclose(total, 2 * w * (batches**2).sum(0))
    np.testing.assert_allclose(value, ((w * batches) ** 2).sum())


def test_what_nobody_wants_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, f_vjp = ft.vjp(lambda x, y: fnp.sin(x) + fnp.cos(fnp.exp(y)), 1.0, 2.0)
    seen = []
    monkeypatch.setattr(linearize, "_transpose_eqn", lambda eqn, bars, real=linearize._transpose_eqn: (seen.append(1), real(eqn, bars)))
    f_vjp(1.0)
    whole = len(seen)
    seen.clear()
    (x_bar, _) = f_vjp.with_refs(GradValue(), DontWant())(1.0)
    assert len(seen) < whole and x_bar == np.cos(1.0)


def test_the_pullback_is_a_pytree() -> None:
    f_vjp = ft.jit(lambda x: ft.vjp(product, x, 3.0)[1])(1.0)
    assert isinstance(f_vjp, VJP)
    assert f_vjp.with_refs(GradValue(), DontWant())(1.0)[0] == pytest.approx(3 * np.cos(1.0))


@pytest.mark.parametrize(("entries", "error", "pattern"), [
    (lambda: (GradValue(),), ValueError, r"one entry for each leaf .*got .*\(\*,\)"),
    (lambda: (None, None), ValueError, "None is no leaf"),
    (lambda: (ft.new_ref(np.zeros(4)), DontWant()), ValueError, r"argument's type f64\[3\]; entry\[0\] is a Ref of f64\[4\]"),
    (lambda: (ft.new_ref(np.zeros(3, "float32")), DontWant()), ValueError, r"a Ref of f32\[3\]"),
    (lambda: (np.zeros(3), DontWant()), TypeError, r"a Ref, GradValue\(\) or DontWant\(\).* entry\[0\] is array"),
])
def test_bad_entries(entries: Any, error: type[Exception], pattern: str) -> None:
    _, f_vjp = ft.vjp(product, np.arange(3.0), 2.0)
    with pytest.raises(error, match=pattern) as info:
        f_vjp.with_refs(*entries())
    assert "test_ad.py" in str(info.value)
