"""`convolve`: sums of products over sliding windows, the one primitive behind convolutions of every layout.

::

    out[g, b, o, p] = sum over i, w of x[g, b, i, p * stride + w * dilation] * kernel[g, o, i, w]

with as many spatial axes as there are, `x` first spread by `x_dilation` and padded (negative padding crops). Groups are an axis of
their own, so that no operand has to be copied to form them. The primitive is bilinear and closed: the cotangent of `x` is the
convolution of the output's by the reversed kernel, strides and dilation of `x` exchanged; that of the kernel is the convolution of
`x` by the output's cotangent, batch and features exchanged, strides and dilation of the kernel exchanged (Dumoulin and Visin,
*A guide to convolution arithmetic for deep learning*, 2016).

`orders` says how operands and result lie in memory, as permutations of their axes, outermost first: it changes no value, but
compiled code reads the operands and writes the result in these orders, so that layouts are never copied.

Evaluated by NumPy, the windows are copied beside each other and multiplied as matrices. Compiled, the products are summed by register
tiles that read the (padded) operand in place. Strided sums and operands spread by a dilation are brought to the plain case: with a
stride, the lanes lie along the output features; a spread operand gives as many interleaved results as its dilation, each from
the part of the kernel that meets its elements.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import Any, cast

import numpy as np

from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_inexact
from functrans.core.low_precision import working_dtype
from functrans.core.trace import typeof
from functrans.primitives.arithmetic import add_p
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.movement import checked, rev
from functrans.primitives.structural import broadcast_in_dim, move_axis, reshape, transpose

__all__ = ["ResidueClass", "convolve_p", "dilated", "margins_of", "places_of", "residue_classes"]

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
Orders = tuple[Sizes, Sizes, Sizes]


def dilated(size: int, dilation: int) -> int:
    """The extent of `size` elements `dilation` apart."""
    return 0 if size == 0 else (size - 1) * dilation + 1


def places_of(size: int, window: int, stride: int, pads: tuple[int, int], x_dilation: int, k_dilation: int) -> int:
    """How many results there are along an axis."""
    return max(0, (dilated(size, x_dilation) + sum(pads) - dilated(window, k_dilation)) // stride + 1) if window else 0


@dataclass(frozen=True, slots=True)
class ResidueClass:
    """Along one axis, the results ``first + step * q`` for q below `count`, each a sum over `window` elements of the kernel.

    Result q meets element ``start + stride * q + dilation * j`` of the operand with element ``tap + tap_step * j`` of the kernel.
    """

    first: int
    step: int
    count: int
    start: int
    stride: int
    dilation: int
    tap: int
    tap_step: int
    window: int

    @property
    def end(self) -> int:
        """One beyond the last element of the operand that is met."""
        return self.start + (self.count - 1) * self.stride + (self.window - 1) * self.dilation + 1


def residue_classes(window: int, places: int, stride: int, low: int, x_dilation: int, k_dilation: int) -> list[ResidueClass]:
    """The classes of results along an axis: those that meet the spread operand in the same elements of the kernel.

    Result p and element w of the kernel meet place ``p * stride + w * k_dilation - low`` of the spread operand, which is an element
    where `x_dilation` divides it.

    >>> [(c.first, c.tap, c.window) for c in residue_classes(3, 8, 1, 1, 2, 1)]
    [(0, 1, 1), (1, 0, 2)]
    """
    step, tap_step = x_dilation // gcd(stride, x_dilation), x_dilation // gcd(k_dilation, x_dilation)
    found = []
    for first in range(min(step, places)):
        taps = (w for w in range(min(window, tap_step)) if (first * stride + w * k_dilation - low) % x_dilation == 0)
        tap = next(taps, None)
        start = 0 if tap is None else (first * stride + tap * k_dilation - low) // x_dilation
        met = 0 if tap is None else -(-(window - tap) // tap_step)
        found.append(ResidueClass(first, step, -(-(places - first) // step), start, stride * step // x_dilation,
                                  k_dilation * tap_step // x_dilation, tap or 0, tap_step, met))
    return found


def margins_of(size: int, classes: Sequence[ResidueClass]) -> tuple[int, int]:
    """How many zeros before and behind the elements of the operand the classes read."""
    used = [c for c in classes if c.window]
    return max(0, *(-c.start for c in used), 0), max(0, *(c.end - size for c in used), 0)


def _abstract(x: ShapedArray, k: ShapedArray, *, strides: Sizes, padding: Pads, x_dilation: Sizes, k_dilation: Sizes,
              orders: Orders) -> ShapedArray:
    n = len(strides)
    if x.dtype != k.dtype:
        raise operand_error("conv_general_dilated", "operands must have equal dtypes; convert them first.", x, k)
    if x.ndim != n + 3 or k.ndim != n + 3 or x.shape[0] != k.shape[0] or x.shape[2] != k.shape[2]:
        raise operand_error("conv_general_dilated", "operands must be (groups, batch, in, sizes...) and (groups, out, in, "
                            f"window...) with {n} spatial axes.", x, k)
    places = tuple(places_of(*each) for each in zip(x.shape[3:], k.shape[3:], strides, padding, x_dilation, k_dilation, strict=True))
    return ShapedArray((x.shape[0], x.shape[1], k.shape[1], *places), x.dtype, x.weak_type and k.weak_type)


# -- evaluation -----------------------------------------------------------------------------------------------------------

CHUNK = 1 << 18
"""Elements of windows that evaluation copies at once."""


def _impl(x: np.ndarray, k: np.ndarray, *, strides: Sizes, padding: Pads, x_dilation: Sizes, k_dilation: Sizes,
          orders: Orders) -> np.ndarray:
    aval = _abstract(ShapedArray(x.shape, x.dtype), ShapedArray(k.shape, k.dtype), strides=strides, padding=padding,
                     x_dilation=x_dilation, k_dilation=k_dilation, orders=orders)
    out = np.zeros(aval.shape, aval.dtype)
    if not out.size or not k.size:
        return out
    work = working_dtype(x.dtype)
    if work != x.dtype:  # summed in single precision (or in bytes) and rounded once
        out = _impl(x.astype(work), k.astype(work), strides=strides, padding=padding, x_dilation=x_dilation, k_dilation=k_dilation,
                    orders=orders)
        return out.astype(x.dtype)
    classes = [residue_classes(*each) for each in zip(
        k.shape[3:], out.shape[3:], strides, (lo for lo, _ in padding), x_dilation, k_dilation, strict=True)]
    margins = [margins_of(*each) for each in zip(x.shape[3:], classes, strict=True)]
    if any(map(any, margins)):
        x = np.pad(x, ((0, 0), (0, 0), (0, 0), *margins))
    for chosen in itertools.product(*classes):
        if any(c.window == 0 for c in chosen):
            continue
        corner = tuple(slice(lo + c.start, None) for c, (lo, _) in zip(chosen, margins, strict=True))
        taps = tuple(slice(c.tap, None, c.tap_step) for c in chosen)
        target = tuple(slice(c.first, None, c.step) for c in chosen)
        _sum_products(x[cast(Any, (..., *corner))], k[cast(Any, (..., *taps))], chosen, out[cast(Any, (..., *target))])
    return out


def _sum_products(x: np.ndarray, k: np.ndarray, chosen: Sequence[ResidueClass], out: np.ndarray) -> None:
    """The results of one class along each axis: windows are copied beside each other and multiplied as matrices."""
    (g, b, o, *places), (_, _, i, *window) = out.shape, k.shape
    n, at, inside = len(places), prod(places), prod(window)
    moves = [(c.stride * s, c.dilation * s) for c, s in zip(chosen, x.strides[3:], strict=True)]
    windows = np.lib.stride_tricks.as_strided(
        x, (g, b, i, *places, *window), (*x.strides[:3], *(s for s, _ in moves), *(d for _, d in moves)), writeable=False)
    if inside > at:  # the longer rows are copied as they lie
        step = max(1, CHUNK // (g * b * at * inside))
        for start in range(0, i, step):
            part = slice(start, min(start + step, i))
            rows = windows[:, :, part].transpose(0, 1, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n)).reshape(g, b, at, -1)
            product = np.matmul(k[:, :, part].reshape(g, 1, o, -1), rows.swapaxes(-1, -2)).reshape(out.shape)
            out[...] = product if start == 0 else np.logical_or(out, product) if out.dtype == np.bool_ else out + product
        return
    step = max(1, CHUNK // (g * i * at * inside))
    kernel = k.reshape(g, 1, o, i * inside)
    for start in range(0, b, step):
        columns = windows[:, start:start + step].transpose(0, 1, 2, *range(3 + n, 3 + 2 * n), *range(3, 3 + n))
        product = np.matmul(kernel, columns.reshape(g, -1, i * inside, at))
        out[:, start:start + step] = product.reshape(g, -1, o, *places)


# -- rules ------------------------------------------------------------------------------------------------------------------

def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    (x, k), (x_dot, k_dot) = primals, tangents
    out = convolve_p.bind(x, k, **params)
    terms = [convolve_p.bind(*pair, **params) for t, pair in ((x_dot, (x_dot, k)), (k_dot, (x, k_dot))) if type(t) is not Zero]
    if not terms or not is_inexact(tangent_aval(typeof(out)).dtype):
        return out, Zero(tangent_aval(typeof(out)))
    return out, terms[0] if len(terms) == 1 else add_p.bind(*terms)


def _swapped(x: Any) -> Any:
    """Axes 1 and 2 (batch and features, or output and input features) exchanged."""
    return transpose(x, (0, 2, 1, *range(3, typeof(x).ndim)))


def _swapped_order(order: Sizes) -> Sizes:
    return tuple({1: 2, 2: 1}.get(axis, axis) for axis in order)


def _transpose(ct: Any, x: Any, k: Any, *, strides: Sizes, padding: Pads, x_dilation: Sizes, k_dilation: Sizes,
               orders: Orders) -> list[Any]:
    places = typeof(ct).shape[3:]
    x_shape, k_shape = ((v.aval if isinstance(v, Linear) else typeof(v)).shape for v in (x, k))
    if 0 in places:  # no window fits: there is nothing to go back
        shape = x_shape if isinstance(x, Linear) else k_shape
        zero = broadcast_in_dim(typeof(ct).dtype.type(0), shape, ())
        return [zero, None] if isinstance(x, Linear) else [None, zero]
    x_order, k_order, out_order = orders
    spans = [(dilated(n, xd), dilated(w, kd), dilated(p, s), lo) for n, w, p, xd, kd, s, (lo, _) in zip(
        x_shape[3:], k_shape[3:], places, x_dilation, k_dilation, strides, padding, strict=True)]
    if isinstance(x, Linear):
        reverse = _swapped(rev(k, tuple(range(3, len(k_shape)))))
        pads = tuple((w - 1 - lo, n - p + lo) for n, w, p, lo in spans)
        x_bar = convolve_p.bind(ct, reverse, strides=x_dilation, padding=pads, x_dilation=strides, k_dilation=k_dilation,
                                orders=(out_order, _swapped_order(k_order), x_order))
        return [x_bar, None]
    pads = tuple((lo, p + w - 1 - lo - n) for n, w, p, lo in spans)
    k_bar = convolve_p.bind(_swapped(x), _swapped(ct), strides=k_dilation, padding=pads, x_dilation=x_dilation, k_dilation=strides,
                            orders=tuple(map(_swapped_order, (x_order, out_order, k_order))))
    return [None, _swapped(k_bar)]


def _batch(size: int, args: Sequence[Any], dims: Sequence[int | None], *, orders: Orders, **params: Any) -> tuple[Any, int]:
    (x, k), (x_dim, k_dim) = args, dims
    if x_dim is not None and k_dim is not None:  # more groups
        x, k = (_merged(move_axis(v, d, 0), 0) for v, d in ((x, x_dim), (k, k_dim)))
        out, at = convolve_p.bind(x, k, orders=tuple(map(_groups_first, orders)), **params), 0
    elif x_dim is not None:  # a larger batch
        out, at = convolve_p.bind(_merged(move_axis(x, x_dim, 1), 1), k, orders=orders, **params), 1
    else:  # more output features
        assert k_dim is not None
        out, at = convolve_p.bind(x, _merged(move_axis(k, k_dim, 1), 1), orders=orders, **params), 2
    shape = typeof(out).shape
    return reshape(out, (*shape[:at], size, shape[at] // size, *shape[at + 1:])), at


def _merged(x: Any, axis: int) -> Any:
    """`x` with `axis` and the next one as one."""
    shape = typeof(x).shape
    return reshape(x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2:]))


def _groups_first(order: Sizes) -> Sizes:
    return (0, *(axis for axis in order if axis))


def _lower(b: Any, x: Any, k: Any, **params: Any) -> Any:
    work = working_dtype(x.dtype)
    if work != x.dtype:
        return b.convert(b.convolve(b.convert(x, work), b.convert(k, work), **params), x.dtype)
    if not x.is_complex:
        return b.convolve(x, k, **params)
    rr, ii, ri, ir = (b.convolve(p, q, **params) for p, q in ((x.re, k.re), (x.im, k.im), (x.re, k.im), (x.im, k.re)))
    return b.complex(b.op("sub", rr, ii), b.op("add", ri, ir))


convolve_p = primitive(
    "conv_general_dilated", impl=checked(_abstract, _impl), abstract=_abstract, jvp=_jvp, transpose=_transpose, batch=_batch, lower=_lower)
