"""Instances by the UIDs of DICOM: found, and given back as they are now."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from iryo.dicom.syntaxes import EXPLICIT_LITTLE, HTJ2K_LOSSLESS_RPCL
from iryo.errors import NotAcceptable, NotFound
from iryo.imaging.service.retrieve import possible_syntaxes, stored_instances, write
from tests.imaging.site import Site, make_instance
from tests.imaging.test_export import edit, tree


def read(site: Site, found: object, target: str | None = None) -> pydicom.Dataset:
    pieces = write(site.app.room, site.datastore, found, target)  # type: ignore[arg-type]
    return pydicom.dcmread(io.BytesIO(b"".join(pieces)))


def test_they_are_found_at_each_level(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for series in "12":
        for sop in "34":
            make_instance(
                folder / f"{series}{sop}.dcm",
                sop=f"1.2.9.{series}.{sop}",
                SeriesInstanceUID=f"1.2.9.{series}",
                StudyInstanceUID="1.2.9",
            )
    site.run_import(folder)
    room, store = site.app.room, site.datastore
    found = stored_instances(room, store, "1.2.9")
    assert sorted((one.series_uid, one.sop_instance_uid) for one in found) == [
        (f"1.2.9.{series}", f"1.2.9.{series}.{sop}") for series in "12" for sop in "34"
    ]
    assert [one.series_uid for one in found] == ["1.2.9.1"] * 2 + ["1.2.9.2"] * 2
    assert len(stored_instances(room, store, "1.2.9", "1.2.9.2")) == 2
    (one,) = stored_instances(room, store, "1.2.9", "1.2.9.2", "1.2.9.2.4")
    assert not one.edited
    assert read(site, one).SOPInstanceUID == "1.2.9.2.4"
    for uids in (("1.2.9", "1.2.8"), ("1.2.9", "1.2.9.1", "1.2.9.2.4"), ("1.2",)):
        with pytest.raises(NotFound):
            stored_instances(room, store, *uids)
    with pytest.raises(NotFound, match="data store"):
        stored_instances(room, "0" * 32, "1.2.9")


def test_an_edit_shows_in_what_is_given_back(site: Site, tmp_path: Path) -> None:
    path = make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1", StudyDescription="old")
    image_set = site.run_import(path)["imageSetsSummary"][0]["imageSetId"]
    study = str(pydicom.dcmread(path).StudyInstanceUID)
    edit(
        site,
        image_set,
        {"updatableAttributes": tree(Study={"DICOM": {"StudyDescription": "new"}})},
    )
    (one,) = stored_instances(site.app.room, site.datastore, study)
    assert one.edited
    assert read(site, one).StudyDescription == "new"


def test_what_is_not_primary_is_found_by_its_image_set_alone(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    make_instance(folder / "one.dcm", sop="1.2.3.1.1", PatientID="A")
    make_instance(folder / "two.dcm", sop="1.2.3.1.2", PatientID="B")
    made = site.run_import(folder)["imageSetsSummary"]
    study = str(pydicom.dcmread(folder / "one.dcm").StudyInstanceUID)
    (other,) = [one["imageSetId"] for one in made if not one["isPrimary"]]
    room, store = site.app.room, site.datastore
    seen = {one.sop_instance_uid for one in stored_instances(room, store, study)}
    beside = stored_instances(room, store, study, image_set_id=other)
    assert len(seen) == len(beside) == 1
    assert seen | {beside[0].sop_instance_uid} == {"1.2.3.1.1", "1.2.3.1.2"}


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_jpeg_dcmtk.dcm", "rtplan.dcm"])
def test_what_is_possible_can_be_given(site: Site, name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    site.run_import(path)
    original = pydicom.dcmread(path)
    (one,) = stored_instances(site.app.room, site.datastore, original.StudyInstanceUID)
    syntaxes = possible_syntaxes(one)
    assert syntaxes[0] == (one.stored_syntax or EXPLICIT_LITTLE)
    for syntax in syntaxes:
        try:
            given = read(site, one, syntax)
        except NotAcceptable:
            assert syntax != syntaxes[0]
            continue
        assert given.file_meta.TransferSyntaxUID == syntax
        if "PixelData" in original and syntax != HTJ2K_LOSSLESS_RPCL:
            assert given.PixelData
    if one.stored_syntax == HTJ2K_LOSSLESS_RPCL:
        plain = read(site, one, EXPLICIT_LITTLE)
        assert np.array_equal(plain.pixel_array, original.pixel_array)
