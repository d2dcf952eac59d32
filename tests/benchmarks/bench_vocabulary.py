"""Library functions side by side with JAX, jitted.

    pip install -e '.[peers]'
    python tests/benchmarks/bench_vocabulary.py [case ...]
"""

import sys

import numpy as np
from side_by_side import alternate, libraries


def compare(case, program, arguments, rounds=9, inner=10):
    """Time the jitted ``program(library, xp)`` on the same arguments."""
    calls = {}
    for name, library, xp in libraries():
        compiled = library.jit(program(library, xp))
        args = library.tree.map(xp.asarray, arguments)

        def call(library=library, compiled=compiled, args=args):
            library.tree.map(_ready, compiled(*args))

        calls[name] = call
    alternate(case, calls, rounds, inner)


def _ready(x):
    return x.block_until_ready()


# -- Fourier transforms ------------------------------------------------------------------------------------------------------

def case_fft():
    rng = np.random.default_rng(0)
    for shape in ((64,), (1024,), (100, 1024), (1 << 20,), (1009,), (100, 1009), (10007,), (256, 256)):
        x = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        compare(f"fft of {shape}", lambda library, xp: xp.fft.fft, (x,), inner=3 if x.size > 1 << 18 else 20)


# -- convolutions and embeddings -------------------------------------------------------------------------------------------

def convolution(layouts, strides=(1, 1)):
    """The forward program and its gradients by operand, kernel and both."""

    def forward(library, xp):
        return lambda x, k: library.lax.conv_general_dilated(x, k, strides, "SAME", dimension_numbers=layouts)

    def gradient(argnums):
        def program(library, xp):
            f = forward(library, xp)
            return library.grad(lambda x, k: xp.sum(f(x, k) ** 2), argnums)

        return program

    return forward, {"operand": gradient(0), "kernel": gradient(1), "both": gradient((0, 1))}


def convolution_cases():
    """(name, layouts, operand, kernel): first and deeper layers of small networks, in both usual layouts."""
    rng = np.random.default_rng(0)
    for layouts in (("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")):
        for batch, features, out, side, window in ((64, 1, 16, 28, 3), (64, 1, 16, 28, 5), (64, 16, 32, 14, 3)):
            sizes = {"N": batch, "C": features, "H": side, "W": side}
            x = rng.standard_normal([sizes[axis] for axis in layouts[0]]).astype("float32")
            sizes = {"O": out, "I": features, "H": window, "W": window}
            k = rng.standard_normal([sizes[axis] for axis in layouts[1]]).astype("float32")
            yield f"{layouts[0]} {batch} x {features}->{out}, {side}, {window} x {window}", layouts, x, k


def case_conv_forward():
    for name, layouts, x, k in convolution_cases():
        compare(f"conv {name}", convolution(layouts)[0], (x, k), inner=3)


def case_conv_gradient():
    for name, layouts, x, k in convolution_cases():
        for which, program in convolution(layouts)[1].items():
            compare(f"conv gradient by {which}, {name}", program, (x, k), inner=3)


def case_embedding():
    def program(library, xp):
        return library.value_and_grad(lambda table, rows: xp.sum(xp.tanh(table[rows]) ** 2))

    rng = np.random.default_rng(0)
    table = rng.standard_normal((10_000, 64)).astype("float32")
    for shape in ((4096,), (64, 64)):
        compare(f"embedding gradient, {shape} rows of 10000 x 64", program, (table, rng.integers(0, 10_000, shape)), inner=3)


def case_sort():
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        x = rng.standard_normal((200, 1000)).astype(dtype)
        compare(f"sort 200 x 1000 {dtype}", lambda library, xp: lambda rows: xp.sort(rows, axis=-1), (x,), inner=2)
        compare(f"argsort 200 x 1000 {dtype}", lambda library, xp: lambda rows: xp.argsort(rows, axis=-1), (x,), inner=2)


# -- linear algebra ----------------------------------------------------------------------------------------------------------

def cholesky_solve(library, xp):
    def loss(a, b):
        factor = xp.linalg.cholesky(a)
        y = library.lax.linalg.triangular_solve(factor, b[..., None], left_side=True, lower=True)
        return xp.sum(y ** 2) / 2 + xp.sum(xp.log(xp.diagonal(factor, axis1=-2, axis2=-1)))

    return library.value_and_grad(loss)


def case_cholesky_solve():
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        x = rng.standard_normal((1000, 8, 8))
        a = (x @ x.swapaxes(-1, -2) + 8 * np.eye(8)).astype(dtype)
        b = rng.standard_normal((1000, 8)).astype(dtype)
        compare(f"cholesky solve gradient, 1000 x 8 x 8 {dtype}", cholesky_solve, (a, b), inner=3)
    for n in (32, 256):
        x = rng.standard_normal((n, n))
        compare(f"cholesky solve gradient, {n} x {n}", cholesky_solve, (x @ x.T + n * np.eye(n), rng.standard_normal(n)), inner=3)


def case_solve():
    def gradient(library, xp):
        return library.grad(lambda a, b: xp.sum(xp.linalg.solve(a, b) ** 2))

    rng = np.random.default_rng(0)
    for shape in ((1000, 4), (200,)):
        n = shape[-1]
        a = rng.standard_normal((*shape, n)) + n * np.eye(n)
        compare(f"solve gradient, {' x '.join(map(str, (*shape, n)))}", gradient, (a, rng.standard_normal((*shape, 1))), inner=3)


# -- random numbers ----------------------------------------------------------------------------------------------------------

def case_random():
    samplers = {
        "uniform": lambda random, k, dtype: random.uniform(k, (1_000_000,), dtype),
        "normal": lambda random, k, dtype: random.normal(k, (1_000_000,), dtype),
        "randint": lambda random, k, dtype: random.randint(k, (1_000_000,), 0, 1000, "int" + dtype[5:]),
        "gamma": lambda random, k, dtype: random.gamma(k, 2.5, (100_000,), dtype),
        "poisson": lambda random, k, dtype: random.poisson(k, 30.0, (100_000,), "int" + dtype[5:]),
        "permutation": lambda random, k, dtype: random.permutation(k, 100_000),
        "small normal": lambda random, k, dtype: random.normal(k, (16,), dtype),
    }
    for dtype in ("float64", "float32"):
        for name, sampler in samplers.items():
            compare(f"random {name} {dtype}", lambda library, xp, f=sampler, d=dtype: lambda k: f(library.random, k, d),
                    (np.array([0, 42], "uint32"),), inner=1000 if name.startswith("small") else 3)


CASES = {name.removeprefix("case_"): call for name, call in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
