"""What the model demands is demanded, in AWS's words, and no value is echoed."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.wire.aws.asking import ID, send
from tests.wire.aws.demands import FAILED, ROOM, UPDATE, ask, fault, imaging
from tests.wire.loop import Room, gateway, load
from tests.wire.oracle import SERVICES, Side, cases


class TestConstraints:
    def test_required(self) -> None:
        assert ask("DescribeExecution", {}) == fault(f"'executionArn' {FAILED} not be null")
        assert ask("DescribeExecution", {"executionArn": None}) == fault(
            f"'executionArn' {FAILED} not be null"
        )
        assert imaging("POST", f"/startDICOMImportJob/datastore/{ID}", {}) == fault(
            *(
                f"'{name}' {FAILED} not be null"
                for name in ("dataAccessRoleArn", "clientToken", "inputS3Uri", "outputS3Uri")
            )
        )

    def test_length(self) -> None:
        assert ask("DescribeExecution", {"executionArn": "a" * 257}) == fault(
            f"'executionArn' {FAILED} have length less than or equal to 256"
        )
        assert ask("DescribeExecution", {"executionArn": ""}) == fault(
            f"'executionArn' {FAILED} have length greater than or equal to 1"
        )
        # Characters are counted as people count them, not as UTF-16 does.
        assert ask("DescribeExecution", {"executionArn": "😀" * 256}) is None

    def test_pattern(self) -> None:
        assert imaging("GET", "/datastore/UPPER") == fault(
            f"'datastoreId' {FAILED} satisfy regular expression pattern: [0-9a-z]{{32}}"
        )
        for wrong in (ID + "0", ID + "%0A", "%0A" + ID):
            assert imaging("GET", f"/datastore/{wrong}") is not None
        assert imaging("GET", f"/datastore/{ID}") is None

    def test_a_pattern_that_the_room_replaces(self) -> None:
        room = Room()
        asked = {
            "dataAccessRoleArn": "arn:aws:iam::123456789012:role/x",
            "clientToken": "1",
            "inputS3Uri": "file:///data/ct/",
            "outputS3Uri": "s3://bucket/",
        }
        path = f"/startDICOMImportJob/datastore/{ID}"
        found = imaging("POST", path, asked)
        assert found is not None
        assert found[2].startswith(f"1 validation error detected: Value at 'inputS3Uri' {FAILED}")
        door = gateway(room.table("medical-imaging", patterns={"S3Uri": "(s3|file)://.+"}))
        body = json.dumps(asked).encode()
        assert send(door, "medical-imaging", "POST", path, body=body).status == 200
        free = gateway(room.table("medical-imaging", patterns={"S3Uri": ""}))
        assert send(free, "medical-imaging", "POST", path, body=body).status == 200

    def test_range(self) -> None:
        assert imaging("GET", "/datastore?maxResults=51") == fault(
            f"'maxResults' {FAILED} have value less than or equal to 50"
        )
        assert imaging("GET", "/datastore?maxResults=0") == fault(
            f"'maxResults' {FAILED} have value greater than or equal to 1"
        )

    def test_enum(self) -> None:
        assert imaging("GET", "/datastore?datastoreStatus=active") == fault(
            f"'datastoreStatus' {FAILED} satisfy enum value set: "
            "[CREATING, CREATE_FAILED, ACTIVE, DELETING, DELETED]"
        )

    def test_lists_and_their_items(self) -> None:
        criteria: dict[str, Any] = {"filters": []}
        path = f"/datastore/{ID}/searchImageSets"
        assert imaging("POST", path, criteria) == fault(
            f"'searchCriteria.filters' {FAILED} have length greater than or equal to 1"
        )
        value = {"DICOMStudyInstanceUID": "xxx"}
        criteria = {"filters": [{"operator": "EQUAL", "values": [value, value, value]}] * 3}
        found = imaging("POST", path, criteria)
        assert found is not None
        assert "'searchCriteria.filters' " in found[2]
        assert "'searchCriteria.filters.2.member.values' " in found[2]
        assert (
            "'searchCriteria.filters.3.member.values.1.member.DICOMStudyInstanceUID' " in found[2]
        )
        assert "xxx" not in found[2]

    def test_items_that_are_no_structures(self) -> None:
        arn = f"arn%3Aaws%3Amedical-imaging%3Aus-east-1%3A123456789012%3Adatastore%2F{ID}"
        assert imaging("DELETE", f"/tags/{arn}?tagKeys=aws%3Ax&tagKeys=b") == fault(
            f"'tagKeys' {FAILED} satisfy constraint: [Member must have length less than or equal to"
            " 128, Member must have length greater than or equal to 1, Member must satisfy regular"
            " expression pattern: (?!aws:)[a-zA-Z+-=._:/]+]"
        )
        assert imaging("DELETE", f"/tags/{arn}?tagKeys=a&tagKeys=b") is None
        assert ROOM.given["tagKeys"] == ["a", "b"]

    def test_maps(self) -> None:
        tags = {"aws:SECRET": "a", "b": "x" * 300, "c": "y" * 300}
        found = imaging("POST", "/datastore", {"clientToken": "1", "tags": tags})
        assert found is not None
        assert found[2].startswith("2 validation errors detected: ")
        assert (
            "'tags' failed to satisfy constraint: Map keys must satisfy constraint: [" in found[2]
        )
        assert (
            "'tags' failed to satisfy constraint: Map value must satisfy constraint: [" in found[2]
        )
        assert "SECRET" not in found[2]
        many = {str(number): "a" for number in range(201)}
        assert (
            imaging("POST", "/datastore", {"clientToken": "1", "tags": many})
            == fault(f"'tags' {FAILED} have length less than or equal to 200")
            or "tags" not in load("medical-imaging").shape_for("TagMap").metadata
        )

    def test_null_is_absence_but_in_a_list(self) -> None:
        assert ask("ListActivities", {"maxResults": None}) is None
        assert ROOM.given == {}
        assert ask("TagResource", {"resourceArn": "a", "tags": [None]}) == fault(
            f"'tags.1.member' {FAILED} not be null"
        )
        assert ask("UntagResource", {"resourceArn": "a", "tagKeys": ["a", None]}) == fault(
            f"'tagKeys' {FAILED} satisfy constraint: [Member must not be null]"
        )
        assert imaging("POST", "/datastore", {"clientToken": "1", "tags": {"a": None}}) is None
        assert ROOM.given["tags"] == {}

    def test_unions(self) -> None:
        one_of = f"{FAILED} have exactly one of its members set"
        place = "'updateImageSetMetadataUpdates'"
        assert imaging("POST", UPDATE, {"revertToVersionId": "1"}) is None
        assert (
            imaging("POST", UPDATE, {"revertToVersionId": "1", "unknown": 1, "DICOMUpdates": None})
            is None
        )
        for value in ({}, {"unknown": 1}, {"revertToVersionId": "1", "DICOMUpdates": {}}):
            assert imaging("POST", UPDATE, value) == fault(f"{place} {one_of}")

    def test_blobs_by_their_bytes(self) -> None:
        def updates(text: str) -> Any:
            return {"DICOMUpdates": {"updatableAttributes": text}}

        assert imaging("POST", UPDATE, updates("YWI=")) is None
        assert ROOM.given["updateImageSetMetadataUpdates"]["DICOMUpdates"] == {
            "updatableAttributes": b"ab"
        }
        assert imaging("POST", UPDATE, updates("YWJj" * 10_001)) == fault(
            "'updateImageSetMetadataUpdates.DICOMUpdates.updatableAttributes' "
            f"{FAILED} have length less than or equal to 30000"
        )

    def test_unknown_members_are_ignored(self) -> None:
        assert ask("ListActivities", {"unknown": {"a": [1]}, "maxResults": 5}) is None
        assert ROOM.given == {"maxResults": 5}
        assert imaging("GET", "/datastore?unknown=1&maxResults=5") is None
        assert ROOM.given == {"maxResults": 5}

    def test_many_faults_are_counted_but_not_all_told(self) -> None:
        tags = [{"key": "x" * 129}] * 100
        found = ask("TagResource", {"resourceArn": "a", "tags": tags})
        assert found is not None
        assert found[2].startswith("100 validation errors detected: ")
        assert found[2].count("Value at") == 50

    def test_services_that_call_it_otherwise(self) -> None:
        asked = {"TranscriptionJobName": "no blanks", "Media": {}}
        found = ask("StartTranscriptionJob", asked, "transcribe", "Transcribe")
        assert found is not None
        assert found[:2] == (400, "BadRequestException")
        assert f"'TranscriptionJobName' {FAILED}" in found[2]

    def test_a_token_that_the_model_requires_is_not_made_up(self) -> None:
        assert imaging("POST", "/datastore", {}) == fault(f"'clientToken' {FAILED} not be null")


CASES = cases(*SERVICES)


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
def test_no_required_member_can_be_left_out(case: tuple[str, str, str]) -> None:
    """For each operation: the input without one required member is refused, and says so."""
    service, protocol, operation = case
    side = Side.shared(service, protocol)
    shape = side.model.operation_model(operation).input_shape
    # A label in the path cannot be left out; a body that is all payload is always there.
    required = [
        name
        for name in (shape.required_members if shape is not None else ())
        if shape.members[name].serialization.get("location") != "uri"
        and name != shape.serialization.get("payload")
    ]

    @settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))
    @given(side.inputs(operation))
    def refuse(value: dict[str, Any]) -> None:
        for name in required:
            side.room.forget()
            left = {each: item for each, item in value.items() if each != name}
            found = side.refused(operation, left)
            assert found["Error"]["Code"] in ("ValidationException", "BadRequestException")
            assert f"Value at '{name}' {FAILED} not be null" in found["Error"]["Message"]
            assert side.room.given is None

    refuse()
