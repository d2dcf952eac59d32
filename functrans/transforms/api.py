"""The calculus users call: `jvp`, `linearize`, `vjp`, `grad` and what is derived from them.

All take functions of pytrees and return functions of pytrees; all nest in any order. Reverse mode is linearization
followed by transposition; a Hessian is forward over reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.core.array import Array
from functrans.core.aval import Zero
from functrans.core.check import check_linear
from functrans.core.dtypes import float0, is_float, is_inexact, kind_of
from functrans.core.interpret import eval_jaxpr
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, typeof
from functrans.primitives.base import literal
from functrans.primitives.movement import concatenate, slice_in_dim
from functrans.primitives.structural import convert_element_type, instantiate, materialize, move_axis, reshape, zeros
from functrans.transforms.batching import BatchAxis, batch_flat, from_batched
from functrans.transforms.flatten import FlatFun, arg_paths, argnums_tuple, check_arrays, fun_name, partial_args, wraps
from functrans.transforms.jvp import jvp_flat
from functrans.transforms.linearize import LinearProgram, evaluate_linear, linearize_flat, transpose_linear
from functrans.transforms.pullback import VJP, Pullback
from functrans.transforms.stage import stage
from functrans.transforms.tangents import fitted_tangents
from functrans.tree_util import Partial, tree_flatten, tree_map, tree_unflatten
from functrans.util import safe_zip

__all__ = [
    "elementwise_grad", "fwd_and_bwd", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linear_transpose",
    "linearize", "value_and_grad", "vjp",
]


# -- forward ------------------------------------------------------------------------------------------------------------------

def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The Jacobian-vector product of `fun` at `primals` along `tangents` (forward mode).

    Args:
        fun: a function of arrays or pytrees of arrays.
        primals: its positional arguments, a tuple or list.
        tangents: of the same structure, shapes and dtypes (float0 or integer zeros for integer primals).
        has_aux: whether `fun` returns a pair whose second part is passed through.

    Returns:
        ``(primals_out, tangents_out)``, or ``(primals_out, tangents_out, aux)``.

    Raises:
        TypeError: if primals and tangents differ in structure or dtype (Python numbers take the dtype); the message names the leaf.
        ValueError: if they differ in shape.

    >>> y, y_dot = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> print(y, y_dot)
    9.0 6.0
    """
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(f"jvp of {fun_name(fun)}: {what} must be a tuple or list of positional arguments; got a "
                            f"{type(given).__name__}, at {describe(user_source())}. Write (x,) for a single one.")
    flat, tree = tree_flatten((tuple(primals), {}))
    flat_dot, tree_dot = tree_flatten((tuple(tangents), {}))
    if tree != tree_dot:
        raise TypeError(f"jvp of {fun_name(fun)}: primals and tangents must have the same structure; primals have {tree}, tangents "
                        f"have {tree_dot}, at {describe(user_source())}.")
    check_arrays(flat, primals, fun, "jvp")
    dots = fitted_tangents([typeof(p) for p in flat], flat_dot, lambda: arg_paths(primals, fun), f"jvp of {fun_name(fun)}")
    flat_fun = FlatFun(fun, tree, has_aux, "jvp")
    values, y_dots = jvp_flat(flat_fun, flat, dots)
    ys, aux = flat_fun.split(values)
    out = (tree_unflatten(flat_fun.out_tree, ys), tree_unflatten(flat_fun.out_tree, [materialize(t) for t in y_dots[:len(ys)]]))
    return (*out, aux) if has_aux else out


