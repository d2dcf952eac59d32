"""The library side by side with JAX: training step, eager gradient, compile time, import time, unrolled loops.

    pip install -e '.[peers]'
    python tests/benchmarks/bench_foundation.py [case ...]

Each case alternates the two libraries in one process (import time: in fresh processes) and prints medians and the ratio
JAX / functrans. dtypes are equal and JAX runs with 64-bit types enabled. Without JAX only our times are printed.
"""

import itertools
import os
import subprocess
import sys
import time

import numpy as np
from side_by_side import alternate, libraries, report

import functrans
import functrans.numpy

LAYERS = [64, 128, 64, 10]
BATCH = 128


# -- the digits step -------------------------------------------------------------------------------------------------------

def digits(library, xp):
    """The training step of examples/train_digits.py and its arguments."""
    rng = np.random.default_rng(0)
    params = [((rng.standard_normal((m, n)) * np.sqrt(2 / m)).astype(np.float32), np.zeros(n, np.float32))
              for m, n in itertools.pairwise(LAYERS)]
    velocity = [(np.zeros_like(w), np.zeros_like(b)) for w, b in params]
    x = rng.random((BATCH, LAYERS[0])).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, BATCH)]

    def predict(params, x):
        *hidden, (w, b) = params
        for v, c in hidden:
            x = xp.maximum(x @ v + c, 0)
        return x @ w + b

    def loss(params, x, y):
        logits = predict(params, x)
        top = xp.max(logits, axis=1, keepdims=True)
        log_total = xp.log(xp.sum(xp.exp(logits - top), axis=1)) + top[:, 0]
        return xp.mean(log_total - xp.sum(logits * y, axis=1))

    def step(params, velocity, x, y):
        value, gradient = library.value_and_grad(loss)(params, x, y)
        velocity = library.tree.map(lambda v, g: 0.9 * v - 0.1 * g, velocity, gradient)
        return library.tree.map(lambda p, v: p + v, params, velocity), velocity, value

    convert = xp.asarray
    return step, library.tree.map(convert, (params, velocity, x, y))


def case_digits_step():
    calls = {}
    for name, library, xp in libraries():
        step, (params, velocity, x, y) = digits(library, xp)
        compiled = library.jit(step)
        state = [params, velocity]

        def call(compiled=compiled, state=state, x=x, y=y):
            state[0], state[1], value = compiled(state[0], state[1], x, y)
            value.block_until_ready()

        calls[name] = call
    alternate("digits step, jitted", calls, 40, 25)


def case_digits_compile():
    times = {name: [] for name, _, _ in libraries()}
    for _ in range(6):
        for name, library, xp in libraries():
            step, args = digits(library, xp)
            start = time.perf_counter()
            out = library.jit(step)(*args)
            out[2].block_until_ready()
            times[name].append(time.perf_counter() - start)
    report("digits step, first call", {name: ts[1:] for name, ts in times.items()})


# -- eager ------------------------------------------------------------------------------------------------------------------

def case_eager_grad():
    calls = {}
    for name, library, xp in libraries():
        def f(x, xp=xp):
            for _ in range(6):
                x = xp.sin(x) * 1.1 + x * x * 0.01
            return x

        gradient = library.grad(f)
        calls[name] = lambda gradient=gradient: gradient(0.5).block_until_ready()
    alternate("eager grad, 30 operations", calls, 15, 5)


# -- unrolled loops ---------------------------------------------------------------------------------------------------------

def unrolled(library, xp, steps):
    """The gradient of a program of many equal steps."""
    def f(x):
        for _ in range(steps):
            x = xp.sin(x) * 1.01 + xp.dot(x, x) * 1e-3
        return xp.sum(x)

    return library.jit(library.grad(f))


def case_unrolled():
    x = np.linspace(0.1, 0.8, 8)
    functrans.jit(lambda v: v * 2.0)(x)  # starts the code generator
    base = None
    for steps in (150, 300, 600, 1500):
        start = time.process_time()  # the time of this process: other load on the machine does not bend the line
        unrolled(functrans, functrans.numpy, steps)(x)
        seconds = time.process_time() - start
        base = base or seconds / steps
        share = seconds / steps / base
        print(f"unrolled, {steps:5d} steps: trace and compile {seconds:.2f} s, per step {share:.2f} of that at 150", flush=True)


# -- import -----------------------------------------------------------------------------------------------------------------

def case_import():
    times = {name: [] for name, _, _ in libraries()}
    # Both with their bytecode cached, as after an installation: the first run writes it where it is missing.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(10):
        for name in times:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True, env=environment)
            times[name].append(time.perf_counter() - start)
    report("import, whole process", {name: ts[1:] for name, ts in times.items()})


CASES = {name.removeprefix("case_"): call for name, call in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
