"""Jacobians of a batch at once: `vmap(jacrev(f))` against a Python loop.

The function is the forward kinematics of a planar robot arm: from joint angles to the position of the hand. Its Jacobian
relates joint speeds to the hand's speed. A controller wants it for thousands of configurations.
"""

import argparse
import time
from statistics import median

import numpy as np

import functrans as ft
import functrans.numpy as fnp

LENGTHS = np.array([1.0, 0.8, 0.6, 0.4, 0.2])


def hand(angles):
    """Position (x, y) of the end of the arm; each angle is relative to the link before."""
    absolute = LOWER @ angles
    return fnp.stack([fnp.sum(LENGTHS * fnp.cos(absolute)), fnp.sum(LENGTHS * fnp.sin(absolute))])


LOWER = np.tril(np.ones((5, 5)))


def exact(angles):
    """The Jacobian in closed form: column j sums the links from j on."""
    a = np.cumsum(angles)
    return np.stack([np.cumsum((-LENGTHS * np.sin(a))[::-1])[::-1], np.cumsum((LENGTHS * np.cos(a))[::-1])[::-1]])


def seconds(fun, repeats):
    fun()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        fun()
        times.append(time.perf_counter() - start)
    return median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a smaller batch")
    options = parser.parse_args()
    n = 200 if options.short else 5000
    batch = np.random.default_rng(0).uniform(-np.pi, np.pi, (n, 5))

    jacobian = ft.jacrev(hand)
    batched = ft.jit(ft.vmap(jacobian))
    one = ft.jit(jacobian)

    error = np.abs(np.asarray(batched(batch)) - np.stack([exact(a) for a in batch])).max()
    print(f"{n} Jacobians of shape {batched(batch).shape[1:]}; largest difference from the closed form {error:.1e}")

    few = batch[: max(1, n // 20)]
    eager_loop = seconds(lambda: [jacobian(a) for a in few], 3) * n / len(few)
    jitted_loop = seconds(lambda: [one(a) for a in batch], 3)
    eager_batch = seconds(lambda: ft.vmap(jacobian)(batch), 5)
    jitted_batch = seconds(lambda: batched(batch), 20)
    for label, t in [
        ("loop, eager", eager_loop),
        ("loop over jit(jacrev(f))", jitted_loop),
        ("vmap(jacrev(f)), eager", eager_batch),
        ("jit(vmap(jacrev(f)))", jitted_batch),
    ]:
        print(f"  {label:26s} {1e3 * t:10.3f} ms   {eager_loop / t:8.0f} times faster than the eager loop")


if __name__ == "__main__":
    main()
