"""C-FIND, asked by dcmtk's findscu and by pynetdicom; and the answers as pydicom reads them."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientStudyOnlyQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from iryo.imaging.dimse.answers import encode, wanted_of
from iryo.imaging.dimse.command import Element, Operation
from iryo.imaging.dimse.identifier import form_of
from iryo.imaging.dimse.sending import send_file
from iryo.imaging.dimse.status import Status
from tests.imaging.dimse.site import Archive, listening
from tests.imaging.dimse.test_retrieving import identifier
from tests.imaging.site import called_stored, make_instance

pytestmark = pytest.mark.dcmtk

PATIENT, STUDY, ONLY = map(
    str,
    (
        PatientRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelFind,
        PatientStudyOnlyQueryRetrieveInformationModelFind,
    ),
)
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
NAME = "YAMADA^TARO=山田^太郎=やまだ^たろう"


@pytest.fixture(scope="module")
def people(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Besides what the archive has: a study of 山田, in two series."""
    folder = tmp_path_factory.mktemp("people")
    association = archive.associated((CT, (EXPLICIT,)))
    sent = []
    for number in (1, 2, 3):
        one = pydicom.dcmread(archive.folder / "1.dcm")
        one.SpecificCharacterSet = "ISO_IR 192"
        one.PatientName, one.PatientID = NAME, "JP1"
        one.StudyInstanceUID, one.StudyDate = "1.2.9", "20250301"
        one.SeriesInstanceUID = f"1.2.9.{number % 2}"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.9.9.{number}")
        one.save_as(path := folder / f"{number}.dcm")
        status = send_file(
            association, association.contexts[1], one.SOPInstanceUID, (path.read_bytes(),)
        )
        assert status == 0
        sent.append(str(one.SOPInstanceUID))
    association.release()
    archive.wait(*sent)
    return archive


def found(
    archive: Archive, model: str, wanted: Dataset, *, negotiated: bytes = b"", peer: str = "READER"
) -> tuple[list[Dataset], Dataset]:
    """What pynetdicom is answered: identifiers, and the last response."""
    entity = AE(peer)
    entity.add_requested_context(model)
    items: list[Any] = []
    if negotiated:
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid = model
        item.service_class_application_information = negotiated
        items.append(item)
    association = entity.associate("127.0.0.1", archive.port, ae_title="IRYO", ext_neg=items)
    assert association.is_established
    answers: list[Dataset] = []
    last = Dataset()
    for status, answer in association.send_c_find(wanted, model):
        if answer is not None:
            assert status.Status == Status.PENDING
            answers.append(answer)
        last = status
    association.release()
    return answers, last


@pytest.mark.parametrize(
    ("model", "level", "keys", "count"),
    [
        (STUDY, "STUDY", {"PatientName": "YAMADA*"}, 1),
        (STUDY, "STUDY", {"PatientName": "山田*"}, 1),
        (STUDY, "STUDY", {"PatientID": "JP1", "StudyDate": "20250101-20251231"}, 1),
        (STUDY, "STUDY", {"PatientID": "JP1", "StudyDate": "20260101-"}, 0),
        (STUDY, "STUDY", {"StudyInstanceUID": ["1.2.9", "1.2.999"]}, 1),
        (STUDY, "SERIES", {"StudyInstanceUID": "1.2.9", "Modality": "CT"}, 2),
        (STUDY, "IMAGE", {"StudyInstanceUID": "1.2.9", "SeriesInstanceUID": "1.2.9.1"}, 2),
        (PATIENT, "PATIENT", {"PatientID": "JP?"}, 1),
        (PATIENT, "STUDY", {"PatientID": "JP1"}, 1),
        (ONLY, "PATIENT", {"PatientID": "JP1"}, 1),
    ],
)
def test_each_root_and_level(
    people: Archive, model: str, level: str, keys: dict[str, Any], count: int
) -> None:
    wanted = identifier(level, **keys)
    wanted.SpecificCharacterSet = "ISO_IR 192"
    answers, last = found(people, model, wanted)
    assert last.Status == Status.SUCCESS
    assert len(answers) == count
    for answer in answers:
        assert answer.QueryRetrieveLevel == level
        assert answer.RetrieveAETitle == "IRYO"
        assert answer.InstanceAvailability == "ONLINE"


