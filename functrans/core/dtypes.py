"""dtypes: the ones we know, the promotion lattice with weak Python scalars, default types.

The lattice is that of the reference library (https://docs.jax.dev/en/latest/type_promotion.html): a Python scalar is
*weak* and adopts the type of the array it meets, so that float32 programs stay float32.

>>> result_type(np.dtype("float32"), 1.0)
(dtype('float32'), False)
>>> result_type(np.dtype("int32"), np.dtype("uint32"))
(dtype('int64'), False)
>>> result_type(1, 2.0)
(dtype('float64'), True)
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from functrans.arguments import brief
from functrans.config import options
from functrans.core import low_precision
from functrans.core.source import describe, user_source
from functrans.errors import TypePromotionError

__all__ = [
    "SHORT_NAMES",
    "canonical",
    "complex_dtype",
    "default_complex",
    "default_int",
    "dtype_of",
    "extended",
    "finfo_eps",
    "float0",
    "is_complex",
    "is_discrete",
    "is_float",
    "is_inexact",
    "is_integer",
    "is_signed",
    "is_unsigned",
    "kind_of",
    "prng_key",
    "promote",
    "python_scalar_dtype",
    "real_dtype",
    "result_type",
    "scalar_in",
]

float0: np.dtype = np.dtype([("float0", np.void, 0)])
"""The tangent type of integers and booleans: a type with one value, taking no space."""



class extended(np.generic):
    """The scalar type of all dtypes that NumPy does not know."""


class prng_key(extended):
    """The scalar type of random keys."""


SHORT_NAMES = {
    "bool": "bool", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32",
    "uint64": "u64", "float16": "f16", "float32": "f32", "float64": "f64", "complex64": "c64", "complex128": "c128",
} | {name: low_precision.FORMATS[name].short for name in low_precision.DTYPES}
"""How avals print each supported dtype."""

_SUPPORTED = {np.dtype(name): np.dtype(name) for name in SHORT_NAMES} | {float0: float0}
_WEAK_KINDS = {"i": "i*", "f": "f*", "c": "c*"}
_WEAK_DTYPE = {"i*": np.dtype("int64"), "f*": np.dtype("float64"), "c*": np.dtype("complex128")}

# Edges of the lattice, from each type to those it may become; "i*", "f*", "c*" are the weak Python scalars.
_EDGES = {
    "bool": ["i*"], "i*": ["uint8", "int8"],
    "uint8": ["int16", "uint16"], "uint16": ["int32", "uint32"], "uint32": ["int64", "uint64"], "uint64": ["f*"],
    "int8": ["int16"], "int16": ["int32"], "int32": ["int64"], "int64": ["f*"],
    "f*": ["float16", "bfloat16", "c*"], "float16": ["float32"], "bfloat16": ["float32"], "float32": ["float64", "complex64"],
    "float64": ["complex128"], "c*": ["complex64"], "complex64": ["complex128"], "complex128": [],
}
# The narrowest formats become nothing by themselves: so much would be lost, or won, unseen. Python numbers and booleans adopt them.
_NARROW = frozenset(name for name, format in low_precision.FORMATS.items() if format.bits <= 8)
_EDGES |= {name: [] for name in _NARROW}
for _weak in "i*", "f*":
    _EDGES[_weak] = _EDGES[_weak] + sorted(n for n in _NARROW if (low_precision.FORMATS[n].kind == "f") == (_weak == "f*"))


def canonical(dtype: Any) -> np.dtype:
    """The supported dtype, in native byte order, that `dtype` (a NumPy dtype, a name, or a Python type) means.

    Raises:
        TypeError: for dtypes no array of ours can have (object, strings, dates, longdouble, records).
    """
    if dtype is float:
        return options().default_float
    found = _SUPPORTED.get(dtype) if isinstance(dtype, np.dtype) else None
    if found is not None:
        return found
    if isinstance(dtype, str) and low_precision.is_missing(dtype):
        raise TypeError(low_precision.how_to_install(f"the dtype {dtype}"))
    try:
        asked = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError):  # NumPy's way to say that this means no dtype
        raise TypeError(f"dtype must be a dtype or what names one; got {brief(dtype)}, at {describe(user_source())}.") from None
    found = _SUPPORTED.get(asked)
    if found is None:
        known = ", ".join(SHORT_NAMES)
        raise TypeError(f"dtype {asked} is not supported: arrays hold one of {known}, at {describe(user_source())}. Convert the value "
                        "first, for example with numpy.asarray(x, dtype=float).")
    return found


def default_int() -> np.dtype:
    return _WEAK_DTYPE["i*"]


def default_complex() -> np.dtype:
    return complex_dtype(options().default_float)


def python_scalar_dtype(kind: type) -> np.dtype:
    """The dtype a Python scalar has by itself."""
    if kind is float:
        return options().default_float
    if kind is int:
        return _WEAK_DTYPE["i*"]
    if kind is complex:
        return default_complex()
    return np.dtype(bool)


@cache
def _ancestors(node: str) -> frozenset[str]:
    found, frontier = {node}, [node]
    while frontier:
        for up in _EDGES[frontier.pop()]:
            if up not in found:
                found.add(up)
                frontier.append(up)
    return frozenset(found)


@cache
def _join(a: str, b: str) -> str:
    """The least upper bound: the one common ancestor that every common ancestor is above of."""
    common = _ancestors(a) & _ancestors(b)
    least = [n for n in common if common <= _ancestors(n)]
    if not least:
        narrow = a if a in _NARROW else b
        raise TypePromotionError(f"{_spoken(a)} and {_spoken(b)} have no common dtype, at {describe(user_source())}: {narrow} is not "
                                 "promoted by itself, lest precision be lost unseen. Convert one of the operands, for example with "
                                 "x.astype('float32').")
    return least[0]


def _spoken(node: str) -> str:
    return {"i*": "a Python int", "f*": "a Python float", "c*": "a Python complex number"}.get(node, node)


@cache
def promote(a: np.dtype, a_weak: bool, b: np.dtype, b_weak: bool) -> tuple[np.dtype, bool]:
    """The dtype and weakness of an operation between two values."""
    if a_weak == b_weak and a == b:
        return a, a_weak
    node = _join(_node(a, a_weak), _node(b, b_weak))
    if node not in _WEAK_DTYPE:
        return np.dtype(node), False
    # Both are weak: keep the width a weak array already has (a weak float32 and a weak int stay float32).
    same_kind = [d for d in (a, b) if _WEAK_KINDS.get(_kind(d)) == node]
    if same_kind:
        return max(same_kind, key=lambda d: d.itemsize), True
    return _WEAK_DTYPE[node], a_weak or b_weak


def _kind(dtype: np.dtype) -> str:
    return "i" if is_integer(dtype) else kind_of(dtype)


def _node(dtype: np.dtype, weak: bool) -> str:
    return _WEAK_KINDS[_kind(dtype)] if weak and kind_of(dtype) in "iufc" else dtype.name


def dtype_of(x: Any) -> tuple[np.dtype, bool]:
    """The dtype and weakness of a value, a dtype, or a Python scalar."""
    kind = type(x)
    if kind in (float, int, bool, complex):
        return python_scalar_dtype(kind), kind is not bool
    if isinstance(x, np.dtype):
        return canonical(x), False
    if isinstance(x, type):
        if x in (float, int, bool, complex):
            return python_scalar_dtype(x), x is not bool
        return canonical(x), False
    if isinstance(x, str):
        return canonical(x), False
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        dtype = np.asarray(x).dtype
    return canonical(dtype), bool(getattr(x, "weak_type", False))


def scalar_in(x: complex, dtype: np.dtype) -> Any:
    """A Python number as a NumPy scalar of `dtype`.

    Raises:
        OverflowError: naming the number, for an int that an integer `dtype` does not hold.

    >>> scalar_in(2, np.dtype("float32"))
    np.float32(2.0)
    """
    try:
        return dtype.type(x)
    except OverflowError:
        raise OverflowError(f"the Python int {x} does not fit {dtype}, at {describe(user_source())}. Convert the array it meets to a "
                            "dtype that holds it, or to a floating one.") from None


def result_type(*args: Any) -> tuple[np.dtype, bool]:
    """The promoted dtype and weakness of values, dtypes and Python scalars, in any mixture."""
    if not args:
        raise ValueError(f"result_type needs at least one array or dtype; it got none, at {describe(user_source())}.")
    dtype, weak = dtype_of(args[0])
    for x in args[1:]:
        dtype, weak = promote(dtype, weak, *dtype_of(x))
    return dtype, weak


def kind_of(dtype: np.dtype) -> str:
    """The kind of a dtype: "b", "i", "u", "f" or "c" for booleans, integers, unsigned ones, floats and complex numbers, "V" for float0.

    NumPy's own ``dtype.kind`` says "V" of the dtypes it does not have itself.

    >>> kind_of(np.dtype("float32"))
    'f'
    """
    kind = dtype.kind
    return kind if kind != "V" else low_precision.KIND_OF_TYPE.get(dtype.type, "V")


def is_float(dtype: np.dtype) -> bool:
    return kind_of(dtype) == "f"


def is_complex(dtype: np.dtype) -> bool:
    return dtype.kind == "c"


def is_inexact(dtype: np.dtype) -> bool:
    """Floating or complex: the dtypes that have derivatives."""
    return kind_of(dtype) in "fc"


def is_integer(dtype: np.dtype) -> bool:
    return kind_of(dtype) in "iu"


def is_unsigned(dtype: np.dtype) -> bool:
    return kind_of(dtype) == "u"


def is_discrete(dtype: np.dtype) -> bool:
    """Integer or boolean."""
    return kind_of(dtype) in "biu"


def is_signed(dtype: np.dtype) -> bool:
    return kind_of(dtype) in "ifc"


def real_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of the parts of a complex dtype; others are themselves."""
    parts = {"complex64": "float32", "complex128": "float64"}
    return np.dtype(parts[dtype.name]) if dtype.kind == "c" else dtype


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """The complex dtype whose parts hold `dtype` without loss."""
    if dtype.kind == "c":
        return dtype
    return np.dtype("complex64" if dtype.name in ("bfloat16", "float16", "float32") else "complex128")


def finfo_eps(dtype: np.dtype) -> float:
    """The distance from 1 to the next larger number of `dtype`."""
    return float(low_precision.finfo(dtype).eps)
