"""Python functions called from traced programs: `pure_callback`, `io_callback`, and what `functrans.debug` is made of.

The equation ``pure_callback[callback, result_avals, vmap_method] *args`` calls a Python function of arrays. Evaluated, it is a
plain call; compiled, native code hands the function copies of its operands and takes a copy of what it returns. An exception
passes through compiled code as it is, with its own traceback.

Three primitives differ in what may be assumed of the function:

- `pure_callback_p`: its results depend on its operands alone. The call may be dropped where nobody needs the results, and two equal
  calls may become one.
- `io_callback_p`: the call itself matters. It happens as often as the program says, in the program's order.
- `debug_callback_p`: as before, without results; derivatives pass it by, since nothing depends on it.

All calls of a program happen in the order in which it makes them, so `ordered` asks for nothing more.

Under `vmap` a function that sees one element at a time is called with each in turn. That is one equation still, of a function of
the whole batch (`Mapped`), so that programs do not grow with the batch.

Reference: the semantics are those of `jax.pure_callback`, `jax.experimental.io_callback` and `jax.debug.callback`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from functrans.calls.agreement import leaf_difference
from functrans.calls.called import called
from functrans.core.array import Array
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical, kind_of
from functrans.core.source import Source, describe, user_source
from functrans.core.trace import EvalTrace, Tracer, is_array_like, running, to_numpy, typeof
from functrans.primitives.base import primitive
from functrans.primitives.structural import broadcast_in_dim, move_axis, moved_to_front
from functrans.transforms.flatten import check_arrays, fun_name
from functrans.tree_util import PyTreeDef, equality_errors, keystr, tree_flatten, tree_flatten_with_path, tree_unflatten
from functrans.util import safe_zip

__all__ = ["debug_callback_p", "effects_barrier", "io_callback", "io_callback_p", "pure_callback", "pure_callback_p", "run_for_effect"]

VMAP_METHODS = ("sequential", "sequential_unrolled", "expand_dims", "broadcast_all", "legacy_vectorized", None)
Avals = tuple[ShapedArray, ...]


# -- the functions that are called ----------------------------------------------------------------------------------------

_EVALUATION = EvalTrace(None)


@dataclass(frozen=True, slots=True, eq=False)
class HostFunction:
    """A Python function of pytrees as one of a list of arrays. `leaves` has its arguments, the arrays among them left open (`Open`);
    `source` is the line that asked for the call."""

    what: str
    function: Callable[..., Any]
    in_tree: PyTreeDef
    leaves: tuple[Any, ...]
    source: Source

    @property
    def __name__(self) -> str:
        return fun_name(self.function)

    def result(self, values: Sequence[np.ndarray]) -> Any:
        """What the function returns, run outside of all transformations. Its arguments are `Array`, which cannot be changed."""
        given = iter(values)
        leaves = [Array(next(given)) if x is Open else x for x in self.leaves]
        args, kwargs = tree_unflatten(self.in_tree, leaves)
        with running(_EVALUATION):
            return called(self.what, "the callback", self.function, ["argument"], args, kwargs, self.source)

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.result(values)
        return []


class Open:
    """Stands for an array among the arguments of a `HostFunction`."""


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A `HostFunction` whose results must have a structure and types."""

    inner: HostFunction
    out_tree: PyTreeDef
    out_avals: Avals

    @property
    def __name__(self) -> str:
        return self.inner.__name__

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        out = self.inner.result(values)
        leaves, tree = tree_flatten(out)
        if tree != self.out_tree:
            skeletons = (tree_unflatten(t, [_LEAF] * t.num_leaves) for t in (self.out_tree, tree))
            path, *_ = next(equality_errors(*skeletons), ((),))
            types = tree_unflatten(tree, [typeof(x) if is_array_like(x) else x for x in leaves])
            raise TypeError(f"{self._where()} must return the structure of result_shape_dtypes, "
                            f"{tree_unflatten(self.out_tree, self.out_avals)}; it returned {types}. They differ at result{keystr(path)}.")
        return [self._leaf(i, x, a) for i, (x, a) in enumerate(safe_zip(leaves, self.out_avals))]

    def _where(self) -> str:
        return f"{self.inner.what} of {self.inner.__name__}, called at {describe(self.inner.source)},"

    def _leaf(self, i: int, x: Any, aval: ShapedArray) -> np.ndarray:
        path = "result" + keystr(tree_flatten_with_path(tree_unflatten(self.out_tree, self.out_avals))[0][i][0])
        if not is_array_like(x) or isinstance(x, Tracer):
            raise TypeError(f"{self._where()} must return arrays or numbers; {path} is {x!r} of type {type(x).__name__}.")
        value, mine = to_numpy(x), typeof(x)
        if mine.weak_type and value.shape == aval.shape and _KINDS[kind_of(value.dtype)] <= _KINDS[kind_of(aval.dtype)]:
            value = np.asarray(value[()], aval.dtype)  # a Python number takes the dtype that is asked for
        if value.shape != aval.shape or value.dtype != aval.dtype:
            difference, _ = leaf_difference(aval, mine)
            raise TypeError(f"{self._where()} must return what result_shape_dtypes says; {path} should be {aval} and is {mine}: "
                            f"{difference}. Mend the function, or result_shape_dtypes.")
        return value


