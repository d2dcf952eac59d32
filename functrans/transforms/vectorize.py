"""Functions of single elements, vectors or matrices, made to broadcast: `vectorize` and `apply_along_axis`.

Both are `functrans.numpy`'s, and stand here because they are written with `vmap`. `vectorize` maps one axis of the loop after the
other, from the last to the first; along each, an argument of size 1 is not mapped but shared, so nothing is repeated.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence, Set
from typing import Any

import functrans.numpy
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.manipulation import expand_dims
from functrans.numpy.util import asarray_internal, check_arraylike
from functrans.primitives.structural import move_axis, reshape, transpose
from functrans.transforms.vmap import vmap
from functrans.util import canonicalize_axis

__all__ = ["apply_along_axis", "vectorize"]

CoreDims = tuple[tuple[str, ...], ...]

_DIMS = r"\((?:\w+(?:,\w+)*,?)?\)"
_LIST = f"{_DIMS}(?:,{_DIMS})*"
_SIGNATURE = re.compile(f"^{_LIST}->{_LIST}$")


def _parsed(signature: str) -> tuple[CoreDims, CoreDims]:
    text = re.sub(r"\s+", "", signature)
    if not _SIGNATURE.match(text):
        raise ValueError(f"vectorize: not a valid gufunc signature: {signature!r}, at {describe(user_source())}. Write it as "
                         "'(n,m),(m)->(n)'.")
    ins, outs = (tuple(tuple(n for n in dims[1:-1].split(",") if n) for dims in re.findall(_DIMS, side)) for side in text.split("->"))
    return ins, outs


def vectorize(pyfunc: Callable[..., Any], *, excluded: Set[int | str] = frozenset(), signature: str | None = None) -> Callable[..., Any]:
    """`pyfunc`, made to broadcast its arguments.

    Args:
        pyfunc: a function of numbers, or of arrays as the signature says.
        excluded: positions and names of arguments that are passed on as they are.
        signature: the axes of each argument and result that `pyfunc` itself works on, such as ``"(n,m),(m)->(n)"``; none unless
            given.

    Returns:
        A function of arrays with any number of axes before those, which broadcast.

    Raises:
        ValueError: for a malformed signature, or arguments or results that do not fit it.
        TypeError: for another number of arguments than the signature has.

    >>> import numpy as np
    >>> product = vectorize(lambda m, v: m @ v, signature="(n,m),(m)->(n)")
    >>> product(np.ones((5, 2, 3)), np.ones(3)).shape
    (5, 2)
    """
    if any(not isinstance(e, (int, str)) for e in excluded):
        raise TypeError(f"vectorize: excluded holds positions and names of arguments; got {excluded!r}, at {describe(user_source())}.")
    if any(isinstance(e, int) and e < 0 for e in excluded):
        raise ValueError(f"vectorize: excluded holds negative positions: {excluded!r}, at {describe(user_source())}.")
    parsed = None if signature is None else _parsed(signature)

    @functools.wraps(pyfunc)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        mapped = [i for i in range(len(args)) if i not in excluded]
        names = [n for n in kwargs if n not in excluded]

        def core(*values: Any) -> Any:
            given = list(args)
            for i, v in zip(mapped, values, strict=False):
                given[i] = v
            return pyfunc(*given, **{**kwargs, **dict(zip(names, values[len(mapped):], strict=True))})

        return _broadcast(core, [*(args[i] for i in mapped), *(kwargs[n] for n in names)], parsed)

    return wrapped


def _broadcast(core: Callable[..., Any], args: Sequence[Any], parsed: tuple[CoreDims, CoreDims] | None) -> Any:
    check_arraylike("vectorize", *args)
    xs = [asarray_internal(x) for x in args]
    ins: CoreDims = ((),) * len(xs) if parsed is None else parsed[0]
    if len(ins) != len(xs):
        raise TypeError(f"vectorize: wrong number of positional arguments: expected {len(ins)}, got {len(xs)}, at "
                        f"{describe(user_source())}.")
    sizes: dict[str, int] = {}
    for x, dims in zip(xs, ins, strict=True):
        _check_core(x.shape[len(x.shape) - len(dims):] if len(x.shape) >= len(dims) else None, dims, sizes, f"argument of shape {x.shape}")
    loops = [x.shape[:x.ndim - len(dims)] for x, dims in zip(xs, ins, strict=True)]
    rank = max(map(len, loops), default=0)
    if not loops:
        return core()
    whole = functrans.numpy.broadcast_shapes(*loops)
    padded = [(1,) * (rank - len(s)) + s for s in loops]
    operands = [reshape(x, (*(n for n in s if n != 1), *x.shape[x.ndim - len(dims):])) for x, s, dims in zip(xs, padded, ins, strict=True)]

    def checked(*values: Any) -> Any:
        out = core(*values)
        if parsed is not None:
            results = out if isinstance(out, tuple) else (out,)
            if len(results) != len(parsed[1]):
                raise TypeError(f"vectorize: the function returns {len(results)} results, and the signature has {len(parsed[1])}, at "
                                f"{describe(user_source())}.")
            for r, dims in zip(results, parsed[1], strict=True):
                shape = typeof(r).shape
                _check_core(shape if len(shape) == len(dims) else None, dims, dict(sizes), f"result of shape {shape}")
        return out

    f: Callable[..., Any] = checked
    shared: list[int] = []
    for axis in reversed(range(rank)):
        in_axes = tuple(None if s[axis] == 1 else 0 for s in padded)
        if whole[axis] == 1:
            shared.insert(0, axis)
        else:
            f = vmap(f, in_axes)
    out = f(*operands)
    if not shared:
        return out
    return tuple(expand_dims(r, shared) for r in out) if isinstance(out, tuple) else expand_dims(out, shared)


def _check_core(shape: tuple[int, ...] | None, dims: tuple[str, ...], sizes: dict[str, int], what: str) -> None:
    """Sizes of named axes agree wherever a name stands; a name that is a number is the size."""
    if shape is None:
        raise ValueError(f"vectorize: the {what} does not have the axes {dims} of the signature, at {describe(user_source())}.")
    for name, n in zip(dims, shape, strict=True):
        if sizes.setdefault(name, int(name) if name.isdigit() else n) != n:
            raise ValueError(f"vectorize: axis {name!r} has size {sizes[name]} elsewhere, and {n} in the {what}, at "
                             f"{describe(user_source())}.")


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """`func1d` of every vector along an axis of an array; the axes of its result take the place of that axis.

    Args:
        func1d: a function of a vector, and of `args` and `kwargs`.
        axis: the axis.
        arr: an array.

    >>> import numpy as np
    >>> apply_along_axis(lambda v: v[:2] * v.sum(), 0, np.ones((3, 2)))
    Array([[3., 3.],
           [3., 3.]], dtype=float64)
    """
    check_arraylike("apply_along_axis", arr)
    arr = asarray_internal(arr)
    axis = canonicalize_axis(axis, arr.ndim)
    lines = move_axis(arr, axis, arr.ndim - 1)
    outer = lines.shape[:-1]
    f: Callable[..., Any] = lambda v: asarray_internal(func1d(v, *args, **kwargs))  # noqa: E731
    for _ in outer:
        f = vmap(f)
    out = f(lines)
    made = out.ndim - len(outer)
    return transpose(out, (*range(axis), *range(len(outer), len(outer) + made), *range(axis, len(outer))))


for _function in (apply_along_axis, vectorize):
    setattr(functrans.numpy, _function.__name__, _function)
    functrans.numpy.__all__.append(_function.__name__)
