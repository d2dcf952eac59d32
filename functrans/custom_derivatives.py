"""Functions with derivatives of their own: the rules, what rules are given, and the tools to write them."""

from functrans.calls.custom_gradient import closure_convert as closure_convert
from functrans.calls.custom_gradient import custom_gradient as custom_gradient
from functrans.calls.custom_jvp import custom_jvp as custom_jvp
from functrans.calls.custom_jvp import custom_jvp_p as custom_jvp_call_p
from functrans.calls.custom_results import CustomVJPPrimal as CustomVJPPrimal
from functrans.calls.custom_results import SymbolicZero as SymbolicZero
from functrans.calls.custom_results import custom_vjp_primal_tree_values as custom_vjp_primal_tree_values
from functrans.calls.custom_results import zero_from_primal as zero_from_primal
from functrans.calls.custom_vjp import custom_vjp as custom_vjp
from functrans.calls.custom_vjp import custom_vjp_p as custom_vjp_call_p
from functrans.calls.linear_call import linear_call as linear_call

__all__ = [
    "CustomVJPPrimal", "SymbolicZero", "closure_convert", "custom_gradient", "custom_jvp", "custom_jvp_call_p", "custom_vjp",
    "custom_vjp_call_p", "custom_vjp_primal_tree_values", "linear_call", "zero_from_primal",
]