_LEAF = object()
_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """`inner` called with each element of a batch in turn: the operands in the mask have the batch axis first, and so have results."""

    inner: Callable[[Sequence[np.ndarray]], list[np.ndarray]]
    size: int
    mask: tuple[bool, ...]
    out_avals: Avals

    @property
    def __name__(self) -> str:
        return self.inner.__name__

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        outs = [np.empty(a.shape, a.dtype) for a in self.out_avals]
        for i in range(self.size):
            results = self.inner([v[i, ...] if m else v for v, m in safe_zip(values, self.mask)])
            for out, value in safe_zip(outs, results):
                out[i, ...] = value
        return outs


# -- rules ----------------------------------------------------------------------------------------------------------------

def _impl(*values: np.ndarray, callback: Callable[..., list[np.ndarray]], **params: Any) -> list[np.ndarray]:
    kept = [v.copy() if v.flags.writeable else v for v in values]  # what the function keeps must not follow later writes
    return [np.array(out) for out in callback(kept)]


def _abstract(*avals: ShapedArray, result_avals: Avals, **params: Any) -> list[ShapedArray]:
    return list(result_avals)


def _batched(avals: Avals, size: int) -> Avals:
    return tuple(a.update(shape=(size, *a.shape)) for a in avals)


def _in_turn(size: int, args: Sequence[Any], dims: Sequence[int | None], callback: Any, result_avals: Avals) -> tuple[list[Any], Mapped]:
    """The operands with the batch axis first, and the function of the batch."""
    moved = [x if d is None else move_axis(x, d, 0) for x, d in safe_zip(args, dims)]
    return moved, Mapped(callback, int(size), tuple(d is not None for d in dims), _batched(result_avals, int(size)))


def _lower_as(effectful: bool) -> Callable[..., list[Any]]:
    def lower(b: Any, *operands: Any, callback: Any, result_avals: Avals = (), **params: Any) -> list[Any]:
        return list(b.callback(callback, operands, [(a.shape, a.dtype) for a in result_avals], effectful))

    return lower


def _refused_jvp(what: str) -> Callable[..., NoReturn]:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], *, callback: Any, **params: Any) -> NoReturn:
        raise ValueError(
            f"{what} of {callback.__name__}: a Python callback has no derivative, and its arguments are being differentiated, at "
            f"{describe(user_source())}. Give it one: call it in a function with functrans.custom_jvp (or custom_vjp) and a rule; "
            "where it is meant as a constant, pass functrans.stop_gradient(x).")

    return jvp


_NOT_LINEAR = {"transpose": "a Python function is not linear, so it is in no linear program"}


def _pure_batch(
    size: int, args: Sequence[Any], dims: Sequence[int | None], *, callback: Any, result_avals: Avals, vmap_method: str | None,
) -> tuple[list[Any], list[int]]:
    if vmap_method is None:
        raise NotImplementedError(
            f"pure_callback of {callback.__name__} under vmap: how the function takes a batch is not said, at {describe(user_source())}. "
            "Pass vmap_method='sequential' (called with each element in turn), or 'expand_dims' or 'broadcast_all' (called once "
            "with arrays that have the batch axis first; under 'expand_dims' it has size 1 where an argument is not batched).")
    if vmap_method.startswith("sequential"):
        moved, function = _in_turn(size, args, dims, callback, result_avals)
    else:
        moved = [_with_axis(int(size), x, d, vmap_method) for x, d in safe_zip(args, dims)]
        function = dataclasses.replace(callback, out_avals=_batched(result_avals, int(size)))
    outs = pure_callback_p.bind(*moved, callback=function, result_avals=_batched(result_avals, int(size)), vmap_method=vmap_method)
    return outs, [0] * len(outs)


