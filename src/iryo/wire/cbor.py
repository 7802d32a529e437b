"""CBOR (RFC 8949) as the protocol smithy-rpc-v2-cbor uses it.

Written here because a general library does too much for bytes from outside: shared references that
make cycles, big numbers, regular expressions, dates of any kind. Of tags only 1 (epoch seconds) is
known; the depth is bounded, and a size that is announced costs nothing before its bytes are there.
"""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["CborError", "Timestamp", "dumps", "loads"]

_DEEPEST = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INDEFINITE = 31
_BREAK = 0xFF


class CborError(ValueError):
    """Bytes that are not the CBOR expected here; says what and at which byte."""


class Timestamp(float):
    """Epoch seconds that came with tag 1."""

    __slots__ = ()


def loads(data: bytes) -> Any:
    """The one data item that `data` holds, from its first byte to its last.

    Raises:
        CborError: malformed, nested deeper than 64, a tag or simple value that is not known here,
            or bytes left over.
    """
    reader = _Reader(data)
    value = reader.item(0)
    if reader.at != len(data):
        raise CborError(f"{len(data) - reader.at} bytes after the end of the item")
    return value


class _Reader:
    """Reads data items from `data`, from `at` on."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise CborError(f"{size} bytes expected at {self.at}, {len(self.data) - self.at} found")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise CborError(f"nested deeper than {_DEEPEST} at {self.at}")
        start = self.at
        initial = self.take(1)[0]
        major, info = initial >> 5, initial & 0x1F
        if major == 7:
            return self.simple(info, start)
        indefinite = info == _INDEFINITE
        if indefinite and major in {0, 1, 6}:
            raise CborError(f"an item of major type {major} without its length at {start}")
        count = 0 if indefinite else self.argument(info, start)
        match major:
            case 0:
                return count
            case 1:
                return -1 - count
            case 2:
                return self.pieces(major, start) if indefinite else self.take(count)
            case 3:
                return self.text(self.pieces(major, start) if indefinite else self.take(count))
            case 4:
                return self.array(count, indefinite, depth)
            case 5:
                return self.map(count, indefinite, depth)
            case _:
                return self.tagged(count, start, depth)

    def argument(self, info: int, start: int) -> int:
        """The number in the head of an item (RFC 8949 section 3)."""
        if info < 24:
            return info
        if info > 27:
            raise CborError(f"the reserved additional information {info} at {start}")
        return int.from_bytes(self.take(1 << (info - 24)), "big")

    def at_break(self) -> bool:
        if self.at >= len(self.data):
            raise CborError(f"a break expected at {self.at}, the end found")
        if self.data[self.at] != _BREAK:
            return False
        self.at += 1
        return True

    def pieces(self, major: int, start: int) -> bytes:
        """A string of indefinite length: definite pieces of the same major type."""
        found = []
        while not self.at_break():
            initial = self.take(1)[0]
            if initial >> 5 != major or initial & 0x1F == _INDEFINITE:
                raise CborError(f"a piece of another kind in the string at {start}")
            found.append(self.take(self.argument(initial & 0x1F, start)))
        return b"".join(found)

    def text(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise CborError(f"text that is not UTF-8 before {self.at}") from None

    def array(self, count: int, indefinite: bool, depth: int) -> list[Any]:  # noqa: FBT001
        if indefinite:
            items = []
            while not self.at_break():
                items.append(self.item(depth + 1))
            return items
        # An item has at least one byte: a count that lies costs nothing.
        if count > len(self.data) - self.at:
            raise CborError(f"{count} items announced at {self.at}, more than bytes are left")
        return [self.item(depth + 1) for _ in range(count)]

    def map(self, count: int, indefinite: bool, depth: int) -> dict[str, Any]:  # noqa: FBT001
        found: dict[str, Any] = {}
        if not indefinite and count > len(self.data) - self.at:
            raise CborError(f"{count} pairs announced at {self.at}, more than bytes are left")
        left = count
        while not self.at_break() if indefinite else left > 0:
            left -= 1
            start = self.at
            key = self.item(depth + 1)
            if not isinstance(key, str):
                raise CborError(f"a key that is not text at {start}")
            found[key] = self.item(depth + 1)
        return found

    def tagged(self, tag: int, start: int, depth: int) -> Any:
        value = self.item(depth + 1)
        if tag == 1 and isinstance(value, int | float) and not isinstance(value, bool):
            return Timestamp(value)
        raise CborError(f"the tag {tag} at {start} is not known or does not fit its content")

    def simple(self, info: int, start: int) -> Any:
        match info:
            case 20 | 21:
                return info == 21
            case 22 | 23:  # null, undefined
                return None
            case 25:
                return struct.unpack(">e", self.take(2))[0]
            case 26:
                return struct.unpack(">f", self.take(4))[0]
            case 27:
                return struct.unpack(">d", self.take(8))[0]
            case _:
                raise CborError(f"the simple value {info} at {start} is not known")


def dumps(value: Any) -> bytes:
    """`value` in CBOR: None, bool, int of 64 bits, float, str, bytes-like, list, mapping, datetime.

    A float keeps its 64 bits; a datetime becomes tag 1 with whole or fractional epoch seconds.
    """
    out: list[bytes] = []
    _write(value, out)
    return b"".join(out)


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes((major << 5 | count,))
    size = (count.bit_length() + 7) // 8
    power = 0 if size == 1 else 1 if size == 2 else 2 if size <= 4 else 3
    return bytes((major << 5 | 24 + power,)) + count.to_bytes(1 << power, "big")


def _write(value: Any, out: list[bytes]) -> None:
    match value:
        case None:
            out.append(b"\xf6")
        case bool():
            out.append(b"\xf5" if value else b"\xf4")
        case int():
            out.append(_head(0, value) if value >= 0 else _head(1, -1 - value))
        case float():
            out.append(b"\xfb" + struct.pack(">d", value))
        case str():
            raw = value.encode()
            out += (_head(3, len(raw)), raw)
        case bytes() | bytearray() | memoryview():
            raw = bytes(value)
            out += (_head(2, len(raw)), raw)
        case datetime():
            out.append(b"\xc1")
            _write(_epoch(value), out)
        case Mapping():
            out.append(_head(5, len(value)))
            for key, each in value.items():
                _write(key, out)
                _write(each, out)
        case list() | tuple():
            out.append(_head(4, len(value)))
            for each in value:
                _write(each, out)
        case _:
            raise TypeError(f"a {type(value).__name__} has no place in CBOR")


def _epoch(value: datetime) -> int | float:
    microseconds = (value - _EPOCH) // timedelta(microseconds=1)
    seconds, rest = divmod(microseconds, 10**6)
    return microseconds / 10**6 if rest else seconds
