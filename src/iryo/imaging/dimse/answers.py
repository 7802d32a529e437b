"""From the DICOM JSON model (PS3.18 F.2) to data sets as bytes (PS3.5 7): answers of C-FIND.

The store has its answers as JSON. Each becomes bytes without a model of it in between: ten thousand
answers take a second and not half a minute.
"""

import base64
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from iryo.dicom.charset import Charset
from iryo.dicom.dictionary import lookup
from iryo.dicom.write_elements import Form
from iryo.dicom.write_text import encode_text

__all__ = ["NUMBERS", "Wanted", "encode", "wanted_of"]

UTF_8: Final = "ISO_IR 192"
_ITEM: Final = 0xFFFEE000
_TEXT: Final = frozenset({"SH", "LO", "ST", "LT", "UC", "UT", "PN"})
NUMBERS: Final[Mapping[str, str]] = {
    "US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
}  # fmt: skip
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")

Wanted = Mapping[int, "Wanted | None"]
"""Tags that are asked for; of a sequence those in its items, or None: all."""


def wanted_of(paths: Iterable[Sequence[int]]) -> Wanted:
    """A tree of the tags of keys."""
    tree: dict[int, Any] = {}
    for path in paths:
        at = tree
        for tag in path[:-1]:
            if at.get(tag) is None:
                at[tag] = {}
            at = at[tag]
        at.setdefault(path[-1], None)
    return tree


def encode(answer: Mapping[str, Any], wanted: Wanted, form: Form, charset: str) -> bytes:
    """An answer with what was asked for and nothing else; what is not there is empty.

    Args:
        answer: an object of the DICOM JSON model.
        wanted: what was asked for.
        form: how it is written.
        charset: the Specific Character Set that the question names. What it cannot hold, or where
            it names none, is written in UTF-8.
    """
    if charset and charset != UTF_8:
        texts = Charset.of(charset.encode("ascii", "replace"))
        data = _dataset(answer, wanted, form, lambda text, vr: encode_text(text, texts, vr))
        if data is not None:
            return _with_charset(data, form, charset)
    data = _dataset(answer, wanted, form, lambda text, _: text.encode())
    return b"" if data is None else _with_charset(data, form, "" if _ascii(data) else UTF_8)


def _with_charset(parts: list[tuple[int, bytes]], form: Form, charset: str) -> bytes:
    if charset:
        parts = [*parts, (0x00080005, form.element(0x00080005, "CS", charset.encode()))]
    return b"".join(data for _, data in sorted(parts))


def _ascii(parts: list[tuple[int, bytes]]) -> bool:
    """Whether no text needs a character set; numbers may look as if one did."""
    return all(data.isascii() for _, data in parts)


def _dataset(
    answer: Mapping[str, Any],
    wanted: Wanted,
    form: Form,
    code: Callable[[str, str], bytes | None],
) -> list[tuple[int, bytes]] | None:
    """Elements as (tag, bytes); None if a text cannot be coded."""
    parts = []
    for tag, within in wanted.items():
        if tag == 0x00080005:
            continue
        found = answer.get(f"{tag:08X}")
        if found is None:
            row = lookup(tag)
            vr = row[0].split(" ")[0] if row is not None else "UN"
            parts.append((tag, form.header(tag, vr, 0)))
            continue
        value = _value(found, within, form, code)
        if value is None:
            return None
        parts.append((tag, form.element(tag, found["vr"], value)))
    return parts


def _value(
    found: Mapping[str, Any],
    within: Wanted | None,
    form: Form,
    code: Callable[[str, str], bytes | None],
) -> bytes | None:
    vr = found["vr"]
    values = found.get("Value", ())
    if vr == "SQ":
        return _items(values, within, form, code)
    if "InlineBinary" in found:
        return base64.b64decode(found["InlineBinary"])
    if vr in NUMBERS:
        pack = ("<" if form.little else ">") + NUMBERS[vr]
        return b"".join(struct.pack(pack, one) for one in values if one is not None)
    if vr == "AT":
        return b"".join(form.tag(int(one, 16)) for one in values if one)
    texts = [_text(one, vr) for one in values]
    joined = "\\".join(texts)
    return code(joined, vr) if vr in _TEXT else joined.encode("ascii", "replace")


def _text(value: Any, vr: str) -> str:
    if value is None:
        return ""
    if vr == "PN":
        groups = value if isinstance(value, dict) else {"Alphabetic": value}
        return "=".join(groups.get(group, "") for group in _GROUPS).rstrip("=")
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    return str(value)


def _items(
    values: Sequence[Mapping[str, Any]],
    within: Wanted | None,
    form: Form,
    code: Callable[[str, str], bytes | None],
) -> bytes | None:
    whole = b""
    for item in values:
        some = within or {int(tag, 16): None for tag in item}
        parts = _dataset(item, some, form, code)
        if parts is None:
            return None
        data = b"".join(data for _, data in sorted(parts))
        whole += form.tag(_ITEM) + form.u32(len(data)) + data
    return whole
