"""AWS operations by name: what there is, what each takes, and the call itself."""

import base64
import html
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import orjson
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from iryo.cli.shell import Shell
from iryo.errors import InvalidInput, IryoError, NotFound
from iryo.imaging import aws as imaging_aws
from iryo.wire.aws import AwsError, ServiceTable
from iryo.wire.aws.constraints import Faults
from iryo.wire.aws.errors import choose, kind_of
from iryo.wire.aws.inputs import InputShapes, Malformed

__all__ = [
    "Offered",
    "blob_member",
    "code_of",
    "described",
    "find",
    "operation_names",
    "printable",
    "read_input",
    "run",
    "services",
]

# Service -> its door. A new room with an AWS door takes its line here.
_OFFERS: Final[Mapping[str, Sequence[str]]] = {
    imaging_aws.SERVICE: sorted(imaging_aws.OPERATIONS),
}


@dataclass(frozen=True)
class Offered:
    """An operation that a room offers, with its model."""

    service: str
    name: str
    model: OperationModel
    known_errors: Mapping[str, Any]


def services() -> list[str]:
    """The services that can be called."""
    return sorted(_OFFERS)


def operation_names(service: str) -> list[str]:
    """The operations of a service.

    Raises:
        NotFound: no such service.
    """
    if service not in _OFFERS:
        near = get_close_matches(service, _OFFERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(services())}"
        raise NotFound(f"no service {service!r}; {hint}")
    return list(_OFFERS[service])


def find(service: str, text: str) -> Offered:
    """The operation called `text`: GetDatastore, get-datastore or get_datastore.

    Raises:
        NotFound: none; the message names what comes near.
    """
    names = operation_names(service)
    wanted = text.replace("-", "").replace("_", "").lower()
    by_folded = {name.lower(): name for name in names}
    if wanted not in by_folded:
        near = get_close_matches(wanted, by_folded, n=3, cutoff=0.5)
        hint = "did you mean " + " or ".join(by_folded[one] for one in near) + "?"
        raise NotFound(
            f"{service} has no operation {text!r}; "
            + (hint if near else f"`iryo call {service}` lists them")
        )
    name = by_folded[wanted]
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    errors = {shape.name: shape for shape in model.error_shapes}
    return Offered(service, name, model.operation_model(name), errors)


def blob_member(offered: Offered) -> str | None:
    """The member of the output that is the body as it is, such as imageFrameBlob."""
    shape = offered.model.output_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if shape is None or payload is None or shape.members[payload].type_name != "blob":
        return None
    return str(payload)


# ------------------------------------------------------------------------------------------ input


def read_input(offered: Offered, json_input: str | None, members: Sequence[str]) -> dict[str, Any]:
    """The input as JSON would carry it; `iryo call` fills in the tokens that boto3 would make.

    Raises:
        InvalidInput: it cannot be read.
    """
    shape = offered.model.input_shape
    known: Mapping[str, Any] = shape.members if shape is not None else {}
    given: dict[str, Any] = {}
    if json_input is not None:
        given = _json_object(json_input)
    for member in members:
        name, equals, text = member.partition("=")
        if not equals:
            raise InvalidInput(f"{member!r}: MEMBER=VALUE expected")
        if name not in known:
            raise InvalidInput(_unknown_member(offered, name, known))
        given[name] = _value(known[name], name, text)
    for name in given:
        if name not in known:
            raise InvalidInput(_unknown_member(offered, name, known))
    for name, member in known.items():
        if member.metadata.get("idempotencyToken"):
            given.setdefault(name, str(uuid.uuid4()))
    return given


def _unknown_member(offered: Offered, name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it takes: {', '.join(known) or 'nothing'}"
    return f"{offered.name} has no member {name!r}; {hint}"


def _json_object(text: str) -> dict[str, Any]:
    data = _file(text[1:]) if text.startswith("@") else text.encode()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            f"--json-input is no JSON: {error.msg} at position {error.pos}"
        ) from None
    if not isinstance(value, dict):
        raise InvalidInput("--json-input: a JSON object expected")
    return value


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {name}: {error.strerror}") from error


