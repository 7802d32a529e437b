"""The Native DICOM Model (PS3.19 A.1) of a data set: ``application/dicom+xml`` of PS3.18.

`from_native_xml` is the reverse.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from iryo.dicom.dictionary import lookup
from iryo.dicom.from_json import number_text

__all__ = ["COMPONENTS", "GROUPS", "NAMESPACE", "XML", "native_xml"]

XML: Final = "application/dicom+xml"
NAMESPACE: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
COMPONENTS: Final = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">\n'
)
# What XML 1.0 2.2 has no place for, not even escaped; among it the ESC of texts that lie about
# their character set.
_NO_CHARACTERS: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def native_xml(found: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A document in UTF-8.

    Args:
        found: the data set as a DICOM JSON object (PS3.18 F.2).
    """
    return "".join((_HEAD, *_attributes(found), "</NativeDicomModel>\n")).encode()


def _attributes(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, element in found.items():
        yield f"<DicomAttribute {_named(key, element['vr'], found)}>\n"
        if "BulkDataURI" in element:
            yield f"<BulkData uri={quoteattr(_text('UR', element['BulkDataURI']))}/>\n"
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
        creator = _creator(found, key[:4], key[4:6]) if tag & 0xF000 else ""
        if not creator or _creator_comes_before(found, key, creator):
            return f'tag="{key}" vr="{vr}"'
        name = quoteattr(creator)
        return f'tag="{key[:4]}00{key[6:]}" vr="{vr}" privateCreator={name}'
    known = lookup(tag)
    keyword = f' keyword="{known[2]}"' if known and known[2] else ""
    return f'tag="{key}" vr="{vr}"{keyword}'


def _creator(found: Mapping[str, Mapping[str, Any]], group: str, block: str) -> str:
    """Who has reserved a block (PS3.5 7.8.1); empty: nobody, or by no name that XML can have."""
    values = found.get(f"{group}00{block}", {}).get("Value")
    name = values[0].strip(" \0") if values and isinstance(values[0], str) else ""
    return "" if _NO_CHARACTERS.search(name) else name


def _creator_comes_before(found: Mapping[str, Mapping[str, Any]], key: str, creator: str) -> bool:
    """Whether a creator has an earlier block of the group: its name alone tells them not apart."""
    return any(
        _creator(found, key[:4], f"{block:02X}") == creator
        for block in range(0x10, int(key[4:6], 16))
    )


def _value(vr: str, number: int, value: Any) -> Iterator[str]:
    if vr == "SQ":
        yield f'<Item number="{number}">\n'
        yield from _attributes(value or {})
        yield "</Item>\n"
    elif vr == "PN":
        yield f'<PersonName number="{number}">\n'
        for group in GROUPS:
            text = (value or {}).get(group)
            if text:
                yield f"<{group}>\n{''.join(_components(text))}</{group}>\n"
        yield "</PersonName>\n"
    else:
        yield f'<Value number="{number}">{_shown(vr, value)}</Value>\n'


def _components(name: str) -> Iterator[str]:
    for tag, text in zip(COMPONENTS, name.split("^", 4), strict=False):
        if text:
            yield f"<{tag}>{_shown('PN', text)}</{tag}>\n"


def _shown(vr: str, value: Any) -> str:
    # Who reads XML takes a carriage return for the end of a line, unless it is written so.
    return escape(_text(vr, value), {"\r": "&#13;"})


def _text(vr: str, value: Any) -> str:
    """A value as text; of none an empty one, so that the number of the next is still right."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, float) and vr == "DS":
        return number_text(value)
    return _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", str(value))
