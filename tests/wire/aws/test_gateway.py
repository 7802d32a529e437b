"""The gateway: who is let in, and what is dispatched where."""

from dataclasses import replace
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from iryo.wire import Request
from iryo.wire.aws import Authenticated, Gateway, ServiceTable
from tests.wire.aws.asking import ID, refusal, send, target
from tests.wire.loop import KEY, REGION, SECRET, Loop, Room, gateway, to_wire


def offering(service: str, *operations: str, **more: Any) -> ServiceTable:
    """A table with some operations, whether the model has them or not."""
    return ServiceTable(service, dict.fromkeys(operations, Room().run), **more)


class TestDispatch:
    def test_one_port_serves_all_services(self, door: Gateway, room: Room) -> None:
        for service, operation in {
            "medical-imaging": "ListDatastores",
            "stepfunctions": "ListActivities",
            "transcribe": "ListVocabularies",
            "healthlake": "ListFHIRDatastores",
            "omics": "ListRuns",
        }.items():
            room.given = None
            Loop(service, door.handle).call(operation, {})
            assert room.given == {}

    def test_the_host_prefix_plays_no_part(self, door: Gateway, room: Room) -> None:
        loop = Loop("medical-imaging", door.handle, inject_host_prefix=True, endpoint="http://iryo")
        loop.call("GetImageSet", {"datastoreId": ID, "imageSetId": ID})
        assert loop.sent[0].headers["host"] == "runtime-iryo"
        assert room.given == {"datastoreId": ID, "imageSetId": ID}

    def test_the_operation_gets_what_caller_made(self, room: Room) -> None:
        door = gateway(room.table("medical-imaging"))
        response = send(door)
        authenticated, request, request_id = room.caller
        assert isinstance(authenticated, Authenticated)
        assert (authenticated.key_id, authenticated.service) == (KEY, "medical-imaging")
        assert (request.path, request.source) == ("/datastore", "127.0.0.1")
        assert dict(response.headers)["x-amzn-RequestId"] == request_id
        assert dict(response.headers)["x-amz-request-id"] == request_id

    @pytest.mark.parametrize(
        ("service", "request_parts", "status"),
        [
            ("medical-imaging", {"path": "/nothing"}, 404),
            ("medical-imaging", {"method": "PATCH"}, 404),
            ("medical-imaging", {"path": "/datastore/"}, 404),
            ("medical-imaging", target("A.B"), 400),
            ("states", target("AWSStepFunctions.Nothing"), 400),
            ("states", target("Transcribe.ListActivities"), 400),
            ("states", target("ListActivities"), 400),
            ("states", {**target("AWSStepFunctions.ListActivities"), "method": "PUT"}, 400),
            ("states", {}, 404),
            (
                "transcribe",
                {
                    "method": "POST",
                    "path": "/service/Transcribe/operation/Nothing",
                    "headers": {"smithy-protocol": "rpc-v2-cbor"},
                },
                400,
            ),
            (
                "transcribe",
                {
                    "method": "POST",
                    "path": "/service/Transcribe/operation/ListVocabularies",
                    "headers": {"smithy-protocol": "rpc-v2-json"},
                },
                400,
            ),
            ("transcribe", {"path": "/", "headers": {"smithy-protocol": "rpc-v2-cbor"}}, 400),
        ],
        ids=repr,
    )
    def test_what_is_not_known(
        self, door: Gateway, service: str, request_parts: dict[str, Any], status: int
    ) -> None:
        found = refusal(send(door, service, **request_parts))
        assert found[:2] == (status, "UnknownOperationException")

    def test_what_the_room_does_not_offer(self, room: Room) -> None:
        door = gateway(
            ServiceTable("medical-imaging", {"GetDatastore": room.run}),
            ServiceTable("transcribe", {"ListVocabularies": room.run}),
        )
        assert send(door, path=f"/datastore/{ID}").status == 200
        assert refusal(send(door))[:2] == (404, "UnknownOperationException")
        found = send(door, "transcribe", **target("Transcribe.ListTranscriptionJobs"))
        assert refusal(found)[:2] == (400, "UnknownOperationException")

    def test_two_services_of_one_signing_name(self, room: Room) -> None:
        door = gateway(room.table("dynamodb"), room.table("dynamodbstreams"))
        for service, operation in {
            "dynamodb": "ListTables",
            "dynamodbstreams": "ListStreams",
        }.items():
            Loop(service, door.handle).call(operation, {})
            assert room.given == {}

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            (offering("medical-imaging", "GetPicture"), "GetPicture"),
            (offering("s3"), "no protocol"),
            (offering("medical-imaging", "GetDatastore", patterns={"DatastoreId": "("}), "the end"),
            (offering("lambda", "InvokeWithResponseStream"), "event streams in rest-json"),
            (offering("lexv2-runtime", "StartConversation"), "event streams in rest-json"),
        ],
        ids=lambda one: one if isinstance(one, str) else one.service,
    )
    def test_a_table_that_cannot_be_served_is_told_at_the_start(
        self, table: ServiceTable, words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            gateway(table)


class TestWhoIsLetIn:
    @pytest.mark.parametrize(
        ("change", "rest", "rpc", "code"),
        [
            (
                lambda r: replace(r, headers={"host": "a", **_steering(r)}),
                403,
                400,
                "MissingAuthenticationTokenException",
            ),
            (
                lambda r: replace(r, headers={**r.headers, "authorization": "Basic YTpi"}),
                403,
                400,
                "IncompleteSignatureException",
            ),
            (
                lambda r: replace(r, query="a=b"),
                403,
                400,
                "InvalidSignatureException",
            ),
            (
                lambda r: replace(
                    r,
                    headers={
                        **r.headers,
                        "authorization": r.headers["authorization"].replace(KEY, "AKIDOTHER"),
                    },
                ),
                403,
                400,
                "UnrecognizedClientException",
            ),
        ],
        ids=["unsigned", "basic", "changed", "unknown key"],
    )
    def test_aws_s_codes(
        self, door: Gateway, room: Room, change: Any, rest: int, rpc: int, code: str
    ) -> None:
        assert refusal(send(door, change=change))[:2] == (rest, code)
        json_target = target("AWSStepFunctions.ListActivities")
        assert refusal(send(door, "states", **json_target, change=change))[:2] == (rpc, code)
        cbor = send(
            door,
            "transcribe",
            "POST",
            "/service/Transcribe/operation/ListVocabularies",
            headers={"smithy-protocol": "rpc-v2-cbor"},
            change=change,
        )
        assert refusal(cbor)[:2] == (rpc, code)
        assert dict(cbor.headers)["smithy-protocol"] == "rpc-v2-cbor"
        assert room.given is None

    def test_a_service_that_is_not_served(self, door: Gateway) -> None:
        status, code, message = refusal(send(door, "s3"))
        assert (status, code) == (403, "InvalidSignatureException")
        assert "correct service" in message

    def test_another_region(self, room: Room) -> None:
        door = gateway(room.table("medical-imaging"), region="eu-central-1")
        assert refusal(send(door))[1] == "InvalidSignatureException"

    def test_a_body_may_be_unsigned_only_where_the_model_says_so(
        self, door: Gateway, room: Room
    ) -> None:
        unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
        response = send(door, method="POST", body=b'{"clientToken": "1"}', headers=unsigned)
        status, code, message = refusal(response)
        assert (status, code) == (403, "InvalidSignatureException")
        assert "must be signed" in message
        loop = Loop("omics", door.handle)
        parameters = {
            "sequenceStoreId": "1" * 10,
            "uploadId": "1" * 10,
            "partSource": "SOURCE1",
            "partNumber": 1,
        }
        loop.call("UploadReadSetPart", {**parameters, "payload": b"ACGT"})
        assert loop.sent[0].headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        assert room.given == {**parameters, "payload": b"ACGT"}

    def test_a_streamed_body_in_signed_pieces(self, door: Gateway, room: Room) -> None:
        path = f"/sequencestore/{'1' * 10}/upload/{'1' * 10}/part?partNumber=1&partSource=SOURCE1"
        form = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        headers = {"X-Amz-Content-SHA256": form, "X-Amz-Decoded-Content-Length": "4"}
        body = b"4\r\nACGT\r\n0\r\n\r\n"
        assert send(door, "omics", "PUT", path, headers=headers, body=body).status == 200
        assert room.given["payload"] == b"ACGT"

    def test_a_presigned_get(self, door: Gateway, room: Room) -> None:
        url = "http://127.0.0.1/datastore?maxResults=5"
        request = AWSRequest("GET", url)
        credentials = Credentials(KEY, SECRET)
        botocore.auth.SigV4QueryAuth(credentials, "medical-imaging", REGION).add_auth(request)
        assert door.handle(to_wire(request.prepare())).status == 200
        assert room.given == {"maxResults": 5}

    def test_a_body_over_the_limit(self, room: Room) -> None:
        door = gateway(room.table("medical-imaging"), max_body=100)
        assert send(door, method="POST", body=b" " * 98 + b"{}").status == 400
        found = refusal(send(door, method="POST", body=b" " * 99 + b"{}"))
        assert found == (
            413,
            "RequestEntityTooLargeException",
            "The body has 101 bytes; at most 100 are taken.",
        )


def _steering(request: Request) -> dict[str, str]:
    return {
        name: text
        for name, text in request.headers.items()
        if name in ("x-amz-target", "smithy-protocol")
    }
