"""C-GET and C-MOVE: to dcmtk, to pynetdicom, and to those who take only some of it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from iryo.imaging.dimse.command import Element, Operation
from iryo.imaging.dimse.identifier import FAILED_LIST, form_of, uid_list
from iryo.imaging.dimse.status import Status
from tests.imaging.dimse.site import Archive, dcmtk
from tests.imaging.dimse.test_storing import study_of
from tests.imaging.site import called_stored, make_instance

pytestmark = pytest.mark.dcmtk

CT, GET, MOVE = map(
    str,
    (
        CTImageStorage,
        StudyRootQueryRetrieveInformationModelGet,
        StudyRootQueryRetrieveInformationModelMove,
    ),
)
EXPLICIT = "1.2.840.10008.1.2.1"
HTJ2K = "1.2.840.10008.1.2.4.202"


def identifier(level: str, **keys: str | list[str]) -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(made, name, value)
    return made


@contextmanager
def storescp(port: int, folder: Path, *words: str) -> Iterator[None]:
    """dcmtk's, until it is no longer needed."""
    with subprocess.Popen(
        ["storescp", "-aet", "DEST", "-od", folder, *words, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as scp:
        try:
            deadline = time.monotonic() + 20
            while dcmtk("echoscu", "127.0.0.1", str(port)).returncode:
                assert time.monotonic() < deadline
            yield
        finally:
            scp.terminate()


def got(archive: Archive, *syntaxes: str, **keys: Any) -> tuple[list[Dataset], list[Dataset]]:
    """What pynetdicom gets by C-GET: responses, and instances."""
    taken: list[Dataset] = []

    def take(event: evt.Event) -> int:
        one = event.dataset
        one.file_meta = event.file_meta
        taken.append(one)
        return 0

    entity = AE("READER")
    entity.add_requested_context(GET)
    for syntax in syntaxes:  # a context each
        entity.add_requested_context(CT, syntax)
    association = entity.associate(
        "127.0.0.1",
        archive.port,
        ae_title="IRYO",
        ext_neg=[build_role(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, take)],
    )
    assert association.is_established
    answers = [status for status, _ in association.send_c_get(identifier(**keys), GET) if status]
    association.release()
    return answers, taken


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("STUDY", {}, 5),
        ("SERIES", {"SeriesInstanceUID": "series"}, 5),
        ("IMAGE", {"SeriesInstanceUID": "series", "SOPInstanceUID": ["1.2.3.4.2", "1.2.3.4.3"]}, 2),
        ("IMAGE", {"SeriesInstanceUID": "series", "SOPInstanceUID": "1.2.3.4.99"}, 0),
    ],
)
def test_get_at_each_level(archive: Archive, level: str, keys: dict[str, Any], count: int) -> None:
    first = pydicom.dcmread(archive.folder / "1.dcm")
    given = {
        name: first.SeriesInstanceUID if value == "series" else value
        for name, value in keys.items()
    }
    answers, taken = got(
        archive, EXPLICIT, level=level, StudyInstanceUID=first.StudyInstanceUID, **given
    )
    wanted = {f"1.2.3.4.{number}" for number in range(1, 6)} | {"1.2.3.4.888"}
    assert len({one.SOPInstanceUID for one in taken} & wanted) >= count
    assert answers[-1].Status == Status.SUCCESS
    assert answers[-1].NumberOfCompletedSuboperations == len(taken)
    assert [one.Status for one in answers[:-1]] == [Status.PENDING] * max(0, len(taken) - 1)
    assert first.pixel_array.tolist() in [one.pixel_array.tolist() for one in taken] or not count


def test_what_somebody_was_told_is_stored_is_got_by_its_study(
    archive: Archive, tmp_path: Path
) -> None:
    file = make_instance(tmp_path / "1.dcm", sop="1.2.78.1.1", study="1.2.78", series="1.2.78.1")
    called_stored(archive.app, archive.store, file)
    _, taken = got(archive, EXPLICIT, level="STUDY", StudyInstanceUID="1.2.78")
    assert [one.SOPInstanceUID for one in taken] == ["1.2.78.1.1"]


