"""Where the server listens."""

import socket
from contextlib import closing

from iryo.errors import InvalidInput, Unavailable
from iryo.settings import Settings

__all__ = ["beside", "check_listening", "listen", "reserve", "reserve_dimse", "url_of"]


def check_listening(settings: Settings) -> None:
    """Loopback, or TLS, or a proxy that does TLS; nothing else.

    Raises:
        InvalidInput: patient data would travel in the clear.
    """
    if settings.loopback or settings.tls_certificate is not None or settings.behind_proxy:
        return
    raise InvalidInput(
        f"host {settings.host} is not loopback and there is no TLS: set tls_certificate and"
        " tls_key, or behind_proxy if a proxy does TLS",
        where="host",
    )


def listen(settings: Settings) -> socket.socket:
    """A socket that is bound to host and port; close it.

    Raises:
        InvalidInput: see `check_listening`.
        Unavailable: the port is taken.
    """
    check_listening(settings)
    return _bound(settings.host, settings.port)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def reserve(settings: Settings) -> socket.socket:
    """As `listen`, for several processes: each then listens on a socket of its own, by `beside`.

    What is returned holds the port, and never listens. Who wants the port without this, or wants to
    reserve it while somebody listens, finds it taken.
    """
    check_listening(settings)
    return _reserved(settings.host, settings.port)


def reserve_dimse(settings: Settings) -> socket.socket:
    """As `reserve`, of the port of DIMSE.

    Raises:
        InvalidInput: it is to be TLS, and there is no certificate.
        Unavailable: the port is taken.
    """
    if settings.dimse_tls and (settings.tls_certificate is None or settings.tls_key is None):
        raise InvalidInput(
            "found dimse_tls without tls_certificate and tls_key, expected both", where="dimse_tls"
        )
    return _reserved(settings.host, settings.dimse_port or 0)


def _reserved(host: str, port: int) -> socket.socket:
    with closing(_bound(host, port)) as probe:
        family, (host, port, *_) = probe.family, probe.getsockname()
    return beside(family, host, port)


def beside(family: int, host: str, port: int) -> socket.socket:
    """A socket of one of several processes at one port.

    The kernel deals connections out among those that listen (SO_REUSEPORT, socket(7)).
    """
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def url_of(settings: Settings, listener: socket.socket) -> str:
    """The URL of a socket of `listen`."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if listener.family == socket.AF_INET6 else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
