"""Users and keys, as an administrator sees them."""

import re
from urllib.parse import urlencode

import pytest

from iryo.access import EVERYWHERE, Role
from iryo.app import App
from iryo.console import open_site
from iryo.errors import NotAuthenticated
from iryo.imaging.service import datastores
from tests.console.visiting import Visitor, text_of


def test_a_user_is_invited_and_described(app: App, admin: Visitor) -> None:
    response = admin.post("/console/people", name="one", display_name="<i>One", role="writer")
    assert "/sign-in/link/" in text_of(response)
    user = app.sign_in.users.named("one")
    assert user is not None
    assert user.grants == {EVERYWHERE: Role.WRITER}
    assert "&lt;i&gt;One" in admin.get("/console/people")
    html = admin.get(f"/console/people/{user.id}")
    assert "&lt;i&gt;One" in html
    assert "Nobody is signed in as this user." in html
    assert admin.post("/console/people", name="ONE", role="writer").status == 409
    app.audit.flush()
    (row,) = app.audit.read(action="InviteUser", resource=user.id)
    assert row.outcome == "allowed"


def test_roles_are_given_and_taken(app: App, admin: Visitor) -> None:
    store = datastores.create(app.room, name="for two")
    user = app.sign_in.users.create("two")
    path = f"/console/people/{user.id}"
    assert admin.follow(f"{path}/grant", role="reader", scope=store.id) == path
    assert app.sign_in.users.find(user.id).grants == {store.id: Role.READER}
    assert "<bdi>for two</bdi>" in admin.get(path)
    assert admin.follow(f"{path}/revoke", scope=store.id) == path
    assert app.sign_in.users.find(user.id).grants == {}
    assert "No role" in admin.get(path)
    for fields in ({"role": "king"}, {"role": "reader", "scope": "x"}, {}):
        body = urlencode(fields).encode()
        kind = "application/x-www-form-urlencoded"
        assert admin.ask("POST", f"{path}/grant", body, content_type=kind).status == 400


def test_a_user_is_disabled_and_let_in_again(app: App, admin: Visitor) -> None:
    user = app.sign_in.users.create("three", password="correct horse battery")
    app.sign_in.sessions.begin(user.id, "password", "192.0.2.1")
    path = f"/console/people/{user.id}"
    assert "192.0.2.1" in admin.get(path)
    admin.follow(f"{path}/disable")
    with pytest.raises(NotAuthenticated):
        app.sign_in.users.active(user.id)
    assert app.sign_in.sessions.list(user.id) == []
    assert admin.post(f"{path}/link").status == 409
    assert "Let in again" in admin.get(path)
    admin.follow(f"{path}/enable")
    assert "/sign-in/link/" in text_of(admin.post(f"{path}/link"))
    assert admin.ask("GET", "/console/people/nobody").status == 404


def test_a_key_is_made_and_disabled(app: App, admin: Visitor) -> None:
    response = admin.post("/console/keys", name="of <a> program", role="reader")
    html = text_of(response)
    (key_id,) = re.findall(r'id="key-id">(\w+)<', html)
    (secret,) = re.findall(r'id="secret">([^<]+)<', html)
    assert app.access.secret_of(key_id) == secret
    listed = admin.get("/console/people")
    assert "of &lt;a&gt; program" in listed
    assert secret not in listed
    assert admin.follow(f"/console/keys/{key_id}/disable") == "/console/people"
    assert app.access.secret_of(key_id) is None
    assert admin.post("/console/keys", name="\u202e", role="reader").status == 400


def test_nobody_locks_themselves_out(app: App) -> None:
    user = app.sign_in.users.create("four", password="correct horse battery")
    app.sign_in.users.grant(user.id, Role.ADMIN)
    token, session = app.sign_in.sessions.begin(user.id, "password", "192.0.2.1")
    cookie = {"cookie": f"iryo_session={token}", "x-iryo-csrf": session.csrf}
    four = Visitor(open_site(app), {"sec-fetch-site": "same-origin", **cookie})
    assert four.post(f"/console/people/{user.id}/disable").status == 400
    assert four.post(f"/console/people/{user.id}/revoke", scope=EVERYWHERE).status == 400
