"""The Native DICOM Model (PS3.19 A.1) of a data set: ``application/dicom+xml`` of PS3.18."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from iryo.dicom.dictionary import lookup

__all__ = ["native_xml"]

_NAMES: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
# What XML 1.0 2.2 has no place for, not even escaped; among it the ESC of texts that lie about
# their character set.
_NO_CHARACTERS: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def native_xml(found: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A document in UTF-8.

    Args:
        found: the data set as a DICOM JSON object (PS3.18 F.2).
    """
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xml:space="preserve">\n'
    return "".join((head, *_attributes(found), "</NativeDicomModel>\n")).encode()


def _attributes(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, element in found.items():
        yield f"<DicomAttribute {_named(key, element['vr'], found)}>\n"
        if "BulkDataURI" in element:
            yield f"<BulkData uri={quoteattr(element['BulkDataURI'])}/>\n"
        elif "InlineBinary" in element:
            yield f"<InlineBinary>{element['InlineBinary']}</InlineBinary>\n"
        else:
            for number, value in enumerate(element.get("Value", ()), 1):
                yield from _value(element["vr"], number, value)
        yield "</DicomAttribute>\n"


def _named(key: str, vr: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The XML attributes of an element: of a private one its creator, and its tag without block."""
    tag = int(key, 16)
    if tag >> 16 & 1:
        creator = found.get(f"{key[:4]}00{key[4:6]}", {}).get("Value") if tag & 0xF000 else None
        if not creator or not isinstance(creator[0], str):
            return f'tag="{key}" vr="{vr}"'
        name = quoteattr(_text(creator[0]))
        return f'tag="{key[:4]}00{key[6:]}" vr="{vr}" privateCreator={name}'
    known = lookup(tag)
    keyword = f' keyword="{known[2]}"' if known and known[2] else ""
    return f'tag="{key}" vr="{vr}"{keyword}'


def _value(vr: str, number: int, value: Any) -> Iterator[str]:
    if vr == "SQ":
        yield f'<Item number="{number}">\n'
        yield from _attributes(value or {})
        yield "</Item>\n"
    elif vr == "PN":
        yield f'<PersonName number="{number}">\n'
        for group in _GROUPS:
            text = (value or {}).get(group)
            if text:
                yield f"<{group}>\n{''.join(_components(text))}</{group}>\n"
        yield "</PersonName>\n"
    else:
        yield f'<Value number="{number}">{_shown(value)}</Value>\n'


def _components(name: str) -> Iterator[str]:
    for tag, text in zip(_NAMES, name.split("^", 4), strict=False):
        if text:
            yield f"<{tag}>{_shown(text)}</{tag}>\n"


def _shown(value: Any) -> str:
    # Who reads XML takes a carriage return for the end of a line, unless it is written so.
    return escape(_text(value), {"\r": "&#13;"})


def _text(value: Any) -> str:
    """A value as text; of none an empty one, so that the number of the next is still right."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", str(value))
