"""Changes that fail when their job runs: the image set is as it was, and says why it is."""

import json
from typing import Any

import pytest

from iryo.errors import Conflict
from iryo.imaging.model import ImageSet, SetState, WorkflowStatus
from iryo.imaging.service import copies, deletion, update
from iryo.imaging.service.sets import set_state
from tests.imaging.house import House
from tests.imaging.site import make_instance

SOPS = ("1.2.3.1.1", "1.2.3.1.2")


@pytest.fixture
def primary(house: House) -> str:
    """A primary image set of two instances."""
    for number, sop in enumerate(SOPS, 1):
        make_instance(house.folder / "in" / f"{number}.dcm", sop=sop, number=number)
    (made,) = house.imported(house.folder / "in")["imageSetsSummary"]
    return str(made["imageSetId"])


def describe(house: House, image_set: str, text: str = "Neck", **more: Any) -> ImageSet:
    """Begin to change the description of the study."""
    tree = {"Study": {"DICOM": {"StudyDescription": text}}}
    latest = house.found(image_set).version
    return update.update_metadata(
        house.room,
        house.store,
        image_set,
        latest=latest,
        updatable=json.dumps(tree).encode(),
        **more,
    )


def copied(house: House, source: str, **given: Any) -> str:
    """A copy that is done."""
    _, made = copies.copy(
        house.room, house.store, source, source_latest=house.found(source).version, **given
    )
    assert house.run(house.job(copies.COPY_KIND).id).state == "COMPLETED"
    return made.id


def unlocked_behind(house: House, image_set: str) -> None:
    """What another hand at the database might do while a job has the image set locked."""
    found = house.found(image_set)
    assert found.state is SetState.LOCKED
    with house.app.database.write() as connection:
        set_state(
            connection,
            found,
            state=SetState.ACTIVE,
            status=WorkflowStatus.CREATED,
            now=house.room.clock(),
        )


def relocked(house: House, image_set: str, job_id: str) -> None:
    """Locked again, with another status than the job has seen."""
    with house.app.database.write() as connection:
        set_state(
            connection,
            house.found(image_set),
            state=SetState.LOCKED,
            status=WorkflowStatus.DELETING,
            now=house.room.clock(),
            job_id=job_id,
        )


def test_an_update_that_cannot_be_written_leaves_the_image_set_as_it_was(
    house: House, primary: str
) -> None:
    describe(house, primary)
    job = house.job(update.UPDATE_KIND)

    def meanwhile() -> None:
        unlocked_behind(house, primary)
        relocked(house, primary, job.id)

    failed = house.run(job.id, house.interrupted(meanwhile))
    assert failed.state == "FAILED"
    assert failed.message == f"image set {primary} changed under its lock"
    found = house.found(primary)
    assert found.state is SetState.ACTIVE
    assert found.workflow_status is WorkflowStatus.UPDATE_FAILED
    assert found.message == failed.message
    assert found.version == 1
    # It can be changed again, and then says nothing of the failure any more.
    describe(house, primary)
    assert house.run(house.job(update.UPDATE_KIND).id).state == "COMPLETED"
    assert house.found(primary).workflow_status is WorkflowStatus.UPDATED
    assert house.found(primary).message is None


def test_an_update_whose_image_set_let_go_changes_nothing_more(house: House, primary: str) -> None:
    describe(house, primary)
    job = house.job(update.UPDATE_KIND)
    failed = house.run(job.id, house.interrupted(lambda: unlocked_behind(house, primary)))
    assert failed.state == "FAILED"
    # What is not locked is not unlocked: the other hand's word stands.
    assert house.found(primary).workflow_status is WorkflowStatus.CREATED


def test_a_whole_study_fails_as_one(house: House, primary: str) -> None:
    make_instance(house.folder / "b" / "1.dcm", sop="1.2.3.2.1", series="1.2.3.2")
    (made,) = house.imported(house.folder / "b")["imageSetsSummary"]
    other = str(made["imageSetId"])
    describe(house, primary, whole_study=True)
    assert house.found(other).workflow_status is WorkflowStatus.UPDATING_FOR_STUDY_CONSISTENCY
    job = house.job(update.UPDATE_KIND)

    def meanwhile() -> None:
        unlocked_behind(house, other)
        relocked(house, other, job.id)

    assert house.run(job.id, house.interrupted(meanwhile)).state == "FAILED"
    for one in (primary, other):
        found = house.found(one)
        assert (found.state, found.version) == (SetState.ACTIVE, 1)
        assert found.workflow_status is WorkflowStatus.UPDATE_FAILED


