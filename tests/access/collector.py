"""A syslog collector that tests look into: UDP, TCP or TLS; it reads octet counts itself."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Receiver", "certificate"]


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


class Receiver:
    """Takes messages at a port of 127.0.0.1 until it is left; again at the same port if told so."""

    def __init__(self, scheme: str, pair: tuple[Path, Path] | None = None, port: int = 0) -> None:
        self.scheme = scheme
        self.lines: list[bytes] = []
        self._came = threading.Condition()
        self._over = threading.Event()
        self._context = None
        if pair is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*pair)
        kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.settimeout(0.1)
        self.port: int = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close what is open, as a collector that is started anew does."""
        while self._open:
            one = self._open.pop()
            with one:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def until(self, count: int) -> list[bytes]:
        """The messages, once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.lines) >= count, 30), len(self.lines)
            return list(self.lines)

    def _take(self, line: bytes) -> None:
        with self._came:
            self.lines.append(line)
            self._came.notify_all()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                if self.scheme == "udp":
                    self._take(self._socket.recv(65535))
                    continue
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            with connection.makefile("rb") as stream:
                while count := _number(stream):
                    self._take(stream.read(count))
        except OSError:  # it hung up, or did not believe us
            return


def _number(stream) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a file
    digits = b""
    while (one := stream.read(1)) not in {b" ", b""}:
        digits += one
    return int(digits or 0)
