"""What comes at the same moment is done at once, and nobody pays for another."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from iryo.imaging.service.together import Together

WAIT = 30


class Work:
    """Notes what it does; the first time it waits until others have gathered, some items fail."""

    def __init__(self) -> None:
        self.begun, self.goes = threading.Event(), threading.Event()
        self.tried: list[list[int]] = []

    def __call__(self, some: list[int]) -> None:
        self.tried.append(some)
        if not self.begun.is_set():
            self.begun.set()
            assert self.goes.wait(WAIT)
        if any(item < 0 for item in some):
            raise ValueError(f"{len(some)} at once")


def gathered(together: Together[int], work: Work, items: list[int]) -> list[Future[None]]:
    """Begin one, let the others gather behind it, then let it go on."""
    with ThreadPoolExecutor(len(items)) as pool:
        told = [pool.submit(together.do, "a", items[0], work)]
        assert work.begun.wait(WAIT)
        told += [pool.submit(together.do, "a", item, work) for item in items[1:]]
        while len(together.waiting("a")) < len(items) - 1:
            threading.Event().wait(0.001)
        work.goes.set()
    return told


def test_others_gather_while_one_is_at_work() -> None:
    together, work = Together[int](), Work()
    told = gathered(together, work, [0, 1, 2, 3])
    assert [sorted(some) for some in work.tried] == [[0], [1, 2, 3]]
    assert [one.result() for one in told] == [None] * 4


def test_each_is_told_its_own_failure() -> None:
    together, work = Together[int](), Work()
    told = gathered(together, work, [0, 1, -2, 3])
    assert [sorted(some) for some in work.tried[:2]] == [[0], [-2, 1, 3]]
    assert sorted(work.tried[2:]) == [[-2], [1], [3]]
    assert [one.exception() is None for one in told] == [True, True, False, True]
    with pytest.raises(ValueError, match="1 at once"):
        told[2].result()


def test_no_more_come_together_than_are_bearable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iryo.imaging.service.together._MOST", 2)
    together, work = Together[int](), Work()
    gathered(together, work, [0, 1, 2, 3, 4, 5])
    assert [len(some) for some in work.tried] == [1, 2, 2, 1]


def test_other_names_do_not_wait() -> None:
    together, work = Together[int](), Work()
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(together.do, "a", 0, work)
        assert work.begun.wait(WAIT)
        done: list[int] = []
        together.do("b", 1, done.extend)
        assert done == [1]
        work.goes.set()
        told.result()
