"""Machines that tests make: network namespaces on a bridge of their own, each with its own files.

What runs in one reaches the others, and servers of ours through a `Relay`, by TCP and by nothing
else: of /tmp, where tests keep their files, it sees an empty one of its own.
"""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

__all__ = ["Host", "Network", "Relay", "why_not"]

_PREFIX: Final = 24
_COUNT: Final = itertools.count()
_NEW_TMP: Final = 'mount -t tmpfs none /tmp && hostname "$0" && exec "$@"'


def why_not() -> str | None:
    """What is missing to make machines here; None if nothing is."""
    if os.geteuid():
        return "making network namespaces takes root"
    if not (shutil.which("ip") and shutil.which("unshare")):
        return "needs the programs ip (iproute2) and unshare (util-linux)"
    if Path(sys.prefix).is_relative_to("/tmp"):
        return "machines with files of their own see nothing in /tmp, where this Python is"
    name = f"iryo-try-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if tried.returncode:
        return "network namespaces cannot be made here (CAP_SYS_ADMIN, CAP_NET_ADMIN)"
    _ip("netns", "del", name)
    return None


class Host:
    """A machine: `within` goes before the words of a command that is to run on it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.within = (
            *("ip", "netns", "exec", name),
            *("unshare", "--mount", "--uts", "sh", "-c", _NEW_TMP, name),
        )


class Network:
    """A bridge with machines at it; used in `with`, which takes all of it away again.

    Args:
        names: of the machines.
    """

    def __init__(self, *names: str) -> None:
        number = os.getpid() % (32 * 256)
        # What is deleted goes a moment later, so names are not used again; 15 characters at most.
        self._bridge = f"iy{os.getpid()}.{next(_COUNT) % 100}"
        self._net = f"10.{192 + number // 256}.{number % 256}"
        self.address = f"{self._net}.1"
        """Of the machine that the tests run on."""
        self.hosts = {
            name: Host(f"{name}-{self._bridge}", f"{self._net}.{place}")
            for place, name in enumerate(names, 10)
        }

    def __enter__(self) -> Self:
        try:
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("addr", "add", f"{self.address}/{_PREFIX}", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for place, host in enumerate(self.hosts.values()):
                self._join(host, f"{self._bridge}-{place}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for place, host in enumerate(self.hosts.values()):
            for words in (("link", "del", f"{self._bridge}-{place}"), ("netns", "del", host.name)):
                with suppress(subprocess.CalledProcessError):
                    _ip(*words)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)

    def _join(self, host: Host, port: str) -> None:
        _ip("netns", "add", host.name)
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _ip("link", "set", port, "master", self._bridge, "up")
        _ip("-n", host.name, "addr", "add", f"{host.address}/{_PREFIX}", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", host.name, "link", "set", device, "up")


class Relay:
    """Passes connections on to a port of this machine's loopback; used in `with`."""

    def __init__(self, address: str, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.append(self._listener)
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _start(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.append(near)
                far = socket.create_connection(self._target)
                self._open.append(far)
                self._start(self._pump, near, far)
                self._start(self._pump, far, near)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
