"""The options `debug_nans` and `debug_infs`: results that hold such a number are refused, with the user's line.

Operations are watched one by one as they are evaluated. A compiled function is watched as a whole; where a result of it is refused, it
runs again operation by operation, and the first of them that makes such a number is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from functrans.config import Options
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import is_inexact
from functrans.core.source import describe, user_source

__all__ = ["refused", "watch"]


def refused(values: Iterable[Any], options: Options) -> tuple[str, ShapedArray] | None:
    """What the first array has that the options refuse, "nan" or "an infinity", and its type."""
    for x in map(np.asarray, values) if options.debug_nans or options.debug_infs else ():
        if is_inexact(x.dtype):
            for wanted, has, name in ((options.debug_nans, np.isnan, "nan"), (options.debug_infs, np.isinf, "an infinity")):
                if wanted and has(x).any():
                    return name, ShapedArray(x.shape, x.dtype)
    return None


def watch(name: str, operands: Sequence[Any], results: Sequence[Any], options: Options) -> None:
    """Refuse results of the operation `name`.

    Raises:
        FloatingPointError: naming the operation, whether its operands have such a number already, and the user's line.
    """
    found = refused(results, options)
    if found is None:
        return
    what, aval = found
    before = refused(operands, options)
    origin = f"its operands have {what} already" if before is not None and before[0] == what else "its operands have none"
    raise FloatingPointError(f"{what} in the result {aval} of {name}; {origin}, at {describe(user_source())}. Mask such operands before "
                             "the operation, or leave debug_nans and debug_infs off where the number is wanted.")
