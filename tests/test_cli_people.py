"""People and their sessions, as who keeps house has them at the terminal."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from iryo.access.sessions import PASSWORD, SessionRefused
from iryo.access.tokens import TOKEN
from iryo.app import App, open_app
from iryo.cli import app as program_app
from iryo.errors import NotAuthenticated
from iryo.settings import load
from tests.program import Program

GOOD = "a good long password"
HERE = "192.0.2.1"


@pytest.fixture
def ready(tmp_path: Path) -> Program:
    program = Program(tmp_path / "home")
    program.says("init")
    return program


def opened(program: Program) -> App:
    flags = {"home": str(program.home), "compute": "inline"}
    return open_app(load(flags, {"HOME": str(program.home)}, None).settings)


def test_somebody_is_invited_granted_disabled_and_let_in_again(ready: Program) -> None:
    made = ready.json("users", "invite", "Yamada", "--role", "reader", "--shown-as", "山田 太郎")
    link = made["link"]
    assert re.fullmatch(rf"http://127\.0\.0\.1:8100/sign-in/link/{TOKEN.pattern}", link)
    assert "invited" in ready.says("users", "list")
    with opened(ready) as house:
        house.sign_in.users.accept(link.rpartition("/")[2], GOOD)
    ready.says("users", "grant", "yamada", "--role", "writer", "--datastore", "main")
    (found,) = ready.lines("users", "list")
    assert (found["name"], found["displayName"], found["hasPassword"]) == (
        "yamada",
        "山田 太郎",
        True,
    )
    assert sorted(found["grants"].values()) == ["reader", "writer"]
    assert "reader of all, writer of main" in ready.says("users", "list")
    ready.says("users", "revoke", made["id"])
    ready.says("users", "disable", "yamada")
    assert "disabled" in ready.says("users", "list")
    (found,) = ready.lines("users", "list")
    assert list(found["grants"].values()) == ["writer"]
    ready.says("users", "enable", "yamada")
    with opened(ready) as house:
        house.sign_in.users.check_password("yamada", GOOD, HERE)
    actions = [row["action"] for row in ready.lines("audit", "--resource", made["id"])]
    assert actions == [
        f"cli:users.{word}" for word in ("invite", "grant", "revoke", "disable", "enable")
    ]


def test_an_invitation_for_people(ready: Program) -> None:
    said = ready.says(
        "users", "invite", "tanaka", "--hours", "2", "--endpoint", "https://pacs.example.org/"
    )
    assert said.startswith("https://pacs.example.org/sign-in/link/")
    assert "within 2 hours" in said


def test_a_password_is_given_by_standard_input(ready: Program) -> None:
    ready.json("users", "invite", "yamada")
    words = ["--home", str(ready.home), "--compute", "inline", "users", "password", "yamada"]
    short = CliRunner().invoke(program_app, [*words, "--stdin"], input="short\n")
    assert short.exit_code == 2
    assert "at least 12" in short.stderr
    assert CliRunner().invoke(program_app, words, input=f"{GOOD}\n").exit_code == 2  # no terminal
    assert CliRunner().invoke(program_app, [*words, "--stdin"], input=f"{GOOD}\n").exit_code == 0
    assert "by password" in ready.says("users", "list")
    with opened(ready) as house:
        assert house.sign_in.users.check_password("yamada", GOOD, HERE).name == "yamada"
        with pytest.raises(NotAuthenticated):
            house.sign_in.users.check_password("yamada", "short", HERE)


def test_sessions_are_listed_and_ended(ready: Program) -> None:
    with opened(ready) as house:
        sign_in = house.sign_in
        people = [sign_in.users.create(name) for name in ("yamada", "tanaka")]
        tokens = [sign_in.sessions.begin(one.id, PASSWORD, HERE)[0] for one in people * 2]
        listed = ready.lines("sessions", "list")
        assert [one["name"] for one in listed].count("yamada") == 2
        assert {one["source"] for one in listed} == {HERE}
        assert len(ready.lines("sessions", "list", "--user", "tanaka")) == 2
        shown = ready.says("sessions", "list")
        first = next(one for one in listed if one["name"] == "tanaka")
        assert first["id"][:12] in shown
        assert first["id"] not in shown
        ready.says("sessions", "end", first["id"][:12])
        assert len(ready.lines("sessions", "list")) == 3
        assert "2 ended" in ready.says("sessions", "end", "--user", "yamada")
        assert [one["name"] for one in ready.lines("sessions", "list")] == ["tanaka"]
    with opened(ready) as house:
        ended = 0
        for token in tokens:
            try:
                house.sign_in.sessions.look(token)
            except SessionRefused:
                ended += 1
        assert ended == 3


@pytest.mark.parametrize(
    "words",
    [
        "users disable nobody",
        "users invite -- -x",
        "users invite x --role owner",
        "users grant nobody --role reader",
        "users password nobody --stdin",
        "sessions end",
        "sessions end abc",
        "sessions end abc --user x",
        "sessions list --user nobody",
    ],
)
def test_what_is_not_there_or_cannot_be(ready: Program, words: str) -> None:
    ready.says(*words.split(), code=2)


def test_serve_shows_the_first_administrator_in(ready: Program) -> None:
    """The line is there while nobody can sign in, whoever serves: this process, or several."""
    from iryo.cli.setup import first_link
    from iryo.cli.shell import Shell

    shell = Shell({"home": str(ready.home), "compute": "inline"})
    with opened(ready) as house:
        one = first_link(shell, house)
    other = first_link(shell, None)
    assert one is not None
    assert other is not None
    assert one != other
    with opened(ready) as house:
        token = other.removeprefix("/sign-in/link/")
        assert house.sign_in.users.accept(token, GOOD).grants == {"*": "admin"}
        assert first_link(shell, house) is None
    shell = Shell({"home": str(ready.home / "nothing"), "compute": "inline"})
    assert first_link(shell, None) is None  # who serves says what is wrong
