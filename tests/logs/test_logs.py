"""Log lines: their form, their fields, and that no value of a patient gets into any."""

import asyncio
import io
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from iryo import logs
from iryo.compute import open_compute
from iryo.errors import Damaged
from iryo.logs.rule import chain, places

MARKER = "YAMADA^Taro"


class Log:
    """What a test logs, in a form."""

    def __init__(self, form: logs.Form) -> None:
        self.stream = io.StringIO()
        self.undo = logs.set_up(form, self.stream)

    @property
    def lines(self) -> list[str]:
        """The lines so far."""
        return self.stream.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines as JSON."""
        return [json.loads(line) for line in self.lines]


@pytest.fixture(params=["text", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """Both forms in turn, at every level."""
    made = Log(logs.Form("debug", request.param))
    yield made
    made.undo()


@pytest.fixture
def as_json() -> Iterator[Log]:
    """JSON from info on."""
    made = Log(logs.Form("info", "json"))
    yield made
    made.undo()


def test_a_line_is_an_object_with_its_surroundings(as_json: Log) -> None:
    logger = logging.getLogger("iryo.somewhere")
    with logs.bound(request_id="r1"):
        logs.note(operation="GetImageSet", key_id="K")
        logger.info("took %d ms", 5, extra={"fields": {"duration_ms": 5.25, "outcome": "ok"}})
    logger.info("after")
    logger.debug("not at this level")
    first, second = as_json.objects
    assert first.pop("time").endswith("Z")
    assert first.pop("process") > 0
    assert first == {
        "level": "info",
        "logger": "iryo.somewhere",
        "message": "took 5 ms",
        "request_id": "r1",
        "operation": "GetImageSet",
        "key_id": "K",
        "duration_ms": 5.25,
        "outcome": "ok",
    }
    assert second.keys() == {"time", "level", "logger", "message", "process"}


def test_text_says_the_same_in_a_line() -> None:
    log = Log(logs.Form("info", "text"))
    with logs.bound(job_id="j1"), logs.bound(request_id="r1"):
        logging.getLogger("iryo.x").warning("two\nlines of %(what)s", {"what": "text"})
    log.undo()
    (line,) = log.lines
    assert line.endswith("WARNING iryo.x: two\\nlines of text [job_id=j1 request_id=r1]")
    assert line[10] == "T"


def test_nothing_is_noted_where_nothing_is_bound() -> None:
    logs.note(operation="GetImageSet")
    assert logs.fields() == {}


def test_binding_is_taken_back() -> None:
    token = logs.bind(a="1")
    with logs.bound(b="2"):
        assert logs.fields() == {"a": "1", "b": "2"}
    assert logs.fields() == {"a": "1"}
    logs.unbind(token)
    assert logs.fields() == {}


def test_it_is_known_how_this_process_logs() -> None:
    assert logs.current() is None
    log = Log(logs.Form("error", "json"))
    assert logs.current() == logs.Form("error", "json")
    log.undo()
    assert logs.current() is None


# ------------------------------------------------------------------------------------ patient data


def fails() -> None:
    """Raise what quotes a patient, in two ways at once."""
    try:
        int(MARKER)
    except ValueError as error:
        raise KeyError(MARKER) from error


def caught() -> Exception:
    """An exception with a traceback."""
    try:
        fails()
    except KeyError as error:
        return error
    raise AssertionError


def with_traceback() -> None:
    try:
        fails()
    except KeyError:
        logging.getLogger("iryo.x").exception("it broke")


def as_argument() -> None:
    logging.getLogger("iryo.x").warning("broke: %s", caught())


def as_named_argument() -> None:
    logging.getLogger("iryo.x").warning("broke: %(why)s", {"why": caught()})


def as_message() -> None:
    logging.getLogger("iryo.x").warning(caught())


def by_another_library() -> None:
    # Not by name: whoever else runs in this process may have made a real one silent.
    logging.getLogger("a_library.of_others").warning("Invalid value for VR PN: %s", MARKER)


def by_another_library_in_its_words() -> None:
    logging.getLogger("distributed.worker").error(f"Compute failed {MARKER}")  # noqa: G004


def as_a_warning() -> None:
    warnings.warn(f"Invalid value {MARKER}", UserWarning, stacklevel=1)


def in_a_thread() -> None:
    thread = threading.Thread(target=fails, name="reader")
    thread.start()
    thread.join()


def in_a_task() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.to_thread(fails))
        while not task.done():  # noqa: ASYNC110 - nobody may look at its outcome
            await asyncio.sleep(0.01)

    asyncio.run(main())


def where_nobody_catches() -> None:
    class Ends:
        def __del__(self) -> None:
            fails()

    Ends()


def where_the_line_cannot_be_made() -> None:
    root = logging.getLogger()
    others = root.handlers
    # Without pytest's own, which fail as logging's would.
    root.handlers = [one for one in others if type(one).__module__ == "iryo.logs.lines"]
    logging.getLogger("iryo.x").warning("%d patients", MARKER)
    root.handlers = others


@pytest.mark.parametrize(
    "breaks",
    [
        with_traceback,
        as_argument,
        as_named_argument,
        as_message,
        by_another_library,
        by_another_library_in_its_words,
        as_a_warning,
        in_a_thread,
        in_a_task,
        where_nobody_catches,
        where_the_line_cannot_be_made,
    ],
)
@pytest.mark.filterwarnings("always::UserWarning")
def test_a_line_tells_where_and_never_what(
    log: Log, breaks: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    breaks()
    printed = capfd.readouterr()
    told = log.stream.getvalue()
    assert told.strip(), "something is said"
    assert "Traceback" not in told
    assert "Taro" not in told + printed.out + printed.err


def test_a_traceback_keeps_its_places(as_json: Log) -> None:
    with_traceback()
    (line,) = as_json.objects
    assert "KeyError (" in line["exception"]
    assert "in fails" in line["exception"]
    assert " from ValueError (" in line["exception"]


def test_what_was_raised_on_purpose_is_told(as_json: Log) -> None:
    try:
        raise Damaged("the pack ends at 12")
    except Damaged as error:
        logging.getLogger("iryo.x").warning("read: %s", error, exc_info=True)
    (line,) = as_json.objects
    assert line["message"] == "read: the pack ends at 12"
    assert line["exception"].startswith("Damaged: the pack ends at 12 (")


def test_an_oserror_tells_its_reason_and_not_its_file() -> None:
    error = FileNotFoundError(2, "No such file", f"/in/{MARKER}.dcm")
    assert logs.describe(error) == "FileNotFoundError: No such file or directory"
    assert logs.describe(OSError(MARKER)) == "OSError"
    assert chain(error) == "FileNotFoundError: No such file or directory"


def test_long_chains_and_deep_tracebacks_are_cut() -> None:
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        raise ValueError(MARKER)

    with pytest.raises(ValueError, match="YAMADA") as raised:
        deep(100)
    assert places(raised.value.__traceback__).count(";") == 23
    error: Exception | None = None
    for number in range(10):
        outer = RuntimeError(str(number))
        outer.__cause__ = error
        error = outer
    assert error is not None
    assert chain(error).count("RuntimeError") == 4


def test_a_stream_that_is_gone_stops_nobody() -> None:
    log = Log(logs.Form("info", "text"))
    log.stream.close()
    logging.getLogger("iryo.x").info("into the void")
    log.undo()


def test_the_end_of_the_process_is_told_as_a_line(as_json: Log) -> None:
    import sys

    error = caught()
    sys.excepthook(type(error), error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    (line,) = as_json.objects
    assert line["level"] == "critical"
    assert "Taro" not in json.dumps(line)


# --------------------------------------------------------------------------------- worker processes


def log_in_worker(number: int) -> int:
    """Runs in a worker."""
    logging.getLogger("iryo.imaging").warning("file %d", number)
    warnings.warn(f"Invalid value {MARKER}", UserWarning, stacklevel=1)
    return number


def test_workers_log_to_the_same_stream_with_the_job_that_they_work_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    undo = logs.set_up(logs.Form("info", "json"))
    try:
        with logs.bound(job_id="j7"), open_compute("processes:1") as compute:
            assert [one.result() for one in compute.map_unordered(log_in_worker, [1, 2])] == [1, 2]
    finally:
        undo()
    told = capfd.readouterr().err
    lines = [json.loads(line) for line in told.splitlines()]
    said = [line for line in lines if line["logger"] == "iryo.imaging"]
    assert [(line["message"], line["job_id"]) for line in said] == [
        ("file 1", "j7"),
        ("file 2", "j7"),
    ]
    assert "Taro" not in told
