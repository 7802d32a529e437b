"""The first page: what is here, what is running, what needs a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from iryo.access import Role
from iryo.app import App, questions
from iryo.console.jobs import everywhere, recent
from iryo.errors import IryoError
from iryo.imaging.service.care.storage import StoreReport, storage
from iryo.imaging.service.lookup import active_datastores
from iryo.jobs import JobState
from iryo.pages import Page, Part, Visit
from iryo.watch import Probe
from iryo.wire.http import Response

__all__ = ["Holdings", "HomePages"]

_FRESH: Final = 10.0
_PATIENCE: Final = 1.0
_RUNNING: Final = 12
_FAILED: Final = 5


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should look at."""

    kind: str
    title: str
    text: str
    path: str


class Holdings:
    """What data stores hold; counted every 10 seconds at most, and waited for 1 second."""

    def __init__(self, app: App) -> None:
        self._probe = Probe(lambda: storage(app.room), fresh=_FRESH, patience=_PATIENCE)

    def ask(self) -> dict[str, StoreReport]:
        """By id; empty if it takes too long."""
        return {report.datastore_id: report for report in self._probe.ask() or ()}


class HomePages:
    """The first page, and what lives on it."""

    def __init__(self, app: App, holdings: Holdings) -> None:
        self._app = app
        self._holdings = holdings

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        return (
            Page("GET", "/", self._home),
            Page("GET", "/live", self._live, use=False),
        )

    def _home(self, visit: Visit) -> Response:
        held = self._holdings.ask()
        stores = [
            (one, held.get(one.id))
            for one in sorted(active_datastores(self._app.room), key=lambda one: one.name)
            if visit.allows(Role.READER, one.id)
        ]
        return visit.render("console/home.html", stores=stores, **self._now(visit))

    def _live(self, visit: Visit) -> Response:
        def look() -> Iterator[Part]:
            now = self._now(visit)
            yield Part("running", visit.fragment("console/home_running.html", **now))
            yield Part("concerns", visit.fragment("console/home_concerns.html", **now))

        return visit.live(look, every=2.0)

    def _now(self, visit: Visit) -> dict[str, Any]:
        """What runs and what needs a person; only for who administers the installation."""
        if not everywhere(visit):
            return {"admin": False, "running": [], "concerns": []}
        active = (JobState.IN_PROGRESS, JobState.SUBMITTED)
        return {
            "admin": True,
            "running": recent(self._app, states=active, limit=_RUNNING),
            "concerns": list(self._concerns(visit)),
        }

    def _concerns(self, visit: Visit) -> Iterator[Concern]:
        for row in recent(self._app, states=(JobState.FAILED,), limit=_FAILED):
            title = visit.text("%(kind)s failed", kind=visit.text(row.kind))
            yield Concern("bad", title, row.job.message or "", f"/console/jobs/{row.job.id}")
        for name in sorted(self._app.sign_in.users.kept_out()):
            title = visit.text("The password of %(name)s was tried too often", name=name)
            yield Concern("warn", title, "", "/console/people")
        for question, title in zip(questions(), _TITLES, strict=True):
            try:
                count = question.count(self._app.database)
            except IryoError:
                continue
            if count:
                told = visit.text(title, count=visit.wording.number(count))
                yield Concern("warn", told, "", "/console/health")


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


# As `app.questions` asks, in its order.
_TITLES: Final = (
    N_("%(count)s stored things are damaged"),
    N_("%(count)s received instances could not be stored"),
    N_("%(count)s received instances wait for minutes"),
)
