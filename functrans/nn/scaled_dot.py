"""Contractions in block-scaled low precision: the interface, and the contraction in full precision.

The block formats (mxfp8, nvfp4) keep numbers in 8 and 4 bits with a scale for each block. Processors of this library have neither
type, so a configuration can be made and passed on, and using it is refused; without one the contraction is `lax.dot_general`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from functrans.core.dtypes import canonical
from functrans.core.source import describe, user_source
from functrans.numpy.util import as_operand, check_arraylike
from functrans.primitives.contraction import dot_general

__all__ = ["BlockScaleConfig", "get_scaled_dot_general_config", "scaled_dot_general"]


@dataclass(frozen=True, slots=True)
class BlockScaleConfig:
    """A block format: the size of a block, the types of elements and scales by name, and the global scale of nvfp4."""

    mode: str
    block_size: int
    data_type: str
    scale_type: str
    global_scale: Any = None
    infer_only: bool = False


def get_scaled_dot_general_config(mode: str, global_scale: Any = None) -> BlockScaleConfig:
    """The configuration of a block format.

    Args:
        mode: ``"mxfp8"`` or ``"nvfp4"``.
        global_scale: the scale of the whole array, for nvfp4; 1 by default.

    Raises:
        ValueError: for another mode.

    >>> get_scaled_dot_general_config("mxfp8").block_size
    32
    """
    if mode == "mxfp8":
        return BlockScaleConfig(mode, 32, "float8_e4m3fn", "float8_e8m0fnu")
    if mode == "nvfp4":
        whole = np.ones(1, np.float32) if global_scale is None else global_scale
        return BlockScaleConfig(mode, 16, "float4_e2m1fn", "float8_e4m3fn", whole)
    raise ValueError(f"get_scaled_dot_general_config: mode must be 'nvfp4' or 'mxfp8'; got {mode!r}, at {describe(user_source())}.")


def scaled_dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, preferred_element_type: Any = np.float32, configs: Sequence[BlockScaleConfig] | None = None,
    implementation: str | None = None,
) -> Any:
    """`lax.dot_general`, in a block-scaled format where `configs` asks for one.

    Args:
        lhs, rhs: arrays.
        dimension_numbers: ``((lhs_contracting, rhs_contracting), (lhs_batch, rhs_batch))``.
        preferred_element_type: the dtype of the result.
        configs: None for full precision.
        implementation: accepted for compatibility.

    Returns:
        the contraction: batch axes first, then the others of `lhs` and of `rhs`.

    Raises:
        NotImplementedError: for `configs`: there are no numbers of 8 or 4 bits here.

    >>> scaled_dot_general(np.ones((2, 3)), np.ones((3, 2)), (((1,), (0,)), ((), ())))
    Array([[3., 3.],
           [3., 3.]], dtype=float32)
    """
    check_arraylike("scaled_dot_general", lhs, rhs)
    if configs is not None:
        raise NotImplementedError(f"scaled_dot_general: arrays hold no numbers of 8 or 4 bits, which configs of mode "
                                  f"{configs[0].mode if configs else '?'!r} need, at {describe(user_source())}. Leave configs out for the "
                                  "contraction in full precision.")
    return dot_general(as_operand(lhs), as_operand(rhs), dimension_numbers, preferred_element_type=canonical(preferred_element_type))
