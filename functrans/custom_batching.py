"""Functions with a batching rule of their own."""

from functrans.calls.custom_vmap import custom_vmap as custom_vmap
from functrans.calls.sequential_vmap import sequential_vmap as sequential_vmap

__all__ = ["custom_vmap", "sequential_vmap"]
