"""A-ASSOCIATE: what is asked and what is granted, as bytes (PS3.8 9.3.2 to 9.3.4, PS3.7 D.3).

The bodies come from anybody who finds the port. Reading one costs time in proportion to its length,
which is bounded, and values are taken as they are: who they are and what they may is decided later.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from iryo import __version__
from iryo.imaging.dimse.channel import MAX_PDU
from iryo.imaging.dimse.failures import Malformed

__all__ = [
    "ACCEPTED",
    "APPLICATION_CONTEXT",
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "MAX_CONTEXTS",
    "NO_ABSTRACT_SYNTAX",
    "NO_TRANSFER_SYNTAX",
    "USER_REJECTED",
    "Accept",
    "Granted",
    "Proposal",
    "Request",
    "decode_accept",
    "decode_request",
    "encode_accept",
    "encode_request",
    "titles",
]

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"

IMPLEMENTATION_CLASS_UID: Final = "1.2.826.0.1.3680043.9.7156.1.1"
"""Of this program in all versions (PS3.7 D.3.3.2); files that we write name it as well."""
IMPLEMENTATION_VERSION_NAME: Final = f"IRYO_{__version__}"[:16]

# Result of a presentation context, PS3.8 table 9-18.
ACCEPTED: Final = 0
USER_REJECTED: Final = 1
NO_ABSTRACT_SYNTAX: Final = 3
NO_TRANSFER_SYNTAX: Final = 4

_FIXED: Final = 68  # version, reserved, titles, reserved
_TITLE: Final = 16
_ITEM: Final = struct.Struct(">BxH")
MAX_CONTEXTS: Final = 128


@dataclass(frozen=True, slots=True)
class Proposal:
    """A presentation context that is asked for: an odd id, an abstract and transfer syntaxes."""

    id: int
    abstract: str
    transfers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """What came of a proposal: its result, and one transfer syntax if it is 0."""

    id: int
    result: int
    transfer: str


@dataclass(frozen=True)
class Request:
    """A-ASSOCIATE-RQ."""

    called: str
    calling: str
    contexts: tuple[Proposal, ...]
    max_length: int = MAX_PDU
    """The longest P-DATA-TF body that the requestor takes; 0: any."""
    roles: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    """SOP class -> whether the requestor offers to be SCU, SCP of it (PS3.7 D.3.3.4)."""
    extended: Mapping[str, bytes] = field(default_factory=dict)
    """SOP class -> service class application information (PS3.7 D.3.3.5)."""
    application_context: str = APPLICATION_CONTEXT
    version: int = 1
    implementation: str = ""
    """Implementation Version Name; of ours it is written whatever stands here."""


@dataclass(frozen=True)
class Accept:
    """A-ASSOCIATE-AC."""

    contexts: tuple[Granted, ...]
    max_length: int = MAX_PDU
    roles: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    """SOP class -> whether the acceptor takes the requestor's offer to be SCU, SCP."""
    extended: Mapping[str, bytes] = field(default_factory=dict)


# --------------------------------------------------------------------------------------- reading


def titles(body: memoryview) -> tuple[str, str]:
    """Called and calling AE title, which stand at fixed places: all that a stranger is read.

    Raises:
        Malformed: the body is too short.
    """
    if len(body) < _FIXED:
        raise Malformed(f"found an A-ASSOCIATE of {len(body)} bytes, expected {_FIXED} or more")
    return _text(body[4:20]), _text(body[20:36])


def decode_request(body: memoryview) -> Request:
    """Read the body of an A-ASSOCIATE-RQ.

    Raises:
        Malformed: it is none.
    """
    called, calling = titles(body)
    application, contexts, user = "", [], _UserInformation()
    for kind, data in _items(body[_FIXED:]):
        if kind == 0x10:
            application = _text(data)
        elif kind == 0x20:
            contexts.append(_proposal(data))
        elif kind == 0x50:
            user.read(data)
    if len(contexts) > MAX_CONTEXTS:
        raise Malformed(f"found {len(contexts)} presentation contexts, expected at most 128")
    return Request(
        called,
        calling,
        tuple(contexts),
        user.max_length,
        user.roles,
        user.extended,
        application,
        int.from_bytes(body[0:2], "big"),
        user.implementation,
    )


