"""The data dictionary: PS3.6 as tables that the reader looks up by the bytes of an element header.

`explicit` and `implicit` give a dict from header bytes (tag, or tag and VR, as they stand in the
file) to the one shared `About` of that element, so that the reader needs one lookup per element
and makes no object. What PS3.6 does not list is made once and remembered, up to a bound.
The tables are data/dictionary.json and data/private.json (see scripts/make_dictionary.py).
"""

from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import orjson

from iryo.dicom.model import About

# PS3.5 7.1.2: these have 2 reserved bytes and a 32-bit length in explicit VR.
WIDE: Final = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
# PS3.5 6.2
VRS: Final = WIDE | {
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL",
    "SS", "ST", "TM", "UI", "UL", "US",
}  # fmt: skip

PIXEL_TAGS: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


def lookup(tag: int) -> tuple[str, str, str] | None:
    """(VR, VM, keyword) of a standard tag as PS3.6 prints them, or None.

    The VR may be ambiguous, such as "US or SS"; the keyword of a repeating group is "".
    """
    entry = _tags().get(tag)
    if entry is None and not tag >> 16 & 1:
        for mask, value, found in _repeating():
            if tag & mask == value:
                return found
    return entry


def keyword_tag(keyword: str) -> int | None:
    """The tag of a PS3.6 keyword, or None."""
    return _keywords().get(keyword)


def private_vr(tag: int, creator: str) -> str | None:
    """The VR of a private element of that creator; None when the dictionary has none."""
    known = _private().get(creator)
    if known is None:
        return None
    digits = f"{tag:08X}"
    for mask in (digits, f"{digits[:4]}xx{digits[6:]}", f"{digits[:2]}xxxx{digits[6:]}"):
        if mask in known:
            return known[mask]
    return None


@cache
def explicit(*, big_endian: bool) -> dict[bytes, About]:
    """(tag and VR, 6 bytes of the file) -> what is known, for plain elements of PS3.6.

    UN is not among them: it must be looked at. Do not change the dict.
    """
    table = {}
    for tag, (vrs, _, _) in _tags().items():
        head = tag_bytes(tag, big_endian=big_endian)
        for vr in vrs.split(" or "):
            table[head + vr.encode()] = about(tag, vr)
    return table


@cache
def implicit(*, big_endian: bool) -> dict[bytes, About]:
    """(tag, 4 bytes of the file) -> what is known, for PS3.6. Do not change the dict."""
    return {tag_bytes(tag, big_endian=big_endian): bare(tag) for tag in _tags()}


@lru_cache(maxsize=16384)
def explicit_other(header: bytes, order: str) -> About | None:
    """As `explicit`, for what is not in PS3.6: private, repeating, or with another VR.

    `order` is ``<`` or ``>``. None when the header needs a careful look: a delimiter, UN, or no VR
    at all.
    """
    tag = bytes_tag(header, big_endian=order == ">")
    vr = header[4:6].decode("latin-1")
    if tag >> 16 == 0xFFFE or vr not in VRS or vr == "UN":
        return None
    return about(tag, vr)


@lru_cache(maxsize=16384)
def implicit_other(header: bytes, order: str) -> About | None:
    """As `implicit`, for what is not in PS3.6; None for a delimiter."""
    tag = bytes_tag(header, big_endian=order == ">")
    return None if tag >> 16 == 0xFFFE else bare(tag)


@lru_cache(maxsize=32768)
def about(tag: int, vr: str, vague: str = "") -> About:
    """What is known of `tag` when its VR is `vr`."""
    _, vm, keyword = lookup(tag) or ("UN", "1", "")
    if vague or tag in {0, 0x00080005} or tag in PIXEL_TAGS:  # 0 may be padding
        shape = 3
    else:
        shape = 2 if vr == "SQ" else int(vr in WIDE)
    return About(
        tag,
        vr,
        key=keyword if tag in _tags() else "",
        many=vm != "1",
        shape=shape,
        vague=vague,
    )


def bare(tag: int) -> About:
    """What is known of `tag` when the file gives no VR (PS3.5 7.1.3, 6.2.2)."""
    entry = lookup(tag)
    if entry is not None:
        vr = entry[0]
        return about(tag, vr.split(" or ")[-1], vr) if " or " in vr else about(tag, vr)
    if tag >> 16 & 1:
        return about(tag, "LO") if _is_creator(tag) else about(tag, "UN", "private")
    if not tag & 0xFFFF:
        return about(tag, "UL")  # a group length
    return about(tag, "UN")


def tag_bytes(tag: int, *, big_endian: bool) -> bytes:
    """The four bytes of a tag in a file: group, then element."""
    order = "big" if big_endian else "little"
    return (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)  # type: ignore[arg-type]


def bytes_tag(header: bytes, *, big_endian: bool) -> int:
    """The tag that the first four bytes mean."""
    if big_endian:
        return int.from_bytes(header[:4], "big")
    return header[1] << 24 | header[0] << 16 | header[3] << 8 | header[2]


def _is_creator(tag: int) -> bool:
    # PS3.5 7.8.1: (gggg,0010-00FF) with an odd group.
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


@cache
def _document(name: str) -> dict[str, dict[str, list[str]]]:
    parsed: dict[str, dict[str, list[str]]] = orjson.loads(
        files("iryo.dicom").joinpath("data", name).read_bytes()
    )
    return parsed


@cache
def _tags() -> dict[int, tuple[str, str, str]]:
    entries = _document("dictionary.json")["tags"]
    return {int(tag, 16): (vr, vm, keyword) for tag, (vr, vm, keyword) in entries.items()}


@cache
def _keywords() -> dict[str, int]:
    return {keyword: tag for tag, (_, _, keyword) in _tags().items() if keyword}


@cache
def _repeating() -> list[tuple[int, int, tuple[str, str, str]]]:
    found = []
    for digits, (vr, vm, _) in _document("dictionary.json")["repeating"].items():
        mask = int("".join("0" if d == "x" else "F" for d in digits), 16)
        found.append((mask, int(digits.replace("x", "0"), 16), (vr, vm, "")))
    return found


@cache
def _private() -> dict[str, dict[str, str]]:
    parsed: dict[str, dict[str, dict[str, str]]] = orjson.loads(
        files("iryo.dicom").joinpath("data", "private.json").read_bytes()
    )
    return parsed["creators"]
