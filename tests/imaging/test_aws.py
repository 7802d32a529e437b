"""The AWS door: data stores, search, tags, who may do what, and what is told when it goes wrong."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from iryo.access import Role
from iryo.imaging.aws import OPERATIONS
from tests.imaging.site import ROLE_ARN, Site, called_stored, make_instance

Calls = tuple[Callable[[], Any], ...]


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    """The AWS error code."""
    return str(caught.value.response["Error"]["Code"])


def test_every_operation_of_the_model_is_there() -> None:
    model = botocore.session.get_session().get_service_model("medical-imaging")
    assert set(OPERATIONS) == set(model.operation_names)


def test_datastores_are_made_listed_and_told_of(site: Site) -> None:
    made = [
        site.client.create_datastore(datastoreName=f"store-{n}", tags={"team": "x"})["datastoreId"]
        for n in range(3)
    ]
    found = site.client.get_datastore(datastoreId=made[0])["datastoreProperties"]
    assert found["datastoreName"] == "store-0"
    assert found["losslessStorageFormat"] == "HTJ2K"
    assert found["datastoreStatus"] == "ACTIVE"
    assert site.client.list_tags_for_resource(resourceArn=found["datastoreArn"])["tags"] == {
        "team": "x"
    }
    pages = site.client.get_paginator("list_datastores").paginate(PaginationConfig={"PageSize": 2})
    listed = [one["datastoreId"] for page in pages for one in page["datastoreSummaries"]]
    assert listed == [*made[::-1], site.datastore]
    site.client.delete_datastore(datastoreId=made[1])
    active = site.client.list_datastores(datastoreStatus="ACTIVE")["datastoreSummaries"]
    assert made[1] not in [one["datastoreId"] for one in active]


def test_the_same_token_makes_one_datastore(site: Site) -> None:
    first = site.client.create_datastore(datastoreName="a", clientToken="t1")
    again = site.client.create_datastore(datastoreName="a", clientToken="t1")
    assert again["datastoreId"] == first["datastoreId"]
    with pytest.raises(ClientError) as caught:
        site.client.create_datastore(datastoreName="b", clientToken="t1")
    assert code(caught) == "ConflictException"


def test_what_is_not_there_is_not_found(site: Site) -> None:
    nothing = "0" * 32
    calls: Calls = (
        lambda: site.client.get_datastore(datastoreId=nothing),
        lambda: site.client.get_image_set(datastoreId=site.datastore, imageSetId=nothing),
        lambda: site.client.get_image_set_metadata(datastoreId=site.datastore, imageSetId=nothing),
        lambda: site.client.get_dicom_import_job(datastoreId=site.datastore, jobId=nothing),
        lambda: site.client.get_image_frame(
            datastoreId=site.datastore,
            imageSetId=nothing,
            imageFrameInformation={"imageFrameId": nothing},
        ),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "ResourceNotFoundException"


def test_versions_that_no_image_set_has(studies: Site) -> None:
    (first, *_) = studies.client.search_image_sets(datastoreId=studies.datastore)[
        "imageSetsMetadataSummaries"
    ]
    image_set = {"datastoreId": studies.datastore, "imageSetId": first["imageSetId"]}
    for version in ("0", "2", "9" * 10, "9" * 20, "9" * 5000):
        for read in (studies.client.get_image_set, studies.client.get_image_set_metadata):
            with pytest.raises(ClientError) as caught:
                read(**image_set, versionId=version)
            assert code(caught) == "ResourceNotFoundException"
        with pytest.raises(ClientError) as caught:
            studies.client.update_image_set_metadata(
                **image_set,
                latestVersionId=version,
                updateImageSetMetadataUpdates={"revertToVersionId": "1"},
            )
        assert code(caught) == "ConflictException"
    assert studies.client.get_image_set(**image_set, versionId="001")["versionId"] == "1"


def test_an_arn_of_another_account_names_nothing_here(site: Site) -> None:
    mine = site.client.get_datastore(datastoreId=site.datastore)["datastoreProperties"]
    theirs = mine["datastoreArn"].replace(":000000000000:", ":111111111111:")
    with pytest.raises(ClientError) as caught:
        site.client.tag_resource(resourceArn=theirs, tags={"a": "b"})
    assert code(caught) == "ResourceNotFoundException"


def test_the_model_is_enforced(site: Site) -> None:
    calls: Calls = (
        lambda: site.client.get_datastore(datastoreId="short"),
        lambda: site.client.create_datastore(datastoreName="with spaces"),
        lambda: site.client.list_datastores(maxResults=51),
        lambda: site.client.list_datastores(nextToken="forged"),
        lambda: site.client.search_image_sets(
            datastoreId=site.datastore,
            searchCriteria={
                "filters": [between({"DICOMPatientId": "a"}, {"DICOMPatientId": "b"})]
            },
        ),
        lambda: site.client.start_dicom_import_job(
            datastoreId=site.datastore,
            dataAccessRoleArn="role/but-long-enough",
            inputS3Uri="file:///x",
            outputS3Uri="file:///y",
        ),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "ValidationException"


@pytest.fixture
def studies(site: Site) -> Site:
    """Seven patients, one study each, on seven days."""
    for n in range(1, 8):
        make_instance(
            site.folder / "in" / f"{n}.dcm",
            sop=f"1.2.{n}.1.1",
            series=f"1.2.{n}.1",
            study=f"1.2.{n}",
            PatientID=f"P{n}",
            PatientName=f"Name{n}^X=山田{n}^太郎=やまだ^たろう",
            AccessionNumber=f"A{n}",
            StudyID=f"S{n}",
            StudyDate=f"2026110{n}",
            StudyTime="120000",
        )
    site.run_import(site.folder / "in")
    return site


def found(site: Site, *filters: Any, **criteria: Any) -> list[str]:
    """Patient ids of what a search finds, in its order."""
    if filters:
        criteria["filters"] = list(filters)
    return [hit["DICOMTags"]["DICOMPatientId"] for hit in site.search(**criteria)]


def equal(**value: Any) -> dict[str, Any]:
    """An EQUAL filter."""
    return {"operator": "EQUAL", "values": [value]}


def between(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """A BETWEEN filter."""
    return {"operator": "BETWEEN", "values": [low, high]}


def test_search_by_every_key(studies: Site) -> None:
    assert found(studies, equal(DICOMPatientId="P3")) == ["P3"]
    assert found(studies, equal(DICOMAccessionNumber="A4")) == ["P4"]
    assert found(studies, equal(DICOMStudyId="S5")) == ["P5"]
    assert found(studies, equal(DICOMStudyInstanceUID="1.2.6")) == ["P6"]
    assert found(studies, equal(DICOMSeriesInstanceUID="1.2.7.1")) == ["P7"]
    assert len(found(studies, equal(isPrimary=True))) == 7
    assert found(studies, equal(isPrimary=False)) == []
    assert found(studies, equal(DICOMPatientId="P3"), equal(DICOMStudyId="S4")) == []
    date = {"DICOMStudyDate": "20261102"}
    assert found(studies, equal(DICOMStudyDateAndTime=date)) == ["P2"]
    for other in ("2026%", "2026110_", "202611", ""):
        assert found(studies, equal(DICOMStudyDateAndTime={"DICOMStudyDate": other})) == []


def test_search_by_ranges(studies: Site) -> None:
    sort = {"sortField": "DICOMStudyDateAndTime", "sortOrder": "ASC"}
    low = {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20261102", "DICOMStudyTime": "120000"}}
    high = {"DICOMStudyDateAndTime": {"DICOMStudyDate": "20261105"}}
    assert found(studies, between(low, high), sort=sort) == ["P2", "P3", "P4", "P5"]
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    for field in ("createdAt", "updatedAt"):
        assert len(found(studies, between({field: now - hour}, {field: now + hour}))) == 7
        assert found(studies, between({field: now + hour}, {field: now + 2 * hour})) == []


def test_search_sorts_and_pages_without_gaps(studies: Site) -> None:
    for order in ("ASC", "DESC"):
        for field in ("updatedAt", "createdAt", "DICOMStudyDateAndTime"):
            criteria = {"sort": {"sortField": field, "sortOrder": order}}
            whole = studies.client.search_image_sets(
                datastoreId=studies.datastore, searchCriteria=criteria
            )
            pages = studies.client.get_paginator("search_image_sets").paginate(
                datastoreId=studies.datastore,
                searchCriteria=criteria,
                PaginationConfig={"PageSize": 2},
            )
            paged = [h["imageSetId"] for p in pages for h in p["imageSetsMetadataSummaries"]]
            assert paged == [h["imageSetId"] for h in whole["imageSetsMetadataSummaries"]]
            assert len(paged) == 7
            assert whole["sort"] == criteria["sort"]


def test_a_token_of_one_search_does_not_continue_another(studies: Site) -> None:
    first = studies.client.search_image_sets(datastoreId=studies.datastore, maxResults=2)
    with pytest.raises(ClientError) as caught:
        studies.client.search_image_sets(
            datastoreId=studies.datastore,
            maxResults=2,
            nextToken=first["nextToken"],
            searchCriteria={"filters": [equal(DICOMPatientId="P1")]},
        )
    assert code(caught) == "ValidationException"
    assert "P1" not in str(caught.value)


def test_tags(studies: Site) -> None:
    image_set = studies.search()[0]["imageSetId"]
    arn = studies.client.get_image_set(datastoreId=studies.datastore, imageSetId=image_set)[
        "imageSetArn"
    ]
    studies.client.tag_resource(resourceArn=arn, tags={"a": "one", "b": "two"})
    studies.client.tag_resource(resourceArn=arn, tags={"b": "three"})
    studies.client.untag_resource(resourceArn=arn, tagKeys=["a", "never"])
    assert studies.client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "three"}
    with pytest.raises(ClientError) as caught:
        studies.client.tag_resource(
            resourceArn=arn,
            tags={f"{a}{b}": "" for a in "abcdefgh" for b in "abcdefgh"},
        )
    assert code(caught) == "ValidationException"


def test_roles(studies: Site) -> None:
    other = studies.client.create_datastore(datastoreName="other")["datastoreId"]
    reader = studies.client_of(
        studies.app.access.create_key(name="r", role=Role.READER, scope=studies.datastore)
    )
    assert reader.search_image_sets(datastoreId=studies.datastore)["imageSetsMetadataSummaries"]
    listed = reader.list_datastores()["datastoreSummaries"]
    assert [one["datastoreId"] for one in listed] == [studies.datastore]
    image_set = studies.search()[0]["imageSetId"]
    calls: Calls = (
        lambda: reader.search_image_sets(datastoreId=other),
        lambda: reader.create_datastore(datastoreName="x"),
        lambda: reader.delete_image_set(datastoreId=studies.datastore, imageSetId=image_set),
        lambda: reader.start_dicom_import_job(
            datastoreId=studies.datastore,
            dataAccessRoleArn=ROLE_ARN,
            inputS3Uri=(studies.folder / "in").as_uri(),
            outputS3Uri=studies.output.as_uri(),
        ),
        lambda: reader.delete_datastore(datastoreId=studies.datastore),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "AccessDeniedException"


def test_every_access_is_audited(studies: Site) -> None:
    image_set = studies.search()[0]["imageSetId"]
    document = studies.metadata(image_set)
    (series,) = document["Study"]["Series"].values()
    (instance,) = series["Instances"].values()
    frame = instance["ImageFrames"][0]["ID"]
    studies.client.get_image_frame(
        datastoreId=studies.datastore,
        imageSetId=image_set,
        imageFrameInformation={"imageFrameId": frame},
    )
    reader = studies.client_of(
        studies.app.access.create_key(name="r", role=Role.READER, scope=studies.datastore)
    )
    with pytest.raises(ClientError):
        reader.delete_datastore(datastoreId=studies.datastore)
    studies.app.audit.flush()
    rows = list(studies.app.audit.read(limit=1000))
    told = {(row.action, row.resource, row.outcome) for row in rows}
    (read,) = (row for row in rows if row.action == "medical-imaging:GetImageFrame")
    assert (read.resource, read.outcome, read.detail) == (image_set, "allowed", {"frame": frame})
    assert ("medical-imaging:GetImageSetMetadata", image_set, "allowed") in told
    assert ("medical-imaging:DeleteDatastore", "", "denied") in told
    assert all(row.source == "127.0.0.1" for row in rows)
    text = json.dumps([[row.action, row.resource, row.detail] for row in rows])
    assert "山田" not in text
    assert "Name1" not in text


def test_a_wrong_secret_and_an_unknown_key_are_told_apart_as_aws_does(site: Site) -> None:
    with pytest.raises(ClientError) as caught:
        site.client_of((site.key[0], "wrong")).list_datastores()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert code(caught) == "InvalidSignatureException"
    with pytest.raises(ClientError) as caught:
        site.client_of(("IRYOAAAAAAAAAAAAAAAA", "x")).list_datastores()
    assert code(caught) == "UnrecognizedClientException"


def test_who_has_stored_something_by_dicomweb_finds_it(site: Site) -> None:
    """And who may only read waits for nobody."""
    file = make_instance(site.folder / "1.dcm", sop="1.2.3.1.1")
    called_stored(site.app, site.datastore, file, site.key[0])
    reader = site.client_of(site.app.access.create_key(name="reader", role=Role.READER))
    asked = {"datastoreId": site.datastore, "searchCriteria": {}}
    assert reader.search_image_sets(**asked)["imageSetsMetadataSummaries"] == []
    (hit,) = site.search()
    assert hit["DICOMTags"]["DICOMStudyInstanceUID"] == "1.2.3"
