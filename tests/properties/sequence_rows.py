"""Rows of what goes along an axis step by step: running operations, recurrences, sorting, sliding windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.properties.array_rows import REAL, factors, of_shape
from tests.properties.rows import DISTINCT, Case, Operand, Row, of_sizes, shapes
from tests.properties.rows import PRIMITIVES as P

__all__ = ["SEQUENCE_ROWS"]

# -- running operations and sorting -----------------------------------------------------------------------------------


def running_params(draw: Any, shape: Any, dtype: Any) -> dict[str, Any]:
    return {"axis": draw(st.integers(0, len(shape) - 1)), "reverse": draw(st.booleans())}


def running(step: Any) -> Any:
    """One element after another, each result from the one before."""

    def reference(*xs: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
        lines = [np.moveaxis(x, axis, 0)[:: -1 if reverse else 1] for x in xs]
        out = lines[-1].copy()
        for i in range(1, len(out)):
            out[i] = step(out[i - 1], *(x[i] for x in lines))
        return np.moveaxis(out[:: -1 if reverse else 1], 0, axis)

    return reference


RUNNING_CASES = of_shape(running_params, min_rank=1, max_rank=2)


def recurrence_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    return of_shape(running_params, plain=factors(7.0), min_rank=1, max_rank=2)(dtype).map(
        lambda c: Case((c.operands[0], c.operands[0]), c.params, c.plain)
    )


def recurrence(before: Any, a: Any, b: Any) -> Any:
    return a * before + b


def sort_cases(keys: int) -> Any:
    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        @st.composite
        def draw_case(draw: Any) -> Case:
            shape = draw(shapes(min_rank=1))
            ties = Operand(shape, "int8", lambda rng, shape, dtype: np.asarray(rng.integers(0, 3, shape)).astype(dtype))
            params = {"dimension": draw(st.integers(0, len(shape) - 1)), "is_stable": True, "num_keys": max(keys, 1)}
            return Case((Operand(shape),) if not keys else (ties, Operand(shape)), params)

        return draw_case()

    return cases


def sort_place(x: Any) -> tuple[bool, Any, bool, Any]:
    """Python compares these as numbers are sorted: nan last, zeros equal."""
    z = complex(x)
    return (z.real != z.real, 0 if z.real != z.real else x.real, z.imag != z.imag, 0 if z.imag != z.imag else x.imag)


def by_python(key: Any) -> Any:
    """A sort by Python, of the last operand, line by line."""

    def reference(*xs: np.ndarray, dimension: int, **params: Any) -> np.ndarray:
        lines = [np.moveaxis(x, dimension, -1) for x in xs]
        out = lines[-1].copy()
        for at in np.ndindex(*out.shape[:-1]):
            order = sorted(range(out.shape[-1]), key=lambda i: key(*(x[at][i] for x in lines)))
            out[at] = lines[-1][at][order]
        return np.moveaxis(out, -1, dimension)

    return reference


RUNNING = [
    Row(
        P["cumsum"],
        RUNNING_CASES,
        kinds="iufc",
        reference=running(lambda a, b: a + b),
        active=(0,),
        eager_ulps=64,
        ulps=1,
        scale=of_sizes(running(np.add)),
        analytic=True,
    ),
    Row(
        P["cumprod"],
        of_shape(running_params, plain=factors(7.0), min_rank=1, max_rank=2),
        kinds="iufc",
        reference=running(lambda a, b: a * b),
        active=(0,),
        ulps=64,
        eager_ulps=256,
        smooth=factors(0.2),
        analytic=True,
    ),
    Row(P["cummax"], RUNNING_CASES, kinds=REAL, reference=running(np.maximum), active=(0,), smooth=DISTINCT),
    Row(P["cummin"], RUNNING_CASES, kinds=REAL, reference=running(np.minimum), active=(0,), smooth=DISTINCT),
    Row(
        P["cumlogsumexp"],
        RUNNING_CASES,
        kinds="f",
        reference=running(np.logaddexp),
        active=(0,),
        ulps=64,
        eager_ulps=256,
        scale=lambda x, **params: np.ones(()),
    ),
    Row(
        P["linear_recurrence"],
        recurrence_cases,
        kinds="iufc",
        reference=running(lambda before, a, b, *_: recurrence(before, a, b)),
        active=(0, 1),
        ulps=256,
        eager_ulps=512,
        scale=of_sizes(running(recurrence)),
        smooth=factors(0.2),
        analytic=True,
    ),
    Row(P["sort"], sort_cases(0), reference=by_python(sort_place), active=(0,), smooth=DISTINCT, result=0),
    Row(
        P["sort"],
        sort_cases(1),
        reference=by_python(lambda tie, x: tie),
        active=(1,),
        analytic=True,
        result=1,
        name="sort_values",
    ),
    Row(
        P["sort"],
        sort_cases(2),
        reference=by_python(lambda tie, x: (tie, sort_place(x))),
        active=(1,),
        smooth=DISTINCT,
        result=1,
        name="sort_keys",
    ),
]


# -- sliding windows --------------------------------------------------------------------------------------------------


def window_cases(back: bool) -> Any:
    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        @st.composite
        def draw_case(draw: Any) -> Case:
            n, lead = draw(st.integers(0, 2)), draw(shapes(max_rank=1))
            window, strides, dilation = (
                tuple(draw(st.integers(1, k)) for _ in range(n)) for k in (3, 3, 2)
            )
            sizes = tuple(draw(st.integers(0, 9) | st.sampled_from([17, 33])) for _ in range(n))
            params = {"strides": strides, "dilation": dilation}
            if not back:
                return Case((Operand((*lead, *sizes)),), {"window": window, **params})
            places = tuple(
                max(0, (size - (k - 1) * d - 1) // s + 1)
                for size, k, s, d in zip(sizes, window, strides, dilation, strict=True)
            )
            return Case((Operand((*lead, *places, *window)),), {"sizes": sizes, **params})

        return draw_case()

    return cases


def windows(x: np.ndarray, *, window: Any, strides: Any, dilation: Any) -> np.ndarray:
    n = len(window)
    sizes = x.shape[x.ndim - n :]
    places = [
        max(0, (size - (k - 1) * d - 1) // s + 1) for size, k, s, d in zip(sizes, window, strides, dilation, strict=True)
    ]
    out = np.empty((*x.shape[: x.ndim - n], *places, *window), x.dtype)
    for at in np.ndindex(*places):
        for k in np.ndindex(*window):
            source = [a * s + j * d for a, s, j, d in zip(at, strides, k, dilation, strict=True)]
            out[(..., *at, *k)] = x[(..., *source)]
    return out


def overlapped(x: np.ndarray, *, sizes: Any, strides: Any, dilation: Any) -> np.ndarray:
    n = len(sizes)
    places, window = x.shape[x.ndim - 2 * n : x.ndim - n], x.shape[x.ndim - n :]
    out = np.zeros((*x.shape[: x.ndim - 2 * n], *sizes), x.dtype)
    for k in np.ndindex(*window):
        for at in np.ndindex(*places):
            target = [a * s + j * d for a, s, j, d in zip(at, strides, k, dilation, strict=True)]
            out[(..., *target)] += x[(..., *at, *k)]
    return out


SLIDING = [
    Row(P["sliding_windows"], window_cases(False), reference=windows, active=(0,), analytic=True),
    Row(
        P["overlap_add"],
        window_cases(True),
        reference=overlapped,
        active=(0,),
        ulps=8,
        eager_ulps=16,
        scale=of_sizes(overlapped),
        analytic=True,
    ),
]


SEQUENCE_ROWS = [*RUNNING, *SLIDING]
