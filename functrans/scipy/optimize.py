"""`functrans.scipy.optimize`: minimisation of functions of a vector, with gradients by reverse mode, compiled.

The whole minimisation is one native loop, which `jit`, `vmap` and derivatives take as any other function. See
`functrans.scipy.quasi_newton` for the methods and `functrans.scipy.wolfe` for their line search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from functrans import numpy as fnp
from functrans.core.dtypes import is_float
from functrans.core.source import describe, user_source
from functrans.core.trace import typeof
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.scipy import quasi_newton as qn
from functrans.transforms.tracing import eval_shape

__all__ = ["OptimizeResults", "minimize"]

_LIMITED = ("l-bfgs-experimental-do-not-rely-on-this", "l-bfgs")


class OptimizeResults(NamedTuple):
    """What a minimisation has found.

    Fields:
        x: the solution.
        success: whether the gradient there is as small as was asked for.
        status: 0 converged, 1 all iterations used, 3 no lower value within rounding, 5 all steps of a line search used, -1 a value
            that is not finite.
        fun, jac: the value and the gradient there.
        hess_inv: the inverse Hessian that was learned; None for a limited memory.
        nfev, njev, nit: how many values and gradients were computed, and iterations done.
    """

    x: Any
    success: Any
    status: Any
    fun: Any
    jac: Any
    hess_inv: Any
    nfev: Any
    njev: Any
    nit: Any


def _error(what: str, kind: type[Exception] = ValueError) -> Exception:
    return kind(f"minimize: {what}, at {describe(user_source())}.")


def minimize(
    fun: Callable[..., Any], x0: Any, args: tuple[Any, ...] = (), *, method: str, tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> OptimizeResults:
    """A local minimum of a function of a vector.

    Args:
        fun: ``fun(x, *args)``, a number; differentiable by this library.
        x0: where to start, a vector.
        args: further arguments of `fun`, a tuple.
        method: "BFGS", or "l-bfgs-experimental-do-not-rely-on-this" (or "L-BFGS") for large vectors; upper or lower case.
        tol: the option ``gtol``, if that is not given.
        options: for both methods ``maxiter`` (default: 200 for each element), ``norm`` (of the gradient: inf), ``gtol`` (its size at which
            the iteration ends: 1e-5) and ``line_search_maxiter`` (20; or ``maxls``); with limited memory also ``maxcor`` (how many
            steps are remembered: 10), ``ftol`` (the relative change of the value below which the iteration ends: 2.2e-9), ``maxfun``
            and ``maxgrad`` (how many values and gradients may be computed: as many as needed).

    Returns:
        an `OptimizeResults`.

    Raises:
        TypeError: if `args` is not a tuple, an option is unknown, or `fun` does not return a real number.
        ValueError: for another method, or unless `x0` is a vector.

    >>> rosenbrock = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> result = minimize(rosenbrock, np.array([-1.2, 1.0]), method="BFGS")
    >>> result.x.round(4), bool(result.success)
    (Array([1., 1.], dtype=float64), True)
    """
    if not isinstance(args, tuple):
        raise _error(f"args must be a tuple; got {args!r}. Write (args,) for one argument", TypeError)
    (x,) = promote_inexact(fnp.asarray(x0))
    if typeof(x).ndim != 1:
        raise _error(f"x0 must be a vector; got shape {typeof(x).shape}. functrans.flatten_util.ravel_pytree makes a vector of anything")
    if not typeof(x).shape[0]:
        raise _error("x0 must have at least one element; got shape (0,). Leave the minimization out where nothing varies")
    if typeof(x).dtype.kind == "c":
        raise _error(f"x0 must be real; got dtype {typeof(x).dtype}", TypeError)
    out = eval_shape(lambda x: fun(x, *args), x)
    if getattr(out, "shape", None) != () or not is_float(out.dtype):
        raise _error(f"fun must return a real floating-point number; it returned {out}", TypeError)
    given = dict(options or {})
    chosen = str(method).lower()
    if tol is not None:
        given.setdefault("gtol", tol)
    common = {"gtol": given.pop("gtol", 1e-5), "norm": given.pop("norm", np.inf), "maxiter": given.pop("maxiter", None),
              "searches": given.pop("line_search_maxiter", given.pop("maxls", 20))}
    if common["maxiter"] is None:
        common["maxiter"] = typeof(x).shape[0] * 200

    def objective(x: Any) -> Any:
        return asarray_internal(fun(x, *args)).astype(typeof(x).dtype)

    if chosen == "bfgs":
        _none_left(method, given)
        found = qn.bfgs(objective, x, **common)
    elif chosen in _LIMITED:
        limits = [given.pop(name, None) for name in ("maxfun", "maxgrad")]
        budget = min((b for b in limits if b is not None), default=np.inf)
        more = {"maxcor": given.pop("maxcor", 10), "ftol": given.pop("ftol", 2.220446049250313e-09)}
        _none_left(method, given)
        found = qn.lbfgs(objective, x, budget=budget, **more, **common)
    else:
        raise _error(f"method {method!r} is not known; 'BFGS' and {_LIMITED[0]!r} are")
    inverse = found.memory if chosen == "bfgs" else None
    return OptimizeResults(found.x, found.status == qn.CONVERGED, found.status, found.value, found.gradient, inverse, found.evaluations,
                           found.evaluations, found.iterations)


def _none_left(method: str, options: dict[str, Any]) -> None:
    if options:
        raise _error(f"method {method!r} has no options {sorted(options)}", TypeError)
