"""NumPy's own functions on our arrays: ``np.sin(x)`` is ``functrans.numpy.sin(x)``, traced or not; other libraries' universal functions.

NumPy asks ``__array_ufunc__`` and ``__array_function__`` of its arguments before it computes; both are answered by the function of
the same name here (NEP 13, NEP 18). Where there is none, a traced argument is an error that names the nearest function there is;
arrays that are not traced are handed to NumPy as ndarrays, since their numbers are known.

A universal function of another library is known by standing under its name in a module of that library which somebody has imported;
nothing is imported for that. A namespace that has twins of such functions says so by `register_ufuncs`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.dtypes import is_inexact, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.numpy.choice import where
from functrans.numpy.operators import install
from functrans.primitives.structural import reshape

__all__ = ["install_protocols", "register_ufuncs"]

_REDUCE = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}
_IGNORED = {"subok": True, "order": "K", "casting": "same_kind"}
_HARMLESS = 0.5
"""Where nearly every function has a value and a derivative."""


def _holds(kind: type, values: Any) -> bool:
    """Whether a tracer (or an Array) is anywhere among nested arguments."""
    if isinstance(values, dict):
        values = values.values()
    return any(_holds(kind, v) if isinstance(v, (list, tuple, dict)) else isinstance(v, kind) for v in values)


def _as_ndarrays(x: Any) -> Any:
    """Nested arguments with every Array as its ndarray."""
    if type(x) is Array:
        return x._value
    if type(x) in (list, tuple):
        return type(x)(map(_as_ndarrays, x))
    return {k: _as_ndarrays(v) for k, v in x.items()} if type(x) is dict else x


def _wrap(x: Any) -> Any:
    """What NumPy computed, as Arrays."""
    if isinstance(x, tuple):
        return tuple(map(_wrap, x))
    return Array(np.asarray(x)) if isinstance(x, (np.ndarray, np.generic)) and kind_of(x.dtype) in "biufc" else x


class _Namespaces:
    """The functions by NumPy's module name, and the lookup in them."""

    def __init__(self, modules: Mapping[str, Mapping[str, Any]]) -> None:
        self.modules = modules

    def find(self, module: str, name: str) -> Callable[..., Any] | None:
        found = self.modules.get(module, {}).get(name)
        return found if callable(found) else None

    def missing(self, module: str, name: str, why: str = "has no functrans equivalent") -> TypeError:
        names = [n for n in self.modules.get(module, {}) if not n.startswith("_")]
        near = difflib.get_close_matches(name, names, n=1)
        prefix = module.replace("numpy", "functrans.numpy", 1)
        hint = f" The nearest is {prefix}.{near[0]}." if near else ""
        return TypeError(f"{module}.{name} {why} for traced arrays, at {describe(user_source())}.{hint} Code that needs the "
                         "numbers themselves belongs outside the traced function.")


@dataclass(frozen=True, slots=True)
class _Library:
    """Another library's universal functions: the modules where they stand, and our twins by their names."""

    modules: tuple[str, ...]
    space: str
    twins: Mapping[str, Callable[..., Any]]

    def has(self, ufunc: np.ufunc) -> bool:
        return any(getattr(sys.modules.get(m), ufunc.__name__, None) is ufunc for m in self.modules)

    def missing(self, ufunc: np.ufunc) -> TypeError:
        near = difflib.get_close_matches(ufunc.__name__, self.twins, n=1, cutoff=0.4)
        hint = f" The nearest is {self.space}.{self.twins[near[0]].__name__}." if near else ""
        return TypeError(f"{self.modules[0]}.{ufunc.__name__} has no functrans equivalent for traced arrays, at {describe(user_source())}."
                         f"{hint} Code that needs the numbers themselves belongs outside the traced function.")


_LIBRARIES: list[_Library] = []


def register_ufuncs(modules: tuple[str, ...], space: str, twins: Mapping[str, Callable[..., Any]]) -> None:
    """Answer another library's universal functions on `Array` and tracers.

    Args:
        modules: where they stand, the public one first.
        space: our namespace, for messages.
        twins: our functions, by the names that the universal functions have.
    """
    _LIBRARIES.append(_Library(modules, space, twins))


