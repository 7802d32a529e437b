"""Each service of DIMSE once with PostgreSQL and S3, as dcmtk and pynetdicom ask for it."""

import queue
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from iryo.access import Role
from iryo.imaging.dimse.status import Status
from iryo.imaging.service import datastores, peers
from tests.grown.stores import GROWN, store_settings
from tests.imaging.dimse.site import Archive, listening
from tests.imaging.dimse.test_commitment import CT, Report, asked, references, taking
from tests.imaging.dimse.test_retrieving import EXPLICIT, got, storescp
from tests.installation import opened

pytestmark = pytest.mark.dcmtk

STUDY = "1.2.3.4.5"
COUNT = 3


@pytest.fixture(scope="module")
def grown(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, free_port: int
) -> Iterator[Archive]:
    """An SCP over PostgreSQL and S3 that three slices were sent to by storescu."""
    if shutil.which("storescu") is None:
        pytest.skip("needs Debian's dcmtk")
    folder = tmp_path_factory.mktemp("grown")
    (folder / "sent").mkdir()
    source = str(get_testdata_file("CT_small.dcm"))
    for number in range(1, COUNT + 1):
        one = pydicom.dcmread(source)
        one.StudyInstanceUID, one.PatientName = STUDY, "Yamada^Tarou"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(f"{STUDY}.{number}")
        one.save_as(folder / "sent" / f"{number}.dcm")
    servers: list[Callable[[], object]] = [
        partial(request.getfixturevalue, name) for name in ("postgres", "s3_server")
    ]
    with store_settings(GROWN, *servers) as stores, opened(folder, **stores) as app:  # type: ignore[arg-type]
        store = datastores.create(app.room, name="main").id
        for title, role, address in (
            ("TESTER", Role.WRITER, None),
            ("READER", Role.READER, None),
            ("DEST", Role.READER, peers.PeerAddress("127.0.0.1", free_port)),
        ):
            peers.add(app.room, title, datastore_id=store, role=role, address=address)
        app.runner.start()
        app.keeper.start()
        with listening(app) as port:
            made = Archive(app, store, port, folder / "sent")
            made.run("storescu", "+sd", folder / "sent")
            made.wait(*(f"{STUDY}.{number}" for number in range(1, COUNT + 1)))
            yield made


def test_what_is_stored_is_found(grown: Archive) -> None:
    said = grown.run(
        "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=yamada*",
        "-k", "StudyInstanceUID", "-k", "NumberOfStudyRelatedInstances",
    )  # fmt: skip
    assert f"[{STUDY}" in said
    assert f"[{COUNT}" in said
    number = ("-k", "QueryRetrieveLevel=IMAGE", "-k", "InstanceNumber=1", "-k", "SOPInstanceUID")
    assert f"[{STUDY}.2" in grown.run("findscu", "-S", *number)


def test_get_and_move(grown: Archive, free_port: int, tmp_path: Path) -> None:
    answers, taken = got(grown, EXPLICIT, level="STUDY", StudyInstanceUID=STUDY)
    assert answers[-1].Status == Status.SUCCESS
    originals = [pydicom.dcmread(path) for path in sorted(grown.folder.iterdir())]
    by_uid = {one.SOPInstanceUID: one for one in taken}
    for one in originals:
        assert by_uid[one.SOPInstanceUID].pixel_array.tolist() == one.pixel_array.tolist()
    words = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}")
    with storescp(free_port, tmp_path):
        grown.run("movescu", "-S", "-aem", "DEST", *words)
    assert len(list(tmp_path.iterdir())) == COUNT


def test_commitment(grown: Archive) -> None:
    reports: queue.Queue[Report] = queue.Queue()
    what = references((CT, f"{STUDY}.1"), (CT, "1.2.3.99"))
    association, status = asked(grown, "TESTER", what, taking(reports))
    assert status == 0
    event, report = reports.get(timeout=20)
    association.release()
    assert event == 2
    assert [one.ReferencedSOPInstanceUID for one in report.ReferencedSOPSequence] == [f"{STUDY}.1"]
    assert [one.ReferencedSOPInstanceUID for one in report.FailedSOPSequence] == ["1.2.3.99"]
