"""Asking what may take long, without anybody waiting long for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Probe"]

T = TypeVar("T")


class Probe(Generic[T]):
    """The answer of a function, kept for a while, and asked for in a thread of its own.

    Args:
        function: may take long, or hang; at most one call is under way. What it raises is no
            answer.
        fresh: seconds for which an answer is good.
        patience: seconds that `ask` waits for a new one at most.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        function: Callable[[], T],
        *,
        fresh: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._function = function
        self._fresh = fresh
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._until = float("-inf")
        self._under_way: threading.Event | None = None

    def ask(self) -> T | None:
        """The answer, at most `fresh` seconds old; None if none came in time or it failed."""
        return self.begin()()

    def begin(self) -> Callable[[], T | None]:
        """Ask without waiting yet; what is returned waits. So several can be asked at once."""
        deadline = time.monotonic() + self._patience
        with self._lock:
            if self._clock() < self._until:
                answer = self._answer
                return lambda: answer
            done = self._under_way
            if done is None:
                done = self._under_way = threading.Event()
                threading.Thread(target=self._run, args=(done,), name="probe", daemon=True).start()

        def wait() -> T | None:
            if not done.wait(max(0.0, deadline - time.monotonic())):
                return None
            with self._lock:
                return self._answer

        return wait

    def _run(self, done: threading.Event) -> None:
        try:
            answer: T | None = self._function()
        except Exception:  # noqa: BLE001 - whatever it is, there is no answer
            answer = None
        with self._lock:
            self._answer = answer
            self._until = self._clock() + self._fresh
            self._under_way = None
        done.set()
