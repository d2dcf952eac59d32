"""Layers of neural networks as pairs of functions, and ways to compose them.

A layer is ``(init_fun, apply_fun)``: ``init_fun(key, input_shape)`` returns ``(output_shape, params)``, and ``apply_fun(params, inputs)``
the outputs; layers that draw random numbers take them from the keyword argument ``rng``, a key. In shapes the size of the batch may be -1.
Images have the axes (batch, height, width, channels).

>>> from functrans import random
>>> init_fun, apply_fun = serial(Dense(3), Relu, Dense(2), LogSoftmax)
>>> shape, params = init_fun(random.key(0), (-1, 4))
>>> shape, apply_fun(params, np.ones((5, 4))).shape
((-1, 2), (5, 2))
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from functrans import numpy as fnp
from functrans import random
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.lax import (
    add,
    conv_general_dilated,
    conv_transpose,
    reduce_window,
    reduce_window_shape_tuple,
)
from functrans.lax import max as max_
from functrans.nn import elu, gelu, leaky_relu, log_softmax, relu, selu, sigmoid, softmax, softplus, standardize
from functrans.nn.initializers import glorot_normal, normal, ones, zeros
from functrans.primitives.convolution import conv_general_shape_tuple, conv_transpose_shape_tuple, window_pads

__all__ = [
    "AvgPool", "BatchNorm", "Conv", "Conv1DTranspose", "ConvTranspose", "Dense", "Dropout", "Elu", "Exp", "FanInConcat", "FanInSum",
    "FanOut", "Flatten", "Gelu", "GeneralConv", "GeneralConvTranspose", "Identity", "LeakyRelu", "LogSoftmax", "MaxPool", "Relu", "Selu",
    "Sigmoid", "Softmax", "Softplus", "SumPool", "Tanh", "elementwise", "elu", "gelu", "glorot", "glorot_normal", "leaky_relu",
    "log_softmax", "logsoftmax", "normal", "ones", "parallel", "randn", "relu", "selu", "serial", "shape_dependent", "sigmoid", "softmax",
    "softplus", "standardize", "zeros",
]

Shape = tuple[int, ...]
Layer = tuple[Callable[..., Any], Callable[..., Any]]

logsoftmax = log_softmax
glorot = glorot_normal
randn = normal
_SMALL = normal(1e-6)
_ONE = 1  # what stands for a batch of unknown size while shapes are computed


def _sized(shape: Sequence[int]) -> Shape:
    return tuple(_ONE if n == -1 else int(n) for n in shape)


def _as_given(out: Sequence[int], batch: int, given: Sequence[int]) -> Shape:
    """An output shape, in which the batch's size is unknown where that of the input is."""
    return tuple(-1 if d == batch and given[batch] == -1 else int(n) for d, n in enumerate(out))


# -- dense and convolutional layers -----------------------------------------------------------------------------------

def Dense(out_dim: int, W_init: Any = None, b_init: Any = None) -> Layer:
    """``inputs @ W + b`` with `out_dim` outputs.

    Args:
        out_dim: the number of outputs.
        W_init, b_init: initializers, `glorot_normal` and ``normal(0.01)`` if not given.

    >>> Dense(3)[0](random.key(0), (-1, 2))[0]
    (-1, 3)
    """
    W_init, b_init = W_init or glorot_normal(), b_init or normal()

    def init_fun(rng: Any, input_shape: Shape) -> Any:
        k1, k2 = random.split(rng)
        return (*input_shape[:-1], out_dim), (W_init(k1, (input_shape[-1], out_dim)), b_init(k2, (out_dim,)))

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        return fnp.matmul(inputs, W) + b

    return init_fun, apply_fun


def _kernel_shape(dimension_numbers: Sequence[str], out_chan: int, filter_shape: Shape, input_shape: Shape) -> Shape:
    lhs, rhs, _ = dimension_numbers
    sizes = iter(filter_shape)
    return tuple(out_chan if c == "O" else int(input_shape[lhs.index("C")]) if c == "I" else next(sizes) for c in rhs)


