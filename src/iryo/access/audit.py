"""The audit log: who did what to which resource, when, from where, with what outcome.

A read of a frame must not wait for a commit. `record` therefore only appends to a spool file, which
survives the death of the process; a thread moves what has come together into the table, in groups,
each with the place in the spool up to which it goes, in one transaction: every event gets there
once. A write records its event with `record_in`, in the transaction of what it tells of.

While the database is away the spool grows, up to a bound; past it, and on a full disk, `record`
raises: what cannot be audited is not to be done.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Select, delete, insert, literal, select, tuple_, update

from iryo.access.coalesce import coalesce
from iryo.access.model import EVERYWHERE, AuditEvent
from iryo.access.spool import Spool, frame
from iryo.access.store import audit, spools
from iryo.errors import IryoError, Unavailable
from iryo.jobs import utcnow
from iryo.store.sql import Database, Timestamp

__all__ = ["WITHHELD", "Audit", "AuditEvent"]

WITHHELD: Final = "-withheld-"
"""Stands where a text was no identifier, and so might have told of a patient."""

GROUP_BYTES: Final = 256 * 1024
"""About a thousand events: what goes into the table in one transaction."""
ROTATE_BYTES: Final = 16 * 1024 * 1024
"""How much of a spool is in the database when a new one is begun and it is deleted."""
BACKLOG_BYTES: Final = 256 * 1024 * 1024
"""How much may wait for the database, about a million events."""
DRAIN_SECONDS: Final = 1.0
ADOPT_SECONDS: Final = 30.0
_SLOWEST: Final = 30.0  # seconds between tries while the database is away
_PAGE: Final = 500

_LOG: Final = logging.getLogger(__name__)

# Visible ASCII but for ^, which parts the components of a DICOM name, and \, which in JSON hides
# characters: no person's name in full passes here.
_PLAIN: Final = re.compile(rb"[!-\[\]_-~]*")
_PLAIN_TEXT: Final = re.compile(r"[!#-\[\]_-~]*")  # nor ", which marks the ends in JSON
_DETAIL_LIMIT: Final = 1024  # bytes of JSON
_LINE_LIMIT: Final = 2048

_TEXTS: Final = {
    "actor": 128,
    "action": 128,
    "resource": 512,
    "scope": 128,
    "source": 128,
    "outcome": 64,
    "request_id": 64,
}


class Audit:
    """The audit log of one database, as one process writes and reads it.

    Args:
        database: where the table is.
        folder: where the spools are; made with mode 700.
        clock: the time of events that this class makes itself.
        backlog_bytes: how much may wait for the database.
        rotate_bytes: how long a spool may get that the database has taken in.
        drain_seconds: how often the thread moves events into the table.
        adopt_seconds: how often it looks for spools of processes that have died.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        clock: Callable[[], datetime] = utcnow,
        *,
        backlog_bytes: int = BACKLOG_BYTES,
        rotate_bytes: int = ROTATE_BYTES,
        drain_seconds: float = DRAIN_SECONDS,
        adopt_seconds: float = ADOPT_SECONDS,
    ) -> None:
        self._database = database
        self._folder = folder
        self._clock = clock
        self._backlog_bytes = backlog_bytes
        self._rotate_bytes = rotate_bytes
        self._drain_seconds = drain_seconds
        self._adopt_seconds = adopt_seconds
        self._spool: Spool | None = None
        self._retired: list[Spool] = []
        self._append = threading.Lock()  # held for one append, or to change the spool
        self._drain = threading.Lock()  # held by who moves events into the table
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take over the spools of dead processes, and start the thread that drains.

        `record` does so too, if nobody has.

        Raises:
            Unavailable: if the folder cannot be used.
        """
        with self._append:
            self._start()

    def record(self, event: AuditEvent) -> None:
        """Record an event so that it survives the process. Cheap: no commit is waited for.

        Raises:
            Unavailable: if it cannot be recorded; then what it tells of must not go on.
        """
        line = frame(_encode(event))
        with self._append:
            spool = self._spool or self._begin()
            if spool.size - spool.drained > self._backlog_bytes:
                raise Unavailable(
                    f"{spool.size - spool.drained} bytes of audit events wait for the database, "
                    f"expected at most {self._backlog_bytes}"
                )
            spool.append(line)

    def record_in(self, connection: Connection, event: AuditEvent) -> None:
        """Record an event within the transaction of what it tells of."""
        connection.execute(insert(audit).values(_row(_encode(event))))

    def flush(self) -> None:
        """Move everything that this process has recorded into the table, now.

        Raises:
            Unavailable: if the database is away.
        """
        with self._drain:
            self._drain_all()

    @property
    def backlog(self) -> int:
        """Bytes of events of this process that are not in the table yet."""
        return sum(one.size - one.drained for one in (*self._retired, self._spool) if one)

    def close(self) -> None:
        """Move everything into the table and end.

        What the database does not take stays in its spool, for the next process that starts.
        """
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with self._drain, self._append:
            if self._spool is not None:
                self._retired.append(self._spool)
                self._spool = None
            try:
                self._drain_all()
            except Exception as error:  # noqa: BLE001 - an end must not fail
                _LOG.warning("audit events stay in their spool: %s", type(error).__name__)
            for spool in self._retired:
                spool.close()
            self._retired.clear()

    def read(  # noqa: PLR0913 - filters, each by its name
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        scope: str | None = None,
        limit: int | None = None,
        after: tuple[datetime, int] | None = None,
        oldest_first: bool = False,
    ) -> Iterator[AuditEvent]:
        """What is in the table, newest first, page by page: memory stays small.

        Args:
            since: events from then on.
            until: events before then.
            actor: only what this one did.
            action: only this operation.
            resource: only what was done to this.
            scope: only what was done in this.
            limit: at most so many; None: all.
            after: (at, id) of the last event seen; goes on behind it.
            oldest_first: the other way round.
        """
        query = select(audit)
        equal = {"actor": actor, "action": action, "resource": resource, "scope": scope}
        for name, value in equal.items():
            if value is not None:
                query = query.where(audit.c[name] == value)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if until is not None:
            query = query.where(audit.c.at < until)
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(limit, _PAGE)
            page = self._page(_ordered(query, after, oldest_first=oldest_first).limit(size))
            yield from page
            if len(page) < size:
                return
            after = page[-1].at, page[-1].id or 0
            limit = None if limit is None else limit - size

    # ------------------------------------------------------------------------------------ within

    def _page(self, query: Select[Any]) -> list[AuditEvent]:
        with self._database.read() as connection:
            return [
                AuditEvent(**{**row._mapping, "detail": row.detail or {}})  # noqa: SLF001
                for row in connection.execute(query)
            ]

    def _start(self) -> None:
        if self._closing.is_set():
            raise Unavailable("the audit log is closed")
        if self._thread is None:
            self._adopt()
            self._thread = threading.Thread(target=self._loop, name="audit", daemon=True)
            self._thread.start()

    def _begin(self) -> Spool:
        self._start()
        self._spool = Spool.create(self._folder)
        return self._spool

    def _adopt(self) -> None:
        try:
            self._retired += Spool.orphans(self._folder)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise Unavailable(f"the folder of audit spools cannot be used: {reason}") from error

    def _loop(self) -> None:
        pause, since_adopted = 0.0, 0.0
        while not self._closing.wait(pause):
            try:
                with self._drain:
                    if since_adopted >= self._adopt_seconds:
                        since_adopted = 0.0
                        self._adopt()
                    self._drain_all()
                pause = self._drain_seconds
            except Exception as error:  # noqa: BLE001 - the thread outlives any trouble
                pause = min(_SLOWEST, max(pause, self._drain_seconds) * 2)
                _LOG.warning("audit events wait in their spool: %s", _reason(error))
                self._sync()
            since_adopted += pause

    def _sync(self) -> None:
        """The database does not make it durable now; the disk can."""
        with suppress(OSError):
            for spool in [*self._retired, *filter(None, [self._spool])]:
                spool.sync()

    def _drain_all(self) -> None:
        spool = self._spool
        if spool is not None:
            self._drain_spool(spool, final=False)
            if spool.drained >= self._rotate_bytes:
                with self._append:
                    self._spool = Spool.create(self._folder)
                self._retired.append(spool)
        while self._retired:
            spool = self._retired[0]
            self._drain_spool(spool, final=True)
            self._remove(spool)
            self._retired.pop(0)

    def _drain_spool(self, spool: Spool, *, final: bool) -> None:
        if not spool.certain:
            with self._database.read() as connection:
                query = select(spools.c.drained).where(spools.c.name == spool.name)
                spool.drained, spool.certain = connection.execute(query).scalar() or 0, True
        while True:
            chunk = spool.read(GROUP_BYTES, final=final)
            if not chunk.length:
                return
            rows, damaged = [], chunk.damaged
            for payload in chunk.payloads:
                try:
                    rows.append(_row(payload))
                except (ValueError, TypeError):
                    damaged += 1  # its checksum is right and yet we did not write it
            if damaged:
                rows.append(self._report(spool, damaged))
            end = spool.drained + chunk.length
            spool.certain = False  # if the connection is lost, it may have committed all the same
            with self._database.write() as connection:
                if rows:
                    connection.execute(insert(audit), coalesce(rows))
                _set_drained(connection, spool.name, end)
            spool.drained, spool.certain = end, True

    def _report(self, spool: Spool, damaged: int) -> dict[str, Any]:
        """Damage is part of the log itself; the file is kept for who looks into it."""
        spool.damaged = True
        _LOG.error("audit spool %s, from %d: %d damaged lines", spool.name, spool.drained, damaged)
        event = AuditEvent(
            at=self._clock(),
            actor="iryo",
            action="AuditSpoolDamaged",
            resource=spool.name,
            scope=EVERYWHERE,
            source="-",
            outcome="Damaged",
            request_id="-",
            detail={"lines": damaged, "offset": spool.drained},
        )
        return _row(_encode(event))

    def _remove(self, spool: Spool) -> None:
        # In this order: a spool that a power cut brings back must find how far it had been read.
        spool.remove()
        with self._database.write() as connection:
            connection.execute(delete(spools).where(spools.c.name == spool.name))


def _ordered(
    query: Select[Any], after: tuple[datetime, int] | None, *, oldest_first: bool
) -> Select[Any]:
    if after is not None:
        place = tuple_(audit.c.at, audit.c.id)
        seen = tuple_(literal(after[0], Timestamp), literal(after[1]))
        query = query.where(place > seen if oldest_first else place < seen)
    if oldest_first:
        return query.order_by(audit.c.at, audit.c.id)
    return query.order_by(audit.c.at.desc(), audit.c.id.desc())


def _set_drained(connection: Connection, name: str, end: int) -> None:
    query = update(spools).where(spools.c.name == name).values(drained=end)
    if not connection.execute(query).rowcount:
        connection.execute(insert(spools).values(name=name, drained=end))


def _encode(event: AuditEvent) -> bytes:
    """An event as a payload: a JSON array in which nothing but identifiers stands.

    In the common case one pattern over the whole proves it.
    """
    with suppress(TypeError):  # what JSON cannot say is dealt with below
        payload = orjson.dumps(
            (
                event.at,
                event.actor,
                event.action,
                event.resource,
                event.scope,
                event.source,
                event.outcome,
                event.request_id,
                event.detail,
            )
        )
        if _PLAIN.fullmatch(payload) and len(payload) <= _LINE_LIMIT:
            return payload
    texts = [_plain(getattr(event, name)) for name in _TEXTS]
    detail = {_plain(key): _plain(value) for key, value in event.detail.items()}
    if len(orjson.dumps(detail)) > _DETAIL_LIMIT:
        detail = {"detail": WITHHELD}
    return orjson.dumps((event.at, *texts, detail))


def _plain(value: object) -> Any:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    if isinstance(value, str) and _PLAIN_TEXT.fullmatch(value):
        return value[:512]
    return WITHHELD


def _row(payload: bytes) -> dict[str, Any]:
    """The column values of a payload.

    Raises:
        ValueError: if it is none.
    """
    at, *texts, detail = orjson.loads(payload)
    row: dict[str, Any] = {"at": datetime.fromisoformat(at), "detail": detail or None}
    for (name, most), text in zip(_TEXTS.items(), texts, strict=True):
        row[name] = str(text)[:most]
    return row


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, IryoError) else type(error).__name__
