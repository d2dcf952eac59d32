"""The gamma distribution, and the distributions that are ratios of gamma numbers.

For shape a >= 1 by Marsaglia and Tsang's rejection: ``d V`` with ``d = a - 1/3``, ``V = (1 + c x)**3``, x normal. Below 1 a number
of shape a + 1 is multiplied by ``u ** (1 / a)``; in logarithms, which do not underflow where the number would.

Every number has a key of its own, and its own loops. The derivative with respect to the shape is the implicit one, at a fixed
quantile (`lax.random_gamma_grad`).

G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables" (2000); M. Figurnov, S. Mohamed, A. Mnih,
"Implicit reparameterization gradients" (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

import functrans.lax as lax
import functrans.numpy as fnp
from functrans.calls.closed import run_call
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import is_float
from functrans.core.jaxpr import ClosedJaxpr
from functrans.core.low_precision import finfo
from functrans.core.trace import typeof
from functrans.primitives.base import operand_error, primitive
from functrans.primitives.structural import moved_to_front
from functrans.random.arguments import Shape, check_params, float_dtype, joined_shape, refuse, shape_of
from functrans.random.bits import split_key
from functrans.random.continuous import exponentials
from functrans.random.discrete import signs
from functrans.random.jitted import jitted, sampler
from functrans.random.keys import KeyArray, check_key, typed
from functrans.random.normal import normals
from functrans.random.uniform import unit
from functrans.transforms.stage import stage
from functrans.transforms.vmap import vmap

__all__ = [
    "beta", "chisquare", "dirichlet", "f", "gamma", "gammas", "generalized_normal", "generalized_normals", "loggamma", "random_gamma_p",
    "t",
]


# -- one number -------------------------------------------------------------------------------------------------------

def _cube(key: KeyArray, c: Any) -> tuple[Any, Any]:
    """The square of a normal x with ``1 + c x > 0``, and the cube of that."""
    dtype = typeof(c).dtype

    def body(carry: Any) -> Any:
        key, sub = _keys(carry[0], 2)
        x = normals(sub, (), dtype)
        return key, x, 1 + x * c

    start = (key, dtype.type(0), dtype.type(-1))
    _, x, v = lax.while_loop(lambda carry: carry[2] <= 0, body, start)
    return x * x, v * v * v


def _keys(key: KeyArray, n: int) -> list[KeyArray]:
    keys = split_key(key, n)
    return [keys[i] for i in range(n)]


def _one(key: KeyArray, a: Any, log_space: bool) -> Any:
    """A number of shape `a`, a scalar, or its logarithm."""
    dtype = typeof(a).dtype
    above = a >= 1
    d = fnp.where(above, a, a + 1) - dtype.type(1 / 3)
    c = dtype.type(1 / 3) / fnp.sqrt(d)

    def rejected(carry: Any) -> Any:
        _, square, v, u = carry
        return (u >= 1 - dtype.type(0.0331) * (square * square)) & (fnp.log(u) >= square * 0.5 + d * ((1 - v) + fnp.log(v)))

    def body(carry: Any) -> Any:
        key, of_x, of_u = _keys(carry[0], 3)
        return key, *_cube(of_x, c), unit(of_u, (), dtype)

    key, last = _keys(key, 2)
    _, _, v, _ = lax.while_loop(rejected, body, (key, dtype.type(0), dtype.type(1), dtype.type(2)))
    if log_space:
        power = -exponentials(last, (), dtype)
        return fnp.log(d) + fnp.log(v) + fnp.where(above | (power == 0), 0, power * (1 / a))
    return d * v * fnp.where(above, 1, fnp.power(1 - unit(last, (), dtype), 1 / a))


# -- the primitive ----------------------------------------------------------------------------------------------------

@cache
def _program(keys: ShapedArray, a: ShapedArray, log_space: bool) -> ClosedJaxpr:
    """All the numbers: each key is split for its part of `a`, and the numbers are drawn one after the other."""
    count = a.size // max(keys.size, 1)

    def draw(first: Any, second: Any, a: Any) -> list[Any]:
        flat = KeyArray(first, second).ravel()
        each = vmap(lambda k: split_key(k, count))(flat).ravel()
        drawn = lax.map(lambda x: _one(x[0], x[1], log_space), (each, fnp.ravel(a)))
        return [fnp.reshape(drawn, shape_of(a))]

    return stage(draw, [keys, keys, a.strong()], "random_gamma")


def _inline(first: ShapedArray, second: ShapedArray, a: ShapedArray, *, log_space: bool) -> ClosedJaxpr:
    return _program(first, a, log_space)


def _abstract(first: ShapedArray, second: ShapedArray, a: ShapedArray, *, log_space: bool) -> list[ShapedArray]:
    if first.shape != a.shape[:first.ndim] or first.shape != second.shape or first.dtype != np.uint32 or second.dtype != np.uint32:
        raise operand_error("random_gamma", "the words of the keys are uint32, of a shape that the shape of a begins with.", first, second,
                            a)
    if not is_float(a.dtype):
        raise operand_error("random_gamma", "the shapes of the distributions must be floating.", a)
    return [a.strong()]


def _impl(*values: np.ndarray, log_space: bool) -> list[np.ndarray]:
    return run_call(random_gamma_p, values, {"log_space": log_space})


def _lower(b: Any, *operands: Any, log_space: bool) -> Any:
    raise AssertionError("calls are inlined before lowering")


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, log_space: bool) -> tuple[list[Any], list[Any]]:
    (out,) = random_gamma_p.bind(*primals, log_space=log_space)
    if type(tangents[2]) is Zero:
        return [out], [Zero(tangent_aval(typeof(out)))]
    return [out], [tangents[2] * _slope(out, primals[2], log_space)]


def _slope(out: Any, a: Any, log_space: bool) -> Any:
    """The derivative of a number (or of its logarithm) with respect to its shape."""
    if not log_space:
        return lax.random_gamma_grad(a, out)
    number = fnp.exp(out)
    number = fnp.where(number == 0, finfo(typeof(a).dtype).tiny, number)
    return lax.random_gamma_grad(a, number) / number


def _batch(size: Any, args: Sequence[Any], dims: Sequence[int | None], *, log_space: bool) -> tuple[list[Any], list[int | None]]:
    front = [moved_to_front(size, x, d) for x, d in zip(args, dims, strict=True)]
    return random_gamma_p.bind(*front, log_space=log_space), [0]


random_gamma_p = primitive(
    "random_gamma", impl=_impl, abstract=_abstract, jvp=_jvp, batch=_batch, lower=_lower, inline=_inline, multiple_results=True,
    reasons={"transpose": "it is not linear; its derivative is made of products"})
"""``random_gamma[log_space] first second a``: numbers of shape `a`, an array whose shape begins with that of the keys."""


def gammas(key: KeyArray, a: Any, shape: Shape, dtype: np.dtype, log_space: bool) -> Any:
    """Gamma numbers (or their logarithms), as part of a larger program."""
    a = fnp.broadcast_to(lax.convert_element_type(a, dtype), shape)
    (out,) = random_gamma_p.bind(*key._words, a, log_space=log_space)
    return out


# -- samplers ---------------------------------------------------------------------------------------------------------

@jitted("shape", "dtype", "log_space")
def _gamma(key: Any, a: Any, shape: Shape, dtype: np.dtype, log_space: bool) -> Any:
    return gammas(typed(key), a, shape, dtype, log_space)


@sampler
def _beta(key: Any, a: Any, b: Any, shape: Shape, dtype: np.dtype) -> Any:
    of_a, of_b = _keys(typed(key), 2)
    x, y = gammas(of_a, a, shape, dtype, True), gammas(of_b, b, shape, dtype, True)
    top = lax.max(x, y)
    x, y = fnp.exp(x - top), fnp.exp(y - top)
    return x / (x + y)


@sampler
def _dirichlet(key: Any, alpha: Any, shape: Shape, dtype: np.dtype) -> Any:
    x = gammas(typed(key), alpha, (*shape, shape_of(alpha)[-1]), dtype, True)
    x = fnp.exp(x - lax.stop_gradient(fnp.max(x, axis=-1, keepdims=True)))
    return x / fnp.sum(x, axis=-1, keepdims=True)


def _chisquares(key: KeyArray, df: Any, shape: Shape, dtype: np.dtype) -> Any:
    return fnp.exp(gammas(key, lax.convert_element_type(df, dtype) / 2, shape, dtype, True)) * 2


@sampler
def _chisquare(key: Any, df: Any, shape: Shape, dtype: np.dtype) -> Any:
    return _chisquares(typed(key), df, shape, dtype)


@sampler
def _f(key: Any, dfnum: Any, dfden: Any, shape: Shape, dtype: np.dtype) -> Any:
    of_den, of_num = _keys(typed(key), 2)
    dfnum, dfden = (lax.convert_element_type(x, dtype) for x in (dfnum, dfden))
    return (_chisquares(of_num, dfnum, shape, dtype) / dfnum) / (_chisquares(of_den, dfden, shape, dtype) / dfden)


@sampler
def _t(key: Any, df: Any, shape: Shape, dtype: np.dtype) -> Any:
    of_n, of_g = _keys(typed(key), 2)
    half = lax.convert_element_type(df, dtype) / 2
    return normals(of_n, shape, dtype) * fnp.sqrt(half / gammas(of_g, half, shape, dtype, False))


def generalized_normals(key: KeyArray, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    """Generalized normal numbers, as part of a larger program."""
    of_g, of_sign = _keys(key, 2)
    return signs(of_sign, shape, dtype) * gammas(of_g, 1 / p, shape, dtype, False) ** (1 / p)


@sampler
def _generalized_normal(key: Any, p: Any, shape: Shape, dtype: np.dtype) -> Any:
    return generalized_normals(typed(key), p, shape, dtype)


def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the gamma distribution of shape `a` (which broadcasts to `shape`) and scale 1.

    Differentiable with respect to `a`. For small `a` many numbers underflow to 0; `loggamma` gives their logarithms.

    >>> from functrans.random import key
    >>> gamma(key(0), np.array([0.5, 2.0]), (3, 2)).shape
    (3, 2)
    """
    check_key("gamma", key)
    dtype = float_dtype("gamma", dtype)
    return _gamma(key, a, shape=joined_shape("gamma", shape, a), dtype=dtype, log_space=False)


