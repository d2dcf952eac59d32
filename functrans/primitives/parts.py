"""Negation, and complex numbers and their parts.

All are linear. Transposition does not conjugate: the transpose of ``imag`` is ``ct -> -1j * ct``, and that of
``complex`` takes the real part and minus the imaginary part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import complex_dtype, real_dtype
from functrans.core.low_precision import working_dtype
from functrans.core.trace import Primitive, typeof
from functrans.primitives.base import linear, literal, operand_error, primitive
from functrans.primitives.builders import check_kinds, elementwise_batch, join_shape, to_shape, unbroadcast
from functrans.primitives.logic import apply
from functrans.primitives.structural import convert_element_type
from functrans.scalar_ops import SCALAR_OPS

__all__ = ["complex", "complex_p", "conj", "conj_p", "imag", "imag_p", "neg", "neg_p", "real", "real_p"]


def _of_kinds(name: str, kinds: str, x: ShapedArray) -> ShapedArray:
    check_kinds(name, kinds, x)
    return x


def _parts(b: Any, op: str, x: Any) -> Any:
    """A real operation applied to each part."""
    return b.complex(b.op(op, x.re), b.op(op, x.im)) if x.is_complex else b.op(op, x)


neg_p: Primitive = linear(
    "neg",
    impl=SCALAR_OPS["neg"],
    abstract=lambda x: _of_kinds("neg", "iufc", x),
    transpose=lambda ct, x: neg_p.bind(ct),
    batch=lambda size, x, dim: (neg_p.bind(x), dim),
    lower=lambda b, x: _parts(b, "neg", x),
)


def _complex_abstract(x: ShapedArray, y: ShapedArray) -> ShapedArray:
    check_kinds("complex", "f", x, y)
    if x.dtype != y.dtype or working_dtype(x.dtype) != x.dtype:
        raise operand_error("complex", "the parts must both be float32 or both be float64.", x, y)
    return ShapedArray(join_shape("complex", (x, y)), complex_dtype(x.dtype), x.weak_type and y.weak_type)


def _complex_impl(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), complex_dtype(x.dtype))
    out.real, out.imag = x, y
    return out


def _complex_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    z = complex_p.bind(*primals)
    if all(type(t) is Zero for t in tangents):
        return z, Zero(tangent_aval(typeof(z)))
    parts = [literal(p, 0) if type(t) is Zero else t for t, p in zip(tangents, primals, strict=True)]
    return z, to_shape(complex_p.bind(*parts), typeof(z).shape)


complex_p: Primitive = primitive(
    "complex", impl=_complex_impl, abstract=_complex_abstract, jvp=_complex_jvp, lower=lambda b, x, y: b.complex(x, y),
    transpose=lambda ct, x, y: [unbroadcast(real_p.bind(ct), x) if isinstance(x, Linear) else None,
                                unbroadcast(neg_p.bind(imag_p.bind(ct)), y) if isinstance(y, Linear) else None])
complex_p.batch = elementwise_batch(complex_p)


def _part_abstract(name: str) -> Any:
    return lambda x: _of_kinds(name, "c", x).update(dtype=real_dtype(x.dtype))


real_p: Primitive = linear(
    "real", impl=lambda x: x.real.copy(), abstract=_part_abstract("real"),
    transpose=lambda ct, x: complex_p.bind(ct, literal(ct, 0)), batch=lambda size, x, dim: (real_p.bind(x), dim),
    lower=lambda b, x: x.re)
imag_p: Primitive = linear(
    "imag",
    impl=lambda x: x.imag.copy(),
    abstract=_part_abstract("imag"),
    transpose=lambda ct, x: complex_p.bind(literal(ct, 0), neg_p.bind(ct)),
    batch=lambda size, x, dim: (imag_p.bind(x), dim),
    lower=lambda b, x: x.im,
)


def _conj_lower(b: Any, x: Any, *, input_dtype: np.dtype) -> Any:
    if x.is_complex:
        return b.complex(x.re, b.op("neg", x.im))
    x = b.convert(x, real_dtype(complex_dtype(x.dtype)))
    return b.complex(x, b.const(0, x.dtype))


def _conj_transpose(ct: Any, x: ShapedArray, *, input_dtype: np.dtype) -> Any:
    if x.dtype.kind == "c":
        return conj_p.bind(ct, input_dtype=typeof(ct).dtype)
    return convert_element_type(real_p.bind(ct), x.dtype)


conj_p: Primitive = linear(
    "conj",
    impl=lambda x, *, input_dtype: (
        np.conj(x.astype(complex_dtype(x.dtype))) if x.dtype.kind == "c" else x.astype(complex_dtype(x.dtype))
    ),
    abstract=lambda x, *, input_dtype: _of_kinds("conj", "fc", x).update(dtype=complex_dtype(x.dtype)),
    transpose=_conj_transpose,
    batch=lambda size, x, dim, *, input_dtype: (conj_p.bind(x, input_dtype=input_dtype), dim),
    lower=_conj_lower,
)


def neg(x: Any) -> Any:
    """``-x`` elementwise; of unsigned integers, modulo the width."""
    return apply(neg_p, x)


def complex(x: Any, y: Any) -> Any:
    """``x + 1j * y`` from two float32 or two float64 parts.

    >>> complex(np.array([1.0]), np.array([2.0]))
    Array([1.+2.j], dtype=complex128)
    """
    return apply(complex_p, x, y)


def conj(x: Any) -> Any:
    """The complex conjugate; real operands become complex."""
    return apply(conj_p, x, input_dtype=typeof(x).dtype)


def real(x: Any) -> Any:
    """The real part of a complex array."""
    return apply(real_p, x)


def imag(x: Any) -> Any:
    """The imaginary part of a complex array."""
    return apply(imag_p, x)
