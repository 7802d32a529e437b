"""An executor without workers: the calling thread does the work."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

__all__ = ["InlineExecutor"]

P = ParamSpec("P")
R = TypeVar("R")


class InlineExecutor(Executor):
    """Runs a function to its end when it is submitted; Ctrl-C comes out of there, as it should."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run it now; the future is done."""
        if self._closed:
            raise RuntimeError("cannot run anything after shutdown")
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()
        try:
            value = fn(*args, **kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit too is what the function raised
            future.set_exception(error)
        else:
            future.set_result(value)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Take no more work."""
        self._closed = True
