"""DICOM made by hand, byte by byte, so that it can be wrong on purpose."""

import struct

from iryo.dicom.dictionary import WIDE

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def explicit(
    tag: int, vr: str, value: bytes = b"", length: int | None = None, order: str = "<"
) -> bytes:
    """An element in explicit VR; `length` replaces the true one."""
    said = len(value) if length is None else length
    head = struct.pack(order + "HH2s", tag >> 16, tag & 0xFFFF, vr.encode("latin-1"))
    if vr in WIDE:
        return head + struct.pack(order + "HI", 0, said) + value
    return head + struct.pack(order + "H", said) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None) -> bytes:
    """An element in implicit VR, or an item, or a delimiter."""
    said = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, said) + value


def item(*elements: bytes, undefined: bool = False) -> bytes:
    """A sequence item of known or undefined length."""
    body = b"".join(elements)
    if undefined:
        return implicit(ITEM, body, UNDEFINED) + implicit(ITEM_END)
    return implicit(ITEM, body)


def file(*elements: bytes, syntax: str | None = EXPLICIT) -> bytes:
    """A P10 file; without `syntax` group 2 has no transfer syntax."""
    uid = b"" if syntax is None else syntax.encode()
    uid += b"\0" * (len(uid) % 2)
    rest = explicit(0x00020010, "UI", uid) if syntax else explicit(0x00020016, "AE", b"X ")
    meta = explicit(0x00020000, "UL", struct.pack("<I", len(rest))) + rest
    return b"\0" * 128 + b"DICM" + meta + b"".join(elements)
