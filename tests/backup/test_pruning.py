"""Pruning removes what no snapshot needs that stays, and nothing that one needs which comes."""

from pathlib import Path

import pytest

from iryo.backup import check, prune
from iryo.errors import Conflict, InvalidInput
from iryo.imaging.service import deletion
from tests.backup.ward import (
    back_up,
    check_equal,
    import_files,
    new_home,
    place_of,
    restore_into,
    run,
    submit,
)
from tests.durability.trial import Trial


def ended(_job: str) -> bool:
    return True


def running(_job: str) -> bool:
    return False


def test_keeps_the_newest(tmp_path: Path, trial: Trial, to: str) -> None:
    first = back_up(trial, to)
    import_files(trial, 2)
    second = back_up(trial, to)
    place = place_of(trial, to)
    with trial.opened() as app:  # an object that only the first needs
        gone = "packs/gone"
        app.objects.put(gone, b"x")
    place.objects.put(f"data/{first['snapshot']}/{gone}", b"x")
    pruned = prune(place, 1, running)
    assert pruned.removed == (first["snapshot"],)
    assert pruned.kept == (second["snapshot"],)
    assert (pruned.objects, pruned.bytes) == (1, 1)
    assert [one.id for one in place.snapshots()] == [second["snapshot"]]
    assert check(place, place.chosen(None)).damage == ()
    with trial.opened() as app:
        app.objects.delete([gone])
    other = new_home(trial, tmp_path / "other", {})
    restore_into(other, place)
    check_equal(trial, other)
    assert prune(place, 5, running).removed == ()


def test_waits_for_a_backup_that_is_being_made(trial: Trial, to: str) -> None:
    back_up(trial, to)
    place = place_of(trial, to)
    place.begin("29990101T000000-abcdefgh", "job")
    with pytest.raises(Conflict, match=r"29990101T000000-abcdefgh .* is not whole yet"):
        prune(place, 1, running)
    assert len(place.whole()) == 1
    pruned = prune(place, 1, ended)
    assert pruned.removed == ("29990101T000000-abcdefgh",)
    assert len(place.snapshots()) == 1


def test_what_begins_meanwhile_is_seen(trial: Trial, to: str) -> None:
    """It looks again after it has deleted manifests, and before it deletes what they named."""
    back_up(trial, to)
    import_files(trial, 1)
    back_up(trial, to)
    place = place_of(trial, to)
    listed, calls = place.snapshots, []

    def snapshots() -> object:
        calls.append(1)
        if len(calls) == 2:
            place.begin("29990101T000000-abcdefgh", "job")
        return listed()

    place.snapshots = snapshots  # type: ignore[method-assign, assignment]
    before = {one.key for one in place.objects.list("data")}
    with pytest.raises(Conflict, match="is not whole yet"):
        prune(place, 1, running)
    assert {one.key for one in place.objects.list("data")} == before
    assert len(place_of(trial, to).whole()) == 1


def test_a_manifest_that_cannot_be_read_stops_it(tmp_path: Path, trial: Trial, to: str) -> None:
    made = back_up(trial, to)
    path = tmp_path / "backup" / "snapshots" / made["snapshot"] / "manifest.json"
    path.write_bytes(b"{}")
    with pytest.raises(Conflict, match=f"the manifest of snapshot {made['snapshot']} is damaged"):
        prune(place_of(trial, to), 1, ended)


def test_one_at_least_is_kept(trial: Trial, to: str) -> None:
    with pytest.raises(InvalidInput, match="found 0 snapshots"):
        prune(place_of(trial, to), 0, ended)


def test_a_backup_after_a_prune_is_whole(trial: Trial, to: str) -> None:
    """It does not count on what went, even if the installation has the image set still."""
    back_up(trial, to)
    with trial.opened() as app:
        (row,) = trial._sets(app)
        deletion.remove(app.room, trial.datastore, row.id)
        while app.runner.step() is not None:
            pass
    import_files(trial, 1)
    back_up(trial, to)
    place = place_of(trial, to)
    prune(place, 1, ended)
    with trial.opened() as app:
        assert run(app, submit(app, to).id).state == "COMPLETED"
    assert check(place, place.chosen(None)).damage == ()
