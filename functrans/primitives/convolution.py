"""Convolutions in XLA's generality (https://openxla.org/xla/operation_semantics#conv_convolution): any layout, strides, padding, both
dilations, and groups.

A convolution in any layout is transposes and reshapes (which move nothing when compiled) around the primitive `convolve`, in which groups
are an axis of their own.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from enum import Enum
from math import prod
from typing import Any, NamedTuple

import numpy as np

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.primitives.contraction import compute_dtype, dot_general
from functrans.primitives.convolve import convolve_p, dilated
from functrans.primitives.movement import rev
from functrans.primitives.structural import convert_element_type, reshape, transpose

__all__ = [
    "ConvDimensionNumbers", "ConvGeneralDilatedDimensionNumbers", "Precision", "PrecisionLike", "conv", "conv_dimension_numbers",
    "conv_general_dilated", "conv_general_dilated_local", "conv_general_dilated_patches", "conv_general_permutations",
    "conv_general_shape_tuple", "conv_shape_tuple", "conv_transpose", "conv_transpose_shape_tuple", "conv_with_general_padding",
    "padtype_to_pads", "positive_integers",
]

Pads = Sequence[tuple[int, int]]


class Precision(Enum):
    """How exactly products are computed: here always to the dtype, whatever is asked for."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


PrecisionLike = None | str | Precision | tuple[str, str] | tuple[Precision, Precision]


class ConvDimensionNumbers(NamedTuple):
    """Which axis is what: (batch, feature, spatial...) of the operand and the result, (out, in, spatial...) of the kernel."""

    lhs_spec: Sequence[int]
    rhs_spec: Sequence[int]
    out_spec: Sequence[int]


ConvGeneralDilatedDimensionNumbers = None | ConvDimensionNumbers | tuple[str, str, str]


def _error(message: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"{message}, at {describe(user_source())}.")


def conv_general_permutations(dimension_numbers: tuple[str, str, str]) -> tuple[tuple[int, ...], ...]:
    """The axes that three layouts, such as ("NCHW", "OIHW", "NCHW"), name: of operand, kernel and result.

    Raises:
        ValueError: if a layout lacks one of its letters, names an axis twice, or the spatial letters differ.

    >>> conv_general_permutations(("NHWC", "HWIO", "NHWC"))
    ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    """
    lhs, rhs, out = dimension_numbers
    for spec, pair in ((lhs, "NC"), (rhs, "OI"), (out, "NC")):
        if any(spec.count(c) != 1 for c in spec) or any(c not in spec for c in pair):
            raise _error(f"convolution: the layout {spec!r} must name each axis once, {pair[0]!r} and {pair[1]!r} among them")
    spatial = [c for c in rhs if c not in "OI"]
    if any(sorted(set(s) - set("NC")) != sorted(spatial) for s in (lhs, out)):
        raise _error(f"convolution: the layouts {dimension_numbers} must have the same spatial axes")
    return (tuple(lhs.index(c) for c in ("N", "C", *spatial)), tuple(rhs.index(c) for c in ("O", "I", *spatial)),
            tuple(out.index(c) for c in ("N", "C", *spatial)))


