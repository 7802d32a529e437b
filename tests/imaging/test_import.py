"""Imports, as a boto3 client sees them: what becomes an image set, and what is said of the rest."""

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from botocore.exceptions import ClientError
from pydicom.data import get_testdata_file

from tests.imaging.site import ROLE_ARN, Site, make_instance


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of an ndjson file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def series(folder: Path, count: int, **attributes: Any) -> Path:
    """A folder with one series."""
    for n in range(1, count + 1):
        make_instance(folder / f"{n:03}.dcm", sop=f"1.2.3.1.{n}", number=n, **attributes)
    return folder


def only_set(site: Site) -> str:
    """The one image set of the data store."""
    (hit,) = site.search()
    return str(hit["imageSetId"])


def test_a_series_becomes_one_primary_image_set(site: Site) -> None:
    source = series(site.folder / "in", 5)
    summary = site.run_import(source)
    assert summary["numberOfScannedFiles"] == 5
    assert summary["numberOfImportedFiles"] == 5
    assert summary["numberOfGeneratedImageSets"] == 1
    (made,) = summary["imageSetsSummary"]
    assert made["isPrimary"]
    assert made["imageSetVersion"] == 1
    assert made["numberOfMatchedSOPInstances"] == 5
    found = site.client.get_image_set(datastoreId=site.datastore, imageSetId=made["imageSetId"])
    assert found["imageSetState"] == "ACTIVE"
    assert found["imageSetWorkflowStatus"] == "CREATED"
    assert found["isPrimary"]
    (hit,) = site.search()
    tags = hit["DICOMTags"]
    assert tags["DICOMPatientName"] == "Doe^Jane"
    assert tags["DICOMSeriesNumber"] == 2
    assert tags["DICOMNumberOfStudyRelatedSeries"] == 1
    assert tags["DICOMNumberOfStudyRelatedInstances"] == 5


def test_metadata_and_frames_are_those_of_the_files(site: Site) -> None:
    source = series(site.folder / "in", 3)
    site.run_import(source)
    image_set = only_set(site)
    document = site.metadata(image_set)
    assert document["SchemaVersion"] == "1.1"
    assert document["ImageSetID"] == image_set
    assert document["Patient"]["DICOM"]["PatientName"] == "Doe^Jane"
    assert document["Study"]["DICOM"]["StudyDescription"] == "Head"
    (found,) = document["Study"]["Series"].values()
    assert found["DICOM"]["Modality"] == "CT"
    assert list(found["Instances"]) == [f"1.2.3.1.{n}" for n in (1, 2, 3)]
    for sop, instance in found["Instances"].items():
        original = pydicom.dcmread(source / f"{int(sop.rpartition('.')[2]):03}.dcm")
        assert instance["StoredTransferSyntaxUID"] == "1.2.840.10008.1.2.4.202"
        (frame,) = instance["ImageFrames"]
        answer = site.client.get_image_frame(
            datastoreId=site.datastore,
            imageSetId=image_set,
            imageFrameInformation={"imageFrameId": frame["ID"]},
        )
        assert answer["contentType"] == "image/jph"
        data = answer["imageFrameBlob"].read()
        assert len(data) == frame["FrameSizeInBytes"]
        pixels = imagecodecs.htj2k_decode(data)
        np.testing.assert_array_equal(pixels, original.pixel_array)
        (whole,) = frame["PixelDataChecksumFromBaseToFullResolution"]
        assert whole["Checksum"] == zlib.crc32(pixels.tobytes())
        assert (whole["Width"], whole["Height"]) == (24, 32)
        assert frame["MinPixelValue"] == pixels.min()
        assert frame["MaxPixelValue"] == pixels.max()


def test_the_same_files_again_change_nothing(site: Site) -> None:
    source = series(site.folder / "in", 4)
    site.run_import(source)
    before = site.metadata(only_set(site))
    packs = sorted(info.key for info in site.app.objects.list("packs"))
    summary = site.run_import(source)
    assert summary["numberOfImportedFiles"] == summary["numberOfUnchangedFiles"] == 4
    assert summary["numberOfGeneratedImageSets"] == 0
    assert site.metadata(only_set(site)) == before
    assert sorted(info.key for info in site.app.objects.list("packs")) == packs
    (version,) = site.client.list_image_set_versions(
        datastoreId=site.datastore, imageSetId=only_set(site)
    )["imageSetPropertiesList"]
    assert version["versionId"] == "1"
    responses = [
        line["importResponse"] for line in lines(summary["folder"] / "SUCCESS/success.ndjson")
    ]
    assert {one["imageSetId"] for one in responses} == {only_set(site)}


