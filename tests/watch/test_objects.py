"""The counting object store passes the suite of all stores, and counts."""

from collections.abc import Iterator

import pytest

from iryo.errors import Conflict, Damaged, InvalidInput, NotFound
from iryo.store import Objects, open_objects
from iryo.watch import Board, Sheet
from iryo.watch.objects import WatchedObjects
from tests.store.objects_suite import ObjectsSuite


class TestWatchedObjects(ObjectsSuite):
    @pytest.fixture
    def objects(self) -> Iterator[Objects]:
        objects = WatchedObjects(open_objects("memory://"), Sheet("web", "web"))
        yield objects
        objects.close()


def test_operations_are_counted_by_outcome() -> None:
    sheet = Sheet("web", "web")
    store = WatchedObjects(open_objects("memory://"), sheet)
    store.put("a/b", b"12345")
    assert store.get("a/b") == b"12345"
    assert store.get_range("a/b", 1, 2) == b"23"
    assert store.size("a/b") == 5
    assert [one.key for one in store.list("a")] == ["a/b"]
    with pytest.raises(NotFound):
        store.get("a/c")
    with pytest.raises(Conflict):
        store.put("a/b", b"")
    with pytest.raises(Damaged):
        store.get_range("a/b", 4, 2)
    with pytest.raises(InvalidInput):
        store.size("../x")
    store.delete(["a/b"])
    numbers = Board(sheet).whole().numbers
    counted = {
        labels: value
        for (name, labels), (value, *_) in numbers.items()
        if name == "iryo_object_operations_total"
    }
    assert counted == {
        ("put", "ok"): 1,
        ("put", "conflict"): 1,
        ("get", "ok"): 1,
        ("get", "missing"): 1,
        ("get_range", "ok"): 1,
        ("get_range", "damaged"): 1,
        ("size", "ok"): 1,
        ("size", "failed"): 1,
        ("list", "ok"): 1,
        ("delete", "ok"): 1,
    }
    assert numbers["iryo_object_bytes_total", ("written",)] == [5]
    assert numbers["iryo_object_bytes_total", ("read",)] == [7]
    assert sum(numbers["iryo_object_operation_seconds", ("put",)][:-1]) == 2
