import socket
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iryo import __version__
from tests.doctor.patient import found, installed, one
from tests.program import Program


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return installed(tmp_path / "home")


def test_a_free_port(home: Path) -> None:
    assert one(home, "port")[0] == "skip"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
        level, text, _ = one(home, "port", port=number)
        assert (level, "cannot be taken" in text) == ("fail", True)
    level, text, _ = one(home, "port", port=number)
    assert (level, "is free" in text) == ("ok", True)


def test_iryo_serves_there(tmp_path: Path) -> None:
    program = Program(tmp_path / "home")
    program.says("init")
    with program.serving() as told:
        number = int(told["AWS_ENDPOINT_URL"].rpartition(":")[2])
        assert one(program.home, "port", port=number) == (
            "ok",
            f"iryo {__version__} serves at 127.0.0.1:{number}",
            "",
        )


def test_somebody_else_serves_there(home: Path) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        level, text, _ = one(home, "port", port=server.server_port)
        assert (level, "another program" in text) == ("fail", True)
        server.shutdown()
        thread.join()


def made(folder: Path, *, begin: int, end: int, name: str = "iryo.example.org") -> dict[str, Path]:
    """A certificate of its own, valid from and until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    names = [x509.DNSName(name), x509.IPAddress(ip_address("192.0.2.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=end))
    )
    if name:
        built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
    paths = {"tls_certificate": folder / "c.pem", "tls_key": folder / "k.pem"}
    signed = built.sign(key, hashes.SHA256())
    paths["tls_certificate"].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths["tls_key"].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.mark.parametrize(
    ("begin", "end", "level", "words"),
    [
        (-1, 90, "ok", "is valid until"),
        (-1, 10, "warn", "is valid until"),
        (-9, -1, "fail", "was valid until"),
        (1, 90, "fail", "is not valid before"),
    ],
)
def test_when_a_certificate_is_valid(
    home: Path, tmp_path: Path, begin: int, end: int, level: str, words: str
) -> None:
    paths = made(tmp_path, begin=begin, end=end)
    told, text, _ = one(home, "TLS", host="192.0.2.1", **paths)
    assert (told, words in text) == (level, True)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("0.0.0.0", True),  # any, so no name can be told
        ("iryo.example.org", True),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("other.example.org", False),
    ],
)
def test_whom_a_certificate_names(home: Path, tmp_path: Path, host: str, named: bool) -> None:
    told = found(home, "TLS", host=host, **made(tmp_path, begin=-1, end=90))
    assert [one.level.value for one in told] == (["ok"] if named else ["ok", "warn"])


def test_certificates_that_will_not_do(home: Path, tmp_path: Path) -> None:
    assert one(home, "TLS")[0] == "skip"
    paths = made(tmp_path, begin=-1, end=90, name="")
    assert found(home, "TLS", host="a.example.org", **paths)[1].level == "warn"
    paths["tls_key"].write_text("nothing")
    assert one(home, "TLS", **paths)[0] == "fail"
    paths["tls_key"].unlink()
    assert "No such file" in one(home, "TLS", **paths)[1]