def test_new_instances_join_the_primary_as_a_new_version(site: Site) -> None:
    site.run_import(series(site.folder / "a", 2))
    make_instance(site.folder / "b" / "9.dcm", sop="1.2.3.1.9", number=9)
    summary = site.run_import(site.folder / "b")
    assert summary["imageSetsSummary"][0]["imageSetVersion"] == 2
    image_set = only_set(site)
    (first,) = site.metadata(image_set, "1")["Study"]["Series"].values()
    (second,) = site.metadata(image_set)["Study"]["Series"].values()
    assert list(first["Instances"]) == ["1.2.3.1.1", "1.2.3.1.2"]
    assert list(second["Instances"]) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.9"]
    versions = site.client.list_image_set_versions(
        datastoreId=site.datastore, imageSetId=image_set
    )["imageSetPropertiesList"]
    assert [v["versionId"] for v in versions] == ["2", "1"]
    assert versions[0]["ImageSetWorkflowStatus"] == "IMPORTED"


def test_a_changed_instance_overwrites_and_the_old_version_keeps_the_old_pixels(
    site: Site,
) -> None:
    site.run_import(series(site.folder / "a", 2))
    image_set = only_set(site)
    other = np.full((32, 24), 7, dtype=np.int16)
    make_instance(site.folder / "b" / "1.dcm", sop="1.2.3.1.1", pixels=other)
    site.run_import(site.folder / "b")
    assert only_set(site) == image_set

    def pixels(version: str) -> np.ndarray[Any, Any]:
        (found,) = site.metadata(image_set, version)["Study"]["Series"].values()
        frame = found["Instances"]["1.2.3.1.1"]["ImageFrames"][0]["ID"]
        answer = site.client.get_image_frame(
            datastoreId=site.datastore,
            imageSetId=image_set,
            imageFrameInformation={"imageFrameId": frame},
        )
        decoded: np.ndarray[Any, Any] = imagecodecs.htj2k_decode(answer["imageFrameBlob"].read())
        return decoded

    np.testing.assert_array_equal(pixels("2"), other)
    assert (pixels("1") != other).any()


def test_a_deleted_series_comes_back_though_a_copy_holds_its_instances(site: Site) -> None:
    source = series(site.folder / "in", 3)
    site.run_import(source)
    first = only_set(site)
    copied = site.client.copy_image_set(
        datastoreId=site.datastore,
        sourceImageSetId=first,
        copyImageSetInformation={"sourceImageSet": {"latestVersionId": "1"}},
    )["destinationImageSetProperties"]["imageSetId"]
    site.settled(copied)
    site.settled(first)
    site.client.delete_image_set(datastoreId=site.datastore, imageSetId=first)
    site.settled(first)
    (made,) = site.run_import(source)["imageSetsSummary"]
    assert (made["isPrimary"], made["numberOfMatchedSOPInstances"]) == (True, 3)
    assert made["imageSetId"] not in (first, copied)
    assert site.run_import(source)["numberOfUnchangedFiles"] == 3


def test_a_conflict_makes_a_non_primary_image_set(site: Site) -> None:
    site.run_import(series(site.folder / "a", 2))
    primary = only_set(site)
    make_instance(site.folder / "b" / "1.dcm", sop="1.2.3.1.7", PatientName="Other^Name")
    summary = site.run_import(site.folder / "b")
    (made,) = summary["imageSetsSummary"]
    assert not made["isPrimary"]
    assert made["imageSetId"] != primary
    found = site.search(filters=[{"values": [{"isPrimary": False}], "operator": "EQUAL"}])
    assert [hit["imageSetId"] for hit in found] == [made["imageSetId"]]
    # Another instance of the same conflict joins the same image set.
    make_instance(site.folder / "c" / "1.dcm", sop="1.2.3.1.8", PatientName="Other^Name")
    (again,) = site.run_import(site.folder / "c")["imageSetsSummary"]
    assert again["imageSetId"] == made["imageSetId"]
    assert again["imageSetVersion"] == 2


