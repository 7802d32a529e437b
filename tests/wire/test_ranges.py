"""Byte ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire.ranges import UNSATISFIABLE, byte_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-4095", (0, 4096)),
        ("bytes=0-0", (0, 1)),
        ("bytes=9990-", (9990, 10000)),
        ("bytes=9990-99999999", (9990, 10000)),
        ("bytes=-10", (9990, 10000)),
        ("bytes=-99999", (0, 10000)),
        ("Bytes = 1 - 2", (1, 3)),
        ("bytes=10000-", UNSATISFIABLE),
        ("bytes=-0", UNSATISFIABLE),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 200, None),
        ("bytes=١-", None),
        ("", None),
        (None, None),
    ],
)
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, 10000) == expected


@given(st.text(max_size=120) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(1, 50))
def test_a_part_is_never_empty_nor_beyond_the_end(header: str, size: int) -> None:
    found = byte_range(header, size)
    assert found in (None, UNSATISFIABLE) or 0 <= found[0] < found[1] <= size