def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Logarithms of numbers of the gamma distribution, precise where these underflow; arguments are those of `gamma`.

    >>> from functrans.random import key
    >>> bool((loggamma(key(0), 1e-4, (100,)) < -10).any())
    True
    """
    check_key("loggamma", key)
    dtype = float_dtype("loggamma", dtype)
    return _gamma(key, a, shape=joined_shape("loggamma", shape, a), dtype=dtype, log_space=True)


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of the beta distribution, density ``x**(a - 1) (1 - x)**(b - 1)`` on (0, 1); `a` and `b` broadcast to `shape`.

    Differentiable with respect to both.

    >>> from functrans.random import key
    >>> beta(key(0), 2.0, 3.0, (3,)).shape
    (3,)
    """
    check_key("beta", key)
    dtype = float_dtype("beta", dtype)
    check_params("beta", dtype, a, b)
    return _beta(key, a, b, shape=joined_shape("beta", shape, a, b), dtype=dtype)


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Vectors of positive numbers of sum 1, of Dirichlet's distribution of parameters `alpha`.

    The last axis of `alpha` is that of the vectors; `shape` (by default the other axes, which must broadcast to it) is the
    shape of the result without it.

    >>> from functrans.random import key
    >>> dirichlet(key(0), np.array([1.0, 2.0, 3.0]), (5,)).shape
    (5, 3)
    """
    check_key("dirichlet", key)
    dtype = float_dtype("dirichlet", dtype)
    if not shape_of(alpha):
        refuse(ValueError, "dirichlet requires alpha.ndim >= 1, got alpha.ndim == 0")
    rows = np.broadcast_to(np.False_, shape_of(alpha)[:-1])  # stands for the shape of alpha without its last axis
    return _dirichlet(key, alpha, shape=joined_shape("dirichlet", shape, rows), dtype=dtype)


def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Sums of `df` squares of normal numbers, for any positive `df`, which broadcasts to `shape`.

    >>> from functrans.random import key
    >>> chisquare(key(0), 4.0, (3,)).shape
    (3,)
    """
    check_key("chisquare", key)
    dtype = float_dtype("chisquare", dtype)
    shape = joined_shape("chisquare", shape, df)
    check_params("chisquare", dtype, df)
    return _chisquare(key, df, shape=shape, dtype=dtype)


