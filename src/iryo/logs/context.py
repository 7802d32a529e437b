"""What a log line says of its surroundings: request, job, operation, key.

Whoever begins a request or a job binds its ids; every line that is logged until it ends carries
them, in whatever module. They follow into threads that copy the context (Starlette's do), and into
worker processes with the call.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Final

__all__ = ["bind", "bound", "fields", "note", "unbind"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_BOUND: Final[ContextVar[Mapping[str, str]]] = ContextVar("iryo.logs", default=_NOTHING)

Bound = Token[Mapping[str, str]]


def bind(**more: str) -> Bound:
    """Add fields to each line of this context until `unbind`. About 0.4 us, for the hot path."""
    return _BOUND.set({**_BOUND.get(), **more})


def note(**more: str) -> None:
    """Add to what was bound last, now that it is known; where nothing is bound, nothing."""
    found = _BOUND.get()
    if isinstance(found, dict):
        found.update(more)


def unbind(token: Bound) -> None:
    """Take back what the `bind` that gave `token` has added."""
    _BOUND.reset(token)


@contextmanager
def bound(**more: str) -> Iterator[None]:
    """Within it, each line has these fields."""
    token = bind(**more)
    try:
        yield
    finally:
        unbind(token)


def fields() -> dict[str, str]:
    """What is bound here, for another process to bind."""
    return dict(_BOUND.get())
