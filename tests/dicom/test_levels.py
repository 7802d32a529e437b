"""Levels, and what makes a series one."""

import pytest

from iryo.dicom import IDENTITY, Level, identity, level_of, normalise, read
from iryo.dicom.dictionary import keyword_tag
from iryo.dicom.levels import level_table
from tests.dicom.handmade import explicit, file

# The counts of AWS's lists ("Metadata normalization", HealthImaging developer guide).
COUNTS = {Level.PATIENT: 46, Level.STUDY: 50, Level.SERIES: 44}


def test_the_table_is_as_long_as_aws_s_lists() -> None:
    levels = list(level_table().values())
    assert {level: levels.count(level) for level in COUNTS} == COUNTS


def test_every_keyword_is_one_of_ps3_6() -> None:
    assert not [keyword for keyword in level_table() if keyword_tag(keyword) is None]


def test_some_of_each_level() -> None:
    assert level_of("PatientName") is Level.PATIENT
    assert level_of("DeidentificationMethod") is Level.PATIENT
    assert level_of("PatientAge") is Level.STUDY
    assert level_of("StudyInstanceUID") is Level.STUDY
    assert level_of("Modality") is Level.SERIES
    assert level_of("PixelPaddingValue") is Level.SERIES
    assert level_of("PerformedProcedureStepID") is Level.INSTANCE
    assert level_of("SOPInstanceUID") is Level.INSTANCE
    assert level_of("00291010") is Level.INSTANCE


def test_identity_keywords_stand_at_their_levels() -> None:
    assert {keyword: level_of(keyword) for keyword in IDENTITY} == dict(IDENTITY)


def identity_of(*elements: bytes) -> dict[str, object]:
    found = normalise(read(file(*elements)))
    return identity({**found.patient, **found.study, **found.series})


def test_identity_does_not_mind_padding_or_absence() -> None:
    found = identity_of(
        explicit(0x00080050, "SH", b""),
        explicit(0x00100010, "PN", b"Doe^Jane"),
        explicit(0x0020000D, "UI", b"1.2\0"),
        explicit(0x00200011, "IS", b"1 "),
    )
    assert found == identity_of(
        explicit(0x00100010, "PN", b"Doe ^Jane^^ "),
        explicit(0x0020000D, "UI", b"1.2\0"),
        explicit(0x00200011, "IS", b" 01 "),
    )
    assert found["PatientName"] == "Doe^Jane"
    assert found["SeriesNumber"] == "1"
    assert found["AccessionNumber"] is None
    assert set(found) == set(IDENTITY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^^Jane"}),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^Jane=土井^ジェーン"}),
        ({"PatientID": "03"}, {"PatientID": "3"}),
        ({"SeriesNumber": "3"}, {"SeriesNumber": "-3"}),
        ({"SeriesNumber": "3"}, {}),
    ],
)
def test_identity_keeps_apart_what_differs(one: dict[str, str], other: dict[str, str]) -> None:
    assert identity(one) != identity(other)


def test_identity_of_a_number_that_is_none() -> None:
    assert identity({"SeriesNumber": " a "})["SeriesNumber"] == "a"
