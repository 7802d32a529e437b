"""For how long each frame of a moving picture is seen (PS3.3 C.7.6.5)."""

from typing import Any

import pytest

from iryo.dicom import read
from iryo.imaging.service.rendering import frame_delays
from tests.dicom.pixel_build import header, write


@pytest.mark.parametrize(
    ("attributes", "delays"),
    [
        ({}, [10, 10, 10]),
        ({"FrameTime": "33.3"}, [3, 3, 3]),
        ({"FrameTimeVector": ["0", "100", "250"]}, [10, 25, 25]),
        ({"FrameTimeVector": ["0", "100"], "FrameTime": "40"}, [4, 4, 4]),  # of other frames
        ({"RecommendedDisplayFrameRate": "20"}, [5, 5, 5]),
        ({"CineRate": "0"}, [10, 10, 10]),
        ({"CineRate": "1000"}, [2, 2, 2]),
        ({"FrameTime": "1e12"}, [65535] * 3),
    ],
)
def test_delays(attributes: dict[str, Any], delays: list[int]) -> None:
    assert frame_delays(read(write(header(**attributes))), 3) == delays
