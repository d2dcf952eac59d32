"""The options of the library, in one `ContextVar`.

Two levels. The *default* options hold for the whole process and are changed by `config.update(name, value)` (all
threads see it). An *override* holds inside a `with` block, in the present thread or async task only: it sits in a
`ContextVar` and is removed in a `finally`. Inside a block the named options are fixed; the others follow the default.
Threads and tasks follow the rules of `contextvars`: an asyncio task starts with a copy of its creator's context, a new
thread with an empty one.

Reading is one `ContextVar.get` (`options()`). `trace_key` gives the part of the options on which a traced program
depends; it belongs in every cache key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Config", "Options", "config", "debug_infs", "debug_nans", "default_float", "disable_jit", "enable_checks",
    "enable_x64", "explain_cache_misses", "log_compiles", "options", "trace_key",
]  # fmt: skip


_FLOAT64: np.dtype[Any] = np.dtype(np.float64)


def _float_dtype(name: str, value: Any) -> np.dtype[Any]:
    try:
        found = "" if value is None else np.dtype(value).name  # by name: np.dtype(None) and None both "are" float64
    except TypeError:
        found = ""
    if found not in ("float32", "float64"):
        raise ValueError(f"{name} must be float32 or float64, got {value!r}; pass 'float32' or 'float64'")
    return np.dtype(found)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r} of type {type(value).__name__}")
    return bool(value)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r} of type {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


@dataclass(frozen=True, slots=True)
class Options:
    """All options, immutable and hashable. Values are validated on construction (TypeError, ValueError).

    default_float: the dtype that `fnp.zeros(3)` and `random.normal` give, float32 or float64.
    check: verify jaxprs and kernels after every transformation and pass.
    disable_jit: run `jit`-ted functions eagerly, operation by operation.
    debug_nans, debug_infs: raise where a result holds a nan or an infinity.
    log_compiles: log each compilation. explain_cache_misses: log why a function is traced again.
    max_paths: how many Python control-flow paths `jit` compiles for one signature.
    loop_snapshots: how many carries reverse mode stores of a loop with a computed number of turns.
    traceback_filtering: leave the library's own frames out of tracebacks.
    check_tracer_leaks: look, at the end of each transformation, for tracers that something still holds.
    no_tracing: refuse to trace a `jit`-ted function anew.
    debug_key_reuse: refuse a typed random key that was used before.
    """

    default_float: np.dtype[Any] = _FLOAT64
    check: bool = False
    disable_jit: bool = False
    debug_nans: bool = False
    debug_infs: bool = False
    log_compiles: bool = False
    explain_cache_misses: bool = False
    max_paths: int = 16
    loop_snapshots: int = 64
    traceback_filtering: bool = True
    check_tracer_leaks: bool = False
    no_tracing: bool = False
    debug_key_reuse: bool = False

    def __post_init__(self) -> None:
        for name, validate in _VALIDATORS.items():
            object.__setattr__(self, name, validate(name, getattr(self, name)))


_VALIDATORS: dict[str, Callable[[str, Any], Any]] = {
    "default_float": _float_dtype, "check": _flag, "disable_jit": _flag, "debug_nans": _flag, "debug_infs": _flag,
    "log_compiles": _flag, "explain_cache_misses": _flag, "max_paths": _positive, "loop_snapshots": _positive, "traceback_filtering": _flag,
    "check_tracer_leaks": _flag, "no_tracing": _flag, "debug_key_reuse": _flag,
}  # fmt: skip


def _x64(name: str, value: Any) -> np.dtype[Any]:
    return np.dtype(np.float64 if _flag(name, value) else np.float32)


def _filtering(name: str, value: Any) -> bool:
    if isinstance(value, str):
        if value not in ("off", "auto", "tracebackhide", "remove_frames", "quiet_remove_frames"):
            raise ValueError(
                f"{name} must be a bool, 'off', 'auto', 'tracebackhide', 'remove_frames' or 'quiet_remove_frames', "
                f"got {value!r}"
            )
        return value != "off"
    return _flag(name, value)


# JAX's names whose spelling or values differ from ours.
_ALIASES: dict[str, tuple[str, Callable[[str, Any], Any]]] = {
    "enable_x64": ("default_float", _x64),
    "enable_checks": ("check", _flag),
    "traceback_filtering": ("traceback_filtering", _filtering),
}


def _resolve(name: str, value: Any) -> tuple[str, Any]:
    """Our name and value of an option given by our name or by JAX's."""
    bare = name.removeprefix("jax_")
    if bare in _ALIASES:
        target, convert = _ALIASES[bare]
        return target, convert(name, value)
    if bare in _VALIDATORS:
        return bare, _VALIDATORS[bare](name, value)
    known = sorted({*_VALIDATORS, *(f"jax_{alias}" for alias in _ALIASES)})
    raise AttributeError(f"unknown option {name!r}; the options are {', '.join(known)}")


# (overridden values, the default they were merged into, the merged options). None: no override is active, and the
# process-wide default holds.
_override: ContextVar[tuple[dict[str, Any], Options, Options] | None] = ContextVar("functrans_options", default=None)


