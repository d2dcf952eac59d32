"""gather and scatter: windows of an array read from, or combined into, computed places.

The semantics and the dimension numbers are XLA's (https://openxla.org/xla/operation_semantics#gather). Each vector along the last
axis of the indices places one window of the operand; the window's elements lie along the offset (window) axes of the result
(updates), the vectors along the other axes. Everything here rests on one fact: for each axis of the operand, the index of the
element that belongs to a point of the result is a sum of a start, constant along the offset axes, and an iota along one axis.

Out of bounds. CLIP moves a window inside; FILL_OR_DROP fills or drops a window that is not wholly inside; ERROR raises IndexError;
PROMISE_IN_BOUNDS behaves as CLIP. Updates apply in row-major order, so that the last of several to one element stays.

Derivatives. gather and scatter_add are one another's transposes. scatter (set) is linear, and in its transpose only the update
that stayed receives a cotangent: each update leaves its number in an integer array, and finds it again if it stayed. The tangent
of scatter_min and scatter_max is the mean over all that attain the extremum, as in `reduce_max`.

Known limits: the derivative of scatter_mul with respect to updates needs ``unique_indices=True``; scatter_min and scatter_max
do not order complex numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.arguments import brief, integers
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_inexact, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, typeof
from functrans.primitives.arithmetic import add_p, div_p, eq_p, mul_p, neg_p, select_n_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.builders import check_kinds
from functrans.primitives.movement import as_dtype_of, checked, iota
from functrans.primitives.reduction import greatest, least
from functrans.primitives.structural import (
    convert_element_type,
    instantiate,
    move_axis,
    moved_to_front,
    reshape,
    zeros,
)
from functrans.primitives.windows import (
    CLIP,
    ERROR,
    FILL,
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    as_gather,
    as_scatter,
    batched_numbers,
    check_numbers,
    flat_places,
    lowered_places,
    spread_mask,
    window_sizes,
    window_starts,
)

__all__ = [
    "GatherDimensionNumbers", "GatherScatterMode", "ScatterDimensionNumbers", "gather", "gather_p", "scatter", "scatter_add",
    "scatter_add_p", "scatter_max", "scatter_max_p", "scatter_min", "scatter_min_p", "scatter_mul", "scatter_mul_p", "scatter_p",
    "scatter_sub", "take_along",
]


# -- gather -----------------------------------------------------------------------------------------------------------

def _fill(dtype: np.dtype, fill_value: Any) -> Any:
    if fill_value is not None:
        return np.asarray(fill_value).astype(dtype)[()]
    if is_inexact(dtype):
        return dtype.type(np.nan)
    return greatest(dtype) if kind_of(dtype) in "ub" else least(dtype)


def _gather_impl(x: np.ndarray, indices: np.ndarray, *, dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple[int, ...],
                 indices_are_sorted: bool, unique_indices: bool, mode: GatherScatterMode, fill_value: Any) -> np.ndarray:
    d = dimension_numbers
    shape = _gather_shape(indices.shape, d, slice_sizes)
    if not all(shape):
        return np.empty(shape, x.dtype)
    starts, inside = window_starts(x.shape, indices, d, slice_sizes, mode)
    axis = _whole_rows(x.shape, d, slice_sizes, indices.ndim)
    out = x.reshape(-1)[flat_places(x.shape, starts, d, shape)] if axis is None else np.take(x, starts[0], axis=axis)
    if inside is not None and not inside.all():
        out = np.where(spread_mask(inside, d, shape), out, _fill(x.dtype, fill_value))
    return out


def _whole_rows(x_shape: tuple[int, ...], d: GatherDimensionNumbers, sizes: tuple[int, ...], indices_ndim: int) -> int | None:
    """The axis along which a gather is ``numpy.take``, if it is one."""
    if len(d.start_index_map) != 1 or d.operand_batching_dims or d.collapsed_slice_dims != d.start_index_map:
        return None
    (axis,) = d.start_index_map
    before = tuple(range(axis))
    after = tuple(range(axis + indices_ndim - 1, len(x_shape) + indices_ndim - 2))
    whole = all(k == n for a, (k, n) in enumerate(zip(sizes, x_shape, strict=True)) if a != axis)
    return axis if whole and d.offset_dims == before + after else None


def _gather_shape(indices_shape: tuple[int, ...], d: GatherDimensionNumbers, sizes: tuple[int, ...]) -> tuple[int, ...]:
    kept = iter([k for a, k in enumerate(sizes) if a not in d.collapsed_slice_dims and a not in d.operand_batching_dims])
    places = iter(indices_shape[:-1])
    rank = len(d.offset_dims) + len(indices_shape) - 1
    return tuple(next(kept) if i in d.offset_dims else next(places) for i in range(rank))


def _gather_abstract(x: ShapedArray, indices: ShapedArray, *, dimension_numbers: GatherDimensionNumbers,
                     slice_sizes: tuple[int, ...], **_: Any) -> ShapedArray:
    d = dimension_numbers
    check_numbers("gather", x, indices, d, slice_sizes, len(d.offset_dims) + max(indices.ndim - 1, 0))
    return x.update(shape=_gather_shape(indices.shape, d, slice_sizes))


def _gather_jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    y = gather_p.bind(*primals, **params)
    if type(tangents[0]) is Zero:
        return y, Zero(tangent_aval(typeof(y)))
    return y, gather_p.bind(tangents[0], primals[1], **_unchecked(params), fill_value=0)


def _unchecked(params: dict[str, Any]) -> dict[str, Any]:
    """Params for a tangent or cotangent: bounds have been checked by the primal operation."""
    kept = {name: value for name, value in params.items() if name != "fill_value"}
    return kept | {"mode": CLIP} if kept["mode"] is ERROR else kept


def _gather_transpose(ct: Any, x: Any, indices: Any, *, dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple[int, ...],
                      fill_value: Any, **params: Any) -> list[Any]:
    x_bar = scatter_add_p.bind(zeros(x.aval.strong()), indices, ct, dimension_numbers=as_scatter(dimension_numbers),
                               **_unchecked(params))
    return [x_bar, None]


def _gather_batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, dimension_numbers: GatherDimensionNumbers,
                  slice_sizes: tuple[int, ...], indices_are_sorted: bool, **params: Any) -> tuple[Any, int]:
    (x, indices), (x_dim, i_dim) = args, dims
    x = x if x_dim is None else move_axis(x, x_dim, 0)
    indices = indices if i_dim is None else move_axis(indices, i_dim, 0)
    if x_dim is not None:
        slice_sizes = (size if i_dim is None else min(1, size), *slice_sizes)
    numbers = batched_numbers(dimension_numbers, x_dim is not None, i_dim is not None)
    return gather_p.bind(x, indices, dimension_numbers=numbers, slice_sizes=slice_sizes, indices_are_sorted=False, **params), 0


def _gather_lower(b: Any, x: Any, indices: Any, *, dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple[int, ...],
                  mode: GatherScatterMode, fill_value: Any, **_: Any) -> Any:
    shape = _gather_shape(indices.shape, dimension_numbers, slice_sizes)
    if not x.shape:
        return b.broadcast(x, shape, ())
    index, inside = lowered_places(b, x.shape, indices, dimension_numbers, slice_sizes, shape, mode)
    out = b.take(x, index)
    if inside is None:
        return out
    fill = b.const(_fill(x.dtype, fill_value), x.dtype)
    if out.is_complex:
        return b.complex(b.op("select", inside, out.re, fill.re), b.op("select", inside, out.im, fill.im))
    return b.op("select", inside, out, fill)


gather_p = primitive("gather", impl=checked(_gather_abstract, _gather_impl), abstract=_gather_abstract, jvp=_gather_jvp,
                     transpose=_gather_transpose, batch=_gather_batch, lower=_gather_lower)


def gather(
    operand: Any, start_indices: Any, dimension_numbers: GatherDimensionNumbers, slice_sizes: Sequence[int], *,
    unique_indices: bool = False, indices_are_sorted: bool = False, mode: str | GatherScatterMode | None = None,
    fill_value: Any = None,
) -> Any:
    """Windows of `operand` from computed starts.

    Args:
        operand: the array read.
        start_indices: integers; each vector along the last axis is the start of a window.
        dimension_numbers: which axes are what.
        slice_sizes: the size of the window along each axis of `operand`.
        unique_indices, indices_are_sorted: promises about the indices; nothing here needs them.
        mode: what becomes of windows that are not wholly inside; None fills.
        fill_value: what FILL_OR_DROP fills with; by default nan, or the least signed or greatest unsigned integer, or True.

    Raises:
        TypeError: if the dimension numbers do not fit.
        IndexError: in mode ERROR, if a window is not wholly inside.

    >>> numbers = GatherDimensionNumbers(offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,))
    >>> gather(np.array([10.0, 20.0, 30.0]), np.array([[2], [0], [3]]), numbers, (1,))
    Array([30., 10., nan], dtype=float64)
    """
    return gather_p.bind(
        operand, start_indices, dimension_numbers=_numbers(GatherDimensionNumbers, dimension_numbers),
        slice_sizes=_ints(slice_sizes), indices_are_sorted=bool(indices_are_sorted), unique_indices=bool(unique_indices),
        mode=GatherScatterMode.from_any(mode), fill_value=None if fill_value is None else np.asarray(fill_value).item())


def take_along(x: Any, index: Any, axis: int) -> Any:
    """For each line of `x` along `axis` the elements at its own `index`, which is known to be in bounds."""
    shape, index_shape = typeof(x).shape, typeof(index).shape
    if not all(index_shape):
        return zeros(ShapedArray(index_shape, typeof(x).dtype))
    others = tuple(d for d in range(len(shape)) if d != axis)
    numbers = GatherDimensionNumbers((), (axis,), (axis,), others, others)
    return gather_p.bind(x, reshape(index, (*index_shape, 1)), dimension_numbers=numbers, slice_sizes=(1,) * len(shape),
                         indices_are_sorted=False, unique_indices=False, mode=GatherScatterMode.PROMISE_IN_BOUNDS, fill_value=None)


def _ints(xs: Any) -> tuple[int, ...]:
    return integers(xs, "xs")


def _numbers(kind: Any, numbers: Any) -> Any:
    if not isinstance(numbers, kind):
        raise TypeError(f"dimension_numbers must be {kind.__name__}; got {brief(numbers)}, at {describe(user_source())}.")
    return kind(*map(_ints, numbers))


# -- scatter ----------------------------------------------------------------------------------------------------------

def _scatter_primitive(name: str, combine: str, ufunc: np.ufunc | None, kinds: str, jvp: Callable[..., Any]) -> Primitive:
    """One of the five scatters; `ufunc` combines, None sets."""

    def impl(x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, dimension_numbers: ScatterDimensionNumbers,
             indices_are_sorted: bool, unique_indices: bool, mode: GatherScatterMode) -> np.ndarray:
        d = as_gather(dimension_numbers)
        out = np.array(x, order="C")
        if not updates.size:
            return out
        sizes = window_sizes(d, ShapedArray(x.shape, x.dtype), updates.shape)
        starts, inside = window_starts(x.shape, indices, d, sizes, mode)
        if not out.size:  # updates of size 1 fit nowhere into an axis of size 0
            return out
        places, values = flat_places(x.shape, starts, d, updates.shape).reshape(-1), updates.reshape(-1)
        if inside is not None:
            kept = spread_mask(inside, d, updates.shape).reshape(-1)
            places, values = places[kept], values[kept]
        # One flat axis, so that NumPy takes the updates in row-major order and the last one stays.
        if ufunc is None:
            out.reshape(-1)[places] = values
        else:
            ufunc.at(out.reshape(-1), places, values)
        return out

    def abstract(x: ShapedArray, indices: ShapedArray, updates: ShapedArray, *, dimension_numbers: ScatterDimensionNumbers,
                 **_: Any) -> ShapedArray:
        d = as_gather(dimension_numbers)
        check_kinds(name, kinds, x)
        if x.dtype != updates.dtype:
            raise operand_error(name, "the operand and the updates must have equal dtypes.", x, updates)
        if any(not 0 <= a < updates.ndim for a in d.offset_dims) or len(d.offset_dims) > x.ndim - len(
                {*d.collapsed_slice_dims, *d.operand_batching_dims}):
            raise operand_error(name, f"update_window_dims {d.offset_dims} do not fit the operand and the updates.", x, updates)
        kept = [a for a in range(x.ndim) if a not in d.collapsed_slice_dims and a not in d.operand_batching_dims]
        sizes = tuple(min(1, n) for n in x.shape) if len(kept) != len(d.offset_dims) else window_sizes(d, x, updates.shape)
        check_numbers(name, x, indices, d, sizes, updates.ndim)
        if _gather_shape(indices.shape, d, sizes) != updates.shape:
            raise operand_error(name, f"updates must have shape {_gather_shape(indices.shape, d, sizes)}.", x, indices, updates)
        return x.update(weak_type=x.weak_type and updates.weak_type)

    def batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, dimension_numbers: ScatterDimensionNumbers,
              indices_are_sorted: bool, unique_indices: bool, mode: GatherScatterMode) -> tuple[Any, int]:
        (x, indices, updates), (x_dim, i_dim, u_dim) = args, dims
        x, updates = moved_to_front(size, x, x_dim), moved_to_front(size, updates, u_dim)
        indices = indices if i_dim is None else move_axis(indices, i_dim, 0)
        numbers = as_scatter(batched_numbers(as_gather(dimension_numbers), True, i_dim is not None))
        return made.bind(x, indices, updates, dimension_numbers=numbers, indices_are_sorted=False,
                         unique_indices=unique_indices, mode=mode), 0

    def lower(b: Any, x: Any, indices: Any, updates: Any, *, dimension_numbers: ScatterDimensionNumbers,
              mode: GatherScatterMode, **_: Any) -> Any:
        d = as_gather(dimension_numbers)
        sizes = window_sizes(d, ShapedArray(x.shape, x.dtype), updates.shape)
        index, inside = lowered_places(b, x.shape, indices, d, sizes, updates.shape, mode)
        how = {"add": "max", "mul": "min"}.get(combine, combine) if x.dtype == np.bool_ else combine
        if x.shape:
            return b.scatter(x, index, updates, how, inside)
        zero = b.broadcast(b.const(0, np.int64), updates.shape, ())
        return b.reshape(b.scatter(b.reshape(x, (1,)), [zero], updates, how, inside), ())

    def jvp_rule(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
        y = made.bind(*primals, **params)
        x_dot, _, u_dot = tangents
        if type(x_dot) is Zero and type(u_dot) is Zero:
            return y, Zero(tangent_aval(typeof(y)))
        return y, jvp(y, primals, x_dot, u_dot, _unchecked(params))

    made = primitive(name, impl=checked(abstract, impl), abstract=abstract, jvp=jvp_rule, batch=batch, lower=lower)
    return made


def _read_back(y: Any, indices: Any, updates: ShapedArray, params: dict[str, Any]) -> Any:
    """The elements of `y` that the updates of a scatter went to; 0 for those dropped."""
    d = as_gather(params["dimension_numbers"])
    return gather_p.bind(y, indices, slice_sizes=window_sizes(d, typeof(y), updates.shape), fill_value=0,
                         **(_unchecked(params) | {"dimension_numbers": d}))


def _aval_of(x: Any) -> ShapedArray:
    return x.aval if isinstance(x, Linear) else typeof(x)


def _linear_tangent(prim: Callable[[], Primitive]) -> Callable[..., Any]:
    def jvp(y: Any, primals: Any, x_dot: Any, u_dot: Any, params: dict[str, Any]) -> Any:
        return prim().bind(instantiate(x_dot), primals[1], instantiate(u_dot), **params)

    return jvp


def _mul_tangent(y: Any, primals: Any, x_dot: Any, u_dot: Any, params: dict[str, Any]) -> Any:
    x, indices, updates = primals
    terms = []
    if type(x_dot) is not Zero:
        terms.append(scatter_mul_p.bind(x_dot, indices, updates, **params))
    if type(u_dot) is not Zero:
        if not params["unique_indices"]:
            raise NotImplementedError(
                "the derivative of x.at[index].multiply, .divide, .power or scatter_mul by the updates needs unique_indices=True: where "
                f"several updates meet in one element, each needs the product of the others. At {describe(user_source())}. Pass "
                "unique_indices=True if no element is indexed twice.")
        part = mul_p.bind(u_dot, _read_back(x, indices, typeof(updates), params))
        terms.append(scatter_add_p.bind(zeros(tangent_aval(typeof(x))), indices, part, **params))
    return terms[0] if len(terms) == 1 else add_p.bind(*terms)


def _extremum_tangent(y: Any, primals: Any, x_dot: Any, u_dot: Any, params: dict[str, Any]) -> Any:
    x, indices, updates = primals
    dtype = typeof(x).dtype
    x_wins, u_wins = eq_p.bind(x, y), eq_p.bind(updates, _read_back(y, indices, typeof(updates), params))

    def total(a: Any, b: Any) -> Any:
        return scatter_add_p.bind(a, indices, b, **params)

    def where(mask: Any, t: Any) -> Any:
        return zeros(t.aval) if type(t) is Zero else select_n_p.bind(mask, zeros(typeof(t)), t)

    count = total(convert_element_type(x_wins, dtype), convert_element_type(u_wins, dtype))
    return div_p.bind(total(where(x_wins, x_dot), where(u_wins, u_dot)), count)


scatter_p: Primitive = _scatter_primitive("scatter", "set", None, "biufc", _linear_tangent(lambda: scatter_p))
scatter_add_p: Primitive = _scatter_primitive("scatter_add", "add", np.add, "biufc", _linear_tangent(lambda: scatter_add_p))
scatter_mul_p = _scatter_primitive("scatter_mul", "mul", np.multiply, "biufc", _mul_tangent)
scatter_min_p = _scatter_primitive("scatter_min", "min", np.minimum, "biuf", _extremum_tangent)
scatter_max_p = _scatter_primitive("scatter_max", "max", np.maximum, "biuf", _extremum_tangent)
for _p in (scatter_min_p, scatter_max_p):
    _p.reasons["transpose"] = "it is not linear; its derivative is made of masked scatter_add"


def _scatter_add_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    return [ct if isinstance(x, Linear) else None, None,
            _read_back(ct, indices, updates.aval, params) if isinstance(updates, Linear) else None]


def _scatter_mul_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    if isinstance(updates, Linear):
        raise NotImplementedError("scatter_mul is linear in its operand only; its updates cannot be linear.")
    return [scatter_mul_p.bind(ct, indices, updates, **_unchecked(params)), None, None]


def _scatter_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    params = _unchecked(params)
    aval = _aval_of(updates)
    x_bar = u_bar = None
    if isinstance(x, Linear):
        x_bar = scatter_p.bind(ct, indices, zeros(ShapedArray(aval.shape, typeof(ct).dtype)), **params)
    if isinstance(updates, Linear):
        u_bar = _read_back(ct, indices, aval, params)
        if not params["unique_indices"] or params["mode"] is not FILL:  # clipping makes equal indices of different ones
            number = reshape(iota(np.int64, aval.size), aval.shape)
            stayed = scatter_p.bind(zeros(ShapedArray(typeof(ct).shape, np.dtype(np.int64))), indices, number, **params)
            won = eq_p.bind(number, _read_back(stayed, indices, aval, params))
            u_bar = select_n_p.bind(won, zeros(typeof(u_bar)), u_bar)
    return [x_bar, None, u_bar]


scatter_p.transpose = _scatter_transpose
scatter_add_p.transpose = _scatter_add_transpose
scatter_mul_p.transpose = _scatter_mul_transpose


def _bind_scatter(prim: Primitive, operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers,
                  indices_are_sorted: bool, unique_indices: bool, mode: str | GatherScatterMode | None) -> Any:
    return prim.bind(
        operand, scatter_indices, as_dtype_of(operand, updates),
        dimension_numbers=_numbers(ScatterDimensionNumbers, dimension_numbers), indices_are_sorted=bool(indices_are_sorted),
        unique_indices=bool(unique_indices), mode=GatherScatterMode.from_any(mode))


def scatter(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
            indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of `operand` with windows set to `updates` at computed places; of several to one element, the last stays.

    Args:
        operand: the array copied.
        scatter_indices: integers; each vector along the last axis is the start of a window.
        updates: the windows, along ``update_window_dims``, in the operand's dtype.
        dimension_numbers: which axes are what.
        indices_are_sorted: a promise that nothing here needs.
        unique_indices: a promise that no element is updated twice; derivatives make use of it.
        mode: what becomes of windows that are not wholly inside; None drops them.

    Raises:
        TypeError: if the dimension numbers do not fit.
        IndexError: in mode ERROR, if a window is not wholly inside.

    >>> numbers = ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> scatter(np.zeros(3), np.array([[1], [1], [5]]), np.array([2.0, 3.0, 4.0]), numbers)
    Array([0., 3., 0.], dtype=float64)
    """
    return _bind_scatter(scatter_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)


