"""What may be told of a failure: the one rule, for logs, job messages and reports.

The text of an exception that nobody raised on purpose may quote what it was given, and that may be
a patient's name. So of such an exception only its type and the places of its traceback are told.
What iryo raises on purpose is written to be told (see `iryo.errors`).
"""

import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from iryo.errors import IryoError

__all__ = ["chain", "describe", "places"]

_MOST_PLACES: Final = 24
_MOST_CAUSES: Final = 4


def describe(error: BaseException) -> str:
    """A failure in a few words that hold no value."""
    if isinstance(error, IryoError):
        return error.message
    kind = type(error).__name__
    if isinstance(error, OSError):
        # Not the file: people name files after patients.
        return f"{kind}: {os.strerror(error.errno)}" if error.errno else kind
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"unexpected {kind}"
    return f"unexpected {kind} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"


def places(trace: TracebackType | None) -> str:
    """Where a traceback has been, outermost first; the innermost are kept if there are many."""
    frames = traceback.extract_tb(trace)[-_MOST_PLACES:]
    return "; ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)


def chain(error: BaseException) -> str:
    """A failure with its places, and those that it came from."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(told) < _MOST_CAUSES:
        at = places(seen.__traceback__)
        told.append(f"{type(seen).__name__}{_own_words(seen)}{f' ({at})' if at else ''}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " from ".join(told)


def _own_words(error: BaseException) -> str:
    if isinstance(error, IryoError):
        return f": {error.message}"
    if isinstance(error, OSError) and error.errno:
        return f": {os.strerror(error.errno)}"
    return ""
