"""What the tests of care share: a house with instances in it, and ways to harm what it stores."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from iryo.imaging.documents import decode, instances_of
from iryo.imaging.service import copies, deletion, read
from iryo.imaging.service.care import compact, verify
from iryo.imaging.service.care.check import Depth
from iryo.imaging.service.room import Room, utcnow
from iryo.imaging.store import image_set_versions, instances, pack_key
from iryo.jobs import JobRunner
from iryo.store.ids import new_id
from tests.imaging.house import House
from tests.imaging.site import make_instance

NOTHING = dict.fromkeys(compact.COUNTS, 0)


def filled(house: House, series: int = 2, each: int = 2) -> list[str]:
    """Import series of small instances, each from a folder of its own; ids of the image sets."""
    for number in range(1, series + 1):
        folder = house.folder / f"in{number}"
        for slice_number in range(1, each + 1):
            make_instance(
                folder / f"{slice_number}.dcm",
                sop=f"1.2.3.{number}.{slice_number}",
                series=f"1.2.3.{number}",
                number=slice_number,
                SeriesNumber=number,
            )
        house.imported(folder)
    return house.sets()


def source(house: House, number: int) -> Path:
    """The folder that a series came from."""
    return house.folder / f"in{number}"


def row_of(house: House, sop: str) -> Row[Any]:
    """The newest stored instance with a SOP Instance UID."""
    query = select(instances).where(instances.c.sop_instance_uid == sop)
    with house.app.database.read() as connection:
        return connection.execute(query.order_by(instances.c.created_at.desc())).first()  # type: ignore[return-value]


def document_of(house: House, image_set_id: str, version: int = 1) -> str:
    """The key of a version's document."""
    table = image_set_versions
    query = select(table.c.document).where(
        table.c.image_set_id == image_set_id, table.c.version == version
    )
    with house.app.database.read() as connection:
        return str(connection.execute(query).scalar_one())


def frames_of(house: House, image_set_id: str, room: Room | None = None) -> dict[str, bytes]:
    """The frames of the latest version that can be read: id -> bytes."""
    chosen = room or house.room
    document = decode(read.metadata(chosen, house.store, image_set_id))
    ids = [
        frame["ID"]
        for instance in instances_of(document).values()
        for frame in instance["ImageFrames"]
    ]
    return {one: read.frame(chosen, house.store, image_set_id, one)[0] for one in ids}


def tamper(house: House, key: str, change: Callable[[bytes], bytes | None]) -> bytes:
    """Change an object behind the house's back, or remove it; as it was."""
    before = house.app.objects.get(key)
    house.app.objects.delete([key])
    after = change(before)
    if after is not None:
        house.app.objects.put(key, after)
    return before


def flipped(place: int) -> Callable[[bytes], bytes]:
    """Flip one bit of the byte at a place."""

    def change(data: bytes) -> bytes:
        return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]

    return change


def verified(
    house: House, depth: Depth = Depth.BYTES, room: Room | None = None, **more: Any
) -> dict[str, Any]:
    """Verify all; the result of the job."""
    chosen = room or house.room
    job = verify.start(chosen, house.store, depth=depth, **more)
    handlers = {verify.VERIFY_KIND: lambda context: verify.run_verify(chosen, context)}
    ended = JobRunner(house.app.jobs, handlers, poll_seconds=0.01).run(job.id)
    assert ended.state == "COMPLETED", ended.message
    assert ended.result is not None
    return ended.result


def later(house: House, hours: float) -> Room:
    """The room, some hours later."""
    return replace(house.room, clock=lambda: utcnow() + timedelta(hours=hours))


def compacted(
    house: House, *, hours: float, room: Room | None = None, scope: str | None = ""
) -> dict[str, Any]:
    """Compact some hours later; the result of the job. `scope`: by default the house's store."""
    chosen = room or later(house, hours)
    job = compact.start(chosen, house.store if scope == "" else scope)
    handlers = {compact.COMPACT_KIND: lambda context: compact.run_compact(chosen, context)}
    ended = JobRunner(house.app.jobs, handlers, poll_seconds=0.01).run(job.id)
    assert ended.state == "COMPLETED", ended.message
    assert ended.result is not None
    return ended.result


def deleted(house: House, image_set_id: str) -> None:
    """Delete an image set."""
    deletion.remove(house.room, house.store, image_set_id)
    assert house.run(house.job(deletion.DELETE_KIND).id).state == "COMPLETED"


def copied(house: House, source_id: str, copiable: str | None = None) -> str:
    """Copy an image set, or what `only` says of it, into a new one; its id."""
    latest = house.found(source_id).version
    _, target = copies.copy(
        house.room, house.store, source_id, source_latest=latest, copiable=copiable
    )
    assert house.run(house.job(copies.COPY_KIND).id).state == "COMPLETED"
    return target.id


def only(series: str, *numbers: int) -> str:
    """What CopyImageSet takes to copy these instances of a series."""
    chosen: dict[str, Any] = {f"{series}.{number}": {} for number in numbers}
    series_tree = {"Instances": chosen}
    return json.dumps({"SchemaVersion": "1.1", "Study": {"Series": {series: series_tree}}})


def named_objects(house: House) -> set[str]:
    """Keys of all objects that a row of an instance or of a version names."""
    with house.app.database.read() as connection:
        packs = set(connection.execute(select(instances.c.pack)).scalars())
        return packs | set(connection.execute(select(image_set_versions.c.document)).scalars())


def brought(house: House, series: int) -> str:
    """Import six instances, keep a copy of two of them, and delete the rest; the copy."""
    uid = f"1.2.3.{series}"
    folder = house.folder / f"in{series}"
    for number in range(1, 7):
        path = folder / f"{number}.dcm"
        make_instance(path, sop=f"{uid}.{number}", series=uid, number=number)
    house.imported(folder)
    (whole,) = (one for one in house.sets() if house.found(one).series_uid == uid)
    copy = copied(house, whole, only(uid, 2, 5))
    deleted(house, whole)
    return copy


def keys(house: House) -> set[str]:
    return {one.key for one in house.app.objects.list()}


def by_series(house: House) -> list[str]:
    """Two image sets, in the order of their series."""
    return sorted(filled(house), key=lambda one: house.found(one).series_uid)


def orphan(house: House) -> str:
    """A pack that no row names, as a crash leaves it."""
    key = pack_key(house.store, new_id())
    house.app.objects.put(key, b"left")
    return key
