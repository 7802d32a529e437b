"""From which address a request comes that a proxy has passed on."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.access import Role
from iryo.server.forwarded import client_of
from tests.imaging.served import Served, served

PROXY = ("10.0.0.7", 5000)


def asked(*values: bytes) -> object:
    headers = [(b"host", b"pacs.example.org"), *((b"x-forwarded-for", one) for one in values)]
    return client_of({"client": PROXY, "headers": headers})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), PROXY),
        ((b"",), PROXY),
        ((b"unknown",), PROXY),
        ((b"192.0.2.1",), ("192.0.2.1", 0)),
        ((b"192.0.2.1:4711",), ("192.0.2.1", 0)),
        ((b"2001:db8::1",), ("2001:db8::1", 0)),
        ((b"[2001:DB8::1]:4711",), ("2001:db8::1", 0)),
        ((b"203.0.113.9, 192.0.2.1",), ("192.0.2.1", 0)),  # the first is what the client made up
        ((b"203.0.113.9", b" 192.0.2.1 "), ("192.0.2.1", 0)),
        ((b"192.0.2.1, ",), PROXY),
    ],
)
def test_the_last_address_is_the_clients(
    values: tuple[bytes, ...], expected: tuple[str, int]
) -> None:
    assert asked(*values) == expected


@given(st.binary(max_size=60))
def test_any_header_gives_an_address(value: bytes) -> None:
    found = asked(value)
    assert isinstance(found, tuple)
    assert len(found[0]) <= 45


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("proxied"), behind_proxy=True) as found:
        yield found


def test_the_audit_has_the_clients_address(place: Served) -> None:
    header = {"x-forwarded-for": "203.0.113.9, 192.0.2.1"}
    session = place.session(Role.READER)
    assert session.get(f"{place.dicomweb}/studies", headers=header).status_code in {200, 204}
    place.house.app.audit.flush()
    (row,) = place.house.app.audit.read(action="SearchForStudies")
    assert row.source == "192.0.2.1"
