"""The program: setting up, settings, keys, audit, errors, and how fast it starts."""

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from iryo import __version__
from iryo.cli.roles import ROLES
from iryo.cli.shell import exit_code
from iryo.errors import (
    AccessDenied,
    Damaged,
    InvalidDicom,
    IryoError,
    NotFound,
    Unavailable,
)
from tests.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, nothing set up."""
    return Program(tmp_path / "home")


@pytest.fixture
def ready(program: Program) -> Program:
    """The program, set up."""
    program.says("init")
    return program


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ------------------------------------------------------------------------------------------ set up


def test_init_makes_everything_and_shows_the_secret_once(program: Program) -> None:
    made = program.json("init")["made"]
    assert mode(program.home) == 0o700
    assert mode(program.home / "iryo.key") == 0o600
    assert mode(program.home / "credentials") == 0o600
    kept = (program.home / "credentials").read_text()
    assert f"aws_access_key_id = {made['access key']}\n" in kept
    assert f"aws_secret_access_key = {made['secret']}\n" in kept
    assert [one["datastoreName"] for one in program.lines("datastores", "list")] == ["main"]
    (key,) = program.lines("keys", "list")
    assert key["accessKeyId"] == made["access key"]
    assert key["grants"] == {"*": "admin"}


def test_init_a_second_time_changes_nothing(ready: Program) -> None:
    before = {path: path.read_bytes() for path in ready.home.glob("[ic]*[ys]")}
    assert len(before) == 2  # the key file and the credentials
    assert "nothing was changed" in ready.says("init")
    assert ready.json("init")["made"] == {}
    assert {path: path.read_bytes() for path in before} == before
    assert len(ready.lines("keys", "list")) == 1


def test_init_goes_on_where_it_was_interrupted(ready: Program) -> None:
    key = ready.lines("keys", "list")[0]["accessKeyId"]
    ready.says("keys", "delete", key)
    made = ready.json("init")["made"]
    assert set(made) == {"access key", "secret"}
    assert made["access key"] in (ready.home / "credentials").read_text()


def test_init_without_a_datastore(program: Program) -> None:
    program.says("init", "--no-datastore")
    assert program.lines("datastores", "list") == []


def test_a_command_before_init_says_what_to_do(program: Program) -> None:
    result = program.here("search")
    assert result.exit_code == 1
    assert "`iryo init`" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_home_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = Program(tmp_path / "file" / "home").here("init")
    assert result.exit_code == 1
    assert "cannot make the folder" in result.stderr


def test_env_is_for_the_shell(ready: Program) -> None:
    exports = ready.says("env", "--endpoint", "http://127.0.0.1:1")
    command = f"{exports}\nenv"
    ran = subprocess.run(["sh", "-c", command], env={}, capture_output=True, text=True, check=True)
    values = dict(line.split("=", 1) for line in ran.stdout.splitlines())
    told = ready.json("env", "--endpoint", "http://127.0.0.1:1")
    assert told == {name: values[name] for name in told}
    assert values["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert values["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


def test_env_names_the_address_of_the_settings(ready: Program) -> None:
    def endpoint(*flags: str) -> str:
        return str(ready.json(*flags, "env")["AWS_ENDPOINT_URL"])

    assert endpoint() == "http://127.0.0.1:8100"
    assert endpoint("--port", "9") == "http://127.0.0.1:9"
    assert endpoint("--host", "0.0.0.0", "--behind-proxy") == "http://127.0.0.1:8100"
    assert endpoint("--host", "::1") == "http://[::1]:8100"


def test_env_without_credentials_says_how_to_get_some(ready: Program) -> None:
    (ready.home / "credentials").write_text("[other]\n")
    result = ready.here("env")
    assert result.exit_code == 2
    assert "iryo keys create NAME --save" in result.stderr
    secret = ready.json("keys", "create", "again", "--role", "admin", "--save")["secretAccessKey"]
    assert ready.json("env")["AWS_SECRET_ACCESS_KEY"] == secret


def test_settings_are_shown_with_their_source(program: Program) -> None:
    program.home.mkdir()
    (program.home / "iryo.toml").write_text('region = "eu-west-1"\n')
    shown = program.json("--port", "9", "settings")
    assert shown["port"] == {"value": "9", "source": "flag"}
    assert shown["region"] == {"value": "eu-west-1", "source": "iryo.toml"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}
    assert "eu-west-1" in program.says("settings")


def test_a_setting_that_cannot_be_is_refused(program: Program) -> None:
    result = program.here("--port", "high", "settings")
    assert result.exit_code == 2
    assert "port" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_settings_file_can_be_named(program: Program, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("port = 7\n")
    shown = program.json("--config", str(tmp_path / "my.toml"), "settings")
    assert shown["port"] == {"value": "7", "source": "my.toml"}


# -------------------------------------------------------------------------------------------- keys


def test_keys_are_made_granted_revoked_disabled_deleted(ready: Program) -> None:
    made = ready.json("keys", "create", "ward 3", "--datastore", "main")
    key = made["accessKeyId"]
    store = ready.lines("datastores", "list")[0]["datastoreId"]

    def found() -> dict[str, object]:
        return next(one for one in ready.lines("keys", "list") if one["accessKeyId"] == key)

    assert found()["grants"] == {store: "reader"}
    ready.says("keys", "grant", "ward 3", "--role", "writer")
    assert found()["grants"] == {store: "reader", "*": "writer"}
    ready.says("keys", "revoke", key[:9])
    assert found()["grants"] == {store: "reader"}
    assert "reader of main" in ready.says("keys", "list")
    ready.says("keys", "disable", key)
    assert found()["disabledAt"]
    assert made["secretAccessKey"] not in ready.says("keys", "list")
    ready.says("keys", "delete", key)
    assert key not in ready.says("keys", "list")


def test_the_secret_of_a_new_key_is_shown(ready: Program) -> None:
    told = ready.says("keys", "create", "me")
    assert "secret:" in told
    assert "shown this once" in told


def test_keys_that_are_not_there_or_not_one(ready: Program) -> None:
    assert ready.here("keys", "disable", "nobody").exit_code == 2
    ready.says("keys", "create", "twin")
    ready.says("keys", "create", "twin")
    result = ready.here("keys", "disable", "twin")
    assert result.exit_code == 2
    assert "means 2 keys" in result.stderr


def test_a_role_that_is_none_is_refused(ready: Program) -> None:
    result = ready.here("keys", "create", "x", "--role", "king")
    assert result.exit_code == 2
    assert all(role in result.stderr for role in ROLES)


# ------------------------------------------------------------------------------------------- audit


def test_everything_that_is_done_is_audited(ready: Program) -> None:
    ready.says("datastores", "create", "second")
    ready.says("search", "--datastore", "second")
    events = ready.lines("audit")
    assert [event["action"] for event in events] == [
        "cli:keys.create",
        "cli:datastores.create",
        "cli:datastores.create",
        "cli:search",
    ]
    assert {event["actor"].partition(":")[0] for event in events} == {"cli"}
    assert {event["outcome"] for event in events} == {"allowed"}
    store, first = (one["datastoreId"] for one in ready.lines("datastores", "list"))
    # What was made is named by its id, though nobody knew it when it was begun.
    (key,) = ready.lines("keys", "list")
    assert [event["resource"] for event in events[:3]] == [key["accessKeyId"], first, store]
    (one,) = ready.lines("audit", "--datastore", "second")
    assert one["scope"] == store
    assert ready.lines("audit", "--actor", "cli:nobody") == []
    # Looking at the audit is audited as well.
    assert [one["action"] for one in ready.lines("audit", "--limit", "6")] == [
        "cli:search",
        "cli:audit",
        "cli:datastores.list",
        "cli:keys.list",
        "cli:audit",
        "cli:audit",
    ]
    assert ready.lines("audit", "--until", "2001-01-01") == []
    assert ready.lines("audit", "--since", "1h", "--action", "cli:search") == [one]
    assert "cli:search" in ready.says("audit")


@pytest.mark.parametrize("time", ["yesterday", "5", "5w", "2026-13-01"])
def test_a_time_that_is_none_is_refused(ready: Program, time: str) -> None:
    result = ready.here("audit", "--since", time)
    assert result.exit_code == 2
    assert "90m" in result.stderr


def test_audit_follows(ready: Program) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "iryo", "--json", "audit", "--follow", "--action", "cli:search"],
        env=ready.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        ready.says("search")
        first = json.loads(following.stdout.readline())
        ready.says("search")
        second = json.loads(following.stdout.readline())
        following.terminate()
    assert first["action"] == second["action"] == "cli:search"
    assert first["requestId"] != second["requestId"]


# ------------------------------------------------------------------------------- errors, start-up


def test_words_that_are_almost_right(ready: Program) -> None:
    result = ready.here("shwo")
    assert result.exit_code == 2
    assert "show" in result.output
    result = ready.here("search", "--datastore", "mian")
    assert result.exit_code == 2
    assert "did you mean main?" in result.stderr


def test_errors_are_json_for_machines(ready: Program) -> None:
    result = ready.here("search", "--datastore", "nowhere", "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error["kind"] == "NotFound"
    assert "nowhere" in error["message"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidDicom("x"), 2),
        (NotFound("x"), 2),
        (AccessDenied("x"), 2),
        (Unavailable("x"), 1),
        (Damaged("x"), 1),
        (IryoError("x"), 1),
    ],
)
def test_kinds_have_exit_codes(error: IryoError, code: int) -> None:
    assert exit_code(error) == code


def test_the_version_is_told() -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("iryo"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"iryo {__version__}\n"


HEAVY = ("numpy", "imagecodecs", "alembic", "sqlalchemy", "pydicom", "botocore", "uvicorn")


@pytest.mark.parametrize("words", ["--help", "import --help", "call --help", "--version"])
def test_help_loads_nothing_heavy(words: str) -> None:
    code = (
        "import sys\nfrom iryo.cli import app\n"
        f"try: app({shlex.split(words)!r})\nexcept SystemExit: pass\n"
        f"sys.stderr.write(' '.join(set(sys.modules) & set({HEAVY!r})))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert ran.stdout


def test_completion_offers_commands_and_datastores(ready: Program) -> None:
    def completed(words: str, at: int) -> list[str]:
        asked = {"_IRYO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        ran = subprocess.run(
            [Path(sys.executable).with_name("iryo")],
            env=ready.environment | asked,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.split()

    assert "serve" in completed("iryo se", 1)
    assert completed("iryo search --datastore m", 3) == ["main"]
    assert completed("iryo call med", 2) == ["medical-imaging"]
    assert "GetDatastore" in completed("iryo call medical-imaging Get", 3)


@pytest.mark.parametrize(
    "words",
    [
        "--json serach",
        "--json search --nope",
        "show --json",
        "--json search --limit 0",
        "keys create --json",
        "--json --nope",
    ],
)
def test_wrong_usage_is_json_for_machines(ready: Program, words: str) -> None:
    result = ready.here(*words.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert json.loads(result.stderr)["error"]["kind"] == "Usage"


def test_paths_are_shown_as_they_are(tmp_path: Path) -> None:
    program = Program(tmp_path / "[bold]x[/] :smile: 日本")
    assert f"iryo is set up in {program.home}\n" in program.says("init")


@pytest.mark.parametrize("words", ["datastores list", "--json datastores list", "--version"])
@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-"])
def test_output_that_cannot_be_written(ready: Program, words: str, redirection: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", f"{shlex.quote(sys.executable)} -m iryo {words} {redirection}"],
        env=ready.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    full = "full" in redirection
    assert ran.stderr == ("iryo: No space left on device\n" if full else "")
    assert ran.returncode == int(full)


def test_commands_have_no_log() -> None:
    program = (
        "import logging, sys; from iryo.cli import main; sys.argv = ['iryo', '--version']\n"
        "try: main()\n"
        "finally: logging.getLogger('iryo.jobs').warning('of what is tried again')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stderr == b""


def test_a_pipe_that_closes_is_no_error(ready: Program) -> None:
    command = f"{shlex.quote(sys.executable)} -m iryo --help | head -1"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=ready.environment | {"PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
