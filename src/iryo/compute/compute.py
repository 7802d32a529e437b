"""A bounded window over any executor: at no time are more than a few items drawn and unanswered."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

from iryo.compute.dask import SCHEMES, DaskExecutor
from iryo.compute.inline import InlineExecutor
from iryo.compute.outcome import Outcome
from iryo.compute.processes import ProcessExecutor
from iryo.compute.within import Within
from iryo.errors import InvalidInput, TookTooLong, Unavailable, WorkerDied

__all__ = ["Compute", "open_compute"]

T = TypeVar("T")
R = TypeVar("R")

_MOST_WORKERS: Final = 1024
_AHEAD: Final = 2  # items for each worker: one that is at work, one that waits for it
_LOOK_SECONDS: Final = 1.0
_MOST_SECONDS: Final = 1e6  # for an item, however large: poll(2) counts milliseconds in 31 bits


class Compute:
    """Runs functions over items; safe to use from many threads.

    Args:
        executor: runs one function on one item. Its futures raise WorkerDied when the process that
            did so is gone, and BrokenExecutor when it can run nothing any more.
        workers: how many items it runs at once, where that never changes; else who knows.
    """

    def __init__(self, executor: Executor, *, workers: int | Callable[[], int]) -> None:
        self._executor = executor
        self._workers = workers

    @property
    def workers(self) -> int:
        """How many items are run at once now; 0 while a cluster has no worker, or is not known."""
        return self._workers if isinstance(self._workers, int) else self._workers()

    def _window(self) -> int:
        """How many items are drawn ahead, unless `map_unordered` is told otherwise."""
        # Without workers there is still something that waits: some clusters grow with demand.
        return 1 if isinstance(self._executor, InlineExecutor) else _AHEAD * max(self.workers, 1)

    def map_unordered(
        self,
        function: Callable[[T], R],
        items: Iterable[T],
        *,
        window: int | None = None,
        check: Callable[[], object] | None = None,
        seconds: Callable[[T], float] | None = None,
    ) -> Generator[Outcome[T, R], None, None]:
        """Apply `function` to each item and give the outcomes as they come.

        Items are drawn only as outcomes are taken: at most `window` are drawn and unanswered. What
        the function raises is the `error` of its outcome; what drawing an item raises comes out of
        here. When a worker dies, its item runs once more, with no other item of this call beside
        it; if the worker dies again, the item's error is WorkerDied, and the others go on.
        Closing the generator cancels what has not begun; what runs goes on to its end, unheard.

        While an outcome is waited for, `check` is called about once a second; what it raises comes
        out of here.

        `seconds` says how long an item may take. Worker processes end after it, and the item's
        error is TookTooLong; the calling thread cannot be ended, and there it has all the time.

        `function` is sent to the workers by name: a function of a module, perhaps in a `partial`.
        It keeps what is dear to open (a database) with `functools.cache`, once in each worker. An
        item may run twice, so it must bear that.

        Raises:
            InvalidInput: `function` cannot be sent.
            Unavailable: workers cannot be started.
        """
        _check_function(function)
        if window is not None and window < 1:
            raise ValueError(f"found a window of {window}, expected at least 1")
        limit = self._window if window is None else lambda: window
        return _run(self._executor, function, items, limit, partial(self._look, check), seconds)

    def _look(self, check: Callable[[], object] | None) -> None:
        """What is done while an outcome is waited for."""
        self._window()  # a cluster is looked at again, and says so if its workers have gone
        if check is not None:
            check()

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


def open_compute(spec: str, *, memory: int | None = None) -> Compute:
    """Open what `spec` names; no process starts before there is work.

    ``inline`` is the calling thread, ``processes`` one process for each core that this process may
    use, ``processes:3`` three of them, ``dask://host:port`` the workers of a Dask cluster, and
    ``dask+tls://host:port`` those of one that is reached by TLS.

    Args:
        spec: as above.
        memory: bytes that each of our own worker processes may take; more raises MemoryError there,
            or ends it. None: what the system gives.

    Raises:
        InvalidInput: another `spec`.
        Unavailable: the extra that it needs is not installed.
    """
    name, colon, count = spec.partition(":")
    if spec == "inline":
        return Compute(InlineExecutor(), workers=1)
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
        return Compute(ProcessExecutor(workers, memory), workers=workers)
    if name in SCHEMES:
        cluster = DaskExecutor(_scheduler(spec))
        return Compute(cluster, workers=cluster.workers)
    raise InvalidInput(
        f"found {spec!r}, expected inline, processes, processes:N or dask://host:port",
        where="compute",
    )


def _scheduler(spec: str) -> str:
    """The address of a Dask scheduler, as Dask writes it."""
    try:
        parts = urlsplit(spec)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not (host and port) or parts.netloc.rpartition(":")[0] not in (host, f"[{host}]"):
        raise InvalidInput(
            f"found {spec!r}, expected host and port of a scheduler, as in dask://host:8786",
            where="compute",
        )
    return f"{SCHEMES[parts.scheme]}://{parts.netloc}"


def _run(
    executor: Executor,
    function: Callable[[T], R],
    items: Iterable[T],
    window: Callable[[], int],
    check: Callable[[], object],
    seconds: Callable[[T], float] | None,
) -> Generator[Outcome[T, R], None, None]:
    source = iter(items)
    flying: dict[Future[R], T] = {}
    landed: SimpleQueue[Future[R]] = SimpleQueue()
    suspects: deque[T] = deque()
    drained = False

    def start(item: T) -> None:
        call = function if seconds is None else Within(function, min(seconds(item), _MOST_SECONDS))
        future = executor.submit(call, item)
        flying[future] = item
        future.add_done_callback(landed.put)

    try:
        while True:
            # While there are suspects nothing new starts: they run when all else has landed.
            while not (drained or suspects) and len(flying) < window():
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
            future = _next(landed, check)
            item = flying.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                raise Unavailable(f"work cannot be done: {error}") from error
            if isinstance(error, WorkerDied) and not (alone or isinstance(error, TookTooLong)):
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


def _next(landed: "SimpleQueue[Future[R]]", check: Callable[[], object]) -> Future[R]:
    """Wait for a call to end, and look up from that about once a second."""
    while True:
        try:
            return landed.get(timeout=_LOOK_SECONDS)
        except Empty:
            check()


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
