"""CBOR against cbor2, the specification's examples, and bytes of any kind."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire import cbor

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_we_write_cbor2_reads_and_the_other_way_round(value: Any) -> None:
    assert cbor2.loads(cbor.dumps(value)) == value
    assert cbor.loads(cbor2.dumps(value)) == value
    assert cbor.loads(cbor2.dumps(value, canonical=True)) == value  # short floats among others
    assert cbor.loads(cbor.dumps(value)) == value


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65535, 65536])
def test_heads_of_every_size(size: int) -> None:
    for value in ("a" * size, b"a" * size, [0] * size, size, -1 - size):
        assert cbor.dumps(value) == cbor2.dumps(value)
        assert cbor.loads(cbor.dumps(value)) == value


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_timestamps(moment: datetime) -> None:
    assert cbor2.loads(cbor.dumps(moment)) == moment
    found = cbor.loads(cbor.dumps(moment))
    assert type(found) is cbor.Timestamp
    assert round(found * 10**6) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def test_a_timestamp_without_its_zone_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        cbor.dumps(datetime(2026, 1, 1))  # noqa: DTZ001
    there = timezone(timedelta(hours=9))
    assert cbor.dumps(datetime(1970, 1, 1, 9, tzinfo=there)) == bytes.fromhex("c100")


# RFC 8949 appendix A: those that this protocol may meet.
@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("1bffffffffffffffff", 18446744073709551615),
        ("3bffffffffffffffff", -18446744073709551616),
        ("f90001", 5.960464477539063e-8),
        ("fa47c35000", 100000.0),
        ("fbc010666666666666", -4.1),
        ("f97c00", math.inf),
        ("f9fc00", -math.inf),
        ("f7", None),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("9fff", []),
        ("bfff", {}),
        ("c11a514b67b0", 1363896240.0),
        ("c1fb41d452d9ec200000", 1363896240.5),
    ],
)
def test_examples_of_the_specification(raw: str, value: Any) -> None:
    assert cbor.loads(bytes.fromhex(raw)) == value


def test_not_a_number() -> None:
    assert math.isnan(cbor.loads(bytes.fromhex("f97e00")))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("", "1 bytes expected at 0, 0 found"),
        ("18", "1 bytes expected"),
        ("1c", "reserved additional information 28"),
        ("1f", "without its length"),
        ("62ff", "2 bytes expected"),
        ("61ff", "not UTF-8"),
        ("9bffffffffffffffff", "more than bytes are left"),
        ("bbffffffffffffffff", "more than bytes are left"),
        ("9f01", "break expected"),
        ("5f6161ff", "another kind"),
        ("5f5f4101ffff", "another kind"),
        ("a10102", "key that is not text"),
        ("0000", "1 bytes after"),
        ("c074323031332d30332d32315432303a30343a30305a", "tag 0"),
        ("c249010000000000000000", "tag 2"),
        ("c1f5", "tag 1"),
        ("c16161", "tag 1"),
        ("d81c80", "tag 28"),
        ("f818", "simple value 24"),
        ("ff", "simple value 31"),
        ("81" * 70 + "00", "deeper than 64"),
        ("9f" * 70, "deeper than 64"),
        ("c1" * 70 + "00", "deeper than 64"),
    ],
)
def test_faults(raw: str, words: str) -> None:
    with pytest.raises(cbor.CborError, match=words):
        cbor.loads(bytes.fromhex(raw))


def test_what_has_no_place() -> None:
    with pytest.raises(TypeError, match="set"):
        cbor.dumps({"a": {1}})


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    try:
        value = cbor.loads(data)
    except cbor.CborError:
        return
    # NaN aside, what is read is what it says.
    assert repr(cbor.loads(cbor2.dumps(value))) == repr(value)
