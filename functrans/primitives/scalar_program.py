"""Scalar programs: a function written once over a kernel `Builder`, run on arrays by the NumPy twin of that builder.

A special function's algorithm is a Python function of `Value` operands with the usual operators. `lowered` turns it
into a ``lower`` rule, `evaluated` into an ``impl``: the same operations in the same order, so eager and compiled
results agree.

>>> double_exp = lambda x: (x + x).f("exp")
>>> evaluated(double_exp)(np.array([0.0, 1.0]))
array([1.       , 7.3890561])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.scalar_ops import SCALAR_OPS

__all__ = ["NumPyBuilder", "Parts", "Value", "evaluated", "horner", "integral", "lowered", "where"]

_DOUBLE = np.dtype(np.float64)


class Parts:
    """A complex array as its two real parts; the NumPy twin of a complex `Expr`."""

    __slots__ = ("im", "re")
    is_complex = True

    def __init__(self, re: np.ndarray, im: np.ndarray) -> None:
        self.re, self.im = re, im


class NumPyBuilder:
    """The elementwise part of the kernel `Builder`, on arrays."""

    def op(self, name: str, *xs: Any, dtype: Any = None) -> Any:
        return SCALAR_OPS[name](*xs)

    def const(self, value: Any, dtype: Any) -> Any:
        return np.dtype(dtype).type(value)

    def convert(self, x: Any, dtype: np.dtype) -> Any:
        return np.asarray(x).astype(dtype)

    def bitcast(self, x: Any, dtype: np.dtype) -> Any:
        return np.asarray(x).view(dtype)

    def complex(self, re: Any, im: Any) -> Parts:
        return Parts(re, im)

    def table(self, values: tuple[float, ...]) -> np.ndarray:
        return np.array(values)

    def broadcast(self, x: Any, shape: tuple[int, ...], dims: Sequence[int]) -> np.ndarray:
        """Axes of size 1 where `x` has none: NumPy spreads them when they meet others."""
        inner = [1] * len(shape)
        for d, n in zip(dims, np.shape(x), strict=True):
            inner[d] = n
        return np.reshape(x, inner)

    def reduce(self, op: str, x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        assert op == "add", op
        return np.asarray(np.sum(x, axis=tuple(axes)))


class Value:
    """A real operand of a program, with operators; Python numbers become constants of its dtype."""

    __slots__ = ("b", "x")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, b: Any, x: Any) -> None:
        self.b, self.x = b, x

    def const(self, value: float) -> Value:
        return Value(self.b, self.b.const(value, self.x.dtype))

    def f(self, name: str, *others: Any) -> Value:
        """The kernel operation `name` on this value and `others`."""
        xs = [o.x if isinstance(o, Value) else self.b.const(o, self.x.dtype) for o in others]
        return Value(self.b, self.b.op(name, self.x, *xs))

    def __add__(self, other: Any) -> Value:
        return self.f("add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Value:
        return self.f("sub", other)

    def __rsub__(self, other: float) -> Value:
        return self.const(other).f("sub", self)

    def __mul__(self, other: Any) -> Value:
        return self.f("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Value:
        return self.f("div", other)

    def __rtruediv__(self, other: float) -> Value:
        return self.const(other).f("div", self)

    def __neg__(self) -> Value:
        return self.f("neg")

    def __abs__(self) -> Value:
        return self.f("abs")

    def __lt__(self, other: Any) -> Value:
        return self.f("lt", other)

    def __le__(self, other: Any) -> Value:
        return self.f("le", other)

    def __gt__(self, other: Any) -> Value:
        return self.f("gt", other)

    def __ge__(self, other: Any) -> Value:
        return self.f("ge", other)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]
        return self.f("eq", other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]
        return self.f("ne", other)

    def __and__(self, other: Value) -> Value:
        return self.f("and", other)

    def __or__(self, other: Value) -> Value:
        return self.f("or", other)

    def __invert__(self) -> Value:
        return self.f("not")


def where(condition: Value, x: Any, y: Any) -> Value:
    """`x` where the condition holds, else `y`; at least one of them is a `Value`."""
    like = x if isinstance(x, Value) else y
    x, y = (v if isinstance(v, Value) else like.const(v) for v in (x, y))
    return Value(like.b, like.b.op("select", condition.x, x.x, y.x))


def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, the highest power first."""
    total: Any = coefficients[0]
    for c in coefficients[1:]:
        total = x * total + c
    return total if isinstance(total, Value) else x.const(total)


def integral(f: Callable[..., Value], xs: Sequence[Value], nodes: tuple[float, ...], weights: tuple[float, ...]) -> Value:
    """The sum over the nodes of ``weight * f(node, *xs)``: a quadrature rule. Compiled, it is a loop over one more axis.

    >>> b = NumPyBuilder()
    >>> integral(lambda s, x: s * x, [Value(b, np.array([3.0, 5.0]))], (0.0, 1.0), (0.5, 0.5)).x
    array([1.5, 2.5])
    """
    b = xs[0].b
    shape = next((x.x.shape for x in xs if x.x.shape), ())
    whole = (*shape, len(nodes))
    spread = [Value(b, b.broadcast(x.x, whole, range(len(x.x.shape)))) for x in xs]
    node, weight = (Value(b, b.broadcast(b.table(t), whole, (len(shape),))) for t in (nodes, weights))
    return Value(b, b.reduce("add", (weight * f(node, *spread)).x, (len(shape),)))


def _run(b: Any, program: Callable[..., Value], xs: Sequence[Any]) -> Any:
    dtype = xs[0].dtype
    if dtype == _DOUBLE:
        return program(*(Value(b, x) for x in xs)).x
    return b.convert(program(*(Value(b, b.convert(x, _DOUBLE)) for x in xs)).x, dtype)


def evaluated(program: Callable[..., Value]) -> Callable[..., np.ndarray]:
    """The ``impl`` rule of a program. Narrower floats are computed in float64 and rounded once."""

    def impl(*xs: np.ndarray) -> np.ndarray:
        return np.asarray(_run(NumPyBuilder(), program, xs))

    return impl


def lowered(program: Callable[..., Value]) -> Callable[..., Any]:
    """The ``lower`` rule of a program. Narrower floats are computed in float64 and rounded once."""
    return lambda b, *xs: _run(b, program, xs)
