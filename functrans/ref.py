"""Mutable arrays, for code that is written most plainly with them: `new_ref`, indexing and assignment, `freeze`.

A `Ref` holds an immutable array and exchanges it at each assignment: ``ref[i] = v`` is ``x = x.at[i].set(v)``. So a function that makes
references, changes them and returns arrays is as pure as any other, and may be compiled, differentiated and mapped; the compiler updates
in place where nobody else reads.

>>> import functrans as ft, functrans.numpy as fnp
>>> @ft.jit
... def powers(x):
...     out = new_ref(fnp.zeros(4))
...     out[0] = 1.0
...     for i in range(3):
...         out[i + 1] = out[i] * x
...     return freeze(out)
>>> powers(2.0)
Array([1., 2., 4., 8.], dtype=float64)

Known limits: a reference lives where it was made. It cannot be an argument or a result of a transformed function, nor be used in one that
closes over it, such as the body of a loop: carry its value, ``ref[...]``, instead. Each case is an error that says so.

Reference: the names and the meaning are those of `jax.ref`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.dtypes import canonical, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Trace, current_trace, is_array_like, typeof
from functrans.errors import UnexpectedTracerError
from functrans.numpy.creation import array, zeros
from functrans.numpy.util import as_operand, asarray_internal
from functrans.primitives.structural import convert_element_type

__all__ = ["Ref", "addupdate", "empty_ref", "free_ref", "freeze", "get", "new_ref", "set", "swap"]

_KINDS = "biufc"


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

    def _read(self) -> Any:
        if self._value is None:
            raise ValueError(f"a Ref of {self.aval} made at {describe(self._made_at)} was used after it was frozen or freed, at "
                             f"{describe(user_source())}. Keep what freeze returns.")
        here = current_trace()
        if here is not self._trace and not (isinstance(here, EvalTrace) and isinstance(self._trace, EvalTrace)):
            raise UnexpectedTracerError(
                f"a Ref of {self.aval} made at {describe(self._made_at)} is used in another function than the one it was made for, which a "
                f"transformation, or a loop or branch, traces by itself, at {describe(user_source())}. Make it in that function, or pass "
                "and return its value: ref[...].")
        return self._value

    def __getitem__(self, index: Any) -> Any:
        return self._read()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        whole = self._read()
        self._value = whole.at[index].set(self._fitting(value))

    def addupdate(self, index: Any, x: Any) -> None:
        """Add `x` at `index`; see the function `addupdate`."""
        whole = self._read()
        self._value = whole.at[index].add(self._fitting(x))

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


def new_ref(init_val: Any, *, memory_space: Any = None, kind: str | None = None) -> Ref:
    """A mutable array with the value `init_val`.

    Args:
        init_val: an array or a number.
        memory_space, kind: accepted for compatibility; there is one memory.

    Raises:
        TypeError: if `init_val` is no array.

    >>> ref = new_ref(np.zeros(3))
    >>> ref[1] = 5.0
    >>> ref[...] += 1.0
    >>> ref[...]
    Array([1., 6., 1.], dtype=float64)
    """
    if isinstance(init_val, Ref) or not (is_array_like(init_val) or hasattr(init_val, "__array__")):
        raise TypeError(f"new_ref takes an array or a number; got {init_val!r} of type {type(init_val).__name__}, at "
                        f"{describe(user_source())}.")
    x = asarray_internal(as_operand(init_val))
    return Ref(convert_element_type(x, typeof(x).dtype))


def empty_ref(ty: Any, memory_space: Any = None) -> Ref:
    """A mutable array of the shape and dtype of `ty`, filled with zeros: what is undefined elsewhere must not depend on chance.

    Args:
        ty: an object with ``shape`` and ``dtype``, such as a `ShapeDtypeStruct`.
        memory_space: accepted for compatibility.

    Raises:
        TypeError: if `ty` has no shape and dtype.

    >>> empty_ref(np.ones((2,), "float32")).shape
    (2,)
    """
    if not (hasattr(ty, "shape") and hasattr(ty, "dtype")):
        raise TypeError(f"empty_ref takes an object with a shape and a dtype; got {ty!r} of type {type(ty).__name__}, at "
                        f"{describe(user_source())}. Use functrans.ShapeDtypeStruct(shape, dtype).")
    return Ref(zeros(tuple(ty.shape), canonical(ty.dtype)))


def _ref(name: str, ref: Any) -> Ref:
    if not isinstance(ref, Ref):
        raise TypeError(f"{name} takes a Ref; got {ref!r} of type {type(ref).__name__}, at {describe(user_source())}. Make one with "
                        "new_ref.")
    return ref


def freeze(ref: Ref) -> Any:
    """The value of a reference, which must not be used any more.

    Raises:
        TypeError: if `ref` is no reference. ValueError: if it was frozen or freed before.

    >>> freeze(new_ref(np.ones(2)))
    Array([1., 1.], dtype=float64)
    """
    value = _ref("freeze", ref)._read()
    ref._value = None
    return value


def free_ref(ref: Ref) -> None:
    """End the life of a reference, which must not be used any more.

    Raises:
        TypeError: if `ref` is no reference. ValueError: if it was frozen or freed before.

    >>> free_ref(new_ref(np.ones(2)))
    """
    _ref("free_ref", ref)._read()
    ref._value = None


def get(ref: Ref, idx: Any = None) -> Any:
    """``ref[idx]``, all of it by default.

    >>> get(new_ref(np.arange(3)), 1)
    Array(1, dtype=int64)
    """
    return _ref("get", ref)[... if idx is None else idx]


def set(ref: Ref, idx: Any, value: Any) -> None:
    """``ref[idx] = value``; None is all of it.

    >>> ref = new_ref(np.zeros(2))
    >>> set(ref, 0, 3.0)
    >>> ref[...]
    Array([3., 0.], dtype=float64)
    """
    _ref("set", ref)[... if idx is None else idx] = value


def swap(ref: Ref, idx: Any, value: Any) -> Any:
    """``ref[idx] = value``; the value that was there before.

    >>> ref = new_ref(np.zeros(2))
    >>> swap(ref, 0, 3.0), ref[0]
    (Array(0., dtype=float64), Array(3., dtype=float64))
    """
    before = get(ref, idx)
    set(ref, idx, value)
    return before


def addupdate(ref: Ref, idx: Any, x: Any) -> None:
    """``ref[idx] += x``, where an index that is named twice is added to twice.

    >>> ref = new_ref(np.zeros(2))
    >>> addupdate(ref, np.array([0, 0, 1]), np.ones(3))
    >>> ref[...]
    Array([2., 1.], dtype=float64)
    """
    _ref("addupdate", ref).addupdate(... if idx is None else idx, x)
