"""Checks of derivatives and transformations against their definitions, for the tests of programs that use the library.

`check_grads` compares forward and reverse mode with central finite differences, in one random direction, and does the same for the
derivatives' derivatives, up to an order. Directions come from a fixed seed, so that a check that passes, passes again.

The names `check_grads`, `check_jvp` and `check_vjp` and their arguments are those of ``jax.test_util``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from functrans.calls.jitted import jit
from functrans.core.dtypes import float0, is_inexact
from functrans.core.low_precision import finfo
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, to_numpy, typeof
from functrans.numpy.util import as_operand
from functrans.transforms.api import jvp, vjp
from functrans.transforms.vmap import vmap
from functrans.tree_util import keystr, tree_flatten, tree_leaves, tree_leaves_with_path, tree_map, tree_structure, tree_unflatten

__all__ = ["check_grads", "check_jit", "check_jvp", "check_vjp", "check_vmap"]

_EPS = 1e-4
_TOLERANCE = {"float16": 1e-1, "float32": 1e-2, "complex64": 1e-2, "float64": 1e-5, "complex128": 1e-5}


# -- pytrees of arrays as vectors -------------------------------------------------------------------------------------

def _arrays(tree: Any) -> Any:
    return tree_map(lambda x: to_numpy(as_operand(x)), tree)


def _tangent(rng: np.random.Generator, tree: Any) -> Any:
    """A random direction: normal numbers for floating leaves, the only tangent there is for the others."""

    def draw(x: np.ndarray) -> np.ndarray:
        if not is_inexact(x.dtype):
            return np.zeros(x.shape, float0)
        v = rng.normal(size=x.shape)
        return (v + 1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else v).astype(x.dtype)

    return tree_map(draw, tree)


def _moved(tree: Any, step: float, direction: Any) -> Any:
    return tree_map(lambda x, v: x if v.dtype == float0 else (x + step * v.astype(_wide(x))).astype(x.dtype), tree, direction)


def _wide(x: np.ndarray) -> np.dtype:
    return np.dtype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _inner(a: Any, b: Any) -> float:
    """The sum of products of a cotangent and a tangent: its real part is what differentiation preserves."""
    pairs = zip(tree_leaves(a), tree_leaves(b), strict=True)
    return float(sum(np.sum(x.astype(_wide(x)) * y.astype(_wide(y))).real for x, y in pairs if float0 not in (x.dtype, y.dtype)))


def _difference(f: Callable[..., Any], args: Any, direction: Any, eps: float) -> Any:
    """The central difference of `f` along `direction`."""
    high, low = _arrays(f(*_moved(args, eps, direction))), _arrays(f(*_moved(args, -eps, direction)))

    def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x.astype(_wide(x)) - y.astype(_wide(y))) / (2 * eps) if is_inexact(x.dtype) else np.zeros(x.shape, float0)

    return tree_map(slope, high, low)


def _tolerances(tree: Any, atol: float | None, rtol: float | None) -> tuple[float, float]:
    least = max((_TOLERANCE.get(x.dtype.name, 0.0) for x in tree_leaves(tree)), default=1e-5)
    return (least if atol is None else atol), (least if rtol is None else rtol)


def _compare(what: str, got: Any, expected: Any, atol: float, rtol: float, message: str) -> None:
    """AssertionError with the leaf and the numbers, if two pytrees differ."""
    prefix = f"{message}: " if message else ""
    if tree_structure(got) != tree_structure(expected):
        raise AssertionError(f"{prefix}{what}: the results have the structures {tree_structure(got)} and {tree_structure(expected)}.")
    for (path, x), y in zip(tree_leaves_with_path(got), tree_leaves(expected), strict=True):
        if float0 in (x.dtype, y.dtype):
            continue
        where = f"{prefix}{what}{f' at {keystr(path)}' if path else ''}"
        if x.shape != y.shape:
            raise AssertionError(f"{where}: shapes {x.shape} and {y.shape} differ.")
        if not np.allclose(x, y, rtol, atol, equal_nan=True):
            with np.errstate(invalid="ignore"):
                worst = np.unravel_index(np.nanargmax(np.nan_to_num(abs(x - y), nan=np.inf)), x.shape)
            raise AssertionError(f"{where}: {x[worst]} and {y[worst]} differ at element {tuple(map(int, worst))} (rtol {rtol:g}, "
                                 f"atol {atol:g}), at {describe(user_source())}.")


def _checked_args(name: str, args: Any) -> tuple[Any, ...]:
    if not isinstance(args, (tuple, list)):
        raise TypeError(f"{name}: args must be the tuple of arguments; got {type(args).__name__}, at {describe(user_source())}. Write (x,) "
                        "for one argument x.")
    for leaf in tree_leaves(tuple(args)):
        if not is_array_like(leaf):
            raise TypeError(f"{name}: arguments must be arrays or numbers; got {leaf!r} of type {type(leaf).__name__}, at "
                            f"{describe(user_source())}.")
    return tuple(_arrays(tuple(args)))


# -- derivatives ------------------------------------------------------------------------------------------------------

def check_jvp(
    f: Callable[..., Any], f_jvp: Callable[..., Any], args: Any, atol: float | None = None, rtol: float | None = None, eps: float = _EPS,
    err_msg: str = "",
) -> None:
    """Check a forward derivative against a central difference, in one direction.

    Args:
        f: a function of arrays and pytrees.
        f_jvp: ``f_jvp(primals, tangents) -> (value, tangent)``, such as ``partial(jvp, f)``.
        args: the tuple of arguments at which to check.
        atol, rtol: absolute and relative tolerances; by the least precise dtype unless given.
        eps: half the width of the difference.
        err_msg: what error messages begin with.

    Raises:
        AssertionError: naming the leaf and the numbers, if value or derivative disagree.

    >>> import functrans.numpy as fnp
    >>> check_jvp(fnp.sin, partial(jvp, fnp.sin), (0.5,))
    """
    primals = _checked_args("check_jvp", args)
    direction = _tangent(np.random.default_rng(0), primals)
    value, tangent = map(_arrays, f_jvp(primals, direction))
    expected = _arrays(f(*primals))
    atol, rtol = _tolerances((primals, expected), atol, rtol)
    _compare("the value of f_jvp and f", value, expected, atol, rtol, err_msg)
    _compare("the JVP and the finite difference", tangent, _difference(f, primals, direction, eps), atol, rtol, err_msg)


def check_vjp(
    f: Callable[..., Any], f_vjp: Callable[..., Any], args: Any, atol: float | None = None, rtol: float | None = None, eps: float = _EPS,
    err_msg: str = "",
) -> None:
    """Check a reverse derivative against a central difference: the inner products with one direction and one cotangent agree.

    Args:
        f_vjp: ``f_vjp(*primals) -> (value, function of a cotangent)``, such as ``partial(vjp, f)``.

    The other arguments, and what is raised, are those of `check_jvp`.

    >>> import functrans.numpy as fnp
    >>> check_vjp(fnp.sin, partial(vjp, fnp.sin), (0.5,))
    """
    primals = _checked_args("check_vjp", args)
    rng = np.random.default_rng(1)
    direction = _tangent(rng, primals)
    value, pullback = f_vjp(*primals)
    value, expected = _arrays(value), _arrays(f(*primals))
    atol, rtol = _tolerances((primals, expected), atol, rtol)
    _compare("the value of f_vjp and f", value, expected, atol, rtol, err_msg)
    cotangent = _tangent(rng, expected)
    back = _arrays(tuple(pullback(cotangent)))
    slope = _difference(f, primals, direction, eps)
    _compare("the VJP's and the finite difference's inner product", np.asarray(_inner(back, direction)),
             np.asarray(_inner(cotangent, slope)), atol * max(1.0, _size(slope)), rtol, err_msg)


def _size(tree: Any) -> float:
    """The square root of the number of elements, by which the rounding of an inner product grows."""
    return float(np.sqrt(sum(x.size for x in tree_leaves(tree))))


def check_grads(
    f: Callable[..., Any], args: Any, order: int, modes: Sequence[str] = ("fwd", "rev"), atol: float | None = None,
    rtol: float | None = None, eps: float | None = None,
) -> None:
    """Check derivatives of `f` up to an order against central differences, in every nesting of the modes.

    Args:
        f: a function of arrays and pytrees.
        args: the tuple of arguments at which to check.
        order: how often the function is differentiated.
        modes: ``"fwd"``, ``"rev"`` or both.
        atol, rtol: absolute and relative tolerances; by the least precise dtype unless given.
        eps: half the width of the difference, 1e-4 unless given.

    Raises:
        AssertionError: naming the mode and order, the leaf and the numbers, if derivatives disagree.
        ValueError: for an unknown mode or an order below 1.

    >>> import functrans.numpy as fnp
    >>> check_grads(lambda x, y: fnp.sin(x) * y, (0.5, np.ones(3)), order=2)
    """
    names = [modes] if isinstance(modes, str) else list(modes)
    if not names or set(names) - {"fwd", "rev"}:
        raise ValueError(f"check_grads: modes must be 'fwd', 'rev' or both; got {modes!r}, at {describe(user_source())}.")
    if order < 1:
        raise ValueError(f"check_grads: order must be 1 or more; got {order}, at {describe(user_source())}.")
    step = _EPS if eps is None else eps

    def check(f: Callable[..., Any], args: tuple[Any, ...], order: int, trail: str) -> None:
        if "fwd" in names:
            check_jvp(f, partial(jvp, f), args, atol, rtol, step, f"{trail}JVP")
            if order > 1:
                direction = _tangent(np.random.default_rng(2), args)
                g, free = _without_integers(lambda *a: jvp(f, a, direction), args)
                check(g, free, order - 1, f"{trail}JVP of ")
        if "rev" in names:
            check_vjp(f, partial(vjp, f), args, atol, rtol, step, f"{trail}VJP")
            if order > 1:
                cotangent = _tangent(np.random.default_rng(3), _arrays(f(*args)))
                g, free = _without_integers(lambda *a: _pulled_back(f, a, cotangent), args)
                check(g, free, order - 1, f"{trail}VJP of ")

    check(f, _checked_args("check_grads", args), int(order), "")


def _pulled_back(f: Callable[..., Any], args: tuple[Any, ...], cotangent: Any) -> Any:
    """The value, and the cotangents of the floating arguments."""
    value, pullback = vjp(f, *args)
    return value, [x for x in tree_leaves(pullback(cotangent)) if x.dtype != float0]


def _without_integers(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`f` as a function of the floating leaves of `args`, and these leaves."""
    leaves, tree = tree_flatten(args)
    places = [i for i, x in enumerate(leaves) if is_inexact(x.dtype)]

    def g(*free: Any) -> Any:
        filled = list(leaves)
        for i, x in zip(places, free, strict=True):
            filled[i] = x
        return [x for x in tree_leaves(f(*tree_unflatten(tree, filled))) if typeof(x).dtype != float0]

    return g, tuple(leaves[i] for i in places)


