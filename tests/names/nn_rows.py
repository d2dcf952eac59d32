"""Rows of `functrans.nn`, `functrans.nn.initializers`, `functrans.ops`, `functrans.image` and `functrans.random`.

The references of nn are their defining formulas; numbers drawn, and pictures resampled, are compared with stored facts of JAX elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from functrans import random
from tests.names.rows import COMPLEX, NUMBER, Name, Operand, R, Z, distinct, each, fixed

__all__ = ["NN"]

X = distinct(3, 4)
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
MASK = fixed(np.array([[True, True, False, True]] * 3))
KEY = Operand((2,), 0, 2**31, "uint32")
FACTS = "tests/nn/test_initializers.py"
DRAWN = "tests/random/cases.py"
IMAGES = "tests/test_image.py"


def softmax(x: Any, axis: int = -1, where: Any = True) -> Any:
    e = np.where(where, np.exp(x), x.dtype.type(0))
    return e / np.sum(e, axis, keepdims=True)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False, b: Any = 1) -> Any:
    return np.log(np.sum(b * np.exp(x), axis, keepdims=keepdims))


def standardized(x: Any, axis: int = -1) -> Any:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + x.dtype.type(1e-5))


def attention(q: Any, k: Any, v: Any, is_causal: bool = False) -> Any:
    """Softmax of scaled products over keys, for each head: axes batch, place, head, feature."""
    weights = np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.dtype.type(q.shape[-1]))
    if is_causal:
        weights = np.where(np.tri(*weights.shape[-2:], dtype=bool), weights, -np.inf)
    return np.einsum("bnts,bsnh->btnh", softmax(weights), v)


def blocks_multiplied(x: Any, y: Any, a: Any, b: Any, preferred_element_type: Any) -> Any:
    wide = [np.repeat(s, m.shape[-1] // s.shape[-1], -1) * m for m, s in ((x, a), (y, b))]
    return np.einsum("bmk,bnk->bmn", *wide).astype(preferred_element_type)


def sparse_plus(x: Any) -> Any:
    return np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)).astype(x.dtype)


def hot(x: Any, n: int, axis: int = -1) -> Any:
    return np.moveaxis((x[..., None] == np.arange(n)).astype(float), -1, axis)


def elementwise(references: dict[str, Any]) -> list[Name]:
    return [Name(f"nn.{name}", (X,), reference=f) for name, f in references.items()]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def tanh_gelu(x: Any, approximate: bool = True) -> Any:
    if not approximate:
        return x * sp.ndtr(x)
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + x.dtype.type(0.044715) * x**3)))


NN_ROWS = (
    *elementwise({
        "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6), "identity": lambda x: x, "tanh": np.tanh,
        "sigmoid": sigmoid, "silu": lambda x: x * sigmoid(x), "swish": lambda x: x * sigmoid(x), "soft_sign": lambda x: x / (1 + abs(x)),
        "softplus": lambda x: np.log1p(np.exp(x)), "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
        "elu": lambda x: np.where(x > 0, x, np.expm1(x)), "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
        "selu": lambda x: (SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x))).astype(x.dtype),
        "leaky_relu": lambda x: np.where(x > 0, x, x * x.dtype.type(0.01)), "hard_tanh": lambda x: np.clip(x, -1, 1),
        "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6, "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
        "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6, "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
        "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2, "sparse_plus": sparse_plus,
        "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    }),
    Name("nn.gelu", (X,), lambda f, x: [f(x), f(x, approximate=False)], tanh_gelu),
    Name("nn.glu", (R(3, 4),), reference=lambda x: x[:, :2] * sigmoid(x[:, 2:])),
    Name("nn.log1mexp", (R(3, 4, low=0.2, high=3),), reference=lambda x: np.log1p(-np.exp(-x))),
    Name("nn.softmax", (X, MASK), lambda f, x, m: [f(x), f(x, axis=0), f(x, where=m)], softmax),
    Name("nn.log_softmax", (X,), lambda f, x: [f(x), f(x, axis=0)], lambda x, axis=-1: np.log(softmax(x, axis))),
    Name("nn.logsumexp", (X, R(4, low=0.5)), lambda f, x, b: [f(x), f(x, axis=1, keepdims=True), f(x, axis=0, b=1 + b * b)], logsumexp),
    Name("nn.logmeanexp", (X,), lambda f, x: [f(x), f(x, axis=1)], lambda x, axis=None: np.log(np.mean(np.exp(x), axis))),
    Name("nn.standardize", (X,), lambda f, x: [f(x), f(x, axis=0)], standardized),
    Name("nn.one_hot", (Z(5, high=4),), lambda f, x: [f(x, 4), f(x, 3, axis=0)], hot, dtypes=("int64",)),
    Name("nn.dot_product_attention", (R(2, 3, 2, 4), R(2, 5, 2, 4), R(2, 5, 2, 4)),
         lambda f, q, k, v: [f(q, k, v), f(q, k, v, is_causal=True)], attention),
    Name("nn.scaled_dot_general", (R(2, 3, 4), R(2, 4, 2)),
         lambda f, x, y: f(x, y, (((2,), (1,)), ((0,), (0,))), preferred_element_type=x.dtype),
         lambda x, y, numbers, preferred_element_type: np.einsum("bik,bkj->bij", x, y)),
    Name("nn.scaled_matmul", (R(2, 3, 4), R(2, 5, 4), R(2, 3, 2), R(2, 5, 2)),
         lambda f, x, y, a, b: f(x, y, a, b, preferred_element_type=x.dtype), blocks_multiplied),
)


def initialized(maker: Any, key: Any) -> Any:
    return maker()(random.wrap_key_data(key), (3, 4, 5))


INITIALIZERS = (
    *each("nn.initializers", "normal uniform truncated_normal glorot_normal glorot_uniform he_normal he_uniform lecun_normal lecun_uniform",
          KEY, call=initialized, reference=FACTS, dtypes=("float64",)),
    *each("nn.initializers", "xavier_normal xavier_uniform kaiming_normal kaiming_uniform", KEY, call=initialized,
          reference="tests/names/test_surface.py", dtypes=("float64",)),
    Name("nn.initializers.variance_scaling", (KEY,), lambda f, k: f(2.0, "fan_avg", "normal")(random.wrap_key_data(k), (3, 4)), FACTS,
         dtypes=("float64",)),
    *each("nn.initializers", "orthogonal delta_orthogonal", KEY, call=lambda f, k: f()(random.wrap_key_data(k), (3, 2, 4)),
          reference=FACTS, dtypes=("float64",)),
    *each("nn.initializers", "zeros", KEY, call=lambda f, k: f(k, (2, 3)), reference=lambda k, s: np.zeros(s), dtypes=("float64",)),
    *each("nn.initializers", "ones", KEY, call=lambda f, k: f(k, (2, 3)), reference=lambda k, s: np.ones(s), dtypes=("float64",)),
    Name("nn.initializers.constant", (KEY, R()), lambda f, k, x: f(x)(k, (2, 3)), lambda x: lambda k, s: np.full(s, x), widens=True),
)


def segments(combine: Any, neutral: float) -> Any:
    def reference(data: Any, ids: Any, n: int) -> Any:
        out = np.full((n, *data.shape[1:]), neutral).astype(data.dtype)
        for row, i in zip(data, ids, strict=True):
            out[i] = combine(out[i], row)
        return out

    return reference


def once(f: Any) -> dict[str, bool]:
    """The promise without which a product has no derivative."""
    return {"unique_indices": True} if f.__module__.startswith("functrans") else {}


SEGMENTS = fixed(np.array([0, 2, 0, 3, 2, 1]))
OPS = (
    Name("ops.segment_sum", (R(6, 2), SEGMENTS), lambda f, x, i: f(x, i, 5), segments(np.add, 0), dtypes=NUMBER),
    Name("ops.segment_prod", (R(6, 2), fixed(np.array([5, 2, 0, 3, 4, 1]))), lambda f, x, i: f(x, i, 6, **once(f)),
         segments(np.multiply, 1), dtypes=COMPLEX),
    Name("ops.segment_max", (distinct(6, 2), SEGMENTS), lambda f, x, i: f(x, i, 4), segments(np.maximum, -np.inf)),
    Name("ops.segment_min", (distinct(6, 2), SEGMENTS), lambda f, x, i: f(x, i, 4), segments(np.minimum, np.inf)),
    Name("image.resize", (R(3, 4),), lambda f, x: [f(x, (5, 6), "linear"), f(x, (2, 7), "cubic")], IMAGES, dtypes=COMPLEX),
    Name("image.scale_and_translate", (R(3, 4), R(1, low=1.1, high=1.2), R(1, low=0.05, high=0.1)),
         lambda f, x, a, b: f(x, (3, 5), (1,), a, b, "cubic", antialias=False), IMAGES),
)


def drawn(f: Any, key: Any, *parameters: Any) -> Any:
    return f(random.wrap_key_data(key), *parameters)


def shaped(f: Any, key: Any) -> Any:
    return f(random.wrap_key_data(key), (2, 3))


FEW = {"dtypes": ("float64",)}
SLOW = {**FEW, "loops": True}
SLOPES = "tests/random/test_samplers.py"
RANDOM = (
    *each("random", "normal uniform exponential laplace logistic cauchy gumbel rademacher bits maxwell", KEY, call=shaped,
          reference=DRAWN, **FEW),
    *each("random", "truncated_normal", KEY, R(3, low=-1, high=0), R(3, low=0.5, high=2), call=drawn, reference=DRAWN, **FEW),
    *each("random", "gamma loggamma chisquare t", KEY, R(3, low=0.5, high=4), call=drawn, reference=DRAWN, **SLOW, slopes=SLOPES),
    *each("random", "pareto rayleigh", KEY, R(3, low=0.5, high=4), call=drawn, reference=DRAWN, **FEW),
    Name("random.beta", (KEY, R(3, low=0.5, high=4), R(3, low=0.5, high=4)), drawn, DRAWN, **SLOW, slopes=SLOPES),
    Name("random.f", (KEY, R(3, low=2, high=4), R(3, low=2, high=4)), drawn, DRAWN, **SLOW, slopes=SLOPES),
    Name("random.dirichlet", (KEY, R(3, low=0.5, high=4)), drawn, DRAWN, **SLOW, slopes=SLOPES),
    Name("random.wald", (KEY, R(3, low=0.5, high=4)), drawn, DRAWN, **FEW),
    Name("random.lognormal", (KEY, R(3, low=0.5, high=2)), drawn, DRAWN, **FEW),
    Name("random.weibull_min", (KEY, R(3, low=0.5, high=4), R(3, low=1, high=4)), drawn, DRAWN, **FEW),
    Name("random.triangular", (KEY, R(3, low=-2, high=-1), R(3, low=-0.5, high=0.5), R(3, low=1, high=2)), drawn, DRAWN, **FEW),
    Name("random.double_sided_maxwell", (KEY, R(3), R(3, low=1, high=2)), lambda f, k, a, b: drawn(f, k, a, b, (3,)), DRAWN, **FEW),
    Name("random.generalized_normal", (KEY,), lambda f, k: f(random.wrap_key_data(k), 3.0, (4,)), DRAWN, **SLOW),
    Name("random.ball", (KEY,), lambda f, k: f(random.wrap_key_data(k), 3), DRAWN, **FEW),
    Name("random.orthogonal", (KEY,), lambda f, k: f(random.wrap_key_data(k), 3), DRAWN, **FEW),
    Name("random.multivariate_normal", (KEY, R(3)), lambda f, k, m: f(random.wrap_key_data(k), m, np.diag([1.0, 2.0, 3.0]).astype(m.dtype)),
         DRAWN, **FEW),
    Name("random.bernoulli", (KEY, R(5, low=0.2, high=0.8)), drawn, DRAWN, **FEW),
    Name("random.poisson", (KEY, R(5, low=0.2, high=20)), drawn, DRAWN, **SLOW),
    Name("random.geometric", (KEY, R(5, low=0.2, high=0.8)), drawn, DRAWN, **FEW),
    Name("random.binomial", (KEY, R(2, low=0.2, high=0.8)), lambda f, k, p: drawn(f, k, np.array([10.0, 30.0]), p), DRAWN, **SLOW),
    Name("random.multinomial", (KEY, fixed([0.2, 0.3, 0.5])), lambda f, k, p: drawn(f, k, 10.0, p), DRAWN, **SLOW),
    Name("random.categorical", (KEY, R(3, 4)), drawn, DRAWN, **FEW),
    Name("random.randint", (KEY, Z(low=-5, high=0), Z(low=3, high=9)), lambda f, k, a, b: f(random.wrap_key_data(k), (4,), a, b), DRAWN,
         dtypes=("int64",)),
    Name("random.choice", (KEY, R(5)), lambda f, k, x: f(random.wrap_key_data(k), x, (3,)), DRAWN, **FEW),
    Name("random.permutation", (KEY, R(5)), drawn, DRAWN, **FEW),
    Name("random.split", (KEY,), lambda f, k: random.key_data(drawn(f, k)), DRAWN, dtypes=("uint32",)),
    Name("random.fold_in", (KEY, Z(high=99)), lambda f, k, n: random.key_data(drawn(f, k, n)), DRAWN, dtypes=("uint32",)),
    Name("random.clone", (KEY,), lambda f, k: random.key_data(f(random.wrap_key_data(k))), lambda k: k, dtypes=("uint32",)),
    Name("random.key_data", (KEY,), lambda f, k: f(random.wrap_key_data(k)), DRAWN, dtypes=("uint32",)),
    Name("random.wrap_key_data", (KEY,), lambda f, k: random.key_data(f(k)), "tests/random/test_keys.py", dtypes=("uint32",)),
    *each("random", "key", Z(high=99), call=lambda f, n: random.key_data(f(n)), reference=DRAWN, dtypes=("uint32",)),
    *each("random", "PRNGKey", Z(high=99), reference="tests/random/test_keys.py", dtypes=("uint32",)),
)

NN = (*NN_ROWS, *INITIALIZERS, *OPS, *RANDOM)
