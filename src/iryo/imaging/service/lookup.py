"""Find a data store or an image set by what a person types: a name, an id, its beginning."""

import re
from difflib import get_close_matches
from typing import Final

from sqlalchemy import or_, select

from iryo.errors import InvalidInput, NotFound
from iryo.imaging.model import Datastore, DatastoreStatus, ImageSet, SetState
from iryo.imaging.service import datastores
from iryo.imaging.service.room import Room
from iryo.imaging.service.sets import to_image_set
from iryo.imaging.store import image_sets

__all__ = [
    "DEFAULT_DATASTORE",
    "active_datastores",
    "find_datastore",
    "find_image_set",
    "find_image_sets",
]

DEFAULT_DATASTORE: Final = "main"
_SHORTEST: Final = 4
_ID_LENGTH: Final = 32
_SHOWN: Final = 5
_UID: Final = re.compile(r"[0-9]+(?:\.[0-9]+)+")


def active_datastores(room: Room) -> list[Datastore]:
    """All data stores that are not deleted, newest first."""
    found: list[Datastore] = []
    after = None
    while page := datastores.list_page(room, status=DatastoreStatus.ACTIVE, after=after):
        found += page
        after = (page[-1].created_at, page[-1].id)
    return found


def find_datastore(room: Room, text: str | None) -> Datastore:
    """The data store that `text` means: its name, its id, or the beginning of its id.

    Without a text: the only one there is, or the one called `main`.

    Raises:
        NotFound: none; the message names what comes near.
        InvalidInput: more than one.
    """
    known = active_datastores(room)
    if not known:
        raise NotFound("there is no data store; make one with `iryo datastores create NAME`")
    if text is None:
        return _default(known)
    for matches in (
        [one for one in known if one.id == text],
        [one for one in known if one.name == text],
        [one for one in known if len(text) >= _SHORTEST and one.id.startswith(text)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InvalidInput(f"{text!r} means {len(matches)} data stores: {_listed(matches)}")
    near = get_close_matches(text, [one.name for one in known], n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {_listed(known)}"
    raise NotFound(f"no data store {text!r}; {hint}")


def _default(known: list[Datastore]) -> Datastore:
    if len(known) == 1:
        return known[0]
    named = [one for one in known if one.name == DEFAULT_DATASTORE]
    if len(named) == 1:
        return named[0]
    raise InvalidInput(
        f"there are {len(known)} data stores; choose with --datastore: {_listed(known)}"
    )


def _listed(some: list[Datastore]) -> str:
    shown = ", ".join(f"{one.name} ({one.id[:8]})" for one in some[:_SHOWN])
    return shown + (", ..." if len(some) > _SHOWN else "")


def find_image_set(room: Room, text: str, datastore_id: str | None = None) -> ImageSet:
    """The image set whose id is or begins with `text`, in one data store or in any active one.

    Raises:
        NotFound: none.
        InvalidInput: more than one, or a text that cannot begin an id.
    """
    short = text.strip().lower()
    if not (short.isascii() and short.isalnum() and _SHORTEST <= len(short) <= _ID_LENGTH):
        raise InvalidInput(
            f"{text!r} is no image set id: expected 32 characters of [0-9a-z], or at least the"
            f" first {_SHORTEST} of them; `iryo search` lists them"
        )
    # "{" follows "z": a range over the primary key, whatever the collation thinks of wildcards.
    query = (
        select(image_sets)
        .where(image_sets.c.id >= short, image_sets.c.id < short + "{")
        .where(image_sets.c.state != SetState.DELETED)
        .order_by(image_sets.c.id)
        .limit(_SHOWN)
    )
    if datastore_id is None:
        active = [one.id for one in active_datastores(room)]
        query = query.where(image_sets.c.datastore_id.in_(active))
    else:
        query = query.where(image_sets.c.datastore_id == datastore_id)
    with room.database.read() as connection:
        found = [to_image_set(row) for row in connection.execute(query)]
    if not found:
        raise NotFound(f"no image set {text!r}; `iryo search` lists those that there are")
    if len(found) > 1:
        shown = ", ".join(one.id[: len(short) + 4] for one in found)
        raise InvalidInput(f"{text!r} begins the ids of more than one image set: {shown}, ...")
    return found[0]


def find_image_sets(room: Room, text: str, datastore_id: str | None = None) -> list[ImageSet]:
    """The image sets of a study or a series, by its UID; or the one that `text` begins.

    Of a study or a series those that are primary, in the order of series.

    Raises:
        NotFound: none.
        InvalidInput: as `find_image_set`.
    """
    uid = text.strip()
    if not _UID.fullmatch(uid):
        return [find_image_set(room, text, datastore_id)]
    table = image_sets.c
    active = [one.id for one in active_datastores(room)] if datastore_id is None else [datastore_id]
    query = (
        select(image_sets)
        .where(table.datastore_id.in_(active), table.state != SetState.DELETED, table.is_primary)
        .where(or_(table.study_uid == uid, table.series_uid == uid))
        .order_by(table.series_uid, table.id)
    )
    with room.database.read() as connection:
        found = [to_image_set(row) for row in connection.execute(query)]
    if not found:
        raise NotFound(f"no study or series {uid}")
    return found
