"""What an object store must do, besides `ObjectsSuite`, that several processes open by its URL."""

import dataclasses
import json
import multiprocessing
import subprocess
import sys
from typing import Any

import pytest

from iryo.errors import Conflict, NotFound
from iryo.store.objects import Objects, S3Access, open_objects
from tests.store.objects_suite import ObjectsSuite


class SharedObjectsSuite(ObjectsSuite):
    """The promises among processes."""

    access: S3Access | None = None
    """What else another process needs to open it; the fixture `objects` may set it."""

    def arguments(self, objects: Objects) -> tuple[str, str]:
        """What WRITERS are told."""
        access = None if self.access is None else dataclasses.asdict(self.access)
        return objects.url, json.dumps(access)

    def test_one_of_two_processes_wins_a_key(self, objects: Objects) -> None:
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(2)
        results = context.Queue()
        racers = [
            context.Process(target=race, args=(objects.url, self.access, barrier, results, n))
            for n in range(2)
        ]
        for racer in racers:
            racer.start()
        won = dict(results.get(timeout=60) for _ in racers)
        for racer in racers:
            racer.join(60)
            assert racer.exitcode == 0
        results.close()
        for n in range(ROUNDS):
            winners = [who for who, rounds in won.items() if rounds[n]]
            assert len(winners) == 1
            assert objects.get(f"race/{n}") == bytes([winners[0]]) * 70_000
        assert len(list(objects.list())) == ROUNDS

    def test_a_writer_killed_in_the_middle_leaves_nothing(self, objects: Objects) -> None:
        """By SIGKILL, while the pieces of an object come in."""
        child = subprocess.Popen(
            [sys.executable, "-c", SLOW_WRITER, *self.arguments(objects)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        with child.stdout:
            assert child.stdout.readline() == b"in the middle\n"
            child.kill()
        child.wait()
        with pytest.raises(NotFound):
            objects.get("slow/object")
        assert list(objects.list()) == []
        assert objects.put("slow/object", b"now") == 3

    def test_what_a_dead_process_put_is_there(self, objects: Objects) -> None:
        child = subprocess.run(
            [sys.executable, "-c", QUICK_WRITER, *self.arguments(objects)], check=False
        )
        assert child.returncode == -9
        assert objects.get("quick/object") == b"x" * 100_000

    def test_a_deletion_elsewhere_is_seen(self, objects: Objects) -> None:
        other = open_objects(objects.url, self.access)
        objects.put("gone/1", b"1")
        objects.put("gone/2", b"2")
        assert objects.get_range("gone/1", 0, 1) == b"1"
        assert objects.get_range("gone/2", 0, 1) == b"2"
        other.delete(["gone/1", "gone/2"])
        other.put("gone/2", b"new")
        with pytest.raises(NotFound):
            objects.get_range("gone/1", 0, 1)
        assert objects.get_range("gone/2", 0, 3) == b"new"
        other.close()


ROUNDS = 30


def race(url: str, access: S3Access | None, barrier: Any, results: Any, who: int) -> None:
    """In a process of its own: put the same keys as the other at the same moments."""
    objects = open_objects(url, access)
    won = []
    for n in range(ROUNDS):
        barrier.wait(60)
        try:
            objects.put(f"race/{n}", [bytes([who]) * 35_000] * 2)
        except Conflict:
            won.append(False)
        else:
            won.append(True)
    objects.close()
    results.put((who, won))


OPEN = """
import json, os, signal, sys, threading
from iryo.store.objects import S3Access, open_objects

access = json.loads(sys.argv[2])
objects = open_objects(sys.argv[1], S3Access(**access) if access else None)
"""

SLOW_WRITER = f"""{OPEN}

def pieces():
    yield b"x" * 5_000_000
    print("in the middle", flush=True)
    threading.Event().wait()

objects.put("slow/object", pieces())
"""

QUICK_WRITER = f"""{OPEN}
objects.put("quick/object", b"x" * 100_000)
os.kill(os.getpid(), signal.SIGKILL)
"""
