"""A pack of which little is needed any more is written anew, without what nobody needs.

First the new pack, then all rows in one transaction, each only if it still says what was read. A
crash before that leaves an object that no row names; the old pack stays until `retire.sweep`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, update
from xxhash import xxh3_128

from iryo.errors import Damaged, NotFound
from iryo.imaging.service.care import retire
from iryo.imaging.service.room import Room
from iryo.imaging.store import instances, pack_key
from iryo.jobs import JobContext
from iryo.store.ids import new_id

__all__ = ["Repacked", "repack"]

_RANGE: Final = 8 << 20
_PLACE: Final = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Repacked:
    """What became of a pack.

    Attributes:
        moved: instances that lie in the new pack now.
        bytes: of them.
        damaged: whether it was left as it is, because what it holds is not what was stored.
    """

    moved: int = 0
    bytes: int = 0
    damaged: bool = False


def repack(room: Room, context: JobContext, datastore_id: str, old: str, size: int) -> Repacked:
    """Move the instances of a pack into a new one.

    Args:
        room: the room.
        context: of the job.
        datastore_id: the data store.
        old: key of the pack.
        size: its bytes.
    """
    query = select(instances).where(instances.c.pack == old)
    with room.database.read() as connection:
        rows = list(connection.execute(query.order_by(instances.c.document_offset)))
    if not rows:
        return Repacked()
    if any(row.damaged_at is not None or not _in_one_piece(row) for row in rows):
        return Repacked(damaged=True)
    new = pack_key(datastore_id, new_id())
    try:
        room.objects.put(new, _pieces(room, context, rows))
    except (Damaged, NotFound):
        # What is wrong is for `iryo verify` to tell; here it must only not be passed on.
        return Repacked(damaged=True)
    moved: list[Row[Any]] = []
    with room.database.write() as connection:
        context.hold(connection)
        begin = 0
        places = {}
        for row in rows:
            places[row.key] = _shifted(row, begin - _begin(row))
            begin += row.stored_size
        for row in sorted(rows, key=lambda one: str(one.key)):
            changed = connection.execute(
                update(instances)
                .where(
                    instances.c.key == row.key,
                    instances.c.pack == old,
                    instances.c.damaged_at.is_(None),
                )
                .values(pack=new, **places[row.key])
            )
            moved += [row] * changed.rowcount
        if moved:
            retire.retire(connection, datastore_id, {old: size}, retire.MOVED, room.clock())
    if not moved:
        # Another compactor was faster. Nobody else knows of ours.
        room.objects.delete([new])
    return Repacked(len(moved), sum(row.stored_size for row in moved))


def _begin(row: Row[Any]) -> int:
    return int(row.document_offset + row.document_length - row.stored_size)


def _in_one_piece(row: Row[Any]) -> bool:
    """Whether all parts of an instance lie where its bytes do: see the table."""
    begin, end = _begin(row), row.document_offset + row.document_length
    parts = [(row.header_offset, row.header_length)]
    parts += [(offset, length) for _, offset, length in row.residues or ()]
    parts += list(_PLACE.iter_unpack(bytes(row.frames)))
    return begin >= 0 and all(begin <= offset <= offset + length <= end for offset, length in parts)


def _pieces(room: Room, context: JobContext, rows: list[Row[Any]]) -> Iterator[bytes]:
    """The bytes of instances, one after the other.

    Raises:
        Damaged: they are not what was stored.
    """
    for row in rows:
        context.check()
        offset, left = _begin(row), row.stored_size
        total = xxh3_128()
        while left:
            piece = room.objects.get_range(row.pack, offset, min(left, _RANGE))
            total.update(piece)
            offset, left = offset + len(piece), left - len(piece)
            yield piece
        if row.stored_hash is not None and total.digest() != bytes(row.stored_hash):
            raise Damaged(f"stored instance {row.key} is not what was stored")


def _shifted(row: Row[Any], by: int) -> dict[str, Any]:
    """The columns of an instance that lies `by` bytes further on than the row says."""
    places = _PLACE.iter_unpack(bytes(row.frames))
    return {
        "header_offset": row.header_offset + by,
        "document_offset": row.document_offset + by,
        "residues": row.residues
        and [[index, offset + by, length] for index, offset, length in row.residues],
        "frames": b"".join(_PLACE.pack(offset + by, length) for offset, length in places),
    }
