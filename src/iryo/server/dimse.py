"""The process of DIMSE: the SCP of the imaging room, until SIGTERM."""

import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable
from typing import Final

from iryo.app import App
from iryo.imaging.dimse.scp import Scp
from iryo.imaging.dimse.tls import server_tls

__all__ = ["serve_dimse"]

_LOG: Final = logging.getLogger(__name__)

_BACKLOG: Final = 256
_PATIENCE: Final = 20.0  # seconds for requests that are being carried out


def serve_dimse(app: App, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Be the SCP at `listener` until SIGTERM; called in the main thread.

    Then no association is taken any more, those that are idle end, and what others are being
    answered is answered to the end, for 20 seconds at most.

    Raises:
        InvalidInput: the certificates cannot be used.
    """
    settings = app.settings
    tls = None
    if settings.dimse_tls and settings.tls_certificate is not None and settings.tls_key is not None:
        tls = server_tls(settings.tls_certificate, settings.tls_key, settings.dimse_tls_ca)
    elif not settings.loopback:
        _LOG.warning(
            "DIMSE is served in the clear on %s: whoever is on that network can read it",
            settings.host,
        )
    scp = Scp(app.entity, settings.dimse_associations, tls)
    app.audit.start()
    app.keeper.start()
    gc.collect()
    gc.freeze()
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    listener.listen(_BACKLOG)
    server = threading.Thread(target=scp.serve, args=(listener,), name="dimse")
    server.start()
    _LOG.info("listening for DIMSE on port %d", listener.getsockname()[1])
    ready()
    try:
        while server.is_alive() and not over.wait(1.0):
            app.note_state()
    finally:
        scp.stop(_PATIENCE)
        server.join()
