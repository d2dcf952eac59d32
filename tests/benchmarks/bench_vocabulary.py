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
