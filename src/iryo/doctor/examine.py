"""All checks, in the order in which they are shown."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from iryo.doctor import database, dimse, machine, objects, place, server, work
from iryo.doctor.case import Case
from iryo.doctor.model import Finding, Level, fail, skip
from iryo.logs import describe

__all__ = ["CHECKS", "Check", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """A thing to look at. It makes sense only if those in `after` have not failed."""

    name: str
    look: Callable[[Case], Iterable[Finding]]
    after: tuple[str, ...] = ()


_ROWS: Final = ("database", "revision")

CHECKS: Final[tuple[Check, ...]] = (
    Check("settings", place.settings_agree),
    Check("import roots", place.import_roots),
    Check("extras", machine.extras),
    Check("home", place.home),
    Check("key file", place.key_file, ("home",)),
    Check("disk space", place.disk_space),
    Check("file systems", place.file_systems),
    Check("database", database.reachable, ("extras",)),
    Check("revision", database.revision, ("database",)),
    Check("writing rows", database.writable, _ROWS),
    Check("durability", database.durable, ("database",)),
    Check("connections", database.connections, ("database",)),
    Check("clock", database.clock, ("database",)),
    Check("secrets", database.secrets_open, (*_ROWS, "key file")),
    Check("object store", objects.probe),
    Check("jobs", work.abandoned, _ROWS),
    Check("failed jobs", work.failed, _ROWS),
    Check("audit spools", work.spools),
    Check("audit messages", work.messages, _ROWS),
    Check("compute", work.compute, ("extras",)),
    Check("data", work.data, _ROWS),
    Check("port", server.port),
    Check("DIMSE port", dimse.port),
    Check("TLS", server.certificate),
    Check("codecs", machine.codecs),
    Check("open files", machine.open_files),
    Check("languages", machine.languages),
)


def examine(case: Case, checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """What each check says; one that fails itself says so, and the others go on."""
    failed: set[str] = set()
    for check in checks:
        if missing := [name for name in check.after if name in failed]:
            # It would only say the same again.
            failed.add(check.name)
            yield skip(check.name, f"not before this is mended: {missing[0]}")
            continue
        try:
            for finding in check.look(case):
                if finding.level is Level.FAIL:
                    failed.add(check.name)
                yield finding
        except Exception as error:  # noqa: BLE001 - all that can go wrong is a finding
            failed.add(check.name)
            yield fail(check.name, describe(error), "this is unforeseen: please report it")