def decode_accept(body: memoryview) -> Accept:
    """Read the body of an A-ASSOCIATE-AC.

    Raises:
        Malformed: it is none.
    """
    titles(body)
    contexts, user = [], _UserInformation()
    for kind, data in _items(body[_FIXED:]):
        if kind == 0x21:
            if len(data) < 4:
                raise Malformed("found a presentation context of fewer than 4 bytes")
            transfers = [_text(value) for sort, value in _items(data[4:]) if sort == 0x40]
            contexts.append(Granted(data[0], data[2], transfers[0] if transfers else ""))
        elif kind == 0x50:
            user.read(data)
    return Accept(tuple(contexts), user.max_length, user.roles, user.extended)


class _UserInformation:
    """User information items, PS3.8 9.3.2.3, PS3.7 D.3.3; those not known here are let be."""

    def __init__(self) -> None:
        self.max_length = 0
        self.roles: dict[str, tuple[bool, bool]] = {}
        self.extended: dict[str, bytes] = {}
        self.implementation = ""

    def read(self, data: memoryview) -> None:
        for kind, value in _items(data):
            if kind == 0x51:
                if len(value) != 4:
                    raise Malformed(f"found a maximum length of {len(value)} bytes, expected 4")
                self.max_length = int.from_bytes(value, "big")
            elif kind == 0x54:
                uid, rest = _led_by_uid(value)
                if len(rest) < 2:
                    raise Malformed("found a role selection without roles")
                self.roles[uid] = bool(rest[0]), bool(rest[1])
            elif kind == 0x55:
                self.implementation = _text(value)
            elif kind == 0x56:
                uid, rest = _led_by_uid(value)
                self.extended[uid] = bytes(rest)


def _led_by_uid(value: memoryview) -> tuple[str, memoryview]:
    length = int.from_bytes(value[:2], "big")
    if len(value) < 2 + length:
        raise Malformed("found an item that is shorter than the UID in it")
    return _text(value[2 : 2 + length]), value[2 + length :]


def _proposal(data: memoryview) -> Proposal:
    if len(data) < 4:
        raise Malformed("found a presentation context of fewer than 4 bytes")
    abstract, transfers = "", []
    for kind, value in _items(data[4:]):
        if kind == 0x30:
            abstract = _text(value)
        elif kind == 0x40:
            transfers.append(_text(value))
    return Proposal(data[0], abstract, tuple(transfers))


def _items(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(data):
        if len(data) - at < _ITEM.size:
            raise Malformed("found an item of fewer than 4 bytes")
        kind, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size
        if length > len(data) - at:
            raise Malformed(f"found item {kind:#04x} of {length} bytes with {len(data) - at} left")
        yield kind, data[at : at + length]
        at += length


def _text(value: memoryview) -> str:
    return bytes(value).decode("ascii", "replace").strip("\0 ")


# --------------------------------------------------------------------------------------- writing


def encode_request(request: Request) -> bytes:
    """The body of an A-ASSOCIATE-RQ."""
    contexts = [
        _item(
            0x20,
            bytes((one.id, 0, 0, 0))
            + _item(0x30, one.abstract.encode())
            + b"".join(_item(0x40, transfer.encode()) for transfer in one.transfers),
        )
        for one in request.contexts
    ]
    return _body(request.called, request.calling, contexts, request)


def encode_accept(request: Request, accept: Accept) -> bytes:
    """The body of an A-ASSOCIATE-AC; the titles are sent back as they came (PS3.8 9.3.3)."""
    contexts = [
        _item(0x21, bytes((one.id, 0, one.result, 0)) + _item(0x40, one.transfer.encode()))
        for one in accept.contexts
    ]
    return _body(request.called, request.calling, contexts, accept)


def _body(called: str, calling: str, contexts: list[bytes], told: Request | Accept) -> bytes:
    user = [
        _item(0x51, told.max_length.to_bytes(4, "big")),
        _item(0x52, IMPLEMENTATION_CLASS_UID.encode()),
    ]
    for uid, (scu, scp) in told.roles.items():
        user.append(_item(0x54, _uid(uid) + bytes((scu, scp))))
    user.append(_item(0x55, IMPLEMENTATION_VERSION_NAME.encode()))
    user += [_item(0x56, _uid(uid) + value) for uid, value in told.extended.items()]
    return b"".join(
        (
            b"\x00\x01\x00\x00",
            called.encode("ascii", "replace").ljust(_TITLE)[:_TITLE],
            calling.encode("ascii", "replace").ljust(_TITLE)[:_TITLE],
            bytes(32),
            _item(0x10, APPLICATION_CONTEXT.encode()),
            *contexts,
            _item(0x50, b"".join(user)),
        )
    )


def _uid(uid: str) -> bytes:
    return len(uid).to_bytes(2, "big") + uid.encode()


def _item(kind: int, data: bytes) -> bytes:
    return _ITEM.pack(kind, len(data)) + data
