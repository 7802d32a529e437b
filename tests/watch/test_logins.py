"""Failed logins: a few rows a minute say so, whoever tries however often."""

from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from iryo.access import AuditEvent, Role
from tests.imaging.served import Served, served


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("logins")) as place:
        yield place


def rows(place: Served) -> list[AuditEvent]:
    audit = place.house.app.audit
    audit.flush()
    return list(audit.read(action="Authenticate", oldest_first=True))


def aws(place: Served, key: tuple[str, str]) -> object:
    client = boto3.client(
        "medical-imaging",
        region_name="us-east-1",
        endpoint_url=place.url,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )
    return client.list_datastores()


def test_failed_logins_are_few_rows_and_others_none(place: Served) -> None:
    key, secret = place.keys[Role.READER]
    session = requests.Session()
    session.trust_env = False
    url = f"{place.dicomweb}/studies"
    assert session.get(url).status_code == 401  # who shows nothing is asked for something
    assert session.get(url, auth=(key, secret)).status_code == 200
    researcher = place.keys[Role.RESEARCHER]
    assert session.get(url, auth=researcher).status_code == 403  # known, and may not
    aws(place, (key, secret))
    assert rows(place) == []
    for _ in range(20):
        assert session.get(url, auth=(key, "wrong")).status_code == 401
    bearer = {"authorization": "Bearer iryo-none"}
    assert session.get(url, headers=bearer).status_code == 401
    with pytest.raises(ClientError):
        aws(place, (key, "wrong" * 8))
    found = rows(place)
    assert {row.outcome for row in found} == {"denied"}
    assert {row.source for row in found} == {"127.0.0.1"}
    assert {row.detail["why"] for row in found} == {"NotAuthenticated", "InvalidSignatureException"}
    assert len(found) <= 3
    assert "wrong" not in str(found)
