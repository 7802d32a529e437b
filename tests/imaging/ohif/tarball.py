"""Packages built as OHIF's are, small enough for tests."""

import io
import json
import tarfile
from pathlib import Path
from typing import Final

PAGE: Final = b"""<!doctype html><html><head><link rel="icon" href="/assets/favicon.ico"/>
<script>window.PUBLIC_URL = '/';</script><script src="/app-config.js"></script>
<script defer src="/app.bundle.0123456789abcdef0123.js"></script></head><body></body></html>"""
CODE: Final = b"__webpack_require__.p = \"/\";\nload('/dicom-microscopy-viewer/viewer.js');\n"
BUNDLE: Final = "package/dist/app.bundle.0123456789abcdef0123.js"


def contents(version: str = "3.12.0", **others: bytes) -> dict[str, bytes]:
    about = {"name": "@ohif/app", "version": version}
    return {
        "package/package.json": json.dumps(about).encode(),
        "package/README.md": b"not of the viewer",
        "package/dist/index.html": PAGE,
        BUNDLE: CODE + b"//" + b"x" * 2000,
        "package/dist/sw.js": b"",
        "package/dist/app.bundle.css": b"@font-face{src:url(/31fb93.woff2)}",
        "package/dist/assets/favicon.ico": b"icon",
        "package/dist/ort/large.wasm": b"model",
    } | others


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
