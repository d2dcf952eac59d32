"""Primitives, traces and tracers: how one program has many meanings.

Every operation goes through `Primitive.bind`, which asks the *current trace* what to do with it. The default trace
evaluates in NumPy; each application of a transformation makes a `Trace` of its own, whose *parent* is the trace that was
current when it was applied. A `Tracer` belongs to exactly one trace (its tag); to every other trace it is a constant.

Why tags: in ``grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0)`` the inner derivative must not see the outer tangent of
``x``. The inner trace asks "is this tracer mine?", finds that ``x`` is not, and treats it as a constant whose own
operations are passed to the parent. There are no levels to compare, and so none to confuse (Siskind & Pearlmutter,
"Nesting forward-mode AD in a functional framework", 2008).

The current trace sits in a `ContextVar`, so threads and asynchronous tasks do not see one another's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, ClassVar

import numpy as np

from functrans.config import options
from functrans.core.array import Array
from functrans.core.aval import ShapedArray, scalar_aval
from functrans.core.conversion import COMPLEX, FLOAT, INDEX, INT, LIST, TRUTH, Conversion, item_at
from functrans.core.dtypes import canonical, is_discrete
from functrans.core.source import Source, describe, user_source
from functrans.core.watch import watch
from functrans.errors import (
    ConcretizationTypeError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
    UnexpectedTracerError,
)

__all__ = [
    "EvalTrace", "Primitive", "Trace", "Tracer", "axis_env", "current_trace", "extended_axis_env", "is_array_like", "running",
    "to_numpy", "typeof",
]

Rule = Callable[..., Any]


class Primitive:
    """An operation and, in slots, its meaning under each interpretation.

    Slots (all optional at construction; a test demands each be filled or excused in `reasons`):

    - ``impl(*ndarrays, **params)``: evaluation in NumPy.
    - ``abstract(*avals, **params)``: the aval of the result (a list of avals when `multiple_results`).
    - ``jvp(primals, tangents, **params) -> (primal_out, tangent_out)``; tangents may be `Zero`.
    - ``transpose(cotangent, *operands, **params)``: one cotangent (or None) for each operand; the operands the
      primitive is linear in come as `Linear` placeholders.
    - ``batch(size, values, dims, **params) -> (result, dim)``; a dim is an int, or None where not batched.
    - ``lower(builder, *operands, **params)``: into the kernel IR.
    - ``named_batch(size, values, dims, **params)``: collectives only, the meaning over the axis that ``params["axes"]`` names.
    - ``linearize(trace, primals, tangents, **params)``: only where the derived one (by jvp) is not good enough.
    - ``dce(eqn, used) -> eqn``: only for calls, the equation without what serves unused results alone; its outputs may be fewer.
    - ``inline(*avals, **params)``: calls only, the jaxpr that the compiler puts in the place of the equation.

    An `effectful` primitive is never dropped, merged or moved, whoever uses its results.

    >>> double_p = Primitive("double", impl=lambda x: 2 * x, abstract=lambda x: x)
    >>> double_p.bind(3.0)
    Array(6., dtype=float64, weak_type=True)
    """

    __slots__ = ("abstract", "batch", "dce", "effectful", "impl", "inline", "jvp", "linearize", "lower", "multiple_results",
                 "name", "named_batch", "reasons", "transpose", "view")

    def __init__(
        self, name: str, *, impl: Rule | None = None, abstract: Rule | None = None, jvp: Rule | None = None,
        transpose: Rule | None = None, batch: Rule | None = None, lower: Rule | None = None, linearize: Rule | None = None,
        named_batch: Rule | None = None, dce: Rule | None = None, multiple_results: bool = False, view: bool = False,
        effectful: bool = False, inline: Rule | None = None, reasons: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.impl, self.abstract, self.jvp, self.transpose = impl, abstract, jvp, transpose
        self.batch, self.lower, self.linearize, self.named_batch = batch, lower, linearize, named_batch
        self.dce = dce
        self.multiple_results = multiple_results
        self.view = view
        self.effectful = effectful
        self.inline = inline
        self.reasons = reasons or {}

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the primitive to `args` under the current trace."""
        return _current.get().process(self, args, params)

    def rule(self, slot: str) -> Rule:
        """The rule in `slot`, or an error that says what is missing and why."""
        found: Rule | None = getattr(self, slot)
        if found is None:
            why = self.reasons.get(slot, "no such rule is defined")
            raise NotImplementedError(f"primitive '{self.name}' has no {slot} rule: {why}. Called at {describe(user_source())}.")
        return found

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _find_primitive, (self.name,)


