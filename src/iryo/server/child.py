"""One of the processes of a server of several: it answers requests, runs jobs, or is the SCP.

    python -m iryo.server.child

It is started by `iryo.server.supervisor`, which says through its standard input what it is to be,
and hears through its standard output when it is ready. When that input ends, however the supervisor
ended, it ends too.
"""

import os
import pickle
import signal
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from iryo import logs
from iryo.app import open_app
from iryo.errors import IryoError
from iryo.settings import Settings
from iryo.watch import Board
from iryo.watch.sheet import Sheet

__all__ = ["DIMSE", "JOBS", "READY", "REFUSED", "WEB", "Part", "main", "send"]

WEB: Final = "web"
JOBS: Final = "jobs"
DIMSE: Final = "dimse"
READY: Final = b"ready\n"
REFUSED: Final = 3
"""The exit status of a process that cannot begin, and has said why on its standard output."""

_LENGTH: Final = struct.Struct("<I")
_PATIENCE: Final = 30.0  # seconds to end by itself when the supervisor is gone


@dataclass(frozen=True)
class Part:
    """What a process is to be.

    Args:
        settings: of the installation.
        role: WEB, JOBS or DIMSE.
        name: by which metrics call it.
        address: family, host and port at which requests come.
        folder: where the processes of the server count.
    """

    settings: Settings
    role: str
    name: str
    address: tuple[int, str, int]
    folder: Path


def send(part: Part, stream: BinaryIO) -> None:
    """Write what `main` reads. Secrets go this way, and in no list of processes."""
    data = pickle.dumps(part)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def main() -> int:
    """Be what the supervisor says, until it sends SIGTERM or ends."""
    # Ctrl-C in a terminal goes to the supervisor, which tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (length,) = _LENGTH.unpack(_read(_LENGTH.size))
    part: Part = pickle.loads(_read(length))  # noqa: S301 - from who started us
    threading.Thread(target=_follow, name="lifeline", daemon=True).start()
    logs.set_up(logs.Form(part.settings.log_level, part.settings.log_format))
    board = Board(Sheet(part.role, part.name, part.folder), part.folder)
    try:
        with open_app(part.settings, serving=True, board=board) as app:
            if part.role == JOBS:
                from iryo.work import work

                work(app, ready=_say_ready)
            elif part.role == DIMSE:
                from iryo.server.dimse import serve_dimse
                from iryo.server.listening import beside

                with beside(*part.address) as listener:
                    serve_dimse(app, listener, ready=_say_ready)
            else:
                from iryo.server import serve_on
                from iryo.server.listening import beside

                with beside(*part.address) as listener:
                    serve_on(app, listener, ready=_say_ready)
    except IryoError as error:
        _say(error.message.encode() + b"\n")
        return REFUSED
    return 0


def _say_ready() -> None:
    _say(READY)


def _say(line: bytes) -> None:
    os.write(sys.stdout.fileno(), line)


def _read(size: int) -> bytes:
    """From standard input, without Python's buffer: a thread that waits in one aborts our end."""
    data = b""
    while len(data) < size:
        piece = os.read(sys.stdin.fileno(), size - len(data))
        if not piece:
            raise EOFError("the supervisor has said nothing")
        data += piece
    return data


def _follow() -> None:
    """End when the supervisor has, gently first."""
    with suppress(EOFError):
        _read(1)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
