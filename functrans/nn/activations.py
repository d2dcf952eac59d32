"""Activation functions of neural networks, elementwise.

Each is written so that values and derivatives of every order are right everywhere: a function of several pieces selects the
argument of each piece too (so that no piece overflows where it is not used), and at a kink the derivative is that of the piece
to which the point belongs. Integers and booleans become the default float, except where a function keeps them.

Functions of several operations are compiled (`functrans.jit`), so that an eager call is one pass over the array.

References: `relu6` Howard et al. 2017; `gelu` Hendrycks and Gimpel 2016 (arXiv:1606.08415); `elu` Clevert et al. 2015
(arXiv:1511.07289); `celu` Barron 2017 (arXiv:1704.07483); `selu` Klambauer et al. 2017 (arXiv:1706.02515); `mish` Misra 2019
(arXiv:1908.08681); `squareplus` Barron 2021 (arXiv:2112.11687); `glu` Dauphin et al. 2016 (arXiv:1612.08083);
`silu` Elfwing et al. 2017 (arXiv:1702.03118); `log1mexp` Maechler 2012.

Known limits: piecewise functions are for real numbers.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, expm1, log, log1p, tanh
from functrans.numpy.joining import split
from functrans.numpy.ufuncs import absolute, maximum, minimum, sqrt
from functrans.numpy.util import asarray_internal, promote_inexact, unary_inexact, unary_operand
from functrans.primitives.transcendental import erfc_p, logistic_p
from functrans.util import canonicalize_axis

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "identity", "leaky_relu", "log1mexp",
    "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus", "sparse_plus", "sparse_sigmoid",
    "squareplus", "swish",
]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def _real(name: str, x: Any) -> Any:
    """An operand that is not complex."""
    if typeof(x := unary_operand(name, x)).dtype.kind == "c":
        raise ValueError(f"{name} is not defined for complex numbers; got {typeof(x)}, at {describe(user_source())}. Apply it to real(x) "
                         "and imag(x), or to abs(x).")
    return x


def _real_float(name: str, x: Any) -> Any:
    return unary_inexact(name, _real(name, x))


# -- the identity and the rectifiers ----------------------------------------------------------------------------------

def identity(x: Any) -> Any:
    """`x` as an array.

    >>> identity(2.0)
    Array(2., dtype=float64, weak_type=True)
    """
    return asarray_internal(unary_operand("identity", x))


def relu(x: Any) -> Any:
    """``max(x, 0)``, with derivative 0 at 0. The dtype is kept, integers too.

    >>> import numpy as np
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    Array([0., 0., 2.], dtype=float64)
    """
    return _relu(_real("relu", x))


@jit
def _relu(x: Any) -> Any:
    return where(x <= 0, 0, x)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``, with derivative 0 at 0 and at 6.

    >>> import numpy as np
    >>> relu6(np.array([-1.0, 2.0, 9.0]))
    Array([0., 2., 6.], dtype=float64)
    """
    return _relu6(_real_float("relu6", x))


@jit
def _relu6(x: Any) -> Any:
    return where(x <= 0, 0, where(x >= 6, 6, x))


def leaky_relu(x: Any, negative_slope: Any = 1e-2) -> Any:
    """`x` where it is at least 0, else ``negative_slope * x``.

    >>> import numpy as np
    >>> leaky_relu(np.array([-1.0, 2.0]))
    Array([-0.01,  2.  ], dtype=float64)
    """
    return _leaky_relu(_real_float("leaky_relu", x), negative_slope)


@jit
def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    return where(x >= 0, x, negative_slope * x)


def squareplus(x: Any, b: Any = 4) -> Any:
    """``(x + sqrt(x**2 + b)) / 2``, a smooth rectifier; for negative `x` in the equal form without cancellation.

    >>> print(squareplus(0.0))
    1.0
    """
    return _squareplus(*promote_inexact(_real_float("squareplus", x), _real("squareplus", b)))


