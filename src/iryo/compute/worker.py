"""The worker's side of `iryo.compute.processes`: take a call, answer it, until told to stop.

Messages are pickles over a socket pair that no other process holds. The worker says that it is
ready with an empty message and is told to stop with one.
"""

import copyreg
import ctypes
import gc
import io
import os
import pickle
import resource
import signal
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Final

from iryo import logs

__all__ = ["answer", "make_ready", "serve"]

_COLLECT_AFTER: Final = 100_000  # new containers
# From malloc.h of glibc, see the manual page of mallopt.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 32 << 20  # the most that glibc takes


def serve(descriptor: int, level: str, form: str, memory: int = 0) -> None:
    """Work for the process at the other end of `descriptor`, an open socket.

    What it logs goes to standard error, which is that of the process it works for.

    Args:
        descriptor: of the socket.
        level: the least serious messages that are logged.
        form: how they are.
        memory: bytes that this process may take; 0 for no bound.
    """
    logs.set_up(logs.Form(level, form))
    # Ctrl-C is for the program that gave the work; it says what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_ready()
    _bound(memory)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keywords
    connection = Connection(descriptor)
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, calls), daemon=True).start()
    connection.send_bytes(b"")
    while call := calls.get():
        connection.send_bytes(answer(call))
        del call


def make_ready() -> None:
    """Set this process up for work that makes much and lets it go.

    A worker makes many small objects at once and lets them all go; with the default threshold the
    collector would take up to half the time of parsing a large header, and find nothing.
    """
    gc.set_threshold(_COLLECT_AFTER)
    _keep_memory()


def _keep_memory() -> None:
    """Let glibc keep freed memory for the next item.

    By default a buffer of 128 KiB or more is mapped anew, and cleared by the kernel page by page,
    each time: a tenth of an import. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            library.mallopt(parameter, _KEPT_BYTES)


def _bound(memory: int) -> None:
    """Take no more than so many bytes, and leave no core behind: it would hold patient data.

    RLIMIT_DATA counts what is written to and not what is only reserved, nor files that are mapped
    to be read.
    """
    bounds = [(resource.RLIMIT_CORE, 0)]
    if memory:
        bounds.append((resource.RLIMIT_DATA, memory))
    for which, most in bounds:
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError, ValueError):  # not every system has every bound
            resource.setrlimit(which, (bound, hard))


def _listen(connection: Connection, calls: "SimpleQueue[bytes]") -> None:
    # A thread of its own, so that the parent's death ends a worker that is in the middle of work.
    try:
        while True:
            call = connection.recv_bytes()
            calls.put(call)
            if not call:
                return
    except (EOFError, OSError):
        os._exit(1)


def answer(call: bytes) -> bytes:
    """Do a pickled call; the pickled (value, error, text of the error), whatever it raises."""
    try:
        # Only the parent can write to this socket.
        about, function, args, kwargs = pickle.loads(call)  # noqa: S301
        with logs.bound(**about):
            value = function(*args, **kwargs)
        return pickle.dumps((value, None, ""), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent hears of it
        return _failure(error)


def _pickled(failure: tuple[None, BaseException, str]) -> bytes:
    """A pickle of an exception as it is made here, whatever else lives in this process.

    Dask sees to it that all exceptions are pickled with their tracebacks, but those that keep
    something beside their arguments (the code of SystemExit) then come without it.
    """
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {
        kind: how
        for kind, how in copyreg.dispatch_table.items()
        if not issubclass(kind, BaseException)
    }
    pickler.dump(failure)
    return stream.getvalue()


def _failure(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    try:
        answer = _pickled((None, error, text))
        pickle.loads(answer)  # noqa: S301 - our own; some errors fail only here
    except Exception:  # noqa: BLE001
        kind = type(error)
        plain = RuntimeError(f"{kind.__module__}.{kind.__qualname__}: {error}")
        answer = pickle.dumps((None, plain, text))
    return answer
