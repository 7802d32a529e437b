"""Media types and their parameters, as headers have them (RFC 9110 5.6.6, 8.3.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iryo.errors import InvalidInput

__all__ = ["MediaType", "media_type", "parameters", "split_list"]

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"\s*({_WORD})/({_WORD})\s*")
# Values that are no tokens and have no quotes are met: type=application/dicom, boundary=a:b.
_PARAMETER: Final = re.compile(
    rf'\s*;\s*(?:({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?\s*'
)
_ESCAPED: Final = re.compile(r"\\(.)")
_LONGEST: Final = 8192


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type, or in Accept a range of them.

    Attributes:
        type: before the slash, in lower case; ``*`` in a range.
        subtype: after it, in lower case.
        parameters: by name in lower case; values as they came.
    """

    type: str
    subtype: str
    parameters: Mapping[str, str]

    @property
    def essence(self) -> str:
        """Type and subtype, without parameters."""
        return f"{self.type}/{self.subtype}"


def media_type(text: str) -> MediaType:
    """The media type in a header such as Content-Type.

    Raises:
        InvalidInput: it is none.
    """
    found = _TYPE.match(text) if len(text) <= _LONGEST else None
    if found is None:
        raise InvalidInput("found no media type, expected one such as application/dicom")
    named, end = parameters(text, found.end())
    if end != len(text):
        raise InvalidInput(f"found a media type with something else at character {end}")
    return MediaType(found[1].lower(), found[2].lower(), named)


def parameters(text: str, start: int) -> tuple[Mapping[str, str], int]:
    """Parameters from a place in a header on, and where they end; of two of a name the first."""
    named: dict[str, str] = {}
    while (found := _PARAMETER.match(text, start)) is not None:
        if found[1] is not None:
            value = found[3] if found[2] is None else _ESCAPED.sub(r"\1", found[2])
            named.setdefault(found[1].lower(), value)
        start = found.end()
    return MappingProxyType(named), start


def split_list(text: str) -> list[str]:
    """The members of a list header, where commas within quotes do not count (RFC 9110 5.6.1)."""
    members: list[str] = []
    start, at, quoted = 0, 0, False
    while at < len(text):
        character = text[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            members.append(text[start:at].strip())
            start = at + 1
        at += 1
    members.append(text[start:].strip())
    return [member for member in members if member]
