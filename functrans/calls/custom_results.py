"""What custom rules are given and what they may return: arguments by position, symbolic zeros, results of the right types.

A rule is Python of the user's, so all that comes back from it is checked here, and an error names the function, the rule, the
leaf and both types.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import arguments
from functrans.core.array import Array
from functrans.core.aval import ShapedArray, Zero, tangent_aval
from functrans.core.dtypes import float0, kind_of
from functrans.core.source import describe, user_source
from functrans.core.trace import Tracer, is_array_like, typeof
from functrans.primitives.structural import convert_element_type, materialize
from functrans.transforms.flatten import FlatFun, fun_name
from functrans.tree_util import PyTreeDef, equality_errors, keystr, tree_flatten_with_path, tree_map, tree_unflatten
from functrans.util import safe_zip

__all__ = [
    "CalledFun", "CustomVJPPrimal", "SymbolicZero", "brief", "check_same_structure", "conform", "conform_primals",
    "custom_vjp_primal_tree_values", "given_primal", "given_tangent", "leaf_paths", "leaf_paths_of", "resolve_args", "resolve_nondiff",
    "signature_of", "split_nondiff", "zero_from_primal",
]


# -- symbolic zeros -----------------------------------------------------------------------------------------------------------

class SymbolicZero:
    """A tangent or cotangent known to be zero, as rules with ``symbolic_zeros=True`` see it and may return it.

    >>> SymbolicZero(typeof(2.0))
    SymbolicZero(f64[])
    """

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = tangent_aval(aval)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def size(self) -> int:
        return self.aval.size

    @staticmethod
    def from_primal_value(value: Any) -> SymbolicZero:
        """The zero tangent of `value`."""
        return SymbolicZero(typeof(value))

    def __repr__(self) -> str:
        return f"SymbolicZero({self.aval})"


class CustomVJPPrimal:
    """What a forward rule with ``symbolic_zeros=True`` takes in the place of each array.

    Attributes: `value`, the array; `perturbed`, whether the result is differentiated with respect to it.
    """

    __slots__ = ("perturbed", "value")

    def __init__(self, value: Any, perturbed: bool) -> None:
        self.value = value
        self.perturbed = perturbed

    def __repr__(self) -> str:
        return f"CustomVJPPrimal(value={self.value}, perturbed={self.perturbed})"


def custom_vjp_primal_tree_values(tree: Any) -> Any:
    """`tree` with each `CustomVJPPrimal` replaced by its value.

    >>> custom_vjp_primal_tree_values((CustomVJPPrimal(2.0, True), 3.0))
    (2.0, 3.0)
    """
    return tree_map(lambda x: x.value if isinstance(x, CustomVJPPrimal) else x, tree)


def zero_from_primal(val: Any, symbolic_zeros: bool = False) -> Any:
    """The zero tangent of `val`: an array (of dtype float0 for integers), or a `SymbolicZero`.

    >>> import numpy as np
    >>> zero_from_primal(np.ones(2))
    Array([0., 0.], dtype=float64)
    >>> zero_from_primal(3)
    array((b'',), dtype=[('float0', 'V')])
    """
    return given_tangent(Zero(tangent_aval(typeof(val))), symbolic_zeros)


def given_primal(x: Any) -> Any:
    """An argument as a rule takes it. In place of a caller's ndarray an `Array`, as from the operations around the call."""
    if type(x) is not np.ndarray or x.dtype == float0:
        return x
    return Array(x.copy() if x.flags.writeable else x)


def given_tangent(t: Any, symbolic_zeros: bool) -> Any:
    """A tangent or cotangent as a rule takes it."""
    if type(t) is Zero and symbolic_zeros:
        return SymbolicZero(t.aval)
    return materialize(t)


# -- signatures -----------------------------------------------------------------------------------------------------------------

def signature_of(fun: Callable[..., Any]) -> inspect.Signature | None:
    """The signature, None for a builtin without one."""
    try:
        return inspect.signature(fun)
    except (TypeError, ValueError):
        return None


def resolve_args(
    fun: Callable[..., Any], signature: inspect.Signature | None, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any],
) -> tuple[Any, ...]:
    """Every argument by position, with defaults filled in: rules have no keywords.

    Raises:
        TypeError: if the arguments do not fit the signature, or one can be given by keyword only.
    """
    if signature is None:
        if kwargs:
            raise TypeError(f"{kind} function {fun_name(fun)} has no signature, so its arguments must be positional.")
        return args
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{kind} function {fun_name(fun)}: the arguments do not fit its signature {signature}: {error}, at "
                        f"{describe(user_source())}.") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"{kind} function {fun_name(fun)}: the arguments {', '.join(bound.kwargs)} can be given by keyword only, and "
                        f"its rule takes positions, at {describe(user_source())}. Make them positional arguments.")
    return bound.args