def _find_primitive(name: str) -> Primitive:
    return primitives_by_name()[name]


def primitives_by_name() -> dict[str, Primitive]:
    """Every live primitive by its name, for parsing and unpickling (the latest of a name wins)."""
    return dict(_REGISTRY)


_REGISTRY: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Make `primitive` findable by name (printing and parsing of jaxprs, pickling)."""
    _REGISTRY[primitive.name] = primitive
    return primitive


class Trace:
    """One application of a transformation: the owner of its tracers.

    `parent` interprets what this trace leaves over. `name` is what messages call the transformation.
    """

    __slots__ = ("__weakref__", "alive", "parent")
    name: ClassVar[str] = "trace"

    def __init__(self, parent: Trace | None) -> None:
        self.parent = parent
        self.alive = True

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """The meaning of ``primitive[params](*args)`` here: an array or tracer, or a list of them."""
        raise NotImplementedError

    def is_inside(self, other: Trace) -> bool:
        """Whether `other` is among the traces around this one, so that its tracers may be operands here."""
        outer = self.parent
        while outer is not None and outer is not other:
            outer = outer.parent
        return outer is other

    def close(self) -> None:
        """End the trace: its tracers must not be used from now on."""
        self.alive = False


class Tracer:
    """What a traced function sees in place of an array. Subclasses belong to one kind of trace each.

    Shape and dtype are always known. The value may be: under `jvp`, `grad` and `vjp` outside `jit` a tracer can answer
    ``if x > 0``, and under `jit` the call's arguments answer (`asked`); under `make_jaxpr`, or where `vmap` maps, there is no
    one value, and the tracer says so.
    """

    __slots__ = ("__weakref__", "_made_at", "_trace", "aval")
    aval: ShapedArray
    _trace: Trace

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def weak_type(self) -> bool:
        return self.aval.weak_type

    @property
    def itemsize(self) -> int:
        return self.aval.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.aval.size * self.aval.dtype.itemsize

    @property
    def behind(self) -> Any:
        """The array or tracer whose value this one has, None where there is none."""
        return None

    def concrete(self) -> Any:
        """The value behind the tracer where one exists, else None."""
        value = self.behind
        return value.concrete() if isinstance(value, Tracer) else value

    def asked(self, conversion: Conversion) -> Any:
        """The Python value under `conversion`, None where it is not known. Under `jit` the answer becomes a guard."""
        value = self.behind
        if value is None:
            return None
        return value.asked(conversion) if isinstance(value, Tracer) else conversion(to_numpy(value))

    def why_unknown(self) -> str:
        """Why there is no value, for messages."""
        value = self.behind
        if isinstance(value, Tracer):
            return value.why_unknown()
        return f"Its value is not known while {self._trace.name} traces the function."

    def describe(self) -> str:
        """The tracer, its transformation and the line that made it, for messages."""
        made = describe(getattr(self, "_made_at", None))
        return f"a traced {self.aval} of {self._trace.name}" + ("" if made == "an unknown line" else f" made at {made}")

    def answer(self, conversion: Conversion) -> Any:
        """As `asked`.

        Raises:
            TypeError: (of the conversion's kind) if the value is not known.
        """
        if not self._trace.alive:
            raise leaked(self)
        answer = self.asked(conversion)
        if answer is None:
            raise conversion.error(self._unknown(conversion.what, conversion.error))
        return answer

    def _unknown(self, what: str, error: type[Exception]) -> str:
        return f"{what} was asked of {self.describe()}, at {describe(user_source())}. {self.why_unknown()} {_REPAIRS[error]}"

    def __bool__(self) -> bool:
        return bool(self.answer(TRUTH))

    def __int__(self) -> int:
        return int(self.answer(INT))

    def __float__(self) -> float:
        return float(self.answer(FLOAT))

    def __complex__(self) -> complex:
        return complex(self.answer(COMPLEX))

    def __index__(self) -> int:
        return int(self.answer(INDEX))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if not self._trace.alive:
            raise leaked(self)
        indexing = (" If it indexes a NumPy array, numpy_array[i], write functrans.numpy.asarray(numpy_array)[i]."
                    if is_discrete(self.aval.dtype) else "")
        raise TracerArrayConversionError(
            f"a NumPy array was asked of {self.describe()}, at {describe(user_source())}.{indexing} "
            f"{_REPAIRS[TracerArrayConversionError]}")

    def __dlpack__(self, **options: Any) -> Any:
        return self.__array__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def item(self, *args: Any) -> Any:
        return self.answer(item_at(args))

    def tolist(self) -> Any:
        return self.answer(LIST)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(f"arrays are immutable: x[index] = value changes x in place, at {describe(user_source())}. Write "
                        "x = x.at[index].set(value), or x.at[index].add(value) for x[index] += value.")

    def __len__(self) -> int:
        if not self.aval.shape:
            raise TypeError(f"len() of unsized object: the traced array has shape (), at {describe(user_source())}.")
        return self.aval.shape[0]

    def __hash__(self) -> int:
        raise TypeError(f"unhashable: {self.describe()}, at {describe(user_source())}. Arrays cannot be dictionary keys or static "
                        "arguments.")

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        if not self._trace.alive:
            raise leaked(self)
        value = self.concrete()
        if value is None:
            raise ConcretizationTypeError(self._unknown(f"formatting with {spec!r}", ConcretizationTypeError))
        return format(value, spec)

    def block_until_ready(self) -> Any:
        return self

    def __repr__(self) -> str:
        return f"Traced<{self.aval}>with<{type(self).__name__}>"


_REPAIRS: dict[type[Exception], str] = {
    TracerBoolConversionError:
        "Write the choice as an operation: functrans.numpy.where(x > 0, a, b) for values, functrans.lax.cond(x > 0, f, g, x) for "
        "`if`, functrans.lax.while_loop(lambda x: x > 0, body, x) for `while`; or make the argument static (static_argnums of jit).",
    TracerIntegerConversionError:
        "Make the argument static (static_argnums or static_argnames of jit); write functrans.lax.fori_loop(0, n, body, x) for "
        "`range(n)`; or index a functrans array: functrans.numpy.asarray(x)[i] works for a traced i, where x is a list or a NumPy "
        "array.",
    ConcretizationTypeError:
        "Keep the computation in functrans.numpy, or make the argument static (static_argnums or static_argnames of jit).",
    TracerArrayConversionError:
        "Use functrans.numpy in place of functions that need the numbers themselves; plain numpy functions that have a "
        "functrans.numpy twin work as they are.",
}


def leaked(tracer: Tracer) -> UnexpectedTracerError:
    """The error for a tracer used outside the call that made it."""
    return UnexpectedTracerError(
        f"{tracer.describe()} has leaked: the call of {tracer._trace.name} that made it has ended, and it was used at "
        f"{describe(user_source())}. A traced function must return what it computes; do not store traced values in "
        "globals, attributes or outer lists.")


def escaped(tracer: Tracer) -> UnexpectedTracerError:
    """The error for a tracer where its trace is not among those that interpret operations."""
    if not tracer._trace.alive:
        return leaked(tracer)
    return UnexpectedTracerError(
        f"{tracer.describe()} reached an operation that is outside its transformation, at {describe(user_source())}. The functions "
        "and rules of custom_jvp, custom_vjp and custom_vmap must take what is differentiated or batched as an argument; they "
        "cannot close over it. Other code must not pass traced values on by way of globals or attributes.")


def to_numpy(x: Any) -> np.ndarray:
    """A concrete value as an ndarray of a supported dtype in native byte order."""
    kind = type(x)
    if kind is Array:
        value: np.ndarray = x._value
        return value
    if kind is float or kind is int or kind is bool or kind is complex:
        return _python_scalar(x)
    if isinstance(x, Tracer):
        raise escaped(x)
    if isinstance(x, np.ndarray) and kind is not np.ndarray and hasattr(x, "mask"):
        raise TypeError(f"masked arrays are not supported: the mask would be lost, at {describe(user_source())}. Pass x.filled(value), "
                        "or x.data and x.mask separately.")
    try:
        value = np.asarray(x)
    except ValueError as error:  # a list of lists of different lengths
        raise ValueError(f"{error} At {describe(user_source())}.") from None
    dtype = canonical(value.dtype)
    return value if dtype is value.dtype else value.astype(dtype)


def _python_scalar(x: Any) -> np.ndarray:
    dtype = scalar_aval(type(x)).dtype
    try:
        return np.asarray(x, dtype)
    except OverflowError:
        raise OverflowError(f"the Python int {x} does not fit {dtype}, at {describe(user_source())}. Give it a dtype, as in "
                            f"numpy.uint64({x}).") from None


class EvalTrace(Trace):
    """Evaluation: every primitive runs at once in NumPy."""

    __slots__ = ()
    name = "evaluation"

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values, weak = [], False
        for x in args:
            kind = type(x)
            if kind is Array:
                values.append(x._value)
                weak = weak or x._weak
            else:
                value = to_numpy(x)
                if primitive.view and value.flags.writeable:
                    value = value.copy()  # a view must not follow later writes to the caller's array
                values.append(value)
                weak = weak or kind in _WEAK_SCALARS
        impl = primitive.impl
        if impl is None:
            impl = primitive.rule("impl")
        with np.errstate(all="ignore"):
            out = impl(*values, **params)
        current = options()
        if current.debug_nans or current.debug_infs:
            watch(primitive.name, values, out if primitive.multiple_results else [out], current)
        if primitive.multiple_results:
            avals = primitive.rule("abstract")(*map(typeof, args), **params)
            return [Array(_as_ndarray(o), a.weak_type) for o, a in zip(out, avals, strict=True)]
        if weak:
            weak = primitive.rule("abstract")(*map(typeof, args), **params).weak_type
        return Array(out if type(out) is np.ndarray else _as_ndarray(out), weak or params.get("weak_type", False))


_WEAK_SCALARS = frozenset({int, float, complex})


def _as_ndarray(x: Any) -> np.ndarray:
    return x if type(x) is np.ndarray else np.asarray(x)


_eval_trace = EvalTrace(None)
_current: ContextVar[Trace] = ContextVar("functrans_trace", default=_eval_trace)


def current_trace() -> Trace:
    """The trace that interprets operations now."""
    return _current.get()


class running:
    """Make `trace` the current one inside a ``with`` block."""

    __slots__ = ("_token", "_trace")

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __enter__(self) -> Trace:
        self._token: Token[Trace] = _current.set(self._trace)
        return self._trace

    def __exit__(self, *exception: object) -> None:
        _current.reset(self._token)


def is_array_like(x: Any) -> bool:
    """Whether `x` may be an operand: a tracer, an array, a NumPy scalar or a Python number."""
    return isinstance(x, (Tracer, Array, np.ndarray, np.generic, bool, int, float, complex))


def typeof(x: Any) -> ShapedArray:
    """The aval of a value (``f64[3]``); Python numbers are weak.

    Raises:
        TypeError: if `x` is not an array or a number.

    >>> typeof(np.zeros((2, 3), "float32"))
    f32[2,3]
    """
    kind = type(x)
    if kind is Array:
        return ShapedArray(x._value.shape, x._value.dtype, x._weak)
    if isinstance(x, Tracer):
        return x.aval
    if kind is float or kind is int or kind is bool or kind is complex:
        return scalar_aval(kind)
    if isinstance(x, (np.ndarray, np.generic)):
        return ShapedArray(x.shape, canonical(x.dtype))
    if isinstance(x, (bool, int, float, complex)):
        return scalar_aval(next(k for k in (bool, int, float, complex) if isinstance(x, k)))
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return ShapedArray(tuple(x.shape), canonical(x.dtype), bool(getattr(x, "weak_type", False)))
    raise TypeError(f"{type(x).__name__} is not an array or a number: {x!r}, at {describe(user_source())}.")


def made_here() -> Source:
    """The user's line, for tracers that remember it."""
    return user_source()


# -- named axes -------------------------------------------------------------------------------------------------------

_axis_env: ContextVar[dict[Any, int]] = ContextVar("functrans_axis_env", default={})  # noqa: B039 - never mutated


def axis_env() -> dict[Any, int]:
    """The sizes of the named axes in scope."""
    return _axis_env.get()


class extended_axis_env:
    """Bring named axes into scope inside a ``with`` block."""

    __slots__ = ("_axes", "_token")

    def __init__(self, axes: dict[Any, int]) -> None:
        self._axes = axes

    def __enter__(self) -> None:
        self._token = _axis_env.set({**_axis_env.get(), **self._axes})

    def __exit__(self, *exception: object) -> None:
        _axis_env.reset(self._token)
