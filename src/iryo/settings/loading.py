"""Reading settings: flags, environment, file, defaults. No other module knows the environment."""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from iryo.errors import InvalidInput
from iryo.settings.kinds import Place, read_path
from iryo.settings.table import PREFIX, SETTINGS, Setting, Settings

__all__ = ["Loaded", "environment", "load"]

FILE_NAME: Final = "iryo.toml"
CONFIG_VARIABLE: Final = "IRYO_CONFIG"

Written = dict[str, tuple[object, str, Place]]  # by name: the value, its source, its place


_PAIRS: Final = (
    ("tls_certificate", "tls_key"),
    ("s3_access_key_id", "s3_secret_access_key"),
)  # settings of which one makes no sense without the other
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
        return [
            (s.name, s.show(getattr(self.settings, s.name)), self.sources[s.name]) for s in SETTINGS
        ]


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
        file = read_path(named, here)

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
    for one, other in _PAIRS:
        if (getattr(settings, one) is None) != (getattr(settings, other) is None):
            raise InvalidInput(
                f"found one of {one} and {other}, expected both or neither", where=other
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
            f"found {setting.show(raw)!r}, expected {setting.kind.expected}",
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
