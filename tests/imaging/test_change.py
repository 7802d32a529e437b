"""Updates, reverts, copies and deletions, as a boto3 client sees them."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.imaging.site import Site, make_instance

Calls = tuple[Callable[[], Any], ...]

SOPS = [f"1.2.3.1.{n}" for n in (1, 2, 3)]


@pytest.fixture
def primary(site: Site) -> str:
    """A primary image set of three instances."""
    for n, sop in enumerate(SOPS, 1):
        make_instance(site.folder / "in" / f"{n}.dcm", sop=sop, number=n)
    (made,) = site.run_import(site.folder / "in")["imageSetsSummary"]
    return str(made["imageSetId"])


@pytest.fixture
def copied(site: Site, primary: str) -> str:
    """A non-primary copy of it."""
    return str(copy(site, primary)["imageSetId"])


def update(site: Site, image_set: str, version: str, **given: Any) -> dict[str, Any]:
    """Update and wait; GetImageSet afterwards."""
    edits = {
        name: json.dumps({"SchemaVersion": "1.1", **given.pop(key)}).encode()
        for key, name in (("set", "updatableAttributes"), ("remove", "removableAttributes"))
        if key in given
    }
    revert = given.pop("revert", None)
    answer = site.client.update_image_set_metadata(
        datastoreId=site.datastore,
        imageSetId=image_set,
        latestVersionId=version,
        updateImageSetMetadataUpdates=(
            {"revertToVersionId": revert} if revert else {"DICOMUpdates": edits}
        ),
        **given,
    )
    assert answer["imageSetState"] == "LOCKED"
    assert answer["imageSetWorkflowStatus"] == "UPDATING"
    assert answer["latestVersionId"] == version
    return site.settled(image_set)


def copy(
    site: Site,
    source: str,
    *,
    version: str = "1",
    sops: list[str] | None = None,
    to: tuple[str, str] | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Copy and wait; GetImageSet of the destination afterwards."""
    wanted: dict[str, Any] = {"sourceImageSet": {"latestVersionId": version}}
    if sops is not None:
        tree: dict[str, Any] = {
            "Study": {"Series": {"1.2.3.1": {"Instances": {sop: {} for sop in sops}}}}
        }
        wanted["sourceImageSet"]["DICOMCopies"] = {"copiableAttributes": json.dumps(tree)}
    if to is not None:
        wanted["destinationImageSet"] = {"imageSetId": to[0], "latestVersionId": to[1]}
    answer = site.client.copy_image_set(
        datastoreId=site.datastore,
        sourceImageSetId=source,
        copyImageSetInformation=wanted,
        **given,
    )
    assert answer["sourceImageSetProperties"]["imageSetState"] == "LOCKED"
    assert answer["destinationImageSetProperties"]["imageSetWorkflowStatus"] == "COPYING"
    site.settled(source)
    return site.settled(answer["destinationImageSetProperties"]["imageSetId"])


def refused(code: str, text: str) -> Any:
    """The call is refused with this code, for this reason."""
    return pytest.raises(ClientError, match=f"{code}.*{text}")


def held(site: Site, image_set: str, version: str | None = None) -> list[str]:
    """The SOP Instance UIDs in the metadata."""
    (series,) = site.metadata(image_set, version)["Study"]["Series"].values()
    return list(series["Instances"])


def study(**attributes: Any) -> dict[str, Any]:
    """Study-level attributes as the operations take them."""
    return {"Study": {"DICOM": attributes}}


def instance(sop: str, **attributes: Any) -> dict[str, Any]:
    """Instance-level attributes as the operations take them."""
    part = {"DICOM": attributes} if attributes else {}
    return {"Study": {"Series": {"1.2.3.1": {"Instances": {sop: part}}}}}


# ---------------------------------------------------------------------------------------- updates


def test_an_update_is_a_version(site: Site, primary: str) -> None:
    found = update(site, primary, "1", set=study(StudyDescription="Neck"))
    assert found["versionId"] == "2"
    assert found["imageSetWorkflowStatus"] == "UPDATED"
    assert site.metadata(primary)["Study"]["DICOM"]["StudyDescription"] == "Neck"
    assert site.metadata(primary, "1")["Study"]["DICOM"]["StudyDescription"] == "Head"
    (hit,) = site.search()
    assert hit["DICOMTags"]["DICOMStudyDescription"] == "Neck"