def test_relational_retrieval_where_negotiated(archive: Archive) -> None:
    """Without the study: of a series, of instances in two of them; elsewhere that is refused."""
    first = pydicom.dcmread(archive.folder / "1.dcm")
    for relational, level, keys, counts in (
        (True, "SERIES", {"SeriesInstanceUID": first.SeriesInstanceUID}, 5),
        (True, "IMAGE", {"SOPInstanceUID": ["1.2.3.4.2", "1.2.3.4.3"]}, 2),
        (True, "IMAGE", {"SOPInstanceUID": "1.2.3.4.99"}, 0),
        (True, "IMAGE", {}, None),
        (False, "SERIES", {"SeriesInstanceUID": first.SeriesInstanceUID}, None),
    ):
        entity = AE("READER")
        entity.add_requested_context(GET)
        entity.add_requested_context(CT, EXPLICIT)
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = GET, b"\1"
        association = entity.associate(
            "127.0.0.1", archive.port, ae_title="IRYO",
            ext_neg=[build_role(CT, scp_role=True), *([item] if relational else [])],
            evt_handlers=[(evt.EVT_C_STORE, lambda _: 0)],
        )  # fmt: skip
        answers = list(association.send_c_get(identifier(level, **keys), GET))
        association.release()
        last = answers[-1][0]
        if counts is None:
            assert last.Status == Status.MISMATCH
        else:
            assert last.Status == Status.SUCCESS
            assert last.NumberOfCompletedSuboperations >= counts
            assert bool(last.NumberOfCompletedSuboperations) is bool(counts)


def test_get_all_of_a_patient(archive: Archive, tmp_path: Path) -> None:
    for patient, least in (("1CT1", 5), ("1CT", 0), ("NOBODY", 0)):
        folder = tmp_path / patient
        folder.mkdir()
        archive.run(
            "getscu", "-P", "-od", folder, "-k", "QueryRetrieveLevel=PATIENT",
            "-k", f"PatientID={patient}",
        )  # fmt: skip
        files = list(folder.iterdir())
        assert len(files) >= least
        assert bool(files) is bool(least)
    ran = dcmtk(
        "getscu", "-P", "-aet", "TESTER", "-aec", "IRYO", "127.0.0.1", str(archive.port),
        "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID=*",
    )  # fmt: skip
    assert "DataSetDoesNotMatchSOPClass" in ran.stdout


def test_get_as_it_is_stored(archive: Archive) -> None:
    """Who takes HTJ2K gets what lies in the store."""
    _, taken = got(archive, EXPLICIT, HTJ2K, level="STUDY", StudyInstanceUID=study_of(archive))
    assert taken
    assert {one.file_meta.TransferSyntaxUID for one in taken} == {HTJ2K}


def test_get_in_no_form_that_can_be_given(archive: Archive) -> None:
    mpeg = "1.2.840.10008.1.2.4.100"
    answers, taken = got(archive, mpeg, level="STUDY", StudyInstanceUID=study_of(archive))
    assert not taken
    assert answers[-1].Status == Status.UNABLE_TO_PERFORM
    assert answers[-1].NumberOfFailedSuboperations >= 5


@pytest.mark.parametrize(
    ("level", "keys", "status"),
    [
        ("STUDY", {}, Status.MISMATCH),
        ("SERIES", {"StudyInstanceUID": "1.2"}, Status.MISMATCH),
        ("IMAGE", {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.3"}, Status.MISMATCH),
        ("PATIENT", {"PatientID": "1CT1"}, Status.MISMATCH),  # not in study root
        ("FRAME", {"StudyInstanceUID": "1.2"}, Status.MISMATCH),
        ("STUDY", {"StudyInstanceUID": "1.2.999"}, Status.SUCCESS),
    ],
)
def test_get_of_what_is_not_there(
    archive: Archive, level: str, keys: dict[str, Any], status: Status
) -> None:
    answers, taken = got(archive, EXPLICIT, level=level, **keys)
    assert [one.Status for one in answers] == [status]
    assert not taken


def test_get_is_cancelled(archive: Archive) -> None:
    """C-CANCEL between two sub-operations: what is done is done, and no more is."""
    association = archive.associated(
        (GET, (EXPLICIT,)), (CT, (EXPLICIT,)), roles={CT: (True, True)}
    )
    asked = association.contexts[1]
    study = form_of(EXPLICIT)
    keys = study.element(0x00080052, "CS", b"STUDY") + study.element(
        0x0020000D, "UI", study_of(archive).encode()
    )
    command: dict[int, int | str] = {
        Element.COMMAND_FIELD: int(Operation.C_GET),
        Element.MESSAGE_ID: 9,
        Element.AFFECTED_SOP_CLASS: GET,
        Element.PRIORITY: 0,
    }
    association.send(asked, command, keys)
    stored = 0
    while True:
        message = association.receive(10)
        assert message is not None
        if message.operation == Operation.C_STORE:
            stored += 1
            if stored == 1:
                association.send(
                    asked,
                    {Element.COMMAND_FIELD: int(Operation.C_CANCEL), Element.RESPONDED_TO: 9},
                )
            association.skip()
            association.send(
                message.context,
                {
                    Element.COMMAND_FIELD: Operation.C_STORE | 0x8000,
                    Element.RESPONDED_TO: message.id,
                    Element.STATUS: 0,
                },
            )
        elif message.number(Element.STATUS) != Status.PENDING:
            break
    assert message.number(Element.STATUS) == Status.CANCELLED
    assert message.number(Element.COMPLETED) == stored == 1
    assert message.number(Element.REMAINING) >= 4
    association.release()


def test_move(archive: Archive, free_port: int, tmp_path: Path) -> None:
    words = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_of(archive)}")
    with storescp(free_port, tmp_path):
        said = archive.run("movescu", "-v", "-S", "-aem", "DEST", *words)
    assert "Received Final Move Response (Success)" in said
    there = {pydicom.dcmread(one).SOPInstanceUID for one in tmp_path.iterdir()}
    assert there >= {f"1.2.3.4.{number}" for number in range(1, 6)}
    archive.app.audit.flush()
    row = next(one for one in archive.app.audit.read() if one.action == "C-MOVE")
    assert row.resource == study_of(archive)
    assert row.detail["destination"] == "DEST"
    assert row.detail["instances"] == len(there)


def test_move_to_nobody(archive: Archive) -> None:
    words = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_of(archive)}")
    for where, said in (
        ("NOBODY", "MoveDestinationUnknown"),
        ("TESTER", "MoveDestinationUnknown"),  # known, but not where it is reached
        ("DEST", "OutOfResourcesSubOperations"),  # nobody listens there
    ):
        ran = dcmtk(
            "movescu", "-v", "-S", "-aet", "TESTER", "-aec", "IRYO", "-aem", where,
            "127.0.0.1", str(archive.port), *words,
        )  # fmt: skip
        assert said in ran.stdout


