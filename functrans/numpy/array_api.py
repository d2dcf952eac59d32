"""What the Array API standard asks of a namespace about itself: its version, devices, dtypes and abilities.

Reference: the Python array API standard 2024.12, https://data-apis.org/array-api/2024.12. What differs from it is in
docs/array_api.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.core.dtypes import default_complex, default_int
from functrans.core.source import describe, user_source
from functrans.numpy.util import check_device, default_float

__all__ = ["API_VERSION", "ArrayNamespaceInfo", "check_api_version"]

API_VERSION = "2024.12"
_VERSIONS = ("2021.12", "2022.12", "2023.12", API_VERSION)

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_REAL = ("float32", "float64")
_COMPLEX = ("complex64", "complex128")
_KINDS = {
    "bool": ("bool",), "signed integer": _SIGNED, "unsigned integer": _UNSIGNED, "integral": _SIGNED + _UNSIGNED,
    "real floating": _REAL, "complex floating": _COMPLEX, "numeric": _SIGNED + _UNSIGNED + _REAL + _COMPLEX,
}


def check_api_version(api_version: Any) -> None:
    """Refuse versions of the standard that this namespace does not follow.

    Raises:
        ValueError: naming the version and those there are.

    >>> check_api_version("2024.12")
    """
    if api_version is not None and api_version not in _VERSIONS:
        raise ValueError(f"__array_namespace__: api_version must be one of {', '.join(_VERSIONS)}; got {api_version!r}, at "
                         f"{describe(user_source())}. Leave it out for {API_VERSION}.")


def _kind_names(kind: Any) -> tuple[str, ...]:
    if kind is None:
        return _KINDS["bool"] + _KINDS["numeric"]
    if isinstance(kind, tuple):
        return tuple(dict.fromkeys(name for k in kind for name in _kind_names(k)))
    names = _KINDS.get(kind) if isinstance(kind, str) else None
    if names is None:
        raise ValueError(f"dtypes: kind is one of {', '.join(map(repr, _KINDS))}, or a tuple of these; got {kind!r}, at "
                         f"{describe(user_source())}.")
    return names


class ArrayNamespaceInfo:
    """What a namespace tells about itself: the object ``functrans.numpy.__array_namespace_info__()``.

    >>> ArrayNamespaceInfo().default_device()
    'cpu'
    """

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """What arrays can do: shapes may depend on data (outside `jit`), and boolean arrays may index.

        >>> ArrayNamespaceInfo().capabilities()["boolean indexing"]
        True
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of arrays that are made without one.

        >>> ArrayNamespaceInfo().default_device()
        'cpu'
        """
        return "cpu"

    def devices(self) -> list[str]:
        """All devices.

        >>> ArrayNamespaceInfo().devices()
        ['cpu']
        """
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """The dtypes of arrays that are made without one, by kind.

        Raises:
            ValueError: for another device than ``"cpu"``.

        >>> ArrayNamespaceInfo().default_dtypes()["integral"]
        dtype('int64')
        """
        check_device("default_dtypes", device)
        return {"real floating": default_float(), "complex floating": default_complex(), "integral": default_int(),
                "indexing": default_int()}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """The standard's dtypes by name, of one kind or of several.

        Args:
            device: ``"cpu"`` or None.
            kind: ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``, ``"real floating"``,
                ``"complex floating"``, ``"numeric"``, a tuple of these, or None for all.

        Raises:
            ValueError: for another device or kind.

        >>> ArrayNamespaceInfo().dtypes(kind="real floating")
        {'float32': dtype('float32'), 'float64': dtype('float64')}
        """
        check_device("dtypes", device)
        return {name: np.dtype(name) for name in _kind_names(kind)}
