"""`custom_root` and `custom_linear_solve`: results that are defined by an equation, differentiated by that equation.

A root x of ``f(x, p) = 0`` is found by any means, none of which is differentiated. By the implicit function theorem::

    x_dot = -J^-1 (df/dp p_dot),   J = df/dx at the root

with a linear solver for J that the caller gives. Likewise ``A(p) x = b``, of which A is a function that multiplies::

    x_dot = A^-1 (b_dot - (dA/dp p_dot) x),   b_bar = A^-T x_bar

A linear solve is linear in b, so its transpose is a linear solve with A transposed, and each derivative may be taken again. What the
functions close over (p above) are leading operands, in the order of the params that hold the functions.

References: Griewank & Walther, *Evaluating Derivatives*, 2nd ed., ch. 15; Giles, "Collected matrix derivative results" (2008).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functrans.calls.agreement import conformed, trace_carry, tree_differences, yields
from functrans.calls.called import called_by, code_line
from functrans.calls.closed import Closure, run_call, trace_closed, with_leading_inputs
from functrans.core.aval import Linear, ShapedArray, Zero, tangent_aval
from functrans.core.interpret import eval_jaxpr, jaxpr_as_fun
from functrans.core.jaxpr import ClosedJaxpr, Jaxpr, Var
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive, running, typeof
from functrans.primitives.arithmetic import neg_p, sub_p
from functrans.primitives.base import primitive
from functrans.primitives.structural import instantiate, moved_to_front
from functrans.transforms.api import linearize
from functrans.transforms.flatten import arg_paths, check_arrays
from functrans.transforms.jvp import jvp_flat
from functrans.transforms.linearize import evaluate_linear, linearize_flat
from functrans.transforms.rewrite import batch_jaxpr, memoized, transposed_jaxpr
from functrans.transforms.symbolic_zeros import active_mask, explicit
from functrans.tree_util import PyTreeDef, keystr, tree_flatten, tree_flatten_with_path, tree_unflatten
from functrans.util import safe_zip, split_list

__all__ = ["custom_linear_solve", "custom_linear_solve_p", "custom_root", "custom_root_p"]

Lengths = tuple[int, ...]
# Of a jaxpr of (parameters, x): its derivative by the parameters, (parameters, their tangents, x) -> tangents of the results.
ByParameters = Callable[[ClosedJaxpr, Sequence[Any], Sequence[Any], Sequence[Any]], list[Any]]


def _by_jvp(closed: ClosedJaxpr, params: Sequence[Any], dots: Sequence[Any], x: Sequence[Any]) -> list[Any]:
    still = [Zero(tangent_aval(typeof(v))) for v in x]
    return jvp_flat(jaxpr_as_fun(closed), [*params, *x], [*dots, *still])[1]


def _by_linearization(trace: Any) -> ByParameters:
    """The same for reverse mode: the primal part is computed outside of `trace`, which records the linear one."""
    def derivative(closed: ClosedJaxpr, params: Sequence[Any], dots: Sequence[Any], x: Sequence[Any]) -> list[Any]:
        active = active_mask(dots)
        with running(trace.parent):
            _, program = linearize_flat(jaxpr_as_fun(closed), [*params, *x], [*active, *(False for _ in x)])
        return evaluate_linear(program, explicit(dots))

    return derivative


# -- evaluation -----------------------------------------------------------------------------------------------------------

def _by_solver(solve: ClosedJaxpr, avals: Sequence[ShapedArray], lengths: Lengths, which: int) -> ClosedJaxpr:
    """`solve` as a function of all operands, of which it takes its own consts (those numbered `which`) and the last ones."""
    parts = split_list([Var(a) for a in avals], lengths)
    taken = split_list(solve.jaxpr.invars, [lengths[which]])
    parts[which], parts[-1] = taken
    jaxpr = solve.jaxpr
    return ClosedJaxpr(Jaxpr(jaxpr.constvars, tuple(v for part in parts for v in part), jaxpr.eqns, jaxpr.outvars), solve.consts)


def _lower(b: Any, *operands: Any, **_: Any) -> Any:
    raise AssertionError("calls are inlined before lowering")


# -- roots ----------------------------------------------------------------------------------------------------------------

# The operands are the consts of f, of solve and of tangent_solve, then the initial guess.

def _root_abstract(*avals: ShapedArray, solve: ClosedJaxpr, **_: Any) -> list[ShapedArray]:
    return solve.out_avals


def _root_impl(*values: Any, **params: Any) -> list[Any]:
    return run_call(custom_root_p, values, params)


def _root_inline(*avals: ShapedArray, solve: ClosedJaxpr, const_lengths: Lengths, **_: Any) -> ClosedJaxpr:
    return _by_solver(solve, avals, const_lengths, 1)


custom_root_p = primitive(
    "custom_root", impl=_root_impl, abstract=_root_abstract, inline=_root_inline, lower=_lower, multiple_results=True,
    reasons={"transpose": "a root is not linear in what its equation depends on"})


def _root_tangents(by_parameters: ByParameters, primals: Sequence[Any], tangents: Sequence[Any], results: Sequence[Any],
                   params: dict[str, Any]) -> list[Any]:
    f_consts, _, solve_consts, _ = split_list(primals, params["const_lengths"])
    dots = split_list(tangents, params["const_lengths"])[0]
    x = results[:len(params["f"].out_avals)]
    if all(type(t) is Zero for t in dots):
        return [Zero(tangent_aval(typeof(y))) for y in results]
    residual_dots = [instantiate(t) for t in by_parameters(params["f"], f_consts, dots, x)]
    solver = params["tangent_solve"]
    x_dots = [neg_p.bind(t) for t in eval_jaxpr(solver.jaxpr, solver.consts, *solve_consts, *x, *residual_dots)]
    return [*x_dots, *(Zero(tangent_aval(typeof(y))) for y in results[len(x):])]


def _root_batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, f: ClosedJaxpr, solve: ClosedJaxpr, tangent_solve: ClosedJaxpr,
    const_lengths: Lengths,
) -> tuple[list[Any], list[int | None]]:
    consts, const_dims = split_list(args, const_lengths), split_list(dims, const_lengths)
    n, name = len(f.out_avals), getattr(size, "name", None)
    made = [_batched(closed, int(size), name, (*at, *(0 for _ in range(variables))))
            for closed, at, variables in ((f, const_dims[0], n), (solve, const_dims[1], n), (tangent_solve, const_dims[2], 2 * n))]
    guess = [moved_to_front(size, x, d) for x, d in safe_zip(consts[3], const_dims[3])]
    leading = [[*more, *given] for (_, more), given in safe_zip(made, consts[:3])]
    outs = custom_root_p.bind(*(c for cs in leading for c in cs), *guess, f=made[0][0], solve=made[1][0], tangent_solve=made[2][0],
                              const_lengths=tuple(map(len, leading)))
    return outs, [0 for _ in outs]


@memoized
def _batched(closed: ClosedJaxpr, size: int, axis_name: Any, dims: tuple[int | None, ...]) -> tuple[ClosedJaxpr, tuple[Any, ...]]:
    """The batched jaxpr, all of whose results have the batch axis first, without its constants; and these."""
    made, _ = batch_jaxpr(closed, size, axis_name, dims, (True,) * len(closed.out_avals))
    return with_leading_inputs(made), made.consts


# -- linear systems -------------------------------------------------------------------------------------------------------
# params: matvec (consts, x), vecmat (consts, x), solve (consts, b), transpose_solve (consts, b); vecmat and transpose_solve are None
# where no transpose solver is given. The operands are the consts of each, then b.

def _system(params: dict[str, Any]) -> list[ClosedJaxpr | None]:
    return [params[name] for name in ("matvec", "vecmat", "solve", "transpose_solve")]


def _solve_abstract(*avals: ShapedArray, solve: ClosedJaxpr, **_: Any) -> list[ShapedArray]:
    return solve.out_avals


def _solve_impl(*values: Any, **params: Any) -> list[Any]:
    return run_call(custom_linear_solve_p, values, params)


def _solve_inline(*avals: ShapedArray, solve: ClosedJaxpr, const_lengths: Lengths, **_: Any) -> ClosedJaxpr:
    return _by_solver(solve, avals, const_lengths, 2)


custom_linear_solve_p = primitive(
    "custom_linear_solve", impl=_solve_impl, abstract=_solve_abstract, inline=_solve_inline, lower=_lower,
    multiple_results=True)


def _solve_tangents(by_parameters: ByParameters, primals: Sequence[Any], tangents: Sequence[Any], results: Sequence[Any],
                    params: dict[str, Any]) -> list[Any]:
    lengths = params["const_lengths"]
    consts, *_, b = split_list(primals, lengths)
    dots, *_, b_dots = split_list(tangents, lengths)
    n = len(b)
    still = [Zero(tangent_aval(typeof(y))) for y in results]
    if any(active_mask(dots)):
        b_dots = [_difference(s, t) for s, t in safe_zip(b_dots, by_parameters(params["matvec"], consts, dots, results[:n]))]
    if all(type(t) is Zero for t in b_dots):
        return still
    x_dots = custom_linear_solve_p.bind(*primals[:len(primals) - n], *map(instantiate, b_dots), **params)
    return [*x_dots[:n], *still[n:]]


def _difference(x: Any, y: Any) -> Any:
    if type(y) is Zero:
        return x
    return neg_p.bind(y) if type(x) is Zero else sub_p.bind(x, y)


def _solve_transpose(cts: Sequence[Any], *operands: Any, const_lengths: Lengths, **params: Any) -> list[Any]:
    matvec, vecmat, solve, transpose_solve = _system(params)
    if transpose_solve is None:
        raise TypeError("custom_linear_solve: reverse mode needs a solver of the transposed system, at "
                        f"{describe(user_source())}. Pass transpose_solve, or symmetric=True if the matrix is symmetric.")
    *consts, b = split_list(operands, const_lengths)
    swapped = [consts[k] for k in (1, 0, 3, 2)]
    outs = custom_linear_solve_p.bind(
        *(c for cs in swapped for c in cs), *map(instantiate, cts[:len(b)]), matvec=vecmat, vecmat=matvec, solve=transpose_solve,
        transpose_solve=solve, const_lengths=tuple(map(len, swapped)))
    bars = [bar if isinstance(x, Linear) else None for x, bar in zip(b, outs[:len(b)], strict=True)]
    return [*(None for _ in range(len(operands) - len(b))), *bars]


def _solve_batch(
    size: Any, args: Sequence[Any], dims: Sequence[int | None], *, const_lengths: Lengths, **params: Any,
) -> tuple[list[Any], list[int | None]]:
    (*consts, b), (*const_dims, b_dims) = split_list(args, const_lengths), split_list(dims, const_lengths)
    name, fronts = getattr(size, "name", None), (0,) * len(b)
    made = [(None, ()) if closed is None else _batched(closed, int(size), name, (*at, *fronts))
            for closed, at in safe_zip(_system(params), const_dims)]
    leading = [[*more, *given] for (_, more), given in safe_zip(made, consts)]
    matvec, vecmat, solve, transpose_solve = (closed for closed, _ in made)
    outs = custom_linear_solve_p.bind(
        *(c for cs in leading for c in cs), *(moved_to_front(size, x, d) for x, d in safe_zip(b, b_dims)), matvec=matvec, vecmat=vecmat,
        solve=solve, transpose_solve=transpose_solve, const_lengths=tuple(map(len, leading)))
    return outs, [0 for _ in outs]


# -- rules that both have -------------------------------------------------------------------------------------------------

def _set_derivatives(prim: Primitive, tangents_of: Callable[..., list[Any]]) -> None:
    def jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
        results = prim.bind(*primals, **params)
        return results, tangents_of(_by_jvp, primals, tangents, results, params)

    def linearize_rule(trace: Any, primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
        with running(trace.parent):
            results = prim.bind(*primals, **params)
        with running(trace):
            return results, tangents_of(_by_linearization(trace), primals, tangents, results, params)

    prim.jvp, prim.linearize = jvp, linearize_rule


_set_derivatives(custom_root_p, _root_tangents)
_set_derivatives(custom_linear_solve_p, _solve_tangents)
custom_root_p.batch = _root_batch
custom_linear_solve_p.batch, custom_linear_solve_p.transpose = _solve_batch, _solve_transpose


# -- the functions --------------------------------------------------------------------------------------------------------

Solver = Callable[[Callable[..., Any], Any], Any]


def custom_root(f: Callable[[Any], Any], initial_guess: Any, solve: Solver, tangent_solve: Solver, has_aux: bool = False) -> Any:
    """A root of `f`, found by `solve` and differentiated by the implicit function theorem.

    The result is differentiable, in both modes and to any order, by what `f` closes over; the steps of `solve` are not
    differentiated, and neither `initial_guess` nor what `solve` closes over has an influence on the derivative.

    Args:
        f: a function whose result has the structure and types of its argument.
        initial_guess: where `solve` starts, a pytree of arrays.
        solve: ``solve(f, initial_guess)`` returns a root, of the structure of the guess.
        tangent_solve: ``tangent_solve(g, y)`` returns the x with ``g(x) = y`` for a linear function g. For reverse mode it is
            linear in y and made of operations that can be transposed, or of `custom_linear_solve`.
        has_aux: whether `solve` returns a pair ``(root, auxiliary data)``; the latter has no derivative.

    Returns:
        the root, or the pair.

    Raises:
        TypeError: if a function is not callable, or a result is not of the structure and types of the guess.

    >>> import functrans as ft
    >>> def newton(f, x):
    ...     for _ in range(6):
    ...         x = x - f(x) / ft.grad(f)(x)
    ...     return x
    >>> root = lambda a: custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
    >>> print(root(4.0), ft.grad(root)(4.0))
    2.0 0.25
    """
    _check_callable("custom_root", f=f, solve=solve, tangent_solve=tangent_solve)
    f = called_by("custom_root", "f", f, ["x"])
    solve, tangent_solve = _solver("custom_root", "solve", solve, "f"), _solver("custom_root", "tangent_solve", tangent_solve, "g")
    guess, tree = tree_flatten(initial_guess)
    in_tree = tree_flatten(((initial_guess,), {}))[1]
    check_arrays(guess, [initial_guess], f, "custom_root")
    residual, guess = trace_carry(f, in_tree, [], guess, tree, arg_paths([initial_guess], f), "custom_root", ("f", "value"))
    avals = [typeof(x) for x in guess]
    solved = trace_closed(lambda x: solve(f, x), in_tree, avals, "custom_root")
    solution, out_tree = _solution("custom_root", "solve", solve, solved, tree, avals, has_aux)

    def solve_tangent(x: Any, y: Any) -> Any:
        return tangent_solve(linearize(f, x)[1], y)

    pair_tree = tree_flatten(((initial_guess, initial_guess), {}))[1]
    solver = trace_closed(solve_tangent, pair_tree, [*avals, *map(tangent_aval, avals)], "custom_root")
    tangent, _ = _solution("custom_root", "tangent_solve", tangent_solve, solver, tree, [tangent_aval(a) for a in avals], False)
    parts = (residual, solution, tangent)
    outs = custom_root_p.bind(*(c for part in parts for c in part.consts), *guess, f=residual.jaxpr, solve=solution.jaxpr,
                              tangent_solve=tangent.jaxpr, const_lengths=tuple(len(part.consts) for part in parts))
    return tree_unflatten(out_tree, outs)


def custom_linear_solve(
    matvec: Callable[[Any], Any], b: Any, solve: Solver, transpose_solve: Solver | None = None, symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The x with ``matvec(x) = b``, found by `solve` and differentiated as the solution of a linear system.

    The result is differentiable, in both modes and to any order, by `b` and by what `matvec` closes over; the steps of the
    solvers are not differentiated.

    Args:
        matvec: a linear function, whose result has the structure and types of its argument.
        b: the right-hand side, a pytree of arrays.
        solve: ``solve(matvec, b)`` returns the solution.
        transpose_solve: ``transpose_solve(vecmat, b)`` returns the solution of the transposed system, of which vecmat is the
            function; reverse mode needs it.
        symmetric: whether the matrix is symmetric: then `solve` serves for the transposed system too.
        has_aux: whether the solvers return a pair ``(solution, auxiliary data)``; the latter has no derivative.

    Returns:
        the solution, or the pair.

    Raises:
        TypeError: if a function is not callable, or a result is not of the structure and types of `b`; (from reverse mode) if there
            is no `transpose_solve`.

    >>> import functrans as ft
    >>> solve = lambda a, b: custom_linear_solve(lambda x: a * x, b, lambda matvec, b: b / a, symmetric=True)
    >>> print(solve(4.0, 2.0), *ft.grad(solve, (0, 1))(4.0, 2.0))
    0.5 -0.125 0.25
    """
    name = "custom_linear_solve"
    _check_callable(name, matvec=matvec, solve=solve, **({} if transpose_solve is None else {"transpose_solve": transpose_solve}))
    matvec, solve = called_by(name, "matvec", matvec, ["x"]), _solver(name, "solve", solve, "matvec")
    transpose_solve = transpose_solve and _solver(name, "transpose_solve", transpose_solve, "vecmat")
    flat, tree = tree_flatten(b)
    in_tree = tree_flatten(((b,), {}))[1]
    check_arrays(flat, [b], matvec, name)
    product, flat = trace_carry(matvec, in_tree, [], flat, tree, arg_paths([b], matvec), name, ("matvec", "vector"))
    avals = [typeof(x) for x in flat]

    def solver(given: Solver, what: str, function: Callable[[Any], Any]) -> tuple[Closure, PyTreeDef]:
        made = trace_closed(lambda y: given(function, y), in_tree, avals, name)
        return _solution(name, what, given, made, tree, avals, has_aux)

    solution, out_tree = solver(solve, "solve", matvec)
    transposed, transposed_solution = (product, solution) if symmetric else (None, None)
    if transpose_solve is not None and not symmetric:
        transposed = Closure(_transposed_product(product, avals), product.consts, tree)

        def vecmat(x: Any) -> Any:
            leaves = tree_flatten(x)[0]
            return tree_unflatten(tree, eval_jaxpr(transposed.jaxpr.jaxpr, transposed.jaxpr.consts, *transposed.consts, *leaves))

        transposed_solution, transposed_tree = solver(transpose_solve, "transpose_solve", vecmat)
        if transposed_tree != out_tree:
            why = tree_differences(out_tree, transposed_tree, "solve", "transpose_solve")
            raise TypeError(f"{name}: solve and transpose_solve must return one structure, at {describe(user_source())}; {why}.")
    parts = (product, transposed, solution, transposed_solution)
    outs = custom_linear_solve_p.bind(
        *(c for part in parts if part is not None for c in part.consts), *flat, matvec=product.jaxpr,
        vecmat=transposed and transposed.jaxpr, solve=solution.jaxpr, transpose_solve=transposed_solution and transposed_solution.jaxpr,
        const_lengths=tuple(0 if part is None else len(part.consts) for part in parts))
    return tree_unflatten(out_tree, outs)


