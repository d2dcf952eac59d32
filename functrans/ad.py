"""Where cotangents go: what ``f_vjp.with_refs(...)`` takes and returns, for ``f_vjp`` from `functrans.vjp`.

A mutable array collects cotangents over many calls, without one more array for each:

>>> import functrans as ft, functrans.numpy as fnp
>>> weights, total = fnp.ones(3), ft.new_ref(fnp.zeros(3))
>>> for batch in fnp.arange(6.0).reshape(2, 3):
...     loss, pull = ft.vjp(lambda w, x: (w * x).sum(), weights, batch)
...     _ = pull.with_refs(total, DontWant())(1.0)
>>> total[...]
Array([3., 5., 7.], dtype=float64)

Reference: the names and the meaning are those of ``jax.ad``.
"""

from __future__ import annotations

from functrans.transforms.pullback import VJP, DidntWant, DontWant, GradRef, GradValue

__all__ = ["VJP", "DidntWant", "DontWant", "GradRef", "GradValue"]
