"""What the console calls things: kinds of jobs and their states, levels of findings."""

from typing import Final

from iryo.doctor import Level
from iryo.jobs import JobState

__all__ = ["CHECKS", "ENDING", "KINDS", "LEVELS", "STATES"]


def N_(text: str) -> str:  # noqa: N802 - gettext's name for a text that is translated later
    """Mark a text for translation."""
    return text


KINDS: Final = {
    "imaging.import": N_("Import"),
    "imaging.receive": N_("Receiving"),
    "imaging.copy": N_("Copy of image sets"),
    "imaging.update": N_("Change of metadata"),
    "imaging.delete": N_("Deletion"),
    "imaging.commitment": N_("Storage commitment"),
    "imaging.verify": N_("Verification"),
    "imaging.compact": N_("Compaction"),
    "imaging.catalogue": N_("Catalogue"),
    "backup": N_("Backup"),
}
"""A kind of job that is not here is called by its own name."""

STATES: Final = {
    JobState.SUBMITTED: (N_("Waiting"), ""),
    JobState.IN_PROGRESS: (N_("Running"), "note"),
    JobState.COMPLETED: (N_("Completed"), "good"),
    JobState.FAILED: (N_("Failed"), "bad"),
    JobState.CANCELLED: (N_("Cancelled"), "warn"),
}
"""What a state is called, and the kind of its badge."""

ENDING: Final = (N_("Ending"), "warn")
"""As a state, of a job that has been asked to end."""

LEVELS: Final = {
    Level.OK: (N_("Well"), "good"),
    Level.WARN: (N_("Watch"), "warn"),
    Level.FAIL: (N_("Mend"), "bad"),
    Level.SKIP: (N_("Not looked at"), "plain"),
}
"""What a finding's level is called, and the kind of its badge."""

CHECKS: Final = {
    "settings": N_("Settings"),
    "import roots": N_("Folders for imports"),
    "extras": N_("Optional parts"),
    "home": N_("Home folder"),
    "key file": N_("Key file"),
    "disk space": N_("Disk space"),
    "file systems": N_("File systems"),
    "database": N_("Database"),
    "revision": N_("Version of the database"),
    "writing rows": N_("Writing to the database"),
    "durability": N_("Durability"),
    "connections": N_("Database connections"),
    "clock": N_("Clock"),
    "secrets": N_("Secrets"),
    "object store": N_("Object store"),
    "jobs": N_("Jobs"),
    "failed jobs": N_("Failed jobs"),
    "audit spools": N_("Audit spools"),
    "audit messages": N_("Audit messages"),
    "compute": N_("Computing"),
    "data": N_("Data"),
    "port": N_("Port"),
    "TLS": N_("TLS"),
    "codecs": N_("Codecs"),
    "open files": N_("Open files"),
    "languages": N_("Character sets"),
}
"""What the doctor's checks are called; see `doctor.examine`."""
