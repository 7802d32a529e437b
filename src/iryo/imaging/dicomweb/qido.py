"""Queries (PS3.18 10.6): QIDO-RS.

Nothing found is 200 and an empty list: so the standard has it now (a former edition said 204), and
so a client that reads JSON need not know of an answer without any. Of parts there is one at least,
so where these were asked for it is 204.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

import orjson

from iryo.access import Role
from iryo.dicom.dictionary import keyword_tag, lookup
from iryo.dicom.native_xml import XML, native_xml
from iryo.errors import InvalidInput
from iryo.imaging.dicomweb.call import Call, Route
from iryo.imaging.dicomweb.retrieval import accepts_gzip, chosen
from iryo.imaging.service.query import Found, Key, Level, Question, ask
from iryo.wire.accept import Form
from iryo.wire.http import Response
from iryo.wire.multipart_write import OutPart, content_type, gathered, new_boundary, written

__all__ = ["JSON", "ROUTES", "search"]

JSON: Final = "application/dicom+json"

_FORMS: Final = (Form(JSON), Form("application/json"), Form(XML, multipart=True))

# PS3.18 8.3.4: what a query has besides attributes; the form may be asked for in it, too (8.3.3).
_INCLUDE: Final = "includefield"
_OWN: Final = frozenset({_INCLUDE, "fuzzymatching", "limit", "offset", "accept"})
_OF_PATH: Final = (("study", 0x0020000D), ("series", 0x0020000E))
_ABOVE: Final[Mapping[Level, tuple[Level, ...]]] = {
    Level.STUDY: (),
    Level.SERIES: (Level.STUDY,),
    Level.INSTANCE: (Level.STUDY, Level.SERIES),
}
_TAG: Final = re.compile(r"[0-9A-Fa-f]{8}")
# Values of these have no commas, so they may stand between them (PS3.18 8.3.4.1).
_COMMAS: Final = frozenset({"UI", "CS", "IS", "AE"})
_MORE: Final = (
    'iryo "The number of results exceeded the maximum supported by the server. '
    'Additional results can be requested."'
)
_LONG: Final = 1 << 10  # what is shorter gains nothing by being packed
_MOST_DIGITS: Final = 9


def search(call: Call, level: Level) -> Response:
    """The studies, series or instances that match (PS3.18 10.6.3).

    Raises:
        InvalidInput: a parameter that is none, or a value that is none of its attribute.
        NotAcceptable: the client takes neither JSON nor XML.
        TooLarge: the query is too broad.
    """
    form = chosen(call, _FORMS)
    question = _question(call, level)
    answers = ask(call.room, call.datastore_id, question, call.limits.query_results)
    found = [_located(call.base, one) for one in answers]
    headers = [("vary", "accept, accept-encoding")]
    if answers.truncated:
        headers.append(("warning", f"299 {_MORE}"))
    if form.multipart:
        return _xml(found, headers)
    body = b"[" + b",".join(found) + b"]"
    headers.append(("content-type", form.content_type))
    if len(body) >= _LONG and accepts_gzip(call):
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        body = packer.compress(body) + packer.flush()
        headers.append(("content-encoding", "gzip"))
    return Response(200, headers, body)


def _xml(found: list[bytes], headers: list[tuple[str, str]]) -> Response:
    """Answers in the Native DICOM Model, each a part."""
    if not found:
        return Response(204, headers, b"")
    boundary = new_boundary()
    parts = (OutPart((("Content-Type", XML),), native_xml(orjson.loads(one))) for one in found)
    headers.append(("content-type", content_type(XML, boundary)))
    return Response(200, headers, gathered(written(parts, boundary)))


def _located(base: str, found: Found) -> bytes:
    """An answer with its RetrieveURL (0008,1190)."""
    url = f"{base}/studies/{quote(found.study_uid, safe='')}"
    if found.series_uid:
        url += f"/series/{quote(found.series_uid, safe='')}"
    if found.sop_instance_uid:
        url += f"/instances/{quote(found.sop_instance_uid, safe='')}"
    member = b'{"00081190":{"vr":"UR","Value":[' + orjson.dumps(url) + b"]},"
    return member + found.json[1:]


def _question(call: Call, level: Level) -> Question:
    keys = [Key((tag,), call.path[name]) for name, tag in _OF_PATH if name in call.path]
    if any("\\" in key.value or not key.value.strip("* ") for key in keys):
        raise InvalidInput("found a path that names no UID")
    for name, value in call.query:
        if name not in _OWN:
            keys.append(_key(name, value))
    wanted = [part.strip() for text in call.values(_INCLUDE) for part in text.split(",")]
    every = "all" in wanted
    include = {_path(part, _INCLUDE)[0] for part in wanted if part and part != "all"}
    above = _ABOVE[level][len(call.path) :]
    return Question(
        level,
        tuple(keys),
        fuzzy=_flag(call, "fuzzymatching"),
        include=None if every else frozenset(include),
        limit=_number(call, "limit"),
        offset=_number(call, "offset") or 0,
        upper=frozenset(above),
        combined=True,
    )


def _key(name: str, value: str) -> Key:
    path = _path(name, name)
    found = lookup(path[-1])
    if found is not None and found[0] in _COMMAS:
        value = value.replace(",", "\\")
    return Key(path, value)


def _path(text: str, where: str) -> tuple[int, ...]:
    """Tags of an attribute: a keyword or eight hex digits, after those of its sequences and dots.

    Raises:
        InvalidInput: it names none.
    """
    return tuple(_tags(text.split("."), where))


def _tags(parts: Iterable[str], where: str) -> Iterator[int]:
    for part in parts:
        tag = int(part, 16) if _TAG.fullmatch(part) else keyword_tag(part)
        if tag is None:
            shown = part if len(part) <= 64 and part.isascii() and part.isalnum() else "one"
            raise InvalidInput(
                f"found the parameter {shown}, expected an attribute by its keyword or tag, or "
                f"one of {', '.join(sorted(_OWN))}",
                where=where,
            )
        yield tag


def _one(call: Call, name: str) -> str | None:
    found = call.values(name)
    if len(found) > 1:
        raise InvalidInput(f"found {name} {len(found)} times, expected it once", where=name)
    return found[0] if found else None


def _number(call: Call, name: str) -> int | None:
    text = _one(call, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidInput(f"found a {name} that is no number of 0 or more", where=name)
    return int(text)


def _flag(call: Call, name: str) -> bool:
    text = _one(call, name)
    if text not in {None, "true", "false"}:
        raise InvalidInput(f"found a {name} that is neither true nor false", where=name)
    return text == "true"


def studies(call: Call) -> Response:
    """Search for studies."""
    return search(call, Level.STUDY)


def series(call: Call) -> Response:
    """Search for series, of one study or of all."""
    return search(call, Level.SERIES)


def instances(call: Call) -> Response:
    """Search for instances, of one series, of one study or of all."""
    return search(call, Level.INSTANCE)


_PLACES: Final = (
    ("/studies", "SearchForStudies", studies, "Studies"),
    ("/studies/{study}/series", "SearchForSeries", series, "Series of a study"),
    ("/series", "SearchForSeries", series, "Series"),
    (
        "/studies/{study}/series/{series}/instances",
        "SearchForInstances",
        instances,
        "Instances of a series",
    ),
    ("/studies/{study}/instances", "SearchForInstances", instances, "Instances of a study"),
    ("/instances", "SearchForInstances", instances, "Instances"),
)

ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(
        "GET",
        template,
        action,
        Role.READER,
        answer,
        summary=f"{what} that match (PS3.18 10.6)",
        gives=(JSON, "application/json", XML),
        parameters=(*sorted(_OWN), "{attributeID}"),
    )
    for template, action, answer, what in _PLACES
)
