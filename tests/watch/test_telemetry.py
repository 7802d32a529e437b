"""Traces, as a collector gets them: a real OTLP/HTTP receiver, a real import, no patient in it."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from iryo.imaging.model import ImportOrder
from iryo.imaging.service import datastores, imports
from tests.imaging.site import make_instance
from tests.installation import opened

MARKER = "Zebrafinch"


class Collector:
    """What has come, decoded."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.spans: list[Any] = []
        self.paths: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                message = ExportTraceServiceRequest.FromString(body)
                collector.raw.append(body)
                collector.paths.add(self.path)
                for resource in message.resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def names(self) -> set[str]:
        return {span.name for span in self.spans}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_an_import_is_traced_and_tells_nothing_of_patients(
    tmp_path: Path, collector: Collector
) -> None:
    make_instance(
        tmp_path / "in" / f"{MARKER}.dcm",
        sop="1.2.3.1.1",
        PatientName=MARKER,
        PatientID=MARKER,
        StudyDescription=MARKER,
    )
    (tmp_path / "in" / f"{MARKER}.txt").write_text(MARKER)
    with opened(tmp_path, otel_endpoint=collector.url) as app:
        store = datastores.create(app.room, name="main").id
        order = ImportOrder(MARKER, (tmp_path / "in").as_uri(), None, "")
        assert app.runner.run(imports.start(app.room, store, order).id).state == "COMPLETED"
    assert collector.paths == {"/v1/traces"}
    assert any(name.startswith("job") for name in collector.names), collector.names
    assert "import publish" in collector.names
    assert "objects put" in collector.names
    by_id = {span.span_id: span for span in collector.spans}
    publish = next(span for span in collector.spans if span.name == "import publish")
    assert by_id[publish.parent_span_id].name.startswith("job"), "phases lie within their job"
    assert MARKER.encode() not in b"".join(collector.raw)


def test_a_caller_s_trace_is_continued(collector: Collector) -> None:
    from iryo.watch.telemetry import Telemetry

    telemetry = Telemetry(collector.url + "/", "web")
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    span = telemetry.begin("request", parent=f"00-{trace}-{parent}-01")
    inner = telemetry.begin("objects get_range")
    telemetry.end(inner, name=None, failure="Unavailable", attributes={})
    telemetry.end(span, name="GetImageFrame", failure="", attributes={"n": 1})
    other = telemetry.begin("request", parent="nonsense")
    telemetry.end(other, name=None, failure="", attributes={})
    telemetry.close()
    found = {span.name: span for span in collector.spans}
    assert found["GetImageFrame"].trace_id.hex() == trace
    assert found["GetImageFrame"].parent_span_id.hex() == parent
    assert found["objects get_range"].parent_span_id == found["GetImageFrame"].span_id
    assert found["objects get_range"].status.code == 2  # ERROR
    assert found["objects get_range"].status.message == "Unavailable"
    assert found["request"].trace_id.hex() != trace
    assert found["request"].parent_span_id == b""


def test_without_the_setting_opentelemetry_is_not_even_loaded(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from iryo.access import create_key_file\n"
        "from iryo.app import KEY_FILE, open_app\n"
        "from iryo.settings import load\n"
        "from pathlib import Path\n"
        "home = Path(sys.argv[1]); create_key_file(home / KEY_FILE)\n"
        "with open_app(load({'home': home, 'compute': 'inline'}, {}, None).settings):\n"
        "    print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_the_extra_that_is_absent_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from iryo.watch.telemetry import Telemetry\n"
        "try:\n    Telemetry('http://127.0.0.1:1', 'web')\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("Unavailable the setting otel_endpoint needs OpenTelemetry: pip")


def test_a_collector_that_is_away_stops_nothing(tmp_path: Path) -> None:
    make_instance(tmp_path / "in" / "1.dcm", sop="1.2.3.1.1")
    with opened(tmp_path, otel_endpoint="http://127.0.0.1:1") as app:
        store = datastores.create(app.room, name="main").id
        order = ImportOrder("x", (tmp_path / "in").as_uri(), None, "")
        assert app.runner.run(imports.start(app.room, store, order).id).state == "COMPLETED"