def conv_dimension_numbers(lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any) -> ConvDimensionNumbers:
    """Dimension numbers in full: None means (batch, feature, spatial...) and (out, in, spatial...).

    Raises:
        TypeError: if the ranks differ, or do not fit the layouts.

    >>> conv_dimension_numbers((1, 2, 3), (1, 2, 3), None).lhs_spec
    (0, 1, 2)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    if min(len(lhs_shape), len(rhs_shape)) < 2:
        raise _error(f"convolution: operand and kernel need an axis of the batch and one of features (of both features, in the kernel); "
                     f"got shapes {tuple(lhs_shape)} and {tuple(rhs_shape)}. Write for example x[None, None]", TypeError)
    if len(lhs_shape) != len(rhs_shape):
        raise _error(f"convolution requires lhs and rhs ndim to be equal, got {len(lhs_shape)} and {len(rhs_shape)}", TypeError)
    if dimension_numbers is None:
        return ConvDimensionNumbers(*(tuple(range(len(lhs_shape))),) * 3)
    rank = len(lhs_shape)
    if len(dimension_numbers) != 3 or any(not isinstance(d, str) or len(d) != rank for d in dimension_numbers):
        raise _error(f"convolution dimension_numbers must be three layouts of {rank} letters; got {dimension_numbers!r}", TypeError)
    return ConvDimensionNumbers(*conv_general_permutations(tuple(dimension_numbers)))


def integers(xs: Any) -> tuple[int, ...] | None:
    """A sequence of integers as a tuple; None if it is something else."""
    try:
        return tuple(map(operator.index, xs))
    except TypeError:
        return None


def positive_integers(what: str, xs: Sequence[int] | None, n: int, axes: str) -> tuple[int, ...]:
    """One positive integer for each of `n` axes, 1 where `xs` is None.

    Raises:
        ValueError: naming `what` they are and the `axes`, if `xs` is something else.
    """
    values = (1,) * n if xs is None else integers(xs)
    if values is None or len(values) != n or any(v < 1 for v in values):
        raise _error(f"{what} must be one positive integer for each of the {n} {axes}; got {xs!r}. Write for example {(1,) * n}")
    return values


def _pairs(padding: Any, n: int) -> list[tuple[int, int]]:
    pads = [integers(pair) for pair in padding] if np.iterable(padding) else []
    if len(pads) != n or any(pair is None or len(pair) != 2 for pair in pads):
        example = ", ".join(["(1, 1)"] * n)
        raise _error(f"padding must be 'SAME', 'SAME_LOWER' or 'VALID', or one pair (before, after) of integers for each of the {n} axes; "
                     f"got {padding!r}. Write for example [{example}]")
    return [(pair[0], pair[1]) for pair in pads if pair is not None]


def window_pads(sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: str | Pads) -> list[tuple[int, int]]:
    """Padding as (low, high) for each axis. "SAME": as many places as strides fit in the axis; "VALID": none.

    Raises:
        ValueError: for another name, or another number of pairs.
    """
    if not isinstance(padding, str):
        return _pairs(padding, len(sizes))
    name = padding.upper()
    if name == "VALID":
        return [(0, 0)] * len(sizes)
    if name not in ("SAME", "SAME_LOWER"):
        raise _error(f"padding must be 'SAME', 'SAME_LOWER' or 'VALID', or pairs of sizes; got {padding!r}")
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, window, strides, strict=True)]
    return [(t // 2, t - t // 2) if name == "SAME" else (t - t // 2, t // 2) for t in totals]


def padtype_to_pads(in_shape: Sequence[int], window_shape: Sequence[int], window_strides: Sequence[int], padding: str) -> list[
        tuple[int, int]]:
    """The pairs of sizes that a padding by name stands for.

    Args:
        in_shape: the spatial shape of the operand.
        window_shape: that of the window.
        window_strides: from one place of the window to the next, for each axis.
        padding: "SAME" (as many places as strides fit in the axis, what is odd after it), "SAME_LOWER" (before it) or "VALID" (none).

    Raises:
        TypeError: if `padding` is not a name.
        ValueError: for another name, or if the shapes differ in length.

    >>> padtype_to_pads((5, 6), (2, 3), (1, 2), "SAME")
    [(0, 1), (0, 1)]
    """
    if not isinstance(padding, str):
        raise _error(f"padtype_to_pads: padding must be 'SAME', 'SAME_LOWER' or 'VALID'; got {padding!r}", TypeError)
    if not len(in_shape) == len(window_shape) == len(window_strides):
        raise _error(f"padtype_to_pads: in_shape, window_shape and window_strides must be as long as one another; got {in_shape}, "
                     f"{window_shape} and {window_strides}")
    return window_pads(in_shape, window_shape, window_strides, padding)


def conv_general_dilated(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str | Pads, lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None, feature_group_count: int = 1, batch_group_count: int = 1,
    precision: Any = None, preferred_element_type: Any = None,
) -> Any:
    """A convolution (as in neural networks: the kernel is not reversed) over any number of spatial axes.

    Args:
        lhs: the operand.
        rhs: the kernel, in the same dtype.
        window_strides: from one place of the kernel to the next, for each spatial axis.
        padding: "SAME", "SAME_LOWER" or "VALID", or a pair of sizes for each spatial axis (negative ones crop).
        lhs_dilation: spreads the operand: from one of its elements to the next.
        rhs_dilation: spreads the kernel.
        dimension_numbers: which axis is what: three layouts such as ("NCHW", "OIHW", "NCHW"), which is the default, or
            `ConvDimensionNumbers`.
        feature_group_count: into how many groups the features fall, each convolved with its own part of the kernel.
        batch_group_count: into how many groups the batch falls, likewise.
        precision: accepted; products are exact to the dtype.
        preferred_element_type: the dtype of the result.

    Raises:
        TypeError, ValueError: if shapes, groups or numbers do not fit.

    >>> x, k = np.arange(5.0).reshape(1, 1, 5), np.ones((1, 1, 3))
    >>> conv_general_dilated(x, k, (1,), "SAME").reshape(-1)
    Array([1., 3., 6., 9., 7.], dtype=float64)
    """
    numbers = conv_dimension_numbers(typeof(lhs).shape, typeof(rhs).shape, dimension_numbers)
    lhs, rhs = transpose(lhs, numbers.lhs_spec), transpose(rhs, numbers.rhs_spec)
    (batch, features, *sizes), (out_features, in_features, *window) = typeof(lhs).shape, typeof(rhs).shape
    n = len(sizes)
    strides, spread, dilation = (_one_each(name, xs, n) for name, xs in (
        ("window_strides", window_strides), ("lhs_dilation", lhs_dilation), ("rhs_dilation", rhs_dilation)))
    groups = _groups(features, in_features, out_features, batch, feature_group_count, batch_group_count)
    if isinstance(padding, str) and any(s != 1 for s in spread) and padding.upper() != "VALID":
        raise _error("convolution: with lhs_dilation the padding must be given as pairs of sizes; the name of a rule is not enough. "
                     "Use conv_transpose")
    pads = window_pads(sizes, [dilated(k, d) for k, d in zip(window, dilation, strict=True)], strides, padding)
    wanted = typeof(lhs).dtype if preferred_element_type is None else canonical(preferred_element_type)
    compute = compute_dtype(typeof(lhs).dtype, wanted)
    lhs, rhs = convert_element_type(lhs, compute), convert_element_type(rhs, compute)
    # The order in memory of the grouped axes: each axis of the layout in turn, groups as the outer part of the one that they split.
    lhs_order, rhs_order, out_order = ([axis for at in np.argsort(spec) for axis in split[at]] for spec, split in zip(
        numbers, _split_axes(n, batch_group_count > 1), strict=True))
    if batch_group_count > 1:
        lhs = reshape(lhs, (groups, batch // groups, *typeof(lhs).shape[1:]))
    else:
        lhs = reshape(lhs, (batch, groups, features // groups, *sizes))
        lhs = transpose(lhs, (1, 0, *range(2, 3 + n)))
    rhs = reshape(rhs, (groups, out_features // groups, in_features, *window))
    out = convolve_p.bind(lhs, rhs, strides=strides, padding=tuple(pads), x_dilation=spread, k_dilation=dilation,
                          orders=(tuple(lhs_order), tuple(rhs_order), tuple(out_order)))
    out = transpose(out, (1, 0, *range(2, 3 + n)))
    out = reshape(out, (typeof(out).shape[0], out_features, *typeof(out).shape[3:]))
    return convert_element_type(transpose(out, tuple(int(i) for i in np.argsort(numbers.out_spec))), wanted)


def _split_axes(n: int, batch_groups: bool) -> tuple[list[tuple[int, ...]], ...]:
    """For each axis (batch, features, spatial...) of operand, kernel and result, the axes of `convolve` that it falls into."""
    spatial = [(3 + d,) for d in range(n)]
    lhs = [(0, 1), (2,)] if batch_groups else [(1,), (0, 2)]
    return [*lhs, *spatial], [(0, 1), (2,), *spatial], [(1,), (0, 2), *spatial]


def _one_each(name: str, xs: Sequence[int] | None, n: int) -> tuple[int, ...]:
    return positive_integers(f"convolution: {name}", xs, n, "spatial axes")


def _groups(features: int, in_features: int, out_features: int, batch: int, feature_groups: int, batch_groups: int) -> int:
    if feature_groups < 1 or batch_groups < 1 or (feature_groups > 1 and batch_groups > 1):
        raise _error(f"convolution: feature_group_count {feature_groups} and batch_group_count {batch_groups} must be positive, and one of "
                     "them 1")
    if features != in_features * feature_groups:
        raise _error(f"convolution: the operand has {features} features, and the kernel takes {in_features} in each of "
                     f"{feature_groups} groups")
    groups = max(feature_groups, batch_groups)
    if out_features % groups or batch % batch_groups:
        raise _error(f"convolution: {out_features} output features and a batch of {batch} do not fall into {groups} groups")
    return groups


def conv(lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """`conv_general_dilated` without dilation or groups, in the default layout.

    >>> conv(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), (1, 1), "VALID").shape
    (1, 1, 2, 2)
    """
    return conv_general_dilated(lhs, rhs, window_strides, padding, precision=precision, preferred_element_type=preferred_element_type)


def conv_with_general_padding(lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str | Pads, lhs_dilation: Sequence[int] | None,
                              rhs_dilation: Sequence[int] | None, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """`conv_general_dilated` without groups, in the default layout."""
    return conv_general_dilated(lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=precision,
                                preferred_element_type=preferred_element_type)


def _transpose_pads(k: int, s: int, padding: str) -> tuple[int, int]:
    if padding.upper() == "SAME":
        total = k + s - 2
        low = k - 1 if s > k - 1 else -(-total // 2)
    elif padding.upper() == "VALID":
        total, low = k + s - 2 + max(k - s, 0), k - 1
    else:
        raise _error(f"conv_transpose: padding must be 'SAME' or 'VALID', or pairs of sizes; got {padding!r}")
    return low, total - low


def conv_transpose(
    lhs: Any, rhs: Any, strides: Sequence[int], padding: str | Pads, rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None, transpose_kernel: bool = False, precision: Any = None, preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Any:
    """A "deconvolution": the operand is spread by `strides` and convolved.

    Args:
        lhs: the operand.
        rhs: the kernel.
        strides: how far the elements of the operand are spread.
        padding: "SAME" gives ``size * stride`` elements along each spatial axis, "VALID" all that the kernel reaches; or pairs of sizes.
        rhs_dilation: spreads the kernel.
        dimension_numbers: three layouts; the default is ("NHWC", "HWIO", "NHWC"), with as many spatial axes as there are.
        transpose_kernel: whether to reverse the kernel's spatial axes and exchange its features, so that this is the transpose of
            the convolution with it.
        precision, preferred_element_type: see `conv_general_dilated`.
        use_consistent_padding: whether pairs are what `conv_general_dilated` would be given.

    >>> conv_transpose(np.ones((1, 3, 1)), np.ones((2, 1, 1)), (2,), "SAME").reshape(-1)
    Array([1., 1., 1., 1., 1., 1.], dtype=float64)
    """
    n = typeof(lhs).ndim - 2
    if dimension_numbers is None:
        if not 1 <= n <= 3:
            raise _error("conv_transpose: no default layout for so many axes; give dimension_numbers")
        letters = "DHW"[3 - n:] if n > 1 else "H"
        dimension_numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    numbers = conv_dimension_numbers(typeof(lhs).shape, typeof(rhs).shape, dimension_numbers)
    strides, dilation = _one_each("strides", strides, n), _one_each("rhs_dilation", rhs_dilation, n)
    sizes = [dilated(typeof(rhs).shape[d], step) for d, step in zip(numbers.rhs_spec[2:], dilation, strict=True)]
    if isinstance(padding, str):
        pads = [_transpose_pads(k, s, padding) for k, s in zip(sizes, strides, strict=True)]
    elif use_consistent_padding:
        pads = [(k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(sizes, _pairs(padding, n), strict=True)]
    else:
        pads = _pairs(padding, n)
    if transpose_kernel:
        rhs = rev(rhs, tuple(numbers.rhs_spec[2:]))
        order = list(range(n + 2))
        order[numbers.rhs_spec[0]], order[numbers.rhs_spec[1]] = numbers.rhs_spec[1], numbers.rhs_spec[0]
        rhs = transpose(rhs, order)
    return conv_general_dilated(lhs, rhs, (1,) * n, pads, strides, dilation, numbers, precision=precision,
                                preferred_element_type=preferred_element_type)


def conv_general_dilated_patches(
    lhs: Any, filter_shape: Sequence[int], window_strides: Sequence[int], padding: str | Pads, lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None, precision: Any = None, preferred_element_type: Any = None,
) -> Any:
    """The windows that a convolution would multiply by its kernel, as features: for each feature of the operand, all positions.

    Args:
        lhs: the operand.
        filter_shape: the spatial shape of the windows.
        others: see `conv_general_dilated`.

    >>> conv_general_dilated_patches(np.arange(4.0).reshape(1, 1, 4), (2,), (1,), "VALID")[0]
    Array([[0., 1., 2.],
           [1., 2., 3.]], dtype=float64)
    """
    window = integers(filter_shape)
    if window is None:
        raise _error(f"conv_general_dilated_patches: filter_shape must be one integer for each spatial axis; got {filter_shape!r}. Write "
                     "for example (3, 3)")
    rank = len(window) + 2
    numbers = conv_dimension_numbers(typeof(lhs).shape, (1,) * rank, dimension_numbers)
    features = typeof(lhs).shape[numbers.lhs_spec[1]]
    size = prod(window)
    shape = [0] * rank
    for d, k in zip(numbers.rhs_spec, (features * size, 1, *window), strict=True):
        shape[d] = k
    kernel = np.tile(np.eye(size).reshape(size, 1, *window), (features, 1, *(1,) * len(window)))
    kernel = kernel.transpose(np.argsort(numbers.rhs_spec)).astype(typeof(lhs).dtype)
    return conv_general_dilated(lhs, kernel, window_strides, padding, lhs_dilation, rhs_dilation, numbers, feature_group_count=features,
                                preferred_element_type=preferred_element_type)


def conv_general_dilated_local(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str | Pads, filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None, rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None,
    precision: Any = None,
) -> Any:
    """A convolution with a kernel of its own at each place.

    Args:
        lhs: the operand.
        rhs: the kernels: along the spatial axes the places, along the input features those of `conv_general_dilated_patches`.
        filter_shape: the spatial shape of the kernels.
        others: see `conv_general_dilated`.

    >>> conv_general_dilated_local(np.ones((1, 1, 4)), np.ones((1, 2, 3)), (1,), "VALID", (2,)).shape
    (1, 1, 3)
    """
    numbers = conv_dimension_numbers(typeof(lhs).shape, typeof(rhs).shape, dimension_numbers)
    patches = conv_general_dilated_patches(lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, numbers)
    spatial = tuple(numbers.out_spec[2:]), tuple(numbers.rhs_spec[2:])
    out = dot_general(patches, rhs, (((numbers.out_spec[1],), (numbers.rhs_spec[1],)), spatial))
    n = len(spatial[0])
    return transpose(transpose(out, (n, n + 1, *range(n))), tuple(int(i) for i in np.argsort(numbers.out_spec)))


# -- shapes -----------------------------------------------------------------------------------------------------------

def conv_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int], strides: Sequence[int], pads: str | Pads,
                     batch_group_count: int = 1) -> tuple[int, ...]:
    """The shape of a convolution in the default layout.

    >>> conv_shape_tuple((1, 2, 5, 5), (3, 2, 2, 2), (1, 1), "VALID")
    (1, 3, 4, 4)
    """
    pairs = window_pads(lhs_shape[2:], rhs_shape[2:], strides, pads)
    spatial = [max(0, (n + lo + hi - k) // s + 1) for n, k, s, (lo, hi) in zip(lhs_shape[2:], rhs_shape[2:], strides, pairs, strict=True)]
    return (lhs_shape[0] // batch_group_count, rhs_shape[0], *spatial)


def _in_layout(numbers: ConvDimensionNumbers, shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[i] for i in np.argsort(numbers.out_spec))


def conv_general_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int], window_strides: Sequence[int], padding: str | Pads,
                             dimension_numbers: Any) -> tuple[int, ...]:
    """The shape of a convolution in any layout.

    >>> conv_general_shape_tuple((1, 5, 5, 2), (2, 2, 2, 3), (1, 1), "VALID", ("NHWC", "HWIO", "NHWC"))
    (1, 4, 4, 3)
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    lhs, rhs = [lhs_shape[i] for i in numbers.lhs_spec], [rhs_shape[i] for i in numbers.rhs_spec]
    return _in_layout(numbers, conv_shape_tuple(lhs, rhs, window_strides, padding))


def conv_transpose_shape_tuple(lhs_shape: Sequence[int], rhs_shape: Sequence[int], window_strides: Sequence[int], padding: str | Pads,
                               dimension_numbers: Any) -> tuple[int, ...]:
    """The shape of `conv_transpose`.

    >>> conv_transpose_shape_tuple((1, 3, 1), (2, 1, 1), (2,), "SAME", ("NHC", "HIO", "NHC"))
    (1, 6, 1)
    """
    numbers = conv_dimension_numbers(lhs_shape, rhs_shape, dimension_numbers)
    lhs, rhs = [lhs_shape[i] for i in numbers.lhs_spec], [rhs_shape[i] for i in numbers.rhs_spec]
    pads = [_transpose_pads(k, s, padding) for k, s in zip(rhs[2:], window_strides, strict=True)] if isinstance(padding, str) else padding
    spread = [dilated(n, s) for n, s in zip(lhs[2:], window_strides, strict=True)]
    return _in_layout(numbers, conv_shape_tuple((*lhs[:2], *spread), rhs, (1,) * len(spread), pads))
