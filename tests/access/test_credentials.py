"""Authorization headers: which are believed, and for how long."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from iryo.access import EVERYWHERE, Access, Principal, Role, create_key_file
from iryo.access.bearer import BearerTokens
from iryo.access.credentials import Credentials
from iryo.access.oidc import Provider
from iryo.errors import NotAuthenticated
from iryo.store.sql import Database


class Place:
    """Access keys, tokens and a provider; time stands still until a test moves it."""

    def __init__(self, folder: Path) -> None:
        create_key_file(folder / "key")
        self.now = 1_000_000.0
        self.database = Database(f"sqlite:///{folder}/db.sqlite")
        self.database.migrate()
        self.access = Access(self.database, folder / "key", ticks=lambda: self.now)
        self.tokens = BearerTokens(self.access.signing_secret("t"), lambda: self.now)
        self.key = self.access.create_key(name="k", role=Role.READER)
        self.asked = 0

    def credentials(self, *, basic: bool = True, provider: Provider | None = None) -> Credentials:
        return Credentials(self.access, self.tokens, provider, basic=basic, clock=lambda: self.now)


class OtherProvider(Provider):
    """One that knows a single token."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def read(self, token: str) -> tuple[Principal, float]:
        self._place.asked += 1
        if token != "good":
            raise NotAuthenticated("no")
        return Principal("oidc:x", "x", {EVERYWHERE: Role.READER}), self._place.now + 100


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.database.close()


def basic(key_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{key_id}:{secret}".encode()).decode()


def test_a_key_is_proven_once_and_then_at_once(place: Place) -> None:
    mine, header = place.credentials(), basic(*place.key)
    assert mine.at_once(header) is None
    assert mine.principal(header).id == place.key[0]
    known = mine.at_once(header)
    assert known is not None
    assert known.id == place.key[0]
    place.now += 61
    assert mine.at_once(header) is None


def test_a_disabled_key_is_no_key_whatever_is_remembered(place: Place) -> None:
    mine = place.credentials()
    headers = [basic(*place.key), f"Bearer {place.tokens.issue(place.key[0], 1)}"]
    for header in headers:
        mine.principal(header)
    place.access.disable(place.key[0])
    place.now += 3
    for header in headers:
        with pytest.raises(NotAuthenticated):
            mine.at_once(header)
        with pytest.raises(NotAuthenticated):
            mine.principal(header)


def test_keys_do_not_come_as_they_are_where_others_listen(place: Place) -> None:
    with pytest.raises(NotAuthenticated, match="TLS"):
        place.credentials(basic=False).principal(basic(*place.key))


def test_an_own_token_is_believed_no_longer_than_it_says(place: Place) -> None:
    mine, header = place.credentials(), f"bearer  {place.tokens.issue(place.key[0], 0.01)}"
    assert mine.principal(header).id == place.key[0]
    assert mine.at_once(header) is not None
    place.now += 37
    assert mine.at_once(header) is None
    with pytest.raises(NotAuthenticated):
        mine.principal(header)


def test_a_provider_is_asked_once_for_a_token(place: Place) -> None:
    mine = place.credentials(provider=OtherProvider(place))
    for _ in range(3):
        assert mine.principal("Bearer good").id == "oidc:x"
    assert place.asked == 1
    with pytest.raises(NotAuthenticated):
        mine.principal("Bearer bad")
    with pytest.raises(NotAuthenticated):
        place.credentials().principal("Bearer good")


@pytest.mark.parametrize("header", ["", "Basic", "Basic ===", "Digest a", "Basic 4pyT", "é \ud800"])
def test_nonsense(place: Place, header: str) -> None:
    with pytest.raises(NotAuthenticated):
        place.credentials().principal(header)


def test_wrong_secrets(place: Place) -> None:
    key_id, secret = place.key
    for header in (basic(key_id, secret[:-1]), basic("IRYOUNKNOWN", secret), basic(key_id, "")):
        with pytest.raises(NotAuthenticated):
            place.credentials().principal(header)


def test_memory_of_tokens_is_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.access.credentials._ENTRIES", 2)
    mine = place.credentials()
    headers = [f"Bearer {place.tokens.issue(place.key[0], hours)}" for hours in (1, 2, 3)]
    for header in headers:
        mine.principal(header)
    assert [mine.at_once(header) is not None for header in headers] == [False, False, True]
