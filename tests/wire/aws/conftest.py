"""One house with all five services, compiled once for each file."""

import pytest

from iryo.wire.aws import Gateway
from tests.wire.aws.asking import ALL
from tests.wire.loop import Room, gateway


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
