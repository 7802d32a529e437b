"""UIDs that are read as text and are none: told, and no trap for the rest of an import."""

import pytest

from tests.dicom.handmade import explicit, file, item
from tests.imaging.house import House
from tests.imaging.site import make_instance

SOP = explicit(0x00080018, "UI", b"1.2.3.9.1\0")
STUDY = explicit(0x0020000D, "UI", b"1.2.3\0")
SERIES = explicit(0x0020000E, "UI", b"1.2.3.1\0")


def odd(*elements: bytes, charset: bytes = b"") -> bytes:
    first = explicit(0x00080005, "CS", charset) if charset else b""
    return file(first, *elements)


@pytest.mark.parametrize(
    "data",
    [
        odd(SOP, explicit(0x0020000D, "UI", b"\\" * 64), SERIES),
        odd(SOP, explicit(0x0020000D, "UI", b"1.2\\1.3\0"), SERIES),
        odd(SOP, STUDY, explicit(0x0020000E, "UI", b"\\1.2.3\0")),
        odd(explicit(0x00080018, "UI", b"1.2\\1.3\0"), STUDY, SERIES),
        odd(SOP, explicit(0x0020000D, "OB", b"1.2.3\0"), SERIES),
        odd(SOP, explicit(0x0020000D, "UL", b"1.23"), SERIES),
        odd(SOP, explicit(0x0020000D, "SQ", item(explicit(0x00080018, "UI", b"1.2.3\0"))), SERIES),
        odd(SOP, explicit(0x0020000D, "UI", b"\x1b(B1.2.3"), SERIES, charset=b"\\ISO 2022 IR 87 "),
    ],
)
def test_an_identifier_that_is_no_single_uid_is_refused(house: House, data: bytes) -> None:
    folder = house.folder / "in"
    make_instance(folder / "good.dcm", sop="1.2.3.1.1")
    (folder / "odd.dcm").write_bytes(data)
    (folder / "odd2.dcm").write_bytes(data.replace(b"1.2.3.9.1", b"1.2.3.9.2"))
    summary = house.imported(folder)
    failures = house.failures(summary)
    assert {told["exceptionType"] for told in failures.values()} == {"InvalidUid"}
    assert set(failures) == {"odd.dcm", "odd2.dcm"}
    assert summary["numberOfImportedFiles"] == 1


@pytest.mark.parametrize("uid", [b"1" * 60_000, b"1.2.\x003\0\0", b"1.2 \xff3"])
def test_a_class_that_no_row_can_hold_is_left_out_of_it(house: House, uid: bytes) -> None:
    folder = house.folder / "in"
    folder.mkdir()
    (folder / "x.dcm").write_bytes(odd(explicit(0x00080016, "UI", uid), SOP, STUDY, SERIES))
    assert house.imported(folder)["numberOfImportedFiles"] == 1
    with house.app.database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT sop_class_uid FROM imaging_instances"
        ).scalar_one()
    assert found == ""


@pytest.mark.parametrize(
    ("elements", "tag", "name"),
    [
        ((STUDY, SERIES), "(0008,0018)", "SOPInstanceUID"),
        ((SOP, SERIES), "(0020,000D)", "StudyInstanceUID"),
        ((SOP, STUDY), "(0020,000E)", "SeriesInstanceUID"),
    ],
)
def test_a_missing_identifier_is_named_with_its_tag(
    house: House, elements: tuple[bytes, ...], tag: str, name: str
) -> None:
    (house.folder / "in").mkdir()
    (house.folder / "in" / "odd.dcm").write_bytes(odd(*elements))
    told = house.failures(house.imported(house.folder / "in"))["odd.dcm"]
    assert told["exceptionType"] == "MissingIdentifier"
    assert told["message"] == f"found no {name}, expected one at {tag}"
