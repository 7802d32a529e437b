"""Objects on their way: whole or not at all, in order, several at a time."""

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iryo.backup.copying import SourceError, copy, digest, ordered
from iryo.errors import Cancelled, Conflict, Damaged, NotFound
from iryo.store.folder import FolderObjects
from iryo.store.objects import Objects, open_objects
from tests.grown.s3 import S3Server


@pytest.fixture
def source(tmp_path: Path) -> Objects:
    return FolderObjects(tmp_path / "source")


@pytest.fixture(params=["folder", "s3"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    if request.param == "folder":
        made: Objects = FolderObjects(tmp_path / "target")
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        made = open_objects(f"s3://{server.bucket()}", server.access)
    yield made
    made.close()


@pytest.mark.parametrize("size", [0, 1, (8 << 20) + 1, 20 << 20])
def test_copies_are_equal(source: Objects, target: Objects, size: int) -> None:
    data = random.Random(size).randbytes(size)
    source.put("packs/a", data)
    told = (size, hashlib.sha256(data).hexdigest())
    assert copy(source, "packs/a", target, "data/s/packs/a") == told
    assert digest(target, "data/s/packs/a") == told
    assert copy(source, "packs/a", target, "data/s/packs/a") == told, "again is fine"
    assert copy(target, "data/s/packs/a", source, "b", size=size, sha256=told[1]) == told


def test_what_is_not_expected_is_not_copied(source: Objects, target: Objects) -> None:
    source.put("a", b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    for size, digest_of in ((2, sha256), (4, sha256), (3, hashlib.sha256(b"x").hexdigest())):
        with pytest.raises(SourceError) as caught:
            copy(source, "a", target, "a", size=size, sha256=digest_of)
        assert isinstance(caught.value.cause, Damaged)
        with pytest.raises(NotFound):
            target.size("a")


def test_what_is_not_there_is_the_sources_fault(source: Objects, target: Objects) -> None:
    with pytest.raises(SourceError) as caught:
        copy(source, "gone", target, "gone")
    assert isinstance(caught.value.cause, NotFound)


def test_nothing_is_overwritten(source: Objects, target: Objects) -> None:
    source.put("a", b"abc")
    target.put("a", b"abd")
    with pytest.raises(Conflict, match="another object a"):
        copy(source, "a", target, "a")
    assert target.get("a") == b"abd"


def test_results_come_in_order() -> None:
    threads = set()

    def square(number: int) -> int:
        threads.add(threading.get_ident())
        return number**2

    assert list(ordered(square, range(300), lambda: None)) == [n**2 for n in range(300)]
    assert len(threads) > 1


def test_no_more_is_begun_once_it_is_to_stop() -> None:
    begun: list[int] = []

    def check() -> None:
        if len(begun) > 10:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(ordered(begun.append, range(100_000), check))
    assert len(begun) < 200