def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of Fisher's F distribution: ratios of mean squares of `dfnum` and `dfden` degrees of freedom.

    >>> from functrans.random import key
    >>> f(key(0), 4.0, 7.0, (3,)).shape
    (3,)
    """
    check_key("f", key)
    dtype = float_dtype("f", dtype)
    shape = joined_shape("f", shape, dfnum, dfden)
    check_params("f", dtype, dfnum, dfden)
    return _f(key, dfnum, dfden, shape=shape, dtype=dtype)


def t(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of Student's t distribution of `df` degrees of freedom, which broadcast to `shape`.

    >>> from functrans.random import key
    >>> t(key(0), 5.0, (3,)).shape
    (3,)
    """
    check_key("t", key)
    dtype = float_dtype("t", dtype)
    shape = joined_shape("t", shape, df)
    check_params("t", dtype, df)
    return _t(key, df, shape=shape, dtype=dtype)


def generalized_normal(key: Any, p: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Any:
    """Numbers of density proportional to ``exp(-|x|**p)``; `p` broadcasts to `shape`.

    >>> from functrans.random import key
    >>> generalized_normal(key(0), 4.0, (3,)).shape
    (3,)
    """
    check_key("generalized_normal", key)
    shape = joined_shape("generalized_normal", shape, p)
    return _generalized_normal(key, p, shape=shape, dtype=float_dtype("generalized_normal", dtype))
