"""The row of a data store as a lock: many share it, or one has it for itself."""

from sqlalchemy import Connection, select

from iryo.imaging.store import datastores

__all__ = ["own_store", "share_store"]


def share_store(connection: Connection, datastore_id: str) -> None:
    """Within `Database.write`: nobody has the data store for himself until then ends."""
    query = select(datastores.c.id).where(datastores.c.id == datastore_id)
    connection.execute(query.with_for_update(read=True, key_share=True)).all()


def own_store(connection: Connection, datastore_id: str) -> bool:
    """Within `Database.write`: nobody shares the data store until then ends.

    False: there is none.
    """
    query = select(datastores.c.id).where(datastores.c.id == datastore_id)
    return connection.execute(query.with_for_update()).first() is not None
