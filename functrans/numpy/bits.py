"""Methods of arrays that look at their bytes (`view`, `byteswap`) or speak of where they are (`device`, `to_device`).

Booleans count as bytes that are 0 or 1, and complex numbers as pairs of floats, real part first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.joining import stack
from functrans.numpy.manipulation import flip, ravel, reshape
from functrans.numpy.util import check_device
from functrans.primitives.logic import bitcast_convert_type
from functrans.primitives.parts import complex_p, imag_p, real_p
from functrans.primitives.structural import convert_element_type

__all__ = ["Format", "Layout", "byteswap", "clone", "device", "devices", "flat", "format", "to_device", "view"]

_BYTE = np.dtype(np.uint8)


def _as_plain(x: Any) -> Any:
    """Booleans as bytes, and complex numbers as pairs along the last axis."""
    aval = typeof(x)
    if aval.dtype.kind == "b":
        return convert_element_type(x, _BYTE)
    if aval.dtype.kind == "c":
        return reshape(stack([real_p.bind(x), imag_p.bind(x)], axis=-1), (*aval.shape[:-1], 2 * aval.shape[-1]))
    return x


def _recast(x: Any, dtype: np.dtype) -> Any:
    """The last axis of `x` read as another dtype that is neither boolean nor complex."""
    aval = typeof(x)
    if aval.dtype.itemsize == dtype.itemsize:
        return bitcast_convert_type(x, dtype)
    if aval.dtype.itemsize > dtype.itemsize:
        return reshape(bitcast_convert_type(x, dtype), (*aval.shape[:-1], -1 if aval.size else 0))
    pieces = dtype.itemsize // aval.dtype.itemsize
    return bitcast_convert_type(reshape(x, (*aval.shape[:-1], aval.shape[-1] // pieces, pieces)), dtype)


def view(self: Any, dtype: Any = None, type: None = None) -> Any:
    """The same bytes read as another dtype; the last axis grows or shrinks where the sizes of elements differ.

    Raises:
        ValueError: if the bytes of the last axis are no multiple of the new element, or an array of rank 0 would change size.

    >>> from functrans.numpy import array
    >>> view(array([1.0, 2.0], "float32"), "uint32")
    Array([1065353216, 1073741824], dtype=uint32)
    """
    aval = typeof(self)
    wanted = aval.dtype if dtype is None else canonical(dtype)
    if wanted == aval.dtype:
        return self
    if aval.dtype.itemsize != wanted.itemsize:
        if not aval.shape:
            raise ValueError(f"view: an array of rank 0 keeps the size of its element; {aval.dtype} and {wanted} differ, at "
                             f"{describe(user_source())}. Use x[None].view(...).")
        if aval.shape[-1] * aval.dtype.itemsize % wanted.itemsize:
            raise ValueError(f"view: the last axis of {aval}, of {aval.shape[-1] * aval.dtype.itemsize} bytes, holds no whole number of "
                             f"{wanted}, at {describe(user_source())}.")
    if not aval.shape:
        return reshape(view(reshape(self, (1,)), wanted), ())
    x = _as_plain(self)
    if wanted.kind == "b":
        return _recast(x, _BYTE) != 0
    if wanted.kind != "c":
        return _recast(x, wanted)
    floats = _recast(x, np.dtype(wanted.type(0).real.dtype))
    pairs = reshape(floats, (*aval.shape[:-1], typeof(floats).shape[-1] // 2, 2))
    return complex_p.bind(pairs[..., 0], pairs[..., 1])


def byteswap(self: Any) -> Any:
    """The array with the bytes of each element in the opposite order.

    >>> from functrans.numpy import array
    >>> byteswap(array([1, 256], "uint16"))
    Array([256,   1], dtype=uint16)
    """
    aval = typeof(self)
    if aval.dtype.itemsize == 1:
        return self
    if aval.dtype.kind == "c":
        return complex_p.bind(byteswap(real_p.bind(self)), byteswap(imag_p.bind(self)))
    return bitcast_convert_type(flip(bitcast_convert_type(self, _BYTE), -1), aval.dtype)


def clone(self: Any) -> Any:
    """The array itself: arrays never change."""
    return self


def device(self: Any) -> str:
    """``"cpu"``, as the Array API of NumPy says it."""
    return "cpu"


def devices(self: Any) -> set[str]:
    """``{"cpu"}``."""
    return {"cpu"}


def to_device(self: Any, device: Any, *, stream: Any = None) -> Any:
    """The array itself.

    Raises:
        ValueError: for another device than ``"cpu"``.

    >>> from functrans.numpy import ones
    >>> to_device(ones(2), "cpu")
    Array([1., 1.], dtype=float64)
    """
    check_device("to_device", device)
    return self


def flat(self: Any) -> Any:
    """The elements in row-major order, as a vector.

    NumPy's is an iterator that also writes; arrays here are immutable, so the vector of the elements does all the rest of it: it
    iterates, has a length and takes indices.

    >>> from functrans.numpy import array
    >>> x = array([[1, 2], [3, 4]])
    >>> [int(v) for v in x.flat], int(x.flat[2])
    ([1, 2, 3, 4], 3)
    """
    return ravel(self)


@dataclass(frozen=True, slots=True)
class Layout:
    """How elements lie in memory: `major_to_minor` lists the axes from the slowest to the quickest."""

    major_to_minor: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """Where an array lies, and how: on one device, in a `Layout`."""

    layout: Layout
    device: str


def format(self: Any) -> Format:
    """How the elements lie in memory: in row-major order, as programs see them.

    >>> from functrans.numpy import ones
    >>> format(ones((2, 3))).layout
    Layout(major_to_minor=(0, 1))
    """
    return Format(Layout(tuple(range(typeof(self).ndim))), device(self))
