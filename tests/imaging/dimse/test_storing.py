"""C-STORE: all that senders bring, and what they only seem to bring."""

import struct
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID
from pynetdicom import AE
from sqlalchemy import func, select

from iryo.imaging.dimse.command import NO_DATA, Element, Operation, encode
from iryo.imaging.dimse.sending import bare, send_file
from iryo.imaging.dimse.status import Status
from iryo.imaging.dimse.storing import file_meta
from iryo.imaging.store import arrivals
from tests.imaging.dimse.site import Archive, listening

pytestmark = pytest.mark.dcmtk

CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
SYNTAXES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG-lossy.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "693_J2KI.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "rtplan.dcm",
    "reportsi.dcm",
    "liver_1frame.dcm",
]


def sample(name: str = "CT_small.dcm") -> Path:
    found = get_testdata_file(name)
    assert isinstance(found, str)
    return Path(found)


@pytest.fixture(scope="module")
def others() -> dict[str, pydicom.Dataset]:
    """Files in all kinds of transfer syntaxes, under UIDs of their own."""
    found: dict[str, pydicom.Dataset] = {}
    for number, name in enumerate(SYNTAXES):
        one = pydicom.dcmread(sample(name))
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.5.{number}")
        one.StudyInstanceUID, one.SeriesInstanceUID = "1.2.3.6", f"1.2.3.6.{number}"
        found[name] = one
    return found


def test_all_transfer_syntaxes(archive: Archive, others: dict[str, pydicom.Dataset]) -> None:
    entity = AE("TESTER")
    for one in others.values():
        entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", archive.port, ae_title="IRYO")
    assert association.is_established
    assert not association.rejected_contexts
    for one in others.values():
        assert association.send_c_store(one).Status == 0
    association.release()
    archive.wait(*(one.SOPInstanceUID for one in others.values()))


def test_what_came_is_given_back(archive: Archive, tmp_path: Path) -> None:
    archive.run(
        "getscu", "-S", "-od", tmp_path,
        "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_of(archive)}",
    )  # fmt: skip
    got = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, tmp_path.iterdir())}
    for path in archive.folder.iterdir():
        sent = pydicom.dcmread(path)
        both = [got[sent.SOPInstanceUID].to_json_dict(), sent.to_json_dict()]
        for one in both:
            one.pop("FFFCFFFC", None)  # padding at the end, which dcmtk does not send
        assert both[0] == both[1]


def study_of(archive: Archive) -> str:
    return str(pydicom.dcmread(next(archive.folder.iterdir())).StudyInstanceUID)


def pieces(path: Path) -> tuple[bytes, ...]:
    return (path.read_bytes(),)


def arrived(archive: Archive) -> set[str]:
    """The ids of all arrivals there are rows of."""
    with archive.app.database.read() as connection:
        return set(connection.execute(select(arrivals.c.id)).scalars())


def waiting(archive: Archive) -> int:
    """How many arrivals there are rows of."""
    with archive.app.database.read() as connection:
        return connection.execute(select(func.count()).select_from(arrivals)).scalar_one()


@pytest.mark.parametrize(
    ("instance", "data", "status"),
    [
        ("1.2.3.999", None, Status.MISMATCH),
        ("1.2.3.4.1", b"\x08\x00\x16\x00UI", Status.CANNOT_UNDERSTAND),
        ("1.2.3.4.1", b"", Status.CANNOT_UNDERSTAND),
        ("1.2.3.4.1", b"GIF89a" * 1000, Status.CANNOT_UNDERSTAND),
    ],
)
def test_lies_are_told_apart(
    archive: Archive, instance: str, data: bytes | None, status: Status
) -> None:
    path = archive.folder / "1.dcm"
    association = archive.associated((CT, (EXPLICIT,)))
    context = association.contexts[1]
    sent: Any = pieces(path) if data is None else (whole(data, instance),)
    assert send_file(association, context, instance, sent) == status
    # The association goes on.
    assert send_file(association, context, "1.2.3.4.1", pieces(path)) == Status.SUCCESS
    association.release()


def whole(data: bytes, instance: str) -> bytes:
    return file_meta(CT, instance, EXPLICIT, "TESTER") + data


def test_the_class_is_that_of_the_context(archive: Archive) -> None:
    mr = "1.2.840.10008.5.1.4.1.1.4"
    association = archive.associated((mr, (EXPLICIT,)), (CT, (EXPLICIT,)))
    path = archive.folder / "1.dcm"
    # CT under the name of MR; then the name of CT over the context of MR.
    assert send_file(association, association.contexts[1], "1.2.3.4.1", pieces(path)) == 0xA900
    association.send(
        association.contexts[1],
        {
            Element.COMMAND_FIELD: int(Operation.C_STORE),
            Element.MESSAGE_ID: 7,
            Element.AFFECTED_SOP_CLASS: CT,
            Element.AFFECTED_SOP_INSTANCE: "1.2.3.4.1",
        },
        bare(pieces(path)),
    )
    answer = association.receive(10)
    assert answer is not None
    assert answer.number(Element.STATUS) == Status.SOP_CLASS_NOT_SUPPORTED
    association.release()


