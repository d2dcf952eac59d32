"""`vmap`: a function of one example as a function of a batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.transforms.batching import BatchAxis, batch_flat, from_batched
from functrans.transforms.flatten import FlatFun, arg_paths, check_arrays, fun_name, wraps
from functrans.tree_util import broadcast_prefix, prefix_errors, tree_flatten, tree_structure, tree_unflatten
from functrans.util import safe_zip

__all__ = ["vmap"]


def vmap(
    fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_name: Hashable = None, axis_size: int | None = None,
    spmd_axis_name: Any = None,
) -> Callable[..., Any]:
    """Map `fun` over an axis of its arguments, without a loop.

    Args:
        fun: a function of arrays or pytrees.
        in_axes: the axis to map over: an int, None (not mapped), or a tuple/list with one entry for each positional argument,
            each itself an int, None or a pytree prefix of the argument. Keyword arguments are mapped over axis 0.
        out_axes: where the axis is in each result: an int, None (the result must be the same for the whole batch), or a
            pytree prefix of the result.
        axis_name: a name for the axis, for collectives (`lax.psum` ...).
        axis_size: the size of the axis, needed only where no argument is mapped.
        spmd_axis_name: accepted for compatibility; there is one host.

    Returns:
        the batched function.

    Raises:
        ValueError: if mapped axes differ in size, an axis is out of range, or the specifications do not fit the arguments; the
            message names the argument.
        TypeError: if `in_axes` is of a wrong type.

    >>> import numpy as np
    >>> vmap(lambda x, y: x * y, in_axes=(0, None))(np.arange(3.0), 2.0)
    Array([0., 2., 4.], dtype=float64)
    """
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if not (in_axes is None or type(in_axes) in (int, tuple, dict)) and not hasattr(in_axes, "__index__"):
        raise TypeError(f"vmap of {fun_name(fun)}: in_axes must be an int, None, or a tuple with an entry for each positional "
                        f"argument; got {in_axes!r} of type {type(in_axes).__name__}, at {describe(user_source())}.")

    @wraps(fun, "vmap_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ValueError(f"vmap of {fun_name(fun)}: in_axes has {len(in_axes)} entries, {in_axes}, and the call has {len(args)} "
                             f"positional arguments, at {describe(user_source())}. Give one entry for each.")
        flat, tree = tree_flatten((args, kwargs))
        check_arrays(flat, args, fun, "vmap", kwargs)
        dims = _input_dims(fun, in_axes, args, kwargs)
        names = partial(arg_paths, args, fun, kwargs)
        checked = [_checked_dim(fun, names, i, x, d) for i, (x, d) in enumerate(safe_zip(flat, dims))]
        size = _axis_size(fun, names, flat, checked, axis_size)
        flat_fun = FlatFun(fun, tree, False, "vmap")
        values, out_dims = batch_flat(flat_fun, BatchAxis(size, axis_name), flat, checked)
        targets = _output_dims(fun, out_axes, flat_fun.out_tree, len(values))
        outs = [from_batched(size, v, d, _checked_out(fun, typeof(v).ndim + (d is None), t))
                for v, d, t in safe_zip(values, out_dims, targets)]
        return tree_unflatten(flat_fun.out_tree, outs)

    return wrapper


def _is_none(x: Any) -> bool:
    return x is None


def _input_dims(fun: Any, in_axes: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[int | None]:
    try:
        dims = broadcast_prefix(in_axes, tuple(args), is_leaf=_is_none)
    except ValueError:
        messages = prefix_errors(in_axes, tuple(args), "vmap in_axes", is_leaf=_is_none)
        detail = messages[0] if messages else "the structures differ."
        raise ValueError(f"vmap of {fun_name(fun)}: in_axes does not fit the arguments, at {describe(user_source())}: {detail}") from None
    return [*dims, *([0] * len(tree_flatten(kwargs)[0]))]


def _checked_dim(fun: Any, names: Callable[[], Sequence[str]], i: int, x: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"vmap of {fun_name(fun)}: in_axes entries must be ints or None; got {dim!r}, at {describe(user_source())}.")
    ndim = typeof(x).ndim
    if not -ndim <= dim < ndim:
        raise ValueError(f"vmap of {fun_name(fun)}: in_axes asks for axis {dim} of {names()[i]}, which has shape {typeof(x).shape}, at "
                         f"{describe(user_source())}. Use None for an argument that is not mapped.")
    return int(dim) % ndim


def _axis_size(fun: Any, names: Callable[[], Sequence[str]], flat: Sequence[Any], dims: Sequence[int | None], given: int | None) -> int:
    sizes = {i: typeof(x).shape[d] for i, (x, d) in enumerate(safe_zip(flat, dims)) if d is not None}
    distinct = set(sizes.values()) | ({int(given)} if given is not None else set())
    if len(distinct) == 1:
        return distinct.pop()
    if not distinct:
        raise ValueError(f"vmap of {fun_name(fun)}: no argument is mapped, so the size of the axis is unknown, at "
                         f"{describe(user_source())}. Map at least one argument, or pass axis_size.")
    paths = names()
    listed = "; ".join(f"{paths[i]} has size {n} along axis {dims[i]}" for i, n in sizes.items())
    extra = "" if given is None else f"; axis_size is {given}"
    raise ValueError(f"vmap of {fun_name(fun)}: mapped axes must have equal sizes, at {describe(user_source())}: {listed}{extra}.")


def _output_dims(fun: Any, out_axes: Any, out_tree: Any, count: int) -> list[Any]:
    if type(out_axes) is int or out_axes is None:
        return [out_axes] * count
    skeleton = tree_unflatten(out_tree, [0] * count)
    if isinstance(out_axes, list) and not isinstance(skeleton, list):
        out_axes = tuple(out_axes)
    try:
        return broadcast_prefix(out_axes, skeleton, is_leaf=_is_none)
    except ValueError:
        raise ValueError(f"vmap of {fun_name(fun)}: out_axes={out_axes!r} does not fit the result, whose structure is "
                         f"{tree_structure(skeleton)}, at {describe(user_source())}.") from None


def _checked_out(fun: Any, ndim: int, dim: Any) -> int | None:
    if dim is None:
        return None
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"vmap of {fun_name(fun)}: out_axes entries must be ints or None; got {dim!r}, at {describe(user_source())}.")
    if not -ndim <= dim < ndim:
        raise ValueError(f"vmap of {fun_name(fun)}: out_axes asks for axis {dim} of a result with {ndim} axes (the batch axis "
                         f"included), at {describe(user_source())}.")
    return int(dim) % ndim
