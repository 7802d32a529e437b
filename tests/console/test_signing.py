"""The door: passwords, links, the lock."""

import json
import re
from html import unescape

import pytest

from iryo.access import EVERYWHERE, Role
from iryo.app import App
from iryo.console import open_site
from iryo.wire.http import Response
from tests.console.visiting import Visitor, text_of

PASSWORD = "correct horse battery"


class Browser(Visitor):
    """Keeps cookies, and sends the token of the page that it was given last."""

    def __init__(self, app: App) -> None:
        super().__init__(open_site(app), {"sec-fetch-site": "same-origin"})
        self.cookies: dict[str, str] = {}
        self.token = ""

    def look(self, path: str, expected: int = 200) -> str:
        response = self.ask("GET", path)
        assert response.status == expected, text_of(response)
        return self._read(response)

    def send(self, path: str, **fields: str) -> tuple[int, str]:
        """Status, and where it leads or what it says."""
        response = self.post(path, csrf=self.token, **fields)
        html = self._read(response)
        return response.status, dict(response.headers).get("location", html)

    def _read(self, response: Response) -> str:
        headers = response.headers
        for name, value in headers:
            if name == "set-cookie":
                key, _, kept = value.partition(";")[0].partition("=")
                self.cookies[key] = kept
        self.headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items() if v)
        html = text_of(response)
        if response.status < 400 and (
            found := re.search(r'name="iryo-csrf" content="([^"]*)"', html)
        ):
            self.token = found[1]
        return html


@pytest.fixture
def person(app: App, request: pytest.FixtureRequest) -> str:
    """The name of an administrator with a password, of the test's own."""
    name = re.sub(r"\W", "-", request.node.name).lower()[-40:].strip("-")
    user = app.sign_in.users.create(name, display_name="<Sato> 花子", password=PASSWORD)
    app.sign_in.users.grant(user.id, Role.ADMIN)
    return name


def signed_in(app: App, name: str) -> Browser:
    browser = Browser(app)
    browser.look("/sign-in")
    assert browser.send("/sign-in", name=name, password=PASSWORD)[0] == 303
    browser.look("/")
    return browser


def test_a_person_comes_back_to_where_they_were(app: App, person: str) -> None:
    browser = Browser(app)
    there = dict(browser.ask("GET", "/console/jobs?state=FAILED").headers)["location"]
    html = browser.look(there)
    back = re.findall(r'name="return_to" value="([^"]+)"', html)[0]
    status, leads = browser.send(
        "/sign-in", name=f" {person.upper()} ", password=PASSWORD, return_to=unescape(back)
    )
    assert (status, leads) == (303, "/console/jobs?state=FAILED")
    assert "&lt;Sato&gt; 花子" in browser.look(leads)
    status, leads = browser.send("/sign-out")
    assert (status, leads) == (303, "/sign-in")
    assert browser.ask("GET", "/").status == 303


def test_signing_in_leads_nowhere_else(app: App, person: str) -> None:
    browser = Browser(app)
    assert 'name="return_to" value="/"' in browser.look("/sign-in?return_to=//evil.example")
    leads = browser.send("/sign-in", name=person, password=PASSWORD, return_to="//evil.example")
    assert leads == (303, "/")


def test_wrong_names_and_passwords_are_told_alike(app: App, person: str) -> None:
    browser = Browser(app)
    browser.look("/sign-in")
    told = set()
    for name, password in ((person, "wrong horse battery"), ("no-such-person", PASSWORD), ("", "")):
        status, html = browser.send("/sign-in", name=name, password=password)
        assert status == 403
        told.update(re.findall(r'role="alert">([^<]+)<', html))
        assert "wrong horse" not in html
    assert told == {"The name or the password is not right."}


def test_who_tries_too_often_waits(app: App, person: str) -> None:
    browser = Browser(app)
    browser.look("/sign-in")
    for _ in range(20):
        status, html = browser.send("/sign-in", name=person, password="wrong horse battery")
        if status == 429:
            break
    assert status == 429
    assert re.search(r"Try again in \d+ seconds", html)


def test_a_form_of_another_site_signs_nobody_in(app: App, person: str) -> None:
    browser = Browser(app)
    browser.look("/sign-in")
    browser.headers["sec-fetch-site"] = "cross-site"
    assert browser.send("/sign-in", name=person, password=PASSWORD)[0] == 403
    browser.headers["sec-fetch-site"] = "same-origin"
    browser.token = "other"
    assert browser.send("/sign-in", name=person, password=PASSWORD)[0] == 403


