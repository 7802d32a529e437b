"""One reception: take instances in, make them durable, wait for them to become visible."""

import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import delete, select

from iryo import dicom
from iryo.errors import TooLarge
from iryo.imaging.service.identifiers import class_of, identifiers
from iryo.imaging.service.receive.asking import make_visible, run_now
from iryo.imaging.service.receive.certain import is_certain
from iryo.imaging.service.receive.committing import Commit, commit
from iryo.imaging.service.receive.model import Arrived, Outcome, Result, Sender
from iryo.imaging.service.receive.publishing import clear_inbox, unclaimed
from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals, inbox_key
from iryo.store.ids import new_id

__all__ = ["Reception"]

# Instances of up to so many bytes are held in memory, and share an object of the inbox up to as
# many: a request of a hundred slices waits for the disk four times and not a hundred.
_HELD: Final = 16 << 20
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where an arrival lies in the inbox."""

    arrived: Arrived
    key: str
    offset: int


class Reception:
    """What one STOW-RS request or one association brings. One thread uses it.

    Args:
        room: the imaging room.
        datastore_id: where it goes.
        sender: who brings it.
        most: bytes that one instance may have.
        early: whether the sender may be told that all is stored as soon as that is certain.
    """

    def __init__(
        self,
        room: Room,
        datastore_id: str,
        sender: Sender,
        *,
        most: int = 8 << 30,
        early: bool = False,
    ) -> None:
        self.id = new_id()
        self._room = room
        self._datastore_id = datastore_id
        self._sender = sender
        self._most = most
        self._early = early
        self._held: list[tuple[Arrived, bytes]] = []
        self._held_bytes = 0
        self._placed: list[_Placed] = []
        self._count = 0
        self._visible = False
        self._answered = False
        self._committed: list[Arrived] = []
        self._job_id: str | None = None

    def add(
        self, pieces: Iterable[bytes], check: Callable[[Arrived], object] = lambda _: None
    ) -> Arrived:
        """Take one file (PS3.10) in; it is nobody's until `commit`.

        Args:
            pieces: its bytes.
            check: is told what it is, and may raise; then it is not taken.

        Raises:
            InvalidDicom: the bytes are no DICOM file, or one without the UIDs that file it.
            TooLarge: it is.
            Unavailable: the store is away.
        """
        head, rest = _split(iter(pieces), _HELD)
        if rest is None:
            self._check(len(head))
            arrived = self._read(head)
            check(arrived)
            if self._held_bytes + len(head) > _HELD:
                self._flush()
            self._held.append((arrived, head))
            self._held_bytes += len(head)
        else:
            arrived = self._large(head, rest, check)
        self._count += 1
        return arrived

    def commit(self, *, visible: bool = False) -> None:
        """What was added becomes visible, whatever happens from here on.

        Args:
            visible: whether `settle` will wait for that, unless all of it is certain to be stored
                and `early` allows to say so now. Otherwise it happens in a moment, together with
                what else arrives.

        Raises:
            NotFound: the data store is gone.
            Conflict: the reception took so long that the inbox was cleared.
            Unavailable: the store or the database is away.
        """
        self._flush()
        placed, self._placed = self._placed, []
        if not placed:
            return
        now = self._room.clock()
        one = Commit(
            self.id,
            self._sender.kind,
            [self._row(each, now) for each in placed],
            visible and self._early and self._is_certain(placed),
        )
        commit(self._room, self._datastore_id, one)
        if one.job_id is not None and not visible:
            self._room.wake()
        self._job_id, self._answered = one.job_id, one.answered
        self._visible = visible and not one.answered
        self._committed = [each.arrived for each in placed]

    def settle(self) -> list[Result]:
        """Wait until what was committed with `visible` is, and tell what became of each arrival.

        Of what was last committed without, or is certain to become so, that it waits.

        Raises:
            Unavailable: that must wait for something that is away; it is kept, and will be done.
        """
        if not self._visible:
            certain = self._answered
            return [Result(one, Outcome.WAITING, None, certain=certain) for one in self._committed]
        if self._job_id is not None:
            run_now(self._room, self._job_id)
        else:
            self._take_turn()
        query = select(arrivals).where(arrivals.c.reception == self.id).order_by(arrivals.c.number)
        with self._room.database.write() as connection:
            found = connection.execute(query).all()
            # Whoever sent it is told now: nobody else asks.
            connection.execute(delete(arrivals).where(arrivals.c.reception == self.id))
        clear_inbox(self._room, {row.object_key for row in found if row.object_key})
        return [_result(row) for row in found]

    def abandon(self) -> None:
        """Let go of what was added and not committed."""
        keys = {one.key for one in self._placed}
        self._held, self._held_bytes, self._placed = [], 0, []
        self._room.objects.delete(sorted(keys))

    # ----------------------------------------------------------------------------------- within

    def _is_certain(self, placed: list[_Placed]) -> bool:
        """Whether each will be stored as it is, and there is room for them among what waits."""
        return (
            all(one.arrived.certain for one in placed)
            and len({one.arrived.sop_instance_uid for one in placed}) == len(placed)
            and self._room.backlog.admits(
                self._room.database, len(placed), sum(one.arrived.size for one in placed)
            )
        )

    def _take_turn(self) -> None:
        """Wait until others have made this visible, or do it for all who wait."""
        room = self._room
        while True:
            with room.turns.of(self._datastore_id):
                free, holders = self._waiting()
                if free:
                    payload = {"reception": self.id, "alone": False}
                    make_visible(room, self._datastore_id, payload)
                    free, holders = self._waiting()  # others may have come between
            if not free and not holders:
                return
            # Another process has it: followed, and taken over should that process end.
            for holder in sorted(holders):
                run_now(room, holder)

    def _waiting(self) -> tuple[bool, set[str]]:
        """Whether arrivals wait that no job has; the jobs that have others."""
        table = arrivals.c
        query = select(table.job_id, unclaimed(self._datastore_id)).where(
            table.reception == self.id, table.outcome == Outcome.WAITING.value
        )
        with self._room.database.read() as connection:
            found = connection.execute(query.distinct()).all()
        return any(free for _, free in found), {job for job, free in found if not free}

    def _read(self, data: "bytes | mmap.mmap") -> Arrived:
        instance = dicom.read(data)
        ids = identifiers(instance)
        return Arrived(
            number=self._count,
            study_uid=ids.study,
            series_uid=ids.series,
            sop_instance_uid=ids.sop,
            sop_class_uid=class_of(instance),
            transfer_syntax=instance.transfer_syntax[:64],
            size=len(data),
            certain=self._early and is_certain(instance, ids),
        )

    def _check(self, size: int) -> None:
        if size > self._most:
            raise TooLarge(f"found an instance of more than {self._most} bytes")

    def _large(
        self, head: bytes, rest: Iterator[bytes], check: Callable[[Arrived], object]
    ) -> Arrived:
        """One that memory is too small for: over an unnamed file into an object of its own."""
        with tempfile.TemporaryFile() as spool:
            size = 0
            for piece in chain((head,), rest):
                size += len(piece)
                self._check(size)
                spool.write(piece)
            spool.flush()
            with mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) as data:
                arrived = self._read(data)
                check(arrived)
                key = inbox_key(self._datastore_id, new_id())
                self._room.objects.put(
                    key, (data[begin : begin + _PIECE] for begin in range(0, size, _PIECE))
                )
        self._placed.append(_Placed(arrived, key, 0))
        return arrived

    def _flush(self) -> None:
        """Write what is held into one object."""
        if not self._held:
            return
        held, self._held, self._held_bytes = self._held, [], 0
        key = inbox_key(self._datastore_id, new_id())
        self._room.objects.put(key, (data for _, data in held))
        offset = 0
        for arrived, data in held:
            self._placed.append(_Placed(arrived, key, offset))
            offset += len(data)

    def _row(self, one: _Placed, now: datetime) -> dict[str, Any]:
        arrived, sender = one.arrived, self._sender
        return {
            "id": new_id(),
            "datastore_id": self._datastore_id,
            "reception": self.id,
            "number": arrived.number,
            "object_key": one.key,
            "offset": one.offset,
            "length": arrived.size,
            "study_uid": arrived.study_uid,
            "series_uid": arrived.series_uid,
            "sop_instance_uid": arrived.sop_instance_uid,
            "sop_class_uid": arrived.sop_class_uid,
            "transfer_syntax": arrived.transfer_syntax,
            "actor": sender.actor[:128],
            "source": sender.source[:128],
            "request_id": sender.request_id[:64],
            "received_at": now,
            "outcome": Outcome.WAITING.value,
            "attempts": 0,
        }


def _split(pieces: Iterator[bytes], most: int) -> tuple[bytes, Iterator[bytes] | None]:
    """All of it, if that is at most `most` bytes; else its beginning, and what follows."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > most:
            return b"".join(held), pieces
    return b"".join(held), None


def _result(row: Any) -> Result:
    record = row.record or {}
    failed = row.outcome == Outcome.FAILED
    return Result(
        arrived=Arrived(
            row.number,
            row.study_uid,
            row.series_uid,
            row.sop_instance_uid,
            row.sop_class_uid,
            row.transfer_syntax,
            row.length,
        ),
        outcome=Outcome(row.outcome),
        image_set_id=row.image_set_id,
        warnings=tuple(record.get("warnings") or ()),
        failure={"type": record["type"], "message": record["message"]} if failed else None,
    )
