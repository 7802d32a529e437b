"""What the model demands is demanded, in AWS's words, and no value is echoed."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iryo.wire import Request
from iryo.wire.aws import Gateway
from tests.wire.aws.test_gateway import refusal, send, target
from tests.wire.loop import Room, gateway, load
from tests.wire.oracle import SERVICES, Side, cases, protocols

ID = "0123456789abcdef0123456789abcdef"
ROOM = Room()
DOOR: Gateway = gateway(*(ROOM.table(service) for service in (*SERVICES, "dynamodb")))


def ask(
    operation: str, value: Any, service: str = "states", prefix: str = "AWSStepFunctions"
) -> tuple[int, str, str] | None:
    """What is refused of an AWS JSON request; None when it is taken."""
    ROOM.forget()
    response = send(DOOR, service, **target(f"{prefix}.{operation}", value))
    return None if response.status == 200 else refusal(response)


def imaging(method: str, path: str, value: Any = None) -> tuple[int, str, str] | None:
    """What is refused of a rest-json request; None when it is taken."""
    ROOM.forget()
    body = b"" if value is None else json.dumps(value).encode()
    response = send(DOOR, "medical-imaging", method, path, body=body)
    return None if response.status == 200 else refusal(response)


def fault(*faults: str) -> tuple[int, str, str]:
    errors = "error" if len(faults) == 1 else "errors"
    told = "; ".join(f"Value at {each}" for each in faults)
    return (400, "ValidationException", f"{len(faults)} validation {errors} detected: {told}")


FAILED = "failed to satisfy constraint: Member must"
UPDATE = f"/datastore/{ID}/imageSet/{ID}/updateImageSetMetadata?latestVersion=1"


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


class TestUnreadable:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ([], "a structure expected."),
            ("text", "a structure expected."),
            (None, "a structure expected."),
            ({"executionArn": 5}, "a string expected at 'executionArn'."),
            ({"executionArn": ["a"]}, "a string expected at 'executionArn'."),
            ({"maxResults": "5"}, "an integer of 32 bits expected at 'maxResults'."),
            ({"maxResults": 5.5}, "an integer of 32 bits expected at 'maxResults'."),
            ({"maxResults": True}, "an integer of 32 bits expected at 'maxResults'."),
            ({"maxResults": 1 << 31}, "an integer of 32 bits expected at 'maxResults'."),
            ({"maxResults": 1 << 70}, "an integer of 32 bits expected at 'maxResults'."),
            ({"reverseOrder": "true"}, "a boolean expected at 'reverseOrder'."),
            ({"reverseOrder": 1}, "a boolean expected at 'reverseOrder'."),
        ],
        ids=repr,
    )
    def test_json_of_the_wrong_type(self, value: Any, expected: str) -> None:
        ROOM.forget()
        parts = target("AWSStepFunctions.GetExecutionHistory")
        response = send(DOOR, "states", **{**parts, "body": json.dumps(value).encode()})
        assert refusal(response) == (400, "SerializationException", expected)
        assert ROOM.given is None

    @pytest.mark.parametrize(
        "body", [b"{", b"\xff", b"{}{}", b'{"a": NaN}', b'"\\ud800"', b"[" * 2000, b'{"a":' * 2000]
    )
    def test_what_is_no_json(self, body: bytes) -> None:
        parts = {**target("AWSStepFunctions.ListActivities"), "body": body}
        assert refusal(send(DOOR, "states", **parts)) == (
            400,
            "SerializationException",
            "JSON expected.",
        )
        assert refusal(send(DOOR, method="POST", body=body))[1] == "SerializationException"

    def test_an_empty_body_is_an_empty_structure(self) -> None:
        ROOM.forget()
        parts = {**target("AWSStepFunctions.ListActivities"), "body": b""}
        assert send(DOOR, "states", **parts).status == 200
        assert ROOM.given == {}
        assert imaging("POST", "/datastore") == fault(f"'clientToken' {FAILED} not be null")

    def test_one_and_one_point_nought_are_the_same_number(self) -> None:
        assert ask("ListActivities", {"maxResults": 5.0}) is None
        assert ROOM.given == {"maxResults": 5}
        assert type(ROOM.given["maxResults"]) is int

    @pytest.mark.parametrize(
        "query",
        [
            "maxResults=x",
            "maxResults=",
            "maxResults=1e1",
            "maxResults=%D9%A3",
            "maxResults=" + "1" * 5000,
            "nextToken=%FF",
            "%FF=1",
        ],
    )
    def test_queries(self, query: str) -> None:
        found = imaging("GET", f"/datastore?{query}")
        assert found is not None
        assert found[1] == "SerializationException"
        assert found[0] == 400

    def test_flags_in_a_query(self) -> None:
        path = f"/datastore/{ID}/imageSet/{ID}/updateImageSetMetadata?latestVersion=1&force="
        assert imaging("POST", path + "true", {"revertToVersionId": "1"}) is None
        assert ROOM.given["force"] is True
        for wrong in ("True", "1", "", "yes"):
            found = imaging("POST", path + wrong, {"revertToVersionId": "1"})
            assert found is not None
            assert found[1:] == ("SerializationException", "true or false expected at 'force'.")

    def test_labels_that_are_not_utf_8(self) -> None:
        found = imaging("GET", "/datastore/%ff")
        assert found == (400, "SerializationException", "UTF-8 expected at 'datastoreId'.")

    @pytest.mark.parametrize("text", ["YW", "Y*==", "YWI=YWI=", "é", 5, None])
    def test_blobs(self, text: Any) -> None:
        found = imaging("POST", UPDATE, {"DICOMUpdates": {"updatableAttributes": text}})
        if text is None:
            assert found is None
        else:
            assert found is not None
            assert found[1] == "SerializationException"

    def test_lists_and_maps_and_structures(self) -> None:
        serialization = "SerializationException"
        wrong: list[tuple[str, Any]] = [
            ("searchCriteria", {"filters": {}}),
            ("searchCriteria.filters", {"filters": [[]]}),
            ("searchCriteria.filters.1.member.values", {"filters": [{"values": [1]}]}),
        ]
        for _, value in wrong:
            found = imaging("POST", f"/datastore/{ID}/searchImageSets", value)
            assert found is not None
            assert found[1] == serialization
        assert imaging("POST", "/datastore", []) == (400, serialization, "a structure expected.")
        found = imaging("POST", "/datastore", {"clientToken": "1", "tags": [1]})
        assert found == (400, serialization, "a map expected at 'tags'.")
        found = ask("UntagResource", {"resourceArn": "a", "tagKeys": [5]})
        assert found == (
            400,
            serialization,
            "a list with a string in each place expected at 'tagKeys'.",
        )

    def test_a_shape_within_itself_is_bounded(self) -> None:
        def nested(levels: int) -> Any:
            value: Any = {"S": "x"}
            for _ in range(levels):
                value = {"L": [value]}
            return {"TableName": "abc", "Item": {"a": value}}

        assert ask("PutItem", nested(30), "dynamodb", "DynamoDB_20120810") is None
        found = ask("PutItem", nested(120), "dynamodb", "DynamoDB_20120810")
        assert found == (400, "SerializationException", "at most 100 levels expected.")

    def test_a_document_is_bounded(self) -> None:
        def nested(levels: int) -> Any:
            value: Any = 1
            for _ in range(levels):
                value = [value]
            return {
                "roleArn": "arn:aws:iam::123456789012:role/x",
                "requestId": "1",
                "outputUri": "s3://bucket/a",
                "parameters": {"a": value},
            }

        for levels, status in ((90, 201), (110, 400)):
            body = json.dumps(nested(levels)).encode()
            assert send(DOOR, "omics", "POST", "/run", body=body).status == status

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (b"\xff", "CBOR expected."),
            (b"\x80", "a structure expected."),
            (cbor2.dumps({"MaxResults": 1.5}), "an integer of 32 bits expected at 'MaxResults'."),
            (cbor2.dumps({"NextToken": b"x"}), "a string expected at 'NextToken'."),
        ],
    )
    def test_cbor(self, value: bytes, expected: str) -> None:
        response = send(
            DOOR,
            "transcribe",
            "POST",
            "/service/Transcribe/operation/ListVocabularies",
            headers={"smithy-protocol": "rpc-v2-cbor"},
            body=value,
        )
        assert refusal(response) == (400, "SerializationException", expected)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_any_value_in_the_place_of_any_member_is_answered_and_never_as_our_fault(
    service: str, data: st.DataObject
) -> None:
    protocol = data.draw(st.sampled_from(protocols(service)))
    side = Side.shared(service, protocol)
    operation = data.draw(st.sampled_from(side.model.operation_names))
    shape = side.model.operation_model(operation).input_shape
    if shape is None or not shape.members:
        return
    body = data.draw(
        st.dictionaries(st.sampled_from([*shape.members]), SHAPES, max_size=4), label="body"
    )
    if protocol == "json":
        prefix = side.model.metadata["targetPrefix"]
        parts: dict[str, Any] = target(f"{prefix}.{operation}", body)
    elif protocol == "rest-json":
        http = side.model.operation_model(operation).http
        path = http["requestUri"].replace("{", "").replace("}", "")
        parts = {"method": http["method"], "path": path, "body": json.dumps(body).encode()}
    else:
        parts = {
            "method": "POST",
            "path": f"/service/Transcribe/operation/{operation}",
            "headers": {"smithy-protocol": "rpc-v2-cbor"},
            "body": cbor2.dumps(body),
        }
    side.room.forget()
    response = send(side.gateway, side.model.signing_name, **parts)
    assert response.status < 500
    assert response.status < 300 or refusal(response)[1] in (
        "SerializationException",
        "ValidationException",
        "BadRequestException",
    )


def test_nothing_is_let_in_without_a_signature() -> None:
    headers = {"host": "a", "x-amz-target": "AWSStepFunctions.ListActivities"}
    ROOM.forget()
    assert DOOR.handle(Request("POST", "/", "", headers, b"{}")).status == 400
    assert ROOM.given is None
