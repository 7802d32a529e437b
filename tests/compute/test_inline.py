"""The calling thread passes the suite; and what is its own."""

import os
import threading
from collections.abc import Iterator
from weakref import WeakSet

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


class Item:
    """Can be asked for whether it still lives, which an int cannot."""


def itself(item: Item) -> Item:
    return item


def test_a_hundred_thousand_items_take_no_room(compute: Compute) -> None:
    """Each item, and what came of it, is let go of: at no time do more than a few live."""
    alive: WeakSet[Item] = WeakSet()

    def items() -> Iterator[Item]:
        for _ in range(100_000):
            item = Item()
            alive.add(item)
            yield item

    most = max(len(alive) for _ in compute.map_unordered(itself, items()))
    assert 1 <= most <= 4
