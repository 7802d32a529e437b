"""Audit messages: what each action becomes, as the schema of PS3.15 A.5.1 has it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iryo
from iryo.access import AuditEvent
from iryo.access.message_kinds import KINDS, kind_of
from iryo.access.messages import Reporter, Touched, message
from iryo.imaging.aws import OPERATIONS
from iryo.imaging.dicomweb.routes import ROUTES
from tests.access.audit_schema import check

REPORTER = Reporter("IRYO", "images.example.org", "4711")
EVENT = AuditEvent(
    at=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
    actor="IRYOABCDEFGH",
    action="medical-imaging:GetImageSet",
    resource="7f0c",
    scope="store1",
    source="192.0.2.7",
    outcome="allowed",
    request_id="r-1",
    detail={"frames": ["f1", "f2"], "until": "2026-01-02T03:05:00+00:00"},
)
TOUCHED = [Touched("1.2.3", "山田-1"), Touched("1.2.4", "山田-1")]


def told(event: AuditEvent, touched: list[Touched] = TOUCHED) -> ET.Element:
    written = message(event, touched, REPORTER)
    assert written is not None
    return check(written)


def ids(root: ET.Element) -> dict[str, list[str]]:
    """The meaning of an id's type -> the ids."""
    found: dict[str, list[str]] = {}
    for one in root.iter("ParticipantObjectIdentification"):
        kind = one.find("ParticipantObjectIDTypeCode")
        assert kind is not None
        found.setdefault(kind.attrib["originalText"], []).append(one.attrib["ParticipantObjectID"])
    return found


@pytest.mark.parametrize("action", [*KINDS, "RetrieveStudy", "SearchForStudies", "SomethingNew"])
@pytest.mark.parametrize("outcome", ["allowed", "refused", "denied", "failed"])
def test_each_action_becomes_a_message_of_the_schema(action: str, outcome: str) -> None:
    event = replace(EVENT, action=action, outcome=outcome)
    if kind_of(action) is None:
        assert message(event, TOUCHED, REPORTER) is None
        return
    root = told(event)
    head = root.find("EventIdentification")
    assert head is not None
    expected = {"allowed": "0", "refused": "4", "denied": "8", "failed": "8"}[outcome]
    assert head.attrib["EventOutcomeIndicator"] == expected
    assert head.attrib["EventDateTime"] == "2026-01-02T03:04:05.678Z"
    assert action in [one.attrib["csd-code"] for one in head.iter("EventTypeCode")]


def test_an_access_names_who_from_where_and_which_studies_of_whom() -> None:
    root = told(EVENT)
    found = root.find("EventIdentification/EventID")
    assert found is not None
    assert found.attrib == {
        "csd-code": "110103",
        "codeSystemName": "DCM",
        "originalText": "DICOM Instances Accessed",
    }
    who = next(root.iter("ActiveParticipant"))
    assert who.attrib == {
        "UserID": "IRYOABCDEFGH",
        "UserIsRequestor": "true",
        "NetworkAccessPointID": "192.0.2.7",
        "NetworkAccessPointTypeCode": "2",
    }
    assert ids(root) == {
        "Study Instance UID": ["1.2.3", "1.2.4"],
        "Patient Number": ["山田-1"],
        "Resource": ["7f0c"],
    }


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("StoreInstances", [("IRYOABCDEFGH", "Source Role ID"), ("IRYO", "Destination Role ID")]),
        ("RetrieveStudy", [("IRYO", "Source Role ID"), ("IRYOABCDEFGH", "Destination Role ID")]),
        ("C-FIND", [("IRYOABCDEFGH", "Source Role ID"), ("IRYO", "Destination Role ID")]),
        ("ApplicationStart", [("IRYO", "Application"), ("IRYOABCDEFGH", "Application Launcher")]),
    ],
)
def test_who_sends_and_who_receives(action: str, roles: list[tuple[str, str]]) -> None:
    found = []
    for one in told(replace(EVENT, action=action)).iter("ActiveParticipant"):
        role = one.find("RoleIDCode")
        assert role is not None
        found.append((one.attrib["UserID"], role.attrib["originalText"]))
    assert found == roles


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("SignIn", "Login"),
        ("UnlockSession", "Login"),
        ("LockSession", "Logout"),
        ("SignOut", "Logout"),
    ],
)
def test_who_signs_in_and_out_is_told_of(action: str, kind: str) -> None:
    root = told(replace(EVENT, action=action, actor="user-abc", resource="user-abc"), [])
    head = root.find("EventIdentification")
    assert head is not None
    texts = [one.attrib["originalText"] for one in head]
    assert texts == ["User Authentication", kind, action]
    assert next(root.iter("ActiveParticipant")).attrib["UserID"] == "user-abc"
    assert ids(root) == {}  # the event has no object (A.5.3.12)


def test_an_application_entity_is_named_as_one() -> None:
    who = told(replace(EVENT, action="C-STORE", actor="CT1")).find("ActiveParticipant")
    assert who is not None
    assert who.attrib["AlternativeUserID"] == "AETITLES=CT1"


def test_without_a_patient_the_object_says_so() -> None:
    assert ids(told(EVENT, [Touched("1.2.3", None)]))["Patient Number"] == ["unknown"]
    assert "Study Instance UID" not in ids(told(EVENT, []))


def test_the_table_knows_every_action_of_the_code() -> None:
    source = Path(iryo.__file__).parent
    text = "".join(path.read_text() for path in source.rglob("*.py"))
    programs = set(re.findall(r'"(cli:[a-z][a-z.-]*)"', text))
    operations = {f"medical-imaging:{name}" for name in OPERATIONS}
    routes = {route.action for route in ROUTES}
    assert programs | operations <= set(KINDS)
    new = kind_of("SomethingNew")
    assert [one for one in routes if kind_of(one) == new] == []
    assert len(programs) > 40


@given(st.text(), st.text(), st.text(), st.text(min_size=1))
def test_no_text_breaks_the_message(actor: str, resource: str, patient: str, name: str) -> None:
    event = replace(EVENT, actor=actor, resource=resource, detail={name: name})
    told(event, [Touched(resource, patient)])
