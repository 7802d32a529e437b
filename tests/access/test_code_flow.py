"""Signing in at a provider by code: with a browser of the tests' own, over HTTP."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from iryo.access import EVERYWHERE, Access, Role, create_key_file
from iryo.access.code_flow import Client, CodeFlow, post_form
from iryo.access.oidc import Provider
from iryo.errors import NotAuthenticated, Unavailable
from tests.access.conftest import Place
from tests.access.issuer import CLIENT, SECRET, Issuer

pytestmark = pytest.mark.small  # of the database it wants no more than users do

HERE = "192.0.2.1"
BACK = "https://pacs.example.org/sign-in/oidc/return"
PERSON = {
    "sub": "f:1:yamada",
    "preferred_username": "Yamada.Taro",
    "name": "山田 太郎",
    "locale": "ja-JP",
    "exp": 2_000,
}


class Hospital:
    """An installation, and a browser that goes where it is sent."""

    def __init__(self, place: Place, issuer: Issuer, folder: Path) -> None:
        create_key_file(folder / "iryo.key")
        self.now = 1_000.0
        self.place = place
        self.issuer = issuer
        self.access = Access(place.database, folder / "iryo.key")
        issuer.person = dict(PERSON)

    def flow(self, secret: str | None = SECRET) -> CodeFlow:
        provider = Provider(
            self.issuer.url,
            None,
            "realm_access.roles",
            clock=lambda: self.now,
            ticks=lambda: self.now,
        )
        return CodeFlow(
            provider,
            Client(CLIENT, secret),
            self.access,
            self.place.users,
            self.place.audit,
            clock=lambda: self.now,
        )

    def walk(self, url: str) -> dict[str, str]:
        """Sign in at the provider, and come back with what it says."""
        answer = requests.get(url, allow_redirects=False, timeout=30)
        assert answer.headers["location"].startswith(f"{BACK}?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def signs_in(self, **more: Any) -> tuple[Any, str]:
        flow = self.flow()
        url, sealed = flow.begin("/studies/main?q=%E5%B1%B1", BACK, **more)
        return flow.finish(sealed, self.walk(url), HERE)


@pytest.fixture
def hospital(place: Place, issuer: Issuer, tmp_path: Path) -> Hospital:
    return Hospital(place, issuer, tmp_path)


def test_who_was_never_here_becomes_a_user(hospital: Hospital) -> None:
    user, return_to = hospital.signs_in()
    assert return_to == "/studies/main?q=%E5%B1%B1"
    assert (user.name, user.display_name, user.language) == ("yamada.taro", "山田 太郎", "ja")
    assert (user.issuer, user.subject) == (hospital.issuer.url, "f:1:yamada")
    assert user.grants == {EVERYWHERE: Role.READER, "store1": Role.WRITER}
    assert not user.has_password
    again, _ = hospital.signs_in()
    assert again == user
    assert [row[1] for row in hospital.place.told()] == ["CreateUser", "GrantUser"]


def test_another_way_to_show_the_secret(hospital: Hospital) -> None:
    hospital.issuer.about = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert hospital.signs_in()[0].name == "yamada.taro"


def test_roles_are_those_that_the_provider_claims_if_it_claims_any(hospital: Hospital) -> None:
    user, _ = hospital.signs_in()
    hospital.issuer.person["realm_access"] = {"roles": ["admin:store1", "reader:" + "x" * 200]}
    assert hospital.signs_in()[0].grants == {"store1": Role.ADMIN}
    hospital.issuer.person["realm_access"] = {"roles": []}
    assert hospital.signs_in()[0].grants == {}
    hospital.issuer.person["realm_access"] = None
    hospital.place.users.grant(user.id, Role.WRITER)
    assert hospital.signs_in()[0].grants == {EVERYWHERE: Role.WRITER}


def test_names_that_people_get(hospital: Hospital) -> None:
    hospital.place.users.create("taken")
    cases: tuple[tuple[dict[str, Any], str | None], ...] = (
        ({"preferred_username": None, "email": "Taro@Example.org"}, "taro@example.org"),
        ({"preferred_username": "DOMAIN\\taro y"}, "domain-taro-y"),
        ({"preferred_username": "山田"}, None),
        ({"preferred_username": None}, None),
        ({"preferred_username": "taken"}, None),
        ({"preferred_username": 7, "name": "a\x00b", "locale": ["ja"]}, "7"),
    )
    for number, (claims, name) in enumerate(cases):
        hospital.issuer.person = PERSON | {"sub": f"{number}"} | claims
        user, _ = hospital.signs_in()
        assert user.name == name or (name is None and user.name.startswith("oidc-"))
        assert user.subject == f"{number}"
        assert "\x00" not in user.display_name


def test_who_is_disabled_here_does_not_come_in(hospital: Hospital) -> None:
    user, _ = hospital.signs_in()
    hospital.place.users.disable(user.id)
    with pytest.raises(NotAuthenticated, match="disabled"):
        hospital.signs_in()
    assert hospital.place.told()[-1] == (user.id, "SignIn", "denied")


def test_what_does_not_belong_to_this_sign_in(hospital: Hospital) -> None:
    flow = hospital.flow()
    url, sealed = flow.begin("/", BACK)
    other_url, other = flow.begin("/", BACK)
    came, other_came = hospital.walk(url), hospital.walk(other_url)
    for kept, query in (
        (other, came),  # the state of another window
        ("", came),
        ("AAAA", came),
        ("é", came),
        (hospital.access.seal("{}", "another purpose"), came),
        (sealed, came | {"state": ""}),
        (sealed, came | {"state": "é"}),
        (sealed, came | {"iss": "https://evil.example"}),
        (sealed, came | {"code": other_came["code"]}),  # PKCE: another's code is worth nothing
        (sealed, came | {"error": "access_denied"}),
        (sealed, {"state": came["state"]}),
    ):
        with pytest.raises(NotAuthenticated):
            flow.finish(kept, query, HERE)
    assert flow.finish(sealed, came, HERE)[0].name == "yamada.taro"
    with pytest.raises(NotAuthenticated, match="invalid_grant"):
        flow.finish(sealed, came, HERE)  # the code was used
    assert ("-", "SignIn", "denied") in hospital.place.told()


def test_who_takes_too_long_begins_anew(hospital: Hospital) -> None:
    flow = hospital.flow()
    url, sealed = flow.begin("/", BACK)
    came = hospital.walk(url)
    hospital.now += 601
    with pytest.raises(NotAuthenticated, match="minutes"):
        flow.finish(sealed, came, HERE)


def test_tokens_that_prove_nothing(hospital: Hospital) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "iryo"},
        {"aud": [CLIENT, "iryo"]},  # of several audiences azp must be us
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"exp": 900},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
    )
    for claims in wrong:
        hospital.issuer.person = PERSON | claims
        with pytest.raises(NotAuthenticated):
            hospital.signs_in()
    assert hospital.place.users.list() == []


def test_of_several_audiences_we_are_the_one_that_asked(hospital: Hospital) -> None:
    hospital.issuer.person |= {"aud": [CLIENT, "iryo"], "azp": CLIENT}
    assert hospital.signs_in()[0].name == "yamada.taro"


def test_to_unlock_they_prove_themselves_anew(hospital: Hospital) -> None:
    flow = hospital.flow()
    url, _ = flow.begin("/", BACK, again=True)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    for auth_time, good in ((None, False), (600, False), ("now", False), (950, True)):
        hospital.issuer.person["auth_time"] = auth_time
        if good:
            assert hospital.signs_in(again=True)[0].name == "yamada.taro"
        else:
            with pytest.raises(NotAuthenticated, match="again"):
                hospital.signs_in(again=True)


def test_a_client_with_the_wrong_secret(hospital: Hospital) -> None:
    for secret in ("wrong", None):
        flow = hospital.flow(secret)
        url, sealed = flow.begin("/", BACK)
        with pytest.raises((NotAuthenticated, Unavailable)):
            flow.finish(sealed, hospital.walk(url), HERE)


def test_answers_that_are_none(hospital: Hospital) -> None:
    answers: tuple[Any, ...] = ({}, [], b"no JSON", {"id_token": 7}, b"x" * (2 << 20))
    for answer in answers:
        hospital.issuer.answer = answer
        with pytest.raises(Unavailable):
            hospital.signs_in()


def test_a_provider_that_is_away(hospital: Hospital) -> None:
    flow = hospital.flow()
    url, sealed = flow.begin("/", BACK)
    came = hospital.walk(url)
    hospital.issuer.away = True
    with pytest.raises(Unavailable):
        flow.finish(sealed, came, HERE)
    with pytest.raises(Unavailable):
        hospital.flow().begin("/", BACK)


def test_a_code_goes_nowhere_else(issuer: Issuer) -> None:
    issuer.moved = f"{issuer.url}/another"
    with pytest.raises(Unavailable):
        post_form(f"{issuer.url}/token", {"code": "x"}, {})
    assert issuer.asked == ["/token"]


def test_a_path_that_is_too_long_is_let_go(hospital: Hospital) -> None:
    flow = hospital.flow()
    url, sealed = flow.begin("/" + "x" * 5000, BACK)
    assert len(sealed) < 3500
    assert flow.finish(sealed, hospital.walk(url), HERE)[1] == "/"


def test_two_of_the_same_name_at_the_provider(hospital: Hospital) -> None:
    first, _ = hospital.signs_in()
    hospital.issuer.person["sub"] = "f:2:yamada"
    second, _ = hospital.signs_in()
    assert first.id != second.id
    assert second.name.startswith("oidc-")
