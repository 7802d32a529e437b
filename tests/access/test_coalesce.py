"""Reads of frames share rows, and no frame is left out."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iryo.access.coalesce import FRAME, FRAMES, UNTIL, coalesce

START = datetime(2026, 11, 25, tzinfo=UTC)


def row(second: int, resource: str, frame: str | None, **other: Any) -> dict[str, Any]:
    """One event as it goes into the table."""
    return {
        "at": START + timedelta(seconds=second),
        "actor": "K",
        "action": "GetImageFrame",
        "resource": resource,
        "scope": "s",
        "source": "::1",
        "outcome": "allowed",
        "request_id": f"r{second}",
        "detail": None if frame is None else {FRAME: frame},
        **other,
    }


def test_neighbours_become_one_row() -> None:
    (only,) = coalesce([row(0, "a", "f1"), row(1, "a", "f2"), row(2, "a", "f1")])
    assert only["at"] == START
    assert only["request_id"] == "r0"
    assert only["detail"] == {
        FRAMES: ["f1", "f2", "f1"],
        UNTIL: (START + timedelta(seconds=2)).isoformat(),
    }


def test_one_read_stays_as_it_is() -> None:
    assert coalesce([row(0, "a", "f1")]) == [row(0, "a", "f1")]


def test_another_reader_place_or_outcome_is_another_row() -> None:
    rows = [
        row(0, "a", "f"),
        row(1, "b", "f"),
        row(2, "a", "f", actor="L"),
        row(3, "a", "f", source="::2"),
        row(4, "a", "f", outcome="denied"),
        row(5, "a", None),
        row(6, "a", None, detail={FRAME: "f", "more": 1}),
    ]
    assert coalesce([dict(one) for one in rows]) == rows


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["f", "g", None])), max_size=40))
def test_every_read_is_told(reads: list[tuple[str, str | None]]) -> None:
    rows = [row(n, resource, frame) for n, (resource, frame) in enumerate(reads)]
    told = []
    for one in coalesce(rows):
        detail = one["detail"] or {}
        frames = detail.get(FRAMES) or [detail.get(FRAME)]
        told += [(one["resource"], frame) for frame in frames]
    assert sorted(told, key=str) == sorted(reads, key=str)


def test_a_row_is_bounded() -> None:
    made = coalesce([row(n, "a", f"f{n}") for n in range(1203)])
    assert [len(one["detail"][FRAMES]) for one in made] == [500, 500, 203]