def scatter_add(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
                indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of `operand` with `updates` added at computed places; see `scatter`.

    >>> numbers = ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> scatter_add(np.zeros(3), np.array([[1], [1], [5]]), np.array([2.0, 3.0, 4.0]), numbers)
    Array([0., 5., 0.], dtype=float64)
    """
    return _bind_scatter(scatter_add_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)


def scatter_sub(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
                indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of `operand` with `updates` subtracted at computed places; see `scatter`."""
    updates = neg_p.bind(as_dtype_of(operand, updates))
    return _bind_scatter(scatter_add_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)


def scatter_mul(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
                indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of `operand` multiplied by `updates` at computed places; see `scatter`. Derivatives by `updates` need `unique_indices`."""
    return _bind_scatter(scatter_mul_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)


def scatter_min(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
                indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of real `operand` with the lesser of itself and `updates` at computed places (nan wins); see `scatter`."""
    return _bind_scatter(scatter_min_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)


def scatter_max(operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
                indices_are_sorted: bool = False, unique_indices: bool = False, mode: str | GatherScatterMode | None = None) -> Any:
    """A copy of real `operand` with the greater of itself and `updates` at computed places (nan wins); see `scatter`."""
    return _bind_scatter(scatter_max_p, operand, scatter_indices, updates, dimension_numbers, indices_are_sorted, unique_indices, mode)
