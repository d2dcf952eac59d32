"""The inverse error function by Giles's polynomials: what normal numbers are made with.

x times a polynomial in ``w = -log(1 - x**2)``, or in its square root far out. `erf_inv` of `functrans.primitives.special` is
accurate everywhere; this one gives the values that other implementations of the same algorithm give, and so the same
normal numbers from the same bits. Some 5 units in the last place up to |x| = 0.9. Nearer to 1, ``1 - x**2`` cancels, and the
relative error grows to some 1e-5 in float32 and 1e-10 in float64, which is nothing to a random number. float32 and float64 only.

M. Giles, "Approximating the erfinv function" (GPU Computing Gems, Jade Edition, 2010), tables 5 and 6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.core.aval import ShapedArray
from functrans.core.trace import Primitive
from functrans.primitives.base import literal, operand_error
from functrans.primitives.builders import mul_p, unary
from functrans.primitives.scalar_program import NumPyBuilder, Value, where
from functrans.primitives.transcendental import exp_p

__all__ = ["erf_inv_giles_p"]

# For each dtype the polynomials from the centre outwards, the highest power first: (w below, subtracted from w or from
# its root, coefficients).
_SINGLE = (
    (5.0, 2.5, (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
        0.246640727, 1.50140941,
    )),
    (math.inf, 3.0, (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
        1.00167406, 2.83297682,
    )),
)
_DOUBLE = (
    (6.25, 3.125, (
        -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18, 1.115787767802518096e-17,
        -1.333171662854620906e-16, 2.0972767875968561637e-17, 6.6376381343583238325e-15, -4.0545662729752068639e-14,
        -8.1519341976054721522e-14, 2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
        1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08, 4.2347877827932403518e-07,
        -1.3654692000834678645e-06, -1.3882523362786468719e-05, 0.0001867342080340571352, -0.00074070253416626697512,
        -0.0060336708714301490533, 0.24015818242558961693, 1.6536545626831027356,
    )),
    (16.0, 3.25, (
        2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07, 1.8239629214389227755e-08,
        1.5027403968909827627e-06, -4.013867526981545969e-06, 2.9234449089955446044e-06, 1.2475304481671778723e-05,
        -4.7318229009055733981e-05, 6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
        0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066, -0.0037512085075692412107,
        0.005370914553590063617, 1.0052589676941592334, 3.0838856104922207635,
    )),
    (math.inf, 5.0, (
        -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09, -3.7894654401267369937e-09,
        7.6157012080783393804e-09, -1.4960026627149240478e-08, 2.9147953450901080826e-08, -6.7711997758452339498e-08,
        2.2900482228026654717e-07, -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
        7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026, 1.0103004648645343977,
        4.8499064014085844221,
    )),
)


def _erf_inv(b: Any, operand: Any) -> Any:
    """One chain of multiply-adds, whose coefficients are chosen: the shorter polynomials begin with zeros."""
    x = Value(b, operand)
    pieces = _DOUBLE if operand.dtype == np.float64 else _SINGLE
    w = -((-(x * x)).f("log1p"))
    root = w.f("sqrt")
    inside = [w < limit for limit, _, _ in pieces[:-1]]

    def chosen(candidates: list[Any]) -> Value:
        out = candidates[-1]
        for near, candidate in zip(reversed(inside), reversed(candidates[:-1]), strict=True):
            if not (isinstance(out, float) and out == candidate):
                out = where(near, candidate if isinstance(candidate, Value) else x.const(candidate), out)
        return out if isinstance(out, Value) else x.const(out)

    t = chosen([(root if i else w) - shift for i, (_, shift, _) in enumerate(pieces)])
    length = len(pieces[0][2])
    rows = [(0.0,) * (length - len(row)) + row for _, _, row in pieces]
    total = chosen([row[0] for row in rows])
    for column in list(zip(*rows, strict=True))[1:]:
        total = total.f("fma", t, chosen(list(column)))
    return where(abs(x) == 1.0, x * math.inf, total * x).x


def _slope(x: Any, y: Any) -> Any:
    return mul_p.bind(literal(x, math.sqrt(math.pi) / 2), exp_p.bind(mul_p.bind(y, y)))


erf_inv_giles_p: Primitive = unary(
    "erf_inv_giles", lambda x: np.asarray(_erf_inv(NumPyBuilder(), x)), _slope, kinds="f", lower=_erf_inv)
"""``erf_inv_giles x``, elementwise."""

_elementwise = erf_inv_giles_p.rule("abstract")


def _abstract(*avals: ShapedArray) -> ShapedArray:
    if len(avals) != 1 or avals[0].dtype.itemsize < 4:
        raise operand_error("erf_inv_giles", "it takes one operand, of float32 or float64.", *avals)
    out: ShapedArray = _elementwise(*avals)
    return out


erf_inv_giles_p.abstract = _abstract
