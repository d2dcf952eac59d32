"""The low-precision dtypes as dtypes: promotion, kinds, limits, names; and the library without the package that brings them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import dtypes, lax
from functrans.core.dtypes import SHORT_NAMES
from functrans.core.low_precision import DTYPES, FORMATS
from functrans.core.parse import parse_jaxpr
from functrans.core.pretty import pp_jaxpr
from tests.low_precision.make_facts import FLOATS

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "facts.json").read_text())
NAMES = [
    "bfloat16", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn",
    "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "int1", "int2", "int4", "uint1", "uint2", "uint4",
]
EACH = pytest.mark.parametrize("name", NAMES)


@EACH
def test_promotion_is_the_references(name: str) -> None:
    for other, want in FACTS["promote"][name].items():
        for a, b in ((name, other), (other, name)):
            if want is None:
                with pytest.raises(dtypes.TypePromotionError, match=r"no common dtype, at .*test_dtypes.py.*astype"):
                    fnp.promote_types(a, b)
            else:
                assert fnp.promote_types(a, b) == want


@EACH
def test_python_numbers_adopt_them(name: str) -> None:
    x = fnp.ones(2, name)
    for scalar, want in zip((1, 1.0, 1j), FACTS["scalars"][name], strict=True):
        for fun in (lambda x, s=scalar: x + s, lambda x, s=scalar: s + x, ft.jit(lambda x, s=scalar: x * s)):
            if want is None:
                with pytest.raises(dtypes.TypePromotionError, match="no common dtype"):
                    fun(x)
            else:
                assert fun(x).dtype == want
    assert (x + True).dtype == name


@EACH
def test_the_scalar_type_of_a_name(name: str) -> None:
    made = getattr(fnp, name)
    assert made == DTYPES[name] and DTYPES[name] == made and np.dtype(made) is not None and made == getattr(ml_dtypes, name)
    assert hash(made) == hash(DTYPES[name].type) and name in repr(made) and name in fnp.__all__
    one = made(1)
    assert isinstance(one, ft.Array) and one.dtype == made and isinstance(np.asarray(one)[()], made)
    for x in (fnp.array([1, 0], dtype=made), fnp.asarray([1, 0], name), fnp.array(np.array([1, 0])).astype(DTYPES[name])):
        assert x.dtype == name and x.dtype == made
    assert fnp.zeros(2, made).dtype == fnp.full((2,), 1, name).dtype == fnp.arange(2, dtype=made).dtype == made
    assert ft.ShapeDtypeStruct((2,), made).dtype == DTYPES[name]


def test_bfloat16_is_in_dtypes_too() -> None:
    assert dtypes.bfloat16 is fnp.bfloat16 and "bfloat16" in dtypes.__all__


@EACH
def test_kinds_are_told(name: str) -> None:
    form = FORMATS[name]
    whole = ("integral", "numeric")
    kinds = {"f": ("real floating", "numeric"), "i": ("signed integer", *whole), "u": ("unsigned integer", *whole)}
    every = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")
    assert tuple(k for k in every if fnp.isdtype(name, k)) == tuple(k for k in every if k in kinds[form.kind])
    assert fnp.isdtype(name, getattr(fnp, name)) and fnp.isdtype(name, ("bool", DTYPES[name]))
    assert not fnp.isdtype(name, np.dtype("float32"))
    above = {"f": ("floating", "inexact"), "i": ("signedinteger", "integer"), "u": ("unsignedinteger", "integer")}[form.kind]
    for kind in ("floating", "inexact", "signedinteger", "unsignedinteger", "integer", "complexfloating"):
        assert fnp.issubdtype(getattr(fnp, name), getattr(fnp, kind)) == (kind in above)
    assert fnp.issubdtype(name, fnp.number) and fnp.issubdtype(name, getattr(fnp, name)) and not fnp.issubdtype(name, "float32")
    assert not fnp.issubdtype("float32", getattr(fnp, name)) and fnp.issubdtype(np.float32, fnp.floating)
    assert dtypes.scalar_type_of(fnp.ones(1, name)) is (float if form.kind == "f" else int)
    assert dtypes.itemsize_bits(name) == form.bits


def test_casting_is_asked_of_numpy() -> None:
    assert fnp.can_cast(fnp.bfloat16, "float32") and not fnp.can_cast("float32", fnp.bfloat16)
    assert fnp.can_cast("int4", "int8") and not fnp.can_cast("int8", "int4")


@EACH
def test_limits_are_those_of_ml_dtypes(name: str) -> None:
    for module in (fnp, dtypes):
        for asked in (name, getattr(fnp, name), DTYPES[name], fnp.ones(1, name)):
            if FORMATS[name].kind == "f":
                info, want = module.finfo(asked), ml_dtypes.finfo(name)
                assert (info.bits, info.max, info.tiny, info.eps) == (want.bits, want.max, want.tiny, want.eps)
            else:
                assert (module.iinfo(asked).min, module.iinfo(asked).max) == (ml_dtypes.iinfo(name).min, ml_dtypes.iinfo(name).max)


@EACH
def test_jaxprs_print_and_parse(name: str) -> None:
    jaxpr = ft.make_jaxpr(lambda x: (x * 2).astype("float32").astype(name))(fnp.ones((2, 3), name))
    text = pp_jaxpr(jaxpr.jaxpr)
    assert f"a:{SHORT_NAMES[name]}[2,3]" in text and f"new_dtype={name}" in text
    assert pp_jaxpr(parse_jaxpr(text)) == text
    if name in FACTS["printed"]:
        assert str(ft.make_jaxpr(lambda v: v * 2)(fnp.ones(2, name))).split() == FACTS["printed"][name].split()


@EACH
def test_arrays_are_pickled_copied_and_shown(name: str) -> None:
    x = fnp.array([[1, 0], [1, 1]], dtype=name)
    for back in (pickle.loads(pickle.dumps(x)), x.copy()):
        assert back.dtype == name
        np.testing.assert_array_equal(np.asarray(back).astype(float), np.asarray(x).astype(float))
    assert repr(x).endswith(f"dtype={name})") and repr(x).startswith("Array([[") and str(x) == str(np.asarray(x))
    assert pickle.loads(pickle.dumps(ft.typeof(x))) == ft.typeof(x)


def test_bfloat16_comes_back_from_a_file(tmp_path: Path) -> None:
    x = fnp.array([[1.5, -2.0]], "bfloat16")
    fnp.save(tmp_path / "x.npy", x)
    back = fnp.load(tmp_path / "x.npy")
    assert back.dtype == fnp.bfloat16 and back.tolist() == x.tolist()


@pytest.mark.parametrize("name", FACTS["converted"])
def test_floats_become_narrow_integers_as_in_the_reference(name: str) -> None:
    x = np.array(FLOATS)
    for got in (fnp.asarray(x).astype(name), ft.jit(lambda x: x.astype(name))(x), ft.jit(lambda x: x.astype(name))(x.astype("float32"))):
        assert np.asarray(got).astype(float).tolist() == FACTS["converted"][name]


def test_bits_are_seen_where_elements_are_bytes() -> None:
    x = fnp.array([1.0, -2.5], "bfloat16")
    for fun in (lambda x: x.view("uint16"), lambda x: lax.bitcast_convert_type(x, "uint16")):
        for f in (fun, ft.jit(fun)):
            assert f(x).tolist() == [0x3F80, 0xC020]
    assert ft.jit(lambda x: lax.bitcast_convert_type(x, "uint8"))(x).tolist() == [[0x80, 0x3F], [0x20, 0xC0]]
    assert ft.jit(lambda x: lax.bitcast_convert_type(x, "bfloat16"))(np.array([0x3F80, 0xC020], "uint16")).tolist() == [1.0, -2.5]
    assert lax.bitcast_convert_type(np.array([0x40], "uint8"), "float8_e5m2").tolist() == [2.0]
    nibbles = fnp.arange(-8, 8, dtype="int4")
    assert ft.jit(lambda x: lax.bitcast_convert_type(x, "uint4"))(nibbles).tolist() == [*range(8, 16), *range(8)]
    with pytest.raises(TypeError, match="less than a byte shares its bits with those of its width only"):
        lax.bitcast_convert_type(nibbles, "uint8")


def test_dlpack_and_numpy_take_them() -> None:
    x = fnp.array([1.0, 2.0], "bfloat16")
    assert np.asarray(x).dtype == ml_dtypes.bfloat16 and (np.asarray(x) + x).dtype == fnp.bfloat16 and np.sin(x).dtype == fnp.bfloat16
    assert isinstance(np.sin(x), ft.Array)
    with pytest.raises(BufferError):  # NumPy's arrays have no DLPack type for it
        np.from_dlpack(x)


@pytest.mark.parametrize("name", ["cholesky", "inv", "eigh", "svd", "qr", "det"])
def test_lapack_refuses_them(name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}.*bfloat16 is not supported, at .*test_dtypes.py.*Convert to float32"):
        getattr(fnp.linalg, name)(fnp.eye(2, dtype="bfloat16"))


WITHOUT = """
import sys
sys.modules["ml_dtypes"] = None  # what an import finds where the package is not installed
import functrans as ft, functrans.numpy as fnp, functrans.dtypes as dtypes
assert not hasattr(fnp, "bfloat16") and not hasattr(dtypes, "bfloat16") and "bfloat16" not in fnp.__all__
for module in (fnp, dtypes):
    try:
        module.bfloat16
    except AttributeError as error:
        print(error)
try:
    fnp.no_such_name
except AttributeError as error:
    print(error)
try:
    fnp.zeros(2, "bfloat16")
except TypeError as error:
    print(error)
print(ft.jit(lambda x: (x.astype("float16") * 2).sum())(fnp.ones(3)))
"""


def test_without_ml_dtypes_all_else_works() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, cwd=Path(ft.__file__).parents[1])
    first, second, third, fourth, last = run.stdout.splitlines()
    for text, module in ((first, "functrans.numpy"), (second, "functrans.dtypes")):
        assert text.startswith(f"{module}.bfloat16 needs the package ml_dtypes") and "pip install 'functrans[lowprecision]'" in text
    assert third == "module 'functrans.numpy' has no attribute 'no_such_name'"
    assert "functrans[lowprecision]" in fourth
    assert last == "6.0"
