"""DIMSE, from outside: who answers at its port."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final

from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, skip
from iryo.doctor.server import free, knocked_at, serves
from iryo.errors import Unavailable
from iryo.imaging.dimse.association import Timeouts
from iryo.imaging.dimse.failures import Aborted, AssociationEnded, Malformed, Rejected
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.service.peers import PeerAddress

__all__ = ["port"]

_TITLE: Final = "DIMSE port"
_VERIFICATION: Final = ("1.2.840.10008.1.1", ("1.2.840.10008.1.2",))
_PATIENCE: Final = replace(Timeouts(), association=3.0, network=3.0)


def port(case: Case) -> Iterator[Finding]:
    """Whether it is free, or our own server has it.

    An association is asked for as nobody that is known: that DICOM answers is enough, and that it
    is ours says the port of HTTP, since who rejects says no name.
    """
    settings = case.settings
    if settings.dimse_port is None:
        yield skip(_TITLE, "dimse_port is not set: DIMSE is not served")
        return
    told = f"{settings.host}:{settings.dimse_port}"
    if settings.dimse_port == 0:
        yield skip(_TITLE, "0: a free one is taken")
        return
    if settings.dimse_tls and (settings.tls_certificate is None or settings.tls_key is None):
        advice = "set both, or end dimse_tls"
        yield fail(_TITLE, "dimse_tls is set without tls_certificate and tls_key", advice)
        return
    host = knocked_at(settings.host)
    try:
        with closing(socket.create_connection((host, settings.dimse_port), 3.0)):
            pass
    except OSError:
        yield free(case, _TITLE, settings.dimse_port)
        return
    version = serves(settings)
    if not _speaks(PeerAddress(host, settings.dimse_port, tls=settings.dimse_tls)):
        yield fail(_TITLE, f"another program answers at {told}", "end it, or choose another port")
    elif version is None:
        found = f"another DICOM server answers at {told}: no iryo serves here"
        yield fail(_TITLE, found, "end it, or choose another port")
    else:
        yield ok(_TITLE, f"iryo {version} serves DIMSE at {told}")


def _speaks(address: PeerAddress) -> bool:
    """Whether what answers there speaks DICOM's upper layer (PS3.8)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only what it is
    try:
        association = associate(
            "DOCTOR", address, [_VERIFICATION], calling="DOCTOR", timeouts=_PATIENCE, tls=context
        )
    except (Rejected, Aborted):
        return True
    except Malformed:
        return False
    except AssociationEnded:
        # Over TLS that wants a certificate of the client it ends so, and says no more.
        return address.tls
    except Unavailable:
        return False
    association.release()
    return True
