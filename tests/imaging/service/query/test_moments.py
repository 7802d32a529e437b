"""Moments with offsets from UTC, beside the reckoning of Python's own `datetime`."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from iryo.imaging.service.query.matching import as_tree, holds
from iryo.imaging.service.query.moments import Moments, is_moment, split_moments
from iryo.imaging.service.query.question import Key

offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
# Aware ones, at least a day from the ends of what there are years for.
moments = st.builds(
    lambda moment, offset: moment.replace(tzinfo=timezone(offset)),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - made aware
    offsets,
)


def dt(moment: datetime, *, zone: bool = True) -> str:
    """As DICOM writes it."""
    offset = moment.strftime("%z") if zone else ""
    clock = f"{moment:%m%d%H%M%S}.{moment.microsecond:06}"
    return f"{moment.year:04}{clock}{offset}"


@given(moments, moments, moments, st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_ranges_are_of_moments_whatever_their_offsets(
    low: datetime, high: datetime, found: datetime, said: tuple[bool, bool, bool]
) -> None:
    """An offset stands with the value, or for all of the data set or the query."""
    texts = [dt(one, zone=own) for one, own in zip((low, high, found), said, strict=True)]
    expected = low <= found, found <= high
    its = found.strftime("%z")
    assert Moments(texts[0], "", low.strftime("%z")).have(texts[2], its) == expected[0]
    assert Moments("", texts[1], high.strftime("%z")).have(texts[2], its) == expected[1]


@given(moments, moments, offsets, st.sampled_from([4, 6, 8, 10, 12, 14]))
def test_less_precision_is_all_that_it_covers(
    wanted: datetime, found: datetime, offset: timedelta, digits: int
) -> None:
    zone = timezone(offset)
    text = dt(wanted.astimezone(zone), zone=False)[:digits]
    covers = dt(found.astimezone(zone), zone=False).startswith(text)
    key = f"{text}{wanted.astimezone(zone):%z}"
    assert Moments(key, key).have(dt(found), "") == covers


@given(moments, moments)
def test_without_an_offset_on_one_side_it_is_what_clocks_showed(
    wanted: datetime, found: datetime
) -> None:
    clocks = [one.replace(tzinfo=UTC) for one in (wanted, found)]
    assert Moments(dt(wanted), "").have(dt(found, zone=False), "") == (clocks[0] <= clocks[1])
    assert Moments("", dt(wanted, zone=False)).have(dt(found), "") == (clocks[1] <= clocks[0])


def test_what_is_no_moment_is_compared_as_a_text() -> None:
    for text, expected in {
        "00000101+0000": False, "20241301+0000": True, "20240230+0000": True,
        "2024+9900": True, "2022+9900": False, "x": False, "2024050x": True,
    }.items():  # fmt: skip
        assert Moments("2023+0000", "").have(text, "") == expected, text
    assert Moments("20240101235960+0000", "").have("20240102+0000", "")


def test_an_offset_is_no_end_of_a_range() -> None:
    assert is_moment("20240501-0500")
    assert split_moments("20240501-0500-20240502-0500") == ("20240501-0500", "20240502-0500")
    assert split_moments("20240501-20240502") == ("20240501", "20240502")
    assert split_moments("tomorrow") == ("", "")


def test_the_zone_of_a_data_set_counts_for_its_items_too() -> None:
    acquired, sequence, start = 0x0008002A, 0x00400275, 0x0040A13A
    moment = {"vr": "DT", "Value": ["20240501003000"]}
    tokyo = {"00080201": {"vr": "SH", "Value": ["+0900"]}, "0008002A": moment}
    tree = as_tree([Key((acquired,), "20240430153000+0000")])
    assert holds(tree, tokyo)
    assert not holds(tree, tokyo | {"00080201": {"vr": "SH"}})
    assert holds(as_tree([Key((acquired,), "20240430153000")], zone="+0000"), tokyo)
    within = as_tree([Key((sequence, start), "20240430153000+0000")])
    items = {"00400275": {"vr": "SQ", "Value": [{"0040A13A": moment}]}}
    assert holds(within, tokyo | items)
    assert not holds(within, items)
