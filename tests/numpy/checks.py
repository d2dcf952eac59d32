"""What a function of `functrans.numpy` must satisfy: NumPy's values, the same compiled and mapped, and true derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.transforms.api import jvp, vjp
from functrans.transforms.vmap import vmap

__all__ = ["agrees", "close", "differentiates"]


def close(got: Any, want: Any, tol: float = 1e-12) -> None:
    """Equal structure and shapes, and values to a tolerance; nan agrees with nan."""
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            close(g, w, tol)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, (got.shape, want.shape)
    assert got.dtype.kind == want.dtype.kind, (got.dtype, want.dtype)
    if want.dtype.kind in "fc":
        np.testing.assert_allclose(got, want, rtol=tol, atol=tol)
    else:
        np.testing.assert_array_equal(got, want)


def agrees(fun: Callable[..., Any], reference: Callable[..., Any], *args: Any, tol: float = 1e-12) -> None:
    """`fun` gives what NumPy's `reference` gives; compiled, and mapped over a batch of the arguments and others, too."""
    want = reference(*args)
    close(fun(*args), want, tol)
    close(jit(fun)(*args), want, tol)
    rng = np.random.default_rng(3)
    others = [np.flip(rng.permutation(a)) if np.ndim(a) else a for a in args]
    batch = [np.stack([a, b]) for a, b in zip(args, others, strict=True)]
    each = [reference(*args), reference(*others)]
    stacked = tuple(np.stack(parts) for parts in zip(*each, strict=True)) if isinstance(want, (tuple, list)) else np.stack(each)
    close(vmap(fun)(*batch), stacked, tol)
    close(jit(vmap(fun))(*batch), stacked, tol)


def differentiates(fun: Callable[..., Any], *args: np.ndarray, tol: float = 1e-6) -> None:
    """The derivative along a direction is that of central differences, and forward and reverse mode agree, compiled or not."""
    rng = np.random.default_rng(4)
    dots = [rng.normal(size=np.shape(a)) for a in args]
    step = 1e-6
    ahead, behind = (np.asarray(fun(*(a + s * d for a, d in zip(args, dots, strict=True)))) for s in (step, -step))
    want = (ahead - behind) / (2 * step)
    for f in (fun, jit(fun)):
        y, y_dot = jvp(f, args, tuple(dots))
        np.testing.assert_allclose(np.asarray(y_dot), want, rtol=tol, atol=tol)
        y_bar = rng.normal(size=np.shape(y))
        x_bars = vjp(f, *args)[1](y_bar)
        inner = sum(float(np.sum(np.asarray(b) * d)) for b, d in zip(x_bars, dots, strict=True))
        np.testing.assert_allclose(inner, np.sum(y_bar * want), rtol=tol, atol=tol)
