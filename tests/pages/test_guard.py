"""What keeps a page from being misused."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import AccessDenied
from iryo.pages.guard import own_path, require_own, token_for
from iryo.wire.http import Request

HOST = "iryo.example:8080"


@pytest.mark.parametrize(
    "path", ["/", "/studies/main?q=a+b&x=%E5%8C%BB", "/console/jobs#open", "/a//b", "/a:b@c"]
)
def test_paths_of_ours(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://example.org/",
        "//example.org/",
        "/\\example.org/",
        "/\t/example.org",
        "/a\\..\\b",
        "/\n/example.org",
        " /a",
        "/ /example.org",
        "a/b",
        "javascript:alert(1)",
        "/" + "a" * 2000,
    ],
)
def test_addresses_that_lead_away(address: str) -> None:
    assert own_path(address) == "/"


@given(st.text(alphabet="/\\:@.?#ab \t\n\r%", max_size=12))
def test_no_path_leads_away(text: str) -> None:
    """As WHATWG URL 4.4 reads it: backslashes are slashes, tabs and newlines are nothing."""
    path = own_path(text)
    seen = path.replace("\\", "/").translate({9: None, 10: None, 13: None})
    assert urlsplit(urljoin(f"http://{HOST}/x", seen)).netloc == HOST


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": f"http://{HOST}"},
        {"origin": f"http://{HOST.upper()}"},
        {},
    ],
)
def test_pages_of_ours_may_send(headers: dict[str, str]) -> None:
    require_own(Request("POST", "/", headers={"host": HOST, **headers}), behind_proxy=False)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"},
        {"sec-fetch-site": "same-site"},
        {"origin": "null"},
        {"origin": "http://iryo.example"},
        {"origin": f"http://{HOST}", "x-forwarded-host": "front.example"},
    ],
)
def test_pages_of_others_may_not(headers: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        require_own(Request("POST", "/", headers={"host": HOST, **headers}), behind_proxy=True)


def test_a_proxy_says_how_the_host_is_called() -> None:
    headers = {"host": "10.0.0.1", "x-forwarded-host": HOST, "origin": f"https://{HOST}"}
    require_own(Request("POST", "/", headers=headers), behind_proxy=True)
    with pytest.raises(AccessDenied):
        require_own(Request("POST", "/", headers=headers), behind_proxy=False)


def test_tokens_differ_by_visitor_and_secret() -> None:
    tokens = {token_for(secret, visitor) for secret in (b"a", b"b") for visitor in ("x", "y")}
    assert len(tokens) == 4
    assert token_for(b"a", "x") in tokens
