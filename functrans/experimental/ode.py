"""`odeint`: ordinary differential equations by an adaptive Runge-Kutta method, with derivatives by sensitivities and adjoints.

Each step is that of J. R. Dormand and P. J. Prince ("A family of embedded Runge-Kutta formulae", 1980): a solution of order 5 and, from
the same evaluations, one of order 4, whose difference is the error that controls the size of the next step. Solutions at the wanted
times are interpolated between steps (E. Hairer, S. Norsett and G. Wanner, *Solving Ordinary Differential Equations I*, 2nd ed., 1993,
sections II.4 to II.6, from which the first step's size is, too).

With ``y' = f(y, t, a)``, the tangent of a solution obeys the linear equation that is solved along with it in forward mode, with the
same steps::

    y_dot' = (df/dy) y_dot + (df/da) a_dot

and in reverse mode cotangents go backwards in time by its adjoint, together with the solution, in constant memory (R. T. Q. Chen et al.,
"Neural ordinary differential equations", 2018)::

    y_bar' = -(df/dy)^T y_bar        a_bar' = -(df/da)^T y_bar

Both are solved to the same tolerances. Times enter by ``dy(t)/dt = f`` at the end and by ``-f`` at the start. The state is one vector
inside, and time runs forwards: for times that decrease f changes its sign.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans import numpy as fnp
from functrans.calls.custom_gradient import closure_convert
from functrans.calls.custom_jvp import custom_jvp
from functrans.calls.linear_call import linear_call
from functrans.calls.scan_api import scan
from functrans.calls.while_loop import while_loop
from functrans.core.dtypes import is_float, is_inexact
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, is_array_like, typeof
from functrans.flatten_util import ravel_pytree
from functrans.numpy.util import asarray_internal, promote_inexact
from functrans.primitives.stop_gradient import stop_gradient
from functrans.transforms.api import jvp, vjp
from functrans.transforms.tracing import eval_shape
from functrans.tree_util import tree_flatten, tree_leaves, tree_map, tree_structure, tree_unflatten

__all__ = ["odeint"]

Right = Callable[[Any, Any, Any, Any], Any]
"""The right-hand side of vectors: ``f(y, t, a, others)``, of which the tuple `a` is differentiable and `others` is not."""


class _Control(NamedTuple):
    """Tolerances and limits; static, except that numbers may be arrays."""

    rtol: float
    atol: float
    mxstep: float
    hmax: float


# -- one step ---------------------------------------------------------------------------------------------------------

_TIMES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_DENSE = (-12715105075 / 11282082432, 0.0, 87487479700 / 32700410799, -10690763975 / 1880347072, 701980252875 / 199316789632,
          -1453857185 / 822651844, 69997945 / 29380423)


def _combination(weights: tuple[float, ...], ks: list[Any]) -> Any:
    out: Any = None
    for w, k in zip(weights, ks, strict=True):
        if w:
            out = w * k if out is None else out + w * k
    return out


def _real(y: Any) -> np.dtype:
    """The dtype of a real number that multiplies `y`."""
    return np.dtype(finfo(typeof(y).dtype).dtype)


def _step(f: Callable[[Any, Any], Any], y: Any, slope: Any, t: Any, dt: Any) -> tuple[Any, Any, Any, Any]:
    """The solution after a step of `dt`, its slope, the estimated error, and the interpolating polynomial."""
    h = dt.astype(_real(y))
    ks = [slope]
    after = y
    for time, weights in zip(_TIMES, _STAGES, strict=True):
        after = y + h * _combination(weights, ks)
        ks.append(f(after, t + time * dt))
    change = after - y
    bend = h * slope - change
    dense = fnp.stack([y, change, bend, change - h * ks[-1] - bend, h * _combination(_DENSE, ks)])
    return after, ks[-1], h * _combination(_ERROR, ks), dense


def _interpolated(dense: Any, share: Any) -> Any:
    """The solution at a share of the step."""
    s = share.astype(_real(dense))
    rest = 1 - s
    return dense[0] + s * (dense[1] + rest * (dense[2] + s * (dense[3] + rest * dense[4])))


def _ratio(error: Any, y: Any, after: Any, control: _Control) -> Any:
    """The error in units of what is tolerated, as a root of mean squares."""
    allowed = control.atol + control.rtol * fnp.maximum(fnp.abs(y), fnp.abs(after))
    return fnp.sqrt(fnp.mean(fnp.square(fnp.abs(error) / allowed)))


def _first_step(f: Callable[[Any, Any], Any], y: Any, slope: Any, t: Any, control: _Control) -> Any:
    """Hairer, Norsett and Wanner, section II.4: a step for which the second derivative tells a small error."""
    scale = control.atol + fnp.abs(y) * control.rtol

    def size(v: Any) -> Any:
        return fnp.sqrt(fnp.mean(fnp.square(fnp.abs(v) / scale)))

    d0, d1 = size(y), size(slope)
    tiny = (d0 < 1e-5) | (d1 < 1e-5)
    guess = fnp.where(tiny, 1e-6, 0.01 * d0 / fnp.where(tiny, 1, d1))
    d2 = size(f(y + guess.astype(_real(y)) * slope, t + guess) - slope) / guess
    most = fnp.maximum(d1, d2)
    flat = most <= 1e-15
    step = fnp.where(flat, fnp.maximum(1e-6, guess * 1e-3), (0.01 / fnp.where(flat, 1, most)) ** 0.2)
    return fnp.minimum(100 * guess, step).astype(typeof(t).dtype)


# -- all steps --------------------------------------------------------------------------------------------------------

class _State(NamedTuple):
    """After some steps: the solution, its slope, the time, the next step, and the last one's start and polynomial."""

    y: Any
    slope: Any
    t: Any
    dt: Any
    last: Any
    dense: Any


