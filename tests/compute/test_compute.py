"""What is opened by which name."""

import os
import threading

import psutil
import pytest

from iryo.compute import open_compute
from iryo.errors import InvalidInput


def test_opening_starts_nothing() -> None:
    children, threads = psutil.Process().children(), threading.active_count()
    for spec in ("inline", "processes", "processes:8"):
        with open_compute(spec):
            assert psutil.Process().children() == children
            assert threading.active_count() == threads


def test_how_many() -> None:
    assert open_compute("inline").workers == 1
    assert open_compute("processes").workers == len(os.sched_getaffinity(0))
    assert open_compute("processes:3").workers == 3


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "threads",
        "inline:2",
        "processes:",
        "processes:0",
        "processes:-1",
        "processes:two",
        "processes:1.5",
        "processes:٣",
        "processes:99999",
        "processes: 2",
    ],
)
def test_what_is_no_compute(spec: str) -> None:
    with pytest.raises(InvalidInput, match="expected") as caught:
        open_compute(spec)
    assert caught.value.where == "compute"
