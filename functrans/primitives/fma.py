"""The fused multiply-add ``x * y + z``, rounded once.

Where results must be those of another implementation to the last bit, products that it adds without rounding must be so
here. float32 and float64 only: the two dtypes whose hardware has the instruction.
"""

from __future__ import annotations

from functrans.core.aval import ShapedArray
from functrans.core.trace import Primitive
from functrans.primitives.base import operand_error
from functrans.primitives.builders import mul_p, nary
from functrans.scalar_ops import SCALAR_OPS

__all__ = ["fma_p"]

fma_p: Primitive = nary(
    "fma", SCALAR_OPS["fma"], lambda t, out, x, y, z: mul_p.bind(t, y), lambda t, out, x, y, z: mul_p.bind(x, t),
    lambda t, out, x, y, z: t, kinds="f")
"""``fma x y z``, elementwise; rank-0 operands mix with any shape."""

_joined = fma_p.rule("abstract")


def _abstract(*avals: ShapedArray) -> ShapedArray:
    if len(avals) != 3 or any(a.dtype.itemsize < 4 for a in avals):
        raise operand_error("fma", "it takes three operands of float32 or float64.", *avals)
    out: ShapedArray = _joined(*avals)
    return out


fma_p.abstract = _abstract
