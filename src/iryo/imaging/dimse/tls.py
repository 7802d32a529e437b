"""TLS (PS3.15 B: secure transport connection profiles; BCP 195): TLS 1.2 or newer."""

import ssl
from pathlib import Path

from iryo.errors import InvalidInput

__all__ = ["client_tls", "server_tls"]


def server_tls(certificate: Path, key: Path, authorities: Path | None) -> ssl.SSLContext:
    """How connections are secured.

    Args:
        certificate: of the server, with those between it and the root.
        key: its private key.
        authorities: who connects must show a certificate that one of these has signed; None: none
            is asked for.

    Raises:
        InvalidInput: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if authorities is not None:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise InvalidInput(f"cannot use the certificates for DIMSE: {reason}") from None
    return context


def client_tls(
    authorities: Path | None, certificate: Path | None, key: Path | None
) -> ssl.SSLContext:
    """How we connect by TLS.

    With authorities of one's own, whoever they have signed is believed, whatever name the
    certificate bears: devices change their addresses and rarely have names. Without them the
    system's are asked, and the name must be right.

    Raises:
        InvalidInput: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if authorities is not None:
            context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise InvalidInput(f"cannot use the certificates for DIMSE: {reason}") from None
    return context
