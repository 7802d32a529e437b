"""Languages: which one a reader gets, and what each text is in it.

The English text is the key of its translation; catalogues are gettext's ``.po`` files, read as they
are. A language is offered if it is in `NAMES`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.messages.pofile import read_po

__all__ = ["ENGLISH", "NAMES", "Language", "choose", "open_languages"]

ENGLISH: Final = "en"
NAMES: Final[Mapping[str, str]] = MappingProxyType({"en": "English", "ja": "日本語"})
"""What is offered, each under its own name."""

_MOST_RANGES: Final = 20


@dataclass(frozen=True)
class Language:
    """One language, and what texts are in it."""

    tag: str
    texts: Mapping[str, tuple[str, ...]] = field(repr=False)
    scripts: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    """What TypeScript says, by the folder of ``web/`` in which it says it."""

    @property
    def locale(self) -> Locale:
        """By which dates and numbers are written."""
        return Locale.parse(self.tag)

    def text(self, english: str) -> str:
        """A text; itself where nobody has translated it."""
        return self.texts.get(english, (english,))[0]

    def plural(self, one: str, many: str, count: int) -> str:
        """The form for a count. Japanese has one form, English two."""
        forms = self.texts.get(one) or ((one, many) if self.tag == ENGLISH else (many,))
        return forms[0] if count == 1 or len(forms) == 1 else forms[1]


def open_languages(folders: Iterable[Path]) -> Mapping[str, Language]:
    """All languages that are offered, from the catalogues in these folders."""
    folders = tuple(folders)
    return MappingProxyType({tag: _read(tag, folders) for tag in NAMES})


def choose(languages: Mapping[str, Language], *wishes: str, accept: str = "") -> Language:
    """The first wish that is offered, else what Accept-Language prefers, else English.

    Args:
        languages: those that are offered.
        wishes: tags, the strongest first; empty: no wish.
        accept: RFC 9110 12.5.4, such as ``ja, en;q=0.5``.
    """
    for tag in (*wishes, *_accepted(accept)):
        found = languages.get(tag.partition("-")[0].lower())
        if found is not None:
            return found
    return languages[ENGLISH]


def _accepted(header: str) -> list[str]:
    weighed: list[tuple[float, int, str]] = []
    for number, one in enumerate(header.split(",")[:_MOST_RANGES]):
        tag, _, parameter = one.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if weight > 0:
            weighed.append((-weight, number, tag.strip()))
    return [tag for _, _, tag in sorted(weighed)]


def _read(tag: str, folders: tuple[Path, ...]) -> Language:
    texts: dict[str, tuple[str, ...]] = {}
    scripts: dict[str, dict[str, str]] = {}
    for folder in folders:
        path = folder / f"{tag}.po"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            catalogue = read_po(file, locale=tag)
        for message in catalogue:
            if not message.id or not message.string or message.fuzzy:
                continue
            plural = isinstance(message.id, list | tuple)
            key = message.id[0] if plural else message.id
            texts[str(key)] = tuple(message.string) if plural else (str(message.string),)
            for place, _ in message.locations:
                if place.startswith("web/"):
                    part = place.split("/")[1]
                    scripts.setdefault(part, {})[str(key)] = texts[str(key)][0]
    return Language(tag, MappingProxyType(texts), scripts)
