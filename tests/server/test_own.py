"""Our own pages: who may read metrics, what they hold, and what readiness says."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from iryo import __version__
from iryo.access import Role
from iryo.app import App
from iryo.server import application
from iryo.server.ready import Readiness
from iryo.watch import METRICS
from iryo.wire.http import Request
from tests.installation import opened

TOKEN = "a long token"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(tmp_path) as made:
        yield made


def got(
    app: App,
    path: str,
    *,
    client: str | None = "127.0.0.1",
    authorization: str | None = None,
    readiness: Readiness | None = None,
) -> tuple[int, bytes]:
    """Status and body of one of our own pages."""
    told: list[Any] = []
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "root_path": "",
        "client": None if client is None else (client, 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        told.append(message)

    async def main() -> None:
        await application(app, readiness)(scope, receive, send)

    asyncio.run(main())
    return told[0]["status"], told[1]["body"]


def samples(page: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample of a page: name and label values in the order of the names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("client", "flags", "authorization", "status"),
    [
        ("127.0.0.1", {}, None, 200),
        ("127.8.9.1", {}, None, 200),
        ("::1", {}, None, 200),
        ("::ffff:127.0.0.1", {}, None, 200),
        ("10.0.0.1", {}, None, 403),
        ("unix", {}, None, 403),
        (None, {}, None, 403),
        ("127.0.0.1", {"behind_proxy": True}, None, 403),
        ("127.0.0.1", {"behind_proxy": True, "metrics_token": TOKEN}, f"Bearer {TOKEN}", 200),
        ("10.0.0.1", {"metrics_token": TOKEN}, f"bearer {TOKEN}", 200),
        ("10.0.0.1", {"metrics_token": TOKEN}, f"Bearer {TOKEN}x", 403),
        ("10.0.0.1", {"metrics_token": TOKEN}, f"Basic {TOKEN}", 403),
        ("10.0.0.1", {"metrics_token": TOKEN}, None, 403),
        ("10.0.0.1", {}, "Bearer ", 403),
        ("127.0.0.1", {"metrics_token": TOKEN}, "Bearer wrong", 403),
        ("127.0.0.1", {"metrics_token": TOKEN}, None, 200),
    ],
)
def test_who_may_read_metrics(
    tmp_path: Path,
    client: str | None,
    flags: dict[str, Any],
    authorization: str | None,
    status: int,
) -> None:
    with opened(tmp_path, **flags) as app:
        got_status, body = got(app, "/-/metrics", client=client, authorization=authorization)
    assert got_status == status
    assert (b"metrics_token" in body) is (status == 403)


def test_metrics_tell_what_was_done(app: App) -> None:
    for path, headers in (("/", {}), ("/datastore", {"authorization": "AWS4-HMAC-SHA256 x"})):
        assert app.gateway.handle(Request("GET", path, headers=headers)).status >= 400
    job = app.jobs
    with app.database.write() as connection:
        job.submit(connection, kind="imaging.import", scope="s", payload={})
    found = samples(got(app, "/-/metrics")[1])
    assert sum(value for (name, _), value in found.items() if name == "iryo_requests_total") == 2
    assert found["iryo_database_up", ()] == 1
    assert found["iryo_jobs", ("imaging.import", "submitted")] == 1
    assert found["iryo_jobs_oldest_waiting_seconds", ()] > 0
    assert found["iryo_arrivals", ("failed",)] == found["iryo_arrivals", ("waiting",)] == 0
    assert found["iryo_arrivals_oldest_waiting_seconds", ()] == 0
    assert found["iryo_processes", ("web",)] == 1
    assert any(name == "iryo_build_info" and __version__ in values for name, values in found)


def test_an_operation_is_counted_under_its_name_and_never_under_a_clients(app: App) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key = app.access.create_key(name="test", role=Role.ADMIN)
    for path in ("/datastore", "/datastore/secretpatientname"):
        signed = AWSRequest("GET", f"http://localhost{path}")
        SigV4Auth(Credentials(*key), "medical-imaging", "us-east-1").add_auth(signed)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        app.gateway.handle(Request("GET", path, headers={**headers, "host": "localhost"}))
    page = got(app, "/-/metrics")[1]
    found = samples(page)
    assert found["iryo_requests_total", ("ListDatastores", "ok", "medical-imaging")] == 1
    assert found["iryo_request_seconds_count", ("ListDatastores", "medical-imaging")] == 1
    assert b"secretpatientname" not in page
    assert key[0].encode() not in page


def test_everything_exported_is_in_the_table(app: App) -> None:
    names = {
        line.split()[2]
        for line in got(app, "/-/metrics")[1].decode().splitlines()
        if line.startswith("# TYPE")
    }
    assert names == set(METRICS)


def test_metrics_come_while_the_database_is_away(app: App) -> None:
    found = samples(got(app, "/-/metrics")[1])
    assert found["iryo_database_up", ()] == 1
    with opened(app.settings.home) as other:
        with other.database.write() as connection:
            connection.execute(text("DROP TABLE jobs"))
        found = samples(got(other, "/-/metrics")[1])
    assert found["iryo_database_up", ()] == 0
    assert not [name for name, _ in found if name == "iryo_jobs"]


# -------------------------------------------------------------------------------------- readiness


def parts(app: App, readiness: Readiness | None = None) -> tuple[int, dict[str, str]]:
    """Status, and each part that is not ok."""
    status, body = got(app, "/-/ready", readiness=readiness)
    told = json.loads(body)
    assert told["status"] == ("ok" if status == 200 else "away")
    assert str(app.settings.home).encode() not in body
    return status, {name: state for name, state in told["parts"].items() if state != "ok"}


def test_ready_when_all_parts_are_well(app: App) -> None:
    assert parts(app) == (200, {})


def test_a_process_that_stops_is_not_ready(app: App) -> None:
    readiness = Readiness(app)
    assert not readiness.watched()
    assert parts(app, readiness) == (200, {})
    assert readiness.watched()
    readiness.stopping = True
    assert readiness.watched()
    assert parts(app, readiness) == (503, {"process": "stopping"})
    assert not readiness.watched()


def test_the_listener_waits_only_for_who_has_asked_lately(app: App) -> None:
    now = [0.0]
    readiness = Readiness(app, lambda: now[0])
    readiness.parts()
    now[0] = 59.0
    assert readiness.watched()
    now[0] = 61.0
    assert not readiness.watched()


def test_old_tables_are_told_of(app: App) -> None:
    with app.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert parts(app) == (503, {"migrations": "not current"})


def test_what_hangs_is_not_waited_for_one_after_the_other(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts hang; the answer comes when the patience for one of them is over."""
    go = threading.Event()
    for part in ("_database", "_migrations", "_objects", "_disk", "_restore"):
        monkeypatch.setattr(Readiness, part, lambda _: "ok" if go.wait(60) else "late")
    monkeypatch.setattr("iryo.server.ready._PATIENCE", 0.05)
    status, away = parts(app, Readiness(app))
    assert (status, set(away.values())) == (503, {"away"})
    assert len(away) == 5
    go.set()


def test_an_object_store_that_is_away_is_told_of(app: App) -> None:
    class Away:
        url = "s3://away"

        def size(self, _key: str) -> int:
            raise OSError("secret host")

    assert parts(replace(app, objects=Away())) == (503, {"objects": "away"})  # type: ignore[arg-type]


def test_a_full_disk_is_told_of(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.server.ready._LEAST_BYTES", 1 << 62)
    assert parts(app) == (503, {"disk": "full"})


def test_a_restore_that_has_not_ended_is_told_of(app: App) -> None:
    with app.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'restore one'"))
    assert parts(app) == (503, {"migrations": "not current", "restore": "not ended"})
