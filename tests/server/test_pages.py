"""Pages over real HTTP: bodies, streams, methods, and whose path is whose."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from iryo.access import Role
from iryo.server import application
from iryo.server.ready import Readiness
from tests.imaging.house import House
from tests.imaging.served import Application, Served, served

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("pages")) as place:
        yield place


@pytest.fixture(scope="module")
def admin(place: Served) -> requests.Session:
    return place.browser(Role.ADMIN)


def test_pages_and_other_protocols_share_addresses(place: Served, admin: requests.Session) -> None:
    assert "<h1>Home</h1>" in admin.get(place.url, headers=HTML).text
    aws = admin.post(place.url, headers={"x-amz-target": "AWSHealthImaging.ListDatastores"})
    assert "x-amzn-errortype" in aws.headers or aws.status_code in {403, 404}
    missing = admin.get(f"{place.url}/nothing", headers=HTML)
    assert (missing.status_code, "This is not here" in missing.text) == (404, True)
    assert "x-amzn-errortype" in admin.get(f"{place.url}/nothing").headers
    signed = {**HTML, "authorization": "AWS4-HMAC-SHA256 x"}
    assert "x-amzn-errortype" in admin.get(f"{place.url}/nothing", headers=signed).headers
    assert requests.get(f"{place.url}/-/health", headers=HTML, timeout=30).json()["status"] == "ok"


def test_head_is_get_without_its_body(place: Served, admin: requests.Session) -> None:
    head = admin.head(f"{place.url}/design", headers=HTML)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1000
    assert admin.put(f"{place.url}/design").headers["allow"] == "GET, HEAD"


def test_a_body_that_is_too_long_is_refused(place: Served, admin: requests.Session) -> None:
    answer = admin.post(f"{place.url}/preferences", data={"language": "x" * 100_000})
    assert answer.status_code == 413
    assert admin.get(place.url, headers=HTML).status_code == 200


def test_a_stream_goes_on_until_nobody_listens(place: Served, admin: requests.Session) -> None:
    app = place.house.app
    with admin.get(f"{place.url}/console/jobs/live", stream=True, timeout=30) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        assert next(lines) == b"retry: 2000"
        with app.database.write() as connection:
            job = app.jobs.submit(connection, kind="test.lives", scope="*", payload={})
        assert any(job.id.encode() in line for line in lines)
        with app.database.write() as connection:
            app.jobs.cancel(connection, job.id)
        assert any(b"Cancelled" in line for line in lines)


def test_who_goes_before_the_body_has_come_costs_nothing(place: Served) -> None:
    parts = urlsplit(place.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(
            b"POST /preferences HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nlang"
        )
    assert requests.get(f"{place.url}/design", headers=HTML, timeout=30).status_code == 200


def test_a_server_that_ends_ends_its_streams(tmp_path: Path) -> None:
    known: list[Readiness] = []

    def make(house: House) -> Application:
        known.append(Readiness(house.app))
        return application(house.app, known[0])

    with served(tmp_path, make) as place:
        stream = place.browser(Role.ADMIN).get(f"{place.url}/live", stream=True, timeout=30)
        lines = stream.iter_lines()
        assert next(lines) == b"retry: 2000"
        known[0].stopping = True
        assert b"" in list(lines)  # to its end
