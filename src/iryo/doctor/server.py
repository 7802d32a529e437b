"""The server, from outside: its port and its certificate."""

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from iryo.doctor.case import Case
from iryo.doctor.model import Finding, fail, ok, skip, warn
from iryo.settings import Settings

__all__ = ["certificate", "free", "knocked_at", "port", "serves"]

_SECONDS: Final = 3.0
_SOON: Final = timedelta(days=30)
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where we knock


def port(case: Case) -> Iterator[Finding]:
    """Who answers there: iryo, nobody, or another program."""
    settings = case.settings
    told = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        yield skip("port", "0: a free one is taken")
        return
    try:
        with closing(
            socket.create_connection((knocked_at(settings.host), settings.port), _SECONDS)
        ):
            pass
    except OSError:
        yield free(case, "port", settings.port)
        return
    version = serves(settings)
    if version is None:
        advice = "end it, or choose another port"
        yield fail("port", f"another program answers at {told}", advice)
    else:
        yield ok("port", f"iryo {version} serves at {told}")


def knocked_at(host: str) -> str:
    """The address to connect to, of a host where a server listens."""
    return _ANY.get(host, host)


def free(case: Case, title: str, number: int) -> Finding:
    """Whether a port where nobody answers can be taken."""
    told = f"{case.settings.host}:{number}"
    family = socket.AF_INET6 if ":" in case.settings.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((case.settings.host, number))
        except OSError as error:
            return fail(title, f"{told} cannot be taken: {error.strerror}", "choose another")
    return ok(title, f"{told} is free; no server runs here")


def serves(settings: Settings) -> str | None:
    """The version of the iryo that serves HTTP by these settings, None if nobody or another does.

    A port of 0 is any: nobody knows which.
    """
    if settings.port == 0:
        return None
    tls = settings.tls_certificate is not None
    return _version(knocked_at(settings.host), settings.port, tls=tls)


def _version(host: str, number: int, *, tls: bool) -> str | None:
    """The version of the iryo that answers, None if it is something else."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only who it is; `certificate` looks at the rest
    asked = (
        http.client.HTTPSConnection(host, number, timeout=_SECONDS, context=context)
        if tls
        else http.client.HTTPConnection(host, number, timeout=_SECONDS)
    )
    with closing(asked):
        try:
            asked.request("GET", "/-/health")
            return str(json.loads(asked.getresponse().read(10_000))["version"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return None


def certificate(case: Case) -> Iterator[Finding]:
    """Its key fits, it is valid for a while, and names the host."""
    path, key = case.settings.tls_certificate, case.settings.tls_key
    if path is None or key is None:
        yield skip("TLS", "no certificate is set")
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path, key)
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        what = getattr(error, "reason", None) or getattr(error, "strerror", None) or "unreadable"
        yield fail("TLS", f"{path} and {key}: {what}", "set files of one pair, in PEM")
        return
    yield _validity(first, path)
    host = case.settings.host
    if host not in _ANY and not _names(first, host):
        yield warn(
            "TLS", f"{path} does not name {host}", "clients will refuse it, unless they use a name"
        )


def _validity(found: x509.Certificate, path: Path) -> Finding:
    now, until = datetime.now(UTC), found.not_valid_after_utc
    told = f"{path} is valid until {until:%Y-%m-%d}"
    if now > until:
        return fail("TLS", f"{path} was valid until {until:%Y-%m-%d}", "renew it")
    if now < found.not_valid_before_utc:
        begin = f"{found.not_valid_before_utc:%Y-%m-%d %H:%M}"
        return fail("TLS", f"{path} is not valid before {begin} UTC", "is the clock right?")
    if until - now < _SOON:
        return warn("TLS", told, "renew it")
    return ok("TLS", told)


def _names(found: x509.Certificate, host: str) -> bool:
    """Whether the alternative names (RFC 6125 6.4) hold the host."""
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return False
    names = extension.value
    assert isinstance(names, x509.SubjectAlternativeName)  # noqa: S101 - what the OID says
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        wild = f"*.{host.partition('.')[2]}"
        return bool({host, wild} & set(names.get_values_for_type(x509.DNSName)))
