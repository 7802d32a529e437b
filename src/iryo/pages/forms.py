"""What comes with a request: the query, a form, cookies. All of it bounded."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from iryo.errors import InvalidInput, TooLarge

__all__ = ["Fields", "read_cookies", "read_form", "read_query"]

FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 1000
_LONGEST_QUERY: Final = 32 << 10


class Fields(Mapping[str, str]):
    """Names and values in their order; a name alone gives its first value."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._first: dict[str, str] = {}
        for name, value in pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def all(self, name: str) -> list[str]:
        """Each value of a name."""
        return [value for key, value in self.pairs if key == name]

    def need(self, name: str) -> str:
        """The value of a name, without blanks around it.

        Raises:
            InvalidInput: it is not there, or empty.
        """
        value = self.get(name, "").strip()
        if not value:
            raise InvalidInput(f"found no {name}, expected one", where=name)
        return value

    def number(self, name: str, default: int, *, least: int = 0, most: int = 1 << 31) -> int:
        """The whole number of a name.

        Raises:
            InvalidInput: it is none, or out of range.
        """
        text = self.get(name, "").strip()
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise InvalidInput("found what is no whole number", where=name)
        if not least <= int(text) <= most:
            raise InvalidInput(f"found {int(text)}, expected {least} to {most}", where=name)
        return int(text)


def read_query(query: str) -> Fields:
    """The fields of a query, percent-encoded as it came.

    Raises:
        TooLarge: it is longer than 32 KiB or has more than 1,000 fields.
        InvalidInput: it is not UTF-8.
    """
    if len(query) > _LONGEST_QUERY:
        raise TooLarge(f"found a query of {len(query)} bytes, expected at most {_LONGEST_QUERY}")
    return _fields(query)


def read_form(content_type: str, body: bytes) -> Fields:
    """The fields of a form (WHATWG URL, application/x-www-form-urlencoded); none of another body.

    Raises:
        TooLarge: it has more than 1,000 fields.
        InvalidInput: it is not UTF-8.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        return Fields([])
    try:
        return _fields(body.decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidInput("found a form that is not percent-encoded") from None


def _fields(text: str) -> Fields:
    if text.count("&") >= _MOST_FIELDS:
        raise TooLarge(f"found more than {_MOST_FIELDS} fields")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidInput("found fields that are not UTF-8") from None
    return Fields(pairs)


def read_cookies(header: str) -> dict[str, str]:
    """The cookies of a Cookie header (RFC 6265 4.2); of two with one name, the first."""
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            cookies.setdefault(name, value)
    return cookies
