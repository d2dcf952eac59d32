"""Functions that a user gives to a construct, called by it: a call that does not fit the function's signature says so in the
construct's terms.

``while_loop(lambda i, x: ..., body, (0, x))`` is a common slip: the carry is one argument. Python's own message, "missing 1 required
positional argument", tells neither what called the function nor what with. Whether the arguments fit is asked of the signature, and
only once a call has failed: a `TypeError` raised inside the function goes through untouched, and a call that succeeds costs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from functrans.core.source import Source, describe, user_source
from functrans.core.trace import is_array_like, typeof
from functrans.transforms.flatten import fun_name, wraps
from functrans.tree_util import tree_map

__all__ = ["called", "called_by", "code_line"]


def code_line(fun: Callable[..., Any]) -> str:
    """``name at file.py:12`` for messages about a function that the user passed."""
    code = getattr(inspect.unwrap(fun), "__code__", None)
    return fun_name(fun) if code is None else f"{fun_name(fun)} at {code.co_filename}:{code.co_firstlineno}"


def called_by(construct: str, role: str, fun: Callable[..., Any], words: Sequence[str]) -> Callable[..., Any]:
    """`fun`, whose calls with arguments that do not fit it raise an error of the construct's.

    Args:
        construct: what messages call the construct, as in ``"while_loop"``.
        role: what they call the function, as in ``"body_fun"``.
        words: what they call the arguments, in order; the last serves for all that follow.
    """

    checked: Callable[..., Any] = wraps(fun)(lambda *args: called(construct, role, fun, words, args))
    return checked


def called(
    construct: str, role: str, fun: Callable[..., Any], words: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any] | None = None,
    source: Source = None,
) -> Any:
    """``fun(*args, **kwargs)``, for the construct as in `called_by`; `source` is the user's line, where it is not the present one."""
    kwargs = kwargs or {}
    try:
        return fun(*args, **kwargs)
    except TypeError as error:
        why = _misfit(fun, args, kwargs)
        if why is None:
            raise
        given = [(words[min(i, len(words) - 1)], x) for i, x in enumerate(args)]
        given += [(f"{name}=", x) for name, x in kwargs.items()]
        raise TypeError(_message(construct, role, fun, given, why, source or user_source())) from error


def _misfit(fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> str | None:
    """Why `fun` cannot be called with the arguments; None where it can, or nobody knows."""
    try:
        signature = inspect.signature(fun)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"its parameters are {signature}: {error}"
    return None


def _message(construct: str, role: str, fun: Callable[..., Any], given: Sequence[tuple[str, Any]], why: str, source: Source) -> str:
    count = f"{len(given)} argument{'' if len(given) == 1 else 's'}" if given else "no arguments"
    types = "".join(f"; {word} is {_types(x)}" for word, x in given)
    together = [word for word, x in given if isinstance(x, (tuple, list))]
    unpack = f" {together[0]} is one argument: take it apart inside, as in a, b = {together[0]}." if together else ""
    return (f"{construct}: {role} {code_line(fun)} is called with {count}, ({', '.join(word for word, _ in given)}), and {why}, at "
            f"{describe(source)}{types}. Give it {len(given) or 'no'} parameter{'' if len(given) == 1 else 's'}.{unpack}")


def _types(x: Any) -> str:
    """The structure of an argument with the types of its arrays."""
    if isinstance(x, type) or callable(x):
        return f"the function {fun_name(x)}"
    text = str(tree_map(lambda leaf: typeof(leaf).strong() if is_array_like(leaf) else leaf, x))
    return text if len(text) <= 200 else text[:197] + "..."
