"""Writers for whole shapes: Python values in, values that JSON or CBOR can hold out.

As `inputs`, compiled once. A member that the model does not know is a mistake of ours and raises
KeyError, so that it is seen in tests and not swallowed.
"""

from typing import Any

from iryo.wire.aws.values import TIMESTAMP_FORMATS, Notation, Writer, writer

__all__ = ["OutputShapes"]


class OutputShapes:
    """Compiles shapes of one service, each once for each notation."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Notation, str], Writer | None] = {}

    def write(self, shape: Any, notation: Notation) -> Writer | None:
        """The writer for `shape`; None when its values go out as they are."""
        form = ""
        if shape.type_name == "timestamp":
            form = shape.serialization.get("timestampFormat", TIMESTAMP_FORMATS[notation])
        key = (shape.name, notation, form)
        if key not in self._known:
            self._known[key] = lambda value: self._late(key, value)
            self._known[key] = self._compile(shape, notation, form)
        return self._known[key]

    def _late(self, key: tuple[str, Notation, str], value: Any) -> Any:
        write = self._known[key]
        return value if write is None else write(value)

    def _compile(self, shape: Any, notation: Notation, form: str) -> Writer | None:
        if shape.type_name == "structure":
            return None if shape.is_document_type else self.structure(shape, notation)
        if shape.type_name == "list":
            return _list_writer(self.write(shape.member, notation))
        if shape.type_name == "map":
            return _map_writer(self.write(shape.value, notation))
        return writer(shape.type_name, notation, form)

    def structure(
        self, shape: Any, notation: Notation, *, skip: frozenset[str] = frozenset()
    ) -> Writer:
        """The writer for a structure, without the members in `skip`, which travel elsewhere."""
        members = {
            name: (member.serialization.get("name", name), self.write(member, notation))
            for name, member in shape.members.items()
            if name not in skip
        }

        def write(value: Any) -> dict[str, Any]:
            out: dict[str, Any] = {}
            for name, item in value.items():
                if item is None or name in skip:
                    continue
                key, write_member = members[name]
                out[key] = item if write_member is None else write_member(item)
            return out

        return write


def _list_writer(write: Writer | None) -> Writer:
    if write is None:
        return list
    return lambda value: [write(item) for item in value]


def _map_writer(write: Writer | None) -> Writer:
    if write is None:
        return dict
    return lambda value: {key: write(item) for key, item in value.items()}
