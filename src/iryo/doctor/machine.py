"""This machine: what is installed, the codecs, limits, languages."""

import importlib.metadata
import importlib.util
import locale
import os
import resource
import sys
import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from iryo import __version__
from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, warn

__all__ = ["codecs", "extras", "languages", "open_files"]

_FILES: Final = 1024  # kept descriptors of packs, connections, workers' pipes


def extras(case: Case) -> Iterator[Finding]:
    """What the settings ask for is installed."""
    settings = case.settings
    wanted = (
        ("postgres", "psycopg", settings.database.startswith("postgresql")),
        ("dask", "distributed", settings.compute.startswith("dask")),
        (
            "s3",
            "boto3",
            settings.objects.startswith("s3:") and settings.s3_access_key_id is None,
        ),
        ("otel", "opentelemetry.sdk", settings.otel_endpoint is not None),
    )
    asked = [name for name, _, needed in wanted if needed]
    missing = [name for name, module, needed in wanted if needed and not _installed(module)]
    for name in missing:
        yield fail("extras", f"the settings need the extra {name}", f"pip install 'iryo[{name}]'")
    if not missing:
        yield ok("extras", f"needed and there: {', '.join(asked)}" if asked else "none is needed")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False


def codecs(case: Case) -> Iterator[Finding]:  # noqa: ARG001 - as every check
    """A picture goes through HTJ2K, in which everything is stored, and comes back."""
    import imagecodecs

    version = importlib.metadata.version("imagecodecs")
    picture = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    advice = "reinstall imagecodecs; import nothing until then"
    try:
        back = imagecodecs.htj2k_decode(imagecodecs.htj2k_encode(picture, reversible=True))
    except Exception as error:  # noqa: BLE001 - native code may raise anything
        yield fail(
            "codecs", f"imagecodecs {version} cannot do HTJ2K: {type(error).__name__}", advice
        )
        return
    if not np.array_equal(back, picture):
        yield fail("codecs", f"imagecodecs {version} gives back another picture", advice)
    else:
        yield ok(
            "codecs", f"imagecodecs {version}: HTJ2K comes back equal; iryo {__version__}, "
            f"Python {sys.version.split()[0]}"
        )  # fmt: skip


def open_files(case: Case) -> Iterator[Finding]:  # noqa: ARG001 - as every check
    """How many files a process may have open (RLIMIT_NOFILE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = f"a process may open {soft} files"
    if soft < _FILES:
        yield warn("open files", told, f"ulimit -n {min(hard, 65536)}, or LimitNOFILE= in systemd")
    else:
        yield ok("open files", told)


def languages(case: Case) -> Iterator[Finding]:  # noqa: ARG001 - as every check
    """Files with names in any script can be read, and the clock is not of another age."""
    encoding = sys.getfilesystemencoding()
    try:
        os.fsencode("渋谷")
    except UnicodeEncodeError:
        yield warn(
            "languages",
            f"names of files are in {encoding}: files with other names cannot be imported",
            "set LANG=C.UTF-8, or PYTHONUTF8=1",
        )
        return
    if time.time() < 1_750_000_000:  # June 2025
        yield fail("languages", "this machine's clock is years behind", "run NTP (chrony)")
        return
    zone = time.tzname[time.localtime().tm_isdst > 0]
    here = locale.setlocale(locale.LC_CTYPE)
    yield ok("languages", f"{encoding}, locale {here}; time zone {zone}, rows are in UTC")
