"""GIFs: Pillow reads what was written."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from iryo.dicom.gif import gif


def read(data: bytes) -> list[tuple[Any, dict[str, Any]]]:
    found: list[tuple[Any, dict[str, Any]]] = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(
                (
                    np.asarray(image.convert("RGB")),
                    {str(key): value for key, value in image.info.items()},
                )
            )
    return found


@given(
    st.lists(arrays(np.uint8, (5, 7)), min_size=1, max_size=4),
    st.lists(st.integers(2, 65535), min_size=4, max_size=4),
)
def test_grey_is_written_as_it_is(images: list[Any], delays: list[int]) -> None:
    found = read(b"".join(gif(images, delays)))
    assert len(found) == len(images)
    for (image, info), wanted, delay in zip(found, images, delays, strict=False):
        assert np.array_equal(image, np.repeat(wanted[:, :, None], 3, axis=2))
        assert (info["duration"], info["loop"]) == (delay * 10, 0)


@given(arrays(np.uint8, (6, 9, 3)))
def test_few_colours_are_written_as_they_are(image: Any) -> None:
    ((found, info),) = read(b"".join(gif([image])))
    assert np.array_equal(found, image)
    assert "duration" not in info


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (512, 512)])
def test_sizes(size: tuple[int, int]) -> None:
    image = np.random.default_rng(5).integers(0, 256, size, dtype=np.uint8)
    ((found, _),) = read(b"".join(gif([image])))
    assert np.array_equal(found[:, :, 1], image)


def test_many_colours_become_similar_ones() -> None:
    """Also rare ones: a red mark in a picture of many greys and blues."""
    across, down = np.meshgrid(np.arange(200), np.arange(200))
    image = np.stack([across, (across + down) // 2, down], axis=2).astype(np.uint8)
    image[3, 4] = 255, 0, 0
    ((found, _),) = read(b"".join(gif([image, image], ())))[:1]
    distance = np.abs(found.astype(int) - image.astype(int)).max(axis=2)
    assert distance.max() <= 16
    assert tuple(found[3, 4]) == (255, 0, 0)
    assert len(np.unique(found.reshape(-1, 3), axis=0)) <= 256
