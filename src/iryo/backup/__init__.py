"""Backup and restore: rows and objects of an installation, whichever stores they are in.

It knows what stores, jobs and the key file are, and no room: rooms mark the columns that name
objects (`iryo.store.references`).
"""

from iryo.backup.checking import Checked, check
from iryo.backup.making import BACKUP_KIND, Installation, run_backup, submit_backup
from iryo.backup.model import Manifest
from iryo.backup.place import Place, Snapshot
from iryo.backup.pruning import Pruned, prune
from iryo.backup.restoring import Restored, check_empty, restore

__all__ = [
    "BACKUP_KIND",
    "Checked",
    "Installation",
    "Manifest",
    "Place",
    "Pruned",
    "Restored",
    "Snapshot",
    "check",
    "check_empty",
    "prune",
    "restore",
    "run_backup",
    "submit_backup",
]
