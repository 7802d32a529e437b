"""Every operation of five services, in every protocol that the service lists, both ways."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iryo.errors import IryoError
from iryo.wire.aws import AwsError
from iryo.wire.aws.errors import KINDS
from tests.wire.loop import load
from tests.wire.oracle import SERVICES, SKIPPED, Side, cases, protocols

CASES = cases(*SERVICES)
IDS = ["-".join(case) for case in CASES]


def test_nothing_is_skipped_but_what_is_listed_with_its_reason() -> None:
    listed = {
        (service, protocol, operation)
        for service in SERVICES
        for protocol in load(service).metadata["protocols"]
        for operation in load(service).operation_names
    }
    assert set(CASES) == listed - SKIPPED.keys()
    assert all(SKIPPED.values())
    # The two protocols of transcribe, and those that botocore 1.44 lists for the others.
    assert [protocols(service) for service in SERVICES] == [
        ["rest-json"],
        ["json"],
        ["smithy-rpc-v2-cbor", "json"],
        ["json"],
        ["rest-json"],
    ]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_one_side_writes_the_other_reads(case: tuple[str, str, str]) -> None:
    service, protocol, operation = case
    Side.shared(service, protocol).round_trip(operation)


ONCE = settings(max_examples=1, database=None, suppress_health_check=list(HealthCheck))


def _messages(shape: Any) -> set[str]:
    """Names of the shapes of the message member."""
    return {member.name for name, member in shape.members.items() if name.lower() == "message"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_declared_error_arrives_as_itself(case: tuple[str, str, str]) -> None:
    service, protocol, operation = case
    own = Side.shared(service, protocol)
    shapes = own.model.operation_model(operation).error_shapes

    def others(shape: Any) -> st.SearchStrategy[Any]:
        return own.values.structure(shape, leave=lambda each: each.name in _messages(shape))

    @ONCE
    @given(own.inputs(operation), st.tuples(*map(others, shapes)))
    def arrive(parameters: dict[str, Any], drawn: tuple[dict[str, Any], ...]) -> None:
        for shape, members in zip(shapes, drawn, strict=True):
            own.room.error = AwsError(shape.name, "No: 駄目", members=members)
            with pytest.raises(ClientError) as caught:
                own.loop.call(operation, dict(parameters))
            assert type(caught.value) is own.loop.client.exceptions.from_code(shape.name)
            response: dict[str, Any] = dict(caught.value.response)
            assert response["Error"]["Code"] == shape.name
            assert response["Error"]["Message"] == "No: 駄目"
            stated = shape.metadata.get("error", {}).get("httpStatusCode")
            status = response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == (stated or (500 if shape.name.startswith("Internal") else 400))
            assert {name: response[name] for name in members} == members

    arrive()


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_kind_of_failure_becomes_an_error_that_the_client_knows(
    case: tuple[str, str, str],
) -> None:
    service, protocol, operation = case
    own = Side.shared(service, protocol)
    declared = {shape.name for shape in own.model.operation_model(operation).error_shapes}

    @ONCE
    @given(own.inputs(operation))
    def arrive(parameters: dict[str, Any]) -> None:
        for row in KINDS:
            own.room.error = row.kind("the sealed reason")
            with pytest.raises(ClientError) as caught:
                own.loop.call(operation, dict(parameters))
            response: Any = caught.value.response
            code = response["Error"]["Code"]
            fitting = [name for name in row.shapes if name in declared]
            assert code in (fitting[:1] or (*row.shapes, row.code))
            assert ("sealed" in response["Error"]["Message"]) is not row.secret
            assert response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or row.status < 500

    arrive()


def test_every_kind_has_a_row() -> None:
    def derived(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(derived(each) for each in kind.__subclasses__()))

    assert all(any(issubclass(kind, row.kind) for row in KINDS) for kind in derived(IryoError))
