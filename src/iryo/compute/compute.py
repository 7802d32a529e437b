"""A bounded window over any executor: at no time are more than a few items drawn and unanswered."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self, TypeVar

from iryo.compute.inline import InlineExecutor
from iryo.compute.outcome import Outcome
from iryo.compute.processes import ProcessExecutor
from iryo.errors import InvalidInput, Unavailable, WorkerDied

__all__ = ["Compute", "open_compute"]

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS: Final = 1024


class Compute:
    """Runs functions over items; safe to use from many threads.

    Args:
        executor: runs one function on one item. Its futures raise WorkerDied when the process that
            did so is gone, and BrokenExecutor when it can run nothing any more.
        workers: how many items it runs at once.
        window: how many items are drawn ahead unless `map_unordered` is told otherwise.
    """

    def __init__(self, executor: Executor, *, workers: int, window: int) -> None:
        self.workers = workers
        self._executor = executor
        self._window = window

    def map_unordered(
        self, function: Callable[[T], R], items: Iterable[T], *, window: int | None = None
    ) -> Generator[Outcome[T, R], None, None]:
        """Apply `function` to each item and give the outcomes as they come.

        Items are drawn only as outcomes are taken: at most `window` are drawn and unanswered. What
        the function raises is the `error` of its outcome; what drawing an item raises comes out of
        here. When a worker dies, its item runs once more, with no other item of this call beside
        it; if the worker dies again, the item's error is WorkerDied, and the others go on.
        Closing the generator cancels what has not begun; what runs goes on to its end, unheard.

        `function` is sent to the workers by name: a function of a module, perhaps in a `partial`.
        It keeps what is dear to open (a database) with `functools.cache`, once in each worker. An
        item may run twice, so it must bear that.

        Raises:
            InvalidInput: `function` cannot be sent.
            Unavailable: workers cannot be started.
        """
        _check_function(function)
        limit = self._window if window is None else window
        if limit < 1:
            raise ValueError(f"found a window of {limit}, expected at least 1")
        return _run(self._executor, function, items, limit)

    def close(self) -> None:
        """End the workers; what still runs is given up."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_compute(spec: str) -> Compute:
    """Open what `spec` names; no process starts before there is work.

    ``inline`` is the calling thread, ``processes`` one process for each core that this process may
    use, ``processes:3`` three of them.

    Raises:
        InvalidInput: another `spec`.
    """
    name, colon, count = spec.partition(":")
    if spec == "inline":
        return Compute(InlineExecutor(), workers=1, window=1)
    if name == "processes":
        workers = _cores()
        if colon:
            if not (count.isascii() and count.isdigit() and 0 < int(count) <= _MOST_WORKERS):
                raise InvalidInput(
                    f"found {count!r} processes, expected a number from 1 to {_MOST_WORKERS}, as "
                    "in processes:3",
                    where="compute",
                )
            workers = int(count)
        return Compute(ProcessExecutor(workers), workers=workers, window=2 * workers)
    raise InvalidInput(
        f"found {spec!r}, expected inline, processes or processes:N", where="compute"
    )


def _run(
    executor: Executor, function: Callable[[T], R], items: Iterable[T], window: int
) -> Generator[Outcome[T, R], None, None]:
    source = iter(items)
    flying: dict[Future[R], T] = {}
    landed: SimpleQueue[Future[R]] = SimpleQueue()
    suspects: deque[T] = deque()
    drained = False

    def start(item: T) -> None:
        future = executor.submit(function, item)
        flying[future] = item
        future.add_done_callback(landed.put)

    try:
        while True:
            # While there are suspects nothing new starts: they run when all else has landed.
            while not (drained or suspects) and len(flying) < window:
                try:
                    item = next(source)
                except StopIteration:
                    drained = True
                else:
                    start(item)
            alone = not flying
            if alone:
                if not suspects:
                    return
                start(suspects.popleft())
            future = landed.get()
            item = flying.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                raise Unavailable(f"work cannot be done: {error}") from error
            if isinstance(error, WorkerDied) and not alone:
                suspects.append(item)
            elif error is not None:
                yield Outcome(item, error=error)
            else:
                yield Outcome(item, value=future.result())
            # Nothing of an item stays here while the next are waited for.
            del item, future, error
    finally:
        for future in flying:
            future.cancel()


def _check_function(function: object) -> None:
    """Refuse at once what no worker could find, also where there is only the calling thread."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    if getattr(inner, "__module__", None) == "__main__":
        raise InvalidInput(
            f"found the function {name} of the program that was started, expected one of a module "
            "that workers can import",
            where="function",
        )
    try:
        pickle.dumps(function)
    except Exception as error:
        raise InvalidInput(
            f"found {name}, which cannot be sent to a worker ({type(error).__name__}), expected a "
            "function at the top of a module",
            where="function",
        ) from error


def _cores() -> int:
    # Fewer than the machine has where a container or taskset says so.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
