"""Many who write at the same moment: what the queue and the outbox promise all the same."""

import threading
from functools import partial

from sqlalchemy import select

from iryo.jobs import Jobs, Outbox, emit
from iryo.jobs.store import events
from iryo.store.sql import Database
from tests.grown.together import together

WRITERS, EACH = 4, 40


def test_a_consumer_never_skips_an_event(database: Database) -> None:
    """Ids become visible in their order: who has read up to one finds no smaller one later."""
    done = threading.Event()
    seen: list[int] = []

    def write(number: int) -> None:
        for n in range(EACH):
            with database.write() as connection:
                emit(connection, kind="k", subject=f"{number}-{n}", payload={})
                if n % 7 == 3:  # some think better of it: their number goes to another
                    connection.rollback()

    def consume() -> None:
        while True:
            last = done.is_set()
            with database.read() as connection:
                found = Outbox().pending(connection, "me", 10)
            if found:
                seen.extend(event.id for event in found)
                with database.write() as connection:
                    Outbox().acknowledge(connection, "me", found[-1].id)
            elif last:
                return

    consumer = threading.Thread(target=consume)
    consumer.start()
    results = together(*(partial(write, number) for number in range(WRITERS)))
    done.set()
    assert results == [None] * WRITERS
    consumer.join(60)
    with database.read() as connection:
        written = connection.scalars(select(events.c.id).order_by(events.c.id)).all()
    assert seen == written == list(range(1, len(written) + 1))
    assert len(written) == WRITERS * sum(n % 7 != 3 for n in range(EACH))


def test_a_token_makes_one_job(database: Database) -> None:
    jobs = Jobs(database)

    def submit() -> str:
        with database.write() as connection:
            return jobs.submit(connection, kind="k", scope="s", payload={"a": 1}, token="t").id

    for _ in range(3):
        assert len(set(together(*[submit] * 6))) == 1


def test_two_consumers_of_one_name(database: Database) -> None:
    """What is acknowledged never goes back, whoever is slower."""

    def acknowledge(number: int) -> None:
        with database.write() as connection:
            Outbox().acknowledge(connection, "me", number)

    together(*(partial(acknowledge, number) for number in (3, 9, 1, 7)))
    with database.write() as connection:
        emit(connection, kind="k", subject="s", payload={})
        assert Outbox().pending(connection, "me") == []