def test_what_somebody_was_told_is_stored_is_found_by_its_study(
    people: Archive, tmp_path: Path
) -> None:
    file = make_instance(tmp_path / "1.dcm", sop="1.2.77.1.1", study="1.2.77", series="1.2.77.1")
    called_stored(people.app, people.store, file)
    answers, _ = found(people, STUDY, identifier("STUDY", StudyInstanceUID="1.2.77"))
    assert [one.StudyInstanceUID for one in answers] == ["1.2.77"]


def test_answers_have_what_was_asked_for_and_nothing_else(people: Archive) -> None:
    wanted = identifier(
        "STUDY",
        StudyInstanceUID="1.2.9",
        PatientName="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedInstances="",
        NumberOfStudyRelatedSeries="",
        AccessionNumber="",
        StudyComments="",
    )
    (answer,), _ = found(people, STUDY, wanted)
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.PatientName == NAME
    assert answer.ModalitiesInStudy == "CT"
    assert answer.NumberOfStudyRelatedInstances == 3
    assert answer.NumberOfStudyRelatedSeries == 2
    assert "StudyComments" in answer  # not known, and so empty (PS3.4 C.2.2.1.3)
    own = {"QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability", "SpecificCharacterSet"}
    assert {one.keyword for one in answer} - own == {one.keyword for one in wanted} - own


def test_a_character_set_is_kept_where_it_holds_the_text(people: Archive) -> None:
    wanted = identifier("STUDY", StudyInstanceUID="1.2.9", PatientName="")
    wanted.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    (answer,), _ = found(people, STUDY, wanted)
    assert answer.SpecificCharacterSet == ["", "ISO 2022 IR 87"]
    assert answer.PatientName == NAME
    wanted.SpecificCharacterSet = "ISO_IR 100"  # has no kanji
    (answer,), _ = found(people, STUDY, wanted)
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.PatientName == NAME


def test_fuzzy_where_negotiated(people: Archive) -> None:
    wanted = identifier("STUDY", PatientName="taro yam")
    assert len(found(people, STUDY, wanted)[0]) == 0
    assert len(found(people, STUDY, wanted, negotiated=b"\0\0\1")[0]) == 1


def test_what_is_agreed_on(people: Archive) -> None:
    association = people.associated((STUDY, (EXPLICIT,)), extended={STUDY: b"\1\1\1\1\1"})
    assert association.extended == {STUDY: b"\1\1\1\0\0"}
    association.release()


@pytest.mark.parametrize(
    ("model", "level", "keys", "status"),
    [
        (STUDY, "PATIENT", {"PatientID": "JP1"}, Status.MISMATCH),
        (ONLY, "SERIES", {"StudyInstanceUID": "1.2.9"}, Status.MISMATCH),
        (STUDY, "WORKLIST", {"PatientID": "JP1"}, Status.MISMATCH),
        (STUDY, "STUDY", {"SOPInstanceUID": "1.2.3"}, Status.MISMATCH),
    ],
)
def test_questions_that_are_none(
    people: Archive, model: str, level: str, keys: dict[str, Any], status: Status
) -> None:
    answers, last = found(people, model, identifier(level, **keys))
    assert (answers, last.Status) == ([], status)


def test_too_many(people: Archive) -> None:
    with listening(people.app, most_results=1) as port:
        small = Archive(people.app, people.store, port, people.folder)
        answers, last = found(small, STUDY, identifier("STUDY", StudyInstanceUID=""))
    assert len(answers) == 1
    assert last.Status == Status.OUT_OF_RESOURCES


