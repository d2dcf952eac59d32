"""Dtypes, constants, and questions about types and shapes.

``float32`` and the others are callable (``float32(1.5)`` is an array) and serve wherever a dtype is expected.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core import low_precision
from functrans.core.dtypes import canonical, default_complex, default_int, extended
from functrans.core.dtypes import result_type as _result_type
from functrans.core.low_precision import DTYPES, KIND_OF_TYPE
from functrans.core.trace import is_array_like, typeof
from functrans.numpy.creation import array
from functrans.numpy.util import asarray_internal, canonical_axes, check_arraylike, default_float

__all__ = [
    "LOW_PRECISION",
    "ComplexWarning",
    "ScalarType",
    "bool",
    "bool_",
    "can_cast",
    "cdouble",
    "character",
    "complex64",
    "complex128",
    "complex_",
    "complexfloating",
    "csingle",
    "default_types",
    "double",
    "dtype",
    "e",
    "euler_gamma",
    "finfo",
    "flexible",
    "float16",
    "float32",
    "float64",
    "float_",
    "floating",
    "generic",
    "iinfo",
    "inexact",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "int_",
    "integer",
    "isdtype",
    "isscalar",
    "issubdtype",
    "nan",
    "ndim",
    "newaxis",
    "no_attribute",
    "number",
    "object_",
    "pi",
    "promote_types",
    "result_type",
    "shape",
    "signedinteger",
    "single",
    "size",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "unsignedinteger",
]

pi, e, euler_gamma = math.pi, math.e, 0.5772156649015329
inf, nan, newaxis = math.inf, math.nan, None

dtype = np.dtype
ComplexWarning = np.exceptions.ComplexWarning
generic, number, integer, signedinteger, unsignedinteger = np.generic, np.number, np.integer, np.signedinteger, np.unsignedinteger
inexact, floating, complexfloating = np.inexact, np.floating, np.complexfloating
character, flexible, object_ = np.character, np.flexible, np.object_


class ScalarType(type):
    """The type of `float32` and the others: calling one converts, ``np.dtype`` accepts it, and it equals its dtype.

    >>> float32(2)
    Array(2., dtype=float32)
    >>> np.dtype(float32) == float32
    True
    """

    dtype: np.dtype

    def __call__(cls, x: Any = 0) -> Any:
        return array(x, dtype=cls.dtype)

    def __eq__(cls, other: object) -> bool:
        return cls is other or (isinstance(other, (np.dtype, type)) and _same_dtype(cls.dtype, other))

    def __hash__(cls) -> int:
        return hash(cls.dtype.type)

    def __instancecheck__(cls, x: object) -> bool:
        return isinstance(x, cls.dtype.type)

    def __repr__(cls) -> str:
        return f"functrans.numpy.{cls.__name__}"


def _same_dtype(wanted: np.dtype, other: Any) -> bool:
    if isinstance(other, ScalarType):
        return wanted is other.dtype
    return (other if isinstance(other, np.dtype) else getattr(other, "type", other)) in (wanted, wanted.type)


def _scalar(name: str) -> Any:
    made = ScalarType(name, (), {"dtype": canonical(name.rstrip("_")), "__module__": __name__,
                                 "__doc__": f"The dtype {name.rstrip('_')}; called, an array of it."})
    return made


bool_ = _scalar("bool_")
int8, int16, int32, int64 = map(_scalar, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(_scalar, ("uint8", "uint16", "uint32", "uint64"))
float16, float32, float64 = map(_scalar, ("float16", "float32", "float64"))
complex64, complex128 = map(_scalar, ("complex64", "complex128"))
int_, uint, float_, complex_ = int64, uint64, float64, complex128
single, double, csingle, cdouble = float32, float64, complex64, complex128

LOW_PRECISION: dict[str, Any] = {name: _scalar(name) for name in DTYPES}
"""``bfloat16`` and the other dtypes that ml_dtypes brings, by name."""


def no_attribute(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have; of a dtype that ml_dtypes would bring, it says so."""
    if low_precision.is_missing(name):
        return AttributeError(low_precision.how_to_install(f"{module}.{name}"))
    return AttributeError(f"module {module!r} has no attribute {name!r}")


# -- dtypes -----------------------------------------------------------------------------------------------------------

def result_type(*args: Any) -> np.dtype:
    """The dtype an operation on arrays, scalars and dtypes gives; Python scalars are weak.

    >>> result_type(np.float32(1), 2.0)
    dtype('float32')
    """
    return _result_type(*(canonical(x) if isinstance(x, str) else _plain(x) for x in args))[0]


