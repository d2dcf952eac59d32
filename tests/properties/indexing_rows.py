"""Rows of gather and scatter, in general form."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from functrans.primitives.indexing import GatherScatterMode, ScatterDimensionNumbers
from tests.primitives import test_indexing as naive
from tests.properties.array_rows import REAL
from tests.properties.rows import DISTINCT, Case, Operand, Row
from tests.properties.rows import PRIMITIVES as P

__all__ = ["INDEXING_ROWS"]


# -- indexing ---------------------------------------------------------------------------------------------------------

MODES = [GatherScatterMode.CLIP, GatherScatterMode.FILL_OR_DROP, GatherScatterMode.PROMISE_IN_BOUNDS]


def any_index(rng: np.random.Generator, shape: Any, dtype: np.dtype) -> np.ndarray:
    """Indices, some of them outside."""
    return np.asarray(rng.integers(-1, 5, shape)).astype(dtype)


def distinct_indices(rng: np.random.Generator, shape: Any, dtype: np.dtype) -> np.ndarray:
    """Five of eight places in an axis of seven, so that nothing is updated twice and one may be outside."""
    return rng.permutation(8)[:5, None].astype(dtype)


def gather_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    def build(drawn: Any, mode: Any) -> Case:
        shape, indices, d, sizes, _, _ = drawn
        return Case(
            (Operand(shape), Operand(indices.shape, indices.dtype, any_index)), naive.gather_params(d, sizes, mode)
        )

    return st.builds(build, naive.cases(), st.sampled_from(MODES))


def fill_of(dtype: np.dtype) -> Any:
    if dtype.kind in "fc":
        return np.nan
    return True if dtype.kind == "b" else np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max


def gather(x: np.ndarray, indices: np.ndarray, **params: Any) -> np.ndarray:
    d, sizes = (
        params["dimension_numbers"],
        iter(
            n
            for a, n in enumerate(params["slice_sizes"])
            if a
            not in (
                *params["dimension_numbers"].collapsed_slice_dims,
                *params["dimension_numbers"].operand_batching_dims,
            )
        ),
    )
    places = iter(indices.shape[:-1])
    shape = tuple(
        next(sizes) if i in d.offset_dims else next(places) for i in range(len(d.offset_dims) + indices.ndim - 1)
    )
    return naive.naive_gather(x, indices, shape, fill_of(x.dtype), **params)


def scatter_cases(unique: bool) -> Any:
    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        def build(drawn: Any, mode: Any) -> Case:
            shape, indices, d, _, updates, _ = drawn
            if unique:
                mode = GatherScatterMode.FILL_OR_DROP
                d = ScatterDimensionNumbers((), (0,), (0,))
                operands = (Operand((7,)), Operand((5, 1), "int64", distinct_indices), Operand((5,)))
            else:
                operands = (Operand(shape), Operand(indices.shape, indices.dtype, any_index), Operand(updates))
            return Case(operands, naive.scatter_params(d, mode, unique))

        return st.builds(build, naive.cases(), st.sampled_from(MODES))

    return cases


def scatter(combine: Any) -> Any:
    def reference(
        x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, dimension_numbers: Any, **params: Any
    ) -> np.ndarray:
        d = dimension_numbers
        kept = [a for a in range(x.ndim) if a not in (*d.inserted_window_dims, *d.operand_batching_dims)]
        sizes = [min(1, n) for n in x.shape]
        for a, i in zip(kept, d.update_window_dims, strict=True):
            sizes[a] = updates.shape[i]
        return naive.naive_scatter(combine, x, indices, updates, sizes, dimension_numbers=d, **params)

    return reference


def _row(prim: Any, combine: Any, **fields: Any) -> Row:
    unique = fields.pop("unique", False)
    return Row(prim, scatter_cases(unique), reference=scatter(combine), active=fields.pop("active", (0, 2)), **fields)


INDEXING_ROWS = [
    Row(P["gather"], gather_cases, reference=gather, active=(0,), analytic=True),
    _row(P["scatter"], lambda old, new: new, analytic=True),
    _row(P["scatter"], lambda old, new: new, analytic=True, unique=True, name="scatter_unique"),
    _row(P["scatter_add"], operator.add, analytic=True),
    _row(P["scatter_mul"], operator.mul, analytic=True, active=(0,), ulps=4, eager_ulps=8),
    _row(P["scatter_mul"], operator.mul, analytic=True, unique=True, ulps=2, eager_ulps=4, name="scatter_mul_unique"),
    _row(P["scatter_min"], np.minimum, kinds=REAL, smooth=(DISTINCT[0], DISTINCT[0], DISTINCT[1])),
    _row(P["scatter_max"], np.maximum, kinds=REAL, smooth=(DISTINCT[0], DISTINCT[0], DISTINCT[1])),
]
