"""The regularized incomplete beta function, with derivatives with respect to its shapes too.

The values are the primitive's (`functrans.primitives.special_integrals`). The derivatives with respect to a and b are those of

    I_x(a, b) = x**a (1 - x)**b / (a B(a, b)) 2F1(a + b, 1; a + 1; x)

on the side of the mean where its terms are positive and fall (DLMF 8.17.8), of its complement on the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401 - the doctests use it

from functrans.numpy.choice import where
from functrans.numpy.elementary import exp, log, log1p
from functrans.numpy.util import broadcast_arrays_internal
from functrans.primitives.special_integrals import regularized_incomplete_beta_p
from functrans.scipy.special_entropy import xlog1py, xlogy
from functrans.scipy.special_gamma import betaln
from functrans.scipy.special_operands import real_operands, with_derivatives
from functrans.scipy.special_series import parameter_slopes, plain_series

__all__ = ["betainc"]


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function: the distribution function of a beta variable of shapes `a` and `b`.

    nan where a shape is negative or `x` outside [0, 1]. Arguments broadcast; differentiable in all of them.

    >>> betainc(2, 3, np.array([0.0, 0.5, 1.0]))
    Array([0.    , 0.6875, 1.    ], dtype=float64)
    """
    return _betainc(*broadcast_arrays_internal(*real_operands("betainc", a, b, x)))


def _by_series(a: Any, b: Any, x: Any) -> Any:
    inside = (x > 0) & (x < 1) & (a > 0) & (b > 0)
    a, b, x = where(inside, a, 1), where(inside, b, 1), where(inside, x, 0.5)
    swapped = x * (a + b + 2) > a + 1
    p, q, y = where(swapped, b, a), where(swapped, a, b), where(swapped, 1 - x, x)
    left, right = log(x), log1p(-x)
    power = exp(p * where(swapped, right, left) + q * where(swapped, left, right) - betaln(p, q))
    small = power / p * plain_series([p + q, 1.0], [p + 1], y)
    return where(inside, where(swapped, 1 - small, small), 0)  # at the ends of [0, 1] it does not depend on the shapes


@with_derivatives(
    *parameter_slopes(_by_series, 2), lambda t, z, a, b, x: t * exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)))
def _betainc(a: Any, b: Any, x: Any) -> Any:
    return regularized_incomplete_beta_p.bind(a, b, x)
