"""Programs in low precision: what is summed in more precision, mixed precision training, control flow, random numbers, layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import lax, nn, optim, random
from functrans.core.low_precision import DTYPES, FORMATS
from tests.low_precision.make_facts import operands

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts.json").read_text())
BF16 = DTYPES["bfloat16"]


def listed(x: Any) -> list[float]:
    return np.asarray(x).astype(np.float64).ravel().tolist()


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def assert_within(got: Any, want: np.ndarray, ulps: float, extra: float = 0.0) -> None:
    """`got` is `want` up to `ulps` of its dtype (and a part `extra` of the largest number)."""
    got = np.asarray(got)
    unit = 2.0 ** -FORMATS[got.dtype.name].mantissa
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=ulps * unit, atol=extra * np.abs(want).max())


# -- sums -------------------------------------------------------------------------------------------------------------

SUMMED = {
    "sum": lambda x, y: x.sum(0),
    "mean": lambda x, y: fnp.mean(x, 1),
    "matmul": lambda x, y: x @ y,
    "vector": lambda x, y: x[0] @ y[:, 0],
    "einsum": lambda x, y: fnp.einsum("ij,jk->ki", x, y),
    "cumsum": lambda x, y: fnp.cumsum(x, 1),
    "window": lambda x, y: lax.reduce_window(x, x.dtype.type(0), lax.add, (5, 6), (1, 2), "SAME"),
    "convolution": lambda x, y: lax.conv_general_dilated(x[None, None], y[None, None, :5, :5], (1, 1), "SAME"),
    "logsumexp": lambda x, y: nn.logsumexp(x, 1),
}


@pytest.mark.parametrize("name", SUMMED)
def test_sums_are_made_in_single_precision_and_rounded_once(name: str) -> None:
    """Rounded after each addition, hundreds of ones would stop at 256, where neighbours in bfloat16 are 2 apart."""
    fun = SUMMED[name]
    x, y = (np.abs(v).astype(BF16) for v in operands())
    want = np.asarray(fun(*(fnp.array(v.astype(np.float64)) for v in (x, y))))
    for f in (fun, ft.jit(fun)):
        got = f(fnp.array(x), fnp.array(y))
        assert got.dtype == BF16
        assert_within(got, want, 1.01 if name == "logsumexp" else 0.51)  # a half: rounded once


def test_many_ones_are_counted() -> None:
    ones = fnp.ones(5000, "bfloat16")
    for f in (fnp.sum, ft.jit(fnp.sum)):
        assert float(f(ones)) == 4992  # 5000 rounded to 8 bits
    assert float(ft.jit(fnp.dot)(ones, ones)) == 4992 and float(ft.jit(fnp.cumsum)(ones)[-1]) == 4992


def test_sums_and_products_are_the_references() -> None:
    x, y = operands()
    for f in (fnp.sum, ft.jit(fnp.sum, static_argnums=1)):
        assert listed(f(fnp.array(x, BF16), 1)) == FACTS["sums"]["bfloat16"]
    for name, want in FACTS["products"].items():
        unit = 2.0 ** -FORMATS[name].mantissa
        for f in (fnp.matmul, ft.jit(fnp.matmul)):  # in another order, a sum may come to lie across a tie
            np.testing.assert_allclose(listed(f(fnp.array(x, name)[:4], fnp.array(y, name))), want, rtol=1.01 * unit)


def test_products_in_a_preferred_type() -> None:
    x, y = operands()
    dims = (((1,), (0,)), ((), ()))
    for name, wide in (("bfloat16", "float32"), ("float8_e4m3fn", "float32"), ("float8_e5m2", "bfloat16"), ("int4", "int32")):
        a, b = (np.clip(np.round(v * 2), -8, 7).astype(DTYPES[name]) for v in (x, y))
        fun = ft.jit(lambda a, b, wide=wide: lax.dot_general(a, b, dims, preferred_element_type=wide))
        want = a.astype(np.float64) @ b.astype(np.float64)
        for f in (fun, fun.__wrapped__):
            got = f(a, b)
            assert got.dtype == wide
            np.testing.assert_array_equal(np.asarray(got).astype(np.float64), want.astype(np.asarray(got).dtype).astype(np.float64))


def test_whole_sums_of_narrow_integers_are_wide() -> None:
    x = fnp.array([7, 7, -8, 7, 7], "int4")
    for f in (fnp.sum, ft.jit(fnp.sum)):
        assert f(x).dtype == "int64" and int(f(x)) == 20
    assert ft.jit(lambda x: x.sum(dtype="int4"))(x).tolist() == 4  # 20 modulo 16
    assert ft.jit(fnp.mean)(x).tolist() == 4.0 and ft.jit(fnp.max)(x).dtype == "int4"


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float4_e2m1fn", "int4"])
def test_extrema_of_nothing_are_the_ends_of_the_format(name: str) -> None:
    info = fnp.finfo(name) if FORMATS[name].kind == "f" else fnp.iinfo(name)
    least = -np.inf if FORMATS[name].specials == "ieee" else float(info.min)
    empty = fnp.zeros((2, 0), name)
    f = ft.jit(lambda x: lax.reduce_max_p.bind(x, axes=(1,)))
    assert listed(f(empty)) == listed(lax.reduce_max_p.bind(empty, axes=(1,))) == [least, least]


# -- elementwise programs ---------------------------------------------------------------------------------------------

def rounded_chain(x: Any) -> Any:
    return (x * x + 1) / (x - 3) * x - fnp.abs(x) * x


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz"])
def test_every_operation_of_a_chain_is_rounded(name: str) -> None:
    x = np.linspace(-2.5, 2.5, 999).astype(DTYPES[name])

    def r(v: np.ndarray) -> np.ndarray:
        return v.astype(DTYPES[name]).astype(np.float32)

    u = x.astype(np.float32)
    want = r(r(r(r(r(u * u) + 1) / r(u - 3)) * u) - r(np.abs(u) * u))
    for f in (rounded_chain, ft.jit(rounded_chain)):
        np.testing.assert_array_equal(np.asarray(f(fnp.array(x))).astype(np.float32), want)


def test_sorting_searching_and_choosing() -> None:
    x = fnp.array([2.0, np.nan, -0.0, 0.0, -np.inf, 1.5, np.inf, -3.0], "bfloat16")
    wide = np.asarray(x).astype("float32")
    for f in (fnp.sort, ft.jit(fnp.sort)):
        np.testing.assert_array_equal(np.asarray(f(x)).astype("float32"), np.sort(wide))
    np.testing.assert_array_equal(ft.jit(fnp.argsort)(x), np.argsort(wide, kind="stable"))
    assert listed(ft.jit(lambda x: lax.top_k(x, 2)[0])(fnp.nan_to_num(x, nan=0)))[1] == 2.0
    assert int(ft.jit(fnp.argmin)(x)) == 1 and listed(fnp.unique(x))[:3] == [-np.inf, -3.0, 0.0]
    every = np.arange(256, dtype="uint8").view(DTYPES["float8_e4m3fnuz"])
    np.testing.assert_array_equal(np.asarray(ft.jit(fnp.sort)(every)).astype("float32"), np.sort(every.astype("float32")))
    nibbles = np.arange(-8, 8).astype(DTYPES["int4"])[::-1]
    assert ft.jit(fnp.sort)(nibbles).tolist() == list(range(-8, 8))


def test_scattered_updates_are_rounded_one_by_one() -> None:
    def f(x: Any) -> Any:
        return fnp.zeros(2, "bfloat16").at[np.zeros(400, int)].add(x)

    for fun in (f, ft.jit(f)):
        assert listed(fun(fnp.ones(400, "bfloat16"))) == [256.0, 0.0]  # 256 + 1 is a tie, and goes to even
    assert ft.jit(lambda x: x.at[1].set(2.5))(fnp.ones(3, "float8_e5m2")).tolist() == [1.0, 2.5, 1.0]


# -- derivatives ------------------------------------------------------------------------------------------------------

def loss(params: list[Any], x: Any, y: Any) -> Any:
    """A network whose parameters and loss are in single precision and whose layers are in bfloat16."""
    h = x.astype("bfloat16")
    for i, (w, b) in enumerate(params):
        h = h @ w.astype("bfloat16") + b.astype("bfloat16")
        h = nn.gelu(h) if i + 1 < len(params) else h
    return fnp.mean((h.astype("float32") - y) ** 2)


def test_mixed_precision_training() -> None:
    params = [(0.3 * normal(8, 16), np.zeros(16, "float32")), (0.3 * normal(16, 1), np.zeros(1, "float32"))]
    x = normal(64, 8)
    y = np.sin(x[:, :1])
    step = ft.jit(ft.value_and_grad(loss))
    first, grads = step(params, x, y)
    assert first.dtype == "float32" and {g.dtype.name for g in ft.tree.leaves(grads)} == {"float32"}
    eager, eager_grads = ft.value_and_grad(loss)(params, x, y)
    np.testing.assert_allclose(first, eager, rtol=1e-2)
    for g, e in zip(ft.tree.leaves(grads), ft.tree.leaves(eager_grads), strict=True):
        np.testing.assert_allclose(g, e, atol=2e-2 * float(fnp.max(fnp.abs(e))))
    exact = ft.grad(lambda p: fnp.mean((nn.gelu(x @ p[0][0] + p[0][1]) @ p[1][0] + p[1][1] - y) ** 2))(params)
    for g, e in zip(ft.tree.leaves(grads), ft.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(g, e, atol=4e-2 * float(fnp.max(fnp.abs(e))))
    for _ in range(100):
        value, grads = step(params, x, y)
        params = ft.tree.map(lambda p, g: p - 0.1 * g, params, grads)
    assert float(value) < 0.6 * float(first)


def test_derivatives_pass_through_narrow_formats() -> None:
    """A cotangent is rounded to the format on its way back, as the number was on its way there."""
    x = fnp.array([0.3, -1.7, 2.2], "float32")

    def f(x: Any) -> Any:
        return (x.astype("float8_e4m3fn").astype("float32") ** 2).sum()

    want = [0.625, -3.5, 4.5]  # twice the rounded numbers (0.3125, -1.75, 2.25)
    assert ft.grad(f)(x).tolist() == ft.jit(ft.grad(f))(x).tolist() == want
    a = fnp.array([1.5, -2.0], "bfloat16")
    assert ft.jit(ft.hessian(lambda v: (v**3).sum()))(a).tolist() == [[9.0, 0.0], [0.0, -12.0]]
    assert ft.jvp(fnp.sin, (a,), (a,))[1].dtype == BF16
    y, pull = ft.vjp(lambda a, b: lax.dot(a, b, preferred_element_type="float32"), *(fnp.ones((2, 2), "float8_e5m2"),) * 2)
    assert y.dtype == "float32" and {g.dtype.name for g in pull(y)} == {"float8_e5m2"}


@pytest.mark.parametrize("name", ["bfloat16", "float8_e5m2"])
def test_control_flow_carries_them(name: str) -> None:
    x = fnp.array([0.5, 1.0, -0.25, 2.0], name)

    def recurrence(x: Any) -> Any:
        return lax.scan(lambda c, v: (c * v + v, c), x[0], x)

    for f in (recurrence, ft.jit(recurrence)):
        assert listed(f(x)[0]) == listed(last_of_recurrence(np.asarray(x)))
    gradient = ft.grad(lambda x: recurrence(x)[0].astype("float32"))(x)
    np.testing.assert_array_equal(listed(ft.jit(ft.grad(lambda x: recurrence(x)[0].astype("float32")))(x)), listed(gradient))
    assert gradient.dtype == name
    double = ft.jit(lambda p, x: lax.cond(p, lambda x: x + x, lambda x: x, x))
    assert listed(double(True, x)) == [1.0, 2.0, -0.5, 4.0] and listed(double(False, x)) == listed(x)
    grown = ft.jit(lambda x: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 2), (0, x)))(x)[1]
    assert listed(grown) == [4.0, 8.0, -2.0, 16.0]
    assert listed(ft.jit(ft.vmap(lambda v: v * v))(x)) == [0.25, 1.0, 0.0625, 4.0]


def last_of_recurrence(x: np.ndarray) -> np.ndarray:
    """The recurrence by NumPy's scalars."""
    c = x[0]
    for v in x:
        c = x.dtype.type(np.float32(x.dtype.type(np.float32(c) * np.float32(v))) + np.float32(v))
    return np.asarray(c)


