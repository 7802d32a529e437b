"""Instances that are to be sent: files as they are, and what is stored in a form that is wanted."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iryo.dicom import syntaxes
from iryo.errors import InvalidDicom, Unavailable
from iryo.imaging.service.retrieve import Stored, possible_syntaxes, write
from iryo.imaging.service.room import Room

__all__ = ["Outgoing", "from_file", "from_store"]

_NATIVE: Final = (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE)
_SHORT: Final = struct.Struct("<HH2sH")
_LONG: Final = (b"OB", b"UN", b"UT", b"OW")
_META: Final = 64 << 10  # bytes in which File Meta Information ends
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Outgoing:
    """An instance to be sent.

    Args:
        name: what people know it by: a path, or its UID.
        sop_class: its SOP class.
        instance: its SOP Instance UID.
        syntaxes: what it can be given in, the best first.
        pieces: its file in one of these.
    """

    name: str
    sop_class: str
    instance: str
    syntaxes: tuple[str, ...]
    pieces: Callable[[str], Iterator[bytes]]

    @property
    def offered(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The presentation contexts that it wants."""
        native = tuple(one for one in self.syntaxes if one in _NATIVE)
        first = self.syntaxes[0]
        some: list[tuple[str, tuple[str, ...]]] = []
        if first not in _NATIVE:
            some.append((self.sop_class, (first,)))
        if native:
            some.append((self.sop_class, native))
        return tuple(some)


def from_file(path: Path) -> Outgoing:
    """A file of PS3.10, sent in the transfer syntax that it has.

    Raises:
        InvalidDicom: it is none.
        Unavailable: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_META)
    except OSError as error:
        raise Unavailable(f"cannot read it: {error.strerror}") from None
    if head[128:136] != b"DICM\x02\x00\x00\x00":
        raise InvalidDicom("found no DICOM file (PS3.10), expected one")
    meta = _meta(head)
    sop_class, instance, syntax = (meta.get(element, "") for element in (0x02, 0x03, 0x10))
    if not sop_class or not instance or not syntax:
        raise InvalidDicom("found File Meta Information without SOP class, instance or syntax")
    return Outgoing(str(path), sop_class, instance, (syntax,), lambda _: _pieces(path))


def _meta(head: bytes) -> dict[int, str]:
    """The UIDs of File Meta Information (PS3.10 7.1), by their element numbers."""
    at, end = 144, 144 + int.from_bytes(head[140:144], "little")
    found = {}
    while at + 8 <= min(end, len(head)):
        _, element, vr, length = _SHORT.unpack_from(head, at)
        at += 8
        if vr in _LONG:
            length = int.from_bytes(head[at : at + 4], "little")
            at += 4
        if vr == b"UI":
            found[element] = head[at : at + length].decode("ascii", "replace").rstrip("\0 ")
        at += length
    return found


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except OSError as error:
        raise Unavailable(f"cannot read it: {error.strerror}") from None


def from_store(room: Room, datastore_id: str, stored: Stored) -> Outgoing:
    """A stored instance, transcoded if the peer wants that."""
    return Outgoing(
        stored.sop_instance_uid,
        stored.sop_class_uid,
        stored.sop_instance_uid,
        possible_syntaxes(stored),
        lambda target: write(room, datastore_id, stored, target),
    )
