"""A probe keeps an answer, and lets nobody wait."""

import threading

from iryo.watch import Probe


def test_an_answer_is_kept_while_it_is_fresh() -> None:
    now = [0.0]
    asked: list[int] = []

    def function() -> int:
        asked.append(1)
        return len(asked)

    probe = Probe(function, fresh=5, patience=30, clock=lambda: now[0])
    assert [probe.ask(), probe.ask()] == [1, 1]
    now[0] = 5.0
    assert probe.ask() == 2


def test_who_hangs_is_not_waited_for_and_not_asked_twice() -> None:
    go, asked = threading.Event(), []

    def function() -> str:
        asked.append(1)
        go.wait(30)
        return "late"

    hasty = Probe(function, fresh=60, patience=0)
    assert [hasty.ask(), hasty.ask(), hasty.ask()] == [None, None, None]
    assert len(asked) == 1
    go.set()
    patient = Probe(function, fresh=60, patience=30)
    assert patient.ask() == "late"


def test_a_failure_is_no_answer_and_is_kept_as_well() -> None:
    asked: list[int] = []

    def function() -> str:
        asked.append(1)
        raise OSError("/secret/place")

    probe = Probe(function, fresh=60, patience=30)
    assert [probe.ask(), probe.ask()] == [None, None]
    assert len(asked) == 1
