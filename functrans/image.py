"""Resampling of images, and of arrays of any rank: `resize` and `scale_and_translate`.

Along each axis the result is a product with a matrix of weights: the kernel at the distances between the points of the result, mapped
back to the input, and the input's pixels. Pixels are half-centred (pixel i has its centre at i + 0.5). With antialiasing a kernel is
widened by the factor by which the axis shrinks. The weights of each point are divided by their sum, so that a constant image stays
constant, and a point that maps outside the input is 0 (``cubic-pytorch`` without antialiasing repeats the edges there too).

Kernels: the triangle; Keys's cubic with a = -1/2 (Keys 1981); Lanczos's windowed sinc of radius 3 and 5; for ``cubic-pytorch`` without
antialiasing a = -3/4 with repeated edges; ``area`` averages over the area that a point of the result covers.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.arguments import among, integers
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import clip, where
from functrans.numpy.contraction import tensordot
from functrans.numpy.elementary import sinc
from functrans.numpy.index_tricks import take
from functrans.numpy.joining import concatenate
from functrans.numpy.manipulation import moveaxis
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import absolute, maximum, minimum
from functrans.numpy.util import as_operand, asarray_internal, check_arraylike, inexact_dtype
from functrans.primitives.structural import convert_element_type
from functrans.util import canonicalize_axis

__all__ = ["ResizeMethod", "resize", "scale_and_translate"]


class ResizeMethod(enum.Enum):
    """The ways to resample."""

    NEAREST = 0
    LINEAR = 1
    LANCZOS3 = 2
    LANCZOS5 = 3
    CUBIC = 4
    CUBIC_PYTORCH = 5
    AREA = 6

    @staticmethod
    def from_string(s: str) -> ResizeMethod:
        """The method of a name, such as ``"bilinear"``.

        Raises:
            ValueError: for an unknown name.

        >>> ResizeMethod.from_string("bicubic")
        <ResizeMethod.CUBIC: 4>
        """
        if not among(s, _NAMES):
            raise ValueError(f"unknown resize method {s!r}; the methods are {', '.join(_NAMES)}, at {describe(user_source())}.")
        return _NAMES[s]


_NAMES = {
    "nearest": ResizeMethod.NEAREST, "linear": ResizeMethod.LINEAR, "bilinear": ResizeMethod.LINEAR, "trilinear": ResizeMethod.LINEAR,
    "triangle": ResizeMethod.LINEAR, "cubic": ResizeMethod.CUBIC, "bicubic": ResizeMethod.CUBIC, "tricubic": ResizeMethod.CUBIC,
    "cubic-pytorch": ResizeMethod.CUBIC_PYTORCH, "bicubic-pytorch": ResizeMethod.CUBIC_PYTORCH, "lanczos3": ResizeMethod.LANCZOS3,
    "lanczos5": ResizeMethod.LANCZOS5, "area": ResizeMethod.AREA,
}


# -- kernels, of distances --------------------------------------------------------------------------------------------

def _triangle(x: Any) -> Any:
    return maximum(1 - x, 0)


def _cubic(a: float) -> Callable[[Any], Any]:
    def kernel(x: Any) -> Any:
        inner = ((a + 2) * x - (a + 3)) * x * x + 1
        outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return where(x <= 1, inner, where(x < 2, outer, 0))

    return kernel


def _lanczos(radius: float) -> Callable[[Any], Any]:
    return lambda x: where(x < radius, sinc(x) * sinc(x / radius), 0)


_KERNELS: dict[ResizeMethod, Callable[[Any], Any]] = {
    ResizeMethod.LINEAR: _triangle, ResizeMethod.CUBIC: _cubic(-0.5), ResizeMethod.CUBIC_PYTORCH: _cubic(-0.5),
    ResizeMethod.LANCZOS3: _lanczos(3.0), ResizeMethod.LANCZOS5: _lanczos(5.0),
}


# -- weights along one axis -------------------------------------------------------------------------------------------

def _weights(size: int, out_size: int, scale: Any, shift: Any, method: ResizeMethod, antialias: bool, dtype: np.dtype) -> Any:
    """The matrix (input pixel, point of the result) of one axis."""
    inverse = 1 / scale
    centres = (np.arange(out_size, dtype=dtype) + dtype.type(0.5)) * inverse - shift * inverse - 0.5
    pixels = np.arange(size, dtype=dtype)[:, None]
    if method is ResizeMethod.AREA:
        half = inverse / 2
        weights = maximum(minimum(pixels + 0.5, centres + half) - maximum(pixels - 0.5, centres - half), 0)
    elif method is ResizeMethod.CUBIC_PYTORCH and not antialias:
        return _with_edges(centres, size, dtype)
    else:
        width = maximum(inverse, 1) if antialias else 1
        weights = _KERNELS[method](absolute(centres - pixels) / width)
    total = sum_(weights, axis=0)
    enough = absolute(total) > 1000 * finfo(dtype).eps
    weights = where(enough, weights / where(enough, total, 1), 0)
    return where((centres >= -0.5) & (centres <= size - 0.5), weights, 0)


def _with_edges(centres: Any, size: int, dtype: np.dtype) -> Any:
    """Cubic weights with a = -3/4 of an image whose ends are repeated without end: what falls beyond counts for the last pixel."""
    centres = clip(centres, -1, size)
    pixels = np.arange(-2, size + 2, dtype=dtype)[:, None]
    weights = _cubic(-0.75)(absolute(centres - pixels))
    low, inner, high = weights[:3], weights[3:size + 1], weights[size + 1:]
    if size == 1:
        return sum_(weights, axis=0, keepdims=True)
    return concatenate([sum_(low, axis=0, keepdims=True), inner, sum_(high, axis=0, keepdims=True)])


def _resampled(
    image: Any, shape: tuple[int, ...], axes: Sequence[int], scales: Any, shifts: Any, method: ResizeMethod, antialias: bool,
) -> Any:
    dtype = inexact_dtype(typeof(image).dtype)
    x = asarray_internal(convert_element_type(image, dtype))
    real = np.dtype(dtype.type(0).real.dtype)
    for i, axis in enumerate(axes):
        scale, shift = (asarray_internal(convert_element_type(as_operand(v[i]), real)) for v in (scales, shifts))
        weights = _weights(typeof(x).shape[axis], shape[axis], scale, shift, method, antialias, real)
        x = moveaxis(tensordot(x, convert_element_type(weights, dtype), ([axis], [0])), -1, axis)
    return x


# -- the functions ----------------------------------------------------------------------------------------------------

def _prepared(name: str, image: Any, shape: Sequence[int], method: str | ResizeMethod) -> tuple[Any, tuple[int, ...], ResizeMethod]:
    check_arraylike(name, image)
    image = asarray_internal(as_operand(image))
    wanted = integers(shape, "shape")
    if len(wanted) != typeof(image).ndim or any(n < 0 for n in wanted):
        raise ValueError(f"{name}: shape must have a size for each axis of the image, of shape {typeof(image).shape}; got {wanted}, at "
                         f"{describe(user_source())}.")
    return image, wanted, method if isinstance(method, ResizeMethod) else ResizeMethod.from_string(method)


def resize(image: Any, shape: Sequence[int], method: str | ResizeMethod, antialias: bool = True, precision: Any = None) -> Any:
    """`image` resampled to `shape`.

    Args:
        image: an array of any rank.
        shape: the size of each axis of the result. Axes whose size stays, such as batches and channels, are left alone.
        method: ``"nearest"``, ``"linear"``, ``"cubic"``, ``"cubic-pytorch"``, ``"lanczos3"``, ``"lanczos5"`` or ``"area"``.
        antialias: whether a kernel is widened where an axis shrinks.
        precision: accepted for compatibility.

    Returns:
        an array of the dtype of `image`; integers become the default float, except with ``"nearest"``.

    Raises:
        ValueError: if `shape` has another rank than `image`, or for an unknown method.

    >>> resize(np.array([0.0, 1.0]), (4,), "linear")
    Array([0.  , 0.25, 0.75, 1.  ], dtype=float64)
    """
    image, wanted, method = _prepared("resize", image, shape, method)
    sizes = typeof(image).shape
    axes = [d for d, (n, m) in enumerate(zip(sizes, wanted, strict=True)) if n != m]
    if any(sizes[d] == 0 for d in axes):
        raise ValueError(f"resize: an empty axis cannot grow; the image has shape {sizes} and the result {wanted}, at "
                         f"{describe(user_source())}.")
    if method is ResizeMethod.NEAREST:
        for d in axes:
            image = take(image, np.floor((np.arange(wanted[d]) + 0.5) * (sizes[d] / wanted[d])).astype(int), axis=d)
        return image
    scales = [wanted[d] / sizes[d] if wanted[d] else 1.0 for d in axes]
    return _resampled(image, wanted, axes, scales, [0.0] * len(axes), method, antialias)


def scale_and_translate(
    image: Any, shape: Sequence[int], spatial_dims: Sequence[int], scale: Any, translation: Any, method: str | ResizeMethod,
    antialias: bool = True, precision: Any = None,
) -> Any:
    """`image` scaled and moved along some axes: the point x of the image goes to ``x * scale + translation``.

    Args:
        image: an array of any rank.
        shape: the size of each axis of the result; that of axes not in `spatial_dims` must stay.
        spatial_dims: K axes.
        scale: K factors. With `translation` they may be traced, and differentiated by.
        translation: K distances, in pixels of the result.
        method: as of `resize`, but for ``"nearest"``.
        antialias: whether a kernel is widened where an axis shrinks.
        precision: accepted for compatibility.

    Returns:
        an array of the dtype of `image`, in floating point; 0 at points that map outside the image.

    Raises:
        ValueError: if shapes do not fit, or for ``"nearest"``.

    >>> scale_and_translate(np.array([1.0, 2.0, 3.0]), (4,), (0,), np.array([1.0]), np.array([1.0]), "linear")
    Array([0., 1., 2., 3.], dtype=float64)
    """
    image, wanted, method = _prepared("scale_and_translate", image, shape, method)
    if method is ResizeMethod.NEAREST:
        raise ValueError(f"scale_and_translate has no nearest-neighbour resampling, at {describe(user_source())}. Use another method, or "
                         "resize.")
    check_arraylike("scale_and_translate", scale, translation)
    sizes, axes = typeof(image).shape, [canonicalize_axis(d, typeof(image).ndim) for d in spatial_dims]
    parameters = [asarray_internal(as_operand(v)) for v in (scale, translation)]
    if any(typeof(v).shape != (len(axes),) for v in parameters):
        raise ValueError(f"scale_and_translate: scale and translation must have shape ({len(axes)},), one number for each of spatial_dims; "
                         f"got {' and '.join(str(typeof(v).shape) for v in parameters)}, at {describe(user_source())}.")
    if any(n != m for d, (n, m) in enumerate(zip(sizes, wanted, strict=True)) if d not in axes):
        raise ValueError(f"scale_and_translate: axes that are not in spatial_dims {tuple(spatial_dims)} keep their size; the image has "
                         f"shape {sizes} and the result {wanted}, at {describe(user_source())}.")
    return _resampled(image, wanted, axes, parameters[0], parameters[1], method, antialias)
