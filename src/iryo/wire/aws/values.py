"""Single values on their way in and out: numbers, texts, blobs and timestamps of each protocol.

The ways of writing are ``json``, ``cbor``, ``text`` (query, path) and ``header``. A reader takes
what was parsed from the wire and gives the Python value, or raises `Unreadable`; a writer is the
other direction.
"""

import base64
import binascii
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal

from iryo.wire.cbor import Timestamp

__all__ = ["TIMESTAMP_FORMATS", "Notation", "Reader", "Unreadable", "Writer", "reader", "writer"]

Notation = Literal["json", "cbor", "text", "header"]
Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]

# Where the model names no format for timestamps.
TIMESTAMP_FORMATS: dict[Notation, str] = {
    "json": "unixTimestamp",
    "cbor": "unixTimestamp",
    "text": "iso8601",
    "header": "rfc822",
}
_TEXT = ("text", "header")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64, "bigInteger": 64}
_FLOATS = frozenset({"float", "double", "bigDecimal"})
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Unreadable(Exception):
    """A value of the wrong type; the message says which type was expected."""


def reader(kind: str, notation: Notation, timestamp_format: str) -> Reader:
    """The reader for the shape type `kind`.

    Args:
        kind: ``string``, ``integer``, ``blob``, ... as botocore calls them.
        notation: how the value is written.
        timestamp_format: ``unixTimestamp``, ``iso8601`` or ``rfc822``, for timestamps.
    """
    if kind in ("string", "character"):
        return _read_string
    if kind in _BITS:
        return _integer_reader(_BITS[kind], text=notation in _TEXT)
    if kind in _FLOATS:
        return _FLOAT_READERS[notation]
    if kind == "boolean":
        return _read_text_boolean if notation in _TEXT else _read_boolean
    if kind == "blob":
        return _read_cbor_blob if notation == "cbor" else _read_base64
    if kind == "timestamp":
        return _timestamp_reader(notation, timestamp_format.lower())
    raise ValueError(f"a shape of the unknown type {kind}")


def writer(kind: str, notation: Notation, timestamp_format: str) -> Writer | None:
    """The writer for the shape type `kind`; None when the value goes out as it is."""
    if kind == "timestamp":
        return _timestamp_writer(notation, timestamp_format.lower())
    if kind == "blob":
        return bytes if notation == "cbor" else _write_base64
    if kind in _FLOATS:
        return _FLOAT_WRITERS[notation]
    if notation not in _TEXT or kind in ("string", "character"):
        return None
    return _write_text_boolean if kind == "boolean" else str


def _read_string(raw: Any) -> str:
    if type(raw) is not str:
        raise Unreadable("a string")
    return raw


def _integer_reader(bits: int, *, text: bool) -> Reader:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    expected = f"an integer of {bits} bits"

    def read(raw: Any) -> int:
        value = raw
        if text:
            # No more digits than 64 bits have: int() takes quadratic time and many alphabets.
            digits = raw[1:] if raw[:1] in ("-", "+") else raw
            if not 0 < len(digits) <= 19 or not (digits.isascii() and digits.isdigit()):
                raise Unreadable(expected)
            value = int(raw)
        elif type(raw) is float and raw.is_integer():
            value = int(raw)  # JSON has one kind of number: 1.0 is 1
        elif type(raw) is not int:
            raise Unreadable(expected)
        if not low <= value <= high:
            raise Unreadable(expected)
        return int(value)

    return read


def _read_json_float(raw: Any) -> float:
    if type(raw) is float or type(raw) is int:
        return float(raw)
    if type(raw) is str and raw in _SPECIAL:
        return _SPECIAL[raw]
    raise Unreadable("a number")


def _read_cbor_float(raw: Any) -> float:
    if type(raw) is float or type(raw) is int:
        return float(raw)
    raise Unreadable("a number")