def test_base64_within_base64_is_taken(site: Site, primary: str) -> None:
    blob = base64.b64encode(json.dumps(study(StudyDescription="Neck")).encode())
    site.client.update_image_set_metadata(
        datastoreId=site.datastore,
        imageSetId=primary,
        latestVersionId="1",
        updateImageSetMetadataUpdates={"DICOMUpdates": {"updatableAttributes": blob}},
    )
    assert site.settled(primary)["versionId"] == "2"


def test_attributes_and_instances_are_removed(site: Site, primary: str) -> None:
    update(site, primary, "1", remove=study(StudyDescription=None))
    assert "StudyDescription" not in site.metadata(primary)["Study"]["DICOM"]
    update(site, primary, "2", remove=instance(SOPS[1]))
    assert held(site, primary) == [SOPS[0], SOPS[2]]
    assert held(site, primary, "2") == SOPS


def test_a_revert_brings_back_attributes_and_instances(site: Site, primary: str) -> None:
    update(site, primary, "1", set=study(StudyDescription="Neck"))
    update(site, primary, "2", remove=instance(SOPS[0]))
    found = update(site, primary, "3", revert="1")
    assert found["versionId"] == "4"
    assert site.metadata(primary) == site.metadata(primary, "1")
    assert held(site, primary) == SOPS
    # What was removed and came back is still known: nothing is imported twice.
    assert site.run_import(site.folder / "in")["numberOfUnchangedFiles"] == 3


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"set": {"Patient": {"DICOM": {"PatientName": "X"}}}}, "primary"),
        ({"set": {"Study": {"Series": {"1.2.3.1": {"DICOM": {"Modality": "MR"}}}}}}, "primary"),
        ({"set": study(StudyInstanceUID="1.9"), "force": True}, "primary"),
        ({"set": study(StudyID="7")}, "force"),
        ({"set": study(Modality="MR")}, "belongs to level Series"),
        ({"set": study(NoSuchThing="1")}, "no attribute"),
        ({"set": study(StudyDate="yesterday")}, "no DA"),
        ({"set": study(StudyDescription=5)}, "does not fit"),
        ({"set": study(StudyDescription="x" * 300)}, "at most 256"),
        ({"set": study(StudyDescription=["a", "b"])}, "does not fit"),
        ({"set": study(StudyDescription="a\\b")}, "character"),
        ({"set": study(StudyDescription="a\0b")}, "character"),
        ({"set": instance(SOPS[0], Rows=12), "force": True}, "describes the stored bytes"),
        ({"set": instance("9.9.9", ImageComments="x")}, "not in the image set"),
        ({"set": instance(SOPS[0], ImageType=["A"])}, "multi-valued"),
        ({"set": instance(SOPS[0], ReferencedImageSequence=[])}, "sequence"),
        ({"set": instance(SOPS[0], **{"00091001": "x"})}, "private"),
        ({"set": {"ImageSetID": "x"}}, "cannot be edited"),
        ({"revert": "1"}, "not before"),
        ({"set": study(StudyDescription="x"), "remove": instance(SOPS[0], SOPInstanceUID="")},
         "primary"),
    ],
)  # fmt: skip
def test_edits_that_break_a_constraint_are_refused_at_once(
    site: Site, primary: str, given: dict[str, Any], text: str
) -> None:
    with refused("ValidationException", text):
        update(site, primary, "1", **given)
    assert site.settled(primary)["versionId"] == "1"


def test_bytes_that_are_no_json_are_refused(site: Site, primary: str) -> None:
    for blob in (b"{", b"[]", b"\xff\xfe", b'{"SchemaVersion": "7"}'):
        with pytest.raises(ClientError, match="ValidationException"):
            site.client.update_image_set_metadata(
                datastoreId=site.datastore,
                imageSetId=primary,
                latestVersionId="1",
                updateImageSetMetadataUpdates={"DICOMUpdates": {"updatableAttributes": blob}},
            )


