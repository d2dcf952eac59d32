"""Matrix programs: a decomposition written once over the kernel `Builder`, run on arrays by the NumPy twin of that builder.

A program brings its operands into the form that a library routine wants, calls it, and brings the results back; failures
(``info`` other than 0) become nan. `matrix_rules` makes of a program the ``impl`` and the ``lower`` rule, so that evaluation
and compiled code run the same routine on the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans import lapack
from functrans.core.dtypes import real_dtype
from functrans.primitives.movement import check_static, validate
from functrans.scalar_ops import SCALAR_OPS

__all__ = ["ArrayBuilder", "Operand", "batch_of", "choose", "conjugate", "eye_mask", "filled", "finite", "lower_mask", "matrix_rules",
           "nan_unless", "real_dtype", "spread", "succeeded", "triangle", "turned"]


class Operand:
    """An array where a rule expects an `Expr`."""

    __slots__ = ("x",)

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    @property
    def dtype(self) -> np.dtype:
        return self.x.dtype

    @property
    def is_complex(self) -> bool:
        return self.x.dtype.kind == "c"

    @property
    def re(self) -> Operand:
        return Operand(self.x.real)

    @property
    def im(self) -> Operand:
        return Operand(self.x.imag)


class ArrayBuilder:
    """The part of the kernel `Builder` that matrix programs use, on arrays."""

    def op(self, name: str, *xs: Operand, dtype: Any = None) -> Operand:
        return Operand(np.asarray(SCALAR_OPS[name](*(x.x for x in xs))))

    def const(self, value: Any, dtype: Any) -> Operand:
        return Operand(np.asarray(value, dtype))

    def complex(self, re: Operand, im: Operand) -> Operand:
        out = np.empty(np.broadcast_shapes(re.shape, im.shape), np.result_type(re.dtype, np.complex64))
        out.real, out.imag = re.x, im.x
        return Operand(out)

    def convert(self, x: Operand, dtype: np.dtype) -> Operand:
        return Operand(x.x.astype(dtype))

    def iota(self, dtype: np.dtype, shape: tuple[int, ...], dimension: int) -> Operand:
        inner = [n if d == dimension else 1 for d, n in enumerate(shape)]
        return Operand(np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(inner), shape))

    def reshape(self, x: Operand, shape: tuple[int, ...]) -> Operand:
        return Operand(x.x.reshape(shape))

    def transpose(self, x: Operand, permutation: Sequence[int]) -> Operand:
        return Operand(x.x.transpose(permutation))

    def broadcast(self, x: Operand, shape: tuple[int, ...], dims: Sequence[int]) -> Operand:
        inner = [1] * len(shape)
        for d, n in zip(dims, x.shape, strict=True):
            inner[d] = n
        return Operand(np.broadcast_to(x.x.reshape(inner), shape))

    def slice(self, x: Operand, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]) -> Operand:
        return Operand(x.x[tuple(map(slice, starts, limits, strides))])

    def concatenate(self, xs: Sequence[Operand], dimension: int) -> Operand:
        return Operand(np.concatenate([x.x for x in xs], dimension))

    def reduce(self, op: str, x: Operand, axes: Sequence[int]) -> Operand:
        fold = {"and": np.logical_and, "xor": np.logical_xor, "add": np.add, "mul": np.multiply}[op]
        return Operand(np.asarray(fold.reduce(x.x, axis=tuple(axes))))

    def contract(self, x: Operand, y: Operand, contract: Any, batch: Any, dtype: np.dtype) -> Operand:
        (cx, cy), (bx, by) = contract, batch
        free_x, free_y = ([d for d in range(len(z.shape)) if d not in (*c, *b)] for z, c, b in ((x, cx, bx), (y, cy, by)))
        assert len(cx) == len(free_x) == len(free_y) == 1, "a product of matrices"
        return Operand(np.matmul(x.x.transpose(*bx, *free_x, *cx), y.x.transpose(*by, *cy, *free_y)))

    def library(self, call: lapack.Call, batch: int, inputs: Sequence[Operand], updates: Sequence[Operand],
                outputs: Sequence[tuple[np.dtype, tuple[int, ...]]]) -> list[Operand]:
        read = [np.ascontiguousarray(x.x) for x in inputs]
        changed = [np.array(x.x, order="C") for x in updates]
        made = [np.empty(shape, dtype) for dtype, shape in outputs]
        lapack.run(call, batch, [*read, *changed, *made])
        return [Operand(x) for x in (*changed, *made)]


def matrix_rules(program: Callable[..., Any], check: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """The slots ``impl`` and ``lower`` of a program ``(builder, *operands, **params) -> result or list of results``.

    `check`, the aval rule, is asked before evaluation.
    """

    def impl(*xs: np.ndarray, **params: Any) -> Any:
        try:
            validate(check, tuple([(x.shape, x.dtype) for x in xs]), tuple(params.items()))
        except TypeError:
            check_static(params)
            raise
        out = program(ArrayBuilder(), *map(Operand, xs), **params)
        return [np.asarray(o.x, order="C") for o in out] if isinstance(out, list) else np.asarray(out.x, order="C")

    return {"impl": impl, "lower": program}


# -- the vocabulary of programs -----------------------------------------------------------------------------------------

def turned(b: Any, x: Any) -> Any:
    """The transposes of the matrices in the last two axes."""
    n = len(x.shape)
    return b.transpose(x, (*range(n - 2), n - 1, n - 2))


def conjugate(b: Any, x: Any) -> Any:
    return b.complex(x.re, b.op("neg", x.im)) if x.is_complex else x


def choose(b: Any, mask: Any, x: Any, y: Any) -> Any:
    """`x` where `mask` holds, else `y`; each of the mask's shape, or scalar."""
    if x.is_complex:
        return b.complex(b.op("select", mask, x.re, y.re), b.op("select", mask, x.im, y.im))
    return b.op("select", mask, x, y)


