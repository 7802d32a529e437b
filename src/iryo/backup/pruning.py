"""Removing snapshots, and the objects that no other needs.

A backup may begin at any moment, and counts on objects that older snapshots hold. So, in this
order: the manifests of what is to go are deleted, so that no backup which begins later counts on
them; then nobody must be making a snapshot; then the objects are deleted. Who makes one writes that
down first and looks at manifests afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from iryo.backup.model import MANIFEST, Manifest, snapshot_key
from iryo.backup.place import Place, Snapshot
from iryo.errors import Conflict, InvalidInput

__all__ = ["Pruned", "prune"]

_BATCH = 1000


@dataclass(frozen=True)
class Pruned:
    """What was removed and what is left."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    objects: int
    bytes: int


def prune(place: Place, keep: int, given_up: Callable[[str], bool]) -> Pruned:
    """Keep the newest `keep` whole snapshots.

    Args:
        place: where the backup is.
        keep: how many, 1 or more.
        given_up: says of the job of a snapshot which is not whole whether it will never be.

    Raises:
        InvalidInput: `keep` is below 1.
        Conflict: a snapshot is being made, or cannot be read.
    """
    if keep < 1:
        raise InvalidInput(f"found {keep} snapshots to keep, expected 1 or more", where="keep")
    known = place.snapshots()
    for one in known:
        if one.trouble is not None:
            # What it needs is not known, so nothing can be said to be needed by nobody.
            raise Conflict(
                f"the manifest of snapshot {one.id} is damaged ({one.trouble}): delete "
                f"{snapshot_key(one.id, MANIFEST)} from {place.url} if it is to go"
            )
    _require_quiet(place, known, given_up)
    whole = [one.manifest for one in known if one.manifest is not None]
    staying, going = whole[-keep:], whole[:-keep]
    ids = [one.snapshot for one in going] + [one.id for one in known if one.manifest is None]
    place.objects.delete([snapshot_key(name, MANIFEST) for name in ids])
    for name in ids:
        _delete_below(place, f"snapshots/{name}/objects", lambda _: True)
    left = place.snapshots()
    _require_quiet(place, [one for one in left if one.id not in set(ids)], given_up)
    needed = _needed(place, staying)
    objects, size = _delete_below(place, "data", lambda key: _name(key) not in needed)
    for name in ids:
        _delete_below(place, f"snapshots/{name}", lambda _: True)
    return Pruned(tuple(ids), tuple(one.snapshot for one in staying), objects, size)


def _require_quiet(place: Place, known: list[Snapshot], given_up: Callable[[str], bool]) -> None:
    for one in known:
        if one.manifest is not None:
            continue
        job_id = place.maker(one.id)
        if job_id is None or not given_up(job_id):
            raise Conflict(
                f"snapshot {one.id} at {place.url} is not whole yet: let `iryo backup` end it, or "
                f"cancel it with `iryo jobs cancel {job_id}`, and prune then"
            )


def _needed(place: Place, staying: list[Manifest]) -> set[bytes]:
    """16 bytes for each object that a snapshot needs, so that a million of them fit in memory."""
    return {
        _name(kept.place)
        for manifest in staying
        for kept in place.kept(manifest.snapshot, manifest.files)
    }


def _name(key: str) -> bytes:
    return sha256(key.encode()).digest()[:16]


def _delete_below(place: Place, prefix: str, going: Callable[[str], bool]) -> tuple[int, int]:
    """Delete objects below a prefix; how many, and their bytes."""
    count = size = 0
    batch: list[str] = []
    for one in place.objects.list(prefix):
        if going(one.key):
            batch.append(one.key)
            count += 1
            size += one.size
        if len(batch) == _BATCH:
            place.objects.delete(batch)
            batch = []
    place.objects.delete(batch)
    return count, size
