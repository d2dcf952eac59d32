"""`dot_product_attention`, and the block-scaled product `scaled_matmul`.

References: Vaswani et al. 2017 (arXiv:1706.03762); grouped queries: Ainslie et al. 2023 (arXiv:2305.13245).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.nn.logsumexp import logsumexp
from functrans.nn.normalize import softmax
from functrans.numpy.choice import where
from functrans.numpy.einsum import einsum
from functrans.numpy.manipulation import moveaxis, repeat, reshape
from functrans.numpy.util import as_operand, asarray_internal, check_arraylike, promote_inexact
from functrans.primitives.structural import convert_element_type

__all__ = ["dot_product_attention", "scaled_matmul"]


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, *, scale: float | None = None, is_causal: bool = False,
    query_seq_lengths: Any = None, key_value_seq_lengths: Any = None, local_window_size: int | tuple[int, int] | None = None,
    implementation: str | None = None, return_residual: bool = False,
) -> Any:
    """``softmax(scale * query key^T + bias) value`` for each head.

    With B batches, T query positions, S key positions, N heads of H numbers, and K heads of keys and values, where K divides N
    (each serves N / K heads of queries, in order).

    Args:
        query: shape (B, T, N, H), or (T, N, H).
        key: shape (B, S, K, H), or (S, K, H).
        value: as `key`.
        bias: added to the scaled products; broadcasts to (B, N, T, S), or (N, T, S).
        mask: True where a query sees a key; broadcasts likewise.
        scale: of the products; 1 / sqrt(H) unless given.
        is_causal: whether a query sees no key after its own position.
        query_seq_lengths: shape (B,); the rows of queries past the length are 0.
        key_value_seq_lengths: shape (B,); keys past the length are not seen.
        local_window_size: (left, right), or one number for both: a query at `i` sees keys from ``i - left`` to ``i + right``.
        implementation: None or ``"xla"``; there is one implementation.
        return_residual: whether to return ``logsumexp`` of the masked products too, shape (B, T, N).

    Returns:
        an array of the shape and dtype of `query`; with `return_residual` the pair of it and the residual.

    Raises:
        ValueError: if ranks or shapes do not fit.

    >>> q = np.ones((2, 1, 4))
    >>> k = v = np.arange(12.0).reshape(3, 1, 4)
    >>> dot_product_attention(q, k, v, is_causal=True)[0, 0]
    Array([0., 1., 2., 3.], dtype=float64)
    """
    check_arraylike("dot_product_attention", query, key, value)
    if implementation not in (None, "xla"):
        raise ValueError(f"dot_product_attention: implementation must be None or 'xla', there is one; got {implementation!r}, at "
                         f"{describe(user_source())}.")
    operands = promote_inexact(*map(as_operand, (query, key, value)))
    batched = typeof(operands[0]).ndim == 4
    if not batched and typeof(operands[0]).ndim == 3:
        operands = [reshape(x, (1, *typeof(x).shape)) for x in operands]
    _check_shapes(*map(typeof, operands))
    b, t, n, h = typeof(operands[0]).shape
    s = typeof(operands[1]).shape[1]
    window = (local_window_size, local_window_size) if isinstance(local_window_size, int) else local_window_size
    extras = {"bias": _four_axes("bias", bias, (b, n, t, s)), "mask": _four_axes("mask", mask, (b, n, t, s)),
              "query_lengths": _lengths("query_seq_lengths", query_seq_lengths, b),
              "key_lengths": _lengths("key_value_seq_lengths", key_value_seq_lengths, b)}
    out, residual = _attention(*operands, **{k: v for k, v in extras.items() if v is not None},
                               scale=1 / math.sqrt(h) if scale is None else float(scale), causal=bool(is_causal),
                               window=None if window is None else (int(window[0]), int(window[1])), residual=bool(return_residual))
    if not batched:
        out, residual = out[0], None if residual is None else residual[0]
    return (out, residual) if return_residual else out


def _check_shapes(query: ShapedArray, key: ShapedArray, value: ShapedArray) -> None:
    shapes = [x.shape for x in (query, key, value)]
    fits = all(len(x) == 4 for x in shapes) and shapes[1] == shapes[2] and shapes[0][0] == shapes[1][0] and shapes[0][3] == shapes[1][3]
    if not fits or not shapes[1][2] or shapes[0][2] % shapes[1][2]:
        raise ValueError("dot_product_attention takes query (B, T, N, H) and key and value (B, S, K, H), or all without B, where K divides "
                         f"N; got {', '.join(map(str, (query, key, value)))}, at {describe(user_source())}.")


def _four_axes(name: str, x: Any, target: tuple[int, ...]) -> Any:
    """A bias or mask with leading axes of size 1 added."""
    if x is None:
        return None
    x = asarray_internal(as_operand(x))
    shape = (1,) * (4 - x.ndim) + x.shape
    if len(shape) != 4 or any(have not in (1, want) for have, want in zip(shape, target, strict=True)):
        raise ValueError(f"dot_product_attention: {name} of shape {x.shape} does not broadcast to (B, N, T, S) = {target}, at "
                         f"{describe(user_source())}.")
    return reshape(x, shape)


def _lengths(name: str, x: Any, b: int) -> Any:
    if x is None:
        return None
    x = asarray_internal(as_operand(x))
    if x.shape != (b,):
        raise ValueError(f"dot_product_attention: {name} must have shape ({b},), one length for each batch; got {x.shape}, at "
                         f"{describe(user_source())}.")
    return x


def _attention_of(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, query_lengths: Any = None, key_lengths: Any = None, *,
    scale: float, causal: bool, window: tuple[int, int] | None, residual: bool,
) -> Any:
    b, t, n, h = query.shape
    s, k = key.shape[1], key.shape[2]
    seen = _seen(mask, query_lengths, key_lengths, t, s, causal, window)
    grouped = reshape(query, (b, t, k, n // k, h))
    # half floats are accumulated and normalised in single precision
    work = np.dtype(np.float32) if query.dtype.itemsize < 4 else query.dtype
    scores = reshape(einsum("btkgh,bskh->bkgts", grouped, key, preferred_element_type=work), (b, n, t, s)) * scale
    if bias is not None:
        scores = scores + convert_element_type(bias, work)
    if seen is not None:
        scores = where(seen, scores, finfo(work).min * 0.7)  # finite: a query that sees nothing gets a mean, not nan
    weights = reshape(softmax(scores), (b, k, n // k, t, s))
    out = reshape(einsum("bkgts,bskh->btkgh", convert_element_type(weights, query.dtype), value), (b, t, n, h))
    if query_lengths is not None:
        out = where(np.arange(t)[None, :, None, None] < query_lengths[:, None, None, None], out, 0)
    return out, moveaxis(logsumexp(scores, -1), 1, 2) if residual else None


_attention = jit(_attention_of, static_argnames=("scale", "causal", "window", "residual"))


def _seen(mask: Any, query_lengths: Any, key_lengths: Any, t: int, s: int, causal: bool, window: tuple[int, int] | None) -> Any:
    """Which query sees which key, broadcasting to (B, N, T, S); None for all."""
    rows, columns = np.arange(t)[:, None], np.arange(s)[None, :]
    parts = [] if mask is None else [mask != 0]
    if causal:
        parts.append(columns <= rows)
    if window is not None:
        parts.append((columns >= rows - window[0]) & (columns <= rows + window[1]))
    if query_lengths is not None:
        parts.append(rows < query_lengths[:, None, None, None])
    if key_lengths is not None:
        parts.append(columns < key_lengths[:, None, None, None])
    seen = None
    for part in parts:
        seen = part if seen is None else seen & part
    return seen


def scaled_matmul(lhs: Any, rhs: Any, lhs_scales: Any, rhs_scales: Any, preferred_element_type: Any = np.float32) -> Any:
    """``lhs @ rhs^T`` of matrices given in blocks along the last axis, each with a scale of its own.

    Args:
        lhs: shape (B, M, K).
        rhs: shape (B, N, K).
        lhs_scales: shape (B, M, number of blocks), where the number divides K.
        rhs_scales: shape (B, N, number of blocks).
        preferred_element_type: the dtype of the product and of the result.

    Returns:
        an array of shape (B, M, N).

    Raises:
        ValueError: if shapes do not fit.

    >>> a, b = np.array([[[1, 2, 3]]]), np.array([[[4, 5, 6]]])
    >>> scaled_matmul(a, b, np.full((1, 1, 1), 0.5), np.full((1, 1, 1), 0.5))
    Array([[[8.]]], dtype=float32)
    """
    check_arraylike("scaled_matmul", lhs, rhs, lhs_scales, rhs_scales)
    dtype = canonical(preferred_element_type)
    a, b = _scaled("lhs", lhs, lhs_scales, dtype), _scaled("rhs", rhs, rhs_scales, dtype)
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[2]:
        raise ValueError(f"scaled_matmul takes lhs (B, M, K) and rhs (B, N, K); got shapes {a.shape} and {b.shape}, at "
                         f"{describe(user_source())}.")
    return einsum("bmk,bnk->bmn", a, b)


def _scaled(name: str, x: Any, scales: Any, dtype: np.dtype) -> Any:
    x, scales = asarray_internal(as_operand(x)), asarray_internal(as_operand(scales))
    if x.ndim != 3 or scales.ndim != 3 or x.shape[:2] != scales.shape[:2] or not scales.shape[2] or x.shape[2] % scales.shape[2]:
        raise ValueError(f"scaled_matmul: {name} of shape {x.shape} needs scales of rank 3 with the same first two axes, whose last "
                         f"size divides {x.shape[-1]}; got shape {scales.shape}, at {describe(user_source())}.")
    factors = repeat(convert_element_type(scales, dtype), x.shape[2] // scales.shape[2], axis=-1)
    return convert_element_type(x, dtype) * factors