def resolve_nondiff(fun: Callable[..., Any], kind: str, argnums: Any, argnames: Any) -> tuple[int, ...]:
    """Positions of the arguments that are not differentiated.

    Raises:
        ValueError: if a name is not one of the arguments.
    """
    positions = dict.fromkeys((argnums,) if isinstance(argnums, int) else argnums)
    names = (argnames,) if isinstance(argnames, str) else tuple(argnames)
    if names:
        parameters = list(inspect.signature(fun).parameters)
        for name in names:
            if name not in parameters:
                raise ValueError(f"{kind} function {fun_name(fun)}: nondiff_argnames names {name!r}, which is not one of its arguments "
                                 f"({', '.join(parameters)}).")
            positions[parameters.index(name)] = None
    return tuple(positions)


def split_nondiff(
    fun: Callable[..., Any], kind: str, argnums: Sequence[int], args: tuple[Any, ...],
) -> tuple[Callable[[Sequence[Any]], list[Any]], tuple[Any, ...], tuple[Any, ...]]:
    """How to put the differentiable arguments back among the others; these arguments; and the others, as they were declared."""
    n = len(args)
    for i in argnums:
        if not -n <= i < n:
            raise ValueError(f"{kind} function {fun_name(fun)}: nondiff_argnums={tuple(argnums)} asks for argument {i}, and the call has "
                             f"{n} arguments, at {describe(user_source())}.")
    held = {i % n: args[i] for i in argnums}

    def merge(rest: Sequence[Any]) -> list[Any]:
        given = iter(rest)
        return [held[i] if i in held else next(given) for i in range(n)]

    return merge, tuple(a for i, a in enumerate(args) if i not in held), tuple(held.values())


# -- results of functions and of rules ---------------------------------------------------------------------------------------------

class CalledFun(FlatFun):
    """A flat function that remembers, once it has run, the types of its results: what a rule's results must be."""

    __slots__ = ("name", "out_avals")

    def __init__(self, fun: Callable[..., Any], name: str, in_tree: PyTreeDef, kind: str) -> None:
        super().__init__(fun, in_tree, False, kind)
        self.name = name
        self.out_avals: list[ShapedArray] | None = None

    def __call__(self, *leaves: Any) -> list[Any]:
        out = super().__call__(*leaves)
        self.out_avals = [typeof(y) for y in out]
        return out


def leaf_paths_of(tree: Any) -> list[str]:
    """The paths of the leaves of a tree."""
    return [keystr(path) for path, _ in tree_flatten_with_path(tree)[0]]


def leaf_paths(tree: PyTreeDef) -> list[str]:
    """The paths of the leaves of a structure, as in ``['w'][0]``."""
    return leaf_paths_of(tree_unflatten(tree, range(tree.num_leaves)))


def brief(x: Any) -> str:
    """A value, for messages."""
    if is_array_like(x):
        return f"an array of type {typeof(x)}"
    return arguments.brief(x)


def check_same_structure(where: str, got: Any, want: Any, what: str, error: type[Exception] = TypeError) -> None:
    """Refuse a rule's result whose structure is not that of `want`, naming the first place where they differ.

    Raises:
        TypeError or ValueError, as `error` says: then.
    """
    for path, first, second, why in equality_errors(got, want):
        raise error(f"{where} has at {keystr(path) or 'its root'} {first}, and {what} has {second} ({why}), at "
                        f"{describe(user_source())}. The two must have the same structure.")


def conform(where: str, x: Any, aval: ShapedArray, what: str, error: type[Exception] = TypeError) -> Any:
    """`x` of the type `aval`: a Python number takes the dtype, and anything else must have it.

    Raises:
        TypeError: if `x` is no array.
        TypeError or ValueError, as `error` says: if shapes or dtypes differ.
    """
    if not is_array_like(x):
        raise TypeError(f"{where} must be an array; it is {brief(x)}, at {describe(user_source())}.")
    given = typeof(x)
    fits = given.dtype == aval.dtype or (given.weak_type and _ORDER[kind_of(given.dtype)] <= _ORDER[kind_of(aval.dtype)])
    if given.shape != aval.shape or not fits:
        raise error(f"{where} has type {given}, and {what} needs {aval}, at {describe(user_source())}. Shapes and dtypes must be equal.")
    if given == aval:
        return x
    if not isinstance(x, Tracer) and not aval.shape and not aval.weak_type:
        return aval.dtype.type(x)  # known now, and so also while staging
    return convert_element_type(x, aval.dtype, weak_type=aval.weak_type)


_ORDER = {"V": -1, "b": 0, "u": 1, "i": 1, "f": 2, "c": 3}  # V is float0, which no number becomes


def conform_primals(where: str, out: Any, ys: list[Any], fun: CalledFun) -> list[Any]:
    """The primal results of a rule, which must be of the function's types, where these are known already."""
    for path, y in safe_zip(leaf_paths_of(out), ys):
        if not is_array_like(y):
            raise TypeError(f"{where}: the primal result{path} must be an array; it is {brief(y)}, at {describe(user_source())}.")
    if fun.out_avals is None:
        return ys
    check_same_structure(f"{where}: the primal result", out, tree_unflatten(fun.out_tree, fun.out_avals), "the function's result")
    return [conform(f"{where}: the primal result{path}", y, aval, "the function's result")
            for path, y, aval in safe_zip(leaf_paths(fun.out_tree), ys, fun.out_avals)]
