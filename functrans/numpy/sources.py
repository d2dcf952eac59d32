"""Arrays from other places: buffers, text, files, functions of their indices, other libraries; and into files.

What depends on anything but the arguments (`fromfile`, `fromiter`) is refused, since a traced function must be pure: read with
NumPy outside, and convert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from functrans.config import options
from functrans.core.array import Array
from functrans.core.dtypes import canonical
from functrans.core.low_precision import DTYPES
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer
from functrans.errors import TracerArrayConversionError
from functrans.numpy.creation import asarray, indices
from functrans.numpy.creation import copy as copied
from functrans.numpy.util import check_device

__all__ = ["from_dlpack", "frombuffer", "fromfile", "fromfunction", "fromiter", "fromstring", "load", "save", "savez"]


def _dtype(dtype: Any) -> np.dtype:
    return options().default_float if dtype is float else canonical(dtype)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """An array of another library, by the DLPack protocol, without a copy.

    The result shares the memory of `x`, and the caller promises not to write to it any more: arrays never change. With ``copy=True``
    the two are independent.

    Args:
        x: an object with ``__dlpack__`` and ``__dlpack_device__``, on the CPU.
        device: ``"cpu"`` or None.
        copy: whether to copy; None and False share.

    Raises:
        ValueError: if another device is named.
        TypeError: if `x` does not have the protocol, or its dtype is none of ours.
        BufferError: if the memory of `x` cannot be shared, as that of another device.

    >>> owner = np.arange(3)
    >>> x = from_dlpack(owner)
    >>> x, np.shares_memory(owner, x)
    (Array([0, 1, 2], dtype=int64), True)
    """
    check_device("from_dlpack", device)
    if isinstance(x, (Array, Tracer)):
        return copied(x) if copy else x
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError(f"from_dlpack takes an object with __dlpack__ and __dlpack_device__; got {x!r} of type {type(x).__name__}, at "
                        f"{describe(user_source())}. Use functrans.numpy.asarray for lists and numbers.")
    try:
        shared = np.from_dlpack(x)
    except (BufferError, RuntimeError) as error:
        raise BufferError(f"from_dlpack: the memory of {type(x).__name__} cannot be shared: {error}, at {describe(user_source())}. Move it "
                          "to the CPU, or convert it to a dtype that NumPy has, with its own library.") from error
    canonical(shared.dtype)
    return Array(np.array(shared) if copy else shared)


def frombuffer(buffer: Any, dtype: Any = float, count: int = -1, offset: int = 0) -> Any:
    """The bytes of a buffer as a vector.

    Args:
        buffer: an object with the buffer protocol.
        dtype: of the elements.
        count: how many; -1 for all.
        offset: where to begin, in bytes.

    >>> frombuffer(b"abc", dtype="uint8")
    Array([97, 98, 99], dtype=uint8)
    """
    return asarray(np.frombuffer(buffer, _dtype(dtype), count, offset).copy())


def fromstring(string: str, dtype: Any = float, count: int = -1, *, sep: str) -> Any:
    """The numbers in a text, separated by `sep`.

    >>> fromstring("1 2 3", dtype=int, sep=" ")
    Array([1, 2, 3], dtype=int64)
    """
    return asarray(np.fromstring(string, _dtype(dtype), count, sep=sep))


def fromfunction(function: Callable[..., Any], shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    """`function` of the indices of an array of the given shape: one array of them for each axis.

    >>> fromfunction(lambda i, j: i + j, (2, 2), dtype=int)
    Array([[0, 1],
           [1, 2]], dtype=int64)
    """
    return function(*indices(shape if isinstance(shape, (tuple, list)) else (shape,), _dtype(dtype)), **kwargs)


def _refused(name: str) -> NoReturn:
    raise NotImplementedError(f"{name} is not pure, and traced functions must be, at {describe(user_source())}. Call numpy.{name} outside, "
                              f"and convert: functrans.numpy.asarray(numpy.{name}(...)).")


def fromfile(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused, since files change.

    Raises:
        NotImplementedError: always; it says what to write instead.
    """
    _refused("fromfile")


def fromiter(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused, since iterators change.

    Raises:
        NotImplementedError: always; it says what to write instead.
    """
    _refused("fromiter")


# -- files ------------------------------------------------------------------------------------------------------------

def _stored(name: str, x: Any) -> np.ndarray:
    if isinstance(x, Tracer) and (x.concrete() is None or isinstance(x.concrete(), Tracer)):
        raise TracerArrayConversionError(f"{name}: {x.describe()} is traced and has no value to store, at {describe(user_source())}. "
                                         "Return it, and store the result.")
    return np.asarray(x)


def load(file: Any, *args: Any, **kwargs: Any) -> Any:
    """What `save` or `savez` stored; arguments are those of `numpy.load`.

    NumPy's format has no name for bfloat16: elements of two bytes without a type are taken for it where ml_dtypes is installed.

    Returns:
        An array, or for an archive NumPy's mapping of names to ndarrays.
    """
    out = np.load(file, *args, **kwargs)
    if isinstance(out, np.ndarray) and out.dtype == np.dtype("V2") and "bfloat16" in DTYPES:
        out = out.view(DTYPES["bfloat16"])
    return asarray(out) if isinstance(out, np.ndarray) else out


def save(file: Any, arr: Any, allow_pickle: bool = True) -> None:
    """Store an array in a file of NumPy's ``.npy`` format.

    Raises:
        TracerArrayConversionError: for a traced array without a value.
    """
    np.save(file, _stored("save", arr), allow_pickle=allow_pickle)


def savez(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Store arrays in one archive of NumPy's ``.npz`` format, by the names of the keywords (``arr_0``, ... for the others).

    Raises:
        TracerArrayConversionError: for a traced array without a value.
    """
    np.savez(file, *(_stored("savez", x) for x in args), allow_pickle=allow_pickle, **{k: _stored("savez", v) for k, v in kwds.items()})
