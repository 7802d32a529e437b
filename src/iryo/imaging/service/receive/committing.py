"""The rows of what was received, in one transaction for all who commit at the same moment."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, union_all

from iryo.errors import NotFound
from iryo.imaging.model import DatastoreStatus
from iryo.imaging.service.receive.asking import submit
from iryo.imaging.service.receive.model import ANSWERED, Outcome
from iryo.imaging.service.room import Room
from iryo.imaging.service.rows import keep_unnamed
from iryo.imaging.store import arrivals, datastores, instances

__all__ = ["Commit", "commit"]

# What has more than so many instances has a job of its own: theirs are done side by side.
_FEW: Final = 32
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Commit:
    """What one reception commits.

    Attributes:
        reception: its id.
        kind: how it came.
        rows: of the arrivals, but for `kind` and `job_id`.
        certain: whether its sender may be told that all is stored, if none of it was known.
        answered: whether they may.
        job_id: the job that is for this alone; None: what comes together is made visible together.
    """

    reception: str
    kind: str
    rows: list[dict[str, Any]]
    certain: bool
    answered: bool = False
    job_id: str | None = None


def commit(room: Room, datastore_id: str, one: Commit) -> None:
    """Write the rows of a reception, and what became of it into `one`.

    Raises:
        NotFound: the data store is gone.
        Conflict: the reception took so long that the inbox was cleared.
        Unavailable: the database is away.
    """
    room.commits.do(datastore_id, one, lambda some: _write(room, datastore_id, some))


def _write(room: Room, datastore_id: str, some: list[Commit]) -> None:
    with room.database.write() as connection:
        status = connection.execute(_STATUS, {"datastore": datastore_id}).scalar()
        if status != DatastoreStatus.ACTIVE:
            raise NotFound(f"found no active data store {datastore_id}")
        keep_unnamed(connection, {row["object_key"] for one in some for row in one.rows})
        uids = [row["sop_instance_uid"] for one in some if one.certain for row in one.rows]
        known = _known(connection, datastore_id, uids)
        for one in some:
            mine = {row["sop_instance_uid"] for row in one.rows}
            one.answered = one.certain and known.isdisjoint(mine)
            known |= mine
            one.job_id = None
            if not one.answered and len(one.rows) > _FEW:
                payload = {"reception": one.reception, "alone": True}
                one.job_id = submit(room, connection, datastore_id, payload)
            kind = ANSWERED if one.answered else one.kind
            for row in one.rows:
                row["kind"], row["job_id"] = kind, one.job_id
        connection.execute(_INSERT, [row for one in some for row in one.rows])


def _known(connection: Connection, datastore_id: str, uids: Collection[str]) -> set[str]:
    """Those SOP Instance UIDs that are stored, or wait.

    Who sends one anew may have changed it, and others may remember where its frames lie: whoever is
    told that it is stored is to see the new ones.
    """
    every, found = list(uids), set[str]()
    for start in range(0, len(every), _AT_ONCE):
        given = {"datastore": datastore_id, "uids": every[start : start + _AT_ONCE]}
        found.update(connection.execute(_KNOWN, given).scalars())
    return found


# Made once: to put a statement together takes longer than to execute it.
_STATUS: Final = (
    select(datastores.c.status)
    .where(datastores.c.id == bindparam("datastore"))
    .with_for_update(read=True, key_share=True)
)
_KNOWN: Final = union_all(
    select(instances.c.sop_instance_uid).where(
        instances.c.datastore_id == bindparam("datastore"),
        instances.c.sop_instance_uid.in_(bindparam("uids", expanding=True)),
    ),
    select(arrivals.c.sop_instance_uid).where(
        arrivals.c.datastore_id == bindparam("datastore"),
        arrivals.c.sop_instance_uid.in_(bindparam("uids", expanding=True)),
        arrivals.c.outcome == Outcome.WAITING.value,
    ),
)
_INSERT: Final = insert(arrivals)
