"""Reading a backup from end to end: is every byte what was written?"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from iryo.backup.copying import digest, ordered
from iryo.backup.model import File, Kept, Manifest
from iryo.backup.place import Place
from iryo.errors import Damaged, NotFound

__all__ = ["Checked", "check"]


@dataclass(frozen=True)
class Checked:
    """What was found of one snapshot."""

    snapshot: str
    rows: int
    objects: int
    bytes: int
    damage: tuple[str, ...]


def check(
    place: Place,
    manifest: Manifest,
    *,
    seen: set[bytes] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Checked:
    """Read all of a snapshot; damage does not stop it.

    Args:
        place: where the backup is.
        manifest: of the snapshot.
        seen: what has been found whole, to be given again for the next snapshot, so that what
            snapshots share is read once.
        progress: is told of objects done and in all.
    """
    damage: list[str] = []
    whole = set() if seen is None else seen
    for table in manifest.dump.tables:
        count = _check_files(place, manifest, table.files, damage)
        if count != table.rows:
            damage.append(f"table {table.name}: found {count} rows, expected {table.rows}")
    _check_files(place, manifest, manifest.dump.wanted, damage)
    if manifest.key is not None:
        _check_file(place, manifest, manifest.key, damage)
    done = 0
    for file in manifest.files:
        if not _check_file(place, manifest, file, damage):
            continue
        entries = [one for one in place.kept(manifest.snapshot, [file]) if _name(one) not in whole]
        done += file.lines - len(entries)
        for kept, trouble in ordered(lambda one: _check_object(place, one), entries, lambda: None):
            done += 1
            progress(done, manifest.objects)
            if trouble is None:
                whole.add(_name(kept))
            else:
                damage.append(trouble)
    damage += [f"object {key} was missing when this was made" for key in manifest.missing]
    return Checked(
        manifest.snapshot, manifest.dump.rows, manifest.objects, manifest.bytes, tuple(damage)
    )


def _name(kept: Kept) -> bytes:
    """16 bytes for what is expected of an object, so that a million of them fit in memory."""
    return sha256(kept.line()).digest()[:16]


def _check_files(
    place: Place, manifest: Manifest, files: tuple[File, ...], damage: list[str]
) -> int:
    return sum(file.lines for file in files if _check_file(place, manifest, file, damage))


def _check_file(place: Place, manifest: Manifest, file: File, damage: list[str]) -> bool:
    try:
        place.read(manifest.snapshot, file)
    except Damaged as error:
        damage.append(error.message)
        return False
    return True


def _check_object(place: Place, kept: Kept) -> tuple[Kept, str | None]:
    """What is wrong with an object, None if nothing is."""
    try:
        size, found = digest(place.objects, kept.place)
    except NotFound:
        return kept, f"object {kept.place} is missing"
    except Damaged as error:
        return kept, error.message
    if size != kept.size:
        return kept, f"object {kept.place}: found {size} bytes, expected {kept.size}"
    if found != kept.sha256:
        return kept, f"object {kept.place}: found SHA-256 {found}, expected {kept.sha256}"
    return kept, None