def _chosen(function: Callable[..., Any], inputs: tuple[Any, ...], mask: Any) -> Any:
    """A universal function where `mask` is true. Elsewhere, where NumPy leaves what was in memory, it is 0, with derivative 0: the
    function is not evaluated there but at `_HARMLESS`."""
    harmless = 2.0 if function.__name__ in ("acosh", "arccosh") else _HARMLESS
    safe = [where(mask, x, harmless) if isinstance(x, (Tracer, Array, np.ndarray)) and is_inexact(typeof(x).dtype) else x for x in inputs]
    out = function(*safe)
    return tuple(where(mask, y, 0) for y in out) if isinstance(out, tuple) else where(mask, out, 0)


def _called(function: Callable[..., Any], inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    mask = kwargs.get("where", True)
    return function(*inputs) if mask is True else _chosen(function, inputs, mask)


def _refuse_in_place(name: str, ufunc: np.ufunc, target: Any) -> None:
    """``ufunc.at`` changes its first argument, which must not be one of ours. (NumPy itself would write through a read-only view.)"""
    if isinstance(target, (Array, Tracer)):
        update = {"add": "add(v)", "multiply": "multiply(v)", "minimum": "min(v)", "maximum": "max(v)", "divide": "divide(v)",
                  "power": "power(v)", "subtract": "add(-v)"}.get(ufunc.__name__, f"apply({name.replace('numpy', 'functrans.numpy', 1)})")
        raise TypeError(f"{name}.at: functrans arrays are immutable, at {describe(user_source())}. Use the changed copy that "
                        f"x.at[i].{update} returns.")


def _foreign_call(library: _Library, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    twin = library.twins.get(ufunc.__name__)
    if twin is not None and method == "__call__" and not kwargs.keys() - {"where"}:
        return _called(twin, inputs, kwargs)
    if method == "at":
        _refuse_in_place(f"{library.modules[0]}.{ufunc.__name__}", ufunc, inputs[0])
    if _holds(Tracer, inputs) or _holds(Tracer, kwargs):
        if twin is None:
            raise library.missing(ufunc)
        what = f"the method {method}" if method != "__call__" else f"the arguments {', '.join(sorted(kwargs))}"
        raise TypeError(f"{library.modules[0]}.{ufunc.__name__}: {what} cannot be used on traced arrays, at {describe(user_source())}. "
                        f"Call {library.space}.{twin.__name__}, and write reductions, where and astype yourself.")
    if any(type(o) is Array for o in kwargs.get("out", ())):
        raise TypeError(f"{library.modules[0]}.{ufunc.__name__}: out= is an immutable functrans Array; use the returned array, at "
                        f"{describe(user_source())}.")
    result = getattr(ufunc, method)(*_as_ndarrays(inputs), **_as_ndarrays(kwargs))
    return result if "out" in kwargs or method == "at" else _wrap(result)


def _ufunc_call(spaces: _Namespaces, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = ufunc.__name__
    traced = _holds(Tracer, inputs) or _holds(Tracer, kwargs)
    kwargs = {k: v for k, v in kwargs.items() if k not in _IGNORED or v != _IGNORED[k]}
    if "out" in kwargs and all(o is None for o in kwargs["out"]):
        del kwargs["out"]
    # Another library may have one of NumPy's names; as NumPy's it is taken only if it has no twin.
    for library in _LIBRARIES if getattr(np, name, None) is not ufunc else ():
        if library.has(ufunc) and (name in library.twins or not isinstance(getattr(np, name, None), np.ufunc)):
            return _foreign_call(library, ufunc, method, inputs, kwargs)
    if method == "at":
        _refuse_in_place(f"numpy.{name}", ufunc, inputs[0])
    ours = _our_ufunc(spaces, name, method)
    if ours is not None and not kwargs.keys() - _allowed(method):
        return _called(ours, inputs, kwargs) if method == "__call__" else ours(*inputs, **kwargs)
    if not traced:
        targets = kwargs.get("out", ())
        if any(type(o) is Array for o in targets):
            raise TypeError(f"numpy.{name}: out= is an immutable functrans Array; use the returned array, at {describe(user_source())}.")
        result = getattr(ufunc, method)(*_as_ndarrays(inputs), **_as_ndarrays(kwargs))
        return result if targets or method == "at" else _wrap(result)
    if "out" in kwargs:
        raise TypeError(f"numpy.{name}: a traced value cannot be written into an existing array (out=, or x {name} in place), at "
                        f"{describe(user_source())}. Use the returned array: y = functrans.numpy.{name}(...).")
    if ours is not None:
        listed = ", ".join(sorted(kwargs))
        raise TypeError(f"numpy.{name}: the arguments {listed} are not supported for traced arrays, at {describe(user_source())}. "
                        f"Use functrans.numpy.where to choose elements, astype for dtypes.")
    raise spaces.missing("numpy", name if method == "__call__" else f"{name}.{method}")


def _allowed(method: str) -> set[str]:
    if method in ("accumulate", "reduceat"):
        return {"axis"}
    return {"axis", "dtype", "keepdims", "initial", "where"} if method == "reduce" else {"where"} if method == "__call__" else set()


def _our_ufunc(spaces: _Namespaces, name: str, method: str) -> Callable[..., Any] | None:
    """Our function for a ufunc called in some way, or None."""
    if method == "__call__":
        return spaces.find("numpy", name)
    if method == "reduce":
        reduction = spaces.find("numpy", _REDUCE[name]) if name in _REDUCE else getattr(spaces.find("numpy", name), "reduce", None)
        if reduction is None:
            return None

        def reduce(x: Any, axis: Any = 0, **kwargs: Any) -> Any:
            if kwargs.get("dtype") is None:
                kwargs.pop("dtype", None)
            if kwargs.get("initial", 0) is np._NoValue:
                del kwargs["initial"]
            if kwargs.get("where") is True:
                del kwargs["where"]
            return reduction(x, axis=axis, **kwargs)

        return reduce
    if method in ("accumulate", "reduceat"):
        return getattr(spaces.find("numpy", name), method, None)
    if method == "outer":
        function = spaces.find("numpy", name)
        return None if function is None else lambda x, y: function(reshape(x, typeof(x).shape + (1,) * typeof(y).ndim), y)
    return None


def _array_of_numbers(x: Any) -> Any:
    """NumPy takes lists of numbers for arrays, and our functions do not; a list that holds arrays stays one (`concatenate`)."""
    if type(x) is not list or not x:
        return x
    stack = list(x)
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack.extend(item)
        elif not isinstance(item, (bool, int, float, complex, np.generic)):
            return x
    return np.asarray(x)


def _function_call(spaces: _Namespaces, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    module, name = getattr(function, "__module__", "numpy") or "numpy", function.__name__
    ours = spaces.find(module, name)
    if ours is not None and not (kwargs.get("out") is not None and not _holds(Tracer, (args, kwargs))):
        given = {k: _array_of_numbers(v) for k, v in kwargs.items() if v is not np._NoValue and (k, v) != ("casting", "same_kind")}
        return ours(*map(_array_of_numbers, args), **given)
    if _holds(Tracer, (args, kwargs)):
        raise spaces.missing(module, name)
    return function(*_as_ndarrays(args), **_as_ndarrays(kwargs))


def install_protocols(modules: Mapping[str, Mapping[str, Any]]) -> None:
    """Answer NumPy's protocols on `Array` and tracers from `modules`: NumPy module names to their functions by name."""
    spaces = _Namespaces(modules)

    def __array_ufunc__(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _ufunc_call(spaces, ufunc, method, inputs, kwargs)

    def __array_function__(self: Any, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _function_call(spaces, func, args, kwargs)

    install(methods={"__array_ufunc__": __array_ufunc__, "__array_function__": __array_function__})
