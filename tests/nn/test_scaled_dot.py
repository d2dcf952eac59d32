"""`scaled_dot_general` in full precision is `dot_general`; block formats are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from functrans import nn

RNG = np.random.default_rng(0)


def test_full_precision() -> None:
    a, b = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4))
    got = nn.scaled_dot_general(a, b, (((2,), (2,)), ((0,), (0,))), preferred_element_type="float64")
    np.testing.assert_allclose(got, np.einsum("bmk,bnk->bmn", a, b), rtol=1e-13)
    assert nn.scaled_dot_general(a, b, (((2,), (2,)), ((0,), (0,)))).dtype == np.float32


def test_configurations() -> None:
    mx, nv = nn.get_scaled_dot_general_config("mxfp8"), nn.get_scaled_dot_general_config("nvfp4", np.float32(0.5))
    assert (mx.mode, mx.block_size, mx.data_type, mx.global_scale) == ("mxfp8", 32, "float8_e4m3fn", None)
    assert (nv.block_size, nv.data_type, nv.scale_type, nv.global_scale) == (16, "float4_e2m1fn", "float8_e4m3fn", 0.5)
    with pytest.raises(ValueError, match=r"'nvfp4' or 'mxfp8'; got 'int3', at .*test_scaled_dot"):
        nn.get_scaled_dot_general_config("int3")
    with pytest.raises(NotImplementedError, match=r"no numbers of 8 or 4 bits, which configs of mode 'mxfp8' need, at .*test_scaled_dot"):
        nn.scaled_dot_general(np.ones((2, 2)), np.ones((2, 2)), (((1,), (0,)), ((), ())), configs=[mx] * 3)
