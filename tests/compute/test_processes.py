"""Worker processes pass the suite; and what happens when they die, or we do."""

import gc
import os
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import psutil
import pytest

from iryo.compute import Compute, open_compute
from iryo.compute.processes import ProcessExecutor
from iryo.errors import TookTooLong, Unavailable, WorkerDied
from tests.compute import functions
from tests.compute.compute_suite import ComputeSuite

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="class")
def warm() -> Iterator[Compute]:
    with open_compute("processes:2") as compute:
        yield compute


class TestProcesses(ComputeSuite):
    @pytest.fixture
    def compute(self, warm: Compute, request: pytest.FixtureRequest) -> Iterator[Compute]:
        """One for all, but for the test that closes it."""
        if "after_closing" in request.node.name:
            with open_compute("processes:2") as compute:
                yield compute
        else:
            yield warm


@pytest.fixture
def compute() -> Iterator[Compute]:
    with open_compute("processes:2") as compute:
        yield compute


def wait_until(condition: Callable[[], object]) -> None:
    """Until it is so; the suite's time-out is the bound."""
    waiting = subprocess.Popen(["sleep", "60"])
    try:
        while not condition():
            assert waiting.poll() is None, "it did not happen within a minute"
            threading.Event().wait(0.01)
    finally:
        waiting.kill()
        waiting.wait()


def workers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if not gone(child) and "iryo.compute.worker" in " ".join(child.cmdline())
    ]


def test_work_is_done_elsewhere(compute: Compute) -> None:
    found = {one.result() for one in compute.map_unordered(functions.process_id, range(50))}
    assert os.getpid() not in found
    assert found <= {child.pid for child in workers()}
    assert 1 <= len(found) <= 2


def test_workers_start_when_there_is_work_for_them(compute: Compute) -> None:
    for _ in range(5):
        list(compute.map_unordered(functions.double, [1]))
    assert len(workers()) == 1
    list(compute.map_unordered(functions.double, range(10)))
    assert len(workers()) == 2
    compute.close()
    assert workers() == []


def test_outcomes_come_as_they_are_ready(compute: Compute, tmp_path: Path) -> None:
    """The first item waits for what the third one does."""
    flag = str(tmp_path / "flag")
    outcomes = compute.map_unordered(
        slow_or_quick, [("wait", flag), ("touch", f"{flag}2"), ("touch", flag)]
    )
    assert next(outcomes).item[0] == "touch"
    assert len(list(outcomes)) == 2


def slow_or_quick(item: tuple[str, str]) -> str:
    do, path = item
    return functions.wait_for(path) if do == "wait" else functions.touch(path)


@pytest.mark.parametrize(
    ("poison", "how"),
    [
        ("kill", r"signal 9 \(Killed\)"),
        ("exit", "status 7"),
        ("abort", r"signal 6 \(Aborted\)"),
    ],
)
def test_poison_costs_only_its_item(compute: Compute, poison: str, how: str) -> None:
    items = [f"fine-{n}" for n in range(30)]
    items[11] = f"{poison}-1"
    items[23] = f"{poison}-2"
    outcomes = {one.item: one for one in compute.map_unordered(functions.die_if_poison, items)}
    assert set(outcomes) == set(items)
    for item, one in outcomes.items():
        if item.startswith(poison):
            assert isinstance(one.error, WorkerDied)
            assert re.search(how, str(one.error))
        else:
            assert one.result() == item.upper()
    assert len(workers()) <= 2


def test_all_poison(compute: Compute) -> None:
    outcomes = list(compute.map_unordered(functions.die_if_poison, [f"kill-{n}" for n in range(6)]))
    assert [type(one.error) for one in outcomes] == [WorkerDied] * 6


def test_an_item_whose_worker_was_killed_runs_again(compute: Compute, tmp_path: Path) -> None:
    items = [str(tmp_path / name) for name in ("a", "b", "dies-1", "c", "dies-2", "d")]
    outcomes = list(compute.map_unordered(functions.die_once, items))
    assert sorted(one.result() for one in outcomes) == ["a", "b", "c", "d", "dies-1", "dies-2"]


