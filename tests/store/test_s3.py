"""S3 passes the suites, on a server over HTTP, and again while that server has troubles."""

import os
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from iryo.errors import Conflict, Damaged, NotFound, Unavailable
from iryo.store.objects import Objects, S3Access, open_objects
from tests.grown.proxy import Fault, FaultProxy
from tests.grown.s3 import S3Server
from tests.store.objects_suite import ObjectsSuite
from tests.store.shared_objects_suite import SharedObjectsSuite

MB = 1 << 20


class TestS3(SharedObjectsSuite):
    examples = 8

    @pytest.fixture
    def objects(self, s3_server: S3Server) -> Iterator[Objects]:
        self.access = s3_server.access
        objects = open_objects(f"s3://{s3_server.bucket()}/some/prefix", self.access)
        yield objects
        objects.close()


class TestS3InTrouble(ObjectsSuite):
    """Of a hundred requests ten meet a fault that a second try may not meet."""

    examples = 4

    @pytest.fixture
    def objects(self, s3_server: S3Server) -> Iterator[Objects]:
        faults: list[Fault] = ["503", "cut-request", "lose-answer", "reset", "truncate"]
        with FaultProxy(s3_server.host, s3_server.port) as proxy:
            access = replace(s3_server.access, endpoint=proxy.url)
            objects = open_objects(f"s3://{s3_server.bucket()}/p", access)
            for seed, fault in enumerate(faults):
                proxy.fail(fault, share=0.02, seed=seed)
            yield objects
            objects.close()


@pytest.fixture
def objects(bucket: str, access: S3Access) -> Objects:
    """Behind the proxy."""
    return open_objects(f"s3://{bucket}/p", access)


def stream(pieces: int, size: int = MB) -> Iterator[bytes]:
    """Different bytes in each piece."""
    for n in range(pieces):
        yield bytes([n % 251]) * size


