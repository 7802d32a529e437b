"""A server of several processes: of HTTP, of jobs, of DIMSE; this one sees to them.

Each that answers has a socket of its own at the one port, which is reserved here; the kernel deals
connections out among them. Sharing one socket instead, idle processes race for connections and one
may take all of them, which clients then keep for long. Nothing of a server lives in the memory of
one process alone.
"""

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import BinaryIO, Final, cast

from iryo.app import require_installation
from iryo.compute.processes import how_it_ended
from iryo.errors import InvalidInput, Unavailable
from iryo.server.child import DIMSE, JOBS, READY, REFUSED, WEB, Part, send
from iryo.server.listening import reserve, reserve_dimse, url_of
from iryo.settings import Settings
from iryo.watch import Board
from iryo.watch.board import make_folder
from iryo.watch.sheet import Sheet

__all__ = ["supervise"]

_LOG: Final = logging.getLogger(__name__)

_LONG_ENOUGH: Final = 10.0  # seconds: who has lived so long did not die of how it was started
_PAUSE: Final = 0.5  # seconds before a process is started again; doubled each time it dies young
_LONGEST_PAUSE: Final = 30.0
_YOUNG_DEATHS: Final = 5  # in a row and before any became ready: then it will not do
_GENTLE_SECONDS: Final = 30.0


@dataclass
class _Place:
    """A process that there is to be, and the one that there is."""

    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    began: float = 0.0
    deaths: int = 0
    due: float = 0.0
    ready: bool = False
    said: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Word:
    """Something has happened: a line that a process wrote, or (None) its end."""

    place: _Place
    line: bytes | None


def supervise(
    settings: Settings, *, ready: Callable[[str, int | None], None] | None = None
) -> None:
    """Serve with `settings.server_workers` processes until SIGINT or SIGTERM.

    A process that dies is started again, at once the first time, later and later if it keeps dying
    young. `ready` is told the URL, and the port of DIMSE if it is served, when all have begun.

    Raises:
        InvalidInput, Unavailable: the server cannot listen, or a process refuses to begin.
    """
    require_installation(settings)
    if settings.objects.startswith("memory:"):
        raise InvalidInput(
            f"found objects {settings.objects} with a server of several processes (server_workers, "
            "dimse_port), expected a store that all processes see",
            where="objects",
        )
    folder = make_folder(settings.home)
    board = Board(Sheet("supervisor", "supervisor", folder), folder)
    try:
        with ExitStack() as held:
            listener = held.enter_context(reserve(settings))
            url = url_of(settings, listener)
            address = _address(listener)
            parts = [
                Part(settings, WEB, f"web-{number}", address, folder)
                for number in range(1, settings.server_workers + 1)
            ]
            if settings.job_threads:
                parts.append(Part(settings, JOBS, JOBS, address, folder))
            port = None
            if settings.dimse_port is not None:
                dimse = _address(held.enter_context(reserve_dimse(settings)))
                port = dimse[2]
                parts.append(Part(settings, DIMSE, DIMSE, dimse, folder))
            _Supervisor(parts, board, lambda: ready(url, port) if ready else None).run()
    finally:
        board.remove()


def _address(listener: socket.socket) -> tuple[int, str, int]:
    """Family, host and port of a socket, for `beside`."""
    host, port = listener.getsockname()[:2]
    return listener.family, host, port


class _Supervisor:
    def __init__(self, parts: list[Part], board: Board, ready: Callable[[], None]) -> None:
        self._places = [_Place(part) for part in parts]
        self._board = board
        self._ready = ready
        self._told = False
        self._over = False
        self._words: SimpleQueue[_Word | None] = SimpleQueue()

    def run(self) -> None:
        with self._signals():
            try:
                for place in self._places:
                    self._start(place)
                while not self._over:
                    self._listen()
                    self._revive()
            finally:
                self._end()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in numbers}

        def stop(*_: object) -> None:
            self._over = True
            self._words.put(None)

        for number in numbers:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number in numbers:
                signal.signal(number, before[number])

    # --------------------------------------------------------------------------------- processes

    def _start(self, place: _Place) -> None:
        part = place.part
        place.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "iryo.server.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in a terminal goes to the group in front, and so to us alone.
            process_group=0,
        )
        place.began = time.monotonic()
        place.ready = False
        place.said = []
        with suppress(BrokenPipeError):  # it has died already, which is told of below
            send(part, cast("BinaryIO", place.process.stdin))
        threading.Thread(
            target=self._hear, args=(place, place.process), name=part.name, daemon=True
        ).start()

    def _hear(self, place: _Place, process: "subprocess.Popen[bytes]") -> None:
        with cast("BinaryIO", process.stdout) as stream:
            for line in stream:
                self._words.put(_Word(place, line))
        process.wait()
        self._words.put(_Word(place, None))

    def _listen(self) -> None:
        """Take what has happened, and wait for it until the next process is due."""
        due = [place.due for place in self._places if place.process is None]
        wait = max(0.0, min(due) - time.monotonic()) if due else None
        try:
            word = self._words.get(timeout=wait)
        except Empty:
            return
        if word is None:
            return
        if word.line is None:
            self._bury(word.place)
        elif word.line == READY:
            word.place.ready = True
            if not self._told and all(place.ready for place in self._places):
                self._told = True
                self._ready()
        else:
            word.place.said.append(word.line)

    def _bury(self, place: _Place) -> None:
        process = place.process
        if process is None:
            return
        _close(process)
        place.process = None
        self._board.fold()
        if self._over:
            return
        self._board.own["iryo_process_restarts_total"][place.part.role,].add()
        status = process.returncode
        said = b" ".join(place.said).decode(errors="replace").strip()
        if status == REFUSED and not self._told:
            raise Unavailable(said)
        young = time.monotonic() - place.began < _LONG_ENOUGH
        place.deaths = place.deaths + 1 if young else 1
        if place.deaths >= _YOUNG_DEATHS and not self._told:
            raise Unavailable(
                f"process {place.part.name} does not begin: {how_it_ended(status)}, "
                f"{place.deaths} times in a row"
            )
        pause = min(_LONGEST_PAUSE, _PAUSE * 2 ** (place.deaths - 2)) if place.deaths > 1 else 0.0
        place.due = time.monotonic() + pause
        _LOG.warning(
            "process %s %s%s; it is started again",
            place.part.name,
            how_it_ended(status),
            f" ({said})" if said else "",
        )

    def _revive(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if place.process is None and place.due <= now and not self._over:
                self._start(place)

    def _end(self) -> None:
        """Let all end gently, and those that do not, at once."""
        living = [place.process for place in self._places if place.process is not None]
        for process in living:
            process.terminate()
        deadline = time.monotonic() + _GENTLE_SECONDS
        for process in living:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _close(process)


def _close(process: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):
        cast("BinaryIO", process.stdin).close()
