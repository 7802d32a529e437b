"""Readers for whole shapes: wire values in, checked Python values out.

Each shape is compiled once into a closure; nothing of the model is walked during a request. A value
of the wrong type raises `Malformed` (AWS: SerializationException); a value that breaks a constraint
is noted in `Faults`, so that all of them are told together, as AWS does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from iryo.wire.aws.constraints import NOT_NULL, ONE_MEMBER, Constraints, Faults, Path, path_text
from iryo.wire.aws.values import TIMESTAMP_FORMATS, Notation, Reader, Unreadable, reader

__all__ = ["InputShapes", "Malformed", "Parse"]

Parse = Callable[[Any, Path, Faults], Any]
"""(wire value, where it stands, faults) -> value."""

_DEEPEST = 100  # levels of a recursive shape or a document


class Malformed(Exception):
    """The input cannot be read; says where and what was expected."""

    def __init__(self, path: Path, expected: str) -> None:
        where = f" at '{path_text(path)}'" if path else ""
        super().__init__(f"{expected} expected{where}")


class InputShapes:
    """Compiles shapes of one service, each once for each notation.

    Args:
        patterns: shape name to a pattern that replaces the model's.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = patterns
        self._known: dict[tuple[str, Notation, str], Parse] = {}
        self._constraints: dict[str, Constraints] = {}

    def parse(self, shape: Any, notation: Notation) -> Parse:
        """The parser for `shape` as a member of a structure or the input itself."""
        # Traits of the member, not the shape, that change how it is read.
        key = (shape.name, notation, _timestamp_format(shape, notation))
        known = self._known.get(key)
        if known is None:
            # A shape within itself finds this in its place, until it is compiled.
            self._known[key] = self._late(key)
            known = self._known[key] = self._compile(shape, notation)
        return known

    def scalar(self, shape: Any, notation: Notation) -> tuple[Reader, Constraints] | None:
        """Reader and constraints of a shape that holds no other; None for one that does."""
        if shape.type_name in ("structure", "list", "map"):
            return None
        read = reader(shape.type_name, notation, _timestamp_format(shape, notation))
        return read, self.constraints(shape)

    def constraints(self, shape: Any) -> Constraints:
        """The constraints of `shape`, compiled once."""
        known = self._constraints.get(shape.name)
        if known is None:
            known = self._constraints[shape.name] = Constraints.of(shape, self._patterns)
        return known

    def _late(self, key: tuple[str, Notation, str]) -> Parse:
        def parse(raw: Any, path: Path, faults: Faults) -> Any:
            depth, above = 0, path
            while above is not None:
                depth, above = depth + 1, above[0]
            if depth > _DEEPEST:
                raise Malformed(None, f"at most {_DEEPEST} levels")
            return self._known[key](raw, path, faults)

        return parse

    def _compile(self, shape: Any, notation: Notation) -> Parse:
        if shape.type_name == "structure":
            if shape.is_document_type:
                return _parse_document
            return self._structure(shape, notation)
        if shape.type_name == "list":
            return self._list(shape, notation)
        if shape.type_name == "map":
            return self._map(shape, notation)
        return self._scalar(shape, notation)

    def _scalar(self, shape: Any, notation: Notation) -> Parse:
        read = reader(shape.type_name, notation, _timestamp_format(shape, notation))
        constraints = self.constraints(shape)
        fits, check = constraints.fits, constraints.check

        def parse_free(raw: Any, path: Path, faults: Faults) -> Any:  # noqa: ARG001
            try:
                return read(raw)
            except Unreadable as error:
                raise Malformed(path, str(error)) from None

        def parse(raw: Any, path: Path, faults: Faults) -> Any:
            value = parse_free(raw, path, faults)
            if not fits(value):
                check(value, path, faults)
            return value

        return parse if constraints.tests else parse_free

    def _structure(self, shape: Any, notation: Notation) -> Parse:
        members = {
            member.serialization.get("name", name): (name, self.parse(member, notation))
            for name, member in shape.members.items()
        }
        required = tuple(shape.required_members)
        union = bool(shape.is_tagged_union)
        find = members.get

        def parse(raw: Any, path: Path, faults: Faults) -> dict[str, Any]:
            if type(raw) is not dict:
                raise Malformed(path, "a structure")
            value: dict[str, Any] = {}
            for key, item in raw.items():
                member = find(key)
                # Unknown members are ignored, null is absence, as AWS has it.
                if member is not None and item is not None:
                    name, parse_member = member
                    value[name] = parse_member(item, (path, name), faults)
            for name in required:
                if name not in value:
                    faults.add((path, name), NOT_NULL)
            if union and len(value) != 1:
                faults.add(path, ONE_MEMBER)
            return value

        return parse

    def _list(self, shape: Any, notation: Notation) -> Parse:
        constraints = self.constraints(shape)
        parse_items = self._items(shape.member, notation)

        def parse(raw: Any, path: Path, faults: Faults) -> list[Any]:
            if type(raw) is not list:
                raise Malformed(path, "a list")
            constraints.check(raw, path, faults)
            return parse_items(raw, path, faults)

        return parse

    def _items(self, member: Any, notation: Notation) -> Callable[[Any, Path, Faults], list[Any]]:
        scalar = self.scalar(member, notation)
        if scalar is None:
            parse_item = self.parse(member, notation)

            def parse_each(raw: Any, path: Path, faults: Faults) -> list[Any]:
                found = []
                for index, item in enumerate(raw):
                    if item is None:
                        faults.add((path, index), NOT_NULL)
                    else:
                        found.append(parse_item(item, (path, index), faults))
                return found

            return parse_each

        read, constraints = scalar
        words = f"Member must satisfy constraint: {constraints.words()}"

        def read_each(raw: Any, path: Path, faults: Faults) -> list[Any]:
            try:
                found = [read(item) for item in raw if item is not None]
            except Unreadable as error:
                raise Malformed(path, f"a list with {error} in each place") from None
            if len(found) != len(raw):
                faults.add(path, f"Member must satisfy constraint: [{NOT_NULL}]")
            if constraints.tests and not all(map(constraints.fits, found)):
                faults.add(path, words)
            return found

        return read_each

    def _map(self, shape: Any, notation: Notation) -> Parse:
        constraints = self.constraints(shape)
        keys = self.constraints(shape.key)
        key_words = f"Map keys must satisfy constraint: {keys.words()}"
        values = self.scalar(shape.value, notation)
        value_words = f"Map value must satisfy constraint: {values[1].words()}" if values else ""
        parse_value = self.parse(shape.value, notation)

        def parse(raw: Any, path: Path, faults: Faults) -> dict[str, Any]:
            if type(raw) is not dict:
                raise Malformed(path, "a map")
            constraints.check(raw, path, faults)
            if keys.tests and not all(map(keys.fits, raw)):
                faults.add(path, key_words)
            # The key is the caller's word, so it does not stand in the path.
            inner = Faults() if values else faults
            found = {
                key: parse_value(item, (path, "member"), inner)
                for key, item in raw.items()
                if item is not None
            }
            if values and inner.count:
                faults.add(path, value_words)
            return found

        return parse


def _timestamp_format(shape: Any, notation: Notation) -> str:
    if shape.type_name != "timestamp":
        return ""
    return str(shape.serialization.get("timestampFormat", TIMESTAMP_FORMATS[notation]))


def _parse_document(raw: Any, path: Path, faults: Faults) -> Any:  # noqa: ARG001
    """A document is any JSON; only its depth is bounded, as those who read it may recurse."""
    level, depth = [raw], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise Malformed(path, f"at most {_DEEPEST} levels")
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return raw
