"""The rules of the imaging room that need nothing but values."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import Conflict, InvalidInput
from iryo.imaging.model import (
    FRAME_DIGITS,
    INSTANCE_KEY_LENGTH,
    ImageSet,
    SetState,
    Unobserved,
    WorkflowStatus,
    frame_id,
    parse_frame_id,
    require_unlocked,
    require_version,
)

KEY = "k" * INSTANCE_KEY_LENGTH
MOST = 36**FRAME_DIGITS - 1
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def image_set(state: SetState) -> ImageSet:
    """Version 3 of an image set."""
    return ImageSet(
        id="s" * 32,
        datastore_id="d" * 32,
        version=3,
        state=state,
        workflow_status=WorkflowStatus.UPDATING,
        is_primary=True,
        identity="",
        study_uid="1.2",
        series_uid="1.2.3",
        instance_count=1,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=None,
        message=None,
        forced=False,
    )


@given(st.integers(0, MOST))
def test_a_frame_id_names_its_place(index: int) -> None:
    made = frame_id(KEY, index)
    assert len(made) == 32
    assert parse_frame_id(made) == (KEY, index)


@pytest.mark.parametrize("index", [-1, MOST + 1])
def test_frames_beyond_the_digits_have_no_id(index: int) -> None:
    with pytest.raises(InvalidInput, match=f"frame index {index} found"):
        frame_id(KEY, index)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY,
        KEY + "0000000",
        KEY + "00000é",
        KEY + "00000?",
        # Python's int() takes these for numbers; -1 would be the last frame.
        KEY + "-00001",
        KEY + "+00001",
        KEY + "0_0001",
        KEY + " 00001",
        KEY + "00001A",
        KEY + "00000\uff11",
    ],
)
def test_texts_that_are_no_frame_id_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="32 characters") as caught:
        parse_frame_id(text)
    assert caught.value.where == "imageFrameId"


def test_only_the_latest_version_can_be_changed() -> None:
    found = image_set(SetState.ACTIVE)
    require_version(found, 3)
    for other in (2, 4):
        with pytest.raises(Conflict, match=f"is 3, the request names {other}"):
            require_version(found, other)


@pytest.mark.parametrize("state", SetState)
def test_only_an_active_image_set_can_be_changed(state: SetState) -> None:
    if state is SetState.ACTIVE:
        require_unlocked(image_set(state))
        return
    with pytest.raises(Conflict, match=f"{state} .UPDATING., expected ACTIVE"):
        require_unlocked(image_set(state))


def test_where_nobody_watches_work_goes_on() -> None:
    watch = Unobserved()
    watch.noted("staged", read=1, stored=1)
    done = []
    with watch.phase("ingest"):
        done.append("ingest")
    assert done == ["ingest"]
    with pytest.raises(Conflict, match="not hidden"), watch.phase("publish"):
        raise Conflict("not hidden")
