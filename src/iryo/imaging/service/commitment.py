"""Which instances are safe here: durable, whatever happens next (PS3.4 J, storage commitment)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import select

from iryo.imaging.model import SetState
from iryo.imaging.service.receive import Outcome
from iryo.imaging.service.room import Room
from iryo.imaging.store import arrivals, image_set_members, image_sets, instances

__all__ = ["held_classes"]

_AT_ONCE: Final = 500


def held_classes(room: Room, datastore_id: str, uids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Of SOP Instance UIDs those that are safe, with the SOP classes that they are stored as.

    An instance is safe when an image set that is not deleted holds it in its latest version and its
    bytes are not known to be damaged, or when it is committed and waits to become visible.
    """
    found: dict[str, set[str]] = {}
    visible = (
        select(instances.c.sop_instance_uid, instances.c.sop_class_uid)
        .join(image_set_members, image_set_members.c.instance_key == instances.c.key)
        .join(image_sets, image_sets.c.id == image_set_members.c.image_set_id)
        .where(
            instances.c.datastore_id == datastore_id,
            instances.c.damaged_at.is_(None),
            image_set_members.c.last_version.is_(None),
            image_sets.c.state != SetState.DELETED,
        )
    )
    waiting = select(arrivals.c.sop_instance_uid, arrivals.c.sop_class_uid).where(
        arrivals.c.datastore_id == datastore_id, arrivals.c.outcome == Outcome.WAITING.value
    )
    with room.database.read() as connection:
        for some in _groups(iter(uids)):
            # What waits is looked at first: it becomes visible, and never the other way round.
            for query, column in (
                (waiting, arrivals.c.sop_instance_uid),
                (visible, instances.c.sop_instance_uid),
            ):
                for uid, sop_class in connection.execute(query.where(column.in_(some))):
                    found.setdefault(uid, set()).add(sop_class)
    return {uid: frozenset(classes) for uid, classes in found.items()}


def _groups(uids: Iterator[str]) -> Iterator[Sequence[str]]:
    while some := list(islice(uids, _AT_ONCE)):
        yield some
