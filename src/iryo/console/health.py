"""Health: what the doctor finds, and what this server counts."""

from collections.abc import Iterator
from typing import Any, Final

from iryo.access import Role
from iryo.app import App, questions
from iryo.console.words import CHECKS, LEVELS
from iryo.doctor import Case, Finding, Level, examine
from iryo.pages import Page, Part, Visit
from iryo.watch import Probe
from iryo.wire.http import Response

__all__ = ["HealthPages"]

_FRESH: Final = 30.0
_PATIENCE: Final = 45.0  # seconds; a check may wait 20 for a worker to begin
_ORDER: Final = (Level.FAIL, Level.WARN, Level.OK, Level.SKIP)


class HealthPages:
    """The pages about the installation's health. The doctor is asked every 30 seconds at most."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._doctor = Probe(self._examine, fresh=_FRESH, patience=_PATIENCE)

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        admin = Role.ADMIN
        return (
            Page("GET", "/console/health", self._health, role=admin),
            Page("GET", "/console/health/findings", self._findings, role=admin),
            Page("GET", "/console/health/live", self._live, role=admin, use=False),
        )

    def _health(self, visit: Visit) -> Response:
        return visit.render("console/health.html", figures=self._figures(visit))

    def _findings(self, visit: Visit) -> Response:
        found = self._doctor.ask()
        if found is not None:
            found = sorted(found, key=lambda one: _ORDER.index(one.level))
        return visit.render(
            "console/health_findings.html", findings=found, levels=LEVELS, checks=CHECKS
        )

    def _live(self, visit: Visit) -> Response:
        def look() -> Iterator[Part]:
            figures = self._figures(visit)
            yield Part("figures", visit.fragment("console/health_figures.html", figures=figures))

        return visit.live(look, every=2.0)

    def _examine(self) -> list[Finding]:
        with Case(self._app.settings, questions()) as case:
            return list(examine(case))

    def _figures(self, visit: Visit) -> list[tuple[str, str]]:
        """What the processes of this server count, summed up."""
        self._app.note_state()
        sums: dict[str, float] = {}
        for (name, _), numbers in self._app.board.whole().numbers.items():
            sums[name] = sums.get(name, 0.0) + numbers[0]
        wording = visit.wording
        figures: list[tuple[str, Any]] = [
            (visit.text("Processes"), wording.number(sums.get("iryo_processes", 0))),
            (visit.text("Memory"), wording.size(int(sums.get("iryo_process_resident_bytes", 0)))),
            (
                visit.text("Processor time"),
                wording.duration(sums.get("iryo_process_cpu_seconds_total", 0)),
            ),
            (visit.text("Open files"), wording.number(sums.get("iryo_process_open_files", 0))),
            (visit.text("Requests answered"), wording.number(sums.get("iryo_requests_total", 0))),
            (
                visit.text("Audit waiting to be written"),
                wording.size(int(sums.get("iryo_audit_backlog_bytes", 0))),
            ),
        ]
        return figures
