"""`iryo received`, as people type it, and what else tells of instances that could not be stored."""

from datetime import timedelta
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import update

from iryo.app import App, open_app
from iryo.errors import Conflict, NotFound
from iryo.imaging.service import condition
from iryo.imaging.service.lookup import active_datastores
from iryo.imaging.service.receive import RECEIVE_KIND, Reception, Sender, arrived, run_receive
from iryo.imaging.store import arrivals
from iryo.jobs import JobRunner
from iryo.settings import load
from tests.imaging.site import make_instance
from tests.program import Program

MODALITY = Sender("CT1", "10.0.0.7", "a1", "C-STORE")


def opened(program: Program) -> App:
    """The installation, in this process."""
    return open_app(load({"home": program.home, "compute": "inline"}, {}, None).settings)


def publish(app: App) -> None:
    """What a server does with what waits."""
    for store in active_datastores(app.room):
        app.keeper.nudge(store.id)
    app.keeper.look()
    runner = JobRunner(app.jobs, {RECEIVE_KIND: lambda context: run_receive(app.room, context)})
    while runner.step() is not None:
        pass


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Three whose pixel data is too short, by SOP Instance UID."""
    made = {}
    for number in (1, 2, 3):
        path = make_instance(tmp_path / "bad.dcm", sop=f"1.2.3.1.{number}", number=number)
        dataset = pydicom.dcmread(path)
        dataset.PixelData = dataset.PixelData[:100]
        dataset.save_as(path)
        made[f"1.2.3.1.{number}"] = path.read_bytes()
    return made


@pytest.fixture
def program(tmp_path: Path, files: dict[str, bytes]) -> Program:
    """The program, which has received them."""
    made = Program(tmp_path / "home")
    made.says("init")
    with opened(made) as app:
        (store,) = active_datastores(app.room)
        reception = Reception(app.room, store.id, MODALITY)
        for data in files.values():
            reception.add([data])
        reception.commit()
        publish(app)
    return made


def inbox(program: Program) -> list[Path]:
    return [path for path in (program.home / "objects" / "inbox").rglob("*") if path.is_file()]


def test_what_could_not_be_stored_is_shown_and_let_go(
    program: Program, files: dict[str, bytes], tmp_path: Path
) -> None:
    shown = program.says("received", "list", "-d", "main")
    assert "CT1" in shown
    found = program.lines("received", "list", "--failed")
    assert [one["SOPInstanceUID"] for one in found] == list(files)
    assert {(one["state"], one["kind"], one["actor"]) for one in found} == {
        ("failed", "C-STORE", "CT1")
    }
    first, second, third = (one["arrivalId"] for one in found)
    told = program.json("received", "show", first[:10])
    assert told["failure"]["message"]
    assert told["failure"]["message"] in " ".join(program.says("received", "show", first).split())
    out = tmp_path / "saved.dcm"
    program.says("received", "save", first, out)
    assert out.read_bytes() == files["1.2.3.1.1"]
    assert out.stat().st_mode & 0o077 == 0
    for words, said in (
        (("save", first, out), "is there already"),
        (("save", first, tmp_path / "no" / "where"), "cannot write"),
        (("forget",), "--all"),
        (("retry", first, "--all"), "--all"),
        (("show", "nothing"), "'nothing'"),
    ):
        ran = program.here("received", *words)
        assert (ran.exit_code > 0, said in ran.output) == (True, True), ran.output
    assert program.says("received", "forget", first, second) == "2 are gone\n"
    assert len(inbox(program)) == 1  # of the third
    assert [one["arrivalId"] for one in program.lines("received", "list")] == [third]
    assert program.says("received", "forget", "--all", "-d", "main") == "1 are gone\n"
    assert (inbox(program), program.lines("received", "list")) == ([], [])
    program.says("datastores", "delete", "main")
    rows = program.lines("audit")
    assert "cli:received.forget" in {one["action"] for one in rows}


def test_what_failed_is_tried_again(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(program) as app:
        assert condition.failed_arrivals(app.database) == 3
        assert condition.late_arrivals(app.database) == 0
        counts, oldest = condition.arrivals_now(app.database)
        assert (counts, oldest) == ({"waiting": 0, "failed": 3}, 0.0)
    (first, *_) = (one["arrivalId"] for one in program.lines("received", "list"))
    assert program.says("received", "retry", first) == "1 wait again\n"
    with opened(program) as app:
        before = app.room.clock() - timedelta(minutes=10)
        with app.database.write() as connection:
            connection.execute(update(arrivals).values(received_at=before))
        assert condition.late_arrivals(app.database) == 1
        counts, oldest = condition.arrivals_now(app.database)
        assert counts == {"waiting": 1, "failed": 2}
        assert oldest >= 600
        with pytest.raises(Conflict, match="waits"):
            arrived.forget(app.room, [first])
        with pytest.raises(NotFound):
            arrived.find(app.room, "")
        with pytest.raises(NotFound):
            list(arrived.bytes_of(app.room, "nothing"))
        publish(app)  # no better
        assert condition.failed_arrivals(app.database) == 3
        assert arrived.find(app.room, first).attempts == 1
    monkeypatch.setattr("iryo.imaging.cli.receiving._MOST", 2)
    assert "more than 2" in program.here("received", "list").output
    ran = program.here("datastores", "delete", "main")
    assert "iryo received" in ran.output
