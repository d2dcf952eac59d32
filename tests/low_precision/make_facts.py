"""Writes ``facts.json``: what the reference library, JAX, makes of the low-precision dtypes, with 64-bit types.

Run it with a Python that has jax: ``python tests/low_precision/make_facts.py``. The version is stored in ``version``.

``promote`` has for each pair of dtypes the one they are promoted to, null where that is an error; ``scalars`` the same for Python's int,
float and complex. ``random`` has samples, ``converted`` floats made integers, ``sums`` and ``products`` what is summed in more precision
than the dtype has: the operands are those of `operands`.
"""

import json
from pathlib import Path

import numpy as np

NARROW = [
    "bfloat16", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "int1", "int2", "int4", "uint1", "uint2", "uint4",
]
WIDE = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "complex64",
    "complex128",
]
SAMPLERS = ("uniform", "normal", "exponential", "gumbel", "laplace", "cauchy", "logistic", "rademacher")
FLOATS = [300.0, 9.0, -9.0, 7.6, -7.6, -200.0, 0.5, 1.5, -1.5, float("nan"), float("inf"), float("-inf")]


def operands():
    """Two matrices of float32 numbers, for rounding to each dtype."""
    rng = np.random.default_rng(20)
    return rng.normal(size=(40, 50)).astype(np.float32), rng.normal(size=(50, 30)).astype(np.float32)


def main():
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def promoted(a, b):
        try:
            return str(jnp.promote_types(a, b))
        except ValueError:
            return None

    def with_scalar(a, scalar):
        try:
            return str(jax.eval_shape(lambda x: x + scalar, jax.ShapeDtypeStruct((), a)).dtype)
        except ValueError:
            return None

    def listed(x):
        return np.asarray(x).astype(np.float64).ravel().tolist()

    def sampled(name, dtype):
        return listed(getattr(jax.random, name)(jax.random.key(3), (20,), dtype))

    def product(dtype):
        return listed(jnp.asarray(x).astype(dtype)[:4] @ jnp.asarray(y).astype(dtype))

    x, y = operands()
    facts = {
        "version": jax.__version__,
        "promote": {a: {b: promoted(a, b) for b in NARROW + WIDE} for a in NARROW},
        "scalars": {a: [with_scalar(a, s) for s in (1, 1.0, 1j)] for a in NARROW},
        "random": {d: {f: sampled(f, d) for f in SAMPLERS} for d in ("bfloat16", "float8_e4m3fn")},
        "converted": {d: listed(jnp.asarray(FLOATS).astype(d)) for d in ("int2", "int4", "uint2", "uint4")},
        "sums": {"bfloat16": listed(jnp.asarray(x, jnp.bfloat16).sum(1))},
        "products": {d: product(d) for d in ("bfloat16", "float8_e4m3fn", "float8_e5m2")},
        "printed": {d: str(jax.make_jaxpr(lambda v: v * 2)(jnp.ones(2, d))) for d in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4")},
    }
    (Path(__file__).parent / "facts.json").write_text(json.dumps(facts, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
