"""Pages, filters and forms of the AWS door, and what it does not take."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from iryo.access import Role
from tests.imaging.site import ROLE_ARN, Site, make_instance


def refused(text: str) -> Any:
    """A ValidationException that says this."""
    return pytest.raises(ClientError, match=f"ValidationException.*{text}")


@pytest.fixture
def image_set(site: Site) -> str:
    """An image set of five versions."""
    for n in range(1, 6):
        make_instance(site.folder / f"{n}" / "x.dcm", sop=f"1.2.3.1.{n}", number=n)
        (made,) = site.run_import(site.folder / f"{n}")["imageSetsSummary"]
    return str(made["imageSetId"])


def test_versions_are_listed_in_pages(site: Site, image_set: str) -> None:
    pages = list(
        site.client.get_paginator("list_image_set_versions").paginate(
            datastoreId=site.datastore, imageSetId=image_set, PaginationConfig={"PageSize": 2}
        )
    )
    found = [[one["versionId"] for one in page["imageSetPropertiesList"]] for page in pages]
    assert found == [["5", "4"], ["3", "2"], ["1"]]


def test_a_page_goes_on_where_it_ended_though_more_comes(site: Site, image_set: str) -> None:
    where = {"datastoreId": site.datastore, "imageSetId": image_set}
    first = site.client.list_image_set_versions(**where, maxResults=2)
    make_instance(site.folder / "6" / "x.dcm", sop="1.2.3.1.6", number=6)
    site.run_import(site.folder / "6")
    rest = site.client.list_image_set_versions(**where, maxResults=2, nextToken=first["nextToken"])
    assert [one["versionId"] for one in rest["imageSetPropertiesList"]] == ["3", "2"]
    where["imageSetId"] = "0" * 32
    with refused("the page token is not valid for this request"):
        site.client.list_image_set_versions(**where, nextToken=first["nextToken"])


def test_a_reader_pages_through_what_it_may_read(site: Site) -> None:
    """Among many data stores that it may not read, which take no room in its pages."""
    key = site.app.access.create_key(name="r", role=Role.READER, scope=site.datastore)
    mine = [site.datastore]
    for n in range(9):
        made = site.client.create_datastore(datastoreName=f"{n}")["datastoreId"]
        if n % 4 == 0:
            site.app.access.grant(key[0], Role.READER, made)
            mine.append(made)
    client = site.client_of(key)
    for size in (1, 2, 4, 50):
        pages = list(
            client.get_paginator("list_datastores").paginate(PaginationConfig={"PageSize": size})
        )
        sizes = [len(page["datastoreSummaries"]) for page in pages]
        assert all(count == size for count in sizes[:-1])
        found = [one["datastoreId"] for page in pages for one in page["datastoreSummaries"]]
        assert found == mine[::-1]


def test_json_mappings_are_not_imported(site: Site) -> None:
    """The newest member of the operation: refused, not passed over."""
    members = site.client.meta.service_model.operation_model("StartDICOMImportJob").input_shape
    if "importConfiguration" not in members.members:
        pytest.skip("needs a botocore whose model has importConfiguration")
    shape = members.members["importConfiguration"]
    with refused("importConfiguration is not supported"):
        site.client.start_dicom_import_job(
            datastoreId=site.datastore,
            dataAccessRoleArn=ROLE_ARN,
            inputS3Uri=site.folder.as_uri(),
            outputS3Uri=site.output.as_uri(),
            importConfiguration=sample(shape),
        )


def sample(shape: Any) -> Any:
    """Any value that a shape's model takes."""
    if shape.type_name == "structure":
        names = shape.required_members or list(shape.members)[:1]
        return {name: sample(shape.members[name]) for name in names}
    if shape.type_name == "list":
        return [sample(shape.member)]
    if shape.type_name == "boolean":
        return True
    if shape.name.endswith("UID"):
        return "1.2.3"
    return shape.enum[0] if getattr(shape, "enum", None) else "s3://bucket/mapping.json"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"operator": "EQUAL", "values": [{"isPrimary": True}, {"isPrimary": False}]},
            "EQUAL takes 1 values, 2 found",
        ),
        (
            {"operator": "BETWEEN", "values": [{"createdAt": "2026-11-25T00:00:00Z"}]},
            "BETWEEN takes 2 values, 1 found",
        ),
        (
            {
                "operator": "BETWEEN",
                "values": [
                    {"createdAt": "2026-11-25T00:00:00Z"},
                    {"updatedAt": "2026-11-25T00:00:00Z"},
                ],
            },
            "of one attribute",
        ),
    ],
)
def test_filters_that_are_none_are_refused(site: Site, given: dict[str, Any], text: str) -> None:
    with refused(text):
        site.search(filters=[given])


def test_pages_of_searches_with_instants_go_on(site: Site) -> None:
    """A page token is bound to the whole question, instants in its filters included."""
    for n in range(1, 4):
        make_instance(
            site.folder / "in" / f"{n}.dcm",
            sop=f"1.2.{n}.1.1",
            series=f"1.2.{n}.1",
            study=f"1.2.{n}",
        )
    site.run_import(site.folder / "in")
    bounds = [{"createdAt": "2001-01-01T00:00:00Z"}, {"createdAt": "2999-01-01T00:00:00Z"}]
    criteria = {"filters": [{"operator": "BETWEEN", "values": bounds}]}
    pages = site.client.get_paginator("search_image_sets").paginate(
        datastoreId=site.datastore, searchCriteria=criteria, PaginationConfig={"PageSize": 1}
    )
    found = [hit["imageSetId"] for page in pages for hit in page["imageSetsMetadataSummaries"]]
    assert len(set(found)) == len(found) == 3
    first = site.client.search_image_sets(
        datastoreId=site.datastore, searchCriteria=criteria, maxResults=1
    )
    bounds[0] = {"createdAt": "2002-01-01T00:00:00Z"}
    with refused("oken"):
        site.client.search_image_sets(
            datastoreId=site.datastore,
            searchCriteria=criteria,
            maxResults=1,
            nextToken=first["nextToken"],
        )
