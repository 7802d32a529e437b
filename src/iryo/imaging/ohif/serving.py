"""What is answered below ``/ohif``: the files as unpacked, and where its data is."""

import json
import mimetypes
import re
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from iryo.imaging.ohif.package import MOUNT, Installed
from iryo.wire.http import Request, Response

__all__ = ["MOUNT", "Files", "configuration"]

_CONFIGURATION: Final = "app-config.js"
_PAGE: Final = "index.html"
_HASHED: Final = re.compile(r"(^|[.\-])[0-9a-f]{16,32}\.[a-z0-9]+$")
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}

# What OHIF does that our own pages do not: it makes workers of blobs, sets styles in its elements,
# and makes functions of text (its reader of segmentations does, by the library ndarray). It may
# reach nothing but this server, and be framed by nobody.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval' blob: {scripts}; worker-src 'self' "
    "blob:; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; media-src 'self' blob:; manifest-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)


class Files:
    """Answers for the files of one installed viewer.

    Args:
        installed: what is unpacked.
    """

    def __init__(self, installed: Installed) -> None:
        self._folder = installed.folder
        self._policy = _POLICY.format(scripts=" ".join(installed.scripts))

    def answer(self, request: Request) -> Response | None:
        """What is at a path below ``/ohif``; its page where there is no file of that name.

        None: ``app-config.js``, which depends on who asks; see `configuration`.
        """
        name = unquote(request.path).removeprefix(MOUNT).lstrip("/")
        if name == _CONFIGURATION:
            return None
        path = self._file(name) or self._folder / _PAGE
        page = path.name == _PAGE
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        headers = [
            ("content-type", kind or "application/octet-stream"),
            ("cache-control", _FOREVER if _HASHED.search(path.name) else _ASK_AGAIN),
            ("vary", "accept-encoding"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
        ]
        if page:
            headers += [
                ("content-security-policy", self._policy),
                ("referrer-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
            ]
        packed = path.with_name(path.name + ".gz")
        if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
            path = packed
            headers.append(("content-encoding", "gzip"))
        about = path.stat()
        etag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
        headers += [("etag", etag), ("last-modified", formatdate(about.st_mtime, usegmt=True))]
        if request.headers.get("if-none-match") == etag:
            return Response(304, headers)
        return Response(200, headers, path.read_bytes())

    def _file(self, name: str) -> Path | None:
        parts = name.split("/")
        if not name or "\0" in name or any(part in {"", ".", ".."} for part in parts):
            return None
        path = self._folder.joinpath(*parts)
        return path if path.is_file() else None


def configuration(datastores: Iterable[tuple[str, str]], default: str | None = None) -> Response:
    """``app-config.js``: one data source for each data store that the caller may read.

    Args:
        datastores: id and name of each.
        default: the id of the one that is shown when the URL names none; None: the first.
    """
    sources = [_source(datastore_id, name) for datastore_id, name in datastores]
    names = [source["sourceName"] for source in sources]
    config = {
        "routerBasename": MOUNT,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 4,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "investigationalUseDialog": {"option": "always"},
        "maxNumRequests": {"interaction": 100, "thumbnail": 16, "prefetch": 16},
        "dataSources": sources,
        "defaultDataSourceName": default if default in names else _first(names),
    }
    # Valid JavaScript too, whatever a name holds: json escapes all but ASCII.
    body = "window.config = " + json.dumps(config, indent=1).replace("</", "<\\/") + ";\n"
    headers = [
        ("content-type", "text/javascript"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
    ]
    return Response(200, headers, body.encode())


def _first(names: Sequence[object]) -> object:
    return names[0] if names else ""


def _source(datastore_id: str, name: str) -> dict[str, object]:
    root = f"/dicomweb/{quote(datastore_id, safe='')}"
    return {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": datastore_id,
        "configuration": {
            "friendlyName": name,
            "name": datastore_id,
            "qidoRoot": root,
            "wadoRoot": root,
            "wadoUriRoot": root + "/wado",
            "qidoSupportsIncludeField": True,
            "imageRendering": "wadors",
            "thumbnailRendering": "thumbnailDirect",
            "enableStudyLazyLoad": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "supportsReject": False,
            "dicomUploadEnabled": False,
            "omitQuotationForMultipartRequest": True,
            "singlepart": "bulkdata,video,pdf,image/jphc",
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
        },
    }
