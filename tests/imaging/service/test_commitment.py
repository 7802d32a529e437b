"""Which instances are safe, on both kinds of database."""

from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file

from iryo.imaging.service.commitment import held_classes
from iryo.imaging.service.receive import Reception, Sender
from tests.imaging.house import House

CT = "1.2.840.10008.5.1.4.1.1.2"


def test_visible_waiting_and_unknown(house: House, tmp_path: Path) -> None:
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    one = pydicom.dcmread(path)
    visible = str(one.SOPInstanceUID)
    folder = tmp_path / "files"
    folder.mkdir()
    one.save_as(folder / "1.dcm")
    house.imported(folder)
    waiting = pydicom.uid.UID("1.2.3.4.777")
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = waiting
    one.save_as(tmp_path / "2.dcm")
    asked = [visible, waiting, "1.2.3.999", *(f"1.2.3.{number}" for number in range(1200))]
    assert held_classes(house.room, house.store, asked) == {visible: {CT}}
    reception = Reception(house.room, house.store, Sender("T", "here", "1", "C-STORE"))
    reception.add([(tmp_path / "2.dcm").read_bytes()])
    assert held_classes(house.room, house.store, asked) == {visible: {CT}}
    reception.commit()
    assert held_classes(house.room, house.store, asked) == {visible: {CT}, waiting: {CT}}
    assert held_classes(house.room, "another", asked) == {}
