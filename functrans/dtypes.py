"""Questions about dtypes, under the names of ``jax.dtypes``.

>>> itemsize_bits("float32")
32
>>> import numpy as np
>>> result_type(1, np.float32(2))
dtype('float32')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functrans.core.dtypes import canonical, extended, float0, kind_of, prng_key
from functrans.core.dtypes import result_type as _result_type
from functrans.core.low_precision import low_precision_format
from functrans.core.trace import typeof
from functrans.errors import TypePromotionError
from functrans.numpy.dtypes import LOW_PRECISION, finfo, iinfo, issubdtype, no_attribute
from functrans.numpy.util import as_operand
from functrans.random.keys import KeyType

__all__ = [
    "TypePromotionError", "canonicalize_dtype", "extended", "finfo", "float0", "iinfo", "issubdtype", "itemsize_bits", "prng_key",
    "result_type", "scalar_type_of",
]

def canonicalize_dtype(dtype: Any, allow_extended_dtype: bool = False) -> Any:
    """The dtype that arrays have when `dtype` is asked for.

    Raises:
        TypeError: if there are no arrays of `dtype`.

    >>> canonicalize_dtype(float)
    dtype('float64')
    """
    if allow_extended_dtype and isinstance(dtype, KeyType):
        return dtype
    return canonical(dtype)


def itemsize_bits(dtype: Any) -> int:
    """The number of bits that an element takes.

    >>> itemsize_bits(bool)
    8
    """
    found = canonical(dtype)
    form = low_precision_format(found)
    return 8 * found.itemsize if form is None else form.bits


def result_type(*args: Any, return_weak_type_flag: bool = False) -> Any:
    """The dtype to which arrays, dtypes and Python numbers are promoted together.

    Args:
        return_weak_type_flag: whether to return the pair (dtype, whether Python numbers alone decided).

    >>> import numpy as np
    >>> result_type(np.int32(1), 2.0, return_weak_type_flag=True)
    (dtype('float64'), True)
    """
    dtype, weak = _result_type(*args)
    return (dtype, weak) if return_weak_type_flag else dtype


if "bfloat16" in LOW_PRECISION:
    bfloat16 = LOW_PRECISION["bfloat16"]
    __all__ += ["bfloat16"]
if not TYPE_CHECKING:  # which would then take any name to be there
    def __getattr__(name: str) -> Any:
        raise no_attribute(__name__, name)


_SCALARS = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def scalar_type_of(x: Any) -> type:
    """The Python type of the numbers that `x` holds.

    Raises:
        TypeError: if `x` is neither an array nor a number.

    >>> import numpy as np
    >>> scalar_type_of(np.ones(3, "float32"))
    <class 'float'>
    """
    return _SCALARS[kind_of(typeof(as_operand(x)).dtype)]
