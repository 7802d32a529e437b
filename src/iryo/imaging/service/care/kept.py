"""Why what a study holds may not be deleted yet: all of its image sets at a glance."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from iryo.imaging.service.care import holds, retention
from iryo.imaging.service.care.holds import HoldKind
from iryo.imaging.store import image_set_members, image_sets, instances

__all__ = ["Keeping", "keeping_of"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps an image set.

    Attributes:
        hold: the kind of the legal hold that covers it; None: none does.
        until: to when the retention rule of its data store keeps it; None: no longer, or no rule.
    """

    hold: HoldKind | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        """Whether it may not be deleted now."""
        return self.hold is not None or self.until is not None


def keeping_of(
    connection: Connection, datastore_id: str, study_uid: str, now: datetime
) -> dict[str, Keeping]:
    """Image set of a study -> what keeps it, those that are deleted left out.

    It is as `holds.why_kept` decides when something is deleted, and so may be otherwise by then.
    """
    sets = image_sets.c
    rows = connection.execute(
        select(sets.id, sets.patient_id, sets.created_at).where(
            sets.datastore_id == datastore_id,
            sets.study_uid == study_uid,
            sets.state != "DELETED",
        )
    ).all()
    rule = retention.get(connection, datastore_id)
    newest: dict[str, datetime] = {}
    if rule is not None and rows:
        query = (
            select(image_set_members.c.image_set_id, func.max(instances.c.created_at))
            .join(instances, instances.c.key == image_set_members.c.instance_key)
            .where(image_set_members.c.image_set_id.in_([row.id for row in rows]))
            .group_by(image_set_members.c.image_set_id)
        )
        newest = dict(list(connection.execute(query)))
    found = {}
    open_holds = holds.find(connection, datastore_id)
    for row in rows:
        covered = {
            HoldKind.STUDY: study_uid,
            HoldKind.PATIENT: row.patient_id,
            HoldKind.IMAGE_SET: row.id,
        }
        covering = (
            one.kind
            for one in open_holds
            if one.kind is HoldKind.DATASTORE or covered[one.kind] == one.value
        )
        hold = next(covering, None)
        until = None
        if rule is not None:
            until = max(row.created_at, newest.get(row.id, row.created_at)) + timedelta(
                days=rule.keep_days
            )
        found[row.id] = Keeping(hold, until if until is not None and until > now else None)
    return found
