"""Transformations of a part of the parameters: `masked`, and one transformation for each label (`multi_transform`).

Where a mask is False the leaf, or the whole subtree, is replaced by a `MaskedNode`, a pytree without leaves: the inner transformation
sees a smaller pytree and keeps no state for what it does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from functrans.core.source import describe, user_source
from functrans.optim.base import GradientTransformation, GradientTransformationExtraArgs, Params, with_extra_args_support
from functrans.tree_util import tree_leaves, tree_map

__all__ = ["Mask", "MaskedNode", "MaskedState", "MultiTransformState", "PartitionState", "masked", "multi_transform", "partition"]

Mask = Any  # a pytree of booleans that is a prefix of the parameters, or a function of them that gives one


class MaskedNode(NamedTuple):
    """What stands where a mask hides a leaf or a subtree."""


class MaskedState(NamedTuple):
    """The state of the inner transformation."""

    inner_state: Any


class PartitionState(NamedTuple):
    """The states of the inner transformations, by label."""

    inner_states: Mapping[Hashable, Any]


MultiTransformState = PartitionState


def masked(inner: GradientTransformation, mask: Mask) -> GradientTransformationExtraArgs:
    """`inner` on the leaves where `mask` is True; the other updates stay as they are.

    Args:
        inner: a transformation.
        mask: a pytree of Python booleans, of which each stands for a leaf or a whole subtree of the parameters, or a function that
            makes one of parameters or updates.

    >>> import numpy as np
    >>> from functrans.optim.scaling import scale
    >>> tx = masked(scale(-1.0), {"w": True, "b": False})
    >>> params = {"w": np.array(2.0), "b": np.array(3.0)}
    >>> tx.update(params, tx.init(params))[0]
    {'b': array(3.), 'w': Array(-2., dtype=float64)}
    """
    inner = with_extra_args_support(inner)

    def select(tree: Any) -> Any:
        return mask(tree) if callable(mask) else mask

    def visible(chosen: Any, tree: Any) -> Any:
        return tree_map(lambda seen, part: part if seen else MaskedNode(), chosen, tree)

    def init(params: Params) -> MaskedState:
        return MaskedState(inner.init(visible(select(params), params)))

    def update(updates: Any, state: MaskedState, params: Params = None, **extra: Any) -> tuple[Any, MaskedState]:
        chosen = select(updates)
        shown = None if params is None else visible(chosen, params)
        changed, inner_state = inner.update(visible(chosen, updates), state.inner_state, shown, **extra)
        return tree_map(lambda seen, new, old: new if seen else old, chosen, changed, updates), MaskedState(inner_state)

    return GradientTransformationExtraArgs(init, update)


def partition(transforms: Mapping[Hashable, GradientTransformation], param_labels: Any) -> GradientTransformationExtraArgs:
    """Each parameter under the transformation that its label names.

    Args:
        transforms: transformations by label.
        param_labels: a pytree of labels that is a prefix of the parameters, or a function of the parameters that gives one.

    Raises:
        ValueError: if a label has no transformation.

    >>> import numpy as np
    >>> from functrans.optim.scaling import scale
    >>> tx = partition({"slow": scale(-0.1), "fast": scale(-1.0)}, {"w": "slow", "b": "fast"})
    >>> params = {"w": np.array(2.0), "b": np.array(3.0)}
    >>> tx.update(params, tx.init(params))[0]
    {'b': Array(-3., dtype=float64), 'w': Array(-0.2, dtype=float64)}
    """

    def only(label: Hashable) -> Callable[[Any], Any]:
        def mask(tree: Any) -> Any:
            return tree_map(lambda name: name == label, param_labels(tree) if callable(param_labels) else param_labels)

        return mask

    parts = {label: masked(tx, only(label)) for label, tx in transforms.items()}

    def init(params: Params) -> PartitionState:
        labels = param_labels(params) if callable(param_labels) else param_labels
        unknown = [x for x in tree_leaves(labels) if x not in transforms]
        if unknown:
            raise ValueError(f"partition: label {unknown[0]!r} has no transformation; there are {list(transforms)}, at "
                             f"{describe(user_source())}.")
        return PartitionState({label: tx.init(params) for label, tx in parts.items()})

    def update(updates: Any, state: PartitionState, params: Params = None, **extra: Any) -> tuple[Any, PartitionState]:
        states = {}
        for label, tx in parts.items():
            updates, states[label] = tx.update(updates, state.inner_states[label], params, **extra)
        return updates, PartitionState(states)

    return GradientTransformationExtraArgs(init, update)


multi_transform = partition