@pytest.mark.parametrize(
    "tree",
    [
        {"Patient": "x"},
        {"Study": "x"},
        {"Study": {"DICOM": "x"}},
        {"Study": {"Series": ["x"]}},
        {"Study": {"Series": {"1.2.3.1": "x"}}},
        {"Study": {"Series": {"1.2.3.1": {"DICOM": [1]}}}},
        {"Study": {"Series": {"1.2.3.1": {"Instances": ["x"]}}}},
        {"Study": {"Series": {"1.2.3.1": {"Instances": {SOPS[0]: 1}}}}},
        {"Study": {"Series": {"1.2.3.1": {"Instances": {SOPS[0]: {"DICOM": "x"}}}}}},
    ],
)
def test_json_of_another_form_is_refused(site: Site, primary: str, tree: dict[str, Any]) -> None:
    for change in ("set", "remove"):
        with refused("ValidationException", "JSON object expected"):
            update(site, primary, "1", **{change: tree})
    with refused("ValidationException", "JSON object expected"):
        site.client.copy_image_set(
            datastoreId=site.datastore,
            sourceImageSetId=primary,
            copyImageSetInformation={
                "sourceImageSet": {
                    "latestVersionId": "1",
                    "DICOMCopies": {"copiableAttributes": json.dumps(tree)},
                }
            },
        )


def test_the_latest_version_must_be_named(site: Site, primary: str) -> None:
    update(site, primary, "1", set=study(StudyDescription="Neck"))
    with refused("ConflictException", "is 2, the request names 1"):
        update(site, primary, "1", set=study(StudyDescription="Toe"))


def test_force_edits_uids_of_a_copy(site: Site, copied: str) -> None:
    found = update(
        site, copied, "1", set=instance(SOPS[0], SOPInstanceUID="1.2.3.1.77"), force=True
    )
    assert found["overrides"] == {"forced": True}
    assert held(site, copied) == ["1.2.3.1.77", *SOPS[1:]]
    with refused("ValidationException", "two instances"):
        update(site, copied, "2", set=instance(SOPS[1], SOPInstanceUID=SOPS[2]), force=True)
    found = update(
        site,
        copied,
        "2",
        set={"Study": {"Series": {"1.2.3.1": {"DICOM": {"SeriesInstanceUID": "1.2.3.8"}}}}},
        force=True,
    )
    assert list(site.metadata(copied)["Study"]["Series"]) == ["1.2.3.8"]


def test_patient_attributes_of_a_copy_can_be_edited(site: Site, copied: str) -> None:
    update(site, copied, "1", set={"Patient": {"DICOM": {"PatientName": "New^Name"}}})
    assert site.metadata(copied)["Patient"]["DICOM"]["PatientName"] == "New^Name"


def test_a_whole_study_is_updated_at_once(site: Site, primary: str) -> None:
    make_instance(site.folder / "b" / "1.dcm", sop="1.2.3.2.1", series="1.2.3.2")
    (other,) = site.run_import(site.folder / "b")["imageSetsSummary"]
    update(
        site,
        primary,
        "1",
        set={"Patient": {"DICOM": {"PatientName": "New^Name"}}},
        includeStudyImageSets=True,
    )
    for image_set in (primary, other["imageSetId"]):
        assert site.settled(image_set)["versionId"] == "2"
        assert site.metadata(image_set)["Patient"]["DICOM"]["PatientName"] == "New^Name"
    with refused("ValidationException", "includeStudyImageSets"):
        update(site, primary, "2", revert="1", includeStudyImageSets=True)
    with refused("ValidationException", "Patient and Study attributes only"):
        update(
            site, primary, "2", set=instance(SOPS[0], ImageComments="x"), includeStudyImageSets=True
        )


# ----------------------------------------------------------------------------------------- copies


def test_a_copy_is_a_new_image_set_with_the_same_pixels(site: Site, primary: str) -> None:
    packs = sorted(info.key for info in site.app.objects.list("packs"))
    found = copy(site, primary)
    assert found["imageSetWorkflowStatus"] == "COPIED"
    assert not found["isPrimary"]
    assert held(site, found["imageSetId"]) == SOPS
    assert sorted(info.key for info in site.app.objects.list("packs")) == packs
    assert site.settled(primary)["imageSetWorkflowStatus"] == "CREATED"
    (series,) = site.metadata(found["imageSetId"])["Study"]["Series"].values()
    frame = series["Instances"][SOPS[0]]["ImageFrames"][0]["ID"]
    answer = site.client.get_image_frame(
        datastoreId=site.datastore,
        imageSetId=found["imageSetId"],
        imageFrameInformation={"imageFrameId": frame},
    )
    assert answer["imageFrameBlob"].read()


def test_a_part_is_copied_and_a_part_is_added(site: Site, primary: str) -> None:
    made = copy(site, primary, sops=SOPS[:1])["imageSetId"]
    assert held(site, made) == SOPS[:1]
    found = copy(site, primary, sops=SOPS[1:2], to=(made, "1"))
    assert found["versionId"] == "2"
    assert held(site, made) == SOPS[:2]
    with refused("ConflictException", "already"):
        copy(site, primary, sops=SOPS[:1], to=(made, "2"))
    with refused("ValidationException", "not in the image set"):
        copy(site, primary, sops=["9.9"])


