"""Mutable arrays, and how their values go into and out of functions that are traced by themselves.

A `Ref` holds an immutable array and exchanges it at each assignment. It belongs to the trace that was current where it was made. Where it
is used further in, the way there is walked trace by trace:

- through `grad`, `jvp` and `vmap`, which run a function once: reading gives a constant to them, and what is written must be one too;
- into the body of a construct that stages it (`jit`, `scan`, `cond` ...) by a `Frame`, which notes what the body reads and writes. Where
  that concerns the construct it raises `RefsFound`, and `carrying` starts the construct again with the values of these references as
  further operands and results: a Ref that the body of a scan writes joins the carry, for example.

So a scan of ``(c, x) -> (c, y)`` becomes one of ``((value, c), x) -> ((value, c), y)``, and every transformation sees a pure function.
Any other function that is staged refuses references of outer ones.

Reference: the meaning is that of `jax.ref`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

from functrans.core.aval import ShapedArray, Zero
from functrans.core.dtypes import kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Trace, current_trace, is_array_like, typeof
from functrans.errors import UnexpectedTracerError
from functrans.numpy.creation import array
from functrans.numpy.util import as_operand, asarray_internal
from functrans.primitives.structural import convert_element_type
from functrans.transforms.batching import BatchTrace, BatchTracer
from functrans.transforms.flatten import wraps
from functrans.transforms.jvp import JVPTracer
from functrans.transforms.stage import StagingTrace

__all__ = ["Frame", "Ref", "RefsFound", "carrying", "restored", "threaded", "values_of"]

_KINDS = "biufc"
_Out = TypeVar("_Out")


class Frame:
    """What the body of a construct has read and written of references from outside it.

    `values` are those of the references that it used, in its own trace; `written` those whose values it changed.
    """

    __slots__ = ("trace", "values", "written")

    def __init__(self) -> None:
        self.trace: Trace | None = None
        self.values: dict[Ref, Any] = {}
        self.written: dict[Ref, None] = {}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let references of outer traces be used in the current trace."""
        self.trace = current_trace()
        token = _frames.set((*_frames.get(), self))
        try:
            yield
        finally:
            _frames.reset(token)

    def around(self, fun: Callable[..., _Out]) -> Callable[..., _Out]:
        """`fun`, run with the frame opened."""
        def framed(*args: Any) -> _Out:
            with self.opened():
                return fun(*args)
        return framed


_frames: ContextVar[tuple[Frame, ...]] = ContextVar("functrans_ref_frames", default=())


def _frame_of(trace: Trace) -> Frame | None:
    return next((f for f in reversed(_frames.get()) if f.trace is trace), None)


class RefsFound(Exception):
    """The traced body used `refs`, whose values the construct has to carry."""

    def __init__(self, refs: Sequence[Ref]) -> None:
        super().__init__(*refs)
        self.refs = tuple(refs)


def carrying(run: Callable[[tuple[Ref, ...]], _Out]) -> _Out:
    """``run(held)`` for the references `held` that it turns out to need: ``()`` first, and more at each `RefsFound`."""
    held: tuple[Ref, ...] = ()
    while True:
        try:
            return run(held)
        except RefsFound as found:
            held = (*held, *found.refs)


def threaded(held: Sequence[Ref], fun: Callable[..., Any]) -> Callable[..., Any]:
    """``fun(*args)`` as ``(values, *args) -> (values, result)``: what `held` is before and after."""
    def of_values(values: Sequence[Any], *args: Any, **kwargs: Any) -> tuple[list[Any], Any]:
        restored(held, values)
        out = fun(*args, **kwargs)
        return values_of(held), out
    return wraps(fun)(of_values)


def values_of(refs: Sequence[Ref]) -> list[Any]:
    """The values of references here."""
    return [r.value() for r in refs]


def restored(refs: Sequence[Ref], values: Sequence[Any]) -> None:
    """Give references these values here."""
    for r, v in zip(refs, values, strict=True):
        r.put(v)


