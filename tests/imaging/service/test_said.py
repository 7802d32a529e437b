"""What headers say of pixels, remembered; and of many frames at once."""

import shutil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from iryo.dicom import Look, look
from iryo.dicom.looks import Table
from iryo.imaging.service.frames import Place, find
from iryo.imaging.service.retrieve import stored_instances
from iryo.imaging.service.said import Said
from tests.imaging.house import House


def test_large_tables_are_not_kept() -> None:
    said = Said()
    small, large = (Look(voi=Table(0, 16, np.zeros(size, np.int64))) for size in (256, 65536))
    said.remember("1", {1: small, 2: large})
    assert said.look("1", 1) is small
    assert said.look("1", 2) is None


@given(st.lists(st.integers(0, 9000), max_size=20))
def test_the_last_are_kept(numbers: list[int]) -> None:
    said = Said()
    said.remember("1", dict.fromkeys(range(4096), Look()))
    for number in numbers:
        said.remember("2", {number: Look(slope=number)})
        found = said.look("2", number)
        assert found is not None
        assert found.slope == number
    assert sum(said.look("1", number) is not None for number in range(4096)) == 4096 - len(
        set(numbers)
    )


def test_of_many_frames_the_header_is_read_once(house: House) -> None:
    folder = house.folder / "enhanced"
    folder.mkdir()
    shutil.copyfile(str(get_testdata_file("emri_small.dcm")), folder / "1.dcm")
    house.imported(folder)
    (image_set,) = house.sets()
    found = house.found(image_set)
    (one,) = stored_instances(house.room, house.store, found.study_uid)
    place = Place(house.store, one.study_uid, one.series_uid, one.sop_instance_uid)
    held, said = find(house.room, place), house.room.places.by_series.said
    looks = [look(held.header.instance, held.description, number) for number in range(10)]
    assert held.look(3) == looks[2]
    assert [said.look(one.key, number) for number in range(1, 11)] == looks
    assert (held.representative, held.description.frames) == (5, 10)