def test_a_copy_into_one_that_differs_takes_force(site: Site, primary: str) -> None:
    made = copy(site, primary, sops=SOPS[:1])["imageSetId"]
    update(site, made, "1", set={"Patient": {"DICOM": {"PatientName": "New^Name"}}})
    with refused("ConflictException", "differ"):
        copy(site, primary, sops=SOPS[1:2], to=(made, "2"))
    found = copy(site, primary, sops=SOPS[1:2], to=(made, "2"), force=True)
    assert found["overrides"] == {"forced": True}
    document = site.metadata(made)
    assert document["Patient"]["DICOM"]["PatientName"] == "New^Name"
    assert held(site, made) == SOPS[:2]


def test_promotion_takes_the_place_of_a_primary_that_is_gone(site: Site, primary: str) -> None:
    with refused("ConflictException", "primary of this series already"):
        copy(site, primary, promoteToPrimary=True)
    spare = copy(site, primary)["imageSetId"]
    site.client.delete_image_set(datastoreId=site.datastore, imageSetId=primary)
    site.settled(primary)
    found = copy(site, spare, promoteToPrimary=True)
    assert found["isPrimary"]


# --------------------------------------------------------------------------------------- deletion


def test_a_deleted_image_set_is_told_of_and_not_read(site: Site, primary: str) -> None:
    (series,) = site.metadata(primary)["Study"]["Series"].values()
    frame = {"imageFrameId": series["Instances"][SOPS[0]]["ImageFrames"][0]["ID"]}
    where = {"datastoreId": site.datastore, "imageSetId": primary}
    site.client.get_image_frame(**where, imageFrameInformation=frame)
    answer = site.client.delete_image_set(**where)
    assert answer["imageSetWorkflowStatus"] == "DELETING"
    found = site.settled(primary)
    assert found["imageSetState"] == "DELETED"
    assert found["deletedAt"]
    assert site.search() == []
    calls: Calls = (
        lambda: site.client.get_image_set_metadata(**where),
        lambda: site.client.get_image_frame(**where, imageFrameInformation=frame),
        lambda: site.client.delete_image_set(**where),
    )
    for call in calls:
        with refused("ResourceNotFoundException", ""):
            call()
    # The series can be imported again.
    (again,) = site.run_import(site.folder / "in")["imageSetsSummary"]
    assert again["isPrimary"]
    assert again["imageSetId"] != primary


def test_a_datastore_with_image_sets_is_not_deleted(site: Site, primary: str) -> None:
    with refused("ConflictException", "holds 1 image sets"):
        site.client.delete_datastore(datastoreId=site.datastore)
    site.client.delete_image_set(datastoreId=site.datastore, imageSetId=primary)
    site.settled(primary)
    answer = site.client.delete_datastore(datastoreId=site.datastore)
    assert answer["datastoreStatus"] == "DELETED"
    with refused("ResourceNotFoundException", ""):
        site.search()


def test_changes_that_a_lock_forbids(site: Site, primary: str) -> None:
    site.app.runner.stop()  # so that the lock stays
    site.client.update_image_set_metadata(
        datastoreId=site.datastore,
        imageSetId=primary,
        latestVersionId="1",
        updateImageSetMetadataUpdates={
            "DICOMUpdates": {"updatableAttributes": json.dumps(study(StudyDescription="x"))}
        },
    )
    calls: Calls = (
        lambda: update(site, primary, "1", set=study(StudyDescription="y")),
        lambda: copy(site, primary),
        lambda: site.client.delete_image_set(datastoreId=site.datastore, imageSetId=primary),
    )
    for call in calls:
        with refused("ConflictException", "LOCKED"):
            call()
    assert site.metadata(primary)["Study"]["DICOM"]["StudyDescription"] == "Head"


def test_a_lock_whose_job_was_given_up_is_opened(site: Site, primary: str) -> None:
    site.app.runner.stop()
    site.client.delete_image_set(datastoreId=site.datastore, imageSetId=primary)
    with site.app.database.write() as connection:
        (job,) = site.app.jobs.list(connection, kind="imaging.delete", scope=site.datastore)
        site.app.jobs.cancel(connection, job.id)
    answer = site.client.delete_image_set(datastoreId=site.datastore, imageSetId=primary)
    assert answer["imageSetState"] == "LOCKED"
