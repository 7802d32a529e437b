"""Where the server listens."""

import socket

from iryo.errors import InvalidInput, Unavailable
from iryo.settings import Settings

__all__ = ["check_listening", "listen", "url_of"]


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
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        ) from error
    return listener


def url_of(settings: Settings, listener: socket.socket) -> str:
    """The URL of a socket of `listen`."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if listener.family == socket.AF_INET6 else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
