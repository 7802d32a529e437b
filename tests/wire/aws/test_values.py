"""Single values, header lists and routes, apart from any service."""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.wire.aws.headers import read_list, write_list
from iryo.wire.aws.routes import Route, Routes, decode
from iryo.wire.aws.values import Notation, Unreadable, reader, writer
from iryo.wire.cbor import Timestamp

MOMENT = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)


NOTATIONS: tuple[Notation, ...] = ("json", "cbor")


class TestTimestamps:
    @pytest.mark.parametrize("form", ["unixTimestamp", "iso8601", "rfc822"])
    @pytest.mark.parametrize("notation", ["json", "text", "header"])
    @given(
        moment=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001
        hours=st.integers(-12, 14),
    )
    def test_in_every_form(
        self, form: str, notation: Notation, moment: datetime, hours: int
    ) -> None:
        moment = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
        if form == "rfc822":
            moment = moment.replace(microsecond=0)
        write = writer("timestamp", notation, form)
        assert write is not None
        assert reader("timestamp", notation, form)(write(moment)) == moment

    def test_as_they_are_written(self) -> None:
        def written(form: str, moment: datetime = MOMENT) -> Any:
            write = writer("timestamp", "json", form)
            assert write is not None
            return write(moment)

        assert written("iso8601") == "2026-11-25T12:00:00.123456Z"
        assert written("iso8601", MOMENT.replace(microsecond=0)) == "2026-11-25T12:00:00Z"
        assert written("rfc822") == "Wed, 25 Nov 2026 12:00:00 GMT"
        assert written("unixTimestamp") == 1795608000.123456
        assert written("unixTimestamp", MOMENT.replace(microsecond=0)) == 1795608000
        for form in ("iso8601", "unixTimestamp"):
            with pytest.raises((TypeError, ValueError)):
                written(form, MOMENT.replace(tzinfo=None))

    @pytest.mark.parametrize(
        ("form", "raw"),
        [
            ("iso8601", "2026-11-25T12:00:00.123456Z"),
            ("iso8601", "2026-11-25T21:00:00.123456+09:00"),
            ("iso8601", "2026-11-25T12:00:00.123456"),
            ("unixTimestamp", 1795608000.123456),
        ],
    )
    def test_as_they_are_read(self, form: str, raw: Any) -> None:
        assert reader("timestamp", "json", form)(raw) == MOMENT

    def test_a_date_of_rfc_822_without_its_zone(self) -> None:
        read = reader("timestamp", "json", "rfc822")
        assert read("Wed, 25 Nov 2026 12:00:00 -0000") == MOMENT.replace(microsecond=0)

    @pytest.mark.parametrize(
        ("notation", "form", "raw"),
        [
            ("json", "unixTimestamp", "1795608000"),
            ("json", "unixTimestamp", True),
            ("json", "unixTimestamp", 1e300),
            ("json", "unixTimestamp", 10**18),
            ("json", "iso8601", 1795608000),
            ("json", "iso8601", "yesterday"),
            ("json", "iso8601", "0001-01-01T00:00:00+23:59"),
            ("json", "rfc822", "2026-11-25T12:00:00Z"),
            ("json", "rfc822", None),
            ("text", "unixTimestamp", "NaN"),
            ("text", "unixTimestamp", "soon"),
            ("cbor", "unixTimestamp", 1795608000),
            ("cbor", "unixTimestamp", Timestamp("inf")),
        ],
    )
    def test_what_is_none(self, notation: Notation, form: str, raw: Any) -> None:
        with pytest.raises(Unreadable, match="timestamp"):
            reader("timestamp", notation, form)(raw)


class TestNumbers:
    @pytest.mark.parametrize("notation", ["json", "text"])
    @given(value=st.floats())
    def test_floats(self, notation: Notation, value: float) -> None:
        write = writer("double", notation, "")
        assert write is not None
        found = reader("double", notation, "")(write(value))
        assert found == value or (math.isnan(found) and math.isnan(value))

    @pytest.mark.parametrize(
        ("notation", "raw"),
        [
            ("json", "1"),
            ("json", True),
            ("json", None),
            ("json", "nan"),
            ("cbor", "NaN"),
            ("cbor", True),
            ("text", "1_0"),
            ("text", "inf"),
            ("text", ""),
            ("text", "1e"),
            ("text", "٣"),
            ("text", "1" * 500),
        ],
    )
    def test_what_is_no_float(self, notation: Notation, raw: Any) -> None:
        with pytest.raises(Unreadable, match="a number"):
            reader("float", notation, "")(raw)

    def test_integers_that_stand_for_floats(self) -> None:
        for notation in NOTATIONS:
            found = reader("float", notation, "")(5)
            assert (found, type(found)) == (5.0, float)

    @pytest.mark.parametrize(
        ("kind", "bits"), [("byte", 8), ("short", 16), ("integer", 32), ("long", 64)]
    )
    def test_integers_have_their_bits(self, kind: str, bits: int) -> None:
        edge = 1 << bits - 1
        for notation in NOTATIONS:
            read = reader(kind, notation, "")
            assert (read(edge - 1), read(-edge)) == (edge - 1, -edge)
            for beyond in (edge, -edge - 1):
                with pytest.raises(Unreadable):
                    read(beyond)
        text = reader(kind, "text", "")
        assert (text(str(edge - 1)), text(str(-edge)), text("+1")) == (edge - 1, -edge, 1)
        for wrong in (str(edge), "--1", "", "-", "1.0", " 1", "1_0", "٣"):
            with pytest.raises(Unreadable):
                text(wrong)

    def test_flags(self) -> None:
        write = writer("boolean", "header", "")
        assert write is not None
        assert (write(True), write(False)) == ("true", "false")
        assert writer("boolean", "json", "") is None
        assert writer("integer", "text", "") is str

    def test_a_type_that_is_not_known(self) -> None:
        with pytest.raises(ValueError, match="quaternion"):
            reader("quaternion", "json", "")


