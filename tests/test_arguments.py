"""Arguments that are no arrays: whatever is refused, the message names the value and the user's line.

The calls are those of the table of public names (`tests.names`), with one argument exchanged for nonsense.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.arguments import among, brief, flag, integer, integers, sequence
from functrans.errors import TracerIntegerConversionError
from tests.names.rows import Name, resolve
from tests.names.table import ROWS

INTEGERS: tuple[Any, ...] = ("x", 2.5, np.ones(3), object())
NONSENSE: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("axis", "axis1", "axis2", "n", "k", "num", "size", "dimension", "decimals", "offset", "num_keys"), INTEGERS),
    **dict.fromkeys(("axes", "shape", "dimensions", "permutation", "sizes", "new_sizes", "window", "strides"), ("x", 2.5, object())),
    **dict.fromkeys(("dtype", "new_dtype", "preferred_element_type"), ("no dtype", np.ones(3), object())),
    **dict.fromkeys(("keepdims", "reverse"), (np.ones(3),)),
    **dict.fromkeys(("method", "norm", "mode"), ("x", np.ones(3), 7.5)),
}

OTHERWISE: dict[str, tuple[str, ...]] = {
    **{f"scipy.stats.{d}": ("n", "k") for d in ("bernoulli", "betabinom", "binom", "geom", "multinomial", "nbinom", "poisson")},
    "scipy.special": ("n", "k"), "random": ("n", "mode"), "nn.initializers": ("dtype",), "scipy.optimize": ("method",),
    **dict.fromkeys(("scipy.linalg.polar", "scipy.linalg.expm_frechet", "scipy.linalg.solve_sylvester"), ("method",)),
    **dict.fromkeys(("numpy.polyint", "nn.one_hot", "lax.all_gather"), ("k", "axis")),
}
"""Where these names mean arrays or names of axes, are accepted for compatibility, or are read by the function that is returned."""


def cases() -> list[Any]:
    found: dict[str, Any] = {}
    for row in ROWS:
        try:
            parameters = inspect.signature(resolve(str(row))).parameters
        except (TypeError, ValueError, AttributeError):
            continue
        for what in parameters:
            if what in NONSENSE and what not in (*OTHERWISE.get(row.namespace, ()), *OTHERWISE.get(row.path, ())):
                found.setdefault(f"{row}-{what}", pytest.param(row, what, id=f"{row}-{what}"))
    return list(found.values())


@pytest.mark.parametrize(("row", "what"), cases())
def test_nonsense_is_named(row: Name, what: str) -> None:
    def exchanged(bad: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = inspect.signature(resolve(str(row))).bind(*args, **kwargs)
            bound.arguments[what] = bad
            return resolve(str(row))(*bound.args, **bound.kwargs)
        return call

    for bad in NONSENSE[what]:
        with pytest.raises(Exception, match=r"test_arguments\.py") as info:
            row.call(exchanged(bad), *row.sample(row.dtypes[0]))
        assert isinstance(info.value, (TypeError, ValueError, IndexError, NotImplementedError)), info.value


def test_helpers() -> None:
    assert integer(np.int8(3), "n") == 3 and integers([1, np.int64(2)], "shape") == (1, 2) == sequence((1, 2), "pair", 2)
    assert integers(4, "n") == (4,) == integers(np.array([4]), "n") and integers(np.array(4), "n") == (4,)
    assert among("a", ("a",)) and among(None, (None,)) and not among([1], ([1],)) and not among(np.ones(2), ("a",))
    assert flag(0, "f") is False and brief("x" * 100).endswith("... of type str")
    for call, pattern in ((lambda: integer(1.5, "n"), "n must be an integer; got 1.5 of type float"),
                          (lambda: integers((1, "x"), "shape"), "every element of shape must be an integer; got 'x' of type str"),
                          (lambda: sequence(3, "pair"), "pair must be a sequence; got 3"),
                          (lambda: flag(np.ones(2), "keepdims"), "keepdims must be a bool; got array")):
        with pytest.raises(TypeError, match=f"{pattern}.*at .*test_arguments.py"):
            call()
    with pytest.raises(ValueError, match=r"pair must have 2 elements; got .1, 2, 3. of type list, at .*test_arguments.py"):
        sequence([1, 2, 3], "pair", 2)
    with pytest.raises(TracerIntegerConversionError, match="static_argnums"):
        ft.jit(lambda n: ft.numpy.zeros(3).sum(axis=n), strict=True)(0)
