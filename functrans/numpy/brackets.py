"""Builders written with brackets: grids (`mgrid`, `ogrid`), joined arrays (`r_`, `c_`) and index expressions (`s_`, `index_exp`).

>>> r_[0:3, 5]
Array([0, 1, 2, 5], dtype=int64)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.joining import concatenate
from functrans.numpy.util import asarray_internal, check_arraylike
from functrans.primitives.structural import reshape

__all__ = ["c_", "index_exp", "mgrid", "ogrid", "r_", "s_"]


class _Mesh:
    """``mgrid`` and ``ogrid``: coordinates of a grid from slices; an imaginary step counts points, the end included."""

    def __init__(self, name: str, dense: bool) -> None:
        self._name = name
        self._dense = dense

    def __getitem__(self, key: Any) -> Any:
        grid = (np.mgrid if self._dense else np.ogrid)[key]
        return [Array(np.ascontiguousarray(v)) for v in grid] if isinstance(grid, (list, tuple)) else Array(grid)

    def __repr__(self) -> str:
        return self._name


mgrid = _Mesh("mgrid", True)
ogrid = _Mesh("ogrid", False)


class _Indexer:
    """``s_`` and ``index_exp``: the index expression itself."""

    def __init__(self, always_tuple: bool) -> None:
        self._always_tuple = always_tuple

    def __getitem__(self, item: Any) -> Any:
        return (item,) if self._always_tuple and not isinstance(item, tuple) else item


s_ = _Indexer(False)
index_exp = _Indexer(True)


class _Concatenator:
    """``r_`` and ``c_``: arrays, numbers and ranges joined along an axis."""

    def __init__(self, name: str, axis: int, ndmin: int, trans1d: int) -> None:
        self._name = name
        self._defaults = (axis, ndmin, trans1d)

    def __getitem__(self, key: Any) -> Any:
        parts = list(key) if isinstance(key, tuple) else [key]
        axis, ndmin, trans1d = self._defaults
        if parts and isinstance(parts[0], str):
            directive = parts.pop(0)
            if directive in ("r", "c"):
                raise NotImplementedError(f"{self._name}[{directive!r}, ...] makes matrices, which do not exist here, at "
                                          f"{describe(user_source())}. Use {self._name}['0,2', ...].")
            try:
                numbers = [int(p) for p in directive.split(",")]
            except ValueError:
                raise ValueError(f"{self._name}: unknown directive {directive!r}; use 'axis,ndmin,trans1d', at "
                                 f"{describe(user_source())}.") from None
            axis, ndmin, trans1d = (*numbers, *self._defaults[len(numbers):])
        return concatenate([self._part(p, ndmin, trans1d) for p in parts], axis)

    def _part(self, p: Any, ndmin: int, trans1d: int) -> Any:
        if isinstance(p, slice):
            p = np.r_[p]
            own = 1
        else:
            p = np.asarray(p) if isinstance(p, (list, tuple)) else p
            check_arraylike(self._name, p)
            own = typeof(p).ndim
        p = asarray_internal(p)
        if own == 0:
            return reshape(p, (1,) * max(ndmin, 1))
        if own >= ndmin:
            return p
        # New axes come first, except that trans1d says where the first own axis goes.
        before = ndmin - own if trans1d == -1 else trans1d if trans1d >= 0 else trans1d + ndmin - own + 1
        return reshape(p, (*(1,) * before, *typeof(p).shape, *(1,) * (ndmin - own - before)))

    def __repr__(self) -> str:
        return self._name


r_ = _Concatenator("r_", 0, 1, -1)
c_ = _Concatenator("c_", -1, 2, 0)
