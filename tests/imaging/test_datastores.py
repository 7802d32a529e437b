"""Data stores and tags, where requests meet each other or name what is not there."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from iryo.errors import Conflict, InvalidInput, NotFound
from iryo.imaging.model import MAX_TAGS, DatastoreStatus
from iryo.imaging.service import datastores
from iryo.imaging.service.room import arn_of, parse_arn
from tests.imaging.house import House
from tests.imaging.site import make_instance


def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look for a token sees nothing.

    As on PostgreSQL, where two transactions may look before either has written; SQLite lets one
    write at a time.
    """
    real = datastores._by_token
    looks: list[object] = []

    def by_token(connection: Any, token: str | None) -> Any:
        looks.append(token)
        return None if len(looks) == 1 else real(connection, token)

    monkeypatch.setattr(datastores, "_by_token", by_token)


def test_two_requests_with_one_token_make_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datastores.create(house.room, name="a", token="t")
    late(monkeypatch)
    assert datastores.create(house.room, name="a", token="t") == first


def test_two_requests_with_one_token_that_differ(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    datastores.create(house.room, name="a", token="t")
    late(monkeypatch)
    with pytest.raises(Conflict, match="used before"):
        datastores.create(house.room, name="b", token="t")
    assert [one.name for one in datastores.list_page(house.room)] == ["a", "main"]


def test_two_requests_at_once(house: House) -> None:
    """In two threads, with the real database between them."""
    made: list[str] = []
    begin = threading.Barrier(2)

    def create() -> None:
        begin.wait(30)
        made.append(datastores.create(house.room, name="a", token="t").id)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 2
    assert len(set(made)) == 1


def test_an_id_that_is_taken_is_no_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot happen with 160 random bits; if it does, nothing is taken for anything else."""
    monkeypatch.setattr(datastores, "new_id", lambda: house.store)
    with pytest.raises(IntegrityError):
        datastores.create(house.room, name="b", token="t")
    assert [one.name for one in datastores.list_page(house.room)] == ["main"]


def test_a_name_that_is_not_given_is_the_id(house: House) -> None:
    made = datastores.create(house.room, name=None)
    assert made.name == made.id


def test_pages_follow_each_other_also_within_one_instant(house: House) -> None:
    now = house.room.clock()
    room = replace(house.room, clock=lambda: now)
    made = {datastores.create(room, name=f"{n}").id for n in range(5)}
    seen = []
    after = None
    while page := datastores.list_page(room, after=after, limit=2):
        seen += [one.id for one in page]
        after = (page[-1].created_at, page[-1].id)
    assert seen[:5] == sorted(made, reverse=True)
    assert seen[5:] == [house.store]


def test_a_deleted_datastore_stays_deleted(house: House) -> None:
    gone = datastores.remove(house.room, house.store)
    assert gone.status is DatastoreStatus.DELETED
    assert datastores.remove(house.room, house.store) == gone
    assert datastores.get(house.room, house.store) == gone
    assert datastores.list_page(house.room, status=DatastoreStatus.ACTIVE) == []
    with pytest.raises(NotFound, match="is DELETED"):
        datastores.list_tags(house.room, arn_of(house.room, house.store))


def test_a_datastore_is_not_deleted_under_an_import(house: House) -> None:
    make_instance(house.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    job_id = house.ordered(house.folder / "in")
    with pytest.raises(Conflict, match="an import into data store"):
        datastores.remove(house.room, house.store)
    # Nor once a worker has taken it.
    assert house.app.jobs.lease_one(job_id, "somebody", 30) is not None
    with pytest.raises(Conflict, match="is not done"):
        datastores.remove(house.room, house.store)


def test_tags_of_what_is_not_there(house: House) -> None:
    make_instance(house.folder / "in" / "1.dcm", sop="1.2.3.1.1")
    (made,) = house.imported(house.folder / "in")["imageSetsSummary"]
    arn = arn_of(house.room, house.store, made["imageSetId"])
    assert parse_arn(arn) == (house.store, made["imageSetId"])
    datastores.tag(house.room, arn, {"a": "1"})
    other = datastores.create(house.room, name="other").id
    for wrong in (
        arn_of(house.room, house.store, "0" * 32),
        arn_of(house.room, other, made["imageSetId"]),
        arn_of(house.room, "0" * 32),
        arn.replace(f":{house.room.account}:", ":999999999999:"),
    ):
        with pytest.raises(NotFound):
            datastores.tag(house.room, wrong, {"b": "2"})
        with pytest.raises(NotFound):
            datastores.untag(house.room, wrong, ["a"])
    assert datastores.list_tags(house.room, arn) == {"a": "1"}


def test_tags_have_a_limit(house: House) -> None:
    arn = arn_of(house.room, house.store)
    datastores.tag(house.room, arn, {f"k{n}": "v" for n in range(MAX_TAGS)})
    datastores.tag(house.room, arn, {"k0": "other"})
    with pytest.raises(InvalidInput, match=f"{MAX_TAGS + 1} tags found"):
        datastores.tag(house.room, arn, {"one more": "v"})
    assert datastores.list_tags(house.room, arn)["k0"] == "other"
    datastores.untag(house.room, arn, ["k0", "never there"])
    datastores.tag(house.room, arn, {})
    assert len(datastores.list_tags(house.room, arn)) == MAX_TAGS - 1
    with pytest.raises(InvalidInput, match="tags found"):
        datastores.create(house.room, name="x", tags={f"k{n}": "" for n in range(MAX_TAGS + 1)})
    assert len(datastores.list_page(house.room)) == 1
