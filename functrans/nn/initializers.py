"""Initial weights: functions that return ``init(key, shape, dtype)``, with names, defaults and numbers of ``jax.nn.initializers``.

`variance_scaling` draws numbers of mean 0 and variance ``scale / n``, where n is the fan-in (how many inputs one output adds up), the
fan-out, or a mean of both; the others are named cases of it. Complex numbers are drawn on a disk, so that the variance of each is the
mean of its squared size.

References: `glorot_normal` (also called Xavier) Glorot and Bengio 2010; `he_normal` (also called Kaiming) He et al. 2015
(arXiv:1502.01852); `lecun_normal` LeCun et al. 1998; `orthogonal` Saxe et al. 2013 (arXiv:1312.6120); `delta_orthogonal` Xiao et
al. 2018 (arXiv:1806.05393).

>>> from functrans import random
>>> he_normal()(random.key(0), (3, 4)).shape
(3, 4)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

import functrans.numpy as fnp
from functrans import lax, random
from functrans.arguments import among
from functrans.core.dtypes import canonical, is_inexact, kind_of, real_dtype
from functrans.core.source import describe, user_source
from functrans.numpy.util import default_float

__all__ = [
    "Initializer", "constant", "delta_orthogonal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "kaiming_normal",
    "kaiming_uniform", "lecun_normal", "lecun_uniform", "normal", "ones", "orthogonal", "truncated_normal", "uniform", "variance_scaling",
    "xavier_normal", "xavier_uniform", "zeros",
]

Axes = int | Sequence[int]
_TRUNCATED_DEVIATION = {"f": 0.87962566103423978, "c": 0.95311164380491208}  # of standard normal numbers cut at size 2


class Initializer(Protocol):
    """What the functions here return."""

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Any:
        """Weights of the given shape and dtype (the default float, or that given to the maker, unless given)."""
        ...


def _dtype(name: str, dtype: Any, default: Any) -> np.dtype:
    chosen = dtype if dtype is not None else default
    wanted = default_float() if chosen is None else canonical(chosen)
    if not is_inexact(wanted):
        raise ValueError(f"{name}: dtype must be floating or complex; got {wanted}, at {describe(user_source())}.")
    return wanted


# -- constants and plain distributions --------------------------------------------------------------------------------

def zeros(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Any:
    """Zeros; the key is not used.

    >>> zeros(None, (2,))
    Array([0., 0.], dtype=float64)
    """
    return fnp.zeros(shape, dtype)


def ones(key: Any, shape: Sequence[int], dtype: Any = None, out_sharding: Any = None) -> Any:
    """Ones; the key is not used.

    >>> ones(None, (2,))
    Array([1., 1.], dtype=float64)
    """
    return fnp.ones(shape, dtype)


def constant(value: Any, dtype: Any = None) -> Initializer:
    """An initializer of arrays that are full of `value`.

    >>> constant(2.0)(None, (2,))
    Array([2., 2.], dtype=float64)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        return fnp.full(shape, value, default_float() if dtype is None else dtype)

    return init


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """An initializer of uniform numbers in [0, `scale`).

    >>> uniform(2.0)(random.key(0), (3,)).max() < 2.0
    Array(True, dtype=bool)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("uniform", dtype, None)
        return random.uniform(key, shape, wanted) * fnp.asarray(scale, wanted)

    return init


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """An initializer of normal numbers of mean 0 and standard deviation `stddev`.

    >>> normal()(random.key(0), (3,)).shape
    (3,)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("normal", dtype, None)
        return random.normal(key, shape, wanted) * fnp.asarray(stddev, wanted)

    return init


