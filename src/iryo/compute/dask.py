"""An executor over a Dask cluster: calls go to its scheduler, and its workers carry them out.

Why not `distributed.Client.get_executor`: its futures do not tell a scheduler that went away from
a call that was cancelled, it does not come back after that, and what a function raises reaches
Dask's own log, with its arguments. See docs/decisions/0007-an-executor-of-our-own-on-dask.md.
"""

import asyncio
import importlib.util
import logging
import os
import pickle
import platform
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from functools import cache, partial
from queue import Empty, SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar
from uuid import uuid4
from weakref import WeakSet

from iryo import __version__, logs
from iryo.compute.within import Within
from iryo.compute.worker import answer, make_ready
from iryo.errors import Conflict, InvalidInput, IryoError, TookTooLong, Unavailable, WorkerDied

__all__ = ["SCHEMES", "DaskExecutor", "carry_out"]

P = ParamSpec("P")
R = TypeVar("R")

SCHEMES: Final = {"dask": "tcp", "dask+tls": "tls"}
_LOG: Final = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 1.0  # how old the number of workers may be
_LEAVE_SECONDS: Final = 2.0  # for the last answer of a worker to be fetched


class DaskExecutor(Executor):
    """Runs calls on the workers of a Dask cluster; nothing is connected before there is work.

    A future raises WorkerDied if workers died in the middle of its call, as often as the scheduler
    allows (`distributed.scheduler.allowed-failures`), TookTooLong if its call was a `Within` whose
    time is over, Unavailable if the scheduler went away, and Conflict if the worker's iryo or
    Python is not ours. The next call connects anew. While there is no worker, calls wait for one.

    Args:
        address: of the scheduler: tcp://host:port, or tls://host:port, for which Dask's own
            configuration names the certificates.
        patience: seconds to wait for an answer of a scheduler that is not there.

    Raises:
        Unavailable: the extra `dask` is not installed.
    """

    def __init__(self, address: str, *, patience: float = 10) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise Unavailable("compute on Dask needs the extra dask: pip install 'iryo[dask]'")
        self._address = address
        self._patience = patience
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed = False
        self._looked = 0.0
        self._workers: int | None = None
        self._checked: set[str] = set()
        self._flying: WeakSet[Future[Any]] = WeakSet()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Send a call to the cluster; function, arguments and result are pickled.

        Raises:
            Unavailable: the scheduler cannot be reached.
            Conflict: workers run another iryo or Python.
        """
        call = pickle.dumps((logs.fields(), fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            client = self._connected()
            try:
                asked = client.submit(
                    partial(carry_out, _versions(), within=_seconds_of(fn)),
                    call,
                    # Its first part is what Dask's dashboard shows.
                    key=f"{_name_of(fn)}-{uuid4().hex}",
                    pure=False,
                    retries=0,
                )
            except Exception as error:  # it has closed in this very moment
                raise self._away(error) from error
            future: Future[R] = Future()
            loop = client.loop.asyncio_loop
            asyncio.run_coroutine_threadsafe(_follow(asked, future, self._address), loop)
            future.add_done_callback(partial(_forget, asked, loop))
            self._flying.add(future)
        return future

    def workers(self) -> int:
        """How many calls the cluster can run at once now: the threads of its workers.

        0 where nothing is known, since nothing was sent yet or the scheduler is away.

        Raises:
            Conflict: a worker has come that runs another iryo or Python.
        """
        with self._lock:
            late = time.monotonic() - self._looked > _LOOK_SECONDS
            if late and self._client is not None and self._client.status == "running":
                try:
                    self._look(self._client)
                except IryoError:
                    raise
                except Exception as error:  # noqa: BLE001 - it goes away in this very moment
                    _LOG.debug("the Dask cluster is not counted: %s", type(error).__name__)
            return self._workers or 0

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Take no more calls, and leave the cluster, which forgets what it was asked for."""
        with self._lock:
            self._closed = True
            self._disconnect()

    # ------------------------------------------------------------------------------------ within

    def _connected(self) -> Any:
        if self._closed:
            raise RuntimeError("cannot run anything after shutdown")
        if self._client is not None and self._client.status != "running":
            # Dask would try to come back by itself, but for a time that nobody knows.
            self._disconnect()
        if self._client is None:
            client = self._connect()
            try:
                self._look(client)
            except BaseException as error:
                client.close()
                # A RuntimeError of Dask's: its pool of connections has closed in this very moment.
                if isinstance(error, (OSError, RuntimeError)):
                    raise self._away(error) from error
                raise
            self._client = client
        return self._client

    def _connect(self) -> Any:
        clients = _quiet_dask()
        if self._address.startswith("tls:") and not _has_certificates():
            raise InvalidInput(
                "found no certificates in Dask's configuration (distributed.comm.tls), which "
                "dask+tls:// needs",
                where="compute",
            )
        try:
            return clients(self._address, timeout=self._patience, set_as_default=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise self._away(error) from error

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        self._workers = None
        self._checked.clear()
        if client is not None:
            # It says goodbye to a scheduler that may not be there.
            with suppress(OSError, TimeoutError):
                client.close(timeout=self._patience)
        for future in list(self._flying):
            future.cancel()  # does nothing to those that know already how they ended

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"the Dask scheduler at {self._address} cannot be reached ({type(error).__name__})"
        )

    def _look(self, client: Any) -> None:
        """Count the workers, and see to it that those who are new run what we run."""
        threads: dict[str, int] = client.nthreads()
        self._looked = time.monotonic()
        if not threads.keys() <= self._checked:
            told = client.get_versions(packages=["iryo"])
            # The scheduler, too, reads what is sent.
            for address, versions in {"": told["scheduler"], **told["workers"]}.items():
                packages = versions["packages"]
                python = ".".join(str(packages["python"]).split(".")[:2])
                who = f"the worker at {address}" if address else "the scheduler"
                _compare((packages.get("iryo") or "", python), who)
        self._checked = set(threads)
        count = sum(threads.values())
        if count != self._workers:
            if count:
                _LOG.info("the Dask cluster at %s has %d workers", self._address, count)
            else:
                _LOG.warning(
                    "the Dask cluster at %s has no worker: work waits for one", self._address
                )
        self._workers = count