def _linearized(flat_fun: FlatFun, flat: Sequence[Any]) -> tuple[list[Any], LinearProgram, Any]:
    """The results, their tangent map, and the auxiliary data."""
    values, program = linearize_flat(flat_fun, flat)
    ys, aux = flat_fun.split(values)
    program.outs = program.outs[:len(ys)]
    return ys, program, aux


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` and its derivative there, as a linear function of tangents.

    The function is evaluated once; each call of the result costs only the linear part.

    Returns:
        ``(primals_out, f_jvp)``, with `aux` third if `has_aux`. The function is a pytree of its residuals: `jit` may return it.

    >>> y, f_jvp = linearize(lambda x: x * x, 3.0)
    >>> print(y, f_jvp(1.0), f_jvp(2.0))
    9.0 6.0 12.0
    """
    flat, tree = tree_flatten((primals, {}))
    check_arrays(flat, primals, fun, "linearize")
    flat_fun = FlatFun(fun, tree, has_aux, "linearize")
    ys, program, aux = _linearized(flat_fun, flat)
    avals = [typeof(p) for p in flat]
    out_tree = flat_fun.out_tree

    code, residuals = program.opened()

    def f_jvp(values: Sequence[Any], *tangents: Any) -> Any:
        """Apply the derivative to tangents shaped as the primals."""
        dots, got = tree_flatten((tangents, {}))
        if got != tree:
            raise TypeError(f"the linearized {fun_name(fun)} takes tangents of structure {tree}; got {got}, at "
                            f"{describe(user_source())}.")
        fitted = fitted_tangents(avals, dots, lambda: arg_paths(tangents, fun), f"linearize of {fun_name(fun)}")
        y_dots = evaluate_linear(code.closed(values), [instantiate(t) for a, t in safe_zip(avals, fitted) if is_inexact(a.dtype)])
        return tree_unflatten(out_tree, [materialize(t) for t in y_dots])

    out = (tree_unflatten(out_tree, ys), Partial(f_jvp, residuals))
    return (*out, aux) if has_aux else out


# -- reverse ------------------------------------------------------------------------------------------------------------------

def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` and its pullback: from a cotangent of the result to cotangents of the arguments (reverse mode).

    Returns:
        ``(primals_out, f_vjp)``, with `aux` third if `has_aux`; ``f_vjp(ct)`` is a tuple, one entry for each primal.
        The pullback is a pytree of its residuals: `jit` may return it, and take it. ``f_vjp.with_refs(...)(ct)`` adds cotangents to
        mutable arrays, or leaves some out (`functrans.ad`).

    Raises:
        ValueError: (from ``f_vjp``) if the cotangent's structure or shapes are not the result's.
        TypeError: (from ``f_vjp``) if its dtypes are not; Python numbers take them, and cotangents of integers count for nothing.

    >>> y, f_vjp = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> print(y, *f_vjp(1.0))
    12.0 4.0 3.0
    """
    flat, tree = tree_flatten((primals, {}))
    check_arrays(flat, primals, fun, "vjp")
    flat_fun = FlatFun(fun, tree, has_aux, "vjp")
    ys, program, aux = _linearized(flat_fun, flat)
    primal_tree = tree_flatten(primals)[1]
    code, residuals = program.opened()
    pullback = Pullback(f"vjp of {fun_name(fun)}", code, [typeof(p) for p in flat], primal_tree, [typeof(y) for y in ys],
                        flat_fun.out_tree)
    out = (tree_unflatten(flat_fun.out_tree, ys), VJP(pullback, residuals))
    return (*out, aux) if has_aux else out


def value_and_grad(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """A function that returns the value and the gradient of a scalar function.

    Args:
        fun: a function whose result is a scalar (shape ``()``), real unless `holomorphic`.
        argnums: the positional argument(s) to differentiate by, an int or a tuple; each an array or a pytree of arrays.
        has_aux: whether `fun` returns a pair ``(value, aux)``.
        holomorphic: whether `fun` is a complex-differentiable function of complex arguments.
        allow_int: whether integer arguments are accepted (their gradients have dtype float0).

    Returns:
        a function with `fun`'s arguments, returning ``(value, gradient)`` or ``((value, aux), gradient)``. The gradient has
        the structure of the argument (a tuple of them if `argnums` is a tuple).

    Raises:
        TypeError: if the result is no scalar, or a dtype has no derivative; the message names the argument.
        ValueError: if `argnums` is out of range.

    >>> value_and_grad(lambda x: x ** 3)(2.0)
    (Array(8., dtype=float64, weak_type=True), Array(12., dtype=float64, weak_type=True))
    """

    @wraps(fun, "value_and_grad_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = argnums_tuple(argnums, len(args), fun, "grad")
        of_chosen = partial_args(fun, chosen, args, kwargs)
        inputs = tuple(args[i] for i in chosen)
        flat, tree = tree_flatten((inputs, {}))
        _check_grad_inputs(flat, inputs, chosen, fun, holomorphic, allow_int)
        flat_fun = FlatFun(of_chosen, tree, has_aux, "grad")
        ys, program, aux = _linearized(flat_fun, flat)
        _check_scalar(ys, flat_fun.out_tree, fun, holomorphic)
        (y,) = ys
        bars = iter(transpose_linear(program, [literal(y, 1)]))
        grads = [_gradient_leaf(next(bars), x) if is_inexact(typeof(x).dtype) else np.zeros(typeof(x).shape, float0) for x in flat]
        gradient, _ = tree_unflatten(tree, grads)
        if not isinstance(argnums, (tuple, list)):
            (gradient,) = gradient
        value = tree_unflatten(flat_fun.out_tree, ys)
        return ((value, aux) if has_aux else value), gradient

    return wrapper


def _gradient_leaf(bar: Any, x: Any) -> Any:
    bar = instantiate(bar)
    weak = type(x) is float or getattr(x, "weak_type", False)
    return convert_element_type(bar, typeof(bar).dtype, weak_type=True) if weak and not typeof(bar).shape else _as_array(bar)


def _as_array(x: Any) -> Any:
    return Array(np.asarray(x)) if isinstance(x, np.generic) else x


def _check_grad_inputs(flat: Sequence[Any], inputs: Any, argnums: Sequence[int], fun: Any, holomorphic: bool, allow_int: bool) -> None:
    check_arrays(flat, inputs, fun, "grad")
    paths: list[str] = []
    for i, x in enumerate(flat):
        dtype = typeof(x).dtype
        if not is_inexact(dtype) and not paths:
            paths = [p for n, given in zip(argnums, inputs, strict=True) for p in arg_paths([*[()] * n, given], fun)]
        if holomorphic and dtype.kind != "c":
            raise TypeError(f"grad of {fun_name(fun)} with holomorphic=True takes complex arguments; argument {argnums} holds "
                            f"{typeof(x)}, at {describe(user_source())}.")
        if not holomorphic and dtype.kind == "c":
            continue
        if not is_inexact(dtype) and not allow_int:
            raise TypeError(f"grad of {fun_name(fun)} takes floating arguments; argument {paths[i]} is {typeof(x)}, whose dtype has no "
                            f"derivative, at {describe(user_source())}. Pass a float (2.0, not 2), or use allow_int=True.")


def _check_scalar(ys: Sequence[Any], out_tree: Any, fun: Any, holomorphic: bool) -> None:
    if len(ys) != 1 or out_tree.num_nodes != 1:
        raise TypeError(f"grad of {fun_name(fun)}: the function must return one scalar; it returned a pytree {out_tree}, at "
                        f"{describe(user_source())}. For extra results use has_aux=True; for several outputs use jacrev.")
    aval = typeof(ys[0])
    if aval.shape:
        raise TypeError(f"grad of {fun_name(fun)}: the function must return a scalar; it returned shape {aval.shape}, at "
                        f"{describe(user_source())}. Reduce it (for example .sum()), or use jacrev for the whole Jacobian.")
    if holomorphic:
        if aval.dtype.kind != "c":
            raise TypeError(f"grad of {fun_name(fun)} with holomorphic=True: the result must be complex; it has dtype {aval.dtype}, at "
                            f"{describe(user_source())}.")
    elif not is_float(aval.dtype):
        hint = " Use holomorphic=True for complex-differentiable functions." if aval.dtype.kind == "c" else ""
        raise TypeError(f"grad of {fun_name(fun)}: the result must be real and floating; it has dtype {aval.dtype}, at "
                        f"{describe(user_source())}.{hint}")


def grad(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function of the same arguments (see `value_and_grad` for the arguments).

    >>> print(grad(grad(lambda x: x ** 3))(2.0))
    12.0
    """
    both = value_and_grad(fun, argnums, has_aux, holomorphic, allow_int)

    @wraps(fun, "grad_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def elementwise_grad(fun: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivative of each element of the result by the same element of the argument.

    For functions that act on each element alone (or of which the column sums of the Jacobian are wanted).

    >>> elementwise_grad(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([2., 4.], dtype=float64)
    """

    @wraps(fun, "elementwise_grad_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = argnums_tuple(argnums, len(args), fun, "elementwise_grad")
        y, pullback = vjp(partial_args(fun, chosen, args, kwargs), *(args[i] for i in chosen))
        out = pullback(tree_map(_ones_like, y))
        return out if isinstance(argnums, (tuple, list)) else out[0]

    return wrapper


def _ones_like(x: Any) -> Any:
    aval = typeof(x)
    return np.ones(aval.shape, aval.dtype)


def fwd_and_bwd(
    fun: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool = False, jitted: bool = True,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two functions: the forward pass, returning the value and residuals, and the backward pass from those.

    ``fwd(*args) -> (out, residuals)`` (with aux third if `has_aux`), ``bwd(residuals, cotangent) -> gradients``. With
    `jitted` the caller may wrap either in `jit`; residuals are a pytree.

    >>> fwd, bwd = fwd_and_bwd(lambda x: x * x, 0)
    >>> y, residuals = fwd(3.0)
    >>> print(bwd(residuals, 1.0))
    6.0
    """

    def fwd(*args: Any, **kwargs: Any) -> Any:
        chosen = argnums_tuple(argnums, len(args), fun, "fwd_and_bwd")
        return vjp(partial_args(fun, chosen, args, kwargs), *(args[i] for i in chosen), has_aux=has_aux)

    def bwd(residuals: Any, cotangent: Any) -> Any:
        out = residuals(cotangent)
        return out if isinstance(argnums, (tuple, list)) else out[0]

    return fwd, bwd


def linear_transpose(fun: Callable[..., Any], *primals: Any, reduce_axes: tuple[Any, ...] = ()) -> Callable[..., Any]:
    """The transpose of a function that is linear in its arguments, of which only shapes and dtypes matter.

    Returns:
        ``fun_t(cotangent) -> tuple of cotangents``.

    Raises:
        TypeError: if `fun` is not linear; the message names the first nonlinear operation.

    >>> f_t = linear_transpose(lambda x: 3.0 * x, np.float64(0.0))
    >>> print(f_t(2.0)[0])
    6.0
    """
    flat, tree = tree_flatten((primals, {}))
    avals = [typeof(p) for p in flat]
    for a in avals:
        if not is_inexact(a.dtype):
            raise TypeError(f"linear_transpose of {fun_name(fun)} takes floating or complex arguments; got {a}, at "
                            f"{describe(user_source())}.")
    flat_fun = FlatFun(fun, tree, False, "linear_transpose")
    closed = stage(flat_fun, avals, f"linear_transpose of {fun_name(fun)}")
    check_linear(closed.jaxpr, [True] * len(avals))
    at_zero = [] if any(isinstance(c, Tracer) for c in closed.consts) else eval_jaxpr(closed.jaxpr, closed.consts, *map(zeros, avals))
    if any(np.any(np.asarray(y) != 0) for y in at_zero if not isinstance(y, Tracer)):
        raise TypeError(f"linear_transpose of {fun_name(fun)}: the function is not linear, as it is not 0 at 0, at "
                        f"{describe(user_source())}.")
    _, program, _ = _linearized(FlatFun(fun, tree, False, "linear_transpose"), [zeros(a) for a in avals])
    code, residuals = program.opened()
    pullback = Pullback(f"linear_transpose of {fun_name(fun)}", code, avals, tree_flatten(primals)[1], closed.out_avals, flat_fun.out_tree)
    return Partial(pullback, residuals)


# -- Jacobians ----------------------------------------------------------------------------------------------------------------

def _basis(flat: Sequence[Any]) -> list[np.ndarray]:
    """The standard basis of the space of all leaves together: for each leaf an array ``(total, *shape)``."""
    sizes = [typeof(x).size for x in flat]
    total, start, out = sum(sizes), 0, []
    for x, n in safe_zip(flat, sizes):
        block = np.zeros((total, n), typeof(x).dtype)
        block[start:start + n] = np.eye(n, dtype=block.dtype)
        out.append(block.reshape((total, *typeof(x).shape)))
        start += n
    return out


def _chunks(total: int, chunk_size: int | None) -> list[slice]:
    step = total if chunk_size is None else max(1, int(chunk_size))
    return [slice(i, min(i + step, total)) for i in range(0, total, max(step, 1))] or [slice(0, 0)]


def _map_basis(push: Callable[[list[Any]], list[Any]], basis: list[np.ndarray], total: int, chunk_size: int | None) -> list[Any]:
    """`push` for every basis vector at once (or in chunks, to bound memory): results with the basis axis first."""
    parts = []
    for part in _chunks(total, chunk_size):
        n = part.stop - part.start
        values, dims = batch_flat(lambda *vs: push(list(vs)), BatchAxis(n), [b[part] for b in basis], [0] * len(basis))
        parts.append([from_batched(n, v, d, 0) for v, d in safe_zip(values, dims)])
    return parts[0] if len(parts) == 1 else [concatenate(column, 0) for column in zip(*parts, strict=True)]


def jacfwd(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False, *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian by forward mode: one column for each input element, all pushed through at once.

    Args:
        fun: a function of arrays or pytrees, with array or pytree results.
        argnums: the positional argument(s) to differentiate by.
        chunk_size: how many columns to compute at a time, to bound memory (all by default).

    Returns:
        a function whose result has the structure of `fun`'s result with, in each leaf's place, the structure of the argument:
        arrays of shape ``(*result.shape, *argument.shape)``. With `has_aux` a pair ``(jacobian, aux)``.

    >>> jacfwd(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """

    @wraps(fun, "jacfwd_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = argnums_tuple(argnums, len(args), fun, "jacfwd")
        inputs = tuple(args[i] for i in chosen)
        flat, tree = tree_flatten((inputs, {}))
        _check_grad_inputs(flat, inputs, chosen, fun, holomorphic, False)
        if not holomorphic and any(typeof(x).dtype.kind == "c" for x in flat):
            raise TypeError(f"jacfwd of {fun_name(fun)} takes real arguments; use holomorphic=True for complex-differentiable "
                            f"functions, at {describe(user_source())}.")
        flat_fun = FlatFun(partial_args(fun, chosen, args, kwargs), tree, has_aux, "jacfwd")
        ys, program, aux = _linearized(flat_fun, flat)
        columns = _map_basis(lambda ts: [instantiate(_real_zero(t)) for t in evaluate_linear(program, ts)], _basis(flat),
                             sum(typeof(x).size for x in flat), chunk_size)
        rows = []
        for y, column in safe_zip(ys, columns):
            blocks, start = [], 0
            for x in flat:
                n = typeof(x).size
                block = move_axis(slice_in_dim(column, start, start + n), 0, -1 % typeof(column).ndim)
                blocks.append(reshape(block, (*typeof(y).shape, *typeof(x).shape)))
                start += n
            rows.append(_argument_tree(tree, blocks, argnums))
        out = tree_unflatten(flat_fun.out_tree, rows)
        return (out, aux) if has_aux else out

    return wrapper


def _real_zero(t: Any) -> Any:
    """The derivative of an integer result is a Jacobian of zeros."""
    if type(t) is Zero and t.aval.dtype == float0:
        raise TypeError(f"the function returns integers or booleans, which have no derivative, at {describe(user_source())}.")
    return t


def _argument_tree(tree: Any, blocks: list[Any], argnums: Any) -> Any:
    inputs, _ = tree_unflatten(tree, blocks)
    return inputs if isinstance(argnums, (tuple, list)) else inputs[0]


def jacrev(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False,
    allow_int: bool = False, *, chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The Jacobian by reverse mode: one row for each output element, all pulled back at once (see `jacfwd`).

    >>> jacrev(lambda x: x * x)(np.array([1.0, 2.0]))
    Array([[2., 0.],
           [0., 4.]], dtype=float64)
    """

    @wraps(fun, "jacrev_")
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        chosen = argnums_tuple(argnums, len(args), fun, "jacrev")
        inputs = tuple(args[i] for i in chosen)
        flat, tree = tree_flatten((inputs, {}))
        _check_grad_inputs(flat, inputs, chosen, fun, holomorphic, allow_int)
        flat_fun = FlatFun(partial_args(fun, chosen, args, kwargs), tree, has_aux, "jacrev")
        ys, program, aux = _linearized(flat_fun, flat)
        for y in ys:
            if kind_of(typeof(y).dtype) not in ("c" if holomorphic else "f"):
                raise TypeError(f"jacrev of {fun_name(fun)}: results must be {'complex' if holomorphic else 'real and floating'}; one is "
                                f"{typeof(y)}, at {describe(user_source())}.")
        rows = _map_basis(lambda cts: [instantiate(b) for b in transpose_linear(program, cts)], _basis(ys),
                          sum(typeof(y).size for y in ys), chunk_size)
        diff = iter(rows)
        per_input = [next(diff) if is_inexact(typeof(x).dtype) else None for x in flat]
        out_rows, start = [], 0
        for y in ys:
            n = typeof(y).size
            blocks = []
            for x, r in safe_zip(flat, per_input):
                shape = (*typeof(y).shape, *typeof(x).shape)
                blocks.append(np.zeros(shape, float0) if r is None else reshape(slice_in_dim(r, start, start + n), shape))
            out_rows.append(_argument_tree(tree, blocks, argnums))
            start += n
        out = tree_unflatten(flat_fun.out_tree, out_rows)
        return (out, aux) if has_aux else out

    return wrapper


jacobian = jacrev


def hessian(
    fun: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False,
) -> Callable[..., Any]:
    """The Hessian of a function: forward over reverse (see `jacfwd` for the structure of the result).

    >>> hessian(lambda x: (x ** 3).sum())(np.array([1.0, 2.0]))
    Array([[ 6.,  0.],
           [ 0., 12.]], dtype=float64)
    """
    return jacfwd(jacrev(fun, argnums, has_aux, holomorphic), argnums, has_aux, holomorphic)


def hvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian-vector product of a scalar function: the derivative of its gradient along `tangents`.

    Costs a small multiple of one evaluation; the Hessian is never formed. With several primals the gradient is by all of
    them, and the result is a tuple.

    >>> hvp(lambda x: (x ** 3).sum(), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    Array([ 6., 12.], dtype=float64)
    """
    argnums: Any = 0 if len(primals) == 1 else tuple(range(len(primals)))
    out: Any = jvp(grad(fun, argnums), primals, tangents)[1]
    return out
