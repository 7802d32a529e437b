"""The gateway: who is let in, what is dispatched where, and that nothing escapes."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import botocore.auth
import cbor2
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import EventStreamError
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import AccessDenied, Conflict, Damaged, InvalidInput, NotFound, Unavailable
from iryo.wire import Request, Response
from iryo.wire.aws import Authenticated, AwsError, Gateway, ServiceTable
from tests.wire.loop import KEY, REGION, SECRET, Loop, Room, gateway, to_wire, whole

ID = "0123456789abcdef0123456789abcdef"
ALL = ("medical-imaging", "stepfunctions", "transcribe", "healthlake", "omics")


@pytest.fixture(scope="module")
def house() -> tuple[Room, Gateway]:
    """One room for all services, and the gateway to it: compiled once."""
    room = Room()
    return room, gateway(*(room.table(service) for service in ALL))


@pytest.fixture
def room(house: tuple[Room, Gateway]) -> Room:
    house[0].forget()
    return house[0]


@pytest.fixture
def door(house: tuple[Room, Gateway], room: Room) -> Gateway:  # noqa: ARG001 - it forgets
    return house[1]


def send(
    door: Gateway,
    service: str = "medical-imaging",
    method: str = "GET",
    path: str = "/datastore",
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    change: Callable[[Request], Request] = lambda request: request,
) -> Response:
    """The answer to a request that is signed, and then perhaps changed."""
    request = AWSRequest(method, f"http://127.0.0.1{path}", headers=headers or {}, data=body)
    botocore.auth.SigV4Auth(Credentials(KEY, SECRET), service, REGION).add_auth(request)
    return door.handle(change(to_wire(request.prepare())))


def target(name: str, body: Any = None) -> dict[str, Any]:
    """How AWS JSON asks for the operation `name`."""
    return {
        "method": "POST",
        "path": "/",
        "headers": {"X-Amz-Target": name},
        "body": json.dumps(body or {}).encode(),
    }


def refusal(response: Response) -> tuple[int, str, str]:
    """Status, code and message."""
    headers = dict(response.headers)
    body = whole(response.body)
    if headers["Content-Type"] == "application/cbor":
        content = cbor2.loads(body)
    else:
        content = json.loads(body)
    code = headers["x-amzn-ErrorType"]
    assert content.get("__type", code) == code
    assert headers["x-amzn-RequestId"]
    return response.status, code, content.get("message", content.get("Message"))


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
        ids=str,
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


class TestFailures:
    def test_a_kind_gets_the_shape_that_the_table_names(self, room: Room) -> None:
        table = room.table(
            "stepfunctions",
            errors={NotFound: "StateMachineDoesNotExist", InvalidInput: "InvalidArn"},
        )
        door = gateway(table)
        asked = target("AWSStepFunctions.ListActivities")
        room.error = NotFound("no such machine")
        assert refusal(send(door, "states", **asked)) == (
            400,
            "StateMachineDoesNotExist",
            "no such machine",
        )
        room.error = InvalidInput("not an ARN")
        assert refusal(send(door, "states", **asked))[1] == "InvalidArn"
        # What breaks the model's constraints keeps AWS's own name.
        asked = target("AWSStepFunctions.ListActivities", {"maxResults": 1001})
        status, code, message = refusal(send(door, "states", **asked))
        assert (status, code) == (400, "ValidationException")
        assert message.startswith("1 validation error detected: Value at 'maxResults' failed")

    def test_a_shape_that_the_model_does_not_have(self, door: Gateway, room: Room) -> None:
        room.error = AwsError("MadeUpException", "so", status=418, members={"a": 1})
        assert refusal(send(door)) == (418, "MadeUpException", "so")
        room.error = Conflict("locked")
        found = refusal(send(door, "transcribe", **target("Transcribe.ListVocabularies")))
        assert found[:2] == (409, "ConflictException")  # known to the service, if not declared
        room.error = AccessDenied("no")
        found = refusal(send(door, "transcribe", **target("Transcribe.ListVocabularies")))
        assert found == (400, "AccessDeniedException", "no")

    def test_members_that_an_error_does_not_have_are_left_out(
        self, door: Gateway, room: Room
    ) -> None:
        room.error = AwsError("ConflictException", "busy", members={"nonsense": object()})
        assert refusal(send(door)) == (409, "ConflictException", "busy")

    def test_what_caller_raises_is_answered_too(self, room: Room) -> None:
        def caller(*_: Any) -> Any:
            raise AccessDenied("the key may not")

        door = gateway(room.table("medical-imaging"), caller=caller)
        assert refusal(send(door)) == (403, "AccessDeniedException", "the key may not")
        assert room.given is None

    def test_nothing_of_an_unforeseen_failure_leaks(
        self, door: Gateway, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        room.error = KeyError("SHIBUYA^YASUKO")
        status, code, message = refusal(send(door))
        assert (status, code) == (500, "InternalServerException")
        assert "SHIBUYA" not in message + caplog.text
        assert "ListDatastores: KeyError" in caplog.text
        assert "loop.py" in caplog.text

    def test_a_foreseen_failure_of_ours_is_logged_with_its_reason(
        self, door: Gateway, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        room.error = Damaged("the pack ends at 12, 40 expected")
        status, code, message = refusal(send(door))
        assert (status, code) == (500, "InternalServerException")
        assert "pack" not in message
        assert "the pack ends at 12" in caplog.text

    def test_those_who_ask_wrongly_are_not_logged(
        self, door: Gateway, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "iryo")
        for error in (NotFound("x"), AwsError("InternalServerException", "told on purpose")):
            room.error = error
            send(door)
        send(door, change=lambda request: replace(request, headers={}))
        assert not [record for record in caplog.records if record.name.startswith("iryo")]

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (Unavailable("the database is away"), 503, "ServiceUnavailableException"),
            (RuntimeError("connection string with a password"), 500, "InternalServerException"),
        ],
    )
    def test_when_keys_cannot_be_looked_up(
        self, room: Room, error: Exception, status: int, code: str
    ) -> None:
        def secret_of(_: str) -> str | None:
            raise error

        door = gateway(room.table("medical-imaging"), secret_of=secret_of)
        found = refusal(send(door))
        assert found[:2] == (status, code)
        assert str(error) not in found[2]

    def test_an_answer_that_cannot_be_written(self, door: Gateway, room: Room) -> None:
        outputs: list[Any] = [
            {"datastoreSummaries": [{"nonsense": 1}]},
            {"datastoreSummaries": 5},
            {"nextToken": object()},
            [],
        ]
        for output in outputs:
            room.output = output
            assert refusal(send(door))[:2] == (500, "InternalServerException")

    def test_a_header_cannot_break_out_of_its_line(self, door: Gateway, room: Room) -> None:
        loop = Loop("medical-imaging", door.handle)
        asked = {"datastoreId": ID, "imageSetId": ID, "imageFrameInformation": {"imageFrameId": ID}}
        for text in ("image/jph\r\nSet-Cookie: a=b", "image/\x00", "image/山"):
            room.output = {"imageFrameBlob": b"", "contentType": text}
            with pytest.raises(Exception, match="InternalServerException"):
                loop.call("GetImageFrame", asked)

    def test_even_a_failure_while_telling_a_failure_is_told(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        # The message of an error shape must be text: this room gives something else.
        room.error = AwsError("ConflictException", object())  # type: ignore[arg-type]
        door = gateway(room.table("medical-imaging"))
        assert refusal(send(door))[:2] == (500, "InternalServerException")
        assert "answering: TypeError" in caplog.text

    def test_an_aws_error_can_cross_processes(self) -> None:
        import pickle

        error = pickle.loads(pickle.dumps(AwsError("A", "b", status=404, members={"c": 1})))
        assert (error.code, error.message, error.status, error.members) == ("A", "b", 404, {"c": 1})


FRAME = {"datastoreId": ID, "imageSetId": ID, "imageFrameInformation": {"imageFrameId": ID}}


class TestStreams:
    @pytest.mark.parametrize(
        "blob",
        [
            b"frame",
            bytearray(b"frame"),
            memoryview(b"frame"),
            [b"fr", b"ame"],
            iter([b"fr", b"ame"]),
        ],
        ids=lambda blob: type(blob).__name__,
    )
    def test_a_blob_may_be_bytes_or_pieces(self, door: Gateway, room: Room, blob: Any) -> None:
        room.output = {"imageFrameBlob": blob, "contentType": "image/jph"}
        found = Loop("medical-imaging", door.handle).call("GetImageFrame", FRAME)
        assert found["imageFrameBlob"].read() == b"frame"
        assert found["contentType"] == "image/jph"

    def test_bytes_are_not_copied(self, door: Gateway, room: Room) -> None:
        frame = bytes(1000)
        room.output = {"imageFrameBlob": frame, "contentType": "image/jph"}
        loop = Loop("medical-imaging", door.handle)
        loop.call("GetImageFrame", FRAME)
        assert loop.last is not None
        assert loop.last.body is frame

    def test_a_stream_of_events_that_fails_on_its_way(
        self, door: Gateway, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        def events(error: Exception) -> Any:
            yield {"ProgressEvent": {"Message": "half way"}}
            raise error

        loop = Loop("healthlake", door.handle)
        asked = {"ProfileId": "0" * 32, "InputMessage": {"Body": "Go on", "Type": "normal"}}
        failures = {
            "ResourceNotFoundException": NotFound("gone"),
            "InternalServerException": KeyError("SECRET"),
        }
        for code, error in failures.items():
            room.output = {"AgentResponse": events(error)}
            answer = loop.call("UpdateProfileWithAgent", asked)
            read: list[Any] = []
            with pytest.raises(EventStreamError, match=code):
                read.extend(answer["AgentResponse"])
            assert read == [{"ProgressEvent": {"Message": "half way"}}]
        assert "UpdateProfileWithAgent: KeyError" in caplog.text
        assert "SECRET" not in caplog.text

    def test_a_stream_whose_model_knows_the_failure(self, room: Room) -> None:
        def events() -> Any:
            yield {"SubscribeToShardEvent": {"Records": [], "ContinuationSequenceNumber": "1"}}
            raise NotFound("the shard is gone")

        room.output = {"EventStream": events()}
        loop = Loop("kinesis", gateway(room.table("kinesis")).handle)
        arn = "arn:aws:kinesis:us-east-1:123456789012:stream/a/consumer/b:1"
        asked = {"ConsumerARN": arn, "ShardId": "1", "StartingPosition": {"Type": "LATEST"}}
        stream = loop.call("SubscribeToShard", asked)["EventStream"]
        with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
            list(stream)


PATHS = st.sampled_from(
    [
        "/",
        "/datastore",
        f"/datastore/{ID}",
        "/tags/a%2Fb",
        "/run",
        "/%ff",
        "/service/Transcribe/operation/X",
    ]
) | st.text("/{}%é.a", max_size=12).map(lambda text: "/" + text)
HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Target", "smithy-protocol", "Content-Type", "Accept", "Range"]),
    st.sampled_from(
        [
            "AWSStepFunctions.StartExecution",
            "Transcribe.StartTranscriptionJob",
            "rpc-v2-cbor",
            "",
            ".",
        ]
    ),
    max_size=3,
)
BODIES = (
    st.binary(max_size=40)
    | st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 2000, b"\x9f" * 5000, b"{}", b"null", b"\xbf\xff"]
    )
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "stateMachineArn", "tags", "searchCriteria", "Media"]),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
OFFERED = gateway(*(Room().table(service) for service in ALL))


@given(
    service=st.sampled_from(
        ["medical-imaging", "states", "transcribe", "healthlake", "omics", "s3"]
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"]),
    path=PATHS,
    query=st.text("&=%é+ab", max_size=12),
    headers=HEADERS,
    body=BODIES,
)
def test_whatever_is_signed_and_sent_is_answered_and_never_as_our_fault(
    service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    response = send(
        OFFERED, service, method, f"{path}?{query}" if query else path, headers=headers, body=body
    )
    assert response.status < 500
    assert dict(response.headers)["x-amzn-RequestId"]


@given(
    st.builds(
        Request,
        st.text(max_size=5),
        st.text(max_size=20),
        st.text(max_size=20),
        st.dictionaries(st.text(max_size=10), st.text(max_size=10)),
        st.binary(max_size=20),
    )
)
def test_whatever_is_sent_is_answered_and_never_as_our_fault(request: Request) -> None:
    assert refusal(OFFERED.handle(request))[0] in (400, 403)
