"""What browsers load beside a page: scripts, styles, the decoder. Built from ``web/``."""

import gzip
import json
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from iryo.errors import NotFound, Unavailable
from iryo.pages.guard import PAGE_HEADERS
from iryo.wire.http import Request, Response

__all__ = ["STATIC", "StaticFiles"]

STATIC: Final = "/static/"
_WORTH: Final = 1024  # bytes; below, compression saves nothing
_COMPRESSED: Final = frozenset({".js", ".css", ".wasm", ".svg", ".json", ".txt", ".ico"})
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    media_type: str
    etag: str
    plain: bytes
    zipped: bytes | None


class StaticFiles:
    """The files of one folder, named in its ``manifest.json``. They are read when first needed.

    Names carry a hash of the content, so browsers keep a file for ever and never ask again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    @cached_property
    def _names(self) -> dict[str, str]:
        try:
            return dict(json.loads((self._folder / "manifest.json").read_bytes()))
        except FileNotFoundError:
            raise Unavailable(
                "what pages run in the browser is not built: `make setup` builds it"
            ) from None

    def url(self, name: str) -> str:
        """Where a file is, by the name that it had before it was built.

        Raises:
            Unavailable: it was not built.
        """
        try:
            return STATIC + self._names[name]
        except KeyError:
            raise Unavailable(f"{name} is not built: `make setup` builds it") from None

    def urls(self) -> dict[str, str]:
        """Where each file is, by name: for workers and modules that a script loads later."""
        return {name: STATIC + built for name, built in self._names.items()}

    def answer(self, request: Request) -> Response:
        """A file.

        Raises:
            NotFound: there is none of this name.
        """
        file = self._file(request.path.removeprefix(STATIC))
        headers = [
            ("content-type", file.media_type),
            ("etag", file.etag),
            ("cache-control", _FOR_EVER),
            ("vary", "accept-encoding"),
            *(pair for pair in PAGE_HEADERS if pair[0] != "content-security-policy"),
        ]
        if file.media_type.startswith("text/javascript"):
            # A worker is governed by the policy that comes with it, not by its page's.
            headers.append(PAGE_HEADERS[0])
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(304, headers)
        if file.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(200, [*headers, ("content-encoding", "gzip")], file.zipped)
        return Response(200, headers, file.plain)

    def _file(self, built: str) -> _File:
        known = self._files.get(built)
        if known is not None:
            return known
        if built not in self._names.values():
            raise NotFound("found no file of this name")
        path = self._folder / built
        plain = path.read_bytes()
        zipped = None
        if path.suffix in _COMPRESSED and len(plain) > _WORTH:
            zipped = gzip.compress(plain, 9, mtime=0)
        file = _File(_media_type(path), f'"{path.name.split(".")[-2]}"', plain, zipped)
        self._files[built] = file
        return file


def _media_type(path: Path) -> str:
    match path.suffix:
        case ".js":
            return "text/javascript; charset=utf-8"
        case ".css":
            return "text/css; charset=utf-8"
        case ".wasm":
            return "application/wasm"
        case _:
            return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
