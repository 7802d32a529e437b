"""Log lines: text for people or JSON for machines, one line a record, the rule applied to each.

No record gets past the rule of `rule.py`: not by `exc_info`, not by an exception among the
arguments, not by a library that logs what it reads (pydicom quotes values; asyncio and Dask quote
exceptions), not by a thread that dies, not by logging itself when it fails.
"""

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson

from iryo.logs.context import fields
from iryo.logs.rule import chain, describe

__all__ = ["Form", "current", "set_up"]

# Whose messages hold no values: ours, and what uvicorn and OpenTelemetry say of themselves. Of all
# others a line tells who spoke and where.
_TRUSTED: Final = ("iryo", "uvicorn", "opentelemetry")
_LONGEST: Final = 3500
"""Characters of a message or of places. Lines of several processes share a pipe, and what is below
4,096 bytes is not torn there (POSIX, PIPE_BUF); nearly all lines are."""

_LOG: Final = logging.getLogger("iryo.logs")


@dataclass(frozen=True, slots=True)
class Form:
    """How lines look, and from which level on there are any; passed on to worker processes."""

    level: str = "info"
    format: str = "text"


def set_up(form: Form, stream: TextIO | None = None) -> Callable[[], None]:
    """Log to `stream`, by default standard error, in this process; returns what undoes it.

    Exceptions that nobody catches, in any thread, and warnings are logged as well, instead of
    being printed with their text.
    """
    root = logging.getLogger()
    level = root.level
    handler = _Handler(form, stream or sys.stderr)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning
    root.addHandler(handler)
    root.setLevel(form.level.upper())
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    warnings.showwarning = _warned

    def undo() -> None:
        root.removeHandler(handler)
        root.setLevel(level)
        sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning = hooks

    return undo


def current() -> Form | None:
    """How this process logs; None if `set_up` was not called."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            return handler.form
    return None


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; a line that cannot be made is told of without its content."""

    def __init__(self, form: Form, stream: TextIO) -> None:
        super().__init__(stream)
        self.form = form
        self.setFormatter(_Json() if form.format == "json" else _Text())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging has it
        """Say that a record is lost; logging's own way would print its arguments."""
        try:
            kind = type(sys.exc_info()[1]).__name__
            told = f"a log line of {record.name} at line {record.lineno} is lost: {kind}\n"
            self.stream.write(told)
            self.stream.flush()
        except (OSError, ValueError):  # the stream is gone: there is nobody to tell
            pass


class _Line(logging.Formatter):
    """What both forms share: message, fields and failure of a record, each within the rule."""

    def message(self, record: logging.LogRecord) -> str:
        """The words of a record, if they may be told."""
        if record.name.partition(".")[0] not in _TRUSTED:
            return f"withheld: a message of another library, at {record.filename}:{record.lineno}"
        words = str(record.msg)
        if isinstance(record.msg, BaseException):
            words = describe(record.msg)
        elif isinstance(record.args, tuple) and record.args:
            words %= tuple(map(_told, record.args))
        elif isinstance(record.args, Mapping):
            words %= {name: _told(value) for name, value in record.args.items()}
        return words[:_LONGEST]

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the context and the caller (`extra={"fields": ...}`) say beside the message."""
        return {**fields(), **getattr(record, "fields", {})}

    def failure(self, record: logging.LogRecord) -> str:
        """Type and places of the exception that is logged, empty if none is."""
        error = record.exc_info[1] if record.exc_info else None
        return chain(error)[-_LONGEST:] if error is not None else ""


class _Text(_Line):
    """`2026-01-31T12:00:00.123Z WARNING iryo.jobs: words [job_id=1] (ValueError at ...)`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = " ".join(f"{name}={value}" for name, value in self.fields(record).items())
        failure = self.failure(record)
        line = f"{_instant(record)} {record.levelname} {record.name}: {self.message(record)}"
        line += (f" [{told}]" if told else "") + (f" <{failure}>" if failure else "")
        # One record, one line: what is quoted cannot pass for a line of its own.
        return line if line.isprintable() else line.encode("unicode_escape").decode("ascii")


class _Json(_Line):
    """One JSON object a line; `time` is UTC with milliseconds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
            "process": record.process,
            **self.fields(record),
        }
        if failure := self.failure(record):
            line["exception"] = failure
        return orjson.dumps(line, default=str).decode("utf-8", "replace")


def _told(value: object) -> object:
    return describe(value) if isinstance(value, BaseException) else value


def _instant(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return  # Ctrl-C is no fault
    _LOG.critical("the process ends: %s", error, exc_info=(kind, error, trace))


def _uncaught_in_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None:
        name = given.thread.name if given.thread else "unknown"
        _LOG.error("thread %s ends: %s", name, given.exc_value, exc_info=given.exc_value)


def _unraisable(given: "sys.UnraisableHookArgs") -> None:
    if given.exc_value is not None:
        _LOG.error("nobody could catch: %s", given.exc_value, exc_info=given.exc_value)


def _warned(
    message: Warning | str,  # noqa: ARG001 - it may quote what was read
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    _LOG.warning("%s at %s:%d", category.__name__, filename, lineno)
