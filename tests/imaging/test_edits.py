"""Edits of metadata documents, without a store: what is refused, and what is left."""

import base64
import json
from typing import Any

import pytest

from iryo.errors import Conflict, InvalidInput
from iryo.imaging.documents import InstanceDocument, compose, instances_of, level, series_of
from iryo.imaging.edits import (
    Edit,
    apply_edit,
    copy_into,
    parse_attributes,
    selected_instances,
)

SERIES = "1.2.3.1"
SOPS = ["1.2.3.1.1", "1.2.3.1.2"]


def document(**first: Any) -> dict[str, Any]:
    """Two instances of one series; `first` stands with the first of them only."""
    parts = [
        InstanceDocument(
            sop,
            {"PatientName": "Doe^Jane", "PatientID": "P1"},
            {"StudyInstanceUID": "1.2.3", "StudyDescription": "Head"},
            {"SeriesInstanceUID": SERIES, "Modality": "CT"},
            {"DICOM": {"SOPInstanceUID": sop, **extra}, "DICOMVRs": {}},
        )
        for sop, extra in zip(SOPS, (first, {}), strict=True)
    ]
    return compose("d" * 32, "s" * 32, parts)


def at(name: str, **attributes: Any) -> dict[str, Any]:
    """A tree that names attributes at one level; at Instance: of the first instance."""
    part = {"DICOM": attributes}
    if name == "Patient":
        return {"Patient": part}
    if name == "Study":
        return {"Study": part}
    if name == "Series":
        return {"Study": {"Series": {SERIES: part}}}
    return {"Study": {"Series": {SERIES: {"Instances": {SOPS[0]: part}}}}}


def edited(
    given: dict[str, Any], *, remove: bool = False, force: bool = False, **first: Any
) -> dict[str, Any]:
    """The document after one change."""
    edit = Edit(None, given) if remove else Edit(given, None)
    return apply_edit(document(**first), edit, force=force)[0]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (at("Instance", PixelData="x"), "made by the store"),
        (at("Study", SchemaVersion="1.1"), "made by the store"),
        (at("Patient", StudyDescription="x"), "belongs to level Study"),
        (at("Instance", PatientName="x"), "belongs to level Patient"),
        (at("Patient", PatientName=True), "JSON bool does not fit VR PN"),
        (at("Instance", RepresentativeFrameNumber="12"), "JSON str does not fit VR US"),
        (at("Instance", RepresentativeFrameNumber=True), "JSON bool does not fit VR US"),
        (at("Instance", RecommendedDisplayFrameRateInFloat="x"), "does not fit VR FL"),
        (at("Instance", RecommendedDisplayFrameRateInFloat=False), "does not fit VR FL"),
        (at("Instance", FrameIncrementPointer=[1]), "multi-valued"),
        (at("Instance", DimensionIndexPointer={}), "JSON dict does not fit VR AT"),
        (at("Instance", ICCProfile=[]), "JSON list does not fit VR OB"),
        (at("Instance", ConcatenationUID="1.2.x"), "no UID"),
        (at("Instance", ConcatenationUID="1." * 40 + "1"), "no UID"),
        (at("Instance", ConcatenationUID="1..2"), "no UID"),
        (at("Instance", NumberOfFrames="many"), "describes the stored bytes"),
        (at("Instance", AcquisitionNumber="many"), "no IS"),
        (at("Instance", ImageComments="a\x01b"), "character"),
        (at("Instance", **{"0009100": "x"}), "no attribute of PS3.6"),
        (at("Instance", **{"00091001": "x"}), "only with force, at instance level"),
        ({"Study": {"Series": {"9.9": {"DICOM": {"Modality": "MR"}}}}}, "series 9.9 is not in"),
    ],
)
def test_what_breaks_a_constraint_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        edited(given)


