"""Send the audit log on to a collector of audit messages (PS3.15 A.6, A.7).

A thread follows the rows of the table; a row of its own says how far it has got. No request waits
for it, and nothing is lost while the collector is away, while the server is down, or by its death:
what had been sent and not yet noted is sent again. Of several processes one sends, whoever holds
the row; when it is gone for half a minute another goes on.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from iryo.access.audit import Audit
from iryo.access.message_kinds import START, STOP
from iryo.access.messages import Reporter, Touched, message
from iryo.access.model import EVERYWHERE, AuditEvent
from iryo.access.progress import Gap, Progress
from iryo.access.store import audit, cursors
from iryo.access.syslog import format_line
from iryo.errors import Conflict, IryoError
from iryo.jobs import utcnow
from iryo.store.ids import new_id
from iryo.store.sql import Database

__all__ = ["SYSLOG", "Describe", "Forwarder", "Line", "unsent", "unsent_after"]

SYSLOG: Final = "syslog"
"""The name of the cursor. A new collector goes on where the one before it was."""

Describe = Callable[[str, str], Sequence[Touched]]
"""What (scope, resource) of an audit row stand for."""

_PAGE: Final = 100
_POLL_SECONDS: Final = 1.0
_LEASE_SECONDS: Final = 30.0
_SLOWEST: Final = 60.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOG: Final = logging.getLogger(__name__)


class Line(Protocol):
    """What sends; see `iryo.access.syslog.Collector`."""

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        ...

    def send(self, lines: Sequence[bytes]) -> None:
        """Send all, or raise OSError."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def unsent_after(connection: Connection) -> int | None:
    """The number up to which surely all rows have been sent on; None: none ever was."""
    row = connection.execute(_cursor()).one_or_none()
    if row is None:
        return None
    progress = _progress(row)
    return min([progress.last, *(gap.first - 1 for gap in progress.gaps)])


def unsent(connection: Connection) -> tuple[int, datetime | None] | None:
    """How many rows wait to be sent, and the time of the first; None: none was ever sent."""
    row = connection.execute(_cursor()).one_or_none()
    if row is None:
        return None
    query = select(func.count(), func.min(audit.c.at)).where(_waits(_progress(row)))
    count, oldest = connection.execute(query).one()
    return count, oldest


