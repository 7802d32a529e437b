"""What the doctor says of the port of DIMSE."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from iryo import __version__
from tests.doctor.patient import installed, one
from tests.imaging.dimse.site import serving


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return installed(tmp_path / "home")


def test_it_need_not_be_set(home: Path) -> None:
    level, text, _ = one(home, "DIMSE port")
    assert (level, "not set" in text) == ("skip", True)
    assert one(home, "DIMSE port", dimse_port=0)[0] == "skip"
    level, text, _ = one(home, "DIMSE port", dimse_port=11112, dimse_tls=True)
    assert (level, "without tls_certificate" in text) == ("fail", True)


def test_a_free_port(home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
        level, text, _ = one(home, "DIMSE port", dimse_port=number)
        assert (level, "cannot be taken" in text) == ("fail", True)
    level, text, _ = one(home, "DIMSE port", dimse_port=number)
    assert (level, "is free" in text) == ("ok", True)


def test_iryo_serves_there(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        http = int(site.http.rpartition(":")[2])
        assert one(tmp_path / "home", "DIMSE port", port=http, dimse_port=site.port) == (
            "ok",
            f"iryo {__version__} serves DIMSE at 127.0.0.1:{site.port}",
            "",
        )


def test_another_dicom_server_is_there(home: Path) -> None:
    entity = AE("OTHER")
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    try:
        level, text, _ = one(home, "DIMSE port", dimse_port=server.server_address[1])
    finally:
        server.shutdown()
    assert (level, "another DICOM server" in text) == ("fail", True)


def _talk(connection: socket.socket) -> None:
    connection.recv(100_000)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("answer", [_talk, lambda _: None])
def test_another_program_is_there(home: Path, answer: Callable[[socket.socket], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for turn in range(2):  # a knock, and then the question
                with listener.accept()[0] as connection:
                    if turn:
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        level, text, _ = one(home, "DIMSE port", dimse_port=listener.getsockname()[1])
        thread.join(30)
    assert (level, text.startswith("another program answers")) == ("fail", True)


def test_tls_without_an_answer_in_the_clear(home: Path, tmp_path: Path) -> None:
    """No TLS there at all: another program."""
    pair = {"tls_certificate": tmp_path / "c.pem", "tls_key": tmp_path / "k.pem"}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                with listener.accept()[0]:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        number = listener.getsockname()[1]
        level, text, _ = one(home, "DIMSE port", dimse_port=number, dimse_tls=True, **pair)
        thread.join(30)
    assert (level, text.startswith("another program answers")) == ("fail", True)
