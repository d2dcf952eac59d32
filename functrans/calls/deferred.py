"""Sums over the steps of a loop that are better taken after it.

The cotangent of a matrix that every step multiplies by is a sum of outer products, ``sum_t a_t b_t'``. Added up in the loop, each
step reads and writes the whole matrix; with the vectors ``a_t`` and ``b_t`` kept, one matrix product after the loop does all of it,
``A' B``, at the speed of matrix multiplication. `split_sum` looks through what a body computes for a sum and finds

- *products*: contractions (`dot_general`) and products of broadcasts whose operands have together no more elements than the
  result. An operand that is an input of the loop is stacked already and costs nothing.
- *rests*: terms to be accumulated in the loop, in the smallest form: ``sum_t broadcast(v_t)`` accumulates ``v_t``.

Linear views (transpose, reshape, broadcast) on the way commute with the sum and are applied to the total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from functrans.calls.lift import LINEAR_VIEWS
from functrans.core.aval import ShapedArray
from functrans.core.dtypes import kind_of
from functrans.core.jaxpr import Atom, Eqn, Var
from functrans.core.trace import typeof
from functrans.primitives.builders import add_p
from functrans.primitives.contraction import dot_general_p
from functrans.primitives.structural import reshape, transpose

__all__ = ["Product", "Rest", "Sum", "split_sum", "total"]


@dataclass(frozen=True, slots=True)
class Product:
    """A sum over steps that one contraction of stacks gives.

    In each step: `lhs` and `rhs` are reshaped, contracted as `dot_general` does, and the result's axes permuted and reshaped.
    """

    lhs: Var
    rhs: Var
    contract: tuple[tuple[int, ...], tuple[int, ...]]
    batch: tuple[tuple[int, ...], tuple[int, ...]]
    params: dict[str, Any]
    lhs_shape: tuple[int, ...]
    rhs_shape: tuple[int, ...]
    permutation: tuple[int, ...]  # of the contraction's axes
    shape: tuple[int, ...]
    views: tuple[Eqn, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """A term that the loop accumulates."""

    atom: Atom
    views: tuple[Eqn, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the steps: its products and its rests."""

    products: tuple[Product, ...]
    rests: tuple[Rest, ...]


def split_sum(eqns: Sequence[Eqn], atom: Atom, stacked: set[Var], fixed: set[Var]) -> Sum:
    """How to sum `atom`, which `eqns` compute in each step.

    Args:
        stacked: variables of which the values of all steps exist anyway (inputs of the loop).
        fixed: variables that are the same on every step; a product with one of them is no outer product of per-step values.
    """
    definitions = {v: e for e in eqns for v in e.outvars}

    def worth(product: Product | None, aval: ShapedArray) -> bool:
        if product is None or product.lhs in fixed or product.rhs in fixed:
            return False
        extra = {v: v.aval.size for v in (product.lhs, product.rhs) if v not in stacked}
        return sum(extra.values()) <= aval.size

    def terms(a: Atom) -> Sum:
        eqn = definitions.get(a) if type(a) is Var else None
        whole = Sum((), (Rest(a),))
        if eqn is None:
            return whole
        if _is_linear_view(eqn):
            inner = terms(eqn.invars[0])
            smaller = eqn.invars[0].aval.size < a.aval.size
            return _viewed(inner, eqn) if inner.products or smaller else whole
        if eqn.primitive is add_p and all(x.aval.same_type(a.aval) for x in eqn.invars):
            left, right = map(terms, eqn.invars)
            split = Sum(left.products + right.products, left.rests + right.rests)
            return split if split.products else whole
        product = _FINDERS[eqn.primitive.name](eqn, definitions) if eqn.primitive.name in _FINDERS else None
        return Sum((product,), ()) if product is not None and worth(product, a.aval) else whole

    return terms(atom)


def _viewed(s: Sum, view: Eqn) -> Sum:
    return Sum(tuple(replace(p, views=(*p.views, view)) for p in s.products),
               tuple(replace(r, views=(*r.views, view)) for r in s.rests))


def _is_linear_view(eqn: Eqn) -> bool:
    if eqn.primitive.name == "convert_element_type":  # a wider type must be the one that is summed in
        before, after = eqn.invars[0].aval.dtype, eqn.outvars[0].aval.dtype
        return kind_of(before) == kind_of(after) and before.itemsize >= after.itemsize
    return eqn.primitive.name in LINEAR_VIEWS


# -- finding products -----------------------------------------------------------------------------------------------------