def _value(shape: Any, name: str, text: str) -> Any:
    """What stands behind MEMBER=, as JSON would carry it."""
    data = _file(text[1:]) if text.startswith("@") else None
    if shape.type_name == "blob":
        return base64.b64encode(text.encode() if data is None else data).decode()
    if data is not None:
        text = data.decode("utf-8", "replace")
    if shape.type_name in ("string", "timestamp"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidInput(f"{name}: a JSON {shape.type_name} expected") from None


def _as_sent(shape: Any, value: Any) -> Any:
    """What was given in botocore's names, as JSON would carry it.

    Names are those of the wire; ISO 8601 texts become the seconds that AWS's JSON has.
    """
    if shape.type_name == "timestamp" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {
            members[name].serialization.get("name", name): _as_sent(members[name], part)
            for name, part in value.items()
            if name in members
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_as_sent(shape.member, part) for part in value]
    return value


# ------------------------------------------------------------------------------------------- call


def run(shell: Shell, offered: Offered, given: dict[str, Any]) -> dict[str, Any]:
    """Check the input as the server would, and call.

    Raises:
        IryoError: as the operation; `code_of` gives its name at AWS.
    """
    table = _table(shell, offered.service)
    faults = Faults()
    shape = offered.model.input_shape
    checked: dict[str, Any] = {}
    if shape is not None:
        parse = InputShapes(table.patterns).parse(shape, "json")
        try:
            checked = parse(_as_sent(shape, given), None, faults)
        except Malformed as error:
            raise AwsError("SerializationException", str(error)) from error
        if faults.count:
            raise InvalidInput(faults.message())
    caller = shell.caller
    answer = table.operations[offered.name](caller, checked)
    return {name: value for name, value in answer.items() if value is not None}


def _table(shell: Shell, service: str) -> ServiceTable:
    tables = {imaging_aws.SERVICE: imaging_aws.service_table}
    return tables[service](shell.app.door)


def code_of(offered: Offered, error: IryoError) -> str:
    """What AWS calls this failure."""
    if isinstance(error, AwsError):
        return error.code
    declared = [shape.name for shape in offered.model.error_shapes]
    kind = kind_of(error)
    return choose(kind, declared, offered.known_errors) or kind.code


def printable(value: Any) -> Any:
    """An output as JSON: instants in ISO 8601, bytes in base64, absent members left out."""
    if isinstance(value, Mapping):
        return {name: printable(part) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    return value


# ------------------------------------------------------------------------------------------- help


def described(offered: Offered) -> str:
    """What an operation is for, takes and gives, as its model says."""
    lines = [f"{offered.service} {offered.name} ({xform_name(offered.name, '-')})", ""]
    lines += [_plain(offered.model.documentation), ""]
    for title, shape in (
        ("Input", offered.model.input_shape),
        ("Output", offered.model.output_shape),
    ):
        lines.append(f"{title}:")
        required = set(shape.required_members) if shape is not None else set()
        for name, member in (shape.members if shape is not None else {}).items():
            needed = ", required" if name in required else ""
            lines.append(f"  {name}  {_type(member)}{needed}")
            if text := _plain(member.documentation):
                lines.append(f"      {text}")
        lines.append("")
    names = ", ".join(shape.name for shape in offered.model.error_shapes)
    return "\n".join([*lines, f"Errors: {names}"])


def _type(shape: Any) -> str:
    if shape.type_name == "structure":
        return "{" + ", ".join(shape.members) + "}"
    if shape.type_name == "list":
        return f"[{_type(shape.member)}]"
    if shape.type_name == "map":
        return f"{{{shape.key.type_name}: {_type(shape.value)}}}"
    allowed = getattr(shape, "enum", None)
    return "|".join(allowed) if allowed else str(shape.type_name)


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup or "")).split())
