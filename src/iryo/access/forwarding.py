"""Put together what sends audit messages, from what the settings say."""

import os
import socket
from pathlib import Path

from iryo.access.audit import Audit
from iryo.access.forward import Describe, Forwarder
from iryo.access.messages import Reporter
from iryo.access.syslog import Collector, collector_tls, parse_address
from iryo.store.sql import Database

__all__ = ["open_forwarder"]


def open_forwarder(
    followed: tuple[Database, Audit, Describe],
    collector: tuple[str, str],
    authorities: Path | None,
    shown: tuple[Path | None, Path | None],
) -> Forwarder:
    """What sends this process's share of an installation's audit messages; not started yet.

    Args:
        followed: the database, the audit log, and what tells which studies an id stands for.
        collector: its URL, and the title under which the installation tells.
        authorities: who may have signed the collector's certificate; None: whom the system trusts.
        shown: certificate and key that we show if it asks.

    Raises:
        InvalidInput: the URL is none, or the certificates cannot be used.
    """
    database, log, describe = followed
    url, title = collector
    address = parse_address(url)
    tls = collector_tls(authorities, *shown) if address.scheme == "tls" else None
    reporter = Reporter(title, socket.gethostname(), str(os.getpid()))
    return Forwarder(database, log, Collector(address, tls), describe, reporter)