# -- other transformations --------------------------------------------------------------------------------------------

def check_jit(f: Callable[..., Any], args: Any, atol: float | None = None, rtol: float | None = None) -> None:
    """Check that `f` compiled gives what it gives eagerly, dtypes too.

    Args:
        f: a function of arrays and pytrees.
        args: the tuple of arguments.
        atol, rtol: tolerances; some units in the last place unless given.

    Raises:
        AssertionError: naming the leaf and the numbers, if the results differ.

    >>> import functrans.numpy as fnp
    >>> check_jit(lambda x: fnp.exp(x) / 2, (np.arange(3.0),))
    """
    primals = _checked_args("check_jit", args)
    _compare_exactly("compiled and eager results", _arrays(jit(f)(*primals)), _arrays(f(*primals)), atol, rtol)


def check_vmap(f: Callable[..., Any], args: Any, size: int = 3, atol: float | None = None, rtol: float | None = None) -> None:
    """Check that `f` mapped over a batch gives what a loop gives, with the batch on every axis of the arguments.

    Args:
        f: a function of arrays and pytrees.
        args: the tuple of arguments of one example. Floating ones are varied by a little from one example to the next.
        size: that of the batch.
        atol, rtol: tolerances; some units in the last place unless given.

    Raises:
        AssertionError: naming the leaf and the numbers, if the results differ.

    >>> import functrans.numpy as fnp
    >>> check_vmap(lambda x, y: fnp.dot(x, y), (np.ones(3), np.ones(3)))
    """
    primals = _checked_args("check_vmap", args)
    rng = np.random.default_rng(4)
    examples = [_moved(primals, 0.1, _tangent(rng, primals)) for _ in range(size)]
    expected = tree_map(lambda *rows: np.stack(rows), *(_arrays(f(*example)) for example in examples))
    for axis in range(1 + max((x.ndim for x in tree_leaves(primals)), default=0)):
        axes = tree_map(lambda x, axis=axis: min(axis, x.ndim), primals)
        batch = tree_map(lambda place, *rows: np.stack(rows, axis=place), axes, *examples)
        _compare_exactly(f"mapped (axis {axis}) and looped results", _arrays(vmap(f, in_axes=axes)(*batch)), expected, atol, rtol)


def _compare_exactly(what: str, got: Any, expected: Any, atol: float | None, rtol: float | None) -> None:
    for (path, x), y in zip(tree_leaves_with_path(got), tree_leaves(expected), strict=False):
        if x.dtype != y.dtype:
            raise AssertionError(f"{what}{f' at {keystr(path)}' if path else ''}: dtypes {x.dtype} and {y.dtype} differ, at "
                                 f"{describe(user_source())}.")
    least = max((64 * finfo(x.dtype).eps for x in tree_leaves(expected) if is_inexact(x.dtype)), default=0.0)
    _compare(what, got, expected, float(least if atol is None else atol), float(least if rtol is None else rtol), "")
