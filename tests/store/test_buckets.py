"""Buckets through a line that does wrong: what passes is repeated, what lasts is told."""

from dataclasses import replace
from io import BytesIO
from typing import Any, Final

import pytest

from iryo.errors import AccessDenied, ChangedWhileRead, InvalidInput, NotFound, Unavailable
from iryo.store.buckets import Buckets
from tests.grown.proxy import Fault, FaultProxy
from tests.grown.s3 import S3Server

DATA: Final = bytes(range(256)) * 400
BROKEN: Final[list[Fault]] = ["503", "cut-request", "lose-answer", "reset", "truncate"]


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    name = s3_server.bucket()
    s3_server.client().put_object(Bucket=name, Key="a//b", Body=DATA)
    return name


@pytest.fixture
def buckets(s3_server: S3Server, proxy: FaultProxy) -> Buckets:
    return Buckets(replace(s3_server.access, endpoint=proxy.url, patience=4.0))


@pytest.mark.parametrize("fault", [*BROKEN, "slow"])
def test_what_passes_is_not_seen(
    buckets: Buckets, bucket: str, proxy: FaultProxy, fault: Fault
) -> None:
    def once() -> None:
        proxy.fail(fault, 1)

    once()
    (found,) = buckets.list(bucket, "a/")
    assert (found.key, found.size) == ("a//b", len(DATA))
    once()
    assert buckets.find(bucket, "a//b") == found
    once()
    assert buckets.read(bucket, found) == DATA
    once()
    assert buckets.read(bucket, found, 1000, 5000) == DATA[1000:6000]
    once()
    buckets.put(bucket, "new", BytesIO(DATA[::-1]))
    assert proxy.faults[fault] == 5
    (made,) = buckets.list(bucket, "new")
    assert buckets.read(bucket, made) == DATA[::-1]


@pytest.mark.parametrize("fault", [*BROKEN, "hang"])
def test_what_lasts_is_told_as_a_store_that_is_away(
    buckets: Buckets, bucket: str, proxy: FaultProxy, fault: Fault
) -> None:
    (found,) = buckets.list(bucket, "")
    proxy.fail(fault)
    with pytest.raises(Unavailable, match=f"bucket {bucket}: ") as caught:
        buckets.read(bucket, found)
    assert "secret" not in caught.value.message
    proxy.heal()
    assert buckets.read(bucket, found) == DATA


def test_nobody_listens(buckets: Buckets, bucket: str, proxy: FaultProxy) -> None:
    proxy.fail("refuse")
    with pytest.raises(Unavailable, match="it cannot be reached"):
        buckets.find(bucket, "a//b")
    proxy.heal()
    assert buckets.find(bucket, "a//b") is not None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", NotFound),
        (403, "AccessDenied", AccessDenied),
        (403, "InvalidObjectState", AccessDenied),
        (412, "PreconditionFailed", ChangedWhileRead),
        (416, "InvalidRange", ChangedWhileRead),
        (403, "InvalidAccessKeyId", Unavailable),
        (400, "KeyTooLongError", InvalidInput),
    ],
)
def test_what_is_refused_is_not_asked_again(
    buckets: Buckets, bucket: str, proxy: FaultProxy, status: int, code: str, kind: Any
) -> None:
    (found,) = buckets.list(bucket, "")
    proxy.fail("answer", status=status, code=code)
    with pytest.raises(kind):
        buckets.read(bucket, found)
    assert proxy.faults["answer"] == 1


def test_what_is_another_now(buckets: Buckets, bucket: str, s3_server: S3Server) -> None:
    (found,) = buckets.list(bucket, "")
    s3_server.client().put_object(Bucket=bucket, Key="a//b", Body=DATA[::-1])
    with pytest.raises(ChangedWhileRead):
        buckets.read(bucket, found)
    with pytest.raises(NotFound, match="there is no bucket"):
        next(buckets.list("no-such-bucket-anywhere", ""))
    assert buckets.find(bucket, "b") is None


def test_any_key_is_listed_in_order_and_read(
    buckets: Buckets, bucket: str, s3_server: S3Server
) -> None:
    client = s3_server.client()
    keys = ["k/", "k/../z", "k//y", "k/x", "k/\u00fc b?#%20.dcm"]
    for key in (*keys, "ka"):
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    found = list(buckets.list(bucket, "k/"))
    assert [one.key for one in found] == keys
    for one in found:
        assert buckets.read(bucket, one).decode() == one.key
        assert buckets.find(bucket, one.key) == one


def test_an_object_is_a_stream(buckets: Buckets, bucket: str) -> None:
    (found,) = buckets.list(bucket, "")
    with buckets.open(bucket, found) as stream:
        assert stream.read() == DATA
        assert stream.seek(-3, 2) == len(DATA) - 3
        assert stream.read(10) == DATA[-3:]
        assert stream.seek(5) == 5
        assert stream.read(2) == DATA[5:7]
    assert buckets.read(bucket, found, 300, 0) == b""


def test_the_environment_is_not_asked(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`iryo env` sets some of these, and AWS's tools take the others."""
    for name in ("ENDPOINT_URL", "ENDPOINT_URL_S3"):
        monkeypatch.setenv(f"AWS_{name}", "http://127.0.0.1:1")
    for name in ("USE_FIPS_ENDPOINT", "USE_DUALSTACK_ENDPOINT"):
        monkeypatch.setenv(f"AWS_{name}", "true")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION"):
        monkeypatch.setenv(f"AWS_{name}", "of-the-environment")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    assert [one.key for one in Buckets(s3_server.access).list(bucket, "")] == ["a//b"]
