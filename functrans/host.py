"""Names that programs written for devices use, where there is one host: moving arrays, waiting for them, naming parts of programs."""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any, TypeVar

import numpy as np

from functrans.core.array import Array
from functrans.core.source import describe, user_source
from functrans.core.trace import EvalTrace, Tracer, is_array_like, running, to_numpy
from functrans.numpy.util import asarray_internal, check_device
from functrans.tree_util import tree_map

__all__ = [
    "block_until_ready", "device_get", "device_put", "ensure_compile_time_eval", "live_arrays", "named_call", "named_scope",
    "print_environment_info",
]

F = TypeVar("F", bound=Callable[..., Any])


def block_until_ready(x: Any) -> Any:
    """The pytree `x`: results here are always ready.

    >>> block_until_ready({"a": 1})
    {'a': 1}
    """
    return x


def device_put(
    x: Any, device: Any = None, *, src: Any = None, donate: Any = False, may_alias: Any = None,
) -> Any:
    """The pytree `x` with its leaves as arrays; there is one device.

    Raises:
        TypeError: if a leaf is not an array or a number.

    >>> device_put({"a": np.ones(2)})
    {'a': Array([1., 1.], dtype=float64)}
    """

    def put(leaf: Any) -> Any:
        if not is_array_like(leaf):
            raise TypeError(f"device_put takes pytrees of arrays and numbers; got {leaf!r} of type {type(leaf).__name__}, at "
                            f"{describe(user_source())}.")
        # a copy, since the caller may change the array that it gave
        return asarray_internal(np.array(leaf) if isinstance(leaf, np.ndarray) else leaf)

    return tree_map(put, x)


def device_get(x: Any) -> Any:
    """The pytree `x` with its leaves as NumPy arrays (read-only ones of arrays of this library).

    Raises:
        TracerArrayConversionError: if a leaf is traced.

    >>> from functrans.numpy import ones
    >>> device_get([ones(2), 3])
    [array([1., 1.]), array(3)]
    """
    return tree_map(lambda leaf: np.asarray(leaf) if isinstance(leaf, Tracer) or not is_array_like(leaf) else to_numpy(leaf), x)


def ensure_compile_time_eval() -> AbstractContextManager[Any]:
    """A context in which operations on known values run at once, also while `jit` traces.

    >>> from functrans.numpy import arange
    >>> from functrans.calls.jitted import jit
    >>> @jit
    ... def f(x):
    ...     with ensure_compile_time_eval():
    ...         n = int(arange(4).sum())
    ...     return x * n
    >>> print(f(2.0))
    12.0
    """
    return running(EvalTrace(None))


def live_arrays(platform: str | None = None) -> list[Array]:
    """All arrays of this library that something still holds: those of compiled programs' constants too.

    Args:
        platform: ``"cpu"`` or None.

    Raises:
        ValueError: for another platform.

    >>> from functrans.numpy import ones
    >>> x = ones(3)
    >>> any(y is x for y in live_arrays())
    True
    """
    check_device("live_arrays", platform)
    return [x for x in gc.get_objects() if type(x) is Array]


def named_call(fun: F, *, name: str | None = None) -> F:
    """`fun`; names of parts are accepted, and not recorded."""
    return fun


def named_scope(name: str) -> AbstractContextManager[None]:
    """A context that names a part of a program; names are accepted, and not recorded.

    Raises:
        TypeError: if `name` is not a string.

    >>> with named_scope("layer 1"):
    ...     pass
    """
    if not isinstance(name, str):
        raise TypeError(f"named_scope takes a name; got {name!r} of type {type(name).__name__}, at {describe(user_source())}.")
    return nullcontext()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed as a package"


def print_environment_info(return_string: bool = False) -> str | None:
    """Print the versions of the library, of what it uses, and of the system; or return that text.

    >>> "python" in print_environment_info(return_string=True)
    True
    """
    facts = {name: _version(name) for name in ("functrans", "numpy", "llvmlite")}
    facts |= {"python": sys.version.replace("\n", " "), "platform": f"{platform.platform()} {platform.machine()}"}
    text = "\n".join(f"{name + ':':10s} {value}" for name, value in facts.items())
    if return_string:
        return text
    print(text)
    return None
