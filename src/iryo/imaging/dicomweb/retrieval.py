"""What all retrievals (PS3.18 10.4) have in common: names in the path, Accept, caching."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from iryo.errors import InvalidInput
from iryo.imaging.dicomweb.call import Call
from iryo.imaging.service.frames import Place
from iryo.imaging.service.retrieve import resource_path
from iryo.wire.accept import Form, acceptable, choose
from iryo.wire.http import Response
from iryo.wire.media import split_list

__all__ = [
    "OCTETS",
    "accepts_gzip",
    "chosen",
    "image_set_id",
    "kept_headers",
    "location",
    "not_modified",
    "place_of",
    "single",
]

OCTETS: Final = "application/octet-stream"
_IMAGE_SET: Final = re.compile(r"[0-9a-z]{32}")
_OFF: Final = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*($|;)")


def single(call: Call, name: str) -> str | None:
    """The value of a query parameter that stands at most once.

    Raises:
        InvalidInput: it stands there twice.
    """
    found = call.values(name)
    if len(found) > 1:
        raise InvalidInput(f"found {name} {len(found)} times, expected it once", where=name)
    return found[0] if found else None


def image_set_id(call: Call) -> str | None:
    """The image set that ``imageSetId`` names, as AWS HealthImaging has it; None: the primary one.

    Raises:
        InvalidInput: it cannot be an id.
    """
    text = single(call, "imageSetId")
    if text is not None and _IMAGE_SET.fullmatch(text) is None:
        raise InvalidInput(
            "found no image set id, expected 32 characters of [0-9a-z]", where="imageSetId"
        )
    return text


def place_of(call: Call) -> Place:
    """The instance that the path names."""
    path = call.path
    return Place(
        call.datastore_id,
        path["study"],
        path["series"],
        path["instance"],
        image_set_id(call) if call.query else None,
    )


def location(call: Call, study: str, series: str, instance: str) -> str:
    """The absolute URL of an instance, for Content-Location and BulkDataURI."""
    return call.base + resource_path(study, series, instance)


def chosen(call: Call, forms: Sequence[Form]) -> Form:
    """The form to give, of those that can be given; the best stands first.

    Raises:
        NotAcceptable: the client takes none.
    """
    return choose(acceptable(call.headers.get("accept"), call.values("accept")), forms)


def kept_headers(etag: str) -> list[tuple[str, str]]:
    """Who may keep an answer, and how it is known again: only the client, and it must ask.

    What stands under a UID can be replaced and deleted, so nothing is believed for long.
    """
    return [
        ("etag", etag),
        ("cache-control", "private, no-cache"),
        ("vary", "accept, accept-encoding"),
    ]


def not_modified(call: Call, etag: str) -> Response | None:
    """The answer 304 if the client has what it asks for (RFC 9110 13.1.2)."""
    header = call.headers.get("if-none-match")
    if header is None or not _matches(header, etag):
        return None
    return Response(304, kept_headers(etag))


def _matches(header: str, etag: str) -> bool:
    plain = etag.removeprefix("W/")
    return header.strip() == "*" or any(
        one.removeprefix("W/") == plain for one in split_list(header)
    )


def accepts_gzip(call: Call) -> bool:
    """Whether the client takes gzip (RFC 9110 12.5.3)."""
    return _gzip(call.headers.get("accept-encoding", ""))


@lru_cache(maxsize=256)
def _gzip(header: str) -> bool:
    named = {}
    for member in split_list(header[:1024].lower()):
        coding, _, parameters = member.partition(";")
        named[coding.strip()] = _OFF.search(";" + parameters) is None
    return named.get("gzip", named.get("x-gzip", named.get("*", False)))
