"""How much is stored, by data store and modality; read off one index, however much there is."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from iryo.imaging.model import SetState
from iryo.imaging.service.room import Room
from iryo.imaging.store import datastores, image_sets, retired

__all__ = ["Holding", "StoreReport", "storage"]


@dataclass(frozen=True, slots=True)
class Holding:
    """Image sets of one modality in one data store, in their latest versions.

    An instance that two image sets hold counts in both, though its bytes are stored once.

    Attributes:
        modality: Modality (0008,0060); empty: none.
        image_sets: how many.
        instances: in them.
        frames: in those.
        source_bytes: of the files as they came.
        stored_bytes: of them in packs.
    """

    modality: str
    image_sets: int
    instances: int
    frames: int
    source_bytes: int
    stored_bytes: int

    @property
    def ratio(self) -> float | None:
        """How many times smaller it is than it came; None: nothing is stored."""
        return self.source_bytes / self.stored_bytes if self.stored_bytes else None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """A data store.

    Attributes:
        datastore_id: which.
        name: of it.
        holdings: by modality, in order.
        deleted_bytes: stored bytes of deleted image sets whose rows are still there: what
            compaction gives back of them, save what copies and holds keep.
        retired_bytes: of objects that compaction has retired and not deleted yet.
    """

    datastore_id: str
    name: str
    holdings: tuple[Holding, ...]
    deleted_bytes: int
    retired_bytes: int

    @property
    def reclaimable_bytes(self) -> int:
        """What compaction can give back, at most."""
        return self.deleted_bytes + self.retired_bytes


def storage(room: Room, datastore_id: str | None = None) -> list[StoreReport]:
    """What each data store holds, or one does; by name.

    Deleted ones are among them while something of theirs is left.
    """
    with room.database.read() as connection:
        query = select(datastores.c.id, datastores.c.name, datastores.c.status)
        if datastore_id is not None:
            query = query.where(datastores.c.id == datastore_id)
        known = connection.execute(query).all()
        waiting = _retired(connection)
        reports = []
        for row in sorted(known, key=lambda one: (str(one.name), str(one.id))):
            report = _report(connection, row.id, row.name, waiting)
            if row.status == "ACTIVE" or report.reclaimable_bytes:
                reports.append(report)
    return reports


def _retired(connection: Connection) -> dict[str, int]:
    query = select(retired.c.datastore_id, func.sum(retired.c.size).label("size"))
    rows = connection.execute(query.group_by(retired.c.datastore_id))
    return {row.datastore_id: int(row.size) for row in rows}


def _report(
    connection: Connection, datastore_id: str, name: str, waiting: Mapping[str, int]
) -> StoreReport:
    # Columns of ix_imaging_sets_storage and no others, states by name: it is all that is read.
    query = (
        select(
            image_sets.c.state,
            image_sets.c.modality_code,
            func.count().label("image_sets"),
            func.sum(image_sets.c.instance_count).label("instances"),
            func.sum(image_sets.c.frame_count).label("frames"),
            func.sum(image_sets.c.source_bytes).label("source_bytes"),
            func.sum(image_sets.c.stored_bytes).label("stored_bytes"),
        )
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.state.in_([str(state) for state in SetState]),
        )
        .group_by(image_sets.c.state, image_sets.c.modality_code)
    )
    held: dict[str, list[int]] = {}
    deleted = 0
    for row in connection.execute(query):
        if row.state == SetState.DELETED:
            deleted += int(row.stored_bytes)
            continue
        counts = (row.image_sets, row.instances, row.frames, row.source_bytes, row.stored_bytes)
        before = held.get(row.modality_code, [0] * len(counts))
        held[row.modality_code] = [old + int(new) for old, new in zip(before, counts, strict=True)]
    holdings = tuple(Holding(modality, *counts) for modality, counts in sorted(held.items()))
    return StoreReport(datastore_id, name, holdings, deleted, waiting.get(datastore_id, 0))
