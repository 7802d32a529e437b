"""Bearer tokens of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from iryo.access.bearer import LONGEST_HOURS, PREFIX, BearerTokens
from iryo.errors import InvalidInput, NotAuthenticated

SECRET = bytes(range(32))


def test_a_token_stands_for_its_key_until_its_time() -> None:
    now = [1_000_000.0]
    tokens = BearerTokens(SECRET, lambda: now[0])
    token = tokens.issue("IRYOKEY", 2)
    assert tokens.read(token) == ("IRYOKEY", 1_007_200.0)
    now[0] += 7199
    assert tokens.read(token)[0] == "IRYOKEY"
    now[0] += 1
    with pytest.raises(NotAuthenticated):
        tokens.read(token)


def test_another_installation_does_not_take_it() -> None:
    with pytest.raises(NotAuthenticated):
        BearerTokens(bytes(32)).read(BearerTokens(SECRET).issue("K", 1))


@pytest.mark.parametrize(
    ("header", "claims", "secret"),
    [
        ({"alg": "HS384"}, {}, SECRET),
        ({"alg": "HS256"}, {"aud": "other"}, SECRET),
        ({"alg": "HS256"}, {"exp": None}, SECRET),
        ({"alg": "HS256"}, {"exp": "9999999999"}, SECRET),
        ({"alg": "HS256"}, {"sub": 7}, SECRET),
        ({"alg": "HS256"}, {}, b"another secret of 32 bytes......"),
    ],
)
def test_forged_tokens(header: dict[str, str], claims: dict[str, object], secret: bytes) -> None:
    good = {"sub": "K", "aud": "iryo", "exp": 9_999_999_999}
    said = {name: value for name, value in {**good, **claims}.items() if value is not None}
    token = jwt.encode(header, said, OctKey.import_key(secret), algorithms=[header["alg"]])
    with pytest.raises(NotAuthenticated):
        BearerTokens(SECRET).read(PREFIX + token)


def test_no_algorithm_is_no_proof() -> None:
    token = f"{PREFIX}eyJhbGciOiJub25lIn0.eyJzdWIiOiJLIiwiYXVkIjoiaXJ5byIsImV4cCI6OTk5OTk5OTk5OX0."
    with pytest.raises(NotAuthenticated):
        BearerTokens(SECRET).read(token)


@given(st.text(max_size=200) | st.text(alphabet="abc.=-_", min_size=2500, max_size=2600))
def test_nonsense_is_refused(text: str) -> None:
    tokens = BearerTokens(SECRET)
    for token in (text, PREFIX + text):
        with pytest.raises(NotAuthenticated):
            tokens.read(token)


@pytest.mark.parametrize("hours", [0, -1, LONGEST_HOURS + 1, float("nan")])
def test_hours_are_bounded(hours: float) -> None:
    with pytest.raises(InvalidInput, match="hours"):
        BearerTokens(SECRET).issue("K", hours)
