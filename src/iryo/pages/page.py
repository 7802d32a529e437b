"""The table of pages: what is at which address, who may see it, and what a room brings."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from iryo.access import Role
from iryo.errors import InvalidInput, NotFound
from iryo.wire.http import Response

if TYPE_CHECKING:
    from iryo.pages.visit import Visit

__all__ = ["Furniture", "Page", "Place", "Table"]

FORM_BYTES: Final = 64 << 10
_NAME: Final = re.compile(r"\{(\w+(?:\.\.\.)?)\}")
_LONGEST: Final = 256  # characters of one part of a path


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or what a form or a script of a page asks for.

    Attributes:
        method: GET (HEAD is answered as well), POST, PUT or DELETE.
        template: its path, with a name in braces for each part that varies. What is called
            ``{datastore}`` is the name or the id of a data store: the role is asked for there. What
            ends in dots, ``{path...}``, is all the rest of the path.
        answer: makes the answer, in a thread.
        action: what the audit log calls it; None: it shows nothing of a patient, leaves no row.
        role: what it takes; None: anybody who has signed in.
        open: no session is needed.
        locked: it is answered while the session is locked, too.
        use: whether asking for it shows that somebody is there; False where a page asks by itself.
        most: bytes that a body may have.
    """

    method: str
    template: str
    answer: "Callable[[Visit], Response]"
    action: str | None = None
    role: Role | None = None
    open: bool = False
    locked: bool = False
    use: bool = True
    most: int = FORM_BYTES

    @property
    def pattern(self) -> re.Pattern[str]:
        """Of the path, percent-encoded; its groups are the parts that vary."""
        parts = _NAME.split(self.template)
        texts = [
            (f"(?P<{part[:-3]}>.*)" if part.endswith("...") else f"(?P<{part}>[^/]+)")
            if number % 2
            else re.escape(part)
            for number, part in enumerate(parts)
        ]
        return re.compile("".join(texts))


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation.

    Attributes:
        label: English; the key of its translation.
        path: where it leads.
        icon: the name of one of the icons in ``icons.html``.
        key: what is typed after ``g`` to go there.
        role: who sees it; None: anybody who has signed in.
        section: under which heading it stands; empty: above all headings.
    """

    label: str
    path: str
    icon: str
    key: str
    role: Role | None = None
    section: str = ""


@dataclass(frozen=True)
class Furniture:
    """What a room brings into the shell.

    Attributes:
        name: by which its templates are called: ``imaging/studies.html``.
        templates: the folder of its templates.
        locale: the folder of its catalogues, one ``{language}.po`` each.
        pages: what it answers.
        places: what it adds to the navigation.
    """

    name: str
    templates: Path
    locale: Path
    pages: tuple[Page, ...]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and the parts of the path that vary, decoded."""

    page: Page
    path: dict[str, str] = field(default_factory=dict)


class Table:
    """All pages, by path. Literal paths come before those with parts that vary."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._literal: dict[str, dict[str, Page]] = {}
        self._varying: list[tuple[re.Pattern[str], Page]] = []
        for page in pages:
            if "{" in page.template:
                self._varying.append((page.pattern, page))
            else:
                self._literal.setdefault(page.template, {})[page.method] = page

    def owns(self, path: str, method: str) -> bool:
        """Whether a path is of a page. ``/`` is shared: what is sent there is of other doors."""
        if path == "/":
            return method in {"GET", "HEAD"}
        return path in self._literal or any(one.fullmatch(path) for one, _ in self._varying)

    def find(self, path: str, method: str) -> Found | frozenset[str]:
        """The page; or the methods that this path does take.

        Raises:
            NotFound: no page has this path.
            InvalidInput: a part of the path is too long, or is no UTF-8.
        """
        method = "GET" if method == "HEAD" else method
        literal = self._literal.get(path)
        if literal is not None:
            page = literal.get(method)
            return Found(page) if page is not None else frozenset(literal)
        allowed: set[str] = set()
        for pattern, page in self._varying:
            fitting = pattern.fullmatch(path)
            if fitting is None:
                continue
            if page.method == method:
                return Found(
                    page, {name: _part(text) for name, text in fitting.groupdict().items()}
                )
            allowed.add(page.method)
        if not allowed:
            raise NotFound("found no page at this address")
        return frozenset(allowed)


def _part(text: str) -> str:
    try:
        part = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput("found a path that is not UTF-8") from None
    if len(part) > _LONGEST or not part.isprintable():
        raise InvalidInput(
            f"found a part of a path of {len(part)} characters, expected at most {_LONGEST} visible"
        )
    return part
