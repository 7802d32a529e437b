"""Run as a program: import each bomb in a process of its own, and say what it cost.

A child process of test_bombs.py. Its modules are loaded once, and it forks for each bomb; the
bounds on time and address space are the system's. Prints one JSON object a line:

    name, outcomes (reason -> how many files), memory (MiB beyond the process at rest), seconds (of
    processor time), message (of one failure), died (the signal, if it did)

    python -m tests.imaging.bomb_import FOLDER NAME...
"""

import json
import logging
import os
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.imaging.bombs import BOMBS
from tests.imaging.fuzz_import import peak_memory
from tests.imaging.house import House

_SECONDS: Final = 100  # of processor time
_ADDRESSES: Final = 12 << 30


def main(folder: Path, names: list[str]) -> None:
    logging.disable()
    import iryo.dicom.json  # noqa: F401 - what all children need is loaded before they are made

    for name in names:
        here = folder / name
        (here / "in").mkdir(parents=True)
        BOMBS[name].write(here / "in")
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            _import(here, theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as stream:
            answer: dict[str, Any] = json.loads(stream.read() or b"{}")
        _, status, used = os.wait4(child, 0)
        answer |= {
            "name": name,
            "memory": answer.get("most", 0) - answer.get("rest", 0),
            "seconds": used.ru_utime + used.ru_stime,
            "died": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _import(here: Path, answer: int) -> None:
    """The child: never comes back."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
        house = House.made(here)
        rest = peak_memory()
        summary = house.imported(here / "in")
        failures = house.failures(summary)
        outcomes = Counter(told["exceptionType"] for told in failures.values())
        if summary["numberOfImportedFiles"]:
            outcomes["imported"] = summary["numberOfImportedFiles"]
        message = next(iter(failures.values()))["message"] if failures else ""
        told = {"outcomes": outcomes, "message": message, "rest": rest, "most": peak_memory()}
        os.write(answer, json.dumps(told).encode())
        status = 0
    except BaseException as error:  # noqa: BLE001 - it must be told, and the process end
        os.write(answer, json.dumps({"error": f"{type(error).__name__}: {error}"[:2000]}).encode())
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(BOMBS))
