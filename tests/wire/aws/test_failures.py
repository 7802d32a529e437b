"""Failures are answered in AWS's words, and nothing leaks; bodies that come in pieces."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from iryo.errors import AccessDenied, Conflict, Damaged, InvalidInput, NotFound, Unavailable
from iryo.wire.aws import AwsError, Gateway
from tests.wire.aws.asking import ID, refusal, send, target
from tests.wire.loop import Loop, Room, gateway


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
        assert not [record for record in caplog.records if record.name.startswith("iryo")]

    def test_those_who_cannot_prove_who_they_are_are_logged_with_no_word_of_theirs(
        self, door: Gateway, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "iryo")
        send(door, change=lambda request: replace(request, headers={"x-secret": "Doe^Jane"}))
        (record,) = [one for one in caplog.records if one.name.startswith("iryo")]
        assert record.levelno == logging.WARNING
        assert "MissingAuthenticationTokenException" in record.getMessage()
        assert "127.0.0.1" in record.getMessage()
        assert "Doe" not in caplog.text

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
