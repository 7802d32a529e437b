"""Reading multipart bodies as they arrive (RFC 2046 5.1, RFC 2387), in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from iryo.errors import InvalidInput, TooLarge

__all__ = ["Part", "parts"]

_LONGEST_BOUNDARY: Final = 200  # RFC 2046 says 70, and Orthanc's plugin sends 73
# RFC 2046 5.1.1; and what real clients use besides: any visible character but the quote.
_BOUNDARY: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"'}
_PREAMBLE: Final = 64 << 10
_EPILOGUE: Final = 1 << 20
_HEADERS: Final = 16 << 10
_PADDING: Final = 256
_AFTER: Final = frozenset(b"\r\n \t-")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body.

    Attributes:
        headers: by name in lower case; of two of a name the first.
        body: its bytes, in pieces. They must be read before the next part is asked for: what is
            not read is passed over.
    """

    headers: Mapping[str, str]
    body: Iterator[bytes]


def parts(body: Iterable[bytes], boundary: str, *, most: int = 1_000_000) -> Iterator[Part]:
    """The parts of a body, one after the other; the body is read to its end.

    Line ends may be LF alone, as some clients write them.

    Args:
        body: in pieces, cut anywhere.
        boundary: of the Content-Type.
        most: parts that are taken.

    Raises:
        InvalidInput: the boundary cannot be one; the body is not divided by it, or breaks off.
        TooLarge: too many parts, or too much before, between or after them.
    """
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not set(boundary) <= _BOUNDARY:
        raise InvalidInput(
            f"found a boundary of {len(boundary)} characters, expected 1 to {_LONGEST_BOUNDARY} "
            "visible ones",
            where="boundary",
        )
    return _Reader(body, boundary).parts(most)


class _Reader:
    """The state of reading: what has come and is not yet given out."""

    def __init__(self, body: Iterable[bytes], boundary: str) -> None:
        self._pieces = iter(body)
        self._mark = b"\n--" + boundary.encode("ascii")
        # A boundary may stand at the very beginning: as if a line had ended before.
        self._held = bytearray(b"\r\n")

    def parts(self, most: int) -> Iterator[Part]:
        size = 0
        for piece in self._until_mark():
            size += len(piece)
            if size > _PREAMBLE:
                raise TooLarge("found no boundary at the beginning of the body")
        count = 0
        while self._more():
            count += 1
            if count > most:
                raise TooLarge(f"found more than {most} parts")
            headers = self._headers()
            # The line end after the headers may be the one before a boundary: of an empty part.
            self._held[:0] = b"\r\n"
            rest = self._until_mark(skip=2)
            yield Part(headers, rest)
            for _ in rest:
                pass
        size = len(self._held)
        for piece in self._pieces:
            size += len(piece)
            if size > _EPILOGUE:
                raise TooLarge("found too much after the last boundary")

    def _fill(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._held += piece
        return True

    def _until_mark(self, skip: int = 0) -> Iterator[bytes]:
        """What stands before the next boundary, which is taken too; without the first bytes."""
        held, mark = self._held, self._mark
        kept = len(mark) + 1  # what may be the beginning of one, and the CR before it
        scan = 0
        while True:
            at = held.find(mark, scan)
            if at >= 0:
                end = at + len(mark)
                while len(held) <= end and self._fill():
                    pass
                if len(held) > end and held[end] not in _AFTER:
                    scan = at + 1  # the beginning of another word
                    continue
                data = _copy(held, skip, at - (at > 0 and held[at - 1] == 0x0D))
                del held[:end]
                if data:
                    yield data
                return
            ready = len(held) - kept
            if ready > skip:
                data = _copy(held, skip, ready)
                del held[:ready]
                skip = 0
                yield data
            scan = 0
            if not self._fill():
                raise InvalidInput("found the end of the body, expected a boundary")

    def _more(self) -> bool:
        """After a boundary: whether a part follows; the rest of its line is taken."""
        while len(self._held) < 2 and self._fill():
            pass
        if self._held.startswith(b"--"):
            return False
        line = self._line(_PADDING)
        if line.strip(b" \t"):
            raise InvalidInput("found something else after a boundary on its line")
        return True

    def _line(self, most: int) -> bytes:
        """A line without its end."""
        while (at := self._held.find(b"\n")) < 0:
            if len(self._held) > most:
                raise TooLarge(f"found a line of more than {most} bytes between parts")
            if not self._fill():
                raise InvalidInput("found the end of the body, expected a part")
        if at > most:
            raise TooLarge(f"found a line of more than {most} bytes between parts")
        line = bytes(self._held[:at]).removesuffix(b"\r")
        del self._held[: at + 1]
        return line

    def _headers(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        left = _HEADERS
        last = ""
        while line := self._line(left):
            left -= len(line)
            text = line.decode("latin-1")
            if text[0] in " \t" and last:  # goes on from the line before: RFC 5322 2.2.3
                found[last] += " " + text.strip()
                continue
            name, colon, value = text.partition(":")
            if not colon:
                raise InvalidInput("found a header of a part without a colon")
            last = name.strip().lower()
            found.setdefault(last, value.strip())
        return found


def _copy(held: bytearray, begin: int, end: int) -> bytes:
    """Some of it as bytes, in one copy: a slice would be another."""
    with memoryview(held) as view:
        return bytes(view[begin:end])