def _read_text_float(raw: Any) -> float:
    if raw in _SPECIAL:
        return _SPECIAL[raw]
    # float() also takes "inf", "1_0" and other alphabets' digits.
    if len(raw) <= 400 and raw and all(each in "+-.0123456789eE" for each in raw):
        try:
            return float(raw)
        except ValueError:
            pass
    raise Unreadable("a number")


def _read_boolean(raw: Any) -> bool:
    if type(raw) is not bool:
        raise Unreadable("a boolean")
    return raw


def _read_text_boolean(raw: Any) -> bool:
    if raw not in ("true", "false"):
        raise Unreadable("true or false")
    return bool(raw == "true")


def _read_base64(raw: Any) -> bytes:
    try:
        if type(raw) is str:
            return binascii.a2b_base64(raw, strict_mode=True)
    except ValueError:
        pass
    raise Unreadable("base64 text")


def _read_cbor_blob(raw: Any) -> bytes:
    if type(raw) is not bytes:
        raise Unreadable("a byte string")
    return raw


_FLOAT_READERS: dict[Notation, Reader] = {
    "json": _read_json_float,
    "cbor": _read_cbor_float,
    "text": _read_text_float,
    "header": _read_text_float,
}


def _timestamp_reader(notation: Notation, form: str) -> Reader:
    parse, expected = {
        "unixtimestamp": (_from_epoch, "a timestamp in seconds since 1970"),
        "iso8601": (_from_iso8601, "a timestamp in ISO 8601"),
        "rfc822": (_from_rfc822, "a timestamp in RFC 822"),
    }[form]
    if notation == "cbor":
        parse, expected = _from_tag, "a timestamp (tag 1)"
    elif notation in _TEXT and form == "unixtimestamp":
        parse = _from_epoch_text

    def read(raw: Any) -> datetime:
        try:
            return parse(raw)
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise Unreadable(expected) from None

    return read


def _from_epoch(raw: Any) -> datetime:
    if type(raw) is int:
        return _EPOCH + timedelta(seconds=raw)
    if type(raw) is not float:
        raise TypeError
    return _EPOCH + timedelta(microseconds=round(raw * 10**6))


def _from_tag(raw: Any) -> datetime:
    if type(raw) is not Timestamp:
        raise TypeError
    return _from_epoch(float(raw))


def _from_epoch_text(raw: Any) -> datetime:
    return _from_epoch(_read_json_float_text(raw))


def _read_json_float_text(raw: Any) -> float:
    try:
        return _read_text_float(raw)
    except Unreadable:
        raise ValueError from None


def _from_iso8601(raw: Any) -> datetime:
    moment = datetime.fromisoformat(raw)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_rfc822(raw: Any) -> datetime:
    moment = parsedate_to_datetime(raw)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_base64(value: Any) -> str:
    return base64.b64encode(value).decode("ascii")


def _write_json_float(value: Any) -> Any:
    # JSON has no name for these three; AWS and Smithy write them as text.
    return value if math.isfinite(value) else _write_text_float(value)


def _write_text_float(value: Any) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))


_FLOAT_WRITERS: dict[Notation, Writer] = {
    "json": _write_json_float,
    "cbor": float,
    "text": _write_text_float,
    "header": _write_text_float,
}


def _write_text_boolean(value: Any) -> str:
    return "true" if value else "false"


def _timestamp_writer(notation: Notation, form: str) -> Writer | None:
    if notation == "cbor":
        return None  # cbor.dumps gives datetimes their tag
    if form == "iso8601":
        return _to_iso8601
    if form == "rfc822":
        return _to_rfc822
    return _to_epoch if notation == "json" else _to_epoch_text


def _to_epoch(value: datetime) -> int | float:
    microseconds = (value - _EPOCH) // timedelta(microseconds=1)
    seconds, rest = divmod(microseconds, 10**6)
    return microseconds / 10**6 if rest else seconds


def _to_epoch_text(value: datetime) -> str:
    return str(_to_epoch(value))


def _to_iso8601(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a timestamp without its time zone")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _to_rfc822(value: datetime) -> str:
    return format_datetime(value.astimezone(UTC), usegmt=True)
