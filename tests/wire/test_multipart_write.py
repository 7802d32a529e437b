"""Bodies of several parts: what we write, the standard library's parser and our own read."""

from collections.abc import Iterator
from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from iryo.wire.multipart import parts
from iryo.wire.multipart_write import (
    OutPart,
    content_type,
    gathered,
    new_boundary,
    one_part,
    written,
)

bodies = st.lists(st.binary(max_size=200) | st.sampled_from([b"\r\n--", b"--", b"\r\n"]))


def read(body: bytes, boundary: str) -> list[tuple[str, bytes]]:
    return [(one.headers["content-type"], b"".join(one.body)) for one in parts([body], boundary)]


@given(bodies.filter(bool))
def test_what_is_written_is_read(given: list[bytes]) -> None:
    boundary = new_boundary()
    made = [OutPart([("Content-Type", "image/jphc")], one) for one in given]
    body = b"".join(written(made, boundary))
    assert read(body, boundary) == [("image/jphc", one) for one in given]
    if len(made) == 1:
        assert one_part(made[0], boundary) == body


def test_another_parser_reads_it() -> None:
    boundary = new_boundary()
    made = [
        OutPart([("Content-Type", "text/plain"), ("Content-Location", f"/{n}")], iter([b"a", b"b"]))
        for n in range(3)
    ]
    head = f"Content-Type: {content_type('text/plain', boundary)}\r\n\r\n".encode()
    message = message_from_bytes(head + b"".join(written(made, boundary)))
    found = [(one["content-location"], one.get_payload()) for one in message.walk()][1:]
    assert found == [(f"/{n}", "ab") for n in range(3)]
    assert message.get_param("type") == "text/plain"


def test_parts_are_asked_for_one_at_a_time() -> None:
    asked = []

    def made() -> Iterator[OutPart]:
        for number in range(3):
            asked.append(number)
            yield OutPart([("Content-Type", "a/b")], [b"x"])

    pieces = written(made(), new_boundary())
    next(pieces)
    next(pieces)
    assert asked == [0]
    assert b"".join(pieces).endswith(b"--\r\n")
    assert one_part(OutPart([("Content-Type", "a/b")], iter([b"x", b"y"])), "b").count(b"xy") == 1


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_fewer_pieces(pieces: list[bytes], least: int) -> None:
    found = list(gathered(iter(pieces), least))
    assert b"".join(found) == b"".join(pieces)
    assert all(len(one) >= least for one in found[:-1])
    assert b"" not in found