def _convolution(
    convolve: Callable[..., Any], places_of: Callable[..., Any], dimension_numbers: Sequence[str], out_chan: int, filter_shape: Shape,
    strides: Sequence[int] | None, padding: Any, W_init: Any, b_init: Any,
) -> Layer:
    """The layer of `convolve`, whose results have the shapes that `places_of` tells."""
    lhs, rhs, out = dimension_numbers
    steps = tuple(strides or (1,) * len(filter_shape))
    W_init, b_init = W_init or glorot_normal(rhs.index("I"), rhs.index("O")), b_init or _SMALL

    def init_fun(rng: Any, input_shape: Shape) -> Any:
        shape = _kernel_shape(dimension_numbers, out_chan, filter_shape, input_shape)
        places = places_of(_sized(input_shape), shape, steps, padding, tuple(dimension_numbers))
        k1, k2 = random.split(rng)
        params = W_init(k1, shape), b_init(k2, tuple(out_chan if c == "C" else 1 for c in out))
        return _as_given(places, out.index("N"), [input_shape[lhs.index(c)] if c == "N" else 0 for c in out]), params

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        W, b = params
        return convolve(inputs, W, steps, padding, dimension_numbers=tuple(dimension_numbers)) + b

    return init_fun, apply_fun


def GeneralConv(dimension_numbers: Sequence[str], out_chan: int, filter_shape: Shape, strides: Sequence[int] | None = None,
                padding: Any = "VALID", W_init: Any = None, b_init: Any = None) -> Layer:
    """A convolution with a bias, in any layout.

    Args:
        dimension_numbers: the layouts of inputs, kernel and outputs, such as ``("NHWC", "HWIO", "NHWC")``.
        out_chan: the number of output channels.
        filter_shape: the sizes of the kernel.
        strides: from one place to the next, 1 if not given.
        padding: "VALID", "SAME" or pairs of sizes.
        W_init, b_init: initializers, `glorot_normal` and ``normal(1e-6)`` if not given.

    >>> GeneralConv(("NCHW", "OIHW", "NCHW"), 5, (2, 2))[0](random.key(0), (-1, 3, 8, 8))[0]
    (-1, 5, 7, 7)
    """
    return _convolution(
        conv_general_dilated, conv_general_shape_tuple, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init)


def Conv(out_chan: int, filter_shape: Shape, strides: Sequence[int] | None = None, padding: Any = "VALID", W_init: Any = None,
         b_init: Any = None) -> Layer:
    """`GeneralConv` of images.

    >>> Conv(5, (3, 3), padding="SAME")[0](random.key(0), (-1, 8, 8, 1))[0]
    (-1, 8, 8, 5)
    """
    return GeneralConv(("NHWC", "HWIO", "NHWC"), out_chan, filter_shape, strides, padding, W_init, b_init)


def GeneralConvTranspose(dimension_numbers: Sequence[str], out_chan: int, filter_shape: Shape, strides: Sequence[int] | None = None,
                         padding: Any = "VALID", W_init: Any = None, b_init: Any = None) -> Layer:
    """A transposed convolution with a bias, in any layout; arguments are those of `GeneralConv`.

    >>> GeneralConvTranspose(("NHWC", "HWIO", "NHWC"), 5, (2, 2), (2, 2))[0](random.key(0), (-1, 4, 4, 3))[0]
    (-1, 8, 8, 5)
    """
    return _convolution(
        conv_transpose, conv_transpose_shape_tuple, dimension_numbers, out_chan, filter_shape, strides, padding, W_init, b_init)


def Conv1DTranspose(out_chan: int, filter_shape: Shape, strides: Sequence[int] | None = None, padding: Any = "VALID", W_init: Any = None,
                    b_init: Any = None) -> Layer:
    """`GeneralConvTranspose` of sequences, with the axes (batch, time, channels)."""
    return GeneralConvTranspose(("NHC", "HIO", "NHC"), out_chan, filter_shape, strides, padding, W_init, b_init)


def ConvTranspose(out_chan: int, filter_shape: Shape, strides: Sequence[int] | None = None, padding: Any = "VALID", W_init: Any = None,
                  b_init: Any = None) -> Layer:
    """`GeneralConvTranspose` of images."""
    return GeneralConvTranspose(("NHWC", "HWIO", "NHWC"), out_chan, filter_shape, strides, padding, W_init, b_init)


# -- normalisation, pooling, dropout ----------------------------------------------------------------------------------

