"""Looking into programs while they run: `callback`, `print` and `breakpoint`, in eager and compiled code alike.

>>> import functrans as ft
>>> f = ft.jit(lambda x: (ft.debug.print("x = {x}", x=x), x * 2)[1])
>>> y = f(3.0)
x = 3.0
"""

from __future__ import annotations

import ast
import builtins
import logging
import pdb
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from functrans.calls.callback import run_for_effect
from functrans.core.source import describe, user_frame, user_source
from functrans.core.trace import Trace, Tracer, current_trace, typeof
from functrans.transforms.stage import StagingTrace
from functrans.tree_util import tree_flatten

__all__ = [
    "DebugEffect", "OrderedDebugEffect", "SingleDeviceSharding", "breakpoint", "callback", "inspect_array_sharding", "log",
    "print", "visualize_array_sharding", "visualize_sharding",
]


_LOGGER = logging.getLogger("functrans.debug")


def callback(callback: Callable[..., Any], *args: Any, ordered: bool = False, partitioned: bool = False, **kwargs: Any) -> None:
    """Call ``callback(*args, **kwargs)`` when the program comes to this point, with the values that it has then.

    What the function returns is ignored. It is called on every turn of a loop, in the branch that is taken, under `vmap` with each
    element of the batch in turn, and under differentiation once, with the primal values: not again where `checkpoint` or
    reverse mode computes values a second time, and not for cotangents. An exception passes to the caller of the program.

    Args:
        callback: the function; it gets `functrans.Array`s, and what is no array as it is.
        args, kwargs: pytrees.
        ordered: accepted for compatibility; calls are always in order.
        partitioned: accepted for compatibility; there is one host.

    Raises:
        TypeError: if `callback` is not callable.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> seen = []
    >>> slope = ft.grad(lambda x: (callback(seen.append, x), fnp.sin(x))[1])(0.5)
    >>> [float(x) for x in seen]
    [0.5]
    """
    run_for_effect("debug.callback", callback, args, kwargs, ordered)


def print(
    fmt: str, *args: Any, ordered: bool = False, partitioned: bool = False, skip_format_check: bool = False, **kwargs: Any,
) -> None:
    """Print ``fmt.format(*args, **kwargs)`` with the values that a program has at this point.

    See `callback` for when and how often.

    Args:
        fmt: a format string, as for `str.format`: ``"{}"``, ``"{x}"``, ``"{0:.3f}"``, ``"{p[w]}"``. An f-string would be
            formatted while the function is traced, without values.
        args, kwargs: what it names; pytrees of arrays, or anything else.
        ordered: accepted for compatibility; prints are always in order.
        partitioned: accepted for compatibility; there is one host.
        skip_format_check: do not compare `fmt` with the arguments while tracing.

    Raises:
        TypeError: if `fmt` is not a string.
        ValueError: if an argument is not named by `fmt`, or `fmt` is malformed.
        KeyError, IndexError: if `fmt` names an argument that is not given.

    >>> import functrans as ft, functrans.numpy as fnp
    >>> ft.vmap(lambda x: print("{} of {:.2f}", x, 2.0))(fnp.arange(2))
    0 of 2.00
    1 of 2.00
    """
    _check_call("debug.print", fmt, args, kwargs, skip_format_check)

    def print_values(*values: Any, **named: Any) -> None:
        builtins.print(fmt.format(*values, **named))

    run_for_effect("debug.print", print_values, args, kwargs, ordered)


def log(
    fmt: str, *args: Any, ordered: bool = False, partitioned: bool = False, skip_format_check: bool = False, **kwargs: Any,
) -> None:
    """As `print`, to the log: a record of level INFO of the logger ``functrans.debug``.

    Args:
        fmt, args, kwargs, ordered, partitioned, skip_format_check: as for `print`.

    Raises:
        TypeError, ValueError, KeyError, IndexError: as `print` does.

    >>> import logging
    >>> handler = logging.StreamHandler(sys.stdout)
    >>> logger = logging.getLogger("functrans.debug")
    >>> logger.setLevel(logging.INFO)
    >>> logger.addHandler(handler)
    >>> log("x = {}", 2.0)
    x = 2.0
    >>> logger.removeHandler(handler)
    """
    _check_call("debug.log", fmt, args, kwargs, skip_format_check)

    def log_values(*values: Any, **named: Any) -> None:
        _LOGGER.info("%s", fmt.format(*values, **named))

    run_for_effect("debug.log", log_values, args, kwargs, ordered)


