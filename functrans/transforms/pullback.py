"""The function that `vjp` returns: from cotangents of results to cotangents of arguments.

It is a pytree of its residuals, so that `jit` may return it and take it. `VJP.with_refs` says for each leaf of the arguments where its
cotangent goes: into the result, into a mutable array that it is added to, or nowhere. What serves only cotangents that nobody wants is
not computed: an equation of the linear program is left out unless a tangent that is wanted reaches it.

Reference: the names and the meaning are those of ``jax.vjp`` and ``jax.ad``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.dtypes import float0, is_inexact
from functrans.core.source import describe, user_source
from functrans.primitives.structural import materialize
from functrans.transforms.linearize import LinearProgram, transpose_linear
from functrans.transforms.tangents import fitted_cotangents
from functrans.tree_util import Partial, keystr, register_pytree_node, tree_flatten, tree_flatten_with_path, tree_unflatten
from functrans.util import safe_zip

__all__ = ["VJP", "DidntWant", "DontWant", "GradRef", "GradValue", "Pullback"]


@dataclass(frozen=True, slots=True)
class GradValue:
    """For `VJP.with_refs`: the cotangent is wanted as a result.

    >>> GradValue()
    GradValue()
    """


@dataclass(frozen=True, slots=True)
class DontWant:
    """For `VJP.with_refs`: the cotangent is not wanted, and need not be computed; `DidntWant` is the result.

    >>> DontWant()
    DontWant()
    """


@dataclass(frozen=True, slots=True)
class GradRef:
    """The result of a pullback in the place of a cotangent that was added to a mutable array.

    >>> GradRef()
    GradRef()
    """


@dataclass(frozen=True, slots=True)
class DidntWant:
    """The result of a pullback in the place of a cotangent that was not wanted.

    >>> DidntWant()
    DidntWant()
    """


class Pullback:
    """A pullback but for its residuals."""

    def __init__(self, name: str, program: LinearProgram, in_avals: list[ShapedArray], in_tree: Any, out_avals: list[ShapedArray],
                 out_tree: Any) -> None:
        self._name, self._program = name, program
        self._in_avals, self._in_tree = in_avals, in_tree
        self._out_avals, self._out_tree = out_avals, out_tree

    def __call__(self, residuals: Sequence[Any], cotangents: Any) -> Any:
        bars = self._cotangents(residuals, cotangents, [True] * len(self._in_avals))
        return tree_unflatten(self._in_tree, [self._leaf(b, a) for b, a in safe_zip(bars, self._in_avals)])

    def _cotangents(self, residuals: Sequence[Any], cotangents: Any, wanted: Sequence[bool]) -> list[Any]:
        """The cotangents of the leaves, arrays or zeros; None for leaves that have none."""
        flat, tree = tree_flatten(cotangents)
        if tree != self._out_tree:
            raise ValueError(f"{self._name}: the cotangent has structure {tree}, and the function's result has "
                             f"{self._out_tree}, at {describe(user_source())}.")
        cts = fitted_cotangents(
            self._out_avals, flat, lambda: [f"result{keystr(path)}" for path, _ in tree_flatten_with_path(cotangents)[0]], self._name)
        floating = [is_inexact(a.dtype) for a in self._in_avals]
        program = self._program.closed(residuals).towards([w for w, f in safe_zip(wanted, floating) if f])
        bars = iter(transpose_linear(program, cts))
        return [next(bars) if f else None for f in floating]

    @staticmethod
    def _leaf(bar: Any, aval: ShapedArray) -> Any:
        return np.zeros(aval.shape, float0) if bar is None else materialize(bar)

    def into(self, residuals: Sequence[Any], entries: tuple[Any, ...]) -> Callable[[Any], Any]:
        """The pullback with cotangents going where `entries` say; see `VJP.with_refs`."""
        flat, tree = tree_flatten(entries)
        if tree != self._in_tree:
            raise ValueError(f"{self._name}: with_refs takes one entry for each leaf of the arguments, in their structure {self._in_tree}; "
                             f"got {tree}, at {describe(user_source())}. Use GradValue() for leaves whose cotangent is to be returned "
                             "(None is no leaf).")
        paths = [keystr(path) for path, _ in tree_flatten_with_path(entries)[0]]
        places = [self._place(e, a, p) for e, a, p in zip(flat, self._in_avals, paths, strict=True)]

        def pull(cotangents: Any) -> Any:
            bars = self._cotangents(residuals, cotangents, [not isinstance(p, DontWant) for p in places])
            out: list[Any] = []
            for place, bar, aval in zip(places, bars, self._in_avals, strict=True):
                if isinstance(place, DontWant):
                    out.append(DidntWant())
                elif isinstance(place, GradValue):
                    out.append(self._leaf(bar, aval))
                else:
                    if bar is not None:
                        place.addupdate(materialize(bar))
                    out.append(GradRef())
            return tree_unflatten(self._in_tree, out)

        return pull

    def _place(self, entry: Any, aval: ShapedArray, path: str) -> Any:
        if entry is GradValue or entry is DontWant:
            return entry()
        if not isinstance(entry, (GradValue, DontWant)) and not hasattr(entry, "addupdate"):
            raise TypeError(f"{self._name}: with_refs takes a Ref, GradValue() or DontWant() for each leaf of the arguments; "
                            f"entry{path} is {entry!r} of type {type(entry).__name__}, at {describe(user_source())}.")
        if hasattr(entry, "addupdate") and is_inexact(aval.dtype) and (entry.shape, entry.dtype) != (aval.shape, aval.dtype):
            raise ValueError(f"{self._name}: with_refs takes a Ref of the argument's type {aval.strong()}; entry{path} is a Ref of "
                             f"{entry.aval}, at {describe(user_source())}.")
        return entry


class VJP(Partial):
    """The pullback that `vjp` returns: ``f_vjp(cotangent)`` is a tuple of cotangents, one entry for each primal.

    A pytree of its residuals.
    """

    def with_refs(self, *entries: Any) -> Callable[[Any], Any]:
        """The pullback with cotangents going where `entries` say.

        Args:
            entries: one for each primal, in its structure, with a leaf for each leaf: a `Ref` of its type, which the cotangent is added
                to; ``GradValue()``, to have it in the result; or ``DontWant()``, so that it is not computed.

        Returns:
            a function of the cotangent. Its result is that of ``f_vjp`` with ``GradRef()`` in the place of what went to a `Ref`, and
            ``DidntWant()`` of what was not wanted.

        Raises:
            ValueError: if the entries have another structure than the primals, or a `Ref` another type.
            TypeError: if an entry is none of these.

        >>> import functrans as ft, functrans.numpy as fnp
        >>> total = ft.new_ref(0.0)
        >>> for x in (1.0, 2.0, 3.0):
        ...     _, f_vjp = ft.vjp(lambda x, y: x * y, x, 10.0)
        ...     out = f_vjp.with_refs(DontWant(), total)(1.0)
        >>> out, total[...]
        ((DidntWant(), GradRef()), Array(6., dtype=float64))
        """
        pullback: Pullback = self.func  # type: ignore[assignment]
        return pullback.into(self.args[0], entries)


register_pytree_node(
    VJP,
    lambda node: ((node.args, node.keywords), node.func),
    lambda function, children: VJP(function, *children[0], **children[1]),
)
