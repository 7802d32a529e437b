"""Bodies, queries and paths that cannot be read: SerializationException, and nothing else."""

import json
from typing import Any

import cbor2
import pytest

from iryo.wire import Request
from tests.wire.aws.asking import ID, refusal, send, target
from tests.wire.aws.demands import DOOR, FAILED, ROOM, UPDATE, ask, fault, imaging


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


def test_nothing_is_let_in_without_a_signature() -> None:
    headers = {"host": "a", "x-amz-target": "AWSStepFunctions.ListActivities"}
    ROOM.forget()
    assert DOOR.handle(Request("POST", "/", "", headers, b"{}")).status == 400
    assert ROOM.given is None
