"""What is remembered of frames, and for how long it is believed."""

from iryo.imaging.model import FramePlace
from iryo.imaging.service.known import KnownInstance
from iryo.imaging.service.places import Places

INSTANCE = KnownInstance("pack", "1.2", (0).to_bytes(8, "little") + (7).to_bytes(8, "little"))


def test_a_frame_table() -> None:
    assert INSTANCE.frame(0) == FramePlace("pack", 0, 7, "1.2")
    assert INSTANCE.frame(1) is None


def test_that_an_image_set_is_readable_is_believed_for_seconds() -> None:
    now = [0.0]
    places = Places(lambda: now[0])
    assert not places.readable("d", "s")
    places.believe("d", "s")
    now[0] = 4.9
    assert places.readable("d", "s")
    assert not places.readable("other", "s")
    now[0] = 5.1
    assert not places.readable("d", "s")


def test_places_last_and_belong_to_one_image_set_of_one_data_store() -> None:
    places = Places(lambda: 0.0)
    places.remember("d", "s", "k", INSTANCE)
    assert places.find("d", "s", "k") == INSTANCE
    assert places.find("d", "t", "k") is None
    assert places.find("e", "s", "k") is None


def test_a_change_is_asked_for_at_once() -> None:
    places = Places(lambda: 0.0)
    places.believe("d", "s")
    places.believe("d", "t")
    places.forget("s")
    assert not places.readable("d", "s")
    assert places.readable("d", "t")


def test_memory_is_bounded() -> None:
    places = Places(lambda: 0.0)
    for n in range(20_010):
        places.remember("d", "s", str(n), INSTANCE)
    assert places.find("d", "s", "0") is None
    assert places.find("d", "s", "20009") == INSTANCE