class Forwarder:
    """Sends the audit log of one installation on.

    Args:
        database: where the table is.
        log: where the start and the end of this process are noted.
        line: to the collector.
        describe: which studies an id stands for.
        reporter: who tells.
        clock: of leases.
        poll_seconds: how often it looks for new rows.
    """

    def __init__(
        self,
        database: Database,
        log: Audit,
        line: Line,
        describe: Describe,
        reporter: Reporter,
        clock: Callable[[], datetime] = utcnow,
        *,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        self._database = database
        self._log = log
        self._line = line
        self._describe = describe
        self._reporter = reporter
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._holder = new_id()
        self._failing = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Note that the application has started, and begin to send.

        Raises:
            Unavailable: nothing can be noted.
        """
        with suppress(IryoError):
            self._hold(self._clock())  # the first time: from here on
        self._note(START)
        self._thread = threading.Thread(target=self._loop, name="audit-syslog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Note that it ends, send that on if the collector is there, and end."""
        if self._thread is None:
            return
        self._closing.set()
        self._thread.join()
        self._thread = None
        with suppress(IryoError, OSError):
            self._note(STOP)
            if not self._failing:
                self._log.flush()
                self.round()
        with suppress(IryoError):
            self._let_go()
        self._line.close()

    def round(self) -> bool:
        """Send what has come since; whether there may be more at once.

        Raises:
            OSError: the collector does not take it.
            IryoError: the database is away.
        """
        now = self._clock()
        progress = self._hold(now)
        if progress is None:
            return False
        rows = self._rows(progress)
        if not rows:
            return False
        lines = [line for row in rows if (line := self._line_of(row)) is not None]
        if lines:
            self._line.send(lines)
        self._advance(progress.after([row.id or 0 for row in rows], _micro(now)))
        return len(rows) == _PAGE

    # ------------------------------------------------------------------------------------ within

    def _loop(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            try:
                pause = 0.0 if self.round() else self._poll_seconds
                if self._failing:
                    self._failing = False
                    _LOG.info("audit messages are sent again")
            except Exception as error:  # noqa: BLE001 - the thread outlives any trouble
                pause = min(_SLOWEST, max(pause, self._poll_seconds / 2) * 2)
                if not self._failing:
                    self._failing = True
                    reason = error.message if isinstance(error, IryoError) else _reason(error)
                    _LOG.warning(
                        "audit messages wait, the collector does not take them: %s", reason
                    )

    def _note(self, action: str) -> None:
        self._log.record(
            AuditEvent(
                at=self._clock(),
                actor="iryo",
                action=action,
                resource=self._reporter.process,
                scope=EVERYWHERE,
                source="-",
                outcome="allowed",
                request_id=self._holder,
            )
        )

    def _line_of(self, event: AuditEvent) -> bytes | None:
        touched = [
            one if self._line.private else Touched(one.study_uid, None)
            for one in self._describe(event.scope, event.resource)
        ]
        content = message(event, touched, self._reporter)
        if content is None:
            return None
        reporter = self._reporter
        return format_line(
            content,
            at=event.at,
            host=reporter.host,
            name="iryo",
            process=reporter.process,
            warning=event.outcome != "allowed",
        )

    def _hold(self, now: datetime) -> Progress | None:
        """How far the log has been sent, if it is this one's to go on; None: another does."""
        with self._database.read() as connection:
            row = connection.execute(_cursor()).one_or_none()
        if row is not None and row.holder == self._holder and _half(now) < row.held_until:
            return _progress(row)
        if row is not None and row.holder not in {None, self._holder} and now < row.held_until:
            return None
        held = {"holder": self._holder, "held_until": now + timedelta(seconds=_LEASE_SECONDS)}
        try:
            with self._database.write() as connection:
                if row is None:
                    # What was before somebody wished for messages is not sent.
                    last = connection.execute(select(func.max(audit.c.id))).scalar() or 0
                    values = {"name": SYSLOG, "sent": last, "gaps": [], **held}
                    connection.execute(insert(cursors).values(values))
                else:
                    query = update(cursors).where(
                        cursors.c.name == SYSLOG,
                        or_(
                            cursors.c.holder.is_(None),
                            cursors.c.holder == self._holder,
                            cursors.c.held_until <= now,
                        ),
                    )
                    if not connection.execute(query.values(held)).rowcount:
                        return None
                return _progress(connection.execute(_cursor()).one())
        except (IntegrityError, Conflict):
            return None  # another was quicker

    def _rows(self, progress: Progress) -> list[AuditEvent]:
        query = select(audit).where(_waits(progress)).order_by(audit.c.id).limit(_PAGE)
        with self._database.read() as connection:
            return [
                AuditEvent(**{**row._mapping, "detail": row.detail or {}})  # noqa: SLF001
                for row in connection.execute(query)
            ]

    def _advance(self, progress: Progress) -> None:
        gaps = [[gap.first, gap.last, gap.seen] for gap in progress.gaps]
        until = self._clock() + timedelta(seconds=_LEASE_SECONDS)
        query = update(cursors).where(cursors.c.name == SYSLOG, cursors.c.holder == self._holder)
        with self._database.write() as connection:
            # If another has taken over, it sends the same again, which does no harm.
            connection.execute(query.values(sent=progress.last, gaps=gaps, held_until=until))

    def _let_go(self) -> None:
        query = update(cursors).where(cursors.c.holder == self._holder)
        with self._database.write() as connection:
            connection.execute(query.values(holder=None))


def _cursor() -> Any:
    return select(cursors).where(cursors.c.name == SYSLOG)


def _waits(progress: Progress) -> Any:
    """Which rows have yet to be sent."""
    late = [and_(audit.c.id >= gap.first, audit.c.id <= gap.last) for gap in progress.gaps]
    return or_(audit.c.id > progress.last, *late)


def _progress(row: Any) -> Progress:
    return Progress(row.sent, tuple(Gap(*gap) for gap in row.gaps))


def _half(now: datetime) -> datetime:
    return now + timedelta(seconds=_LEASE_SECONDS / 2)


def _micro(now: datetime) -> int:
    return (now - _EPOCH) // timedelta(microseconds=1)


def _reason(error: Exception) -> str:
    """What went wrong, without a text that somebody else wrote."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