def test_a_promotion_that_comes_too_late_says_so(house: House, primary: str) -> None:
    spare = copied(house, primary)
    deletion.remove(house.room, house.store, primary)
    house.run(house.job(deletion.DELETE_KIND).id)
    _, target = copies.copy(house.room, house.store, spare, source_latest=1, promote=True)
    # Before the copy is done the series is imported anew: there is a primary again.
    (made,) = house.imported(house.folder / "in")["imageSetsSummary"]
    assert made["isPrimary"]
    failed = house.run(house.job(copies.COPY_KIND).id)
    assert failed.state == "FAILED"
    for one in (spare, target.id):
        found = house.found(one)
        assert found.state is SetState.ACTIVE
        assert not found.is_primary
        assert found.workflow_status is WorkflowStatus.COPY_FAILED
        assert found.message == "another image set is the primary of this series"


def test_a_copy_into_one_that_changed_under_its_lock_fails(house: House, primary: str) -> None:
    target = copied(house, primary, copiable=_only(SOPS[0]))
    copies.copy(
        house.room,
        house.store,
        primary,
        source_latest=1,
        destination=(target, 1),
        copiable=_only(SOPS[1]),
    )
    job = house.job(copies.COPY_KIND)

    def meanwhile() -> None:
        unlocked_behind(house, target)
        relocked(house, target, job.id)

    failed = house.run(job.id, house.interrupted(meanwhile))
    assert failed.message == f"image set {target} changed under its lock"
    for one in (primary, target):
        found = house.found(one)
        assert (found.state, found.version) == (SetState.ACTIVE, 1)
        assert found.workflow_status is WorkflowStatus.COPY_FAILED
    assert house.found(target).instance_count == 1


def _only(sop: str) -> str:
    return json.dumps({"Study": {"Series": {"1.2.3.1": {"Instances": {sop: {}}}}}})


@pytest.mark.parametrize("kind", [update.UPDATE_KIND, copies.COPY_KIND])
def test_a_job_that_runs_again_after_it_was_done_changes_nothing(
    house: House, primary: str, kind: str
) -> None:
    """As after a crash between its transaction and the word that it has ended."""
    if kind == update.UPDATE_KIND:
        describe(house, primary)
    else:
        copies.copy(house.room, house.store, primary, source_latest=1)
    job = house.job(kind)
    assert house.run(job.id).state == "COMPLETED"
    before = {one: house.found(one) for one in house.sets()}
    with house.app.database.write() as connection:
        again = house.app.jobs.submit(
            connection, kind=kind, scope=house.store, payload=dict(job.payload)
        )
    assert house.run(again.id).state == "COMPLETED"
    assert {one: house.found(one) for one in house.sets()} == before


def test_a_lock_without_a_holder_is_opened(house: House, primary: str) -> None:
    with house.app.database.write() as connection:
        set_state(
            connection,
            house.found(primary),
            state=SetState.LOCKED,
            status=WorkflowStatus.COPYING,
            now=house.room.clock(),
        )
    describe(house, primary)
    assert house.run(house.job(update.UPDATE_KIND).id).state == "COMPLETED"
    assert house.found(primary).version == 2


def test_a_lock_is_held_while_its_job_may_still_run(house: House, primary: str) -> None:
    describe(house, primary)
    with pytest.raises(Conflict, match="LOCKED"):
        describe(house, primary)
    # The job is given up before a worker takes it: the next change finds the lock open.
    with house.app.database.write() as connection:
        house.app.jobs.cancel(connection, house.job(update.UPDATE_KIND).id)
    describe(house, primary, "Toe")
    assert house.run(house.job(update.UPDATE_KIND).id).state == "COMPLETED"
    assert house.found(primary).version == 2