def test_cancel(people: Archive) -> None:
    """C-CANCEL right behind the question: the answer to it is the last."""
    association = people.associated((STUDY, (EXPLICIT,)))
    form = form_of(EXPLICIT)
    context = association.contexts[1]
    keys = form.element(0x00080052, "CS", b"IMAGE") + form.element(0x0020000D, "UI", b"1.2.9")
    channel = association.channel
    sent: list[bytes] = []

    def hold(data: bytes, _: float) -> None:
        sent.append(data)

    real = channel.send
    channel.send = hold  # type: ignore[method-assign,assignment]
    association.send(
        context,
        {
            Element.COMMAND_FIELD: int(Operation.C_FIND),
            Element.MESSAGE_ID: 3,
            Element.AFFECTED_SOP_CLASS: STUDY,
            Element.PRIORITY: 0,
        },
        keys,
    )
    association.send(
        context, {Element.COMMAND_FIELD: int(Operation.C_CANCEL), Element.RESPONDED_TO: 3}
    )
    channel.send = real  # type: ignore[method-assign]
    channel.send(b"".join(sent), 5)
    statuses: list[int] = []
    while not statuses or statuses[-1] == Status.PENDING:
        answer = association.receive(10)
        assert answer is not None
        statuses.append(answer.number(Element.STATUS))
    assert statuses[-1] == Status.CANCELLED
    association.release()


def test_findscu(people: Archive) -> None:
    said = people.run(
        "findscu", "-S", "-k", "QueryRetrieveLevel=SERIES", "-k", "StudyInstanceUID=1.2.9",
        "-k", "SeriesInstanceUID", "-k", "Modality",
        "-k", "RequestAttributesSequence[0].ScheduledProcedureStepID",
    )  # fmt: skip
    assert "1.2.9.0" in said
    assert "1.2.9.1" in said
    people.app.audit.flush()
    rows = [one for one in people.app.audit.read() if one.action == "C-FIND"]
    assert "TESTER" in {one.actor for one in rows}


def test_the_app_of_pynetdicom(people: Archive, tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable, "-m", "pynetdicom", "findscu", "127.0.0.1", str(people.port),
            "-aet", "TESTER", "-aec", "IRYO", "-S", "-w",
            "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.9",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert len(list(tmp_path.iterdir())) == 1


# ------------------------------------------------------------------------------------- the encoder

TEXT = st.text("aB 山田やまだéß", max_size=10).map(str.strip)


@given(
    TEXT,
    st.lists(st.integers(0, 0xFFFF), max_size=3),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    TEXT,
    st.booleans(),
)
def test_pydicom_reads_what_is_written(
    text: str, numbers: list[int], integers: list[int], name: str, explicit: bool
) -> None:
    code = {"00080100": {"vr": "SH", "Value": [text]}} if text else {"00080100": {"vr": "SH"}}
    answer = {
        "00081030": {"vr": "LO", "Value": [text]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name, "Phonetic": text}]},
        "00280010": {"vr": "US", "Value": numbers},
        "00200013": {"vr": "IS", "Value": integers},
        "00281050": {"vr": "DS", "Value": [1.5, -0.25]},
        "00081032": {"vr": "SQ", "Value": [code, code]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00189073": {"vr": "FD", "Value": [0.1]},
    }
    tags = [(int(tag, 16),) for tag in answer] + [(0x00100020,)]
    form = form_of(EXPLICIT if explicit else IMPLICIT)
    data = encode(answer, wanted_of(tags), form, "")
    read = read_dataset(BytesIO(data), is_implicit_VR=not explicit, is_little_endian=True)
    assert read.get("StudyDescription", "") == text
    assert str(read.PatientName or "") == (f"{name}=={text}" if text else name)
    assert read.PatientID in ("", None)
    assert read[0x00280010].value == (numbers[0] if len(numbers) == 1 else numbers or None)
    assert [int(one) for one in values(read[0x00200013].value)] == integers
    assert [float(one) for one in values(read[0x00281050].value)] == [1.5, -0.25]
    assert [one[0x00080100].value or "" for one in read.ProcedureCodeSequence] == [text, text]
    assert read[0x00280009].value == 0x00181063
    assert read[0x00189073].value == 0.1
    assert [one.tag for one in read] == sorted(one.tag for one in read)


def values(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | MultiValue) else [value]
