"""The function `jit` and the object it makes: signatures, caches, dispatch, stages.

Dispatch sits behind one small interface: a *specialisation* is looked up by the signature of a call (structure of the
arguments, their avals, static values, options) and called with flat arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

import numpy as np

from functrans.calls.jit import bind_jaxpr, compiled
from functrans.config import options, trace_key
from functrans.core.array import Array
from functrans.core.aval import ShapedArray, ShapeDtypeStruct
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Tracer, axis_env, current_trace, to_numpy, typeof
from functrans.transforms.flatten import FlatFun, check_arrays, fun_name, hashable, wraps
from functrans.transforms.stage import stage
from functrans.tree_util import PyTreeDef, tree_flatten, tree_unflatten

__all__ = ["Compiled", "JitFunction", "Lowered", "Traced", "clear_caches", "jit"]


class Specialization:
    """One traced form of a function: its jaxpr, the tree of its result, and the code once compiled."""

    __slots__ = ("_run", "_weak", "closed", "out_tree")

    def __init__(self, closed: ClosedJaxpr, out_tree: PyTreeDef) -> None:
        self.closed = closed
        self.out_tree = out_tree
        self._run: Any = None
        self._weak = [a.weak_type for a in closed.out_avals]

    def __call__(self, values: list[np.ndarray]) -> list[Any]:
        """Run the compiled code on contiguous arrays of the traced types."""
        if self._run is None:
            self._run = compiled(self.closed)
        return [Array(v, w) for v, w in zip(self._run(values), self._weak, strict=True)]


class JitFunction:
    """A function that is traced, compiled and cached by the types of its arguments (see `jit`)."""

    def __init__(self, fun: Callable[..., Any], static_argnums: tuple[int, ...], static_argnames: tuple[str, ...]) -> None:
        self._fun = fun
        self._static_argnums = static_argnums
        self._static_argnames = frozenset(static_argnames)
        self._cache: dict[Any, Specialization] = {}
        _all_functions.add(self)
        wraps(fun)(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        current = options()
        if current.disable_jit:
            return self._fun(*args, **kwargs)
        dynamic, static = self._split(args, kwargs)
        leaves, tree = tree_flatten(dynamic)
        trace = current_trace()
        if type(trace) is EvalTrace:
            values, signature = self._values(leaves, dynamic)
            if values is not None:
                key = (tree, static, signature, trace_key(current))
                found = self._cache.get(key)
                if found is None:
                    found = self._specialize(key, dynamic, static, leaves, tree)
                if not any(isinstance(c, Tracer) for c in found.closed.consts):
                    return tree_unflatten(found.out_tree, found(values))
        found = self._traced(dynamic, static, leaves, tree)
        return tree_unflatten(found.out_tree, bind_jaxpr(found.closed, leaves, fun_name(self._fun)))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else _BoundJit(self, instance)

    def __repr__(self) -> str:
        return f"<jit of {fun_name(self._fun)}>"

    # -- signatures ---------------------------------------------------------------------------------------------

    def _split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """The dynamic arguments ``(args, kwargs)`` and a hashable form of the static ones."""
        if not self._static_argnums and not (kwargs and self._static_argnames):
            return (args, kwargs), ()
        n = len(args)
        positions = {i + n if i < 0 else i for i in self._static_argnums}
        static: list[tuple[Any, Any]] = [(i, args[i]) for i in sorted(positions) if i < n]
        static += [(k, kwargs[k]) for k in sorted(kwargs) if k in self._static_argnames]
        for where, value in static:
            if isinstance(value, (np.ndarray, Array, Tracer)) or not hashable(value):
                raise ValueError(
                    f"jit of {fun_name(self._fun)}: static argument {where!r} must be hashable; it is {value!r} of type "
                    f"{type(value).__name__}, at {describe(user_source())}. Pass a tuple instead of a list, or make the argument "
                    "dynamic.")
        dynamic = (tuple(a for i, a in enumerate(args) if i not in positions),
                   {k: v for k, v in kwargs.items() if k not in self._static_argnames})
        # repr tells 0.0 from -0.0, which compare equal
        return dynamic, (n, tuple((w, repr(v) if type(v) is float else type(v), v) for w, v in static))

    def _values(self, leaves: Sequence[Any], dynamic: Any) -> tuple[list[np.ndarray] | None, Any]:
        """Contiguous arrays and their types for a compiled call; (None, None) where some leaf is traced."""
        values: list[np.ndarray] = []
        signature: list[Any] = []
        for x in leaves:
            kind = type(x)
            if kind is Array:
                value = x._value
                signature.append((value.shape, value.dtype, x._weak))
            elif isinstance(x, Tracer):
                return None, None
            else:
                try:
                    value = to_numpy(x)
                except TypeError:
                    check_arrays(leaves, [*dynamic[0], *dynamic[1].values()], self._fun, "jit")  # names the argument
                    raise
                signature.append((value.shape, value.dtype, kind in _WEAK_SCALARS))
            if not value.flags.c_contiguous:
                value = np.ascontiguousarray(value)
            values.append(value)
        return values, tuple(signature)

    # -- tracing ------------------------------------------------------------------------------------------------

    def _specialize(self, key: Any, dynamic: Any, static: Any, leaves: Sequence[Any], tree: PyTreeDef) -> Specialization:
        made = self._trace(dynamic, static, leaves, tree)
        if not any(isinstance(c, Tracer) for c in made.closed.consts):
            self._cache[key] = made
        return made

    def _traced(self, dynamic: Any, static: Any, leaves: Sequence[Any], tree: PyTreeDef) -> Specialization:
        """The specialisation for a call under another transformation."""
        check_arrays(leaves, [*dynamic[0], *dynamic[1].values()], self._fun, "jit")
        avals = tuple((a.shape, a.dtype, a.weak_type) for a in map(typeof, leaves))
        key = (tree, static, avals, trace_key(options()), *axis_env().items())
        found = self._cache.get(key)
        return found if found is not None else self._specialize(key, dynamic, static, leaves, tree)

    def _trace(self, dynamic: Any, static: Any, leaves: Sequence[Any], tree: PyTreeDef) -> Specialization:
        fun = self._fun
        if static:
            n, fixed = static
            positional = {w: v for w, _, v in fixed if isinstance(w, int)}
            named = {w: v for w, _, v in fixed if not isinstance(w, int)}
            inner = fun

            def fun(*args: Any, **kwargs: Any) -> Any:
                rest = iter(args)
                return inner(*[positional[i] if i in positional else next(rest) for i in range(n)], **kwargs, **named)

        flat_fun = FlatFun(fun, tree, False, "jit")
        closed = stage(flat_fun, [typeof(x) for x in leaves], f"jit of {fun_name(self._fun)}")
        return Specialization(closed, flat_fun.out_tree)

    # -- stages -------------------------------------------------------------------------------------------------

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Trace at the given arguments (arrays or `ShapeDtypeStruct`) without running."""
        dynamic, static = self._split(args, kwargs)
        leaves, tree = tree_flatten(dynamic)
        return Traced(self._trace(dynamic, static, leaves, tree), tree)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """`trace` followed by `Traced.lower`."""
        return self.trace(*args, **kwargs).lower()

    def eval_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shapes and dtypes of the result."""
        made = self.trace(*args, **kwargs)
        return made.out_info

    def clear_cache(self) -> None:
        """Forget every traced and compiled form."""
        self._cache.clear()


_WEAK_SCALARS = frozenset({int, float, complex})


_all_functions: WeakSet[JitFunction] = WeakSet()


class _BoundJit:
    """A jitted method bound to its instance, which is the first (dynamic) argument."""

    def __init__(self, function: JitFunction, instance: Any) -> None:
        self._function = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self.__self__, *args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        return self._function.lower(self.__self__, *args, **kwargs)


class Traced:
    """A function traced at given types: `jaxpr`, `out_info`, `lower()`."""

    def __init__(self, made: Specialization, in_tree: PyTreeDef) -> None:
        self._made = made
        self.in_tree = in_tree

    @property
    def jaxpr(self) -> ClosedJaxpr:
        return self._made.closed

    @property
    def out_info(self) -> Any:
        """The result's structure with shapes and dtypes."""
        shapes = [ShapeDtypeStruct(a.shape, a.dtype, a.weak_type) for a in self._made.closed.out_avals]
        return tree_unflatten(self._made.out_tree, shapes)

    def lower(self) -> Lowered:
        """Compile down to machine code."""
        return Lowered(self)