@jit
def _squareplus(x: Any, b: Any) -> Any:
    larger_root = (where(x < 0, -x, x) + sqrt(x * x + b)) / 2
    return where(x < 0, b / (4 * larger_root), larger_root)


# -- the sigmoids -----------------------------------------------------------------------------------------------------

def sigmoid(x: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-x))``, without overflow; complex numbers too.

    >>> sigmoid(0.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    return logistic_p.bind(unary_inexact("sigmoid", x))


def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))``, without overflow and without loss for large `x`.

    >>> print(log_sigmoid(-1000.0))
    -1000.0
    """
    return _log_sigmoid(_real_float("log_sigmoid", x))


@jit
def _log_sigmoid(x: Any) -> Any:
    return where(x < 0, x, 0) - log1p(exp(where(x < 0, x, -x)))


def hard_sigmoid(x: Any) -> Any:
    """``relu6(x + 3) / 6``.

    >>> import numpy as np
    >>> hard_sigmoid(np.array([-4.0, 0.0, 3.0]))
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return relu6(_real_float("hard_sigmoid", x) + 3.0) / 6.0


def sparse_sigmoid(x: Any) -> Any:
    """0 below -1, 1 above 1, and ``(x + 1) / 2`` between: the derivative of `sparse_plus`.

    >>> import numpy as np
    >>> sparse_sigmoid(np.array([-2.0, 0.0, 2.0]))
    Array([0. , 0.5, 1. ], dtype=float64)
    """
    return minimum(maximum(_real_float("sparse_sigmoid", x) + 1.0, 0.0), 2.0) * 0.5


def hard_tanh(x: Any) -> Any:
    """-1 below -1, 1 above 1, `x` between, with derivative 1 at both ends. The dtype is kept, integers too.

    >>> import numpy as np
    >>> hard_tanh(np.array([-4.0, 0.5, 3.0]))
    Array([-1. ,  0.5,  1. ], dtype=float64)
    """
    return _hard_tanh(_real("hard_tanh", x))


@jit
def _hard_tanh(x: Any) -> Any:
    return where(x > 1, 1, where(x < -1, -1, x))


def soft_sign(x: Any) -> Any:
    """``x / (1 + abs(x))``.

    >>> soft_sign(1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """
    x = _real_float("soft_sign", x)
    return x / (absolute(x) + 1)


# -- smooth rectifiers ------------------------------------------------------------------------------------------------

def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``, without overflow.

    >>> print(softplus(1000.0))
    1000.0
    """
    return _softplus(_real_float("softplus", x))


def _softplus_of(x: Any) -> Any:
    return where(x > 0, x, 0) + log1p(exp(where(x > 0, -x, x)))


_softplus = jit(_softplus_of)


def sparse_plus(x: Any) -> Any:
    """0 below -1, `x` above 1, and ``(x + 1)**2 / 4`` between.

    >>> import numpy as np
    >>> sparse_plus(np.array([-2.0, 0.0, 2.0]))
    Array([0.  , 0.25, 2.  ], dtype=float64)
    """
    return _sparse_plus(_real_float("sparse_plus", x))


@jit
def _sparse_plus(x: Any) -> Any:
    low, high = x <= -1, x >= 1
    inner = where(low | high, 0, x) + 1
    return where(low, 0, where(high, x, inner * inner / 4))


def log1mexp(x: Any) -> Any:
    """``log(1 - exp(-x))`` for ``x >= 0``, accurate for small and large `x`; nan below 0.

    Source: Maechler, "Accurately computing log(1 - exp(-|a|))", 2012.

    >>> print(f"{log1mexp(1e-20):.6f}")
    -46.051702
    """
    return _log1mexp(_real_float("log1mexp", x))


@jit
def _log1mexp(x: Any) -> Any:
    large = x > math.log(2)
    return where(large, log1p(-exp(-where(large, x, 1))), log(-expm1(-where(large, 1, x))))


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish.

    >>> print(silu(0.0))
    0.0
    """
    return _silu(unary_inexact("silu", x))


