"""The audit log in a file, and out of the table: no row leaves that a whole file does not hold.

A file is lines of JSON, a row each, oldest first, and a last line with their number and the SHA-256
of all lines before it. `prune` deletes rows that stand in the file as they stand in the table, and
no others: rows that came late stay, and so does all if the file was cut or changed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import delete, select

from iryo.access.audit import Audit
from iryo.access.forward import unsent_after
from iryo.access.model import AuditEvent
from iryo.access.store import audit
from iryo.errors import Conflict, Damaged, InvalidInput, Unavailable
from iryo.store.sql import Database

__all__ = ["Archive", "export", "prune", "read_archive"]

_FORM: Final = "iryo-audit-1"
_AT_ONCE: Final = 500
_LONGEST: Final = 16 << 20  # bytes of a line


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file holds."""

    rows: int
    sha256: str
    """Of all lines but the last, in hexadecimal."""


def export(log: Audit, path: Path, until: datetime) -> Archive:
    """Write all rows from before a time to a new file, which is whole on disk when this returns.

    Raises:
        Conflict: there is something at the path.
        Unavailable: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    total, rows = hashlib.sha256(), 0
    try:
        if os.path.lexists(path):
            raise Conflict(f"there is something at {path} already; name a new file")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor
                for event in log.read(until=until, oldest_first=True):
                    line = _line(event)
                    total.update(line)
                    stream.write(line)
                    rows += 1
                end = {"form": _FORM, "rows": rows, "sha256": total.hexdigest()}
                stream.write(orjson.dumps(end) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            os.link(part, path)  # unlike a rename it takes nobody's place
        finally:
            with suppress(OSError):
                part.unlink()
        _sync(path.parent)
    except FileExistsError:
        raise Conflict(f"there is something at {path} already; name a new file") from None
    except OSError as error:
        raise Unavailable(
            f"the audit log cannot be written to {path}: {os.strerror(error.errno or 0)}"
        ) from error
    return Archive(rows, total.hexdigest())


def read_archive(path: Path) -> Archive:
    """What a file says that it holds, after all of it was read.

    Raises:
        InvalidInput: it cannot be read, or is no such file.
        Damaged: it is not as it was written.
    """
    total, rows = hashlib.sha256(), 0
    last = b""
    for line in _lines(path):
        if last:
            total.update(last)
            rows += 1
        last = line
    try:
        end = orjson.loads(last)
        expected = end["form"], end["rows"], end["sha256"]
    except (ValueError, LookupError, TypeError):
        expected = None, None, None
    if expected[0] != _FORM:
        raise InvalidInput(
            f"found no end of an audit log in {path}, expected a file that `iryo audit --export` "
            "has written to its end"
        )
    if expected[1:] != (rows, total.hexdigest()):
        raise Damaged(f"found {rows} rows in {path}, expected {expected[1]} as they were written")
    return Archive(rows, total.hexdigest())


def prune(
    database: Database, log: Audit, path: Path, event: AuditEvent, *, forwarded: bool = False
) -> tuple[Archive, int]:
    """Delete the rows that a file holds, and note in the log that they are gone.

    Args:
        database: where the table is.
        log: the audit log.
        path: a file that `export` has written.
        event: what is noted in each transaction; its resource becomes the SHA-256 of the file, its
            detail how many rows went, and the numbers of the first and the last.
        forwarded: whether rows are sent on as audit messages: then those that have yet to be sent
            stay.

    Returns:
        What the file holds, and how many rows are gone.

    Raises:
        InvalidInput, Damaged: as `read_archive`; then nothing is deleted.
    """
    held = read_archive(path)
    event = replace(event, resource=held.sha256)
    lines, gone = _but_the_last(_lines(path)), 0
    while some := list(islice(lines, _AT_ONCE)):
        wanted = {orjson.loads(line)["id"]: line for line in some}
        with database.write() as connection:
            query = select(audit).where(audit.c.id.in_(wanted)).with_for_update()
            same = [
                row.id
                for row in connection.execute(query)
                if _line(_event(row._mapping)) == wanted[row.id]  # noqa: SLF001 - documented
            ]
            if forwarded:
                sent = unsent_after(connection)
                same = [number for number in same if sent is not None and number <= sent]
            if same:
                detail = {"rows": len(same), "first": min(same), "last": max(same)}
                # Before they go: SQLite would give their numbers out again if none were left.
                log.record_in(connection, replace(event, detail=detail))
                connection.execute(delete(audit).where(audit.c.id.in_(same)))
        gone += len(same)
    return held, gone


def _event(row: Any) -> AuditEvent:
    return AuditEvent(**{**row, "detail": row["detail"] or {}})


def _line(event: AuditEvent) -> bytes:
    row = {"id": event.id, **event.told()}
    return orjson.dumps(row, option=orjson.OPT_UTC_Z) + b"\n"


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while line := stream.readline(_LONGEST):
                yield line
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InvalidInput(f"{path} cannot be read: {reason}") from error


def _but_the_last(lines: Iterable[bytes]) -> Iterator[bytes]:
    before = None
    for line in lines:
        if before is not None:
            yield before
        before = line


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
