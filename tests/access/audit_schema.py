"""The schema of audit messages (PS3.15 A.5.1.1) as a table, and whether a message is as it says."""

import base64
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["check"]

_CODE: Final = ({"csd-code", "codeSystemName", "originalText"}, {"displayName"}, ())
_NUMBERS: Final = {str(number) for number in range(1, 27)}

# Element -> attributes that must be there, those that may be, and children in order with how often:
# "1" once, "?" perhaps, "*" any, "+" one or more. "a|b" is one of two.
_ELEMENTS: Final = {
    "AuditMessage": (
        set(),
        set(),
        (
            ("EventIdentification", "1"),
            ("ActiveParticipant", "+"),
            ("AuditSourceIdentification", "1"),
            ("ParticipantObjectIdentification", "*"),
        ),
    ),
    "EventIdentification": (
        {"EventDateTime", "EventOutcomeIndicator"},
        {"EventActionCode"},
        (("EventID", "1"), ("EventTypeCode", "*"), ("EventOutcomeDescription", "?")),
    ),
    "EventID": _CODE,
    "EventTypeCode": _CODE,
    "EventOutcomeDescription": (set(), set(), ()),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
        (("RoleIDCode", "*"), ("MediaIdentifier", "?")),
    ),
    "RoleIDCode": _CODE,
    "AuditSourceIdentification": (
        {"AuditSourceID"},
        {"AuditEnterpriseSiteID"},
        (("AuditSourceTypeCode", "*"),),
    ),
    "AuditSourceTypeCode": ({"csd-code"}, {"codeSystemName", "originalText"}, ()),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"},
        {
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        },
        (
            ("ParticipantObjectIDTypeCode", "1"),
            ("ParticipantObjectName|ParticipantObjectQuery", "1"),
            ("ParticipantObjectDetail", "*"),
        ),
    ),
    "ParticipantObjectIDTypeCode": _CODE,
    "ParticipantObjectName": (set(), set(), ()),
    "ParticipantObjectQuery": (set(), set(), ()),
    "ParticipantObjectDetail": ({"type", "value"}, set(), ()),
}
_VALUES: Final = {
    "EventActionCode": set("CRUDE"),
    "EventOutcomeIndicator": {"0", "4", "8", "12"},
    "UserIsRequestor": {"true", "false"},
    "NetworkAccessPointTypeCode": set("12345"),
    "ParticipantObjectTypeCode": set("1234"),
    "ParticipantObjectTypeCodeRole": _NUMBERS,
}


def check(written: bytes) -> ET.Element:
    """The message, if it is one; an AssertionError says what is wrong."""
    root = ET.fromstring(written)
    assert root.tag == "AuditMessage"
    _check(root)
    requestors = [one.get("UserIsRequestor") for one in root.iter("ActiveParticipant")]
    assert requestors.count("true") <= 1, "A.5.2: one at most"
    return root


def _check(element: ET.Element) -> None:
    required, allowed, order = _ELEMENTS[element.tag]
    found = set(element.attrib)
    assert required <= found, f"{element.tag} lacks {required - found}"
    assert found <= required | allowed, f"{element.tag} has {found - required - allowed}"
    for name, value in element.attrib.items():
        if name in _VALUES:
            assert value in _VALUES[name], f"{name}={value}"
    if "EventDateTime" in found:
        assert datetime.fromisoformat(element.attrib["EventDateTime"]).utcoffset() is not None
    if element.tag == "ParticipantObjectDetail":
        base64.b64decode(element.attrib["value"], validate=True)
    children = list(element)
    for names, often in order:
        count = 0
        while children and children[0].tag in names.split("|"):
            _check(children.pop(0))
            count += 1
        most = {"1": 1, "?": 1}.get(often, count)
        least = 1 if often in "1+" else 0
        assert least <= count <= most, f"{count} times {names} in {element.tag}"
    assert not children, f"{children[0].tag} is out of place in {element.tag}"
