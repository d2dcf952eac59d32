"""Rows of the table of tests for primitives that move and reduce arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.properties.rows import DISTINCT, DTYPES, Case, Operand, Row, Sampler, axes_subsets, dtypes_of, shapes, values
from tests.properties.rows import PRIMITIVES as P

__all__ = ["ARRAY_ROWS", "REAL", "factors", "of_shape"]

REAL = "biuf"
BITS = "biu"


def of_shape(build: Any, plain: Any = values, **options: Any) -> Any:
    """Cases of one operand with values from `plain`; ``build(draw, shape, dtype)`` gives the params."""

    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        @st.composite
        def draw_case(draw: Any) -> Case:
            shape = draw(shapes(**options))
            return Case((Operand(shape),), build(draw, shape, dtype), plain)

        return draw_case()

    return cases


# -- structural -------------------------------------------------------------------------------------------------------


def reshape_params(draw: Any, shape: Any, dtype: Any) -> dict[str, Any]:
    factors = draw(st.permutations([*shape, 1]))
    split = draw(st.integers(0, len(factors)))
    return {"new_sizes": (int(np.prod(factors[:split], dtype=int)), *factors[split:])}


def broadcast_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    @st.composite
    def draw_case(draw: Any) -> Case:
        shape = draw(shapes())
        dims = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1))))) if shape else ()
        inner = tuple(1 if draw(st.booleans()) and draw(st.booleans()) else shape[d] for d in dims)
        return Case((Operand(inner),), {"shape": shape, "broadcast_dimensions": dims})

    return draw_case()


def broadcast(x: np.ndarray, *, shape: Any, broadcast_dimensions: Any) -> np.ndarray:
    out = np.empty(shape, x.dtype)
    for at in np.ndindex(*shape):
        out[at] = x[tuple(at[d] if n == shape[d] else 0 for d, n in zip(broadcast_dimensions, x.shape, strict=True))]
    return out


def convert(x: np.ndarray, *, new_dtype: np.dtype, weak_type: bool) -> np.ndarray:
    """Conversion by Python numbers, element by element."""
    if x.dtype.kind == "c" and new_dtype.kind not in "cb":
        x = x.real
    if x.dtype.kind == "f" and new_dtype.kind in "iu":
        info = np.iinfo(new_dtype)

        def whole(v: Any) -> int:
            v = float(v)
            return (
                0
                if v != v
                else max(info.min, min(info.max, int(v) if abs(v) != np.inf else (info.max if v > 0 else info.min)))
            )

        return np.asarray(np.frompyfunc(whole, 1, 1)(x)).astype(new_dtype)
    return x.astype(new_dtype)


CONVERT = of_shape(
    lambda draw, shape, dtype: {"new_dtype": np.dtype(draw(st.sampled_from(DTYPES))), "weak_type": False}
)


def scaled_sum(x: np.ndarray, *, axes: Any) -> np.ndarray:
    """What rounding errors of a sum are relative to: the sum of absolute values."""
    return np.sum(np.abs(np.where(np.isfinite(x), x, 0)), axis=axes)


def total(x: np.ndarray, *, axes: Any) -> np.ndarray:
    return np.any(x, axis=axes) if x.dtype == bool else np.add.reduce(x, axis=axes, dtype=x.dtype)


def reduction_params(draw: Any, shape: Any, dtype: Any) -> dict[str, Any]:
    return {"axes": draw(axes_subsets(len(shape)))}


STRUCTURAL = [
    Row(
        P["reshape"],
        of_shape(reshape_params),
        reference=lambda x, *, new_sizes: np.array(x.ravel().tolist(), x.dtype).reshape(new_sizes),
        active=(0,),
        analytic=True,
    ),
    Row(
        P["transpose"],
        of_shape(lambda draw, shape, dtype: {"permutation": tuple(draw(st.permutations(range(len(shape)))))}),
        reference=lambda x, *, permutation: np.moveaxis(x, permutation, range(x.ndim)),
        active=(0,),
        analytic=True,
    ),
    Row(P["broadcast_in_dim"], broadcast_cases, reference=broadcast, active=(0,), analytic=True),
    Row(P["convert_element_type"], CONVERT, reference=convert, active=(0,)),
    Row(
        P["reduce_sum"],
        of_shape(reduction_params),
        reference=total,
        active=(0,),
        ulps=4,
        eager_ulps=4,
        scale=scaled_sum,
        analytic=True,
    ),
]


# -- bits -------------------------------------------------------------------------------------------------------------


def bitcast_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    others = [d for d in dtypes_of({"b": "b", "c": "c"}.get(dtype.kind, "iuf")) if dtype.kind != "c" or d == dtype]

    @st.composite
    def draw_case(draw: Any) -> Case:
        new = draw(st.sampled_from(others))
        shape = draw(shapes(max_rank=2))
        ratio = new.itemsize // dtype.itemsize
        return Case((Operand((*shape, ratio) if ratio > 1 else shape),), {"new_dtype": new})

    return draw_case()


def reread(x: np.ndarray, *, new_dtype: np.dtype) -> np.ndarray:
    new, old = new_dtype.itemsize, x.dtype.itemsize
    shape = x.shape if new == old else (*x.shape, old // new) if new < old else x.shape[:-1]
    return np.frombuffer(x.tobytes(), new_dtype).reshape(shape)


BIT_ROWS = [Row(P["bitcast_convert_type"], bitcast_cases, reference=reread)]


# -- movement ---------------------------------------------------------------------------------------------------------


def slice_params(draw: Any, shape: Any, dtype: Any) -> dict[str, Any]:
    starts = tuple(draw(st.integers(0, n)) for n in shape)
    limits = tuple(draw(st.integers(s, n)) for s, n in zip(starts, shape, strict=True))
    return {
        "start_indices": starts,
        "limit_indices": limits,
        "strides": draw(st.none() | st.tuples(*(st.integers(1, 3) for _ in shape))),
    }


def take_slice(x: np.ndarray, *, start_indices: Any, limit_indices: Any, strides: Any) -> np.ndarray:
    return x[tuple(map(slice, start_indices, limit_indices, strides or [1] * x.ndim))]


def pad_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    @st.composite
    def draw_case(draw: Any) -> Case:
        shape = draw(shapes())
        config = []
        for n in shape:
            interior = draw(st.integers(0, 2))
            whole = n + (n - 1) * interior if n else 0
            low = draw(st.integers(-min(2, whole), 2))
            config.append((low, draw(st.integers(-min(2, max(0, whole + low)), 2)), interior))
        return Case((Operand(shape), Operand(())), {"padding_config": tuple(config)})

    return draw_case()


def pad(x: np.ndarray, value: np.ndarray, *, padding_config: Any) -> np.ndarray:
    shape = tuple(
        lo + hi + (n + (n - 1) * k if n else 0) for n, (lo, hi, k) in zip(x.shape, padding_config, strict=True)
    )
    out = np.full(shape, value)
    for at in np.ndindex(*x.shape):
        to = tuple(lo + i * (k + 1) for i, (lo, _, k) in zip(at, padding_config, strict=True))
        if all(0 <= i < n for i, n in zip(to, shape, strict=True)):
            out[to] = x[at]
    return out


def concatenate_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    @st.composite
    def draw_case(draw: Any) -> Case:
        shape = draw(shapes(min_rank=1))
        axis = draw(st.integers(0, len(shape) - 1))
        sizes = draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))
        return Case(tuple(Operand((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes), {"dimension": axis})

    return draw_case()


def iota_cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
    return shapes(min_rank=1).flatmap(
        lambda shape: st.integers(0, len(shape) - 1).map(
            lambda axis: Case((), {"dtype": dtype, "shape": shape, "dimension": axis})
        )
    )


def index_scalar(rng: np.random.Generator, shape: Any, dtype: np.dtype) -> np.ndarray:
    return np.asarray(rng.integers(-2 if dtype.kind == "i" else 0, 6, shape)).astype(dtype)


def dynamic_cases(update: bool) -> Any:
    def cases(dtype: np.dtype) -> st.SearchStrategy[Case]:
        @st.composite
        def draw_case(draw: Any) -> Case:
            shape = draw(shapes())
            sizes = tuple(draw(st.integers(0, n)) for n in shape)
            starts = tuple(
                Operand((), draw(st.sampled_from(["int64", "int32", "int8", "uint64"])), index_scalar) for _ in shape
            )
            if update:
                return Case((Operand(shape), Operand(sizes), *starts))
            return Case((Operand(shape), *starts), {"slice_sizes": sizes})

        return draw_case()

    return cases


def window(x: np.ndarray, starts: Any, sizes: Any) -> tuple[slice, ...]:
    first = [max(0, min(int(s), n - k)) for s, n, k in zip(starts, x.shape, sizes, strict=True)]
    return tuple(slice(i, i + k) for i, k in zip(first, sizes, strict=True))


def dynamic_update(x: np.ndarray, update: np.ndarray, *starts: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[window(x, starts, update.shape)] = update
    return out


MOVEMENT = [
    Row(P["slice"], of_shape(slice_params), reference=take_slice, active=(0,), analytic=True),
    Row(P["pad"], pad_cases, reference=pad, active=(0, 1), analytic=True),
    Row(
        P["concatenate"],
        concatenate_cases,
        reference=lambda *xs, dimension: np.concatenate(xs, dimension),
        active=(0, 1, 2),
        analytic=True,
    ),
    Row(
        P["rev"],
        of_shape(lambda draw, shape, dtype: {"dimensions": draw(axes_subsets(len(shape)))}),
        reference=lambda x, *, dimensions: x[
            tuple(slice(None, None, -1 if d in dimensions else 1) for d in range(x.ndim))
        ],
        active=(0,),
        analytic=True,
    ),
    Row(
        P["iota"],
        iota_cases,
        kinds="iufc",
        reference=lambda *, dtype, shape, dimension: np.indices(shape)[dimension].astype(dtype),
    ),
    Row(
        P["dynamic_slice"],
        dynamic_cases(False),
        reference=lambda x, *starts, slice_sizes: x[window(x, starts, slice_sizes)],
        active=(0,),
        analytic=True,
    ),
    Row(P["dynamic_update_slice"], dynamic_cases(True), reference=dynamic_update, active=(0, 1), analytic=True),
]


# -- reductions -------------------------------------------------------------------------------------------------------


def factors(reach: float) -> Sampler:
    """Numbers as far as exp(+-reach), no product of which overflows or vanishes midway: there the order would decide."""

    def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if dtype.kind not in "fc":
            return values(rng, shape, dtype)
        count = max(1, int(np.prod(shape, dtype=int)))
        far = min(reach, float(np.log(float(np.finfo(dtype).max))) / 2 / count)
        size = np.exp(rng.uniform(-far, far, shape))
        turn = rng.uniform(0, 2 * np.pi, shape) if dtype.kind == "c" else np.pi * rng.integers(0, 2, shape)
        return np.asarray(size * (np.exp(1j * turn) if dtype.kind == "c" else np.cos(turn))).astype(dtype)

    return sample


def prod(x: np.ndarray, *, axes: Any) -> np.ndarray:
    return np.all(x, axis=axes) if x.dtype == bool else np.multiply.reduce(x, axis=axes, dtype=x.dtype)


def first_extremum(values: list[complex], greatest: bool) -> int:
    """The position of the first nan, else of the first lexicographic extremum: Python compares pairs as wanted."""
    for at, z in enumerate(values):
        if z != z:
            return at
    pairs = [(z.real, z.imag) for z in values]
    return pairs.index(max(pairs) if greatest else min(pairs))


def complex_extremum(x: np.ndarray, axes: Any, greatest: bool) -> np.ndarray:
    kept = [d for d in range(x.ndim) if d not in axes]
    out = np.empty([x.shape[d] for d in kept], x.dtype)
    for at in np.ndindex(*out.shape):
        line = np.transpose(x, (*kept, *sorted(axes)))[at].reshape(-1)
        inf = -np.inf if greatest else np.inf
        out[at] = line[first_extremum(line.tolist(), greatest)] if line.size else complex(inf, inf)
    return out


def extremum(ufunc: np.ufunc, least: bool) -> Any:
    def reference(x: np.ndarray, *, axes: Any) -> np.ndarray:
        if x.dtype.kind == "c":
            return complex_extremum(x, axes, least)
        if x.dtype.kind in "iu":
            start: Any = np.iinfo(x.dtype).min if least else np.iinfo(x.dtype).max
        else:
            start = not least if x.dtype.kind == "b" else -np.inf if least else np.inf
        return np.asarray(ufunc.reduce(x, axis=axes, initial=start))

    return reference


def bits(ufunc: np.ufunc) -> Any:
    return lambda x, *, axes: ufunc.reduce(x, axis=axes).astype(x.dtype)


def arg_params(draw: Any, shape: Any, dtype: Any) -> dict[str, Any]:
    return {
        "axes": (draw(st.integers(0, len(shape) - 1)),),
        "index_dtype": np.dtype(draw(st.sampled_from(["int64", "int32", "uint32", "int16"]))),
    }


ARG_CASES = of_shape(arg_params, low=1, min_rank=1)
REDUCE_CASES = of_shape(reduction_params)
REDUCTION = [
    Row(
        P["reduce_prod"],
        of_shape(reduction_params, plain=factors(7.0), max_rank=2),
        reference=prod,
        active=(0,),
        ulps=64,
        eager_ulps=256,
        analytic=True,
        smooth=factors(0.2),
    ),
    Row(P["reduce_max"], REDUCE_CASES, reference=extremum(np.maximum, True), active=(0,), smooth=DISTINCT, analytic=True),
    Row(P["reduce_min"], REDUCE_CASES, reference=extremum(np.minimum, False), active=(0,), smooth=DISTINCT, analytic=True),
    Row(P["reduce_and"], REDUCE_CASES, kinds=BITS, reference=bits(np.bitwise_and)),
    Row(P["reduce_or"], REDUCE_CASES, kinds=BITS, reference=bits(np.bitwise_or)),
    Row(P["reduce_xor"], REDUCE_CASES, kinds=BITS, reference=bits(np.bitwise_xor)),
    Row(
        P["argmax"],
        ARG_CASES,
        reference=lambda x, *, axes, index_dtype: np.argmax(x, axes[0]).astype(index_dtype),
    ),
    Row(
        P["argmin"],
        ARG_CASES,
        reference=lambda x, *, axes, index_dtype: np.argmin(x, axes[0]).astype(index_dtype),
    ),
]


ARRAY_ROWS = [*STRUCTURAL, *BIT_ROWS, *MOVEMENT, *REDUCTION]
