"""What is more than one image set can bear is told, and the rest goes in."""

from collections.abc import Sequence
from typing import Any

import pytest

from iryo.imaging.service import publish
from iryo.imaging.service.fitting import fitting
from tests.imaging.house import House
from tests.imaging.site import make_instance


def test_files_that_no_document_has_room_for_fail(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def tight(room: Any, context: Any, group: Sequence[Any]) -> list[Any]:
        sizes.extend(item.record["document_size"] for item in group)
        return fitting(room, context, group, most=sizes[0] + sizes[2])

    # What is new and short is published without: so there is an image set to add to.
    house.imported(make_instance(house.folder / "0.dcm", sop="1.2.3.1.0", number=0))
    monkeypatch.setattr(publish, "fitting", tight)
    for n, comment in ((1, "a"), (2, "b" * 9000), (3, "c")):
        make_instance(
            house.folder / "in" / f"{n}.dcm", sop=f"1.2.3.1.{n}", number=n, ImageComments=comment
        )
    summary = house.imported(house.folder / "in")
    assert sizes[1] > sizes[0] + 8000
    assert summary["numberOfImportedFiles"] == 2
    ((name, failure),) = house.failures(summary).items()
    assert name == "2.dcm"
    assert failure["exceptionType"] == "TooLarge"
    assert "the metadata that the import adds" in failure["message"]
    (image_set,) = house.sets()
    assert house.found(image_set).instance_count == 3
