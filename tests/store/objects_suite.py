"""What every object store must do: a store joins by subclassing, and by giving a fixture.

class TestMine(ObjectsSuite):
    @pytest.fixture
    def objects(self) -> Iterator[Objects]: ...
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound
from iryo.store.objects import Objects
from tests.store.objects_machine import ObjectsMachine

BAD_KEYS = (
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/..",
    "a/./b",
    ".hidden",
    "a/.hidden",
    "a\\b",
    "a b",
    "a\0",
    "a\n",
    "é",
    "%2e%2e/a",
    "~/a",
    "C:/a",
    "a" * 201,
    "/".join(["a" * 100] * 11),
)


class ObjectsSuite:
    """The promises of `Objects`, on a new and empty store."""

    examples = 25
    """How many sequences of calls are tried."""

    @pytest.fixture
    def objects(self) -> Iterator[Objects]:
        raise NotImplementedError

    def test_what_is_put_is_got(self, objects: Objects) -> None:
        assert objects.put("a/b.c_d-e", b"12345") == 5
        assert objects.get("a/b.c_d-e") == b"12345"
        assert objects.size("a/b.c_d-e") == 5

    def test_empty_object(self, objects: Objects) -> None:
        assert objects.put("empty", b"") == 0
        assert objects.get("empty") == b""
        assert objects.size("empty") == 0
        assert objects.get_range("empty", 0, 0) == b""
        assert [found.key for found in objects.list()] == ["empty"]

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_bytes(self, objects: Objects, kind: Callable[[bytes], Any]) -> None:
        assert objects.put("whole", kind(b"12345")) == 5
        assert objects.put("parts", [kind(b"123"), kind(b""), kind(b"45")]) == 5
        assert objects.get("whole") == objects.get("parts") == b"12345"

    def test_a_wide_memoryview_counts_bytes(self, objects: Objects) -> None:
        assert objects.put("wide", memoryview(bytes(16)).cast("I")) == 16
        assert objects.size("wide") == 16

    def test_a_stream_is_stored_whole(self, objects: Objects) -> None:
        pieces = [bytes([n % 251]) * (n * 37) for n in range(300)]
        assert objects.put("stream", iter(pieces)) == sum(map(len, pieces))
        assert objects.get("stream") == b"".join(pieces)

    def test_a_key_is_put_once(self, objects: Objects) -> None:
        objects.put("k", b"first")
        with pytest.raises(Conflict, match="k"):
            objects.put("k", b"second")
        with pytest.raises(Conflict):
            objects.put("k", iter([b"third"]))
        assert objects.get("k") == b"first"

    def test_a_stream_that_fails_leaves_nothing(self, objects: Objects) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"x" * 3_000_000
            raise LookupError("the source is gone")

        with pytest.raises(LookupError):
            objects.put("half", pieces())
        with pytest.raises(NotFound):
            objects.get("half")
        assert list(objects.list()) == []
        assert objects.put("half", b"whole") == 5

    def test_what_is_not_bytes_is_refused(self, objects: Objects) -> None:
        with pytest.raises(TypeError):
            objects.put("text", "text")  # type: ignore[arg-type]
        assert list(objects.list()) == []

    def test_missing(self, objects: Objects) -> None:
        objects.put("there/a", b"1")
        for key in ("missing", "there", "there/b", "there/a/b"):
            with pytest.raises(NotFound, match=key):
                objects.get(key)
            with pytest.raises(NotFound, match=key):
                objects.get_range(key, 0, 1)
            with pytest.raises(NotFound, match=key):
                objects.get_range(key, 0, 0)
            with pytest.raises(NotFound, match=key):
                objects.size(key)

    def test_ranges(self, objects: Objects) -> None:
        data = bytes(range(256)) * 40
        objects.put("r", data)
        for offset, length in ((0, 1), (0, len(data)), (5000, 300), (len(data) - 1, 1), (7, 0)):
            assert objects.get_range("r", offset, length) == data[offset : offset + length]
        assert objects.get_range("r", len(data), 0) == b""

    @pytest.mark.parametrize(
        ("offset", "length"), [(0, 6), (4, 2), (5, 1), (6, 0), (99, 1), (0, 1 << 50), (1 << 50, 1)]
    )
    def test_a_range_beyond_the_end_is_damage(
        self, objects: Objects, offset: int, length: int
    ) -> None:
        objects.put("r", b"12345")
        with pytest.raises(Damaged, match="found 5 bytes"):
            objects.get_range("r", offset, length)

    @pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (-5, 3)])
    def test_negative_ranges_are_refused(self, objects: Objects, offset: int, length: int) -> None:
        objects.put("r", b"12345")
        with pytest.raises(InvalidInput, match=str(offset)):
            objects.get_range("r", offset, length)

    def test_delete(self, objects: Objects) -> None:
        for key in ("a/1", "a/2", "b"):
            objects.put(key, b"x")
        assert objects.get_range("a/1", 0, 1) == b"x"
        objects.delete(["a/1", "missing", "a", "b/x", "b"])
        assert [found.key for found in objects.list()] == ["a/2"]
        for read in (objects.get, objects.size, lambda key: objects.get_range(key, 0, 1)):
            with pytest.raises(NotFound):
                read("a/1")
        objects.delete([])
        objects.delete(iter(["a/2"]))
        assert list(objects.list()) == []

    def test_a_key_can_be_used_again_after_deletion(self, objects: Objects) -> None:
        objects.put("again", b"old")
        assert objects.get_range("again", 0, 3) == b"old"
        objects.delete(["again"])
        objects.put("again", b"newer")
        assert objects.get_range("again", 0, 5) == b"newer"
        assert objects.size("again") == 5

    def test_delete_many(self, objects: Objects) -> None:
        keys = [f"many/{n:04}" for n in range(1500)]
        for key in keys[::100]:
            objects.put(key, b"x")
        objects.delete(keys)
        assert list(objects.list()) == []

    def test_listing(self, objects: Objects) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        for key in ("p/ab/1", "p/ab/2/3", "p/abc", "q"):
            objects.put(key, key.encode())
        found = {one.key: one for one in objects.list()}
        assert set(found) == {"p/ab/1", "p/ab/2/3", "p/abc", "q"}
        assert all(one.size == len(one.key) for one in found.values())
        assert all(before < one.modified < before + timedelta(hours=1) for one in found.values())
        assert {one.key for one in objects.list("p/ab")} == {"p/ab/1", "p/ab/2/3"}
        assert {one.key for one in objects.list("p/ab/")} == {"p/ab/1", "p/ab/2/3"}
        assert list(objects.list("q")) == []
        assert list(objects.list("none")) == []
        assert list(objects.list("q/none")) == []

    def test_listing_can_be_left(self, objects: Objects) -> None:
        for n in range(10):
            objects.put(f"n/{n}", b"")
        listing = objects.list()
        next(listing)
        del listing
        assert len(list(objects.list())) == 10

    @pytest.mark.parametrize("key", BAD_KEYS, ids=ascii)
    def test_bad_keys_are_refused_everywhere(self, objects: Objects, key: str) -> None:
        for call in (
            lambda: objects.put(key, b"x"),
            lambda: objects.get(key),
            lambda: objects.get_range(key, 0, 1),
            lambda: objects.size(key),
            lambda: objects.delete([key]),
        ):
            with pytest.raises(InvalidInput, match="object key"):
                call()
        if key not in {"", "a/"}:
            with pytest.raises(InvalidInput, match="object key"):
                list(objects.list(key))

    def test_many_threads(self, objects: Objects) -> None:
        """Readers see whole objects while others put and delete."""
        data = {f"t/{n}": bytes([n]) * (1000 + n) for n in range(40)}
        barrier = threading.Barrier(4)

        def work(part: int) -> int:
            barrier.wait()
            read = 0
            for key, value in list(data.items())[part::4]:
                objects.put(key, value)
            for _ in range(5):
                for key, value in data.items():
                    try:
                        assert objects.get_range(key, 10, 900) == value[10:910]
                        assert objects.get(key) == value
                    except NotFound:
                        continue
                    read += 1
            objects.delete(list(data)[part::4])
            return read

        with ThreadPoolExecutor(4) as pool:
            assert min(pool.map(work, range(4))) > 0
        assert list(objects.list()) == []

    def test_one_of_many_threads_wins_a_key(self, objects: Objects) -> None:
        barrier = threading.Barrier(8)

        def put(n: int) -> bool:
            barrier.wait()
            try:
                objects.put("contended", bytes([n]) * 100_000)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(put, range(8)))
        assert won.count(True) == 1
        assert objects.get("contended") == bytes([won.index(True)]) * 100_000

    def test_like_a_dictionary(self, objects: Objects) -> None:
        """Any sequence of calls does what it does to a dict."""

        class Machine(ObjectsMachine):
            def __init__(self) -> None:
                super().__init__(objects)

        run_state_machine_as_test(
            Machine,
            settings=hypothesis.settings(
                max_examples=self.examples, stateful_step_count=25, deadline=None, print_blob=True
            ),
        )
