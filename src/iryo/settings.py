"""All settings: one table, read once at the start, passed down as a frozen object.

A value comes from the first of: a flag, an environment variable ``IRYO_...``, a TOML file, the
default. This is the only module that knows the environment.
"""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iryo.errors import InvalidInput

__all__ = ["SETTINGS", "Loaded", "Setting", "Settings", "environment", "load"]

FILE_NAME: Final = "iryo.toml"
PREFIX: Final = "IRYO_"
CONFIG_VARIABLE: Final = "IRYO_CONFIG"


@dataclass(frozen=True, slots=True)
class Settings:
    """The values; SETTINGS says what each is for."""

    home: Path
    objects: str
    database: str
    compute: str
    host: str
    port: int
    tls_certificate: Path | None
    tls_key: Path | None
    behind_proxy: bool
    region: str
    account: str
    import_roots: tuple[str, ...]
    max_body: int
    job_threads: int
    log_level: str

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
class Place:
    """Where a value was written, as far as its meaning depends on that."""

    folder: Path  # what a relative path is relative to
    user: Path  # what ~ stands for


Written = dict[str, tuple[object, str, Place]]  # by name: the value, its source, its place


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of value: its name, how it is read, and what to write."""

    name: str
    expected: str
    read: Callable[[Any, Place], object]  # raises ValueError or TypeError


def _read_text(value: Any, _place: Place) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError
    return value.strip()


def _read_path(value: Any, place: Place) -> Path:
    text = _read_text(str(value) if isinstance(value, Path) else value, place)
    if "?" in text:
        raise ValueError  # in a URL made of it, as the default of database, it would end the path
    return place.user / text[2:] if text.startswith("~/") else place.folder / text


def _read_boolean(value: Any, _place: Place) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}[value.strip().lower()]


def _read_list(value: Any, place: Place) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)):
        raise TypeError
    return tuple(_read_text(part, place) for part in parts if part != "")


def _read_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value) is None:
        raise ValueError
    return int(value)


_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def _read_size(value: Any, _place: Place) -> int:
    unit = ""
    if isinstance(value, str):
        value, unit = re.fullmatch(r"\s*([0-9]+)\s*(|KiB|MiB|GiB)\s*", value).groups()  # type: ignore[union-attr]
    size = _read_integer(value) * _UNITS[unit]
    if not 0 < size < 1 << 62:
        raise ValueError
    return size


def _number(low: int, high: int) -> Kind:
    def read(value: Any, _place: Place) -> int:
        number = _read_integer(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return Kind("integer", f"an integer from {low} to {high}", read)


def _pattern(pattern: str, expected: str) -> Kind:
    def read(value: Any, place: Place) -> str:
        text = _read_text(value, place)
        if re.fullmatch(pattern, text) is None:
            raise ValueError
        return text

    return Kind("text", expected, read)


_TEXT: Final = Kind("text", "a text that is not empty", _read_text)
_PATH: Final = Kind("path", "a path without a question mark", _read_path)
_BOOLEAN: Final = Kind("boolean", "true or false", _read_boolean)
_LIST: Final = Kind("list", "texts, in a list or separated by commas", _read_list)
_SIZE: Final = Kind("size", "a number of bytes above 0, perhaps in KiB, MiB or GiB", _read_size)
_URL: Final = _pattern(r"[a-z][a-z0-9+.-]*:.*", "a URL")


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


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "home",
        _PATH,
        "~/.local/share/iryo",
        "The folder of this installation: iryo.toml, the key file, the audit spool and, unless "
        "set otherwise, objects and database. With XDG_DATA_HOME set, the default lies there.",
    ),
    Setting(
        "objects",
        _URL,
        "{home_url}/objects",
        "Where frames and documents are kept: file:///folder, or memory:// for a trial.",
    ),
    Setting(
        "database", _URL, "sqlite:///{home}/iryo.sqlite", "Where rows are kept: sqlite:///path."
    ),
    Setting(
        "compute",
        _TEXT,
        "processes",
        "Where heavy work runs: inline (in the process that asks), processes (one for each core), "
        "processes:N.",
    ),
    Setting(
        "host",
        _TEXT,
        "127.0.0.1",
        "The address that the server listens on; any but loopback needs TLS or behind_proxy.",
    ),
    Setting("port", _number(0, 65535), "8100", "The port of the server; 0 takes a free one."),
    Setting(
        "tls_certificate",
        _PATH,
        None,
        "A PEM file with the server's certificate and those between it and the root.",
    ),
    Setting("tls_key", _PATH, None, "A PEM file with the private key of tls_certificate."),
    Setting(
        "behind_proxy",
        _BOOLEAN,
        "false",
        "Say that a proxy in front does TLS and that only it can reach the server.",
    ),
    Setting(
        "region",
        _pattern(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}", "a region such as us-east-1"),
        "us-east-1",
        "The AWS region that ARNs name. Requests may be signed for any.",
    ),
    Setting(
        "account",
        _pattern(r"[0-9]{12}", "12 digits"),
        "000000000000",
        "The AWS account number that this installation plays, as ARNs name it.",
    ),
    Setting(
        "import_roots",
        _LIST,
        "",
        "Folders below which imports may read and write. Empty: any folder while the server "
        "listens on loopback, and none otherwise.",
    ),
    Setting("max_body", _SIZE, "64 MiB", "The largest request body that the server takes."),
    Setting(
        "job_threads", _number(1, 64), "1", "How many jobs, such as imports, a server runs at once."
    ),
    Setting(
        "log_level",
        _pattern("debug|info|warning|error", "debug, info, warning or error"),
        "info",
        "The least serious messages that are logged.",
    ),
)


_NAMES: Final = tuple(setting.name for setting in SETTINGS)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each the source: flag, IRYO_NAME, the file's name, or default.

    `file` is the TOML file that was read, if there was one.
    """

    settings: Settings
    sources: Mapping[str, str]
    file: Path | None

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, value as one would write it, source; a password in a URL is masked."""
        return [(n, _show(getattr(self.settings, n)), self.sources[n]) for n in _NAMES]


def environment() -> Mapping[str, str]:
    """The environment of this process, to give to `load` or to a process that is started."""
    return os.environ


def load(flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None) -> Loaded:
    """Read all settings.

    Args:
        flags: by name of the setting, read or not; None is a flag that was not given.
        environ: the environment.
        file: a TOML file that must be there; without one, that of the variable IRYO_CONFIG; without
            that, ``iryo.toml`` in the home folder, if it is there.

    Raises:
        InvalidInput: an unknown setting or a value that cannot be one; names setting and source.
    """
    here = Place(Path.cwd(), Path(environ.get("HOME") or Path.home()))
    given = {name: value for name, value in flags.items() if value is not None}
    _check_known(given, "flag")
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE
    }
    _check_known(variables, "environment", shown=lambda name: PREFIX + name.upper())
    if file is None and (named := environ.get(CONFIG_VARIABLE)):
        file = _read_path(named, here)

    chosen = {} if file is None else _read_file(file, here)
    chosen |= {name: (text, PREFIX + name.upper(), here) for name, text in variables.items()}
    chosen |= {name: (value, "flag", here) for name, value in given.items()}
    data = environ.get("XDG_DATA_HOME", "")
    # XDG Base Directory Specification: a relative path there is to be ignored.
    default = f"{data}/iryo" if data.startswith("/") else SETTINGS[0].default
    home = _value(SETTINGS[0], chosen, default, here)
    if file is None and (found := Path(home) / FILE_NAME).is_file():
        file = found
        written = _read_file(file, here)
        if "home" in written:
            raise InvalidInput(
                f"found home in {file}, expected it as a flag, in IRYO_HOME or in a file given "
                "with --config: this file is looked for in the home folder",
                where="home",
            )
        chosen = written | chosen
    return _assemble(home, chosen, file, here)


def _assemble(home: Path, chosen: Written, file: Path | None, here: Place) -> Loaded:
    values: dict[str, Any] = {"home": home}
    for setting in SETTINGS[1:]:
        default = setting.default
        if default is not None:
            default = default.format(home=home, home_url=home.as_uri())
        values[setting.name] = _value(setting, chosen, default, here)
    settings = Settings(**values)
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InvalidInput(
            "found one of tls_certificate and tls_key, expected both or neither", where="tls_key"
        )
    sources = {name: chosen[name][1] if name in chosen else "default" for name in _NAMES}
    return Loaded(settings, sources, file)


def _value(setting: Setting, chosen: Written, default: str | None, here: Place) -> Any:
    raw, source, place = chosen.get(setting.name, (default, "default", here))
    if raw is None:
        return None
    try:
        return setting.kind.read(raw, place)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInput(
            f"setting {setting.name}, from {source}: "
            f"found {_show(raw)!r}, expected {setting.kind.expected}",
            where=setting.name,
        ) from None


def _read_file(file: Path, here: Place) -> Written:
    try:
        with file.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise InvalidInput(
            f"found no settings file that can be read at {file}: {error.strerror}", where="config"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"found in {file} what is not TOML: {error}", where="config") from error
    _check_known(content, str(file))
    place = Place(file.absolute().parent, here.user)
    return {name: (value, file.name, place) for name, value in content.items()}


def _check_known(
    names: Iterable[str], source: str, *, shown: Callable[[str], str] = lambda name: name
) -> None:
    for name in names:
        if name not in _NAMES:
            close = difflib.get_close_matches(name, _NAMES, n=1)
            known = f"one of {', '.join(_NAMES)}"
            hint = f"did you mean {shown(close[0])}?" if close else f"expected {known}"
            message = f"found the unknown setting {shown(name)} ({source}); {hint}"
            raise InvalidInput(message, where=name)


def _show(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case tuple() | list():
            return ",".join(map(str, value))
        case _:
            return re.sub(r"(//[^:/@]*:).*@", r"\1***@", str(value))
