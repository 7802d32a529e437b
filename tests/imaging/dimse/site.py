"""An installation with an SCP: `iryo serve` in processes of its own, or an `Scp` in this one."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iryo.app import App
from iryo.imaging.dimse.association import Timeouts
from iryo.imaging.dimse.entity import Entity
from iryo.imaging.dimse.scp import Scp
from tests.program import Program

__all__ = ["FAST", "Site", "dcmtk", "listening", "serving"]

FAST = Timeouts(association=5.0, network=5.0, idle=30.0, response=10.0)


@dataclass
class Site:
    """A server that others connect to."""

    program: Program
    port: int
    http: str
    """The URL of HTTP."""
    pid: int
    """Of the supervisor."""

    def run(self, tool: str, *words: str | Path, peer: str = "TESTER") -> str:
        """A program of dcmtk that connects, and succeeds; what it says."""
        ran = self.tried(tool, *words, peer=peer)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def tried(
        self, tool: str, *words: str | Path, peer: str = "TESTER", called: str = "IRYO"
    ) -> "subprocess.CompletedProcess[str]":
        """As `run`, whatever comes of it."""
        return dcmtk(tool, "-aet", peer, "-aec", called, "127.0.0.1", str(self.port), *words)


def dcmtk(tool: str, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    """A program of Debian's dcmtk, to its end; what it says on both outputs is `stdout`."""
    return subprocess.run(
        [tool, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
    )


@contextmanager
def serving(home: Path, *peers: tuple[str, ...], **settings: str) -> Iterator[Site]:
    """`iryo serve` with DIMSE on a free port, and peers as words for `iryo peers add`."""
    program = Program(home)
    program.says("init")
    for words in peers:
        program.says("peers", "add", *words)
    program.variables |= {"IRYO_DIMSE_PORT": "0", "IRYO_COMPUTE": "processes:1"}
    program.variables |= {f"IRYO_{name.upper()}": value for name, value in settings.items()}
    server = subprocess.Popen(
        [sys.executable, "-m", "iryo", "serve", "--port", "0"],
        env=program.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stdout is not None
            assert server.stderr is not None
            logged: list[str] = []
            reader = threading.Thread(target=logged.extend, args=(server.stderr,), daemon=True)
            reader.start()
            first, second = server.stdout.readline(), server.stdout.readline()
            url = re.search(r"http\S+", first)
            port = re.search(r"on port (\d+)", second)
            assert url is not None, first + "".join(logged)
            assert port is not None, first + second + "".join(logged)
            yield Site(program, int(port[1]), url[0], server.pid)
        finally:
            server.terminate()
            try:
                assert server.wait(40) == 0
            except subprocess.TimeoutExpired:
                server.kill()
                raise


@contextmanager
def listening(
    app: App, *, most: int = 10, timeouts: Timeouts = FAST, title: str = "IRYO"
) -> Iterator[int]:
    """An SCP in this process; its port."""
    entity = Entity(
        title,
        app.room,
        app.audit,
        app.settings.query_results,
        app.settings.max_upload,
        timeouts,
        app.observers.dimse,
    )
    scp = Scp(entity, most)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        thread = threading.Thread(target=scp.serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            scp.stop(10.0)
            thread.join()
