"""What a failure report says: of a file whose worker ended, and summed up by reason."""

from collections.abc import Iterable
from typing import Any

import orjson

from iryo.errors import TookTooLong, WorkerDied

__all__ = ["failures_by_reason", "out_of_memory", "worker_failure"]


def out_of_memory() -> dict[str, Any]:
    """The record of a file that memory did not suffice for."""
    message = "wants more memory than a worker may take (the setting worker_memory)"
    return {"type": "TooLarge", "message": message, "ours": False}


def worker_failure(error: BaseException) -> dict[str, Any]:
    """The record of a file that had a worker of its own, which ended as `error` says."""
    if isinstance(error, TookTooLong):
        return {"type": "TookTooLong", "message": f"given up: {error.message}", "ours": True}
    if isinstance(error, WorkerDied):
        # Such as: the worker is gone: process 7 ended by signal 9 (Killed).
        _, ended, how = error.message.partition(" ended ")
        message = f"the process that read the file died: {ended.strip()} {how}".rstrip(": ")
        if "signal" in how:
            # Many native decoders cannot bear that there is no memory.
            message += "; a file that wants more memory than worker_memory may end it so"
        return {"type": "WorkerDied", "message": message, "ours": True}
    return out_of_memory()


def failures_by_reason(
    report: Iterable[bytes], shown: int
) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """Reason -> how many files, and (file, message) of the first `shown` of them.

    Args:
        report: the lines of a failure.ndjson.
        shown: how many examples of each reason are kept.
    """
    found: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    for line in report:
        entry = orjson.loads(line)
        failure = entry["exception"]
        count, examples = found.get(failure["exceptionType"], (0, []))
        if count < shown:
            examples.append((entry["inputFile"], failure["message"]))
        found[failure["exceptionType"]] = (count + 1, examples)
    return found
