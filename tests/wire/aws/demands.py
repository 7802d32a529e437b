"""Asking a house whose rooms take all that the models allow."""

import json
from typing import Any

from iryo.wire.aws import Gateway
from tests.wire.aws.asking import ID, refusal, send, target
from tests.wire.loop import Room, gateway
from tests.wire.oracle import SERVICES

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
