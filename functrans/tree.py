"""Pytree functions under the names of `jax.tree`; the definitions are in `functrans.tree_util`.

>>> map(lambda x: 2 * x, {"a": 1, "b": (2, None)})
{'a': 2, 'b': (4, None)}
"""

from __future__ import annotations

import dataclasses
from typing import Any

from functrans.tree_util import tree_all as all
from functrans.tree_util import tree_broadcast as broadcast
from functrans.tree_util import tree_flatten as flatten
from functrans.tree_util import tree_flatten_with_path as flatten_with_path
from functrans.tree_util import tree_leaves as leaves
from functrans.tree_util import tree_leaves_with_path as leaves_with_path
from functrans.tree_util import tree_map as map
from functrans.tree_util import tree_map_with_path as map_with_path
from functrans.tree_util import tree_reduce as reduce
from functrans.tree_util import tree_reduce_associative as reduce_associative
from functrans.tree_util import tree_structure as structure
from functrans.tree_util import tree_transpose as transpose
from functrans.tree_util import tree_unflatten as unflatten

__all__ = [
    "all", "broadcast", "flatten", "flatten_with_path", "leaves", "leaves_with_path", "map", "map_with_path", "reduce",
    "reduce_associative", "static", "structure", "transpose", "unflatten",
]  # fmt: skip


def static(**kwargs: Any) -> Any:
    """`dataclasses.field(...)` marked as static for `tree_util.register_dataclass`.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Op:
    ...     x: float
    ...     name: str = static(default="add")
    >>> Op.__dataclass_fields__["name"].metadata["static"]
    True
    """
    metadata = {"static": True, **(kwargs.pop("metadata", None) or {})}
    return dataclasses.field(metadata=metadata, **kwargs)
