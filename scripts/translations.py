"""Bring the texts of pages into their catalogues: new ones empty, those that nobody says removed.

    .venv/bin/python scripts/translations.py

Then give each empty ``msgstr`` its translation: `tests/pages/test_translations.py` wants them all.
A text is, in templates, ``_("...")`` and ``ngettext(...)``; in Python ``visit.text("...")``,
``N_("...")`` and the label of a `Place`; in TypeScript ``text("...")``.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parent.parent
LANGUAGES: Final = ("ja",)
PARTS: Final = {
    "src/iryo/pages": ("web/shell",),
    "src/iryo/console": (),
    "src/iryo/imaging/web": ("web/viewer", "web/mpr", "web/studies", "web/import"),
}
"""Whose catalogue is in its folder ``locale``, and what of ``web/`` it translates as well."""

_SHELL: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
_METHODS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    ".html": ("jinja2.ext:babel_extract", _SHELL),
    ".py": ("python", {**_SHELL, "text": None, "plural": (1, 2), "Place": (1,)}),
    ".ts": ("javascript", {"text": None}),
}


def texts(part: str) -> Catalog:
    """All texts that a part says, without translations."""
    catalogue = Catalog()
    for path in _sources(part):
        method, keywords = _METHODS[path.suffix]
        options = {"silent": "false", "encoding": "utf-8", "parse_template_string": "false"}
        with path.open("rb") as file:
            for _, message, _, _ in extract(method, file, keywords, (), options):
                place = path.relative_to(ROOT).as_posix()
                if place.startswith("src/"):
                    place = place.removeprefix(f"{part}/")
                catalogue.add(message, locations=[(place, 0)])
    return catalogue


def _sources(part: str) -> Iterator[Path]:
    for folder in (part, *PARTS[part]):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in _METHODS and "static" not in path.parts:
                yield path


def updated(part: str, language: str) -> Catalog:
    """The catalogue of a part as it is, with what it lacks and without what nobody says."""
    found = ROOT / part / "locale" / f"{language}.po"
    known = Catalog(locale=language)
    if found.is_file():
        with found.open("rb") as file:
            known = read_po(file, locale=language)
    catalogue = Catalog(locale=language)
    for message in texts(part):
        if message.id:
            earlier = known.get(message.id)
            string = earlier.string if earlier is not None else None
            places = sorted({(place, 0) for place, _ in message.locations})
            catalogue.add(message.id, string, locations=places)
    return catalogue


def written(catalogue: Catalog) -> str:
    """The file of a catalogue."""
    file = BytesIO()
    write_po(file, catalogue, width=100, omit_header=True, sort_by_file=True, include_lineno=False)
    return file.getvalue().decode().lstrip("\n")


def main() -> int:
    """Update every catalogue; say what lacks a translation."""
    lacking = 0
    for part in PARTS:
        for language in LANGUAGES:
            catalogue = updated(part, language)
            path = ROOT / part / "locale" / f"{language}.po"
            path.parent.mkdir(exist_ok=True)
            path.write_text(written(catalogue), encoding="utf-8")
            for message in catalogue:
                if message.id and not all(_forms(message.string)):
                    lacking += 1
                    print(f"{path.relative_to(ROOT)}: {message.id!r} is not translated")
    return 1 if lacking else 0


def _forms(string: Any) -> tuple[str, ...]:
    return tuple(string) if isinstance(string, tuple | list) else (string,)


if __name__ == "__main__":
    sys.exit(main())
