"""Which S3 server is asked and with whose credentials: as the settings say, not the environment."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iryo.errors import InvalidInput, IryoError, Unavailable
from iryo.store.objects import S3Access, open_objects
from iryo.store.s3 import found_credentials
from tests.grown.proxy import FaultProxy
from tests.grown.s3 import S3Server


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///p",
        "s3://Bucket",
        "s3://a",
        "s3://b@c/p",
        "s3://bucket:80/p",
        "s3:bucket",
    ],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInput, match="the name of a bucket expected"):
        open_objects(url)


@pytest.mark.parametrize("prefix", ["a//b", "../a", "a b", "a?b", "a#b"])
def test_prefixes_are_keys(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="object key"):
        open_objects(f"s3://bucket/{prefix}")


def test_no_prefix(bucket: str, access: S3Access) -> None:
    objects = open_objects(f"s3://{bucket}/", access)
    objects.put("a/b", b"1")
    assert [found.key for found in objects.list()] == ["a/b"]
    assert [found.key for found in open_objects(f"s3://{bucket}/a", access).list()] == ["b"]


def test_half_a_key() -> None:
    with pytest.raises(InvalidInput, match="s3_secret_access_key is not") as caught:
        open_objects("s3://bucket", S3Access(key_id="k"))
    assert caught.value.where == "s3_secret_access_key"


def test_the_environment_is_not_asked(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Obstore takes each of these unless it is told otherwise; `iryo env` sets some."""
    objects = open_objects(f"s3://{s3_server.bucket()}/p", s3_server.access)
    objects.put("before", b"1")
    for name in VARIABLES:
        monkeypatch.setenv(f"AWS_{name}", "true")
    for name in ("ENDPOINT", "ENDPOINT_URL", "ENDPOINT_URL_S3"):
        monkeypatch.setenv(f"AWS_{name}", "http://127.0.0.1:1")
    again = open_objects(objects.url, s3_server.access)
    assert again.get("before") == b"1"
    again.put("after", b"2")
    again.put("long", (bytes(1 << 20) for _ in range(20)))
    assert {found.key for found in objects.list()} == {"before", "after", "long"}
    again.delete(["before"])


def test_what_aws_tools_would_find(
    s3_server: S3Server,
    proxy: FaultProxy,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone(monkeypatch, tmp_path)
    (tmp_path / "credentials").write_text(
        "[ward]\naws_access_key_id = found\naws_secret_access_key = secret\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "ward")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    access = S3Access(s3_server.access.region, proxy.url)
    objects = open_objects(f"s3://{bucket}", access)
    objects.put("k", b"1")
    assert objects.get("k") == b"1"
    assert found_credentials().access_key == "found"


def test_none_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, tmp_path)
    with pytest.raises(Unavailable, match="no credentials for S3; set s3_access_key_id"):
        open_objects("s3://bucket")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(Unavailable, match="cannot be had: ProfileNotFound"):
        open_objects("s3://bucket")


def test_those_of_iryo_itself_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "IRYO" + "A" * 16)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s" * 40)
    with pytest.raises(Unavailable, match="are of iryo itself: unset them"):
        open_objects("s3://bucket")


def test_credentials_that_cannot_be_renewed(
    bucket: str, proxy: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    credentials = found_credentials()

    def fail() -> Any:
        raise LookupError("expired-token-secret")

    monkeypatch.setattr(credentials, "get_frozen_credentials", fail)
    monkeypatch.setattr("iryo.store.s3.found_credentials", lambda: credentials)
    objects = open_objects(f"s3://{bucket}", S3Access(endpoint=proxy.url))
    with pytest.raises(Unavailable) as caught:
        objects.get("k")
    assert caught.value.message.endswith("failed on k: the credentials cannot be had")


def test_no_secret_is_told(bucket: str, access: S3Access, proxy: FaultProxy) -> None:
    secret = replace(access, secret="do-not-tell", patience=0.2)
    assert "do-not-tell" not in repr(secret)
    objects = open_objects(f"s3://{bucket}", secret)
    proxy.fail("answer", status=403, code="SignatureDoesNotMatch")
    with pytest.raises(IryoError) as caught:
        objects.get("k")
    assert "do-not-tell" not in caught.value.message


def alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Without what this machine may have of credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


# Of obstore's S3Config and ClientConfig (obstore/_store/_aws.pyi). Not here, since nothing
# overrides it: AWS_SERVER_SIDE_ENCRYPTION and what belongs to it; docs/how-to/s3.md says so.
VARIABLES = (
    "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "TOKEN", "REGION", "DEFAULT_REGION",
    "BUCKET", "BUCKET_NAME", "CHECKSUM_ALGORITHM", "CONDITIONAL_PUT", "COPY_IF_NOT_EXISTS",
    "CONTAINER_CREDENTIALS_RELATIVE_URI", "CONTAINER_CREDENTIALS_FULL_URI",
    "CONTAINER_AUTHORIZATION_TOKEN_FILE", "DISABLE_TAGGING", "DISABLE_BULK_DELETE",
    "IMDSV1_FALLBACK", "METADATA_ENDPOINT", "REQUEST_PAYER", "ROLE_ARN", "ROLE_SESSION_NAME",
    "S3_EXPRESS", "SKIP_SIGNATURE", "SSE_BUCKET_KEY_ENABLED", "STS_ENDPOINT", "UNSIGNED_PAYLOAD",
    "VIRTUAL_HOSTED_STYLE_REQUEST", "WEB_IDENTITY_TOKEN_FILE", "ALLOW_HTTP", "PROXY_URL",
    "ALLOW_INVALID_CERTIFICATES", "CONNECT_TIMEOUT", "READ_TIMEOUT", "TIMEOUT", "USER_AGENT",
)  # fmt: skip
