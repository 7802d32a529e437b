"""Sheets and boards: counts are cheap, shared, added up, and outlive who counted."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.watch import METRICS, Board, Sheet, own_board
from iryo.watch.board import make_folder
from iryo.watch.sheet import Trio

DIES = """
import json, sys
from pathlib import Path
from iryo.watch import Sheet
sheet = Sheet("web", sys.argv[2], Path(sys.argv[1]))
sheet["iryo_job_takeovers_total"]["k",].add(2)
sheet["iryo_audit_backlog_bytes"][()].set(7)
sheet["iryo_event_loop_lag_seconds"][()].observe(0.02)
print("ready", flush=True)
sys.stdin.read()
"""


def other(folder: Path, name: str) -> "subprocess.Popen[str]":
    """Another process that has counted; it lives until its standard input ends or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", DIES, folder, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_any_process_gives_the_whole_and_the_dead_are_not_forgotten(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    board = Board(Sheet("supervisor", "supervisor", folder), folder)
    board.own["iryo_job_takeovers_total"]["k",].add()
    takeovers = ("iryo_job_takeovers_total", ("k",))
    lag = ("iryo_event_loop_lag_seconds", ())
    backlog = ("iryo_audit_backlog_bytes", ())
    with other(folder, "web-1") as one, other(folder, "web-2") as two:
        whole = board.whole()
        assert whole.numbers[takeovers] == [5]
        assert whole.numbers[backlog] == [14]
        assert whole.numbers["iryo_processes", ("web",)] == [2]
        assert whole.numbers["iryo_processes", ("supervisor",)] == [1]
        assert whole.numbers["iryo_process_resident_bytes", ("web-1",)][0] > 1 << 20
        assert whole.numbers["iryo_process_open_files", ("web-1",)][0] >= 3
        one.kill()
        one.wait()
        for _ in range(2):  # before its counts are taken over, and after
            whole = board.whole()
            assert whole.numbers[takeovers] == [5]
            assert whole.numbers[lag] == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0.04]
            assert whole.numbers[backlog] == [7]
            assert whole.numbers["iryo_processes", ("web",)] == [1]
            assert ("iryo_process_resident_bytes", ("web-1",)) not in whole.numbers
            board.fold()
        assert len(list(folder.glob("*.sheet"))) == 2
        assert two.stdin is not None
        two.stdin.close()
    board.remove()
    assert not folder.exists()


def test_what_a_killed_server_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = make_folder(tmp_path)
    with other(left, "web-1") as process:
        kept = make_folder(tmp_path)
        assert left.is_dir(), "its processes live"
        process.send_signal(signal.SIGKILL)
        process.wait()
    (tmp_path / "watch" / "a file").touch()
    held = Board(Sheet("web", "web-1", kept), kept)
    make_folder(tmp_path)
    assert not left.exists()
    assert kept.exists()
    held.remove()


def test_a_series_that_is_being_made_is_left_out(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    board = Board(Sheet("web", "web-1", folder), folder)
    board.own["iryo_job_takeovers_total"]["k",].add()
    assert board.own.path is not None
    with board.own.path.open("a") as names:
        names.write('["iryo_job_takeovers_total", ["tor')
    assert board.whole().numbers["iryo_job_takeovers_total", ("k",)] == [1]
    (folder / "web-9.names").touch()  # its head is not written yet
    assert board.whole().numbers["iryo_job_takeovers_total", ("k",)] == [1]
    board.remove()


def test_threads_lose_no_count() -> None:
    sheet = Sheet("web", "web")
    cell = sheet["iryo_job_takeovers_total"]["k",]
    timed = sheet["iryo_request_seconds"]["s", "o"]
    trio = Trio(cell, timed, sheet["iryo_import_read_bytes_total"][()])

    def count() -> None:
        for _ in range(20_000):
            trio.record(0.002, 10)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Board(sheet).whole().numbers
    assert whole["iryo_job_takeovers_total", ("k",)] == [80_000]
    assert whole["iryo_import_read_bytes_total", ()] == [800_000]
    assert sum(whole["iryo_request_seconds", ("s", "o")][:-1]) == 80_000


@given(st.lists(st.floats(0, 20), max_size=30))
def test_a_histogram_counts_each_value_once(values: list[float]) -> None:
    board = own_board()
    for value in values:
        board.own["iryo_request_seconds"]["s", "o"].observe(value)
    bounds = METRICS["iryo_request_seconds"].bounds
    found = board.whole().numbers.get(("iryo_request_seconds", ("s", "o")))
    if found is not None:
        *buckets, total = found
        for bound, count in zip(bounds, buckets, strict=False):
            below = max((b for b in bounds if b < bound), default=-1.0)
            assert count == len([v for v in values if below < v <= bound])
        assert buckets[-1] == len([v for v in values if v > bounds[-1]])
        assert total == pytest.approx(sum(values))


def test_labels_do_not_grow_without_bound() -> None:
    board = own_board()
    for number in range(2000):
        board.own["iryo_job_takeovers_total"][str(number),].add()
    takeovers = {k: v for k, v in board.whole().numbers.items() if k[0].endswith("takeovers_total")}
    assert len(takeovers) == 501
    assert takeovers["iryo_job_takeovers_total", ("other",)] == [1500]


def test_a_full_sheet_stops_nobody() -> None:
    board = own_board()
    for name, metric in METRICS.items():
        for number in range(1000):
            cell = board.own[name][tuple(f"{label}{number}" for label in metric.labels)]
            cell.observe(1.0) if metric.bounds else cell.add()
    assert board.whole().numbers


def test_wrong_labels_are_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="expected"):
        own_board().own["iryo_job_takeovers_total"]["a", "b"].add()


def test_nobody_else_may_read_the_sheets(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    Sheet("web", "web-1", folder).close()
    for path in (tmp_path / "watch").rglob("*"):
        assert not path.stat().st_mode & 0o077
    head = json.loads(next(folder.glob("*.names")).read_text().splitlines()[0])
    assert head["pid"] == os.getpid()
