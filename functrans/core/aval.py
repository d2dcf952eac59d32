"""Abstract values: what is known of an array before it is computed.

>>> ShapedArray((2, 3), np.dtype("float32"))
f32[2,3]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.dtypes import SHORT_NAMES, canonical, float0, is_inexact, python_scalar_dtype

__all__ = ["Linear", "ShapeDtypeStruct", "ShapedArray", "Zero", "scalar_aval", "tangent_aval"]


class ShapedArray:
    """The shape, dtype and weakness of an array. Compared by value, hashable, immutable by convention.

    A hand-written class: avals are made and compared on every operation, and a generated one costs twice as much.
    """

    __slots__ = ("_hash", "dtype", "shape", "weak_type")

    shape: tuple[int, ...]
    dtype: np.dtype
    weak_type: bool

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, weak_type: bool = False) -> None:
        self.shape = shape
        self.dtype = dtype
        self.weak_type = weak_type
        self._hash = 0

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for d in self.shape:
            size *= d
        return size

    def update(self, *, shape: tuple[int, ...] | None = None, dtype: np.dtype | None = None,
               weak_type: bool | None = None) -> ShapedArray:
        """A copy with the given fields replaced."""
        return ShapedArray(self.shape if shape is None else shape, self.dtype if dtype is None else dtype,
                           self.weak_type if weak_type is None else weak_type)

    def strong(self) -> ShapedArray:
        """The same shape and dtype, not weak."""
        return ShapedArray(self.shape, self.dtype) if self.weak_type else self

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is ShapedArray and self.shape == other.shape and self.dtype == other.dtype
            and self.weak_type == other.weak_type)

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash((self.shape, self.dtype.num, self.weak_type)) or 1
        return self._hash

    def same_type(self, other: ShapedArray) -> bool:
        """Equal but for weakness."""
        return self.shape == other.shape and self.dtype == other.dtype

    def str_short(self) -> str:
        name = "float0" if self.dtype == float0 else SHORT_NAMES[self.dtype.name]
        return f"{name}{'*' if self.weak_type else ''}[{','.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return self.str_short()

    def __reduce__(self) -> tuple[Any, ...]:
        return ShapedArray, (self.shape, self.dtype, self.weak_type)


class ShapeDtypeStruct:
    """A shape and dtype that stand for an array where only its type matters (`eval_shape`, `jit(f).lower`).

    >>> ShapeDtypeStruct((3,), "float32")
    ShapeDtypeStruct(shape=(3,), dtype=float32)
    """

    __slots__ = ("dtype", "shape", "weak_type")

    def __init__(self, shape: tuple[int, ...], dtype: Any, weak_type: bool = False) -> None:
        self.shape = tuple(int(d) for d in shape)
        self.dtype = canonical(dtype)
        self.weak_type = weak_type

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return ShapedArray(self.shape, self.dtype).size

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, ShapeDtypeStruct) and self.shape == other.shape and self.dtype == other.dtype
                and self.weak_type == other.weak_type)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype, self.weak_type))

    def __repr__(self) -> str:
        weak = ", weak_type=True" if self.weak_type else ""
        return f"ShapeDtypeStruct(shape={self.shape}, dtype={self.dtype.name}{weak})"


def scalar_aval(kind: type) -> ShapedArray:
    """The aval of a Python scalar of type `kind`."""
    return ShapedArray((), python_scalar_dtype(kind), kind is not bool)


def tangent_aval(aval: ShapedArray) -> ShapedArray:
    """The aval of tangents at `aval`: itself for inexact dtypes, `float0` for the others."""
    if is_inexact(aval.dtype):
        return aval.strong()
    return ShapedArray(aval.shape, float0)


class Zero:
    """A tangent or cotangent known to be zero, and never computed."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Zero({self.aval})"


class Linear:
    """Stands for an operand of a linear equation during transposition: its aval is known, its value is not."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Linear({self.aval})"
