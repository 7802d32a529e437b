"""Event streams in responses: ``application/vnd.amazon.eventstream``.

A message is: total length, length of headers, CRC32 of these eight bytes, headers, payload, CRC32
of all before (Smithy, "Amazon Event Stream Specification"; all numbers big-endian).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from iryo.wire.aws.errors import Failure
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.values import Notation, Writer

__all__ = ["EventWriter", "message"]

_STRING = 7  # the type of a header's value; the other types are not needed here


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with `headers` and `payload`."""
    raw = b"".join(_header(name, value) for name, value in headers.items())
    prelude = (16 + len(raw) + len(payload)).to_bytes(4, "big") + len(raw).to_bytes(4, "big")
    body = prelude + zlib.crc32(prelude).to_bytes(4, "big") + raw + payload
    return body + zlib.crc32(body).to_bytes(4, "big")


def _header(name: str, value: str) -> bytes:
    raw, data = name.encode(), value.encode()
    return bytes((len(raw),)) + raw + bytes((_STRING,)) + len(data).to_bytes(2, "big") + data


class EventWriter:
    """Writes the events of one stream.

    Args:
        shape: the union of events.
        shapes: the service's compiled shapes.
        notation: ``json`` or ``cbor``.
        dump: from a written structure to bytes.
    """

    def __init__(
        self,
        shape: Any,
        shapes: OutputShapes,
        notation: Notation,
        dump: Callable[[Any], bytes],
    ) -> None:
        self._content_type = "application/cbor" if notation == "cbor" else "application/json"
        self._dump = dump
        self._events: dict[str, tuple[str, Writer]] = {}
        for name, event in shape.members.items():
            if any(
                member.serialization.get("eventheader") or member.serialization.get("eventpayload")
                for member in event.members.values()
            ):
                raise ValueError(f"the event {name} has members outside its body, not known here")
            self._events[name] = (event.name, shapes.structure(event, notation))

    def stream(
        self,
        events: Iterable[Mapping[str, Any]],
        failed: Callable[[Exception], Failure],
        initial: bytes,
    ) -> Iterator[bytes]:
        """The messages for `events`.

        Args:
            events: each with one member of the union. What they raise ends the stream with a
                message that says so.
            failed: what to call a failure.
            initial: the body of the output's other members, which goes first.
        """
        yield self._event("initial-response", initial)
        try:
            for event in events:
                ((name, value),) = event.items()
                yield self._event(name, self._dump(self._events[name][1](value)))
        except Exception as error:  # noqa: BLE001 - the response has begun: told in the stream
            yield self._failure(failed(error))

    def _event(self, name: str, payload: bytes) -> bytes:
        headers = {
            ":message-type": "event",
            ":event-type": name,
            ":content-type": self._content_type,
        }
        return message(headers, payload)

    def _failure(self, failure: Failure) -> bytes:
        name = next(
            (name for name, (shape, _) in self._events.items() if shape == failure.code), None
        )
        if name is None:
            headers = {
                ":message-type": "error",
                ":error-code": failure.code,
                ":error-message": failure.message,
            }
            return message(headers, b"")
        headers = {
            ":message-type": "exception",
            ":exception-type": name,
            ":content-type": self._content_type,
        }
        return message(headers, self._dump({"message": failure.message}))
