"""Rows of sums of products: general contractions and convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.primitives.test_contraction import einsum
from tests.properties.rows import PRIMITIVES as P
from tests.properties.rows import Case, Operand, Row, of_sizes

__all__ = ["CONTRACTION_ROWS"]

# -- contraction ------------------------------------------------------------------------------------------------------


def dot_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    @st.composite
    def draw_case(draw: Any) -> Case:
        counts = [draw(st.integers(0, 1)), draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(0, 2))]
        size = st.integers(0, 4) | st.sampled_from([1, 5, 8, 9, 17])
        batch, both, left, right = ([draw(size) for _ in range(k)] for k in counts)
        x_axes = draw(
            st.permutations(
                [("b", i, n) for i, n in enumerate(batch)]
                + [("k", i, n) for i, n in enumerate(both)]
                + [("m", i, n) for i, n in enumerate(left)]
            )
        )
        y_axes = draw(
            st.permutations(
                [("b", i, n) for i, n in enumerate(batch)]
                + [("k", i, n) for i, n in enumerate(both)]
                + [("n", i, n) for i, n in enumerate(right)]
            )
        )

        def where(axes: Any, kind: str, count: int) -> tuple[int, ...]:
            return tuple(next(at for at, (k, j, _) in enumerate(axes) if (k, j) == (kind, i)) for i in range(count))

        numbers = (
            (where(x_axes, "k", len(both)), where(y_axes, "k", len(both))),
            (where(x_axes, "b", len(batch)), where(y_axes, "b", len(batch))),
        )
        wide = {"float16": [None, "float32"], "float32": [None, "float64"], "int8": [None, "int32"]}.get(
            dtype.name, [None]
        )
        preferred = draw(st.sampled_from(wide))
        return Case(
            (Operand(tuple(n for *_, n in x_axes)), Operand(tuple(n for *_, n in y_axes))),
            {
                "dimension_numbers": numbers,
                "precision": None,
                "preferred_element_type": preferred and np.dtype(preferred),
            },
        )

    return draw_case()


def dot(
    x: np.ndarray, y: np.ndarray, *, dimension_numbers: Any, precision: Any, preferred_element_type: Any
) -> np.ndarray:
    """By `numpy.einsum`, in the type of the result."""
    (xc, yc), (xb, yb) = dimension_numbers
    letters = iter("abcdefghijklmnop")
    x_names, y_names = [""] * x.ndim, [""] * y.ndim
    for i, j in zip((*xb, *xc), (*yb, *yc), strict=True):
        x_names[i] = y_names[j] = next(letters)
    x_names, y_names = ([n or next(letters) for n in names] for names in (x_names, y_names))
    out = [x_names[i] for i in xb] + [n for i, n in enumerate(x_names) if i not in (*xb, *xc)]
    out += [n for i, n in enumerate(y_names) if i not in (*yb, *yc)]
    if preferred_element_type is not None and preferred_element_type.kind in "iu":
        x, y = x.astype(preferred_element_type), y.astype(preferred_element_type)
    return einsum(f"{''.join(x_names)},{''.join(y_names)}->{''.join(out)}", x, y)


CONTRACTION = [
    Row(
        P["dot_general"],
        dot_cases,
        reference=dot,
        active=(0, 1),
        ulps=16,
        eager_ulps=16,
        scale=of_sizes(dot),
        analytic=True,
    )
]


def convolution_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    @st.composite
    def draw_case(draw: Any) -> Case:
        n = draw(st.integers(0, 2))
        groups, batch, features, out = (draw(st.sampled_from(s)) for s in ([1, 1, 2], [1, 2, 3], [1, 2, 4, 5], [1, 3, 4, 8, 9]))
        each = st.sampled_from([1, 1, 2, 3])
        window = [draw(st.integers(1, 4)) for _ in range(n)]
        sizes = [draw(st.sampled_from([1, 2, 4, 8, 9, 15])) for _ in range(n)]
        strides, x_dilation, k_dilation = (tuple(draw(each) for _ in range(n)) for _ in range(3))
        padding = tuple((draw(st.integers(-1, 3)), draw(st.integers(0, 3))) for _ in range(n))
        orders = tuple(tuple(draw(st.permutations(range(3 + n)))) for _ in range(3))
        operands = Operand((groups, batch, features, *sizes)), Operand((groups, out, features, *window))
        steps = {"strides": strides, "x_dilation": x_dilation, "k_dilation": k_dilation}
        return Case(operands, {**steps, "padding": padding, "orders": orders})

    return draw_case()


def convolved(
    x: np.ndarray, k: np.ndarray, *, strides: Any, padding: Any, x_dilation: Any, k_dilation: Any, orders: Any
) -> np.ndarray:
    """Sums of the products written out; zeros that spread the operand are none of its elements, those of the padding are."""
    spread = [(n - 1) * d + 1 for n, d in zip(x.shape[3:], x_dilation, strict=True)]
    places = [
        max(0, (n + lo + hi - (w - 1) * kd - 1) // s + 1)
        for n, (lo, hi), w, kd, s in zip(spread, padding, k.shape[3:], k_dilation, strides, strict=True)
    ]
    out = np.zeros((x.shape[0], x.shape[1], k.shape[1], *places), x.dtype)
    for at in np.ndindex(*places):
        for w in np.ndindex(*k.shape[3:]):
            meets = [
                a * s + j * kd - lo for a, s, j, kd, (lo, _) in zip(at, strides, w, k_dilation, padding, strict=True)
            ]
            if any(t % d for t, d in zip(meets, x_dilation, strict=True)):
                continue
            source = [t // d for t, d in zip(meets, x_dilation, strict=True)]
            inside = all(0 <= t < n for t, n in zip(source, x.shape[3:], strict=True))
            seen = x[(..., *source)] if inside else np.zeros(x.shape[:3], x.dtype)
            out[(..., *at)] += (seen[:, :, None] * k[(..., *w)][:, None]).sum(-1, dtype=x.dtype)
    return out


CONVOLUTION = [
    Row(
        P["conv_general_dilated"],
        convolution_cases,
        reference=convolved,
        active=(0, 1),
        ulps=16,
        eager_ulps=16,
        scale=of_sizes(convolved),
        analytic=True,
    )
]


CONTRACTION_ROWS = [*CONTRACTION, *CONVOLUTION]