class TestFaults:
    @pytest.mark.parametrize("fault", ["503", "cut-request", "lose-answer", "reset", "truncate"])
    def test_what_passes_is_not_seen(
        self, objects: Objects, proxy: FaultProxy, fault: Fault
    ) -> None:
        data = os.urandom(300_000)
        calls: list[Callable[[], object]] = [
            lambda: objects.put("a", data),
            lambda: objects.get("a") == data,
            lambda: objects.get_range("a", 5, 200_000) == data[5:200_005],
            lambda: objects.size("a") == len(data),
            lambda: objects.put("b", iter([data])),
            lambda: {found.key for found in objects.list()} == {"a", "b"},
            lambda: objects.delete(["b", "c"]),
            lambda: {found.key for found in objects.list()} == {"a"},
        ]
        for call in calls:
            proxy.fail(fault, 2)
            assert call() in (None, True, len(data))
            proxy.heal()
        assert proxy.faults[fault] >= len(calls)

    def test_what_is_deleted_while_a_broken_answer_is_asked_for_again_is_not_found(
        self, objects: Objects, proxy: FaultProxy
    ) -> None:
        objects.put("a", bytes(300_000))
        proxy.fail("truncate", 1, method="GET")
        proxy.fail("answer", 1, method="GET", status=404, code="NoSuchKey")
        with pytest.raises(NotFound, match="there is no object a"):
            objects.get("a")
        assert proxy.requests["GET"] == 2

    def test_a_put_whose_answer_was_lost_is_ours(self, objects: Objects, proxy: FaultProxy) -> None:
        proxy.fail("lose-answer", 1, method="PUT")
        assert objects.put("k", b"ours") == 4
        assert proxy.requests["PUT"] == 2, "it was put again, and told that it is there"
        with pytest.raises(Conflict):
            objects.put("k", b"ours")
        assert objects.get("k") == b"ours"

    def test_of_two_with_the_same_bytes_one_wins(
        self, bucket: str, access: S3Access, proxy: FaultProxy
    ) -> None:
        """Although answers are lost: it is not the bytes that say whose it is."""
        barrier = Barrier(4)
        proxy.fail("lose-answer", share=0.5, method="PUT")

        def put(_: int) -> bool:
            objects = open_objects(f"s3://{bucket}", access)
            barrier.wait()
            try:
                objects.put("k", b"the same")
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(put, range(4))).count(True) == 1

    def test_two_that_met_are_tried_again(self, objects: Objects, proxy: FaultProxy) -> None:
        """S3 answers 409 ConditionalRequestConflict: nothing is there, and it may be repeated."""
        proxy.fail("answer", 1, method="PUT", status=409, code="ConditionalRequestConflict")
        assert objects.put("k", b"1") == 1
        assert objects.get("k") == b"1"

    @pytest.mark.parametrize("fault", ["503", "hang", "refuse", "lose-answer", "truncate"])
    def test_a_store_that_is_away_is_unavailable_in_time(
        self, bucket: str, access: S3Access, proxy: FaultProxy, fault: Fault
    ) -> None:
        """Within the patience, or the test does not end in its own."""
        objects = open_objects(f"s3://{bucket}/p", replace(access, patience=0.2))
        objects.put("a", b"x" * 1000)
        proxy.fail(fault)
        calls: list[Callable[[], object]] = [
            lambda: objects.get("a"),
            lambda: objects.get_range("a", 5, 500),
            lambda: list(objects.list()),
        ]
        if fault != "truncate":  # their answers have no body
            calls += [
                lambda: objects.put("b", b"x"),
                lambda: objects.size("a"),
                lambda: objects.delete(["a"]),
                lambda: objects.put("c", stream(20)),
            ]
        for call in calls:
            with pytest.raises(Unavailable, match=f"object store s3://{bucket}/p failed on"):
                call()
        proxy.heal()
        if fault != "lose-answer":
            assert objects.get("a") == b"x" * 1000
        objects.close()

    def test_the_reason_is_told(self, bucket: str, access: S3Access, proxy: FaultProxy) -> None:
        for fault, reason in (
            ("503", "the server answers 503 SlowDown"),
            ("hang", "it does not answer in time"),
            ("refuse", "it cannot be reached"),
            ("lose-answer", "the connection broke"),
        ):
            # Without connections that it has kept from before.
            objects = open_objects(f"s3://{bucket}", replace(access, patience=0.2))
            proxy.fail(fault)  # type: ignore[arg-type]
            with pytest.raises(Unavailable) as caught:
                objects.get("k")
            assert caught.value.message == f"object store s3://{bucket} failed on k: {reason}"
            objects.close()
            proxy.heal()

    def test_a_list_goes_on_where_it_broke(
        self, objects: Objects, proxy: FaultProxy, s3_server: S3Server, bucket: str
    ) -> None:
        client = s3_server.client()
        keys = [f"n/{n:04}" for n in range(1005)]
        for key in keys:
            client.put_object(Bucket=bucket, Key=f"p/{key}", Body=b"")
        listing = objects.list("n")
        found = [next(listing).key]
        proxy.fail("truncate", 1)
        found += [one.key for one in listing]
        assert found == keys
        assert proxy.faults["truncate"] == 1


