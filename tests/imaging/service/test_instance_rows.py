"""What is remembered of instances: bounded, in order, and as the document says."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from iryo.imaging.attributes import Level, needed
from iryo.imaging.documents import InstanceDocument, compose, effective
from iryo.imaging.service.instance_rows import InstanceRows, SeriesRows


def document(numbers: list[str | None]) -> dict[str, Any]:
    """Of a series whose instances have these numbers, one written differently than the others."""
    series = {"SeriesInstanceUID": "1.2", "Modality": "CT"}
    parts = [
        InstanceDocument(
            f"1.2.{at}",
            {"PatientID": "P1"},
            {"StudyInstanceUID": "1"},
            series | ({"SeriesDescription": "other"} if at == 1 else {}),
            {"DICOM": {"InstanceNumber": number, "SOPInstanceUID": f"1.2.{at}", "Rows": at}},
        )
        for at, number in enumerate(numbers)
    ]
    return compose("d", "i", parts)


@given(st.lists(st.sampled_from(["1", " 2", "+3", "-4", "", None, "x", "10"]), min_size=1))
def test_rows_are_what_the_document_says_in_the_order_of_numbers(
    numbers: list[str | None],
) -> None:
    whole = document(numbers)
    rows = list(SeriesRows(whole))
    assert sorted(row.sop_instance_uid for row in rows) == sorted(
        f"1.2.{at}" for at in range(len(numbers))
    )
    expected = {"1": 1, " 2": 2, "+3": 3, "-4": -4, "10": 10}
    for row in rows:
        at = int(row.sop_instance_uid.rpartition(".")[2])
        assert row.number == expected.get(numbers[at] or "", 0)
        said = effective(whole, row.sop_instance_uid)
        assert row.said() == said
        for _ in range(2):  # made, and then remembered
            assert row.needed() == orjson.loads(orjson.dumps(needed(said, Level.INSTANCE)))
    assert rows == sorted(rows, key=lambda row: (row.number, row.sop_instance_uid))


def test_those_that_are_named_come_in_order() -> None:
    rows = SeriesRows(document(["3", "2", "1"]))
    named = [row.sop_instance_uid for row in rows.named(("1.2.0", "1.2.2", "9", "1.2.0"))]
    assert named == ["1.2.2", "1.2.0"]
    assert [row.number for row in rows.named(("1.2.1",))] == [2]
    assert list(rows.named(("9",))) == []


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4))))
def test_the_last_are_kept_and_all_fit(given: list[tuple[int, int]]) -> None:
    made = [SeriesRows(document(["1"] * count)) for count in range(5)[1:]]
    most = made[1].size * 3
    memory = InstanceRows(most, largest=made[2].size)
    for key, count in given:
        rows = made[count - 1]
        known = memory.find(str(key))
        memory.keep(str(key), rows)
        if known is not None:
            assert memory.find(str(key)) is known, "a document never changes"
        else:
            assert memory.find(str(key)) is (rows if count < 4 else None)
        kept = [found for key in range(7) if (found := memory.find(str(key)))]
        assert memory.size == sum(one.size for one in kept) <= most


def test_what_is_asked_for_stays() -> None:
    rows = SeriesRows(document(["1"]))
    memory = InstanceRows(2 * rows.size, largest=rows.size)
    memory.keep("a", rows)
    memory.keep("b", rows)
    assert memory.find("a") is rows
    memory.keep("c", rows)
    assert memory.find("b") is None
    assert memory.find("a") is rows