class Lowered:
    """A traced function with its lowered stages."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced
        self._executable = compiled(traced.jaxpr)

    @property
    def out_info(self) -> Any:
        return self._traced.out_info

    def as_text(self, stage: str = "llvm") -> str:
        """One stage as text: ``jaxpr``, ``simplified``, ``kernels``, ``llvm`` or ``assembly``.

        Raises:
            ValueError: for another name.
        """
        stages = self._executable.stages
        match stage:
            case "jaxpr":
                return str(stages.jaxpr)
            case "simplified":
                return str(stages.simplified)
            case "kernels":
                return "\n".join(map(str, stages.program.steps))
            case "llvm":
                text: str = stages.module.text
                return text
            case "assembly":
                code: str = stages.assembly()
                return code
        raise ValueError(f"stage must be jaxpr, simplified, kernels, llvm or assembly; got {stage!r}, at {describe(user_source())}.")

    def compile(self) -> Compiled:
        """The callable."""
        return Compiled(self._traced)


class Compiled:
    """A compiled function: call it with arguments of the traced types."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, tree = tree_flatten((args, kwargs))
        if tree != self._traced.in_tree:
            raise TypeError(f"the compiled function takes arguments of structure {self._traced.in_tree}; got {tree}, at "
                            f"{describe(user_source())}.")
        made = self._traced._made
        values = []
        for i, (x, a) in enumerate(zip(leaves, made.closed.in_avals, strict=True)):
            aval: ShapedArray = typeof(x)
            if not aval.same_type(a):
                raise TypeError(f"the compiled function takes {a} as leaf {i} of its arguments; got {aval}, at "
                                f"{describe(user_source())}.")
            values.append(np.ascontiguousarray(to_numpy(x)))
        return tree_unflatten(made.out_tree, made(values))


