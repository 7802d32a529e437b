"""Frames by the UIDs of DICOM: where they lie, their bytes as stored, and in other syntaxes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select

from iryo.dicom import (
    Header,
    Look,
    PixelDescription,
    decode_stored,
    decoded_photometric,
    describe_stored,
    look,
    unpack_header,
)
from iryo.dicom.codecs_encode import can_encode, coded_photometric, encode
from iryo.dicom.pixels import PixelKind, Samples
from iryo.dicom.pixels_native import to_bytes
from iryo.dicom.syntaxes import EXPLICIT_LITTLE, Codec, syntax
from iryo.dicom.write_pixels import passes_through
from iryo.errors import Damaged, InvalidDicom, InvalidInput, NotAcceptable, NotFound
from iryo.imaging.model import FramePlace, SetState
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.pictures import Decoded, Recent
from iryo.imaging.service.read import quarantined
from iryo.imaging.service.room import Room
from iryo.imaging.service.said import Described
from iryo.imaging.service.series_places import HeldInstance, KnownSeries, SeriesKey
from iryo.imaging.store import damage, image_set_members, image_sets, instances

__all__ = ["HeldFrames", "Place", "find", "parse_numbers", "remembered"]

_AT_ONCE: Final = 2000  # instances of a series that are remembered with the first
_MOST_NUMBERS: Final = 100_000
_LOOKS: Final = 256  # frames of an instance of which is read at once how they are to be seen
_REPRESENTATIVE: Final = 0x00286010
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """What names an instance: UIDs, and the image set where it is not the primary one."""

    datastore_id: str
    study_uid: str
    series_uid: str
    sop_instance_uid: str
    image_set_id: str | None = None

    @property
    def series(self) -> SeriesKey:
        """What names its series."""
        return self.datastore_id, self.study_uid, self.series_uid, self.image_set_id


def parse_numbers(text: str, most: int | None = None) -> tuple[int, ...]:
    """Frame numbers from 1 as a path lists them (PS3.18 10.4.1.1.6): ``1,3,5``.

    Raises:
        InvalidInput: it is no such list.
        NotFound: one is greater than `most`.
    """
    words = text.split(",")
    if len(words) > _MOST_NUMBERS or not all(
        word.isascii() and word.isdecimal() and len(word) < 10 and int(word) for word in words
    ):
        raise InvalidInput("found no list of frame numbers, expected one such as 1,3,5")
    numbers = tuple(int(word) for word in words)
    if most is not None and max(numbers) > most:
        raise NotFound(f"found frame number {max(numbers)}, expected at most {most}")
    return numbers


def remembered(room: Room, place: Place) -> HeldInstance | None:
    """What is known of an instance without waiting, None where it must be asked."""
    return room.places.by_series.find(place.series, place.sop_instance_uid)


def find(room: Room, place: Place) -> "HeldFrames":
    """The frames of an instance.

    Raises:
        NotFound: no such instance, or no such data store.
        Quarantined: it was found damaged.
    """
    held = remembered(room, place) or _asked(room, place)
    if held.damaged:
        raise quarantined(place.sop_instance_uid)
    return HeldFrames(room, place, held)


def _asked(room: Room, place: Place) -> HeldInstance:
    memory = room.places.by_series
    known = memory.series(place.series)
    with room.database.read() as connection:
        row = _image_set(connection, place)
        fresh = known is not None and (known.image_set_id, known.version) == (row.id, row.version)
        # Quarantine and healing change no version.
        if known is None or not fresh or _any_damage(connection, place.datastore_id):
            known = KnownSeries(row.id, row.version, 0.0)
        else:
            memory.believe(known)
        held = known.instances.get(place.sop_instance_uid)
        if held is not None:
            return held
        if not known.whole:
            whole = row.instance_count <= _AT_ONCE
            found = _held(connection, row.id, None if whole else place.sop_instance_uid)
            memory.remember(place.series, known, found, whole=whole)
            held = found.get(place.sop_instance_uid)
    if held is None:
        raise NotFound("found no such study, series or instance")
    return held


def _image_set(connection: Connection, place: Place) -> Any:
    table = image_sets.c
    query = select(table.id, table.version, table.instance_count).where(
        table.datastore_id == place.datastore_id,
        table.study_uid == place.study_uid,
        table.series_uid == place.series_uid,
        table.state != SetState.DELETED,
    )
    if place.image_set_id is None:
        query = query.where(table.is_primary)
    else:
        query = query.where(table.id == place.image_set_id)
    row = connection.execute(query).first()
    if row is None:
        require_active(connection, place.datastore_id)
        raise NotFound("found no such study, series or instance")
    return row


def _any_damage(connection: Connection, datastore_id: str) -> bool:
    query = select(damage.c.id).where(damage.c.datastore_id == datastore_id).limit(1)
    return connection.execute(query).first() is not None


def _held(
    connection: Connection, image_set_id: str, sop_instance_uid: str | None
) -> dict[str, HeldInstance]:
    table, member = instances.c, image_set_members.c
    query = (
        select(
            member.sop_instance_uid,
            table.key,
            table.pack,
            table.stored_syntax,
            table.frames,
            table.frame_count,
            table.source_syntax,
            table.header_offset,
            table.header_length,
            table.damaged_at,
        )
        .join(instances, table.key == member.instance_key)
        .where(member.image_set_id == image_set_id, member.last_version.is_(None))
    )
    if sop_instance_uid is not None:
        query = query.where(member.sop_instance_uid == sop_instance_uid)
    return {
        row.sop_instance_uid: HeldInstance(
            key=row.key,
            image_set_id=image_set_id,
            place=KnownInstance(row.pack, row.stored_syntax or "", bytes(row.frames)),
            frame_count=row.frame_count,
            source_syntax=row.source_syntax,
            header=(row.header_offset, row.header_length),
            damaged=row.damaged_at is not None,
        )
        for row in connection.execute(query)
    }


class HeldFrames:
    """The frames of one instance.

    Args:
        room: the room.
        place: what names the instance.
        held: what is known of it.
    """

    def __init__(self, room: Room, place: Place, held: HeldInstance) -> None:
        self._room = room
        self._place = place
        self.held = held

    @property
    def count(self) -> int:
        """How many there are."""
        return self.held.frame_count

    @property
    def stored_syntax(self) -> str:
        """The UID that they are stored in; empty where there are none."""
        return self.held.place.transfer_syntax

    def place(self, number: int) -> FramePlace:
        """Where frame `number` (from 1) lies.

        Raises:
            NotFound: there is no such frame.
        """
        found = self.held.place.frame(number - 1)
        if found is None:
            raise NotFound(f"found frame number {number}, expected at most {self.count}")
        return found

    def stored(self, number: int, offset: int = 0, length: int | None = None) -> bytes:
        """The stored bytes of frame `number` (from 1), or a part of them.

        Raises:
            NotFound: there is no such frame.
            Damaged: the pack does not hold it.
        """

        def read() -> bytes:
            place = self.place(number)
            size = place.length - offset if length is None else length
            return self._room.objects.get_range(place.pack, place.offset + offset, size)

        return self._again(read)

    @property
    def pictures(self) -> Recent[bytes]:
        """The memory of pictures of the room."""
        return self._room.pictures

    def _again(self, read: Callable[[], T]) -> T:
        """What is read; once more where a compactor has moved it since we looked."""
        try:
            return read()
        except NotFound:
            before = self.held.place.pack
            self._room.places.by_series.drop(self._place.series)
            self.held = _asked(self._room, self._place)
            if self.held.damaged:
                raise quarantined(self._place.sop_instance_uid) from None
            if self.held.place.pack == before:
                raise
        try:
            return read()
        except NotFound as error:
            raise Damaged(f"the pack of an instance is missing: {error.message}") from None

    # ------------------------------------------------------------------ in other syntaxes

    @cached_property
    def header(self) -> Header:
        """All of the file but its pixel data."""
        return unpack_header(
            self._again(
                lambda: self._room.objects.get_range(self.held.place.pack, *self.held.header)
            )
        )

    @cached_property
    def _described(self) -> Described:
        memory, key = self._room.places.by_series.said, self.held.key
        said = memory.described(key)
        if said is None:
            pixels = describe_stored(self.header)
            if pixels is None:
                raise NotFound("found an instance without pixel data")
            said = Described(pixels, self.header.instance.integer(_REPRESENTATIVE))
            memory.describe(key, said)
        return said

    @property
    def description(self) -> PixelDescription:
        """What the header says of the pixels.

        Raises:
            NotFound: there are none.
        """
        return self._described.pixels

    @property
    def representative(self) -> int:
        """The number of the frame that stands for all: (0028,6010), else that in the middle."""
        if self.count == 1:
            return 1
        number = self._described.representative
        return number if number and 0 < number <= self.count else (self.count + 1) // 2

    def look(self, number: int) -> Look:
        """How frame `number` (from 1) is to be seen.

        Raises:
            NotFound: there are no pixels.
        """
        memory, key = self._room.places.by_series.said, self.held.key
        seen = memory.look(key, number)
        if seen is None:
            # The header is at hand now: those beside it will be asked for as well.
            first = (number - 1) // _LOOKS * _LOOKS + 1
            instance, described = self.header.instance, self.description
            looks = {
                one: look(instance, described, one - 1)
                for one in range(first, min(first + _LOOKS, self.count + 1))
            }
            memory.remember(key, looks)
            seen = looks[number]
        return seen

    def decoded(self, number: int, reduce: int = 0) -> Decoded:
        """As `samples`, remembered for a while: for who may ask again."""
        memory, key = self._room.decoded, (self.held.key, number, reduce)
        found = memory.find(key)
        if found is None:
            found = Decoded(*self.samples(number, reduce))
            if syntax(self.stored_syntax).encapsulated:  # else it costs nothing to make again
                found.samples.setflags(write=False)
                memory.remember(key, found)
        return found

    def samples(self, number: int, reduce: int = 0) -> tuple[Samples, str]:
        """The samples of frame `number` (from 1) and their Photometric Interpretation.

        Args:
            number: of the frame.
            reduce: resolutions to leave out, see `decode_stored`.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: nothing here decodes it.
        """
        data = self.stored(number)
        if not self.decodable:
            raise NotAcceptable(
                f"found frames in {syntax(self.stored_syntax).name}, which is not decoded here"
            )
        try:
            array = decode_stored(data, self.description, self.stored_syntax, reduce=reduce)
        except InvalidDicom as error:
            raise NotAcceptable(f"found a frame that does not decode: {error.message}") from error
        described = self.description
        if described.samples != 3:
            return array, described.photometric
        described = replace(described, transfer_syntax=self.stored_syntax)
        return array, decoded_photometric(data, described)

    @property
    def decodable(self) -> bool:
        """Whether there is a decoder for them."""
        known = syntax(self.stored_syntax).codec not in (Codec.VIDEO, Codec.UNKNOWN)
        return known and self.description.kind is not PixelKind.OPAQUE

    def given(self, number: int, target: str) -> bytes:
        """Frame `number` (from 1) in a transfer syntax: native, or an encapsulated lossless one.

        Raises:
            NotFound: there is no such frame.
            NotAcceptable: its samples cannot be given so.
        """
        if self.stored_syntax == target or passes_through(self.stored_syntax, target):
            return self.stored(number)
        array, photometric = self.samples(number)
        described = self.description
        if target == EXPLICIT_LITTLE:
            # As the metadata says: as Planar Configuration has it; chrominance shared by two
            # pixels only where it was so in the file.
            native = not syntax(described.transfer_syntax).encapsulated
            shared = described.subsampled and native
            return to_bytes(array, replace(described, transfer_syntax=target, subsampled=shared))
        if not can_encode(target, described):
            raise NotAcceptable(
                f"found a request for {syntax(target).name}, which cannot hold these samples"
            )
        coded = replace(described, planar=0, subsampled=False, photometric=photometric)
        coded = replace(coded, photometric=coded_photometric(coded, target))
        return encode(array, replace(coded, transfer_syntax=target), target)
