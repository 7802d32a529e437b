"""Where things are kept: immutable objects under keys, rows in a database."""

from iryo.store.ids import new_id
from iryo.store.objects import ObjectInfo, Objects, open_objects
from iryo.store.sql import Database, Json, Timestamp, metadata

__all__ = [
    "Database",
    "Json",
    "ObjectInfo",
    "Objects",
    "Timestamp",
    "metadata",
    "new_id",
    "open_objects",
]