def test_a_link_of_another_site_finds_the_session(app: App, person: str) -> None:
    """SameSite=Strict: the first request comes without the cookie, the second one with it."""
    browser = signed_in(app, person)
    browser.headers |= {"sec-fetch-site": "cross-site"}
    html = browser.look("/console/audit?actor=a&action=b")
    assert 'content="0;url=/console/audit?actor=a&amp;action=b"' in html
    assert "csrf" not in html


def test_a_session_is_locked_and_goes_on(app: App, person: str) -> None:
    browser = signed_in(app, person)
    assert browser.send("/here")[0] == 204
    assert browser.send("/lock")[0] == 204
    assert browser.send("/here")[0] == 401
    there = dict(browser.ask("GET", "/console/jobs").headers)["location"]
    assert there == "/sign-in?return_to=/console/jobs"
    status, told = browser.send("/unlock", password="wrong horse battery")
    assert (status, json.loads(told)["title"]) == (403, "The password is not right.")
    assert browser.send("/unlock", password=PASSWORD)[0] == 204
    assert browser.send("/here")[0] == 204


def test_a_locked_session_goes_on_at_the_door_too(app: App, person: str) -> None:
    browser = signed_in(app, person)
    before = dict(browser.cookies)
    browser.send("/lock")
    assert "<h1>Unlock</h1>" in browser.look("/sign-in?return_to=/console/jobs")
    leads = browser.send("/sign-in", name=person, password=PASSWORD, return_to="/console/jobs")
    assert leads == (303, "/console/jobs")
    assert browser.cookies == before
    assert browser.ask("GET", "/sign-in?return_to=/design").status == 303  # signed in already


def test_unlocking_waits_as_signing_in_does(app: App, person: str) -> None:
    browser = signed_in(app, person)
    browser.send("/lock")
    answers = [browser.send("/unlock", password="wrong horse battery")[0] for _ in range(20)]
    assert answers[0] == 403
    assert answers[-1] == 429


def test_a_session_changes_nothing_without_its_token(app: App, person: str) -> None:
    browser = signed_in(app, person)
    browser.token = "other"
    assert browser.send("/console/datastores", name="made by another")[0] == 403
    assert browser.send("/sign-out")[0] == 403
    browser.look("/")


class TestLinks:
    def test_a_link_lets_in_once(self, app: App, person: str) -> None:
        admin = signed_in(app, person)
        status, html = admin.send(
            "/console/people",
            name="invited",
            display_name="Dr <b>",
            role="reader",
            scope=EVERYWHERE,
        )
        assert status == 200
        (link,) = re.findall(r"/sign-in/link/[\w-]+", html)
        guest = Browser(app)
        assert "<bdi>invited</bdi>" in guest.look(link)
        guest.look(link)  # a mail scanner has looked at it before
        for password, again, said in (
            ("short", "short", "at least 12 characters"),
            ("passwordpassword", "passwordpassword", "among the first"),
            ("invited invited", "invited invited", "must not contain your name"),
            ("x" * 1025, "x" * 1025, "too long"),
            (PASSWORD, "another", "not the same"),
        ):
            status, html = guest.send(link, password=password, again=again)
            assert (status, said in html) == (400, True), html
        assert guest.send(link, password=PASSWORD, again=PASSWORD) == (303, "/")
        assert "Dr &lt;b&gt;" in guest.look("/")
        late = Browser(app)
        assert "was used already" in late.look(link, 403)
        assert late.send(link, password=PASSWORD, again=PASSWORD)[0] == 403

    def test_a_person_who_is_signed_in_changes_over(self, app: App, person: str) -> None:
        browser = signed_in(app, person)
        user, token = app.sign_in.users.invite("changed-over")
        link = f"/sign-in/link/{token}"
        browser.look(link)
        assert browser.send(link, password=PASSWORD, again=PASSWORD) == (303, "/")
        assert [one.user_id for one in app.sign_in.sessions.list(user.id)] == [user.id]


def test_a_person_keeps_their_language(app: App, person: str) -> None:
    browser = signed_in(app, person)
    browser.send("/preferences", language="ja", return_to="/")
    del browser.cookies["iryo_language"]
    assert '<html lang="ja">' in signed_in(app, person).look("/")
