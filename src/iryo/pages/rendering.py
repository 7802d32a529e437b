"""Templates: Jinja2 that escapes everything and knows every name or fails."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from iryo.pages.languages import NAMES, Language, open_languages
from iryo.pages.page import Furniture
from iryo.pages.static_files import StaticFiles

__all__ = ["Templates"]

_HERE: Final = Path(__file__).parent


class Templates:
    """The templates of the shell and of all rooms, in every language.

    Args:
        rooms: whose templates are called ``{room}/{file}``.
        static: gives the names of scripts and styles.
    """

    def __init__(self, rooms: Iterable[Furniture], static: StaticFiles) -> None:
        self._rooms = tuple(rooms)
        self._static = static
        self._environments: dict[str, Environment] = {}

    @cached_property
    def languages(self) -> Mapping[str, Language]:
        """By tag."""
        return open_languages((_HERE / "locale", *(room.locale for room in self._rooms)))

    def render(self, language: Language, name: str, values: Mapping[str, Any]) -> str:
        """A template, filled in."""
        return self._environment(language).get_template(name).render(values)

    def _environment(self, language: Language) -> Environment:
        known = self._environments.get(language.tag)
        if known is None:
            known = self._environments[language.tag] = self._open(language)
        return known

    def _open(self, language: Language) -> Environment:
        rooms = {room.name: FileSystemLoader(room.templates) for room in self._rooms}
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(_HERE / "templates"), PrefixLoader(rooms)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
        )
        install: Callable[..., None] = environment.install_gettext_callables  # type: ignore[attr-defined]
        install(language.text, language.plural, newstyle=True)
        environment.globals.update(
            language=language,
            languages=NAMES,
            static=self._static.url,
            script=self._script,
        )
        return environment

    def _script(self, name: str) -> Markup:
        """The element that loads a module."""
        return Markup('<script type="module" src="{}"></script>').format(self._static.url(name))
