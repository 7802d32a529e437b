"""What a failure report says, summed up by reason."""

from pathlib import Path

import orjson

from iryo.errors import Unavailable

__all__ = ["failures_by_reason"]


def failures_by_reason(report: Path, shown: int) -> dict[str, tuple[int, list[tuple[str, str]]]]:
    """Reason -> how many files, and (file, message) of the first `shown` of them.

    Args:
        report: a failure.ndjson, read line by line.
        shown: how many examples of each reason are kept.

    Raises:
        Unavailable: if it cannot be read.
    """
    found: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    try:
        with report.open("rb") as stream:
            for line in stream:
                entry = orjson.loads(line)
                failure = entry["exception"]
                count, examples = found.get(failure["exceptionType"], (0, []))
                if count < shown:
                    examples.append((entry["inputFile"], failure["message"]))
                found[failure["exceptionType"]] = (count + 1, examples)
    except OSError as error:
        raise Unavailable(f"the failure report cannot be read: {error.strerror}") from error
    return found
