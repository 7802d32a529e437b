"""Attempts at passwords: free ones, waits that double, and who is not kept out."""

import pickle
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from iryo.access.attempts import BY_ADDRESS, BY_NAME, Attempts, TooManyAttempts
from iryo.access.store import attempts
from iryo.store.sql import Database
from tests.access.conftest import Clock
from tests.grown.together import together

SECRET = b"secret"


@pytest.fixture
def counted(database: Database, clock: Clock) -> Attempts:
    return Attempts(database, SECRET, clock)


def waits(counted: Attempts, name: str, source: str) -> int:
    with pytest.raises(TooManyAttempts) as raised:
        counted.begin(name, source)
    assert str(raised.value.seconds) in raised.value.message
    return raised.value.seconds


@pytest.mark.small  # says nothing of the database
def test_waits_double_up_to_a_quarter_of_an_hour(counted: Attempts, clock: Clock) -> None:
    for _ in range(BY_NAME.free):
        counted.begin("yamada", "192.0.2.1")
    found = []
    for _ in range(12):
        found.append(waits(counted, "Yamada ", "198.51.100.7"))  # from wherever, however written
        clock.advance(found[-1])
        counted.begin("yamada", "192.0.2.1")
    assert found == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    counted.begin("tanaka", "192.0.2.1")


@pytest.mark.small  # says nothing of the database
def test_a_wait_is_not_lengthened_by_who_does_not_wait(counted: Attempts, clock: Clock) -> None:
    for _ in range(BY_NAME.free):
        counted.begin("yamada", "192.0.2.1")
    for _ in range(5):
        assert waits(counted, "yamada", "192.0.2.1") == 1
    clock.advance(1)
    counted.begin("yamada", "192.0.2.1")


def test_who_is_right_is_free_again(counted: Attempts) -> None:
    for _ in range(4):
        for _ in range(BY_NAME.free):
            begun = counted.begin("yamada", "192.0.2.1")
        counted.succeeded("yamada", "192.0.2.1", begun)
    counted.begin("yamada", "192.0.2.1")


@pytest.mark.small  # says nothing of the database
def test_an_address_that_tries_many_names(counted: Attempts, clock: Clock) -> None:
    for number in range(BY_ADDRESS.free):
        counted.begin(f"user{number}", "2001:db8::1")
    assert waits(counted, "another", "2001:db8::2:3") == 1  # of the same network
    counted.begin("another", "2001:db8:1::1")
    counted.begin("another", "192.0.2.1")
    for _ in range(10):
        clock.advance(60)
        begun = counted.begin("more", "2001:db8::1")
        counted.succeeded("more", "2001:db8::1", begun)
    clock.advance(60)
    mine = counted.begin("more", "2001:db8::1")  # a password of one's own opens nothing else
    clock.advance(2)
    counted.begin("another", "2001:db8::1")
    counted.succeeded("more", "2001:db8::1", mine)
    assert waits(counted, "another", "2001:db8::1") == 4
    clock.advance(BY_ADDRESS.counts_for.total_seconds() + 1)
    for number in range(3):
        counted.begin(f"one{number}", "2001:db8::1")


@pytest.mark.small  # says nothing of the database
def test_ipv4_in_ipv6_is_the_same_address(counted: Attempts) -> None:
    for number in range(BY_ADDRESS.free):
        counted.begin(f"user{number}", "::ffff:192.0.2.1")
    assert waits(counted, "another", "192.0.2.1") == 1
    counted.begin("another", "::ffff:192.0.2.2")


def test_all_at_once_get_no_more_than_one_after_the_other(database: Database, clock: Clock) -> None:
    servers = [Attempts(database, SECRET, clock) for _ in range(2)]
    results = together(
        *(
            partial(one.begin, "yamada", f"192.0.2.{number}")
            for one in servers
            for number in range(8)
        )
    )
    refused = [one for one in results if isinstance(one, TooManyAttempts)]
    assert len(results) - len(refused) == BY_NAME.free


def test_no_name_and_no_address_is_kept_and_old_rows_leave(
    counted: Attempts, database: Database, clock: Clock
) -> None:
    counted.begin("yamada", "192.0.2.1")
    with database.read() as connection:
        ids = connection.execute(select(attempts.c.id)).scalars().all()
    assert len(ids) == 2
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in ids)
    clock.advance(timedelta(days=2).total_seconds())
    counted.begin("tanaka", "192.0.2.9")
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(attempts)).scalar() == 2


def test_the_failure_crosses_processes() -> None:
    assert pickle.loads(pickle.dumps(TooManyAttempts(7))).seconds == 7


def test_who_must_wait_for_long(counted: Attempts, clock: Clock) -> None:
    names = ["Yamada", "sato"]
    for _ in range(9):
        counted.begin(" yamada", "192.0.2.1")
        assert counted.kept_out(names) == frozenset()
        clock.advance(3600)
    counted.begin("yamada", "192.0.2.1")
    assert counted.kept_out(names) == {"Yamada"}
    clock.advance(3600)
    assert counted.kept_out(names) == frozenset()
