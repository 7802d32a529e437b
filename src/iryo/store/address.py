"""What another process needs to reach the same rows and objects."""

import socket
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url

from iryo.errors import Conflict
from iryo.store.objects import Objects, S3Access, open_objects
from iryo.store.sql import Database

__all__ = ["StoreAddress", "Stores", "opened"]


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
        """Both stores, opened once in this process and kept until it ends.

        Raises:
            Conflict: they lie in files of another machine, which are not seen here.
        """
        return _opened(self)


Stores = StoreAddress | tuple[Objects, Database]
"""What is handed to work: an address where it is done in another process, else the stores."""


def opened(stores: Stores) -> tuple[Objects, Database]:
    """Both stores; raises as `StoreAddress.opened`."""
    return stores.opened() if isinstance(stores, StoreAddress) else stores


@cache
def _opened(address: StoreAddress) -> tuple[Objects, Database]:
    # Opening would make them: empty ones, that nobody else sees.
    for url, what in ((address.objects, "objects"), (address.database, "database")):
        path = _local_path(url)
        if path is not None and not path.exists():
            raise Conflict(
                f"the {what} of this installation lie in files that {socket.gethostname()} does "
                "not see: what works on several machines needs PostgreSQL and S3, or a folder that "
                "all of them share"
            )
    return open_objects(address.objects, address.s3), Database(
        address.database, address.connections
    )


def _local_path(url: str) -> Path | None:
    """Where a URL leads on this machine; None if it leads elsewhere."""
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path))
    if url.startswith("sqlite:"):
        return Path(make_url(url).database or "")
    return None
