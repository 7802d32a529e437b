"""Which tables a backup has."""

from iryo.access.store import attempts, invitations, sessions, users
from iryo.store.references import kept_tables
from iryo.store.sql import metadata


def test_all_but_what_passes_is_kept() -> None:
    kept = kept_tables(metadata)
    assert set(metadata.tables.values()) - set(kept) == {attempts, invitations, sessions}
    assert users in kept
    # Who refers to a table stands behind it, as rows are loaded in this order.
    places = {table: place for place, table in enumerate(kept)}
    for table in kept:
        for key in table.foreign_keys:
            assert key.column.table is table or places[key.column.table] < places[table]