def _check_call(name: str, fmt: Any, args: tuple[Any, ...], kwargs: dict[str, Any], skip_format_check: bool) -> None:
    if not isinstance(fmt, str):
        raise TypeError(f"{name}: the first argument is a format string; got {fmt!r} of type {type(fmt).__name__}, at "
                        f"{describe(user_source())}. Write {name}('{{}}', x).")
    if not skip_format_check:
        check_format(name, fmt, args, kwargs)


class _Fields(string.Formatter):
    """Walks the fields of a format string without formatting, and notes the arguments that none of them names."""

    unused: list[Any]

    def check_unused_args(self, used_args: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.unused = [i for i in range(len(args)) if i not in used_args] + [k for k in kwargs if k not in used_args]

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first = field_name.replace("[", ".").split(".", 1)[0]
        key: Any = int(first) if first.isdigit() else first
        return self.get_value(key, args, kwargs), key

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""


def check_format(name: str, fmt: str, args: tuple[Any, ...], kwargs: dict[str, Any], may_be_unused: bool = False) -> None:
    """Refuse a format string of `name` that does not fit its arguments; `may_be_unused` allows arguments that it does not name."""
    fields = _Fields()
    where = f"{name}: the format string {fmt!r}"
    try:
        fields.vformat(fmt, args, kwargs)
    except KeyError as error:
        raise KeyError(f"{where} names {error.args[0]!r}, which is no keyword argument of the call, at {describe(user_source())}. Pass "
                       f"{error.args[0]}=value, or write {{{{ and }}}} for braces that are meant as they are.") from None
    except IndexError:
        raise IndexError(f"{where} has more fields than the call has positional arguments ({len(args)}), at "
                         f"{describe(user_source())}. Pass a value for each.") from None
    except ValueError as error:
        raise ValueError(f"{where} is malformed: {error}, at {describe(user_source())}. Write {{{{ and }}}} for braces that are meant as "
                         "they are.") from None
    if fields.unused and not may_be_unused:
        raise ValueError(f"{where} does not name the argument{'s' if len(fields.unused) > 1 else ''} "
                         f"{', '.join(map(str, fields.unused))}, at {describe(user_source())}. Name each as {{0}} or {{name}}; an f-string "
                         "would be formatted while the function is traced, without values.")


def breakpoint(
    *, backend: str | None = None, filter_frames: bool = True, num_frames: int | None = None, ordered: bool = False, token: Any = None,
    stdin: Any = None, stdout: Any = None,
) -> None:
    """Stop in the Python debugger.

    In eager code, transformed or not, the debugger stops at the line itself and everything can be looked at and stepped through.
    In compiled code it stops when the program comes to this point, in a frame that shows the line and has the function's local
    variables with the values of this call; ``c`` goes on and ``q`` ends the program with `bdb.BdbQuit`. Stepping does not reach
    compiled code.

    Args:
        backend: ``"cli"``, ``"pdb"`` or None, all the same debugger.
        filter_frames, num_frames, token: accepted for compatibility; the user's innermost frame is shown.
        ordered: accepted for compatibility; see `callback`.
        stdin, stdout: files for the debugger in place of the terminal.

    Raises:
        ValueError: for another backend.

    >>> import io
    >>> def f(x):
    ...     y = x + 1
    ...     breakpoint(stdin=io.StringIO("p y\\nc\\n"), stdout=(out := io.StringIO()))
    ...     return y, out.getvalue()
    >>> "2.0" in f(1.0)[1]
    True
    """
    if backend not in (None, "cli", "pdb"):
        raise ValueError(f"debug.breakpoint: backend must be 'cli', 'pdb' or None; got {backend!r}, at {describe(user_source())}.")
    frame = user_frame()
    if not _is_staging(current_trace()):
        pdb.Pdb(stdin=stdin, stdout=stdout).set_trace(frame)
        return
    shown = {name: value for name, value in frame.f_locals.items() if _can_be_shown(value)}
    others = {name: value for name, value in frame.f_locals.items() if name not in shown}
    code = _stop_at(frame)
    scope = frame.f_globals

    def stop(values: dict[str, Any]) -> None:
        def set_trace() -> None:
            pdb.Pdb(stdin=stdin, stdout=stdout).set_trace(sys._getframe(1))

        exec(code, {**scope, _STOP: set_trace}, {**others, **values})

    run_for_effect("debug.breakpoint", stop, (shown,), {}, ordered)


_STOP = "__functrans_stop__"


def _is_staging(trace: Trace | None) -> bool:
    while trace is not None:
        if isinstance(trace, StagingTrace):
            return True
        trace = trace.parent
    return False


def _can_be_shown(value: Any) -> bool:
    """Whether a local variable has traced arrays in it, which must be passed for their values to be seen."""
    return any(isinstance(x, Tracer) for x in tree_flatten(value)[0])


def _stop_at(frame: FrameType) -> Any:
    """Code that calls `_STOP` and goes on to the line at which `frame` is, where the debugger then stops: it stops at new lines."""
    module = ast.parse(f"pass\n{_STOP}()\npass")
    del module.body[0]
    ast.increment_lineno(module.body[0], frame.f_lineno - 1)
    ast.increment_lineno(module.body[1], frame.f_lineno - 3)
    return compile(module, frame.f_code.co_filename, "exec")


# -- where arrays are ---------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class DebugEffect:
    """What `print`, `log` and `callback` do besides computing: the name that programs have for this kind of effect."""

    def __str__(self) -> str:
        return "Debug"


@dataclass(frozen=True, slots=True)
class OrderedDebugEffect:
    """A `DebugEffect` whose order is kept. Here the order always is."""

    def __str__(self) -> str:
        return "OrderedDebug"


@dataclass(frozen=True, slots=True)
class SingleDeviceSharding:
    """How an array is spread over devices: not at all, it is on one."""

    device: str = "cpu"
    memory_kind: str = "device"


def inspect_array_sharding(value: Any, *, callback: Callable[[SingleDeviceSharding], None]) -> None:
    """Call ``callback(sharding)`` for each array in the pytree `value`, at once: there is one device, so it is known while tracing.

    Raises:
        TypeError: if `callback` is not callable.

    >>> inspect_array_sharding({"x": 1.0}, callback=builtins.print)
    SingleDeviceSharding(device='cpu', memory_kind='device')
    """
    if not builtins.callable(callback):
        raise TypeError(f"debug.inspect_array_sharding: the callback must be callable; got {callback!r}, at {describe(user_source())}.")
    for _ in tree_flatten(value)[0]:
        callback(SingleDeviceSharding())


def visualize_sharding(
    shape: Sequence[int], sharding: Any, *, use_color: bool = True, scale: float = 1.0, min_width: int = 9, max_width: int = 80,
    color_map: Any = None,
) -> None:
    """Draw how an array of rank 1 or 2 is spread over devices: a box with the one device in it.

    Args:
        shape: the shape of the array.
        sharding: what `inspect_array_sharding` gives.
        use_color, color_map: accepted for compatibility; one device needs no colors.
        scale: how many characters wide an element is drawn, within the widths.
        min_width, max_width: the least and the greatest width of the box.

    Raises:
        ValueError: for other ranks.

    >>> visualize_sharding((4,), SingleDeviceSharding())
    ┌─────────┐
    │  CPU 0  │
    └─────────┘
    """
    if len(shape) not in (1, 2):
        raise ValueError(f"debug.visualize_sharding draws shapes of rank 1 or 2; got {tuple(shape)}, at {describe(user_source())}.")
    width = min(max(round(shape[-1] * scale), min_width), max_width)
    height = 1 if len(shape) == 1 else max(round(min(shape[0] * scale, max_width) / 2), 1)
    rows = [" " * width] * height
    rows[(height - 1) // 2] = "CPU 0".center(width)
    builtins.print("\n".join(["┌" + "─" * width + "┐", *(f"│{row}│" for row in rows), "└" + "─" * width + "┘"]))


def visualize_array_sharding(arr: Any, **kwargs: Any) -> None:
    """`visualize_sharding` of an array, whose keywords it takes.

    Raises:
        ValueError: for arrays of another rank than 1 or 2.

    >>> import numpy as np
    >>> visualize_array_sharding(np.ones((2, 12)))
    ┌────────────┐
    │   CPU 0    │
    └────────────┘
    """
    inspect_array_sharding(arr, callback=lambda sharding: visualize_sharding(typeof(arr).shape, sharding, **kwargs))