def test_padding_makes_no_conflict(site: Site) -> None:
    for number, written in enumerate(("3", "03", "3 ")):
        make_instance(
            site.folder / str(number) / "a.dcm", sop=f"1.2.9.{number}", SeriesNumber=written
        )
        site.run_import(site.folder / str(number))
        # Told apart by what is written, they are one series all the same.
        (found,) = site.search()
        (series,) = site.metadata(found["imageSetId"])["Study"]["Series"].values()
        assert len(series["Instances"]) == number + 1


def test_one_import_with_a_conflict_makes_two_image_sets(site: Site) -> None:
    source = series(site.folder / "in", 3)
    make_instance(source / "900.dcm", sop="1.2.3.1.900", PatientID="P2")
    summary = site.run_import(source)
    made = summary["imageSetsSummary"]
    assert sorted(one["isPrimary"] for one in made) == [False, True]
    (primary,) = (one for one in made if one["isPrimary"])
    assert primary["numberOfMatchedSOPInstances"] == 3


def test_of_equal_uids_with_other_pixels_the_first_counts(site: Site) -> None:
    source = series(site.folder / "in", 1)
    make_instance(source / "002.dcm", sop="1.2.3.1.1", pixels=np.zeros((32, 24), dtype=np.int16))
    (source / "003.dcm").write_bytes((source / "001.dcm").read_bytes())
    summary = site.run_import(source)
    assert summary["numberOfImportedFiles"] == 2
    assert summary["numberOfFilesWithCustomerError"] == 1
    (failure,) = lines(summary["folder"] / "FAILURE/failure.ndjson")
    assert failure["inputFile"] == "002.dcm"
    assert failure["exception"]["exceptionType"] == "DuplicateSOPInstance"
    again = site.run_import(source)
    assert again["numberOfUnchangedFiles"] == 2
    assert again["numberOfFilesWithCustomerError"] == 1


def test_bad_files_are_told_with_type_and_reason_and_the_rest_goes_in(site: Site) -> None:
    source = series(site.folder / "in", 2)
    good = (source / "001.dcm").read_bytes()
    (source / "empty.dcm").write_bytes(b"")
    (source / "text.dcm").write_text("hello " * 100)
    (source / "cut.dcm").write_bytes(good[: len(good) - 500])
    (source / "cut-header.dcm").write_bytes(good[:400])
    os.mkfifo(source / "fifo")
    (source / "link-out").symlink_to("/proc")
    (source / "broken.zip").write_bytes(b"PK\x03\x04 not a zip")
    summary = site.run_import(source)
    assert summary["numberOfImportedFiles"] == 2
    failures = {
        line["inputFile"]: line["exception"]
        for line in lines(summary["folder"] / "FAILURE/failure.ndjson")
    }
    assert set(failures) == {
        "empty.dcm", "text.dcm", "cut.dcm", "cut-header.dcm", "fifo", "link-out", "broken.zip",
    }  # fmt: skip
    assert all(one["exceptionType"] and one["message"] for one in failures.values())
    assert summary["numberOfFilesWithCustomerError"] == 7
    assert summary["numberOfFilesWithServerError"] == 0
    assert "offset" in failures["cut.dcm"]["message"]
    assert not any("Doe" in one["message"] for one in failures.values())


def test_a_zip_and_a_single_file(site: Site) -> None:
    source = series(site.folder / "in", 3)
    archive = site.folder / "all.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in source.iterdir():
            packed.write(path, f"disk/{path.name}")
        packed.writestr("readme.txt", "no image")
    summary = site.run_import(archive)
    assert summary["numberOfImportedFiles"] == 3
    (failure,) = lines(summary["folder"] / "FAILURE/failure.ndjson")
    assert failure["inputFile"] == "all.zip/readme.txt"
    summary = site.run_import(source / "001.dcm")
    assert summary["numberOfUnchangedFiles"] == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_a_zip_that_share_a_name_are_all_imported(site: Site) -> None:
    source = series(site.folder / "in", 3)
    with zipfile.ZipFile(site.folder / "all.zip", "w") as packed:
        for path in sorted(source.iterdir()):
            packed.write(path, "same.dcm")
    summary = site.run_import(site.folder / "all.zip")
    told = lines(summary["folder"] / "SUCCESS/success.ndjson")
    assert {(line["inputFile"], line["importResponse"]["SOPInstanceUID"]) for line in told} == {
        ("all.zip/same.dcm", "1.2.3.1.1"),
        ("all.zip/same.dcm (number 2 of this name)", "1.2.3.1.2"),
        ("all.zip/same.dcm (number 3 of this name)", "1.2.3.1.3"),
    }


