"""What the benchmarks share: both libraries, alternation in one process, medians and ratios."""

import importlib.util
import os
import time
from statistics import median

os.environ["JAX_ENABLE_X64"] = "1"

import functrans
import functrans.numpy

HAVE_JAX = importlib.util.find_spec("jax") is not None


def libraries():
    """(name, the library, its numpy) for each that is installed."""
    found = [("functrans", functrans, functrans.numpy)]
    if HAVE_JAX:
        jax = importlib.import_module("jax")
        found.append(("jax", jax, jax.numpy))
    return found


def report(case, times):
    """One line: medians in microseconds and their ratio."""
    medians = {name: 1e6 * median(ts) for name, ts in times.items()}
    line = f"{case:28s}" + "".join(f"  {name} {us:12.1f} us" for name, us in medians.items())
    if "jax" in medians:
        line += f"   jax/functrans {medians['jax'] / medians['functrans']:.2f}"
    print(line, flush=True)


def alternate(case, calls, rounds, inner):
    """Time `inner` calls of each library in turn, `rounds` times."""
    times = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(inner):
                call()
            times[name].append((time.perf_counter() - start) / inner)
    report(case, times)
