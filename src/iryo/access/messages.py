"""Audit messages (PS3.15 A.5): what a row of the audit log says, in the XML of the schema of A.5.1.

Rows hold ids only. Which study and which patient an id stands for is asked of who knows it, for the
standard wants both named; a name is never sent, nor what a query asked for.
"""

import base64
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Final
from xml.etree import ElementTree as ET

from iryo.access.coalesce import FRAME, FRAMES, UNTIL
from iryo.access.message_kinds import (
    ACTIVITY,
    AUDIT_USED,
    DIMSE,
    QUERY,
    TRANSFERRED,
    USER,
    Kind,
    kind_of,
)
from iryo.access.model import AuditEvent

__all__ = ["Reporter", "Touched", "message"]

OWN: Final = "99IRYO"
"""Designates codes of our own: the actions, and the kinds of ids that no standard knows."""
UNKNOWN: Final = "unknown"
_STUDY_ROOT: Final = "1.2.840.10008.5.1.4.1.2.2.1"

_OUTCOMES: Final = {"allowed": "0", "refused": "4"}
_SERIOUS: Final = "8"
_DETAILS: Final = 40  # of an event, in one message

_DCM: Final = {
    "110150": "Application",
    "110151": "Application Launcher",
    "110152": "Destination Role ID",
    "110153": "Source Role ID",
    "110180": "Study Instance UID",
    "110181": "SOP Class UID",
}
_RFC: Final = {"2": "Patient Number", "12": "URI"}
# XML 1.0 has no place for these, not even escaped.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Touched:
    """What an id stood for."""

    study_uid: str
    patient_id: str | None
    """None: it must not be told, or is not known."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who tells: `name` is the application entity's title, `host` the machine's name."""

    name: str
    host: str
    process: str


def message(event: AuditEvent, touched: Iterable[Touched], reporter: Reporter) -> bytes | None:
    """The message of a row, as UTF-8; None: what it tells of is no matter of audit messages.

    Args:
        event: the row.
        touched: the studies that its resource stands for.
        reporter: who tells.
    """
    kind = kind_of(event.action)
    if kind is None:
        return None
    root = ET.Element("AuditMessage")
    _identify(root, kind, event)
    if kind.event == ACTIVITY:
        _reporter(root, reporter, "110150")
        _participant(root, event, "110151")
    elif kind.event == TRANSFERRED and not kind.inward:
        _reporter(root, reporter, "110153")
        _participant(root, event, "110152")
    elif kind.event in {TRANSFERRED, QUERY}:
        _participant(root, event, "110153")
        _reporter(root, reporter, "110152")
    else:
        _participant(root, event, None)
        _reporter(root, reporter, None)
    source = ET.SubElement(root, "AuditSourceIdentification", AuditSourceID=_text(reporter.name))
    ET.SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})
    if kind.event not in {ACTIVITY, USER}:
        _objects(root, kind, event, tuple(touched), reporter)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _identify(root: ET.Element, kind: Kind, event: AuditEvent) -> None:
    """EventIdentification: what happened, when, and what came of it (A.5.2)."""
    at = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=kind.act,
        EventDateTime=at,
        EventOutcomeIndicator=_OUTCOMES.get(event.outcome, _SERIOUS),
    )
    _code(found, "EventID", kind.event, kind.meaning, "DCM")
    if kind.type is not None:
        _code(found, "EventTypeCode", kind.type, kind.type_meaning, "DCM")
    _code(found, "EventTypeCode", event.action, event.action, OWN)
    if event.outcome != "allowed":
        ET.SubElement(found, "EventOutcomeDescription").text = _text(event.outcome)


def _participant(root: ET.Element, event: AuditEvent, role: str | None) -> None:
    """Who asked."""
    given = {"UserID": _text(event.actor), "UserIsRequestor": "true"}
    if event.action in DIMSE:
        given["AlternativeUserID"] = f"AETITLES={_text(event.actor)}"
    try:
        ipaddress.ip_address(event.source)
        given |= {"NetworkAccessPointID": event.source, "NetworkAccessPointTypeCode": "2"}
    except ValueError:
        pass  # the terminal, or no request at all
    _active(root, given, role)


def _reporter(root: ET.Element, reporter: Reporter, role: str | None) -> None:
    """This installation, which did it."""
    given = {
        "UserID": _text(reporter.name),
        "AlternativeUserID": _text(reporter.process),
        "UserIsRequestor": "false",
        "NetworkAccessPointID": _text(reporter.host),
        "NetworkAccessPointTypeCode": "1",
    }
    _active(root, given, role)


def _active(root: ET.Element, given: dict[str, str], role: str | None) -> None:
    found = ET.SubElement(root, "ActiveParticipant", given)
    if role is not None:
        _code(found, "RoleIDCode", role, _DCM[role], "DCM")


def _objects(
    root: ET.Element,
    kind: Kind,
    event: AuditEvent,
    touched: tuple[Touched, ...],
    reporter: Reporter,
) -> None:
    """ParticipantObjectIdentification: what it was done to."""
    if kind.event == AUDIT_USED:
        _object(root, _rfc("12"), f"iryo://{reporter.name}/audit", "2", "13", "Security Audit Log")
    elif kind.event == QUERY:
        # What was asked for may name a patient: the query is there, and empty.
        one = _object(root, _dcm("110181"), _STUDY_ROOT, "2", "3", None)
        ET.SubElement(one, "ParticipantObjectQuery").text = ""
    elif kind.images:
        for study in dict.fromkeys(one.study_uid for one in touched):
            _object(root, _dcm("110180"), study, "2", "3", study)
        patients = dict.fromkeys(one.patient_id for one in touched if one.patient_id is not None)
        for patient in patients or (UNKNOWN,):
            _object(root, _rfc("2"), patient, "1", "1", UNKNOWN)
    about = ("resource", "Resource", OWN)
    one = _object(root, about, event.resource or event.scope, "2", "4", event.scope)
    # What follows a name or a query in the schema.
    for name, value in _details(event):
        encoded = base64.b64encode(value.encode()).decode()
        ET.SubElement(one, "ParticipantObjectDetail", type=_text(name), value=encoded)


def _details(event: AuditEvent) -> list[tuple[str, str]]:
    """Numbers and ids that belong to the event; of frames only how many there were."""
    found = [("requestId", event.request_id)]
    for name, value in list(event.detail.items())[:_DETAILS]:
        if name == FRAMES and isinstance(value, list):
            found.append((FRAMES, str(len(value))))
        elif name in {FRAME, UNTIL} or not isinstance(value, list | dict):
            found.append((str(name), str(value)))
    return found


def _object(
    root: ET.Element,
    kind: tuple[str, str, str],
    identifier: str,
    type_code: str,
    role: str,
    name: str | None,
) -> ET.Element:
    found = ET.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_text(identifier),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _code(found, "ParticipantObjectIDTypeCode", *kind)
    if name is not None:  # the schema wants a name, or a query
        ET.SubElement(found, "ParticipantObjectName").text = _text(name)
    return found


def _dcm(code: str) -> tuple[str, str, str]:
    return code, _DCM[code], "DCM"


def _rfc(code: str) -> tuple[str, str, str]:
    return code, _RFC[code], "RFC-3881"


def _code(parent: ET.Element, name: str, code: str, meaning: str, scheme: str) -> None:
    ET.SubElement(
        parent,
        name,
        {"csd-code": _text(code), "codeSystemName": scheme, "originalText": _text(meaning)},
    )


def _text(value: str) -> str:
    return _NO_XML.sub("?", value)
