"""Export: what was not edited comes back byte for byte, what was edited comes back edited."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset
from sqlalchemy import delete, select, update

from iryo.demo.compare import compare
from iryo.errors import Damaged, InvalidInput, NotFound
from iryo.imaging.service.export import SYNTAXES, changes, export, in_order
from iryo.imaging.service.failures import failures_by_reason
from iryo.imaging.service.lookup import find_datastore, find_image_set
from iryo.imaging.store import image_set_members, instances
from tests.imaging.site import Site, make_instance

FILES = [
    Path(str(get_testdata_file(name)))
    for name in (
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_implicit.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "JPEG2000.dcm",
        "image_dfl.dcm",
        "liver_1frame.dcm",
        "rtdose.dcm",
        "rtplan.dcm",
        "test-SR.dcm",
        "waveform_ecg.dcm",
        "color-px.dcm",
    )
] + [Path(get_charset_files(name)[0]) for name in ("chrH31.dcm", "chrH32.dcm", "chrX1.dcm")]


def set_of(site: Site, path: Path) -> tuple[str, str]:
    """Import a file: its image set and SOP Instance UID."""
    summary = site.run_import(path)
    (made,) = summary["imageSetsSummary"]
    uid = pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
    return str(made["imageSetId"]), str(uid)


def files(site: Site, image_set: str, **how: Any) -> dict[str, bytes]:
    """SOP Instance UID -> the bytes of the exported file, in order."""
    return {
        one.sop_instance_uid: b"".join(one.pieces)
        for one in export(site.app.room, site.datastore, image_set, **how)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_instance_comes_back_as_it_came(site: Site, tmp_path: Path, path: Path) -> None:
    image_set, uid = set_of(site, path)
    exported = tmp_path / "exported.dcm"
    exported.write_bytes(files(site, image_set)[uid])
    found = compare(path, exported)
    assert found.different == []
    assert found.elements > 0
    before, after = pydicom.dcmread(path).file_meta, pydicom.dcmread(exported).file_meta
    assert after.TransferSyntaxUID == before.TransferSyntaxUID


@pytest.mark.parametrize(("name", "syntax"), [(k, v) for k, v in SYNTAXES.items() if v])
@pytest.mark.parametrize("path", FILES[:5], ids=lambda path: path.name)
def test_an_instance_comes_in_another_syntax(
    site: Site, tmp_path: Path, path: Path, name: str, syntax: str
) -> None:
    image_set, uid = set_of(site, path)
    exported = tmp_path / f"{name}.dcm"
    exported.write_bytes(files(site, image_set, target=syntax)[uid])
    dataset = pydicom.dcmread(exported)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(dataset.pixel_array, pydicom.dcmread(path).pixel_array)


def edit(site: Site, image_set: str, updates: Mapping[str, Any], *, force: bool = False) -> None:
    """UpdateImageSetMetadata, waited for."""
    latest = site.client.get_image_set(datastoreId=site.datastore, imageSetId=image_set)
    site.client.update_image_set_metadata(
        datastoreId=site.datastore,
        imageSetId=image_set,
        latestVersionId=latest["versionId"],
        force=force,
        updateImageSetMetadataUpdates={"DICOMUpdates": updates},
    )
    settled = site.settled(image_set)
    assert settled["imageSetWorkflowStatus"] == "UPDATED", settled.get("message")


def tree(**levels: Any) -> bytes:
    return json.dumps({"SchemaVersion": "1.1", **levels}).encode()


def test_edits_come_with_the_version_that_has_them(site: Site, tmp_path: Path) -> None:
    path = make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1", ImageComments="old")
    image_set, uid = set_of(site, path)
    primary = site.client.get_image_set(datastoreId=site.datastore, imageSetId=image_set)
    assert primary["isPrimary"]
    edit(
        site,
        image_set,
        {
            "updatableAttributes": tree(
                Study={"DICOM": {"StudyDescription": "頭部 plain"}},
            ),
        },
    )
    instance = {"1.2.3.1": {"Instances": {uid: {"DICOM": {"ImageComments": "new"}}}}}
    edit(site, image_set, {"updatableAttributes": tree(Study={"Series": instance})})
    gone = {"1.2.3.1": {"Instances": {uid: {"DICOM": {"ImageComments": None}}}}}
    edit(site, image_set, {"removableAttributes": tree(Study={"Series": gone})})

    def read(number: int | None) -> Dataset:
        return pydicom.dcmread(io.BytesIO(files(site, image_set, number=number)[uid]))

    assert files(site, image_set, number=1)[uid] == path.read_bytes()
    assert read(2).StudyDescription == "頭部 plain"
    assert read(2).ImageComments == "old"
    assert read(3).ImageComments == "new"
    latest = read(None)
    assert "ImageComments" not in latest
    assert latest.StudyDescription == "頭部 plain"
    original = pydicom.dcmread(path)
    untouched = {element.tag for element in original} - {
        original["StudyDescription"].tag,
        original["ImageComments"].tag,
    }
    for tag in untouched:
        assert latest[tag] == original[tag]


def test_instances_come_in_the_order_of_their_numbers(site: Site, tmp_path: Path) -> None:
    for number in (10, 9, 1):
        make_instance(tmp_path / "in" / f"{number}.dcm", sop=f"1.2.3.1.{number}", number=number)
    summary = site.run_import(tmp_path / "in")
    (made,) = summary["imageSetsSummary"]
    assert list(files(site, made["imageSetId"])) == ["1.2.3.1.1", "1.2.3.1.9", "1.2.3.1.10"]


def test_without_numbers_the_uids_count() -> None:
    instances: dict[str, Any] = {uid: {"DICOM": {}} for uid in ("1.10", "1.9", "1.2.x")}
    instances["1.11"] = {"DICOM": {"InstanceNumber": ["+3"]}}
    document = {"Study": {"Series": {"1": {"Instances": instances}}}}
    assert in_order(document)[0] == "1.11"
    assert in_order(document).index("1.9") < in_order(document).index("1.10")


def test_what_is_not_there_is_not_exported(site: Site, tmp_path: Path) -> None:
    image_set, _ = set_of(site, make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1"))
    with pytest.raises(NotFound):
        files(site, image_set, number=2)
    with pytest.raises(NotFound):
        files(site, "0" * 32)


def test_what_is_damaged_is_said_to_be(site: Site, tmp_path: Path) -> None:
    image_set, _ = set_of(site, make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1"))
    with site.app.database.read() as connection:
        row = connection.execute(select(instances)).one()
    pack = bytearray(site.app.objects.get(row.pack))
    pack[row.document_offset : row.document_offset + row.document_length] = bytes(
        row.document_length
    )
    site.app.objects.delete([row.pack])
    site.app.objects.put(row.pack, pack)
    with pytest.raises(Damaged, match="cannot be read"):
        files(site, image_set)
    with site.app.database.write() as connection:
        connection.execute(update(instances).values(frame_count=2))
    with pytest.raises(Damaged):
        files(site, image_set)
    with site.app.database.write() as connection:
        connection.execute(delete(image_set_members))
    with pytest.raises(Damaged, match="no stored instance"):
        files(site, image_set)


json_values = st.none() | st.integers() | st.text(max_size=4) | st.lists(st.text(max_size=2))
documents = st.dictionaries(st.sampled_from(["PatientID", "Rows", "00291010", "A"]), json_values)


@given(documents, documents)
def test_changes_make_the_one_into_the_other(came: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = changes(came, wanted)
    if found is None:
        assert came == wanted
        return
    made = {k: v for k, v in came.items() if k not in found.removed} | dict(found.updated)
    assert made == wanted


def test_group_2_is_the_writers_own() -> None:
    assert changes({"TransferSyntaxUID": "1", "00020102": "x"}, {"TransferSyntaxUID": "2"}) is None


# ------------------------------------------------------------------------------- lookup, failures


def test_things_are_found_by_what_a_person_types(site: Site, tmp_path: Path) -> None:
    room = site.app.room
    other = site.client.create_datastore(datastoreName="Other")["datastoreId"]
    assert find_datastore(room, None).id == site.datastore
    assert find_datastore(room, "Other").id == other
    assert find_datastore(room, other[:6]).id == other
    with pytest.raises(NotFound, match="did you mean Other"):
        find_datastore(room, "Othr")
    site.client.create_datastore(datastoreName="Other")
    with pytest.raises(InvalidInput, match="means 2 data stores"):
        find_datastore(room, "Other")
    image_set, _ = set_of(site, make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1"))
    assert find_image_set(room, image_set[:5].upper()).id == image_set
    with pytest.raises(NotFound):
        find_image_set(room, image_set, other)
    with pytest.raises(InvalidInput):
        find_image_set(room, "%")


def test_failures_are_summed_up() -> None:
    lines = [
        orjson.dumps({"inputFile": f"{n}", "exception": {"exceptionType": kind, "message": "m"}})
        for n, kind in enumerate("aab")
    ]
    assert failures_by_reason(lines, 1) == {"a": (2, [("0", "m")]), "b": (1, [("2", "m")])}


def test_base64_of_edits_is_taken_too(site: Site, tmp_path: Path) -> None:
    image_set, uid = set_of(site, make_instance(tmp_path / "one.dcm", sop="1.2.3.1.1"))
    blob = base64.b64encode(tree(Study={"DICOM": {"StudyDescription": "twice"}}))
    edit(site, image_set, {"updatableAttributes": blob})
    exported = pydicom.dcmread(io.BytesIO(files(site, image_set)[uid]))
    assert exported.StudyDescription == "twice"