def _transposed_product(product: Closure, avals: Sequence[ShapedArray]) -> ClosedJaxpr:
    """The transpose of ``product(consts, x)``, linear in x."""
    n = len(avals)
    made, _ = transposed_jaxpr(product.jaxpr, (*(False for _ in product.consts), *(True for _ in range(n))), (False,) * n, True)
    return with_leading_inputs(conformed(made, avals))


def _solver(name: str, role: str, solve: Solver, function: str) -> Solver:
    return called_by(name, role, solve, [function, "b" if name == "custom_linear_solve" else "y" if role == "tangent_solve" else "guess"])


def _check_callable(name: str, **functions: Any) -> None:
    for what, fun in functions.items():
        if not callable(fun):
            raise TypeError(f"{name}: {what} must be callable; got {fun!r}, at {describe(user_source())}.")


def _solution(
    name: str, what: str, fun: Any, made: Closure, tree: PyTreeDef, avals: Sequence[ShapedArray], has_aux: bool,
) -> tuple[Closure, PyTreeDef]:
    """A traced solver whose solution has the given structure and types, and the structure of all that it returns."""
    where = f"{name}: {what} ({code_line(fun)}), called at {describe(user_source())},"
    placeholder = tree_unflatten(made.out_tree, made.jaxpr.out_avals)
    if has_aux:
        if not isinstance(placeholder, tuple) or len(placeholder) != 2:
            raise ValueError(f"{where} must return a pair (solution, auxiliary data) as has_aux=True; it returns {made.out_tree}.")
        placeholder, _ = placeholder
    found, got = tree_flatten(placeholder)
    if got != tree:
        why = tree_differences(tree, got, "what is asked for", what)
        raise TypeError(f"{where} must return a solution of the structure of what it starts from; {why}.")
    for (path, mine), aval in safe_zip(tree_flatten_with_path(placeholder)[0], avals):
        if not yields(mine, aval):
            raise TypeError(f"{where} must return a solution of the types of what it starts from; result{keystr(path)} is {mine} in "
                            f"place of {aval}. Convert it, for example with .astype('{aval.dtype}').")
    results = [*avals, *made.jaxpr.out_avals[len(found):]]
    return Closure(conformed(made.jaxpr, results), made.consts, made.out_tree), made.out_tree
