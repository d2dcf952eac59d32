"""Functions with a batching rule of their own."""

from functrans.calls.custom_vmap import custom_vmap as custom_vmap

__all__ = ["custom_vmap"]
