"""GetImageFrame and GetImageSetMetadata over HTTP, against the same server's static bytes.

One server process (uvicorn, Starlette); `wrk` (Debian) asks from another. Static bytes are measured
in three ways: the same frames as files through Starlette's StaticFiles, from memory through a
Starlette route, and from memory with no framework. None of them verifies a signature, asks for
rights or writes an audit row. The frames are those of one CT series, asked for in turn; ours are
signed (SigV4) by botocore.
"""

import gc
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from _load import Load, full, signed
from _servers import wait_for
from _tables import CONSOLE, installation, show, source_of_ct, write_ct_series
from iryo.access import Role
from iryo.app import App, open_app
from iryo.imaging import documents
from iryo.imaging.model import ImportOrder, SearchQuery
from iryo.imaging.service import datastores, imports, read, search
from iryo.server import Connection, application
from iryo.settings import load

SLICES = 200
SERIES = 1000
SECONDS = 4
ROUNDS = 5
CONNECTIONS = 8


def serve(home: str, port: str, paths: str) -> None:
    """The server process: iryo's application, and the static bytes beside it."""
    settings = load({"home": Path(home), "port": int(port)}, {}, None).settings
    with open_app(settings, serving=True) as app:
        whole = application(app)
        bodies = [Path(line).read_bytes() for line in Path(paths).read_text().splitlines()]

        async def static(request: StarletteRequest) -> StarletteResponse:
            body = bodies[int(request.path_params["number"])]
            return StarletteResponse(body, media_type="image/jph")

        folder = Path(paths).parent
        own = Starlette(
            routes=[
                Route("/-/static/{number}", static, methods=["POST"]),
                Mount("/-/files", StaticFiles(directory=folder)),
            ]
        )

        async def both(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"].startswith(("/-/static/", "/-/files/")):
                await own(scope, receive, send)
            elif scope["type"] == "http" and scope["path"].startswith("/-/bare/"):
                await receive()
                body = bodies[int(scope["path"][8:])]
                headers = [(b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                await whole(scope, receive, send)

        gc.collect()
        gc.freeze()  # as iryo.server does
        uvicorn.run(
            both,
            port=int(port),
            log_level="warning",
            lifespan="off",
            access_log=False,
            http=Connection,
        )


def prepare(app: App, folder: Path, count: int) -> tuple[str, str]:
    """Import a series; data store and image set."""
    write_ct_series(folder, count)
    store = datastores.create(app.room, name=f"bench{count}")
    order = ImportOrder("bench", folder.as_uri(), None, "")
    app.runner.run(imports.start(app.room, store.id, order).id)
    (hit,) = search.search(app.room, store.id, SearchQuery())
    return store.id, hit.id


def latencies(port: int, key: tuple[str, str], path: str, count: int) -> tuple[list[float], int]:
    """Milliseconds of single requests on one connection, and the size of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    taken, size = [], 0
    for _ in range(count):
        headers = signed(key, port, path, "{}").headers
        begin = time.perf_counter()
        connection.request("POST", path, b"{}", headers)
        answer = connection.getresponse()
        size = len(answer.read())
        taken.append((time.perf_counter() - begin) * 1e3)
        assert answer.status == 200
    return taken, size


def main() -> None:
    """Measure and print."""
    if shutil.which("wrk") is None:
        CONSOLE.print("frames_http: needs wrk (on Debian: apt-get install wrk); skipped")
        return
    work = Path(tempfile.mkdtemp(prefix="iryo-bench-http-"))
    port = 18231
    try:
        with installation() as app:
            store, image_set = prepare(app, work / "few", SLICES)
            big_store, big_set = prepare(app, work / "many", SERIES)
            key = app.access.create_key(name="bench", role=Role.READER)
            document = documents.decode(read.metadata(app.room, store, image_set))
            ids = [i["ImageFrames"][0]["ID"] for i in documents.instances_of(document).values()]
            dynamic, static, on_disk, bare, bodies = [], [], [], [], []
            path = f"/datastore/{store}/imageSet/{image_set}/getImageFrame"
            for number, one in enumerate(ids):
                body = json.dumps({"imageFrameId": one}, separators=(",", ":"))
                dynamic.append(signed(key, port, path, body).line())
                static.append(f"POST /-/static/{number} {body} Content-Type:application/json")
                on_disk.append(f"GET /-/files/{number}.jph - Accept:*/*")
                bare.append(f"POST /-/bare/{number} {body} Content-Type:application/json")
                data, _ = read.frame(app.room, store, image_set, one)
                (work / f"{number}.jph").write_bytes(data)
                bodies.append(str(work / f"{number}.jph"))
            for name, lines in (
                ("dynamic", dynamic),
                ("static", static),
                ("bare", bare),
                ("files", on_disk),
                ("bodies", bodies),
            ):
                (work / name).write_text("\n".join(lines))
            home = str(app.settings.home)
            server = subprocess.Popen(
                [sys.executable, __file__, "serve", home, str(port), str(work / "bodies")]
            )
            try:
                wait_for(port, server)
                measured = measure(port, work)
                meta = f"/datastore/{big_store}/imageSet/{big_set}/getImageSetMetadata"
                latencies(port, key, meta, 5)
                taken, size = latencies(port, key, meta, 60)
            finally:
                server.terminate()
                server.wait(timeout=30)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    middle = {name: statistics.median(r.rate for r in rows) for name, rows in measured.items()}
    show(
        f"GetImageFrame over HTTP, {SLICES} frames in turn ({source_of_ct()})",
        ["", "requests/s", "MB/s", "p50 ms", "p99 ms", "ours, of it"],
        [
            [
                label,
                f"{middle[name]:,.0f}",
                f"{statistics.median(r.megabytes for r in measured[name]):,.0f}",
                f"{statistics.median(r.p50 for r in measured[name]):.2f}",
                f"{statistics.median(r.p99 for r in measured[name]):.2f}",
                f"{middle['dynamic'] / middle[name]:.0%}",
            ]
            for name, label in (
                ("dynamic", "ours: signature, rights, audit, pack on disk"),
                ("files", "the same bytes as files: StaticFiles"),
                ("static", "the same bytes from memory: a Starlette route"),
                ("bare", "the same bytes from memory: bare ASGI"),
            )
        ],
        f"{CONNECTIONS} connections, medians of {ROUNDS} rounds of {SECONDS} s in turn;"
        " asked: at least 70 % of static bytes",
    )
    taken.sort()
    show(
        f"GetImageSetMetadata of a series of {SERIES} instances",
        ["", "ms"],
        [
            ["median", f"{statistics.median(taken):.2f}"],
            ["95th percentile", f"{taken[int(len(taken) * 0.95)]:.2f}"],
        ],
        f"{size:,} bytes of gzip, one connection; asked: under 15 ms",
    )


def measure(port: int, work: Path) -> dict[str, list[Load]]:
    """The two in turn."""
    rows: dict[str, list[Load]] = {name: [] for name in ("files", "dynamic", "static", "bare")}
    for name in rows:
        full(port, work / name, connections=CONNECTIONS, seconds=SECONDS)  # warm
    for _ in range(ROUNDS):
        for name, found in rows.items():
            found.append(full(port, work / name, connections=CONNECTIONS, seconds=SECONDS))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:5])
    else:
        main()
