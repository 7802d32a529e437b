"""People: made, invited, granted roles, disabled; their passwords and their links."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from iryo.access import EVERYWHERE, Role
from iryo.access.attempts import TooManyAttempts
from iryo.access.passwords import WeakPassword
from iryo.access.store import users as table
from iryo.access.users import FIRST_NAME
from iryo.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from tests.access.conftest import Clock, Place

HERE = "192.0.2.1"
GOOD = "a good long password"


def test_a_person_is_made_and_known(place: Place, elsewhere: Place) -> None:
    made = place.users.create("Yamada", display_name="山田 太郎", language="ja", password=GOOD)
    assert (made.name, made.display_name, made.language) == ("yamada", "山田 太郎", "ja")
    assert made.has_password
    assert made.grants == {}
    place.users.grant(made.id, Role.READER, "one")
    place.users.grant(made.id, Role.WRITER, "one")
    for one in (place, elsewhere):
        found = one.users.check_password(" YAMADA ", GOOD, HERE)
        assert found.id == made.id
        assert (found.principal.id, found.principal.grants) == (made.id, {"one": Role.WRITER})
    place.users.revoke(made.id, "one")
    assert place.users.active(made.id).grants == {}
    assert [one.id for one in elsewhere.users.list()] == [made.id]


@pytest.mark.small  # says nothing of the database
def test_all_refusals_are_the_same(place: Place) -> None:
    made = place.users.create("yamada", password=GOOD)
    place.users.create("nobody")  # has no password
    gone = place.users.create("gone", password=GOOD)
    place.users.disable(gone.id)
    said = set()
    for name, password in (
        ("yamada", "another long password"),
        ("yamada", ""),
        ("tanaka", GOOD),
        ("nobody", GOOD),
        ("gone", GOOD),
        ("x" * 5000, "y" * 5000),
    ):
        with pytest.raises(NotAuthenticated) as raised:
            place.users.check_password(name, password, HERE)
        said.add(raised.value.message)
    assert len(said) == 1
    # What was typed as a name stands nowhere: it might have been a password.
    assert {actor for actor, _, _ in place.told()} <= {made.id, gone.id, "-"} | {
        one.id for one in place.users.list()
    }
    assert {(action, outcome) for _, action, outcome in place.told()} == {("SignIn", "denied")}


@pytest.mark.small  # says nothing of the database
def test_attempts_are_limited_whether_there_is_such_a_person_or_not(
    place: Place, elsewhere: Place, clock: Clock
) -> None:
    place.users.create("yamada", password=GOOD)
    for name in ("yamada", "tanaka"):
        for number in range(5):
            with pytest.raises(NotAuthenticated):
                (place, elsewhere)[number % 2].users.check_password(name, "wrong", HERE)
        for one in (place, elsewhere):
            with pytest.raises(TooManyAttempts) as raised:
                one.users.check_password(name, GOOD, HERE)
            assert raised.value.seconds == 1
    clock.advance(1)
    assert place.users.check_password("yamada", GOOD, HERE).name == "yamada"


@pytest.mark.small  # says nothing of the database
def test_a_password_hashed_with_weaker_parameters_is_hashed_anew(place: Place) -> None:
    made = place.users.create("yamada")
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(GOOD)
    with place.database.write() as connection:
        connection.execute(update(table).values(password=old))
    assert place.users.check_password("yamada", GOOD, HERE).id == made.id
    with place.database.read() as connection:
        kept = connection.execute(select(table.c.password)).scalar_one()
    assert "m=19456,t=2,p=1" in kept
    assert place.users.check_password("yamada", GOOD, HERE).id == made.id


@pytest.mark.small  # says nothing of the database
def test_what_is_no_name(place: Place) -> None:
    for name in ("", " ", "-x", "a b", "山田", "x" * 65, "a\nb", "a/b", "a\x00"):
        with pytest.raises(InvalidInput) as raised:
            place.users.create(name)
        assert raised.value.where == "name"


def test_what_else_is_not_taken(place: Place) -> None:
    place.users.create("yamada", known_as=("https://idp", "1"))
    with pytest.raises(Conflict):
        place.users.create("YAMADA")
    with pytest.raises(Conflict):
        place.users.create("tanaka", known_as=("https://idp", "1"))
    with pytest.raises(InvalidInput, match="language"):
        place.users.create("tanaka", language="xx")
    with pytest.raises(InvalidInput):
        place.users.create("tanaka", display_name="x" * 257)
    with pytest.raises(WeakPassword):
        place.users.create("tanaka", password="tanaka tanaka")
    for call in (
        lambda: place.users.grant("user-x", Role.READER),
        lambda: place.users.revoke("user-x"),
        lambda: place.users.disable("user-x"),
        lambda: place.users.enable("user-x"),
        lambda: place.users.describe("user-x", language="ja"),
        lambda: place.users.set_password("user-x", GOOD),
        lambda: place.users.find("user-x"),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.small  # says nothing of the database
def test_who_is_disabled_is_out_and_may_come_back(
    place: Place, elsewhere: Place, clock: Clock
) -> None:
    made = place.users.create("yamada", password=GOOD)
    elsewhere.users.active(made.id)
    place.users.disable(made.id)
    with pytest.raises(NotAuthenticated):
        place.users.active(made.id)
    assert place.users.remembered(made.id) is None
    clock.advance(2)
    with pytest.raises(NotAuthenticated):
        elsewhere.users.active(made.id)
    with pytest.raises(Conflict, match="disabled"):
        place.users.invite("yamada")
    place.users.enable(made.id)
    assert place.users.check_password("yamada", GOOD, HERE).disabled_at is None


@pytest.mark.small  # says nothing of the database
def test_what_is_told_of_a_person_changes(place: Place) -> None:
    made = place.users.create("yamada")
    place.users.describe(made.id, display_name=" 山田 ", language="ja")
    found = place.users.active(made.id)
    assert (found.display_name, found.language) == ("山田", "ja")
    place.users.describe(made.id)
    with pytest.raises(InvalidInput):
        place.users.describe(made.id, display_name=" ")


def test_a_link_lets_in_once(place: Place, elsewhere: Place) -> None:
    invited, token = place.users.invite("tanaka", Role.WRITER, "one", display_name="Tanaka")
    assert not invited.has_password
    assert elsewhere.users.peek(token).id == invited.id
    with pytest.raises(WeakPassword):
        elsewhere.users.accept(token, "short")
    found = elsewhere.users.accept(token, GOOD)
    assert (found.id, found.grants, found.has_password) == (invited.id, {"one": Role.WRITER}, True)
    for use in (place.users.peek, place.users.accept, elsewhere.users.accept):
        with pytest.raises(NotAuthenticated):
            use(token)
    assert place.users.check_password("tanaka", GOOD, HERE).id == invited.id


def test_links_that_lead_nowhere(place: Place, clock: Clock) -> None:
    _, first = place.users.invite("tanaka", valid=timedelta(minutes=5))
    _, second = place.users.invite("tanaka")
    with pytest.raises(NotAuthenticated):
        place.users.peek(first)  # there is a newer one
    clock.advance(timedelta(hours=24).total_seconds())
    for token in (second, "", "x" * 43, "\x00", "a" * 10_000):
        with pytest.raises(NotAuthenticated):
            place.users.peek(token)
        with pytest.raises(NotAuthenticated):
            place.users.accept(token, GOOD)
    made, third = place.users.invite("tanaka")
    place.users.set_password(made.id, GOOD)
    with pytest.raises(NotAuthenticated):
        place.users.accept(third)
    _, fourth = place.users.invite("tanaka")
    place.users.disable(made.id)
    with pytest.raises(NotAuthenticated):
        place.users.accept(fourth)


def test_the_first_administrator(place: Place, elsewhere: Place, clock: Clock) -> None:
    first = place.users.first_link()
    second = elsewhere.users.first_link()
    assert first is not None
    assert second is not None
    with pytest.raises(NotAuthenticated):
        place.users.accept(first)
    clock.advance(14 * 60)
    found = place.users.accept(second, GOOD)
    assert (found.name, found.grants) == (FIRST_NAME, {EVERYWHERE: Role.ADMIN})
    assert place.users.first_link() is None


@pytest.mark.small  # says nothing of the database
def test_nobody_is_first_who_was_disabled(place: Place) -> None:
    place.users.first_link()
    found = place.users.named(FIRST_NAME)
    assert found is not None
    place.users.disable(found.id)
    assert place.users.first_link() is None


def test_who_comes_from_a_provider(place: Place) -> None:
    made = place.users.create("yamada", known_as=("https://idp", "sub 1"))
    assert place.users.by_subject("https://idp", "sub 1") == made
    assert place.users.by_subject("https://idp", "sub 2") is None
    assert place.users.first_link() is None
    place.users.grant(made.id, Role.ADMIN)
    place.users.regrant(made.id, {"one": Role.READER})
    assert place.users.active(made.id).grants == {"one": Role.READER}
