"""Types for annotations of programs: what stands for an array, and for a dtype.

>>> def double(x: ArrayLike) -> "functrans.Array":
...     return functrans.numpy.multiply(x, 2)
>>> import functrans
>>> double(3.0)
Array(6., dtype=float64, weak_type=True)
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np

from functrans.core.array import Array

__all__ = ["ArrayLike", "DTypeLike"]


class _HasDType(Protocol):
    @property
    def dtype(self) -> np.dtype: ...


ArrayLike: TypeAlias = Array | np.ndarray | np.bool_ | np.number | bool | int | float | complex
"""What a function that takes arrays takes: arrays (traced ones are annotated as arrays too) and numbers, but no lists."""

DTypeLike: TypeAlias = str | type[Any] | np.dtype | _HasDType
"""What names a dtype: its name, a scalar type, a dtype, or something that has one."""
