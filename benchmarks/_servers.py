"""`iryo serve` in processes of its own, for benchmarks."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from iryo.app import App

__all__ = ["free_port", "our_server", "wait_for"]


@contextmanager
def our_server(app: App, workers: int, dimse: int | None = None) -> Iterator[int]:
    """`iryo serve` in processes of its own; with DIMSE if a port for it is given."""
    port = free_port()
    command = [sys.executable, "-m", "iryo", "--home", str(app.settings.home), "serve"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "IRYO_PORT": str(port),
        "IRYO_DATABASE": app.settings.database,
        "IRYO_SERVER_WORKERS": str(workers),
    } | ({} if dimse is None else {"IRYO_DIMSE_PORT": str(dimse)})
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            while dimse is not None and not _listens(dimse):
                time.sleep(0.05)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=60)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until it answers."""
    while server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/-/health")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server ended with {server.returncode}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
