"""Mutable arrays, for code that is written most plainly with them: `new_ref`, indexing and assignment, `freeze`.

A `Ref` holds an immutable array and exchanges it at each assignment: ``ref[i] = v`` is ``x = x.at[i].set(v)``. So a function that makes
references, changes them and returns arrays is as pure as any other, and may be compiled, differentiated and mapped; the compiler updates
in place where nobody else reads.

>>> import numpy as np, functrans as ft, functrans.numpy as fnp
>>> @ft.jit
... def powers(x):
...     out = new_ref(fnp.zeros(4))
...     out[0] = 1.0
...     for i in range(3):
...         out[i + 1] = out[i] * x
...     return freeze(out)
>>> powers(2.0)
Array([1., 2., 4., 8.], dtype=float64)

A reference may be an argument of a jitted function, and a jitted function, a loop or a branch may close over one: its value goes in as an
operand, and the value it ends with comes out and is stored (`functrans.calls.refs`).

>>> total = new_ref(0.0)
>>> @ft.jit
... def add_all(xs):
...     def body(i, _):
...         total[...] += xs[i]
...     ft.lax.fori_loop(0, len(xs), body, None)
>>> add_all(np.arange(5.0)); add_all(np.ones(2)); total[...]
Array(12., dtype=float64)

Under `grad`, `jvp` and `vmap` a reference from outside is a constant: it may be read, and under `grad` and `jvp` be given values that are
not differentiated (``stop_gradient``).

Known limits: a reference is no result of a transformed function, no argument that is differentiated or mapped, and no part of a loop's
carry. The functions of `make_jaxpr`, `eval_shape` and of custom rules use none from outside. Each case is an error that says so.

Reference: the names and the meaning are those of `jax.ref`.
"""

from __future__ import annotations

from typing import Any

from functrans.calls.refs import Ref
from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.numpy.creation import zeros
from functrans.numpy.util import as_operand, asarray_internal
from functrans.primitives.structural import convert_element_type

__all__ = ["Ref", "addupdate", "empty_ref", "free_ref", "freeze", "get", "new_ref", "set", "swap"]


def new_ref(init_val: Any, *, memory_space: Any = None, kind: str | None = None) -> Ref:
    """A mutable array with the value `init_val`.

    Args:
        init_val: an array or a number.
        memory_space, kind: accepted for compatibility; there is one memory.

    Raises:
        TypeError: if `init_val` is no array.

    >>> import numpy as np
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

    >>> import numpy as np
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

    >>> import numpy as np
    >>> freeze(new_ref(np.ones(2)))
    Array([1., 1.], dtype=float64)
    """
    return _ref("freeze", ref).taken()


def free_ref(ref: Ref) -> None:
    """End the life of a reference, which must not be used any more.

    Raises:
        TypeError: if `ref` is no reference. ValueError: if it was frozen or freed before.

    >>> import numpy as np
    >>> free_ref(new_ref(np.ones(2)))
    """
    _ref("free_ref", ref).taken()


def get(ref: Ref, idx: Any = None) -> Any:
    """``ref[idx]``, all of it by default.

    >>> import numpy as np
    >>> get(new_ref(np.arange(3)), 1)
    Array(1, dtype=int64)
    """
    return _ref("get", ref)[... if idx is None else idx]


def set(ref: Ref, idx: Any, value: Any) -> None:
    """``ref[idx] = value``; None is all of it.

    >>> import numpy as np
    >>> ref = new_ref(np.zeros(2))
    >>> set(ref, 0, 3.0)
    >>> ref[...]
    Array([3., 0.], dtype=float64)
    """
    _ref("set", ref)[... if idx is None else idx] = value


def swap(ref: Ref, idx: Any, value: Any) -> Any:
    """``ref[idx] = value``; the value that was there before.

    >>> import numpy as np
    >>> ref = new_ref(np.zeros(2))
    >>> swap(ref, 0, 3.0), ref[0]
    (Array(0., dtype=float64), Array(3., dtype=float64))
    """
    before = get(ref, idx)
    set(ref, idx, value)
    return before


def addupdate(ref: Ref, idx: Any, x: Any) -> None:
    """``ref[idx] += x``, where an index that is named twice is added to twice.

    >>> import numpy as np
    >>> ref = new_ref(np.zeros(2))
    >>> addupdate(ref, np.array([0, 0, 1]), np.ones(3))
    >>> ref[...]
    Array([2., 1.], dtype=float64)
    """
    _ref("addupdate", ref).addupdate(x, ... if idx is None else idx)
