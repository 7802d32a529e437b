"""What hangs on jobs that have ended: notes of imports, cursors of care, locks on image sets."""

from sqlalchemy import Connection, delete, select

from iryo.imaging.model import SetState
from iryo.imaging.store import care_cursors, image_sets, staged_files

__all__ = ["release"]


def release(connection: Connection, job_ids: list[str]) -> set[str]:
    """Remove what these ended jobs have noted; the ids of those that must stay.

    An import that failed keeps what it had read, so that it can be resumed. Without its notes no
    row names its packs any more, and compaction takes them. A job that left an image set locked
    stays: whoever comes to that image set next asks how it ended.
    """
    query = select(image_sets.c.locked_by).where(
        image_sets.c.locked_by.in_(job_ids), image_sets.c.state == SetState.LOCKED
    )
    needed = set(connection.execute(query).scalars())
    going = [one for one in job_ids if one not in needed]
    for table in (staged_files, care_cursors):
        connection.execute(delete(table).where(table.c.job_id.in_(going)))
    return needed
