"""Jobs: what runs, what waits, what failed and why."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from iryo.access import EVERYWHERE, Role
from iryo.app import RESUMABLE, App
from iryo.console.words import ENDING, KINDS, STATES
from iryo.errors import InvalidInput, IryoError
from iryo.imaging.service import imports
from iryo.imaging.service.lookup import active_datastores
from iryo.imaging.service.report import FAILURES
from iryo.imaging.store import IMPORT_KIND
from iryo.jobs import Job, JobState
from iryo.pages import Page, Part, Visit
from iryo.wire.http import Response

__all__ = ["JobPages", "Row", "recent"]

_SHOWN: Final = 100
_FAILURES: Final = 200
_ROW: Final = "console/job_row.html"


@dataclass(frozen=True, slots=True)
class Row:
    """A job as a list shows it; `store` is the name of its data store."""

    job: Job
    store: str

    @property
    def kind(self) -> str:
        """What it does, in English."""
        return KINDS.get(self.job.kind, self.job.kind)

    @property
    def state(self) -> tuple[str, str]:
        """What its state is called, and the kind of its badge."""
        if self.job.cancel_requested and not self.job.state.ended:
            return ENDING
        return STATES[self.job.state]

    @property
    def resumable(self) -> bool:
        """Whether it can go on where it stopped."""
        stopped = self.job.state in {JobState.FAILED, JobState.CANCELLED}
        return stopped and self.job.kind in RESUMABLE


def recent(
    app: App, *, kind: str = "", states: tuple[JobState | None, ...] = (None,), limit: int = _SHOWN
) -> list[Row]:
    """The newest jobs, of any of these states."""
    names = {one.id: one.name for one in active_datastores(app.room)}
    with app.database.read() as connection:
        found = [
            job
            for state in states
            for job in app.jobs.recent(connection, kind=kind or None, state=state, limit=limit)
        ]
    found.sort(key=lambda job: (job.created_at, job.id), reverse=True)
    return [Row(job, names.get(job.scope, "")) for job in found[:limit]]


class JobPages:
    """The pages about jobs."""

    def __init__(self, app: App) -> None:
        self._app = app

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        admin = Role.ADMIN
        return (
            Page("GET", "/console/jobs", self._list, role=admin),
            Page("GET", "/console/jobs/live", self._live, role=admin, use=False),
            Page("GET", "/console/jobs/{job}", self._one, "console:jobs.show", admin),
            Page("GET", "/console/jobs/{job}/live", self._live_one, role=admin, use=False),
            Page("POST", "/console/jobs/{job}/cancel", self._cancel, "console:jobs.cancel", admin),
            Page("POST", "/console/jobs/{job}/resume", self._resume, "console:jobs.resume", admin),
        )

    def _list(self, visit: Visit) -> Response:
        kind, state = visit.query.get("kind", ""), visit.query.get("state", "")
        return visit.render(
            "console/jobs.html",
            rows=recent(self._app, kind=kind, states=(_state(state),)),
            kinds=[
                ("", visit.text("All kinds")),
                *((one, visit.text(text)) for one, text in KINDS.items()),
            ],
            states=[
                ("", visit.text("All states")),
                *((one.value, visit.text(text)) for one, (text, _) in STATES.items()),
            ],
            kind=kind,
            state=state,
        )

    def _live(self, visit: Visit) -> Response:
        kind, state = visit.query.get("kind", ""), _state(visit.query.get("state", ""))
        told: dict[str, tuple[Job, str]] = {}

        def look() -> Iterator[Part]:
            for row in recent(self._app, kind=kind, states=(state,)):
                id_ = row.job.id
                if id_ not in told or told[id_][0] != row.job:
                    told[id_] = row.job, visit.fragment(_ROW, row=row)
                yield Part(f"job-{id_}", told[id_][1])

        return visit.live(look)

    def _one(self, visit: Visit) -> Response:
        job = self._app.jobs.find(visit.path["job"])
        row = self._row(job)
        return visit.render(
            "console/job.html", row=row, failures=self._failures(job), most=_FAILURES
        )

    def _live_one(self, visit: Visit) -> Response:
        def look() -> Iterator[Part]:
            job = self._app.jobs.find(visit.path["job"])
            yield Part("job", visit.fragment("console/job_facts.html", row=self._row(job)))

        return visit.live(look)

    def _row(self, job: Job) -> Row:
        names = {one.id: one.name for one in active_datastores(self._app.room)}
        return Row(job, names.get(job.scope, ""))

    def _failures(self, job: Job) -> list[dict[str, Any]] | None:
        """Files that an import could not take, and why; None: there is no list."""
        if job.kind != IMPORT_KIND or not job.state.ended:
            return None
        try:
            lines = imports.output_of(self._app.room, job).lines(FAILURES)
            return [orjson.loads(line) for line in itertools.islice(lines, _FAILURES)]
        except (IryoError, ValueError):
            return None

    def _cancel(self, visit: Visit) -> Response:
        job_id = visit.path["job"]
        with self._app.database.write() as connection:
            self._app.jobs.cancel(connection, job_id)
        return visit.redirect(f"/console/jobs/{job_id}")

    def _resume(self, visit: Visit) -> Response:
        job = self._app.jobs.find(visit.path["job"])
        if job.kind not in RESUMABLE:
            raise InvalidInput("found a job of a kind that has undone what it began", where="job")
        with self._app.database.write() as connection:
            self._app.jobs.resume(connection, job.id)
        self._app.room.wake()
        return visit.redirect(f"/console/jobs/{job.id}")


def _state(text: str) -> JobState | None:
    if not text:
        return None
    if text not in JobState.__members__:
        raise InvalidInput("found no state of a job", where="state")
    return JobState[text]


def everywhere(visit: Visit) -> bool:
    """Whether the reader administers the whole installation."""
    return visit.allows(Role.ADMIN, EVERYWHERE)
