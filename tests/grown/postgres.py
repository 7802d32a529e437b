"""A PostgreSQL server that tests start: on a free port, in a temporary folder, with a password.

Debian's package starts a cluster by itself; it is never used. PostgreSQL does not run as root: then
it runs as the user `postgres`, whom the package makes.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import psutil
import psycopg
from psycopg import sql

from iryo.store.sql import Database

__all__ = ["Postgres", "find_programs", "wait_for_end"]

_INSTALLED: Final = Path("/usr/lib/postgresql")  # where Debian puts each version
_SECONDS: Final = 60.0
_SIGNALS: Final = {
    "smart": signal.SIGTERM,  # waits until every client has gone
    "fast": signal.SIGINT,  # sends them away
    "immediate": signal.SIGQUIT,  # as a crash, but in order
}

# The server becomes the process that we start. Beside it somebody waits for the end of our pipe, so
# that no server outlives tests that were killed.
_START: Final = (
    'exec 3<&0 0</dev/null; ( ( read -r _ <&3; kill -INT "$$" 2>/dev/null ) & ); exec "$@" 3<&-'
)


def find_programs() -> Path | None:
    """The folder of the newest installed version's programs, None if there is none."""
    found = [path.parent for path in _INSTALLED.glob("*/bin/postgres")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


class Postgres:
    """One server and its databases; used in `with`.

    Args:
        fsync: whether commits reach the disk. Off, they still outlive the server's death (`kill`),
            though not the machine's.
        settings: of postgresql.conf, such as ``max_connections=20``.
    """

    def __init__(self, *, fsync: bool = False, **settings: object) -> None:
        programs = find_programs()
        if programs is None:
            raise LookupError(f"no PostgreSQL found below {_INSTALLED}")
        self._programs = programs
        self.host = "127.0.0.1"
        self.port = _free_port()
        self.user = "iryo"
        self.password = f"pass/{secrets.token_hex(8)}@"  # with what a URL must escape
        self._settings = {
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "shared_buffers": "64MB",
            "max_connections": 200,
            "log_line_prefix": "%m [%p] %d ",
            **settings,
        }
        self._folder = Path()
        self._server: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._template: str | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="iryo-postgres-"))
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -------------------------------------------------------------------------------- the server

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._server is not None, "the server is not running"
        return self._server.pid

    @property
    def log(self) -> str:
        """What the server has said so far."""
        path = self._folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it and wait until it takes connections, on the same port each time."""
        assert self._server is None, "the server is running"
        options = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            **self._settings,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (self._folder / "log").open("ab") as log:
            self._server = self._popen(
                "sh", "-c", _START, "sh", self._programs / "postgres", "-D", self.data, *arguments,
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + _SECONDS
        while not self._ready():
            if self._server.poll() is not None or time.monotonic() > deadline:
                said = self.log[-2000:]
                self.kill()
                raise RuntimeError(f"PostgreSQL does not start; it says:\n{said}")
            time.sleep(0.01)

    def stop(self, mode: str = "fast") -> None:
        """Stop it in order: smart, fast or immediate (pg_ctl's words)."""
        os.kill(self.pid, _SIGNALS[mode])
        self._gone()

    def kill(self) -> None:
        """Kill it and all its processes with SIGKILL, as a machine that loses power does."""
        try:
            server = psutil.Process(self.pid)
            processes = [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            processes = []  # it has ended by itself
        for process in processes:  # the server first, so that it starts no others
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for process in processes[1:]:
            wait_for_end(process)
        self._gone()

    def restart(self, mode: str = "fast") -> None:
        """Stop it and start it again."""
        self.stop(mode)
        self.start()

    # ----------------------------------------------------------------------------- its databases

    def url(self, database: str) -> str:
        """The URL of a database, as `iryo.store.Database` takes it, with user and password."""
        password = self.password.replace("/", "%2F").replace("@", "%40")
        return f"postgresql://{self.user}:{password}@{self.host}:{self.port}/{database}"

    def database(self, template: str = "template1") -> str:
        """The URL of a new database: empty, or a copy of `template` (a name), of a few ms."""
        self._made += 1
        name = f"iryo_{self._made}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def migrated(self) -> str:
        """The URL of a new database with all of iryo's tables."""
        if self._template is None:
            template = self.database()
            database = Database(template)
            database.migrate()
            database.close()
            self._template = template.rpartition("/")[2]
        return self.database(self._template)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is connected; one that is not there is fine."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.rpartition("/")[2])

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the superuser, for what tests do behind the program's back."""
        return psycopg.connect(self.url(database), autocommit=True)

    # ------------------------------------------------------------------------------------ within

    @property
    def data(self) -> Path:
        """Its files."""
        return self._folder / "data"

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        if os.getuid() == 0:
            for path in (self._folder, secret):
                shutil.chown(path, "postgres", "postgres")
        made = self._popen(
            self._programs / "initdb", "--pgdata", self.data, "--username", self.user,
            "--pwfile", secret, "--auth", "scram-sha-256", "--encoding", "UTF8",
            # A language's order, as installations have it: text that is compared without a
            # collation of its own shows. ICU brings it along; a locale may not be installed.
            "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en",
            "--no-sync", "--no-instructions",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = made.communicate()
        if made.returncode:
            raise RuntimeError(f"initdb fails: {said.decode(errors='replace')}")

    def _popen(self, *words: str | Path, **streams: Any) -> "subprocess.Popen[bytes]":
        user: dict[str, Any] = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if not os.getuid() else {}
        )
        return subprocess.Popen(
            words,
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_MESSAGES": "C", "TZ": "UTC"},
            **streams,
            **user,
        )

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _gone(self) -> None:
        assert self._server is not None, "the server is not running"
        self._server.wait(_SECONDS)
        assert self._server.stdin is not None, "it was given a pipe"
        self._server.stdin.close()
        self._server = None

    def _run(self, statement: str, *names: str) -> None:
        with self.connect() as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def wait_for_end(process: psutil.Process) -> None:
    """Until a process that may not be our child has ended; whoever should reap it may be slow."""
    deadline = time.monotonic() + _SECONDS
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, f"process {process.pid} does not end"
            time.sleep(0.005)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
