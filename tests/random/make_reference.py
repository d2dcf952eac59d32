"""Writes ``reference.npz``: the results of the calls of `cases` by the reference library, JAX, with and without 64-bit types.

Run it with a Python that has jax, from this directory: ``python make_reference.py``. The version is stored in ``version``.
The names of the arrays are ``x64/seed/case`` and ``x32/seed/case``.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def results(mode):
    """The arrays of one mode; it cannot be changed once jax is loaded."""
    import jax
    from cases import CASES, KEYS

    dtype = np.float64 if mode == "x64" else np.float32
    found = {"version": np.array(jax.__version__)}
    for seed in KEYS:
        for name, (case, _) in CASES.items():
            out = case(jax.random, jax.random.key(seed), lambda x: np.asarray(x, dtype))
            found[f"{mode}/{seed}/{name}"] = np.asarray(out)
    np.savez_compressed(HERE / f"{mode}.npz", **found)


def main():
    arrays = {}
    for mode, flag in (("x64", "1"), ("x32", "0")):
        subprocess.run([sys.executable, __file__, mode], env={**os.environ, "JAX_ENABLE_X64": flag}, check=True)
        part = HERE / f"{mode}.npz"
        arrays |= dict(np.load(part))
        part.unlink()
    np.savez_compressed(HERE / "reference.npz", **arrays)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        results(sys.argv[1])
    else:
        main()
