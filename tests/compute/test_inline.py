"""The calling thread passes the suite; and what is its own."""

import os
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from iryo.compute import Compute, open_compute
from tests.compute import functions
from tests.compute.compute_suite import ComputeSuite, Counted


class TestInline(ComputeSuite):
    @pytest.fixture
    def compute(self) -> Iterator[Compute]:
        with open_compute("inline") as compute:
            yield compute


def interrupted(_item: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def compute() -> Compute:
    return open_compute("inline")


def test_work_is_done_here_and_in_order(compute: Compute) -> None:
    outcomes = list(compute.map_unordered(functions.process_id, range(5)))
    assert [one.item for one in outcomes] == [0, 1, 2, 3, 4]
    assert {one.value for one in outcomes} == {os.getpid()}
    (outcome,) = compute.map_unordered(functions.thread_name, [0])
    assert outcome.value == threading.current_thread().name
    assert compute.workers == 1


def test_an_item_is_done_before_the_next_is_drawn(compute: Compute) -> None:
    source = Counted()
    for taken, _ in enumerate(compute.map_unordered(functions.double, source), 1):
        assert source.drawn == taken
        if taken == 10:
            break


def test_ctrl_c_comes_out(compute: Compute) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(compute.map_unordered(interrupted, [1]))


def test_a_million_items_take_no_room(compute: Compute) -> None:
    """Each item is an object of its own; at no time do more than a few live."""
    outcomes = compute.map_unordered(functions.double, (n + 2**40 for n in range(1_000_000)))
    for _ in range(100_000):
        next(outcomes)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            next(outcomes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000
    assert sum(1 for _ in outcomes) == 880_000
