"""Rows of the table of tests for primitives that move, reduce, contract and index arrays."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from functrans.primitives.indexing import GatherScatterMode, ScatterDimensionNumbers
from tests.primitives import test_indexing as naive
from tests.primitives.test_contraction import einsum
from tests.properties.rows import DISTINCT, DTYPES, Case, Operand, Row, Sampler, axes_subsets, dtypes_of, shapes, values
from tests.properties.rows import PRIMITIVES as P

__all__ = ["ARRAY_ROWS"]

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


def sizes_of(step: Any) -> Any:
    """The same on absolute values: what rounding errors are relative to."""

    def scale(*xs: np.ndarray, **params: Any) -> np.ndarray:
        if xs[0].dtype.kind not in "fc":
            return np.zeros(())
        return running(step)(*(np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64) for x in xs), **params)

    return scale


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
        scale=sizes_of(np.add),
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
        scale=sizes_of(recurrence),
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


def overlap_scale(x: np.ndarray, **params: Any) -> np.ndarray:
    if x.dtype.kind not in "fc":
        return np.zeros(())
    return overlapped(np.abs(np.where(np.isfinite(x), x, 0)).astype(np.float64), **params)


SLIDING = [
    Row(P["sliding_windows"], window_cases(False), reference=windows, active=(0,), analytic=True),
    Row(
        P["overlap_add"],
        window_cases(True),
        reference=overlapped,
        active=(0,),
        ulps=8,
        eager_ulps=16,
        scale=overlap_scale,
        analytic=True,
    ),
]


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


def dot_scale(x: np.ndarray, y: np.ndarray, **params: Any) -> np.ndarray:
    if x.dtype.kind not in "fc":
        return np.zeros(())
    x, y = (np.abs(np.where(np.isfinite(v), v, 0)).astype(np.float64) for v in (x, y))
    return dot(x, y, **params)


CONTRACTION = [
    Row(
        P["dot_general"],
        dot_cases,
        reference=dot,
        active=(0, 1),
        ulps=16,
        eager_ulps=16,
        scale=dot_scale,
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


def convolution_scale(x: np.ndarray, k: np.ndarray, **params: Any) -> np.ndarray:
    if x.dtype.kind not in "fc":
        return np.zeros(())
    x, k = (np.abs(np.where(np.isfinite(v), v, 0)).astype(np.float64) for v in (x, k))
    return convolved(x, k, **params)


CONVOLUTION = [
    Row(
        P["conv_general_dilated"],
        convolution_cases,
        reference=convolved,
        active=(0, 1),
        ulps=16,
        eager_ulps=16,
        scale=convolution_scale,
        analytic=True,
    )
]


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


INDEXING = [
    Row(P["gather"], gather_cases, reference=gather, active=(0,), analytic=True),
    _row(P["scatter"], lambda old, new: new, analytic=True),
    _row(P["scatter"], lambda old, new: new, analytic=True, unique=True, name="scatter_unique"),
    _row(P["scatter_add"], operator.add, analytic=True),
    _row(P["scatter_mul"], operator.mul, analytic=True, active=(0,), ulps=4, eager_ulps=8),
    _row(P["scatter_mul"], operator.mul, analytic=True, unique=True, ulps=2, eager_ulps=4, name="scatter_mul_unique"),
    _row(P["scatter_min"], np.minimum, kinds=REAL, smooth=(DISTINCT[0], DISTINCT[0], DISTINCT[1])),
    _row(P["scatter_max"], np.maximum, kinds=REAL, smooth=(DISTINCT[0], DISTINCT[0], DISTINCT[1])),
]

ARRAY_ROWS = [*STRUCTURAL, *BIT_ROWS, *MOVEMENT, *REDUCTION, *RUNNING, *SLIDING, *CONTRACTION, *CONVOLUTION, *INDEXING]
