"""Sessions: begun, used, locked, unlocked, ended; and what the audit has of it."""

from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from iryo.access import Role
from iryo.access.model import User
from iryo.access.sessions import LONGEST, OIDC, PASSWORD, SessionRefused
from iryo.access.store import sessions as table
from iryo.errors import NotAuthenticated, NotFound
from tests.access.conftest import Clock, Place

HERE = "192.0.2.1"
GOOD = "a good long password"


@pytest.fixture
def yamada(place: Place) -> User:
    made = place.users.create("yamada", language="ja")
    place.users.grant(made.id, Role.READER)
    return place.users.active(made.id)


def test_a_session_begins_is_known_and_ends(place: Place, elsewhere: Place, yamada: User) -> None:
    token, begun = place.sessions.begin(yamada.id, PASSWORD, HERE)
    assert len(token) == len(begun.csrf) == 43
    assert token not in {begun.id, begun.csrf}
    for one in (place, elsewhere):
        found = one.sessions.look(token)
        assert (found.user_id, found.language, found.locked) == (yamada.id, "ja", False)
        assert (found.principal.id, found.principal.grants) == (yamada.id, yamada.grants)
        assert (found.how, found.source, found.csrf) == (PASSWORD, HERE, begun.csrf)
    with place.database.read() as connection:
        row = connection.execute(select(table)).one()
    assert token not in tuple(row)
    place.sessions.end(token)
    place.sessions.end(token)
    place.sessions.lock(token)
    assert place.sessions.at_once(token) is None
    with pytest.raises(SessionRefused):
        place.sessions.look(token)
    assert place.told() == [(yamada.id, "SignIn", "allowed"), (yamada.id, "SignOut", "allowed")]


@pytest.mark.small  # says nothing of the database
def test_another_process_hears_of_the_end_within_two_seconds(
    place: Place, elsewhere: Place, yamada: User, clock: Clock
) -> None:
    token, _ = place.sessions.begin(yamada.id, PASSWORD, HERE)
    elsewhere.sessions.look(token)
    place.sessions.end(token)
    clock.advance(2)
    with pytest.raises(SessionRefused):
        elsewhere.sessions.look(token)


@pytest.mark.small  # says nothing of the database
def test_what_is_no_token(place: Place) -> None:
    for token in ("", "x" * 43, "é" * 43, "a" * 100_000, "\x00"):
        with pytest.raises(SessionRefused):
            place.sessions.look(token)
        assert place.sessions.at_once(token) is None


@pytest.mark.small  # says nothing of the database
def test_it_is_over_after_twelve_hours_however_it_is_used(
    place: Place, yamada: User, clock: Clock
) -> None:
    token, session = place.sessions.begin(yamada.id, PASSWORD, HERE)
    for _ in range(12 * 6):
        assert not place.sessions.look(token).locked
        clock.advance(600)
    assert clock.now == session.ends_at == session.begun_at + LONGEST
    assert place.sessions.at_once(token) is None
    with pytest.raises(SessionRefused):
        place.sessions.look(token)
    assert place.sessions.list() == []
    place.sessions.begin(yamada.id, PASSWORD, HERE)
    clock.advance(LONGEST.total_seconds() + 1)
    place.sessions.begin(yamada.id, PASSWORD, HERE)
    with place.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 1


def test_it_is_locked_when_it_rests_and_goes_on_with_the_password(
    place: Place, elsewhere: Place, yamada: User, clock: Clock
) -> None:
    place.users.set_password(yamada.id, GOOD)
    token, _ = place.sessions.begin(yamada.id, PASSWORD, HERE)
    clock.advance(15 * 60)
    assert not place.sessions.look(token).locked
    clock.advance(15 * 60 + 1)
    assert place.sessions.at_once(token) is None
    assert place.sessions.look(token).locked
    assert elsewhere.sessions.look(token).locked
    clock.advance(1)
    found = place.sessions.at_once(token)
    assert found is None or found.locked
    with pytest.raises(NotAuthenticated):
        place.sessions.unlock(token, "wrong", HERE)
    assert place.sessions.look(token).locked
    assert not place.sessions.unlock(token, GOOD, HERE).locked
    clock.advance(2)
    assert not elsewhere.sessions.look(token).locked
    assert sorted(row[1:] for row in place.told()) == [
        ("LockSession", "allowed"),
        ("SignIn", "allowed"),
        ("SignIn", "denied"),
        ("UnlockSession", "allowed"),
    ]


