"""The page on hardware is what its script computes."""

import pytest

from scripts.hardware import PAGE, SIZES, figures, render


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "run python scripts/hardware.py"


@pytest.mark.parametrize("size", [size for _, size in SIZES])
def test_parts_fit_together(size: float) -> None:
    told = figures(size)
    assert all(told.values())
    ten = figures(size * 10)
    assert told.keys() == ten.keys()
    assert told["mean size of a pack"] == ten["mean size of a pack"]
