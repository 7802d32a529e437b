"""Attributes of documents in the DICOM JSON model, held against what is made from the bytes."""

import io
import json
from pathlib import Path
from typing import Any

import orjson
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from iryo.dicom import normalise, read, to_dicom_json
from iryo.dicom.dictionary import keyword_tag, lookup
from iryo.imaging.attributes import (
    ALWAYS,
    REQUIRED,
    Level,
    attribute,
    level_of_tag,
    needed,
    others,
    picked,
    tag_text,
)
from iryo.imaging.service.catalogue import UTF_8

FILES = ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "reportsi.dcm")


def said(data: bytes) -> dict[str, Any]:
    """All attributes as a document has them."""
    found = normalise(read(data))
    return {**found.patient, **found.study, **found.series, **found.instance}


@pytest.mark.parametrize("name", FILES)
def test_real_files_give_what_their_bytes_give(name: str) -> None:
    data = Path(str(get_testdata_file(name))).read_bytes()
    expected = to_dicom_json(read(data))
    compared = 0
    for keyword, value in said(data).items():
        found = attribute(keyword, value)
        if found is None or found[0] not in expected:
            continue
        wanted = expected[found[0]]
        known = lookup(int(found[0], 16))
        if wanted["vr"] in {"UN", "OB", "OW", "SQ"} or known is None or " or " in known[0]:
            continue  # of sequences the private items differ; US or SS depends on the pixels
        assert found[1] == wanted, keyword
        compared += 1
    assert compared > 20


def test_what_json_has_no_number_for_is_a_text() -> None:
    """PS3.18 F.2.2: such values may be given as they came."""
    values = {
        ("PatientWeight", "NaN"): "NaN",
        ("PatientWeight", "1e999"): "1e999",
        ("PatientWeight", " 70.50 "): 70.5,
        ("PatientWeight", "-Infinity"): "-Infinity",
        ("SeriesNumber", "1_0"): "1_0",
        ("SeriesNumber", "٣"): "٣",
        ("SeriesNumber", "+07 "): 7,
        ("SeriesNumber", "9" * 40): "9" * 40,
        ("PatientSize", "1_0"): "1_0",
    }
    for (keyword, text), expected in values.items():
        found = attribute(keyword, text)
        assert found is not None
        assert found[1]["Value"] == [expected], text
        assert json.loads(orjson.dumps(found[1]), parse_constant=pytest.fail) == found[1]
    assert attribute("SeriesNumber", "  ") == ("00200011", {"vr": "IS"})
    assert attribute("00091001", "private") is None


def test_levels() -> None:
    expected = {
        "PatientName": Level.PATIENT, "StudyDate": Level.STUDY, "ModalitiesInStudy": Level.STUDY,
        "Modality": Level.SERIES, "PerformedProcedureStepStartDate": Level.SERIES,
        "RequestAttributesSequence": Level.SERIES, "Rows": Level.INSTANCE,
        "NumberOfSeriesRelatedInstances": Level.SERIES,
    }  # fmt: skip
    for keyword, level in expected.items():
        assert level_of_tag(keyword_tag(keyword) or 0) is level
    assert level_of_tag(0x00091001) is None
    for level, keywords in REQUIRED.items():
        assert {tag_text(keyword_tag(keyword) or 0) for keyword in keywords} <= ALWAYS[level]


def test_answers_are_read_by_pydicom() -> None:
    dataset = Dataset()
    dataset.PatientName = "Yamada^Tarou=山田^太郎"
    dataset.PatientWeight = "70.5"
    dataset.StudyDate = "20240501"
    dataset.StudyDescription = "head"
    dataset.SeriesNumber = "3"
    dataset.Manufacturer = "x" * 60
    attributes = {
        "PatientName": "Yamada^Tarou=山田^太郎",
        "PatientWeight": "70.5",
        "StudyDate": "20240501",
        "StudyDescription": "head",
        "SeriesNumber": "3",
        "Manufacturer": "x" * 60,
    }
    study = needed(attributes, Level.STUDY)
    more = others(attributes, [Level.PATIENT, Level.STUDY], study)
    own = needed(attributes, Level.SERIES)
    rest = others(attributes, [Level.SERIES], own)
    found = Dataset.from_json({"00080005": UTF_8, **study, **more, **own, **rest})
    for element in dataset:
        assert found[element.tag].value == element.value
    assert picked(attributes, [0x00100010]) == {"00100010": study["00100010"]}
    pydicom.dcmwrite(io.BytesIO(), found, implicit_vr=True, little_endian=True)


def test_rows_are_bounded() -> None:
    """A sequence of thousands of items is not listed, and what is short stays."""
    items = [{"CodeMeaning": "x" * 60} for _ in range(1000)]
    attributes = {"ProcedureCodeSequence": items, "StudyDescription": "kept"}
    assert set(others(attributes, [Level.STUDY], {})) == {"00081030"}
    keywords = (
        "StudyDescription", "Occupation", "Allergies", "PatientState", "ReasonForVisit",
        "ServiceEpisodeDescription",
    )  # fmt: skip
    kept = others(dict.fromkeys(keywords, "x" * 3000), [Level.STUDY], {})
    assert len(orjson.dumps(kept)) <= 17 << 10
    assert len(kept) == 5
