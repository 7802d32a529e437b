"""What a client accepts (RFC 9110 12.5.1), held against what can be given, as PS3.18 8.7 has it.

A range with a transfer syntax takes forms in that syntax, ``*`` in any; one without takes those
forms that are the default of their media type (PS3.18 8.7.3.5.2). Clients that write their
parameters without quotes or in another case are understood; members of the list that are no ranges
are passed over.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from iryo.errors import InvalidInput, NotAcceptable
from iryo.wire.media import MediaType, media_type, split_list

__all__ = ["ANYTHING", "MULTIPART", "Form", "MediaRange", "acceptable", "choose", "ranges"]

ANYTHING: Final = "*/*"
MULTIPART: Final = "multipart/related"
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_REMEMBERED: Final = 1024  # characters of a header that is parsed once only


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which something can be given.

    Attributes:
        media_type: in lower case, such as ``image/jphc``.
        transfer_syntax: a UID; None where there is no such thing.
        multipart: whether it is given as parts of ``multipart/related``, or alone.
        default: whether it may be given to who names no transfer syntax.
    """

    media_type: str
    transfer_syntax: str | None = None
    multipart: bool = False
    default: bool = True

    @property
    def content_type(self) -> str:
        """The Content-Type of a body, or of each part, in this form."""
        if self.transfer_syntax is None:
            return self.media_type
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}"

    def __str__(self) -> str:
        if not self.multipart:
            return self.content_type
        tail = self.content_type[len(self.media_type) :]
        return f'{MULTIPART}; type="{self.media_type}"{tail}'


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One member of Accept.

    Attributes:
        type: what parts are to be where `multipart` is true, else what the body is to be: as
            ``image/jpeg``, ``image/*`` or ``*/*``, in lower case.
        multipart: whether it is about ``multipart/related``; None: ``*/*``, about both.
        transfer_syntax: a UID, ``*`` for any, None where none is named.
        quality: 0 to 1; 0 is what must not be given.
    """

    type: str
    multipart: bool | None
    transfer_syntax: str | None
    quality: float

    def takes(self, form: Form) -> bool:
        """Whether the form is within the range."""
        if self.multipart is not None and self.multipart != form.multipart:
            return False
        if self.type not in (ANYTHING, form.media_type):
            main = self.type.removesuffix("*")
            if main == self.type or not form.media_type.startswith(main):
                return False
        if self.transfer_syntax is None:
            return form.default
        return self.transfer_syntax in ("*", form.transfer_syntax)

    @property
    def precision(self) -> tuple[int, int]:
        """How much the range says: the more, the more it counts for the forms within it."""
        kind = 0 if self.type == ANYTHING else 1 if self.type.endswith("/*") else 2
        if self.multipart:
            kind += 3
        syntax = 0 if self.transfer_syntax is None else 1 if self.transfer_syntax == "*" else 2
        return kind, syntax


def acceptable(header: str | None, query: Iterable[str] = ()) -> tuple[MediaRange, ...]:
    """What a request accepts.

    Args:
        header: of the name Accept; None or nothing: anything.
        query: values of the query parameter ``accept``, which goes before the header (PS3.18
            8.3.3.1). A ``+`` that nobody escaped has become a space there.
    """
    asked = ",".join(value.replace(" json", "+json").replace(" xml", "+xml") for value in query)
    text = asked or header or ANYTHING
    return ranges(text) if len(text) <= _REMEMBERED else _ranges(text)


def _ranges(text: str) -> tuple[MediaRange, ...]:
    found = []
    for member in split_list(text):
        try:
            one = _range(media_type("*/*" + member[1:] if _bare_star(member) else member))
        except InvalidInput:
            continue
        if one is not None:
            found.append(one)
    return tuple(found)


@lru_cache(maxsize=1024)
def ranges(text: str) -> tuple[MediaRange, ...]:
    """The members of an Accept header; those that are no media ranges are left out."""
    return _ranges(text)


def _bare_star(member: str) -> bool:
    # As Java's URLConnection sends it: *; q=.2
    return member.startswith("*") and not member.startswith("*/")


def _range(given: MediaType) -> MediaRange | None:
    quality = given.parameters.get("q", "1")
    quality = f"0{quality}" if quality.startswith(".") else quality
    if _QUALITY.fullmatch(quality) is None:
        return None
    kind, multipart = given.essence, None if given.type == "*" else False
    if given.type == "multipart":
        kind, multipart = given.parameters.get("type", ANYTHING).strip().lower(), True
    syntax = given.parameters.get("transfer-syntax")
    return MediaRange(kind, multipart, syntax and syntax.strip(), float(quality))


def choose(accepted: Sequence[MediaRange], forms: Sequence[Form]) -> Form:
    """The form to give: of the greatest quality; of those what the client names first.

    For each form the range that says most of it counts (RFC 9110 12.5.1).

    Args:
        accepted: of `acceptable`.
        forms: what can be given, the best first.

    Raises:
        NotAcceptable: the client takes none; the message lists them.
    """
    best: Form | None = None
    best_rank = (0.0, 0)
    for form in forms:
        counting: MediaRange | None = None
        place = 0
        for at, one in enumerate(accepted):
            if one.takes(form) and (counting is None or one.precision > counting.precision):
                counting, place = one, at
        if counting is None or not counting.quality:
            continue
        rank = (counting.quality, -place)
        if best is None or rank > best_rank:
            best, best_rank = form, rank
    if best is None:
        listed = ", ".join(dict.fromkeys(str(form) for form in forms))
        raise NotAcceptable(
            f"found an Accept that takes nothing of this, expected one of: {listed}"
        )
    return best
