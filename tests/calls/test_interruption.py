"""Errors and Ctrl-C inside loops: an IndexError of a turn, a KeyboardInterrupt, and other threads meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax


def endless(x: Any) -> Any:
    return lax.while_loop(lambda s: s[0] >= 0, lambda s: (s[0] ^ 1, fnp.sin(s[1])), (0, x))[1]


def long_scan(x: Any) -> Any:
    return lax.scan(lambda c, _: (fnp.sin(c) + 0.1, None), x, None, length=10**11)[0]


def short_loops_in_a_long_one(x: Any) -> Any:
    """The inner loop ends before it would look for Ctrl-C, and nobody knows how long it is."""
    def outer(s: Any) -> Any:
        i, y = s
        return i ^ 1, lax.fori_loop(0, 200_000 + i, lambda j, z: z * 0.999 + 0.001, y)

    return lax.while_loop(lambda s: s[0] >= 0, outer, (0, x))[1]


def a_branch_between(x: Any) -> Any:
    def turn(c: Any, _: Any) -> Any:
        return lax.cond(c > -2.0, lambda: lax.while_loop(lambda y: y < 50.0, lambda y: y + 0.5, c), lambda: c) * 0.01, None

    return lax.scan(turn, x, None, length=10**10)[0]


def batched(x: Any) -> Any:
    return ft.vmap(endless)(fnp.stack([x, x]))


LOOPS = [endless, long_scan, short_loops_in_a_long_one, a_branch_between, batched]


@pytest.mark.parametrize("f", [endless, *map(ft.jit, LOOPS)], ids=["eager", *(f.__name__ for f in LOOPS)])
def test_control_c_ends_a_loop(f: Any) -> None:
    quick = ft.jit(lambda x: lax.fori_loop(0, 10, lambda i, c: c + i, x))
    pressed: list[float] = []
    sender = subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(1.0); os.kill({os.getpid()}, {int(signal.SIGINT)})"])
    previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(time.monotonic()) or signal.default_int_handler(*_))
    try:
        with pytest.raises(KeyboardInterrupt):
            f(0.5)
        assert time.monotonic() - pressed[0] < 1.0
    finally:
        sender.wait()
        signal.signal(signal.SIGINT, previous)
    assert float(quick(0.0)) == 45.0


def test_other_threads_go_on_while_a_loop_runs() -> None:
    turns, ended = [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            turns[0] += 1
            time.sleep(0.001)

    f = ft.jit(lambda x: lax.scan(lambda c, _: (fnp.sin(c) + 0.1, None), x, None, length=10**7)[0])
    f.lower(0.5)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        f(0.5)
    finally:
        ended.set()
        thread.join()
    assert turns[0] > 5


# -- errors -----------------------------------------------------------------------------------------------------------------

def _in_scan(i: Any) -> Any:
    return lax.scan(lambda c, k: (c + fnp.arange(4.0)[k], None), 0.0, fnp.arange(3) + i)[0]


def _in_while(i: Any) -> Any:
    return lax.while_loop(lambda s: s[0] < i + 3, lambda s: (s[0] + 1, s[1] + fnp.arange(4.0)[s[0]]), (i, 0.0))[1]


def _in_branch(i: Any) -> Any:
    return lax.scan(lambda c, k: (lax.cond(k >= 2, lambda: c + fnp.arange(4.0)[k + i], lambda: c), None), 0.0, fnp.arange(3))[0]


def _in_update(i: Any) -> Any:
    return lax.fori_loop(0, 3, lambda k, c: c.at[k + i].set(1.0), fnp.zeros(4)).sum()


@pytest.mark.parametrize("f", [_in_scan, _in_while, _in_branch, _in_update], ids=lambda f: f.__name__)
@pytest.mark.parametrize("run", ["eager", "jit", "vmap"])
def test_an_index_out_of_bounds_on_one_turn(f: Any, run: str) -> None:
    """The error is raised after the call, names the line, and the next call is as good as ever."""
    good, bad = (np.array([0, 1]), np.array([1, 2])) if run == "vmap" else (1, 2)
    g = {"eager": f, "jit": ft.jit(f), "vmap": ft.jit(ft.vmap(f))}[run]
    wanted = np.asarray(g(good))
    with pytest.raises(IndexError, match=r"out of bounds.*test_interruption"):
        g(bad)
    np.testing.assert_array_equal(np.asarray(g(good)), wanted)


def test_a_branch_that_is_not_taken_raises_nothing() -> None:
    table = np.arange(3.0)
    f = ft.jit(lambda i: lax.cond(i < 3, lambda: fnp.asarray(table)[i], lambda: -1.0))
    assert (float(f(1)), float(f(7))) == (1.0, -1.0)


def test_ragged_batches_of_loops_stop_alone() -> None:
    """An element that has ended is not touched again, though the others go on, and its body's domain is not left."""
    def f(x: Any, n: Any) -> Any:
        return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] / (n - s[0])), (0, x))[1]

    xs, ns = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 5, 2, 1])
    want = xs / np.array([1.0, 120.0, 2.0, 1.0])
    for g in (ft.vmap(f), ft.jit(ft.vmap(f))):
        np.testing.assert_allclose(g(xs, ns), want, rtol=1e-15)
        np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(f)))(xs, ns), want / xs, rtol=1e-14)
