"""The cookie of a session, and which requests of a browser are taken with it."""

from http.cookies import SimpleCookie

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iryo.access import Role
from iryo.access.cookies import (
    CSRF_HEADER,
    Visitors,
    cleared_cookie,
    cookie_name,
    read_cookie,
    session_cookie,
)
from iryo.access.sessions import PASSWORD, Session, SessionLocked, SessionRefused
from iryo.access.tokens import TOKEN, digest_of, new_token
from tests.access.conftest import Place

pytestmark = pytest.mark.small

NAME = "iryo_session"
HOST = {"host": "pacs.example.org:8100"}
TOKENS = st.from_regex(TOKEN, fullmatch=True)


@given(TOKENS)
def test_a_token_is_kept_as_its_digest(token: str) -> None:
    assert len(digest_of(token)) == 64
    assert token not in digest_of(token)


@given(st.text(max_size=60))
def test_what_is_no_token_has_no_digest(text: str) -> None:
    assert bool(digest_of(text)) == bool(TOKEN.fullmatch(text))


@pytest.mark.parametrize("secure", [True, False])
def test_what_we_set_a_browser_sends_back(secure: bool) -> None:
    token = new_token()
    jar = SimpleCookie(session_cookie(token, secure=secure))
    (sent,) = jar.values()
    assert (sent["httponly"], sent["samesite"], sent["path"]) == (True, "Strict", "/")
    assert sent["max-age"] == str(12 * 3600)
    assert bool(sent["secure"]) == secure
    assert sent.key.startswith("__Host-") == secure
    header = jar.output(attrs=[], header="").strip()
    assert read_cookie(header, cookie_name(secure=secure)) == token
    assert read_cookie(header, cookie_name(secure=not secure)) is None
    gone = SimpleCookie(cleared_cookie(secure=secure))
    assert next(iter(gone.values()))["max-age"] == "0"


CRUMBS = st.tuples(
    st.sampled_from([NAME, f"__Host-{NAME}", f"{NAME}x", "other", ""]),
    st.one_of(TOKENS, st.text(alphabet='abc=; ,"-_é\x00', max_size=50)),
)


@given(st.lists(CRUMBS, max_size=6), st.sampled_from(["; ", ";", ",", " ;  "]))
def test_a_header_is_read_as_it_stands_or_not_at_all(
    crumbs: list[tuple[str, str]], between: str
) -> None:
    header = between.join(f"{name}={value}" for name, value in crumbs)
    parts = [part.partition("=") for part in header.replace(",", ";").split(";")]
    sent = {value.strip().strip('"') for name, _, value in parts if name.strip() == NAME}
    found = read_cookie(header, NAME)
    if len(sent) == 1 and TOKEN.fullmatch(next(iter(sent))):
        assert found == next(iter(sent))
    else:
        assert found is None  # two that differ: one of them is not ours


@settings(max_examples=300)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_any_header_is_taken_or_let_go(header: str) -> None:
    for text in (header, f"{NAME}={header}", f"{header}; {NAME}={'a' * 43}"):
        found = read_cookie(text, NAME)
        assert found is None or TOKEN.fullmatch(found)


def test_a_header_that_is_too_long() -> None:
    assert read_cookie(None, NAME) is None
    assert read_cookie(f"{NAME}={'a' * 43}", NAME) == "a" * 43
    assert read_cookie(f"{'x' * 20_000}; {NAME}={'a' * 43}", NAME) is None


@pytest.fixture
def begun(place: Place) -> tuple[str, Session]:
    made = place.users.create("yamada", password="a good long password")
    place.users.grant(made.id, Role.WRITER)
    return place.sessions.begin(made.id, PASSWORD, "192.0.2.1")


def visitors(place: Place, **more: bool) -> Visitors:
    return Visitors(place.sessions, **{"secure": False, "behind_proxy": False, **more})