def carry_out(expected: tuple[str, str], call: bytes, *, within: float | None = None) -> bytes:
    """The worker's side: do a call, and answer as `iryo.compute.worker` does; raises nothing.

    Args:
        expected: iryo's version and Python's, of who asks.
        call: the pickled call.
        within: seconds after which the answer is TookTooLong. What runs cannot be ended but with
            its process, so that leaves then; a nanny, or who else started it, starts it again.
    """
    _ready_once()
    if expected != _versions():
        # A worker that came after those that were asked when the cluster was reached.
        call = pickle.dumps(({}, _compare, (expected, "who asks", _versions()), {}))
    if within is None:
        return answer(call)
    answers: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=lambda: answers.put(answer(call)), daemon=True).start()
    try:
        return answers.get(timeout=within)
    except Empty:
        leaving = threading.Timer(_LEAVE_SECONDS, os._exit, (1,))
        leaving.daemon = True
        leaving.start()
        late = TookTooLong(f"it took longer than {within:.0f} seconds")
        return pickle.dumps((None, late, ""))


def _compare(found: tuple[str, str], who: str, ours: tuple[str, str] | None = None) -> None:
    """Refuse another version, since what is pickled by one may not be read by the other.

    Raises:
        Conflict: they differ.
    """
    ours = ours or _versions()
    if found != ours:
        raise Conflict(
            f"{who} has {f'iryo {found[0]}' if found[0] else 'no iryo'} and Python {found[1]}, "
            f"expected iryo {ours[0]} and Python {ours[1]} on all machines"
        )


async def _follow(asked: Any, future: Future[Any], address: str) -> None:
    """Tell, from Dask's own loop, what became of a call.

    Nobody cancels this. Dask fetches the results of several calls in one task, for which each of
    their followers waits: to cancel one of them cancels that task, and with it all of them.
    """
    try:
        value, error = await _outcome(asked, address)
    except asyncio.CancelledError:  # the loop ends
        value, error = None, Unavailable(f"the call to the Dask cluster at {address} was given up")
    with suppress(InvalidStateError):  # cancelled in this very moment
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


async def _outcome(asked: Any, address: str) -> tuple[Any, BaseException | None]:
    from distributed import KilledWorker

    try:
        value, error, text = pickle.loads(await asked)  # noqa: S301 - from our own worker
    except KilledWorker as death:
        times = death.allowed_failures + 1
        return None, WorkerDied(
            f"the worker is gone, and so were {times - 1} before it"
            f" that did the same: {death.last_worker.address}"
        )
    except Exception as failure:  # noqa: BLE001 - all of them become the call's
        if asked.status == "cancelled":
            return None, Unavailable(f"the Dask scheduler at {address} went away")
        trouble = Unavailable(
            f"the Dask cluster at {address} cannot take a call: {type(failure).__name__}"
        )
        trouble.__cause__ = failure
        return None, trouble
    if error is not None:
        error.add_note(f"In a Dask worker:\n{text}")
    return value, error


def _forget(asked: Any, loop: asyncio.AbstractEventLoop, future: Future[Any]) -> None:
    """Nobody waits for it any more: it is not begun. What has begun goes on to its end."""
    if future.cancelled():
        cancelling = _cancel(asked)
        try:
            asyncio.run_coroutine_threadsafe(cancelling, loop)
        except RuntimeError:  # the loop has ended
            cancelling.close()


async def _cancel(asked: Any) -> None:
    await asked.cancel()


def _quiet_dask() -> Callable[..., Any]:
    """Import Dask, which is slow, and leave logging to the program; the class of clients."""
    import dask

    if "logging" not in dask.config.config:
        # A configuration of nothing: else it puts handlers of its own beside ours.
        dask.config.config["logging"] = {"version": 1, "incremental": True}
    from distributed import Client

    log = logging.getLogger("distributed")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
        log.addHandler(logging.NullHandler())
    return Client


def _has_certificates() -> bool:
    from distributed import Security

    security: Any = Security  # it comes without types
    return security().get_connection_args("client")["ssl_context"] is not None


@cache
def _versions() -> tuple[str, str]:
    return __version__, ".".join(platform.python_version_tuple()[:2])


@cache
def _ready_once() -> None:
    make_ready()


def _seconds_of(function: Any) -> float | None:
    return function.seconds if isinstance(function, Within) else None


def _name_of(function: Any) -> str:
    while True:
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, Within):
            function = function.function
        else:
            break
    return str(getattr(function, "__name__", type(function).__name__))
