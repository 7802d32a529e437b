"""Compactors are killed at any moment: all that is held stays readable, and nothing is leaked."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.imaging.house import House
from tests.imaging.service.care.keeping import (
    brought,
    compacted,
    frames_of,
    named_objects,
    verified,
)

PROGRAM = "tests.imaging.service.care.one_compaction"


@pytest.mark.usefixtures("seed")
def test_compactor_is_killed(
    house: House, stores: dict[str, Any], kills: int, did: Callable[..., None]
) -> None:
    settings = {"home": house.app.settings.home, "compute": "inline", **stores}
    variables = {f"IRYO_{name.upper()}": str(value) for name, value in settings.items()}
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    held: dict[str, dict[str, bytes]] = {}
    died = runs = 0
    while died < kills:
        runs += 1
        copy = brought(house, runs)
        held[copy] = frames_of(house, copy)
        assert len(held[copy]) == 2
        hours = str(2 * runs)
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, house.store, hours],
            env=kept | variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        # The moment of a blow is the one thing here that must not be known.
        time.sleep(random.uniform(0, 0.15))
        died += process.poll() is None
        process.kill()
        process.communicate()
        house.room.places.clear()
        assert {one: frames_of(house, one) for one in held} == held
    for round_number in (1, 2, 3):
        compacted(house, hours=2 * (runs + round_number))
    house.room.places.clear()
    assert {one: frames_of(house, one) for one in held} == held
    assert {one.key for one in house.app.objects.list()} == named_objects(house)
    assert verified(house)["damage"] == 0
    did(kills=died, compactions=runs, image_sets_held=len(held))
