"""What a person sees and changes of themselves."""

import pytest

from iryo.access import Role
from iryo.app import App
from tests.console.test_signing import PASSWORD, Browser, signed_in
from tests.console.visiting import Visitor

NEW = "gentle river stones"


@pytest.fixture
def person(app: App, request: pytest.FixtureRequest) -> str:
    """The name of a reader with a password, of the test's own."""
    name = f"own-{abs(hash(request.node.name))}"
    user = app.sign_in.users.create(name, display_name="Own", password=PASSWORD)
    app.sign_in.users.grant(user.id, Role.READER)
    return name


def test_a_name_is_changed(app: App, person: str) -> None:
    browser = signed_in(app, person)
    assert browser.send("/account", display_name="<Dr> 花子") == (303, "/account?done=yes")
    html = browser.look("/account?done=yes")
    assert "&lt;Dr&gt; 花子" in html
    assert "Saved" in html
    assert browser.send("/account", display_name=" ")[0] == 400


def test_a_password_is_changed_and_other_sessions_end(app: App, person: str) -> None:
    browser, other = signed_in(app, person), signed_in(app, person)
    for now, password, again, status, said in (
        ("wrong horse", NEW, NEW, 403, "The password is not right."),
        (PASSWORD, NEW, "another", 400, "not the same"),
        (PASSWORD, "short", "short", 400, "at least 12 characters"),
    ):
        told = browser.send("/account/password", now=now, password=password, again=again)
        assert (told[0], said in told[1]) == (status, True)
    change = {"now": PASSWORD, "password": NEW, "again": NEW}
    assert browser.send("/account/password", **change) == (303, "/account?done=yes")
    browser.look("/account")
    assert other.ask("GET", "/account").status == 303
    fresh = Browser(app)
    fresh.look("/sign-in")
    assert fresh.send("/sign-in", name=person, password=PASSWORD)[0] == 403
    assert fresh.send("/sign-in", name=person, password=NEW)[0] == 303


def test_who_has_no_password_chooses_one(app: App, person: str) -> None:
    user = app.sign_in.users.create(f"{person}-oidc", known_as=("https://idp.example", person))
    browser = Browser(app)
    token, session = app.sign_in.sessions.begin(user.id, "oidc", "192.0.2.1")
    browser.cookies["iryo_session"] = token
    browser.headers["cookie"] = f"iryo_session={token}"
    browser.token = session.csrf
    assert 'name="now"' not in browser.look("/account")
    assert browser.send("/account/password", password=NEW, again=NEW)[0] == 303


def test_other_sessions_are_ended(app: App, person: str) -> None:
    other, browser = signed_in(app, person), signed_in(app, person)
    assert "End all other sessions" in browser.look("/account")
    assert browser.send("/account/sessions/end")[0] == 303
    assert "End all other sessions" not in browser.look("/account")
    assert other.ask("GET", "/").status == 303


def test_a_password_is_not_guessed_here_either(app: App, person: str) -> None:
    browser = signed_in(app, person)
    answers = [
        browser.send("/account/password", now="wrong", password=NEW, again=NEW)[0]
        for _ in range(20)
    ]
    assert answers[0] == 403
    assert answers[-1] == 429


def test_a_key_has_no_account(admin: Visitor) -> None:
    assert admin.ask("GET", "/account").status == 404


def test_who_is_kept_out_is_told_of(app: App, admin: Visitor, person: str) -> None:
    assert person not in admin.get("/")
    for _ in range(12):
        with app.database.write() as connection:  # as one who waits before each attempt
            connection.exec_driver_sql("UPDATE access_attempts SET until = last_at")
        app.sign_in.users._attempts.begin(person, "192.0.2.9")
    assert app.sign_in.users.kept_out() == {person}
    assert f"The password of {person} was tried too often" in admin.get("/")
    assert "Must wait" in admin.get("/console/people")
