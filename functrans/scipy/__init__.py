"""The SciPy-shaped namespace.

As in SciPy itself, a part is loaded when it is first used (PEP 562), so that ``import functrans`` costs programs nothing that never
use it. `special` is always there: its import makes SciPy's universal functions work on traced values.

>>> import functrans
>>> functrans.scipy.stats.norm.cdf(0.0)
Array(0.5, dtype=float64, weak_type=True)
"""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from functrans.scipy import special as special

__all__ = ["fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "special", "stats"]


def __getattr__(name: str) -> _ModuleType:
    if name in __all__:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
