"""The metadata document: what instances say is never lost, whatever levels it stands at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import Damaged
from iryo.imaging import documents
from iryo.imaging.documents import InstanceDocument

UID = "1.2.3"
STORE, SET = "d" * 32, "s" * 32


def part(
    sop: str,
    patient: dict[str, Any] | None = None,
    study: dict[str, Any] | None = None,
    series: dict[str, Any] | None = None,
    instance: dict[str, Any] | None = None,
) -> InstanceDocument:
    """An instance of series UID with these attributes."""
    return InstanceDocument(
        sop,
        patient or {},
        study or {},
        {"SeriesInstanceUID": UID, **(series or {})},
        {"DICOM": {"SOPInstanceUID": sop, **(instance or {})}, "DICOMVRs": {}},
    )


values = st.one_of(st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=2))


def attributes(*keywords: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these attributes, with few values, so that instances often agree."""
    return st.dictionaries(st.sampled_from(keywords), st.sampled_from([None, "a", "b", ["c"]]))


parts = st.lists(
    st.builds(
        part,
        sop=st.sampled_from([f"9.{n}" for n in range(12)]),
        patient=attributes("PatientID", "PatientAge"),
        study=attributes("StudyID", "StudyDescription"),
        series=attributes("Modality", "Manufacturer"),
        instance=attributes("InstanceNumber", "ImageType"),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one.sop_instance_uid,
)


def said(one: InstanceDocument) -> dict[str, Any]:
    """Everything that an instance says."""
    merged: dict[str, Any] = {}
    for level in one.levels():
        merged.update(level)
    return {**merged, **one.instance["DICOM"]}


@given(parts, parts)
def test_every_instance_says_what_it_said(
    first: list[InstanceDocument], then: list[InstanceDocument]
) -> None:
    document = documents.compose(STORE, SET, first)
    grown = documents.absorb(document, then)
    expected = {one.sop_instance_uid: said(one) for one in first}
    assert {u: documents.effective(document, u) for u in expected} == expected
    expected |= {one.sop_instance_uid: said(one) for one in then}
    assert {u: documents.effective(grown, u) for u in documents.instances_of(grown)} == expected


@given(parts)
def test_levels_hold_only_what_all_instances_agree_on(given_parts: list[InstanceDocument]) -> None:
    document = documents.compose(STORE, SET, given_parts)
    for name in documents.LEVELS:
        for keyword, value in documents.level(document, name).items():
            assert all(keyword in said(one) and said(one)[keyword] == value for one in given_parts)


@given(parts, parts)
def test_absorb_leaves_its_argument_alone(
    first: list[InstanceDocument], then: list[InstanceDocument]
) -> None:
    document = documents.compose(STORE, SET, first)
    before = documents.encode(document)
    documents.absorb(document, then)
    assert documents.encode(document) == before


@given(parts)
def test_encode_and_decode(given_parts: list[InstanceDocument]) -> None:
    document = documents.compose(STORE, SET, given_parts)
    assert documents.decode(documents.encode(document)) == document


def test_damaged_documents_are_recognised() -> None:
    data = documents.encode(documents.compose(STORE, SET, [part("9.1")]))
    for broken in (data[:-9], data[:20], b"", b"{}"):
        with pytest.raises(Damaged):
            documents.decode(broken)


@given(parts)
def test_subset_carries_the_levels(given_parts: list[InstanceDocument]) -> None:
    document = documents.compose(STORE, SET, given_parts)
    chosen = [one.sop_instance_uid for one in given_parts[::2]]
    again = documents.compose(STORE, "t" * 32, documents.subset(document, chosen))
    for uid in chosen:
        assert documents.effective(again, uid) == documents.effective(document, uid)


def test_columns_are_text_and_sortable() -> None:
    document = documents.compose(
        STORE,
        SET,
        [
            part(
                "9.1",
                patient={"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"},
                study={"StudyInstanceUID": "1.2", "StudyDate": "20261125", "StudyTime": "0930"},
                series={"SeriesNumber": "3 "},
            )
        ],
    )
    row = documents.columns(document)
    assert row["study_datetime"] == "20261125T093000.000000"
    assert row["series_number"] == "3"
    assert row["patient_name"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert row["instance_count"] == 1


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        (None, "0900", ""),
        ("", None, ""),
        ("2026.11.25", None, "20261125T000000.000000"),
        ("20261125", "093015.25", "20261125T093015.250000"),
        ("20261125", "09:30:15", "20261125T093015.000000"),
    ],
)
def test_sortable_datetime(date: str | None, time: str | None, expected: str) -> None:
    assert documents.sortable_datetime(date, time) == expected
