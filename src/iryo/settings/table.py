"""The table of all settings, and the object that holds their values."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iryo.settings.kinds import (
    BOOLEAN,
    LIST,
    PATH,
    SECRET,
    SIZE,
    TEXT,
    URL,
    Kind,
    number,
    pattern,
    show,
)

__all__ = ["PREFIX", "SETTINGS", "Setting", "Settings"]

PREFIX: Final = "IRYO_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The values; SETTINGS says what each is for."""

    home: Path
    objects: str
    s3_endpoint: str | None
    s3_region: str
    s3_access_key_id: str | None
    s3_secret_access_key: str | None = field(repr=False)
    database: str
    database_connections: int
    compute: str
    worker_memory: int
    host: str
    port: int
    server_workers: int
    tls_certificate: Path | None
    tls_key: Path | None
    behind_proxy: bool
    region: str
    account: str
    import_roots: tuple[str, ...]
    max_body: int
    job_threads: int
    job_lease: int
    log_level: str
    log_format: str
    metrics_token: str | None = field(repr=False)
    otel_endpoint: str | None
    max_upload: int
    query_results: int
    dicomweb_delete: bool
    cors_origins: tuple[str, ...]
    oidc_issuer: str | None
    oidc_audience: str | None
    oidc_roles_claim: str
    oidc_client_id: str | None
    oidc_client_secret: str | None = field(repr=False)
    session_idle: int
    audit_syslog: str | None
    audit_syslog_ca: Path | None
    ae_title: str
    dimse_port: int | None
    dimse_tls: bool
    dimse_tls_ca: Path | None
    dimse_associations: int

    @property
    def loopback(self) -> bool:
        """Whether `host` can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table.

    `default` is what one would write; ``{home}`` and ``{home_url}`` in it stand for the home
    folder as a path and as a file URL. None means: not set.
    """

    name: str
    kind: Kind
    default: str | None
    help: str

    @property
    def type(self) -> str:
        """The name of its type."""
        return self.kind.name

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The name of its flag."""
        return "--" + self.name.replace("_", "-")

    def show(self, value: object) -> str:
        """A value as one would write it; of a secret, only that there is one."""
        return "***" if value and self.kind is SECRET else show(value)


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "home",
        PATH,
        "~/.local/share/iryo",
        "The folder of this installation: iryo.toml, the key file, the audit spool and, unless "
        "set otherwise, objects and database. With XDG_DATA_HOME set, the default lies there.",
    ),
    Setting(
        "objects",
        URL,
        "{home_url}/objects",
        "Where frames and documents are kept: file:///folder, s3://bucket/prefix, or memory:// for "
        "a trial.",
    ),
    Setting(
        "s3_endpoint",
        pattern(r"https?://[^\s/]+/?", "http:// or https:// and a host"),
        None,
        "The S3 server of s3:// URLs, such as https://minio.example.org:9000. Not set: AWS.",
    ),
    Setting(
        "s3_region",
        pattern(r"[a-z0-9-]{1,64}", "the name of a region"),
        "us-east-1",
        "The region that requests to S3 are signed for.",
    ),
    Setting(
        "s3_access_key_id",
        TEXT,
        None,
        "The access key for s3:// URLs. Not set: the credentials that AWS's own tools would find "
        "(with the extra s3: profiles, SSO, roles).",
    ),
    Setting("s3_secret_access_key", SECRET, None, "The secret of s3_access_key_id."),
    Setting(
        "database",
        URL,
        "sqlite:///{home}/iryo.sqlite",
        "Where rows are kept: sqlite:///path, or postgresql://user:password@host/name.",
    ),
    Setting(
        "database_connections",
        number(2, 1000),
        "20",
        "How many connections to PostgreSQL a process opens at most.",
    ),
    Setting(
        "compute",
        TEXT,
        "processes",
        "Where heavy work runs: inline (in the process that asks), processes (one for each core), "
        "processes:N, or a Dask cluster at dask://host:port (dask+tls:// by TLS).",
    ),
    Setting(
        "worker_memory",
        SIZE,
        "8 GiB",
        "How much memory a worker process may take; a file that wants more fails alone.",
    ),
    Setting(
        "host",
        TEXT,
        "127.0.0.1",
        "The address that the server listens on; any but loopback needs TLS or behind_proxy.",
    ),
    Setting("port", number(0, 65535), "8100", "The port of the server; 0 takes a free one."),
    Setting(
        "server_workers",
        number(1, 256),
        "1",
        "How many processes answer requests. Jobs then run in a process of their own.",
    ),
    Setting(
        "tls_certificate",
        PATH,
        None,
        "A PEM file with the server's certificate and those between it and the root.",
    ),
    Setting("tls_key", PATH, None, "A PEM file with the private key of tls_certificate."),
    Setting(
        "behind_proxy",
        BOOLEAN,
        "false",
        "Say that a proxy in front does TLS and that only it can reach the server.",
    ),
    Setting(
        "region",
        pattern(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}", "a region such as us-east-1"),
        "us-east-1",
        "The AWS region that ARNs name. Requests may be signed for any.",
    ),
    Setting(
        "account",
        pattern(r"[0-9]{12}", "12 digits"),
        "000000000000",
        "The AWS account number that this installation plays, as ARNs name it.",
    ),
    Setting(
        "import_roots",
        LIST,
        "",
        "Folders, and places such as s3://bucket/prefix, below which imports may read and write. "
        "Empty: any while the server listens on loopback, and none otherwise.",
    ),
    Setting("max_body", SIZE, "64 MiB", "The largest request body that the server takes."),
    Setting(
        "job_threads",
        number(0, 64),
        "1",
        "How many jobs, such as imports, a process runs at once. 0, for servers beside which there "
        "is `iryo work`: none.",
    ),
    Setting(
        "job_lease",
        number(1, 3600),
        "30",
        "Seconds after the last sign of life of a process until another takes up its jobs.",
    ),
    Setting(
        "log_level",
        pattern("debug|info|warning|error", "debug, info, warning or error"),
        "info",
        "The least serious messages that are logged.",
    ),
    Setting(
        "log_format",
        pattern("text|json", "text or json"),
        "text",
        "How messages are logged: lines for people, or a JSON object a line.",
    ),
    Setting(
        "metrics_token",
        SECRET,
        None,
        "The bearer token that opens /-/metrics to others than this machine. Not set: to none.",
    ),
    Setting(
        "otel_endpoint",
        pattern(r"https?://\S+", "http:// or https:// and a host"),
        None,
        "Where traces are sent by OTLP over HTTP (with the extra otel). Not set: nowhere.",
    ),
    Setting(
        "max_upload",
        SIZE,
        "8 GiB",
        "The largest request of STOW-RS, and the largest instance that arrives by C-STORE.",
    ),
    Setting(
        "query_results",
        number(1, 1_000_000),
        "10000",
        "The most results that one query of QIDO-RS or C-FIND gives.",
    ),
    Setting(
        "dicomweb_delete",
        BOOLEAN,
        "false",
        "Whether writers may delete studies, series and instances over DICOMweb.",
    ),
    Setting(
        "cors_origins",
        LIST,
        "",
        "Origins whose pages may use DICOMweb from a browser, such as https://viewer.example.org.",
    ),
    Setting(
        "oidc_issuer",
        pattern(r"https?://[^\s?#]+", "http:// or https:// and a host"),
        None,
        "The OpenID Connect provider: DICOMweb takes its bearer tokens, and people sign in there.",
    ),
    Setting(
        "oidc_audience",
        TEXT,
        None,
        "The audience that a bearer token of oidc_issuer must name.",
    ),
    Setting(
        "oidc_roles_claim",
        pattern(r"[A-Za-z0-9_.:/-]{1,128}", "the name of a claim, with dots between its parts"),
        "iryo_roles",
        "The claim of a token that lists roles: `reader`, or `writer:` and a data store.",
    ),
    Setting(
        "oidc_client_id",
        TEXT,
        None,
        "The client that this installation is to oidc_issuer. With it people sign in there.",
    ),
    Setting(
        "oidc_client_secret",
        SECRET,
        None,
        "The secret of oidc_client_id. Not set: the provider wants none (a public client).",
    ),
    Setting(
        "session_idle",
        number(1, 720),
        "15",
        "Minutes without use after which a browser's session is locked, and wants the password.",
    ),
    Setting(
        "audit_syslog",
        pattern(r"(tls|tcp|udp)://[^\s/]+", "tls://, tcp:// or udp://, a host and a port"),
        None,
        "Where audit messages of PS3.15 A.5 are sent by syslog. Not set: nowhere.",
    ),
    Setting(
        "audit_syslog_ca",
        PATH,
        None,
        "A PEM file with the certificates that audit_syslog is checked by. Not set: the system's.",
    ),
    Setting(
        "ae_title",
        pattern(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?", "1 to 16 characters, no backslash"),
        "IRYO",
        "The application entity title under which DIMSE is served and spoken.",
    ),
    Setting(
        "dimse_port",
        number(0, 65535),
        None,
        "The port of DIMSE, such as 11112; 0 takes a free one. Not set: it is not served.",
    ),
    Setting(
        "dimse_tls",
        BOOLEAN,
        "false",
        "Whether DIMSE is served over TLS, with tls_certificate and tls_key.",
    ),
    Setting(
        "dimse_tls_ca",
        PATH,
        None,
        "A PEM file: who connects to DIMSE must show a certificate that one of these has signed.",
    ),
    Setting(
        "dimse_associations",
        number(1, 10_000),
        "200",
        "How many associations DIMSE takes at once.",
    ),
)
