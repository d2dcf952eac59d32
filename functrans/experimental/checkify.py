"""`checkify`: functions that return their run-time errors.

Compiled code does not stop to raise. `checkify` makes of a function one that returns an `Error` beside its result, which says whether
a `check` of the function's own failed, a nan appeared, a divisor was zero or an index was out of bounds, and at which line. It
works through `jit`, `vmap`, `grad`, `cond`, `while_loop` and `scan`; the result of `checkify` may be transformed and compiled in turn.

A `check` that no `checkify` takes raises, in eager and in compiled code alike.

>>> import functrans as ft, functrans.numpy as fnp
>>> def f(x, i):
...     check(fnp.all(x > 0), "x must be positive, not {x}", x=x)
...     return fnp.log(x)[i]
>>> error, out = ft.jit(checkify(f, errors=all_checks))(fnp.array([1.0, -1.0]), 0)
>>> print(error.get().split(", at")[0])
x must be positive, not [ 1. -1.] (`check` failed)

Reference: the names and the semantics are those of `jax.experimental.checkify`. Messages name the user's line besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.calls.checked import Categories, run_checked
from functrans.calls.checks import (
    DivisionByZeroError,
    FailedCheckError,
    JaxException,
    JaxRuntimeError,
    NaNError,
    OOBError,
    Site,
    check_p,
    first_failure,
    message_of,
)
from functrans.calls.questions import QuestionsPassedOn
from functrans.core.array import Array
from functrans.core.source import describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.debug import check_format
from functrans.numpy.choice import where
from functrans.numpy.util import asarray_internal
from functrans.transforms.flatten import FlatFun, check_arrays, fun_name, wraps
from functrans.transforms.stage import stage
from functrans.tree_util import keystr, register_pytree_node_class, tree_flatten, tree_flatten_with_path, tree_unflatten

__all__ = [
    "DivisionByZeroError", "Error", "ErrorCategory", "FailedCheckError", "JaxRuntimeError", "NaNError", "OOBError", "all_checks",
    "automatic_checks", "check", "check_error", "checkify", "debug_check", "div_checks", "float_checks", "index_checks", "init_error",
    "nan_checks", "user_checks",
]

ErrorCategory = type[JaxException]
"""What a set of errors consists of."""

user_checks: Categories = frozenset({FailedCheckError})
"""The errors of `check`."""
nan_checks: Categories = frozenset({NaNError})
"""An operation gives nan."""
div_checks: Categories = frozenset({DivisionByZeroError})
"""A divisor is zero."""
index_checks: Categories = frozenset({OOBError})
"""An index is out of bounds."""
float_checks: Categories = nan_checks | div_checks
"""The errors of floating-point arithmetic."""
automatic_checks: Categories = float_checks | index_checks
"""All errors that need no `check`."""
all_checks: Categories = automatic_checks | user_checks
"""All errors."""


@register_pytree_node_class
class Error:
    """What went wrong in a function that was transformed by `checkify`, if anything: the first error that occurred.

    A pytree, so that compiled and mapped functions may return it; mapped, it has the error of each element.

    >>> error, _ = checkify(lambda x: check(x > 0, "{} is not positive", x))(1.0)
    >>> print(error)
    Error(None)
    """

    __slots__ = ("_code", "_sites", "_slots")

    def __init__(self, code: Any, slots: tuple[Any, ...] = (), sites: tuple[Site, ...] = ()) -> None:
        self._code = code
        self._slots = slots
        self._sites = sites

    def get(self) -> str | None:
        """The message, or None if all went well; for a batch a line for each element that failed.

        >>> init_error.get() is None
        True
        """
        return message_of(self._sites, np.asarray(self._code), [np.asarray(s) for s in self._slots])

    def get_exception(self) -> JaxException | None:
        """An exception of the error's category with its message, or None if all went well.

        >>> error, _ = checkify(lambda x: 1 / x, errors=div_checks)(0.0)
        >>> type(error.get_exception()).__name__
        'DivisionByZeroError'
        """
        category = first_failure(self._sites, np.asarray(self._code))
        return None if category is None else category(self.get())

    def throw(self) -> None:
        """Raise the error, if there is one.

        Raises:
            JaxRuntimeError: a ValueError with the message of `get`.
        """
        message = self.get()
        if message is not None:
            raise JaxRuntimeError(message)

    def __str__(self) -> str:
        return f"Error({self.get()})"

    __repr__ = __str__

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Site, ...]]:
        """The arrays, and the static description of what can go wrong."""
        return (self._code, *self._slots), self._sites

    @classmethod
    def tree_unflatten(cls, sites: tuple[Site, ...], children: Any) -> Error:
        """The error of given arrays."""
        code, *slots = children
        return cls(code, tuple(slots), sites)


init_error = Error(Array(np.array(0, np.int32)))
"""No error."""


def checkify(f: Callable[..., Any], errors: Categories = user_checks) -> Callable[..., tuple[Error, Any]]:
    """A function that returns the errors of `f` beside its result.

    `f` runs to its end in any case; after an error its result means nothing. An index out of bounds, where that is looked for, reads
    or writes the nearest element instead of raising. Looking costs: a pass over the results of every operation for `nan_checks`.

    Args:
        f: a function of pytrees of arrays.
        errors: which errors to look for, a set such as `user_checks` (the default), `nan_checks`, `div_checks`, `index_checks`,
            `float_checks`, `automatic_checks`, `all_checks`, or a union of these.

    Returns:
        a function that takes the arguments of `f` and returns the pair of an `Error` and the result of `f`.

    Raises:
        TypeError: if `f` is not callable or `errors` is no set of error categories.

    >>> import functrans.numpy as fnp
    >>> error, out = checkify(lambda x: fnp.sqrt(x) - 1.0, errors=float_checks)(-4.0)
    >>> print(error.get().split(", at")[0])
    nan generated by primitive: sqrt
    """
    if not callable(f):
        raise TypeError(f"checkify takes a function; got {f!r} of type {type(f).__name__}, at {describe(user_source())}.")
    wanted = _categories(errors)

    @wraps(f)
    def checked(*args: Any, **kwargs: Any) -> tuple[Error, Any]:
        leaves, tree = tree_flatten((args, kwargs))
        check_arrays(leaves, args, f, "checkify", kwargs)
        flat_fun = FlatFun(f, tree, False, "checkify")
        closed = stage(flat_fun, [typeof(x) for x in leaves], f"checkify of {fun_name(f)}", QuestionsPassedOn(leaves))
        outs, ledger = run_checked(closed.jaxpr, closed.consts, leaves, wanted)
        code, *slots = map(asarray_internal, ledger.results()) if ledger.sites else (np.int32(0),)
        return Error(asarray_internal(code), tuple(slots), ledger.sites), tree_unflatten(flat_fun.out_tree, map(asarray_internal, outs))

    return checked


def _categories(errors: Any) -> Categories:
    if not isinstance(errors, (set, frozenset)) or not all(isinstance(e, type) and issubclass(e, JaxException) for e in errors):
        raise TypeError(f"checkify: errors must be a set of error categories; got {errors!r}, at {describe(user_source())}. Use "
                        "checkify.user_checks, nan_checks, div_checks, index_checks, float_checks, automatic_checks, all_checks, or a "
                        "union of these.")
    return frozenset(errors)


def check(pred: Any, msg: str, *fmt_args: Any, debug: bool = False, **fmt_kwargs: Any) -> None:
    """An error with the message `msg`, if `pred` is False.

    In a function transformed by `checkify` (with `user_checks`) the error is returned; elsewhere it is raised, by compiled code too.

    Args:
        pred: a bool scalar.
        msg: a format string, as for `str.format`.
        fmt_args, fmt_kwargs: what it names, pytrees of arrays.
        debug: whether the check is dropped where no `checkify` takes it.

    Raises:
        JaxRuntimeError: if `pred` is False and no `checkify` takes the error.
        TypeError: if `pred` is no bool scalar, `msg` no string, or an argument no array.
        KeyError, IndexError: if `msg` names an argument that is not given.

    >>> check(True, "never seen")
    """
    _bind_check("check", pred, msg, fmt_args, fmt_kwargs, debug)


def debug_check(pred: Any, msg: str, *fmt_args: Any, **fmt_kwargs: Any) -> None:
    """A `check` that costs nothing, and does nothing, where no `checkify` takes it.

    >>> debug_check(False, "never seen")
    >>> checkify(lambda x: debug_check(x > 0, "seen"))(-1.0)[0].get().split(", at")[0]
    'seen (`check` failed)'
    """
    _bind_check("debug_check", pred, msg, fmt_args, fmt_kwargs, True)


def _bind_check(name: str, pred: Any, msg: str, args: tuple[Any, ...], kwargs: dict[str, Any], debug: bool) -> None:
    if not is_array_like(pred) or typeof(pred).shape or typeof(pred).dtype != np.bool_:
        got = typeof(pred) if is_array_like(pred) else f"{pred!r} of type {type(pred).__name__}"
        raise TypeError(f"{name} takes a scalar pred, of dtype bool; got {got}, at {describe(user_source())}. Reduce a comparison of "
                        "arrays with .all() or .any().")
    if not isinstance(msg, str):
        raise TypeError(f"{name}: msg is a format string; got {msg!r} of type {type(msg).__name__}, at {describe(user_source())}.")
    check_format(name, msg, args, kwargs, may_be_unused=True)
    leaves, tree = tree_flatten((args, kwargs))
    for path, x in tree_flatten_with_path((args, kwargs))[0]:
        if not is_array_like(x):
            raise TypeError(f"{name}: formatting arguments must be pytrees of arrays; {keystr(path)} is {x!r} of type {type(x).__name__}, "
                            f"at {describe(user_source())}. Put what is no array into the message itself.")
    site = Site(FailedCheckError, msg, tree, tuple(range(len(leaves))), user_source())
    code = where(pred, np.int32(0), np.int32(1))
    check_p.bind(code, *map(asarray_internal, leaves), sites=(site,), debug=bool(debug))


def check_error(error: Error) -> None:
    """Raise `error` if it is one; in a function transformed by `checkify` it is returned, as that of a `check` is.

    Args:
        error: what a function transformed by `checkify` returned.

    Raises:
        JaxRuntimeError: if it is an error and no `checkify` takes it.
        TypeError: if it is no `Error`.

    >>> error, _ = checkify(lambda x: check(x > 0, "not positive"))(1.0)
    >>> check_error(error)
    """
    if not isinstance(error, Error):
        raise TypeError(f"check_error takes the Error that a function transformed by checkify returns; got {error!r} of type "
                        f"{type(error).__name__}, at {describe(user_source())}. Use check(pred, msg) for a condition.")
    (code, *slots), sites = error.tree_flatten()
    if sites:
        check_p.bind(code, *slots, sites=sites, debug=False)
