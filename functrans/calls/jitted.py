"""The function `jit` and the object it makes: signatures, caches, dispatch, stages.

A call is looked up by its signature (structure of the arguments, their avals, static values, options), under which the
traced paths of the function stand (`functrans.calls.paths`); nearly always there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np

from functrans.calls.guards import Disagreement, Guard, GuardRecorder
from functrans.calls.jit import bind_jaxpr
from functrans.calls.paths import Path, Paths
from functrans.calls.questions import ValueNeeded
from functrans.calls.refs import Frame, Ref, RefsFound, carrying, restored, threaded, values_of
from functrans.config import config, disable_jit, options, trace_key
from functrans.core.array import Array
from functrans.core.aval import ShapedArray, ShapeDtypeStruct
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Tracer, axis_env, current_trace, is_array_like, to_numpy, typeof
from functrans.core.watch import refused
from functrans.transforms.flatten import FlatFun, check_arrays, fun_name, hashable, wraps
from functrans.transforms.stage import stage
from functrans.tree_util import PyTreeDef, tree_flatten, tree_leaves, tree_unflatten

__all__ = ["Compiled", "JitFunction", "Lowered", "Traced", "clear_caches", "jit"]


class JitFunction:
    """A function that is traced, compiled and cached by the types of its arguments (see `jit`)."""

    def __init__(self, fun: Callable[..., Any], static_argnums: tuple[int, ...], static_argnames: tuple[str, ...],
                 strict: bool = False) -> None:
        self._fun = fun
        self._static_argnums = static_argnums
        self._static_argnames = frozenset(static_argnames)
        self._strict = strict
        self._held: tuple[Ref, ...] | None = None  # references whose values its arguments carry; None if none ever are
        self._stateful: _Stateful | None = None
        self._cache: dict[Any, Paths] = {}
        _all_functions.add(self)
        wraps(fun)(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        current = options()
        if current.disable_jit:
            return self._fun(*args, **kwargs)
        if self._stateful is not None:
            return self._stateful(args, kwargs)
        if (current.debug_nans or current.debug_infs) and type(current_trace()) is EvalTrace:
            return self._watched(args, kwargs)
        try:
            dynamic, static = self._split(args, kwargs)
            leaves, tree = tree_flatten(dynamic)
            if type(current_trace()) is EvalTrace:
                values, signature = self._values(leaves, dynamic)
                if values is not None:
                    key = (tree, static, signature, trace_key(current))
                    found = self._cache.get(key)
                    seen = None
                    if found is not None and (path := found.recent) is not None:
                        out = path.attempt(values)
                        if type(out) is not Disagreement:
                            return tree_unflatten(path.out_tree, out)
                        seen = path, out
                    return self._first(key, _Call(dynamic, static, leaves, tree), values, seen)
            return self._traced(_Call(dynamic, static, leaves, tree))
        except RefsFound as needed:
            if self._held is not None:
                raise
            self._stateful = _Stateful(self, needed.refs)
        return self._stateful(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else _BoundJit(self, instance)

    def __repr__(self) -> str:
        return f"<jit of {fun_name(self._fun)}>"

    def _watched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call whose results must have no nan or infinity: where one has, the function runs again operation by operation."""
        watching = options()
        with config(debug_nans=False, debug_infs=False):
            out = self(*args, **kwargs)
        found = refused(tree_leaves(out), watching)
        if found is None:
            return out
        with disable_jit():
            self._fun(*args, **kwargs)
        raise FloatingPointError(f"jit of {fun_name(self._fun)}: {found[0]} in the result {found[1]}, at {describe(user_source())}. Run "
                                 "operation by operation, without compiling, no operation makes it.")

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
            elif kind is Ref:
                raise RefsFound(())
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

    def _first(self, key: Any, call: _Call, values: list[np.ndarray], seen: Any) -> Any:
        """A call on arrays that the path used last does not serve."""
        found = self._cache.setdefault(key, Paths())
        try:
            path, out = found.follow(values, lambda decided: self._trace(call, values, decided), seen)
        except ValueNeeded:
            return self._inlined(call)
        return tree_unflatten(path.out_tree, bind_jaxpr(path.closed, call.leaves, fun_name(self._fun)) if out is None else out)

    def _traced(self, call: _Call) -> Any:
        """A call under another transformation: one equation, of the path that the values behind the arguments take.

        Where Python asks for values that are not known here, or for so many that there are too many paths, the function becomes part
        of the function around it, whose transformation may know them, and otherwise says why not.
        """
        leaves = call.leaves
        if any(type(x) is Ref for x in leaves):
            raise RefsFound(())
        check_arrays(leaves, [*call.dynamic[0], *call.dynamic[1].values()], self._fun, "jit")
        avals = tuple((a.shape, a.dtype, a.weak_type) for a in map(typeof, leaves))
        found = self._cache.setdefault((call.tree, call.static, avals, trace_key(options()), *axis_env().items()), Paths())
        path = found.recent
        if path is None or found.guarded:
            values = known_values(leaves)
            known = tuple(v is not None for v in values)
            if known in found.unanswered or (found.full and not all(known)):
                return self._inlined(call)
            try:
                path, _ = found.follow(values, lambda decided: self._trace(call, values, decided), run=False)
            except ValueNeeded:
                found.unanswered.add(known)
                return self._inlined(call)
            path.check_derivatives(leaves)
        return tree_unflatten(path.out_tree, bind_jaxpr(path.closed, leaves, fun_name(self._fun)))

    def _trace(self, call: _Call, values: Sequence[np.ndarray | None], decided: Sequence[Guard] = (), why: str = "") -> Path:
        """Stage the function along the path that `values` take (None for those not known); with `why`, refuse Python control flow."""
        avals = [typeof(x) for x in call.leaves]
        name = f"jit of {fun_name(self._fun)}"
        if options().no_tracing:
            raise RuntimeError(f"{name} would be traced for {', '.join(map(str, avals)) or 'no arguments'}, and no_tracing is set, at "
                               f"{describe(user_source())}. Call it with such arguments before, or leave the context.")
        recorder = None
        if self._strict:
            why = f"{name} has strict=True: it traces by shapes and dtypes alone, and refuses Python control flow on values."
        elif not why:
            given = [None if v is None else Array(v.view(), a.weak_type) for v, a in zip(values, avals, strict=True)]
            recorder = GuardRecorder(name, given, decided)
        flat_fun, frame = self._flat(call), Frame()
        closed = stage(frame.around(flat_fun), avals, name, recorder, why)
        if found := [r for r in frame.values if r not in (self._held or ())]:
            raise RefsFound(found)
        if recorder is None:
            return Path(closed, (), flat_fun.out_tree, name)
        if recorder.needed:  # the program has swallowed the exception
            raise ValueNeeded
        return Path(closed, recorder.guards, flat_fun.out_tree, name)

    def _inlined(self, call: _Call) -> Any:
        """The function's own operations, under the current transformation."""
        flat_fun = self._flat(call)
        outs = flat_fun(*map(_as_array, call.leaves))
        return tree_unflatten(flat_fun.out_tree, list(map(_as_array, outs)))

    def _flat(self, call: _Call) -> FlatFun:
        """The function of the dynamic leaves, with the static arguments in their places."""
        return FlatFun(self.fixed(call.static), call.tree, False, "jit")

    def fixed(self, static: Any) -> Callable[..., Any]:
        """The function of the dynamic arguments alone."""
        if not static:
            return self._fun
        n, given = static
        positional = {w: v for w, _, v in given if isinstance(w, int)}
        named = {w: v for w, _, v in given if not isinstance(w, int)}

        def of_dynamic(*args: Any, **kwargs: Any) -> Any:
            rest = iter(args)
            return self._fun(*[positional[i] if i in positional else next(rest) for i in range(n)], **kwargs, **named)

        return wraps(self._fun)(of_dynamic)

    # -- stages -------------------------------------------------------------------------------------------------

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Trace at the given arguments (arrays or `ShapeDtypeStruct`) without running.

        Python control flow on values takes arrays, and follows the path that they take.
        """
        dynamic, static = self._split(args, kwargs)
        leaves, tree = tree_flatten(dynamic)
        if self._stateful is not None or any(type(x) is Ref for x in leaves):
            raise TypeError(f"jit of {fun_name(self._fun)}: trace, lower and eval_shape take functions that use no Ref from outside, at "
                            f"{describe(user_source())}. Call the function itself, or pass and return the values: ref[...].")
        call = _Call(dynamic, static, leaves, tree)
        values = known_values(leaves) if all(map(is_array_like, leaves)) else [None]
        if any(v is None for v in values):
            return Traced(self._trace(call, (), (), _TYPES_ALONE), tree)
        try:
            return Traced(self._trace(call, values), tree)
        except ValueNeeded:
            return Traced(self._trace(call, (), (), _CLOSED_OVER), tree)

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
        self._stateful = None


class _Stateful:
    """A jitted function that uses references from outside: a jitted function of their values too, which returns those it leaves behind."""

    def __init__(self, function: JitFunction, held: tuple[Ref, ...]) -> None:
        self._function = function

        def of_values(befores: Sequence[Any], leaves: Sequence[Any], layout: Any) -> Any:
            tree, static, places = layout
            leaves = [Ref(x) if i in places else x for i, x in enumerate(leaves)]
            args, kwargs = tree_unflatten(tree, leaves)
            closed_over, out = threaded(self._pure._held or (), function.fixed(static))(befores, *args, **kwargs)
            return closed_over, values_of([leaves[i] for i in places]), out

        self._pure = JitFunction(wraps(function._fun)(of_values), (2,), (), function._strict)
        self._pure._held = held

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function, pure = self._function, self._pure
        dynamic, static = function._split(args, kwargs)
        leaves, tree = tree_flatten(dynamic)
        places = tuple(i for i, x in enumerate(leaves) if type(x) is Ref)
        given = [leaves[i] for i in places]
        values = [x.value() if type(x) is Ref else x for x in leaves]
        check_arrays(values, [*dynamic[0], *dynamic[1].values()], function._fun, "jit")

        def run(found: tuple[Ref, ...]) -> Any:
            pure._held = held = tuple(dict.fromkeys((*(pure._held or ()), *found)))
            if len({*held, *given}) < len(held) + len(given):
                raise ValueError(f"jit of {fun_name(function._fun)}: a Ref is given to it twice, as two arguments or as an argument and in "
                                 f"its closure, at {describe(user_source())}. Use it by one name.")
            closed_over, passed, out = pure(values_of(held), values, (tree, static, places))
            restored([*held, *given], [*closed_over, *passed])
            return out

        return carrying(run)


_WEAK_SCALARS = frozenset({int, float, complex})

_TYPES_ALONE = ("jit(f).trace, lower and eval_shape were given types instead of arrays, so there are no values; given arrays, they "
                "follow the path that these take.")
_CLOSED_OVER = "It depends on a value of an outer transformation that the function closes over, which is not known."


class _Call(NamedTuple):
    """The arguments of a call: dynamic ones, a hashable form of static ones, the leaves of the dynamic ones and their tree."""

    dynamic: Any
    static: Any
    leaves: Sequence[Any]
    tree: PyTreeDef


def known_values(leaves: Sequence[Any]) -> list[np.ndarray | None]:
    """The contiguous arrays behind the leaves; None for each that has no value."""
    behind = [x.concrete() if isinstance(x, Tracer) else x for x in leaves]
    return [None if x is None else np.require(to_numpy(x), requirements="C") for x in behind]


def _as_array(x: Any) -> Any:
    """A leaf as what a traced function sees in its place: a number as a (weak) array, an array as one that cannot change."""
    if isinstance(x, (Tracer, Array)):
        return x
    return Array(np.array(to_numpy(x)), typeof(x).weak_type)


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

    def __init__(self, made: Path, in_tree: PyTreeDef) -> None:
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
        self._executable = traced._made.executable

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
                return str(self._traced.jaxpr)
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
        out = made.attempt(values)
        if type(out) is Disagreement:
            raise ValueError(f"{made.name} was lowered along one path, and these arguments take another: {out.guard.conversion.what} was "
                             f"{made.guards[out.place].key}, and is {out.guard.key}, at {describe(out.guard.source)}. Call the jitted "
                             "function itself, which follows every path.")
        return tree_unflatten(made.out_tree, out)


def jit(
    fun: Callable[..., Any] | None = None, *, static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None, donate_argnums: int | Sequence[int] | None = None,
    donate_argnames: str | Sequence[str] | None = None, keep_unused: bool = False, device: Any = None, backend: str | None = None,
    inline: bool = False, strict: bool = False,
) -> Any:
    """Compile a function to native code.

    The function is traced once for each combination of argument structure, shapes, dtypes and static values; later calls
    run machine code. It must be pure: Python side effects happen while tracing only.

    Python control flow works: where the function asks a traced value for its truth or its number (`if`, `while`, `range`,
    `assert`, ``int(x)``), the call's arguments answer, and the answers are guards of the path that was traced. Each path is
    traced and compiled once, and ``config.max_paths`` bounds their number.

    Args:
        fun: the function; left out, `jit` is a decorator with options.
        static_argnums: positions of arguments that are compile-time constants (hashable); each value compiles anew.
        static_argnames: names of such arguments. Positions and names are inferred from each other.
        donate_argnums, donate_argnames: arguments whose memory may be reused; accepted, and arguments are left intact.
        keep_unused, device, backend, inline: accepted for compatibility.
        strict: refuse Python control flow on traced values, as JAX does.

    Returns:
        a callable with `trace`, `lower`, `eval_shape` and `clear_cache`.

    Raises:
        TypeError: if `fun` is not callable.
        ValueError: (from a call) if a static argument is not hashable.
        TypeError: (from a call) if Python control flow takes more than ``config.max_paths`` paths.

    >>> @jit
    ... def f(x):
    ...     return x * x + 1.0
    >>> print(f(3.0))
    10.0
    >>> @jit
    ... def root(x):
    ...     y = x
    ...     while abs(y * y - x) > 1e-9:
    ...         y = (y + x / y) / 2.0
    ...     return y
    >>> print(root(9.0), root(625.0))
    3.0 25.0
    """
    if fun is None:
        return lambda f: jit(f, static_argnums=static_argnums, static_argnames=static_argnames, donate_argnums=donate_argnums,
                             donate_argnames=donate_argnames, keep_unused=keep_unused, device=device, backend=backend, inline=inline,
                             strict=strict)
    if not callable(fun):
        raise TypeError(f"jit takes a function; got {fun!r} of type {type(fun).__name__}, at {describe(user_source())}.")
    argnums = () if static_argnums is None else (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    argnames = () if static_argnames is None else (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    argnums, argnames = _infer_static(fun, argnums, argnames)
    return JitFunction(fun, argnums, argnames, strict)


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

