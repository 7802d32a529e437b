"""Imports: files that a browser sends (by STOW-RS, see ``web/import``), and folders of the server.

What is sent goes to the door of DICOMweb, where each file is checked, kept and audited. A folder is
read by an import job; the page follows it and says what could not be taken, and why.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson

from iryo.access import Role
from iryo.errors import InvalidInput, IryoError
from iryo.imaging.model import ImportOrder
from iryo.imaging.service import imports
from iryo.imaging.service.report import FAILURES
from iryo.imaging.service.room import Room
from iryo.imaging.web.choosing import door_page
from iryo.jobs import Job, JobState
from iryo.pages import Page, Part, Visit
from iryo.wire.http import Response

__all__ = ["pages"]

_JOBS: Final = 10
_FAILURES: Final = 500
_LONGEST: Final = 1024  # characters of a place


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


_STATES: Final = {
    JobState.SUBMITTED: (N_("Waiting"), ""),
    JobState.IN_PROGRESS: (N_("Running"), "note"),
    JobState.COMPLETED: (N_("Completed"), "good"),
    JobState.FAILED: (N_("Failed"), "bad"),
    JobState.CANCELLED: (N_("Cancelled"), "warn"),
}


def pages(room: Room) -> tuple[Page, ...]:
    """``/import``, which leads to a data store, ``/import/{datastore}`` and what is below it."""
    door, offered = door_page(room, "/import", Role.WRITER, "imaging/import.html")

    def whole(visit: Visit) -> Response:
        store = quote(visit.path["datastore"], safe="")
        return visit.render(
            "imaging/import.html",
            nowhere=False,
            stores=offered(visit),
            base=f"/import/{store}",
            studies=f"/studies/{store}",
            stow=f"/dicomweb/{store}/studies",
            places=_places(room),
            jobs=_jobs(room, visit),
            shown=_shown,
        )

    def live(visit: Visit) -> Response:
        def look() -> Iterator[Part]:
            for job, state in _jobs(room, visit):
                html = visit.fragment(
                    "imaging/import_job.html", job=job, state=state, base=_base(visit), shown=_shown
                )
                yield Part(f"job-{job.id}", html)

        return visit.live(look)

    def folder(visit: Visit) -> Response:
        order = ImportOrder("console", _uri(visit.form.need("place")), None, "")
        job = imports.start(room, visit.scope, order)
        visit.subject.resource = job.id
        return visit.redirect(f"{_base(visit)}/{job.id}")

    def one(visit: Visit) -> Response:
        job = imports.get(room, visit.scope, visit.path["job"])
        return visit.render(
            "imaging/import_one.html",
            job=job,
            state=_STATES[job.state],
            shown=_shown,
            base=_base(visit),
            studies=f"/studies/{quote(visit.path['datastore'], safe='')}",
            failures=_failures(room, job),
            most=_FAILURES,
        )

    def live_one(visit: Visit) -> Response:
        def look() -> Iterator[Part]:
            job = imports.get(room, visit.scope, visit.path["job"])
            facts = visit.fragment(
                "imaging/import_facts.html", job=job, state=_STATES[job.state], shown=_shown
            )
            yield Part("job", facts)
            if job.state.ended:
                listed = visit.fragment(
                    "imaging/import_failures.html", failures=_failures(room, job), most=_FAILURES
                )
                yield Part("failures", listed)

        return visit.live(look)

    base, writer = "/import/{datastore}", Role.WRITER
    return (
        door,
        Page("GET", base, whole, role=writer),
        Page("GET", base + "/live", live, role=writer, use=False),
        Page("POST", base + "/folder", folder, action="ImportFolder", role=writer),
        # Names of files may be names of patients.
        Page("GET", base + "/{job}", one, action="ShowImport", role=writer),
        Page("GET", base + "/{job}/live", live_one, role=writer, use=False),
    )


def _base(visit: Visit) -> str:
    return f"/import/{quote(visit.path['datastore'], safe='')}"


def _jobs(room: Room, visit: Visit) -> list[tuple[Job, tuple[str, str]]]:
    found = imports.list_page(room, visit.scope, limit=_JOBS)
    return [(job, _STATES[job.state]) for job in found]


def _places(room: Room) -> list[str] | None:
    """The folders and places in S3 that may be read; none: any place; None: imports read none."""
    if room.import_roots is None:
        return []
    found = [str(one) if isinstance(one, Path) else one.uri for one in room.import_roots]
    return found or None


def _uri(place: str) -> str:
    """What somebody typed, as a URI.

    Raises:
        InvalidInput: it is neither an absolute path nor a URI of a kind that imports read.
    """
    if len(place) <= _LONGEST:
        if place.startswith("/"):
            return Path(place).as_uri()
        if place.startswith(("file:///", "s3://")):
            return place
    raise InvalidInput(
        "found a place that is none, expected the path of a folder, or s3://bucket/prefix",
        where="place",
    )


def _shown(uri: str) -> str:
    """A place as people write it."""
    return unquote(uri.removeprefix("file://")) if uri.startswith("file:///") else uri


def _failures(room: Room, job: Job) -> list[dict[str, Any]] | None:
    """Files that could not be taken, and why; None: there is no list, or not yet."""
    if not job.state.ended:
        return None
    try:
        lines = imports.output_of(room, job).lines(FAILURES)
        return [orjson.loads(line) for line in itertools.islice(lines, _FAILURES)]
    except (IryoError, ValueError):
        return None
