"""Command sets (PS3.7 6.3.1, annex E): group 0000 in implicit VR little endian.

A command set is a few short elements; it is read with the same suspicion as all that comes from
outside, and in microseconds rather than the half millisecond of a general parser.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, TypeAlias

from iryo.imaging.dimse.failures import Malformed

__all__ = [
    "MAX_COMMAND",
    "NO_DATA",
    "RESPONSE",
    "Command",
    "Element",
    "Operation",
    "Value",
    "decode",
    "encode",
    "has_data",
]

MAX_COMMAND: Final = 16 << 10
"""The longest command set that is read, in bytes; the longest useful one has about 500."""


class Operation(IntEnum):
    """Command Field (0000,0100), PS3.7 table E.1-1. The response has bit 15 set."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


RESPONSE: Final = 0x8000
NO_DATA: Final = 0x0101


class Element(IntEnum):
    """The element numbers of group 0000, PS3.7 table E.1-1."""

    AFFECTED_SOP_CLASS = 0x0002
    REQUESTED_SOP_CLASS = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDED_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATA_SET_TYPE = 0x0800
    STATUS = 0x0900
    OFFENDING_ELEMENT = 0x0901
    ERROR_COMMENT = 0x0902
    ERROR_ID = 0x0903
    AFFECTED_SOP_INSTANCE = 0x1000
    REQUESTED_SOP_INSTANCE = 0x1001
    EVENT_TYPE = 0x1002
    ATTRIBUTES = 0x1005
    ACTION_TYPE = 0x1008
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNING = 0x1023
    MOVE_ORIGINATOR = 0x1030
    MOVE_ORIGINATOR_MESSAGE = 0x1031


Value: TypeAlias = int | str
Command: TypeAlias = Mapping[int, Value]

_UIDS: Final = frozenset({0x0002, 0x0003, 0x1000, 0x1001})
_TEXTS: Final = frozenset({0x0600, 0x0902, 0x1030})  # AE and LO
_TAGS: Final = frozenset({0x0901, 0x1005})  # AT
_NUMBERS: Final = frozenset(Element) - _UIDS - _TEXTS - _TAGS
_HEAD: Final = struct.Struct("<HHL")


def decode(data: bytes | bytearray) -> dict[int, Value]:
    """The elements by their numbers; what is not in `Element` is passed over.

    Raises:
        Malformed: it is no command set.
    """
    found: dict[int, Value] = {}
    at, end = 0, len(data)
    while at < end:
        if end - at < _HEAD.size:
            raise Malformed("found a command set that ends within an element")
        group, element, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if group or length > end - at:
            raise Malformed(f"found ({group:04x},{element:04x}) of {length} bytes in a command set")
        value = bytes(data[at : at + length])
        at += length
        if element in _NUMBERS:
            if length != 2:
                raise Malformed(f"found (0000,{element:04x}) of {length} bytes, expected 2")
            found[element] = int.from_bytes(value, "little")
        elif element in _UIDS:
            found[element] = value.decode("ascii", "replace").rstrip("\0 ")
        elif element in _TEXTS:
            found[element] = value.decode("ascii", "replace").strip("\0 ")
    if Element.COMMAND_FIELD not in found or Element.DATA_SET_TYPE not in found:
        raise Malformed("found a command set without command field or data set type")
    return found


def encode(command: Command) -> bytes:
    """A command set as bytes, its group length first.

    Texts are cut after 64 characters, the longest that LO may have; what is no ASCII in them
    becomes a question mark.
    """
    parts = []
    for element in sorted(command):
        value = command[element]
        if isinstance(value, int):
            if element in _TAGS:
                data = struct.pack("<HH", value >> 16, value & 0xFFFF)
            else:
                data = value.to_bytes(2, "little")
        else:
            data = value.encode("ascii", "replace")[:64]
            if len(data) % 2:
                data += b"\0" if element in _UIDS else b" "
        parts.append(_HEAD.pack(0, element, len(data)) + data)
    body = b"".join(parts)
    return _HEAD.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def has_data(command: Command) -> bool:
    """Whether a data set follows (PS3.7 E.1: 0101H says that none does)."""
    return command[Element.DATA_SET_TYPE] != NO_DATA
