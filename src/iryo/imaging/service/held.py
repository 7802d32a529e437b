"""Which instances an image set holds, version by version, and how much that is."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from iryo.imaging.store import image_set_members, image_sets, instances

__all__ = ["add_members", "amounts", "change_members", "members"]

_AT_ONCE: Final = 500  # values in one statement


def members(connection: Connection, image_set_id: str, number: int | None = None) -> dict[str, str]:
    """SOP Instance UID -> key of the stored instance, now or at a version."""
    table = image_set_members
    query = select(table.c.sop_instance_uid, table.c.instance_key).where(
        table.c.image_set_id == image_set_id
    )
    if number is None:
        query = query.where(table.c.last_version.is_(None))
    else:
        query = query.where(
            table.c.first_version <= number,
            (table.c.last_version.is_(None)) | (table.c.last_version >= number),
        )
    return dict(list(connection.execute(query)))


def add_members(connection: Connection, held: Mapping[str, Mapping[str, str]]) -> None:
    """What new image sets hold: image set -> SOP Instance UID -> instance key."""
    rows = [row for image_set_id, own in held.items() for row in _rows(image_set_id, 1, own)]
    if rows:
        connection.execute(insert(image_set_members), rows)


def change_members(
    connection: Connection, image_set_id: str, number: int, after: Mapping[str, str]
) -> None:
    """Close what is no longer held and open what is new, as of version `number`."""
    before = members(connection, image_set_id)
    table = image_set_members
    gone = [key for sop, key in before.items() if after.get(sop) != key]
    for start in range(0, len(gone), _AT_ONCE):
        connection.execute(
            update(table)
            .where(
                table.c.image_set_id == image_set_id,
                table.c.last_version.is_(None),
                table.c.instance_key.in_(gone[start : start + _AT_ONCE]),
            )
            .values(last_version=number - 1)
        )
    new = {sop: key for sop, key in after.items() if before.get(sop) != key}
    if new:
        connection.execute(insert(table), list(_rows(image_set_id, number, new)))
    # What stays is not counted again: an image set that grows by one costs the same each time.
    more, less = amounts(connection, [new.values(), gone])
    connection.execute(
        update(image_sets)
        .where(image_sets.c.id == image_set_id)
        .values({name: image_sets.c[name] + more[name] - less[name] for name in more})
    )


def _rows(image_set_id: str, number: int, held: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    return (
        {
            "image_set_id": image_set_id,
            "instance_key": key,
            "first_version": number,
            "sop_instance_uid": sop,
        }
        for sop, key in held.items()
    )


def amounts(connection: Connection, groups: Sequence[Collection[str]]) -> list[dict[str, int]]:
    """Frames and bytes of each group of instances, given by their keys.

    By the columns of image sets that count them; the storage report adds these up.
    """
    table = instances
    wanted = [key for group in groups for key in group]
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(
            table.c.key, table.c.frame_count, table.c.source_size, table.c.stored_size
        ).where(table.c.key.in_(wanted[start : start + _AT_ONCE]))
        found |= {row.key: row for row in connection.execute(query)}
    return [
        {
            "frame_count": sum(found[key].frame_count for key in group),
            "source_bytes": sum(found[key].source_size for key in group),
            "stored_bytes": sum(found[key].stored_size for key in group),
        }
        for group in groups
    ]