def test_a_suspect_runs_again_alone(compute: Compute, tmp_path: Path) -> None:
    items = [str(tmp_path / str(n)) for n in range(40)]
    items[10:10] = [str(tmp_path / f"dies-{n}") for n in range(3)]
    outcomes = list(compute.map_unordered(functions.die_then_look_around, items, window=6))
    assert [one.result() for one in outcomes] == [[]] * 43


def test_a_worker_killed_from_outside(compute: Compute, tmp_path: Path) -> None:
    """As the kernel does when memory runs out; all items are done in the end."""
    flag = tmp_path / "flag"
    outcomes = compute.map_unordered(
        slow_or_quick, [("touch", str(tmp_path / "first")), *[("wait", str(flag))] * 5]
    )
    assert next(outcomes).result() == str(tmp_path / "first")
    wait_until(lambda: len(workers()) == 2)
    for child in workers():
        child.kill()
    flag.touch()
    assert [one.result() for one in outcomes] == [str(flag)] * 5


def test_idle_workers_killed_from_outside(compute: Compute) -> None:
    list(compute.map_unordered(functions.double, range(10)))
    for child in workers():
        child.kill()
        child.wait(60)
    assert {one.result() for one in compute.map_unordered(functions.double, range(10))} == set(
        range(0, 20, 2)
    )