class Ref:
    """A mutable array. Made by `new_ref` and `empty_ref`, not by calling this class.

    ``ref[index]`` is an array, the value now; ``ref[index] = value`` changes it. ``shape``, ``dtype`` and the rest are those of the value
    and never change.
    """

    __slots__ = ("_made_at", "_trace", "_value", "aval")
    aval: ShapedArray

    def __init__(self, value: Any) -> None:
        self.aval = typeof(value).strong()
        self._value = value
        self._trace: Trace = current_trace()
        self._made_at = user_source()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def size(self) -> int:
        return self.aval.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"len() of a Ref of shape (), at {describe(user_source())}.")
        return self.shape[0]

    def value(self) -> Any:
        """The whole value here.

        Raises:
            ValueError: if the reference was frozen or freed.
            UnexpectedTracerError: if the function that is traced here may not use it.
        """
        self._check_alive()
        return self._seen(current_trace())

    def put(self, value: Any) -> None:
        """Exchange the whole value, for one of the reference's type."""
        self._check_alive()
        self._write(convert_element_type(value, self.dtype), current_trace())

    def taken(self) -> Any:
        """The value, after which the reference must not be used any more; only where it was made."""
        self._check_alive()
        if not self._at_home(current_trace()):
            raise self._elsewhere("ends its life in another function than the one it was made for", "Freeze or free it in that function.")
        value, self._value = self._value, None
        return value

    def __getitem__(self, index: Any) -> Any:
        return self.value()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._write(self.value().at[index].set(self._fitting(value)), current_trace())

    def addupdate(self, x: Any, idx: Any = ...) -> None:
        """Add `x` at `idx`; see the function `addupdate`."""
        self._write(self.value().at[idx].add(self._fitting(x)), current_trace())

    # -- where the value is -------------------------------------------------------------------------------------------

    def _check_alive(self) -> None:
        if self._value is None:
            raise ValueError(f"a Ref of {self.aval} made at {describe(self._made_at)} was used after it was frozen or freed, at "
                             f"{describe(user_source())}. Keep what freeze returns.")

    def _at_home(self, here: Trace | None) -> bool:
        return here is self._trace or (isinstance(here, EvalTrace) and isinstance(self._trace, EvalTrace))

    def _seen(self, here: Trace | None) -> Any:
        """The value as the trace `here` sees it."""
        if self._at_home(here):
            return self._value
        if here is None:
            raise self._elsewhere()
        frame = _frame_of(here)
        if frame is None:
            if isinstance(here, StagingTrace):
                raise self._elsewhere()
            return self._seen(here.parent)
        if self not in frame.values:
            frame.values[self] = self._seen(here.parent)
        return frame.values[self]

    def _write(self, value: Any, here: Trace | None) -> None:
        """Exchange the value for one of the trace `here`."""
        if self._at_home(here):
            self._value = value
            return
        if here is None:
            raise self._elsewhere()
        frame = _frame_of(here)
        if frame is not None:
            frame.values[self] = value
            frame.written[self] = None
        elif isinstance(here, StagingTrace):
            raise self._elsewhere()
        else:
            self._write(self._outside(value, here), here.parent)

    def _outside(self, value: Any, here: Trace) -> Any:
        """A value that is a constant to `here`, as the trace around it has it."""
        if isinstance(here, BatchTrace):
            raise self._elsewhere("is written under vmap, where every element of the batch would write it",
                                  "Make it in the mapped function, or return the values and write them afterwards.")
        if not isinstance(value, (JVPTracer, BatchTracer)) or value._trace is not here:
            return value
        if isinstance(value, JVPTracer) and type(value.tangent) is Zero:
            return value.primal
        raise self._elsewhere(f"is given a value that {here.name} differentiates",
                              "Write stop_gradient(value), or return the value as auxiliary data (has_aux=True).")

    def _elsewhere(self, what: str = "", repair: str = "") -> UnexpectedTracerError:
        what = what or "is used in another function than the one it was made for, which a transformation traces by itself"
        repair = repair or "Make it in that function, or pass and return its value: ref[...]."
        return UnexpectedTracerError(f"a Ref of {self.aval} made at {describe(self._made_at)} {what}, at {describe(user_source())}. "
                                     f"{repair}")

    def _fitting(self, value: Any) -> Any:
        """A value to be stored, in the reference's dtype: Python numbers take it, arrays must have it."""
        if not is_array_like(value) and not hasattr(value, "__array__") and not isinstance(value, (list, tuple)):
            raise TypeError(f"a Ref takes arrays and numbers; got {value!r} of type {type(value).__name__}, at {describe(user_source())}.")
        x = array(value) if isinstance(value, (list, tuple)) else asarray_internal(as_operand(value))
        aval = typeof(x)
        weak = aval.weak_type and _KINDS.index(kind_of(aval.dtype)) <= _KINDS.index(kind_of(self.dtype))
        if aval.dtype != self.dtype and not weak:
            raise ValueError(f"a Ref of {self.aval} takes values of its dtype; got {aval}, at {describe(user_source())}. Convert it: "
                             f"value.astype({self.dtype.name!r}).")
        return convert_element_type(x, self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError(f"a Ref is no array, at {describe(user_source())}. Read its value: ref[...].")

    def __repr__(self) -> str:
        return f"Ref({'no more' if self._value is None else self._value}, dtype={self.dtype})"
