"""Callbacks under `vmap`, and in calls within calls."""

import threading

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax
from functrans.experimental import io_callback
from tests.calls.test_callbacks import F64, noted, recorder, struct, ways

# -- batches ------------------------------------------------------------------------------------------------------------------

@ways
@pytest.mark.parametrize(("method", "shapes"), [
    ("sequential", [((2,), ())] * 3), ("sequential_unrolled", [((2,), ())] * 3), ("expand_dims", [((3, 2), (1,))]),
    ("broadcast_all", [((3, 2), (3,))]), ("legacy_vectorized", [((3, 2), ())]),
])
def test_vmap_methods(way, method, shapes):
    seen = []

    def host(x, y):
        seen.append((x.shape, y.shape))
        return (np.asarray(x).T + np.asarray(y)).T

    f = ft.vmap(lambda x, y: ft.pure_callback(host, struct(np.zeros(2)), x, y, vmap_method=method), (1, None), 1)
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(way(f)(x, 10.0), x + 10)
    assert seen == shapes


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_vmap_of_vmap(method):
    def host(x, y):
        return np.asarray(x) * np.asarray(y)

    f = ft.vmap(ft.vmap(lambda x, y: ft.pure_callback(host, F64, x, y, vmap_method=method), (0, None)), (None, 0))
    x, y = np.arange(3.0), np.arange(4.0)
    np.testing.assert_array_equal(ft.jit(f)(x, y), np.outer(y, x))
    np.testing.assert_array_equal(f(x, y), np.outer(y, x))


def test_vmap_without_a_method():
    with pytest.raises(NotImplementedError, match=r"sin under vmap.*test_callbacks.*vmap_method='sequential'"):
        ft.vmap(lambda x: ft.pure_callback(np.sin, F64, x))(np.arange(3.0))
    out = ft.vmap(lambda x: x + ft.pure_callback(np.cos, F64, 0.0))(np.arange(3.0))  # not batched: one call
    np.testing.assert_array_equal(out, np.arange(3.0) + 1)


@ways
def test_empty_batches(way):
    seen, note = recorder()
    f = ft.vmap(lambda x: (noted(note, x), ft.pure_callback(note, F64, x, vmap_method="sequential")))
    assert [y.shape for y in way(f)(np.zeros(0))] == [(0,), (0,)]
    assert seen == []


@ways
def test_effects_of_a_batch_are_in_order(way):
    seen, note = recorder()
    np.testing.assert_array_equal(way(ft.vmap(lambda x, y: noted(note, x * y) + 1, (0, None)))(np.arange(3.0), 2.0), [1.0, 3.0, 5.0])
    assert seen == [0.0, 2.0, 4.0]


@ways
def test_elements_of_a_batch_take_their_own_branches_and_turns(way):
    seen, note = recorder()

    def f(x):
        def body(c):
            return lax.cond(c > 5, lambda c: noted(note, c) * 2, lambda c: noted(note, -c) * -3, c)

        return lax.while_loop(lambda c: c < 20, body, x)

    x, log, expected = np.array([1.0, 30.0, 7.0]), [], []
    for v in x:
        while v < 20:
            log.append(v if v > 5 else -v)
            v = v * 2 if v > 5 else v * 3
        expected.append(v)
    np.testing.assert_array_equal(way(ft.vmap(f))(x), expected)
    assert seen == log


def test_effects_and_collectives_in_a_branch_of_its_own():
    f = ft.vmap(lambda x: lax.cond(x > 0, lambda: (io_callback(print, None, x), lax.psum(x, "i"))[1], lambda: x), axis_name="i")
    with pytest.raises(NotImplementedError, match=r"cond under vmap.*collective.*test_callbacks"):
        f(np.array([-1.0, 2.0]))


@ways
def test_carries_updated_in_place_are_seen_as_they_are(way):
    seen = []

    def f(x):
        def body(i, x):
            x = x.at[i].add(1.0)
            ft.debug.callback(lambda v: seen.append(float(np.asarray(v).sum())), x)
            return x.at[i + 1].set(0.0)

        return lax.fori_loop(0, 4, body, x)

    x, log = np.ones(2000), []
    for i in range(4):
        x[i] += 1
        log.append(x.sum())
        x[i + 1] = 0
    np.testing.assert_array_equal(way(f)(np.ones(2000)), x)
    assert seen == log


# -- calls within calls -------------------------------------------------------------------------------------------------------

def test_a_callback_may_call_compiled_code_the_same_too():
    @ft.jit
    def factorial(n):
        return lax.cond(n <= 1, lambda: 1.0, lambda: n * ft.pure_callback(factorial, F64, n - 1))

    assert factorial(10.0) == 3628800.0


def test_a_callback_may_transform():
    f = ft.jit(lambda x: ft.pure_callback(ft.grad(lambda y: fnp.sin(y) * y), F64, x))
    np.testing.assert_allclose(f(2.0), 2 * np.cos(2.0) + np.sin(2.0), rtol=1e-14)


def test_threads():
    barrier = threading.Barrier(4)

    def host(x):
        barrier.wait(10)  # all four are inside the same code at once
        return np.asarray(x) * 2

    f = ft.jit(lambda x: ft.pure_callback(host, struct(np.zeros(100)), fnp.sin(x) + 1).sum())
    results = {}
    threads = [threading.Thread(target=lambda k=k: results.update({k: float(f(np.full(100, float(k))))})) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [0, 1, 2, 3]
    for k, y in results.items():
        np.testing.assert_allclose(y, 200 * (np.sin(k) + 1), rtol=1e-13)
