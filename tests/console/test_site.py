"""The site as a whole: who gets in, what every answer carries, how failures are told."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from iryo.access import Role
from iryo.app import App, questions
from iryo.console import open_site
from iryo.errors import Unavailable
from iryo.imaging.service import datastores
from iryo.pages.rendering import Templates
from iryo.store.sql import Database
from tests.console.visiting import Visitor, text_of, visitor

EVIL = "<script>alert(1)</script>\u202egpj.exe"


def test_who_has_not_signed_in_is_led_to_the_door(app: App) -> None:
    stranger = Visitor(open_site(app))
    response = stranger.ask("GET", "/console/audit?actor=x&after=1,2")
    assert response.status == 303
    there = dict(response.headers)["location"]
    assert there == "/sign-in?return_to=/console/audit%3Factor%3Dx%26after%3D1%2C2"


def test_a_script_is_told_instead_of_led(app: App) -> None:
    stranger = Visitor(open_site(app))
    for response in (
        stranger.ask("GET", "/", accept="application/json"),
        stranger.ask("GET", "/", hx_request="true"),
    ):
        assert response.status == 401
        assert json.loads(text_of(response))["title"] == "Please sign in"


def test_every_answer_says_what_a_browser_may_do(app: App, admin: Visitor) -> None:
    stranger = Visitor(open_site(app))
    answers = [
        admin.ask("GET", "/"),
        admin.ask("GET", "/nothing/here"),
        admin.ask("DELETE", "/console/audit"),
        admin.ask("GET", "/", accept="application/json", hx_request="true"),
        stranger.ask("GET", "/"),
        stranger.ask("POST", "/preferences"),
    ]
    assert [one.status for one in answers] == [200, 404, 405, 200, 303, 403]
    for answer in answers:
        headers = dict(answer.headers)
        policy = headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert not re.search(r"unsafe-inline|'unsafe-eval'|\*|https?:", " ".join(policy))
        assert headers["x-content-type-options"] == "nosniff"
        assert headers.get("cache-control", "no-store") == "no-store"


def test_pages_hold_no_code_of_their_own(admin: Visitor) -> None:
    for path in ("/", "/design", "/console/jobs", "/console/audit", "/console/health"):
        html = admin.get(path, accept_language="ja")
        for tag in re.findall(r"<script[^>]*>", html):
            assert 'src="/static/' in tag or 'type="application/json"' in tag
        assert not re.search(r"\s(on\w+|style|hx-on)[=:]|javascript:|<style", html)


def test_names_are_text_and_keep_to_themselves(app: App, admin: Visitor) -> None:
    store = datastores.create(app.room, name=EVIL)
    for path in ("/", "/console/datastores", f"/console/datastores/{store.id}"):
        html = admin.get(path)
        assert "<script>alert" not in html
        assert f"<bdi>{'&lt;script&gt;alert(1)&lt;/script&gt;'}\u202egpj.exe</bdi>" in html
    datastores.remove(app.room, store.id)


def test_roles_are_asked_for_where_the_page_is(app: App) -> None:
    store = datastores.create(app.room, name="of one reader")
    reader = visitor(app, Role.READER, store.id)
    html = reader.get("/")
    assert "of one reader" in html
    assert "Administration" not in html
    assert "Needs a person" not in html
    for path in ("/console/jobs", "/console/audit", f"/console/datastores/{store.id}"):
        assert reader.ask("GET", path).status == 403
    assert "of one reader" not in visitor(app, Role.READER, "0" * 32).get("/")


def test_a_denied_page_leaves_its_row(app: App) -> None:
    since = datetime.now(UTC)
    visitor(app, Role.WRITER).ask("GET", "/console/audit?actor=a")
    app.audit.flush()
    (row,) = app.audit.read(since=since, action="console:audit")
    assert (row.outcome, row.source) == ("denied", "192.0.2.7")


def test_failures_are_told_in_the_language_of_the_reader(admin: Visitor) -> None:
    response = admin.ask("GET", "/console/audit?since=tomorrow", accept_language="ja,en;q=0.5")
    html = text_of(response)
    assert response.status == 400
    assert '<html lang="ja"' in html
    assert "このままでは受け付けられません" in html
    assert "<bdi>found no day, expected YYYY-MM-DD</bdi>" in html


def test_what_nobody_foresaw_is_not_told(
    app: App, admin: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("of a patient")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.audit, "flush", broken)
        response = admin.ask("GET", "/console/audit")
    assert response.status == 500
    assert "of a patient" not in text_of(response)
    assert dict(response.headers)["x-request-id"] in text_of(response)
    assert "a page failed" in caplog.text


def test_a_part_that_is_away_is_told_of(app: App, admin: Visitor) -> None:
    def away() -> None:
        raise Unavailable("the database at db.internal does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.audit, "flush", away)
        response = admin.ask("GET", "/console/audit")
    assert response.status == 503
    assert "A part of the system is away" in text_of(response)
    assert "db.internal" not in text_of(response)


def test_a_failure_is_told_even_if_its_page_fails(
    admin: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Templates, "render", broken)
        response = admin.ask("GET", "/")
    assert json.loads(text_of(response))["title"] == "Something went wrong"
    assert "the page that tells of a failure failed" in caplog.text


def test_what_is_damaged_needs_a_person(admin: Visitor) -> None:
    def one(_: Database) -> int:
        return 1234

    def away(_: Database) -> int:
        raise Unavailable("away")

    asked = questions()
    found = (replace(asked[0], count=one), replace(asked[1], count=away), *asked[2:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iryo.console.home.questions", lambda: found)
        html = admin.get("/")
    assert "1,234 stored things are damaged" in html
    assert "could not be stored" not in html


def test_bodies_are_bounded(admin: Visitor) -> None:
    assert admin.post("/preferences", language="x" * 70_000).status == 413


class TestPreferences:
    def test_language_and_colours_are_kept(self, admin: Visitor) -> None:
        response = admin.post("/preferences", language="ja", scheme="dark", return_to="/design")
        cookies = [value for name, value in response.headers if name == "set-cookie"]
        assert dict(response.headers)["location"] == "/design"
        assert [one.split(";")[0] for one in cookies] == ["iryo_language=ja", "iryo_scheme=dark"]
        assert all("HttpOnly" in one and "SameSite=Strict" in one for one in cookies)
        html = admin.get("/design", cookie="iryo_language=ja; iryo_scheme=dark")
        assert '<html lang="ja" data-scheme="dark">' in html

    @pytest.mark.parametrize(
        "there", ["https://evil.example/", "//evil.example", "/\\evil.example"]
    )
    def test_they_lead_nowhere_else(self, admin: Visitor, there: str) -> None:
        assert admin.follow("/preferences", scheme="", return_to=there) == "/"

    @pytest.mark.parametrize("field", ["language", "scheme"])
    def test_only_what_is_offered(self, admin: Visitor, field: str) -> None:
        assert admin.post("/preferences", **{field: "tlh; Path=/x"}).status == 400

    def test_cookies_of_strangers_choose_what_is_offered(self, admin: Visitor) -> None:
        html = admin.get("/design", cookie="iryo_language=../x; iryo_scheme=<b>; iryo_zone=../../x")
        assert '<html lang="en">' in html

    def test_a_stranger_needs_the_token_of_their_page(self, app: App) -> None:
        stranger = Visitor(open_site(app))
        page = stranger.ask("GET", "/design")
        cookie = dict(page.headers)["set-cookie"].split(";")[0]
        token = re.search(r'name="csrf" value="([^"]+)"', text_of(page))
        assert token
        assert stranger.post("/preferences", scheme="dark", csrf=token[1]).status == 403
        stranger.headers["cookie"] = cookie
        assert stranger.post("/preferences", scheme="dark", csrf=token[1]).status == 303
        assert stranger.post("/preferences", scheme="dark", csrf=token[1][:-1]).status == 403
        stranger.headers["sec-fetch-site"] = "cross-site"
        assert stranger.post("/preferences", scheme="dark", csrf=token[1]).status == 403


class TestStatic:
    def test_a_page_names_what_is_kept_for_ever(self, admin: Visitor) -> None:
        (path,) = re.findall(r'href="(/static/main\.[^"]+)"', admin.get("/"))
        response = admin.ask("GET", path, accept_encoding="gzip, br")
        headers = dict(response.headers)
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["content-type"] == "text/css; charset=utf-8"
        assert headers["content-encoding"] == "gzip"
        again = admin.ask("GET", path, if_none_match=headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert b"--accent" in bytes(admin.ask("GET", path).body)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "name", ["nothing.js", "manifest.json", "../page.py", "..%2Fpage.py", "", "main.css"]
    )
    def test_nothing_else_is_given(self, admin: Visitor, name: str) -> None:
        assert admin.ask("GET", f"/static/{name}").status == 404

    def test_workers_have_the_policy_too(self, admin: Visitor) -> None:
        (path,) = re.findall(r'src="(/static/shell\.[^"]+)"', admin.get("/"))
        headers = dict(admin.ask("GET", path).headers)
        assert headers["content-type"] == "text/javascript; charset=utf-8"
        assert "default-src 'none'" in headers["content-security-policy"]