def BatchNorm(axis: int | Sequence[int] = (0, 1, 2), epsilon: float = 1e-5, center: bool = True, scale: bool = True, beta_init: Any = zeros,
              gamma_init: Any = ones) -> Layer:
    """Inputs of mean 0 and variance 1 over `axis`, then ``gamma * inputs + beta``.

    Args:
        axis: the axes of mean and variance.
        epsilon: what keeps the division from 0.
        center, scale: whether there are beta and gamma.
        beta_init, gamma_init: their initializers.

    >>> BatchNorm(0)[1](((), ()), np.array([[1.0], [3.0]])).round(3)
    Array([[-1.],
           [ 1.]], dtype=float64)
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)

    def init_fun(rng: Any, input_shape: Shape) -> Any:
        shape = tuple(n for d, n in enumerate(input_shape) if d not in axes)
        k1, k2 = random.split(rng)
        return input_shape, (beta_init(k1, shape) if center else (), gamma_init(k2, shape) if scale else ())

    def apply_fun(params: Any, x: Any, **kwargs: Any) -> Any:
        beta, gamma = params
        kept = tuple(None if d in axes else slice(None) for d in range(typeof(fnp.asarray(x)).ndim))
        z = standardize(fnp.asarray(x), axes, epsilon=epsilon)
        z = gamma[kept] * z if scale and not isinstance(gamma, tuple) else z
        return z + beta[kept] if center and not isinstance(beta, tuple) else z

    return init_fun, apply_fun


def _pooling(name: str, combine: Callable[[Any, Any], Any], start: float, mean: bool) -> Callable[..., Layer]:
    def layer(window_shape: Shape, strides: Sequence[int] | None = None, padding: Any = "VALID", spec: str | None = None) -> Layer:
        steps = tuple(strides or (1,) * len(window_shape))
        layout = "N" + "HWD"[:len(window_shape)] + "C" if spec is None else spec
        window, moves = list(window_shape), list(steps)
        for letter in sorted("NC", key=layout.index):
            window.insert(layout.index(letter), 1)
            moves.insert(layout.index(letter), 1)

        def init_fun(rng: Any, input_shape: Shape) -> Any:
            shape = _sized(input_shape)
            out = reduce_window_shape_tuple(shape, window, moves, window_pads(shape, window, moves, _pads(padding, layout)))
            return _as_given(out, layout.index("N"), input_shape), ()

        def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
            x = fnp.asarray(inputs)
            dtype = typeof(x).dtype
            ready = _pads(padding, layout)
            out = reduce_window(x, dtype.type(start), combine, window, moves, ready)
            if mean:  # by the number of elements that are not padding
                out = out / reduce_window(fnp.ones_like(x), dtype.type(0), add, window, moves, ready)
            return out

        return init_fun, apply_fun

    layer.__name__ = layer.__qualname__ = name
    return layer


def _pads(padding: Any, layout: str) -> Any:
    """Pairs of sizes for all axes, from those for the axes of an image."""
    if isinstance(padding, str):
        return padding
    pairs = list(padding)
    for letter in sorted("NC", key=layout.index):
        pairs.insert(layout.index(letter), (0, 0))
    return pairs


MaxPool = _pooling("MaxPool", max_, -np.inf, False)
MaxPool.__doc__ = """A layer of the greatest elements of windows.

Args:
    window_shape: the sizes of the windows.
    strides: from one window to the next, 1 if not given.
    padding: "VALID", "SAME" or pairs of sizes.
    spec: the layout of the inputs, "NHWC" if not given.
