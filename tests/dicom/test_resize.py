"""Pictures of another size: means stay, edges stay, Pillow's own filter agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from iryo.dicom.resize import fitted, resize


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 3000))
def test_what_fits_fills_one_side_and_keeps_the_ratio(
    rows: int, columns: int, width: int, height: int
) -> None:
    down, across = fitted((rows, columns), width, height)
    assert 1 <= down <= height
    assert 1 <= across <= width
    assert down == height or across == width


@pytest.mark.parametrize("size", [(40, 30), (64, 64), (128, 200), (300, 7)])
def test_as_pillow_does_it(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(7)
    image = generator.integers(0, 256, (128, 96), dtype=np.uint8)
    oracle = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    found = resize(image, *size)
    assert found.shape == size
    assert np.abs(found.astype(int) - np.asarray(oracle).astype(int)).max() <= 1


def test_colours_and_the_same_size() -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    image[..., 1] = 200
    assert resize(image, 8, 8) is image
    assert np.array_equal(np.unique(resize(image, 3, 5)[..., 1]), [200])
