"""Source lines under the name that everything above `functrans.util` imports them by; see `functrans.source`."""

from functrans.source import Source, describe, interpreter, user_frame, user_source

__all__ = ["Source", "describe", "interpreter", "user_frame", "user_source"]
