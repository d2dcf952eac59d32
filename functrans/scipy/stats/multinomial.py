"""The multinomial distribution, how often each of several outcomes occurs in n trials: mass ``n! prod(p**x / x!)``.

The outcomes are the last axis of x and p. Johnson, Kotz, Balakrishnan, "Discrete Multivariate Distributions" (1997), chapter 35.
"""

from __future__ import annotations

import math
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import where
from functrans.numpy.elementary import exp
from functrans.numpy.reductions import all as all_
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.util import asarray_internal, broadcast_shapes_internal, promote_inexact
from functrans.scipy.special import gammaln
from functrans.scipy.stats.binom import is_count
from functrans.scipy.stats.families import refuse_complex
from functrans.scipy.stats.logarithms import log_power

__all__ = ["logpmf", "pmf"]


@jit
def _log_mass(x: Any, n: Any, p: Any) -> Any:
    inside = all_(is_count(x), -1) & (sum_(x, -1) == n)
    counts = where(inside[..., None], x, 0)
    out = gammaln(where(inside, n, 0) + 1) + sum_(log_power(p, counts) - gammaln(counts + 1), -1)
    valid = is_count(n) & all_((p >= 0) & (p <= 1), -1) & all_(x == x, -1)
    return where(valid, where(inside, out, -math.inf), math.nan)


def _operands(name: str, x: Any, n: Any, p: Any) -> list[Any]:
    x, n, p = promote_inexact(asarray_internal(x), asarray_internal(n), asarray_internal(p))
    refuse_complex(name, x, n, p)
    shapes = [typeof(v).shape for v in (x, n, p)]
    if not shapes[0] or not shapes[2]:
        raise ValueError(f"{name}: x and p must have an axis of outcomes; got shapes {shapes[0]} and {shapes[2]}, at "
                         f"{describe(user_source())}.")
    broadcast_shapes_internal(name, [shapes[0], (*shapes[1], 1), shapes[2]])
    return [x, n, p]


def logpmf(x: Any, n: Any, p: Any) -> Any:
    """The logarithm of the mass.

    Args:
        x: counts ``[..., k]``.
        n: numbers of trials ``[...]``.
        p: probabilities ``[..., k]``, which should add up to 1.

    Returns:
        ``[...]``; -inf where x are not counts of sum n, nan where n or a probability is not valid.

    Raises:
        ValueError: for other shapes, and for complex numbers.

    >>> print(f"{logpmf([1, 2], 3, [0.5, 0.5]):.6f}", logpmf([1, 1], 3, [0.5, 0.5]))
    -0.980829 -inf
    """
    return _log_mass(*_operands("multinomial.logpmf", x, n, p))


def pmf(x: Any, n: Any, p: Any) -> Any:
    """The mass; arguments and errors as of `logpmf`.

    >>> print(f"{pmf([1, 2], 3, [0.5, 0.5]):.6f}")
    0.375000
    """
    return exp(_log_mass(*_operands("multinomial.pmf", x, n, p)))