def test_who_sends_a_request(place: Place, begun: tuple[str, Session]) -> None:
    token, session = begun
    mine = visitors(place)
    headers = {"cookie": f"theme=dark; {NAME}={token}", **HOST}
    assert mine.expected(headers)
    assert mine.expected({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"})
    assert not mine.expected({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"})
    assert not mine.expected({"cookie": "theme=dark"})
    for found in (mine.at_once("GET", headers), mine.principal("HEAD", headers)):
        assert found is not None
        assert (found.id, found.grants) == (session.user_id, {"*": Role.WRITER})
    told = mine.session(headers)
    assert told is not None
    assert told.id == session.id
    assert visitors(place, secure=True).session(headers) is None  # not under that name


def test_what_changes_something_brings_the_secret(place: Place, begun: tuple[str, Session]) -> None:
    token, session = begun
    mine = visitors(place)
    headers = {"cookie": f"{NAME}={token}", "origin": "http://pacs.example.org:8100", **HOST}
    for method in ("POST", "PUT", "DELETE", "PATCH", "SOMETHING"):
        for sent in (None, "", "x", session.csrf[:-1], session.csrf + "x", "é"):
            more = {} if sent is None else {CSRF_HEADER: sent}
            for ask in (mine.at_once, mine.principal):
                with pytest.raises(SessionRefused, match=CSRF_HEADER):
                    ask(method, headers | more)
        assert mine.principal(method, headers | {CSRF_HEADER: session.csrf}).id == session.user_id


def test_requests_of_other_sites_bring_nothing(place: Place, begun: tuple[str, Session]) -> None:
    mine = visitors(place)
    cases: tuple[tuple[dict[str, str], bool], ...] = (
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),  # typed by the person
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "something"}, False),
        ({"origin": "http://pacs.example.org:8100"}, True),
        ({"origin": "http://pacs.example.org"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://[bad"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, False),
        ({"x-forwarded-host": "evil.example", "origin": "http://evil.example"}, False),
    )
    for more, taken in cases:
        headers = {"cookie": f"{NAME}={begun[0]}", **HOST, **more}
        assert (mine.session(headers) is not None) == taken, more
        if taken:
            assert mine.principal("GET", headers).id == begun[1].user_id
            continue
        for ask in (mine.at_once, mine.principal):
            with pytest.raises(SessionRefused):
                ask("GET", headers)


def test_behind_a_proxy_the_host_is_what_it_says(place: Place, begun: tuple[str, Session]) -> None:
    mine = visitors(place, behind_proxy=True, secure=True)
    headers = {
        "cookie": f"__Host-{NAME}={begun[0]}",
        "host": "10.0.0.7:8100",
        "x-forwarded-host": "pacs.example.org",
        "origin": "https://pacs.example.org",
    }
    assert mine.session(headers) is not None


def test_no_session_and_locked_ones(place: Place, begun: tuple[str, Session]) -> None:
    token, session = begun
    mine = visitors(place)
    headers = {"cookie": f"{NAME}={token}", **HOST}
    for none in ({}, {"cookie": "theme=dark"}, {"cookie": f"{NAME}={'a' * 43}"}):
        assert mine.session(none) is None
        with pytest.raises(SessionRefused):
            mine.principal("GET", none)
    place.sessions.lock(token)
    with pytest.raises(SessionLocked):
        mine.principal("GET", headers)
    with pytest.raises(SessionLocked):
        mine.at_once("GET", headers)
    told = mine.session(headers)
    assert told is not None
    assert told.locked
    place.users.disable(session.user_id)
    assert mine.session(headers) is None


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["cookie", "origin", "host", "sec-fetch-site", CSRF_HEADER, "referer"]),
        st.text(max_size=80),
    ),
    st.sampled_from(["GET", "POST"]),
)
def test_strangers_stay_strangers(place: Place, headers: dict[str, str], method: str) -> None:
    mine = visitors(place)
    assert mine.session(headers) is None
    with pytest.raises(SessionRefused):
        mine.principal(method, headers)