"""
SumPool = _pooling("SumPool", add, 0.0, False)
SumPool.__doc__ = "A layer of the sums of windows; arguments are those of `MaxPool`."
AvgPool = _pooling("AvgPool", add, 0.0, True)
AvgPool.__doc__ = "A layer of the means of windows, without the padding; arguments are those of `MaxPool`."


def Dropout(rate: float, mode: str = "train") -> Layer:
    """In training, inputs of which each is kept with probability `rate` and divided by it, and is otherwise 0.

    Args:
        rate: the probability to keep an element.
        mode: "train", or anything else to keep all.

    Raises:
        ValueError: (from ``apply_fun``) without a key.

    >>> Dropout(0.5, mode="test")[1]((), np.ones(2), rng=random.key(0))
    array([1., 1.])
    """
    def init_fun(rng: Any, input_shape: Shape) -> Any:
        return input_shape, ()

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        rng = kwargs.get("rng")
        if rng is None:
            raise ValueError("Dropout draws random numbers: call apply_fun(params, inputs, rng=key) with a key, such as "
                             f"functrans.random.key(0), at {describe(user_source())}.")
        if mode != "train":
            return inputs
        return fnp.where(random.bernoulli(rng, rate, np.shape(inputs)), inputs / rate, 0)

    return init_fun, apply_fun


# -- layers without parameters ----------------------------------------------------------------------------------------

def elementwise(fun: Callable[..., Any], **fun_kwargs: Any) -> Layer:
    """A layer that applies a function to its inputs.

    >>> elementwise(leaky_relu, negative_slope=0.5)[1]((), np.array([-1.0, 3.0]))
    Array([-0.5,  3. ], dtype=float64)
    """
    return (lambda rng, input_shape: (input_shape, ())), (lambda params, inputs, **kwargs: fun(inputs, **fun_kwargs))


Tanh = elementwise(fnp.tanh)
Relu = elementwise(relu)
Exp = elementwise(fnp.exp)
LogSoftmax = elementwise(log_softmax, axis=-1)
Softmax = elementwise(softmax, axis=-1)
Softplus = elementwise(softplus)
Sigmoid = elementwise(sigmoid)
Elu = elementwise(elu)
LeakyRelu = elementwise(leaky_relu)
Selu = elementwise(selu)
Gelu = elementwise(gelu)
Identity: Layer = (lambda rng, input_shape: (input_shape, ())), (lambda params, inputs, **kwargs: inputs)
Flatten: Layer = (
    lambda rng, input_shape: ((input_shape[0], prod(input_shape[1:])), ()),
    lambda params, inputs, **kwargs: fnp.reshape(inputs, (np.shape(inputs)[0], -1)),
)


def FanOut(num: int) -> Layer:
    """The inputs `num` times, as a list.

    >>> FanOut(2)[0](random.key(0), (-1, 3))[0]
    [(-1, 3), (-1, 3)]
    """
    return (lambda rng, input_shape: ([input_shape] * num, ())), (lambda params, inputs, **kwargs: [inputs] * num)


FanInSum: Layer = (lambda rng, input_shape: (input_shape[0], ())), (lambda params, inputs, **kwargs: reduce(operator.add, inputs))


def FanInConcat(axis: int = -1) -> Layer:
    """A list of inputs, concatenated.

    >>> FanInConcat()[0](random.key(0), [(-1, 3), (-1, 4)])[0]
    (-1, 7)
    """
    def init_fun(rng: Any, input_shape: Sequence[Shape]) -> Any:
        at = axis % len(input_shape[0])
        total = sum(shape[at] for shape in input_shape)
        return (*input_shape[0][:at], total, *input_shape[0][at + 1:]), ()

    return init_fun, (lambda params, inputs, **kwargs: fnp.concatenate(inputs, axis))


# -- composition ------------------------------------------------------------------------------------------------------

def serial(*layers: Layer) -> Layer:
    """Layers one after the other; parameters are a list of theirs.

    >>> len(serial(Dense(3), Relu)[0](random.key(0), (-1, 2))[1])
    2
    """
    def init_fun(rng: Any, input_shape: Any) -> Any:
        params = []
        for init, _ in layers:
            rng, key = random.split(rng)
            input_shape, param = init(key, input_shape)
            params.append(param)
        return input_shape, params

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        for (_, apply), param, key in zip(layers, params, _keys(kwargs.pop("rng", None), len(layers)), strict=True):
            inputs = apply(param, inputs, rng=key, **kwargs)
        return inputs

    return init_fun, apply_fun


def parallel(*layers: Layer) -> Layer:
    """Layers side by side: of lists of inputs, such as `FanOut` makes; parameters are a tuple of theirs.

    >>> parallel(Dense(3), Dense(4))[0](random.key(0), [(-1, 2), (-1, 2)])[0]
    ((-1, 3), (-1, 4))
    """
    def init_fun(rng: Any, input_shape: Any) -> Any:
        made = [init(key, shape) for (init, _), key, shape in zip(layers, random.split(rng, len(layers)), input_shape, strict=True)]
        return tuple(shape for shape, _ in made), tuple(params for _, params in made)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        keys = _keys(kwargs.pop("rng", None), len(layers))
        return [apply(p, x, rng=key, **kwargs) for (_, apply), p, x, key in zip(layers, params, inputs, keys, strict=True)]

    return init_fun, apply_fun


def _keys(rng: Any, count: int) -> Any:
    return (None,) * count if rng is None else random.split(rng, count)


def shape_dependent(make_layer: Callable[[Any], Layer]) -> Layer:
    """A layer made by a function of the shape of its inputs.

    >>> shape_dependent(lambda shape: Dense(2 * shape[-1]))[0](random.key(0), (-1, 3))[0]
    (-1, 6)
    """
    def init_fun(rng: Any, input_shape: Any) -> Any:
        return make_layer(input_shape)[0](rng, input_shape)

    def apply_fun(params: Any, inputs: Any, **kwargs: Any) -> Any:
        return make_layer(np.shape(inputs))[1](params, inputs, **kwargs)

    return init_fun, apply_fun
