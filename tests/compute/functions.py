"""What the suite has workers do: functions of a module, since they are sent by name."""

import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from iryo.errors import Conflict, InvalidDicom, TooLarge, Unavailable


class Stubborn(Exception):
    """Cannot be made again from its arguments, as many in the wild."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def double(number: int) -> int:
    return 2 * number


def process_id(_item: object) -> int:
    return os.getpid()


def thread_name(_item: object) -> str:
    return threading.current_thread().name


def add(one: int, two: int, *, three: int = 0) -> int:
    return one + two + three


def make(count: int) -> bytes:
    return b"x" * count


def claim(size: int) -> int:
    """Take so many bytes of memory and let them go."""
    return len(bytearray(size))


def bounds(_item: object) -> tuple[int, int]:
    """How much memory this process may take, and how large a core it may leave."""
    return resource.getrlimit(resource.RLIMIT_DATA)[0], resource.getrlimit(resource.RLIMIT_CORE)[0]


def odd_fails(number: int) -> int:
    if number % 2:
        raise ValueError(f"found {number}, expected an even number")
    return number


def fail_as(kind: str) -> NoReturn:
    match kind:
        case "InvalidDicom":
            raise InvalidDicom("found x", where="(0028,0010)", offset=17, reason="Truncated")
        case "TooLarge":
            raise TooLarge("found 9", where="body")
        case "Conflict":
            raise Conflict("found another")
        case "Unavailable":
            raise Unavailable("the store is away")
        case "Stubborn":
            raise Stubborn("one", "two")
        case "SystemExit":
            sys.exit(3)
        case _:
            raise KeyError(kind)


def unsendable(_item: object) -> object:
    return threading.Lock()


def die_if_poison(item: str) -> str:
    """Kill the own process for an item that begins so: with how."""
    match item.partition("-")[0]:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "abort":
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGABRT)
    return item.upper()


def die_once(marker: str) -> str:
    """Die for the first time that a marker is seen; the second time it is fine."""
    path = Path(marker)
    if path.name.startswith("dies") and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def begin_and_wait(folder: str) -> None:
    """Say that work has begun by a file with the process's number, and never end."""
    (Path(folder) / f"{os.getpid()}.begun").touch()
    threading.Event().wait()


def wait_for(path: str) -> str:
    """End when the file is there."""
    while not Path(path).exists():
        threading.Event().wait(0.005)
    return path


def touch(path: str) -> str:
    Path(path).touch()
    return path


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - where it goes is the question


def where_modules_come_from(_item: object) -> tuple[list[str], str | None, bool]:
    main = sys.modules["__main__"]
    return sys.path, getattr(main, "__file__", None), "pytest" in sys.modules


def die_then_look_around(path: str) -> list[str]:
    """The first time: die. The second time: who else is at work? Other items are briefly so."""
    item = Path(path)
    if item.name.startswith("dies"):
        if not item.exists():
            item.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [other.name for other in item.parent.glob("*.running")]
    running = item.with_suffix(".running")
    running.touch()
    threading.Event().wait(0.002)
    running.unlink()
    return []


def known_to_dask(dask_worker: Any) -> int:
    """How many calls a Dask worker runs or is to run; Dask itself calls this."""
    return len(dask_worker.state.tasks)
