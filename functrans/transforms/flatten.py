"""Between user functions of pytrees and flat functions of arrays: argument checks, flattening, result trees."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from functrans.arguments import brief
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.tree_util import PyTreeDef, keystr, tree_flatten, tree_flatten_with_path, tree_unflatten

__all__ = ["FlatFun", "arg_paths", "argnums_tuple", "check_arrays", "fun_name", "partial_args", "wraps"]


def fun_name(fun: Callable[..., Any]) -> str:
    """What messages call a function."""
    return getattr(fun, "__name__", None) or type(fun).__name__


def wraps(fun: Callable[..., Any], prefix: str = "") -> Callable[[Any], Any]:
    """`functools.wraps` that also serves callables without a name or docstring; `prefix` starts the new name."""

    def decorate(wrapper: Any) -> Any:
        functools.update_wrapper(wrapper, fun, updated=())  # the wrapped object's attributes are its own
        wrapper.__name__ = prefix + fun_name(fun)
        return wrapper

    return decorate


_ARRAY = object()
"""Stands for an array among the leaves of auxiliary data."""


class FlatFun:
    """``fun(*args, **kwargs)`` as a function of leaves that returns leaves; remembers the tree of its result.

    With `has_aux` the arrays of the auxiliary data follow the results, so that a transformation can strip its tracers from
    them too; `split` takes them off again.
    """

    __slots__ = ("_aux_leaves", "_aux_tree", "_count", "_fun", "_in_tree", "_transform", "has_aux", "out_tree")

    def __init__(self, fun: Callable[..., Any], in_tree: PyTreeDef, has_aux: bool = False, transform: str = "the transformation") -> None:
        self._fun = fun
        self._in_tree = in_tree
        self._transform = transform
        self.has_aux = has_aux
        self.out_tree: Any = None

    def __call__(self, *leaves: Any) -> list[Any]:
        args, kwargs = tree_unflatten(self._in_tree, leaves)
        out = self._fun(*args, **kwargs)
        extra: list[Any] = []
        if self.has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise TypeError(f"{self._transform} of {fun_name(self._fun)} with has_aux=True: the function must return a pair "
                                f"(output, auxiliary data); it returned {brief(out)}, at {describe(user_source())}.")
            out, aux = out
            found, self._aux_tree = tree_flatten(aux)
            extra = [x for x in found if is_array_like(x)]
            self._aux_leaves = [_ARRAY if is_array_like(x) else x for x in found]  # no tracer stays here when the call ends
        flat, self.out_tree = tree_flatten(out)
        self._count = len(flat)
        for i, x in enumerate(flat):
            if not is_array_like(x):
                paths, _ = tree_flatten_with_path(out)
                raise TypeError(f"{self._transform} of {fun_name(self._fun)}: the function must return arrays or numbers; "
                                f"result{keystr(paths[i][0])} is {brief(x)}, at {describe(user_source())}.")
        return flat + extra

    def split(self, values: Sequence[Any]) -> tuple[list[Any], Any]:
        """The results proper, and the auxiliary data rebuilt from the values after them."""
        flat = list(values[:self._count])
        if not self.has_aux:
            return flat, None
        arrays = iter(values[self._count:])
        return flat, tree_unflatten(self._aux_tree, [next(arrays) if x is _ARRAY else x for x in self._aux_leaves])


def arg_paths(args: Sequence[Any], fun: Callable[..., Any], kwargs: dict[str, Any] | None = None) -> list[str]:
    """The names of the leaves of positional and keyword arguments, as in ``params['w'][0]``, in the order of `tree_flatten`."""
    try:
        names = [p.name for p in inspect.signature(fun).parameters.values()
                 if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    paths: list[str] = []
    for i, a in enumerate(args):
        name = names[i] if i < len(names) else f"args[{i}]"
        paths.extend(name + keystr(path) for path, _ in tree_flatten_with_path(a)[0])
    for name in sorted(kwargs or ()):
        paths.extend(name + keystr(path) for path, _ in tree_flatten_with_path(kwargs[name])[0])  # type: ignore[index]
    return paths


def check_arrays(leaves: Sequence[Any], args: Sequence[Any], fun: Callable[..., Any], transform: str,
                 kwargs: dict[str, Any] | None = None) -> None:
    """Refuse leaves that are no arrays or numbers, naming their path.

    Raises:
        TypeError: for the first such leaf.
    """
    for i, x in enumerate(leaves):
        if not is_array_like(x):
            path = arg_paths(args, fun, kwargs)[i]
            raise TypeError(f"{transform} of {fun_name(fun)}: argument {path} must be an array or a number; it is {brief(x)}, at "
                            f"{describe(user_source())}.")
        try:
            typeof(x)
        except TypeError as error:
            path = arg_paths(args, fun, kwargs)[i]
            raise TypeError(f"{transform} of {fun_name(fun)}: argument {path}: {error}") from None


def argnums_tuple(argnums: Any, count: int, fun: Callable[..., Any], transform: str) -> tuple[int, ...]:
    """`argnums` as positions from 0, checked against the number of arguments.

    Raises:
        TypeError: if they are not integers.
        ValueError: if one is out of range or named twice.
    """
    given = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    out = []
    for a in given:
        if isinstance(a, bool) or not hasattr(a, "__index__"):
            raise TypeError(f"{transform} of {fun_name(fun)}: argnums must be an int or a tuple of ints; got {argnums!r}, at "
                            f"{describe(user_source())}.")
        i = a.__index__()
        if not -count <= i < count:
            raise ValueError(f"{transform} of {fun_name(fun)}: argnums={argnums!r} asks for argument {i}, and the call has "
                             f"{count} positional argument{'s' if count != 1 else ''}, at {describe(user_source())}.")
        out.append(i % count)
    if len(set(out)) != len(out):
        raise ValueError(f"{transform} of {fun_name(fun)}: argnums={argnums!r} names an argument twice, at {describe(user_source())}.")
    return tuple(out)


def partial_args(fun: Callable[..., Any], argnums: Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """`fun` as a function of the arguments at `argnums`, the others held."""
    held = list(args)

    def of_chosen(*chosen: Any) -> Any:
        full = list(held)
        for i, x in zip(argnums, chosen, strict=True):
            full[i] = x
        return fun(*full, **kwargs)

    of_chosen.__name__ = fun_name(fun)
    return of_chosen


def hashable(x: Any) -> bool:
    """Whether `x` can key a cache."""
    if not isinstance(x, Hashable):
        return False
    try:
        hash(x)
    except TypeError:
        return False
    return True
