"""What all distributions have in common: location and scale, support, parameters that are valid, edges, and safe gradients.

A distribution states its standard form: functions of the standardised variable ``y = (x - loc) / scale`` (for lattices
``j = k - loc``) and the shape parameters, right inside the support. The families here make of them functions of
``(x, *shapes, loc, scale)`` which hold everywhere:

- outside the support the value is the constant that `_OUTSIDE` states, with derivative 0;
- where the scale is not positive, or a shape not valid, or the argument is nan, the value is nan, and so is every derivative;
- at an infinite argument the derivative by it is its limit, where a distribution states a limit that is not 0; those by the
  others are 0, for their limits would make nan of sums and of products with tangents that are 0;
- a finite edge belongs to the support, except where the logarithm of a probability is -inf on it, or its slope may be infinite; an
  infinite edge never does.

The standard form is not evaluated outside the support: a point of the inside takes the place of such arguments before it is, and an
infinite argument is not even standardised. So no inf or nan of the branch not taken meets the zero that reverse mode sends there
(0 * inf is nan).

Each function is compiled (`functrans.jit`), so that an eager call is one pass over the data. Operands broadcast; they are promoted
as everywhere, and integers become floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functrans.calls.jitted import jit
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.choice import clip, where
from functrans.numpy.elementary import exp, log
from functrans.numpy.ufuncs import floor
from functrans.numpy.util import asarray_internal, broadcast_shapes_internal, promote_inexact
from functrans.primitives.stop_gradient import stop_gradient

__all__ = ["Continuous", "Function", "Lattice", "compiled", "nan_unless", "operands", "refuse_complex"]

Function = Callable[..., Any]
Bound = float | Function
"""An end of a support: a number, or a function of the shape parameters."""

_OUTSIDE = {
    "logpdf": (-math.inf, -math.inf), "pdf": (0.0, 0.0), "logpmf": (-math.inf, -math.inf), "pmf": (0.0, 0.0),
    "cdf": (0.0, 1.0), "sf": (1.0, 0.0), "logcdf": (-math.inf, 0.0), "logsf": (0.0, -math.inf),
}
"""The values below and above the support."""
_FINISH: dict[str, Function] = {
    "logpdf": lambda value, scale: value - log(scale),
    "pdf": lambda value, scale: where(value == math.inf, math.inf, exp(where(value == math.inf, 0, value))) / scale,
}
"""What makes the density of x from the logarithm of the density of y; probabilities stay as they are."""


def _kept(value: Any, scale: Any) -> Any:
    return value


# -- operands ---------------------------------------------------------------------------------------------------------

def operands(name: str, *args: Any) -> list[Any]:
    """The arguments in their common float dtype, their shapes checked.

    Raises:
        ValueError: naming `name`, if the shapes do not broadcast, or an argument is complex.

    >>> operands("norm.pdf", 1, 2.5)
    [Array(1., dtype=float64, weak_type=True), Array(2.5, dtype=float64, weak_type=True)]
    """
    args = tuple(promote_inexact(*map(asarray_internal, args)))
    refuse_complex(name, *args)
    broadcast_shapes_internal(name, [typeof(x).shape for x in args])
    return list(args)


def refuse_complex(name: str, *args: Any) -> None:
    """Refuse complex operands of equal dtype.

    Raises:
        ValueError: naming `name`.

    >>> refuse_complex("norm.pdf", 1.0)
    """
    if typeof(args[0]).dtype.kind == "c":
        raise ValueError(f"{name} is defined for real numbers; got {', '.join(str(typeof(x)) for x in args)}, at "
                         f"{describe(user_source())}. Take the real parts of the arguments.")


def compiled(name: str, body: Function) -> Function:
    """A function of operands (see `operands`), compiled."""
    run = jit(body)

    def call(*args: Any) -> Any:
        return run(*operands(name, *args))

    return call


def nan_unless(valid: Any, out: Any, *args: Any) -> Any:
    """`out` where `valid`; elsewhere nan, with derivatives nan by all of `args`.

    >>> import functrans as ft
    >>> print(ft.grad(lambda x: nan_unless(x > 0, 2 * x, x))(-1.0))
    nan
    """
    total = args[0]
    for x in args[1:]:
        total = total + x
    # The inner choice keeps nan * 0 of reverse mode from the valid ones.
    return where(valid, out, math.nan * where(valid, 1.0, total))


# -- supports ---------------------------------------------------------------------------------------------------------

def _end(bound: Bound, shapes: list[Any]) -> Any:
    return bound if isinstance(bound, float) else bound(*shapes)


def _inner_point(lower: Any, upper: Any) -> Any:
    """A point inside the support, where every standard form is finite."""
    if not isinstance(lower, float) or not isinstance(upper, float):
        return clip(0.0, lower, upper)
    if math.isfinite(lower):
        return (lower + upper) / 2 if math.isfinite(upper) else lower + 1
    return 0.0


def _below(y: Any, bound: Any, closed: bool) -> Any:
    """Whether y is left of the support; on a finite edge, if `closed`."""
    if not isinstance(bound, float):
        return y <= bound if closed else (y < bound) | (y == -math.inf)
    return y <= bound if closed or bound == -math.inf else y < bound


def _with_tails(out: Any, x: Any, y: Any, scale: Any, slopes: tuple[float, float]) -> Any:
    """`out`, and at the infinities of y where a slope is not 0, a line of it (which is -inf there)."""
    left, right = (y == math.copysign(math.inf, sign) if slope != 0 else False for sign, slope in zip((-1, 1), slopes, strict=True))
    far = left | right
    line = where(far, x, 0) / stop_gradient(where(far, scale, 1)) * where(y < 0, slopes[0], slopes[1])
    return where(far, line, out)


@dataclass(frozen=True, slots=True)
class Continuous:
    """Distributions of a location, a scale and shapes.

    `name` for messages, the support of the standard variable, which shapes are valid; `steep` if probabilities can have infinite slopes
    on finite edges, which then do not belong to the support.
    """

    name: str
    lower: Bound = -math.inf
    upper: Bound = math.inf
    valid: Function | None = None
    steep: bool = False

    def function(self, method: str, standard: Function, slopes: tuple[float, float] = (0.0, 0.0)) -> Function:
        """``method(x, *shapes, loc, scale)`` of ``standard(y, *shapes)``; for "pdf" too, standard is the logarithm of the density.

        `slopes` are the limits of the derivative by y at -inf and inf, where the value is -inf too unless they are 0.
        """
        value_below, value_above = _OUTSIDE[method]
        closed = self.steep and method not in _FINISH
        finish: Function = _FINISH.get(method, _kept)

        def body(x: Any, *rest: Any) -> Any:
            *shapes, loc, scale = rest
            y = (x - loc) / scale
            lower, upper = (_end(bound, shapes) for bound in (self.lower, self.upper))
            below, above = _below(y, lower, closed or method == "logcdf"), _below(-y, -upper, closed or method == "logsf")
            outside = below | above
            inner = where(outside, _inner_point(lower, upper), (where(outside, loc, x) - loc) / scale)
            out = where(below, value_below, where(above, value_above, finish(standard(inner, *shapes), scale)))
            if slopes != (0.0, 0.0):
                out = _with_tails(out, x, y, scale, slopes)
            return self._where_valid(out, (scale > 0) & (y == y), shapes, x, loc, scale)

        return compiled(f"{self.name}.{method}", body)

    def densities(self, standard: Function, slopes: tuple[float, float] = (0.0, 0.0)) -> tuple[Function, Function]:
        """(logpdf, pdf) of the logarithm of the standard density, whose derivative has the limits `slopes`."""
        return self.function("logpdf", standard, slopes), self.function("pdf", standard)

    def quantile(self, method: str, standard: Function) -> Function:
        """``method(q, *shapes, loc, scale)`` of the standard quantile function; nan where q is no probability."""

        def body(q: Any, *rest: Any) -> Any:
            *shapes, loc, scale = rest
            probability = (q >= 0) & (q <= 1)
            out = loc + scale * standard(where(probability, q, 0.5), *shapes)
            return self._where_valid(out, (scale > 0) & probability, shapes, q, loc, scale)

        return compiled(f"{self.name}.{method}", body)

    def _where_valid(self, out: Any, valid: Any, shapes: list[Any], *args: Any) -> Any:
        return nan_unless(valid if self.valid is None else valid & self.valid(*shapes), out, *shapes, *args)


@dataclass(frozen=True, slots=True)
class Lattice:
    """Distributions of integers with a location: `name`, the support, which shapes are valid."""

    name: str
    valid: Function
    lower: Bound = 0.0
    upper: Bound = math.inf

    def masses(self, standard: Function) -> tuple[Function, Function]:
        """(logpmf, pmf) ``(k, *shapes, loc)`` of the logarithm of the standard mass ``standard(j, *shapes)``."""
        return self._function("logpmf", standard), self._function("pmf", lambda *args: exp(standard(*args)))

    def cumulative(self, standard: Function) -> Function:
        """cdf ``(k, *shapes, loc)`` of the standard one; between integers it is constant."""
        return self._function("cdf", standard, steps=True)

    def _function(self, method: str, standard: Function, steps: bool = False) -> Function:
        value_below, value_above = _OUTSIDE[method]

        def body(k: Any, *rest: Any) -> Any:
            *shapes, loc = rest
            j = k - loc
            whole = floor(j)
            lower, upper = (_end(bound, shapes) for bound in (self.lower, self.upper))
            below, above = _below(j, lower, False), _below(-j, -upper, False)
            if not steps:
                below |= whole < j
            inside = standard(where(below | above, lower, whole if steps else j), *shapes)
            out = where(below, value_below, where(above, value_above, inside))
            return nan_unless(self.valid(*shapes) & (j == j), out, k, *rest)

        return compiled(f"{self.name}.{method}", body)
