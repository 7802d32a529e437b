"""What one image set can bear: its document is made in memory, by the process that publishes."""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import update

from iryo.imaging.service.room import Room
from iryo.imaging.store import staged_files
from iryo.jobs import JobContext

__all__ = ["LARGEST_ADDITION", "fitting", "refuse"]

# Bytes of JSON that one import adds to an image set; a CT series of 3,000 slices has some 60 MB.
LARGEST_ADDITION: Final = 1 << 30


class _Item(Protocol):
    @property
    def sequence(self) -> int: ...
    @property
    def record(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=_Item)


def fitting(
    room: Room, context: JobContext, group: Sequence[T], *, most: int = LARGEST_ADDITION
) -> list[T]:
    """Those of a group whose metadata fits into one document, in order; the others fail.

    A file of some kilobytes, deflated, can have hundreds of megabytes of metadata: each within its
    bound, and a hundred of them more than the memory of any server.
    """
    kept: list[T] = []
    over: list[T] = []
    size = 0
    for item in group:
        # Staged by an older version: not known, and not counted.
        own = int(item.record.get("document_size", 0))
        if size + own > most:
            over.append(item)
        else:
            size += own
            kept.append(item)
    if over:
        message = f"the metadata that the import adds to an image set would be above {most} bytes"
        record = {"type": "TooLarge", "message": message, "ours": False}
        refuse(room, context, over, record)
    return kept


def refuse(room: Room, context: JobContext, items: Sequence[_Item], record: dict[str, Any]) -> None:
    """Note staged files as failed, for what `record` says."""
    with room.database.write() as connection:
        context.hold(connection)
        for item in items:
            connection.execute(
                update(staged_files)
                .where(
                    staged_files.c.job_id == context.job.id,
                    staged_files.c.sequence == item.sequence,
                )
                .values(outcome="failed", record=record)
            )
