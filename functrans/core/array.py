"""`Array`: an immutable array, a thin wrapper of a read-only ndarray.

NumPy, SciPy, matplotlib and pandas accept it as it is (`__array__`, no copy). Operators and methods are NumPy's, put
in place by `functrans.numpy`. Updates go through ``.at``: ``x.at[i].set(v)`` is a changed copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.source import describe, user_source

__all__ = ["Array"]

_DLPACK_CPU = (1, 0)


class ArrayMeta(type):
    """Lets tracers count as arrays in ``isinstance(x, functrans.Array)``, so that user code need not know of them."""

    traced: type | None = None

    def __instancecheck__(cls, x: object) -> bool:
        return type(x) is cls or (cls.traced is not None and isinstance(x, cls.traced))


class Array(metaclass=ArrayMeta):
    """An immutable n-dimensional array.

    Made by `functrans.numpy` functions, not by calling this class. ``shape``, ``dtype`` and the rest are NumPy's;
    ``weak_type`` tells a value made of Python scalars alone.

    >>> x = Array(np.arange(3.0))
    >>> x
    Array([0., 1., 2.], dtype=float64)
    >>> np.asarray(x).flags.writeable
    False
    """

    __slots__ = ("__weakref__", "_value", "_weak")
    _value: np.ndarray
    _weak: bool

    def __init__(self, value: np.ndarray, weak_type: bool = False) -> None:
        value.setflags(write=False)
        self._value = value
        self._weak = weak_type

    @property
    def aval(self) -> ShapedArray:
        return ShapedArray(self._value.shape, self._value.dtype, self._weak)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def dtype(self) -> np.dtype:
        return self._value.dtype

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return self._value.size

    @property
    def itemsize(self) -> int:
        return self._value.itemsize

    @property
    def nbytes(self) -> int:
        return self._value.nbytes

    @property
    def flags(self) -> Any:
        """NumPy's flags of the memory, as those of a view: `writeable` is False and stays so."""
        return self._value.view().flags

    @property
    def weak_type(self) -> bool:
        return self._weak

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if (dtype is None or np.dtype(dtype) == self._value.dtype) and not copy:
            return self._value
        if copy is False:
            raise ValueError(f"a conversion from {self._value.dtype} to {np.dtype(dtype)} needs a copy, and copy=False forbids it, at "
                             f"{describe(user_source())}.")
        return self._value.astype(dtype or self._value.dtype)

    def __dlpack__(self, *, stream: Any = None, max_version: tuple[int, int] | None = None, dl_device: tuple[int, int] | None = None,
                   copy: bool | None = None) -> Any:
        """The array as a DLPack capsule, which shares its memory where the consumer can be told that it is read-only.

        Consumers of DLPack before 1.0 cannot be; they get a copy, unless ``copy=False`` forbids it.
        Reference: https://dmlc.github.io/dlpack/latest/python_spec.html
        """
        if stream is not None:
            raise BufferError(f"__dlpack__: the CPU has no streams; got stream={stream!r}, at {describe(user_source())}. Leave it out.")
        if dl_device is not None and tuple(dl_device) != _DLPACK_CPU:
            raise BufferError(f"__dlpack__: arrays are on the CPU, the device {_DLPACK_CPU}; got dl_device={dl_device!r}, at "
                              f"{describe(user_source())}. Move the result there with the library that receives it.")
        knows_flags = max_version is not None and tuple(max_version) >= (1, 0)
        if copy is False and not knows_flags:
            raise BufferError(f"__dlpack__: arrays are read-only, which max_version={max_version!r} cannot say, and copy=False forbids a "
                              f"copy, at {describe(user_source())}. Leave copy out, or ask for max_version=(1, 0).")
        value = self._value if knows_flags and not copy else self._value.copy()
        return value.__dlpack__(max_version=max_version) if knows_flags else value.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        """The DLPack device: the CPU."""
        return _DLPACK_CPU

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(f"arrays are immutable: x[index] = value changes x in place, at {describe(user_source())}. Write x = "
                        "x.at[index].set(value), or x.at[index].add(value) for x[index] += value.")

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __complex__(self) -> complex:
        return complex(self._value)

    def __index__(self) -> int:
        return int(self._value.__index__())

    def __hash__(self) -> int:
        raise TypeError(f"unhashable: a functrans Array, at {describe(user_source())}. Arrays cannot be dictionary keys or static "
                        "arguments; use a tuple (x.tolist()) instead.")

    def __format__(self, spec: str) -> str:
        return format(self._value[()], spec) if spec and not self._value.shape else format(str(self), spec)

    def item(self, *args: Any) -> Any:
        """The one element (or the one at a flat index) as a Python number."""
        return self._value.item(*args)

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return self._value.tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        """The elements as bytes."""
        return self._value.tobytes(order)

    def block_until_ready(self) -> Array:
        """Itself: results here are always ready."""
        return self

    def is_ready(self) -> bool:
        """True: results here are always ready."""
        return True

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: Any) -> Array:
        return Array(self._value.copy(), self._weak)

    def __reduce__(self) -> Any:
        return Array, (np.array(self._value), self._weak)

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        body = np.array2string(self._value, separator=", ", prefix="Array(")
        weak = ", weak_type=True" if self._weak else ""
        if self._value.size == 0 and self._value.ndim > 1:
            body = f"[], shape={self._value.shape}".replace(" ", "")
        return f"Array({body}, dtype={self._value.dtype.name}{weak})"