@jit
def _silu(x: Any) -> Any:
    return x * logistic_p.bind(x)


swish = silu


def hard_silu(x: Any) -> Any:
    """``x * hard_sigmoid(x)``, also called hard swish.

    >>> import numpy as np
    >>> hard_silu(np.array([-4.0, 1.5, 3.0]))
    Array([-0.   ,  1.125,  3.   ], dtype=float64)
    """
    return _hard_silu(_real_float("hard_silu", x))


@jit
def _hard_silu(x: Any) -> Any:
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``.

    >>> print(f"{mish(1.0):.6f}")
    0.865098
    """
    return _mish(_real_float("mish", x))


@jit
def _mish(x: Any) -> Any:
    return x * tanh(_softplus_of(x))


def gelu(x: Any, approximate: bool = True) -> Any:
    """``x * Phi(x)`` with the distribution function Phi of the standard normal.

    Args:
        x: an array.
        approximate: whether to take ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` in its place.

    >>> print(f"{gelu(1.0):.6f} {gelu(1.0, approximate=False):.6f}")
    0.841192 0.841345
    """
    x = unary_inexact("gelu", x)
    return _gelu_tanh(x) if approximate else _gelu_erfc(_real("gelu", x))


@jit
def _gelu_tanh(x: Any) -> Any:
    return x * (0.5 * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


@jit
def _gelu_erfc(x: Any) -> Any:
    return 0.5 * x * erfc_p.bind(x * -math.sqrt(0.5))


# -- exponential linear units -----------------------------------------------------------------------------------------

def elu(x: Any, alpha: Any = 1.0) -> Any:
    """`x` above 0, ``alpha * (exp(x) - 1)`` below.

    >>> import numpy as np
    >>> elu(np.array([-1.0, 2.0]))
    Array([-0.63212056,  2.        ], dtype=float64)
    """
    return _elu(_real_float("elu", x), alpha)


@jit
def _elu(x: Any, alpha: Any) -> Any:
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x)))


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """`x` above 0, ``alpha * (exp(x / alpha) - 1)`` below; continuously differentiable for every `alpha`.

    >>> import numpy as np
    >>> celu(np.array([-1.0, 2.0]), alpha=2.0)
    Array([-0.78693868,  2.        ], dtype=float64)
    """
    return _celu(_real_float("celu", x), alpha)


@jit
def _celu(x: Any, alpha: Any) -> Any:
    return where(x > 0, x, alpha * expm1(where(x > 0, 0, x) / alpha))


def selu(x: Any) -> Any:
    """The self-normalising unit: `elu` with fixed alpha and scale, which keep mean 0 and variance 1 from layer to layer.

    >>> import numpy as np
    >>> selu(np.array([-1.0, 1.0]))
    Array([-1.11133074,  1.05070099], dtype=float64)
    """
    return _SELU_SCALE * elu(_real_float("selu", x), _SELU_ALPHA)


# -- gates ------------------------------------------------------------------------------------------------------------

def glu(x: Any, axis: int = -1) -> Any:
    """The gated linear unit: the first half of `axis` times the sigmoid of the second half.

    Raises:
        ValueError: if the size of the axis is odd.

    >>> import numpy as np
    >>> glu(np.array([2.0, 4.0, 0.0, 0.0]))
    Array([1., 2.], dtype=float64)
    """
    x = unary_inexact("glu", x)
    axis = canonicalize_axis(axis, typeof(x).ndim)
    size = typeof(x).shape[axis]
    if size % 2:
        raise ValueError(f"glu halves axis {axis} of {typeof(x)}, whose size {size} is odd, at {describe(user_source())}. Give an axis of "
                         "even size.")
    value, gate = split(x, 2, axis)
    return value * logistic_p.bind(gate)
