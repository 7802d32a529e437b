"""Bearer tokens of an OpenID Connect provider: a real HTTP server of the test's own issues them."""

import hmac
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc.jwk import ECKey

from iryo.access import EVERYWHERE, Role
from iryo.access.oidc import Endpoints, Provider, fetch_json, grants_of
from iryo.errors import InvalidInput, NotAuthenticated, Unavailable
from tests.access.issuer import Issuer, rsa


def provider(issuer: Issuer, ticks: list[float] | None = None) -> Provider:
    return Provider(
        issuer.url,
        "iryo",
        "realm_access.roles",
        clock=lambda: 1_000.0,
        ticks=(lambda: ticks[0]) if ticks else lambda: 0.0,
    )


def test_a_token_gives_its_roles(issuer: Issuer) -> None:
    principal, until = provider(issuer).read(issuer.token())
    assert (principal.id, until) == ("oidc:ab-12", 2_000.0)
    assert dict(principal.grants) == {EVERYWHERE: Role.READER, "store1": Role.WRITER}


def test_other_kinds_of_key(issuer: Issuer) -> None:
    issuer.keys = [ECKey.generate_key("P-256", {"kid": "curve"}, auto_kid=False)]
    assert provider(issuer).read(issuer.token(algorithm="ES256"))[0].id == "oidc:ab-12"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": 900},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 1_100},
        {"sub": None},
    ],
)
def test_tokens_for_others_are_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        provider(issuer).read(issuer.token(**claims))


def test_forged_tokens_are_refused(issuer: Issuer) -> None:
    mine = provider(issuer)
    body = issuer.token().split(".")
    # The public key as the secret of an HMAC: the oldest trick.
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"first"}').rstrip(b"=").decode()
    public = issuer.keys[0].as_pem(private=False)
    proof = hmac.digest(public, f"{head}.{body[1]}".encode(), "sha256")
    for token in (
        issuer.token(rsa("first", 1)),
        f"{head}.{body[1]}.{urlsafe_b64encode(proof).rstrip(b'=').decode()}",
        "eyJhbGciOiJub25lIn0." + body[1] + ".",
        ".".join([body[0], body[1], "AAAA"]),
        "x" * 20_000,
        "",
    ):
        with pytest.raises(NotAuthenticated):
            mine.read(token)


def test_new_keys_are_looked_for_but_not_for_each_stranger(issuer: Issuer) -> None:
    ticks = [1_000.0]
    mine = provider(issuer, ticks)
    mine.read(issuer.token())
    issuer.keys = [rsa("second"), *issuer.keys]
    asked = len(issuer.asked)
    with pytest.raises(NotAuthenticated):  # looked a moment ago
        mine.read(issuer.token())
    assert len(issuer.asked) == asked
    ticks[0] += 61
    assert mine.read(issuer.token())[0].id == "oidc:ab-12"
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            mine.read(issuer.token(rsa("third")))
    assert len(issuer.asked) == asked + 2


def test_a_provider_that_is_away(issuer: Issuer) -> None:
    ticks = [1_000.0]
    mine = provider(issuer, ticks)
    issuer.away = True
    with pytest.raises(Unavailable):
        mine.read(issuer.token())
    with pytest.raises(Unavailable, match="just now"):
        mine.read(issuer.token())
    issuer.away = False
    ticks[0] += 2
    mine.read(issuer.token())
    issuer.away = True
    ticks[0] += 4_000
    assert mine.read(issuer.token())[0].id == "oidc:ab-12"  # by the keys of before


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://other.example/jwks"},
        {"jwks_uri": None},
    ],
)
def test_a_document_that_is_not_the_providers(issuer: Issuer, about: dict[str, Any]) -> None:
    issuer.about = about
    with pytest.raises(Unavailable):
        provider(issuer).read(issuer.token())


@pytest.mark.parametrize("url", ["http://idp.example", "ftp://localhost"])
def test_issuers_that_would_not_be_safe(url: str) -> None:
    with pytest.raises(InvalidInput):
        Provider(url, "iryo", "roles")


def test_without_an_audience_no_bearer_token_is_taken(issuer: Issuer) -> None:
    mine = Provider(issuer.url, None, "roles", clock=lambda: 1_000.0)
    with pytest.raises(NotAuthenticated, match="audience"):
        mine.read(issuer.token())


def test_where_people_sign_in(issuer: Issuer) -> None:
    found = provider(issuer).endpoints()
    assert found == Endpoints(f"{issuer.url}/authorize", f"{issuer.url}/token", basic=True)
    issuer.about = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert not provider(issuer).endpoints().basic
    for wrong in (None, 7, "http://idp.example/token"):
        issuer.about = {"token_endpoint": wrong}
        with pytest.raises(Unavailable, match="token_endpoint"):
            provider(issuer).endpoints()


def test_too_much_is_not_read(issuer: Issuer) -> None:
    issuer.about = {"padding": "x" * (2 << 20)}
    with pytest.raises(Unavailable):
        fetch_json(issuer.url)


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        ("reader writer:a", {EVERYWHERE: Role.READER, "a": Role.WRITER}),
        (["Admin", "reader"], {EVERYWHERE: Role.ADMIN}),
        (["writer:a", "reader:a", "owner", 7], {"a": Role.WRITER}),
        (None, {}),
        ({"reader": True}, {}),
    ],
)
def test_roles_as_claims_have_them(claimed: object, expected: dict[str, Role]) -> None:
    assert dict(grants_of(claimed)) == expected


def test_names_that_the_audit_cannot_hold(issuer: Issuer) -> None:
    principal, _ = provider(issuer).read(issuer.token(sub="山田 太郎"))
    assert principal.id.startswith("oidc:sha256:")


def test_claims_whose_names_have_dots(issuer: Issuer) -> None:
    named = Provider(issuer.url, "iryo", "https://x.example/roles", clock=lambda: 1_000.0)
    token = issuer.token(**{"https://x.example/roles": "admin"})
    assert dict(named.read(token)[0].grants) == {EVERYWHERE: Role.ADMIN}