def test_paths_that_cannot_be_are_refused(site: Site) -> None:
    circle, beside = site.folder / "circle", site.folder / "in"
    circle.symlink_to("circle")
    beside.mkdir()
    for path in (circle, circle / "x", site.folder / ("x" * 300)):
        for source, output in ((path, site.output), (beside, path)):
            with pytest.raises(ClientError, match=r"ValidationException.*is no path"):
                site.client.start_dicom_import_job(
                    datastoreId=site.datastore,
                    dataAccessRoleArn=ROLE_ARN,
                    inputS3Uri=str(source),
                    outputS3Uri=str(output),
                    jobName="test",
                )


def test_odd_names_and_links_are_told_and_the_rest_goes_in(site: Site) -> None:
    folder = site.folder / "in"
    make_instance(folder / "a b\nc%20 \U0001f600.dcm", sop="1.2.3.1.1", number=1)
    make_instance(folder / "plain.dcm", sop="1.2.3.1.2", number=2)
    bad = os.fsencode(folder) + b"/\xff\xfe"
    (folder / "plain.dcm").rename(os.fsdecode(bad + b".dcm"))
    for name, target in ((b" circle", b"\xff\xfe circle"), (b" nowhere", b"/nowhere")):
        Path(os.fsdecode(bad + name)).symlink_to(os.fsdecode(target))
    Path(os.fsdecode(bad + b" folder")).symlink_to(site.folder)
    os.mkfifo(bad + b" pipe")
    summary = site.run_import(folder)
    assert summary["numberOfImportedFiles"] == 2
    failed = lines(summary["folder"] / "FAILURE" / "failure.ndjson")
    told = {line["inputFile"]: line["exception"]["exceptionType"] for line in failed}
    assert {name.partition(" (~")[0]: reason for name, reason in told.items()} == {
        "\\xff\\xfe circle": "SymbolicLink",
        "\\xff\\xfe nowhere": "Unreadable",
        "\\xff\\xfe folder": "SymbolicLink",
        "\\xff\\xfe pipe": "NotAFile",
    }


def test_a_data_store_can_keep_jpeg_2000(site: Site) -> None:
    site.datastore = site.client.create_datastore(
        datastoreName="j2k", losslessStorageFormat="JPEG_2000_LOSSLESS"
    )["datastoreId"]
    source = series(site.folder / "in", 1)
    site.run_import(source)
    (found,) = site.metadata(only_set(site))["Study"]["Series"].values()
    (instance,) = found["Instances"].values()
    assert instance["StoredTransferSyntaxUID"] == "1.2.840.10008.1.2.4.90"
    answer = site.client.get_image_frame(
        datastoreId=site.datastore,
        imageSetId=only_set(site),
        imageFrameInformation={"imageFrameId": instance["ImageFrames"][0]["ID"]},
    )
    pixels = imagecodecs.jpeg2k_decode(answer["imageFrameBlob"].read())
    np.testing.assert_array_equal(pixels, pydicom.dcmread(source / "001.dcm").pixel_array)


@pytest.mark.parametrize(
    ("name", "syntax", "media_type"),
    [
        ("color3d_jpeg_baseline.dcm", "1.2.840.10008.1.2.4.50", "image/jpeg"),
        ("JPEG2000.dcm", "1.2.840.10008.1.2.4.91", "image/j2c"),
        ("liver_1frame.dcm", "1.2.840.10008.1.2.1", "application/octet-stream"),
        ("MR_small_RLE.dcm", "1.2.840.10008.1.2.4.202", "image/jph"),
    ],
)
def test_frames_come_with_the_media_type_of_their_syntax(
    site: Site, name: str, syntax: str, media_type: str
) -> None:
    path = get_testdata_file(name)
    assert path is not None
    site.run_import(Path(path))
    (found,) = site.metadata(only_set(site))["Study"]["Series"].values()
    (instance,) = found["Instances"].values()
    assert instance["StoredTransferSyntaxUID"] == syntax
    answer = site.client.get_image_frame(
        datastoreId=site.datastore,
        imageSetId=only_set(site),
        imageFrameInformation={"imageFrameId": instance["ImageFrames"][0]["ID"]},
    )
    assert answer["contentType"] == media_type
