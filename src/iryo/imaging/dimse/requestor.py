"""Associations that we ask for: to send, to query, to report (PS3.8 7.1)."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from iryo.errors import InvalidInput, Unavailable
from iryo.imaging.dimse.associate import (
    ACCEPTED,
    MAX_CONTEXTS,
    Proposal,
    Request,
    decode_accept,
    encode_request,
)
from iryo.imaging.dimse.association import Association, Context, Timeouts, abort
from iryo.imaging.dimse.channel import MAX_ASSOCIATE, Channel, PduType
from iryo.imaging.dimse.failures import Aborted, AssociationEnded, Malformed, Rejected
from iryo.imaging.service.peers import PeerAddress

__all__ = ["associate"]

_CONNECT: Final = 15.0  # seconds


def associate(
    title: str,
    address: PeerAddress,
    proposals: Sequence[tuple[str, Sequence[str]]],
    *,
    calling: str,
    timeouts: Timeouts,
    tls: ssl.SSLContext | None = None,
    roles: Mapping[str, tuple[bool, bool]] | None = None,
    extended: Mapping[str, bytes] | None = None,
) -> Association:
    """Connect and ask for an association.

    Args:
        title: the AE title that is called.
        address: where it is.
        proposals: SOP class and transfer syntaxes of up to 128 presentation contexts.
        calling: our AE title.
        timeouts: how patient we are.
        tls: of `tls.client_tls`, where the address says TLS.
        roles: SOP class -> whether we offer to be SCU, SCP; else we are SCU.
        extended: SOP class -> service class application information.

    Raises:
        Unavailable: there is no connection.
        Rejected: the peer does not want it.
        AssociationEnded: in another way.
    """
    if len(proposals) > MAX_CONTEXTS:
        raise InvalidInput(f"found {len(proposals)} presentation contexts, expected at most 128")
    request = Request(
        title,
        calling,
        tuple(
            Proposal(2 * number + 1, abstract, tuple(transfers))
            for number, (abstract, transfers) in enumerate(proposals)
        ),
        roles=roles or {},
        extended=extended or {},
    )
    channel = Channel(_connect(title, address, tls))
    try:
        channel.write(PduType.ASSOCIATE_RQ, encode_request(request), timeouts.association)
        kind, body = channel.read(timeouts.association, MAX_ASSOCIATE)
        if kind == PduType.ASSOCIATE_RJ and len(body) >= 4:
            raise Rejected(body[1], body[2], body[3])
        if kind == PduType.ABORT:
            raise Aborted("the peer has aborted the association")
        if kind != PduType.ASSOCIATE_AC:
            raise Malformed(f"found PDU type {kind:02x}, expected A-ASSOCIATE-AC", 2)
        accept = decode_accept(body)
    except Malformed as error:
        abort(channel, 2, error.reason)
        raise
    except AssociationEnded:
        channel.close()
        raise
    proposed = {one.id: one for one in request.contexts}
    contexts = {}
    for granted in accept.contexts:
        if granted.result == ACCEPTED and granted.id in proposed:
            abstract = proposed[granted.id].abstract
            scu, scp = accept.roles.get(abstract, (True, False))
            contexts[granted.id] = Context(granted.id, abstract, granted.transfer, scu, scp)
    return Association(channel, contexts, accept.max_length, timeouts, accept.extended)


def _connect(title: str, address: PeerAddress, tls: ssl.SSLContext | None) -> socket.socket:
    where = f"{title} at {address.host}:{address.port}"
    try:
        connection = socket.create_connection((address.host, address.port), _CONNECT)
    except OSError as error:
        raise Unavailable(f"cannot connect to {where}: {error.strerror or 'no answer'}") from None
    if not address.tls:
        return connection
    if tls is None:
        connection.close()
        raise InvalidInput(f"{where} wants TLS, and none is set up")
    try:
        return tls.wrap_socket(connection, server_hostname=address.host)
    except OSError as error:
        connection.close()
        reason = getattr(error, "reason", None) or error.strerror or "no answer"
        raise Unavailable(f"no TLS with {where}: {reason}") from None