@pytest.mark.parametrize(
    ("name", "keyword", "text"),
    [
        ("Study", "StudyInstanceUID", "identifies the data"),
        ("Series", "SeriesInstanceUID", "identifies the data"),
        ("Instance", "SOPInstanceUID", "identifies the data"),
        ("Study", "StudyID", "only with force"),
    ],
)
def test_what_identifies_is_not_removed(name: str, keyword: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        edited(at(name, **{keyword: None}), remove=True)


@pytest.mark.parametrize("name", ["Patient", "Study", "Series"])
def test_private_attributes_are_set_at_instance_level_only(name: str) -> None:
    private = {"00091001": "x"}
    with pytest.raises(InvalidInput, match="at instance level"):
        edited(at(name, **private), force=True)
    found = edited(at("Instance", **private), force=True)
    assert instances_of(found)[SOPS[0]]["DICOM"]["00091001"] == "x"
    with pytest.raises(InvalidInput, match="no attribute"):
        edited(at(name, NotAnAttribute="x"), force=True)


@pytest.mark.parametrize(
    "keyword", ["FFFEE000", "00090000", "00020010", "00080005", "7FE00010", "00100010"]
)
@pytest.mark.parametrize("remove", [False, True])
def test_numbers_that_can_be_no_private_attribute(keyword: str, remove: bool) -> None:
    """Items, group lengths, group 2, and what has a keyword: no file could be written with them."""
    with pytest.raises(InvalidInput, match="no attribute of PS3"):
        edited(at("Instance", **{keyword: "x"}), force=True, remove=remove)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RepresentativeFrameNumber", 12),
        ("RecommendedDisplayFrameRateInFloat", 1.5),
        ("RecommendedDisplayFrameRateInFloat", 2),
        ("DimensionIndexPointer", "00080018"),
        ("ConcatenationUID", ""),
        ("ConcatenationUID", "1.2.3"),
        ("ImageComments", "two\r\nlines \\ and a backslash"),
        ("ImageComments", None),
    ],
)
def test_values_that_fit_their_vr_are_set(keyword: str, value: Any) -> None:
    found = edited(at("Instance", **{keyword: value}))
    assert instances_of(found)[SOPS[0]]["DICOM"][keyword] == value
    assert keyword not in instances_of(found)[SOPS[1]]["DICOM"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (at("Study", StudyDescription={"a": 1}), "does not fit VR LO"),
        (at("Study", StudyDescription=["a", "b"]), "does not fit VR LO"),
        (at("Study", StudyDescription="x" * 257), "at most 256"),
        (at("Instance", RepresentativeFrameNumber=-1), "out of the range"),
        (at("Instance", RepresentativeFrameNumber=65536), "out of the range"),
        (at("Instance", ImageType=["A", 1]), "does not fit VR CS"),
        (at("Instance", ReferencedImageSequence="x"), "a list of JSON objects"),
        (at("Instance", ReferencedImageSequence=[1]), "a list of JSON objects"),
    ],
)
def test_force_takes_no_value_that_could_not_be_exported(given: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        edited(given, force=True)


def test_force_takes_sequences_and_several_values() -> None:
    found = edited(at("Instance", ImageType=["DERIVED", "SECONDARY"]), force=True)
    assert instances_of(found)[SOPS[0]]["DICOM"]["ImageType"] == ["DERIVED", "SECONDARY"]


@pytest.mark.parametrize("value", ["", None, "1.2.x", 5])
@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("Study", "StudyInstanceUID"),
        ("Series", "SeriesInstanceUID"),
        ("Instance", "SOPInstanceUID"),
    ],
)
def test_what_identifies_keeps_a_value_even_with_force(
    name: str, keyword: str, value: object
) -> None:
    with pytest.raises(InvalidInput, match=keyword):
        edited(at(name, **{keyword: value}), force=True)


@pytest.mark.parametrize("remove", [False, True])
def test_what_is_said_for_all_is_no_longer_said_by_one(remove: bool) -> None:
    """The first instance's own study description gives way."""
    found = edited(at("Study", StudyDescription="Neck"), remove=remove, StudyDescription="Its own")
    assert "StudyDescription" not in instances_of(found)[SOPS[0]]["DICOM"]
    assert level(found, "Study").get("StudyDescription") == (None if remove else "Neck")