def _solve(right: Right, control: _Control, y0: Any, ts: Any, a: Any, others: Any) -> Any:
    """The solutions ``[len(ts), n]`` at increasing times. Sizes of steps are not differentiated."""
    def f(y: Any, t: Any) -> Any:
        return right(y, t, a, others)

    def advance(state: _State, target: Any) -> tuple[_State, Any]:
        def going(turn: tuple[_State, Any]) -> Any:
            s, count = turn
            # A step that time does not notice would be repeated for ever: the solution has run away.
            return (s.t < target) & (count < control.mxstep) & (s.t + s.dt > s.t)

        def turn(turn: tuple[_State, Any]) -> tuple[_State, Any]:
            s, count = turn
            after, slope, error, dense = _step(f, s.y, s.slope, s.t, s.dt)
            ratio = stop_gradient(_ratio(error, s.y, after, control))
            known = fnp.isfinite(ratio)
            taken = known & (ratio <= 1)
            least = fnp.where(taken, 1.0, 0.2)
            factor = fnp.where(known, 0.9 * fnp.maximum(fnp.where(known, ratio, 1), 1e-10) ** -0.2, 0.2)
            dt = fnp.minimum(s.dt * fnp.clip(factor, least, 10.0), control.hmax).astype(typeof(s.dt).dtype)
            kept = _State(after, slope, s.t + s.dt, dt, s.t, dense)
            return tree_map(lambda new, old: fnp.where(taken, new, old), kept, s._replace(dt=dt)), count + 1

        final, _ = while_loop(going, turn, (state, np.int64(0)))
        moved = final.t > final.last
        share = fnp.where(moved, (target - final.last) / fnp.where(moved, final.t - final.last, 1), 0)
        y = _interpolated(final.dense, share)
        return final, fnp.where(final.t < target, np.nan, y).astype(typeof(y0).dtype)

    slope = f(y0, ts[0])
    first = stop_gradient(fnp.minimum(_first_step(f, y0, slope, ts[0], control), control.hmax)).astype(typeof(ts).dtype)
    dense = fnp.stack([y0, *(fnp.zeros_like(y0) for _ in range(4))])
    _, ys = scan(advance, _State(y0, slope, ts[0], first, ts[0], dense), ts[1:])
    return fnp.concatenate([y0[None], ys])


