"""What another process needs to reach the same rows and objects."""

from dataclasses import dataclass, field
from functools import cache

from iryo.store.objects import Objects, S3Access, open_objects
from iryo.store.sql import Database

__all__ = ["StoreAddress"]


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """URLs of both stores, with what opens them. It is pickled to workers; its repr has no secret.

    Args:
        objects: URL of the objects.
        database: URL of the database, with its password.
        s3: how to speak to S3, for objects and for imports; None where there is no S3.
        connections: how many connections a process that opens the database makes at most.
    """

    objects: str
    database: str = field(repr=False)
    s3: S3Access | None = None
    connections: int = 20

    def opened(self) -> tuple[Objects, Database]:
        """Both stores, opened once in this process and kept until it ends."""
        return _opened(self)


@cache
def _opened(address: StoreAddress) -> tuple[Objects, Database]:
    return open_objects(address.objects, address.s3), Database(address.database)