def _with_axis(size: int, x: Any, dim: int | None, vmap_method: str) -> Any:
    if dim is not None or vmap_method == "broadcast_all":
        return moved_to_front(size, x, dim)
    if vmap_method == "legacy_vectorized":
        return x
    shape = typeof(x).shape
    return broadcast_in_dim(x, (1, *shape), tuple(range(1, len(shape) + 1)))


pure_callback_p = primitive(
    "pure_callback", impl=_impl, abstract=_abstract, jvp=_refused_jvp("pure_callback"), batch=_pure_batch, lower=_lower_as(False),
    multiple_results=True, reasons=_NOT_LINEAR)


def _io_batch(
    size: int, args: Sequence[Any], dims: Sequence[int | None], *, callback: Any, result_avals: Avals, ordered: bool,
) -> tuple[list[Any], list[int]]:
    moved, function = _in_turn(size, args, dims, callback, result_avals)
    outs = io_callback_p.bind(*moved, callback=function, result_avals=function.out_avals, ordered=ordered)
    return outs, [0] * len(outs)


io_callback_p = primitive(
    "io_callback", impl=_impl, abstract=_abstract, jvp=_refused_jvp("io_callback"), batch=_io_batch, lower=_lower_as(True),
    multiple_results=True, effectful=True, reasons=_NOT_LINEAR)


def _debug_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    debug_callback_p.bind(*primals, **params)
    return [], []


def _debug_batch(
    size: int, args: Sequence[Any], dims: Sequence[int | None], *, callback: Any, ordered: bool,
) -> tuple[list[Any], list[int]]:
    moved, function = _in_turn(size, args, dims, callback, ())
    debug_callback_p.bind(*moved, callback=function, ordered=ordered)
    return [], []


debug_callback_p = primitive(
    "debug_callback", impl=_impl, abstract=lambda *avals, **params: [], jvp=_debug_jvp, batch=_debug_batch, lower=_lower_as(True),
    multiple_results=True, effectful=True, reasons={"transpose": "it has no results, so no cotangent ever reaches it"})


# -- the functions --------------------------------------------------------------------------------------------------------

def pure_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, sharding: Any = None, vmap_method: str | None = None, **kwargs: Any,
) -> Any:
    """``callback(*args, **kwargs)``, a pure Python function of arrays, from traced and compiled code too.

    The function gets `functrans.Array`s (NumPy and SciPy accept them) and returns arrays or numbers. Since it is pure, the call may
    be dropped where its results are not used, and equal calls may be merged. Exceptions reach the caller as they are.

    Args:
        callback: the function.
        result_shape_dtypes: what it returns: a pytree of objects with ``shape`` and ``dtype`` (`ShapeDtypeStruct`, arrays).
        args, kwargs: pytrees of arrays.
        sharding: accepted for compatibility; there is one host.
        vmap_method: what `vmap` does: ``"sequential"`` (or ``"sequential_unrolled"``) calls the function with each element in turn;
            ``"expand_dims"`` calls it once, with a leading batch axis, of size 1 on arguments that are not batched;
            ``"broadcast_all"`` gives these the full size; ``"legacy_vectorized"`` passes them as they are. None refuses.

    Returns:
        what the function returns, a pytree of arrays.

    Raises:
        TypeError: if an argument is not an array, or the function returns another structure, shape or dtype than announced.
        ValueError: if `vmap_method` is unknown, or the arguments are being differentiated: a callback has no derivative, unless a
            `custom_jvp` or `custom_vjp` around it gives one.
        NotImplementedError: under `vmap` without a `vmap_method`.

    >>> import functrans as ft
    >>> def bessel(x):  # any function of arrays
    ...     return np.i0(np.asarray(x))
    >>> f = ft.jit(lambda x: 2 * ft.pure_callback(bessel, ft.ShapeDtypeStruct(x.shape, x.dtype), x))
    >>> print(f(np.zeros(2)))
    [2. 2.]
    """
    if vmap_method not in VMAP_METHODS:
        raise ValueError(f"pure_callback: vmap_method must be one of {', '.join(map(repr, VMAP_METHODS))}; got {vmap_method!r}, at "
                         f"{describe(user_source())}.")
    function, operands = _checked_function("pure_callback", callback, result_shape_dtypes, args, kwargs)
    outs = pure_callback_p.bind(*operands, callback=function, result_avals=function.out_avals, vmap_method=vmap_method)
    return tree_unflatten(function.out_tree, outs)


