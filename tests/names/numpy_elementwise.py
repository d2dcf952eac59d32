"""Rows of `functrans.numpy`: functions of each element by itself, and operations of pairs of elements."""

from __future__ import annotations

import numpy as np

from tests.names.rows import ANY, COMPLEX, INTEGER, NUMBER, REAL, Name, R, Z, distinct, each, fixed

__all__ = ["ELEMENTWISE"]

X = R(3, 4)
UNIT = R(3, 4, low=-0.95, high=0.95)
POSITIVE = R(3, 4, low=0.2, high=3.0)
PAIR = (R(3, 4), R(4))
COMPARED = (distinct(3, 4), distinct(3, 4))


ELEMENTWISE = (
    # -- elementary functions
    *each("numpy", "sin cos tan sinh cosh tanh arctan arcsinh exp exp2 expm1 sinc", X, dtypes=COMPLEX),
    *each("numpy", "atan asinh", X, dtypes=COMPLEX),
    *each("numpy", "arcsin arccos arctanh asin acos atanh", UNIT, dtypes=COMPLEX),
    *each("numpy", "log log2 log10 log1p sqrt", POSITIVE, dtypes=COMPLEX),
    *each("numpy", "arccosh acosh", R(3, 4, low=1.2, high=4.0), dtypes=COMPLEX),
    *each("numpy", "deg2rad rad2deg degrees radians i0", X),
    Name("numpy.cbrt", (distinct(3, 4),)),
    Name("numpy.angle", (X,), dtypes=COMPLEX),
    *each("numpy", "arctan2 atan2", R(3, 4, low=0.3), R(4)),
    Name("numpy.hypot", PAIR),
    *each("numpy", "logaddexp logaddexp2", *PAIR),
    # -- arithmetic
    *each("numpy", "add subtract multiply", *PAIR, dtypes=NUMBER),
    *each("numpy", "divide true_divide", R(3, 4), R(4, low=0.5, high=3), dtypes=NUMBER),
    *each("numpy", "floor_divide mod remainder fmod", R(3, 4, low=-9.3, high=9.7), R(4, low=1.1, high=3), dtypes=REAL),
    Name("numpy.divmod", (R(3, 4, low=-9.3, high=9.7), R(4, low=1.1, high=3)), dtypes=REAL),
    *each("numpy", "power pow", R(3, 4, low=1, high=3), R(4, low=0, high=3), dtypes=NUMBER),
    Name("numpy.float_power", (R(3, 4, low=1, high=3), R(4)), dtypes=NUMBER, widens=True),
    *each("numpy", "negative positive square", X, dtypes=NUMBER),
    Name("numpy.reciprocal", (POSITIVE,), dtypes=COMPLEX),
    *each("numpy", "absolute abs", distinct(3, 4), dtypes=NUMBER),
    Name("numpy.fabs", (distinct(3, 4),)),
    Name("numpy.sign", (distinct(3, 4),), dtypes=REAL),
    Name("numpy.heaviside", (distinct(3, 4), R(4))),
    Name("numpy.copysign", (distinct(3, 4), distinct(4))),
    *each("numpy", "maximum minimum fmax fmin", *COMPARED, dtypes=REAL),
    Name("numpy.clip", (distinct(3, 4),), lambda f, x: f(x, -1, 1), dtypes=REAL),
    Name("numpy.nan_to_num", (fixed([0.5, np.nan, np.inf, -2.0]),), lambda f, x: f(x, nan=7.0, posinf=9.0)),
    Name("numpy.gcd", (Z(3, 4, low=-30, high=30), Z(4, low=-30, high=30)), dtypes=INTEGER),
    Name("numpy.lcm", (Z(3, 4, low=-30, high=30), Z(4, low=-30, high=30)), dtypes=INTEGER),
    # -- rounding and the forms of floating numbers
    *each("numpy", "floor ceil trunc rint fix", R(3, 4, low=-5, high=5)),
    *each("numpy", "round around", R(3, 4, low=-5, high=5), call=lambda f, x: f(x, 1), dtypes=COMPLEX),
    Name("numpy.modf", (R(3, 4, low=-5, high=5),)),
    Name("numpy.frexp", (POSITIVE,), lambda f, x: f(x)),
    Name("numpy.ldexp", (X, Z(4, low=-3, high=3, dtype="int32"))),
    Name("numpy.nextafter", PAIR),
    Name("numpy.spacing", (X,)),
    # -- complex parts
    *each("numpy", "real imag conj conjugate", X, dtypes=COMPLEX),
    *each("numpy", "isreal iscomplex", X, dtypes=NUMBER),
    # -- predicates and comparisons
    *each("numpy", "isnan isinf isfinite", fixed([0.5, np.nan, np.inf, -np.inf]), dtypes=COMPLEX),
    *each("numpy", "isposinf isneginf signbit", fixed([0.5, -0.0, np.inf, -np.inf])),
    *each("numpy", "equal not_equal", Z(3, 4), Z(4), dtypes=("int64",)),
    *each("numpy", "less less_equal greater greater_equal", R(3, 4), R(4), dtypes=("bool", *REAL)),
    *each("numpy", "logical_and logical_or logical_xor", R(3, 4, low=0, high=1), R(4, low=0, high=1), dtypes=ANY),
    Name("numpy.logical_not", (R(3, 4, low=0, high=1),), dtypes=ANY),
    *each("numpy", "isclose", fixed([1.0, 2.0, np.nan]), fixed([1.0 + 1e-9, 2.1, np.nan]), dtypes=COMPLEX),
    *each("numpy", "allclose array_equal array_equiv", R(3), R(3), call=lambda f, x, y: [f(x, x), f(x, y)], dtypes=NUMBER),
    # -- bits
    *each("numpy", "bitwise_and bitwise_or bitwise_xor", R(3, 4, low=0, high=99), R(4, low=0, high=99), dtypes=("bool", *INTEGER)),
    *each("numpy", "bitwise_not bitwise_invert invert", R(3, 4, low=0, high=99), dtypes=("bool", *INTEGER)),
    *each("numpy", "left_shift right_shift bitwise_left_shift bitwise_right_shift", R(3, 4, low=0, high=99), R(4, low=0, high=3),
          dtypes=INTEGER),
    Name("numpy.bitwise_count", (R(3, 4, low=-99, high=99),), dtypes=INTEGER),
    # -- choices
    Name("numpy.where", (Z(3, 4, high=1, dtype="bool"), R(3, 4), R(4)), dtypes=NUMBER),
    Name("numpy.select", (Z(4, high=1, dtype="bool"), Z(4, high=1, dtype="bool"), R(4), R(4)),
         lambda f, a, b, x, y: f([a, b], [x, y], 7), dtypes=NUMBER),
    Name("numpy.piecewise", (distinct(7),), lambda f, x: f(x, [x < -0.5, x > 0.5], [lambda x: -x, lambda x: x * x, 3.0])),
    *each("numpy", "unwrap", R(7, low=-9, high=9)),
)
