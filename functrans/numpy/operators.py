"""The operators and methods of `Array` and of tracers: one table, put in place when this module is imported.

An operator returns NotImplemented for operands that are neither arrays nor numbers, so that Python asks the other operand (and a
list is refused with Python's own message). ``__array_priority__`` and ``__array_ufunc__`` make ``ndarray + tracer`` come here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import functrans.numpy.predicates as predicates
import functrans.numpy.reductions as reductions
import functrans.numpy.ufuncs as ufuncs
from functrans.arguments import integer
from functrans.core.array import Array, ArrayMeta
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer
from functrans.numpy.choice import clip
from functrans.numpy.creation import astype
from functrans.numpy.indexing import IndexUpdateHelper, getitem
from functrans.primitives.movement import index_in_dim

__all__ = ["METHODS", "OPERATORS", "PROPERTIES", "binary_operator", "install"]

_KNOWN = frozenset({Array, np.ndarray, bool, int, float, complex, np.float64, np.float32, np.int64, np.int32})
_ACCEPTED = (Tracer, np.ndarray, np.generic, bool, int, float, complex)


def _accepted(other: Any) -> bool:
    return isinstance(other, _ACCEPTED) or hasattr(other, "__jax_array__")


def _binary(name: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def op(self: Any, other: Any) -> Any:
        if type(other) in _KNOWN or _accepted(other):
            return function(self, other)
        return NotImplemented

    return _named(op, name, function)


def _reflected(name: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def op(self: Any, other: Any) -> Any:
        if type(other) in _KNOWN or _accepted(other):
            return function(other, self)
        return NotImplemented

    return _named(op, name, function)


def _named(op: Any, name: str, function: Any) -> Any:
    op.__name__, op.__qualname__, op.__doc__ = name, f"Array.{name}", function.__doc__
    return op


def _power(self: Any, other: Any, modulo: Any = None) -> Any:
    if modulo is not None:
        raise TypeError(f"pow() of arrays takes no modulus; write (x ** y) % modulus, at {describe(user_source())}.")
    return ufuncs.power(self, other) if type(other) in _KNOWN or _accepted(other) else NotImplemented


def _iterate(self: Any) -> Iterator[Any]:
    if not self.shape:
        raise TypeError(f"iteration over an array of rank 0, at {describe(user_source())}.")
    return (index_in_dim(self, i, 0, keepdims=False) for i in range(self.shape[0]))


def _contains(self: Any, item: Any) -> bool:
    return bool(reductions.any(predicates.equal(self, item)))


def _round(self: Any, ndigits: int | None = None) -> Any:
    return ufuncs.round(self, 0 if ndigits is None else integer(ndigits, "ndigits"))


def _clip(self: Any, min: Any = None, max: Any = None) -> Any:
    return clip(self, min, max)


def _astype(self: Any, dtype: Any, copy: bool = False, **ignored: Any) -> Any:
    return astype(self, dtype)


def _copy(self: Any, order: str = "C") -> Any:
    return self


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": ufuncs.add, "sub": ufuncs.subtract, "mul": ufuncs.multiply, "truediv": ufuncs.divide, "floordiv": ufuncs.floor_divide,
    "mod": ufuncs.remainder, "divmod": ufuncs.divmod, "and": predicates.bitwise_and, "or": predicates.bitwise_or,
    "xor": predicates.bitwise_xor, "lshift": predicates.left_shift, "rshift": predicates.right_shift,
}

OPERATORS: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": _binary(f"__{name}__", f) for name, f in _BINARY.items()},
    **{f"__r{name}__": _reflected(f"__r{name}__", f) for name, f in _BINARY.items()},
    "__pow__": _power, "__rpow__": _reflected("__rpow__", ufuncs.power),
    "__eq__": _binary("__eq__", predicates.equal), "__ne__": _binary("__ne__", predicates.not_equal),
    "__lt__": _binary("__lt__", predicates.less), "__le__": _binary("__le__", predicates.less_equal),
    "__gt__": _binary("__gt__", predicates.greater), "__ge__": _binary("__ge__", predicates.greater_equal),
    "__neg__": ufuncs.negative, "__pos__": ufuncs.positive, "__abs__": ufuncs.absolute, "__invert__": predicates.bitwise_not,
    "__round__": _round, "__getitem__": getitem, "__iter__": _iterate, "__contains__": _contains,
}
"""The dunder methods by name."""

METHODS: dict[str, Callable[..., Any]] = {
    "sum": reductions.sum, "prod": reductions.prod, "mean": reductions.mean, "max": reductions.max, "min": reductions.min,
    "any": reductions.any, "all": reductions.all, "std": reductions.std, "var": reductions.var, "ptp": reductions.ptp,
    "argmax": reductions.argmax, "argmin": reductions.argmin, "round": ufuncs.round, "clip": _clip,
    "conj": ufuncs.conjugate, "conjugate": ufuncs.conjugate, "astype": _astype, "copy": _copy,
}
"""The methods that this package's own modules give."""

PROPERTIES: dict[str, Callable[[Any], Any]] = {"at": IndexUpdateHelper, "real": ufuncs.real, "imag": ufuncs.imag}
"""The properties by name."""


def install(*, operators: dict[str, Any] | None = None, methods: dict[str, Any] | None = None,
            properties: dict[str, Any] | None = None) -> None:
    """Put operators, methods and properties on `Array` and `Tracer`.

    >>> install(methods={"twice": lambda self: self + self})
    >>> Array(np.arange(3)).twice()
    Array([0, 2, 4], dtype=int64)
    """
    for cls in (Array, Tracer):
        for name, function in {**(operators or {}), **(methods or {})}.items():
            setattr(cls, name, function)
        for name, function in (properties or {}).items():
            # The first line only: the examples belong to the function, and its names are not in scope on the class.
            setattr(cls, name, property(function, doc=(function.__doc__ or "").split("\n", 1)[0]))


def binary_operator(name: str, function: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """The direct and the reflected operator of a function, for `install`.

    >>> sorted(binary_operator("matmul", np.matmul))
    ['__matmul__', '__rmatmul__']
    """
    return {f"__{name}__": _binary(f"__{name}__", function), f"__r{name}__": _reflected(f"__r{name}__", function)}


ArrayMeta.traced = Tracer
install(operators=OPERATORS, methods=METHODS, properties=PROPERTIES)
_classes: tuple[Any, ...] = (Array, Tracer)
for _cls in _classes:
    _cls.__array_priority__ = 100
