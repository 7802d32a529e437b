"""Signing in at a provider, page by page, with a browser that keeps the rules of cookies."""

import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from iryo.access import EVERYWHERE, Role
from iryo.app import App
from iryo.console import open_site
from tests.access.issuer import CLIENT, SECRET, Issuer, serving
from tests.console.test_signing import PASSWORD, Browser
from tests.installation import opened


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[App]:
    """An installation that knows a provider."""
    with opened(
        tmp_path_factory.mktemp("provided"),
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles_claim="realm_access.roles",
    ) as app:
        yield app


@pytest.fixture
def person(issuer: Issuer, request: pytest.FixtureRequest) -> str:
    """Somebody whom the provider knows, of the test's own: their name."""
    now = int(time.time())
    name = str(request.node.name).removeprefix("test_")[:40].replace("_", "-")
    issuer.person = {
        "sub": name,
        "preferred_username": name,
        "iat": now,
        "exp": now + 600,
        "auth_time": now,
        "realm_access": {"roles": ["admin"]},
    }
    issuer.away = False
    return name


class Traveller(Browser):
    """Sends no cookie of ours with what another site has it ask for (SameSite=Strict)."""

    def arrive(self, path: str) -> str:
        """Come from another site; the page that we are shown first."""
        kept = self.headers.pop("cookie", None)
        self.headers["sec-fetch-site"] = "cross-site"
        html = self.look(path)
        self.headers["sec-fetch-site"] = "same-origin"
        if kept is not None:
            self.headers["cookie"] = kept
        return html

    def leave(self, path: str) -> str:
        """Go to the provider, and sign in there; where it sends us back to."""
        response = self.ask("GET", path)
        assert response.status == 303
        self._read(response)
        told = dict(response.headers)
        assert told["cache-control"] == "no-store"
        answer = requests.get(told["location"], allow_redirects=False, timeout=30)
        parts = urlsplit(answer.headers["location"])
        assert (parts.scheme, parts.netloc) == ("http", "iryo.test")
        return f"{parts.path}?{parts.query}"

    def goes_on(self, html: str) -> str:
        """Where a page leads by itself."""
        (where,) = re.findall(r'http-equiv="refresh" content="0;url=([^"]*)"', html)
        return unescape(where)

    def sign_in(self, path: str = "/sign-in/oidc?return_to=%2Fconsole%2Fjobs") -> tuple[int, str]:
        """All of it; status, and where it leads or what it says."""
        response = self.ask("GET", self.goes_on(self.arrive(self.leave(path))))
        html = self._read(response)
        return response.status, dict(response.headers).get("location", html)


def test_who_signs_in_there_is_signed_in_here(app: App, person: str) -> None:
    browser = Traveller(app)
    html = browser.look("/sign-in?return_to=/console/jobs")
    (link,) = re.findall(r'href="(/sign-in/oidc[^"]*)"', html)
    assert browser.sign_in(unescape(link)) == (303, "/console/jobs")
    assert person in browser.look("/console/jobs")
    assert browser.cookies["iryo_provider"] == ""
    user = app.sign_in.users.named(person)
    assert user is not None
    assert user.grants == {EVERYWHERE: Role.ADMIN}


def test_a_locked_session_goes_on(app: App, person: str, issuer: Issuer) -> None:
    browser = Traveller(app)
    assert browser.sign_in()[0] == 303
    user = app.sign_in.users.named(person)
    assert user is not None
    token = browser.cookies["iryo_session"]
    app.sign_in.sessions.lock(token)
    issuer.person["auth_time"] = int(time.time()) - 3600
    status, html = browser.sign_in()  # the provider did not ask again who they are
    assert status == 403
    assert "did not succeed" in html
    assert app.sign_in.sessions.look(token).locked
    issuer.person["auth_time"] = int(time.time())
    assert browser.sign_in() == (303, "/console/jobs")
    assert browser.cookies["iryo_session"] == token
    assert app.sign_in.sessions.look(token).user_id == user.id
    assert not app.sign_in.sessions.look(token).locked


def test_what_does_not_lead_in(app: App, person: str, issuer: Issuer) -> None:
    browser, other = Traveller(app), Traveller(app)
    back = browser.leave("/sign-in/oidc")
    around = browser.goes_on(browser.arrive(back))
    assert "did not succeed" in other.look(around, 403)  # another browser
    assert "did not succeed" in browser.look("/sign-in/oidc/return?around=1", 403)
    issuer.away = True
    assert "does not answer" in browser.look(around, 503)
    issuer.away = False
    assert app.sign_in.users.named(person) is None
    assert browser.sign_in()[0] == 303


def test_a_provider_that_is_away(issuer: Issuer, tmp_path: Path, person: str) -> None:
    del person
    issuer.away = True
    with opened(tmp_path, oidc_issuer=issuer.url, oidc_client_id=CLIENT) as app:
        html = Traveller(app).look("/sign-in/oidc?return_to=//evil.example", 503)
        assert "does not answer" in html
        assert 'name="return_to" value="/"' in html


def test_who_follows_a_link_from_elsewhere_need_not_sign_in_again(app: App, person: str) -> None:
    user = app.sign_in.users.create(f"{person}-here", password=PASSWORD)
    app.sign_in.users.grant(user.id, Role.ADMIN)
    browser = Traveller(app)
    browser.look("/sign-in")
    assert browser.send("/sign-in", name=user.name, password=PASSWORD)[0] == 303
    assert browser.goes_on(browser.arrive("/console/jobs")) == "/console/jobs"
    assert user.name in browser.look("/console/jobs")


def test_without_a_provider_there_is_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(tmp_path_factory.mktemp("bare")) as app:
        assert "/sign-in/oidc" not in Browser(app).look("/sign-in")
        assert not open_site(app).owns("/sign-in/oidc", "GET")
