"""Policies of `checkpoint`: which values of the forward pass may be kept for the backward pass.

A policy is a function ``policy(primitive, *operand_avals, **params)`` that is asked of every operation of the checkpointed
function and returns whether its results may be saved: a bool, or `Saveable`, `Recompute`, `Offloadable`. It is a permission: of
the values that may be saved, those are that the backward pass needs (or needs to compute what it needs). Jitted functions are
looked into (and opened, where some operations inside are to be saved and some are not); loops and nested checkpoints are single
operations.

The memory of a CPU is the host's already, so what may be offloaded to the host is simply saved.

The policies are those of the reference library, by the same names. With arguments they are frozen dataclasses: policies made alike
are equal, so that a function that makes its policy anew in each call does not have its derivative traced anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from functrans.core.pretty import register_param_type
from functrans.core.source import describe, user_source
from functrans.core.trace import Primitive
from functrans.primitives.markers import name_p

__all__ = [
    "Offloadable", "Policy", "Recompute", "SaveExceptNames", "Saveable", "checkpoint_dots", "checkpoint_dots_with_no_batch_dims",
    "dots_saveable", "dots_with_no_batch_dims_saveable", "everything_saveable", "nothing_saveable", "offload_dot_with_no_batch_dims",
    "save_and_offload_only_these_names", "save_any_names_but_these", "save_anything_except_these_names", "save_from_both_policies",
    "save_only_these_names", "saves",
]

_MACHINERY = frozenset({"Offloadable", "Policy", "Recompute", "SaveExceptNames", "Saveable", "saves"})

Policy = Callable[..., Any]


def __dir__() -> list[str]:
    """The policies alone: the module is `functrans.checkpoint_policies`, a namespace to choose from."""
    return [name for name in __all__ if name not in _MACHINERY]



class _Decision(Enum):
    SAVEABLE = 0
    RECOMPUTE = 1


Saveable, Recompute = _Decision.SAVEABLE, _Decision.RECOMPUTE


class Offloadable(NamedTuple):
    """What a policy returns for a value that may be moved from the memory `src` to `dst`; here it stays where it is, saved."""

    src: str
    dst: str


def saves(policy: Policy, primitive: Primitive, avals: Collection[Any], params: dict[str, Any]) -> bool:
    """Whether the policy lets the results of an operation be saved.

    Raises:
        TypeError: if it returns anything but a bool, `Saveable`, `Recompute` or an `Offloadable`.
    """
    decision = policy(primitive, *avals, **params)
    if isinstance(decision, bool):
        return decision
    if isinstance(decision, (_Decision, Offloadable)):
        return decision is not Recompute
    raise TypeError(f"checkpoint: a policy must return a bool, or Saveable, Recompute or Offloadable(...) of functrans.ad_checkpoint; "
                    f"asked about '{primitive}' it returned {decision!r} of type {type(decision).__name__}, at "
                    f"{describe(user_source())}.")


# -- by operation ---------------------------------------------------------------------------------------------------------

def everything_saveable(primitive: Primitive, *_: Any, **__: Any) -> bool:
    """Save what the backward pass needs, as if there were no `checkpoint`."""
    return True


def nothing_saveable(primitive: Primitive, *_: Any, **__: Any) -> bool:
    """Save nothing but the arguments: what `checkpoint` does without a policy."""
    return False


_DOTS = frozenset({"dot_general", "conv_general_dilated"})


def dots_saveable(primitive: Primitive, *_: Any, **__: Any) -> bool:
    """Save results of matrix products (and convolutions), compute everything else again."""
    return primitive.name in _DOTS


def dots_with_no_batch_dims_saveable(primitive: Primitive, *_: Any, **params: Any) -> bool:
    """Save results of matrix products without batch axes: those with weights, not those of attention."""
    if primitive.name != "dot_general":
        return False
    _, (lhs_batch, rhs_batch) = params["dimension_numbers"]
    return not lhs_batch and not rhs_batch


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


# -- by name --------------------------------------------------------------------------------------------------------------

def _names(given: Collection[Any], policy: str) -> tuple[str, ...]:
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"{policy} takes the names given to checkpoint_name, strings; got {name!r} of type {type(name).__name__}, "
                            f"at {describe(user_source())}.")
    return tuple(sorted(set(given)))


@register_param_type
@dataclass(frozen=True, slots=True)
class SaveNames:
    """Save values named so (`invert`: values with any other name)."""

    names: tuple[str, ...]
    invert: bool = False

    def __call__(self, primitive: Primitive, *_: Any, **params: Any) -> bool:
        return primitive is name_p and (params["name"] in self.names) is not self.invert


@register_param_type
@dataclass(frozen=True, slots=True)
class SaveExceptNames:
    """Save anything that is not named so. A refused name speaks for the value it was given to, before and after."""

    names: tuple[str, ...]

    def __call__(self, primitive: Primitive, *_: Any, **params: Any) -> bool:
        return primitive is not name_p or params["name"] not in self.names


def save_only_these_names(*names_which_can_be_saved: str) -> Policy:
    """Save values that `checkpoint_name` gave one of these names.

    >>> save_only_these_names("b", "a")
    SaveNames(names=('a', 'b'), invert=False)
    """
    return SaveNames(_names(names_which_can_be_saved, "save_only_these_names"))


def save_any_names_but_these(*names_not_to_save: str) -> Policy:
    """Save values that have a name, unless it is one of these; values without a name are computed again."""
    return SaveNames(_names(names_not_to_save, "save_any_names_but_these"), invert=True)


def save_anything_except_these_names(*names_not_to_save: str) -> Policy:
    """Save anything, named or not, but the values with one of these names."""
    return SaveExceptNames(_names(names_not_to_save, "save_anything_except_these_names"))


# -- combinations and offloading ------------------------------------------------------------------------------------------

@register_param_type
@dataclass(frozen=True, slots=True)
class SaveFromBoth:
    """Save what either policy saves."""

    policy_1: Policy
    policy_2: Policy

    def __call__(self, primitive: Primitive, *avals: Any, **params: Any) -> bool:
        return saves(self.policy_1, primitive, avals, params) or saves(self.policy_2, primitive, avals, params)


def save_from_both_policies(policy_1: Policy, policy_2: Policy) -> Policy:
    """Save what either of two policies saves.

    >>> policy = save_from_both_policies(dots_saveable, save_only_these_names("norm"))
    """
    return SaveFromBoth(policy_1, policy_2)


def save_and_offload_only_these_names(
    *, names_which_can_be_saved: Collection[str], names_which_can_be_offloaded: Collection[str], offload_src: str, offload_dst: str,
) -> Policy:
    """Save values with these names. There is one memory, so those to be offloaded are saved in place.

    Raises:
        ValueError: if a name stands in both lists.
    """
    policy = "save_and_offload_only_these_names"
    both = set(_names(names_which_can_be_saved, policy)) & set(_names(names_which_can_be_offloaded, policy))
    if both:
        raise ValueError(f"{policy}: {', '.join(sorted(both))} cannot be both saved and offloaded, at {describe(user_source())}. "
                         "Name each value in one list.")
    return SaveNames(_names((*names_which_can_be_saved, *names_which_can_be_offloaded), policy))


def offload_dot_with_no_batch_dims(offload_src: str, offload_dst: str) -> Policy:
    """`dots_with_no_batch_dims_saveable`: there is one memory, so what is to be offloaded is saved in place."""
    return dots_with_no_batch_dims_saveable