def _contraction(eqn: Eqn, definitions: dict[Any, Eqn]) -> Product | None:
    x, y = eqn.invars
    if type(x) is not Var or type(y) is not Var:
        return None
    (x_contract, y_contract), (x_batch, y_batch) = eqn.params["dimension_numbers"]
    rows = prod(n for d, n in enumerate(x.aval.shape) if d not in (*x_contract, *x_batch))
    columns = prod(n for d, n in enumerate(y.aval.shape) if d not in (*y_contract, *y_batch))
    if rows < 2 or columns < 2:
        return None
    shape = eqn.outvars[0].aval.shape
    options = {k: v for k, v in eqn.params.items() if k != "dimension_numbers"}
    return Product(x, y, (x_contract, y_contract), (x_batch, y_batch), options, x.aval.shape, y.aval.shape,
                   tuple(range(len(shape))), shape)


def _outer_product(eqn: Eqn, definitions: dict[Any, Eqn]) -> Product | None:
    shape = eqn.outvars[0].aval.shape
    (x, x_axes), (y, y_axes) = (_spread(a, shape, definitions) for a in eqn.invars)
    if type(x) is not Var or type(y) is not Var:
        return None
    shared = [a for a in x_axes if a in y_axes]
    x_free, y_free = [a for a in x_axes if a not in shared], [a for a in y_axes if a not in shared]
    if not x_free or not y_free or any(n != 1 for a, n in enumerate(shape) if a not in (*x_axes, *y_axes)):
        return None
    order = [*shared, *x_free, *y_free]
    permutation = tuple(order.index(a) for a in sorted(order))
    batch = tuple(x_axes.index(a) for a in shared), tuple(y_axes.index(a) for a in shared)
    options = {"precision": None, "preferred_element_type": None}
    return Product(x, y, ((), ()), batch, options, tuple(shape[a] for a in x_axes), tuple(shape[a] for a in y_axes), permutation, shape)


def _spread(a: Atom, shape: tuple[int, ...], definitions: dict[Any, Eqn]) -> tuple[Atom, list[int]]:
    """The smallest variable that `a` repeats over `shape`, and the axes of `shape` that its own axes (longer than 1) are."""
    axes = [i for i, n in enumerate(shape) if n != 1] if a.aval.shape == shape else []
    while type(a) is Var and (eqn := definitions.get(a)) is not None:
        name, long = eqn.primitive.name, [i for i, n in enumerate(a.aval.shape) if n != 1]
        if name == "broadcast_in_dim":
            inner = eqn.invars[0].aval.shape
            axes = [axes[long.index(d)] for n, d in zip(inner, eqn.params["broadcast_dimensions"], strict=True) if n != 1]
        elif name != "reshape" or [n for n in eqn.invars[0].aval.shape if n != 1] != [a.aval.shape[i] for i in long]:
            break
        a = eqn.invars[0]
    return a, axes


_FINDERS: dict[str, Callable[[Eqn, dict[Any, Eqn]], Product | None]] = {"dot_general": _contraction, "mul": _outer_product}


# -- the totals -----------------------------------------------------------------------------------------------------------

def total(s: Sum, stacks: Callable[[Var], Any], sums: Sequence[Any]) -> Any:
    """The sum: `stacks` gives the values of a variable on all steps, along axis 0; `sums` are the totals of the rests."""
    terms = [_apply(r.views, v) for r, v in zip(s.rests, sums, strict=True)]
    terms += [_apply(p.views, _contracted(p, stacks(p.lhs), stacks(p.rhs))) for p in s.products]
    out = terms[0]
    for t in terms[1:]:
        out = add_p.bind(out, t)
    return out


def _contracted(p: Product, lhs: Any, rhs: Any) -> Any:
    length = typeof(lhs).shape[0]
    lhs, rhs = reshape(lhs, (length, *p.lhs_shape)), reshape(rhs, (length, *p.rhs_shape))

    def shifted(axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(a + 1 for a in axes)

    contract = (0, *shifted(p.contract[0])), (0, *shifted(p.contract[1]))
    batch = shifted(p.batch[0]), shifted(p.batch[1])
    out = dot_general_p.bind(lhs, rhs, dimension_numbers=(contract, batch), **p.params)
    return reshape(transpose(out, p.permutation), p.shape)


def _apply(views: Sequence[Eqn], value: Any) -> Any:
    for view in views:
        value = view.primitive.bind(value, **view.params)
    return value