class TestBlobs:
    @given(st.binary())
    def test_in_base64(self, value: bytes) -> None:
        write = writer("blob", "json", "")
        assert write is not None
        assert reader("blob", "json", "")(write(memoryview(value))) == value

    def test_in_cbor(self) -> None:
        write = writer("blob", "cbor", "")
        assert write is not None
        assert write(bytearray(b"a")) == b"a"
        with pytest.raises(Unreadable, match="byte string"):
            reader("blob", "cbor", "")("YQ==")


class TestHeaderLists:
    @given(st.lists(st.text('ab ,"\\', min_size=1).map(str.strip).filter(bool), min_size=1))
    def test_what_is_written_is_read(self, items: list[str]) -> None:
        # A backslash alone needs no quotes; before a quote it is escaped with it.
        assert read_list(write_list(items, quoted=True), dates=False) == items

    @pytest.mark.parametrize(
        ("text", "items"),
        [
            ("a, b ,c", ["a", "b", "c"]),
            ("", [""]),
            ("a,", ["a", ""]),
            ('"a,b", c', ["a,b", "c"]),
            (r'"a\"b","\\"', ['a"b', "\\"]),
            ('"a" junk, b', ["a", "b"]),
            ('"a', ["a"]),
            ('"a\\', ["a\\"]),
        ],
    )
    def test_as_they_are_read(self, text: str, items: list[str]) -> None:
        assert read_list(text, dates=False) == items

    def test_dates_hold_a_comma_each(self) -> None:
        text = "Wed, 25 Nov 2026 12:00:00 GMT, Thu, 26 Nov 2026 12:00:00 GMT"
        assert read_list(text, dates=True) == [
            "Wed, 25 Nov 2026 12:00:00 GMT",
            "Thu, 26 Nov 2026 12:00:00 GMT",
        ]
        assert write_list(["1", "2"], quoted=False) == "1,2"


class TestRoutes:
    TEMPLATES = (
        "/run",
        "/run/{id}",
        "/run/batch",
        "/run/{id}/task/{task}",
        "/run/{id}/task/all",
        "/files/{path+}",
        "/files/{path+}/meta/{kind}",
        "/jobs/{id}?operation=stop",
        "/jobs/{id}?operation=stop&force",
        "/jobs/{id}",
    )

    @pytest.mark.parametrize(
        ("path", "query", "template", "labels"),
        [
            ("/run", {}, "/run", []),
            ("/run/1", {}, "/run/{id}", ["1"]),
            ("/run/batch", {}, "/run/batch", []),
            ("/run/a%2Fb", {}, "/run/{id}", ["a%2Fb"]),
            ("/run/1/task/all", {}, "/run/{id}/task/all", ["1"]),
            ("/run/1/task/2", {}, "/run/{id}/task/{task}", ["1", "2"]),
            ("/files/a/b//c", {}, "/files/{path+}", ["a/b//c"]),
            ("/files/a/b/meta/c", {}, "/files/{path+}/meta/{kind}", ["a/b", "c"]),
            ("/jobs/1", {}, "/jobs/{id}", ["1"]),
            ("/jobs/1", {"operation": ["go"]}, "/jobs/{id}", ["1"]),
            ("/jobs/1", {"operation": ["stop"]}, "/jobs/{id}?operation=stop", ["1"]),
            (
                "/jobs/1",
                {"operation": ["stop"], "force": [""]},
                "/jobs/{id}?operation=stop&force",
                ["1"],
            ),
            ("/", {}, None, []),
            ("/run/", {}, None, []),
            ("/run//task/1", {}, None, []),
            ("/files/", {}, None, []),
            ("/files", {}, None, []),
            ("/Run", {}, None, []),
            ("run", {}, None, []),
            ("", {}, None, []),
        ],
    )
    def test_match(
        self, path: str, query: dict[str, list[str]], template: str | None, labels: list[str]
    ) -> None:
        routes = Routes(Route.of("GET", each, each) for each in self.TEMPLATES)
        found = routes.match("GET", path, query)
        assert (found and found[0].target) == template
        assert found is None or found[1] == labels
        assert routes.match("POST", path, query) is None

    def test_labels_are_decoded(self) -> None:
        assert decode("a%2Fb+%E5%B1%B1") == "a/b+山"
        assert decode("%zz%") == "%zz%"
        assert decode("Ã©") == "é"  # bytes that came unencoded, read as latin-1
        with pytest.raises(UnicodeDecodeError):
            decode("%ff")


class TestWhatIsNoBlob:
    def test_in_cbor_a_blob_is_bytes_and_nothing_else(self) -> None:
        read = reader("blob", "cbor", "")
        assert read(b"\x00\xff") == b"\x00\xff"
        for raw in ("AP8=", 1, None, [0]):
            with pytest.raises(Unreadable, match="a byte string"):
                read(raw)

    def test_in_json_a_blob_is_base64_and_nothing_else(self) -> None:
        read = reader("blob", "json", "")
        assert read("AP8=") == b"\x00\xff"
        for raw in ("AP8", "A P8=", 1, b"AP8=", None):
            with pytest.raises(Unreadable, match="base64 text"):
                read(raw)
