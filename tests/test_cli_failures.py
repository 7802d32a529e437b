"""What the program says when files, keys and words are not what they should be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from iryo.cli.credentials import read_credentials, write_credentials
from iryo.cli.shell import Shell, kept_whole
from iryo.errors import Unavailable
from tests.program import Program


@pytest.fixture
def ready(tmp_path: Path) -> Program:
    """The program, set up."""
    made = Program(tmp_path / "home")
    made.says("init")
    return made


# ------------------------------------------------------------------------------------ credentials


def test_credentials_that_cannot_be_written_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    with pytest.raises(Unavailable, match="cannot write"):
        write_credentials(tmp_path / "credentials", "IRYOX", "secret", "us-east-1")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Not a directory") as caught:
        write_credentials(tmp_path / "file" / "credentials", "IRYOX", "secret", "us-east-1")
    assert "secret" not in caught.value.message


def test_credentials_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("old")
    path.chmod(0o644)
    # What an attempt that was cut off has left is no hindrance.
    (tmp_path / ".credentials.part").write_text("half")
    write_credentials(path, "IRYOX", "s%cret", "us-east-1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_credentials(path) == ("IRYOX", "s%cret")
    assert [one.name for one in tmp_path.iterdir()] == ["credentials"]


def test_a_key_that_cannot_be_saved_is_told_of(ready: Program) -> None:
    (ready.home / "credentials").unlink()
    (ready.home / "credentials").mkdir()
    result = ready.here("keys", "create", "again", "--save")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr


# ------------------------------------------------------------------------------------------ tables


def test_numbers_and_dates_are_whole_in_a_narrow_terminal() -> None:
    # Of iryo storage, of iryo search, of iryo jobs list (the date is broken between its words).
    assert kept_whole([5, 10, 4, 9, 6, 8, 8, 5], 80) == set(range(8))
    assert kept_whole([13, 30, 16, 10, 4, 6, 40], 80) == {0, 3, 4, 5}
    assert kept_whole([12, 15, 9, 10, 16, 80], 80) == {0, 1, 2, 3}
    assert kept_whole([32, 900], 80) == {0}
    assert kept_whole([], 80) == {0}


# -------------------------------------------------------------------------------------------- jobs


def test_people_and_machines_are_told_that_a_job_waits(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell()
    shell.tell_wait("object store s3://b: there is no such bucket")
    assert "waiting: object store s3://b: there is no such bucket; " in capsys.readouterr().err
    shell.json = True
    shell.tell_wait("away")
    out, err = capsys.readouterr()
    assert (out, json.loads(err)) == ("", {"waiting": {"message": "away"}})


# ------------------------------------------------------------------------------------------- audit


def test_audit_for_people_and_machines(ready: Program) -> None:
    ready.says("datastores", "create", "second")
    ready.says("search", "--datastore", "second")
    told = ready.says("audit", "--action", "cli:search")
    assert told.count("\n") == 1
    assert "allowed" in told
    assert "from local" in told
    (event,) = ready.lines("audit", "--action", "cli:search")
    assert ready.lines("audit", "--resource", "none") == []
    assert ready.lines("audit", "--actor", event["actor"], "--action", "cli:search") == [event]
    assert ready.lines("audit", "--since", event["at"], "--action", "cli:search") == [event]
    day = event["at"][:10]
    assert event in ready.lines("audit", "--since", day)
    assert ready.lines("audit", "--since", "7d", "--until", "1d") == []


# -------------------------------------------------------------------------------------------- call


def call(program: Program, *words: str, code: int = 0) -> str:
    """A call to the table of operations; what is printed where it belongs."""
    result = program.here("call", "medical-imaging", *words)
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


def test_members_are_read_from_files(ready: Program, tmp_path: Path) -> None:
    tags, name = tmp_path / "tags.json", tmp_path / "name.txt"
    tags.write_text('{"team": "放射線科"}')
    name.write_text("from-a-file")
    made = json.loads(call(ready, "CreateDatastore", f"datastoreName=@{name}", f"tags=@{tags}"))
    found = json.loads(call(ready, "GetDatastore", f"datastoreId={made['datastoreId']}"))
    arn = found["datastoreProperties"]["datastoreArn"]
    assert found["datastoreProperties"]["datastoreName"] == "from-a-file"
    assert json.loads(call(ready, "ListTagsForResource", f"resourceArn={arn}"))["tags"] == {
        "team": "放射線科"
    }


def test_members_that_cannot_be_read_are_refused(ready: Program, tmp_path: Path) -> None:
    assert "a JSON map expected" in call(ready, "CreateDatastore", "tags=team", code=2)
    assert "none.json" in call(ready, "CreateDatastore", f"tags=@{tmp_path / 'none.json'}", code=2)


def test_a_value_of_another_type_has_awss_words(ready: Program) -> None:
    said = call(ready, "ListDatastores", 'maxResults="many"', code=1)
    assert "SerializationException" in said
    said = call(ready, "ListDatastores", "maxResults=0", code=1)
    assert "ValidationException" in said


# ------------------------------------------------------------------------------- the process itself


def test_a_full_disk_is_said_in_a_line(ready: Program) -> None:
    """/dev/full takes nothing, as a disk that is full."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "iryo", "settings"],
            env=ready.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == "iryo: No space left on device\n"


def test_standard_output_may_be_closed(ready: Program) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m iryo settings >&-'],
        env=ready.environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