def test_closing_the_generator_cancels_what_has_not_begun(compute: Compute, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    items = [("touch", str(tmp_path / "0")), *[("wait", str(flag))] * 2]
    items += [("touch", str(tmp_path / "never"))] * 5
    outcomes = compute.map_unordered(slow_or_quick, items, window=8)
    next(outcomes)
    outcomes.close()
    flag.touch()
    # Behind all that was queued before; when this is done, so is what has not been cancelled.
    assert len(list(compute.map_unordered(functions.double, range(4)))) == 4
    assert not (tmp_path / "never").exists()


def test_closing_gives_up_what_runs(tmp_path: Path) -> None:
    compute = open_compute("processes:2")
    outcomes = compute.map_unordered(
        slow_or_quick, [("touch", str(tmp_path / "0")), *[("wait", "/never")] * 9]
    )
    next(outcomes)
    wait_until(lambda: len(workers()) == 2)
    compute.close()
    assert workers() == []
    with pytest.raises((RuntimeError, CancelledError)):
        list(outcomes)


def test_shutdown_waits_for_what_was_asked(tmp_path: Path) -> None:
    """As `concurrent.futures` has it: without `cancel_futures` all of it is done."""
    executor = ProcessExecutor(2)
    futures = [executor.submit(functions.touch, str(tmp_path / str(n))) for n in range(10)]
    executor.shutdown()
    assert all(future.done() for future in futures)
    assert len(list(tmp_path.iterdir())) == 10
    assert workers() == []


def test_what_cannot_be_pickled_is_its_own_fault(compute: Compute) -> None:
    items: list[object] = [1, threading.Lock(), 2, lambda: 0]
    errors = {
        str(one.item): one.error for one in compute.map_unordered(functions.process_id, items)
    }
    assert errors.pop("1") is errors.pop("2") is None
    assert all(isinstance(error, Exception) for error in errors.values())
    (outcome,) = compute.map_unordered(functions.unsendable, [1])
    assert isinstance(outcome.error, TypeError)


def test_what_takes_too_long_is_given_up_at_once_and_alone(
    compute: Compute, tmp_path: Path
) -> None:
    items = [("wait", "/never"), *[("touch", str(tmp_path / str(n))) for n in range(6)]]
    outcomes = list(
        compute.map_unordered(
            slow_or_quick, items, seconds=lambda item: 0.5 if item[0] == "wait" else 300.0
        )
    )
    (late,) = (one for one in outcomes if one.error is not None)
    assert late.item == ("wait", "/never")
    assert isinstance(late.error, TookTooLong)
    assert len(outcomes) == 7
    assert len(workers()) <= 2
    assert len(list(compute.map_unordered(functions.double, range(4)))) == 4


def test_memory_is_bounded_and_nothing_leaves_a_core() -> None:
    with open_compute("processes:1", memory=1 << 30) as compute:
        sizes = {
            one.item: one.error
            for one in compute.map_unordered(functions.claim, [1 << 20, 1 << 31])
        }
        assert sizes[1 << 20] is None
        assert isinstance(sizes[1 << 31], MemoryError)
        (bounds,) = compute.map_unordered(functions.bounds, [0])
        assert bounds.result() == (1 << 30, 0)


def test_errors_tell_where_in_the_worker(compute: Compute) -> None:
    (outcome,) = compute.map_unordered(functions.odd_fails, [1])
    assert outcome.error is not None
    assert "in odd_fails" in "".join(outcome.error.__notes__)


class Item:
    """Can be watched."""


def test_no_item_is_held_longer_than_it_must(compute: Compute) -> None:
    alive: weakref.WeakSet[Item] = weakref.WeakSet()

    def items() -> Iterator[Item]:
        for _ in range(300):
            item = Item()
            alive.add(item)
            yield item

    most = 0
    for one in compute.map_unordered(functions.process_id, items(), window=4):
        del one
        most = max(most, len(alive))
    gc.collect()
    # Those in the window, and one that a worker's thread is about to let go of.
    assert most <= 4 + 2 + compute.workers
    assert len(alive) <= compute.workers


def test_workers_find_the_modules_that_we_find(compute: Compute) -> None:
    (outcome,) = compute.map_unordered(functions.where_modules_come_from, [0])
    path, main, has_pytest = outcome.result()
    assert path == sys.path
    assert main is None, "the main program is not run again"
    assert not has_pytest


def test_what_workers_print_is_not_our_output() -> None:
    program = (
        "from iryo.compute import open_compute\n"
        "from tests.compute.functions import say\n"
        "with open_compute('processes:1') as compute:\n"
        "    list(compute.map_unordered(say, ['hello']))\n"
        "print('ours')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "ours\n"
    assert ran.stderr == "hello\n"


def test_a_program_without_a_guard(tmp_path: Path) -> None:
    """What `multiprocessing` would run again and again in its workers."""
    script = tmp_path / "program.py"
    script.write_text(
        "from iryo.compute import open_compute\n"
        "import math\n"
        "print('once')\n"
        "outcomes = open_compute('processes:2').map_unordered(math.sqrt, [4, 9])\n"
        "print(sorted(one.value for one in outcomes))\n"
    )
    # It does not close, either: it ends all the same, and so do its workers.
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert ran.stdout == "once\n[2.0, 3.0]\n"


def test_workers_cannot_start(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/bin/false")
        with pytest.raises(Unavailable, match=r"did not start: process \d+ ended with status 1"):
            list(compute.map_unordered(functions.double, range(10)))
        patched.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(Unavailable, match="did not start: No such file"):
            list(compute.map_unordered(functions.double, range(10)))
    assert len(list(compute.map_unordered(functions.double, range(10)))) == 10


PARENT = """
import signal, sys
from iryo.compute import open_compute
from tests.compute.functions import begin_and_wait

# Who runs the tests in the background has SIGINT ignored, and so would we.
signal.signal(signal.SIGINT, signal.default_int_handler)
with open_compute("processes:2") as compute:
    try:
        list(compute.map_unordered(begin_and_wait, [sys.argv[1]] * 10))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def busy_program(folder: Path) -> "tuple[subprocess.Popen[str], list[psutil.Process]]":
    """A program of its own group, as in a terminal, and its two workers, which are at work."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    wait_until(lambda: len(list(folder.glob("*.begun"))) == 2)
    return parent, [psutil.Process(int(path.stem)) for path in folder.glob("*.begun")]


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent(tmp_path: Path, end: signal.Signals) -> None:
    parent, children = busy_program(tmp_path)
    with parent:
        parent.send_signal(end)
        assert parent.wait(60) == -end
        wait_until(lambda: all(gone(child) for child in children))


def test_ctrl_c_is_for_the_program(tmp_path: Path) -> None:
    """Workers neither die of it nor print a traceback; the program ends them when it closes."""
    parent, children = busy_program(tmp_path)
    with parent:
        for child in children:
            child.send_signal(signal.SIGINT)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(60) == 0
        assert parent.stdout is not None
        assert parent.stdout.read() == "interrupted\n"
        assert all(gone(child) for child in children)
        assert len(list(tmp_path.glob("*.begun"))) == 2, "no item began after that"
