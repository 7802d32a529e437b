"""What the S3 server of the tests honours: else the tests on it would show nothing."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.grown.owner import killed_owner_of
from tests.grown.postgres import wait_for_end
from tests.grown.s3 import S3Server, client_of


def status(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_a_key_is_created_once(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert status(caught) == 412
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def test_one_of_many_wins_a_key(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    clients = [s3_server.client() for _ in range(8)]
    for turn in range(10):
        barrier = Barrier(8)

        def put(n: int, key: str = f"k{turn}", barrier: Barrier = barrier) -> bool:
            barrier.wait()
            try:
                clients[n].put_object(Bucket=bucket, Key=key, Body=b"x" * 50_000, IfNoneMatch="*")
            except ClientError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(put, range(8))).count(True) == 1


def test_ranges(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")

    def part(span: str) -> Any:
        return client.get_object(Bucket=bucket, Key="k", Range=f"bytes={span}")["Body"].read()

    assert (part("2-4"), part("8-20"), part("-3")) == (b"234", b"89", b"789")
    with pytest.raises(ClientError) as caught:
        part("10-11")
    assert status(caught) == 416


def test_what_has_changed_is_not_read(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    tag = client.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]
    assert client.get_object(Bucket=bucket, Key="k", IfMatch=tag)["Body"].read() == b"old"
    client.put_object(Bucket=bucket, Key="k", Body=b"new")
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=bucket, Key="k", IfMatch=tag)
    assert status(caught) == 412


def test_lists_come_in_pages_and_in_order(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    for n in range(7):
        client.put_object(Bucket=bucket, Key=f"a/{n}", Body=b"")
    pages = list(
        client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix="a/", StartAfter="a/1", PaginationConfig={"PageSize": 2}
        )
    )
    assert [[found["Key"] for found in page["Contents"]] for page in pages] == [
        ["a/2", "a/3"],
        ["a/4", "a/5"],
        ["a/6"],
    ]


def test_many_are_deleted_at_once(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}, {"Key": "missing"}]})
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_upload_in_parts_is_seen_when_it_is_whole(s3_server: S3Server) -> None:
    bucket, client = s3_server.bucket(), s3_server.client()
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    tags = [
        client.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=n, Body=bytes([n]) * size
        )["ETag"]
        for n, size in ((1, 5 << 20), (2, 1))
    ]
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert len(client.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": n, "ETag": tags[n - 1]} for n in (1, 2)]},
    )
    assert client.head_object(Bucket=bucket, Key="k")["ContentLength"] == (5 << 20) + 1
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


def test_killed_it_is_away_and_another_begins_anew() -> None:
    with S3Server() as server:
        bucket, port = server.bucket(), server.port
        server.kill()
        with pytest.raises(EndpointConnectionError):
            client_of(server.access).list_objects_v2(Bucket=bucket)
        server.start()
        assert server.port == port
        assert server.client().list_buckets()["Buckets"] == []
        server.pause()
        server.resume()
        server.restart()
        server.bucket()


OWNER = """
import sys
from tests.grown.s3 import S3Server

with S3Server() as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_it_does_not_outlive_who_started_it(root: Path) -> None:
    wait_for_end(killed_owner_of(OWNER, root))