def test_move_to_who_takes_some(archive: Archive, free_port: int) -> None:
    """A destination that refuses every second instance: counted, and listed."""
    seen: list[str] = []

    def take(event: evt.Event) -> int:
        seen.append(str(event.dataset.SOPInstanceUID))
        return 0xA700 if len(seen) % 2 else 0x0000

    there = AE("DEST")
    there.add_supported_context(CT, [EXPLICIT])
    server = there.start_server(
        ("127.0.0.1", free_port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    assert server is not None
    try:
        entity = AE("TESTER")
        entity.add_requested_context(MOVE)
        association = entity.associate("127.0.0.1", archive.port, ae_title="IRYO")
        wanted = identifier("STUDY", StudyInstanceUID=study_of(archive))
        answers = list(association.send_c_move(wanted, "DEST", MOVE))
        association.release()
    finally:
        server.shutdown()
    last, failed = answers[-1]
    assert last.Status == Status.SUBOPERATIONS_FAILED
    assert failed is not None
    assert list(failed.FailedSOPInstanceUIDList) == seen[::2]
    assert last.NumberOfFailedSuboperations == len(seen[::2])
    assert last.NumberOfCompletedSuboperations == len(seen) - len(seen[::2])


def test_move_to_who_goes_away(archive: Archive, free_port: int) -> None:
    """What is left when the destination ends the association has failed."""

    def take(event: evt.Event) -> int:
        if event.dataset.SOPInstanceUID == "1.2.3.4.2":
            event.assoc.abort()
        return 0

    there = AE("DEST")
    there.add_supported_context(CT, [EXPLICIT])
    server = there.start_server(
        ("127.0.0.1", free_port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)]
    )
    assert server is not None
    try:
        entity = AE("TESTER")
        entity.add_requested_context(MOVE)
        association = entity.associate("127.0.0.1", archive.port, ae_title="IRYO")
        wanted = identifier("STUDY", StudyInstanceUID=study_of(archive))
        answers = list(association.send_c_move(wanted, "DEST", MOVE))
        association.release()
    finally:
        server.shutdown()
    last, failed = answers[-1]
    assert last.Status in (Status.SUBOPERATIONS_FAILED, Status.UNABLE_TO_PERFORM)
    assert failed is not None
    assert "1.2.3.4.2" in failed.FailedSOPInstanceUIDList


def test_a_list_of_uids_is_cut_where_a_length_ends() -> None:
    uids = [f"1.2.3.{number}" for number in range(10_000)]
    data = uid_list(FAILED_LIST, uids, form_of(EXPLICIT))
    assert len(data) <= 0xFFFF + 8
    value = data[8:].rstrip(b"\0").decode()
    assert value.split("\\") == uids[: value.count("\\") + 1]
    assert value.count("\\") > 5000
