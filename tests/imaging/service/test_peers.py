"""Peers: what is taken for one, and from where they may come."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.access import Role
from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.service import peers
from tests.imaging.house import House


def test_they_are_kept(house: House) -> None:
    where = peers.PeerAddress("pacs.example.org", 11112, tls=True)
    made = peers.add(
        house.room,
        "MY PACS",
        datastore_id=house.store,
        role=Role.READER,
        address=where,
        sources=["10.0.0.0/8", "pacs.example.org"],
        any_class=True,
    )
    peers.add(house.room, "CT1", datastore_id=house.store, role=Role.WRITER)
    assert peers.find(house.room, "MY PACS") == made
    assert made.address == where
    assert [one.ae_title for one in peers.list_peers(house.room)] == ["CT1", "MY PACS"]
    assert made.principal.allows(Role.READER, house.store)
    assert not made.principal.allows(Role.WRITER, house.store)
    assert not made.principal.allows(Role.READER, "another")
    with pytest.raises(Conflict):
        peers.add(house.room, "CT1", datastore_id=house.store, role=Role.READER)
    peers.remove(house.room, "CT1")
    for ask in (peers.find, peers.remove):
        with pytest.raises(NotFound):
            ask(house.room, "CT1")


@pytest.mark.parametrize("title", ["", " A", "A ", "SEVENTEEN_LETTERS", "A\\B", "Ä", "A\nB"])
def test_titles_that_will_not_do(house: House, title: str) -> None:
    with pytest.raises(InvalidInput, match="AE title"):
        peers.add(house.room, title, datastore_id=house.store, role=Role.READER)


def test_addresses_that_will_not_do(house: House) -> None:
    for host, port in (("a b", 104), ("", 104), ("pacs", 0), ("pacs", 65536)):
        with pytest.raises(InvalidInput):
            peers.add(
                house.room,
                "CT1",
                datastore_id=house.store,
                role=Role.READER,
                address=peers.PeerAddress(host, port),
            )
    for sources in (["not a host"], ["10.0.0.1"] * 65):
        with pytest.raises(InvalidInput):
            peers.add(
                house.room, "CT1", datastore_id=house.store, role=Role.READER, sources=sources
            )


@pytest.mark.parametrize(
    ("sources", "address", "admitted"),
    [
        ((), "203.0.113.9", True),
        (("10.1.2.3",), "10.1.2.3", True),
        (("10.1.2.3",), "10.1.2.4", False),
        (("10.1.0.0/16", "192.0.2.1"), "10.1.255.1", True),
        (("10.1.0.0/16",), "::ffff:10.1.0.1", True),
        (("fd00::/8",), "fd12::1%eth0", True),
        (("fd00::/8",), "10.1.0.1", False),
        (("localhost",), "127.0.0.1", True),
        (("localhost",), "10.0.0.1", False),
        (("no-such-host.invalid",), "10.0.0.1", False),
    ],
)
def test_where_they_come_from(sources: tuple[str, ...], address: str, admitted: bool) -> None:
    peer = peers.Peer("X", "d", Role.READER, sources, None, False, datetime.now(UTC))
    assert peers.admits(peer, address) is admitted


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=16))
def test_audit_names_are_identifiers(title: str) -> None:
    name = peers.named(title)
    assert all("!" <= one <= "~" and one not in '"^\\' for one in name)
    assert len(name) <= 48
