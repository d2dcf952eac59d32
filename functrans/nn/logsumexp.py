"""`logsumexp` and `logmeanexp`: reductions of exponentials in the logarithmic domain, without overflow.

``log(sum(b * exp(a))) = m + log(sum(b * exp(a - m)))`` with ``m = max(a)``, a constant to differentiation (the sum does not depend
on it). A maximum that is not finite is replaced by 0, so that -inf alone gives -inf and inf gives inf.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.arguments import flag
from functrans.calls.jitted import jit
from functrans.core.trace import typeof
from functrans.numpy.choice import where as where_
from functrans.numpy.elementary import exp, log
from functrans.numpy.manipulation import squeeze
from functrans.numpy.predicates import isfinite
from functrans.numpy.reductions import count_nonzero
from functrans.numpy.reductions import max as max_
from functrans.numpy.reductions import sum as sum_
from functrans.numpy.ufuncs import absolute, conjugate, real, sign
from functrans.numpy.util import as_operand, canonical_axes, check_arraylike, promote_inexact
from functrans.primitives.stop_gradient import stop_gradient
from functrans.primitives.structural import convert_element_type

__all__ = ["logmeanexp", "logsumexp"]


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False, where: Any = None) -> Any:
    """``log(sum(b * exp(a)))`` over `axis`, without overflow.

    Args:
        a: an array.
        axis: the axis or axes, None for all.
        b: factors, 1 unless given; they broadcast with `a`.
        keepdims: whether the reduced axes stay, with size 1.
        return_sign: whether the sum's sign (for complex numbers its phase) is returned beside the logarithm of its size. Without
            it a negative sum gives nan.
        where: which elements count, all unless given.

    Returns:
        the logarithm, or the pair (logarithm, sign).

    >>> logsumexp(np.array([1000.0, 1000.0]))
    Array(1000.69314718, dtype=float64)
    """
    check_arraylike("logsumexp", a, *(v for v in (b, where) if v is not None))
    operands = promote_inexact(as_operand(a)) if b is None else promote_inexact(as_operand(a), as_operand(b))
    axes = canonical_axes(axis, typeof(operands[0]).ndim)
    selected = {} if where is None else {"where": where}
    out = _logsumexp(*operands, **selected, axes=axes, keepdims=flag(keepdims, "keepdims"), return_sign=bool(return_sign))
    return tuple(out) if return_sign else out


def _logsumexp_of(a: Any, b: Any = None, where: Any = None, *, axes: tuple[int, ...], keepdims: bool, return_sign: bool) -> Any:
    if b is not None:
        a = where_(b != 0, a, -np.inf)  # a term with factor 0 is 0, whatever its exponent
    needs_initial = where is not None or 0 in typeof(a).shape
    top = stop_gradient(max_(real(a), axes, keepdims=True, initial=-np.inf if needs_initial else None, where=where))
    top = where_(isfinite(top), top, 0)
    terms = exp(a - convert_element_type(top, typeof(a).dtype))
    total = sum_(terms if b is None else b * terms, axes, keepdims=True, where=where)
    phase = stop_gradient(sign(total))
    if return_sign:
        total = real(total * conjugate(phase)) if typeof(total).dtype.kind == "c" else absolute(total)
    out = log(total) + convert_element_type(top, typeof(total).dtype)
    if not keepdims:
        out, phase = squeeze(out, axes), squeeze(phase, axes)
    return (out, phase) if return_sign else out


_logsumexp = jit(_logsumexp_of, static_argnames=("axes", "keepdims", "return_sign"))


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    """``log(mean(exp(x)))`` over `axis`, without overflow; nan where nothing is selected.

    >>> logmeanexp(np.array([1000.0, 1000.0]))
    Array(1000., dtype=float64)
    """
    total = logsumexp(x, axis, keepdims=keepdims, where=where)
    if where is not None:
        shape = np.broadcast_shapes(np.shape(x), np.shape(where))
        mask = where_(where, np.ones(shape, bool), np.zeros(shape, bool))
        return total - log(convert_element_type(count_nonzero(mask, axis, keepdims), typeof(total).dtype))
    shape = typeof(as_operand(x)).shape
    return total - _log(math.prod(shape[d] for d in canonical_axes(axis, len(shape))))


def _log(n: int) -> float:
    return math.log(n) if n else -math.inf
