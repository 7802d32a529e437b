"""A Dask cluster that tests start: the real programs, on free ports, each a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import psutil

__all__ = ["Cluster", "Node"]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_SECONDS: Final = 60.0


class Node:
    """One program of the cluster, a scheduler or a worker, and what it has said."""

    def __init__(
        self, words: Sequence[str], log: Path, environment: Mapping[str, str], before: Sequence[str]
    ) -> None:
        self.log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [*before, sys.executable, "-m", "dask", *words],
                cwd=ROOT,  # where the functions of tests are found
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    @property
    def pid(self) -> int:
        """Its process id: of the nanny, where there is one."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until it has said something so many times."""
        waited = 0.0
        while self.log.read_text(errors="replace").count(text) < times:
            assert self.alive, self.log.read_text(errors="replace")
            assert waited < _SECONDS, self.log.read_text(errors="replace")
            threading.Event().wait(0.02)
            waited += 0.02

    def kill(self) -> None:
        """End it at once, with all that it started."""
        children: list[psutil.Process] = []
        if self.alive:
            children = psutil.Process(self.pid).children(recursive=True)
        self._process.kill()
        for child in children:
            if child.is_running():
                child.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_SECONDS)


class Cluster:
    """A scheduler, and the workers that one starts; used in `with`, which ends them all.

    Args:
        allowed_failures: how many workers a call may kill before the scheduler tells; as
            `distributed.scheduler.allowed-failures`.
        host: the address that all listen on.
        within: words before the scheduler's command, such as ``ip netns exec name``.
        tls: variables that name the certificates; then all speak TLS.
    """

    def __init__(
        self,
        *,
        allowed_failures: int = 0,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        tls: Mapping[str, str] | None = None,
    ) -> None:
        self._tls = dict(tls or {})
        self._allowed_failures = allowed_failures
        self._host = host
        self._within = tuple(within)
        self.port = _free_port()
        self.folder = Path()
        self.scheduler: Node | None = None
        self.workers: list[Node] = []
        self._count = 0

    @property
    def url(self) -> str:
        """What IRYO_COMPUTE is set to."""
        return f"{'dask+tls' if self._tls else 'dask'}://{self._host}:{self.port}"

    @property
    def address(self) -> str:
        """The scheduler's address, as Dask writes it."""
        return f"{'tls' if self._tls else 'tcp'}://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="iryo-dask-"))
        try:
            self.start_scheduler()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
        if self.scheduler is not None:
            self.scheduler.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_scheduler(self, more: Mapping[str, str] | None = None) -> None:
        """Start it, at the same address each time; it takes connections when this returns.

        Args:
            more: variables of its environment.
        """
        self.scheduler = self._start(
            "scheduler",
            self._within,
            *("--host", f"{self.address.partition(':')[0]}://{self._host}"),
            *("--port", str(self.port)),
            *("--dashboard-address", f"{self._host}:0", "--idle-timeout", "1200"),
            more=more,
        )
        self.scheduler.wait_for("Scheduler at:")

    def worker(
        self,
        *,
        nanny: bool = False,
        host: str | None = None,
        within: Sequence[str] | None = None,
        more: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> Node:
        """Start a worker of one thread; it is registered when this returns, unless told otherwise.

        Args:
            nanny: start it beneath one, which starts it again when it dies.
            host: the address it listens on, if not the scheduler's.
            within: words before its command, if not the scheduler's.
            more: variables of its environment.
            wait: until it is registered.
        """
        worker = self._start(
            "worker",
            self._within if within is None else within,
            *(self.address, "--nthreads", "1", "--no-dashboard"),
            *("--nanny" if nanny else "--no-nanny", "--host", host or self._host),
            *("--local-directory", str(self.folder), "--death-timeout", "60"),
            more=more,
        )
        self.workers.append(worker)
        if wait:
            worker.wait_for("Registered to:")
        return worker

    def _start(
        self, what: str, within: Sequence[str], *words: str, more: Mapping[str, str] | None = None
    ) -> Node:
        self._count += 1
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME") or name.startswith("COV")
        }
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(self._allowed_failures),
            "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false",
            **self._tls,
            **(more or {}),
        }
        log = self.folder / f"{what}-{self._count}.log"
        return Node([what, *words], log, environment, within)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
