"""The OHIF viewer at /ohif: its files for all, itself for who has signed in, their data alone."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from iryo.access import Role
from iryo.app import App
from iryo.console import open_site
from iryo.imaging.ohif import install
from iryo.imaging.service import datastores
from iryo.pages import Site
from iryo.wire.http import Request, Response
from tests.imaging.ohif.tarball import BUNDLE, contents, pack
from tests.installation import opened
from tests.program import Program


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(tmp_path) as made:
        yield made


def get(
    site: Site, path: str, key: tuple[str, str] | None = None, accept: str = "*/*"
) -> tuple[Response, bytes]:
    headers = {"accept": accept}
    if key is not None:
        headers["authorization"] = "Basic " + base64.b64encode(":".join(key).encode()).decode()
    path, _, query = path.partition("?")
    request = Request("GET", path, query, headers)
    assert site.owns(path, "GET")
    found = site.find(request)
    response = found if isinstance(found, Response) else site.answer(found, request)
    assert isinstance(response.body, bytes)
    return response, response.body


def test_it_is_served_to_who_has_signed_in(app: App, tmp_path: Path) -> None:
    site = open_site(app)
    key = app.access.create_key(name="reader", role=Role.READER)
    missing, _ = get(site, "/ohif/", key)
    assert missing.status == 404
    install(pack(tmp_path / "ohif.tgz", contents()), app.settings.home)
    page, body = get(site, "/ohif/viewer/x", key, accept="text/html")
    assert (page.status, body[:15]) == (200, b"<!doctype html>")
    bundle, _ = get(site, f"/ohif/{Path(BUNDLE).name}")
    assert bundle.status == 200
    stranger, _ = get(site, "/ohif?x=1", accept="text/html")
    assert stranger.status == 303
    assert dict(stranger.headers)["location"].startswith("/sign-in?return_to=/ohif")
    assert get(site, "/ohif/app-config.js")[0].status == 401


def test_its_configuration_names_what_this_reader_may_see(app: App, tmp_path: Path) -> None:
    install(pack(tmp_path / "ohif.tgz", contents()), app.settings.home)
    site = open_site(app)
    theirs = datastores.create(app.room, name="theirs")
    datastores.create(app.room, name="others")
    key = app.access.create_key(name="one", role=Role.READER, scope=theirs.id)
    answer, body = get(site, "/ohif/app-config.js", key)
    assert answer.status == 200
    config = json.loads(body.decode().removeprefix("window.config = ").rstrip(";\n"))
    assert [one["sourceName"] for one in config["dataSources"]] == [theirs.id]


def test_it_is_installed_by_the_program(tmp_path: Path) -> None:
    package = pack(tmp_path / "ohif.tgz", contents("3.99.0"))
    program = Program(tmp_path / "home")
    assert "iryo init" in program.here("ohif", "--from", package).output
    program.says("init")
    result = program.here("ohif", "--from", package)
    assert result.exit_code == 0
    assert "OHIF 3.99.0 is in" in result.output
    assert "that is tested" in result.output
    told = program.json("ohif", "--from", package)
    assert told["version"] == "3.99.0"
    both = program.here("ohif", "--from", package, "--package-version", "3.12.0")
    assert (both.exit_code, "version of its own" in both.output) == (2, True)
