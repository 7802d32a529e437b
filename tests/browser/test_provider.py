"""Signing in at a provider of another site, in Chromium, which keeps the rules of cookies."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.access.issuer import CLIENT, SECRET, Issuer, serving
from tests.imaging.served import Served, served

JOBS = "/console/jobs"
ELSEWHERE = """url => {
    const link = document.createElement("a");
    link.href = url;
    document.body.append(link);
    link.click();
}"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving() as made:
        now = int(time.time())
        made.person = {
            "sub": "1",
            "preferred_username": "taro",
            "name": "山田 太郎",
            "iat": now,
            "exp": now + 600,
            "auth_time": now,
            "realm_access": {"roles": ["admin"]},
        }
        yield made


@pytest.fixture(scope="module")
def place(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(
        tmp_path_factory.mktemp("provided"),
        oidc_issuer=issuer.url,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles_claim="realm_access.roles",
    ) as found:
        yield found


def session(context: BrowserContext) -> str:
    """The token that the browser has."""
    (found,) = [one for one in context.cookies() if one.get("name") == "iryo_session"]
    assert (found.get("sameSite"), found.get("httpOnly")) == ("Strict", True)
    return str(found.get("value"))


def test_there_and_back_and_once_more_to_unlock(
    chromium: Browser, place: Served, issuer: Issuer
) -> None:
    here = place.url.replace("127.0.0.1", "localhost")  # to browsers another site than the provider
    context = chromium.new_context()
    try:
        page = context.new_page()
        page.goto(here + JOBS)
        page.get_by_role("link", name="Sign in at your organisation").click()
        page.wait_for_url(f"**{JOBS}")
        assert "山田 太郎" in page.content()
        token = session(context)
        # A link on another site's page finds the session, although its cookie is not sent at first.
        other = context.new_page()
        other.goto(f"{issuer.url}/about")
        other.evaluate(ELSEWHERE, here + JOBS)
        other.get_by_role("heading", name="Jobs").first.wait_for()
        place.house.app.sign_in.sessions.lock(token)
        page.goto(here + JOBS)
        page.get_by_role("link", name="Sign in at your organisation").click()
        page.wait_for_url(f"**{JOBS}")
        page.get_by_role("heading", name="Jobs").first.wait_for()
        assert session(context) == token
        assert not place.house.app.sign_in.sessions.look(token).locked
    finally:
        context.close()