# -- the rest of the library ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", FACTS["random"])
def test_random_numbers_are_the_references(dtype: str) -> None:
    for name, want in FACTS["random"][dtype].items():
        got = getattr(random, name)(random.key(3), (20,), dtype)
        assert got.dtype == dtype and listed(got) == want, name
    assert random.randint(random.key(0), (9,), 0, 10, "int4").dtype == "int4"
    assert random.bits(random.key(0), (9,), "uint4").tolist() == (np.asarray(random.bits(random.key(0), (9,), "uint8")) % 16).tolist()


@pytest.mark.parametrize("name", ["relu", "gelu", "silu", "softmax", "log_softmax", "sigmoid", "elu", "softplus", "standardize"])
def test_layers_in_bfloat16(name: str) -> None:
    f = getattr(nn, name)
    x = fnp.array(normal(5, 7), "bfloat16")
    want = np.asarray(f(fnp.array(np.asarray(x).astype("float64"))))
    for fun in (f, ft.jit(f)):
        assert fun(x).dtype == BF16
        assert_within(fun(x), want, 4, 0.01)
    assert ft.jit(ft.grad(lambda x: f(x).sum().astype("float32")))(x).dtype == BF16


def test_attention_in_bfloat16() -> None:
    q, k, v = (fnp.array(np.random.default_rng(i).normal(size=(2, 6, 2, 8)), "bfloat16") for i in range(3))
    want = nn.dot_product_attention(*(np.asarray(x).astype("float64") for x in (q, k, v)))
    got = ft.jit(nn.dot_product_attention)(q, k, v)
    assert got.dtype == BF16
    assert_within(got, np.asarray(want), 4, 0.01)


def test_optimizers_keep_bfloat16() -> None:
    params = {"w": fnp.ones((3,), "bfloat16")}
    for made in (optim.sgd(0.1, momentum=0.9), optim.adam(0.1)):
        state = made.init(params)
        updates, state = ft.jit(made.update)({"w": fnp.full((3,), 0.5, "bfloat16")}, state, params)
        new = optim.apply_updates(params, updates)
        assert new["w"].dtype == BF16 and listed(new["w"])[0] < 1


def test_fft_takes_them_in_single_precision() -> None:
    x = fnp.array([1.0, 2.0, 3.0, 4.0], "bfloat16")
    for f in (fnp.fft.fft, ft.jit(fnp.fft.fft)):
        assert f(x).dtype == "complex64"
        np.testing.assert_allclose(f(x), np.fft.fft([1, 2, 3, 4]), rtol=1e-5)