def truncated_normal(stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0) -> Initializer:
    """An initializer of `stddev` times normal numbers given that they are between `lower` and `upper`.

    >>> bool(abs(truncated_normal(0.5)(random.key(0), (99,))).max() < 1.0)
    True
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("truncated_normal", dtype, None)
        return random.truncated_normal(key, lower, upper, shape, wanted) * fnp.asarray(stddev, wanted)

    return init


# -- scaled by the number of inputs and outputs -----------------------------------------------------------------------

def _size(shape: Sequence[int], axes: Axes) -> int:
    return math.prod(shape[axis] for axis in ([axes] if isinstance(axes, int) else axes))


def _fans(shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> tuple[float, float]:
    """The numbers of inputs and outputs; axes that are neither, nor batch axes, are windows of a convolution and count for both."""
    if len(shape) <= 1:
        raise ValueError(f"variance_scaling: weights of shape {tuple(shape)} have no input and output axis; they need rank 2 or more, at "
                         f"{describe(user_source())}. For biases use zeros, constant or normal.")
    inputs, outputs, batch = (_size(shape, axes) for axes in (in_axis, out_axis, batch_axis))
    window = math.prod(shape) / max(inputs * outputs * batch, 1)
    return inputs * window, outputs * window


_MEANS: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
    "fan_geo_avg": lambda inputs, outputs: math.sqrt(inputs * outputs),
}


def _on_disk(key: Any, shape: Sequence[int], dtype: np.dtype, radius: Any) -> Any:
    """Complex numbers of uniform direction, whose size `radius` makes of uniform numbers in [0, 1)."""
    of_size, of_angle = random.split(key)
    real = real_dtype(dtype)
    size = radius(random.uniform(of_size, shape, real))
    return lax.convert_element_type(size, dtype) * fnp.exp(1j * lax.convert_element_type(
        2 * math.pi * random.uniform(of_angle, shape, real), dtype))


def _truncated_size(u: Any) -> Any:
    """Rayleigh's distribution cut at 2: ``P(size < r) = (1 - exp(-r**2)) / (1 - exp(-4))``."""
    return fnp.sqrt(-fnp.log1p(math.expm1(-4.0) * u))


def _normal(key: Any, shape: Sequence[int], dtype: np.dtype, variance: float) -> Any:
    return random.normal(key, shape, dtype) * fnp.asarray(math.sqrt(variance), dtype)


def _truncated(key: Any, shape: Sequence[int], dtype: np.dtype, variance: float) -> Any:
    deviation = fnp.asarray(math.sqrt(variance) / _TRUNCATED_DEVIATION[kind_of(dtype)], dtype)
    if dtype.kind == "c":
        return _on_disk(key, shape, dtype, _truncated_size) * deviation
    return random.truncated_normal(key, -2, 2, shape, dtype) * deviation


def _uniform(key: Any, shape: Sequence[int], dtype: np.dtype, variance: float) -> Any:
    if dtype.kind == "c":
        return _on_disk(key, shape, dtype, fnp.sqrt) * fnp.asarray(math.sqrt(2 * variance), dtype)
    return random.uniform(key, shape, dtype, -1) * fnp.asarray(math.sqrt(3 * variance), dtype)


_DISTRIBUTIONS = {"normal": _normal, "truncated_normal": _truncated, "uniform": _uniform}


def variance_scaling(
    scale: Any, mode: str, distribution: str, in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None,
) -> Initializer:
    """An initializer of numbers of mean 0 and variance ``scale / n``.

    Args:
        scale: a positive number.
        mode: what n is: ``"fan_in"``, ``"fan_out"``, ``"fan_avg"`` or ``"fan_geo_avg"`` (the arithmetic or geometric mean of both).
        distribution: ``"normal"``, ``"truncated_normal"`` (cut at twice the deviation before scaling), or ``"uniform"``.
        in_axis, out_axis: the axis or axes of inputs and outputs.
        batch_axis: axes that count for neither. Those not named are windows, as of a convolution, and count for both.
        dtype: that of the weights, unless the initializer is called with one; the default float where neither is given.

    Raises:
        ValueError: for another mode or distribution; (from the initializer) for shapes of rank 0 or 1.

    >>> init = variance_scaling(1.0, "fan_in", "normal")
    >>> print(f"{init(random.key(0), (1000, 20)).var() * 1000:.1f}")
    1.0
    """
    if not among(mode, _MEANS):
        raise ValueError(f"variance_scaling: mode must be one of {', '.join(_MEANS)}; got {mode!r}, at {describe(user_source())}.")
    if not among(distribution, _DISTRIBUTIONS):
        raise ValueError(f"variance_scaling: distribution must be one of {', '.join(_DISTRIBUTIONS)}; got {distribution!r}, at "
                         f"{describe(user_source())}.")

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("variance_scaling", dtype, None)
        n = _MEANS[mode](*_fans(shape, in_axis, out_axis, batch_axis))
        return _DISTRIBUTIONS[distribution](key, tuple(shape), wanted, scale / n if n else 0.0)

    return init


