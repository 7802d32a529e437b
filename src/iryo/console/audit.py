"""The audit log: who did what, when, from where."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from iryo.access import AuditEvent, Role
from iryo.app import App
from iryo.errors import InvalidInput
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["AuditPages"]

_PAGE: Final = 100
_FILTERS: Final = ("actor", "action", "resource")


class AuditPages:
    """The pages of the audit log."""

    def __init__(self, app: App) -> None:
        self._app = app

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        return (Page("GET", "/console/audit", self._list, "console:audit", Role.ADMIN),)

    def _list(self, visit: Visit) -> Response:
        query = visit.query
        wished = {name: query.get(name, "").strip() for name in _FILTERS}
        since, until = query.get("since", ""), query.get("until", "")
        # What this process has noted and not yet written is part of the answer.
        self._app.audit.flush()
        found = list(
            self._app.audit.read(
                actor=wished["actor"] or None,
                action=wished["action"] or None,
                resource=wished["resource"] or None,
                since=_day(visit, since, "since"),
                until=_day(visit, until, "until", later=1),
                after=_after(query.get("after", "")),
                limit=_PAGE + 1,
            )
        )
        shown = found[:_PAGE]
        later = ""
        if len(found) > _PAGE:
            last = shown[-1]
            more = {**wished, "since": since, "until": until, "after": _place(last)}
            later = f"/console/audit?{urlencode({k: v for k, v in more.items() if v})}"
        names = dict(_names(self._app))
        return visit.render(
            "console/audit_rows.html" if visit.partial else "console/audit.html",
            events=shown,
            later=later,
            names=names,
            wished=wished,
            since=since,
            until=until,
        )


def _names(app: App) -> Iterator[tuple[str, str]]:
    """What people and keys are called, by id."""
    for key in app.access.list_keys():
        yield key.id, key.name
    for user in app.sign_in.users.list():
        yield user.id, user.display_name


def _day(visit: Visit, text: str, where: str, *, later: int = 0) -> datetime | None:
    """The beginning of a day in the reader's time zone."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=visit.wording.zone)
    except ValueError:
        raise InvalidInput("found no day, expected YYYY-MM-DD", where=where) from None
    return (day + timedelta(days=later)).astimezone(UTC)


def _place(event: AuditEvent) -> str:
    return f"{event.at.timestamp():.6f},{event.id}"


def _after(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    moment, _, number = text.partition(",")
    try:
        return datetime.fromtimestamp(float(moment), UTC), int(number)
    except (ValueError, OverflowError, OSError):
        raise InvalidInput("found no place in the audit log", where="after") from None
