"""Settings that contradict each other; the home folder, its key file, disks."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from iryo.access.keyfile import KeyFile
from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, skip, warn
from iryo.errors import IryoError, NotFound

__all__ = ["disk_space", "file_systems", "home", "import_roots", "key_file", "settings_agree"]

_LITTLE: Final = 1 << 30  # bytes: less cannot take an import
_LOW: Final = 0.05  # of the disk
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs"})
_MOUNTS: Final = Path("/proc/self/mounts")


def settings_agree(case: Case) -> Iterator[Finding]:
    """Each setting is read by itself; these are those that make no sense together."""
    settings = case.settings
    found = list(_contradictions(case))
    yield from found
    if settings.s3_endpoint and not settings.objects.startswith("s3:"):
        yield warn(
            "settings",
            f"s3_endpoint is set, and objects are at {settings.objects}",
            "it is used for imports from s3:// alone; set objects if that is not what you want",
        )
    elif not found:
        yield ok("settings", "no two contradict each other")


def _contradictions(case: Case) -> Iterator[Finding]:
    settings = case.settings
    if settings.objects.startswith("memory:"):
        yield fail(
            "settings",
            "objects are kept in memory: they go when the process ends, and rows stay",
            "set objects to file:///folder or s3://bucket, unless this is a trial",
        )
    if settings.compute.startswith("dask"):
        if case.sqlite is not None:
            yield fail(
                "settings",
                "work is done on a Dask cluster, and rows are in a file of this machine",
                "set database to postgresql://..., which workers reach from everywhere",
            )
        if case.folder is not None:
            yield warn(
                "settings",
                "work is done on a Dask cluster, and objects are in a folder",
                f"see to it that every worker has {case.folder}, or set objects to s3://...",
            )
    if not settings.loopback and not settings.tls_certificate and not settings.behind_proxy:
        yield fail(
            "settings",
            f"host {settings.host} can be reached from elsewhere, and there is no TLS: "
            "`iryo serve` refuses",
            "set tls_certificate and tls_key, or behind_proxy if a proxy does TLS",
        )
    if settings.oidc_client_id and not settings.oidc_issuer:
        yield fail(
            "settings",
            "oidc_client_id is set, and oidc_issuer is not: `iryo serve` refuses",
            "set oidc_issuer to the URL of the provider at which people sign in",
        )
    if settings.oidc_issuer and not settings.oidc_audience and not settings.oidc_client_id:
        yield fail(
            "settings",
            "oidc_issuer is set, and neither oidc_audience nor oidc_client_id: `iryo serve` "
            "refuses",
            "set oidc_client_id for people to sign in, oidc_audience for bearer tokens, or both",
        )
    if settings.loopback and settings.tls_certificate:
        yield warn(
            "settings",
            f"there is a TLS certificate, and host {settings.host} is this machine's alone",
            "set host to the address that others are to reach, such as 0.0.0.0",
        )


def import_roots(case: Case) -> Iterator[Finding]:
    """The folders that imports over the network may touch."""
    for root in case.settings.import_roots:
        if "://" not in root and not os.access(root, os.R_OK | os.X_OK):
            yield warn(
                "import roots",
                f"{root} is not there, or cannot be read by this user",
                "make it, mount it, or take it out of import_roots",
            )


def home(case: Case) -> Iterator[Finding]:
    """There, this user's, and nobody else's."""
    folder = case.settings.home
    try:
        status = folder.stat()
    except FileNotFoundError:
        yield fail("home", f"there is no folder {folder}", "`iryo init` makes an installation")
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        yield fail(
            "home",
            f"{folder} has mode {mode:03o}: others on this machine can look into it",
            f"chmod 700 {folder}",
        )
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield fail(
            "home",
            f"{folder} cannot be written by this user",
            f"run iryo as user {status.st_uid}, or chown -R {folder}",
        )
    else:
        yield ok("home", f"{folder}, mode {mode:03o}")


def key_file(case: Case) -> Iterator[Finding]:
    """There, of the right length, and readable by nobody else."""
    try:
        key = KeyFile(case.key_file)
    except NotFound:
        advice = "put the copy of it there that you keep elsewhere; `iryo init` in a new home"
        yield fail("key file", f"there is none at {case.key_file}", advice)
    except IryoError as error:
        yield fail("key file", error.message, "see to that before anything else")
    else:
        yield ok("key file", f"{case.key_file} ({key.fingerprint()}); keep a copy elsewhere")


def disk_space(case: Case) -> Iterator[Finding]:
    """Of the disks that home, objects and database are on, each once."""
    seen = set()
    database = None if case.sqlite is None else case.sqlite.parent
    for name, path in (("home", case.settings.home), ("objects", case.folder), ("rows", database)):
        if path is None or not path.is_dir():
            continue
        device = path.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        disk = os.statvfs(path)
        free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        told = f"{path} ({name}): {free / 1e9:.1f} GB free of {whole / 1e9:.1f} GB"
        if free < _LITTLE:
            yield fail("disk space", told, "make room now: imports and backups stop")
        elif whole and free < _LOW * whole:
            yield warn("disk space", told, "make room soon, or add disks")
        elif disk.f_files and disk.f_favail < _LOW * disk.f_files:
            yield warn("disk space", f"{told}, but only {disk.f_favail} inodes", "make room soon")
        else:
            yield ok("disk space", told)


def file_systems(case: Case) -> Iterator[Finding]:
    """SQLite's log needs shared memory between processes, which no network file system has."""
    if case.sqlite is None:
        yield skip("file systems", "rows are not in a file")
        return
    kind = _kind_of(case.sqlite.parent)
    if kind in _REMOTE:
        yield fail(
            "file systems",
            f"the database {case.sqlite} is on {kind}, a network file system: its locks do not "
            "hold there, and it can be corrupted",
            "put it on a local disk, or use PostgreSQL",
        )
    else:
        yield ok("file systems", f"{case.sqlite} is on {kind or 'a local disk'}")


def _kind_of(path: Path) -> str | None:
    """The kind of file system that a folder is on, None if the system does not say."""
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return None
    best, kind = "", None
    whole = str(path.resolve())
    for line in lines:
        _, at, told, *_ = line.split(" ")
        at = at.replace("\\040", " ")
        inside = whole == at or whole.startswith(at.rstrip("/") + "/")
        if inside and len(at) >= len(best):
            best, kind = at, told
    return kind
