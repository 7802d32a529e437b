"""Debian's Orthanc, started for a benchmark: own configuration, own folder, free ports, stopped.

Debian's package may have started a service of its own; it is not touched.
"""

import http.client
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import make_url

from _servers import free_port

__all__ = ["Orthanc", "missing", "uploaded"]

_PROGRAM: Final = Path("/usr/sbin/Orthanc")
_PLUGINS: Final = Path("/usr/share/orthanc/plugins")
_DICOMWEB: Final = _PLUGINS / "libOrthancDicomWeb.so"
_POSTGRES: Final = _PLUGINS / "libOrthancPostgreSQLIndex.so"
_SECONDS: Final = 60.0


def missing() -> list[str]:
    """What of it is not installed."""
    return [str(path) for path in (_PROGRAM, _DICOMWEB, _POSTGRES) if not path.exists()]


class Orthanc:
    """One server; used in `with`.

    Args:
        postgres: URL of an empty database for its index; without one that is SQLite, its default.
        compressed: StorageCompression, zlib on each file.
    """

    def __init__(self, *, postgres: str | None = None, compressed: bool = False) -> None:
        self._postgres = postgres
        self._compressed = compressed
        self.folder = Path()
        self.port = free_port()
        self.dimse = free_port()
        self.version = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="iryo-bench-orthanc-"))
        plugins = [str(_DICOMWEB)]
        configuration: dict[str, Any] = {
            "Name": "bench",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "StorageCompression": self._compressed,
            "HttpPort": self.port,
            "DicomServerEnabled": True,
            "DicomAet": "ORTHANC",
            "DicomPort": self.dimse,
            "DicomAlwaysAllowStore": True,
            "AuthenticationEnabled": False,
            "RemoteAccessAllowed": False,
            "HttpCompressionEnabled": False,  # asks for work that ours is not asked for
            "KeepAlive": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        if self._postgres is not None:
            plugins.append(str(_POSTGRES))
            url = make_url(self._postgres)
            configuration["PostgreSQL"] = {
                "EnableIndex": True,
                "EnableStorage": False,
                "Host": url.host,
                "Port": url.port,
                "Database": url.database,
                "Username": url.username,
                "Password": url.password,
                "IndexConnectionsCount": 5,
            }
        configuration["Plugins"] = plugins
        settings = self.folder / "orthanc.json"
        settings.write_text(json.dumps(configuration))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [_PROGRAM, settings], cwd=self.folder, stdout=log, stderr=log
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path: str, **headers: str) -> bytes:
        """The body of an answer; anything but 200 is an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"Orthanc answers {answer.status} to {path}: {body[:200]!r}")
        return body

    def stored_bytes(self) -> int:
        """Files as `du` counts them without rounding: images, and the index if it is SQLite."""
        storage = self.folder / "storage"
        return sum(path.stat().st_size for path in storage.rglob("*") if path.is_file())

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self.version = json.loads(self.get("/system"))["Version"]
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"Orthanc does not start; it says:\n{said}") from None
                time.sleep(0.05)
            else:
                return


def uploaded(orthanc: Orthanc, files: Sequence[Path], connections: int = 4) -> int:
    """POST files to /instances over connections that are kept open; how many it has taken."""

    def some(mine: Sequence[Path]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", orthanc.port, timeout=60)
        taken = 0
        for path in mine:
            connection.request(
                "POST", "/instances", path.read_bytes(), {"Content-Type": "application/dicom"}
            )
            answer = connection.getresponse()
            answer.read()
            taken += answer.status == 200
        connection.close()
        return taken

    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(some, [files[start::connections] for start in range(connections)]))
