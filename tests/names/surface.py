"""The public names of the library, read from its modules: what `__all__` lists, or what a module defines or imports as itself."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import functrans
from functrans.core.trace import Primitive

__all__ = ["NAMESPACES", "public_names"]

NAMESPACES = (
    "", "numpy", "numpy.linalg", "numpy.fft", "lax", "lax.linalg", "nn", "nn.initializers", "random", "ops", "image", "scipy.linalg",
    "Array", "tree", "tree_util", "flatten_util", "custom_derivatives", "custom_batching", "ad_checkpoint", "checkpoint_policies", "debug",
    "dtypes", "errors", "experimental.jet", "optim", "test_util",
)
"""Where users look for names, below `functrans`."""


def public_names(namespace: str) -> list[str]:
    """The names of a namespace, without modules and without primitives, which have a table of their own."""
    if namespace == "Array":
        return sorted(n for n in dir(functrans.Array) if not n.startswith("_"))
    module = importlib.import_module(f"functrans.{namespace}") if namespace else functrans
    names = getattr(module, "__all__", None) or _offered(module)
    found = {n: getattr(module, n) for n in names if not n.startswith("_")}
    return sorted(n for n, value in found.items() if not isinstance(value, (ModuleType, Primitive)))


def _offered(module: ModuleType) -> list[str]:
    tree = ast.parse(Path(inspect.getfile(module)).read_text())
    offered: list[str] = []
    for node in tree.body:
        match node:
            case ast.ImportFrom():
                offered += [a.asname for a in node.names if a.asname == a.name]
            case ast.FunctionDef() | ast.ClassDef():
                offered.append(node.name)
            case ast.Assign():
                offered += [t.id for t in node.targets if isinstance(t, ast.Name)]
    return offered
