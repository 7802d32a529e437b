"""Rows whose time is over leave bit by bit, each time that others of their kind come."""

from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, delete, select

__all__ = ["clear_old"]

_AT_ONCE: Final = 200  # rows


def clear_old(connection: Connection, column: Column[datetime], before: datetime) -> None:
    """Delete some rows whose time in a column is before another; they have an `id`.

    Rows that others are at are left to them: who deletes in whatever order waits for nobody.
    """
    table = column.table
    old = select(table.c.id).where(column < before).limit(_AT_ONCE)
    found = connection.execute(old.with_for_update(skip_locked=True)).scalars().all()
    if found:
        connection.execute(delete(table).where(table.c.id.in_(found)))
