"""Search over image sets: the keys of the API, and free text over names in any script."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from iryo.imaging.model import IDENTITY_COLUMNS, SearchQuery, SetState, SortField
from iryo.imaging.service.datastores import require_active
from iryo.imaging.service.room import Room
from iryo.imaging.service.search_plan import SORTS, statement_of
from iryo.imaging.store import image_sets

__all__ = ["Hit", "search"]


class Hit:
    """One image set that was found: its row, and the tags that results show."""

    def __init__(self, row: Row[Any], sort: SortField) -> None:
        self.id: str = row.id
        self.version: int = row.version
        self.is_primary: bool = row.is_primary
        self.created_at: datetime = row.created_at
        self.updated_at: datetime = row.updated_at
        self.study_uid: str = row.study_uid
        self.instance_count: int = row.instance_count
        self.position: tuple[Any, str] = (getattr(row, SORTS[sort].name), row.id)
        self.tags: dict[str, Any] = {
            member: value
            for _, column, member in IDENTITY_COLUMNS
            if (value := getattr(row, column)) is not None
        }
        number = self.tags.pop("DICOMSeriesNumber", None)
        if number is not None and number.lstrip("+-").isdigit() and abs(int(number)) < 1 << 31:
            self.tags["DICOMSeriesNumber"] = int(number)


def search(room: Room, datastore_id: str, query: SearchQuery) -> list[Hit]:
    """At most `query.limit` image sets that are not deleted, in order (SearchImageSets).

    Raises:
        InvalidInput: a filter that the field does not allow.
    """
    with room.database.read() as connection:
        require_active(connection, datastore_id)
        statement = statement_of(connection, datastore_id, query)
        hits = [Hit(row, query.sort) for row in connection.execute(statement)]
        _count_studies(connection, datastore_id, hits)
    return hits


def _count_studies(connection: Any, datastore_id: str, hits: list[Hit]) -> None:
    """Number of series and instances of each study on the page, over its primary image sets."""
    studies = {hit.study_uid for hit in hits}
    rows = connection.execute(
        select(
            image_sets.c.study_uid,
            func.count(image_sets.c.series_uid.distinct()),
            func.sum(image_sets.c.instance_count),
        )
        .where(
            image_sets.c.datastore_id == datastore_id,
            image_sets.c.study_uid.in_(studies),
            image_sets.c.state != SetState.DELETED,
            image_sets.c.is_primary,
        )
        .group_by(image_sets.c.study_uid)
    )
    counts = {study: (series, held) for study, series, held in rows}
    for hit in hits:
        if hit.study_uid in counts:
            series, held = counts[hit.study_uid]
            hit.tags["DICOMNumberOfStudyRelatedSeries"] = int(series)
            hit.tags["DICOMNumberOfStudyRelatedInstances"] = int(held)