def test_attributes_of_one_instance_are_removed() -> None:
    found = edited(at("Instance", ImageComments=None), remove=True, ImageComments="x")
    assert "ImageComments" not in instances_of(found)[SOPS[0]]["DICOM"]
    # What is not there need not be removed.
    assert edited(at("Instance", ImageComments=None), remove=True) == document()


def test_an_edit_leaves_its_argument_alone() -> None:
    before = document()
    edit = Edit(at("Series", Modality="MR"), at("Study", StudyDescription=None))
    after, origins = apply_edit(before, edit, force=False)
    assert before == document()
    assert level(after, "Series")["Modality"] == "MR"
    assert origins == {sop: sop for sop in SOPS}
    assert edit.touches() == {"Series", "Study"}
    assert edit.keywords() == {"Modality", "StudyDescription"}


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"Study": {"Series": {SERIES: {}}}}, "its only series"),
        ({"Study": {"Series": {SERIES: None}}}, "its only series"),
        (
            {"Study": {"Series": {SERIES: {"Instances": dict.fromkeys(SOPS)}}}},
            "its last instance",
        ),
    ],
)
def test_an_image_set_does_not_become_empty(tree: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        edited(tree, remove=True)


def test_a_removal_that_names_attributes_keeps_the_instance() -> None:
    tree = at("Instance", ImageComments=None)
    tree["Study"]["Series"][SERIES]["Instances"][SOPS[1]] = None
    assert list(instances_of(edited(tree, remove=True))) == SOPS[:1]


@pytest.mark.parametrize(
    "blob",
    [b"not base64!", base64.b64encode(b"[1]"), base64.b64encode(b"{"), "é", b'{"a": NaN}'],
)
def test_bytes_that_hold_no_object_are_refused(blob: bytes | str) -> None:
    with pytest.raises(InvalidInput, match="updatableAttributes"):
        parse_attributes(blob, "updatableAttributes")


def test_another_schema_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"SchemaVersion 1\.1 expected"):
        parse_attributes('{"SchemaVersion": 1.0}', "updatableAttributes")
    text = json.dumps({"SchemaVersion": 1.1, **at("Study", StudyDescription="x")})
    assert parse_attributes(text, "x")["Study"]["DICOM"] == {"StudyDescription": "x"}


def test_instances_are_selected_for_a_copy() -> None:
    mine = document()
    assert selected_instances(mine, None) == SOPS
    one: dict[str, Any] = {"Study": {"Series": {SERIES: {"Instances": {SOPS[1]: {}}}}}}
    assert selected_instances(mine, one) == SOPS[1:]
    assert selected_instances(mine, {"Study": {"Series": {SERIES: {}}}}) == SOPS
    none: list[dict[str, Any]] = [{}, {"Study": None}, {"Study": {"Series": {}}}]
    for tree in none:
        with pytest.raises(InvalidInput, match="names no series"):
            selected_instances(mine, tree)


def test_copies_keep_what_the_destination_says_when_forced() -> None:
    source = document()
    destination = edited(at("Patient", PatientName="Other^Name"))
    (removed,) = SOPS[1:]
    destination = edited_without(destination, removed)
    with pytest.raises(Conflict, match="differ"):
        copy_into(source, [removed], destination, force=False)
    found = copy_into(source, [removed], destination, force=True)
    assert level(found, "Patient")["PatientName"] == "Other^Name"
    assert list(series_of(found)[1]["Instances"]) == SOPS
    assert "PatientName" not in instances_of(found)[removed]["DICOM"]
    with pytest.raises(Conflict, match="already"):
        copy_into(source, SOPS, destination, force=True)


def edited_without(whole: dict[str, Any], sop: str) -> dict[str, Any]:
    """The document with one instance less."""
    tree: dict[str, Any] = {"Study": {"Series": {SERIES: {"Instances": {sop: None}}}}}
    return apply_edit(whole, Edit(None, tree), force=False)[0]