def io_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, sharding: Any = None, ordered: bool = False, **kwargs: Any,
) -> Any:
    """``callback(*args, **kwargs)``, a Python function that does something, from traced and compiled code too.

    The function is called as often as the program says and in its order, whether its results are used or not: on every turn of a loop,
    in the branch that is taken, once for each element under `vmap`. Recomputation (`checkpoint`, reverse mode through a
    `while_loop`) does not call it again; where its results would be needed there, it is refused.

    Args:
        callback: the function; it gets `functrans.Array`s.
        result_shape_dtypes: what it returns, as for `pure_callback`; None for nothing.
        args, kwargs: pytrees of arrays.
        sharding: accepted for compatibility; there is one host.
        ordered: accepted for compatibility; calls are always in order.

    Returns:
        what the function returns, a pytree of arrays.

    Raises:
        TypeError: if an argument is not an array, or the function returns another structure, shape or dtype than announced.
        ValueError: if the arguments are being differentiated.

    >>> import functrans as ft
    >>> log = []
    >>> f = ft.jit(lambda x: (ft.experimental.io_callback(lambda y: log.append(float(y)), None, x), x + 1)[1])
    >>> print(f(1.0), f(2.0), log)
    2.0 3.0 [1.0, 2.0]
    """
    function, operands = _checked_function("io_callback", callback, result_shape_dtypes, args, kwargs)
    outs = io_callback_p.bind(*operands, callback=function, result_avals=function.out_avals, ordered=bool(ordered))
    return tree_unflatten(function.out_tree, outs)


def run_for_effect(what: str, callback: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], ordered: bool) -> None:
    """Call a function whose result does not matter. Arguments that are no arrays are passed as they are."""
    _check_callable(what, callback)
    leaves, tree = tree_flatten((tuple(args), kwargs))
    arrays = [is_array_like(x) and kind_of(np.dtype(getattr(x, "dtype", float))) in "biufc" for x in leaves]
    held = tuple(Open if a else x for x, a in safe_zip(leaves, arrays))
    function = HostFunction(what, callback, tree, held, user_source())
    debug_callback_p.bind(*(x for x, a in safe_zip(leaves, arrays) if a), callback=function, ordered=bool(ordered))


def effects_barrier() -> None:
    """Return when all callbacks have run. They always have: calls do not return before their callbacks do.

    >>> effects_barrier()
    """


def _check_callable(what: str, callback: Any) -> None:
    if not callable(callback):
        raise TypeError(f"{what}: the callback must be callable; got {callback!r} of type {type(callback).__name__}, at "
                        f"{describe(user_source())}.")


def _checked_function(
    what: str, callback: Callable[..., Any], result_shape_dtypes: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
) -> tuple[Checked, list[Any]]:
    _check_callable(what, callback)
    operands, in_tree = tree_flatten((args, kwargs))
    check_arrays(operands, args, callback, what, kwargs)
    inner = HostFunction(what, callback, in_tree, (Open,) * len(operands), user_source())
    structs, out_tree = tree_flatten(result_shape_dtypes)
    return Checked(inner, out_tree, tuple(_result_aval(what, callback, result_shape_dtypes, i, s) for i, s in enumerate(structs))), operands


def _result_aval(what: str, callback: Any, tree: Any, i: int, struct: Any) -> ShapedArray:
    if not is_array_like(struct) and not (hasattr(struct, "shape") and hasattr(struct, "dtype")):
        path = keystr(tree_flatten_with_path(tree)[0][i][0])
        raise TypeError(f"{what} of {fun_name(callback)}: result_shape_dtypes must be made of objects with a shape and a dtype; "
                        f"result_shape_dtypes{path} is {struct!r}, at {describe(user_source())}. Use functrans.ShapeDtypeStruct(shape, "
                        "dtype).")
    if is_array_like(struct):
        return typeof(struct).strong()
    return ShapedArray(tuple(struct.shape), canonical(np.dtype(struct.dtype)))