def test_too_large(archive: Archive) -> None:
    path = archive.folder / "1.dcm"
    with listening(archive.app, most_bytes=10_000) as port:
        small = Archive(archive.app, archive.store, port, archive.folder)
        association = small.associated((CT, (EXPLICIT,)))
        context = association.contexts[1]
        assert send_file(association, context, "1.2.3.4.1", pieces(path)) == 0xA700
        association.release()


def test_dropped_in_the_middle(archive: Archive) -> None:
    before, known = archive.visible(), arrived(archive)
    path = archive.folder / "1.dcm"
    for reset in (False, True):
        association = archive.associated((CT, (EXPLICIT,)))
        command: dict[int, int | str] = {
            Element.COMMAND_FIELD: int(Operation.C_STORE),
            Element.MESSAGE_ID: 1,
            Element.AFFECTED_SOP_CLASS: CT,
            Element.AFFECTED_SOP_INSTANCE: "1.2.3.4.777",
            Element.DATA_SET_TYPE: 1,
        }
        channel = association.channel
        channel.write_fragment(1, 3, encode(command), 5)
        channel.write_fragment(1, 0, b"".join(bare(pieces(path)))[:20_000], 5)
        if reset:
            association.abort()
        channel.close()
    archive.run("echoscu")
    assert arrived(archive) <= known  # those before may still be on their way
    assert archive.visible() >= before


def test_durable_before_success(archive: Archive) -> None:
    """While the association goes on it is in the inbox, or visible already."""
    path = archive.folder / "2.dcm"
    association = archive.associated((CT, (EXPLICIT,)))
    one = pydicom.dcmread(path)
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.888")
    changed = archive.folder.parent / "changed.dcm"
    one.save_as(changed)
    status = send_file(association, association.contexts[1], "1.2.3.4.888", pieces(changed))
    assert status == Status.SUCCESS
    assert waiting(archive) >= 1 or "1.2.3.4.888" in archive.visible()
    association.release()
    archive.wait("1.2.3.4.888")


def test_readers_store_nothing(archive: Archive) -> None:
    association = archive.associated((CT, (EXPLICIT,)), peer="READER")
    assert not association.contexts
    association.release()


def test_any_class_for_who_may(archive: Archive, tmp_path: Path) -> None:
    private = "1.2.3.4.5.6.7.8"
    one = pydicom.dcmread(archive.folder / "1.dcm")
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UID(private)
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.7.1")
    one.SeriesInstanceUID = "1.2.3.7"
    one.save_as(tmp_path / "private.dcm")
    refused = archive.associated((private, (EXPLICIT,)))
    assert not refused.contexts
    refused.release()
    association = archive.associated((private, (EXPLICIT,)), peer="PRIVATE")
    context = association.contexts[1]
    assert send_file(association, context, "1.2.3.7.1", pieces(tmp_path / "private.dcm")) == 0
    association.release()
    archive.wait("1.2.3.7.1")


def test_no_data_set(archive: Archive) -> None:
    association = archive.associated((CT, (EXPLICIT,)))
    association.send(
        association.contexts[1],
        {
            Element.COMMAND_FIELD: int(Operation.C_STORE),
            Element.MESSAGE_ID: 1,
            Element.AFFECTED_SOP_CLASS: CT,
            Element.AFFECTED_SOP_INSTANCE: "1.2.3",
            Element.DATA_SET_TYPE: NO_DATA,
        },
    )
    answer = association.receive(10)
    assert answer is not None
    assert answer.number(Element.STATUS) == Status.CANNOT_UNDERSTAND
    association.release()


def test_each_is_in_the_audit(archive: Archive) -> None:
    archive.app.audit.flush()
    rows = [one for one in archive.app.audit.read() if one.action == "C-STORE"]
    study = study_of(archive)
    assert any(one.resource == study and one.outcome == "allowed" for one in rows)
    assert "TESTER" in {one.actor for one in rows}


def test_file_meta_is_read_by_pydicom(tmp_path: Path) -> None:
    path = tmp_path / "meta.dcm"
    empty = struct.pack("<HH2sH", 8, 0x16, b"UI", 0)
    path.write_bytes(file_meta(CT, "1.2.3", EXPLICIT, "TESTER") + empty)
    meta = pydicom.dcmread(path).file_meta
    assert meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.SourceApplicationEntityTitle == "TESTER"