# -- derivatives ------------------------------------------------------------------------------------------------------

def _odeint(right: Right, control: _Control, y0: Any, ts: Any, a: Any, others: Any) -> Any:
    return _solve(right, control, y0, ts, a, others)


_differentiable = custom_jvp(_odeint, nondiff_argnums=(0, 1))


@_differentiable.defjvp
def _odeint_jvp(right: Right, control: _Control, primals: Any, tangents: Any) -> tuple[Any, Any]:
    y0, ts, a, others = primals
    y0_dot, ts_dot, a_dot, _ = tangents
    ys = _differentiable(right, control, y0, ts, a, others)

    def pushed(residuals: Any, dots: Any) -> Any:
        y0, ts, a, others, _ = residuals
        return jvp(lambda y0, a: _solve(right, control, y0, ts, a, others), (y0, a), dots)[1]

    def pulled(residuals: Any, ys_bar: Any) -> Any:
        return _adjoint(right, control, residuals, ys_bar)

    real = _real(y0)
    slopes = scan(lambda _, at: (None, right(at[0], at[1], a, others)), None, (ys, ts))[1]
    at_start = y0_dot - slopes[0] * ts_dot[0].astype(real)
    ys_dot = linear_call(pushed, pulled, (y0, ts, a, others, ys), (at_start, a_dot))
    return ys, ys_dot + slopes * ts_dot[:, None].astype(real)


def _adjoint(right: Right, control: _Control, residuals: Any, ys_bar: Any) -> Any:
    """The cotangents of y0 and of a, from the last time back to the first."""
    y0, ts, a, others, ys = residuals
    n = typeof(y0).shape[0]
    dtype = typeof(y0).dtype
    flat, unravel = ravel_pytree((y0, tree_map(fnp.zeros_like, a)))

    def backwards(state: Any, s: Any, a: Any, others: Any) -> Any:
        y, (y_bar, _) = state[:n].astype(dtype), unravel(state[n:])
        slope, pull = vjp(lambda y, a: right(y, -s, a, others), y, a)
        return fnp.concatenate([-slope, ravel_pytree(pull(y_bar))[0]]).astype(typeof(state).dtype)

    def turn(carry: Any, at: Any) -> tuple[Any, None]:
        y_bar, a_bar = carry
        y, end, start, ct = at
        state = fnp.concatenate([y, ravel_pytree((y_bar + ct, a_bar))[0]])
        span = fnp.stack([-end, -start])
        out = _differentiable(backwards, control, state.astype(typeof(flat).dtype), span, a, others)[1]
        return unravel(out[n:]), None

    start = fnp.zeros_like(y0), tree_map(fnp.zeros_like, a)
    (y_bar, a_bar), _ = scan(turn, start, (ys[1:], ts[1:], ts[:-1], ys_bar[1:]), reverse=True)
    return y_bar + ys_bar[0], a_bar


# -- the function -----------------------------------------------------------------------------------------------------

