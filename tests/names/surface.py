"""The public names of the library, read from its modules: what `__all__` lists, or what a module defines or imports as itself."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import functrans
from functrans.core.trace import Primitive

__all__ = ["namespaces", "public_names"]

APART = ("functrans.experimental.jet", "functrans.experimental.checkify", "functrans.scipy")
"""Modules that are imported by name."""


def namespaces() -> list[str]:
    """Where users look for names, below `functrans`: itself, the modules that it offers, the modules that these offer, and `Array`."""
    found: list[str] = []

    def visit(module: ModuleType) -> None:
        if module.__name__.removeprefix("functrans.") in found:
            return
        found.append(module.__name__.removeprefix("functrans").removeprefix("."))
        for name in _names(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType) and value.__name__ == f"{module.__name__}.{name}":
                visit(value)

    for module in (functrans, *map(importlib.import_module, APART)):
        visit(module)
    return [*found, "Array"]


def public_names(namespace: str) -> list[str]:
    """The names of a namespace, without modules and without primitives, which have a table of their own."""
    if namespace == "Array":
        return sorted(n for n in dir(functrans.Array) if not n.startswith("_"))
    module = importlib.import_module(f"functrans.{namespace}") if namespace else functrans
    found = {n: getattr(module, n) for n in _names(module)}
    return sorted(n for n, value in found.items() if not isinstance(value, (ModuleType, Primitive)))


def _names(module: ModuleType) -> list[str]:
    return [n for n in getattr(module, "__all__", None) or _offered(module) if not n.startswith("_")]


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
