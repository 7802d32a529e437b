"""An installation with an SCP: `iryo serve` in processes of its own, or an `Scp` in this one."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iryo.app import App
from iryo.imaging.dimse.association import Association, Timeouts
from iryo.imaging.dimse.entity import Entity
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.scp import Scp
from iryo.imaging.model import SearchQuery
from iryo.imaging.service import search
from iryo.imaging.service.peers import PeerAddress
from iryo.imaging.service.retrieve import stored_instances
from tests.program import Program

__all__ = ["FAST", "Archive", "Site", "dcmtk", "listening", "serving"]

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


@dataclass
class Archive:
    """An installation with an SCP in this process, and what it was sent."""

    app: App
    store: str
    """The data store."""
    port: int
    folder: Path
    """The files that it was sent; `CT` of them is a series of CT."""

    def run(self, tool: str, *words: str | Path, peer: str = "TESTER") -> str:
        """A program of dcmtk that connects, and succeeds; what it says."""
        ran = dcmtk(tool, "-aet", peer, "-aec", "IRYO", "127.0.0.1", str(self.port), *words)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def associated(
        self, *proposals: tuple[str, Sequence[str]], peer: str = "TESTER", **more: Any
    ) -> Association:
        """An association of our own SCU."""
        return associate(
            "IRYO",
            PeerAddress("127.0.0.1", self.port),
            proposals,
            calling=peer,
            timeouts=FAST,
            **more,
        )

    def wait(self, *instances: str) -> None:
        """Until instances are visible: SOP Instance UIDs."""
        deadline = time.monotonic() + 30
        while missing := set(instances) - self.visible():
            assert time.monotonic() < deadline, missing
            time.sleep(0.02)

    def visible(self) -> set[str]:
        """The SOP Instance UIDs of all that is visible."""
        room, found = self.app.room, set()
        for hit in search.search(room, self.store, SearchQuery()):
            for one in stored_instances(room, self.store, hit.study_uid, image_set_id=hit.id):
                found.add(one.sop_instance_uid)
        return found


@contextmanager
def listening(
    app: App,
    *,
    most: int = 10,
    timeouts: Timeouts = FAST,
    most_bytes: int = 1 << 30,
    most_results: int = 1000,
) -> Iterator[int]:
    """An SCP in this process; its port."""
    entity = Entity(
        "IRYO",
        app.room,
        app.audit,
        most_results,
        most_bytes,
        timeouts,
        app.observers.dimse,
        nudge=app.keeper.nudge,
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
