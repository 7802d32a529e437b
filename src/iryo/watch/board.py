"""All sheets of one server, added up: any process gives the whole answer.

Counters and histograms are added over all sheets, also those of processes that have died; gauges
over those that live. The supervisor takes the counts of the dead into its own sheet and removes
theirs, so that a server which runs for a year has no more sheets than processes.
"""

import fcntl
import json
import os
import platform
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iryo import __version__
from iryo.store.ids import new_id
from iryo.watch.proc import of_process
from iryo.watch.sheet import Sheet
from iryo.watch.table import METRICS, Kind

__all__ = ["Board", "Gauges", "Reading", "make_folder", "own_board"]

_LOCK: Final = ".lock"

Series = tuple[str, tuple[str, ...]]
"""Name of a metric, label values."""
Gauges = Callable[[], Iterable[tuple[str, tuple[str, ...], float]]]
"""What is found out when somebody asks: metric, label values, value. It must not wait long."""


@dataclass(slots=True)
class Reading:
    """What stands on one sheet, or on all together."""

    role: str = ""
    process: str = ""
    pid: int = 0
    lives: bool = True
    numbers: dict[Series, list[float]] = field(default_factory=dict)

    def add(self, series: Series, numbers: Iterable[float]) -> None:
        """Add to a series, number by number."""
        mine = self.numbers.get(series)
        given = list(numbers)
        self.numbers[series] = (
            given if mine is None else [a + b for a, b in zip(mine, given, strict=True)]
        )


def make_folder(home: Path) -> Path:
    """A folder for the sheets of one server, below its home; what dead servers left is removed."""
    above = home / "watch"
    above.mkdir(mode=0o700, exist_ok=True)
    for left in above.iterdir():
        if left.is_dir() and not any(reading.lives for reading in _read_all(left)):
            shutil.rmtree(left, ignore_errors=True)
    made = above / new_id()
    made.mkdir(mode=0o700)
    return made


class Board:
    """The sheets of one server.

    Args:
        own: the sheet of this process.
        folder: where the sheets of all are, its own among them; None: there is only its own.
        gauges: asked with each answer.
    """

    def __init__(
        self, own: Sheet, folder: Path | None = None, gauges: Iterable[Gauges] = ()
    ) -> None:
        self.own = own
        self._folder = folder
        self._gauges = list(gauges)

    def ask_also(self, gauges: Gauges) -> None:
        """Ask this with each answer as well."""
        self._gauges.append(gauges)

    def whole(self) -> Reading:
        """Everything that is exported."""
        whole = Reading()
        for reading in self._sheets():
            for series, numbers in reading.numbers.items():
                if reading.lives or METRICS[series[0]].kind is not Kind.GAUGE:
                    whole.add(series, numbers)
            if reading.lives:
                whole.add(("iryo_processes", (reading.role,)), [1.0])
                for name, value in of_process(reading.pid):
                    whole.add((name, (reading.process,)), [value])
        whole.add(("iryo_build_info", (__version__, platform.python_version())), [1.0])
        for gauges in self._gauges:
            for name, labels, value in gauges():
                whole.numbers[name, labels] = [value]
        return whole

    def fold(self) -> None:
        """Take the counts of dead processes into the own sheet; for the supervisor alone."""
        if self._folder is None:
            return
        with _locked(self._folder, fcntl.LOCK_EX):
            for path in _paths(self._folder):
                reading = _read(path)
                if reading.lives:
                    continue
                for (name, labels), numbers in reading.numbers.items():
                    if METRICS[name].kind is not Kind.GAUGE:
                        self.own[name][labels].merge(numbers)
                path.unlink(missing_ok=True)
                path.with_suffix(".sheet").unlink(missing_ok=True)

    def remove(self) -> None:
        """The server ends: nothing stays."""
        self.own.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _sheets(self) -> list[Reading]:
        if self._folder is not None:
            with _locked(self._folder, fcntl.LOCK_SH):
                return list(_read_all(self._folder))
        own = Reading(self.own.role, self.own.process, os.getpid())
        _take(own, self.own.listed, self.own.numbers)
        return [own]


def own_board(role: str = "web") -> Board:
    """The board of a server of one process."""
    return Board(Sheet(role, role))


def _read_all(folder: Path) -> Iterator[Reading]:
    for path in _paths(folder):
        with suppress(FileNotFoundError):
            yield _read(path)


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.names"))


def _read(path: Path) -> Reading:
    """One sheet. A line without an end is of a series that is just being made: it is left out."""
    data, lives = _names(path)
    lines = [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    if not lines:
        return Reading(lives=lives)
    head, *listed = lines
    values = path.with_suffix(".sheet").read_bytes()
    reading = Reading(head["role"], head["process"], head["pid"], lives)
    whole = len(values) // 8
    _take(
        reading,
        [(name, tuple(labels)) for name, labels in listed],
        struct.unpack(f"={whole}d", values[: whole * 8]),
    )
    return reading


def _names(path: Path) -> tuple[bytes, bool]:
    """The names, and whether the process that writes them lives."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        lives = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            lives = True
        return os.pread(descriptor, 1 << 20, 0), lives
    finally:
        os.close(descriptor)


def _take(
    reading: Reading, listed: Iterable[Series], numbers: "memoryview[float] | tuple[float, ...]"
) -> None:
    at = 0
    for series in list(listed):
        width = METRICS[series[0]].width
        reading.add(series, numbers[at : at + width])
        at += width


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """While a dead process's counts move from its sheet to another, nobody adds up."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