class Config:
    """The object `config`: reading, updating and overriding options.

    >>> config.default_float
    dtype('float64')
    >>> with config(default_float="float32"):
    ...     config.default_float
    dtype('float32')
    """

    __slots__ = ("_default",)

    _default: Options

    def __init__(self) -> None:
        object.__setattr__(self, "_default", Options())

    def __getattr__(self, name: str) -> Any:
        # Only names that are not attributes of the class arrive here.
        bare = name.removeprefix("jax_")
        current = options()
        if bare in _VALIDATORS:
            return getattr(current, bare)
        if bare == "enable_x64":
            return current.default_float == np.dtype(np.float64)
        if bare == "enable_checks":
            return current.check
        raise AttributeError(f"unknown option {name!r}; the options are {', '.join(sorted(_VALIDATORS))}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"options are not assigned; use config.update({name!r}, {value!r}) or `with config(...)`")

    def update(self, name: str, value: Any) -> None:
        """Set an option for the whole process, every thread included.

        Takes our names, the same with JAX's prefix (`jax_debug_nans`), and `jax_enable_x64`, which sets
        `default_float` to float64 or float32. An option that a `with config(...)` block has fixed keeps the block's
        value until the block ends. Raises AttributeError for an unknown name, TypeError or ValueError for a bad value.
        """
        target, checked = _resolve(name, value)
        object.__setattr__(self, "_default", dataclasses.replace(self._default, **{target: checked}))

    def __call__(self, **changes: Any) -> AbstractContextManager[Options]:
        """A context manager in which the given options hold, in this thread or task; blocks nest.

        The names and values are checked at the call. Raises as `update` does.
        """
        return _overriding(dict(_resolve(name, value) for name, value in changes.items()))

    def __repr__(self) -> str:
        return f"config({options()})"


@contextmanager
def _overriding(changes: dict[str, Any]) -> Iterator[Options]:
    active = _override.get()
    merged_changes = changes if active is None else {**active[0], **changes}
    base = config._default
    merged = dataclasses.replace(base, **merged_changes)
    token = _override.set((merged_changes, base, merged))
    try:
        yield merged
    finally:
        _override.reset(token)


config = Config()


def options() -> Options:
    """The options current in this thread or task.

    >>> options().max_paths
    16
    """
    active = _override.get()
    if active is None:
        return config._default
    changes, base, merged = active
    if base is config._default:
        return merged
    return dataclasses.replace(config._default, **changes)  # the default was updated inside the block


def trace_key(current: Options) -> Hashable:
    """The part of the options that changes what tracing produces or whether it is checked; part of cache keys.

    Logging, `disable_jit` (which bypasses caches), `traceback_filtering` and `no_tracing` are left out.

    >>> trace_key(Options()) == trace_key(Options(log_compiles=True))
    True
    """
    return (
        current.default_float,
        current.check,
        current.debug_nans,
        current.debug_infs,
        current.max_paths,
        current.loop_snapshots,
        current.check_tracer_leaks,
        current.debug_key_reuse,
    )


def disable_jit(disable: bool = True) -> AbstractContextManager[Options]:
    """A context in which `jit`-ted functions run eagerly, so that a debugger and `print` see values."""
    return config(disable_jit=disable)


def debug_nans(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which an operation whose result holds a nan raises FloatingPointError, with the user's line.

    A compiled function is watched by its results. Where one holds a nan it runs again operation by operation, side effects too, to find
    the first; a `while_loop` or `fori_loop` is named as a whole.
    """
    return config(debug_nans=flag)


def debug_infs(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which an operation whose result holds an infinity raises FloatingPointError; otherwise as `debug_nans`."""
    return config(debug_infs=flag)


def log_compiles(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which each compilation is logged."""
    return config(log_compiles=flag)


def explain_cache_misses(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which the log says why a function is traced again."""
    return config(explain_cache_misses=flag)


def check_tracer_leaks(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which a tracer that something still holds after its transformation has ended is an UnexpectedTracerError.

    Slow: the end of each transformation searches all objects.
    """
    return config(check_tracer_leaks=flag)


def checking_leaks() -> AbstractContextManager[Options]:
    """`check_tracer_leaks`, switched on."""
    return config(check_tracer_leaks=True)


def no_tracing(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which `jit`-ted functions run only as they were compiled before: tracing anew is a RuntimeError."""
    return config(no_tracing=flag)


def debug_key_reuse(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which a typed random key that samples, or splits, a second time is a KeyReuseError.

    Parts of a key array count each for itself; `random.fold_in` uses up nothing, and `random.clone` gives a key for another use. Keys
    are followed within a function: what a jitted or mapped function does with a key that it is given does not use up the caller's.
    """
    return config(debug_key_reuse=flag)


def enable_checks(flag: bool = True) -> AbstractContextManager[Options]:
    """A context in which jaxprs and kernels are verified after every transformation and pass."""
    return config(check=flag)


def default_float(dtype: Any) -> AbstractContextManager[Options]:
    """A context in which `fnp.zeros(3)` and the like give this dtype, float32 or float64.

    >>> with default_float("float32"):
    ...     options().default_float
    dtype('float32')
    """
    return config(default_float=dtype)


def enable_x64(flag: bool = True) -> AbstractContextManager[Options]:
    """JAX's name for `default_float`: float64 if true, float32 if false. Arrays keep their dtypes either way."""
    return config(enable_x64=flag)
