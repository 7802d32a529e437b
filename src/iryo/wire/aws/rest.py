"""rest-json: where each member stands in a request and a response.

After "AWS restJson1 protocol" and "HTTP bindings" of the Smithy specification, in the terms of
botocore's models (`location`: uri, querystring, header, headers, statusCode; `payload`).
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from iryo.wire.aws.bodies import read_json
from iryo.wire.aws.constraints import NOT_NULL, Faults
from iryo.wire.aws.headers import read_list, write_list
from iryo.wire.aws.inputs import InputShapes, Malformed, Parse
from iryo.wire.aws.outputs import OutputShapes
from iryo.wire.aws.routes import decode
from iryo.wire.aws.values import Notation, Writer

__all__ = ["RestInput", "RestOutput"]

Query = Mapping[str, list[str]]
Headers = Mapping[str, str]
_Text = Callable[[str, Faults], Any]


class RestInput:
    """Reads the input of one operation out of path, query, headers and body.

    Args:
        shape: the input shape, None when the operation takes nothing.
        labels: the names of the path's labels, in their order.
        shapes: the service's compiled shapes.
        constants: names in the query that belong to the path's template.
    """

    def __init__(
        self,
        shape: Any,
        labels: tuple[str, ...],
        shapes: InputShapes,
        constants: frozenset[str] = frozenset(),
    ) -> None:
        self._shapes = shapes
        members = {} if shape is None else shape.members
        self._required = () if shape is None else tuple(shape.required_members)
        placed: dict[str, dict[str, tuple[str, Any]]] = {}
        for name, member in members.items():
            location = member.serialization.get("location", "body")
            placed.setdefault(location, {})[member.serialization.get("name", name)] = (name, member)

        uri = placed.get("uri", {})
        self._labels = [(uri[label][0], self._text(*uri[label])) for label in labels]
        query = placed.get("querystring", {})
        self._query = [
            (key, name, self._query_value(name, member))
            for key, (name, member) in query.items()
            if member.type_name != "map"
        ]
        # A map takes every parameter that nobody else has.
        self._query_maps = [
            (name, member.value.type_name == "list", shapes.parse(member, "json"))
            for name, member in query.values()
            if member.type_name == "map"
        ]
        self._query_known = constants | {key for key, _, _ in self._query}
        self._headers = [
            (key.lower(), name, self._header(name, member))
            for key, (name, member) in placed.get("header", {}).items()
        ]
        self._prefixes = [
            (key.lower(), name, shapes.parse(member, "json"))
            for key, (name, member) in placed.get("headers", {}).items()
        ]
        payload = None if shape is None else shape.serialization.get("payload")
        self._payload = None if payload is None else self._payload_reader(payload, members[payload])
        self._body = (
            self._body_reader(placed["body"]) if payload is None and "body" in placed else None
        )

    def read(
        self, labels: list[str], query: Query, headers: Headers, body: bytes, faults: Faults
    ) -> dict[str, Any]:
        """The input, by botocore's member names.

        Raises:
            Malformed: something is of the wrong type.
        """
        value: dict[str, Any] = {}
        for (name, parse), raw in zip(self._labels, labels, strict=True):
            try:
                text = decode(raw)
            except UnicodeDecodeError:
                raise Malformed((None, name), "UTF-8") from None
            value[name] = parse(text, faults)
        if query:
            self._read_query(query, value, faults)
        for key, name, parse in self._headers:
            if key in headers:
                value[name] = parse(headers[key], faults)
        for prefix, name, parse_map in self._prefixes:
            found = {
                key[len(prefix) :]: text for key, text in headers.items() if key.startswith(prefix)
            }
            if found:
                value[name] = parse_map(found, (None, name), faults)
        if self._payload is not None:
            self._payload(body, value, faults)
        elif self._body is not None:
            self._body(body, value, faults)
        for name in self._required:
            if name not in value:
                faults.add((None, name), NOT_NULL)
        return value

    def _read_query(self, query: Query, value: dict[str, Any], faults: Faults) -> None:
        for key, name, parse in self._query:
            if key in query:
                value[name] = parse(query[key], faults)
        for name, lists, parse_map in self._query_maps:
            found = {
                key: texts if lists else texts[0]
                for key, texts in query.items()
                if key not in self._query_known and not key.startswith("X-Amz-")
            }
            if found:
                value[name] = parse_map(found, (None, name), faults)

    def _text(self, name: str, member: Any, notation: Notation = "text") -> _Text:
        parse, path = self._shapes.parse(member, notation), (None, name)
        return lambda raw, faults: parse(raw, path, faults)

    def _query_value(self, name: str, member: Any) -> Callable[[list[str], Faults], Any]:
        parse, path = self._shapes.parse(member, "text"), (None, name)
        if member.type_name == "list":
            return lambda raws, faults: parse(raws, path, faults)
        return lambda raws, faults: parse(raws[0], path, faults)

    def _header(self, name: str, member: Any) -> _Text:
        path = (None, name)
        if member.serialization.get("jsonvalue"):
            return lambda raw, _: _read_json_value(raw, name)
        if member.type_name == "list":
            parse = self._shapes.parse(member, "header")
            dates = member.member.type_name == "timestamp"
            return lambda raw, faults: parse(read_list(raw, dates=dates), path, faults)
        return self._text(name, member, "header")

    def _payload_reader(
        self, name: str, member: Any
    ) -> Callable[[bytes, dict[str, Any], Faults], None]:
        if member.type_name in ("blob", "string"):
            constraints = self._shapes.constraints(member)
            text = member.type_name == "string"

            def read_whole(body: bytes, value: dict[str, Any], faults: Faults) -> None:
                try:
                    value[name] = body.decode() if text else body
                except UnicodeDecodeError:
                    raise Malformed((None, name), "UTF-8") from None
                constraints.check(value[name], (None, name), faults)

            return read_whole
        parse, optional = self._shapes.parse(member, "json"), name not in self._required

        def read_member(body: bytes, value: dict[str, Any], faults: Faults) -> None:
            raw = read_json(body) if body else {}
            # Clients send {} for a payload that is not given; so absent and empty are one, and a
            # required one is there.
            if raw is not None and not (optional and raw == {}):
                value[name] = parse(raw, (None, name), faults)

        return read_member

    def _body_reader(
        self, members: dict[str, tuple[str, Any]]
    ) -> Callable[[bytes, dict[str, Any], Faults], None]:
        parsers: dict[str, tuple[str, Parse]] = {
            key: (name, self._shapes.parse(member, "json"))
            for key, (name, member) in members.items()
        }

        def read(body: bytes, value: dict[str, Any], faults: Faults) -> None:
            raw = read_json(body) if body else {}
            if type(raw) is not dict:
                raise Malformed(None, "a structure")
            for key, item in raw.items():
                parser = parsers.get(key)
                if parser is not None and item is not None:
                    name, parse = parser
                    value[name] = parse(item, (None, name), faults)

        return read


class RestOutput:
    """Writes the output of one operation, or an error shape, into status, headers and body.

    Args:
        shape: the output shape, None when there is none.
        shapes: the service's compiled shapes.
        status: the status when no member says it.
    """

    def __init__(self, shape: Any, shapes: OutputShapes, status: int) -> None:
        self._status = status
        members = {} if shape is None else shape.members
        self._headers: dict[str, tuple[str, Writer]] = {}
        self._prefixes: dict[str, str] = {}
        self._status_member: str | None = None
        for name, member in members.items():
            location, key = (
                member.serialization.get("location"),
                member.serialization.get("name", name),
            )
            if location == "header":
                self._headers[name] = (key, _header_writer(member, shapes))
            elif location == "headers":
                self._prefixes[name] = key
            elif location == "statusCode":
                self._status_member = name
        elsewhere = {*self._headers, *self._prefixes, self._status_member} - {None}
        self._payload = None if shape is None else shape.serialization.get("payload")
        self._raw = self._payload is not None and members[self._payload].type_name in (
            "blob",
            "string",
        )
        self._write: Writer | None = None
        if self._payload is not None:
            self._write = shapes.write(members[self._payload], "json")
        elif shape is not None and (not members or elsewhere != members.keys()):
            self._write = shapes.structure(shape, "json", skip=frozenset(map(str, elsewhere)))

    def write(
        self, output: Mapping[str, Any]
    ) -> tuple[int, list[tuple[str, str]], bytes | Iterable[bytes]]:
        """Status, headers and body for `output`."""
        status = self._status
        headers: list[tuple[str, str]] = []
        for name, (key, write) in self._headers.items():
            item = output.get(name)
            if item is not None:
                headers.append((key, _safe(write(item))))
        for name, prefix in self._prefixes.items():
            for key, item in (output.get(name) or {}).items():
                headers.append((_safe(prefix + key), _safe(item)))
        if self._status_member is not None:
            status = output.get(self._status_member) or status
        return status, headers, self._write_body(output, status, headers)

    def _write_body(
        self, output: Mapping[str, Any], status: int, headers: list[tuple[str, str]]
    ) -> bytes | Iterable[bytes]:
        if self._raw:
            return self._write_raw(output.get(str(self._payload)), headers)
        if (self._write is None and self._payload is None) or status == 204:
            return b""
        value: Any = output if self._payload is None else output.get(self._payload)
        headers.append(("Content-Type", "application/json"))
        if value is None:
            return b"{}"
        return orjson.dumps(value if self._write is None else self._write(value))

    def _write_raw(self, value: Any, headers: list[tuple[str, str]]) -> bytes | Iterable[bytes]:
        if not any(name.lower() == "content-type" for name, _ in headers):
            text = isinstance(value, str)
            headers.append(("Content-Type", "text/plain" if text else "application/octet-stream"))
        if value is None:
            return b""
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, bytearray | memoryview):
            return bytes(value)
        stream: bytes | Iterable[bytes] = value
        return stream


def _header_writer(shape: Any, shapes: OutputShapes) -> Writer:
    if shape.serialization.get("jsonvalue"):
        return lambda value: base64.b64encode(orjson.dumps(value)).decode()
    if shape.type_name == "list":
        write_item = _header_writer(shape.member, shapes)
        quoted = shape.member.type_name == "string"
        return lambda value: write_list([write_item(item) for item in value], quoted=quoted)
    return shapes.write(shape, "header") or str


def _read_json_value(raw: str, name: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(raw, validate=True))
    except ValueError:
        raise Malformed((None, name), "JSON in base64") from None


def _safe(text: str) -> str:
    """The header's name or value, when it cannot break out of its line."""
    if not all(" " <= each <= "~" or "\xa0" <= each <= "\xff" for each in text):
        raise ValueError("a character in a response header that may not stand there")
    return text
