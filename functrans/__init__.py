"""functrans: composable transformations of NumPy programs, compiled to native CPU code.

``grad``, ``jvp``, ``vjp``, ``vmap`` and ``jit`` take functions and return functions; they nest in any order.

>>> import functrans as ft
>>> import functrans.numpy as fnp
>>> f = lambda x: fnp.sin(x) * x
>>> print(ft.grad(ft.grad(f))(0.0))
2.0
>>> ft.jit(ft.vmap(ft.grad(lambda x: x ** 3)))(fnp.arange(3.0))
Array([ 0.,  3., 12.], dtype=float64)
"""

from functrans import ad as ad
from functrans import ad_checkpoint as ad_checkpoint
from functrans import custom_batching as custom_batching
from functrans import custom_derivatives as custom_derivatives
from functrans import debug as debug
from functrans import dtypes as dtypes
from functrans import errors as errors
from functrans import experimental as experimental
from functrans import flatten_util as flatten_util
from functrans import image as image
from functrans import lax as lax
from functrans import nn as nn
from functrans import numpy as numpy
from functrans import ops as ops
from functrans import optim as optim
from functrans import random as random
from functrans import ref as ref
from functrans import scipy as scipy
from functrans import test_util as test_util
from functrans import tree as tree
from functrans import tree_util as tree_util
from functrans import typing as typing
from functrans.calls import checkpoint_policies as checkpoint_policies
from functrans.calls.callback import effects_barrier as effects_barrier
from functrans.calls.callback import pure_callback as pure_callback
from functrans.calls.checkpoint import checkpoint as checkpoint
from functrans.calls.checkpoint import remat as remat
from functrans.calls.custom_gradient import closure_convert as closure_convert
from functrans.calls.custom_gradient import custom_gradient as custom_gradient
from functrans.calls.custom_jvp import custom_jvp as custom_jvp
from functrans.calls.custom_vjp import custom_vjp as custom_vjp
from functrans.calls.jitted import clear_caches as clear_caches
from functrans.calls.jitted import jit as jit
from functrans.config import check_tracer_leaks as check_tracer_leaks
from functrans.config import checking_leaks as checking_leaks
from functrans.config import config as config
from functrans.config import debug_infs as debug_infs
from functrans.config import debug_key_reuse as debug_key_reuse
from functrans.config import debug_nans as debug_nans
from functrans.config import default_float as default_float
from functrans.config import disable_jit as disable_jit
from functrans.config import enable_checks as enable_checks
from functrans.config import enable_x64 as enable_x64
from functrans.config import explain_cache_misses as explain_cache_misses
from functrans.config import log_compiles as log_compiles
from functrans.config import no_tracing as no_tracing
from functrans.core.array import Array as Array
from functrans.core.aval import ShapeDtypeStruct as ShapeDtypeStruct
from functrans.core.dtypes import float0 as float0
from functrans.core.trace import typeof as typeof
from functrans.host import block_until_ready as block_until_ready
from functrans.host import device_get as device_get
from functrans.host import device_put as device_put
from functrans.host import ensure_compile_time_eval as ensure_compile_time_eval
from functrans.host import live_arrays as live_arrays
from functrans.host import named_call as named_call
from functrans.host import named_scope as named_scope
from functrans.host import print_environment_info as print_environment_info
from functrans.numpy.slices import ds as ds
from functrans.primitives.stop_gradient import stop_gradient as stop_gradient
from functrans.ref import Ref as Ref
from functrans.ref import empty_ref as empty_ref
from functrans.ref import free_ref as free_ref
from functrans.ref import freeze as freeze
from functrans.ref import new_ref as new_ref
from functrans.transforms.api import elementwise_grad as elementwise_grad
from functrans.transforms.api import fwd_and_bwd as fwd_and_bwd
from functrans.transforms.api import grad as grad
from functrans.transforms.api import hessian as hessian
from functrans.transforms.api import hvp as hvp
from functrans.transforms.api import jacfwd as jacfwd
from functrans.transforms.api import jacobian as jacobian
from functrans.transforms.api import jacrev as jacrev
from functrans.transforms.api import jvp as jvp
from functrans.transforms.api import linear_transpose as linear_transpose
from functrans.transforms.api import linearize as linearize
from functrans.transforms.api import value_and_grad as value_and_grad
from functrans.transforms.api import vjp as vjp
from functrans.transforms.tracing import eval_shape as eval_shape
from functrans.transforms.tracing import make_jaxpr as make_jaxpr
from functrans.transforms.vmap import vmap as vmap

__version__ = "0.1.0"