def spread(b: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """`x`, one number for each matrix, over the whole of `shape`."""
    return b.broadcast(x, shape, range(len(x.shape)))


def filled(b: Any, shape: tuple[int, ...], value: complex, dtype: np.dtype) -> Any:
    return b.broadcast(b.const(value, dtype), shape, ())


def nan_unless(b: Any, ok: Any, x: Any) -> Any:
    """`x`, all nan in matrices where `ok` (one truth for each) fails."""
    nan = complex(np.nan, np.nan) if x.is_complex else np.nan
    return choose(b, spread(b, ok, x.shape), x, b.const(nan, x.dtype))


def succeeded(b: Any, info: Any) -> Any:
    return b.op("eq", info, b.const(0, info.dtype))


def lower_mask(b: Any, shape: tuple[int, ...], k: int = 0) -> Any:
    """Where the column is at most the row plus `k`."""
    n, wide = len(shape), np.dtype(np.int64)
    rows, columns = b.iota(wide, shape, n - 2), b.iota(wide, shape, n - 1)
    return b.op("le", columns, b.op("add", rows, b.const(k, wide)) if k else rows)


def eye_mask(b: Any, shape: tuple[int, ...]) -> Any:
    n, wide = len(shape), np.dtype(np.int64)
    return b.op("eq", b.iota(wide, shape, n - 2), b.iota(wide, shape, n - 1))


def triangle(b: Any, x: Any, lower: bool) -> Any:
    """The lower or upper triangle with the diagonal, zeros elsewhere."""
    zero = b.const(0, x.dtype)
    return choose(b, lower_mask(b, x.shape), x, zero) if lower else choose(b, lower_mask(b, x.shape, -1), zero, x)


def finite(b: Any, x: Any) -> Any:
    """For each matrix, whether all of it is finite."""
    n = len(x.shape)
    ok = b.op("is_finite", x.re)
    if x.is_complex:
        ok = b.op("and", ok, b.op("is_finite", x.im))
    return b.reduce("and", ok, (n - 2, n - 1))


def batch_of(x: Any) -> int:
    """How many matrices an operand holds."""
    return prod(x.shape[:-2])
