"""Checks of what samplers are given: shapes, dtypes, parameters. Messages name the value, the user's line and the repair."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from functrans.config import options
from functrans.core.dtypes import canonical, dtype_of, is_integer, kind_of, promote
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.errors import TracerIntegerConversionError, TypePromotionError
from functrans.numpy.manipulation import broadcast_shapes

__all__ = [
    "Shape", "check_params", "checked_shape", "concrete_int", "default_int", "float_dtype", "int_dtype", "joined_shape", "refuse",
    "shape_of", "short_ints", "size_of",
]

Shape = tuple[int, ...]


def refuse(error: type[Exception], message: str) -> NoReturn:
    """Raise `error` with the user's line after the message."""
    raise error(f"{message}, at {describe(user_source())}.")


# -- dtypes -----------------------------------------------------------------------------------------------------------

def short_ints() -> bool:
    """Whether integers default to 32 bits: with ``config.default_float`` float32 samplers draw what JAX draws without x64."""
    return options().default_float == np.dtype(np.float32)


def default_int() -> np.dtype:
    """The dtype of integers that nothing else determines."""
    return np.dtype(np.int32 if short_ints() else np.int64)


def float_dtype(name: str, dtype: Any, kinds: str = "f") -> np.dtype:
    """The floating dtype asked for; None is ``config.default_float``."""
    found = canonical(float if dtype is None else dtype)
    if kind_of(found) not in kinds:
        accepted = "a float or complex dtype" if "c" in kinds else "a float dtype"
        refuse(ValueError, f"dtype argument to `{name}` must be {accepted}, got {found}")
    return found


def int_dtype(name: str, dtype: Any, error: type[Exception] = ValueError) -> np.dtype:
    """The integer dtype asked for; None and `int` are the default one."""
    found = default_int() if dtype is None or dtype is int else canonical(dtype)
    if not is_integer(found):
        refuse(error, f"dtype argument to `{name}` must be an int dtype, got {found}")
    return found


# -- shapes -----------------------------------------------------------------------------------------------------------

def checked_shape(name: str, shape: Any, *params: Any) -> Shape:
    """`shape` as a tuple of sizes, to which the parameters must broadcast."""
    given = tuple(shape) if (isinstance(shape, Sequence) and not isinstance(shape, str)) or len(np.shape(shape)) == 1 else (shape,)
    try:
        sizes = tuple(map(operator.index, given))
    except TracerIntegerConversionError:
        raise  # it names the value and the repair
    except TypeError:
        refuse(TypeError, f"{name}: shapes must be 1D sequences of concrete values of integer type, got {shape!r}")
    if any(n < 0 for n in sizes):
        refuse(ValueError, f"{name}: shapes must not have negative sizes, got {shape!r}")
    if params:
        shapes = [shape_of(p) for p in params]
        joined = _joined(name, [sizes, *shapes])
        if joined != sizes:
            refuse(ValueError, f"{name} parameter shapes must be broadcast-compatible with shape argument, and the result of "
                               f"broadcasting the shapes must equal the shape argument, but got result {joined} for shape argument {sizes}")
    return sizes


def joined_shape(name: str, shape: Any, *params: Any) -> Shape:
    """`shape`, or where that is None the shape that the parameters broadcast to."""
    return _joined(name, [shape_of(p) for p in params]) if shape is None else checked_shape(name, shape, *params)


def _joined(name: str, shapes: Sequence[Shape]) -> Shape:
    try:
        return tuple(broadcast_shapes(*shapes))
    except ValueError:
        refuse(ValueError, f"{name}: incompatible shapes for broadcasting: {', '.join(map(str, shapes))}")


def shape_of(x: Any) -> Shape:
    return typeof(x).shape if is_array_like(x) or hasattr(x, "shape") else np.shape(x)


def size_of(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


# -- parameters -------------------------------------------------------------------------------------------------------

def check_params(name: str, dtype: np.dtype, *params: Any) -> None:
    """Refuse parameters that `dtype` does not hold: they would be rounded silently.

    Raises:
        TypePromotionError: naming the sampler and both dtypes.
    """
    for p in params:
        given, weak = dtype_of(p)
        if promote(given, weak, dtype, False)[0] != dtype:
            refuse(TypePromotionError, f"In arguments to {name}, cannot safely cast argument of type {given} to {dtype}. Convert it with "
                                       f".astype({str(dtype)!r}), or pass dtype={str(given)!r}")


def concrete_int(name: str, what: str, x: Any) -> int:
    """A Python int; of a traced value too, where the trace knows it."""
    try:
        return operator.index(x)
    except TracerIntegerConversionError:
        raise  # it names the value and the repair
    except TypeError:
        refuse(TypeError, f"{name}: {what} must be an integer, got {x!r}")
