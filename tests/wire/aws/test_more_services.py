"""What the five services do not use and later ones may: other services' models are the oracle."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ShapeResolver

from iryo.wire.aws import AwsError
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.rest import RestOutput
from tests.wire.loop import Loop, Room, gateway
from tests.wire.oracle import Side, protocols

# (service, operation, what it shows)
OPERATIONS = [
    ("lambda", "CreateFunction", "blobs in nested JSON, enums, maps"),
    ("lambda", "Invoke", "headers in and out, a status as a member, a payload of bytes both ways"),
    ("lambda", "ListFunctions", "many parameters in the query"),
    ("iot-data", "Publish", "JSON in a header, a payload of bytes in"),
    ("iot-data", "GetThingShadow", "a payload of bytes out"),
    ("mediastore-data", "PutObject", "a greedy label, a streaming body in"),
    ("mediastore-data", "DescribeObject", "a date and a number in headers, and no body"),
    ("medialive", "DescribeInputDeviceThumbnail", "a stream with a date and a number in headers"),
    ("workspaces-web", "GetTrustStoreCertificate", "a greedy label within a path"),
    ("workspaces-web", "GetPortal", "a greedy label at the end"),
    ("chime-sdk-meetings", "BatchUpdateAttendeeCapabilitiesExcept", "a constant in the query"),
    ("chime-sdk-meetings", "CreateAttendee", "the same path without it"),
    ("route53globalresolver", "ListAccessTokens", "a map of all other parameters, of lists"),
    ("entityresolution", "BatchDeleteUniqueId", "a list in a header"),
    ("appconfig", "StopDeployment", "a flag in a header"),
    ("emr-serverless", "ListJobRuns", "a timestamp in the query"),
    ("dynamodb", "PutItem", "a shape within itself"),
    ("dynamodb", "ListTables", "AWS JSON 1.0"),
    ("sqs", "SendMessage", "a service that once spoke the query protocol"),
    ("cloudwatch", "PutMetricData", "numbers of every size in CBOR"),
    ("amplifyuibuilder", "GetTheme", "a structure as the whole body out"),
    ("config", "GetComplianceSummaryByConfigRule", "no input at all"),
    ("apigateway", "GetSdk", "a payload of bytes with its headers"),
]
CASES = [
    (service, protocol, operation)
    for service, operation, _ in OPERATIONS
    for protocol in protocols(service)
]


@pytest.mark.parametrize("case", CASES, ids=["-".join(case) for case in CASES])
def test_what_one_side_writes_the_other_reads(case: tuple[str, str, str]) -> None:
    service, protocol, operation = case
    Side.shared(service, protocol).round_trip(operation)


def loop(service: str, room: Room) -> Loop:
    return Loop(service, gateway(room.table(service)).handle)


def test_headers_with_a_prefix_and_the_rest_of_a_query() -> None:
    room = Room()
    asked: dict[str, Any] = {
        "AssetId": "a",
        "DataSetId": "d",
        "RevisionId": "r",
        "Body": "text",
        "Method": "GET",
        "Path": "/x",
        "QueryStringParameters": {"q": "1", "山": "é"},
        "RequestHeaders": {"one": "1", "two": "2"},
    }
    room.output = {"Body": "text: 山", "ResponseHeaders": {"x-one": "1"}}
    found = loop("dataexchange", room).call("SendApiAsset", asked)
    # The prefix of this model is empty, so every header is one of them.
    assert room.given.pop("RequestHeaders").items() >= asked.pop("RequestHeaders").items()
    assert room.given == asked
    assert found["Body"] == "text: 山"
    assert found["ResponseHeaders"]["x-one"] == "1"


def test_text_as_the_whole_body_must_be_utf_8() -> None:
    room = Room()
    own = loop("dataexchange", room)
    asked = {"AssetId": "a", "DataSetId": "d", "RevisionId": "r", "Body": b"\xff"}
    own.client.meta.events.register("before-call", lambda params, **_: params.update(body=b"\xff"))
    with pytest.raises(ClientError, match="UTF-8 expected at 'Body'"):
        own.call("SendApiAsset", {**asked, "Body": "x"})


def test_the_status_as_a_member() -> None:
    room = Room()
    room.output = {"StatusCode": 202, "FunctionError": "Unhandled"}
    found = loop("lambda", room).call("Invoke", {"FunctionName": "f"})
    assert found["ResponseMetadata"]["HTTPStatusCode"] == found["StatusCode"] == 202


def test_json_in_a_header() -> None:
    room = Room()
    own = loop("lex-runtime", room)
    asked = {
        "botName": "b",
        "botAlias": "a",
        "userId": "uu",
        "contentType": "text/plain; charset=utf-8",
        "sessionAttributes": {"山": [1, None]},
        "inputStream": b"hello",
    }
    room.output = {"sessionAttributes": {"山": [2]}, "audioStream": b"sound"}
    found = own.call("PostContent", asked)
    assert room.given == asked
    assert found["sessionAttributes"] == {"山": [2]}
    assert found["audioStream"].read() == b"sound"
    own.client.meta.events.register(
        "before-call",
        lambda params, **_: params["headers"].update({"x-amz-lex-session-attributes": "no base64"}),
    )
    with pytest.raises(ClientError, match="JSON in base64 expected at 'sessionAttributes'"):
        own.call("PostContent", asked)


def test_a_service_that_once_spoke_the_query_protocol() -> None:
    room = Room()
    own = loop("cloudwatch", room)
    for name, code, side in [
        ("InvalidParameterValueException", "InvalidParameterValue", "Sender"),
        ("InternalServiceFault", "InternalServiceError", "Receiver"),
    ]:
        room.error = AwsError(name, "no")
        with pytest.raises(ClientError) as caught:
            own.call("ListMetrics", {})
        assert caught.value.response["Error"]["Code"] == code
        assert own.last is not None
        assert dict(own.last.headers)["x-amzn-query-error"] == f"{code};{side}"


def test_dates_in_a_header() -> None:
    room = Room()
    moment = datetime(2026, 11, 25, 12, tzinfo=UTC)
    asked = {
        "InstanceId": "01234567-89ab-cdef-0123-456789abcdef",
        "TestCaseId": "t",
        "LastModifiedTime": moment,
        "LastModifiedRegion": "us-east-1",
    }
    loop("connect", room).call("UpdateTestCase", asked)
    assert room.given == asked


def test_errors_with_a_header() -> None:
    room = Room()
    room.error = AwsError("ThrottlingException", "slow", members={"retryAfterSeconds": 7})
    own = loop("controltower", room)
    with pytest.raises(ClientError) as caught:
        own.call("ListEnabledControls", {})
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"


def test_an_error_whose_model_has_no_message() -> None:
    room = Room()
    room.error = AwsError("GoneException", "the connection is gone", status=410)
    own = loop("apigatewaymanagementapi", room)
    with pytest.raises(ClientError) as caught:
        own.call("DeleteConnection", {"ConnectionId": "c"})
    assert caught.value.response["Error"]["Code"] == "GoneException"
    assert caught.value.response["Error"]["Message"] == "the connection is gone"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410


def test_a_query_with_nothing_for_the_map_of_all_others() -> None:
    room = Room()
    asked = {"dnsViewId": "d-1", "maxResults": 5}
    loop("route53globalresolver", room).call("ListAccessTokens", asked)
    assert room.given == asked


def test_a_list_in_a_header_of_a_response() -> None:
    shapes: Any = {
        "Output": {
            "type": "structure",
            "members": {
                "names": {"shape": "Names", "location": "header", "locationName": "x-names"},
                "sizes": {"shape": "Sizes", "location": "header", "locationName": "x-sizes"},
            },
        },
        "Names": {"type": "list", "member": {"shape": "Name"}},
        "Name": {"type": "string"},
        "Sizes": {"type": "list", "member": {"shape": "Size"}},
        "Size": {"type": "integer"},
    }
    shape = ShapeResolver(shapes).get_shape_by_name("Output")
    output = RestOutput(shape, OutputShapes(), 200)
    assert output.write({"names": ["a", "b,c"], "sizes": [1, 2]}) == (
        200,
        [("x-names", 'a,"b,c"'), ("x-sizes", "1,2")],
        b"",
    )