@pytest.mark.small  # says nothing of the database
def test_somebody_else_unlocks_nothing(place: Place, yamada: User) -> None:
    tanaka = place.users.create("tanaka", password=GOOD)
    token, _ = place.sessions.begin(yamada.id, OIDC, HERE)
    place.sessions.lock(token)
    place.sessions.lock(token)
    with pytest.raises(SessionRefused):
        place.sessions.reopen(token, tanaka.id, HERE)
    assert place.sessions.look(token).locked
    assert not place.sessions.reopen(token, yamada.id, HERE).locked
    assert [row[1] for row in place.told()] == ["SignIn", "LockSession", "UnlockSession"]


@pytest.mark.small  # says nothing of the database
def test_use_in_one_process_keeps_it_open_in_another(
    place: Place, elsewhere: Place, yamada: User, clock: Clock
) -> None:
    token, _ = place.sessions.begin(yamada.id, PASSWORD, HERE)
    for _ in range(40):
        clock.advance(59)
        assert not place.sessions.look(token).locked
    assert not elsewhere.sessions.look(token).locked


@pytest.mark.small  # says nothing of the database
def test_what_a_page_asks_by_itself_is_no_use(place: Place, yamada: User, clock: Clock) -> None:
    token, _ = place.sessions.begin(yamada.id, PASSWORD, HERE)
    for _ in range(15):
        assert not place.sessions.look(token, touch=False).locked
        clock.advance(61)
    assert place.sessions.look(token).locked


@pytest.mark.small  # says nothing of the database
def test_a_request_per_frame_asks_nothing_of_the_database(
    place: Place, yamada: User, clock: Clock
) -> None:
    token, begun = place.sessions.begin(yamada.id, PASSWORD, HERE)
    asked: list[str] = []
    engines = place.database._engines
    for engine in (engines.readers, engines.writers):
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for _ in range(1000):
        found = place.sessions.at_once(token)
        assert found is not None
        assert found.id == begun.id
    assert asked == []
    for _ in range(600):  # a minute of frames, ten a second
        clock.advance(0.1)
        place.sessions.at_once(token) or place.sessions.look(token)
    writes = [one for one in asked if one.startswith("UPDATE")]
    assert len(writes) == 1
    assert len(asked) < 200


def test_sessions_of_a_person_who_is_disabled_or_has_another_password(
    place: Place, elsewhere: Place, yamada: User, clock: Clock
) -> None:
    tokens = [place.sessions.begin(yamada.id, PASSWORD, HERE)[0] for _ in range(3)]
    kept = place.sessions.look(tokens[0])
    elsewhere.users.set_password(yamada.id, GOOD, keep=kept.id)
    clock.advance(2)
    assert place.sessions.look(tokens[0]).id == kept.id
    with pytest.raises(SessionRefused):
        place.sessions.look(tokens[1])
    place.users.disable(yamada.id)
    assert place.sessions.at_once(tokens[0]) is None
    with pytest.raises(SessionRefused):
        place.sessions.look(tokens[0])
    with pytest.raises(NotAuthenticated):
        place.sessions.begin(yamada.id, PASSWORD, HERE)


def test_the_oldest_of_many_sessions_of_one_person_end(
    place: Place, yamada: User, clock: Clock
) -> None:
    tokens = []
    for _ in range(22):
        clock.advance(1)
        tokens.append(place.sessions.begin(yamada.id, PASSWORD, HERE)[0])
    clock.advance(2)
    for token in tokens[:2]:
        with pytest.raises(SessionRefused):
            place.sessions.look(token)
    listed = place.sessions.list(yamada.id)
    assert len(listed) == 20
    assert listed[0].id == place.sessions.look(tokens[-1]).id


def test_they_are_listed_and_ended_by_who_keeps_house(
    place: Place, yamada: User, clock: Clock
) -> None:
    tanaka = place.users.create("tanaka")
    first, _ = place.sessions.begin(yamada.id, PASSWORD, HERE)
    clock.advance(timedelta(hours=1).total_seconds())
    second, _ = place.sessions.begin(tanaka.id, OIDC, HERE)
    third, kept = place.sessions.begin(yamada.id, PASSWORD, HERE)
    listed = place.sessions.list()
    assert [(one.user.name, one.locked) for one in listed].count(("yamada", True)) == 1
    assert len(listed) == 3
    assert place.sessions.end_all(yamada.id, keep=kept.id) == 1
    place.sessions.end_one(listed[[one.user.name for one in listed].index("tanaka")].id)
    for token in (first, second):
        with pytest.raises(SessionRefused):
            place.sessions.look(token)
    assert place.sessions.look(third).id == kept.id
    with pytest.raises(NotFound):
        place.sessions.end_one("nothing")
