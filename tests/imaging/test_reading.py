"""Image sets read and changed without a door: what is not there, and what is damaged."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from iryo.errors import Conflict, Damaged, InvalidInput, IryoError, NotFound
from iryo.imaging.documents import instances_of
from iryo.imaging.model import FRAME_DIGITS, INSTANCE_KEY_LENGTH, SetState, WorkflowStatus
from iryo.imaging.service import copies, deletion, export, picture, read
from iryo.imaging.service.document import read_document
from iryo.imaging.service.held import members
from iryo.imaging.service.sets import find_version, set_state
from iryo.imaging.service.update import update_metadata
from iryo.imaging.store import instances
from tests.imaging.house import House
from tests.imaging.site import make_instance

SOPS = [f"1.2.3.1.{n}" for n in (1, 2, 3)]


@pytest.fixture
def primary(house: House) -> str:
    """A primary image set of three instances, in two versions."""
    for n, sop in enumerate(SOPS, 1):
        folder = "a" if n < 3 else "b"
        make_instance(house.folder / folder / f"{n}.dcm", sop=sop, number=n)
    house.imported(house.folder / "a")
    (made,) = house.imported(house.folder / "b")["imageSetsSummary"]
    return str(made["imageSetId"])


def frame_of(house: House, image_set: str, sop: str) -> str:
    """The id of the first frame of an instance."""
    with house.app.database.read() as connection:
        number = house.found(image_set).version
        document = read_document(house.room, find_version(connection, image_set, number))
    return str(instances_of(document)[sop]["ImageFrames"][0]["ID"])


def written(house: House, image_set: str, target: str | None = None) -> list[bytes]:
    """The image set as DICOM files."""
    exported = export.export(house.room, house.store, image_set, target=target)
    return [b"".join(one.pieces) for one in exported]


def test_versions_before_one(house: House, primary: str) -> None:
    _, found = read.versions(house.room, house.store, primary, before=2)
    assert [one.number for one in found] == [1]


def test_frames_that_are_not_there(house: House, primary: str) -> None:
    first = frame_of(house, primary, SOPS[0])
    beyond = first[:INSTANCE_KEY_LENGTH] + "1".rjust(FRAME_DIGITS, "0")
    unknown = "z" * INSTANCE_KEY_LENGTH + "0" * FRAME_DIGITS
    for frame in (beyond, unknown):
        for _ in range(2):  # what is known of the instance now makes no difference
            with pytest.raises(NotFound, match=f"in image set {primary}"):
                read.frame(house.room, house.store, primary, frame)
    assert read.frame(house.room, house.store, primary, first)


def test_a_picture_of_an_instance_whose_header_has_no_pixels(house: House, primary: str) -> None:
    """Its row points at the header of one without: told, not drawn."""
    path = make_instance(house.folder / "c" / "9.dcm", sop="1.2.3.9.1", series="1.2.3.9")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\xe0\x7f\x10\x00OW")])
    house.imported(house.folder / "c")
    frame = frame_of(house, primary, SOPS[0])
    with house.app.database.write() as connection:
        row = connection.execute(
            instances.select().where(instances.c.sop_instance_uid == "1.2.3.9.1")
        ).one()
        connection.execute(
            update(instances)
            .where(instances.c.key == frame[:INSTANCE_KEY_LENGTH])
            .values(header_offset=row.header_offset, header_length=row.header_length, pack=row.pack)
        )
    with pytest.raises(IryoError):
        picture.png(house.room, house.store, primary, frame)


@pytest.mark.small  # done behind the back of the program, in its file
def test_an_export_of_what_is_gone_is_refused(house: House, primary: str) -> None:
    """A row of a stored instance was lost, which the database itself would not allow."""
    with house.app.database.read() as connection:
        key = members(connection, primary)[SOPS[1]]
    with closing(sqlite3.connect(house.folder / "home" / "iryo.sqlite")) as rows, rows:
        rows.execute("DELETE FROM imaging_instances WHERE key = ?", (key,))
    with pytest.raises(NotFound, match=f"no stored instance {key}"):
        written(house, primary)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"frame_count": 7}, "fewer frames than it says"),
        ({"document_offset": 0, "document_length": 10}, "cannot be read"),
        ({"document_offset": 1 << 40}, r"bytes|range|end"),
        ({"header_offset": 1 << 40}, r"bytes|range|end"),
        ({"header_offset": 3, "header_length": 7}, "header"),
    ],
)
def test_rows_that_lie_are_damage(
    house: House, primary: str, values: dict[str, Any], text: str
) -> None:
    with house.app.database.write() as connection:
        connection.execute(update(instances).values(values))
    with pytest.raises(Damaged, match=text):
        written(house, primary)


def test_what_is_asked_for_must_be_something(house: House, primary: str) -> None:
    with pytest.raises(InvalidInput, match="nothing to update"):
        update_metadata(house.room, house.store, primary, latest=2)
    with pytest.raises(InvalidInput, match="one image set"):
        copies.copy(house.room, house.store, primary, source_latest=2, destination=(primary, 2))
    with pytest.raises(NotFound):
        update_metadata(house.room, house.store, primary, latest=2, revert_to=0)
    with pytest.raises(Conflict, match="is 2, the request names 9"):
        copies.copy(house.room, house.store, primary, source_latest=9)
    assert house.found(primary).state is SetState.ACTIVE


def test_a_state_is_set_only_on_what_was_seen(house: House, primary: str) -> None:
    seen = house.found(primary)
    change = {"state": SetState.LOCKED, "status": WorkflowStatus.UPDATING}
    now = house.room.clock()
    with house.app.database.write() as connection:
        set_state(connection, seen, now=now, **change)  # type: ignore[arg-type]
        with pytest.raises(Conflict, match="changed by another"):
            set_state(connection, seen, now=now, **change)  # type: ignore[arg-type]


def test_a_deletion_that_runs_again_does_nothing_more(house: House, primary: str) -> None:
    """As after a crash between its transaction and the word that it has ended."""
    deletion.remove(house.room, house.store, primary)
    job = house.job(deletion.DELETE_KIND)
    house.run(job.id)
    before = house.found(primary)
    with house.app.database.write() as connection:
        again = house.app.jobs.submit(
            connection, kind=job.kind, scope=house.store, payload=dict(job.payload)
        )
        events = connection.exec_driver_sql("SELECT count(*) FROM jobs_events").scalar_one()
    assert house.run(again.id).state == "COMPLETED"
    assert house.found(primary) == before
    with house.app.database.read() as connection:
        told = connection.exec_driver_sql("SELECT count(*) FROM jobs_events").scalar_one()
    assert told == events


def test_a_revert_brings_back_what_an_update_removed(house: House, primary: str) -> None:
    tree: dict[str, Any] = {"Study": {"Series": {"1.2.3.1": {"Instances": {SOPS[0]: {}}}}}}
    update_metadata(house.room, house.store, primary, latest=2, removable=json.dumps(tree).encode())
    house.run(house.job("imaging.update").id)
    assert len(written(house, primary)) == 2
    update_metadata(house.room, house.store, primary, latest=3, revert_to=2)
    house.run(house.job("imaging.update").id)
    originals = {Path(one).read_bytes() for one in house.folder.glob("[ab]/*.dcm")}
    assert set(written(house, primary)) == originals
