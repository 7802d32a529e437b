"""Multipart bodies, cut anywhere; against Python's own reader of mail."""

import contextlib
import email
import email.policy
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.errors import InvalidInput, TooLarge
from iryo.wire.multipart import parts

TEXT = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"))
BOUNDARY = st.text(alphabet="abcXYZ019'()+_,-./:=? ", min_size=1, max_size=70).filter(
    lambda text: text == text.strip()
)
BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"-", b"b", b"\r\n--b", b"\n--bo", b"x" * 50])
).map(b"".join)


def written(boundary: str, some: list[bytes], end: bytes = b"\r\n") -> bytes:
    """A body as RFC 2046 has it."""
    mark = b"--" + boundary.encode()
    body = b"".join(
        mark + end + b"Content-Type: application/dicom" + end + end + one + end for one in some
    )
    return body + mark + b"--" + end


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    at = 0
    for place in sorted(p % (len(data) + 1) for p in places):
        if place > at:
            yield data[at:place]
            at = place
    yield data[at:]


def read(body: Iterator[bytes] | list[bytes], boundary: str, most: int = 100) -> list[bytes]:
    return [b"".join(part.body) for part in parts(body, boundary, most=most)]


@given(BOUNDARY, st.lists(BYTES, max_size=5), st.lists(st.integers(0), max_size=20))
def test_parts_come_back_however_the_body_is_cut(
    boundary: str, some: list[bytes], places: list[int]
) -> None:
    mark = b"\n--" + boundary.encode()
    some = [one for one in some if mark not in b"\n" + one + b"\r\n"]
    body = written(boundary, some)
    if not some:
        body = b"--" + boundary.encode() + b"--"
    assert read(cut(body, places), boundary) == some


@given(st.lists(BYTES.filter(lambda one: b"\n--b" not in b"\n" + one), min_size=1, max_size=4))
def test_the_same_parts_as_mail_has(some: list[bytes]) -> None:
    body = b"preamble\r\n" + written("b", some) + b"epilogue"
    head = b'Content-Type: multipart/related; boundary="b"\r\n\r\n'
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    mine = list(parts([body], "b"))
    assert len(mine) == len(list(message.iter_parts())) == len(some)


@given(st.binary(max_size=300), st.lists(st.integers(0), max_size=5))
def test_nonsense_is_refused_or_read(data: bytes, places: list[int]) -> None:
    for body in (data, b"--b\r\n" + data, b"--b\r\n\r\n" + data + b"\r\n--b--"):
        with contextlib.suppress(InvalidInput):
            read(cut(body, places), "b")


def test_a_boundary_as_long_as_orthanc_makes_it() -> None:
    boundary = "-".join(["d3dda362-772a-41bd-be29-58f01aa10b81"] * 2)
    assert read([written(boundary, [b"data"])], boundary) == [b"data"]


def test_headers_of_a_part() -> None:
    body = (
        b"--b  \r\nContent-Type: application/dicom;\r\n transfer-syntax=1.2\r\nX: 1\r\nx: 2\r\n"
        b"Content-Location:\thttp://a\r\n\r\ndata\r\n--b--"
    )
    ((part),) = [part.headers for part in parts([body], "b")]
    assert part == {
        "content-type": "application/dicom; transfer-syntax=1.2",
        "x": "1",
        "content-location": "http://a",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\n\ndata\n--b--\n", [b"data"]),  # line ends of LF alone
        (b"--b\r\n\r\n--b\r\n\r\n\r\n--b--", [b"", b""]),  # empty, as two ways have it
        (b"--b\r\n\r\n--bc\r\n--b--", [b"--bc"]),  # the beginning of another word
        (b"--b\r\n\r\nx\r\n--b- \r\n--b--", [b"x\r\n--b- "]),
        (b"--b--", []),
    ],
)
def test_odd_but_good(body: bytes, expected: list[bytes]) -> None:
    if b"--b- " in body:
        with pytest.raises(InvalidInput):
            read([body], "b")
        return
    assert read([body], "b") == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing",
        b"--b",
        b"--b\r\n",
        b"--b\r\nX: 1\r\n\r\ndata",
        b"--b\r\n\r\ndata\r\n--b",  # cut off just there
        b"--b\r\nno colon\r\n\r\n--b--",
        b"--b junk\r\n\r\n--b--",
        b"--other\r\n\r\ndata\r\n--other--",
    ],
)
def test_what_breaks_off_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read([body], "b")


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 70_000,
        b"--b" + b" " * 1000 + b"\r\n\r\n--b--",
        b"--b\r\nX: " + b"x" * 20_000 + b"\r\n\r\n--b--",
        b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\n--b--",
        b"--b--" + b"x" * (2 << 20),
        b"--b\r\n\r\n" * 200 + b"--b--",
    ],
)
def test_too_much_is_refused(body: bytes) -> None:
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    with pytest.raises(TooLarge):
        read(pieces, "b")


@pytest.mark.parametrize("boundary", ["", "x" * 201, 'a"b', "a\nb", "ü"])
def test_boundaries_that_cannot_be(boundary: str) -> None:
    with pytest.raises(InvalidInput, match="boundary"):
        parts([b""], boundary)


def test_what_is_not_read_is_passed_over() -> None:
    body = written("b", [b"x" * 100_000, b"second"])
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    assert [next(part.body)[:1] for part in parts(pieces, "b")] == [b"x", b"s"]


def test_memory_is_that_of_a_piece() -> None:
    largest = 0
    body = (b"x" * 65536 for _ in range(200))

    def whole() -> Iterator[bytes]:
        yield b"--b\r\n\r\n"
        yield from body
        yield b"\r\n--b--"

    for part in parts(whole(), "b"):
        for piece in part.body:
            largest = max(largest, len(piece))
    assert largest < 3 * 65536