def _error(what: str, kind: type[Exception] = TypeError) -> Exception:
    return kind(f"odeint: {what}, at {describe(user_source())}.")


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, *args: Any, rtol: float = 1.4e-8, atol: float = 1.4e-8, mxstep: float = np.inf,
    hmax: float = np.inf,
) -> Any:
    """The solution of ``dy/dt = func(y, t, *args)`` at the times `t`.

    Args:
        func: the right-hand side, of the structure and shapes of `y0`. What it closes over is differentiated too.
        y0: the state at ``t[0]``: an array or a pytree of arrays, floating or complex.
        t: a vector of times, increasing or decreasing.
        args: further arguments of `func`: arrays and pytrees of arrays.
        rtol, atol: the error of a step may be ``atol + rtol * abs(y)``, in the mean over the elements of the state.
        mxstep: how many steps may be tried from one time to the next.
        hmax: the longest step.

    Returns:
        the states at all times, with the times as a first axis. Where `mxstep` is not enough, or the solution runs to infinity,
        states are nan.

    Raises:
        TypeError: if arguments are not arrays, or `func` returns another structure, shapes, or complex numbers for real ones.
        ValueError: if `t` is not a vector of times in order.

    >>> odeint(lambda y, t: -y, 1.0, np.array([0.0, 1.0, 2.0])).round(6)
    Array([1.      , 0.367879, 0.135335], dtype=float64)
    >>> import functrans as ft
    >>> print(ft.grad(lambda k: odeint(lambda y, t, k: -k * y, 1.0, np.array([0.0, 1.0]), k)[-1])(1.0).round(6))
    -0.367879
    """
    leaves, tree = tree_flatten(args)
    for x in [*leaves, *tree_leaves(y0)]:
        if not is_array_like(x):
            raise _error(f"y0 and args must be arrays or numbers, or pytrees of these; got {x!r}")
    (ts,) = promote_inexact(fnp.asarray(t))
    _check_times(ts)
    y0 = tree_map(lambda y: promote_inexact(asarray_internal(y))[0], y0)
    args = tree_unflatten(tree, [asarray_internal(x) for x in leaves])
    _check_right(func, y0, ts[0], args)
    converted, hoisted = closure_convert(func, y0, ts[0], *args)
    leaves, tree = tree_flatten((args, tuple(hoisted)))
    flat, unravel = ravel_pytree(y0)
    smooth = [is_inexact(typeof(x).dtype) for x in leaves]
    dtype = typeof(flat).dtype

    def right(y: Any, s: Any, a: Any, others: Any) -> Any:
        given, rest = iter(a), iter(others[1:])
        args, consts = tree_unflatten(tree, [next(given) if d else next(rest) for d in smooth])
        slope = converted(unravel(y), others[0] * s, *args, *consts)
        return (ravel_pytree(slope)[0] * others[0].astype(_real(y))).astype(dtype)

    direction = stop_gradient(fnp.where(ts[-1] < ts[0], -1, 1).astype(typeof(ts).dtype))
    a = tuple(x for x, d in zip(leaves, smooth, strict=True) if d)
    others = (direction, *(x for x, d in zip(leaves, smooth, strict=True) if not d))
    ys = _differentiable(right, _Control(rtol, atol, mxstep, hmax), flat, direction * ts, a, others)
    return _states(y0, ys)


def _states(y0: Any, ys: Any) -> Any:
    """The rows of vectors as pytrees with a first axis of times."""
    leaves, tree = tree_flatten(y0)
    count, out, start = typeof(ys).shape[0], [], 0
    for y in leaves:
        size, aval = typeof(y).size, typeof(y)
        part = ys[:, start:start + size].reshape((count, *aval.shape))
        part = fnp.real(part) if typeof(part).dtype.kind == "c" and aval.dtype.kind != "c" else part
        out.append(part.astype(aval.dtype))
        start += size
    return tree_unflatten(tree, out)


def _check_times(ts: Any) -> None:
    if typeof(ts).ndim != 1 or not typeof(ts).size or not is_float(typeof(ts).dtype):
        raise _error(f"t must be a vector of real times, one at least; got {typeof(ts)}", ValueError)
    if not isinstance(ts, Tracer):
        steps = np.diff(np.asarray(ts))
        if not (np.all(steps >= 0) or np.all(steps <= 0)):
            raise _error("the times must increase, or decrease, throughout", ValueError)


def _check_right(func: Callable[..., Any], y0: Any, t: Any, args: Any) -> None:
    out = eval_shape(func, y0, t, *args)
    if tree_structure(out) != tree_structure(y0):
        raise _error(f"func must return the structure of y0, {tree_structure(y0)}; it returns {tree_structure(out)}")
    for got, want in zip(tree_leaves(out), tree_leaves(y0), strict=True):
        if tuple(got.shape) != typeof(want).shape:
            raise _error(f"func must return the shapes of y0; it returns {tuple(got.shape)} in place of {typeof(want).shape}")
        if got.dtype.kind == "c" and typeof(want).dtype.kind != "c":
            raise _error(f"func returns {got.dtype} for a state of dtype {typeof(want).dtype}: make y0 complex")
