"""`imaging.catalogue`: read the documents of image sets that queries know by their rows only.

Older installations have no tables of studies and series. The migration that makes them fills them
with what rows say, and asks for this job, which adds what only documents say: descriptions of
series, requests, referring physicians. Queries answer meanwhile by what is known.
"""

from typing import Any, Final

from sqlalchemy import Connection, Row, and_, false, func, select

from iryo.errors import Damaged, NotFound
from iryo.imaging import documents
from iryo.imaging.documents import Document
from iryo.imaging.service import catalogue
from iryo.imaging.service.locks import lock_sets
from iryo.imaging.service.room import Room
from iryo.imaging.store import image_set_versions, image_sets, series
from iryo.jobs import JobContext

__all__ = ["CATALOGUE_KIND", "run_catalogue"]

CATALOGUE_KIND: Final = "imaging.catalogue"
_PAGE: Final = 50


def run_catalogue(room: Room, context: JobContext) -> dict[str, Any]:
    """The handler; begun again it goes on with what is left.

    Image sets whose documents are damaged stay as they are and are counted.
    """
    datastore_id = context.job.scope
    after, read, damaged = "", 0, 0
    with room.database.read() as connection:
        total = connection.execute(select(func.count()).where(*_unread(datastore_id))).scalar_one()
    while page := _page(room, datastore_id, after):
        context.check()
        after = page[-1].image_set_id
        found = {}
        for row in page:
            try:
                found[row.image_set_id] = documents.own(
                    room.objects.get(row.document), row.image_set_id
                )
            except (Damaged, NotFound):
                damaged += 1
        with room.database.write() as connection:
            context.hold(connection)
            lock_sets(connection, datastore_id, list(found))
            made = _still(connection, page, found)
            catalogue.enter(connection, [(one, documents.columns(one)) for one in made])
        read += len(made)
        context.progress(read, max(total, read))
    return {"read": read, "damaged": damaged}


def _unread(datastore_id: str) -> tuple[Any, ...]:
    return series.c.whole.is_(false()), series.c.datastore_id == datastore_id


def _page(room: Room, datastore_id: str, after: str) -> list[Row[Any]]:
    same = and_(
        image_set_versions.c.image_set_id == image_sets.c.id,
        image_set_versions.c.version == image_sets.c.version,
    )
    query = (
        select(series.c.image_set_id, image_sets.c.version, image_set_versions.c.document)
        .join(image_sets, image_sets.c.id == series.c.image_set_id)
        .join(image_set_versions, same)
        .where(*_unread(datastore_id), series.c.image_set_id > after)
        .order_by(series.c.image_set_id)
        .limit(_PAGE)
    )
    with room.database.read() as connection:
        return list(connection.execute(query))


def _still(
    connection: Connection, page: list[Row[Any]], found: dict[str, Document]
) -> list[Document]:
    """Documents of those that nobody has changed meanwhile: who has, has entered them whole."""
    query = (
        select(image_sets.c.id, image_sets.c.version)
        .join(series, series.c.image_set_id == image_sets.c.id)
        .where(image_sets.c.id.in_(list(found)), series.c.whole.is_(false()))
    )
    now = {(row.id, row.version) for row in connection.execute(query)}
    same = (row.image_set_id for row in page if (row.image_set_id, row.version) in now)
    return [found[one] for one in same if one in found]