def glorot_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Uniform numbers of variance ``2 / (fan_in + fan_out)``; arguments as of `variance_scaling`.

    >>> glorot_uniform()(random.key(0), (3, 4)).shape
    (3, 4)
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Truncated normal numbers of variance ``2 / (fan_in + fan_out)``; arguments as of `variance_scaling`."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Uniform numbers of variance ``1 / fan_in``; arguments as of `variance_scaling`."""
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Truncated normal numbers of variance ``1 / fan_in``; arguments as of `variance_scaling`."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Uniform numbers of variance ``2 / fan_in``; arguments as of `variance_scaling`."""
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None) -> Initializer:
    """Truncated normal numbers of variance ``2 / fan_in``; arguments as of `variance_scaling`."""
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


# -- orthogonal matrices ----------------------------------------------------------------------------------------------

def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """An initializer of `scale` times uniformly distributed matrices with orthonormal rows or columns, whichever are fewer.

    Args:
        scale: a factor.
        column_axis: the axis that counts the columns; the others together count the rows.
        dtype: as of `variance_scaling`.

    Raises:
        ValueError: (from the initializer) for shapes of rank 0 or 1.

    >>> q = orthogonal()(random.key(0), (4, 2))
    >>> abs(q.T @ q).round(12)
    Array([[1., 0.],
           [0., 1.]], dtype=float64)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("orthogonal", dtype, None)
        if len(shape) < 2:
            raise ValueError(f"orthogonal needs a shape of rank 2 or more; got {tuple(shape)}, at {describe(user_source())}.")
        columns = shape[column_axis]
        rows = math.prod(shape) // columns if columns else 0
        q, r = fnp.linalg.qr(random.normal(key, (max(rows, columns), min(rows, columns)), wanted))
        diagonal = fnp.diag(r)
        q = q * (diagonal / abs(diagonal))  # the signs make the distribution uniform
        q = q.T if columns > rows else q
        rest = [size for axis, size in enumerate(shape) if axis != column_axis % len(shape)]
        return fnp.asarray(scale, wanted) * fnp.moveaxis(q.reshape(*rest, columns), -1, column_axis)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """An initializer of convolution kernels that are an `orthogonal` matrix at the centre of the window and 0 elsewhere.

    The last two axes of a shape are inputs and outputs, and those before, one to three, are the window.

    Raises:
        ValueError: (from the initializer) for shapes of other ranks, and where there are more inputs than outputs.

    >>> delta_orthogonal()(random.key(0), (3, 2, 2))[0]
    Array([[0., 0.],
           [0., 0.]], dtype=float64)
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype, out_sharding: Any = None) -> Any:
        wanted = _dtype("delta_orthogonal", dtype, None)
        if len(shape) not in (3, 4, 5):
            raise ValueError(f"delta_orthogonal needs a shape of rank 3, 4 or 5, the window first; got {tuple(shape)}, at "
                             f"{describe(user_source())}.")
        if shape[-1] < shape[-2]:
            raise ValueError(f"delta_orthogonal: there may be no more inputs than outputs; got {shape[-2]} and {shape[-1]}, at "
                             f"{describe(user_source())}.")
        matrix = orthogonal(scale, column_axis, wanted)(key, shape[-2:])
        return fnp.zeros(shape, wanted).at[tuple((k - 1) // 2 for k in shape[:-2])].set(matrix)

    return init