def promote_types(a: Any, b: Any) -> np.dtype:
    """The least dtype of the lattice above both.

    >>> promote_types("int32", "float32")
    dtype('float32')
    """
    return _result_type(_named(a), _named(b))[0]


def _named(x: Any) -> Any:
    return x if x in (int, float, complex) and isinstance(x, type) and not isinstance(x, ScalarType) else canonical(x)


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether a dtype is of a kind (``floating``, ``integer``, ...) or equal to another.

    >>> issubdtype(float32, floating)
    True
    """
    return bool(np.issubdtype(_abstract(arg1, arg2), _plain(arg2)))


_ABSTRACT = {"f": np.floating, "i": np.signedinteger, "u": np.unsignedinteger}


def _abstract(x: Any, wanted: Any) -> Any:
    """`x`, or where NumPy does not know the kind of a dtype and is asked about a kind, that kind."""
    found = _known(x)
    if found is None or _known(wanted) is not None:
        return _plain(x)
    return _ABSTRACT[KIND_OF_TYPE[found.type]]


def finfo(dtype: Any) -> Any:
    """The limits of a floating or complex dtype, as `numpy.finfo` has them.

    >>> float(finfo("float32").max)
    3.4028234663852886e+38
    """
    found = _known(dtype)
    return np.finfo(dtype) if found is None else low_precision.finfo(found)


def iinfo(dtype: Any) -> Any:
    """The limits of an integer dtype, as `numpy.iinfo` has them.

    >>> iinfo("int16").max
    32767
    """
    found = _known(dtype)
    return np.iinfo(dtype) if found is None else low_precision.iinfo(found)


def _known(x: Any) -> np.dtype | None:
    """The dtype that `x` (a dtype, the name of one, an array) has, if it is one that NumPy has not."""
    x = getattr(x, "dtype", x)
    if isinstance(x, str):
        return DTYPES.get(x)
    scalar = x.type if isinstance(x, np.dtype) else x
    return np.dtype(scalar) if isinstance(scalar, type) and scalar in KIND_OF_TYPE else None


def _plain(x: Any) -> Any:
    if isinstance(x, ScalarType):
        return x.dtype
    scalar = getattr(x, "type", None)
    return scalar if isinstance(scalar, type) and issubclass(scalar, extended) else x


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of an Array API kind ("real floating", "integral", ...), or of one of several.

    >>> isdtype("float32", "real floating")
    True
    """
    kinds = tuple(map(_plain, kind)) if isinstance(kind, tuple) else _plain(kind)
    found = canonical(_plain(dtype))
    if found.type not in KIND_OF_TYPE:
        return bool(np.isdtype(found, kinds))
    like = np.dtype({"f": np.float32, "i": np.int8, "u": np.uint8}[KIND_OF_TYPE[found.type]])
    given = kinds if isinstance(kinds, tuple) else (kinds,)
    return any(bool(np.isdtype(like, k)) if isinstance(k, str) else bool(np.dtype(k) == found) for k in given)


def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether NumPy's casting rule allows a conversion between dtypes.

    >>> can_cast("int32", "float64")
    True
    """
    return bool(np.can_cast(_plain(getattr(from_, "dtype", from_)), _plain(to), casting))


def default_types() -> dict[str, np.dtype]:
    """The Array API's default dtypes.

    >>> default_types()["integral"]
    dtype('int64')
    """
    return {"real floating": default_float(), "complex floating": default_complex(), "integral": default_int(), "indexing": default_int()}


# -- shapes -----------------------------------------------------------------------------------------------------------

def isscalar(element: Any) -> bool:
    """Whether `element` is a number or an array of rank 0.

    >>> isscalar(3.0)
    True
    """
    return (is_array_like(element) and typeof(element).shape == ()) or np.isscalar(element)


def shape(a: Any) -> tuple[int, ...]:
    """The shape.

    >>> shape(np.ones((2, 3)))
    (2, 3)
    """
    check_arraylike("shape", a)
    return typeof(asarray_internal(a)).shape


def ndim(a: Any) -> int:
    """The rank.

    >>> ndim(np.ones((2, 3)))
    2
    """
    check_arraylike("ndim", a)
    return typeof(asarray_internal(a)).ndim


def size(a: Any, axis: Any = None) -> int:
    """The number of elements, or along some axes.

    >>> size(np.ones((2, 3)), 1)
    3
    """
    check_arraylike("size", a)
    lengths = typeof(asarray_internal(a)).shape
    return math.prod(lengths[d] for d in canonical_axes(axis, len(lengths)))
