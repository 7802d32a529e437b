"""The object store: what iryo rests on is tried with an object of a name by chance."""

from collections.abc import Iterator
from contextlib import suppress

from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok
from iryo.errors import Conflict, IryoError, NotFound
from iryo.store.ids import new_id
from iryo.store.objects import Objects

__all__ = ["probe"]

_CONTENT = b"iryo doctor was here, and will take this away"


def probe(case: Case) -> Iterator[Finding]:
    """Put, get, part, list, a second put that must be refused, delete."""
    try:
        objects = case.objects
        key = f"doctor/{new_id()}"
        try:
            trouble = _tried(objects, key)
        finally:
            with suppress(IryoError):
                objects.delete([key])
        if trouble is None:
            trouble = _gone(objects, key)
    except IryoError as error:
        yield fail(
            "object store",
            error.message,
            "is it there, and are address, keys and rights right? `iryo settings`",
        )
        return
    if trouble is not None:
        yield trouble
    else:
        yield ok("object store", f"{objects.url}: put, get, list, delete; nothing is overwritten")


def _tried(objects: Objects, key: str) -> Finding | None:
    objects.put(key, _CONTENT)
    if objects.get(key) != _CONTENT or objects.get_range(key, 5, 6) != _CONTENT[5:11]:
        return fail(
            "object store", f"{objects.url} gives back other bytes than it took", "do not use it"
        )
    if [one.key for one in objects.list("doctor") if one.key == key] != [key]:
        return fail(
            "object store",
            f"{objects.url} does not list what it has just taken",
            "one that is consistent is needed: S3, MinIO, Ceph, a folder",
        )
    try:
        objects.put(key, b"other")
    except Conflict:
        return None
    return fail(
        "object store",
        f"{objects.url} lets a second put overwrite the first: two servers could lose data",
        "conditional puts (If-None-Match: *) are needed; newer versions of most servers have them",
    )


def _gone(objects: Objects, key: str) -> Finding | None:
    try:
        objects.size(key)
    except NotFound:
        return None
    return fail(
        "object store", f"{objects.url} does not delete", "give our key the right to delete"
    )
