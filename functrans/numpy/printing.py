"""How arrays are printed: NumPy's options, under the same names.

`Array` is printed by NumPy, so that options set here or in NumPy hold for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.trace import Tracer, to_numpy

__all__ = ["array_repr", "array_str", "get_printoptions", "printoptions", "set_printoptions"]


def array_repr(arr: Any, max_line_width: int | None = None, precision: int | None = None, suppress_small: bool | None = None) -> str:
    """The text of an array as NumPy's `repr` gives it; a traced value is described.

    >>> array_repr(np.array([1.0, 2.0]))
    'array([1., 2.])'
    """
    return repr(arr) if isinstance(arr, Tracer) else np.array_repr(to_numpy(arr), max_line_width, precision, suppress_small)


def array_str(a: Any, max_line_width: int | None = None, precision: int | None = None, suppress_small: bool | None = None) -> str:
    """The text of an array as NumPy's `str` gives it; a traced value is described.

    >>> array_str(np.array([1.0, 2.0]))
    '[1. 2.]'
    """
    return str(a) if isinstance(a, Tracer) else np.array_str(to_numpy(a), max_line_width, precision, suppress_small)


def get_printoptions() -> Any:
    """NumPy's printing options.

    >>> get_printoptions()["precision"]
    8
    """
    return np.get_printoptions()


def set_printoptions(*args: Any, **kwargs: Any) -> None:
    """Set NumPy's printing options, for arrays of either kind; see `numpy.set_printoptions`."""
    np.set_printoptions(*args, **kwargs)


def printoptions(*args: Any, **kwargs: Any) -> Any:
    """A context in which NumPy's printing options are changed; see `numpy.printoptions`.

    >>> with printoptions(precision=2):
    ...     print(np.array([1 / 3]))
    [0.33]
    """
    return np.printoptions(*args, **kwargs)
