"""Several calls at the same moment, each in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["together"]


def together(*calls: Callable[[], Any]) -> list[Any]:
    """What each gave back or raised, in order; an exception that is no failure of iryo's passes."""
    from iryo.errors import IryoError

    begin = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        begin.wait(60)
        try:
            results[number] = call()
        except Exception as error:  # noqa: BLE001 - raised below, in the test's own thread
            results[number] = error

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "it waits for ever"
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, IryoError):
            raise result
    return results
