"""The memory store passes the suite; so will whatever else obstore speaks to."""

from collections.abc import Iterator

import obstore
import pytest
from obstore.store import LocalStore

from iryo.errors import NotFound, Unavailable
from iryo.store.bucket import BucketObjects
from iryo.store.objects import Objects, open_objects
from tests.store.objects_suite import ObjectsSuite


class TestMemory(ObjectsSuite):
    @pytest.fixture
    def objects(self) -> Iterator[Objects]:
        objects = open_objects("memory://")
        yield objects
        objects.close()

    def test_each_is_its_own(self, objects: Objects) -> None:
        objects.put("a", b"1")
        assert list(open_objects("memory://").list()) == []
        assert objects.url == "memory://"


class TestStoresThatAreAway:
    """obstore's LocalStore as a store with troubles of its own."""

    def test_what_the_store_cannot_do_is_unavailable(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("bucket")
        (folder / "file").write_bytes(b"x")
        objects = BucketObjects("test://bucket", LocalStore(folder))
        with pytest.raises(Unavailable, match=r"test://bucket failed on file/below: \w+Error$"):
            objects.put("file/below", b"x")

    def test_a_store_that_stops_at_a_missing_key(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """LocalStore's deletion raises for the first missing key; the others must go too."""
        folder = tmp_path_factory.mktemp("bucket")
        store = LocalStore(folder)
        with pytest.raises(FileNotFoundError):
            obstore.delete(store, ["missing"])
        objects = BucketObjects("test://bucket", store)
        objects.put("here", b"x")
        objects.delete(["missing", "here", "missing/2"])
        with pytest.raises(NotFound):
            objects.size("here")
