"""Names for one host, and questions about dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import dtypes, random
from functrans.errors import TracerArrayConversionError, TypePromotionError


def test_arrays_go_to_the_device_and_back() -> None:
    given = {"a": np.arange(3.0), "b": (2, None)}
    put = ft.device_put(given)
    assert isinstance(put["a"], ft.Array) and put["b"][1] is None
    given["a"][0] = 9  # the device has a copy
    np.testing.assert_array_equal(put["a"], [0, 1, 2])
    back = ft.device_get(put)
    assert type(back["a"]) is np.ndarray and back["b"][0].dtype == "int64"
    assert ft.block_until_ready(put) is put
    with pytest.raises(TypeError, match=r"device_put takes pytrees of arrays and numbers; got 'x'.*test_host"):
        ft.device_put(["x"])
    with pytest.raises(TracerArrayConversionError):
        ft.make_jaxpr(ft.device_get)(1.0)


def test_device_put_is_differentiable() -> None:
    assert float(ft.jit(ft.grad(lambda x: ft.device_put(x) ** 2))(3.0)) == 6.0


def test_known_values_are_evaluated_while_tracing() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        with ft.ensure_compile_time_eval():
            seen.append(fnp.arange(3) + 1)
        return x + seen[0]

    jaxpr = ft.make_jaxpr(f)(1.0)
    assert type(seen[0]) is ft.Array
    assert [e.primitive.name for e in jaxpr.eqns if e.primitive.name == "iota"] == []


def test_names_are_accepted() -> None:
    with ft.named_scope("part"):
        assert float(ft.named_call(fnp.sin, name="sine")(0.0)) == 0.0
    with pytest.raises(TypeError, match="named_scope takes a name; got 3"):
        ft.named_scope(3)  # type: ignore[arg-type]


def test_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert ft.print_environment_info() is None
    assert f"numpy:     {np.__version__}" in capsys.readouterr().out


def test_dtypes() -> None:
    assert dtypes.result_type(np.int32(1), np.float32(1)) == "float32"
    assert dtypes.result_type(1.0, return_weak_type_flag=True) == (np.dtype("float64"), True)
    assert [dtypes.itemsize_bits(t) for t in ("int8", "complex128", np.float16)] == [8, 128, 16]
    assert [dtypes.scalar_type_of(x) for x in (True, np.uint8(1), np.float32(1), 1j)] == [bool, int, float, complex]
    assert dtypes.canonicalize_dtype(int) == "int64"
    key = random.key(0).dtype
    assert dtypes.issubdtype(key, dtypes.prng_key) and dtypes.issubdtype(key, dtypes.extended)
    assert not dtypes.issubdtype(key, np.floating) and not dtypes.issubdtype("float32", dtypes.prng_key)
    assert dtypes.issubdtype("float32", np.floating) and not dtypes.issubdtype("int8", np.floating)
    assert dtypes.canonicalize_dtype(key, allow_extended_dtype=True) == key
    assert issubclass(dtypes.TypePromotionError, ValueError) and dtypes.TypePromotionError is TypePromotionError
    with pytest.raises(TypeError):
        dtypes.canonicalize_dtype("U3")
