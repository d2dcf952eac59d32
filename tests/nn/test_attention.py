"""dot_product_attention against its definition, written with NumPy for each head; scaled_matmul against repeated scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import functrans as ft
from functrans import nn

RNG = np.random.default_rng(0)
B, T, S, N, K, H = 2, 3, 5, 4, 2, 6
Q = RNG.normal(size=(B, T, N, H))
KEY, VALUE = RNG.normal(size=(2, B, S, K, H))


def reference(seen: Any = True, bias: Any = 0.0, scale: float = H ** -0.5) -> tuple[np.ndarray, np.ndarray]:
    seen, bias = (np.broadcast_to(x, (B, N, T, S)) for x in (seen, bias))
    out, residual = np.zeros((B, T, N, H)), np.zeros((B, T, N))
    for b in range(B):
        for n in range(N):
            k = n // (N // K)
            scores = np.where(seen[b, n], Q[b, :, n] @ KEY[b, :, k].T * scale + bias[b, n], -np.inf)
            out[b, :, n] = scipy.special.softmax(scores, -1) @ VALUE[b, :, k]
            residual[b, :, n] = scipy.special.logsumexp(scores, -1)
    return out, residual


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_grouped_queries_bias_mask_and_residual() -> None:
    bias = RNG.normal(size=(N, 1, S))
    mask = RNG.random((B, 1, T, S)) < 0.7
    mask[..., 0] = True
    out, residual = nn.dot_product_attention(Q, KEY, VALUE, bias, mask, scale=0.3, return_residual=True)
    expected, logs = reference(mask, bias, 0.3)
    close(out, expected)
    close(residual, logs)
    close(nn.dot_product_attention(Q[0], KEY[0], VALUE[0]), reference()[0][0])


def test_causal_and_window() -> None:
    rows, columns = np.arange(T)[:, None], np.arange(S)
    close(nn.dot_product_attention(Q, KEY, VALUE, is_causal=True), reference(columns <= rows)[0])
    near = (columns >= rows - 1) & (columns <= rows + 2)
    close(nn.dot_product_attention(Q, KEY, VALUE, local_window_size=(1, 2)), reference(near)[0])
    close(nn.dot_product_attention(Q, KEY, VALUE, local_window_size=1), reference(abs(columns - rows) <= 1)[0])


def test_lengths() -> None:
    lengths = np.array([2, 4], "int32")
    expected = reference(np.arange(S) < lengths[:, None, None, None])[0]
    close(nn.dot_product_attention(Q, KEY, VALUE, key_value_seq_lengths=lengths), expected)
    short = nn.dot_product_attention(Q, KEY, VALUE, query_seq_lengths=np.array([1, 3], "int32"))
    expected = reference()[0]
    expected[0, 1:] = 0
    close(short, expected)


def test_a_query_that_sees_nothing_gets_the_mean() -> None:
    out = nn.dot_product_attention(Q, KEY, VALUE, mask=np.zeros((1, 1, T, S), bool))
    close(out, np.broadcast_to(np.repeat(VALUE.mean(1), N // K, axis=1)[:, None], out.shape))


def test_gradient_by_finite_differences() -> None:
    weights, direction = RNG.normal(size=(2, *Q.shape))

    def f(q: Any) -> Any:
        return (nn.dot_product_attention(q, KEY, VALUE, is_causal=True) * weights).sum()

    slope = float(f(Q + 1e-6 * direction) - f(Q - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(float((ft.grad(f)(Q) * direction).sum()), slope, rtol=1e-7)
    close(ft.jit(ft.grad(f))(Q), ft.grad(f)(Q))


def test_dtype_is_that_of_the_query() -> None:
    out = nn.dot_product_attention(*(x.astype("float32") for x in (Q, KEY, VALUE)))
    assert out.dtype == "float32"
    np.testing.assert_allclose(out, reference()[0], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("change", "message"), [
    ({"key": KEY[:, :, :1]}, "takes query"), ({"query": Q[:, :, :3]}, "takes query"), ({"query": Q[0, 0]}, "takes query"),
    ({"bias": np.ones((3, 4))}, "bias of shape"), ({"mask": np.ones((5, 1, 1, 1), bool)}, "mask of shape"),
    ({"query_seq_lengths": np.ones(3, "int32")}, "query_seq_lengths must have shape"),
    ({"implementation": "cudnn"}, "implementation must be"),
])
def test_bad_shapes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"dot_product_attention.*{message}.*test_attention"):
        nn.dot_product_attention(**{"query": Q, "key": KEY, "value": VALUE, **change})


def test_scaled_matmul() -> None:
    a, b = RNG.normal(size=(2, 3, 8)), RNG.normal(size=(2, 5, 8))
    sa, sb = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 2))
    expected = np.einsum("bmk,bnk->bmn", a * np.repeat(sa, 2, -1), b * np.repeat(sb, 4, -1))
    close(nn.scaled_matmul(a, b, sa, sb, "float64"), expected)
    assert nn.scaled_matmul(a, b, sa, sb).dtype == "float32"
    with pytest.raises(ValueError, match=r"scaled_matmul: rhs .* divides 8; got shape \(2, 5, 3\), at .*test_attention"):
        nn.scaled_matmul(a, b, sa, np.ones((2, 5, 3)))
