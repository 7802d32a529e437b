"""A seam for traces: spans that begin and end; without OpenTelemetry there are none.

`iryo.watch.telemetry` makes real ones; it is imported only if the setting `otel_endpoint` is set.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

__all__ = ["NO_SPANS", "Spans"]


class Spans(Protocol):
    """Makes spans. Within a thread they nest as they begin and end."""

    def begin(self, name: str, *, parent: str | None = None) -> Any:
        """Begin one; `parent` is the header traceparent of a caller, as it came."""
        ...

    def end(
        self, span: Any, *, name: str | None, failure: str, attributes: Mapping[str, str | int]
    ) -> None:
        """End it. What failed is told by a name (`failure`), never by the text of an exception."""
        ...


class _NoSpans:
    def begin(self, name: str, *, parent: str | None = None) -> None:
        """Nothing."""

    def end(
        self, span: None, *, name: str | None, failure: str, attributes: Mapping[str, str | int]
    ) -> None:
        """Nothing."""


NO_SPANS: Final[Spans] = _NoSpans()