def jit(
    fun: Callable[..., Any] | None = None, *, static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None, donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Sequence[str] | None = None, keep_unused: bool = False, device: Any = None, backend: str | None = None,
    inline: bool = False,
) -> Any:
    """Compile a function to native code.

    The function is traced once for each combination of argument structure, shapes, dtypes and static values; later calls
    run machine code. It must be pure: Python side effects happen while tracing only.

    Args:
        fun: the function; left out, `jit` is a decorator with options.
        static_argnums: positions of arguments that are compile-time constants (hashable); each value compiles anew.
        static_argnames: names of such arguments. Positions and names are inferred from each other.
        donate_argnums, donate_argnames: arguments whose memory may be reused; accepted, and arguments are left intact.
        keep_unused, device, backend, inline: accepted for compatibility.

    Returns:
        a callable with `trace`, `lower`, `eval_shape` and `clear_cache`.

    Raises:
        TypeError: if `fun` is not callable.
        ValueError: (from a call) if a static argument is not hashable.

    >>> @jit
    ... def f(x):
    ...     return x * x + 1.0
    >>> print(f(3.0))
    10.0
    """
    if fun is None:
        return lambda f: jit(f, static_argnums=static_argnums, static_argnames=static_argnames, donate_argnums=donate_argnums,
                             donate_argnames=donate_argnames, keep_unused=keep_unused, device=device, backend=backend, inline=inline)
    if not callable(fun):
        raise TypeError(f"jit takes a function; got {fun!r} of type {type(fun).__name__}, at {describe(user_source())}.")
    argnums = () if static_argnums is None else (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    argnames = () if static_argnames is None else (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    argnums, argnames = _infer_static(fun, argnums, argnames)
    return JitFunction(fun, argnums, argnames)


def _infer_static(fun: Callable[..., Any], argnums: tuple[int, ...], argnames: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Static arguments known by position are static by name too, and the other way round."""
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        return argnums, argnames
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    places = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        for i in argnums:
            if not -places <= i < places:
                raise ValueError(f"jit of {fun_name(fun)}: static_argnums={i}, and the function has {places} positional arguments, at "
                                 f"{describe(user_source())}.")
    accepts_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in argnames:
        if not accepts_any and name not in {p.name for p in parameters}:
            raise ValueError(f"jit of {fun_name(fun)}: static_argnames names {name!r}, which is not one of its arguments "
                             f"({', '.join(p.name for p in parameters)}), at {describe(user_source())}.")
    nums = dict.fromkeys((*argnums, *(positional.index(n) for n in argnames if n in positional)))
    names = dict.fromkeys((*argnames, *(positional[i] for i in argnums if -len(positional) <= i < len(positional))))
    return tuple(nums), tuple(names)


def clear_caches() -> None:
    """Forget every compiled function of every `jit`."""
    for function in list(_all_functions):
        function.clear_cache()

