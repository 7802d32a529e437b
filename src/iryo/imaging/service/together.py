"""What many threads want written at the same moment is written at once."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

__all__ = ["Together"]

T = TypeVar("T")

_MOST: Final = 64


@dataclass(slots=True)
class _Waiting(Generic[T]):
    """What a thread wants done, and what became of it."""

    item: T
    done: bool = False
    error: BaseException | None = None


class Together(Generic[T]):
    """A commit costs a wait for the disk: while one is under way, others gather for the next."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queues: defaultdict[str, list[_Waiting[T]]] = defaultdict(list)
        self._locks: defaultdict[str, Any] = defaultdict(threading.Lock)

    def do(self, name: str, item: T, work: Callable[[list[T]], None]) -> None:
        """Have `work` done with an item, and perhaps with those of other threads.

        Where that fails with several, it is done with each alone: no one pays for another.

        Args:
            name: only items of one name come together; all give the same `work` for it.
            item: what to do.
            work: does some of them, all or none; what it raises is raised here.
        """
        mine = _Waiting(item)
        with self._guard:
            self._queues[name].append(mine)
            lock = self._locks[name]
        with lock:
            while not mine.done:
                with self._guard:
                    queue = self._queues[name]
                    some = queue[:_MOST]
                    del queue[:_MOST]
                _carry_out(some, work)
        if mine.error is not None:
            raise mine.error

    def waiting(self, name: str) -> list[T]:
        """What has gathered and is not begun."""
        with self._guard:
            return [one.item for one in self._queues[name]]


def _carry_out(some: list[_Waiting[T]], work: Callable[[list[T]], None]) -> None:
    try:
        work([one.item for one in some])
    except BaseException as error:  # noqa: BLE001 - each is raised where it belongs
        if len(some) > 1:
            for one in some:
                _carry_out([one], work)
            return
        some[0].error = error
    for one in some:
        one.done = True
