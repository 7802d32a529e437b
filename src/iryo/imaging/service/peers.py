"""Peers: the application entities that DIMSE knows, who they are and what they may.

An AE title is no proof of anything: whoever can reach the port can claim one. So a peer that
connects is held to its addresses as well, and where the network is not trusted TLS with
certificates of one's own (dimse_tls_ca) is the proof.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from iryo.access import Principal, Role
from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.service.room import Room
from iryo.imaging.store import peers

__all__ = ["Peer", "PeerAddress", "add", "admits", "find", "list_peers", "named", "remove"]

# PS3.5 6.2: AE is up to 16 characters of the default repertoire but backslash and controls;
# leading and trailing spaces are padding.
_TITLE: Final = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]{1,255}")
_MOST_SOURCES: Final = 64


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where an application entity is reached: a name or an IP address, a port, and how."""

    host: str
    port: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """An application entity.

    Args:
        ae_title: what it calls itself.
        datastore_id: the data store that it works with.
        role: READER may query and retrieve, WRITER also store.
        sources: addresses, networks or names that it may connect from; empty: any.
        address: where it is reached; None: it is not.
        any_class: whether it may store instances of SOP classes that are not known as storage.
        created_at: when it was added.
    """

    ae_title: str
    datastore_id: str
    role: Role
    sources: tuple[str, ...]
    address: PeerAddress | None
    any_class: bool
    created_at: datetime

    @property
    def principal(self) -> Principal:
        """Who it is to the rules of access: its title is the id."""
        return Principal(named(self.ae_title), self.ae_title, {self.datastore_id: self.role})


def named(ae_title: str) -> str:
    """An AE title as the audit log takes it: %XX for what no identifier has, such as spaces."""
    return re.sub(r"[^!#$&-\[\]_-~]", lambda found: f"%{ord(found[0]) & 0xFF:02X}", ae_title)


def add(
    room: Room,
    ae_title: str,
    *,
    datastore_id: str,
    role: Role,
    address: PeerAddress | None = None,
    sources: Sequence[str] = (),
    any_class: bool = False,
) -> Peer:
    """Make a peer known.

    Raises:
        InvalidInput: a value will not do.
        Conflict: there is a peer of this title.
    """
    if not _TITLE.fullmatch(ae_title):
        raise InvalidInput(
            "found an AE title that will not do, expected 1 to 16 visible ASCII characters, no "
            "backslash",
            where="ae_title",
        )
    if address is not None:
        if not _HOST.fullmatch(address.host):
            raise InvalidInput("found a host that is no name and no address", where="host")
        if not 0 < address.port < 65536:
            raise InvalidInput(f"found port {address.port}, expected 1 to 65535", where="port")
    if len(sources) > _MOST_SOURCES:
        raise InvalidInput(f"found {len(sources)} sources, expected at most {_MOST_SOURCES}")
    for source in sources:
        if _network(source) is None and not _HOST.fullmatch(source):
            raise InvalidInput(
                f"{source!r} is no address, network or name of a host", where="sources"
            )
    made = Peer(ae_title, datastore_id, role, tuple(sources), address, any_class, room.clock())
    values = {
        "ae_title": ae_title,
        "datastore_id": datastore_id,
        "role": role.value,
        "sources": list(sources),
        "host": address and address.host,
        "port": address and address.port,
        "tls": address is not None and address.tls,
        "any_class": any_class,
        "created_at": made.created_at,
    }
    try:
        with room.database.write() as connection:
            connection.execute(insert(peers).values(values))
    except IntegrityError:
        raise Conflict(f"there is a peer {ae_title} already; remove it first") from None
    return made


def find(room: Room, ae_title: str) -> Peer:
    """The peer of a title.

    Raises:
        NotFound: there is none.
    """
    with room.database.read() as connection:
        row = connection.execute(select(peers).where(peers.c.ae_title == ae_title)).first()
    if row is None:
        raise NotFound(f"no peer {ae_title!r}; `iryo peers list` lists those that there are")
    return _peer(row)


def list_peers(room: Room) -> list[Peer]:
    """All peers, by their titles."""
    with room.database.read() as connection:
        return [_peer(row) for row in connection.execute(select(peers).order_by(peers.c.ae_title))]


def remove(room: Room, ae_title: str) -> None:
    """Forget a peer; associations that it has go on to their end.

    Raises:
        NotFound: there is none.
    """
    with room.database.write() as connection:
        if not connection.execute(delete(peers).where(peers.c.ae_title == ae_title)).rowcount:
            raise NotFound(f"no peer {ae_title!r}; `iryo peers list` lists those that there are")


def admits(peer: Peer, address: str) -> bool:
    """Whether a peer may connect from an IP address; names are looked up now."""
    if not peer.sources:
        return True
    here = _unmapped(ipaddress.ip_address(address.partition("%")[0]))
    for source in peer.sources:
        network = _network(source)
        if network is not None:
            if here in network:
                return True
        elif here in _addresses(source):
            return True
    return False


def _unmapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that a socket of both families shows as ::ffff:a.b.c.d."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _addresses(name: str) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {_unmapped(ipaddress.ip_address(str(one[4][0]).partition("%")[0])) for one in found}


def _peer(row: Any) -> Peer:
    return Peer(
        row.ae_title,
        row.datastore_id,
        Role(row.role),
        tuple(row.sources),
        None if row.host is None else PeerAddress(row.host, row.port, row.tls),
        row.any_class,
        row.created_at,
    )