class TestUploadsInParts:
    def test_a_long_stream_is_stored_whole(self, objects: Objects, proxy: FaultProxy) -> None:
        assert objects.put("long", stream(35)) == 35 * MB
        assert proxy.requests["PUT"] == 5, "in parts"
        assert objects.size("long") == 35 * MB
        for n in (0, 7, 8, 16, 34):
            assert objects.get_range("long", n * MB + MB - 1, 1) == bytes([n])
        with pytest.raises(Conflict):
            objects.put("long", stream(17))

    def test_memory_is_bounded(self, objects: Objects) -> None:
        """What Python holds of it; the library's parts are bounded by their number and size."""
        tracemalloc.start()
        try:
            objects.put("long", stream(120))
            assert tracemalloc.get_traced_memory()[1] < 40 * MB
        finally:
            tracemalloc.stop()

    def test_a_stream_that_fails_leaves_nothing(
        self, objects: Objects, s3_server: S3Server, bucket: str
    ) -> None:
        def failing() -> Iterator[bytes]:
            yield from stream(30)
            raise LookupError("the source is gone")

        with pytest.raises(LookupError, match="the source is gone"):
            objects.put("half", failing())
        assert list(objects.list()) == []
        assert "Uploads" not in s3_server.client().list_multipart_uploads(Bucket=bucket)

    def test_an_upload_that_fails_is_given_up(
        self, bucket: str, access: S3Access, proxy: FaultProxy, s3_server: S3Server
    ) -> None:
        objects = open_objects(f"s3://{bucket}", replace(access, patience=0.2))
        proxy.fail("503", path="partNumber=3")
        with pytest.raises(Unavailable, match=r"503|does not answer in time"):  # a slow machine
            objects.put("long", stream(30))
        assert "Uploads" not in s3_server.client().list_multipart_uploads(Bucket=bucket)
        with pytest.raises(NotFound):
            objects.size("long")

    @pytest.mark.parametrize("fault", ["503", "cut-request", "lose-answer", "truncate"])
    @pytest.mark.parametrize("step", [r"\?uploads", "partNumber=2", "uploadId=[^&]*$"])
    def test_faults_on_the_way(
        self, objects: Objects, proxy: FaultProxy, fault: Fault, step: str
    ) -> None:
        proxy.fail(fault, 1, path=step)
        try:
            assert objects.put("long", stream(20)) == 20 * MB
        except Unavailable:
            assert (fault, step) == ("truncate", r"\?uploads"), "nothing else is unbearable"
        else:
            assert objects.get_range("long", 17 * MB, 2) == b"\x11\x11"
        assert proxy.faults[fault] == 1

    def test_the_last_answer_is_lost_for_good(
        self, bucket: str, access: S3Access, proxy: FaultProxy
    ) -> None:
        objects = open_objects(f"s3://{bucket}", replace(access, patience=2))
        proxy.fail("lose-answer", method="POST", path="uploadId=[^&]*$")
        assert objects.put("long", stream(20)) == 20 * MB
        assert objects.size("long") == 20 * MB


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (403, "AccessDenied"),
            (400, "AuthorizationHeaderMalformed"),
        ],
    )
    def test_are_told_in_a_line(
        self, objects: Objects, proxy: FaultProxy, bucket: str, status: int, code: str
    ) -> None:
        proxy.fail("answer", status=status, code=code)
        calls: dict[str, Callable[[], object]] = {
            "k": lambda: objects.get("k"),
            "r": lambda: objects.get_range("r", 0, 1),
            "w": lambda: objects.put("w", b""),
            "a request": lambda: list(objects.list()),
        }
        for key, call in calls.items():
            with pytest.raises(Unavailable) as caught:
                call()
            assert caught.value.message.startswith(
                f"object store s3://{bucket}/p failed on {key}: "
            )
            assert caught.value.message.endswith(f"the server answers {status} {code}")
        assert proxy.requests.total() == len(calls), "none is tried again"

    def test_no_such_bucket(self, access: S3Access) -> None:
        objects = open_objects("s3://no-such-bucket", access)
        for call in (
            lambda: objects.get("k"),
            lambda: objects.size("k"),
            lambda: objects.get_range("k", 0, 1),
            lambda: objects.put("k", b""),
            lambda: objects.put("k", stream(20)),
            lambda: objects.delete(["k"]),
        ):
            with pytest.raises(Unavailable, match="s3://no-such-bucket: there is no such bucket"):
                call()
        with pytest.raises(Unavailable, match="404 NoSuchBucket"):
            list(objects.list())

    def test_a_range_behind_the_end_is_asked_for_once(
        self, objects: Objects, proxy: FaultProxy
    ) -> None:
        objects.put("k", b"12345")
        before = proxy.requests["GET"]
        with pytest.raises(Damaged, match="found 5 bytes"):
            objects.get_range("k", 99, 1)
        assert proxy.requests["GET"] == before + 1
