"""An installation that something is wrong with, and what the doctor says of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iryo.access import Role, create_key_file
from iryo.app import KEY_FILE, open_app, questions
from iryo.doctor import CHECKS, Case, Finding, examine
from iryo.settings import Settings, load


def settings_of(home: Path, **given: Any) -> Settings:
    """The settings of an installation; its server has a port that nobody looks at."""
    return load({"home": home, "compute": "inline", "port": 0, **given}, {}, None).settings


def installed(home: Path, **given: Any) -> Path:
    """A new installation with an access key."""
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    with open_app(settings_of(home, **given)) as app:
        app.access.create_key(name="somebody", role=Role.READER)
    return home


def found(home: Path, *names: str, **given: Any) -> list[Finding]:
    """What these checks say, or all."""
    return list(_found(settings_of(home, **given), names))


def _found(settings: Settings, names: tuple[str, ...]) -> Iterator[Finding]:
    checks = [check for check in CHECKS if not names or check.name in names]
    assert len(checks) == (len(names) or len(CHECKS)), names
    with Case(settings, questions()) as case:
        yield from examine(case, checks)


def one(home: Path, name: str, **given: Any) -> tuple[str, str, str]:
    """Level, found and advice of the only finding of one check."""
    (finding,) = found(home, name, **given)
    return finding.level.value, finding.found, finding.advice
