"""What the reference library keeps under this name: `io_callback`."""

from functrans.calls.callback import io_callback as io_callback
