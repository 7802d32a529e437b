"""An executor of worker processes in which the death of one costs one call and nothing else.

Why not `concurrent.futures.ProcessPoolExecutor`: when one of its workers dies it fails every call
in flight, does not say whose worker it was, and is of no use afterwards; and it makes its workers
import the main program. Here each worker is a fresh interpreter with a socket of its own, watched
by a thread of its own, so that it is known what it was doing.
"""

import json
import multiprocessing
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from iryo import logs
from iryo.compute.within import Within
from iryo.errors import TookTooLong, WorkerDied

__all__ = ["ProcessExecutor", "how_it_ended"]

P = ParamSpec("P")
R = TypeVar("R")

_PATIENCE: Final = 10.0  # seconds for an idle worker to leave before it is killed

# -P: the folder in which somebody happens to be is not searched for modules, unless the parent's
# own path says so.
_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from iryo.compute.worker import serve; "
    "serve(int(sys.argv[1]), sys.argv[3], sys.argv[4], int(sys.argv[5]))"
)


@dataclass(frozen=True, slots=True)
class _Call:
    future: Future[Any]
    about: dict[str, str]
    """What the lines that it logs are to say of their surroundings."""
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class _WorkerLost(Exception):
    """The other end of the socket is closed."""


class _OutOfTime(Exception):
    """The call has taken longer than it may."""


class _Worker:
    """One process, used by one thread."""

    def __init__(self, memory: int) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self.busy = False
        form = logs.current() or logs.Form("error")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [
                    *(sys.executable, "-P", "-c", _PROGRAM),
                    *(str(theirs.fileno()), json.dumps(sys.path)),
                    *(form.level, form.format, str(memory)),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                # What a function prints must not get into the output of the program.
                stdout=sys.__stderr__,
                # Ctrl-C in a terminal goes to the group in front, and so not to the worker.
                process_group=0,
            )
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
        try:
            self._receive()
        except _WorkerLost:
            raise BrokenExecutor(f"a worker process did not start: {self.end()}") from None

    def call(self, payload: bytes, seconds: float | None) -> bytes:
        """Send a call and wait for the answer, no longer than so many seconds."""
        try:
            self.connection.send_bytes(payload)
            if seconds is not None and not self.connection.poll(seconds):
                raise _OutOfTime
        except OSError:
            raise _WorkerLost from None
        return self._receive()

    def _receive(self) -> bytes:
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            raise _WorkerLost from None

    def kill(self) -> None:
        """End it whatever it does; its thread sees the socket close."""
        self._process.kill()

    def stop(self) -> None:
        """Let it leave by itself: what is to be done at exit is done."""
        with suppress(OSError):
            self.connection.send_bytes(b"")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        self.end()

    def end(self) -> str:
        """Reap it, and tell how it ended."""
        self.connection.close()
        with suppress(subprocess.TimeoutExpired):
            # A closed socket ends it, if it has not ended yet.
            self._process.wait(_PATIENCE)
        self._process.kill()
        return f"process {self._process.pid} {how_it_ended(self._process.wait())}"


def how_it_ended(status: int) -> str:
    """What the exit status of a process says, as `subprocess` gives it."""
    if status < 0:
        return f"ended by signal {-status} ({signal.strsignal(-status) or 'unknown'})"
    return f"ended with status {status}"


class ProcessExecutor(Executor):
    """Runs calls in up to `workers` processes, each started when there is work for it.

    A future raises WorkerDied if the process died in the middle of its call (killed, out of memory,
    crashed in native code), TookTooLong if its call was a `Within` whose time is over, and
    BrokenExecutor if no process could be started. Workers ignore SIGINT, and end when this process
    ends, however it does; one that is in native code which holds the interpreter's lock ends when
    it lets go of it.

    Args:
        workers: how many processes at most.
        memory: bytes that each may take; None for no bound.
    """

    def __init__(self, workers: int, memory: int | None = None) -> None:
        self._most = workers
        self._memory = memory or 0
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._workers: set[_Worker] = set()
        self._closed = False
        self._given_up = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a call; function, arguments and result are pickled."""
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot run anything after shutdown")
            self._calls.put(_Call(future, logs.fields(), fn, args, kwargs))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
                thread = threading.Thread(target=self._serve, name="iryo-worker", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Take no more calls and end the workers when they have answered.

        Args:
            wait: return when all have ended.
            cancel_futures: cancel what has not begun, and kill the workers that are at work, since
                nobody waits for their answers.
        """
        with self._lock:
            self._closed = True
            if cancel_futures:
                self._given_up = True
                with suppress(Empty):
                    while True:
                        if (call := self._calls.get_nowait()) is not None:
                            call.future.cancel()
                for worker in self._workers:
                    if worker.busy:
                        worker.kill()
            for _ in self._threads:
                self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _serve(self) -> None:
        """Thread of one worker: pass it one call after another, and start it anew when it dies."""
        worker: _Worker | None = None
        while (call := self._next()) is not None:
            if call.future.set_running_or_notify_cancel():
                worker = self._carry_out(call, worker)
            del call
        if worker is not None:
            worker.stop()
            with self._lock:
                self._workers.discard(worker)

    def _next(self) -> _Call | None:
        try:
            return self._calls.get_nowait()
        except Empty:
            self._idle.release()
            return self._calls.get()

    def _carry_out(self, call: _Call, worker: _Worker | None) -> _Worker | None:
        try:
            # Before a worker is touched: what cannot be pickled is the call's fault alone.
            payload = pickle.dumps(
                (call.about, call.function, call.args, call.kwargs), pickle.HIGHEST_PROTOCOL
            )
            worker = worker or self._start()
            self._mark(worker, busy=True)
            within = call.function.seconds if isinstance(call.function, Within) else None
            answer = worker.call(payload, within)
            self._mark(worker, busy=False)
            value, error, text = pickle.loads(answer)  # noqa: S301 - from our own worker
        except _OutOfTime:
            assert worker is not None  # noqa: S101 - only its call raises this
            worker.kill()
            self._lose(worker)
            call.future.set_exception(TookTooLong(f"it took longer than {within:.0f} seconds"))
            return None
        except _WorkerLost:
            assert worker is not None  # noqa: S101 - only its call raises this
            call.future.set_exception(WorkerDied(f"the worker is gone: {self._lose(worker)}"))
            return None
        except BaseException as failure:  # noqa: BLE001 - the thread must live
            call.future.set_exception(failure)
        else:
            if error is None:
                call.future.set_result(value)
            else:
                error.add_note(f"In a worker process:\n{text}")
                call.future.set_exception(error)
        return worker

    def _lose(self, worker: _Worker) -> str:
        with self._lock:
            self._workers.discard(worker)
        return worker.end()

    def _start(self) -> _Worker:
        try:
            worker = _Worker(self._memory)
        except OSError as error:
            raise BrokenExecutor(f"a worker process did not start: {error.strerror}") from error
        with self._lock:
            self._workers.add(worker)
        return worker

    def _mark(self, worker: _Worker, *, busy: bool) -> None:
        with self._lock:
            worker.busy = busy
            if busy and self._given_up:
                worker.kill()
