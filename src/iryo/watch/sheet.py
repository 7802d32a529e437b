"""The numbers of one process, where other processes can read them.

A sheet is a row of floats in a file that is mapped into memory, and beside it a list of what
stands where. To count is to add to a float in memory, so a count costs well under a microsecond, is
seen by all at once, and outlives the process that made it: who kills a worker loses no count.

    NAME.sheet   floats, one after the other, in the order of this machine
    NAME.names   lines of JSON: first {"role", "process", "pid"}, then [metric, [label values]], in
                 the order in which their floats stand in the sheet; the process holds a lock on it

Why not the multiprocess mode of prometheus_client: it is switched on by an environment variable
before import, for all or nothing; a count there takes about ten times as long; and its files are
kept for ever, as those of dead processes cannot be told from those of living ones.
"""

import fcntl
import json
import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from iryo.store.ids import new_id
from iryo.watch.table import METRICS, Kind, Metric

__all__ = ["Cell", "Family", "Sheet", "Trio"]

_BYTES: Final = 1 << 20  # of a sheet, 131,072 numbers; what is not used takes no memory
_NUMBER: Final = 8
_MOST_SERIES: Final = 500  # per metric; what comes later is counted as "other"
_OTHER: Final = "other"


class Cell:
    """One series: a counter, a gauge or a histogram of one set of label values."""

    __slots__ = ("at", "bounds", "lock", "numbers", "sum")

    def __init__(
        self, numbers: "memoryview[float]", at: int, bounds: Sequence[float], lock: threading.Lock
    ) -> None:
        self.numbers = numbers
        self.at = at
        self.bounds = bounds
        self.lock = lock
        self.sum = at + len(bounds) + 1

    def add(self, amount: float = 1.0) -> None:
        """Add to a counter or a gauge."""
        with self.lock:
            self.numbers[self.at] += amount

    def set(self, value: float) -> None:
        """Set a gauge."""
        self.numbers[self.at] = value

    def observe(self, value: float) -> None:
        """Add to a histogram. Every number of a bucket is its own, not what is below as well."""
        with self.lock:
            self.numbers[self.at + bisect_left(self.bounds, value)] += 1.0
            self.numbers[self.sum] += value

    def merge(self, numbers: Sequence[float]) -> None:
        """Add what another sheet has in this series."""
        with self.lock:
            for at, number in enumerate(numbers, self.at):
                self.numbers[at] += number


class Trio:
    """A counter, a histogram and a sum of bytes that are counted together, under one lock."""

    __slots__ = ("_bounds", "_count", "_lock", "_numbers", "_size", "_time", "_total")

    def __init__(self, counted: Cell, timed: Cell, sized: Cell) -> None:
        self._numbers = counted.numbers
        self._lock = counted.lock
        self._count = counted.at
        self._time = timed.at
        self._bounds = timed.bounds
        self._total = timed.sum
        self._size = sized.at

    def record(self, seconds: float, size: int) -> None:
        """One more, which took so many seconds and had so many bytes. About 0.5 us."""
        numbers = self._numbers
        with self._lock:
            numbers[self._count] += 1.0
            numbers[self._time + bisect_left(self._bounds, seconds)] += 1.0
            numbers[self._total] += seconds
            numbers[self._size] += size


class Family(dict[tuple[str, ...], Cell]):
    """The series of one metric by their label values; what is not there yet is made."""

    def __init__(self, sheet: "Sheet", metric: Metric) -> None:
        super().__init__()
        self._sheet = sheet
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> Cell:
        if len(self) >= _MOST_SERIES:
            labels = (_OTHER,) * len(self._metric.labels)
            if labels in self:
                return self[labels]
        cell = self._sheet.cell(self._metric, labels)
        self[labels] = cell
        return cell


class Sheet:
    """The sheet of this process.

    Args:
        role: what the process does: web, jobs, dimse, supervisor.
        process: its name among those of this server, such as web-1.
        folder: where other processes find it; None: it is in memory, for this process alone.
    """

    def __init__(self, role: str, process: str, folder: Path | None = None) -> None:
        self.role = role
        self.process = process
        self.path: Path | None = None
        self._lock = threading.Lock()
        self._names = -1
        self._next = 0
        self.numbers: memoryview[float]
        self.listed: list[tuple[str, tuple[str, ...]]] = []
        """Metric and label values of each series, in order."""
        if folder is None:
            self.numbers = memoryview(bytearray(_BYTES)).cast("d")
        else:
            self.numbers = self._open(folder)
        self._families = {name: Family(self, metric) for name, metric in METRICS.items()}

    def __getitem__(self, name: str) -> Family:
        return self._families[name]

    def cell(self, metric: Metric, labels: tuple[str, ...]) -> Cell:
        """A new series. `Family` keeps it."""
        if len(labels) != len(metric.labels):
            raise ValueError(f"found labels {labels}, expected {metric.labels} of {metric.name}")
        with self._lock:
            at = self._next
            if (at + metric.width) * _NUMBER > _BYTES:
                # Nothing in the table can get here; a count that is lost must stop nobody.
                return Cell(
                    memoryview(bytearray(metric.width * _NUMBER)).cast("d"),
                    0,
                    metric.bounds,
                    self._lock,
                )
            if self._names >= 0:
                line = json.dumps([metric.name, labels])
                os.write(self._names, f"{line}\n".encode())
            self.listed.append((metric.name, labels))
            self._next += metric.width
        bounds = metric.bounds if metric.kind is Kind.HISTOGRAM else ()
        return Cell(self.numbers, at, bounds, self._lock)

    def close(self) -> None:
        """Let go of the files; they stay, for those who add up."""
        if self._names >= 0:
            os.close(self._names)
            self._names = -1

    def _open(self, folder: Path) -> "memoryview[float]":
        """Make the files; the names are there, and locked, before anybody can see them."""
        name = f"{self.process}-{new_id()}"
        values = os.open(folder / f"{name}.sheet", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.truncate(values, _BYTES)
            mapped = mmap.mmap(values, _BYTES)
        finally:
            os.close(values)
        hidden = folder / f".{name}"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._names = os.open(hidden, flags, 0o600)
        fcntl.flock(self._names, fcntl.LOCK_EX)
        head = {"role": self.role, "process": self.process, "pid": os.getpid()}
        os.write(self._names, f"{json.dumps(head)}\n".encode())
        self.path = folder / f"{name}.names"
        hidden.rename(self.path)
        return memoryview(mapped).cast("d")
